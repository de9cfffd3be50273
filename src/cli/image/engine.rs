//! The container engine: the connection, what we ask it about images, and how its errors read.

use std::time::Duration;

use anyhow::Context;
use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::RemoveImageOptions;

/// Label of an image that names the sources it was built from.
pub(super) const SOURCE_LABEL: &str = "dev.clawhold.source";

/// How long a request may wait for the first byte of its answer: the engine answers an import only once it has read the
/// whole archive, which is as slow as the package mirror behind it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// A local engine that does not say its version by then does not answer at all.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the engine of `DOCKER_HOST`, or to the default socket.
pub(super) async fn connect() -> anyhow::Result<Docker> {
    const ADVICE: &str = "no container engine answers: start Docker (`script/setup` installs and starts one), or point \
                          DOCKER_HOST at the socket of a running one (unix:///path/to/docker.sock)";
    let engine = Docker::connect_with_defaults()
        .context(ADVICE)?
        .with_timeout(ANSWER_TIMEOUT);
    tokio::time::timeout(VERSION_TIMEOUT, engine.negotiate_version())
        .await
        .context(ADVICE)?
        .context(ADVICE)
}

/// Whether the engine has an image of that name.
pub(super) async fn has_image(engine: &Docker, name: &str) -> anyhow::Result<bool> {
    match engine.inspect_image(name).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("asking the engine for image {name}")),
    }
}

/// An image in the engine.
pub(super) struct Image {
    id: String,
    /// The sources it was built from; none when it is not ours.
    pub(super) source: Option<String>,
}

/// The image of that name, if there is one.
pub(super) async fn image(engine: &Docker, name: &str) -> anyhow::Result<Option<Image>> {
    match engine.inspect_image(name).await {
        Ok(image) => {
            let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
            Ok(Some(Image {
                id: image.id.unwrap_or_default(),
                source: labels.get(SOURCE_LABEL).cloned(),
            }))
        }
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("asking the engine for image {name}")),
    }
}

/// Removes an image of ours that lost its last name to a newer one, or each build would leave one behind.
pub(super) async fn forget(engine: &Docker, image: Image) {
    let now = engine.inspect_image(&image.id).await;
    let nameless = now.is_ok_and(|image| image.repo_tags.unwrap_or_default().is_empty());
    if image.source.is_some() && nameless {
        // Refused while a container uses it, which is as it should be.
        let _ = engine.remove_image(&image.id, None::<RemoveImageOptions>, None).await;
    }
}

/// What the engine said, without the client's words around it.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::DockerStreamError { error } => error.clone(),
        Error::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}
