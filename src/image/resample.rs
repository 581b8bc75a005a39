//! From one grid to another by scanner coordinates.
//!
//! Every function pulls: for each voxel of the target grid it asks where that place lies in the source. `transform`
//! maps scanner coordinates of the target to scanner coordinates of the source (for a registration: from the fixed
//! image to the moving one); `None` is the identity. Images on the same grid without a transform come back as they are.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::error::ImageError;
use super::grid::{Affine, Grid};
use super::volume::{Labels, Mask, Volume};

/// Two positions closer than this are one, in voxels. Positions halfway between voxels are common (a grid of twice
/// the voxel size), and which neighbor is nearest must not hang on rounding noise.
const SAME_POSITION: f64 = 1e-6;

/// A label map on another grid: the label of the nearest source voxel, 0 outside the source.
pub fn resample_labels(labels: &Labels, onto: &Grid, transform: Option<&Affine>) -> Result<Labels, ImageError> {
    let data = nearest(&labels.grid, &labels.data, 0, onto, transform)?;
    Ok(Labels { grid: *onto, data })
}

/// A region on another grid: whether the nearest source voxel belongs to it; outside the source nothing does.
pub fn resample_mask(mask: &Mask, onto: &Grid, transform: Option<&Affine>) -> Result<Mask, ImageError> {
    let data = nearest(&mask.grid, &mask.data, false, onto, transform)?;
    Ok(Mask { grid: *onto, data })
}

/// A volume on another grid by the voxel that holds each place, NaN outside the source: no value is made that the
/// source does not hold.
pub fn nearest_volume(volume: &Volume, onto: &Grid) -> Result<Volume, ImageError> {
    let data = nearest(&volume.grid, &volume.data, f32::NAN, onto, None)?;
    Ok(Volume { grid: *onto, data })
}

/// A volume on another grid by trilinear interpolation, NaN outside the source. A NaN neighbor that has a weight
/// gives NaN. Within the outer half of a border voxel the border's value holds, as the voxel fills that space.
pub fn resample_volume(volume: &Volume, onto: &Grid, transform: Option<&Affine>) -> Result<Volume, ImageError> {
    let Some(to_source) = to_source(&volume.grid, onto, transform)? else {
        return Ok(Volume { grid: *onto, data: volume.data.clone() });
    };
    let mut data = vec![f32::NAN; onto.len()];
    for_each_row(onto, &to_source, &mut data, |row, start, step| {
        for (x, value) in row.iter_mut().enumerate() {
            *value = linear(&volume.grid, &volume.data, along(start, step, x), |value| value);
        }
    });
    Ok(Volume { grid: *onto, data })
}

/// The part of a region, by volume, that lies outside another grid and would be lost on it: 0 to 1; NaN where the
/// region is empty.
pub fn fraction_outside(mask: &Mask, onto: &Grid, transform: Option<&Affine>) -> Result<f64, ImageError> {
    let Some(to_source) = to_source(&mask.grid, onto, transform)? else {
        return Ok(if mask.count() == 0 { f64::NAN } else { 0.0 });
    };
    let to_target = to_source.inverse().ok_or_else(|| singular(&to_source))?;
    let (mut inside, mut count) = (0_usize, 0_usize);
    for index in mask.indices() {
        count += 1;
        let voxel = mask.grid.voxel(index).map(|i| i as f64);
        inside += usize::from(nearest_index(onto, to_target.apply(voxel)).is_some());
    }
    // All voxels of a mask have the same volume: the fraction of voxels is the fraction of volume.
    Ok((count - inside) as f64 / count as f64)
}

/// From voxel indices of `onto` to voxel indices of `source`; `None` where they are the same.
fn to_source(source: &Grid, onto: &Grid, transform: Option<&Affine>) -> Result<Option<Affine>, ImageError> {
    let to_voxels = source.affine().inverse().ok_or_else(|| singular(source.affine()))?;
    match transform {
        None if source.same_space(onto).is_ok() => Ok(None),
        None => Ok(Some(to_voxels.after(onto.affine()))),
        Some(transform) if transform.inverse().is_none() => Err(singular(transform)),
        Some(transform) => Ok(Some(to_voxels.after(transform).after(onto.affine()))),
    }
}

fn singular(transform: &Affine) -> ImageError {
    ImageError::SingularTransform { found: Box::new(transform.0) }
}

fn nearest<T: Copy + Send + Sync>(
    source: &Grid,
    values: &[T],
    outside: T,
    onto: &Grid,
    transform: Option<&Affine>,
) -> Result<Vec<T>, ImageError> {
    let Some(to_source) = to_source(source, onto, transform)? else { return Ok(values.to_vec()) };
    let mut data = vec![outside; onto.len()];
    for_each_row(onto, &to_source, &mut data, |row, start, step| {
        for (x, value) in row.iter_mut().enumerate() {
            if let Some(index) = nearest_index(source, along(start, step, x)) {
                *value = values[index];
            }
        }
    });
    Ok(data)
}

/// Calls `each` with every row of the target, the source position of its first voxel and the step to the next.
fn for_each_row<T: Send>(
    onto: &Grid,
    to_source: &Affine,
    data: &mut [T],
    each: impl Fn(&mut [T], [f64; 3], [f64; 3]) + Sync,
) {
    let [nx, ny, _] = onto.shape();
    let step = std::array::from_fn(|axis| to_source.0[axis][0]);
    data.par_chunks_mut(nx * ny).enumerate().for_each(|(z, slice)| {
        for (y, row) in slice.chunks_exact_mut(nx).enumerate() {
            each(row, to_source.apply([0.0, y as f64, z as f64]), step);
        }
    });
}

/// Not a running sum: rounding must not grow along the row.
fn along(start: [f64; 3], step: [f64; 3], x: usize) -> [f64; 3] {
    std::array::from_fn(|axis| start[axis] + step[axis] * x as f64)
}

/// Linear index of the voxel that a position (in voxels) lies in; halfway counts to the higher one.
pub(super) fn nearest_index(grid: &Grid, position: [f64; 3]) -> Option<usize> {
    let shape = grid.shape();
    let mut voxel = [0; 3];
    for axis in 0..3 {
        let nearest = (position[axis] + 0.5 + SAME_POSITION).floor();
        if !(nearest >= 0.0 && nearest < shape[axis] as f64) {
            return None;
        }
        voxel[axis] = nearest as usize;
    }
    Some(grid.index(voxel))
}

/// Trilinear interpolation at a position in voxels; NaN outside the grid.
pub(super) fn linear<T: Copy>(grid: &Grid, values: &[T], position: [f64; 3], number: impl Fn(T) -> f32) -> f32 {
    let shape = grid.shape();
    let mut lower = [0; 3];
    let mut fraction = [0.0; 3];
    for axis in 0..3 {
        let last = (shape[axis] - 1) as f64;
        let at = position[axis];
        if !(at >= -0.5 - SAME_POSITION && at < last + 0.5 - SAME_POSITION) {
            return f32::NAN;
        }
        let at = at.clamp(0.0, last);
        let mut floor = at.floor();
        let mut rest = at - floor;
        if rest > 1.0 - SAME_POSITION {
            (floor, rest) = (floor + 1.0, 0.0);
        } else if rest < SAME_POSITION {
            rest = 0.0;
        }
        (lower[axis], fraction[axis]) = (floor as usize, rest);
    }
    let base = grid.index(lower);
    let stride = [1, shape[0], shape[0] * shape[1]];
    // A neighbor without weight is not read: on a voxel's centre only that voxel counts, be the others NaN.
    let upper = std::array::from_fn::<_, 3, _>(|axis| if fraction[axis] == 0.0 { 0 } else { stride[axis] });
    let value = |index: usize| f64::from(number(values[index]));
    let between = |a: f64, b: f64, fraction: f64| if fraction == 0.0 { a } else { a + (b - a) * fraction };
    let along_x = |index: usize| between(value(index), value(index + upper[0]), fraction[0]);
    let along_y = |index: usize| between(along_x(index), along_x(index + upper[1]), fraction[1]);
    between(along_y(base), along_y(base + upper[2]), fraction[2]) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(shape: [usize; 3], size: [f64; 3], origin: [f64; 3]) -> Grid {
        Grid::from_stored(shape, Affine::diagonal(size, origin)).unwrap()
    }

    /// `x + 2y - 3z` in millimeters: linear interpolation is exact for it.
    fn ramp(grid: Grid) -> Volume {
        let value = |index| {
            let [x, y, z] = grid.position(grid.voxel(index));
            (x + 2.0 * y - 3.0 * z) as f32
        };
        Volume { grid, data: (0..grid.len()).map(value).collect() }
    }

    #[test]
    fn a_linear_field_survives_any_rotation() {
        let source = ramp(grid([20, 20, 20], [2.0, 2.0, 3.0], [-20.0, -20.0, -30.0]));
        let (sin, cos) = 0.3_f64.sin_cos();
        let oblique = Affine([[cos, -sin, 0.0, -4.0], [sin, cos, 0.0, -4.0], [0.0, 0.0, 1.7, -5.0]]);
        let onto = Grid::from_stored([6, 7, 5], oblique).unwrap();
        let out = resample_volume(&source, &onto, None).unwrap();
        let expected = ramp(onto);
        for (found, expected) in out.data.iter().zip(&expected.data) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn a_transform_takes_target_positions_to_the_source() {
        let source = ramp(grid([20, 20, 20], [1.0; 3], [0.0; 3]));
        let onto = grid([3, 3, 3], [1.0; 3], [0.0; 3]);
        let shift = Affine::diagonal([1.0; 3], [5.0, 0.0, 0.5]);
        let out = resample_volume(&source, &onto, Some(&shift)).unwrap();
        // The target's (1, 2, 0) is the source's (6, 2, 0.5): 6 + 4 - 1.5.
        assert!((out.data[onto.index([1, 2, 0])] - 8.5).abs() < 1e-5);
    }

    #[test]
    fn outside_is_not_estimated_and_the_border_voxel_fills_its_space() {
        let source = ramp(grid([4, 1, 1], [2.0; 3], [0.0; 3]));
        let onto = grid([13, 1, 1], [1.0; 3], [-3.0, 0.0, 0.0]);
        let out = resample_volume(&source, &onto, None).unwrap();
        // The source spans -1 to 7 mm: centres at 0, 2, 4, 6.
        let inside: Vec<bool> = out.data.iter().map(|value| value.is_finite()).collect();
        let expected: Vec<bool> = (-3..10).map(|x| (-1..7).contains(&x)).collect();
        assert_eq!(inside, expected);
        assert_eq!(out.data[2..10], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_neighbor_without_weight_does_not_spread_its_nan() {
        let mut source = ramp(grid([3, 3, 3], [1.0; 3], [0.0; 3]));
        source.data[13] = f32::NAN;
        // Another shape, so that it is no same-grid copy; voxels at the same places.
        let onto = grid([3, 3, 2], [1.0; 3], [0.0; 3]);
        let out = resample_volume(&source, &onto, None).unwrap();
        assert_eq!(out.data.iter().filter(|value| value.is_nan()).count(), 1);
        assert!(out.data[13].is_nan());
    }

    #[test]
    fn labels_go_to_the_nearest_voxel_and_ties_to_the_higher_one() {
        let source = grid([4, 1, 1], [1.0, 1.0, 1.0], [0.0; 3]);
        let labels = Labels { grid: source, data: vec![1, 2, 3, 4] };
        // Centres at 0.5 and 2.5: halfway between voxels; 4.5 lies outside.
        let onto = grid([3, 1, 1], [2.0, 1.0, 1.0], [0.5, 0.0, 0.0]);
        assert_eq!(resample_labels(&labels, &onto, None).unwrap().data, [2, 4, 0]);
    }

    #[test]
    fn the_nearest_voxel_gives_its_own_value_and_outside_is_not_estimated() {
        let source = Volume { grid: grid([3, 1, 1], [4.0; 3], [0.0; 3]), data: vec![1.0, f32::NAN, 3.0] };
        let onto = grid([5, 1, 1], [2.5, 1.0, 1.0], [-1.0, 0.0, 0.0]);
        // Places at -1, 1.5, 4, 6.5 and 9 mm; the voxels reach from -2 to 10 mm.
        let found = nearest_volume(&source, &onto).unwrap().data;
        assert_eq!((found[0], found[1], found[3], found[4]), (1.0, 1.0, 3.0, 3.0));
        assert!(found[2].is_nan());
        let away = grid([1, 1, 1], [1.0; 3], [50.0, 0.0, 0.0]);
        assert!(nearest_volume(&source, &away).unwrap().data[0].is_nan());
    }

    #[test]
    fn the_same_grid_stored_otherwise_keeps_its_values() {
        let source = grid([3, 4, 5], [1.0, 2.0, 3.0], [0.0; 3]);
        let mask = Mask { grid: source, data: (0..60).map(|i| i % 7 == 0).collect() };
        let flipped = Affine([[-1.0, 0.0, 0.0, 2.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]);
        let onto = Grid::from_stored([3, 4, 5], flipped).unwrap();
        let out = resample_mask(&mask, &onto, None).unwrap();
        assert_eq!(out.data, mask.data);
        assert_eq!(out.grid.storage(), onto.storage());
    }

    #[test]
    fn half_a_mask_outside_is_one_half() {
        let source = grid([4, 2, 2], [1.0; 3], [0.0; 3]);
        let mask = Mask::filled(source, true);
        let onto = grid([2, 2, 2], [1.0; 3], [0.0; 3]);
        assert_eq!(fraction_outside(&mask, &onto, None).unwrap(), 0.5);
        assert_eq!(fraction_outside(&mask, &source, None).unwrap(), 0.0);
        let away = Affine::diagonal([1.0; 3], [100.0, 0.0, 0.0]);
        assert_eq!(fraction_outside(&mask, &onto, Some(&away)).unwrap(), 1.0);
        assert!(fraction_outside(&Mask::filled(source, false), &onto, None).unwrap().is_nan());
    }

    #[test]
    fn a_singular_transform_is_an_error() {
        let source = grid([2, 2, 2], [1.0; 3], [0.0; 3]);
        let flat = Affine::diagonal([1.0, 0.0, 1.0], [0.0; 3]);
        let out = resample_mask(&Mask::filled(source, true), &source, Some(&flat));
        assert!(matches!(out, Err(ImageError::SingularTransform { .. })));
    }
}
