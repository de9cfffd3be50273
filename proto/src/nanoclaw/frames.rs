//! Finds the outputs in the bytes of stdout (CR-13), whatever the chunks they arrive in.
//!
//! It works on bytes, so that a character split over two chunks survives (CR-D3), and it follows JSON's strings, so that an
//! answer may quote a marker without ending its frame (CR-D2): no valid JSON has a marker outside a string, nor a line break
//! inside one. Each byte is looked at once and at most [`OUTPUT_BYTES_MAX`] are held.
//!
//! Invariant: what comes out depends on the bytes only, never on how they were cut into chunks.

use super::output::{InvalidOutput, Output};

/// Begins an output.
pub const START_MARKER: &str = "---NANOCLAW_OUTPUT_START---";
/// Ends an output.
pub const END_MARKER: &str = "---NANOCLAW_OUTPUT_END---";
/// Largest output, in bytes: bounds what a hostile container can make the runner hold.
pub const OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How much of the bytes outside a frame is kept: enough to see a marker that was cut by a chunk.
const TAIL_BYTES: usize = START_MARKER.len();

/// What was found between two markers.
pub type Parsed = Result<Output, InvalidOutput>;

/// The parser of one container's stdout.
#[derive(Debug)]
pub struct FrameParser {
    state: State,
    /// Inside a frame its contents so far, else the last few bytes.
    held: Vec<u8>,
    output_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Ordinary output of programs.
    Outside,
    /// Inside a frame, outside a JSON string.
    Json,
    /// Inside a JSON string.
    Text,
    /// Inside a JSON string, after a backslash.
    Escape,
    /// Inside a frame already reported as invalid.
    Broken,
}

impl Default for FrameParser {
    fn default() -> Self {
        Self::with_limit(OUTPUT_BYTES_MAX)
    }
}

impl FrameParser {
    /// A parser that refuses outputs of more than `output_bytes_max` bytes.
    pub fn with_limit(output_bytes_max: usize) -> Self {
        Self {
            state: State::Outside,
            held: Vec::new(),
            output_bytes_max,
        }
    }

    /// Takes the next bytes of stdout and returns what they complete, in order.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Parsed> {
        chunk.iter().filter_map(|byte| self.step(*byte)).collect()
    }

    /// Says what was left incomplete when stdout ended.
    pub fn finish(&mut self) -> Option<InvalidOutput> {
        let inside = matches!(self.state, State::Json | State::Text | State::Escape);
        self.enter(State::Outside);
        inside.then_some(InvalidOutput::CutOff)
    }

    fn step(&mut self, byte: u8) -> Option<Parsed> {
        self.held.push(byte);
        match self.state {
            State::Outside => self.step_outside(),
            State::Json => self.step_json(byte),
            State::Text => self.step_text(byte),
            State::Escape => {
                self.state = State::Text;
                self.check_size()
            }
            State::Broken => self.step_broken(),
        }
    }

    fn step_outside(&mut self) -> Option<Parsed> {
        if self.held.ends_with(START_MARKER.as_bytes()) {
            self.enter(State::Json);
        }
        self.drop_all_but_the_tail();
        None
    }

    fn step_json(&mut self, byte: u8) -> Option<Parsed> {
        match byte {
            b'"' => self.state = State::Text,
            b'-' if self.held.ends_with(END_MARKER.as_bytes()) => {
                let parsed = Output::parse(&self.held[..self.held.len() - END_MARKER.len()]);
                self.enter(State::Outside);
                return Some(parsed);
            }
            b'-' if self.held.ends_with(START_MARKER.as_bytes()) => {
                self.enter(State::Json);
                return Some(Err(InvalidOutput::CutOff));
            }
            _ => {}
        }
        self.check_size()
    }

    fn step_text(&mut self, byte: u8) -> Option<Parsed> {
        match byte {
            b'"' => self.state = State::Json,
            b'\\' => self.state = State::Escape,
            b'\n' | b'\r' => {
                self.enter(State::Broken);
                return Some(Err(InvalidOutput::CutOff));
            }
            _ => {}
        }
        self.check_size()
    }

    fn step_broken(&mut self) -> Option<Parsed> {
        if self.held.ends_with(START_MARKER.as_bytes()) {
            self.enter(State::Json);
        } else if self.held.ends_with(END_MARKER.as_bytes()) {
            self.enter(State::Outside);
        }
        self.drop_all_but_the_tail();
        None
    }

    fn check_size(&mut self) -> Option<Parsed> {
        // The end marker is not part of the output, so it may reach beyond the limit.
        if self.held.len() < self.output_bytes_max + END_MARKER.len() {
            return None;
        }
        self.enter(State::Broken);
        Some(Err(InvalidOutput::TooLarge))
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        // A large answer is rare: its memory is given back.
        self.held = Vec::new();
    }

    fn drop_all_but_the_tail(&mut self) {
        if matches!(self.state, State::Outside | State::Broken) && self.held.len() >= 2 * TAIL_BYTES {
            self.held.drain(..self.held.len() - TAIL_BYTES);
        }
    }
}
