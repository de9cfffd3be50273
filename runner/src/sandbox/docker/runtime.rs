//! [`SandboxRuntime`] on Docker.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;

use super::client::{Client, status};
use super::{exit, image, list, own, start, streams};
use crate::sandbox::{
    Found, ImageInfo, RuntimeError, RuntimeInfo, SandboxId, SandboxRuntime, SandboxSpec, SandboxState, Started,
    validate,
};

/// Docker Engine, seen by one install.
pub struct DockerRuntime {
    client: Arc<Client>,
    install: String,
}

impl DockerRuntime {
    /// For the engine at `unix:///path/to/socket` (`None`: Docker's usual place) and the sandboxes of `install`.
    /// Nothing is contacted yet.
    pub fn new(engine: Option<String>, install: impl Into<String>) -> Self {
        Self {
            client: Arc::new(Client::new(engine)),
            install: install.into(),
        }
    }

    /// A sandbox that reaches the engine is root on the host.
    fn refuse_engine_socket(&self, spec: &SandboxSpec) -> Result<(), RuntimeError> {
        let Some(socket) = self.client.socket().and_then(|socket| socket.canonicalize().ok()) else {
            return Ok(());
        };
        match spec.mounts.iter().find(|mount| socket.starts_with(&mount.source)) {
            Some(mount) => Err(RuntimeError::Refused(format!(
                "mount source {} holds the sandbox engine's socket",
                mount.source.display()
            ))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SandboxRuntime for DockerRuntime {
    async fn probe(&self) -> Result<RuntimeInfo, RuntimeError> {
        let docker = self.client.get().await?;
        let version = docker
            .version()
            .await
            .map_err(|error| self.client.explain("tell its version", &error))?;
        Ok(RuntimeInfo {
            engine: "docker",
            version: version.version.unwrap_or_default(),
        })
    }

    async fn image(&self, image: &str) -> Result<ImageInfo, RuntimeError> {
        let docker = self.client.get().await?;
        image::inspect(&self.client, &docker, image).await
    }

    async fn start(&self, spec: &SandboxSpec) -> Result<Started, RuntimeError> {
        if spec.labels.install != self.install {
            return Err(RuntimeError::Refused(format!(
                "sandbox of install {:?}",
                spec.labels.install
            )));
        }
        validate(spec)?;
        self.refuse_engine_socket(spec)?;
        let docker = self.client.get().await?;
        let running = start::start(&self.client, &docker, spec).await?;
        let (stdout, stderr) = streams::split(running.streams.output);
        Ok(Started {
            exit: exit::exit(self.client.clone(), running.id.clone()).boxed(),
            id: running.id,
            stdin: spec.interactive.then_some(running.streams.input),
            stdout: Box::pin(stdout),
            stderr: Box::pin(stderr),
        })
    }

    async fn list(&self) -> Result<Vec<Found>, RuntimeError> {
        let docker = self.client.get().await?;
        list::list(&self.client, &docker, &self.install).await
    }

    async fn kill(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        let docker = self.client.get().await?;
        match own::state(&self.client, &docker, &self.install, id).await? {
            Some(_) => own::remove(&self.client, &docker, id).await,
            None => Ok(()),
        }
    }

    async fn pause(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        let docker = self.client.get().await?;
        match own::state(&self.client, &docker, &self.install, id).await? {
            Some(SandboxState::Running) => match docker.pause_container(id.as_str()).await {
                Ok(()) => Ok(()),
                // It ended, went, or was paused between the look and the act: nothing of it runs.
                Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
                Err(error) => Err(self.client.explain("pause a sandbox", &error)),
            },
            Some(SandboxState::Created | SandboxState::Paused | SandboxState::Exited) | None => Ok(()),
        }
    }

    async fn resume(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        let docker = self.client.get().await?;
        match own::state(&self.client, &docker, &self.install, id).await? {
            Some(SandboxState::Running) => Ok(()),
            Some(SandboxState::Paused) => match docker.unpause_container(id.as_str()).await {
                Ok(()) => Ok(()),
                // The engine's word of its state lags behind what it has done.
                Err(error) => match own::state(&self.client, &docker, &self.install, id).await? {
                    Some(SandboxState::Running) => Ok(()),
                    _ => Err(self.client.explain("resume a sandbox", &error)),
                },
            },
            Some(SandboxState::Created | SandboxState::Exited) | None => Err(RuntimeError::Gone(id.clone())),
        }
    }
}
