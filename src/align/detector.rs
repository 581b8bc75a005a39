//! The motion detector: one Gauss-Newton step of a registration for all frames at once, as eight sums over each frame.
//!
//! A small motion changes an image by its gradient times the displacement, so six images (the baseline's edges, and
//! their moments) hold what a shift along or a turn about each axis does. Each frame is projected upon them: a center of
//! mass that only edges count for.
//!
//! METHOD: the six images are made free of everything that is a function of the baseline's intensity (class means, as in
//! `ratio`), so that a bolus, which changes tissues and not places, is not seen. The seventh sum is the height of the
//! frame's edges against the baseline's, by which the first six are divided; a frame whose edges have faded (at the peak
//! of the bolus) says nothing.

use std::ops::Range;

use multiversion::multiversion;

use super::register::solve;
use super::rigid::{Pose, Rigid};
use super::settings::Settings;
use crate::image::{Series, Volume, collect_blocks, for_each_block};

/// Sums of each frame: six of motion, one of the edges' height, one of the mean signal.
const SUMS: usize = 8;
/// Partial sums in which a sum over voxels is built: fixed, so that no vector width changes the order of addition.
const PARTIAL_SUMS: usize = 16;
/// Edges below this part of the baseline's height tell nothing.
const FADED: f64 = 0.4;
/// Displacement that a change of the mean signal by all of it may feign, mm.
///
/// METHOD: tissues of one intensity may take up contrast medium differently, and that looks a little like motion. On the
/// phantom study it is up to 1.6 mm at the peak of the bolus, so more is asked of frames of the passage.
const FEIGNED_MM: f64 = 6.0;
/// Length that a rotation is compared with a translation by, mm.
const LEVER: f64 = 80.0;

/// What the detector saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspicion {
    /// First guess of where the head is in each frame; `None` where its edges have faded.
    pub poses: Vec<Option<Pose>>,
    /// Middle of the head, about which poses are told, mm.
    pub center: [f64; 3],
    /// Displacement of each frame from the baseline, mm; NaN where its edges have faded.
    pub displacement_mm: Vec<f64>,
    /// Change of the mean signal of each frame against the baseline, as a fraction.
    pub signal_change: Vec<f64>,
    /// Standard error of the displacement from the noise of the baseline, mm.
    pub error_mm: f64,
}

impl Suspicion {
    /// Whether the head may have moved: whether registration is worth its time.
    pub fn asks_for_registration(&self, settings: &Settings) -> bool {
        let least = settings.motion.threshold_mm.max(settings.motion.detector_sd * self.error_mm);
        let frames = self.displacement_mm.iter().zip(&self.signal_change);
        frames.into_iter().any(|(displacement, change)| *displacement > least + FEIGNED_MM * change.abs())
    }
}

/// Looks at every frame of a series from `baseline.start` on; frames before (not in the steady state) are at rest.
/// `None` where the baseline has no edges.
pub fn look_for_motion(series: &Series, baseline: Range<usize>, settings: &Settings) -> Option<Suspicion> {
    let [level, variance] = baseline_statistics(series, &baseline);
    let edges = Edges::new(series, &level, settings.classes)?;
    let sums = frame_sums(series, &edges.weights);
    let count = baseline.len() as f64;
    let rest: [f64; SUMS] = std::array::from_fn(|k| baseline.clone().map(|frame| sums[frame][k]).sum::<f64>() / count);
    let mut poses = Vec::with_capacity(series.frames);
    let mut displacement_mm = Vec::with_capacity(series.frames);
    let signal_change = sums.iter().map(|sums| sums[7] / rest[7] - 1.0).collect();
    for (frame, sums) in sums.iter().enumerate() {
        let height = sums[6] / rest[6];
        if frame < baseline.start {
            poses.push(Some(Pose::REST));
            displacement_mm.push(0.0);
        } else if height > FADED {
            let motion: [f64; 6] = std::array::from_fn(|k| rest[k] - sums[k] / height);
            let pose = Pose {
                translation_mm: [motion[0], motion[1], motion[2]],
                rotation_deg: [motion[3], motion[4], motion[5]].map(f64::to_degrees),
            };
            displacement_mm.push(Rigid::from_pose(&pose, edges.center).displacement(edges.center));
            poses.push(Some(pose));
        } else {
            poses.push(None);
            displacement_mm.push(f64::NAN);
        }
    }
    let mut squares = 0.0;
    for (k, weights) in edges.weights.iter().take(6).enumerate() {
        let square: f64 =
            weights.iter().zip(&variance).map(|(&w, &v)| f64::from(w) * f64::from(w) * f64::from(v)).sum();
        // as in the displacement: turns count by 2 r²/5
        squares += square * if k < 3 { 1.0 } else { 0.4 * LEVER * LEVER };
    }
    Some(Suspicion { poses, center: edges.center, displacement_mm, signal_change, error_mm: squares.sqrt() })
}

/// Mean and variance of each voxel over the baseline.
fn baseline_statistics(series: &Series, baseline: &Range<usize>) -> [Vec<f32>; 2] {
    let count = baseline.len() as f32;
    let maps = for_each_block(
        series,
        2,
        || (),
        |block, (), outputs| {
            let [level, variance] = outputs else { return };
            level.fill(0.0);
            variance.fill(0.0);
            for frame in baseline.clone() {
                for (level, &value) in level.iter_mut().zip(block.frame(frame)) {
                    *level += value;
                }
            }
            level.iter_mut().for_each(|level| *level /= count);
            for frame in baseline.clone() {
                for ((variance, level), &value) in variance.iter_mut().zip(level.iter()).zip(block.frame(frame)) {
                    *variance += (value - level) * (value - level);
                }
            }
            variance.iter_mut().for_each(|variance| *variance /= (count - 1.0).max(1.0));
        },
    );
    <[Vec<f32>; 2]>::try_from(maps).expect("the loop returns as many maps as were asked for")
}

/// The eight images that a frame is projected upon.
struct Edges {
    weights: Vec<Vec<f32>>,
    center: [f64; 3],
}

impl Edges {
    fn new(series: &Series, level: &[f32], classes: usize) -> Option<Self> {
        let grid = series.mask.grid;
        let image = Volume::from_masked(&series.mask, level);
        let to_voxels = grid.affine().inverse()?;
        let shape = grid.shape();
        let stride = [1, shape[0], shape[0] * shape[1]];
        let voxels: Vec<usize> = series.mask.indices().collect();
        let mut place = vec![u32::MAX; grid.len()];
        for (i, &index) in voxels.iter().enumerate() {
            place[index] = i as u32;
        }
        let positions: Vec<[f64; 3]> = voxels.iter().map(|&index| grid.position(grid.voxel(index))).collect();
        let center = std::array::from_fn(|k| positions.iter().map(|p| p[k]).sum::<f64>() / positions.len() as f64);
        let class = class_of(level, classes)?;
        // Slopes by the six motions where all neighbors are known, and the adjoint of the gradient for the height.
        let mut slopes = vec![[0.0_f64; 6]; voxels.len()];
        let mut known = vec![false; voxels.len()];
        let mut height = vec![0.0_f64; voxels.len()];
        let mut energy = 0.0;
        for (i, &index) in voxels.iter().enumerate() {
            let voxel = grid.voxel(index);
            let inside = |axis: usize| shape[axis] == 1 || (voxel[axis] > 0 && voxel[axis] + 1 < shape[axis]);
            if !(0..3).all(inside) {
                continue;
            }
            let difference = |axis: usize| match shape[axis] {
                1 => 0.0,
                _ => (f64::from(image.data[index + stride[axis]]) - f64::from(image.data[index - stride[axis]])) / 2.0,
            };
            let by_voxel: [f64; 3] = std::array::from_fn(difference);
            if by_voxel.iter().any(|value| !value.is_finite()) {
                continue;
            }
            let g: [f64; 3] =
                std::array::from_fn(|k| (0..3).map(|axis| by_voxel[axis] * to_voxels.0[axis][k]).sum::<f64>());
            let p: [f64; 3] = std::array::from_fn(|k| positions[i][k] - center[k]);
            let turn = [p[1] * g[2] - p[2] * g[1], p[2] * g[0] - p[0] * g[2], p[0] * g[1] - p[1] * g[0]];
            slopes[i] = [g[0], g[1], g[2], turn[0], turn[1], turn[2]];
            known[i] = true;
            energy += g.iter().map(|g| g * g).sum::<f64>();
            for axis in (0..3).filter(|&axis| shape[axis] > 1) {
                let along: f64 = (0..3).map(|k| to_voxels.0[axis][k] * g[k]).sum::<f64>() / 2.0;
                height[place[index + stride[axis]] as usize] += along;
                height[place[index - stride[axis]] as usize] -= along;
            }
        }
        if energy <= 0.0 {
            return None;
        }
        take_class_means(&mut slopes, &class, &known, classes);
        let mut normal = [[0.0; 6]; 6];
        for slope in &slopes {
            for a in 0..6 {
                for b in 0..6 {
                    normal[a][b] += slope[a] * slope[b];
                }
            }
        }
        let scale = |axis: usize| if axis < 3 { 1.0 } else { LEVER * LEVER };
        let stiffest = (0..6).map(|a| normal[a][a] / scale(a)).fold(0.0, f64::max);
        // A direction without edges (along the only slice, say) gets a stiffness of its own: nothing is seen of it.
        (0..6).for_each(|a| normal[a][a] += 1e-6 * stiffest * scale(a));
        let mut weights = vec![vec![0.0_f32; voxels.len()]; SUMS];
        for (k, weights) in weights.iter_mut().take(6).enumerate() {
            let mut unit = [0.0; 6];
            unit[k] = 1.0;
            let row = solve(normal, unit)?;
            for (weight, slope) in weights.iter_mut().zip(&slopes) {
                *weight = (0..6).map(|a| row[a] * slope[a]).sum::<f64>() as f32;
            }
        }
        for (weight, height) in weights[6].iter_mut().zip(&height) {
            *weight = (height / energy) as f32;
        }
        weights[7].fill(1.0 / voxels.len() as f32);
        Some(Self { weights, center })
    }
}

/// The class of each voxel's intensity; `None` where there is one value only.
fn class_of(level: &[f32], classes: usize) -> Option<Vec<u16>> {
    let finite = || level.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let scale = classes as f32 / (high - low);
    (high > low).then(|| {
        level.iter().map(|&value| (((value - low) * scale).max(0.0) as usize).min(classes - 1) as u16).collect()
    })
}

fn take_class_means(slopes: &mut [[f64; 6]], class: &[u16], known: &[bool], classes: usize) {
    let (mut sums, mut counts) = (vec![[0.0; 6]; classes], vec![0.0; classes]);
    for ((slope, &class), _) in slopes.iter().zip(class).zip(known).filter(|(_, known)| **known) {
        counts[usize::from(class)] += 1.0;
        for a in 0..6 {
            sums[usize::from(class)][a] += slope[a];
        }
    }
    for ((slope, &class), _) in slopes.iter_mut().zip(class).zip(known).filter(|(_, known)| **known) {
        for a in 0..6 {
            slope[a] -= sums[usize::from(class)][a] / counts[usize::from(class)];
        }
    }
}

/// The eight sums of every frame.
fn frame_sums(series: &Series, weights: &[Vec<f32>]) -> Vec<[f64; SUMS]> {
    let blocks = collect_blocks(
        series,
        || (),
        |block, ()| {
            let weights: [&[f32]; SUMS] = std::array::from_fn(|k| block.part_of(&weights[k]));
            (0..block.frames).map(|frame| row_products(block.frame(frame), weights)).collect::<Vec<_>>()
        },
    );
    let mut sums = vec![[0.0; SUMS]; series.frames];
    for block in &blocks {
        for (sum, part) in sums.iter_mut().flatten().zip(block.iter().flatten()) {
            *sum += part;
        }
    }
    sums
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn row_products(row: &[f32], weights: [&[f32]; SUMS]) -> [f64; SUMS] {
    let mut partial = [[0.0_f32; PARTIAL_SUMS]; SUMS];
    let whole = row.len() / PARTIAL_SUMS * PARTIAL_SUMS;
    for start in (0..whole).step_by(PARTIAL_SUMS) {
        let values = &row[start..start + PARTIAL_SUMS];
        for k in 0..SUMS {
            let weights = &weights[k][start..start + PARTIAL_SUMS];
            for i in 0..PARTIAL_SUMS {
                partial[k][i] += weights[i] * values[i];
            }
        }
    }
    std::array::from_fn(|k| {
        let rest: f64 = (whole..row.len()).map(|i| f64::from(weights[k][i] * row[i])).sum();
        partial[k].iter().map(|&sum| f64::from(sum)).sum::<f64>() + rest
    })
}
