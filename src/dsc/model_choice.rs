//! Which leakage model the data of a region ask for: Akaike's criterion, for its mean curve and voxel by voxel.
//!
//! `AICc = n ln(RSS/n) + 2k + 2k(k+1)/(n-k-1)` (Hurvich & Tsai, Biometrika 1989;76:297), k the parameters and the
//! variance of the noise; weights `e^{-Δ/2}/Σ` (Burnham & Anderson 2002). Frames are taken as independent.
//!
//! METHOD: only models of the whole series are compared: no leakage `K1 R`, BSW, bidirectional. A gamma variate describes
//! the first passage alone, so its criterion stands on other frames and cannot be set against theirs. The choice is
//! reported; it never changes which model makes rCBV.

use serde::{Deserialize, Serialize};

use super::error::DscError;
use super::quantify::DscResult;
use super::reference::{membership, rates_of};
use super::region_curves::RegionCurves;
use super::settings::LeakageModel;
use super::signal::DscSignal;
use super::{Bidirectional, Bsw};
use crate::curve::area::trapezoid_weights;
use crate::curve::linear_fit::dot;
use crate::image::Mask;

/// The models that are compared, simplest first: of two equal ones the simpler stands.
const COMPARED: [LeakageModel; 3] = [LeakageModel::None, LeakageModel::Bsw, LeakageModel::Bidirectional];

/// The leakage models of one region held against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakageChoice {
    /// What they are compared by.
    pub criterion: String,
    /// Frames that each model was fitted to.
    pub frames: usize,
    /// The model with the lowest criterion for the mean curve.
    pub best: LeakageModel,
    /// Each model fitted to the mean curve of the region, simplest first.
    pub models: Vec<LeakageModelFit>,
    /// Usable voxels that were fitted one by one.
    pub voxels: usize,
    /// For each model the share of these voxels in which its criterion is the lowest; the shares add up to 1.
    pub voxel_shares: Vec<(LeakageModel, f64)>,
}

/// One model fitted to the mean curve of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakageModelFit {
    /// The model.
    pub model: LeakageModel,
    /// K1.
    pub k1: f64,
    /// Its standard error.
    pub k1_error: f64,
    /// K2, 1/s; `None` for a model without leakage.
    pub k2: Option<f64>,
    /// Its standard error, 1/s.
    pub k2_error: Option<f64>,
    /// kep, 1/min; `None` for a model without backflow.
    pub kep_per_min: Option<f64>,
    /// Its standard error, 1/min; `None` at a bound, where kep is taken as fixed.
    pub kep_error_per_min: Option<f64>,
    /// Residual standard deviation, 1/s.
    pub residual: f64,
    /// The criterion; only differences mean anything.
    pub aicc: f64,
    /// Akaike weight: the model's share of the evidence among those compared.
    pub weight: f64,
}

/// The models, ready for curves over the used frames.
struct Models {
    reference: Vec<f64>,
    square: f64,
    bsw: Bsw,
    bidirectional: Bidirectional,
}

impl Models {
    fn new(result: &DscResult) -> Option<Self> {
        let reference = result.reference.rate.clone();
        let weights = trapezoid_weights(reference.len(), result.step, 0..reference.len());
        let bsw = Bsw::new(&reference, result.step, &weights)?;
        let maximum = result.settings().kep_maximum_per_s;
        let bidirectional = Bidirectional::new(&reference, result.step, &weights, maximum)?;
        Some(Self { square: dot(&reference, &reference), reference, bsw, bidirectional })
    }

    /// All models fitted to one curve, in the order of [`COMPARED`].
    fn fit(&self, curve: &[f64]) -> [LeakageModelFit; 3] {
        let frames = curve.len() as f64;
        let model = |model, parameters: f64, residual: f64| LeakageModelFit {
            model,
            k1: f64::NAN,
            k1_error: f64::NAN,
            k2: None,
            k2_error: None,
            kep_per_min: None,
            kep_error_per_min: None,
            residual,
            aicc: aicc(residual * residual * (frames - parameters), frames, parameters),
            weight: 0.0,
        };
        let k1 = dot(&self.reference, curve) / self.square;
        let squares: f64 = self.reference.iter().zip(curve).map(|(r, y)| (y - k1 * r).powi(2)).sum();
        let residual = (squares / (frames - 1.0)).sqrt();
        let none =
            LeakageModelFit { k1, k1_error: residual / self.square.sqrt(), ..model(LeakageModel::None, 1.0, residual) };
        let found = self.bsw.fit(curve);
        let [k1_error, k2_error] = self.bsw.standard_errors(found.residual);
        let bsw = LeakageModelFit {
            k1: found.k1,
            k1_error,
            k2: Some(found.k2),
            k2_error: Some(k2_error),
            ..model(LeakageModel::Bsw, 2.0, found.residual)
        };
        let found = self.bidirectional.fit(curve);
        let bidirectional = LeakageModelFit {
            k1: found.k1,
            k1_error: found.k1_error,
            k2: Some(found.k2),
            k2_error: Some(found.k2_error),
            kep_per_min: Some(60.0 * found.kep),
            kep_error_per_min: found.kep_error.map(|error| 60.0 * error),
            ..model(LeakageModel::Bidirectional, 3.0, found.residual)
        };
        [none, bsw, bidirectional]
    }
}

/// Holds the leakage models of a region against each other; `None` where the reference curve allows no model.
pub fn leakage_choice(
    signal: &DscSignal<'_>,
    result: &DscResult,
    region: &Mask,
    curves: &RegionCurves,
) -> Result<Option<LeakageChoice>, DscError> {
    let Some(models) = Models::new(result) else { return Ok(None) };
    let mut fits = models.fit(&curves.relaxation_rate);
    let best = lowest(&fits);
    let lowest_aicc = fits[best].aicc;
    let relative = fits.each_ref().map(|fit| (-0.5 * (fit.aicc - lowest_aicc)).exp());
    let sum: f64 = relative.iter().sum();
    for (fit, relative) in fits.iter_mut().zip(relative) {
        fit.weight = relative / sum;
    }
    let member = membership(&result.mask, region, "the region")?;
    let voxels: Vec<usize> =
        (0..member.len()).filter(|&voxel| member[voxel] && result.baseline.usable[voxel]).collect();
    let frames = result.timing.used().len();
    let mut counts = [0usize; 3];
    let mut curve = vec![0.0; frames];
    for rates in rates_of(signal, result, &voxels).chunks_exact(frames) {
        curve.iter_mut().zip(rates).for_each(|(value, &rate)| *value = f64::from(rate));
        counts[lowest(&models.fit(&curve))] += 1;
    }
    let share = |count: usize| count as f64 / voxels.len() as f64;
    Ok(Some(LeakageChoice {
        criterion: "AICc".to_owned(),
        frames,
        best: fits[best].model,
        models: fits.to_vec(),
        voxels: voxels.len(),
        voxel_shares: COMPARED.into_iter().zip(counts).map(|(model, count)| (model, share(count))).collect(),
    }))
}

/// Place of the lowest criterion; the simpler model of two equal ones.
fn lowest(fits: &[LeakageModelFit; 3]) -> usize {
    (1..fits.len()).fold(0, |best, place| if fits[place].aicc < fits[best].aicc { place } else { best })
}

/// The criterion for a residual sum of squares; noise-free curves keep a finite one.
fn aicc(squares: f64, frames: f64, parameters: f64) -> f64 {
    let k = parameters + 1.0;
    frames * (squares.max(f64::MIN_POSITIVE) / frames).ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (frames - k - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::exponential::convolve_exponential;

    fn models() -> Models {
        let reference: Vec<f64> = (0..90)
            .map(|i| (f64::from(i) - 20.0).max(0.0))
            .map(|x| 8.0 * (x / 4.0).powi(3) * (3.0 - 0.75 * x).exp() + 0.4 * (x / 70.0))
            .collect();
        let weights = trapezoid_weights(90, 1.5, 0..90);
        Models {
            square: dot(&reference, &reference),
            bsw: Bsw::new(&reference, 1.5, &weights).unwrap(),
            bidirectional: Bidirectional::new(&reference, 1.5, &weights, 0.05).unwrap(),
            reference,
        }
    }

    /// Curves of each model with noise of 0.05 /s.
    fn noisy(k2: f64, kep: f64, random: &mut rand_pcg::Pcg64Mcg) -> Vec<f64> {
        use rand::RngExt;
        let models = models();
        let leaked = convolve_exponential(&models.reference, kep, 1.5);
        let mut noise = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        models.reference.iter().zip(leaked).map(|(r, q)| 2.0 * r - k2 * q + 0.05 * noise()).collect()
    }

    #[test]
    fn the_criterion_by_hand() {
        // n = 10, RSS = 10, two parameters and the variance: 0 + 6 + 24/6
        assert!((aicc(10.0, 10.0, 2.0) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn each_model_is_chosen_for_its_own_curves() {
        use rand::SeedableRng;
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(2);
        let models = models();
        for (k2, kep, expected) in [(0.0, 0.0, 0), (0.06, 0.0, 1), (0.06, 0.02, 2)] {
            let chosen = (0..200).filter(|_| lowest(&models.fit(&noisy(k2, kep, &mut random))) == expected).count();
            // A needless parameter is taken in about one of eight: AICc asks for a gain of 2.
            assert!(chosen > 160, "{k2} {kep}: {chosen} of 200");
        }
    }

    #[test]
    fn a_curve_without_noise_gives_its_parameters_and_its_model() {
        let models = models();
        let leaked = convolve_exponential(&models.reference, 0.02, 1.5);
        let curve: Vec<f64> = models.reference.iter().zip(leaked).map(|(r, q)| 2.0 * r - 0.06 * q).collect();
        let fits = models.fit(&curve);
        assert_eq!(lowest(&fits), 2);
        let fit = &fits[2];
        assert!((fit.k1 - 2.0).abs() < 1e-6 && (fit.k2.unwrap() - 0.06).abs() < 1e-6);
        assert!((fit.kep_per_min.unwrap() - 1.2).abs() < 1e-5, "{fit:?}");
    }
}
