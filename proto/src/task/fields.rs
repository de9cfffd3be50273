//! A task as an agent or an operator asks for it, field by field, and what becomes of it: a new spec, or a changed one.
//!
//! One rule for tools, files of NanoClaw's contract, the command line and declarative files, so that none of them takes what
//! another refuses. Every refusal names the field, so that whoever holds the file can say where it stands.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{CHECK_SCRIPT_BYTES_MAX, ContextMode, Misfire, Overlap, PROMPT_BYTES_MAX, TaskPolicy, TaskSpec};
use crate::ids::{ChatId, GroupId};
use crate::schedule::{InvalidSchedule, Schedule, ScheduleKind};
use crate::time::Timestamp;

/// What is asked for: for a new task, what is absent is as usual; for a known one, it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskFields {
    /// What the agent is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `cron`, `interval` or `once`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_type: Option<String>,
    /// Cron line, milliseconds, or a local time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_value: Option<String>,
    /// IANA zone of its local times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Which conversation it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_mode: Option<ContextMode>,
    /// Script that decides whether the model is woken; an empty one is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_script: Option<String>,
    /// What becomes of missed instants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misfire: Option<Misfire>,
    /// Lateness beyond which an instant is never fired, in milliseconds; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lateness_ms: Option<u64>,
    /// What becomes of an instant that comes while an earlier run is unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// Failures in a row after which the task is paused; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_after: Option<u32>,
}

/// Why what was asked for is not a task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTask {
    /// A field that must be there is not.
    #[error("{field} is missing: {what}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What it should say.
        what: &'static str,
    },
    /// The prompt says nothing, or too much.
    #[error("prompt has {bytes} bytes: write 1 to {PROMPT_BYTES_MAX}")]
    Prompt {
        /// Bytes found.
        bytes: usize,
    },
    /// The check script is too long.
    #[error(
        "check_script has {bytes} bytes, more than {CHECK_SCRIPT_BYTES_MAX}: put it into a file of the workspace and call that"
    )]
    CheckScript {
        /// Bytes found.
        bytes: usize,
    },
    /// The zone is unknown.
    #[error("timezone {name:?} is not an IANA time zone: use a name such as \"Europe/Berlin\" or \"UTC\"")]
    Zone {
        /// What was given, cut to a printable length.
        name: String,
    },
    /// The schedule is wrong.
    #[error("{0}")]
    Schedule(#[from] InvalidSchedule),
    /// Nothing would change.
    #[error("nothing to change: name at least one field, such as prompt or schedule_value")]
    NoChange,
}

impl InvalidTask {
    /// The field it is about; none when it is about all of them.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing { field, .. } => Some(field),
            Self::Prompt { .. } => Some("prompt"),
            Self::CheckScript { .. } => Some("check_script"),
            Self::Zone { .. } => Some("timezone"),
            Self::Schedule(InvalidSchedule::Kind { .. }) => Some("schedule_type"),
            Self::Schedule(_) => Some("schedule_value"),
            Self::NoChange => None,
        }
    }
}

impl TaskFields {
    /// The spec of a new task that begins `now`; `zone` is the default of the group, else of the node.
    ///
    /// # Errors
    /// [`InvalidTask`] for what is missing or wrong, among it a single time that is over (IPC-D3).
    pub fn new_spec(&self, group: GroupId, chat: ChatId, zone: Tz, now: Timestamp) -> Result<TaskSpec, InvalidTask> {
        let spec = self.spec(group, chat, zone)?;
        spec.schedule.check_start(spec.zone, now)?;
        Ok(spec)
    }

    /// The spec that is meant, whenever the task began or begins: a single time may be over.
    ///
    /// # Errors
    /// [`InvalidTask`] for what is missing or wrong.
    pub fn spec(&self, group: GroupId, chat: ChatId, zone: Tz) -> Result<TaskSpec, InvalidTask> {
        let prompt = require(&self.prompt, "prompt", "what the agent should do")?;
        let kind = require(
            &self.schedule_type,
            "schedule_type",
            "\"cron\", \"interval\" or \"once\"",
        )?;
        let value = require(&self.schedule_value, "schedule_value", "when the task is due")?;
        let kind = ScheduleKind::parse(kind).ok_or_else(|| InvalidSchedule::unknown_kind(kind))?;
        let zone = self.zone()?.unwrap_or(zone);
        Ok(TaskSpec {
            group,
            chat,
            prompt: checked_prompt(prompt)?,
            schedule: Schedule::parse(kind, value)?,
            zone,
            context_mode: self.context_mode.unwrap_or_default(),
            check_script: self.script()?.unwrap_or_default(),
            policy: self.policy(&TaskPolicy::default()),
        })
    }

    /// `spec` with what is named here changed, for a task that goes on `now`. The value is read as the kind the task will have,
    /// whichever of the two is named (MCP-D1, MCP-D2).
    ///
    /// # Errors
    /// [`InvalidTask`] for what is wrong, and when nothing is named.
    pub fn change(&self, spec: &TaskSpec, now: Timestamp) -> Result<TaskSpec, InvalidTask> {
        if *self == Self::default() {
            return Err(InvalidTask::NoChange);
        }
        let prompt = self.prompt.as_deref().map(checked_prompt).transpose()?;
        let zone = self.zone()?.unwrap_or(spec.zone);
        Ok(TaskSpec {
            group: spec.group.clone(),
            chat: spec.chat.clone(),
            prompt: prompt.unwrap_or_else(|| spec.prompt.clone()),
            schedule: self.schedule(spec, zone, now)?,
            zone,
            context_mode: self.context_mode.unwrap_or(spec.context_mode),
            check_script: self.script()?.unwrap_or_else(|| spec.check_script.clone()),
            policy: self.policy(&spec.policy),
        })
    }

    fn schedule(&self, spec: &TaskSpec, zone: Tz, now: Timestamp) -> Result<Schedule, InvalidSchedule> {
        if self.schedule_type.is_none() && self.schedule_value.is_none() {
            return Ok(spec.schedule.clone());
        }
        let kind = match &self.schedule_type {
            None => None,
            Some(word) => Some(ScheduleKind::parse(word).ok_or_else(|| InvalidSchedule::unknown_kind(word))?),
        };
        spec.schedule.changed(kind, self.schedule_value.as_deref(), zone, now)
    }

    fn zone(&self) -> Result<Option<Tz>, InvalidTask> {
        let parse = |name: &String| {
            name.parse().map_err(|_| InvalidTask::Zone {
                name: name.chars().take(80).collect(),
            })
        };
        self.timezone.as_ref().map(parse).transpose()
    }

    /// The outer `None`: not named; the inner one: none.
    fn script(&self) -> Result<Option<Option<String>>, InvalidTask> {
        match &self.check_script {
            Some(script) if script.len() > CHECK_SCRIPT_BYTES_MAX => {
                Err(InvalidTask::CheckScript { bytes: script.len() })
            }
            named => Ok(named
                .as_ref()
                .map(|script| Some(script.clone()).filter(|script| !script.trim().is_empty()))),
        }
    }

    fn policy(&self, known: &TaskPolicy) -> TaskPolicy {
        let limit = |millis| Some(millis).filter(|millis| *millis > 0);
        TaskPolicy {
            misfire: self.misfire.unwrap_or(known.misfire),
            max_lateness_ms: self.max_lateness_ms.map_or(known.max_lateness_ms, limit),
            overlap: self.overlap.unwrap_or(known.overlap),
            pause_after: self.pause_after.unwrap_or(known.pause_after),
        }
    }
}

fn require<'a>(value: &'a Option<String>, field: &'static str, what: &'static str) -> Result<&'a str, InvalidTask> {
    value.as_deref().ok_or(InvalidTask::Missing { field, what })
}

fn checked_prompt(prompt: &str) -> Result<String, InvalidTask> {
    if prompt.trim().is_empty() || prompt.len() > PROMPT_BYTES_MAX {
        return Err(InvalidTask::Prompt { bytes: prompt.len() });
    }
    Ok(prompt.to_owned())
}
