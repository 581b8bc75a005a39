//! What an enhancement curve shows without a model: arrival, peak, slopes, areas, type.
//!
//! Definitions of OSIPI CAPLEX: BAT (Q.BA1.001), TTP (Q.CD1.010), wash-in slope (Q.CD1.011), wash-out slope
//! (Q.CD1.012), AUC (Q.CD1.013). A curve is a concentration, or the relative enhancement `S/S_BL - 1` (Q.MS1.004): in
//! both the baseline is 0.

use super::settings::CurveSettings;

/// The rise from which the arrival is told ends at the first frame at or above this share of the peak.
const RISE_SHARE: f64 = 0.5;
/// Halvings of the search for the arrival between frames.
const REFINEMENTS: usize = 40;

closed_words! {
    /// How an enhancement curve goes on after its early peak.
    pub enum CurveType: "enhancement curve type" {
        /// Type I: it rises on.
        Persistent = "persistent" | "I",
        /// Type II: it stays.
        Plateau = "plateau" | "II",
        /// Type III: it falls.
        Washout = "washout" | "III",
    }
}

impl CurveType {
    /// 1, 2 or 3, as maps hold it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Persistent => 1,
            Self::Plateau => 2,
            Self::Washout => 3,
        }
    }
}

/// The quantities of a curve, in the unit of its values and s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Enhancement {
    /// Bolus arrival time, s after the first frame.
    pub arrival: f64,
    /// Largest value.
    pub peak: f64,
    /// From arrival to the peak, s.
    pub time_to_peak: f64,
    /// Peak over time to peak.
    pub wash_in: f64,
    /// From the peak to the last frame, per s: 0 or below. `None` where the last frame is the peak.
    pub wash_out: Option<f64>,
    /// Area from arrival over 60 s; `None` where the series ends before.
    pub area_60: Option<f64>,
    /// Area from arrival over 90 s.
    pub area_90: Option<f64>,
    /// Area of the final window over that of the first one of the same length after arrival.
    pub final_over_initial: Option<f64>,
}

impl Enhancement {
    /// The quantities of a curve whose baseline is 0. `None` where a value is not finite, nothing rises above 0, or no
    /// frame precedes the rise.
    pub fn of(times: &[f64], values: &[f64], settings: &CurveSettings) -> Option<Self> {
        let at = highest(values)?;
        let arrival = arrival_time(times, values)?;
        let (peak, time_to_peak) = (values[at], times[at] - arrival);
        let last = times.len() - 1;
        let window = settings.final_area_s;
        let initial = area_between(times, values, arrival, arrival + window);
        let late = (times[last] - window >= arrival + window)
            .then(|| area_between(times, values, times[last] - window, times[last]))
            .flatten();
        Some(Self {
            arrival,
            peak,
            time_to_peak,
            wash_in: peak / time_to_peak,
            wash_out: (at < last).then(|| (peak - values[last]) / (times[at] - times[last])),
            area_60: area_between(times, values, arrival, arrival + 60.0),
            area_90: area_between(times, values, arrival, arrival + 90.0),
            final_over_initial: initial.zip(late).map(|(initial, late)| late / initial),
        })
    }

    /// Each quantity over that of a reference tissue: peak, wash-in, area over 60 s.
    pub fn over(&self, reference: &Self) -> EnhancementRatios {
        EnhancementRatios {
            peak: self.peak / reference.peak,
            wash_in: self.wash_in / reference.wash_in,
            area_60: self.area_60.zip(reference.area_60).map(|(own, reference)| own / reference),
        }
    }
}

/// A curve against that of a reference tissue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnhancementRatios {
    /// Peak over peak.
    pub peak: f64,
    /// Wash-in slope over wash-in slope.
    pub wash_in: f64,
    /// Area over area; `None` where a series ends before 60 s.
    pub area_60: Option<f64>,
}

/// The type of a curve of *relative enhancement*: the change of the signal from its early peak to the last frame.
///
/// `None` where the series ends before the time within which the early peak lies.
pub fn curve_type(
    times: &[f64],
    relative_enhancement: &[f64],
    arrival: f64,
    settings: &CurveSettings,
) -> Option<CurveType> {
    let last = times.len().checked_sub(1)?;
    let end = arrival + settings.early_peak_s;
    if times[last] <= end {
        return None;
    }
    let early = times.iter().zip(relative_enhancement).filter(|&(&time, _)| time >= arrival && time <= end);
    let early_peak = 1.0 + early.map(|(_, &value)| value).reduce(f64::max)?;
    let change = (1.0 + relative_enhancement[last] - early_peak) / early_peak;
    if !change.is_finite() {
        None
    } else if change > settings.persistent_above {
        Some(CurveType::Persistent)
    } else if change < settings.washout_below {
        Some(CurveType::Washout)
    } else {
        Some(CurveType::Plateau)
    }
}

/// Bolus arrival time, s.
///
/// METHOD: the curve up to the first frame at half of its peak is taken as level, then rising in a straight line; the
/// corner of the best such pair of lines is the arrival. Later frames are left out, since enhancement bends.
pub fn arrival_time(times: &[f64], values: &[f64]) -> Option<f64> {
    let peak = values[highest(values)?];
    let end = values.iter().position(|&value| value >= RISE_SHARE * peak)?;
    if end == 0 || times.len() != values.len() {
        return None;
    }
    let (times, values) = (&times[..=end], &values[..=end]);
    let squares = |corner: f64| corner_squares(times, values, corner);
    let corner = (0..end).fold(0, |best, k| if squares(times[k]) < squares(times[best]) { k } else { best });
    let (mut low, mut high) = (times[corner.saturating_sub(1)], times[(corner + 1).min(end)]);
    for _ in 0..REFINEMENTS {
        let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if squares(left) <= squares(right) {
            high = right;
        } else {
            low = left;
        }
    }
    let refined = (low + high) / 2.0;
    Some(if squares(refined) < squares(times[corner]) { refined } else { times[corner] })
}

/// What a level that rises from `corner` leaves of the values, least squares.
fn corner_squares(times: &[f64], values: &[f64], corner: f64) -> f64 {
    let count = times.len() as f64;
    let ramp = |time: f64| (time - corner).max(0.0);
    let mean_ramp = times.iter().map(|&time| ramp(time)).sum::<f64>() / count;
    let mean_value = values.iter().sum::<f64>() / count;
    let (mut covariance, mut variance, mut total) = (0.0, 0.0, 0.0);
    for (&time, value) in times.iter().zip(values) {
        let (x, y) = (ramp(time) - mean_ramp, value - mean_value);
        covariance += x * y;
        variance += x * x;
        total += y * y;
    }
    if variance > 0.0 { total - covariance * covariance / variance } else { total }
}

/// Area under a curve between two times, its ends interpolated; `None` where they lie outside the samples.
pub fn area_between(times: &[f64], values: &[f64], from: f64, to: f64) -> Option<f64> {
    let (&first, &last) = (times.first()?, times.last()?);
    if !(from >= first && to <= last && from < to) {
        return None;
    }
    let mut area = 0.0;
    for i in 1..times.len() {
        let (low, high) = (times[i - 1].max(from), times[i].min(to));
        if low < high {
            let slope = (values[i] - values[i - 1]) / (times[i] - times[i - 1]);
            let at = |time: f64| values[i - 1] + slope * (time - times[i - 1]);
            area += (high - low) * (at(low) + at(high)) / 2.0;
        }
    }
    Some(area)
}

/// The first frame with the largest value; `None` where one is not finite or none is above 0.
fn highest(values: &[f64]) -> Option<usize> {
    if values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let at = (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best });
    (*values.get(at)? > 0.0).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    fn settings() -> CurveSettings {
        default_section::<crate::dce::Settings>("dce").curve
    }

    /// Frames of 4 s over 5 min; 0 until 20 s, a straight rise to 1 at 60 s, then a straight line to `end`.
    fn curve(start: f64, end: f64) -> (Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..=75).map(|i| 4.0 * f64::from(i)).collect();
        let value = |time: f64| {
            let since = time - start;
            if since < 0.0 {
                0.0
            } else if since < 40.0 {
                since / 40.0
            } else {
                1.0 + (end - 1.0) * (since - 40.0) / (260.0 - start)
            }
        };
        let values = times.iter().map(|&time| value(time)).collect();
        (times, values)
    }

    #[test]
    fn quantities_of_a_drawn_curve_by_hand() {
        let (times, values) = curve(20.0, 0.5);
        let found = Enhancement::of(&times, &values, &settings()).unwrap();
        assert!((found.arrival - 20.0).abs() < 1e-6, "{found:?}");
        assert_eq!((found.peak, found.time_to_peak.round()), (1.0, 40.0));
        assert!((found.wash_in - 1.0 / 40.0).abs() < 1e-8);
        // From 1 at 60 s to 0.5 at 300 s.
        assert!((found.wash_out.unwrap() + 0.5 / 240.0).abs() < 1e-12);
        // 40 s of ramp: 20; then 20 s from 1 to 1 - 0.5·20/240: 20·(1 - 0.0208333) = 19.58333
        assert!((found.area_60.unwrap() - 39.583_333).abs() < 1e-4, "{found:?}");
        // 50 s after the ramp: 50·(1 - 0.5·50/240/2) = 47.39583
        assert!((found.area_90.unwrap() - 67.395_833).abs() < 1e-4, "{found:?}");
        // The last minute runs from 0.625 to 0.5: 33.75
        assert!((found.final_over_initial.unwrap() - 33.75 / 39.583_333).abs() < 1e-5);
    }

    #[test]
    fn an_arrival_between_frames_is_found_and_a_delay_moves_it_alone() {
        let (times, values) = curve(21.7, 0.5);
        let late = curve(29.7, 0.5).1;
        let (one, two) = (
            Enhancement::of(&times, &values, &settings()).unwrap(),
            Enhancement::of(&times, &late, &settings()).unwrap(),
        );
        assert!((one.arrival - 21.7).abs() < 0.05, "{one:?}");
        assert!((two.arrival - one.arrival - 8.0).abs() < 1e-6);
        assert!((two.time_to_peak - one.time_to_peak).abs() < 1e-6);
    }

    #[test]
    fn scaling_scales_values_and_leaves_times() {
        // A power of two keeps every bit of the fractions, so the arrival must not move at all.
        let (times, values) = curve(21.7, 0.5);
        let scaled: Vec<f64> = values.iter().map(|value| 4.0 * value).collect();
        let one = Enhancement::of(&times, &values, &settings()).unwrap();
        let four = Enhancement::of(&times, &scaled, &settings()).unwrap();
        assert_eq!((four.arrival, four.time_to_peak), (one.arrival, one.time_to_peak));
        assert_eq!((four.wash_in / one.wash_in, four.area_60.unwrap() / one.area_60.unwrap()), (4.0, 4.0));
        let ratios = four.over(&one);
        assert_eq!((ratios.peak, ratios.wash_in, ratios.area_60), (4.0, 4.0, Some(4.0)));
    }

    #[test]
    fn three_ends_have_three_types() {
        // Early peak within 120 s of arrival at 20 s. Relative enhancement of 1 is a signal of 2.
        for (end, expected) in [(2.0, CurveType::Persistent), (1.0, CurveType::Plateau), (0.5, CurveType::Washout)] {
            let (times, values) = curve(20.0, end);
            assert_eq!(curve_type(&times, &values, 20.0, &settings()), Some(expected), "{end}");
        }
    }

    #[test]
    fn the_bounds_themselves_are_a_plateau() {
        let times = [0.0, 10.0, 60.0, 300.0];
        let of = |last: f64| curve_type(&times, &[0.0, 0.0, 1.0, last], 10.0, &settings());
        // Signal 2 at the early peak: ±10 % is 1.8 and 2.2.
        assert_eq!((of(1.199_999), of(1.200_001)), (Some(CurveType::Plateau), Some(CurveType::Persistent)));
        assert_eq!((of(0.800_001), of(0.799_999)), (Some(CurveType::Plateau), Some(CurveType::Washout)));
    }

    #[test]
    fn a_series_too_short_for_a_window_has_no_value_there() {
        let (times, values) = curve(20.0, 0.5);
        let (times, values) = (&times[..=24], &values[..=24]);
        let found = Enhancement::of(times, values, &settings()).unwrap();
        assert!(found.area_60.is_some() && found.area_90.is_none() && found.final_over_initial.is_none());
        assert_eq!(curve_type(times, values, 20.0, &settings()), None);
    }

    #[test]
    fn a_curve_without_enhancement_or_with_a_hole_has_no_quantities() {
        let times = [0.0, 1.0, 2.0];
        assert_eq!(Enhancement::of(&times, &[0.0, -1.0, -2.0], &settings()), None);
        assert_eq!(Enhancement::of(&times, &[0.0, f64::NAN, 2.0], &settings()), None);
        assert_eq!(Enhancement::of(&times, &[3.0, 2.0, 1.0], &settings()), None);
    }
}
