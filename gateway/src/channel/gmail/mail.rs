//! A mail as it is read: its text, its files, and whether a person wrote it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail_parser::{Addr, HeaderValue, Message, MessageParser, MimeHeaders as _};
use proto::inbound::{FileKind, IncomingFile};

/// Longest text of a mail that is taken; the rest is left out and that is said. Well below what the inbox takes.
const TEXT_BYTES_MAX: usize = 200 * 1024;
/// Files of one mail that are named.
const FILES_MAX: usize = 50;
/// Who never is a person.
const MACHINES: [&str; 5] = ["mailer-daemon", "postmaster", "no-reply", "noreply", "donotreply"];
/// Headers that no person's program writes.
const MACHINE_HEADERS: [&str; 7] = [
    "List-Id",
    "List-Post",
    "List-Unsubscribe",
    "X-Autoreply",
    "X-Autorespond",
    "X-Auto-Response-Suppress",
    "Feedback-ID",
];

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) address: String,
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) files: Vec<IncomingFile>,
    /// Written by a program: an automatic answer, a list, a bounce.
    pub(super) is_automatic: bool,
}

/// Its bytes, from the form in which the API gives them.
pub(super) fn decode(raw: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(raw.trim_end_matches('=')).ok()
}

/// Reads a mail; none, if it is none.
pub(super) fn read(id: &str, bytes: &[u8]) -> Option<Mail> {
    let message = MessageParser::default().parse(bytes)?;
    let from = message.from()?.first()?;
    let address = from.address()?.trim().to_lowercase();
    Some(Mail {
        name: display_name(from, &address),
        subject: one_line(message.subject().unwrap_or("(no subject)")),
        text: text(&message),
        files: files(id, &message),
        is_automatic: is_automatic(&message, &address),
        address,
    })
}

/// A mail of which the headers alone could be had.
pub(super) fn read_head(id: &str, head: &str, reason: &str) -> Option<Mail> {
    let mail = read(id, head.as_bytes())?;
    Some(Mail {
        text: format!("[Text and files of the mail (not fetched: {reason})]"),
        // Whatever the parser takes for one has no bytes.
        files: Vec::new(),
        ..mail
    })
}

/// The bytes of a file of a mail.
pub(super) fn file(bytes: &[u8], index: usize) -> Option<Vec<u8>> {
    let message = MessageParser::default().parse(bytes)?;
    message.attachments().nth(index).map(|part| part.contents().to_vec())
}

fn display_name(from: &Addr<'_>, address: &str) -> String {
    let name = from.name().map(one_line).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| address.to_owned())
}

/// Headers come from strangers: a line break in one must not begin a line of ours.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(message: &Message<'_>) -> String {
    // Of alternatives the plain one; HTML alone is made into text.
    let text = message.body_text(0).unwrap_or_default();
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let kept = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    format!(
        "{kept}\n[the mail goes on; {} bytes were left out]",
        text.len() - kept.len()
    )
}

fn files(id: &str, message: &Message<'_>) -> Vec<IncomingFile> {
    let named = message.attachments().take(FILES_MAX).enumerate();
    let file = named.map(|(index, part)| {
        let media_type = part.content_type().map_or_else(
            || "application/octet-stream".to_owned(),
            |kind| match kind.subtype() {
                Some(subtype) => format!("{}/{subtype}", kind.ctype()),
                None => kind.ctype().to_owned(),
            },
        );
        let kind = match media_type.split('/').next() {
            Some("image") => FileKind::Image,
            Some("audio") => FileKind::Audio,
            Some("video") => FileKind::Video,
            _ => FileKind::Document,
        };
        IncomingFile {
            name: part
                .attachment_name()
                .map_or_else(|| format!("file-{}", index + 1), one_line),
            media_type,
            bytes: Some(part.contents().len() as u64),
            kind,
            reference: format!("{id}/{index}"),
        }
    });
    file.collect()
}

fn is_automatic(message: &Message<'_>, address: &str) -> bool {
    let header = |name: &str| {
        message
            .header_raw(name.to_owned())
            .map(|value| value.trim().to_lowercase())
    };
    let local = address.split('@').next().unwrap_or_default();
    let returns_nowhere = header("Return-Path").is_some_and(|path| path == "<>")
        || matches!(message.return_path(), HeaderValue::Text(path) if path.is_empty());
    MACHINES.contains(&local)
        || returns_nowhere
        || header("Auto-Submitted").is_some_and(|value| value != "no")
        || header("Precedence").is_some_and(|value| matches!(&*value, "bulk" | "list" | "junk" | "auto_reply"))
        || MACHINE_HEADERS.iter().any(|name| header(name).is_some())
}
