//! The pages in a real browser: `tests/browser/check.py` in headless Chromium, where both are there.
//!
//! `.ci/run` installs them and names the Python in `RELIGHT_BROWSER_PYTHON`; without it the test says that it is skipped.

use std::path::Path;
use std::process::Command;

#[test]
fn the_pages_hold_what_they_promise_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(python) = std::env::var_os("RELIGHT_BROWSER_PYTHON") else {
        println!("skipped: no browser (RELIGHT_BROWSER_PYTHON names no Python with Playwright)");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let run = Command::new(env!("CARGO_BIN_EXE_relight"))
        .args(["--quiet", "run"])
        .arg(root.join("fixtures/study"))
        .arg(&out)
        .status()
        .expect("relight starts");
    assert!(run.success());
    let check = Command::new(&python)
        .arg(root.join("tests/browser/check.py"))
        .arg(&out)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    println!("{}", String::from_utf8_lossy(&check.stdout));
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
