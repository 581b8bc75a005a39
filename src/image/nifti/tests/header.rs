//! What a header says, and what it must not say.

use super::*;

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
