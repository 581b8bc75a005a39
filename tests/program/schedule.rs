//! `relight schedule` as a command: visits, calendar, refusals, and the schedules of the reference table.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

fn schedule(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("relight").unwrap().arg("schedule").args(arguments).assert()
}

fn json(arguments: &[&str]) -> Value {
    let output = schedule(&[arguments, &["--json"]].concat()).success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

fn months(value: &Value) -> Vec<u64> {
    value["visits"].as_array().unwrap().iter().map(|visit| visit["month"].as_u64().unwrap()).collect()
}

#[test]
fn the_reference_schedules_are_exact() {
    let Some(folder) =
        std::env::var("RELIGHT_REFERENCE_DATA").ok().filter(|folder| std::path::Path::new(folder).is_dir())
    else {
        eprintln!("skipped: no reference data");
        return;
    };
    let mut reader = csv::Reader::from_path(std::path::Path::new(&folder).join("schedule_cases.csv")).unwrap();
    let mut cases = 0;
    for row in reader.records().map(Result::unwrap) {
        let name = match &row[1] {
            "esmo_high_tight" => "esmo-sts-high",
            "esmo_low_local_tight" => "esmo-sts-low",
            "rps_tight" => "rps",
            "nccn_sts_tight" => "nccn-sts",
            other => panic!("{other}"),
        };
        let years = (row[2].parse::<u32>().unwrap() / 12).to_string();
        let found = json(&[name, "--from", "2026-01-31", "--end", "tight", "--years", &years, "--track", "local"]);
        let expected: Vec<u64> = row[4].split_whitespace().map(|month| month.parse().unwrap()).collect();
        assert_eq!(months(&found), expected, "{}", &row[0]);
        cases += 1;
    }
    assert!(cases >= 4);
}

#[test]
fn json_holds_month_date_and_track_of_each_visit() {
    let value = json(&["esmo-sts-high", "--from", "2026-01-31", "--years", "1"]);
    let first: Vec<&Value> = value["visits"].as_array().unwrap().iter().take(2).collect();
    assert_eq!(first[0], &serde_json::json!({"month": 3, "date": "2026-04-30", "track": "local"}));
    assert_eq!(first[1], &serde_json::json!({"month": 3, "date": "2026-04-30", "track": "chest"}));
    assert_eq!(value["ionizing_studies"], 4);
    assert!(value["source"].as_str().unwrap().starts_with("S1"));
}

#[test]
fn the_loose_end_and_the_chest_interval_are_the_users_choice() {
    let loose = json(&["rps", "--from", "2026-01-31", "--end", "loose", "--years", "10"]);
    assert_eq!(months(&loose).len(), 14);
    schedule(&["esmo-sts-low", "--from", "2026-01-31", "--track", "chest"])
        .code(2)
        .stderr(contains("gives no interval").and(contains("--chest-interval")));
    let chest = json(&["esmo-sts-low", "--from", "2026-01-31", "--track", "chest", "--chest-interval", "12"]);
    assert_eq!(months(&chest).len(), 10);
}

#[test]
fn the_table_names_modality_range_source_and_ionizing_studies() {
    schedule(&["rps", "--from", "2024-02-29", "--years", "5"]).success().stdout(
        contains("every 3-6 months for 2-3 years")
            .and(contains("S3"))
            .and(contains("--end loose"))
            .and(contains("2024-05-29  local  CT of abdomen and pelvis"))
            .and(contains("16 studies, of which 16 with ionizing radiation"))
            .and(contains("at least 10 years")),
    );
}

#[test]
fn every_schedule_is_listed_with_its_source() {
    let names = [
        "glioma-followup",
        "eano-glioma",
        "nice-glioma",
        "nccn-sts",
        "esmo-sts-high",
        "esmo-sts-low",
        "rps",
        "desmoid",
    ];
    let output = schedule(&["--list"]).success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    for name in names {
        assert!(text.contains(name), "{name}");
    }
    schedule(&["rsp", "--from", "2026-01-31"]).code(2).stderr(contains("glioma-followup, eano-glioma"));
}

#[test]
fn a_calendar_of_ours_is_replaced_and_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visits.ics");
    let name = path.to_str().unwrap();
    for _ in 0..2 {
        schedule(&["nice-glioma", "--from", "2026-01-31", "--ics", name]).success();
    }
    let calendar = std::fs::read_to_string(&path).unwrap();
    assert_eq!(calendar.matches("BEGIN:VEVENT").count(), 8);
    std::fs::write(&path, "BEGIN:VCALENDAR\r\nPRODID:-//another//EN\r\n").unwrap();
    schedule(&["nice-glioma", "--from", "2026-01-31", "--ics", name])
        .code(6)
        .stderr(contains("not written by relight"));
}

#[test]
fn overdue_visits_of_a_study_are_told_as_of_a_day() {
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/study");
    // Subject 3 has three sessions; its watch counts from the first one, in rounds of six weeks.
    let value = json(&["glioma-followup", "--study", study, "--participant-label", "03", "--as-of", "2030-01-01"]);
    let subject = &value["subjects"][0];
    assert_eq!((value["as_of"].as_str(), subject["participant_id"].as_str()), (Some("2030-01-01"), Some("sub-03")));
    let words: Vec<_> = subject["visits"].as_array().unwrap().iter().map(|visit| visit["status"].clone()).collect();
    assert_eq!(words.len(), 3);
    assert!(words.iter().any(|word| word == "kept") && words.iter().all(|word| word != "upcoming"), "{words:?}");
    // The rounds end with an answer, and a study folder holds no verdict: nobody is called overdue by it.
    let all = json(&["glioma-followup", "--study", study, "--as-of", "2030-01-01"]);
    for subject in all["subjects"].as_array().unwrap() {
        assert_eq!(subject["overdue"], 0, "{subject}");
        assert!(subject["visits"].as_array().unwrap().iter().all(|visit| visit["status"] != "overdue"), "{subject}");
    }
}
