//! Making a group's directories ready for a start.

use std::io;

use proto::group::Group;

use super::files::write_if_absent;
use super::{Folders, GroupFolders, Skill, instructions, settings, skills};

impl Folders {
    /// Makes what is missing of a group's directories, and puts its skills there. Blocks; no sandbox of the group runs.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn prepare(&self, group: &Group, assistant_name: &str, skills: &[Skill]) -> io::Result<GroupFolders> {
        let open = self.open_group(&group.id)?;
        let text = instructions::instructions(group, assistant_name);
        write_if_absent(&open.workspace, instructions::NAME, text.as_bytes(), self.owner)?;
        write_if_absent(&open.claude, settings::NAME, settings::CONTENTS.as_bytes(), self.owner)?;
        skills::put(&group.id, &open.session, &open.claude, skills, self.owner)?;
        Ok(open.paths)
    }
}
