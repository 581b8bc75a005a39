//! The bytes of an image file, inflated on a thread of their own while the caller uses what has arrived.
//!
//! Gzip (RFC 1952) is known by its first two bytes, not by the file's name. Members that follow each other are one
//! stream, as the RFC has it; checksums are checked, and so the file is read to its end before a result counts.

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
    let [nx, ny, nz] = header.grid.stored_shape();
    let row_bytes = nx * header.codec.sample.size();
    let frame_bytes = row_bytes * ny * nz;
    let slab_bytes = slab_bytes(header);
    let plan = (0..header.frames)
        .flat_map(|frame| (0..frame_bytes).step_by(slab_bytes).map(move |at| (frame, at)))
        .map(|(frame, at)| (frame, at, slab_bytes.min(frame_bytes - at)));
    let (full, filled) = mpsc::sync_channel(SLABS);
    let (empty, emptied) = mpsc::channel();
    for _ in 0..SLABS {
        // The receiver stands in this function: sending cannot fail.
        let _ = empty.send(Vec::new());
    }
    let sizes = plan.clone().map(|(_, _, size)| size);
    thread::scope(|scope| {
        thread::Builder::new()
            .name("inflate".into())
            .spawn_scoped(scope, move || {
                // A receiver that is gone has found an error of its own and needs no more.
                if let Err(error) = inflate(path, header, sizes, &full, &emptied) {
                    let _ = full.send(Err(error));
                }
            })
            .map_err(|source| ImageError::Read { path: path.into(), source })?;
        // Both ends fall with this closure, so an error or a panic in here also ends the other thread.
        let (filled, empty) = (filled, empty);
        for (frame, at, _) in plan {
            let Ok(slab) = filled.recv() else { break };
            let bytes: Vec<u8> = slab?;
            consume(Slab { frame, first_row: at / row_bytes, bytes: &bytes })?;
            let _ = empty.send(bytes);
        }
        // The other thread ends in silence when the rest of the file was in order.
        match filled.recv() {
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    })
}

/// Sends the slabs, then reads on to the end of the file, where its checksum stands.
fn inflate(
    path: &Path,
    header: &Header,
    sizes: impl Iterator<Item = usize>,
    full: &mpsc::SyncSender<Result<Vec<u8>, ImageError>>,
    emptied: &mpsc::Receiver<Vec<u8>>,
) -> Result<(), ImageError> {
    let (mut bytes, _) = Bytes::open(path)?;
    let expected = header.data_offset + header.data_bytes;
    let truncated = |found| ImageError::Truncated { path: path.into(), expected, found };
    let mut position = bytes.skip(header.data_offset).map_err(|error| bytes.error(path, error))?;
    if position < header.data_offset {
        return Err(truncated(position));
    }
    for size in sizes {
        let Ok(mut slab) = emptied.recv() else { return Ok(()) };
        slab.resize(size, 0);
        let filled = bytes.fill(&mut slab).map_err(|error| bytes.error(path, error))?;
        position += filled as u64;
        if filled < size {
            return Err(truncated(position));
        }
        if full.send(Ok(slab)).is_err() {
            return Ok(());
        }
    }
    if matches!(bytes, Bytes::Gzip(_)) {
        bytes.skip(u64::MAX).map_err(|error| bytes.error(path, error))?;
    }
    Ok(())
}
