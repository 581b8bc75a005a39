//! A head that moves during a perfusion series, and one that does not; one image to another.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use relight::image::{
    Affine, Compression, Mask, NiftiImage, StoredAs, Volume, resample_volume, write_series, write_volume,
};
use relight::units::Seconds;

use super::study::{Answer, fixture, relight};

/// A turn of 4 degrees about the upward axis and a shift of 5 and 3 mm.
fn moved() -> Affine {
    let (sin, cos) = 4.0_f64.to_radians().sin_cos();
    Affine([[cos, -sin, 0.0, 5.0], [sin, cos, 0.0, 3.0], [0.0, 0.0, 1.0, 0.0]])
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn dsc(series: &Path, out: &Path, motion: &str) -> Answer {
    let lesion = fixture("derivatives/manual/sub-01/ses-01/anat/sub-01_ses-01_label-lesion_mask.nii.gz");
    let mut command = relight();
    command.args(["dsc", &text(series), "-o", &text(out), "--te", "0.03", "--tr", "1.5", "--json"]);
    command.args(["--motion", motion, "--lesions", &text(&lesion)]);
    Answer::of(&mut command).expect(0)
}

/// A map that a command wrote.
fn values(out: &Path, name: &str) -> Vec<f32> {
    let file = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).find(|path| text(path).ends_with(name));
    NiftiImage::open(&file.unwrap()).unwrap().read_volume().unwrap().data
}

/// The series of the committed study, the head one voxel (4.5 mm) to the right from a frame on: no interpolation made it.
fn with_motion(folder: &Path, from: usize) -> PathBuf {
    let image = NiftiImage::open(&fixture("sub-01/ses-01/perf/sub-01_ses-01_dsc.nii.gz")).unwrap();
    let (grid, frames) = (*image.grid(), image.frames());
    let series = image.read_series(&Mask::filled(grid, true)).unwrap();
    let path = folder.join("moved_dsc.nii.gz");
    let width = grid.shape()[0];
    let write = |frame: usize, values: &mut [f32]| {
        let shown = series.frame(frame);
        if frame < from {
            values.copy_from_slice(&shown);
            return;
        }
        for (row, shown) in values.chunks_exact_mut(width).zip(shown.chunks_exact(width)) {
            row[0] = 0.0;
            row[1..].copy_from_slice(&shown[..width - 1]);
        }
    };
    let file = File::create(&path).unwrap();
    write_series(file, &grid, frames, Some(Seconds(1.5)), StoredAs::Float32, Compression::MAPS, write).unwrap();
    path
}

#[test]
fn rcbv_of_a_moved_head_comes_back_with_alignment_and_not_without() {
    let place = tempfile::tempdir().unwrap();
    let still = fixture("sub-01/ses-01/perf/sub-01_ses-01_dsc.nii.gz");
    let moved = with_motion(place.path(), 40);
    let out = |name: &str| place.path().join(name);
    let rcbv = |answer: &serde_json::Value| answer["lesions"][0]["rcbv_mean"].as_f64().unwrap();
    let truth = rcbv(&dsc(&still, &out("still"), "none").json());
    let wrong = rcbv(&dsc(&moved, &out("none"), "none").json());
    let answer = dsc(&moved, &out("auto"), "auto").json();
    let aligned = rcbv(&answer);
    assert!((wrong / truth - 1.0).abs() > 0.05, "{wrong} {truth}");
    assert!((aligned / truth - 1.0).abs() < 0.02, "{aligned} {truth}");
    let motion = &answer["motion"];
    assert_eq!((motion["registered"].as_bool(), motion["corrected"].as_bool()), (Some(true), Some(true)));
    let last = motion["displacement_mm"].as_array().unwrap().last().unwrap().as_f64().unwrap();
    assert!((last - 4.5).abs() < 0.5, "{last}");
    assert_eq!(motion["spikes"], serde_json::json!([40]));
    let codes: Vec<&str> =
        answer["caveats"].as_array().unwrap().iter().filter_map(|caveat| caveat["code"].as_str()).collect();
    assert!(codes.contains(&"MOTION_CORRECTED") && codes.contains(&"MOTION_SPIKES"), "{codes:?}");
}

#[test]
fn a_still_head_gives_the_same_bytes_with_the_detector_and_without() {
    let place = tempfile::tempdir().unwrap();
    for name in ["sub-01/ses-01/perf/sub-01_ses-01_dsc.nii.gz"] {
        let (auto, none) = (place.path().join("auto"), place.path().join("none"));
        let answer = dsc(&fixture(name), &auto, "auto").json();
        assert_eq!(answer["motion"]["corrected"], false);
        assert!(dsc(&fixture(name), &none, "none").json().get("motion").is_none());
        for map in ["desc-bsw_rcbv.nii.gz", "desc-uncorrected_rcbv.nii.gz", "k2.nii.gz", "psr.nii.gz"] {
            let bits = |out: &Path| values(out, map).into_iter().map(f32::to_bits).collect::<Vec<u32>>();
            assert_eq!(bits(&auto), bits(&none), "{map}");
        }
    }
}

#[test]
fn an_image_is_registered_and_brought_back() {
    let place = tempfile::tempdir().unwrap();
    let t1 = fixture("sub-01/ses-01/anat/sub-01_ses-01_ce-gadolinium_T1w.nii.gz");
    let fixed = NiftiImage::open(&t1).unwrap().read_volume().unwrap();
    // fixed points are looked up 5 mm to the right and so on: the head of the moving image stands there
    let turned = resample_volume(&fixed, &fixed.grid, moved().inverse().as_ref()).unwrap();
    let moving = Volume { data: turned.data.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect(), ..turned };
    let name = |name: &str| text(&place.path().join(name));
    write_volume(File::create(name("moving.nii.gz")).unwrap(), &moving, Compression::MAPS).unwrap();
    let xfm = name("from-moved_to-T1w_mode-image_xfm.txt");
    let mut register = relight();
    register.args(["register", &name("moving.nii.gz"), &text(&t1), "-o", &xfm, "--json"]);
    let told = Answer::of(&mut register).expect(0).json();
    let turn = told["rotation_deg"][2].as_f64().unwrap();
    assert!((turn + 4.0).abs() < 0.2, "{told}");
    let mut resample = relight();
    resample.args(["resample", &name("moving.nii.gz"), &text(&t1), "--transform", &xfm, "-o", &name("back.nii.gz")]);
    assert_eq!(Answer::of(resample.arg("--json")).expect(0).json()["interpolation"], "linear");
    let back = NiftiImage::open(name("back.nii.gz").as_ref()).unwrap();
    assert!(back.grid().same_space(&fixed.grid).is_ok());
    assert!(fs::read_to_string(&xfm).unwrap().starts_with("# relight rigid transform"));
}
