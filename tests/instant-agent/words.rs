//! What is said: numbers found in a prompt, and the texts that name them again.

/// Numbers written as `#<digits>` in the messages of a prompt, in order. What was sent already is not a message.
pub(crate) fn numbers(prompt: &str) -> Vec<u64> {
    let messages = prompt.find("<messages>").map_or(prompt, |at| &prompt[at..]);
    let after_hash = messages.split('#').skip(1);
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    after_hash.filter_map(|part| digits(part).parse().ok()).collect()
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

fn list(numbers: &[u64]) -> String {
    let numbers: Vec<_> = numbers.iter().map(|number| format!("#{number}")).collect();
    numbers.join(" ")
}
