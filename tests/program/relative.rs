//! `--relative-dates`: no true date in any output, and the same answers.

use std::fs;

use super::study::{Answer, Study, files, relight};

/// A table as rows of cells by column.
fn column(root: &std::path::Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(root.join("lesions.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let place = rows[0].iter().position(|known| *known == name).unwrap();
    rows[1..].iter().map(|row| row[place].to_owned()).collect()
}

#[test]
fn dates_are_days_since_the_first_scan_and_no_answer_changes() {
    let study = Study::of(&["sub-03"]);
    study.run("true", &["--pdf"]).expect(0);
    study.run("relative", &["--pdf", "--relative-dates"]).expect(0);
    let (with, without) = (study.beside("true"), study.beside("relative"));

    // sub-03 was scanned on 2026-01-05, -02-23 and -04-13: 49 days apart.
    assert_eq!(column(&with, "scan_date"), ["2026-01-05", "2026-02-23", "2026-04-13"]);
    assert_eq!(column(&without, "scan_date"), ["day 0", "day 49", "day 98"]);
    for name in [
        "verdict",
        "confidence",
        "rule",
        "posterior",
        "weeks_since_rt",
        "followup_days",
        "followup_change_percent",
        "stability",
        "next_step",
        "caveats",
    ] {
        assert_eq!(column(&with, name), column(&without, name), "{name}");
    }
    let windows = column(&without, "window_start");
    assert!(windows.iter().all(|window| window == "n/a" || window.starts_with("day ")), "{windows:?}");
    assert!(windows.iter().any(|window| window != "n/a"), "{windows:?}");

    // No true day of the study, in any spelling, in any text of the output but the logs.
    let days = ["2026-01-05", "2026-02-23", "2026-04-13", "Jan 2026", "Feb 2026", "Apr 2026", "Jan\u{a0}2026"];
    let years = ["2025-", "2026-", "0400-", "0399-", " 2026", "\u{a0}2026"];
    for file in files(&without).iter().filter(|file| !file.starts_with("logs")) {
        let name = file.to_string_lossy();
        if ![".html", ".json", ".tsv", ".svg", ".md"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let text = fs::read_to_string(without.join(file)).unwrap();
        for day in days.iter().chain(years.iter().filter(|_| !name.ends_with("figures.json"))) {
            assert!(!text.contains(day), "{name} holds {day}");
        }
    }
    let page = fs::read_to_string(without.join("sub-03.html")).unwrap().replace('\u{a0}', " ");
    assert!(page.contains("day 98 (ses-03)") && page.contains("day 0 (ses-01)"));

    // Replayed, drawn again, annotated: all without a true date.
    let replay = Answer::of(relight().arg("assess").arg(without.join("lesions.tsv"))).expect(0);
    assert_eq!(replay.stdout, fs::read_to_string(without.join("lesions.tsv")).unwrap());
    let before = fs::read(without.join("sub-03.pdf")).unwrap();
    Answer::of(relight().arg("report").arg(&without)).expect(0);
    assert_eq!(fs::read(without.join("sub-03.pdf")).unwrap(), before);
    Answer::of(relight().arg("verify").arg(&without)).expect(0);
    let dictionary = fs::read_to_string(without.join("lesions.json")).unwrap();
    assert!(dictionary.contains("days since the subject's first scan"));

    // One session alone counts from the first scan of all.
    study.run("one", &["--relative-dates", "--session-label", "02"]).expect(0);
    assert_eq!(column(&study.beside("one"), "scan_date"), ["day 49"]);
}
