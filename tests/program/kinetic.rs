//! ASL and DCE from the outside, on the phantom whose flow and exchange are known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::study::{Answer, relight};

type Row = BTreeMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines
        .map(|line| header.iter().map(|name| (*name).to_owned()).zip(line.split('\t').map(str::to_owned)).collect())
        .collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is {}", row[column]))
}

/// The share by which two numbers may differ.
fn near(found: f64, truth: f64, share: f64, what: &str) {
    assert!((found / truth - 1.0).abs() <= share, "{what}: {found}, truth {truth}");
}

struct Phantom {
    root: tempfile::TempDir,
}

impl Phantom {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let study = root.path().join("study");
        Answer::of(relight().args(["phantom", "--preset", "kinetic"]).arg(&study)).expect(0);
        Self { root }
    }

    fn study(&self) -> PathBuf {
        self.root.path().join("study")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn perf(&self, name: &str) -> PathBuf {
        self.study().join(format!("sub-kinetic/ses-01/perf/sub-kinetic_ses-01_{name}"))
    }

    fn anat(&self, name: &str) -> PathBuf {
        self.study().join(format!("sub-kinetic/ses-01/anat/sub-kinetic_ses-01_{name}"))
    }

    fn lesions(&self) -> PathBuf {
        self.study().join("derivatives/manual/sub-kinetic/ses-01/anat/sub-kinetic_ses-01_desc-lesions_dseg.nii.gz")
    }

    fn truth(&self) -> Vec<Row> {
        rows(&fs::read_to_string(self.study().join("truth.tsv")).unwrap())
    }
}

fn exists(folder: &Path, name: &str) -> bool {
    folder.join(format!("sub-kinetic_ses-01_{name}.nii.gz")).is_file()
        && folder.join(format!("sub-kinetic_ses-01_{name}.json")).is_file()
}

#[test]
fn asl_gives_the_flow_and_the_arrival_that_were_put_in() {
    let phantom = Phantom::new();
    let out = phantom.beside("asl");
    let answer = Answer::of(
        relight()
            .arg("asl")
            .arg(phantom.perf("asl.nii.gz"))
            .arg("--m0")
            .arg(phantom.perf("m0scan.nii.gz"))
            .arg("--lesions")
            .arg(phantom.lesions())
            .arg("-o")
            .arg(&out),
    )
    .expect(0);
    for (found, truth) in rows(&answer.stdout).iter().zip(phantom.truth()) {
        // The mask is taken to voxels of 4.5 mm, so some of its voxels hold edema: the largest is tumor alone.
        near(number(found, "asl_cbf_mean"), number(&truth, "cbf"), 0.08, "CBF");
        near(number(found, "att_mean"), number(&truth, "att"), 0.03, "ATT");
        near(number(found, "asl_rcbf_mean"), number(&truth, "rcbf"), 0.08, "relative CBF");
    }
    for map in ["cbf", "att", "desc-error_cbf", "desc-normalized_rcbf", "label-reference_mask"] {
        assert!(exists(&out, map), "{map}");
    }
    let sidecar = fs::read_to_string(out.join("sub-kinetic_ses-01_cbf.json")).unwrap();
    for constant in ["BloodT1", "TissueT1", "PartitionCoefficient", "LabelingEfficiency", "PostLabelingDelay"] {
        assert!(sidecar.contains(constant), "{constant}: {sidecar}");
    }
    // One delay's model on several is refused in words.
    let refused = Answer::of(
        relight()
            .args(["asl", "--model", "whitepaper"])
            .arg(phantom.perf("asl.nii.gz"))
            .arg("-o")
            .arg(phantom.beside("refused")),
    )
    .expect(3);
    assert!(refused.stderr.contains("6 distinct delay(s)"), "{}", refused.stderr);
}

#[test]
fn dce_gives_the_exchange_that_was_put_in_and_without_t1_the_curve_alone() {
    let phantom = Phantom::new();
    let out = phantom.beside("dce");
    let with = |arguments: &[&str], out: &Path| {
        let mut command = relight();
        command.arg("dce").arg(phantom.perf("dce.nii.gz")).args(arguments);
        command.arg("--lesions").arg(phantom.lesions()).arg("-o").arg(out);
        command
    };
    let flips = [1, 2, 3].map(|index| phantom.anat(&format!("flip-{index}_VFA.nii.gz")));
    let mut command = with(&["--model", "extended-tofts"], &out);
    command.arg("--aif").arg(phantom.study().join("aif.tsv")).arg("--vfa").args(&flips);
    let answer = Answer::of(&mut command).expect(0);
    for (found, truth) in rows(&answer.stdout).iter().zip(phantom.truth()) {
        for quantity in ["ktrans", "ve", "vp"] {
            near(number(found, &format!("{quantity}_mean")), number(&truth, quantity), 0.08, quantity);
        }
        assert_eq!((&found["curve_type"], found["dce_quality"].as_str()), (&truth["curve_type"], "pass"));
    }
    for map in ["ktrans", "ve", "vp", "iauc60", "bat", "ttp", "T1map", "fitoutcome", "desc-error_ktrans"] {
        assert!(exists(&out, map), "{map}");
    }

    // The artery is in the image: found by itself it serves as well as the table.
    let mut command = with(&["--model", "extended-tofts", "--aif", "auto"], &phantom.beside("auto"));
    command.arg("--vfa").args(&flips);
    let answer = Answer::of(&mut command).expect(0);
    for (found, truth) in rows(&answer.stdout).iter().zip(phantom.truth()) {
        near(number(found, "ktrans_mean"), number(&truth, "ktrans"), 0.10, "Ktrans with the found artery");
    }

    let plain = phantom.beside("plain");
    let answer = Answer::of(&mut with(&[], &plain)).expect(0);
    for (found, truth) in rows(&answer.stdout).iter().zip(phantom.truth()) {
        assert_eq!(found["curve_type"], truth["curve_type"]);
        assert_eq!((found["ktrans_mean"].as_str(), found["iauc60_mean"].as_str()), ("n/a", "n/a"));
        assert!(found["caveats"].contains("DCE_SEMI_QUANTITATIVE"), "{}", found["caveats"]);
    }
    assert!(exists(&plain, "desc-relative_iauc60") && !exists(&plain, "ktrans"));

    let refused = Answer::of(&mut with(&["--model", "tofts", "--aif", "parker"], &phantom.beside("refused"))).expect(3);
    assert!(refused.stderr.contains("T1 before contrast"), "{}", refused.stderr);
    let refused = Answer::of(&mut with(&["--model", "tofts", "--t1", "1.2"], &phantom.beside("refused"))).expect(3);
    assert!(refused.stderr.contains("--aif"), "{}", refused.stderr);
    let refused =
        Answer::of(&mut with(&["--model", "tofts", "--t1", "1200", "--aif", "parker"], &phantom.beside("refused")))
            .expect(3);
    assert!(refused.stderr.contains("milliseconds?"), "{}", refused.stderr);
}

#[test]
fn a_run_judges_by_asl_shows_both_and_leaves_dce_without_cutoffs_out_of_it() {
    let phantom = Phantom::new();
    let out = phantom.beside("out");
    Answer::of(relight().arg("run").arg(phantom.study()).arg(&out)).expect(0);
    let found = rows(&fs::read_to_string(out.join("lesions.tsv")).unwrap());
    assert_eq!(found.len(), 2);
    for (found, truth) in found.iter().zip(phantom.truth()) {
        for column in ["verdict", "confidence", "rule", "curve_type"] {
            assert_eq!(found[column], truth[column], "{column}");
        }
        assert_eq!((found["asl_quality"].as_str(), found["dce_quality"].as_str()), ("pass", "pass"));
        for caveat in ["ASL_UNVALIDATED", "DCE_POPULATION_AIF"] {
            assert!(found["caveats"].contains(caveat), "{}", found["caveats"]);
        }
        near(number(found, "asl_rcbf_mean"), number(&truth, "rcbf"), 0.08, "relative CBF");
        near(number(found, "ktrans_mean"), number(&truth, "ktrans"), 0.15, "Ktrans with a population's artery");
    }
    let page = fs::read_to_string(out.join("sub-kinetic.html")).unwrap();
    for words in
        ["ASL CBF, relative", "DCE Ktrans", "ASL: difference over the delays", "DCE: enhancement", "Checks of DCE"]
    {
        assert!(page.contains(words), "{words}");
    }
    let perf = out.join("sub-kinetic/ses-01/perf");
    assert!(exists(&perf, "mod-asl_cbf") && exists(&perf, "mod-dce_ktrans"));

    // With cut-offs of a center DCE decides beside ASL, and both are named.
    let settings = phantom.beside("settings.toml");
    fs::write(&settings, "[verdict.dce]\nstatistic = \"ktrans_mean\"\nlow = 0.05\nhigh = 0.15\nsource = \"own\"\n")
        .unwrap();
    let judged = phantom.beside("judged");
    Answer::of(relight().arg("run").arg(phantom.study()).arg(&judged).arg("--settings").arg(&settings)).expect(0);
    let judged = rows(&fs::read_to_string(judged.join("lesions.tsv")).unwrap());
    assert_eq!((judged[0]["verdict"].as_str(), judged[0]["confidence"].as_str()), ("recurrence", "moderate"));
    assert_eq!(judged[1]["verdict"], "radiation_necrosis");

    // A sarcoma is judged by how it enhances.
    let sarcoma = phantom.beside("sarcoma");
    Answer::of(relight().arg("run").arg(phantom.study()).arg(&sarcoma).args(["--pathway", "sarcoma"])).expect(0);
    let found = rows(&fs::read_to_string(sarcoma.join("lesions.tsv")).unwrap());
    // New enhancement that washes out agrees; new enhancement that goes on rising does not.
    assert_eq!((found[0]["verdict"].as_str(), found[0]["rule"].as_str()), ("suspected_recurrence", "T1"));
    assert_eq!((found[1]["verdict"].as_str(), found[1]["rule"].as_str()), ("indeterminate", "T3"));
}

#[test]
fn a_broken_asl_series_beside_another_leaves_a_caveat_and_alone_the_session_fails() {
    let phantom = Phantom::new();
    let sidecar = phantom.perf("asl.json");
    let text = fs::read_to_string(&sidecar).unwrap();
    fs::write(&sidecar, text.replace("\"MagneticFieldStrength\": 3", "\"MagneticFieldStrength\": 0.5")).unwrap();
    let out = phantom.beside("out");
    Answer::of(relight().arg("run").arg(phantom.study()).arg(&out)).expect(0);
    let found = rows(&fs::read_to_string(out.join("lesions.tsv")).unwrap());
    assert!(found[0]["caveats"].contains("ASL_NOT_MEASURED") && found[0]["asl_cbf_mean"] == "n/a");
    assert_eq!(found[0]["curve_type"], "washout");
    for name in ["dce.nii.gz", "dce.json"] {
        fs::remove_file(phantom.perf(name)).unwrap();
    }
    let answer = Answer::of(relight().arg("run").arg(phantom.study()).arg(phantom.beside("alone"))).expect(4);
    assert!(answer.stderr.contains("0.5 T"), "{}", answer.stderr);
}
