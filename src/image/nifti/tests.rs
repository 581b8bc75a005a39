//! Files here are built byte by byte from the layout in `nifti1.h` and `nifti2.h`, not by the program's own writer.

use std::io::Write;
use std::path::PathBuf;

use flate2::write::GzEncoder;

use super::*;
use crate::image::{Affine, Compression, StoredAs, write_labels, write_mask, write_series, write_volume};

mod damage;
mod header;
mod orientation;
mod samples;
mod written;

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
