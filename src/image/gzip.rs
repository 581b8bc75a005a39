//! A gzip writer that compresses on all threads and writes one member (RFC 1952), as every reader expects.
//!
//! The way of `pigz` (M. Adler): chunks of a fixed size are deflated on their own, each but the last ending in a sync
//! flush (RFC 1951, an empty stored block), so that they can be laid behind each other; checksums are combined. The
//! bytes depend on the content and the level only, never on the number of threads.

use std::io::{self, IoSlice, Write};

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

/// Bytes of a chunk before compression. Smaller ones lose ratio, as no chunk refers to the one before it.
const CHUNK_BYTES: usize = 1 << 20;
/// The most chunks held before they are compressed together: bounds the memory to about 16 MiB.
const LARGEST_WINDOW: usize = 8;

/// Which chunks are deflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// All.
    Every,
    /// Those that become smaller by a fifth or more; the others are stored as they are (RFC 1951, 3.2.4).
    Worthwhile,
}

/// Compresses what is written to it. [`finish`](Self::finish) must be called at the end.
pub(super) struct ParallelGzip<W: Write> {
    writer: W,
    level: Compression,
    effort: Effort,
    /// Used again and again: memory that is touched for the first time costs more than what is done with it here.
    chunks: Vec<Chunk>,
    /// Chunks that wait: all full but the last.
    waiting: usize,
    checksum: Hasher,
    length: u64,
}

impl<W: Write> ParallelGzip<W> {
    /// Writes the member's header: no name, no time, unknown system, so that equal content gives equal bytes.
    pub fn new(mut writer: W, level: u32, effort: Effort) -> io::Result<Self> {
        writer.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
        Ok(Self {
            writer,
            level: Compression::new(level.min(9)),
            effort,
            chunks: Vec::new(),
            waiting: 0,
            checksum: Hasher::new(),
            length: 0,
        })
    }

    /// Compresses what is left, and writes checksum and length.
    pub fn finish(mut self) -> io::Result<()> {
        if self.waiting == 0 {
            self.begin_chunk();
        }
        self.compress(true)?;
        self.writer.write_all(&self.checksum.finalize().to_le_bytes())?;
        self.writer.write_all(&(self.length as u32).to_le_bytes())?;
        self.writer.flush()
    }

    fn begin_chunk(&mut self) {
        if self.waiting == self.chunks.len() {
            self.chunks.push(Chunk::default());
        }
        let content = &mut self.chunks[self.waiting].content;
        content.clear();
        content.reserve_exact(CHUNK_BYTES);
        self.waiting += 1;
    }

    /// Compresses the waiting chunks side by side and writes them in order.
    fn compress(&mut self, end: bool) -> io::Result<()> {
        let waiting = &mut self.chunks[..self.waiting];
        let (level, effort, count) = (self.level, self.effort, waiting.len());
        waiting
            .par_iter_mut()
            .enumerate()
            .try_for_each(|(number, chunk)| chunk.compress(level, effort, end && number + 1 == count))?;
        for (number, chunk) in waiting.iter().enumerate() {
            match chunk.stored {
                true => write_stored(&mut self.writer, &chunk.content, end && number + 1 == count)?,
                false => self.writer.write_all(&chunk.deflated)?,
            }
            self.checksum.combine(&chunk.checksum);
        }
        self.waiting = 0;
        Ok(())
    }
}

impl<W: Write> Write for ParallelGzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = |chunk: &Chunk| chunk.content.len() == CHUNK_BYTES;
        if self.chunks[..self.waiting].last().is_none_or(full) {
            // One for each thread; the bytes are the same for any number.
            if self.waiting >= rayon::current_num_threads().min(LARGEST_WINDOW) {
                self.compress(false)?;
            }
            self.begin_chunk();
        }
        let content = &mut self.chunks[self.waiting - 1].content;
        let taken = bytes.len().min(CHUNK_BYTES - content.len());
        content.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        Ok(taken)
    }

    /// Does nothing: chunks are cut at fixed places.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stretch of the content, and what becomes of it.
#[derive(Default)]
struct Chunk {
    content: Vec<u8>,
    /// Made when it is first needed, and used again: making one clears a quarter of a megabyte.
    stream: Option<Compress>,
    /// Whether the content is stored as it is; then nothing is deflated.
    stored: bool,
    deflated: Vec<u8>,
    checksum: Hasher,
}

impl Chunk {
    fn compress(&mut self, level: Compression, effort: Effort, end: bool) -> io::Result<()> {
        self.checksum = Hasher::new();
        self.checksum.update(&self.content);
        let stream = self.stream.get_or_insert_with(|| Compress::new(level, false));
        self.deflated.clear();
        self.stored = effort == Effort::Worthwhile && !shrinks(stream, &self.content, &mut self.deflated)?;
        self.deflated.clear();
        if self.stored { Ok(()) } else { deflate(stream, &self.content, end, &mut self.deflated) }
    }
}

/// Writes content in stored blocks (RFC 1951, 3.2.4), straight from where it lies. They end on a byte, so that the next
/// chunk can follow.
fn write_stored(writer: &mut impl Write, content: &[u8], end: bool) -> io::Result<()> {
    let mut blocks = content.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        let last = end && blocks.peek().is_none();
        let [low, high] = length.to_le_bytes();
        let [not_low, not_high] = (!length).to_le_bytes();
        let head = [u8::from(last), low, high, not_low, not_high];
        // Both at once, so that a buffered writer does not copy the block.
        let written = writer.write_vectored(&[IoSlice::new(&head), IoSlice::new(block)])?;
        writer.write_all(&head[written.min(head.len())..])?;
        writer.write_all(&block[written.saturating_sub(head.len())..])?;
    }
    Ok(())
}

/// Whether deflate makes a chunk smaller by a fifth or more, judged by a part of 128 of it: noise in 32-bit floats
/// loses a sixth of its size at the cost of twenty times the time, both here and wherever the file is read again.
/// `deflated` is room for the sample.
fn shrinks(stream: &mut Compress, content: &[u8], deflated: &mut Vec<u8>) -> io::Result<bool> {
    /// Pieces of a sample; spread evenly, as a volume's empty margin tells nothing of its middle.
    const PIECES: usize = 32;
    /// Bytes of a piece.
    const PIECE_BYTES: usize = 256;
    /// What the sample may become, percent.
    const WORTHWHILE: usize = 80;

    let stretch = content.len() / PIECES;
    if stretch < PIECE_BYTES {
        return Ok(true);
    }
    let mut sample = Vec::with_capacity(PIECES * PIECE_BYTES);
    for stretch in content.chunks_exact(stretch) {
        sample.extend_from_slice(&stretch[..PIECE_BYTES]);
    }
    deflate(stream, &sample, true, deflated)?;
    Ok(100 * deflated.len() <= WORTHWHILE * sample.len())
}

/// Appends content to `bytes` as a run of deflate blocks.
fn deflate(stream: &mut Compress, content: &[u8], end: bool, bytes: &mut Vec<u8>) -> io::Result<()> {
    stream.reset();
    bytes.reserve(content.len() / 2 + 1024);
    let flush = if end { FlushCompress::Finish } else { FlushCompress::Sync };
    loop {
        let taken = stream.total_in() as usize;
        let status = stream.compress_vec(&content[taken..], bytes, flush).map_err(io::Error::other)?;
        let all_taken = stream.total_in() as usize == content.len();
        // Room left over means that nothing more waits to be written.
        if status == Status::StreamEnd || (!end && all_taken && bytes.len() < bytes.capacity()) {
            return Ok(());
        }
        bytes.reserve(content.len() / 4 + 1024);
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

    fn compressed(content: &[u8], effort: Effort, threads: usize) -> Vec<u8> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut bytes = Vec::new();
            let mut gzip = ParallelGzip::new(&mut bytes, 3, effort).unwrap();
            gzip.write_all(content).unwrap();
            gzip.finish().unwrap();
            bytes
        })
    }

    /// The content of a member; whatever stood in a second one would be missing.
    fn inflated(bytes: &[u8]) -> Vec<u8> {
        let mut reader = flate2::bufread::GzDecoder::new(bytes);
        let mut again = Vec::new();
        reader.read_to_end(&mut again).unwrap();
        assert!(reader.into_inner().is_empty());
        again
    }

    #[test]
    fn one_member_gives_back_what_was_written() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES + 12_345] {
            let content = content(length);
            for effort in [Effort::Every, Effort::Worthwhile] {
                assert!(inflated(&compressed(&content, effort, 2)) == content, "{length} bytes, {effort:?}");
            }
        }
    }

    #[test]
    fn what_does_not_shrink_by_a_fifth_is_stored() {
        let part_noise = |zeros: usize| -> Vec<u8> {
            let mut state = 1_u64;
            let mut byte = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            };
            (0..3 * CHUNK_BYTES).map(|i| if i % 16 < zeros { 0 } else { byte() }).collect()
        };
        for (zeros, stored) in [(1, true), (8, false)] {
            let content = part_noise(zeros);
            let bytes = compressed(&content, Effort::Worthwhile, 2);
            assert_eq!(bytes.len() > content.len(), stored, "{zeros} of 16 bytes are 0: {} bytes", bytes.len());
            assert!(inflated(&bytes) == content);
            assert!(compressed(&content, Effort::Every, 2).len() < content.len());
        }
    }

    #[test]
    fn bytes_do_not_depend_on_the_number_of_threads() {
        let content = content(9 * CHUNK_BYTES + 777);
        for effort in [Effort::Every, Effort::Worthwhile] {
            assert!(compressed(&content, effort, 1) == compressed(&content, effort, 3));
        }
    }
}
