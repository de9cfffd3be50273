//! The container engine, seen from outside the node: what really runs.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};

/// A connection to the engine under test.
pub struct Engine {
    docker: Docker,
}

impl Engine {
    /// Connects as the node does.
    ///
    /// # Panics
    /// When no engine answers: a missing engine is a failure, not a reason to skip.
    pub async fn connect() -> Self {
        let docker = Docker::connect_with_defaults().unwrap().negotiate_version().await;
        let docker = docker.expect("no container engine answers: script/test starts one (script/setup does, too)");
        Self { docker }
    }

    /// All containers of an installation, running or not.
    pub async fn sandboxes(&self, install: &str) -> Vec<ContainerSummary> {
        let label = format!("dev.clawhold.install={install}");
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptions {
            all: true,
            filters: Some(filters),
            ..Default::default()
        };
        self.docker.list_containers(Some(options)).await.unwrap()
    }

    /// Removes what is left of an installation.
    pub async fn clean(&self, install: &str) {
        for container in self.sandboxes(install).await {
            let options = RemoveContainerOptions {
                force: true,
                ..Default::default()
            };
            // Gone already is as good.
            let _ = self
                .docker
                .remove_container(&container.id.unwrap(), Some(options))
                .await;
        }
    }

    /// The engine's own client, for what this type does not offer.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }
}
