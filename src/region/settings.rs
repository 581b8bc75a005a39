//! The `[region]` settings.

use serde::{Deserialize, Serialize};

use super::error::RegionError;

/// Distances and sizes of the regions; the defaults and their sources stand in `settings.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Margin around every lesion that no healthy region may enter, mm.
    pub lesion_margin_mm: f64,
    /// Distance that healthy regions keep from the mid-sagittal plane, mm.
    pub midline_margin_mm: f64,
    /// A lesion that reaches farther than this past the plane on both sides crosses it, mm.
    pub midline_tolerance_mm: f64,
    /// Smallest left-right correlation of a usable plane.
    pub minimum_symmetry: f64,
    /// Depth below the brain surface where white matter is looked for, mm.
    pub white_matter_depth_mm: f64,
    /// Share of the deep voxels that the white-matter range holds.
    pub white_matter_share: f64,
    /// Smallest volume of a reference region, mL.
    pub reference_minimum_ml: f64,
    /// Step in which the mirrored lesion grows until it holds enough white matter, mm.
    pub reference_grow_step_mm: f64,
    /// How far it may grow, mm.
    pub reference_grow_limit_mm: f64,
    /// Depths below the brain surface between which the crescent lies, mm.
    pub crescent_depth_mm: [f64; 2],
    /// Margin by which a mirrored lesion is enlarged to serve as PET background, mm.
    pub mirror_margin_mm: f64,
    /// Smallest volume of a background region, mL.
    pub background_minimum_ml: f64,
    /// Thickness of scalp and skull, taken off where only an outline of the head is known, mm.
    pub scalp_and_skull_mm: f64,
}

impl Settings {
    /// Rejects impossible values, naming the key.
    pub fn check(&self) -> Result<(), RegionError> {
        let distances = [
            ("lesion_margin_mm", self.lesion_margin_mm),
            ("midline_margin_mm", self.midline_margin_mm),
            ("midline_tolerance_mm", self.midline_tolerance_mm),
            ("white_matter_depth_mm", self.white_matter_depth_mm),
            ("reference_grow_limit_mm", self.reference_grow_limit_mm),
            ("mirror_margin_mm", self.mirror_margin_mm),
            ("scalp_and_skull_mm", self.scalp_and_skull_mm),
        ];
        for (key, value) in distances {
            ensure(key, value, "0 mm to 100 mm", (0.0..=100.0).contains(&value))?;
        }
        let step = self.reference_grow_step_mm;
        ensure("reference_grow_step_mm", step, "above 0 mm and at most 100 mm", step > 0.0 && step <= 100.0)?;
        for (key, value) in
            [("reference_minimum_ml", self.reference_minimum_ml), ("background_minimum_ml", self.background_minimum_ml)]
        {
            ensure(key, value, "above 0 mL and at most 1000 mL", value > 0.0 && value <= 1000.0)?;
        }
        let symmetry = self.minimum_symmetry;
        ensure("minimum_symmetry", symmetry, "0 to 1", (0.0..=1.0).contains(&symmetry))?;
        let share = self.white_matter_share;
        ensure("white_matter_share", share, "above 0 and at most 1", share > 0.0 && share <= 1.0)?;
        let [shallow, deep] = self.crescent_depth_mm;
        if !(shallow >= 0.0 && shallow < deep && deep <= 100.0) {
            return Err(RegionError::Setting {
                key: "crescent_depth_mm",
                found: format!("[{shallow}, {deep}]"),
                expected: "two ascending depths from 0 mm to 100 mm",
            });
        }
        Ok(())
    }
}

/// One value against its bounds.
fn ensure(key: &'static str, value: f64, expected: &'static str, holds: bool) -> Result<(), RegionError> {
    if holds { Ok(()) } else { Err(RegionError::Setting { key, found: value.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_possible() {
        let settings: Settings = crate::settings::default_section("region");
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn an_impossible_value_is_named() {
        let mut settings: Settings = crate::settings::default_section("region");
        settings.crescent_depth_mm = [28.0, 8.0];
        assert!(settings.check().unwrap_err().to_string().contains("crescent_depth_mm"));
        let mut settings: Settings = crate::settings::default_section("region");
        settings.lesion_margin_mm = f64::NAN;
        assert!(settings.check().unwrap_err().to_string().contains("lesion_margin_mm"));
    }
}
