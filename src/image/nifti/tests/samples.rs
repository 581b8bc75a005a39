//! Stored samples become values.

use super::*;

#[test]
fn every_real_type_reads_in_both_byte_orders_and_versions() {
    fn check<const N: usize>(code: i16, values: [f32; 2], little: [[u8; N]; 2]) {
        let folder = Folder::new();
        for big_endian in [false, true] {
            let mut samples = little;
            if big_endian {
                samples.iter_mut().for_each(|sample| sample.reverse());
            }
            let (bitpix, samples) = (8 * N as i16, samples.concat());
            let one = File::version_1(big_endian, &[2, 1, 1], code, bitpix).data(&samples);
            let two = File::version_2(big_endian, &[2, 1, 1], code, bitpix).data(&samples);
            for bytes in [one.bytes.clone(), two.bytes.clone(), one.gzip(), two.gzip()] {
                assert_eq!(folder.values(&bytes), values, "type {code}, big endian {big_endian}");
            }
        }
    }
    check(256, [-5.0, 100.0], [(-5_i8).to_le_bytes(), 100_i8.to_le_bytes()]);
    check(2, [250.0, 1.0], [250_u8.to_le_bytes(), 1_u8.to_le_bytes()]);
    check(4, [-300.0, 1000.0], [(-300_i16).to_le_bytes(), 1000_i16.to_le_bytes()]);
    check(512, [65_000.0, 1.0], [65_000_u16.to_le_bytes(), 1_u16.to_le_bytes()]);
    check(8, [-70_000.0, 70_001.0], [(-70_000_i32).to_le_bytes(), 70_001_i32.to_le_bytes()]);
    check(768, [4e9, 1.0], [4_000_000_000_u32.to_le_bytes(), 1_u32.to_le_bytes()]);
    check(1024, [-1e12, 3.0], [(-1_000_000_000_000_i64).to_le_bytes(), 3_i64.to_le_bytes()]);
    check(1280, [1e19, 3.0], [10_000_000_000_000_000_000_u64.to_le_bytes(), 3_u64.to_le_bytes()]);
    check(16, [-0.1, 1e-30], [(-0.1_f32).to_le_bytes(), 1e-30_f32.to_le_bytes()]);
    check(64, [0.1, -1e30], [0.1_f64.to_le_bytes(), (-1e30_f64).to_le_bytes()]);
}

#[test]
fn colors_and_complex_numbers_are_refused() {
    let folder = Folder::new();
    let rgb = File::version_1(false, &[1, 1, 1], 128, 24).data(&[1, 2, 3]);
    assert_eq!(
        folder.error(&rgb.bytes),
        "/image.nii: header field datatype: expected an integer or real type of up to 64 bits, found colors (code 128)"
    );
    let complex = File::version_1(false, &[1, 1, 1], 32, 64).data(&[0; 8]);
    assert!(folder.error(&complex.bytes).ends_with("found complex numbers (code 32)"));
}

#[test]
fn slope_and_intercept_scale_unless_the_slope_is_zero_or_nan() {
    let folder = Folder::new();
    let scaled = |slope: f32, intercept: f32| File::counting([3, 1, 1]).f32(112, &[slope, intercept]).bytes;
    assert_eq!(folder.values(&scaled(2.0, 10.0)), [10.0, 12.0, 14.0]);
    assert_eq!(folder.values(&scaled(0.0, 10.0)), [0.0, 1.0, 2.0]);
    assert_eq!(folder.values(&scaled(f32::NAN, f32::NAN)), [0.0, 1.0, 2.0]);
    assert!(folder.error(&scaled(f32::INFINITY, 0.0)).contains("scl_slope: expected a finite number, found inf"));
    assert!(folder.error(&scaled(1.0, f32::NAN)).contains("scl_inter: expected a finite number, found NaN"));
}

#[test]
fn int16_stays_int16_with_its_scale() {
    let folder = Folder::new();
    let file = File::version_1(false, &[2, 1, 1, 2], 4, 16).f32(112, &[0.1, -3.0]).int16(&[10, 20, 30, 40]);
    let image = folder.open(&file.bytes).unwrap();
    let mask = Mask { grid: *image.grid(), data: vec![false, true] };
    let series = image.read_series(&mask).unwrap();
    assert_eq!(series.samples, Samples::Int16 { data: vec![20, 40], slope: f64::from(0.1_f32), intercept: -3.0 });
    // The curve has the bits of the volumes.
    let mut frames = Vec::new();
    let collect = |_: usize, frame: &Volume| {
        frames.push(frame.data[1]);
        Ok::<_, ImageError>(())
    };
    folder.open(&file.bytes).unwrap().for_each_frame(collect).unwrap();
    assert_eq!(series.curve(0), frames);
}

#[test]
fn labels_are_integers_and_masks_are_above_one_half() {
    let folder = Folder::new();
    let floats = |values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        folder.open(&File::version_1(false, &[values.len() as i16, 1, 1], 16, 32).data(&bytes).bytes).unwrap()
    };
    assert_eq!(floats(&[0.0, 2.0004, 6.9996]).read_labels().unwrap().data, [0, 2, 7]);
    for (bad, shown) in [(0.5, "0.5"), (-1.0, "-1"), (f32::NAN, "NaN"), (5e9, "5000000000")] {
        let message = floats(&[1.0, bad]).read_labels().unwrap_err().to_string();
        assert!(message.contains("voxel [1, 0, 0]") && message.ends_with(&format!("found {shown}")), "{message}");
    }
    assert_eq!(floats(&[0.5, 0.51, f32::NAN, -1.0]).read_mask().unwrap().data, [false, true, false, false]);
    // Larger than f32 can count.
    let large = File::version_1(false, &[1, 1, 1], 8, 32).data(&16_777_217_i32.to_le_bytes());
    assert_eq!(folder.open(&large.bytes).unwrap().read_labels().unwrap().data, [16_777_217]);
}
