//! What moves, and what does not.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;

use proto::ids::{Epoch, TurnId};
use uuid::Uuid;

use super::counting::Counting;
use super::place::{Place, group, stored_bytes};
use crate::snapshot::Error;

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
async fn one_root_can_be_read_elsewhere_while_the_group_runs_on() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/private", "not theirs");
    one.write("claude/shared", "for all");
    let row = one.commit(1).await;
    let only = &two.roots()[..1];
    two.snapshots.refresh(&group(), &row, only).await.unwrap();
    assert!(two.path("claude/shared").exists() && !two.path("workspace").exists());
    blobs.got_since();
    two.snapshots.refresh(&group(), &row, only).await.unwrap();
    assert_eq!(blobs.got_since(), 0, "it is there already");
    one.write("claude/shared", "being written");
    one.snapshots.refresh(&group(), &row, &one.roots()[..1]).await.unwrap();
    assert_eq!(
        fs::read(one.path("claude/shared")).unwrap(),
        b"being written",
        "its owner runs here"
    );
}

#[tokio::test]
async fn a_root_that_is_not_given_stays_in_the_snapshot() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "a");
    one.write("claude/b", "b");
    one.commit(1).await;
    one.write("claude/b", "changed");
    let (of, only) = (group(), one.roots());
    let taken = one.snapshots.take(&of, Epoch(1), TurnId(Uuid::nil()), &only[..1]).await;
    let row = taken.unwrap().unwrap();
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn a_snapshot_needs_a_restore_at_its_epoch() {
    let blobs = Arc::<Counting>::default();
    let one = Place::new(&blobs);
    assert!(matches!(one.take(1).await, Err(Error::NotRestored(_))));
    one.restore(1, None).await.unwrap();
    assert!(matches!(one.take(2).await, Err(Error::NotRestored(_))));
}
