//! The gamma variate of a first passage, fitted to a curve.
//!
//! `f(t) = h x^α e^{α(1-x)}`, `x = 1 + (t - t_p)/w` with the height `h` at the time `t_p`, the rise time `w` from onset to
//! peak and the shape `α`; 0 before the onset `t_p - w`. This is the gamma variate (CAPLEX M.DM1.006) in the form of
//! Madsen (Phys Med Biol 1992;37:1597), whose parameters can be read off a curve. Recirculation and late leakage lie
//! outside it, so its area is that of the first passage alone (Thompson et al., Circ Res 1964;14:502).

use std::ops::Range;

use super::linear_fit::invert_positive;

/// Shapes from which the fit starts; the better end stands. Boluses have α of about 2 to 4.
const STARTS: [f64; 2] = [2.5, 6.0];
/// Bounds of α: below 1 the curve jumps at its onset, far above it is a Gaussian whose onset means nothing.
const SHAPE: [f64; 2] = [1.0, 40.0];
/// Bounds of the rise time, in frames.
const RISE_FRAMES: [f64; 2] = [0.3, 60.0];
/// Steps of the Levenberg-Marquardt search, and the relative change of the parameters at which it ends.
const LARGEST_STEPS: usize = 60;
const STEP_TOLERANCE: f64 = 1e-10;
/// Fewest frames of a fit: four parameters and two degrees of freedom.
const FEWEST_FRAMES: usize = 6;
/// Fewest frames of them above half the peak: fewer tell no shape.
const FEWEST_HIGH_FRAMES: usize = 2;

/// A gamma variate; times in s from the first sample of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaVariate {
    /// Largest value, in the unit of the curve.
    pub height: f64,
    /// Time of the largest value, s.
    pub peak_time: f64,
    /// Time from onset to peak, s.
    pub rise: f64,
    /// Shape α.
    pub shape: f64,
}

impl GammaVariate {
    /// The value at a time, s.
    pub fn value(&self, time: f64) -> f64 {
        let x = 1.0 + (time - self.peak_time) / self.rise;
        if x <= 0.0 { 0.0 } else { self.height * (self.shape * (x.ln() + 1.0 - x)).exp() }
    }

    /// Onset, s.
    pub fn onset(&self) -> f64 {
        self.peak_time - self.rise
    }

    /// The whole area: `h w e^α Γ(α+1)/α^{α+1}`.
    pub fn area(&self) -> f64 {
        self.height * self.rise * self.log_form().exp()
    }

    /// `ln(e^α Γ(α+1)/α^{α+1})`.
    fn log_form(&self) -> f64 {
        self.shape + ln_gamma(self.shape + 1.0) - (self.shape + 1.0) * self.shape.ln()
    }

    /// Derivatives of the area by height, peak time, rise and shape.
    fn area_gradient(&self) -> [f64; 4] {
        let area = self.area();
        // d/dα of the logarithm: 1 + ψ(α+1) - ln α - (α+1)/α = ψ(α+1) - ln α - 1/α
        let by_shape = digamma(self.shape + 1.0) - self.shape.ln() - 1.0 / self.shape;
        [area / self.height, 0.0, area / self.rise, area * by_shape]
    }

    /// Value and derivatives by height, peak time, rise and shape.
    fn gradient(&self, time: f64) -> (f64, [f64; 4]) {
        let x = 1.0 + (time - self.peak_time) / self.rise;
        if x <= 0.0 {
            return (0.0, [0.0; 4]);
        }
        let log = x.ln() + 1.0 - x;
        let form = (self.shape * log).exp();
        let value = self.height * form;
        let by_x = value * self.shape * (1.0 / x - 1.0);
        (value, [form, -by_x / self.rise, by_x * (1.0 - x) / self.rise, value * log])
    }
}

/// The fit of one curve. Errors are `σ √(JᵀJ)⁻¹`; frames are taken as independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaVariateFit {
    /// The curve.
    pub curve: GammaVariate,
    /// Standard errors of height, peak time, rise and shape; NaN where a parameter lies at its bound.
    pub errors: [f64; 4],
    /// Area of the whole curve.
    pub area: f64,
    /// Its standard error; NaN where a parameter lies at its bound.
    pub area_error: f64,
    /// What a constant error of the curve (that of its baseline) adds to the area, s.
    pub area_offset: f64,
    /// Residual standard deviation (n - 4).
    pub residual: f64,
    /// Frames that were fitted, from the first one on.
    pub frames: usize,
}

/// Which frames hold the first passage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirstPassFrames {
    /// Frames among which the peak is looked for: from the arrival over the longest rise.
    pub peak: (usize, usize),
    /// The passage ends at the first frame after its peak that lies below this fraction of it.
    pub end_fraction: f64,
    /// It must end within so many frames after its peak.
    pub fall: usize,
}

impl FirstPassFrames {
    /// The frames to fit (all before the passage, and it), and the frame of the peak; `None` without a positive peak.
    ///
    /// METHOD: a curve that stays up after its peak, as where the tracer leaks and shortens T2*, has no passage that ends:
    /// a gamma variate would be drawn on beyond the series and its area made up, so there is none.
    fn find(&self, values: &[f64]) -> Option<(Range<usize>, usize)> {
        let window = self.peak.0.min(values.len())..self.peak.1.min(values.len());
        let peak = window.reduce(|best, frame| if values[frame] > values[best] { frame } else { best })?;
        let height = values[peak];
        if height.is_nan() || height <= 0.0 {
            return None;
        }
        let after = &values[peak..(peak + 1 + self.fall).min(values.len())];
        let end = after.iter().position(|&value| value < self.end_fraction * height)?;
        Some((0..peak + end, peak))
    }
}

/// Fits a gamma variate to the first passage of a curve sampled every `step` seconds, by Levenberg-Marquardt on the
/// frames before and during the passage.
///
/// `None` where no positive peak stands in the window, or too few frames hold the passage: nothing is invented there.
pub fn fit_gamma_variate(values: &[f64], step: f64, frames: FirstPassFrames) -> Option<GammaVariateFit> {
    let (range, peak) = frames.find(values)?;
    let used = &values[range];
    let height = used[peak];
    let high = used.iter().filter(|&&value| value > height / 2.0).count();
    if used.len() < FEWEST_FRAMES || high < FEWEST_HIGH_FRAMES || used.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // Half the height on the way up, by linear interpolation.
    let before = (1..=peak).rev().find(|&frame| used[frame - 1] < height / 2.0)?;
    let half = before as f64 - (used[before] - height / 2.0) / (used[before] - used[before - 1]);
    let half_rise = (peak as f64 - half).max(0.5) * step;
    let bounds = Bounds { rise: RISE_FRAMES.map(|frames| frames * step) };
    let mut best: Option<(f64, GammaVariate)> = None;
    for shape in STARTS {
        let rise = half_rise / (1.0 - half_place(shape));
        let start = GammaVariate { height, peak_time: peak as f64 * step, rise, shape };
        let found = descend(used, step, bounds.within(start), &bounds);
        if best.is_none_or(|(squares, _)| found.0 < squares) {
            best = Some(found);
        }
    }
    let (squares, curve) = best?;
    Some(finish(used, step, curve, squares, &bounds))
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    rise: [f64; 2],
}

impl Bounds {
    fn within(&self, curve: GammaVariate) -> GammaVariate {
        GammaVariate {
            rise: curve.rise.clamp(self.rise[0], self.rise[1]),
            shape: curve.shape.clamp(SHAPE[0], SHAPE[1]),
            ..curve
        }
    }

    fn touched(&self, curve: &GammaVariate) -> bool {
        let at = |value: f64, [low, high]: [f64; 2]| value <= low || value >= high;
        at(curve.rise, self.rise) || at(curve.shape, SHAPE)
    }
}

/// Where on the way up (0 onset, 1 peak) the curve of a shape has half its height: `x - ln x = 1 + ln 2/α`, by Newton.
fn half_place(shape: f64) -> f64 {
    let wanted = 1.0 + std::f64::consts::LN_2 / shape;
    let mut x: f64 = 0.3;
    for _ in 0..20 {
        x = (x - (x - x.ln() - wanted) / (1.0 - 1.0 / x)).clamp(1e-3, 0.999);
    }
    x
}

fn squares(values: &[f64], step: f64, curve: &GammaVariate) -> f64 {
    values.iter().enumerate().map(|(i, value)| (value - curve.value(i as f64 * step)).powi(2)).sum()
}

/// Normal matrix and gradient at a curve.
fn normal(values: &[f64], step: f64, curve: &GammaVariate) -> ([[f64; 4]; 4], [f64; 4]) {
    let (mut matrix, mut right) = ([[0.0; 4]; 4], [0.0; 4]);
    for (i, value) in values.iter().enumerate() {
        let (model, slope) = curve.gradient(i as f64 * step);
        for ((row, right), by_row) in matrix.iter_mut().zip(&mut right).zip(slope) {
            *right += by_row * (value - model);
            for (element, by_column) in row.iter_mut().zip(slope) {
                *element += by_row * by_column;
            }
        }
    }
    (matrix, right)
}

/// Levenberg-Marquardt (Marquardt 1963) from a start, within the bounds.
fn descend(values: &[f64], step: f64, start: GammaVariate, bounds: &Bounds) -> (f64, GammaVariate) {
    let mut curve = start;
    let mut best = squares(values, step, &curve);
    let mut damping = 1e-3;
    for _ in 0..LARGEST_STEPS {
        let (matrix, right) = normal(values, step, &curve);
        let mut moved = None;
        // Damping rises until a step lowers the squares.
        for _ in 0..12 {
            let mut damped = matrix;
            for (i, row) in damped.iter_mut().enumerate() {
                row[i] *= 1.0 + damping;
            }
            let Some(inverse) = scaled_inverse(&damped) else {
                damping *= 10.0;
                continue;
            };
            let change: [f64; 4] = std::array::from_fn(|i| (0..4).map(|j| inverse[i][j] * right[j]).sum());
            let next = bounds.within(GammaVariate {
                height: curve.height + change[0],
                peak_time: curve.peak_time + change[1],
                rise: curve.rise + change[2],
                shape: curve.shape + change[3],
            });
            let found = squares(values, step, &next);
            if found < best {
                moved = Some((found, next));
                damping = (damping * 0.2).max(1e-12);
                break;
            }
            damping *= 10.0;
        }
        let Some((found, next)) = moved else { break };
        let relative = |a: f64, b: f64, size: f64| (a - b).abs() / size.abs().max(f64::MIN_POSITIVE);
        let change = relative(next.height, curve.height, next.height)
            .max(relative(next.peak_time, curve.peak_time, step))
            .max(relative(next.rise, curve.rise, next.rise))
            .max(relative(next.shape, curve.shape, next.shape));
        (best, curve) = (found, next);
        if change < STEP_TOLERANCE {
            break;
        }
    }
    (best, curve)
}

/// The inverse of a normal matrix, scaled to a unit diagonal before it is inverted.
fn scaled_inverse(matrix: &[[f64; 4]; 4]) -> Option<[[f64; 4]; 4]> {
    let scale: [f64; 4] = std::array::from_fn(|i| matrix[i][i].sqrt());
    if scale.iter().any(|scale| !scale.is_finite() || *scale == 0.0) {
        return None;
    }
    let unit = std::array::from_fn(|i| std::array::from_fn(|j| matrix[i][j] / (scale[i] * scale[j])));
    let inverse = invert_positive::<4>(unit)?;
    Some(std::array::from_fn(|i| std::array::from_fn(|j| inverse[i][j] / (scale[i] * scale[j]))))
}

fn finish(values: &[f64], step: f64, curve: GammaVariate, squares: f64, bounds: &Bounds) -> GammaVariateFit {
    let residual = (squares / (values.len() - 4) as f64).sqrt();
    let (matrix, _) = normal(values, step, &curve);
    let area = curve.area();
    let mut fit = GammaVariateFit {
        curve,
        errors: [f64::NAN; 4],
        area,
        area_error: f64::NAN,
        area_offset: f64::NAN,
        residual,
        frames: values.len(),
    };
    if bounds.touched(&curve) {
        return fit;
    }
    let Some(inverse) = scaled_inverse(&matrix) else { return fit };
    let gradient = curve.area_gradient();
    let along: [f64; 4] = std::array::from_fn(|i| (0..4).map(|j| inverse[i][j] * gradient[j]).sum());
    let variance: f64 = (0..4).map(|i| gradient[i] * along[i]).sum();
    let mut ones = [0.0; 4];
    for frame in 0..values.len() {
        let (_, slope) = curve.gradient(frame as f64 * step);
        ones.iter_mut().zip(slope).for_each(|(sum, slope)| *sum += slope);
    }
    fit.errors = std::array::from_fn(|i| residual * inverse[i][i].sqrt());
    fit.area_error = residual * variance.sqrt();
    fit.area_offset = (0..4).map(|i| along[i] * ones[i]).sum();
    fit
}

/// `ln Γ(x)` for x of at least 1: Stirling's series (Abramowitz & Stegun 6.1.41) after shifting x above 10.
fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 10.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let square = 1.0 / (shifted * shifted);
    let series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / shifted;
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * std::f64::consts::TAU.ln() + series - f64::ln(product)
}

/// `ψ(x) = d ln Γ/dx` for x of at least 1 (Abramowitz & Stegun 6.3.18), shifted the same way.
fn digamma(x: f64) -> f64 {
    let (mut shifted, mut sum) = (x, 0.0);
    while shifted < 10.0 {
        sum += 1.0 / shifted;
        shifted += 1.0;
    }
    let square = 1.0 / (shifted * shifted);
    shifted.ln() - 0.5 / shifted - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0)) - sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f64 = 1.5;
    const FRAMES: FirstPassFrames = FirstPassFrames { peak: (10, 60), end_fraction: 0.3, fall: 20 };

    fn sampled(curve: &GammaVariate) -> Vec<f64> {
        (0..90).map(|i| curve.value(f64::from(i) * STEP)).collect()
    }

    #[test]
    fn gamma_functions_have_their_known_values() {
        // Γ(5) = 24, Γ(1/2 + 3) = 15√π/8, ψ(1) = -γ
        assert!((ln_gamma(5.0) - 24f64.ln()).abs() < 1e-12);
        assert!((ln_gamma(3.5) - (15.0 * std::f64::consts::PI.sqrt() / 8.0).ln()).abs() < 1e-12);
        assert!((digamma(1.0) + 0.577_215_664_901_532_9).abs() < 1e-9);
    }

    #[test]
    fn the_area_is_the_integral() {
        let curve = GammaVariate { height: 8.0, peak_time: 36.0, rise: 6.0, shape: 3.0 };
        let fine = 1e-3;
        let sum: f64 = (0..200_000).map(|i| fine * curve.value(f64::from(i) * fine)).sum();
        assert!((curve.area() / sum - 1.0).abs() < 1e-6, "{} {sum}", curve.area());
        // 8 · 6 · e³ Γ(4)/3⁴ = 48 · 20.085537 · 6/81
        assert!((curve.area() - 48.0 * 20.085_536_923_187_668 * 6.0 / 81.0).abs() < 1e-9);
    }

    #[test]
    fn curves_of_the_model_give_their_parameters_back() {
        for (height, peak_time, rise, shape) in
            [(8.0, 36.0, 6.0, 3.0), (0.7, 40.3, 9.2, 1.7), (42.0, 34.5, 4.5, 3.0), (3.0, 38.0, 12.0, 6.5)]
        {
            let truth = GammaVariate { height, peak_time, rise, shape };
            let fit = fit_gamma_variate(&sampled(&truth), STEP, FRAMES).unwrap();
            let found = fit.curve;
            for (found, truth) in [
                (found.height, height),
                (found.peak_time, peak_time),
                (found.rise, rise),
                (found.shape, shape),
                (fit.area, truth.area()),
            ] {
                assert!((found - truth).abs() < 1e-6 * truth.abs().max(1.0), "{fit:?} {truth}");
            }
            assert!(fit.residual < 1e-7, "{fit:?}");
        }
    }

    #[test]
    fn noise_moves_the_area_by_its_standard_error() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(21);
        let truth = GammaVariate { height: 8.0, peak_time: 36.0, rise: 7.0, shape: 3.0 };
        let clean = sampled(&truth);
        let (trials, mut squares) = (1000, 0.0);
        for _ in 0..trials {
            let mut noise = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let curve: Vec<f64> = clean.iter().map(|y| y + 0.1 * noise()).collect();
            let fit = fit_gamma_variate(&curve, STEP, FRAMES).unwrap();
            squares += ((fit.area - truth.area()) / fit.area_error).powi(2) / f64::from(trials);
        }
        // mean squared deviation in units of the standard error: 1; sampling error 4.5 %
        assert!((squares - 1.0).abs() < 0.15, "{squares}");
    }

    #[test]
    fn a_second_passage_and_late_leakage_stay_out() {
        let first = GammaVariate { height: 8.0, peak_time: 36.0, rise: 6.0, shape: 3.0 };
        let second = GammaVariate { height: 1.5, peak_time: 66.0, rise: 18.0, shape: 3.0 };
        let curve: Vec<f64> = sampled(&first).iter().zip(sampled(&second)).map(|(a, b)| a + b).collect();
        let fit = fit_gamma_variate(&curve, STEP, FRAMES).unwrap();
        assert!((fit.area / first.area() - 1.0).abs() < 0.02, "{} {}", fit.area, first.area());
    }

    #[test]
    fn a_constant_in_the_curve_moves_the_area_by_its_offset() {
        let curve = sampled(&GammaVariate { height: 8.0, peak_time: 36.0, rise: 6.0, shape: 3.0 });
        let shifted: Vec<f64> = curve.iter().map(|y| y + 1e-4).collect();
        let (one, two) =
            (fit_gamma_variate(&curve, STEP, FRAMES).unwrap(), fit_gamma_variate(&shifted, STEP, FRAMES).unwrap());
        let expected = 1e-4 * one.area_offset;
        assert!(((two.area - one.area) / expected - 1.0).abs() < 0.02, "{} {expected}", two.area - one.area);
    }

    #[test]
    fn without_a_peak_there_is_no_passage() {
        assert!(fit_gamma_variate(&[0.0; 40], STEP, FRAMES).is_none());
        assert!(fit_gamma_variate(&[-1.0; 40], STEP, FRAMES).is_none());
        let mut spike = vec![0.0; 40];
        spike[20] = 5.0;
        assert!(fit_gamma_variate(&spike, STEP, FRAMES).is_none(), "one frame tells no shape");
        let mut plateau = sampled(&GammaVariate { height: 8.0, peak_time: 36.0, rise: 6.0, shape: 3.0 });
        plateau[25..].iter_mut().for_each(|value| *value += 4.0);
        assert!(fit_gamma_variate(&plateau, STEP, FRAMES).is_none(), "a curve that stays up has no end");
    }
}
