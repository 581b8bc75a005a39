//! How well the mean over a lesion is known: a spatial block bootstrap.
//!
//! Neighboring voxels share noise and resolution, so resampling single voxels makes intervals far too narrow. Blocks
//! of neighbors are resampled instead: Künsch HR, Ann Stat 1989;17:1217; Lahiri SN, Resampling Methods for Dependent
//! Data, Springer 2003, chapter 12.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::settings::Settings;
use super::statistics::percentile;
use crate::image::Mask;
use crate::region::Bounds;

/// The 97.5 % quantile of the normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The 95 % interval of the mean over a mask; `values` follow the mask's order, NaN is left out.
///
/// METHOD: the mask is cut into cubes of `bootstrap_block_mm` from the corner of its bounding box; blocks are drawn
/// with replacement, as many as there are, and the mean over their voxels is taken. The ends are the 2.5th and the
/// 97.5th percentile of the replicates, widened about the mean by `√(B/(B-1)) t(B-1) / 1.96` for B blocks: percentile
/// intervals of few draws are too narrow. On noise correlated over 4 x 4 x 8 mm it covers the truth in 85 to 90 % (see
/// the test); on longer correlation less. It covers spread within the lesion only, not between two scans (see
/// [`super::probability_above`]). `None` where the mask holds too few blocks or voxels. The same seed, the same bits.
pub fn mean_interval(values: &[f32], mask: &Mask, settings: &Settings) -> Option<Interval> {
    let blocks = blocks(values, mask, settings.bootstrap_block_mm)?;
    let voxels: f64 = blocks.iter().map(|block| block.voxels).sum();
    let count = blocks.len();
    if count < settings.bootstrap_fewest_blocks as usize || voxels < f64::from(settings.bootstrap_fewest_voxels) {
        return None;
    }
    let mean = blocks.iter().map(|block| block.sum).sum::<f64>() / voxels;
    let mut random = Pcg64Mcg::seed_from_u64(settings.bootstrap_seed);
    let mut means: Vec<f64> = (0..settings.bootstrap_replicates)
        .map(|_| {
            let (mut sum, mut voxels) = (0.0, 0.0);
            for _ in 0..count {
                let block = &blocks[random.random_range(0..count)];
                sum += block.sum;
                voxels += block.voxels;
            }
            sum / voxels
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let widening = few_blocks_factor(count)?;
    let end = |percent| mean + widening * (percentile(&means, percent) - mean);
    Some(Interval { low: end(2.5), high: end(97.5) })
}

/// Sum and number of the estimated voxels of a block.
struct Block {
    sum: f64,
    voxels: f64,
}

/// The blocks that hold estimated voxels, in the order of their place.
fn blocks(values: &[f32], mask: &Mask, edge_mm: f64) -> Option<Vec<Block>> {
    let corner = Bounds::around(mask)?.low;
    let size = mask.grid.voxel_size();
    let mut blocks: BTreeMap<[usize; 3], Block> = BTreeMap::new();
    for (index, &value) in mask.indices().zip(values).filter(|(_, value)| value.is_finite()) {
        let voxel = mask.grid.voxel(index);
        // The center of a voxel decides; half a voxel in keeps rounding away from the border between blocks.
        let place = std::array::from_fn(|axis| {
            let along = ((voxel[axis] - corner[axis]) as f64 + 0.5) * size[axis];
            (along / edge_mm) as usize
        });
        let block = blocks.entry(place).or_insert(Block { sum: 0.0, voxels: 0.0 });
        block.sum += f64::from(value);
        block.voxels += 1.0;
    }
    Some(blocks.into_values().collect())
}

/// `√(B/(B-1)) t₀.₉₇₅(B-1) / z₀.₉₇₅`; `None` for fewer than two blocks.
fn few_blocks_factor(blocks: usize) -> Option<f64> {
    let freedom = blocks.checked_sub(1).filter(|&freedom| freedom > 0)? as f64;
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
    Some(((freedom + 1.0) / freedom).sqrt() * t / NORMAL_975)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    fn settings() -> Settings {
        crate::settings::default_section("lesion")
    }

    fn ball(radius: f64) -> Mask {
        let grid = Grid::from_stored([24, 24, 12], Affine::diagonal([2.0, 2.0, 4.0], [-23.0, -23.0, -22.0])).unwrap();
        let inside = |index| grid.position(grid.voxel(index)).iter().map(|x| x * x).sum::<f64>() <= radius * radius;
        Mask { grid, data: (0..grid.len()).map(inside).collect() }
    }

    /// Noise of mean 0, each voxel the mean of itself and its six neighbors: the correlation of a reconstructed image.
    fn correlated(mask: &Mask, random: &mut Pcg64Mcg) -> Vec<f32> {
        let [nx, ny, _] = mask.grid.shape();
        let white: Vec<f64> =
            (0..mask.grid.len()).map(|_| (0..4).map(|_| random.random_range(-1.0..1.0)).sum()).collect();
        let steps = [1, nx, nx * ny];
        mask.indices()
            .map(|at| (white[at] + steps.iter().map(|&k| white[at - k] + white[at + k]).sum::<f64>()) as f32 / 7.0)
            .collect()
    }

    #[test]
    fn the_interval_covers_the_truth_of_correlated_noise_and_single_voxels_do_not() {
        let mask = ball(15.0);
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let mut settings = settings();
        settings.bootstrap_replicates = 400;
        let mut voxelwise = settings.clone();
        voxelwise.bootstrap_block_mm = 0.1;
        let trials = 300;
        let (mut covered, mut covered_by_voxels, mut wider) = (0, 0, 0);
        for _ in 0..trials {
            let values = correlated(&mask, &mut random);
            let blocked = mean_interval(&values, &mask, &settings).unwrap();
            let single = mean_interval(&values, &mask, &voxelwise).unwrap();
            covered += u32::from(blocked.low <= 0.0 && blocked.high >= 0.0);
            covered_by_voxels += u32::from(single.low <= 0.0 && single.high >= 0.0);
            wider += u32::from(blocked.high - blocked.low > single.high - single.low);
        }
        let share = f64::from(covered) / f64::from(trials);
        let share_by_voxels = f64::from(covered_by_voxels) / f64::from(trials);
        println!("coverage {share} by blocks, {share_by_voxels} by voxels");
        assert!((0.80..=0.99).contains(&share), "{share}");
        assert!(share_by_voxels < share - 0.1, "{share_by_voxels}");
        assert!(wider > trials * 9 / 10, "{wider}");
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_another_seed_nearly_the_same_interval() {
        let mask = ball(14.0);
        let values = correlated(&mask, &mut Pcg64Mcg::seed_from_u64(8));
        let mut settings = settings();
        let first = mean_interval(&values, &mask, &settings).unwrap();
        assert_eq!(mean_interval(&values, &mask, &settings), Some(first));
        settings.bootstrap_seed += 1;
        let other = mean_interval(&values, &mask, &settings).unwrap();
        let width = first.high - first.low;
        assert_ne!(other, first);
        assert!((other.low - first.low).abs() < 0.1 * width && (other.high - first.high).abs() < 0.1 * width);
    }

    #[test]
    fn scaling_the_values_scales_the_interval() {
        let mask = ball(12.0);
        let values = correlated(&mask, &mut Pcg64Mcg::seed_from_u64(9));
        let doubled: Vec<f32> = values.iter().map(|value| 2.0 * value).collect();
        let (a, b) =
            (mean_interval(&values, &mask, &settings()).unwrap(), mean_interval(&doubled, &mask, &settings()).unwrap());
        assert!((b.low - 2.0 * a.low).abs() < 1e-12 && (b.high - 2.0 * a.high).abs() < 1e-12);
    }

    #[test]
    fn a_small_lesion_has_no_interval() {
        let mask = ball(3.0);
        assert!(mask.count() > 0);
        assert_eq!(mean_interval(&vec![1.0; mask.count()], &mask, &settings()), None);
        let large = ball(15.0);
        assert_eq!(mean_interval(&vec![f32::NAN; large.count()], &large, &settings()), None);
        let constant = mean_interval(&vec![1.5; large.count()], &large, &settings()).unwrap();
        assert_eq!(constant, Interval { low: 1.5, high: 1.5 });
    }

    #[test]
    fn ten_blocks_widen_by_a_fifth() {
        // t(0.975, 9) = 2.262157: √(10/9) · 2.262157 / 1.959964 = 1.216623.
        assert!((few_blocks_factor(10).unwrap() - 1.216_623).abs() < 1e-5);
        assert_eq!(few_blocks_factor(1), None);
    }
}
