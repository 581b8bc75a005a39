//! A session that has its result: as it comes from measuring, and as it reads back from the output, without an image.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::measured::{Measured, Pictures};
use crate::dataset::{Annotation, Annotations, Completion, DatasetError, OutputFolder, Staging};
use crate::lesion::LesionRecord;
use crate::report::model::Panel;
use crate::report::viewer::ViewerVolumes;
use crate::study::ParticipantFacts;

/// What the study tells of a subject; it is written with each session, so that pages can be drawn without the study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SubjectFacts {
    /// Diagnosis, as written.
    pub diagnosis: Option<String>,
    /// Radiotherapy in words.
    pub radiotherapy: Option<String>,
    /// Last day of radiotherapy.
    #[serde(with = "crate::day::optional", default)]
    pub rt_end: Option<Date>,
    /// Day of the primary resection.
    #[serde(with = "crate::day::optional", default)]
    pub resection_date: Option<Date>,
    /// Where the patient is treated: as the participants table tells it, else a label made from the sidecars'
    /// `InstitutionName`.
    #[serde(default)]
    pub center: Option<String>,
}

impl SubjectFacts {
    /// What the participants table tells.
    pub fn of(facts: &ParticipantFacts) -> Self {
        Self {
            diagnosis: facts.diagnosis.clone(),
            radiotherapy: radiotherapy(facts.rt_dose, facts.rt_fractions, facts.rt_end),
            rt_end: facts.rt_end,
            resection_date: facts.resection_date,
            center: facts.center.clone(),
        }
    }
}

/// A session with its result.
pub struct Finished {
    /// `sub-01_ses-02`.
    pub label: String,
    /// `sub-…`.
    pub participant_id: String,
    /// `ses-…`; `None` where the subject has no session folders.
    pub session_id: Option<String>,
    /// Local date.
    pub date: Option<Date>,
    /// Manufacturer, model and field strength, as far as the sidecars tell.
    pub scanner: Option<String>,
    /// What the study tells of the subject.
    pub subject: SubjectFacts,
    /// The lesions, with what was told of them.
    pub lesions: Vec<Measured>,
    /// What was told after measuring.
    pub annotations: Vec<Annotation>,
    /// What the tables tell of a session whose lesion mask was drawn and is empty; `None` elsewhere.
    pub empty_mask: Option<LesionRecord>,
    /// From what it was made.
    pub completion: Completion,
    /// Where the outputs of a session measured now wait.
    pub staging: Option<Staging>,
    /// Whether this run was asked for it; other sessions of the subject stand beside it for the follow-up.
    pub asked: bool,
}

/// The session's lesion file, as far as it is read.
#[derive(Deserialize)]
struct Stored {
    participant_id: String,
    session_id: Option<String>,
    #[serde(with = "crate::day::optional", default)]
    date: Option<Date>,
    scanner: Option<String>,
    subject: SubjectFacts,
    #[serde(default)]
    empty_mask: Option<LesionRecord>,
    lesions: Vec<Measured>,
}

impl Finished {
    /// A session of sub-01 that was measured in memory, for tests.
    #[cfg(test)]
    pub(super) fn in_memory(session: &str, date: Date, lesions: Vec<Measured>) -> Self {
        let id = crate::dataset::RunId::new(&[], session, "", "");
        Self {
            label: format!("sub-01_{session}"),
            participant_id: "sub-01".to_owned(),
            session_id: Some(session.to_owned()),
            date: Some(date),
            scanner: None,
            subject: Default::default(),
            lesions,
            annotations: Vec::new(),
            empty_mask: None,
            completion: Completion {
                measured_id: id.clone(),
                run_id: id,
                version: String::new(),
                rules_version: String::new(),
                settings_hash: String::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
            },
            staging: None,
            asked: true,
        }
    }

    /// The label that messages use: the session's, or the subject's where there are no sessions.
    pub fn name(&self) -> &str {
        self.session_id.as_deref().unwrap_or(&self.label)
    }

    /// Reads a session back, without what only its subject's page shows; `None` where there is no finished one.
    pub fn read(folder: &Path, annotations: &Annotations) -> Result<Option<Self>, DatasetError> {
        let label = stem_of(folder);
        let Some(completion) = Completion::read(folder, &label)? else { return Ok(None) };
        let stored: Stored = parse(folder, &lesions_name(&label))?;
        Ok(Some(Self {
            annotations: annotations.of_session(&stored.participant_id, stored.session_id.as_deref()),
            label,
            participant_id: stored.participant_id,
            session_id: stored.session_id,
            date: stored.date,
            scanner: stored.scanner,
            subject: stored.subject,
            lesions: stored.lesions,
            empty_mask: stored.empty_mask,
            completion,
            staging: None,
            asked: true,
        }))
    }

    /// The same session with its pictures and the volumes of the viewer, for the page of its subject.
    pub fn with_pictures(mut self, folder: &Path) -> Result<Self, DatasetError> {
        let (figures, viewer) = (figures_name(&self.label), viewer_name(&self.label));
        let pictures: Vec<Pictures> = parse(folder, &figures)?;
        let volumes: Vec<Option<ViewerVolumes>> = parse(folder, &viewer)?;
        for (file, found) in [(figures, pictures.len()), (viewer, volumes.len())] {
            // The rows of an empty mask are made when the sessions are lined up, and have no pictures.
            if self.empty_mask.is_none() && found != self.lesions.len() {
                let problem = format!("expected the pictures of {} lesions, found {found}", self.lesions.len());
                return Err(DatasetError::Broken { file, problem });
            }
        }
        for ((lesion, pictures), volumes) in self.lesions.iter_mut().zip(pictures).zip(volumes) {
            (lesion.panels, lesion.mask_check, lesion.volumes) = (pictures.panels, pictures.mask_check, volumes);
        }
        Ok(self)
    }

    /// The small pictures of each lesion, for the study page.
    pub fn thumbnails(&self, folder: &Path) -> Result<Vec<Vec<Panel>>, DatasetError> {
        parse(folder, &thumbnails_name(&self.label))
    }
}

/// The finished sessions of an output by subject, in order of their labels, without their pictures.
pub fn read_all(output: &OutputFolder) -> Result<BTreeMap<String, Vec<Finished>>, DatasetError> {
    let annotations = Annotations::read(output.root())?;
    let mut subjects: BTreeMap<String, Vec<Finished>> = BTreeMap::new();
    for folder in output.session_folders()? {
        if let Some(session) = Finished::read(&folder, &annotations)? {
            subjects.entry(session.participant_id.clone()).or_default().push(session);
        }
    }
    Ok(subjects)
}

/// The session's lesion file.
pub fn lesions_name(stem: &str) -> String {
    format!("{stem}_lesions.json")
}

/// The session's pictures.
pub fn figures_name(stem: &str) -> String {
    format!("{stem}_figures.json")
}

/// The session's volumes for the viewer.
pub fn viewer_name(stem: &str) -> String {
    format!("{stem}_viewer.json")
}

/// The session's small pictures for the study page.
pub fn thumbnails_name(stem: &str) -> String {
    format!("{stem}_thumbnails.json")
}

/// What the names of a session's files begin with: `sub-01_ses-02` in `sub-01/ses-02`, `sub-01` in `sub-01`.
pub fn stem_of(folder: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = name(folder);
    match folder.parent() {
        Some(subject) if own.starts_with("ses-") => format!("{}_{own}", name(subject)),
        _ => own,
    }
}

fn parse<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<T, DatasetError> {
    let broken = |problem: String| DatasetError::Broken { file: name.to_owned(), problem };
    let text = std::fs::read_to_string(folder.join(name)).map_err(|error| broken(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| broken(error.to_string()))
}

fn radiotherapy(dose: Option<f64>, fractions: Option<f64>, end: Option<Date>) -> Option<String> {
    let dose = dose.map(|dose| match fractions {
        Some(fractions) => format!("{dose} Gy in {fractions} fractions"),
        None => format!("{dose} Gy"),
    });
    match (dose, end) {
        (Some(dose), Some(end)) => Some(format!("{dose}, ended {}", crate::day::text(end))),
        (Some(dose), None) => Some(dose),
        (None, Some(end)) => Some(format!("radiotherapy ended {}", crate::day::text(end))),
        (None, None) => None,
    }
}
