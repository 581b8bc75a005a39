//! Containers: compression, two files, cut and damaged files, promises that are not kept.

use super::*;

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
