//! What moves, and what does not.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;
use std::time::Duration;

use blobs::{BlobName, BlobStore as _};
use proto::ids::Epoch;
use proto::snapshot::SnapshotRef;
use tokio::sync::mpsc;

use super::counting::Counting;
use super::place::{Place, group, stored_bytes};
use crate::snapshot::Error;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(step).take(bytes).collect()
}

#[tokio::test]
async fn a_groups_files_follow_it_to_an_empty_runner() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/notes.md", "remember");
    one.write("workspace/bin/run", "#!/bin/sh");
    fs::set_permissions(one.path("workspace/bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    one.write("claude/projects/x/memory/MEMORY.md", "likes tea");
    one.write("claude/projects/x/session.jsonl", "a transcript");
    fs::create_dir_all(one.path("workspace/empty/inside")).unwrap();
    symlink("../../outside", one.path("workspace/link")).unwrap();
    symlink("nowhere", one.path("workspace/dangling")).unwrap();
    one.write("workspace/large", noise(3_000_000, 1));
    let row = one.commit(1).await;

    two.write("workspace/CLAUDE.md", "made before the group came");
    let restored = two.restore(2, Some(&row)).await.unwrap();
    assert!(restored.bytes > 3_000_000);
    let mut wanted = one.tree();
    assert!(
        wanted.remove("\"claude/projects/x/session.jsonl\"").is_some(),
        "a transcript is no part of it"
    );
    assert_eq!(two.tree(), wanted);
}

#[tokio::test]
async fn nothing_moves_when_nothing_changed() {
    let blobs = Arc::<Counting>::default();
    let mut one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", noise(500_000, 1));
    one.settle();
    let row = one.commit(1).await;
    assert_eq!(one.take(1).await.unwrap(), None);
    blobs.put_since();
    one.restart();
    assert_eq!(one.restore(2, Some(&row)).await.unwrap().bytes, 0);
    assert_eq!(one.take(2).await.unwrap(), None);
    assert_eq!((blobs.put_since(), blobs.got_since(), one.files_read()), (0, 0, 0));
}

#[tokio::test]
async fn files_that_did_not_change_are_neither_read_nor_sent_again() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    for number in 0..200 {
        one.write(&format!("workspace/{number}"), noise(1_000, number));
    }
    one.settle();
    one.commit(1).await;
    assert_eq!(one.files_read(), 200);
    one.write("workspace/0", "new");
    blobs.put_since();
    let second = one.commit(1).await;
    assert_eq!(one.files_read(), 201);
    let manifest = blobs
        .blobs
        .lock()
        .unwrap()
        .iter()
        .find(|(name, _)| name.as_str() == second.manifest)
        .unwrap()
        .1
        .len();
    assert_eq!(blobs.put_since(), 3 + manifest as u64);
}

#[tokio::test]
async fn an_appended_file_sends_only_its_tail() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    one.write("workspace/log", noise(8_000_000, 1));
    one.commit(1).await;
    blobs.put_since();
    let mut log = fs::OpenOptions::new()
        .append(true)
        .open(one.path("workspace/log"))
        .unwrap();
    log.write_all(b"one more line\n").unwrap();
    let row = one.commit(1).await;
    let sent = blobs.put_since();
    assert!(sent < 256 * 1024 + 20_000, "{sent} bytes were sent for a line");

    let two = Place::new(&blobs);
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn an_insertion_in_the_middle_sends_what_is_around_it() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    one.restore(1, None).await.unwrap();
    let mut content = noise(8_000_000, 1);
    one.write("workspace/data", &content);
    one.commit(1).await;
    blobs.put_since();
    content.splice(4_000_000..4_000_000, *b"inserted");
    one.write("workspace/data", &content);
    one.commit(1).await;
    let sent = blobs.put_since();
    assert!(sent < 600_000, "{sent} bytes were sent for an insertion");
}

#[tokio::test]
async fn a_copy_of_an_older_snapshot_fetches_only_the_difference_and_a_renamed_file_nothing() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/big", noise(2_000_000, 1));
    one.write("workspace/gone/deep/file", "x");
    let first = one.commit(1).await;
    two.restore(2, Some(&first)).await.unwrap();
    fs::rename(two.path("workspace/big"), two.path("workspace/renamed")).unwrap();
    fs::remove_dir_all(two.path("workspace/gone")).unwrap();
    two.write("workspace/new", "new");
    let second = two.commit(2).await;
    blobs.got_since();
    let restored = one.restore(3, Some(&second)).await.unwrap();
    assert_eq!(one.tree(), two.tree());
    assert!(
        restored.bytes < 50_000,
        "{} bytes were fetched for a renamed file",
        restored.bytes
    );
}

#[tokio::test]
async fn what_the_lost_turn_left_on_a_runner_is_replaced_when_the_group_comes_back() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "first");
    let first = one.commit(1).await;
    one.write("workspace/a", "never committed");
    one.write("workspace/b", "never committed");
    two.restore(2, Some(&first)).await.unwrap();
    two.write("workspace/c", "second");
    let second = two.commit(2).await;
    one.restore(3, Some(&second)).await.unwrap();
    assert_eq!(one.tree(), two.tree());
}

#[tokio::test]
async fn after_a_restore_nothing_is_read_to_see_that_nothing_changed() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", noise(300_000, 3));
    let row = one.commit(1).await;
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(two.take(2).await.unwrap(), None);
    assert_eq!(two.files_read(), 0);
}

#[tokio::test]
async fn a_sparse_file_stays_sparse_and_its_holes_take_no_room() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/disk", "");
    let disk = fs::OpenOptions::new()
        .write(true)
        .open(one.path("workspace/disk"))
        .unwrap();
    disk.set_len(40_000_000_000).unwrap();
    disk.write_all_at(b"in the middle", 20_000_000_123).unwrap();
    let row = one.commit(1).await;
    assert!(row.bytes < 300_000, "{} bytes for a nearly empty disk", row.bytes);
    two.restore(2, Some(&row)).await.unwrap();
    let copy = fs::File::open(two.path("workspace/disk")).unwrap();
    assert_eq!(copy.metadata().unwrap().len(), 40_000_000_000);
    assert!(stored_bytes(&two.path("workspace/disk")) < 1_000_000);
    let mut found = [0; 13];
    copy.read_exact_at(&mut found, 20_000_000_123).unwrap();
    assert_eq!(&found, b"in the middle");
}

#[tokio::test]
async fn a_copy_is_given_up_only_when_it_rests_and_its_group_moved_on() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "first");
    let first = one.commit(1).await;
    one.write("workspace/a", "never committed");
    assert!(
        one.rests_since(one.snapshots.deps.clock.now() + DAY).await,
        "it is old by then"
    );
    assert!(
        !one.rests_since(one.snapshots.deps.clock.now() - DAY).await,
        "it is not that old"
    );
    two.restore(2, Some(&first)).await.unwrap();
    two.write("workspace/b", "second");
    let second = two.commit(2).await;
    assert!(
        !one.give_up(&second).await,
        "as far as this runner knows, it has the group"
    );
    one.snapshots.released(&group(), Epoch(1));
    assert!(!one.give_up(&first).await, "nobody else has what was changed since");
    assert!(one.path("workspace/a").exists());

    assert!(one.give_up(&second).await);
    assert!(one.tree().is_empty() && !one.rests_since(one.snapshots.deps.clock.now() + DAY).await);
    assert!(!one.give_up(&second).await, "there is nothing left");
    one.restore(3, Some(&second)).await.unwrap();
    assert_eq!(one.tree(), two.tree());
}

/// A runner whose group moved on to another one, and what it committed there.
async fn moved_on() -> (Place, Place, SnapshotRef) {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "first");
    one.write("workspace/b", "first");
    let first = one.commit(1).await;
    one.snapshots.released(&group(), Epoch(1));
    two.restore(2, Some(&first)).await.unwrap();
    two.write("workspace/b", "second");
    let second = two.commit(2).await;
    (one, two, second)
}

#[tokio::test]
async fn a_copy_stays_while_the_store_does_not_give_the_committed_snapshot() {
    let (one, two, second) = moved_on().await;
    let manifest = BlobName::parse(&second.manifest).unwrap();
    two.blobs.delete(&manifest).await.unwrap();
    let remove = || panic!("it may be all there is");
    let kept = one.give_up_by(&second, remove).await;
    assert!(matches!(kept, Err(Error::Corrupt(_))), "{kept:?}");
    assert!(one.path("workspace/a").exists());
}

#[tokio::test]
async fn a_group_that_comes_back_waits_for_a_removal_that_nobody_waits_for_any_more() {
    let (one, two, second) = moved_on().await;
    let ((begun, mut has_begun), (end, may_end)) = (mpsc::unbounded_channel(), std::sync::mpsc::channel());
    let workspace = one.path("workspace");
    let remove = move || {
        begun.send(()).unwrap();
        may_end.recv().unwrap();
        fs::remove_dir_all(workspace)
    };
    tokio::select! {
        _ = one.give_up_by(&second, remove) => panic!("it cannot be done"),
        _ = has_begun.recv() => {}
    }
    let back = one.restore(3, Some(&second));
    tokio::pin!(back);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut back).await;
    assert!(early.is_err(), "files came back under a removal");
    end.send(()).unwrap();
    back.await.unwrap();
    assert_eq!(one.tree(), two.tree());
}

#[tokio::test]
async fn a_copy_that_could_not_be_removed_whole_is_found_again() {
    let (one, two, second) = moved_on().await;
    let half = one.path("workspace/a");
    let remove = move || {
        fs::remove_file(half)?;
        Err(io::ErrorKind::PermissionDenied.into())
    };
    let broken = one.give_up_by(&second, remove).await;
    assert!(matches!(broken, Err(Error::Files { .. })));
    one.restore(3, Some(&second)).await.unwrap();
    assert_eq!(one.tree(), two.tree());
    one.snapshots.released(&group(), Epoch(3));
    two.restore(4, Some(&second)).await.unwrap();
    two.write("workspace/b", "third");
    assert!(one.give_up(&two.commit(4).await).await);
}

#[tokio::test]
async fn a_snapshot_needs_a_restore_at_its_epoch() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    assert!(matches!(one.take(1).await, Err(Error::NotRestored(_))));
    one.restore(1, None).await.unwrap();
    assert!(matches!(one.take(2).await, Err(Error::NotRestored(_))));
}
