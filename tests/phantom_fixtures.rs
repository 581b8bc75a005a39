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
