//! The NIfTI header: parsed, checked, and turned into a grid.
//!
//! NIfTI-1.1 (`nifti1.h`, R. Cox et al., 2004) is parsed by the `nifti` crate; NIfTI-2 (`nifti2.h`, 2011), which the
//! crate does not read, here. Every field that is used is checked before it is believed, as the crate checks few.

use std::path::Path;

use nifti::{Endianness, NiftiHeader};

use super::codec::{Codec, SampleType};
use super::error::ImageError;
use super::grid::{Affine, Grid};
use crate::units::Seconds;

/// What placed the voxels in space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The affine matrix: `sform_code` > 0.
    Sform,
    /// The quaternion: `qform_code` > 0 and no sform.
    Qform,
    /// Neither. Voxel sizes are known; orientation (taken as stored) and position are not, so the image has no
    /// scanner coordinates and cannot be laid over another one.
    PixdimOnly,
}

/// A checked header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub grid: Grid,
    pub frames: usize,
    pub frame_time: Option<Seconds>,
    pub placement: Placement,
    pub codec: Codec,
    /// Where the voxels begin in the uncompressed file that holds them.
    pub data_offset: u64,
    /// Bytes of all voxels of all frames.
    pub data_bytes: u64,
    /// Whether the voxels follow in the same file (`n+1`, `n+2`) or stand in an `.img` beside it (`ni1`, `ni2`).
    pub single_file: bool,
}

/// Bytes of a NIfTI-1 header.
pub(super) const NIFTI_1_BYTES: usize = 348;
/// Bytes of a NIfTI-2 header.
pub(super) const NIFTI_2_BYTES: usize = 540;

impl Header {
    /// Parses the first bytes of a file: at least 348 (NIfTI-1) or 540 (NIfTI-2).
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, ImageError> {
        let not_nifti = |found: String| ImageError::NotNifti { path: path.into(), found };
        let Some((size, _)) = bytes.split_first_chunk::<4>() else {
            return Err(not_nifti(other_content(bytes)));
        };
        let order = if [348, 540].contains(&i32::from_le_bytes(*size)) { Endianness::Little } else { Endianness::Big };
        let reader = Reader { bytes, order };
        let fields = match reader.i32(0) {
            348 if bytes.len() >= NIFTI_1_BYTES => nifti_1(&reader, path)?,
            540 if bytes.len() >= NIFTI_2_BYTES => nifti_2(&reader),
            348 | 540 => return Err(not_nifti(format!("a header cut off after {} bytes", bytes.len()))),
            _ => return Err(not_nifti(other_content(bytes))),
        };
        fields.check(path)
    }
}

/// The fields of either version that this program uses.
struct Fields {
    version: u8,
    order: Endianness,
    magic: [u8; 4],
    dim: [i64; 8],
    intent: i32,
    datatype: i16,
    bitpix: i16,
    pixdim: [f64; 8],
    vox_offset: f64,
    slope: f64,
    intercept: f64,
    units: i32,
    qform_code: i32,
    sform_code: i32,
    quaternion: [f64; 3],
    quaternion_offset: [f64; 3],
    sform: [[f64; 4]; 3],
}

fn nifti_1(reader: &Reader<'_>, path: &Path) -> Result<Fields, ImageError> {
    // The crate tells the byte order by dim[0], we by sizeof_hdr: with dim[0] in 1..=7 the two agree.
    let dimensions = i64::from(i16::from_ne_bytes(reader.array(40)));
    if !(1..=7).contains(&dimensions) {
        return Err(field(path, "dim[0]", "3 to 7 dimensions", dimensions));
    }
    let header = NiftiHeader::from_reader(reader.bytes).map_err(|_| ImageError::NotNifti {
        path: path.into(),
        found: if reader.bytes[344..348] == [0; 4] {
            "an ANALYZE 7.5 header, which does not say where left and right are".into()
        } else {
            format!("a header with magic {:?}", String::from_utf8_lossy(&reader.bytes[344..348]))
        },
    })?;
    Ok(Fields {
        version: 1,
        order: header.endianness,
        magic: header.magic,
        dim: header.dim.map(|size| i64::from(size.cast_signed())),
        intent: header.intent_code.into(),
        datatype: header.datatype,
        bitpix: header.bitpix,
        pixdim: header.pixdim.map(f64::from),
        vox_offset: header.vox_offset.into(),
        slope: header.scl_slope.into(),
        intercept: header.scl_inter.into(),
        units: header.xyzt_units.into(),
        qform_code: header.qform_code.into(),
        sform_code: header.sform_code.into(),
        quaternion: [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from),
        quaternion_offset: [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from),
        sform: [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from)),
    })
}

fn nifti_2(reader: &Reader<'_>) -> Fields {
    let doubles = |at: usize| -> [f64; 4] { std::array::from_fn(|i| reader.f64(at + 8 * i)) };
    let triple = |at: usize| -> [f64; 3] { std::array::from_fn(|i| reader.f64(at + 8 * i)) };
    Fields {
        version: 2,
        order: reader.order,
        magic: std::array::from_fn(|i| reader.bytes[4 + i]),
        dim: std::array::from_fn(|i| reader.i64(16 + 8 * i)),
        intent: reader.i32(504),
        datatype: i16::from_ne_bytes(reader.array(12)),
        bitpix: i16::from_ne_bytes(reader.array(14)),
        pixdim: std::array::from_fn(|i| reader.f64(104 + 8 * i)),
        vox_offset: reader.i64(168) as f64,
        slope: reader.f64(176),
        intercept: reader.f64(184),
        units: reader.i32(500),
        qform_code: reader.i32(344),
        sform_code: reader.i32(348),
        quaternion: triple(352),
        quaternion_offset: triple(376),
        sform: [doubles(400), doubles(432), doubles(464)],
    }
}

impl Fields {
    fn check(&self, path: &Path) -> Result<Header, ImageError> {
        let single_file = self.single_file(path)?;
        let (stored_shape, frames) = self.shape(path)?;
        let sample = SampleType::from_code(self.datatype)
            .map_err(|found| field(path, "datatype", "an integer or real type of up to 64 bits", found))?;
        if i64::from(self.bitpix) != 8 * sample.size() as i64 {
            let expected = format!("{} for datatype {}", 8 * sample.size(), self.datatype);
            return Err(field(path, "bitpix", expected, self.bitpix));
        }
        let (slope, intercept) = self.scaling(path)?;
        let (affine, placement) = self.affine(path)?;
        let grid = Grid::from_stored(stored_shape, affine)
            .map_err(|source| ImageError::Placement { path: path.into(), source: source.into() })?;
        let voxels = stored_shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64));
        let data_bytes = voxels
            .and_then(|voxels| voxels.checked_mul(frames as u64)?.checked_mul(sample.size() as u64))
            .filter(|&bytes| bytes < 1 << 62)
            .ok_or_else(|| field(path, "dim", "an image of at most 2^62 bytes", format!("{:?}", self.dim)))?;
        Ok(Header {
            grid,
            frames,
            frame_time: self.frame_time(path)?,
            placement,
            codec: Codec { sample, order: self.order, slope, intercept },
            data_offset: self.data_offset(single_file, path)?,
            data_bytes,
            single_file,
        })
    }

    fn single_file(&self, path: &Path) -> Result<bool, ImageError> {
        let single = if self.version == 1 { *b"n+1\0" } else { *b"n+2\0" };
        let pair = if self.version == 1 { *b"ni1\0" } else { *b"ni2\0" };
        match self.magic {
            magic if magic == single => Ok(true),
            magic if magic == pair => Ok(false),
            magic => {
                let expected = format!("n+{0} or ni{0}", self.version);
                Err(field(path, "magic", expected, format!("{:?}", String::from_utf8_lossy(&magic))))
            }
        }
    }

    /// Stored voxels along x, y, z and the number of frames.
    fn shape(&self, path: &Path) -> Result<([usize; 3], usize), ImageError> {
        const NAMES: [&str; 8] = ["dim[0]", "dim[1]", "dim[2]", "dim[3]", "dim[4]", "dim[5]", "dim[6]", "dim[7]"];
        /// Intents whose fifth axis holds the components of a vector or matrix, or color channels (nifti1.h).
        const VECTOR_INTENTS: [i32; 8] = [1004, 1005, 1006, 1007, 1008, 1009, 2003, 2004];

        let dimensions = self.dim[0];
        if !(3..=7).contains(&dimensions) {
            return Err(field(path, NAMES[0], "3 to 7 dimensions", dimensions));
        }
        let mut sizes = [1_usize; 8];
        for axis in 1..=dimensions as usize {
            sizes[axis] = usize::try_from(self.dim[axis])
                .ok()
                .filter(|&size| size >= 1)
                .ok_or_else(|| field(path, NAMES[axis], "at least 1", self.dim[axis]))?;
        }
        let [_, x, y, z, time, fifth, sixth, seventh] = sizes;
        if sixth > 1 || seventh > 1 {
            return Err(field(path, "dim", "at most one axis of frames", format!("{:?}", self.dim)));
        }
        // METHOD: some PET software writes the frames along the fifth axis behind an empty fourth one.
        let frames = match (time, fifth) {
            (frames, 1) => frames,
            (1, frames) if !VECTOR_INTENTS.contains(&self.intent) => frames,
            _ => return Err(field(path, NAMES[5], "1, or frames behind an empty fourth axis", fifth)),
        };
        Ok(([x, y, z], frames))
    }

    /// Slope and intercept. A slope of 0 or NaN means *not scaled*, and then the intercept has no meaning either.
    fn scaling(&self, path: &Path) -> Result<(f64, f64), ImageError> {
        if self.slope == 0.0 || self.slope.is_nan() {
            Ok((1.0, 0.0))
        } else if !self.slope.is_finite() {
            Err(field(path, "scl_slope", "a finite number", self.slope))
        } else if !self.intercept.is_finite() {
            Err(field(path, "scl_inter", "a finite number", self.intercept))
        } else {
            Ok((self.slope, self.intercept))
        }
    }

    fn data_offset(&self, single_file: bool, path: &Path) -> Result<u64, ImageError> {
        // A single file holds the header and four bytes that announce extensions before its voxels.
        let least = match (single_file, self.version) {
            (true, 1) => (NIFTI_1_BYTES + 4) as f64,
            (true, _) => (NIFTI_2_BYTES + 4) as f64,
            (false, _) => 0.0,
        };
        let most = (1_u64 << 53) as f64;
        if self.vox_offset >= least && self.vox_offset <= most && self.vox_offset.fract() == 0.0 {
            Ok(self.vox_offset as u64)
        } else {
            Err(field(path, "vox_offset", format!("a whole number of at least {least}"), self.vox_offset))
        }
    }

    /// Seconds from frame to frame: `None` where there are no frames, or the header does not say in which unit.
    fn frame_time(&self, path: &Path) -> Result<Option<Seconds>, ImageError> {
        if self.dim[0] < 4 || self.dim[4] < 2 {
            return Ok(None);
        }
        let time = self.pixdim[4];
        if !(time.is_finite() && time >= 0.0) {
            return Err(field(path, "pixdim[4]", "a duration of at least 0", time));
        }
        if time == 0.0 {
            return Ok(None);
        }
        // METHOD: a frame time of 1.4 s stands in NIfTI-1 as the float32 next to it. The shortest decimal that has
        // this float32 is what was written; its binary expansion (1.399999976...) would only be noise downstream.
        let time = if self.version == 1 { (time as f32).to_string().parse().unwrap_or(time) } else { time };
        Ok(match self.units & 0x38 {
            8 => Some(Seconds(time)),
            16 => Some(Seconds::from_milliseconds(time)),
            24 => Some(Seconds::from_microseconds(time)),
            // Unknown, or not a time: Hz, ppm, rad/s.
            _ => None,
        })
    }

    /// From stored voxel indices to scanner millimeters (nifti1.h, "3D image orientation and location in space").
    fn affine(&self, path: &Path) -> Result<(Affine, Placement), ImageError> {
        let millimeters = match self.units & 0x07 {
            1 => 1e3,
            // METHOD: no unit given is read as millimeters, as every reader of NIfTI does.
            0 | 2 => 1.0,
            3 => 1e-3,
            _ => {
                return Err(field(
                    path,
                    "xyzt_units",
                    "meters (1), millimeters (2), micrometers (3) or none (0)",
                    self.units,
                ));
            }
        };
        for (axis, name) in [(1, "pixdim[1]"), (2, "pixdim[2]"), (3, "pixdim[3]")] {
            if !(self.pixdim[axis].is_finite() && self.pixdim[axis] > 0.0) {
                return Err(field(path, name, "a voxel size above 0", self.pixdim[axis]));
            }
        }
        let (mut matrix, placement) = if self.sform_code > 0 {
            (self.sform, Placement::Sform)
        } else if self.qform_code > 0 {
            (self.quaternion_matrix(path)?, Placement::Qform)
        } else {
            let size = [self.pixdim[1], self.pixdim[2], self.pixdim[3]];
            (Affine::diagonal(size, [0.0; 3]).0, Placement::PixdimOnly)
        };
        matrix.iter_mut().flatten().for_each(|value| *value *= millimeters);
        Ok((Affine(matrix), placement))
    }

    /// Method 2 of the standard: rotation by the quaternion (a, b, c, d), voxel sizes, shift; qfac is the sign of
    /// `pixdim[0]`, and 0 counts as 1.
    fn quaternion_matrix(&self, path: &Path) -> Result<[[f64; 4]; 3], ImageError> {
        /// b² + c² + d² may pass 1 by the rounding of float32; then a = 0 and the rest is scaled to length 1.
        const TOLERANCE: f64 = 1e-5;

        let [mut b, mut c, mut d] = self.quaternion;
        let sum = b * b + c * c + d * d;
        if sum.is_nan() || sum > 1.0 + TOLERANCE {
            let found = format!("({b}, {c}, {d})");
            return Err(field(path, "quatern_b, quatern_c, quatern_d", "the vector part of a unit quaternion", found));
        }
        if self.pixdim[0].is_nan() {
            return Err(field(path, "pixdim[0]", "-1 or 1 (qfac)", self.pixdim[0]));
        }
        let a = (1.0 - sum).max(0.0).sqrt();
        if sum > 1.0 {
            let length = sum.sqrt();
            (b, c, d) = (b / length, c / length, d / length);
        }
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ];
        let qfac = if self.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
        let size = [self.pixdim[1], self.pixdim[2], self.pixdim[3] * qfac];
        Ok(std::array::from_fn(|row| {
            std::array::from_fn(|column| match column {
                3 => self.quaternion_offset[row],
                _ => rotation[row][column] * size[column],
            })
        }))
    }
}

fn field(path: &Path, field: &'static str, expected: impl Into<String>, found: impl ToString) -> ImageError {
    ImageError::Field { path: path.into(), field, expected: expected.into(), found: found.to_string() }
}

/// What a file is that is not NIfTI, as far as its first bytes tell.
fn other_content(bytes: &[u8]) -> String {
    let text = bytes.trim_ascii_start();
    if bytes.is_empty() {
        "an empty file".into()
    } else if text.starts_with(b"<") {
        "an HTML or XML page (a failed download?)".into()
    } else if text.starts_with(b"version https://git-lfs") {
        "a Git LFS pointer: fetch the data first".into()
    } else if text.starts_with(b"/annex/") || text.starts_with(b"../") && text.contains(&b'\n') {
        "a git-annex pointer: fetch the data first".into()
    } else if bytes.get(128..132) == Some(b"DICM") {
        "a DICOM file: convert it first".into()
    } else if let Some((size, _)) = bytes.split_first_chunk::<4>() {
        format!("a file that starts with {size:02x?} (sizeof_hdr must be 348 or 540)")
    } else {
        format!("{} bytes", bytes.len())
    }
}

/// Numbers at fixed places in either byte order. The caller has checked that the bytes are there.
struct Reader<'a> {
    bytes: &'a [u8],
    order: Endianness,
}

impl Reader<'_> {
    /// `N` bytes in the machine's order.
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes: [u8; N] = std::array::from_fn(|i| self.bytes[at + i]);
        if self.order != Endianness::native() {
            bytes.reverse();
        }
        bytes
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_ne_bytes(self.array(at))
    }

    fn i64(&self, at: usize) -> i64 {
        i64::from_ne_bytes(self.array(at))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_ne_bytes(self.array(at))
    }
}
