//! From a masked bolus series in memory to its maps: 140,000 voxels over 90 frames of `int16`, the size of a brain.
//!
//! Each bench asserts what it times: rCBV of the noise-free tumor classes against the published table.

use criterion::{Criterion, criterion_group, criterion_main};
use relight::acquisition::DscAcquisition;
use relight::align::look_for_motion;
use relight::dsc::{DscSignal, LeakageModel, Settings, aif_from_curve, find_passage, perfusion, quantify};
use relight::image::{Affine, Grid, Mask, Samples, Series};
use relight::phantom::dsc_curve::{DscProtocol, DscTissueClass, artery_signal, signal};
use relight::settings::default_section;
use relight::units::Seconds;

const SHAPE: [usize; 3] = [100, 100, 14];
const VOXELS: usize = 140_000;

/// Every tenth voxel is tumor, alternating between the two kinds of leakage; the rest is white matter.
fn class(voxel: usize) -> DscTissueClass {
    match voxel % 20 {
        0 => DscTissueClass::T1LeakTumor,
        10 => DscTissueClass::T2StarLeakTumor,
        _ => DscTissueClass::WhiteMatter,
    }
}

fn series() -> Series {
    let protocol = DscProtocol::REFERENCE;
    let grid = Grid::from_stored(SHAPE, Affine::diagonal([2.0; 3], [0.0; 3])).expect("the grid is sound");
    let white = signal(DscTissueClass::WhiteMatter, &protocol);
    let tumors = [signal(DscTissueClass::T1LeakTumor, &protocol), signal(DscTissueClass::T2StarLeakTumor, &protocol)];
    let mut data = Vec::with_capacity(VOXELS * protocol.frames);
    for frame in 0..protocol.frames {
        for voxel in 0..VOXELS {
            let curve = match class(voxel) {
                DscTissueClass::T1LeakTumor => &tumors[0],
                DscTissueClass::T2StarLeakTumor => &tumors[1],
                _ => &white,
            };
            // 32767 at the brightest keeps the rounding to integers below 1e-4 of the signal
            data.push((curve[frame] * 50.0).round() as i16);
        }
    }
    Series {
        mask: Mask::filled(grid, true),
        frames: protocol.frames,
        voxels: VOXELS,
        samples: Samples::Int16 { data, slope: 0.02, intercept: 0.0 },
    }
}

fn benches(criterion: &mut Criterion) {
    let series = series();
    let acquisition = DscAcquisition::new(Some(Seconds(0.03)), Some(Seconds(1.5))).expect("the protocol is sound");
    let data = (0..VOXELS).map(|voxel| class(voxel) == DscTissueClass::WhiteMatter).collect();
    let white = Mask { grid: series.mask.grid, data };
    let mut group = criterion.benchmark_group("dsc");
    group.sample_size(20);
    for leakage in [LeakageModel::None, LeakageModel::Bsw, LeakageModel::Bidirectional] {
        let settings = Settings { leakage, ..default_section("dsc") };
        group.bench_function(format!("maps, leakage {leakage}"), |bencher| {
            bencher.iter(|| {
                let signal = DscSignal::new(&acquisition, &series, None).expect("one echo");
                let mut result = quantify(&signal, Some(&white), &settings).expect("a bolus");
                result.normalize(&white).expect("white matter");
                let rcbv = &result.normalized.as_ref().expect("normalized").rcbv;
                let expected = match leakage {
                    LeakageModel::None => (0.273, 6.402),
                    LeakageModel::Bsw => (2.181, 2.831),
                    LeakageModel::Bidirectional | LeakageModel::Gamma => (f32::NAN, f32::NAN),
                };
                assert!(rcbv.iter().all(|value| value.is_finite()));
                if leakage != LeakageModel::Bidirectional {
                    assert!(
                        (rcbv[0] - expected.0).abs() < 0.02 && (rcbv[10] - expected.1).abs() < 0.02,
                        "{} {}",
                        rcbv[0],
                        rcbv[10]
                    );
                }
            });
        });
    }
    let settings: Settings = default_section("dsc");
    let signal = DscSignal::new(&acquisition, &series, None).expect("one echo");
    let result = quantify(&signal, Some(&white), &settings).expect("a bolus");
    let artery = artery_signal(&DscProtocol::REFERENCE);
    let curve: Vec<f64> = artery.iter().map(|s| -(s / artery[0]).ln() / 0.03).collect();
    let aif = aif_from_curve(&result, &result.time(), &curve).expect("an artery");
    group.bench_function("flow and transit times, osvd", |bencher| {
        bencher.iter(|| {
            let maps = perfusion(&signal, &result, &aif).expect("a residue function");
            // The tumor has the flow of gray matter: 60 over 22, less what truncation takes.
            let ratio = maps.cbf[10] / maps.cbf[1];
            assert!(ratio > 2.2 && ratio < 3.2, "{ratio}");
        });
    });
    let align: relight::align::Settings = default_section("align");
    let timing = find_passage(&signal, &settings).expect("a bolus").timing;
    group.bench_function("motion detector", |bencher| {
        bencher.iter(|| {
            let seen = look_for_motion(&series, timing.baseline(), &align).expect("edges");
            assert!(!seen.asks_for_registration(&align), "a head at rest: {:?}", seen.displacement_mm);
        });
    });
    group.finish();
    backflow_against_bsw(&series, &acquisition, &white);
}

/// The methods alone, where every curve leaks, medians of runs in turn: told without a claim. That of whole commands is
/// held in `whole_commands`.
fn backflow_against_bsw(series: &Series, acquisition: &DscAcquisition, white: &Mask) {
    const RUNS: usize = 15;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (times, leakage) in times.iter_mut().zip([LeakageModel::Bsw, LeakageModel::Bidirectional]) {
            let settings = Settings { leakage, ..default_section("dsc") };
            let begun = std::time::Instant::now();
            let signal = DscSignal::new(acquisition, series, None).expect("one echo");
            let result = quantify(&signal, Some(white), &settings).expect("a bolus");
            times.push(begun.elapsed().as_secs_f64());
            assert!(result.rcbv().iter().all(|value| value.is_finite()));
        }
    }
    let [bsw, bidirectional] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    });
    println!("bidirectional {bidirectional:.3} s, bsw {bsw:.3} s, ratio {:.2}", bidirectional / bsw);
}

criterion_group!(dsc, benches);
criterion_main!(dsc);
