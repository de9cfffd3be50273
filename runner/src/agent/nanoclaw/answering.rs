//! Decides what an output answers (CR-14, AR-04, AR-08). Pure.
//!
//! The prompt's stream is endless (AR-07), so a query normally ends only with `_close`, and the mark of its end may never
//! come; every SDK result, text or null, is an output of its own. Hence:
//!
//! * The first `success` after a prompt was read is its answer: `consumed_through` is the prompt's `through`. With a null
//!   result it is a silent answer.
//! * Later texts are spontaneous results (a team reports back): said once, nothing consumed.
//! * A null result while no prompt is open is the mark of a query's end, not an answer.
//! * The container deletes the file of a prompt when it reads it. While that file is still there, the prompt is unread and
//!   no output can be its answer: a text is spontaneous, a null is the late mark of the query before.
//! * `error` ends the container (AR-10) and is an error result for the open prompt.
//!
//! So each text is said exactly once. What remains: a mark written just before the container reads the next prompt may be
//! seen just after, and is then taken for a silent answer; the real answer still arrives, as a spontaneous result.

use proto::ids::{InboxOrd, SessionId};
use proto::ipc::{AgentMessage, AgentResult};
use proto::nanoclaw::{Output, SESSION_NOT_FOUND, Status};
use proto::turn::Usage;

/// The prompt that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// Last inbox position it covers.
    pub(super) through: InboxOrd,
    /// Name of its file; the first prompt came over stdin.
    pub(super) file: Option<String>,
}

/// What is known of the conversation.
#[derive(Debug, Default)]
pub(super) struct Answering {
    pub(super) open: Option<Open>,
    session: Option<SessionId>,
}

impl Answering {
    /// Hears one output; `unread` says whether the open prompt's file is still there.
    pub(super) fn hear(&mut self, output: Output, unread: bool) -> Option<AgentMessage> {
        let session_changed = output.new_session_id.is_some() && output.new_session_id != self.session;
        if session_changed {
            self.session.clone_from(&output.new_session_id);
        }
        match (output.status, output.result) {
            (Status::Error, _) => Some(self.failed(output.error.unwrap_or_else(|| "no reason given".to_owned()))),
            (Status::Success, text) if self.open.is_some() && !unread => {
                let through = self.open.take().map(|open| open.through);
                Some(self.result("success", text, through, None))
            }
            (Status::Success, Some(text)) => Some(self.result("success", Some(text), None, None)),
            (Status::Success, None) => {
                let session_id = self.session.clone().filter(|_| session_changed)?;
                Some(AgentMessage::Session {
                    session_id,
                    stale_session_id: None,
                })
            }
        }
    }

    fn failed(&mut self, error: String) -> AgentMessage {
        // Retrying with a session that no longer exists fails for ever (AR-D2): it must be told apart.
        let stale = error.to_ascii_lowercase().contains("no conversation found");
        let subtype = if stale {
            SESSION_NOT_FOUND
        } else {
            "error_during_execution"
        };
        let through = self.open.take().map(|open| open.through);
        self.result(subtype, None, through, Some(error))
    }

    fn result(
        &self,
        subtype: &str,
        text: Option<String>,
        through: Option<InboxOrd>,
        error: Option<String>,
    ) -> AgentMessage {
        AgentMessage::Result(AgentResult {
            subtype: subtype.to_owned(),
            is_error: error.is_some(),
            text: text.filter(|text| !text.is_empty()),
            consumed_through: through,
            session_id: self.session.clone(),
            num_turns: 0,
            duration_ms: 0,
            cost_usd: None,
            usage: Usage::default(),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success(text: Option<&str>) -> Output {
        Output {
            status: Status::Success,
            result: text.map(str::to_owned),
            new_session_id: Some(SessionId::new("s1")),
            error: None,
        }
    }

    fn open(through: i64) -> Answering {
        let open = Some(Open {
            through: InboxOrd(through),
            file: None,
        });
        Answering { open, session: None }
    }

    /// Text and consumed position of a result; none for anything else.
    fn said(message: Option<AgentMessage>) -> Option<(Option<String>, Option<i64>)> {
        match message {
            Some(AgentMessage::Result(result)) => Some((result.text, result.consumed_through.map(|ord| ord.0))),
            _ => None,
        }
    }

    #[test]
    fn the_first_result_answers_the_prompt_and_later_texts_are_spontaneous() {
        let mut answering = open(5);
        assert_eq!(
            said(answering.hear(success(Some("a")), false)),
            Some((Some("a".to_owned()), Some(5)))
        );
        assert_eq!(
            said(answering.hear(success(Some("b")), false)),
            Some((Some("b".to_owned()), None))
        );
        assert_eq!(
            answering.hear(success(None), false),
            None,
            "the end of the query says nothing new"
        );
    }

    #[test]
    fn a_null_result_is_a_silent_answer_when_nothing_else_came() {
        assert_eq!(said(open(5).hear(success(None), false)), Some((None, Some(5))));
    }

    #[test]
    fn no_output_answers_a_prompt_that_was_not_read() {
        let mut answering = open(5);
        assert_eq!(
            said(answering.hear(success(Some("late")), true)),
            Some((Some("late".to_owned()), None))
        );
        assert!(
            said(answering.hear(success(None), true)).is_none(),
            "the mark of the query before"
        );
        assert_eq!(
            said(answering.hear(success(Some("mine")), false)),
            Some((Some("mine".to_owned()), Some(5)))
        );
    }

    #[test]
    fn an_error_is_an_error_result_of_the_open_prompt() {
        let output = |error: &str| Output {
            status: Status::Error,
            result: None,
            new_session_id: None,
            error: Some(error.to_owned()),
        };
        let subtype = |message| match message {
            Some(AgentMessage::Result(result)) => (result.subtype, result.is_error, result.consumed_through),
            other => panic!("{other:?}"),
        };
        let died = subtype(open(5).hear(output("exited with code 1"), false));
        assert_eq!(died, ("error_during_execution".to_owned(), true, Some(InboxOrd(5))));
        let stale = subtype(open(5).hear(output("No conversation found with session ID: x"), false));
        assert_eq!(stale.0, SESSION_NOT_FOUND);
    }

    #[test]
    fn a_session_seen_for_the_first_time_is_reported_even_without_a_result() {
        let mut answering = Answering::default();
        assert!(matches!(
            answering.hear(success(None), false),
            Some(AgentMessage::Session { .. })
        ));
        assert_eq!(answering.hear(success(None), false), None);
    }
}
