//! A flat look at an image: a plane through scanner space, sampled for a picture.
//!
//! Pictures follow the radiological convention: the patient's right is on the left of axial and coronal pictures,
//! anterior (axial) or superior (coronal, sagittal) is up, and a sagittal picture looks to its left at anterior.
//! Picture coordinates are those of SVG: (0, 0) is the top left corner, and the pixel in column `c` and row `r`
//! covers `c..c + 1` and `r..r + 1`.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::grid::{Affine, Grid};
use super::resample::{linear, nearest_index};
use super::volume::{Labels, Mask, Volume};

/// A plane in scanner space, and the raster of pixels on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Scanner coordinates (RAS+ mm) of the picture's top left corner.
    pub corner: [f64; 3],
    /// Step in scanner space from a pixel to its right neighbor, mm.
    pub right: [f64; 3],
    /// Step in scanner space from a pixel to the one below, mm.
    pub down: [f64; 3],
    /// Pixels along a row.
    pub width: usize,
    /// Pixels along a column.
    pub height: usize,
}

/// What is seen on a [`View`]: one value per pixel, row by row from the top left.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane<T> {
    /// Pixels along a row.
    pub width: usize,
    /// Pixels along a column.
    pub height: usize,
    /// `width × height` values.
    pub data: Vec<T>,
}

impl View {
    /// A square axial view: `pixels` along an edge of `field_of_view` mm, around `center` (scanner coordinates).
    pub fn axial(center: [f64; 3], field_of_view: f64, pixels: usize) -> Self {
        Self::square(center, field_of_view, pixels, [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0])
    }

    /// A square coronal view, like [`axial`](Self::axial).
    pub fn coronal(center: [f64; 3], field_of_view: f64, pixels: usize) -> Self {
        Self::square(center, field_of_view, pixels, [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0])
    }

    /// A square sagittal view, like [`axial`](Self::axial).
    pub fn sagittal(center: [f64; 3], field_of_view: f64, pixels: usize) -> Self {
        Self::square(center, field_of_view, pixels, [0.0, -1.0, 0.0], [0.0, 0.0, -1.0])
    }

    /// `right` and `down` are unit vectors in scanner space.
    fn square(center: [f64; 3], field_of_view: f64, pixels: usize, right: [f64; 3], down: [f64; 3]) -> Self {
        let step = field_of_view / pixels as f64;
        let corner = std::array::from_fn(|k| center[k] - field_of_view / 2.0 * (right[k] + down[k]));
        let (right, down) = (right.map(|k| k * step), down.map(|k| k * step));
        Self { corner, right, down, width: pixels, height: pixels }
    }

    /// Scanner coordinates of a place in the picture.
    pub fn position(&self, [column, row]: [f64; 2]) -> [f64; 3] {
        std::array::from_fn(|k| self.corner[k] + column * self.right[k] + row * self.down[k])
    }

    /// Where a scanner position, dropped onto the plane, lies in the picture.
    pub fn place(&self, position: [f64; 3]) -> [f64; 2] {
        let along = |step: [f64; 3]| {
            let dot = (0..3).map(|k| (position[k] - self.corner[k]) * step[k]).sum::<f64>();
            dot / step.iter().map(|k| k * k).sum::<f64>()
        };
        [along(self.right), along(self.down)]
    }

    /// Distance of a scanner position from the plane, mm.
    pub fn distance(&self, position: [f64; 3]) -> f64 {
        let on_plane = self.position(self.place(position));
        (0..3).map(|k| (position[k] - on_plane[k]).powi(2)).sum::<f64>().sqrt()
    }

    /// A volume by trilinear interpolation; NaN where it does not reach or is not estimated.
    pub fn volume(&self, volume: &Volume) -> Plane<f32> {
        self.sample(&volume.grid, f32::NAN, |at| linear(&volume.grid, &volume.data, at, |value| value))
    }

    /// A label map by its nearest voxels; 0 where it does not reach.
    pub fn labels(&self, labels: &Labels) -> Plane<u32> {
        self.sample(&labels.grid, 0, |at| nearest_index(&labels.grid, at).map_or(0, |index| labels.data[index]))
    }

    /// A region by its nearest voxels; false where it does not reach.
    pub fn mask(&self, mask: &Mask) -> Plane<bool> {
        self.sample(&mask.grid, false, |at| nearest_index(&mask.grid, at).is_some_and(|index| mask.data[index]))
    }

    /// How much of a region there is at each pixel, interpolated: 0 outside to 1 inside.
    pub(super) fn coverage(&self, mask: &Mask) -> Plane<f32> {
        self.sample(&mask.grid, 0.0, |at| {
            let inside = linear(&mask.grid, &mask.data, at, |inside| f32::from(u8::from(inside)));
            if inside.is_nan() { 0.0 } else { inside }
        })
    }

    /// Samples at the centres of the pixels; `at` is a position in voxels of the grid.
    fn sample<T: Copy + Send + Sync>(&self, grid: &Grid, outside: T, value: impl Fn([f64; 3]) -> T + Sync) -> Plane<T> {
        let mut data = vec![outside; self.width * self.height];
        let mut plane = [[0.0; 4]; 3];
        for k in 0..3 {
            plane[k] = [self.right[k], self.down[k], 0.0, self.corner[k]];
        }
        // A grid has an inverse: it could not have been made otherwise.
        if let Some(to_voxels) = grid.affine().inverse()
            && self.width > 0
        {
            let to_voxels = to_voxels.after(&Affine(plane));
            data.par_chunks_mut(self.width).enumerate().for_each(|(row, pixels)| {
                for (column, pixel) in pixels.iter_mut().enumerate() {
                    *pixel = value(to_voxels.apply([column as f64 + 0.5, row as f64 + 0.5, 0.0]));
                }
            });
        }
        Plane { width: self.width, height: self.height, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 mm voxels; the value is the scanner x, y or z.
    fn coordinate(axis: usize) -> Volume {
        let grid = Grid::from_stored([40, 40, 40], Affine::diagonal([4.0; 3], [-80.0; 3])).unwrap();
        let value = |index| grid.position(grid.voxel(index))[axis] as f32;
        Volume { grid, data: (0..grid.len()).map(value).collect() }
    }

    #[test]
    fn patient_right_is_on_the_left_and_anterior_is_up() {
        let view = View::axial([10.0, 20.0, -5.0], 64.0, 16);
        let (x, y, z) = (view.volume(&coordinate(0)), view.volume(&coordinate(1)), view.volume(&coordinate(2)));
        // The first pixel's centre is half a pixel (2 mm) inside the corner at x = 10 + 32, y = 20 + 32.
        assert_eq!((x.data[0], y.data[0], z.data[0]), (40.0, 50.0, -5.0));
        assert_eq!((x.data[15], y.data[240]), (-20.0, -10.0));
    }

    #[test]
    fn superior_is_up_and_a_sagittal_view_looks_to_the_left_at_anterior() {
        let coronal = View::coronal([0.0; 3], 40.0, 10).volume(&coordinate(2));
        assert_eq!((coronal.data[0], coronal.data[90]), (18.0, -18.0));
        let sagittal = View::sagittal([0.0; 3], 40.0, 10).volume(&coordinate(1));
        assert_eq!((sagittal.data[0], sagittal.data[9]), (18.0, -18.0));
    }

    #[test]
    fn outside_the_image_nothing_is_seen() {
        let view = View::axial([0.0, 0.0, 500.0], 64.0, 8);
        assert!(view.volume(&coordinate(0)).data.iter().all(|value| value.is_nan()));
        let grid = coordinate(0).grid;
        assert!(view.mask(&Mask::filled(grid, true)).data.iter().all(|&inside| !inside));
        assert!(view.labels(&Labels { grid, data: vec![3; grid.len()] }).data.iter().all(|&label| label == 0));
    }

    #[test]
    fn places_and_positions_undo_each_other() {
        let view = View::axial([10.0, 20.0, -5.0], 64.0, 16);
        assert_eq!(view.place([10.0, 20.0, -5.0]), [8.0, 8.0]);
        assert_eq!(view.position(view.place([3.0, 7.0, -5.0])), [3.0, 7.0, -5.0]);
        assert_eq!(view.distance([3.0, 7.0, -2.0]), 3.0);
    }
}
