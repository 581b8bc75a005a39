//! How the rCBV values of a lesion are spread over the classes of its tumor burden.

use serde::{Deserialize, Serialize};

/// Bins to one unit of the ratio: 0.1 wide.
const BINS_PER_UNIT: f64 = 10.0;
/// Bins from zero on: up to 4; published cut-offs lie well below.
const BINS: usize = 40;

/// Counts of voxels by value, each bin split by class: below the lower cut-off, between (bounds included), above.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub from: f64,
    /// Width of a bin.
    pub width: f64,
    /// Voxels of each bin by class. A value on an edge lies in the bin above it.
    pub counts: Vec<[usize; 3]>,
    /// Voxels below the first bin.
    pub below: usize,
    /// Voxels at or above the end of the last bin.
    pub above: usize,
    /// Voxels that are not estimated.
    pub not_estimated: usize,
    /// The cut-offs of the classes.
    pub cutoffs: [f64; 2],
}

impl Histogram {
    /// Values of a lesion's voxels; `None` where none is finite.
    pub fn of(values: &[f32], cutoffs: [f64; 2]) -> Option<Self> {
        let mut histogram =
            Self { from: 0.0, width: 1.0 / BINS_PER_UNIT, counts: vec![[0; 3]; BINS], cutoffs, ..Default::default() };
        for value in values.iter().copied().map(f64::from) {
            let class = if value < cutoffs[0] { 0 } else { usize::from(value > cutoffs[1]) + 1 };
            match (value * BINS_PER_UNIT).floor() {
                bin if bin.is_nan() => histogram.not_estimated += 1,
                bin if bin < 0.0 => histogram.below += 1,
                bin if bin >= BINS as f64 => histogram.above += 1,
                bin => histogram.counts[bin as usize][class] += 1,
            }
        }
        (histogram.not_estimated < values.len()).then_some(histogram)
    }

    /// Voxels with a value.
    pub fn total(&self) -> usize {
        self.below + self.above + self.counts.iter().flatten().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_cutoff_is_between_and_a_bin_across_it_is_split() {
        let values = [0.95, 1.0, 1.71, 1.75, 1.76, -0.2, 4.0, f32::NAN];
        let found = Histogram::of(&values, [1.0, 1.75]).unwrap();
        assert_eq!(found.counts[9], [1, 0, 0]);
        assert_eq!(found.counts[10], [0, 1, 0]);
        // 1.7 to 1.8: two values up to 1.75, one above.
        assert_eq!(found.counts[17], [0, 2, 1]);
        assert_eq!((found.below, found.above, found.not_estimated, found.total()), (1, 1, 1, 7));
    }

    #[test]
    fn nothing_estimated_is_no_histogram() {
        assert!(Histogram::of(&[f32::NAN; 4], [1.0, 1.75]).is_none());
        assert!(Histogram::of(&[], [1.0, 1.75]).is_none());
    }
}
