//! `relight run`: the main job.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::civil::Date;
use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use super::progress::Voice;
use crate::clinical::Pathway;
use crate::lesion::Split;
use crate::pipeline::{self, Level, RunError, RunOptions};
use crate::study::Shard;

/// Read a study folder and leave one page per subject, maps and tables: the main job.
///
/// INPUT is a BIDS folder, or a worklist: a TSV with participant_id, session_id and paths. Everything but one series
/// and one lesion mask is optional; what is missing is named on the page and never imputed. Sessions whose inputs,
/// settings and version are unchanged are skipped. A session that fails is reported and leaves no output; the others
/// are done. A run that is stopped (Ctrl-C) keeps the sessions that are done: the same command goes on.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// BIDS folder, or worklist `.tsv`.
    input: PathBuf,
    /// Folder of the output dataset; made if it does not exist.
    output: PathBuf,
    /// Only sessions (`participant`), or only the study page and table from finished sessions (`group`)
    /// [default: both].
    level: Option<AnalysisLevel>,
    /// Only these subjects, with or without `sub-`.
    #[arg(long, alias = "participant_label", value_name = "LABEL", num_args = 1..)]
    participant_label: Vec<String>,
    /// Only these sessions, with or without `ses-`.
    #[arg(long, alias = "session_label", value_name = "LABEL", num_args = 1..)]
    session_label: Vec<String>,
    /// Derivatives pipeline that holds the lesion masks, where several do.
    #[arg(long, value_name = "PIPELINE")]
    lesions: Option<String>,
    /// How a mask becomes lesions: `labels` of a label map, 26-connected `components` (pieces closer than 5 mm are
    /// joined), or the `whole` mask [default: labels for a label map, components for a binary mask].
    #[arg(long, value_name = "HOW")]
    split: Option<Split>,
    /// Decision table of every subject: glioma, metastasis or sarcoma [default: what the study tells of each].
    #[arg(long, value_name = "PATHWAY")]
    pathway: Option<Pathway>,
    /// Only the i-th of n parts of the subjects, such as 2/8.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Say what was found and what is missing, and stop.
    #[arg(long, alias = "dry_run")]
    dry_run: bool,
    /// Skip sessions whose inputs, settings and version are unchanged (the default).
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Redo every session, and write into a folder that holds files of others.
    #[arg(long)]
    force: bool,
    /// A failed quality check is exit code 7.
    #[arg(long)]
    strict: bool,
    /// Memory that sessions at work may take together, such as 8G or 500M [default: 4G].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Day against which follow-up windows are told, YYYY-MM-DD [default: the latest acq_time of the study].
    #[arg(long, alias = "as_of", value_name = "DATE", value_parser = super::parse_day)]
    as_of: Option<Date>,
    /// Also draw each subject's report as a tagged PDF on A4 pages (`sub-*.pdf`).
    #[arg(long)]
    pdf: bool,
    /// Tell every date as days since the subject's first scan (`day 54`) in tables, files and pages; the true dates
    /// then stand in no output. Follow-up windows of the study page are not told, as each subject counts its own days.
    #[arg(long, alias = "relative_dates")]
    relative_dates: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AnalysisLevel {
    Participant,
    Group,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let options = RunOptions {
        input: arguments.input.clone(),
        output: arguments.output.clone(),
        level: match arguments.level {
            None => Level::Both,
            Some(AnalysisLevel::Participant) => Level::Participant,
            Some(AnalysisLevel::Group) => Level::Group,
        },
        participants: arguments.participant_label.clone(),
        sessions: arguments.session_label.clone(),
        lesions: arguments.lesions.clone(),
        split: arguments.split,
        pathway: arguments.pathway,
        shard: arguments.shard,
        force: arguments.force,
        memory: arguments.memory,
        as_of: arguments.as_of,
        pdf: arguments.pdf,
        relative_dates: arguments.relative_dates,
        command_line: std::env::args().collect(),
    };
    if arguments.dry_run {
        let inventory = pipeline::inventory(&options, &settings).map_err(failure)?;
        if global.json {
            print_json(&inventory.json())?;
        } else {
            print(inventory.describe().as_bytes())?;
        }
        return Ok(Outcome::done("dry run: nothing was written"));
    }
    let summary = pipeline::run(&options, &settings, voice).map_err(failure)?;
    if global.json {
        print_json(&json!({
            "output": arguments.output.display().to_string(),
            "sessions": {
                "done": summary.done, "skipped": summary.skipped, "failed": summary.failures.len(),
            },
            "failures": summary.failures.iter().map(|(session, reason)| json!({"session": session, "reason": reason}))
                .collect::<Vec<_>>(),
            "lesions": summary.lesions,
            "audit": summary.page.as_ref().map(|page| &page.audit),
        }))?;
    }
    let exit = match (summary.done + summary.skipped, summary.failures.len()) {
        (0, failed) if failed > 0 => Exit::AllFailed,
        (_, failed) if failed > 0 => Exit::SomeFailed,
        _ if arguments.strict && summary.quality_failures > 0 => Exit::Quality,
        _ => Exit::Done,
    };
    Ok(Outcome { exit, words: Some(summary.words()) })
}

fn failure(error: RunError) -> Failure {
    let exit = match &error {
        RunError::Study(_) | RunError::NothingToDo { .. } => Exit::Input,
        RunError::Dataset(_) | RunError::Other(_) => Exit::Output,
    };
    Failure::new(exit, error)
}

/// Reads `500M` or `8G` as bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a size such as 500M or 8G, found {text:?}");
    let (digits, factor) = match text.trim_end_matches(['B', 'b', 'i']).char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_u64 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let number: f64 = digits.trim().parse().map_err(|_| expected())?;
    if !(number.is_finite() && number > 0.0) {
        return Err(expected());
    }
    Ok((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_binary_units() {
        assert_eq!(parse_size("500M"), Ok(500 << 20));
        assert_eq!(parse_size("1.5G"), Ok(3 << 29));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert!(parse_size("-1G").is_err());
        assert!(parse_size("much").is_err());
    }
}
