use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::frames::{END_MARKER, OUTPUT_BYTES_MAX, START_MARKER};
use super::*;
use crate::ids::ChatId;

fn fixtures(directory: &str) -> Vec<(String, Vec<u8>)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/nanoclaw")
        .join(directory);
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            fs::read(path).unwrap(),
        )
    };
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(read).collect();
    assert!(!files.is_empty(), "no fixtures in {directory}");
    files.sort();
    files
}

fn own_chat() -> ChatId {
    ChatId::new("tg:-100123")
}

fn frame(json: &str) -> String {
    format!("{START_MARKER}\n{json}\n{END_MARKER}\n")
}

fn said(text: &str) -> String {
    frame(&json!({ "status": "success", "result": text }).to_string())
}

fn texts(parsed: Vec<Parsed>) -> Vec<Result<String, String>> {
    let text = |output: Output| output.result.unwrap_or_default();
    parsed
        .into_iter()
        .map(|one| one.map(text).map_err(|error| error.to_string()))
        .collect()
}

fn parse_all(bytes: &[u8]) -> Vec<Result<String, String>> {
    texts(FrameParser::default().push(bytes))
}

#[test]
fn the_input_is_written_as_the_container_expects_it_cr_12() {
    for (name, contents) in fixtures("input") {
        let golden: Value = serde_json::from_slice(&contents).unwrap();
        let input: ContainerInput = serde_json::from_value(golden.clone()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&input.encode()).unwrap(),
            golden,
            "{name}"
        );
    }
}

#[test]
fn every_golden_output_is_understood_cr_14() {
    for (name, contents) in fixtures("output") {
        let output = Output::parse(&contents).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(output.status == Status::Error, output.error.is_some(), "{name}");
    }
    for (name, contents) in fixtures("invalid/output") {
        assert!(Output::parse(&contents).is_err(), "{name} must be refused");
    }
    let output = Output::parse(br#"{"status":"success","result":{"a":1}}"#).unwrap();
    assert_eq!(output.result.as_deref(), Some(r#"{"a":1}"#), "nothing said is lost");
}

#[test]
fn files_of_the_agent_become_requests_of_our_contract() {
    let messages = fixtures("messages").into_iter().map(|(name, contents)| {
        let request = parse_message_file(&name, &own_chat(), &contents);
        request.unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    let tasks = fixtures("tasks").into_iter().map(|(name, contents)| {
        let request = parse_task_file(&name, &contents);
        request.unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    let lines = messages
        .chain(tasks)
        .map(|request| format!("{} {} {}", request.id, request.method, request.params));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn ipc_12_files_of_the_wrong_shape_or_an_unknown_type_are_refused_whole() {
    for (name, contents) in fixtures("invalid/messages") {
        assert!(
            parse_message_file("x", &own_chat(), &contents).is_err(),
            "{name} must be refused"
        );
    }
    for (name, contents) in fixtures("invalid/tasks") {
        assert!(parse_task_file("x", &contents).is_err(), "{name} must be refused");
    }
    assert!(parse_task_file("x", b"\xff\xfe").is_err(), "not UTF-8");
    assert!(
        parse_task_file("x", "[".repeat(100_000).as_bytes()).is_err(),
        "nesting is bounded"
    );
    let large = vec![b' '; usize::try_from(FILE_BYTES_MAX).unwrap() + 1];
    assert!(matches!(
        parse_task_file("x", &large),
        Err(InvalidFile::TooLarge { .. })
    ));
}

#[test]
fn follow_ups_and_snapshots_are_written_as_the_container_expects_them() {
    let [(_, golden)] = <[_; 1]>::try_from(fixtures("follow_up")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&encode_follow_up("And tomorrow?")).unwrap(),
        golden
    );
    assert!(follow_up_file_name(9) < follow_up_file_name(10), "sorted by name");

    for (name, contents) in fixtures("snapshots") {
        let golden: Value = serde_json::from_slice(&contents).unwrap();
        let written = match name.as_str() {
            "current_tasks" => json!(serde_json::from_value::<Vec<TaskSnapshot>>(golden.clone()).unwrap()),
            _ => json!(serde_json::from_value::<GroupsSnapshot>(golden.clone()).unwrap()),
        };
        assert_eq!(written, golden, "{name}");
    }
}

#[test]
fn an_answer_may_quote_the_markers_cr_d2() {
    let text = format!("I print {END_MARKER}, then \"{START_MARKER}\\\" and {END_MARKER}{END_MARKER}.");
    let pretty = serde_json::to_string_pretty(&json!({ "status": "success", "result": text })).unwrap();
    let stream = format!("{}noise\n{}{}", said(&text), frame(&pretty), said("next"));
    assert_eq!(
        parse_all(stream.as_bytes()),
        [Ok(text.clone()), Ok(text), Ok("next".to_owned())]
    );
}

#[test]
fn a_character_split_over_chunks_survives_cr_d3() {
    let mut parser = FrameParser::default();
    let outputs: Vec<_> = said("Grüße 👋").bytes().flat_map(|byte| parser.push(&[byte])).collect();
    assert_eq!(texts(outputs), [Ok("Grüße 👋".to_owned())]);
}

#[test]
fn what_is_no_output_is_refused_and_the_next_output_is_found() {
    let stories = [
        frame("hello"),
        frame(r#"{"status":"success","result":"open"#),
        frame(r#"{"status":"maybe"}"#),
        format!("{START_MARKER}\n{{\"status\":"),
    ];
    for story in stories {
        let found = parse_all(format!("{story}{}", said("next")).as_bytes());
        assert!(
            matches!(found.as_slice(), [Err(_), Ok(next)] if next == "next"),
            "{story}: {found:?}"
        );
    }
    let mut parser = FrameParser::default();
    parser.push(START_MARKER.as_bytes());
    assert!(matches!(parser.finish(), Some(InvalidOutput::CutOff)));
    assert!(parser.finish().is_none());
}

#[test]
fn an_endless_output_is_refused_without_being_held() {
    let mut parser = FrameParser::default();
    let mut refused = 0;
    parser.push(format!("{START_MARKER}\"").as_bytes());
    for _ in 0..3 * OUTPUT_BYTES_MAX / 65_536 {
        refused += parser.push(&[b'x'; 65_536]).len();
    }
    assert_eq!(refused, 1);
    let next = parser.push(format!("{END_MARKER}\n{}", said("next")).as_bytes());
    assert_eq!(texts(next), [Ok("next".to_owned())]);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\\PC{0,12}".prop_map(|text| said(&text)),
        2 => Just(said(&format!("{END_MARKER}\u{1F600}\\\"{START_MARKER}"))),
        2 => "\\PC{0,12}".prop_map(|text| format!("{text}\n")),
        1 => Just(frame("\"broken")),
        1 => Just(frame("[1")),
        1 => Just(START_MARKER.to_owned()),
        1 => Just(END_MARKER.to_owned()),
        1 => Just(START_MARKER[..9].to_owned()),
    ]
}

proptest! {
    #[test]
    fn chunks_never_change_what_is_found(
        pieces in proptest::collection::vec(piece(), 0..8),
        cuts in proptest::collection::vec(1usize..40, 1..64),
        limit in prop_oneof![Just(48usize), Just(OUTPUT_BYTES_MAX)],
    ) {
        let stream = pieces.concat().into_bytes();
        let whole = texts(FrameParser::with_limit(limit).push(&stream));
        let mut parser = FrameParser::with_limit(limit);
        let (mut chunked, mut rest, mut cuts) = (Vec::new(), stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            chunked.extend(texts(parser.push(chunk)));
            rest = after;
        }
        prop_assert_eq!(whole, chunked);
    }

    #[test]
    fn whatever_was_said_is_found(said_texts in proptest::collection::vec("\\PC{0,40}", 0..6)) {
        let stream: String = said_texts.iter().map(|text| said(text)).collect();
        let found: Vec<_> = parse_all(stream.as_bytes()).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(found, said_texts);
    }
}
