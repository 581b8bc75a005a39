//! Noise and texture that are the same on every machine and for any order of evaluation.
//!
//! Every voxel has a random stream of its own, seeded from what it is (seed, image, voxel), so a value never depends
//! on which voxel was drawn before it. Normal deviates: the polar method (Marsaglia & Bray, SIAM Review 1964;6:260).

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A stream of standard normal deviates that belongs to one voxel of one image.
pub(super) struct NormalStream {
    generator: Pcg64Mcg,
    spare: Option<f64>,
}

impl NormalStream {
    /// The stream of voxel `voxel` in the image with seed `image_seed`.
    pub(super) fn new(image_seed: u64, voxel: usize) -> Self {
        Self { generator: Pcg64Mcg::seed_from_u64(mix(image_seed ^ mix(voxel as u64))), spare: None }
    }

    /// The next deviate.
    pub(super) fn next(&mut self) -> f64 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        loop {
            let a = 2.0 * self.generator.random::<f64>() - 1.0;
            let b = 2.0 * self.generator.random::<f64>() - 1.0;
            let square = a * a + b * b;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(b * scale);
                return a * scale;
            }
        }
    }

    /// Magnitude of a signal with independent noise of standard deviation `sd` in both channels: a Rician deviate
    /// (Gudbjartsson & Patz, MRM 1995;34:910).
    pub(super) fn rician(&mut self, signal: f64, sd: f64) -> f64 {
        let real = signal + sd * self.next();
        let imaginary = sd * self.next();
        (real * real + imaginary * imaginary).sqrt()
    }
}

/// Smooth texture with values in -1..1 at a position in mm: random values on a cubic lattice, joined smoothly.
pub(super) fn texture(seed: u64, position: [f64; 3], lattice_mm: f64) -> f64 {
    let scaled = position.map(|value| value / lattice_mm);
    let cell = scaled.map(f64::floor);
    let weight: [f64; 3] = std::array::from_fn(|axis| {
        let t = scaled[axis] - cell[axis];
        t * t * (3.0 - 2.0 * t)
    });
    (0..8)
        .map(|corner| {
            let at: [i64; 3] = std::array::from_fn(|axis| cell[axis] as i64 + (corner >> axis & 1));
            let share: f64 =
                (0..3).map(|axis| if corner >> axis & 1 == 1 { weight[axis] } else { 1.0 - weight[axis] }).product();
            share * (2.0 * unit(seed, at) - 1.0)
        })
        .sum()
}

/// A value in 0..1 that belongs to a lattice point.
pub(super) fn unit(seed: u64, at: [i64; 3]) -> f64 {
    let bits = at.iter().fold(seed, |bits, &coordinate| mix(bits ^ coordinate as u64));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Mixes the bits of a seed: the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014:453).
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_deviates_have_mean_0_and_variance_1() {
        let draws: Vec<f64> = (0..1000)
            .flat_map(|voxel| {
                let mut stream = NormalStream::new(7, voxel);
                (0..100).map(move |_| stream.next()).collect::<Vec<_>>()
            })
            .collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors: 4/√n = 0.013 for the mean, 4·√(2/n) = 0.018 for the variance.
        assert!(mean.abs() < 0.013, "{mean}");
        assert!((variance - 1.0).abs() < 0.018, "{variance}");
    }

    #[test]
    fn rician_background_has_mean_1_2533_sd() {
        // Without signal the magnitude follows a Rayleigh distribution: mean √(π/2) σ.
        let mean = (0..20_000).map(|voxel| NormalStream::new(3, voxel).rician(0.0, 2.0)).sum::<f64>() / 20_000.0;
        assert!((mean / 2.0 - 1.2533).abs() < 0.02, "{mean}");
    }

    #[test]
    fn a_voxel_draws_the_same_whatever_was_drawn_before() {
        let first = NormalStream::new(1, 5).next();
        let _ = NormalStream::new(1, 4).next();
        assert_eq!(NormalStream::new(1, 5).next(), first);
        assert_ne!(NormalStream::new(2, 5).next(), first);
        assert_ne!(NormalStream::new(1, 6).next(), first);
    }

    #[test]
    fn texture_is_continuous_and_bounded() {
        for i in 0..400 {
            let x = f64::from(i) * 0.37 - 70.0;
            let value = texture(9, [x, 3.0, -2.0], 6.0);
            let step = texture(9, [x + 1e-6, 3.0, -2.0], 6.0) - value;
            assert!(value.abs() <= 1.0 && step.abs() < 1e-5, "{x} {value} {step}");
        }
    }
}
