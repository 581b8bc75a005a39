//! Arterial input functions: two populations' and measured ones.
//!
//! Parker GJM et al., MRM 2006;56:993, eq. 1, table 1; Georgiou L et al., MRM 2019;81:1764, eq. 1, table 3, on the form
//! of Horsfield MA et al., Phys Med Biol 2009;54:2933. Both are concentrations in whole blood, in mM, at minutes after
//! the bolus reaches the artery.

use std::f64::consts::TAU;

use super::enhancement::arrival_time;

closed_words! {
    /// An arterial curve averaged over a population.
    pub enum Population: "population arterial curve" {
        /// Parker 2006.
        Parker = "parker",
        /// Georgiou 2019.
        Georgiou = "georgiou",
    }
}

impl Population {
    /// Concentration in whole blood, mM, some seconds after the bolus arrives; 0 before.
    pub fn blood_concentration(self, seconds: f64) -> f64 {
        if seconds < 0.0 {
            return 0.0;
        }
        match self {
            Self::Parker => parker(seconds / 60.0),
            Self::Georgiou => georgiou(seconds / 60.0),
        }
    }
}

/// Two Gaussians and an exponential that a sigmoid switches on; minutes, mM.
fn parker(t: f64) -> f64 {
    /// Area in mM min, center and width in min (table 1).
    const GAUSSIANS: [[f64; 3]; 2] = [[0.809, 0.17046, 0.0563], [0.330, 0.365, 0.132]];
    const ALPHA: f64 = 1.050;
    const BETA: f64 = 0.1685;
    const S: f64 = 38.078;
    const TAU_MIN: f64 = 0.483;
    let gaussian = |[area, center, width]: [f64; 3]| {
        area / (width * TAU.sqrt()) * (-(t - center).powi(2) / (2.0 * width * width)).exp()
    };
    GAUSSIANS.into_iter().map(gaussian).sum::<f64>() + ALPHA * (-BETA * t).exp() / (1.0 + (-S * (t - TAU_MIN)).exp())
}

/// Three exponentials times the passes of a gamma-variate bolus; minutes, mM.
fn georgiou(t: f64) -> f64 {
    /// Amplitude in mM, rate in 1/min (table 3).
    const EXPONENTIALS: [[f64; 2]; 3] = [[0.37, 0.11], [0.33, 1.17], [10.06, 16.02]];
    const ALPHA: f64 = 5.26;
    const BETA_MIN: f64 = 0.032;
    const TAU_MIN: f64 = 0.129;
    let washed_out: f64 = EXPONENTIALS.into_iter().map(|[amplitude, rate]| amplitude * (-rate * t).exp()).sum();
    // Pass k has gone k + 1 times through the body: its gamma density has the exponent (k + 1)α + k, and comes kτ later.
    let passes = (t / TAU_MIN).floor() as usize;
    let density = |pass: usize| {
        let (exponent, since) = ((pass + 1) as f64 * ALPHA + pass as f64, t - pass as f64 * TAU_MIN);
        if since <= 0.0 {
            return 0.0;
        }
        (exponent * (since / BETA_MIN).ln() - since / BETA_MIN - ln_gamma(exponent + 1.0)).exp() / BETA_MIN
    };
    washed_out * (0..=passes).map(density).sum::<f64>()
}

/// `ln Γ(x)` for `x >= 1` by Stirling's series after a shift past 10; error below 1e-12.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0))));
    (x - 0.5) * x.ln() - x + 0.5 * TAU.ln() + series - shift
}

/// What the numbers of an arterial curve are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Compartment {
    /// Concentration in plasma.
    Plasma,
    /// Concentration in whole blood: plasma is blood over one minus the hematocrit.
    Blood {
        /// Hematocrit of large vessels.
        hematocrit: f64,
    },
}

/// A plasma concentration over time.
#[derive(Debug, Clone, PartialEq)]
pub struct PlasmaCurve {
    times: Vec<f64>,
    plasma: Vec<f64>,
}

/// An arterial curve that cannot serve.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct PlasmaCurveError(String);

impl PlasmaCurve {
    /// Checks a curve: times in s that increase, finite concentrations in mM, not all zero, a hematocrit from 0 to below 1.
    pub fn new(times: &[f64], concentration: &[f64], compartment: Compartment) -> Result<Self, PlasmaCurveError> {
        let wrong = |problem: &str| Err(PlasmaCurveError(problem.to_owned()));
        if times.len() != concentration.len() || times.len() < 2 {
            return wrong("expected one concentration per time, and at least two");
        }
        if !times.windows(2).all(|pair| pair[0] < pair[1]) || !times[0].is_finite() {
            return wrong("times must increase");
        }
        if concentration.iter().any(|value| !value.is_finite()) {
            return wrong("a concentration is not a finite number");
        }
        if concentration.iter().all(|&value| value <= 0.0) {
            return wrong("no concentration is above 0");
        }
        let plasma_share = match compartment {
            Compartment::Plasma => 1.0,
            Compartment::Blood { hematocrit } if (0.0..1.0).contains(&hematocrit) => 1.0 - hematocrit,
            Compartment::Blood { .. } => return wrong("expected a hematocrit from 0 to below 1"),
        };
        Ok(Self { times: times.to_vec(), plasma: concentration.iter().map(|value| value / plasma_share).collect() })
    }

    /// A population's curve at some times, s, for a bolus that reaches the artery at `arrival`.
    pub fn of_population(
        population: Population,
        times: &[f64],
        arrival: f64,
        hematocrit: f64,
    ) -> Result<Self, PlasmaCurveError> {
        let blood: Vec<f64> = times.iter().map(|time| population.blood_concentration(time - arrival)).collect();
        Self::new(times, &blood, Compartment::Blood { hematocrit })
    }

    /// A population's curve whose visible arrival at the frames is `arrival`.
    ///
    /// METHOD: the formulas rise slowly from their beginning, so the curve is shifted until its corner, by the rule by
    /// which the arrival was found in the mean curve and at the same frames, falls on that arrival.
    pub fn placed(
        population: Population,
        times: &[f64],
        arrival: f64,
        hematocrit: f64,
    ) -> Result<Self, PlasmaCurveError> {
        let first = Self::of_population(population, times, arrival, hematocrit)?;
        let lag = arrival_time(times, &first.plasma).map_or(0.0, |seen| seen - arrival);
        Self::of_population(population, times, arrival - lag, hematocrit)
    }

    /// Times, s.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Plasma concentration, mM.
    pub fn plasma(&self) -> &[f64] {
        &self.plasma
    }

    /// Concentration at a time and its slope, by linear interpolation; 0 before the first sample (before the bolus),
    /// the last value after the last one.
    pub fn at(&self, time: f64) -> (f64, f64) {
        let after = self.times.partition_point(|&sample| sample <= time);
        if after == 0 {
            return (0.0, 0.0);
        }
        if after == self.times.len() {
            return (self.plasma[after - 1], 0.0);
        }
        let slope = (self.plasma[after] - self.plasma[after - 1]) / (self.times[after] - self.times[after - 1]);
        (self.plasma[after - 1] + slope * (time - self.times[after - 1]), slope)
    }

    /// The curve at other times; one frame time for a frame of the series.
    pub fn sampled(&self, times: &[f64]) -> Vec<f64> {
        times.iter().map(|&time| self.at(time).0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parker_at_its_first_peak_is_6_07_mm() {
        // 0.809/(0.0563 √2π) + 0.330/(0.132 √2π)·e^{-(0.17046-0.365)²/(2·0.132²)} + 1.05 e^{-0.0287}/(1 + e^{11.9}) = 6.0695
        let peak = Population::Parker.blood_concentration(60.0 * 0.17046);
        assert!((peak - 6.0695).abs() < 1e-3, "{peak}");
        assert_eq!(Population::Parker.blood_concentration(-1e-9), 0.0);
    }

    #[test]
    fn gamma_of_6_is_120_and_of_a_half_integer_is_known() {
        assert!((ln_gamma(6.0) - 120.0f64.ln()).abs() < 1e-12);
        // Γ(3.5) = 15/8 √π
        assert!((ln_gamma(3.5) - (1.875 * std::f64::consts::PI.sqrt()).ln()).abs() < 1e-12);
        assert!((ln_gamma(1.0)).abs() < 1e-12);
    }

    #[test]
    fn georgiou_late_is_its_slow_exponentials_over_the_time_of_a_round() {
        // The passes are a renewal train: one per (α + 1)β + τ = 0.32932 min.
        let t: f64 = 8.0;
        let expected = (0.37 * (-0.11 * t).exp() + 0.33 * (-1.17 * t).exp()) / (6.26 * 0.032 + 0.129);
        let found = Population::Georgiou.blood_concentration(60.0 * t);
        assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
    }

    #[test]
    fn georgiou_first_pass_is_its_gamma_density_times_its_exponentials() {
        // t = 0.1 min, before τ: 0.1^5.26 e^{-3.125}/(0.032^6.26 Γ(6.26)) × Σ; Γ(6.26) = 189.3…
        let t: f64 = 0.1;
        let gamma = ln_gamma(6.26).exp();
        let density = t.powf(5.26) * (-t / 0.032).exp() / (0.032f64.powf(6.26) * gamma);
        let sum = 0.37 * (-0.011f64).exp() + 0.33 * (-0.117f64).exp() + 10.06 * (-1.602f64).exp();
        assert!((Population::Georgiou.blood_concentration(6.0) / (density * sum) - 1.0).abs() < 1e-12);
        assert!((180.0..200.0).contains(&gamma), "{gamma}");
    }

    #[test]
    fn plasma_is_blood_over_one_minus_the_hematocrit() {
        let curve = PlasmaCurve::new(&[0.0, 1.0], &[0.0, 5.8], Compartment::Blood { hematocrit: 0.42 }).unwrap();
        assert!((curve.plasma()[1] - 10.0).abs() < 1e-12);
        assert_eq!(PlasmaCurve::new(&[0.0, 1.0], &[0.0, 5.8], Compartment::Plasma).unwrap().plasma()[1], 5.8);
    }

    #[test]
    fn a_placed_curve_is_seen_to_arrive_where_it_was_placed() {
        let times: Vec<f64> = (0..60).map(|i| 2.0 * f64::from(i)).collect();
        let curve = PlasmaCurve::placed(Population::Parker, &times, 24.0, 0.42).unwrap();
        let seen = arrival_time(&times, curve.plasma()).unwrap();
        assert!((seen - 24.0).abs() < 0.8, "{seen}");
        let unplaced = PlasmaCurve::of_population(Population::Parker, &times, 24.0, 0.42).unwrap();
        let late = arrival_time(&times, unplaced.plasma()).unwrap() - 24.0;
        assert!(late > 1.5, "{late}");
    }

    #[test]
    fn between_samples_it_is_straight_and_0_before_the_first() {
        let curve = PlasmaCurve::new(&[1.0, 2.0, 4.0], &[1.0, 3.0, 2.0], Compartment::Plasma).unwrap();
        assert_eq!([0.9, 1.5, 3.0, 9.0].map(|t| curve.at(t).0), [0.0, 2.0, 2.5, 2.0]);
        assert_eq!([0.9, 1.5, 3.0, 9.0].map(|t| curve.at(t).1), [0.0, 2.0, -0.5, 0.0]);
    }

    #[test]
    fn curves_that_cannot_serve_are_refused() {
        let new = |times: &[f64], values: &[f64], hematocrit| {
            PlasmaCurve::new(times, values, Compartment::Blood { hematocrit }).map_err(|error| error.to_string())
        };
        assert!(new(&[0.0, 0.0], &[0.0, 1.0], 0.4).unwrap_err().contains("increase"));
        assert!(new(&[0.0, 1.0], &[0.0, 0.0], 0.4).unwrap_err().contains("above 0"));
        assert!(new(&[0.0, 1.0], &[0.0, 1.0], 1.0).unwrap_err().contains("hematocrit"));
        assert!(new(&[0.0, 1.0], &[0.0, f64::NAN], 0.4).unwrap_err().contains("finite"));
    }
}
