//! The two mailboxes, and the watchdog.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use proto::ipc::{self, AgentMessage, HostMessage, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use serde_json::{Value, json};

/// How long the runner's heartbeat may stand still; that of the real agent-runner.
const SILENCE_MAX: Duration = Duration::from_secs(12);
/// How often heartbeats are looked at and given.
const BEAT: Duration = Duration::from_secs(1);

/// The runner is gone: nobody reads what would be written.
pub(crate) struct Gone;

pub(crate) struct Mail {
    inbox: PathBuf,
    outbox: PathBuf,
    watch: OwnedFd,
    read_to: u64,
    written_to: u64,
    waiting: VecDeque<HostMessage>,
    heartbeat: (PathBuf, Option<SystemTime>, Instant),
    own_heartbeat: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) token: String,
}

impl Mail {
    /// # Panics
    /// When the environment is not that of a sandbox.
    pub(crate) fn open() -> Self {
        let path = |name: &str| PathBuf::from(std::env::var_os(name).expect("the runner names both directories"));
        let (input, output) = (path("CLAWHOLD_IN"), path("CLAWHOLD_OUT"));
        let inbox = input.join(ipc::MAILBOX);
        let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
        let watch = inotify::init(flags).expect("inotify is there");
        inotify::add_watch(&watch, &inbox, inotify::WatchFlags::MOVED_TO).expect("the mailbox is there");
        Self {
            inbox,
            outbox: output.join(ipc::MAILBOX),
            watch,
            read_to: 0,
            written_to: 0,
            waiting: VecDeque::new(),
            heartbeat: (input.join(ipc::HEARTBEAT), None, Instant::now()),
            own_heartbeat: output.join(ipc::HEARTBEAT),
            socket: input.join(ipc::PROXY_SOCKET),
            token: std::env::var("CLAWHOLD_TOKEN").expect("the runner gives a token"),
        }
    }

    /// The next message from the host.
    pub(crate) fn next(&mut self) -> Result<HostMessage, Gone> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(message);
            }
            match self.read() {
                Some(message) => return Ok(message),
                None => self.wait()?,
            }
        }
    }

    /// Asks the host for something, and waits until it is done.
    pub(crate) fn ask(&mut self, request: Request) -> Result<(), Gone> {
        let id = request.id.clone();
        self.send(&AgentMessage::Request(request));
        loop {
            match self.read() {
                Some(HostMessage::Answer(answer)) if answer.id == id => return Ok(()),
                Some(other) => self.waiting.push_back(other),
                None => self.wait()?,
            }
        }
    }

    /// Writes to the host. One that cannot be written is for a runner that is gone, which the watchdog notices.
    pub(crate) fn send(&mut self, message: &AgentMessage) {
        let mut value = json!(message);
        value["v"] = Value::from(ipc::VERSION);
        self.written_to += 1;
        let name = ipc::file_name(self.written_to);
        let fresh = self.outbox.join(format!(".{name}.tmp"));
        let text = value.to_string();
        // Into a file that the host has read, if one is there.
        let opened = match std::fs::rename(self.outbox.join(ipc::SPARE), &fresh) {
            Ok(()) => File::options().write(true).open(&fresh),
            Err(_) => File::create(&fresh),
        };
        let written = opened
            .and_then(|mut file| {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.set_len(text.len() as u64))
            })
            .and_then(|()| std::fs::rename(&fresh, self.outbox.join(name)));
        let _ = written;
    }

    /// Shows that this agent lives, and learns whether its runner does.
    pub(crate) fn beat(&mut self) -> Result<(), Gone> {
        let _ = File::options()
            .write(true)
            .open(&self.own_heartbeat)
            .and_then(|file| file.set_modified(SystemTime::now()));
        let (path, last, changed) = &mut self.heartbeat;
        let seen = path.metadata().and_then(|found| found.modified()).ok();
        if seen.is_some() && seen != *last {
            (*last, *changed) = (seen, Instant::now());
        }
        if changed.elapsed() >= SILENCE_MAX {
            return Err(Gone);
        }
        Ok(())
    }

    fn read(&mut self) -> Option<HostMessage> {
        let contents = std::fs::read(self.inbox.join(ipc::file_name(self.read_to + 1))).ok()?;
        self.read_to += 1;
        Some(serde_json::from_slice(&contents).expect("the host speaks the contract"))
    }

    /// Until something arrived, or for a beat.
    fn wait(&mut self) -> Result<(), Gone> {
        self.beat()?;
        let timeout = Timespec::try_from(BEAT).expect("a second fits");
        let _ = poll(&mut [PollFd::new(&self.watch, PollFlags::IN)], Some(&timeout));
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.watch, &mut buffer);
        while events.next().is_ok() {}
        Ok(())
    }
}
