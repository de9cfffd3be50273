//! The lease: moves the heartbeat, and decides from the answers how far this runner may trust itself.

use std::rc::Rc;

use proto::lease::Trust;

use super::{Runner, Stop};

/// Sends heartbeats for ever; ends the process when this life is over.
pub(super) async fn run(runner: Rc<Runner>) {
    let (me, timings) = (runner.me.clone(), runner.world.timings);
    runner.clocked.last_good_sent.set(me.monotonic());
    loop {
        let sent = me.monotonic();
        let answer = tokio::select! {
            biased;
            answer = runner.rows.heartbeat(&runner.name, runner.incarnation.get()) => Some(answer),
            () = me.sleep(timings.heartbeat) => None,
            // A beat that gets no answer must not hide that trust ends meanwhile.
            () = keep_looking(&runner) => None,
        };
        match answer {
            Some(Ok(())) => runner.clocked.last_good_sent.set(sent),
            Some(Err(store::Error::RunnerReplaced { .. })) => return be_replaced(&runner).await,
            Some(Err(_)) | None => {}
        }
        let next_beat = sent + timings.heartbeat;
        loop {
            note_trust(&runner);
            if me.monotonic() >= next_beat {
                break;
            }
            me.sleep(timings.heartbeat / 6).await;
        }
    }
}

/// Notes what becomes of the trust, for as long as it is polled.
async fn keep_looking(runner: &Runner) {
    loop {
        runner.me.sleep(runner.world.timings.heartbeat / 6).await;
        note_trust(runner);
    }
}

fn note_trust(runner: &Runner) {
    let trust = runner
        .world
        .trust_of_runner(runner.clocked.last_good_sent.get(), runner.me.monotonic());
    let changed = runner
        .trust
        .send_if_modified(|before| std::mem::replace(before, trust) != trust);
    if changed {
        runner.note(format_args!("trust is {trust:?}"));
    }
}

/// Another life took over, or the leader declared this one dead: a critical task ends, and with it the process.
async fn be_replaced(runner: &Rc<Runner>) {
    runner.note("was replaced");
    runner.trust.send_replace(Trust::Lost);
    runner.stop.send_replace(Stop::Hard);
    tokio::select! {
        () = runner.slots.empty() => {}
        () = runner.me.sleep(super::DRAIN) => {}
    }
    runner.me.kill();
}
