//! The choices of a DSC analysis. Defaults and their sources stand in `settings.toml`, section `[dsc]`.

use serde::{Deserialize, Serialize};

use super::error::SettingError;

closed_words! {
    /// How leakage is modelled.
    pub enum LeakageModel: "leakage model" {
        /// Boxerman, Schmainda, Weisskoff 2006: unidirectional.
        Bsw = "bsw",
        /// Leu 2016: with backflow at a bounded rate.
        Bidirectional = "bidirectional",
        /// The first passage alone, as a gamma variate: late leakage lies outside it.
        Gamma = "gamma",
        /// No correction.
        None = "none",
    }
}

closed_words! {
    /// Over which frames ΔR2* is integrated.
    pub enum Integration: "integration range" {
        /// All frames of the steady state.
        Full = "full",
        /// From bolus arrival over `integration_window_s`.
        Window = "window",
        /// The first passage, as the area of a gamma variate.
        FirstPass = "first-pass" | "first_pass",
    }
}

closed_words! {
    /// What rCBV is divided by.
    pub enum NormalizationStatistic: "normalization statistic" {
        /// The mean over usable voxels of the reference region.
        Mean = "mean",
        /// Their median.
        Median = "median",
    }
}

closed_words! {
    /// What rCBV is set against beside white matter. The cut-offs refer to white matter alone.
    pub enum FurtherNormalization: "further normalization" {
        /// Mean rCBV of the whole normal brain.
        Brain = "brain",
        /// The histogram of a cohort (Bedekar 2010).
        Standardized = "standardized",
    }
}

closed_words! {
    /// Which frames hold the recovered signal of PSR.
    pub enum RecoveryFrames: "recovery range" {
        /// The last `recovery_frames`.
        Last = "last",
        /// Those of `recovery_window_s` after the bolus arrival.
        Window = "window",
    }
}

closed_words! {
    /// Which voxels of a lesion are taken for vessels and left out of its statistics.
    pub enum VesselRule: "vessel rule" {
        /// None.
        None = "none",
        /// Normalized rCBV above a multiple of white matter.
        HighRcbv = "high-rcbv" | "high_rcbv",
        /// A peak as high and as early as in an artery.
        Arterial = "arterial",
    }
}

closed_words! {
    /// How Tikhonov's strength is chosen.
    pub enum TikhonovChoice: "choice of the Tikhonov strength" {
        /// Generalized cross-validation.
        Gcv = "gcv",
        /// The corner of the L-curve.
        LCurve = "l-curve" | "l_curve",
    }
}

closed_words! {
    /// How tissue curves are deconvolved.
    pub enum DeconvolutionMethod: "deconvolution" {
        /// Block-circulant, threshold chosen by the oscillation of each residue function.
        Osvd = "osvd",
        /// Block-circulant, one threshold.
        Csvd = "csvd",
        /// Causal, one threshold; depends on delay.
        Ssvd = "ssvd",
        /// Block-circulant Tikhonov, strength by generalized cross-validation.
        Tikhonov = "tikhonov",
        /// No flow, no transit times.
        None = "none",
    }
}

/// The section `[dsc]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Leading frames whose mean the automatic brain mask is made from.
    pub mask_frames: usize,
    /// Largest deviation from the median before the bolus in the steady state, as a fraction.
    pub steady_state_tolerance: f64,
    /// Frames of the provisional baseline from which the arrival is found.
    pub provisional_baseline_frames: usize,
    /// Fraction of the peak of mean ΔR2* below which the bolus has not arrived.
    pub arrival_fraction: f64,
    /// Fewer baseline frames are an error.
    pub baseline_frames_minimum: usize,
    /// A signal minimum below this many noise standard deviations is saturated.
    pub noise_floor_sd: f64,
    /// Last frames whose mean signal tells enhancement.
    pub enhancement_frames: usize,
    /// Which frames hold the recovered signal of PSR.
    pub recovery: RecoveryFrames,
    /// Last frames whose mean signal is the recovered signal of PSR.
    pub recovery_frames: usize,
    /// Times from the bolus arrival between which PSR takes the signal as recovered, s.
    pub recovery_window_s: [f64; 2],
    /// The leakage model.
    pub leakage: LeakageModel,
    /// Upper bound of kep in the bidirectional model, 1/s.
    pub kep_maximum_per_s: f64,
    /// The integration range.
    pub integration: Integration,
    /// Length of the range [`Integration::Window`], s.
    pub integration_window_s: f64,
    /// The fit of the first passage.
    pub first_pass: FirstPassSettings,
    /// What rCBV is divided by.
    pub normalization: NormalizationStatistic,
    /// What rCBV is set against as well, in maps of their own.
    pub further_normalizations: Vec<FurtherNormalization>,
    /// Whether the standard error of normalized rCBV is written as a map.
    pub error_map: bool,
    /// The histogram of a cohort.
    pub standardization: StandardizationSettings,
    /// Vessels in lesions.
    pub vessels: VesselSettings,
    /// The search for an arterial curve.
    pub aif: AifSettings,
    /// Deconvolution and absolute units.
    pub perfusion: PerfusionSettings,
    /// Limits of the quality checks.
    pub quality: QualityLimits,
}

/// The section `[dsc.first_pass]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstPassSettings {
    /// The peak is looked for within this time from the bolus arrival, and its end within it from the peak, s.
    pub search_s: f64,
    /// The passage ends where the curve falls below this fraction of its peak.
    pub end_fraction: f64,
}

/// The section `[dsc.standardization]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardizationSettings {
    /// Percentiles of a map, ascending.
    pub percentiles: Vec<f64>,
    /// Where they stand after standardization, learned from a cohort; none are built in.
    pub landmarks: Vec<f64>,
}

/// The section `[dsc.vessels]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VesselSettings {
    /// Which voxels are vessels.
    pub rule: VesselRule,
    /// Normalized rCBV above which [`VesselRule::HighRcbv`] takes a voxel for a vessel.
    pub rcbv_above: f64,
    /// Peak over that of the reference curve from which [`VesselRule::Arterial`] takes a voxel for a vessel.
    pub peak_ratio: f64,
}

/// The section `[dsc.aif]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AifSettings {
    /// Share of the usable voxels, by area, that are candidates.
    pub area_fraction: f64,
    /// Share of the candidates, by roughness, that are dropped.
    pub rough_fraction: f64,
    /// Clusters of each round.
    pub clusters: usize,
    /// Fewer voxels are no artery.
    pub minimum_voxels: usize,
    /// A peak below this many times that of the reference curve is no artery.
    pub peak_ratio: f64,
    /// A wider curve is doubtful, s.
    pub width_s: f64,
    /// A signal minimum below this many noise standard deviations may be cut off.
    pub truncation_sd: f64,
}

/// The section `[dsc.perfusion]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerfusionSettings {
    /// How tissue curves are deconvolved.
    pub deconvolution: DeconvolutionMethod,
    /// Threshold of cSVD, a fraction of the largest singular value.
    pub csvd_threshold: f64,
    /// Threshold of sSVD, a fraction of the largest singular value.
    pub ssvd_threshold: f64,
    /// Limit of oSVD's oscillation index.
    pub osvd_oscillation: f64,
    /// How Tikhonov's strength is chosen.
    pub tikhonov_choice: TikhonovChoice,
    /// Hematocrit correction kH = (1 - 0.45)/(1 - 0.25), arteries over capillaries.
    pub kh: f64,
    /// Density of brain tissue, g/mL.
    pub rho: f64,
    /// Relaxivity of tissue over that of the artery.
    pub relaxivity_ratio: f64,
    /// A larger share of voxels that oscillate at every threshold is a caution.
    pub unsettled_caution: f64,
}

/// The section `[dsc.quality]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityLimits {
    /// Fewer baseline frames are a caution.
    pub baseline_frames: usize,
    /// A smaller drop of the mean signal is a caution, as a fraction of the baseline.
    pub drop_caution: f64,
    /// A smaller drop fails.
    pub drop_fail: f64,
    /// A smaller temporal signal-to-noise ratio is a caution.
    pub tsnr_caution: f64,
    /// A smaller one fails.
    pub tsnr_fail: f64,
    /// A smaller usable share of the brain mask, or of a lesion, is a caution.
    pub usable_caution: f64,
    /// A smaller one fails.
    pub usable_fail: f64,
    /// Fewer usable voxels of the reference region are a caution.
    pub reference_voxels: usize,
    /// A baseline signal below this share of the brain's median has been lost to susceptibility.
    pub susceptibility_level: f64,
    /// A larger share of such voxels in a lesion is a caution.
    pub susceptibility_caution: f64,
    /// A larger share fails.
    pub susceptibility_fail: f64,
    /// A smaller share of the lesion inside the brain mask is a caution.
    pub coverage_caution: f64,
    /// A smaller one fails.
    pub coverage_fail: f64,
    /// Recommended echo times at 3 T, s.
    pub echo_time_3t_s: [f64; 2],
    /// Recommended echo times at 1.5 T, s.
    pub echo_time_1_5t_s: [f64; 2],
    /// Recommended flip angles, degrees.
    pub flip_angles_deg: Vec<f64>,
    /// How far a flip angle may lie from a recommended one, degrees.
    pub flip_angle_tolerance_deg: f64,
    /// Longest recommended repetition time, s.
    pub repetition_time_s: f64,
    /// Fewer frames are a caution.
    pub frames: usize,
}

impl Settings {
    /// Rejects values that cannot be meant, naming the key.
    pub fn check(&self) -> Result<(), SettingError> {
        let fraction = |key, value: f64| require(key, value, value > 0.0 && value < 1.0, "a fraction between 0 and 1");
        let positive = |key, value: f64| require(key, value, value > 0.0 && value.is_finite(), "a number above 0");
        let at_least = |key, value: usize, least, expected| require(key, value, value >= least, expected);
        at_least("mask_frames", self.mask_frames, 1, "1 frame or more")?;
        fraction("steady_state_tolerance", self.steady_state_tolerance)?;
        at_least("provisional_baseline_frames", self.provisional_baseline_frames, 1, "1 frame or more")?;
        fraction("arrival_fraction", self.arrival_fraction)?;
        at_least(
            "baseline_frames_minimum",
            self.baseline_frames_minimum,
            2,
            "2 frames or more (a noise estimate needs two)",
        )?;
        require(
            "noise_floor_sd",
            self.noise_floor_sd,
            self.noise_floor_sd >= 0.0 && self.noise_floor_sd.is_finite(),
            "0 or more",
        )?;
        at_least("enhancement_frames", self.enhancement_frames, 1, "1 frame or more")?;
        at_least("recovery_frames", self.recovery_frames, 1, "1 frame or more")?;
        require(
            "kep_maximum_per_s",
            self.kep_maximum_per_s,
            self.kep_maximum_per_s > 0.0 && self.kep_maximum_per_s <= 1.0,
            "a rate in 1/s above 0 and at most 1",
        )?;
        positive("integration_window_s", self.integration_window_s)?;
        let [from, to] = self.recovery_window_s;
        require(
            "recovery_window_s",
            format!("{from}, {to}"),
            0.0 <= from && from < to && to.is_finite(),
            "two times in s from the bolus arrival, ascending",
        )?;
        self.standardization.check(&self.further_normalizations)?;
        positive("vessels.rcbv_above", self.vessels.rcbv_above)?;
        positive("vessels.peak_ratio", self.vessels.peak_ratio)?;
        positive("first_pass.search_s", self.first_pass.search_s)?;
        fraction("first_pass.end_fraction", self.first_pass.end_fraction)?;
        fraction("aif.area_fraction", self.aif.area_fraction)?;
        require(
            "aif.rough_fraction",
            self.aif.rough_fraction,
            (0.0..1.0).contains(&self.aif.rough_fraction),
            "0 to below 1",
        )?;
        at_least("aif.clusters", self.aif.clusters, 2, "2 clusters or more")?;
        at_least("aif.minimum_voxels", self.aif.minimum_voxels, 1, "1 voxel or more")?;
        positive("aif.peak_ratio", self.aif.peak_ratio)?;
        positive("aif.width_s", self.aif.width_s)?;
        positive("aif.truncation_sd", self.aif.truncation_sd)?;
        fraction("perfusion.csvd_threshold", self.perfusion.csvd_threshold)?;
        fraction("perfusion.ssvd_threshold", self.perfusion.ssvd_threshold)?;
        positive("perfusion.osvd_oscillation", self.perfusion.osvd_oscillation)?;
        positive("perfusion.kh", self.perfusion.kh)?;
        positive("perfusion.rho", self.perfusion.rho)?;
        positive("perfusion.relaxivity_ratio", self.perfusion.relaxivity_ratio)?;
        fraction("perfusion.unsettled_caution", self.perfusion.unsettled_caution)?;
        self.quality.check()
    }
}

impl StandardizationSettings {
    fn check(&self, wanted: &[FurtherNormalization]) -> Result<(), SettingError> {
        let ascending = |values: &[f64]| values.windows(2).all(|pair| pair[0] < pair[1]);
        require(
            "standardization.percentiles",
            format!("{:?}", self.percentiles),
            self.percentiles.len() > 2
                && ascending(&self.percentiles)
                && self.percentiles.iter().all(|percent| (0.0..=100.0).contains(percent)),
            "three or more ascending percentiles, 0 to 100",
        )?;
        if self.landmarks.is_empty() {
            // METHOD: landmarks are the scale of a cohort; there is no scale that fits every scanner, so none is assumed.
            return require(
                "standardization.landmarks",
                "empty",
                !wanted.contains(&FurtherNormalization::Standardized),
                "landmarks of a cohort for \"standardized\": learn them with `relight calibrate --landmarks MAP… -o DIR` \
                 and give its settings.toml with --settings",
            );
        }
        require(
            "standardization.landmarks",
            format!("{:?}", self.landmarks),
            self.landmarks.len() == self.percentiles.len() && ascending(&self.landmarks),
            "as many ascending landmarks as percentiles",
        )
    }
}

impl QualityLimits {
    fn check(&self) -> Result<(), SettingError> {
        let ordered = |key, fail: f64, caution: f64, top: f64| {
            require(
                key,
                fail,
                fail >= 0.0 && fail <= caution && caution <= top,
                "0 or more, and not above its caution limit",
            )
        };
        ordered("quality.drop_fail", self.drop_fail, self.drop_caution, 1.0)?;
        ordered("quality.tsnr_fail", self.tsnr_fail, self.tsnr_caution, f64::MAX)?;
        ordered("quality.usable_fail", self.usable_fail, self.usable_caution, 1.0)?;
        for (key, [low, high]) in
            [("quality.echo_time_3t_s", self.echo_time_3t_s), ("quality.echo_time_1_5t_s", self.echo_time_1_5t_s)]
        {
            require(
                key,
                format!("{low}, {high}"),
                0.0 < low && low <= high && high <= 0.2,
                "two echo times in seconds, ascending",
            )?;
        }
        ordered("quality.coverage_fail", self.coverage_fail, self.coverage_caution, 1.0)?;
        // A share that should be small: its failure lies above its caution.
        let (caution, fail) = (self.susceptibility_caution, self.susceptibility_fail);
        require(
            "quality.susceptibility_fail",
            fail,
            0.0 <= caution && caution <= fail && fail <= 1.0,
            "at most 1, and not below its caution limit",
        )?;
        let level = self.susceptibility_level;
        require("quality.susceptibility_level", level, (0.0..1.0).contains(&level), "0 to below 1")?;
        let plausible = |angle: &f64| *angle > 0.0 && *angle <= 180.0;
        require(
            "quality.flip_angles_deg",
            format!("{:?}", self.flip_angles_deg),
            self.flip_angles_deg.iter().all(plausible),
            "angles above 0 and at most 180 degrees",
        )?;
        let tolerance = self.flip_angle_tolerance_deg;
        require("quality.flip_angle_tolerance_deg", tolerance, (0.0..=180.0).contains(&tolerance), "0 to 180 degrees")?;
        let repetition = self.repetition_time_s;
        require(
            "quality.repetition_time_s",
            repetition,
            repetition > 0.0 && repetition <= 20.0,
            "above 0 s and at most 20 s",
        )
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
        default_section::<Settings>("dsc").check().unwrap();
    }

    #[test]
    fn an_impossible_value_is_named() {
        let mut settings: Settings = default_section("dsc");
        settings.arrival_fraction = 10.0;
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("dsc.arrival_fraction is 10"), "{error}");
        let mut settings: Settings = default_section("dsc");
        settings.quality.tsnr_fail = f64::NAN;
        assert_eq!(settings.check().unwrap_err().key, "quality.tsnr_fail");
    }

    #[test]
    fn standardization_without_landmarks_is_refused_in_words() {
        let mut settings: Settings = default_section("dsc");
        settings.further_normalizations = vec![FurtherNormalization::Standardized];
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("relight calibrate --landmarks"), "{error}");
        settings.standardization.landmarks =
            (0..settings.standardization.percentiles.len()).map(|i| i as f64).collect();
        settings.check().unwrap();
        settings.standardization.landmarks[1] = 0.0;
        assert_eq!(settings.check().unwrap_err().key, "standardization.landmarks");
    }

    #[test]
    fn a_model_that_does_not_exist_is_not_offered() {
        let error = "weisskoff".parse::<LeakageModel>().unwrap_err().to_string();
        assert!(error.contains("bsw, bidirectional, gamma, none"), "{error}");
    }
}
