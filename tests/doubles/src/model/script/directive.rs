//! The directives a test story writes into a chat message: `[[name argument]]`.
//!
//! Pure text; what has been done already is decided in [`echo`](super::echo). An argument ends at the first `]]`.

use std::time::Duration;

use serde_json::Value;

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    /// `[[say X]]`: the final text is X.
    Say(String),
    /// `[[internal X]]`: the final text holds `<internal>X</internal>`.
    Internal(String),
    /// `[[send X]]`: sends X early, with the `send_message` tool.
    Send(String),
    /// `[[bash CMD]]`: runs a command.
    Bash(String),
    /// `[[tool NAME JSON]]`: calls a tool of the host.
    Tool { name: String, input: Value },
    /// `[[fail STATUS N]]`: the next N requests get this error.
    Fail { status: u16, times: u32 },
    /// `[[break KIND N]]`: the next N answers break in this way.
    Break { how: Break, times: u32 },
    /// `[[stall NAME]]`: waits until the test releases NAME.
    Stall(String),
    /// `[[slow MS]]`: every frame of this turn's answers waits that long.
    Slow(Duration),
}

/// How `[[break …]]` breaks an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// `reset`: RST before the status line.
    Reset,
    /// `reset-mid`: RST in the middle of the stream.
    ResetMid,
    /// `hangup`: FIN in the middle of the stream.
    HangUp,
    /// `truncate`: the stream ends too early, in good order.
    Truncate,
    /// `error`: an `error` event in the middle of the stream.
    Error,
}

/// The directives of a text in order, and the text without them. What only looks like a directive stays text.
pub(super) fn parse(text: &str) -> (Vec<Directive>, String) {
    let mut directives = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[") {
        plain.push_str(before);
        match after
            .split_once("]]")
            .and_then(|(inside, tail)| Some((one(inside)?, tail)))
        {
            Some((directive, tail)) => {
                directives.push(directive);
                rest = tail;
            }
            None => {
                plain.push_str("[[");
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    (directives, plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn one(inside: &str) -> Option<Directive> {
    let (name, argument) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let argument = argument.trim();
    let (first, second) = argument.split_once(char::is_whitespace).unwrap_or((argument, "1"));
    let times = || second.trim().parse().ok();
    match name {
        "say" => Some(Directive::Say(argument.to_owned())),
        "internal" => Some(Directive::Internal(argument.to_owned())),
        "send" => Some(Directive::Send(argument.to_owned())),
        "bash" => Some(Directive::Bash(argument.to_owned())),
        "tool" => {
            let (name, input) = argument.split_once(char::is_whitespace).unwrap_or((argument, "{}"));
            Some(Directive::Tool {
                name: name.to_owned(),
                input: serde_json::from_str(input.trim()).ok()?,
            })
        }
        "fail" => Some(Directive::Fail {
            status: first.parse().ok()?,
            times: times()?,
        }),
        "break" => Some(Directive::Break {
            how: how(first)?,
            times: times()?,
        }),
        "stall" => Some(Directive::Stall(argument.to_owned())),
        "slow" => Some(Directive::Slow(Duration::from_millis(argument.parse().ok()?))),
        _ => None,
    }
}

fn how(name: &str) -> Option<Break> {
    match name {
        "reset" => Some(Break::Reset),
        "reset-mid" => Some(Break::ResetMid),
        "hangup" => Some(Break::HangUp),
        "truncate" => Some(Break::Truncate),
        "error" => Some(Break::Error),
        _ => None,
    }
}
