//! Fits of a tracer-kinetic model to tissue curves.
//!
//! A linear solution (Murase K, MRM 2004;51:858; Flouri D, Lesnic D, Mayo SP, MRM 2016;76:998) starts a
//! Levenberg-Marquardt search between bounds. Curves are taken as straight between frames at any increasing times.
//! AICc: Burnham KP, Anderson DR, Sociol Methods Res 2004;33:261.

use super::aif::PlasmaCurve;
use super::model::{Model, Parameters, QUANTITIES, Quantity};
use super::settings::{Bounds, FitSettings};
use crate::curve::exponential::ExponentialStep;
use crate::curve::levenberg_marquardt::{Minimum, Sums, minimize, solve};

/// From 1/s to mL/100mL/min, and from 1/s to 1/min: the printed units of the quantities.
const PRINTED: Parameters = [6000.0, 60.0, 1.0, 1.0, 1.0];
const DELAY: usize = Quantity::Delay as usize;
/// Volumes that a model divides by, and flows, do not reach 0.
const SMALLEST_VOLUME: f64 = 1e-4;
const SMALLEST_FLOW_PER_S: f64 = 1e-6;
/// Delays that are tried before the search.
const DELAYS_TRIED: usize = 41;
/// Frame steps that differ by less than this share are the same.
const SAME_STEP: f64 = 1e-9;

closed_words! {
    /// How a fit ended.
    pub enum Outcome: "fit outcome" {
        /// At a minimum.
        Fitted = "fitted",
        /// At a minimum on a bound: the parameter there has no error.
        AtBound = "at-bound",
        /// The search did not end: nothing is estimated.
        NotConverged = "not-converged",
        /// A value of the curve is missing: nothing is estimated.
        NotFinite = "not-finite",
    }
}

impl Outcome {
    /// The number in a failure mask: 0 fitted, 1 at a bound, 2 not converged, 3 not finite.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fitted => 0,
            Self::AtBound => 1,
            Self::NotConverged => 2,
            Self::NotFinite => 3,
        }
    }
}

/// The fit of one curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KineticFit {
    /// Values in the order of [`Quantity`]: mL/100mL/min, 1/min, 1, 1, s. NaN where the model lacks one or failed.
    pub values: Parameters,
    /// Their standard errors; NaN on a bound.
    pub errors: Parameters,
    /// Ktrans, 1/min; NaN for a model without it.
    pub transfer_constant: f64,
    /// Coefficient of determination.
    pub r_squared: f64,
    /// Residual standard deviation, in the unit of the curve.
    pub residual: f64,
    /// Corrected Akaike information criterion; smaller is better.
    pub aicc: f64,
    /// How it ended.
    pub outcome: Outcome,
}

impl KineticFit {
    /// One quantity.
    pub fn value(&self, quantity: Quantity) -> f64 {
        self.values[quantity as usize]
    }

    /// Its standard error.
    pub fn error(&self, quantity: Quantity) -> f64 {
        self.errors[quantity as usize]
    }

    const fn failed(outcome: Outcome) -> Self {
        Self {
            values: [f64::NAN; QUANTITIES],
            errors: [f64::NAN; QUANTITIES],
            transfer_constant: f64::NAN,
            r_squared: f64::NAN,
            residual: f64::NAN,
            aicc: f64::NAN,
            outcome,
        }
    }
}

/// A model with its plasma curve at the frames of a series, ready for any number of tissue curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Kinetics {
    model: Model,
    plasma: PlasmaCurve,
    times: Vec<f64>,
    steps: Vec<f64>,
    undelayed: Input,
    low: Parameters,
    high: Parameters,
    start: Parameters,
}

/// The plasma curve at the frames, its slope by the delay, and its running integrals.
#[derive(Debug, Clone, PartialEq, Default)]
struct Input {
    values: Vec<f64>,
    by_delay: Vec<f64>,
    once: Vec<f64>,
    twice: Vec<f64>,
}

/// Memory that fits of one thread share.
#[derive(Debug, Clone, Default)]
pub struct FitScratch {
    input: Input,
    once: Vec<f64>,
    twice: Vec<f64>,
}

impl Kinetics {
    /// Prepares a model for frames at `times` (s, increasing). The delay is fitted within its bounds, or 0. `None` where
    /// the times do not increase or are no more than the parameters.
    pub fn new(
        model: Model,
        plasma: &PlasmaCurve,
        times: &[f64],
        fit_delay: bool,
        settings: &FitSettings,
    ) -> Option<Self> {
        let parameters = model.quantities().len() + usize::from(fit_delay);
        if times.len() <= parameters + 1 || !times.windows(2).all(|pair| pair[0] < pair[1]) {
            return None;
        }
        let mut steps = vec![0.0; times.len()];
        for frame in 1..times.len() {
            let step = times[frame] - times[frame - 1];
            let before = steps[frame - 1];
            // Rounding of the times must not hide that the frames are equally spaced.
            steps[frame] = if (step - before).abs() <= SAME_STEP * step { before } else { step };
        }
        let (mut low, mut high, mut start) = ([0.0; QUANTITIES], [0.0; QUANTITIES], [0.0; QUANTITIES]);
        let mut bound = |quantity: Quantity, bounds: &Bounds| {
            let at = quantity as usize;
            (low[at], high[at], start[at]) =
                (bounds.low / PRINTED[at], bounds.high / PRINTED[at], bounds.start / PRINTED[at]);
        };
        for &quantity in model.quantities() {
            bound(quantity, settings.bounds(quantity));
        }
        if fit_delay {
            bound(Quantity::Delay, settings.bounds(Quantity::Delay));
        }
        for quantity in model.quantities() {
            let at = *quantity as usize;
            let divided = match quantity {
                Quantity::PlasmaFlow => Some(SMALLEST_FLOW_PER_S),
                Quantity::InterstitialVolume => Some(SMALLEST_VOLUME),
                Quantity::PlasmaVolume if matches!(model, Model::Uptake | Model::Exchange) => Some(SMALLEST_VOLUME),
                Quantity::PlasmaVolume | Quantity::Exchange | Quantity::Delay => None,
            };
            low[at] = divided.map_or(low[at], |smallest| low[at].max(smallest));
        }
        let mut undelayed = Input::default();
        undelayed.fill(plasma, times, 0.0);
        Some(Self { model, plasma: plasma.clone(), times: times.to_vec(), steps, undelayed, low, high, start })
    }

    /// The model.
    pub fn model(&self) -> Model {
        self.model
    }

    /// The model's curve at the frames, for values in printed units.
    pub fn curve(&self, values: &Parameters) -> Vec<f64> {
        let parameters = std::array::from_fn(|i| if values[i].is_nan() { 0.0 } else { values[i] / PRINTED[i] });
        let mut input = Input::default();
        input.fill(&self.plasma, &self.times, parameters[DELAY]);
        let mut curve = Vec::with_capacity(self.times.len());
        self.evaluate(&parameters, &input, |_, value, _| curve.push(value));
        curve
    }

    /// Fits one curve: concentration in mM at the frames.
    ///
    /// # Panics
    /// When the curve has another length.
    pub fn fit(&self, tissue: &[f64], scratch: &mut FitScratch) -> KineticFit {
        assert_eq!(tissue.len(), self.times.len(), "a curve has one value per frame");
        if tissue.iter().any(|value| !value.is_finite()) {
            return KineticFit::failed(Outcome::NotFinite);
        }
        running_integral(&self.times, tissue, &mut scratch.once);
        running_integral(&self.times, &scratch.once, &mut scratch.twice);
        let starts = self.starts(tissue, scratch);
        let mut best: Option<Minimum<QUANTITIES>> = None;
        for start in starts.into_iter().flatten() {
            let found = self.search(tissue, start, &mut scratch.input);
            if let Some(found) = found
                && best.is_none_or(|best| found.squares < best.squares)
            {
                best = Some(found);
            }
        }
        match best {
            Some(found) if found.converged => self.finish(tissue, &found),
            _ => KineticFit::failed(Outcome::NotConverged),
        }
    }

    /// Whether a quantity (its place in [`Parameters`], in printed units) stands on its upper bound.
    pub fn is_highest(&self, quantity: usize, value: f64) -> bool {
        self.low[quantity] < self.high[quantity] && value >= self.high[quantity] * PRINTED[quantity] * (1.0 - 1e-9)
    }

    /// Whether the delay is fitted.
    pub fn fits_delay(&self) -> bool {
        self.low[DELAY] < self.high[DELAY]
    }

    /// METHOD: where the linear solution is possible it starts the Tofts and Patlak models, whose sum of squares has one
    /// basin; the two-compartment models, whose linear solution is fragile, also start from the settings' values.
    fn starts(&self, tissue: &[f64], scratch: &mut FitScratch) -> [Option<Parameters>; 2] {
        let FitScratch { input, once, twice } = scratch;
        if !self.fits_delay() {
            let linear = self.linear(tissue, once, twice, &self.undelayed);
            let given = matches!(self.model, Model::Uptake | Model::Exchange) || linear.is_none();
            return [linear, given.then_some(self.start)];
        }
        let mut best: Option<(f64, Parameters)> = None;
        for i in 0..DELAYS_TRIED {
            let share = i as f64 / (DELAYS_TRIED - 1) as f64;
            let delay = self.low[DELAY] + share * (self.high[DELAY] - self.low[DELAY]);
            input.fill(&self.plasma, &self.times, delay);
            for start in [self.linear(tissue, once, twice, input), Some(self.start)].into_iter().flatten() {
                let mut start = start;
                start[DELAY] = delay;
                let mut squares = 0.0;
                self.evaluate(&start, input, |frame, value, _| squares += (tissue[frame] - value).powi(2));
                if best.is_none_or(|(least, _)| squares < least) {
                    best = Some((squares, start));
                }
            }
        }
        let mut given = self.start;
        given[DELAY] = best.map_or(0.0, |(_, start)| start[DELAY]);
        let two = matches!(self.model, Model::Uptake | Model::Exchange);
        [best.map(|(_, start)| start), two.then_some(given)]
    }

    /// The linear solution, inside the bounds; `None` where it is not possible.
    fn linear(&self, tissue: &[f64], once: &[f64], twice: &[f64], input: &Input) -> Option<Parameters> {
        let mut parameters = [0.0; QUANTITIES];
        let [flow, exchange, interstitium, plasma, _] = &mut parameters;
        match self.model {
            Model::Tofts => {
                let [ktrans, kep] = normal([&input.once, once], [1.0, -1.0], tissue)?;
                (*exchange, *interstitium) = (ktrans, ktrans / kep);
            }
            Model::ExtendedTofts => {
                let [sum, kep, vp] = normal([&input.once, once, &input.values], [1.0, -1.0, 1.0], tissue)?;
                let ktrans = sum - kep * vp;
                (*exchange, *interstitium, *plasma) = (ktrans, ktrans / kep, vp);
            }
            Model::Patlak => {
                [*exchange, *plasma] = normal([&input.once, &input.values], [1.0; 2], tissue)?;
            }
            Model::Uptake => {
                // C = -k∫C + Fp∫Cp + k Ktrans ∫∫Cp
                let [fp, k, product] = normal([&input.once, once, &input.twice], [1.0, -1.0, 1.0], tissue)?;
                let ktrans = product / k;
                let ps = ktrans * fp / (fp - ktrans);
                (*flow, *exchange, *plasma) = (fp, ps, (fp + ps) / k);
            }
            Model::Exchange => {
                // C = -α∫C - β∫∫C + Fp∫Cp + γ∫∫Cp with α = σ₊ + σ₋, β = σ₊σ₋, γ = β(vp + ve), Fp/vp = α - γ/Fp
                let [fp, alpha, gamma, beta] =
                    normal([&input.once, once, &input.twice, twice], [1.0, -1.0, 1.0, -1.0], tissue)?;
                let vp = fp / (alpha - gamma / fp);
                let ve = gamma / beta - vp;
                (*flow, *exchange, *interstitium, *plasma) = (fp, beta * vp * ve / fp, ve, vp);
            }
        }
        let possible = self.model.quantities().iter().all(|&quantity| {
            let value = parameters[quantity as usize];
            value.is_finite() && value > 0.0
        });
        possible.then(|| std::array::from_fn(|i| parameters[i].clamp(self.low[i], self.high[i])))
    }

    fn search(&self, tissue: &[f64], start: Parameters, shifted: &mut Input) -> Option<Minimum<QUANTITIES>> {
        if !self.fits_delay() {
            return minimize(start, self.low, self.high, |parameters, sums| {
                self.look(tissue, parameters, &self.undelayed, sums);
            });
        }
        minimize(start, self.low, self.high, |parameters, sums| {
            shifted.shift(&self.plasma, &self.times, parameters[DELAY]);
            self.look(tissue, parameters, shifted, sums);
        })
    }

    fn look(&self, tissue: &[f64], parameters: &Parameters, input: &Input, sums: &mut Sums<QUANTITIES>) {
        self.evaluate(parameters, input, |frame, value, derivatives| sums.add(tissue[frame] - value, derivatives));
    }

    /// The model and its derivatives at every frame.
    #[inline(always)]
    fn evaluate(&self, parameters: &Parameters, input: &Input, mut take: impl FnMut(usize, f64, &Parameters)) {
        let response = self.model.response(parameters);
        let terms = &response.terms[..response.count];
        let plasma = &response.plasma;
        let still = ExponentialStep { decay: 0.0, end: 0.0, start: 0.0 };
        let (mut steps, mut slopes, mut length) = ([still; 2], [still; 2], f64::NAN);
        // Convolved with each exponential: the plasma curve, its derivatives by the rate and by the delay.
        let (mut convolved, mut by_rate, mut by_delay) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        for frame in 0..self.steps.len() {
            let (value, moved) = (input.values[frame], input.by_delay[frame]);
            if frame > 0 {
                if self.steps[frame] != length {
                    length = self.steps[frame];
                    for (j, [_, rate]) in terms.iter().enumerate() {
                        steps[j] = ExponentialStep::new(rate.value, length);
                        slopes[j] = ExponentialStep::rate_derivative(rate.value, length);
                    }
                }
                let (before, moved_before) = (input.values[frame - 1], input.by_delay[frame - 1]);
                for j in 0..terms.len() {
                    let (step, slope) = (&steps[j], &slopes[j]);
                    by_rate[j] =
                        step.decay * by_rate[j] + slope.decay * convolved[j] + slope.end * value + slope.start * before;
                    by_delay[j] = step.decay * by_delay[j] + step.end * moved + step.start * moved_before;
                    convolved[j] = step.decay * convolved[j] + step.end * value + step.start * before;
                }
            }
            let mut model = plasma.value * value;
            let mut derivatives = plasma.by.map(|by| by * value);
            derivatives[DELAY] = plasma.value * moved;
            for (j, [amplitude, rate]) in terms.iter().enumerate() {
                model += amplitude.value * convolved[j];
                let through_rate = amplitude.value * by_rate[j];
                for i in 0..DELAY {
                    derivatives[i] += amplitude.by[i] * convolved[j] + through_rate * rate.by[i];
                }
                derivatives[DELAY] += amplitude.value * by_delay[j];
            }
            take(frame, model, &derivatives);
        }
    }

    fn finish(&self, tissue: &[f64], found: &Minimum<QUANTITIES>) -> KineticFit {
        let samples = tissue.len() as f64;
        let mean = tissue.iter().sum::<f64>() / samples;
        let total: f64 = tissue.iter().map(|value| (value - mean).powi(2)).sum();
        let fitted = self.model.quantities().len() + usize::from(self.fits_delay());
        let known = |at: usize| {
            self.model.quantities().iter().any(|&quantity| quantity as usize == at)
                || (at == DELAY && self.fits_delay())
        };
        let errors = found.standard_errors(tissue.len());
        // AICc counts the variance of the noise as a parameter.
        let count = (fitted + 1) as f64;
        KineticFit {
            values: std::array::from_fn(|i| if known(i) { found.parameters[i] * PRINTED[i] } else { f64::NAN }),
            errors: std::array::from_fn(|i| errors[i].map_or(f64::NAN, |error| error * PRINTED[i])),
            transfer_constant: self.model.transfer_constant(&found.parameters).map_or(f64::NAN, |rate| 60.0 * rate),
            r_squared: 1.0 - found.squares / total,
            residual: (found.squares / (samples - fitted as f64)).sqrt(),
            aicc: samples * (found.squares / samples).ln()
                + 2.0 * count
                + 2.0 * count * (count + 1.0) / (samples - count - 1.0),
            outcome: if found.at_bound.contains(&true) { Outcome::AtBound } else { Outcome::Fitted },
        }
    }
}

impl Input {
    /// The plasma curve, later by `delay`, with its integrals.
    fn fill(&mut self, plasma: &PlasmaCurve, times: &[f64], delay: f64) {
        self.shift(plasma, times, delay);
        running_integral(times, &self.values, &mut self.once);
        running_integral(times, &self.once, &mut self.twice);
    }

    fn shift(&mut self, plasma: &PlasmaCurve, times: &[f64], delay: f64) {
        self.values.clear();
        self.by_delay.clear();
        for &time in times {
            let (value, slope) = plasma.at(time - delay);
            self.values.push(value);
            self.by_delay.push(-slope);
        }
    }
}

/// Area from the first time to each time, by the trapezoidal rule.
fn running_integral(times: &[f64], values: &[f64], areas: &mut Vec<f64>) {
    areas.clear();
    let mut area = 0.0;
    for frame in 0..times.len() {
        if frame > 0 {
            area += (times[frame] - times[frame - 1]) * (values[frame - 1] + values[frame]) / 2.0;
        }
        areas.push(area);
    }
}

/// Least squares of `values` on signed columns.
fn normal<const N: usize>(columns: [&[f64]; N], signs: [f64; N], values: &[f64]) -> Option<[f64; N]> {
    let (mut matrix, mut right) = ([[0.0; N]; N], [0.0; N]);
    for frame in 0..values.len() {
        let row: [f64; N] = std::array::from_fn(|i| signs[i] * columns[i][frame]);
        for i in 0..N {
            right[i] += row[i] * values[frame];
            for j in 0..N {
                matrix[i][j] += row[i] * row[j];
            }
        }
    }
    solve(&matrix, &right, &[true; N])
}

/// The fits of several models to one curve, the best by AICc first; fits that failed are last.
pub fn ranked_fits(
    models: &[Model],
    plasma: &PlasmaCurve,
    times: &[f64],
    tissue: &[f64],
    fit_delay: bool,
    settings: &FitSettings,
) -> Vec<(Model, KineticFit)> {
    let mut scratch = FitScratch::default();
    let mut fits: Vec<(Model, KineticFit)> = models
        .iter()
        .filter_map(|&model| {
            Some((model, Kinetics::new(model, plasma, times, fit_delay, settings)?.fit(tissue, &mut scratch)))
        })
        .collect();
    // NaN sorts last by `total_cmp`; equal criteria keep the order of the models.
    fits.sort_by(|(_, a), (_, b)| a.aicc.total_cmp(&b.aicc));
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dce::aif::Population;
    use crate::settings::default_section;

    const NAN: f64 = f64::NAN;

    fn settings() -> FitSettings {
        default_section::<crate::dce::Settings>("dce").fit
    }

    fn frames() -> Vec<f64> {
        // Uneven: quick over the bolus, slow after it.
        (0..40).map(|i| 1.5 * f64::from(i)).chain((1..30).map(|i| 58.5 + 8.0 * f64::from(i))).collect()
    }

    fn plasma(times: &[f64]) -> PlasmaCurve {
        PlasmaCurve::of_population(Population::Parker, times, 12.0, 0.42).unwrap()
    }

    fn truth(model: Model) -> Parameters {
        match model {
            Model::Tofts => [NAN, 0.15, 0.25, NAN, NAN],
            Model::ExtendedTofts => [NAN, 0.15, 0.25, 0.04, NAN],
            Model::Patlak => [NAN, 0.02, NAN, 0.05, NAN],
            Model::Uptake => [30.0, 0.02, NAN, 0.05, NAN],
            Model::Exchange => [30.0, 0.08, 0.2, 0.05, NAN],
        }
    }

    #[test]
    fn every_model_comes_back_from_its_own_curve_at_uneven_times() {
        let times = frames();
        for &model in Model::ALL {
            let kinetics = Kinetics::new(model, &plasma(&times), &times, false, &settings()).unwrap();
            let fit = kinetics.fit(&kinetics.curve(&truth(model)), &mut FitScratch::default());
            for (found, expected) in fit.values.iter().zip(truth(model)) {
                assert_eq!(found.is_nan(), expected.is_nan(), "{model} {fit:?}");
                assert!(expected.is_nan() || (found / expected - 1.0).abs() < 1e-4, "{model} {fit:?}");
            }
            assert_eq!(fit.outcome, Outcome::Fitted, "{model}");
            assert!(fit.r_squared > 0.999_999, "{model}");
        }
    }

    #[test]
    fn a_delay_of_our_own_comes_back_for_every_model() {
        let times = frames();
        for &model in Model::ALL {
            let kinetics = Kinetics::new(model, &plasma(&times), &times, true, &settings()).unwrap();
            for delay in [-3.2, 4.7] {
                let mut truth = truth(model);
                truth[DELAY] = delay;
                let fit = kinetics.fit(&kinetics.curve(&truth), &mut FitScratch::default());
                assert!((fit.value(Quantity::Delay) - delay).abs() < 0.05, "{model} {delay}: {fit:?}");
                for (found, expected) in fit.values.iter().zip(truth) {
                    assert!(expected.is_nan() || (found / expected - 1.0).abs() < 0.02, "{model} {fit:?}");
                }
            }
        }
    }

    #[test]
    fn scaling_the_plasma_and_the_tissue_alike_changes_nothing() {
        let times = frames();
        let kinetics = Kinetics::new(Model::ExtendedTofts, &plasma(&times), &times, false, &settings()).unwrap();
        let mut tissue = kinetics.curve(&truth(Model::ExtendedTofts));
        tissue.iter_mut().enumerate().for_each(|(i, value)| *value += 0.01 * (i as f64).sin());
        let double: Vec<f64> = plasma(&times).plasma().iter().map(|value| 2.0 * value).collect();
        let double = PlasmaCurve::new(&times, &double, super::super::aif::Compartment::Plasma).unwrap();
        let scaled = Kinetics::new(Model::ExtendedTofts, &double, &times, false, &settings()).unwrap();
        let (one, two) = (
            kinetics.fit(&tissue, &mut FitScratch::default()),
            scaled.fit(&tissue.iter().map(|value| 2.0 * value).collect::<Vec<_>>(), &mut FitScratch::default()),
        );
        for (a, b) in one.values.iter().zip(two.values).filter(|(a, _)| !a.is_nan()) {
            assert!((a / b - 1.0).abs() < 1e-7, "{one:?} {two:?}");
        }
    }

    #[test]
    fn errors_shrink_with_the_noise_and_are_missing_on_a_bound() {
        let times = frames();
        let kinetics = Kinetics::new(Model::ExtendedTofts, &plasma(&times), &times, false, &settings()).unwrap();
        let noisy = |amplitude: f64, truth: Parameters| {
            let mut tissue = kinetics.curve(&truth);
            tissue.iter_mut().enumerate().for_each(|(i, value)| *value += amplitude * (7.3 * i as f64).sin());
            kinetics.fit(&tissue, &mut FitScratch::default())
        };
        let (small, large) = (noisy(0.001, truth(Model::ExtendedTofts)), noisy(0.01, truth(Model::ExtendedTofts)));
        let ratio = large.error(Quantity::Exchange) / small.error(Quantity::Exchange);
        assert!((8.0..12.0).contains(&ratio), "{ratio}");
        // A tissue that holds more than its whole volume: ve ends on 1.
        let bound = noisy(0.0, [NAN, 0.3, 1.6, 0.02, NAN]);
        assert_eq!((bound.outcome, bound.value(Quantity::InterstitialVolume)), (Outcome::AtBound, 1.0));
        assert!(bound.error(Quantity::InterstitialVolume).is_nan() && bound.error(Quantity::Exchange).is_finite());
    }

    #[test]
    fn the_criterion_picks_the_model_that_made_the_curve() {
        let times = frames();
        for model in [Model::Tofts, Model::ExtendedTofts, Model::Patlak] {
            let kinetics = Kinetics::new(model, &plasma(&times), &times, false, &settings()).unwrap();
            let mut tissue = kinetics.curve(&truth(model));
            tissue.iter_mut().enumerate().for_each(|(i, value)| *value += 0.002 * (7.3 * i as f64).sin());
            let ranked = ranked_fits(
                &[Model::Tofts, Model::ExtendedTofts, Model::Patlak],
                &plasma(&times),
                &times,
                &tissue,
                false,
                &settings(),
            );
            assert_eq!(ranked[0].0, model);
        }
    }

    #[test]
    fn a_missing_value_is_a_failure_without_numbers() {
        let times = frames();
        let kinetics = Kinetics::new(Model::Tofts, &plasma(&times), &times, false, &settings()).unwrap();
        let mut tissue = kinetics.curve(&truth(Model::Tofts));
        tissue[5] = f64::NAN;
        let fit = kinetics.fit(&tissue, &mut FitScratch::default());
        assert_eq!(fit.outcome, Outcome::NotFinite);
        assert!(fit.values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn times_that_do_not_increase_or_are_too_few_make_no_fit() {
        let times = frames();
        assert!(Kinetics::new(Model::Tofts, &plasma(&times), &[0.0, 1.0, 1.0, 2.0, 3.0], false, &settings()).is_none());
        assert!(Kinetics::new(Model::Tofts, &plasma(&times), &[0.0, 1.0, 2.0], false, &settings()).is_none());
    }
}
