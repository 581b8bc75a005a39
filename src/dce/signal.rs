//! From a spoiled gradient echo signal to a contrast agent concentration.
//!
//! `S = M0 sin α (1 - E1)/(1 - E1 cos α)`, `E1 = e^{-TR/T1}` (Ernst RR, Anderson WA, Rev Sci Instrum 1966;37:93),
//! inverted with M0 from the baseline; `C = (R1 - R10)/r1` (fast exchange). T2* is neglected, as the model has it.

use crate::units::{Degrees, Seconds};

/// A spoiled gradient echo acquisition in the steady state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpoiledGradientEcho {
    sine: f64,
    cosine: f64,
    repetition_time: f64,
}

impl SpoiledGradientEcho {
    /// From the flip angle and the *excitation* repetition time; `None` for angles outside 0 to 90° (both excluded)
    /// or a time that is not above 0.
    pub fn new(flip_angle: Degrees, repetition_time: Seconds) -> Option<Self> {
        let possible = flip_angle.0 > 0.0 && flip_angle.0 < 90.0 && repetition_time.0 > 0.0;
        (possible && repetition_time.0.is_finite()).then(|| {
            let (sine, cosine) = flip_angle.0.to_radians().sin_cos();
            Self { sine, cosine, repetition_time: repetition_time.0 }
        })
    }

    /// Signal of a tissue with M0 = 1 and a relaxation rate R1 in 1/s.
    pub fn signal(&self, relaxation_rate: f64) -> f64 {
        let e1 = (-self.repetition_time * relaxation_rate).exp();
        self.sine * (1.0 - e1) / (1.0 - e1 * self.cosine)
    }

    /// Relaxation rate R1 in 1/s of a signal over its M0; `None` where no rate gives that signal.
    pub fn relaxation_rate(&self, signal: f64, m0: f64) -> Option<f64> {
        let full = m0 * self.sine;
        let e1 = (full - signal) / (full - signal * self.cosine);
        (e1 > 0.0 && e1 < 1.0).then(|| -e1.ln() / self.repetition_time)
    }

    /// The conversion for one voxel: baseline signal, R1 before contrast (1/s) and relaxivity (1/(mM s)). `None` where
    /// one of them is not above 0 and finite.
    pub fn conversion(&self, baseline: f64, relaxation_rate: f64, relaxivity: f64) -> Option<Conversion> {
        let possible = [baseline, relaxation_rate, relaxivity].iter().all(|&value| value > 0.0 && value.is_finite());
        possible.then(|| Conversion {
            echo: *self,
            m0: baseline / self.signal(relaxation_rate),
            relaxation_rate,
            relaxivity,
        })
    }
}

/// The conversion of one voxel's signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    echo: SpoiledGradientEcho,
    m0: f64,
    relaxation_rate: f64,
    relaxivity: f64,
}

impl Conversion {
    /// Concentration in mM; below 0 where the signal lies below the baseline. `None` where no relaxation rate gives the
    /// signal.
    pub fn concentration(&self, signal: f64) -> Option<f64> {
        Some((self.echo.relaxation_rate(signal, self.m0)? - self.relaxation_rate) / self.relaxivity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SpoiledGradientEcho {
        SpoiledGradientEcho::new(Degrees(15.0), Seconds(0.005)).unwrap()
    }

    #[test]
    fn a_concentration_comes_back_from_its_signal() {
        let (r10, r1) = (1.0 / 1.4, 4.5);
        let conversion = echo().conversion(250.0 * echo().signal(r10), r10, r1).unwrap();
        for concentration in [-0.05, 0.0, 0.3, 2.0, 6.0] {
            let signal = 250.0 * echo().signal(r10 + r1 * concentration);
            assert!((conversion.concentration(signal).unwrap() - concentration).abs() < 1e-12);
        }
    }

    #[test]
    fn the_ernst_angle_gives_the_largest_signal() {
        // cos α = E1: for TR/T1 = 0.01, α = acos(e^-0.01) = 8.0953°
        let angle = (-0.01f64).exp().acos().to_degrees();
        let at = |angle| SpoiledGradientEcho::new(Degrees(angle), Seconds(0.01)).unwrap().signal(1.0);
        assert!(at(angle) > at(angle - 0.1) && at(angle) > at(angle + 0.1));
    }

    #[test]
    fn a_signal_that_no_tissue_has_is_not_estimated() {
        let conversion = echo().conversion(100.0, 0.7, 4.5).unwrap();
        assert_eq!(conversion.concentration(1e9), None);
        assert_eq!(conversion.concentration(-1.0), None);
        assert_eq!(conversion.concentration(f64::NAN), None);
        assert!(echo().conversion(0.0, 0.7, 4.5).is_none());
    }

    #[test]
    fn impossible_angles_and_times_are_refused() {
        assert!(SpoiledGradientEcho::new(Degrees(0.0), Seconds(0.005)).is_none());
        assert!(SpoiledGradientEcho::new(Degrees(90.0), Seconds(0.005)).is_none());
        assert!(SpoiledGradientEcho::new(Degrees(15.0), Seconds(f64::INFINITY)).is_none());
    }
}
