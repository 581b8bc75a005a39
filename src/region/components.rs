//! Connected components of a mask, largest first.
//!
//! Two-pass labeling with a union-find over runs of voxels (Rosenfeld, Pfaltz, J ACM 1966;13:471), so a large mask
//! costs little more than reading it.

use super::morphology::Bounds;
use crate::image::{Grid, Labels, Mask};

/// Which neighbors belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Voxels that share a face.
    Faces6,
    /// Voxels that share a face, an edge or a corner.
    Corners26,
}

/// The components of a mask: label 1 is the largest; equal sizes stand in the order of their first voxel by z, y, x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    /// The label of each voxel; 0 outside.
    pub labels: Labels,
    /// Voxel counts, label 1 first.
    pub sizes: Vec<usize>,
}

impl Components {
    /// The mask of one component.
    pub fn mask(&self, label: u32) -> Mask {
        self.labels.mask(label)
    }
}

/// The components of a mask.
pub fn components(mask: &Mask, connectivity: Connectivity) -> Components {
    let runs = Runs::of(&mask.data, mask.grid.shape(), true, connectivity);
    let mut data = vec![0; mask.grid.len()];
    for (run, &component) in runs.runs.iter().zip(&runs.component) {
        data[run.start..run.end].fill(component + 1);
    }
    Components { labels: Labels { grid: mask.grid, data }, sizes: runs.sizes }
}

/// The components of a mask by 26-connection, pieces joined whose nearest voxel centers are less than `below_mm` apart.
///
/// METHOD: the distance is Euclidean between voxel centers in scanner millimeters. A contour drawn slice by slice
/// often leaves slivers beside its lesion; they are that lesion and not another one.
pub fn joined_components(mask: &Mask, below_mm: f64) -> Components {
    let mut found = components(mask, Connectivity::Corners26);
    if found.sizes.len() < 2 {
        return found;
    }
    let mut sets = UnionFind::new(found.sizes.len());
    let shape = mask.grid.shape();
    let labels = &found.labels.data;
    let offsets = offsets_within(&mask.grid, below_mm);
    for index in mask.indices().filter(|&index| on_surface(&mask.data, shape, mask.grid.voxel(index))) {
        let voxel = mask.grid.voxel(index);
        for offset in &offsets {
            if let Some(neighbor) = shifted(voxel, *offset, shape) {
                let other = labels[mask.grid.index(neighbor)];
                if other != 0 && other != labels[index] {
                    sets.unite(labels[index] as usize - 1, other as usize - 1);
                }
            }
        }
    }
    let first = first_voxels(labels, found.sizes.len());
    let (rank, sizes) = ranked(&mut sets, &found.sizes, &first);
    for label in found.labels.data.iter_mut().filter(|label| **label != 0) {
        *label = rank[*label as usize - 1] + 1;
    }
    found.sizes = sizes;
    found
}

/// The components of the voxels of a box that satisfy a condition: their linear indices in ascending order, the largest
/// first. What lies outside the box is not looked at.
pub fn components_within(
    bounds: Bounds,
    grid: &Grid,
    connectivity: Connectivity,
    inside: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let shape = bounds.shape();
    let starts: Vec<usize> = bounds.rows(grid).map(|(start, _)| start).collect();
    let data: Vec<bool> = starts.iter().flat_map(|&start| (start..start + shape[0]).map(&inside)).collect();
    let runs = Runs::of(&data, shape, true, connectivity);
    let mut found = vec![Vec::new(); runs.sizes.len()];
    for (run, &component) in runs.runs.iter().zip(&runs.component) {
        let first = starts[run.start / shape[0]] + run.start % shape[0];
        found[component as usize].extend(first..first + (run.end - run.start));
    }
    found
}

/// The largest component by 26-connection; `None` for an empty mask.
pub fn largest_component(mask: &Mask) -> Option<Mask> {
    let runs = Runs::of(&mask.data, mask.grid.shape(), true, Connectivity::Corners26);
    if runs.sizes.is_empty() {
        return None;
    }
    let mut data = vec![false; mask.grid.len()];
    for (run, _) in runs.runs.iter().zip(&runs.component).filter(|(_, component)| **component == 0) {
        data[run.start..run.end].fill(true);
    }
    Some(Mask { grid: mask.grid, data })
}

/// The mask with its holes filled: background that no path over faces joins to the border of the image.
pub(super) fn with_holes_filled(mut mask: Mask) -> Mask {
    let shape = mask.grid.shape();
    fill_holes(&mut mask.data, shape, [true; 3]);
    mask
}

/// The mask with the holes of each axial slice filled: also cavities that are open above or below.
pub(super) fn with_slice_holes_filled(mut mask: Mask) -> Mask {
    let [nx, ny, _] = mask.grid.shape();
    for slice in mask.data.chunks_exact_mut(nx * ny) {
        fill_holes(slice, [nx, ny, 1], [true, true, false]);
    }
    mask
}

/// Fills background that does not reach the border along the axes where the border is `open`.
fn fill_holes(data: &mut [bool], shape: [usize; 3], open: [bool; 3]) {
    // Faces for the background because it is the counterpart of corners for the object: no leak through a diagonal.
    let runs = Runs::of(data, shape, false, Connectivity::Faces6);
    let [nx, ny, nz] = shape;
    let mut outside = vec![false; runs.sizes.len()];
    for (run, &component) in runs.runs.iter().zip(&runs.component) {
        let (x, y, z) = (run.start % nx, run.start / nx % ny, run.start / (nx * ny));
        let at_border = [x == 0 || x + run.end - run.start == nx, y == 0 || y + 1 == ny, z == 0 || z + 1 == nz];
        outside[component as usize] |= (0..3).any(|axis| open[axis] && at_border[axis]);
    }
    for (run, &component) in runs.runs.iter().zip(&runs.component) {
        if !outside[component as usize] {
            data[run.start..run.end].fill(true);
        }
    }
}

/// A run of voxels along the first axis, as linear indices.
struct Run {
    start: usize,
    end: usize,
}

/// The runs of a mask and the component of each, 0 the largest.
struct Runs {
    runs: Vec<Run>,
    component: Vec<u32>,
    sizes: Vec<usize>,
}

impl Runs {
    /// Runs of the voxels that equal `value`.
    fn of(data: &[bool], [nx, ny, nz]: [usize; 3], value: bool, connectivity: Connectivity) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut rows = Vec::with_capacity(ny * nz + 1);
        for (row, voxels) in data.chunks_exact(nx).enumerate() {
            rows.push(runs.len());
            let mut x = 0;
            while let Some(step) = voxels[x..].iter().position(|&inside| inside == value) {
                let start = x + step;
                let length = voxels[start..].iter().position(|&inside| inside != value).unwrap_or(nx - start);
                runs.push(Run { start: row * nx + start, end: row * nx + start + length });
                x = start + length;
            }
        }
        rows.push(runs.len());

        let mut sets = UnionFind::new(runs.len());
        for z in 0..nz {
            for y in 0..ny {
                let row = z * ny + y;
                let mut touch = |other: usize, diagonal: bool| {
                    unite_touching(
                        &mut sets,
                        &runs,
                        (rows[row], rows[row + 1]),
                        (rows[other], rows[other + 1]),
                        diagonal,
                        (row - other) * nx,
                    );
                };
                match connectivity {
                    Connectivity::Faces6 => {
                        if y > 0 {
                            touch(row - 1, false);
                        }
                        if z > 0 {
                            touch(row - ny, false);
                        }
                    }
                    Connectivity::Corners26 => {
                        if y > 0 {
                            touch(row - 1, true);
                        }
                        if z > 0 {
                            for neighbor in y.saturating_sub(1)..(y + 2).min(ny) {
                                touch((z - 1) * ny + neighbor, true);
                            }
                        }
                    }
                }
            }
        }
        let lengths: Vec<usize> = runs.iter().map(|run| run.end - run.start).collect();
        let first: Vec<usize> = runs.iter().map(|run| run.start).collect();
        let (component, sizes) = ranked(&mut sets, &lengths, &first);
        Self { runs, component, sizes }
    }
}

/// Unites the runs of a row with those of an earlier row that touch them; `shift` moves the earlier row onto the later.
fn unite_touching(
    sets: &mut UnionFind,
    runs: &[Run],
    row: (usize, usize),
    earlier: (usize, usize),
    diagonal: bool,
    shift: usize,
) {
    let reach = usize::from(diagonal);
    let (mut a, mut b) = (row.0, earlier.0);
    while a < row.1 && b < earlier.1 {
        let (start, end) = (runs[b].start + shift, runs[b].end + shift);
        if start < runs[a].end + reach && runs[a].start < end + reach {
            sets.unite(a, b);
        }
        if runs[a].end < end {
            a += 1;
        } else {
            b += 1;
        }
    }
}

/// Ranks sets by size, largest first, ties by first voxel: the rank of each member, and the size of each rank.
fn ranked(sets: &mut UnionFind, member_sizes: &[usize], first_voxel: &[usize]) -> (Vec<u32>, Vec<usize>) {
    let members = member_sizes.len();
    let mut size = vec![0; members];
    let mut first = vec![usize::MAX; members];
    for member in 0..members {
        let root = sets.root(member);
        size[root] += member_sizes[member];
        first[root] = first[root].min(first_voxel[member]);
    }
    let mut roots: Vec<usize> = (0..members).filter(|&member| size[member] > 0).collect();
    roots.sort_unstable_by_key(|&root| (std::cmp::Reverse(size[root]), first[root]));
    let mut rank_of_root = vec![0; members];
    for (rank, &root) in roots.iter().enumerate() {
        rank_of_root[root] = rank as u32;
    }
    let rank = (0..members).map(|member| rank_of_root[sets.root(member)]).collect();
    (rank, roots.into_iter().map(|root| size[root]).collect())
}

/// The first voxel of each label.
fn first_voxels(labels: &[u32], count: usize) -> Vec<usize> {
    let mut first = vec![usize::MAX; count];
    for (index, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let at = &mut first[label as usize - 1];
        *at = (*at).min(index);
    }
    first
}

/// Whether a voxel of a mask has a face neighbor outside the mask (or the image).
fn on_surface(data: &[bool], shape: [usize; 3], voxel: [usize; 3]) -> bool {
    const FACES: [[isize; 3]; 6] = [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]];
    FACES
        .iter()
        .any(|&face| shifted(voxel, face, shape).is_none_or(|[x, y, z]| !data[x + shape[0] * (y + shape[1] * z)]))
}

/// Voxel offsets of less than a distance, one of each opposite pair.
fn offsets_within(grid: &Grid, below_mm: f64) -> Vec<[isize; 3]> {
    let size = grid.voxel_size();
    let m = grid.affine().0;
    let reach: [isize; 3] = size.map(|edge| (below_mm / edge).ceil() as isize);
    let mut offsets = Vec::new();
    for z in -reach[2]..=reach[2] {
        for y in -reach[1]..=reach[1] {
            for x in -reach[0]..=reach[0] {
                let step = [x as f64, y as f64, z as f64];
                let length = (0..3)
                    .map(|row| (0..3).map(|axis| m[row][axis] * step[axis]).sum::<f64>().powi(2))
                    .sum::<f64>()
                    .sqrt();
                if [z, y, x] > [0, 0, 0] && length < below_mm {
                    offsets.push([x, y, z]);
                }
            }
        }
    }
    offsets
}

fn shifted(voxel: [usize; 3], offset: [isize; 3], shape: [usize; 3]) -> Option<[usize; 3]> {
    let mut moved = [0; 3];
    for axis in 0..3 {
        moved[axis] = voxel[axis].checked_add_signed(offset[axis]).filter(|&at| at < shape[axis])?;
    }
    Some(moved)
}

/// Disjoint sets; the root of a set is its smallest member.
struct UnionFind(Vec<usize>);

impl UnionFind {
    fn new(members: usize) -> Self {
        Self((0..members).collect())
    }

    fn root(&mut self, mut member: usize) -> usize {
        while self.0[member] != member {
            self.0[member] = self.0[self.0[member]];
            member = self.0[member];
        }
        member
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::super::fixtures::centered_grid;
    use super::*;

    fn mask_of(grid: Grid, voxels: &[[usize; 3]]) -> Mask {
        let mut mask = Mask::filled(grid, false);
        for &voxel in voxels {
            mask.data[grid.index(voxel)] = true;
        }
        mask
    }

    #[test]
    fn components_of_a_box_are_those_of_the_image_and_nothing_outside_joins_them() {
        let grid = Grid::from_stored([7, 5, 3], crate::image::Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        let at = |x: usize, y: usize, z: usize| x + 7 * (y + 5 * z);
        // Three voxels that touch, one apart, and two beyond the box of which one touches that.
        let inside = [at(1, 1, 1), at(2, 1, 1), at(3, 2, 2), at(5, 1, 1), at(5, 4, 1), at(4, 0, 0)];
        let bounds = Bounds { low: [1, 1, 1], high: [6, 4, 3] };
        let found = components_within(bounds, &grid, Connectivity::Corners26, |index| inside.contains(&index));
        assert_eq!(found, [vec![at(1, 1, 1), at(2, 1, 1), at(3, 2, 2)], vec![at(5, 1, 1)]]);
        let faces = components_within(bounds, &grid, Connectivity::Faces6, |index| inside.contains(&index));
        assert_eq!(faces.len(), 3);
        let whole =
            components_within(Bounds::whole(&grid), &grid, Connectivity::Corners26, |index| inside.contains(&index));
        assert_eq!(whole.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 1]);
    }

    #[test]
    fn a_corner_joins_by_26_and_not_by_6() {
        let grid = centered_grid([4, 4, 4], [1.0; 3]);
        let mask = mask_of(grid, &[[1, 1, 1], [2, 2, 2]]);
        assert_eq!(components(&mask, Connectivity::Corners26).sizes, [2]);
        assert_eq!(components(&mask, Connectivity::Faces6).sizes, [1, 1]);
        let other_diagonal = mask_of(grid, &[[2, 2, 1], [1, 1, 2]]);
        assert_eq!(components(&other_diagonal, Connectivity::Corners26).sizes, [2]);
    }

    #[test]
    fn equal_sizes_stand_by_z_then_y_then_x() {
        let grid = centered_grid([9, 9, 9], [1.0; 3]);
        let mask = mask_of(grid, &[[8, 0, 4], [0, 8, 0], [6, 4, 0], [4, 8, 8], [4, 7, 8]]);
        let found = components(&mask, Connectivity::Corners26);
        assert_eq!(found.sizes, [2, 1, 1, 1]);
        let label = |voxel| found.labels.data[grid.index(voxel)];
        assert_eq!([label([4, 8, 8]), label([6, 4, 0]), label([0, 8, 0]), label([8, 0, 4])], [1, 2, 3, 4]);
    }

    /// Labels by flooding, the slow and obvious way.
    fn flooded(mask: &Mask, connectivity: Connectivity) -> Vec<usize> {
        let shape = mask.grid.shape();
        let mut left = mask.data.clone();
        let mut sizes = Vec::new();
        for start in 0..left.len() {
            if !left[start] {
                continue;
            }
            left[start] = false;
            let (mut stack, mut size) = (vec![start], 0);
            while let Some(index) = stack.pop() {
                size += 1;
                for code in 0..27_isize {
                    let step = [code % 3 - 1, code / 3 % 3 - 1, code / 9 - 1];
                    let faces = step.iter().map(|k| k.abs()).sum::<isize>();
                    if faces == 0 || (connectivity == Connectivity::Faces6 && faces > 1) {
                        continue;
                    }
                    if let Some(next) = shifted(mask.grid.voxel(index), step, shape) {
                        let next = mask.grid.index(next);
                        if std::mem::take(&mut left[next]) {
                            stack.push(next);
                        }
                    }
                }
            }
            sizes.push(size);
        }
        sizes.sort_unstable_by_key(|&size| std::cmp::Reverse(size));
        sizes
    }

    #[test]
    fn random_masks_agree_with_flooding() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        for (density, connectivity) in
            [(0.08, Connectivity::Corners26), (0.3, Connectivity::Faces6), (0.6, Connectivity::Corners26)]
        {
            let grid = centered_grid([13, 11, 9], [1.0; 3]);
            let mask = Mask { grid, data: (0..grid.len()).map(|_| random.random_bool(density)).collect() };
            let found = components(&mask, connectivity);
            assert_eq!(found.sizes, flooded(&mask, connectivity));
            assert_eq!(found.sizes.iter().sum::<usize>(), mask.count());
            for (at, &size) in found.sizes.iter().enumerate() {
                assert_eq!(found.mask(at as u32 + 1).count(), size);
            }
        }
    }

    #[test]
    fn pieces_join_below_the_distance_and_not_at_it() {
        let grid = centered_grid([12, 4, 6], [1.0, 1.0, 2.5]);
        // The pair lies 5 mm apart along x, the single voxel 5 mm along z.
        let mask = mask_of(grid, &[[0, 0, 0], [1, 0, 0], [6, 0, 0], [0, 0, 2]]);
        assert_eq!(joined_components(&mask, 5.0).sizes, [2, 1, 1]);
        assert_eq!(joined_components(&mask, 5.01).sizes, [4]);
    }

    #[test]
    fn joined_pieces_may_overtake_a_larger_one() {
        let grid = centered_grid([20, 4, 4], [1.0; 3]);
        let mask = mask_of(grid, &[[0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0], [11, 0, 0], [14, 0, 0], [15, 0, 0]]);
        let found = joined_components(&mask, 5.0);
        assert_eq!(found.sizes, [4, 3]);
        assert_eq!(found.labels.data[grid.index([15, 0, 0])], 1);
        assert_eq!(found.labels.data[grid.index([0, 0, 0])], 2);
    }

    #[test]
    fn holes_are_filled_and_open_cavities_are_not() {
        let grid = centered_grid([7, 7, 7], [1.0; 3]);
        let mut shell = Mask::filled(grid, false);
        for index in 0..grid.len() {
            let voxel = grid.voxel(index);
            let inner = voxel.iter().all(|k| (2..5).contains(k));
            shell.data[index] = voxel.iter().all(|k| (1..6).contains(k)) && !inner;
        }
        assert_eq!(with_holes_filled(shell.clone()).count(), 125);
        shell.data[grid.index([3, 3, 1])] = false;
        assert_eq!(with_holes_filled(shell.clone()).count(), shell.count());
        // Open below only: closed within each slice.
        assert_eq!(with_slice_holes_filled(shell.clone()).count(), 125);
        shell.data[grid.index([3, 1, 3])] = false;
        assert_eq!(with_slice_holes_filled(shell).count(), 125 - 9 - 1);
    }

    #[test]
    fn an_empty_mask_has_no_component() {
        let mask = Mask::filled(centered_grid([3, 3, 3], [1.0; 3]), false);
        assert!(components(&mask, Connectivity::Corners26).sizes.is_empty());
        assert_eq!(largest_component(&mask), None);
    }
}
