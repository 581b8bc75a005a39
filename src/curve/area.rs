//! Areas under sampled curves by the trapezoidal rule.

use multiversion::multiversion;

/// Area under equally spaced samples: `step · (½y₀ + y₁ + … + ½yₙ)`; 0 for fewer than two samples.
///
/// The area has the unit of `values` times that of `step`.
pub fn trapezoid(values: &[f64], step: f64) -> f64 {
    values
        .iter()
        .zip(trapezoid_weights(values.len(), step, 0..values.len()))
        .map(|(value, weight)| value * weight)
        .sum()
}

/// Running area under equally spaced samples: element `i` is the area from the first sample to sample `i`.
pub fn cumulative_trapezoid(values: &[f64], step: f64) -> Vec<f64> {
    let mut area = 0.0;
    let mut areas = Vec::with_capacity(values.len());
    for (i, &value) in values.iter().enumerate() {
        if i > 0 {
            area += step * (values[i - 1] + value) / 2.0;
        }
        areas.push(area);
    }
    areas
}

/// Weights whose sum of products with `length` samples is the area over the frames of `range`; 0 outside it.
pub fn trapezoid_weights(length: usize, step: f64, range: std::ops::Range<usize>) -> Vec<f64> {
    let mut weights = vec![0.0; length];
    for i in range.start..range.end.min(length).saturating_sub(1) {
        weights[i] += step / 2.0;
        weights[i + 1] += step / 2.0;
    }
    weights
}

/// Weighted sum of each curve of a block: `sums[lane] = Σ_t weights[t] · rows[t][lane]`, summed in f64.
///
/// # Panics
/// When `rows` does not hold `weights.len() × sums.len()` values.
pub fn weighted_sums(rows: &[f32], weights: &[f64], sums: &mut [f64]) {
    assert_eq!(rows.len(), weights.len() * sums.len(), "a block holds frames × lanes values");
    sums.fill(0.0);
    add_weighted(rows, weights, sums);
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn add_weighted(rows: &[f32], weights: &[f64], sums: &mut [f64]) {
    for (row, &weight) in rows.chunks_exact(sums.len().max(1)).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += weight * f64::from(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_a_ramp_is_half_its_square() {
        // y = t on t = 0, 1.5, 3, 4.5: 4.5²/2 = 10.125, exact for a straight line
        let ramp = [0.0, 1.5, 3.0, 4.5];
        assert_eq!(trapezoid(&ramp, 1.5), 10.125);
        assert_eq!(cumulative_trapezoid(&ramp, 1.5), [0.0, 1.125, 4.5, 10.125]);
    }

    #[test]
    fn weights_of_a_window_leave_the_rest_out() {
        assert_eq!(trapezoid_weights(5, 2.0, 1..4), [0.0, 1.0, 2.0, 1.0, 0.0]);
        assert_eq!(trapezoid_weights(3, 2.0, 1..9), [0.0, 1.0, 1.0]);
        assert_eq!(trapezoid_weights(3, 2.0, 2..3), [0.0; 3]);
    }

    #[test]
    fn one_sample_or_none_has_no_area() {
        assert_eq!(trapezoid(&[5.0], 1.0), 0.0);
        assert_eq!(trapezoid(&[], 1.0), 0.0);
    }

    #[test]
    fn a_block_sums_each_lane_alone() {
        let rows = [1.0f32, 10.0, 100.0, 2.0, 20.0, 200.0];
        let mut sums = [9.0; 3];
        weighted_sums(&rows, &[0.5, 2.0], &mut sums);
        assert_eq!(sums, [4.5, 45.0, 450.0]);
    }
}
