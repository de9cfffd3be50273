//! Random trees with random changes: every snapshot is restored to the tree it was taken of, on a new runner and on one that
//! has an old copy.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;

use super::counting::Counting;
use super::moving::noise;
use super::place::Place;

#[derive(Clone, Debug)]
enum Change {
    Write(usize, usize, u64, bool),
    Append(usize, u64),
    Sparse(usize, u64),
    MakeDir(usize),
    Link(usize, usize),
    Rename(usize, usize),
    Remove(usize),
    ManySmall(usize),
}

/// Names that meet: files where directories are wanted, and the other way round.
const NAMES: [&str; 10] = ["a", "b", "a/x", "a/y", "b/x", "a/x/deep", "c-d", "c/e", "c/e/f/g", "%"];

fn change() -> impl Strategy<Value = Change> {
    let name = 0..NAMES.len();
    let size = prop_oneof![0..2_000_usize, 10_000..400_000_usize];
    prop_oneof![
        4 => (name.clone(), size, 0_u64..4, any::<bool>()).prop_map(|(name, size, seed, exec)| Change::Write(name, size, seed, exec)),
        1 => (name.clone(), 0_u64..4).prop_map(|(name, seed)| Change::Append(name, seed)),
        1 => (name.clone(), 0_u64..2_000_000).prop_map(|(name, at)| Change::Sparse(name, at)),
        1 => name.clone().prop_map(Change::MakeDir),
        1 => (name.clone(), name.clone()).prop_map(|(name, target)| Change::Link(name, target)),
        1 => (name.clone(), name.clone()).prop_map(|(from, to)| Change::Rename(from, to)),
        2 => name.clone().prop_map(Change::Remove),
        1 => name.prop_map(Change::ManySmall),
    ]
}

/// Does what can be done; what a file system refuses is no change.
fn make(place: &Place, change: &Change) {
    let at = |name: &usize| -> PathBuf {
        let root = if name.is_multiple_of(2) { "workspace" } else { "claude" };
        place.path(root).join(NAMES[*name])
    };
    let parent = |path: &PathBuf| fs::create_dir_all(path.parent().unwrap());
    let _ = match change {
        Change::Write(name, size, seed, executable) => parent(&at(name))
            .and_then(|()| fs::write(at(name), noise(*size, *seed)))
            .and_then(|()| {
                fs::set_permissions(
                    at(name),
                    fs::Permissions::from_mode(if *executable { 0o755 } else { 0o644 }),
                )
            }),
        Change::Append(name, seed) => fs::read(at(name)).and_then(|mut content| {
            content.extend(noise(5_000, *seed));
            fs::write(at(name), content)
        }),
        Change::Sparse(name, offset) => parent(&at(name)).and_then(|()| {
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(at(name))?;
            file.set_len(offset + 3_000_000)?;
            std::os::unix::fs::FileExt::write_all_at(&file, b"data", *offset)
        }),
        Change::MakeDir(name) => fs::create_dir_all(at(name)),
        Change::Link(name, target) => parent(&at(name)).and_then(|()| symlink(NAMES[*target], at(name))),
        Change::Rename(from, to) => parent(&at(to)).and_then(|()| fs::rename(at(from), at(to))),
        Change::Remove(name) => fs::remove_dir_all(at(name)).or_else(|_| fs::remove_file(at(name))),
        Change::ManySmall(name) => fs::create_dir_all(at(name)).and_then(|()| {
            (0..60).try_for_each(|number| fs::write(at(name).join(format!("s{number}")), number.to_string()))
        }),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_restored_tree_is_the_tree_that_was_taken(turns in proptest::collection::vec(proptest::collection::vec(change(), 0..8), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let blobs = Arc::<Counting>::default();
            // Two runners take turns; a third sees only the last snapshot.
            let (mut here, mut there) = (Place::new(&blobs), Place::new(&blobs));
            let mut row = None;
            for (epoch, changes) in (1..).zip(&turns) {
                here.restore(epoch, row.as_ref()).await.unwrap();
                changes.iter().for_each(|change| make(&here, change));
                if let Some(taken) = here.take(epoch).await.unwrap() {
                    here.snapshots.committed(&super::place::group(), &taken).await.unwrap();
                    row = Some(taken);
                }
                here.snapshots.tidy(&super::place::group()).await;
                let fresh = Place::new(&blobs);
                if row.is_some() {
                    fresh.restore(epoch, row.as_ref()).await.unwrap();
                    assert_eq!(fresh.tree(), here.tree());
                }
                std::mem::swap(&mut here, &mut there);
            }
        });
    }
}
