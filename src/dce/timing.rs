//! When the contrast agent arrives, and which frames are the baseline before it.

use std::ops::Range;

use super::enhancement::arrival_time;
use super::error::DceError;
use super::settings::Settings;
use crate::curve::baseline::{mean, median, standard_deviation};

/// Frames that lie between the baseline and the arrival.
///
/// METHOD: voxels in and near arteries rise before the mean curve does; one frame of distance keeps their early rise out
/// of the baseline.
const FRAMES_BEFORE_ARRIVAL: usize = 1;

/// The baseline and the arrival in the mean curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Baseline frames.
    pub baseline: Range<usize>,
    /// Bolus arrival time in the mean curve, s after the first frame.
    pub arrival: f64,
}

impl Timing {
    /// Finds the arrival in the mean curve of the mask, which may be a signal or a concentration.
    pub fn find(times: &[f64], mean_curve: &[f64], settings: &Settings) -> Result<Self, DceError> {
        let skip = settings.skip_frames;
        let too_short = |found: usize| DceError::BaselineTooShort { found, expected: settings.baseline_frames_minimum };
        let (late_times, late) = match (times.get(skip..), mean_curve.get(skip..)) {
            (Some(times), Some(curve)) if curve.len() > settings.baseline_frames_minimum => (times, curve),
            _ => return Err(too_short(0)),
        };
        let first = median(&late[..settings.baseline_frames_minimum]).ok_or(DceError::NoEnhancement)?;
        let raised: Vec<f64> = late.iter().map(|value| value - first).collect();
        let arrival = arrival_time(late_times, &raised).ok_or(DceError::NoEnhancement)?;
        let before = late_times.iter().filter(|&&time| time <= arrival + 1e-9).count();
        let length = before.saturating_sub(FRAMES_BEFORE_ARRIVAL);
        let peak = raised.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let noise = standard_deviation(&raised[..length.max(2)]).ok_or(DceError::NoEnhancement)?;
        let level = mean(&raised[..length.max(1)]).ok_or(DceError::NoEnhancement)?;
        if peak - level <= settings.enhancement_sd * noise {
            return Err(DceError::NoEnhancement);
        }
        if length < settings.baseline_frames_minimum {
            return Err(too_short(length));
        }
        Ok(Self { baseline: skip..skip + length, arrival })
    }

    /// Mean of a curve over the baseline.
    pub fn level(&self, curve: &[f64]) -> f64 {
        mean(&curve[self.baseline.clone()]).unwrap_or(f64::NAN)
    }

    /// Standard deviation of a curve over the baseline, which has two frames or more; NaN otherwise.
    pub fn deviation(&self, curve: &[f64]) -> f64 {
        standard_deviation(&curve[self.baseline.clone()]).unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    fn times() -> Vec<f64> {
        (0..60).map(|i| 4.0 * f64::from(i)).collect()
    }

    fn rising(start: f64) -> Vec<f64> {
        times().iter().map(|time| 100.0 + 50.0 * ((time - start) / 20.0).clamp(0.0, 1.0)).collect()
    }

    #[test]
    fn the_baseline_ends_one_frame_before_the_arrival() {
        // The curve leaves its level at 20 s, the sixth frame: 0, 4, 8, 12 and 16 s are the baseline.
        let found = Timing::find(&times(), &rising(20.0), &default_section("dce")).unwrap();
        assert!((found.arrival - 20.0).abs() < 0.1, "{found:?}");
        assert_eq!(found.baseline, 0..5);
        // At 22 s the frame of 20 s lies before the arrival too, and is kept as distance.
        assert_eq!(Timing::find(&times(), &rising(22.0), &default_section("dce")).unwrap().baseline, 0..5);
    }

    #[test]
    fn skipped_frames_are_no_baseline() {
        let mut settings: Settings = default_section("dce");
        settings.skip_frames = 2;
        let mut curve = rising(21.0);
        curve[0] = 400.0;
        assert_eq!(Timing::find(&times(), &curve, &settings).unwrap().baseline, 2..5);
    }

    #[test]
    fn a_flat_or_early_curve_is_refused_in_words() {
        let settings: Settings = default_section("dce");
        let noise: Vec<f64> = (0..60).map(|i| 100.0 + (7.3 * f64::from(i)).sin()).collect();
        assert!(Timing::find(&times(), &noise, &settings).is_err());
        assert!(matches!(Timing::find(&times(), &[100.0; 60], &settings), Err(DceError::NoEnhancement)));
        let error = Timing::find(&times(), &rising(5.0), &settings).unwrap_err().to_string();
        assert!(error.contains("1 baseline frames") && error.contains("at least 2"), "{error}");
    }
}
