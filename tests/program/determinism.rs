//! The same input gives the same bytes: for any number of threads, again, in shares, and however images are stored.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::image::Image;
use super::study::{Answer, Row, Study, differences, files, fixture, relight, table, tree};

const ALL: &[&str] = &["sub-01", "sub-02", "sub-03"];

fn folders(names: &[PathBuf]) -> BTreeSet<String> {
    let sessions = names.iter().filter(|name| name.components().count() > 2);
    sessions.map(|name| name.iter().take(2).map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/")).collect()
}

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    let study = Study::of(ALL);
    for threads in ["1", "2"] {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_relight"));
        command.arg("run").arg(study.root()).arg(study.beside(threads)).args(["--threads", threads]);
        Answer::of(&mut command).expect(0);
    }
    assert!(tree(&study.beside("1")).len() > 100);
    assert_eq!(differences(&study.beside("1"), &study.beside("2")), [] as [PathBuf; 0]);
}

#[test]
fn a_second_run_changes_no_session_and_force_redoes_them_alike() {
    let study = Study::of(ALL);
    study.run("out", &[]).expect(0);
    let output = study.beside("out");
    let stamps = |folder: &Path| -> Vec<_> {
        let in_sessions = files(folder).into_iter().filter(|name| name.starts_with("sub-01/ses-01"));
        in_sessions.map(|name| fs::metadata(folder.join(name)).unwrap().modified().unwrap()).collect()
    };
    let (before, stamps_before) = (tree(&output), stamps(&output));
    let second = study.run("out", &[]).expect(0);
    assert!(second.last_line().contains("5 unchanged"), "{}", second.last_line());
    assert_eq!(stamps(&output), stamps_before);
    assert_eq!(tree(&output), before);
    let forced = study.run("out", &["--force"]).expect(0);
    assert!(forced.last_line().contains("5 sessions done"), "{}", forced.last_line());
    assert_ne!(stamps(&output), stamps_before);
    assert_eq!(tree(&output), before);
}

#[test]
fn changed_settings_redo_every_session() {
    let study = Study::of(&["sub-01", "sub-02"]);
    study.run("out", &[]).expect(0);
    let settings = study.beside("settings.toml");
    fs::write(&settings, "[dsc]\nleakage = \"none\"\n").unwrap();
    let again = study.run("out", &["--settings", settings.to_str().unwrap()]).expect(0);
    assert!(again.last_line().contains("2 sessions done"), "{}", again.last_line());
    let back = study.run("out", &[]).expect(0);
    assert!(back.last_line().contains("2 sessions done"), "{}", back.last_line());
}

#[test]
fn a_changed_table_redoes_the_subject_that_it_concerns() {
    let study = Study::of(&["sub-01", "sub-02"]);
    study.run("out", &[]).expect(0);
    study.run("before", &[]).expect(0);
    study.edit("participants.tsv", |text| text.replace("2025-02-14", "2025-02-21"));
    let again = study.run("out", &[]).expect(0);
    assert!(again.last_line().contains("1 session done, 1 unchanged"), "{}", again.last_line());
    let changed = differences(&study.beside("before"), &study.beside("out"));
    assert_eq!(folders(&changed), BTreeSet::from(["sub-02/figures".to_owned(), "sub-02/ses-01".to_owned()]));
    assert!(changed.contains(&PathBuf::from("sub-02.html")) && !changed.contains(&PathBuf::from("sub-01.html")));
    // A line for somebody who is not in the study changes nothing.
    study.edit("participants.tsv", |text| format!("{text}sub-99{}\n", "\tn/a".repeat(11)));
    let other = study.run("out", &[]);
    assert!(other.last_line().contains("2 unchanged"), "{}", other.last_line());
}

#[test]
fn a_changed_image_redoes_its_session() {
    let study = Study::of(&["sub-01", "sub-02"]);
    study.run("out", &[]).expect(0);
    let image = study.path("sub-02/ses-01/pet/sub-02_ses-01_trc-MET_pet.nii.gz");
    let same = Image::read(&image);
    same.stored_otherwise([1, 0, 2], [false; 3]).write(&image);
    let again = study.run("out", &[]).expect(0);
    assert!(again.last_line().contains("1 session done, 1 unchanged"), "{}", again.last_line());
}

#[test]
fn shares_of_a_study_make_the_same_dataset_as_the_whole() {
    let study = Study::of(ALL);
    study.add("sub-01", "sub-broken");
    let stray = study.path("sub-broken/ses-01/perf/sub-01_ses-01_dsc.nii.gz");
    fs::copy(study.path("sub-01/ses-01/perf/sub-01_ses-01_dsc.nii.gz"), stray).unwrap();
    study.run("whole", &[]).expect(5);
    study.run("shares", &["participant", "--shard", "1/2"]);
    study.run("shares", &["participant", "--shard", "2/2"]);
    study.run("shares", &["group"]).expect(0);
    assert_eq!(differences(&study.beside("whole"), &study.beside("shares")), [] as [PathBuf; 0]);
}

#[test]
fn sessions_done_one_by_one_make_the_same_dataset_as_the_whole() {
    let study = Study::of(&["sub-01", "sub-03"]);
    study.run("whole", &[]).expect(0);
    for session in ["01", "02", "03"] {
        study.run("parts", &["--participant-label", "03", "--session-label", session]).expect(0);
    }
    study.run("parts", &["--participant-label", "01"]).expect(0);
    assert_eq!(differences(&study.beside("whole"), &study.beside("parts")), [] as [PathBuf; 0]);
}

/// Numbers within a relative tolerance, everything else equal.
fn assert_rows_agree(found: &[Row], expected: &[Row], tolerance: f64, but: &[&str]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for (column, value) in expected.iter().filter(|(column, _)| !but.contains(&column.as_str())) {
            let other = &found[column];
            let near = match (value.parse::<f64>(), other.parse::<f64>()) {
                (Ok(a), Ok(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()),
                _ => value == other,
            };
            assert!(near, "{} {column}: expected {value}, found {other}", expected["participant_id"]);
        }
    }
}

#[test]
fn numbers_and_places_do_not_depend_on_how_images_are_stored() {
    let (plain, turned) = (Study::of(&["sub-01", "sub-02"]), Study::of(&["sub-01", "sub-02"]));
    let ways = [([2, 0, 1], [true, false, true]), ([1, 0, 2], [false, true, true]), ([0, 2, 1], [true, true, false])];
    let images = files(&turned.root()).into_iter().filter(|name| name.extension().is_some_and(|end| end == "gz"));
    for (image, (axes, backwards)) in images.zip(ways.into_iter().cycle()) {
        let path = turned.path(image.to_str().unwrap());
        Image::read(&path).stored_otherwise(axes, backwards).write(&path);
    }
    plain.run("out", &[]).expect(0);
    turned.run("out", &[]).expect(0);
    let lesions = |study: &Study| table(&study.beside("out/lesions.tsv"));
    // Affines are stored in float32, so that positions agree to about 1e-6 mm.
    assert_rows_agree(&lesions(&turned), &lesions(&plain), 1e-5, &[]);
    for map in [
        "sub-01/ses-01/perf/sub-01_ses-01_desc-normalized_rcbv.nii.gz",
        "sub-01/ses-01/pet/sub-01_ses-01_trc-MET_desc-suvbw_pet.nii.gz",
        "sub-02/ses-01/perf/sub-02_ses-01_desc-normalized_rcbv.nii.gz",
    ] {
        let values = |study: &Study| Image::read(&study.beside("out").join(map)).values_by_place();
        let (plain, turned) = (values(&plain), values(&turned));
        assert_eq!(plain.len(), turned.len());
        for (a, b) in plain.iter().zip(&turned) {
            assert_eq!(a.0, b.0, "{map}");
            let (x, y) = (f32::from_bits(a.1), f32::from_bits(b.1));
            assert!((x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-5 * x.abs().max(1.0), "{map} {:?}: {x} {y}", a.0);
        }
    }
}

#[test]
fn a_worklist_of_the_same_data_gives_the_same_numbers() {
    let study = Study::of(ALL);
    study.run("folder", &[]).expect(0);
    let people = table(&study.path("participants.tsv"));
    let mut list = String::from(
        "participant_id\tsession_id\tt1c\tdsc\tpet\ttracer\tlesions\treference\tbrain\tpathway\tgrade\tsex\tweight\theight\tresection_date\trt_end\tacq_time\tsymptoms\tsteroid_change\tantiangiogenic\n",
    );
    for person in &people {
        let id = &person["participant_id"];
        for visit in table(&study.path(&format!("{id}/{id}_sessions.tsv"))) {
            let session = &visit["session_id"];
            let stem = format!("{id}_{session}");
            let existing =
                |name: String| if study.path(&name).exists() { format!("study/{name}") } else { "n/a".to_owned() };
            let mask = |name: &str| existing(format!("derivatives/manual/{id}/{session}/anat/{stem}_{name}.nii.gz"));
            let lesions = [mask("label-lesion_mask"), mask("desc-lesions_dseg")].into_iter().find(|name| name != "n/a");
            let pet = existing(format!("{id}/{session}/pet/{stem}_trc-MET_pet.nii.gz"));
            let cells = [
                id.clone(),
                session.clone(),
                existing(format!("{id}/{session}/anat/{stem}_ce-gadolinium_T1w.nii.gz")),
                existing(format!("{id}/{session}/perf/{stem}_dsc.nii.gz")),
                pet.clone(),
                if pet == "n/a" { pet } else { "MET".to_owned() },
                lesions.unwrap(),
                mask("label-NAWM_mask"),
                mask("desc-brain_mask"),
                person["pathway"].clone(),
                person["grade"].clone(),
                person["sex"].clone(),
                visit["weight"].clone(),
                person["height"].clone(),
                person["resection_date"].clone(),
                person["rt_end"].clone(),
                visit["acq_time"].clone(),
                visit["symptoms"].clone(),
                visit["steroid_change"].clone(),
                visit["antiangiogenic"].clone(),
            ];
            list.push_str(&cells.join("\t"));
            list.push('\n');
        }
        // Inheritance is a matter of folders: a worklist has its sidecars beside the images.
        let shared = study.path(&format!("{id}/{id}_dsc.json"));
        for visit in table(&study.path(&format!("{id}/{id}_sessions.tsv"))) {
            let session = &visit["session_id"];
            let beside = study.path(&format!("{id}/{session}/perf/{id}_{session}_dsc.json"));
            if shared.exists() && !beside.exists() {
                fs::copy(&shared, beside).unwrap();
            }
        }
    }
    fs::write(study.beside("list.tsv"), &list).unwrap();
    // A relative path, typed where the list lies.
    let mut command = relight();
    Answer::of(command.current_dir(study.beside(".")).args(["run", "list.tsv", "worklist"])).expect(0);
    let (found, expected) = (table(&study.beside("worklist/lesions.tsv")), table(&study.beside("folder/lesions.tsv")));
    let from_tables_of_masks = ["name", "rt_field", "new_enhancement", "margins", "histology"];
    assert_rows_agree(&found, &expected, 0.0, &from_tables_of_masks);
}

#[test]
fn a_broken_image_of_a_worklist_is_named_as_it_was_listed() {
    let study = Study::of(&["sub-01"]);
    let pet = "study/sub-01/ses-01/pet/sub-01_ses-01_trc-MET_pet.nii.gz";
    fs::write(study.beside(pet), "").unwrap();
    let lesions = "study/derivatives/manual/sub-01/ses-01/anat/sub-01_ses-01_label-lesion_mask.nii.gz";
    let list = format!("participant_id\tsession_id\tpet\tlesions\nsub-01\tses-01\t{pet}\t{lesions}\n");
    fs::write(study.beside("list.tsv"), list).unwrap();
    let mut command = relight();
    command.current_dir(study.beside(".")).args(["run", "list.tsv", "out", "--json"]);
    let reason = Answer::of(&mut command).expect(4).json()["failures"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(pet), "{reason}");
    assert!(!reason.contains(study.beside("").to_str().unwrap()), "{reason}");
}

#[test]
fn assessing_our_own_table_gives_the_same_table() {
    let study = Study::of(ALL);
    study.run("out", &[]).expect(0);
    let path = study.beside("out/lesions.tsv");
    let assessed = Answer::of(relight().arg("assess").arg(&path)).expect(0).stdout;
    assert_eq!(assessed, fs::read_to_string(path).unwrap());
}

#[test]
fn the_committed_study_itself_runs() {
    let place = tempfile::tempdir().unwrap();
    Answer::of(relight().arg("run").arg(fixture("")).arg(place.path().join("out"))).expect(0);
}
