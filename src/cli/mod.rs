//! The command line: what was typed becomes a request; the rooms do the work; the outcome becomes an exit code.

mod annotate;
mod asl;
mod assess;
mod calibrate;
mod dce;
mod dsc;
mod exit;
mod explain;
mod pet;
mod phantom;
mod progress;
mod register;
mod report;
mod run;
mod schedule;
mod settings;
mod single;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use serde_json::json;

pub use exit::{Exit, Failure};

/// Recurrence or radiation necrosis? From a folder of NIfTI studies to one page per lesion.
///
/// relight computes leakage-corrected, normalized rCBV from DSC-MRI, blood flow from ASL, enhancement and its kinetics
/// from DCE and tumor-to-background ratios from PET inside each lesion mask, judges them against configurable published cut-offs, and says why, how sure, and what next.
/// Research use only; not a medical device.
#[derive(Debug, Parser)]
#[command(name = "relight", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    global: Global,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
struct Global {
    /// Print exactly one JSON object on standard output.
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Say more about each step.
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = "Everywhere")]
    verbose: bool,
    /// Say nothing but errors.
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    quiet: bool,
    /// Color on standard error; NO_COLOR is honored.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    color: Color,
    /// Number of threads [default: all cores].
    #[arg(long, global = true, value_name = "N", help_heading = "Everywhere",
          value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Settings file; what it leaves out keeps its default (see `relight settings`).
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    settings: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Dsc(dsc::Arguments),
    Asl(asl::Arguments),
    Dce(dce::Arguments),
    Pet(pet::Arguments),
    Register(register::RegisterArguments),
    Resample(register::ResampleArguments),
    Assess(assess::Arguments),
    Annotate(annotate::Arguments),
    Report(report::ReportArguments),
    Verify(report::VerifyArguments),
    Schedule(schedule::Arguments),
    Calibrate(calibrate::Arguments),
    Phantom(phantom::Arguments),
    Settings(settings::Arguments),
    Explain(explain::Arguments),
    /// Write a shell completion script to standard output.
    Completions {
        /// The shell to complete for.
        shell: clap_complete::Shell,
    },
}

impl Global {
    /// Whether standard error may carry colors.
    fn colored(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }

    /// The settings in force: defaults, and what the user's file changes.
    fn load_settings(&self) -> Result<crate::settings::Settings, Failure> {
        crate::settings::Settings::load(self.settings.as_deref()).map_err(|error| Failure::new(Exit::Usage, error))
    }
}

/// Parses the process arguments, runs the command, prints the last line, and gives the exit code.
pub fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            // A closed pipe while printing help is not worth an error.
            drop(error.print());
            return if usage { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    if let Some(threads) = cli.global.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global();
        if let Err(error) = pool {
            eprintln!("relight: internal error: {error}");
            return Exit::Internal.into();
        }
    }
    let voice = progress::Voice::new(&cli.global);
    let outcome = guarded(|| execute(cli.command, &cli.global, &voice));
    voice.conclude(outcome)
}

fn execute(command: Command, global: &Global, voice: &progress::Voice) -> Result<exit::Outcome, Failure> {
    match command {
        Command::Run(arguments) => run::execute(&arguments, global, voice),
        Command::Dsc(arguments) => dsc::execute(&arguments, global, voice),
        Command::Asl(arguments) => asl::execute(&arguments, global, voice),
        Command::Dce(arguments) => dce::execute(&arguments, global, voice),
        Command::Pet(arguments) => pet::execute(&arguments, global, voice),
        Command::Register(arguments) => register::register(&arguments, global, voice),
        Command::Resample(arguments) => register::resample(&arguments, global, voice),
        Command::Assess(arguments) => assess::execute(&arguments, global, voice),
        Command::Annotate(arguments) => annotate::execute(&arguments, global, voice),
        Command::Report(arguments) => report::report(&arguments, global),
        Command::Verify(arguments) => report::verify(&arguments, global, voice),
        Command::Schedule(arguments) => schedule::execute(&arguments, global),
        Command::Calibrate(arguments) => calibrate::execute(&arguments, global, voice),
        Command::Phantom(arguments) => phantom::execute(&arguments, global, voice),
        Command::Settings(arguments) => settings::execute(&arguments, global),
        Command::Explain(arguments) => explain::execute(&arguments, global),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "relight", &mut script);
            let printed = if global.json {
                exit::print_json(&json!({"shell": shell.to_string(), "script": String::from_utf8_lossy(&script)}))
            } else {
                exit::print(&script)
            };
            printed.map(|()| exit::Outcome::silent())
        }
    }
}

/// Reads a day.
fn parse_day(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse().map_err(|_| format!("expected a day as YYYY-MM-DD, such as 2026-01-15; found {text:?}"))
}

/// A defect of the program ends in words and an exit code of its own, also where it is a panic.
fn guarded(work: impl FnOnce() -> Result<exit::Outcome, Failure>) -> Result<exit::Outcome, Failure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let problem = "internal error: this is a defect of relight; please report it with the lines above";
        Err(Failure::new(Exit::Internal, anyhow::anyhow!(problem)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_defect_is_exit_code_1_and_says_so() {
        let failure = guarded(|| panic!("a defect made by this test")).unwrap_err();
        assert_eq!(failure.exit as u8, 1);
        assert!(failure.to_string().contains("defect of relight"), "{failure}");
        assert_eq!(guarded(|| Ok(exit::Outcome::silent())).unwrap().exit, Exit::Done);
    }

    #[test]
    fn a_day_that_is_none_says_what_is_expected() {
        for words in [["run", "a", "b", "--as-of", "yesterday"], ["schedule", "rps", "x", "--from", "2026-13-01"]] {
            let words: Vec<&str> = words.into_iter().filter(|word| *word != "x").collect();
            let error = Cli::try_parse_from([&["relight"], &words[..]].concat()).unwrap_err().to_string();
            assert!(error.contains("YYYY-MM-DD"), "{error}");
        }
    }

    #[test]
    fn underscore_spellings_of_bids_apps_work() {
        let cli = Cli::try_parse_from(["relight", "run", "a", "b", "participant", "--participant_label", "01", "02"]);
        assert!(cli.is_ok(), "{:?}", cli.err());
    }
}
