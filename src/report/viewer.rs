//! What the viewer of a page shows: volumes around one lesion on a common isotropic lattice along the scanner's axes,
//! as whole numbers of a stated step.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

/// The volumes of one lesion at one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewerVolumes {
    /// Voxels along the three axes of the scanner (RAS+), first axis fastest.
    pub shape: [usize; 3],
    /// Edge of a voxel, mm.
    pub spacing_mm: f64,
    /// Scanner coordinates of the first voxel's center, mm.
    pub origin: [f64; 3],
    /// Where the crosshair starts, mm.
    pub start: [f64; 3],
    /// The map on which the lesion is hottest there; `None` where the crosshair starts at the center of the lesion in the
    /// slice where it is largest.
    #[serde(default)]
    pub hottest_on: Option<String>,
    /// Millimeters around the lesion.
    pub margin_mm: f64,
    /// Millimeters around the brain beyond which nothing is kept; `None` where no brain mask is known.
    pub brain_margin_mm: Option<f64>,
    /// The images, anatomy first.
    pub layers: Vec<Layer>,
    /// The lesion: one bit a voxel, the first voxel in the lowest bit.
    pub lesion: PackedBytes,
}

/// One image as codes: a value is `low + step * (code - 1)`; code 0 is *not estimated*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// What it is, for comparing sessions: `anatomy`, `rcbv`, `rcbv_uncorrected`, or `pet` with its tracer and unit.
    pub key: String,
    /// Name on the page.
    pub title: String,
    /// Unit behind a value; empty for ratios.
    pub unit: String,
    /// Colors it is drawn in.
    pub colors: Colors,
    /// Values at the dark and the bright end of the colors.
    pub range: (f64, f64),
    /// Cut-offs to mark on its bar.
    pub cutoffs: Vec<f64>,
    /// Value of code 1.
    pub low: f64,
    /// Distance of two codes.
    pub step: f64,
    /// Bits of a code, 8 or 16.
    pub bits: u8,
    /// Whether the largest code means *its value or more*.
    pub open_end: bool,
    /// The codes, first axis fastest. 16-bit codes stand as all low bytes, then all high bytes, which deflate better.
    pub codes: PackedBytes,
}

/// The colors of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colors {
    /// Anatomy.
    Grey,
    /// Perfusion.
    Inferno,
    /// Uptake.
    Viridis,
}

impl ViewerVolumes {
    /// Bytes that it takes in a page, near enough to share the room of a page.
    pub fn bytes(&self) -> usize {
        /// What stands around the packed bytes of an image.
        const AROUND: usize = 400;
        self.layers.iter().map(|layer| layer.codes.0.len() + AROUND).sum::<usize>() + self.lesion.0.len() + AROUND
    }
}

/// Bytes as text: deflated (RFC 1950) and in base64, as a page carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackedBytes(String);

impl PackedBytes {
    /// Packs bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        // Writing to memory does not fail.
        let packed = encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default();
        Self(STANDARD.encode(packed))
    }

    /// The bytes again; `None` where the text is damaged.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let packed = STANDARD.decode(&self.0).ok()?;
        let mut bytes = Vec::new();
        ZlibDecoder::new(packed.as_slice()).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

impl Layer {
    /// The value of a voxel; NaN where it is not estimated or the codes are damaged.
    pub fn value(&self, index: usize) -> f64 {
        let Some(bytes) = self.codes.bytes() else { return f64::NAN };
        let code = match self.bits {
            8 => bytes.get(index).copied().map(u16::from),
            _ => bytes
                .get(index)
                .zip(bytes.get(bytes.len() / 2 + index))
                .map(|(&low, &high)| u16::from_le_bytes([low, high])),
        };
        match code {
            None | Some(0) => f64::NAN,
            Some(code) => self.low + self.step * f64::from(code - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_read_back() {
        let bytes: Vec<u8> = (0..1000_u32).map(|i| (i * i % 251) as u8).collect();
        assert_eq!(PackedBytes::new(&bytes).bytes().unwrap(), bytes);
        assert_eq!(PackedBytes("no base64".to_owned()).bytes(), None);
    }

    #[test]
    fn a_code_of_zero_is_not_estimated_and_others_are_steps_above_the_lowest() {
        let layer = |bits: u8, codes: &[u8]| Layer {
            key: "rcbv".to_owned(),
            title: "rCBV".to_owned(),
            unit: String::new(),
            colors: Colors::Inferno,
            range: (0.0, 3.5),
            cutoffs: Vec::new(),
            low: -0.5,
            step: 0.25,
            bits,
            open_end: false,
            codes: PackedBytes::new(codes),
        };
        // 0, 3 and 0x0101: low bytes first, then high bytes.
        let wide = layer(16, &[0, 3, 1, 0, 0, 1]);
        assert!(wide.value(0).is_nan());
        assert_eq!((wide.value(1), wide.value(2)), (0.0, -0.5 + 0.25 * 256.0));
        assert_eq!(layer(8, &[3]).value(0), 0.0);
        assert!(layer(8, &[3]).value(1).is_nan());
    }
}
