//! The committed study is what `relight phantom` makes.

use std::path::{Path, PathBuf};

use relight::phantom::{Options, write_study};

/// Largest size of the committed study, bytes.
const LARGEST: u64 = 6_000_000;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/study")
}

/// Every file below a folder, relative to it, in order.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_fixture_study_is_made_again_byte_for_byte() {
    let place = tempfile::tempdir().unwrap();
    let made = place.path().join("study");
    write_study(&made, &Options::FIXTURE).unwrap();
    let committed = committed();
    assert_eq!(files(&made), files(&committed));
    for name in files(&made) {
        let (made, committed) =
            (std::fs::read(made.join(&name)).unwrap(), std::fs::read(committed.join(&name)).unwrap());
        // No assert_eq: on failure it would print megabytes.
        assert!(made == committed, "{} differs from what the phantom makes", name.display());
    }
}

#[test]
fn the_fixture_study_stays_below_6_megabytes() {
    let root = committed();
    let size: u64 = files(&root).iter().map(|name| root.join(name).metadata().unwrap().len()).sum();
    assert!(size > 1_000_000 && size < LARGEST, "{size} bytes");
}

/// A table's rows as (column, cell) by name.
fn table(path: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    lines.map(|cells| header.iter().cloned().zip(cells).collect()).collect()
}

#[test]
fn the_main_job_finds_what_was_put_in() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    assert_cmd::Command::cargo_bin("relight").unwrap().arg("run").arg(committed()).arg(&out).assert().success();
    let (truth, found) = (table(&committed().join("truth.tsv")), table(&out.join("lesions.tsv")));
    assert_eq!(truth.len(), 5);
    assert_eq!(found.len(), 5);
    for (truth, found) in truth.iter().zip(&found) {
        let visit = format!("{} {}", truth["participant_id"], truth["session_id"]);
        for column in ["participant_id", "session_id", "lesion", "verdict", "confidence", "rule", "next_step"] {
            assert_eq!(found[column], truth[column], "{visit}: {column}");
        }
        let number = |row: &std::collections::BTreeMap<String, String>, column: &str| row[column].parse::<f64>();
        // Counted on the same grid; the truth is written with four decimals.
        let volume = number(found, "volume_ml").unwrap() - number(truth, "volume_ml").unwrap();
        assert!(volume.abs() < 1e-4, "{visit}: {volume} mL apart");
        if let Ok(tbr) = number(truth, "tbr") {
            // The largest voxel of a blurred, noisy image; the background is known to a few percent.
            let ratio = number(found, "tbr_max").unwrap() / tbr;
            assert!((0.9..1.2).contains(&ratio), "{visit}: {ratio} of the true TBR");
            let background = number(found, "background_mean").unwrap() / number(truth, "background_suv").unwrap();
            assert!((background - 1.0).abs() < 0.05, "{visit}: {background} of the true background");
        }
    }
}
