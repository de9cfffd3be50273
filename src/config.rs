//! The configuration of this binary: its sections, its environment variables and what it finds out about the host.

pub(crate) mod fleet;
mod host;
#[cfg(test)]
mod tests;
mod variables;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use service::config::{Environment, Loaded, Problems, Sources, Zone, range};
use service::telemetry::Log;

/// File that is read when none is named, and in which variable another one can be named.
const FILE: &str = "clawhold.toml";
const FILE_VARIABLE: &str = "CLAWHOLD_CONFIG";

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Name of the assistant: the default trigger is `@` before it.
    #[serde(deserialize_with = "range::not_empty")]
    pub(crate) assistant_name: String,
    /// Zone of the times shown to agents and of schedules.
    pub(crate) timezone: Zone,
    /// Directory of the database, the workspaces and the sockets.
    #[serde(deserialize_with = "range::not_empty")]
    pub(crate) data_dir: PathBuf,
    /// The log.
    pub(crate) log: Log,
    /// The gateway's name.
    pub(crate) gateway: gateway::config::Gateway,
    /// Where HTTP is served.
    pub(crate) http: gateway::config::Http,
    /// The channels.
    pub(crate) channels: gateway::config::Channels,
    /// Who may be heard.
    pub(crate) security: gateway::config::Security,
    /// How the runner works.
    pub(crate) runner: runner::config::Runner,
    /// How sandboxes are made.
    pub(crate) sandbox: runner::config::Sandbox,
    /// The model API.
    pub(crate) model: runner::config::Model,
    /// How long what is done is kept.
    pub(crate) retention: scheduler::config::Retention,
    /// The shared database of a fleet.
    pub(crate) postgres: fleet::Postgres,
    /// The message broker of a fleet.
    pub(crate) nats: fleet::Nats,
    /// Where a fleet keeps the files of groups.
    pub(crate) blobs: fleet::Blobs,
}

/// Loads the configuration from where this process was started.
///
/// `file` is the file named on the command line; `overrides` are flags, by dotted key.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(file: Option<&Path>, overrides: Vec<(String, toml::Value)>) -> Result<Loaded<Config>, Problems> {
    load_in(
        Path::new(""),
        Environment::of_process(),
        file,
        Profile::OneNode,
        overrides,
    )
}

/// Loads the configuration of a service of a fleet.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load_fleet(file: Option<&Path>) -> Result<Loaded<Config>, Problems> {
    load_in(
        Path::new(""),
        Environment::of_process(),
        file,
        Profile::Fleet,
        Vec::new(),
    )
}

/// What a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    OneNode,
    /// Services are named after their hosts, unless somebody names them.
    Fleet,
}

/// As [`load`], in the directory `directory` (empty: the current one) and this environment.
///
/// `.env` is read next to the configuration file, which by default is in the current directory (P-02, P-05).
fn load_in(
    directory: &Path,
    environment: Environment,
    file: Option<&Path>,
    profile: Profile,
    overrides: Vec<(String, toml::Value)>,
) -> Result<Loaded<Config>, Problems> {
    let named = named_file(&environment, file);
    let file_is_named = named.is_some();
    let file = named.unwrap_or_else(|| directory.join(FILE));
    let home = host::home(&environment);
    let environment = host::resolve_local_time(environment);
    let mut host = host::settings(&environment, home.as_deref());
    if profile == Profile::Fleet {
        host.extend(host::service_names());
    }
    let sources = Sources {
        host,
        dotenv: file.with_file_name(".env"),
        file,
        file_is_named,
        environment,
        overrides,
    };
    let mut loaded = service::config::load::<Config>(variables::ALL, &sources)?;
    if let Some(home) = home {
        loaded.config.expand_home(&home);
    }
    Ok(loaded)
}

/// Name of this host.
pub(crate) fn host_name() -> String {
    host::name()
}

/// Where the configuration is read from: the file and `.env`, whether they are there or not.
pub(crate) fn files(file: Option<&Path>) -> Vec<PathBuf> {
    let file = named_file(&Environment::of_process(), file).unwrap_or_else(|| PathBuf::from(FILE));
    let dotenv = file.with_file_name(".env");
    [file, dotenv]
        .into_iter()
        .filter_map(|path| std::path::absolute(path).ok())
        .collect()
}

fn named_file(environment: &Environment, file: Option<&Path>) -> Option<PathBuf> {
    file.map(Path::to_owned)
        .or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from))
}

impl Config {
    /// Replaces a leading `~` in the paths.
    fn expand_home(&mut self, home: &Path) {
        let paths = [
            &mut self.data_dir,
            &mut self.security.sender_allowlist,
            &mut self.runner.mount_allowlist,
            &mut self.channels.gmail.keys_file,
            &mut self.channels.gmail.credentials_file,
        ];
        for path in paths {
            if let Ok(below) = path.strip_prefix("~") {
                *path = home.join(below);
            }
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            assistant_name: "Andy".to_owned(),
            timezone: Zone::default(),
            data_dir: PathBuf::from("data"),
            log: Log::default(),
            gateway: gateway::config::Gateway::default(),
            http: gateway::config::Http::default(),
            channels: gateway::config::Channels::default(),
            security: gateway::config::Security::default(),
            runner: runner::config::Runner::default(),
            sandbox: runner::config::Sandbox::default(),
            model: runner::config::Model::default(),
            retention: scheduler::config::Retention::default(),
            postgres: fleet::Postgres::default(),
            nats: fleet::Nats::default(),
            blobs: fleet::Blobs::default(),
        }
    }
}
