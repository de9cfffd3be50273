//! The 24 hours after a person's last message in which free text may be sent, and what leaves after them.

use std::time::Duration;

use proto::outbound::{Delivery, Extra, Limits, TextUnit};
use proto::time::Timestamp;

use super::recent::Recent;
use crate::config::Template;

/// The platform's 24 hours, less a margin for clocks and queues.
const WINDOW: Duration = Duration::from_secs(24 * 3_600 - 60);
/// Longest text of a message. Whether the platform counts characters or UTF-16 units is not documented: the latter are more.
const TEXT_MAX: usize = 4_096;
/// Longest text with a file.
const CAPTION_MAX: usize = 1_024;
/// Longest text as the value of a template: its whole body may have 1 024 characters, and its own words need room.
const VALUE_MAX: usize = 800;

/// What is known of windows.
pub(super) struct Window {
    template: Option<Template>,
    /// Deliveries that found the window closed: their parts are cut for the template.
    closed: Recent<()>,
}

impl Window {
    pub(super) fn new(template: Option<Template>) -> Self {
        Self {
            template,
            closed: Recent::default(),
        }
    }

    pub(super) fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    pub(super) fn limits(&self, delivery: &Delivery) -> Limits {
        let text_max = if self.is_closed_for(delivery) {
            VALUE_MAX
        } else if delivery.sent_through == 0 && matches!(delivery.extra, Some(Extra::File(_))) {
            CAPTION_MAX
        } else {
            TEXT_MAX
        };
        Limits {
            text_max,
            unit: TextUnit::Utf16,
        }
    }

    /// Takes note that a delivery may only leave as a template; whether that was known.
    pub(super) fn close_for(&self, delivery: &Delivery) -> bool {
        let known = self.is_closed_for(delivery);
        self.closed.put(&delivery.id.to_string(), ());
        known
    }

    fn is_closed_for(&self, delivery: &Delivery) -> bool {
        self.closed.get(&delivery.id.to_string()).is_some()
    }
}

/// Whether free text may be sent to somebody who wrote then.
pub(super) fn is_open(last_heard: Timestamp, now: Timestamp) -> bool {
    now.since(last_heard) < WINDOW
}

/// A text as the value of a template, which takes no line breaks, tabs, or rows of blanks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_24_hours_and_errs_towards_the_template() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        assert!(is_open(at(0), at(23 * 3_600)));
        assert!(!is_open(at(0), at(24 * 3_600 - 30)));
        assert!(is_open(at(100), at(0)), "a clock behind the platform's");
    }

    #[test]
    fn a_value_is_one_line() {
        assert_eq!(one_line(" a\n\nb\t c     d "), "a b c d");
    }
}
