//! What a person types and what comes back: help, suggestions, JSON, exit codes, the last line.

use std::fs;

use predicates::prelude::*;

use super::study::{Answer, Study, fixture, relight, rows};

const COMMANDS: &[&str] =
    &["run", "dsc", "pet", "register", "resample", "assess", "phantom", "settings", "explain", "completions"];

fn answer(arguments: &[&str]) -> Answer {
    Answer::of(relight().args(arguments))
}

#[test]
fn every_command_has_help() {
    let help = answer(&["--help"]).expect(0).stdout;
    for command in COMMANDS {
        assert!(help.contains(command), "{command} is not listed");
        relight().args([command, "--help"]).assert().success().stdout(predicate::str::contains("Usage: relight"));
        relight().args([command, "-h"]).assert().success();
    }
    // The lines break where the terminal has them break.
    assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains("Research use only"));
}

#[test]
fn help_names_the_unit_of_each_physical_option() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let dsc = words(&answer(&["dsc", "--help"]).expect(0).stdout);
    for told in ["Echo time in seconds", "Time between frames in seconds"] {
        assert!(dsc.contains(told), "{told}");
    }
    let pet = words(&answer(&["pet", "--help"]).expect(0).stdout);
    for told in ["Body weight in kg", "Body height in m", "in the unit of the image"] {
        assert!(pet.contains(told), "{told}");
    }
    let run = words(&answer(&["run", "--help"]).expect(0).stdout);
    for told in ["8G or 500M", "YYYY-MM-DD", "closer than 5 mm"] {
        assert!(run.contains(told), "{told}");
    }
    let phantom = words(&answer(&["phantom", "--help"]).expect(0).stdout);
    assert!(phantom.contains("Voxels of the DSC grid"));
}

#[test]
fn help_tells_the_memory_that_is_in_force() {
    assert!(answer(&["run", "--help"]).expect(0).stdout.contains("[default: 4G]"));
}

#[test]
fn typing_errors_are_met_with_suggestions() {
    for (typed, meant) in [
        (&["rum", "a", "b"][..], "'run'"),
        (&["run", "a", "b", "--particpant-label", "01"], "'--participant-label'"),
        (&["explain", "MASK_RESAMPLE"], "MASK_RESAMPLED"),
    ] {
        let answer = answer(typed).expect(2);
        assert!(answer.stderr.contains(meant), "{}", answer.stderr);
    }
    let study = Study::of(&["sub-01"]);
    let answer = study.run("out", &["--participant-label", "O1"]).expect(3);
    assert!(answer.last_line().contains("sub-01"), "{}", answer.stderr);
    assert!(!study.beside("out").exists());
}

#[test]
fn underscore_spellings_work() {
    let study = Study::of(&["sub-01", "sub-02"]);
    let arguments = ["--participant_label", "02", "--session_label", "01", "--as_of", "2026-01-01", "--dry_run"];
    let inventory = study.run("out", &arguments).expect(0).stdout;
    assert!(inventory.contains("sub-02  ses-01") && !inventory.contains("sub-01  ses-01"), "{inventory}");
}

#[test]
fn a_dry_run_writes_nothing_and_tells_what_was_found_and_tried() {
    let study = Study::of(&["sub-01"]);
    let answer = study.run("out", &["--dry-run"]).expect(0);
    assert!(answer.stdout.contains("sub-01_ses-01_dsc.nii.gz") && answer.stdout.contains("FLAIR"));
    assert!(answer.last_line().contains("nothing was written"));
    assert!(!study.beside("out").exists());
    let inventory = study.run("out", &["--dry-run", "--json"]).expect(0).json();
    assert_eq!(inventory["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn json_is_exactly_one_object() {
    let study = Study::of(&["sub-01"]);
    let run = study.run("out", &["--json"]).expect(0).json();
    assert_eq!(run["sessions"]["done"], 1);
    assert_eq!(run["lesions"][0]["participant_id"], "sub-01");
    let session = study.path("sub-01/ses-01");
    let lesions = study.path("derivatives/manual/sub-01/ses-01/anat/sub-01_ses-01_label-lesion_mask.nii.gz");
    for (command, image, map) in [
        ("dsc", "perf/sub-01_ses-01_dsc.nii.gz", "desc-normalized_rcbv"),
        ("pet", "pet/sub-01_ses-01_trc-MET_pet.nii.gz", "desc-tbr_pet"),
    ] {
        let maps = study.beside(command);
        let mut typed = relight();
        typed.arg(command).arg(session.join(image)).arg("-o").arg(&maps).arg("--lesions").arg(&lesions).arg("--json");
        let found = Answer::of(&mut typed).expect(0).json();
        let written = found["maps"].as_object().unwrap();
        assert!(written.values().all(|path| std::path::Path::new(path.as_str().unwrap()).is_file()));
        assert!(written.values().any(|path| path.as_str().unwrap().contains(map)), "{written:?}");
        assert_eq!(found["lesions"].as_array().unwrap().len(), 1);
        assert!(found["caveats"].is_array());
    }
    let table = study.beside("out/lesions.tsv");
    let assessed = answer(&["assess", table.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(assessed["lesions"][0]["verdict"], run["lesions"][0]["verdict"]);
    let made = study.beside("made");
    let typed =
        ["phantom", made.to_str().unwrap(), "--shape", "16x18x6", "--frames", "50", "--subjects", "1", "--json"];
    assert!(answer(&typed).expect(0).json()["lesions"].is_number());
    assert!(answer(&["settings", "--json"]).expect(0).json()["dsc"].is_object());
    assert!(answer(&["settings", "--schema"]).expect(0).json()["properties"]["dsc"].is_object());
    assert_eq!(answer(&["explain", "B6", "--json"]).expect(0).json()["code"], "B6");
    assert!(answer(&["explain", "--json"]).expect(0).json()["codes"].is_array());
    assert!(answer(&["completions", "fish", "--json"]).expect(0).json()["script"].is_string());
}

#[test]
fn a_command_that_fails_says_so_in_json_too() {
    let found = answer(&["run", "no-such-study", "out", "--json"]).expect(3).json();
    assert_eq!(found["exit_code"], 3);
    assert!(found["error"].as_str().unwrap().contains("no-such-study"));
    let found = answer(&["explain", "B66", "--json"]).expect(2).json();
    assert_eq!(found["exit_code"], 2);
}

#[test]
fn single_commands_print_the_lesion_table() {
    let study = Study::of(&["sub-01"]);
    let image = study.path("sub-01/ses-01/pet/sub-01_ses-01_trc-MET_pet.nii.gz");
    let lesions = study.path("derivatives/manual/sub-01/ses-01/anat/sub-01_ses-01_label-lesion_mask.nii.gz");
    let mut typed = relight();
    typed.arg("pet").arg(image).arg("-o").arg(study.beside("maps")).arg("--lesions").arg(lesions);
    let found = rows(&Answer::of(&mut typed).expect(0).stdout);
    assert_eq!((found.len(), found[0]["tracer"].as_str()), (1, "MET"));
}

#[test]
fn a_pet_image_of_which_nothing_can_be_made_says_what_to_give() {
    let study = Study::of(&["sub-01"]);
    let image = study.path("sub-01/ses-01/pet/sub-01_ses-01_trc-MET_pet.nii.gz");
    let mut typed = relight();
    typed.arg("pet").arg(&image).arg("-o").arg(study.beside("maps"));
    // The weight stands in the study's table, which a single command does not see.
    let refused = Answer::of(&mut typed).expect(3);
    for told in ["weight", "--background", "--lesions"] {
        assert!(refused.last_line().contains(told), "{told}: {}", refused.stderr);
    }
    assert!(!study.beside("maps").exists());
    assert!(Answer::of(typed.args(["--weight", "82"])).expect(0).last_line().contains("1 map in"));
}

#[test]
fn a_background_in_another_unit_than_the_image_fails_in_words() {
    let study = Study::of(&["sub-01"]);
    let image = study.path("sub-01/ses-01/pet/sub-01_ses-01_trc-MET_pet.nii.gz");
    let lesions = study.path("derivatives/manual/sub-01/ses-01/anat/sub-01_ses-01_label-lesion_mask.nii.gz");
    let mut typed = relight();
    typed.arg("pet").arg(image).arg("-o").arg(study.beside("maps")).arg("--lesions").arg(lesions);
    let answer = Answer::of(typed.args(["--background", "1.32", "--json"])).expect(0);
    let found = answer.json();
    assert_eq!(found["lesions"][0]["pet_quality"], "fail");
    let caveats = found["caveats"].as_array().unwrap();
    let told = caveats.iter().find(|caveat| caveat["code"] == "TBR_IMPLAUSIBLE").unwrap();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("1.32") && detail.contains("Bq/mL"), "{detail}");
    assert!(answer.last_line().contains("quality fail"), "{}", answer.stderr);
}

#[test]
fn a_wrong_command_line_is_2() {
    for typed in [
        &["run", "a", "b", "--shard", "3/2"][..],
        &["run", "a", "b", "--memory", "much"],
        &["run", "a", "b", "--as-of", "31.12.2025"],
        &["run", "a", "b", "--resume", "--force"],
        &["run", "a", "b", "--threads", "0"],
        &["pet", "a.nii", "-o", "b", "--weight", "-70"],
        &["pet", "a.nii", "-o", "b", "--background", "0"],
        &["explain", "NO_SUCH_CODE_AT_ALL"],
        &["phantom", "a", "--shape", "0x1x2"],
    ] {
        let answer = answer(typed);
        assert_eq!(answer.code, 2, "{typed:?}: {}", answer.stderr);
        assert!(!answer.stderr.trim().is_empty());
    }
}

#[test]
fn no_usable_input_is_3() {
    let study = Study::of(&[]);
    let answer = study.run("out", &[]).expect(3);
    assert!(answer.last_line().contains("no subject found"), "{}", answer.stderr);
    assert!(!study.beside("out").exists());
    answer_is_3(&["dsc", "no-such-series.nii.gz", "-o", "out"], "no-such-series.nii.gz");
    answer_is_3(&["pet", "no-such-image.nii.gz", "-o", "out"], "no-such-image.nii.gz");
    answer_is_3(&["assess", "no-such-table.tsv"], "no-such-table.tsv");
}

fn answer_is_3(typed: &[&str], names: &str) {
    let answer = answer(typed).expect(3);
    assert!(answer.last_line().contains(names), "{}", answer.stderr);
}

#[test]
fn a_study_without_a_mask_is_3_and_leaves_nothing() {
    let study = Study::of(&["sub-01"]);
    fs::remove_dir_all(study.path("derivatives")).unwrap();
    let answer = study.run("out", &[]).expect(3);
    assert!(answer.last_line().contains("lesion mask") && answer.last_line().contains("--dry-run"));
    assert!(!study.beside("out").exists(), "an output folder was made for nothing");
}

#[test]
fn an_output_that_is_not_ours_is_6() {
    let study = Study::of(&["sub-01"]);
    fs::create_dir(study.beside("out")).unwrap();
    fs::write(study.beside("out/thesis.txt"), "mine").unwrap();
    let answer = study.run("out", &[]).expect(6);
    assert!(answer.last_line().contains("--force"), "{}", answer.stderr);
    assert_eq!(fs::read_dir(study.beside("out")).unwrap().count(), 1);
    study.run("out", &["--force"]).expect(0);
    assert_eq!(fs::read_to_string(study.beside("out/thesis.txt")).unwrap(), "mine");
    fs::write(study.beside("file"), "").unwrap();
    study.run("file", &[]).expect(6);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_6_and_leaves_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let study = Study::of(&["sub-01"]);
    let closed = study.beside("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    // The administrator may write anywhere but where the system itself says no.
    let administrator = fs::write(closed.join("probe"), "").is_ok();
    let place = if administrator { "/proc".into() } else { closed }.join("relight-output");
    let answer = Answer::of(relight().arg("run").arg(study.root()).arg(&place)).expect(6);
    assert!(answer.last_line().contains("relight-output cannot be written"), "{}", answer.stderr);
    assert!(!place.exists());
}

#[test]
fn the_study_itself_is_never_the_output() {
    let study = Study::of(&["sub-01"]);
    for force in [&[][..], &["--force"]] {
        Answer::of(relight().arg("run").arg(study.root()).arg(study.root()).args(force)).expect(6);
    }
    fs::remove_file(study.path("dataset_description.json")).unwrap();
    Answer::of(relight().arg("run").arg(study.root()).arg(study.root()).arg("--force")).expect(6);
    assert!(!study.path("index.html").exists());
}

#[test]
fn a_failed_quality_check_is_7_only_when_asked_for() {
    let study = Study::of(&["sub-01"]);
    study.edit("sub-01/sub-01_sessions.tsv", |text| {
        let mut lines = text.lines();
        format!("{}\tdsc_quality\n{}\tfail\n", lines.next().unwrap(), lines.next().unwrap())
    });
    study.run("lenient", &[]).expect(0);
    let answer = study.run("strict", &["--strict"]).expect(7);
    assert!(answer.last_line().contains("failed quality check"), "{}", answer.stderr);
    // A session taken from an earlier run counts as well.
    study.run("strict", &["--strict"]).expect(7);
}

#[test]
fn the_last_line_says_what_became_of_the_run() {
    let study = Study::of(&["sub-01"]);
    let first = study.run("out", &[]).expect(0);
    assert!(first.last_line().starts_with("relight: 1 session done; 1 lesion; open "), "{}", first.last_line());
    let second = study.run("out", &[]).expect(0);
    assert!(second.last_line().contains("0 sessions done, 1 unchanged"), "{}", second.last_line());
    let group = study.run("out", &["group"]).err_free();
    assert!(group.last_line().contains("study page of 1 lesion from 1 finished session"), "{}", group.last_line());
}

impl Answer {
    fn err_free(self) -> Self {
        assert!(!self.stderr.contains("error"), "{}", self.stderr);
        self.expect(0)
    }
}

#[test]
fn quiet_says_nothing_unless_something_failed() {
    let study = Study::of(&["sub-01"]);
    assert_eq!(study.run("out", &["-q"]).expect(0).stderr, "");
    fs::write(study.path("sub-01/ses-01/perf/sub-01_ses-01_dsc.nii.gz"), "").unwrap();
    assert!(study.run("out", &["-q"]).expect(4).last_line().contains("failed"));
}

#[test]
fn color_is_only_where_it_is_wanted() {
    let colored = |when: &str, no_color: bool| {
        let mut command = relight();
        if no_color {
            command.env("NO_COLOR", "1");
        }
        Answer::of(command.args(["assess", "no-such-table.tsv", "--color", when])).stderr.contains('\x1b')
    };
    assert!(!colored("auto", false), "standard error is no terminal here");
    assert!(!colored("auto", true) && !colored("never", false));
    assert!(colored("always", false));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = answer(&["completions", shell]).expect(0).stdout;
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
        assert!(script.contains("participant-label"), "{shell}");
    }
}

#[test]
fn the_printed_settings_are_the_defaults_and_pass_their_own_check() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("settings.toml");
    let defaults = answer(&["settings"]).expect(0).stdout;
    fs::write(&file, &defaults).unwrap();
    let name = file.to_str().unwrap();
    assert!(answer(&["settings", "--check", name]).expect(0).last_line().contains("can be used"));
    fs::write(&file, "[dsc]\nleakge = \"bsw\"\n").unwrap();
    let unknown = answer(&["settings", "--check", name]).expect(2);
    assert!(unknown.last_line().contains("leakge"), "{}", unknown.stderr);
    assert!(answer(&["run", "a", "b", "--settings", name]).expect(2).last_line().contains("leakge"));
    fs::write(&file, "this is not toml").unwrap();
    answer(&["settings", "--check", name]).expect(2);
    answer(&["settings", "--check", "no-such-file.toml"]).expect(2);
}

#[test]
fn a_committed_table_can_be_read_from_standard_input() {
    let text = "participant_id\tpathway\trcbv_mean\tmy_note\nsub-01\tglioma\t2.4\tkept\n";
    let found = rows(&Answer::of(relight().args(["assess", "-"]).write_stdin(text)).expect(0).stdout);
    assert_eq!((found[0]["my_note"].as_str(), found[0]["verdict"].is_empty()), ("kept", false));
    assert!(fixture("participants.tsv").is_file());
}
