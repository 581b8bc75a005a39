//! What was put into a phantom study: one row for each lesion at each visit.

use serde_json::{Map, Value, json};

use super::story::Expected;
use crate::clinical::{Histology, Tracer};
use crate::lesion::MISSING;

/// The truth of one lesion at one visit; NaN where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthRow {
    /// Patient.
    pub participant_id: String,
    /// Visit.
    pub session_id: String,
    /// Label of the lesion.
    pub lesion: usize,
    /// Its name.
    pub name: String,
    /// What it is.
    pub histology: Histology,
    /// Middle of the lesion in scanner coordinates (RAS+), mm.
    pub center: [f64; 3],
    /// Volume of the mask as drawn, mL.
    pub volume_ml: f64,
    /// Change of that volume against the first visit, %.
    pub followup_change_percent: f64,
    /// rCBV over the mask as drawn, against white matter.
    pub rcbv: f64,
    /// rCBV of the enhancing tissue alone, against white matter.
    pub rcbv_enhancing: f64,
    /// Blood volume of the enhancing tissue, mL/100 mL.
    pub cbv: f64,
    /// Blood flow of the enhancing tissue, mL/100 mL/min.
    pub cbf: f64,
    /// Mean transit time of the enhancing tissue, s.
    pub mtt: f64,
    /// Arrival after the artery, s.
    pub delay: f64,
    /// Volume transfer constant of the enhancing tissue, 1/min; 0 behind an intact barrier.
    pub ktrans: f64,
    /// Extravascular extracellular volume fraction.
    pub ve: f64,
    /// The tracer, where there is a PET.
    pub tracer: Option<Tracer>,
    /// Uptake of the enhancing tissue over the background, before the scanner blurs it.
    pub tbr: f64,
    /// SUV (body weight) of the enhancing tissue, g/mL.
    pub suv: f64,
    /// SUV (body weight) of the background, g/mL.
    pub background_suv: f64,
    /// What the decision tables must say.
    pub expected: Expected,
}

/// The truth of a study.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Truth {
    /// Rows, by patient, visit and lesion.
    pub rows: Vec<TruthRow>,
}

const COLUMNS: [(&str, &str, &str); 25] = [
    ("participant_id", "", "Patient."),
    ("session_id", "", "Visit."),
    ("lesion", "", "Label of the lesion."),
    ("name", "", "Name of the lesion."),
    ("histology", "", "What the lesion is: tumor or necrosis."),
    ("x_mm", "mm", "Middle of the lesion, to the right, in scanner coordinates."),
    ("y_mm", "mm", "Middle of the lesion, to the front."),
    ("z_mm", "mm", "Middle of the lesion, upward."),
    ("volume_ml", "mL", "Volume of the lesion mask."),
    ("followup_change_percent", "%", "Change of that volume against the first visit."),
    (
        "rcbv",
        "1",
        "Relative CBV over the lesion mask against white matter, as a perfect leakage correction of this series returns it.",
    ),
    ("rcbv_enhancing", "1", "The same over the enhancing tissue alone."),
    ("cbv", "mL/100mL", "Blood volume of the enhancing tissue."),
    ("cbf", "mL/100mL/min", "Blood flow of the enhancing tissue."),
    ("mtt", "s", "Mean transit time of the enhancing tissue."),
    ("delay", "s", "Arrival of the bolus after the artery."),
    ("ktrans", "1/min", "Volume transfer constant of the enhancing tissue."),
    ("ve", "1", "Extravascular extracellular volume fraction of the enhancing tissue."),
    ("tracer", "", "PET tracer."),
    ("tbr", "1", "Uptake of the enhancing tissue over the background, before the scanner's resolution blurs it."),
    ("suv", "g/mL", "SUV by body weight of the enhancing tissue."),
    ("background_suv", "g/mL", "SUV by body weight of the healthy brain opposite, 8-28 mm below the surface."),
    ("verdict", "", "What the decision tables say on these values."),
    ("confidence", "", "Confidence of that verdict."),
    ("rule", "", "Rule that gives it; next_step follows."),
];

impl Truth {
    /// As `truth.tsv`.
    pub fn table(&self) -> String {
        let mut table: Vec<&str> = COLUMNS.iter().map(|(name, _, _)| *name).collect();
        table.push("next_step");
        let mut lines = vec![table.join("\t")];
        for row in &self.rows {
            let numbers = [
                row.center[0],
                row.center[1],
                row.center[2],
                row.volume_ml,
                row.followup_change_percent,
                row.rcbv,
                row.rcbv_enhancing,
                row.cbv,
                row.cbf,
                row.mtt,
                row.delay,
                row.ktrans,
                row.ve,
            ];
            let mut cells =
                vec![row.participant_id.clone(), row.session_id.clone(), row.lesion.to_string(), row.name.clone()];
            cells.push(row.histology.to_string());
            cells.extend(numbers.map(number));
            cells.push(row.tracer.as_ref().map_or_else(|| MISSING.into(), ToString::to_string));
            cells.extend([row.tbr, row.suv, row.background_suv].map(number));
            let Expected { class, confidence, rule, next_step } = row.expected;
            cells.extend([class.to_string(), confidence.to_string(), rule.to_owned(), next_step.to_string()]);
            lines.push(cells.join("\t"));
        }
        lines.join("\n") + "\n"
    }

    /// Meaning and units of the columns, as `truth.json`.
    pub(super) fn dictionary() -> Value {
        let mut dictionary = Map::new();
        for (name, units, description) in COLUMNS {
            let mut entry = Map::from_iter([("Description".to_owned(), json!(description))]);
            if !units.is_empty() {
                entry.insert("Units".into(), json!(units));
            }
            dictionary.insert(name.into(), Value::Object(entry));
        }
        dictionary.insert("next_step".into(), json!({ "Description": "What the decision tables advise." }));
        Value::Object(dictionary)
    }
}

/// Four decimals, so that another machine's functions cannot change the text; `n/a` for NaN.
fn number(value: f64) -> String {
    if value.is_nan() { MISSING.into() } else { ((value * 1e4).round() / 1e4 + 0.0).to_string() }
}
