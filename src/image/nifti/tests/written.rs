//! What is written reads back.

use super::*;
use crate::image::{write_labels_with, write_scaled_volume};

#[test]
fn what_is_written_reads_back_in_every_orientation() {
    let folder = Folder::new();
    for (stored_shape, affine) in orientations() {
        let grid = Grid::from_stored(stored_shape, affine).unwrap();
        let mut volume = Volume { grid, data: (0..60).map(|i| i as f32 / 7.0 - 3.0).collect() };
        volume.data[17] = f32::NAN;
        let labels = Labels { grid, data: (0..60).map(|i| i * i).collect() };
        let mask = Mask { grid, data: (0..60).map(|i| i % 4 == 1).collect() };
        for compression in [Compression::None, Compression::MAPS] {
            let mut bytes = Vec::new();
            write_volume(&mut bytes, &volume, compression).unwrap();
            let image = folder.open(&bytes).unwrap();
            assert_eq!((image.placement(), image.grid()), (Placement::Sform, &grid));
            let again = image.read_volume().unwrap();
            assert_eq!(
                again.data.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                volume.data.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            );

            let mut bytes = Vec::new();
            write_scaled_volume(&mut bytes, &volume, 0.1, compression).unwrap();
            let scaled = folder.open(&bytes).unwrap().read_volume().unwrap();
            for (scaled, &value) in scaled.data.iter().zip(&volume.data) {
                assert_eq!(scaled.to_bits(), ((f64::from(value) * 0.1) as f32).to_bits());
            }
            let mut meanwhile = Vec::new();
            let mut original = Vec::new();
            write_volume(&mut original, &volume, compression).unwrap();
            let image = folder.open(&original).unwrap();
            let read = image.read_volume_writing_scaled(&mut meanwhile, 0.1, compression).unwrap();
            assert!(read.data.iter().zip(&volume.data).all(|(a, b)| a.to_bits() == b.to_bits()));
            assert!(meanwhile == bytes, "written while reading, byte for byte the same");

            let mut bytes = Vec::new();
            write_labels(&mut bytes, &labels, compression).unwrap();
            assert_eq!(folder.open(&bytes).unwrap().read_labels().unwrap(), labels);

            let mut bytes = Vec::new();
            let above = |[_, _, z]: [usize; 3]| z >= 2;
            let label = |index: usize| if above(grid.voxel(index)) { labels.data[index] % 301 } else { 0 };
            write_labels_with(&mut bytes, &grid, 300, |a, b| above(a) || above(b), label, compression).unwrap();
            let again = folder.open(&bytes).unwrap().read_labels().unwrap();
            assert_eq!(again.data, (0..60).map(label).collect::<Vec<u32>>());
            let mut bytes = Vec::new();
            let asked = |_| panic!("a row that holds no label is not looked into");
            write_labels_with(&mut bytes, &grid, 7, |_, _| false, asked, compression).unwrap();
            assert!(folder.open(&bytes).unwrap().read_labels().unwrap().present().is_empty());

            let mut bytes = Vec::new();
            write_mask(&mut bytes, &mask, compression).unwrap();
            assert_eq!(folder.open(&bytes).unwrap().read_mask().unwrap(), mask);
        }
        // The quaternion says the same as the matrix.
        let mut bytes = Vec::new();
        write_mask(&mut bytes, &mask, Compression::None).unwrap();
        bytes[254] = 0;
        let image = folder.open(&bytes).unwrap();
        assert_eq!(image.placement(), Placement::Qform);
        // Near a half turn a = √(1 - b² - c² - d²) has only the square root of float32's precision, 3.5e-4: over the
        // 16 mm of this grid, 2 · 3.5e-4 · 16 mm.
        for (found, expected) in image.grid().stored_affine().0.as_flattened().iter().zip(affine.0.as_flattened()) {
            assert!((found - expected).abs() < 0.012, "{found} {expected}");
        }
        assert!(image.grid().same_space(&grid).is_ok());
    }
}

#[test]
fn oblique_quaternions_say_the_same_as_the_matrix() {
    let folder = Folder::new();
    // Rotations about (1, 2, 3) through the whole circle: each of a, b, c, d is the largest somewhere.
    let length = 14.0_f64.sqrt();
    for (axis, handed) in [([1.0, 2.0, 3.0], 1.0), ([3.0, 1.0, -2.0], -1.0), ([-2.0, 3.0, 1.0], 1.0)] {
        for turn in 0..24 {
            let (sin, cos) = (f64::from(turn) * 15.0_f64.to_radians()).sin_cos();
            let [x, y, z] = axis.map(|k: f64| k / length);
            let rotation = [
                [cos + x * x * (1.0 - cos), x * y * (1.0 - cos) - z * sin, x * z * (1.0 - cos) + y * sin],
                [y * x * (1.0 - cos) + z * sin, cos + y * y * (1.0 - cos), y * z * (1.0 - cos) - x * sin],
                [z * x * (1.0 - cos) - y * sin, z * y * (1.0 - cos) + x * sin, cos + z * z * (1.0 - cos)],
            ];
            let size = [2.0, 3.0, 4.0 * handed];
            let affine = std::array::from_fn(|row| {
                std::array::from_fn(|k| if k == 3 { 10.0 * row as f64 } else { rotation[row][k] * size[k] })
            });
            let grid = Grid::from_stored([3, 4, 5], Affine(affine)).unwrap();
            let mut bytes = Vec::new();
            write_mask(&mut bytes, &Mask::filled(grid, true), Compression::None).unwrap();
            bytes[254] = 0;
            let image = folder.open(&bytes).unwrap();
            assert_eq!(image.placement(), Placement::Qform);
            assert_affine(&image.grid().stored_affine(), affine);
        }
    }
    // Slanted voxels have no quaternion.
    let slanted = Affine([[1.0, 0.2, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]);
    let grid = Grid::from_stored([3, 4, 5], slanted).unwrap();
    let mut bytes = Vec::new();
    write_mask(&mut bytes, &Mask::filled(grid, true), Compression::None).unwrap();
    assert_eq!(bytes[252..256], [0, 0, 1, 0]);
    assert_affine(folder.open(&bytes).unwrap().grid().affine(), slanted.0);
}

#[test]
fn labels_take_the_smallest_type_that_holds_them() {
    let grid = Grid::from_stored([2, 1, 1], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
    for (largest, bytes_per_label) in [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (u32::MAX, 4)] {
        let folder = Folder::new();
        let labels = Labels { grid, data: vec![0, largest] };
        let mut bytes = Vec::new();
        write_labels(&mut bytes, &labels, Compression::None).unwrap();
        assert_eq!(bytes.len(), 352 + 2 * bytes_per_label, "{largest}");
        assert_eq!(folder.open(&bytes).unwrap().read_labels().unwrap(), labels);
    }
}

#[test]
fn a_series_reads_back_with_its_frame_time() {
    let folder = Folder::new();
    let grid = Grid::from_stored([5, 4, 3], Affine::diagonal([-2.0, 2.0, 5.0], [40.0, -40.0, -20.0])).unwrap();
    let fill = |frame: usize, values: &mut [f32]| {
        for (i, value) in values.iter_mut().enumerate() {
            *value = (i * (frame + 1)) as f32 * 0.5 - 10.0;
        }
    };
    let frame_time = Some(Seconds(1.25));
    for stored_as in [StoredAs::Float32, StoredAs::Int16 { slope: 0.5, intercept: -10.0 }] {
        let mut bytes = Vec::new();
        write_series(&mut bytes, &grid, 4, frame_time, stored_as, Compression::MAPS, fill).unwrap();
        let image = folder.open(&bytes).unwrap();
        assert_eq!((image.frames(), image.frame_time(), *image.grid()), (4, frame_time, grid));
        let mut expected = vec![0.0; 60];
        let compare = |frame: usize, volume: &Volume| {
            fill(frame, &mut expected);
            assert_eq!(volume.data, expected);
            Ok::<_, ImageError>(())
        };
        image.for_each_frame(compare).unwrap();
    }
    let mut out = Vec::new();
    let narrow = StoredAs::Int16 { slope: 0.0001, intercept: 0.0 };
    let error = write_series(&mut out, &grid, 4, None, narrow, Compression::None, fill).unwrap_err().to_string();
    assert_eq!(error, "cannot write the image: voxel: expected a value that fits a 16-bit integer, found -10.0");
    let flat = StoredAs::Int16 { slope: 0.0, intercept: 0.0 };
    assert!(write_series(&mut out, &grid, 4, None, flat, Compression::None, fill).is_err());
    assert!(write_series(&mut out, &grid, 40_000, None, narrow, Compression::None, fill).is_err());
}

#[test]
fn the_header_that_is_written_holds_no_text() {
    let grid = Grid::from_stored([2, 3, 4], Affine::diagonal([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])).unwrap();
    let mut bytes = Vec::new();
    write_volume(&mut bytes, &Volume::filled(grid, 1.0), Compression::None).unwrap();
    assert_eq!(bytes.len(), 352 + 4 * 24);
    // descrip and aux_file, intent_name.
    assert!(bytes[148..252].iter().chain(&bytes[328..344]).all(|&byte| byte == 0));
}
