//! PET against reference data that stays outside the repository: real patients, the IBSI digital phantom, real
//! time-activity curves. Needs the environment variable `RELIGHT_REFERENCE_DATA`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relight::acquisition::{PetAcquisition, PetUnits};
use relight::clinical::{Sex, Tracer};
use relight::image::{Affine, Grid, Mask, NiftiImage, Volume};
use relight::pet::{LesionUptake, PeakMode, Settings, SuvKind, SuvScale, TimeActivity, quantify};
use relight::settings::default_section;
use relight::units::{Becquerels, Kilograms, Meters, Seconds};

fn reference_data() -> Option<PathBuf> {
    let folder = std::env::var_os("RELIGHT_REFERENCE_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped: no reference data");
    }
    folder
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found / expected - 1.0).abs() <= tolerance, "{what}: found {found}, expected {expected}");
}

/// Rows of a CSV file by column name.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
}

fn volume(path: PathBuf) -> Volume {
    NiftiImage::open(&path).unwrap().read_volume().unwrap()
}

fn mask(path: PathBuf) -> Mask {
    NiftiImage::open(&path).unwrap().read_mask().unwrap()
}

fn lesion_in_suv(image: &Volume, mask: Mask) -> LesionUptake {
    let mut acquisition = PetAcquisition::unknown();
    acquisition.units = Some(PetUnits::SuvBodyWeight);
    acquisition.tracer = Some(Tracer::Fdg);
    let mut result = quantify(image, &acquisition, None, &[mask], &default_section("pet")).unwrap();
    result.lesions.remove(0)
}

#[test]
fn five_real_patients_agree_in_each_statistic_peak_and_volume() {
    let Some(data) = reference_data() else { return };
    let rows = table(&data.join("pet/reference.csv"));
    assert_eq!(rows.len(), 5);
    for row in &rows {
        let id = row["id"].as_str();
        let (image, mask) = if id == "STS_001" {
            let study = data.join("sarcoma_study/derivatives/manual/sub-STS001/ses-01/pet");
            let name = "sub-STS001_ses-01_trc-18FFDG_label-L_mask.nii.gz";
            (volume(data.join("pet/sts001_bqml/expected_suvbw.nii.gz")), mask(study.join(name)))
        } else {
            let patient = data.join("pet").join(id);
            (volume(patient.join("PET_image.nii.gz")), mask(patient.join("PET_mask.nii.gz")))
        };
        let lesion = lesion_in_suv(&image, mask);
        let suv = lesion.suv.unwrap();
        let peak = |mode| lesion.peaks.of(mode).unwrap().value;
        assert_eq!(lesion.voxels.to_string(), row["n"], "{id}");
        for (column, found) in [
            ("vol_mm3", lesion.volume.cubic_millimeters()),
            ("suvmax", suv.max),
            ("suvmean", suv.mean),
            ("suvsd", suv.sd),
            ("suvmedian", suv.median),
            ("suvmin", suv.min),
            ("tlg_ml", suv.total),
            ("peak_exact_global", peak(PeakMode::Exact)),
            ("peak_ibsi_global", peak(PeakMode::IbsiGlobal)),
            ("peak_ibsi_local", peak(PeakMode::IbsiLocal)),
            ("mtv41_ml", lesion.volumes[0].volume.0),
            ("mtv50_ml", lesion.volumes[1].volume.0),
            ("mtv25_ml", lesion.volumes[2].volume.0),
        ] {
            assert_close(found, row[column].parse().unwrap(), 1e-6, &format!("{id} {column}"));
        }
        let mtv40: f64 = row["mtv40_ml"].parse().unwrap();
        assert!((lesion.volumes[3].volume.0 - mtv40).abs() <= 1e-6 * mtv40, "{id} mtv40_ml");
    }
}

#[test]
fn sts_001_from_becquerels_agrees_with_the_suv_image_in_every_voxel() {
    let Some(data) = reference_data() else { return };
    let pet = data.join("sarcoma_study/sub-STS001/ses-01/pet/sub-STS001_ses-01_trc-18FFDG_pet.nii.gz");
    let (image, expected) = (volume(pet), volume(data.join("pet/sts001_bqml/expected_suvbw.nii.gz")));
    let mut acquisition = PetAcquisition::unknown();
    acquisition.units = Some(PetUnits::BecquerelsPerMilliliter);
    acquisition.injected = Some(Becquerels::from_megabecquerels(388.777_472));
    acquisition.half_life = Some(Seconds(6588.0));
    acquisition.injection_start = Some(Seconds(0.0));
    acquisition.decay_corrected = Some(true);
    acquisition.decay_correction_time = Some(Seconds(2711.0));
    acquisition.body.weight = Some(Kilograms(71.0));
    acquisition.body.height = Some(Meters(1.63));
    acquisition.body.sex = Some(Sex::Male);
    let settings: Settings = default_section("pet");
    let suv = SuvScale::new(&acquisition, SuvKind::BodyWeight, &settings).unwrap();
    assert_eq!(image.data.len(), expected.data.len());
    for (found, expected) in image.data.iter().zip(&expected.data) {
        assert!((f64::from(*found) * suv.factor - f64::from(*expected)).abs() < 1e-3);
    }
    let study = data.join("sarcoma_study/derivatives/manual/sub-STS001/ses-01/pet");
    let lesion = [mask(study.join("sub-STS001_ses-01_trc-18FFDG_label-L_mask.nii.gz"))];
    for (kind, max, mean) in [
        (SuvKind::BodyWeight, 7.910_674_6, 2.555_184_6),
        (SuvKind::James, 5.995_873_9, 1.936_695),
        (SuvKind::LeanBodyMass, 5.889_103_9, 1.902_208_1),
        (SuvKind::IdealBodyWeight, 6.647_194_9, 2.147_074_7),
        (SuvKind::BodySurfaceArea, 1.967_624_9, 0.635_552),
    ] {
        let settings = Settings { suv: kind, ..settings.clone() };
        let result = quantify(&image, &acquisition, None, &lesion, &settings).unwrap();
        let suv = result.lesions[0].suv.unwrap();
        assert_close(suv.max, max, 1e-6, kind.as_str());
        assert_close(suv.mean, mean, 1e-6, kind.as_str());
    }
}

/// A number as the IBSI compares it: rounded to three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap()
}

#[test]
fn the_ibsi_digital_phantom_gives_the_consensus_values() {
    let Some(data) = reference_data() else { return };
    let text = std::fs::read_to_string(data.join("pet/ibsi_digital_phantom.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let phantom = &json["digital_phantom"];
    // Indices as stored; both x and y run against the canonical axes, so the grid turns them around.
    let affine = Affine([[-2.0, 0.0, 0.0, 0.0], [0.0, -2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
    let grid = Grid::from_stored([5, 4, 4], affine).unwrap();
    let at = |array: &str, [x, y, z]: [usize; 3]| phantom[array][4 - x][3 - y][z].as_f64().unwrap();
    let voxels = || (0..grid.len()).map(|index| grid.voxel(index));
    let image = Volume { grid, data: voxels().map(|voxel| at("image", voxel) as f32).collect() };
    let mask = Mask { grid, data: voxels().map(|voxel| at("mask", voxel) != 0.0).collect() };
    let lesion = lesion_in_suv(&image, mask);
    let suv = lesion.suv.unwrap();
    let exact = &phantom["exact_recomputed"];
    let reference = &phantom["reference"];
    for (found, name) in [
        (suv.mean, "stat_mean"),
        (suv.sd.powi(2), "stat_var"),
        (suv.median, "stat_median"),
        (suv.min, "stat_min"),
        (suv.max, "stat_max"),
        (suv.p10, "stat_p10"),
        (suv.p90, "stat_p90"),
        (suv.p75 - suv.p25, "stat_iqr"),
        (lesion.volume.cubic_millimeters(), "morph_vol_approx"),
        (lesion.peaks.of(PeakMode::IbsiLocal).unwrap().value, "loc_peak_loc"),
        (lesion.peaks.of(PeakMode::IbsiGlobal).unwrap().value, "loc_peak_glob"),
    ] {
        assert_eq!(three_digits(found), reference[name]["value"].as_f64().unwrap(), "{name}");
    }
    for (found, name) in [
        (suv.mean, "mean"),
        (suv.sd.powi(2), "var"),
        (lesion.peaks.of(PeakMode::IbsiLocal).unwrap().value, "peak_local"),
        (lesion.peaks.of(PeakMode::IbsiGlobal).unwrap().value, "peak_global"),
    ] {
        assert_close(found, exact[name].as_f64().unwrap(), 1e-12, name);
    }
}

#[test]
fn sixty_real_curves_agree_in_time_to_peak_and_slope() {
    let Some(data) = reference_data() else { return };
    let curves = table(&data.join("pet/kinfitr_pbr28_tacs.csv"));
    let reference = table(&data.join("pet/kinfitr_tac_reference.csv"));
    assert_eq!(reference.len(), 60);
    for row in &reference {
        let (scan, region) = (row["PET"].as_str(), row["roi"].as_str());
        let number = |point: &BTreeMap<String, String>, column: &str| point[column].parse::<f64>().unwrap();
        let points = || curves.iter().filter(|point| point["PET"] == scan);
        let curve = TimeActivity {
            minutes: points().map(|point| number(point, "Times") / 60.0).collect(),
            values: points().map(|point| number(point, region)).collect(),
        };
        let what = |column: &str| format!("{scan} {region} {column}");
        // The reference prints times to ten digits.
        assert_close(curve.time_to_peak_min().unwrap(), number(row, "ttp_min"), 1e-9, &what("ttp_min"));
        for (window, end) in [("20_40", 40.0), ("20_50", 50.0)] {
            let slope = curve.slope_per_h(20.0, end, 3).unwrap();
            assert_close(slope, number(row, &format!("slope{window}_per_h")), 1e-6, &what(window));
        }
    }
}
