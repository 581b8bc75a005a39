//! The PET section of the settings, and what it may hold.

use serde::{Deserialize, Serialize};

use super::background::BackgroundStatistic;
use super::peak::PeakMode;
use super::response::ResponseRule;
use super::suv::SuvKind;
use crate::clinical::Tracer;

/// A value of the section `[pet]` that cannot be meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("settings [pet] {key} is {found}: expected {expected}")]
pub struct SettingsError {
    /// The key.
    pub key: String,
    /// What stood there.
    pub found: String,
    /// What is possible.
    pub expected: &'static str,
}

closed_words! {
    /// What uptake is divided by in a study, where no region was drawn for it.
    pub enum BackgroundMode: "background" {
        /// The crescent where the lesion is known to lie in the brain, nothing elsewhere.
        Auto = "auto",
        /// The contralateral crescent.
        Crescent = "crescent",
        /// The lesions mirrored and enlarged.
        Mirror = "mirror",
        /// The healthier hemisphere.
        Hemisphere = "hemisphere",
        /// Nothing: no ratio.
        None = "none",
    }
}

/// The section `[pet]`; units and sources stand in `settings.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each key is documented once, in settings.toml
pub struct Settings {
    pub suv: SuvKind,
    pub peak: PeakMode,
    pub background: BackgroundMode,
    pub background_statistic: BackgroundStatistic,
    pub gallium_68_half_life_s: f64,
    pub half_life_tolerance: f64,
    pub decay_shift_limit_s: f64,
    pub frame_overlap_tolerance_s: f64,
    pub longest_interval_s: f64,
    pub dose_lowest_mbq: f64,
    pub dose_highest_mbq: f64,
    pub weight_lowest_kg: f64,
    pub weight_highest_kg: f64,
    pub height_lowest_m: f64,
    pub height_highest_m: f64,
    pub scan_start_tolerance_s: f64,
    pub scanner_fwhm_mm: f64,
    pub comparison_reach_mm: f64,
    pub background_cov_limit: f64,
    pub background_smallest_ml: f64,
    pub background_overlap_fail: f64,
    pub tbr_implausible: f64,
    pub static_window_start_min: f64,
    pub static_window_end_min: f64,
    pub static_window_coverage: f64,
    pub slope_window_start_min: f64,
    pub slope_window_end_min: f64,
    pub slope_fewest_frames: usize,
    pub plateau_tolerance: f64,
    pub response_uptake_time_tolerance_min: f64,
    pub volumes: VolumeSettings,
    pub response: Vec<ResponseRule>,
}

/// Biological tumor volume rules per tracer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each key is documented once, in settings.toml
pub struct VolumeSettings {
    pub met: Vec<VolumeRule>,
    pub fet: Vec<VolumeRule>,
    pub fdopa: Vec<VolumeRule>,
    pub fdg: Vec<VolumeRule>,
    pub other: Vec<VolumeRule>,
}

/// Which voxels of a lesion belong to its biological tumor volume; a voxel on the bound belongs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum VolumeRule {
    /// Uptake over background of at least this ratio.
    Tbr {
        /// The ratio.
        at_least: f64,
    },
    /// At least this share of the lesion's maximum.
    PercentOfMax {
        /// The share, %.
        at_least: f64,
    },
    /// SUV of at least this, in the unit of the chosen normalization.
    Suv {
        /// The SUV.
        at_least: f64,
    },
}

impl std::fmt::Display for VolumeRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tbr { at_least } => write!(f, "TBR at least {at_least}"),
            Self::PercentOfMax { at_least } => write!(f, "at least {at_least} % of the maximum"),
            Self::Suv { at_least } => write!(f, "SUV at least {at_least}"),
        }
    }
}

impl VolumeSettings {
    /// The rules of a tracer, the deciding one first; none where the tracer is not known.
    pub fn rules(&self, tracer: Option<&Tracer>) -> &[VolumeRule] {
        match tracer {
            Some(Tracer::Met) => &self.met,
            Some(Tracer::Fet) => &self.fet,
            Some(Tracer::Fdopa) => &self.fdopa,
            Some(Tracer::Fdg) => &self.fdg,
            Some(Tracer::Other(_)) => &self.other,
            None => &[],
        }
    }
}

impl Settings {
    /// Rejects values that cannot be meant, with the key's name.
    pub fn check(&self) -> Result<(), SettingsError> {
        for (key, value) in [
            ("gallium_68_half_life_s", self.gallium_68_half_life_s),
            ("half_life_tolerance", self.half_life_tolerance),
            ("decay_shift_limit_s", self.decay_shift_limit_s),
            ("longest_interval_s", self.longest_interval_s),
            ("dose_lowest_mbq", self.dose_lowest_mbq),
            ("weight_lowest_kg", self.weight_lowest_kg),
            ("scanner_fwhm_mm", self.scanner_fwhm_mm),
            ("background_cov_limit", self.background_cov_limit),
            ("tbr_implausible", self.tbr_implausible),
        ] {
            require(key, value, value.is_finite() && value > 0.0, "a number above 0")?;
        }
        for (key, value) in [
            ("frame_overlap_tolerance_s", self.frame_overlap_tolerance_s),
            ("comparison_reach_mm", self.comparison_reach_mm),
            ("background_smallest_ml", self.background_smallest_ml),
            ("static_window_start_min", self.static_window_start_min),
            ("slope_window_start_min", self.slope_window_start_min),
            ("plateau_tolerance", self.plateau_tolerance),
            ("scan_start_tolerance_s", self.scan_start_tolerance_s),
            ("response_uptake_time_tolerance_min", self.response_uptake_time_tolerance_min),
            ("height_lowest_m", self.height_lowest_m),
        ] {
            require(key, value, value.is_finite() && value >= 0.0, "0 or a number above")?;
        }
        for (key, low, high) in [
            ("dose_highest_mbq", self.dose_lowest_mbq, self.dose_highest_mbq),
            ("weight_highest_kg", self.weight_lowest_kg, self.weight_highest_kg),
            ("height_highest_m", self.height_lowest_m, self.height_highest_m),
            ("static_window_end_min", self.static_window_start_min, self.static_window_end_min),
            ("slope_window_end_min", self.slope_window_start_min, self.slope_window_end_min),
        ] {
            require(key, high, high.is_finite() && high > low, "a number above its lower bound")?;
        }
        for (key, share) in [
            ("background_overlap_fail", self.background_overlap_fail),
            ("static_window_coverage", self.static_window_coverage),
        ] {
            require(key, share, (0.0..=1.0).contains(&share), "a share between 0 and 1")?;
        }
        let fewest = self.slope_fewest_frames;
        require("slope_fewest_frames", fewest as f64, fewest >= 2, "at least 2 frames")?;
        self.volumes.check()?;
        self.response.iter().try_for_each(ResponseRule::check)
    }
}

impl VolumeSettings {
    fn check(&self) -> Result<(), SettingsError> {
        for (tracer, rules) in
            [("met", &self.met), ("fet", &self.fet), ("fdopa", &self.fdopa), ("fdg", &self.fdg), ("other", &self.other)]
        {
            let key = format!("volumes.{tracer}");
            for rule in rules {
                match *rule {
                    VolumeRule::Tbr { at_least } | VolumeRule::Suv { at_least } => {
                        require(&key, at_least, at_least.is_finite() && at_least > 0.0, "a number above 0")?;
                    }
                    VolumeRule::PercentOfMax { at_least } => {
                        require(&key, at_least, at_least > 0.0 && at_least <= 100.0, "above 0 and at most 100 %")?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn require(key: &str, found: f64, possible: bool, expected: &'static str) -> Result<(), SettingsError> {
    if possible { Ok(()) } else { Err(SettingsError { key: key.to_owned(), found: found.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(default_section::<Settings>("pet").check(), Ok(()));
    }

    #[test]
    fn an_impossible_value_is_an_error_that_names_the_key() {
        let mut settings: Settings = default_section("pet");
        settings.scanner_fwhm_mm = f64::NAN;
        assert_eq!(settings.check().unwrap_err().key, "scanner_fwhm_mm");
        let mut settings: Settings = default_section("pet");
        settings.volumes.fdg = vec![VolumeRule::PercentOfMax { at_least: 141.0 }];
        assert_eq!(settings.check().unwrap_err().key, "volumes.fdg");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let text = toml::to_string(&default_section::<Settings>("pet")).unwrap();
        assert!(toml::from_str::<Settings>(&text).is_ok());
        let error = toml::from_str::<Settings>(&format!("typo = 1\n{text}")).unwrap_err().to_string();
        assert!(error.contains("typo"), "{error}");
    }

    #[test]
    fn each_tracer_has_its_own_rule_and_an_unknown_one_has_none() {
        let volumes = default_section::<Settings>("pet").volumes;
        assert_eq!(volumes.rules(Some(&Tracer::Met))[0], VolumeRule::Tbr { at_least: 1.3 });
        assert_eq!(volumes.rules(Some(&Tracer::Fet))[0], VolumeRule::Tbr { at_least: 1.6 });
        assert_eq!(volumes.rules(Some(&Tracer::Fdg))[0], VolumeRule::PercentOfMax { at_least: 41.0 });
        assert!(volumes.rules(Some(&Tracer::Other("PSMA".into()))).is_empty());
        assert!(volumes.rules(None).is_empty());
    }
}
