//! An open-loop load: messages come at their rate, whatever the fleet does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Platform;

/// A load to be put on a fleet.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Messages a second, over all rooms.
    pub rate: f64,
    /// Rooms, spoken in one after the other.
    pub rooms: usize,
    /// How long.
    pub lasts: Duration,
    /// Every how many messages asks for an early message; 0: none.
    pub early_every: u64,
}

/// What was put on it.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// Messages that were to be delivered.
    pub offered: u64,
    /// How long it took until all were taken.
    pub took: Duration,
}

impl Load {
    /// Puts it on; ends when every message was taken. Messages of one room are delivered in order, as platforms do.
    pub async fn run(self, platform: Arc<Platform>) -> Loaded {
        let started = Instant::now();
        let mut rooms = JoinSet::new();
        let mut queues = Vec::new();
        for room in 0..self.rooms {
            let (queue, mut waiting) = mpsc::unbounded_channel::<(u64, &'static str)>();
            let platform = Arc::clone(&platform);
            queues.push(queue);
            rooms.spawn(async move {
                while let Some((number, text)) = waiting.recv().await {
                    platform.deliver(room, number, text).await;
                }
            });
        }
        let mut offered = 0;
        while started.elapsed() < self.lasts {
            let due = (started.elapsed().as_secs_f64() * self.rate) as u64;
            while offered < due {
                let early = self.early_every > 0 && offered % self.early_every == 0;
                let room = (offered % self.rooms as u64) as usize;
                queues[room]
                    .send((platform.number(), if early { "!early" } else { "" }))
                    .unwrap();
                offered += 1;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(queues);
        while let Some(ended) = rooms.join_next().await {
            ended.unwrap();
        }
        Loaded {
            offered,
            took: started.elapsed(),
        }
    }
}
