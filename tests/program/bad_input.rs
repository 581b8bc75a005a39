//! Broken studies: each fault is told with file, field, expected and found; the other sessions are done.

use std::fs;
use std::path::Path;

use super::image::{DATATYPE, DIM, Image, PIXDIM};
use super::study::{Answer, Study, assert_nowhere, differences, files, number, relight, table};

const DSC: &str = "perf/sub-01_ses-01_dsc.nii.gz";
const DSC_JSON: &str = "perf/sub-01_ses-01_dsc.json";
const PET: &str = "pet/sub-01_ses-01_trc-MET_pet.nii.gz";
const PET_JSON: &str = "pet/sub-01_ses-01_trc-MET_pet.json";
const LESIONS: &str = "anat/sub-01_ses-01_label-lesion_mask.nii.gz";

/// One fault of one file, and what the message must say beside the file's name.
struct Fault {
    name: &'static str,
    file: &'static str,
    break_it: fn(&Path),
    says: &'static [&'static str],
}

const FAULTS: &[Fault] = &[
    Fault { name: "truncated", file: DSC, break_it: truncate, says: &["damaged"] },
    Fault { name: "truncatedpet", file: PET, break_it: truncate, says: &["damaged"] },
    Fault { name: "htmlpage", file: DSC, break_it: html, says: &["expected a NIfTI image", "HTML"] },
    Fault { name: "htmlpet", file: PET, break_it: html, says: &["expected a NIfTI image", "HTML"] },
    Fault { name: "empty", file: DSC, break_it: empty, says: &["expected", "empty"] },
    Fault { name: "emptypet", file: PET, break_it: empty, says: &["expected", "empty"] },
    Fault { name: "lyingdims", file: DSC, break_it: lie, says: &["promises", "found"] },
    Fault { name: "lyingpet", file: PET, break_it: lie, says: &["promises", "found"] },
    Fault { name: "nanpixdim", file: DSC, break_it: nan_pixdim, says: &["pixdim", "expected", "found", "NaN"] },
    Fault { name: "nanpet", file: PET, break_it: nan_pixdim, says: &["pixdim", "expected", "found", "NaN"] },
    Fault { name: "unknowntype", file: DSC, break_it: unknown_type, says: &["datatype", "expected", "1234"] },
    Fault { name: "unknownpet", file: PET, break_it: unknown_type, says: &["datatype", "expected", "1234"] },
    Fault { name: "onevolume", file: DSC, break_it: one_volume, says: &["frame", "expected", "found 1"] },
    Fault { name: "nosidecar", file: DSC_JSON, break_it: remove, says: &["EchoTime", "expected"] },
    Fault { name: "brokenjson", file: DSC_JSON, break_it: break_json, says: &["line", "broken JSON"] },
    Fault { name: "brokenpet", file: PET_JSON, break_it: break_json, says: &["line", "broken JSON"] },
    Fault { name: "echoms", file: DSC_JSON, break_it: echo_in_ms, says: &["EchoTime", "30", "expected", "seconds"] },
    Fault {
        name: "repms",
        file: DSC_JSON,
        break_it: tr_in_ms,
        says: &["RepetitionTime", "1500", "expected", "seconds"],
    },
    Fault { name: "emptymask", file: LESIONS, break_it: clear, says: &["empty", "expected"] },
    Fault { name: "outside", file: LESIONS, break_it: far_away, says: &["outside", "expected", "found none"] },
    Fault { name: "lostplace", file: LESIONS, break_it: lose_place, says: &["another place", "header"] },
];

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn html(path: &Path) {
    fs::write(path, "<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n".repeat(20)).unwrap();
}

fn empty(path: &Path) {
    fs::write(path, "").unwrap();
}

fn lie(path: &Path) {
    Image::bend(path, |image| image.set_short(DIM + 6, 2 * image.short(DIM + 6)));
}

fn nan_pixdim(path: &Path) {
    Image::bend(path, |image| image.set_float(PIXDIM + 4, f32::NAN));
}

fn unknown_type(path: &Path) {
    Image::bend(path, |image| image.set_short(DATATYPE, 1234));
}

fn one_volume(path: &Path) {
    Image::bend(path, |image| {
        image.set_short(DIM, 3);
        image.set_short(DIM + 8, 1);
    });
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn break_json(path: &Path) {
    fs::write(path, "{\"EchoTime\": 0.03,\n \"RepetitionTime\": }\n").unwrap();
}

fn rewrite(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn echo_in_ms(path: &Path) {
    rewrite(path, "\"EchoTime\": 0.03", "\"EchoTime\": 30");
}

fn tr_in_ms(path: &Path) {
    rewrite(path, "\"RepetitionTime\": 1.5", "\"RepetitionTime\": 1500");
}

fn clear(path: &Path) {
    Image::bend(path, Image::clear);
}

/// Half a meter away, with voxels of another size: a mask of something else.
fn far_away(path: &Path) {
    Image::bend(path, |image| {
        image.set_affine(image.affine().map(|row| [row[0] * 1.1, row[1] * 1.1, row[2] * 1.1, row[3] + 500.0]));
    });
}

/// The PET image's own grid, moved: what a tool leaves that drops the place from a header.
fn lose_place(path: &Path) {
    let session = path.ancestors().nth(6).unwrap().join(path.ancestors().nth(3).unwrap().file_name().unwrap());
    let pet = files(&session).into_iter().find(|name| name.to_str().unwrap().ends_with("_pet.nii.gz")).unwrap();
    let mut image = Image::read(&session.join(pet));
    image.set_affine(image.affine().map(|row| [row[0], row[1], row[2], row[3] + 40.0]));
    image.write(path);
}

/// A file of `sub-01` as it is named in a copy of that subject.
fn place(study: &Study, label: &str, file: &str) -> std::path::PathBuf {
    let name = format!("sub-{label}/ses-01/{}", file.replace("sub-01", &format!("sub-{label}")));
    if file.starts_with("anat") { study.path("derivatives/manual").join(name) } else { study.path(&name) }
}

#[test]
fn each_fault_fails_its_session_alone_and_leaves_nothing() {
    let study = Study::of(&["sub-01"]);
    for fault in FAULTS {
        study.add("sub-01", &format!("sub-{}", fault.name));
        (fault.break_it)(&place(&study, fault.name, fault.file));
    }
    let answer = study.run("out", &["--json"]).expect(5);
    let output = study.beside("out");
    let failures = answer.json()["failures"].as_array().unwrap().clone();
    for fault in FAULTS {
        let label = format!("sub-{}_ses-01", fault.name);
        let told = failures.iter().find(|failure| failure["session"] == label.as_str());
        let reason = told.unwrap_or_else(|| panic!("{label} did not fail"))["reason"].as_str().unwrap();
        let file = fault.file.rsplit('/').next().unwrap().replace("sub-01", &format!("sub-{}", fault.name));
        // A sidecar that is not there is told by the image that needs it.
        let stem = file.split('.').next().unwrap();
        assert!(reason.contains(stem), "{label}: expected {file} in: {reason}");
        for word in fault.says {
            assert!(reason.contains(word), "{label}: expected {word:?} in: {reason}");
        }
        assert!(!output.join(format!("sub-{}", fault.name)).exists(), "{label} left a folder");
        assert!(!output.join(format!("sub-{}.html", fault.name)).exists(), "{label} left a page");
    }
    assert_eq!(failures.len(), FAULTS.len());
    let done = table(&output.join("lesions.tsv"));
    assert_eq!(done.len(), 1);
    assert_eq!(done[0]["participant_id"], "sub-01");
    assert!(output.join("sub-01.html").is_file());
    let index = fs::read_to_string(output.join("index.html")).unwrap();
    for fault in FAULTS {
        assert!(index.contains(&format!("sub-{}", fault.name)), "the study page is silent about {}", fault.name);
    }
    assert_nowhere(&output, study.root().to_str().unwrap());
    let hidden = files(&output).into_iter().find(|name| name.to_str().unwrap().contains("/.") || name.starts_with("."));
    assert!(hidden.is_none_or(|name| name.ends_with(".bidsignore")));
    assert!(answer.last_line().contains("1 session done") && answer.last_line().contains("failed"));
}

#[test]
fn a_session_that_stands_beside_broken_ones_is_the_same_as_alone() {
    let study = Study::of(&["sub-01"]);
    study.run("alone", &[]).expect(0);
    study.add("sub-01", "sub-broken");
    truncate(&place(&study, "broken", DSC));
    study.run("beside", &[]).expect(5);
    let differing = differences(&study.beside("alone"), &study.beside("beside"));
    let names: Vec<&str> = differing.iter().map(|name| name.to_str().unwrap()).collect();
    assert_eq!(names, ["index.html", "study.json"]);
}

#[test]
fn an_empty_mask_of_a_later_session_is_a_lesion_that_has_resolved() {
    let study = Study::of(&["sub-03"]);
    let mask = |session: &str| {
        study.path(&format!("derivatives/manual/sub-03/{session}/anat/sub-03_{session}_label-lesion_mask.nii.gz"))
    };
    clear(&mask("ses-02"));
    study.run("out", &[]).expect(0);
    let rows = table(&study.beside("out/lesions.tsv"));
    let row = &rows[1];
    assert_eq!([&row["session_id"], &row["volume_ml"], &row["followup_change_percent"]], ["ses-02", "0", "-100"]);
    assert_eq!([&row["rule"], &row["verdict"]], ["F2", "radiation_necrosis"]);
    assert!(row["caveats"].contains("LESION_MASK_EMPTY") && row["rcbv_mean"] == "n/a", "{row:?}");
    assert_eq!(rows[2]["rule"], "F1", "it came back");
    assert!(number(&rows[2], "nadir_change_percent") > 1000.0);
    study.run("out", &[]).expect(0);
    assert_eq!(rows, table(&study.beside("out/lesions.tsv")), "a second run finds the same");
    // Nothing was there before the first session: its empty mask was forgotten.
    clear(&mask("ses-01"));
    let answer = study.run("out", &[]).expect(5);
    assert!(
        answer.stderr.contains("ses-01") && answer.stderr.contains("the lesion mask is empty"),
        "{}",
        answer.stderr
    );
}

#[test]
fn when_every_session_fails_the_exit_code_is_4() {
    let study = Study::of(&["sub-01"]);
    truncate(&place(&study, "01", DSC));
    let answer = study.run("out", &[]).expect(4);
    assert!(answer.last_line().contains("0 sessions done, 1 failed"), "{}", answer.last_line());
    assert!(table(&study.beside("out/lesions.tsv")).is_empty());
    assert!(!study.beside("out/sub-01").exists());
}

#[test]
fn a_session_that_breaks_after_it_was_done_leaves_nothing_of_the_earlier_result() {
    let study = Study::of(&["sub-01", "sub-02"]);
    study.run("out", &[]).expect(0);
    truncate(&place(&study, "01", DSC));
    study.run("out", &[]).expect(5);
    assert!(!study.beside("out/sub-01").exists() && !study.beside("out/sub-01.html").exists());
    let left = table(&study.beside("out/lesions.tsv"));
    assert!(left.len() == 1 && left[0]["participant_id"] == "sub-02");
}

#[test]
fn a_follow_up_that_lacks_an_earlier_session_says_so_until_it_is_there() {
    let study = Study::of(&["sub-03"]);
    let codes = || -> Vec<bool> {
        let rows = table(&study.beside("out/lesions.tsv"));
        rows.iter().map(|row| row["caveats"].split(';').any(|code| code == "EARLIER_SESSION_MISSING")).collect()
    };
    let series = study.path("sub-03/ses-02/perf/sub-03_ses-02_dsc.nii.gz");
    let whole = fs::read(&series).unwrap();
    truncate(&series);
    study.run("out", &[]).expect(5);
    assert_eq!(codes(), [false, true], "the first session and the third");
    fs::write(&series, whole).unwrap();
    study.run("out", &[]).expect(0);
    assert_eq!(codes(), [false; 3]);
}

#[test]
fn two_subjects_files_in_one_folder_are_told() {
    let study = Study::of(&["sub-01", "sub-02"]);
    let stray = study.path("sub-02/ses-01/perf/sub-01_ses-01_dsc.nii.gz");
    fs::copy(study.path("sub-01/ses-01/perf/sub-01_ses-01_dsc.nii.gz"), stray).unwrap();
    let answer = study.run("out", &["--json"]).expect(5);
    let reason = answer.json()["failures"][0]["reason"].as_str().unwrap().to_owned();
    for word in ["sub-01_ses-01_dsc.nii.gz", "sub-02", "mixed"] {
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn a_mask_on_another_grid_is_resampled_by_run_with_a_caveat() {
    let study = Study::of(&["sub-01"]);
    study.run("out", &[]).expect(0);
    let row = &table(&study.beside("out/lesions.tsv"))[0];
    assert!(row["caveats"].split(';').any(|code| code == "MASK_RESAMPLED"), "{}", row["caveats"]);
}

#[test]
fn a_mask_on_another_grid_is_refused_by_the_single_commands() {
    let study = Study::of(&["sub-01"]);
    let lesions = place(&study, "01", LESIONS);
    let series =
        [("dsc", DSC, "--mask"), ("dsc", DSC, "--reference"), ("pet", PET, "--background"), ("pet", PET, "--mask")];
    for (command, image, option) in series {
        let image = place(&study, "01", image);
        let mut shapes = vec![Image::read(&image).shape(), Image::read(&lesions).shape()];
        let answer = Answer::of(
            relight().arg(command).arg(&image).arg("-o").arg(study.beside("maps")).arg(option).arg(&lesions),
        );
        // Shapes are told in the order of right, anterior and superior.
        for shape in &mut shapes {
            let words = format!("[{}, {}, {}]", shape[0], shape[1], shape[2]);
            assert!(answer.stderr.contains(&words), "{command} {option}: expected {words} in {}", answer.stderr);
        }
        let answer = answer.expect(3);
        assert!(answer.last_line().contains("label-lesion_mask.nii.gz"), "{}", answer.stderr);
        assert!(!study.beside("maps").exists(), "{command} {option} left something");
    }
}

#[test]
fn each_fault_of_a_file_is_told_by_the_single_commands() {
    let study = Study::of(&["sub-01"]);
    for fault in FAULTS {
        let label = format!("sub-{}", fault.name);
        study.add("sub-01", &label);
        (fault.break_it)(&place(&study, fault.name, fault.file));
        let is_pet = fault.file.starts_with("pet") || fault.name == "lostplace";
        let (command, image) = if is_pet { ("pet", PET) } else { ("dsc", DSC) };
        let maps = study.beside(fault.name);
        let answer = Answer::of(
            relight()
                .arg(command)
                .arg(place(&study, fault.name, image))
                .arg("-o")
                .arg(&maps)
                .arg("--lesions")
                .arg(place(&study, fault.name, LESIONS)),
        )
        .expect(3);
        for word in fault.says {
            assert!(answer.last_line().contains(word), "{label}: expected {word:?} in: {}", answer.stderr);
        }
        assert!(answer.stdout.is_empty(), "{label}: {}", answer.stdout);
        assert!(!maps.exists() || files(&maps).is_empty(), "{label} left {:?}", files(&maps));
    }
}

#[test]
fn times_in_milliseconds_on_the_command_line_are_refused() {
    let study = Study::of(&["sub-01"]);
    let tell = [
        ("--te", "30", 3, "milliseconds?"),
        ("--tr", "1500", 3, "milliseconds?"),
        ("--te", "0", 2, "expected a number above 0"),
        ("--tr", "-1", 2, "expected a number above 0"),
        ("--te", "NaN", 2, "expected a number above 0"),
    ];
    for (option, value, code, words) in tell {
        let answer = Answer::of(
            relight()
                .arg("dsc")
                .arg(place(&study, "01", DSC))
                .arg("-o")
                .arg(study.beside("maps"))
                .args([option, value]),
        );
        let answer = answer.expect(code);
        assert!(answer.stderr.contains(option) && answer.stderr.contains(words), "{option} {value}: {}", answer.stderr);
        assert!(!study.beside("maps").exists());
    }
}
