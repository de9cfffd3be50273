//! What must never be lost, and what must not be left behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::counting::Counting;
use super::moving::noise;
use super::place::{Place, group};
use crate::snapshot::{Error, Quota};

#[tokio::test]
async fn a_damaged_snapshot_changes_nothing_on_the_host() {
    for suffix in [".pack", ".manifest"] {
        let blobs = Arc::<Counting>::default();
        let (one, two) = (Place::new(&blobs), Place::new(&blobs));
        one.restore(1, None).await.unwrap();
        one.write("workspace/a", noise(400_000, 1));
        one.write("workspace/b", "small");
        let row = one.commit(1).await;
        blobs.damage(suffix);
        two.write("workspace/old", "was here");
        let before = two.tree();
        let error = two.restore(2, Some(&row)).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{error}");
        assert!(error.to_string().contains("digest"), "{error}");
        assert_eq!(two.tree(), before);
        let left: Vec<_> = std::fs::read_dir(two.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            !left.iter().any(|name| name.to_string_lossy().starts_with(".restore")),
            "{left:?}"
        );
    }
}

#[tokio::test]
async fn a_snapshot_whose_pack_is_gone_is_damaged_and_not_unavailable() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "a");
    let row = one.commit(1).await;
    blobs
        .blobs
        .lock()
        .unwrap()
        .retain(|name, _| !name.as_str().ends_with(".pack"));
    assert!(matches!(two.restore(2, Some(&row)).await, Err(Error::Corrupt(_))));
}

#[tokio::test]
async fn too_many_bytes_or_files_are_refused_before_they_are_sent() {
    let blobs = Arc::<Counting>::default();
    let one = Place::with_quota(
        &blobs,
        Quota {
            bytes: 100_000,
            entries: 10,
        },
    );
    one.restore(1, None).await.unwrap();
    one.write("workspace/big", noise(150_000, 1));
    let error = one.take(1).await.unwrap_err();
    assert!(
        matches!(error, Error::Quota { used, quota: 100_000 } if used >= 150_000),
        "{error}"
    );
    assert!(
        error.is_over_quota() && error.to_string().contains("group_quota_mb"),
        "{error}"
    );
    std::fs::remove_file(one.path("workspace/big")).unwrap();
    for number in 0..20 {
        one.write(&format!("workspace/{number}"), "x");
    }
    assert!(matches!(one.take(1).await, Err(Error::TooManyFiles { max: 10 })));
    assert_eq!(blobs.put_since(), 0);
}

#[tokio::test]
async fn a_crash_between_upload_and_commit_leaves_only_what_the_next_owner_removes() {
    let blobs = Arc::<Counting>::default();
    let (mut one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "first");
    let row = one.commit(1).await;
    let committed = blobs.names();
    one.write("workspace/a", "second, never committed");
    one.take(1).await.unwrap();
    assert!(blobs.names().len() > committed.len());
    one.restart();

    two.restore(2, Some(&row)).await.unwrap();
    assert!(two.snapshots.tidy(&group()).await > 0);
    assert_eq!(blobs.names(), committed);
    let third = Place::new(&blobs);
    third.restore(3, Some(&row)).await.unwrap();
}

#[tokio::test]
async fn the_same_runner_removes_its_own_leftovers_after_a_restart() {
    let blobs = Arc::<Counting>::default();
    let mut one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "first");
    let row = one.commit(1).await;
    one.snapshots.tidy(&group()).await;
    let committed = blobs.names();
    one.write("workspace/a", "second, never committed");
    one.take(1).await.unwrap();
    one.restart();
    one.restore(2, Some(&row)).await.unwrap();
    one.snapshots.tidy(&group()).await;
    assert_eq!(blobs.names(), committed);
}

#[tokio::test]
async fn what_a_failed_upload_left_goes_with_the_next_commit() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "first");
    blobs.refuse_manifests.store(true, Ordering::SeqCst);
    assert!(matches!(one.take(1).await, Err(Error::Blobs(_))));
    blobs.refuse_manifests.store(false, Ordering::SeqCst);
    one.commit(1).await;
    one.snapshots.tidy(&group()).await;
    assert_eq!(blobs.names().len(), 2, "{:?}", blobs.names());
}

#[tokio::test]
async fn after_the_store_lost_everything_the_next_snapshot_can_be_restored_elsewhere() {
    for restarted in [false, true] {
        let blobs = Arc::<Counting>::default();
        let (mut one, two, three) = (Place::new(&blobs), Place::new(&blobs), Place::new(&blobs));
        one.restore(1, None).await.unwrap();
        one.write("workspace/large", noise(300_000, 1));
        one.write("claude/small", "s");
        one.settle();
        let first = one.commit(1).await;
        // Restored, not taken, here.
        two.restore(2, Some(&first)).await.unwrap();
        two.write("workspace/second", "2");
        let second = two.commit(2).await;
        one.restore(3, Some(&second)).await.unwrap();

        blobs.wipe();
        if restarted {
            one.restart();
            one.restore(3, Some(&second)).await.unwrap();
        }
        assert_eq!(one.take(3).await.unwrap(), None, "nothing changed");
        one.write("workspace/third", "3");
        let third = one.commit(3).await;
        one.snapshots.tidy(&group()).await;
        three.restore(4, Some(&third)).await.unwrap();
        assert_eq!(three.tree(), one.tree());

        // From then on it is as ever.
        blobs.put_since();
        one.write("workspace/third", "4");
        one.commit(3).await;
        assert!(blobs.put_since() < 100_000, "only what changed is sent");
    }
}

#[tokio::test]
async fn a_store_that_is_lost_in_the_middle_of_an_upload_gets_all_of_it_again() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", noise(100_000, 1));
    one.commit(1).await;
    one.write("workspace/b", noise(100_000, 2));
    blobs.lose_before_manifest.store(true, Ordering::SeqCst);
    let error = one.take(1).await.unwrap_err();
    assert!(
        matches!(error, Error::Blobs(blobs::Error::Unavailable { .. })),
        "{error}"
    );
    let row = one.commit(1).await;
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn a_turn_that_changed_nothing_needs_no_store() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "a");
    one.commit(1).await;
    blobs.is_away.store(true, Ordering::SeqCst);
    assert_eq!(one.take(1).await.unwrap(), None);
    one.write("workspace/a", "b");
    assert!(matches!(one.take(1).await, Err(Error::Blobs(_))));
}

#[tokio::test]
async fn a_zombie_owner_cannot_collect_what_later_commits_need() {
    let blobs = Arc::<Counting>::default();
    let (zombie, heir, last) = (Place::new(&blobs), Place::new(&blobs), Place::new(&blobs));
    zombie.restore(1, None).await.unwrap();
    zombie.write("workspace/a", noise(100_000, 1));
    zombie.write("workspace/b", noise(100_000, 2));
    let first = zombie.commit(1).await;
    // It uploads once more and pauses before its commit.
    zombie.write("workspace/b", noise(100_000, 3));
    let lost = zombie.take(1).await.unwrap().unwrap();

    heir.restore(2, Some(&first)).await.unwrap();
    heir.write("workspace/c", noise(100_000, 4));
    let second = heir.commit(2).await;
    heir.snapshots.tidy(&group()).await;

    // It wakes up: tidies by what it knew, uploads, and takes its lost commit for a good one.
    zombie.snapshots.tidy(&group()).await;
    zombie.snapshots.committed(&group(), &lost).await.unwrap();
    zombie.write("workspace/z", "too late");
    zombie.take(1).await.unwrap();
    zombie.snapshots.tidy(&group()).await;

    last.restore(3, Some(&second)).await.unwrap();
    assert_eq!(last.tree(), heir.tree());
    last.snapshots.tidy(&group()).await;
    let needed: Vec<String> = blobs.names().into_iter().filter(|name| name.contains("/1-")).collect();
    assert_eq!(
        needed.len(),
        1,
        "of the first owner only its committed pack is left: {needed:?}"
    );
}

#[tokio::test]
async fn old_packs_are_written_anew_and_go() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/keep", noise(100_000, 1));
    one.write("workspace/drop", noise(400_000, 2));
    one.commit(1).await;
    std::fs::remove_file(one.path("workspace/drop")).unwrap();
    one.write("workspace/new", "new");
    let row = one.commit(1).await;
    one.snapshots.tidy(&group()).await;
    let packs: Vec<String> = blobs
        .names()
        .into_iter()
        .filter(|name| name.ends_with(".pack"))
        .collect();
    assert_eq!(packs.len(), 1, "{packs:?}");
    let two = Place::new(&blobs);
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn many_turns_leave_few_blobs() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    let mut row = None;
    for turn in 0..100 {
        one.write(&format!("workspace/{turn}"), noise(2_000, turn));
        row = Some(one.commit(1).await);
        one.snapshots.tidy(&group()).await;
    }
    assert!(blobs.names().len() <= 40, "{} blobs", blobs.names().len());
    let two = Place::new(&blobs);
    two.restore(2, row.as_ref()).await.unwrap();
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn a_commit_in_doubt_that_was_one_is_taken_up() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", noise(100_000, 1));
    let row = one.take(1).await.unwrap().unwrap();
    blobs.got_since();
    assert_eq!(one.restore(2, Some(&row)).await.unwrap().bytes, 0);
    assert_eq!(blobs.got_since(), 0);
    assert_eq!(one.take(2).await.unwrap(), None);
}
