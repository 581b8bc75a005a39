//! A gzip writer that compresses on all threads and writes one member (RFC 1952), as every reader expects.
//!
//! The way of `pigz` (M. Adler): chunks of a fixed size are deflated on their own, each but the last ending in a sync
//! flush (RFC 1951, an empty stored block), so that they can be laid behind each other; checksums are combined. The
//! bytes depend on the content and the level only, never on the number of threads.

use std::io::{self, Write};

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

/// Bytes of a chunk before compression. Smaller ones lose ratio, as no chunk refers to the one before it.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks held before they are compressed together: bounds the memory to about 16 MiB.
const WINDOW: usize = 8;

/// Compresses what is written to it. [`finish`](Self::finish) must be called at the end.
pub(super) struct ParallelGzip<W: Write> {
    writer: W,
    level: Compression,
    /// Chunks that wait: all full but the last.
    waiting: Vec<Vec<u8>>,
    checksum: Hasher,
    length: u64,
}

impl<W: Write> ParallelGzip<W> {
    /// Writes the member's header: no name, no time, unknown system, so that equal content gives equal bytes.
    pub fn new(mut writer: W, level: u32) -> io::Result<Self> {
        writer.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
        Ok(Self {
            writer,
            level: Compression::new(level.min(9)),
            waiting: Vec::new(),
            checksum: Hasher::new(),
            length: 0,
        })
    }

    /// Compresses what is left, and writes checksum and length.
    pub fn finish(mut self) -> io::Result<()> {
        self.compress(true)?;
        self.writer.write_all(&self.checksum.finalize().to_le_bytes())?;
        self.writer.write_all(&(self.length as u32).to_le_bytes())?;
        self.writer.flush()
    }

    /// Compresses the waiting chunks side by side and writes them in order.
    fn compress(&mut self, end: bool) -> io::Result<()> {
        if end && self.waiting.is_empty() {
            self.waiting.push(Vec::new());
        }
        let count = self.waiting.len();
        let compressed: Vec<io::Result<(Vec<u8>, Hasher)>> = self
            .waiting
            .par_iter()
            .enumerate()
            .map(|(number, chunk)| {
                let mut checksum = Hasher::new();
                checksum.update(chunk);
                let end = end && number + 1 == count;
                Ok((deflate(chunk, self.level, end)?, checksum))
            })
            .collect();
        for chunk in compressed {
            let (bytes, checksum) = chunk?;
            self.writer.write_all(&bytes)?;
            self.checksum.combine(&checksum);
        }
        self.waiting.clear();
        Ok(())
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.last().is_none_or(|chunk| chunk.len() == CHUNK_BYTES) {
            if self.waiting.len() == WINDOW {
                self.compress(false)?;
            }
            self.waiting.push(Vec::with_capacity(CHUNK_BYTES));
        }
        let chunk = self.waiting.last_mut().expect("a chunk has just been begun");
        let taken = bytes.len().min(CHUNK_BYTES - chunk.len());
        chunk.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        Ok(taken)
    }

    /// Does nothing: chunks are cut at fixed places.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One chunk as a run of deflate blocks.
fn deflate(chunk: &[u8], level: Compression, end: bool) -> io::Result<Vec<u8>> {
    let mut stream = Compress::new(level, false);
    let mut bytes = Vec::with_capacity(chunk.len() / 2 + 1024);
    let flush = if end { FlushCompress::Finish } else { FlushCompress::Sync };
    loop {
        let taken = stream.total_in() as usize;
        let status = stream.compress_vec(&chunk[taken..], &mut bytes, flush).map_err(io::Error::other)?;
        let all_taken = stream.total_in() as usize == chunk.len();
        // Room left over means that nothing more waits to be written.
        if status == Status::StreamEnd || (!end && all_taken && bytes.len() < bytes.capacity()) {
            return Ok(bytes);
        }
        bytes.reserve(chunk.len() / 4 + 1024);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Half noise, half zeros, and no multiple of the chunk size.
    fn content(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        (0..length)
            .map(|i| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if i / 1000 % 2 == 0 { (state >> 56) as u8 } else { 0 }
            })
            .collect()
    }

    fn compressed(content: &[u8], threads: usize) -> Vec<u8> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut bytes = Vec::new();
            let mut gzip = ParallelGzip::new(&mut bytes, 3).unwrap();
            gzip.write_all(content).unwrap();
            gzip.finish().unwrap();
            bytes
        })
    }

    #[test]
    fn one_member_gives_back_what_was_written() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES + 12_345] {
            let content = content(length);
            let bytes = compressed(&content, 2);
            // A reader of one member only: whatever stood in a second one would be missing.
            let mut reader = flate2::bufread::GzDecoder::new(bytes.as_slice());
            let mut again = Vec::new();
            reader.read_to_end(&mut again).unwrap();
            assert!(again == content, "{length} bytes");
            assert!(reader.into_inner().is_empty());
        }
    }

    #[test]
    fn bytes_do_not_depend_on_the_number_of_threads() {
        let content = content(9 * CHUNK_BYTES + 777);
        assert!(compressed(&content, 1) == compressed(&content, 3));
    }
}
