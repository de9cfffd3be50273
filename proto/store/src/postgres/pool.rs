//! The connections of a process, and how a call is made over one: bounded in time, tried again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

use super::config::{Config, Prepare, Target};
use super::failure::{Failure, Result as CallResult, Verdict};
use super::outage::Outage;
use super::transaction::{BEGIN, Tx};
use super::{ConnectError, connect, pooler, tls};
use crate::Result;

/// Connections that finding out about a pooler takes.
const CONNECTIONS_MIN: usize = 2;
/// How often a transaction that surely did not take effect is tried again within one call: deadlocks and serialization
/// failures end after one or two, and more broken connections than this in a row are an outage.
const TRIES_MAX: u32 = 5;
/// Wait before another try, times its number: lets the transaction pass that was in the way.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(5);
/// A connection that lay idle for longer is asked for a sign of life before it is used: its server may have gone without
/// a word. Below the time between heartbeats, so that they do not find out the slow way.
const TRUSTED_IDLE: Duration = Duration::from_secs(2);
/// How long that sign may take.
const SIGN_OF_LIFE_WITHIN: Duration = Duration::from_millis(500);

/// How long a call may take, all tries together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// A heartbeat: a late one is worth as little as none.
    Short,
    /// Everything a person or a turn waits for.
    Usual,
    /// Upkeep, which nobody waits for.
    Long,
}

/// The connections.
pub(super) struct Connections {
    pool: Pool,
    begin: Arc<str>,
    begin_patiently: Arc<str>,
    usual: Duration,
    prepare: bool,
    /// For people.
    pub(super) server: String,
    pub(super) database: String,
    target: Target,
}

impl Connections {
    /// Prepares the pool; connects to nothing yet.
    pub(super) fn new(config: &Config, target: Target) -> Result<Self, ConnectError> {
        let pool = pool(config, &target, None)?;
        let database = target
            .server
            .get_dbname()
            .or(target.server.get_user())
            .unwrap_or("postgres")
            .to_owned();
        let usual = config.statement_timeout;
        Ok(Self {
            pool,
            begin: begin(usual, config.prepare == Prepare::Always).into(),
            begin_patiently: begin(Patience::LONG, false).into(),
            // A statement that Postgres ends is a clear answer; this is for a server that does not answer.
            usual: usual + Duration::from_secs(1),
            prepare: config.prepare == Prepare::Always,
            server: target.name.clone(),
            database,
            target,
        })
    }

    /// Makes a call: `act` gets a transaction, and leaves it committed or has it rolled back.
    pub(super) async fn call<T, F, Fut>(&self, patience: Patience, act: F) -> Result<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = CallResult<T>>,
    {
        // Upkeep goes over many rows at once.
        let prepare = self.prepare && !matches!(patience, Patience::Long);
        let (limit, begin) = match patience {
            Patience::Short => (self.usual.min(Patience::SHORT), &self.begin),
            Patience::Usual => (self.usual, &self.begin),
            Patience::Long => (Patience::LONG + Duration::from_secs(1), &self.begin_patiently),
        };
        let tries = self.try_until_clear(begin, prepare, act);
        match timeout_at(Instant::now() + limit, tries).await {
            Ok(result) => result.map_err(|failure| failure.into_error(&self.server)),
            Err(_) => {
                // Who does not answer here will not answer the others either: the next calls connect anew.
                self.pool.retain(|_, _| false);
                Err(Outage::new(&self.server, format!("no answer within {limit:?}")).into())
            }
        }
    }

    async fn try_until_clear<T, F, Fut>(&self, begin: &Arc<str>, prepare: bool, act: F) -> CallResult<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = CallResult<T>>,
    {
        for tries in 1.. {
            let connection = self.pool.get().await.map_err(Failure::NoConnection)?;
            let tx = Tx::new(connection, Arc::clone(begin), prepare);
            let outcome = act(tx.clone()).await;
            let stage = tx.stage();
            tx.close(outcome.as_ref().err()).await;
            drop(tx);
            match outcome {
                Err(failure) if tries < TRIES_MAX && failure.judge(stage) == Verdict::TryAgain => {
                    if !failure.leaves_connection_usable() {
                        self.pool.retain(|connection, _| !connection.is_closed());
                    }
                    tracing::debug!(error = ?failure, tries, "a transaction that did not take effect is tried again");
                    tokio::time::sleep(TRY_AGAIN_AFTER * tries).await;
                }
                outcome => return outcome,
            }
        }
        unreachable!("the last try returns")
    }

    /// Keeps statements prepared from now on, and settings with them, if each connection is one session of the server.
    pub(super) async fn prepare_if_safe(&mut self, config: &Config) -> Result<(), ConnectError> {
        let found = pooler::is_between(&self.pool).await;
        if found.map_err(|failure| connect::classify_failure(&self.server, failure))? {
            tracing::info!(
                postgres = self.server,
                "a pooler is in between: statements are not kept prepared"
            );
            return Ok(());
        }
        let settings = settings("SET", config.statement_timeout, true).into();
        self.pool = pool(config, &self.target, Some(settings))?;
        (self.prepare, self.begin) = (true, BEGIN.into());
        Ok(())
    }

    /// A connection for the start, with reasons for people.
    pub(super) async fn first(&self) -> Result<Tx, ConnectError> {
        let connection = self.pool.get().await;
        let connection = connection.map_err(|error| connect::classify(&self.server, &self.database, &error))?;
        Ok(Tx::new(connection, Arc::clone(&self.begin_patiently), false))
    }
}

impl Patience {
    /// Well below the time for which a runner trusts itself, so that another try fits in.
    const SHORT: Duration = Duration::from_secs(2);
    const LONG: Duration = Duration::from_secs(60);
}

/// As [`BEGIN`], with the settings, where nobody knows whose session it is.
fn begin(limit: Duration, keeps_plans: bool) -> String {
    format!("{BEGIN}; {}", settings("SET LOCAL", limit, keeps_plans))
}

/// The time-outs end what a vanished process left open: without them its row locks would stay until TCP gives up, in hours.
///
/// A plan that is kept was made for the tables as they were: made when they were empty, it would read all of one later
/// (measured while indexing: 2 300 messages/s instead of 27 000). Everything here is found by an index, whatever the values: so
/// Postgres need not ask itself each time whether another plan were better for them.
fn settings(set: &str, limit: Duration, keeps_plans: bool) -> String {
    let limit = limit.as_millis();
    let (scan, plans) = if keeps_plans {
        ("off", "force_generic_plan")
    } else {
        ("on", "auto")
    };
    format!(
        "{set} statement_timeout = {limit}; {set} idle_in_transaction_session_timeout = {limit}; {set} enable_seqscan = {scan}; \
         {set} plan_cache_mode = {plans}"
    )
}

/// A pool that connects to nothing yet; `settings` are made in each new session.
fn pool(config: &Config, target: &Target, settings: Option<Arc<str>>) -> Result<Pool, ConnectError> {
    let manager_config = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let server = target.server.clone();
    let manager = if server.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(server, NoTls, manager_config)
    } else {
        let connector = tls::connector(target.verification, target.ca_file.as_deref())?;
        Manager::from_config(server, connector, manager_config)
    };
    Pool::builder(manager)
        .max_size(config.pool_size.max(CONNECTIONS_MIN))
        // The one used last first: its server process has everything at hand, and the others may be closed by whoever
        // closes idle ones.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .create_timeout(Some(config.connect_timeout))
        .post_create(Hook::async_fn(move |connection, _| {
            let settings = settings.clone();
            Box::pin(async move {
                match settings {
                    Some(settings) => connection.batch_execute(&settings).await.map_err(HookError::Backend),
                    None => Ok(()),
                }
            })
        }))
        .pre_recycle(Hook::async_fn(|connection, metrics| {
            Box::pin(async move {
                if metrics.last_used() < TRUSTED_IDLE {
                    return Ok(());
                }
                match timeout(SIGN_OF_LIFE_WITHIN, connection.simple_query("")).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(HookError::Backend(error)),
                    Err(_) => Err(HookError::message("no sign of life")),
                }
            })
        }))
        .build()
        .map_err(|error| ConnectError::Url(error.to_string()))
}
