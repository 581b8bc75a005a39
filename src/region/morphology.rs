//! Distances in millimeters: exact Euclidean distance transform, dilation, erosion, depth.
//!
//! Felzenszwalb P, Huttenlocher D. Distance transforms of sampled functions. Theory of Computing 2012;8:415.
//! Distances are between voxel centers, along the voxel axes, which are taken as perpendicular.

use crate::image::{Grid, Mask, any};

/// Slack for distances that differ only by rounding, mm.
const ROUNDING_MM: f32 = 1e-4;

/// A box of voxels: from `low` up to, and without, `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// First voxel.
    pub low: [usize; 3],
    /// One past the last voxel.
    pub high: [usize; 3],
}

impl Bounds {
    /// The whole grid.
    pub fn whole(grid: &Grid) -> Self {
        Self { low: [0; 3], high: grid.shape() }
    }

    /// The smallest box around a mask; `None` for an empty mask.
    pub fn around(mask: &Mask) -> Option<Self> {
        let [nx, ny, _] = mask.grid.shape();
        let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
        for (row, voxels) in mask.data.chunks_exact(nx).enumerate().filter(|(_, voxels)| any(voxels)) {
            let Some(first) = voxels.iter().position(|&inside| inside) else { continue };
            let last = voxels.iter().rposition(|&inside| inside).unwrap_or(first);
            let at = [(first, last), (row % ny, row % ny), (row / ny, row / ny)];
            for axis in 0..3 {
                low[axis] = low[axis].min(at[axis].0);
                high[axis] = high[axis].max(at[axis].1 + 1);
            }
        }
        (high[0] > 0).then_some(Self { low, high })
    }

    /// The box with a margin, cut at the border of the grid.
    pub fn with_margin(&self, margin_mm: f64, grid: &Grid) -> Self {
        let (size, shape) = (grid.voxel_size(), grid.shape());
        let steps: [usize; 3] = size.map(|edge| (margin_mm / edge).ceil() as usize + 1);
        Self {
            low: std::array::from_fn(|axis| self.low[axis].saturating_sub(steps[axis])),
            high: std::array::from_fn(|axis| self.high[axis].saturating_add(steps[axis]).min(shape[axis])),
        }
    }

    /// The same box between two axial slices only.
    pub fn with_slices(&self, slices: std::ops::Range<usize>) -> Self {
        let mut cut = *self;
        cut.low[2] = cut.low[2].max(slices.start);
        cut.high[2] = cut.high[2].min(slices.end).max(cut.low[2]);
        cut
    }

    /// Voxels along each axis.
    pub fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.high[axis] - self.low[axis])
    }

    /// Whether a voxel lies inside.
    pub fn contains(&self, voxel: [usize; 3]) -> bool {
        (0..3).all(|axis| (self.low[axis]..self.high[axis]).contains(&voxel[axis]))
    }

    /// Whether it shares a voxel with the box between two corners, which belong to that box.
    pub fn meets(&self, one: [usize; 3], other: [usize; 3]) -> bool {
        (0..3).all(|axis| self.low[axis] <= one[axis].max(other[axis]) && one[axis].min(other[axis]) < self.high[axis])
    }

    /// The rows along the first axis: linear index of their first voxel in the grid, in ascending order.
    pub(super) fn rows(&self, grid: &Grid) -> impl Iterator<Item = (usize, [usize; 3])> + use<> {
        let (bounds, [nx, ny, _]) = (*self, grid.shape());
        (bounds.low[2]..bounds.high[2]).flat_map(move |z| {
            (bounds.low[1]..bounds.high[1]).map(move |y| (bounds.low[0] + nx * (y + ny * z), [bounds.low[0], y, z]))
        })
    }
}

/// Distances in a box of voxels, mm.
#[derive(Debug, Clone, PartialEq)]
pub struct DistanceMap {
    bounds: Bounds,
    data: Vec<f32>,
}

impl DistanceMap {
    /// The box in which distances are known.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Distance at a voxel, mm; infinite outside the box and where there is nothing to be near to.
    pub fn at(&self, voxel: [usize; 3]) -> f32 {
        if !self.bounds.contains(voxel) {
            return f32::INFINITY;
        }
        let [nx, ny, _] = self.bounds.shape();
        let [x, y, z]: [usize; 3] = std::array::from_fn(|axis| voxel[axis] - self.bounds.low[axis]);
        self.data[x + nx * (y + ny * z)]
    }

    /// Distances of the row that starts at a voxel of the box's first column.
    pub(super) fn row(&self, [_, y, z]: [usize; 3]) -> &[f32] {
        let [nx, ny, _] = self.bounds.shape();
        let start = nx * ((y - self.bounds.low[1]) + ny * (z - self.bounds.low[2]));
        &self.data[start..start + nx]
    }
}

/// Distance of each voxel of a box to the nearest voxel of a mask, mm: 0 inside.
///
/// Exact wherever the nearest voxel of the mask lies in the box.
pub fn distance_to(mask: &Mask, bounds: Bounds) -> DistanceMap {
    distances(&mask.data, true, &mask.grid, bounds)
}

/// Depth of each voxel of a mask below its surface: the distance to the nearest voxel outside it, mm; 0 outside.
///
/// METHOD: only voxels of the box count as outside. The border of an image is where we stopped looking, not where the
/// brain ends: the top slice of a slab is not a surface.
pub fn depth(mask: &Mask, bounds: Bounds) -> DistanceMap {
    distances(&mask.data, false, &mask.grid, bounds)
}

/// The voxels within a distance of a mask.
pub fn dilate(mask: &Mask, distance_mm: f64) -> Mask {
    let Some(bounds) = Bounds::around(mask) else { return mask.clone() };
    let map = distance_to(mask, bounds.with_margin(distance_mm, &mask.grid));
    let mut grown = Mask::filled(mask.grid, false);
    for (start, voxel) in map.bounds.rows(&mask.grid) {
        for (flag, &distance) in grown.data[start..].iter_mut().zip(map.row(voxel)) {
            *flag = distance <= distance_mm as f32 + ROUNDING_MM;
        }
    }
    grown
}

/// The voxels of a mask that are deeper than a distance; the border of the image is not a surface.
pub fn erode(mask: &Mask, distance_mm: f64) -> Mask {
    let Some(bounds) = Bounds::around(mask) else { return mask.clone() };
    let map = depth(mask, bounds.with_margin(0.0, &mask.grid));
    let mut shrunk = Mask::filled(mask.grid, false);
    for (start, voxel) in map.bounds.rows(&mask.grid) {
        for (flag, &distance) in shrunk.data[start..].iter_mut().zip(map.row(voxel)) {
            *flag = distance > distance_mm as f32 + ROUNDING_MM;
        }
    }
    shrunk
}

/// Distances to the voxels of a box that equal `seed`.
fn distances(data: &[bool], seed: bool, grid: &Grid, bounds: Bounds) -> DistanceMap {
    let [nx, ny, nz] = bounds.shape();
    let size = grid.voxel_size();
    let mut squared = vec![f32::INFINITY; nx * ny * nz];
    for ((start, _), row) in bounds.rows(grid).zip(squared.chunks_exact_mut(nx.max(1))) {
        row_distances(&data[start..start + nx], seed, size[0], row);
    }
    let mut envelope = Envelope::new(ny.max(nz));
    for plane in squared.chunks_exact_mut((nx * ny).max(1)) {
        for x in 0..nx {
            envelope.transform(plane, x, nx, ny, size[1]);
        }
    }
    for column in 0..nx * ny {
        envelope.transform(&mut squared, column, nx * ny, nz, size[2]);
    }
    for value in &mut squared {
        *value = value.sqrt();
    }
    DistanceMap { bounds, data: squared }
}

/// Squared distance along one row to the nearest seed, by two sweeps.
fn row_distances(row: &[bool], seed: bool, edge: f64, out: &mut [f32]) {
    let mut steps = usize::MAX;
    let squared =
        |steps: usize| if steps == usize::MAX { f32::INFINITY } else { ((steps as f64 * edge).powi(2)) as f32 };
    for (value, &flag) in out.iter_mut().zip(row) {
        steps = if flag == seed { 0 } else { steps.saturating_add(1) };
        *value = squared(steps);
    }
    steps = usize::MAX;
    for (value, &flag) in out.iter_mut().zip(row).rev() {
        steps = if flag == seed { 0 } else { steps.saturating_add(1) };
        *value = value.min(squared(steps));
    }
}

/// The lower envelope of parabolas along one line.
struct Envelope {
    line: Vec<f64>,
    place: Vec<usize>,
    from: Vec<f64>,
}

impl Envelope {
    fn new(longest: usize) -> Self {
        Self { line: vec![0.0; longest], place: vec![0; longest], from: vec![0.0; longest] }
    }

    /// Replaces `n` squared distances, `stride` apart from `start`, by the least of value plus squared distance.
    fn transform(&mut self, data: &mut [f32], start: usize, stride: usize, n: usize, edge: f64) {
        let (mut any, mut all_zero) = (false, true);
        for k in 0..n {
            let value = f64::from(data[start + k * stride]);
            self.line[k] = value;
            any |= value.is_finite();
            all_zero &= value == 0.0;
        }
        if !any || all_zero {
            return;
        }
        let mut count = 0;
        for k in (0..n).filter(|&k| self.line[k].is_finite()) {
            let position = k as f64 * edge;
            let height = self.line[k] + position * position;
            let mut meets = f64::NEG_INFINITY;
            while count > 0 {
                let last = self.place[count - 1];
                let other = last as f64 * edge;
                meets = (height - (self.line[last] + other * other)) / (2.0 * (position - other));
                if meets > self.from[count - 1] {
                    break;
                }
                count -= 1;
                meets = f64::NEG_INFINITY;
            }
            self.place[count] = k;
            self.from[count] = meets;
            count += 1;
        }
        let mut at = 0;
        for k in 0..n {
            let position = k as f64 * edge;
            while at + 1 < count && self.from[at + 1] < position {
                at += 1;
            }
            let away = position - self.place[at] as f64 * edge;
            data[start + k * stride] = (self.line[self.place[at]] + away * away) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::super::fixtures::{centered_grid, mask_where};
    use super::*;

    #[test]
    fn distances_agree_with_all_pairs() {
        let mut random = Pcg64Mcg::seed_from_u64(2);
        let grid = centered_grid([9, 8, 7], [1.3, 2.0, 4.5]);
        let mask = Mask { grid, data: (0..grid.len()).map(|_| random.random_bool(0.02)).collect() };
        let map = distance_to(&mask, Bounds::whole(&grid));
        for index in 0..grid.len() {
            let here = grid.position(grid.voxel(index));
            let nearest = mask
                .indices()
                .map(|other| {
                    let there = grid.position(grid.voxel(other));
                    (0..3).map(|k| (here[k] - there[k]).powi(2)).sum::<f64>().sqrt()
                })
                .fold(f64::INFINITY, f64::min);
            assert!((f64::from(map.at(grid.voxel(index))) - nearest).abs() < 1e-5);
        }
    }

    #[test]
    fn boxes_meet_where_they_share_a_voxel() {
        let bounds = Bounds { low: [2, 3, 4], high: [5, 6, 7] };
        assert!(bounds.meets([0, 3, 4], [9, 3, 4]) && bounds.meets([9, 5, 6], [0, 5, 6]), "a row through it");
        assert!(bounds.meets([4, 5, 6], [4, 5, 6]) && bounds.meets([0; 3], [2, 3, 4]), "its corners");
        assert!(
            !bounds.meets([0, 6, 4], [9, 6, 4])
                && !bounds.meets([5, 3, 4], [9, 3, 4])
                && !bounds.meets([0; 3], [1, 9, 9])
        );
    }

    #[test]
    fn a_voxel_dilated_on_anisotropic_voxels_is_a_ball_in_millimeters() {
        let grid = centered_grid([21, 21, 9], [1.0, 1.0, 3.0]);
        let seed = mask_where(grid, |p| p.iter().all(|x| x.abs() < 0.1));
        let ball = dilate(&seed, 6.0);
        let expected = mask_where(grid, |p| p.iter().map(|x| x * x).sum::<f64>() <= 36.0 + 1e-6);
        assert_eq!(ball, expected);
    }

    #[test]
    fn eroding_a_ball_takes_off_the_distance() {
        let grid = centered_grid([41, 41, 41], [1.0; 3]);
        let ball = mask_where(grid, |p| p.iter().map(|x| x * x).sum::<f64>().sqrt() <= 16.0);
        let eroded = erode(&ball, 6.0);
        let inner = mask_where(grid, |p| p.iter().map(|x| x * x).sum::<f64>().sqrt() <= 9.0);
        let outer = mask_where(grid, |p| p.iter().map(|x| x * x).sum::<f64>().sqrt() <= 11.0);
        assert_eq!(inner.and_not(&eroded).unwrap().count(), 0);
        assert_eq!(eroded.and_not(&outer).unwrap().count(), 0);
    }

    #[test]
    fn the_end_of_a_slab_is_not_a_surface() {
        let grid = centered_grid([11, 11, 3], [1.0; 3]);
        let column = mask_where(grid, |p| p[0].abs() < 3.1 && p[1].abs() < 3.1);
        let map = depth(&column, Bounds::whole(&grid));
        assert_eq!(map.at([5, 5, 0]), 4.0);
        assert_eq!(map.at([5, 5, 1]), 4.0);
        assert_eq!(map.at([0, 0, 0]), 0.0);
    }

    #[test]
    fn a_full_mask_is_infinitely_deep_and_an_empty_one_infinitely_far() {
        let grid = centered_grid([3, 3, 3], [1.0; 3]);
        let whole = Bounds::whole(&grid);
        assert_eq!(depth(&Mask::filled(grid, true), whole).at([1, 1, 1]), f32::INFINITY);
        assert_eq!(distance_to(&Mask::filled(grid, false), whole).at([1, 1, 1]), f32::INFINITY);
        assert_eq!(Bounds::around(&Mask::filled(grid, false)), None);
    }

    #[test]
    fn dilation_stops_at_the_border_of_the_image() {
        let grid = centered_grid([4, 4, 4], [2.0; 3]);
        let mut corner = Mask::filled(grid, false);
        corner.data[0] = true;
        assert_eq!(dilate(&corner, 2.0).count(), 4);
        assert_eq!(dilate(&corner, 100.0).count(), grid.len());
        assert_eq!(dilate(&corner, 0.0), corner);
    }
}
