//! The requests that exist, with their parameters. Who may ask for what is decided where they are served.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Request, RequestError};
use crate::ids::SessionId;
use crate::task::{ContextMode, TaskFields};

/// A request whose parameters were checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Say something now.
    SendMessage(SendMessage),
    /// Say something now in another chat; NanoClaw's contract only (IPC-03).
    SendMessageTo(SendMessageTo),
    /// Send a file of the workspace.
    SendFile(SendFile),
    /// React to a message.
    React(React),
    /// Register a chat as a group; from main only.
    RegisterGroup(RegisterGroup),
    /// Make a task.
    ScheduleTask(ScheduleTask),
    /// Show the tasks as they are now.
    ListTasks(ListTasks),
    /// Let a task rest.
    PauseTask(NamedTask),
    /// Let it go on.
    ResumeTask(NamedTask),
    /// Remove it.
    CancelTask(NamedTask),
    /// Change it.
    UpdateTask(UpdateTask),
    /// Write the snapshots anew; NanoClaw's contract only (IPC-10).
    RefreshGroups,
    /// Keep transcript lines.
    TranscriptAppend(TranscriptAppend),
    /// Give a transcript back.
    TranscriptLoad(TranscriptLoad),
}

impl Call {
    /// Checks a request.
    ///
    /// # Errors
    /// `bad_request` for parameters of the wrong shape, `not_found` for a method this runner does not offer.
    pub fn parse(request: &Request) -> Result<Self, RequestError> {
        match request.method.as_str() {
            "send_message" => params(request).map(Self::SendMessage),
            "send_message_to" => params(request).map(Self::SendMessageTo),
            "send_file" => params(request).map(Self::SendFile),
            "react" => params(request).map(Self::React),
            "register_group" => params(request).map(Self::RegisterGroup),
            "schedule_task" => params(request).map(Self::ScheduleTask),
            "list_tasks" => params(request).map(Self::ListTasks),
            "pause_task" => params(request).map(Self::PauseTask),
            "resume_task" => params(request).map(Self::ResumeTask),
            "cancel_task" => params(request).map(Self::CancelTask),
            "update_task" => params(request).map(Self::UpdateTask),
            "refresh_groups" => Ok(Self::RefreshGroups),
            "transcript_append" => params(request).map(Self::TranscriptAppend),
            "transcript_load" => params(request).map(Self::TranscriptLoad),
            other => Err(RequestError {
                code: "not_found".to_owned(),
                message: format!("this runner has no method {other:?}"),
            }),
        }
    }
}

fn params<T: DeserializeOwned>(request: &Request) -> Result<T, RequestError> {
    T::deserialize(&request.params).map_err(|error| RequestError {
        code: "bad_request".to_owned(),
        message: format!("{}: {error}", request.method),
    })
}

/// `send_message` (MCP-01).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SendMessage {
    /// Text to send.
    pub text: String,
    /// Role name to speak as.
    #[serde(default)]
    pub sender: Option<String>,
}

/// `send_message_to` (IPC-03).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SendMessageTo {
    /// Chat to send to.
    pub jid: String,
    /// Text to send.
    pub text: String,
    /// Role name to speak as.
    #[serde(default)]
    pub sender: Option<String>,
}

/// `send_file`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SendFile {
    /// Where it is, from the workspace.
    pub path: String,
    /// Text with it.
    #[serde(default)]
    pub caption: Option<String>,
}

/// `react`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct React {
    /// One emoji.
    pub emoji: String,
    /// The `id` of a message of the prompt; else the one that called the agent.
    #[serde(default)]
    pub message_id: Option<String>,
}

/// `register_group` (MCP-08).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RegisterGroup {
    /// Chat to register.
    pub jid: String,
    /// Name for people.
    pub name: String,
    /// Group id.
    pub folder: String,
    /// Trigger phrase.
    pub trigger: String,
    /// Whether the trigger is needed.
    #[serde(default)]
    pub requires_trigger: Option<bool>,
}

/// `schedule_task` (MCP-02). Values are checked where the task is made, so that every refusal names its field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ScheduleTask {
    /// The id an agent of NanoClaw's contract was told before anybody was asked (MCP-04).
    #[serde(default, skip_serializing)]
    pub task_id: Option<String>,
    /// What the agent should do.
    pub prompt: String,
    /// `cron`, `interval` or `once`.
    pub schedule_type: String,
    /// Cron line, milliseconds or a local time.
    pub schedule_value: String,
    /// `group` or `isolated`.
    #[serde(default)]
    pub context_mode: Option<String>,
    /// Chat to schedule for; the chat the agent was asked in when absent.
    #[serde(default)]
    pub target_group_jid: Option<String>,
    /// IANA zone of the local times; default: the group's, else the node's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Script that decides whether the model is woken.
    #[serde(default)]
    pub check_script: Option<String>,
}

impl ScheduleTask {
    /// What is asked for.
    pub fn fields(&self) -> TaskFields {
        TaskFields {
            prompt: Some(self.prompt.clone()),
            schedule_type: Some(self.schedule_type.clone()),
            schedule_value: Some(self.schedule_value.clone()),
            timezone: self.timezone.clone(),
            context_mode: Some(ContextMode::from_agent(self.context_mode.as_deref())),
            check_script: self.check_script.clone(),
            ..TaskFields::default()
        }
    }
}

/// `list_tasks` (MCP-05).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ListTasks {
    /// This one alone, in full.
    #[serde(default)]
    pub task_id: Option<String>,
}

/// `pause_task`, `resume_task` and `cancel_task` (MCP-06).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NamedTask {
    /// The task.
    pub task_id: String,
}

/// `update_task` (MCP-07): what is absent stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UpdateTask {
    /// The task.
    pub task_id: String,
    /// What the agent should do.
    #[serde(default)]
    pub prompt: Option<String>,
    /// `cron`, `interval` or `once`.
    #[serde(default)]
    pub schedule_type: Option<String>,
    /// Cron line, milliseconds or a local time.
    #[serde(default)]
    pub schedule_value: Option<String>,
    /// `group` or `isolated`.
    #[serde(default)]
    pub context_mode: Option<String>,
    /// IANA zone of the local times.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Script that decides whether the model is woken; an empty one is none.
    #[serde(default)]
    pub check_script: Option<String>,
}

impl UpdateTask {
    /// What is to change.
    pub fn fields(&self) -> TaskFields {
        TaskFields {
            prompt: self.prompt.clone(),
            schedule_type: self.schedule_type.clone(),
            schedule_value: self.schedule_value.clone(),
            timezone: self.timezone.clone(),
            context_mode: self
                .context_mode
                .as_deref()
                .map(|mode| ContextMode::from_agent(Some(mode))),
            check_script: self.check_script.clone(),
            ..TaskFields::default()
        }
    }
}

/// `transcript_append`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TranscriptAppend {
    /// Session.
    pub session_id: SessionId,
    /// Part of the session kept apart (sub-agents).
    #[serde(default)]
    pub subpath: Option<String>,
    /// Transcript lines in order.
    pub entries: Vec<Value>,
}

/// `transcript_load`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TranscriptLoad {
    /// Session.
    pub session_id: SessionId,
    /// Part of the session kept apart (sub-agents).
    #[serde(default)]
    pub subpath: Option<String>,
}
