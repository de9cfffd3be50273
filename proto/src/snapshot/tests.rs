//! Stories of the decisions.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ids::{Epoch, GroupId};

fn id(number: u128) -> SnapshotId {
    SnapshotId(Uuid::from_u128(number))
}

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text.as_bytes()).unwrap()
}

fn manifest(packs: &[(&str, u64)], files: &[(&str, &[Part])]) -> Manifest {
    let packs = packs.iter().map(|(name, bytes)| Pack {
        name: (*name).to_owned(),
        bytes: *bytes,
    });
    let mut entries = vec![Entry {
        path: path("w"),
        kind: Kind::Dir,
    }];
    entries.extend(files.iter().map(|(name, parts)| Entry {
        path: path("w").join(name.as_bytes()).unwrap(),
        kind: Kind::File(false, parts.iter().map(Part::bytes).sum(), parts.to_vec()),
    }));
    Manifest::new(id(1), packs.collect(), entries)
}

fn row(manifest: &str) -> SnapshotRef {
    SnapshotRef {
        id: id(1),
        manifest: manifest.to_owned(),
        digest: digest(0),
        bytes: 0,
        files: 0,
    }
}

fn key(epoch: i64, snapshot: u128, kind: BlobKind) -> String {
    let group = GroupId::parse("team").unwrap();
    BlobKey {
        group,
        epoch: Epoch(epoch),
        snapshot: id(snapshot),
        kind,
    }
    .to_string()
}

#[test]
fn a_manifest_survives_its_text() {
    let whole = manifest(
        &[("a", 10)],
        &[("x", &[Part::Chunk(0, 4, 6, digest(1)), Part::Hole(5)])],
    );
    assert_eq!(Manifest::parse(&whole.to_json()).unwrap(), whole);
    assert_eq!(whole.bytes(), 6);
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let chunk = Part::Chunk(0, 4, 6, digest(1));
    let mut outside_pack = manifest(&[("a", 9)], &[("x", &[chunk])]);
    let mut no_parent = manifest(&[("a", 10)], &[("x", &[chunk])]);
    no_parent.entries.remove(0);
    let mut unsorted = manifest(&[("a", 10)], &[("y", &[chunk]), ("x", &[chunk])]);
    let mut wrong_size = manifest(&[("a", 10)], &[("x", &[chunk])]);
    wrong_size.entries[1].kind = Kind::File(false, 7, vec![chunk]);
    for wrong in [&mut outside_pack, &mut no_parent, &mut unsorted, &mut wrong_size] {
        let error = Manifest::parse(&wrong.to_json()).unwrap_err();
        assert!(matches!(error, InvalidManifest::Inconsistent(_)), "{error}");
    }
    let newer = String::from_utf8(outside_pack.to_json())
        .unwrap()
        .replace("\"version\":1", "\"version\":2");
    assert!(matches!(
        Manifest::parse(newer.as_bytes()),
        Err(InvalidManifest::Version(2))
    ));
}

#[test]
fn a_path_never_leads_out_of_its_root() {
    for wrong in ["", "/", "/a", "a/", "a//b", "a/../b", "..", "a/.", "a\0b"] {
        assert!(TreePath::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        assert!(TreePath::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
    }
    assert!(
        TreePath::try_from("a/%2e%2e/b".to_owned()).is_err(),
        "encoded dots are dots"
    );
    assert!(path("a").join(b"b/c").is_err() && path("a").join(b"..").is_err());
}

#[test]
fn names_of_blobs_are_read_back_and_others_are_nobodys() {
    let name = key(12, 7, BlobKind::Pack(3));
    assert_eq!(BlobKey::parse(&name).unwrap().to_string(), name);
    for other in [
        "groups/team/x.pack",
        "groups/team/012-00000000-0000-0000-0000-000000000007.manifest",
        "x",
        "groups/team",
    ] {
        assert_eq!(BlobKey::parse(other), None, "{other}");
    }
}

#[test]
fn only_blobs_of_older_epochs_that_the_committed_manifest_lacks_are_garbage() {
    let (kept, live, dead) = (
        key(3, 1, BlobKind::Manifest),
        key(1, 1, BlobKind::Pack(0)),
        key(2, 2, BlobKind::Pack(0)),
    );
    let (own, newer) = (key(5, 3, BlobKind::Pack(0)), key(6, 4, BlobKind::Pack(0)));
    let foreign = dead.replace("team", "other");
    let committed = manifest(&[(&live, 1)], &[]);
    let listed = [&kept, &live, &dead, &own, &newer, &foreign].map(String::as_str);
    let group = GroupId::parse("team").unwrap();
    let garbage = decide_garbage(listed, &group, Epoch(5), Some((&row(&kept), &committed)));
    assert_eq!(garbage, [dead.as_str()]);
    let all = decide_garbage(listed, &group, Epoch(5), None);
    assert_eq!(
        all,
        [kept.as_str(), live.as_str(), dead.as_str()],
        "nothing was ever committed"
    );
}

#[test]
fn a_commit_frees_what_only_the_one_before_referred_to() {
    let (before, now) = (
        manifest(&[("a", 1), ("b", 1)], &[]),
        manifest(&[("b", 1), ("c", 1)], &[]),
    );
    let gone = decide_replaced((&row("m1"), &before), (&row("m2"), &now));
    assert_eq!(gone, ["a", "m1"]);
}

#[test]
fn a_pack_mostly_dead_is_written_anew_unless_it_is_alone() {
    let live = Part::Chunk(0, 0, 49, digest(1));
    let other = Part::Chunk(1, 0, 50, digest(2));
    assert_eq!(decide_repack(&manifest(&[("a", 100)], &[("x", &[live])])), [0_u32; 0]);
    assert_eq!(
        decide_repack(&manifest(&[("a", 100), ("b", 100)], &[("x", &[live, live, other])])),
        [0]
    );
}

#[test]
fn many_small_packs_become_one() {
    let names: Vec<String> = (0..40).map(|number| format!("p{number}")).collect();
    let packs: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    let parts: Vec<Part> = (0..40)
        .map(|pack| Part::Chunk(pack, 0, 10, digest(pack as u8)))
        .collect();
    let many = manifest(&packs, &[("x", &parts)]);
    let mut chosen = decide_repack(&many);
    chosen.sort_unstable();
    assert_eq!(chosen, (0..40).collect::<Vec<u32>>());

    let mut known = Known::of(Some(&many));
    let pack = known.add_pack("new".to_owned());
    for part in &parts {
        let Part::Chunk(_, _, bytes, digest) = *part else {
            unreachable!()
        };
        known.add_chunk(pack, digest, bytes);
    }
    let merged = known.into_manifest(many.clone());
    assert_eq!(
        merged.packs,
        [Pack {
            name: "new".to_owned(),
            bytes: 400
        }]
    );
    assert!(merged.is_same_tree(&many.entries));
    Manifest::parse(&merged.to_json()).unwrap();
}

#[test]
fn neighbouring_chunks_are_fetched_together_and_far_ones_apart() {
    let wanted = BTreeSet::from([(0, 0, 10), (0, 10, 10), (0, 60_000, 10), (0, 900_000, 10), (1, 0, 10)]);
    let fetches = decide_fetches(&wanted);
    let ranges: Vec<_> = fetches
        .iter()
        .map(|fetch| (fetch.pack, fetch.start, fetch.end))
        .collect();
    assert_eq!(ranges, [(0, 0, 60_010), (0, 900_000, 900_010), (1, 0, 10)]);
}

proptest! {
    #[test]
    fn any_bytes_without_nul_survive_as_a_name(name in proptest::collection::vec(1_u8.., 1..40)) {
        if let Ok(joined) = path("w").join(&name) {
            let text = serde_json::to_string(&joined).unwrap();
            prop_assert_eq!(serde_json::from_str::<TreePath>(&text).unwrap(), joined);
        }
    }

    #[test]
    fn every_wanted_chunk_is_in_exactly_one_range(wanted in proptest::collection::btree_set((0_u32..3, 0_u64..9_000_000, 1_u32..300_000), 0..80)) {
        let fetches = decide_fetches(&wanted);
        let mut seen = BTreeSet::new();
        for fetch in &fetches {
            for (offset, bytes) in &fetch.chunks {
                prop_assert!(fetch.start <= *offset && offset + u64::from(*bytes) <= fetch.end);
                prop_assert!(seen.insert((fetch.pack, *offset, *bytes)));
            }
        }
        prop_assert_eq!(seen, wanted);
    }
}
