//! Convolution with a decaying exponential, exact for curves that run straight between their samples.
//!
//! `q(t) = ∫₀ᵗ f(t') e^{-k(t-t')} dt'` obeys `q_i = E q_{i-1} + a f_i + b f_{i-1}` with `E = e^{-kΔ}`,
//! `a = (1 - (1-E)/(kΔ))/k`, `b = ((1-E)/(kΔ) - E)/k` and `a = b = Δ/2` at `k = 0` (the trapezoidal rule); as in
//! Flouri, Lesnic, Mayo, MRM 2016;76:998.

/// Below this `kΔ` the closed forms lose digits and their series take over.
const SERIES_BELOW: f64 = 0.3;
/// Terms of the series: the first one left out is below 1e-16 at [`SERIES_BELOW`].
const SERIES_TERMS: usize = 14;

/// One step of the recursion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialStep {
    /// `E`: what is left of the value before.
    pub decay: f64,
    /// `a`: weight of the sample at the end of the step.
    pub end: f64,
    /// `b`: weight of the sample at its start.
    pub start: f64,
}

impl ExponentialStep {
    /// The step for a rate `k >= 0` and a length `Δ >= 0` in matching units.
    pub fn new(rate: f64, length: f64) -> Self {
        let x = rate * length;
        let decay = (-x).exp();
        if x < SERIES_BELOW {
            return Self { decay, end: length * polynomial(&END, x), start: length * polynomial(&START, x) };
        }
        let lost = -(-x).exp_m1();
        Self { decay, end: length * (x - lost) / (x * x), start: length * (lost - x * decay) / (x * x) }
    }

    /// The derivatives of the three weights by the rate.
    pub fn rate_derivative(rate: f64, length: f64) -> Self {
        let x = rate * length;
        let decay = (-x).exp();
        let square = length * length;
        let (end, start) = if x < SERIES_BELOW {
            (polynomial(&END_DERIVATIVE, x), polynomial(&START_DERIVATIVE, x))
        } else {
            let lost = -(-x).exp_m1();
            ((x * lost - 2.0 * (x - lost)) / (x * x * x), (x * x * decay - 2.0 * (lost - x * decay)) / (x * x * x))
        };
        Self { decay: -length * decay, end: square * end, start: square * start }
    }
}

/// `Σ c_n x^n` by Horner's rule.
#[inline(always)]
fn polynomial(coefficients: &[f64; SERIES_TERMS], x: f64) -> f64 {
    let mut sum = 0.0;
    for &coefficient in coefficients.iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}

/// Coefficients of `a/Δ = Σ (-x)^n/(n+2)!`, or with `start` those of `b/Δ = Σ (-x)^n (n+1)/(n+2)!`.
const fn series(start: bool) -> [f64; SERIES_TERMS] {
    let mut coefficients = [0.0; SERIES_TERMS];
    let mut term = 0.5;
    let mut n = 0;
    while n < SERIES_TERMS {
        coefficients[n] = if start { term * (n + 1) as f64 } else { term };
        term /= -((n + 3) as f64);
        n += 1;
    }
    coefficients
}

/// Coefficients of the derivative of a polynomial.
const fn derivative(coefficients: [f64; SERIES_TERMS]) -> [f64; SERIES_TERMS] {
    let mut derived = [0.0; SERIES_TERMS];
    let mut n = 1;
    while n < SERIES_TERMS {
        derived[n - 1] = n as f64 * coefficients[n];
        n += 1;
    }
    derived
}

const END: [f64; SERIES_TERMS] = series(false);
const START: [f64; SERIES_TERMS] = series(true);
const END_DERIVATIVE: [f64; SERIES_TERMS] = derivative(END);
const START_DERIVATIVE: [f64; SERIES_TERMS] = derivative(START);

/// The convolution of equally spaced samples with `e^{-rate·t}`, `rate >= 0`; its unit is that of `values` times
/// that of `step`.
pub fn convolve_exponential(values: &[f64], rate: f64, step: f64) -> Vec<f64> {
    let step = ExponentialStep::new(rate, step);
    let mut result = Vec::with_capacity(values.len());
    let (mut convolved, mut before) = (0.0, None);
    for &value in values {
        if let Some(before) = before {
            convolved = step.decay * convolved + step.end * value + step.start * before;
        }
        before = Some(value);
        result.push(convolved);
    }
    result
}

/// The same for samples at any increasing times; `None` where times and values do not match or times do not increase.
pub fn convolve_exponential_at(times: &[f64], values: &[f64], rate: f64) -> Option<Vec<f64>> {
    if times.len() != values.len() || !times.windows(2).all(|pair| pair[0] < pair[1]) {
        return None;
    }
    let mut result = vec![0.0; values.len()];
    for i in 1..values.len() {
        let step = ExponentialStep::new(rate, times[i] - times[i - 1]);
        result[i] = step.decay * result[i - 1] + step.end * values[i] + step.start * values[i - 1];
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::area::cumulative_trapezoid;

    #[test]
    fn a_constant_fills_up_as_one_minus_e() {
        let k = 0.2;
        let filled = convolve_exponential(&[3.0; 50], k, 1.5);
        for (i, value) in filled.iter().enumerate() {
            let expected = 3.0 * (1.0 - (-k * 1.5 * i as f64).exp()) / k;
            assert!((value - expected).abs() < 1e-12, "{i}: {value} {expected}");
        }
    }

    #[test]
    fn a_ramp_follows_its_closed_form_at_uneven_times() {
        // f = t: q = t/k - (1 - e^{-kt})/k²
        let times = [0.0, 0.1, 0.7, 2.0, 2.5, 9.0];
        for k in [1e-7, 0.03, 0.9] {
            let q = convolve_exponential_at(&times, &times, k).unwrap();
            for (t, value) in times.iter().zip(q) {
                let x: f64 = k * t;
                // (x - (1 - e^{-x}))/k² without the loss of digits at small x
                let expected =
                    if x < 1e-3 { t * t * (0.5 - x / 6.0 + x * x / 24.0) } else { (x + (-x).exp_m1()) / (k * k) };
                assert!((value - expected).abs() < 1e-9 * (1.0 + expected), "{k} {t}: {value} {expected}");
            }
        }
    }

    #[test]
    fn without_decay_it_is_the_running_trapezoid() {
        let values = [0.0, 1.0, 4.0, 2.0, -1.0];
        let (convolved, area) = (convolve_exponential(&values, 0.0, 0.5), cumulative_trapezoid(&values, 0.5));
        assert!(convolved.iter().zip(area).all(|(a, b)| (a - b).abs() < 1e-15));
    }

    #[test]
    fn series_and_closed_form_meet() {
        let (below, above) =
            (ExponentialStep::new(SERIES_BELOW * (1.0 - 1e-14), 1.0), ExponentialStep::new(SERIES_BELOW, 1.0));
        assert!((below.end - above.end).abs() < 1e-14 && (below.start - above.start).abs() < 1e-14);
        let below = ExponentialStep::rate_derivative(SERIES_BELOW * (1.0 - 1e-14), 1.0);
        let above = ExponentialStep::rate_derivative(SERIES_BELOW, 1.0);
        assert!((below.end - above.end).abs() < 1e-13 && (below.start - above.start).abs() < 1e-13);
    }

    #[test]
    fn the_rate_derivative_is_the_slope_of_the_weights() {
        for rate in [0.0, 0.01, 0.15, 0.5, 2.0] {
            let (h, length) = (1e-5, 1.5);
            let derivative = ExponentialStep::rate_derivative(rate, length);
            let (low, high) = (ExponentialStep::new(rate, length), ExponentialStep::new(rate + 2.0 * h, length));
            let middle = ExponentialStep::rate_derivative(rate + h, length);
            for (slope, from, to) in [
                (middle.decay, low.decay, high.decay),
                (middle.end, low.end, high.end),
                (middle.start, low.start, high.start),
            ] {
                assert!((slope - (to - from) / (2.0 * h)).abs() < 1e-8, "{rate}: {slope}");
            }
            assert!((derivative.end - middle.end).abs() < 1e-3);
        }
    }

    #[test]
    fn times_that_do_not_increase_have_no_convolution() {
        assert_eq!(convolve_exponential_at(&[0.0, 0.0], &[1.0, 1.0], 0.1), None);
        assert_eq!(convolve_exponential_at(&[0.0], &[1.0, 1.0], 0.1), None);
    }
}
