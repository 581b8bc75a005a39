//! The settings of reading a study: section `[study]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::StudyError;
use crate::clinical::Pathway;

/// What to do where several files fit one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeveralFiles {
    /// An error that lists them.
    Error,
    /// The first by name, with a caveat.
    First,
    /// The last by name, with a caveat.
    Last,
}

/// Section `[study]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to do where several files fit one role.
    pub several_files: SeveralFiles,
    /// Relative difference of sidecar and header frame time from which a caveat is given.
    pub frame_time_tolerance: f64,
    /// Relative difference of body weight or height between sidecar and tables from which a caveat is given.
    pub body_tolerance: f64,
    /// Whether `func/*_ce-*_bold` is read as a DSC series.
    pub contrast_bold_is_dsc: bool,
    /// `label-` words of a lesion mask.
    pub lesion_labels: Vec<String>,
    /// `label-` words of a reference (white-matter) mask.
    pub reference_labels: Vec<String>,
    /// `label-` words of a mask of the PET background.
    pub background_labels: Vec<String>,
    /// `desc-` words that say that a `_dseg` holds no lesions.
    pub not_lesion_desc: Vec<String>,
    /// Programs whose `_dseg` holds tissue classes, as their `GeneratedBy` names them.
    pub tissue_pipelines: Vec<String>,
    /// Words of a diagnosis and the pathway they mean.
    pub pathways: BTreeMap<Pathway, Vec<String>>,
}

impl Settings {
    /// Rejects values that cannot be meant, with the key's name.
    pub fn check(&self) -> Result<(), StudyError> {
        for (key, value) in
            [("frame_time_tolerance", self.frame_time_tolerance), ("body_tolerance", self.body_tolerance)]
        {
            if !(0.0..1.0).contains(&value) {
                let problem = format!("expected a fraction from 0 to below 1, found {value}");
                return Err(StudyError::Settings { key, problem });
            }
        }
        for (key, words) in [
            ("lesion_labels", &self.lesion_labels),
            ("reference_labels", &self.reference_labels),
            ("background_labels", &self.background_labels),
        ] {
            if words.is_empty() || words.iter().any(|word| !is_label(word)) {
                let problem = format!("expected labels of letters and digits, found {words:?}");
                return Err(StudyError::Settings { key, problem });
            }
        }
        for (key, words, other, others) in [
            ("lesion_labels", &self.lesion_labels, "reference_labels", &self.reference_labels),
            ("lesion_labels", &self.lesion_labels, "background_labels", &self.background_labels),
            ("reference_labels", &self.reference_labels, "background_labels", &self.background_labels),
        ] {
            if let Some(label) = words.iter().find(|label| contains_word(others, label)) {
                let problem = format!("{label:?} also stands in {other}");
                return Err(StudyError::Settings { key, problem });
            }
        }
        Ok(())
    }
}

fn is_label(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a list holds a word, without regard to case.
pub(super) fn contains_word(words: &[String], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        let settings: Settings = crate::settings::default_section("study");
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn a_label_that_is_both_lesion_and_reference_is_refused() {
        let mut settings: Settings = crate::settings::default_section("study");
        settings.reference_labels.push("Lesion".into());
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("study.lesion_labels") && error.contains("lesion"), "{error}");
    }
}
