//! A queue between two tasks, which need not be of one process.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::Notify;

/// An unbounded queue. Clones are the same one.
pub(crate) struct Mailbox<T>(Rc<(RefCell<VecDeque<T>>, Notify)>);

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self(Rc::new((RefCell::default(), Notify::new())))
    }
}

impl<T> Mailbox<T> {
    pub(crate) fn put(&self, item: T) {
        self.0.0.borrow_mut().push_back(item);
        self.0.1.notify_one();
    }

    /// Whether it is the same one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// What lies there now.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.0.borrow_mut().pop_front()
    }

    /// The next item. Cancel-safe.
    pub(crate) async fn next(&self) -> T {
        loop {
            if let Some(item) = self.take() {
                return item;
            }
            self.0.1.notified().await;
        }
    }
}
