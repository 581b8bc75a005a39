//! Tables of the study: tab-separated text with a header (BIDS 1.10, "Tabular files").
//!
//! A byte order mark and CRLF are read over. A decimal comma, a word outside its vocabulary or an identifier that
//! stands twice is an error that names file, line and column.

use std::collections::BTreeMap;
use std::fs;
use std::str::FromStr;

use jiff::civil::Date;

use super::error::StudyError;
use super::file::InputFile;
use crate::words::{MISSING, UnknownWord, is_missing};

/// A table as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    file: String,
    columns: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    /// Reads a table.
    pub fn read(file: &InputFile) -> Result<Self, StudyError> {
        let bytes = fs::read(file.path())
            .map_err(|error| StudyError::Unreadable { file: file.relative().to_owned(), problem: error.to_string() })?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
            let problem = format!("line {line} is not UTF-8: save the table as UTF-8 text");
            StudyError::Table { file: file.relative().to_owned(), problem }
        })?;
        Self::parse(file.relative(), text)
    }

    /// Reads a table from its text; `file` is the name that errors carry.
    pub fn parse(file: &str, text: &str) -> Result<Self, StudyError> {
        let broken = |problem: String| StudyError::Table { file: file.to_owned(), problem };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines =
            text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty());
        let (_, header) = lines.next().ok_or_else(|| broken("is empty: expected a header line".to_owned()))?;
        let columns: Vec<String> = header.split('\t').map(|name| name.trim().to_ascii_lowercase()).collect();
        if columns.len() == 1 && header.contains([',', ';']) {
            return Err(broken("the header holds no tab: expected tab-separated columns, found commas".to_owned()));
        }
        for (index, name) in columns.iter().enumerate() {
            if name.is_empty() {
                return Err(broken(format!("column {} has no name", index + 1)));
            }
            if columns[..index].contains(name) {
                return Err(broken(format!("column {name} stands twice")));
            }
        }
        let mut rows = Vec::new();
        for (line, row) in lines {
            let cells: Vec<String> = row.split('\t').map(|cell| cell.trim().to_owned()).collect();
            if cells.len() != columns.len() {
                return Err(broken(format!("line {line} has {} cells, the header {}", cells.len(), columns.len())));
            }
            rows.push((line, cells));
        }
        Ok(Self { file: file.to_owned(), columns, rows })
    }

    /// The name that errors carry.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Column names, in lower case.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }

    /// Rows by the identifier in a column, in order of the identifiers; one that is missing or stands twice is an
    /// error. `key` makes the identifier of the cell's text.
    pub fn rows_by(&self, column: &str, key: impl Fn(&str) -> String) -> Result<BTreeMap<String, Row<'_>>, StudyError> {
        self.require(column)?;
        let mut rows: BTreeMap<String, Row<'_>> = BTreeMap::new();
        for row in self.rows() {
            let id = row.text(column).ok_or_else(|| row.wrong(column, format!("is {MISSING}: expected a label")))?;
            let id = key(id);
            if let Some(first) = rows.get(&id) {
                let (first, second) = (first.line, row.line);
                return Err(StudyError::DuplicateRow { file: self.file.clone(), id, first, second });
            }
            rows.insert(id, row);
        }
        Ok(rows)
    }

    /// An error where a column is absent.
    pub fn require(&self, column: &str) -> Result<(), StudyError> {
        if self.columns.iter().any(|name| name == column) {
            return Ok(());
        }
        let problem = format!("has no column {column}; its columns are {}", self.columns.join(", "));
        Err(StudyError::Table { file: self.file.clone(), problem })
    }
}

/// A row of a table; a column that is absent reads as missing.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    line: usize,
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The line in the file; the header is line 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The text of a cell; `None` where it is missing.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let index = self.table.columns.iter().position(|name| name == column)?;
        Some(self.cells[index].as_str()).filter(|text| !is_missing(text))
    }

    /// A word of a closed vocabulary.
    pub fn word<T: FromStr<Err = UnknownWord>>(&self, column: &str) -> Result<Option<T>, StudyError> {
        self.read(column, |text| text.parse().map_err(|error: UnknownWord| error.to_string()))
    }

    /// A finite number.
    pub fn number(&self, column: &str) -> Result<Option<f64>, StudyError> {
        self.read(column, |text| {
            if text.contains(',') {
                return Err(format!("{text:?} holds a decimal comma: expected a number with a decimal point"));
            }
            let number: Option<f64> = text.parse().ok();
            number.filter(|number| number.is_finite()).ok_or_else(|| format!("expected a number, found {text:?}"))
        })
    }

    /// A number above zero.
    pub fn positive(&self, column: &str) -> Result<Option<f64>, StudyError> {
        match self.number(column)? {
            Some(number) if number <= 0.0 => {
                Err(self.wrong(column, format!("expected a number above 0, found {number}")))
            }
            number => Ok(number),
        }
    }

    /// The local date of a date or of a date and time.
    pub fn date(&self, column: &str) -> Result<Option<Date>, StudyError> {
        self.read(column, |text| {
            local_date(text)
                .ok_or_else(|| format!("expected a date as YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, found {text:?}"))
        })
    }

    /// An error about a cell.
    pub fn wrong(&self, column: &str, problem: impl Into<String>) -> StudyError {
        StudyError::Cell {
            file: self.table.file.clone(),
            line: self.line,
            column: column.to_owned(),
            problem: problem.into(),
        }
    }

    /// Where the row stands, for messages.
    pub fn place(&self) -> String {
        format!("{} line {}", self.table.file, self.line)
    }

    fn read<T>(&self, column: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, StudyError> {
        self.text(column).map(|text| read(text).map_err(|problem| self.wrong(column, problem))).transpose()
    }
}

/// The date part as written. An offset is never applied: the local day of the scan is what intervals are counted from.
fn local_date(text: &str) -> Option<Date> {
    let (date, rest) = text.split_at_checked(10)?;
    let well_formed = rest.is_empty() || is_time(rest.strip_prefix(['T', ' '])?);
    if well_formed { date.parse().ok() } else { None }
}

/// `hh:mm[:ss[.fraction]]` with an optional offset.
fn is_time(text: &str) -> bool {
    let time = text.find(['Z', 'z', '+', '-']).map_or(text, |at| &text[..at]);
    let parts: Vec<&str> = time.split(':').collect();
    (2..=3).contains(&parts.len())
        && parts.iter().all(|part| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::{Histology, Symptoms};

    fn table(text: &str) -> Table {
        Table::parse("t.tsv", text).unwrap()
    }

    #[test]
    fn a_byte_order_mark_and_crlf_are_read_over() {
        let table = table("\u{feff}participant_id\tSex\r\nsub-01\tM\r\n\r\n");
        assert_eq!(table.columns(), ["participant_id", "sex"]);
        let rows: Vec<_> = table.rows().collect();
        assert_eq!((rows.len(), rows[0].text("sex"), rows[0].line()), (1, Some("M"), 2));
    }

    #[test]
    fn missing_cells_and_absent_columns_read_as_missing() {
        let table = table("a\tb\nn/a\t\n");
        let row = table.rows().next().unwrap();
        assert_eq!((row.text("a"), row.text("b"), row.text("c")), (None, None, None));
        assert_eq!(row.number("a"), Ok(None));
    }

    #[test]
    fn a_decimal_comma_names_file_line_and_column() {
        let table = table("id\tweight\nx\t70\ny\t70,5\n");
        let error = table.rows().nth(1).unwrap().number("weight").unwrap_err().to_string();
        assert!(error.starts_with("t.tsv line 3, column weight") && error.contains("decimal comma"), "{error}");
    }

    #[test]
    fn words_outside_their_vocabulary_list_the_allowed_ones() {
        let table = table("symptoms\thistology\nsome\ttumour\n");
        let row = table.rows().next().unwrap();
        let error = row.word::<Symptoms>("symptoms").unwrap_err().to_string();
        assert!(error.contains("line 2, column symptoms") && error.contains("ambiguous"), "{error}");
        assert_eq!(row.word::<Histology>("histology"), Ok(Some(Histology::Tumor)));
    }

    #[test]
    fn an_identifier_that_stands_twice_names_both_lines() {
        let error = table("id\na\nb\na\n").rows_by("id", str::to_owned).unwrap_err();
        let expected = StudyError::DuplicateRow { file: "t.tsv".into(), id: "a".into(), first: 2, second: 4 };
        assert_eq!(error, expected);
    }

    #[test]
    fn an_offset_is_kept_out_of_the_date_and_never_converted() {
        let table = table("d\n2025-03-02T23:30:00-05:00\n2025-03-02\n2025-03-02 10:00\n2025-03-02T00:30:00+12:00\n");
        for row in table.rows() {
            assert_eq!(row.date("d"), Ok(Some(jiff::civil::date(2025, 3, 2))), "line {}", row.line());
        }
    }

    #[test]
    fn what_is_no_date_is_an_error() {
        for text in ["02.03.2025", "2025-13-02", "2025-03-02x", "2025-03-02T", "20250302", "2025-3-2"] {
            let table = table(&format!("d\n{text}\n"));
            assert!(table.rows().next().unwrap().date("d").is_err(), "{text}");
        }
    }

    #[test]
    fn broken_tables_say_how() {
        for (text, part) in [
            ("", "is empty"),
            ("participant_id,sex\nsub-01,M\n", "holds no tab"),
            ("a\ta\n", "stands twice"),
            ("a\tb\n1\n", "line 2 has 1 cells, the header 2"),
            ("a\t\n", "column 2 has no name"),
        ] {
            let error = Table::parse("t.tsv", text).unwrap_err().to_string();
            assert!(error.starts_with("t.tsv") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn infinite_numbers_and_words_are_no_numbers() {
        for text in ["inf", "1e999", "ten", "1 2"] {
            let table = table(&format!("n\tm\n{text}\t1\n"));
            assert!(table.rows().next().unwrap().number("n").is_err(), "{text}");
        }
    }
}
