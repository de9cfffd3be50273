//! What is said: numbers found in a prompt, and the texts that name them again.

/// Numbers written as `#<digits>` in the messages of a prompt, in order. What was sent already is not a message.
pub(crate) fn numbers(prompt: &str) -> Vec<u64> {
    let after_hash = messages(prompt).split('#').skip(1);
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    after_hash.filter_map(|part| digits(part).parse().ok()).collect()
}

/// Something to be done with a file of the workspace. Each is the rest of its message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish<'p> {
    /// `!write <name> <text>`.
    Write { name: &'p str, text: &'p str },
    /// `!fill <name> <KiB>`.
    Fill { name: &'p str, kibibytes: usize },
    /// `!read <name>`.
    Read { name: &'p str },
}

/// All of them, in order.
pub(crate) fn wishes(prompt: &str) -> impl Iterator<Item = Wish<'_>> {
    messages(prompt).split('!').skip(1).filter_map(|part| {
        let line = part.split(['<', '\n']).next()?.trim();
        let (verb, rest) = line.split_once(' ')?;
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "write" => Some(Wish::Write { name, text }),
            "fill" => Some(Wish::Fill {
                name,
                kibibytes: text.parse().ok()?,
            }),
            "read" => Some(Wish::Read { name }),
            _ => None,
        }
    })
}

pub(crate) fn wants_early(prompt: &str) -> bool {
    prompt.contains("!early")
}

/// The early message; the same for every attempt that sees the same messages.
pub(crate) fn early(numbers: &[u64]) -> String {
    format!("working on {}", list(numbers))
}

/// The answer.
pub(crate) fn answer(numbers: &[u64]) -> String {
    format!("answered {}", list(numbers))
}

fn messages(prompt: &str) -> &str {
    prompt.find("<messages>").map_or(prompt, |at| &prompt[at..])
}

fn list(numbers: &[u64]) -> String {
    let numbers: Vec<_> = numbers.iter().map(|number| format!("#{number}")).collect();
    numbers.join(" ")
}
