//! What the study's tables tell of a participant, a session and a lesion.

use jiff::civil::Date;

use super::error::StudyError;
use super::pet_sidecar::height_in_meters;
use super::tables::{Row, Table};
use crate::acquisition::Body;
use crate::clinical::{
    ExtentStudy, Histology, Margins, NewEnhancement, Pathway, RtField, Scenario, Sex, SteroidChange, Symptoms, YesNo,
};
use crate::quality::{Caveat, Quality};
use crate::units::{Kilograms, Meters};

/// A row of `participants.tsv`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParticipantFacts {
    /// Free-text diagnosis.
    pub diagnosis: Option<String>,
    /// The pathway, where the table names it.
    pub pathway: Option<Pathway>,
    /// Weight, height and sex.
    pub body: Body,
    /// Tumor grade, as written.
    pub grade: Option<String>,
    /// Tumor site, as written.
    pub site: Option<String>,
    /// Where the patient is treated: the column `centre`, `center` or `institution`, as written.
    pub center: Option<String>,
    /// Day of the resection.
    pub resection_date: Option<Date>,
    /// Last day of radiotherapy.
    pub rt_end: Option<Date>,
    /// Radiotherapy dose in Gy.
    pub rt_dose: Option<f64>,
    /// Radiotherapy fractions.
    pub rt_fractions: Option<f64>,
    /// What [`Self::SURGERY`] columns tell, as written.
    pub surgery: Vec<(&'static str, String)>,
}

impl ParticipantFacts {
    /// Columns that are read.
    pub const COLUMNS: &'static [&'static str] = &[
        "participant_id",
        "diagnosis",
        "pathway",
        "sex",
        "weight",
        "height",
        "grade",
        "site",
        "resection_date",
        "rt_end",
        "rt_dose",
        "rt_fractions",
        "centre",
        "center",
        "institution",
        "age_at_second_surgery",
        "second_surgery_completeness",
        "chemotherapy_first",
        "organs_resected_first",
        "recurrence_number",
        "performance_status",
        "encased_structures",
        "rupture_or_piecemeal",
    ];

    /// Columns about operations of a sarcoma: captured as written and listed, never scored.
    pub const SURGERY: &'static [&'static str] = Self::COLUMNS.split_at(15).1;

    /// What a column of [`Self::SURGERY`] tells.
    pub fn surgery_fact(&self, column: &str) -> Option<String> {
        self.surgery.iter().find(|(known, _)| *known == column).map(|(_, text)| text.clone())
    }

    /// Reads a row; a doubtful height is added to the caveats.
    pub fn read(row: &Row<'_>, caveats: &mut Vec<Caveat>) -> Result<Self, StudyError> {
        Ok(Self {
            diagnosis: row.text("diagnosis").map(str::to_owned),
            pathway: row.word("pathway")?,
            body: Body { weight: weight(row)?, height: height(row, caveats)?, sex: row.word::<Sex>("sex")? },
            grade: row.text("grade").map(str::to_owned),
            site: row.text("site").map(str::to_owned),
            center: ["centre", "center", "institution"].iter().find_map(|column| row.text(column)).map(str::to_owned),
            resection_date: row.date("resection_date")?,
            rt_end: row.date("rt_end")?,
            rt_dose: row.positive("rt_dose")?,
            rt_fractions: row.positive("rt_fractions")?,
            surgery: Self::SURGERY.iter().filter_map(|column| Some((*column, row.text(column)?.to_owned()))).collect(),
        })
    }
}

/// A row of `sub-…_sessions.tsv`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionFacts {
    /// Local date of the session.
    pub date: Option<Date>,
    /// Symptoms at the visit.
    pub symptoms: Option<Symptoms>,
    /// Change of the steroid dose since the previous scan.
    pub steroid_change: Option<SteroidChange>,
    /// Anti-angiogenic therapy.
    pub antiangiogenic: Option<YesNo>,
    /// Body weight at the visit.
    pub weight: Option<Kilograms>,
    /// Metal hardware near the field.
    pub hardware: Option<YesNo>,
    /// Allergy to contrast agents.
    pub contrast_allergy: Option<YesNo>,
    /// Impaired kidneys.
    pub renal_impairment: Option<YesNo>,
    /// Whether surveillance is the question at the visit.
    pub scenario: Option<Scenario>,
    /// Studies of the extent of disease that were done.
    pub extent_done: Vec<ExtentStudy>,
    /// A reader's word on the DSC series.
    pub dsc_quality: Option<Quality>,
    /// A reader's word on the ASL series.
    pub asl_quality: Option<Quality>,
    /// A reader's word on the DCE series.
    pub dce_quality: Option<Quality>,
    /// A reader's word on the PET image.
    pub pet_quality: Option<Quality>,
}

impl SessionFacts {
    /// Columns that are read.
    pub const COLUMNS: &'static [&'static str] = &[
        "session_id",
        "acq_time",
        "symptoms",
        "steroid_change",
        "antiangiogenic",
        "weight",
        "hardware",
        "contrast_allergy",
        "renal_impairment",
        "scenario",
        "extent_done",
        "dsc_quality",
        "asl_quality",
        "dce_quality",
        "pet_quality",
    ];

    /// Reads a row.
    pub fn read(row: &Row<'_>) -> Result<Self, StudyError> {
        Ok(Self {
            date: row.date("acq_time")?,
            symptoms: row.word("symptoms")?,
            steroid_change: row.word("steroid_change")?,
            antiangiogenic: row.word("antiangiogenic")?,
            weight: weight(row)?,
            hardware: row.word("hardware")?,
            contrast_allergy: row.word("contrast_allergy")?,
            renal_impairment: row.word("renal_impairment")?,
            scenario: row.word("scenario")?,
            extent_done: extent_done(row)?,
            dsc_quality: row.word("dsc_quality")?,
            asl_quality: row.word("asl_quality")?,
            dce_quality: row.word("dce_quality")?,
            pet_quality: row.word("pet_quality")?,
        })
    }
}

/// Facts of one lesion: a row of the table beside its mask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LesionFacts {
    /// Name of the lesion.
    pub name: Option<String>,
    /// Biopsy of this lesion.
    pub histology: Option<Histology>,
    /// Place against the radiotherapy field.
    pub rt_field: Option<RtField>,
    /// Whether the enhancement is new or larger.
    pub new_enhancement: Option<NewEnhancement>,
    /// Whether the margins are clear.
    pub margins: Option<Margins>,
    /// Body compartment, as written.
    pub compartment: Option<String>,
}

impl LesionFacts {
    /// Columns that are read, beside `index` of a label table.
    pub const COLUMNS: &'static [&'static str] =
        &["name", "histology", "rt_field", "new_enhancement", "margins", "compartment"];

    /// Reads a row.
    pub fn read(row: &Row<'_>) -> Result<Self, StudyError> {
        Ok(Self {
            name: row.text("name").map(str::to_owned),
            histology: row.word("histology")?,
            rt_field: row.word("rt_field")?,
            new_enhancement: row.word("new_enhancement")?,
            margins: row.word("margins")?,
            compartment: row.text("compartment").map(str::to_owned),
        })
    }

    /// The label table beside a mask (BIDS 1.10, derivatives, "Common image-derived labels"): `index` and the facts, in
    /// order of the labels.
    pub fn read_table(table: &Table) -> Result<Vec<(u32, Self)>, StudyError> {
        table.require("index")?;
        let mut facts: Vec<(u32, Self)> = Vec::new();
        for (text, row) in table.rows_by("index", plain_number)? {
            let index =
                text.parse().map_err(|_| row.wrong("index", format!("expected a label number, found {text:?}")))?;
            facts.push((index, Self::read(&row)?));
        }
        facts.sort_by_key(|(index, _)| *index);
        Ok(facts)
    }
}

/// A label number without leading zeros, so that `01` and `1` are one label.
fn plain_number(text: &str) -> String {
    text.parse::<u32>().map_or_else(|_| text.to_owned(), |number| number.to_string())
}

fn weight(row: &Row<'_>) -> Result<Option<Kilograms>, StudyError> {
    Ok(row.positive("weight")?.map(Kilograms))
}

fn height(row: &Row<'_>, caveats: &mut Vec<Caveat>) -> Result<Option<Meters>, StudyError> {
    Ok(row.positive("height")?.map(|value| {
        let (height, caveat) = height_in_meters(value, &format!("{}, column height", row.place()));
        caveats.extend(caveat);
        height
    }))
}

/// Words between commas or semicolons; an unknown word is an error that lists the allowed ones.
fn extent_done(row: &Row<'_>) -> Result<Vec<ExtentStudy>, StudyError> {
    let text = row.text("extent_done").unwrap_or_default();
    let words = text.split([',', ';']).map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| word.parse().map_err(|error: crate::UnknownWord| row.wrong("extent_done", error.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::CaveatCode;

    #[test]
    fn a_participant_is_read_with_units_and_words() {
        let table = Table::parse(
            "participants.tsv",
            "participant_id\tpathway\tsex\tweight\theight\trt_end\trt_dose\nsub-01\tglioma\tF\t70.5\t163\t2025-01-31\t60\n",
        )
        .unwrap();
        let mut caveats = Vec::new();
        let facts = ParticipantFacts::read(&table.rows().next().unwrap(), &mut caveats).unwrap();
        assert_eq!(facts.pathway, Some(Pathway::Glioma));
        let body = Body { weight: Some(Kilograms(70.5)), height: Some(Meters(1.63)), sex: Some(Sex::Female) };
        assert_eq!(facts.body, body);
        assert_eq!(facts.center, None);
        assert_eq!(facts.rt_end, Some(jiff::civil::date(2025, 1, 31)));
        assert_eq!((facts.rt_dose, facts.rt_fractions), (Some(60.0), None));
        assert_eq!(caveats.len(), 1);
        assert_eq!(caveats[0].code, CaveatCode::HeightInCentimeters);
        assert!(caveats[0].detail.contains("participants.tsv line 2"), "{}", caveats[0]);
    }

    #[test]
    fn a_center_is_read_under_three_names_and_a_site_is_none() {
        for (column, expected) in
            [("centre", Some("A")), ("center", Some("A")), ("institution", Some("A")), ("site", None)]
        {
            let text = format!("participant_id\t{column}\nsub-01\tA\n");
            let table = Table::parse("participants.tsv", &text).unwrap();
            let facts = ParticipantFacts::read(&table.rows().next().unwrap(), &mut Vec::new()).unwrap();
            assert_eq!(facts.center.as_deref(), expected, "{column}");
        }
        let surgery = ParticipantFacts::SURGERY;
        assert_eq!((surgery.first(), surgery.len()), (Some(&"age_at_second_surgery"), 8));
    }

    #[test]
    fn labels_are_sorted_by_number_and_carry_their_facts() {
        let table = Table::parse("d.tsv", "index\tname\thistology\n10\tten\tn/a\n2\ttwo\ttumour\n").unwrap();
        let facts = LesionFacts::read_table(&table).unwrap();
        assert_eq!(facts.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2, 10]);
        assert_eq!(facts[0].1.histology, Some(Histology::Tumor));
        assert_eq!(facts[1].1.histology, None);
    }

    #[test]
    fn a_histology_outside_its_vocabulary_is_an_error() {
        let table = Table::parse("d.tsv", "index\thistology\n1\tbenign\n").unwrap();
        let error = LesionFacts::read_table(&table).unwrap_err().to_string();
        assert!(error.contains("d.tsv line 2, column histology") && error.contains("benign"), "{error}");
        let table = Table::parse("d.tsv", "index\nx\n").unwrap();
        assert!(LesionFacts::read_table(&table).unwrap_err().to_string().contains("label number"));
    }
}
