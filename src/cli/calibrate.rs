//! `relight calibrate`: cut-offs from lesions with known outcome.

use std::path::PathBuf;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use super::progress::Voice;
use crate::clinical::Pathway;
use crate::cohort::{Calibration, calibrate};
use crate::dataset::{hash_text, json_text, write_file};
use crate::pipeline::learn_landmarks;
use crate::report::figures::{reliability, roc};
use crate::settings::Settings;

/// Make cut-offs from a table of lesions with known outcome.
///
/// Reads any columns of lesions.tsv and one column with the known outcome (recurrence or radiation_necrosis; tumor,
/// necrosis, yes, no and the like are read too). For each measure: ROC curve with area and DeLong interval, Youden's
/// cut-off, cut-offs of a fixed sensitivity and specificity with the grey zone between them, accuracy
/// cross-validated over patients and corrected for optimism, Wilson intervals, bootstrap; for the estimated
/// probability its calibration; for the present rules sensitivity with indeterminate as a row of its own. Lesions of
/// one patient count as a cluster. A cohort that is too small is refused in words (exit code 3).
///
/// Writes settings.toml (for `--settings`), calibration.json, and a figure of each curve (SVG).
///
/// With --landmarks it learns, from rCBV maps of a cohort, the histogram landmarks of standardized rCBV instead
/// (Bedekar, MRM 2010;64:913) and writes settings.toml alone.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The table, tab-separated.
    #[arg(required_unless_present = "landmarks")]
    table: Option<PathBuf>,
    /// Column that holds the known outcome of each lesion; n/a rows are left out.
    #[arg(long, value_name = "COLUMN", required_unless_present = "landmarks")]
    truth: Option<String>,
    /// rCBV maps that are not normalized, one of each patient, all from one leakage model (such as
    /// *_desc-bsw_rcbv.nii.gz), NaN outside the brain: learn landmarks of standardized rCBV from them.
    #[arg(long, value_name = "MAP", num_args = 1.., conflicts_with_all = ["table", "truth"])]
    landmarks: Vec<PathBuf>,
    /// Folder for the results.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Write into a folder that holds files of others.
    #[arg(long)]
    force: bool,
}

/// The results' names.
const SETTINGS: &str = "settings.toml";
const CALIBRATION: &str = "calibration.json";
/// By this line a settings file is known as ours.
const OUR_HEAD: &str = "# Cut-offs of one's own, made by `relight calibrate`.";

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let (Some(table), Some(truth)) = (&arguments.table, &arguments.truth) else {
        return learn(arguments, &settings, global);
    };
    let name = table.display().to_string();
    let text = std::fs::read_to_string(table)
        .map_err(|error| Failure::new(Exit::Input, anyhow::anyhow!("{name}: {error}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let calibration = calibrate(text, truth, Some(Pathway::Glioma), &settings.cohort, &settings.verdict)
        .map_err(|error| Failure::new(Exit::Input, anyhow::Error::new(error).context(name)))?;
    check_ours(arguments)?;

    let hash = hash_text(text);
    let (known, unknown) = calibration.rows;
    let cohort = format!("table SHA-256 {hash}, column {}, n = {known}, date not recorded", truth);
    let mut files = vec![(SETTINGS.to_owned(), calibration.settings_file(&cohort))];
    let whole = json!({
        "table_sha256": hash,
        "settings_hash": settings.hash(),
        "version": env!("CARGO_PKG_VERSION"),
        "calibration": calibration,
    });
    files.push((CALIBRATION.to_owned(), json_text(&whole)));
    for cutoff in &calibration.cutoffs {
        let file = format!("roc_{}.svg", cutoff.measure.name().replace(['.', ' '], "_"));
        files.extend(roc::svg(cutoff).map(|drawing| (file, drawing)));
    }
    if let Some(found) = &calibration.posterior {
        files.extend(reliability::svg(found).map(|drawing| ("reliability.svg".to_owned(), drawing)));
    }
    for (file, content) in &files {
        write_file(&arguments.output.join(file), content.as_bytes())
            .map_err(|error| Failure::new(Exit::Output, error))?;
    }
    for note in &calibration.notes {
        voice.say(note);
    }
    if global.json {
        print_json(&whole)?;
    } else {
        print(summary(&calibration).as_bytes())?;
    }
    Ok(Outcome::done(format!(
        "{known} lesions with a known outcome, {unknown} without; cut-offs in {}",
        arguments.output.join(SETTINGS).display()
    )))
}

/// Landmarks of standardized rCBV from the maps of a cohort.
fn learn(arguments: &Arguments, settings: &Settings, global: &Global) -> Result<Outcome, Failure> {
    let landmarks =
        learn_landmarks(&arguments.landmarks, &settings.dsc).map_err(|error| Failure::new(Exit::Input, error))?;
    check_ours(arguments)?;
    let text = landmarks.settings_file(OUR_HEAD, "rCBV maps of one leakage model; dates not recorded");
    write_file(&arguments.output.join(SETTINGS), text.as_bytes()).map_err(|error| Failure::new(Exit::Output, error))?;
    if global.json {
        print_json(&json!({
            "percentiles": landmarks.percentiles,
            "landmarks": landmarks.landmarks,
            "maps": landmarks.maps,
        }))?;
    } else {
        print(text.as_bytes())?;
    }
    Ok(Outcome::done(format!("landmarks of {} maps in {}", landmarks.maps, arguments.output.join(SETTINGS).display())))
}

/// A folder is written into where it is new, empty, or holds nothing but a calibration of ours.
fn check_ours(arguments: &Arguments) -> Result<(), Failure> {
    let folder = &arguments.output;
    let Ok(mut entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let ours = std::fs::read_to_string(folder.join(SETTINGS)).is_ok_and(|text| text.starts_with(OUR_HEAD));
    if ours || arguments.force || entries.next().is_none() {
        return Ok(());
    }
    let words = format!(
        "{} is not empty and was not written by relight: choose an empty folder, or add --force",
        folder.display()
    );
    Err(Failure::new(Exit::Output, anyhow::anyhow!(words)))
}

fn summary(calibration: &Calibration) -> String {
    let share = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), |value| format!("{value:.2}"));
    let mut text = String::new();
    for cutoff in &calibration.cutoffs {
        let validated = cutoff.cross_validated.accuracy;
        text += &format!(
            "{}: area {:.2} ({}–{}); below {} necrosis, above {} recurrence; Youden {}: accuracy {} ({}–{}) cross-validated\n",
            cutoff.measure.name(),
            cutoff.auc.area,
            share(cutoff.auc.low),
            share(cutoff.auc.high),
            cutoff.grey_zone.low,
            cutoff.grey_zone.high,
            cutoff.youden,
            share(validated.share),
            share(validated.low),
            share(validated.high),
        );
        for warning in &cutoff.warnings {
            text += &format!("  Note: {warning}\n");
        }
    }
    for refusal in &calibration.refused {
        text += &format!("Left out: {}\n", refusal.words);
    }
    text
}
