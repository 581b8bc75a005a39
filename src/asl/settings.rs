//! The choices of an ASL analysis. Defaults and their sources stand in `settings.toml`, section `[asl]`.

use serde::{Deserialize, Serialize};

use super::error::SettingError;
use super::model::SeveralDelaysModel;

/// The section `[asl]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each key is documented once, in settings.toml
pub struct Settings {
    pub several_delays_model: SeveralDelaysModel,
    pub arterial_term: bool,
    pub blood_t1_1_5t_s: f64,
    pub blood_t1_3t_s: f64,
    pub blood_t1_7t_s: f64,
    pub tissue_t1_1_5t_s: f64,
    pub tissue_t1_3t_s: f64,
    pub tissue_t1_7t_s: f64,
    pub partition_coefficient: f64,
    pub efficiency_pcasl: f64,
    pub efficiency_pasl: f64,
    pub efficiency_casl: f64,
    pub background_suppression_factor: f64,
    pub m0_long_repetition_time_s: f64,
    pub outlier_pairs_sd: f64,
    pub outlier_pairs_minimum: usize,
    pub m0_floor_fraction: f64,
    pub att_low_s: f64,
    pub att_high_s: f64,
    pub att_step_s: f64,
    pub quality: QualityLimits,
}

/// The section `[asl.quality]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each key is documented once, in settings.toml
pub struct QualityLimits {
    pub pairs_caution: usize,
    pub rejected_caution: f64,
    pub rejected_fail: f64,
    pub negative_caution: f64,
    pub negative_fail: f64,
    pub mean_cbf: [f64; 2],
}

impl Settings {
    /// Rejects values that cannot be meant, naming the key.
    pub fn check(&self) -> Result<(), SettingError> {
        for (key, value) in [
            ("blood_t1_1_5t_s", self.blood_t1_1_5t_s),
            ("blood_t1_3t_s", self.blood_t1_3t_s),
            ("blood_t1_7t_s", self.blood_t1_7t_s),
            ("tissue_t1_1_5t_s", self.tissue_t1_1_5t_s),
            ("tissue_t1_3t_s", self.tissue_t1_3t_s),
            ("tissue_t1_7t_s", self.tissue_t1_7t_s),
            ("m0_long_repetition_time_s", self.m0_long_repetition_time_s),
            ("att_step_s", self.att_step_s),
        ] {
            require(key, value, value > 0.0 && value <= 10.0, "seconds above 0 and at most 10 (milliseconds?)")?;
        }
        for (key, value) in [
            ("partition_coefficient", self.partition_coefficient),
            ("efficiency_pcasl", self.efficiency_pcasl),
            ("efficiency_pasl", self.efficiency_pasl),
            ("efficiency_casl", self.efficiency_casl),
            ("background_suppression_factor", self.background_suppression_factor),
        ] {
            require(key, value, value > 0.0 && value <= 1.0, "above 0 and at most 1")?;
        }
        for (key, value) in [
            ("m0_floor_fraction", self.m0_floor_fraction),
            ("quality.rejected_caution", self.quality.rejected_caution),
            ("quality.rejected_fail", self.quality.rejected_fail),
            ("quality.negative_caution", self.quality.negative_caution),
            ("quality.negative_fail", self.quality.negative_fail),
        ] {
            require(key, value, (0.0..=1.0).contains(&value), "a share from 0 to 1")?;
        }
        let outlier = self.outlier_pairs_sd;
        require("outlier_pairs_sd", outlier, outlier >= 0.0 && outlier.is_finite(), "0 (keep all) or above")?;
        let minimum = self.outlier_pairs_minimum;
        require("outlier_pairs_minimum", minimum as f64, minimum >= 3, "3 pairs or more")?;
        let (low, high) = (self.att_low_s, self.att_high_s);
        require("att_low_s", low, low >= 0.0 && low.is_finite(), "0 s or above")?;
        require("att_high_s", high, high > low && high <= 10.0, "above att_low_s and at most 10 s")?;
        let [low, high] = self.quality.mean_cbf;
        require("quality.mean_cbf", high, low >= 0.0 && high > low && high.is_finite(), "two values in order")
    }
}

fn require(key: &'static str, found: f64, possible: bool, expected: &'static str) -> Result<(), SettingError> {
    if possible { Ok(()) } else { Err(SettingError { key, found: found.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    #[test]
    fn the_defaults_are_possible() {
        assert_eq!(default_section::<Settings>("asl").check(), Ok(()));
    }

    #[test]
    fn an_impossible_value_is_named() {
        let mut settings: Settings = default_section("asl");
        settings.blood_t1_3t_s = 1650.0;
        assert_eq!(settings.check().unwrap_err().key, "blood_t1_3t_s");
        let mut settings: Settings = default_section("asl");
        settings.efficiency_pcasl = f64::NAN;
        assert_eq!(settings.check().unwrap_err().key, "efficiency_pcasl");
    }
}
