//! From NanoClaw's pair of texts (MCP-02) to a schedule.

use chrono_tz::Tz;

use super::{CronLine, IntervalMs, InvalidSchedule, LocalOrInstant, Schedule, ScheduleKind};
use crate::time::Timestamp;

impl Schedule {
    /// Reads the value of a schedule of this kind. No clock takes part, so what was stored once is always read back.
    ///
    /// # Errors
    /// [`InvalidSchedule`] names the value and says what to write instead (MCP-03).
    pub fn parse(kind: ScheduleKind, value: &str) -> Result<Self, InvalidSchedule> {
        match kind {
            ScheduleKind::Cron => CronLine::parse(value)
                .map(Self::Cron)
                .map_err(|why| InvalidSchedule::cron(value, why)),
            ScheduleKind::Interval => IntervalMs::parse(value)
                .map(Self::Interval)
                .map_err(|why| InvalidSchedule::interval(value, why)),
            ScheduleKind::Once => LocalOrInstant::parse(value)
                .map(Self::Once)
                .map_err(|why| InvalidSchedule::once(value, why)),
        }
    }

    /// Reads a schedule for a task that begins `now` in `zone`, with its kind as a word from outside.
    ///
    /// # Errors
    /// [`InvalidSchedule`] as for [`Schedule::parse`], for an unknown kind, and for a single time that is over or absurdly
    /// far (IPC-D3).
    pub fn parse_new(kind: &str, value: &str, zone: Tz, now: Timestamp) -> Result<Self, InvalidSchedule> {
        let kind = ScheduleKind::parse(kind).ok_or_else(|| InvalidSchedule::unknown_kind(kind))?;
        let schedule = Self::parse(kind, value)?;
        schedule.check_start(zone, now)?;
        Ok(schedule)
    }

    /// This schedule after a change of its kind, its value or both, for a task that goes on `now` in `zone`. What is not
    /// changed stays, and the value is read as the kind it will have (MCP-D1, MCP-D2).
    ///
    /// # Errors
    /// [`InvalidSchedule`] as for [`Schedule::parse_new`]; among it, a kind changed without a value that fits it.
    pub fn changed(
        &self,
        kind: Option<ScheduleKind>,
        value: Option<&str>,
        zone: Tz,
        now: Timestamp,
    ) -> Result<Self, InvalidSchedule> {
        let kept = self.value();
        let changed = Self::parse(kind.unwrap_or(self.kind()), value.unwrap_or(&kept))?;
        changed.check_start(zone, now)?;
        Ok(changed)
    }

    /// Checks that a task with this schedule can begin `now` in `zone`; also to be asked when only the zone changes.
    ///
    /// # Errors
    /// [`InvalidSchedule`] for a single time that is over or absurdly far.
    pub fn check_start(&self, zone: Tz, now: Timestamp) -> Result<(), InvalidSchedule> {
        match self {
            Self::Cron(_) | Self::Interval(_) => Ok(()),
            Self::Once(time) => time.check_ahead(zone, now),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> ScheduleKind {
        match self {
            Self::Cron(_) => ScheduleKind::Cron,
            Self::Interval(_) => ScheduleKind::Interval,
            Self::Once(_) => ScheduleKind::Once,
        }
    }

    /// Its value as text: as given, without surrounding blanks. [`Schedule::parse`] reads it back.
    pub fn value(&self) -> String {
        match self {
            Self::Cron(line) => line.as_str().to_owned(),
            Self::Interval(period) => period.to_string(),
            Self::Once(time) => time.as_str().to_owned(),
        }
    }
}
