//! Registers chats and tasks past the services, as an operator would before people may speak there.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::group::{ChatSeen, GroupSettings};
use proto::ids::{ChatId, GroupId};
use proto::schedule::{Schedule, ScheduleKind};
use proto::task::{ContextMode, Task, TaskId, TaskPolicy, TaskSpec};
use proto::time::Timestamp;
use store::Store;
use store::postgres::{Config, PostgresStore};
use store::registration::{Registration, register};

/// A store that chats and tasks are registered in.
pub struct Registrar {
    store: PostgresStore,
    now: Timestamp,
}

impl Registrar {
    /// Connects to the database at this address.
    pub async fn connect(database: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp::from_millis(now.as_millis() as i64);
        let store = PostgresStore::connect(&Config::new(database), now).await.unwrap();
        Self { store, now }
    }

    /// Registers an account's chat to a group of its own, in which nobody has to be named.
    pub async fn register(&self, channel: &str, account: &str, chat: &str, group: &str) {
        let seen = ChatSeen {
            id: ChatId::new(chat),
            channel: channel.to_owned(),
            account: account.to_owned(),
            name: None,
            is_group_chat: None,
            seen_at: self.now,
            parent: None,
        };
        self.store.see_chat(&seen).await.unwrap();
        let registration = Registration {
            group: GroupId::parse(group).unwrap(),
            name: group.to_owned(),
            is_main: false,
            settings: GroupSettings {
                requires_trigger: Some(false),
                ..GroupSettings::default()
            },
            chats: vec![seen.id],
            move_chats: false,
        };
        register(&self.store, &registration, self.now).await.unwrap();
    }

    /// Puts a task of a group's chat that is due now, and then not for as long as anybody looks.
    pub async fn put_due_task(&self, id: &str, chat: &str, group: &str) {
        put_task_due_once(&self.store, id, (group, chat), self.now, self.now).await;
    }
}

/// Puts a task of a group and its chat that is due at an instant, and then not for as long as anybody looks.
pub async fn put_task_due_once(
    store: &dyn Store,
    id: &str,
    (group, chat): (&str, &str),
    due: Timestamp,
    now: Timestamp,
) {
    let spec = TaskSpec {
        group: GroupId::parse(group).unwrap(),
        chat: ChatId::new(chat),
        prompt: "say something".to_owned(),
        schedule: Schedule::parse(ScheduleKind::Interval, "86400000").unwrap(),
        zone: "UTC".parse().unwrap(),
        context_mode: ContextMode::Group,
        check_script: None,
        policy: TaskPolicy::default(),
    };
    let task = Task {
        next_due: Some(due),
        ..Task::made(TaskId::parse(id).unwrap(), spec, now).unwrap()
    };
    let stored = store.put_task(&task, None, now).await.unwrap();
    assert!(stored.is_some(), "there is a task {id} already");
}
