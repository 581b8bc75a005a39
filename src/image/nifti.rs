//! The NIfTI door: every image enters here, in canonical order, or is refused with a reason.
//!
//! [`NiftiImage::open`] reads the header only; the `read_` methods go through the file once. `.nii`, `.hdr` + `.img`,
//! each plain or gzip-compressed; NIfTI-1 and NIfTI-2; both byte orders; all integer and real types up to 64 bits.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::codec::SampleType;
use super::compaction::{Compaction, Compactor};
use super::error::ImageError;
use super::grid::Grid;
use super::header::{Header, NIFTI_2_BYTES, Placement};
use super::pair::Pair;
use super::rows::Rows;
use super::series::{Samples, Series};
use super::stream::{self, Bytes, Slab, for_each_slab};
use super::volume::{Labels, Mask, Volume};
use super::write::{Compression, ScaledWriter};
use crate::units::Seconds;

/// An image file whose header was read and checked.
///
/// ```no_run
/// use relight::image::NiftiImage;
///
/// let mask = NiftiImage::open("sub-01_desc-brain_mask.nii.gz".as_ref())?.read_mask()?;
/// let image = NiftiImage::open("sub-01_dsc.nii.gz".as_ref())?;
/// println!("{} frames, one each {:?}", image.frames(), image.frame_time());
/// let series = image.read_series(&mask)?;
/// # Ok::<(), relight::image::ImageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct NiftiImage {
    path: PathBuf,
    /// The file that holds the voxels: `path`, or the `.img` beside it.
    data_path: PathBuf,
    header: Header,
    memory_limit: u64,
}

impl NiftiImage {
    /// Memory that reading one image may take unless [`with_memory_limit`](Self::with_memory_limit) says otherwise:
    /// ten times a large 4D series, and a header that promises more is more likely damaged than true.
    pub const DEFAULT_MEMORY_LIMIT: u64 = 8 << 30;

    /// Opens a file and checks its header, and that the file is long enough for the voxels it promises. Of a
    /// `.hdr` + `.img` pair either name will do.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let pair = Pair::of(path);
        let header_path = pair.as_ref().map_or(Ok(path.to_path_buf()), |pair| pair.file("hdr", path))?;
        let (mut bytes, capacity) = Bytes::open(&header_path)?;
        let mut start = [0; NIFTI_2_BYTES];
        let filled = bytes.fill(&mut start).map_err(|error| bytes.error(&header_path, error))?;
        let header = Header::parse(&start[..filled], &header_path)?;
        let (data_path, capacity) = match (header.single_file, pair) {
            (true, _) => (header_path, capacity),
            (false, Some(pair)) => {
                let data_path = pair.file("img", path)?;
                let (_, capacity) = Bytes::open(&data_path)?;
                (data_path, capacity)
            }
            (false, None) => {
                return Err(ImageError::Field {
                    path: path.into(),
                    field: "magic",
                    expected: "a single file (n+1, n+2), as the name ends in neither .hdr nor .img".into(),
                    found: "a header whose voxels stand in another file (ni1, ni2)".into(),
                });
            }
        };
        let expected = header.data_offset + header.data_bytes;
        if expected > capacity {
            return Err(ImageError::Truncated { path: data_path, expected, found: capacity });
        }
        let image = Self { path: path.into(), data_path, header, memory_limit: Self::DEFAULT_MEMORY_LIMIT };
        // Voxels are counted in 32 bits while reading.
        image.allow_bytes(image.grid().len() as u64, u64::from(u32::MAX))?;
        Ok(image)
    }

    /// The same image, to be read with no more than this many bytes of memory.
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// The name it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the voxels stand.
    pub fn grid(&self) -> &Grid {
        &self.header.grid
    }

    /// What placed the voxels there.
    pub fn placement(&self) -> Placement {
        self.header.placement
    }

    /// Number of time frames: 1 for a volume.
    pub fn frames(&self) -> usize {
        self.header.frames
    }

    /// Time from frame to frame; `None` where the header does not say, or says it without a unit.
    pub fn frame_time(&self) -> Option<Seconds> {
        self.header.frame_time
    }

    /// Reads the one volume.
    pub fn read_volume(self) -> Result<Volume, ImageError> {
        self.one_volume()?;
        self.for_each_volume(|_, _| Ok::<_, ImageError>(()))
    }

    /// Reads the one volume, and writes it times a factor, as [`write_scaled_volume`](super::write_scaled_volume) does,
    /// while the rest of the file is inflated.
    pub fn read_volume_writing_scaled(
        self,
        writer: impl Write,
        factor: f64,
        compression: Compression,
    ) -> Result<Volume, ImageError> {
        self.one_volume()?;
        let mut copy = ScaledWriter::new(writer, *self.grid(), factor, compression)?;
        let volume = self.for_each_slab_of_volumes(|_, rows, volume| copy.rows(&volume.data, rows))?;
        copy.finish()?;
        Ok(volume)
    }

    /// Reads a label map: every value must be an integer from 0 up, whatever type stores it.
    pub fn read_labels(self) -> Result<Labels, ImageError> {
        /// Distance from an integer that still counts as rounding: labels stored as scaled floats.
        const TOLERANCE: f64 = 1e-3;

        self.one_volume()?;
        self.allow(4 * self.grid().len() as u64)?;
        let mut data = self.allocate::<u32>(self.grid().len())?;
        let rows = Rows::of(self.grid());
        let mut values = vec![0.0_f64; rows.length];
        for_each_slab(&self.data_path, &self.header, |slab| {
            for (row, bytes) in self.rows_of(&slab) {
                if self.header.codec.all_zero(bytes) {
                    continue;
                }
                self.header.codec.decode(bytes, &mut values);
                let place = rows.place(row);
                for (x, &value) in values.iter().enumerate() {
                    // The nearest integer of the type: a cast saturates, and makes 0 of NaN.
                    let label = (value + 0.5) as u32;
                    let is_label = (value - f64::from(label)).abs() <= TOLERANCE;
                    if !is_label {
                        let (path, voxel) = (self.path.clone(), rows.voxel(row, x));
                        return Err(ImageError::NotALabel { path, voxel, value });
                    }
                    // Most voxels are background, and pages that are never written cost neither time nor memory.
                    if label != 0 {
                        data[place.at(x)] = label;
                    }
                }
            }
            Ok(())
        })?;
        Ok(Labels { grid: self.header.grid, data })
    }

    /// Reads a region: the voxels above 0.5. NaN is outside.
    pub fn read_mask(self) -> Result<Mask, ImageError> {
        self.one_volume()?;
        self.allow(self.grid().len() as u64)?;
        let mut data = self.allocate::<bool>(self.grid().len())?;
        let rows = Rows::of(self.grid());
        let mut values = vec![0.0_f64; rows.length];
        for_each_slab(&self.data_path, &self.header, |slab| {
            for (row, bytes) in self.rows_of(&slab) {
                if self.header.codec.all_zero(bytes) {
                    continue;
                }
                self.header.codec.decode(bytes, &mut values);
                let place = rows.place(row);
                for (x, &value) in values.iter().enumerate() {
                    if value > 0.5 {
                        data[place.at(x)] = true;
                    }
                }
            }
            Ok::<_, ImageError>(())
        })?;
        Ok(Mask { grid: self.header.grid, data })
    }

    /// Reads the curves of the voxels of a mask, which must stand on the same grid.
    pub fn read_series(self, mask: &Mask) -> Result<Series, ImageError> {
        self.same_space(mask)?;
        let mut compacted = self.compactor(mask)?;
        for_each_slab(&self.data_path, &self.header, |slab| {
            compacted.slab(&self.header, &slab);
            Ok::<_, ImageError>(())
        })?;
        Ok(compacted.into_series(&self.header, mask))
    }

    /// Reads the curves of the voxels of a mask that `choose` makes from the first `leading` frames (fewer when the
    /// series is shorter), in one pass through the file: a brain mask of a series, say, without inflating it twice.
    pub fn read_series_with<E: From<ImageError>>(
        self,
        leading: usize,
        choose: impl FnOnce(&[Volume]) -> Result<Mask, E>,
    ) -> Result<Series, E> {
        let leading = leading.min(self.frames());
        let frame_bytes = self.grid().len() * self.header.codec.sample.size();
        let voxels = self.grid().len() as u64;
        self.allow((frame_bytes as u64 + 4 * voxels).saturating_mul(leading as u64))?;
        let mut waiting: Vec<u8> = Vec::new();
        let mut choose = Some(choose);
        let mut chosen = None;
        let mut begin = |waiting: &[u8]| -> Result<Option<(Compacted, Mask)>, E> {
            let Some(choose) = choose.take() else { return Ok(None) };
            let mut volumes = Vec::with_capacity(leading);
            for frame in waiting.chunks_exact(frame_bytes) {
                volumes.push(self.volume_of(frame)?);
            }
            let mask = choose(&volumes)?;
            drop(volumes);
            self.same_space(&mask)?;
            let mut compacted = self.compactor(&mask)?;
            for (frame, bytes) in waiting.chunks_exact(frame_bytes).enumerate() {
                compacted.slab(&self.header, &Slab { frame, first_row: 0, bytes });
            }
            Ok(Some((compacted, mask)))
        };
        if leading == 0 {
            chosen = begin(&[])?;
        }
        for_each_slab::<E>(&self.data_path, &self.header, |slab| {
            if let Some((compacted, _)) = &mut chosen {
                compacted.slab(&self.header, &slab);
                return Ok(());
            }
            waiting.extend_from_slice(slab.bytes);
            if waiting.len() == leading * frame_bytes {
                chosen = begin(&waiting)?;
                waiting = Vec::new();
            }
            Ok(())
        })?;
        let (compacted, mask) = chosen.expect("the leading frames have passed when all have");
        Ok(compacted.into_series(&self.header, &mask))
    }

    /// Calls `each` with the number and the values of every frame in turn. The values are overwritten by the next.
    pub fn for_each_frame<E: From<ImageError>>(
        self,
        each: impl FnMut(usize, &Volume) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_volume(each).map(|_| ())
    }
}

impl NiftiImage {
    /// Fills one volume with frame after frame, calls `each` when one is complete, and returns the last.
    fn for_each_volume<E: From<ImageError>>(
        &self,
        mut each: impl FnMut(usize, &Volume) -> Result<(), E>,
    ) -> Result<Volume, E> {
        let all = Rows::of(self.grid()).count;
        self.for_each_slab_of_volumes(|frame, rows, volume| if rows == all { each(frame, volume) } else { Ok(()) })
    }

    /// Fills one volume with frame after frame, calls `each` after every slab with the frame and the number of its
    /// rows that have arrived, and returns the last.
    fn for_each_slab_of_volumes<E: From<ImageError>>(
        &self,
        mut each: impl FnMut(usize, usize, &Volume) -> Result<(), E>,
    ) -> Result<Volume, E> {
        let rows = Rows::of(self.grid());
        self.allow(4 * self.grid().len() as u64)?;
        let mut volume = Volume { grid: self.header.grid, data: self.allocate(self.grid().len())? };
        let mut values = vec![0.0; rows.length];
        for_each_slab(&self.data_path, &self.header, |slab| {
            self.decode(&slab, &rows, &mut values, &mut volume.data);
            each(slab.frame, slab.first_row + self.rows_of(&slab).count(), &volume)
        })?;
        Ok(volume)
    }

    fn volume_of(&self, frame: &[u8]) -> Result<Volume, ImageError> {
        let rows = Rows::of(self.grid());
        let mut data = self.allocate(self.grid().len())?;
        let slab = Slab { frame: 0, first_row: 0, bytes: frame };
        self.decode(&slab, &rows, &mut vec![0.0; rows.length], &mut data);
        Ok(Volume { grid: self.header.grid, data })
    }

    /// Numbers and bytes of the rows of a slab.
    fn rows_of<'s>(&self, slab: &Slab<'s>) -> impl Iterator<Item = (usize, &'s [u8])> + use<'s> {
        let [length, _, _] = self.grid().stored_shape();
        (slab.first_row..).zip(slab.bytes.chunks_exact(length * self.header.codec.sample.size()))
    }

    /// Decodes a slab into a volume; `values` has room for a row.
    fn decode(&self, slab: &Slab<'_>, rows: &Rows, values: &mut [f32], volume: &mut [f32]) {
        for (row, bytes) in self.rows_of(slab) {
            let place = rows.place(row);
            if place.step == 1 {
                self.header.codec.decode(bytes, &mut volume[place.first..][..rows.length]);
            } else {
                self.header.codec.decode(bytes, values);
                for (x, &value) in values.iter().enumerate() {
                    volume[place.at(x)] = value;
                }
            }
        }
    }

    fn compactor(&self, mask: &Mask) -> Result<Compacted, ImageError> {
        let compaction = Compaction::new(mask, self.grid());
        let frames = self.frames();
        let samples = (frames as u64).saturating_mul(compaction.voxels() as u64);
        if self.header.codec.sample == SampleType::Int16 {
            self.allow(samples.saturating_mul(2))?;
            Ok(Compacted::Int16(Compactor::new(compaction, self.reserve(samples as usize)?)))
        } else {
            self.allow(samples.saturating_mul(4))?;
            Ok(Compacted::Float32(Compactor::new(compaction, self.reserve(samples as usize)?)))
        }
    }

    fn one_volume(&self) -> Result<(), ImageError> {
        if self.frames() == 1 {
            Ok(())
        } else {
            Err(ImageError::NotOneVolume { path: self.path.clone(), frames: self.frames() })
        }
    }

    fn same_space(&self, mask: &Mask) -> Result<(), ImageError> {
        self.grid().same_space(&mask.grid).map_err(|source| ImageError::Space { path: self.path.clone(), source })
    }

    /// Whether a result of this size fits beside the slabs.
    fn allow(&self, bytes: u64) -> Result<(), ImageError> {
        let slabs = stream::SLABS as u64 * stream::slab_bytes(&self.header) as u64;
        self.allow_bytes(bytes.saturating_add(slabs), self.memory_limit)
    }

    fn allow_bytes(&self, needed: u64, limit: u64) -> Result<(), ImageError> {
        if needed <= limit { Ok(()) } else { Err(ImageError::TooLarge { path: self.path.clone(), needed, limit }) }
    }

    /// Room for `count` values that arrive later: an error where the machine has none, and no page touched before.
    fn reserve<T>(&self, count: usize) -> Result<Vec<T>, ImageError> {
        let mut values = Vec::new();
        let needed = (count as u64).saturating_mul(size_of::<T>() as u64);
        values.try_reserve_exact(count).map_err(|_| ImageError::TooLarge {
            path: self.path.clone(),
            needed,
            limit: self.memory_limit,
        })?;
        Ok(values)
    }

    /// `count` zeros: the operating system hands out zeroed pages when they are first written, not before.
    fn allocate<T: Default + Clone>(&self, count: usize) -> Result<Vec<T>, ImageError> {
        /// What any machine has, in bytes: not tried first, as memory that was handed back comes again used, and then
        /// every page of it must be cleared.
        const MODEST: usize = 1 << 26;
        if count.saturating_mul(size_of::<T>()) > MODEST {
            drop(self.reserve::<T>(count)?);
        }
        Ok(vec![T::default(); count])
    }
}

/// A series on its way into memory, in the type it will be kept in.
enum Compacted {
    Int16(Compactor<i16>),
    Float32(Compactor<f32>),
}

impl Compacted {
    fn slab(&mut self, header: &Header, slab: &Slab<'_>) {
        let size = header.codec.sample.size();
        let [nx, _, _] = header.grid.stored_shape();
        let first = slab.first_row * nx;
        match self {
            Self::Int16(rows) => rows.slab(first, slab.bytes, size, |bytes, out| header.codec.stored_int16(bytes, out)),
            Self::Float32(rows) => rows.slab(first, slab.bytes, size, |bytes, out| header.codec.decode(bytes, out)),
        }
    }

    fn into_series(self, header: &Header, mask: &Mask) -> Series {
        // The mask may come from a file stored otherwise: results are written as the series is stored.
        let mask = Mask { grid: header.grid, data: mask.data.clone() };
        let (voxels, samples) = match self {
            Self::Int16(rows) => {
                let (slope, intercept) = (header.codec.slope, header.codec.intercept);
                (rows.voxels(), Samples::Int16 { data: rows.into_data(), slope, intercept })
            }
            Self::Float32(rows) => (rows.voxels(), Samples::Float32(rows.into_data())),
        };
        Series { mask, frames: header.frames, voxels, samples }
    }
}

#[cfg(test)]
mod tests;
