//! What the scripts promise, checked on conversations as the Agent SDK sends them. No sockets.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};

use super::super::protocol::reply::{Fault, Reply, ReplyBlock};
use super::super::protocol::request::ModelRequest;
use super::prompt::{PromptMessage, messages_in};
use super::{Script, demo_script, echo_script};

const SEND: &str = "mcp__nanoclaw__send_message";

fn prompt(texts: &[&str]) -> String {
    let line = |text: &&str| format!("<message sender=\"Ann\" time=\"Jan 1, 2024, 1:30 PM\">{text}</message>");
    let lines: Vec<String> = texts.iter().map(line).collect();
    format!(
        "<context timezone=\"UTC\" />\n<messages>\n{}\n</messages>",
        lines.join("\n")
    )
}

/// A conversation under construction.
struct Talk {
    messages: Vec<Value>,
    tools: Vec<&'static str>,
}

impl Talk {
    fn begin(texts: &[&str]) -> Self {
        Self {
            messages: Vec::new(),
            tools: vec!["Bash", SEND],
        }
        .user(&prompt(texts))
    }

    fn user(mut self, text: &str) -> Self {
        self.messages
            .push(json!({ "role": "user", "content": [{ "type": "text", "text": text }] }));
        self
    }

    fn system(mut self, text: &str) -> Self {
        self.messages.push(json!({ "role": "system", "content": text }));
        self
    }

    /// Takes the script's answer into the conversation; a tool answers `result`.
    fn then(mut self, script: &Script, result: Result<&str, &str>) -> Self {
        let id = format!("toolu_{}", self.messages.len());
        let (block, calls) = match self.ask(script).blocks.remove(0) {
            ReplyBlock::Text(text) => (json!({ "type": "text", "text": text }), false),
            ReplyBlock::ToolUse { name, input } => (
                json!({ "type": "tool_use", "id": id, "name": name, "input": input }),
                true,
            ),
        };
        self.messages.push(json!({ "role": "assistant", "content": [block] }));
        if calls {
            let (text, is_error) = result.map_or_else(|error| (error, true), |text| (text, false));
            self.messages.push(json!({ "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": id, "content": [{ "type": "text", "text": text }], "is_error": is_error }
            ] }));
        }
        self
    }

    fn ask(&self, script: &Script) -> Reply {
        script.reply(&self.request())
    }

    fn request(&self) -> ModelRequest {
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|name| json!({ "name": name, "input_schema": {} }))
            .collect();
        let body = json!({ "model": "claude-x", "max_tokens": 9_000, "messages": self.messages, "tools": tools });
        ModelRequest::parse(&HeaderMap::new(), &Arc::new(body)).unwrap()
    }
}

/// The answer in one line: `say:text`, `send:text`, `bash:command`, `search:query`.
fn brief(reply: &Reply) -> String {
    let block = |block: &ReplyBlock| match block {
        ReplyBlock::Text(text) => format!("say:{text}"),
        ReplyBlock::ToolUse { name, input } => match name.as_str() {
            "Bash" => format!("bash:{}", input["command"].as_str().unwrap()),
            "ToolSearch" => format!("search:{}", input["query"].as_str().unwrap()),
            _ => format!("send:{}", input["text"].as_str().unwrap()),
        },
    };
    reply.blocks.iter().map(block).collect::<Vec<_>>().join(" ")
}

#[test]
fn messages_of_a_prompt_are_unescaped_once() {
    let found = messages_in(&prompt(&["a &lt;b&gt; &amp;lt; &quot;c&quot;", "two\nlines"]));
    assert_eq!(found.len(), 2);
    let expected = PromptMessage {
        sender: "Ann".to_owned(),
        time: "Jan 1, 2024, 1:30 PM".to_owned(),
        text: "a <b> &lt; \"c\"".to_owned(),
    };
    assert_eq!(found[0], expected);
    assert_eq!(found[1].text, "two\nlines");
    assert!(messages_in("<message sender=\"x\" no end").is_empty());
}

#[test]
fn echo_answers_the_newest_message() {
    let script = echo_script();
    assert_eq!(
        brief(&Talk::begin(&["old", "hello &amp; you"]).ask(&script)),
        "say:echo: hello & you"
    );
    let plain = Talk {
        messages: Vec::new(),
        tools: vec!["Bash"],
    }
    .user("a task's prompt");
    assert_eq!(brief(&plain.ask(&script)), "say:echo: a task's prompt");
}

#[test]
fn directives_run_in_order_and_end_with_the_final_text() {
    let script = echo_script();
    let talk = Talk::begin(&[
        "[[send a]] [[bash uname -s]]",
        "x [[send a]] [[say done]] [[internal hm]]",
    ]);
    assert_eq!(brief(&talk.ask(&script)), "send:a");
    let talk = talk.then(&script, Ok("sent"));
    assert_eq!(brief(&talk.ask(&script)), "bash:uname -s");
    let talk = talk.then(&script, Err("exit 1"));
    assert_eq!(
        brief(&talk.ask(&script)),
        "send:a",
        "the second one is a call of its own"
    );
    let talk = talk.then(&script, Ok("sent"));
    assert_eq!(brief(&talk.ask(&script)), "say:done\n<internal>hm</internal>");
}

#[test]
fn directives_before_the_last_final_answer_do_not_count() {
    let script = echo_script();
    let talk = Talk::begin(&["[[send a]] one"])
        .then(&script, Ok("sent"))
        .then(&script, Ok(""));
    assert_eq!(brief(&talk.user(&prompt(&["two"])).ask(&script)), "say:echo: two");
}

#[test]
fn follow_up_in_the_middle_of_a_turn_is_obeyed() {
    let script = echo_script();
    let talk = Talk::begin(&["[[send a]]"])
        .system("# Environment [[say no]]")
        .then(&script, Ok("sent"));
    let note = "The user sent a new message while you were working:\n";
    let talk = talk.system(&format!(
        "{note}{}\n\nThis is how Claude Code surfaces messages.",
        prompt(&["[[send b]] more"])
    ));
    assert_eq!(brief(&talk.ask(&script)), "send:b");
    assert_eq!(brief(&talk.then(&script, Ok("sent")).ask(&script)), "say:echo: more");
}

#[test]
fn reminders_of_the_command_line_tool_are_not_the_users_words() {
    let talk = Talk::begin(&["hello"])
        .user("<system-reminder>\n[[say no]]\n</system-reminder>\n")
        .user("Tool loaded.");
    assert_eq!(brief(&talk.ask(&echo_script())), "say:echo: hello");
}

#[test]
fn interrupted_run_repeats_nothing_that_has_a_result() {
    let script = echo_script();
    let asked = ["[[send a]] [[send b]] [[say end]]"];
    let talk = Talk::begin(&asked).then(&script, Ok("sent"));
    let again = format!(
        "The earlier run was interrupted; go on where it stopped.\n{}",
        prompt(&asked)
    );
    let talk = talk.user(&again);
    assert_eq!(brief(&talk.ask(&script)), "send:b");
    assert_eq!(brief(&talk.then(&script, Ok("sent")).ask(&script)), "say:end");
}

#[test]
fn interruption_notice_alone_continues_the_earlier_prompt() {
    let script = echo_script();
    let talk = Talk::begin(&["[[send a]] [[bash ls]] hi"])
        .then(&script, Ok("sent"))
        .user("Your run was interrupted.");
    assert_eq!(brief(&talk.ask(&script)), "bash:ls");
    let talk = talk.user("It was interrupted again.");
    assert_eq!(brief(&talk.then(&script, Ok("")).ask(&script)), "say:echo: hi");
}

#[test]
fn interrupted_run_repeats_nothing_that_was_already_sent() {
    let script = echo_script();
    let notice = "The earlier run was interrupted. These messages were already sent:\n- a &lt;1&gt;\n";
    let text = format!(
        "{notice}{}",
        prompt(&["[[send a &lt;1&gt;]] [[send b]] [[send a &lt;1&gt;]]"])
    );
    let talk = Talk {
        messages: Vec::new(),
        tools: vec![SEND],
    }
    .user(&text);
    assert_eq!(
        brief(&talk.ask(&script)),
        "send:b",
        "one `a` was sent, by a run this session knows nothing of"
    );
    let talk = talk.then(&script, Ok("sent"));
    assert_eq!(brief(&talk.ask(&script)), "send:a <1>", "the other one is still due");
}

#[test]
fn interrupted_run_goes_on_with_the_old_messages_and_takes_the_new_ones() {
    let script = echo_script();
    let talk = Talk::begin(&["[[send a]] [[send b]] one"]).then(&script, Ok("sent"));
    let notice = "The earlier run was interrupted. Already sent:\n- a\nNew messages:\n";
    let talk = talk.user(&format!("{notice}{}", prompt(&["[[send c]] two"])));
    assert_eq!(brief(&talk.ask(&script)), "send:b");
    let talk = talk.then(&script, Ok("sent"));
    assert_eq!(brief(&talk.ask(&script)), "send:c");
    assert_eq!(brief(&talk.then(&script, Ok("sent")).ask(&script)), "say:echo: two");
}

#[test]
fn interruption_notice_reaches_back_over_an_answer_that_was_never_committed() {
    let script = echo_script();
    let talk = Talk::begin(&["old"])
        .then(&script, Ok(""))
        .user(&prompt(&["[[send a]] hi"]));
    let talk = talk
        .then(&script, Ok("sent"))
        .then(&script, Ok(""))
        .user("The earlier run was interrupted.");
    assert_eq!(brief(&talk.ask(&script)), "say:echo: hi");
}

#[test]
fn follow_up_after_an_interruption_does_not_double_what_was_asked() {
    let script = echo_script();
    let asked = ["[[send a]] [[send b]]"];
    let talk = Talk::begin(&asked)
        .then(&script, Ok("sent"))
        .user(&format!("interrupted\n{}", prompt(&asked)));
    let note = "The user sent a new message while you were working:\n";
    let talk = talk
        .then(&script, Ok("sent"))
        .system(&format!("{note}{}", prompt(&["[[send c]] more"])));
    assert_eq!(brief(&talk.ask(&script)), "send:c");
    assert_eq!(brief(&talk.then(&script, Ok("sent")).ask(&script)), "say:echo: more");
}

#[test]
fn call_that_failed_by_the_interruption_is_made_again() {
    let script = echo_script();
    let asked = ["[[send a]]"];
    let talk = Talk::begin(&asked).then(&script, Err("aborted"));
    let talk = talk.user(&format!("interrupted\n{}", prompt(&asked)));
    assert_eq!(brief(&talk.ask(&script)), "send:a");
    assert_eq!(
        brief(&talk.then(&script, Err("no")).ask(&script)),
        "say:echo: done",
        "but not for ever"
    );
}

#[test]
fn answer_that_was_never_committed_does_not_hide_what_was_done() {
    let script = echo_script();
    let asked = ["[[send a]] hi"];
    let talk = Talk::begin(&asked).then(&script, Ok("sent")).then(&script, Ok(""));
    let talk = talk.user(&format!("The run was interrupted.\n{}", prompt(&asked)));
    assert_eq!(brief(&talk.ask(&script)), "say:echo: hi");
}

#[test]
fn fail_strikes_as_often_as_told_and_at_its_place() {
    let script = echo_script();
    let talk = Talk::begin(&["[[send a]] [[fail 529 2]] [[stall gate]] [[slow 5]] hi"]);
    assert!(talk.ask(&script).fault.is_none(), "it comes after the send");
    let talk = talk.then(&script, Ok("sent"));
    for _ in 0..2 {
        let Some(Fault::Error(error)) = talk.ask(&script).fault else {
            panic!("must fail")
        };
        assert_eq!(error.status.as_u16(), 529);
    }
    let reply = talk.ask(&script);
    assert!(reply.fault.is_none());
    assert_eq!(reply.stall.unwrap().name, "gate");
    assert_eq!(reply.pace.between_frames.as_millis(), 5);
}

#[test]
fn deferred_tool_is_searched_for_first() {
    let script = echo_script();
    let mut talk = Talk::begin(&["[[send a]]"]);
    talk.tools = vec!["ToolSearch"];
    assert_eq!(brief(&talk.ask(&script)), format!("search:select:{SEND}"));
    talk = talk.then(&script, Ok(""));
    assert_eq!(
        brief(&talk.ask(&script)),
        format!("say:echo: the tool {SEND} was not offered"),
        "found nothing"
    );
    let found = json!([{ "type": "tool_reference", "tool_name": SEND }]);
    talk.messages.last_mut().unwrap()["content"][0]["content"] = found;
    assert_eq!(brief(&talk.ask(&script)), "send:a");
}

#[test]
fn what_only_looks_like_a_directive_is_text() {
    let talk = Talk::begin(&["[[nope x]] [[fail x]] [[open"]);
    assert_eq!(
        brief(&talk.ask(&echo_script())),
        "say:echo: [[nope x]] [[fail x]] [[open"
    );
}

#[test]
fn side_requests_leave_the_script_alone() {
    let script = Script::sequence(vec![Reply::text("first"), Reply::text("second")]);
    let mut title = Talk::begin(&["hello there"]);
    title.tools.clear();
    assert_eq!(brief(&title.ask(&script)), "say:hello there");
    assert_eq!(brief(&Talk::begin(&["x"]).ask(&script)), "say:first");
    let compact = Talk::begin(&["x"]).user("Your task is to create a detailed summary of the conversation so far");
    assert!(brief(&compact.ask(&script)).contains("<summary>\nUser: x"));
    assert_eq!(brief(&Talk::begin(&["x"]).ask(&script)), "say:second");
}

#[test]
fn demo_says_what_it_is_and_quotes_the_newcomer() {
    let answer = brief(&Talk::begin(&["@Andy hi &lt;3"]).ask(&demo_script()));
    assert!(
        answer.contains("stand-in model") && answer.contains("You wrote: @Andy hi <3"),
        "{answer}"
    );
}

#[test]
fn demo_uses_real_tools_and_reports_them() {
    let script = demo_script();
    let run = Talk::begin(&["@Andy run: uname -a"]);
    assert_eq!(brief(&run.ask(&script)), "bash:uname -a");
    assert!(brief(&run.then(&script, Ok("Linux box")).ask(&script)).contains("Linux box"));
    let send = Talk::begin(&["Send: hello"]);
    assert_eq!(brief(&send.ask(&script)), "send:hello");
    let note = Talk::begin(&["please remember it's Miso"]);
    assert_eq!(
        brief(&note.ask(&script)),
        r"bash:printf '%s\n' '- it'\''s Miso' >> CLAUDE.md"
    );
}
