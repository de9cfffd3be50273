//! Many sends against a platform that executes and forgets to answer, refuses and breaks. `script/bench channels` runs it
//! whole; this is the small version.

use std::collections::BTreeMap;

use doubles::platform::Mix;
use proto::ids::ChatId;
use proto::outbound::OutboxState;

use super::{Promise, Rig, Subject};

/// Chats, and messages for each of them.
const CHATS: usize = 8;
const MESSAGES: usize = 20;
const SEED: u64 = 20_261_128;

pub(in crate::channel) async fn a_hostile_platform_keeps_the_promise<S: Subject>() {
    let rig = Rig::<S>::start().await;
    let chats = rig.subject.more_chats(CHATS);
    for chat in &chats {
        rig.register(chat).await;
        for n in 0..MESSAGES {
            rig.say(chat, &format!("number {n}"), None).await;
        }
    }
    rig.subject.faults().mix(SEED, Mix::HOSTILE);
    let mut gateway = rig.sender("a").await;
    gateway.deliver(&rig, &chats).await;
    let met = rig.subject.faults().met();
    assert!(met["lost_answer"] > 0 && met["busy"] > 0, "{met:?}");
    let mut count = Count::default();
    for chat in &chats {
        count.chat(&rig, chat).await;
    }
    let all = CHATS * MESSAGES;
    match S::TRAITS.promise {
        Promise::Exact => assert_eq!(count, Count::default()),
        Promise::Reconciled { uncertain_share_max } => {
            assert_eq!((count.lost, count.doubled, count.disordered), (0, 0, 0));
            assert!(
                f64::from(count.uncertain) <= uncertain_share_max * all as f64,
                "{count:?}"
            );
        }
        Promise::Told => {
            assert_eq!((count.lost, count.doubled, count.disordered), (0, 0, 0), "{count:?}");
            let never_executed = met.get("broken").copied().unwrap_or_default();
            assert_eq!(u64::from(count.uncertain), never_executed, "what arrived is known");
        }
        Promise::AtMostOnce => assert_eq!((count.lost, count.doubled, count.disordered), (0, 0, 0), "{count:?}"),
        Promise::AtLeastOnce => assert_eq!((count.lost, count.uncertain), (0, 0), "{count:?}"),
    }
}

/// What went wrong.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    /// Said to be sent, and not there.
    lost: u32,
    /// There more than once.
    doubled: u32,
    /// Left as "may have arrived".
    uncertain: u32,
    /// First seen after one that came later.
    disordered: u32,
}

impl Count {
    async fn chat<S: Subject>(&mut self, rig: &Rig<S>, chat: &ChatId) {
        let mut seen = BTreeMap::<String, (usize, u32)>::new();
        for (at, text) in rig.texts(chat).into_iter().enumerate() {
            seen.entry(text).or_insert((at, 0)).1 += 1;
        }
        let mut latest = 0;
        for row in rig.rows(chat).await {
            let (at, times) = seen.get(&row.text).copied().unwrap_or((latest, 0));
            self.lost += u32::from(times == 0 && row.state != OutboxState::Uncertain);
            self.doubled += u32::from(times > 1);
            self.uncertain += u32::from(row.state == OutboxState::Uncertain);
            self.disordered += u32::from(at < latest);
            latest = latest.max(at);
        }
    }
}
