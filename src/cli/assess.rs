//! `relight assess`: numbers to verdicts, no images.

use std::io::Read;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use super::progress::Voice;
use crate::clinical::Pathway;
use crate::verdict::assess;

/// Judge a table of lesions: numbers to verdicts, no images.
///
/// Reads any columns of lesions.tsv plus `tbr_cutoff` (a centre's single cut-off for MET) and `pathway` (glioma where
/// it is not given), passes unknown columns through, and prints the table as TSV with the verdict columns. Verdict
/// columns that stand there already are replaced in place. Missing is n/a.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The table, tab-separated; `-` reads standard input.
    table: PathBuf,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let name = arguments.table.display().to_string();
    let mut bytes = Vec::new();
    let read = if name == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(&arguments.table).map(|content| bytes = content)
    };
    read.map_err(|error| Failure::new(Exit::Input, anyhow::anyhow!("{name}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Input, anyhow::anyhow!("{name}: expected UTF-8 text, found other bytes")))?;
    let assessed = assess(&text, Some(Pathway::Glioma), &settings.verdict)
        .map_err(|error| Failure::new(Exit::Input, anyhow::Error::new(error).context(name)))?;
    for note in &assessed.notes {
        voice.say(note);
    }
    if global.json {
        let rows: Vec<Value> = assessed
            .rows
            .iter()
            .map(|(record, verdict)| {
                let mut row = record.json();
                row.extend(verdict.json([]));
                row.insert("explanation".to_owned(), verdict.explanation.clone().into());
                Value::Object(row)
            })
            .collect();
        print_json(&json!({ "lesions": rows }))?;
    } else {
        print(assessed.table.as_bytes())?;
    }
    let plural = if assessed.rows.len() == 1 { "lesion" } else { "lesions" };
    Ok(Outcome::done(format!("{} {plural} judged", assessed.rows.len())))
}
