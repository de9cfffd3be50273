//! Mails as strangers' programs write them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BOUNDARY: &str = "----=_stranger_4711";

/// A mail that somebody sends.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The whole `From` header: `Ann <ann@example.org>`.
    pub from: String,
    /// The subject; one that is not ASCII is encoded.
    pub subject: String,
    /// The text, if there is one.
    pub text: Option<String>,
    /// The HTML, if there is one; with a text beside it, it is an alternative.
    pub html: Option<String>,
    /// Files: name, media type, bytes.
    pub files: Vec<(String, String, Vec<u8>)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

impl Mail {
    /// A plain mail.
    #[must_use]
    pub fn new(from: &str, subject: &str, text: &str) -> Self {
        Self {
            from: from.to_owned(),
            subject: subject.to_owned(),
            text: Some(text.to_owned()),
            html: None,
            files: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The same mail with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same mail with HTML.
    #[must_use]
    pub fn html(mut self, html: &str) -> Self {
        self.html = Some(html.to_owned());
        self
    }

    /// The same mail with a file.
    #[must_use]
    pub fn file(mut self, name: &str, media_type: &str, content: &[u8]) -> Self {
        self.files
            .push((name.to_owned(), media_type.to_owned(), content.to_vec()));
        self
    }

    pub(super) fn raw(&self, to: &str, message_id: &str) -> String {
        let mut raw = format!("From: {}\r\nTo: {to}\r\nMessage-ID: <{message_id}>\r\n", self.from);
        // Writing to a string cannot fail.
        let _ = write!(raw, "Subject: {}\r\nMIME-Version: 1.0\r\n", encoded(&self.subject));
        for (name, value) in &self.headers {
            let _ = write!(raw, "{name}: {value}\r\n");
        }
        if self.files.is_empty() {
            return raw + &self.body("alternative");
        }
        let _ = write!(
            raw,
            "Content-Type: multipart/mixed; boundary=\"{BOUNDARY}mixed\"\r\n\r\n"
        );
        let _ = write!(raw, "--{BOUNDARY}mixed\r\n{}\r\n", self.body("alternative"));
        for (name, media_type, content) in &self.files {
            let _ = write!(
                raw,
                "--{BOUNDARY}mixed\r\nContent-Type: {media_type}; name=\"{name}\"\r\nContent-Disposition: attachment; \
                 filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                STANDARD.encode(content)
            );
        }
        raw + &format!("--{BOUNDARY}mixed--\r\n")
    }

    fn body(&self, kind: &str) -> String {
        match (&self.text, &self.html) {
            (Some(text), Some(html)) => format!(
                "Content-Type: multipart/{kind}; boundary=\"{BOUNDARY}\"\r\n\r\n--{BOUNDARY}\r\n{}\r\n--{BOUNDARY}\r\n{}\r\n\
                 --{BOUNDARY}--\r\n",
                part("plain", text),
                part("html", html)
            ),
            (None, Some(html)) => part("html", html),
            (text, None) => part("plain", text.as_deref().unwrap_or_default()),
        }
    }
}

fn part(kind: &str, text: &str) -> String {
    format!(
        "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        STANDARD.encode(text)
    )
}

/// A header's text, encoded as RFC 2047 wants it where it is not ASCII.
fn encoded(text: &str) -> String {
    match text.is_ascii() {
        true => text.to_owned(),
        false => format!("=?UTF-8?B?{}?=", STANDARD.encode(text)),
    }
}
