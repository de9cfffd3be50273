use proto::claim::{ClaimRequest, ReadyKind, TASK_AGEING};
use proto::group::{Group, GroupSettings};
use proto::ids::{GroupId, Incarnation, RunnerId};
use proto::time::Timestamp;

use super::MemoryStore;
use crate::Store;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[tokio::test]
async fn people_come_before_tasks_until_the_task_has_aged() {
    let ageing = i64::try_from(TASK_AGEING.as_millis()).unwrap();
    for (waited_ms, first) in [(ageing - 1, "person"), (ageing + 1, "task")] {
        let store = MemoryStore::new();
        let runner = RunnerId::new("r");
        store.register_runner(&runner, 1, at(0)).await.unwrap();
        for (name, kind, since) in [
            ("task", ReadyKind::Task, 0),
            ("person", ReadyKind::Interactive, waited_ms),
        ] {
            let id = GroupId::parse(name).unwrap();
            let group = Group {
                id: id.clone(),
                name: name.to_owned(),
                is_main: false,
                settings: GroupSettings::default(),
                created_at: at(0),
            };
            store.put_group(&group).await.unwrap();
            let mut state = store.lock();
            let row = state.groups.get_mut(&id).unwrap();
            (row.ready_at, row.ready_kind) = (Some(at(since)), kind);
        }
        let request = ClaimRequest {
            runner,
            incarnation: Incarnation(1),
            free_slots: 1,
            now: at(100_000),
        };
        let claimed = store.claim_groups(&request).await.unwrap();
        assert_eq!(claimed[0].fence.group.as_str(), first);
    }
}
