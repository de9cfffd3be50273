//! An answer in a thread, as a mail.

use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Recipient;
use mail_builder::headers::text::Text;
use mail_parser::{Address, MessageParser};
use proto::outbound::{Attachment, Delivery, Part};

use super::model::{Thread, ThreadMessage};

/// Mails that an answer refers to at most: the line grows with each answer of a long thread.
const REFERENCES_MAX: usize = 20;

/// What is answered, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) to: Vec<(String, String)>,
    pub(super) subject: String,
    pub(super) message_id: Option<String>,
    pub(super) references: Vec<String>,
}

/// Our own `Message-ID` for a part, without brackets: the same whoever sends it, however often.
pub(super) fn message_id(delivery: &Delivery, part: &Part, address: &str) -> String {
    let host = address.rsplit('@').next().unwrap_or("localhost");
    format!("{}.{}@{host}", delivery.id, part.from)
}

/// The mail of a thread that is answered: the newest of somebody else, or else the newest of our own.
pub(super) fn answered(thread: &Thread, address: &str) -> Option<Answered> {
    let is_real = |message: &&ThreadMessage| {
        !message
            .label_ids
            .iter()
            .any(|label| label == "DRAFT" || label == "TRASH")
    };
    let mails: Vec<(Answered, bool)> = thread
        .messages
        .iter()
        .filter(is_real)
        .filter_map(|message| read(message, address))
        .collect();
    let of_others = mails.iter().rev().find(|(_, is_own)| !is_own);
    of_others.or(mails.last()).map(|(answered, _)| answered.clone())
}

fn read(message: &ThreadMessage, address: &str) -> Option<(Answered, bool)> {
    let head = message.payload.head();
    let mail = MessageParser::default().parse(head.as_bytes())?;
    let is_own = mail
        .from()
        .is_some_and(|from| from.contains(&address.to_lowercase()) || from.contains(address));
    let to = match is_own {
        true => mail.to(),
        false => mail.reply_to().or(mail.from()),
    };
    let to = to.map(people).filter(|to| !to.is_empty())?;
    let message_id = mail.message_id().map(str::to_owned);
    let references = mail.references();
    let known = match (references.as_text_list(), references.as_text()) {
        (Some(list), _) => list.iter().map(ToString::to_string).collect(),
        (None, Some(one)) => vec![one.to_owned()],
        (None, None) => Vec::new(),
    };
    let all: Vec<String> = known.into_iter().chain(message_id.clone()).collect();
    let references = all[all.len().saturating_sub(REFERENCES_MAX)..].to_vec();
    let subject = reply_subject(mail.subject().unwrap_or_default());
    let answered = Answered {
        to,
        subject,
        message_id,
        references,
    };
    Some((answered, is_own))
}

fn people(addresses: &Address<'_>) -> Vec<(String, String)> {
    let pair = |address: &mail_parser::Addr<'_>| {
        let name = address.name().unwrap_or_default().to_owned();
        address.address().map(|address| (name, address.to_owned()))
    };
    addresses.iter().filter_map(pair).collect()
}

fn reply_subject(subject: &str) -> String {
    let subject = subject.trim();
    let is_reply = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    match is_reply {
        true => subject.to_owned(),
        false => format!("Re: {subject}"),
    }
}

/// The mail itself. It says that a program wrote it (RFC 3834), so that no other program answers.
pub(super) fn mail(
    answered: &Answered,
    address: &str,
    message_id: &str,
    text: &str,
    file: Option<(&Attachment, Bytes)>,
    seconds: i64,
) -> std::io::Result<Vec<u8>> {
    let recipient = |(name, address): &(String, String)| {
        let name = Some(name.clone()).filter(|name| !name.is_empty());
        Recipient::new_address(name, address.clone())
    };
    let recipients: Vec<Recipient<'_>> = answered.to.iter().map(recipient).collect();
    let mut mail = MessageBuilder::new()
        .from(address.to_owned())
        .to(recipients)
        .subject(answered.subject.clone())
        .message_id(message_id.to_owned())
        .date(seconds)
        .header("Auto-Submitted", Text::new("auto-replied"))
        .text_body(text.to_owned());
    if let Some(id) = &answered.message_id {
        mail = mail.in_reply_to(id.clone());
    }
    if !answered.references.is_empty() {
        mail = mail.references(answered.references.clone());
    }
    if let Some((file, bytes)) = file {
        mail = mail.attachment(file.media_type.clone(), file.name.clone(), bytes.to_vec());
    }
    mail.write_to_vec()
}
