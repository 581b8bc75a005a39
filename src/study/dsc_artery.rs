//! An arterial input function as a table: `time` in seconds from the first frame, and one column of values.

use super::error::StudyError;
use super::file::InputFile;
use super::tables::Table;

/// Endings of files that hold a curve; anything else is read as a mask.
const ENDINGS: [&str; 3] = [".tsv", ".txt", ".csv"];
/// Columns that may hold the values.
const VALUE: &str = "value";
const BLOOD: &str = "blood_concentration";
const PLASMA: &str = "plasma_concentration";
/// A longer step between samples cannot be a bolus in seconds, s: milliseconds have slipped in.
const LONGEST_STEP: f64 = 20.0;

/// What the values of an arterial curve are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArterialUnit {
    /// The unit of the curves of the series: ΔR2* in 1/s, or concentration.
    OfTheSeries,
    /// Concentration in blood, mM.
    BloodConcentration,
}

/// An arterial curve as it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct ArterialCurve {
    /// The file.
    pub file: String,
    /// Times, s from the first frame of the series, increasing.
    pub times: Vec<f64>,
    /// Values.
    pub values: Vec<f64>,
    /// What they are.
    pub unit: ArterialUnit,
}

/// Whether a file name says that the file holds a curve and not a mask.
pub fn is_arterial_curve(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

impl ArterialCurve {
    /// Reads a curve; what cannot be meant is an error that names file, line and column.
    pub fn read(file: &InputFile) -> Result<Self, StudyError> {
        Self::of(&Table::read(file)?)
    }

    fn of(table: &Table) -> Result<Self, StudyError> {
        let broken = |problem: String| StudyError::Table { file: table.file().to_owned(), problem };
        table.require("time")?;
        let has = |column: &str| table.columns().iter().any(|name| name == column);
        let (column, unit) = match (has(VALUE), has(BLOOD)) {
            (true, false) => (VALUE, ArterialUnit::OfTheSeries),
            (false, true) => (BLOOD, ArterialUnit::BloodConcentration),
            (true, true) => return Err(broken(format!("has both {VALUE} and {BLOOD}: expected one of them"))),
            (false, false) if has(PLASMA) => {
                return Err(broken(format!(
                    "has {PLASMA}: the equations of DSC take whole blood (kH holds the hematocrits); expected {VALUE} or {BLOOD}"
                )));
            }
            (false, false) => {
                let columns = table.columns().join(", ");
                return Err(broken(format!("has no column {VALUE} or {BLOOD}; its columns are {columns}")));
            }
        };
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for row in table.rows() {
            let number = |column: &str| -> Result<f64, StudyError> {
                row.number(column)?.ok_or_else(|| row.wrong(column, "is missing: expected a number"))
            };
            let time = number("time")?;
            if let Some(&before) = times.last() {
                if time <= before {
                    return Err(
                        row.wrong("time", format!("is {time}: expected more than {before} s of the line before"))
                    );
                }
                if time - before > LONGEST_STEP {
                    return Err(row.wrong(
                        "time",
                        format!("is {time}, {} after the line before: expected seconds (milliseconds?)", time - before),
                    ));
                }
            }
            times.push(time);
            values.push(number(column)?);
        }
        if times.len() < 2 {
            return Err(broken(format!("holds {} samples: expected at least 2", times.len())));
        }
        Ok(Self { file: table.file().to_owned(), times, values, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ArterialCurve, String> {
        ArterialCurve::of(&Table::parse("aif.tsv", text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_curve_is_read_with_what_its_values_are() {
        let curve = read("time\tvalue\n0\t0.0\n1.5\t2.25\n").unwrap();
        assert_eq!((curve.times, curve.values), (vec![0.0, 1.5], vec![0.0, 2.25]));
        assert_eq!(curve.unit, ArterialUnit::OfTheSeries);
        assert_eq!(read("time\tblood_concentration\n0\t0\n1\t1\n").unwrap().unit, ArterialUnit::BloodConcentration);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let error = |text: &str| read(text).unwrap_err();
        assert!(error("t\tvalue\n0\t0\n").contains("no column time"));
        assert!(error("time\tsignal\n0\t0\n").contains("value or blood_concentration"));
        assert!(error("time\tplasma_concentration\n0\t0\n").contains("whole blood"));
        assert!(error("time\tvalue\n0\t0\n0\t1\n").contains("line 3"));
        assert!(error("time\tvalue\n0\t0\n1500\t1\n").contains("milliseconds"));
        assert!(error("time\tvalue\n0\tn/a\n1\t1\n").contains("value"));
        assert!(error("time\tvalue\n0\t0\n").contains("1 samples"));
    }

    #[test]
    fn images_are_masks_and_tables_are_curves() {
        assert!(is_arterial_curve("AIF.TSV") && is_arterial_curve("a.txt"));
        assert!(!is_arterial_curve("artery.nii.gz"));
    }
}
