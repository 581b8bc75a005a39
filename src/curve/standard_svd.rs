//! Deconvolution by truncated singular value decomposition of the causal convolution matrix.
//!
//! Østergaard et al., MRM 1996;36:715: `C_t = A·R` with the lower triangular Toeplitz matrix `A_ij = Δt·C_a(t_{i-j})`,
//! inverted over the singular values of at least `threshold · max`. Tissue that leads the artery cannot be described,
//! and a delay lowers the flow: the block-circulant methods are there for that.

use multiversion::multiversion;

use super::deconvolution::ResiduePeak;
use super::linear_fit::dot;

/// Curves that are deconvolved side by side.
const LANES: usize = 8;
type Lanes = [f64; LANES];

/// Sweeps of Jacobi rotations; matrices of 100 frames need about ten.
const LARGEST_SWEEPS: usize = 60;
/// Columns whose cosine is below this are orthogonal.
const ORTHOGONAL: f64 = 1e-14;

/// An arterial input, prepared for any number of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardSvd {
    step: f64,
    /// Rows of the truncated inverse of `A`.
    inverse: Vec<Vec<f64>>,
}

impl StandardSvd {
    /// Prepares an arterial curve sampled every `step` seconds for a threshold as a fraction of the largest singular
    /// value; `None` for fewer than three samples, a step that is not positive, or a curve without signal.
    pub fn new(arterial: &[f64], step: f64, threshold: f64) -> Option<Self> {
        let frames = arterial.len();
        let positive = step > 0.0 && step.is_finite();
        if frames < 3 || !positive || arterial.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let element = |i: usize, j: usize| if i >= j { step * arterial[i - j] } else { 0.0 };
        let columns = (0..frames).map(|j| (0..frames).map(|i| element(i, j)).collect()).collect();
        Some(Self { step, inverse: truncated_inverse(columns, threshold)? })
    }

    /// The residue function of one curve, 1/s at its frames.
    ///
    /// # Panics
    /// When the curve has another length than the arterial one.
    pub fn residue(&self, curve: &[f64]) -> Vec<f64> {
        assert_eq!(curve.len(), self.inverse.len(), "a curve has the frames of the arterial curve");
        self.inverse.iter().map(|row| dot(row, curve)).collect()
    }

    /// The peaks of a block `[frame][lane]` of `width` curves, each given to `take` with its lane.
    ///
    /// # Panics
    /// When `rates` does not hold `frames × width` values.
    pub fn peaks_of_block(&self, rates: &[f32], width: usize, mut take: impl FnMut(usize, ResiduePeak)) {
        assert_eq!(rates.len(), self.inverse.len() * width, "a block holds frames × lanes values");
        let mut curves = vec![[0.0; LANES]; self.inverse.len()];
        for first in (0..width).step_by(LANES) {
            let lanes = LANES.min(width - first);
            for (curve, row) in curves.iter_mut().zip(rates.chunks_exact(width)) {
                for (value, &rate) in curve.iter_mut().zip(&row[first..first + lanes]) {
                    *value = f64::from(rate);
                }
            }
            let (heights, places) = lane_peaks(&self.inverse, &curves);
            for lane in 0..lanes {
                let time = (places[lane] * self.step) as f32;
                take(first + lane, ResiduePeak { height: heights[lane] as f32, time, settled: true });
            }
        }
    }
}

/// Largest residue of each lane and its frame.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn lane_peaks(inverse: &[Vec<f64>], curves: &[Lanes]) -> (Lanes, Lanes) {
    let (mut heights, mut places) = ([f64::NEG_INFINITY; LANES], [0.0; LANES]);
    for (frame, row) in inverse.iter().enumerate() {
        let mut value = [0.0; LANES];
        for (&weight, curve) in row.iter().zip(curves) {
            for i in 0..LANES {
                value[i] += weight * curve[i];
            }
        }
        for i in 0..LANES {
            let higher = value[i] > heights[i];
            heights[i] = if higher { value[i] } else { heights[i] };
            places[i] = if higher { frame as f64 } else { places[i] };
        }
    }
    (heights, places)
}

/// Rows of the inverse of a square matrix, given by its columns, over singular values of at least
/// `threshold · max`: one-sided Jacobi rotations (Hestenes 1958). `None` for a matrix without any.
pub(super) fn truncated_inverse(mut columns: Vec<Vec<f64>>, threshold: f64) -> Option<Vec<Vec<f64>>> {
    let n = columns.len();
    let mut right: Vec<Vec<f64>> = (0..n).map(|j| (0..n).map(|i| if i == j { 1.0 } else { 0.0 }).collect()).collect();
    for _ in 0..LARGEST_SWEEPS {
        let mut largest = 0.0f64;
        for p in 0..n {
            for q in p + 1..n {
                let (a, b) = (dot(&columns[p], &columns[p]), dot(&columns[q], &columns[q]));
                let c = dot(&columns[p], &columns[q]);
                let cosine = c.abs() / (a * b).sqrt();
                if cosine.is_nan() || cosine <= ORTHOGONAL {
                    continue;
                }
                largest = largest.max(cosine);
                let zeta = (b - a) / (2.0 * c);
                let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                rotate(&mut columns, p, q, tangent);
                rotate(&mut right, p, q, tangent);
            }
        }
        if largest <= ORTHOGONAL {
            break;
        }
    }
    // A = U S Vᵀ: the columns are now U S, and `right` holds V.
    let squares: Vec<f64> = columns.iter().map(|column| dot(column, column)).collect();
    let largest = squares.iter().copied().fold(0.0, f64::max);
    if largest.is_nan() || largest <= 0.0 {
        return None;
    }
    let mut inverse = vec![vec![0.0; n]; n];
    for j in (0..n).filter(|&j| squares[j] >= threshold * threshold * largest) {
        for (row, v) in inverse.iter_mut().zip(&right[j]) {
            for (value, u) in row.iter_mut().zip(&columns[j]) {
                *value += v * u / squares[j];
            }
        }
    }
    Some(inverse)
}

fn rotate(columns: &mut [Vec<f64>], p: usize, q: usize, tangent: f64) {
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let (before, after) = columns.split_at_mut(q);
    for (x, y) in before[p].iter_mut().zip(&mut after[0]) {
        (*x, *y) = (cosine * (*x - tangent * *y), cosine * (tangent * *x + *y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagonal_matrix_loses_its_small_values() {
        let columns = vec![vec![4.0, 0.0, 0.0], vec![0.0, 0.5, 0.0], vec![0.0, 0.0, -2.0]];
        let inverse = truncated_inverse(columns, 0.2).unwrap();
        assert_eq!(inverse, [[0.25, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -0.5]]);
        assert!(truncated_inverse(vec![vec![0.0; 2]; 2], 0.2).is_none());
    }

    #[test]
    fn without_truncation_it_is_the_inverse() {
        // [[1, 2], [3, 4]] by columns; its inverse is [[-2, 1], [1.5, -0.5]]
        let inverse = truncated_inverse(vec![vec![1.0, 3.0], vec![2.0, 4.0]], 0.0).unwrap();
        for (found, expected) in inverse.concat().iter().zip([-2.0, 1.0, 1.5, -0.5]) {
            assert!((found - expected).abs() < 1e-12, "{inverse:?}");
        }
    }

    fn bolus(frames: usize) -> Vec<f64> {
        (0..frames).map(|i| i as f64 / 3.0).map(|t| 6.0 * t.powi(3) * (3.0 - 3.0 * t).exp() + 0.5).collect()
    }

    #[test]
    fn a_residue_comes_back_where_nothing_is_truncated() {
        // an artery that only falls: the causal matrix is then well conditioned
        let (artery, step): (Vec<f64>, f64) = ((0..40).map(|i| 6.0 * (-f64::from(i) / 3.0).exp()).collect(), 1.5);
        let residue: Vec<f64> = (0..40).map(|i| 0.01 * (-f64::from(i) * step / 4.0).exp()).collect();
        let tissue: Vec<f64> = (0..40).map(|i| (0..=i).map(|j| step * artery[i - j] * residue[j]).sum()).collect();
        let found = StandardSvd::new(&artery, step, 0.0).unwrap().residue(&tissue);
        assert!(found.iter().zip(&residue).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn a_block_gives_the_peaks_of_its_curves() {
        let model = StandardSvd::new(&bolus(40), 1.5, 0.2).unwrap();
        let rates: Vec<f32> = (0..40 * 11).map(|i| ((i * 37) % 101) as f32).collect();
        model.peaks_of_block(&rates, 11, |lane, peak| {
            let curve: Vec<f64> = (0..40).map(|t| f64::from(rates[t * 11 + lane])).collect();
            let highest = model.residue(&curve).into_iter().fold(f64::NEG_INFINITY, f64::max);
            assert!((f64::from(peak.height) / highest - 1.0).abs() < 1e-6, "{peak:?} {highest}");
        });
    }
}
