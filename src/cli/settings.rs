//! `relight settings`: the commented defaults, a check of a file, or a JSON schema.

use std::path::PathBuf;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use crate::settings::{DEFAULTS, Settings, schema};

/// Print the commented defaults, check a settings file, or print its JSON schema.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Check a settings file: exit code 0 when it can be used, 2 with the reason when not.
    #[arg(long, value_name = "FILE", conflicts_with = "schema")]
    check: Option<PathBuf>,
    /// Print a JSON schema of the settings file.
    #[arg(long)]
    schema: bool,
}

pub(super) fn execute(arguments: &Arguments, global: &Global) -> Result<Outcome, Failure> {
    if arguments.schema {
        return print_json(&schema()).map(|()| Outcome::silent());
    }
    if let Some(path) = &arguments.check {
        let settings = Settings::load(Some(path)).map_err(|error| Failure::new(Exit::Usage, error))?;
        if global.json {
            print_json(&json!({"valid": true, "hash": settings.hash()}))?;
        }
        return Ok(Outcome::done(format!("{} can be used", path.display())));
    }
    if global.json {
        let settings = global.load_settings()?;
        let value = serde_json::to_value(&settings).map_err(|error| Failure::new(Exit::Internal, error))?;
        print_json(&value)?;
    } else {
        print(DEFAULTS.as_bytes())?;
    }
    Ok(Outcome::silent())
}
