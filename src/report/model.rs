//! What a page shows: typed values that the pipeline fills and the page only prints.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::surveillance::Surveillance;
use super::viewer::ViewerVolumes;
use crate::cohort::{Audit, Outcomes};
use crate::dsc::LeakageChoice;
use crate::lesion::{Distribution, Histogram, LesionRecord, Rim, Subtraction, Target};
use crate::pet::{PetMeasures, PetResponse};
use crate::quality::{Caveat, Check};
use crate::reanalysis::Stability;
use crate::verdict::{GrowthBand, Verdict};

/// One subject: the page of all its lesions.
#[derive(Debug, Clone)]
pub struct SubjectPage {
    /// `sub-…`.
    pub participant_id: String,
    /// Free-text diagnosis, as in the participants table.
    pub diagnosis: Option<String>,
    /// Radiotherapy in words, such as `60 Gy in 30 fractions, ended 2025-03-02`.
    pub radiotherapy: Option<String>,
    /// Last day of radiotherapy, for the time course.
    pub radiotherapy_end: Option<Date>,
    /// Link to the study page, relative to this one; `None` where there is none.
    pub study_link: Option<String>,
    /// Lesions, each with its time points in order; the last one is shown.
    pub lesions: Vec<LesionPage>,
    /// Surveillance, for sarcoma.
    pub surveillance: Option<Surveillance>,
    /// Sessions that failed, with the reason.
    pub failures: Vec<(String, String)>,
    /// Who made the page and from what.
    pub provenance: Provenance,
}

/// One lesion over its time points.
#[derive(Debug, Clone)]
pub struct LesionPage {
    /// Time points in order, at least one.
    pub time_points: Vec<TimePoint>,
}

/// One lesion at one session.
#[derive(Debug, Clone)]
pub struct TimePoint {
    /// Everything measured.
    pub record: LesionRecord,
    /// What it means.
    pub verdict: Verdict,
    /// How often the verdict stays under other choices of the analysis.
    pub stability: Option<Stability>,
    /// Every doubt, from reading to judging.
    pub caveats: Vec<Caveat>,
    /// Quality checks of perfusion.
    pub dsc_checks: Vec<Check>,
    /// Quality checks of ASL.
    pub asl_checks: Vec<Check>,
    /// Quality checks of DCE.
    pub dce_checks: Vec<Check>,
    /// Quality checks of PET.
    pub pet_checks: Vec<Check>,
    /// Spread to expect of each measure when the same lesion is scanned again, for the rulers.
    pub test_retest: Vec<TestRetest>,
    /// The background of the TBR in words, such as `contralateral crescent, 14.2 mL`.
    pub background: Option<String>,
    /// What PET says beside the columns.
    pub pet: Option<PetMeasures>,
    /// What the response rules say against earlier PET studies.
    pub pet_response: Option<PetResponse>,
    /// What lies inside the lesion.
    pub inside: Option<Inside>,
    /// The film strip, left to right; then the picture of the background region.
    pub panels: Vec<Panel>,
    /// The bolus passage.
    pub bolus: Option<BolusFigure>,
    /// The motion of the head during the perfusion series.
    pub motion: Option<MotionFigure>,
    /// How the rCBV values of the lesion are spread.
    pub rcbv_histogram: Option<Histogram>,
    /// The error of the volume, and from where on it has grown.
    pub growth_band: Option<GrowthBand>,
    /// Where lesion and reference lie.
    pub mask_check: Option<MaskCheck>,
    /// What the viewer shows.
    pub volumes: Option<ViewerVolumes>,
    /// What perfusion says beside the columns of the row.
    pub perfusion: Option<PerfusionDetail>,
    /// The arterial curve of the flow maps.
    pub artery: Option<ArteryFigure>,
    /// Where its voxels lie.
    pub artery_panel: Option<Panel>,
    /// Curves with a model's fit: ASL over its delays, DCE over time.
    pub curves: Vec<CurveFigure>,
    /// What was looked for and not found, in words.
    pub missing: Vec<String>,
    /// What was measured how, in sentences that name the model and the reference.
    pub methods: Vec<String>,
}

/// What lies inside a lesion; no rule looks at it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inside {
    /// Rim and most active cluster in each map.
    pub maps: Vec<MapInside>,
    /// Enhancement by subtraction; `None` without T1 before and after contrast.
    pub subtraction: Option<Subtraction>,
}

/// The inside of a lesion in one map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapInside {
    /// The map with its unit.
    pub map: String,
    /// The rim; `None` where it holds no value.
    pub rim: Option<Rim>,
    /// The most active cluster.
    pub target: Option<Target>,
}

impl MapInside {
    /// The same in another unit; `factor` is above 0.
    pub fn scaled(mut self, factor: f64) -> Self {
        if let Some(rim) = &mut self.rim {
            rim.mean *= factor;
            rim.inside_mean = rim.inside_mean.map(|mean| mean * factor);
        }
        if let Some(target) = &mut self.target {
            target.bound *= factor;
            target.mean *= factor;
        }
        self
    }
}

/// What perfusion says of a lesion beside the columns of its row, each number named for what it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PerfusionDetail {
    /// Over which frames rCBV is integrated.
    pub integration: String,
    /// What the rCBV columns are divided by; `None` where there is no reference region.
    pub normalization: Option<String>,
    /// Spread of normalized rCBV over the usable voxels of the lesion.
    pub distribution: Option<Distribution>,
    /// Mean standard error of one voxel's normalized rCBV, from the fit residual and the noise of S0.
    pub voxel_error: Option<f64>,
    /// Which frames the signal recovery takes as recovered.
    pub recovery_frames: String,
    /// Recovery by area, %: mean recovery of the lesion's signal from its minimum to the end of the series.
    pub recovery_area: Option<f64>,
    /// The rule by which voxels are taken for vessels, and how many of the lesion were left out; `None` where it is off.
    pub vessels: Option<(String, usize)>,
    /// rCBV set against something else than white matter. No cut-off refers to these.
    pub further: Vec<FurtherRcbv>,
    /// The leakage models held against each other.
    pub leakage: Option<LeakageChoice>,
}

/// rCBV of a lesion set against something else than white matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FurtherRcbv {
    /// Against what.
    pub normalization: String,
    /// Mean over the usable voxels.
    pub mean: f64,
    /// Median over the usable voxels.
    pub median: f64,
}

/// The arterial curve of the flow maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArteryFigure {
    /// Where it comes from, in words.
    pub source: String,
    /// Frame times, s.
    pub time: Vec<f64>,
    /// Its values: ΔR2* in 1/s, or the unit of a given curve.
    pub curve: Vec<f64>,
    /// Voxels that it is the mean of; 0 for a given curve.
    pub voxels: usize,
    /// Largest value.
    pub peak: f64,
    /// Its time, s.
    pub peak_time: f64,
    /// Full width at half maximum, s.
    pub width: Option<f64>,
    /// Voxels whose smallest signal comes close to the noise floor.
    pub truncated: usize,
    /// What its quality check says.
    pub words: String,
}

/// The 95 % range in which a measure would fall if the unchanged lesion were scanned again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRetest {
    /// The column that it belongs to, such as `rcbv_mean`.
    pub column: String,
    /// Lower end, in the unit of the column.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Within-subject coefficient of variation that it comes from, as a fraction.
    pub variation: f64,
}

/// Axial slices with the outlines of what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskCheck {
    /// The image beneath.
    pub name: String,
    /// Values drawn black and white.
    pub range: (f64, f64),
    /// Slices from the lowest to the highest.
    pub tiles: Vec<MaskTile>,
    /// Whether a reference is drawn.
    pub reference: bool,
    /// Whether the brain is drawn; the image is then limited to it.
    pub brain: bool,
}

/// One slice of a [`MaskCheck`]; outlines are closed polylines in pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskTile {
    /// The pixels in radiological view.
    pub raster: Raster,
    /// Scanner z of the slice, mm.
    pub slice_mm: f64,
    /// The lesion.
    pub lesion: Vec<Vec<[f32; 2]>>,
    /// The reference region.
    pub reference: Vec<Vec<[f32; 2]>>,
    /// The brain.
    pub brain: Vec<Vec<[f32; 2]>>,
}

/// What a film-strip panel shows; it decides the color map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PanelKind {
    /// Anatomy in grey.
    Anatomy,
    /// A perfusion map in color.
    Perfusion,
    /// Fractional tumor burden classes over anatomy: 1 below the lower cut-off, 2 between, 3 above; NaN elsewhere.
    TumorBurden,
    /// A PET map in color.
    Uptake,
    /// Where the arterial voxels lie, over the baseline of the perfusion series.
    Artery,
    /// A whole slice of the PET image with the background region outlined.
    Background,
    /// An ASL map in color.
    Labeling,
    /// A DCE map in color.
    Dynamic,
}

/// A picture of one axial slice, as values: the page colors it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// What it shows.
    pub kind: PanelKind,
    /// Title, such as `rCBV, leakage corrected`.
    pub title: String,
    /// One line of numbers, such as `mean 1.20, 90th percentile 2.18`.
    pub caption: String,
    /// The pixels in radiological view: patient right on the left, anterior up.
    pub raster: Raster,
    /// For [`PanelKind::TumorBurden`]: the anatomy beneath, over the same field of view; its window is `range`.
    pub underlay: Option<Raster>,
    /// Values at the ends of the color bar.
    pub range: (f64, f64),
    /// Cut-offs to mark on the bar.
    pub cutoffs: Vec<f64>,
    /// Unit behind the numbers of the bar; empty for ratios.
    pub unit: String,
    /// Outline of the lesion in pixels, closed polylines; the first pixel reaches from 0 to 1 in both directions.
    pub outline: Vec<Vec<[f32; 2]>>,
    /// Scanner z of the slice, mm.
    pub slice_mm: f64,
    /// Where the panel lies in the whole slice.
    pub locator: Option<Locator>,
}

/// A small picture of the whole slice with the panel's field of view marked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Locator {
    /// The whole slice in grey, in radiological view.
    pub raster: Raster,
    /// Values drawn black and white.
    pub range: (f64, f64),
    /// Left, top, width and height of the panel's field of view, in pixels of this raster.
    pub field: [f32; 4],
}

/// Values of a picture, rows from the top.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raster {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Edge of a pixel, mm.
    pub millimeters: f64,
    /// Values row by row; NaN is outside or not estimated.
    #[serde(with = "super::packed")]
    pub values: Vec<f32>,
}

/// Mean ΔR2* of lesion and reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BolusFigure {
    /// Frame times, s.
    pub time: Vec<f64>,
    /// Lesion, measured, 1/s.
    pub lesion: Vec<f64>,
    /// Lesion, leakage-corrected, 1/s.
    pub lesion_corrected: Vec<f64>,
    /// Reference white matter, 1/s.
    pub reference: Vec<f64>,
    /// Time of the last frame before the bolus arrives, s.
    pub arrival: f64,
}

/// The motion of the head during a series, frame by frame; what could not be told is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MotionFigure {
    /// Frame times, s.
    pub time: Vec<f64>,
    /// Displacement from the baseline (root mean square over a sphere of 80 mm), mm.
    pub displacement_mm: Vec<Option<f64>>,
    /// Displacement from the frame before, mm.
    pub framewise_mm: Vec<Option<f64>>,
    /// Translation to the right, to the front and up (mm), rotation about these axes (degrees).
    pub poses: Vec<Option<[f64; 6]>>,
    /// Frames farther from the one before than `spike_mm`, counted from 0.
    pub spikes: Vec<usize>,
    /// That limit, mm.
    pub spike_mm: f64,
    /// Whether each frame was registered; otherwise the numbers are the detector's first-order estimates.
    pub registered: bool,
    /// Whether the frames were resampled to the place of the baseline.
    pub corrected: bool,
    /// Voxels that left the field in some frame, and are not used.
    pub voxels_lost: usize,
}

/// A lesion's mean curve with the fit of a model and what the fit leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveFigure {
    /// Title.
    pub title: String,
    /// What the lines are, in a sentence.
    pub caption: String,
    /// Unit of the values; empty for ratios.
    pub unit: String,
    /// Times, s.
    pub time: Vec<f64>,
    /// Lesion, measured.
    pub measured: Vec<f64>,
    /// The fit at the same times; empty without a model.
    pub fitted: Vec<f64>,
    /// Measured minus fitted; empty without a model.
    pub residual: Vec<f64>,
    /// Reference tissue; empty without one.
    pub reference: Vec<f64>,
    /// When the bolus arrives, s, where that is told.
    pub arrival: Option<f64>,
}

/// From what, by what, with which settings a page was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Program version.
    pub version: String,
    /// Version of the decision rules.
    pub rules_version: String,
    /// Hash of inputs, settings and version.
    pub run_id: String,
    /// Hash of the settings.
    pub settings_hash: String,
    /// Each input: its path inside the study and its SHA-256.
    pub inputs: Vec<(String, String)>,
}

/// The study page.
#[derive(Debug, Clone)]
pub struct StudyPage {
    /// Name from the study's `dataset_description.json`, or the folder's label.
    pub title: String,
    /// Latest time point of each lesion: record, verdict, and the relative link to its page.
    pub lesions: Vec<StudyRow>,
    /// Sessions that failed, with the reason.
    pub failures: Vec<(String, String)>,
    /// Subjects with a surveillance visit that is overdue, and by which schedules.
    pub overdue: Vec<(String, String)>,
    /// How often the rules gave an answer.
    pub audit: Option<Audit>,
    /// Cut-offs and rules against known histology, pathway by pathway.
    pub outcomes: Vec<Outcomes>,
    /// Day against which windows and overdue visits are told.
    pub as_of: Option<Date>,
    /// From what it was made.
    pub provenance: Provenance,
}

/// One lesion on the study page.
#[derive(Debug, Clone)]
pub struct StudyRow {
    /// Everything measured at the latest session.
    pub record: LesionRecord,
    /// Its verdict.
    pub verdict: Verdict,
    /// All doubts.
    pub caveats: Vec<Caveat>,
    /// Link to the lesion, relative to the study page.
    pub link: String,
    /// Small pictures for the contact sheet; empty where none was drawn.
    pub thumbnails: Vec<Panel>,
}
