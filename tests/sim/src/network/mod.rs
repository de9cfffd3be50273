//! The network: requests to the services that all share, and hints. Every request may be lost, late, or answered to nobody.

mod blobs;
mod database;
mod hints;
mod mailbox;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::exec::{Executor, Process};
use crate::plan::Chances;

pub(crate) use blobs::Blobs;
pub(crate) use database::{Database, Rows, at_once};
pub(crate) use hints::{Bus, Listener};
pub(crate) use mailbox::Mailbox;

/// What processes talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Store,
    Log,
    Bus,
    Platform,
    Blobs,
}

impl Service {
    /// What a process may be cut off from.
    pub(crate) fn all(with_files: bool) -> &'static [Self] {
        const ALL: [Service; 5] = [
            Service::Store,
            Service::Log,
            Service::Bus,
            Service::Platform,
            Service::Blobs,
        ];
        if with_files { &ALL } else { &ALL[..4] }
    }

    /// What may be away from everybody.
    pub(crate) fn ours(with_files: bool) -> &'static [Self] {
        const OURS: [Service; 4] = [Service::Store, Service::Log, Service::Bus, Service::Blobs];
        if with_files { &OURS } else { &OURS[..3] }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The connection was refused: the request surely did not arrive.
    Refused,
    /// Nobody knows whether it arrived, or may arrive yet.
    Silence,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Normal,
    Refused,
    /// The request is lost.
    Lost,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// It is held up somewhere, and takes effect long after its sender gave up.
    Late,
    /// The sender dies before it is sent.
    CrashBefore,
    /// The sender dies when it has taken effect.
    CrashAfter,
    /// The sender stands still before it hears the answer.
    Stall,
}

/// What ends a process that crashes at a request.
type OnCrash = Box<dyn Fn(&Process)>;

/// The links between processes and services.
pub(crate) struct Network {
    executor: Executor,
    chances: Cell<Chances>,
    cuts: RefCell<BTreeSet<(String, Service)>>,
    down: RefCell<BTreeSet<Service>>,
    /// Called with a seat whose process crashes at a request.
    on_crash: RefCell<OnCrash>,
}

/// A process that is made to stand still goes on after at most this long.
const STALL_MAX_MS: u64 = 60_000;
/// A request held up in the network arrives at the latest after this long.
const LATE_MAX_MS: u64 = 60_000;

impl Network {
    pub(crate) fn new(executor: &Executor, chances: Chances) -> Rc<Self> {
        Rc::new(Self {
            executor: executor.clone(),
            chances: Cell::new(chances),
            cuts: RefCell::default(),
            down: RefCell::default(),
            on_crash: RefCell::new(Box::new(|_| {})),
        })
    }

    pub(crate) fn on_crash(&self, crash: impl Fn(&Process) + 'static) {
        *self.on_crash.borrow_mut() = Box::new(crash);
    }

    pub(crate) fn cut(&self, seat: &str, service: Service) {
        self.cuts.borrow_mut().insert((seat.to_owned(), service));
    }

    pub(crate) fn heal(&self, seat: &str, service: Service) {
        self.cuts.borrow_mut().remove(&(seat.to_owned(), service));
    }

    pub(crate) fn stop_service(&self, service: Service) {
        self.down.borrow_mut().insert(service);
    }

    pub(crate) fn start_service(&self, service: Service) {
        self.down.borrow_mut().remove(&service);
    }

    /// From now on nothing goes wrong; what is held up already still arrives.
    pub(crate) fn heal_all(&self) {
        self.cuts.borrow_mut().clear();
        self.down.borrow_mut().clear();
        self.chances.set(Chances::NONE);
    }

    pub(crate) fn chances(&self) -> Chances {
        self.chances.get()
    }

    pub(crate) fn is_cut(&self, seat: &str, service: Service) -> bool {
        self.cuts.borrow().contains(&(seat.to_owned(), service))
    }

    pub(crate) fn is_down(&self, service: Service) -> bool {
        self.down.borrow().contains(&service)
    }

    /// Sends a request, which is carried out by `serve` if and when it arrives; waits for the answer for at most `patience`.
    pub(crate) async fn ask<T: 'static>(
        self: &Rc<Self>,
        me: &Process,
        to: Service,
        patience: Duration,
        serve: impl FnOnce() -> T + 'static,
    ) -> Result<T, NoAnswer> {
        let fate = self.draw_fate(me, to);
        if fate == Fate::CrashBefore {
            self.crash(me).await;
        }
        if fate == Fate::Refused {
            me.sleep(self.executor.millis(0, 5)).await;
            return Err(NoAnswer::Refused);
        }
        let (answer, answered) = oneshot::channel();
        let on_the_way = match fate {
            Fate::Late => self.executor.millis(1_000, LATE_MAX_MS),
            _ => self.latency(),
        };
        let (network, sender) = (Rc::clone(self), me.clone());
        self.executor
            .after(on_the_way, move || network.arrive(fate, &sender, to, serve, answer));
        let answered = async { answered.await.unwrap_or(Err(NoAnswer::Refused)) };
        tokio::select! {
            biased;
            answer = answered => answer,
            () = me.sleep(patience) => Err(NoAnswer::Silence),
        }
    }

    fn arrive<T: 'static>(
        self: Rc<Self>,
        fate: Fate,
        sender: &Process,
        to: Service,
        serve: impl FnOnce() -> T + 'static,
        answer: oneshot::Sender<Result<T, NoAnswer>>,
    ) {
        if self.is_down(to) {
            return drop(answer);
        }
        if fate == Fate::Lost || self.is_cut(sender.seat(), to) {
            return self.keep_quiet(answer);
        }
        let served = serve();
        if fate == Fate::CrashAfter && !sender.is_dead() {
            return (self.on_crash.borrow())(sender);
        }
        if matches!(fate, Fate::AnswerLost | Fate::Late) {
            return self.keep_quiet(answer);
        }
        if fate == Fate::Stall {
            sender.pause();
            let stalled = sender.clone();
            self.executor
                .after(self.executor.millis(500, STALL_MAX_MS), move || stalled.resume());
        }
        let (network, seat) = (Rc::clone(&self), sender.seat().to_owned());
        self.executor.after(self.latency(), move || {
            if network.is_cut(&seat, to) {
                network.keep_quiet(answer);
            } else {
                let _ = answer.send(Ok(served));
            }
        });
    }

    /// The other end hears nothing, neither an answer nor an end of the connection, for as long as anybody waits.
    fn keep_quiet<T: 'static>(&self, answer: oneshot::Sender<Result<T, NoAnswer>>) {
        self.executor.after(Duration::from_secs(3_600), move || drop(answer));
    }

    /// Dies here; nothing after it happens.
    async fn crash(&self, me: &Process) {
        (self.on_crash.borrow())(me);
        std::future::pending::<()>().await;
    }

    fn latency(&self) -> Duration {
        self.executor.draw(|random| match random.below(20) {
            0 => random.millis(5, 200),
            _ => random.millis(0, 4),
        })
    }

    fn draw_fate(&self, me: &Process, to: Service) -> Fate {
        let chances = self.chances.get();
        // Crashes are drawn at the store's boundary: what a process does between two of its calls is seen by nobody else.
        let at_store = to == Service::Store && !me.seat().starts_with("people");
        let (crash, stall) = if at_store {
            (chances.crash, chances.stall)
        } else {
            (0.0, 0.0)
        };
        self.executor.draw(|random| {
            if random.chance(crash) {
                if random.chance(0.5) {
                    Fate::CrashBefore
                } else {
                    Fate::CrashAfter
                }
            } else if random.chance(stall) {
                Fate::Stall
            } else if random.chance(chances.broken_request) {
                [Fate::Refused, Fate::Lost, Fate::AnswerLost, Fate::Late][random.below(4)]
            } else if chances.late_request > 0.0 && random.chance(chances.late_request) {
                Fate::Late
            } else {
                Fate::Normal
            }
        })
    }
}
