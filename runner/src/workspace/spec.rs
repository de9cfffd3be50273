//! Everything known about a start, as one [`SandboxSpec`]. Pure but for [`RunMounts`].

use std::io;
use std::path::{Path, PathBuf};

use proto::group::Group;
use proto::ipc;

use super::{FORWARDER_TARGET, Folders, GroupFolders};
use crate::config;
use crate::mailbox::RunDir;
use crate::sandbox::{Contract, ImageInfo, Limits, Mount, Network, SandboxLabels, SandboxSpec};

/// Port on the sandbox's own loopback where the forwarder offers the proxy to an image that must be told an address in
/// advance. Nothing else listens in there.
pub const FORWARD_PORT: u16 = 7301;

const BYTES_PER_MIB: u64 = 1024 * 1024;

/// How the sandbox reaches the credential proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyRoute {
    /// The socket in the run directory; no network.
    Socket,
    /// This `host:port`, over the engine's bridge.
    Tcp(String),
}

/// What is mounted of a run's directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMounts {
    /// The host's side, read-only at [`ipc::IN_DIR`].
    pub in_dir: PathBuf,
    /// The agent's side, and where it goes.
    pub writable: (PathBuf, &'static str),
}

impl RunMounts {
    /// Resolves links in the run's own path, which are the operator's.
    ///
    /// # Errors
    /// When the directories are gone.
    pub fn of(run: &RunDir) -> io::Result<Self> {
        let (writable, target) = run.writable();
        Ok(Self {
            in_dir: run.in_dir().canonicalize()?,
            writable: (writable.canonicalize()?, target),
        })
    }
}

/// What a specification is made of.
#[derive(Debug)]
pub struct SpecParts<'a> {
    /// Whose sandbox it is.
    pub labels: SandboxLabels,
    /// The group.
    pub group: &'a Group,
    /// The image, as the engine has it.
    pub image: &'a ImageInfo,
    /// Limits, tier and user.
    pub sandbox: &'a config::Sandbox,
    /// Zone of the times shown to the agent.
    pub timezone: &'a str,
    /// The run's token: all the sandbox ever knows of a credential.
    pub token: &'a str,
    /// How it reaches the proxy.
    pub proxy: ProxyRoute,
    /// The installation's directories.
    pub folders: &'a Folders,
    /// The group's directories.
    pub group_folders: &'a GroupFolders,
    /// The run's directories.
    pub run: &'a RunMounts,
    /// Extra mounts that passed the allowlist.
    pub extra_mounts: Vec<Mount>,
}

/// Assembles the specification.
pub fn build_spec(parts: SpecParts<'_>) -> SandboxSpec {
    let (entrypoint, env) = match parts.image.contract {
        Contract::Own => (None, own_env(&parts)),
        Contract::NanoClaw => (Some(forwarded(&parts.image.command())), nanoclaw_env(&parts)),
    };
    let config::Sandbox {
        memory_mb,
        cpus,
        pids,
        tmpfs_mb,
        tier,
        ..
    } = *parts.sandbox;
    SandboxSpec {
        name: parts.labels.sandbox_name(),
        image: parts.image.id.clone(),
        entrypoint,
        env,
        mounts: mounts(&parts),
        uid: parts.folders.owner.uid(),
        limits: Limits {
            memory_bytes: memory_mb * BYTES_PER_MIB,
            cpus,
            pids,
            tmpfs_bytes: tmpfs_mb * BYTES_PER_MIB,
        },
        tier,
        network: match parts.proxy {
            ProxyRoute::Socket => Network::None,
            ProxyRoute::Tcp(_) => Network::Bridge,
        },
        interactive: parts.image.contract == Contract::NanoClaw,
        labels: parts.labels,
    }
}

/// The container paths of CR-06, without the ones that let an agent rewrite its runner or read the installation.
fn mounts(parts: &SpecParts<'_>) -> Vec<Mount> {
    let GroupFolders {
        workspace,
        claude,
        global,
    } = parts.group_folders;
    let mount = |source: &Path, target: &str, read_only| Mount {
        source: source.to_owned(),
        target: target.to_owned(),
        read_only,
    };
    let mut mounts = vec![
        mount(workspace, "/workspace/group", false),
        mount(claude, "/home/node/.claude", false),
        mount(&parts.run.in_dir, ipc::IN_DIR, true),
        mount(&parts.run.writable.0, parts.run.writable.1, false),
    ];
    if parts.group.is_main {
        mounts.push(mount(&parts.folders.view(), "/workspace/project", true));
    } else if let Some(global) = global {
        mounts.push(mount(global, "/workspace/global", true));
    }
    if parts.image.contract == Contract::NanoClaw {
        mounts.push(mount(&parts.folders.forwarder(), FORWARDER_TARGET, true));
    }
    mounts.extend(parts.extra_mounts.iter().cloned());
    mounts
}

/// The image's own command, run beside the forwarder.
fn forwarded(command: &[String]) -> Vec<String> {
    let forwarder = ["node", FORWARDER_TARGET, "--"].map(str::to_owned);
    forwarder.into_iter().chain(command.iter().cloned()).collect()
}

fn own_env(parts: &SpecParts<'_>) -> Vec<(String, String)> {
    let mut env = common_env(parts);
    env.extend(pairs([("CLAWHOLD_OUT", ipc::OUT_DIR), ("CLAWHOLD_TOKEN", parts.token)]));
    env
}

fn nanoclaw_env(parts: &SpecParts<'_>) -> Vec<(String, String)> {
    let mut env = common_env(parts);
    env.extend(pairs([
        ("CLAWHOLD_FORWARD_PORT", FORWARD_PORT.to_string().as_str()),
        (
            "ANTHROPIC_BASE_URL",
            format!("http://127.0.0.1:{FORWARD_PORT}").as_str(),
        ),
        // Its placeholder (CR-03) is our token.
        ("ANTHROPIC_API_KEY", parts.token),
    ]));
    env
}

fn common_env(parts: &SpecParts<'_>) -> Vec<(String, String)> {
    let mut env = pairs([
        ("TZ", parts.timezone),
        ("HOME", "/home/node"),
        ("CLAWHOLD_IN", ipc::IN_DIR),
    ]);
    if let ProxyRoute::Tcp(address) = &parts.proxy {
        env.extend(pairs([("CLAWHOLD_PROXY_ADDR", address.as_str())]));
    }
    env
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
