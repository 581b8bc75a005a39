//! The choices of an alignment. Defaults and their sources stand in `settings.toml`, section `[align]`.

use serde::{Deserialize, Serialize};

use super::error::SettingError;

closed_words! {
    /// When the frames of a series are aligned.
    pub enum MotionMode: "motion correction" {
        /// A cheap detector looks always; the frames are registered only past its threshold.
        Auto = "auto",
        /// The frames are registered whatever the detector says.
        On = "on",
        /// Nobody looks.
        None = "none",
    }
}

/// The section `[align]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Voxel sizes of the pyramid between two images, coarse to fine, mm.
    pub image_levels_mm: Vec<f64>,
    /// Voxel sizes of the pyramid between the frames of a series, coarse to fine, mm.
    pub frame_levels_mm: Vec<f64>,
    /// Most classes of intensity of the correlation ratio.
    pub classes: usize,
    /// Smallest share of the fixed image's voxels that must lie inside the moving one, 0 to 1.
    pub overlap_minimum: f64,
    /// Most steps on each level.
    pub steps: usize,
    /// A step below this ends a level, mm.
    pub tolerance_mm: f64,
    /// Places whose residual exceeds the median by this factor have no weight.
    pub outlier_ratio: f64,
    /// Motion of a series.
    pub motion: MotionSettings,
}

/// The section `[align.motion]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MotionSettings {
    /// When frames are aligned.
    pub mode: MotionMode,
    /// Displacement from the baseline past which the detector asks for registration, and past which registered frames
    /// are resampled, mm.
    pub threshold_mm: f64,
    /// The detector believes only what exceeds its own standard error this many times.
    pub detector_sd: f64,
    /// Displacement from one frame to the next past which a frame is a spike, mm.
    pub spike_mm: f64,
    /// Largest displacement from the baseline above which quality is a caution, mm.
    pub caution_mm: f64,
    /// Largest displacement from the baseline above which the measurement fails, mm.
    pub fail_mm: f64,
}

impl Settings {
    /// Rejects values that cannot be meant, naming the key.
    pub fn check(&self) -> Result<(), SettingError> {
        for (key, levels) in [("image_levels_mm", &self.image_levels_mm), ("frame_levels_mm", &self.frame_levels_mm)] {
            let falling = levels.windows(2).all(|pair| pair[1] < pair[0]);
            let positive = levels.iter().all(|level| *level > 0.0 && level.is_finite());
            require(key, format!("{levels:?}"), !levels.is_empty() && falling && positive, "voxel sizes that fall")?;
        }
        require("classes", self.classes, (2..=1024).contains(&self.classes), "2 to 1024 classes")?;
        let overlap = self.overlap_minimum;
        require("overlap_minimum", overlap, overlap > 0.0 && overlap < 1.0, "a fraction between 0 and 1")?;
        require("steps", self.steps, self.steps >= 1, "1 step or more")?;
        let motion = &self.motion;
        for (key, value) in [
            ("tolerance_mm", self.tolerance_mm),
            ("outlier_ratio", self.outlier_ratio),
            ("motion.threshold_mm", motion.threshold_mm),
            ("motion.detector_sd", motion.detector_sd),
            ("motion.spike_mm", motion.spike_mm),
            ("motion.caution_mm", motion.caution_mm),
        ] {
            require(key, value, value > 0.0 && value.is_finite(), "a number above 0")?;
        }
        require("motion.fail_mm", motion.fail_mm, motion.fail_mm >= motion.caution_mm, "motion.caution_mm or more")
    }
}

fn require(key: &'static str, found: impl ToString, holds: bool, expected: &'static str) -> Result<(), SettingError> {
    if holds { Ok(()) } else { Err(SettingError { key, found: found.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    #[test]
    fn the_defaults_are_possible() {
        default_section::<Settings>("align").check().unwrap();
    }

    #[test]
    fn levels_that_rise_are_named() {
        let mut settings: Settings = default_section("align");
        settings.frame_levels_mm = vec![4.0, 8.0];
        assert_eq!(settings.check().unwrap_err().key, "frame_levels_mm");
    }
}
