//! What can be wrong with a DSC series, told with what was expected and what was found.

use crate::image::SpaceDifference;

/// A DSC series that cannot be quantified.
#[derive(Debug, thiserror::Error)]
pub enum DscError {
    /// A setting that cannot be right.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Nothing to analyze.
    #[error("the brain mask holds no voxel of the DSC series; give another one with --mask")]
    NoVoxels,
    /// No voxel has a usable signal.
    #[error("no voxel of the brain mask has a positive, finite signal in every frame: expected an MRI signal")]
    NoSignal,
    /// Too short a series.
    #[error(
        "a DSC series: expected at least {expected} frames (steady state, baseline, bolus and late frames), found {found}"
    )]
    TooFewFrames {
        /// Frames in the series.
        found: usize,
        /// Frames needed.
        expected: usize,
    },
    /// No bolus in the mean signal.
    #[error("no bolus was found in the mean signal of the brain mask: expected a transient signal drop")]
    NoBolus,
    /// Too short a baseline.
    #[error(
        "{found} baseline frames before the bolus arrives (frames {first} to {arrival} of the series, counted from 0): \
         expected at least {expected}"
    )]
    BaselineTooShort {
        /// Baseline frames found.
        found: usize,
        /// Baseline frames needed.
        expected: usize,
        /// First frame of the steady state.
        first: usize,
        /// Last frame before the bolus.
        arrival: usize,
    },
    /// The bolus comes too late for the late frames.
    #[error("only {found} frames follow the bolus arrival: expected at least {expected} for the late signal")]
    TooFewLateFrames {
        /// Frames after the arrival.
        found: usize,
        /// Frames needed.
        expected: usize,
    },
    /// A region on another grid.
    #[error("{region} does not stand on the grid of the DSC series: {difference}")]
    DifferentSpace {
        /// Which region.
        region: String,
        /// How the grids differ.
        difference: SpaceDifference,
    },
    /// A second echo that does not fit the first.
    #[error("the second echo does not fit the first: {problem}")]
    SecondEcho {
        /// What does not fit: expected and found.
        problem: String,
    },
    /// A region without usable voxels.
    #[error("{region} holds no usable voxel of the DSC series ({inside} voxels inside the brain mask)")]
    NoUsableVoxels {
        /// Which region.
        region: String,
        /// Its voxels inside the brain mask.
        inside: usize,
    },
    /// A reference curve from which no leakage can be estimated.
    #[error("the reference curve holds no bolus: leakage cannot be corrected; give white matter with --reference")]
    ReferenceCurveFlat,
    /// A map whose histogram cannot be standardized.
    #[error(
        "rCBV of {voxels} usable voxels cannot be standardized: expected percentiles that increase, and as many landmarks"
    )]
    NotStandardized {
        /// Usable voxels.
        voxels: usize,
    },
    /// A recovery window outside the series.
    #[error(
        "setting dsc.recovery_window_s is {from} to {to} s after the bolus arrival: the series ends {last} s after it"
    )]
    RecoveryOutside {
        /// Start of the window, s.
        from: f64,
        /// Its end, s.
        to: f64,
        /// Time from the arrival to the last frame, s.
        last: f64,
    },
    /// A reference that nothing can be divided by.
    #[error(
        "the reference region has a rCBV of {found} (a.u.): expected a positive value; give white matter with --reference"
    )]
    ReferenceNotPositive {
        /// The mean or median found.
        found: f64,
    },
}

/// A setting outside what it can mean.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("setting dsc.{key} is {found}: expected {expected}")]
pub struct SettingError {
    /// The key.
    pub key: &'static str,
    /// What was found.
    pub found: String,
    /// What is expected.
    pub expected: &'static str,
}
