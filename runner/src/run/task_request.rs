//! Serves the agent's task tools: each change is one transaction under the fence, true at once, and answered as it is.
//!
//! Who may do what is [`Asker`]'s matter, what a task may be [`TaskFields`]'. A request that is repeated, by a store that is in
//! doubt or in a later attempt at the turn, changes nothing twice: the id of a new task is a function of what is asked
//! ([`super::scheduled`]), and everything else sets what it set before.

use std::time::Duration;

use bus::Hint;
use proto::group::Group;
use proto::ids::{ChatId, TurnId};
use proto::ipc::requests::{ListTasks, NamedTask, ScheduleTask, UpdateTask};
use proto::nanoclaw::TaskSnapshot;
use proto::task::{Asker, InvalidTask, LISTED_MAX, Task, TaskId, TaskOrigin, TaskSpec, TaskState};
use proto::time::Timestamp;
use serde_json::{Value, json};
use service::crash_point;
use store::tasks::{ChangeError, change};

use super::GroupRun;
use super::request::{Refused, refuse_unfenced, told};
use crate::engine::persist::until_known;

impl GroupRun {
    /// IPC-05…07: makes a task for the chat at hand, or from main for any registered chat.
    pub(super) async fn schedule_task(&mut self, request: &str, call: ScheduleTask) -> Result<Value, Refused> {
        let turn = self.speaking_turn()?;
        let (group, chat) = self.target(call.target_group_jid.as_deref()).await?;
        let given = call.task_id.as_deref().map(parse_id).transpose()?;
        let content = json!([group.id, chat, call]).to_string();
        let id = match &given {
            Some(id) => self.scheduled.note(turn, request, id).then(|| id.clone()),
            None => self.scheduled.id(turn, request, &content),
        };
        let id = id.ok_or_else(|| {
            told(
                "conflict",
                "this turn has scheduled too many tasks; do the rest in another",
            )
        })?;
        if let Some(known) = self.read_task(&id).await? {
            return already(&known, &group);
        }
        let (zone, now) = (self.zone_of(&group), self.engine.clock.now());
        let spec = call.fields().new_spec(group.id.clone(), chat, zone, now);
        let spec = spec.map_err(|error| refuse_fields(&error))?;
        if given.is_some() {
            self.forget_earlier_attempt(turn, &spec).await?;
        }
        let task = Task::made(id, spec, now).map_err(|error| refuse_fields(&error.into()))?;
        let task = task.by(TaskOrigin::Agent);
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let stored = until_known(engine, || engine.store.put_task(&task, Some(fence), now)).await;
        crash_point!("task.stored");
        let stored = match stored.map_err(|error| self.refuse(error))? {
            Some(stored) => stored,
            // The answer to an earlier try was lost.
            None => match self.read_task(&task.id).await? {
                Some(known) => return already(&known, &group),
                None => return Err(told("conflict", format!("task {} was cancelled meanwhile", task.id))),
            },
        };
        Ok(self.changed("task scheduled", &stored))
    }

    /// MCP-05, live from the store (MCP-D3): main sees all, others their own.
    pub(super) async fn list_tasks(&mut self, call: ListTasks) -> Result<Value, Refused> {
        if let Some(id) = call.task_id {
            let task = self.known_task(&parse_id(&id)?).await?;
            return Ok(json!({ "tasks": [task.listed()], "left_off": 0 }));
        }
        let tasks = self.visible_tasks().await?;
        let shown: Vec<_> = tasks.iter().take(LISTED_MAX).map(Task::listed_briefly).collect();
        Ok(json!({ "left_off": tasks.len() - shown.len(), "tasks": shown }))
    }

    /// IPC-08.
    pub(super) async fn pause_task(&mut self, call: NamedTask) -> Result<Value, Refused> {
        self.change_task("task paused", &call.task_id, |task, _| match task.state {
            TaskState::Done => Err(Unchangeable::Done),
            TaskState::Active | TaskState::Paused => Ok(task.paused()),
        })
        .await
    }

    /// IPC-08, and not for the time it slept (IPC-D2).
    pub(super) async fn resume_task(&mut self, call: NamedTask) -> Result<Value, Refused> {
        self.change_task("task resumed", &call.task_id, |task, now| match task.state {
            TaskState::Done => Err(Unchangeable::Done),
            TaskState::Active | TaskState::Paused => Ok(task.resumed(now)),
        })
        .await
    }

    /// IPC-09.
    pub(super) async fn update_task(&mut self, call: UpdateTask) -> Result<Value, Refused> {
        let fields = call.fields();
        self.change_task("task changed", &call.task_id, |task, now| {
            let spec = fields.change(&task.spec, now).map_err(Unchangeable::Invalid)?;
            let changed = task.with_spec(spec, now);
            changed.map_err(|error| Unchangeable::Invalid(error.into()))
        })
        .await
    }

    /// IPC-08.
    pub(super) async fn cancel_task(&mut self, call: NamedTask) -> Result<Value, Refused> {
        let task = self.known_task(&parse_id(&call.task_id)?).await?;
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let removed = until_known(engine, || {
            engine.store.remove_task(&task.id, Some(fence), engine.clock.now())
        });
        match removed.await {
            // An earlier try was in doubt, or somebody else was faster: it was there a moment ago, and is gone.
            Ok(()) | Err(store::Error::NotFound { .. }) => {}
            Err(error) => return Err(self.refuse(error)),
        }
        tracing::info!(task.id = %task.id, group.id = %task.spec.group, "task cancelled");
        engine.hints.publish(Hint::Tasks);
        Ok(json!({ "cancelled": task.id }))
    }

    /// What NanoClaw's agents read instead of asking (IPC-20).
    pub(super) async fn task_snapshots(&mut self) -> Result<Vec<TaskSnapshot>, store::Error> {
        let tasks = self.engine.store.tasks(self.asker().sees()).await?;
        Ok(tasks.iter().take(LISTED_MAX).map(Task::snapshot).collect())
    }

    async fn change_task(
        &mut self,
        what: &'static str,
        id: &str,
        decide: impl Fn(&Task, Timestamp) -> Result<Task, Unchangeable> + Send + Sync,
    ) -> Result<Value, Refused> {
        let id = parse_id(id)?;
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let (asker, now) = (self.asker(), engine.clock.now());
        let outcome = until_known(engine, || async {
            let changed = change(&*engine.store, &id, Some(fence), now, |task| {
                if asker.may_touch(task) {
                    decide(task, now)
                } else {
                    Err(Unchangeable::Foreign)
                }
            });
            match changed.await {
                Ok(task) => Ok(Ok(task)),
                Err(ChangeError::Refused(why)) => Ok(Err(why)),
                Err(ChangeError::Store(error)) => Err(error),
            }
        });
        match outcome.await.map_err(|error| self.refuse(error))? {
            Ok(task) => Ok(self.changed(what, &task)),
            Err(Unchangeable::Foreign) => Err(foreign(&id)),
            Err(Unchangeable::Done) => Err(told(
                "conflict",
                format!("task {id} is completed and will not run again: give it a new schedule with update_task"),
            )),
            Err(Unchangeable::Invalid(error)) => Err(refuse_fields(&error)),
        }
    }

    fn changed(&self, what: &'static str, task: &Task) -> Value {
        tracing::info!(task.id = %task.id, group.id = %task.spec.group, task.next_due = ?task.next_due.map(|due| due.to_string()), "{what}");
        self.engine.hints.publish(Hint::Tasks);
        json!({ "task": task.listed() })
    }

    fn asker(&self) -> Asker<'_> {
        Asker {
            group: &self.claimed.fence.group,
            is_main: self.claimed.group.is_main,
        }
    }

    /// The group and chat that a task is to be made for.
    async fn target(&mut self, jid: Option<&str>) -> Result<(Group, ChatId), Refused> {
        let own = &self.claimed.group;
        let Some(jid) = jid else {
            return Ok((own.clone(), self.reply_chat.clone()));
        };
        let chat = ChatId::new(jid);
        let known = self.engine.store.chat(&chat).await.map_err(refuse_unfenced)?;
        let group = match known {
            None => return Err(told("not_found", format!("target_group_jid: chat {jid} is not known"))),
            Some(chat) => chat.group,
        };
        let Some(group) = group else {
            let why = format!("target_group_jid: chat {jid} belongs to no group: register it first");
            return Err(told("not_found", why));
        };
        if !self.asker().may_schedule_for(&group) {
            let why = format!(
                "target_group_jid: chat {jid} belongs to another group; only the main group may schedule for it"
            );
            return Err(told("not_authorised", why));
        }
        if group == own.id {
            return Ok((own.clone(), chat));
        }
        let group = self.engine.store.group(&group).await.map_err(refuse_unfenced)?;
        let group = group.ok_or_else(|| {
            told(
                "not_found",
                format!("target_group_jid: the group of chat {jid} is gone"),
            )
        })?;
        Ok((group, chat))
    }

    /// NanoClaw's agents choose the id themselves, so a later attempt says the same under another one: the agent knows only that,
    /// and what the earlier attempt made goes. Removed first: a crash in between leaves it to the next attempt.
    async fn forget_earlier_attempt(&mut self, turn: TurnId, spec: &TaskSpec) -> Result<(), Refused> {
        let Some(began) = turn.0.get_timestamp() else {
            return Ok(());
        };
        let (seconds, nanos) = began.to_unix();
        let began = Timestamp::from_millis(0) + Duration::new(seconds, nanos);
        let tasks = self
            .engine
            .store
            .tasks(Some(&spec.group))
            .await
            .map_err(refuse_unfenced)?;
        let earlier = tasks
            .iter()
            .find(|task| task.spec == *spec && task.created_at >= began && !self.scheduled.made(&task.id));
        if let Some(earlier) = earlier {
            let (engine, fence) = (&self.engine, &self.claimed.fence);
            let removed = until_known(engine, || {
                engine.store.remove_task(&earlier.id, Some(fence), engine.clock.now())
            });
            match removed.await {
                Ok(()) | Err(store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.refuse(error)),
            }
        }
        Ok(())
    }

    async fn visible_tasks(&mut self) -> Result<Vec<Task>, Refused> {
        let tasks = self.engine.store.tasks(self.asker().sees()).await;
        tasks.map_err(refuse_unfenced)
    }

    async fn read_task(&mut self, id: &TaskId) -> Result<Option<Task>, Refused> {
        self.engine.store.task(id).await.map_err(refuse_unfenced)
    }

    /// A task that this group may touch.
    async fn known_task(&mut self, id: &TaskId) -> Result<Task, Refused> {
        let task = self.read_task(id).await?;
        let task = task.ok_or_else(|| {
            told(
                "not_found",
                format!("no such task: {id}; list_tasks shows the ids there are"),
            )
        })?;
        if self.asker().may_touch(&task) {
            Ok(task)
        } else {
            Err(foreign(id))
        }
    }
}

/// Why a task is not changed.
#[derive(Debug, thiserror::Error)]
enum Unchangeable {
    #[error("it belongs to another group")]
    Foreign,
    #[error("it is completed")]
    Done,
    #[error(transparent)]
    Invalid(InvalidTask),
}

fn parse_id(text: &str) -> Result<TaskId, Refused> {
    TaskId::parse(text).map_err(|error| told("bad_request", error.to_string()))
}

fn refuse_fields(error: &InvalidTask) -> Refused {
    told("bad_request", error.to_string())
}

fn foreign(id: &TaskId) -> Refused {
    told(
        "not_authorised",
        format!("task {id} belongs to another group; only the main group may see or change it"),
    )
}

/// The answer for a task that was there before under the id that is asked for.
fn already(known: &Task, group: &Group) -> Result<Value, Refused> {
    if known.spec.group == group.id {
        Ok(json!({ "task": known.listed() }))
    } else {
        Err(told("conflict", format!("there is a task {} already", known.id)))
    }
}
