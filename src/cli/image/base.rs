//! Which image to build on: one that is there, one from a registry, or our own made of Debian packages.

use std::time::Duration;

use anyhow::bail;
use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::StreamExt;

use super::args::BuildArgs;
use super::progress::Progress;
use super::{debian_base, engine};

/// A registry that shows no sign of progress for this long counts as out of reach.
const REGISTRY_SILENCE_MAX: Duration = Duration::from_secs(20);

/// Returns the name of a base image that is in the engine.
pub(super) async fn choose(engine: &Docker, args: &BuildArgs, progress: &Progress) -> anyhow::Result<String> {
    if args.no_registry {
        return debian_base::ensure(engine, args.kind, args.force, progress).await;
    }
    let wanted = args.base_image.as_deref().unwrap_or(args.kind.base_default());
    if engine::has_image(engine, wanted).await? {
        return Ok(wanted.to_owned());
    }
    progress.say(&format!("pulling {wanted}"));
    match (pull(engine, wanted).await, &args.base_image) {
        (Ok(()), _) => Ok(wanted.to_owned()),
        (Err(reason), Some(_)) => {
            bail!("cannot pull the base image {wanted}: {reason}; check its name and that its registry can be reached")
        }
        (Err(reason), None) => {
            progress.say(&format!("no registry can be reached ({reason})"));
            progress.say("making a base image from Debian packages instead");
            debian_base::ensure(engine, args.kind, args.force, progress).await
        }
    }
}

/// Pulls an image; the error is the engine's own reason.
async fn pull(engine: &Docker, image: &str) -> Result<(), String> {
    // Without a tag the engine would pull every tag there is.
    let has_tag = image.rsplit('/').next().is_some_and(|name| name.contains([':', '@']));
    let name = if has_tag {
        image.to_owned()
    } else {
        format!("{image}:latest")
    };
    let options = CreateImageOptionsBuilder::new().from_image(&name).build();
    let mut answers = engine.create_image(Some(options), None, None);
    loop {
        match tokio::time::timeout(REGISTRY_SILENCE_MAX, answers.next()).await {
            Err(_) => return Err(format!("no answer in {} s", REGISTRY_SILENCE_MAX.as_secs())),
            Ok(Some(Err(error))) => return Err(engine::message(&error)),
            Ok(Some(Ok(_))) => {}
            Ok(None) => return Ok(()),
        }
    }
}
