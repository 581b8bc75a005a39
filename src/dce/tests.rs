//! The whole way from a signal with known tissue to its maps.

use super::*;
use crate::image::{Affine, Grid, Mask, Samples as Stored, Series};
use crate::settings::default_section;
use crate::units::{Degrees, Seconds, Tesla};

const VOXELS: usize = 120;
/// Voxels that hold blood.
const ARTERY: std::ops::Range<usize> = 0..20;
const HEMATOCRIT: f64 = 0.42;
const BLOOD_T1: f64 = 1.65;
const TISSUE_T1: f64 = 1.2;

fn settings() -> Settings {
    default_section("dce")
}

fn times() -> Vec<f64> {
    (0..120).map(|i| 3.0 * f64::from(i)).collect()
}

fn echo() -> SpoiledGradientEcho {
    SpoiledGradientEcho::new(Degrees(20.0), Seconds(0.005)).unwrap()
}

fn plasma() -> PlasmaCurve {
    PlasmaCurve::of_population(Population::Parker, &times(), 30.0, HEMATOCRIT).unwrap()
}

/// Ktrans, ve and vp of a tissue voxel.
fn truth(voxel: usize) -> Parameters {
    let share = voxel as f64 / VOXELS as f64;
    [f64::NAN, 0.05 + 0.25 * share, 0.15 + 0.2 * share, 0.02 + 0.03 * share, f64::NAN]
}

fn grid() -> Grid {
    Grid::from_stored([VOXELS, 1, 1], Affine::diagonal([2.0; 3], [0.0; 3])).unwrap()
}

/// Signals of blood, then of extended Tofts tissue.
fn series() -> Series {
    let times = times();
    let kinetics = Kinetics::new(Model::ExtendedTofts, &plasma(), &times, false, &settings().fit).unwrap();
    let mut data = vec![0.0f32; times.len() * VOXELS];
    for voxel in 0..VOXELS {
        let (rate, concentration) = if ARTERY.contains(&voxel) {
            (1.0 / BLOOD_T1, plasma().plasma().iter().map(|value| value * (1.0 - HEMATOCRIT)).collect())
        } else {
            (1.0 / TISSUE_T1, kinetics.curve(&truth(voxel)))
        };
        for (frame, value) in concentration.iter().enumerate() {
            data[frame * VOXELS + voxel] = (1e4 * echo().signal(rate + 4.5 * value)) as f32;
        }
    }
    Series { mask: Mask::filled(grid(), true), frames: times.len(), voxels: VOXELS, samples: Stored::Float32(data) }
}

fn converted() -> Samples {
    Samples::Signal { echo: echo(), relaxivity: 4.5, rates: Rates::One(1.0 / TISSUE_T1) }
}

fn region(inside: impl Fn(usize) -> bool) -> Mask {
    Mask { grid: grid(), data: (0..VOXELS).map(inside).collect() }
}

#[test]
fn a_signal_gives_back_its_tissue_through_the_true_arterial_curve() {
    let (series, times) = (series(), times());
    let prepared = DceSeries::new(&series, &times, Some(Tesla(3.0)), converted(), &settings()).unwrap();
    let kinetics = kinetics(&prepared, Model::ExtendedTofts, &plasma(), false, &settings()).unwrap();
    let fits = voxel_fits(&prepared, &kinetics);
    for voxel in ARTERY.end..VOXELS {
        let expected = truth(voxel);
        for quantity in [Quantity::Exchange, Quantity::InterstitialVolume, Quantity::PlasmaVolume] {
            let found = f64::from(fits.values(quantity).unwrap()[voxel]);
            let expected = expected[quantity as usize];
            assert!((found / expected - 1.0).abs() < 5e-3, "voxel {voxel} {quantity:?}: {found} {expected}");
        }
    }
    let names: Vec<(&str, Option<&str>)> = fits.maps().iter().map(|map| (map.suffix, map.description)).collect();
    for suffix in ["ktrans", "ve", "vp"] {
        assert!(names.contains(&(suffix, None)) && names.contains(&(suffix, Some("error"))), "{names:?}");
    }
    assert!(!names.iter().any(|(suffix, _)| *suffix == "ps" || *suffix == "delay"), "{names:?}");
}

#[test]
fn the_artery_is_found_among_the_voxels_and_its_curve_is_the_true_one() {
    let (series, times) = (series(), times());
    let prepared = DceSeries::new(&series, &times, Some(Tesla(3.0)), converted(), &settings()).unwrap();
    let curves = voxel_curves(&prepared, &settings());
    let found = find_artery(&prepared, &curves, &settings()).unwrap();
    assert_eq!(found.voxels, ARTERY.collect::<Vec<_>>());
    for (found, expected) in found.plasma.plasma().iter().zip(plasma().plasma()) {
        assert!((found - expected).abs() < 2e-3 + 1e-3 * expected, "{found} {expected}");
    }
    let drawn = artery_of_mask(&prepared, &region(|voxel| ARTERY.contains(&voxel)), &settings()).unwrap();
    assert_eq!(drawn, found);
    let mut unknown = prepared.clone();
    unknown.field = None;
    let error = find_artery(&unknown, &curves, &settings()).unwrap_err().to_string();
    assert!(error.contains("MagneticFieldStrength is missing"), "{error}");
}

#[test]
fn tissue_alone_holds_no_artery() {
    let (whole, times) = (series(), times());
    let mask = region(|voxel| !ARTERY.contains(&voxel));
    let Stored::Float32(data) = &whole.samples else { unreachable!("written above") };
    let data = (0..times.len()).flat_map(|frame| data[frame * VOXELS + ARTERY.end..(frame + 1) * VOXELS].to_vec());
    let series = Series { voxels: mask.count(), mask, frames: times.len(), samples: Stored::Float32(data.collect()) };
    let prepared = DceSeries::new(&series, &times, Some(Tesla(3.0)), converted(), &settings()).unwrap();
    let error = find_artery(&prepared, &voxel_curves(&prepared, &settings()), &settings()).unwrap_err().to_string();
    assert!(error.contains("no artery was found"), "{error}");
}

#[test]
fn without_t1_there_are_curve_quantities_of_relative_enhancement_and_no_more() {
    let (series, times) = (series(), times());
    let samples = Samples::RelativeOnly("no T1".to_owned());
    let prepared = DceSeries::new(&series, &times, None, samples, &settings()).unwrap();
    let curves = voxel_curves(&prepared, &settings());
    let maps = curves.maps();
    let map = |suffix: &str| maps.iter().find(|map| map.suffix == suffix).unwrap();
    assert_eq!((map("iauc60").description, map("iauc60").unit), (Some("relative"), "s"));
    assert_eq!((map("bat").description, map("bat").unit), (None, "s"));
    let found = region_curve(&prepared, &region(|voxel| voxel >= 100), "the lesion", &settings()).unwrap();
    assert!(found.concentration.is_empty() && found.shown.is_some() && found.curve_type.is_some());
    assert!(region_fit(&prepared, &found, ModelChoice::Best, &plasma(), false, &settings()).is_none());
}

#[test]
fn the_mean_curve_of_a_lesion_picks_the_model_that_made_it() {
    let (series, times) = (series(), times());
    let prepared = DceSeries::new(&series, &times, Some(Tesla(3.0)), converted(), &settings()).unwrap();
    let lesion = region_curve(&prepared, &region(|voxel| voxel == 110), "the lesion", &settings()).unwrap();
    let found = region_fit(&prepared, &lesion, ModelChoice::Best, &plasma(), false, &settings()).unwrap();
    assert!(found.ranking.len() == 5 && found.ranking[0].1 <= found.ranking[1].1, "{:?}", found.ranking);
    assert!(matches!(found.model, Model::ExtendedTofts | Model::Exchange), "{:?}", found.ranking);
    let ktrans = found.fit.transfer_constant;
    assert!((ktrans / truth(110)[1] - 1.0).abs() < 0.02, "{ktrans}");
    assert!(residual(&lesion.concentration, &found.curve).iter().all(|value| value.abs() < 5e-3));
    let outside = region_curve(&prepared, &region(|_| false), "lesion 4", &settings()).unwrap_err().to_string();
    assert!(outside.contains("lesion 4"), "{outside}");
}

#[test]
fn tissue_without_contrast_has_an_area_near_zero_and_no_arrival() {
    let (mut series, times) = (series(), times());
    let Stored::Float32(data) = &mut series.samples else { unreachable!("written above") };
    for frame in 0..times.len() {
        data[frame * VOXELS + 50] = 100.0 + (7.3 * frame as f32).sin();
    }
    let prepared =
        DceSeries::new(&series, &times, None, Samples::RelativeOnly("no T1".to_owned()), &settings()).unwrap();
    let curves = voxel_curves(&prepared, &settings());
    assert!(curves.area_60()[50].abs() < 0.5 && curves.area_60()[60] > 5.0, "{}", curves.area_60()[50]);
    assert!(curves.maps[quantify::ARRIVAL][50].is_nan() && curves.curve_types()[50].is_nan());
}
