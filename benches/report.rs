//! Drawing a subject's report from what is on disk: the page with every figure as SVG and PNG, and the same on paper.
//!
//! The claims: a subject with three sessions is read, checked against its hashes and drawn in at most 0.5 s, and with
//! its PDF in at most 1 s. What was drawn is asserted before any time is told; the fastest of several runs counts, as
//! the machine may be busy with others.
//!
//! `cargo bench --bench report`

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 7;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let study = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/study");
    relight(&["run", &text(&study), &text(&out), "participant", "--participant-label", "03"]);
    let page = || fs::read(out.join("sub-03.html")).expect("a page");
    let figures = || fs::read_dir(out.join("sub-03/figures")).expect("figures").count();

    let first = page();
    let html = fastest(&["report", &text(&out)]);
    assert!(page() == first, "drawn again to other bytes");
    assert!(figures() >= 8, "{} figures", figures());
    let pdf = fastest(&["report", &text(&out), "--pdf"]);
    let paper = fs::read(out.join("sub-03.pdf")).expect("a PDF");
    assert!(paper.starts_with(b"%PDF-1.7") && paper.len() > 50_000, "{} bytes", paper.len());

    println!("page and figures of a subject: {:.3} s; with PDF: {:.3} s", html.as_secs_f64(), pdf.as_secs_f64());
    assert!(html <= Duration::from_millis(500), "the page took {html:?}, claimed 0.5 s");
    assert!(pdf <= Duration::from_secs(1), "page and PDF took {pdf:?}, claimed 1 s");
}

fn fastest(arguments: &[&str]) -> Duration {
    let run = |_| {
        let begin = Instant::now();
        relight(arguments);
        begin.elapsed()
    };
    (0..RUNS).map(run).min().unwrap_or_default()
}

fn relight(arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_relight"))
        .args(arguments)
        .arg("--quiet")
        .stdout(Stdio::null())
        .status()
        .expect("the program");
    assert!(status.success(), "{arguments:?}");
}

fn text(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}
