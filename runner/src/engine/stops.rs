//! Ends turns that somebody wants to end. Rows are truth: a request that no hint told of is found by the sweep.

use super::Engine;
use super::slots::Command;

/// One pass.
pub(crate) async fn tick(engine: &Engine) {
    if engine.slots.used() == 0 {
        return;
    }
    let (runner, life) = (&engine.settings.runner, engine.settings.incarnation);
    match engine.store.turns_to_stop(runner, life).await {
        Ok(turns) => {
            for (group, turn) in turns {
                engine.slots.tell(&group, Command::StopTurn(turn));
            }
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "turns to be stopped cannot be read"
            );
        }
    }
}
