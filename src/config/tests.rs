//! The promises of the configuration as a whole.

use std::path::Path;

use service::config::Environment;

use super::{Config, Profile, load_in};

/// What the variables of NanoClaw are, and where each must arrive.
const NANOCLAW: &[(&str, &str)] = &[
    ("ASSISTANT_NAME", "Bo"),
    ("TZ", ":America/New_York"),
    ("LOG_LEVEL", "debug"),
    ("MAX_CONCURRENT_CONTAINERS", "2"),
    ("IDLE_TIMEOUT", "3"),
    ("CONTAINER_TIMEOUT", "4"),
    ("CONTAINER_IMAGE", "nanoclaw-agent:latest"),
    ("ANTHROPIC_API_KEY", "key"),
    ("CLAUDE_CODE_OAUTH_TOKEN", "token"),
    ("ANTHROPIC_BASE_URL", "http://localhost:1/prefix"),
];

fn environment(home: &Path, variables: &[(&'static str, &'static str)]) -> Environment {
    let home = [("HOME", home.to_str().unwrap())];
    variables.iter().copied().chain(home).collect()
}

#[test]
fn the_variables_of_nanoclaw_work_from_the_environment_and_from_dotenv() {
    let directory = tempfile::tempdir().unwrap();
    let from_environment = load_in(
        directory.path(),
        environment(directory.path(), NANOCLAW),
        None,
        Profile::OneNode,
        Vec::new(),
    )
    .unwrap()
    .config;
    let lines: Vec<_> = NANOCLAW
        .iter()
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect();
    std::fs::write(directory.path().join(".env"), lines.concat()).unwrap();
    let from_dotenv = load_in(
        directory.path(),
        environment(directory.path(), &[]),
        None,
        Profile::OneNode,
        Vec::new(),
    )
    .unwrap()
    .config;
    assert_eq!(from_environment, from_dotenv);

    let config = from_dotenv;
    assert_eq!(
        (config.assistant_name.as_str(), config.log.level.as_str()),
        ("Bo", "debug")
    );
    assert_eq!(config.timezone.to_string(), "America/New_York");
    let runner = &config.runner;
    assert_eq!((runner.slots, runner.idle_timeout_ms, runner.timeout_ms), (2, 3, 4));
    assert_eq!(config.sandbox.image, "nanoclaw-agent:latest");
    assert_eq!(config.model.api_key.unwrap().expose(), "key");
    assert_eq!(config.model.oauth_token.unwrap().expose(), "token");
    assert_eq!(config.model.base_url, "http://localhost:1/prefix");
}

#[test]
fn p_d1_a_time_out_that_is_no_number_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let environment = environment(directory.path(), &[("CONTAINER_TIMEOUT", "abc"), ("IDLE_TIMEOUT", "0")]);
    let problems = load_in(directory.path(), environment, None, Profile::OneNode, Vec::new()).unwrap_err();
    let expected = "the configuration is refused\n  \
        environment CONTAINER_TIMEOUT: runner.timeout_ms: is not a whole number\n  \
        environment IDLE_TIMEOUT: runner.idle_timeout_ms: 0 is not from 1 to 2678400000";
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn paths_below_home_are_found() {
    let home = tempfile::tempdir().unwrap();
    let overrides = vec![("data_dir".to_owned(), toml::Value::from("~/node"))];
    let config = load_in(
        home.path(),
        environment(home.path(), &[]),
        None,
        Profile::OneNode,
        overrides,
    )
    .unwrap()
    .config;
    assert_eq!(config.data_dir, home.path().join("node"));
    assert_eq!(
        config.runner.mount_allowlist,
        home.path().join(".config/clawhold/mount-allowlist.json")
    );
}

#[test]
fn dotenv_is_read_next_to_a_file_named_in_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("other.toml"), "[retention]\nkeep_days = 3").unwrap();
    std::fs::write(directory.path().join(".env"), "ASSISTANT_NAME=Bo").unwrap();
    let file = directory.path().join("other.toml");
    let environment = [("CLAWHOLD_CONFIG", file.to_str().unwrap())].into_iter().collect();
    let config = load_in(
        Path::new("/nonexistent"),
        environment,
        None,
        Profile::OneNode,
        Vec::new(),
    )
    .unwrap()
    .config;
    assert_eq!((config.assistant_name.as_str(), config.retention.keep_days), ("Bo", 3));
}

#[test]
fn every_default_passes_its_own_checks() {
    let text = toml::to_string(&Config::default()).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
}
