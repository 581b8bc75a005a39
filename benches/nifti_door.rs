//! How long images take through the door, each result checked. Compare with `gzip -dc` on the same file: set
//! `RELIGHT_BENCH_DIR` to keep the files.

use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use relight::image::{
    Affine, Compression, Grid, ImageError, Mask, NiftiImage, StoredAs, Volume, resample_volume, write_series,
    write_volume,
};
use relight::units::Seconds;

/// A perfusion series of usual size: 71 MB of int16, 29 % of the voxels in an ellipsoidal head.
const FRAMES: usize = 90;

fn perfusion_grid() -> Grid {
    Grid::from_stored([128, 128, 24], Affine::diagonal([1.8, 1.8, 5.0], [-115.0, -115.0, -60.0])).unwrap()
}

fn head(grid: Grid) -> Mask {
    let inside = |index| {
        let [x, y, z] = grid.position(grid.voxel(index));
        (x / 75.0).powi(2) + (y / 95.0).powi(2) + (z / 70.0).powi(2) < 1.0
    };
    Mask { grid, data: (0..grid.len()).map(inside).collect() }
}

/// The stored signal: about 600 with noise of 25 in the head, noise of 12 around it.
fn signal(voxel: usize, frame: usize, inside: bool) -> f32 {
    let mut hash = (voxel as u64 ^ (frame as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let uniform = (0..4).map(|i| (hash >> (16 * i) & 0xffff) as f32 / 65_536.0).sum::<f32>() - 2.0;
    let noise = uniform * 3.0_f32.sqrt();
    if inside { (600.0 + 25.0 * noise).round() } else { (20.0 + 12.0 * noise).abs().round() }
}

fn folder() -> (Option<tempfile::TempDir>, PathBuf) {
    match std::env::var_os("RELIGHT_BENCH_DIR") {
        Some(path) => (None, path.into()),
        None => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_path_buf();
            (Some(folder), path)
        }
    }
}

fn write_perfusion(path: &Path, mask: &Mask) {
    let stored_as = StoredAs::Int16 { slope: 1.0, intercept: 0.0 };
    let file = File::create(path).unwrap();
    let level = Compression::Gzip { level: 6 };
    write_series(file, &mask.grid, FRAMES, Some(Seconds(1.5)), stored_as, level, |frame, values| {
        for (voxel, value) in values.iter_mut().enumerate() {
            *value = signal(voxel, frame, mask.data[voxel]);
        }
    })
    .unwrap();
}

/// A PET-like volume: 31 MB of float32.
fn pet() -> Volume {
    let grid = Grid::from_stored([256, 256, 120], Affine::diagonal([1.2, 1.2, 2.0], [-150.0, -150.0, -120.0])).unwrap();
    let mask = head(grid);
    let value = |voxel| if mask.data[voxel] { signal(voxel, 0, true) * 3.1 } else { 0.0 };
    Volume { grid, data: (0..grid.len()).map(value).collect() }
}

fn door(criterion: &mut Criterion) {
    let (_folder, path) = folder();
    let mask = head(perfusion_grid());
    let perfusion = path.join("perfusion.nii.gz");
    write_perfusion(&perfusion, &mask);

    let mut group = criterion.benchmark_group("perfusion 128x128x24x90 int16");
    group.sample_size(10).throughput(Throughput::Bytes((mask.grid.len() * FRAMES * 2) as u64));
    let kept: Vec<usize> = mask.indices().collect();
    group.bench_function("read_series", |bencher| {
        bencher.iter(|| {
            let series = NiftiImage::open(&perfusion).unwrap().read_series(&mask).unwrap();
            assert_eq!(series.curve(1000)[89], signal(kept[1000], 89, true));
            black_box(series)
        });
    });
    group.bench_function("read_series_with 5 leading frames", |bencher| {
        bencher.iter(|| {
            let image = NiftiImage::open(&perfusion).unwrap();
            let choose = |frames: &[Volume]| {
                let bright = |voxel: usize| frames.iter().map(|frame| frame.data[voxel]).sum::<f32>() > 1500.0;
                Ok::<_, ImageError>(Mask { grid: mask.grid, data: (0..mask.data.len()).map(bright).collect() })
            };
            let series = image.read_series_with(5, choose).unwrap();
            assert_eq!(series.voxels, kept.len());
            black_box(series)
        });
    });
    group.finish();

    let volume = pet();
    let pet_path = path.join("pet.nii.gz");
    write_volume(File::create(&pet_path).unwrap(), &volume, Compression::MAPS).unwrap();
    let mut group = criterion.benchmark_group("PET 256x256x120 float32");
    group.sample_size(10).throughput(Throughput::Bytes(4 * volume.data.len() as u64));
    group.bench_function("read_volume", |bencher| {
        bencher.iter(|| {
            let read = NiftiImage::open(&pet_path).unwrap().read_volume().unwrap();
            assert_eq!(read.data[3_900_000], volume.data[3_900_000]);
            black_box(read)
        });
    });
    for level in [1, 3, 6] {
        group.bench_function(format!("write_volume level {level}"), |bencher| {
            bencher.iter_batched(
                Vec::new,
                |mut bytes| {
                    write_volume(&mut bytes, &volume, Compression::Gzip { level }).unwrap();
                    assert!(bytes.len() > 1_000_000 && bytes.len() < 4 * volume.data.len());
                    bytes
                },
                BatchSize::PerIteration,
            );
        });
    }
    let onto = perfusion_grid();
    group.bench_function("resample_volume to 128x128x24", |bencher| {
        bencher.iter(|| {
            let out = resample_volume(&volume, &onto, None).unwrap();
            assert!(out.data[onto.index([64, 64, 12])] > 1000.0);
            black_box(out)
        });
    });
    group.finish();
}

criterion_group!(benches, door);
criterion_main!(benches);
