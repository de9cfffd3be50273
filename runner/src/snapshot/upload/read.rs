//! Reads one file that an agent may be writing to.

use std::io;

use proto::snapshot::{Kind, TreePath};
use rustix::fs::Mode;

use super::Packer;
use crate::snapshot::tree::{Opener, Stat, read_contents};

/// Times a file is read that changes while it is read. After that, what was read counts: its end is missing at worst.
const READS_MAX: usize = 3;

/// What a file holds, and the stat by which it is known to be unchanged later; none when it did not hold still.
pub(super) fn read_file(opener: &mut Opener, path: &TreePath, packer: &mut Packer) -> io::Result<(Kind, Option<Stat>)> {
    let mut reads = 1;
    loop {
        let (file, before) = opener.file(path)?;
        let raw = rustix::fs::fstat(&file)?;
        let sparse = u64::try_from(raw.st_blocks).unwrap_or(0).saturating_mul(512) < before.size();
        let contents = read_contents(&file, before.size(), sparse, &mut |chunk| packer.store(chunk))?;
        let after = Stat::of(&rustix::fs::fstat(&file)?);
        let still = after == before;
        if still || reads == READS_MAX {
            let executable = Mode::from_raw_mode(raw.st_mode).contains(Mode::XUSR);
            let kind = Kind::File(executable, contents.size, contents.parts);
            return Ok((kind, still.then_some(before)));
        }
        reads += 1;
    }
}
