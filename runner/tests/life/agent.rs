//! The agents: each answers what it is told, or dies of it, until it is asked to finish.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::ids::{GroupId, TurnId};
use proto::ipc::{self, AgentMessage, AgentResult, HostMessage, Prompt, Start};
use proto::turn::Usage;
use runner::sandbox::memory::{Program, program};
use runner::sandbox::{Exit, SandboxSpec};
use serde_json::json;

/// Where a group's workspace is in its sandbox.
const WORKSPACE: &str = "/workspace/group";
/// Between two looks into the mailbox.
const LOOK: Duration = Duration::from_millis(5);

/// All agents of a world, and what they saw.
#[derive(Clone, Default)]
pub(crate) struct Agents {
    turns: Arc<Mutex<Vec<(GroupId, TurnId)>>>,
    answered: Arc<Mutex<Vec<GroupId>>>,
}

impl Agents {
    pub(crate) fn program(&self) -> Program {
        let agents = self.clone();
        program(move |spec, _pipes| {
            let agents = agents.clone();
            async move { agents.live(spec).await }
        })
    }

    /// The newest turn of a group that reached an agent.
    pub(crate) fn turn_of(&self, group: &str) -> Option<TurnId> {
        let turns = self.turns.lock().unwrap();
        let of_group = turns.iter().rev().find(|(id, _)| id.as_str() == group);
        of_group.map(|(_, turn)| *turn)
    }

    pub(crate) fn answered(&self, group: &str) -> bool {
        self.answers(group) > 0
    }

    pub(crate) fn answers(&self, group: &str) -> usize {
        let answered = self.answered.lock().unwrap();
        answered.iter().filter(|id| id.as_str() == group).count()
    }

    async fn live(self, spec: SandboxSpec) -> Exit {
        let mut said = 0;
        for number in 1.. {
            let prompt = match message(&spec, number).await {
                HostMessage::Start(start) => {
                    let Start { prompt, .. } = *start;
                    said += 1;
                    let ready = AgentMessage::Ready {
                        agent_runner: "test".to_owned(),
                        sdk: "none".to_owned(),
                    };
                    say(&spec, said, &ready);
                    prompt
                }
                HostMessage::Prompt { prompt } => prompt,
                HostMessage::Answer(_) => continue,
                HostMessage::Close { .. } => return exit(0),
            };
            self.turns
                .lock()
                .unwrap()
                .push((spec.labels.group.clone(), prompt.turn_id));
            if prompt.text.contains("crash") {
                return exit(1);
            }
            if prompt.text.contains("write") {
                std::fs::write(mounted(&spec, WORKSPACE).join("notes"), &prompt.text).unwrap();
            }
            said += 1;
            say(&spec, said, &answer(&prompt));
            self.answered.lock().unwrap().push(spec.labels.group.clone());
        }
        unreachable!("there is always a next message")
    }
}

fn exit(code: i64) -> Exit {
    Exit {
        code,
        oom_killed: false,
    }
}

fn answer(prompt: &Prompt) -> AgentMessage {
    AgentMessage::Result(AgentResult {
        subtype: "success".to_owned(),
        is_error: false,
        text: Some("done".to_owned()),
        consumed_through: Some(prompt.through),
        session_id: None,
        num_turns: 1,
        duration_ms: 0,
        cost_usd: None,
        usage: Usage::default(),
        error: None,
    })
}

async fn message(spec: &SandboxSpec, number: u64) -> HostMessage {
    let path = mailbox(spec, ipc::IN_DIR).join(ipc::file_name(number));
    loop {
        if let Ok(contents) = std::fs::read(&path) {
            return serde_json::from_slice(&contents).unwrap();
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn say(spec: &SandboxSpec, number: u64, message: &AgentMessage) {
    let mut value = json!(message);
    value["v"] = ipc::VERSION.into();
    let name = ipc::file_name(number);
    let outbox = mailbox(spec, ipc::OUT_DIR);
    let fresh = outbox.join(format!(".{name}.tmp"));
    std::fs::write(&fresh, value.to_string()).unwrap();
    std::fs::rename(&fresh, outbox.join(name)).unwrap();
}

/// Where a mailbox of the sandbox is on the host.
pub(crate) fn mailbox(spec: &SandboxSpec, target: &str) -> PathBuf {
    mounted(spec, target).join(ipc::MAILBOX)
}

fn mounted(spec: &SandboxSpec, target: &str) -> PathBuf {
    let mount = spec.mounts.iter().find(|mount| mount.target == target);
    mount.unwrap().source.clone()
}
