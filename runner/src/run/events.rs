//! What can happen to a run: the agent speaks, the sandbox ends, the engine calls, the lease or the runner ends.

use std::time::Duration;

use proto::inbound::InboxMessage;
use proto::ipc::AgentMessage;
use proto::lease::Trust;
use proto::prompt::last_ord;
use proto::turn::run::{Event, Exit};

use super::GroupRun;
use super::sandbox::Sandbox;
use crate::agent::LinkEvent;
use crate::engine::slots::Command;
use crate::sandbox;

/// Time between looks at limits and heartbeats.
const TICK: Duration = Duration::from_secs(1);

/// Exit code of an agent that missed our heartbeat: we were away, the message is not to blame.
const EXIT_HOST_SILENT: i64 = 75;

enum Happened {
    Agent(LinkEvent),
    Exited(sandbox::Exit),
    /// Nothing to tell yet: what is left behind is read first.
    Quiet,
    Told(Command),
    LeaseLost,
    Drain,
    Stop,
    Tick,
}

impl GroupRun {
    /// Waits for the next thing the core must know; everything else is dealt with here.
    pub(super) async fn next_event(&mut self) -> Event {
        loop {
            let event = match self.wait().await {
                Happened::Agent(LinkEvent::Message(message)) => self.hear(message).await,
                Happened::Agent(LinkEvent::Refused { reason }) => {
                    self.engine.metrics.refused_files.inc();
                    tracing::warn!(group.id = %self.claimed.fence.group, reason, "a file of the sandbox was refused");
                    None
                }
                Happened::Exited(exit) if exit.code == EXIT_HOST_SILENT => Some(Event::Interrupted),
                Happened::Exited(exit) => Some(Event::Exited(Exit {
                    reason: self.describe_exit(&exit),
                })),
                Happened::Quiet => None,
                Happened::Told(Command::Called) if self.run.begins_when_called() => Some(Event::Called),
                Happened::Told(Command::Look | Command::Called) => self.look_for_follow_ups().await,
                Happened::Told(Command::OthersWait(wait)) => Some(Event::OthersWait(wait)),
                Happened::Told(Command::Evict) => Some(Event::Evict),
                Happened::Told(Command::StopTurn(turn)) => Some(Event::StopTurn(turn)),
                Happened::LeaseLost => Some(Event::FenceLost),
                Happened::Drain => Some(Event::Drain),
                Happened::Stop => Some(Event::Stop),
                Happened::Tick => {
                    let alive = self
                        .sandbox
                        .as_mut()
                        .is_some_and(|sandbox| sandbox.link.last_sign_of_life());
                    Some(Event::Tick { alive })
                }
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Cancel-safe in all its branches: what is not returned still stands.
    async fn wait(&mut self) -> Happened {
        let draining = self.draining;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Happened::Stop,
            _ = self.trust.wait_for(|trust| *trust == Trust::Lost) => Happened::LeaseLost,
            command = self.orders.next() => Happened::Told(command),
            happened = hear_sandbox(&mut self.sandbox) => happened,
            () = self.drain.cancelled(), if !draining => {
                self.draining = true;
                Happened::Drain
            }
            () = tokio::time::sleep_until(self.next_tick) => {
                self.next_tick = tokio::time::Instant::now() + TICK;
                Happened::Tick
            }
        }
    }

    async fn hear(&mut self, message: AgentMessage) -> Option<Event> {
        match message {
            AgentMessage::Ready { agent_runner, sdk } => {
                tracing::debug!(group.id = %self.claimed.fence.group, agent_runner, sdk, "agent ready");
                Some(Event::AgentReady)
            }
            AgentMessage::Session {
                session_id,
                stale_session_id,
            } => {
                if let Some(stale) = stale_session_id {
                    tracing::warn!(group.id = %self.claimed.fence.group, session.id = %stale, "a session was lost; a new one begins");
                }
                self.session = Some(session_id);
                None
            }
            AgentMessage::Progress(progress) => {
                let group = self.claimed.fence.group.clone();
                self.engine.hints.publish(bus::Hint::Progress { group, progress });
                None
            }
            AgentMessage::Result(result) => Some(Event::Result(Box::new(result))),
            AgentMessage::Request(request) => self.serve(request).await,
            AgentMessage::Fatal { code, message } => {
                let message: String = message.chars().take(500).collect();
                Some(Event::Exited(Exit {
                    reason: format!("the agent gave up ({code}): {message}"),
                }))
            }
        }
    }

    async fn look_for_follow_ups(&mut self) -> Option<Event> {
        let after = self.run.handed();
        match self.engine.store.read_follow_ups(&self.claimed.fence, after).await {
            Ok(messages) if messages.is_empty() => None,
            Ok(messages) => {
                self.note_read(&messages);
                Some(Event::InboxGrew(messages))
            }
            Err(store::Error::Fenced(_)) => Some(Event::FenceLost),
            // The next sweep looks again.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "follow-ups could not be read");
                None
            }
        }
    }

    /// Counts how long messages waited, each once: what the core does not take yet is read again.
    pub(super) fn note_read(&mut self, messages: &[InboxMessage]) {
        let new = messages.iter().filter(|message| message.ord > self.read_through);
        for message in new.clone() {
            tracing::debug!(
                group.id = %self.claimed.fence.group, inbox.ord = %message.ord, message.key = message.envelope.dedup_key,
                "message read"
            );
        }
        self.engine.metrics.observe_read(new, self.engine.clock.now());
        self.read_through = last_ord(messages).unwrap_or_default().max(self.read_through);
    }

    /// For the operator. The last words are for the debug log only: they may repeat what people said.
    fn describe_exit(&self, exit: &sandbox::Exit) -> String {
        let last_words = self
            .sandbox
            .as_ref()
            .map(|sandbox| sandbox.link.last_words())
            .unwrap_or_default();
        tracing::debug!(group.id = %self.claimed.fence.group, exit.code, last_words, "the sandbox exited");
        if exit.oom_killed {
            "the sandbox ran out of memory".to_owned()
        } else {
            format!("the sandbox exited with code {}", exit.code)
        }
    }
}

async fn hear_sandbox(sandbox: &mut Option<Sandbox>) -> Happened {
    let Some(sandbox) = sandbox else {
        return std::future::pending().await;
    };
    if let Some(exit) = sandbox.exited {
        // Notice of the end may overtake the last message, and what was said before the end still counts.
        return match sandbox.link.left_behind().await {
            Some(event) => Happened::Agent(event),
            None => Happened::Exited(exit),
        };
    }
    tokio::select! {
        biased;
        event = sandbox.link.next() => Happened::Agent(event),
        exit = &mut sandbox.exit => {
            sandbox.exited = Some(exit);
            Happened::Quiet
        }
    }
}
