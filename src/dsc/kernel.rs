//! What is computed on one block of curves, lane by lane, compiled for several vector widths.

use multiversion::multiversion;

use crate::curve::logarithm::ln;
pub(super) use crate::image::collect_blocks;

/// Partial sums in which a sum over lanes is built: fixed, so that no vector width changes the order of addition.
const PARTIAL_SUMS: usize = 32;

/// Adds vectors of sums, in order.
pub(super) fn add_up(blocks: &[Vec<f64>], length: usize) -> Vec<f64> {
    let mut sums = vec![0.0; length];
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += value;
        }
    }
    sums
}

/// ΔR2* of a single echo (M.SM1.001): `-ln(S/S0)/TE`, with `scale = -1/TE` and the inverse of S0 per lane.
///
/// A lane whose signal or S0 is not positive gets finite numbers without meaning.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn single_echo_rates(samples: &[f32], inverse_baseline: &[f32], scale: f32, rates: &mut [f32]) {
    let width = inverse_baseline.len();
    for (signals, rates) in samples.chunks_exact(width).zip(rates.chunks_exact_mut(width)) {
        for ((rate, &signal), &inverse) in rates.iter_mut().zip(signals).zip(inverse_baseline) {
            *rate = scale * ln(signal * inverse);
        }
    }
}

/// ΔR2* of two echoes: `ln[(S1/S1₀)/(S2/S2₀)]/(TE2 - TE1)`, with `scale = 1/(TE2 - TE1)`. T1 changes cancel.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn dual_echo_rates(
    first: &[f32],
    second: &[f32],
    inverse_first: &[f32],
    inverse_second: &[f32],
    scale: f32,
    rates: &mut [f32],
) {
    let width = inverse_first.len();
    for ((first, second), rates) in
        first.chunks_exact(width).zip(second.chunks_exact(width)).zip(rates.chunks_exact_mut(width))
    {
        for lane in 0..width {
            rates[lane] = scale * (ln(first[lane] * inverse_first[lane]) - ln(second[lane] * inverse_second[lane]));
        }
    }
}

/// Sum of each row over the lanes whose flag is above 0.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn row_sums(rows: &[f32], flags: &[f32], sums: &mut [f64]) {
    let width = flags.len();
    for (row, sum) in rows.chunks_exact(width).zip(sums.iter_mut()) {
        let mut partial = [0.0f64; PARTIAL_SUMS];
        let (values, flagged) = (row.chunks_exact(PARTIAL_SUMS), flags.chunks_exact(PARTIAL_SUMS));
        let rest = values.remainder().iter().zip(flagged.remainder());
        let rest: f64 = rest.map(|(&value, &flag)| f64::from(if flag > 0.0 { value } else { 0.0 })).sum();
        for (values, flags) in values.zip(flagged) {
            for i in 0..PARTIAL_SUMS {
                partial[i] += f64::from(if flags[i] > 0.0 { values[i] } else { 0.0 });
            }
        }
        *sum = partial.iter().sum::<f64>() + rest;
    }
}

/// Mean of each lane over the rows.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn lane_means(rows: &[f32], means: &mut [f64]) {
    let width = means.len();
    means.fill(0.0);
    for row in rows.chunks_exact(width) {
        for (mean, &value) in means.iter_mut().zip(row) {
            *mean += f64::from(value);
        }
    }
    let inverse = width as f64 / rows.len() as f64;
    for mean in means {
        *mean *= inverse;
    }
}

/// Sum of squared differences of each lane from its mean.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn lane_squares(rows: &[f32], means: &[f64], squares: &mut [f64]) {
    squares.fill(0.0);
    for row in rows.chunks_exact(means.len()) {
        for ((square, &value), &mean) in squares.iter_mut().zip(row).zip(means) {
            let difference = f64::from(value) - mean;
            *square += difference * difference;
        }
    }
}

/// Smallest value of each lane; NaN is passed over.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn lane_minima(rows: &[f32], minima: &mut [f32]) {
    minima.fill(f32::INFINITY);
    for row in rows.chunks_exact(minima.len()) {
        for (minimum, &value) in minima.iter_mut().zip(row) {
            *minimum = if value < *minimum { value } else { *minimum };
        }
    }
}

/// Largest value of each lane; NaN is passed over.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn lane_maxima(rows: &[f32], maxima: &mut [f32]) {
    maxima.fill(f32::NEG_INFINITY);
    for row in rows.chunks_exact(maxima.len()) {
        for (maximum, &value) in maxima.iter_mut().zip(row) {
            *maximum = if value > *maximum { value } else { *maximum };
        }
    }
}

/// 1 where every value of a lane is finite and above 0, else 0.
///
/// `0 · value` is 0 for finite values and NaN for the others, so that one sum finds NaN and infinity.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn measurable_lanes(rows: &[f32], flags: &mut [f32]) {
    flags.fill(1.0);
    for row in rows.chunks_exact(flags.len()) {
        for (flag, &value) in flags.iter_mut().zip(row) {
            let finite = value * 0.0 == 0.0;
            *flag = if finite & (value > 0.0) { *flag } else { 0.0 };
        }
    }
}

/// Median of each lane over the rows, which are sorted in place (odd-even transposition, lane by lane).
pub(super) fn lane_medians(rows: &mut [f32], medians: &mut [f32]) {
    let width = medians.len();
    let count = rows.len() / width;
    for round in 0..count {
        for pair in rows[(round % 2) * width..].chunks_exact_mut(2 * width) {
            let (low, high) = pair.split_at_mut(width);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = if *high < *low { (*high, *low) } else { (*low, *high) };
            }
        }
    }
    let (below, above) = ((count - 1) / 2 * width, count / 2 * width);
    for lane in 0..width {
        medians[lane] = 0.5 * (rows[below + lane] + rows[above + lane]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halved_signal_at_30_ms() {
        // -ln(1/2)/0.03 s = 23.1049 /s
        let mut rates = [0.0; 2];
        single_echo_rates(&[50.0, 200.0], &[0.01, 0.005], -1.0 / 0.03, &mut rates);
        assert!((rates[0] - 23.104_906).abs() < 1e-4 && rates[1].abs() < 1e-5, "{rates:?}");
    }

    #[test]
    fn the_chosen_vector_width_gives_the_bits_of_one_lane_at_a_time() {
        let signals: Vec<f32> = (0..1000).map(|i| 3.0 + 0.37 * (i as f32) * (i as f32).sin().abs()).collect();
        let inverse: Vec<f32> = (0..1000).map(|i| 1.0 / (50.0 + i as f32)).collect();
        let mut rates = vec![0.0; 1000];
        single_echo_rates(&signals, &inverse, -33.3, &mut rates);
        for lane in 0..1000 {
            let alone = -33.3 * ln(signals[lane] * inverse[lane]);
            assert_eq!(rates[lane].to_bits(), alone.to_bits(), "{lane}");
        }
    }

    #[test]
    fn a_t1_change_cancels_between_two_echoes() {
        // both echoes twice as bright (T1), the second also halved by T2* over 20 ms: ln 2 / 0.02 = 34.657 /s
        let mut rates = [0.0];
        dual_echo_rates(&[200.0], &[80.0], &[1.0 / 100.0], &[1.0 / 80.0], 1.0 / 0.02, &mut rates);
        assert!((rates[0] - 34.657_36).abs() < 1e-4, "{rates:?}");
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        let mut medians = [0.0; 2];
        lane_medians(&mut [5.0, 1.0, 3.0, 9.0, 4.0, 2.0], &mut medians);
        assert_eq!(medians, [4.0, 2.0]);
        lane_medians(&mut [5.0, 1.0, 3.0, 9.0, 4.0, 2.0, -1.0, 7.0], &mut medians);
        assert_eq!(medians, [3.5, 4.5]);
    }

    #[test]
    fn a_nan_or_a_zero_anywhere_makes_a_lane_unmeasurable() {
        let mut flags = [9.0; 5];
        let rows = [1.0, 1.0, 1.0, f32::INFINITY, 1.0, 2.0, f32::NAN, 0.0, 1.0, -3.0];
        measurable_lanes(&rows, &mut flags);
        assert_eq!(flags, [1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn row_sums_leave_out_lanes_of_flag_0() {
        let mut row: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let mut flags = vec![1.0; 19];
        (flags[3], flags[18], row[3]) = (0.0, 0.0, f32::NAN);
        let mut sums = [0.0];
        row_sums(&row, &flags, &mut sums);
        assert_eq!(sums, [150.0]);
    }

    #[test]
    fn means_squares_and_extremes_of_each_lane() {
        let rows = [1.0f32, 5.0, 3.0, 5.0, 8.0, 2.0];
        let (mut means, mut squares, mut low, mut high) = ([0.0; 2], [0.0; 2], [0.0; 2], [0.0; 2]);
        lane_means(&rows, &mut means);
        lane_squares(&rows, &means, &mut squares);
        lane_minima(&rows, &mut low);
        lane_maxima(&rows, &mut high);
        assert_eq!((means, squares, low, high), ([4.0, 4.0], [26.0, 6.0], [1.0, 2.0], [8.0, 5.0]));
    }
}
