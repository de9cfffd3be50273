//! The committed workspace of a group.

use proto::ids::SnapshotId;
use proto::snapshot::{Digest, SnapshotRef};
use proto::turn::{Committed, TurnBatch, TurnCommit};

use super::World;
use super::world::{at, group_id, reply};
use crate::Error;

impl World {
    fn snapshot(&self, n: u8) -> SnapshotRef {
        SnapshotRef {
            id: SnapshotId(self.turn_id().0),
            manifest: format!("manifests/g/{n}"),
            digest: Digest([n; 32]),
            bytes: u64::from(n) << 40,
            files: u64::from(n),
        }
    }

    fn commit_with(&self, batch: &TurnBatch, snapshot: Option<&SnapshotRef>) -> TurnCommit {
        let through = batch.messages.last().unwrap().ord;
        TurnCommit {
            snapshot: snapshot.cloned(),
            ..self.commit_of(batch.turn, through, vec![], at(9))
        }
    }
}

async fn committed(world: &World) -> Option<SnapshotRef> {
    world.store.snapshot(&group_id("g")).await.unwrap()
}

pub async fn the_snapshot_commits_with_its_turn(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    assert_eq!((&batch.snapshot, committed(&world).await), (&None, None));
    let mut last = None;
    for n in 1..=2 {
        let batch = world.begin(&fence, at(1)).await;
        assert_eq!(batch.snapshot, last, "the turn is told where to go on");
        let snapshot = world.snapshot(n);
        let commit = world.commit_with(&batch, Some(&snapshot));
        assert_eq!(
            world.try_commit(&fence, &commit).await.unwrap(),
            Committed::Now { more: false }
        );
        last = Some(snapshot);
        assert_eq!(committed(&world).await, last);
        world.call("g", "more", at(2)).await;
    }
    assert_eq!(world.store.snapshot(&group_id("h")).await.unwrap(), None);
}

pub async fn a_commit_without_snapshot_keeps_it(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let snapshot = world.snapshot(1);
    world
        .try_commit(&fence, &world.commit_with(&batch, Some(&snapshot)))
        .await
        .unwrap();
    world.call("g", "more", at(2)).await;
    let batch = world.begin(&fence, at(2)).await;
    world
        .try_commit(&fence, &world.commit_with(&batch, None))
        .await
        .unwrap();
    assert_eq!(committed(&world).await, Some(snapshot));
}

pub async fn a_fenced_commit_leaves_the_old_snapshot(world: World) {
    let runner = world.runner("r", 5).await;
    let (old, batch) = world.begun("g", &runner).await;
    let late = world.commit_with(&batch, Some(&world.snapshot(9)));
    let (runner, _) = world.restart(&runner, at(1)).await;
    assert!(matches!(world.try_commit(&old, &late).await, Err(Error::Fenced(_))));
    assert_eq!(committed(&world).await, None);
    let fence = world.claim(&runner, at(2)).await;
    let again = world.begin(&fence, at(2)).await;
    let snapshot = world.snapshot(1);
    world
        .try_commit(&fence, &world.commit_with(&again, Some(&snapshot)))
        .await
        .unwrap();
    assert!(matches!(world.try_commit(&old, &late).await, Err(Error::Fenced(_))));
    assert_eq!(committed(&world).await, Some(snapshot));
}

pub async fn a_refused_or_repeated_commit_leaves_the_snapshot(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let refused = TurnCommit {
        replies: vec![reply("final", "g", "a"), reply("final", "g", "b")],
        ..world.commit_with(&batch, Some(&world.snapshot(8)))
    };
    assert!(matches!(
        world.try_commit(&fence, &refused).await,
        Err(Error::Conflict(_))
    ));
    assert_eq!(committed(&world).await, None);
    let snapshot = world.snapshot(1);
    let commit = world.commit_with(&batch, Some(&snapshot));
    for expected in [Committed::Now { more: false }, Committed::Before] {
        assert_eq!(world.try_commit(&fence, &commit).await.unwrap(), expected);
        assert_eq!(committed(&world).await.as_ref(), Some(&snapshot));
    }
}

pub async fn a_removed_group_leaves_no_snapshot(world: World) {
    let runner = world.runner("r", 5).await;
    let (fence, batch) = world.begun("g", &runner).await;
    let commit = world.commit_with(&batch, Some(&world.snapshot(1)));
    world.try_commit(&fence, &commit).await.unwrap();
    world.store.release_group(&fence, false, at(10)).await.unwrap();
    world.store.remove_group(&fence.group).await.unwrap();
    assert_eq!(committed(&world).await, None);
    world.group("g").await;
    assert_eq!(committed(&world).await, None, "nor a group of the same name");
}
