//! The container engine, seen from outside the node: what really runs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, EventsOptionsBuilder, KillContainerOptions, ListContainersOptions,
    RemoveContainerOptions, RemoveImageOptions, TagImageOptions,
};
use bollard::{Docker, body_full};
use futures::{StreamExt, TryStreamExt};

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

    /// Where it listens.
    pub fn socket() -> PathBuf {
        let address = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        PathBuf::from(
            address
                .strip_prefix("unix://")
                .expect("the engine listens on a Unix socket"),
        )
    }

    /// Kills the sandboxes of an installation behind the node's back; returns how many there were.
    pub async fn kill(&self, install: &str) -> usize {
        let running = self.sandboxes(install).await;
        for container in &running {
            let id = container.id.as_deref().unwrap();
            self.docker
                .kill_container(id, None::<KillContainerOptions>)
                .await
                .unwrap();
        }
        running.len()
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

    /// Builds an image of these files (one is its `Dockerfile`) and returns its id. The tag keeps the builder's cache alive;
    /// the id is what to run, since another checkout may move the tag.
    pub async fn build(&self, tag: &str, files: &[(&str, &str)]) -> String {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, contents) in files {
            // No times: the same files are the same context.
            let mut header = tar::Header::new_gnu();
            header.set_size(contents.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, contents.as_bytes()).unwrap();
        }
        let context = body_full(archive.into_inner().unwrap().into());
        let options = BuildImageOptionsBuilder::new().t(tag).networkmode("none").rm(true);
        let answers = self.docker.build_image(options.build(), None, Some(context));
        let answers: Vec<_> = answers.try_collect().await.unwrap();
        // Each stage has an id; the last one's is the image's.
        let id = answers.iter().rev().find_map(|answer| answer.aux.as_ref()?.id.clone());
        id.unwrap_or_else(|| panic!("{tag} was not built: {answers:?}"))
    }

    /// Runs a command in a running container; returns what it wrote.
    pub async fn exec(&self, container: &str, command: &[&str]) -> String {
        let options = CreateExecOptions {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let created = self.docker.create_exec(container, options).await.unwrap();
        let StartExecResults::Attached { output, .. } = self.docker.start_exec(&created.id, None).await.unwrap() else {
            panic!("asked for the output")
        };
        // A container may end under its command.
        let written: Vec<_> = output.filter_map(async |part| part.ok()).collect().await;
        written.iter().map(ToString::to_string).collect()
    }

    /// Exit codes of an installation's containers, in the order they ended.
    pub async fn exit_codes(&self, install: &str) -> Vec<i64> {
        let filters = HashMap::from([
            ("label", vec![format!("dev.clawhold.install={install}")]),
            ("event", vec!["die".to_owned()]),
        ]);
        // The engine counts whole seconds, and waits for the end of this one.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 1;
        let options = EventsOptionsBuilder::new()
            .since("0")
            .until(&now.to_string())
            .filters(&filters)
            .build();
        let events: Vec<_> = self.docker.events(Some(options)).try_collect().await.unwrap();
        let code = |event: &bollard::models::EventMessage| {
            let attributes = event.actor.as_ref()?.attributes.as_ref()?;
            attributes.get("exitCode")?.parse().ok()
        };
        events.iter().filter_map(code).collect()
    }

    /// Gives an image a second name.
    pub async fn tag(&self, image: &str, name: &str) {
        let options = TagImageOptions {
            repo: Some(name.to_owned()),
            tag: Some("latest".to_owned()),
        };
        self.docker.tag_image(image, Some(options)).await.unwrap();
    }

    /// Takes a second name away again.
    pub async fn untag(&self, name: &str) {
        // The image itself stays under its first name.
        self.docker
            .remove_image(&format!("{name}:latest"), None::<RemoveImageOptions>, None)
            .await
            .unwrap();
    }

    /// The engine's own client, for what this type does not offer.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }
}
