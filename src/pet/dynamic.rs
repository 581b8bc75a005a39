//! Dynamic uptake: time-activity curves, time to peak, late slope, pattern.
//!
//! FET and FDOPA: Pöpperl et al., EJNMMI 2007;34:1933 (patterns); Law et al., EJNMMI 2019;46:540 (time to peak and slope).

use serde::{Deserialize, Serialize};

use super::settings::Settings;

/// Mean activity of a region over the frames of a dynamic image, in one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeActivity {
    /// Middle of each frame, minutes after injection, increasing.
    pub minutes: Vec<f64>,
    /// Mean of the region in each frame; NaN where the region holds no value (`null` in JSON).
    #[serde(with = "gaps")]
    pub values: Vec<f64>,
}

/// NaN as `null`, which JSON has, and back.
mod gaps {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|value| value.is_finite().then_some(*value)).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// The curves of a lesion and of the background, in one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LesionDynamics {
    /// The unit: `TBR` (over the static background), `SUV` or that of the image.
    pub unit: String,
    /// The lesion.
    pub lesion: DynamicUptake,
    /// The background; `None` where it is a number or there is none.
    pub background: Option<DynamicUptake>,
    /// Late slope of the lesion in SUV per hour, as most publications give it; `None` without SUV.
    pub slope_suv_per_h: Option<f64>,
    /// Window of the slope, minutes after injection.
    pub slope_window_min: [f64; 2],
}

impl LesionDynamics {
    /// The curves as they are told: as ratio to the background where there is one, else in SUV, else as they are.
    /// `lesion` and `background` are in the unit of the image.
    pub fn of(
        lesion: &TimeActivity,
        background: Option<&TimeActivity>,
        scales: super::uptake::Scales,
        settings: &Settings,
    ) -> Self {
        let (unit, factor) = match (scales.tbr, scales.suv) {
            (Some(factor), _) => ("TBR", factor),
            (None, Some(factor)) => ("SUV", factor),
            (None, None) => ("unit of the image", 1.0),
        };
        let dynamic = |curve: &TimeActivity, factor| DynamicUptake::of(curve.scaled(factor), settings);
        Self {
            unit: unit.to_owned(),
            lesion: dynamic(lesion, factor),
            background: background.map(|curve| dynamic(curve, factor)),
            slope_suv_per_h: scales.suv.and_then(|factor| dynamic(lesion, factor).slope_per_h),
            slope_window_min: [settings.slope_window_start_min, settings.slope_window_end_min],
        }
    }
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
    fn a_gap_in_a_curve_reads_back_as_a_gap() {
        let mut dynamic = DynamicUptake::of(curve(|minute| minute), &default_section("pet"));
        dynamic.curve.values[2] = f64::NAN;
        let text = serde_json::to_string(&dynamic).unwrap();
        let again: DynamicUptake = serde_json::from_str(&text).unwrap();
        assert!(again.curve.values[2].is_nan() && again.curve.values[3] == dynamic.curve.values[3]);
        assert_eq!((again.time_to_peak_min, again.pattern), (dynamic.time_to_peak_min, dynamic.pattern));
    }

    #[test]
    fn a_ratio_is_told_before_suv_and_the_slope_in_suv_stands_beside_it() {
        let settings: Settings = default_section("pet");
        let (lesion, healthy) = (curve(|minute| 1.0 + minute), curve(|_| 2.0));
        let of = |suv, tbr| {
            LesionDynamics::of(
                &lesion,
                Some(&healthy),
                super::super::uptake::Scales { suv, tbr, background: None },
                &settings,
            )
        };
        let both = of(Some(3.0), Some(0.5));
        assert_eq!(both.unit, "TBR");
        // One unit of the image a minute: 60 an hour, halved as a ratio, tripled as SUV.
        assert!((both.lesion.slope_per_h.unwrap() - 30.0).abs() < 1e-9);
        assert!((both.slope_suv_per_h.unwrap() - 180.0).abs() < 1e-9);
        assert_eq!(both.background.unwrap().curve.values[0], 1.0);
        assert_eq!(of(Some(3.0), None).unit, "SUV");
        let neither = of(None, None);
        assert_eq!((neither.unit.as_str(), neither.slope_suv_per_h), ("unit of the image", None));
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
