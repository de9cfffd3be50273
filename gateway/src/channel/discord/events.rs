//! From Discord's events to ours: pure, so that a table of cases can hold it to its promises.

use proto::group::ChatSeen;
use proto::inbound::{Addressed, EventKind, FileKind, InboundEvent, IncomingFile, Quote};
use proto::time::Timestamp;

use super::model::{Attachment, Deleted, Interaction, Message, Snowflake, User};
use super::places::Place;

/// Types of messages that people write: plain, and replies. The others tell of joins, pins, boosts, threads.
const WRITTEN: [u8; 2] = [0, 19];

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) account: &'a str,
    pub(super) bot: Snowflake,
}

impl Reader<'_> {
    /// A message that was written. None for what no person wrote (DC-02).
    pub(super) fn message(self, message: &Message, place: &Place) -> Option<(ChatSeen, InboundEvent)> {
        self.written(message, place, EventKind::Message, message.id.to_string())
    }

    /// A message that was rewritten. Discord also tells of changes it makes itself (previews of links): nobody rewrote
    /// those, and they have no time of it.
    pub(super) fn edit(self, message: &Message, place: &Place) -> Option<(ChatSeen, InboundEvent)> {
        let at = message.edited_timestamp?;
        let id = format!("{}:edited:{}", message.id, at.as_millis());
        self.written(message, place, EventKind::Edited, id)
    }

    /// A message that was taken back. Discord does not say whose it was or what it said.
    pub(super) fn deletion(self, deleted: &Deleted, place: &Place, now: Timestamp) -> (ChatSeen, InboundEvent) {
        let event = InboundEvent {
            dedup_key: self.dedup_key(&format!("{}:deleted", deleted.id)),
            chat: place.chat(),
            sender: String::new(),
            sender_name: "Discord".to_owned(),
            text: format!("message {} was deleted", deleted.id),
            sent_at: now,
            is_from_me: false,
            is_bot: false,
            addressed: Addressed::No,
            kind: EventKind::Deleted,
            quote: None,
            files: Vec::new(),
            trace: None,
        };
        (place.seen(self.account, now), event)
    }

    /// A slash command: it reads as if it had been typed.
    pub(super) fn command(self, interaction: &Interaction, place: &Place) -> Option<(ChatSeen, InboundEvent)> {
        let data = interaction.data.as_ref().filter(|_| interaction.kind == 2)?;
        let member = interaction.member.as_ref();
        let user = interaction.user.as_ref().or_else(|| member?.user.as_ref())?;
        let options = data.options.iter().filter_map(|option| option.value.as_str());
        let words: Vec<&str> = std::iter::once(data.name.as_str()).chain(options).collect();
        let sent_at = interaction.id.made_at();
        let event = InboundEvent {
            dedup_key: self.dedup_key(&interaction.id.to_string()),
            chat: place.chat(),
            sender: user.id.to_string(),
            sender_name: display_name(user, member.and_then(|member| member.nick.as_deref())),
            text: format!("/{}", words.join(" ")),
            sent_at,
            is_from_me: false,
            is_bot: false,
            addressed: Addressed::Direct,
            kind: EventKind::Message,
            quote: None,
            files: Vec::new(),
            trace: None,
        };
        Some((place.seen(self.account, sent_at), event))
    }

    fn written(
        self,
        message: &Message,
        place: &Place,
        kind: EventKind,
        id: String,
    ) -> Option<(ChatSeen, InboundEvent)> {
        let is_bots = message.author.bot || message.webhook_id.is_some() || message.author.id == self.bot;
        if is_bots || !WRITTEN.contains(&message.kind) {
            return None;
        }
        let text = self.text(message);
        let files: Vec<IncomingFile> = message.attachments.iter().map(|file| incoming(message, file)).collect();
        if text.is_empty() && files.is_empty() {
            return None;
        }
        let nick = message.member.as_ref().and_then(|member| member.nick.as_deref());
        let sent_at = message.id.made_at();
        let event = InboundEvent {
            dedup_key: self.dedup_key(&id),
            chat: place.chat(),
            sender: message.author.id.to_string(),
            sender_name: display_name(&message.author, nick),
            text,
            sent_at,
            is_from_me: false,
            is_bot: false,
            addressed: self.addressed(message, place),
            kind,
            quote: message.referenced_message.as_deref().map(quote),
            files,
            trace: None,
        };
        Some((place.seen(self.account, sent_at), event))
    }

    /// A mention, or a reply to one of ours. `@everyone` is neither.
    fn addressed(self, message: &Message, place: &Place) -> Addressed {
        let replied = message.referenced_message.as_deref();
        let is_mentioned = message.mentions.iter().any(|user| user.id == self.bot)
            || self.tokens().iter().any(|token| message.content.contains(token))
            || replied.is_some_and(|replied| replied.author.id == self.bot);
        match (place.guild, is_mentioned) {
            (None, _) => Addressed::Direct,
            (Some(_), true) => Addressed::Mention,
            (Some(_), false) => Addressed::No,
        }
    }

    /// The text without what mentions us (DC-04), with what was forwarded or stuck on.
    fn text(self, message: &Message) -> String {
        let [plain, nick] = self.tokens();
        let mut text = message.content.replace(&plain, "").replace(&nick, "").trim().to_owned();
        for snapshot in &message.message_snapshots {
            add_line(&mut text, &format!("[Forwarded] {}", snapshot.message.content));
        }
        for sticker in &message.sticker_items {
            add_line(&mut text, &format!("[Sticker: {}]", sticker.name));
        }
        // Who only mentions us wants us all the same.
        if text.is_empty() && message.attachments.is_empty() {
            let own = message.mentions.iter().find(|user| user.id == self.bot);
            return own.map_or_else(String::new, |user| format!("@{}", user.username));
        }
        text
    }

    fn tokens(self) -> [String; 2] {
        [format!("<@{}>", self.bot), format!("<@!{}>", self.bot)]
    }

    fn dedup_key(self, id: &str) -> String {
        format!("{}:{}:{id}", super::NAME, self.account)
    }
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line.trim_end());
}

/// Nickname in the guild, else display name, else user name (DC-03).
pub(super) fn display_name(user: &User, nick: Option<&str>) -> String {
    nick.or(user.global_name.as_deref())
        .unwrap_or(&user.username)
        .to_owned()
}

fn quote(replied: &Message) -> Quote {
    let names = replied.attachments.iter().map(|file| incoming(replied, file).line());
    let lines: Vec<String> = std::iter::once(replied.content.clone()).chain(names).collect();
    Quote {
        sender_name: display_name(&replied.author, None),
        text: lines.join("\n").trim().to_owned(),
    }
}

/// The link of a file perishes within a day, so it is referred to by where it is (DC-05).
fn incoming(message: &Message, file: &Attachment) -> IncomingFile {
    let media_type = file
        .content_type
        .clone()
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    let kind = match media_type.split('/').next() {
        _ if file.waveform.is_some() => FileKind::Voice,
        Some("image") => FileKind::Image,
        Some("video") => FileKind::Video,
        Some("audio") => FileKind::Audio,
        _ => FileKind::Document,
    };
    IncomingFile {
        name: file.filename.clone(),
        media_type,
        bytes: file.size,
        kind,
        reference: format!("{}/{}/{}", message.channel_id, message.id, file.id),
    }
}
