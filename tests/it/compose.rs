//! The fleet of `docker-compose.yml`, brought up for real: what somebody who follows `docs/fleet.md` can count on.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};
use doubles::DEMO_API_KEY;
use serde_json::Value;
use servers::Port;
use tempfile::TempDir;
use tests::{Engine, binary};

/// How long one command may take, in seconds: an engine that starts ten containers on two busy cores.
const PATIENCE_S: &str = "120";

/// Name of the service image under test; what runs is its id, since another checkout may move the name.
const IMAGE: &str = "clawhold-test:latest";

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_fleet_comes_up_answers_scales_and_goes_without_a_trace() {
    let fleet = Fleet::new().await;
    fleet.up(&[]);

    assert_eq!(fleet.chat(1, "hello"), "You wrote: hello");
    assert_eq!(fleet.engine.sandboxes(&fleet.project).await.len(), 1, "a real sandbox");

    fleet.up(&["--scale", "runner=3", "--scale", "gateway=2"]);
    assert_eq!(
        (fleet.instances("runner").await, fleet.instances("gateway").await),
        (3, 2)
    );
    assert_eq!(
        fleet.chat(2, "and there?"),
        "You wrote: and there?",
        "any gateway will do"
    );

    let health = fleet.compose(&["exec", "-T", "runner", "clawhold", "health"]).worked();
    assert!(health.starts_with("ready\n"), "{health}");

    fleet.compose(&["down", "--volumes"]).worked();
    assert_eq!(fleet.left().await, 0, "containers, networks, volumes");
    assert_eq!(fleet.engine.sandboxes(&fleet.project).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_passwords_compose_says_what_to_do() {
    let fleet = Fleet::new().await;
    std::fs::write(fleet.settings(), "").unwrap();
    let refused = fleet.compose(&["config"]);
    assert!(!refused.success);
    // Compose names one of those that are missing, now this one and now that.
    let names = |variable| refused.stderr.contains(&format!("put {variable} into .env"));
    assert!(
        names("POSTGRES_PASSWORD") || names("NATS_PASSWORD"),
        "{}",
        refused.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_secret_files_no_secret_is_in_the_environment() {
    let mut fleet = Fleet::new().await;
    fleet.files = vec!["docker-compose.yml", "docker-compose.secrets.yml"];
    let config = fleet.compose(&["config", "--format", "json"]).worked();
    let config: Value = serde_json::from_str(&config).unwrap();
    // What is made of it; the templates of the file itself make nothing.
    let made = format!("{}{}", config["services"], config["configs"]);
    assert!(made.contains("/run/secrets/postgres_url"), "{made}");
    for secret in [POSTGRES_PASSWORD, NATS_PASSWORD] {
        assert!(!made.contains(secret), "{made}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_secret_files_the_fleet_answers_and_inspecting_its_containers_shows_no_secret() {
    let mut fleet = Fleet::new().await;
    fleet.keep_secrets_in_files();
    fleet.up(&[]);
    assert_eq!(fleet.chat(1, "hello"), "You wrote: hello");

    let shown = fleet.inspected().await;
    // We look at the right ones, and where secrets would be.
    let with_files = shown.iter().filter(|shown| shown.contains("/run/secrets/"));
    assert_eq!(with_files.count(), 5, "Postgres, NATS, gateway, scheduler, runner");
    let sandbox = format!("\"dev.clawhold.install\":\"{}\"", fleet.project);
    assert!(shown.iter().any(|shown| shown.contains(&sandbox)), "{shown:?}");
    for secret in [POSTGRES_PASSWORD, NATS_PASSWORD, DEMO_API_KEY] {
        let told = shown.iter().find(|shown| shown.contains(secret));
        assert_eq!(told, None, "{secret} is there for whoever may ask the engine");
    }
}

const POSTGRES_PASSWORD: &str = "secretofpostgres";
const NATS_PASSWORD: &str = "secretofnats";

/// One fleet on the engine under test.
struct Fleet {
    project: String,
    /// Its settings and its runners' files.
    directory: TempDir,
    files: Vec<&'static str>,
    engine: Engine,
    _port: Port,
}

impl Fleet {
    async fn new() -> Self {
        let directory = TempDir::with_prefix("ch").unwrap();
        let name = directory.path().file_name().unwrap().to_str().unwrap().to_lowercase();
        let port = Port::reserve().unwrap();
        let address = port.address().to_string();
        let fleet = Self {
            project: name.replace(|character: char| !character.is_ascii_alphanumeric(), ""),
            files: vec!["docker-compose.yml", "docker-compose.demo.yml"],
            engine: Engine::connect().await,
            _port: port,
            directory,
        };
        let settings = [
            ("POSTGRES_PASSWORD", POSTGRES_PASSWORD.to_owned()),
            ("NATS_PASSWORD", NATS_PASSWORD.to_owned()),
            ("CLAWHOLD_IMAGE", fleet.image().await),
            ("CLAWHOLD_PORT", address),
            ("CLAWHOLD_RUNNER_DIR", fleet.runner_dir().display().to_string()),
            ("DOCKER_SOCKET", Engine::socket().display().to_string()),
        ];
        let lines: String = settings
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        std::fs::write(fleet.settings(), lines).unwrap();
        fleet
    }

    /// Id of an image of the binary under test.
    async fn image(&self) -> String {
        let mut build = Command::new(binary());
        build.args(["image", "build", "service", "--tag", IMAGE]);
        Said::of(&mut build).worked();
        let image = self.engine.docker().inspect_image(IMAGE).await.unwrap();
        image.id.unwrap()
    }

    /// Has its secrets in files and nowhere else, with the owners and modes that `docs/fleet.md` asks for.
    fn keep_secrets_in_files(&mut self) {
        self.files.push("docker-compose.secrets.yml");
        let directory = self.directory.path().join("secrets");
        std::fs::create_dir(&directory).unwrap();
        for (name, content) in [
            ("postgres_password", POSTGRES_PASSWORD.to_owned()),
            (
                "postgres_url",
                format!("postgres://clawhold:{POSTGRES_PASSWORD}@postgres/clawhold"),
            ),
            (
                "nats_authorization",
                format!("authorization {{ user: clawhold, password: \"{NATS_PASSWORD}\" }}"),
            ),
            ("nats_url", format!("nats://clawhold:{NATS_PASSWORD}@nats:4222")),
            ("anthropic_api_key", DEMO_API_KEY.to_owned()),
        ] {
            std::fs::write(directory.join(name), content).unwrap();
        }
        // Compose insists on both; whoever used them would not get in.
        let settings = std::fs::read_to_string(self.settings()).unwrap();
        let settings = settings
            .replace(POSTGRES_PASSWORD, "in-a-file")
            .replace(NATS_PASSWORD, "in-a-file");
        let directory = directory.display();
        std::fs::write(self.settings(), format!("{settings}SECRETS_DIR={directory}\n")).unwrap();
        // Who runs the tests need not be root; who runs in a container of the runner is.
        let give_away = format!(
            "cd {directory} && chown 0 postgres_password nats_authorization anthropic_api_key \
             && chown 7300 postgres_url nats_url && chmod 0400 *"
        );
        let mount = format!("{directory}:{directory}");
        let shell = ["--volume", &mount, "--entrypoint", "sh", "runner", "-c", &give_away];
        self.run(&shell).worked();
    }

    /// Its `.env`.
    fn settings(&self) -> PathBuf {
        self.directory.path().join("env")
    }

    fn runner_dir(&self) -> PathBuf {
        self.directory.path().join("runners")
    }

    /// A command of Compose that ends by itself or is ended.
    fn command(&self, arguments: &[&str]) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = Command::new("timeout");
        let inherited = ["PATH", "HOME", "DOCKER_HOST"];
        let inherited = inherited
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(inherited);
        command.arg(PATIENCE_S).arg(servers::compose());
        command.args([
            "--progress",
            "quiet",
            "--ansi",
            "never",
            "--project-name",
            &self.project,
        ]);
        // Not the `.env` of whoever runs the tests.
        command.arg("--env-file").arg(self.settings());
        for file in &self.files {
            command.arg("--file").arg(root.join(file));
        }
        command.args(arguments);
        command
    }

    fn compose(&self, arguments: &[&str]) -> Said {
        Said::of(&mut self.command(arguments))
    }

    /// Runs something in a container of its own beside the fleet, started or not.
    fn run(&self, arguments: &[&str]) -> Said {
        self.compose(&[&["run", "--rm", "-T", "--no-deps"], arguments].concat())
    }

    /// Brings it up, or says why not.
    fn up(&self, scale: &[&str]) {
        let said = self.compose(&[&["up", "--detach", "--wait", "--no-recreate"], scale].concat());
        if !said.success {
            let logs = self.compose(&["logs", "--no-color", "--tail", "30"]);
            panic!("{}\n{}", said.stderr, logs.stdout);
        }
    }

    /// Says something to the main group at one of the gateways, and waits for the answer that quotes it.
    fn chat(&self, gateway: u32, text: &str) -> String {
        let index = gateway.to_string();
        let mut command = self.command(&["exec", "-T", "--index", &index, "gateway", "clawhold", "chat"]);
        let mut chat = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = chat.stdin.take().unwrap();
        writeln!(input, "{text}").unwrap();
        let mut lines = BufReader::new(chat.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let answer = lines.find(|line| line.starts_with("You wrote:"));
        // The end of input ends the chat, once all it shows is acknowledged.
        drop(input);
        lines.for_each(drop);
        assert!(chat.wait().unwrap().success(), "{text:?} was not answered");
        answer.unwrap()
    }

    async fn instances(&self, service: &str) -> usize {
        let labels = [self.label(), format!("com.docker.compose.service={service}")];
        self.containers(HashMap::from([("label", labels.to_vec())])).await.len()
    }

    async fn containers(&self, filters: HashMap<&str, Vec<String>>) -> Vec<ContainerSummary> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        self.engine.docker().list_containers(Some(options)).await.unwrap()
    }

    /// What `docker inspect` shows of each of its containers and sandboxes.
    async fn inspected(&self) -> Vec<String> {
        let mut containers = self.containers(HashMap::from([("label", vec![self.label()])])).await;
        containers.extend(self.engine.sandboxes(&self.project).await);
        let mut shown = Vec::new();
        for container in containers {
            let inspecting = self
                .engine
                .docker()
                .inspect_container(container.id.as_deref().unwrap(), None::<InspectContainerOptions>);
            shown.push(serde_json::to_string(&inspecting.await.unwrap()).unwrap());
        }
        shown
    }

    /// How many things of the fleet the engine still has.
    async fn left(&self) -> usize {
        let filters = HashMap::from([("label", vec![self.label()])]);
        let networks = ListNetworksOptionsBuilder::new().filters(&filters).build();
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let docker = self.engine.docker();
        let networks = docker.list_networks(Some(networks)).await.unwrap().len();
        let volumes = docker
            .list_volumes(Some(volumes))
            .await
            .unwrap()
            .volumes
            .unwrap_or_default()
            .len();
        self.containers(filters).await.len() + networks + volumes
    }

    fn label(&self) -> String {
        format!("com.docker.compose.project={}", self.project)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Also when a test fails: nothing is left behind.
        if self.runner_dir().exists() {
            self.compose(&["down", "--volumes", "--timeout", "2"]);
            // What the runners made belongs to root and to the user of the sandboxes; who runs the tests may be neither.
            let runner_dir = self.runner_dir().display().to_string();
            self.run(&[
                "--entrypoint",
                "find",
                "runner",
                &runner_dir,
                "-mindepth",
                "1",
                "-delete",
            ]);
            self.compose(&["down", "--volumes", "--timeout", "2"]);
        }
        let project = self.project.clone();
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { Engine::connect().await.clean(&project).await });
        };
        // A runtime of its own, since this is dropped inside one.
        let _ = std::thread::spawn(clean).join();
    }
}

/// What a command said.
struct Said {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Said {
    fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            success: output.status.success(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Standard output of a command that succeeded.
    #[track_caller]
    fn worked(self) -> String {
        assert!(self.success, "{}", self.stderr);
        self.stdout
    }
}
