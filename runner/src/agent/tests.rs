//! Links against a container side made of plain file writes.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use proto::ids::{ChatId, Epoch, GroupId, InboxOrd, SessionId, TurnId};
use proto::ipc::{Progress, StartGroup, file_name};
use proto::nanoclaw::GroupsSnapshot;
use proto::time::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use uuid::Uuid;

use super::*;
use crate::mailbox::{Layout, RunDir, RunDirs, Watcher};

struct Container {
    _data: tempfile::TempDir,
    path: PathBuf,
    _run: RunDir,
    stdin: DuplexStream,
    stdout: Option<DuplexStream>,
    stderr: DuplexStream,
}

fn make(layout: Layout) -> (Container, Stdio, Watcher) {
    let data = tempfile::tempdir().unwrap();
    let runs = RunDirs::open(data.path(), 1000).unwrap();
    let run = runs.create(&GroupId::parse("main").unwrap(), Epoch(1), layout).unwrap();
    let (stdin, their_stdin) = duplex(1 << 20);
    let (stdout, their_stdout) = duplex(1 << 20);
    let (stderr, their_stderr) = duplex(1 << 20);
    let stdio = Stdio {
        stdin: Some(Box::pin(stdin)),
        stdout: Box::pin(stdout),
        stderr: Box::pin(stderr),
    };
    let path = data.path().join("runs/main-e1");
    let container = Container {
        _data: data,
        path,
        _run: run,
        stdin: their_stdin,
        stdout: Some(their_stdout),
        stderr: their_stderr,
    };
    (container, stdio, Watcher::new())
}

fn own() -> (Container, OwnLink) {
    let (container, stdio, watcher) = make(Layout::Own);
    let link = OwnLink::new(&container._run, &watcher, stdio).unwrap();
    (container, link)
}

fn nanoclaw() -> (Container, NanoClawLink) {
    let (container, stdio, watcher) = make(Layout::NanoClaw);
    let surroundings = Surroundings {
        chat: ChatId::new("cli:main"),
        tasks: Vec::new(),
        groups: GroupsSnapshot {
            groups: Vec::new(),
            last_sync: Timestamp::from_millis(0),
        },
    };
    let link = NanoClawLink::new(&container._run, &watcher, stdio, surroundings).unwrap();
    (container, link)
}

impl Container {
    fn drop_file(&self, below: &str, contents: &[u8]) {
        let path = self.path.join(below);
        let temporary = path.with_file_name(format!(".{}.tmp", path.file_name().unwrap().to_str().unwrap()));
        fs::write(&temporary, contents).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    fn mail(&self, sequence: u64, message: &Value) {
        self.drop_file(
            &format!("out/mail/{}", file_name(sequence)),
            message.to_string().as_bytes(),
        );
    }

    fn received(&self, sequence: u64) -> Value {
        serde_json::from_slice(&fs::read(self.path.join("in/mail").join(file_name(sequence))).unwrap()).unwrap()
    }

    async fn print(&mut self, output: &Value) {
        let frame = format!("---NANOCLAW_OUTPUT_START---\n{output}\n---NANOCLAW_OUTPUT_END---\n");
        self.stdout.as_mut().unwrap().write_all(frame.as_bytes()).await.unwrap();
    }
}

fn prompt(through: i64) -> Prompt {
    Prompt {
        turn_id: TurnId(Uuid::nil()),
        attempt: 1,
        uuid: Uuid::nil(),
        through: InboxOrd(through),
        text: format!("prompt {through}"),
        pictures: Vec::new(),
        check: None,
    }
}

fn start(through: i64) -> Start {
    Start {
        group: StartGroup {
            id: GroupId::parse("main").unwrap(),
            name: "Main".to_owned(),
            is_main: true,
        },
        assistant_name: "Andy".to_owned(),
        timezone: "UTC".to_owned(),
        session_id: Some(SessionId::new("s0")),
        tools: vec!["send_message".to_owned()],
        model: None,
        max_turns: None,
        max_budget_usd: None,
        prompt: prompt(through),
    }
}

async fn next(link: &mut dyn AgentLink) -> LinkEvent {
    tokio::time::timeout(Duration::from_secs(10), link.next())
        .await
        .expect("the agent said something")
}

fn result_of(event: LinkEvent) -> (Option<String>, Option<i64>) {
    match event {
        LinkEvent::Message(AgentMessage::Result(result)) => (result.text, result.consumed_through.map(|ord| ord.0)),
        other => panic!("{other:?} is no result"),
    }
}

fn result(through: i64) -> Value {
    json!({
        "v": 1, "type": "result", "subtype": "success", "is_error": false, "text": "done", "consumed_through": through,
        "session_id": "s0", "num_turns": 1, "duration_ms": 1, "cost_usd": null, "error": null,
        "usage": {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    })
}

#[tokio::test]
async fn what_the_agent_has_surely_read_is_written_into_and_nothing_else() {
    use std::os::unix::fs::MetadataExt as _;
    let (container, mut link) = own();
    let inode = |sequence| {
        fs::metadata(container.path.join("in/mail").join(file_name(sequence)))
            .unwrap()
            .ino()
    };
    let result = |through| {
        json!({ "v": 1, "type": "result", "subtype": "success", "is_error": false, "consumed_through": through,
        "num_turns": 1, "duration_ms": 1, "usage": {} })
    };
    link.start(start(3)).await.unwrap();
    link.hand_over(prompt(4)).await.unwrap();
    let read = [1, 2].map(inode);
    container.mail(1, &result(99));
    assert!(matches!(next(&mut link).await, LinkEvent::Refused { .. }));
    link.hand_over(prompt(5)).await.unwrap();
    assert_eq!([1, 2].map(inode), read, "nobody has answered");
    container.mail(2, &result(3));
    assert_eq!(result_of(next(&mut link).await).1, Some(3));
    link.hand_over(prompt(6)).await.unwrap();
    link.hand_over(prompt(7)).await.unwrap();
    assert_eq!(
        (inode(4), inode(2)),
        (read[0], read[1]),
        "the first was answered, and no more"
    );
    assert_eq!(container.received(2)["prompt"]["through"], 4);
    container.mail(3, &result(4));
    assert_eq!(result_of(next(&mut link).await).1, Some(4));
    link.hand_over(prompt(8)).await.unwrap();
    assert_eq!(inode(6), read[1]);
}

#[tokio::test]
async fn own_host_messages_arrive_in_sequence() {
    let (container, mut link) = own();
    link.start(start(3)).await.unwrap();
    link.hand_over(prompt(4)).await.unwrap();
    link.answer(Answer::done("r1", json!({}))).await.unwrap();
    link.close(CloseReason::Idle).await.unwrap();
    let types: Vec<_> = (1..=4)
        .map(|sequence| container.received(sequence)["type"].clone())
        .collect();
    assert_eq!(types, ["start", "prompt", "answer", "close"]);
    assert!(link.takes_follow_ups());
}

#[tokio::test]
async fn own_answer_larger_than_a_file_may_be_is_refused_instead_of_left_out() {
    let (container, mut link) = own();
    let entries = json!({ "entries": ["x".repeat(64 * 1024 * 1024)] });
    link.answer(Answer::done("r1", entries)).await.unwrap();
    let answer = container.received(1);
    assert_eq!(
        (&answer["id"], &answer["ok"], &answer["error"]["code"]),
        (&json!("r1"), &json!(false), &json!("too_large"))
    );
}

#[tokio::test]
async fn own_agent_messages_are_checked_and_a_bad_file_ends_nothing() {
    let (container, mut link) = own();
    link.start(start(3)).await.unwrap();
    container.mail(1, &json!({"v": 1, "type": "progress", "kind": "text", "text": "hm"}));
    container.drop_file(&format!("out/mail/{}", file_name(2)), "[".repeat(100_000).as_bytes());
    container.mail(3, &json!({"v": 2, "type": "ready"}));
    container.mail(4, &result(99));
    container.mail(5, &result(3));
    let progress = Progress {
        kind: proto::ipc::ProgressKind::Text,
        text: "hm".to_owned(),
    };
    assert_eq!(
        next(&mut link).await,
        LinkEvent::Message(AgentMessage::Progress(progress))
    );
    for what in ["nesting", "another version", "more consumed than handed over"] {
        assert!(matches!(next(&mut link).await, LinkEvent::Refused { .. }), "{what}");
    }
    assert_eq!(result_of(next(&mut link).await), (Some("done".to_owned()), Some(3)));
}

#[tokio::test]
async fn own_waiting_link_hears_a_message_and_survives_being_cancelled() {
    let (container, mut link) = own();
    link.start(start(3)).await.unwrap();
    for _ in 0..3 {
        assert!(
            tokio::time::timeout(Duration::from_millis(5), link.next())
                .await
                .is_err()
        );
    }
    let (event, ()) = tokio::join!(next(&mut link), async { container.mail(1, &result(3)) });
    assert_eq!(result_of(event).1, Some(3));
    container.mail(2, &result(3));
    assert!(link.left_behind().await.is_some(), "said before the exit");
}

#[tokio::test(start_paused = true)]
async fn own_mailbox_is_swept_even_while_there_is_always_something_to_read() {
    let (container, mut link) = own();
    link.start(start(3)).await.unwrap();
    container.mail(1, &result(3));
    container.drop_file("out/mail/junk", b"x");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(matches!(next(&mut link).await, LinkEvent::Refused { .. }), "the junk");
    assert_eq!(result_of(next(&mut link).await).1, Some(3));
}

#[tokio::test]
async fn own_sign_of_life_is_a_touched_heartbeat() {
    let (container, mut link) = own();
    assert!(!link.last_sign_of_life());
    let later = std::time::UNIX_EPOCH + Duration::from_secs(1);
    let heartbeat = fs::File::options()
        .write(true)
        .open(container.path.join("out/heartbeat"))
        .unwrap();
    heartbeat.set_modified(later).unwrap();
    assert!(link.last_sign_of_life());
    assert!(!link.last_sign_of_life());
}

#[tokio::test]
async fn own_last_words_are_the_end_of_the_error_stream() {
    let (mut container, mut link) = own();
    container.stderr.write_all(&[b'x'; 10_000]).await.unwrap();
    container.stderr.write_all(b"\nError: out of luck\n").await.unwrap();
    drop(container.stdout.take());
    drop(std::mem::replace(&mut container.stderr, duplex(1).0));
    assert_eq!(link.left_behind().await, None);
    assert!(link.last_words().ends_with("Error: out of luck"));
    assert!(link.last_words().len() <= 2_048);
}

#[tokio::test]
async fn nanoclaw_prompt_goes_over_stdin_with_snapshots_in_place() {
    let (mut container, mut link) = nanoclaw();
    link.start(start(3)).await.unwrap();
    let mut input = String::new();
    container.stdin.read_to_string(&mut input).await.unwrap();
    let input: Value = serde_json::from_str(&input).unwrap();
    assert_eq!(
        input,
        json!({
            "prompt": "prompt 3", "sessionId": "s0", "groupFolder": "main", "chatJid": "cli:main", "isMain": true,
            "assistantName": "Andy"
        })
    );
    assert_eq!(
        fs::read_to_string(container.path.join("ipc/current_tasks.json")).unwrap(),
        "[]"
    );
    assert!(container.path.join("ipc/available_groups.json").exists());
}

#[tokio::test]
async fn nanoclaw_prompts_are_answered_one_after_the_other() {
    let (mut container, mut link) = nanoclaw();
    link.start(start(3)).await.unwrap();
    assert!(!link.takes_follow_ups());
    assert!(matches!(link.hand_over(prompt(4)).await, Err(LinkError::Busy)));

    container
        .print(&json!({"status": "success", "result": "one", "newSessionId": "s1"}))
        .await;
    assert_eq!(result_of(next(&mut link).await), (Some("one".to_owned()), Some(3)));

    link.hand_over(prompt(4)).await.unwrap();
    let file = container.path.join("ipc/input/00000000000000000001.json");
    let follow_up: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(follow_up, json!({"type": "message", "text": "prompt 4"}));

    container
        .print(&json!({"status": "success", "result": null, "newSessionId": "s1"}))
        .await;
    container
        .print(&json!({"status": "success", "result": "by the way", "newSessionId": "s1"}))
        .await;
    assert_eq!(
        result_of(next(&mut link).await),
        (Some("by the way".to_owned()), None),
        "the prompt is unread"
    );

    fs::remove_file(file).unwrap();
    container
        .print(&json!({"status": "success", "result": "two", "newSessionId": "s1"}))
        .await;
    assert_eq!(result_of(next(&mut link).await), (Some("two".to_owned()), Some(4)));

    link.close(CloseReason::Evicted).await.unwrap();
    assert!(container.path.join("ipc/input/_close").exists());
}

#[tokio::test]
async fn nanoclaw_files_become_requests_before_the_result_that_followed_them() {
    let (mut container, mut link) = nanoclaw();
    link.start(start(3)).await.unwrap();
    container.drop_file(
        "ipc/messages/1-a.json",
        br#"{"type":"message","chatJid":"cli:main","text":"soon"}"#,
    );
    container.drop_file("ipc/messages/2-b.json", b"not json");
    container.drop_file("ipc/tasks/1-a.json", br#"{"type":"pause_task","taskId":"t"}"#);
    container.print(&json!({"status": "success", "result": "done"})).await;
    let LinkEvent::Message(AgentMessage::Request(said)) = next(&mut link).await else {
        panic!("no request")
    };
    assert_eq!(
        (said.id.as_str(), said.method.as_str()),
        ("messages/1-a", "send_message")
    );
    assert!(matches!(next(&mut link).await, LinkEvent::Refused { .. }));
    let LinkEvent::Message(AgentMessage::Request(paused)) = next(&mut link).await else {
        panic!("no request")
    };
    assert_eq!(
        (paused.id.as_str(), paused.method.as_str()),
        ("tasks/1-a", "pause_task")
    );
    link.answer(Answer::refused("tasks/1-a", "not_found", "no such task"))
        .await
        .unwrap();
    assert_eq!(result_of(next(&mut link).await), (Some("done".to_owned()), Some(3)));
}

#[tokio::test]
async fn nanoclaw_output_written_before_the_exit_is_left_behind() {
    let (mut container, mut link) = nanoclaw();
    link.start(start(3)).await.unwrap();
    container
        .print(&json!({"status": "error", "result": null, "error": "out of luck"}))
        .await;
    container
        .stdout
        .as_mut()
        .unwrap()
        .write_all(b"---NANOCLAW_OUTPUT_START---\n{")
        .await
        .unwrap();
    drop(container.stdout.take());
    drop(std::mem::replace(&mut container.stderr, duplex(1).0));
    let Some(LinkEvent::Message(AgentMessage::Result(result))) = link.left_behind().await else {
        panic!("no result")
    };
    assert!(result.is_error && result.error.as_deref() == Some("out of luck"));
    assert!(
        matches!(link.left_behind().await, Some(LinkEvent::Refused { .. })),
        "the second was cut off"
    );
    assert_eq!(link.left_behind().await, None);
    assert!(!link.last_sign_of_life());
}

#[tokio::test]
async fn nanoclaw_output_left_behind_survives_a_caller_who_stops_waiting() {
    let (mut container, mut link) = nanoclaw();
    link.start(start(3)).await.unwrap();
    container.print(&json!({"status": "success", "result": "done"})).await;
    // Both streams stay open, so the link waits for more.
    for _ in 0..3 {
        let given_up = tokio::time::timeout(Duration::from_millis(20), link.left_behind()).await;
        assert!(given_up.is_err(), "it still waits for the streams to end");
    }
    let event = link.left_behind().await.expect("what was read is kept");
    assert_eq!(result_of(event), (Some("done".to_owned()), Some(3)));
    assert_eq!(link.left_behind().await, None);
}

#[tokio::test]
async fn streams_that_never_end_hold_up_no_caller_who_comes_back_every_moment() {
    let (_own_container, own) = own();
    let (_nanoclaw_container, nanoclaw) = nanoclaw();
    for mut link in [Box::new(own) as Box<dyn AgentLink>, Box::new(nanoclaw)] {
        let come_back = async {
            while tokio::time::timeout(Duration::from_millis(50), link.left_behind())
                .await
                .is_err()
            {}
        };
        tokio::time::timeout(Duration::from_secs(10), come_back)
            .await
            .expect("the time to drain is counted once");
    }
}

#[tokio::test]
async fn nanoclaw_sign_of_life_is_something_heard_since_the_last_one() {
    let (mut container, mut link) = nanoclaw();
    link.start(start(3)).await.unwrap();
    assert!(!link.last_sign_of_life(), "an open stream says nothing");

    container.print(&json!({"status": "success", "result": "done"})).await;
    next(&mut link).await;
    assert!(link.last_sign_of_life(), "an output");
    assert!(!link.last_sign_of_life(), "not a second time");

    container.drop_file("ipc/tasks/1-a.json", br#"{"type":"pause_task","taskId":"t"}"#);
    next(&mut link).await;
    assert!(link.last_sign_of_life(), "a file");

    container.stderr.write_all(b"thinking\n").await.unwrap();
    hear_nothing(&mut link).await;
    assert!(link.last_sign_of_life(), "a line on the error stream");

    drop(container.stdout.take());
    drop(std::mem::replace(&mut container.stderr, duplex(1).0));
    hear_nothing(&mut link).await;
    assert!(!link.last_sign_of_life(), "the end of a stream is none");
}

/// Listens for a moment in which the agent says nothing that would be handed on.
async fn hear_nothing(link: &mut dyn AgentLink) {
    let event = tokio::time::timeout(Duration::from_millis(100), link.next()).await;
    assert!(event.is_err(), "{event:?}");
}

#[tokio::test]
async fn nanoclaw_link_without_input_says_so() {
    let (container, mut stdio, watcher) = make(Layout::NanoClaw);
    stdio.stdin = None;
    let surroundings = Surroundings {
        chat: ChatId::new("cli:main"),
        tasks: Vec::new(),
        groups: GroupsSnapshot {
            groups: Vec::new(),
            last_sync: Timestamp::from_millis(0),
        },
    };
    let mut link = NanoClawLink::new(&container._run, &watcher, stdio, surroundings).unwrap();
    assert!(matches!(link.start(start(1)).await, Err(LinkError::NoInput)));
}
