//! Images to NIfTI-1 files (`nifti1.h`): in the orientation their grid remembers, little-endian, without any text.

use std::io::{self, Write};
use std::ops::Range;

use super::error::ImageError;
use super::grid::{Affine, Grid};
use super::gzip::{Effort, ParallelGzip};
use super::rows::{Place, Rows};
use super::volume::{Labels, Mask, Volume};
use crate::units::Seconds;

/// Whether a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.nii`.
    None,
    /// `.nii.gz`, at a level from 1 (fast) to 9 (small).
    Gzip {
        /// The level.
        level: u32,
    },
    /// `.nii.gz`, where stretches that would not become smaller by a fifth are stored as they are.
    QuickGzip {
        /// The level of the others.
        level: u32,
    },
}

impl Compression {
    /// For maps: nearly as small as level 6 in about half its time, and no time spent on noise.
    pub const MAPS: Self = Self::QuickGzip { level: 3 };
}

/// The type in which samples are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredAs {
    /// As they are.
    Float32,
    /// `(value - intercept) / slope`, rounded to the nearest 16-bit integer; a value that does not fit is an error.
    Int16 {
        /// Scale: `scl_slope`, finite and not zero.
        slope: f32,
        /// Offset: `scl_inter`, finite.
        intercept: f32,
    },
}

/// Writes a volume as 32-bit floats.
pub fn write_volume(writer: impl Write, volume: &Volume, compression: Compression) -> Result<(), ImageError> {
    Layout::floats(&volume.grid, None)
        .write(writer, compression, |file| file.frame(|place, row| place.each(&volume.data, row, f32::to_le_bytes)))
}

/// Writes a volume times a factor (the product in f64) as 32-bit floats; no scaled copy is held.
pub fn write_scaled_volume(
    writer: impl Write,
    volume: &Volume,
    factor: f64,
    compression: Compression,
) -> Result<(), ImageError> {
    let mut file = ScaledWriter::new(writer, volume.grid, factor, compression)?;
    file.rows(&volume.data, Rows::of(&volume.grid).count)?;
    file.finish()
}

/// A volume times a factor on its way into a file, row by row: a map can be written while its image is being read.
pub(super) struct ScaledWriter<W: Write> {
    sink: Sink<W>,
    grid: Grid,
    factor: f64,
    /// The first row that is not written yet.
    next: usize,
}

impl<W: Write> ScaledWriter<W> {
    /// Writes the header.
    pub fn new(writer: W, grid: Grid, factor: f64, compression: Compression) -> Result<Self, ImageError> {
        let header = Layout::floats(&grid, None).header()?;
        let mut sink = Sink::new(writer, compression)?;
        sink.write_all(&header)?;
        Ok(Self { sink, grid, factor, next: 0 })
    }

    /// Writes the stored rows before `end` that are not written yet. `values` has room for the whole volume, and holds
    /// those of these rows.
    pub fn rows(&mut self, values: &[f32], end: usize) -> Result<(), ImageError> {
        let (factor, rows) = (self.factor, self.next..end);
        self.next = end;
        write_rows(&mut self.sink, &Rows::of(&self.grid), rows, |place, row: &mut [[u8; 4]]| {
            place.each(values, row, |value| ((f64::from(value) * factor) as f32).to_le_bytes());
        })
    }

    /// Writes what ends the file.
    pub fn finish(self) -> Result<(), ImageError> {
        debug_assert_eq!(self.next, Rows::of(&self.grid).count);
        self.sink.finish()
    }
}

/// Writes a label map in the smallest unsigned integer type that holds its largest label.
pub fn write_labels(writer: impl Write, labels: &Labels, compression: Compression) -> Result<(), ImageError> {
    let largest = labels.data.iter().max().copied().unwrap_or(0);
    write_labels_with(writer, &labels.grid, largest, |_, _| true, |index| labels.data[index], compression)
}

/// Writes the label that `label` gives to each linear index in the smallest unsigned integer type that holds `largest`;
/// no label is above it, and no label map is held. Rows for which `holds_labels` says no, by their first and their last
/// voxel, are written as 0.
pub fn write_labels_with(
    writer: impl Write,
    grid: &Grid,
    largest: u32,
    holds_labels: impl Fn([usize; 3], [usize; 3]) -> bool,
    label: impl Fn(usize) -> u32,
    compression: Compression,
) -> Result<(), ImageError> {
    let layout = |datatype, bytes| Layout { grid, frames: None, datatype, bytes, slope: 1.0, intercept: 0.0 };
    let holds_labels = |place: Place, last: usize| holds_labels(grid.voxel(place.first), grid.voxel(place.at(last)));
    if largest > u32::from(u16::MAX) {
        layout(768, 4).write(writer, compression, |file| {
            file.frame(|place, row| label_row(place, row, holds_labels, &label, |label| label.to_le_bytes()))
        })
    } else if largest > u32::from(u8::MAX) {
        layout(512, 2).write(writer, compression, |file| {
            file.frame(|place, row| label_row(place, row, holds_labels, &label, |label| (label as u16).to_le_bytes()))
        })
    } else {
        layout(2, 1).write(writer, compression, |file| {
            file.frame(|place, row| label_row(place, row, holds_labels, &label, |label| [label as u8]))
        })
    }
}

fn label_row<const N: usize>(
    place: Place,
    row: &mut [[u8; N]],
    holds_labels: impl Fn(Place, usize) -> bool,
    label: impl Fn(usize) -> u32,
    stored: impl Fn(u32) -> [u8; N],
) {
    if holds_labels(place, row.len() - 1) {
        place.each_index(row, |index| stored(label(index)));
    } else {
        row.fill([0; N]);
    }
}

/// Writes a region as 8-bit integers, 1 inside and 0 outside.
pub fn write_mask(writer: impl Write, mask: &Mask, compression: Compression) -> Result<(), ImageError> {
    let layout = Layout { grid: &mask.grid, frames: None, datatype: 2, bytes: 1, slope: 1.0, intercept: 0.0 };
    layout.write(writer, compression, |file| {
        file.frame(|place, row| place.each(&mask.data, row, |inside| [u8::from(inside)]))
    })
}

/// Writes a time series frame by frame: `frame` gets the number of a frame and a buffer with one value per voxel of
/// `grid` in canonical order, which it fills. Only one frame is held at a time. One frame without a frame time is
/// written as a volume: three dimensions.
pub fn write_series(
    writer: impl Write,
    grid: &Grid,
    frames: usize,
    frame_time: Option<Seconds>,
    stored_as: StoredAs,
    compression: Compression,
    mut frame: impl FnMut(usize, &mut [f32]),
) -> Result<(), ImageError> {
    let frames_and_time = (frames > 1 || frame_time.is_some()).then_some((frames, frame_time));
    let mut values = vec![0.0_f32; grid.len()];
    match stored_as {
        StoredAs::Float32 => Layout::floats(grid, frames_and_time).write(writer, compression, |file| {
            for number in 0..frames {
                frame(number, &mut values);
                file.frame(|place, row| place.each(&values, row, f32::to_le_bytes))?;
            }
            Ok(())
        }),
        StoredAs::Int16 { slope, intercept } => {
            if !(slope.is_finite() && slope != 0.0 && intercept.is_finite()) {
                return Err(unwritable("scl_slope, scl_inter", "finite numbers, slope not 0", (slope, intercept)));
            }
            let layout = Layout { grid, frames: frames_and_time, datatype: 4, bytes: 2, slope, intercept };
            let (slope, intercept) = (f64::from(slope), f64::from(intercept));
            layout.write(writer, compression, |file| {
                for number in 0..frames {
                    frame(number, &mut values);
                    let stored = |value: f32| ((f64::from(value) - intercept) / slope).round();
                    let fits = |value: f32| (f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&stored(value));
                    if let Some(value) = values.iter().find(|&&value| !fits(value)) {
                        return Err(unwritable("voxel", "a value that fits a 16-bit integer", value));
                    }
                    file.frame(|place, row| place.each(&values, row, |value| (stored(value) as i16).to_le_bytes()))?;
                }
                Ok(())
            })
        }
    }
}

/// What stands in the header.
struct Layout<'a> {
    grid: &'a Grid,
    /// Number of frames and their distance, of a series.
    frames: Option<(usize, Option<Seconds>)>,
    datatype: i16,
    /// Bytes of a sample.
    bytes: usize,
    slope: f32,
    intercept: f32,
}

impl<'a> Layout<'a> {
    /// 32-bit floats as they are.
    fn floats(grid: &'a Grid, frames: Option<(usize, Option<Seconds>)>) -> Self {
        Self { grid, frames, datatype: 16, bytes: 4, slope: 1.0, intercept: 0.0 }
    }

    fn write<W: Write>(
        &self,
        writer: W,
        compression: Compression,
        frames: impl FnOnce(&mut Frames<'_, '_>) -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        let header = self.header()?;
        let mut sink = Sink::new(writer, compression)?;
        sink.write_all(&header)?;
        frames(&mut Frames { writer: &mut sink, layout: self })?;
        sink.finish()
    }

    /// 348 bytes of header and four that say that no extension follows.
    fn header(&self) -> Result<Vec<u8>, ImageError> {
        /// Scanner coordinates (NIFTI_XFORM_SCANNER_ANAT).
        const SCANNER: i16 = 1;
        /// Millimeters and seconds (NIFTI_UNITS_MM, NIFTI_UNITS_SEC).
        const MILLIMETERS: u8 = 2;
        const SECONDS: u8 = 8;

        let affine = self.grid.stored_affine();
        let mut dim = [1_i16; 8];
        dim[0] = if self.frames.is_some() { 4 } else { 3 };
        let [x, y, z] = self.grid.stored_shape();
        let (frames, frame_time) = self.frames.unwrap_or((1, None));
        for (stored, size) in dim[1..5].iter_mut().zip([x, y, z, frames]) {
            *stored = i16::try_from(size)
                .ok()
                .filter(|&size| size > 0)
                .ok_or_else(|| unwritable("dim", "1 to 32767 along each axis (NIfTI-1)", size))?;
        }
        let size = affine.voxel_size();
        let quaternion = Quaternion::of(&affine);
        let mut pixdim = [0.0_f32; 8];
        pixdim[0] = quaternion.as_ref().map_or(1.0, |quaternion| quaternion.qfac);
        for axis in 0..3 {
            pixdim[1 + axis] = size[axis] as f32;
        }
        let units = match frame_time {
            Some(time) => {
                pixdim[4] = time.0 as f32;
                MILLIMETERS | SECONDS
            }
            None => MILLIMETERS,
        };

        let mut header = Vec::with_capacity(352);
        header.extend_from_slice(&348_i32.to_le_bytes());
        header.resize(38, 0);
        // `regular`, which some old readers of the ANALYZE format want.
        header.extend_from_slice(b"r\0");
        put(&mut header, dim.map(i16::to_le_bytes));
        header.resize(70, 0);
        put(&mut header, [self.datatype, 8 * self.bytes as i16, 0].map(i16::to_le_bytes));
        put(&mut header, pixdim.map(f32::to_le_bytes));
        put(&mut header, [352.0, self.slope, self.intercept].map(f32::to_le_bytes));
        header.resize(123, 0);
        header.push(units);
        header.resize(252, 0);
        let qform_code = if quaternion.is_some() { SCANNER } else { 0 };
        put(&mut header, [qform_code, SCANNER].map(i16::to_le_bytes));
        let [b, c, d] = quaternion.map_or([0.0; 3], |quaternion| quaternion.vector);
        put(&mut header, [b, c, d].map(|value| (value as f32).to_le_bytes()));
        put(&mut header, [0, 1, 2].map(|row| (affine.0[row][3] as f32).to_le_bytes()));
        put(&mut header, affine.0.as_flattened().iter().map(|&value| (value as f32).to_le_bytes()));
        header.resize(344, 0);
        header.extend_from_slice(b"n+1\0");
        header.resize(352, 0);
        Ok(header)
    }
}

fn put<const N: usize>(header: &mut Vec<u8>, values: impl IntoIterator<Item = [u8; N]>) {
    for value in values {
        header.extend_from_slice(&value);
    }
}

fn unwritable(field: &'static str, expected: &str, found: impl std::fmt::Debug) -> ImageError {
    ImageError::Unwritable { field, expected: expected.into(), found: format!("{found:?}") }
}

/// The voxels of a file that is being written.
struct Frames<'w, 'l> {
    writer: &'w mut dyn Write,
    layout: &'l Layout<'l>,
}

impl Frames<'_, '_> {
    /// Writes the rows of a frame in stored order; `encode` gets the place of each in memory and fills it.
    fn frame<const N: usize>(&mut self, encode: impl Fn(Place, &mut [[u8; N]])) -> Result<(), ImageError> {
        debug_assert_eq!(N, self.layout.bytes);
        let rows = Rows::of(self.layout.grid);
        write_rows(self.writer, &rows, 0..rows.count, encode)
    }
}

/// Writes some rows in stored order; `encode` gets the place of each in memory and fills it.
fn write_rows<const N: usize>(
    writer: &mut (impl Write + ?Sized),
    rows: &Rows,
    range: Range<usize>,
    encode: impl Fn(Place, &mut [[u8; N]]),
) -> Result<(), ImageError> {
    let mut row = vec![[0; N]; rows.length];
    for number in range {
        encode(rows.place(number), &mut row);
        writer.write_all(row.as_flattened())?;
    }
    Ok(())
}

/// Where the bytes of a file go.
enum Sink<W: Write> {
    Plain(W),
    Gzip(ParallelGzip<W>),
}

impl<W: Write> Sink<W> {
    fn new(writer: W, compression: Compression) -> Result<Self, ImageError> {
        Ok(match compression {
            Compression::None => Self::Plain(writer),
            Compression::Gzip { level } => Self::Gzip(ParallelGzip::new(writer, level, Effort::Every)?),
            Compression::QuickGzip { level } => Self::Gzip(ParallelGzip::new(writer, level, Effort::Worthwhile)?),
        })
    }

    fn finish(self) -> Result<(), ImageError> {
        match self {
            Self::Plain(mut writer) => writer.flush()?,
            Self::Gzip(gzip) => gzip.finish()?,
        }
        Ok(())
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            Self::Gzip(gzip) => gzip.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.flush(),
            Self::Gzip(gzip) => gzip.flush(),
        }
    }
}

/// A rotation as a unit quaternion with a ≥ 0, and the sign of the third axis (Method 2 of the standard).
struct Quaternion {
    vector: [f64; 3],
    qfac: f32,
}

impl Quaternion {
    /// `None` where the affine is no rotation of right-angled voxels: the quaternion cannot say it, the sform can.
    fn of(affine: &Affine) -> Option<Self> {
        /// Largest cosine between axes that still counts as a right angle: float32 rounding of a header.
        const TOLERANCE: f64 = 1e-5;

        let size = affine.voxel_size();
        let qfac = if affine.determinant() < 0.0 { -1.0 } else { 1.0 };
        let sign = [1.0, 1.0, qfac];
        let r: [[f64; 3]; 3] = std::array::from_fn(|row| {
            std::array::from_fn(|column| affine.0[row][column] / size[column] * sign[column])
        });
        let cosine = |a: usize, b: usize| (0..3).map(|row| r[row][a] * r[row][b]).sum::<f64>();
        if [cosine(0, 1), cosine(0, 2), cosine(1, 2)].iter().any(|cosine| cosine.abs() > TOLERANCE) {
            return None;
        }
        // The largest of 4a², 4b², 4c², 4d² is at least 1; the others follow from it without cancellation.
        let squares = [
            1.0 + r[0][0] + r[1][1] + r[2][2],
            1.0 + r[0][0] - r[1][1] - r[2][2],
            1.0 + r[1][1] - r[0][0] - r[2][2],
            1.0 + r[2][2] - r[0][0] - r[1][1],
        ];
        let largest = (1..4).fold(0, |best, i| if squares[i] > squares[best] { i } else { best });
        let twice = squares[largest].sqrt();
        let (sums, differences) = (
            [r[0][1] + r[1][0], r[0][2] + r[2][0], r[1][2] + r[2][1]],
            [r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]],
        );
        let [a, b, c, d] = match largest {
            0 => [twice * twice, differences[0], differences[1], differences[2]],
            1 => [differences[0], twice * twice, sums[0], sums[1]],
            2 => [differences[1], sums[0], twice * twice, sums[2]],
            _ => [differences[2], sums[1], sums[2], twice * twice],
        }
        .map(|value| value / (2.0 * twice));
        let sign = if a < 0.0 { -1.0 } else { 1.0 };
        Some(Self { vector: [b * sign, c * sign, d * sign], qfac: qfac as f32 })
    }
}
