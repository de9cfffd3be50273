//! Postgres, NATS and the blob store of a fleet: reached however long that takes.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bus::nats::{self, Nats, Scope};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use service::lifecycle::{Lifecycle, Policy};
use service::readiness::Condition;
use store::Store;
use store::postgres::{self, PostgresStore};

use super::base::Base;
use super::clocks;

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
    let store = until_reached(&base.lifecycle, condition, connect).await;
    Ok(store.map(|store| {
        let store = Arc::new(store);
        clocks::watch(base, Arc::clone(&store));
        store as Arc<dyn Store>
    }))
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
        prepare: settings.prepare,
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
        tls: tls(settings)?,
        prefix: settings.prefix.clone(),
        replicas: settings.replicas,
        max_bytes: Some(settings.max_mb * 1024 * 1024),
        monitoring_url: settings.monitoring_url.clone(),
        client_name: format!("clawhold {}", crate::config::host_name()),
    })
}

/// Takes user and password out of the addresses.
fn addresses(url: &str) -> (Vec<String>, Option<(String, String)>) {
    // Parts that are in an address with `%40` and the like; the name ends at the first `:` that stands there as itself.
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let decoded = |user: &str| match user.split_once(':') {
        Some((name, password)) => (decode(name), decode(password)),
        None => (decode(user), String::new()),
    };
    let mut found = None;
    let mut urls = Vec::new();
    for url in url.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        match rest.rsplit_once('@') {
            Some((user, host)) => {
                found.get_or_insert_with(|| decoded(user));
                urls.push(format!("{scheme}://{host}"));
            }
            None => urls.push(format!("{scheme}://{rest}")),
        }
    }
    (urls, found)
}

fn tls(settings: &crate::config::fleet::Nats) -> anyhow::Result<nats::Tls> {
    let client = match (&settings.certificate_file, &settings.key_file) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            bail!("nats.certificate_file and nats.key_file belong together: set both, or none of them")
        }
    };
    Ok(nats::Tls {
        required: settings.ca_file.is_some() || client.is_some(),
        ca_file: settings.ca_file.clone(),
        client,
    })
}

fn login(settings: &crate::config::fleet::Nats, user: Option<(String, String)>) -> anyhow::Result<nats::Login> {
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
    Ok(match user {
        None => nats::Login::None,
        Some((token, password)) if password.is_empty() => nats::Login::Token(SecretString::from(token)),
        Some((user, password)) => nats::Login::Password {
            user,
            password: SecretString::from(password),
        },
    })
}

/// Tries until it works or the service is told to stop. What is wrong is said once for each reason.
pub(super) async fn until_reached<T, E>(
    lifecycle: &Lifecycle,
    condition: Condition,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> Option<T>
where
    E: Error + Sync + 'static,
{
    let stop = lifecycle.soft_stop();
    let mut trying = Trying::new(condition);
    loop {
        match stop.run_until_cancelled(attempt()).await? {
            Ok(reached) => {
                trying.reached();
                return Some(reached);
            }
            Err(error) => stop.run_until_cancelled(trying.failed(&error)).await?,
        }
    }
}

/// Tries at something that may take long.
pub(super) struct Trying {
    condition: Condition,
    wait: Duration,
    told: String,
}

impl Trying {
    pub(super) fn new(condition: Condition) -> Self {
        Self {
            condition,
            wait: RETRY.0,
            told: String::new(),
        }
    }

    /// Says that it works.
    pub(super) fn reached(&mut self) {
        if !self.told.is_empty() {
            tracing::info!(reason = self.told, "what could not be had is there");
        }
        self.told.clear();
        self.wait = RETRY.0;
        self.condition.ok();
    }

    /// Says what is wrong, and waits until it is time to try again.
    pub(super) async fn failed(&mut self, error: &(dyn Error + Sync)) {
        let reason = chain(error);
        self.condition.degraded(reason.as_str());
        if self.told != reason {
            tracing::error!(reason, "not to be had now; trying again");
            self.told = reason;
        }
        let random = 0.75 + (service::random::fraction)() / 2.0;
        tokio::time::sleep(self.wait.mul_f64(random)).await;
        self.wait = (self.wait * 2).min(RETRY.1);
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
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let settings = |certificate: Option<&str>, key: Option<&str>| crate::config::fleet::Nats {
            certificate_file: certificate.map(Into::into),
            key_file: key.map(Into::into),
            ..crate::config::fleet::Nats::default()
        };
        assert!(tls(&settings(None, None)).unwrap().client.is_none());
        let both = tls(&settings(Some("/c.pem"), Some("/k.pem"))).unwrap();
        assert!(both.required && both.client.is_some());
        for half in [settings(Some("/c.pem"), None), settings(None, Some("/k.pem"))] {
            let error = tls(&half).unwrap_err().to_string();
            assert!(error.contains("nats.certificate_file and nats.key_file"), "{error}");
        }
    }

    #[test]
    fn who_we_are_may_be_in_the_address() {
        for (url, name, secret) in [
            ("nats://claw:pass:word@a:4222, tls://b", "claw", "pass:word"),
            ("nats://cl%40w:p%3Ass%2F%25%20%C3%BC@a:4222,tls://b", "cl@w", "p:ss/% ü"),
        ] {
            let (urls, user) = addresses(url);
            assert_eq!(urls, ["nats://a:4222", "tls://b"]);
            let login = login(&crate::config::fleet::Nats::default(), user).unwrap();
            let nats::Login::Password { user, password } = login else {
                panic!("{login:?}")
            };
            assert_eq!((user.as_str(), password.expose_secret()), (name, secret));
        }
    }
}
