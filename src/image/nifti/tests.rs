//! Files here are built byte by byte from the layout in `nifti1.h` and `nifti2.h`, not by the program's own writer.

use std::io::Write;
use std::path::PathBuf;

use flate2::write::GzEncoder;

use super::*;
use crate::image::{Affine, Compression, StoredAs, write_labels, write_mask, write_series, write_volume};

/// A file being laid out: a header whose numbers are put at the standard's byte positions, then the voxels.
#[derive(Clone)]
struct File {
    bytes: Vec<u8>,
    big_endian: bool,
}

macro_rules! put_number {
    ($($type:ident)*) => {$(
        fn $type(mut self, at: usize, values: &[$type]) -> Self {
            for (i, value) in values.iter().enumerate() {
                let bytes = if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
                let at = at + i * bytes.len();
                self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            self
        }
    )*};
}

impl File {
    put_number!(i16 i32 i64 f32 f64);

    /// NIfTI-1, 1 mm voxels placed by an sform without shift, voxels at 352.
    fn version_1(big_endian: bool, dim: &[i16], datatype: i16, bitpix: i16) -> Self {
        let file = Self { bytes: vec![0; 352], big_endian };
        let mut file = file
            .i32(0, &[348])
            .i16(40, &[dim.len() as i16])
            .i16(42, dim)
            .i16(70, &[datatype, bitpix])
            .f32(76, &[1.0; 8])
            .f32(108, &[352.0])
            .i16(254, &[1])
            .f32(280, &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        file.bytes[123] = 2 | 8;
        file.bytes[344..348].copy_from_slice(b"n+1\0");
        file
    }

    /// NIfTI-2, as above, voxels at 544.
    fn version_2(big_endian: bool, dim: &[i64], datatype: i16, bitpix: i16) -> Self {
        let file = Self { bytes: vec![0; 544], big_endian };
        let mut file = file
            .i32(0, &[540])
            .i16(12, &[datatype, bitpix])
            .i64(16, &[dim.len() as i64])
            .i64(24, dim)
            .f64(104, &[1.0; 8])
            .i64(168, &[544])
            .i32(348, &[1])
            .f64(400, &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
            .i32(500, &[2 | 8]);
        file.bytes[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
        file
    }

    /// A volume of int16 with the values 0, 1, 2, ...
    fn counting(shape: [i16; 3]) -> Self {
        let voxels = shape.iter().product::<i16>();
        Self::version_1(false, &shape, 4, 16).int16(&(0..voxels).collect::<Vec<_>>())
    }

    fn data(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn int16(self, values: &[i16]) -> Self {
        let big_endian = self.big_endian;
        let each = |value: &i16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        self.data(&values.iter().flat_map(each).collect::<Vec<_>>())
    }

    fn gzip(&self) -> Vec<u8> {
        gzip(&self.bytes)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder for a test's files, removed at its end.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        // A new file each time: some file systems write a truncated one to disk at once.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn open(&self, bytes: &[u8]) -> Result<NiftiImage, ImageError> {
        NiftiImage::open(&self.put("image.nii", bytes))
    }

    fn values(&self, bytes: &[u8]) -> Vec<f32> {
        self.open(bytes).unwrap().read_volume().unwrap().data
    }

    /// The message, with the folder's own name taken out.
    fn error(&self, bytes: &[u8]) -> String {
        let error = self.open(bytes).and_then(|image| image.for_each_frame(|_, _| Ok(()))).unwrap_err();
        error.to_string().replace(self.0.path().to_str().unwrap(), "")
    }
}

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
fn compression_is_known_by_content_and_not_by_name() {
    let folder = Folder::new();
    let file = File::counting([2, 3, 4]);
    let expected: Vec<f32> = (0..24).map(|value| value as f32).collect();
    for (name, bytes) in [("a.nii", file.gzip()), ("a.nii.gz", file.bytes.clone()), ("A.NII.GZ", file.gzip())] {
        let image = NiftiImage::open(&folder.put(name, &bytes)).unwrap();
        assert_eq!(image.read_volume().unwrap().data, expected, "{name}");
    }
}

#[test]
fn header_and_voxels_may_stand_in_two_files() {
    let mut header = File::counting([2, 3, 4]).f32(108, &[16.0]);
    header.bytes[344..348].copy_from_slice(b"ni1\0");
    let voxels = [&[9; 16], &header.bytes[352..]].concat();
    header.bytes.truncate(348);
    let expected: Vec<f32> = (0..24).map(|value| value as f32).collect();
    let cases = [
        ("a.hdr", "a.img", false, false),
        ("a.hdr.gz", "a.img.gz", true, true),
        ("a.hdr", "a.img.gz", false, true),
        ("a.b.HDR", "a.b.IMG", false, false),
    ];
    for (header_name, image_name, header_gzip, image_gzip) in cases {
        let folder = Folder::new();
        folder.put(header_name, &if header_gzip { header.gzip() } else { header.bytes.clone() });
        let image = folder.put(image_name, &if image_gzip { gzip(&voxels) } else { voxels.clone() });
        for name in [header_name, image_name] {
            let opened = NiftiImage::open(&image.with_file_name(name)).unwrap();
            assert_eq!(opened.read_volume().unwrap().data, expected, "{name}");
        }
    }
    let folder = Folder::new();
    let alone = folder.put("a.hdr", &header.bytes);
    assert!(matches!(NiftiImage::open(&alone), Err(ImageError::NotFound { path }) if path.ends_with("a.img")));
    folder.put("a.img", &voxels);
    folder.put("a.img.gz", &gzip(&voxels));
    assert!(NiftiImage::open(&alone).unwrap_err().to_string().contains("expected one .img file"));
    assert!(folder.error(&header.bytes).contains("header field magic"));
}

#[test]
fn gzip_members_that_follow_each_other_are_one_file() {
    let folder = Folder::new();
    let file = File::counting([8, 8, 8]);
    let expected: Vec<f32> = (0..512).map(|value| value as f32).collect();
    for cut in [1, 100, 352, 601] {
        let members = [gzip(&file.bytes[..cut]), gzip(&file.bytes[cut..])].concat();
        assert_eq!(folder.values(&members), expected, "cut at {cut}");
        assert_eq!(folder.values(&[members.as_slice(), &[0; 512]].concat()), expected, "padded");
    }
}

#[test]
fn bytes_behind_the_voxels_are_ignored() {
    let folder = Folder::new();
    let file = File::counting([2, 3, 4]).data(b"a private trailer");
    assert_eq!(folder.values(&file.bytes)[23], 23.0);
    assert_eq!(folder.values(&file.gzip())[23], 23.0);
}

#[test]
fn a_flipped_bit_anywhere_in_compressed_voxels_is_an_error() {
    let folder = Folder::new();
    let mut state = 7_u32;
    let noise = (0..4096).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16
    });
    let bytes = File::version_1(false, &[16, 16, 16], 4, 16).int16(&noise.collect::<Vec<_>>()).gzip();
    for at in (600..bytes.len()).step_by(97).chain(bytes.len() - 8..bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(folder.open(&damaged).and_then(NiftiImage::read_volume).is_err(), "byte {at}");
    }
}

#[test]
fn a_cut_file_is_an_error_wherever_it_is_cut() {
    let folder = Folder::new();
    let file = File::counting([4, 4, 4]);
    let compressed = file.gzip();
    for length in 0..file.bytes.len() {
        assert!(folder.open(&file.bytes[..length]).is_err(), "{length} bytes");
    }
    for length in 0..compressed.len() {
        let read = folder.open(&compressed[..length]).and_then(NiftiImage::read_volume);
        assert!(read.is_err(), "{length} compressed bytes");
    }
    assert_eq!(folder.error(&file.bytes[..400]), "/image.nii: the header promises 480 bytes, found 400");
    assert!(folder.error(&gzip(&file.bytes[..400])).ends_with("promises 480 bytes, found 400"));
}

#[test]
fn voxels_begin_where_vox_offset_says() {
    let folder = Folder::new();
    let mut file = File::counting([2, 3, 4]).f32(108, &[368.0]);
    file.bytes.splice(352..352, [0xab; 16]);
    assert_eq!(folder.values(&file.bytes)[..3], [0.0, 1.0, 2.0]);
    assert_eq!(folder.values(&file.gzip())[..3], [0.0, 1.0, 2.0]);
    for offset in [0.0, 351.0, 352.5, -352.0, f32::NAN, f32::INFINITY, 1e30] {
        let message = folder.error(&file.clone().f32(108, &[offset]).bytes);
        assert!(message.contains("vox_offset: expected a whole number of at least 352"), "{message}");
    }
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
fn frames_stand_on_the_fourth_axis_or_behind_an_empty_one() {
    let folder = Folder::new();
    let open = |dim: &[i16]| {
        let voxels = dim.iter().product::<i16>().max(0);
        folder.open(&File::version_1(false, dim, 4, 16).int16(&vec![1; voxels as usize]).bytes)
    };
    let readable: [(&[i16], usize); 7] = [
        (&[2, 2, 2], 1),
        (&[2, 2, 2, 1], 1),
        (&[2, 2, 2, 5], 5),
        (&[2, 2, 2, 5, 1], 5),
        (&[2, 2, 2, 1, 5], 5),
        (&[2, 2, 2, 1, 1, 1, 1], 1),
        (&[2, 2, 1], 1),
    ];
    for (dim, frames) in readable {
        assert_eq!(open(dim).unwrap().frames(), frames, "{dim:?}");
    }
    let refused: [&[i16]; 6] = [&[2, 2, 2, 5, 2], &[2, 2, 2, 1, 1, 2], &[2, 2], &[2, 2, 0], &[2, -2, 2], &[2, 2, 2, 0]];
    for dim in refused {
        assert!(matches!(open(dim), Err(ImageError::Field { .. })), "{dim:?}");
    }
    // A displacement field has three components, not three frames.
    let field = File::version_1(false, &[2, 2, 2, 1, 3], 4, 16).i16(68, &[1006]).int16(&[1; 24]);
    assert!(folder.error(&field.bytes).contains("dim[5]"));
}

#[test]
fn the_frame_time_has_the_unit_that_the_header_gives() {
    let folder = Folder::new();
    let time = |units: u8, time: f32| {
        let mut file = File::version_1(false, &[1, 1, 1, 2], 4, 16).f32(92, &[time]).int16(&[0, 0]);
        file.bytes[123] = units;
        folder.open(&file.bytes).map(|image| image.frame_time())
    };
    assert_eq!(time(2 | 8, 1.4).unwrap(), Some(Seconds(1.4)));
    assert_eq!(time(2 | 16, 1400.0).unwrap(), Some(Seconds(1.4)));
    assert_eq!(time(2 | 24, 1_500_000.0).unwrap(), Some(Seconds(1.5)));
    assert_eq!(time(2, 1.4).unwrap(), None);
    assert_eq!(time(2 | 32, 1.4).unwrap(), None);
    assert_eq!(time(2 | 8, 0.0).unwrap(), None);
    assert!(time(2 | 8, -1.0).is_err());
    assert!(time(2 | 8, f32::NAN).is_err());
}

#[test]
fn lengths_are_millimeters_whatever_the_unit() {
    let folder = Folder::new();
    let size = |units: u8| {
        let mut file = File::counting([2, 3, 4]);
        file.bytes[123] = units;
        folder.open(&file.bytes).map(|image| image.grid().voxel_size())
    };
    assert_eq!(size(2).unwrap(), [1.0; 3]);
    assert_eq!(size(0).unwrap(), [1.0; 3]);
    assert_eq!(size(1).unwrap(), [1000.0; 3]);
    assert_eq!(size(3).unwrap(), [0.001; 3]);
    assert!(size(5).unwrap_err().to_string().contains("xyzt_units"));
}

/// A file placed by its quaternion: voxels of 2 x 3 x 4 mm, first voxel at (10, 20, 30).
fn with_quaternion(qfac: f32, quaternion: [f32; 3]) -> File {
    File::counting([2, 3, 4])
        .f32(76, &[qfac, 2.0, 3.0, 4.0])
        .i16(252, &[1, 0])
        .f32(256, &quaternion)
        .f32(268, &[10.0, 20.0, 30.0])
}

fn assert_affine(found: &Affine, expected: [[f64; 4]; 3]) {
    for (found, expected) in found.0.as_flattened().iter().zip(expected.as_flattened()) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn the_quaternion_rotates_scales_and_shifts() {
    let folder = Folder::new();
    let affine = |file: File| {
        let image = folder.open(&file.bytes).unwrap();
        assert_eq!(image.placement(), Placement::Qform);
        image.grid().stored_affine()
    };
    let straight = [[2.0, 0.0, 0.0, 10.0], [0.0, 3.0, 0.0, 20.0], [0.0, 0.0, 4.0, 30.0]];
    assert_affine(&affine(with_quaternion(1.0, [0.0; 3])), straight);
    // qfac 0 counts as 1; -1 turns the third axis.
    assert_affine(&affine(with_quaternion(0.0, [0.0; 3])), straight);
    let turned = [[2.0, 0.0, 0.0, 10.0], [0.0, 3.0, 0.0, 20.0], [0.0, 0.0, -4.0, 30.0]];
    assert_affine(&affine(with_quaternion(-1.0, [0.0; 3])), turned);
    // A quarter turn about z: d = sin 45°. x goes to y, y to -x.
    let quarter = [[0.0, -3.0, 0.0, 10.0], [2.0, 0.0, 0.0, 20.0], [0.0, 0.0, 4.0, 30.0]];
    assert_affine(&affine(with_quaternion(1.0, [0.0, 0.0, 0.5_f32.sqrt()])), quarter);
    // A half turn about z, with a length that float32 rounding has pushed over 1.
    let half = [[-2.0, 0.0, 0.0, 10.0], [0.0, -3.0, 0.0, 20.0], [0.0, 0.0, 4.0, 30.0]];
    assert_affine(&affine(with_quaternion(1.0, [0.0, 0.0, 1.000_001])), half);
}

#[test]
fn a_quaternion_that_is_none_is_an_error() {
    let folder = Folder::new();
    for bad in [[1.0, 1.0, 0.0], [f32::NAN, 0.0, 0.0], [f32::INFINITY, 0.0, 0.0], [0.0, 0.0, 1.01]] {
        let message = folder.error(&with_quaternion(1.0, bad).bytes);
        assert!(message.contains("quatern_b, quatern_c, quatern_d: expected the vector part"), "{message}");
    }
    assert!(folder.error(&with_quaternion(f32::NAN, [0.0; 3]).bytes).contains("pixdim[0]"));
}

#[test]
fn the_sform_comes_first_and_without_either_nothing_is_known_of_the_place() {
    let folder = Folder::new();
    let both = with_quaternion(1.0, [0.0; 3]).i16(254, &[2]);
    let image = folder.open(&both.bytes).unwrap();
    assert_eq!((image.placement(), image.grid().voxel_size()), (Placement::Sform, [1.0; 3]));
    let neither = with_quaternion(1.0, [0.0; 3]).i16(252, &[0, 0]);
    let image = folder.open(&neither.bytes).unwrap();
    assert_eq!((image.placement(), image.grid().voxel_size()), (Placement::PixdimOnly, [2.0, 3.0, 4.0]));
    assert_eq!(image.grid().position([0, 0, 0]), [0.0; 3]);
    let flat = File::counting([2, 3, 4]).f32(280, &[0.0; 12]);
    assert!(folder.error(&flat.bytes).contains("cannot be placed in space"));
    let broken = File::counting([2, 3, 4]).f32(280, &[f32::NAN]);
    assert!(folder.error(&broken.bytes).contains("cannot be placed in space"));
}

#[test]
fn a_voxel_size_must_be_above_zero() {
    let folder = Folder::new();
    for size in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let message = folder.error(&File::counting([2, 3, 4]).f32(84, &[size]).bytes);
        assert!(message.contains("pixdim[2]: expected a voxel size above 0"), "{message}");
    }
}

#[test]
fn bitpix_must_fit_the_type() {
    let folder = Folder::new();
    for bitpix in [0, 8, 32, -16] {
        let message = folder.error(&File::counting([2, 3, 4]).i16(72, &[bitpix]).bytes);
        assert!(message.contains("bitpix: expected 16 for datatype 4"), "{message}");
    }
}

#[test]
fn promises_beyond_the_file_are_refused_before_any_memory_is_taken() {
    let folder = Folder::new();
    let huge = File::version_1(false, &[2000, 2000, 2000, 2], 16, 32).data(&[0; 100]);
    assert!(matches!(folder.open(&huge.bytes), Err(ImageError::Truncated { found: 452, .. })));
    assert!(matches!(folder.open(&huge.gzip()), Err(ImageError::Truncated { .. })));
    let overflow = File::version_2(false, &[1 << 40, 1 << 40, 1 << 40, 1 << 40], 16, 32).data(&[0; 100]);
    assert!(folder.error(&overflow.bytes).contains("dim"));
    let negative = File::version_2(false, &[2, 2, -2], 16, 32);
    assert!(folder.error(&negative.bytes).contains("dim[3]"));
}

#[test]
fn reading_keeps_to_its_memory_limit() {
    let folder = Folder::new();
    // Zeros compress well enough for the promise to be possible.
    let bytes = File::version_1(false, &[100, 100, 100], 16, 32).data(&vec![0; 4_000_000]).gzip();
    let open = |limit| folder.open(&bytes).unwrap().with_memory_limit(limit);
    assert!(matches!(open(4_000_000).read_volume(), Err(ImageError::TooLarge { limit: 4_000_000, .. })));
    assert_eq!(open(10_000_000).read_volume().unwrap().data, vec![0.0; 1_000_000]);
    let grid = *folder.open(&bytes).unwrap().grid();
    assert!(matches!(open(1_000_000).read_series(&Mask::filled(grid, true)), Err(ImageError::TooLarge { .. })));
    assert!(matches!(open(1_000_000).read_labels(), Err(ImageError::TooLarge { .. })));
    assert!(matches!(open(1_000_000).read_mask(), Err(ImageError::TooLarge { .. })));
}

#[test]
fn what_is_no_nifti_file_is_told_apart() {
    let folder = Folder::new();
    let mut dicom = vec![0; 600];
    dicom[128..132].copy_from_slice(b"DICM");
    let mut analyze = File::counting([2, 3, 4]);
    analyze.bytes[344..348].fill(0);
    let cases: [(&[u8], &str); 8] = [
        (b"", "an empty file"),
        (b"  <!DOCTYPE html><html>404</html>", "an HTML or XML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (&dicom, "a DICOM file"),
        (&analyze.bytes, "an ANALYZE 7.5 header"),
        (&File::counting([2, 3, 4]).bytes[..200], "a header cut off after 200 bytes"),
        (&[1, 2, 3], "3 bytes"),
        (&[0x42; 1000], "a file that starts with [42, 42, 42, 42] (sizeof_hdr must be 348 or 540)"),
    ];
    for (bytes, found) in cases {
        let message = folder.error(bytes);
        assert!(message.starts_with("/image.nii: expected a NIfTI image, found "), "{message}");
        assert!(message.contains(found), "{message}");
        if bytes.len() >= 4 {
            assert!(folder.error(&gzip(bytes)).contains(found));
        }
    }
    let missing = NiftiImage::open(&folder.0.path().join("nowhere.nii.gz")).unwrap_err().to_string();
    assert!(missing.ends_with("nowhere.nii.gz: no such file"), "{missing}");
    assert!(NiftiImage::open(folder.0.path()).unwrap_err().to_string().ends_with("found a folder"));
}

/// The header affine of a grid of 3 x 4 x 5 canonical voxels of 2, 3 and 4 mm, stored in one of the 48 ways.
fn orientations() -> impl Iterator<Item = ([usize; 3], Affine)> {
    let permutations = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    permutations.into_iter().flat_map(|axis: [usize; 3]| {
        (0..8).map(move |flips: usize| {
            let (shape, size, origin) = ([3, 4, 5], [2.0, 3.0, 4.0], [-5.0, 7.0, 1.0]);
            let mut affine = [[0.0; 4]; 3];
            let mut stored_shape = [0; 3];
            for k in 0..3 {
                let flipped = flips >> k & 1 == 1;
                stored_shape[axis[k]] = shape[k];
                affine[k][axis[k]] = if flipped { -size[k] } else { size[k] };
                affine[k][3] = origin[k] + if flipped { size[k] * (shape[k] - 1) as f64 } else { 0.0 };
            }
            (stored_shape, Affine(affine))
        })
    })
}

/// The value of a scene at a scanner position and a time: every voxel and frame its own.
fn scene(at: [f64; 3], frame: usize) -> i16 {
    (at[0] + 11.0 * at[1] + 131.0 * at[2]) as i16 + 2000 * frame as i16
}

#[test]
fn all_48_orientations_of_a_file_give_the_same_bits() {
    let folder = Folder::new();
    let frames = 3;
    let mut first: Option<(Volume, Labels, Mask, Series, Series)> = None;
    for (stored_shape, affine) in orientations() {
        let [nx, ny, nz] = stored_shape.map(|size| size as i16);
        let values = |frame: usize| -> Vec<i16> {
            (0..60)
                .map(|i| {
                    [i % stored_shape[0], i / stored_shape[0] % stored_shape[1], i / stored_shape[0] / stored_shape[1]]
                })
                .map(|voxel| scene(affine.apply(voxel.map(|i| i as f64)), frame))
                .collect()
        };
        let rows = affine.0.as_flattened().iter().map(|&value| value as f32).collect::<Vec<_>>();
        let volume = File::version_1(false, &[nx, ny, nz], 4, 16).f32(280, &rows).int16(&values(0));
        let regions: Vec<i16> = values(0).iter().map(|value| i16::from(value % 3 == 0)).collect();
        let regions = File::version_1(true, &[nx, ny, nz], 4, 16).f32(280, &rows).int16(&regions);
        let all: Vec<i16> = (0..frames).flat_map(values).collect();
        let series = File::version_1(true, &[nx, ny, nz, frames as i16], 4, 16).f32(280, &rows).int16(&all);
        let floats: Vec<u8> = all.iter().flat_map(|&value| f32::from(value).to_le_bytes()).collect();
        let float_series = File::version_1(false, &[nx, ny, nz, frames as i16], 16, 32).f32(280, &rows).data(&floats);

        let open = |file: &File| folder.open(&file.gzip()).unwrap();
        let grid = *open(&volume).grid();
        assert_eq!(grid.shape(), [3, 4, 5]);
        let canonical = Grid::from_stored(grid.shape(), *grid.affine()).unwrap();
        let mut mask = open(&regions).read_mask().unwrap();
        let mut read = (
            open(&volume).read_volume().unwrap(),
            open(&volume).read_labels().unwrap(),
            mask.clone(),
            open(&series).read_series(&mask).unwrap(),
            open(&float_series).read_series(&mask).unwrap(),
        );
        let chosen = open(&series).read_series_with(2, |leading| {
            assert_eq!(leading.len(), 2);
            assert_eq!(leading[0], read.0);
            Ok::<_, ImageError>(mask.clone())
        });
        assert_eq!(chosen.unwrap(), read.3);
        open(&series)
            .for_each_frame(|frame, volume| {
                for index in 0..60 {
                    let at = grid.position(grid.voxel(index));
                    assert_eq!(volume.data[index], f32::from(scene(at, frame)));
                }
                Ok::<_, ImageError>(())
            })
            .unwrap();
        for (row, index) in mask.indices().enumerate() {
            let at = grid.position(grid.voxel(index));
            let curve: Vec<f32> = (0..frames).map(|frame| f32::from(scene(at, frame))).collect();
            assert_eq!(read.3.curve(row), curve);
            assert_eq!(read.4.curve(row), curve);
        }
        // Only the memory of how it was stored may differ.
        for stored in
            [&mut read.0.grid, &mut read.1.grid, &mut read.2.grid, &mut read.3.mask.grid, &mut read.4.mask.grid]
        {
            assert_eq!(stored.storage(), grid.storage());
            *stored = canonical;
        }
        mask.grid = canonical;
        match &first {
            None => first = Some(read),
            Some(first) => assert!(*first == read, "{affine:?}"),
        }
    }
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
fn a_mask_on_another_grid_or_an_error_of_the_caller_ends_reading() {
    let folder = Folder::new();
    // Many slabs of a megabyte, so that the other thread has more to give when the caller gives up.
    let voxels = vec![0; 128 * 128 * 8 * 40 * 2];
    let bytes = File::version_1(false, &[128, 128, 8, 40], 4, 16).data(&voxels).gzip();
    let open = || folder.open(&bytes).unwrap();
    let other = Grid::from_stored([128, 128, 9], *open().grid().affine()).unwrap();
    let other = Mask::filled(other, true);
    assert!(matches!(open().read_series(&other), Err(ImageError::Space { .. })));
    assert!(matches!(open().read_series_with(1, |_| Ok(other)), Err(ImageError::Space { .. })));
    let refused = open().for_each_frame(|frame, _| if frame == 1 { Err(anyhow::anyhow!("enough")) } else { Ok(()) });
    assert_eq!(refused.unwrap_err().to_string(), "enough");
    let refused = open().read_series_with(3, |_| Err(anyhow::anyhow!("no brain")));
    assert_eq!(refused.unwrap_err().to_string(), "no brain");
    assert!(matches!(open().read_volume(), Err(ImageError::NotOneVolume { frames: 40, .. })));
}

#[test]
fn the_mask_can_be_chosen_from_any_number_of_leading_frames() {
    let folder = Folder::new();
    let bytes = File::version_1(false, &[2, 2, 2, 3], 4, 16).int16(&(0..24).collect::<Vec<_>>()).bytes;
    let grid = *folder.open(&bytes).unwrap().grid();
    let mask = Mask { grid, data: (0..8).map(|i| i > 4).collect() };
    let expected = folder.open(&bytes).unwrap().read_series(&mask).unwrap();
    for leading in [0, 1, 3, 100] {
        let read = folder.open(&bytes).unwrap().read_series_with(leading, |frames| {
            assert_eq!(frames.len(), leading.min(3));
            Ok::<_, ImageError>(mask.clone())
        });
        assert_eq!(read.unwrap(), expected, "{leading} frames");
    }
    let empty = folder.open(&bytes).unwrap().read_series(&Mask::filled(grid, false)).unwrap();
    assert_eq!((empty.voxels, empty.frames), (0, 3));
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

#[test]
fn no_bytes_whatever_make_it_panic() {
    let folder = Folder::new();
    let one = File::version_1(false, &[4, 3, 2, 2], 4, 16).int16(&[7; 48]);
    let quaternion = with_quaternion(1.0, [0.1, 0.2, 0.3]);
    let two = File::version_2(true, &[4, 3, 2, 2], 16, 32).data(&[1; 192]);
    let seeds = [one.bytes.clone(), two.bytes.clone(), quaternion.bytes.clone(), one.gzip()];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    let (mut read, mut refused) = (0, 0);
    for case in 0..4000 {
        let mut bytes = seeds[case % seeds.len()].clone();
        for _ in 0..1 + random(4) {
            let at = random(bytes.len());
            let extremes = [0, 1, 0x7f, 0x80, 0xff];
            bytes[at] = if random(2) == 0 { extremes[random(5)] } else { random(256) as u8 };
        }
        if random(10) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        let opened = folder.open(&bytes).map(|image| image.with_memory_limit(1 << 24));
        let outcome = opened.and_then(|image| match case % 3 {
            0 => image.for_each_frame(|_, _| Ok(())),
            1 => image.read_labels().map(|_| ()),
            _ => image.read_series_with(1, |frames| Ok(Mask::filled(frames[0].grid, true))).map(|_: Series| ()),
        });
        match outcome {
            Ok(()) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
}

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
            write_labels(&mut bytes, &labels, compression).unwrap();
            assert_eq!(folder.open(&bytes).unwrap().read_labels().unwrap(), labels);

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
    assert_eq!(error, "cannot write the image: voxel: expected a value that fits a 16-bit integer, found -8.0");
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
