use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::ids::{Epoch, GroupId};
use proto::ipc::{AGENT_FILE_BYTES_MAX, SPARE, file_name};
use rustix::fs::Mode;

use super::held_dir::Taken;
use super::*;

struct Place {
    data: tempfile::TempDir,
    runs: RunDirs,
}

impl Place {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let runs = RunDirs::open(data.path(), 1000).unwrap();
        Self { data, runs }
    }

    fn run(&self, layout: Layout) -> RunDir {
        self.runs
            .create(&GroupId::parse("main").unwrap(), Epoch(7), layout)
            .unwrap()
    }

    fn path(&self, below: &str) -> PathBuf {
        self.data.path().join("runs/main-e7").join(below)
    }
}

/// As the agent-runner does it.
fn put(dir: &Path, name: &str, contents: &[u8]) {
    let temporary = dir.join(format!(".{name}.tmp"));
    fs::write(&temporary, contents).unwrap();
    fs::rename(temporary, dir.join(name)).unwrap();
}

fn mkfifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn reason(taken: Option<Result<Vec<u8>, Refused>>) -> Refusal {
    taken.unwrap().unwrap_err().reason
}

#[test]
fn messages_are_taken_in_order_and_once() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let mut reader = run.mail_reader().unwrap();
    assert_eq!(reader.take(), None);
    put(&out, &file_name(2), b"two");
    assert_eq!(reader.take(), None, "the first is missing");
    put(&out, &file_name(1), b"one");
    assert_eq!(reader.take(), Some(Ok(b"one".to_vec())));
    assert_eq!(reader.take(), Some(Ok(b"two".to_vec())));
    put(&out, &file_name(1), b"again");
    assert_eq!(reader.take(), None);
    assert_eq!(
        reader.sweep().unwrap().unwrap().reason,
        Refusal::Name,
        "a number that was used is junk"
    );
    assert_eq!(names(&out), [SPARE], "taken files do not stay");
}

#[test]
fn what_was_taken_is_there_to_be_written_into_and_never_read_again() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let mut reader = run.mail_reader().unwrap();
    let spare = out.join(SPARE);
    put(&out, &file_name(1), b"a long message");
    assert_eq!(reader.take(), Some(Ok(b"a long message".to_vec())));
    assert_eq!(reader.sweep().unwrap(), None, "it is no junk");
    fs::write(&spare, b"short").unwrap();
    fs::rename(&spare, out.join(file_name(2))).unwrap();
    assert_eq!(reader.take(), Some(Ok(b"short".to_vec())));
    put(&out, &file_name(3), b"three");
    assert_eq!(reader.take(), Some(Ok(b"three".to_vec())));
    assert_eq!(fs::read(&spare).unwrap(), b"short", "one is enough");
    // An agent that has other plans with the name only loses the spare file.
    fs::remove_file(&spare).unwrap();
    symlink("/etc/passwd", &spare).unwrap();
    put(&out, &file_name(4), b"four");
    assert_eq!(reader.take(), Some(Ok(b"four".to_vec())));
    assert_eq!(reader.sweep().unwrap().unwrap().reason, Refusal::Name);
    fs::create_dir(&spare).unwrap();
    fs::write(spare.join("inside"), b"x").unwrap();
    put(&out, &file_name(5), b"five");
    assert_eq!(reader.take(), Some(Ok(b"five".to_vec())));
    assert_eq!(reader.sweep().unwrap().unwrap().reason, Refusal::Name);
    fs::File::create(&spare)
        .unwrap()
        .set_len(AGENT_FILE_BYTES_MAX + 1)
        .unwrap();
    assert_eq!(reader.sweep().unwrap().unwrap().reason, Refusal::Name);
    assert_eq!(names(&out), [""; 0]);
}

#[test]
fn whatever_is_not_a_plain_file_is_refused_and_cleared_away_without_blocking() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let mut reader = run.mail_reader().unwrap();
    let at = |sequence| out.join(file_name(sequence));
    symlink("/etc/passwd", at(1)).unwrap();
    mkfifo(&at(2));
    let _socket = UnixListener::bind(at(3)).unwrap();
    fs::create_dir(at(4)).unwrap();
    fs::write(at(4).join("inside"), b"x").unwrap();
    fs::write(out.join(".x"), b"x").unwrap();
    fs::hard_link(out.join(".x"), at(5)).unwrap();
    fs::File::create(at(6))
        .unwrap()
        .set_len(AGENT_FILE_BYTES_MAX + 1)
        .unwrap();
    put(&out, &file_name(7), b"the honest one");

    assert_eq!(reason(reader.take()), Refusal::Link);
    assert_eq!(reason(reader.take()), Refusal::NotAFile);
    assert_eq!(reason(reader.take()), Refusal::NotAFile);
    assert_eq!(reason(reader.take()), Refusal::NotAFile);
    assert_eq!(reason(reader.take()), Refusal::HardLinks(2));
    assert!(matches!(reason(reader.take()), Refusal::TooLarge { .. }));
    assert_eq!(reader.take(), Some(Ok(b"the honest one".to_vec())));
    assert!(reader.sweep().unwrap().is_some());
    assert_eq!(names(&out), [SPARE]);
    assert!(fs::metadata("/etc/passwd").is_ok());
}

#[test]
fn a_flood_of_files_neither_hides_a_message_nor_stays() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let mut reader = run.mail_reader().unwrap();
    (0..20_000).for_each(|n| fs::write(out.join(format!("junk-{n}")), b"").unwrap());
    put(&out, &file_name(1), b"one");
    assert_eq!(reader.take(), Some(Ok(b"one".to_vec())));
    assert!(matches!(reader.sweep().unwrap().unwrap().reason, Refusal::Flood(_)));
    let more = std::iter::from_fn(|| reader.sweep().unwrap()).count();
    assert!(more < 5, "a few sweeps work it off");
    assert_eq!(names(&out), [SPARE]);
}

#[test]
fn messages_written_faster_than_they_are_read_do_not_fill_the_disk() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let mut reader = run.mail_reader().unwrap();
    for sequence in 1..=6_000 {
        fs::write(out.join(file_name(sequence)), b"x").unwrap();
        fs::write(out.join(format!(".{}.tmp", file_name(sequence))), b"x").unwrap();
    }
    let told = std::iter::from_fn(|| reader.sweep().unwrap()).collect::<Vec<_>>();
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert_eq!(told[0].reason, Refusal::Ahead(4_096));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2 * 4_096);
    let taken = std::iter::from_fn(|| reader.take()).filter(Result::is_ok).count();
    assert_eq!(taken, 4_096, "the ones that came first are read");
}

#[test]
fn a_missing_number_is_passed_over_after_two_sweeps() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let mut reader = run.mail_reader().unwrap();
    put(&out, &file_name(3), b"three");
    assert_eq!(reader.sweep().unwrap(), None);
    assert_eq!(reader.sweep().unwrap().unwrap().reason, Refusal::Gap);
    assert_eq!(reader.take(), Some(Ok(b"three".to_vec())));
}

#[test]
fn names_that_are_not_utf_8_are_junk() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let (run, out) = (place.run(Layout::NanoClaw), place.path("ipc/messages"));
    let mut messages = run.drop_box("messages").unwrap();
    fs::write(out.join(std::ffi::OsStr::from_bytes(b"\xff\xfe.json")), b"{}").unwrap();
    assert_eq!(messages.take().unwrap().unwrap_err().reason, Refusal::Name);
    assert_eq!(messages.take(), None);
}

#[test]
fn dropped_files_are_taken_by_name_and_hostile_ones_refused() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::NanoClaw), place.path("ipc/messages"));
    let mut messages = run.drop_box("messages").unwrap();
    put(&out, "2-b.json", b"two");
    put(&out, "1-a.json", b"one");
    fs::write(out.join("3-c.json.tmp"), b"half").unwrap();
    symlink("/etc/passwd", out.join("4-d.json")).unwrap();
    fs::create_dir_all(out.join("5-e.json/deep")).unwrap();
    mkfifo(&out.join("6-f.json"));
    let taken: Vec<_> = std::iter::from_fn(|| messages.take()).collect();
    let honest: Vec<_> = taken
        .iter()
        .filter_map(|one| one.as_ref().ok())
        .map(|file| file.stem.as_str())
        .collect();
    assert_eq!(honest, ["1-a", "2-b"]);
    let refused: Vec<_> = taken
        .into_iter()
        .filter_map(Result::err)
        .map(|refused| refused.reason)
        .collect();
    assert_eq!(refused, [Refusal::Link, Refusal::NotAFile, Refusal::NotAFile]);
    assert_eq!(
        fs::read_dir(&out).unwrap().count(),
        1,
        "only the file being written is left"
    );
}

#[test]
fn a_flood_of_dropped_files_is_worked_off() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::NanoClaw), place.path("ipc/tasks"));
    let mut tasks = run.drop_box("tasks").unwrap();
    (0..10_000).for_each(|n| fs::write(out.join(format!("{n:06}.json")), b"{}").unwrap());
    let taken = std::iter::from_fn(|| tasks.take()).filter(Result::is_ok).count();
    assert_eq!(taken, 10_000);
    assert_eq!(fs::read_dir(out).unwrap().count(), 0);
}

#[test]
fn files_dropped_faster_than_they_are_read_do_not_fill_the_disk() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::NanoClaw), place.path("ipc/tasks"));
    let mut tasks = run.drop_box("tasks").unwrap();
    (0..20_000).for_each(|n| fs::write(out.join(format!("{n:06}.json")), b"{}").unwrap());
    let first = tasks.take().unwrap().unwrap_err();
    assert!(matches!(first.reason, Refusal::Flood(_)));
    assert!(fs::read_dir(&out).unwrap().count() <= 20_000 - 16_384 + 256);
    assert!(tasks.take().unwrap().is_ok(), "a few are still read");
}

#[test]
fn a_directory_swapped_under_us_leads_nowhere() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out"));
    let mut reader = run.mail_reader().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    put(elsewhere.path(), &file_name(1), b"not for us");
    fs::rename(out.join("mail"), out.join("old")).unwrap();
    symlink(elsewhere.path(), out.join("mail")).unwrap();
    assert_eq!(reader.take(), None);
    put(&out.join("old"), &file_name(1), b"one");
    assert_eq!(reader.take(), Some(Ok(b"one".to_vec())));
    assert!(elsewhere.path().join(file_name(1)).exists());
    fs::remove_dir_all(out.join("old")).unwrap();
    assert_eq!(reader.take(), None);
}

#[test]
fn writing_never_follows_what_an_agent_planted() {
    let place = Place::new();
    let (run, input) = (place.run(Layout::NanoClaw), place.path("ipc/input"));
    let victim = place.data.path().join("victim");
    fs::write(&victim, b"untouched").unwrap();
    symlink(&victim, input.join(".1.json.tmp")).unwrap();
    symlink(&victim, input.join("1.json")).unwrap();
    run.input()
        .unwrap()
        .write("1.json", b"hello", Mode::from_raw_mode(0o644))
        .unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    assert_eq!(fs::read(input.join("1.json")).unwrap(), b"hello");
    assert!(!input.join("1.json").is_symlink());
}

#[test]
fn the_hosts_mailbox_counts_up_is_readable_and_forgets_old_files() {
    let place = Place::new();
    let (run, mail) = (place.run(Layout::Own), place.path("in/mail"));
    let mut writer = run.mail_writer().unwrap();
    for n in 1..=600 {
        assert_eq!(writer.send(b"x").unwrap(), n);
    }
    assert_eq!(fs::read_dir(&mail).unwrap().count(), 512);
    assert!(mail.join(file_name(600)).exists() && !mail.join(file_name(88)).exists());
    assert_eq!(
        fs::metadata(mail.join(file_name(600))).unwrap().permissions().mode() & 0o777,
        0o644
    );
    let error = writer.send(&vec![0; 64 * 1024 * 1024 + 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    assert_eq!(writer.send(b"x").unwrap(), 601, "the sequence has no gap");
}

#[test]
fn the_host_writes_into_what_the_agent_has_read_and_into_nothing_else() {
    let place = Place::new();
    let (run, mail) = (place.run(Layout::Own), place.path("in/mail"));
    let mut writer = run.mail_writer().unwrap();
    for contents in ["one, which is longer", "two", "three"] {
        writer.send(contents.as_bytes()).unwrap();
    }
    let inode = |sequence| fs::metadata(mail.join(file_name(sequence))).unwrap().ino();
    let first = [1, 2, 3].map(inode);
    writer.was_read(2);
    for _ in 0..3 {
        writer.send(b"x").unwrap();
    }
    assert_eq!([4, 5, 3].map(inode), first);
    assert!(!first.contains(&inode(6)));
    assert_eq!(names(&mail), [3, 4, 5, 6].map(file_name));
    assert_eq!(fs::read(mail.join(file_name(3))).unwrap(), b"three");
    for sequence in [4, 5, 6] {
        assert_eq!(fs::read(mail.join(file_name(sequence))).unwrap(), b"x");
        let mode = fs::metadata(mail.join(file_name(sequence)))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}

/// A file of which an agent took a lease would make it wait as this does.
#[test]
fn the_host_does_not_wait_for_what_it_would_write_into() {
    let place = Place::new();
    let (run, mail) = (place.run(Layout::Own), place.path("in/mail"));
    let mut writer = run.mail_writer().unwrap();
    writer.send(b"one").unwrap();
    fs::remove_file(mail.join(file_name(1))).unwrap();
    mkfifo(&mail.join(file_name(1)));
    writer.was_read(1);
    writer.send(b"two").unwrap();
    assert_eq!(fs::read(mail.join(file_name(2))).unwrap(), b"two");
    assert_eq!(names(&mail), [file_name(2)]);
}

#[test]
fn only_the_mailbox_is_the_agents_to_write() {
    let place = Place::new();
    let _run = place.run(Layout::Own);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.data.path().join("runs")), 0o700);
    assert_eq!(mode(place.path("in")), 0o755);
    assert_eq!(mode(place.path("in/mail")), 0o755);
    assert_eq!(mode(place.path("out")), 0o755);
    if rustix::process::geteuid().is_root() {
        assert_eq!(fs::metadata(place.path("out/mail")).unwrap().uid(), 1000);
        assert_eq!(fs::metadata(place.path("out")).unwrap().uid(), 0);
        assert_eq!(mode(place.path("out/mail")), 0o700);
    }
}

#[test]
fn heartbeats_are_seen_as_changes_of_the_modification_time() {
    let place = Place::new();
    let run = place.run(Layout::Own);
    let (host, out) = (HeldDir::open(&run.in_dir()).unwrap(), run.out().unwrap());
    let (before, agent_before) = (host.modified_at("heartbeat"), out.modified_at("heartbeat"));
    assert!(before.is_some() && agent_before.is_some());
    // The clock of a file system ticks every few milliseconds.
    let changed = (0..1_000_000).any(|_| {
        run.heart().beat().unwrap();
        host.modified_at("heartbeat") != before
    });
    assert!(changed);
    assert_eq!(out.modified_at("heartbeat"), agent_before);
}

#[test]
fn a_socket_opens_however_long_the_data_directory_is() {
    let data = tempfile::tempdir().unwrap();
    let long = data.path().join("d".repeat(120));
    let runs = RunDirs::open(&long, 1000).unwrap();
    let run = runs
        .create(&GroupId::parse(&"g".repeat(64)).unwrap(), Epoch(i64::MAX), Layout::Own)
        .unwrap();
    let listener = run.bind_socket().unwrap();
    let held = HeldDir::open(&run.in_dir()).unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&held.as_fd());
    let _client = UnixStream::connect(format!("/proc/self/fd/{fd}/proxy.sock")).unwrap();
    listener.accept().unwrap();
}

#[test]
fn a_run_is_removed_whatever_the_agent_left() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let keep = place.data.path().join("keep");
    fs::create_dir(&keep).unwrap();
    fs::write(keep.join("file"), b"x").unwrap();
    symlink(&keep, out.join("link")).unwrap();
    fs::create_dir(out.join("up-1")).unwrap();
    fs::create_dir(out.join("locked")).unwrap();
    fs::create_dir(out.join("locked/inner")).unwrap();
    fs::set_permissions(out.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    nest(&out, 3_000);
    run.remove().unwrap();
    assert!(!place.path("").exists());
    assert!(keep.join("file").exists(), "links are not followed");
}

/// Deeper than any path may name.
fn nest(dir: &Path, depth: usize) {
    let mut held = HeldDir::open(dir).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(held.as_fd(), c"d", Mode::RWXU).unwrap();
        held = held.open_dir(c"d").unwrap();
    }
    held.write("bottom", b"x", Mode::RUSR).unwrap();
}

#[test]
fn leftovers_are_swept_and_one_claim_has_one_run() {
    let place = Place::new();
    let _run = place.run(Layout::Own);
    assert!(
        place
            .runs
            .create(&GroupId::parse("main").unwrap(), Epoch(7), Layout::Own)
            .is_err()
    );
    fs::write(place.data.path().join("runs/stray"), b"x").unwrap();
    assert_eq!(place.runs.sweep().unwrap(), 2);
    assert_eq!(fs::read_dir(place.data.path().join("runs")).unwrap().count(), 0);
}

#[test]
fn a_file_that_vanishes_or_grows_while_we_look_does_no_harm() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out"));
    let held = run.out().unwrap();
    assert_eq!(held.read(c"nothing", 10), Taken::Absent);
    fs::write(out.join("ten"), b"0123456789").unwrap();
    assert_eq!(held.read(c"ten", 10), Taken::Contents(b"0123456789".to_vec()));
    assert!(matches!(
        held.read(c"ten", 9),
        Taken::Refused(Refusal::TooLarge { bytes: 10, max: 9 })
    ));
}

#[tokio::test]
async fn a_change_is_heard_at_once() {
    let place = Place::new();
    let (run, out) = (place.run(Layout::Own), place.path("out/mail"));
    let watch = Watcher::new().watch(run.agent_paths());
    put(&out, &file_name(1), b"one");
    tokio::time::timeout(Duration::from_secs(5), watch.changed())
        .await
        .expect("inotify says so");
}
