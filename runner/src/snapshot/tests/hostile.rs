//! Trees made to harm.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use super::counting::Counting;
use super::place::Place;
use crate::snapshot::Error;

#[tokio::test]
async fn links_are_kept_and_never_followed() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("secret/key", "the host's");
    one.write("workspace/a", "a");
    symlink(one.path("secret"), one.path("workspace/dir")).unwrap();
    symlink(one.path("secret/key"), one.path("workspace/file")).unwrap();
    let row = one.commit(1).await;
    let sent: Vec<u8> = blobs
        .blobs
        .lock()
        .unwrap()
        .values()
        .flat_map(|content| content.to_vec())
        .collect();
    assert!(!String::from_utf8_lossy(&sent).contains("the host's"));

    // On the other runner links lie where directories and files are to come.
    two.write("outside/victim", "precious");
    fs::create_dir_all(two.path("workspace")).unwrap();
    symlink(two.path("outside/victim"), two.path("workspace/a")).unwrap();
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(fs::read(two.path("outside/victim")).unwrap(), b"precious");
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn a_link_in_place_of_a_directory_does_not_lead_a_restore_astray() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/dir/inner/file", "mine");
    let row = one.commit(1).await;
    fs::create_dir_all(two.path("outside")).unwrap();
    fs::create_dir_all(two.path("workspace")).unwrap();
    symlink(two.path("outside"), two.path("workspace/dir")).unwrap();
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(fs::read_dir(two.path("outside")).unwrap().count(), 0);
    assert_eq!(two.tree(), one.tree());
}

#[tokio::test]
async fn kinds_may_change_in_any_way() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a/b/c", "dir");
    one.write("workspace/f", "file");
    symlink("x", one.path("workspace/l")).unwrap();
    let first = one.commit(1).await;
    two.restore(2, Some(&first)).await.unwrap();
    fs::remove_dir_all(two.path("workspace/a")).unwrap();
    two.write("workspace/a", "now a file");
    fs::remove_file(two.path("workspace/f")).unwrap();
    two.write("workspace/f/g", "now a directory");
    fs::remove_file(two.path("workspace/l")).unwrap();
    fs::create_dir(two.path("workspace/l")).unwrap();
    let second = two.commit(2).await;
    one.restore(3, Some(&second)).await.unwrap();
    assert_eq!(one.tree(), two.tree());
    // And back.
    let third = Place::new(&blobs);
    third.restore(4, Some(&second)).await.unwrap();
    assert_eq!(third.tree(), two.tree());
}

#[tokio::test]
async fn sockets_and_pipes_are_left_out_and_names_of_any_bytes_kept() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/50%", "percent");
    fs::write(one.path("workspace").join(OsStr::from_bytes(b"\xff\xfe\n%2e")), "bytes").unwrap();
    symlink(OsStr::from_bytes(b"\xff/../%41"), one.path("workspace/link")).unwrap();
    let mut wanted = one.tree();
    let _socket = UnixListener::bind(one.path("workspace/socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, one.path("workspace/pipe"), rustix::fs::Mode::RWXU).unwrap();
    let row = one.commit(1).await;
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(two.tree(), std::mem::take(&mut wanted));
}

#[tokio::test]
async fn rights_taken_away_do_not_keep_files_out() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/closed/file", "x");
    fs::set_permissions(one.path("workspace/closed/file"), fs::Permissions::from_mode(0o0)).unwrap();
    fs::set_permissions(one.path("workspace/closed"), fs::Permissions::from_mode(0o0)).unwrap();
    let row = one.commit(1).await;
    two.restore(2, Some(&row)).await.unwrap();
    assert_eq!(fs::read(two.path("workspace/closed/file")).unwrap(), b"x");
}

#[tokio::test]
async fn a_tree_too_deep_is_refused_and_replaced_by_a_restore() {
    let blobs = Arc::<Counting>::default();
    let (one, two) = (Place::new(&blobs), Place::new(&blobs));
    one.restore(1, None).await.unwrap();
    one.write("workspace/a", "a");
    let row = one.commit(1).await;
    let deep = ["d"; 200].join("/");
    fs::create_dir_all(one.path("workspace").join(&deep)).unwrap();
    assert!(matches!(one.take(1).await, Err(Error::TooDeep { .. })));
    fs::create_dir_all(two.path("workspace").join(&deep)).unwrap();
    two.restore(2, Some(&row)).await.unwrap();
    fs::remove_dir_all(one.path("workspace/d")).unwrap();
    assert_eq!(two.tree(), one.tree());
}
