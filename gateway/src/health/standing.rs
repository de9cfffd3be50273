//! The state of one account, as plain data: what is wrong, since when, and whether that was told.

use std::time::Duration;

use proto::time::Monotonic;
use serde::{Deserialize, Serialize};

/// How long an account must be in trouble before somebody is told: short outages mend themselves.
pub(super) const TELL_AFTER: Duration = Duration::from_secs(120);
/// How long after its opening a feed must show a sign of life for its trouble to be over: one that is opened and then says
/// nothing, or breaks off at once, has not recovered, however often that happens.
const PROVEN_AFTER: Duration = Duration::from_secs(30);

/// How the feed of an account is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum Receiving {
    /// Another gateway holds the account.
    Standby,
    /// It is being opened.
    Connecting,
    /// It is open and shows signs of life; or the platform calls us.
    Live,
    /// It broke off, and is opened again.
    Degraded(String),
    /// The platform refuses the account: somebody must act.
    Refused(String),
    /// The gateway stops.
    Stopped,
}

/// How an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    receiving: Receiving,
    /// Why nothing can be sent.
    sending: Option<String>,
    /// When the trouble began that is not over yet, whatever there was in between.
    trouble_since: Option<Monotonic>,
    /// The feed is part of it.
    feed_broke: bool,
    /// Since when nothing is wrong any more.
    well_since: Option<Monotonic>,
    told: bool,
}

/// What is to be told about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// It has been in trouble for a while.
    Trouble(String),
    /// It is well again.
    Recovered,
}

impl Standing {
    /// An account nobody has begun to serve.
    pub fn new() -> Self {
        Self {
            receiving: Receiving::Standby,
            sending: None,
            trouble_since: None,
            feed_broke: false,
            well_since: None,
            told: false,
        }
    }

    /// How its feed is.
    pub fn receiving(&self) -> &Receiving {
        &self.receiving
    }

    /// What is wrong; nothing, if all is well or another gateway's business.
    pub fn trouble(&self) -> Option<String> {
        match (&self.receiving, &self.sending) {
            (Receiving::Standby | Receiving::Stopped, _) => None,
            (Receiving::Refused(reason), _) => Some(format!("the platform refuses the account: {reason}")),
            (Receiving::Degraded(reason), _) => Some(format!("nothing can be received: {reason}")),
            (_, Some(reason)) => Some(format!("nothing can be sent: {reason}")),
            (Receiving::Connecting, None) if self.trouble_since.is_some() => Some("connecting".to_owned()),
            (Receiving::Connecting | Receiving::Live, None) => None,
        }
    }

    /// Takes note of how the feed is now. Trying again is not yet better: only a feed that stays alive ends a trouble.
    pub fn set_receiving(&mut self, receiving: Receiving, now: Monotonic) {
        self.receiving = receiving;
        self.settle(now);
    }

    /// Takes note of a sign of life of the feed.
    pub fn set_alive(&mut self, now: Monotonic) {
        if self.well_since.is_some_and(|since| now.since(since) >= PROVEN_AFTER) {
            self.end_trouble();
        }
    }

    /// Takes note of whether something can be sent.
    pub fn set_sending(&mut self, trouble: Option<String>, now: Monotonic) {
        self.sending = trouble;
        self.settle(now);
    }

    /// What is to be told now, once per incident.
    pub fn due(&mut self, now: Monotonic) -> Option<Tell> {
        match (self.trouble_since, self.told) {
            (Some(since), false) if now.since(since) >= TELL_AFTER => {
                let trouble = self.trouble()?;
                self.told = true;
                Some(Tell::Trouble(trouble))
            }
            (None, true) => {
                self.told = false;
                // Whoever serves it now tells the rest.
                let ours = !matches!(self.receiving, Receiving::Standby | Receiving::Stopped);
                ours.then_some(Tell::Recovered)
            }
            _ => None,
        }
    }

    fn settle(&mut self, now: Monotonic) {
        self.feed_broke |= matches!(self.receiving, Receiving::Degraded(_) | Receiving::Refused(_));
        let is_ours = !matches!(self.receiving, Receiving::Standby | Receiving::Stopped);
        if self.trouble().is_some() {
            self.trouble_since.get_or_insert(now);
            self.well_since = None;
        } else if is_ours && self.feed_broke {
            self.well_since.get_or_insert(now);
            // Said again by a feed that polls, it is a sign of life.
            self.set_alive(now);
        } else {
            self.end_trouble();
        }
    }

    fn end_trouble(&mut self) {
        self.trouble_since = None;
        self.feed_broke = false;
        self.well_since = None;
    }
}

impl Default for Standing {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn degraded() -> Receiving {
        Receiving::Degraded("reset".into())
    }

    #[test]
    fn an_outage_is_told_once_after_two_minutes_and_its_end_once() {
        let mut account = Standing::new();
        account.set_receiving(Receiving::Connecting, at(0));
        account.set_receiving(Receiving::Live, at(1));
        account.set_receiving(degraded(), at(10));
        for second in [20, 60, 129] {
            account.set_receiving(Receiving::Connecting, at(second));
            account.set_receiving(degraded(), at(second));
            assert_eq!(account.due(at(second)), None);
        }
        assert!(matches!(account.due(at(130)), Some(Tell::Trouble(_))));
        assert_eq!(account.due(at(4_000)), None, "once");
        account.set_receiving(Receiving::Connecting, at(4_000));
        assert_eq!(account.due(at(4_001)), None, "trying is not yet better");
        account.set_receiving(Receiving::Live, at(4_002));
        account.set_alive(at(4_031));
        assert_eq!(account.due(at(4_031)), None, "opening is not yet better");
        account.set_alive(at(4_032));
        assert_eq!(account.due(at(4_032)), Some(Tell::Recovered));
        assert_eq!(account.due(at(4_033)), None);
    }

    #[test]
    fn a_short_outage_is_not_told() {
        let mut account = Standing::new();
        account.set_receiving(degraded(), at(0));
        account.set_receiving(Receiving::Live, at(60));
        account.set_alive(at(95));
        account.set_receiving(degraded(), at(100));
        assert_eq!(account.due(at(150)), None);
    }

    #[test]
    fn what_cannot_be_sent_is_trouble_although_the_feed_lives() {
        let mut account = Standing::new();
        account.set_receiving(Receiving::Live, at(0));
        account.set_sending(Some("401".into()), at(0));
        assert!(account.trouble().is_some());
        assert!(matches!(account.due(at(200)), Some(Tell::Trouble(_))));
        account.set_sending(None, at(201));
        assert_eq!(account.due(at(201)), Some(Tell::Recovered));
    }

    #[test]
    fn what_another_gateway_serves_is_no_trouble_of_ours() {
        let mut account = Standing::new();
        account.set_receiving(degraded(), at(0));
        account.due(at(200));
        account.set_receiving(Receiving::Standby, at(201));
        assert_eq!((account.trouble(), account.due(at(202))), (None, None));
    }
}
