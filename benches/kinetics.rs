//! Tracer kinetics and arterial spin labeling, voxel by voxel: 20,000 voxels on all threads.
//!
//! Each bench asserts what it times: the parameters that made the noise-free curves.

use criterion::{Criterion, criterion_group, criterion_main};
use relight::acquisition::Labeling;
use relight::asl::{ArrivalRange, Constants, Delay, SeveralDelays, SeveralDelaysModel};
use relight::dce::{FitScratch, Kinetics, Model, PlasmaCurve, Population, Quantity, Settings};
use relight::image::{Affine, Grid, Mask, Samples, Series, for_each_block};
use relight::settings::default_section;

const SHAPE: [usize; 3] = [100, 100, 2];
const VOXELS: usize = 20_000;

fn series(frames: usize, value: impl Fn(usize) -> Vec<f64>) -> Series {
    let grid = Grid::from_stored(SHAPE, Affine::diagonal([2.0; 3], [0.0; 3])).expect("the grid is sound");
    let mut data = vec![0.0; frames * VOXELS];
    for voxel in 0..VOXELS {
        for (frame, value) in value(voxel).into_iter().enumerate() {
            data[frame * VOXELS + voxel] = value as f32;
        }
    }
    Series { mask: Mask::filled(grid, true), frames, voxels: VOXELS, samples: Samples::Float32(data) }
}

/// Ktrans from 0.05 to 0.25 /min.
fn ktrans(voxel: usize) -> f64 {
    0.05 + 0.2 * (voxel % 97) as f64 / 96.0
}

fn extended_tofts(criterion: &mut Criterion) {
    let settings = default_section::<Settings>("dce").fit;
    let times: Vec<f64> = (0..60).map(|frame| 5.0 * f64::from(frame)).collect();
    let plasma = PlasmaCurve::of_population(Population::Parker, &times, 20.0, 0.42).expect("Parker");
    let kinetics = Kinetics::new(Model::ExtendedTofts, &plasma, &times, false, &settings).expect("frame times");
    let series = series(60, |voxel| kinetics.curve(&[f64::NAN, ktrans(voxel), 0.2, 0.03, f64::NAN]));
    criterion.bench_function("extended Tofts, 20,000 voxels x 60 frames", |bencher| {
        bencher.iter(|| {
            let maps = for_each_block(
                &series,
                1,
                || (FitScratch::default(), vec![0.0; 60], vec![0.0f32; 60]),
                |block, (scratch, tissue, curve), outputs| {
                    for lane in 0..block.width {
                        block.curve(lane, curve);
                        for (value, &sample) in tissue.iter_mut().zip(curve.iter()) {
                            *value = f64::from(sample);
                        }
                        outputs[0][lane] = kinetics.fit(tissue, scratch).value(Quantity::Exchange) as f32;
                    }
                },
            );
            for (voxel, &found) in maps[0].iter().enumerate() {
                assert!((f64::from(found) / ktrans(voxel) - 1.0).abs() < 1e-3, "{voxel}: {found}");
            }
        });
    });
}

fn several_delays(criterion: &mut Criterion) {
    let constants = Constants {
        labeling: Labeling::Pcasl,
        blood_t1: 1.65,
        tissue_t1: 1.33,
        partition_coefficient: 0.9,
        efficiency: 0.85,
    };
    let delays: Vec<Delay> =
        (0..8).map(|i| Delay { signal_time: 1.8 + 0.25 + 0.35 * f64::from(i), bolus: 1.8 }).collect();
    let range = ArrivalRange { low: 0.1, high: 3.0, step: 0.01 };
    let model = SeveralDelaysModel::General;
    let fit = SeveralDelays::new(model, constants, &delays, &[1.0; 8], range, false).expect("eight delays");
    let cbf = |voxel: usize| 20.0 + (voxel % 97) as f64;
    let series =
        series(8, |voxel| delays.iter().map(|&delay| constants.difference(model, cbf(voxel), 1.1, delay)).collect());
    criterion.bench_function("several delays, 20,000 voxels x 8 delays", |bencher| {
        bencher.iter(|| {
            let maps = for_each_block(
                &series,
                2,
                || (vec![0.0; 8], vec![0.0f32; 8]),
                |block, (differences, curve), outputs| {
                    for lane in 0..block.width {
                        block.curve(lane, curve);
                        for (value, &sample) in differences.iter_mut().zip(curve.iter()) {
                            *value = f64::from(sample);
                        }
                        let Some(found) = fit.fit(differences) else { continue };
                        outputs[0][lane] = found.cbf as f32;
                        outputs[1][lane] = found.arrival as f32;
                    }
                },
            );
            for voxel in 0..VOXELS {
                assert!((f64::from(maps[0][voxel]) / cbf(voxel) - 1.0).abs() < 1e-3, "{voxel}: {}", maps[0][voxel]);
                assert!((maps[1][voxel] - 1.1).abs() < 1e-3, "{voxel}: {}", maps[1][voxel]);
            }
        });
    });
}

criterion_group!(kinetics, extended_tofts, several_delays);
criterion_main!(kinetics);
