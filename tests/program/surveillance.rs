//! The sarcoma pathway through `relight run`: schedules, baseline, protocol, growth, lists, and what is never printed.

use std::path::Path;

use assert_cmd::Command;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Subject 3 of the fixtures as a sarcoma subject: three visits, one with another repetition time.
fn study(folder: &Path, participant: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/study");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(fixtures.join("dataset_description.json"), folder.join("dataset_description.json")).unwrap();
    copy(&fixtures.join("sub-03"), &folder.join("sub-03"));
    let masks = "derivatives/manual";
    copy(&fixtures.join(masks).join("sub-03"), &folder.join(masks).join("sub-03"));
    std::fs::copy(
        fixtures.join(masks).join("dataset_description.json"),
        folder.join(masks).join("dataset_description.json"),
    )
    .unwrap();
    std::fs::write(folder.join("participants.tsv"), participant).unwrap();
    std::fs::write(
        folder.join("sub-03/sub-03_sessions.tsv"),
        "session_id\tacq_time\tsymptoms\thardware\textent_done\n\
         ses-01\t2026-01-05\tnone\tn/a\tn/a\nses-02\t2026-02-23\tnone\tn/a\tn/a\nses-03\t2026-04-13\tnone\tyes\tchest_ct, local_radiograph\n",
    )
    .unwrap();
    let sidecar = folder.join("sub-03/ses-02/anat/sub-03_ses-02_ce-gadolinium_T1w.json");
    let text = std::fs::read_to_string(&sidecar).unwrap().replace("\"RepetitionTime\": 0.6", "\"RepetitionTime\": 0.5");
    assert!(text.contains("0.5"));
    std::fs::write(sidecar, text).unwrap();
}

const LIPOSARCOMA: &str = "participant_id\tpathway\tdiagnosis\tsite\tgrade\tresection_date\trt_dose\tage_at_second_surgery\n\
     sub-03\tsarcoma\tdedifferentiated liposarcoma\tretroperitoneum\tG3\t2025-01-10\t50.4\t61\n";

fn run(study: &Path, output: &Path) -> String {
    Command::cargo_bin("relight")
        .unwrap()
        .args(["run", "--as-of", "2027-01-01", "--quiet"])
        .args([study, output])
        .assert()
        .success();
    std::fs::read_to_string(output.join("sub-03.html")).unwrap()
}

fn rows(output: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_path(output.join("lesions.tsv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_sarcoma_page_tells_the_surveillance_of_its_subject() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("study"), folder.path().join("out"));
    study(&input, LIPOSARCOMA);
    let page = run(&input, &output);
    for words in [
        // Appropriateness with its guard and fallback.
        "usually appropriate",
        "No symptoms at the primary site",
        "metal-artifact reduction",
        // Schedules side by side, both ends, none merged.
        "nccn-sts",
        "esmo-sts-high",
        "rps",
        "loose",
        "since 10",
        // Baseline, protocol, growth, focality.
        "not in the 3–6 months",
        "RepetitionTime",
        "0.5 s",
        "Unifocal",
        "cm/month",
        // Extent of disease, resectability, covariates.
        "Radiograph of the local area",
        "Prior radiotherapy",
        "yes, 50.4 Gy",
        "Age at the second operation",
        ">61<",
        "Listed, not scored",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("esmo-sts-low"), "a high grade has its own schedule");
    let rows = rows(&output);
    assert_eq!(rows.len(), 3);
    let last = rows.last().unwrap();
    let caveats = &last["caveats"];
    for code in ["BASELINE_OUT_OF_WINDOW", "PROTOCOL_DIFFERS"] {
        assert!(caveats.contains(code), "{code}: {caveats}");
    }
    assert!(!rows[0]["caveats"].contains("PROTOCOL_DIFFERS"), "the first visit has nothing to differ from");
    assert_eq!(last["grade"], "G3");
    // A second run takes the sessions from the first and says the same, with no caveat twice.
    let again = run(&input, &output);
    assert_eq!(again, page);
}

#[test]
fn growth_of_a_centimeter_a_month_is_flagged_visit_by_visit() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("study"), folder.path().join("out"));
    study(&input, &LIPOSARCOMA.replace("2025-01-10", "2025-12-20"));
    let page = run(&input, &output);
    assert!(page.contains("3–6 months after it"), "the last visit is the baseline");
    let flags: Vec<bool> = rows(&output)
        .iter()
        .map(|row| {
            let growth: f64 = row["growth_cm_per_month"].parse().unwrap();
            let flagged = row["caveats"].contains("GROWTH_ONE_CM_PER_MONTH");
            assert_eq!(flagged, growth >= 1.0, "{growth}");
            flagged
        })
        .collect();
    assert_eq!((flags[0], flags[2]), (true, false), "16 days after the resection, and 114");
}

#[test]
fn a_grade_is_printed_as_recorded_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("study"), folder.path().join("out"));
    study(&input, "participant_id\tpathway\tdiagnosis\nsub-03\tsarcoma\tsoft-tissue sarcoma\n");
    let page = run(&input, &output);
    assert!(page.contains("imaging cannot determine it"), "the page says where a grade comes from");
    assert!(page.contains("The end of treatment is not recorded"));
    assert!(rows(&output).iter().all(|row| row["grade"] == "n/a" && !row["caveats"].contains("GROWTH_ONE")));
    let told = page.to_lowercase();
    // The foot of every page names low-grade gliomas among what is not validated.
    let told = told.split("<footer").next().unwrap();
    // So may the titles of the works that the methods cite.
    let (before, rest) = told.split_once("<ol class=\"refs\">").unwrap_or((told, ""));
    let told = [before, rest.split_once("</ol>").map_or("", |(_, after)| after)].concat();
    for word in ["high grade", "high-grade", "low grade", "low-grade", "grade 1", "grade 2", "grade 3"] {
        assert!(!told.contains(word), "{word}");
    }
}
