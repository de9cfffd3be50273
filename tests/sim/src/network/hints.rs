//! The bus of hints: lossy on purpose. A hint may be lost, late, doubled and overtaken.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bus::{Hint, Interest, Room};

use super::{Mailbox, Network, Service};
use crate::exec::Process;

/// The bus.
pub(crate) struct Bus {
    network: Rc<Network>,
    listeners: RefCell<Vec<(Process, Interest, Mailbox<Hint>)>>,
}

/// What one process hears.
pub(crate) type Listener = Mailbox<Hint>;

impl Bus {
    pub(crate) fn new(network: &Rc<Network>) -> Rc<Self> {
        Rc::new(Self {
            network: Rc::clone(network),
            listeners: RefCell::default(),
        })
    }

    pub(crate) fn listen(&self, me: &Process, interest: Interest) -> Listener {
        let mailbox = Mailbox::default();
        let mut listeners = self.listeners.borrow_mut();
        listeners.retain(|(process, _, _)| !process.is_dead());
        listeners.push((me.clone(), interest, mailbox.clone()));
        mailbox
    }

    /// Ends listening, as dropping a listener does.
    pub(crate) fn forget(&self, listener: &Listener) {
        self.listeners.borrow_mut().retain(|(_, _, known)| !known.is(listener));
    }

    pub(crate) fn publish(&self, me: &Process, hint: Hint) {
        if !self.passes(me) {
            return;
        }
        let listeners = self.listeners.borrow();
        let mut hearing: Vec<_> = listeners
            .iter()
            .filter(|(process, interest, _)| !process.is_dead() && interest.covers(&hint))
            .collect();
        if matches!(hint, Hint::Ready { runner: None }) && !hearing.is_empty() {
            // Of several listeners of a kind one hears it.
            let rooms = [Room::Free, Room::Idle].map(Interest::Ready);
            let kinds = rooms.map(|kind| {
                hearing
                    .iter()
                    .copied()
                    .filter(|(_, interest, _)| *interest == kind)
                    .collect()
            });
            hearing = kinds
                .into_iter()
                .filter_map(|kind: Vec<_>| {
                    let chosen = (kind.len() > 1).then(|| me.executor().draw(|random| random.below(kind.len())));
                    kind.get(chosen.unwrap_or_default()).copied()
                })
                .collect();
        }
        for (process, _, mailbox) in hearing {
            let copies = if me.executor().chance(self.network.chances().hint_doubled) {
                2
            } else {
                1
            };
            for _ in 0..copies {
                self.carry(process, mailbox, hint.clone());
            }
        }
    }

    fn carry(&self, to: &Process, mailbox: &Mailbox<Hint>, hint: Hint) {
        if !self.passes(to) || to.executor().chance(self.network.chances().hint_lost) {
            return;
        }
        let executor = to.executor();
        let late = executor.chance(self.network.chances().hint_late);
        let delay = if late {
            executor.millis(100, 8_000)
        } else {
            executor.millis(0, 5)
        };
        let (to, mailbox) = (to.clone(), mailbox.clone());
        executor.after(delay.max(Duration::from_micros(1)), move || {
            if !to.is_dead() {
                mailbox.put(hint);
            }
        });
    }

    fn passes(&self, process: &Process) -> bool {
        !self.network.is_down(Service::Bus) && !self.network.is_cut(process.seat(), Service::Bus)
    }
}
