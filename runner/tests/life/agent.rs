//! The agents: each reads its first message, and answers it or dies of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::ids::{GroupId, TurnId};
use proto::ipc::{self, AgentMessage, AgentResult, HostMessage, Start};
use proto::turn::Usage;
use runner::sandbox::memory::{Program, program};
use runner::sandbox::{Exit, SandboxSpec};
use serde_json::json;

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
        self.answered.lock().unwrap().iter().any(|id| id.as_str() == group)
    }

    async fn live(self, spec: SandboxSpec) -> Exit {
        let Start { group, prompt, .. } = first_message(&spec).await;
        self.turns.lock().unwrap().push((group.id.clone(), prompt.turn_id));
        if prompt.text.contains("crash") {
            return Exit {
                code: 1,
                oom_killed: false,
            };
        }
        let ready = AgentMessage::Ready {
            agent_runner: "test".to_owned(),
            sdk: "none".to_owned(),
        };
        say(&spec, 1, &ready);
        let result = AgentResult {
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
        };
        say(&spec, 2, &AgentMessage::Result(result));
        self.answered.lock().unwrap().push(group.id);
        std::future::pending().await
    }
}

async fn first_message(spec: &SandboxSpec) -> Start {
    let path = mailbox(spec, ipc::IN_DIR).join(ipc::file_name(1));
    loop {
        if let Ok(contents) = std::fs::read(&path) {
            match serde_json::from_slice(&contents).unwrap() {
                HostMessage::Start(start) => return *start,
                other => panic!("{other:?} before the start"),
            }
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
    let mount = spec.mounts.iter().find(|mount| mount.target == target);
    mount.unwrap().source.join(ipc::MAILBOX)
}
