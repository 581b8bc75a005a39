//! A table of numbers to a table of verdicts: `relight assess`, and the replay of `lesions.tsv`.
//!
//! Tab-separated, one header line; a byte order mark and CRLF are tolerated. Columns that are not known pass through
//! where they stand; the verdict's columns are replaced where they stand and appended where they do not.

use crate::clinical::Pathway;
use crate::lesion::{CellError, LesionRecord, MISSING, is_missing};

use super::columns::{COLUMNS, LIST_SEPARATOR};
use super::{Settings, Verdict, judge};

/// How alike an unknown column must be to a known one to be asked about.
const ALIKE: f64 = 0.9;

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Not a table that can be read.
    #[error("not a tab-separated table: {0}")]
    Unreadable(#[from] csv::Error),
    /// No header.
    #[error("the table is empty: expected a header line with columns such as rcbv_mean, tracer, tbr_max")]
    Empty,
    /// A column twice.
    #[error("column {0} stands twice in the header")]
    Duplicate(String),
    /// None of the contract's columns.
    #[error("no known column in the header: expected columns such as rcbv_mean, tracer, tbr_max, found {found}{hint}")]
    NoKnownColumn {
        /// The header.
        found: String,
        /// What may have happened.
        hint: &'static str,
    },
    /// A line with too few or too many cells.
    #[error("line {line}: expected {expected} cells, found {found}")]
    Width {
        /// Line in the file; the header is line 1.
        line: u64,
        /// Cells of the header.
        expected: usize,
        /// Cells of the line.
        found: usize,
    },
    /// A quote that was opened and not closed.
    #[error("line {line}, column {column}: a cell runs over several lines; is a quotation mark not closed?")]
    OpenQuote {
        /// Line in the file.
        line: u64,
        /// The column.
        column: String,
    },
    /// A cell that does not hold what its column means.
    #[error("line {line}, {error}")]
    Cell {
        /// Line in the file.
        line: u64,
        /// Column, expected and found.
        error: CellError,
    },
}

/// A judged table.
#[derive(Debug)]
pub struct Assessed {
    /// The table with its verdicts, tab-separated.
    pub table: String,
    /// Each row with its verdict, in order.
    pub rows: Vec<(LesionRecord, Verdict)>,
    /// What the reader should be told: a pathway that was assumed, columns that look misspelt.
    pub notes: Vec<String>,
}

/// A table as it was read: every cell, and each row as a lesion.
#[derive(Debug)]
pub struct LesionTable {
    /// Column names in order.
    pub header: Vec<String>,
    /// The rows in order.
    pub rows: Vec<TableRow>,
    /// What the reader should be told.
    pub notes: Vec<String>,
}

/// One row of a table.
#[derive(Debug)]
pub struct TableRow {
    /// Line in the file; the header is line 1.
    pub line: u64,
    /// Its cells, as they stand.
    pub cells: Vec<String>,
    /// The lesion that they describe.
    pub record: LesionRecord,
}

impl LesionTable {
    /// Reads a table. `pathway` applies where the table has no column `pathway`; a cell of that column that is missing
    /// means that the pathway is not known.
    pub fn read(text: &str, pathway: Option<Pathway>) -> Result<Self, TableError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader =
            csv::ReaderBuilder::new().delimiter(b'\t').has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut records = reader.records();
        let header: Vec<String> = match records.next() {
            Some(header) => header?.iter().map(|name| name.trim().to_owned()).collect(),
            None => return Err(TableError::Empty),
        };
        let mut notes = check_header(&header)?;
        let default_pathway = pathway.filter(|_| !header.iter().any(|name| name == "pathway"));
        if let Some(pathway) = default_pathway {
            notes.push(format!("the table has no column pathway: every row is judged as {pathway}"));
        }
        let mut rows = Vec::new();
        for cells in records {
            let cells = cells?;
            let line = cells.position().map_or(0, csv::Position::line);
            check_row(&header, &cells, line)?;
            if cells.iter().all(is_missing) {
                notes.push(format!("line {line}: every cell is blank or n/a; the row is left out"));
                continue;
            }
            let mut record = LesionRecord { pathway: default_pathway, ..Default::default() };
            for (name, cell) in header.iter().zip(&cells) {
                record.set(name, cell).map_err(|error| TableError::Cell { line, error })?;
            }
            rows.push(TableRow { line, cells: cells.iter().map(str::to_owned).collect(), record });
        }
        Ok(Self { header, rows, notes })
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }
}

/// Judges each row of a table; `pathway` as in [`LesionTable::read`].
pub fn assess(text: &str, pathway: Option<Pathway>, settings: &Settings) -> Result<Assessed, TableError> {
    let table = LesionTable::read(text, pathway)?;
    let mut header = table.header.clone();
    let appended = COLUMNS.iter().filter(|column| table.column(column.name).is_none());
    header.extend(appended.map(|column| column.name.to_owned()));
    let places = COLUMNS.map(|column| header.iter().position(|name| name == column.name));
    let (stability, caveats) = (table.column("stability"), table.column("caveats"));

    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(Vec::new());
    writer.write_record(&header)?;
    let mut rows = Vec::new();
    for TableRow { mut cells, record, .. } in table.rows {
        let cell = |place: Option<usize>| place.map(|place| cells[place].as_str()).filter(|cell| !is_missing(cell));
        let mut verdict = judge(&record, settings);
        verdict.stability = cell(stability).map(str::to_owned);
        let measured = cell(caveats).unwrap_or("").split(LIST_SEPARATOR).filter(|code| !code.is_empty());
        let judged = verdict.cells(measured);
        cells.resize(header.len(), MISSING.to_owned());
        for (place, cell) in places.into_iter().zip(judged) {
            if let Some(place) = place {
                cells[place] = cell;
            }
        }
        writer.write_record(&cells)?;
        rows.push((record, verdict));
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Assessed { table: text, rows, notes: table.notes })
}

/// Notes on columns that look like misspelt ones.
fn check_header(header: &[String]) -> Result<Vec<String>, TableError> {
    if let Some((_, name)) = header.iter().enumerate().find(|(place, name)| header[..*place].contains(name)) {
        return Err(TableError::Duplicate(name.clone()));
    }
    let known = |name: &str| LesionRecord::COLUMNS.iter().any(|column| column.name == name);
    if !header.iter().any(|name| known(name)) {
        let hint = match header {
            [only] if only.contains(',') || only.contains(';') => {
                " (is the table separated by commas? tabs are expected)"
            }
            _ => "",
        };
        return Err(TableError::NoKnownColumn { found: header.join(", "), hint });
    }
    let mut notes = Vec::new();
    for name in header.iter().filter(|name| !known(name) && !COLUMNS.iter().any(|column| column.name == *name)) {
        let lower = name.to_ascii_lowercase();
        let alike = LesionRecord::COLUMNS
            .iter()
            .map(|column| (strsim::jaro_winkler(&lower, column.name), column.name))
            .filter(|(likeness, column)| *likeness >= ALIKE && !header.iter().any(|other| other == column))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, column)) = alike {
            notes.push(format!("column {name} is passed through and not read; did you mean {column}?"));
        }
    }
    Ok(notes)
}

fn check_row(header: &[String], cells: &csv::StringRecord, line: u64) -> Result<(), TableError> {
    if let Some((name, _)) = header.iter().zip(cells).find(|(_, cell)| cell.contains(['\n', '\r', '\t'])) {
        return Err(TableError::OpenQuote { line, column: name.clone() });
    }
    if cells.len() != header.len() {
        return Err(TableError::Width { line, expected: header.len(), found: cells.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assessed(text: &str) -> Result<Assessed, TableError> {
        assess(text, Some(Pathway::Glioma), &crate::settings::default_section("verdict"))
    }

    fn error(text: &str) -> String {
        assessed(text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_columns_pass_and_verdict_columns_are_appended() {
        let table = assessed("site\trcbv_mean\nA\t2.50\n").unwrap().table;
        assert_eq!(
            table,
            "site\trcbv_mean\tverdict\tconfidence\trule\tposterior\tposterior_low\tposterior_high\tagreement\tstability\t\
             next_step\twindow_start\twindow_end\treasons\tcaveats\n\
             A\t2.50\trecurrence\tmoderate\tB3\t0.86\t0.74\t0.94\t1 high, 0 grey, 0 low\tn/a\t\
             refer_mdt_recurrence\tn/a\tn/a\tPET_MISSING;NEAR_CUTOFF\tn/a\n"
        );
    }

    #[test]
    fn verdict_columns_are_replaced_where_they_stand() {
        let table = assessed("rule\trcbv_mean\tverdict\nold\t0.5\told\n").unwrap().table;
        assert!(table.starts_with("rule\trcbv_mean\tverdict\tconfidence\t"), "{table}");
        assert!(table.lines().nth(1).unwrap().starts_with("B11\t0.5\tradiation_necrosis\tmoderate\t"), "{table}");
    }

    #[test]
    fn measured_caveats_and_stability_pass_and_stale_ones_of_the_verdict_do_not() {
        let table =
            assessed("rcbv_mean\tstability\tcaveats\n0.5\t9 of 12\tMIRRORED_REFERENCE;CBV_NEAR_ZERO\n").unwrap().table;
        let row = table.lines().nth(1).unwrap();
        assert!(row.starts_with("0.5\t9 of 12\tMIRRORED_REFERENCE\t"), "{row}");
    }

    #[test]
    fn a_byte_order_mark_crlf_and_quotes_are_tolerated() {
        let plain = assessed("rcbv_mean\tsite\n0.5\tA\n").unwrap().table;
        assert_eq!(assessed("\u{feff}rcbv_mean\tsite\r\n0.5\tA\r\n").unwrap().table, plain);
        assert_eq!(assessed("\"rcbv_mean\"\t\"site\"\n\"0.5\"\t\"A\"\n").unwrap().table, plain);
    }

    #[test]
    fn a_blank_row_is_left_out_and_told() {
        let found = assessed("site\trcbv_mean\nA\t2.5\n\t\nn/a\tn/a\nB\tn/a\n").unwrap();
        let sites: Vec<_> = found.table.lines().skip(1).map(|line| &line[..1]).collect();
        assert_eq!(sites, ["A", "B"], "a row that names its lesion is judged");
        let told: Vec<_> = found.notes.iter().filter(|note| note.contains("left out")).collect();
        assert!(told.len() == 2 && told[0].starts_with("line 3:") && told[1].starts_with("line 4:"), "{told:?}");
    }

    #[test]
    fn its_own_output_comes_back_unchanged() {
        let once = assessed("rcbv_mean\ttracer\ttbr_max\n1.50\tMET\t1.4\n-0.1\tFET\t1.10\nn/a\t\tNaN\n").unwrap().table;
        assert_eq!(assessed(&once).unwrap().table, once);
    }

    #[test]
    fn errors_name_line_and_column() {
        let comma = error("rcbv_mean\tsite\n1.5\tA\n1,75\tB\n");
        assert!(comma.contains("line 3") && comma.contains("rcbv_mean") && comma.contains("decimal comma"), "{comma}");
        assert!(error("rcbv_mean\thistology\n1.5\tbenign\n").contains("line 2, column histology"));
        assert!(error("rcbv_mean\tsite\n1.5\n").contains("line 2: expected 2 cells, found 1"));
        assert!(error("rcbv_mean\trcbv_mean\n1\t2\n").contains("rcbv_mean stands twice"));
        assert!(error("rcbv_mean,tracer\n1.5,MET\n").contains("separated by commas"));
        assert!(error("rcbv_mean\tsite\n\"1.5\tA\n2.0\tB\n").contains("quotation mark"));
        assert!(error("").contains("empty"));
    }

    #[test]
    fn a_pathway_cell_that_is_missing_is_not_glioma() {
        let assessed = assessed("pathway\trcbv_mean\nn/a\t2.5\nmetastasis\t2.5\n").unwrap();
        assert_eq!(assessed.rows[0].1.class, None);
        assert_eq!(assessed.rows[1].1.rule, Some("B3"));
        assert!(assessed.notes.is_empty());
    }

    #[test]
    fn a_misspelt_column_is_asked_about() {
        let notes = assessed("rCBV_mean\ttbr_max\n2.5\t1.1\n").unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("did you mean rcbv_mean?")), "{notes:?}");
    }
}
