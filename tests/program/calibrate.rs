//! `relight calibrate` as a command: what it writes, that its settings are accepted, and what it refuses.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn relight() -> Command {
    Command::cargo_bin("relight").unwrap()
}

/// Recurrences at 1.5-3.4, others at 0.4-1.9, one lesion a patient.
fn table(folder: &Path, patients: usize) -> String {
    let mut text = String::from("participant_id\trcbv_mean\toutcome\n");
    for n in 0..patients {
        let step = n as f64 / patients as f64;
        text +=
            &format!("sub-r{n}\t{:.3}\trecurrence\nsub-n{n}\t{:.3}\tnecrosis\n", 1.5 + 1.9 * step, 0.4 + 1.5 * step);
    }
    let path = folder.join("cohort.tsv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_cohort_gives_settings_figures_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 40);
    let output = folder.path().join("own");
    let run = || {
        relight().args(["calibrate", &table, "--truth", "outcome", "-o"]).arg(&output).assert().success();
        std::fs::read(output.join("calibration.json")).unwrap()
    };
    let first = run();
    assert_eq!(first, run(), "the same table gives the same bytes");
    let json: serde_json::Value = serde_json::from_slice(&first).unwrap();
    let area = json["calibration"]["cutoffs"][0]["auc"]["area"].as_f64().unwrap();
    assert!((0.9..1.0).contains(&area), "{area}");

    let settings = std::fs::read_to_string(output.join("settings.toml")).unwrap();
    let hash = json["table_sha256"].as_str().unwrap();
    assert!(hash.len() == 64 && settings.contains(hash) && settings.contains("n = 80"), "{settings}");
    assert!(settings.contains("date not recorded"), "{settings}");
    relight().args(["settings", "--check"]).arg(output.join("settings.toml")).assert().success();
    // The present cut-offs leave a mean rCBV of 1.7 grey; those of this cohort may not: the file really applies.
    let row = folder.path().join("row.tsv");
    std::fs::write(&row, "rcbv_mean\n1.74\n").unwrap();
    relight().arg("assess").arg(&row).assert().success().stdout(contains("B12"));
    relight()
        .arg("assess")
        .arg(&row)
        .arg("--settings")
        .arg(output.join("settings.toml"))
        .assert()
        .success()
        .stdout(contains("B3"));

    let roc = std::fs::read_to_string(output.join("roc_dsc.svg")).unwrap();
    assert!(roc.contains("DeLong") && roc.contains("1.0 and 1.75") && roc.contains("Youden"), "{roc}");
    assert!(std::fs::read_to_string(output.join("reliability.svg")).unwrap().contains("Brier"));
}

#[test]
fn a_small_cohort_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 9);
    let output = folder.path().join("own");
    relight()
        .args(["calibrate", &table, "--truth", "outcome", "-o"])
        .arg(&output)
        .assert()
        .code(3)
        .stderr(contains("9 patients with recurrence").and(contains("at least 10")));
    assert!(!output.exists(), "a refusal leaves nothing behind");
    relight()
        .args(["calibrate", &table, "--truth", "truth", "-o"])
        .arg(&output)
        .assert()
        .code(3)
        .stderr(contains("no column truth"));
}

#[test]
fn a_folder_of_others_is_not_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 40);
    relight()
        .args(["calibrate", &table, "--truth", "outcome", "-o"])
        .arg(folder.path())
        .assert()
        .code(6)
        .stderr(contains("--force"));
}
