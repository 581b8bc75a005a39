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
use crate::image::{Series, Volume, collect_blocks, for_each_block, in_order};

/// Sums of each frame: six of motion, one of the edges' height, one of the mean signal.
const SUMS: usize = 8;
/// Partial sums in which a sum over voxels is built: fixed, so that no vector width changes the order of addition.
const PARTIAL_SUMS: usize = 16;
/// Voxels that a thread works on at a time: fixed, so that no number of threads changes the order of addition.
const PIECE: usize = 4096;
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
        let least = self.least_mm(settings);
        let frames = self.displacement_mm.iter().zip(&self.signal_change);
        frames.into_iter().any(|(displacement, change)| *displacement > least + FEIGNED_MM * change.abs())
    }

    /// The displacement that is told from the noise and reaches the threshold, mm.
    fn least_mm(&self, settings: &Settings) -> f64 {
        settings.motion.threshold_mm.max(settings.motion.detector_sd * self.error_mm)
    }

    /// Whether the estimate of each frame tells motion: its edges have not faded, and neither can the bolus feign as much
    /// as is looked for, nor is there more than that, which only the bolus explains where no registration is asked for.
    pub fn tells_motion(&self, settings: &Settings) -> Vec<bool> {
        let least = self.least_mm(settings);
        let frames = self.displacement_mm.iter().zip(&self.signal_change);
        frames.map(|(displacement, change)| *displacement <= least && FEIGNED_MM * change.abs() <= least).collect()
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
        let mut middle = [0.0; 3];
        for (i, &index) in voxels.iter().enumerate() {
            place[index] = i as u32;
            let voxel = grid.voxel(index);
            (0..3).for_each(|axis| middle[axis] += voxel[axis] as f64);
        }
        let center = grid.affine().apply(middle.map(|sum| sum / voxels.len() as f64));
        let class = class_of(level, classes)?;
        let pieces = voxels.len().div_ceil(PIECE);
        let piece = |number: usize| number * PIECE..((number + 1) * PIECE).min(voxels.len());

        // Slopes by the six motions, where all neighbors are known.
        let slope = |index: usize| {
            let voxel = grid.voxel(index);
            let inside = |axis: usize| shape[axis] == 1 || (voxel[axis] > 0 && voxel[axis] + 1 < shape[axis]);
            if !(0..3).all(inside) {
                return None;
            }
            let difference = |axis: usize| match shape[axis] {
                1 => 0.0,
                _ => (f64::from(image.data[index + stride[axis]]) - f64::from(image.data[index - stride[axis]])) / 2.0,
            };
            let by_voxel: [f64; 3] = std::array::from_fn(difference);
            if by_voxel.iter().any(|value| !value.is_finite()) {
                return None;
            }
            let g: [f64; 3] =
                std::array::from_fn(|k| (0..3).map(|axis| by_voxel[axis] * to_voxels.0[axis][k]).sum::<f64>());
            let position = grid.position(voxel);
            let p: [f64; 3] = std::array::from_fn(|k| position[k] - center[k]);
            let turn = [p[1] * g[2] - p[2] * g[1], p[2] * g[0] - p[0] * g[2], p[0] * g[1] - p[1] * g[0]];
            Some([g[0], g[1], g[2], turn[0], turn[1], turn[2]])
        };
        let slopes: Vec<Vec<Option<[f64; 6]>>> =
            in_order(pieces, |number| piece(number).map(|i| slope(voxels[i])).collect());
        let slope_at = |i: usize| slopes[i / PIECE][i % PIECE];

        let first = in_order(pieces, |number| {
            let mut sums = ClassSums::new(classes);
            for i in piece(number) {
                if let Some(slope) = slope_at(i) {
                    sums.add(usize::from(class[i]), &slope);
                }
            }
            sums
        });
        let mut sums = ClassSums::new(classes);
        first.iter().for_each(|part| sums.join(part));
        if sums.energy <= 0.0 {
            return None;
        }
        let free_of_class = |i: usize| {
            let slope = slope_at(i)?;
            let mean = &sums.slopes[usize::from(class[i])];
            let count = sums.counts[usize::from(class[i])];
            Some(std::array::from_fn::<f64, 6, _>(|a| slope[a] - mean[a] / count))
        };
        let mut normal = [[0.0; 6]; 6];
        for part in in_order(pieces, |number| normal_of(piece(number).filter_map(free_of_class))) {
            for (sum, part) in normal.iter_mut().flatten().zip(part.iter().flatten()) {
                *sum += part;
            }
        }
        let scale = |axis: usize| if axis < 3 { 1.0 } else { LEVER * LEVER };
        let stiffest = (0..6).map(|a| normal[a][a] / scale(a)).fold(0.0, f64::max);
        // A direction without edges (along the only slice, say) gets a stiffness of its own: nothing is seen of it.
        (0..6).for_each(|a| normal[a][a] += 1e-6 * stiffest * scale(a));
        let mut rows = [[0.0; 6]; 6];
        for (k, row) in rows.iter_mut().enumerate() {
            let mut unit = [0.0; 6];
            unit[k] = 1.0;
            *row = solve(normal, unit)?;
        }
        // The height of the edges is a projection upon the adjoint of the gradient.
        let along = |index: usize, axis: usize| {
            let slope = slope_at(usize::try_from(place[index]).ok().filter(|&i| i < voxels.len())?)?;
            Some((0..3).map(|k| to_voxels.0[axis][k] * slope[k]).sum::<f64>() / 2.0)
        };
        let height = |index: usize| {
            let voxel = grid.voxel(index);
            let mut height = 0.0;
            for axis in (0..3).filter(|&axis| shape[axis] > 1) {
                if voxel[axis] > 0 {
                    height += along(index - stride[axis], axis).unwrap_or(0.0);
                }
                if voxel[axis] + 1 < shape[axis] {
                    height -= along(index + stride[axis], axis).unwrap_or(0.0);
                }
            }
            height
        };
        let parts: Vec<[Vec<f32>; 7]> = in_order(pieces, |number| {
            let mut weights: [Vec<f32>; 7] = std::array::from_fn(|_| Vec::with_capacity(PIECE));
            for i in piece(number) {
                let slope = free_of_class(i).unwrap_or([0.0; 6]);
                for (weights, row) in weights.iter_mut().zip(&rows) {
                    weights.push((0..6).map(|a| row[a] * slope[a]).sum::<f64>() as f32);
                }
                weights[6].push((height(voxels[i]) / sums.energy) as f32);
            }
            weights
        });
        let mut weights: Vec<Vec<f32>> =
            (0..7).map(|k| parts.iter().flat_map(|part| part[k].iter().copied()).collect()).collect();
        weights.push(vec![1.0 / voxels.len() as f32; voxels.len()]);
        Some(Self { weights, center })
    }
}

/// Sums of slopes over the voxels of each intensity class.
struct ClassSums {
    slopes: Vec<[f64; 6]>,
    counts: Vec<f64>,
    /// Sum of the squared gradient.
    energy: f64,
}

impl ClassSums {
    fn new(classes: usize) -> Self {
        Self { slopes: vec![[0.0; 6]; classes], counts: vec![0.0; classes], energy: 0.0 }
    }

    fn add(&mut self, class: usize, slope: &[f64; 6]) {
        self.counts[class] += 1.0;
        (0..6).for_each(|a| self.slopes[class][a] += slope[a]);
        self.energy += slope[..3].iter().map(|g| g * g).sum::<f64>();
    }

    fn join(&mut self, other: &Self) {
        for (sum, part) in self.slopes.iter_mut().flatten().zip(other.slopes.iter().flatten()) {
            *sum += part;
        }
        for (sum, part) in self.counts.iter_mut().zip(&other.counts) {
            *sum += part;
        }
        self.energy += other.energy;
    }
}

/// The normal matrix of slopes.
fn normal_of(slopes: impl Iterator<Item = [f64; 6]>) -> [[f64; 6]; 6] {
    let mut normal = [[0.0; 6]; 6];
    for slope in slopes {
        for a in 0..6 {
            for b in 0..6 {
                normal[a][b] += slope[a] * slope[b];
            }
        }
    }
    normal
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
    let (values, tail) = row.as_chunks::<PARTIAL_SUMS>();
    let mut products = [0.0; SUMS];
    for (product, weights) in products.iter_mut().zip(weights) {
        let (weights, tail_weights) = weights.as_chunks::<PARTIAL_SUMS>();
        let mut partial = [0.0_f32; PARTIAL_SUMS];
        for (weights, values) in weights.iter().zip(values) {
            for i in 0..PARTIAL_SUMS {
                partial[i] += weights[i] * values[i];
            }
        }
        let rest: f64 = tail_weights.iter().zip(tail).map(|(weight, value)| f64::from(weight * value)).sum();
        *product = partial.iter().map(|&sum| f64::from(sum)).sum::<f64>() + rest;
    }
    products
}
