//! Real FDG-PET of sarcomas. Needs the environment variable `RELIGHT_REFERENCE_DATA`.

use std::fs;
use std::path::{Path, PathBuf};

use super::study::{Answer, Row, number, relight, rows, table};

fn reference_data() -> Option<PathBuf> {
    let folder = std::env::var_os("RELIGHT_REFERENCE_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: no reference data");
    }
    folder
}

fn run(input: &Path, output: &Path) -> Answer {
    Answer::of(relight().arg("run").arg(input).arg(output)).expect(0)
}

/// Published statistics by patient.
fn reference(data: &Path) -> Vec<Row> {
    rows(&fs::read_to_string(data.join("pet/reference.csv")).unwrap().replace(',', "\t"))
}

fn of<'a>(found: &'a [Row], id: &str) -> Vec<&'a Row> {
    found.iter().filter(|row| row["participant_id"] == format!("sub-{}", id.replace('_', ""))).collect()
}

#[test]
fn a_real_study_is_measured_as_published() {
    let Some(data) = reference_data() else { return };
    let place = tempfile::tempdir().unwrap();
    let output = place.path().join("out");
    run(&data.join("sarcoma_study"), &output);
    let found = table(&output.join("lesions.tsv"));
    let mut compared = 0;
    for truth in reference(&data) {
        let lesions = of(&found, &truth["id"]);
        if lesions.is_empty() {
            continue;
        }
        compared += 1;
        for row in &lesions {
            assert_eq!((row["pathway"].as_str(), row["tracer"].as_str()), ("sarcoma", "FDG"));
        }
        let largest = lesions.iter().map(|row| number(row, "suv_max")).fold(f64::NEG_INFINITY, f64::max);
        let expected = number(&truth, "suvmax");
        assert!((largest / expected - 1.0).abs() <= 1e-6, "{}: expected {expected}, found {largest}", truth["id"]);
        if let [only] = lesions[..] {
            // The image in Bq/mL agrees with the published one within 1e-3 (README): its own mean over the mask, times
            // the factor 2.42902976614845e-4, is 2.5551845167593705 (NumPy).
            let expected = if truth["id"] == "STS_001" { 2.555_184_516_759_370_5 } else { number(&truth, "suvmean") };
            let mean = number(only, "suv_mean");
            assert!((mean / expected - 1.0).abs() <= 1e-6, "{}: expected {expected}, found {mean}", truth["id"]);
        }
    }
    assert_eq!(compared, 4);
    assert!((number(of(&found, "STS001")[0], "suv_max") - 7.91067).abs() < 5e-6);
}

#[test]
fn each_kind_of_suv_has_its_published_maximum() {
    let Some(data) = reference_data() else { return };
    let study = data.join("sarcoma_study");
    let place = tempfile::tempdir().unwrap();
    let lesions =
        study.join("derivatives/manual/sub-STS001/ses-01/pet/sub-STS001_ses-01_trc-18FFDG_label-L_mask.nii.gz");
    let person =
        table(&study.join("participants.tsv")).into_iter().find(|row| row["participant_id"] == "sub-STS001").unwrap();
    for (kind, expected) in [("bw", 7.91067), ("james", 5.99587), ("lbm", 5.88910), ("ibw", 6.64719), ("bsa", 1.96762)]
    {
        let mut command = relight();
        command.arg("pet").arg(study.join("sub-STS001/ses-01/pet/sub-STS001_ses-01_trc-18FFDG_pet.nii.gz"));
        command.arg("-o").arg(place.path().join(kind)).arg("--lesions").arg(&lesions).args(["--suv", kind]);
        command.args(["--weight", &person["weight"], "--height", &person["height"], "--sex", &person["sex"]]);
        let found = number(&rows(&Answer::of(&mut command).expect(0).stdout)[0], "suv_max");
        assert!((found - expected).abs() < 5.5e-6, "{kind}: expected {expected}, found {found}");
    }
}

#[test]
fn a_worklist_of_real_data_gives_the_same_numbers() {
    let Some(data) = reference_data() else { return };
    let study = data.join("sarcoma_study");
    let place = tempfile::tempdir().unwrap();
    run(&study, &place.path().join("folder"));
    let mut list =
        String::from("participant_id\tsession_id\tpet\ttracer\tlesions\tpathway\tsex\tweight\theight\tacq_time\n");
    for person in table(&study.join("participants.tsv")) {
        let id = &person["participant_id"];
        let of = |column: &str| person.get(column).cloned().unwrap_or_else(|| "n/a".to_owned());
        let pet = study.join(format!("{id}/ses-01/pet/{id}_ses-01_trc-18FFDG_pet.nii.gz"));
        let mask = study.join(format!("derivatives/manual/{id}/ses-01/pet/{id}_ses-01_trc-18FFDG_label-L_mask.nii.gz"));
        assert!(pet.exists() && mask.exists(), "{id}");
        list.push_str(&format!(
            "{id}\tses-01\t{}\tFDG\t{}\tsarcoma\t{}\t{}\t{}\tn/a\n",
            pet.display(),
            mask.display(),
            of("sex"),
            of("weight"),
            of("height")
        ));
    }
    let path = place.path().join("list.tsv");
    fs::write(&path, list).unwrap();
    run(&path, &place.path().join("worklist"));
    let (found, expected) =
        (table(&place.path().join("worklist/lesions.tsv")), table(&place.path().join("folder/lesions.tsv")));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for column in ["participant_id", "tracer", "suv_max", "suv_mean", "suv_peak"] {
            assert_eq!(found[column], expected[column], "{} {column}", expected["participant_id"]);
        }
    }
}
