//! What breaks, and when: the next call of a kind, or a share of all calls chosen by a seed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// One way in which a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not executed; "too many requests", in the platform's own form.
    Busy(Duration),
    /// Not executed; this status with a page of text, as a load balancer answers.
    Broken(StatusCode),
    /// Executed; this status all the same.
    BrokenAfter(StatusCode),
    /// Not executed; the connection is reset without an answer.
    ResetBefore,
    /// Executed; the connection is reset without an answer.
    LostAnswer,
    /// Executed; the connection is reset in the middle of the answer.
    ResetInBody,
    /// Executed; the answer takes this long.
    Slow(Duration),
}

impl Fault {
    /// Whether the call does its work all the same.
    #[must_use]
    pub fn is_executed(self) -> bool {
        match self {
            Self::Busy(_) | Self::Broken(_) | Self::ResetBefore => false,
            Self::BrokenAfter(_) | Self::LostAnswer | Self::ResetInBody | Self::Slow(_) => true,
        }
    }
}

/// Shares of all effects that go wrong; together at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Executed, but the answer is lost.
    pub lost_answer: f64,
    /// Too many requests.
    pub busy: f64,
    /// A status of 502, executed or not with even odds.
    pub broken: f64,
    /// What "too many requests" asks the caller to wait.
    pub retry_after: Duration,
}

impl Mix {
    /// The peer that every channel must stand: 30 % executed with the answer lost, 10 % 429, 5 % 5xx.
    pub const HOSTILE: Self = Self {
        lost_answer: 0.30,
        busy: 0.10,
        broken: 0.05,
        retry_after: Duration::from_secs(1),
    };
}

/// The faults in store for one stand-in.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    scripted: VecDeque<(String, Fault)>,
    mixed: Option<(StdRng, Mix)>,
    met: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// The next call whose path contains this part meets the fault. Faults for the same part come in the order given.
    pub fn next(&self, path_part: &str, fault: Fault) {
        self.plan().scripted.push_back((path_part.to_owned(), fault));
    }

    /// From now on effects meet faults by chance; the same seed chooses the same ones.
    pub fn mix(&self, seed: u64, mix: Mix) {
        self.plan().mixed = Some((StdRng::seed_from_u64(seed), mix));
    }

    /// No more faults; those that were met stay counted.
    pub fn clear(&self) {
        let mut plan = self.plan();
        plan.scripted.clear();
        plan.mixed = None;
    }

    /// How many scripted faults have not been met yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.plan().scripted.len()
    }

    /// How often each kind of fault was met.
    #[must_use]
    pub fn met(&self) -> BTreeMap<&'static str, u64> {
        self.plan().met.clone()
    }

    /// What the call with this path meets; for peers that are not reached by calls, too.
    pub fn draw(&self, path: &str, is_effect: bool) -> Option<Fault> {
        let mut plan = self.plan();
        let scripted = plan.scripted.iter().position(|(part, _)| path.contains(part.as_str()));
        let fault = match scripted.and_then(|index| plan.scripted.remove(index)) {
            Some((_, fault)) => Some(fault),
            None if is_effect => plan.mixed.as_mut().and_then(|(random, mix)| chance(random, *mix)),
            None => None,
        }?;
        *plan.met.entry(name(fault)).or_default() += 1;
        Some(fault)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn chance(random: &mut StdRng, mix: Mix) -> Option<Fault> {
    let drawn: f64 = random.random();
    let executed: bool = random.random();
    if drawn < mix.lost_answer {
        Some(Fault::LostAnswer)
    } else if drawn < mix.lost_answer + mix.busy {
        Some(Fault::Busy(mix.retry_after))
    } else if drawn < mix.lost_answer + mix.busy + mix.broken {
        Some(match executed {
            true => Fault::BrokenAfter(StatusCode::BAD_GATEWAY),
            false => Fault::Broken(StatusCode::BAD_GATEWAY),
        })
    } else {
        None
    }
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Busy(_) => "busy",
        Fault::Broken(_) => "broken",
        Fault::BrokenAfter(_) => "broken_after",
        Fault::ResetBefore => "reset_before",
        Fault::LostAnswer => "lost_answer",
        Fault::ResetInBody => "reset_in_body",
        Fault::Slow(_) => "slow",
    }
}
