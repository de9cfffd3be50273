//! The queues of the groups: one message of each is being published, the others wait their turn.
//!
//! A message whose turn it is takes the next flight; what a flight leaves open, and everything on a server without batches, is
//! published for itself.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Fuse, FusedFuture, FutureExt};
use futures::stream::FuturesUnordered;
use proto::ids::GroupId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Refusal;
use super::flight::{self, fly};
use super::job::Job;
use super::publish::publish;
use crate::nats::link::LinkReader;

/// Messages of one group that may wait: one group must not take the room of all.
const GROUP_WAITING_MAX: usize = 64;
/// The stream refuses one message like the next: saying it this often is enough.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

type Publishing<'a> = Pin<Box<dyn Future<Output = Job> + Send + 'a>>;
type Flight = Pin<Box<dyn Future<Output = Vec<Job>> + Send>>;

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
        let mut ready = Ready::default();
        let mut flight: Fuse<Flight> = Fuse::terminated();
        let mut under_way: FuturesUnordered<Publishing<'_>> = FuturesUnordered::new();
        let begin = |job| -> Publishing<'_> { Box::pin(publish(job, self.link.clone(), |why| complaints.note(why))) };
        loop {
            if flight.is_terminated() {
                match self.link.for_batches() {
                    Some(jetstream) if !ready.jobs.is_empty() => {
                        let flown: Flight = Box::pin(fly(jetstream, ready.board()));
                        flight = flown.fuse();
                    }
                    Some(_) => {}
                    None => under_way.extend(ready.jobs.drain(..).map(begin)),
                }
            }
            tokio::select! {
                job = self.jobs.recv() => match job {
                    Some(job) => {
                        let under_way = under_way.len() + ready.jobs.len() + ready.flying;
                        let full = queues.waiting + under_way >= self.waiting_max;
                        ready.jobs.extend(queues.enter(job, full));
                    }
                    None => return,
                },
                flown = &mut flight => {
                    ready.flying = 0;
                    for job in flown {
                        match job.is_answered() {
                            true => ready.jobs.extend(queues.after(&job.group)),
                            false => under_way.push(begin(job)),
                        }
                    }
                }
                Some(done) = under_way.next() => ready.jobs.extend(queues.after(&done.group)),
            }
        }
    }
}

/// Messages whose turn it is, for the next flight.
#[derive(Default)]
struct Ready {
    jobs: VecDeque<Job>,
    flying: usize,
}

impl Ready {
    /// What fits into one flight; at least one message, where there are any.
    fn board(&mut self) -> Vec<Job> {
        let mut bytes = 0;
        let fits = self.jobs.iter().take_while(|job| {
            bytes += job.payload.len();
            bytes <= flight::BYTES_MAX
        });
        let count = fits.count().clamp(1, flight::MESSAGES_MAX).min(self.jobs.len());
        self.flying = count;
        self.jobs.drain(..count).collect()
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
             indexed (the database?), or raise nats.max_mb; if the server's disk is full, make room"
        );
    }
}
