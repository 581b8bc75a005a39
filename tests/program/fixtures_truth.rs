//! The committed study: verdicts and ratios that the program finds are those that the phantom put in.

use super::study::{Row, Study, fixture, number, table};

/// Lowest and highest share of the true ratio that the largest voxel shows: the scanner's resolution of 5.5 mm leaves
/// the middle of these lesions as it is, noise adds to the largest voxel. (Means over the mask lose uptake at the rim.)
const TBR_MAX_SHARE: (f64, f64) = (0.9, 1.2);
/// Leakage correction does not undo strong leakage: rCBV by BSW over true rCBV of a T1-leaking tumor with a Ktrans of
/// 0.20/min and without noise (METHODS.md, reference object: 2.1812 of 2.9855).
const RECOVERY_AT_STRONG_LEAKAGE: f64 = 2.1812 / 2.9855;
/// The same at a Ktrans of 0.03/min, where most comes back.
const RECOVERY_AT_WEAK_LEAKAGE: f64 = 0.90;
/// Largest relative deviation from the recovered value: noise and mixed voxels at the rim.
const RCBV_TOLERANCE: f64 = 0.05;
/// Largest relative deviation of the background's SUV: a mean over some thousand voxels of mixed tissue.
const BACKGROUND_TOLERANCE: f64 = 0.05;
/// rCBV by BSW of pure necrosis (same table), below which the lesion cannot lie but for noise; its truth lies above.
const LOWEST_OF_NECROSIS: f64 = 0.0151;

/// What leakage correction can give back of a lesion's true rCBV: lowest and highest.
fn recovered(truth: &Row) -> (f64, f64) {
    let rcbv = number(truth, "rcbv");
    let recovery = match (truth["histology"].as_str(), number(truth, "ktrans")) {
        ("necrosis", _) => return (LOWEST_OF_NECROSIS, rcbv),
        (_, 0.2) => RECOVERY_AT_STRONG_LEAKAGE,
        (_, 0.03) => RECOVERY_AT_WEAK_LEAKAGE,
        (histology, ktrans) => panic!("{histology} with a Ktrans of {ktrans} is not in the table"),
    };
    (rcbv * recovery * (1.0 - RCBV_TOLERANCE), rcbv * recovery * (1.0 + RCBV_TOLERANCE))
}

#[test]
fn what_was_put_in_comes_back() {
    let study = Study::of(&["sub-01", "sub-02", "sub-03"]);
    study.run("out", &[]).expect(0);
    let found = table(&study.beside("out/lesions.tsv"));
    let truth = table(&fixture("truth.tsv"));
    assert_eq!(found.len(), truth.len());
    let mut wrong = Vec::new();
    for truth in &truth {
        let same = |row: &&Row| ["participant_id", "session_id", "lesion"].iter().all(|key| row[*key] == truth[*key]);
        let row = found.iter().find(same).unwrap();
        let name = format!("{} {}", truth["participant_id"], truth["session_id"]);
        for column in ["verdict", "confidence", "rule", "next_step"] {
            if row[column] != truth[column] {
                wrong.push(format!("{name} {column}: expected {}, found {}", truth[column], row[column]));
            }
        }
        let mut within = |column: &str, (low, high): (f64, f64)| {
            let found = number(row, column);
            if !(low..=high).contains(&found) {
                wrong.push(format!("{name} {column}: expected {low} to {high}, found {found}"));
            }
        };
        within("rcbv_mean", recovered(truth));
        // Both count the same voxels; the truth is written with four decimals.
        let volume = number(truth, "volume_ml");
        within("volume_ml", (volume - 1e-4, volume + 1e-4));
        if truth["tbr"] == "n/a" {
            assert_eq!(row["tbr_max"], "n/a", "{name}");
        } else {
            let tbr = number(truth, "tbr");
            within("tbr_max", (tbr * TBR_MAX_SHARE.0, tbr * TBR_MAX_SHARE.1));
            let background = number(truth, "background_suv");
            within(
                "background_mean",
                (background * (1.0 - BACKGROUND_TOLERANCE), background * (1.0 + BACKGROUND_TOLERANCE)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
