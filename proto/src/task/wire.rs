//! A task as JSON, with the field names agents know (MCP-02). Reading checks the schedule and the zone; no clock takes part.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{ContextMode, TaskPolicy, TaskSpec};
use crate::ids::{ChatId, GroupId};
use crate::schedule::{InvalidSchedule, Schedule, ScheduleKind};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskSpecFields {
    group: GroupId,
    chat: ChatId,
    prompt: String,
    schedule_type: ScheduleKind,
    schedule_value: String,
    timezone: String,
    #[serde(default)]
    context_mode: ContextMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check_script: Option<String>,
    #[serde(default)]
    policy: TaskPolicy,
}

/// Why fields are not a task.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidTaskSpec {
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    #[error("{name:?} is not an IANA time zone; use a name such as \"Europe/Berlin\" or \"UTC\"")]
    Zone { name: String },
}

impl TryFrom<TaskSpecFields> for TaskSpec {
    type Error = InvalidTaskSpec;

    fn try_from(fields: TaskSpecFields) -> Result<Self, InvalidTaskSpec> {
        let zone: Tz = fields.timezone.parse().map_err(|_| InvalidTaskSpec::Zone {
            name: fields.timezone.chars().take(80).collect(),
        })?;
        Ok(Self {
            group: fields.group,
            chat: fields.chat,
            prompt: fields.prompt,
            schedule: Schedule::parse(fields.schedule_type, &fields.schedule_value)?,
            zone,
            context_mode: fields.context_mode,
            check_script: fields.check_script,
            policy: fields.policy,
        })
    }
}

impl From<TaskSpec> for TaskSpecFields {
    fn from(spec: TaskSpec) -> Self {
        Self {
            group: spec.group,
            chat: spec.chat,
            prompt: spec.prompt,
            schedule_type: spec.schedule.kind(),
            schedule_value: spec.schedule.value(),
            timezone: spec.zone.name().to_owned(),
            context_mode: spec.context_mode,
            check_script: spec.check_script,
            policy: spec.policy,
        }
    }
}
