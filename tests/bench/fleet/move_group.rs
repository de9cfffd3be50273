//! How long it takes until a group with 10 MB of files and 1 MB of transcript is answered on a runner that has none of them.

use std::time::Duration;

use tests::fleet::{Fleet, Tables};

use crate::report::Measurement;

/// Moves measured.
const MOVES: usize = 9;
/// Files of the group, and the size of each.
const FILES: usize = 20;
const FILE_BYTES: usize = 512 * 1024;
/// Lines of its transcript, of a kibibyte each.
const LINES: usize = 1_024;

/// From the message to its reply, while the group moves; how long the same takes without a move is in `dispatch-reply`.
pub(crate) async fn move_group() -> Vec<Measurement> {
    let mut fleet = Fleet::builder()
        .services(1, 1, 2)
        .rooms(1)
        .durable()
        .direct()
        .start()
        .await;
    fleet.ask(0).await;
    let tables = Tables::connect(&fleet).await;
    tables
        .execute(&format!(
            "INSERT INTO transcripts (group_id, session_id, subpath, idx, written_at, line)
             SELECT t.group_id, t.session_id, t.subpath, t.idx + n, t.written_at,
                 json_build_object('type', 'user', 'text', repeat('x', 990))::text
             FROM transcripts t, generate_series(1, {LINES}) n"
        ))
        .await;
    let mut samples = Vec::new();
    for round in 0..MOVES {
        let holder = tables
            .text("SELECT last_runner FROM groups WHERE id = 'room-0'")
            .await
            .unwrap();
        let number: usize = holder.rsplit('-').next().unwrap().parse().unwrap();
        let workspace = fleet.runners[number]
            .data()
            .join("runners")
            .join(&holder)
            .join("groups/room-0");
        for file in 0..FILES {
            // New contents each time: nothing of it is known where it goes.
            let byte = (round * FILES + file) as u8;
            let contents: Vec<u8> = (0..FILE_BYTES)
                .map(|at| (at as u8).wrapping_mul(31) ^ byte ^ (at >> 8) as u8)
                .collect();
            std::fs::write(workspace.join(format!("file-{file}")), contents).unwrap();
        }
        fleet.ask(0).await;
        fleet.runners[number].terminate();
        while fleet.runners[number].ended().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        samples.push(fleet.ask(0).await);
        fleet.runners[number].start();
        fleet.ready().await;
    }
    vec![Measurement::of_durations(
        "move-group",
        &samples,
        "message to reply of a group whose 20 files of 512 KiB, all changed, come from the NATS object store, with 1 MiB of transcript; cold sandbox included",
    )]
}
