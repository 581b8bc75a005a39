//! BIDS file names: entities, suffix, extension (Brain Imaging Data Structure 1.10, "Common principles", "Entities").

use std::fmt;

/// The order of entities in a file name (BIDS schema 1.10, `rules/entities`); `desc` is always last.
pub const ENTITY_ORDER: &[&str] = &[
    "sub",
    "tpl",
    "ses",
    "cohort",
    "sample",
    "task",
    "tracksys",
    "acq",
    "nuc",
    "voi",
    "ce",
    "trc",
    "stain",
    "rec",
    "dir",
    "run",
    "mod",
    "echo",
    "flip",
    "inv",
    "mt",
    "part",
    "proc",
    "hemi",
    "space",
    "from",
    "to",
    "mode",
    "split",
    "recording",
    "chunk",
    "atlas",
    "seg",
    "scale",
    "res",
    "den",
    "label",
    "desc",
];

/// Extensions of more than one part, and those whose stem may hold a dot; others run from the last dot.
const EXTENSIONS: &[&str] = &[".nii.gz", ".nii", ".img.gz", ".hdr", ".img", ".json", ".tsv", ".txt"];

/// Extensions of an image that can be opened (`.img` is opened by way of its `.hdr`).
const IMAGE_EXTENSIONS: &[&str] = &[".nii.gz", ".nii", ".hdr"];

/// A file name in its parts. Suffix and extension are compared without case: `_dsc` and `_DSC` are both in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidsName {
    entities: Vec<(String, String)>,
    suffix: String,
    extension: String,
}

impl BidsName {
    /// Takes a file name apart; `None` where it is not made of `key-value` pairs and a suffix.
    pub fn parse(file_name: &str) -> Option<Self> {
        let (stem, extension) = split_extension(file_name);
        let mut parts: Vec<&str> = stem.split('_').collect();
        let suffix = parts.pop().filter(|suffix| !suffix.is_empty() && !suffix.contains('-'))?;
        let mut entities: Vec<(String, String)> = Vec::with_capacity(parts.len());
        for part in parts {
            let (key, value) = part.split_once('-')?;
            if key.is_empty() || value.is_empty() || entities.iter().any(|(known, _)| known == key) {
                return None;
            }
            entities.push((key.to_owned(), value.to_owned()));
        }
        Some(Self { entities, suffix: suffix.to_owned(), extension: extension.to_owned() })
    }

    /// A name with a suffix and an extension (with its dot), and no entities yet.
    pub fn new(suffix: &str, extension: &str) -> Self {
        Self { entities: Vec::new(), suffix: suffix.to_owned(), extension: extension.to_owned() }
    }

    /// The value of an entity, such as `01` for `ses`.
    pub fn entity(&self, key: &str) -> Option<&str> {
        self.entities.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// All entities, as they stand in the name.
    pub fn entities(&self) -> &[(String, String)] {
        &self.entities
    }

    /// The suffix as written.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// The extension as written, with its dot.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// Whether the suffix is this one, without regard to case.
    pub fn has_suffix(&self, suffix: &str) -> bool {
        self.suffix.eq_ignore_ascii_case(suffix)
    }

    /// Whether the extension is this one, without regard to case.
    pub fn has_extension(&self, extension: &str) -> bool {
        self.extension.eq_ignore_ascii_case(extension)
    }

    /// Whether an image can be opened by this name.
    pub fn is_image(&self) -> bool {
        IMAGE_EXTENSIONS.iter().any(|extension| self.has_extension(extension))
    }

    /// Whether each entity of this name stands in the other one with the same value: the rule by which a sidecar of a
    /// higher level applies (BIDS, "The Inheritance Principle").
    pub fn applies_to(&self, other: &Self) -> bool {
        self.has_suffix(&other.suffix)
            && self.entities.iter().all(|(key, value)| other.entity(key) == Some(value.as_str()))
    }

    /// The name with an entity set, replacing one that stands there.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.entities.retain(|(known, _)| known != key);
        self.entities.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The name without an entity.
    pub fn without(mut self, key: &str) -> Self {
        self.entities.retain(|(known, _)| known != key);
        self
    }

    /// The name with another suffix and extension.
    pub fn renamed(mut self, suffix: &str, extension: &str) -> Self {
        suffix.clone_into(&mut self.suffix);
        extension.clone_into(&mut self.extension);
        self
    }
}

/// The whole name, entities in BIDS order.
impl fmt::Display for BidsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entities: Vec<_> = self.entities.iter().collect();
        entities.sort_by_key(|(key, _)| rank(key));
        for (key, value) in entities {
            write!(f, "{key}-{value}_")?;
        }
        write!(f, "{}{}", self.suffix, self.extension)
    }
}

/// Place of an entity; an unknown one goes before `desc`.
fn rank(key: &str) -> usize {
    let last = ENTITY_ORDER.len() - 1;
    match ENTITY_ORDER.iter().position(|known| *known == key) {
        Some(place) if place == last => last + 1,
        Some(place) => place,
        None => last,
    }
}

/// Stem and extension (with its dot) of a file name; the extension is empty where there is no dot.
pub fn split_extension(file_name: &str) -> (&str, &str) {
    for extension in EXTENSIONS {
        if let Some(at) = file_name.len().checked_sub(extension.len())
            && file_name.is_char_boundary(at)
            && file_name[at..].eq_ignore_ascii_case(extension)
        {
            return file_name.split_at(at);
        }
    }
    file_name.rfind('.').map_or((file_name, ""), |at| file_name.split_at(at))
}

/// Whether a file name is that of an image that can be opened.
pub fn is_image_name(file_name: &str) -> bool {
    let (_, extension) = split_extension(file_name);
    IMAGE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// A subject or session label with its prefix, whether or not it was given with one.
pub fn with_prefix(prefix: &str, label: &str) -> String {
    let label = label.trim();
    if label.starts_with(prefix) { label.to_owned() } else { format!("{prefix}{label}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_apart_into_entities_suffix_and_extension() {
        let name = BidsName::parse("sub-01_ses-02_trc-18FFDG_pet.nii.gz").unwrap();
        assert_eq!(name.entity("ses"), Some("02"));
        assert_eq!(name.entity("trc"), Some("18FFDG"));
        assert_eq!((name.suffix(), name.extension()), ("pet", ".nii.gz"));
        assert!(name.is_image());
    }

    #[test]
    fn suffix_case_does_not_matter_and_suffix_text_does() {
        let name = BidsName::parse("sub-01_DSC.NII.GZ").unwrap();
        assert!(name.has_suffix("dsc") && name.is_image());
        assert!(!name.has_suffix("ds"));
    }

    #[test]
    fn names_that_are_no_pairs_are_refused() {
        for name in ["T1_gd.nii.gz", "sub-01_ses-01_trc-MET.nii.gz", "sub-01_sub-02_pet.nii", "_.nii", "sub-_pet.nii"] {
            assert_eq!(BidsName::parse(name), None, "{name}");
        }
        assert!(BidsName::parse("dsc.json").is_some(), "a sidecar of the whole study has no entity");
    }

    #[test]
    fn a_sidecar_applies_when_all_its_entities_agree() {
        let image = BidsName::parse("sub-01_ses-02_run-1_dsc.nii.gz").unwrap();
        for (sidecar, applies) in [
            ("dsc.json", true),
            ("sub-01_DSC.json", true),
            ("sub-01_ses-02_run-1_dsc.json", true),
            ("sub-01_ses-03_dsc.json", false),
            ("sub-01_acq-x_dsc.json", false),
            ("sub-01_asl.json", false),
        ] {
            assert_eq!(BidsName::parse(sidecar).unwrap().applies_to(&image), applies, "{sidecar}");
        }
    }

    #[test]
    fn entities_are_written_in_bids_order_with_desc_last() {
        let name =
            BidsName::new("rcbv", ".nii.gz").with("desc", "bsw").with("label", "L").with("ses", "1").with("sub", "x");
        assert_eq!(name.with("zzz", "1").to_string(), "sub-x_ses-1_label-L_zzz-1_desc-bsw_rcbv.nii.gz");
    }

    #[test]
    fn prefixes_are_added_once() {
        assert_eq!(with_prefix("sub-", "01"), "sub-01");
        assert_eq!(with_prefix("sub-", "sub-01"), "sub-01");
    }
}
