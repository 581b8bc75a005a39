//! `relight explain`: what a rule, caveat, next step or reason means, with its source.

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use crate::dataset::lesions_schema;
use crate::{surveillance, verdict};

/// Explain a rule (B6, F2), a caveat, a reason, a next step, a source (S4), a schedule, a list of the sarcoma sources
/// (appropriateness, extent_of_disease, …) or an exit code.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The code to explain; without one, all codes are listed.
    code: Option<String>,
    /// Print the JSON schema of a session's lesion file (`*_lesions.json`).
    #[arg(long, conflicts_with = "code")]
    schema: bool,
}

pub(super) fn execute(arguments: &Arguments, global: &Global) -> Result<Outcome, Failure> {
    if arguments.schema {
        print_json(&lesions_schema(&verdict::COLUMNS))?;
        return Ok(Outcome::silent());
    }
    let Some(code) = &arguments.code else {
        let mut codes = verdict::codes();
        codes.extend(surveillance::codes());
        if global.json {
            print_json(&json!({ "codes": codes }))?;
        } else {
            print(format!("{}\n", codes.join("\n")).as_bytes())?;
        }
        return Ok(Outcome::silent());
    };
    let Some(explanation) = verdict::explain(code).or_else(|| surveillance::explain(code)) else {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("{}", unknown(code))));
    };
    if global.json {
        print_json(&json!({
            "code": code, "title": explanation.title, "text": explanation.text, "source": explanation.source,
        }))?;
    } else {
        let text = format!("{}\n\n{}\n\nSource: {}\n", explanation.title, explanation.text, explanation.source);
        print(text.as_bytes())?;
    }
    Ok(Outcome::silent())
}

fn unknown(code: &str) -> String {
    match verdict::suggestions(code).first() {
        Some(candidate) => format!("there is no code {code:?}; did you mean {candidate}?"),
        None => format!("there is no code {code:?}; `relight explain` lists them all"),
    }
}
