//! What a person at a shell, and a script at a pipe, can count on.

use servers::Port;
use tempfile::TempDir;
use tests::{Engine, Said, World, command};

/// An empty directory in which no node runs.
struct Nowhere(TempDir);

impl Nowhere {
    fn new() -> Self {
        Self(TempDir::with_prefix("ch").unwrap())
    }

    async fn command(&self, arguments: &[&str], input: &str) -> Said {
        let port = Port::reserve().unwrap();
        let environment = [("CLAWHOLD_HTTP_LISTEN".to_owned(), port.address().to_string())];
        command(self.0.path(), &environment, arguments, input).await
    }

    fn config(&self, toml: &str) {
        std::fs::write(self.0.path().join("clawhold.toml"), toml).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn piped_lines_are_answered_and_standard_output_holds_replies_only() {
    let nowhere = Nowhere::new();
    let said = nowhere.command(&["up", "--demo"], "hello\n\nhow are you?\n").await;
    let install = std::fs::read_to_string(nowhere.0.path().join("data/install-id")).unwrap();
    let left = Engine::connect().await.sandboxes(install.trim()).await.len();
    assert_eq!(said.code, 0, "{}", said.stderr);
    // One answer may cover both lines; the newest is quoted.
    assert!(said.stdout.contains("You wrote: how are you?"), "{}", said.stdout);
    assert!(
        !said.stdout.contains("clawhold:") && !said.stdout.contains("INFO"),
        "{}",
        said.stdout
    );
    assert!(said.stderr.contains("stand-in model"), "{}", said.stderr);
    assert_eq!(left, 0, "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_the_node_says_where_to_put_one() {
    let said = Nowhere::new().command(&["up"], "").await;
    assert_eq!((said.code, said.stdout.as_str()), (1, ""));
    for hint in ["ANTHROPIC_API_KEY", ".env", "clawhold up --demo"] {
        assert!(said.stderr.contains(hint), "{}", said.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_refused_with_file_key_and_reason() {
    let nowhere = Nowhere::new();
    nowhere.config("[runner]\nslots = 0\nslotz = 3\n\n[sandbox]\nuid = 0\n");
    let said = nowhere.command(&["config", "check"], "").await;
    assert_eq!((said.code, said.stdout.as_str()), (1, ""));
    for key in ["runner.slots:", "slotz", "sandbox.uid:"] {
        let line = said.stderr.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("{key} is missing: {}", said.stderr));
        assert!(line.contains("clawhold.toml"), "{line}");
    }
    nowhere.config("[runner]\nslots = 3\n");
    let said = nowhere.command(&["config", "check"], "").await;
    assert_eq!((said.code, said.stdout.as_str()), (0, "ok\n"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_never_printed() {
    let nowhere = Nowhere::new();
    nowhere.config(
        "[model]\napi_key = \"sk-hidden-1\"\noauth_refresh_token = \"hidden-2\"\n\
         [channels.webhook.shop]\nsecret = \"hidden-3-0123456789\"\n",
    );
    std::fs::write(nowhere.0.path().join(".env"), "CLAUDE_CODE_OAUTH_TOKEN=hidden-4\n").unwrap();
    let said = nowhere.command(&["config", "print"], "").await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("api_key"), "{}", said.stdout);
    assert!(!format!("{said:?}").contains("hidden-"), "{said:?}");
    nowhere.config("[model]\napi_key = [\"sk-hidden-5\"]\n");
    let said = nowhere.command(&["config", "check"], "").await;
    assert!(said.code == 1 && !said.stderr.contains("hidden-"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_added_listed_and_removed_in_the_running_node() {
    let world = World::start().await;
    let added = world
        .command(&["group", "add", "team", "--set", "trigger=@Bo"], "")
        .await;
    assert_eq!(added.code, 0, "{}", added.stderr);
    let again = world.command(&["group", "add", "team"], "").await;
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stderr.contains("team"), "{}", again.stderr);
    let listed = world.command(&["group", "list"], "").await;
    assert!(
        listed.stdout.contains("main") && listed.stdout.contains("team"),
        "{}",
        listed.stdout
    );
    assert_eq!(world.command(&["group", "remove", "team"], "").await.code, 0);
    let listed = world.command(&["group", "list"], "").await;
    assert!(!listed.stdout.contains("team"), "{}", listed.stdout);
    let gone = world.command(&["chat", "--group", "team"], "hello\n").await;
    assert!(
        gone.code == 1 && gone.stderr.contains("clawhold group add team"),
        "{gone:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_could_be_a_path_is_refused_with_what_a_name_is() {
    let world = World::start().await;
    for name in ["../up", "a:b", "a/b", "", ".", "global", "é"] {
        for arguments in [["group", "add", name], ["chat", "--group", name]] {
            let said = world.command(&arguments, "").await;
            assert!(said.code != 0, "{arguments:?}: {said:?}");
            assert!(
                said.stderr.contains("letters, digits"),
                "{arguments:?}: {}",
                said.stderr
            );
        }
    }
    let folders = std::fs::read_dir(world.data().join("groups")).unwrap();
    let mut names: Vec<_> = folders.map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name != "main" && name != "global");
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_json_for_scripts_and_its_exit_code_says_ready() {
    let world = World::start().await;
    let said = world.command(&["status", "--json"], "").await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    let status: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&status["counts"]["groups"], &status["readiness"]["ready"]),
        (&1.into(), &true.into())
    );
    let said = world.command(&["status"], "").await;
    assert!(said.stdout.contains(": ready\n"), "{}", said.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piped_chat_prints_each_answer_once_and_ends_when_all_is_answered() {
    let world = World::start().await;
    let said = world.command(&["chat"], "[[send on it]] [[say done]]\n").await;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "on it\ndone\n"),
        "{}",
        said.stderr
    );
    let said = world.command(&["chat"], "and again\n").await;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "echo: and again\n"),
        "{}",
        said.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_every_command_says_how_to_start_one() {
    let nowhere = Nowhere::new();
    for arguments in [&["chat"][..], &["status"], &["group", "list"]] {
        let said = nowhere.command(arguments, "hello\n").await;
        assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(
            said.stderr.contains("start it with `clawhold up`"),
            "{arguments:?}: {}",
            said.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_the_same_data_is_refused_with_the_process_to_stop() {
    let mut world = World::start().await;
    let said = world.command(&["up", "--serve"], "").await;
    assert_eq!(said.code, 1, "{}", said.stderr);
    let pid = format!("(pid {})", world.node().pid());
    assert!(
        said.stderr.contains(&pid) && said.stderr.contains("stop it first"),
        "{}",
        said.stderr
    );
    world.say("main", "hello").await;
    world.expect("main", &["echo: hello"]).await;
}
