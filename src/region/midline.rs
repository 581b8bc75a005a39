//! The mid-sagittal plane of a head, found by its symmetry.
//!
//! The plane that maximizes the correlation of the image with its mirror image (Ardekani BA et al., IEEE Trans Med
//! Imaging 1997;16:947; Liu Y et al., IEEE Trans Med Imaging 2001;20:175), searched coarse to fine over offset,
//! yaw and roll, in scanner millimeters.

use super::error::RegionError;
use super::morphology::Bounds;
use super::plane::Plane;
use super::settings::Settings;
use crate::image::{Affine, Mask, Volume};
use crate::units::Degrees;

/// Edges of the blocks of voxels that are compared, mm (or one voxel, where that is larger).
const COARSE_MM: f64 = 10.0;
const FINE_MM: f64 = 5.0;

/// Offsets (mm) and angles (degrees) of the exhaustive search: a head in a coil is turned and shifted by less.
const SEARCH: [f64; 7] = [-15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0];

/// The refinement stops below this step (mm and degrees).
const FINEST_STEP: f64 = 0.15;

/// No refinement leaves this range (mm and degrees).
const LIMIT: f64 = 30.0;

/// Share of the brain's blocks that must have a mirror image inside the field of view.
const SMALLEST_OVERLAP: f64 = 0.5;

/// Voxels of the brain that the range of its values is taken from.
const SAMPLE: usize = 50_000;

/// Axes of fewer blocks are not smoothed along.
const THINNEST_SMOOTHED: usize = 6;

/// A mid-sagittal plane, and how symmetric the head is about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Midline {
    /// The plane.
    pub plane: Plane,
    /// Correlation of the image with its mirror image about the plane, -1 to 1.
    pub symmetry: f64,
}

/// Finds the plane about which the brain is most symmetric; `lesions`, when given, are left out of the comparison.
///
/// METHOD: the brain is scaled to values between 0.5 (its 2nd percentile) and 1 (its 98th), air is 0: so both the
/// outline and the tissue count, outliers do not, and any contrast serves. What lies outside the field of view is
/// unknown and is not compared. Turning within the sagittal plane (pitch) does not change the plane.
pub fn find_midline(
    image: &Volume,
    brain: &Mask,
    lesions: Option<&Mask>,
    settings: &Settings,
) -> Result<Midline, RegionError> {
    image.grid.same_space(&brain.grid).map_err(RegionError::space("brain mask", "image"))?;
    if let Some(lesions) = lesions {
        image.grid.same_space(&lesions.grid).map_err(RegionError::space("lesion mask", "image"))?;
    }
    let bounds = Bounds::around(brain).ok_or(RegionError::EmptyMask { mask: "brain" })?;
    let range = tissue_range(image, brain)
        .ok_or_else(|| RegionError::NothingFound { reason: "the brain holds no finite value".to_owned() })?;
    let center = centroid(brain);
    let blocks = |edge_mm| Blocks::of(image, brain, lesions, bounds, range, edge_mm);

    let coarse = blocks(COARSE_MM);
    let mut best = Candidate { pose: [0.0; 3], symmetry: f64::NEG_INFINITY };
    for offset in SEARCH {
        for yaw in SEARCH {
            for roll in SEARCH {
                let pose = [offset, yaw, roll];
                best = best.or_better(pose, coarse.symmetry(&plane_at(center, pose)));
            }
        }
    }
    best = refined(best, 2.5, 1.25, |pose| coarse.symmetry(&plane_at(center, pose)));
    let fine = blocks(FINE_MM);
    best.symmetry = fine.symmetry(&plane_at(center, best.pose));
    best = refined(best, 1.2, FINEST_STEP, |pose| fine.symmetry(&plane_at(center, pose)));

    if best.symmetry < settings.minimum_symmetry || best.symmetry.is_nan() {
        return Err(RegionError::NoSymmetry { found: best.symmetry.max(-1.0), expected: settings.minimum_symmetry });
    }
    Ok(Midline { plane: plane_at(center, best.pose), symmetry: best.symmetry })
}

/// The plane at an offset (mm), yaw and roll (degrees) from the sagittal plane through the brain's center.
fn plane_at(center: [f64; 3], [offset, yaw, roll]: [f64; 3]) -> Plane {
    let normal = Plane::turned(center, Degrees(yaw), Degrees(roll)).normal();
    let point = std::array::from_fn(|k| center[k] + offset * normal[k]);
    Plane::turned(point, Degrees(yaw), Degrees(roll))
}

/// A plane under trial: offset in mm, yaw and roll in degrees.
#[derive(Clone, Copy)]
struct Candidate {
    pose: [f64; 3],
    symmetry: f64,
}

impl Candidate {
    /// The other pose, when it is better by more than rounding; so the first of equal poses stays.
    fn or_better(self, pose: [f64; 3], symmetry: f64) -> Self {
        if symmetry > self.symmetry + 1e-12 { Self { pose, symmetry } } else { self }
    }
}

/// Pattern search (Hooke and Jeeves, J ACM 1961;8:212): steps along each parameter, halved when none helps.
fn refined(start: Candidate, first: f64, last: f64, symmetry: impl Fn([f64; 3]) -> f64) -> Candidate {
    let (mut best, mut step) = (start, first);
    while step >= last {
        let before = best.symmetry;
        for parameter in 0..3 {
            for direction in [step, -step] {
                let mut pose = best.pose;
                pose[parameter] = (pose[parameter] + direction).clamp(-LIMIT, LIMIT);
                best = best.or_better(pose, symmetry(pose));
            }
        }
        if best.symmetry <= before {
            step /= 2.0;
        }
    }
    best
}

/// Second and 98th percentile of the finite values in the brain, of a sample where the brain is large.
fn tissue_range(image: &Volume, brain: &Mask) -> Option<[f64; 2]> {
    let step = (brain.count() / SAMPLE).max(1);
    let values = brain.indices().step_by(step).map(|index| image.data[index]);
    let mut values: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    let last = values.len().checked_sub(1)?;
    let mut at = |share: f64| {
        let rank = (last as f64 * share).round() as usize;
        f64::from(*values.select_nth_unstable_by(rank, f32::total_cmp).1)
    };
    Some([at(0.02), at(0.98)])
}

/// Mean position of a mask's voxels, mm.
fn centroid(mask: &Mask) -> [f64; 3] {
    let [nx, ny, _] = mask.grid.shape();
    let (mut sum, mut count) = ([0_usize; 3], 0_usize);
    for (row, voxels) in mask.data.chunks_exact(nx).enumerate() {
        let mut inside = 0;
        for (x, _) in voxels.iter().enumerate().filter(|(_, inside)| **inside) {
            sum[0] += x;
            inside += 1;
        }
        sum[1] += inside * (row % ny);
        sum[2] += inside * (row / ny);
        count += inside;
    }
    mask.grid.affine().apply(sum.map(|total| total as f64 / count.max(1) as f64))
}

/// The image averaged over blocks of voxels of about equal edges, and smoothed.
struct Blocks {
    shape: [usize; 3],
    /// From block indices to scanner millimeters, and back.
    affine: Affine,
    inverse: Affine,
    /// Value of each block; NaN where it is not known.
    value: Vec<f64>,
    /// Indices of the known blocks of the brain and of the rim of air around it.
    compared: Vec<[usize; 3]>,
}

impl Blocks {
    fn of(
        image: &Volume,
        brain: &Mask,
        lesions: Option<&Mask>,
        bounds: Bounds,
        [low, high]: [f64; 2],
        edge_mm: f64,
    ) -> Self {
        let grid = image.grid;
        let size = grid.voxel_size();
        let voxels: [usize; 3] = size.map(|edge| ((edge_mm / edge).round() as usize).max(1));
        let outer = bounds.with_margin(3.0 * edge_mm, &grid);
        let shape: [usize; 3] = std::array::from_fn(|axis| (outer.shape()[axis] / voxels[axis]).max(1));
        let first: [usize; 3] = std::array::from_fn(|axis| {
            outer.low[axis] + outer.shape()[axis].saturating_sub(shape[axis] * voxels[axis]) / 2
        });
        let contrast = (high - low).max(f64::MIN_POSITIVE);
        let count = shape[0] * shape[1] * shape[2];
        let (mut sum, mut known, mut inside) = (vec![0.0; count], vec![0_u32; count], vec![false; count]);
        for z in first[2]..(first[2] + shape[2] * voxels[2]).min(outer.high[2]) {
            for y in first[1]..(first[1] + shape[1] * voxels[1]).min(outer.high[1]) {
                let row = shape[0] * ((y - first[1]) / voxels[1] + shape[1] * ((z - first[2]) / voxels[2]));
                for x in first[0]..(first[0] + shape[0] * voxels[0]).min(outer.high[0]) {
                    let index = grid.index([x, y, z]);
                    let in_brain = brain.data[index];
                    let intensity = f64::from(image.data[index]);
                    if lesions.is_some_and(|lesions| lesions.data[index]) || (in_brain && intensity.is_nan()) {
                        continue;
                    }
                    let block = row + (x - first[0]) / voxels[0];
                    known[block] += 1;
                    if in_brain {
                        inside[block] = true;
                        sum[block] += 0.5 + 0.5 * ((intensity - low) / contrast).clamp(0.0, 1.0);
                    }
                }
            }
        }
        let half = (voxels[0] * voxels[1] * voxels[2]).div_ceil(2) as u32;
        let mut value: Vec<f64> =
            sum.iter().zip(&known).map(|(s, &n)| if n >= half { s / f64::from(n) } else { f64::NAN }).collect();
        smooth(&mut value, shape);
        let to_voxels = Affine::diagonal(
            voxels.map(|n| n as f64),
            std::array::from_fn(|axis| first[axis] as f64 + 0.5 * (voxels[axis] as f64 - 1.0)),
        );
        let affine = grid.affine().after(&to_voxels);
        let inverse = affine.inverse().expect("blocks of an invertible grid are invertible");
        let mut blocks = Self { shape, affine, inverse, value, compared: Vec::new() };
        blocks.compared = blocks.near(&inside);
        blocks
    }

    /// Known blocks that are of the brain or touch it.
    fn near(&self, inside: &[bool]) -> Vec<[usize; 3]> {
        let [nx, ny, nz] = self.shape;
        let around = |at: usize, n: usize| at.saturating_sub(1)..(at + 2).min(n);
        let mut near = Vec::new();
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    let touches = || {
                        around(z, nz)
                            .any(|k| around(y, ny).any(|j| around(x, nx).any(|i| inside[i + nx * (j + ny * k)])))
                    };
                    if !self.value[x + nx * (y + ny * z)].is_nan() && touches() {
                        near.push([x, y, z]);
                    }
                }
            }
        }
        near
    }

    /// Pearson correlation of the blocks with their mirror images; -1 where too few can be compared.
    fn symmetry(&self, plane: &Plane) -> f64 {
        let map = self.inverse.after(&plane.reflection()).after(&self.affine);
        let [nx, ny, _] = self.shape;
        let (mut count, mut a1, mut b1, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for &[x, y, z] in &self.compared {
            let b = self.interpolated(map.apply([x as f64, y as f64, z as f64]));
            if b.is_nan() {
                continue;
            }
            let a = self.value[x + nx * (y + ny * z)];
            count += 1.0;
            a1 += a;
            b1 += b;
            aa += a * a;
            bb += b * b;
            ab += a * b;
        }
        if count < SMALLEST_OVERLAP * self.compared.len() as f64 || count < 3.0 {
            return -1.0;
        }
        let covariance = ab - a1 * b1 / count;
        let (va, vb) = (aa - a1 * a1 / count, bb - b1 * b1 / count);
        if va > 0.0 && vb > 0.0 { covariance / (va * vb).sqrt() } else { -1.0 }
    }

    /// Linear interpolation at block indices; NaN outside and next to unknown blocks.
    fn interpolated(&self, at: [f64; 3]) -> f64 {
        let [nx, ny, nz] = self.shape;
        let [x, y, z] = at;
        if !(x >= 0.0 && y >= 0.0 && z >= 0.0) {
            return f64::NAN;
        }
        let (i, j, k) = (x as usize, y as usize, z as usize);
        if i + 1 >= nx || j + 1 >= ny || k + 1 >= nz {
            return f64::NAN;
        }
        let (u, v, w) = (x - i as f64, y - j as f64, z - k as f64);
        let start = i + nx * (j + ny * k);
        let row = |start: usize| self.value[start] + u * (self.value[start + 1] - self.value[start]);
        let slice = |start: usize| {
            let near = row(start);
            near + v * (row(start + nx) - near)
        };
        let near = slice(start);
        near + w * (slice(start + nx * ny) - near)
    }
}

/// Binomial smoothing (1, 2, 1)/4 along each axis. A block next to an unknown one becomes unknown.
///
/// Without it the comparison favors planes along the grid, where mirror images fall on block centers and linear
/// interpolation blurs nothing.
fn smooth(value: &mut [f64], shape: [usize; 3]) {
    let [nx, ny, _] = shape;
    for (n, stride) in shape.into_iter().zip([1, nx, nx * ny]) {
        // Of a thin slab too little would be left.
        if n < THINNEST_SMOOTHED {
            continue;
        }
        for start in (0..value.len()).filter(|at| at / stride % n == 0) {
            let mut before = f64::NAN;
            for at in (0..n).map(|k| start + k * stride) {
                let here = value[at];
                let after = if at + stride < start + n * stride { value[at + stride] } else { f64::NAN };
                value[at] = 0.25 * before + 0.5 * here + 0.25 * after;
                before = here;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::super::fixtures::{centered_grid, in_ellipsoid, mask_where};
    use super::*;
    use crate::image::Grid;

    /// A head symmetric about `plane`: outline, cortex, ventricles; noise of 2 % of the signal.
    fn head(grid: Grid, plane: &Plane, lesion: Option<([f64; 3], f64)>) -> (Volume, Mask, Mask) {
        let mut random = Pcg64Mcg::seed_from_u64(4);
        let (normal, mut image) = (plane.normal(), Volume::filled(grid, 0.0));
        let (mut brain, mut bright) = (Mask::filled(grid, false), Mask::filled(grid, false));
        // Coordinates of the head: across the plane, and the two directions within it.
        let across = |a: [f64; 3], b: [f64; 3]| (0..3).map(|k| a[k] * b[k]).sum::<f64>();
        let length = (normal[0].powi(2) + normal[1].powi(2)).sqrt();
        let forward = [-normal[1] / length, normal[0] / length, 0.0];
        let up = [
            normal[1] * forward[2] - normal[2] * forward[1],
            normal[2] * forward[0] - normal[0] * forward[2],
            normal[0] * forward[1] - normal[1] * forward[0],
        ];
        for index in 0..grid.len() {
            let p = grid.position(grid.voxel(index));
            let own = [plane.distance(p), across(p, forward), across(p, up)];
            let noise: f64 = (0..4).map(|_| random.random_range(-6.0..6.0)).sum();
            if in_ellipsoid(own, [66.0, 84.0, 60.0]) {
                brain.data[index] = true;
                let mut signal = if in_ellipsoid(own, [60.0, 78.0, 54.0]) { 480.0 } else { 440.0 };
                if in_ellipsoid([own[0].abs() - 12.0, own[1], own[2] - 5.0], [6.0, 25.0, 8.0]) {
                    signal = 650.0;
                }
                let in_ball =
                    |center: [f64; 3], radius: f64| in_ellipsoid([0, 1, 2].map(|k| p[k] - center[k]), [radius; 3]);
                if lesion.is_some_and(|(center, radius)| in_ball(center, radius)) {
                    signal = 1200.0;
                    bright.data[index] = true;
                }
                image.data[index] = (signal + noise) as f32;
            }
        }
        (image, brain, bright)
    }

    fn check(found: &Midline, truth: &Plane) {
        let (yaw, roll) = (found.plane.yaw().0 - truth.yaw().0, found.plane.roll().0 - truth.roll().0);
        let middle = found.plane.distance(truth.mirror([0.0; 3])) + found.plane.distance([0.0; 3]);
        assert!(yaw.abs() < 1.0 && roll.abs() < 1.0, "yaw off by {yaw:.2}°, roll by {roll:.2}°");
        assert!((middle / 2.0).abs() < 1.0, "off by {:.2} mm", middle / 2.0);
        assert!(found.symmetry > 0.9, "{}", found.symmetry);
    }

    fn settings() -> Settings {
        crate::settings::default_section("region")
    }

    #[test]
    fn turned_and_shifted_planes_are_found_within_a_degree_and_a_millimeter() {
        let grid = centered_grid([80, 90, 30], [2.4, 2.4, 5.0]);
        for (shift, yaw, roll) in [(0.0, 0.0, 0.0), (6.0, 7.0, -4.0), (-9.0, -11.0, 8.0), (3.0, 2.0, 13.0)] {
            let truth = Plane::turned([shift, 0.0, 0.0], Degrees(yaw), Degrees(roll));
            let (image, brain, _) = head(grid, &truth, None);
            check(&find_midline(&image, &brain, None, &settings()).unwrap(), &truth);
        }
    }

    #[test]
    fn a_bright_lesion_on_one_side_does_not_turn_the_plane() {
        let grid = centered_grid([80, 90, 30], [2.4, 2.4, 5.0]);
        let truth = Plane::turned([4.0, 0.0, 0.0], Degrees(-6.0), Degrees(5.0));
        let (image, brain, lesion) = head(grid, &truth, Some(([34.0, 25.0, 10.0], 20.0)));
        assert!(lesion.volume().0 > 25.0);
        check(&find_midline(&image, &brain, None, &settings()).unwrap(), &truth);
        check(&find_midline(&image, &brain, Some(&lesion), &settings()).unwrap(), &truth);
    }

    #[test]
    fn an_oblique_slab_of_a_head_gives_the_same_plane() {
        // 60 mm of a head, the slices turned by about 9 degrees against the scanner's axes.
        let (c, s) = (0.988, 0.155);
        let affine =
            Affine([[2.0 * c, 0.0, 5.0 * s, -100.0], [0.0, 2.0, 0.0, -100.0], [-2.0 * s, 0.0, 5.0 * c, -10.0]]);
        let grid = Grid::from_stored([100, 100, 12], affine).unwrap();
        let truth = Plane::turned([2.0, 0.0, 0.0], Degrees(4.0), Degrees(-3.0));
        let (image, brain, _) = head(grid, &truth, None);
        check(&find_midline(&image, &brain, None, &settings()).unwrap(), &truth);
    }

    #[test]
    fn a_head_less_symmetric_than_required_has_no_plane() {
        let grid = centered_grid([60, 64, 20], [3.0, 3.0, 6.0]);
        // Two lobes, neither the mirror image of the other.
        let brain = mask_where(grid, |p| {
            in_ellipsoid([p[0] - 30.0, p[1] - 40.0, p[2]], [45.0, 35.0, 40.0])
                || in_ellipsoid([p[0] + 30.0, p[1] + 30.0, p[2] + 10.0], [35.0, 55.0, 40.0])
        });
        let image = Volume { grid, data: brain.data.iter().map(|&inside| f32::from(u8::from(inside))).collect() };
        let mut settings = settings();
        settings.minimum_symmetry = 0.0;
        let found = find_midline(&image, &brain, None, &settings).unwrap();
        assert!(found.symmetry < 0.95, "{}", found.symmetry);
        settings.minimum_symmetry = found.symmetry - 1e-6;
        assert_eq!(find_midline(&image, &brain, None, &settings), Ok(found));
        settings.minimum_symmetry = found.symmetry + 1e-6;
        let error = find_midline(&image, &brain, None, &settings).unwrap_err();
        assert!(matches!(error, RegionError::NoSymmetry { .. }), "{error}");
    }

    #[test]
    fn an_empty_brain_mask_is_an_error() {
        let grid = centered_grid([6, 6, 6], [3.0; 3]);
        let (image, empty) = (Volume::filled(grid, 1.0), Mask::filled(grid, false));
        assert_eq!(find_midline(&image, &empty, None, &settings()), Err(RegionError::EmptyMask { mask: "brain" }));
    }
}
