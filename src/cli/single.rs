//! What the commands for a single series share: steps, caveats, last line.

use std::path::Path;

use super::exit::{Exit, Failure, print, print_json};
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

/// Prints the JSON, or the lesion table where there is one.
pub fn print_outcome(outcome: &SingleOutcome, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print_json(&outcome.json());
    }
    outcome.table().map_or(Ok(()), |table| print(table.as_bytes()))
}

/// Tells the caveats, one line each.
pub fn tell(voice: &Voice, outcome: &SingleOutcome) {
    for caveat in outcome.caveats() {
        voice.say(format!("caveat {}: {} {}", caveat.code, caveat.code.meaning(), caveat.detail).trim_end());
    }
}

/// The last line.
pub fn words(outcome: &SingleOutcome, output: &Path) -> String {
    let quality = outcome.quality().map(|quality| format!(", quality {quality}")).unwrap_or_default();
    format!("{} maps in {}{quality}", outcome.maps(), output.display())
}

/// Reads a number above zero: a weight, a height, a time.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}
