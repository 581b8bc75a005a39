//! `relight assess`: numbers to verdicts, no images.

use std::io::Read;
use std::path::PathBuf;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use crate::verdict::assess_table;

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

pub(super) fn execute(arguments: &Arguments, global: &Global) -> Result<Outcome, Failure> {
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
    let assessed = assess_table(&name, &text, &settings.verdict).map_err(|error| Failure::new(Exit::Input, error))?;
    if global.json {
        print_json(&assessed.json())?;
    } else {
        print(assessed.tsv().as_bytes())?;
    }
    Ok(Outcome::done(format!("{} lesions judged", assessed.len())))
}
