//! What was seen from outside.

use std::time::Instant;

/// A call of the model.
#[derive(Clone, Debug)]
pub struct Call {
    /// Group that it was for.
    pub group: String,
    /// Claim under which its sandbox was started.
    pub epoch: u64,
    /// Sandbox, and process in it.
    pub sandbox: String,
    /// Numbers of the messages in its prompt.
    pub numbers: Vec<u64>,
    /// When it arrived.
    pub began: Instant,
    /// When it was answered or given up.
    pub ended: Option<Instant>,
}

impl Call {
    /// Reads who calls: `clawhold-<install>-<group>-i<incarnation>-e<epoch> <pid> <turn>`.
    pub(super) fn begin(who: &str, prompt: &str) -> Self {
        let name = who.split(' ').next().unwrap_or_default();
        let read = || {
            let (rest, epoch) = name.rsplit_once("-e")?;
            let (rest, _) = rest.rsplit_once("-i")?;
            let group = rest.strip_prefix("clawhold-")?.split_once('-')?.1;
            Some((group.to_owned(), epoch.parse().ok()?))
        };
        let (group, epoch) = read().unwrap_or_else(|| panic!("a call by nobody we know: {who:?}"));
        Self {
            group,
            epoch,
            sandbox: name.to_owned(),
            numbers: numbers(prompt),
            began: Instant::now(),
            ended: None,
        }
    }
}

/// A reply that the platform took.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// The reply's id: the same id is the same reply.
    pub id: String,
    /// Room it was for.
    pub room: usize,
    /// Its text.
    pub text: String,
    /// When it came.
    pub at: Instant,
    /// How often it came.
    pub times: usize,
}

impl Spoken {
    /// Numbers that it answers, in order; none for an early message or a notice.
    pub fn answers(&self) -> Vec<u64> {
        let Some(list) = self.text.strip_prefix("answered ") else {
            return Vec::new();
        };
        list.split(" #")
            .map(|number| number.trim_start_matches('#').parse().unwrap())
            .collect()
    }
}

/// Numbers written as `#<digits>` in the messages of a prompt.
fn numbers(prompt: &str) -> Vec<u64> {
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    prompt
        .split('#')
        .skip(1)
        .filter_map(|part| digits(part).parse().ok())
        .collect()
}
