//! Keeps the connection and the stream: connects, checks, and says what is wrong.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ClientError, Event, ServerError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::{Config, InvalidConfig, Scope};
use super::connect::{connect, servers};
use super::disk;
use super::hints::{self, HintCounts, NatsHints, Switchboard};
use super::ingress::{self, NatsIngress, Publisher};
use super::link::{LinkWriter, link};
use super::log::NatsLog;
use super::problem::Problem;
use super::stream::ensure;
use super::subjects::Subjects;

/// Wait between two tries while something is wrong that may pass by itself.
const RETRY: Duration = Duration::from_secs(1);
/// How often a stream that is fine is looked at all the same: somebody may have changed it.
const RECHECK: Duration = Duration::from_secs(60);
/// Time for one answer of JetStream's API; a meta leader is elected within some seconds.
const API_TIMEOUT: Duration = Duration::from_secs(5);

/// The bus over NATS. Cheap to clone; it works while its [`Driver`] runs.
#[derive(Clone)]
pub struct Nats {
    hints: Arc<NatsHints>,
    ingress: Arc<NatsIngress>,
    log: Arc<NatsLog>,
}

/// What keeps the bus going: run it as a task for the life of the process.
pub struct Driver {
    config: Config,
    scope: Scope,
    subjects: Subjects,
    link: LinkWriter,
    publisher: Publisher,
    switchboard: Switchboard,
}

impl Nats {
    /// A bus that is not connected yet.
    ///
    /// # Errors
    /// When the settings cannot be right; nothing is tried here.
    pub fn new(config: Config, scope: Scope) -> Result<(Self, Driver), InvalidConfig> {
        config.check()?;
        let subjects = Subjects::new(&config.prefix);
        let (writer, reader) = link();
        let (ingress, publisher) = ingress::pair(subjects.clone(), reader.clone());
        let (hints, switchboard) = hints::pair(subjects.clone(), reader.clone());
        let log = NatsLog::new(subjects.clone(), reader);
        let driver = Driver {
            config,
            scope,
            subjects,
            link: writer,
            publisher,
            switchboard,
        };
        let nats = Self {
            hints: Arc::new(hints),
            ingress: Arc::new(ingress),
            log: Arc::new(log),
        };
        Ok((nats, driver))
    }

    /// "Look now".
    pub fn hints(&self) -> Arc<NatsHints> {
        Arc::clone(&self.hints)
    }

    /// The way in.
    pub fn ingress(&self) -> Arc<NatsIngress> {
        Arc::clone(&self.ingress)
    }

    /// What was accepted, for the indexer.
    pub fn log(&self) -> Arc<NatsLog> {
        Arc::clone(&self.log)
    }

    /// What became of hints.
    pub fn hint_counts(&self) -> HintCounts {
        self.hints.counts()
    }
}

impl Driver {
    /// Runs until told to stop. `report` hears of every change: `None` is "all is well".
    ///
    /// # Errors
    /// A [`Problem::is_refusal`] found before all was well for the first time: this process must not serve on that server.
    /// Later ones are reported and may pass, since a fleet should not go down with a server's upgrade.
    pub async fn run(
        self,
        stop: CancellationToken,
        report: impl Fn(Option<&Problem>) + Send + Sync,
    ) -> Result<(), Problem> {
        let Self {
            config,
            scope,
            subjects,
            link,
            publisher,
            switchboard,
        } = self;
        let mut keeper = Keeper {
            config: &config,
            scope,
            subjects: &subjects,
            link: &link,
            report: &report,
            reported: None,
            was_well: false,
        };
        let result = tokio::select! {
            () = stop.cancelled() => Ok(()),
            refusal = keeper.keep() => Err(refusal),
            // Each ends when nobody holds its other side any more, as the way in of a service that takes nothing in. The
            // connection stays for those who do.
            never = async { tokio::join!(publisher.run(), switchboard.run()); pending().await } => never,
        };
        link.closed(result.as_ref().err().unwrap_or(&Problem::Stopping));
        result
    }
}

struct Keeper<'a, R> {
    config: &'a Config,
    scope: Scope,
    subjects: &'a Subjects,
    link: &'a LinkWriter,
    report: &'a R,
    /// What was said last.
    reported: Option<Option<Problem>>,
    was_well: bool,
}

impl<R: Fn(Option<&Problem>) + Send + Sync> Keeper<'_, R> {
    /// Connects again and again; returns only what this process must not run with.
    async fn keep(&mut self) -> Problem {
        loop {
            let problem = match connect(self.config).await {
                Ok((client, events)) => {
                    self.link.opened(client.clone());
                    let monitored = self.monitored();
                    futures::future::join(self.watch(client, events), monitored).await.0
                }
                Err(problem) => problem,
            };
            self.link.closed(&problem);
            if let Some(refusal) = self.refuses(&problem) {
                return refusal;
            }
            self.say(Some(&problem));
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Looks after one client; returns when another one must be made.
    async fn watch(&mut self, client: Client, mut events: mpsc::Receiver<Event>) -> Problem {
        let jetstream = ContextBuilder::new().timeout(API_TIMEOUT).build(client.clone());
        let mut connected = true;
        let mut forbidden = None;
        loop {
            let wait = if connected {
                match self.check(&client, &jetstream).await {
                    Ok(()) => RECHECK,
                    Err(problem) => {
                        // JetStream's silence has no reason; what the server said meanwhile has.
                        while let Ok(event) = events.try_recv() {
                            if let Some(over) = self.hear(&event, &mut connected, &mut forbidden) {
                                return over;
                            }
                        }
                        let problem = self.explained(problem, forbidden.take());
                        self.link.stream_down(&problem);
                        if self.refuses(&problem).is_some() {
                            return problem;
                        }
                        self.say(Some(&problem));
                        RETRY
                    }
                }
            } else {
                RECHECK
            };
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => if let Some(over) = self.hear(&event, &mut connected, &mut forbidden) {
                        return over;
                    },
                    None => return Problem::Lost { servers: servers(self.config) },
                },
                () = self.link.doubted() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes an event of the client; returns why another client must be made.
    fn hear(&mut self, event: &Event, connected: &mut bool, forbidden: &mut Option<String>) -> Option<Problem> {
        match event {
            Event::Disconnected => {
                *connected = false;
                let problem = Problem::Lost {
                    servers: servers(self.config),
                };
                self.link.down(&problem);
                self.say(Some(&problem));
            }
            Event::Connected => {
                *connected = true;
                self.link.reopened();
            }
            Event::SlowConsumer(_) => self.link.gap(),
            // The login changed: files and secrets are read anew for another client.
            event if !*connected && is_login(event) => {
                return Some(Problem::Login {
                    servers: servers(self.config),
                });
            }
            event => note(event, forbidden),
        }
        None
    }

    async fn check(&mut self, client: &Client, jetstream: &Context) -> Result<(), Problem> {
        if self.scope == Scope::Stream {
            let stream = ensure(client, jetstream, self.config, self.subjects).await?;
            self.link.stream_ready(stream);
        }
        self.was_well = true;
        self.say(None);
        Ok(())
    }

    /// Says what is known of the server's disk, beside everything else.
    fn monitored(&self) -> impl Future<Output = ()> + Send + use<R> {
        let url = self.config.monitoring_url.clone();
        let scope = self.scope;
        async move {
            if scope == Scope::Stream {
                disk::report(url.as_deref()).await;
            }
        }
    }

    fn explained(&self, problem: Problem, forbidden: Option<String>) -> Problem {
        match (problem, forbidden) {
            (Problem::JetStream { .. }, Some(cause)) => Problem::NotPermitted {
                cause,
                prefix: self.subjects.prefix().to_owned(),
            },
            (problem, _) => problem,
        }
    }

    fn refuses(&self, problem: &Problem) -> Option<Problem> {
        (problem.is_refusal() && !self.was_well).then(|| problem.clone())
    }

    /// Says each thing once.
    fn say(&mut self, problem: Option<&Problem>) {
        if self.reported.as_ref().is_some_and(|said| said.as_ref() == problem) {
            return;
        }
        match problem {
            None => tracing::info!(servers = servers(self.config), "NATS is ready"),
            Some(problem) => tracing::warn!(problem = %problem, "NATS cannot be used"),
        }
        (self.report)(problem);
        self.reported = Some(problem.cloned());
    }
}

fn note(event: &Event, forbidden: &mut Option<String>) {
    if let Event::ServerError(ServerError::Other(text)) = event
        && text.to_ascii_lowercase().contains("permissions violation")
    {
        tracing::warn!(
            nats.error = text,
            "the NATS server does not permit something; see the login's permissions"
        );
        *forbidden = Some(text.clone());
    }
}

fn is_login(event: &Event) -> bool {
    match event {
        Event::ClientError(ClientError::Other(text)) => {
            // The second: a file of the login that cannot be used any more.
            text.contains("authorization violation") || text.contains("failed signing nonce")
        }
        Event::ServerError(error) => *error == ServerError::AuthorizationViolation,
        _ => false,
    }
}
