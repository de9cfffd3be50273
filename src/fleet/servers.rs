//! Postgres, NATS and the blob store of a fleet: reached however long that takes.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bus::nats::{self, Nats, Scope};
use secrecy::SecretString;
use service::lifecycle::Policy;
use service::readiness::Condition;
use store::Store;
use store::postgres::{self, PostgresStore};

use super::base::Base;

/// Waits between tries: a server that starts beside us is met soon, one that is away is not hammered.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Connects to the database; `None` when told to stop first.
///
/// # Errors
/// When a setting is missing.
pub(super) async fn database(base: &Base) -> anyhow::Result<Option<Arc<dyn Store>>> {
    let config = postgres_config(base)?;
    let condition = base.readiness.condition("postgres");
    let connect = async || PostgresStore::connect(&config, base.clock.now()).await;
    let store = until_reached(base, condition, connect).await;
    Ok(store.map(|store| Arc::new(store) as Arc<dyn Store>))
}

/// The broker, kept connected for the life of the process.
///
/// # Errors
/// When a setting is missing or cannot be right.
pub(super) fn broker(base: &Base, scope: Scope) -> anyhow::Result<Nats> {
    let (nats, driver) = Nats::new(nats_config(base)?, scope)?;
    let condition = base.readiness.condition("nats");
    let stop = base.lifecycle.hard_stop();
    base.lifecycle.spawn_support("nats", Policy::Critical, async move {
        let report = move |problem: Option<&nats::Problem>| match problem {
            None => condition.ok(),
            Some(problem) => condition.degraded(chain(problem)),
        };
        Ok(driver.run(stop, report).await?)
    });
    Ok(nats)
}

fn postgres_config(base: &Base) -> anyhow::Result<postgres::Config> {
    let settings = &base.config.postgres;
    let url = settings.url.as_ref().context(
        "a fleet needs a database: set postgres.url (CLAWHOLD_POSTGRES_URL), for example postgres://user:password@host/clawhold",
    )?;
    Ok(postgres::Config {
        tls_ca_file: settings.ca_file.clone(),
        pool_size: settings.connections,
        ..postgres::Config::new(url.expose())
    })
}

pub(super) fn nats_config(base: &Base) -> anyhow::Result<nats::Config> {
    let settings = &base.config.nats;
    let url = settings.url.as_ref().context(
        "a fleet needs a broker: set nats.url (CLAWHOLD_NATS_URL), for example nats://user:password@host:4222",
    )?;
    let (urls, user) = addresses(url.expose());
    Ok(nats::Config {
        urls,
        login: login(settings, user)?,
        tls: nats::Tls {
            required: settings.ca_file.is_some() || settings.certificate_file.is_some(),
            ca_file: settings.ca_file.clone(),
            client: settings.certificate_file.clone().zip(settings.key_file.clone()),
        },
        prefix: settings.prefix.clone(),
        replicas: settings.replicas,
        max_bytes: Some(settings.max_mb * 1024 * 1024),
        monitoring_url: settings.monitoring_url.clone(),
        client_name: format!("clawhold {}", crate::config::host_name()),
    })
}

/// Takes user and password out of the addresses.
fn addresses(url: &str) -> (Vec<String>, Option<String>) {
    let mut found = None;
    let mut urls = Vec::new();
    for url in url.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        match rest.rsplit_once('@') {
            Some((user, host)) => {
                found.get_or_insert_with(|| user.to_owned());
                urls.push(format!("{scheme}://{host}"));
            }
            None => urls.push(format!("{scheme}://{rest}")),
        }
    }
    (urls, found)
}

fn login(settings: &crate::config::fleet::Nats, user: Option<String>) -> anyhow::Result<nats::Login> {
    let named = [&settings.nkey_file, &settings.credentials_file]
        .into_iter()
        .flatten()
        .count()
        + usize::from(user.is_some());
    if named > 1 {
        bail!("nats: choose one of a user in nats.url, nats.nkey_file and nats.credentials_file");
    }
    if let Some(file) = &settings.nkey_file {
        return Ok(nats::Login::NkeySeedFile(file.clone()));
    }
    if let Some(file) = &settings.credentials_file {
        return Ok(nats::Login::CredentialsFile(file.clone()));
    }
    Ok(
        match user.as_deref().map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => nats::Login::None,
            Some((token, "")) => nats::Login::Token(SecretString::from(token)),
            Some((user, password)) => nats::Login::Password {
                user: user.to_owned(),
                password: SecretString::from(password),
            },
        },
    )
}

/// Tries until it works or the service is told to stop. What is wrong is said once for each reason.
pub(super) async fn until_reached<T, E>(
    base: &Base,
    condition: Condition,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> Option<T>
where
    E: Error,
{
    let stop = base.lifecycle.soft_stop();
    let (mut wait, mut told) = (RETRY.0, String::new());
    loop {
        let error = match stop.run_until_cancelled(attempt()).await? {
            Ok(reached) => {
                condition.ok();
                return Some(reached);
            }
            Err(error) => chain(&error),
        };
        condition.degraded(error.as_str());
        if told != error {
            tracing::error!(reason = error, "not to be had yet; trying again");
            told = error;
        }
        let random = 0.75 + (service::random::fraction)() / 2.0;
        stop.run_until_cancelled(tokio::time::sleep(wait.mul_f64(random)))
            .await?;
        wait = (wait * 2).min(RETRY.1);
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_we_are_may_be_in_the_address() {
        let (urls, user) = addresses("nats://claw:pass:word@a:4222, tls://b");
        assert_eq!(urls, ["nats://a:4222", "tls://b"]);
        assert_eq!(user.as_deref(), Some("claw:pass:word"));
        let login = login(&crate::config::fleet::Nats::default(), user).unwrap();
        let nats::Login::Password { user, .. } = login else {
            panic!("{login:?}")
        };
        assert_eq!(user, "claw");
    }
}
