//! Starting a container: create, attach, start. Attached first, so that its first byte has somebody to go to.

use bollard::Docker;
use bollard::container::AttachContainerResults;
use bollard::errors::Error;
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, StartContainerOptions};

use super::body::create_body;
use super::client::{Client, status};
use super::own;
use crate::sandbox::{RuntimeError, SandboxId, SandboxSpec};

/// A container that runs, with its raw streams.
pub(super) struct Running {
    pub(super) id: SandboxId,
    pub(super) streams: AttachContainerResults,
}

pub(super) async fn start(client: &Client, docker: &Docker, spec: &SandboxSpec) -> Result<Running, RuntimeError> {
    let id = create(client, docker, spec).await?;
    match attach_and_start(docker, spec, &id).await {
        Ok(streams) => Ok(Running { id, streams }),
        Err((action, error)) => {
            // What cannot be removed now is found by its label later.
            if let Err(error) = own::remove(client, docker, &id).await {
                tracing::warn!(sandbox.id = %id, %error, "sandbox that did not start was left behind");
            }
            Err(client.explain(action, &error))
        }
    }
}

async fn create(client: &Client, docker: &Docker, spec: &SandboxSpec) -> Result<SandboxId, RuntimeError> {
    let first = try_create(docker, spec).await;
    let created = match first {
        // The name says install, group, incarnation and epoch: this is what an earlier try of this very start left.
        Err(error) if status(&error) == Some(409) => {
            own::remove_named(client, docker, &spec.name, &spec.labels).await?;
            try_create(docker, spec).await
        }
        first => first,
    };
    match created {
        Ok(id) => Ok(id),
        Err(error) if status(&error) == Some(404) => Err(RuntimeError::NoSuchImage {
            image: spec.image.clone(),
        }),
        Err(error) => Err(client.explain("create a sandbox", &error)),
    }
}

async fn try_create(docker: &Docker, spec: &SandboxSpec) -> Result<SandboxId, Error> {
    let options = CreateContainerOptionsBuilder::default().name(&spec.name).build();
    let created = docker.create_container(Some(options), create_body(spec)).await?;
    for warning in created.warnings {
        tracing::warn!(sandbox.name = %spec.name, warning, "engine warns about a sandbox");
    }
    Ok(SandboxId::new(created.id))
}

async fn attach_and_start(
    docker: &Docker,
    spec: &SandboxSpec,
    id: &SandboxId,
) -> Result<AttachContainerResults, (&'static str, Error)> {
    let options = AttachContainerOptionsBuilder::default()
        .stream(true)
        .stdin(spec.interactive)
        .stdout(true)
        .stderr(true)
        .build();
    let streams = docker
        .attach_container(id.as_str(), Some(options))
        .await
        .map_err(|error| ("attach to a sandbox", error))?;
    docker
        .start_container(id.as_str(), None::<StartContainerOptions>)
        .await
        .map_err(|error| ("start a sandbox", error))?;
    Ok(streams)
}
