//! Unidirectional leakage correction (M.LC1.001): Boxerman, Schmainda, Weisskoff, AJNR 2006;27:859.
//!
//! `ΔR2*(t) = K1 R(t) - K2 ∫R`, fitted by linear least squares over all steady frames; `rCBV = ∫ΔR2* + K2 ∫∫R`.
//! K2 above 0 is T1-dominant leakage, below 0 T2*-dominant; it is never clipped.

use multiversion::multiversion;

use crate::curve::area::cumulative_trapezoid;
use crate::curve::linear_fit::{LinearModel, dot};

/// The model for one reference curve, ready for any number of voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Bsw {
    model: LinearModel<2>,
    /// `∫∫R` over the integration range: what one unit of K2 adds to rCBV, s.
    correction: f64,
    /// `√(AᵀA)⁻¹` of K1 and K2.
    spread: [f64; 2],
    /// Spread of corrected rCBV per unit of residual deviation, s.
    rcbv_spread: f64,
    /// What a constant error of ΔR2* (that of S0) adds to corrected rCBV, s.
    rcbv_offset: f64,
}

/// The fit of one curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BswFit {
    /// K1, without unit.
    pub k1: f64,
    /// K2, 1/s.
    pub k2: f64,
    /// Residual standard deviation (n - 2), 1/s.
    pub residual: f64,
}

impl Bsw {
    /// Prepares the model for a reference curve in 1/s sampled every `step` seconds and the integration `weights` of
    /// rCBV (trapezoid weights over the wanted frames, s). `None` where the curve holds no bolus, so that R and ∫R
    /// cannot be told apart, or has fewer than three frames.
    pub fn new(reference: &[f64], step: f64, weights: &[f64]) -> Option<Self> {
        if reference.len() < 3 || reference.len() != weights.len() {
            return None;
        }
        let area = cumulative_trapezoid(reference, step);
        let correction = dot(weights, &area);
        let model = LinearModel::new([reference.to_vec(), area.iter().map(|area| -area).collect()])?;
        let spread = [model.inverse()[0][0].sqrt(), model.inverse()[1][1].sqrt()];
        // Corrected rCBV is a weighted sum of ΔR2* too: Σ (w + correction · weights of K2) y.
        let rcbv: Vec<f64> = weights.iter().zip(model.weights(1)).map(|(w, k2)| w + correction * k2).collect();
        Some(Self { model, correction, spread, rcbv_spread: dot(&rcbv, &rcbv).sqrt(), rcbv_offset: rcbv.iter().sum() })
    }

    /// The reference curve, 1/s.
    pub fn reference(&self) -> &[f64] {
        &self.model.columns()[0]
    }

    /// What leakage with this K2 took from rCBV: `K2 ∫∫R`.
    pub fn correction(&self, k2: f64) -> f64 {
        k2 * self.correction
    }

    /// What leakage with this K2 took from ΔR2* at each frame, 1/s: `K2 ∫R`.
    pub fn correction_curve(&self, k2: f64) -> Vec<f64> {
        self.model.columns()[1].iter().map(|minus_area| -k2 * minus_area).collect()
    }

    /// Standard errors of K1 and K2: `σ √(AᵀA)⁻¹`.
    pub fn standard_errors(&self, residual: f64) -> [f64; 2] {
        self.spread.map(|spread| spread * residual)
    }

    /// Standard error of corrected rCBV from the fit residual and, independent of it, the error of S0: `level_error`
    /// is the standard error of ln S0 as ΔR2*, 1/s.
    pub fn rcbv_standard_error(&self, residual: f64, level_error: f64) -> f64 {
        (self.rcbv_spread * residual).hypot(self.rcbv_offset * level_error)
    }

    /// Fits one curve, ΔR2* in 1/s at the frames of the reference curve.
    ///
    /// # Panics
    /// When the curve has another length.
    pub fn fit(&self, rate: &[f64]) -> BswFit {
        let (mut k1, mut k2, mut residual) = ([0.0], [0.0], [0.0]);
        self.fit_block(rate, [&mut k1, &mut k2], &mut residual);
        BswFit { k1: k1[0], k2: k2[0], residual: residual[0] }
    }

    /// Fits a block of curves `[frame][lane]` into K1, K2 and the residual standard deviation of each lane.
    ///
    /// # Panics
    /// When `rates` does not hold as many rows as the reference curve has frames.
    pub fn fit_block<T: Copy + Into<f64>>(&self, rates: &[T], [k1, k2]: [&mut [f64]; 2], residual: &mut [f64]) {
        let [reference, minus_area] = self.model.columns();
        assert_eq!(rates.len(), reference.len() * k1.len(), "a block holds frames × lanes values");
        fit_lanes(rates, [reference, minus_area], self.model.inverse(), k1, k2, residual);
    }
}

/// Two passes over the block: the products of each curve with the two columns give the parameters, then the squared
/// residuals are summed as such (their difference from the sums of squares would lose digits).
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn fit_lanes<T: Copy + Into<f64>>(
    rates: &[T],
    columns: [&Vec<f64>; 2],
    inverse: &[[f64; 2]; 2],
    k1: &mut [f64],
    k2: &mut [f64],
    residual: &mut [f64],
) {
    let width = k1.len();
    k1.fill(0.0);
    k2.fill(0.0);
    residual.fill(0.0);
    for ((row, &a), &b) in rates.chunks_exact(width).zip(columns[0]).zip(columns[1]) {
        for ((k1, k2), &rate) in k1.iter_mut().zip(k2.iter_mut()).zip(row) {
            let rate: f64 = rate.into();
            *k1 += a * rate;
            *k2 += b * rate;
        }
    }
    for (k1, k2) in k1.iter_mut().zip(k2.iter_mut()) {
        (*k1, *k2) = (inverse[0][0] * *k1 + inverse[0][1] * *k2, inverse[1][0] * *k1 + inverse[1][1] * *k2);
    }
    for ((row, &a), &b) in rates.chunks_exact(width).zip(columns[0]).zip(columns[1]) {
        for (((residual, &k1), &k2), &rate) in residual.iter_mut().zip(&*k1).zip(&*k2).zip(row) {
            let rate: f64 = rate.into();
            let difference = rate - a * k1 - b * k2;
            *residual += difference * difference;
        }
    }
    let freedom = (columns[0].len() - 2) as f64;
    for residual in residual {
        *residual = (*residual / freedom).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::area::trapezoid_weights;

    fn reference() -> Vec<f64> {
        (0..90)
            .map(|i| (f64::from(i) - 20.0).max(0.0))
            .map(|x| 8.0 * (x / 4.0).powi(3) * (3.0 - 0.75 * x).exp() + 0.4 * (x / 70.0))
            .collect()
    }

    fn model() -> Bsw {
        Bsw::new(&reference(), 1.5, &trapezoid_weights(90, 1.5, 0..90)).unwrap()
    }

    #[test]
    fn curves_of_the_model_give_their_parameters_back() {
        let (reference, area) = (reference(), cumulative_trapezoid(&reference(), 1.5));
        for (k1, k2) in [(1.0, 0.0), (2.2, 0.029), (2.8, -0.054), (0.05, 0.028), (-0.3, 0.1)] {
            let curve: Vec<f64> = reference.iter().zip(&area).map(|(r, a)| k1 * r - k2 * a).collect();
            let fit = model().fit(&curve);
            assert!((fit.k1 - k1).abs() < 1e-12 && (fit.k2 - k2).abs() < 1e-12, "{fit:?}");
            assert!(fit.residual < 1e-12);
        }
    }

    #[test]
    fn the_correction_restores_the_area_of_the_curve_without_leakage() {
        let weights = trapezoid_weights(90, 1.5, 0..90);
        let (reference, area) = (reference(), cumulative_trapezoid(&reference(), 1.5));
        let curve: Vec<f64> = reference.iter().zip(&area).map(|(r, a)| 2.0 * r - 0.03 * a).collect();
        let corrected = dot(&weights, &curve) + model().correction(0.03);
        assert!((corrected - 2.0 * dot(&weights, &reference)).abs() < 1e-9);
        let corrected: Vec<f64> = curve.iter().zip(model().correction_curve(0.03)).map(|(y, c)| y + c).collect();
        assert!(corrected.iter().zip(&reference).all(|(c, r)| (c - 2.0 * r).abs() < 1e-12));
    }

    #[test]
    fn standard_errors_are_the_spread_over_noise() {
        // 4000 noisy curves: the spread of the estimates must be the standard error, within 5 % (sampling: 1.1 %)
        use rand::{RngExt, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(7);
        let (model, reference) = (model(), reference());
        let weights = trapezoid_weights(90, 1.5, 0..90);
        let (mut k2, mut rcbv, mut residual) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..4000 {
            // sum of 12 uniforms minus 6: unit variance
            let mut noise = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let curve: Vec<f64> = reference.iter().map(|r| 2.0 * r + 0.5 * noise()).collect();
            let fit = model.fit(&curve);
            k2.push(fit.k2);
            rcbv.push(dot(&weights, &curve) + model.correction(fit.k2));
            residual += fit.residual * fit.residual / 4000.0;
        }
        let residual = residual.sqrt();
        assert!((residual / 0.5 - 1.0).abs() < 0.02, "{residual}");
        let spread = |values: &[f64]| crate::curve::baseline::standard_deviation(values).unwrap();
        assert!((spread(&k2) / model.standard_errors(0.5)[1] - 1.0).abs() < 0.05);
        assert!((spread(&rcbv) / model.rcbv_standard_error(0.5, 0.0) - 1.0).abs() < 0.05);
    }

    #[test]
    fn a_block_gives_the_bits_of_its_curves() {
        let curves: Vec<Vec<f64>> = (0..37)
            .map(|i| reference().iter().enumerate().map(|(t, r)| 0.1 * f64::from(i) * r - 0.01 * t as f64).collect())
            .collect();
        let rates: Vec<f64> = (0..90).flat_map(|t| curves.iter().map(move |curve| curve[t])).collect();
        let (mut k1, mut k2, mut residual) = (vec![0.0; 37], vec![0.0; 37], vec![0.0; 37]);
        model().fit_block(&rates, [&mut k1, &mut k2], &mut residual);
        for (lane, curve) in curves.iter().enumerate() {
            assert_eq!(model().fit(curve), BswFit { k1: k1[lane], k2: k2[lane], residual: residual[lane] });
        }
    }

    #[test]
    fn a_flat_reference_is_no_model() {
        assert!(Bsw::new(&[0.0; 30], 1.5, &[1.5; 30]).is_none());
    }
}
