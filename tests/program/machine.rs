//! What other programs read: the lesion file against its schema, the data dictionary against the table.

use std::fs;
use std::path::Path;

use relight::dataset::lesions_schema;
use relight::verdict;
use serde_json::{Value, json};

use super::study::Study;

/// The schema as it is committed.
fn committed() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/lesions.schema.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Where a value breaks a schema. Knows the keywords that ours uses, and refuses others.
fn faults(value: &Value, schema: &Value, place: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let kinds = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "title" | "description" | "x-unit" => {}
            "type" => {
                let allowed = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                if !allowed.iter().any(|kind| kind == kinds(value)) {
                    faults.push(format!("{place}: expected {rule}, found {value}"));
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    faults.push(format!("{place}: expected one of {rule}, found {value}"));
                }
            }
            "pattern" => {
                let text = value.as_str().unwrap_or_default();
                let hash = |text: &str| text.len() == 64 && text.chars().all(|letter| letter.is_ascii_hexdigit());
                let fits = match rule.as_str().unwrap() {
                    "^sub-" => text.starts_with("sub-"),
                    "^[0-9a-f]{64}$" => hash(text),
                    "^2\\.25\\.[0-9]+$" => {
                        text.strip_prefix("2.25.").is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()))
                    }
                    other => panic!("the test does not know the pattern {other}"),
                };
                if !fits {
                    faults.push(format!("{place}: expected {rule}, found {value}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        faults.push(format!("{place}: {name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        faults.extend(self::faults(value, schema, &format!("{place}/{name}")));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults.extend(self::faults(item, rule, &format!("{place}/{index}")));
                }
            }
            other => panic!("the test does not know the keyword {other}"),
        }
    }
    faults
}

#[test]
fn the_committed_schema_is_that_of_the_program() {
    let same = committed() == lesions_schema(&verdict::COLUMNS);
    assert!(same, "write what `relight explain --schema` prints to docs/schema/lesions.schema.json");
}

#[test]
fn lesion_files_hold_to_the_schema_and_tables_to_their_dictionary() {
    let study = Study::of(&["sub-01"]);
    study.run("out", &[]).expect(0);
    let out = study.beside("out");
    let text = fs::read_to_string(out.join("sub-01/ses-01/sub-01_ses-01_lesions.json")).unwrap();
    let lesions: Value = serde_json::from_str(&text).unwrap();
    let schema = committed();
    assert_eq!(faults(&lesions, &schema, ""), Vec::<String>::new());

    // The other side: what breaks it is found.
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value = lesions.clone();
        change(&mut value);
        faults(&value, &schema, "")
    };
    assert_eq!(broken(&|value| value["lesions"][0]["rcbv_mean"] = json!("1.2")).len(), 1);
    assert_eq!(broken(&|value| value["lesions"][0]["verdict"] = json!("cancer")).len(), 1);
    assert_eq!(broken(&|value| drop(value["lesions"][0].as_object_mut().unwrap().shift_remove("tracer"))).len(), 1);
    assert_eq!(
        broken(&|value| value["lesions"][0]["measurement_report"]["measurements"][0]["unit"] = json!(1)).len(),
        4
    );

    // The measurements of the report are the columns of the row.
    let row = &lesions["lesions"][0];
    let report = &row["measurement_report"];
    let measured = report["measurements"].as_array().unwrap();
    assert!(measured.len() > 15, "{measured:?}");
    for one in measured {
        assert_eq!(one["value"], row[one["column"].as_str().unwrap()], "{one}");
    }
    assert_eq!(report["qualitative_evaluations"][0]["value"], row["verdict"]);
    assert_eq!(report["finding_site"]["code_value"], "12738006");

    // Every column has its entry in the dictionary, and every number its unit.
    let dictionary: Value = serde_json::from_str(&fs::read_to_string(out.join("lesions.json")).unwrap()).unwrap();
    let table = fs::read_to_string(out.join("lesions.tsv")).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split('\t').collect();
    assert_eq!(header, dictionary.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>());
    for name in header {
        let entry = &dictionary[name];
        assert!(entry["Description"].as_str().is_some_and(|words| words.len() > 7), "{name}: {entry}");
        if row[name].is_number() && name != "background_mean" {
            assert!(entry["Units"].is_string(), "{name} is a number without a unit");
        }
    }
    let session: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(session["columns"], dictionary);
}
