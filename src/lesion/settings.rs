//! The `[lesion]` settings.

use serde::{Deserialize, Serialize};

use super::error::LesionError;

/// Limits and constants of lesion measurement; the defaults and their sources stand in `settings.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Pieces of a binary mask closer than this are one lesion, mm.
    pub join_below_mm: f64,
    /// Components of a binary mask below this volume are dropped, mL.
    pub smallest_ml: f64,
    /// A voxel enhances when its T1 lies this many standard deviations above the reference's mean.
    pub enhancement_sd: f64,
    /// Share of the mask that may lack enhancement before the mean over enhancing tissue decides.
    pub core_share: f64,
    /// Thickness of a lesion's rim, mm.
    pub rim_mm: f64,
    /// Percentile of a lesion's values from which voxels belong to the biopsy target.
    pub target_percentile: f64,
    /// Rise of T1 after contrast from which a voxel counts as enhancing in the subtraction, %.
    pub subtraction_percent: f64,
    /// Edge of a bootstrap block, mm.
    pub bootstrap_block_mm: f64,
    /// Bootstrap replicates.
    pub bootstrap_replicates: u32,
    /// Fewest blocks for an interval.
    pub bootstrap_fewest_blocks: u32,
    /// Fewest usable voxels for an interval.
    pub bootstrap_fewest_voxels: u32,
    /// Seed of the bootstrap.
    pub bootstrap_seed: u64,
}

impl Settings {
    /// Rejects impossible values, naming the key.
    pub fn check(&self) -> Result<(), LesionError> {
        let checks: [(&'static str, f64, &'static str, bool); 10] = [
            ("join_below_mm", self.join_below_mm, "0 mm to 100 mm", (0.0..=100.0).contains(&self.join_below_mm)),
            ("smallest_ml", self.smallest_ml, "0 mL to 100 mL", (0.0..=100.0).contains(&self.smallest_ml)),
            ("enhancement_sd", self.enhancement_sd, "0 to 100", (0.0..=100.0).contains(&self.enhancement_sd)),
            ("rim_mm", self.rim_mm, "above 0 mm and at most 100 mm", self.rim_mm > 0.0 && self.rim_mm <= 100.0),
            ("target_percentile", self.target_percentile, "0 to 100", (0.0..=100.0).contains(&self.target_percentile)),
            (
                "subtraction_percent",
                self.subtraction_percent,
                "0 % to 1000 %",
                (0.0..=1000.0).contains(&self.subtraction_percent),
            ),
            ("core_share", self.core_share, "0 to 1", (0.0..=1.0).contains(&self.core_share)),
            (
                "bootstrap_block_mm",
                self.bootstrap_block_mm,
                "above 0 mm and at most 100 mm",
                self.bootstrap_block_mm > 0.0 && self.bootstrap_block_mm <= 100.0,
            ),
            (
                "bootstrap_replicates",
                f64::from(self.bootstrap_replicates),
                "200 to 100000",
                (200..=100_000).contains(&self.bootstrap_replicates),
            ),
            (
                "bootstrap_fewest_blocks",
                f64::from(self.bootstrap_fewest_blocks),
                "at least 3",
                self.bootstrap_fewest_blocks >= 3,
            ),
        ];
        match checks.into_iter().find(|(_, _, _, holds)| !holds) {
            Some((key, found, expected, _)) => Err(LesionError::Setting { key, found: found.to_string(), expected }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_possible() {
        let settings: Settings = crate::settings::default_section("lesion");
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn an_impossible_value_is_named() {
        let mut settings: Settings = crate::settings::default_section("lesion");
        settings.core_share = -0.2;
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("core_share = -0.2"), "{error}");
        settings.core_share = 0.2;
        settings.bootstrap_block_mm = f64::NAN;
        assert!(settings.check().unwrap_err().to_string().contains("bootstrap_block_mm"));
    }
}
