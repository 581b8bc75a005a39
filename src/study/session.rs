//! One session: which file serves as what, what the tables tell, what is missing, what is wrong.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::error::StudyError;
use super::facts::{LesionFacts, SessionFacts};
use super::file::InputFile;
use super::masks::{MaskGrid, MaskSource, MaskTarget, SeriesKind, mask_for};
use super::role::Role;
use super::sidecar::Sidecar;
use crate::acquisition::Body;
use crate::clinical::Tracer;
use crate::quality::Caveat;

/// An image and the sidecars that apply to it, highest level first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The image.
    pub file: InputFile,
    /// Its sidecars.
    pub sidecars: Vec<InputFile>,
}

impl Image {
    /// Reads the sidecars.
    pub fn sidecar(&self) -> Result<Sidecar, StudyError> {
        Sidecar::read(&self.file, &self.sidecars)
    }
}

/// A DSC series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DscInputs {
    /// The series, or its first echo.
    pub image: Image,
    /// The second echo.
    pub second_echo: Option<Image>,
}

/// An ASL series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AslInputs {
    /// The series.
    pub image: Image,
    /// `aslcontext.tsv`.
    pub context: Option<InputFile>,
    /// The M0 scan.
    pub m0: Option<Image>,
}

/// A DCE series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DceInputs {
    /// The series.
    pub image: Image,
    /// Flip-angle images, in order of their names.
    pub flip_angles: Vec<Image>,
    /// T1 map.
    pub t1_map: Option<Image>,
}

/// A PET image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PetInputs {
    /// The image.
    pub image: Image,
    /// The `trc-` label, or the tracer of the worklist, as written.
    pub tracer_label: Option<String>,
}

impl PetInputs {
    /// The tracer that the label names.
    pub fn tracer(&self) -> Option<Tracer> {
        self.tracer_label.as_deref().map(Tracer::from_name)
    }
}

/// A rigid transform between two images of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransformFile {
    /// The file.
    pub file: InputFile,
    /// `from-`.
    pub from: String,
    /// `to-`.
    pub to: String,
}

/// Something that was looked for and not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub role: Role,
    /// The pattern or column that was tried.
    pub tried: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: no {}", self.role, self.tried)
    }
}

/// A file that looks like one of ours and is not used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// The file.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Whether a session can be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Readiness<'a> {
    /// At least one series and one lesion mask, and nothing wrong.
    Ready,
    /// No series, or no lesion mask.
    NothingToMeasure,
    /// Something is wrong: the session must not be measured.
    Broken(&'a [StudyError]),
}

/// One session of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionInputs {
    /// `sub-…`.
    pub participant_id: String,
    /// `ses-…`; `None` where the subject has no session folders.
    pub session_id: Option<String>,
    /// What the sessions table tells.
    pub facts: SessionFacts,
    /// Weight, height and sex: the session's table, then the participant's.
    pub body: Body,
    /// T1 after contrast.
    pub t1c: Option<Image>,
    /// T1 without contrast.
    pub t1: Option<Image>,
    /// FLAIR.
    pub flair: Option<Image>,
    /// DSC.
    pub dsc: Option<DscInputs>,
    /// ASL.
    pub asl: Option<AslInputs>,
    /// DCE.
    pub dce: Option<DceInputs>,
    /// PET, one image a tracer, in order of the tracers.
    pub pet: Vec<PetInputs>,
    /// Lesion masks, each on another grid.
    pub lesions: Vec<MaskSource>,
    /// Facts of single lesions, by label.
    pub lesion_facts: BTreeMap<u32, LesionFacts>,
    /// Facts of the one lesion of a worklist's row; they hold only where the session has one lesion.
    pub row_facts: Option<LesionFacts>,
    /// Reference masks, each on another grid.
    pub reference: Vec<MaskSource>,
    /// Brain masks, each on another grid.
    pub brain: Vec<MaskSource>,
    /// Masks of the background that uptake is divided by, each on another grid.
    pub background: Vec<MaskSource>,
    /// Transforms.
    pub transforms: Vec<TransformFile>,
    /// What was looked for and not found.
    pub missing: Vec<Missing>,
    /// Files that look like ours and are not used.
    pub ignored: Vec<Ignored>,
    /// Doubts of reading.
    pub caveats: Vec<Caveat>,
    /// What is wrong; empty in a session that can be measured.
    pub problems: Vec<StudyError>,
}

impl SessionInputs {
    pub(super) fn new(participant_id: &str, session_id: Option<String>) -> Self {
        Self {
            participant_id: participant_id.to_owned(),
            session_id,
            facts: SessionFacts::default(),
            body: Body::default(),
            t1c: None,
            t1: None,
            flair: None,
            dsc: None,
            asl: None,
            dce: None,
            pet: Vec::new(),
            lesions: Vec::new(),
            lesion_facts: BTreeMap::new(),
            row_facts: None,
            reference: Vec::new(),
            brain: Vec::new(),
            background: Vec::new(),
            transforms: Vec::new(),
            missing: Vec::new(),
            ignored: Vec::new(),
            caveats: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// `sub-01_ses-02`, the beginning of every file name of the session.
    pub fn stem(&self) -> String {
        match &self.session_id {
            Some(session) => format!("{}_{session}", self.participant_id),
            None => self.participant_id.clone(),
        }
    }

    /// Local date of the session.
    pub fn date(&self) -> Option<Date> {
        self.facts.date
    }

    /// Whether the session can be measured.
    pub fn readiness(&self) -> Readiness<'_> {
        if !self.problems.is_empty() {
            return Readiness::Broken(&self.problems);
        }
        let has_series = self.dsc.is_some() || self.asl.is_some() || self.dce.is_some() || !self.pet.is_empty();
        if has_series && !self.lesions.is_empty() { Readiness::Ready } else { Readiness::NothingToMeasure }
    }

    /// The lesion mask that serves a target; see [`mask_for`].
    pub fn lesions_for(&self, target: MaskTarget<'_>) -> Option<&MaskSource> {
        mask_for(&self.lesions, target)
    }

    /// The reference mask that serves a perfusion series.
    pub fn reference_for(&self, series: SeriesKind) -> Option<&MaskSource> {
        mask_for(&self.reference, MaskTarget::Series(series))
    }

    /// The brain mask that serves a target.
    pub fn brain_for(&self, target: MaskTarget<'_>) -> Option<&MaskSource> {
        mask_for(&self.brain, target)
    }

    /// The background that was drawn for the PET image of a tracer: on its own grid, else on the anatomy, never on the
    /// grid of another tracer's image.
    pub fn background_for(&self, tracer: Option<&Tracer>) -> Option<&MaskSource> {
        let target = MaskTarget::Pet(tracer);
        let found = mask_for(&self.background, target)?;
        match &found.grid {
            MaskGrid::Pet(Some(other)) if tracer.is_some_and(|tracer| tracer != other) => None,
            _ => Some(found),
        }
    }

    /// Every file that the session reads, each once, in order of their names: what its run identifier covers.
    pub fn files(&self) -> Vec<InputFile> {
        let mut images: Vec<&Image> = [&self.t1c, &self.t1, &self.flair].into_iter().flatten().collect();
        let mut files: Vec<&InputFile> = Vec::new();
        if let Some(dsc) = &self.dsc {
            images.extend([Some(&dsc.image), dsc.second_echo.as_ref()].into_iter().flatten());
        }
        if let Some(asl) = &self.asl {
            images.extend([Some(&asl.image), asl.m0.as_ref()].into_iter().flatten());
            files.extend(&asl.context);
        }
        if let Some(dce) = &self.dce {
            images.push(&dce.image);
            images.extend(dce.flip_angles.iter().chain(&dce.t1_map));
        }
        images.extend(self.pet.iter().map(|pet| &pet.image));
        for image in images {
            files.push(&image.file);
            files.extend(&image.sidecars);
        }
        for mask in self.lesions.iter().chain(&self.reference).chain(&self.brain).chain(&self.background) {
            files.push(&mask.file);
            files.extend(&mask.table);
        }
        files.extend(self.transforms.iter().map(|transform| &transform.file));
        let mut all: Vec<InputFile> = files.into_iter().flat_map(with_data_file).collect();
        all.sort();
        all.dedup();
        all
    }

    /// What the tables tell of a lesion. `only` says that the session has one lesion: then a worklist's row is about it.
    pub fn facts_of(&self, label: u32, only: bool) -> LesionFacts {
        let row = self.row_facts.clone().filter(|_| only);
        self.lesion_facts.get(&label).cloned().or(row).unwrap_or_default()
    }
}

/// A header of a pair stands for its data file too.
fn with_data_file(file: &InputFile) -> Vec<InputFile> {
    let mut files = vec![file.clone()];
    if let Some(stem) = file.relative().strip_suffix(".hdr") {
        let path = file.path().with_extension("img");
        if path.is_file() {
            files.push(InputFile::named(format!("{stem}.img"), path));
        }
    }
    files
}
