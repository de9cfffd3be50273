//! Processes: what crashes, is stopped and goes on as one. A sandbox is a process as well.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Waker;
use std::time::Duration;

use proto::time::{Monotonic, Timestamp};

use super::{Executor, HostClock, Life::*, Sleep, Task, TaskWaker};

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Running,
    /// Stopped by a signal, or frozen: its tasks stand still, its clocks go on, what others do to it waits.
    Paused,
    Dead,
}

pub(super) struct Entry {
    pub(super) life: Life,
    pub(super) stalled: Vec<u64>,
    pub(super) clock: HostClock,
}

/// A process. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Process {
    executor: Executor,
    number: usize,
    /// The place it runs at, the same over its restarts: what faults of the network are about.
    seat: Rc<str>,
}

impl Executor {
    pub(crate) fn start_process(&self, seat: &str, clock: HostClock) -> Process {
        let mut processes = self.0.processes.borrow_mut();
        processes.push(Entry {
            life: Running,
            stalled: Vec::new(),
            clock,
        });
        Process {
            executor: self.clone(),
            number: processes.len() - 1,
            seat: seat.into(),
        }
    }
}

impl Process {
    pub(crate) fn seat(&self) -> &str {
        &self.seat
    }

    pub(crate) fn life(&self) -> Life {
        self.executor.0.processes.borrow()[self.number].life
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.life() == Dead
    }

    pub(crate) fn executor(&self) -> &Executor {
        &self.executor
    }

    pub(crate) fn monotonic(&self) -> Monotonic {
        self.clock().monotonic(self.executor.now())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().wall(self.executor.now())
    }

    pub(crate) fn clock(&self) -> HostClock {
        self.executor.0.processes.borrow()[self.number].clock
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall_offset(&self, offset_ms: i64) {
        self.executor.0.processes.borrow_mut()[self.number].clock.wall_offset_ms = offset_ms;
    }

    /// Waits for a span of this process's own monotonic clock.
    pub(crate) fn sleep(&self, span: Duration) -> Sleep {
        Sleep::until(&self.executor, self.executor.now() + self.clock().true_span(span))
    }

    /// Starts a task; it ends with the process.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        if self.is_dead() {
            return;
        }
        let inner = &self.executor.0;
        let number = self.executor.number();
        let queued = Arc::new(AtomicBool::new(false));
        let waker = Waker::from(Arc::new(TaskWaker {
            task: number,
            queued: Arc::clone(&queued),
            woken: Arc::clone(&inner.woken),
        }));
        waker.wake_by_ref();
        let task = Task {
            process: self.number,
            // Inside a runtime of tokio its budget would be used up in a moment, and nothing would move any more.
            future: Some(Box::pin(tokio::task::unconstrained(future))),
            waker,
            queued,
        };
        inner.tasks.borrow_mut().insert(number, task);
    }

    pub(crate) fn pause(&self) {
        let mut processes = self.executor.0.processes.borrow_mut();
        let entry = &mut processes[self.number];
        if entry.life == Running {
            entry.life = Paused;
        }
    }

    pub(crate) fn resume(&self) {
        let mut processes = self.executor.0.processes.borrow_mut();
        let entry = &mut processes[self.number];
        if entry.life == Paused {
            entry.life = Running;
            self.executor.0.runnable.borrow_mut().append(&mut entry.stalled);
        }
    }

    /// Ends it at once: nothing it was about to do happens any more, what it sent is on its way all the same.
    pub(crate) fn kill(&self) {
        let inner = &self.executor.0;
        {
            let mut processes = inner.processes.borrow_mut();
            let entry = &mut processes[self.number];
            entry.life = Dead;
            entry.stalled.clear();
        }
        let ended: Vec<Task> = {
            let mut tasks = inner.tasks.borrow_mut();
            tasks
                .extract_if(.., |_, task| task.process == self.number)
                .map(|(_, task)| task)
                .collect()
        };
        // Dropped only now: what a future does when dropped may look at the executor.
        drop(ended);
    }
}
