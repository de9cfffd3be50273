//! The link that speaks NanoClaw's contract.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use proto::ids::ChatId;
use proto::ipc::{AgentMessage, Answer, CloseReason, Prompt, Start};
use proto::nanoclaw::{
    CLOSE, ContainerInput, GROUPS_SNAPSHOT, GroupsSnapshot, MESSAGES, Parsed, TASKS, TASKS_SNAPSHOT, TaskSnapshot,
    encode_follow_up, follow_up_file_name, parse_message_file, parse_task_file,
};
use rustix::fs::Mode;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Interval, interval_at};

use super::answering::{Answering, Open};
use super::outputs::Outputs;
use crate::agent::log_lines::LogLines;
use crate::agent::{AgentLink, LinkError, LinkEvent, Stdio};
use crate::mailbox::{DropBox, Dropped, HeldDir, Refused, RunDir, SWEEP, Watch, Watcher};

/// The container reads all of its input first (AR-01) and may compile itself before that (CR-D11).
const INPUT_TIME: Duration = Duration::from_secs(60);
/// Readable by the sandbox's uid; the directory of all runs keeps others away.
const MODE: Mode = Mode::from_raw_mode(0o644);

/// What the container is told about the world around it.
pub struct Surroundings {
    /// The chat that the agent speaks in; messages for another one become `send_message_to`.
    pub chat: ChatId,
    /// The tasks it may see (IPC-20).
    pub tasks: Vec<TaskSnapshot>,
    /// The groups it may see (IPC-21).
    pub groups: GroupsSnapshot,
}

/// Speaks NanoClaw's contract.
pub struct NanoClawLink {
    stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    outputs: Outputs,
    stderr: LogLines,
    ipc: HeldDir,
    input: HeldDir,
    messages: DropBox,
    tasks: DropBox,
    watch: Watch,
    sweep: Interval,
    surroundings: Surroundings,
    answering: Answering,
    follow_ups: u64,
    /// What was said on stdout and not handed on yet: kept here, not in a future that may be dropped.
    heard: VecDeque<LinkEvent>,
    alive: bool,
}

impl NanoClawLink {
    /// Takes up the directories of a run, made for [`Layout::NanoClaw`](crate::mailbox::Layout), and the streams of its
    /// sandbox, which must have an input.
    ///
    /// # Errors
    /// When the directories cannot be opened.
    pub fn new(run: &RunDir, watcher: &Watcher, stdio: Stdio, surroundings: Surroundings) -> std::io::Result<Self> {
        Ok(Self {
            stdin: stdio.stdin,
            outputs: Outputs::new(stdio.stdout),
            stderr: LogLines::new("stderr", stdio.stderr),
            ipc: run.ipc()?,
            input: run.input()?,
            messages: run.drop_box(MESSAGES)?,
            tasks: run.drop_box(TASKS)?,
            watch: watcher.watch(run.agent_paths()),
            sweep: interval_at(Instant::now() + SWEEP, SWEEP),
            surroundings,
            answering: Answering::default(),
            follow_ups: 0,
            heard: VecDeque::new(),
            alive: false,
        })
    }

    fn write_snapshots(&self) -> Result<(), LinkError> {
        let json = |value: serde_json::Value| value.to_string().into_bytes();
        let tasks = json(serde_json::json!(self.surroundings.tasks));
        self.ipc
            .write(TASKS_SNAPSHOT, &tasks, MODE)
            .map_err(LinkError::write("the tasks snapshot"))?;
        let groups = json(serde_json::json!(self.surroundings.groups));
        self.ipc
            .write(GROUPS_SNAPSHOT, &groups, MODE)
            .map_err(LinkError::write("the groups snapshot"))
    }

    async fn write_input(&mut self, input: &ContainerInput) -> Result<(), LinkError> {
        let mut stdin = self.stdin.take().ok_or(LinkError::NoInput)?;
        let bytes = input.encode();
        let writing = async {
            stdin.write_all(&bytes).await?;
            stdin.shutdown().await
        };
        let written = tokio::time::timeout(INPUT_TIME, writing)
            .await
            .map_err(|_| LinkError::NotRead)?;
        written.map_err(LinkError::write("the first prompt"))
    }

    /// Files before outputs: what the agent said by tool call came before the result that followed it.
    fn look(&mut self) -> Option<LinkEvent> {
        let chat = &self.surroundings.chat;
        let message = self.messages.take();
        let message =
            message.map(|taken| request(MESSAGES, taken, |id, contents| parse_message_file(id, chat, contents)));
        let event = message.or_else(|| self.tasks.take().map(|taken| request(TASKS, taken, parse_task_file)));
        self.alive |= event.is_some();
        event.or_else(|| self.heard.pop_front())
    }

    fn hear(&mut self, outputs: Vec<Parsed>) {
        for output in outputs {
            let event = match output {
                Ok(output) => {
                    let unread = self.open_prompt_is_unread();
                    self.answering.hear(output, unread).map(LinkEvent::Message)
                }
                Err(error) => Some(LinkEvent::Refused {
                    reason: error.to_string(),
                }),
            };
            self.heard.extend(event);
        }
    }

    fn open_prompt_is_unread(&self) -> bool {
        let file = self.answering.open.as_ref().and_then(|open| open.file.as_deref());
        file.is_some_and(|file| self.input.holds(file))
    }
}

/// The file's place and name make the id: the same file is the same request.
fn request(
    place: &str,
    taken: Result<Dropped, Refused>,
    parse: impl FnOnce(&str, &[u8]) -> Result<proto::ipc::Request, proto::nanoclaw::InvalidFile>,
) -> LinkEvent {
    let parsed = match taken {
        Ok(file) => parse(&format!("{place}/{}", file.stem), &file.contents).map_err(|error| error.to_string()),
        Err(refused) => Err(refused.to_string()),
    };
    match parsed {
        Ok(request) => LinkEvent::Message(AgentMessage::Request(request)),
        Err(reason) => LinkEvent::Refused {
            reason: format!("{place}: {reason}"),
        },
    }
}

#[async_trait]
impl AgentLink for NanoClawLink {
    async fn start(&mut self, start: Start) -> Result<(), LinkError> {
        self.write_snapshots()?;
        let input = ContainerInput {
            prompt: start.prompt.text,
            session_id: start.session_id,
            group_folder: start.group.id,
            chat_jid: self.surroundings.chat.clone(),
            is_main: start.group.is_main,
            is_scheduled_task: None,
            assistant_name: Some(start.assistant_name),
        };
        self.write_input(&input).await?;
        self.answering.open = Some(Open {
            through: start.prompt.through,
            file: None,
        });
        Ok(())
    }

    async fn hand_over(&mut self, prompt: Prompt) -> Result<(), LinkError> {
        if self.answering.open.is_some() {
            return Err(LinkError::Busy);
        }
        let name = follow_up_file_name(self.follow_ups + 1);
        self.input
            .write(&name, &encode_follow_up(&prompt.text), MODE)
            .map_err(LinkError::write("a prompt"))?;
        self.follow_ups += 1;
        self.answering.open = Some(Open {
            through: prompt.through,
            file: Some(name),
        });
        Ok(())
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), LinkError> {
        // The contract has no answers (MCP-D4).
        tracing::debug!(
            request.id = answer.id,
            ok = answer.ok,
            "the agent cannot be told what became of its request"
        );
        Ok(())
    }

    async fn close(&mut self, _reason: CloseReason) -> Result<(), LinkError> {
        self.input
            .write(CLOSE, b"", MODE)
            .map_err(LinkError::write("the request to finish"))
    }

    async fn next(&mut self) -> LinkEvent {
        loop {
            if let Some(event) = self.look() {
                return event;
            }
            // Nothing is awaited between reading and keeping.
            tokio::select! {
                outputs = self.outputs.read() => {
                    self.alive |= !self.outputs.has_ended();
                    self.hear(outputs);
                }
                () = self.stderr.log_some() => self.alive |= !self.stderr.has_ended(),
                () = self.watch.changed() => {}
                _ = self.sweep.tick() => {}
            }
        }
    }

    async fn left_behind(&mut self) -> Option<LinkEvent> {
        while let Some(outputs) = self.outputs.drain_some().await {
            self.hear(outputs);
        }
        self.stderr.drain().await;
        self.look()
    }

    fn reads_snapshots(&self) -> bool {
        true
    }

    fn show(&mut self, surroundings: Surroundings) -> Result<(), LinkError> {
        self.surroundings = surroundings;
        self.write_snapshots()
    }

    fn takes_follow_ups(&self) -> bool {
        false
    }

    /// The contract has no heartbeat: only what was heard counts, and an agent that thinks for long gives no sign.
    fn last_sign_of_life(&mut self) -> bool {
        std::mem::take(&mut self.alive)
    }

    fn last_words(&self) -> String {
        self.stderr.tail()
    }
}
