//! Finding the sandboxes of this install by their label.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::client::Client;
use crate::sandbox::{Found, RuntimeError, SandboxId, SandboxLabels, SandboxState, label};

pub(super) async fn list(client: &Client, docker: &Docker, install: &str) -> Result<Vec<Found>, RuntimeError> {
    let ours = HashMap::from([("label".to_owned(), vec![format!("{}={install}", label::INSTALL)])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&ours).build();
    let containers = docker
        .list_containers(Some(options))
        .await
        .map_err(|error| client.explain("list the sandboxes", &error))?;
    Ok(containers
        .into_iter()
        .filter_map(|container| read(container, install))
        .collect())
}

fn read(container: ContainerSummary, install: &str) -> Option<Found> {
    let id = SandboxId::new(container.id?);
    let labels = match SandboxLabels::from_map(&container.labels.unwrap_or_default()) {
        Ok(labels) if labels.install == install => labels,
        Ok(_) => return None,
        // Somebody else put our label on a container of theirs: better left than killed.
        Err(error) => {
            tracing::warn!(sandbox.id = %id, %error, "container with our install label left alone");
            return None;
        }
    };
    let state = match container.state? {
        ContainerSummaryStateEnum::CREATED => SandboxState::Created,
        ContainerSummaryStateEnum::RUNNING
        | ContainerSummaryStateEnum::RESTARTING
        | ContainerSummaryStateEnum::STOPPING => SandboxState::Running,
        ContainerSummaryStateEnum::PAUSED => SandboxState::Paused,
        ContainerSummaryStateEnum::EMPTY
        | ContainerSummaryStateEnum::EXITED
        | ContainerSummaryStateEnum::REMOVING
        | ContainerSummaryStateEnum::DEAD => SandboxState::Exited,
    };
    Some(Found { id, labels, state })
}
