//! The one voxel loop: a kernel over blocks of neighboring curves, on all threads.
//!
//! A method is a kernel for one block; this loop is the only one that runs over voxels in parallel. A block holds
//! [`BLOCK_VOXELS`] curves as `[frame][lane]`, lane = voxel, so that a kernel's inner loop runs over lanes, which lie
//! side by side, and the compiler turns it into vector instructions. Blocks are cut at fixed places and each writes
//! only its own voxels: the result has the same bits for any number of threads.

use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::series::Series;

/// Voxels in a block. Rows of 4 KiB stream well from memory, and 100 frames of them fit into a core's second-level
/// cache; blocks under 256 voxels were measured to lose a factor of two.
pub const BLOCK_VOXELS: usize = 1024;

/// The curves of a run of neighboring voxels.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Place of the first voxel in the series' (mask's) order: lane `i` is voxel `first + i`.
    pub first: usize,
    /// Number of voxels: [`BLOCK_VOXELS`], fewer in the last block of a series.
    pub width: usize,
    /// Number of time frames.
    pub frames: usize,
    /// `frames × width` values, frame by frame.
    pub samples: &'a [f32],
}

impl<'a> Block<'a> {
    /// The block's voxels at one time: `width` values.
    pub fn frame(&self, frame: usize) -> &'a [f32] {
        &self.samples[frame * self.width..][..self.width]
    }

    /// Copies the curve of one lane into `curve` (`frames` values), for kernels that work voxel by voxel.
    pub fn curve(&self, lane: usize, curve: &mut [f32]) {
        debug_assert!(lane < self.width);
        for (value, row) in curve.iter_mut().zip(self.samples.chunks_exact(self.width)) {
            *value = row[lane];
        }
    }

    /// The part of a map over the series' voxels that belongs to this block: `width` values.
    pub fn part_of<'m, T>(&self, map: &'m [T]) -> &'m [T] {
        &map[self.first..self.first + self.width]
    }
}

/// Runs `kernel` over every block of `series` and returns `outputs` maps, one value per voxel in the mask's order.
///
/// `scratch` makes the kernel's working memory, once per thread. The kernel gets the block, that memory (left as
/// the last block left it) and one row of `width` values per output, filled with NaN: what it does not write stays
/// *not estimated*. [`Volume::from_masked`](super::Volume::from_masked) puts a map back into space.
///
/// ```
/// use relight::image::{Affine, Grid, Mask, Samples, Series, for_each_block};
///
/// let grid = Grid::from_stored([2, 1, 1], Affine::diagonal([1.0; 3], [0.0; 3]))?;
/// let samples = Samples::Float32(vec![1.0, 10.0, 3.0, 30.0]);
/// let series = Series { mask: Mask::filled(grid, true), frames: 2, voxels: 2, samples };
/// let maps = for_each_block(&series, 1, || (), |block, (), outputs| {
///     outputs[0].fill(0.0);
///     for frame in 0..block.frames {
///         for (sum, value) in outputs[0].iter_mut().zip(block.frame(frame)) {
///             *sum += value;
///         }
///     }
/// });
/// assert_eq!(maps, [[4.0, 40.0]]);
/// # Ok::<(), relight::image::GridError>(())
/// ```
pub fn for_each_block<S>(
    series: &Series,
    outputs: usize,
    scratch: impl Fn() -> S + Sync,
    kernel: impl Fn(&Block<'_>, &mut S, &mut [&mut [f32]]) + Sync,
) -> Vec<Vec<f32>> {
    let mut maps = vec![vec![f32::NAN; series.voxels]; outputs];
    let blocks = series.voxels.div_ceil(BLOCK_VOXELS);
    let mut rows: Vec<Vec<&mut [f32]>> = (0..blocks).map(|_| Vec::with_capacity(outputs)).collect();
    for map in &mut maps {
        for (rows, row) in rows.iter_mut().zip(map.chunks_mut(BLOCK_VOXELS)) {
            rows.push(row);
        }
    }
    let queue = Mutex::new(rows.into_iter().enumerate());
    let work = || {
        let mut scratch = scratch();
        let mut samples = vec![0.0; series.frames * BLOCK_VOXELS.min(series.voxels)];
        loop {
            // A thread that panicked is reported when the scope ends; the others need not panic too.
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((block, mut rows)) = next else { break };
            let first = block * BLOCK_VOXELS;
            let width = BLOCK_VOXELS.min(series.voxels - first);
            let samples = &mut samples[..series.frames * width];
            series.block(first, width, samples);
            kernel(&Block { first, width, frames: series.frames, samples }, &mut scratch, &mut rows);
        }
    };
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(blocks) {
            scope.spawn(|_| work());
        }
    });
    maps
}

/// Runs `kernel` over every block of `series` and returns its results in the order of the blocks, to be added up in
/// that order.
pub fn collect_blocks<S, T: Send + Sync>(
    series: &Series,
    scratch: impl Fn() -> S + Sync,
    kernel: impl Fn(&Block<'_>, &mut S) -> T + Sync,
) -> Vec<T> {
    let results: Vec<OnceLock<T>> = (0..series.voxels.div_ceil(BLOCK_VOXELS)).map(|_| OnceLock::new()).collect();
    for_each_block(series, 0, scratch, |block, scratch, _| {
        // Each block runs once, so its place is empty.
        let _ = results[block.first / BLOCK_VOXELS].set(kernel(block, scratch));
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// Runs `work` for each number below `count` on all threads; the results stand in that order.
pub fn in_order<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    (0..count).into_par_iter().map(work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid, Mask, Samples};

    /// 2500 voxels (two whole blocks and a part of one) over 3 frames; voxel `v` at frame `t` is `v + 10 000 t`.
    fn series() -> Series {
        let grid = Grid::from_stored([25, 10, 10], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        let data = (0..3).flat_map(|t| (0..2500).map(move |v| (v + 10_000 * t) as f32)).collect();
        Series { mask: Mask::filled(grid, true), frames: 3, voxels: 2500, samples: Samples::Float32(data) }
    }

    #[test]
    fn every_voxel_gets_its_own_curve() {
        let maps = for_each_block(
            &series(),
            2,
            || vec![0.0; 3],
            |block, curve, outputs| {
                for lane in 0..block.width {
                    block.curve(lane, curve);
                    outputs[0][lane] = curve[2] - curve[1];
                    outputs[1][lane] = block.frame(0)[lane] - (block.first + lane) as f32;
                }
            },
        );
        assert_eq!(maps[0], vec![10_000.0; 2500]);
        assert_eq!(maps[1], vec![0.0; 2500]);
    }

    #[test]
    fn what_a_kernel_leaves_out_is_not_estimated() {
        let maps = for_each_block(
            &series(),
            1,
            || (),
            |block, (), outputs| {
                if block.first == 1024 {
                    outputs[0][5] = 1.0;
                }
            },
        );
        assert_eq!(maps[0].iter().filter(|value| value.is_nan()).count(), 2499);
        assert_eq!(maps[0][1029], 1.0);
    }

    #[test]
    fn a_side_map_is_cut_like_the_series() {
        let side: Vec<u32> = (0..2500).collect();
        for_each_block(
            &series(),
            0,
            || (),
            |block, (), _| {
                assert_eq!(block.part_of(&side)[0] as usize, block.first);
                assert_eq!(block.part_of(&side).len(), block.width);
            },
        );
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                for_each_block(
                    &series(),
                    1,
                    || (),
                    |block, (), outputs| {
                        for lane in 0..block.width {
                            outputs[0][lane] = (0..3).map(|t| block.frame(t)[lane].sqrt()).sum();
                        }
                    },
                )
            })
        };
        assert_eq!(run(1), run(5));
    }

    #[test]
    fn an_empty_mask_gives_empty_maps() {
        let mut series = series();
        series.mask.data.fill(false);
        (series.voxels, series.samples) = (0, Samples::Float32(Vec::new()));
        let maps = for_each_block(&series, 2, || (), |_, (), _| panic!("no block"));
        assert_eq!(maps, [Vec::<f32>::new(), Vec::new()]);
    }
}
