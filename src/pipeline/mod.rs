//! The program as a table of contents: inventory, quantify, measure, judge, report.

mod again;
mod alternatives;
mod bench;
mod companion;
mod details;
mod dynamic;
mod error;
mod finished;
mod followup;
mod group;
mod judging;
mod kinetic_session;
mod labeling;
mod landmarks;
mod limits;
mod mask_check;
mod masks;
mod measured;
mod methods;
mod motion;
mod outputs;
mod perfusion;
mod pictures;
mod protocol;
mod regions;
mod register;
mod response;
mod sarcoma;
mod session;
mod session_masks;
mod single;
mod subject;
mod transforms;
mod uptake;
mod visits;
mod volumes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::civil::Date;
use serde_json::Value;

pub use again::{AgainError, AnnotateOptions, Annotated, Verified, annotate, report, verify};
pub use error::SessionError;
pub use landmarks::{LandmarksError, learn_landmarks};
pub use masks::Fit;
pub use register::{RegisterRequest, ResampleRequest, run_register, run_resample};
pub use single::{
    ArterialRequest, ArteryRequest, AslRequest, BackgroundRequest, CommonRequest, DceRequest, DscRequest, MaskRequest,
    PetRequest, RelaxationRequest, SingleOutcome, run_asl, run_dce, run_dsc, run_pet,
};
pub use uptake::BackgroundChoice;
pub use visits::{PlannedVisit, SubjectVisits, study_visits, subject_visits, treatment_end};

use crate::clinical::Pathway;
use crate::cohort::Audit;
use crate::dataset::{DatasetError, DatasetSource, Log, OutputFolder, write_dataset_files};
use crate::day::relative;
use crate::lesion::Split;
use crate::settings::Settings;
use crate::study::{InputFile, Readiness, SessionInputs, Shard, Study, StudyError, StudyForm, StudyOptions, Subject};

/// How far a run has come; the command line shows it.
pub trait Progress: Sync {
    /// The run begins, with so many sessions to do.
    fn begin(&self, sessions: usize);
    /// A session begins a step: number `done` of `steps`.
    fn step(&self, session: &str, step: &str, done: usize, steps: usize);
    /// A session is over, in words.
    fn end(&self, session: &str, words: &str);
}

/// The steps of one session.
pub struct Steps<'a> {
    progress: &'a dyn Progress,
    session: String,
    done: usize,
    steps: usize,
}

impl<'a> Steps<'a> {
    /// The steps of a session, of which there will be so many.
    pub fn new(progress: &'a dyn Progress, session: &str, steps: usize) -> Self {
        Self { progress, session: session.to_owned(), done: 0, steps }
    }

    fn next(&mut self, step: &str) {
        self.progress.step(&self.session, step, self.done, self.steps);
        self.done += 1;
    }
}

/// Which part of the work is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Sessions and subjects.
    Participant,
    /// The study page and table from finished sessions.
    Group,
    /// Both.
    Both,
}

/// What a run is asked for.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// BIDS folder or worklist.
    pub input: PathBuf,
    /// Output folder.
    pub output: PathBuf,
    /// Sessions, study page, or both.
    pub level: Level,
    /// Only these subjects; empty for all.
    pub participants: Vec<String>,
    /// Only these sessions; empty for all.
    pub sessions: Vec<String>,
    /// Derivative that holds the lesion masks.
    pub lesions: Option<String>,
    /// How a mask becomes lesions.
    pub split: Option<Split>,
    /// Pathway of every subject.
    pub pathway: Option<Pathway>,
    /// A share of the subjects.
    pub shard: Option<Shard>,
    /// Redo every session, and write beside files of others.
    pub force: bool,
    /// Memory that sessions at work may take together, bytes.
    pub memory: Option<u64>,
    /// Day against which windows are told.
    pub as_of: Option<Date>,
    /// Whether each subject's report is also drawn as PDF.
    pub pdf: bool,
    /// Whether dates are told as days since the subject's first scan.
    pub relative_dates: bool,
    /// The command line, for the log.
    pub command_line: Vec<String>,
}

impl RunOptions {
    /// Whether a part of the study is asked for.
    fn is_part(&self) -> bool {
        !self.participants.is_empty() || !self.sessions.is_empty() || self.shard.is_some()
    }
}

/// A run that could not be done at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The study.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// The output.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The output was made by other settings or another version.
    #[error(transparent)]
    Other(#[from] AgainError),
    /// No session can be measured.
    #[error(
        "{study}: no session holds a series (DSC, ASL, DCE or PET) and a lesion mask; `relight run … --dry-run` says what was looked for"
    )]
    NothingToDo {
        /// The study.
        study: String,
    },
}

/// What became of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Whether sessions were worked on at all: not so at the group level.
    pub worked: bool,
    /// Sessions measured.
    pub done: usize,
    /// Sessions that were current already.
    pub skipped: usize,
    /// Sessions without a series or a mask.
    pub without_data: usize,
    /// Sessions that failed, with the reason.
    pub failures: Vec<(String, String)>,
    /// Sessions with a failed quality check.
    pub quality_failures: usize,
    /// The rows of all lesions, as JSON.
    pub lesions: Vec<Value>,
    /// The study page, when it was drawn.
    pub page: Option<GroupPage>,
}

/// The study page of an output.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPage {
    /// Where it is.
    pub path: PathBuf,
    /// Sessions that it draws upon.
    pub sessions: usize,
    /// Lesions in it.
    pub lesions: usize,
    /// How often the rules gave an answer.
    pub audit: Audit,
}

impl Summary {
    /// The last line in words.
    pub fn words(&self) -> String {
        let plural =
            |count: usize, noun: &str| if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
        let pointer = |page: &GroupPage| format!("open {}", page.path.display());
        if let (false, Some(page)) = (self.worked, &self.page) {
            let (lesions, sessions) = (plural(page.lesions, "lesion"), plural(page.sessions, "finished session"));
            return format!("study page of {lesions} from {sessions}; {}", pointer(page));
        }
        let mut parts = vec![format!("{} done", plural(self.done, "session"))];
        if self.skipped > 0 {
            parts.push(format!("{} unchanged", self.skipped));
        }
        if self.without_data > 0 {
            parts.push(format!("{} without a series and a mask", self.without_data));
        }
        if !self.failures.is_empty() {
            parts.push(format!("{} failed", self.failures.len()));
        }
        if self.quality_failures > 0 {
            parts.push(format!("{} with a failed quality check", self.quality_failures));
        }
        let mut words = parts.join(", ");
        if !self.lesions.is_empty() {
            words.push_str(&format!("; {}", plural(self.lesions.len(), "lesion")));
        }
        if let Some(page) = &self.page {
            words.push_str(&format!("; {}", pointer(page)));
        }
        words
    }
}

/// Opens the study: what is there, what is missing, what is wrong. No image is opened.
pub fn inventory(options: &RunOptions, settings: &Settings) -> Result<Study, RunError> {
    let wanted = StudyOptions {
        participant_labels: options.participants.clone(),
        session_labels: options.sessions.clone(),
        lesions: options.lesions.clone(),
        pathway: options.pathway,
        shard: options.shard,
    };
    Ok(Study::open(&options.input, &wanted, &settings.study)?)
}

/// Does the main job.
pub fn run(options: &RunOptions, settings: &Settings, progress: &dyn Progress) -> Result<Summary, RunError> {
    let mut study = inventory(options, settings)?;
    // The study page and a subject's follow-up tell of the dataset as a whole, whichever part this run was asked for.
    let mut whole = if options.is_part() {
        inventory(&RunOptions { participants: vec![], sessions: vec![], shard: None, ..options.clone() }, settings)?
    } else {
        study.clone()
    };
    let days = Days::of(&mut study, &mut whole, options);
    let nothing = |session: &SessionInputs| session.readiness() == Readiness::NothingToMeasure;
    // A share of the subjects may be empty; a study may not.
    if options.level != Level::Group && whole.sessions().all(nothing) {
        return Err(RunError::NothingToDo { study: study.title });
    }
    if study.form == StudyForm::Folder {
        OutputFolder::refuse_study(&options.output, &study.root)?;
    }
    let output = OutputFolder::open(&options.output, options.force)?;
    if options.level == Level::Group {
        again::refuse_others(&output, settings)?;
    }
    let mut log = Log::begin(output.root(), &options.command_line, rayon::current_num_threads())?;
    for participant_id in &days.left_out {
        let words = "no session has a date to count from: its other dates are left out";
        log.line(&format!("{participant_id}: {words}"));
        progress.end(participant_id, words);
    }
    let hash = settings.hash();
    let source = DatasetSource {
        title: &study.title,
        study_root: (study.form == StudyForm::Folder).then_some(study.root.as_path()),
        rules_version: &settings.verdict.rules_version,
        settings_hash: &hash,
    };
    write_dataset_files(&output, &source)?;
    let mut summary = Summary::default();
    if options.level != Level::Group {
        let logged = Logged { progress, log: Mutex::new(&mut log) };
        summary.worked = true;
        subject::run_all(&study, &whole, &output, options, &days, settings, &logged, &mut summary)?;
    }
    if options.level != Level::Participant {
        if options.level == Level::Both {
            again::refuse_others(&output, settings)?;
        }
        summary.page = Some(group::write(&whole, &output, days.of_study(), settings, &summary)?);
    }
    log.line(&summary.words());
    Ok(summary)
}

/// The day against which windows are told, for the study and for each subject.
struct Days {
    as_of: Option<Date>,
    /// The first scan of each subject, where dates are told relative to it; it is in no output.
    first_scans: Option<BTreeMap<String, Date>>,
    /// Subjects with dates but without a dated scan to count from: their dates are left out, and that is told.
    left_out: Vec<String>,
}

impl Days {
    /// Takes the day, and where that is asked for turns every date of the study into days since the first scan.
    fn of(study: &mut Study, whole: &mut Study, options: &RunOptions) -> Self {
        let as_of = options.as_of.or_else(|| whole.latest_date());
        if !options.relative_dates {
            return Self { as_of, first_scans: None, left_out: Vec::new() };
        }
        let first =
            |subject: &Subject| subject.first_scan().map(|first_scan| (subject.participant_id.clone(), first_scan));
        let first_scans = whole.subjects.iter().filter_map(first).collect();
        let dates = |subject: &&Subject| {
            subject.first_scan().is_none() && (subject.facts.rt_end.is_some() || subject.facts.resection_date.is_some())
        };
        let left_out = study.subjects.iter().filter(dates).map(|subject| subject.participant_id.clone()).collect();
        study.tell_relative(whole);
        let dated = whole.clone();
        whole.tell_relative(&dated);
        Self { as_of, first_scans: Some(first_scans), left_out }
    }

    /// For the study: `None` where each subject counts its own days.
    fn of_study(&self) -> Option<Date> {
        self.as_of.filter(|_| self.first_scans.is_none())
    }

    /// For one subject.
    fn of_subject(&self, participant_id: &str) -> Option<Date> {
        match &self.first_scans {
            None => self.as_of,
            Some(first_scans) => relative(self.as_of?, *first_scans.get(participant_id)?),
        }
    }
}

/// Progress that is also written to the log.
struct Logged<'a> {
    progress: &'a dyn Progress,
    log: Mutex<&'a mut Log>,
}

impl Progress for Logged<'_> {
    fn begin(&self, sessions: usize) {
        self.progress.begin(sessions);
    }

    fn step(&self, session: &str, step: &str, done: usize, steps: usize) {
        self.progress.step(session, step, done, steps);
    }

    fn end(&self, session: &str, words: &str) {
        self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).line(&format!("{session}: {words}"));
        self.progress.end(session, words);
    }
}

/// A path as messages show it: its last component.
fn shown(path: &Path) -> String {
    InputFile::lone(path).relative().to_owned()
}
