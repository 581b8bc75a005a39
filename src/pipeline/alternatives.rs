//! The deciding numbers under other choices of measuring, from maps that are in memory already.
//!
//! METHOD: one voxel is the edge of a voxel in the slice (the middle one of its three edges): a mask drawn by hand is
//! uncertain there, and a slice of several millimeters would take a small lesion away whole. The region that decides
//! (the enhancing tissue, where that does) is what shrinks and grows; it never grows into another lesion.

use super::perfusion::Perfusion;
use super::uptake::Uptake;
use crate::dsc::{LeakageModel, NormalizationStatistic};
use crate::image::{Grid, Mask};
use crate::lesion::{LesionRecord, Statistics};
use crate::pet::BackgroundStatistic;
use crate::reanalysis::{Alternative, Choice};
use crate::region::{dilate, erode};

/// Other choices of the DSC analysis for one lesion. `region` holds the voxels whose mean stands in `column`.
pub fn of_perfusion(perfusion: &Perfusion, place: usize, region: &Mask, column: &str) -> Vec<Alternative> {
    let (Some(_), Some(reference)) = (&perfusion.result.normalized, &perfusion.reference) else { return Vec::new() };
    let rcbv = perfusion.result.rcbv();
    let lesion = |map: &[f32], region: &Mask| statistics(perfusion, map, region).map(|found| found.mean);
    let divisor = |map: &[f32], region: &Mask| {
        let found = statistics(perfusion, map, region)?;
        let level = match perfusion.result.settings().normalization {
            NormalizationStatistic::Mean => found.mean,
            NormalizationStatistic::Median => found.median,
        };
        (level > 0.0).then_some(level)
    };
    let ratio = |choice: Choice, value: Option<f64>, over: Option<f64>| match (value, over) {
        (Some(value), Some(over)) => Alternative::new(choice, [(column, value / over)]),
        (None, _) => Alternative::impossible(choice, "no usable voxel of the DSC series is left"),
        (_, None) => Alternative::impossible(choice, "the reference region has no positive rCBV"),
    };
    let over = divisor(rcbv, reference);
    let others = others(&perfusion.lesions, place);
    let median = statistics(perfusion, rcbv, region).map(|found| found.median);
    let mut alternatives = vec![
        ratio(Choice::MedianRcbv, median, over),
        ratio(Choice::ReferenceEroded, lesion(rcbv, region), divisor(rcbv, &smaller(reference))),
        ratio(Choice::MaskSmaller, lesion(rcbv, &smaller(region)), over),
        ratio(Choice::MaskLarger, lesion(rcbv, &larger(region, others.as_ref())), over),
    ];
    match &perfusion.mirrored_reference {
        Some(Ok(mirrored)) => {
            alternatives.push(ratio(Choice::ReferenceMirrored, lesion(rcbv, region), divisor(rcbv, mirrored)));
        }
        Some(Err(problem)) => alternatives.push(Alternative::impossible(Choice::ReferenceMirrored, problem)),
        None => {}
    }
    for (model, map) in &perfusion.other_models {
        let choice = match model {
            LeakageModel::Bsw => Choice::LeakageBsw,
            LeakageModel::Bidirectional => Choice::LeakageBidirectional,
            LeakageModel::None => Choice::LeakageNone,
            // Not among the models of a reanalysis: see [`Perfusion::other_models`].
            LeakageModel::Gamma => continue,
        };
        alternatives.push(match map {
            Ok(map) => ratio(choice, lesion(map, region), divisor(map, reference)),
            Err(problem) => Alternative::impossible(choice, problem),
        });
    }
    alternatives
}

/// Other choices of the PET analysis for one lesion whose ratios stand in `record`.
///
/// METHOD: maximum, mean and peak are different measures with different cut-offs, so one is never put in the place of
/// another. The peak of a smaller or larger mask is not computed.
pub fn of_uptake(uptake: &Uptake, place: usize, record: &LesionRecord) -> Vec<Alternative> {
    let Some(divisor) = uptake.result.scales.background else { return Vec::new() };
    let mut alternatives = Vec::new();
    if let (Some(background), Some(region)) = (&uptake.result.background, &uptake.background)
        && background.statistic == BackgroundStatistic::Mean
    {
        let values = uptake.image.values_in(region).unwrap_or_default();
        let median = Statistics::of(&values).map(|found| found.median).filter(|median| *median > 0.0);
        alternatives.push(match median {
            Some(median) => {
                let factor = background.divisor / median;
                let ratios =
                    [("tbr_max", record.tbr_max), ("tbr_mean", record.tbr_mean), ("tbr_peak", record.tbr_peak)];
                let scaled = ratios.into_iter().filter_map(|(column, value)| Some((column, value? * factor)));
                Alternative::new(Choice::BackgroundMedian, scaled)
            }
            None => Alternative::impossible(Choice::BackgroundMedian, "the median of the background is not positive"),
        });
    }
    let lesion = &uptake.lesions[place];
    let others = others(&uptake.lesions, place);
    for (choice, mask) in
        [(Choice::MaskSmaller, smaller(lesion)), (Choice::MaskLarger, larger(lesion, others.as_ref()))]
    {
        let values = uptake.image.values_in(&mask).unwrap_or_default();
        alternatives.push(match Statistics::of(&values) {
            Some(found) => {
                Alternative::new(choice, [("tbr_max", found.max / divisor), ("tbr_mean", found.mean / divisor)])
            }
            None => Alternative::impossible(choice, "no voxel of the PET image is left"),
        });
    }
    alternatives
}

fn statistics(perfusion: &Perfusion, map: &[f32], region: &Mask) -> Option<Statistics> {
    Statistics::of(&perfusion.result.values_in(map, region).ok()?)
}

/// The middle one of the three edges of a voxel, mm.
fn one_voxel(grid: &Grid) -> f64 {
    let mut edges = grid.voxel_size();
    edges.sort_unstable_by(f64::total_cmp);
    edges[1]
}

fn smaller(mask: &Mask) -> Mask {
    erode(mask, one_voxel(&mask.grid))
}

fn larger(mask: &Mask, others: Option<&Mask>) -> Mask {
    let mut grown = dilate(mask, one_voxel(&mask.grid));
    if let Some(others) = others {
        for (inside, &other) in grown.data.iter_mut().zip(&others.data) {
            *inside &= !other;
        }
    }
    grown
}

/// All lesions but one.
fn others(lesions: &[Mask], place: usize) -> Option<Mask> {
    let rest: Vec<Mask> =
        lesions.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, mask)| mask.clone()).collect();
    super::perfusion::union_of(&rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Affine;

    #[test]
    fn a_mask_shrinks_and_grows_by_a_voxel_in_the_slice_and_not_into_another_lesion() {
        let grid = Grid::from_stored([9, 9, 3], Affine::diagonal([2.0, 2.0, 6.0], [0.0; 3])).unwrap();
        let square = |from: usize, to: usize| Mask {
            grid,
            data: (0..grid.len())
                .map(|index| {
                    let [x, y, z] = grid.voxel(index);
                    (from..to).contains(&x) && (2..7).contains(&y) && z == 1
                })
                .collect(),
        };
        let (lesion, neighbor) = (square(2, 7), square(7, 9));
        // 5 x 5 voxels in one slice: 3 x 3 are left, 25 + 4 x 5 are reached; the slices beside it lie 6 mm away.
        assert_eq!((smaller(&lesion).count(), larger(&lesion, None).count()), (9, 45));
        assert_eq!(larger(&lesion, Some(&neighbor)).count(), 40);
        let lesions = [lesion, neighbor.clone()];
        assert_eq!(others(&lesions, 0), Some(neighbor));
        assert_eq!(others(&lesions[..1], 0), None);
    }
}
