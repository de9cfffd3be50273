//! The promises of the loader, over a small configuration of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Value;

use super::{Environment, Loaded, Origin, Problems, Secret, Sources, Variable, Zone, load, range};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    name: String,
    zone: Zone,
    runner: Runner,
    accounts: BTreeMap<String, Account>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Runner {
    #[serde(deserialize_with = "range::within::<1, 1000, _, _>")]
    slots: u32,
    timeout_ms: u64,
    key: Option<Secret>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    secret: Secret,
    #[serde(default, deserialize_with = "range::http_url")]
    url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "Andy".to_owned(),
            zone: Zone::UTC,
            runner: Runner::default(),
            accounts: BTreeMap::new(),
        }
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self {
            slots: 5,
            timeout_ms: 1000,
            key: None,
        }
    }
}

const VARIABLES: &[Variable] = &[
    Variable::text("ASSISTANT_NAME", "name"),
    Variable::integer("MAX_CONCURRENT_CONTAINERS", "runner.slots"),
    Variable::integer("CONTAINER_TIMEOUT", "runner.timeout_ms"),
    Variable::text("OTHER_KEY", "runner.key"),
    Variable::text("API_KEY", "runner.key"),
    Variable::elsewhere("CLAWHOLD_CONFIG"),
];

/// A directory with files, and what else a load is given.
struct World {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl World {
    fn new(file: &str, dotenv: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("clawhold.toml"), file).unwrap();
        std::fs::write(path(".env"), dotenv).unwrap();
        let sources = Sources {
            host: Vec::new(),
            file: path("clawhold.toml"),
            file_is_named: true,
            dotenv: path(".env"),
            environment: environment.iter().map(|(name, value)| (*name, *value)).collect(),
            overrides: Vec::new(),
        };
        Self { directory, sources }
    }

    fn load(&self) -> Result<Loaded<Config>, Problems> {
        load(VARIABLES, &self.sources)
    }

    /// All problems, one per line, without the directory.
    fn refused(&self) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        let problems = self.load().expect_err("must be refused").0;
        problems
            .iter()
            .map(|problem| problem.to_string().replace(&directory, ""))
            .collect()
    }
}

#[test]
fn each_layer_wins_over_the_one_below_it() {
    let mut world = World::new(
        "name = 'file'\n[runner]\nslots = 2\ntimeout_ms = 2",
        "ASSISTANT_NAME=dotenv\nCONTAINER_TIMEOUT=3",
        &[("CONTAINER_TIMEOUT", "4")],
    );
    world.sources.host = vec![
        ("zone".to_owned(), Value::from("Asia/Tokyo")),
        ("name".to_owned(), Value::from("host")),
    ];
    let loaded = world.load().unwrap();
    assert_eq!(loaded.config.name, "dotenv");
    assert_eq!(
        loaded.config.runner,
        Runner {
            slots: 2,
            timeout_ms: 4,
            key: None
        }
    );
    assert_eq!(loaded.config.zone.to_string(), "Asia/Tokyo");
    world.sources.overrides = vec![("runner.timeout_ms".to_owned(), Value::from(5))];
    assert_eq!(world.load().unwrap().config.runner.timeout_ms, 5);
}

#[test]
fn without_files_the_defaults_hold() {
    let mut world = World::new("", "", &[]);
    world.sources.file = PathBuf::from("/nonexistent/clawhold.toml");
    world.sources.file_is_named = false;
    world.sources.dotenv = PathBuf::from("/nonexistent/.env");
    assert_eq!(world.load().unwrap().config, Config::default());
    world.sources.file_is_named = true;
    assert_eq!(world.refused(), ["/nonexistent/clawhold.toml: no such file"]);
}

#[test]
fn every_mistake_of_a_run_is_listed_with_its_place_key_and_reason() {
    let file = "nam = 'x'\nname = 7\nzone = 'Mars/Olympus'\n\n[runner]\nslots = 0\nslot = 1\n\n[accounts.a]\nurl = 'ftp://x'\n";
    let world = World::new(
        file,
        "\nCONTAINER_TIMEOUT=abc\nUNRELATED=1\n",
        &[("MAX_CONCURRENT_CONTAINERS", "1001"), ("CLAWHOLD_DATADIR", "x")],
    );
    let expected = [
        "clawhold.toml:1: nam: unknown field `nam`, expected one of `name`, `zone`, `runner`, `accounts`",
        "clawhold.toml:2: name: expected a string, found an integer",
        "clawhold.toml:3: zone: \"Mars/Olympus\" is not an IANA time zone; use a name such as \"Europe/Berlin\" or \"UTC\"",
        "clawhold.toml:6: runner.slots: 0 is not from 1 to 1000",
        "clawhold.toml:7: runner.slot: unknown field `slot`, expected one of `slots`, `timeout_ms`, `key`",
        "clawhold.toml:9: accounts.a: missing field `secret`",
        "clawhold.toml:10: accounts.a.url: is not an http:// or https:// address",
        ".env:2 CONTAINER_TIMEOUT: runner.timeout_ms: is not a whole number",
        "environment CLAWHOLD_DATADIR: unknown variable; all that begin with CLAWHOLD_ are checked",
        "environment MAX_CONCURRENT_CONTAINERS: runner.slots: 1001 is not from 1 to 1000",
    ];
    assert_eq!(world.refused(), expected);
}

#[test]
fn a_mistake_is_reported_even_where_a_higher_layer_hides_it() {
    let world = World::new("[runner]\nslots = 0", "", &[("MAX_CONCURRENT_CONTAINERS", "3")]);
    assert_eq!(
        world.refused(),
        ["clawhold.toml:2: runner.slots: 0 is not from 1 to 1000"]
    );
}

#[test]
fn a_syntax_error_is_named_by_line_and_column_and_not_quoted() {
    for (file, place) in [
        ("name = 'x'\n[runner\n", "clawhold.toml:2:"),
        ("name = sk-ant-1\n", "clawhold.toml:1:"),
    ] {
        let refused = World::new(file, "", &[]).refused();
        assert!(refused[0].starts_with(place), "{refused:?}");
        assert!(!refused.concat().contains("sk-ant"), "{refused:?}");
    }
    let twice = World::new("name = 'a'\nname = 'b'\n", "", &[]).refused();
    assert!(
        twice[0].starts_with("clawhold.toml:2:1: not valid TOML: duplicate key"),
        "{twice:?}"
    );
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    let world = World::new("", "", &[]);
    std::fs::write(&world.sources.file, b"name = 'x'\n# \xff\n").unwrap();
    assert_eq!(world.refused(), ["clawhold.toml:2: is not UTF-8 text"]);
    std::fs::write(&world.sources.file, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert_eq!(world.refused(), ["clawhold.toml: is longer than 1048576 bytes"]);
}

#[test]
fn secrets_appear_in_no_message() {
    let secret = "sk-ant-very-secret";
    let files = [
        format!("runner = '{secret}'"),
        format!("accounts = '{secret}'"),
        format!("[runner]\nslots = '{secret}'"),
        format!("[runner]\nkey = ['{secret}']"),
        format!("[accounts]\na = '{secret}'"),
        format!("[runner]\nkey = \"{secret}"),
        format!("[runner]\nkey = {secret}"),
    ];
    for file in files {
        let refused = World::new(&file, "", &[]).refused().concat();
        assert!(!refused.contains(secret), "{refused}");
    }
    let long_number = "12345678901234567890123";
    let refused = World::new(&format!("[runner]\nkey = {long_number}"), "", &[])
        .refused()
        .concat();
    assert!(!refused.contains(long_number), "{refused}");
    let refused = World::new("", "", &[("CONTAINER_TIMEOUT", secret)]).refused().concat();
    assert!(!refused.contains(secret), "{refused}");
}

#[test]
fn what_follows_from_another_mistake_is_not_listed() {
    let refused = World::new("[accounts.a]\nsecret = ''", "", &[]).refused();
    assert_eq!(refused, ["clawhold.toml:2: accounts.a.secret: must not be empty"]);
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let world = World::new(
        "name = 'file'",
        "ASSISTANT_NAME=\n",
        &[("ASSISTANT_NAME", ""), ("CONTAINER_TIMEOUT", "")],
    );
    assert_eq!(world.load().unwrap().config.name, "file");
}

#[test]
fn of_two_variables_for_one_setting_the_later_in_the_list_wins_in_either_order() {
    for dotenv in ["API_KEY=a\nOTHER_KEY=o", "OTHER_KEY=o\nAPI_KEY=x\nAPI_KEY=a"] {
        let key = World::new("", dotenv, &[]).load().unwrap().config.runner.key;
        assert_eq!(key, Some(Secret::new("a")));
    }
}

#[test]
fn what_is_printed_names_origins_hides_secrets_and_can_be_read_again() {
    let world = World::new(
        "[accounts.\"a b\"]\nsecret = 'hush'\n[runner]\nslots = 2",
        "API_KEY=hush",
        &[("ASSISTANT_NAME", "Bo")],
    );
    let loaded = world.load().unwrap();
    let text = loaded.print().unwrap();
    let directory = format!("{}/", world.directory.path().display());
    let expected = "\
name = \"Bo\"                                  # environment ASSISTANT_NAME
zone = \"UTC\"                                 # default

[accounts.\"a b\"]
secret = \"***\"                               # clawhold.toml:2

[runner]
key = \"***\"                                  # .env:1 API_KEY
slots = 2                                    # clawhold.toml:4
timeout_ms = 1000                            # default
";
    assert_eq!(text.replace(&directory, ""), expected);
    assert!(toml::from_str::<Config>(&text).is_ok());
    assert_eq!(loaded.origin(&["zone".to_owned()]), &Origin::Default);
}

#[test]
fn a_variable_that_is_not_text_is_refused_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;
    let mut world = World::new("", "", &[]);
    let broken = || std::ffi::OsString::from_vec(vec![0xff]);
    world.sources.environment = Environment::from_iter([("ASSISTANT_NAME", broken()), ("UNRELATED", broken())]);
    assert_eq!(world.refused(), ["environment ASSISTANT_NAME: is not UTF-8 text"]);
}
