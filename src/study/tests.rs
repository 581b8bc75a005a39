//! Whole study folders and worklists, made in a temporary folder.

use std::fs;
use std::path::Path;

use super::*;
use crate::clinical::{Histology, Pathway, Symptoms, Tracer};
use crate::quality::CaveatCode;
use crate::units::Kilograms;

fn settings() -> Settings {
    crate::settings::default_section("study")
}

fn write(root: &Path, relative: &str, text: &str) {
    let path = root.join(relative);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn touch(root: &Path, files: &[&str]) {
    files.iter().for_each(|file| write(root, file, ""));
}

fn open(root: &Path) -> Result<Study, StudyError> {
    Study::open(root, &StudyOptions::default(), &settings())
}

/// Two subjects: one with two sessions and everything, one without sessions.
fn study() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "dataset_description.json", r#"{"Name": "Test study", "BIDSVersion": "1.10.0"}"#);
    write(
        root,
        "participants.tsv",
        "participant_id\tdiagnosis\tweight\tsymptoms\trt_end\nsub-01\tglioblastoma\t70\tn/a\t2025-01-31\nsub-02\tmeningioma\t80\tnew\tn/a\n",
    );
    write(
        root,
        "sub-01/sub-01_sessions.tsv",
        "session_id\tacq_time\tsymptoms\tweight\nses-1\t2025-05-01T10:00:00\tnone\tn/a\nses-2\t2025-07-01\tnew\t68\n",
    );
    for session in ["ses-1", "ses-2"] {
        let at = |rest: &str| format!("sub-01/{session}/{}", rest.replace('*', &format!("sub-01_{session}")));
        for file in [
            "anat/*_ce-gadolinium_T1w.nii.gz",
            "anat/*_T1w.nii.gz",
            "anat/*_FLAIR.nii.gz",
            "perf/*_dsc.nii.gz",
            "pet/*_trc-MET_pet.nii.gz",
        ] {
            touch(root, &[&at(file)]);
        }
        write(root, &at("perf/*_dsc.json"), r#"{"EchoTime": 0.03}"#);
        let mask = |rest: &str| format!("derivatives/manual/{}", at(rest));
        write(root, &mask("anat/*_desc-lesions_dseg.nii.gz"), "");
        write(
            root,
            &mask("anat/*_desc-lesions_dseg.tsv"),
            "index\tname\thistology\n1\tleft frontal\ttumour\n2\tn/a\tn/a\n",
        );
        write(root, &mask("pet/*_trc-MET_label-lesion_mask.nii.gz"), "");
        write(root, &mask("perf/*_label-NAWM_mask.nii.gz"), "");
        write(root, &mask("perf/*_desc-brain_mask.nii.gz"), "");
        write(root, &mask("*_from-T1w_to-dsc_mode-image_xfm.txt"), "");
    }
    write(root, "dsc.json", r#"{"RepetitionTime": 1.5}"#);
    touch(root, &["sub-02/dce/sub-02_DCE.nii", "derivatives/manual/sub-02/anat/sub-02_label-L_mask.nii"]);
    folder
}

#[test]
fn each_file_of_a_complete_session_finds_its_role() {
    let folder = study();
    let study = open(folder.path()).unwrap();
    assert_eq!((study.title.as_str(), study.lesion_pipeline.as_deref()), ("Test study", Some("manual")));
    assert_eq!(study.sessions().count(), 3);
    let session = &study.subjects[0].sessions[1];
    assert_eq!(session.problems, []);
    assert_eq!(session.stem(), "sub-01_ses-2");
    assert_eq!(session.t1c.as_ref().unwrap().file.file_name(), "sub-01_ses-2_ce-gadolinium_T1w.nii.gz");
    assert_eq!(session.t1.as_ref().unwrap().file.file_name(), "sub-01_ses-2_T1w.nii.gz");
    let dsc = &session.dsc.as_ref().unwrap().image;
    assert_eq!(
        dsc.sidecars.iter().map(InputFile::relative).collect::<Vec<_>>(),
        ["dsc.json", "sub-01/ses-2/perf/sub-01_ses-2_dsc.json"]
    );
    let sidecar = dsc.sidecar().unwrap();
    let (acquisition, _) = dsc_acquisition(&sidecar, None, None, &DscGiven::default(), &settings()).unwrap();
    assert_eq!(acquisition.repetition_time().0, 1.5);
    assert_eq!(session.pet[0].tracer(), Some(Tracer::Met));
    assert_eq!(session.lesions.len(), 2);
    assert_eq!(session.lesions_for(MaskTarget::Pet(Some(&Tracer::Met))).unwrap().kind, MaskKind::Binary);
    assert_eq!(session.lesions_for(MaskTarget::Series(SeriesKind::Dsc)).unwrap().kind, MaskKind::Labels);
    assert_eq!((session.reference.len(), session.brain.len(), session.transforms.len()), (1, 1, 1));
    assert_eq!(session.transforms[0].to, "dsc");
    assert_eq!(session.readiness(), Readiness::Ready);
    let files: Vec<String> = session.files().iter().map(|file| file.relative().to_owned()).collect();
    assert_eq!(files.len(), 13, "{files:#?}");
    assert!(files.is_sorted());
}

#[test]
fn tables_tell_of_participant_session_and_lesion() {
    let folder = study();
    let study = open(folder.path()).unwrap();
    let subject = &study.subjects[0];
    assert_eq!(subject.pathway.pathway, Some(Pathway::Glioma));
    assert_eq!(subject.facts.rt_end, Some(jiff::civil::date(2025, 1, 31)));
    assert_eq!(subject.sessions[0].facts.symptoms, Some(Symptoms::None));
    assert_eq!(subject.sessions[1].date(), Some(jiff::civil::date(2025, 7, 1)));
    assert_eq!(subject.sessions[0].body.weight, Some(Kilograms(70.0)), "from participants.tsv");
    assert_eq!(subject.sessions[1].body.weight, Some(Kilograms(68.0)), "the session's own weight comes first");
    assert_eq!(subject.sessions[0].facts_of(1, false).histology, Some(Histology::Tumor));
    assert_eq!(subject.sessions[0].facts_of(2, false).histology, None, "histology belongs to one lesion");
    assert_eq!(study.latest_date(), Some(jiff::civil::date(2025, 7, 1)));
}

#[test]
fn a_subject_without_sessions_has_one_and_its_visit_stands_in_the_participants_table() {
    let folder = study();
    let study = open(folder.path()).unwrap();
    let subject = &study.subjects[1];
    let session = &subject.sessions[0];
    assert_eq!((subject.sessions.len(), session.session_id.as_deref()), (1, None));
    assert_eq!(session.facts.symptoms, Some(Symptoms::New));
    assert_eq!(subject.pathway.pathway, None, "a meningioma has no pathway");
    assert!(session.dce.is_some(), "dce/*_DCE is read");
    assert_eq!(session.readiness(), Readiness::Ready);
}

#[test]
fn what_is_missing_is_named_with_its_pattern() {
    let folder = study();
    let study = open(folder.path()).unwrap();
    let session = &study.subjects[1].sessions[0];
    let dsc = session.missing.iter().find(|missing| missing.role == Role::Dsc).unwrap();
    assert!(dsc.tried.contains("perf/*_dsc"), "{dsc}");
    let text = study.describe();
    for part in ["Test study", "sub-01  ses-2", "missing  DSC", "serves MET PET", "3 sessions to measure"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains(&folder.path().display().to_string()), "no absolute path");
    assert_eq!(study.json()["sessions"].as_array().unwrap().len(), 3);
}

#[test]
fn several_pipelines_with_masks_are_an_error_unless_one_is_named() {
    let folder = study();
    touch(folder.path(), &["derivatives/hdglio/sub-01/ses-1/anat/sub-01_ses-1_dseg.nii.gz"]);
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error, StudyError::SeveralPipelines { pipelines: vec!["hdglio".into(), "manual".into()] });
    let named = |name: &str| {
        let options = StudyOptions { lesions: Some(name.to_owned()), ..Default::default() };
        Study::open(folder.path(), &options, &settings())
    };
    let study = named("hdglio").unwrap();
    let session = &study.subjects[0].sessions[0];
    assert_eq!(session.lesions.len(), 1);
    assert_eq!(session.reference.len(), 1, "the reference mask comes from the only derivative that has one");
    assert!(matches!(named("other"), Err(StudyError::UnknownPipeline { .. })));
}

#[test]
fn our_own_output_inside_the_study_is_passed_over() {
    let folder = study();
    let root = folder.path();
    touch(root, &["derivatives/relight/sub-01/ses-1/anat/sub-01_ses-1_desc-lesions_dseg.nii.gz"]);
    assert!(
        matches!(open(root), Err(StudyError::SeveralPipelines { .. })),
        "a foreign folder of that name is not ours"
    );
    write(root, "derivatives/relight/dataset_description.json", r#"{"GeneratedBy": [{"Name": "relight"}]}"#);
    assert_eq!(open(root).unwrap().lesion_pipeline.as_deref(), Some("manual"));
}

#[test]
fn tissue_classes_of_a_preprocessing_pipeline_are_not_lesions() {
    let folder = study();
    let root = folder.path();
    touch(root, &["derivatives/fmriprep/sub-01/anat/sub-01_dseg.nii.gz"]);
    write(root, "derivatives/fmriprep/dataset_description.json", r#"{"GeneratedBy": [{"Name": "fMRIPrep"}]}"#);
    assert_eq!(open(root).unwrap().lesion_pipeline.as_deref(), Some("manual"));
}

#[test]
fn two_runs_are_an_error_that_lists_them_unless_the_settings_choose() {
    let folder = study();
    let root = folder.path();
    touch(root, &["sub-01/ses-1/perf/sub-01_ses-1_run-2_dsc.nii.gz"]);
    let study = open(root).unwrap();
    let [error] = study.subjects[0].sessions[0].problems.as_slice() else { panic!("one problem") };
    assert!(error.to_string().contains("run-2_dsc") && error.to_string().contains("ses-1_dsc"), "{error}");
    assert!(matches!(study.subjects[0].sessions[0].readiness(), Readiness::Broken(_)));
    assert_eq!(study.subjects[0].sessions[1].readiness(), Readiness::Ready, "the other session is unharmed");
    let settings = Settings { several_files: SeveralFiles::First, ..settings() };
    let study = Study::open(root, &StudyOptions::default(), &settings).unwrap();
    let session = &study.subjects[0].sessions[0];
    assert_eq!(session.dsc.as_ref().unwrap().image.file.file_name(), "sub-01_ses-1_dsc.nii.gz");
    assert_eq!(session.caveats[0].code, CaveatCode::OneOfSeveralFiles);
}

#[test]
fn another_subjects_file_is_a_fault_of_that_session_that_names_both() {
    let folder = study();
    touch(folder.path(), &["sub-01/ses-1/perf/sub-02_ses-1_asl.nii.gz", "sub-01/ses-2/perf/sub-01_ses-1_asl.nii.gz"]);
    let study = open(folder.path()).unwrap();
    for (session, found, expected) in [(0, "sub-02", "sub-01"), (1, "ses-1", "ses-2")] {
        let [error] = study.subjects[0].sessions[session].problems.as_slice() else { panic!("one problem") };
        let error = error.to_string();
        assert!(error.contains(found) && error.contains(expected) && error.contains("mixed"), "{error}");
    }
    assert_eq!(study.subjects[1].sessions[0].problems, []);
}

#[test]
fn another_subjects_mask_in_a_derivative_is_a_fault_too() {
    let folder = study();
    touch(folder.path(), &["derivatives/manual/sub-01/ses-1/anat/sub-02_ses-1_label-L_mask.nii.gz"]);
    let study = open(folder.path()).unwrap();
    assert!(matches!(study.subjects[0].sessions[0].problems[..], [StudyError::Mixed { .. }]));
}

#[test]
fn masks_of_another_derivative_fill_the_places_that_the_lesion_pipeline_leaves() {
    let folder = study();
    let root = folder.path();
    for (datatype, file) in [("anat", "desc-brain_mask"), ("perf", "desc-brain_mask"), ("perf", "label-NAWM_mask")] {
        touch(root, &[&format!("derivatives/hdbet/sub-01/ses-1/{datatype}/sub-01_ses-1_{file}.nii.gz")]);
    }
    let study = open(root).unwrap();
    let session = &study.subjects[0].sessions[0];
    assert_eq!(session.problems, []);
    let brain: Vec<&str> = session.brain.iter().map(|mask| mask.file.relative().split('/').nth(1).unwrap()).collect();
    assert_eq!(brain, ["hdbet", "manual"], "anat from hdbet, perf from the lesion pipeline");
    assert_eq!(session.reference.len(), 1);
}

#[test]
fn two_masks_on_one_grid_are_an_error_that_lists_them() {
    let folder = study();
    touch(folder.path(), &["derivatives/manual/sub-01/ses-1/anat/sub-01_ses-1_label-L_mask.nii.gz"]);
    let study = open(folder.path()).unwrap();
    let [StudyError::SeveralFiles { files, .. }] = &study.subjects[0].sessions[0].problems[..] else {
        panic!("{:?}", study.subjects[0].sessions[0].problems)
    };
    assert_eq!(files.len(), 2);
}

#[test]
fn a_contradiction_between_label_tables_is_an_error() {
    let folder = study();
    let pet = "derivatives/manual/sub-01/ses-1/pet/sub-01_ses-1_trc-MET_label-lesion_mask.tsv";
    write(folder.path(), pet, "index\thistology\n1\tnecrosis\n");
    let study = open(folder.path()).unwrap();
    let [error] = study.subjects[0].sessions[0].problems.as_slice() else { panic!("one problem") };
    assert!(error.to_string().contains("histology") && error.to_string().contains("label 1"), "{error}");
}

#[test]
fn a_bad_cell_breaks_its_own_subject_only() {
    let folder = study();
    let table = "participant_id\tsex\nsub-01\tman\nsub-02\tM\n";
    write(folder.path(), "participants.tsv", table);
    let study = open(folder.path()).unwrap();
    let error = study.subjects[0].sessions[0].problems[0].to_string();
    assert!(error.contains("participants.tsv line 2, column sex"), "{error}");
    assert_eq!(study.subjects[1].sessions[0].readiness(), Readiness::Ready);
    write(folder.path(), "participants.tsv", "participant_id\nsub-01\n01\n");
    assert!(matches!(open(folder.path()), Err(StudyError::DuplicateRow { .. })));
}

#[test]
fn labels_are_taken_with_and_without_prefix_and_unknown_ones_suggest() {
    let folder = study();
    let with = |participants: &[&str], sessions: &[&str]| {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
        let options = StudyOptions {
            participant_labels: owned(participants),
            session_labels: owned(sessions),
            ..Default::default()
        };
        Study::open(folder.path(), &options, &settings())
    };
    assert_eq!(with(&["02"], &[]).unwrap().subjects[0].participant_id, "sub-02");
    assert_eq!(with(&["sub-01"], &["2"]).unwrap().sessions().count(), 1);
    let error = with(&["sub-03"], &[]).unwrap_err().to_string();
    assert!(error.contains("sub-03") && error.contains("did you mean sub-0"), "{error}");
    let error = with(&["99"], &[]).unwrap_err().to_string();
    assert!(error.contains("sub-99 is not in the study; it holds: sub-01"), "{error}");
    assert!(with(&[], &["9"]).is_err());
}

#[test]
fn shards_part_the_subjects_without_loss_or_overlap() {
    let folder = tempfile::tempdir().unwrap();
    for subject in 1..=7 {
        touch(folder.path(), &[&format!("sub-{subject:02}/perf/sub-{subject:02}_dsc.nii")]);
    }
    let mut all = Vec::new();
    for index in 1..=3 {
        let options = StudyOptions { shard: Shard::new(index, 3), ..Default::default() };
        let study = Study::open(folder.path(), &options, &settings()).unwrap();
        all.extend(study.subjects.into_iter().map(|subject| subject.participant_id));
    }
    all.sort();
    assert_eq!(all, (1..=7).map(|subject| format!("sub-{subject:02}")).collect::<Vec<_>>());
    assert_eq!("2/3".parse::<Shard>(), Ok(Shard::new(2, 3).unwrap()));
    for text in ["0/3", "4/3", "1/0", "1", "a/b"] {
        assert!(text.parse::<Shard>().is_err(), "{text}");
    }
}

#[test]
fn a_folder_without_subjects_says_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    assert!(open(folder.path()).unwrap_err().to_string().contains("sub-*"));
    assert!(open(&folder.path().join("nothing")).unwrap_err().to_string().contains("does not exist"));
    touch(folder.path(), &["a.csv"]);
    assert!(open(&folder.path().join("a.csv")).unwrap_err().to_string().contains(".tsv worklist"));
}

#[test]
fn a_t1_whose_sidecar_names_gadolinium_is_a_t1_after_contrast() {
    let folder = study();
    let root = folder.path();
    fs::remove_file(root.join("sub-01/ses-1/anat/sub-01_ses-1_ce-gadolinium_T1w.nii.gz")).unwrap();
    assert!(open(root).unwrap().subjects[0].sessions[0].t1c.is_none());
    write(root, "sub-01/ses-1/anat/sub-01_ses-1_T1w.json", r#"{"ContrastBolusIngredient": "GADOLINIUM"}"#);
    let session = &open(root).unwrap().subjects[0].sessions[0];
    assert!(session.t1c.is_some() && session.t1.is_none());
}

#[test]
fn a_misspelled_column_is_noted_with_the_one_that_was_meant() {
    let folder = study();
    write(folder.path(), "participants.tsv", "participant_id\tdiagnossis\nsub-01\tglioma\n");
    let study = open(folder.path()).unwrap();
    assert!(
        study.notes.iter().any(|note| note.contains("diagnossis") && note.contains("diagnosis?")),
        "{:?}",
        study.notes
    );
}

#[test]
fn a_subject_or_session_without_its_line_is_noted() {
    let folder = study();
    write(folder.path(), "participants.tsv", "participant_id\nsub-01\n");
    write(folder.path(), "sub-01/sub-01_sessions.tsv", "session_id\nses-1\n");
    let notes = open(folder.path()).unwrap().notes;
    assert_eq!(notes, ["sub-01/sub-01_sessions.tsv has no line for ses-2", "participants.tsv has no line for sub-02"]);
}

#[cfg(unix)]
#[test]
fn a_link_without_its_target_is_named() {
    let folder = study();
    let image = folder.path().join("sub-01/ses-1/perf/sub-01_ses-1_dsc.nii.gz");
    fs::remove_file(&image).unwrap();
    std::os::unix::fs::symlink("annex/object", &image).unwrap();
    let study = open(folder.path()).unwrap();
    let [error] = study.subjects[0].sessions[0].problems.as_slice() else { panic!("one problem") };
    assert!(error.to_string().contains("broken link"), "{error}");
}

fn worklist(rows: &str) -> (tempfile::TempDir, Result<Study, StudyError>) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(
        root,
        &[
            "x/bolus.nii.gz",
            "x/uptake.nii",
            "x/lesion.nii",
            "sub-02_ses-1_dsc.nii",
            "pet/sub-01_ses-1_label-L_mask.nii",
        ],
    );
    write(root, "x/bolus.json", r#"{"EchoTime": 0.03}"#);
    write(root, "list.tsv", rows);
    let study = open(&root.join("list.tsv"));
    (folder, study)
}

#[test]
fn a_worklist_names_files_and_facts() {
    let (_folder, study) = worklist(
        "participant_id\tsession_id\tdsc\tpet\ttracer\tlesions\tpathway\thistology\tacq_time\r\n01\t1\tx/bolus.nii.gz\tx/uptake.nii\tFET\tx/lesion.nii; pet/sub-01_ses-1_label-L_mask.nii\tglioma\tnecrosis\t2025-02-01\r\n",
    );
    let study = study.unwrap();
    assert_eq!(study.form, StudyForm::Worklist);
    let session = &study.subjects[0].sessions[0];
    assert_eq!(session.problems, []);
    assert_eq!(session.stem(), "sub-01_ses-1");
    assert_eq!(session.dsc.as_ref().unwrap().image.sidecars[0].relative(), "x/bolus.json");
    assert_eq!(session.pet[0].tracer(), Some(Tracer::Fet));
    assert_eq!(session.lesions.len(), 2);
    assert_eq!(session.lesions[0].grid, MaskGrid::Undeclared);
    assert_eq!(
        session.lesions_for(MaskTarget::Pet(Some(&Tracer::Fet))).unwrap().file.relative(),
        "pet/sub-01_ses-1_label-L_mask.nii"
    );
    assert_eq!(session.facts_of(1, true).histology, Some(Histology::Necrosis));
    assert_eq!(session.facts_of(1, false).histology, None, "with several lesions the row is about none of them");
    assert_eq!(study.subjects[0].pathway.pathway, Some(Pathway::Glioma));
    let missing = session.missing.iter().find(|missing| missing.role == Role::Asl).unwrap();
    assert_eq!(missing.tried, "column asl");
}

#[test]
fn a_worklist_row_breaks_alone() {
    let (_folder, study) = worklist(
        "participant_id\tsession_id\tdsc\tlesions\n01\t1\tnot_there.nii\tx/lesion.nii\n01\t2\tsub-02_ses-1_dsc.nii\tx/lesion.nii\n03\t1\tx/bolus.nii.gz\tx/lesion.nii\n",
    );
    let study = study.unwrap();
    let problems: Vec<String> =
        study.sessions().map(|session| session.problems.iter().map(ToString::to_string).collect()).collect();
    assert!(problems[0].contains("not_there.nii") && problems[0].contains("line 2, column dsc"), "{}", problems[0]);
    assert!(problems[1].contains("sub-02") && problems[1].contains("sub-01"), "{}", problems[1]);
    assert_eq!(problems[2], "");
}

#[test]
fn a_session_that_stands_twice_in_a_worklist_is_an_error() {
    let (_folder, study) = worklist("participant_id\tsession_id\n01\t1\nsub-01\tses-1\n");
    assert!(matches!(study, Err(StudyError::DuplicateRow { first: 2, second: 3, .. })));
    let (_folder, study) = worklist("participant_id\tsession_id\tpathway\n01\t1\tglioma\n01\t2\tsarcoma\n");
    let error = study.unwrap().subjects[0].sessions[1].problems[0].to_string();
    assert!(error.contains("line 3, column pathway"), "{error}");
}

#[test]
fn the_inventory_is_the_same_each_time() {
    let folder = study();
    assert_eq!(open(folder.path()).unwrap().describe(), open(folder.path()).unwrap().describe());
}

#[test]
fn the_sarcoma_study_is_read_whole() {
    let Some(data) = std::env::var_os("RELIGHT_REFERENCE_DATA").filter(|data| std::path::Path::new(data).is_dir())
    else {
        eprintln!("skipped: no reference data");
        return;
    };
    let study = open(&Path::new(&data).join("sarcoma_study")).unwrap();
    assert_eq!(study.sessions().count(), 4);
    for subject in &study.subjects {
        let session = &subject.sessions[0];
        assert_eq!(session.readiness(), Readiness::Ready, "{}: {:?}", session.stem(), session.problems);
        assert_eq!(subject.pathway.pathway, Some(Pathway::Sarcoma));
        assert_eq!(session.pet[0].tracer(), Some(Tracer::Fdg));
        let pet = session.lesions_for(MaskTarget::Pet(Some(&Tracer::Fdg))).unwrap();
        assert_eq!(pet.grid, MaskGrid::Pet(Some(Tracer::Fdg)));
        let volume = session.lesions_for(MaskTarget::Anatomy).unwrap();
        assert_eq!(volume.grid == MaskGrid::Anatomy, session.t1.is_some());
        let sidecar = session.pet[0].image.sidecar().unwrap();
        let label = session.pet[0].tracer_label.as_deref();
        let (acquisition, caveats) = pet_acquisition(&sidecar, label, &session.body, &settings()).unwrap();
        assert_eq!((acquisition.tracer, caveats.len()), (Some(Tracer::Fdg), 0));
    }
}
