//! By what a file is known to be unchanged.

use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, Stat as RawStat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::mailbox::touch;

/// Files changed this shortly before they were looked at may change once more without showing it: the kernel stamps files
/// with a clock that ticks every 1 to 10 ms.
const TICK_NS: i64 = 20_000_000;

/// Identity and age of a file: device, inode, size, modification and change time in nanoseconds. Equal means unchanged: an
/// agent can set the modification time at will, the change time it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct Stat(u64, u64, u64, i64, i64);

impl Stat {
    #[allow(
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "the fields' types differ between platforms"
    )]
    pub(in crate::snapshot) fn of(raw: &RawStat) -> Self {
        let nanos = |seconds: i64, nanos: u64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos as i64);
        Self(
            raw.st_dev as u64,
            raw.st_ino as u64,
            u64::try_from(raw.st_size).unwrap_or(0),
            nanos(raw.st_mtime as i64, raw.st_mtime_nsec as u64),
            nanos(raw.st_ctime as i64, raw.st_ctime_nsec as u64),
        )
    }

    /// Its size in bytes.
    pub(in crate::snapshot) fn size(&self) -> u64 {
        self.2
    }

    /// Device and inode.
    pub(in crate::snapshot) fn identity(&self) -> (u64, u64) {
        (self.0, self.1)
    }

    /// Whether a later change would show: the file was left alone for a while at `now` by the file system's clock.
    pub(in crate::snapshot) fn is_settled_at(&self, now: i64) -> bool {
        self.4 < now.saturating_sub(TICK_NS)
    }
}

/// The time by the clock that stamps files, which is not the clock that others are given. Touches `probe`, and makes it if need be.
pub(in crate::snapshot) fn fs_now(probe: &Path) -> io::Result<i64> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::open(probe, flags, Mode::RUSR | Mode::WUSR) {
        // Of a runner that was another user.
        Err(Errno::ACCESS) => {
            std::fs::remove_file(probe)?;
            rustix::fs::open(probe, flags, Mode::RUSR | Mode::WUSR)?
        }
        opened => opened?,
    };
    touch(&file)?;
    Ok(Stat::of(&rustix::fs::fstat(&file)?).4)
}

/// Which start of the host this is. After a power failure a file may have lost its contents and kept its times.
pub(in crate::snapshot) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}
