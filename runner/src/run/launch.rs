//! Starts a sandbox for a run: directories, proxy, specification, container, link, first message.

use std::error::Error;
use std::sync::Arc;

use futures::future::BoxFuture;
use proto::ids::SessionId;
use proto::ipc::{Prompt, Start, StartGroup};
use proto::nanoclaw::{AvailableGroup, GroupsSnapshot};
use service::causes::with_causes;
use service::lifecycle::Policy;

use super::sandbox::Sandbox;
use super::{GroupRun, guard};
use crate::agent::{AgentLink, NanoClawLink, OwnLink, Stdio, Surroundings};
use crate::config::Proxy;
use crate::engine::Engine;
use crate::mailbox::{Layout, RunDir};
use crate::proxy::{Listen, ProxyAddress, ProxyHandle, RunToken};
use crate::sandbox::{Contract, Exit, ImageInfo, Mount, RuntimeError, SandboxId, SandboxLabels, SandboxSpec, Started};
use crate::workspace::{self, ProxyRoute, RunMounts, SpecParts};

/// Name under which an engine in a machine of its own reaches the host.
const HOST_NAME: &str = "host.docker.internal";

/// The host's tools that every group's agent is offered.
const TOOLS: [&str; 9] = [
    "send_message",
    "send_file",
    "react",
    "schedule_task",
    "list_tasks",
    "pause_task",
    "resume_task",
    "cancel_task",
    "update_task",
];

/// The parts of a sandbox that was started.
struct Launched {
    id: SandboxId,
    link: Box<dyn AgentLink>,
    exit: BoxFuture<'static, Exit>,
    proxy: ProxyHandle,
}

/// Why no sandbox runs.
pub(super) enum LaunchError {
    /// The container runtime or the image is not there: no fault of the message.
    RuntimeDown(String),
    /// The store of the group's files cannot be reached: no fault of the message, and no other group's trouble.
    FilesAway(String),
    /// Anything else: an attempt that failed.
    Failed(String),
}

impl GroupRun {
    /// Starts the sandbox with its first prompt.
    pub(super) async fn launch(&mut self, prompt: Prompt, session: Option<SessionId>) -> Result<Sandbox, LaunchError> {
        let engine = Arc::clone(&self.engine);
        let image = self.image(&engine).await?;
        let layout = match image.contract {
            Contract::Own => Layout::Own,
            Contract::NanoClaw => Layout::NanoClaw,
        };
        let fence = &self.claimed.fence;
        let run_dir = engine
            .run_dirs
            .create(&fence.group, fence.epoch, layout)
            .map_err(no_room("the run directory"))?;
        match self.launch_in(&engine, &image, &run_dir, prompt, session).await {
            Ok(Launched { id, link, exit, proxy }) => {
                let proxy = Arc::new(proxy);
                let guard = guard::watch(&engine, id.clone(), Arc::clone(&proxy), run_dir.heart());
                Ok(Sandbox {
                    id,
                    link,
                    exit,
                    exited: None,
                    proxy,
                    run_dir,
                    killed: None,
                    _guard: guard,
                })
            }
            Err(error) => {
                remove(run_dir).await;
                Err(error)
            }
        }
    }

    /// The group's own image, else the node's. A missing image of one group is that group's trouble, not the runtime's.
    async fn image(&mut self, engine: &Engine) -> Result<ImageInfo, LaunchError> {
        match self.claimed.group.settings.image.as_deref() {
            None => Ok(engine.runtime.image(&engine.settings.sandbox.image).await?),
            Some(own) => match engine.runtime.image(own).await {
                Err(error @ RuntimeError::NoSuchImage { .. }) => Err(LaunchError::Failed(error.to_string())),
                other => Ok(other?),
            },
        }
    }

    async fn launch_in(
        &mut self,
        engine: &Engine,
        image: &ImageInfo,
        run_dir: &RunDir,
        prompt: Prompt,
        session: Option<SessionId>,
    ) -> Result<Launched, LaunchError> {
        let token = RunToken::mint().map_err(no_room("the token of the run"))?;
        let proxy = open_proxy(engine, run_dir, token.clone())?;
        let surroundings = match run_dir.layout() {
            Layout::Own => None,
            Layout::NanoClaw => Some(self.surroundings(engine).await.map_err(failed("the snapshots"))?),
        };
        if self.claimed.group.is_main {
            write_view(engine).await;
        }
        let spec = self.spec(engine, image, run_dir, &token, &proxy)?;
        let Started {
            id,
            stdin,
            stdout,
            stderr,
            exit,
        } = start(engine, &spec).await?;
        // Until somebody can talk to it; the end of the attempt waits until a stray is dead.
        self.stray = Some(id.clone());
        let mut link = link_to(engine, run_dir, Stdio { stdin, stdout, stderr }, surroundings)?;
        let handed = link.start(self.start_message(prompt, session)).await;
        handed.map_err(failed("the first message to the agent"))?;
        self.stray = None;
        Ok(Launched { id, link, exit, proxy })
    }

    fn spec(
        &self,
        engine: &Engine,
        image: &ImageInfo,
        run_dir: &RunDir,
        token: &RunToken,
        proxy: &ProxyHandle,
    ) -> Result<SandboxSpec, LaunchError> {
        let (group, fence) = (&self.claimed.group, &self.claimed.fence);
        let prepared = engine
            .folders
            .prepare(group, &engine.settings.assistant_name, &engine.skills);
        let group_folders = prepared.map_err(failed("the group's directories"))?;
        let run = RunMounts::of(run_dir).map_err(failed("the run directory"))?;
        Ok(workspace::build_spec(SpecParts {
            labels: SandboxLabels {
                install: engine.settings.install.clone(),
                runner: fence.runner.clone(),
                incarnation: fence.incarnation,
                group: fence.group.clone(),
                epoch: fence.epoch,
            },
            group,
            image,
            sandbox: &engine.settings.sandbox,
            timezone: self.zone().name(),
            token: token.expose(),
            proxy: match proxy.address() {
                ProxyAddress::Socket => ProxyRoute::Socket,
                ProxyAddress::Tcp(address) => ProxyRoute::Tcp(format!("{HOST_NAME}:{}", address.port())),
            },
            folders: &engine.folders,
            group_folders: &group_folders,
            run: &run,
            extra_mounts: self.extra_mounts(engine),
        }))
    }

    fn extra_mounts(&self, engine: &Engine) -> Vec<Mount> {
        let group = &self.claimed.group;
        let checked = engine.mounts.check(&group.settings.additional_mounts, group.is_main);
        for refused in &checked.refused {
            tracing::warn!(group.id = %group.id, path = refused.host_path, reason = %refused.refusal, "an extra mount was refused");
        }
        checked.mounts
    }

    /// Shows an agent that reads snapshots how things are now (IPC-22, MCP-D3). A stale one harms nobody.
    pub(super) async fn refresh_snapshots(&mut self) {
        let reads = self
            .sandbox
            .as_ref()
            .is_some_and(|sandbox| sandbox.link.reads_snapshots());
        if !reads {
            return;
        }
        let shown = match self.surroundings(&Arc::clone(&self.engine)).await {
            Ok(around) => self
                .sandbox
                .as_mut()
                .map_or(Ok(()), |sandbox| sandbox.link.show(around)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "the snapshots could not be read anew");
                return;
            }
        };
        if let Err(error) = shown {
            tracing::warn!(error = &error as &dyn Error, "the snapshots could not be written anew");
        }
    }

    /// What NanoClaw's contract shows of the world (IPC-20, IPC-21); only main sees the chats.
    pub(super) async fn surroundings(&mut self, engine: &Engine) -> store::Result<Surroundings> {
        let chats = if self.claimed.group.is_main {
            engine.store.chats().await?
        } else {
            Vec::new()
        };
        let available = chats
            .into_iter()
            .filter(|chat| chat.is_group_chat)
            .map(|chat| AvailableGroup {
                name: chat.name.unwrap_or_else(|| chat.id.to_string()),
                jid: chat.id,
                last_activity: chat.last_seen_at,
                is_registered: chat.group.is_some(),
            });
        Ok(Surroundings {
            chat: self.reply_chat.clone(),
            tasks: self.task_snapshots().await?,
            groups: GroupsSnapshot {
                groups: available.collect(),
                last_sync: engine.clock.now(),
            },
        })
    }

    fn start_message(&self, prompt: Prompt, session_id: Option<SessionId>) -> Start {
        let (group, settings) = (&self.claimed.group, &self.engine.settings);
        let of_main = group.is_main.then_some("register_group");
        let tools = TOOLS.iter().copied().chain(of_main).map(str::to_owned).collect();
        Start {
            group: StartGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                is_main: group.is_main,
            },
            assistant_name: settings.assistant_name.clone(),
            timezone: self.zone().name().to_owned(),
            session_id,
            tools,
            model: group.settings.model.clone().or_else(|| settings.model.name.clone()),
            max_turns: settings.model.max_turns,
            max_budget_usd: settings.model.max_budget_usd,
            prompt,
        }
    }
}

fn link_to(
    engine: &Engine,
    run_dir: &RunDir,
    stdio: Stdio,
    surroundings: Option<Surroundings>,
) -> Result<Box<dyn AgentLink>, LaunchError> {
    Ok(match surroundings {
        None => Box::new(OwnLink::new(run_dir, &engine.watcher, stdio).map_err(failed("the link"))?),
        Some(around) => {
            Box::new(NanoClawLink::new(run_dir, &engine.watcher, stdio, around).map_err(failed("the link"))?)
        }
    })
}

fn open_proxy(engine: &Engine, run_dir: &RunDir, token: RunToken) -> Result<ProxyHandle, LaunchError> {
    let listen = match engine.settings.sandbox.proxy {
        Proxy::Socket => Listen::Socket(run_dir),
        Proxy::Tcp => Listen::Loopback,
    };
    let (proxy, serving) = engine
        .proxies
        .open(listen, token)
        .map_err(no_room("the credential proxy"))?;
    engine
        .lifecycle
        .spawn_support("credential proxy", Policy::BestEffort, async move {
            serving.await;
            Ok(())
        });
    Ok(proxy)
}

/// What a main group sees of the installation. Read-only and free of secrets; a stale one harms nobody.
async fn write_view(engine: &Engine) {
    let (groups, chats) = (engine.store.groups().await, engine.store.chats().await);
    if let (Ok(groups), Ok(chats)) = (groups, chats)
        && let Err(error) = workspace::write_view(&engine.folders, &engine.settings.assistant_name, &groups, &chats)
    {
        tracing::warn!(
            error = &error as &dyn Error,
            "the view of the installation could not be written"
        );
    }
}

/// Removes a run's directories; deleting may take long when the agent left much behind.
pub(super) async fn remove(run_dir: RunDir) {
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || run_dir.remove()).await {
        tracing::warn!(error = &error as &dyn Error, "a run directory could not be removed");
    }
}

/// Starts the container. An engine that answers and still does not start this one is not down: that is a failed attempt.
async fn start(engine: &Engine, spec: &SandboxSpec) -> Result<Started, LaunchError> {
    match engine.runtime.start(spec).await {
        Err(error @ RuntimeError::Unreachable { .. }) if engine.runtime.probe().await.is_ok() => {
            Err(LaunchError::Failed(error.to_string()))
        }
        other => Ok(other?),
    }
}

/// What this host lacks is no fault of the message: it waits, and no attempt is charged.
fn no_room<E: Error>(what: &'static str) -> impl FnOnce(E) -> LaunchError {
    move |error| LaunchError::RuntimeDown(format!("{what} cannot be made on this host: {}", chain(&error)))
}

pub(super) fn failed<E: Error>(what: &'static str) -> impl FnOnce(E) -> LaunchError {
    move |error| LaunchError::Failed(format!("{what} could not be made: {}", chain(&error)))
}

/// An error with all its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    with_causes(error.to_string(), error)
}

impl From<RuntimeError> for LaunchError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Unreachable { .. } | RuntimeError::NoSuchImage { .. } => Self::RuntimeDown(error.to_string()),
            RuntimeError::Refused(_) | RuntimeError::Gone(_) | RuntimeError::Failed { .. } => {
                Self::Failed(error.to_string())
            }
        }
    }
}
