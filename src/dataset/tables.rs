//! The lesion table: one row a lesion, measured columns first, then those of the verdict, with its data dictionary
//! (BIDS 1.10, "Tabular files").

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::error::{DatasetError, shown};
use crate::clinical::{Histology, Margins, NewEnhancement, Pathway, RtField, Scenario, SteroidChange, Symptoms, YesNo};
use crate::lesion::{Column, LesionRecord, MISSING};
use crate::pet::SuvKind;
use crate::quality::Quality;
use crate::verdict::{Class, Confidence, NextStep};

/// The end of the name of a session's lesion table.
pub const LESIONS_TSV: &str = "lesions.tsv";

/// A row for the writer: what was measured, and the verdict's columns with their cells.
#[derive(Debug, Clone, PartialEq)]
pub struct LesionRow {
    /// What was measured.
    pub record: LesionRecord,
    /// What follows it; the same columns in every row of a table.
    pub verdict: Vec<(Column, String)>,
}

/// A row as it reads back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRow {
    /// What was measured.
    pub record: LesionRecord,
    /// All other columns with their cells, as they stand.
    pub others: Vec<(String, String)>,
}

/// The text of a lesion table. A table without lesions has its header, which `verdict_columns` completes.
pub fn lesions_tsv(rows: &[LesionRow], verdict_columns: &[Column]) -> String {
    let mut text = line(names(verdict_columns).map(str::to_owned));
    for LesionRow { record, verdict } in rows {
        debug_assert!(
            verdict.iter().map(|(column, _)| column.name).eq(verdict_columns.iter().map(|column| column.name))
        );
        text.push_str(&line(record.cells().into_iter().chain(verdict.iter().map(|(_, cell)| cell.clone()))));
    }
    text
}

/// The data dictionary of the lesion table.
pub fn lesions_dictionary(verdict_columns: &[Column], suv: SuvKind) -> Value {
    let mut dictionary = Map::new();
    for column in LesionRecord::COLUMNS.iter().chain(verdict_columns) {
        let mut entry = Map::new();
        entry.insert("Description".to_owned(), column.description.into());
        if !column.unit.is_empty() {
            let unit = if column.name.starts_with("suv_") { suv.unit() } else { column.unit };
            entry.insert("Units".to_owned(), unit.into());
        }
        if let Some(levels) = levels(column.name) {
            let levels: Map<String, Value> = levels.into_iter().map(|word| (word.to_owned(), word.into())).collect();
            entry.insert("Levels".to_owned(), levels.into());
        }
        dictionary.insert(column.name.to_owned(), entry.into());
    }
    dictionary.into()
}

/// Reads a lesion table.
pub fn read_lesions(path: &Path) -> Result<Vec<ReadRow>, DatasetError> {
    let text = fs::read_to_string(path).map_err(|error| DatasetError::unreadable(shown(path), &error))?;
    parse_lesions(&shown(path), &text)
}

/// Reads a lesion table from its text; `file` is the name that errors carry.
pub fn parse_lesions(file: &str, text: &str) -> Result<Vec<ReadRow>, DatasetError> {
    let broken = |line: Option<usize>, problem: String| DatasetError::Table { file: file.to_owned(), line, problem };
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let (_, header) = lines.next().ok_or_else(|| broken(None, "is empty: expected a header".to_owned()))?;
    let columns: Vec<&str> = header.split('\t').map(str::trim).collect();
    let mut rows = Vec::new();
    for (index, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let cells: Vec<&str> = text.split('\t').map(str::trim).collect();
        if cells.len() != columns.len() {
            let problem = format!("has {} cells, the header {}", cells.len(), columns.len());
            return Err(broken(Some(index + 1), problem));
        }
        let mut row = ReadRow { record: LesionRecord::default(), others: Vec::new() };
        for (column, cell) in columns.iter().zip(cells) {
            match row.record.set(column, cell) {
                Ok(true) => {}
                Ok(false) => row.others.push(((*column).to_owned(), cell.to_owned())),
                Err(error) => return Err(broken(Some(index + 1), error.to_string())),
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The table of all sessions of an output: their rows as they stand, sorted by participant, session and lesion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedTable {
    /// The text of the table.
    pub text: String,
    /// The session tables that it was made of, relative to the output.
    pub tables: Vec<String>,
}

/// Joins the lesion tables of all sessions of an output. No number is read and written again: the cells are the same
/// bytes however many machines made them.
pub fn merge_sessions(root: &Path, verdict_columns: &[Column]) -> Result<MergedTable, DatasetError> {
    let header = line(names(verdict_columns).map(str::to_owned));
    let mut rows: Vec<(String, [String; 3])> = Vec::new();
    let mut tables = Vec::new();
    for path in session_tables(root)? {
        let file = relative(root, &path);
        let text = fs::read_to_string(&path).map_err(|error| DatasetError::unreadable(&file, &error))?;
        let mut lines = text.split_inclusive('\n');
        if lines.next() != Some(header.as_str()) {
            let problem = "has other columns than this version writes: run its session again with --force".to_owned();
            return Err(DatasetError::Table { file, line: Some(1), problem });
        }
        for (index, row) in lines.enumerate() {
            let mut cells = row.trim_end_matches('\n').split('\t');
            // The columns that identify a lesion, in the order of the record: participant, session, date, lesion.
            let (participant, session, _, lesion) = (cells.next(), cells.next(), cells.next(), cells.next());
            let (Some(participant), Some(session), Some(lesion)) = (participant, session, lesion) else {
                let problem = "is cut short: expected a cell for each column".to_owned();
                return Err(DatasetError::Table { file, line: Some(index + 2), problem });
            };
            rows.push((row.to_owned(), [participant, session, lesion].map(str::to_owned)));
        }
        tables.push(file);
    }
    rows.sort_by(|(_, one), (_, other)| by_lesion(one, other));
    let text = rows.into_iter().fold(header, |text, (row, _)| text + &row);
    Ok(MergedTable { text, tables })
}

/// Order of participant, session and lesion; lesions that are numbers by number.
fn by_lesion(one: &[String; 3], other: &[String; 3]) -> Ordering {
    let number = |lesion: &str| lesion.parse::<u64>().ok();
    let lesions = match (number(&one[2]), number(&other[2])) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one[2].cmp(&other[2]),
    };
    one[..2].cmp(&other[..2]).then(lesions)
}

/// The lesion tables of the sessions, in order: `sub-*/[ses-*/]*_lesions.tsv`.
fn session_tables(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut tables = Vec::new();
    for place in session_folders(root)? {
        for path in entries(&place)? {
            let is_table = shown(&path).strip_suffix(LESIONS_TSV).is_some_and(|stem| stem.ends_with('_'));
            if is_table && path.is_file() {
                tables.push(path);
            }
        }
    }
    Ok(tables)
}

/// The folders in which sessions stand, in order: `sub-*` and `sub-*/ses-*`.
pub(super) fn session_folders(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut places = Vec::new();
    for subject in folders(root, "sub-")? {
        places.push(subject.clone());
        places.extend(folders(&subject, "ses-")?);
    }
    Ok(places)
}

fn folders(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, DatasetError> {
    let wanted = |path: &PathBuf| path.is_dir() && shown(path).starts_with(prefix);
    Ok(entries(folder)?.into_iter().filter(wanted).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let unreadable = |error: std::io::Error| DatasetError::unreadable(shown(folder), &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// A path inside the output, with `/`.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn names(verdict_columns: &[Column]) -> impl Iterator<Item = &str> {
    LesionRecord::COLUMNS.iter().chain(verdict_columns).map(|column| column.name)
}

/// A line of a table. A tab or a line break inside a cell would move the cells after it: it becomes a space.
fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells
        .map(|cell| match cell.trim() {
            "" => MISSING.to_owned(),
            text => text.replace(['\t', '\n', '\r'], " "),
        })
        .collect();
    format!("{}\n", cells.join("\t"))
}

/// The words that a column can hold, for the columns of closed vocabularies.
pub(super) fn levels(column: &str) -> Option<Vec<&'static str>> {
    macro_rules! words {
        ($vocabulary:ty) => {
            Some(<$vocabulary>::ALL.iter().map(|word| word.as_str()).collect())
        };
    }
    match column {
        "pathway" => words!(Pathway),
        "dsc_quality" | "asl_quality" | "dce_quality" | "pet_quality" => words!(Quality),
        "symptoms" => words!(Symptoms),
        "histology" => words!(Histology),
        "antiangiogenic" => words!(YesNo),
        "steroid_change" => words!(SteroidChange),
        "rt_field" => words!(RtField),
        "new_enhancement" => words!(NewEnhancement),
        "margins" => words!(Margins),
        "scenario" => words!(Scenario),
        "verdict" => words!(Class),
        "confidence" => words!(Confidence),
        "next_step" => words!(NextStep),
        _ => None,
    }
}

/// The dictionary of a table of which only names and meanings are known, such as `annotations.tsv`.
pub(super) fn plain_dictionary(columns: &[(&str, &str)]) -> Value {
    columns.iter().map(|(name, description)| ((*name).to_owned(), json!({"Description": description}))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::Tracer;

    const VERDICT: &[Column] = &[
        Column { name: "verdict", unit: "", description: "The answer." },
        Column { name: "posterior", unit: "1", description: "A probability." },
    ];

    fn row(participant: &str, session: Option<&str>, lesion: &str, rcbv: f64) -> LesionRow {
        let record = LesionRecord {
            participant_id: Some(participant.into()),
            session_id: session.map(str::to_owned),
            lesion: Some(lesion.into()),
            rcbv_mean: Some(rcbv),
            tracer: Some(Tracer::Met),
            ..Default::default()
        };
        let cells = ["recurrence", "0.9"].map(str::to_owned);
        LesionRow { record, verdict: VERDICT.iter().copied().zip(cells).collect() }
    }

    #[test]
    fn a_table_reads_back_to_the_same_bits() {
        let rows = [row("sub-01", Some("ses-1"), "1", 0.1 + 0.2), row("sub-01", None, "2", 1e-300)];
        let read = parse_lesions("t.tsv", &lesions_tsv(&rows, VERDICT)).unwrap();
        assert_eq!(read.len(), 2);
        for (read, written) in read.iter().zip(&rows) {
            assert_eq!(read.record, written.record);
            let others: Vec<(&str, &str)> =
                read.others.iter().map(|(name, cell)| (name.as_str(), cell.as_str())).collect();
            assert_eq!(others, [("verdict", "recurrence"), ("posterior", "0.9")]);
        }
    }

    #[test]
    fn a_table_without_lesions_is_its_header() {
        let text = lesions_tsv(&[], VERDICT);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("participant_id\tsession_id\tscan_date\tlesion\t") && text.ends_with("posterior\n"));
        assert_eq!(parse_lesions("t.tsv", &text), Ok(vec![]));
    }

    #[test]
    fn a_tab_inside_a_cell_does_not_move_the_cells_after_it() {
        let mut with_tab = row("sub-01", None, "1", 1.0);
        with_tab.record.name = Some("left\tfrontal\nlobe".into());
        let text = lesions_tsv(&[with_tab], VERDICT);
        assert_eq!(parse_lesions("t.tsv", &text).unwrap()[0].record.name.as_deref(), Some("left frontal lobe"));
    }

    #[test]
    fn a_bad_cell_names_file_line_and_column() {
        let text = "participant_id\trcbv_mean\nsub-01\t1.5\nsub-02\t1,5\n";
        let error = parse_lesions("t.tsv", text).unwrap_err().to_string();
        assert!(error.starts_with("t.tsv line 3") && error.contains("rcbv_mean"), "{error}");
        let error = parse_lesions("t.tsv", "a\tb\n1\n").unwrap_err().to_string();
        assert!(error.contains("line 2: has 1 cells, the header 2"), "{error}");
    }

    #[test]
    fn sessions_are_joined_in_order_with_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |place: &str, rows: &[LesionRow]| {
            fs::create_dir_all(root.join(place)).unwrap();
            let stem = place.replace('/', "_");
            fs::write(root.join(place).join(format!("{stem}_lesions.tsv")), lesions_tsv(rows, VERDICT)).unwrap();
        };
        let rows = [
            row("sub-01", Some("ses-1"), "2", 2.0),
            row("sub-01", Some("ses-1"), "10", 10.0),
            row("sub-01", Some("ses-2"), "1", 1.5),
            row("sub-02", None, "1", 0.5),
        ];
        write("sub-02", &rows[3..]);
        write("sub-01/ses-2", &rows[2..3]);
        write("sub-01/ses-1", &[rows[1].clone(), rows[0].clone()]);
        let merged = merge_sessions(root, VERDICT).unwrap();
        assert_eq!(merged.text, lesions_tsv(&rows, VERDICT));
        assert_eq!(merged.tables.len(), 3);
        assert_eq!(merged.tables[2], "sub-02/sub-02_lesions.tsv");
        fs::write(root.join("sub-02/sub-02_lesions.tsv"), "participant_id\nsub-02\n").unwrap();
        let error = merge_sessions(root, VERDICT).unwrap_err().to_string();
        assert!(error.contains("sub-02_lesions.tsv line 1") && error.contains("--force"), "{error}");
    }

    #[test]
    fn every_column_has_a_meaning_and_words_their_levels() {
        let bsa = lesions_dictionary(VERDICT, SuvKind::BodySurfaceArea);
        assert_eq!(bsa["suv_max"]["Units"], "cm2/mL");
        let dictionary = lesions_dictionary(VERDICT, SuvKind::BodyWeight);
        assert_eq!(dictionary["suv_max"]["Units"], "g/mL");
        let entries = dictionary.as_object().unwrap();
        assert_eq!(entries.len(), LesionRecord::COLUMNS.len() + VERDICT.len());
        assert!(entries.values().all(|entry| entry["Description"].is_string()));
        assert_eq!(dictionary["volume_ml"]["Units"], "mL");
        assert_eq!(dictionary["histology"]["Levels"].as_object().unwrap().len(), 3);
    }
}
