//! One run of the engine's builder over our context.

use std::collections::HashMap;

use anyhow::{Context, bail};
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder};
use bollard::{Docker, body_full};

use super::args::BuildArgs;
use super::context::Context as BuildContext;
use super::engine;
use super::host_network::HostNetwork;
use super::progress::{Progress, Tail};

/// Builds the image of `context` on `base` and labels it with `source`.
pub(super) async fn build(
    engine: &Docker,
    args: &BuildArgs,
    base: &str,
    context: &BuildContext,
    source: &str,
    progress: &Progress,
) -> anyhow::Result<()> {
    let network = HostNetwork::of_this_process();
    let archive = context
        .archive(network.ca_bundle.as_ref())
        .context("packing the build context")?;
    let options = options(args, base, source, network.build_args);
    let mut answers = Box::pin(engine.build_image(options, None, Some(body_full(archive.into()))));

    let mut step = String::from("start of the build");
    let mut tail = Tail::new();
    while let Some(answer) = progress.next(&mut answers, &step).await {
        let failure = match answer {
            Ok(info) => {
                for line in info
                    .stream
                    .iter()
                    .flat_map(|text| text.lines())
                    .filter(|line| !line.trim().is_empty())
                {
                    if line.starts_with("Step ") {
                        step = one_line(line);
                        progress.say(&step);
                        tail = Tail::new();
                    } else {
                        tail.push(line);
                    }
                }
                info.error_detail.map(|detail| detail.message.unwrap_or_default())
            }
            Err(error) => Some(engine::message(&error)),
        };
        if let Some(reason) = failure {
            bail!(
                "building the {} failed at `{step}`: {reason}; its last lines:{}",
                args.kind.name(),
                tail.text()
            );
        }
    }
    Ok(())
}

fn options(args: &BuildArgs, base: &str, source: &str, mut build_args: HashMap<String, String>) -> BuildImageOptions {
    build_args.insert("BASE_IMAGE".to_owned(), base.to_owned());
    BuildImageOptionsBuilder::new()
        .t(args.tag())
        .buildargs(&build_args)
        .labels(&HashMap::from([(engine::SOURCE_LABEL, source)]))
        // The engine may have no bridge at all, and a bridge may not reach the host's resolver.
        .networkmode("host")
        .nocache(args.force)
        .rm(true)
        .forcerm(true)
        .build()
}

/// The start of what the builder says: it repeats a RUN of many lines whole.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_step_is_cut_between_characters() {
        assert_eq!(one_line("Step 1/19 : FROM x"), "Step 1/19 : FROM x");
        let cut = one_line(&"é".repeat(200));
        assert_eq!(cut.chars().count(), 121);
    }
}
