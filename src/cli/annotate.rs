//! `relight annotate`: a clinical finding for a lesion that was measured, and the verdict with it.

use std::path::PathBuf;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print_json};
use super::progress::Voice;
use super::report::failure;
use crate::dataset::AnnotationField;
use crate::pipeline::{self, AgainError, AnnotateOptions};

/// Record a clinical finding for a lesion, and judge that lesion again.
///
/// The finding is added to annotations.tsv of the output, where no line is ever changed: of several findings about the
/// same thing the last one holds, and n/a withdraws it. Later runs keep what was recorded. Tables, provenance and pages
/// are written again; no image is read.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Output folder of `relight run`.
    output: PathBuf,
    /// The subject, with or without `sub-`.
    #[arg(long, alias = "participant_label", value_name = "LABEL")]
    participant_label: String,
    /// The session, with or without `ses-`; not given where the study has no sessions.
    #[arg(long, alias = "session_label", value_name = "LABEL")]
    session_label: Option<String>,
    /// Label of the lesion [default: all lesions of the session, for symptoms and therapy].
    #[arg(long, value_name = "N")]
    lesion: Option<String>,
    /// Symptoms at the visit: none, new, ambiguous, unknown or new_with_severe_oedema.
    #[arg(long, value_name = "WORD")]
    symptoms: Option<String>,
    /// Change of the steroid dose: up, none or down.
    #[arg(long, alias = "steroid_change", value_name = "WORD")]
    steroid_change: Option<String>,
    /// Anti-angiogenic therapy: yes or no.
    #[arg(long, value_name = "WORD")]
    antiangiogenic: Option<String>,
    /// Biopsy of this lesion: tumor, mixed or necrosis.
    #[arg(long, value_name = "WORD")]
    histology: Option<String>,
    /// Place against the radiotherapy field: inside, outside or margin.
    #[arg(long, alias = "rt_field", value_name = "WORD")]
    rt_field: Option<String>,
    /// Whether the enhancement is new or larger: yes, no or unknown.
    #[arg(long, alias = "new_enhancement", value_name = "WORD")]
    new_enhancement: Option<String>,
    /// Whether the margins are clear: clear or indeterminate.
    #[arg(long, value_name = "WORD")]
    margins: Option<String>,
    /// Label of the person who tells it; a pseudonym, never a name.
    #[arg(long, value_name = "LABEL")]
    by: String,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let told = [
        (AnnotationField::Symptoms, &arguments.symptoms),
        (AnnotationField::SteroidChange, &arguments.steroid_change),
        (AnnotationField::Antiangiogenic, &arguments.antiangiogenic),
        (AnnotationField::Histology, &arguments.histology),
        (AnnotationField::RtField, &arguments.rt_field),
        (AnnotationField::NewEnhancement, &arguments.new_enhancement),
        (AnnotationField::Margins, &arguments.margins),
    ];
    let findings = told.into_iter().filter_map(|(field, word)| Some((field, word.clone()?))).collect();
    let options = AnnotateOptions {
        output: arguments.output.clone(),
        participant: arguments.participant_label.clone(),
        session: arguments.session_label.clone(),
        lesion: arguments.lesion.clone(),
        findings,
        by: arguments.by.clone(),
        command_line: std::env::args().collect(),
    };
    let annotated = pipeline::annotate(&options, &settings).map_err(|error| match error {
        AgainError::Finding(_) => Failure::new(Exit::Usage, error),
        other => failure(other),
    })?;
    if reads_as_a_name(&arguments.by) {
        voice.say(&format!(
            "--by {:?} is stored as given, in annotations.tsv and on the page: give a role or an initial (reader-1, KL), never a person's name",
            arguments.by
        ));
    }
    for words in &annotated.contradictions {
        voice.say(&format!("{}, {words}: the last told word counts", annotated.session));
    }
    let verdicts: Vec<String> = annotated
        .lesions
        .iter()
        .map(|row| {
            let word = |column: &str| row[column].as_str().unwrap_or("n/a").replace('_', " ");
            format!("lesion {}: {} (rule {})", word("lesion"), word("verdict"), word("rule"))
        })
        .collect();
    if global.json {
        print_json(&json!({
            "session": annotated.session,
            "lesions": annotated.lesions,
            "contradictions": annotated.contradictions,
        }))?;
    }
    Ok(Outcome::done(format!("{} annotated; {}", annotated.session, verdicts.join("; "))))
}

/// Whether a label reads as the name of a person: two words of letters, or a title before a word.
fn reads_as_a_name(by: &str) -> bool {
    let words: Vec<&str> = by.split(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | '^')).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let is_title = |word: &&str| {
        ["dr", "md", "phd", "prof", "professor", "mr", "mrs", "ms"].contains(&word.to_lowercase().as_str())
    };
    let is_name = |word: &&str| {
        let mut letters = word.chars();
        letters.next().is_some_and(char::is_uppercase)
            && letters.clone().any(char::is_lowercase)
            && letters.all(|c| c.is_alphabetic() || matches!(c, '-' | '\''))
    };
    let names = words.iter().filter(|word| is_name(word) && !is_title(word)).count();
    names > 1 || (names == 1 && words.iter().any(is_title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_from_a_role() {
        for name in
            ["Dr. John Smith", "John Smith", "Smith^John", "Dr Smith", "Prof. O'Neil", "Smith, MD", "Anna-Maria Weber"]
        {
            assert!(reads_as_a_name(name), "{name}");
        }
        for role in ["reader-1", "KL", "R. 2", "neuroradiologist", "Reader 1", "tumor board", "Radiologist", "Dr. K."] {
            assert!(!reads_as_a_name(role), "{role}");
        }
    }
}
