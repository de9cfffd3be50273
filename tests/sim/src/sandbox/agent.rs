//! The agent in a sandbox: works on its prompts as their messages want it, and as chance wants it.

use std::collections::BTreeSet;
use std::rc::Rc;

use proto::ids::{InboxOrd, SessionId};
use proto::inbound::InboxMessage;
use proto::ipc::AgentResult;
use proto::turn::Usage;

use super::{FromAgent, Prompt, Sandbox, ToAgent, answer_text, early_text, file_for, key_of};
use crate::history::Event;
use crate::world::World;

/// Model calls of slow work: long enough to last beyond the death of a runner that is cut off.
const SLOW_STEPS: u32 = 30;

struct Agent {
    world: Rc<World>,
    sandbox: Rc<Sandbox>,
    /// Prompts it was handed and has not taken up.
    waiting: Vec<Prompt>,
    closing: bool,
}

/// Lives until it is killed, crashes, or is asked to finish.
pub(super) async fn live(world: Rc<World>, sandbox: Rc<Sandbox>) {
    sandbox.process.sleep(world.executor.millis(50, 800)).await;
    let mut agent = Agent {
        world,
        sandbox,
        waiting: Vec::new(),
        closing: false,
    };
    let mut is_ready = false;
    loop {
        while agent.waiting.is_empty() && !agent.closing {
            let message = agent.sandbox.to_agent.next().await;
            agent.hear(message);
        }
        if agent.waiting.is_empty() {
            return agent.sandbox.exit(0);
        }
        if !std::mem::replace(&mut is_ready, true) {
            agent.look_at_files();
            agent.sandbox.from_agent.put(FromAgent::Ready);
        }
        let prompt = agent.waiting.remove(0);
        agent.answer(prompt).await;
    }
}

impl Agent {
    fn hear(&mut self, message: ToAgent) {
        match message {
            ToAgent::Prompt(prompt) => self.waiting.push(prompt),
            ToAgent::Answer { request, done } => self.sandbox.answers.borrow_mut().push((request, done)),
            ToAgent::Close => self.closing = true,
        }
    }

    fn hear_all(&mut self) {
        while let Some(message) = self.sandbox.to_agent.take() {
            self.hear(message);
        }
    }

    /// Works on a prompt, and on some of those that come meanwhile, to one result.
    async fn answer(&mut self, prompt: Prompt) {
        let mut through = prompt.through;
        let turn = prompt.turn;
        let mut messages = Vec::new();
        let mut next = Some(prompt);
        while let Some(prompt) = next {
            through = prompt.through;
            self.take_up(&prompt).await;
            let lived = self.work_on(&prompt.messages).await;
            messages.extend(prompt.messages);
            if !lived {
                return self.sandbox.exit(1);
            }
            self.hear_all();
            // Some follow-ups are worked into the same answer, others wait: then the result does not cover them.
            let takes_more = !self.waiting.is_empty() && self.world.executor.chance(0.5);
            next = takes_more.then(|| self.waiting.remove(0));
        }
        let engaging: Vec<&InboxMessage> = messages.iter().filter(|message| message.envelope.engages).collect();
        let keys: Vec<String> = engaging.iter().map(|message| key_of(&message.envelope)).collect();
        let silent = engaging.iter().all(|message| manner(message) == "silent");
        if silent {
            self.world.history.record(Event::Silent {
                turn,
                keys: keys.clone(),
            });
        }
        let text = if silent {
            "<internal>nothing to say</internal>".to_owned()
        } else {
            answer_text(&keys)
        };
        self.sandbox
            .from_agent
            .put(FromAgent::Result(Box::new(self.result(text, through))));
    }

    async fn take_up(&mut self, prompt: &Prompt) {
        self.world.history.record(Event::Saw {
            group: self.sandbox.fence.group.clone(),
            turn: prompt.turn,
            keys: prompt
                .messages
                .iter()
                .map(|message| key_of(&message.envelope))
                .collect(),
        });
        let (uuid, session) = (prompt.uuid, self.session());
        self.request(|request| FromAgent::Transcript { request, session, uuid })
            .await;
    }

    /// Says whether it lived to see the end of it.
    async fn work_on(&mut self, messages: &[InboxMessage]) -> bool {
        let manners: BTreeSet<_> = messages.iter().map(manner).collect();
        let steps = if manners.contains("slow") { SLOW_STEPS } else { 1 };
        for _ in 0..steps {
            let chances = self.world.network.chances();
            if self.world.executor.chance(chances.agent_crash) || manners.contains("poison") {
                return false;
            }
            if self.world.executor.chance(chances.agent_hang) {
                self.sandbox.hung.set(true);
                std::future::pending::<()>().await;
            }
            if self.sandbox.think(&self.world).await.is_err() {
                return false;
            }
        }
        self.write_files(messages);
        for message in messages.iter().filter(|message| manner(message) == "early") {
            let key = key_of(&message.envelope);
            let tool_use = format!(
                "tool-{}-{}-{key}",
                self.sandbox.fence.epoch,
                self.sandbox.requests.get()
            );
            let text = early_text(&key);
            self.request(|request| FromAgent::SendMessage {
                request,
                key: tool_use,
                text,
            })
            .await;
        }
        true
    }

    fn look_at_files(&self) {
        self.world.history.record(Event::Found {
            group: self.sandbox.fence.group.clone(),
            epoch: self.sandbox.fence.epoch,
            files: self.sandbox.disk.borrow().tree.clone(),
        });
    }

    fn write_files(&self, messages: &[InboxMessage]) {
        for message in messages.iter().filter(|message| message.envelope.engages) {
            let ord = message.ord.0;
            self.sandbox.disk.borrow_mut().tree.insert(file_for(ord), ord);
            self.world.history.record(Event::Wrote {
                group: self.sandbox.fence.group.clone(),
                epoch: self.sandbox.fence.epoch,
                ord,
            });
        }
    }

    /// Asks the runner for something and waits until it answers.
    async fn request(&mut self, ask: impl FnOnce(u64) -> FromAgent) -> bool {
        let number = self.sandbox.requests.get() + 1;
        self.sandbox.requests.set(number);
        self.sandbox.from_agent.put(ask(number));
        loop {
            let answered = self
                .sandbox
                .answers
                .borrow()
                .iter()
                .find(|(request, _)| *request == number)
                .copied();
            if let Some((_, done)) = answered {
                return done;
            }
            let message = self.sandbox.to_agent.next().await;
            self.hear(message);
        }
    }

    fn session(&self) -> SessionId {
        SessionId::new(format!("session of {}", self.sandbox.fence.group))
    }

    fn result(&self, text: String, through: InboxOrd) -> AgentResult {
        AgentResult {
            subtype: "success".to_owned(),
            is_error: false,
            text: Some(text),
            consumed_through: Some(through),
            session_id: Some(self.session()),
            num_turns: 1,
            duration_ms: 0,
            cost_usd: None,
            usage: Usage::default(),
            error: None,
        }
    }
}

/// What a message wants of the agent: the word after the trigger.
fn manner(message: &InboxMessage) -> &str {
    message
        .envelope
        .text
        .split(' ')
        .find(|word| !word.starts_with('@'))
        .unwrap_or_default()
}
