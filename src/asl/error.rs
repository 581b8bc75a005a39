//! What can be wrong with an ASL series, told with what was expected and what was found.

use crate::image::SpaceDifference;

/// An ASL series that cannot be quantified.
#[derive(Debug, thiserror::Error)]
pub enum AslError {
    /// A setting that cannot be right.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Nothing to analyze.
    #[error("the mask holds no voxel of the ASL series; give another one with --mask")]
    NoVoxels,
    /// Lists that do not fit the series.
    #[error("{what}: expected one value per volume ({volumes}), found {found}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Volumes in the series.
        volumes: usize,
        /// Values.
        found: usize,
    },
    /// No differences in the series.
    #[error("the ASL series holds no control-label pair and no deltam volume (volume types: {found})")]
    NoPairs {
        /// The volume types.
        found: String,
    },
    /// Controls and labels that do not pair.
    #[error("{controls} control and {labels} label volumes at a delay of {delay} s: expected as many of each")]
    Unpaired {
        /// Controls.
        controls: usize,
        /// Labels.
        labels: usize,
        /// Post-labeling delay, s.
        delay: f64,
    },
    /// A model for another number of delays.
    #[error("--model {model} {problem}: the series has {delays} distinct delay(s)")]
    Model {
        /// The model.
        model: &'static str,
        /// What it needs.
        problem: &'static str,
        /// Distinct delays.
        delays: usize,
    },
    /// A bolus that is cut off after the image.
    #[error(
        "BolusCutOffDelayTime is {cut_off} s: expected less than the inversion time (PostLabelingDelay) of {delay} s"
    )]
    CutOffAfterImage {
        /// Inversion time, s.
        delay: f64,
        /// Cut-off time, s.
        cut_off: f64,
    },
    /// A field strength without constants.
    #[error("MagneticFieldStrength is {found}: expected 1.5, 3 or 7 T, for which [asl] gives T1 of blood and tissue")]
    FieldStrength {
        /// What was found.
        found: String,
    },
    /// A correction that was asked for and needs a number that is not there.
    #[error(
        "BackgroundSuppressionNumberPulses is missing: expected a number, as BackgroundSuppression is true and the setting asl.background_suppression_factor is {factor}"
    )]
    SuppressionPulses {
        /// The factor that was asked for.
        factor: f64,
    },
    /// M0 on another grid.
    #[error("the M0 image does not stand on the grid of the ASL series: {0}")]
    M0Space(SpaceDifference),
    /// Slice times that do not fit the image.
    #[error("SliceTiming has {found} values: expected one per slice ({slices})")]
    SliceTimes {
        /// Slices of the image.
        slices: usize,
        /// Values.
        found: usize,
    },
}

/// A setting outside what it can mean.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("setting asl.{key} is {found}: expected {expected}")]
pub struct SettingError {
    /// The key.
    pub key: &'static str,
    /// What was found.
    pub found: String,
    /// What is expected.
    pub expected: &'static str,
}
