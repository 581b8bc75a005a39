//! What an output allows without an image: replay, annotate, draw again, verify.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::study::{Answer, Study, relight};

/// Every file of an output but the logs, with its bytes.
fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    super::study::files(root)
        .into_iter()
        .filter(|file| !file.starts_with("logs"))
        .map(|file| (file.to_string_lossy().into_owned(), fs::read(root.join(&file)).unwrap()))
        .collect()
}

fn table(root: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(root.join("lesions.tsv")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines
        .map(|line| header.iter().map(|name| (*name).to_owned()).zip(line.split('\t').map(str::to_owned)).collect())
        .collect()
}

#[test]
fn findings_are_kept_judged_and_replayed() {
    let study = Study::of(&["sub-03"]);
    study.run("out", &[]).expect(0);
    let out = study.beside("out");

    // Follow-up of the study's own sessions, against the index scan and the nadir.
    let rows = table(&out);
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("rule"), ["B6", "F3", "F1"]);
    assert_eq!(column("followup_round"), ["n/a", "1", "2"]);
    assert_eq!(column("followup_change_percent"), column("nadir_change_percent"), "the lesion only grew");

    // Every verdict is replayed from the table alone.
    let replay = Answer::of(relight().arg("assess").arg(out.join("lesions.tsv"))).expect(0);
    assert_eq!(replay.stdout, fs::read_to_string(out.join("lesions.tsv")).unwrap());

    // The index scan under other choices: each is told, and the column counts them.
    let text = fs::read_to_string(out.join("sub-03/ses-01/sub-03_ses-01_lesions.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
    let reanalysis = &stored["lesions"][0]["reanalysis"];
    let made = reanalysis["reanalyses"].as_array().unwrap();
    assert!(made.iter().all(|one| one["problem"].is_null()), "{reanalysis:#}");
    assert_eq!(reanalysis["total"].as_u64(), Some(made.len() as u64));
    assert!(made.len() >= 11, "{reanalysis:#}");
    assert_eq!(rows[0]["stability"], format!("{} of {}", reanalysis["same"], reanalysis["total"]));
    let page = fs::read_to_string(out.join("sub-03.html")).unwrap();
    assert!(page.contains("Does the analysis choice matter?") && page.contains("Lesion mask one voxel smaller"));

    // One lesion, at its latest session: grown, so answered; PET is missing there, so it is not one of the integrated.
    let audit: serde_json::Value = serde_json::from_str(&fs::read_to_string(out.join("study.json")).unwrap()).unwrap();
    assert_eq!(audit["audit"]["others"]["determinate"]["count"], 1);
    assert_eq!(audit["audit"]["integrated"]["determinate"]["total"], 0);
    assert!(fs::read_to_string(out.join("index.html")).unwrap().contains("How often the rules answer"));

    let annotate = |arguments: &[&str]| {
        let place = ["--participant-label", "03", "--session-label", "ses-01", "--by", "reader-1"];
        Answer::of(relight().arg("--json").arg("annotate").arg(&out).args(place).args(arguments))
    };
    let untouched = contents(&out);
    let answer = annotate(&["--lesion", "7", "--symptoms", "new"]).expect(3);
    assert!(answer.stderr.contains("lesion 7") && answer.stderr.contains("lesion 1"), "{}", answer.stderr);
    annotate(&["--lesion", "1", "--histology", "benign"]).expect(2);
    annotate(&["--histology", "tumor"]).expect(2);
    annotate(&["--lesion", "1"]).expect(2);
    assert_eq!(contents(&out), untouched, "a finding that is refused leaves no trace");

    let told = annotate(&["--lesion", "1", "--histology", "necrosis"]).expect(0).json();
    assert_eq!((told["session"].as_str(), told["lesions"][0]["rule"].as_str()), (Some("sub-03_ses-01"), Some("H2")));
    // The biopsy counts at the session that it is told at, and later sessions name it without being decided by it.
    let known = |out: &std::path::Path| -> serde_json::Value {
        let study: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(out.join("study.json")).unwrap()).unwrap();
        study["outcomes"].clone()
    };
    assert_eq!(known(&out)[0]["known"], serde_json::json!([0, 1]), "no tumor, one necrosis");
    let rows = table(&out);
    assert_eq!((rows[2]["histology"].as_str(), rows[2]["rule"].as_str()), ("n/a", "F1"));
    assert!(rows[1]["caveats"].contains("EARLIER_HISTOLOGY") && rows[2]["caveats"].contains("EARLIER_HISTOLOGY"));
    assert!(!rows[0]["caveats"].contains("EARLIER_HISTOLOGY"), "{}", rows[0]["caveats"]);
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert!(
        read("sub-03.html").contains("A biopsy found necrosis only") && read("sub-03.html").contains("contradicts")
    );
    assert!(read("index.html").contains("biopsy: necrosis at ses-01"));

    let first = fs::read_to_string(out.join("annotations.tsv")).unwrap();
    let told = annotate(&["--lesion", "1", "--histology", "n/a", "--symptoms", "new"]).expect(0).json();
    let words = "lesion 1: symptoms: new told by reader-1, ambiguous in the tables";
    assert_eq!(told["contradictions"], serde_json::json!([words]));
    assert_eq!(known(&out), serde_json::json!([]), "withdrawn");
    assert!(!read("index.html").contains("biopsy: "));
    assert!(table(&out)[0]["caveats"].contains("TOLD_OTHERWISE"));
    let second = fs::read_to_string(out.join("annotations.tsv")).unwrap();
    assert!(second.starts_with(&first) && second.lines().count() == 4, "{second}");
    let row = &table(&out)[0];
    assert_eq!((row["histology"].as_str(), row["symptoms"].as_str(), row["rule"].as_str()), ("n/a", "new", "B6"));
    let latest = ["--participant-label", "03", "--session-label", "ses-03", "--by", "reader-2", "--symptoms", "none"];
    Answer::of(relight().arg("annotate").arg(&out).args(latest)).expect(0);
    assert!(fs::read_to_string(out.join("sub-03.html")).unwrap().contains("Told by reader-2: symptoms none."));
    Answer::of(relight().arg("verify").arg(&out)).expect(0);

    // A later run keeps what was told, whether it measures again or not.
    let annotated = contents(&out);
    assert!(study.run("out", &[]).expect(0).last_line().contains("3 unchanged"));
    assert_eq!(contents(&out), annotated);
    study.run("out", &["--force"]).expect(0);
    assert_eq!(contents(&out), annotated);
}

#[test]
fn pages_are_drawn_from_disk_and_changes_are_told() {
    let study = Study::of(&["sub-01"]);
    study.run("out", &[]).expect(0);
    let out = study.beside("out");
    let written = contents(&out);

    for page in ["index.html", "sub-01.html"] {
        fs::remove_file(out.join(page)).unwrap();
    }
    Answer::of(relight().arg("report").arg(&out)).expect(0);
    assert_eq!(contents(&out), written);

    let settings = study.beside("own.toml");
    fs::write(&settings, "[verdict]\nstrict_rano = true\n").unwrap();
    let refused = Answer::of(relight().arg("report").arg(&out).arg("--settings").arg(&settings)).expect(3);
    assert!(refused.stderr.contains("settings"), "{}", refused.stderr);

    Answer::of(relight().arg("verify").arg(&out)).expect(0);
    let map = super::study::files(&out)
        .into_iter()
        .find(|file| file.to_string_lossy().ends_with("desc-normalized_rcbv.nii.gz"))
        .unwrap();
    fs::write(out.join(&map), b"other bytes").unwrap();
    let changed = Answer::of(relight().args(["--json", "verify"]).arg(&out)).expect(4).json();
    let told = changed["changed"]["sub-01_ses-01"][0].as_str().unwrap();
    assert!(told.contains("desc-normalized_rcbv.nii.gz was changed"), "{told}");
    let refused = Answer::of(relight().arg("report").arg(&out)).expect(3);
    assert!(refused.stderr.contains("was changed"), "{}", refused.stderr);
    Answer::of(relight().arg("verify").arg(study.root())).expect(3);
}
