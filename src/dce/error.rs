//! What can be wrong with a DCE series, told with what was expected and what was found.

use crate::image::SpaceDifference;

/// A DCE series that cannot be quantified.
#[derive(Debug, thiserror::Error)]
pub enum DceError {
    /// A setting that cannot be right.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Nothing to analyze.
    #[error("the mask holds no voxel of the DCE series; give another one with --mask")]
    NoVoxels,
    /// The frame times do not fit the series.
    #[error("the DCE series has {frames} frames: expected one frame time each, found {times}")]
    FrameTimes {
        /// Frames in the series.
        frames: usize,
        /// Frame times.
        times: usize,
    },
    /// No rise of the signal.
    #[error("no enhancement was found in the mean signal of the mask: expected a rise after a baseline")]
    NoEnhancement,
    /// Too short a baseline.
    #[error("{found} baseline frames before the contrast arrives: expected at least {expected}")]
    BaselineTooShort {
        /// Baseline frames found.
        found: usize,
        /// Baseline frames needed.
        expected: usize,
    },
    /// A model without concentrations.
    #[error("--model {model} needs concentrations: {missing}")]
    NoConcentration {
        /// The model.
        model: &'static str,
        /// What is missing.
        missing: String,
    },
    /// A model without an arterial curve.
    #[error("--model {model} needs an arterial curve: give --aif FILE, parker, georgiou or auto")]
    NoAif {
        /// The model.
        model: &'static str,
    },
    /// A region outside the measured voxels.
    #[error("{what} holds no measured voxel of the DCE series")]
    EmptyRegion {
        /// What.
        what: String,
    },
    /// Fewer frames than a model has parameters.
    #[error("--model {model} has as many parameters as the series has frames ({frames}), or more")]
    TooFewFrames {
        /// The model.
        model: &'static str,
        /// Frames.
        frames: usize,
    },
    /// Flip-angle images that give no T1.
    #[error("{0}")]
    FlipAngles(String),
    /// A T1 that cannot be in seconds.
    #[error("{what}: T1 has a median of {median} in the mask; expected seconds above 0 and at most 10 (milliseconds?)")]
    RelaxationTime {
        /// What holds it.
        what: String,
        /// Its median.
        median: f64,
    },
    /// An arterial curve that cannot serve.
    #[error("arterial curve: {0}")]
    Aif(String),
    /// A T1 map or region on another grid.
    #[error("{what} does not stand on the grid of the DCE series: {difference}")]
    DifferentSpace {
        /// What.
        what: String,
        /// How the grids differ.
        difference: SpaceDifference,
    },
}

/// A setting outside what it can mean.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("setting dce.{key} is {found}: expected {expected}")]
pub struct SettingError {
    /// The key.
    pub key: &'static str,
    /// What was found.
    pub found: String,
    /// What is expected.
    pub expected: &'static str,
}
