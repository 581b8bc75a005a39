//! What the commands for a single series share: steps, caveats, last line.

use std::path::{Path, PathBuf};

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use super::progress::Voice;
use crate::dataset::DatasetError;
use crate::lesion::Split;
use crate::pipeline::{CommonRequest, SessionError, SingleOutcome, Steps};

/// What every command for a single series is told.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Folder for the maps; made if it does not exist.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Lesion mask or label map; taken to the grid of the image by scanner coordinates.
    #[arg(long, value_name = "MASK")]
    lesions: Option<PathBuf>,
    /// How the mask becomes lesions: labels, components or whole.
    #[arg(long, value_name = "HOW")]
    split: Option<Split>,
    /// Replace files that relight did not write.
    #[arg(long)]
    force: bool,
}

impl Common {
    /// The same as a request.
    pub fn request(&self) -> CommonRequest {
        CommonRequest {
            lesions: self.lesions.clone(),
            split: self.split,
            output: self.output.clone(),
            force: self.force,
        }
    }
}

/// Runs a command's work with its steps told.
pub fn with_steps<T>(
    voice: &Voice,
    name: &str,
    work: impl FnOnce(&mut Steps<'_>) -> Result<T, SessionError>,
) -> Result<T, Failure> {
    let mut steps = Steps::new(voice, name, 2);
    work(&mut steps).map_err(|error| {
        let exit = match &error {
            SessionError::Output(DatasetError::Unreadable { .. }) => Exit::Input,
            SessionError::Output(_) => Exit::Output,
            _ => Exit::Input,
        };
        Failure::new(exit, error)
    })
}

/// The answer: one JSON object or the lesion table on standard output, the caveats and the last line on standard error.
pub fn answer(voice: &Voice, global: &Global, outcome: &SingleOutcome, output: &Path) -> Result<Outcome, Failure> {
    if global.json {
        print_json(&outcome.json())?;
    } else if let Some(table) = outcome.table() {
        print(table.as_bytes())?;
    }
    for caveat in outcome.caveats() {
        voice.say(format!("caveat {}: {} {}", caveat.code, caveat.code.meaning(), caveat.detail).trim_end());
    }
    let quality = outcome.quality().map(|quality| format!(", quality {quality}")).unwrap_or_default();
    let maps = if outcome.maps() == 1 { "map" } else { "maps" };
    Ok(Outcome::done(format!("{} {maps} in {}{quality}", outcome.maps(), output.display())))
}

/// Reads a number above zero: a weight, a height, a time.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}
