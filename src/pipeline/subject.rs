//! One subject: its sessions measured or taken from an earlier run, lined up in time, judged, written, drawn.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::error::SessionError;
use super::followup::{Milestones, line_up};
use super::measured::Measured;
use super::outputs::{Destination, write_lesions, write_perfusion, write_uptake};
use super::session::{measure, quality_failed};
use super::{Progress, RunError, RunOptions, Steps, Summary};
use crate::clinical::Tracer;
use crate::dataset::{
    Completion, DatasetError, FileRecord, LesionRow, OutputFolder, OutputStem, RunId, Staging, input_records,
    json_text, lesions_dictionary, lesions_tsv, write_file,
};
use crate::image::NiftiImage;
use crate::quality::{Caveat, CaveatCode};
use crate::report::html::subject_page;
use crate::report::model::{LesionPage, Panel, Provenance, SubjectPage};
use crate::settings::Settings;
use crate::study::{Readiness, SessionInputs, Study, StudyError, Subject};
use crate::verdict::{self, Verdict, judge};

/// Program version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Memory of sessions at work unless told otherwise, bytes; `relight run --help` tells it.
const DEFAULT_MEMORY: u64 = 4 << 30;

/// A session that has its result.
struct Done {
    label: String,
    participant_id: String,
    session_id: Option<String>,
    date: Option<jiff::civil::Date>,
    lesions: Vec<Measured>,
    completion: Completion,
    /// Where the outputs of a session measured now wait.
    staging: Option<Staging>,
    /// Whether this run was asked for it; other sessions of the subject stand beside it for the follow-up.
    asked: bool,
}

/// What became of a subject.
#[derive(Default)]
struct Outcome {
    done: usize,
    skipped: usize,
    without_data: usize,
    failures: Vec<(String, String)>,
    quality_failures: usize,
    lesions: Vec<Value>,
}

/// Works through the subjects that are asked for, several at a time as far as threads and memory allow. `whole` holds
/// their other sessions too: follow-up is told against all that were measured.
///
/// Sessions run on threads of their own and share the pool for their inner loops, so that one that waits for memory
/// blocks no other.
pub fn run_all(
    study: &Study,
    whole: &Study,
    output: &OutputFolder,
    options: &RunOptions,
    settings: &Settings,
    progress: &dyn Progress,
    summary: &mut Summary,
) -> Result<(), RunError> {
    let work = Work {
        study,
        whole,
        output,
        options,
        settings,
        hash: settings.hash(),
        progress,
        memory: Memory::new(options.memory.unwrap_or(DEFAULT_MEMORY)),
    };
    progress.begin(study.sessions().count());
    let queue = Mutex::new(study.subjects.iter().enumerate());
    let results: Mutex<BTreeMap<usize, Result<Outcome, DatasetError>>> = Mutex::new(BTreeMap::new());
    let workers = rayon::current_num_threads().min(study.subjects.len()).max(1);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((place, subject)) = next else { break };
                    let outcome = work.subject(subject);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(place, outcome);
                }
            });
        }
    });
    for outcome in results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
        let outcome = outcome?;
        summary.done += outcome.done;
        summary.skipped += outcome.skipped;
        summary.without_data += outcome.without_data;
        summary.quality_failures += outcome.quality_failures;
        summary.failures.extend(outcome.failures);
        summary.lesions.extend(outcome.lesions);
    }
    Ok(())
}

struct Work<'a> {
    study: &'a Study,
    whole: &'a Study,
    output: &'a OutputFolder,
    options: &'a RunOptions,
    settings: &'a Settings,
    hash: String,
    progress: &'a dyn Progress,
    memory: Memory,
}

impl Work<'_> {
    fn subject(&self, subject: &Subject) -> Result<Outcome, DatasetError> {
        let mut outcome = Outcome::default();
        let mut sessions = Vec::new();
        let mut lacking = Vec::new();
        let whole = self.whole.subjects.iter().find(|whole| whole.participant_id == subject.participant_id);
        for session in &whole.unwrap_or(subject).sessions {
            let label = session.stem();
            let asked = subject.sessions.iter().any(|asked| asked.session_id == session.session_id);
            if !asked {
                match self.earlier(subject, session) {
                    Some(done) => sessions.push(done),
                    None if session.readiness() == Readiness::NothingToMeasure => {}
                    None => lacking.push((label, session.date())),
                }
                continue;
            }
            let mut failed = |reason: String, outcome: &mut Outcome| {
                let reason = self.without_root(&reason);
                self.progress.end(&label, &format!("failed: {reason}"));
                outcome.failures.push((label.clone(), reason));
                lacking.push((label.clone(), session.date()));
                self.output.remove_session(&session.participant_id, session.session_id.as_deref())
            };
            match session.readiness() {
                Readiness::Broken(problems) => {
                    failed(reasons(problems), &mut outcome)?;
                    continue;
                }
                Readiness::NothingToMeasure => {
                    outcome.without_data += 1;
                    self.progress.end(&label, "nothing to measure: no series, or no lesion mask");
                    continue;
                }
                Readiness::Ready => {}
            }
            let needed = memory_of(session);
            self.memory.take(needed);
            let attempt = catch_unwind(AssertUnwindSafe(|| self.session(subject, session)));
            self.memory.give_back(needed);
            match attempt {
                Ok(Ok(done)) => {
                    if done.staging.is_some() {
                        outcome.done += 1;
                    } else {
                        outcome.skipped += 1;
                    }
                    sessions.push(done);
                }
                Ok(Err(SessionError::Output(error))) => return Err(error),
                Ok(Err(error)) => failed(chain(&error), &mut outcome)?,
                Err(_) => failed(
                    "internal error: this is a defect of relight; the other sessions go on".to_owned(),
                    &mut outcome,
                )?,
            }
        }
        if sessions.is_empty() {
            remove_page(self.output, &subject.participant_id);
            return Ok(outcome);
        }
        self.judge_and_write(subject, sessions, &lacking, &mut outcome)?;
        Ok(outcome)
    }

    /// The session before anything is measured; what identifies its run is known.
    fn begin(&self, subject: &Subject, session: &SessionInputs) -> Result<Done, SessionError> {
        let inputs = input_records(&session.files()).map_err(|error| match error {
            // An input that cannot be read is a fault of this session, not of the output.
            DatasetError::Unreadable { file, problem } => StudyError::Unreadable { file, problem }.into(),
            other => SessionError::Output(other),
        })?;
        let facts = format!("{}{:?}", subject.facts_text(session), self.options.split);
        let completion = Completion {
            run_id: RunId::new(&inputs, &facts, &self.hash, VERSION),
            version: VERSION.to_owned(),
            rules_version: self.settings.verdict.rules_version.clone(),
            settings_hash: self.hash.clone(),
            inputs,
            outputs: Vec::new(),
        };
        Ok(Done {
            label: session.stem(),
            participant_id: session.participant_id.clone(),
            session_id: session.session_id.clone(),
            date: session.date(),
            lesions: Vec::new(),
            completion,
            staging: None,
            asked: true,
        })
    }

    /// What an earlier run measured of the session, where that is current.
    fn measured_earlier(&self, session: &Done) -> Option<Vec<Measured>> {
        let folder = self.output.session(&session.participant_id, session.session_id.as_deref());
        Completion::is_current(&folder, &session.label, &session.completion.run_id)
            .then(|| read_measured(&folder, &session.label))?
    }

    /// A session that this run was not asked for; `None` where no current result of it stands in the output.
    fn earlier(&self, subject: &Subject, session: &SessionInputs) -> Option<Done> {
        if session.readiness() != Readiness::Ready {
            return None;
        }
        let begun = self.begin(subject, session).ok()?;
        let lesions = self.measured_earlier(&begun)?;
        Some(Done { lesions, asked: false, ..begun })
    }

    /// Measures a session into a staging folder, or takes it from an earlier run.
    fn session(&self, subject: &Subject, session: &SessionInputs) -> Result<Done, SessionError> {
        let begun = self.begin(subject, session)?;
        let stem = begun.label.clone();
        if !self.options.force
            && let Some(lesions) = self.measured_earlier(&begun)
        {
            self.progress.end(&stem, "unchanged");
            return Ok(Done { lesions, ..begun });
        }
        let series = usize::from(session.dsc.is_some()) + session.pet.len();
        let mut steps = Steps::new(self.progress, &stem, series + 4);
        let images = measure(subject, session, self.options.split, self.settings, &mut steps)?;
        steps.next("writing");
        let staging = self.output.stage(&session.participant_id, session.session_id.as_deref())?;
        let files = session.files();
        let destination = |folder: &str| {
            (
                staging.folder().join(folder),
                OutputStem::of_session(&session.participant_id, session.session_id.as_deref()),
            )
        };
        let (anat, stem_of_session) = destination("anat");
        write_lesions(
            &images.masks,
            &Destination { folder: &anat, stem: stem_of_session, sources: &files, force: true },
        )?;
        if let (Some((perfusion, acquisition)), Some(dsc)) = (&images.perfusion, &session.dsc) {
            let folder = staging.folder().join("perf");
            let stem = OutputStem::of_series(dsc.image.file.file_name());
            let destination = Destination { folder: &folder, stem, sources: &files, force: true };
            write_perfusion(perfusion, acquisition, &destination)?;
        }
        for (uptake, tracer) in &images.uptake {
            let folder = staging.folder().join("pet");
            let label = tracer.as_ref().map_or("unknown", Tracer::as_str);
            let stem =
                OutputStem::of_session(&session.participant_id, session.session_id.as_deref()).with("trc", label);
            let destination = Destination { folder: &folder, stem, sources: &files, force: true };
            write_uptake(uptake, tracer.as_ref(), Some(&images.masks), self.settings.pet.suv.as_str(), &destination)?;
        }
        let panels: Vec<&[Panel]> = images.lesions.iter().map(|lesion| lesion.panels.as_slice()).collect();
        let text = serde_json::to_string(&panels).map_err(|error| broken("figures", &error))?;
        write_file(&staging.folder().join(figures_name(&stem)), text.as_bytes())?;
        let words = match images.lesions.len() {
            1 => "1 lesion measured".to_owned(),
            count => format!("{count} lesions measured"),
        };
        self.progress.end(&stem, &words);
        Ok(Done { lesions: images.lesions, staging: Some(staging), ..begun })
    }

    /// Lines the sessions up in time, judges every lesion, writes tables, puts the sessions into place, draws the page.
    /// `lacking` names sessions of the subject that hold a scan and have no result.
    fn judge_and_write(
        &self,
        subject: &Subject,
        mut sessions: Vec<Done>,
        lacking: &[(String, Option<jiff::civil::Date>)],
        outcome: &mut Outcome,
    ) -> Result<(), DatasetError> {
        if sessions.iter().all(|session| session.date.is_some()) {
            sessions.sort_by_key(|session| session.date);
        }
        let milestones = Milestones { rt_end: subject.facts.rt_end, resection: subject.facts.resection_date };
        let mut by_lesion: BTreeMap<(usize, String), Vec<(usize, usize)>> = BTreeMap::new();
        for (place, session) in sessions.iter().enumerate() {
            for (row, lesion) in session.lesions.iter().enumerate() {
                let label = lesion.record.lesion.clone().unwrap_or_default();
                by_lesion.entry((label.parse().unwrap_or(usize::MAX), label)).or_default().push((place, row));
            }
        }
        for scans in by_lesion.values() {
            let mut records: Vec<_> =
                scans.iter().map(|&(place, row)| sessions[place].lesions[row].record.clone()).collect();
            line_up(&mut records.iter_mut().collect::<Vec<_>>(), milestones);
            for (&(place, row), record) in scans.iter().zip(records) {
                sessions[place].lesions[row].record = record;
            }
        }
        for session in &mut sessions {
            let missed = missed_before(&session.label, session.date, lacking);
            for lesion in &mut session.lesions {
                // A row of an earlier run may tell of a session that has its result by now.
                lesion.measured_caveats.retain(|caveat| caveat.code != CaveatCode::EarlierSessionMissing);
                if !missed.is_empty() {
                    lesion.measured_caveats.push(Caveat::new(CaveatCode::EarlierSessionMissing, missed.join(", ")));
                }
            }
        }
        let verdicts: Vec<Vec<Verdict>> = sessions
            .iter()
            .map(|session| session.lesions.iter().map(|lesion| judge(&lesion.record, &self.settings.verdict)).collect())
            .collect();
        let mut inputs: Vec<FileRecord> = Vec::new();
        for (session, verdicts) in sessions.iter_mut().zip(&verdicts) {
            inputs.extend(session.completion.inputs.iter().cloned());
            if session.asked {
                let rows = session.lesions.iter().zip(verdicts);
                outcome.quality_failures += usize::from(session.lesions.iter().any(quality_failed));
                outcome.lesions.extend(rows.map(|(lesion, verdict)| Value::Object(row_json(lesion, verdict))));
            }
            self.write_session(session, verdicts)?;
        }
        let lesions = by_lesion.values().map(|scans| LesionPage {
            time_points: scans
                .iter()
                .map(|&(place, row)| sessions[place].lesions[row].judged(verdicts[place][row].clone()))
                .collect(),
        });
        let facts = &subject.facts;
        let page = SubjectPage {
            participant_id: subject.participant_id.clone(),
            diagnosis: facts.diagnosis.clone(),
            radiotherapy: radiotherapy(facts.rt_dose, facts.rt_fractions, facts.rt_end),
            radiotherapy_end: facts.rt_end,
            study_link: Some("index.html".to_owned()),
            lesions: lesions.collect(),
            provenance: self.provenance(&sessions, inputs),
        };
        write_file(&self.output.root().join(format!("{}.html", subject.participant_id)), subject_page(&page).as_bytes())
    }

    /// Writes the tables of a session into its staging folder and puts it into place; a session of an earlier run is
    /// only touched where its follow-up columns changed.
    fn write_session(&self, session: &mut Done, verdicts: &[Verdict]) -> Result<(), DatasetError> {
        let folder = match &session.staging {
            Some(staging) => staging.folder().to_path_buf(),
            None => self.output.session(&session.participant_id, session.session_id.as_deref()),
        };
        let rows: Vec<LesionRow> = session
            .lesions
            .iter()
            .zip(verdicts)
            .map(|(lesion, verdict)| LesionRow {
                record: lesion.record.clone(),
                verdict: verdict.columns(codes(lesion)),
            })
            .collect();
        let tsv = lesions_tsv(&rows, &verdict::COLUMNS);
        let lesions: Vec<Value> =
            session.lesions.iter().zip(verdicts).map(|(lesion, verdict)| whole_json(lesion, verdict)).collect();
        let text = json_text(&json!({
            "participant_id": session.participant_id,
            "session_id": session.session_id,
            "run_id": session.completion.run_id.as_str(),
            "version": VERSION,
            "rules_version": self.settings.verdict.rules_version,
            "settings_hash": self.hash,
            "columns": lesions_dictionary(&verdict::COLUMNS),
            "lesions": lesions,
        }));
        let files = [(format!("{}_lesions.tsv", session.label), tsv), (lesions_name(&session.label), text)];
        let changed = session.staging.is_some()
            || files
                .iter()
                .any(|(name, text)| std::fs::read_to_string(folder.join(name)).ok().as_deref() != Some(text.as_str()));
        if changed {
            for (name, text) in &files {
                write_file(&folder.join(name), text.as_bytes())?;
            }
            session.completion = session.completion.clone().write(&folder, &session.label)?;
        }
        if let Some(staging) = session.staging.take() {
            staging.commit()?;
        }
        Ok(())
    }

    fn provenance(&self, sessions: &[Done], inputs: Vec<FileRecord>) -> Provenance {
        let ids: Vec<&str> = sessions.iter().map(|session| session.completion.run_id.as_str()).collect();
        let run_id = match ids[..] {
            [one] => one.to_owned(),
            _ => crate::dataset::hash_text(&ids.join("\n")),
        };
        Provenance {
            version: VERSION.to_owned(),
            rules_version: self.settings.verdict.rules_version.clone(),
            run_id,
            settings_hash: self.hash.clone(),
            inputs: inputs.into_iter().map(|record| (record.path, record.sha256)).collect(),
        }
    }

    /// A message without the place of the study on this machine.
    fn without_root(&self, text: &str) -> String {
        let root = format!("{}/", self.study.root.display());
        text.replace(&root, "")
    }
}

/// Which of the sessions without a result come before a session: by date where both are dated, by label otherwise.
fn missed_before<'a>(
    label: &str,
    date: Option<jiff::civil::Date>,
    lacking: &'a [(String, Option<jiff::civil::Date>)],
) -> Vec<&'a str> {
    let before = |(other, other_date): &&(String, Option<jiff::civil::Date>)| match (other_date, date) {
        (Some(other), Some(date)) if *other != date => *other < date,
        _ => other.as_str() < label,
    };
    lacking.iter().filter(before).map(|(other, _)| other.as_str()).collect()
}

/// The row as flat JSON: measured columns, then those of the verdict.
pub fn row_json(lesion: &Measured, verdict: &Verdict) -> Map<String, Value> {
    let mut row = lesion.record.json();
    row.extend(verdict.json(codes(lesion)));
    row
}

fn codes(lesion: &Measured) -> impl Iterator<Item = &'static str> + '_ {
    lesion.measured_caveats.iter().map(|caveat| caveat.code.as_str())
}

/// Everything of a lesion: the row, and what stands beside it.
fn whole_json(lesion: &Measured, verdict: &Verdict) -> Value {
    let mut whole = row_json(lesion, verdict);
    if let Ok(Value::Object(rest)) = serde_json::to_value(lesion) {
        for (key, value) in rest {
            whole.entry(key).or_insert(value);
        }
    }
    whole.insert("verdict_details".to_owned(), serde_json::to_value(verdict).unwrap_or(Value::Null));
    Value::Object(whole)
}

/// What an earlier run measured, with its pictures; `None` where it does not read back.
pub fn read_measured(folder: &Path, stem: &str) -> Option<Vec<Measured>> {
    let text = std::fs::read_to_string(folder.join(lesions_name(stem))).ok()?;
    let mut file: Map<String, Value> = serde_json::from_str(&text).ok()?;
    let mut lesions: Vec<Measured> = serde_json::from_value(file.remove("lesions")?).ok()?;
    let figures = std::fs::read_to_string(folder.join(figures_name(stem))).ok()?;
    let panels: Vec<Vec<Panel>> = serde_json::from_str(&figures).ok()?;
    if panels.len() != lesions.len() {
        return None;
    }
    for (lesion, panels) in lesions.iter_mut().zip(panels) {
        lesion.panels = panels;
    }
    Some(lesions)
}

/// The session's lesion file.
pub fn lesions_name(stem: &str) -> String {
    format!("{stem}_lesions.json")
}

fn figures_name(stem: &str) -> String {
    format!("{stem}_figures.json")
}

fn remove_page(output: &OutputFolder, participant_id: &str) {
    // A page that is not there need not go.
    drop(std::fs::remove_file(output.root().join(format!("{participant_id}.html"))));
}

fn radiotherapy(dose: Option<f64>, fractions: Option<f64>, end: Option<jiff::civil::Date>) -> Option<String> {
    let dose = dose.map(|dose| match fractions {
        Some(fractions) => format!("{dose} Gy in {fractions} fractions"),
        None => format!("{dose} Gy"),
    });
    match (dose, end) {
        (Some(dose), Some(end)) => Some(format!("{dose}, ended {end}")),
        (Some(dose), None) => Some(dose),
        (None, Some(end)) => Some(format!("radiotherapy ended {end}")),
        (None, None) => None,
    }
}

/// What is wrong with a session before an image is opened.
pub fn reasons(problems: &[StudyError]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The chain of causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text
}

fn broken(file: &str, error: &serde_json::Error) -> SessionError {
    SessionError::Output(DatasetError::Broken { file: file.to_owned(), problem: error.to_string() })
}

/// A generous estimate of the memory that measuring a session takes, from the headers alone; what cannot be opened
/// takes none, as it will fail.
fn memory_of(session: &SessionInputs) -> u64 {
    let image = |path: &PathBuf, bytes_per_sample: u64, copies: u64| -> u64 {
        NiftiImage::open(path)
            .map_or(0, |image| image.grid().len() as u64 * (image.frames() as u64 * bytes_per_sample + 4 * copies))
    };
    let mut total = 0;
    if let Some(dsc) = &session.dsc {
        total += image(&dsc.image.file.path().to_path_buf(), 2, 30);
    }
    for pet in &session.pet {
        total += image(&pet.image.file.path().to_path_buf(), 0, 8);
    }
    for anatomy in [&session.t1c, &session.t1, &session.flair].into_iter().flatten() {
        total += image(&anatomy.file.path().to_path_buf(), 0, 6);
    }
    total
}

/// Memory that sessions share: one that does not fit waits, but never for itself alone.
struct Memory {
    limit: u64,
    taken: Mutex<u64>,
    freed: Condvar,
}

impl Memory {
    fn new(limit: u64) -> Self {
        Self { limit, taken: Mutex::new(0), freed: Condvar::new() }
    }

    fn take(&self, bytes: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken > 0 && *taken + bytes > self.limit {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += bytes;
    }

    fn give_back(&self, bytes: u64) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.freed.notify_all();
    }
}
