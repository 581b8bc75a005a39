//! What the commands for a single series share: steps, caveats, last line.

use std::path::Path;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use super::progress::Voice;
use crate::dataset::DatasetError;
use crate::pipeline::{SessionError, SingleOutcome, Steps};

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
    Ok(Outcome::done(format!("{} maps in {}{quality}", outcome.maps(), output.display())))
}

/// Reads a number above zero: a weight, a height, a time.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}
