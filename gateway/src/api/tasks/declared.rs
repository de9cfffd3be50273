//! `PUT /v1/declared-tasks`: makes the tasks what files declare.
//!
//! All of it is checked before anything is written. The writes are several transactions, each under the version that was read;
//! after a failure in between, applying again does the rest.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use bus::Hint;
use http::StatusCode;
use proto::group::{Chat, Group};
use proto::ids::{ChatId, GroupId};
use proto::task::{Task, TaskId};
use proto::time::Timestamp;

use super::super::ControlApi;
use super::super::wire::tasks::{Applied, Declared, DeclaredTask, Problem};
use super::chat;
use super::plan::{Meant, Step, Write, leftovers, step};
use crate::http::{ApiError, JsonBody};

/// Most tasks in one request: ten groups full of them.
const DECLARED_MAX: usize = 5_000;

pub(super) async fn apply(
    State(api): State<ControlApi>,
    JsonBody(declared): JsonBody<Declared>,
) -> Result<Json<Applied>, ApiError> {
    if declared.tasks.len() > DECLARED_MAX {
        return Err(ApiError::too_large(format!(
            "{} tasks are declared, at most {DECLARED_MAX} are taken at once",
            declared.tasks.len()
        )));
    }
    let now = api.clock.now();
    let world = World::read(&api).await?;
    let (steps, problems) = world.plan(&api, &declared, now);
    if problems.is_empty() && !declared.dry_run {
        for step in &steps {
            write(&api, step, now).await?;
        }
        api.hints.publish(Hint::Tasks);
    }
    let changes = if problems.is_empty() {
        steps.into_iter().map(|step| step.told).collect()
    } else {
        Vec::new()
    };
    Ok(Json(Applied { problems, changes }))
}

/// What there is.
struct World {
    groups: BTreeMap<GroupId, Group>,
    chats: Vec<Chat>,
    tasks: BTreeMap<TaskId, Task>,
}

impl World {
    async fn read(api: &ControlApi) -> Result<Self, ApiError> {
        let groups = api.store.groups().await?;
        let tasks = api.store.tasks(None).await?;
        Ok(Self {
            groups: groups.into_iter().map(|group| (group.id.clone(), group)).collect(),
            chats: api.store.chats().await?,
            tasks: tasks.into_iter().map(|task| (task.id.clone(), task)).collect(),
        })
    }

    /// What is removed comes first: it makes room.
    fn plan(&self, api: &ControlApi, declared: &Declared, now: Timestamp) -> (Vec<Step>, Vec<Problem>) {
        let mut names = BTreeMap::new();
        let (mut steps, mut problems) = (Vec::new(), Vec::new());
        for (entry, task) in declared.tasks.iter().enumerate() {
            let planned = match names.insert(task.name.clone(), entry) {
                None => self.plan_one(api, task, now),
                Some(_) => Err((Some("name"), format!("task {} is declared twice", task.name))),
            };
            match planned {
                Ok(step) => steps.push(step),
                Err((field, message)) => problems.push(Problem {
                    entry,
                    field: field.map(str::to_owned),
                    message,
                }),
            }
        }
        let mut all = leftovers(self.tasks.values(), &names, declared.prune);
        all.extend(steps);
        (all, problems)
    }

    fn plan_one(
        &self,
        api: &ControlApi,
        declared: &DeclaredTask,
        now: Timestamp,
    ) -> Result<Step, (Option<&'static str>, String)> {
        let group = self.groups.get(&declared.group).ok_or_else(|| {
            let why = format!(
                "there is no group {}: add it with `clawhold group add {0}`",
                declared.group
            );
            (Some("group"), why)
        })?;
        let known = self.tasks.get(&declared.name);
        let chat = self.chat(declared, known).map_err(|why| (Some("chat"), why))?;
        let spec = declared.fields.spec(group.id.clone(), chat, api.zone_of(group));
        let meant = Meant {
            name: declared.name.clone(),
            spec: spec.map_err(|error| (error.field(), error.to_string()))?,
            paused: declared.paused,
        };
        step(meant, known, now).map_err(|error| (error.field(), error.to_string()))
    }

    fn chat(&self, declared: &DeclaredTask, known: Option<&Task>) -> Result<ChatId, String> {
        let group = &declared.group;
        let of_group = |id: &ChatId| {
            let mut chats = self.chats.iter();
            chats.any(|chat| chat.id == *id && chat.group.as_ref() == Some(group))
        };
        match (&declared.chat, known) {
            (Some(named), _) if of_group(named) => Ok(named.clone()),
            (Some(named), _) => Err(format!(
                "chat {named} does not belong to group {group}: `clawhold group chats` shows who has which"
            )),
            (None, Some(known)) if of_group(&known.spec.chat) => Ok(known.spec.chat.clone()),
            (None, _) => chat::of_group(&self.chats, group).map_err(|error| error.message().to_owned()),
        }
    }
}

async fn write(api: &ControlApi, step: &Step, now: Timestamp) -> Result<(), ApiError> {
    match &step.write {
        None => {}
        Some(Write::Put(task)) => {
            let stored = api.store.put_task(task, None, now).await?;
            let stored = stored.ok_or_else(|| {
                let message = format!("task {} was changed meanwhile: apply again", task.id);
                ApiError::new(StatusCode::CONFLICT, "changed_meanwhile", message)
            })?;
            tracing::info!(task.id = %stored.id, group.id = %stored.spec.group, "task applied");
        }
        Some(Write::Remove(id)) => match api.store.remove_task(id, None, now).await {
            // Somebody else removed it: as it should be.
            Ok(()) | Err(store::Error::NotFound { .. }) => tracing::info!(task.id = %id, "task pruned"),
            Err(error) => return Err(error.into()),
        },
    }
    Ok(())
}
