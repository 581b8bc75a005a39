//! What is worth a doubt: quality words, checks with their limits, and caveats.
//!
//! A fallback, a missing input or a suspicious value never passes in silence: it becomes a [`Caveat`], which the
//! lesion's row, its JSON and its page all print. Every code is explained by `relight explain CODE`.

use serde::{Deserialize, Serialize};

closed_words! {
    /// The word that a quality check ends in.
    pub enum Quality: "quality word" {
        /// Within every limit.
        Pass = "pass",
        /// Usable, with a limit crossed that a reader must know of.
        Caution = "caution",
        /// Not usable: the verdict treats the measurement as missing.
        Fail = "fail",
    }
}

impl Quality {
    /// The worse of two words.
    pub fn worse(self, other: Self) -> Self {
        let rank = |quality| match quality {
            Self::Pass => 0,
            Self::Caution => 1,
            Self::Fail => 2,
        };
        if rank(self) >= rank(other) { self } else { other }
    }
}

/// One quality check: what was found, what was expected, and what it means for this lesion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at, such as `Baseline length`.
    pub name: String,
    /// What was found, with its unit.
    pub found: String,
    /// The limit, with its unit.
    pub limit: String,
    /// The outcome.
    pub quality: Quality,
    /// One plain sentence: what the outcome means here.
    pub meaning: String,
}

/// The worst word among checks; `None` where nothing was checked.
pub fn worst(checks: &[Check]) -> Option<Quality> {
    checks.iter().map(|check| check.quality).reduce(Quality::worse)
}

/// A doubt that travels with a number to the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caveat {
    /// Which doubt; explained by `relight explain`.
    pub code: CaveatCode,
    /// The particulars: which file, field or number, expected and found.
    pub detail: String,
}

impl Caveat {
    /// A caveat with its particulars.
    pub fn new(code: CaveatCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl std::fmt::Display for Caveat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.detail.is_empty() { write!(f, "{}", self.code) } else { write!(f, "{}: {}", self.code, self.detail) }
    }
}

macro_rules! caveat_codes {
    ($($(#[$group:meta])* $variant:ident = $code:literal, $meaning:literal;)*) => {
        /// Every doubt the program can attach to a number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum CaveatCode {
            $(#[doc = $meaning] #[serde(rename = $code)] $variant,)*
        }

        impl CaveatCode {
            /// All codes, in the order of the rooms that raise them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands in tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, in one or two plain sentences.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

caveat_codes! {
    // study
    HeightInCentimeters = "HEIGHT_IN_CENTIMETERS", "A body height above 3 was read as centimeters.";
    SidecarAndHeaderDiffer = "SIDECAR_AND_HEADER_DIFFER", "The sidecar and the image header give different values; the sidecar's was used.";
    SidecarAndTableDiffer = "SIDECAR_AND_TABLE_DIFFER", "The sidecar and the study's table give different body values; the sidecar's was used.";
    FieldNotRead = "FIELD_NOT_READ", "A field of the PET sidecar cannot be read or cannot be meant: it counts as missing, or the study's table stands in its place.";
    TracerNamesDiffer = "TRACER_NAMES_DIFFER", "The file name and the sidecar name the tracer differently; the one that is a known tracer was used.";
    OneOfSeveralFiles = "ONE_OF_SEVERAL_FILES", "Several files fit one role; the settings chose one of them by name.";
    MaskResampled = "MASK_RESAMPLED", "A mask stood on another grid and was taken to the series by nearest neighbor in scanner coordinates.";
    MaskPartlyOutside = "MASK_PARTLY_OUTSIDE", "Part of the lesion mask lies outside the image; only the covered part was measured.";
    LesionLostOnGrid = "LESION_LOST_ON_GRID", "The lesion is so small that no voxel of the series lies in it: it cannot be measured there.";
    MasksNotMatched = "MASKS_NOT_MATCHED", "Masks of several components stand on several grids and carry no labels: which is which cannot be told, so the anatomical mask was taken to the series.";
    TransformUsed = "TRANSFORM_USED", "A given transform took masks and anatomy to the DSC series: it is as right as the file is; look at the pictures.";
    TransformNotUsed = "TRANSFORM_NOT_USED", "A transform file lies beside the images and was not used: it is not between the anatomy and the DSC series, or another one is.";
    OtherTracers = "OTHER_TRACERS", "The session has more than one PET tracer: the row holds one of them, the maps all.";
    EarlierSessionMissing = "EARLIER_SESSION_MISSING", "An earlier session of the patient has no result in this dataset: follow-up rounds and changes are told without it.";
    NoReference = "NO_REFERENCE", "No reference region: rCBV is not normalized, and cut-offs do not apply to it.";
    // dsc
    BaselineShort = "BASELINE_SHORT", "Fewer than ten frames before the bolus arrives: the baseline signal is uncertain.";
    ProtocolOutsideConsensus = "PROTOCOL_OUTSIDE_CONSENSUS", "The DSC protocol lies outside the consensus recommendation (Boxerman 2020), so the cut-offs may not transfer.";
    ProtocolNotKnown = "PROTOCOL_NOT_KNOWN", "Part of the DSC protocol is not in the sidecar and could not be held against the consensus recommendation.";
    BolusWeak = "BOLUS_WEAK", "The signal drops little at the bolus: rCBV is noisy, or means nothing.";
    SeriesNoisy = "SERIES_NOISY", "The signal before the bolus is noisy or drifts: rCBV of single voxels is uncertain.";
    ReferenceSmall = "REFERENCE_SMALL", "The reference region holds few usable voxels: every normalized rCBV carries the error of its mean.";
    SusceptibilityInLesion = "SUSCEPTIBILITY_IN_LESION", "Part of the lesion is dark before the bolus (blood products, metal, air): rCBV is unreliable there.";
    LesionPartlyMasked = "LESION_PARTLY_MASKED", "Part of the lesion lies outside the brain mask and is not measured.";
    VesselsExcluded = "VESSELS_EXCLUDED", "Voxels taken for vessels by the rule of the settings were left out of the lesion's statistics and curves.";
    MotionCorrected = "MOTION_CORRECTED", "The head moved during the perfusion series: every frame was registered to the baseline and resampled.";
    MotionSpikes = "MOTION_SPIKES", "The head jerked from one frame to the next: those frames may hold motion that alignment cannot undo.";
    VoxelsSaturated = "VOXELS_SATURATED", "Voxels whose signal fell to the noise floor were left out of the means.";
    AifFailed = "AIF_FAILED", "No arterial input function could be found: CBF, MTT and Tmax are not estimated; rCBV does not need one.";
    MirroredReference = "MIRRORED_REFERENCE", "No reference mask was given: the lesion mirrored in the mid-sagittal plane, white matter only, served as the reference.";
    ReferenceOverlapsLesion = "REFERENCE_OVERLAPS_LESION", "The reference region shares voxels with a lesion: normalized values are too low or too high.";
    LeakageNotCorrected = "LEAKAGE_NOT_CORRECTED", "The leakage model could not be solved in some voxels: they are not estimated.";
    LeakageDecides = "LEAKAGE_DECIDES", "The reading of rCBV rests on the leakage correction: without it the mean lies on another side of a cut-off, or below zero.";
    LeakageModelNone = "LEAKAGE_MODEL_NONE", "Leakage correction was switched off: rCBV is uncorrected, and cut-offs set for corrected values may not transfer.";
    // asl
    AslRelativeOnly = "ASL_RELATIVE_ONLY", "CBF has no unit (no M0, or no bolus cut-off): only its ratio to a reference can be used.";
    AslControlAsM0 = "ASL_CONTROL_AS_M0", "There is no M0 scan: the mean control image, without background suppression, served as M0.";
    AslM0RecoveryUnknown = "ASL_M0_RECOVERY_UNKNOWN", "The repetition time of M0 is not known: its incomplete recovery could not be corrected, and CBF may be too high.";
    AslNotMeasured = "ASL_NOT_MEASURED", "The ASL series could not be quantified and was left out; the other series were measured.";
    // dce
    DceNotMeasured = "DCE_NOT_MEASURED", "The DCE series could not be quantified and was left out; the other series were measured.";
    DcePopulationAif = "DCE_POPULATION_AIF", "The arterial curve is a population's and not the patient's: Ktrans, ve and vp carry its error, and compare only with values made with the same curve.";
    DceAutomaticAif = "DCE_AUTOMATIC_AIF", "The arterial curve was found among the voxels; look at how the models fit, and at the place of the artery.";
    ImageResampled = "IMAGE_RESAMPLED", "A T1, flip-angle, B1 or M0 image stood on another grid and was interpolated to the series in scanner coordinates.";
    DceSemiQuantitative = "DCE_SEMI_QUANTITATIVE", "Without T1, flip angle and repetition time there are no concentrations: DCE is semi-quantitative only.";
    DceNoModel = "DCE_NO_MODEL", "No tracer-kinetic model was fitted: Ktrans, ve and vp are not estimated.";
    DceAssumedT1 = "DCE_ASSUMED_T1", "One T1 was taken for all voxels: concentrations and what is fitted to them carry its error.";
    DceFitsFailed = "DCE_FITS_FAILED", "The model could not be fitted in some voxels: they are not estimated.";
    // pet
    UptakeTimeZero = "UPTAKE_TIME_ZERO", "Injection and scan start at the same time for a static scan: TimeZero, ScanStart or InjectionStart is suspicious.";
    FramesOverlap = "FRAMES_OVERLAP", "FrameDuration makes frames overlap: it may hold end times.";
    MidnightCrossed = "MIDNIGHT_CROSSED", "A time runs past midnight or backwards.";
    FrameCountMismatch = "FRAME_COUNT_MISMATCH", "The sidecar describes another number of frames than the image holds.";
    FrameTimesInvalid = "FRAME_TIMES_INVALID", "Frame start times do not increase, begin before the scan, or a frame's duration is not positive.";
    HalfLifeMismatch = "HALF_LIFE_MISMATCH", "The header's half-life is not that of the named radionuclide; the header's was used.";
    StaticWindowNotPlaced = "STATIC_WINDOW_NOT_PLACED", "The static window could not be placed among the frames: all frames were averaged, and cut-offs do not hold for that.";
    StaticWindowDoubtful = "STATIC_WINDOW_DOUBTFUL", "The frames fill the static window only in part, or the window is not the tracer's: the ratio may differ from what cut-offs refer to.";
    CurvesNotCorrected = "CURVES_NOT_CORRECTED", "The decay of the frames could not be corrected: no time-activity curves, no time to peak, no slope.";
    NuclideNotOfTracer = "NUCLIDE_NOT_OF_TRACER", "The named tracer is not made with the named radionuclide: one of the two is wrong.";
    BackgroundInsideLesion = "BACKGROUND_INSIDE_LESION", "Part of the background region lies inside a lesion, which lowers TBR.";
    DecayFactorMismatch = "DECAY_FACTOR_MISMATCH", "DecayCorrectionFactor does not fit FrameTimesStart and ImageDecayCorrectionTime: TimeZero may be wrong.";
    DoseOrWeightImplausible = "DOSE_OR_WEIGHT_IMPLAUSIBLE", "The injected dose, the body weight or the height is outside what is plausible.";
    SuvNotAvailable = "SUV_NOT_AVAILABLE", "SUV could not be computed because a field is missing; TBR does not need it.";
    AutomaticBackground = "AUTOMATIC_BACKGROUND", "No background mask was given: an automatic region served; look at its picture.";
    BackgroundHeterogeneous = "BACKGROUND_HETEROGENEOUS", "The background region varies more than expected; TBR is less certain.";
    NoBackground = "NO_BACKGROUND", "No background region: TBR is not computed.";
    TbrImplausible = "TBR_IMPLAUSIBLE", "The ratio to background is not one that tissue has: the background's number is not in the unit of the image, or its region lies in air.";
    UptakeNotEstimated = "UPTAKE_NOT_ESTIMATED", "Voxels of the lesion hold no value and were left out.";
    NegativeUptake = "NEGATIVE_UPTAKE", "The PET image holds negative voxels inside the lesion.";
    SmallLesionPet = "SMALL_LESION_PET", "The lesion is narrower than twice the scanner's resolution: uptake is underestimated (partial volume).";
    // lesion
    MaskIncludesCore = "MASK_INCLUDES_CORE", "More than a fifth of the lesion mask does not enhance; the mean over enhancing tissue decides.";
    CoreNotLabeled = "CORE_NOT_LABELED", "The mask has no labeled necrotic core and no post-contrast T1 tells it apart: the mean is over the mask as given.";
    ComponentTooSmall = "COMPONENT_TOO_SMALL", "Components below the smallest volume were dropped, or the only one is smaller: its shape and means are mostly partial volume.";
    FewVoxels = "FEW_VOXELS", "Too few usable voxels for an interval.";
    LesionCrossesMidline = "LESION_CROSSES_MIDLINE", "The lesion crosses the mid-sagittal plane: a mirrored region is not independent of it.";
    // pipeline
    LesionsNotMatched = "LESIONS_NOT_MATCHED", "The mask is binary and holds several components, which are numbered by size: which lesion is which at another session cannot be told, so nothing is said of growth.";
    LesionNotInMask = "LESION_NOT_IN_MASK", "The mask of another session since then holds lesions, but not this one: resolved, or not drawn? It was not judged there.";
    LesionMaskEmpty = "LESION_MASK_EMPTY", "The lesion mask of this session was drawn and is empty: the lesion counts as resolved, with a volume of 0, and no series was measured in it.";
    EarlierHistology = "EARLIER_HISTOLOGY", "A biopsy of this lesion is recorded at an earlier session. It decides the result of that session; this one is judged by its own images and follow-up, because what grows or fades after a biopsy was not in the needle.";
    ToldOtherwise = "TOLD_OTHERWISE", "What was told with `relight annotate` contradicts the study's tables; the last told word counts.";
    ScanBeforeTreatment = "SCAN_BEFORE_TREATMENT", "The scan precedes the end of radiotherapy or the resection: it is no index scan of the watch after it.";
    // verdict
    CutoffNotForTracer = "CUTOFF_NOT_FOR_TRACER", "The centre's single TBR cut-off is for MET only and was ignored for this tracer.";
    NoCutoffForTracer = "NO_CUTOFF_FOR_TRACER", "No cut-off is configured for this tracer: the ratio is reported and not used.";
    TracerUnknown = "TRACER_UNKNOWN", "A ratio without a tracer cannot be judged.";
    CbvNearZero = "CBV_NEAR_ZERO", "The corrected mean rCBV is slightly below zero, as in avascular tissue after leakage correction; it is read as low.";
    CbvNegative = "CBV_NEGATIVE", "The corrected mean rCBV is too far below zero to be a measurement; it is treated as missing.";
    ImpossibleValue = "IMPOSSIBLE_VALUE", "A negative or infinite value cannot be a measurement; it is treated as missing.";
    AslUnvalidated = "ASL_UNVALIDATED", "The ASL cut-offs are borrowed from rCBV and are not validated.";
    PathwayUnknown = "PATHWAY_UNKNOWN", "The disease pathway is not known: quantities are given, a verdict is not.";
    SingleFeature = "SINGLE_FEATURE", "The sarcoma verdict rests on one feature; two concordant features are expected.";
    BaselineOutOfWindow = "BASELINE_OUT_OF_WINDOW", "The first scan after treatment does not lie 3-6 months after its end, where the baseline is due.";
    ProtocolDiffers = "PROTOCOL_DIFFERS", "Scanner or protocol differ between sessions of this subject: a change may come from the measurement.";
    GrowthOneCmPerMonth = "GROWTH_ONE_CM_PER_MONTH", "Retroperitoneal liposarcoma that grew by one centimeter a month or more since the resection: rapidly progressing tumors do worse.";
    BaselineMissing = "BASELINE_MISSING", "No earlier scan of the site to compare with: the most important pitfall of sarcoma surveillance.";
}

impl std::fmt::Display for CaveatCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_word_wins() {
        assert_eq!(Quality::Pass.worse(Quality::Caution), Quality::Caution);
        assert_eq!(Quality::Fail.worse(Quality::Caution), Quality::Fail);
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = CaveatCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CaveatCode::ALL.len());
    }
}
