//! Looking an image up.

use bollard::Docker;
use bollard::models::ImageInspect;

use super::client::{Client, status};
use crate::sandbox::{Contract, ImageInfo, RuntimeError};

pub(super) async fn inspect(client: &Client, docker: &Docker, image: &str) -> Result<ImageInfo, RuntimeError> {
    match docker.inspect_image(image).await {
        Ok(found) => read(image, found),
        Err(error) if status(&error) == Some(404) => Err(RuntimeError::NoSuchImage {
            image: image.to_owned(),
        }),
        Err(error) => Err(client.explain("inspect an image", &error)),
    }
}

fn read(image: &str, found: ImageInspect) -> Result<ImageInfo, RuntimeError> {
    let config = found.config.unwrap_or_default();
    Ok(ImageInfo {
        id: found.id.unwrap_or_else(|| image.to_owned()),
        contract: Contract::of_labels(&config.labels.unwrap_or_default())?,
        entrypoint: config.entrypoint.unwrap_or_default(),
        cmd: config.cmd.unwrap_or_default(),
        env: config.env.unwrap_or_default(),
        working_dir: config.working_dir.filter(|dir| !dir.is_empty()),
    })
}
