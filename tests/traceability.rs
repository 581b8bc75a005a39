//! Every source statement has its row in `docs/traceability.md`, and every row names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of all test functions below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Functions that follow `#[test]`, over further attributes.
fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ")
            && marked
        {
            names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            marked = false;
        } else if !line.starts_with("#[") && !line.is_empty() {
            marked = false;
        }
    }
    names
}

struct Row {
    id: String,
    kind: String,
    feature: String,
    tests: Vec<String>,
}

fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/traceability.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ID"));
    table
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [id, _, kind, feature, tests] = cells[..] else { panic!("five cells are expected: {line}") };
            Row {
                id: id.to_owned(),
                kind: kind.to_owned(),
                feature: feature.to_owned(),
                tests: tests.split_whitespace().map(|test| test.trim_matches('`').to_owned()).collect(),
            }
        })
        .collect()
}

#[test]
fn every_statement_of_the_sources_has_one_row() {
    let expected: Vec<String> = [('G', 27), ('A', 21), ('L', 11), ('E', 5), ('R', 21)]
        .into_iter()
        .flat_map(|(source, count)| (1..=count).map(move |number| format!("{source}{number:02}")))
        .collect();
    let found: Vec<String> = rows().into_iter().map(|row| row.id).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_row_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    tests_below(&root.join("src"), &mut known);
    tests_below(&root.join("tests"), &mut known);
    let rows = rows();
    let missing: Vec<String> = rows
        .iter()
        .flat_map(|row| row.tests.iter().map(|test| format!("{}: {test}", row.id)))
        .filter(|named| !known.contains(named.split_once(": ").map_or("", |(_, test)| test)))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
    for row in &rows {
        match row.kind.as_str() {
            "feature" | "text" => assert!(!row.tests.is_empty() && !row.feature.is_empty(), "{} names no test", row.id),
            "context" => assert!(row.tests.is_empty(), "{} is context and names a test", row.id),
            "absent" => assert!(row.tests.is_empty() && !row.feature.is_empty(), "{} says not what is absent", row.id),
            other => panic!("{}: {other} is no kind", row.id),
        }
    }
}

#[test]
fn a_test_is_found_by_its_attribute() {
    let source = "#[test]\n#[ignore]\nfn one() {}\nfn two() {}\n    #[test]\n    fn three(a: u8) {}\n";
    assert_eq!(tests_of(source), ["one", "three"]);
}
