//! The row of a lesion: every quantity that a verdict may look at, one column each.
//!
//! This is the contract between measuring and judging: `lesions.tsv`, the lesion's JSON, `relight assess` and the
//! pages all read these columns. What is missing is `None` (`n/a` in TSV, `null` in JSON) and never a number.

use jiff::civil::Date;
use serde_json::Value;

use crate::clinical::{
    Histology, Margins, NewEnhancement, Pathway, RtField, Scenario, SteroidChange, Symptoms, Tracer, YesNo,
};
use crate::quality::Quality;
pub use crate::words::{MISSING, is_missing};

/// A column of the lesion table: its name, unit and meaning (the data dictionary).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name in TSV and JSON.
    pub name: &'static str,
    /// Unit in UCUM spelling; empty for words.
    pub unit: &'static str,
    /// What it means.
    pub description: &'static str,
}

/// A cell that does not hold what its column means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct CellError {
    /// The column.
    pub column: &'static str,
    /// Expected and found.
    pub problem: String,
}

/// What a cell can hold: read from and written to the text of a table.
pub trait Cell: Sized {
    /// Reads a cell that is not missing.
    fn read(text: &str) -> Result<Self, String>;
    /// The text of the cell; numbers as the shortest text that reads back to the same value.
    fn write(&self) -> String;
    /// The JSON value of the cell.
    fn json(&self) -> Value {
        Value::String(self.write())
    }
}

/// The shortest text that reads back to the same number; with an exponent where JSON has one too.
pub fn shortest(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-5..1e16).contains(&size) { format!("{value:e}") } else { value.to_string() }
}

impl Cell for f64 {
    fn read(text: &str) -> Result<Self, String> {
        if text.contains(',') {
            return Err(format!("{text:?} holds a decimal comma: expected a number with a decimal point"));
        }
        text.parse().map_err(|_| format!("expected a number or {MISSING}, found {text:?}"))
    }

    fn write(&self) -> String {
        shortest(*self)
    }

    fn json(&self) -> Value {
        serde_json::Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

impl Cell for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn write(&self) -> String {
        self.clone()
    }
}

impl Cell for Date {
    fn read(text: &str) -> Result<Self, String> {
        crate::day::parse(text)
    }

    fn write(&self) -> String {
        crate::day::text(*self)
    }
}

impl Cell for Tracer {
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self::from_name(text))
    }

    fn write(&self) -> String {
        self.as_str().to_owned()
    }
}

macro_rules! word_cell {
    ($($word:ty),*) => {$(
        impl Cell for $word {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: crate::words::UnknownWord| error.to_string())
            }

            fn write(&self) -> String {
                self.as_str().to_owned()
            }
        }
    )*};
}

word_cell!(Pathway, Quality, Symptoms, Histology, YesNo, SteroidChange, RtField, NewEnhancement, Margins, Scenario);

macro_rules! lesion_record {
    ($($name:ident: $kind:ty, $unit:literal, $description:literal;)*) => {
        /// Every quantity of one lesion at one session.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct LesionRecord {
            $(#[doc = $description] pub $name: Option<$kind>,)*
        }

        impl LesionRecord {
            /// The columns, in the order of `lesions.tsv`; the verdict's columns follow them.
            pub const COLUMNS: &'static [Column] =
                &[$(Column { name: stringify!($name), unit: $unit, description: $description }),*];

            /// Sets a column from the text of a cell; `Ok(false)` where there is no such column.
            pub fn set(&mut self, column: &str, text: &str) -> Result<bool, CellError> {
                let text = text.trim();
                match column {
                    $(stringify!($name) => {
                        self.$name = if is_missing(text) {
                            None
                        } else {
                            Some(<$kind as Cell>::read(text)
                                .map_err(|problem| CellError { column: stringify!($name), problem })?)
                        };
                        Ok(true)
                    })*
                    _ => Ok(false),
                }
            }

            /// The cells in the order of [`Self::COLUMNS`].
            pub fn cells(&self) -> Vec<String> {
                vec![$(self.$name.as_ref().map_or_else(|| MISSING.to_owned(), Cell::write)),*]
            }

            /// One column as JSON, `null` where it is missing; `None` for a name that is no column.
            pub fn column(&self, name: &str) -> Option<Value> {
                match name {
                    $(stringify!($name) => Some(self.$name.as_ref().map_or(Value::Null, Cell::json)),)*
                    _ => None,
                }
            }

            /// The columns as JSON, missing values as `null`.
            pub fn json(&self) -> serde_json::Map<String, Value> {
                let mut map = serde_json::Map::new();
                $(map.insert(stringify!($name).to_owned(), self.$name.as_ref().map_or(Value::Null, Cell::json));)*
                map
            }
        }
    };
}

lesion_record! {
    participant_id: String, "", "Pseudonymous subject label, `sub-…`.";
    session_id: String, "", "Session label, `ses-…`.";
    scan_date: Date, "", "Local date of the session; where relative dates were asked for, `day N`: days since the subject's first scan.";
    lesion: String, "", "Label of the lesion in its mask.";
    name: String, "", "Name of the lesion, where the mask's table gives one.";
    pathway: Pathway, "", "Decision table that applies: glioma, metastasis or sarcoma.";
    volume_ml: f64, "mL", "Lesion volume: voxel count times voxel volume, on the anatomical grid where there is one.";
    index_volume_ml: f64, "mL", "Volume at the index scan of the watch.";
    longest_diameter_mm: f64, "mm", "Longest in-plane diameter over axial slices (RANO).";
    perpendicular_diameter_mm: f64, "mm", "Longest diameter perpendicular to it, in the same slice (RANO).";
    rcbv_mean: f64, "1", "Mean leakage-corrected rCBV over usable lesion voxels, normalized to contralateral normal-appearing white matter.";
    rcbv_enhancing_mean: f64, "1", "The same over enhancing voxels, where a fifth or more of the mask does not enhance.";
    rcbv_ci_low: f64, "1", "Lower end of the 95 % interval of the deciding rCBV mean (spatial block bootstrap).";
    rcbv_ci_high: f64, "1", "Upper end of that interval.";
    rcbv_p_above: f64, "1", "Probability that the true rCBV lies above the recurrence cut-off, from the published test-retest variation.";
    rcbv_p_below: f64, "1", "Probability that it lies below the necrosis cut-off.";
    rcbv_median: f64, "1", "Median normalized rCBV.";
    rcbv_p90: f64, "1", "90th percentile of normalized rCBV.";
    rcbv_max: f64, "1", "Largest normalized rCBV of a voxel.";
    rcbv_uncorrected_mean: f64, "1", "Mean normalized rCBV without leakage correction.";
    ftb_low: f64, "1", "Share of usable lesion voxels with rCBV below the necrosis cut-off (fractional tumor burden).";
    ftb_mid: f64, "1", "Share between the cut-offs.";
    ftb_high: f64, "1", "Share above the recurrence cut-off.";
    rph: f64, "1", "Relative peak height: largest ΔR2* of the lesion curve over that of the reference curve.";
    psr_mean: f64, "%", "Percentage of signal recovery of the lesion's mean signal curve.";
    k2_mean: f64, "1/s", "Mean leakage coefficient K2; above 0 T1-dominant, below 0 T2*-dominant.";
    rcbf_mean: f64, "1", "Mean relative CBF by deconvolution.";
    mtt_mean: f64, "s", "Mean transit time by deconvolution.";
    tmax_mean: f64, "s", "Mean time to the maximum of the residue function.";
    dsc_usable_fraction: f64, "1", "Share of lesion voxels whose DSC signal could be used.";
    dsc_quality: Quality, "", "Quality of the DSC measurement.";
    asl_cbf_mean: f64, "mL/100g/min", "Mean CBF by arterial spin labelling.";
    asl_rcbf_mean: f64, "1", "Mean ASL CBF over that of the reference region.";
    asl_rcbf_max: f64, "1", "Largest ASL CBF over the reference mean.";
    att_mean: f64, "s", "Mean arterial transit time.";
    asl_quality: Quality, "", "Quality of the ASL measurement.";
    ktrans_mean: f64, "1/min", "Mean volume transfer constant.";
    ve_mean: f64, "1", "Mean extravascular extracellular volume fraction.";
    vp_mean: f64, "1", "Mean plasma volume fraction.";
    iauc60_mean: f64, "mM.s", "Mean initial area under the concentration curve, 60 s.";
    curve_type: String, "", "Enhancement curve: persistent, plateau or washout.";
    dce_quality: Quality, "", "Quality of the DCE measurement.";
    tracer: Tracer, "", "PET tracer.";
    suv_max: f64, "g/mL", "Largest SUV of a voxel.";
    suv_mean: f64, "g/mL", "Mean SUV.";
    suv_peak: f64, "g/mL", "SUV peak over a sphere of 1 mL.";
    tbr_max: f64, "1", "Largest uptake over the background mean (tumor-to-background ratio).";
    tbr_mean: f64, "1", "Mean uptake over the background mean.";
    tbr_peak: f64, "1", "Peak uptake over the background mean.";
    tbr_ci_low: f64, "1", "Lower end of the 95 % interval of tbr_mean (spatial block bootstrap).";
    tbr_ci_high: f64, "1", "Upper end of that interval.";
    background_mean: f64, "", "Mean uptake of the background region, in the unit of the image (SUV where available).";
    background_cov: f64, "1", "Coefficient of variation of the background region.";
    btv_ml: f64, "mL", "Biological tumor volume inside the lesion mask.";
    tlu: f64, "mL", "Total lesion uptake: sum of TBR times volume; for FDG total lesion glycolysis in SUV times mL.";
    ttp_min: f64, "min", "Time to peak of the dynamic uptake curve.";
    slope_per_h: f64, "1/h", "Late slope of the dynamic uptake curve.";
    pet_quality: Quality, "", "Quality of the PET measurement.";
    tbr_cutoff: f64, "1", "The centre's single TBR cut-off for MET, where it has one.";
    symptoms: Symptoms, "", "Symptoms at the visit; support only.";
    weeks_since_rt: f64, "wk", "Weeks since the end of radiotherapy.";
    followup_change_percent: f64, "%", "Change of the volume against the index scan.";
    nadir_change_percent: f64, "%", "Change of the volume against its nadir: the smallest volume at the index scan and the rounds before this one; after a nadir of 0, against the volume at which a lesion has resolved.";
    followup_days: f64, "d", "Days since the index scan.";
    followup_round: f64, "1", "Round of the follow-up.";
    growth_cm_per_month: f64, "cm/mo", "Longest diameter divided by the months since the primary resection (Park 2009): growth only where nothing was left then; it takes one scan and is not a change between two.";
    histology: Histology, "", "Biopsy of this lesion.";
    antiangiogenic: YesNo, "", "Anti-angiogenic therapy.";
    steroid_change: SteroidChange, "", "Change of the steroid dose.";
    rt_field: RtField, "", "Place against the radiotherapy field.";
    new_enhancement: NewEnhancement, "", "Whether the enhancement is new or larger.";
    margins: Margins, "", "Whether the margins are clear.";
    scenario: Scenario, "", "Sarcoma: whether surveillance is the question at this visit, or staging, a primary tumor of bone or distant disease.";
    compartment: String, "", "Sarcoma: body compartment that the lesion lies in, as the table beside its mask gives it.";
    grade: String, "", "Tumor grade as the participants table gives it, by pathology; never determined by imaging.";
}

impl serde::Serialize for LesionRecord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for LesionRecord {
    /// Reads the columns it knows and leaves the others to whoever reads the same object.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = serde_json::Map::<String, Value>::deserialize(deserializer)?;
        let mut record = Self::default();
        for (column, value) in &map {
            let text = match value {
                Value::Null => MISSING.to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            record.set(column, &text).map_err(serde::de::Error::custom)?;
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_to_the_same_bits() {
        let mut record = LesionRecord { rcbv_mean: Some(0.1 + 0.2), tracer: Some(Tracer::Met), ..Default::default() };
        record.symptoms = Some(Symptoms::New);
        let mut again = LesionRecord::default();
        for (column, cell) in LesionRecord::COLUMNS.iter().zip(record.cells()) {
            assert!(again.set(column.name, &cell).unwrap());
        }
        assert_eq!(again, record);
    }

    #[test]
    fn tiny_numbers_are_written_with_an_exponent_and_read_back() {
        for (value, text) in
            [(1.4e-170, "1.4e-170"), (0.001, "0.001"), (-2.0, "-2"), (0.1 + 0.2, "0.30000000000000004")]
        {
            assert_eq!(value.write(), text);
            assert_eq!(f64::read(text), Ok(value));
        }
    }

    #[test]
    fn a_decimal_comma_is_an_error_that_says_so() {
        let error = LesionRecord::default().set("rcbv_mean", "1,75").unwrap_err().to_string();
        assert!(error.contains("rcbv_mean") && error.contains("decimal comma"), "{error}");
    }

    #[test]
    fn unknown_columns_are_left_to_the_caller() {
        assert_eq!(LesionRecord::default().set("site", "A"), Ok(false));
    }

    #[test]
    fn missing_is_null_and_n_a() {
        let record = LesionRecord::default();
        assert!(record.cells().iter().all(|cell| cell == MISSING));
        assert!(record.json().values().all(Value::is_null));
    }
}
