//! Line editing with a history, in a thread of its own: reading a terminal blocks.

use std::path::PathBuf;
use std::thread;

use anyhow::Context;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use tokio::sync::{mpsc, oneshot};

/// Lines that may wait to be sent while the node is away; then typing waits.
const WAITING_MAX: usize = 16;
/// Lines kept in the history file.
const HISTORY_MAX: usize = 1_000;

/// Prints above the prompt.
pub(super) type Printer = Box<dyn ExternalPrinter + Send>;

/// An editor that runs.
pub(super) struct Editor {
    /// Prints above the prompt.
    pub(super) printer: Printer,
    /// What was typed; ends with Ctrl-D.
    pub(super) lines: mpsc::Receiver<String>,
}

/// Starts editing. The thread ends with the input, or with the process.
pub(super) async fn start(prompt: String, history: PathBuf) -> anyhow::Result<Editor> {
    let (started, printer) = oneshot::channel();
    let (typed, lines) = mpsc::channel(WAITING_MAX);
    thread::Builder::new()
        .name("editor".to_owned())
        .spawn(move || match prepare(&history) {
            Ok((editor, printer)) => {
                if started.send(Ok(printer)).is_ok() {
                    edit(editor, &prompt, &history, &typed);
                }
            }
            // If nobody waits for it, nobody needs to know.
            Err(error) => drop(started.send(Err(error))),
        })
        .context("no thread for the editor")?;
    let printer = printer.await.context("the editor did not start")??;
    Ok(Editor { printer, lines })
}

fn prepare(history: &std::path::Path) -> anyhow::Result<(DefaultEditor, Printer)> {
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .history_ignore_space(true)
        .build();
    let mut editor = DefaultEditor::with_config(config).context("the terminal cannot be edited on")?;
    // There is none before the first line.
    let _ = editor.load_history(history);
    let printer = editor
        .create_external_printer()
        .context("the terminal cannot be printed on")?;
    Ok((editor, Box::new(printer)))
}

fn edit(mut editor: DefaultEditor, prompt: &str, history: &std::path::Path, typed: &mpsc::Sender<String>) {
    loop {
        match editor.readline(prompt) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                // Without a history the chat works as well.
                let _ = editor.save_history(history);
                if typed.blocking_send(line).is_err() {
                    return;
                }
            }
            // Ctrl-C takes back the line; Ctrl-D leaves.
            Err(ReadlineError::Interrupted) => {}
            Err(_) => return,
        }
    }
}
