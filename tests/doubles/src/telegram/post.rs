//! What a person posts.

use bytes::Bytes;
use serde_json::{Value, json};

use super::entities::{detect, entity, units};

/// A message that a person writes, before it is posted.
#[derive(Clone, Debug, Default)]
pub struct Post {
    pub(super) text: Option<String>,
    pub(super) caption: Option<String>,
    pub(super) entities: Vec<Value>,
    pub(super) thread: Option<i64>,
    pub(super) reply_to: Option<i64>,
    pub(super) file: Option<PostedFile>,
    /// Fields the API shows as they are.
    pub(super) fields: Value,
}

#[derive(Clone, Debug)]
pub(super) struct PostedFile {
    pub(super) kind: &'static str,
    pub(super) name: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) content: Bytes,
    pub(super) size: u64,
}

impl Post {
    /// A text; mentions, commands and links are found as Telegram finds them.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            entities: detect(text),
            ..Self::default()
        }
    }

    /// A file of a kind (`photo`, `document`, `voice`, `audio`, `video`, `video_note`, `animation`, `sticker`).
    #[must_use]
    pub fn file(kind: &'static str, name: Option<&str>, media_type: Option<&str>, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let size = content.len() as u64;
        Self {
            file: Some(PostedFile {
                kind,
                name: name.map(str::to_owned),
                media_type: media_type.map(str::to_owned),
                content,
                size,
            }),
            ..Self::default()
        }
    }

    /// Anything else: fields of a message as the API shows them, such as `location`, `contact` or `new_chat_members`.
    #[must_use]
    pub fn fields(fields: Value) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }

    /// With a caption.
    #[must_use]
    pub fn caption(mut self, caption: &str) -> Self {
        self.caption = Some(caption.to_owned());
        self.entities = detect(caption);
        self
    }

    /// Said to measure this many bytes.
    #[must_use]
    pub fn claimed_size(mut self, bytes: u64) -> Self {
        if let Some(file) = &mut self.file {
            file.size = bytes;
        }
        self
    }

    /// In a topic.
    #[must_use]
    pub fn topic(mut self, thread: i64) -> Self {
        self.thread = Some(thread);
        self
    }

    /// As a reply to a message of the chat.
    #[must_use]
    pub fn reply_to(mut self, message: i64) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// Names somebody without a username, by a word of the text.
    #[must_use]
    pub fn text_mention(mut self, word: &str, user_id: i64) -> Self {
        let text = self.text.as_deref().or(self.caption.as_deref()).unwrap_or_default();
        if let Some(at) = text.find(word) {
            let mut mention = entity("text_mention", units(&text[..at]), units(word));
            mention["user"] = json!({ "id": user_id, "is_bot": true, "first_name": word });
            self.entities.push(mention);
        }
        self
    }

    /// The message without author, chat and date; files by their id.
    pub(super) fn to_json(&self, file_id: Option<&str>) -> Value {
        let mut message = if self.fields.is_object() {
            self.fields.clone()
        } else {
            json!({})
        };
        let (text, entities) = match &self.text {
            Some(_) => ("text", "entities"),
            None => ("caption", "caption_entities"),
        };
        if let Some(said) = self.text.as_ref().or(self.caption.as_ref()) {
            message[text] = json!(said);
        }
        if !self.entities.is_empty() {
            message[entities] = json!(self.entities);
        }
        if let (Some(file), Some(id)) = (&self.file, file_id) {
            message[file.kind] = file.to_json(id);
        }
        message
    }
}

impl PostedFile {
    fn to_json(&self, id: &str) -> Value {
        let mut file = json!({ "file_id": id, "file_unique_id": id, "file_size": self.size });
        for (name, value) in [("file_name", &self.name), ("mime_type", &self.media_type)] {
            if let Some(value) = value {
                file[name] = json!(value);
            }
        }
        match self.kind {
            // A photo comes in several sizes, the largest last.
            "photo" => {
                let thumb = json!({ "file_id": format!("{id}s"), "file_unique_id": id, "width": 90, "height": 90, "file_size": 1_000 });
                file["width"] = json!(1_280);
                file["height"] = json!(960);
                json!([thumb, file])
            }
            "sticker" => {
                file["emoji"] = json!("😀");
                file
            }
            _ => file,
        }
    }
}
