//! From stored frames to rows over the voxels of a mask.

use super::grid::{Grid, Storage};
use super::rows::Rows;
use super::volume::Mask;

/// Which stored samples of a frame are kept, and where they go.
pub(super) struct Compaction {
    /// Stored samples that are kept: runs along stored rows (first, length), ascending.
    runs: Vec<(u32, u32)>,
    /// Place in the mask's order of each kept sample; `None` where the file stores them in that order.
    places: Option<Vec<u32>>,
    voxels: usize,
}

impl Compaction {
    /// For a mask in canonical order and the grid that says how the file stores its samples (at most 2^32 of them).
    pub fn new(mask: &Mask, grid: &Grid) -> Self {
        let voxels = mask.count();
        let rows = Rows::of(grid);
        let as_stored = grid.storage() == Storage::CANONICAL;
        let ranks = if as_stored { Vec::new() } else { ranks(mask) };
        let mut places = Vec::with_capacity(if as_stored { 0 } else { voxels });
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for row in 0..rows.count {
            let place = rows.place(row);
            let mut last_kept = false;
            for x in 0..rows.length {
                let kept = mask.data[place.at(x)];
                match runs.last_mut() {
                    Some((_, length)) if kept && last_kept => *length += 1,
                    _ if kept => runs.push(((row * rows.length + x) as u32, 1)),
                    _ => {}
                }
                if kept && !as_stored {
                    places.push(ranks[place.at(x)]);
                }
                last_kept = kept;
            }
        }
        Self { runs, places: (!as_stored).then_some(places), voxels }
    }

    /// Number of voxels kept.
    pub fn voxels(&self) -> usize {
        self.voxels
    }
}

/// The place of each voxel in the mask's order (of the next one inside, where it is outside).
fn ranks(mask: &Mask) -> Vec<u32> {
    let mut rank = 0;
    mask.data
        .iter()
        .map(|&inside| {
            let here = rank;
            rank += u32::from(inside);
            here
        })
        .collect()
}

/// Collects the kept samples, frame by frame, from slabs that arrive in stored order.
pub(super) struct Compactor<T> {
    compaction: Compaction,
    /// Complete frames, and the one that is arriving.
    data: Vec<T>,
    /// A frame in stored order, where that differs from the mask's.
    arriving: Vec<T>,
    /// The next run.
    run: usize,
    /// Kept samples of this frame that have arrived.
    arrived: usize,
}

impl<T: Copy + Default> Compactor<T> {
    /// `data` is empty and has room for all frames.
    pub fn new(compaction: Compaction, data: Vec<T>) -> Self {
        let arriving = vec![T::default(); if compaction.places.is_some() { compaction.voxels } else { 0 }];
        Self { compaction, data, arriving, run: 0, arrived: 0 }
    }

    /// Takes the kept samples of a slab of whole rows, whose first sample is number `first` of its frame.
    pub fn slab(&mut self, first: usize, bytes: &[u8], sample_bytes: usize, decode: impl Fn(&[u8], &mut [T])) {
        let voxels = self.compaction.voxels;
        if first == 0 {
            (self.run, self.arrived) = (0, 0);
            self.data.resize(self.data.len() + voxels, T::default());
        }
        let frame_start = self.data.len() - voxels;
        let row = match self.compaction.places {
            None => &mut self.data[frame_start..],
            Some(_) => &mut self.arriving[..],
        };
        let end = first + bytes.len() / sample_bytes;
        for &(start, length) in &self.compaction.runs[self.run..] {
            let (start, length) = (start as usize, length as usize);
            if start >= end {
                break;
            }
            let from = (start - first) * sample_bytes;
            decode(&bytes[from..from + length * sample_bytes], &mut row[self.arrived..self.arrived + length]);
            self.arrived += length;
            self.run += 1;
        }
        if let Some(places) = &self.compaction.places
            && self.run == self.compaction.runs.len()
        {
            let frame = &mut self.data[frame_start..];
            for (&place, &value) in places.iter().zip(&self.arriving) {
                frame[place as usize] = value;
            }
        }
    }

    /// Number of voxels kept.
    pub fn voxels(&self) -> usize {
        self.compaction.voxels
    }

    /// All frames.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }
}
