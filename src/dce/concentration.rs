//! What the samples of a series are, and how a voxel's concentration comes from them.

use super::signal::{Conversion, SpoiledGradientEcho};

/// Relaxation rates R1 before contrast, 1/s.
#[derive(Debug, Clone, PartialEq)]
pub enum Rates {
    /// One for all voxels.
    One(f64),
    /// One per voxel of the mask; NaN where it is not known.
    Map(Vec<f32>),
}

impl Rates {
    /// The rate of a voxel.
    pub fn of(&self, voxel: usize) -> f64 {
        match self {
            Self::One(rate) => *rate,
            Self::Map(rates) => f64::from(rates[voxel]),
        }
    }
}

/// How concentrations come from the samples of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// A signal of which only the relative enhancement can be told; with what is missing.
    RelativeOnly(String),
    /// A signal that is converted.
    Signal {
        /// The acquisition.
        echo: SpoiledGradientEcho,
        /// Relaxivity r1, 1/(mM s).
        relaxivity: f64,
        /// R1 before contrast.
        rates: Rates,
    },
    /// Concentrations in mM already.
    Concentration,
}

impl Samples {
    /// Whether there are concentrations.
    pub fn has_concentration(&self) -> bool {
        !matches!(self, Self::RelativeOnly(_))
    }

    /// `S/S_BL - 1` (Q.MS1.004); `false` where the baseline is not above 0, or the samples are no signal.
    pub fn relative(&self, level: f64, samples: &[f64], relative: &mut Vec<f64>) -> bool {
        relative.clear();
        if *self == Self::Concentration || !(level > 0.0 && level.is_finite()) {
            return false;
        }
        relative.extend(samples.iter().map(|sample| sample / level - 1.0));
        true
    }

    /// Concentration in mM of a voxel; `false` where it is not known in every frame.
    pub fn concentration(&self, voxel: usize, level: f64, samples: &[f64], found: &mut Vec<f64>) -> bool {
        found.clear();
        match self {
            Self::RelativeOnly(_) => false,
            Self::Concentration => {
                // METHOD: a residual baseline of given concentrations is an offset, not contrast agent.
                found.extend(samples.iter().map(|sample| sample - level));
                found.iter().all(|value| value.is_finite())
            }
            Self::Signal { echo, relaxivity, rates } => {
                let Some(conversion) = echo.conversion(level, rates.of(voxel), *relaxivity) else { return false };
                converted(&conversion, samples, found)
            }
        }
    }

    /// Concentration in mM of a mean signal of blood, whose T1 is known apart; `false` as above.
    pub fn blood_concentration(&self, blood_rate: f64, level: f64, samples: &[f64], found: &mut Vec<f64>) -> bool {
        match self {
            Self::RelativeOnly(_) | Self::Concentration => self.concentration(0, level, samples, found),
            Self::Signal { echo, relaxivity, .. } => {
                found.clear();
                let Some(conversion) = echo.conversion(level, blood_rate, *relaxivity) else { return false };
                converted(&conversion, samples, found)
            }
        }
    }
}

fn converted(conversion: &Conversion, samples: &[f64], found: &mut Vec<f64>) -> bool {
    for &sample in samples {
        let Some(concentration) = conversion.concentration(sample) else { return false };
        found.push(concentration);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Degrees, Seconds};

    #[test]
    fn a_signal_without_t1_is_relative_and_no_concentration() {
        let samples = Samples::RelativeOnly("no T1".to_owned());
        let mut found = Vec::new();
        assert!(samples.relative(100.0, &[100.0, 150.0], &mut found));
        assert_eq!(found, [0.0, 0.5]);
        assert!(!samples.concentration(0, 100.0, &[100.0, 150.0], &mut found));
        assert!(!samples.relative(0.0, &[1.0, 2.0], &mut found) && !samples.relative(f64::NAN, &[1.0], &mut found));
    }

    #[test]
    fn each_voxel_is_converted_with_its_own_t1() {
        let echo = SpoiledGradientEcho::new(Degrees(15.0), Seconds(0.005)).unwrap();
        let samples = Samples::Signal { echo, relaxivity: 4.5, rates: Rates::Map(vec![0.7, 1.2, f32::NAN]) };
        for (voxel, rate) in [(0, f64::from(0.7f32)), (1, f64::from(1.2f32))] {
            let (level, signal) = (80.0 * echo.signal(rate), 80.0 * echo.signal(rate + 4.5 * 0.8));
            let mut found = Vec::new();
            assert!(samples.concentration(voxel, level, &[level, signal], &mut found));
            assert!(found[0].abs() < 1e-12 && (found[1] - 0.8).abs() < 1e-9, "{found:?}");
        }
        assert!(!samples.concentration(2, 10.0, &[10.0, 12.0], &mut Vec::new()));
    }

    #[test]
    fn given_concentrations_keep_their_unit_and_lose_their_offset() {
        let mut found = Vec::new();
        assert!(Samples::Concentration.concentration(0, 0.1, &[0.1, 1.1], &mut found));
        assert!((found[1] - 1.0).abs() < 1e-12);
        assert!(!Samples::Concentration.relative(0.1, &[0.1, 1.1], &mut found));
    }
}
