//! Which packs are worth writing anew.

use std::collections::HashSet;

use super::{Manifest, Part};

/// Packs a snapshot may refer to before small ones are put together: a restore needs at least one request for each.
const PACKS_MAX: usize = 32;
/// Packs larger than this are never written anew for being many.
const SMALL_PACK_BYTES: u64 = 8 * 1024 * 1024;
/// Live bytes written anew with one snapshot: a bound on what one turn waits for.
const REPACK_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Decides which packs to give up by writing their live chunks into a new one: those less than half of whose bytes are still
/// in use, and when there are too many, the smallest. A pack that is alone stays, whatever it holds: nothing would be gained by it.
pub fn decide_repack(manifest: &Manifest) -> Vec<u32> {
    if manifest.packs.len() < 2 {
        return Vec::new();
    }
    let live = live_bytes(manifest);
    let many = manifest.packs.len() > PACKS_MAX;
    let mut worth: Vec<(u64, u32)> = Vec::new();
    for (index, (pack, live)) in (0_u32..).zip(manifest.packs.iter().zip(live)) {
        if live * 2 < pack.bytes || (many && pack.bytes < SMALL_PACK_BYTES) {
            worth.push((live, index));
        }
    }
    worth.sort_unstable();
    let mut left = REPACK_BYTES_MAX;
    let chosen = worth.into_iter().take_while(|(live, _)| {
        let fits = *live <= left;
        left = left.saturating_sub(*live);
        fits
    });
    chosen.map(|(_, index)| index).collect()
}

fn live_bytes(manifest: &Manifest) -> Vec<u64> {
    let mut live = vec![0_u64; manifest.packs.len()];
    let mut seen = HashSet::new();
    for part in manifest.entries.iter().flat_map(|entry| entry.kind.parts()) {
        if let Part::Chunk(pack, offset, bytes, _) = *part
            && seen.insert((pack, offset))
        {
            live[pack as usize] += u64::from(bytes);
        }
    }
    live
}
