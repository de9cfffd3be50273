//! The indexer: moves what the log holds into the inboxes. Any gateway may do any partition at any time.

use std::rc::Rc;
use std::time::Duration;

use bus::Hint;
use proto::ingest::{IndexBatch, Indexed, PARTITIONS, PartitionCursor};

use super::Gateway;

/// Most messages of one transaction.
const BATCH: usize = 200;
/// Longest time that a missed signal of the log stays unnoticed.
const SWEEP: Duration = Duration::from_secs(1);
/// Wait after trouble.
const PAUSE: Duration = Duration::from_millis(300);

enum Trouble {
    /// Somebody else was faster, or nobody knows what became of a batch: the cursors are read again.
    LookAgain,
    Away,
}

/// Indexes for ever.
pub(super) async fn run(gateway: Rc<Gateway>) {
    let mut grew = gateway.world.log.watch();
    loop {
        match session(&gateway, &mut grew).await {
            Trouble::LookAgain => {}
            Trouble::Away => gateway.me.sleep(PAUSE).await,
        }
    }
}

async fn session(gateway: &Gateway, grew: &mut tokio::sync::watch::Receiver<u64>) -> Trouble {
    let Ok((identity, last)) = gateway.world.log.state(&gateway.me).await else {
        return Trouble::Away;
    };
    let Ok(mut cursors) = gateway.rows.adopt_log(&identity, PARTITIONS).await else {
        return Trouble::Away;
    };
    if let Some(ahead) = cursors.iter().find(|cursor| cursor.through > last) {
        // The log lost what was taken in already: its sequences start again below the cursors.
        return match gateway.rows.restart_log(ahead).await {
            Ok(_) => Trouble::LookAgain,
            Err(_) => Trouble::Away,
        };
    }
    loop {
        grew.borrow_and_update();
        for cursor in &mut cursors {
            if let Err(trouble) = drain(gateway, &identity, cursor).await {
                return trouble;
            }
        }
        tokio::select! {
            biased;
            _ = grew.changed() => {}
            () = gateway.me.sleep(gateway.world.about(SWEEP)) => return Trouble::LookAgain,
        }
    }
}

/// Takes in all that a partition holds.
async fn drain(gateway: &Gateway, identity: &str, cursor: &mut PartitionCursor) -> Result<(), Trouble> {
    loop {
        let log = &gateway.world.log;
        let read = log
            .read(&gateway.me, identity, cursor.partition, cursor.through, BATCH)
            .await;
        let records = read.map_err(|_| Trouble::Away)?;
        let Some(last) = records.last() else {
            return Ok(());
        };
        let batch = IndexBatch {
            from: *cursor,
            through: last.sequence,
            records,
        };
        match gateway.rows.index_batch(&batch, gateway.me.now()).await {
            Ok(Indexed::Done(report)) => {
                cursor.through = batch.through;
                for grown in report.grown {
                    gateway.world.bus.publish(
                        &gateway.me,
                        match (grown.owner, grown.engages) {
                            (Some(owner), engages) => Hint::Inbox {
                                group: grown.group,
                                owner: Some(owner),
                                engages,
                            },
                            (None, true) => Hint::Ready {
                                runner: grown.last_runner,
                            },
                            (None, false) => continue,
                        },
                    );
                }
            }
            Ok(Indexed::Overtaken) => return Err(Trouble::LookAgain),
            Err(_) => return Err(Trouble::Away),
        }
    }
}
