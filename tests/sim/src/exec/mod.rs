//! The executor: runs the actors of all processes in one thread over virtual time.
//!
//! Time is true time, which no actor can read: an actor has the clocks of its process. Which of several runnable tasks goes
//! first is drawn from the seed, so that a run is one of all possible interleavings, and the same one each time.

mod clock;
mod process;
mod sleep;

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::random::Random;
pub(crate) use clock::{HostClock, START};
pub(crate) use process::{Life, Process};
pub(crate) use sleep::Sleep;

/// The executor. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Executor(Rc<Inner>);

struct Inner {
    now: Cell<Duration>,
    random: RefCell<Random>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    next: Cell<u64>,
    woken: Arc<Mutex<Vec<u64>>>,
    runnable: RefCell<Vec<u64>>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    processes: RefCell<Vec<process::Entry>>,
    polls: Cell<u64>,
}

struct Task {
    process: usize,
    future: Option<LocalBoxFuture<'static, ()>>,
    waker: Waker,
    queued: Arc<AtomicBool>,
}

struct Timer {
    at: Duration,
    number: u64,
    action: Action,
}

enum Action {
    Wake(Waker),
    Run(Box<dyn FnOnce()>),
}

impl Executor {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rc::new(Inner {
            now: Cell::default(),
            random: RefCell::new(Random::new(seed)),
            tasks: RefCell::default(),
            next: Cell::default(),
            woken: Arc::default(),
            runnable: RefCell::default(),
            timers: RefCell::default(),
            processes: RefCell::default(),
            polls: Cell::default(),
        }))
    }

    /// True time since the start of the run.
    pub(crate) fn now(&self) -> Duration {
        self.0.now.get()
    }

    /// Draws from the seed.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.0.random.borrow_mut())
    }

    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.draw(|random| random.chance(probability))
    }

    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        self.draw(|random| random.millis(from, to))
    }

    /// Does something after a span of true time, whatever becomes of the process that asked for it.
    pub(crate) fn after(&self, span: Duration, run: impl FnOnce() + 'static) {
        self.timer(self.now() + span, Action::Run(Box::new(run)));
    }

    /// Runs until nothing is left to do before `end`, which becomes the time. Every poll so far is counted.
    pub(crate) fn run_until(&self, end: Duration) -> u64 {
        loop {
            self.sort_woken();
            if let Some(task) = self.draw_runnable() {
                self.poll(task);
            } else if !self.fire_next_timer(end) {
                self.0.now.set(end);
                return self.0.polls.get();
            }
        }
    }

    fn number(&self) -> u64 {
        let number = self.0.next.get() + 1;
        self.0.next.set(number);
        number
    }

    fn timer(&self, at: Duration, action: Action) {
        let number = self.number();
        self.0.timers.borrow_mut().push(Reverse(Timer { at, number, action }));
    }

    /// Woken tasks become runnable, except those of processes that stand still: they wait there.
    fn sort_woken(&self) {
        let mut woken = std::mem::take(&mut *self.0.woken.lock().unwrap_or_else(PoisonError::into_inner));
        // Channels wake several waiters in an order of their own, which is not the same each time.
        woken.sort_unstable();
        let tasks = self.0.tasks.borrow();
        let mut processes = self.0.processes.borrow_mut();
        for task in woken {
            let Some(found) = tasks.get(&task) else { continue };
            let process = &mut processes[found.process];
            match process.life {
                Life::Running => self.0.runnable.borrow_mut().push(task),
                Life::Paused => process.stalled.push(task),
                Life::Dead => {}
            }
        }
    }

    fn draw_runnable(&self) -> Option<u64> {
        let mut runnable = self.0.runnable.borrow_mut();
        if runnable.is_empty() {
            return None;
        }
        let chosen = self.draw(|random| random.below(runnable.len()));
        Some(runnable.swap_remove(chosen))
    }

    fn poll(&self, number: u64) {
        let taken = {
            let mut tasks = self.0.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(&number) else { return };
            let mut processes = self.0.processes.borrow_mut();
            if processes[task.process].life == Life::Paused {
                processes[task.process].stalled.push(number);
                return;
            }
            task.queued.store(false, Ordering::Relaxed);
            task.future.take().map(|future| (future, task.waker.clone()))
        };
        let Some((mut future, waker)) = taken else { return };
        self.0.polls.set(self.0.polls.get() + 1);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = self.0.tasks.borrow_mut();
        match polled {
            Poll::Pending => {
                // Gone if the process died in this very poll.
                if let Some(task) = tasks.get_mut(&number) {
                    task.future = Some(future);
                    return;
                }
            }
            Poll::Ready(()) => drop(tasks.remove(&number)),
        }
        drop(tasks);
        drop(future);
    }

    fn fire_next_timer(&self, end: Duration) -> bool {
        let timer = {
            let mut timers = self.0.timers.borrow_mut();
            if timers.peek().is_none_or(|Reverse(next)| next.at > end) {
                return false;
            }
            timers.pop()
        };
        if let Some(Reverse(timer)) = timer {
            self.0.now.set(timer.at.max(self.now()));
            match timer.action {
                Action::Wake(waker) => waker.wake(),
                Action::Run(run) => run(),
            }
        }
        true
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

struct TaskWaker {
    task: u64,
    queued: Arc<AtomicBool>,
    woken: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.woken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.task);
        }
    }
}
