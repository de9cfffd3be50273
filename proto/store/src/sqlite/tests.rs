//! What only this engine promises.

use std::path::{Path, PathBuf};

use proto::claim::{ClaimRequest, TASK_AGEING};
use proto::group::{Group, GroupSettings};
use proto::ids::{GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{OpenError, SqliteStore};
use crate::Store;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("clawhold.db");
    (directory, path)
}

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, NOW)
}

fn group(name: &str) -> Group {
    Group {
        id: GroupId::parse(name).unwrap(),
        name: name.to_owned(),
        is_main: false,
        settings: GroupSettings::default(),
        created_at: NOW,
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let (_directory, path) = place();
    let store = open(&path).unwrap();
    store.put_group(&group("g")).await.unwrap();
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(store.groups().await.unwrap(), [group("g")]);
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_has_the_file() {
    // The lock belongs to the open file, not to the process, so a second opening in one process meets it as well.
    let (_directory, path) = place();
    let store = open(&path).unwrap();
    let refusal = open(&path).err().unwrap().to_string();
    let expected = format!(
        "another process (pid {}) uses {}: stop it first",
        std::process::id(),
        path.display()
    );
    assert_eq!(refusal, expected);
    store.check().await.unwrap();
    drop(store);
    open(&path).unwrap();
}

#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path) = place();
    let _store = open(&path).unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = format!("{}{suffix}", path.display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let (directory, _) = place();
    let error = open(&directory.path().join("missing/clawhold.db")).err().unwrap();
    assert!(
        matches!(error, OpenError::Lock { .. }) && error.to_string().contains("missing/clawhold.db.lock"),
        "{error}"
    );
}

#[test]
fn a_directory_in_place_of_the_file_is_an_access_error() {
    let (directory, _) = place();
    let path = directory.path().join("sub");
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(open(&path).err().unwrap(), OpenError::Access { .. }));
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let (_directory, path) = place();
    let contents = "this is a shopping list ".repeat(100);
    std::fs::write(&path, &contents).unwrap();
    assert!(matches!(open(&path).err().unwrap(), OpenError::Corrupt { .. }));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), contents);
}

#[tokio::test]
async fn the_trigger_forbids_what_no_statement_should_try() {
    let (_directory, path) = place();
    let store = open(&path).unwrap();
    store.put_group(&group("g")).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute("UPDATE groups SET head_ord = 9, cursor_ord = 5, epoch = 5", [])
        .unwrap();
    for sql in ["UPDATE groups SET cursor_ord = 4", "UPDATE groups SET epoch = 4"] {
        let refused = other.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("never decreases"), "{refused}");
    }
}

#[tokio::test]
async fn people_come_before_tasks_until_the_task_has_aged() {
    let ageing = i64::try_from(TASK_AGEING.as_millis()).unwrap();
    for (waited_ms, first) in [(ageing - 1, "person"), (ageing + 1, "task")] {
        let (_directory, path) = place();
        let store = open(&path).unwrap();
        let runner = RunnerId::new("r");
        store.register_runner(&runner, 1, NOW).await.unwrap();
        for name in ["task", "person"] {
            store.put_group(&group(name)).await.unwrap();
        }
        let other = Connection::open(&path).unwrap();
        other
            .execute(
                "UPDATE groups SET ready_at = 0, ready_kind = 'task' WHERE id = 'task'",
                [],
            )
            .unwrap();
        other
            .execute("UPDATE groups SET ready_at = ?1 WHERE id = 'person'", [waited_ms])
            .unwrap();
        let request = ClaimRequest {
            runner,
            incarnation: Incarnation(1),
            free_slots: 1,
            now: NOW,
        };
        let claimed = store.claim_groups(&request).await.unwrap();
        assert_eq!(claimed[0].fence.group.as_str(), first);
    }
}

#[test]
fn hot_statements_use_their_indexes() {
    let (_directory, path) = place();
    let _store = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    for (sql, index) in [
        (
            "SELECT id FROM groups WHERE owner IS NULL AND ready_at IS NOT NULL AND not_before <= 1 ORDER BY ready_at, id",
            "groups_waiting",
        ),
        (
            "SELECT 1 FROM messages WHERE group_id = 'g' AND ord > 3 AND engages = 1",
            "messages_engaging",
        ),
        (
            "SELECT id FROM turns WHERE group_id = 'g' AND state = 'open'",
            "turns_open",
        ),
        (
            "SELECT id FROM outbox WHERE state IN ('pending', 'sending') AND state = 'pending' AND not_before <= 1",
            "outbox_open",
        ),
        (
            "SELECT id FROM outbox WHERE turn_id = 't' AND early = 1 AND key = 'k'",
            "outbox_turn_keys",
        ),
        ("DELETE FROM dead_letters WHERE group_id = 'g'", "dead_letters_by_group"),
    ] {
        let mut statement = other.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> = statement
            .query_map([], |row| row.get("detail"))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{sql}: {plan:?}");
    }
}
