//! PET statistics of three lesions in a whole-head image of 256 x 256 x 120 voxels of 1 mm; asserts what it times.

use criterion::{Criterion, criterion_group, criterion_main};
use relight::acquisition::{PetAcquisition, PetUnits};
use relight::clinical::Tracer;
use relight::image::{Affine, Grid, Mask, Volume};
use relight::pet::{Background, BackgroundSource, FrameReduction, Settings, quantify};
use relight::settings::default_section;

const CENTERS: [[f64; 3]; 3] = [[90.0, 120.0, 60.0], [150.0, 90.0, 40.0], [160.0, 170.0, 80.0]];

/// Background of 1, three balls of radius 12 mm (7 mL) at 3 with one voxel at 6 in the middle of each.
fn scene() -> (Volume, Mask, Vec<Mask>) {
    let grid = Grid::from_stored([256, 256, 120], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
    let distance = |index: usize, center: [f64; 3]| {
        let voxel = grid.voxel(index);
        (0..3).map(|axis| (voxel[axis] as f64 - center[axis]).powi(2)).sum::<f64>().sqrt()
    };
    let mut image = Volume::filled(grid, 1.0);
    let mut lesions = Vec::new();
    for center in CENTERS {
        let data: Vec<bool> = (0..grid.len()).map(|index| distance(index, center) <= 12.0).collect();
        for index in 0..grid.len() {
            if data[index] {
                image.data[index] = if distance(index, center) == 0.0 { 6.0 } else { 3.0 };
            }
        }
        lesions.push(Mask { grid, data });
    }
    let background = (0..grid.len()).map(|index| distance(index, [60.0, 60.0, 20.0]) <= 15.0).collect();
    (image, Mask { grid, data: background }, lesions)
}

fn benchmark(criterion: &mut Criterion) {
    let (image, mask, lesions) = scene();
    let settings: Settings = default_section("pet");
    let mut acquisition = PetAcquisition::unknown();
    acquisition.units = Some(PetUnits::SuvBodyWeight);
    acquisition.tracer = Some(Tracer::Met);
    let background = Background::Mask { mask, source: BackgroundSource::Mask, side: None };
    let mut group = criterion.benchmark_group("pet");
    group.sample_size(20);
    group.bench_function("three lesions in 256x256x120", |bencher| {
        bencher.iter(|| {
            let result = quantify(&image, &acquisition, Some(&background), &lesions, &settings).unwrap();
            for lesion in &result.lesions {
                let tbr = lesion.tbr.unwrap();
                assert_eq!((tbr.max, tbr.median), (6.0, 3.0));
                // One voxel of 1 µL at 6 in a sphere of 1 mL at 3.
                assert!((tbr.peak - 3.003).abs() < 1e-5);
                assert_eq!(lesion.volumes[0].volume, lesion.volume);
            }
            result
        });
    });
    let regions: Vec<&Mask> = lesions.iter().collect();
    let reduction = FrameReduction::new(image.grid, 1, &acquisition, &regions, &settings).unwrap();
    group.bench_function("one frame of 256x256x120 into the static window", |bencher| {
        bencher.iter_batched_ref(
            || reduction.clone(),
            |reduction| reduction.add(0, &image),
            criterion::BatchSize::PerIteration,
        );
    });
    let mut checked = reduction;
    checked.add(0, &image);
    assert_eq!(checked.finish().volume.data, image.data);
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
