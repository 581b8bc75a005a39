//! `relight report`: the pages again, from what is on disk. `relight verify`: whether that is what was written.

use std::path::PathBuf;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print_json};
use super::progress::Voice;
use crate::dataset::DatasetError;
use crate::pipeline::{self, AgainError, Verified};

/// Draw the pages and figures again from what is on disk, without touching an image.
///
/// The settings must be those of the run (its hash stands on every page): a page never tells another verdict than the
/// tables beside it.
#[derive(Debug, clap::Args)]
pub struct ReportArguments {
    /// Output folder of `relight run`.
    output: PathBuf,
    /// Also draw each subject's report as a tagged PDF on A4 pages.
    #[arg(long)]
    pdf: bool,
}

/// Check an output against its recorded hashes, and say what changed since.
#[derive(Debug, clap::Args)]
pub struct VerifyArguments {
    /// Output folder of `relight run`.
    output: PathBuf,
}

pub(super) fn report(arguments: &ReportArguments, global: &Global) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let pages = pipeline::report(&arguments.output, arguments.pdf, &settings).map_err(failure)?;
    if global.json {
        print_json(&json!({ "pages": pages }))?;
    }
    let plural = if pages.len() == 1 { "page" } else { "pages" };
    Ok(Outcome::done(format!("{} {plural} drawn", pages.len())))
}

pub(super) fn verify(arguments: &VerifyArguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let Verified { whole, changed, study } = pipeline::verify(&arguments.output).map_err(failure)?;
    if global.json {
        print_json(&json!({ "whole": whole, "changed": changed, "study": study }))?;
    }
    for (session, differences) in &changed {
        voice.say(&format!("{session}: {}", differences.join("; ")));
    }
    for difference in &study {
        voice.say(difference);
    }
    let exit = match (whole, changed.len(), study.len()) {
        (0, 0, _) => Exit::Input,
        (_, 0, 0) => Exit::Done,
        (0, _, _) => Exit::AllFailed,
        _ => Exit::SomeFailed,
    };
    let words = format!("{whole} sessions as they were written, {} changed", changed.len());
    Ok(Outcome { exit, words: Some(words) })
}

pub(super) fn failure(error: AgainError) -> Failure {
    let exit = match &error {
        AgainError::Dataset(DatasetError::Unwritable { .. } | DatasetError::FileNotOurs { .. }) => Exit::Output,
        AgainError::Dataset(_)
        | AgainError::NotThere { .. }
        | AgainError::Finding(_)
        | AgainError::Other { .. }
        | AgainError::Changed { .. } => Exit::Input,
    };
    Failure::new(exit, error)
}
