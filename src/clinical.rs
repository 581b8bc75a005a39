//! What people told us of a patient, a visit or a lesion: closed vocabularies of the study tables.
//!
//! American and British spelling are read; a word outside a vocabulary is an error that lists the allowed ones.

closed_words! {
    /// Which decision table a lesion is judged by.
    pub enum Pathway: "pathway" {
        /// Glioma after chemoradiation.
        Glioma = "glioma",
        /// Brain metastasis after radiotherapy.
        Metastasis = "metastasis",
        /// Soft-tissue or retroperitoneal sarcoma under surveillance.
        Sarcoma = "sarcoma",
    }
}

closed_words! {
    /// Symptoms at the visit: support, never a criterion.
    pub enum Symptoms: "symptoms word" {
        /// No symptoms.
        None = "none",
        /// New symptoms, such as headache, seizures or progressive limb weakness.
        New = "new",
        /// Symptoms that may have another cause.
        Ambiguous = "ambiguous",
        /// Not recorded.
        Unknown = "unknown",
        /// New symptoms that severe oedema around the lesion explains.
        NewWithSevereOedema = "new_with_severe_oedema" | "new_with_severe_edema",
    }
}

closed_words! {
    /// Change of the steroid dose since the previous scan.
    pub enum SteroidChange: "steroid change" {
        /// Increased.
        Up = "up",
        /// Unchanged.
        None = "none",
        /// Decreased.
        Down = "down",
    }
}

closed_words! {
    /// Yes or no.
    pub enum YesNo: "yes or no" {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
    }
}

closed_words! {
    /// Where the lesion lies against the high-dose radiotherapy field.
    pub enum RtField: "radiotherapy field word" {
        /// Inside.
        Inside = "inside",
        /// Outside: not a pseudoprogression.
        Outside = "outside",
        /// At the margin.
        Margin = "margin",
    }
}

closed_words! {
    /// Whether the enhancement is new or larger than before.
    pub enum NewEnhancement: "new enhancement word" {
        /// New or larger.
        Yes = "yes",
        /// Known and unchanged.
        No = "no",
        /// Not recorded.
        Unknown = "unknown",
    }
}

closed_words! {
    /// Whether the surveillance of a treated sarcoma is the question (S0); its ratings and rules hold for that alone.
    pub enum Scenario: "scenario" {
        /// Surveillance of the treated site.
        Surveillance = "surveillance",
        /// The first staging.
        InitialStaging = "initial_staging",
        /// A primary tumor of bone.
        PrimaryBone = "primary_bone",
        /// A question of distant disease.
        DistantDisease = "distant_disease",
    }
}

closed_words! {
    /// How clear the lesion's margins are.
    pub enum Margins: "margins word" {
        /// Clear.
        Clear = "clear",
        /// Indeterminate: PET is worth the trip.
        Indeterminate = "indeterminate",
    }
}

closed_words! {
    /// The biopsy of this lesion, never inherited from the diagnosis.
    pub enum Histology: "histology word" {
        /// Viable tumor.
        Tumor = "tumor" | "tumour",
        /// Tumor and necrosis side by side.
        Mixed = "mixed",
        /// Necrosis only.
        Necrosis = "necrosis",
    }
}

closed_words! {
    /// Sex, as the body-size formulas need it.
    pub enum Sex: "sex" {
        /// Male.
        Male = "M" | "male",
        /// Female.
        Female = "F" | "female",
        /// Other: formulas that need M or F are not applied.
        Other = "other" | "O",
    }
}

closed_words! {
    /// A study of the extent of disease at recurrence (S2; S1 for the CTs of staging).
    pub enum ExtentStudy: "study of the extent of disease" {
        /// Radiograph of the local area.
        LocalRadiograph = "local_radiograph",
        /// Chest radiograph.
        ChestRadiograph = "chest_radiograph",
        /// CT of the local area.
        LocalCt = "local_ct",
        /// MRI of the local area.
        LocalMri = "local_mri",
        /// Chest CT.
        ChestCt = "chest_ct",
        /// CT of abdomen and pelvis.
        AbdomenPelvisCt = "abdomen_pelvis_ct",
    }
}

impl ExtentStudy {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LocalRadiograph => "Radiograph of the local area",
            Self::ChestRadiograph => "Chest radiograph",
            Self::LocalCt => "CT of the local area",
            Self::LocalMri => "MRI of the local area",
            Self::ChestCt => "Chest CT",
            Self::AbdomenPelvisCt => "CT of abdomen and pelvis",
        }
    }
}

closed_words! {
    /// A sarcoma's grade as the pathologist gave it. Imaging cannot determine it (S1).
    pub enum SarcomaGrade: "sarcoma grade" {
        /// High.
        High = "high" | "high grade" | "high-grade" | "3" | "g3" | "grade 3" | "fnclcc 3",
        /// Low.
        Low = "low" | "low grade" | "low-grade" | "1" | "g1" | "grade 1" | "fnclcc 1",
    }
}

impl SarcomaGrade {
    /// The grade that a word of the participants table means; an intermediate or unknown word is none.
    ///
    /// METHOD: the sources split schedules into high and low; grade 2 is put on neither side (no guess).
    pub fn of(word: Option<&str>) -> Option<Self> {
        word?.parse().ok()
    }
}

/// A PET tracer. Cut-offs exist per tracer; a MET cut-off can never be applied to FET.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tracer {
    /// `L-[methyl-11C]methionine`.
    Met,
    /// `O-(2-[18F]fluoroethyl)-L-tyrosine`.
    Fet,
    /// `6-[18F]fluoro-L-DOPA`.
    Fdopa,
    /// `2-[18F]fluoro-2-deoxy-D-glucose`.
    Fdg,
    /// Another word: quantities, no cut-off.
    Other(String),
}

impl Tracer {
    /// Reads a BIDS `trc-` label or a `TracerName`.
    pub fn from_name(name: &str) -> Self {
        let word: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        match word.as_str() {
            "MET" | "11CMET" | "C11MET" | "METHIONINE" | "11CMETHIONINE" | "C11METHIONINE" => Self::Met,
            "FET" | "18FFET" | "F18FET" | "FLUOROETHYLTYROSINE" => Self::Fet,
            "FDOPA" | "18FFDOPA" | "F18FDOPA" | "FLUORODOPA" => Self::Fdopa,
            "FDG" | "18FFDG" | "F18FDG" | "FLUORODEOXYGLUCOSE" => Self::Fdg,
            _ => Self::Other(name.trim().to_owned()),
        }
    }

    /// The short name that tables and file names carry.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Met => "MET",
            Self::Fet => "FET",
            Self::Fdopa => "FDOPA",
            Self::Fdg => "FDG",
            Self::Other(name) => name,
        }
    }
}

impl std::fmt::Display for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_are_read_and_never_guessed() {
        for word in ["high", "High-grade", "G3", "3", "FNCLCC 3"] {
            assert_eq!(SarcomaGrade::of(Some(word)), Some(SarcomaGrade::High), "{word}");
        }
        assert_eq!(SarcomaGrade::of(Some("low grade")), Some(SarcomaGrade::Low));
        for word in ["2", "G2", "intermediate", "IV"] {
            assert_eq!(SarcomaGrade::of(Some(word)), None, "{word}");
        }
        assert_eq!(SarcomaGrade::of(None), None);
    }

    #[test]
    fn british_spelling_is_read_and_american_is_written() {
        let histology: Histology = "Tumour".parse().unwrap();
        assert_eq!(histology.as_str(), "tumor");
    }

    #[test]
    fn an_unknown_word_lists_the_allowed_ones() {
        let error = "benign".parse::<Histology>().unwrap_err().to_string();
        assert!(error.contains("tumor, mixed, necrosis"), "{error}");
    }

    #[test]
    fn bids_labels_and_names_give_the_same_tracer() {
        for name in ["MET", "11CMET", "methionine", "[11C]MET"] {
            assert_eq!(Tracer::from_name(name), Tracer::Met, "{name}");
        }
        assert_eq!(Tracer::from_name("18FFDG"), Tracer::Fdg);
        assert_eq!(Tracer::from_name("PSMA"), Tracer::Other("PSMA".into()));
    }
}
