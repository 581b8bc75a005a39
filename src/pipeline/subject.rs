//! One subject: its sessions measured, or taken from an earlier run, and given to be judged.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use serde_json::Value;

use super::bench::Cluster;
use super::error::SessionError;
use super::finished::{Finished, SubjectFacts, figures_name, thumbnails_name, viewer_name};
use super::judging::{Judging, Lacking};
use super::measured::{Measured, Pictures};
use super::outputs::{
    Destination, make_dynamic, make_labeling, make_perfusion, make_uptake, write_clusters, write_curves, write_lesions,
};
use super::pictures::thumbnails;
use super::sarcoma::surveillance;
use super::session::measure;
use super::{Days, Progress, RunError, RunOptions, Steps, Summary};
use crate::clinical::{Pathway, Tracer};
use crate::dataset::{
    Annotation, Annotations, Completion, DatasetError, Drawn, OutputFolder, OutputStem, RunId, annotations_text,
    hash_text, input_records, write_file,
};
use crate::image::NiftiImage;
use crate::report::model::Panel;
use crate::report::viewer::ViewerVolumes;
use crate::settings::Settings;
use crate::study::{Readiness, SessionInputs, Study, StudyError, Subject};

/// Program version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Memory of sessions at work unless told otherwise, bytes; `relight run --help` tells it.
const DEFAULT_MEMORY: u64 = 4 << 30;

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
#[allow(clippy::too_many_arguments)]
pub fn run_all(
    study: &Study,
    whole: &Study,
    output: &OutputFolder,
    options: &RunOptions,
    days: &Days,
    settings: &Settings,
    progress: &dyn Progress,
    summary: &mut Summary,
) -> Result<(), RunError> {
    let work = Work {
        study,
        whole,
        output,
        options,
        days,
        settings,
        annotations: Annotations::read(output.root())?,
        judging: Judging { output, settings, hash: settings.hash(), pdf: options.pdf },
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
    days: &'a Days,
    settings: &'a Settings,
    annotations: Annotations,
    judging: Judging<'a>,
    progress: &'a dyn Progress,
    memory: Memory,
}

impl Work<'_> {
    fn subject(&self, subject: &Subject) -> Result<Outcome, DatasetError> {
        let mut outcome = Outcome::default();
        let mut sessions = Vec::new();
        let mut lacking: Vec<Lacking> = Vec::new();
        let whole = self.whole.subjects.iter().find(|whole| whole.participant_id == subject.participant_id);
        for session in &whole.unwrap_or(subject).sessions {
            let label = session.stem();
            let asked = subject.sessions.iter().any(|asked| asked.session_id == session.session_id);
            if !asked {
                match self.earlier(subject, session) {
                    Some(finished) => sessions.push(finished),
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
            let attempt = catch_unwind(AssertUnwindSafe(|| self.session(whole.unwrap_or(subject), session)));
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
        let surveil = |sessions: &mut [Finished]| {
            let sarcoma = subject.pathway.pathway == Some(Pathway::Sarcoma);
            let as_of = self.days.of_subject(&subject.participant_id);
            let mut visits: Vec<&mut Vec<Measured>> = sessions.iter_mut().map(|session| &mut session.lesions).collect();
            sarcoma.then(|| surveillance(whole.unwrap_or(subject), &mut visits, as_of))
        };
        match self.judging.write(sessions, Some(&lacking), &outcome.failures, surveil)? {
            Some(judged) => {
                outcome.quality_failures += judged.quality_failures;
                outcome.lesions.extend(judged.lesions);
            }
            None => Drawn::remove(self.output.root(), &subject.participant_id)?,
        }
        Ok(outcome)
    }

    /// What identifies the run of a session, and what was told of it; no image is measured for it.
    fn begin(&self, subject: &Subject, session: &SessionInputs) -> Result<(Completion, Vec<Annotation>), SessionError> {
        let inputs = input_records(&session.files()).map_err(|error| match error {
            // An input that cannot be read is a fault of this session, not of the output.
            DatasetError::Unreadable { file, problem } => StudyError::Unreadable { file, problem }.into(),
            other => SessionError::Output(other),
        })?;
        let facts = format!("{}{:?}", subject.facts_text(session), self.options.split);
        let measured_id = RunId::new(&inputs, &facts, &self.judging.hash, VERSION);
        let annotations = self.annotations.of_session(&session.participant_id, session.session_id.as_deref());
        let completion = Completion {
            run_id: measured_id.annotated(&annotations_text(&annotations)),
            measured_id,
            version: VERSION.to_owned(),
            rules_version: self.settings.verdict.rules_version.clone(),
            settings_hash: self.judging.hash.clone(),
            inputs,
            outputs: Vec::new(),
        };
        Ok((completion, annotations))
    }

    /// What an earlier run made of a session, where that is current.
    fn finished_earlier(&self, session: &SessionInputs, run_id: &RunId) -> Option<Finished> {
        let folder = self.output.session(&session.participant_id, session.session_id.as_deref());
        if !Completion::is_current(&folder, &session.stem(), run_id) {
            return None;
        }
        // What does not read back is made again.
        Finished::read(&folder, &self.annotations).ok().flatten()?.with_pictures(&folder).ok()
    }

    /// A session that this run was not asked for; `None` where no current result of it stands in the output.
    fn earlier(&self, subject: &Subject, session: &SessionInputs) -> Option<Finished> {
        if session.readiness() != Readiness::Ready {
            return None;
        }
        let (completion, _) = self.begin(subject, session).ok()?;
        Some(Finished { asked: false, ..self.finished_earlier(session, &completion.run_id)? })
    }

    /// Measures a session into a staging folder, or takes it from an earlier run.
    fn session(&self, subject: &Subject, session: &SessionInputs) -> Result<Finished, SessionError> {
        let stem = session.stem();
        let (completion, annotations) = self.begin(subject, session)?;
        if !self.options.force
            && let Some(finished) = self.finished_earlier(session, &completion.run_id)
        {
            self.progress.end(&stem, "unchanged");
            return Ok(finished);
        }
        let perfusion = [session.dsc.is_some(), session.asl.is_some(), session.dce.is_some()];
        let series = perfusion.into_iter().filter(|&there| there).count() + session.pet.len();
        let mut steps = Steps::new(self.progress, &stem, series + 4);
        let mut images = measure(subject, session, self.options.split, self.settings, &mut steps)?;
        for lesion in &mut images.lesions {
            lesion.tell(&annotations, 0)?;
        }
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
            make_perfusion(perfusion, acquisition, &destination)?.commit()?;
            let of_map: Vec<&Cluster> = images.clusters.iter().filter(|cluster| cluster.map == "rcbv").collect();
            write_clusters(&of_map, &destination)?;
        }
        if let (Some((labeled, acquisition)), Some(asl)) = (&images.labeled, &session.asl) {
            let folder = staging.folder().join("perf");
            // DSC flow has the same suffixes: the method tells them apart.
            let stem = OutputStem::of_series(asl.image.file.file_name()).with("mod", "asl");
            let destination = Destination { folder: &folder, stem, sources: &files, force: true };
            make_labeling(labeled, acquisition, &self.settings.asl, &destination)?.commit()?;
        }
        if let (Some((dynamic, acquisition)), Some(dce)) = (&images.dynamic, &session.dce) {
            let folder = staging.folder().join("perf");
            let stem = OutputStem::of_series(dce.image.file.file_name()).with("mod", "dce");
            let destination = Destination { folder: &folder, stem, sources: &files, force: true };
            make_dynamic(dynamic, acquisition, &self.settings.dce, &destination)?.commit()?;
        }
        for (place, (uptake, tracer)) in images.uptake.iter().enumerate() {
            let folder = staging.folder().join("pet");
            let label = tracer.as_ref().map_or("unknown", Tracer::as_str);
            let stem =
                OutputStem::of_session(&session.participant_id, session.session_id.as_deref()).with("trc", label);
            let destination = Destination { folder: &folder, stem, sources: &files, force: true };
            make_uptake(uptake, tracer.as_ref(), Some(&images.masks), None, &destination)?.commit()?;
            write_curves(uptake, Some(&images.masks), &destination)?;
            // The clusters are those of the image that the row tells.
            if place == 0 {
                let of_map: Vec<&Cluster> = images.clusters.iter().filter(|cluster| cluster.map == "pet").collect();
                write_clusters(&of_map, &destination)?;
            }
        }
        let pictures =
            |lesion: &Measured| Pictures { panels: lesion.panels.clone(), mask_check: lesion.mask_check.clone() };
        let pictures: Vec<Pictures> = images.lesions.iter().map(pictures).collect();
        let text = serde_json::to_string(&pictures).map_err(|error| broken("figures", &error))?;
        write_file(&staging.folder().join(figures_name(&stem)), text.as_bytes())?;
        let volumes: Vec<Option<&ViewerVolumes>> =
            images.lesions.iter().map(|lesion| lesion.volumes.as_ref()).collect();
        let text = serde_json::to_string(&volumes).map_err(|error| broken("viewer", &error))?;
        write_file(&staging.folder().join(viewer_name(&stem)), text.as_bytes())?;
        let thumbnails: Vec<Vec<Panel>> = images.lesions.iter().map(|lesion| thumbnails(&lesion.panels)).collect();
        let text = serde_json::to_string(&thumbnails).map_err(|error| broken("thumbnails", &error))?;
        write_file(&staging.folder().join(thumbnails_name(&stem)), text.as_bytes())?;
        let mut words = match images.lesions.len() {
            0 => "the lesion mask is empty".to_owned(),
            1 => "1 lesion measured".to_owned(),
            count => format!("{count} lesions measured"),
        };
        let known = |label: &String| images.lesions.iter().any(|lesion| lesion.record.lesion.as_ref() == Some(label));
        for label in
            annotations.iter().filter_map(|annotation| annotation.lesion.as_ref()).filter(|label| !known(label))
        {
            words.push_str(&format!("; an annotation names lesion {label}, which is not there"));
        }
        self.progress.end(&stem, &words);
        Ok(Finished {
            label: stem,
            participant_id: session.participant_id.clone(),
            session_id: session.session_id.clone(),
            date: session.date(),
            scanner: scanner(session)?,
            subject: SubjectFacts {
                center: subject.facts.center.clone().or(institution(session)?),
                ..SubjectFacts::of(&subject.facts)
            },
            lesions: images.lesions,
            empty_mask: images.empty,
            annotations,
            completion,
            staging: Some(staging),
            asked: true,
        })
    }

    /// A message without the place of the study on this machine.
    fn without_root(&self, text: &str) -> String {
        let root = format!("{}/", self.study.root.display());
        text.replace(&root, "")
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

/// On what a session was scanned: the sidecar of its perfusion series, else of its first PET image. Maker, model and
/// field strength are told; whose scanner it is stays out.
fn scanner(session: &SessionInputs) -> Result<Option<String>, SessionError> {
    let image = session.dsc.as_ref().map(|dsc| &dsc.image).or(session.pet.first().map(|pet| &pet.image));
    let Some(image) = image else { return Ok(None) };
    let sidecar = image.sidecar()?;
    let mut parts = Vec::new();
    for field in ["Manufacturer", "ManufacturersModelName"] {
        parts.extend(sidecar.text(field)?.map(str::to_owned));
    }
    let field = sidecar.number("MagneticFieldStrength", "a field strength in tesla")?;
    parts.extend(field.map(|tesla| format!("{tesla} T")));
    Ok((!parts.is_empty()).then(|| parts.join(" ")))
}

/// A label for the institution that the sidecars name, for subjects whose table names no center.
///
/// METHOD: the name of a hospital is in no output (it helps to find a patient), so its hash stands for it: sessions of one
/// institution can be told from those of another, and that is all that the audit needs.
fn institution(session: &SessionInputs) -> Result<Option<String>, SessionError> {
    let image = session.dsc.as_ref().map(|dsc| &dsc.image).or(session.pet.first().map(|pet| &pet.image));
    let Some(image) = image.or(session.t1c.as_ref()).or(session.t1.as_ref()) else { return Ok(None) };
    let sidecar = image.sidecar()?;
    let name = sidecar.text("InstitutionName")?.map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    Ok(name.map(|name| format!("institution {}", &hash_text(&name)[..8])))
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
    if let Some(asl) = &session.asl {
        // Samples, one difference map a delay, the maps of the fit.
        total += image(&asl.image.file.path().to_path_buf(), 8, 20);
    }
    if let Some(dce) = &session.dce {
        total += image(&dce.image.file.path().to_path_buf(), 4, 60);
        for companion in dce.flip_angles.iter().chain(&dce.t1_map) {
            total += image(&companion.file.path().to_path_buf(), 0, 3);
        }
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
