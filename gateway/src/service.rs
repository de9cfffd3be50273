//! Starts the gateway: everything that can fail at start is done before work begins, then loops and listeners run until
//! the hard stop, so that what runners still say while the node drains is delivered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use blobs::BlobStore;
use bus::{Hints, Ingress};
use chrono_tz::Tz;
use proto::ids::IdSource;
use proto::time::Clock;
use service::http::serve;
use service::lifecycle::{Lifecycle, Policy};
use service::random::Random;
use service::readiness::Readiness;
use store::Store;
use tokio::net::TcpListener;

use crate::api::{self, ControlApi};
use crate::channel::cli::clients::Clients;
use crate::channel::cli::{CliApi, CliChannel};
use crate::channel::webhook::{Hook, WebhookApi, WebhookChannel};
use crate::channel::{self, Channel, ChannelDeps, Inbound};
use crate::command::Commands;
use crate::config;
use crate::delivery::Tools;
use crate::delivery::account::{Account, Candidacy};
use crate::directory::Directory;
use crate::files::Files;
use crate::health::{Health, HealthRegistry};
use crate::http::{ControlSocket, bind_control_socket};
use crate::intake::{AllowlistFile, Attachments, Intake, Transcriber, Watched};
use crate::metrics::Metrics;
use crate::receiving::Notices;

/// Settings of the gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this gateway among those of the installation ([`config::Gateway`]).
    pub name: String,
    /// How it competes with the others for accounts.
    pub candidacy: Candidacy,
    /// Name of the assistant: gives the default trigger.
    pub assistant_name: String,
    /// Zone of groups that have none of their own.
    pub timezone: Tz,
    /// Where the control socket is.
    pub data_dir: PathBuf,
    /// Section `http`.
    pub http: config::Http,
    /// Section `channels`.
    pub channels: config::Channels,
    /// Section `security`; its path is absolute.
    pub security: config::Security,
}

/// What the gateway is given.
pub struct Deps {
    /// Rows.
    pub store: Arc<dyn Store>,
    /// The way into the inbox.
    pub ingress: Arc<dyn Ingress>,
    /// "Look now".
    pub hints: Arc<dyn Hints>,
    /// Where the files of messages lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Traces of messages that come without one.
    pub ids: Arc<dyn IdSource>,
    /// Jitter.
    pub random: Random,
    /// Where this gateway says how it is.
    pub readiness: Readiness,
    /// What [`Metrics::register`] gave.
    pub metrics: Metrics,
    /// What the process answers about itself (`service::http::router`).
    pub health: Router,
    /// Version of the binary.
    pub version: &'static str,
}

/// A gateway that serves. Keep it as long as the process lives: dropping it removes the control socket.
#[derive(Debug)]
pub struct Running {
    http: SocketAddr,
    socket: ControlSocket,
}

impl Running {
    /// Where HTTP is served; tells the port when the configured one was 0.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where the control API is served.
    pub fn socket(&self) -> &Path {
        self.socket.path()
    }
}

/// Binds the ports, checks the hooks, and starts everything.
///
/// # Errors
/// When a port or the socket cannot be bound, or a hook's settings cannot be served; nothing runs then.
pub async fn start(config: Config, deps: Deps, lifecycle: &Lifecycle) -> anyhow::Result<Running> {
    let hooks = hooks(&config.channels)?;
    let clients = Arc::new(Clients::default());
    let mut channels: Vec<Arc<dyn Channel>> =
        vec![Arc::new(CliChannel::new(config.name.clone(), Arc::clone(&clients)))];
    let files = Files::new(deps.blobs);
    for hook in hooks.values() {
        channels.push(Arc::new(WebhookChannel::new(
            Arc::clone(hook),
            files.clone(),
            Arc::clone(&deps.clock),
        )?));
    }
    let channel_deps = ChannelDeps {
        clock: Arc::clone(&deps.clock),
        ids: Arc::clone(&deps.ids),
        random: deps.random,
        hints: Arc::clone(&deps.hints),
        store: Arc::clone(&deps.store),
        files: files.clone(),
        assistant_name: config.assistant_name.clone(),
    };
    channels.extend(channel::build(&config.channels, &channel_deps)?);
    let transcriber = config.channels.transcription_url.as_deref().map(Transcriber::new);
    let transcriber = transcriber.transpose().context("channels.transcription_url")?;
    let listen = config.http.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}: free the port, or choose another with http.listen (CLAWHOLD_HTTP_LISTEN)")
    })?;
    let http = listener.local_addr().context("the listener has no address")?;
    let (control, socket) = bind_control_socket(&config.data_dir)?;

    let stop = lifecycle.hard_stop();
    let on_invalid = config.security.sender_allowlist_on_invalid.into();
    let directory = Arc::new(Directory::new(Arc::clone(&deps.store), Arc::clone(&deps.clock)));
    let commands = Commands {
        store: Arc::clone(&deps.store),
        hints: Arc::clone(&deps.hints),
        clock: Arc::clone(&deps.clock),
        ids: Arc::clone(&deps.ids),
        directory: Arc::clone(&directory),
        admins: config.security.admins,
        zone: config.timezone,
    };
    let pairings = commands.pairings();
    let taking = deps.readiness.part("intake".to_owned());
    let ingress: Arc<dyn Ingress> = Arc::new(Watched::new(deps.ingress, Arc::clone(&deps.clock), taking));
    let intake = Arc::new(Intake::new(
        Arc::clone(&directory),
        Arc::clone(&ingress),
        AllowlistFile::new(config.security.sender_allowlist, on_invalid),
        config.assistant_name,
        commands,
        deps.metrics.clone(),
        Attachments::new(files.clone(), Arc::clone(&deps.clock)).transcribing(transcriber),
        lifecycle.soft_stop(),
    ));
    let webhooks = WebhookApi {
        hooks: Arc::new(hooks),
        intake: Arc::clone(&intake),
        store: Arc::clone(&deps.store),
        files: files.clone(),
        hints: Arc::clone(&deps.hints),
        clock: Arc::clone(&deps.clock),
        stop: stop.clone(),
    };
    let cli = CliApi {
        gateway: config.name.clone(),
        intake: Arc::clone(&intake),
        directory: Arc::clone(&directory),
        store: Arc::clone(&deps.store),
        hints: Arc::clone(&deps.hints),
        clock: Arc::clone(&deps.clock),
        clients,
        stop: stop.clone(),
    };
    let accounts = HealthRegistry::default();
    let operator = ControlApi {
        gateway: config.name,
        directory: Arc::clone(&directory),
        store: Arc::clone(&deps.store),
        hints: Arc::clone(&deps.hints),
        ids: Arc::clone(&deps.ids),
        timezone: config.timezone,
        clock: Arc::clone(&deps.clock),
        readiness: deps.readiness.clone(),
        pairings,
        accounts: accounts.clone(),
        version: deps.version,
    };
    let inbound = |channel: &Arc<dyn Channel>| Inbound::new(Arc::clone(&intake), Arc::clone(channel));
    let routes = channels
        .iter()
        .map(|channel| Arc::clone(channel).routes(inbound(channel)))
        .fold(webhooks.router(), Router::merge);
    let public = deps.health.merge(routes).fallback(api::no_such_path);
    let private = operator.router().merge(cli.router()).fallback(api::no_such_path);
    let (stop_public, stop_private, stop_writing) = (stop.clone(), stop.clone(), stop.clone());
    lifecycle.spawn_support("http", Policy::Critical, async move {
        serve(listener, public, stop_public).await;
        Ok(())
    });
    lifecycle.spawn_support("control", Policy::Critical, async move {
        serve(control, private, stop_private).await;
        Ok(())
    });

    let metadata = Arc::clone(&directory);
    lifecycle.spawn_support("chat metadata", Policy::BestEffort, async move {
        stop_writing.run_until_cancelled(metadata.write_behind()).await;
        Ok(())
    });
    // A part: messages are taken without it, and what is said waits in the outbox.
    let delivering = deps.readiness.part("delivery".to_owned());
    let tools = Tools {
        store: deps.store,
        ingress,
        hints: deps.hints,
        clock: deps.clock,
        random: deps.random,
        metrics: deps.metrics,
    };
    let notices = Notices {
        store: Arc::clone(&tools.store),
        hints: Arc::clone(&tools.hints),
        clock: Arc::clone(&tools.clock),
        ids: deps.ids,
    };
    for channel in channels {
        let (name, account) = (channel.name(), channel.account());
        let part = deps.readiness.part(format!("account {name}:{account}"));
        let health = Health::new(name, account, Arc::clone(&tools.clock), part, tools.metrics.clone());
        let health = Arc::new(health);
        accounts.add(Arc::clone(&health));
        let account = Account {
            inbound: inbound(&channel),
            directory: Arc::clone(&directory),
            channel,
            candidacy: config.candidacy.clone(),
            tools: tools.clone(),
            health,
            notices: notices.clone(),
            ready: delivering.clone(),
        };
        let serving = account.serve(lifecycle.soft_stop(), stop.clone());
        lifecycle.spawn_support("delivery", Policy::Critical, async move {
            serving.await;
            Ok(())
        });
    }
    tracing::info!(http.listen = %http, socket = %socket.path().display(), "gateway serves");
    Ok(Running { http, socket })
}

fn hooks(channels: &config::Channels) -> anyhow::Result<BTreeMap<String, Arc<Hook>>> {
    let checked = channels.webhook.iter().map(|(name, settings)| {
        let hook = Hook::new(name, settings)?;
        Ok((name.clone(), Arc::new(hook)))
    });
    checked.collect()
}

#[cfg(test)]
mod tests;
