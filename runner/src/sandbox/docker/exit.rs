//! How a container ended, told once and surely: an engine that restarts meanwhile is waited out.

use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ContainerState;
use bollard::query_parameters::InspectContainerOptions;
use futures::StreamExt;

use super::client::{Client, status};
use crate::sandbox::{EXIT_KILLED, Exit, SandboxId};

/// Pause between questions to an engine that does not answer.
const RETRY: Duration = Duration::from_millis(500);

/// Resolves when the container has ended or was removed.
pub(super) async fn exit(client: Arc<Client>, id: SandboxId) -> Exit {
    loop {
        match watch(&client, &id).await {
            Some(exit) => return exit,
            None => tokio::time::sleep(RETRY).await,
        }
    }
}

/// One attempt; `None` when the engine did not say.
async fn watch(client: &Client, id: &SandboxId) -> Option<Exit> {
    let docker = client.get().await.ok()?;
    let code = wait(&docker, id).await;
    match docker
        .inspect_container(id.as_str(), None::<InspectContainerOptions>)
        .await
    {
        Ok(found) => ended(&found.state?, code),
        // Removed before it could be asked: somebody killed it, and the wait may still have heard the code.
        Err(error) if status(&error) == Some(404) => Some(Exit {
            code: code.unwrap_or(EXIT_KILLED),
            oom_killed: false,
        }),
        Err(error) => {
            let error = client.explain("inspect a sandbox", &error);
            tracing::debug!(sandbox.id = %id, %error, "sandbox exit unknown, asking again");
            None
        }
    }
}

/// Waits for the exit code. The client turns a code other than 0 into an error of its own.
async fn wait(docker: &Docker, id: &SandboxId) -> Option<i64> {
    match docker.wait_container(id.as_str(), None).next().await? {
        Ok(response) => Some(response.status_code),
        Err(Error::DockerContainerWaitError { code, .. }) => Some(code),
        Err(_) => None,
    }
}

fn ended(state: &ContainerState, waited: Option<i64>) -> Option<Exit> {
    if state.running == Some(true) {
        return None;
    }
    let code = waited.or(state.exit_code).unwrap_or(EXIT_KILLED);
    Some(Exit {
        code,
        oom_killed: state.oom_killed == Some(true),
    })
}
