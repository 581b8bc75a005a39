//! Radioactive decay: half-lives, and the factor that brings a frame's mean activity to a reference time.
//!
//! Frame factor: the mean of `e^{-λt}` over a frame is `e^{-λ start} (1 - e^{-λΔ}) / (λΔ)`; its inverse is what DICOM
//! and BIDS call the decay correction factor.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::suv::SuvUnavailable;
use crate::acquisition::{PetAcquisition, PetFrame};
use crate::clinical::Tracer;
use crate::units::Seconds;

/// Half-life of carbon-11.
pub const CARBON_11: Seconds = Seconds(1221.8);
/// Half-life of fluorine-18.
pub const FLUORINE_18: Seconds = Seconds(6586.2);

closed_words! {
    /// A radionuclide whose half-life the program knows.
    pub enum Radionuclide: "radionuclide" {
        /// Carbon-11.
        Carbon11 = "C-11",
        /// Fluorine-18.
        Fluorine18 = "F-18",
        /// Gallium-68; its half-life is a setting.
        Gallium68 = "Ga-68",
    }
}

impl Radionuclide {
    /// Reads `C11`, `11C`, `C-11`, `^11^Carbon` and the like; `None` for a nuclide that is not in the table.
    pub fn from_name(name: &str) -> Option<Self> {
        let word: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        match word.as_str() {
            "C11" | "11C" | "CARBON11" | "11CARBON" => Some(Self::Carbon11),
            "F18" | "18F" | "FLUORINE18" | "18FLUORINE" | "FLUOR18" | "18FLUOR" => Some(Self::Fluorine18),
            "GA68" | "68GA" | "GALLIUM68" | "68GALLIUM" => Some(Self::Gallium68),
            _ => None,
        }
    }

    /// The radionuclide that a tracer is made with; `None` for a tracer that the program does not know, or that several
    /// serve for.
    pub const fn of_tracer(tracer: &Tracer) -> Option<Self> {
        match tracer {
            Tracer::Met => Some(Self::Carbon11),
            Tracer::Fet | Tracer::Fdopa | Tracer::Fdg => Some(Self::Fluorine18),
            Tracer::Other(_) => None,
        }
    }

    /// Its half-life in the table of the program or in the settings.
    pub fn half_life(self, settings: &Settings) -> Seconds {
        match self {
            Self::Carbon11 => CARBON_11,
            Self::Fluorine18 => FLUORINE_18,
            Self::Gallium68 => Seconds(settings.gallium_68_half_life_s),
        }
    }
}

/// A half-life and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HalfLife {
    /// The half-life.
    pub seconds: Seconds,
    /// Where it comes from.
    pub source: HalfLifeSource,
}

/// Where a half-life comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HalfLifeSource {
    /// `RadionuclideHalfLife` of the sidecar: it wins.
    Header,
    /// The table, by `TracerRadionuclide`.
    Table(Radionuclide),
}

impl std::fmt::Display for HalfLife {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.source {
            HalfLifeSource::Header => write!(f, "{} (header)", self.seconds),
            HalfLifeSource::Table(nuclide) => write!(f, "{} (table, {nuclide})", self.seconds),
        }
    }
}

impl HalfLife {
    /// The half-life to use: the header's wins, then the table by radionuclide.
    ///
    /// METHOD: the image was decay-corrected by the scanner with the header's value, so the same value must undo it;
    /// vendors differ by up to 0.4 %.
    pub fn of(acquisition: &PetAcquisition, settings: &Settings) -> Result<Self, SuvUnavailable> {
        if let Some(seconds) = acquisition.half_life {
            if !(seconds.0.is_finite() && seconds.0 > 0.0) {
                return Err(SuvUnavailable::OutOfRange {
                    field: "RadionuclideHalfLife",
                    found: seconds.to_string(),
                    expected: "above 0 s",
                });
            }
            return Ok(Self { seconds, source: HalfLifeSource::Header });
        }
        let missing = SuvUnavailable::Missing {
            field: "RadionuclideHalfLife",
            expected: "the half-life in s, or TracerRadionuclide C11, F18 or Ga68",
        };
        let name = acquisition.radionuclide.as_deref().ok_or(missing.clone())?;
        let nuclide = Radionuclide::from_name(name).ok_or(missing)?;
        if let Some(tracer) = &acquisition.tracer
            && Radionuclide::of_tracer(tracer).is_some_and(|expected| expected != nuclide)
        {
            return Err(SuvUnavailable::OutOfRange {
                field: "TracerRadionuclide",
                found: format!("{nuclide}, with the tracer {}", tracer.as_str()),
                expected: "the radionuclide of the tracer, or its half-life in RadionuclideHalfLife",
            });
        }
        Ok(Self { seconds: nuclide.half_life(settings), source: HalfLifeSource::Table(nuclide) })
    }

    /// Decay constant λ = ln 2 / T½, 1/s.
    pub fn decay_constant(&self) -> f64 {
        std::f64::consts::LN_2 / self.seconds.0
    }
}

/// Factor that brings the mean activity over a frame to the reference time: `e^{λ start} λΔ / (1 - e^{-λΔ})`.
///
/// `decay_constant` in 1/s; `start` is the frame's start after the reference time. `None` unless the duration is
/// positive and all is finite.
pub fn frame_factor(decay_constant: f64, start: Seconds, duration: Seconds) -> Option<f64> {
    let exponent = decay_constant * duration.0;
    let factor = (decay_constant * start.0).exp() * exponent / -(-exponent).exp_m1();
    (duration.0 > 0.0 && factor.is_finite()).then_some(factor)
}

/// The factor of a frame that is not decay-corrected, to the time of injection.
pub fn factor_to_injection(half_life: &HalfLife, frame: PetFrame, injection: Seconds) -> Option<f64> {
    frame_factor(half_life.decay_constant(), Seconds(frame.start.0 - injection.0), frame.duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    #[test]
    fn the_header_wins_over_the_table() {
        let settings: Settings = default_section("pet");
        let mut acquisition = PetAcquisition::unknown();
        acquisition.radionuclide = Some("F18".into());
        let table = HalfLife::of(&acquisition, &settings).unwrap();
        assert_eq!((table.seconds, table.source), (FLUORINE_18, HalfLifeSource::Table(Radionuclide::Fluorine18)));
        acquisition.half_life = Some(Seconds(6588.0));
        let header = HalfLife::of(&acquisition, &settings).unwrap();
        assert_eq!(header.to_string(), "6588 s (header)");
    }

    #[test]
    fn an_unknown_nuclide_has_no_default() {
        let settings: Settings = default_section("pet");
        let mut acquisition = PetAcquisition::unknown();
        acquisition.radionuclide = Some("Zr89".into());
        let error = HalfLife::of(&acquisition, &settings).unwrap_err().to_string();
        assert!(error.contains("RadionuclideHalfLife"), "{error}");
    }

    #[test]
    fn nuclides_are_read_in_the_spellings_of_dicom_and_bids() {
        for name in ["C11", "11C", "C-11", "^11^Carbon", "carbon-11"] {
            assert_eq!(Radionuclide::from_name(name), Some(Radionuclide::Carbon11), "{name}");
        }
        assert_eq!(Radionuclide::from_name("18F"), Some(Radionuclide::Fluorine18));
        assert_eq!(Radionuclide::from_name("68Ga"), Some(Radionuclide::Gallium68));
    }

    #[test]
    fn a_short_frame_at_the_reference_time_needs_no_correction() {
        let factor = frame_factor(std::f64::consts::LN_2 / 1221.8, Seconds(0.0), Seconds(1e-6)).unwrap();
        assert!((factor - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_half_life_of_delay_doubles_the_factor() {
        let lambda = std::f64::consts::LN_2 / 6586.2;
        let early = frame_factor(lambda, Seconds(100.0), Seconds(300.0)).unwrap();
        let late = frame_factor(lambda, Seconds(6686.2), Seconds(300.0)).unwrap();
        assert!((late / early - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_ge_scanner_of_sts_001_is_reproduced() {
        // Written by the scanner to six figures: F-18 with 6588 s, frames of 240 s, one each 243 s.
        let expected = [1.01268, 1.0389, 1.06581, 1.09341, 1.12172, 1.15077];
        for (i, expected) in expected.into_iter().enumerate() {
            let start = Seconds(243.0 * i as f64);
            let factor = frame_factor(std::f64::consts::LN_2 / 6588.0, start, Seconds(240.0)).unwrap();
            assert!((factor - expected).abs() < 6e-6, "frame {i}: {factor}");
        }
    }

    #[test]
    fn a_frame_without_duration_has_no_factor() {
        assert_eq!(frame_factor(1e-4, Seconds(0.0), Seconds(0.0)), None);
        assert_eq!(frame_factor(1e-4, Seconds(0.0), Seconds(-1.0)), None);
        assert_eq!(frame_factor(f64::NAN, Seconds(0.0), Seconds(1.0)), None);
    }
}
