//! The choices of a DCE analysis. Defaults and their sources stand in `settings.toml`, section `[dce]`.

use serde::{Deserialize, Serialize};

use super::aif::Population;
use super::error::SettingError;
use super::model::{Model, Quantity};
use super::relaxation::RelaxationFit;
use crate::units::{Seconds, Tesla};

/// The section `[dce]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Leading frames that are left out of the baseline.
    pub skip_frames: usize,
    /// Fewer baseline frames are an error.
    pub baseline_frames_minimum: usize,
    /// A peak enhancement below this many standard deviations of the baseline is no enhancement.
    pub enhancement_sd: f64,
    /// Relaxivity r1 of the contrast agent, 1/(mM s).
    pub relaxivity_per_mm_s: f64,
    /// Hematocrit of large vessels.
    pub hematocrit: f64,
    /// Change of Ktrans beyond what repeating the scan makes, as a share.
    pub ktrans_repeatability: f64,
    /// The same of the area over 60 s.
    pub iauc60_repeatability: f64,
    /// How T1 is fitted to flip-angle images.
    pub relaxation_fit: RelaxationFit,
    /// The model that `relight run` fits.
    pub model: ModelChoice,
    /// The arterial curve that `relight run` takes.
    pub population: Population,
    /// Whether the delay behind the arterial curve is fitted.
    pub delay: DelayFit,
    /// Curve types.
    pub curve: CurveSettings,
    /// Automatic arterial curve.
    pub aif: AifSettings,
    /// Bounds and starts of the model fits.
    pub fit: FitSettings,
    /// Limits of the quality checks.
    pub quality: QualityLimits,
}

closed_words! {
    /// Which model is fitted to every voxel.
    pub enum ModelChoice: "kinetic model" {
        /// None: curve quantities only.
        None = "none",
        /// The one that the corrected Akaike criterion prefers for the mean curve of the lesions.
        Best = "auto",
        /// See [`Model::Tofts`].
        Tofts = "tofts",
        /// See [`Model::ExtendedTofts`].
        ExtendedTofts = "extended-tofts",
        /// See [`Model::Patlak`].
        Patlak = "patlak",
        /// See [`Model::Uptake`].
        Uptake = "2cum",
        /// See [`Model::Exchange`].
        Exchange = "2cxm",
    }
}

impl ModelChoice {
    /// The models that may come out of the choice.
    pub fn candidates(self) -> &'static [Model] {
        match self {
            Self::None => &[],
            Self::Best => Model::ALL,
            Self::Tofts => &[Model::Tofts],
            Self::ExtendedTofts => &[Model::ExtendedTofts],
            Self::Patlak => &[Model::Patlak],
            Self::Uptake => &[Model::Uptake],
            Self::Exchange => &[Model::Exchange],
        }
    }
}

closed_words! {
    /// Whether the delay of the tissue behind the arterial curve is fitted.
    pub enum DelayFit: "delay" {
        /// In every voxel.
        Fit = "fit",
        /// Not at all: 0.
        None = "none",
    }
}

/// The section `[dce.quality]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // each key is documented once, in settings.toml
pub struct QualityLimits {
    pub baseline_frames_caution: usize,
    pub frame_time_caution_s: f64,
    pub frame_time_fail_s: f64,
    pub duration_caution_s: f64,
    pub enhancement_to_noise_caution: f64,
    pub unfitted_caution: f64,
    pub unfitted_fail: f64,
}

/// The section `[dce.curve]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveSettings {
    /// Seconds after arrival within which the early peak lies.
    pub early_peak_s: f64,
    /// A late change above this share of the early peak is persistent enhancement.
    pub persistent_above: f64,
    /// A late change below this (negative) share is wash-out.
    pub washout_below: f64,
    /// Length of the window, up to the last frame, whose area is set against the initial one, s.
    pub final_area_s: f64,
}

/// The section `[dce.aif]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AifSettings {
    /// Share of the voxels, by initial slope, that are candidates.
    pub candidate_fraction: f64,
    /// Voxels that are averaged.
    pub voxels: usize,
    /// A peak below this many times that of the mean curve is no artery.
    pub peak_ratio: f64,
    /// T1 of blood at 1.5 T, s.
    pub blood_t1_1_5t_s: f64,
    /// T1 of blood at 3 T, s.
    pub blood_t1_3t_s: f64,
    /// T1 of blood at 7 T, s.
    pub blood_t1_7t_s: f64,
}

impl AifSettings {
    /// T1 of blood at a field; `None` for a field without one. Magnets of one class differ by a few percent (2.89 T is
    /// sold as 3 T).
    pub fn blood_t1(&self, field: Tesla) -> Option<Seconds> {
        [(1.5, self.blood_t1_1_5t_s), (3.0, self.blood_t1_3t_s), (7.0, self.blood_t1_7t_s)]
            .into_iter()
            .find(|(nominal, _)| (field.0 / nominal - 1.0).abs() < 0.07)
            .map(|(_, time)| Seconds(time))
    }
}

/// The section `[dce.fit]`: bounds and start of each quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitSettings {
    /// Plasma flow, mL/100mL/min.
    pub fp: Bounds,
    /// PS and Ktrans, 1/min.
    pub ps: Bounds,
    /// Interstitial volume fraction.
    pub ve: Bounds,
    /// Plasma volume fraction.
    pub vp: Bounds,
    /// Delay, s.
    pub delay: Bounds,
}

/// Where a quantity may lie, and where its search starts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
    /// Start.
    pub start: f64,
}

impl FitSettings {
    /// The bounds of a quantity.
    pub fn bounds(&self, quantity: Quantity) -> &Bounds {
        match quantity {
            Quantity::PlasmaFlow => &self.fp,
            Quantity::Exchange => &self.ps,
            Quantity::InterstitialVolume => &self.ve,
            Quantity::PlasmaVolume => &self.vp,
            Quantity::Delay => &self.delay,
        }
    }
}

impl Settings {
    /// Rejects values that cannot be meant, naming the key.
    pub fn check(&self) -> Result<(), SettingError> {
        let fraction = |key, value: f64| require(key, value, value > 0.0 && value < 1.0, "a fraction between 0 and 1");
        let positive = |key, value: f64| require(key, value, value > 0.0 && value.is_finite(), "a number above 0");
        require(
            "baseline_frames_minimum",
            self.baseline_frames_minimum,
            self.baseline_frames_minimum >= 2,
            "2 or more: one frame has no noise that enhancement could be held against",
        )?;
        require(
            "enhancement_sd",
            self.enhancement_sd,
            self.enhancement_sd >= 0.0 && self.enhancement_sd.is_finite(),
            "0 or more",
        )?;
        positive("relaxivity_per_mm_s", self.relaxivity_per_mm_s)?;
        fraction("hematocrit", self.hematocrit)?;
        fraction("ktrans_repeatability", self.ktrans_repeatability)?;
        fraction("iauc60_repeatability", self.iauc60_repeatability)?;
        positive("curve.early_peak_s", self.curve.early_peak_s)?;
        let persistent = self.curve.persistent_above;
        require("curve.persistent_above", persistent, persistent >= 0.0 && persistent.is_finite(), "0 or more")?;
        let washout = self.curve.washout_below;
        require("curve.washout_below", washout, (-1.0..=0.0).contains(&washout), "between -1 and 0")?;
        positive("curve.final_area_s", self.curve.final_area_s)?;
        fraction("aif.candidate_fraction", self.aif.candidate_fraction)?;
        require("aif.voxels", self.aif.voxels, self.aif.voxels >= 1, "1 or more")?;
        positive("aif.peak_ratio", self.aif.peak_ratio)?;
        positive("aif.blood_t1_1_5t_s", self.aif.blood_t1_1_5t_s)?;
        positive("aif.blood_t1_3t_s", self.aif.blood_t1_3t_s)?;
        positive("aif.blood_t1_7t_s", self.aif.blood_t1_7t_s)?;
        let limits = &self.quality;
        positive("quality.frame_time_caution_s", limits.frame_time_caution_s)?;
        positive("quality.frame_time_fail_s", limits.frame_time_fail_s)?;
        positive("quality.duration_caution_s", limits.duration_caution_s)?;
        positive("quality.enhancement_to_noise_caution", limits.enhancement_to_noise_caution)?;
        fraction("quality.unfitted_caution", limits.unfitted_caution)?;
        fraction("quality.unfitted_fail", limits.unfitted_fail)?;
        for (key, bounds, least) in [
            ("fit.fp", self.fit.fp, 0.0),
            ("fit.ps", self.fit.ps, 0.0),
            ("fit.ve", self.fit.ve, 0.0),
            ("fit.vp", self.fit.vp, 0.0),
            ("fit.delay", self.fit.delay, f64::NEG_INFINITY),
        ] {
            let Bounds { low, high, start } = bounds;
            let possible = low >= least && low < high && high.is_finite() && (low..=high).contains(&start);
            let found = format!("low {low}, high {high}, start {start}");
            require(
                key,
                found,
                possible,
                "finite bounds in order, the start between them, no quantity below 0 but the delay",
            )?;
        }
        Ok(())
    }
}

fn require(
    key: &'static str,
    found: impl std::fmt::Display,
    possible: bool,
    expected: &'static str,
) -> Result<(), SettingError> {
    if possible { Ok(()) } else { Err(SettingError { key, found: found.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::default_section;

    #[test]
    fn the_defaults_are_possible() {
        assert_eq!(default_section::<Settings>("dce").check(), Ok(()));
    }

    #[test]
    fn an_impossible_value_is_named() {
        let mut settings: Settings = default_section("dce");
        settings.hematocrit = 42.0;
        assert_eq!(settings.check().unwrap_err().key, "hematocrit");
        let mut settings: Settings = default_section("dce");
        settings.fit.ve.low = -0.1;
        assert_eq!(settings.check().unwrap_err().key, "fit.ve");
        let mut settings: Settings = default_section("dce");
        settings.fit.ps.start = f64::NAN;
        assert_eq!(settings.check().unwrap_err().key, "fit.ps");
    }
}
