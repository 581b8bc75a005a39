//! A whole output with every name that the program writes, before the BIDS validator.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Map;

use super::*;
use crate::lesion::LesionRecord;
use crate::study::InputFile;

/// Suffix, `desc-` and unit of each perfusion map (DESIGN §3).
const PERFUSION_MAPS: &[(&str, Option<&str>, &str)] = &[
    ("rcbv", Some("uncorrected"), "1"),
    ("rcbv", Some("bsw"), "1"),
    ("rcbv", Some("normalized"), "1"),
    ("k1", None, "1"),
    ("k2", None, "1/s"),
    ("kep", None, "1/min"),
    ("psr", None, "%"),
    ("ph", None, "1/s"),
    ("cbv", None, "mL/100g"),
    ("cbf", None, "mL/100g/min"),
    ("cbf", Some("relative"), "1"),
    ("mtt", None, "s"),
    ("tmax", None, "s"),
    ("ttp", None, "s"),
    ("att", None, "s"),
    ("delay", None, "s"),
    ("ktrans", None, "1/min"),
    ("ps", None, "1/min"),
    ("fp", None, "mL/100mL/min"),
    ("ve", None, "1"),
    ("vp", None, "1"),
    ("iauc60", None, "mM.s"),
    ("ftb", None, ""),
];

/// A NIfTI-1 image of 2 x 2 x 2 zeros with 2 mm voxels in scanner space (NIfTI-1 specification, `nifti1.h`), gzipped.
fn tiny_image() -> Vec<u8> {
    let mut bytes = vec![0_u8; 352 + 8];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348_i32.to_le_bytes());
    for (index, size) in [3_i16, 2, 2, 2, 1, 1, 1, 1].iter().enumerate() {
        put(40 + 2 * index, &size.to_le_bytes());
    }
    put(70, &2_i16.to_le_bytes());
    put(72, &8_i16.to_le_bytes());
    for (index, size) in [1_f32, 2.0, 2.0, 2.0, 1.0].iter().enumerate() {
        put(76 + 4 * index, &size.to_le_bytes());
    }
    put(108, &352_f32.to_le_bytes());
    put(123, &[10]);
    put(254, &1_i16.to_le_bytes());
    for (row, at) in [280, 296, 312].iter().enumerate() {
        put(at + 4 * row, &2_f32.to_le_bytes());
    }
    put(344, b"n+1\0");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

fn add(folder: &Path, name: &str, units: &str, mask_type: Option<&str>) {
    write_file(&folder.join(name), &tiny_image()).unwrap();
    let source = [InputFile::named("sub-01/perf/sub-01_dsc.nii.gz".into(), "x".into())];
    let sidecar = ImageSidecar {
        description: "A map.".into(),
        units,
        sources: &source,
        skull_stripped: false,
        spatial_reference: None,
        mask_type,
        model: Map::new(),
        caveats: &[],
    };
    write_file(&folder.join(sidecar_name(name)), json_text(&sidecar.json()).as_bytes()).unwrap();
}

/// Writes an output with two subjects, one of them without sessions, and every name of DESIGN §3.
fn write_output(root: &Path) {
    let output = OutputFolder::open(root, false).unwrap();
    let source = DatasetSource { title: "Test study", study_root: None, rules_version: "1", settings_hash: "0123" };
    write_dataset_files(&output, &source).unwrap();
    for (participant, session) in [("sub-01", Some("ses-1")), ("sub-02", None)] {
        let staging = output.stage(participant, session).unwrap();
        let stem = OutputStem::of_session(participant, session);
        let place = |folder: &str| staging.folder().join(folder);
        for (suffix, desc, units) in PERFUSION_MAPS {
            add(&place("perf"), &stem.name(suffix, *desc, ".nii.gz"), units, None);
        }
        add(&place("perf"), &stem.name("mask", Some("brain"), ".nii.gz"), "", Some("Brain"));
        add(&place("perf"), &stem.name("dseg", Some("lesions"), ".nii.gz"), "", None);
        let reference = stem.clone().with("label", "reference");
        add(&place("perf"), &reference.name("mask", None, ".nii.gz"), "", Some("ROI"));
        add(&place("anat"), &reference.name("mask", None, ".nii.gz"), "", Some("ROI"));
        add(&place("anat"), &stem.name("dseg", Some("lesions"), ".nii.gz"), "", None);
        let labels = stem.name("dseg", Some("lesions"), ".tsv");
        write_file(&place("anat").join(labels), b"index\tname\n1\tlesion 1\n").unwrap();
        let traced = stem.clone().with("trc", "MET");
        for desc in ["suvbw", "tbr"] {
            add(&place("pet"), &traced.name("pet", Some(desc), ".nii.gz"), "1", None);
        }
        add(&place("pet"), &traced.name("dseg", Some("btv"), ".nii.gz"), "", None);
        let background = traced.with("label", "background");
        add(&place("pet"), &background.name("mask", None, ".nii.gz"), "", Some("ROI"));
        let transform = stem.clone().with("from", "T1w").with("to", "dsc").with("mode", "image");
        write_file(&place("perf").join(transform.name("xfm", None, ".txt")), b"1").unwrap();
        let record = LesionRecord {
            participant_id: Some(participant.into()),
            session_id: session.map(str::to_owned),
            lesion: Some("1".into()),
            ..Default::default()
        };
        let table = lesions_tsv(&[LesionRow { record, verdict: vec![] }], &[]);
        write_file(&place("").join(stem.name("lesions", None, ".tsv")), table.as_bytes()).unwrap();
        write_file(&place("").join(stem.name("lesions", None, ".json")), b"{}\n").unwrap();
        let completion = Completion {
            measured_id: RunId::new(&[], "", "", "").clone(),
            run_id: RunId::new(&[], "", "", ""),
            version: "1".into(),
            rules_version: "1".into(),
            settings_hash: "0123".into(),
            inputs: vec![],
            outputs: vec![],
        };
        let label = session.map_or(participant.to_owned(), |session| format!("{participant}_{session}"));
        completion.write(staging.folder(), &label).unwrap();
        staging.commit().unwrap();
        write_file(&root.join(participant).join("figures/bolus.svg"), b"<svg/>").unwrap();
        for page in ["html", "pdf"] {
            write_file(&root.join(format!("{participant}.{page}")), b"page").unwrap();
        }
    }
    let merged = merge_sessions(root, &[]).unwrap();
    write_file(&root.join(LESIONS_TSV), merged.text.as_bytes()).unwrap();
    write_file(
        &root.join("lesions.json"),
        json_text(&lesions_dictionary(&[], crate::pet::SuvKind::BodyWeight)).as_bytes(),
    )
    .unwrap();
    write_file(&root.join("index.html"), b"page").unwrap();
}

#[test]
fn an_output_with_every_name_passes_the_bids_validator() {
    let folder = tempfile::tempdir().unwrap();
    let (output, log) = (folder.path().join("out"), ["relight".to_owned()]);
    write_output(&output);
    Log::begin(&output, &log, 1).unwrap();
    let validator = std::env::var("BIDS_VALIDATOR").unwrap_or_else(|_| "bids-validator-deno".into());
    match Command::new(&validator).arg(&output).output() {
        Ok(result) => {
            let text = String::from_utf8_lossy(&result.stdout);
            assert!(result.status.success(), "{:?}\n{text}", result.status);
        }
        Err(_) => eprintln!("skipped: no {validator}"),
    }
}

#[test]
fn the_same_output_twice_is_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| {
        let root = folder.path().join(name);
        write_output(&root);
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.strip_prefix(&root).unwrap().display().to_string(), fs::read(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    };
    let (one, other) = (read("one"), read("other"));
    assert!(one.len() > 100 && one == other);
}

#[test]
fn a_finished_output_is_current_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    write_output(folder.path());
    for (session, stem) in [("sub-01/ses-1", "sub-01_ses-1"), ("sub-02", "sub-02")] {
        let place = folder.path().join(session);
        let record = Completion::read(&place, stem).unwrap().unwrap();
        assert_eq!(record.differences(&place, stem).unwrap(), []);
        assert!(Completion::is_current(&place, stem, &RunId::new(&[], "", "", "")));
    }
}
