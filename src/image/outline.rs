//! The outline of a region in a picture: marching squares (Lorensen and Cline 1987, in two dimensions).

use super::view::{Plane, View};
use super::volume::Mask;

/// The region counts as inside where its interpolated mask is above this.
const LEVEL: f32 = 0.5;

impl View {
    /// Closed outlines of a region, in picture coordinates; the last point joins the first. The mask is interpolated,
    /// so they are smooth where the picture is finer than the mask. Holes are outlines of their own, so an SVG path
    /// of all of them wants the even-odd fill rule.
    pub fn outline(&self, mask: &Mask) -> Vec<Vec<[f32; 2]>> {
        contours(&self.coverage(mask), LEVEL)
    }
}

/// The edges that leave a lattice point: to its right neighbor, and to the one below.
#[derive(Clone, Copy)]
enum Edge {
    Right = 0,
    Down = 1,
}

/// A raster with a border of zeros, so that every contour closes.
struct Lattice<'a> {
    plane: &'a Plane<f32>,
    width: usize,
    height: usize,
    level: f32,
}

impl Lattice<'_> {
    fn value(&self, column: usize, row: usize) -> f32 {
        let inside = (1..=self.plane.width).contains(&column) && (1..=self.plane.height).contains(&row);
        if inside { self.plane.data[(row - 1) * self.plane.width + column - 1] } else { 0.0 }
    }

    fn edge(&self, column: usize, row: usize, edge: Edge) -> usize {
        2 * (row * self.width + column) + edge as usize
    }

    /// Where the level crosses an edge, in picture coordinates: the pixel (0, 0) has its centre at (0.5, 0.5) and
    /// stands behind one border.
    fn crossing(&self, edge: usize) -> [f32; 2] {
        let (column, row) = (edge / 2 % self.width, edge / 2 / self.width);
        let from = self.value(column, row);
        let (to, right) = if edge.is_multiple_of(2) {
            (self.value(column + 1, row), true)
        } else {
            (self.value(column, row + 1), false)
        };
        let fraction = (self.level - from) / (to - from);
        let (x, y) = (column as f32 - 0.5, row as f32 - 0.5);
        if right { [x + fraction, y] } else { [x, y + fraction] }
    }
}

fn contours(plane: &Plane<f32>, level: f32) -> Vec<Vec<[f32; 2]>> {
    let lattice = Lattice { plane, width: plane.width + 2, height: plane.height + 2, level };
    let next = directed_segments(&lattice);
    let mut seen = vec![false; next.len()];
    let mut contours = Vec::new();
    for start in 0..next.len() {
        if next[start].is_none() || seen[start] {
            continue;
        }
        let mut contour = Vec::new();
        let mut edge = start;
        while !seen[edge] {
            seen[edge] = true;
            contour.push(lattice.crossing(edge));
            let Some(following) = next[edge] else { break };
            edge = following;
        }
        contours.push(contour);
    }
    contours
}

/// For every edge that a contour crosses, the edge that it crosses next, with the inside always on the same hand:
/// an edge belongs to two cells, begins a segment in one and ends one in the other, so contours can be followed.
fn directed_segments(lattice: &Lattice<'_>) -> Vec<Option<usize>> {
    let mut next = vec![None; 2 * lattice.width * lattice.height];
    for row in 0..lattice.height - 1 {
        for column in 0..lattice.width - 1 {
            // Corners clockwise from the top left.
            let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(x, y)| lattice.value(column + x, row + y));
            let inside = corners.map(|value| value > lattice.level);
            let top = lattice.edge(column, row, Edge::Right);
            let right = lattice.edge(column + 1, row, Edge::Down);
            let bottom = lattice.edge(column, row + 1, Edge::Right);
            let left = lattice.edge(column, row, Edge::Down);
            let sides = [top, right, bottom, left];
            // Clockwise along the cell's border, a side leads in or out of the region. A segment begins where it
            // leads out and ends where it leads in again.
            let leads_out = |side: usize| inside[side] && !inside[(side + 1) % 4];
            let leads_in = |side: usize| !inside[side] && inside[(side + 1) % 4];
            // In a saddle (two opposite corners inside) the mean of the corners says whether they are joined: then
            // each segment cuts off an outer corner (it ends at the next way in), else an inner one.
            let saddle = inside[0] == inside[2] && inside[1] == inside[3] && inside[0] != inside[1];
            let joined = corners.iter().sum::<f32>() / 4.0 > lattice.level;
            for side in (0..4).filter(|&side| leads_out(side)) {
                let offset = if saddle && !joined { 3 } else { 1 };
                let mut end = (side + offset) % 4;
                while !leads_in(end) {
                    end = (end + offset) % 4;
                }
                next[sides[side]] = Some(sides[end]);
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    /// Area inside, holes subtracted: the shoelace formula gives holes the other sign.
    fn area(contour: &[[f32; 2]]) -> f64 {
        let next = contour.iter().cycle().skip(1);
        let twice = contour.iter().zip(next).map(|(a, b)| f64::from(a[0] * b[1] - b[0] * a[1])).sum::<f64>();
        twice / 2.0
    }

    fn plane(rows: &[&[u8]]) -> Plane<f32> {
        let data = rows.iter().flat_map(|row| row.iter().map(|&value| f32::from(value))).collect();
        Plane { width: rows[0].len(), height: rows.len(), data }
    }

    #[test]
    fn one_pixel_is_a_diamond_around_its_centre() {
        let contours = contours(&plane(&[&[0, 0, 0], &[0, 1, 0], &[0, 0, 0]]), 0.5);
        assert_eq!(contours.len(), 1);
        let mut points = contours[0].clone();
        points.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(points, [[1.0, 1.5], [1.5, 1.0], [1.5, 2.0], [2.0, 1.5]]);
    }

    #[test]
    fn a_region_at_the_border_closes() {
        let contours = contours(&plane(&[&[1, 1], &[1, 1]]), 0.5);
        assert_eq!(contours.len(), 1);
        assert_eq!(contours[0].len(), 8);
    }

    #[test]
    fn a_hole_is_an_outline_that_turns_the_other_way() {
        let contours = contours(&plane(&[&[1; 5], &[1; 5], &[1, 1, 0, 1, 1], &[1; 5], &[1; 5]]), 0.5);
        assert_eq!(contours.len(), 2);
        assert!((area(&contours[0]).abs() - 24.5).abs() < 1e-6);
        assert!((area(&contours[1]).abs() - 0.5).abs() < 1e-6);
        assert!(area(&contours[0]) * area(&contours[1]) < 0.0);
    }

    #[test]
    fn pixels_that_touch_at_a_corner_stay_apart() {
        // The mean of the saddle's corners is exactly the level, which is not above it.
        assert_eq!(contours(&plane(&[&[1, 0], &[0, 1]]), 0.5).len(), 2);
        assert_eq!(contours(&plane(&[&[0, 1], &[1, 0]]), 0.5).len(), 2);
        assert_eq!(contours(&plane(&[&[1, 0], &[0, 1]]), 0.4).len(), 1);
        assert_eq!(contours(&plane(&[&[0, 1], &[1, 0]]), 0.4).len(), 1);
    }

    #[test]
    fn a_ball_has_its_own_area_at_its_own_place() {
        let grid = Grid::from_stored([60, 60, 20], Affine::diagonal([1.0, 1.0, 3.0], [-30.0, -30.0, -30.0])).unwrap();
        let (center, radius) = ([8.0, -4.0, 0.0], 12.0);
        let inside = |index: usize| {
            let at = grid.position(grid.voxel(index));
            (0..3).map(|k| (at[k] - center[k]).powi(2)).sum::<f64>() <= radius * radius
        };
        let mask = Mask { grid, data: (0..grid.len()).map(inside).collect() };
        let view = View::axial([0.0; 3], 60.0, 240);
        let outlines = view.outline(&mask);
        assert_eq!(outlines.len(), 1);
        // 4 x 4 pixels per square millimeter; a disk of whole voxels is within 3 % of the circle's area.
        let expected = std::f64::consts::PI * radius * radius * 16.0;
        assert!((area(&outlines[0]).abs() / expected - 1.0).abs() < 0.03, "{} {expected}", area(&outlines[0]));
        let count = outlines[0].len() as f32;
        let mean =
            outlines[0].iter().fold([0.0; 2], |sum, point| [sum[0] + point[0] / count, sum[1] + point[1] / count]);
        let expected = view.place(center);
        assert!((0..2).all(|k| (f64::from(mean[k]) - expected[k]).abs() < 1.0), "{mean:?} {expected:?}");
    }

    #[test]
    fn an_empty_region_has_no_outline() {
        let grid = Grid::from_stored([4, 4, 4], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        assert!(View::axial([0.0; 3], 10.0, 20).outline(&Mask::filled(grid, false)).is_empty());
    }
}
