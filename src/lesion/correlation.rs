//! How far the noise of a map reaches from voxel to voxel, and what that does to a block bootstrap.
//!
//! The variance of a mean of n correlated voxels is `σ² ΣΣ ρ(r_i - r_j)/n²` (Cressie, Statistics for Spatial Data, 1993,
//! section 1.3). A bootstrap over blocks takes the blocks as independent and centers them on the sample's own mean, so it
//! gives less; by how much follows from the same ρ.

use std::collections::BTreeMap;

use crate::image::Mask;

/// Lags along an axis reach no farther than this, mm: two resolutions of perfusion and PET images.
const LONGEST_LAG_MM: f64 = 14.0;
/// Correlation below this ends the reach along an axis: it cannot be told from 0.
const SMALLEST_CORRELATION: f64 = 0.05;
/// Fewest pairs of voxels for the correlation at a lag.
const FEWEST_PAIRS: usize = 20;
/// Rounds in which variance and correlation are made consistent.
const ROUNDS: usize = 6;

/// Correlation between voxels, the product of one function for each axis: that of an image whose noise was smoothed
/// along the axes of its grid (reconstruction filter, interpolation).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Correlation {
    /// Along each axis the correlation at lags 0, 1, 2 …; the first is 1.
    axes: [Vec<f64>; 3],
}

/// What a block bootstrap has to be widened by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BlockSpread {
    /// Standard deviation of the mean over that which the blocks give.
    pub(super) factor: f64,
    /// Degrees of freedom that the blocks are worth.
    pub(super) freedom: f64,
}

/// Estimated voxels of a mask by their place.
pub(super) struct Places {
    shape: [usize; 3],
    low: [usize; 3],
    values: Vec<f64>,
    known: Vec<[usize; 3]>,
}

impl Places {
    /// The voxels with a value; `values` follow the mask's order. `None` where there is none.
    pub(super) fn of(values: &[f32], mask: &Mask) -> Option<Self> {
        let known: Vec<([usize; 3], f64)> = mask
            .indices()
            .zip(values)
            .filter(|(_, value)| value.is_finite())
            .map(|(index, &value)| (mask.grid.voxel(index), f64::from(value)))
            .collect();
        let low = std::array::from_fn(|axis| known.iter().map(|(place, _)| place[axis]).min().unwrap_or(0));
        let high: [usize; 3] =
            std::array::from_fn(|axis| known.iter().map(|(place, _)| place[axis]).max().unwrap_or(0));
        if known.is_empty() {
            return None;
        }
        let shape: [usize; 3] = std::array::from_fn(|axis| high[axis] - low[axis] + 1);
        let mut dense = vec![f64::NAN; shape.iter().product()];
        let mut places = Vec::with_capacity(known.len());
        for (place, value) in known {
            let at: [usize; 3] = std::array::from_fn(|axis| place[axis] - low[axis]);
            dense[at[0] + shape[0] * (at[1] + shape[1] * at[2])] = value;
            places.push(at);
        }
        Some(Self { shape, low, values: dense, known: places })
    }

    /// The value at a place moved by a step; NaN outside.
    fn at(&self, place: [usize; 3], step: [isize; 3]) -> f64 {
        let mut index = [0usize; 3];
        for axis in 0..3 {
            let moved = place[axis] as isize + step[axis];
            if moved < 0 || moved >= self.shape[axis] as isize {
                return f64::NAN;
            }
            index[axis] = moved as usize;
        }
        self.values[index[0] + self.shape[0] * (index[1] + self.shape[1] * index[2])]
    }

    fn mean_and_variance(&self) -> (f64, f64) {
        let count = self.known.len() as f64;
        let mean = self.known.iter().map(|&place| self.at(place, [0; 3])).sum::<f64>() / count;
        let squares: f64 = self.known.iter().map(|&place| (self.at(place, [0; 3]) - mean).powi(2)).sum();
        (mean, squares / count)
    }

    /// Half the mean squared difference of voxels a lag apart along an axis; `None` for too few pairs.
    fn variogram(&self, axis: usize, lag: usize) -> Option<f64> {
        let mut step = [0isize; 3];
        step[axis] = lag as isize;
        let (mut sum, mut pairs) = (0.0, 0usize);
        for &place in &self.known {
            let other = self.at(place, step);
            if !other.is_nan() {
                sum += (self.at(place, [0; 3]) - other).powi(2) / 2.0;
                pairs += 1;
            }
        }
        (pairs >= FEWEST_PAIRS).then(|| sum / pairs as f64)
    }
}

impl Correlation {
    /// Estimates the correlation from the differences of neighbors, which do not depend on the mean.
    ///
    /// METHOD: `ρ = 1 - γ/σ²` with the variogram γ. The variance about the sample's own mean is too small by the share
    /// that the mean took along, `1 - ΣΣρ/n²`, which is put back round by round.
    pub(super) fn estimate(places: &Places, voxel_size: [f64; 3]) -> Self {
        let (_, variance) = places.mean_and_variance();
        let variograms: [Vec<f64>; 3] = std::array::from_fn(|axis| {
            let longest = (LONGEST_LAG_MM / voxel_size[axis]).floor() as usize;
            (1..=longest).map_while(|lag| places.variogram(axis, lag)).collect()
        });
        let mut correlation = Self { axes: std::array::from_fn(|_| vec![1.0]) };
        if variance.is_nan() || variance <= 0.0 {
            return correlation;
        }
        let mut sill = variance;
        for _ in 0..ROUNDS {
            correlation.axes = variograms.each_ref().map(|variogram| {
                let along = variogram.iter().map(|gamma| 1.0 - gamma / sill);
                std::iter::once(1.0).chain(along.take_while(|&rho| rho > SMALLEST_CORRELATION)).collect()
            });
            let taken = correlation.sum(places) / (places.known.len() as f64).powi(2);
            sill = variance / (1.0 - taken.min(0.9));
        }
        correlation
    }

    /// `ΣΣ ρ` over all pairs of voxels.
    fn sum(&self, places: &Places) -> f64 {
        self.spread(&places.known, places.shape).iter().sum()
    }

    /// For each of some voxels in a box `Σ ρ` to all of them: the product of the axes makes it three passes along lines.
    fn spread(&self, voxels: &[[usize; 3]], shape: [usize; 3]) -> Vec<f64> {
        let strides = [1, shape[0], shape[0] * shape[1]];
        let index = |place: &[usize; 3]| (0..3).map(|axis| place[axis] * strides[axis]).sum::<usize>();
        let mut field = vec![0.0; shape.iter().product()];
        for place in voxels {
            field[index(place)] = 1.0;
        }
        for (axis, along) in self.axes.iter().enumerate().filter(|(_, along)| along.len() > 1) {
            let before = field.clone();
            for (at, value) in field.iter_mut().enumerate() {
                let place = at / strides[axis] % shape[axis];
                for (lag, rho) in along.iter().enumerate().skip(1) {
                    let step = lag * strides[axis];
                    if place >= lag {
                        *value += rho * before[at - step];
                    }
                    if place + lag < shape[axis] {
                        *value += rho * before[at + step];
                    }
                }
            }
        }
        voxels.iter().map(|place| field[index(place)]).collect()
    }

    /// How far the spread of block sums falls short of that of the mean. `block` names the block of a voxel by its
    /// place in the mask's grid. `None` for fewer than two blocks.
    pub(super) fn block_spread(
        &self,
        places: &Places,
        block: impl Fn([usize; 3]) -> [usize; 3],
    ) -> Option<BlockSpread> {
        let of = |place: [usize; 3]| block(std::array::from_fn(|axis| place[axis] + places.low[axis]));
        let mut members: BTreeMap<[usize; 3], Vec<usize>> = BTreeMap::new();
        for (voxel, &place) in places.known.iter().enumerate() {
            members.entry(of(place)).or_default().push(voxel);
        }
        let count = members.len();
        if count < 2 {
            return None;
        }
        let voxels = places.known.len() as f64;
        let to_all = self.spread(&places.known, places.shape);
        // Σρ within each block, and between each block and all.
        let (mut within, mut outward, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for block in members.values() {
            let own: Vec<[usize; 3]> = block.iter().map(|&voxel| places.known[voxel]).collect();
            let low: [usize; 3] = std::array::from_fn(|k| own.iter().map(|place| place[k]).min().unwrap_or(0));
            let high: [usize; 3] = std::array::from_fn(|k| own.iter().map(|place| place[k]).max().unwrap_or(0));
            let moved: Vec<[usize; 3]> =
                own.iter().map(|place| std::array::from_fn(|axis| place[axis] - low[axis])).collect();
            let shape = std::array::from_fn(|axis| high[axis] - low[axis] + 1);
            within.push(self.spread(&moved, shape).iter().sum::<f64>());
            outward.push(block.iter().map(|&voxel| to_all[voxel]).sum::<f64>());
            sizes.push(block.len() as f64);
        }
        let all: f64 = outward.iter().sum();
        // Variance of S_b - n_b·mean for each block.
        let parts: Vec<f64> = (0..count)
            .map(|b| {
                let share = sizes[b] / voxels;
                within[b] - 2.0 * share * outward[b] + share * share * all
            })
            .collect();
        let seen: f64 = parts.iter().sum();
        let squares: f64 = parts.iter().map(|part| part * part).sum();
        (seen > 0.0 && all > 0.0)
            .then(|| BlockSpread { factor: (all / seen).sqrt(), freedom: (seen * seen / squares - 1.0).max(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    #[test]
    fn sums_of_correlation_are_those_of_all_pairs() {
        // an L-shaped region, every pair by hand
        let grid = Grid::from_stored([6, 5, 4], Affine::diagonal([2.0; 3], [0.0; 3])).unwrap();
        let inside = |index| {
            let [x, y, z] = grid.voxel(index);
            x < 2 || (y < 2 && z < 3)
        };
        let mask = Mask { grid, data: (0..grid.len()).map(inside).collect() };
        let places = Places::of(&vec![1.0; mask.count()], &mask).unwrap();
        let axes = [vec![1.0, 0.6, 0.2], vec![1.0, 0.5], vec![1.0]];
        let correlation = Correlation { axes: axes.clone() };
        let rho = |a: [usize; 3], b: [usize; 3]| -> f64 {
            (0..3).map(|k| axes[k].get(a[k].abs_diff(b[k])).copied().unwrap_or(0.0)).product()
        };
        let block = |place: [usize; 3]| [place[0] / 3, 0, 0];
        let pairs = || places.known.iter().flat_map(|&a| places.known.iter().map(move |&b| (a, b)));
        let all: f64 = pairs().map(|(a, b)| rho(a, b)).sum();
        assert!((correlation.sum(&places) - all).abs() < 1e-9);
        let n = places.known.len() as f64;
        let seen: f64 = [0, 1]
            .map(|which: usize| {
                let is = |place: [usize; 3]| block(place)[0] == which;
                let size = places.known.iter().filter(|&&place| is(place)).count() as f64 / n;
                let within: f64 = pairs().filter(|&(a, b)| is(a) && is(b)).map(|(a, b)| rho(a, b)).sum();
                let outward: f64 = pairs().filter(|&(a, _)| is(a)).map(|(a, b)| rho(a, b)).sum();
                within - 2.0 * size * outward + size * size * all
            })
            .iter()
            .sum();
        let found = correlation.block_spread(&places, block).unwrap();
        assert!((found.factor - (all / seen).sqrt()).abs() < 1e-9, "{found:?}");
    }
}
