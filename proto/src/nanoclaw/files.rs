//! The files an agent writes into `messages/` and `tasks/` (MCP-01…08), read as requests of our own contract, so that one
//! handler serves both. Unlike NanoClaw, which acts on half of a wrong file or silently on nothing (IPC-D3), a file is taken
//! whole or refused with the reason.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::FILE_BYTES_MAX;
use crate::ids::ChatId;
use crate::ipc::Request;

/// Longest `id`, schedule value or name, in characters: they end up in rows and log lines.
const SHORT_TEXT_MAX: usize = 512;

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFile {
    /// Too large to read.
    #[error("the file has {bytes} bytes, more than the limit of {max}", max = FILE_BYTES_MAX)]
    TooLarge {
        /// Size found.
        bytes: u64,
    },
    /// Not JSON of the expected shape.
    #[error("the file is not of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// A field that must say something is empty or far too long.
    #[error("the field {field:?} is empty or longer than {SHORT_TEXT_MAX} characters")]
    Field {
        /// The field.
        field: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum MessageFile {
    #[serde(rename_all = "camelCase")]
    Message {
        chat_jid: String,
        text: String,
        sender: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TaskFile {
    ScheduleTask(ScheduleTask),
    PauseTask(NamedTask),
    ResumeTask(NamedTask),
    CancelTask(NamedTask),
    UpdateTask(UpdateTask),
    RegisterGroup(RegisterGroup),
    RefreshGroups,
}

#[derive(Deserialize)]
struct ScheduleTask {
    #[serde(rename = "taskId")]
    task_id: Option<String>,
    prompt: String,
    schedule_type: ScheduleType,
    schedule_value: String,
    context_mode: Option<String>,
    #[serde(rename = "targetJid")]
    target_jid: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScheduleType {
    Cron,
    Interval,
    Once,
}

#[derive(Deserialize)]
struct NamedTask {
    #[serde(rename = "taskId")]
    task_id: String,
}

#[derive(Deserialize)]
struct UpdateTask {
    #[serde(rename = "taskId")]
    task_id: String,
    prompt: Option<String>,
    schedule_type: Option<ScheduleType>,
    schedule_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegisterGroup {
    jid: String,
    name: String,
    folder: String,
    trigger: String,
    requires_trigger: Option<bool>,
}

/// Reads a file of `messages/` as a request with this id.
///
/// A message for the agent's own chat is `send_message`; one for another chat (MG-05) is `send_message_to` with its `jid`, a
/// method of its own, so that a host which does not offer it refuses it instead of saying the text in the wrong chat.
///
/// # Errors
/// [`InvalidFile`] for anything but a whole message.
pub fn parse_message_file(id: &str, own_chat: &ChatId, contents: &[u8]) -> Result<Request, InvalidFile> {
    check_size(contents)?;
    let MessageFile::Message { chat_jid, text, sender } = serde_json::from_slice(contents)?;
    let chat_jid = short("chatJid", chat_jid)?;
    if text.trim().is_empty() {
        return Err(InvalidFile::Field { field: "text" });
    }
    Ok(if chat_jid == own_chat.as_str() {
        request(id, "send_message", json!({ "text": text, "sender": sender }))
    } else {
        request(
            id,
            "send_message_to",
            json!({ "jid": chat_jid, "text": text, "sender": sender }),
        )
    })
}

/// Reads a file of `tasks/` as a request with this id. Methods and parameters are those of our own contract; `schedule_task`
/// also carries the `task_id` that the agent was already told (MCP-04), and `refresh_groups` (IPC-10) has no parameters.
///
/// # Errors
/// [`InvalidFile`] for anything but a whole request.
pub fn parse_task_file(id: &str, contents: &[u8]) -> Result<Request, InvalidFile> {
    check_size(contents)?;
    Ok(match serde_json::from_slice(contents)? {
        TaskFile::ScheduleTask(task) => request(id, "schedule_task", task.params()?),
        TaskFile::PauseTask(task) => request(id, "pause_task", task.params()?),
        TaskFile::ResumeTask(task) => request(id, "resume_task", task.params()?),
        TaskFile::CancelTask(task) => request(id, "cancel_task", task.params()?),
        TaskFile::UpdateTask(update) => request(id, "update_task", update.params()?),
        TaskFile::RegisterGroup(group) => request(id, "register_group", group.params()?),
        TaskFile::RefreshGroups => request(id, "refresh_groups", json!({})),
    })
}

impl ScheduleTask {
    fn params(self) -> Result<Value, InvalidFile> {
        if self.prompt.trim().is_empty() {
            return Err(InvalidFile::Field { field: "prompt" });
        }
        // IPC-07: anything but "group" is isolated.
        let isolated = self.context_mode.is_some_and(|mode| mode != "group");
        let mut params = json!({
            "prompt": self.prompt,
            "schedule_type": self.schedule_type.as_str(),
            "schedule_value": short("schedule_value", self.schedule_value)?,
            "context_mode": if isolated { "isolated" } else { "group" },
            "target_group_jid": short("targetJid", self.target_jid)?,
        });
        if let Some(task_id) = self.task_id {
            params["task_id"] = short("taskId", task_id)?.into();
        }
        Ok(params)
    }
}

impl NamedTask {
    fn params(self) -> Result<Value, InvalidFile> {
        Ok(json!({ "task_id": short("taskId", self.task_id)? }))
    }
}

impl UpdateTask {
    fn params(self) -> Result<Value, InvalidFile> {
        let mut params = Map::new();
        params.insert("task_id".to_owned(), short("taskId", self.task_id)?.into());
        if let Some(prompt) = self.prompt {
            params.insert("prompt".to_owned(), prompt.into());
        }
        if let Some(kind) = self.schedule_type {
            params.insert("schedule_type".to_owned(), kind.as_str().into());
        }
        if let Some(value) = self.schedule_value {
            params.insert("schedule_value".to_owned(), short("schedule_value", value)?.into());
        }
        Ok(params.into())
    }
}

impl RegisterGroup {
    fn params(self) -> Result<Value, InvalidFile> {
        Ok(json!({
            "jid": short("jid", self.jid)?,
            "name": short("name", self.name)?,
            "folder": short("folder", self.folder)?,
            "trigger": short("trigger", self.trigger)?,
            "requires_trigger": self.requires_trigger,
        }))
    }
}

impl ScheduleType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cron => "cron",
            Self::Interval => "interval",
            Self::Once => "once",
        }
    }
}

fn request(id: &str, method: &str, params: Value) -> Request {
    Request {
        id: id.to_owned(),
        method: method.to_owned(),
        params,
    }
}

fn short(field: &'static str, text: String) -> Result<String, InvalidFile> {
    let fits = !text.trim().is_empty() && text.chars().take(SHORT_TEXT_MAX + 1).count() <= SHORT_TEXT_MAX;
    if fits {
        Ok(text)
    } else {
        Err(InvalidFile::Field { field })
    }
}

fn check_size(contents: &[u8]) -> Result<(), InvalidFile> {
    let bytes = contents.len() as u64;
    if bytes > FILE_BYTES_MAX {
        Err(InvalidFile::TooLarge { bytes })
    } else {
        Ok(())
    }
}
