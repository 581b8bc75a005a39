//! Statistics of the values in a region.
//!
//! Population statistics as the Image Biomarker Standardisation Initiative defines them (Zwanenburg A et al.,
//! Radiology 2020;295:328); percentiles by linear interpolation (Hyndman RJ, Fan Y, Am Stat 1996;50:361, type 7).

pub use crate::curve::baseline::percentile;

/// Statistics of the estimated values of a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// Number of values.
    pub count: usize,
    /// Number of voxels left out because they are not estimated (NaN or infinite).
    pub excluded: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the population (divided by the count).
    pub standard_deviation: f64,
    /// Smallest value.
    pub min: f64,
    /// 10th percentile.
    pub p10: f64,
    /// 25th percentile.
    pub p25: f64,
    /// Median.
    pub median: f64,
    /// 75th percentile.
    pub p75: f64,
    /// 90th percentile.
    pub p90: f64,
    /// Largest value.
    pub max: f64,
}

impl Statistics {
    /// Statistics of the finite values; `None` where there is none.
    pub fn of(values: &[f32]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect();
        let count = sorted.len();
        if count == 0 {
            return None;
        }
        // The mean is summed in the order of the voxels, so that it equals the mean of the same voxels elsewhere.
        let mean = sorted.iter().sum::<f64>() / count as f64;
        let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64;
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            count,
            excluded: values.len() - count,
            mean,
            standard_deviation: variance.sqrt(),
            min: sorted[0],
            p10: percentile(&sorted, 10.0),
            p25: percentile(&sorted, 25.0),
            median: percentile(&sorted, 50.0),
            p75: percentile(&sorted, 75.0),
            p90: percentile(&sorted, 90.0),
            max: sorted[count - 1],
        })
    }

    /// Standard deviation over mean; NaN where the mean is 0.
    pub fn coefficient_of_variation(&self) -> f64 {
        if self.mean == 0.0 { f64::NAN } else { self.standard_deviation / self.mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid, Mask, Volume};

    #[test]
    fn percentiles_by_hand() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(percentile(&values, 0.0), 1.0);
        assert_eq!(percentile(&values, 50.0), 3.0);
        assert!((percentile(&values, 90.0) - 6.8).abs() < 1e-12);
        assert_eq!(percentile(&values, 100.0), 8.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn voxels_that_are_not_estimated_are_counted_and_left_out() {
        let found = Statistics::of(&[1.0, f32::NAN, 3.0, f32::INFINITY, -1.0]).unwrap();
        assert_eq!((found.count, found.excluded), (3, 2));
        assert_eq!((found.mean, found.min, found.median, found.max), (1.0, -1.0, 1.0, 3.0));
        assert!((found.standard_deviation - (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Statistics::of(&[f32::NAN]), None);
        assert_eq!(Statistics::of(&[]), None);
    }

    #[test]
    fn the_ibsi_digital_phantom_agrees_with_the_consensus() {
        let Some(folder) =
            std::env::var("RELIGHT_REFERENCE_DATA").ok().filter(|folder| std::path::Path::new(folder).is_dir())
        else {
            println!("skipped: no reference data");
            return;
        };
        let path = std::path::Path::new(&folder).join("pet/ibsi_digital_phantom.json");
        let text = std::fs::read_to_string(path).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let phantom = &json["digital_phantom"];
        let affine = Affine([[-2.0, 0.0, 0.0, 0.0], [0.0, -2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
        let grid = Grid::from_stored([5, 4, 4], affine).unwrap();
        let (offset, steps) = grid.stored_steps();
        let (mut image, mut mask) = (Volume::filled(grid, 0.0), Mask::filled(grid, false));
        for index in 0..grid.len() {
            let voxel = grid.voxel(index);
            let stored = (offset as isize + (0..3).map(|k| voxel[k] as isize * steps[k]).sum::<isize>()) as usize;
            let (x, y, z) = (stored % 5, stored / 5 % 4, stored / 20);
            image.data[index] = phantom["image"][x][y][z].as_f64().unwrap() as f32;
            mask.data[index] = phantom["mask"][x][y][z].as_i64() == Some(1);
        }
        let found = Statistics::of(&image.values_in(&mask).unwrap()).unwrap();
        let exact = &phantom["exact_recomputed"];
        let is = |value: f64, key: &str| {
            let expected = exact[key].as_f64().unwrap();
            assert!((value - expected).abs() < 1e-12 * expected.abs().max(1.0), "{key}: {value} against {expected}");
        };
        assert_eq!(found.count, 74);
        is(found.mean, "mean");
        is(found.standard_deviation.powi(2), "var");
        is(found.coefficient_of_variation(), "cov");
        is(mask.volume().cubic_millimeters(), "volume_voxel_mm3");
        let reference = &phantom["reference"];
        for (key, value) in [
            ("stat_median", found.median),
            ("stat_min", found.min),
            ("stat_p10", found.p10),
            ("stat_p90", found.p90),
            ("stat_max", found.max),
            ("stat_iqr", found.p75 - found.p25),
        ] {
            let consensus = reference[key]["value"].as_f64().unwrap_or_else(|| panic!("no {key}"));
            let tolerance = reference[key]["tol"].as_f64().unwrap_or(0.0);
            assert!((value - consensus).abs() <= tolerance, "{key}: {value} against {consensus}");
        }
    }
}
