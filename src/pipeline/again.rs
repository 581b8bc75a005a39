//! What an output allows without an image: tell a clinical finding and judge again, draw the pages again, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::finished::{Finished, read_all};
use super::group::{StudyFacts, draw};
use super::judging::Judging;
use super::subject::VERSION;
use crate::dataset::{
    Annotation, AnnotationField, Annotations, Completion, DatasetError, Drawn, Log, OutputFolder, annotations_text,
    merge_sessions,
};
use crate::settings::Settings;
use crate::study::with_prefix;
use crate::verdict;

/// Why an output cannot be worked on again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// The output.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A session or a lesion that is not there.
    #[error("{asked} is not in the output; there {}", found_words(found))]
    NotThere {
        /// What was asked for.
        asked: String,
        /// What is there.
        found: Vec<String>,
    },
    /// A finding that cannot be recorded.
    #[error("{0}")]
    Finding(String),
    /// A session made by other settings or another version.
    #[error(
        "{session} was made with {what} {theirs}, and now {ours} is in force: give the settings of the run, or run the study again"
    )]
    Other {
        /// The session.
        session: String,
        /// Settings or version.
        what: &'static str,
        /// What it was made with.
        theirs: String,
        /// What is in force.
        ours: String,
    },
    /// A session whose files were changed.
    #[error("{session} is not what was written: {}; run it again", differences.join(", "))]
    Changed {
        /// The session.
        session: String,
        /// What differs.
        differences: Vec<String>,
    },
}

fn found_words(found: &[String]) -> String {
    match found {
        [] => "is none".to_owned(),
        [one] => format!("is {one}"),
        several => format!("are {}", several.join(", ")),
    }
}

/// A clinical finding to record.
#[derive(Debug, Clone)]
pub struct AnnotateOptions {
    /// The output.
    pub output: PathBuf,
    /// The subject, with or without `sub-`.
    pub participant: String,
    /// The session, with or without `ses-`; `None` where the subject has no sessions.
    pub session: Option<String>,
    /// Label of the lesion; `None` for the whole session.
    pub lesion: Option<String>,
    /// What is told.
    pub findings: Vec<(AnnotationField, String)>,
    /// Label of the person who tells it.
    pub by: String,
    /// The command line, for the log.
    pub command_line: Vec<String>,
}

/// What became of an annotation.
#[derive(Debug, Clone)]
pub struct Annotated {
    /// The session, such as `sub-01_ses-02`.
    pub session: String,
    /// The rows that it is about, judged again.
    pub lesions: Vec<Value>,
    /// Where what was told contradicts the study's tables, such as
    /// `lesion 1: histology: necrosis told by reader-1, tumor in the tables`.
    pub contradictions: Vec<String>,
}

/// Records findings at the end of `annotations.tsv` and judges the subject again.
///
/// The table comes first: should anything fail after it, the next run finds the session older than the table and does
/// it again, so that a recorded finding is never lost. Every file is replaced as a whole.
pub fn annotate(options: &AnnotateOptions, settings: &Settings) -> Result<Annotated, AgainError> {
    let output = OutputFolder::existing(&options.output)?;
    let judging = Judging { output: &output, settings, hash: settings.hash(), pdf: false };
    let participant_id = with_prefix("sub-", &options.participant);
    let session_id = options.session.as_deref().map(|session| with_prefix("ses-", session));
    let mut subjects = read_all(&output)?;
    let found: Vec<String> = subjects.keys().cloned().collect();
    let Some(mut sessions) = subjects.remove(&participant_id) else {
        return Err(AgainError::NotThere { asked: participant_id, found });
    };
    for session in &sessions {
        check(&judging, session)?;
    }
    let labels: Vec<String> = sessions.iter().map(|session| session.label.clone()).collect();
    let Some(session) = sessions.iter_mut().find(|session| session.session_id == session_id) else {
        let asked = format!("{participant_id}, {}", session_id.as_deref().unwrap_or("without a session label"));
        return Err(AgainError::NotThere { asked, found: labels });
    };
    let lesions: Vec<String> = session.lesions.iter().filter_map(|lesion| lesion.record.lesion.clone()).collect();
    if let Some(lesion) = options.lesion.as_ref().filter(|lesion| !lesions.contains(lesion)) {
        let found = lesions.iter().map(|lesion| format!("lesion {lesion}")).collect();
        return Err(AgainError::NotThere { asked: format!("lesion {lesion} of {}", session.label), found });
    }
    if options.findings.is_empty() {
        return Err(AgainError::Finding("nothing to record: expected a finding such as --symptoms new".to_owned()));
    }
    let told: Vec<Annotation> = options
        .findings
        .iter()
        .map(|(field, value)| Annotation {
            participant_id: participant_id.clone(),
            session_id: session_id.clone(),
            lesion: options.lesion.clone(),
            field: *field,
            value: value.clone(),
            by: options.by.clone(),
        })
        .collect();
    for annotation in &told {
        annotation.check().map_err(AgainError::Finding)?;
    }
    let mut log = Log::begin(output.root(), &options.command_line, 1)?;
    Annotations::append(output.root(), &told)?;
    let known = session.annotations.len();
    session.annotations.extend(told);
    session.completion.run_id = session.completion.measured_id.annotated(&annotations_text(&session.annotations));
    let mut contradictions = Vec::new();
    for lesion in &mut session.lesions {
        lesion.tell(&session.annotations, known)?;
        let label = lesion.record.lesion.as_deref().unwrap_or_default();
        let named =
            lesion.contradictions(&session.annotations).into_iter().map(|words| format!("lesion {label}: {words}"));
        contradictions.extend(named);
    }
    let label = session.label.clone();
    let sessions = with_pictures(&output, sessions)?;
    let kept = judging.kept_surveillance(&participant_id);
    let facts = StudyFacts::read(output.root())?;
    let failures = facts.as_ref().map_or_else(Vec::new, |facts| facts.failures_of(&participant_id));
    let judged = judging.write(sessions, None, &failures, |_| kept)?;
    let is_meant = |row: &Value| {
        row["session_id"].as_str() == session_id.as_deref()
            && options.lesion.as_ref().is_none_or(|lesion| row["lesion"].as_str() == Some(lesion))
    };
    let rows = judged.map(|judged| judged.lesions).unwrap_or_default().into_iter().filter(is_meant).collect();
    if let Some(facts) = StudyFacts::read(output.root())? {
        draw(&output, &read_all(&output)?, &facts, settings)?;
    }
    log.line(&format!("{label}: annotated"));
    Ok(Annotated { session: label, lesions: rows, contradictions })
}

/// Draws every page and figure again from what is on disk, with `pdf` also each subject's report on paper; returns the
/// pages' names.
pub fn report(root: &Path, pdf: bool, settings: &Settings) -> Result<Vec<String>, AgainError> {
    let output = OutputFolder::existing(root)?;
    let judging = Judging { output: &output, settings, hash: settings.hash(), pdf };
    let subjects = read_all(&output)?;
    if subjects.is_empty() {
        return Err(AgainError::NotThere { asked: "a finished session".to_owned(), found: Vec::new() });
    }
    for session in subjects.values().flatten() {
        check(&judging, session)?;
    }
    let mut pages = Vec::new();
    let facts = StudyFacts::read(output.root())?;
    if let Some(facts) = &facts {
        draw(&output, &subjects, facts, settings)?;
        pages.push("index.html".to_owned());
    }
    for (participant_id, sessions) in subjects {
        let kept = judging.kept_surveillance(&participant_id);
        let failures = facts.as_ref().map_or_else(Vec::new, |facts| facts.failures_of(&participant_id));
        judging.write(with_pictures(&output, sessions)?, None, &failures, |_| kept)?;
        pages.push(format!("{participant_id}.html"));
        let paper = format!("{participant_id}.pdf");
        if output.root().join(&paper).exists() {
            pages.push(paper);
        }
    }
    Ok(pages)
}

/// The sessions of one subject with what only its page shows.
fn with_pictures(output: &OutputFolder, sessions: Vec<Finished>) -> Result<Vec<Finished>, DatasetError> {
    let with = |session: Finished| {
        let folder = output.session(&session.participant_id, session.session_id.as_deref());
        session.with_pictures(&folder)
    };
    sessions.into_iter().map(with).collect()
}

/// What an output is, against its own records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Sessions that are what was written.
    pub whole: usize,
    /// Sessions that are not, with what differs.
    pub changed: BTreeMap<String, Vec<String>>,
    /// What differs in the tables of the study, and in what was drawn.
    pub study: Vec<String>,
}

/// Compares every session with its record, the study's table with the sessions', and the sessions with the annotations.
pub fn verify(root: &Path) -> Result<Verified, AgainError> {
    let output = OutputFolder::existing(root)?;
    let annotations = Annotations::read(output.root())?;
    let mut verified = Verified { whole: 0, changed: BTreeMap::new(), study: Vec::new() };
    for folder in output.session_folders()? {
        let label = super::finished::stem_of(&folder);
        let completion = match Completion::read(&folder, &label) {
            Ok(Some(completion)) => completion,
            Ok(None) => continue,
            Err(error) => {
                verified.changed.insert(label, vec![error.to_string()]);
                continue;
            }
        };
        let mut differences: Vec<String> =
            completion.differences(&folder, &label)?.iter().map(ToString::to_string).collect();
        match Finished::read(&folder, &annotations) {
            Ok(Some(session)) if completion.run_id != annotated_id(&session) => {
                differences.push("annotations.tsv tells more or less than the session was judged with".to_owned());
            }
            Ok(_) => {}
            Err(error) => differences.push(error.to_string()),
        }
        if differences.is_empty() {
            verified.whole += 1;
        } else {
            verified.changed.insert(label, differences);
        }
    }
    let subjects: BTreeSet<String> = output.session_folders()?.iter().map(|folder| subject_of(folder)).collect();
    for participant_id in subjects {
        match Drawn::read(output.root(), &participant_id) {
            Ok(Some(drawn)) => {
                verified.study.extend(drawn.differences(output.root()).iter().map(ToString::to_string));
            }
            Ok(None) => verified.study.push(format!("{participant_id}: the record of what was drawn is missing")),
            Err(error) => verified.study.push(error.to_string()),
        }
    }
    let table = output.root().join("lesions.tsv");
    if table.exists() {
        let text = std::fs::read_to_string(&table).unwrap_or_default();
        match merge_sessions(output.root(), &verdict::COLUMNS) {
            Ok(merged) if merged.text == text => {}
            Ok(_) => verified.study.push("lesions.tsv is not the sessions' tables put together".to_owned()),
            Err(error) => verified.study.push(error.to_string()),
        }
    }
    Ok(verified)
}

/// The subject of a session's folder.
fn subject_of(folder: &Path) -> String {
    let stem = super::finished::stem_of(folder);
    stem.split('_').next().unwrap_or_default().to_owned()
}

fn annotated_id(session: &Finished) -> crate::dataset::RunId {
    session.completion.measured_id.annotated(&annotations_text(&session.annotations))
}

/// Refuses an output with sessions that other settings or another version made: one page and one table may not hold
/// verdicts by different rules.
pub fn refuse_others(output: &OutputFolder, settings: &Settings) -> Result<(), AgainError> {
    let hash = settings.hash();
    for session in read_all(output)?.values().flatten() {
        same_rules(session, &hash)?;
    }
    Ok(())
}

/// A session is judged again only by what it was judged with, and only when it is what was written.
fn check(judging: &Judging<'_>, session: &Finished) -> Result<(), AgainError> {
    same_rules(session, &judging.hash)?;
    let completion = &session.completion;
    let folder = judging.output.session(&session.participant_id, session.session_id.as_deref());
    let differences = completion.differences(&folder, &session.label)?;
    let spoiled: Vec<String> = differences
        .iter()
        .filter(|difference| !matches!(difference, crate::dataset::Difference::Unrecorded(_)))
        .map(ToString::to_string)
        .collect();
    if !spoiled.is_empty() {
        return Err(AgainError::Changed { session: session.label.clone(), differences: spoiled });
    }
    if completion.run_id != annotated_id(session) {
        let differences = vec!["annotations.tsv tells more or less than it was judged with".to_owned()];
        return Err(AgainError::Changed { session: session.label.clone(), differences });
    }
    Ok(())
}

fn same_rules(session: &Finished, hash: &str) -> Result<(), AgainError> {
    let completion = &session.completion;
    for (what, theirs, ours) in
        [("version", completion.version.as_str(), VERSION), ("settings", completion.settings_hash.as_str(), hash)]
    {
        if theirs != ours {
            let short = |text: &str| text.chars().take(12).collect::<String>();
            return Err(AgainError::Other {
                session: session.label.clone(),
                what,
                theirs: short(theirs),
                ours: short(ours),
            });
        }
    }
    Ok(())
}
