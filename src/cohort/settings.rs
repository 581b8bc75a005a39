//! The numbers of a calibration.

use serde::{Deserialize, Serialize};

/// A number that cannot be right, by its key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("[cohort] {key} is {found}: expected {expected}")]
pub struct SettingsError {
    /// The key.
    pub key: &'static str,
    /// What was found.
    pub found: f64,
    /// What is expected.
    pub expected: &'static str,
}

/// Section `[cohort]`, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Settings(Unchecked);

impl std::ops::Deref for Settings {
    type Target = Unchecked;

    fn deref(&self) -> &Unchecked {
        &self.0
    }
}

impl From<Settings> for Unchecked {
    fn from(settings: Settings) -> Self {
        settings.0
    }
}

/// The same keys before the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unchecked {
    /// Patients of each outcome below which a calibration is refused.
    pub least_patients: usize,
    /// Patients of each outcome below which it is given with a warning.
    pub advised_patients: usize,
    /// Sensitivity that the lower cut-off keeps.
    pub sensitivity: f64,
    /// Specificity that the upper cut-off keeps.
    pub specificity: f64,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Lower end of the share of lesions that the source expects an answer for.
    pub determinate_low: f64,
    /// Upper end of it.
    pub determinate_high: f64,
    /// Lesions below which the share is not held against it.
    pub determinate_lesions: usize,
}

impl TryFrom<Unchecked> for Settings {
    type Error = SettingsError;

    fn try_from(unchecked: Unchecked) -> Result<Self, SettingsError> {
        let must = |holds: bool, key, found: f64, expected| {
            if holds { Ok(()) } else { Err(SettingsError { key, found, expected }) }
        };
        let least = unchecked.least_patients;
        must(least >= 2, "least_patients", least as f64, "at least 2 patients of each outcome")?;
        let advised = unchecked.advised_patients;
        must(advised >= least, "advised_patients", advised as f64, "not fewer than least_patients")?;
        for (key, share) in [("sensitivity", unchecked.sensitivity), ("specificity", unchecked.specificity)] {
            must(share > 0.5 && share <= 1.0, key, share, "a share above 0.5 and at most 1")?;
        }
        let resamples = unchecked.resamples;
        must((100..=100_000).contains(&resamples), "resamples", resamples as f64, "100 to 100000")?;
        for (key, share) in
            [("determinate_low", unchecked.determinate_low), ("determinate_high", unchecked.determinate_high)]
        {
            must((0.0..=1.0).contains(&share), key, share, "a share from 0 to 1")?;
        }
        let high = unchecked.determinate_high;
        must(unchecked.determinate_low <= high, "determinate_high", high, "not below determinate_low")?;
        let fewest = unchecked.determinate_lesions;
        must(fewest >= 1, "determinate_lesions", fewest as f64, "at least 1 lesion")?;
        Ok(Self(unchecked))
    }
}
