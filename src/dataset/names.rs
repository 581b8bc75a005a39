//! Names of output files (BIDS 1.10 derivatives, "File naming conventions"): the series' own entities, a `desc-`, and
//! the suffix of the map.

use crate::study::{BidsName, split_extension};

/// Suffixes that say what a series is; an output carries its own instead.
const SERIES_SUFFIXES: &[&str] = &["dsc", "asl", "dce", "pet", "bold", "perf", "T1w", "FLAIR"];

/// Entities of a series that its maps do not carry: maps join the echoes and tell their own description.
const DROPPED_ENTITIES: &[&str] = &["echo", "part", "desc", "label"];

/// What all outputs of one series begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputStem {
    name: BidsName,
    /// Beginning of the name of a series that has no BIDS name.
    free: Option<String>,
}

impl OutputStem {
    /// The stem of a session: `sub-01_ses-02`, or `sub-01`.
    pub fn of_session(participant_id: &str, session_id: Option<&str>) -> Self {
        let value = |label: &'_ str| label.split_once('-').map_or(label.to_owned(), |(_, value)| value.to_owned());
        let mut name = BidsName::new("", "").with("sub", &value(participant_id));
        if let Some(session) = session_id {
            name = name.with("ses", &value(session));
        }
        Self { name, free: None }
    }

    /// The stem of a series by its file name: `sub-x_run-2_dsc.nii.gz` gives `sub-x_run-2`, and a name of another kind
    /// is kept whole without its extension and modality.
    pub fn of_series(file_name: &str) -> Self {
        if let Some(mut name) = BidsName::parse(file_name) {
            for key in DROPPED_ENTITIES {
                name = name.without(key);
            }
            if !name.entities().is_empty() {
                return Self { name, free: None };
            }
        }
        let (stem, _) = split_extension(file_name);
        let free = SERIES_SUFFIXES
            .iter()
            .find_map(|suffix| {
                let at = stem.len().checked_sub(suffix.len() + 1)?;
                let ends = stem.is_char_boundary(at) && stem[at + 1..].eq_ignore_ascii_case(suffix);
                (ends && at > 0 && stem.as_bytes()[at] == b'_').then(|| &stem[..at])
            })
            .unwrap_or(stem);
        Self { name: BidsName::new("", ""), free: Some(free.to_owned()) }
    }

    /// The same stem with one more entity, such as `trc`.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.name = self.name.with(key, &label(value));
        self
    }

    /// The name of an output: `.name("rcbv", Some("normalized"), ".nii.gz")` gives `…_desc-normalized_rcbv.nii.gz`.
    pub fn name(&self, suffix: &str, desc: Option<&str>, extension: &str) -> String {
        let mut name = self.name.clone().renamed(suffix, extension);
        if let Some(desc) = desc {
            name = name.with("desc", &label(desc));
        }
        match &self.free {
            Some(free) => format!("{free}_{name}"),
            None => name.to_string(),
        }
    }
}

/// An entity's value: letters and digits only (BIDS, "Entities").
fn label(value: &str) -> String {
    value.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The sidecar of an image: the same name with `.json`.
pub fn sidecar_name(image_name: &str) -> String {
    format!("{}.json", split_extension(image_name).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_take_the_entities_of_their_series() {
        let stem = OutputStem::of_series("sub-x_dsc.nii.gz");
        assert_eq!(stem.name("rcbv", Some("normalized"), ".nii.gz"), "sub-x_desc-normalized_rcbv.nii.gz");
        let stem = OutputStem::of_series("sub-x_ses-1_run-2_echo-1_part-mag_DSC.nii");
        assert_eq!(stem.name("k2", None, ".nii.gz"), "sub-x_ses-1_run-2_k2.nii.gz");
        let stem = OutputStem::of_series("sub-x_trc-18FFDG_desc-old_pet.nii.gz");
        assert_eq!(stem.name("pet", Some("suvbw"), ".nii.gz"), "sub-x_trc-18FFDG_desc-suvbw_pet.nii.gz");
    }

    #[test]
    fn a_series_of_any_name_keeps_it() {
        for (series, map) in [
            ("patient7_dsc.nii.gz", "patient7_desc-bsw_rcbv.nii.gz"),
            ("bolus.nii", "bolus_desc-bsw_rcbv.nii.gz"),
            ("my series v1.2.nii.gz", "my series v1.2_desc-bsw_rcbv.nii.gz"),
            ("_dsc.nii", "_dsc_desc-bsw_rcbv.nii.gz"),
            ("dsc.nii", "dsc_desc-bsw_rcbv.nii.gz"),
        ] {
            assert_eq!(OutputStem::of_series(series).name("rcbv", Some("bsw"), ".nii.gz"), map, "{series}");
        }
    }

    #[test]
    fn a_session_gives_its_labels() {
        let stem = OutputStem::of_session("sub-01", Some("ses-2"));
        assert_eq!(stem.name("lesions", None, ".tsv"), "sub-01_ses-2_lesions.tsv");
        assert_eq!(
            OutputStem::of_session("sub-01", None).name("dseg", Some("lesions"), ".tsv"),
            "sub-01_desc-lesions_dseg.tsv"
        );
        let traced = stem.with("trc", "[18F]FET");
        assert_eq!(traced.name("dseg", Some("btv"), ".nii.gz"), "sub-01_ses-2_trc-18FFET_desc-btv_dseg.nii.gz");
    }

    #[test]
    fn the_sidecar_has_the_name_of_its_image() {
        assert_eq!(sidecar_name("sub-01_desc-bsw_rcbv.nii.gz"), "sub-01_desc-bsw_rcbv.json");
    }
}
