//! Deconvolution by Tikhonov regularization, its strength chosen for each curve by cross-validation or the L-curve.
//!
//! Standard form (Sourbron et al., Phys Med Biol 2004;49:3307) on the block-circulant matrix of Wu (MRM 2003;50:164):
//! in the Fourier domain `R = irfft(conj(g)·c/(|g|² + λ²))`, and the λ that minimizes
//! `GCV(λ) = Σ|(1-f)c|²/(Σ(1-f))²`, `f = |g|²/(|g|² + λ²)` (Golub, Heath, Wahba, Technometrics 1979;21:215), stands; or
//! the λ at the corner of the L-curve, where `ln‖R‖` over `ln‖c - gR‖` bends most (Hansen, SIAM Rev 1992;34:561).
//! Like every circulant method it does not depend on the delay; `R` is never clipped at 0.

use multiversion::multiversion;

use super::deconvolution::{ResiduePeak, phase, smooth_length};

/// Curves that are deconvolved side by side.
const LANES: usize = 8;
type Lanes = [f64; LANES];

/// λ is searched on this many steps, logarithmically, from the smallest to the largest share of the largest `|g|`.
const STEPS: usize = 40;
const SMALLEST: f64 = 1e-3;
const LARGEST: f64 = 1.0;

/// How λ is chosen for a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Generalized cross-validation.
    CrossValidation,
    /// The corner of the L-curve; the largest λ of the search for a curve of zeros, which has no corner.
    LCurve,
}

/// An arterial input, prepared for any number of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Tikhonov {
    frames: usize,
    length: usize,
    step: f64,
    strength: Strength,
    bins: Vec<Bin>,
    /// λ and the square of the trace `Σ(1-f)` over all L bins.
    strengths: Vec<(f64, f64)>,
}

/// One bin of the spectrum and its mirror image.
#[derive(Debug, Clone, PartialEq)]
struct Bin {
    /// 2 for a bin with a mirror image, 1 for bins 0 and L/2.
    multiplicity: f64,
    /// `g`.
    arterial: [f64; 2],
    /// `cos` and `-sin` at each of the L samples.
    wave: [Vec<f64>; 2],
}

impl Bin {
    fn square(&self) -> f64 {
        self.arterial[0] * self.arterial[0] + self.arterial[1] * self.arterial[1]
    }
}

impl Tikhonov {
    /// Prepares an arterial curve sampled every `step` seconds; `None` for fewer than three samples, a step that is
    /// not positive, or a curve without signal.
    pub fn new(arterial: &[f64], step: f64, strength: Strength) -> Option<Self> {
        let frames = arterial.len();
        let positive = step > 0.0 && step.is_finite();
        if frames < 3 || !positive || arterial.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let length = smooth_length(2 * frames);
        let bins: Vec<Bin> = (0..=length / 2)
            .map(|bin| {
                let wave = [
                    (0..length).map(|n| phase(bin * n, length).cos()).collect::<Vec<f64>>(),
                    (0..length).map(|n| -phase(bin * n, length).sin()).collect(),
                ];
                let part = |wave: &[f64]| arterial.iter().zip(wave).map(|(value, wave)| step * value * wave).sum();
                let arterial = [part(&wave[0]), part(&wave[1])];
                let multiplicity = if bin == 0 || 2 * bin == length { 1.0 } else { 2.0 };
                Bin { multiplicity, arterial, wave }
            })
            .collect();
        let largest = bins.iter().map(Bin::square).fold(0.0, f64::max).sqrt();
        if largest.is_nan() || largest <= 0.0 {
            return None;
        }
        let strengths = (0..STEPS)
            .map(|i| {
                let share = SMALLEST * (LARGEST / SMALLEST).powf(i as f64 / (STEPS - 1) as f64);
                let lambda = share * largest;
                let trace: f64 =
                    bins.iter().map(|bin| bin.multiplicity * lambda * lambda / (bin.square() + lambda * lambda)).sum();
                (lambda, trace * trace)
            })
            .collect();
        Some(Self { frames, length, step, strength, bins, strengths })
    }

    /// The peak of one curve's residue function.
    ///
    /// # Panics
    /// When the curve has another length than the arterial one.
    pub fn peak(&self, curve: &[f64]) -> ResiduePeak {
        let (residue, _) = self.residue(curve);
        let values: Vec<Lanes> = residue.into_iter().map(|value| [value; LANES]).collect();
        self.peak_of(&values, 0)
    }

    /// The residue function of one curve, 1/s at L samples, those beyond N at negative times, and its λ.
    ///
    /// # Panics
    /// When the curve has another length than the arterial one.
    pub fn residue(&self, curve: &[f64]) -> (Vec<f64>, f64) {
        assert_eq!(curve.len(), self.frames, "a curve has the frames of the arterial curve");
        let curves: Vec<Lanes> = curve.iter().map(|&value| [value; LANES]).collect();
        let mut scratch = TikhonovScratch::default();
        let lambda = residues(self, &curves, &mut scratch);
        (scratch.residue.iter().map(|values| values[0]).collect(), lambda[0])
    }

    /// The peaks of a block `[frame][lane]` of `width` curves, each given to `take` with its lane.
    ///
    /// # Panics
    /// When `rates` does not hold `frames × width` values.
    pub fn peaks_of_block(
        &self,
        rates: &[f32],
        width: usize,
        scratch: &mut TikhonovScratch,
        mut take: impl FnMut(usize, ResiduePeak),
    ) {
        assert_eq!(rates.len(), self.frames * width, "a block holds frames × lanes values");
        let mut curves = vec![[0.0; LANES]; self.frames];
        for first in (0..width).step_by(LANES) {
            let lanes = LANES.min(width - first);
            for (curve, row) in curves.iter_mut().zip(rates.chunks_exact(width)) {
                for (value, &rate) in curve.iter_mut().zip(&row[first..first + lanes]) {
                    *value = f64::from(rate);
                }
            }
            residues(self, &curves, scratch);
            for lane in 0..lanes {
                take(first + lane, self.peak_of(&scratch.residue, lane));
            }
        }
    }

    fn peak_of(&self, residue: &[Lanes], lane: usize) -> ResiduePeak {
        let place = (1..self.length).fold(0, |best, n| if residue[n][lane] > residue[best][lane] { n } else { best });
        let signed = if place < self.frames { place as f64 } else { place as f64 - self.length as f64 };
        ResiduePeak { height: residue[place][lane] as f32, time: (signed * self.step) as f32, settled: true }
    }
}

/// Working memory of [`Tikhonov::peaks_of_block`].
#[derive(Debug, Default)]
pub struct TikhonovScratch {
    spectrum: Vec<[Lanes; 2]>,
    residue: Vec<Lanes>,
}

/// Leaves the residue functions in the scratch and gives the λ of each lane.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn residues(model: &Tikhonov, curves: &[Lanes], scratch: &mut TikhonovScratch) -> Lanes {
    let TikhonovScratch { spectrum, residue } = scratch;
    spectrum.resize(model.bins.len(), [[0.0; LANES]; 2]);
    for (bin, parts) in model.bins.iter().zip(spectrum.iter_mut()) {
        let (mut real, mut imaginary) = ([0.0; LANES], [0.0; LANES]);
        for ((curve, &cosine), &sine) in curves.iter().zip(&bin.wave[0]).zip(&bin.wave[1]) {
            for i in 0..LANES {
                real[i] += cosine * curve[i];
                imaginary[i] += sine * curve[i];
            }
        }
        *parts = [real, imaginary];
    }
    let chosen = match model.strength {
        Strength::CrossValidation => cross_validated(model, spectrum),
        Strength::LCurve => corner(model, spectrum),
    };
    // c·conj(g)/(|g|² + λ²), with the weight of its mirror image and of the inverse transform
    for (bin, [real, imaginary]) in model.bins.iter().zip(spectrum.iter_mut()) {
        let [a, b] = bin.arterial;
        for i in 0..LANES {
            let scale = bin.multiplicity / model.length as f64 / (bin.square() + chosen[i] * chosen[i]);
            (real[i], imaginary[i]) =
                (scale * (real[i] * a + imaginary[i] * b), scale * (imaginary[i] * a - real[i] * b));
        }
    }
    residue.clear();
    residue.resize(model.length, [0.0; LANES]);
    for (n, value) in residue.iter_mut().enumerate() {
        let mut sum = [0.0; LANES];
        for (bin, [real, imaginary]) in model.bins.iter().zip(spectrum.iter()) {
            let (cosine, sine) = (bin.wave[0][n], bin.wave[1][n]);
            for i in 0..LANES {
                sum[i] += cosine * real[i] + sine * imaginary[i];
            }
        }
        *value = sum;
    }
    chosen
}

/// The λ of the lowest score of each lane.
#[inline(always)]
fn cross_validated(model: &Tikhonov, spectrum: &[[Lanes; 2]]) -> Lanes {
    let (mut chosen, mut best) = ([0.0; LANES], [f64::INFINITY; LANES]);
    for &(lambda, trace) in &model.strengths {
        let (residual, _) = norms(model, spectrum, lambda);
        for i in 0..LANES {
            let score = residual[i] / trace;
            let better = score < best[i];
            best[i] = if better { score } else { best[i] };
            chosen[i] = if better { lambda } else { chosen[i] };
        }
    }
    chosen
}

/// The λ of each lane where its L-curve bends most: curvature of `(ln‖c - gR‖, ln‖R‖)` along ln λ by central differences.
#[inline(always)]
fn corner(model: &Tikhonov, spectrum: &[[Lanes; 2]]) -> Lanes {
    let (mut across, mut up) = ([[0.0; LANES]; STEPS], [[0.0; LANES]; STEPS]);
    for (place, &(lambda, _)) in model.strengths.iter().enumerate() {
        let (residual, solution) = norms(model, spectrum, lambda);
        for i in 0..LANES {
            (across[place][i], up[place][i]) = (0.5 * residual[i].ln(), 0.5 * solution[i].ln());
        }
    }
    let (mut chosen, mut best) = ([model.strengths[STEPS - 1].0; LANES], [f64::NEG_INFINITY; LANES]);
    for place in 1..STEPS - 1 {
        for i in 0..LANES {
            let slope = |curve: &[Lanes; STEPS]| (curve[place + 1][i] - curve[place - 1][i]) / 2.0;
            let bend = |curve: &[Lanes; STEPS]| curve[place + 1][i] - 2.0 * curve[place][i] + curve[place - 1][i];
            let (dx, dy) = (slope(&across), slope(&up));
            let curvature = (dx * bend(&up) - bend(&across) * dy) / (dx * dx + dy * dy).powf(1.5);
            if curvature > best[i] {
                (best[i], chosen[i]) = (curvature, model.strengths[place].0);
            }
        }
    }
    chosen
}

/// `‖c - gR‖²` and `‖R‖²` of each lane at one λ, both times L.
#[inline(always)]
fn norms(model: &Tikhonov, spectrum: &[[Lanes; 2]], lambda: f64) -> (Lanes, Lanes) {
    let (mut residual, mut solution) = ([0.0; LANES], [0.0; LANES]);
    for (bin, [real, imaginary]) in model.bins.iter().zip(spectrum) {
        let whole = bin.square() + lambda * lambda;
        let left = lambda * lambda / whole;
        let (lost, kept) = (bin.multiplicity * left * left, bin.multiplicity * bin.square() / (whole * whole));
        for i in 0..LANES {
            let power = real[i] * real[i] + imaginary[i] * imaginary[i];
            residual[i] += lost * power;
            solution[i] += kept * power;
        }
    }
    (residual, solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f64 = 1.5;

    fn artery(frames: usize) -> Vec<f64> {
        let bolus = |t: f64| if t <= 0.0 { 0.0 } else { (t / 4.5).powi(3) * (3.0 - t / 1.5).exp() };
        (0..frames).map(|i| 6.0 * bolus(i as f64 * STEP - 6.0) + 0.02).collect()
    }

    fn tissue(frames: usize, flow: f64, mtt: f64) -> Vec<f64> {
        let (mut sum, artery) = (0.0, artery(frames));
        artery
            .iter()
            .enumerate()
            .map(|(i, a)| {
                sum = (-STEP / mtt).exp() * sum + STEP * a;
                flow * sum + 2e-3 * (i as f64 * 12.9898).sin()
            })
            .collect()
    }

    /// Solves a dense system by Gaussian elimination with pivoting: an independent path.
    fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
        let n = right.len();
        for column in 0..n {
            let pivot =
                (column..n).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs())).unwrap();
            matrix.swap(column, pivot);
            right.swap(column, pivot);
            for row in column + 1..n {
                let factor = matrix[row][column] / matrix[column][column];
                for k in column..n {
                    matrix[row][k] -= factor * matrix[column][k];
                }
                right[row] -= factor * right[column];
            }
        }
        for row in (0..n).rev() {
            for k in row + 1..n {
                right[row] -= matrix[row][k] * right[k];
            }
            right[row] /= matrix[row][row];
        }
        right
    }

    #[test]
    fn the_spectrum_gives_the_solution_of_the_normal_equations_and_its_gcv() {
        let (artery, tissue) = (artery(16), tissue(16, 0.01, 4.0));
        let model = Tikhonov::new(&artery, STEP, Strength::CrossValidation).unwrap();
        let (residue, lambda) = model.residue(&tissue);
        let length = residue.len();
        assert_eq!(length, 32);
        let padded = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
        let a = |i: usize, j: usize| STEP * padded(&artery, (i + length - j) % length);
        let right: Vec<f64> = (0..length).map(|i| padded(&tissue, i)).collect();
        let normal = |lambda: f64| -> Vec<Vec<f64>> {
            (0..length)
                .map(|i| {
                    (0..length)
                        .map(|j| {
                            (0..length).map(|k| a(k, i) * a(k, j)).sum::<f64>()
                                + if i == j { lambda * lambda } else { 0.0 }
                        })
                        .collect()
                })
                .collect()
        };
        let transposed =
            |v: &[f64]| -> Vec<f64> { (0..length).map(|i| (0..length).map(|k| a(k, i) * v[k]).sum()).collect() };
        let expected = solve(normal(lambda), transposed(&right));
        let largest = expected.iter().copied().fold(0.0, f64::max);
        for (found, expected) in residue.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-9 * largest, "{found} {expected}");
        }
        // GCV from the explicit influence matrix: |c - A x|² / trace(I - A A#)²; no λ of the grid is better
        let score = |lambda: f64| {
            let fitted = |v: &[f64]| -> Vec<f64> {
                let x = solve(normal(lambda), transposed(v));
                (0..length).map(|i| (0..length).map(|j| a(i, j) * x[j]).sum()).collect()
            };
            let squares: f64 = fitted(&right).iter().zip(&right).map(|(f, c)| (c - f) * (c - f)).sum();
            let unit = |i: usize| (0..length).map(|j| if i == j { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
            let trace: f64 = (0..length).map(|i| 1.0 - fitted(&unit(i))[i]).sum();
            squares / (trace * trace)
        };
        let best = score(lambda);
        for &(other, _) in model.strengths.iter().step_by(3) {
            assert!(best <= score(other) * (1.0 + 1e-9), "{lambda} {other}");
        }
    }

    #[test]
    fn noise_makes_it_smoother() {
        let model = Tikhonov::new(&artery(60), STEP, Strength::CrossValidation).unwrap();
        let clean = tissue(60, 0.01, 4.0);
        let noisy: Vec<f64> = clean.iter().enumerate().map(|(i, c)| c + 0.02 * (i as f64 * 78.233).sin()).collect();
        assert!(model.residue(&noisy).1 > model.residue(&clean).1);
    }

    #[test]
    fn a_block_gives_the_peaks_of_its_curves() {
        let model = Tikhonov::new(&artery(60), STEP, Strength::CrossValidation).unwrap();
        let curves: Vec<Vec<f64>> = (0..11)
            .map(|i| tissue(60, 0.005 + 1e-3 * f64::from(i), 4.0).into_iter().map(|v| f64::from(v as f32)).collect())
            .collect();
        let rates: Vec<f32> = (0..60).flat_map(|t| curves.iter().map(move |curve| curve[t] as f32)).collect();
        let mut seen = 0;
        model.peaks_of_block(&rates, 11, &mut TikhonovScratch::default(), |lane, peak| {
            assert_eq!(peak, model.peak(&curves[lane]));
            seen += 1;
        });
        assert_eq!(seen, 11);
    }

    #[test]
    fn the_corner_lies_where_noise_meets_signal() {
        // explicit norms of the residue found at each λ; the corner must have the largest curvature among them
        let (artery, clean) = (artery(60), tissue(60, 0.01, 4.0));
        let noisy = |size: f64| -> Vec<f64> {
            clean.iter().enumerate().map(|(i, c)| c + size * (i as f64 * 78.233).sin()).collect()
        };
        let model = Tikhonov::new(&artery, STEP, Strength::LCurve).unwrap();
        let (_, little) = model.residue(&noisy(2e-4));
        let (_, much) = model.residue(&noisy(2e-2));
        assert!(little < much, "{little} {much}");
        let flow = model.residue(&noisy(2e-3)).0.into_iter().fold(f64::NEG_INFINITY, f64::max);
        assert!((flow / 0.01 - 1.0).abs() < 0.5, "{flow}");
    }

    #[test]
    fn the_norms_are_those_of_the_residue() {
        let (artery, tissue) = (artery(16), tissue(16, 0.01, 4.0));
        let model = Tikhonov::new(&artery, STEP, Strength::LCurve).unwrap();
        let (residue, lambda) = model.residue(&tissue);
        let length = residue.len();
        let padded = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
        let fitted = |i: usize| -> f64 {
            (0..length).map(|j| STEP * padded(&artery, (i + length - j) % length) * residue[j]).sum()
        };
        let misfit: f64 = (0..length).map(|i| (padded(&tissue, i) - fitted(i)).powi(2)).sum();
        let size: f64 = residue.iter().map(|value| value * value).sum();
        let spectrum: Vec<[Lanes; 2]> = model
            .bins
            .iter()
            .map(|bin| bin.wave.each_ref().map(|wave| [tissue.iter().zip(wave).map(|(c, w)| c * w).sum(); LANES]))
            .collect();
        let (found_misfit, found_size) = norms(&model, &spectrum, lambda);
        let length = length as f64;
        assert!((found_misfit[0] / length / misfit - 1.0).abs() < 1e-9, "{} {misfit}", found_misfit[0]);
        assert!((found_size[0] / length / size - 1.0).abs() < 1e-9, "{} {size}", found_size[0]);
    }

    #[test]
    fn the_delay_does_not_change_the_flow() {
        // whole frames: the circulant model is shifted and nothing else; the bolus arrives in frame 20
        let at = |values: &[f64], i: i32| values.get(usize::try_from(i).unwrap_or(usize::MAX)).copied().unwrap_or(0.0);
        let late = |values: &[f64], by: i32| -> Vec<f64> { (0..90).map(|i| at(values, i - by)).collect() };
        let bolus: Vec<f64> = artery(90).iter().map(|value| value - 0.02).collect();
        let artery = late(&bolus, 16);
        let (mut sum, mut clean) = (0.0, Vec::new());
        for value in &artery {
            sum = (-STEP / 4.0f64).exp() * sum + STEP * value;
            clean.push(0.01 * sum);
        }
        for strength in [Strength::CrossValidation, Strength::LCurve] {
            let model = Tikhonov::new(&artery, STEP, strength).unwrap();
            let shifted = |frames: i32| late(&clean, frames);
            let undelayed = model.peak(&shifted(0));
            for frames in [-3, -2, -1, 1, 2, 4] {
                let peak = model.peak(&shifted(frames));
                let delay = f64::from(frames) * STEP;
                assert!((peak.height / undelayed.height - 1.0).abs() < 0.01, "{delay}: {peak:?} {undelayed:?}");
                assert!((f64::from(peak.time - undelayed.time) - delay).abs() < 1e-4, "{delay}: {peak:?}");
            }
        }
    }
}
