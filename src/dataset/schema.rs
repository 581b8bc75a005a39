//! The JSON schema of a session's lesion file (JSON Schema, draft 2020-12): what programs may rely on.

use serde_json::{Map, Value, json};

use super::tables::levels;
use crate::lesion::{Column, LesionRecord};

/// The schema of `*_lesions.json`. `verdict_columns` are the columns of the verdict.
pub fn lesions_schema(verdict_columns: &[Column]) -> Value {
    let mut properties = Map::new();
    for column in LesionRecord::COLUMNS.iter().chain(verdict_columns) {
        properties.insert(column.name.to_owned(), column_schema(column));
    }
    let mut required: Vec<Value> = properties.keys().map(|name| name.as_str().into()).collect();
    for (name, schema) in [
        ("measured_caveats", objects()),
        ("dsc_checks", objects()),
        ("pet_checks", objects()),
        ("missing", strings()),
        ("methods", strings()),
        ("alternatives", objects()),
        ("verdict_details", json!({"type": "object"})),
        ("measurement_report", report_schema()),
    ] {
        properties.insert(name.to_owned(), schema);
        required.push(name.into());
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lesions of one session, as relight writes them",
        "description": "One object a lesion: the columns of lesions.tsv under the same names, and what stands beside \
                        them. A missing value is null. Further keys may be added.",
        "type": "object",
        "required": ["participant_id", "session_id", "date", "run_id", "version", "rules_version", "settings_hash",
                     "columns", "lesions"],
        "properties": {
            "participant_id": {"type": "string", "pattern": "^sub-"},
            "session_id": {"type": ["string", "null"]},
            "date": {"type": ["string", "null"], "description": DATE},
            "run_id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "version": {"type": "string"},
            "rules_version": {"type": "string"},
            "settings_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "columns": {"type": "object", "description": "The data dictionary of the lesion table."},
            "lesions": {
                "type": "array",
                "items": {"type": "object", "required": required, "properties": properties},
            },
        },
    })
}

/// How a date is written.
pub const DATE: &str = "Local date as YYYY-MM-DD, or `day N`: N days since the subject's first scan, where the run was \
                        asked for relative dates.";

fn column_schema(column: &Column) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), column.description.into());
    if column.unit.is_empty() && column.name != "background_mean" {
        schema.insert("type".to_owned(), json!(["string", "null"]));
    } else {
        schema.insert("type".to_owned(), json!(["number", "null"]));
        schema.insert("x-unit".to_owned(), column.unit.into());
    }
    // A cell of next steps may hold several words.
    if let Some(levels) = levels(column.name).filter(|_| column.name != "next_step") {
        let words: Vec<Value> = levels.into_iter().map(Value::from).chain([Value::Null]).collect();
        schema.insert("enum".to_owned(), words.into());
    }
    schema.into()
}

fn objects() -> Value {
    json!({"type": "array", "items": {"type": "object"}})
}

fn strings() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn report_schema() -> Value {
    let code = json!({
        "type": "object",
        "required": ["code_value", "coding_scheme_designator", "code_meaning"],
        "properties": {
            "code_value": {"type": "string"},
            "coding_scheme_designator": {"type": "string"},
            "code_meaning": {"type": "string"},
        },
    });
    json!({
        "description": "Keys that map to DICOM TID 1500 and TID 1411.",
        "type": "object",
        "required": ["template", "group_template", "tracking_identifier", "tracking_unique_identifier", "finding",
                     "finding_site", "algorithm", "measurements", "qualitative_evaluations"],
        "properties": {
            "template": code,
            "group_template": code,
            "tracking_identifier": {"type": "string"},
            "tracking_unique_identifier": {"type": "string", "pattern": "^2\\.25\\.[0-9]+$"},
            "finding": code,
            "algorithm": {"type": "object", "required": ["name", "version"]},
            "measurements": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["column", "concept", "value", "unit"],
                    "properties": {
                        "column": {"type": "string"},
                        "concept": code,
                        "derivation": code,
                        "value": {"type": "number"},
                        "unit": code,
                        "interval_95_percent": {"type": "array", "items": {"type": "number"}},
                    },
                },
            },
            "qualitative_evaluations": {
                "type": "array",
                "items": {"type": "object", "required": ["concept", "value"], "properties": {"concept": code}},
            },
        },
    })
}
