//! The study as a whole: its subjects, their sessions, and which file serves as what.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::civil::Date;
use serde_json::Value;

use super::assemble::{add_derivatives, add_images, note_missing};
use super::entities::with_prefix;
use super::error::StudyError;
use super::facts::{LesionFacts, ParticipantFacts, SessionFacts};
use super::file::InputFile;
use super::folder::{self, Pipeline};
use super::pathway::{PathwayChoice, choose_pathway};
use super::role::Role;
use super::session::{Ignored, SessionInputs};
use super::settings::Settings;
use super::sidecar::{StudySidecars, read_json};
use super::tables::Table;
use super::worklist;
use crate::clinical::Pathway;
use crate::day::relative;

/// Which part of a study is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StudyOptions {
    /// Subjects, with or without `sub-`; empty for all.
    pub participant_labels: Vec<String>,
    /// Sessions, with or without `ses-`; empty for all.
    pub session_labels: Vec<String>,
    /// The derivative that lesion masks come from.
    pub lesions: Option<String>,
    /// The pathway of every subject.
    pub pathway: Option<Pathway>,
    /// A share of the subjects.
    pub shard: Option<Shard>,
}

/// One of several equal shares of the subjects: every `count`-th in order of their labels, whole subjects only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// Share `index` (from 1) of `count`; `None` where that does not exist.
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (1..=count).contains(&index).then_some(Self { index, count })
    }

    fn holds(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        parts
            .and_then(|(index, count)| Self::new(index, count))
            .ok_or_else(|| format!("expected i/n with i from 1 to n, such as 2/8; found {text:?}"))
    }
}

/// In which form a study was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudyForm {
    /// A BIDS folder.
    Folder,
    /// A worklist.
    Worklist,
}

/// A study: what is asked for of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The folder that relative paths start from.
    pub root: PathBuf,
    /// In which form it was given.
    pub form: StudyForm,
    /// `Name` of its `dataset_description.json`, or the name of the folder or worklist.
    pub title: String,
    /// The derivative that lesion masks come from; `.` is `derivatives/` itself.
    pub lesion_pipeline: Option<String>,
    /// Subjects in order of their labels.
    pub subjects: Vec<Subject>,
    /// What a reader should look at, such as a column whose name is nearly one that is read.
    pub notes: Vec<String>,
}

/// One subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// `sub-…`.
    pub participant_id: String,
    /// What the participants table tells.
    pub facts: ParticipantFacts,
    /// The pathway, and why.
    pub pathway: PathwayChoice,
    /// Sessions in order of their labels.
    pub sessions: Vec<SessionInputs>,
}

impl Subject {
    /// The day of the first scan.
    pub fn first_scan(&self) -> Option<Date> {
        self.sessions.iter().filter_map(SessionInputs::date).min()
    }

    /// Every date of the subject as days since a first scan; without one no day can be told, and none is.
    fn tell_relative(&mut self, first_scan: Option<Date>) {
        let shift = |day: &mut Option<Date>| *day = day.and_then(|day| relative(day, first_scan?));
        shift(&mut self.facts.resection_date);
        shift(&mut self.facts.rt_end);
        for session in &mut self.sessions {
            shift(&mut session.facts.date);
        }
    }

    /// What the tables tell of one of the subject's sessions, as a text that changes when any of it does: part of the
    /// session's run identifier.
    pub fn facts_text(&self, session: &SessionInputs) -> String {
        let Self { facts, pathway, .. } = self;
        let SessionInputs { facts: visit, body, lesion_facts, row_facts, .. } = session;
        format!("{facts:?}\n{:?}\n{visit:?}\n{body:?}\n{lesion_facts:?}\n{row_facts:?}\n", pathway.pathway)
    }
}

impl Study {
    /// Opens a BIDS folder or a worklist and lists what it holds. No image is opened.
    ///
    /// A fault of one session is kept in its [`SessionInputs::problems`]; a fault of the whole study is the error.
    pub fn open(path: &Path, options: &StudyOptions, settings: &Settings) -> Result<Self, StudyError> {
        settings.check()?;
        let is_table = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
        if path.is_dir() {
            Self::open_folder(path, options, settings)
        } else if is_table && path.is_file() {
            Self::open_worklist(path, options, settings)
        } else {
            let problem = if path.exists() { "is neither a folder nor a .tsv worklist" } else { "does not exist" };
            let file = InputFile::lone(path).relative().to_owned();
            Err(StudyError::Unreadable { file, problem: problem.to_owned() })
        }
    }

    /// All sessions, in order.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionInputs> {
        self.subjects.iter().flat_map(|subject| &subject.sessions)
    }

    /// Every date as days since its subject's first scan in `whole`, the study with all its sessions.
    pub fn tell_relative(&mut self, whole: &Self) {
        let first_of = |participant_id: &str| {
            whole.subjects.iter().find(|subject| subject.participant_id == participant_id).and_then(Subject::first_scan)
        };
        for subject in &mut self.subjects {
            let first_scan = first_of(&subject.participant_id);
            subject.tell_relative(first_scan);
        }
    }

    /// The latest date of a session: the day against which windows are told by default.
    pub fn latest_date(&self) -> Option<Date> {
        self.sessions().filter_map(SessionInputs::date).max()
    }

    fn open_folder(root: &Path, options: &StudyOptions, settings: &Settings) -> Result<Self, StudyError> {
        let all = folder::subject_folders(root)?;
        if all.is_empty() {
            let study = InputFile::lone(root).relative().to_owned();
            return Err(StudyError::NoSubjects { study, expected: "folders named sub-* in it" });
        }
        let pipelines = folder::pipelines(root, settings)?;
        let lesion_pipeline = lesion_pipeline(root, &pipelines, &all, options, settings)?;
        let sidecars = StudySidecars::open(root)?;
        let participants = table(root, "participants.tsv")?;
        let mut notes: Vec<String> = Vec::new();
        let known = match &participants {
            Some(table) => {
                notes.extend(nearly_read(table, &[ParticipantFacts::COLUMNS, SessionFacts::COLUMNS]));
                table.rows_by("participant_id", |label| with_prefix("sub-", label))?
            }
            None => Default::default(),
        };
        let mut subjects = Vec::new();
        for participant_id in selected(&all, options)? {
            let mut found = folder::subject_files(root, &participant_id, &pipelines)?;
            let mut problems: Vec<StudyError> = Vec::new();
            let mut caveats = Vec::new();
            let row = known.get(&participant_id);
            if let (Some(table), None) = (&participants, row) {
                notes.push(format!("{} has no line for {participant_id}", table.file()));
            }
            let facts = match row.map(|row| ParticipantFacts::read(row, &mut caveats)) {
                Some(Ok(facts)) => facts,
                Some(Err(problem)) => {
                    problems.push(problem);
                    ParticipantFacts::default()
                }
                None => ParticipantFacts::default(),
            };
            let labels: std::collections::BTreeSet<Option<String>> =
                found.images.keys().chain(found.derivatives.keys()).chain(found.problems.keys()).cloned().collect();
            let labels = if labels.is_empty() { [None].into() } else { labels };
            let session_table = match table(root, &format!("{participant_id}/{participant_id}_sessions.tsv")) {
                Ok(table) => table,
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            };
            let session_rows = match &session_table {
                Some(table) => {
                    notes.extend(nearly_read(table, &[SessionFacts::COLUMNS]));
                    table.rows_by("session_id", |label| with_prefix("ses-", label)).unwrap_or_else(|problem| {
                        problems.push(problem);
                        Default::default()
                    })
                }
                None => Default::default(),
            };
            let mut sessions = Vec::new();
            for label in labels {
                let mut session = SessionInputs::new(&participant_id, label.clone());
                session.problems = problems.clone();
                session.problems.extend(found.problems.remove(&label).unwrap_or_default());
                session.caveats.clone_from(&caveats);
                let row = match &label {
                    Some(label) => session_rows.get(label),
                    // A subject without sessions has its one visit told in the participants table.
                    None => row,
                };
                if let (Some(table), Some(label), None) = (&session_table, &label, row) {
                    notes.push(format!("{} has no line for {label}", table.file()));
                }
                match row.map(SessionFacts::read) {
                    Some(Ok(facts)) => session.facts = facts,
                    Some(Err(problem)) => session.problems.push(problem),
                    None => {}
                }
                session.body = facts.body;
                session.body.weight = session.facts.weight.or(facts.body.weight);
                add_images(&mut session, found.images.remove(&label).unwrap_or_default(), &sidecars, settings);
                let derivatives = found.derivatives.remove(&label).unwrap_or_default();
                add_derivatives(&mut session, derivatives, lesion_pipeline.as_deref(), settings);
                note_missing(&mut session, |role| Some(role.pattern().to_owned()));
                sessions.push(session);
            }
            notes.extend(
                found.ignored.drain(..).map(|Ignored { file, reason }| format!("{file} is not used: {reason}")),
            );
            let pathway = choose_pathway(options.pathway, facts.pathway, facts.diagnosis.as_deref(), settings);
            subjects.push(Subject { participant_id, facts, pathway, sessions });
        }
        keep_sessions(&mut subjects, options)?;
        let title = title(root)?;
        Ok(Self { root: root.to_path_buf(), form: StudyForm::Folder, title, lesion_pipeline, subjects, notes })
    }

    fn open_worklist(path: &Path, options: &StudyOptions, settings: &Settings) -> Result<Self, StudyError> {
        let file = InputFile::lone(path);
        let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let table = Table::read(&file)?;
        let mut rows = worklist::read(&table, root, settings)?;
        if rows.is_empty() {
            let study = file.relative().to_owned();
            return Err(StudyError::NoSubjects { study, expected: "a line with participant_id for each session" });
        }
        let files: Vec<&str> = Role::ALL.iter().filter_map(|role| role.column()).chain(["tracer"]).collect();
        let read = [ParticipantFacts::COLUMNS, SessionFacts::COLUMNS, LesionFacts::COLUMNS, &files];
        let notes = nearly_read(&table, &read);
        let all: Vec<String> = rows.keys().cloned().collect();
        let mut subjects = Vec::new();
        for participant_id in selected(&all, options)? {
            let Some((facts, mut sessions)) = rows.remove(&participant_id) else { continue };
            for session in &mut sessions {
                note_missing(session, |role| Some(format!("column {}", role.column()?)));
            }
            let pathway = choose_pathway(options.pathway, facts.pathway, facts.diagnosis.as_deref(), settings);
            subjects.push(Subject { participant_id, facts, pathway, sessions });
        }
        keep_sessions(&mut subjects, options)?;
        let title = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let (root, form, lesion_pipeline) = (root.to_path_buf(), StudyForm::Worklist, None);
        Ok(Self { root, form, title, lesion_pipeline, subjects, notes })
    }
}

/// The one derivative with lesion masks. It is looked for over all subjects, so that every share of a study agrees.
fn lesion_pipeline(
    root: &Path,
    pipelines: &[Pipeline],
    subjects: &[String],
    options: &StudyOptions,
    settings: &Settings,
) -> Result<Option<String>, StudyError> {
    let mut with_masks: Vec<String> = Vec::new();
    for pipeline in pipelines {
        if folder::holds_lesions(root, pipeline, subjects, settings)? {
            with_masks.push(pipeline.name.clone());
        }
    }
    match &options.lesions {
        Some(name) if with_masks.contains(name) => Ok(Some(name.clone())),
        Some(name) => Err(StudyError::UnknownPipeline { name: name.clone(), available: with_masks }),
        None if with_masks.len() > 1 => Err(StudyError::SeveralPipelines { pipelines: with_masks }),
        None => Ok(with_masks.pop()),
    }
}

/// The subjects that are asked for: by label, then by share.
fn selected(all: &[String], options: &StudyOptions) -> Result<Vec<String>, StudyError> {
    let wanted = known_labels("sub-", &options.participant_labels, all)?;
    let chosen = all.iter().filter(|label| wanted.is_empty() || wanted.contains(label));
    let share = |(place, _): &(usize, &String)| options.shard.is_none_or(|shard| shard.holds(*place));
    Ok(chosen.enumerate().filter(share).map(|(_, label)| label.clone()).collect())
}

/// Keeps the sessions that are asked for, and the subjects that have any of them.
fn keep_sessions(subjects: &mut Vec<Subject>, options: &StudyOptions) -> Result<(), StudyError> {
    if options.session_labels.is_empty() {
        return Ok(());
    }
    let sessions = subjects.iter().flat_map(|subject| &subject.sessions);
    let mut all: Vec<String> = sessions.filter_map(|session| session.session_id.clone()).collect();
    all.sort();
    all.dedup();
    // A share of the subjects may lack a session that the others have.
    let wanted: Vec<String> = match options.shard {
        Some(_) => options.session_labels.iter().map(|label| with_prefix("ses-", label)).collect(),
        None => known_labels("ses-", &options.session_labels, &all)?,
    };
    for subject in subjects.iter_mut() {
        subject.sessions.retain(|session| session.session_id.as_ref().is_some_and(|label| wanted.contains(label)));
    }
    subjects.retain(|subject| !subject.sessions.is_empty());
    Ok(())
}

/// Labels with their prefix; one that does not exist is an error that names the nearest.
fn known_labels(prefix: &str, labels: &[String], all: &[String]) -> Result<Vec<String>, StudyError> {
    let mut known = Vec::new();
    for label in labels {
        let label = with_prefix(prefix, label);
        if !all.contains(&label) {
            let suggestion = nearest_label(&label, all).cloned();
            return Err(StudyError::UnknownLabel { label, suggestion, available: all.to_vec() });
        }
        known.push(label);
    }
    Ok(known)
}

/// The most similar word, where one is similar at all.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILAR: f64 = 0.85;
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

/// The label nearest to an unknown one; `None` where none is near. What all labels begin with (`sub-`) says nothing, and
/// one slip in four characters is what a person mistypes: `99` is not near `01`.
fn nearest_label<'a>(label: &str, known: &'a [String]) -> Option<&'a String> {
    const CHARACTERS_PER_SLIP: usize = 4;
    let bare = |label: &'a str| label.split_once('-').map_or(label, |(_, rest)| rest);
    let wanted = label.split_once('-').map_or(label, |(_, rest)| rest);
    let length = wanted.chars().count();
    if length < 2 {
        return None;
    }
    known
        .iter()
        .map(|known| (strsim::osa_distance(wanted, bare(known)), known))
        .filter(|(slips, _)| *slips <= (length / CHARACTERS_PER_SLIP).max(1))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
}

/// Columns that are not read and whose names are nearly those of columns that are.
fn nearly_read(table: &Table, read: &[&[&str]]) -> Vec<String> {
    let read: Vec<&str> = read.iter().flat_map(|columns| columns.iter().copied()).collect();
    let unread = table.columns().iter().filter(|name| !read.contains(&name.as_str()));
    unread
        .filter_map(|name| {
            let meant =
                nearest(name, read.iter().copied().filter(|known| !table.columns().iter().any(|c| c == known)))?;
            Some(format!("{}: the column {name} is not read; did you mean {meant}?", table.file()))
        })
        .collect()
}

/// A table of the study, where it exists.
fn table(root: &Path, relative: &str) -> Result<Option<Table>, StudyError> {
    let path = root.join(relative);
    if path.is_file() { Table::read(&InputFile::inside(root, path)).map(Some) } else { Ok(None) }
}

fn title(root: &Path) -> Result<String, StudyError> {
    let path = root.join("dataset_description.json");
    let description = if path.is_file() { read_json(&InputFile::inside(root, path))? } else { Value::Null };
    match description.get("Name").and_then(Value::as_str) {
        Some(name) => Ok(name.to_owned()),
        None => {
            Ok(Some(InputFile::lone(root).relative()).filter(|name| !name.is_empty()).unwrap_or("study").to_owned())
        }
    }
}
