//! What can happen to a run: the agent speaks, the sandbox ends, the engine calls, the lease or the runner ends.

use std::time::Duration;

use proto::ipc::AgentMessage;
use proto::lease::Trust;
use proto::turn::run::{Event, Exit};

use super::GroupRun;
use super::sandbox::Sandbox;
use crate::agent::LinkEvent;
use crate::engine::slots::Command;
use crate::sandbox;

/// Time between looks at limits and heartbeats.
const TICK: Duration = Duration::from_secs(1);

enum Happened {
    Agent(LinkEvent),
    Exited(sandbox::Exit),
    /// Nothing to tell yet: what is left behind is read first.
    Quiet,
    Told(Option<Command>),
    Trust,
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
                    Some(Event::Sign)
                }
                Happened::Exited(exit) => Some(Event::Exited(Exit {
                    reason: self.describe_exit(&exit),
                })),
                Happened::Quiet => None,
                Happened::Told(Some(Command::Look)) => self.look_for_follow_ups().await,
                Happened::Told(Some(Command::OthersWait(wait))) => Some(Event::OthersWait(wait)),
                Happened::Told(Some(Command::Evict)) => Some(Event::Evict),
                // The engine forgot this run: it is over.
                Happened::Told(None) | Happened::Stop => Some(Event::Stop),
                Happened::Trust => self.on_trust().await,
                Happened::Drain => Some(Event::Drain),
                Happened::Tick => Some(self.on_tick()),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    async fn wait(&mut self) -> Happened {
        let mut trust = self.engine.trust.subscribe();
        let trusted_before = self.trusted;
        let (drain, stop) = (self.engine.lifecycle.soft_stop(), self.engine.lifecycle.hard_stop());
        let draining = self.draining;
        tokio::select! {
            biased;
            () = stop.cancelled() => Happened::Stop,
            _ = trust.wait_for(|trust| *trust != trusted_before) => Happened::Trust,
            command = self.commands.recv() => Happened::Told(command),
            happened = hear_sandbox(&mut self.sandbox) => happened,
            () = drain.cancelled(), if !draining => {
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
                Some(Event::Sign)
            }
            AgentMessage::Progress(progress) => {
                let group = self.claimed.fence.group.clone();
                self.engine.hints.publish(bus::Hint::Progress { group, progress });
                Some(Event::Sign)
            }
            AgentMessage::Result(result) => Some(Event::Result(Box::new(result))),
            AgentMessage::Request(request) => Some(self.serve(request).await.unwrap_or(Event::Sign)),
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
            Ok(messages) => Some(Event::InboxGrew(messages)),
            Err(store::Error::Fenced(_)) => Some(Event::FenceLost),
            // The next sweep looks again.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "follow-ups could not be read");
                None
            }
        }
    }

    async fn on_trust(&mut self) -> Option<Event> {
        self.trusted = *self.engine.trust.borrow();
        let sandbox = self.sandbox.as_mut();
        match (self.trusted, sandbox) {
            (Trust::Lost, _) => return Some(Event::FenceLost),
            (Trust::Fenced, Some(sandbox)) => sandbox.pause(&self.engine).await,
            (Trust::Full, Some(sandbox)) => sandbox.resume(&self.engine).await,
            (Trust::Fenced | Trust::Full, None) => {}
        }
        None
    }

    fn on_tick(&mut self) -> Event {
        let alive = self.sandbox.as_mut().is_some_and(Sandbox::beat);
        // A heartbeat counts as a sign of life and the tick itself is looked at with the next one.
        if alive { Event::Sign } else { Event::Tick }
    }

    fn describe_exit(&self, exit: &sandbox::Exit) -> String {
        let tail = self
            .sandbox
            .as_ref()
            .map(|sandbox| sandbox.link.last_words())
            .unwrap_or_default();
        let cause = if exit.oom_killed {
            "the sandbox ran out of memory".to_owned()
        } else {
            format!("the sandbox exited with code {}", exit.code)
        };
        if tail.is_empty() {
            cause
        } else {
            format!("{cause}: {tail}")
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
