//! NIfTI-1 files as bytes: read, bent in one place, written again. It knows nothing of the program's own reader.
//!
//! Offsets are those of `nifti1.h`; the fixtures are little-endian single files with an sform.

use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// `dim`, `short[8]`.
pub const DIM: usize = 40;
/// `datatype`, `short`.
pub const DATATYPE: usize = 70;
/// `pixdim`, `float[8]`.
pub const PIXDIM: usize = 76;
const BITPIX: usize = 72;
const VOX_OFFSET: usize = 108;
const QFORM_CODE: usize = 252;
const SFORM_CODE: usize = 254;
const SROW_X: usize = 280;

/// An uncompressed NIfTI-1 file.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    bytes: Vec<u8>,
}

impl Image {
    pub fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        Self { bytes }
    }

    pub fn write(&self, path: &Path) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.bytes).unwrap();
        std::fs::write(path, encoder.finish().unwrap()).unwrap();
    }

    /// Reads a file, bends it and writes it again.
    pub fn bend(path: &Path, bend: impl FnOnce(&mut Self)) {
        let mut image = Self::read(path);
        bend(&mut image);
        image.write(path);
    }

    pub fn short(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.bytes[at..at + 2].try_into().unwrap())
    }

    pub fn set_short(&mut self, at: usize, value: i16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    pub fn float(&self, at: usize) -> f32 {
        f32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    pub fn set_float(&mut self, at: usize, value: f32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub fn shape(&self) -> [usize; 3] {
        [1, 2, 3].map(|axis| self.short(DIM + 2 * axis) as usize)
    }

    /// Voxel to scanner coordinates, from the sform.
    pub fn affine(&self) -> [[f64; 4]; 3] {
        [0, 1, 2].map(|row| [0, 1, 2, 3].map(|column| f64::from(self.float(SROW_X + 16 * row + 4 * column))))
    }

    /// Sets the sform and drops the qform.
    pub fn set_affine(&mut self, affine: [[f64; 4]; 3]) {
        self.set_short(QFORM_CODE, 0);
        self.set_short(SFORM_CODE, 1);
        for (row, values) in affine.iter().enumerate() {
            for (column, &value) in values.iter().enumerate() {
                self.set_float(SROW_X + 16 * row + 4 * column, value as f32);
            }
        }
    }

    fn bytes_per_voxel(&self) -> usize {
        self.short(BITPIX) as usize / 8
    }

    fn data(&self) -> &[u8] {
        &self.bytes[self.float(VOX_OFFSET) as usize..]
    }

    fn set_data(&mut self, data: &[u8]) {
        self.bytes.truncate(self.float(VOX_OFFSET) as usize);
        self.bytes.extend_from_slice(data);
    }

    /// Every voxel 0.
    pub fn clear(&mut self) {
        let zeros = vec![0; self.data().len()];
        self.set_data(&zeros);
    }

    /// The same image in the same place with other voxel axes: axis `k` of the result is axis `axes[k]` of this one,
    /// backwards where `backwards[k]`.
    pub fn stored_otherwise(&self, axes: [usize; 3], backwards: [bool; 3]) -> Self {
        let (old, size) = (self.shape(), self.bytes_per_voxel());
        let new = axes.map(|axis| old[axis]);
        let strides = [1, old[0], old[0] * old[1]];
        let frame = old.iter().product::<usize>() * size;
        let mut data = Vec::with_capacity(self.data().len());
        for frame in self.data().chunks_exact(frame) {
            for z in 0..new[2] {
                for y in 0..new[1] {
                    for x in 0..new[0] {
                        let at = [x, y, z];
                        let from: usize = (0..3)
                            .map(|k| strides[axes[k]] * if backwards[k] { new[k] - 1 - at[k] } else { at[k] })
                            .sum();
                        data.extend_from_slice(&frame[from * size..][..size]);
                    }
                }
            }
        }
        let (affine, pixdim) = (self.affine(), [1, 2, 3].map(|axis| self.float(PIXDIM + 4 * axis)));
        let mut turned = self.clone();
        turned.set_data(&data);
        for k in 0..3 {
            turned.set_short(DIM + 2 * (k + 1), new[k] as i16);
            turned.set_float(PIXDIM + 4 * (k + 1), pixdim[axes[k]]);
        }
        turned.set_affine(affine.map(|row| {
            let mut turned = [0.0, 0.0, 0.0, row[3]];
            for k in 0..3 {
                let step = row[axes[k]];
                turned[k] = if backwards[k] { -step } else { step };
                turned[3] += if backwards[k] { step * (new[k] - 1) as f64 } else { 0.0 };
            }
            turned
        }));
        turned
    }

    /// Scanner coordinates (hundredths of a millimeter) and bits of every voxel of a float32 volume, in order of place.
    pub fn values_by_place(&self) -> Vec<([i64; 3], u32)> {
        assert_eq!(self.short(DATATYPE), 16, "expected float32");
        let (shape, affine) = (self.shape(), self.affine());
        let mut values = Vec::new();
        for (index, bytes) in self.data().chunks_exact(4).enumerate() {
            let at = [index % shape[0], index / shape[0] % shape[1], index / shape[0] / shape[1]].map(|n| n as f64);
            let place = affine.map(|row| {
                let millimeters = row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3];
                (100.0 * millimeters).round() as i64
            });
            values.push((place, u32::from_le_bytes(bytes.try_into().unwrap())));
        }
        values.sort_unstable();
        values
    }
}

#[test]
fn an_image_stored_otherwise_twice_is_itself() {
    let image = Image::read(&super::study::fixture("sub-01/ses-01/pet/sub-01_ses-01_trc-MET_pet.nii.gz"));
    let turned = image.stored_otherwise([2, 0, 1], [true, false, true]);
    assert_ne!(turned.shape(), image.shape());
    let back = turned.stored_otherwise([1, 2, 0], [false, true, true]);
    assert_eq!((back.shape(), back.data()), (image.shape(), image.data()));
    for (found, expected) in back.affine().as_flattened().iter().zip(image.affine().as_flattened()) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}
