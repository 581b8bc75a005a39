//! Flow of tissues with known residue functions, by every deconvolution of the program.
//!
//! Truncation keeps the Fourier bins of the artery above a threshold. What it makes of a residue that is known can be said
//! without deconvolving anything: the known residue, reduced to the same bins. Where this expectation and the program
//! agree, what is missing is the method's, not an error of the program.

use std::f64::consts::TAU;

use super::measure::{AccuracyError, Scenario};
use crate::dsc::{self, DeconvolutionMethod, DscSignal, LeakageModel, TikhonovChoice, aif_from_curve, perfusion};
use crate::phantom::dsc_curve::{DscProtocol, DscTissue, DscTissueClass, artery_signal};
use crate::units::Seconds;

/// Tissue relaxivity over that of the artery in the reference object.
const RELAXIVITY_RATIO: f64 = 87.0 / 7.0;

/// The deconvolutions, with their names on the page.
pub const METHODS: [(&str, DeconvolutionMethod, TikhonovChoice); 5] = [
    ("oSVD", DeconvolutionMethod::Osvd, TikhonovChoice::Gcv),
    ("cSVD", DeconvolutionMethod::Csvd, TikhonovChoice::Gcv),
    ("sSVD", DeconvolutionMethod::Ssvd, TikhonovChoice::Gcv),
    ("Tikhonov, GCV", DeconvolutionMethod::Tikhonov, TikhonovChoice::Gcv),
    ("Tikhonov, L-curve", DeconvolutionMethod::Tikhonov, TikhonovChoice::LCurve),
];

/// What a deconvolution found in one tissue: mean and spread over its voxels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// CBF over the true one.
    pub cbf: f64,
    /// Its standard deviation over voxels.
    pub cbf_deviation: f64,
    /// CBV over the true one.
    pub cbv: f64,
    /// Tmax, s.
    pub tmax: f64,
}

/// An intact tissue with a blood volume, a transit time, a delay and a dispersion.
pub fn tissue(cbv: f64, mtt: f64, delay: f64, dispersion: f64) -> DscTissue {
    DscTissue {
        cbv,
        cbf: 60.0 * cbv / mtt,
        delay: Seconds(delay),
        dispersion: Seconds(dispersion),
        ..DscTissueClass::GrayMatter.tissue()
    }
}

/// Deconvolves tissues with the artery of the object, without leakage correction.
pub fn flows(
    protocol: DscProtocol,
    snr: Option<f64>,
    tissues: &[DscTissue],
    (name, method, choice): (&str, DeconvolutionMethod, TikhonovChoice),
    settings: &dsc::Settings,
) -> Result<Vec<Flow>, AccuracyError> {
    let mut settings = settings.clone();
    settings.leakage = LeakageModel::None;
    let flow = &mut settings.perfusion;
    (flow.deconvolution, flow.tikhonov_choice) = (method, choice);
    (flow.kh, flow.rho, flow.relaxivity_ratio) = (1.0, 1.0, RELAXIVITY_RATIO);
    let scenario = Scenario {
        protocol,
        snr,
        voxels: if snr.is_some() { super::VOXELS } else { 1 },
        ..Scenario::reference(name, tissues.to_vec())
    };
    let found = scenario.measure(&settings)?;
    let artery = artery_signal(&protocol);
    let rates: Vec<f64> = artery.iter().map(|value| -(value / artery[0]).ln() / protocol.echo_time.0).collect();
    let times: Vec<f64> = (0..protocol.frames).map(|frame| frame as f64 * protocol.repetition_time.0).collect();
    let failed = |source| AccuracyError::Method { scenario: name.to_owned(), source };
    let told = |problem: String| failed(dsc::DscError::SecondEcho { problem });
    let signal = DscSignal::new(&found.acquisition, &found.series, None).map_err(failed)?;
    let aif = aif_from_curve(&found.result, &times, &rates).map_err(|problem| told(problem.to_string()))?;
    let maps = perfusion(&signal, &found.result, &aif).map_err(|problem| told(problem.to_string()))?;
    Ok(tissues
        .iter()
        .enumerate()
        .map(|(place, tissue)| {
            let cbf = found.spread(&maps.cbf, place);
            Flow {
                cbf: cbf.mean / tissue.cbf,
                cbf_deviation: cbf.deviation / tissue.cbf,
                cbv: found.spread(&maps.cbv, place).mean / tissue.cbv,
                tmax: found.spread(&maps.tmax, place).mean,
            }
        })
        .collect())
}

/// Peak of the exponential residue of a transit time over its true peak, when only the bins stay in which the artery of
/// the protocol has at least `threshold` of its largest amplitude: what truncation must give.
///
/// The residue jumps at 0, so its first sample counts half: that is the value of its Fourier integral there.
pub fn truncated_peak(protocol: DscProtocol, mtt: f64, threshold: f64) -> f64 {
    let artery = artery_signal(&protocol);
    let rates: Vec<f64> = artery.iter().map(|value| -(value / artery[0]).ln()).collect();
    let length = smooth(2 * protocol.frames);
    let step = protocol.repetition_time.0;
    let transform = |values: &[f64], bin: usize| -> [f64; 2] {
        let angle = |n: usize| TAU * ((bin * n) % length) as f64 / length as f64;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, value) in values.iter().enumerate() {
            real += value * angle(n).cos();
            imaginary -= value * angle(n).sin();
        }
        [real, imaginary]
    };
    let residue: Vec<f64> =
        (0..length / 2).map(|n| if n == 0 { 0.5 } else { (-(n as f64) * step / mtt).exp() }).collect();
    let size = |[real, imaginary]: [f64; 2]| real.hypot(imaginary);
    let arterial: Vec<f64> = (0..length).map(|bin| size(transform(&rates, bin))).collect();
    let least = threshold * arterial.iter().copied().fold(0.0, f64::max);
    let kept: Vec<(usize, [f64; 2])> =
        (0..length).filter(|&bin| arterial[bin] >= least).map(|bin| (bin, transform(&residue, bin))).collect();
    (0..length)
        .map(|n| {
            let sum: f64 = kept
                .iter()
                .map(|(bin, [real, imaginary])| {
                    let angle = TAU * ((bin * n) % length) as f64 / length as f64;
                    real * angle.cos() - imaginary * angle.sin()
                })
                .sum();
            sum / length as f64
        })
        .fold(f64::NEG_INFINITY, f64::max)
}

/// The smallest length from `least` on without a prime factor above 5.
fn smooth(least: usize) -> usize {
    let rest = |mut length: usize| {
        for prime in [2, 3, 5] {
            while length.is_multiple_of(prime) {
                length /= prime;
            }
        }
        length
    };
    (least..2 * least).find(|&length| rest(length) == 1).unwrap_or(2 * least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_of_the_flow_is_what_truncation_takes() {
        // noise-free, cSVD at its fixed threshold of 0.1: program against the known residue reduced to the kept bins
        let settings: dsc::Settings = crate::settings::default_section("dsc");
        let times = [3.0, 4.0, 6.0, 10.0, 16.0];
        for step in [1.0, 1.5, 2.0] {
            let protocol = DscProtocol {
                repetition_time: Seconds(step),
                frames: (135.0 / step) as usize,
                ..DscProtocol::REFERENCE
            };
            let tissues = times.map(|mtt| tissue(4.0, mtt, 0.0, 0.0));
            let found = flows(protocol, None, &tissues, METHODS[1], &settings).unwrap();
            for (mtt, flow) in times.iter().zip(found) {
                let expected = truncated_peak(protocol, *mtt, settings.perfusion.csvd_threshold);
                assert!((flow.cbf / expected - 1.0).abs() < 0.05, "TR {step}, MTT {mtt}: {flow:?} {expected}");
                assert!(flow.cbf < 0.95, "TR {step}, MTT {mtt}: truncation takes from the flow: {flow:?}");
            }
        }
    }
}
