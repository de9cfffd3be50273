//! Who decides what is answered.
//!
//! A script answers requests that offer tools. Requests without tools are the Agent SDK's own (titles, summaries) and get a
//! plain sensible answer that leaves the script's state alone, unless [`Script::including_side_requests`] says otherwise.

pub mod prompt;

mod demo;
mod directive;
mod echo;
mod scope;
mod side;
#[cfg(test)]
mod tests;
mod tool;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use demo::demo_script;
pub use echo::echo_script;

use super::protocol::error::ApiError;
use super::protocol::reply::Reply;
use super::protocol::request::ModelRequest;

type Decide = dyn Fn(&ModelRequest) -> Reply + Send + Sync;

/// Decides the answer to each request. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct Script {
    decide: Arc<Decide>,
    side_requests_too: bool,
}

/// One line of a rule list.
pub struct Rule {
    when: Box<dyn Fn(&ModelRequest) -> bool + Send + Sync>,
    reply: Reply,
}

impl Rule {
    /// Answers when the predicate holds.
    pub fn when(predicate: impl Fn(&ModelRequest) -> bool + Send + Sync + 'static, reply: Reply) -> Self {
        Self {
            when: Box::new(predicate),
            reply,
        }
    }

    /// Answers when the newest text of the user contains `needle`.
    pub fn text_contains(needle: impl Into<String>, reply: Reply) -> Self {
        let needle = needle.into();
        Self::when(move |request| request.last_user_text().contains(&needle), reply)
    }

    /// Answers once a tool has answered in the current turn.
    #[must_use]
    pub fn after_tool(reply: Reply) -> Self {
        Self::when(|request| request.tool_results().next().is_some(), reply)
    }
}

impl Script {
    /// A script of one function.
    pub fn new(decide: impl Fn(&ModelRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            decide: Arc::new(decide),
            side_requests_too: false,
        }
    }

    /// The first rule that holds answers; `otherwise` when none does.
    #[must_use]
    pub fn rules(rules: Vec<Rule>, otherwise: Reply) -> Self {
        Self::new(move |request| {
            let matching = rules.iter().find(|rule| (rule.when)(request));
            matching.map_or_else(|| otherwise.clone(), |rule| rule.reply.clone())
        })
    }

    /// Answers in this order, one reply per request; the last one stays.
    #[must_use]
    pub fn sequence(replies: Vec<Reply>) -> Self {
        let next = AtomicUsize::new(0);
        Self::new(move |_| {
            let index = next
                .fetch_add(1, Ordering::Relaxed)
                .min(replies.len().saturating_sub(1));
            replies
                .get(index)
                .cloned()
                .unwrap_or_else(|| Reply::text("The script is empty."))
        })
    }

    /// The same script, but the first `times` requests get this error.
    #[must_use]
    pub fn failing_first(self, times: usize, error: ApiError) -> Self {
        let seen = AtomicUsize::new(0);
        let Self {
            decide,
            side_requests_too,
        } = self;
        let failing = move |request: &ModelRequest| match seen.fetch_add(1, Ordering::Relaxed) {
            n if n < times => Reply::error(error.clone()),
            _ => decide(request),
        };
        Self {
            decide: Arc::new(failing),
            side_requests_too,
        }
    }

    /// The same script, asked about requests without tools as well.
    #[must_use]
    pub fn including_side_requests(mut self) -> Self {
        self.side_requests_too = true;
        self
    }

    /// The answer to this request.
    #[must_use]
    pub fn reply(&self, request: &ModelRequest) -> Reply {
        match side::reply(request) {
            Some(reply) if !self.side_requests_too => reply,
            _ => (self.decide)(request),
        }
    }
}
