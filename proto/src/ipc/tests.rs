use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn fixtures(directory: &str) -> Vec<(String, Vec<u8>)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/ipc")
        .join(directory);
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read(path).unwrap())
    };
    let files: Vec<_> = fs::read_dir(path).unwrap().map(read).collect();
    assert!(!files.is_empty(), "no fixtures in {directory}");
    files
}

#[test]
fn every_golden_message_of_the_agent_is_understood() {
    for (name, contents) in fixtures("agent_to_host") {
        parse_agent_message(&contents).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_golden_message_of_the_host_is_written_as_the_agent_expects_it() {
    for (name, contents) in fixtures("host_to_agent") {
        let golden: Value = serde_json::from_slice(&contents).unwrap();
        let message: HostMessage =
            serde_json::from_value(golden.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written: Value = serde_json::from_slice(&encode_host_message(&message)).unwrap();
        assert_eq!(written, golden, "{name}");
    }
}

#[test]
fn messages_of_the_wrong_shape_are_refused() {
    for (name, contents) in fixtures("invalid/agent_to_host") {
        let refused = match parse_agent_message(&contents) {
            Ok(AgentMessage::Request(request)) => requests::Call::parse(&request).is_err(),
            Ok(_) => false,
            Err(_) => true,
        };
        assert!(refused, "{name} must be refused");
    }
    assert!(parse_agent_message(b"\xff\xfe").is_err(), "not UTF-8");
    let deep = format!("{{\"v\":1,\"type\":\"progress\",\"kind\":{}", "[".repeat(100_000));
    assert!(parse_agent_message(deep.as_bytes()).is_err(), "nesting is bounded");
}

#[test]
fn mailbox_files_are_named_by_sequence() {
    assert_eq!(parse_file_name(&file_name(7)), Some(7));
    for other in [
        "7.json",
        ".00000000000000000007.json.tmp",
        "heartbeat",
        "0000000000000000000x.json",
        "99999999999999999999.json",
    ] {
        assert_eq!(parse_file_name(other), None, "{other}");
    }
}

#[test]
fn every_golden_request_is_a_call_this_runner_offers() {
    for (name, contents) in fixtures("agent_to_host") {
        if let AgentMessage::Request(request) = parse_agent_message(&contents).unwrap() {
            requests::Call::parse(&request).unwrap_or_else(|error| panic!("{name}: {}", error.message));
        }
    }
}

#[test]
fn golden_answers_hold_tasks_as_lists_show_them() {
    let answers: Vec<Value> = fixtures("host_to_agent")
        .into_iter()
        .filter(|(name, _)| name.contains("_task"))
        .map(|(_, contents)| serde_json::from_slice(&contents).unwrap())
        .collect();
    let one = answers.iter().map(|answer| answer["result"]["task"].clone());
    let many = answers.iter().flat_map(|answer| {
        let tasks = answer["result"]["tasks"].as_array();
        tasks.cloned().unwrap_or_default()
    });
    let tasks: Vec<Value> = one.filter(|task| !task.is_null()).chain(many).collect();
    assert!(tasks.len() >= 2);
    for golden in tasks {
        let task: crate::task::ListedTask = serde_json::from_value(golden.clone()).unwrap();
        assert_eq!(serde_json::to_value(task).unwrap(), golden);
    }
}
