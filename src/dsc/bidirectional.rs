//! Bidirectional leakage correction (M.LC1.002): Leu, Boxerman, Cloughesy et al., AJNR 2016;37:1440.
//!
//! `ΔR2*(t) = K1 R - K2 ∫R(t') e^{-kep(t-t')}dt'`; `rCBV = ∫ΔR2* + K2 ∫∫R e^{-kep(t-t')}`. For a given kep the model is
//! linear in K1 and K2 (variable projection): a grid over kep finds the basin, Gauss-Newton on the projected residual
//! (Kaufman, BIT 1975;15:49) the minimum inside it.

use multiversion::multiversion;

use crate::curve::exponential::{ExponentialStep, convolve_exponential};
use crate::curve::linear_fit::{LinearModel, dot};

/// Intervals of the grid over kep: the basin of the minimum is taken to span two of them.
const GRID_INTERVALS: usize = 20;
/// Gauss-Newton steps; exact curves need four to six.
const LARGEST_STEPS: usize = 16;
/// A step below this share of the largest kep ends the search.
const STEP_TOLERANCE: f64 = 1e-10;
/// Voxels that are fitted side by side.
const LANES: usize = 8;

type Lanes = [f64; LANES];

/// The model for one reference curve, ready for any number of voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Bidirectional {
    reference: Vec<f64>,
    step: f64,
    weights: Vec<f64>,
    maximum: f64,
    /// `ΣR²`.
    square: f64,
    nodes: Vec<Node>,
}

/// One kep of the grid.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    kep: f64,
    /// `R ⊗ e^{-kep·t}`.
    leaked: Vec<f64>,
    /// `ΣR·leaked` and `Σleaked²`.
    products: [f64; 2],
}

/// The fit of one curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BidirectionalFit {
    /// K1, without unit.
    pub k1: f64,
    /// K2, 1/s.
    pub k2: f64,
    /// kep, 1/s.
    pub kep: f64,
    /// Residual standard deviation (n - 3), 1/s.
    pub residual: f64,
}

impl Bidirectional {
    /// Prepares the model for a reference curve in 1/s sampled every `step` seconds, integration `weights` of rCBV
    /// (s) and kep within `0 ..= maximum` (1/s). `None` where the curve holds no bolus or has fewer than four frames.
    pub fn new(reference: &[f64], step: f64, weights: &[f64], maximum: f64) -> Option<Self> {
        if reference.len() < 4 || reference.len() != weights.len() {
            return None;
        }
        let node = |i| {
            let kep = maximum * i as f64 / GRID_INTERVALS as f64;
            let leaked = convolve_exponential(reference, kep, step);
            // Each node must tell leakage from perfusion; only the products are kept.
            LinearModel::new([reference.to_vec(), leaked.clone()])?;
            let products = [dot(reference, &leaked), dot(&leaked, &leaked)];
            Some(Node { kep, leaked, products })
        };
        let nodes = (0..=GRID_INTERVALS).map(node).collect::<Option<Vec<Node>>>()?;
        let square = dot(reference, reference);
        Some(Self { reference: reference.to_vec(), step, weights: weights.to_vec(), maximum, square, nodes })
    }

    /// What leakage with these parameters took from ΔR2* at each frame, 1/s.
    pub fn correction_curve(&self, k2: f64, kep: f64) -> Vec<f64> {
        convolve_exponential(&self.reference, kep, self.step).into_iter().map(|leaked| k2 * leaked).collect()
    }

    /// What leakage with these parameters took from rCBV.
    pub fn correction(&self, k2: f64, kep: f64) -> f64 {
        k2 * self.leaked_area(kep)
    }

    /// `∫∫R e^{-kep(t-t')}` over the integration range.
    fn leaked_area(&self, kep: f64) -> f64 {
        let step = ExponentialStep::new(kep, self.step);
        let mut leaked = 0.0;
        let mut area = 0.0;
        for i in 1..self.reference.len() {
            leaked = step.decay * leaked + step.end * self.reference[i] + step.start * self.reference[i - 1];
            area += self.weights[i] * leaked;
        }
        area
    }

    /// Standard errors of K1, K2 and kep from `σ²(JᵀJ)⁻¹`. At a bound kep is taken as fixed and has none, as where
    /// its effect cannot be told apart (K2 near 0).
    pub fn standard_errors(&self, fit: &BidirectionalFit) -> ([f64; 2], Option<f64>) {
        let leaked = convolve_exponential(&self.reference, fit.kep, self.step);
        let minus: Vec<f64> = leaked.iter().map(|leaked| -leaked).collect();
        let error = |inverse: f64| fit.residual * inverse.sqrt();
        let inside = fit.kep > 0.0 && fit.kep < self.maximum;
        if inside {
            let slope = self.slope(&leaked, fit.kep).into_iter().map(|slope| -fit.k2 * slope).collect();
            if let Some(model) = LinearModel::new([self.reference.clone(), minus.clone(), slope]) {
                let inverse = model.inverse();
                return ([error(inverse[0][0]), error(inverse[1][1])], Some(error(inverse[2][2])));
            }
        }
        match LinearModel::new([self.reference.clone(), minus]) {
            Some(model) => ([error(model.inverse()[0][0]), error(model.inverse()[1][1])], None),
            None => ([f64::NAN; 2], None),
        }
    }

    /// `∂(R ⊗ e^{-kep·t})/∂kep`.
    fn slope(&self, leaked: &[f64], kep: f64) -> Vec<f64> {
        let step = ExponentialStep::new(kep, self.step);
        let change = ExponentialStep::rate_derivative(kep, self.step);
        let mut slope = vec![0.0; leaked.len()];
        for i in 1..leaked.len() {
            let (end, start) = (self.reference[i], self.reference[i - 1]);
            slope[i] =
                step.decay * slope[i - 1] + change.decay * leaked[i - 1] + change.end * end + change.start * start;
        }
        slope
    }

    /// Fits one curve, ΔR2* in 1/s at the frames of the reference curve.
    ///
    /// # Panics
    /// When the curve has another length.
    pub fn fit(&self, rate: &[f64]) -> BidirectionalFit {
        assert_eq!(rate.len(), self.reference.len(), "a curve has the frames of the reference curve");
        let curves: Vec<Lanes> = rate.iter().map(|&rate| [rate; LANES]).collect();
        let lanes = fit_lanes(self, &curves);
        BidirectionalFit { k1: lanes.k1[0], k2: lanes.k2[0], kep: lanes.kep[0], residual: lanes.residual[0] }
    }

    /// Fits the listed lanes of a block `[frame][lane]` of `width` lanes and gives each fit to `take`.
    pub(super) fn fit_block(
        &self,
        rates: &[f32],
        width: usize,
        lanes: &[usize],
        mut take: impl FnMut(usize, BidirectionalFit),
    ) {
        let mut curves = vec![[0.0; LANES]; self.reference.len()];
        for group in lanes.chunks(LANES) {
            for (curve, row) in curves.iter_mut().zip(rates.chunks_exact(width)) {
                // A group that is not full repeats its first lane.
                for (i, value) in curve.iter_mut().enumerate() {
                    *value = f64::from(row[*group.get(i).unwrap_or(&group[0])]);
                }
            }
            let fits = fit_lanes(self, &curves);
            for (i, &lane) in group.iter().enumerate() {
                let fit =
                    BidirectionalFit { k1: fits.k1[i], k2: fits.k2[i], kep: fits.kep[i], residual: fits.residual[i] };
                take(lane, fit);
            }
        }
    }
}

struct LaneFits {
    k1: Lanes,
    k2: Lanes,
    kep: Lanes,
    residual: Lanes,
}

/// The two linear parameters and the residual sum of squares for given products:
/// `y = k1·R - k2·q`, from `ΣR²`, `ΣRq`, `Σq²`, `ΣRy`, `Σqy`, `Σy²`.
#[inline(always)]
fn project(rr: f64, rq: f64, qq: f64, ry: f64, qy: f64, yy: f64) -> (f64, f64, f64) {
    let determinant = rr * qq - rq * rq;
    let k1 = (qq * ry - rq * qy) / determinant;
    let k2 = (rq * ry - rr * qy) / determinant;
    (k1, k2, yy - k1 * ry + k2 * qy)
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn fit_lanes(model: &Bidirectional, curves: &[Lanes]) -> LaneFits {
    let rr = model.square;
    let (mut ry, mut yy) = ([0.0; LANES], [0.0; LANES]);
    for (curve, &reference) in curves.iter().zip(&model.reference) {
        for i in 0..LANES {
            ry[i] += reference * curve[i];
            yy[i] += curve[i] * curve[i];
        }
    }
    // The best node of the grid.
    let mut best = [f64::INFINITY; LANES];
    let mut kep = [0.0; LANES];
    for node in &model.nodes {
        let mut qy = [0.0; LANES];
        for (curve, &leaked) in curves.iter().zip(&node.leaked) {
            for i in 0..LANES {
                qy[i] += leaked * curve[i];
            }
        }
        for i in 0..LANES {
            let (_, _, squares) = project(rr, node.products[0], node.products[1], ry[i], qy[i], yy[i]);
            if squares < best[i] {
                (best[i], kep[i]) = (squares, node.kep);
            }
        }
    }
    // Gauss-Newton between its neighbors.
    let interval = model.maximum / GRID_INTERVALS as f64;
    let start = kep;
    let mut moving = [true; LANES];
    for _ in 0..LARGEST_STEPS {
        let sums = sums_at(model, curves, &kep);
        for i in 0..LANES {
            let (k1, k2, _) = project(rr, sums.rq[i], sums.qq[i], ry[i], sums.qy[i], yy[i]);
            // The slope column d = ∂q/∂kep, and its part that R and q cannot make.
            let (a, b, rest) = project(rr, sums.rq[i], sums.qq[i], sums.rd[i], sums.qd[i], sums.dd[i]);
            let _ = (a, b);
            let toward = sums.dy[i] - k1 * sums.rd[i] + k2 * sums.qd[i];
            let step = -toward / (k2 * rest);
            if !moving[i] || !step.is_finite() {
                moving[i] = false;
                continue;
            }
            let (low, high) = ((start[i] - interval).max(0.0), (start[i] + interval).min(model.maximum));
            let next = (kep[i] + step).clamp(low, high);
            moving[i] = (next - kep[i]).abs() > STEP_TOLERANCE * model.maximum;
            kep[i] = next;
        }
        if moving == [false; LANES] {
            break;
        }
    }
    // Back to the node where Gauss-Newton did not get below it.
    let sums = sums_at(model, curves, &kep);
    for i in 0..LANES {
        let (_, _, squares) = project(rr, sums.rq[i], sums.qq[i], ry[i], sums.qy[i], yy[i]);
        if squares > best[i] {
            kep[i] = start[i];
        }
    }
    let sums = sums_at(model, curves, &kep);
    let (mut k1, mut k2, mut residual) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for i in 0..LANES {
        (k1[i], k2[i], _) = project(rr, sums.rq[i], sums.qq[i], ry[i], sums.qy[i], yy[i]);
    }
    // Squared residuals are summed as such: the closed form above loses digits for curves that fit well.
    let mut state = Recursion::new(model, &kep);
    for (t, curve) in curves.iter().enumerate() {
        state.advance(model, t);
        for i in 0..LANES {
            let difference = curve[i] - k1[i] * model.reference[t] + k2[i] * state.leaked[i];
            residual[i] += difference * difference;
        }
    }
    let freedom = (curves.len() - 3) as f64;
    for residual in &mut residual {
        *residual = (*residual / freedom).sqrt();
    }
    LaneFits { k1, k2, kep, residual }
}

/// Products of reference, leaked curve q, its slope d and the measured curve y, at one kep per lane.
struct Sums {
    rq: Lanes,
    qq: Lanes,
    qy: Lanes,
    rd: Lanes,
    qd: Lanes,
    dd: Lanes,
    dy: Lanes,
}

#[inline(always)]
fn sums_at(model: &Bidirectional, curves: &[Lanes], kep: &Lanes) -> Sums {
    let zero = [0.0; LANES];
    let mut sums = Sums { rq: zero, qq: zero, qy: zero, rd: zero, qd: zero, dd: zero, dy: zero };
    let mut state = Recursion::new(model, kep);
    for (t, curve) in curves.iter().enumerate() {
        state.advance(model, t);
        let reference = model.reference[t];
        for i in 0..LANES {
            let (q, d) = (state.leaked[i], state.slope[i]);
            sums.rq[i] += reference * q;
            sums.qq[i] += q * q;
            sums.qy[i] += q * curve[i];
            sums.rd[i] += reference * d;
            sums.qd[i] += q * d;
            sums.dd[i] += d * d;
            sums.dy[i] += d * curve[i];
        }
    }
    sums
}

/// `q = R ⊗ e^{-kep·t}` and `∂q/∂kep`, frame by frame.
struct Recursion {
    step: [Lanes; 3],
    change: [Lanes; 3],
    leaked: Lanes,
    slope: Lanes,
}

impl Recursion {
    #[inline(always)]
    fn new(model: &Bidirectional, kep: &Lanes) -> Self {
        let zero = [0.0; LANES];
        let mut recursion = Self { step: [zero; 3], change: [zero; 3], leaked: zero, slope: zero };
        for i in 0..LANES {
            let step = ExponentialStep::new(kep[i], model.step);
            let change = ExponentialStep::rate_derivative(kep[i], model.step);
            for (all, one) in recursion.step.iter_mut().zip([step.decay, step.end, step.start]) {
                all[i] = one;
            }
            for (all, one) in recursion.change.iter_mut().zip([change.decay, change.end, change.start]) {
                all[i] = one;
            }
        }
        recursion
    }

    #[inline(always)]
    fn advance(&mut self, model: &Bidirectional, frame: usize) {
        if frame == 0 {
            return;
        }
        let (end, start) = (model.reference[frame], model.reference[frame - 1]);
        for i in 0..LANES {
            self.slope[i] = self.step[0][i] * self.slope[i]
                + self.change[0][i] * self.leaked[i]
                + self.change[1][i] * end
                + self.change[2][i] * start;
            self.leaked[i] = self.step[0][i] * self.leaked[i] + self.step[1][i] * end + self.step[2][i] * start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::area::trapezoid_weights;
    use crate::dsc::Bsw;

    const MAXIMUM: f64 = 0.05;

    fn reference() -> Vec<f64> {
        (0..90)
            .map(|i| (f64::from(i) - 20.0).max(0.0))
            .map(|x| 8.0 * (x / 4.0).powi(3) * (3.0 - 0.75 * x).exp() + 0.4 * (x / 70.0))
            .collect()
    }

    fn model() -> Bidirectional {
        Bidirectional::new(&reference(), 1.5, &trapezoid_weights(90, 1.5, 0..90), MAXIMUM).unwrap()
    }

    fn curve(k1: f64, k2: f64, kep: f64) -> Vec<f64> {
        let leaked = convolve_exponential(&reference(), kep, 1.5);
        reference().iter().zip(leaked).map(|(r, q)| k1 * r - k2 * q).collect()
    }

    #[test]
    fn curves_of_the_model_give_their_parameters_back() {
        for (k1, k2, kep) in
            [(2.2, 0.029, 0.011), (2.8, -0.054, 0.033), (0.05, 0.028, 0.0007), (1.0, 0.1, 0.049), (3.0, -0.01, 0.0)]
        {
            let fit = model().fit(&curve(k1, k2, kep));
            assert!(
                (fit.k1 - k1).abs() < 1e-6 && (fit.k2 - k2).abs() < 1e-6 && (fit.kep - kep).abs() < 1e-6,
                "{fit:?} {kep}"
            );
            assert!(fit.residual < 1e-7, "{fit:?}");
        }
    }

    #[test]
    fn kep_stays_within_its_bounds() {
        let fit = model().fit(&curve(2.0, 0.05, 0.4));
        assert!((0.0..=MAXIMUM).contains(&fit.kep), "{fit:?}");
        assert!((fit.kep - MAXIMUM).abs() < 1e-12);
    }

    #[test]
    fn without_backflow_it_is_bsw() {
        let rate = curve(2.2, 0.029, 0.0);
        let bsw = Bsw::new(&reference(), 1.5, &trapezoid_weights(90, 1.5, 0..90)).unwrap();
        let (one, two) = (bsw.fit(&rate), model().fit(&rate));
        assert!((one.k1 - two.k1).abs() < 1e-9 && (one.k2 - two.k2).abs() < 1e-9 && two.kep < 1e-9);
        assert!((bsw.correction(one.k2) - model().correction(two.k2, two.kep)).abs() < 1e-6);
    }

    #[test]
    fn the_correction_restores_the_area_of_the_curve_without_leakage() {
        let weights = trapezoid_weights(90, 1.5, 0..90);
        let rate = curve(2.0, 0.03, 0.02);
        let fit = model().fit(&rate);
        let corrected = dot(&weights, &rate) + model().correction(fit.k2, fit.kep);
        assert!((corrected - 2.0 * dot(&weights, &reference())).abs() < 1e-4);
    }

    #[test]
    fn noise_moves_the_estimates_by_their_standard_errors() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(11);
        let model = model();
        let (truth, noise_free) = ((2.0, 0.06, 0.02), curve(2.0, 0.06, 0.02));
        let mut squares = [0.0; 3];
        for _ in 0..2000 {
            let mut noise = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let rate: Vec<f64> = noise_free.iter().map(|y| y + 0.05 * noise()).collect();
            let fit = model.fit(&rate);
            let ([k1, k2], kep) = model.standard_errors(&fit);
            for (square, (found, expected, error)) in squares.iter_mut().zip([
                (fit.k1, truth.0, k1),
                (fit.k2, truth.1, k2),
                (fit.kep, truth.2, kep.expect("kep is inside its bounds")),
            ]) {
                *square += ((found - expected) / error).powi(2) / 2000.0;
            }
        }
        // mean squared deviation in units of the standard error: 1, sampling error 3 %
        assert!(squares.iter().all(|square| (square - 1.0).abs() < 0.12), "{squares:?}");
    }
}
