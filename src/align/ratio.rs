//! The correlation ratio of two images as a least-squares problem of six parameters.
//!
//! Roche, Malandain, Pennec, Ayache: The correlation ratio as a new similarity measure for multimodal image
//! registration, MICCAI 1998. The voxels of the fixed image are sorted into classes by their intensity once; the moving
//! image, looked up through the transform, should be constant within each class. What is minimized is the sum of
//! squares about the class means over the total sum of squares.
//!
//! METHOD: a tissue may become darker or brighter than another without disturbing this, which is what a bolus does: at
//! its peak gray matter turns darker than white. Class means are linear parameters, so they are projected out of
//! residuals and derivatives (variable projection; Golub and Pereyra 1973), and Gauss-Newton steps are exact for them.
//! What is no function of the fixed image (arteries, an enhancing lesion) loses its weight (see [`weights`]).

use super::pyramid::window_means;
use super::rigid::Rigid;
use crate::image::{Affine, Grid, Volume, in_order};

/// Samples of one piece of work; fixed, so that sums have the same order for any number of threads.
const PIECE: usize = 8192;
/// Sums of each class: weight, residual, its derivatives.
const CLASS_SUMS: usize = 8;
/// Share of the voxels at either end of the intensities that share the first or last class.
const TAIL: f64 = 0.002;

/// Points of the fixed image with the class of their intensity.
pub(super) struct Fixed {
    /// Where the points are about [`Fixed::center`], mm.
    points: Vec<[f32; 3]>,
    classes: Vec<u16>,
    count: usize,
    /// The grid that they come from, and their places there.
    grid: Grid,
    voxels: Vec<usize>,
    /// Middle of the points, mm.
    pub(super) center: [f64; 3],
}

impl Fixed {
    /// The voxels of an image where `wanted` says so and a value stands; `None` where they hold no two values.
    pub(super) fn new(image: &Volume, most_classes: usize, wanted: impl Fn(usize) -> bool) -> Option<Self> {
        let voxels: Vec<usize> = (0..image.data.len()).filter(|&i| image.data[i].is_finite() && wanted(i)).collect();
        let mut sorted: Vec<f32> = voxels.iter().map(|&i| image.data[i]).collect();
        sorted.sort_by(f32::total_cmp);
        let rank = |share: f64| sorted.get((share * sorted.len().saturating_sub(1) as f64).round() as usize).copied();
        let (low, high) = (rank(TAIL)?, rank(1.0 - TAIL)?);
        if high <= low {
            return None;
        }
        // A class should hold some tens of voxels, or its mean follows their noise.
        let count = most_classes.min(((voxels.len() as f64).sqrt() as usize).max(2));
        let scale = count as f32 / (high - low);
        let class = |value: f32| (((value - low) * scale).max(0.0) as usize).min(count - 1) as u16;
        let positions: Vec<[f64; 3]> = voxels.iter().map(|&i| image.grid.position(image.grid.voxel(i))).collect();
        let center = std::array::from_fn(|k| positions.iter().map(|p| p[k]).sum::<f64>() / positions.len() as f64);
        Some(Self {
            points: positions.iter().map(|p| std::array::from_fn(|k| (p[k] - center[k]) as f32)).collect(),
            classes: voxels.iter().map(|&i| class(image.data[i])).collect(),
            count,
            grid: image.grid,
            voxels,
            center,
        })
    }

    /// The same points in finer classes: those of their intensity, each cut by the ranks of further values (one for
    /// each point; NaN counts as the lowest) into `parts`.
    pub(super) fn divided(&self, features: &[Vec<f32>], parts: usize) -> Self {
        let mut keys: Vec<usize> = self.classes.iter().map(|&class| usize::from(class)).collect();
        for feature in features {
            let mut sorted: Vec<f32> = feature.iter().copied().filter(|value| value.is_finite()).collect();
            sorted.sort_by(f32::total_cmp);
            let limits: Vec<f32> = (1..parts).filter_map(|k| sorted.get(k * sorted.len() / parts).copied()).collect();
            for (key, value) in keys.iter_mut().zip(feature) {
                *key = *key * parts + limits.iter().filter(|limit| *value >= **limit).count();
            }
        }
        let mut present = keys.clone();
        present.sort_unstable();
        present.dedup();
        let class = |key: &usize| present.binary_search(key).unwrap_or(0) as u16;
        Self {
            points: self.points.clone(),
            classes: keys.iter().map(class).collect(),
            count: present.len(),
            grid: self.grid,
            voxels: self.voxels.clone(),
            center: self.center,
        }
    }

    /// What the moving image shows at each point; NaN outside it.
    pub(super) fn seen_in(&self, moving: &Moving, pull: &Rigid) -> Vec<f32> {
        let pivot = pull.apply(self.center);
        let value = |point: &[f32; 3]| {
            let turned = pull.turn(point.map(f64::from));
            let place = std::array::from_fn(|k| pivot[k] + turned[k]);
            moving.at(moving.to_voxels.apply(place)).map_or(f32::NAN, |[value, ..]| value)
        };
        self.points.iter().map(value).collect()
    }

    /// Means of values of the points around each point.
    pub(super) fn around(&self, values: &[f32], half_width_mm: f64) -> Vec<f32> {
        let mut volume = vec![f32::NAN; self.grid.len()];
        for (&voxel, &value) in self.voxels.iter().zip(values) {
            volume[voxel] = value;
        }
        let means = window_means(&self.grid, volume, half_width_mm);
        self.voxels.iter().map(|&voxel| means[voxel]).collect()
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }
}

/// The moving image with its gradient.
pub(super) struct Moving {
    grid: Grid,
    to_voxels: Affine,
    /// Value and gradient by scanner coordinates (1/mm) of each voxel.
    channels: Vec<[f32; 4]>,
}

impl Moving {
    pub(super) fn new(image: &Volume) -> Option<Self> {
        let to_voxels = image.grid.affine().inverse()?;
        let shape = image.grid.shape();
        let stride = [1, shape[0], shape[0] * shape[1]];
        let channels = (0..image.data.len())
            .map(|index| {
                let voxel = image.grid.voxel(index);
                let mut by_voxel = [0.0_f64; 3];
                for axis in 0..3 {
                    let low = if voxel[axis] > 0 { index - stride[axis] } else { index };
                    let high = if voxel[axis] + 1 < shape[axis] { index + stride[axis] } else { index };
                    let steps = ((high - low) / stride[axis]) as f64;
                    let difference = f64::from(image.data[high]) - f64::from(image.data[low]);
                    by_voxel[axis] = if steps > 0.0 { difference / steps } else { 0.0 };
                }
                // ∂/∂x = Σ ∂/∂i · ∂i/∂x
                let gradient = |k: usize| (0..3).map(|axis| by_voxel[axis] * to_voxels.0[axis][k]).sum::<f64>() as f32;
                [image.data[index], gradient(0), gradient(1), gradient(2)]
            })
            .collect();
        Some(Self { grid: image.grid, to_voxels, channels })
    }

    /// Value and gradient at a place in voxels, trilinear; `None` outside the voxels' centers or where a neighbor has
    /// no value.
    #[inline]
    fn at(&self, place: [f64; 3]) -> Option<[f32; 4]> {
        let shape = self.grid.shape();
        let mut lower = [0; 3];
        let mut fraction = [0.0_f32; 3];
        for axis in 0..3 {
            let last = (shape[axis] - 1) as f64;
            if !(place[axis] >= 0.0 && place[axis] <= last) {
                return None;
            }
            let floor = place[axis].floor().min((last - 1.0).max(0.0));
            (lower[axis], fraction[axis]) = (floor as usize, (place[axis] - floor) as f32);
        }
        let base = lower[0] + shape[0] * (lower[1] + shape[1] * lower[2]);
        let up: [usize; 3] = std::array::from_fn(|axis| {
            let stride = [1, shape[0], shape[0] * shape[1]][axis];
            if shape[axis] > 1 { stride } else { 0 }
        });
        let mut sum = [0.0_f32; 4];
        for corner in 0..8 {
            let mut index = base;
            let mut weight = 1.0;
            for axis in 0..3 {
                if corner >> axis & 1 == 1 {
                    index += up[axis];
                    weight *= fraction[axis];
                } else {
                    weight *= 1.0 - fraction[axis];
                }
            }
            let values = &self.channels[index];
            for k in 0..4 {
                sum[k] += weight * values[k];
            }
        }
        sum.iter().all(|value| value.is_finite()).then_some(sum)
    }
}

/// How much each point counts.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    /// 0 to 1 for each point.
    points: Vec<f32>,
    /// Class means near those of the result: sums about them keep their digits.
    means: Vec<f64>,
}

/// The measure at one transform, and what a step needs.
#[derive(Debug, Clone)]
pub(super) struct Evaluation {
    /// Mean square about the class means; infinite where too few points lie inside.
    pub(super) cost: f64,
    /// `JᵀJ` and `Jᵀr` of the projected problem, translations in mm and rotations in radians.
    pub(super) normal: [[f64; 6]; 6],
    pub(super) toward: [f64; 6],
    /// Share of the points inside the moving image.
    pub(super) overlap: f64,
    /// Means of the classes.
    pub(super) means: Vec<f64>,
    /// Variance of the values inside.
    pub(super) variance: f64,
    /// The correlation ratio, 0 to 1.
    pub(super) ratio: f64,
}

/// Sums of one piece.
#[derive(Clone)]
struct Sums {
    classes: Vec<[f64; CLASS_SUMS]>,
    normal: [[f64; 6]; 6],
    toward: [f64; 6],
    /// `Σwr²`, `Σm`, `Σm²`, number of points inside.
    total: [f64; 4],
}

/// Evaluates the measure. `pull` takes the fixed points to the moving image. `unseen` is what a point outside it costs:
/// the mean square of the moving image's values where the search began (from this place itself for `None`), so that
/// nothing is won by turning points out of view.
pub(super) fn evaluate(
    fixed: &Fixed,
    moving: &Moving,
    pull: &Rigid,
    weights: Option<&Weights>,
    unseen: Option<f64>,
    overlap_minimum: f64,
) -> Evaluation {
    let pieces = in_order(fixed.points.len().div_ceil(PIECE), |piece| sum_piece(fixed, moving, pull, weights, piece));
    let mut sums = Sums {
        classes: vec![[0.0; CLASS_SUMS]; fixed.count],
        normal: [[0.0; 6]; 6],
        toward: [0.0; 6],
        total: [0.0; 4],
    };
    for piece in &pieces {
        for (sum, part) in sums.classes.iter_mut().flatten().zip(piece.classes.iter().flatten()) {
            *sum += part;
        }
        for (sum, part) in sums.normal.iter_mut().flatten().zip(piece.normal.iter().flatten()) {
            *sum += part;
        }
        for (sum, part) in sums.toward.iter_mut().zip(&piece.toward) {
            *sum += part;
        }
        for (sum, part) in sums.total.iter_mut().zip(&piece.total) {
            *sum += part;
        }
    }
    finish(sums, weights, fixed.len(), unseen, overlap_minimum)
}

/// Takes the class means out: `Σw(r - r̄)² = Σwr² - (Σwr)²/Σw` within each class, and so for every product.
fn finish(
    mut sums: Sums,
    weights: Option<&Weights>,
    points: usize,
    unseen: Option<f64>,
    overlap_minimum: f64,
) -> Evaluation {
    let [mut squares, total, total_squares, inside] = sums.total;
    let mut means = Vec::with_capacity(sums.classes.len());
    for (class, [weight, residual, slopes @ ..]) in sums.classes.iter().enumerate() {
        let old = weights.map_or(0.0, |weights| weights.means[class]);
        means.push(if *weight > 0.0 { old + residual / weight } else { old });
        if *weight <= 0.0 {
            continue;
        }
        squares -= residual * residual / weight;
        for a in 0..6 {
            sums.toward[a] -= slopes[a] * residual / weight;
            for b in 0..6 {
                sums.normal[a][b] -= slopes[a] * slopes[b] / weight;
            }
        }
    }
    let overlap = inside / points as f64;
    let spread = total_squares - total * total / inside.max(1.0);
    let variance = spread / inside;
    let cost = if overlap >= overlap_minimum && spread > 0.0 {
        squares / points as f64 + (1.0 - overlap) * unseen.unwrap_or(variance)
    } else {
        f64::INFINITY
    };
    let ratio = 1.0 - squares / spread;
    Evaluation { cost, normal: sums.normal, toward: sums.toward, overlap, means, variance, ratio }
}

fn sum_piece(fixed: &Fixed, moving: &Moving, pull: &Rigid, weights: Option<&Weights>, piece: usize) -> Sums {
    let mut sums = Sums {
        classes: vec![[0.0; CLASS_SUMS]; fixed.count],
        normal: [[0.0; 6]; 6],
        toward: [0.0; 6],
        total: [0.0; 4],
    };
    let pivot = pull.apply(fixed.center);
    let range = piece * PIECE..((piece + 1) * PIECE).min(fixed.points.len());
    for (i, (point, &class)) in fixed.points[range.clone()].iter().zip(&fixed.classes[range.clone()]).enumerate() {
        let turned = pull.turn(point.map(f64::from));
        let place = std::array::from_fn(|k| pivot[k] + turned[k]);
        let Some([value, gx, gy, gz]) = moving.at(moving.to_voxels.apply(place)) else { continue };
        let value = f64::from(value);
        let (class, old) = (usize::from(class), weights.map_or(0.0, |weights| weights.means[usize::from(class)]));
        let residual = value - old;
        let weight = weights.map_or(1.0, |weights| f64::from(weights.points[range.start + i]));
        let loss = weight * residual * residual;
        let total = &mut sums.total;
        (total[0], total[1], total[2], total[3]) =
            (total[0] + loss, total[1] + value, total[2] + value * value, total[3] + 1.0);
        if weight == 0.0 {
            continue;
        }
        let g = [f64::from(gx), f64::from(gy), f64::from(gz)];
        // A turn w about the pivot moves the point by w × turned: the slope is turned × g.
        let slope = [
            g[0],
            g[1],
            g[2],
            turned[1] * g[2] - turned[2] * g[1],
            turned[2] * g[0] - turned[0] * g[2],
            turned[0] * g[1] - turned[1] * g[0],
        ];
        let of_class = &mut sums.classes[class];
        of_class[0] += weight;
        of_class[1] += weight * residual;
        for a in 0..6 {
            let weighted = weight * slope[a];
            of_class[2 + a] += weighted;
            sums.toward[a] += weighted * residual;
            for b in 0..6 {
                sums.normal[a][b] += weighted * slope[b];
            }
        }
    }
    sums
}

/// Weights that leave out the surroundings of what the class means do not explain: Tukey's biweight of the root mean
/// square residual around each point (over a window of this half-width, mm), in units of its median. `None` where every
/// residual is 0.
///
/// METHOD: an enhancing lesion or an artery is a place, not a point. Its flanks, where the residual is small again, would
/// pull as the edges of a moved head do.
pub(super) fn weights(
    fixed: &Fixed,
    moving: &Moving,
    pull: &Rigid,
    means: &[f64],
    half_width_mm: f64,
    cutoff: f64,
) -> Option<Weights> {
    let pivot = pull.apply(fixed.center);
    let mut squares = vec![f32::NAN; fixed.grid.len()];
    for ((point, &class), &voxel) in fixed.points.iter().zip(&fixed.classes).zip(&fixed.voxels) {
        let turned = pull.turn(point.map(f64::from));
        let place = std::array::from_fn(|k| pivot[k] + turned[k]);
        if let Some([value, ..]) = moving.at(moving.to_voxels.apply(place)) {
            squares[voxel] = (f64::from(value) - means[usize::from(class)]).powi(2) as f32;
        }
    }
    let around = window_means(&fixed.grid, squares, half_width_mm);
    let sizes: Vec<f32> = fixed.voxels.iter().map(|&voxel| around[voxel].sqrt()).collect();
    let mut sorted: Vec<f32> = sizes.iter().copied().filter(|size| *size > 0.0).collect();
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return None;
    }
    let limit = cutoff as f32 * *sorted.select_nth_unstable_by(middle, f32::total_cmp).1;
    let tukey = |size: &f32| if *size < limit { (1.0 - (size / limit).powi(2)).powi(2) } else { 0.0 };
    Some(Weights { points: sizes.iter().map(tukey).collect(), means: means.to_vec() })
}
