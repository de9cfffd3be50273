//! One node and everything around it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use doubles::{DEMO_API_KEY, ModelDouble, Running, Script, echo_script};
use serde_json::{Value, json};
use servers::Port;
use tempfile::TempDir;

use crate::people::{client, install_tls};
use crate::{Engine, Node, People, Said, command};

/// How long anything may take before a test gives up: generous, because two cores run several tests at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Settings of a world before it starts.
pub struct WorldBuilder {
    script: Script,
    environment: Vec<(String, String)>,
    groups: Vec<Value>,
    config: Option<String>,
    waits: bool,
}

impl WorldBuilder {
    /// Another model.
    #[must_use]
    pub fn model(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// An environment variable of the node.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// The content of `clawhold.toml`.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Does not wait for the node to be ready: something it needs is missing. Its socket answers all the same.
    #[must_use]
    pub fn degraded(mut self) -> Self {
        self.waits = false;
        self
    }

    /// A further group, as `clawhold group add` would register it.
    #[must_use]
    pub fn group(mut self, id: &str) -> Self {
        self.groups.push(json!({ "id": id, "name": id }));
        self
    }

    /// A group that needs no trigger.
    #[must_use]
    pub fn open_group(mut self, id: &str) -> Self {
        self.groups
            .push(json!({ "id": id, "name": id, "settings": { "requires_trigger": false } }));
        self
    }

    /// Starts the model and the node.
    pub async fn start(self) -> World {
        install_tls();
        let model = ModelDouble::start(self.script).await.unwrap();
        let directory = TempDir::with_prefix("ch").unwrap();
        let port = Port::reserve().unwrap();
        let mut environment: Vec<(String, String)> = [
            ("CLAWHOLD_DATA_DIR", directory.path().join("data").display().to_string()),
            ("CLAWHOLD_HTTP_LISTEN", port.address().to_string()),
            ("ANTHROPIC_BASE_URL", model.base_url()),
            ("ANTHROPIC_API_KEY", DEMO_API_KEY.to_owned()),
            ("TZ", "UTC".to_owned()),
            ("LOG_LEVEL", "debug".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(self.environment);
        let mut world = World {
            directory,
            model,
            environment,
            port,
            node: None,
            people: BTreeMap::new(),
            engine: Engine::connect().await,
        };
        if let Some(config) = self.config {
            std::fs::write(world.directory().join("clawhold.toml"), config).unwrap();
        }
        world.run(None);
        if self.waits {
            world.ready().await;
        } else {
            world.serving().await;
        }
        for group in self.groups {
            world.api("POST", "/v1/groups", Some(group)).await;
        }
        world
    }
}

/// One node and everything around it.
pub struct World {
    directory: TempDir,
    /// The model.
    pub model: Running,
    environment: Vec<(String, String)>,
    port: Port,
    node: Option<Node>,
    people: BTreeMap<String, People>,
    /// The container engine.
    pub engine: Engine,
}

impl World {
    /// A world whose model echoes.
    pub fn builder() -> WorldBuilder {
        WorldBuilder {
            script: echo_script(),
            environment: Vec::new(),
            groups: Vec::new(),
            config: None,
            waits: true,
        }
    }

    /// Starts a world with the defaults.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Starts the node (again), to be killed at a crash point if one is named.
    pub fn run(&mut self, crash_at: Option<&str>) {
        assert!(self.node.is_none(), "the node runs already");
        let mut environment = self.environment.clone();
        environment.extend(crash_at.map(|point| ("CLAWHOLD_CRASH_AT".to_owned(), point.to_owned())));
        self.node = Some(Node::start(self.directory.path(), &environment, &self.log()));
    }

    /// Starts the node again with one more environment variable.
    pub fn run_with(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
        self.run(None);
    }

    /// Kills the node as an outage would.
    pub fn kill(&mut self) {
        self.node.take().expect("the node runs").kill();
    }

    /// Waits for the node to end by itself, for example at its crash point.
    pub async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.node.as_mut().expect("the node runs").ended() {
                self.node = None;
                return status;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the node did not end; its log:\n{}",
                self.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks the node to stop and waits for it.
    pub async fn stop(&mut self) -> ExitStatus {
        self.node.as_ref().expect("the node runs").terminate();
        self.ended().await
    }

    /// The running node.
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("the node runs")
    }

    /// Waits until `/readyz` says yes.
    pub async fn ready(&self) {
        self.until("the node to be ready", async || {
            self.readiness().await.is_some_and(|report| report["ready"] == true)
        })
        .await;
    }

    /// Waits until the node answers at all, ready or not.
    pub async fn serving(&self) {
        let socket = self.socket();
        self.until("the node to serve", async || {
            self.readiness().await.is_some() && socket.exists()
        })
        .await;
    }

    /// Runs a command of the binary beside the node, with the node's environment and `input` as a pipe.
    pub async fn command(&self, arguments: &[&str], input: &str) -> Said {
        command(self.directory(), &self.environment, arguments, input).await
    }

    /// What `/readyz` says, if it answers.
    pub async fn readiness(&self) -> Option<Value> {
        let answer = reqwest::get(format!("{}/readyz", self.http())).await.ok()?;
        answer.json().await.ok()
    }

    /// Says something in the local chat of a group.
    pub async fn say(&mut self, group: &str, text: &str) {
        self.people(group).say(text).await;
    }

    /// The people in the local chat of a group.
    pub fn people(&mut self, group: &str) -> &People {
        let socket = self.socket();
        self.people
            .entry(group.to_owned())
            .or_insert_with(|| People::join(&socket, group))
    }

    /// Waits until these replies were shown in the local chat of a group, and nothing else is on its way.
    pub async fn expect(&mut self, group: &str, texts: &[&str]) {
        let people = self.people(group);
        let started = Instant::now();
        while people.texts().len() < texts.len() || !people.is_settled().await {
            if started.elapsed() > PATIENCE {
                panic!(
                    "expected {texts:?}, shown {:?}; the node's log:\n{}",
                    people.texts(),
                    self.log_tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(people.texts(), texts, "the node's log:\n{}", self.log_tail());
    }

    /// Waits for something, with the node's log in the failure.
    pub async fn until(&self, what: &str, predicate: impl AsyncFn() -> bool) {
        if !within(PATIENCE, predicate).await {
            panic!("waited in vain for {what}; the node's log:\n{}", self.log_tail());
        }
    }

    /// Calls the control API.
    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let method = method.parse().unwrap();
        let mut request = client(&self.socket()).request(method, format!("http://node{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status}: {text}");
        if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        }
    }

    /// Address of the node's HTTP listener.
    pub fn http(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// The directory the node runs in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The node's data.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The node's socket.
    pub fn socket(&self) -> PathBuf {
        self.data().join("clawhold.sock")
    }

    /// Name of this installation in the labels of its sandboxes.
    pub fn install(&self) -> String {
        std::fs::read_to_string(self.data().join("install-id"))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// The end of the node's log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }

    /// The whole log of the node.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("node.log")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Also when a test fails: nothing is left behind. The node goes first, or it would start sandboxes again.
        drop(self.node.take());
        let install = self.install();
        if install.is_empty() {
            return;
        }
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { Engine::connect().await.clean(&install).await });
        };
        // A runtime of its own, since this may be dropped inside one.
        let _ = std::thread::spawn(clean).join();
    }
}

/// Waits until the predicate holds; says whether it did in time.
pub async fn within(patience: Duration, predicate: impl AsyncFn() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < patience {
        if predicate().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
