//! `/v1/tasks`: adding, changing and removing tasks, running them by hand, and what came of their runs.
//!
//! Every change is read, decided by `proto` and written under the version that was read; the leader is hinted to look again.

mod chat;
mod declared;
mod plan;
mod view;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use bus::Hint;
use http::StatusCode;
use proto::group::Group;
use proto::ids::GroupId;
use proto::task::{InvalidTask, RunsOf, Task, TaskId, TaskState};
use proto::time::Timestamp;
use serde::Deserialize;
use store::tasks::{ChangeError, change as change_task};

use super::ControlApi;
use super::wire::tasks::{NewTask, RunBegun, Runs, TaskChange, TaskView, Tasks};
use crate::http::{ApiError, JsonBody, Params};

/// Runs in one answer.
const RUNS_MAX: u32 = 1_000;

pub(super) fn routes() -> Router<ControlApi> {
    Router::new()
        .route("/v1/tasks", get(list).post(add))
        .route("/v1/tasks/{task}", get(show).patch(change).delete(cancel))
        .route("/v1/tasks/{task}/pause", post(pause))
        .route("/v1/tasks/{task}/resume", post(resume))
        .route("/v1/tasks/{task}/run", post(run_now))
        .route("/v1/task-runs", get(runs))
        .route("/v1/declared-tasks", put(declared::apply))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    group: Option<GroupId>,
}

async fn list(State(api): State<ControlApi>, Params(query): Params<ListQuery>) -> Result<Json<Tasks>, ApiError> {
    let tasks = api.store.tasks(query.group.as_ref()).await?;
    Ok(Json(Tasks {
        tasks: tasks.iter().map(view::brief).collect(),
    }))
}

async fn show(State(api): State<ControlApi>, Path(task): Path<String>) -> Result<Json<TaskView>, ApiError> {
    let id = parse_id(&task)?;
    let task = api.store.task(&id).await?.ok_or_else(|| no_such_task(&id))?;
    Ok(Json(view::full(&task)))
}

async fn add(
    State(api): State<ControlApi>,
    JsonBody(new): JsonBody<NewTask>,
) -> Result<(StatusCode, Json<TaskView>), ApiError> {
    let group = api.store.group(&new.group).await?;
    let group = group.ok_or_else(|| ApiError::no_such_group(new.group.as_str()))?;
    let chat = match new.chat {
        Some(chat) => chat,
        None => chat::of_group(&api.store.chats().await?, &group.id)?,
    };
    let now = api.clock.now();
    let spec = new.fields.new_spec(new.group, chat, api.zone_of(&group), now);
    let id = new.id.unwrap_or_else(|| TaskId::fresh(&*api.ids));
    let task = Task::made(id.clone(), spec.map_err(invalid)?, now).map_err(|error| invalid(error.into()))?;
    let task = if new.paused { task.paused() } else { task };
    let stored = api.store.put_task(&task, None, now).await?.ok_or_else(|| {
        let message = format!("there is a task {id} already: change it with `clawhold task edit {id}`");
        ApiError::new(StatusCode::CONFLICT, "task_exists", message)
    })?;
    api.say_changed("task added", &stored);
    Ok((StatusCode::CREATED, Json(view::full(&stored))))
}

async fn change(
    State(api): State<ControlApi>,
    Path(task): Path<String>,
    JsonBody(change): JsonBody<TaskChange>,
) -> Result<Json<TaskView>, ApiError> {
    api.change_task("task changed", &task, |task, now| {
        let mut spec = match (&change.chat, change.fields.change(&task.spec, now)) {
            (Some(_), Err(InvalidTask::NoChange)) => task.spec.clone(),
            (_, changed) => changed?,
        };
        if let Some(chat) = &change.chat {
            spec.chat = chat.clone();
        }
        Ok(task.with_spec(spec, now)?)
    })
    .await
}

async fn pause(State(api): State<ControlApi>, Path(task): Path<String>) -> Result<Json<TaskView>, ApiError> {
    api.change_task("task paused", &task, |task, _| Ok(task.paused())).await
}

async fn resume(State(api): State<ControlApi>, Path(task): Path<String>) -> Result<Json<TaskView>, ApiError> {
    api.change_task("task resumed", &task, |task, now| Ok(task.resumed(now)))
        .await
}

async fn cancel(State(api): State<ControlApi>, Path(task): Path<String>) -> Result<StatusCode, ApiError> {
    let id = parse_id(&task)?;
    match api.store.remove_task(&id, None, api.clock.now()).await {
        Err(store::Error::NotFound { .. }) => return Err(no_such_task(&id)),
        removed => removed?,
    }
    tracing::info!(task.id = %id, "task cancelled");
    api.hints.publish(Hint::Tasks);
    Ok(StatusCode::NO_CONTENT)
}

async fn run_now(State(api): State<ControlApi>, Path(task): Path<String>) -> Result<Json<RunBegun>, ApiError> {
    let id = parse_id(&task)?;
    let now = api.clock.now();
    let report = match api.store.run_task_now(&id, None, now).await {
        Err(store::Error::NotFound { .. }) => return Err(no_such_task(&id)),
        report => report?,
    };
    tracing::info!(task.id = %id, group.id = %report.group, "task run by hand");
    let due_at = report.admitted.first().copied().unwrap_or(now);
    api.hints
        .publish(Hint::called(report.group, report.owner, report.last_runner));
    Ok(Json(RunBegun { task: id, due_at }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunsQuery {
    task: Option<TaskId>,
    group: Option<GroupId>,
    limit: Option<u32>,
}

async fn runs(State(api): State<ControlApi>, Params(query): Params<RunsQuery>) -> Result<Json<Runs>, ApiError> {
    let of = match (query.task, query.group) {
        (Some(task), _) => RunsOf::Task(task),
        (None, Some(group)) => RunsOf::Group(group),
        (None, None) => RunsOf::All,
    };
    let limit = query.limit.unwrap_or(RUNS_MAX).min(RUNS_MAX);
    Ok(Json(Runs {
        runs: api.store.task_runs(&of, limit).await?,
    }))
}

impl ControlApi {
    async fn change_task(
        &self,
        what: &'static str,
        task: &str,
        decide: impl Fn(&Task, Timestamp) -> Result<Task, InvalidTask> + Send + Sync,
    ) -> Result<Json<TaskView>, ApiError> {
        let id = parse_id(task)?;
        let now = self.clock.now();
        let changed = change_task(&*self.store, &id, None, now, |task| decide(task, now)).await;
        let task = changed.map_err(|error| match error {
            ChangeError::Refused(error) => invalid(error),
            ChangeError::Store(store::Error::NotFound { what: "task", .. }) => no_such_task(&id),
            ChangeError::Store(error) => error.into(),
        })?;
        self.say_changed(what, &task);
        Ok(Json(view::full(&task)))
    }

    fn say_changed(&self, what: &'static str, task: &Task) {
        tracing::info!(task.id = %task.id, group.id = %task.spec.group, task.active = task.state == TaskState::Active, "{what}");
        self.hints.publish(Hint::Tasks);
    }

    /// Zone of a group's tasks that name none.
    fn zone_of(&self, group: &Group) -> chrono_tz::Tz {
        group.settings.zone().unwrap_or(self.timezone)
    }
}

fn parse_id(text: &str) -> Result<TaskId, ApiError> {
    TaskId::parse(text).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn no_such_task(id: &TaskId) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_task",
        format!("there is no task {id}: `clawhold task list` shows the tasks there are"),
    )
}

fn invalid(error: InvalidTask) -> ApiError {
    ApiError::bad_request(error.to_string())
}
