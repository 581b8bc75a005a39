//! T1 after contrast against T1 before it: how much a lesion enhances (S0: compare pre-contrast with post-contrast).

use serde::{Deserialize, Serialize};

use super::error::LesionError;
use super::settings::Settings;
use super::statistics::{Statistics, percentile};
use crate::image::{Mask, Volume};

/// The rise of a lesion's signal after contrast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Subtraction {
    /// Voxels with a value in both images.
    pub voxels: usize,
    /// Mean rise, percent of the signal before contrast.
    pub rise_percent: f64,
    /// Share of the voxels that rise by the percentage of the settings or more.
    pub enhancing_share: f64,
    /// Percentage from which a voxel counts.
    pub from_percent: f64,
    /// What the image before contrast was multiplied by, so that tissue outside the lesion has the same signal in both.
    pub gain: f64,
}

/// Subtracts; all four share the grid of the image after contrast. `None` where no voxel can be compared.
///
/// METHOD: scanners scale each series on its own. The median of post over pre over the tissue outside the lesion, most of
/// which hardly enhances, is divided out; what is left in the lesion is enhancement. It is not corrected for motion
/// between the two series, and it decides nothing: a rise is one feature beside others.
pub fn subtraction(
    lesion: &Mask,
    pre: &Volume,
    post: &Volume,
    tissue: &Mask,
    settings: &Settings,
) -> Result<Option<Subtraction>, LesionError> {
    let image = "T1 after contrast";
    for (what, grid) in
        [("lesion mask", &lesion.grid), ("T1 before contrast", &pre.grid), ("mask of the tissue", &tissue.grid)]
    {
        post.grid.same_space(grid).map_err(LesionError::space(what, image))?;
    }
    let both = |index: usize| {
        let (before, after) = (f64::from(pre.data[index]), f64::from(post.data[index]));
        (before > 0.0 && after.is_finite() && before.is_finite()).then(|| after / before)
    };
    let mut elsewhere: Vec<f64> = tissue.indices().filter(|&index| !lesion.data[index]).filter_map(both).collect();
    elsewhere.sort_unstable_by(f64::total_cmp);
    if elsewhere.is_empty() {
        return Ok(None);
    }
    let gain = percentile(&elsewhere, 50.0);
    if !(gain > 0.0 && gain.is_finite()) {
        return Ok(None);
    }
    let rises: Vec<f32> =
        lesion.indices().filter_map(both).map(|ratio| (100.0 * (ratio / gain - 1.0)) as f32).collect();
    let Some(found) = Statistics::of(&rises) else { return Ok(None) };
    let from_percent = settings.subtraction_percent;
    let enhancing = rises.iter().filter(|&&rise| f64::from(rise) >= from_percent).count();
    Ok(Some(Subtraction {
        voxels: found.count,
        rise_percent: found.mean,
        enhancing_share: enhancing as f64 / found.count as f64,
        from_percent,
        gain,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    /// The second series is scaled by 3; two of four lesion voxels rise by 50 % beyond that.
    #[test]
    fn the_gain_between_two_series_is_no_enhancement() {
        let grid = Grid::from_stored([10, 1, 1], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        let pre = Volume { grid, data: vec![100.0; 10] };
        let post = Volume { grid, data: (0..10).map(|x| if x < 2 { 450.0 } else { 300.0 }).collect() };
        let lesion = Mask { grid, data: (0..10).map(|x| x < 4).collect() };
        let settings: Settings = crate::settings::default_section("lesion");
        let found = subtraction(&lesion, &pre, &post, &Mask::filled(grid, true), &settings).unwrap().unwrap();
        assert_eq!((found.voxels, found.gain, found.enhancing_share), (4, 3.0, 0.5));
        assert!((found.rise_percent - 25.0).abs() < 1e-5, "{}", found.rise_percent);
        let nothing = Volume::filled(grid, 0.0);
        assert_eq!(subtraction(&lesion, &nothing, &post, &Mask::filled(grid, true), &settings), Ok(None));
    }
}
