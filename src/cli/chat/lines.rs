//! Lines of an input that may contain anything.

use std::io;

use proto::inbound::TEXT_BYTES_MAX;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A message.
    Text(String),
    /// Longer than a message may be; the rest of it was skipped.
    TooLong,
    /// No UTF-8.
    NotText,
}

/// Reads lines, however they are cut into pieces, and never holds more than the longest message.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    too_long: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: Vec::new(),
            too_long: false,
        }
    }

    /// The next line; `None` at the end of input. Cancel-safe: what was read so far is kept.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let piece = self.input.fill_buf().await?;
            if piece.is_empty() {
                let nothing = self.line.is_empty() && !self.too_long;
                return Ok(if nothing { None } else { Some(self.take()) });
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let text = &piece[..end.unwrap_or(piece.len())];
            if self.line.len() + text.len() <= TEXT_BYTES_MAX {
                self.line.extend_from_slice(text);
            } else {
                self.too_long = true;
            }
            let read = end.map_or(piece.len(), |end| end + 1);
            self.input.consume(read);
            if end.is_some() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) {
            return Line::TooLong;
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_or(Line::NotText, Line::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(input: &[u8]) -> Vec<Line> {
        // A small buffer: lines come in pieces.
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(7, input));
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.expect("memory can be read") {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn every_line_is_read_whole_and_the_last_needs_no_end() {
        let text = |text: &str| Line::Text(text.to_owned());
        assert_eq!(
            read(b"hello world\r\n\nno end").await,
            [text("hello world"), text(""), text("no end")]
        );
        assert_eq!(read(b"").await, []);
    }

    #[tokio::test]
    async fn a_bad_line_does_not_spoil_the_next() {
        let mut input = vec![b'x'; TEXT_BYTES_MAX + 1];
        input.extend_from_slice(b"\n\xff\xfe\nok\n");
        assert_eq!(
            read(&input).await,
            [Line::TooLong, Line::NotText, Line::Text("ok".to_owned())]
        );
    }
}
