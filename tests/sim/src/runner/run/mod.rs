//! A run: the shell around the real [`proto::turn::run::Run`].

mod files;
mod outcome;
mod perform;
mod serve;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bus::Hint;
use proto::claim::Claimed;
use proto::ids::{ChatId, InboxOrd, SessionId};
use proto::lease::Trust;
use proto::turn::run::{Effect, Event, Exit, Run, RunLimits};
use tokio::sync::watch;
use uuid::Uuid;

use super::slots::{Activity, Command, Orders};
use super::{Runner, Stop};
use crate::sandbox::{EXIT_HOST_SILENT, FromAgent, Sandbox};
use files::Files;

/// Limits of a run, shorter than real ones so that each is reached in a storm.
const LIMITS: RunLimits = RunLimits {
    start: Duration::from_secs(15),
    silence: Duration::from_secs(8),
    turn: Duration::from_secs(60),
    idle: Duration::from_secs(10),
    close: Duration::from_secs(3),
};
const TICK: Duration = Duration::from_secs(1);

/// Runs a claimed group in a task of its own.
pub(super) fn spawn(runner: &Rc<Runner>, claimed: Claimed) {
    let orders = runner.slots.take(&claimed.fence);
    let fence = claimed.fence.clone();
    let group_run = GroupRun {
        runner: Rc::clone(runner),
        claimed,
        orders,
        run: Run::claimed(LIMITS),
        sandbox: None,
        prompts: Vec::new(),
        reply_chat: ChatId::new(""),
        session: None,
        said: 0,
        files: Files::on(runner.host.disk(&fence.group)),
        draining: false,
        trust: runner.trust.subscribe(),
        stop: runner.stop.subscribe(),
    };
    let runner = Rc::clone(runner);
    runner.me.clone().spawn(async move {
        group_run.drive().await;
        runner.slots.free(&fence);
        runner.publish(Hint::Ready { runner: None });
    });
}

/// One group between claim and release.
struct GroupRun {
    runner: Rc<Runner>,
    claimed: Claimed,
    orders: Rc<Orders>,
    run: Run,
    sandbox: Option<Held>,
    prompts: Vec<(Uuid, InboxOrd)>,
    reply_chat: ChatId,
    session: Option<SessionId>,
    said: u32,
    files: Files,
    draining: bool,
    trust: watch::Receiver<Trust>,
    stop: watch::Receiver<Stop>,
}

/// A sandbox as its run holds it.
struct Held {
    sandbox: Rc<Sandbox>,
    guard_over: Rc<Cell<bool>>,
    exited: Option<i64>,
    killed: Option<bool>,
}

enum Happened {
    Agent(FromAgent),
    Exited(i64),
    Quiet,
    Told(Command),
    LeaseLost,
    Drain,
    Stop,
    Tick,
}

impl GroupRun {
    async fn drive(mut self) {
        let fence = self.claimed.fence.clone();
        self.note(format_args!("claimed at epoch {}", fence.epoch));
        let mut effects = VecDeque::from([Effect::BeginTurn]);
        loop {
            while let Some(effect) = effects.pop_front() {
                if let Some(event) = self.perform(effect).await {
                    effects.extend(self.decide(event));
                }
            }
            if self.run.is_done() {
                break;
            }
            self.runner.slots.note(&fence, self.activity());
            let event = self.next_event().await;
            effects.extend(self.decide(event));
        }
        if let Some(held) = &mut self.sandbox {
            kill(&self.runner, held).await;
            held.guard_over.set(true);
        }
    }

    fn activity(&self) -> Activity {
        match self.run.idle_since() {
            Some(since) => Activity::Idle(since),
            None if self.run.is_closing() => Activity::Closing,
            None => Activity::Busy,
        }
    }

    fn decide(&mut self, event: Event) -> Vec<Effect> {
        let now = self.runner.me.monotonic();
        if !matches!(event, Event::Tick { .. }) {
            self.note(brief(&event));
        }
        self.run.transition(event, now).unwrap_or_else(|unexpected| {
            self.note(format_args!("run stopped by a defect: {unexpected}"));
            self.run.transition(Event::Stop, now).unwrap_or_default()
        })
    }

    async fn next_event(&mut self) -> Event {
        loop {
            let event = match self.wait().await {
                Happened::Agent(message) => self.hear(message).await,
                Happened::Exited(EXIT_HOST_SILENT) => Some(Event::Interrupted),
                Happened::Exited(code) => Some(Event::Exited(Exit {
                    reason: format!("the sandbox exited with code {code}"),
                })),
                Happened::Quiet => None,
                Happened::Told(Command::Called) if self.run.begins_when_called() => Some(Event::Called),
                Happened::Told(Command::Look | Command::Called) => self.look_for_follow_ups().await,
                Happened::Told(Command::OthersWait(wait)) => Some(Event::OthersWait(wait)),
                Happened::Told(Command::Evict) => Some(Event::Evict),
                Happened::LeaseLost => Some(Event::FenceLost),
                Happened::Drain => Some(Event::Drain),
                Happened::Stop => Some(Event::Stop),
                Happened::Tick => Some(Event::Tick {
                    alive: self
                        .sandbox
                        .as_ref()
                        .is_some_and(|held| held.sandbox.sign_of_life.take()),
                }),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    async fn wait(&mut self) -> Happened {
        let draining = self.draining;
        let mut soft = self.stop.clone();
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop == Stop::Hard) => Happened::Stop,
            _ = self.trust.wait_for(|trust| *trust == Trust::Lost) => Happened::LeaseLost,
            command = self.orders.next() => Happened::Told(command),
            happened = hear_sandbox(&mut self.sandbox) => happened,
            _ = soft.wait_for(|stop| *stop != Stop::No), if !draining => {
                self.draining = true;
                Happened::Drain
            }
            () = self.runner.me.sleep(TICK) => Happened::Tick,
        }
    }

    async fn hear(&mut self, message: FromAgent) -> Option<Event> {
        match message {
            FromAgent::Ready => Some(Event::AgentReady),
            FromAgent::Result(result) => Some(Event::Result(result)),
            FromAgent::SendMessage { request, key, text } => self.send_message(request, key, text).await,
            FromAgent::Transcript { request, session, uuid } => self.append_transcript(request, session, uuid).await,
        }
    }

    async fn look_for_follow_ups(&mut self) -> Option<Event> {
        let after = self.run.handed();
        match self.runner.rows.read_follow_ups(&self.claimed.fence, after).await {
            Ok(messages) if messages.is_empty() => None,
            Ok(messages) => Some(Event::InboxGrew(messages)),
            Err(store::Error::Fenced(_)) => Some(Event::FenceLost),
            Err(_) => None,
        }
    }

    fn note(&self, text: impl std::fmt::Display) {
        let (world, seat) = (&self.runner.world, self.runner.me.seat());
        world.history.note(
            Some(&self.claimed.fence.group),
            format_args!("{seat} e{}: {text}", self.claimed.fence.epoch),
        );
    }
}

async fn hear_sandbox(held: &mut Option<Held>) -> Happened {
    let Some(held) = held else {
        return std::future::pending().await;
    };
    if let Some(code) = held.exited {
        return match held.sandbox.from_agent.take() {
            Some(message) => Happened::Agent(message),
            None => Happened::Exited(code),
        };
    }
    let mut exit = held.sandbox.exit.subscribe();
    tokio::select! {
        biased;
        message = held.sandbox.from_agent.next() => Happened::Agent(message),
        _ = exit.wait_for(Option::is_some) => {
            held.exited = *held.sandbox.exit.borrow();
            Happened::Quiet
        }
    }
}

/// Kills a sandbox, once; returns whether it is surely dead.
async fn kill(runner: &Runner, held: &mut Held) -> bool {
    held.sandbox.proxy.close();
    if held.killed != Some(true) {
        let killed = runner.host.kill(&runner.me, held.sandbox.number).await;
        held.killed = Some(killed.is_ok());
    }
    held.killed == Some(true)
}

/// An event as a line of a story.
fn brief(event: &Event) -> String {
    match event {
        Event::Begun(batch) => {
            let texts: Vec<_> = batch
                .messages
                .iter()
                .map(|message| format!("{} {}", message.ord, message.envelope.text))
                .collect();
            format!(
                "begins {} after {}, attempt {}: {texts:?}",
                batch.turn, batch.cursor, batch.attempt
            )
        }
        Event::Result(result) => format!("result through {:?}: {:?}", result.consumed_through, result.text),
        Event::InboxGrew(messages) => format!("inbox grew by {}", messages.len()),
        Event::NothingPending
        | Event::Committed { .. }
        | Event::AgentReady
        | Event::Called
        | Event::GivenUp
        | Event::Exited(_)
        | Event::Interrupted
        | Event::OthersWait(_)
        | Event::Evict
        | Event::StopTurn(_)
        | Event::Drain
        | Event::Stop
        | Event::FenceLost
        | Event::Tick { .. } => format!("{event:?}"),
    }
}
