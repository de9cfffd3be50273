//! One transaction over one borrowed connection, in as few round trips as its decisions need.
//!
//! Statements are unnamed and typed, so that each is one message that can be sent before the previous was answered; and
//! they work behind any pgbouncer. Where the operator says that a connection keeps its session they are prepared instead,
//! once per connection and before anything that waits for them is sent. The whole of a transaction travels as one of:
//! [`Tx::transact`] (BEGIN, statements, COMMIT: one round trip), [`Tx::begin`] then [`Tx::commit`] (two, with a decision in
//! between), [`Tx::write`] (a single statement). A COMMIT that travels behind a statement that failed is a ROLLBACK.
//!
//! Invariant: a connection goes back to the pool only with nothing open and nothing under way. A call that is dropped or
//! breaks off in between takes its connection with it, and so ends its transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use deadpool_postgres::Object;
use futures::TryStreamExt;
use futures::future::{join, join_all};
use tokio_postgres::Row;

use super::failure::{Failure, Result, Stage};
use super::parameter::Statement;

/// How a transaction begins. The isolation level is named because an operator may have set another default.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Answer to a statement.
pub(super) struct Answer {
    /// Rows returned.
    pub(super) rows: Vec<Row>,
    /// Rows changed, or returned.
    pub(super) touched: u64,
}

impl Answer {
    /// The row of a statement that returns one at most.
    pub(super) fn row(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// The row of a statement that always returns one.
    pub(super) fn one(&self) -> Result<&Row> {
        self.row()
            .ok_or_else(|| Failure::Unexpected("a statement returned no row".to_owned()))
    }
}

/// A transaction. Copies are handles of the same one.
#[derive(Clone)]
pub(super) struct Tx {
    borrowed: Arc<Borrowed>,
    prepare: bool,
}

struct Borrowed {
    connection: Option<Object>,
    stage: AtomicU8,
    begin: Arc<str>,
}

/// A statement that takes one message to run.
enum Ready<'a> {
    Unnamed(Statement<'a>),
    Prepared(tokio_postgres::Statement, Statement<'a>),
}

impl Tx {
    /// `begin` is what a transaction of this store begins with: with the store's settings, unless the session has them.
    pub(super) fn new(connection: Object, begin: Arc<str>, prepare: bool) -> Self {
        let borrowed = Borrowed {
            connection: Some(connection),
            stage: AtomicU8::new(Stage::Idle as u8),
            begin,
        };
        Self {
            borrowed: Arc::new(borrowed),
            prepare,
        }
    }

    /// How far it has come.
    pub(super) fn stage(&self) -> Stage {
        match self.borrowed.stage.load(Ordering::Relaxed) {
            stage if stage == Stage::Idle as u8 => Stage::Idle,
            stage if stage == Stage::Reading as u8 => Stage::Reading,
            stage if stage == Stage::Open as u8 => Stage::Open,
            _ => Stage::Committing,
        }
    }

    /// Reads with a single statement: one snapshot.
    pub(super) async fn read(&self, statement: Statement<'_>) -> Result<Answer> {
        self.enter(Stage::Reading);
        let answer = self.send(self.ready(statement).await?).await?;
        self.enter(Stage::Idle);
        Ok(answer)
    }

    /// Runs a single statement that changes something: its own transaction, where the session has this store's settings already.
    pub(super) async fn write(&self, statement: Statement<'_>) -> Result<Answer> {
        if *self.borrowed.begin != *BEGIN {
            let [answer] = self.transact([statement]).await?;
            return Ok(answer);
        }
        self.enter(Stage::Reading);
        let statement = self.ready(statement).await?;
        self.enter(Stage::Committing);
        let answer = self.send(statement).await?;
        self.enter(Stage::Idle);
        Ok(answer)
    }

    /// Begins and sends the first statements along.
    pub(super) async fn begin<const N: usize>(&self, statements: [Statement<'_>; N]) -> Result<[Answer; N]> {
        self.enter(Stage::Reading);
        let statements = self.all_ready(statements.into()).await?;
        self.enter(Stage::Open);
        let (begun, answers) = join(self.say(&self.borrowed.begin), self.send_each(statements)).await;
        begun?;
        fixed(answers?)
    }

    /// Sends the last statements and commits with them.
    pub(super) async fn commit<const N: usize>(&self, statements: [Statement<'_>; N]) -> Result<[Answer; N]> {
        let answers = self.commit_all(statements.into()).await?;
        fixed(answers)
    }

    /// As [`Tx::commit`], for a number of statements that is decided while it runs.
    pub(super) async fn commit_all(&self, statements: Vec<Statement<'_>>) -> Result<Vec<Answer>> {
        let statements = self.all_ready(statements).await?;
        self.enter(Stage::Committing);
        let (answers, committed) = join(self.send_each(statements), self.say("COMMIT")).await;
        let answers = answers?;
        committed?;
        self.enter(Stage::Idle);
        Ok(answers)
    }

    /// A whole transaction whose statements need no decision in between.
    pub(super) async fn transact<const N: usize>(&self, statements: [Statement<'_>; N]) -> Result<[Answer; N]> {
        self.transact_as(&self.borrowed.begin, statements).await
    }

    /// As [`Tx::transact`], but answered before it is on the disk: for what may be forgotten in a crash of the server.
    pub(super) async fn transact_unsynced<const N: usize>(
        &self,
        statements: [Statement<'_>; N],
    ) -> Result<[Answer; N]> {
        let begin = format!("{}; SET LOCAL synchronous_commit = off", self.borrowed.begin);
        self.transact_as(&begin, statements).await
    }

    async fn transact_as<const N: usize>(&self, begin: &str, statements: [Statement<'_>; N]) -> Result<[Answer; N]> {
        self.enter(Stage::Reading);
        let statements = self.all_ready(statements.into()).await?;
        self.enter(Stage::Committing);
        let sent = join(self.send_each(statements), self.say("COMMIT"));
        let (begun, (answers, committed)) = join(self.say(begin), sent).await;
        begun?;
        let answers = answers?;
        committed?;
        self.enter(Stage::Idle);
        fixed(answers)
    }

    /// Sends further statements inside of a transaction.
    pub(super) async fn send_all<const N: usize>(&self, statements: [Statement<'_>; N]) -> Result<[Answer; N]> {
        let statements = self.all_ready(statements.into()).await?;
        fixed(self.send_each(statements).await?)
    }

    async fn all_ready<'a>(&self, statements: Vec<Statement<'a>>) -> Result<Vec<Ready<'a>>> {
        let mut ready = Vec::with_capacity(statements.len());
        for statement in statements {
            ready.push(self.ready(statement).await?);
        }
        Ok(ready)
    }

    async fn ready<'a>(&self, statement: Statement<'a>) -> Result<Ready<'a>> {
        if !self.prepare {
            return Ok(Ready::Unnamed(statement));
        }
        let kinds: Vec<_> = statement
            .parameters
            .iter()
            .map(|parameter| parameter.kind.clone())
            .collect();
        let prepared = self.connection().prepare_typed_cached(statement.sql, &kinds).await?;
        Ok(Ready::Prepared(prepared, statement))
    }

    async fn send_each(&self, statements: Vec<Ready<'_>>) -> Result<Vec<Answer>> {
        // Polled in order, and each is sent by its first poll.
        let answers = join_all(statements.into_iter().map(|statement| self.send(statement))).await;
        // The first error is the one that counts: after it Postgres only says that the transaction is aborted.
        answers.into_iter().collect()
    }

    /// Runs SQL without parameters, several statements if need be.
    pub(super) async fn script(&self, sql: &str) -> Result<()> {
        self.say(sql).await
    }

    /// Leaves the connection with nothing open, where it can. What was not committed is rolled back.
    pub(super) async fn close(&self, failure: Option<&Failure>) {
        if failure.is_some_and(|failure| !failure.leaves_connection_usable()) {
            self.enter(Stage::Committing);
            return;
        }
        match self.stage() {
            Stage::Idle => {}
            // A single statement was refused: nothing is open.
            Stage::Reading => self.enter(Stage::Idle),
            Stage::Open | Stage::Committing => {
                if self.say("ROLLBACK").await.is_ok() {
                    self.enter(Stage::Idle);
                }
            }
        }
    }

    fn enter(&self, stage: Stage) {
        self.borrowed.stage.store(stage as u8, Ordering::Relaxed);
    }

    fn connection(&self) -> &Object {
        self.borrowed
            .connection
            .as_ref()
            .expect("only the end of the transaction takes it")
    }

    async fn say(&self, sql: &str) -> Result<()> {
        Ok(self.connection().batch_execute(sql).await?)
    }

    async fn send(&self, statement: Ready<'_>) -> Result<Answer> {
        let stream = match statement {
            Ready::Unnamed(Statement { sql, parameters }) => {
                let parameters = parameters
                    .into_iter()
                    .map(|parameter| (parameter.value, parameter.kind));
                self.connection().query_typed_raw(sql, parameters).await?
            }
            Ready::Prepared(prepared, Statement { parameters, .. }) => {
                let parameters = parameters.into_iter().map(|parameter| parameter.value);
                self.connection().query_raw(&prepared, parameters).await?
            }
        };
        futures::pin_mut!(stream);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            rows.push(row);
        }
        let touched = stream.rows_affected().unwrap_or(0);
        Ok(Answer { rows, touched })
    }
}

fn fixed<const N: usize>(answers: Vec<Answer>) -> Result<[Answer; N]> {
    let unanswered = |_| Failure::Unexpected("a statement was not answered".to_owned());
    answers.try_into().map_err(unanswered)
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if self.stage.load(Ordering::Relaxed) != Stage::Idle as u8
            && let Some(connection) = self.connection.take()
        {
            // Taken out of the pool and dropped: the socket closes, and Postgres rolls back.
            drop(Object::take(connection));
        }
    }
}
