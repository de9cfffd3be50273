//! Transcripts: the lines of a session.

use proto::claim::Fence;
use proto::ids::{GroupId, SessionId};
use serde_json::Value;

use super::state::{LineRow, State};
use crate::{Result, TranscriptPart};

impl State {
    pub(super) fn append_transcript(&mut self, fence: &Fence, part: &TranscriptPart) -> Result<()> {
        let written_at = self.held(fence)?.active_at;
        let key = (fence.group.clone(), part.session.clone(), part.subpath.clone());
        let lines = self.transcripts.entry(key).or_default();
        for line in &part.entries {
            let id = uuid_of(line);
            if id.is_none() || lines.iter().all(|known| uuid_of(&known.line) != id) {
                lines.push(LineRow {
                    line: line.clone(),
                    written_at,
                });
            }
        }
        Ok(())
    }

    pub(super) fn load_transcript(
        &self,
        group: &GroupId,
        session: &SessionId,
        subpath: Option<&str>,
    ) -> Option<Vec<Value>> {
        let key = (group.clone(), session.clone(), subpath.map(str::to_owned));
        let lines = self.transcripts.get(&key).filter(|lines| !lines.is_empty())?;
        Some(lines.iter().map(|row| row.line.clone()).collect())
    }
}

fn uuid_of(line: &Value) -> Option<&str> {
    line.get("uuid").and_then(Value::as_str)
}
