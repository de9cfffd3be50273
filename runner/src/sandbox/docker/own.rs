//! Acts on containers that exist, each preceded by a look whether the container is ours (CR-D1).

use bollard::Docker;
use bollard::models::ContainerStateStatusEnum;
use bollard::query_parameters::{InspectContainerOptions, RemoveContainerOptionsBuilder};

use super::client::{Client, status};
use crate::sandbox::{RuntimeError, SandboxId, SandboxLabels, SandboxState, label};

/// State of a container of this install; `None` when it is gone.
pub(super) async fn state(
    client: &Client,
    docker: &Docker,
    install: &str,
    id: &SandboxId,
) -> Result<Option<SandboxState>, RuntimeError> {
    let found = match docker
        .inspect_container(id.as_str(), None::<InspectContainerOptions>)
        .await
    {
        Ok(found) => found,
        Err(error) if status(&error) == Some(404) => return Ok(None),
        Err(error) => return Err(client.explain("inspect a sandbox", &error)),
    };
    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
    if labels.get(label::INSTALL).map(String::as_str) != Some(install) {
        return Err(RuntimeError::Refused(format!(
            "container {id} does not belong to install {install:?}"
        )));
    }
    Ok(Some(match found.state.and_then(|state| state.status) {
        Some(ContainerStateStatusEnum::CREATED) => SandboxState::Created,
        Some(ContainerStateStatusEnum::PAUSED) => SandboxState::Paused,
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::RESTARTING) => SandboxState::Running,
        _ => SandboxState::Exited,
    }))
}

/// Kills and removes, with the anonymous volumes its image may have asked for.
pub(super) async fn remove(client: &Client, docker: &Docker, id: &SandboxId) -> Result<(), RuntimeError> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match docker.remove_container(id.as_str(), Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) => match status(&error) {
            Some(404) => Ok(()),
            // Somebody is removing it already; it is dead by then.
            Some(409) if error.to_string().contains("already in progress") => Ok(()),
            _ => Err(client.explain("remove a sandbox", &error)),
        },
    }
}

/// Removes the container of this name if it carries exactly these labels.
pub(super) async fn remove_named(
    client: &Client,
    docker: &Docker,
    name: &str,
    expected: &SandboxLabels,
) -> Result<(), RuntimeError> {
    let found = match docker.inspect_container(name, None::<InspectContainerOptions>).await {
        Ok(found) => found,
        Err(error) if status(&error) == Some(404) => return Ok(()),
        Err(error) => return Err(client.explain("inspect a sandbox", &error)),
    };
    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
    match (found.id, SandboxLabels::from_map(&labels)) {
        (Some(id), Ok(labels)) if labels == *expected => remove(client, docker, &SandboxId::new(id)).await,
        _ => Err(RuntimeError::Refused(format!(
            "container name {name} is taken by a container that is not ours"
        ))),
    }
}
