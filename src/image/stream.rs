//! The bytes of an image file, inflated on a thread of their own while the caller uses what has arrived.
//!
//! Gzip (RFC 1952) is known by its first two bytes, not by the file's name. Members that follow each other are one
//! stream, as the RFC has it; checksums are checked, and so the file is read to its end before a result counts.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use flate2::bufread::GzDecoder;

use super::error::ImageError;
use super::header::Header;

/// Bytes of a slab: small enough to stay in a core's cache from inflating to use, large enough to make waking the
/// other thread cheap.
const SLAB_BYTES: usize = 1 << 20;
/// Slabs on their way: one being filled, one waiting, one being used.
pub(super) const SLABS: usize = 3;
/// Bytes read from the file at once.
const READ_BYTES: usize = 1 << 18;
/// Deflate cannot express more than this many bytes by one (zlib technical details, "maximum compression factor").
const LARGEST_DEFLATE_RATIO: u64 = 1032;

/// An open file, decompressed where need be.
pub(super) enum Bytes {
    Plain(BufReader<File>),
    /// `None` behind the last member.
    Gzip(Option<Box<GzDecoder<BufReader<File>>>>),
}

impl Bytes {
    /// Opens a file, and gives the most bytes it can hold: its length, or what its compressed length can inflate to.
    pub fn open(path: &Path) -> Result<(Self, u64), ImageError> {
        let read = |source: io::Error| match source.kind() {
            ErrorKind::NotFound => ImageError::NotFound { path: path.into() },
            _ => ImageError::Read { path: path.into(), source },
        };
        let metadata = std::fs::metadata(path).map_err(read)?;
        if !metadata.is_file() {
            let found = if metadata.is_dir() { "a folder" } else { "a device or pipe" };
            return Err(ImageError::NotNifti { path: path.into(), found: found.into() });
        }
        let mut file = BufReader::with_capacity(READ_BYTES, File::open(path).map_err(read)?);
        let gzip = file.fill_buf().map_err(read)?.starts_with(&[0x1f, 0x8b]);
        if gzip {
            let most = metadata.len().saturating_mul(LARGEST_DEFLATE_RATIO);
            Ok((Self::Gzip(Some(Box::new(GzDecoder::new(file)))), most))
        } else {
            Ok((Self::Plain(file), metadata.len()))
        }
    }

    /// Fills `buffer` as far as the bytes reach; the number of bytes tells how far that is.
    pub fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Goes past `count` bytes; fewer when the file ends before.
    pub fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut self.by_ref().take(count), &mut io::sink())
    }

    /// The cause behind an error of this file's bytes.
    pub fn error(&self, path: &Path, source: io::Error) -> ImageError {
        match self {
            Self::Plain(_) => ImageError::Read { path: path.into(), source },
            Self::Gzip(_) => ImageError::Damaged { path: path.into(), source },
        }
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(member) => loop {
                let Some(decoder) = member else { return Ok(0) };
                let count = decoder.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                let ended = member.take().expect("a member has just been read");
                let mut file = ended.into_inner();
                // What follows and is no gzip member (zero padding, say) is ignored, as gzip itself does.
                if file.fill_buf()?.first() == Some(&0x1f) {
                    *member = Some(Box::new(GzDecoder::new(file)));
                }
            },
        }
    }
}

/// A run of whole stored rows of one frame.
pub(super) struct Slab<'a> {
    pub frame: usize,
    /// The first row, counted over all slices: row `y + z · ny` in stored order.
    pub first_row: usize,
    pub bytes: &'a [u8],
}

/// Bytes of the largest slab of an image: some rows of a frame.
pub(super) fn slab_bytes(header: &Header) -> usize {
    let [nx, ny, nz] = header.grid.stored_shape();
    let row = nx * header.codec.sample.size();
    row * (SLAB_BYTES / row).clamp(1, ny * nz)
}

/// Calls `consume` with every slab of the file in order, while another thread inflates the next one.
///
/// Its effects count only when this returns `Ok`: a wrong checksum shows at the end of the file.
pub(super) fn for_each_slab<E: From<ImageError>>(
    path: &Path,
    header: &Header,
    mut consume: impl FnMut(Slab<'_>) -> Result<(), E>,
) -> Result<(), E> {
    if header.data_bytes <= SLAB_BYTES as u64 {
        // A thread would take longer to wake than the file to read.
        let spare = Cell::new(Vec::new());
        return inflate(
            path,
            header,
            || Some(spare.take()),
            |arrived| {
                consume(arrived.as_slab())?;
                spare.set(arrived.bytes);
                Ok(true)
            },
        );
    }
    let (full, filled) = mpsc::sync_channel::<Result<Arrived, ImageError>>(SLABS);
    let (empty, emptied) = mpsc::channel();
    for _ in 0..SLABS {
        // The receiver stands in this function: sending cannot fail.
        let _ = empty.send(Vec::new());
    }
    thread::scope(|scope| {
        // Both ends fall with this closure, so an error or a panic in here also ends the other thread.
        let (filled, empty) = (filled, empty);
        thread::Builder::new()
            .name("inflate".into())
            .spawn_scoped(scope, move || {
                // A receiver that is gone has found an error of its own and needs no more.
                let deliver = |arrived| Ok(full.send(Ok(arrived)).is_ok());
                if let Err(error) = inflate(path, header, || emptied.recv().ok(), deliver) {
                    let _ = full.send(Err(error));
                }
            })
            .map_err(|source| ImageError::Read { path: path.into(), source })?;
        // The channel closes when the rest of the file was in order too.
        while let Ok(arrived) = filled.recv() {
            let arrived = arrived?;
            consume(arrived.as_slab())?;
            let _ = empty.send(arrived.bytes);
        }
        Ok(())
    })
}

/// A slab that owns its bytes.
struct Arrived {
    frame: usize,
    first_row: usize,
    bytes: Vec<u8>,
}

impl Arrived {
    fn as_slab(&self) -> Slab<'_> {
        Slab { frame: self.frame, first_row: self.first_row, bytes: &self.bytes }
    }
}

/// Delivers all slabs, then reads on to the end of the file, where its checksum stands. Stops when there are no more
/// buffers or `deliver` says false.
fn inflate<E: From<ImageError>>(
    path: &Path,
    header: &Header,
    buffer: impl Fn() -> Option<Vec<u8>>,
    mut deliver: impl FnMut(Arrived) -> Result<bool, E>,
) -> Result<(), E> {
    let [nx, ny, nz] = header.grid.stored_shape();
    let row_bytes = nx * header.codec.sample.size();
    let rows_per_slab = slab_bytes(header) / row_bytes;
    let expected = header.data_offset + header.data_bytes;
    let truncated = |found| ImageError::Truncated { path: path.into(), expected, found };
    let (mut file, _) = Bytes::open(path)?;
    let mut position = file.skip(header.data_offset).map_err(|error| file.error(path, error))?;
    if position < header.data_offset {
        return Err(truncated(position).into());
    }
    for frame in 0..header.frames {
        for first_row in (0..ny * nz).step_by(rows_per_slab) {
            let Some(mut bytes) = buffer() else { return Ok(()) };
            bytes.resize(row_bytes * rows_per_slab.min(ny * nz - first_row), 0);
            let filled = file.fill(&mut bytes).map_err(|error| file.error(path, error))?;
            position += filled as u64;
            if filled < bytes.len() {
                return Err(truncated(position).into());
            }
            if !deliver(Arrived { frame, first_row, bytes })? {
                return Ok(());
            }
        }
    }
    if matches!(file, Bytes::Gzip(_)) {
        file.skip(u64::MAX).map_err(|error| file.error(path, error))?;
    }
    Ok(())
}
