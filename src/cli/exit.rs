//! Exit codes and the last line: what became of the command, in a number and in words.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// The exit codes of the contract. A verdict is never one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done = 0,
    /// A defect of the program.
    Internal = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    /// No usable input; for single commands unreadable or invalid input.
    Input = 3,
    /// Every session failed.
    AllFailed = 4,
    /// Some sessions failed, the others are done.
    SomeFailed = 5,
    /// The output cannot be written, or is not ours.
    Output = 6,
    /// `--strict`, and a quality failure.
    Quality = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended without its result.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The chain of causes, outermost first.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure with its cause.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each cause once: an error whose text already holds its cause's text is not followed by it again.
        let mut printed = String::new();
        for cause in self.error.chain() {
            let text = cause.to_string();
            if printed.contains(&text) {
                continue;
            }
            if !printed.is_empty() {
                printed.push_str(": ");
            }
            printed.push_str(&text);
        }
        f.write_str(&printed)
    }
}

/// How a command ended with its result.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub exit: Exit,
    /// The last line on standard error; none where the output speaks for itself.
    pub words: Option<String>,
}

impl Outcome {
    /// Done, with a last line.
    pub fn done(words: impl Into<String>) -> Self {
        Self { exit: Exit::Done, words: Some(words.into()) }
    }

    /// Done, with nothing more to say.
    pub fn silent() -> Self {
        Self { exit: Exit::Done, words: None }
    }
}

/// Writes to standard output; a reader that has gone away is not an error.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::Output, error)),
        _ => Ok(()),
    }
}

/// Writes one JSON object and a newline to standard output.
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Internal, error))?;
    text.push('\n');
    print(text.as_bytes())
}
