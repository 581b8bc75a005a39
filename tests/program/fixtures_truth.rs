//! The committed study: verdicts and ratios that the program finds are those that the phantom put in.

use super::study::{Study, fixture, number, table};

/// Largest relative deviation of the mean rCBV of a lesion from its truth: noise, partial volume and what is left of
/// leakage after its correction (METHODS.md, phantom table).
const RCBV_TOLERANCE: f64 = 0.15;
/// Largest relative deviation of the mean ratio of a lesion from its truth: the scanner's resolution of 5.5 mm takes
/// uptake out of the rim of the mask.
const TBR_TOLERANCE: f64 = 0.15;

#[test]
fn what_was_put_in_comes_back() {
    let study = Study::of(&["sub-01", "sub-02", "sub-03"]);
    study.run("out", &[]).expect(0);
    let found = table(&study.beside("out/lesions.tsv"));
    let truth = table(&fixture("truth.tsv"));
    assert_eq!(found.len(), truth.len());
    let mut wrong = Vec::new();
    for truth in &truth {
        let key = |column: &str| truth[column].clone();
        let row = found
            .iter()
            .find(|row| ["participant_id", "session_id", "lesion"].iter().all(|column| row[*column] == key(column)))
            .unwrap();
        let name = format!("{} {}", key("participant_id"), key("session_id"));
        for column in ["verdict", "confidence", "rule", "next_step"] {
            if row[column] != truth[column] {
                wrong.push(format!("{name} {column}: expected {}, found {}", truth[column], row[column]));
            }
        }
        for (measured, true_column, tolerance) in [
            ("rcbv_mean", "rcbv", RCBV_TOLERANCE),
            ("tbr_mean", "tbr", TBR_TOLERANCE),
            ("volume_ml", "volume_ml", 1e-4),
        ] {
            if truth[true_column] == "n/a" {
                assert_eq!(row[measured], "n/a", "{name} {measured}");
                continue;
            }
            let (found, expected) = (number(row, measured), number(truth, true_column));
            if (found / expected - 1.0).abs() > tolerance {
                wrong.push(format!("{name} {measured}: expected {expected}, found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
