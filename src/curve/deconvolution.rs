//! Deconvolution of tissue curves by an arterial input: the residue function `R` in `C_t = (Δt·C_a) ⊛ R`.
//!
//! Block-circulant truncated SVD (Wu et al., MRM 2003;50:164) *is* a hard threshold in the Fourier domain: the matrix
//! of `g = Δt·C_a`, zero-padded to `L >= 2N`, is diagonal there and its singular values are `|FFT(g)|`. So
//! `R = irfft(FFT(c)/FFT(g))` over the bins with `|FFT(g)| >= threshold · max`; the tests hold this against an
//! explicit SVD. It does not depend on the delay between artery and tissue, and `R` is never clipped at 0.

use std::f64::consts::TAU;

use multiversion::multiversion;

/// Curves that are deconvolved side by side.
const LANES: usize = 32;
type Lanes = [f32; LANES];

/// Thresholds that oSVD scans upward, as fractions of the largest singular value: 0.05, 0.10 … 0.95.
const SCANNED_THRESHOLDS: std::ops::RangeInclusive<usize> = 1..=19;
const THRESHOLD_STEP: f64 = 0.05;

/// How noise is kept from the residue function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Truncation {
    /// cSVD: one threshold, a fraction of the largest singular value.
    Fixed {
        /// The fraction.
        threshold: f64,
    },
    /// oSVD: for each curve the lowest scanned threshold whose residue oscillates less than the limit.
    Oscillation {
        /// Limit of the oscillation index (Wu 2003: 0.035).
        limit: f64,
    },
}

/// An arterial input, prepared for any number of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Deconvolution {
    frames: usize,
    /// L: samples of the residue function.
    length: usize,
    step: f64,
    limit: f64,
    /// Bins kept at the lowest threshold, by falling singular value.
    bins: Vec<Bin>,
    /// For each threshold, falling: how many bins are kept. Thresholds that keep the same bins stand once.
    kept: Vec<usize>,
}

/// One bin of the spectrum and its mirror image.
#[derive(Debug, Clone, PartialEq)]
struct Bin {
    /// Real and imaginary part, per frame, that make the bin of the residue's spectrum from a tissue curve.
    analysis: [Vec<f32>; 2],
    /// What its real and imaginary part add to the residue at each sample.
    synthesis: [Vec<f32>; 2],
}

/// The peak of a residue function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResiduePeak {
    /// Largest value of R, 1/s: flow.
    pub height: f32,
    /// Its time, s; before the artery it is negative.
    pub time: f32,
    /// Whether the oscillation fell below its limit at some threshold; always true for a fixed one. Where it did
    /// not, the highest threshold stands.
    pub settled: bool,
}

impl Deconvolution {
    /// Prepares an arterial curve sampled every `step` seconds; `None` for fewer than three samples, a step that is
    /// not positive, or a curve without signal.
    pub fn new(arterial: &[f64], step: f64, truncation: Truncation) -> Option<Self> {
        let frames = arterial.len();
        let positive = step > 0.0 && step.is_finite();
        if frames < 3 || !positive || arterial.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let length = smooth_length(2 * frames);
        let spectrum: Vec<[f64; 2]> = (0..=length / 2)
            .map(|bin| {
                let part = |wave: fn(f64) -> f64| -> f64 {
                    (0..frames).map(|t| step * arterial[t] * wave(phase(bin * t, length))).sum()
                };
                [part(f64::cos), -part(f64::sin)]
            })
            .collect();
        let size = |bin: usize| spectrum[bin][0].hypot(spectrum[bin][1]);
        let mut order: Vec<usize> = (0..spectrum.len()).collect();
        order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
        let largest = size(order[0]);
        if largest.is_nan() || largest <= 0.0 {
            return None;
        }
        let (thresholds, limit): (Vec<f64>, f64) = match truncation {
            Truncation::Fixed { threshold } => (vec![threshold], f64::INFINITY),
            Truncation::Oscillation { limit } => {
                (SCANNED_THRESHOLDS.rev().map(|i| i as f64 * THRESHOLD_STEP).collect(), limit)
            }
        };
        let mut kept: Vec<usize> = thresholds
            .iter()
            .map(|threshold| order.iter().filter(|&&bin| size(bin) >= threshold * largest).count())
            .collect();
        kept.dedup();
        let last = *kept.last()?;
        let bins = order[..last].iter().map(|&bin| Bin::new(bin, spectrum[bin], frames, length)).collect();
        Some(Self { frames, length, step, limit, bins, kept })
    }

    /// Samples of the residue function: L.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The peak of one curve's residue function.
    ///
    /// # Panics
    /// When the curve has another length than the arterial one.
    pub fn peak(&self, curve: &[f64]) -> ResiduePeak {
        assert_eq!(curve.len(), self.frames, "a curve has the frames of the arterial curve");
        let rates: Vec<f32> = curve.iter().map(|&value| value as f32).collect();
        let mut peak = None;
        self.peaks_of_block(&rates, 1, &mut DeconvolutionScratch::default(), |_, found| peak = Some(found));
        peak.expect("a block of one curve gives one peak")
    }

    /// The residue function of one curve at one threshold, a fraction of the largest singular value: 1/s at L samples,
    /// those beyond N at negative times. `None` where [`Deconvolution::new`] gives none or the lengths differ.
    pub fn residue(arterial: &[f64], curve: &[f64], step: f64, threshold: f64) -> Option<Vec<f64>> {
        let model = Self::new(arterial, step, Truncation::Fixed { threshold })?;
        if curve.len() != model.frames {
            return None;
        }
        let mut residue = vec![0.0; model.length];
        for bin in &model.bins {
            let part = |i: usize| -> f64 { bin.analysis[i].iter().zip(curve).map(|(&a, c)| f64::from(a) * c).sum() };
            let (real, imaginary) = (part(0), part(1));
            for (n, value) in residue.iter_mut().enumerate() {
                *value += f64::from(bin.synthesis[0][n]) * real + f64::from(bin.synthesis[1][n]) * imaginary;
            }
        }
        Some(residue)
    }

    /// The peaks of a block `[frame][lane]` of `width` curves, each given to `take` with its lane.
    ///
    /// # Panics
    /// When `rates` does not hold `frames × width` values.
    pub fn peaks_of_block(
        &self,
        rates: &[f32],
        width: usize,
        scratch: &mut DeconvolutionScratch,
        mut take: impl FnMut(usize, ResiduePeak),
    ) {
        assert_eq!(rates.len(), self.frames * width, "a block holds frames × lanes values");
        let DeconvolutionScratch { curves, spectrum, residue } = scratch;
        curves.resize(self.frames, [0.0; LANES]);
        spectrum.resize(2 * self.bins.len(), [0.0; LANES]);
        residue.resize(self.length, [0.0; LANES]);
        for first in (0..width).step_by(LANES) {
            let lanes = LANES.min(width - first);
            for (curve, row) in curves.iter_mut().zip(rates.chunks_exact(width)) {
                curve[..lanes].copy_from_slice(&row[first..first + lanes]);
            }
            let peaks = lane_peaks(self, curves, spectrum, residue);
            for lane in 0..lanes {
                let place = peaks.place[lane] as usize;
                let signed = if place < self.frames { place as f64 } else { place as f64 - self.length as f64 };
                let time = (signed * self.step) as f32;
                take(first + lane, ResiduePeak { height: peaks.height[lane], time, settled: peaks.settled[lane] });
            }
        }
    }
}

/// Working memory of [`Deconvolution::peaks_of_block`].
#[derive(Debug, Default)]
pub struct DeconvolutionScratch {
    curves: Vec<Lanes>,
    spectrum: Vec<Lanes>,
    residue: Vec<Lanes>,
}

impl Bin {
    fn new(bin: usize, [real, imaginary]: [f64; 2], frames: usize, length: usize) -> Self {
        // A bin and its mirror image are conjugate: together twice the real part, but bins 0 and L/2 stand alone.
        let alone = bin == 0 || 2 * bin == length;
        let weight = if alone { 1.0 } else { 2.0 } / length as f64;
        let square = real * real + imaginary * imaginary;
        let analysis = |t: usize| {
            let (sine, cosine) = phase(bin * t, length).sin_cos();
            // (cos - i sin)/(real + i imaginary)
            let re = (cosine * real - sine * imaginary) / square;
            let im = (-sine * real - cosine * imaginary) / square;
            (weight * re, weight * im)
        };
        Self {
            analysis: [
                (0..frames).map(|t| analysis(t).0 as f32).collect(),
                (0..frames).map(|t| analysis(t).1 as f32).collect(),
            ],
            synthesis: [
                (0..length).map(|n| phase(bin * n, length).cos() as f32).collect(),
                (0..length).map(|n| -phase(bin * n, length).sin() as f32).collect(),
            ],
        }
    }
}

/// `2π·(index mod length)/length`: the angle is reduced before it is rounded.
pub(super) fn phase(index: usize, length: usize) -> f64 {
    TAU * (index % length) as f64 / length as f64
}

/// The smallest length from `least` on with no prime factor above 5.
pub(super) fn smooth_length(least: usize) -> usize {
    let is_smooth = |length: &usize| {
        let mut rest = *length;
        for prime in [2usize, 3, 5] {
            while rest.is_multiple_of(prime) {
                rest /= prime;
            }
        }
        rest == 1
    };
    (least..).find(is_smooth).expect("a power of two follows every number")
}

struct LanePeaks {
    height: Lanes,
    place: [u32; LANES],
    settled: [bool; LANES],
}

/// METHOD: bins are added from the highest threshold down, and the lowest threshold that does not oscillate stands:
/// the same choice as a scan upward that stops at the first, without subtracting. The oscillation index is not
/// monotone, so bisection would choose differently.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn lane_peaks(model: &Deconvolution, curves: &[Lanes], spectrum: &mut [Lanes], residue: &mut [Lanes]) -> LanePeaks {
    for (bin, parts) in model.bins.iter().zip(spectrum.chunks_exact_mut(2)) {
        let (mut real, mut imaginary) = ([0.0f32; LANES], [0.0f32; LANES]);
        for ((curve, &a), &b) in curves.iter().zip(&bin.analysis[0]).zip(&bin.analysis[1]) {
            for i in 0..LANES {
                real[i] += a * curve[i];
                imaginary[i] += b * curve[i];
            }
        }
        parts[0] = real;
        parts[1] = imaginary;
    }
    residue.fill([0.0; LANES]);
    let mut chosen = LanePeaks { height: [0.0; LANES], place: [0; LANES], settled: [false; LANES] };
    let mut added = 0;
    for (round, &kept) in model.kept.iter().enumerate() {
        for (n, sample) in residue.iter_mut().enumerate() {
            let mut value = *sample;
            for (bin, parts) in model.bins[added..kept].iter().zip(spectrum[2 * added..].chunks_exact(2)) {
                let (a, b) = (bin.synthesis[0][n], bin.synthesis[1][n]);
                for i in 0..LANES {
                    value[i] += a * parts[0][i] + b * parts[1][i];
                }
            }
            *sample = value;
        }
        added = kept;
        let (mut height, mut place) = (residue[0], [0u32; LANES]);
        for (n, sample) in residue.iter().enumerate().skip(1) {
            for i in 0..LANES {
                let higher = sample[i] > height[i];
                height[i] = if higher { sample[i] } else { height[i] };
                place[i] = if higher { n as u32 } else { place[i] };
            }
        }
        let mut bend = [0.0f32; LANES];
        for triple in residue.windows(3) {
            for i in 0..LANES {
                bend[i] += (triple[2][i] - 2.0 * triple[1][i] + triple[0][i]).abs();
            }
        }
        for i in 0..LANES {
            let oscillation = f64::from(bend[i]) / (model.length as f64 * f64::from(height[i]));
            let settled = height[i] > 0.0 && oscillation < model.limit;
            if settled || round == 0 {
                (chosen.height[i], chosen.place[i], chosen.settled[i]) = (height[i], place[i], settled);
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::linear_fit::dot;
    use crate::curve::standard_svd::truncated_inverse;

    const STEP: f64 = 1.5;

    fn gamma(t: f64) -> f64 {
        if t <= 0.0 { 0.0 } else { (t / 4.5).powi(3) * (3.0 - t / 1.5).exp() }
    }

    fn artery() -> Vec<f64> {
        (0..90)
            .map(|i| 6.0 * gamma(f64::from(i) * STEP - 30.0) + 0.8 * gamma((f64::from(i) * STEP - 45.0) / 3.0))
            .collect()
    }

    /// `flow · (artery ⊗ e^{-t/mtt})`, delayed, by a sum on a grid of 1/40 of the step.
    fn tissue(flow: f64, mtt: f64, delay: f64) -> Vec<f64> {
        let fine = STEP / 40.0;
        let input = |t: f64| 6.0 * gamma(t - 30.0) + 0.8 * gamma((t - 45.0) / 3.0);
        let (mut sum, decay, mut curve) = (0.0, (-fine / mtt).exp(), Vec::new());
        for i in 0..90 * 40 {
            sum = decay * sum + fine * input(f64::from(i) * fine - delay);
            if i % 40 == 0 {
                curve.push(flow * sum);
            }
        }
        curve
    }

    #[test]
    fn a_threshold_in_the_fourier_domain_is_block_circulant_svd() {
        // 24 frames padded to 48; the circulant matrix of step · artery, written out
        let (artery, tissue): (Vec<f64>, Vec<f64>) = (
            artery().into_iter().skip(16).take(24).collect(),
            tissue(0.01, 4.0, 1.0).into_iter().skip(16).take(24).collect(),
        );
        let length = smooth_length(48);
        assert_eq!(length, 48);
        let padded = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
        let column = |j: usize| (0..length).map(|i| STEP * padded(&artery, (i + length - j) % length)).collect();
        let right: Vec<f64> = (0..length).map(|i| padded(&tissue, i)).collect();
        for threshold in [0.103, 0.2, 0.452] {
            let inverse = truncated_inverse((0..length).map(column).collect(), threshold).unwrap();
            let expected: Vec<f64> = inverse.iter().map(|row| dot(row, &right)).collect();
            let found = Deconvolution::residue(&artery, &tissue, STEP, threshold).unwrap();
            let largest = expected.iter().copied().fold(0.0, f64::max);
            // the f32 coefficients of the bins bound the agreement
            for (a, b) in expected.iter().zip(&found) {
                assert!((a - b).abs() < 1e-5 * largest, "{threshold}: {a} {b}");
            }
        }
    }

    #[test]
    fn the_delay_does_not_change_the_flow() {
        let model = Deconvolution::new(&artery(), STEP, Truncation::Oscillation { limit: 0.035 }).unwrap();
        let undelayed = model.peak(&tissue(0.01, 4.0, 0.0));
        for delay in [-4.5, -3.0, -1.5, 1.5, 3.0, 6.0] {
            let peak = model.peak(&tissue(0.01, 4.0, delay));
            assert!((peak.height / undelayed.height - 1.0).abs() < 0.01, "{delay}: {peak:?} {undelayed:?}");
            assert!((peak.time - undelayed.time - delay as f32).abs() < 1e-4, "{delay}: {peak:?} {undelayed:?}");
        }
    }

    #[test]
    fn the_chosen_threshold_is_the_first_one_upward_that_does_not_oscillate() {
        let (artery, curve) = (artery(), tissue(0.012, 3.0, 0.7));
        let noisy: Vec<f64> = curve.iter().enumerate().map(|(i, c)| c + 4e-3 * (i as f64 * 12.9898).sin()).collect();
        for curve in [curve, noisy] {
            let expected = (1..20).find_map(|i| {
                let residue = Deconvolution::residue(&artery, &curve, STEP, 0.05 * f64::from(i)).unwrap();
                let height = residue.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let bend: f64 = residue.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).sum();
                (bend / (residue.len() as f64 * height) < 0.035).then_some(height)
            });
            let found =
                Deconvolution::new(&artery, STEP, Truncation::Oscillation { limit: 0.035 }).unwrap().peak(&curve);
            assert!((f64::from(found.height) / expected.unwrap() - 1.0).abs() < 1e-5, "{found:?} {expected:?}");
            assert!(found.settled);
        }
    }

    #[test]
    fn where_nothing_settles_the_highest_threshold_stands_and_says_so() {
        let model = Deconvolution::new(&artery(), STEP, Truncation::Oscillation { limit: 1e-9 }).unwrap();
        let peak = model.peak(&tissue(0.01, 4.0, 0.0));
        let residue = Deconvolution::residue(&artery(), &tissue(0.01, 4.0, 0.0), STEP, 0.95).unwrap();
        let height = residue.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(!peak.settled && (f64::from(peak.height) / height - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_block_gives_the_bits_of_its_curves() {
        let curves: Vec<Vec<f64>> =
            (0..70).map(|i| tissue(0.002 + 2e-4 * f64::from(i), 4.0, 0.1 * f64::from(i))).collect();
        let rates: Vec<f32> = (0..90).flat_map(|t| curves.iter().map(move |curve| curve[t] as f32)).collect();
        let model = Deconvolution::new(&artery(), STEP, Truncation::Fixed { threshold: 0.1 }).unwrap();
        let mut seen = 0;
        model.peaks_of_block(&rates, 70, &mut DeconvolutionScratch::default(), |lane, peak| {
            assert_eq!(peak, model.peak(&curves[lane]), "{lane}");
            seen += 1;
        });
        assert_eq!(seen, 70);
    }

    #[test]
    fn lengths_have_small_factors() {
        assert_eq!([180, 120, 182, 101].map(smooth_length), [180, 120, 192, 108]);
    }

    #[test]
    fn an_artery_without_signal_is_no_model() {
        assert!(Deconvolution::new(&[0.0; 30], STEP, Truncation::Fixed { threshold: 0.1 }).is_none());
        assert!(Deconvolution::new(&[1.0, 2.0], STEP, Truncation::Fixed { threshold: 0.1 }).is_none());
        assert!(Deconvolution::new(&[f64::NAN; 30], STEP, Truncation::Fixed { threshold: 0.1 }).is_none());
    }
}
