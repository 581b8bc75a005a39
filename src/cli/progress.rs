//! What is said on standard error: a bar with the time left on a terminal, one plain line per step elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print_json};
use crate::pipeline::Progress;

/// Everything that is printed on standard error goes through here.
pub struct Voice {
    level: Level,
    colored: bool,
    json: bool,
    bars: Option<Bars>,
    begun: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Quiet,
    Normal,
    Verbose,
}

/// The bars of a terminal: one for the study, one for each session at work.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    sessions: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Voice {
    /// The voice that the options ask for.
    pub(super) fn new(global: &Global) -> Self {
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Quiet,
            (_, true) => Level::Verbose,
            _ => Level::Normal,
        };
        let bars = (level == Level::Normal && std::io::stderr().is_terminal()).then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let total = ProgressBar::hidden();
            Bars { all, total, sessions: Mutex::new(BTreeMap::new()) }
        });
        Self { level, colored: global.colored(), json: global.json, bars, begun: Instant::now() }
    }

    /// A line, above the bars where there are some.
    pub fn say(&self, line: &str) {
        if self.level == Level::Quiet {
            return;
        }
        self.print(line);
    }

    fn print(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.all.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// The last line in words, and the exit code.
    pub fn conclude(self, outcome: Result<Outcome, Failure>) -> ExitCode {
        if let Some(bars) = &self.bars {
            bars.total.finish_and_clear();
        }
        match outcome {
            Ok(outcome) => {
                if let Some(words) = outcome.words {
                    let seconds = self.begun.elapsed().as_secs_f64();
                    let line = format!("relight: {words} ({seconds:.1} s)");
                    // Quiet is for what went well.
                    if outcome.exit == Exit::Done { self.say(&line) } else { self.print(&line) }
                }
                outcome.exit.into()
            }
            Err(failure) => {
                let (bold, plain) = if self.colored { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
                eprintln!("{bold}relight: error:{plain} {failure}");
                if self.json {
                    let object = json!({"error": failure.to_string(), "exit_code": failure.exit as u8});
                    // The command has failed already: a closed pipe changes nothing.
                    drop(print_json(&object));
                }
                failure.exit.into()
            }
        }
    }
}

impl Progress for Voice {
    fn begin(&self, sessions: usize) {
        let Some(bars) = &self.bars else { return };
        bars.total.set_length(sessions as u64);
        bars.total.set_style(style("{msg:12} {wide_bar} {pos}/{len} sessions, {eta} left"));
        bars.total.set_message("study");
        bars.all.add(bars.total.clone());
        bars.total.enable_steady_tick(Duration::from_millis(200));
    }

    fn step(&self, session: &str, step: &str, done: usize, steps: usize) {
        match &self.bars {
            Some(bars) => {
                let mut sessions = bars.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let bar = sessions.entry(session.to_owned()).or_insert_with(|| {
                    let bar = bars.all.insert_before(&bars.total, ProgressBar::new(steps as u64));
                    bar.set_style(style("{prefix:12} {bar:24} {msg}, {eta} left"));
                    bar.set_prefix(session.to_owned());
                    bar
                });
                bar.set_position(done as u64);
                bar.set_message(step.to_owned());
            }
            None => self.say(&format!("{session}: {step}")),
        }
    }

    fn end(&self, session: &str, words: &str) {
        if let Some(bars) = &self.bars {
            let mut sessions = bars.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(bar) = sessions.remove(session) {
                bar.finish_and_clear();
            }
            bars.total.inc(1);
        }
        self.say(&format!("{session}: {words}"));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ ")
}
