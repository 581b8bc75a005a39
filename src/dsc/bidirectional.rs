//! Bidirectional leakage correction (M.LC1.002): Leu, Boxerman, Cloughesy et al., AJNR 2016;37:1440.
//!
//! `ΔR2*(t) = K1 R - K2 ∫R(t') e^{-kep(t-t')}dt'`; `rCBV = ∫ΔR2* + K2 ∫∫R e^{-kep(t-t')}`. For a given kep the model is
//! linear in K1 and K2 (variable projection): a grid over kep finds the basin, Gauss-Newton on the projected residual
//! (Kaufman, BIT 1975;15:49) the minimum inside it.
//!
//! Every product that the search needs is an entire function of kep, so it is kept as a Chebyshev series on the range of
//! kep (Trefethen, Approximation Theory and Approximation Practice, 2013): those of the reference curve once, that of
//! a voxel's curve as its products with the series' coefficient curves. No convolution is made while the search runs.

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
    /// `ΣR`, `Σw`, `ΣwR` and `Σw²`.
    sums: [f64; 4],
    /// Coefficient curves of the series of `q = R ⊗ e^{-kep·t}`, term by term.
    curves: Vec<Vec<f64>>,
    /// Coefficients of `ΣRq`, `Σq²` and `Σd²` with `d = ∂q/∂kep`, term by term.
    products: Vec<[f64; 3]>,
    nodes: Vec<Node>,
}

/// One kep of the grid.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    kep: f64,
    /// The terms of a series there.
    terms: Vec<f64>,
    /// `ΣR·q` and `Σq²`.
    products: [f64; 2],
}

/// The fit of one curve. Standard errors are `σ √(JᵀJ)⁻¹`; frames are taken as independent.
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
    /// What leakage took from rCBV: `K2 ∫∫R e^{-kep(t-t')}`.
    pub correction: f64,
    /// Standard error of K1.
    pub k1_error: f64,
    /// Standard error of K2, 1/s.
    pub k2_error: f64,
    /// Standard error of kep, 1/s; `None` at a bound, where kep is taken as fixed.
    pub kep_error: Option<f64>,
    /// Standard error of corrected rCBV from the residual.
    pub rcbv_error: f64,
    /// What a constant error of ΔR2* (that of S0) adds to corrected rCBV, s.
    pub rcbv_offset: f64,
}

impl Bidirectional {
    /// Prepares the model for a reference curve in 1/s sampled every `step` seconds, integration `weights` of rCBV
    /// (s) and kep within `0 ..= maximum` (1/s). `None` where the curve holds no bolus or has fewer than four frames.
    pub fn new(reference: &[f64], step: f64, weights: &[f64], maximum: f64) -> Option<Self> {
        if reference.len() < 4 || reference.len() != weights.len() {
            return None;
        }
        let count = terms_needed(maximum * step * reference.len() as f64)?;
        // The curve and its slope at Chebyshev's points; each must tell leakage from perfusion.
        let samples = (0..count).map(|j| {
            let kep = maximum * (1.0 + (std::f64::consts::PI * (j as f64 + 0.5) / count as f64).cos()) / 2.0;
            let (leaked, slope) = leaked_with_slope(reference, kep, step);
            LinearModel::new([reference.to_vec(), leaked.clone()])?;
            let products = [dot(reference, &leaked), dot(&leaked, &leaked), dot(&slope, &slope)];
            Some((leaked, products))
        });
        let samples = samples.collect::<Option<Vec<_>>>()?;
        let weight = |m: usize, j: usize| {
            let cosine = (std::f64::consts::PI * m as f64 * (j as f64 + 0.5) / count as f64).cos();
            cosine * if m == 0 { 1.0 } else { 2.0 } / count as f64
        };
        let curve =
            |m: usize| (0..reference.len()).map(|t| (0..count).map(|j| weight(m, j) * samples[j].0[t]).sum()).collect();
        let product = |m: usize| std::array::from_fn(|k| (0..count).map(|j| weight(m, j) * samples[j].1[k]).sum());
        let node = |i| {
            let kep = maximum * i as f64 / GRID_INTERVALS as f64;
            let leaked = convolve_exponential(reference, kep, step);
            let mut terms = vec![0.0; count];
            let mut slopes = vec![0.0; count];
            chebyshev(2.0 * kep / maximum - 1.0, &mut terms, &mut slopes);
            Node { kep, terms, products: [dot(reference, &leaked), dot(&leaked, &leaked)] }
        };
        let nodes = (0..=GRID_INTERVALS).map(node).collect();
        let square = dot(reference, reference);
        let sums = [reference.iter().sum(), weights.iter().sum(), dot(weights, reference), dot(weights, weights)];
        Some(Self {
            curves: (0..count).map(curve).collect(),
            products: (0..count).map(product).collect(),
            reference: reference.to_vec(),
            step,
            weights: weights.to_vec(),
            maximum,
            square,
            sums,
            nodes,
        })
    }

    /// What leakage with these parameters took from ΔR2* at each frame, 1/s.
    pub fn correction_curve(&self, k2: f64, kep: f64) -> Vec<f64> {
        convolve_exponential(&self.reference, kep, self.step).into_iter().map(|leaked| k2 * leaked).collect()
    }

    /// Fits one curve, ΔR2* in 1/s at the frames of the reference curve.
    ///
    /// # Panics
    /// When the curve has another length.
    pub fn fit(&self, rate: &[f64]) -> BidirectionalFit {
        assert_eq!(rate.len(), self.reference.len(), "a curve has the frames of the reference curve");
        let curves: Vec<Lanes> = rate.iter().map(|&rate| [rate; LANES]).collect();
        fit_lanes(self, &curves)[0]
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
            for (&lane, &fit) in group.iter().zip(&fits) {
                take(lane, fit);
            }
        }
    }

    /// Corrected rCBV is `Σwy + K2·A(kep)`; with `g = (0, A, K2·∂A)` its gradient by the parameters and
    /// `u = (JᵀJ)⁻¹g`, its variance is `σ² (Σw² + 2 wᵀJu + gᵀu)`, and a constant in y adds `Σw + 1ᵀJu`.
    fn finish(&self, solution: Solution) -> BidirectionalFit {
        let Solution { k1, k2, kep, residual, sums, rest, along, leaked, area } = solution;
        let [reference_sum, weight_sum, weighted_reference, squares] = self.sums;
        let determinant = self.square * sums.qq - sums.rq * sums.rq;
        // (JᵀJ)⁻¹ of the columns R and -q, and what a free kep adds: the column -K2·d runs along them by -K2·(a, b).
        let plain =
            [[sums.qq / determinant, sums.rq / determinant], [sums.rq / determinant, self.square / determinant]];
        let free = kep > 0.0 && kep < self.maximum && k2 * k2 * rest > 0.0;
        let [a, b] = along;
        let (k1_variance, k2_variance) =
            if free { (plain[0][0] + a * a / rest, plain[1][1] + b * b / rest) } else { (plain[0][0], plain[1][1]) };
        let mut u = [plain[0][1] * area[0], plain[1][1] * area[0], 0.0];
        if free {
            // Part of the gradient that kep has beyond K1 and K2, over its own variance.
            let own = (k2 * area[1] + k2 * b * area[0]) / (k2 * k2 * rest);
            u = [u[0] + k2 * a * own, u[1] + k2 * b * own, own];
        }
        let gradient = [0.0, area[0], k2 * area[1]];
        let through: f64 = (0..3).map(|i| gradient[i] * u[i]).sum();
        // wᵀJ = (ΣwR, -A, -K2·∂A) = (ΣwR, 0, 0) - g
        let variance = squares + 2.0 * (weighted_reference * u[0] - through) + through;
        BidirectionalFit {
            k1,
            k2,
            kep,
            residual,
            correction: k2 * area[0],
            k1_error: residual * k1_variance.sqrt(),
            k2_error: residual * k2_variance.sqrt(),
            kep_error: free.then(|| residual / (k2 * k2 * rest).sqrt()),
            rcbv_error: residual * variance.sqrt(),
            rcbv_offset: weight_sum + reference_sum * u[0] - leaked[0] * u[1] - k2 * leaked[1] * u[2],
        }
    }
}

/// What one lane's search ends with.
struct Solution {
    k1: f64,
    k2: f64,
    kep: f64,
    residual: f64,
    sums: LaneSums,
    /// Square of the part of d that R and q cannot make, and its coordinates along them: `d = a·R - b·q + …`.
    rest: f64,
    along: [f64; 2],
    /// `Σq` and `Σd`.
    leaked: [f64; 2],
    /// `A = Σwq` and `∂A = Σwd`.
    area: [f64; 2],
}

/// The products of one lane that its errors need.
struct LaneSums {
    rq: f64,
    qq: f64,
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
fn fit_lanes(model: &Bidirectional, curves: &[Lanes]) -> [BidirectionalFit; LANES] {
    let rr = model.square;
    let (mut ry, mut yy) = ([0.0; LANES], [0.0; LANES]);
    for (curve, &reference) in curves.iter().zip(&model.reference) {
        for i in 0..LANES {
            ry[i] += reference * curve[i];
            yy[i] += curve[i] * curve[i];
        }
    }
    // The series of Σqy over kep, lane by lane.
    let mut qy = vec![[0.0; LANES]; model.curves.len()];
    for (sum, coefficients) in qy.iter_mut().zip(&model.curves) {
        let mut total = [0.0; LANES];
        for (curve, &coefficient) in curves.iter().zip(coefficients) {
            for i in 0..LANES {
                total[i] += coefficient * curve[i];
            }
        }
        *sum = total;
    }
    // The best node of the grid.
    let mut best = [f64::INFINITY; LANES];
    let mut kep = [0.0; LANES];
    for node in &model.nodes {
        let mut at_node = [0.0; LANES];
        for (sums, &term) in qy.iter().zip(&node.terms) {
            for i in 0..LANES {
                at_node[i] += term * sums[i];
            }
        }
        for i in 0..LANES {
            let (_, _, squares) = project(rr, node.products[0], node.products[1], ry[i], at_node[i], yy[i]);
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
        let sums = series_at(model, &qy, &kep);
        for i in 0..LANES {
            let (k1, k2, _) = project(rr, sums.rq[i], sums.qq[i], ry[i], sums.qy[i], yy[i]);
            // The slope column d = ∂q/∂kep, and its part that R and q cannot make.
            let (_, _, rest) = project(rr, sums.rq[i], sums.qq[i], sums.rd[i], sums.qd[i], sums.dd[i]);
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
    let sums = series_at(model, &qy, &kep);
    for i in 0..LANES {
        let (_, _, squares) = project(rr, sums.rq[i], sums.qq[i], ry[i], sums.qy[i], yy[i]);
        if squares > best[i] {
            kep[i] = start[i];
        }
    }
    // What is told of the fit is computed from the convolved curves themselves.
    let sums = sums_at(model, curves, &kep);
    let (mut k1, mut k2, mut residual) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for i in 0..LANES {
        (k1[i], k2[i], _) = project(rr, sums.rq[i], sums.qq[i], ry[i], sums.qy[i], yy[i]);
    }
    // Squared residuals are summed as such: the closed form above loses digits for curves that fit well.
    let zero = [0.0; LANES];
    let (mut leaked_sum, mut slope_sum, mut area, mut slope_area) = (zero, zero, zero, zero);
    let mut state = Recursion::new(model, &kep);
    for (t, curve) in curves.iter().enumerate() {
        state.advance(model, t);
        let (reference, weight) = (model.reference[t], model.weights[t]);
        for i in 0..LANES {
            let difference = curve[i] - k1[i] * reference + k2[i] * state.leaked[i];
            residual[i] += difference * difference;
            leaked_sum[i] += state.leaked[i];
            slope_sum[i] += state.slope[i];
            area[i] += weight * state.leaked[i];
            slope_area[i] += weight * state.slope[i];
        }
    }
    let freedom = (curves.len() - 3) as f64;
    std::array::from_fn(|i| {
        let (a, b, rest) = project(rr, sums.rq[i], sums.qq[i], sums.rd[i], sums.qd[i], sums.dd[i]);
        model.finish(Solution {
            k1: k1[i],
            k2: k2[i],
            kep: kep[i],
            residual: (residual[i] / freedom).sqrt(),
            sums: LaneSums { rq: sums.rq[i], qq: sums.qq[i] },
            rest,
            along: [a, b],
            leaked: [leaked_sum[i], slope_sum[i]],
            area: [area[i], slope_area[i]],
        })
    })
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

/// The products by their series; `qy` holds the coefficients of `Σqy`.
#[inline(always)]
fn series_at(model: &Bidirectional, qy: &[Lanes], kep: &Lanes) -> Sums {
    let zero = [0.0; LANES];
    let mut sums = Sums { rq: zero, qq: zero, qy: zero, rd: zero, qd: zero, dd: zero, dy: zero };
    // T₀ = 1, T₁ = x, T₂ = 2x T₁ - T₀ …; their slopes by the same recursion, differentiated.
    let per_kep = 2.0 / model.maximum;
    let (mut x, mut value, mut slope) = (zero, [1.0; LANES], zero);
    for i in 0..LANES {
        x[i] = per_kep * kep[i] - 1.0;
    }
    let (mut next_value, mut next_slope) = (x, [1.0; LANES]);
    for (&[rq, qq, dd], qy) in model.products.iter().zip(qy) {
        for i in 0..LANES {
            let along = per_kep * slope[i];
            sums.rq[i] += rq * value[i];
            sums.qq[i] += qq * value[i];
            sums.dd[i] += dd * value[i];
            sums.qy[i] += qy[i] * value[i];
            sums.rd[i] += rq * along;
            sums.qd[i] += 0.5 * qq * along;
            sums.dy[i] += qy[i] * along;
            let (new_value, new_slope) =
                (2.0 * x[i] * next_value[i] - value[i], 2.0 * next_value[i] + 2.0 * x[i] * next_slope[i] - slope[i]);
            (value[i], slope[i]) = (next_value[i], next_slope[i]);
            (next_value[i], next_slope[i]) = (new_value, new_slope);
        }
    }
    sums
}

/// Terms of a Chebyshev series of `e^{-kt}` squared over `0 ≤ k t ≤ span` that leave out less than 1e-14: the
/// coefficients fall like `(span/2)^n / n!`. `None` for a span beyond all scans.
fn terms_needed(span: f64) -> Option<usize> {
    const LEFT_OUT: f64 = 1e-14;
    const MOST: usize = 4000;
    let mut coefficient = 1.0;
    (1..MOST).find(|&n| {
        coefficient *= span / 2.0 / n as f64;
        n as f64 > span / 2.0 && coefficient < LEFT_OUT
    })
}

/// Chebyshev's polynomials at `x` and their slopes.
fn chebyshev(x: f64, values: &mut [f64], slopes: &mut [f64]) {
    let (mut value, mut slope, mut next_value, mut next_slope) = (1.0, 0.0, x, 1.0);
    for (v, s) in values.iter_mut().zip(slopes) {
        (*v, *s) = (value, slope);
        let new = (2.0 * x * next_value - value, 2.0 * next_value + 2.0 * x * next_slope - slope);
        (value, slope, next_value, next_slope) = (next_value, next_slope, new.0, new.1);
    }
}

/// `q = R ⊗ e^{-kep·t}` and `∂q/∂kep`.
fn leaked_with_slope(reference: &[f64], kep: f64, step: f64) -> (Vec<f64>, Vec<f64>) {
    let (now, change) = (ExponentialStep::new(kep, step), ExponentialStep::rate_derivative(kep, step));
    let (mut leaked, mut slope) = (vec![0.0; reference.len()], vec![0.0; reference.len()]);
    for t in 1..reference.len() {
        let (end, start) = (reference[t], reference[t - 1]);
        slope[t] = now.decay * slope[t - 1] + change.decay * leaked[t - 1] + change.end * end + change.start * start;
        leaked[t] = now.decay * leaked[t - 1] + now.end * end + now.start * start;
    }
    (leaked, slope)
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
    fn the_series_give_the_products_of_the_convolved_curves() {
        let model = model();
        let rate: Vec<Lanes> = curve(2.0, 0.05, 0.017).into_iter().map(|y| [y; LANES]).collect();
        let qy: Vec<Lanes> =
            model.curves.iter().map(|c| [c.iter().zip(&rate).map(|(c, y)| c * y[0]).sum(); LANES]).collect();
        let kep = [0.0, 0.001, 0.0049, 0.01, 0.02, 0.03333, 0.0499, 0.05];
        let (series, direct) = (series_at(&model, &qy, &kep), sums_at(&model, &rate, &kep));
        for (name, found, expected) in [
            ("rq", series.rq, direct.rq),
            ("qq", series.qq, direct.qq),
            ("qy", series.qy, direct.qy),
            ("rd", series.rd, direct.rd),
            ("qd", series.qd, direct.qd),
            ("dd", series.dd, direct.dd),
            ("dy", series.dy, direct.dy),
        ] {
            for i in 0..LANES {
                assert!((found[i] / expected[i] - 1.0).abs() < 1e-10, "{name} {} {}", found[i], expected[i]);
            }
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
        assert!((bsw.correction(one.k2) - two.correction).abs() < 1e-6);
    }

    #[test]
    fn the_correction_restores_the_area_of_the_curve_without_leakage() {
        let weights = trapezoid_weights(90, 1.5, 0..90);
        let rate = curve(2.0, 0.03, 0.02);
        let fit = model().fit(&rate);
        let corrected = dot(&weights, &rate) + fit.correction;
        assert!((corrected - 2.0 * dot(&weights, &reference())).abs() < 1e-4);
    }

    #[test]
    fn noise_moves_the_estimates_by_their_standard_errors() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(11);
        let (model, weights) = (model(), trapezoid_weights(90, 1.5, 0..90));
        let (truth, noise_free) = ((2.0, 0.06, 0.02), curve(2.0, 0.06, 0.02));
        let rcbv = 2.0 * dot(&weights, &reference());
        let mut squares = [0.0; 4];
        for _ in 0..2000 {
            let mut noise = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let rate: Vec<f64> = noise_free.iter().map(|y| y + 0.05 * noise()).collect();
            let fit = model.fit(&rate);
            for (square, (found, expected, error)) in squares.iter_mut().zip([
                (fit.k1, truth.0, fit.k1_error),
                (fit.k2, truth.1, fit.k2_error),
                (fit.kep, truth.2, fit.kep_error.expect("kep is inside its bounds")),
                (dot(&weights, &rate) + fit.correction, rcbv, fit.rcbv_error),
            ]) {
                *square += ((found - expected) / error).powi(2) / 2000.0;
            }
        }
        // mean squared deviation in units of the standard error: 1, sampling error 3 %
        assert!(squares.iter().all(|square| (square - 1.0).abs() < 0.12), "{squares:?}");
    }

    #[test]
    fn a_constant_in_the_curve_moves_rcbv_by_its_offset() {
        let (model, weights) = (model(), trapezoid_weights(90, 1.5, 0..90));
        let rate = curve(2.0, 0.06, 0.02);
        let shifted: Vec<f64> = rate.iter().map(|y| y + 1e-4).collect();
        let rcbv = |rate: &[f64]| dot(&weights, rate) + model.fit(rate).correction;
        let expected = model.fit(&rate).rcbv_offset * 1e-4;
        let found = rcbv(&shifted) - rcbv(&rate);
        assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
    }
}
