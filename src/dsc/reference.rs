//! The reference curve R(t): mean ΔR2* of brain without leakage, after Boxerman, Schmainda, Weisskoff (2006).

use super::baseline::Baseline;
use std::ops::Range;

use super::error::DscError;
use super::kernel::{add_up, collect_blocks, row_sums};
use super::quantify::DscResult;
use super::signal::DscSignal;
use super::timing::Timing;
use crate::image::Mask;

/// Which voxels made the reference curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceSource {
    /// A given white matter mask.
    GivenMask,
    /// All voxels whose late signal is not above the baseline by more than one standard deviation.
    NonEnhancingBrain,
}

/// Mean ΔR2* over the reference voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceCurve {
    /// Which voxels.
    pub source: ReferenceSource,
    /// How many.
    pub voxels: usize,
    /// ΔR2* in 1/s from the first steady frame on.
    pub rate: Vec<f64>,
}

/// The mean over the usable voxels of `given`, or of all non-enhancing ones.
///
/// METHOD: the rule is one-sided. Residual tracer leaves the late signal of healthy white matter *below* its baseline,
/// so a two-sided rule threw away 93 % of it.
pub(super) fn reference_curve(
    signal: &DscSignal<'_>,
    timing: &Timing,
    baseline: &Baseline,
    given: Option<&Mask>,
) -> Result<ReferenceCurve, DscError> {
    let (source, inside): (_, Vec<bool>) = match given {
        Some(mask) => (ReferenceSource::GivenMask, membership(signal.mask(), mask, "the reference mask")?),
        None => {
            let voxels = 0..signal.series().voxels;
            (ReferenceSource::NonEnhancingBrain, voxels.map(|voxel| !baseline.is_brighter(voxel)).collect())
        }
    };
    let flags: Vec<f32> = inside
        .iter()
        .zip(&baseline.usable)
        .map(|(&inside, &usable)| if inside && usable { 1.0 } else { 0.0 })
        .collect();
    let voxels = flags.iter().filter(|&&flag| flag > 0.0).count();
    if voxels == 0 {
        let inside = inside.iter().filter(|&&inside| inside).count();
        return Err(DscError::NoUsableVoxels { region: "the reference region".to_owned(), inside });
    }
    let mut rate = sum_of_rates(signal, timing, baseline, &flags);
    rate.iter_mut().for_each(|sum| *sum /= voxels as f64);
    Ok(ReferenceCurve { source, voxels, rate })
}

/// Sum of ΔR2* over the flagged voxels, from the first steady frame on.
pub(super) fn sum_of_rates(signal: &DscSignal<'_>, timing: &Timing, baseline: &Baseline, flags: &[f32]) -> Vec<f64> {
    let used = timing.used().len();
    let blocks = collect_blocks(
        signal.series(),
        || (Vec::new(), Vec::new(), RateScratch::default()),
        |block, (rates, second, scratch)| {
            let mut sums = vec![0.0; used];
            let flags = block.part_of(flags);
            if flags.iter().all(|&flag| flag == 0.0) {
                return sums;
            }
            let second = signal.second_samples(block, second);
            let inverse = scratch.inverse(block.part_of(&baseline.level), second_part(block, baseline));
            signal.rates(block, second, timing.steady, inverse, rates);
            row_sums(rates, flags, &mut sums);
            sums
        },
    );
    add_up(&blocks, used)
}

/// ΔR2* of some voxels (ascending), curve after curve.
pub(super) fn rates_of(signal: &DscSignal<'_>, result: &DscResult, voxels: &[usize]) -> Vec<f32> {
    let blocks = collect_blocks(
        signal.series(),
        || (Vec::new(), Vec::new(), RateScratch::default()),
        |block, (rates, second, scratch)| {
            let wanted = within(voxels, block.first..block.first + block.width);
            if wanted.is_empty() {
                return Vec::new();
            }
            let second = signal.second_samples(block, second);
            let inverse = scratch.inverse(block.part_of(&result.baseline.level), second_part(block, &result.baseline));
            signal.rates(block, second, result.timing.steady, inverse, rates);
            let curve = |&voxel: &usize| rates[voxel - block.first..].iter().step_by(block.width).copied();
            wanted.iter().flat_map(curve).collect::<Vec<f32>>()
        },
    );
    blocks.concat()
}

/// The part of ascending numbers that lies in a range.
fn within(ascending: &[usize], range: Range<usize>) -> &[usize] {
    let place = |number: usize| ascending.partition_point(|&value| value < number);
    &ascending[place(range.start)..place(range.end)]
}

/// S0 of the second echo for a block's lanes; empty without one.
pub(super) fn second_part<'a>(block: &crate::image::Block<'_>, baseline: &'a Baseline) -> &'a [f32] {
    if baseline.second_level.is_empty() { &[] } else { block.part_of(&baseline.second_level) }
}

/// Working memory for 1/S0.
#[derive(Default)]
pub(super) struct RateScratch {
    inverse: [Vec<f32>; 2],
}

impl RateScratch {
    /// 1/S0 of each echo.
    pub(super) fn inverse(&mut self, first: &[f32], second: &[f32]) -> [&[f32]; 2] {
        for (inverse, level) in self.inverse.iter_mut().zip([first, second]) {
            inverse.clear();
            inverse.extend(level.iter().map(|level| 1.0 / level));
        }
        [&self.inverse[0], &self.inverse[1]]
    }
}

/// Whether each voxel of `series` lies in `region`, in the order of the series.
pub(super) fn membership(series: &Mask, region: &Mask, name: &str) -> Result<Vec<bool>, DscError> {
    if let Err(difference) = region.grid.same_space(&series.grid) {
        return Err(DscError::DifferentSpace { region: name.to_owned(), difference });
    }
    Ok(series.indices().map(|index| region.data[index]).collect())
}
