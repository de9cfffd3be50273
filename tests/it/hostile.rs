//! What an agent puts in its directories, and what it reaches from its sandbox: nothing outside is read or changed, the reason
//! is in the log, the node lives on and the turn is answered.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::{World, invariant};

use crate::nanoclaw;

const PATIENCE: Duration = Duration::from_secs(60);
/// Never to be seen by an agent, never to be changed.
const SECRET: &str = "the heron's secret";

/// The directory of a group's only run.
fn run_dir(world: &World, group: &str) -> PathBuf {
    let runs = std::fs::read_dir(world.data().join("runs")).unwrap();
    let mut runs = runs.map(|entry| entry.unwrap().path());
    let prefix = format!("{group}-e");
    runs.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&prefix))
        .unwrap()
}

/// A file of the host that agents have no business with.
fn secret(world: &World) -> PathBuf {
    let path = world.directory().join("secret.json");
    std::fs::write(
        &path,
        format!(r#"{{"type":"message","chatJid":"cli:main","text":"{SECRET}"}}"#),
    )
    .unwrap();
    path
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// Waits until the log says that something of this name or kind was refused.
async fn refused(world: &World, needle: &str) {
    world
        .until(&format!("a refusal that says {needle:?}"), async || {
            world
                .log_text()
                .lines()
                .any(|line| line.contains("refused") && line.contains(needle))
        })
        .await;
}

/// Everything the model was told: what an agent saw of its tools' outputs is in there.
fn seen(world: &World) -> String {
    world
        .model
        .requests()
        .iter()
        .map(|request| request.body.to_string())
        .collect()
}

/// Has the agent of a group run a command, once in its life, and says what it saw.
async fn sees(world: &mut World, group: &str, command: &str) -> String {
    let kept = "/workspace/group/seen.txt";
    world
        .say(group, &format!("[[bash ( {command} ) > {kept} 2>&1]] [[say looked]]"))
        .await;
    world.expect(group, &["looked"]).await;
    std::fs::read_to_string(world.data().join(format!("groups/{group}/seen.txt"))).unwrap()
}

/// Puts a file there as honest programs do, so that nobody reads half of it. It is written beside the mailbox: inside, a
/// name that is no message is removed as soon as it is seen.
fn put(path: &Path, contents: impl AsRef<[u8]>) {
    let unfinished = path.ancestors().nth(2).unwrap().join("unfinished.tmp");
    std::fs::write(&unfinished, contents).unwrap();
    std::fs::rename(unfinished, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_in_nanoclaws_directories_are_refused_one_by_one() {
    let image = nanoclaw::image().await;
    let mut world = World::builder().env("CONTAINER_IMAGE", image).start().await;
    let secret = secret(&world);
    world.say("main", "[[stall gate]] [[say done]]").await;
    world.model.wait_stalled("gate", PATIENCE).await.unwrap();
    let messages = run_dir(&world, "main").join("ipc/messages");
    let tasks = run_dir(&world, "main").join("ipc/tasks");

    put(&messages.join("a-large.json"), vec![b' '; 2 * 1024 * 1024]);
    put(&messages.join(OsStr::from_bytes(b"b-\xff\xfe.json")), "{}");
    put(
        &messages.join("c-bytes.json"),
        b"{\"type\":\"message\",\"text\":\"\xff\xfe\"}",
    );
    symlink(&secret, messages.join("d-link.json")).unwrap();
    fifo(&messages.join("e-fifo.json"));
    std::fs::create_dir_all(messages.join("f-directory.json/with/more")).unwrap();
    std::fs::hard_link(&secret, messages.join("g-hard-link.json")).unwrap();
    put(
        &messages.join("h-shape.json"),
        r#"{"type":"message","chatJid":7,"text":["a"]}"#,
    );
    put(&messages.join("i-deep.json"), "[".repeat(200_000));
    put(&messages.join("notes.txt"), "no such name");
    put(&tasks.join("j-unknown.json"), r#"{"type":"launch_missiles"}"#);

    for reason in [
        "a-large.json",
        "more than the limit",
        "b-",
        "d-link.json",
        "it is a symbolic link",
        "e-fifo.json",
        "it is not a regular file",
        "f-directory.json",
        "hard links",
        "notes.txt",
        "tasks:",
    ] {
        refused(&world, reason).await;
    }
    world
        .until("everything to be cleared away", async || {
            [&messages, &tasks]
                .iter()
                .all(|dir| std::fs::read_dir(dir).unwrap().count() == 0)
        })
        .await;
    world.model.release("gate");
    world.expect("main", &["done"]).await;
    assert!(!seen(&world).contains(SECRET));
    assert!(
        std::fs::read_to_string(&secret).unwrap().contains(SECRET),
        "the host's file is untouched"
    );
    invariant::check(&mut world, &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_a_flood_and_a_deep_tree_in_the_mailbox_do_not_keep_a_turn_from_its_answer() {
    let mut world = World::start().await;
    let command = "cd /clawhold/out/mail; for i in $(seq 5000); do echo x > flood-$i; done; \
        mkfifo pipe; ln -s /etc/passwd link.json; head -c 20000000 /dev/zero > big; \
        mkdir deep; cd deep; for i in $(seq 300); do mkdir d; cd d; done; cd /; ls /clawhold/out/mail | wc -l";
    world
        .say("main", &format!("[[bash {command}]] [[send early]] [[say done]]"))
        .await;
    world.expect("main", &["early", "done"]).await;
    refused(&world, "flood-").await;
    let mail = run_dir(&world, "main").join("out/mail");
    world
        .until("the mailbox to be cleared", async || {
            let mut left = std::fs::read_dir(&mail).unwrap();
            left.all(|entry| entry.unwrap().file_name() == proto::ipc::SPARE)
        })
        .await;
    world.say("main", "still there?").await;
    world.expect("main", &["early", "done", "echo: still there?"]).await;
    assert!(
        world.stop().await.success(),
        "the deep tree does not stop the node from stopping"
    );
    assert!(!mail.exists(), "nothing of the run is left");
}

/// Whatever has the name of a message takes the place of a message of the agent: it loses its turn, nobody else does.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_forges_its_mailbox_harms_only_its_own_attempt() {
    let mut world = World::builder()
        .env("CONTAINER_TIMEOUT", 12_000)
        .open_group("team")
        .start()
        .await;
    let secret = secret(&world);
    world.say("main", "[[stall gate]] [[say done]]").await;
    world.model.wait_stalled("gate", PATIENCE).await.unwrap();
    let mail = run_dir(&world, "main").join("out/mail");
    let name = |number: usize| mail.join(format!("{number:020}.json"));
    // The agent has said a few things already: numbers that are past are junk.
    for number in (1..60).rev() {
        match number % 6 {
            0 => put(&name(number), vec![b' '; 9 * 1024 * 1024]),
            1 => put(&name(number), b"\xff\xfe"),
            2 => symlink(&secret, name(number)).unwrap(),
            3 => fifo(&name(number)),
            4 => std::fs::create_dir_all(name(number).join("full")).unwrap(),
            _ => put(&name(number), r#"{"v":1,"type":"result","text":7}"#),
        }
    }
    for reason in ["more than the limit", "symbolic link", "not a regular file"] {
        refused(&world, reason).await;
    }
    world.say("team", "meanwhile").await;
    world.expect("team", &["echo: meanwhile"]).await;
    world.model.release("gate");
    world.expect("main", &["done"]).await;
    assert!(!seen(&world).contains(SECRET));
    assert!(
        std::fs::read_to_string(&secret).unwrap().contains(SECRET),
        "the host's file is untouched"
    );
    invariant::check(&mut world, &["main", "team"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_reaches_nothing_but_its_own_directories_and_the_model() {
    let mut world = World::start().await;
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let look = format!(
        "touch /clawhold/in/x && echo WROTE-IN; rm -f /clawhold/in/proxy.sock && echo REMOVED-SOCKET; \
         for host in 127.0.0.1 172.17.0.1 host.docker.internal; do \
           curl -s -m 2 telnet://$host:{port} </dev/null && echo REACHED-$host; done; \
         ls /var/run/docker.sock /run/docker.sock && echo HAS-DOCKER; \
         proxy='curl -s -o /dev/null --unix-socket /clawhold/in/proxy.sock'; \
         $proxy -w 'none=%{{http_code}} ' http://m/v1/models; \
         $proxy -w 'wrong=%{{http_code}} ' -H 'x-api-key: guessed' http://m/v1/models; \
         $proxy -w 'files=%{{http_code}} ' -H x-api-key:$ANTHROPIC_API_KEY http://m/v1/files; \
         $proxy -w 'right=%{{http_code}} ' -H x-api-key:$ANTHROPIC_API_KEY -H anthropic-version:2023-06-01 http://m/v1/models/claude-x; \
         id -u; env; echo finished"
    );
    let result = sees(&mut world, "main", &look).await;
    for forbidden in ["WROTE-IN", "REMOVED-SOCKET", "REACHED-", "HAS-DOCKER"] {
        assert!(!result.contains(forbidden), "{forbidden}: {result}");
    }
    for code in ["none=401", "wrong=401", "files=403", "1000", "finished"] {
        assert!(result.contains(code), "{code}: {result}");
    }
    assert!(
        !result.contains("right=401") && !result.contains("right=403"),
        "the run's token passes: {result}"
    );
    assert!(listener.accept().is_err(), "nobody came to the host's port");
    assert!(
        !seen(&world).contains(doubles::DEMO_API_KEY),
        "the real key stays outside"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_sees_neither_the_database_nor_another_groups_files() {
    let mut world = World::builder().open_group("team").start().await;
    sees(
        &mut world,
        "team",
        &format!("echo \"{SECRET}\" | tr a-z A-Z > note.txt"),
    )
    .await;
    let hidden = SECRET.to_uppercase();
    let search = "find /workspace /clawhold /home /app -xdev -maxdepth 4 -not -path '*/node_modules/*'; \
        cat /workspace/project/groups.json; grep -rIh SECRET /workspace/project /workspace/global /home /clawhold";
    let result = sees(&mut world, "main", search).await;
    assert!(
        result.contains("/workspace/project/groups.json"),
        "main sees the view: {result}"
    );
    assert!(!result.contains(&hidden) && !result.contains("note.txt"), "{result}");
    for private in [".db", ".sqlite", ".env", "clawhold.toml", "sessions", "secret"] {
        let named = result
            .lines()
            .any(|line| line.starts_with("/workspace/project") && line.contains(private));
        assert!(!named, "{private}: {result}");
    }
    assert!(
        std::fs::read_to_string(world.data().join("groups/team/note.txt"))
            .unwrap()
            .contains(&hidden)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_planted_in_the_workspace_are_not_written_through_at_the_next_start() {
    let mut world = World::start().await;
    world.say("main", "one").await;
    world.expect("main", &["echo: one"]).await;
    world.stop().await;
    let target = secret(&world);
    let before = std::fs::read(&target).unwrap();
    let missing = world.directory().join("not-there");
    let workspace = world.data().join("groups/main");
    let claude = world.data().join("sessions/main/.claude");
    // As an agent would: it may write in both.
    for (path, target) in [
        (workspace.join("CLAUDE.md"), &missing),
        (claude.join("settings.json"), &missing),
    ] {
        let _ = std::fs::remove_file(&path);
        symlink(target, path).unwrap();
    }
    let outside = world.directory().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let _ = std::fs::remove_dir_all(claude.join("skills"));
    symlink(&outside, claude.join("skills")).unwrap();
    symlink(&target, workspace.join("logs")).unwrap();

    world.run(None);
    world.say("main", "two").await;
    world.expect("main", &["echo: one", "echo: two"]).await;
    assert!(
        !missing.exists(),
        "nothing was written through a link to a missing file"
    );
    assert_eq!(std::fs::read(&target).unwrap(), before);
    assert_eq!(
        std::fs::read_dir(&outside).unwrap().count(),
        0,
        "no skill went through the link"
    );
}
