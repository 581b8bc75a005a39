//! Dynamic uptake: time-activity curves, time to peak, late slope, pattern.
//!
//! FET and FDOPA: Pöpperl et al., EJNMMI 2007;34:1933 (patterns); Law et al., EJNMMI 2019;46:540 (time to peak and slope).

use serde::Serialize;

use super::settings::Settings;

/// Mean activity of a region over the frames of a dynamic image, in one unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeActivity {
    /// Middle of each frame, minutes after injection, increasing.
    pub minutes: Vec<f64>,
    /// Mean of the region in each frame; NaN where the region holds no value.
    pub values: Vec<f64>,
}

closed_words! {
    /// Shape of a dynamic uptake curve.
    pub enum Pattern: "uptake pattern" {
        /// Rising to the end.
        Rising = "I",
        /// A peak, then a plateau.
        Plateau = "II",
        /// An early peak, then decline.
        Decline = "III",
    }
}

/// What a time-activity curve says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DynamicUptake {
    /// The curve.
    pub curve: TimeActivity,
    /// Middle of the frame with the largest value, minutes after injection.
    pub time_to_peak_min: Option<f64>,
    /// Late slope, unit of the curve per hour; `None` with too few frames in the window.
    pub slope_per_h: Option<f64>,
    /// Shape; `None` without a slope.
    pub pattern: Option<Pattern>,
}

impl TimeActivity {
    /// The same curve in another unit.
    pub fn scaled(&self, factor: f64) -> Self {
        Self { minutes: self.minutes.clone(), values: self.values.iter().map(|value| value * factor).collect() }
    }

    /// Middle of the frame with the largest value, minutes after injection; the first of several. `None` where no
    /// frame has a value.
    pub fn time_to_peak_min(&self) -> Option<f64> {
        let maximum = self.maximum()?;
        self.points().find(|&(_, value)| value == maximum).map(|(minute, _)| minute)
    }

    /// Slope of the least-squares line through the frames whose middle lies in the window (bounds included), unit per
    /// hour. `None` with fewer than `fewest_frames` values there.
    pub fn slope_per_h(&self, start_min: f64, end_min: f64, fewest_frames: usize) -> Option<f64> {
        let points = || self.points().filter(|(minute, _)| (start_min..=end_min).contains(minute));
        let count = points().count();
        if count < fewest_frames.max(2) {
            return None;
        }
        let mean_minute = points().map(|(minute, _)| minute).sum::<f64>() / count as f64;
        let mean_value = points().map(|(_, value)| value).sum::<f64>() / count as f64;
        let covariance: f64 = points().map(|(minute, value)| (minute - mean_minute) * (value - mean_value)).sum();
        let variance: f64 = points().map(|(minute, _)| (minute - mean_minute).powi(2)).sum();
        let slope = 60.0 * covariance / variance;
        slope.is_finite().then_some(slope)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.minutes.iter().copied().zip(self.values.iter().copied()).filter(|(_, value)| value.is_finite())
    }

    fn maximum(&self) -> Option<f64> {
        self.points().map(|(_, value)| value).reduce(f64::max)
    }
}

impl DynamicUptake {
    /// Time to peak, slope and pattern of a curve.
    pub fn of(curve: TimeActivity, settings: &Settings) -> Self {
        let (start, end) = (settings.slope_window_start_min, settings.slope_window_end_min);
        let slope_per_h = curve.slope_per_h(start, end, settings.slope_fewest_frames);
        Self {
            time_to_peak_min: curve.time_to_peak_min(),
            slope_per_h,
            pattern: slope_per_h.and_then(|slope| {
                let change = slope * (end - start) / 60.0;
                pattern(change / curve.maximum()?, settings.plateau_tolerance)
            }),
            curve,
        }
    }

    /// The same in another unit; `factor` is above 0.
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            curve: self.curve.scaled(factor),
            slope_per_h: self.slope_per_h.map(|slope| slope * factor),
            ..self.clone()
        }
    }
}

/// METHOD: the published patterns are read by eye; here the late change relative to the maximum decides, so that the
/// same curve always has the same pattern.
fn pattern(relative_change: f64, tolerance: f64) -> Option<Pattern> {
    if !relative_change.is_finite() {
        None
    } else if relative_change > tolerance {
        Some(Pattern::Rising)
    } else if relative_change < -tolerance {
        Some(Pattern::Decline)
    } else {
        Some(Pattern::Plateau)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    fn curve(value: impl Fn(f64) -> f64) -> TimeActivity {
        let minutes: Vec<f64> = (0..10).map(|i| 2.5 + 5.0 * f64::from(i)).collect();
        TimeActivity { values: minutes.iter().map(|&minute| value(minute)).collect(), minutes }
    }

    fn pattern_of(value: impl Fn(f64) -> f64) -> Option<Pattern> {
        DynamicUptake::of(curve(value), &default_section("pet")).pattern
    }

    #[test]
    fn a_line_of_3_per_hour_has_that_slope() {
        let slope = curve(|minute| 1.0 + 3.0 * minute / 60.0).slope_per_h(20.0, 40.0, 3).unwrap();
        assert!((slope - 3.0).abs() < 1e-12);
    }

    #[test]
    fn frames_count_by_their_middle_and_the_bounds_belong() {
        // Middles at 22.5, 27.5, 32.5, 37.5: windows that hold two, three and none of them.
        let curve = curve(|minute| minute);
        assert!(curve.slope_per_h(27.5, 32.5, 3).is_none());
        assert!(curve.slope_per_h(27.5, 37.5, 3).is_some());
        assert!(curve.slope_per_h(28.0, 28.5, 2).is_none());
    }

    #[test]
    fn the_peak_is_the_first_largest_frame_and_nan_is_none() {
        let mut early = curve(|minute| if minute < 10.0 { minute } else { 7.5 });
        assert_eq!(early.time_to_peak_min(), Some(7.5));
        early.values[1] = f64::NAN;
        assert_eq!(early.time_to_peak_min(), Some(12.5));
        early.values.fill(f64::NAN);
        assert_eq!(early.time_to_peak_min(), None);
    }

    #[test]
    fn three_shapes_have_three_patterns() {
        assert_eq!(pattern_of(|minute| minute), Some(Pattern::Rising));
        assert_eq!(pattern_of(|minute| minute.min(15.0)), Some(Pattern::Plateau));
        assert_eq!(
            pattern_of(|minute| if minute < 15.0 { minute } else { 15.0 - 0.2 * (minute - 15.0) }),
            Some(Pattern::Decline)
        );
    }

    #[test]
    fn the_tolerance_itself_is_a_plateau() {
        assert_eq!(pattern(0.1, 0.1), Some(Pattern::Plateau));
        assert_eq!(pattern(-0.1, 0.1), Some(Pattern::Plateau));
        assert_eq!(pattern(0.1 + 1e-12, 0.1), Some(Pattern::Rising));
        assert_eq!(pattern(-0.1 - 1e-12, 0.1), Some(Pattern::Decline));
        assert_eq!(pattern(f64::NAN, 0.1), None);
    }

    #[test]
    fn a_unit_scales_curve_and_slope_and_leaves_times_and_pattern() {
        let dynamic = DynamicUptake::of(curve(|minute| minute), &default_section("pet"));
        let scaled = dynamic.scaled(4.0);
        assert_eq!(scaled.slope_per_h, dynamic.slope_per_h.map(|slope| slope * 4.0));
        assert_eq!((scaled.time_to_peak_min, scaled.pattern), (dynamic.time_to_peak_min, dynamic.pattern));
        assert_eq!(scaled, DynamicUptake::of(dynamic.curve.scaled(4.0), &default_section("pet")));
    }
}
