//! A host: its container runtime, and the sandboxes it runs. They belong to the host and not to the runner's process.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proto::claim::Fence as GroupFence;
use proto::ids::GroupId;
use tokio::sync::watch;

use super::{Disk, Proxy, Sandbox, agent, watchdog};
use crate::exec::{HostClock, Process};
use crate::fences::Fence;
use crate::world::World;

/// The container runtime gave no good answer; what was asked may have been done.
#[derive(Debug)]
pub(crate) struct RuntimeAway;

/// A machine that runs sandboxes.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) clock: HostClock,
    sandboxes: RefCell<BTreeMap<u64, Rc<Sandbox>>>,
    disks: RefCell<BTreeMap<GroupId, Rc<RefCell<Disk>>>>,
    next: Cell<u64>,
    is_down: Cell<bool>,
}

impl Host {
    pub(crate) fn new(name: String, clock: HostClock) -> Rc<Self> {
        Rc::new(Self {
            name,
            clock,
            sandboxes: RefCell::default(),
            disks: RefCell::default(),
            next: Cell::default(),
            is_down: Cell::default(),
        })
    }

    /// The files of a group here.
    pub(crate) fn disk(&self, group: &GroupId) -> Rc<RefCell<Disk>> {
        Rc::clone(self.disks.borrow_mut().entry(group.clone()).or_default())
    }

    pub(crate) fn is_runtime_down(&self) -> bool {
        self.is_down.get()
    }

    pub(crate) fn set_runtime_down(&self, down: bool) {
        self.is_down.set(down);
    }

    /// Whether the runtime answers.
    pub(crate) async fn probe(&self, me: &Process) -> Result<(), RuntimeAway> {
        self.work(me).await
    }

    /// Starts a sandbox that waits for its first prompt. In trouble it may have started all the same.
    pub(crate) async fn start(
        self: &Rc<Self>,
        world: &Rc<World>,
        me: &Process,
        fence: &GroupFence,
        proxy: Rc<Proxy>,
    ) -> Result<Rc<Sandbox>, RuntimeAway> {
        let starts = !self.is_down.get() || me.executor().chance(0.3);
        let started = starts.then(|| self.put_up(world, fence, proxy));
        me.sleep(me.executor().millis(20, 400)).await;
        self.work(me).await?;
        started.ok_or(RuntimeAway)
    }

    fn put_up(self: &Rc<Self>, world: &Rc<World>, fence: &GroupFence, proxy: Rc<Proxy>) -> Rc<Sandbox> {
        let number = self.next.get() + 1;
        self.next.set(number);
        let sandbox = Rc::new(Sandbox {
            number,
            fence: fence.clone(),
            process: world
                .executor
                .start_process(&format!("sandbox on {}", self.name), self.clock),
            to_agent: Default::default(),
            from_agent: Default::default(),
            proxy,
            heart: Cell::default(),
            sign_of_life: Cell::default(),
            exit: watch::Sender::new(None),
            host: self.name.clone(),
            disk: self.disk(&fence.group),
            at_work: Cell::default(),
            history: Rc::clone(&world.history),
            shown_running: Cell::default(),
            hung: Cell::default(),
            requests: Cell::default(),
            answers: RefCell::default(),
        });
        self.sandboxes.borrow_mut().insert(number, Rc::clone(&sandbox));
        sandbox
            .process
            .spawn(agent::live(Rc::clone(world), Rc::clone(&sandbox)));
        sandbox.process.spawn(watchdog::beat(Rc::clone(&sandbox)));
        if world.stands(Fence::Watchdog) {
            sandbox.process.spawn(watchdog::watch_runner(Rc::clone(&sandbox)));
        }
        watchdog::look_out_for_orphans(world, &sandbox);
        watchdog::look_out_for_the_fenced(world, self, &sandbox);
        sandbox
    }

    pub(crate) async fn kill(&self, me: &Process, number: u64) -> Result<(), RuntimeAway> {
        self.act(me, number, |sandbox| sandbox.exit(137)).await
    }

    pub(crate) async fn pause(&self, me: &Process, number: u64) -> Result<(), RuntimeAway> {
        self.act(me, number, |sandbox| {
            sandbox.process.pause();
            sandbox.note_running();
        })
        .await
    }

    pub(crate) async fn resume(&self, me: &Process, number: u64) -> Result<(), RuntimeAway> {
        self.act(me, number, |sandbox| {
            sandbox.process.resume();
            sandbox.note_running();
        })
        .await
    }

    /// Sandboxes that have not ended.
    pub(crate) async fn list(&self, me: &Process) -> Result<Vec<Rc<Sandbox>>, RuntimeAway> {
        self.work(me).await?;
        Ok(self
            .sandboxes
            .borrow()
            .values()
            .filter(|sandbox| !sandbox.process.is_dead())
            .cloned()
            .collect())
    }

    async fn act(&self, me: &Process, number: u64, act: impl FnOnce(&Sandbox)) -> Result<(), RuntimeAway> {
        let sandbox = self.sandboxes.borrow().get(&number).cloned();
        if let Some(sandbox) = sandbox.filter(|_| !self.is_down.get()) {
            act(&sandbox);
        }
        self.work(me).await
    }

    async fn work(&self, me: &Process) -> Result<(), RuntimeAway> {
        let was_down = self.is_down.get();
        me.sleep(if was_down {
            Duration::from_secs(1)
        } else {
            me.executor().millis(1, 20)
        })
        .await;
        if was_down { Err(RuntimeAway) } else { Ok(()) }
    }
}
