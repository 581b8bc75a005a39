//! Size of a lesion: volume and the two diameters of RANO.
//!
//! Macdonald DR et al., J Clin Oncol 1990;8:1277; Wen PY et al. (RANO), J Clin Oncol 2010;28:1963: the longest
//! diameter in an axial slice and the longest diameter perpendicular to it in the same slice.

use crate::image::{Mask, any};
use crate::units::{Milliliters, Millimeters};

/// Lengths closer than this are the same, mm.
const SAME_MM: f64 = 1e-9;

/// A straight line across a lesion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameter {
    /// Its length.
    pub length: Millimeters,
    /// Its ends in scanner coordinates, mm.
    pub ends: [[f64; 3]; 2],
}

/// Volume and diameters of a lesion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Voxel count times voxel volume.
    pub volume: Milliliters,
    /// The axial slice (third canonical axis) of the diameters.
    pub slice: usize,
    /// Longest diameter in a slice.
    pub longest: Diameter,
    /// Longest diameter perpendicular to it in that slice.
    pub perpendicular: Diameter,
}

/// Measures a lesion; `None` for an empty mask.
///
/// METHOD: the outline of a slice is the convex hull of the points halfway between voxel centers inside and outside:
/// the vertices of the surface that IBSI (Zwanenburg, Radiology 2020;295:328) measures. Voxel centers would lose a
/// voxel of every length, voxel corners would add up to a diagonal. A necrotic core or a bay of the outline does not
/// shorten a diameter. The perpendicular is a chord of the outline, as a reader draws it, not its projected width.
/// Of equally long diameters the one with the longer perpendicular counts, then the lower slice.
pub fn shape(mask: &Mask) -> Option<Shape> {
    let [nx, ny, nz] = mask.grid.shape();
    let axes = SliceAxes::of(mask);
    let mut best: Option<(usize, [Line; 2])> = None;
    for z in 0..nz {
        let slice = &mask.data[z * nx * ny..(z + 1) * nx * ny];
        if !any(slice) {
            continue;
        }
        let hull = convex_hull(outline_points(slice, nx, &axes));
        let Some(lines) = diameters(&hull) else { continue };
        let longer = |[a, b]: &[Line; 2], [c, d]: &[Line; 2]| {
            let first = a.length() - c.length();
            first > SAME_MM || (first.abs() <= SAME_MM && b.length() > d.length() + SAME_MM)
        };
        if best.as_ref().is_none_or(|(_, known)| longer(&lines, known)) {
            best = Some((z, lines));
        }
    }
    let (slice, [longest, perpendicular]) = best?;
    let diameter = |line: &Line| Diameter {
        length: Millimeters(line.length()),
        ends: line.0.map(|point| axes.position(mask, point, slice)),
    };
    Some(Shape { volume: mask.volume(), slice, longest: diameter(&longest), perpendicular: diameter(&perpendicular) })
}

type Point = [f64; 2];

/// A line between two points of a slice, mm.
#[derive(Clone, Copy)]
struct Line([Point; 2]);

impl Line {
    fn length(&self) -> f64 {
        let [a, b] = self.0;
        (a[0] - b[0]).hypot(a[1] - b[1])
    }
}

/// Perpendicular axes of length 1 within a slice, and the steps between voxels along them.
struct SliceAxes {
    axes: [[f64; 3]; 2],
    /// In-plane coordinates of one step along the first and the second voxel axis, mm.
    steps: [Point; 2],
}

impl SliceAxes {
    fn of(mask: &Mask) -> Self {
        let m = mask.grid.affine().0;
        let column = |axis: usize| [m[0][axis], m[1][axis], m[2][axis]];
        let dot = |a: [f64; 3], b: [f64; 3]| (0..3).map(|k| a[k] * b[k]).sum::<f64>();
        let unit = |a: [f64; 3]| a.map(|value| value / dot(a, a).sqrt());
        let first = unit(column(0));
        let along = dot(first, column(1));
        let second = unit(std::array::from_fn(|k| column(1)[k] - along * first[k]));
        let steps = [[dot(first, column(0)), 0.0], [along, dot(second, column(1))]];
        Self { axes: [first, second], steps }
    }

    /// In-plane coordinates of voxel indices, mm.
    fn place(&self, x: f64, y: f64) -> Point {
        [x * self.steps[0][0] + y * self.steps[1][0], x * self.steps[0][1] + y * self.steps[1][1]]
    }

    /// Scanner coordinates of a point of a slice.
    fn position(&self, mask: &Mask, point: Point, slice: usize) -> [f64; 3] {
        let start = mask.grid.position([0, 0, slice]);
        std::array::from_fn(|k| start[k] + point[0] * self.axes[0][k] + point[1] * self.axes[1][k])
    }
}

/// The points halfway to the four neighbors of the first and the last voxel of each row: they hold the whole hull.
fn outline_points(slice: &[bool], nx: usize, axes: &SliceAxes) -> Vec<Point> {
    let mut points = Vec::new();
    for (y, row) in slice.chunks_exact(nx).enumerate() {
        let Some(first) = row.iter().position(|&inside| inside) else { continue };
        let last = row.iter().rposition(|&inside| inside).unwrap_or(first);
        let (first, last, y) = (first as f64, last as f64, y as f64);
        points.extend([axes.place(first - 0.5, y), axes.place(last + 0.5, y)]);
        for x in [first, last] {
            points.extend([axes.place(x, y - 0.5), axes.place(x, y + 0.5)]);
        }
    }
    points
}

/// Convex hull, counterclockwise (Andrew AM, Inf Process Lett 1979;9:216).
fn convex_hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turns_left = |o: Point, a: Point, b: Point| {
        (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]) > SAME_MM * SAME_MM
    };
    let chain = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for point in points {
            while chain.len() >= 2 && !turns_left(chain[chain.len() - 2], chain[chain.len() - 1], point) {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut hull = chain(&mut points.iter().copied());
    hull.extend(chain(&mut points.iter().rev().copied()));
    hull
}

/// The longest diameter of a convex outline, and the longest chord perpendicular to it.
fn diameters(hull: &[Point]) -> Option<[Line; 2]> {
    let mut best: Option<[Line; 2]> = None;
    let mut longest = 0.0;
    for (at, &a) in hull.iter().enumerate() {
        for &b in &hull[at + 1..] {
            let line = Line([a, b]);
            let length = line.length();
            if length < longest - SAME_MM {
                continue;
            }
            let perpendicular = longest_perpendicular(hull, &line);
            let better = match &best {
                Some([_, known]) => length > longest + SAME_MM || perpendicular.length() > known.length() + SAME_MM,
                None => true,
            };
            if better {
                best = Some([line, perpendicular]);
            }
            longest = f64::max(longest, length);
        }
    }
    best
}

/// The longest chord of a convex outline perpendicular to a line. It starts at a vertex, as chord length is linear
/// between vertices.
fn longest_perpendicular(hull: &[Point], line: &Line) -> Line {
    let length = line.length();
    let [a, b] = line.0;
    let along = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
    let across = [-along[1], along[0]];
    let dot = |p: Point, q: Point| p[0] * q[0] + p[1] * q[1];
    let mut best = Line([a, a]);
    for &vertex in hull {
        let place = dot(vertex, along);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (at, &p) in hull.iter().enumerate() {
            let q = hull[(at + 1) % hull.len()];
            let (from, to) = (dot(p, along) - place, dot(q, along) - place);
            if from.abs() <= SAME_MM {
                low = low.min(dot(p, across));
                high = high.max(dot(p, across));
            } else if from * to < 0.0 {
                let share = from / (from - to);
                let crossing = dot(p, across) + share * (dot(q, across) - dot(p, across));
                low = low.min(crossing);
                high = high.max(crossing);
            }
        }
        if high - low > best.length() + SAME_MM {
            let end = |t: f64| [place * along[0] + t * across[0], place * along[1] + t * across[1]];
            best = Line([end(low), end(high)]);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    fn mask_where(grid: Grid, inside: impl Fn([f64; 3]) -> bool) -> Mask {
        Mask { grid, data: (0..grid.len()).map(|index| inside(grid.position(grid.voxel(index)))).collect() }
    }

    fn grid(shape: [usize; 3], size: [f64; 3]) -> Grid {
        let origin = std::array::from_fn(|k| -0.5 * size[k] * (shape[k] as f64 - 1.0));
        Grid::from_stored(shape, Affine::diagonal(size, origin)).unwrap()
    }

    fn lengths(mask: &Mask) -> [f64; 2] {
        let found = shape(mask).unwrap();
        [found.longest.length.0, found.perpendicular.length.0]
    }

    #[test]
    fn one_voxel_is_as_long_as_its_longer_edge() {
        let mut mask = Mask::filled(grid([5, 5, 3], [2.0, 3.0, 5.0]), false);
        mask.data[37] = true;
        assert_eq!(lengths(&mask), [3.0, 2.0]);
        assert!((shape(&mask).unwrap().volume.0 - 0.03).abs() < 1e-15);
    }

    #[test]
    fn a_bar_of_seven_by_three_voxels_by_hand() {
        let mask =
            mask_where(grid([21, 21, 3], [1.0; 3]), |p| p[0].abs() < 3.1 && p[1].abs() < 1.1 && p[2].abs() < 0.1);
        // The hull has corners cut at half a voxel: it holds (±3.5, ±1) and (±3, ±1.5). Longest: from (-3.5, -1) to
        // (3.5, 1), the same as none of (-3, -1.5) to (3, 1.5): √(49 + 4) against √(36 + 9).
        let [longest, perpendicular] = lengths(&mask);
        assert!((longest - 53.0_f64.sqrt()).abs() < 1e-12);
        // Perpendicular to (7, 2): the direction (-2, 7) crosses from y = -1.5 to y = 1.5, 3/7·√53 long.
        assert!((perpendicular - 3.0 / 7.0 * 53.0_f64.sqrt()).abs() < 1e-12, "{perpendicular}");
    }

    #[test]
    fn an_ellipse_turned_in_its_slice_keeps_both_axes() {
        let grid = grid([160, 160, 3], [0.5, 0.5, 5.0]);
        for degrees in [0.0_f64, 17.0, 45.0, 68.0, 90.0, 131.0] {
            let (s, c) = degrees.to_radians().sin_cos();
            let mask = mask_where(grid, |p| {
                let (u, v) = (c * p[0] + s * p[1], -s * p[0] + c * p[1]);
                (u / 30.0).powi(2) + (v / 18.0).powi(2) <= 1.0 && p[2].abs() < 0.1
            });
            let [longest, perpendicular] = lengths(&mask);
            assert!((longest - 60.0).abs() < 0.5, "{degrees}°: {longest}");
            assert!((perpendicular - 36.0).abs() < 0.75, "{degrees}°: {perpendicular}");
        }
    }

    #[test]
    fn the_largest_slice_decides_and_a_core_does_not_shorten() {
        let grid = grid([60, 60, 9], [1.0, 1.0, 5.0]);
        let ball = |p: &[f64; 3]| (p[0].powi(2) + p[1].powi(2) + (p[2] - 5.0).powi(2)).sqrt();
        let solid = mask_where(grid, |p| ball(&p) <= 16.0);
        let ring = mask_where(grid, |p| (10.0..=16.0).contains(&ball(&p)));
        let (a, b) = (shape(&solid).unwrap(), shape(&ring).unwrap());
        assert_eq!((a.slice, a.longest), (5, b.longest));
        assert_eq!(a.perpendicular, b.perpendicular);
        assert!((a.longest.length.0 - 32.0).abs() < 1.0 && (a.perpendicular.length.0 - 32.0).abs() < 1.5);
        assert!(b.volume < a.volume);
    }

    #[test]
    fn ends_lie_as_far_apart_as_the_diameter_is_long_and_at_right_angles() {
        let affine = Affine([[0.9, 0.2, 0.1, -20.0], [-0.2, 0.9, 0.3, -20.0], [0.0, -0.3, 4.0, -9.0]]);
        let grid = Grid::from_stored([50, 50, 6], affine).unwrap();
        let mask = mask_where(grid, |p| (p[0] / 12.0).powi(2) + (p[1] / 7.0).powi(2) + (p[2] / 9.0).powi(2) <= 1.0);
        let found = shape(&mask).unwrap();
        let between = |d: Diameter| -> [f64; 3] { std::array::from_fn(|k| d.ends[1][k] - d.ends[0][k]) };
        let dot = |a: [f64; 3], b: [f64; 3]| (0..3).map(|k| a[k] * b[k]).sum::<f64>();
        let (u, v) = (between(found.longest), between(found.perpendicular));
        assert!((dot(u, u).sqrt() - found.longest.length.0).abs() < 1e-9);
        assert!((dot(v, v).sqrt() - found.perpendicular.length.0).abs() < 1e-9);
        assert!(dot(u, v).abs() < 1e-9 * found.longest.length.0 * found.perpendicular.length.0);
    }

    #[test]
    fn storage_orientation_changes_nothing() {
        let inside = |p: [f64; 3]| (p[0] - 3.0).powi(2) / 81.0 + (p[1] + 0.3 * p[0]).powi(2) / 30.0 < 1.0 && p[2] > 0.0;
        let canonical = grid([30, 40, 4], [1.0, 1.5, 5.0]);
        let m = canonical.affine().0;
        // Stored as (z, -x, y).
        let last = |k: usize| m[k][3] + m[k][0] * 29.0;
        let stored = Affine(std::array::from_fn(|k| [m[k][2], -m[k][0], m[k][1], last(k)]));
        let permuted = Grid::from_stored([4, 30, 40], stored).unwrap();
        assert_eq!(shape(&mask_where(permuted, inside)), shape(&mask_where(canonical, inside)));
    }

    #[test]
    fn an_empty_mask_has_no_shape() {
        assert_eq!(shape(&Mask::filled(grid([3, 3, 3], [1.0; 3]), false)), None);
    }
}
