//! Cuts a file into chunks by its contents, so that a change in one place leaves the chunks of the others as they were.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use fastcdc::v2020::FastCDC;
use proto::snapshot::{Digest, Part};

/// Sizes of chunks in bytes: small enough that an appended line sends little, large enough that a gigabyte is 16 000 rows.
const CHUNK_MIN: usize = 16 * 1024;
const CHUNK_AVERAGE: usize = 64 * 1024;
const CHUNK_MAX: usize = 256 * 1024;
/// Bytes of a file in memory at a time; several of the largest chunks.
const WINDOW: usize = 4 * CHUNK_MAX;

/// Names a chunk that was read: says where it is stored.
pub(super) type DigestOf<'a> = dyn FnMut(&[u8]) -> io::Result<Part> + 'a;

/// What a file is made of.
#[derive(Debug)]
pub(in crate::snapshot) struct Contents {
    /// Bytes read, which is less than expected when the file shrank meanwhile.
    pub(in crate::snapshot) size: u64,
    pub(in crate::snapshot) parts: Vec<Part>,
}

/// The digest of a chunk.
pub(in crate::snapshot) fn digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// Reads the first `size` bytes of a file. With `sparse`, only what is stored of it is read.
pub(in crate::snapshot) fn read_contents(
    file: &File,
    size: u64,
    sparse: bool,
    store: &mut DigestOf<'_>,
) -> io::Result<Contents> {
    let mut contents = Contents {
        size: 0,
        parts: Vec::new(),
    };
    while contents.size < size {
        let (start, end) = match sparse {
            true => next_data(file, contents.size, size)?,
            false => (contents.size, size),
        };
        contents.hole(start - contents.size);
        if !read_extent(file, start, end, &mut contents, store)? {
            break;
        }
    }
    Ok(contents)
}

/// Reads exactly these bytes; none when the file is too short.
pub(in crate::snapshot) fn read_range(file: &File, offset: u64, bytes: u32) -> io::Result<Option<Vec<u8>>> {
    let mut content = vec![0; bytes as usize];
    match file.read_exact_at(&mut content, offset) {
        Ok(()) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cuts what lies between two offsets. `false` when the file ended before.
fn read_extent(
    file: &File,
    start: u64,
    end: u64,
    contents: &mut Contents,
    store: &mut DigestOf<'_>,
) -> io::Result<bool> {
    let mut buffer: Vec<u8> = Vec::new();
    let mut at = start;
    loop {
        let whole = fill(file, &mut buffer, &mut at, end)?;
        let mut used = 0;
        for chunk in FastCDC::new(&buffer, CHUNK_MIN, CHUNK_AVERAGE, CHUNK_MAX) {
            // Further bytes might move this cut.
            if !whole && buffer.len() - chunk.offset < CHUNK_MAX {
                break;
            }
            used = chunk.offset + chunk.length;
            contents.chunk(&buffer[chunk.offset..used], store)?;
        }
        if whole {
            return Ok(at == end);
        }
        buffer.drain(..used);
    }
}

/// Fills the window; says whether it now holds all there is up to `end`.
fn fill(file: &File, buffer: &mut Vec<u8>, at: &mut u64, end: u64) -> io::Result<bool> {
    let held = buffer.len();
    let missing = usize::try_from(end - *at).unwrap_or(usize::MAX).min(WINDOW - held);
    buffer.resize(held + missing, 0);
    let mut filled = held;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], *at) {
            Ok(0) => {
                buffer.truncate(filled);
                return Ok(true);
            }
            Ok(read) => {
                filled += read;
                *at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(*at == end)
}

/// The next bytes that are stored, from `from` on; an empty extent at `size` when there are none.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn next_data(file: &File, from: u64, size: u64) -> io::Result<(u64, u64)> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    let start = match seek(file, SeekFrom::Data(from)) {
        Err(Errno::NXIO) => return Ok((size, size)),
        // A file system without holes.
        Err(Errno::INVAL | Errno::NOTSUP) => return Ok((from, size)),
        other => other?.min(size),
    };
    let end = seek(file, SeekFrom::Hole(start)).map_or(size, |end| end.clamp(start, size));
    Ok((start, if end > start { end } else { size }))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn next_data(_: &File, from: u64, size: u64) -> io::Result<(u64, u64)> {
    Ok((from, size))
}

impl Contents {
    fn chunk(&mut self, bytes: &[u8], store: &mut DigestOf<'_>) -> io::Result<()> {
        if bytes.iter().all(|byte| *byte == 0) {
            self.hole(bytes.len() as u64);
        } else {
            self.parts.push(store(bytes)?);
            self.size += bytes.len() as u64;
        }
        Ok(())
    }

    fn hole(&mut self, bytes: u64) {
        self.size += bytes;
        match self.parts.last_mut() {
            _ if bytes == 0 => {}
            Some(Part::Hole(before)) => *before += bytes,
            _ => self.parts.push(Part::Hole(bytes)),
        }
    }
}
