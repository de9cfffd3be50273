//! Our own contract: two mailboxes and a heartbeat.

use std::collections::VecDeque;
use std::io::ErrorKind;

use async_trait::async_trait;
use proto::ids::InboxOrd;
use proto::ipc::{
    AgentMessage, Answer, CloseReason, HEARTBEAT, HostMessage, Prompt, Start, encode_host_message, parse_agent_message,
};
use tokio::time::{Instant, sleep_until};

use super::log_lines::LogLines;
use super::{AgentLink, LinkError, LinkEvent, Stdio};
use crate::mailbox::{HeldDir, MailReader, MailWriter, RunDir, SWEEP, Watch, Watcher};

/// Code that an agent is given when the result is larger than a file may be.
const TOO_LARGE: &str = "too_large";

/// Speaks our own contract.
pub struct OwnLink {
    writer: MailWriter,
    reader: MailReader,
    out: HeldDir,
    watch: Watch,
    next_sweep: Instant,
    stdout: LogLines,
    stderr: LogLines,
    /// How far the prompts handed over reach into the inbox: no result can have consumed more.
    handed_through: Option<InboxOrd>,
    /// Where in the inbox prompts end that are not known to have been read, and which messages they were.
    unread: VecDeque<(InboxOrd, u64)>,
    heartbeat: Option<(i64, u64)>,
}

impl OwnLink {
    /// Takes up the directories of a run, made for [`Layout::Own`](crate::mailbox::Layout), and the streams of its sandbox.
    ///
    /// # Errors
    /// When the directories cannot be opened.
    pub fn new(run: &RunDir, watcher: &Watcher, stdio: Stdio) -> std::io::Result<Self> {
        let out = run.out()?;
        Ok(Self {
            writer: run.mail_writer()?,
            reader: run.mail_reader()?,
            heartbeat: out.modified_at(HEARTBEAT),
            out,
            watch: watcher.watch(run.agent_paths()),
            next_sweep: Instant::now() + SWEEP,
            stdout: LogLines::new("stdout", stdio.stdout),
            stderr: LogLines::new("stderr", stdio.stderr),
            handed_through: None,
            unread: VecDeque::new(),
        })
    }

    fn send(&mut self, what: &'static str, message: &HostMessage) -> Result<u64, LinkError> {
        let sent = self.writer.send(&encode_host_message(message));
        sent.map_err(LinkError::write(what))
    }

    fn prompt(&mut self, what: &'static str, through: InboxOrd, message: &HostMessage) -> Result<(), LinkError> {
        let sequence = self.send(what, message)?;
        // One that reaches no further says nothing when it is answered: an earlier one may have been.
        if Some(through) > self.handed_through {
            self.handed_through = Some(through);
            self.unread.push_back((through, sequence));
        }
        Ok(())
    }

    /// Who has answered a prompt has read it, and everything before it.
    fn note_read(&mut self, through: InboxOrd) {
        while let Some((_, sequence)) = self.unread.pop_front_if(|(end, _)| *end <= through) {
            self.writer.was_read(sequence);
        }
    }

    fn look(&mut self) -> Option<LinkEvent> {
        Some(match self.reader.take()? {
            Ok(contents) => self.check(&contents),
            Err(refused) => LinkEvent::Refused {
                reason: refused.to_string(),
            },
        })
    }

    fn check(&mut self, contents: &[u8]) -> LinkEvent {
        let message = match parse_agent_message(contents) {
            Ok(message) => message,
            Err(error) => {
                return LinkEvent::Refused {
                    reason: error.to_string(),
                };
            }
        };
        if let AgentMessage::Result(result) = &message
            && let Some(through) = result.consumed_through
        {
            if Some(through) > self.handed_through {
                return LinkEvent::Refused {
                    reason: "a result claims to have consumed messages that were never handed over".to_owned(),
                };
            }
            self.note_read(through);
        }
        LinkEvent::Message(message)
    }

    /// Once per [`SWEEP`], however much there is to read: an agent that never pauses must not fill the disk meanwhile.
    fn sweep_if_due(&mut self) -> Option<LinkEvent> {
        let now = Instant::now();
        if now < self.next_sweep {
            return None;
        }
        self.next_sweep = now + SWEEP;
        match self.reader.sweep() {
            Ok(refused) => Some(LinkEvent::Refused {
                reason: refused?.to_string(),
            }),
            Err(error) => Some(LinkEvent::Refused {
                reason: format!("the mailbox cannot be listed: {error}"),
            }),
        }
    }
}

#[async_trait]
impl AgentLink for OwnLink {
    async fn start(&mut self, start: Start) -> Result<(), LinkError> {
        let through = start.prompt.through;
        self.prompt("the first message", through, &HostMessage::Start(Box::new(start)))
    }

    async fn hand_over(&mut self, prompt: Prompt) -> Result<(), LinkError> {
        self.prompt("a prompt", prompt.through, &HostMessage::Prompt { prompt })
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), LinkError> {
        let id = answer.id.clone();
        let sent = match self.send("an answer", &HostMessage::Answer(answer)) {
            // An agent without an answer waits and dies, and the next attempt would go the same way.
            Err(LinkError::Write { source, .. }) if source.kind() == ErrorKind::FileTooLarge => {
                tracing::warn!(request.id = id, error = %source, "an answer is too large to be given");
                let refused = Answer::refused(id, TOO_LARGE, source.to_string());
                self.send("an answer", &HostMessage::Answer(refused))
            }
            sent => sent,
        };
        sent.map(|_| ())
    }

    async fn close(&mut self, reason: CloseReason) -> Result<(), LinkError> {
        self.send("the request to finish", &HostMessage::Close { reason })
            .map(|_| ())
    }

    async fn next(&mut self) -> LinkEvent {
        loop {
            if let Some(event) = self.sweep_if_due().or_else(|| self.look()) {
                return event;
            }
            tokio::select! {
                () = self.watch.changed() => {}
                () = self.stdout.log_some() => {}
                () = self.stderr.log_some() => {}
                () = sleep_until(self.next_sweep) => {}
            }
        }
    }

    async fn left_behind(&mut self) -> Option<LinkEvent> {
        // The error stream says why it exited; the mailbox is complete already.
        self.stderr.drain().await;
        self.look()
    }

    fn takes_follow_ups(&self) -> bool {
        true
    }

    fn last_sign_of_life(&mut self) -> bool {
        let seen = self.out.modified_at(HEARTBEAT);
        std::mem::replace(&mut self.heartbeat, seen) != seen
    }

    fn last_words(&self) -> String {
        self.stderr.tail()
    }
}
