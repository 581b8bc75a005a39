//! An arterial curve as a table: `time` in s (first frame 0), and `plasma_concentration` or `blood_concentration` in mM.

use super::error::StudyError;
use super::file::InputFile;
use super::tables::Table;

/// An arterial curve as it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct ArterialTable {
    /// Times, s after the first frame.
    pub times: Vec<f64>,
    /// Concentrations, mM.
    pub concentrations: Vec<f64>,
    /// Whether they are those of plasma; of whole blood otherwise.
    pub of_plasma: bool,
}

impl ArterialTable {
    /// Reads the table of a file; `last_frame` is the time of the last frame, s, which it must reach.
    pub fn read(file: &InputFile, last_frame: f64) -> Result<Self, StudyError> {
        Self::of(&Table::read(file)?, last_frame)
    }

    fn of(table: &Table, last_frame: f64) -> Result<Self, StudyError> {
        let wrong = |problem: String| StudyError::Table { file: table.file().to_owned(), problem };
        table.require("time")?;
        let has = |name: &str| table.columns().iter().any(|column| column == name);
        let of_plasma = match (has("plasma_concentration"), has("blood_concentration")) {
            (true, false) => true,
            (false, true) => false,
            (true, true) => {
                return Err(wrong("holds plasma_concentration and blood_concentration: expected one".to_owned()));
            }
            (false, false) => {
                return Err(wrong(format!(
                    "has neither plasma_concentration nor blood_concentration (mM); its columns are {}",
                    table.columns().join(", ")
                )));
            }
        };
        let column = if of_plasma { "plasma_concentration" } else { "blood_concentration" };
        let (mut times, mut concentrations) = (Vec::new(), Vec::new());
        for row in table.rows() {
            let value = |name: &str| row.number(name)?.ok_or_else(|| row.wrong(name, "is missing: expected a number"));
            times.push(value("time")?);
            concentrations.push(value(column)?);
        }
        match times.last() {
            Some(&last) if last < last_frame => Err(wrong(format!(
                "ends at {last} s: expected a curve up to the last frame of the series at {last_frame} s"
            ))),
            _ => Ok(Self { times, concentrations, of_plasma }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ArterialTable, String> {
        ArterialTable::of(&Table::parse("aif.tsv", text).unwrap(), 10.0).map_err(|error| error.to_string())
    }

    #[test]
    fn the_column_tells_plasma_from_blood() {
        let found = read("time\tplasma_concentration\n0\t0\n10\t2.5\n").unwrap();
        assert!(found.of_plasma && found.times == [0.0, 10.0] && found.concentrations == [0.0, 2.5]);
        assert!(!read("time\tblood_concentration\n0\t0\n12\t2.5\n").unwrap().of_plasma);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(read("time\tconcentration\n0\t0\n10\t1\n").unwrap_err().contains("neither plasma_concentration"));
        assert!(read("plasma_concentration\n0\n").unwrap_err().contains("time"));
        assert!(read("time\tplasma_concentration\n0\tn/a\n10\t1\n").unwrap_err().contains("is missing"));
        let error = read("time\tplasma_concentration\n0\t0\n9\t1\n").unwrap_err();
        assert!(error.contains("ends at 9 s") && error.contains("10 s"), "{error}");
    }
}
