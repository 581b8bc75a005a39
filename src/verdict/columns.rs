//! The verdict as columns of the lesion table.

use serde_json::{Map, Number, Value};

use crate::lesion::{Column, MISSING};
use crate::quality::CaveatCode;

use super::Verdict;

/// Between the entries of a cell that holds several, such as two next steps.
pub const LIST_SEPARATOR: &str = ";";

/// The columns of the verdict, in the order in which they follow the lesion's own.
pub const COLUMNS: [Column; 13] = [
    Column {
        name: "verdict",
        unit: "",
        description: "The answer: recurrence, radiation_necrosis or indeterminate (sarcoma: suspected_recurrence, stable or indeterminate).",
    },
    Column {
        name: "confidence",
        unit: "",
        description: "How firm the rule is: none, low, moderate, high, very_high or definitive.",
    },
    Column { name: "rule", unit: "", description: "The rule that fired; `relight explain RULE` tells it." },
    Column {
        name: "posterior",
        unit: "1",
        description: "Estimated probability of recurrence from imaging and symptoms at the default prior; it never sets the verdict.",
    },
    Column { name: "posterior_low", unit: "1", description: "The same at the lowest published prior." },
    Column { name: "posterior_high", unit: "1", description: "The same at the highest published prior." },
    Column { name: "agreement", unit: "", description: "How many deciding measures read high, grey and low." },
    Column {
        name: "stability",
        unit: "",
        description: "Share of reanalyses under other choices that gave the same verdict.",
    },
    Column {
        name: "next_step",
        unit: "",
        description: "What to do next, most important first, separated by semicolons.",
    },
    Column {
        name: "window_start",
        unit: "",
        description: "First day of the follow-up window: a date, or `day N` since the subject's first scan.",
    },
    Column { name: "window_end", unit: "", description: "Last day of it, in the same form." },
    Column { name: "reasons", unit: "", description: "Reason codes beside the rule, separated by semicolons." },
    Column { name: "caveats", unit: "", description: "Doubts from measuring and judging, separated by semicolons." },
];

/// The caveats that judging raises; all others come from measuring and pass through a replay.
const RAISED_BY_JUDGING: [CaveatCode; 10] = [
    CaveatCode::CutoffNotForTracer,
    CaveatCode::NoCutoffForTracer,
    CaveatCode::TracerUnknown,
    CaveatCode::CbvNearZero,
    CaveatCode::CbvNegative,
    CaveatCode::ImpossibleValue,
    CaveatCode::AslUnvalidated,
    CaveatCode::PathwayUnknown,
    CaveatCode::SingleFeature,
    CaveatCode::BaselineMissing,
];

impl Verdict {
    /// The cells in the order of [`COLUMNS`]. `measured` are the codes of the caveats that measuring raised; they
    /// stand before those of the verdict.
    pub fn cells<'m>(&self, measured: impl IntoIterator<Item = &'m str>) -> [String; 13] {
        let missing = || MISSING.to_owned();
        let number = |value: Option<f64>| value.map_or_else(missing, |value| value.to_string());
        let date = |date: Option<jiff::civil::Date>| date.map_or_else(missing, crate::day::text);
        let agreement = self.agreement.map_or_else(missing, |agreement| {
            format!("{} high, {} grey, {} low", agreement.high, agreement.grey, agreement.low)
        });
        let raised = self.caveats.iter().map(|caveat| caveat.code.as_str());
        [
            self.class.map_or_else(missing, |class| class.to_string()),
            self.confidence.map_or_else(missing, |confidence| confidence.to_string()),
            self.rule.map_or_else(missing, str::to_owned),
            number(self.posterior.map(|posterior| posterior.value)),
            number(self.posterior.map(|posterior| posterior.low)),
            number(self.posterior.map(|posterior| posterior.high)),
            agreement,
            self.stability.clone().unwrap_or_else(missing),
            list(self.next_steps.iter().map(|step| step.as_str())),
            date(self.window.map(|window| window.start)),
            date(self.window.map(|window| window.end)),
            list(self.reasons.iter().map(|reason| reason.code.as_str())),
            list(measured.into_iter().filter(|code| !raised_by_judging(code)).chain(raised)),
        ]
    }

    /// The columns with their cells, for the writer of `lesions.tsv`.
    pub fn columns<'m>(&self, measured: impl IntoIterator<Item = &'m str>) -> Vec<(Column, String)> {
        COLUMNS.into_iter().zip(self.cells(measured)).collect()
    }

    /// The same columns as flat JSON: numbers as numbers, missing values as `null`.
    pub fn json<'m>(&self, measured: impl IntoIterator<Item = &'m str>) -> Map<String, Value> {
        self.columns(measured)
            .into_iter()
            .map(|(column, cell)| {
                let value = if cell == MISSING {
                    Value::Null
                } else if column.unit == "1" {
                    cell.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
                } else {
                    Value::String(cell)
                };
                (column.name.to_owned(), value)
            })
            .collect()
    }
}

fn raised_by_judging(code: &str) -> bool {
    RAISED_BY_JUDGING.iter().any(|raised| raised.as_str() == code)
}

/// Entries in order, each once.
fn list<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for entry in entries {
        if !seen.contains(&entry) {
            seen.push(entry);
        }
    }
    if seen.is_empty() { MISSING.to_owned() } else { seen.join(LIST_SEPARATOR) }
}
