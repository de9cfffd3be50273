//! The blocking calls.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::BlobName;

pub(super) fn write(root: &Path, name: &str, temporary: &str, content: &[u8]) -> io::Result<()> {
    let target = root.join(name);
    let dir = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let aside = dir.join(temporary);
    let written = create(root, dir, &aside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&aside, &target)?;
        sync_dir(dir)
    });
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    // "Not found" must mean the blob, and here it means a directory that vanished.
    written.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other(error),
        _ => error,
    })
}

/// Makes the temporary file; the directory may be removed for being empty between its making and its use.
fn create(root: &Path, dir: &Path, aside: &Path) -> io::Result<File> {
    let mut tries = 0;
    loop {
        make_dirs(root, dir)?;
        match File::create(aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 10 => tries += 1,
            other => return other,
        }
    }
}

/// Makes the directories down to `dir` and their names durable.
fn make_dirs(root: &Path, dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    for made in dir.ancestors().take_while(|made| made.starts_with(root)) {
        if let Some(parent) = made.parent() {
            sync_dir(parent)?;
        }
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    match File::open(dir) {
        Ok(dir) => dir.sync_all(),
        // Emptied and removed already by somebody else, with nothing of ours in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The bytes of the range; none when the file ends before it does.
pub(super) fn read_range(path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if range.end > file.metadata()?.len() {
        return Ok(None);
    }
    let mut content = vec![0; usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?];
    file.read_exact_at(&mut content, range.start)?;
    Ok(Some(content))
}

pub(super) fn list(root: &Path, prefix: &str) -> io::Result<Vec<BlobName>> {
    // Down to the last whole directory of the prefix, the way is known.
    let start = prefix.rsplit_once('/').map_or("", |(dir, _)| dir);
    let (mut dirs, mut names) = (vec![start.to_owned()], Vec::new());
    while let Some(dir) = dirs.pop() {
        let entries = match fs::read_dir(root.join(&dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(|name| match dir.as_str() {
                "" => name.to_owned(),
                dir => format!("{dir}/{name}"),
            }) else {
                continue;
            };
            if entry.file_type()?.is_dir() {
                dirs.push(name);
            } else if name.starts_with(prefix) {
                names.extend(BlobName::parse(&name));
            }
        }
    }
    Ok(names)
}

/// Removes a file, and its directory when it was the last one in it.
pub(super) fn remove(root: &Path, name: &str) -> io::Result<()> {
    let path = root.join(name);
    fs::remove_file(&path)?;
    if let Some(dir) = path.parent()
        && dir != root
    {
        let _ = fs::remove_dir(dir);
    }
    Ok(())
}

pub(super) fn check(root: &Path, temporary: &str) -> io::Result<()> {
    fs::create_dir_all(root)?;
    let aside = root.join(temporary);
    let written = fs::write(&aside, b"clawhold");
    let _ = fs::remove_file(&aside);
    written
}
