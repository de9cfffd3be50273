//! What a prompt wants done with files of the group's workspace, where the agent is started.

use proto::ipc::Prompt;
use serde_json::json;

use crate::mail::{Gone, Mail};
use crate::request;
use crate::words::{Wish, wishes};

const BYTES_PER_KIB: usize = 1024;

/// Does all of it, in order; what was read is sent as a message.
///
/// # Panics
/// When a file cannot be written.
pub(crate) fn serve(mail: &mut Mail, prompt: &Prompt) -> Result<(), Gone> {
    for (number, wish) in wishes(&prompt.text).enumerate() {
        match wish {
            Wish::Write { name, text } => std::fs::write(name, text).expect("the workspace can be written"),
            Wish::Fill { name, kibibytes } => {
                std::fs::write(name, noise(kibibytes * BYTES_PER_KIB)).expect("the workspace can be written");
            }
            Wish::Read { name } => {
                let found = std::fs::read_to_string(name).unwrap_or_else(|error| error.kind().to_string());
                let params = json!({ "text": format!("{name}: {found}"), "sender": null });
                mail.ask(request(
                    format!("read-{}-{number}", prompt.uuid),
                    "send_message",
                    params,
                ))?;
            }
        }
    }
    Ok(())
}

/// Bytes of which no two parts are alike, so that all of them must be kept.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
