//! The tables of a fleet, read past the services.

use tokio_postgres::{Client, NoTls};

use super::Fleet;

/// A connection to the database itself.
pub struct Tables {
    client: Client,
}

impl Tables {
    /// Connects without any link between.
    pub async fn connect(fleet: &Fleet) -> Self {
        let (client, connection) = tokio_postgres::connect(&fleet.database, NoTls).await.unwrap();
        tokio::spawn(async move {
            // It ends with the client, or with the server.
            let _ = connection.await;
        });
        Self { client }
    }

    /// One number.
    pub async fn count(&self, query: &str) -> i64 {
        self.client.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Many numbers.
    pub async fn numbers(&self, query: &str) -> Vec<f64> {
        let rows = self.client.query(query, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, i64>(0) as f64).collect()
    }

    /// Many pairs of numbers.
    pub async fn pairs(&self, query: &str) -> Vec<(i64, i64)> {
        let rows = self.client.query(query, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Changes rows; returns how many.
    pub async fn execute(&self, statement: &str) -> u64 {
        self.client.execute(statement, &[]).await.unwrap()
    }

    /// One text, if there is a row.
    pub async fn text(&self, query: &str) -> Option<String> {
        self.client.query_opt(query, &[]).await.unwrap().map(|row| row.get(0))
    }

    /// What is left between two states although everything has come to rest.
    pub async fn unsettled(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (what, query) in [
            (
                "messages that engage lie after a cursor",
                "SELECT COUNT(*) FROM messages m JOIN groups g ON g.id = m.group_id WHERE m.engages AND m.ord > g.cursor_ord",
            ),
            (
                "replies are not sent",
                "SELECT COUNT(*) FROM outbox WHERE state <> 'sent'",
            ),
            ("messages were given up", "SELECT COUNT(*) FROM dead_letters"),
            (
                "slots are taken for groups without an owner",
                "SELECT COUNT(*) FROM slots s JOIN groups g ON g.id = s.group_id WHERE g.owner IS DISTINCT FROM s.runner",
            ),
            (
                "groups have an owner and no slot",
                "SELECT COUNT(*) FROM groups g WHERE g.owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM slots s WHERE s.group_id = g.id)",
            ),
            (
                "turns are open although nobody works on them",
                "SELECT COUNT(*) FROM turns t JOIN groups g ON g.id = t.group_id WHERE t.state = 'open' AND g.owner IS NULL",
            ),
        ] {
            let count = self.count(query).await;
            if count != 0 {
                broken.push(format!("{count} {what}"));
            }
        }
        broken
    }
}
