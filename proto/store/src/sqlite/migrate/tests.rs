use super::*;

const FIRST: Migration = Migration {
    name: "20260101000000_create_things",
    sql: "CREATE TABLE things (name TEXT NOT NULL) STRICT;",
};
const SECOND: Migration = Migration {
    name: "20260102000000_add_size",
    sql: "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7; UPDATE things SET size = 9 WHERE name = 'big';",
};
const BROKEN: Migration = Migration {
    name: "20260103000000_drop_things",
    sql: "DELETE FROM things; DROP TABLE no_such_table;",
};

fn run(conn: &mut Connection, migrations: &[Migration]) -> Result<(), OpenError> {
    migrate(conn, Path::new("test.db"), migrations, Timestamp::from_millis(5))
}

fn sizes(conn: &Connection) -> Vec<(String, i64)> {
    let mut statement = conn.prepare("SELECT name, size FROM things ORDER BY name").unwrap();
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn a_database_with_rows_is_brought_up_to_date_once() {
    let mut conn = Connection::open_in_memory().unwrap();
    run(&mut conn, &[FIRST]).unwrap();
    conn.execute_batch("INSERT INTO things VALUES ('big'), ('small')")
        .unwrap();
    for _ in 0..2 {
        run(&mut conn, &[FIRST, SECOND]).unwrap();
        assert_eq!(sizes(&conn), [("big".to_owned(), 9), ("small".to_owned(), 7)]);
    }
    let applied_at: Vec<i64> = conn
        .prepare("SELECT applied_at FROM migrations")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(applied_at, [5, 5]);
}

#[test]
fn a_migration_that_fails_changes_nothing_and_is_named() {
    let mut conn = Connection::open_in_memory().unwrap();
    run(&mut conn, &[FIRST, SECOND]).unwrap();
    conn.execute_batch("INSERT INTO things VALUES ('big', 1)").unwrap();
    let error = run(&mut conn, &[FIRST, SECOND, BROKEN]).unwrap_err();
    assert!(error.to_string().contains(BROKEN.name), "{error}");
    assert_eq!(sizes(&conn).len(), 1);
    run(&mut conn, &[FIRST, SECOND]).unwrap();
}

#[test]
fn a_schema_of_a_newer_version_is_refused() {
    let mut conn = Connection::open_in_memory().unwrap();
    run(&mut conn, &[FIRST, SECOND]).unwrap();
    let error = run(&mut conn, &[FIRST]).unwrap_err();
    assert!(
        matches!(&error, OpenError::NewerSchema { migration, .. } if migration == SECOND.name),
        "{error}"
    );
}

#[test]
fn migrations_are_listed_in_the_order_of_their_names() {
    assert!(MIGRATIONS.is_sorted_by_key(|migration| migration.name));
}
