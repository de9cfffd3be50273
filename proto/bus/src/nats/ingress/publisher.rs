//! The queues of the groups: one message of each is being published, the others wait their turn.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use proto::ids::GroupId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Refusal;
use super::job::Job;
use super::publish::publish;
use crate::nats::link::LinkReader;

/// Messages of one group that may wait: one group must not take the room of all.
const GROUP_WAITING_MAX: usize = 64;
/// The stream refuses one message like the next: saying it this often is enough.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

type Publishing<'a> = Pin<Box<dyn Future<Output = Job> + Send + 'a>>;

/// Serves the ingress. A part of the driver.
pub(in crate::nats) struct Publisher {
    jobs: mpsc::Receiver<Job>,
    link: LinkReader,
    waiting_max: usize,
}

/// Messages behind the one of their group that is being published, which is in none of these.
#[derive(Default)]
struct Queues {
    by_group: HashMap<GroupId, VecDeque<Job>>,
    waiting: usize,
}

impl Publisher {
    pub(super) fn new(jobs: mpsc::Receiver<Job>, link: LinkReader, waiting_max: usize) -> Self {
        Self {
            jobs,
            link,
            waiting_max,
        }
    }

    /// Publishes until the ingress is gone.
    pub(in crate::nats) async fn run(mut self) {
        let complaints = Complaints::default();
        let mut queues = Queues::default();
        let mut under_way: FuturesUnordered<Publishing<'_>> = FuturesUnordered::new();
        let begin = |job| -> Publishing<'_> { Box::pin(publish(job, self.link.clone(), |why| complaints.note(why))) };
        loop {
            tokio::select! {
                job = self.jobs.recv() => match job {
                    Some(job) => {
                        let full = queues.waiting + under_way.len() >= self.waiting_max;
                        if let Some(job) = queues.enter(job, full) {
                            under_way.push(begin(job));
                        }
                    }
                    None => return,
                },
                Some(done) = under_way.next() => {
                    if let Some(job) = queues.after(&done.group) {
                        under_way.push(begin(job));
                    }
                }
            }
        }
    }
}

impl Queues {
    /// Returns the message if it is its group's turn.
    fn enter(&mut self, mut job: Job, full: bool) -> Option<Job> {
        if full {
            job.answer(Err(Refusal::Busy));
            return None;
        }
        let Some(queue) = self.by_group.get_mut(&job.group) else {
            self.by_group.insert(job.group.clone(), VecDeque::new());
            return Some(job);
        };
        if queue.len() >= GROUP_WAITING_MAX {
            // Those whose callers went away were never sent.
            let before = queue.len();
            queue.retain(Job::is_awaited);
            self.waiting -= before - queue.len();
        }
        if queue.len() >= GROUP_WAITING_MAX {
            job.answer(Err(Refusal::GroupBusy));
        } else {
            queue.push_back(job);
            self.waiting += 1;
        }
        None
    }

    /// The message of this group that is next; a group without one is forgotten.
    fn after(&mut self, group: &GroupId) -> Option<Job> {
        let queue = self.by_group.get_mut(group)?;
        while let Some(job) = queue.pop_front() {
            self.waiting -= 1;
            if job.is_awaited() {
                return Some(job);
            }
        }
        self.by_group.remove(group);
        None
    }
}

/// Says why the stream refuses messages, not for each of them.
#[derive(Default)]
struct Complaints {
    last: Mutex<Option<Instant>>,
}

impl Complaints {
    fn note(&self, why: &Refusal) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < COMPLAINT_INTERVAL) {
            return;
        }
        *last = Some(Instant::now());
        tracing::error!(
            reason = %why,
            "JetStream takes no message: platforms are asked to send again. If the stream is full, look why nothing is \
             indexed (the database?), or raise nats.max_bytes; if the server's disk is full, make room"
        );
    }
}
