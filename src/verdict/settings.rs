//! The numbers of the verdict: cut-offs by measure, windows, growth, priors and likelihood ratios.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cutoff::{AslRcbf, Cutoff, DceCutoff, Fdg, Fdopa, Fet, Met, PetCutoff, Rcbv};

/// The decision rules that this program carries.
pub const RULES_VERSION: &str = "relight-rules-1";

/// A number that cannot be right, by its key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("[verdict] {key} is {found}: expected {expected}")]
pub struct SettingsError {
    /// The key, below `verdict`.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What is expected.
    pub expected: &'static str,
}

/// Section `[verdict]`, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Settings(Unchecked);

impl std::ops::Deref for Settings {
    type Target = Unchecked;

    fn deref(&self) -> &Unchecked {
        &self.0
    }
}

impl Settings {
    /// The same settings with every cut-off of perfusion and of PET times a factor above 0, to see what a cut-off of
    /// another study would say.
    pub fn with_cutoffs_scaled(&self, perfusion: f64, pet: f64) -> Self {
        let mut scaled = self.0.clone();
        scaled.dsc.scale(perfusion);
        scaled.asl.scale(perfusion);
        scaled.dce.iter_mut().for_each(|cutoff| cutoff.scale(perfusion));
        scaled.pet.met.scale(pet);
        scaled.pet.fet.scale(pet);
        scaled.pet.fdopa.iter_mut().for_each(|cutoff| cutoff.scale(pet));
        scaled.pet.fdg.iter_mut().for_each(|cutoff| cutoff.scale(pet));
        Self(scaled)
    }
}

impl From<Settings> for Unchecked {
    fn from(settings: Settings) -> Self {
        settings.0
    }
}

/// The same keys before the check; [`Settings`] gives read access to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unchecked {
    /// The rules that the numbers belong to.
    pub rules_version: String,
    /// Whether a recurrence call inside the pseudoprogression window becomes indeterminate.
    pub strict_rano: bool,
    /// Weeks after radiotherapy in which pseudoprogression is common.
    pub psp_window_weeks: f64,
    /// Lowest corrected mean rCBV that is a measurement.
    pub cbv_floor: f64,
    /// Within-subject coefficient of variation of rCBV on retest.
    pub rcbv_wcv: f64,
    /// Cut-offs of DSC rCBV.
    pub dsc: Cutoff<Rcbv>,
    /// Cut-offs of ASL rCBF.
    pub asl: Cutoff<AslRcbf>,
    /// Cut-offs of a DCE quantity, where a center has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dce: Option<DceCutoff>,
    /// Cut-offs by tracer.
    pub pet: PetSettings,
    /// Likelihood ratios.
    pub likelihood: Likelihood,
    /// Prior and reading of the posterior.
    pub posterior: PosteriorSettings,
    /// Windows, rounds and growth.
    pub followup: FollowupSettings,
}

/// Cut-offs by tracer; one that is absent is never replaced by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PetSettings {
    /// Methionine.
    pub met: PetCutoff<Met>,
    /// Fluoroethyltyrosine.
    pub fet: PetCutoff<Fet>,
    /// Fluoro-DOPA, where a center has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdopa: Option<PetCutoff<Fdopa>>,
    /// Fluorodeoxyglucose, where a center has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdg: Option<PetCutoff<Fdg>>,
}

/// Likelihood ratios of one measure by its pole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratios {
    /// Above the upper cut-off.
    pub high: f64,
    /// Between the cut-offs.
    pub grey: f64,
    /// Below the lower cut-off.
    pub low: f64,
}

/// Likelihood ratios by measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Likelihood {
    /// DSC rCBV.
    pub dsc: Ratios,
    /// DCE, where it has cut-offs.
    pub dce: Ratios,
    /// ASL rCBF.
    pub asl: Ratios,
    /// Methionine.
    pub met: Ratios,
    /// Fluoroethyltyrosine.
    pub fet: Ratios,
    /// Fluoro-DOPA.
    pub fdopa: Ratios,
    /// Fluorodeoxyglucose.
    pub fdg: Ratios,
    /// New symptoms.
    pub symptoms_new: f64,
    /// No symptoms.
    pub symptoms_none: f64,
}

/// Prior and reading of the posterior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosteriorSettings {
    /// Share of recurrence before any measure.
    pub prior: f64,
    /// Lowest published share.
    pub prior_low: f64,
    /// Highest published share.
    pub prior_high: f64,
    /// The prior where the grade is recorded, by the grade as it is written; empty where none is configured.
    #[serde(default)]
    pub prior_by_grade: BTreeMap<String, f64>,
    /// Exponent on every likelihood ratio.
    pub temper: f64,
    /// From here on the posterior speaks for recurrence.
    pub recurrence_from: f64,
    /// Up to here it speaks for necrosis.
    pub necrosis_to: f64,
}

/// Windows, rounds and growth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowupSettings {
    /// First day of the follow-up window after the index scan.
    pub window_start_days: u32,
    /// Last day of it.
    pub window_end_days: u32,
    /// Rounds before tumor board or biopsy.
    pub max_rounds: u32,
    /// Growth of the volume that counts, %.
    pub growth_percent: f64,
    /// Factor of a repeatability coefficient.
    pub repeatability_factor: f64,
    /// Error of the lesion's boundary, mm.
    pub boundary_error_mm: f64,
    /// Change from which a lesion is not stable, %.
    pub equivocal_percent: f64,
    /// Change down to which a lesion has resolved, %.
    pub resolved_percent: f64,
    /// Volume down to which a lesion has resolved, mL.
    pub resolved_volume_ml: f64,
}

impl TryFrom<Unchecked> for Settings {
    type Error = SettingsError;

    fn try_from(unchecked: Unchecked) -> Result<Self, SettingsError> {
        if unchecked.rules_version != RULES_VERSION {
            return Err(SettingsError {
                key: "rules_version".to_owned(),
                found: format!("{:?}", unchecked.rules_version),
                expected: "\"relight-rules-1\", the rules of this program",
            });
        }
        let must = |holds: bool, key: &str, found: f64, expected: &'static str| {
            if holds { Ok(()) } else { Err(SettingsError { key: key.to_owned(), found: found.to_string(), expected }) }
        };
        let positive = |key: &str, value: f64| must(value.is_finite() && value > 0.0, key, value, "a number above 0");

        positive("psp_window_weeks", unchecked.psp_window_weeks)?;
        positive("rcbv_wcv", unchecked.rcbv_wcv)?;
        let floor = unchecked.cbv_floor;
        must(floor.is_finite() && floor <= 0.0, "cbv_floor", floor, "a number not above 0")?;

        let mut cutoffs = vec![
            ("dsc", unchecked.dsc.bounds().low(), unchecked.dsc.bounds().high()),
            ("asl", unchecked.asl.bounds().low(), unchecked.asl.bounds().high()),
            ("pet.met", unchecked.pet.met.bounds().low(), unchecked.pet.met.bounds().high()),
            ("pet.fet", unchecked.pet.fet.bounds().low(), unchecked.pet.fet.bounds().high()),
        ];
        cutoffs.extend(unchecked.dce.iter().map(|cutoff| ("dce", cutoff.bounds().low(), cutoff.bounds().high())));
        let (fdopa, fdg) = (&unchecked.pet.fdopa, &unchecked.pet.fdg);
        cutoffs.extend(fdopa.iter().map(|cutoff| ("pet.fdopa", cutoff.bounds().low(), cutoff.bounds().high())));
        cutoffs.extend(fdg.iter().map(|cutoff| ("pet.fdg", cutoff.bounds().low(), cutoff.bounds().high())));
        for (key, low, high) in cutoffs {
            positive(&format!("{key}.low"), low)?;
            let ordered = high.is_finite() && high >= low;
            must(ordered, &format!("{key}.high"), high, "a number not below its `low`")?;
        }

        let likelihood = &unchecked.likelihood;
        for (key, ratios) in [
            ("dsc", likelihood.dsc),
            ("dce", likelihood.dce),
            ("asl", likelihood.asl),
            ("met", likelihood.met),
            ("fet", likelihood.fet),
            ("fdopa", likelihood.fdopa),
            ("fdg", likelihood.fdg),
        ] {
            positive(&format!("likelihood.{key}.low"), ratios.low)?;
            let grey = ratios.grey.is_finite() && ratios.grey >= ratios.low;
            must(grey, &format!("likelihood.{key}.grey"), ratios.grey, "a ratio not below `low`")?;
            let high = ratios.high.is_finite() && ratios.high >= ratios.grey;
            must(high, &format!("likelihood.{key}.high"), ratios.high, "a ratio not below `grey`")?;
        }
        positive("likelihood.symptoms_new", likelihood.symptoms_new)?;
        positive("likelihood.symptoms_none", likelihood.symptoms_none)?;

        let posterior = &unchecked.posterior;
        let share = |key: &str, value: f64| must(0.0 < value && value < 1.0, key, value, "a share between 0 and 1");
        share("posterior.prior", posterior.prior)?;
        share("posterior.prior_low", posterior.prior_low)?;
        share("posterior.prior_high", posterior.prior_high)?;
        for (grade, prior) in &posterior.prior_by_grade {
            share(&format!("posterior.prior_by_grade.{grade}"), *prior)?;
        }
        let banded = posterior.prior_low <= posterior.prior && posterior.prior <= posterior.prior_high;
        must(banded, "posterior.prior", posterior.prior, "a share between prior_low and prior_high")?;
        positive("posterior.temper", posterior.temper)?;
        share("posterior.recurrence_from", posterior.recurrence_from)?;
        share("posterior.necrosis_to", posterior.necrosis_to)?;
        let apart = posterior.necrosis_to < posterior.recurrence_from;
        must(apart, "posterior.necrosis_to", posterior.necrosis_to, "a share below recurrence_from")?;

        let followup = &unchecked.followup;
        let (start, end) = (f64::from(followup.window_start_days), f64::from(followup.window_end_days));
        positive("followup.window_start_days", start)?;
        must(end >= start, "followup.window_end_days", end, "days not before window_start_days")?;
        positive("followup.max_rounds", f64::from(followup.max_rounds))?;
        positive("followup.equivocal_percent", followup.equivocal_percent)?;
        let growth = followup.growth_percent;
        let above = growth.is_finite() && growth >= followup.equivocal_percent;
        must(above, "followup.growth_percent", growth, "a percentage not below equivocal_percent")?;
        positive("followup.repeatability_factor", followup.repeatability_factor)?;
        positive("followup.boundary_error_mm", followup.boundary_error_mm)?;
        let resolved = followup.resolved_percent;
        let below = (-100.0..=-followup.equivocal_percent).contains(&resolved);
        must(below, "followup.resolved_percent", resolved, "a percentage from -100 to minus equivocal_percent")?;
        let gone = followup.resolved_volume_ml;
        must(gone.is_finite() && gone >= 0.0, "followup.resolved_volume_ml", gone, "a volume not below 0")?;
        Ok(Self(unchecked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl Fn(&mut toml::Table)) -> Result<Settings, String> {
        let mut defaults: toml::Table = crate::settings::DEFAULTS.parse().unwrap();
        let mut section = defaults.remove("verdict").unwrap().try_into().unwrap();
        change(&mut section);
        section.try_into().map_err(|error: toml::de::Error| error.to_string())
    }

    fn set(path: &'static [&'static str], value: impl Into<toml::Value> + Clone) -> Result<Settings, String> {
        with(|section| {
            let (last, parents) = path.split_last().unwrap();
            let table = parents.iter().fold(section, |table, key| table[*key].as_table_mut().unwrap());
            table.insert((*last).to_owned(), value.clone().into());
        })
    }

    #[test]
    fn the_defaults_are_the_numbers_of_the_sources() {
        let settings: Settings = crate::settings::default_section("verdict");
        assert_eq!((settings.dsc.bounds().low(), settings.dsc.bounds().high()), (1.0, 1.75));
        assert_eq!((settings.pet.met.bounds().low(), settings.pet.met.bounds().high()), (1.3, 1.5));
        assert_eq!((settings.pet.fet.bounds().low(), settings.pet.fet.bounds().high()), (1.9, 2.3));
        assert!(settings.dce.is_none() && settings.pet.fdg.is_none() && settings.pet.fdopa.is_none());
    }

    #[test]
    fn impossible_numbers_are_refused_with_their_key() {
        for (path, value) in [
            (&["dsc", "high"][..], 0.9),
            (&["asl", "low"][..], f64::NAN),
            (&["pet", "met", "low"][..], -1.3),
            (&["likelihood", "dsc", "low"][..], 0.0),
            (&["posterior", "prior"][..], 0.9),
            (&["posterior", "temper"][..], 0.0),
            (&["followup", "growth_percent"][..], 10.0),
            (&["followup", "resolved_percent"][..], 99.5),
            (&["psp_window_weeks"][..], f64::INFINITY),
            (&["cbv_floor"][..], 0.25),
        ] {
            let error = set(path, value).unwrap_err();
            assert!(error.contains(&path.join(".")), "{path:?}: {error}");
        }
        assert!(set(&["rules_version"], "relight-rules-0").unwrap_err().contains("rules_version"));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(set(&["pet", "met", "hihg"], 1.5).unwrap_err().contains("hihg"));
    }

    #[test]
    fn a_center_may_bring_its_own_fdg_cutoffs() {
        let own: toml::Table =
            "statistic = \"tbr_mean\"\nlow = 1.2\nhigh = 1.8\nsource = \"own cohort\"".parse().unwrap();
        let settings = set(&["pet", "fdg"], own).unwrap();
        assert_eq!(settings.pet.fdg.as_ref().unwrap().bounds().high(), 1.8);
    }

    #[test]
    fn settings_write_back_what_they_read() {
        let settings: Settings = crate::settings::default_section("verdict");
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
    }
}
