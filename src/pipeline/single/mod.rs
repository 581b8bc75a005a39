//! One series on its own: what the commands for single series share.

mod dsc;
mod kinetic;
mod pet;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

pub use self::dsc::{ArteryRequest, DscRequest, run_dsc};
pub use self::kinetic::{ArterialRequest, AslRequest, DceRequest, RelaxationRequest, run_asl, run_dce};
pub use self::pet::{BackgroundRequest, PetRequest, run_pet};
use super::bench::Bench;
use super::error::SessionError;
use super::judging::row_json;
use super::masks::{Fit, LesionMasks};
use super::measured::Measured;
use super::outputs::{Destination, MadeOutputs, Written};
use super::regions::Brain;
use crate::dataset::{LesionRow, OutputStem, lesions_tsv};
use crate::lesion::{LesionRecord, Split};
use crate::quality::{Caveat, Check, Quality, worst};
use crate::report::model::MotionFigure;
use crate::settings::Settings;
use crate::study::{InputFile, MaskKind};
use crate::verdict::{self, Verdict, judge};

/// Which voxels are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskRequest {
    /// A mask on the grid of the series.
    File(PathBuf),
    /// Found in the baseline image.
    Automatic,
    /// Every voxel.
    None,
}

impl MaskRequest {
    /// `auto`, `none`, or a file.
    pub fn of(text: &str) -> Self {
        match text {
            "auto" => Self::Automatic,
            "none" => Self::None,
            path => Self::File(path.into()),
        }
    }
}

/// What every command is told: the lesions, and where the maps go.
#[derive(Debug, Clone)]
pub struct CommonRequest {
    /// Lesions.
    pub lesions: Option<PathBuf>,
    /// How the lesion mask is split.
    pub split: Option<Split>,
    /// Where the maps go.
    pub output: PathBuf,
    /// Whether files of others may be replaced.
    pub force: bool,
}

impl CommonRequest {
    fn lesion_file(&self) -> Option<InputFile> {
        self.lesions.as_ref().map(InputFile::lone)
    }

    fn lesion_masks(&self, settings: &Settings) -> Result<Option<LesionMasks>, SessionError> {
        let Some(file) = self.lesion_file() else { return Ok(None) };
        LesionMasks::read(&file, MaskKind::Undeclared, &BTreeMap::new(), self.split, &settings.lesion).map(Some)
    }

    fn destination<'a>(&'a self, series: &InputFile, sources: &'a [InputFile]) -> Destination<'a> {
        Destination {
            folder: &self.output,
            stem: OutputStem::of_series(series.file_name()),
            sources,
            force: self.force,
        }
    }
}

/// What a single command leaves.
#[derive(Debug, Clone)]
pub struct SingleOutcome {
    written: Vec<Written>,
    rows: Rows,
    caveats: Vec<Caveat>,
    checks: Vec<Check>,
    motion: Option<MotionFigure>,
}

impl SingleOutcome {
    fn new(written: Vec<Written>, rows: Rows, caveats: Vec<Caveat>, checks: Vec<Check>) -> Self {
        Self { written, rows, caveats, checks, motion: None }
    }

    /// Number of maps.
    pub fn maps(&self) -> usize {
        self.written.len()
    }

    /// Doubts about the series as a whole.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }

    /// The worst quality word.
    pub fn quality(&self) -> Option<Quality> {
        worst(&self.checks)
    }

    /// The lesion table; `None` without lesions.
    pub fn table(&self) -> Option<String> {
        if self.rows.is_empty() {
            return None;
        }
        let rows: Vec<LesionRow> = self
            .rows
            .iter()
            .map(|(lesion, verdict)| LesionRow {
                record: lesion.record.clone(),
                verdict: verdict.columns(lesion.measured_caveats.iter().map(|caveat| caveat.code.as_str())),
            })
            .collect();
        Some(lesions_tsv(&rows, &verdict::COLUMNS))
    }

    /// `{"maps": …, "lesions": …, "caveats": …}`.
    pub fn json(&self) -> Value {
        let maps: Map<String, Value> =
            self.written.iter().map(|map| (map.key.clone(), json!(map.path.display().to_string()))).collect();
        let lesions: Vec<Value> =
            self.rows.iter().map(|(lesion, verdict)| Value::Object(row_json(lesion, verdict))).collect();
        let details: Vec<Value> = self.rows.iter().filter_map(|(lesion, _)| lesion.details_json()).collect();
        let artery = self.rows.iter().find_map(|(lesion, _)| serde_json::to_value(lesion.artery.as_ref()?).ok());
        let pet: Vec<Value> = self
            .rows
            .iter()
            .filter_map(|(lesion, _)| Some(json!({ "lesion": lesion.record.lesion, "measures": lesion.pet.as_ref()? })))
            .collect();
        let mut all = json!({ "maps": maps, "lesions": lesions, "caveats": self.caveats, "checks": self.checks });
        if let Some(motion) = &self.motion {
            all["motion"] = json!(motion);
        }
        if !pet.is_empty() {
            all["pet"] = Value::Array(pet);
        }
        if !details.is_empty() {
            all["perfusion_details"] = Value::Array(details);
        }
        if let Some(artery) = artery {
            all["artery"] = artery;
        }
        all
    }
}

/// The row and the verdict of each lesion.
type Rows = Vec<(Measured, Verdict)>;

/// Measures the lesions while `make` makes the maps, and puts the maps into place where both are there.
fn finish<'a>(
    masks: Option<&'a LesionMasks>,
    settings: &'a Settings,
    complete: impl FnOnce(Bench<'a>) -> Bench<'a> + Send,
    make: impl FnOnce() -> Result<MadeOutputs, SessionError> + Send,
) -> Result<(Rows, Vec<Written>), SessionError> {
    let (rows, made) = rayon::join(|| measure_rows(masks, settings, complete), make);
    let (rows, made) = (rows?, made?);
    Ok((rows, made.commit()?))
}

fn measure_rows<'a>(
    masks: Option<&'a LesionMasks>,
    settings: &'a Settings,
    complete: impl FnOnce(Bench<'a>) -> Bench<'a>,
) -> Result<Rows, SessionError> {
    let Some(masks) = masks else { return Ok(Vec::new()) };
    let bench = complete(Bench {
        settings,
        masks,
        anatomy: None,
        perfusion: None,
        through: None,
        labeled: None,
        dynamic: None,
        uptake: None,
        brain: None,
        series: "",
        for_page: false,
    });
    // Collected before the first error is looked for, so that it is the same one for any number of threads.
    let rows: Vec<Result<_, SessionError>> = (0..masks.lesions.len())
        .into_par_iter()
        .map(|place| {
            let lesion = &masks.lesions[place];
            let record = LesionRecord {
                lesion: Some(lesion.label.to_string()),
                name: lesion.name.clone(),
                ..Default::default()
            };
            let measured = bench.lesion(place, record, masks.caveats.clone())?;
            let verdict = judge(&measured.record, &settings.verdict);
            Ok((measured, verdict))
        })
        .collect();
    rows.into_iter().collect()
}

fn mask_file(request: &MaskRequest) -> Option<InputFile> {
    match request {
        MaskRequest::File(path) => Some(InputFile::lone(path)),
        MaskRequest::Automatic | MaskRequest::None => None,
    }
}

fn brain_of<'a>(request: &MaskRequest, file: Option<&'a InputFile>) -> Brain<'a> {
    match (file, request) {
        (Some(file), _) => Brain::Given(file, Fit::SameGrid),
        (None, MaskRequest::None) => Brain::WholeImage,
        (None, _) => Brain::Automatic,
    }
}
