//! Before the bolus: steady state, mean and spread of the baseline, arrival of the bolus.

/// Mean; `None` for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation (n - 1); `None` for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Median, the mean of the middle two for an even count; `None` for no values or a NaN among them.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    Some(if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 })
}

/// The percentile (0 to 100) of ascending values, type 7; NaN of no values.
pub fn percentile(ascending: &[f64], percent: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    ascending[below] + (place - below as f64) * (ascending[above] - ascending[below])
}

/// First frame of the steady state: the first whose mean signal lies within `tolerance` (a fraction) of the median
/// of the frames before the bolus.
///
/// METHOD: the frames before the bolus are not known yet. They are taken as the frames up to the last one, before
/// the smallest signal, that is still above half-way between the median so far and that smallest signal.
///
/// `None` where no frame precedes the smallest signal (no bolus) or the signal is not positive.
pub fn steady_state(mean_signal: &[f64], tolerance: f64) -> Option<usize> {
    let smallest = first_of(mean_signal, |a, b| a < b)?;
    let half_way = (median(&mean_signal[..smallest])? + mean_signal[smallest]) / 2.0;
    let end = mean_signal[..smallest].iter().rposition(|&signal| signal > half_way)?;
    let level = median(&mean_signal[..=end])?;
    if level <= 0.0 {
        return None;
    }
    mean_signal[..=end].iter().position(|&signal| (signal / level - 1.0).abs() <= tolerance)
}

/// Bolus arrival: the last frame before the peak that lies below `fraction` of the peak.
///
/// `None` where the largest value is not positive, or where every frame before it lies above that level.
pub fn arrival(relaxation_rate: &[f64], fraction: f64) -> Option<usize> {
    let peak = first_of(relaxation_rate, |a, b| a > b)?;
    let height = relaxation_rate[peak];
    if height <= 0.0 {
        return None;
    }
    relaxation_rate[..peak].iter().rposition(|&rate| rate < fraction * height)
}

/// Index of the first value that no other one beats; `None` for no values or one that is not finite.
fn first_of(values: &[f64], beats: impl Fn(f64, f64) -> bool) -> Option<usize> {
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    Some((1..values.len()).fold(0, |best, i| if beats(values[i], values[best]) { i } else { best }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn the_deviation_of_2_4_4_4_5_5_7_9_is_2_138() {
        // population SD 2 for these eight; the sample SD is 2·√(8/7)
        let sd = standard_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((sd - 2.0 * (8.0f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(standard_deviation(&[1.0]), None);
    }

    #[test]
    fn bright_first_frames_are_not_steady() {
        let signal = [180.0, 120.0, 102.0, 100.0, 99.0, 101.0, 100.0, 70.0, 50.0, 80.0, 95.0];
        assert_eq!(steady_state(&signal, 0.03), Some(2));
        assert_eq!(steady_state(&signal, 0.2), Some(1));
    }

    #[test]
    fn a_signal_steady_from_the_start_drops_no_frame() {
        let signal = [100.0, 100.0, 100.0, 100.0, 100.0, 90.0, 70.0, 60.0, 50.0, 55.0, 90.0];
        assert_eq!(steady_state(&signal, 0.03), Some(0));
    }

    #[test]
    fn a_signal_that_only_rises_has_no_frames_before_a_bolus() {
        assert_eq!(steady_state(&[1.0, 2.0, 3.0], 0.03), None);
        assert_eq!(steady_state(&[0.0; 5], 0.03), None);
        assert_eq!(steady_state(&[], 0.03), None);
    }

    #[test]
    fn the_bolus_arrives_after_the_last_frame_below_a_tenth_of_its_peak() {
        let rate = [0.0, 0.2, -0.1, 0.9, 1.1, 6.0, 10.0, 4.0, 0.5];
        assert_eq!(arrival(&rate, 0.1), Some(3));
        assert_eq!(arrival(&rate, 0.05), Some(2));
        assert_eq!(arrival(&[-1.0, -2.0], 0.1), None);
        assert_eq!(arrival(&[5.0, 10.0, 1.0], 0.1), None);
    }
}
