//! Settings of the runner: sections `runner`, `sandbox` and `model`.

use std::path::PathBuf;

use proto::lease::LeaseTimings;
use serde::{Deserialize, Serialize};
use service::config::Secret;
use service::config::range::{self, MILLIS_MAX};

/// How a runner works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Runner {
    /// Name, the same over restarts, and no other runner's.
    #[serde(deserialize_with = "range::not_empty")]
    pub name: String,
    /// Groups that may run at the same time.
    #[serde(deserialize_with = "range::within::<1, 1000, _, _>")]
    pub slots: u32,
    /// Time an idle sandbox is kept while no other group needs its slot (CR-25), in milliseconds.
    #[serde(deserialize_with = "range::within::<1, MILLIS_MAX, _, _>")]
    pub idle_timeout_ms: u64,
    /// Limit of one run of the agent (CR-26), in milliseconds.
    #[serde(deserialize_with = "range::within::<1, MILLIS_MAX, _, _>")]
    pub timeout_ms: u64,
    /// Time a sandbox gets from its start to its agent being ready, in milliseconds.
    #[serde(deserialize_with = "range::within::<1, MILLIS_MAX, _, _>")]
    pub start_timeout_ms: u64,
    /// Time without a sign of life after which an agent is given up, in milliseconds.
    #[serde(deserialize_with = "range::within::<1, MILLIS_MAX, _, _>")]
    pub silence_timeout_ms: u64,
    /// Time running turns get to finish when the process is asked to stop, in milliseconds.
    #[serde(deserialize_with = "range::within::<0, MILLIS_MAX, _, _>")]
    pub drain_timeout_ms: u64,
    /// Wait before a failed turn is tried again, in milliseconds; doubles with each further failure.
    #[serde(deserialize_with = "range::within::<1, MILLIS_MAX, _, _>")]
    pub retry_backoff_ms: u64,
    /// Time a runner of a fleet keeps its copy of a group's files after the group moved on to another, in milliseconds.
    #[serde(deserialize_with = "range::within::<1, MILLIS_MAX, _, _>")]
    pub keep_copies_ms: u64,
    /// Timings of the lease.
    pub lease: Lease,
    /// File that says which host paths may be mounted (MS-01); without the file none may.
    #[serde(deserialize_with = "range::not_empty")]
    pub mount_allowlist: PathBuf,
}

/// Timings of the lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lease {
    /// Taken over after 15 s.
    #[default]
    Fast,
    /// Three times as patient, for databases whose failover takes long.
    Calm,
}

/// How sandboxes are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sandbox {
    /// Agent image.
    #[serde(deserialize_with = "range::not_empty")]
    pub image: String,
    /// Address of the container engine, as `DOCKER_HOST`; none: the engine's customary socket.
    #[serde(deserialize_with = "range::not_empty")]
    pub engine: Option<String>,
    /// How strongly a sandbox is isolated.
    pub tier: Tier,
    /// User and group id of its processes; root is refused.
    #[serde(deserialize_with = "range::within::<1, 65_534, _, _>")]
    pub uid: u32,
    /// Memory of all its processes together, in MiB.
    #[serde(deserialize_with = "range::within::<128, 1_048_576, _, _>")]
    pub memory_mb: u64,
    /// Processor time, in processors.
    #[serde(deserialize_with = "range::above_zero::<1024, _, _>")]
    pub cpus: f64,
    /// Processes and threads.
    #[serde(deserialize_with = "range::within::<16, 1_000_000, _, _>")]
    pub pids: u32,
    /// Size of each of its temporary file systems, in MiB.
    #[serde(deserialize_with = "range::within::<1, 1_048_576, _, _>")]
    pub tmpfs_mb: u64,
    /// How it reaches the credential proxy.
    pub proxy: Proxy,
}

/// Isolation tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Namespaces and cgroups on the host's kernel.
    #[default]
    Container,
    /// gVisor's kernel in user space.
    Gvisor,
    /// A virtual machine of its own.
    Microvm,
}

/// How a sandbox reaches the credential proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proxy {
    /// A Unix socket in the mounted run directory; the sandbox has no network.
    #[default]
    Socket,
    /// A port of the host, for engines in a machine of their own that a socket does not cross into.
    Tcp,
}

/// The model API and its credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// API key; goes before a token (CP-03).
    pub api_key: Option<Secret>,
    /// OAuth access token.
    pub oauth_token: Option<Secret>,
    /// OAuth refresh token, with which a new access token is fetched when the old one ends.
    pub oauth_refresh_token: Option<Secret>,
    /// Where it is fetched; none: where the credential proxy knows it to be.
    #[serde(deserialize_with = "range::http_url")]
    pub oauth_token_url: Option<String>,
    /// Address of the API; a path in it is honoured.
    #[serde(deserialize_with = "range::http_url")]
    pub base_url: String,
    /// Model; none: the Agent SDK's default.
    #[serde(deserialize_with = "range::not_empty")]
    pub name: Option<String>,
    /// Steps an agent may take in one turn; none: no limit.
    #[serde(deserialize_with = "range::within_if_set::<1, 100_000, _, _>")]
    pub max_turns: Option<u32>,
    /// Cost after which an agent is stopped, in US dollars; none: no limit.
    #[serde(deserialize_with = "range::above_zero::<1_000_000, _, _>")]
    pub max_budget_usd: Option<f64>,
}

impl Lease {
    /// The spans themselves.
    pub fn timings(self) -> LeaseTimings {
        match self {
            Self::Fast => LeaseTimings::FAST,
            Self::Calm => LeaseTimings::CALM,
        }
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self {
            name: "local".to_owned(),
            slots: 5,
            idle_timeout_ms: 1_800_000,
            timeout_ms: 1_800_000,
            start_timeout_ms: 60_000,
            silence_timeout_ms: 60_000,
            drain_timeout_ms: 600_000,
            retry_backoff_ms: 5_000,
            keep_copies_ms: 86_400_000,
            lease: Lease::default(),
            mount_allowlist: PathBuf::from("~/.config/clawhold/mount-allowlist.json"),
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            image: "clawhold-agent:latest".to_owned(),
            engine: None,
            tier: Tier::default(),
            uid: 1000,
            memory_mb: 2048,
            cpus: 2.0,
            pids: 512,
            tmpfs_mb: 512,
            proxy: Proxy::default(),
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self {
            api_key: None,
            oauth_token: None,
            oauth_refresh_token: None,
            oauth_token_url: None,
            base_url: "https://api.anthropic.com".to_owned(),
            name: None,
            max_turns: None,
            max_budget_usd: None,
        }
    }
}
