//! A series that holds concentration (or ΔR2*) in the place of signal.
//!
//! The analysis reads signals; a concentration curve C becomes the signal `e^{-τC}` that a gradient echo with echo time τ
//! and no T1 effect would give (M.SM1.001), and comes back as `-ln(S/S0)/τ`: C less its mean before the bolus. τ is the
//! inverse of the largest concentration, so that no digit is lost; nothing depends on it. What only a recorded signal can
//! tell (recovery, depth of the drop, noise against the scanner's floor) is not estimated.

use crate::image::{Samples, Series};
use crate::units::Seconds;

/// What the samples of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeriesContent {
    /// Recorded signal.
    #[default]
    Signal,
    /// Concentration of the tracer, or ΔR2* as it is.
    Concentration,
}

/// The series as a signal, and the echo time of that signal; `None` where no sample is finite and different from 0.
pub fn signal_of_concentration(series: &Series) -> Option<(Series, Seconds)> {
    let mut samples = vec![0.0f32; series.frames * series.voxels];
    for voxel in 0..series.voxels {
        for (frame, value) in series.curve(voxel).into_iter().enumerate() {
            samples[frame * series.voxels + voxel] = value;
        }
    }
    let finite = samples.iter().filter(|value| value.is_finite());
    let largest = finite.fold(0.0f32, |largest, value| largest.max(value.abs()));
    if largest <= 0.0 {
        return None;
    }
    let echo_time = 1.0 / f64::from(largest);
    for value in &mut samples {
        *value = (-echo_time * f64::from(*value)).exp() as f32;
    }
    let signal = Series {
        mask: series.mask.clone(),
        frames: series.frames,
        voxels: series.voxels,
        samples: Samples::Float32(samples),
    };
    Some((signal, Seconds(echo_time)))
}
