//! The search: Levenberg-Marquardt on the correlation ratio, down a pyramid.

use super::error::AlignError;
use super::pyramid::{factors, reduced};
use super::ratio::{Evaluation, Fixed, Moving, Weights, evaluate, weights};
use super::rigid::{Pose, Rigid};
use super::settings::Settings;
use crate::image::{Volume, in_order};

/// Length that a rotation is compared with a translation by, mm: half a head.
const LEVER: f64 = 80.0;
/// Damping to begin with, and its change on a step that is taken or refused.
const DAMPING: f64 = 1e-4;
const DAMPING_CHANGE: f64 = 10.0;
const LARGEST_DAMPING: f64 = 1e6;
/// Times that weights are made and the search goes on with them.
const ROUNDS: usize = 2;
/// Half-width of the window in which residuals are judged together, mm: a vessel and its flanks.
const SURROUNDINGS_MM: f64 = 8.0;
/// Rotations from which a search between two images starts, degrees about each axis in turn.
const START_ANGLES: [f64; 2] = [-15.0, 15.0];

/// How one image lies to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Takes points of the fixed image to the moving one.
    pub pull: Rigid,
    /// Middle of the fixed image, about which poses are told, mm.
    pub center: [f64; 3],
    /// Correlation ratio `1 - within / total`, 0 to 1.
    pub correlation_ratio: f64,
    /// Share of the fixed image's voxels inside the moving image.
    pub overlap: f64,
}

/// Finds the rigid transform between two images of the same head.
///
/// METHOD: scanner coordinates are the first guess, the middles of the two images the second, each also turned by 15
/// degrees about every axis; all are searched at the coarsest level and the best goes on. A registration is a search
/// for the nearest minimum: look at the result.
pub fn register(moving: &Volume, fixed: &Volume, settings: &Settings) -> Result<Registration, AlignError> {
    let no_structure = |image| AlignError::NoStructure { image, found: "one value everywhere" };
    let levels = &settings.image_levels_mm;
    let level = |size: f64| -> Result<(Fixed, Moving), AlignError> {
        let coarse = |image: &Volume| reduced(&image.grid, &image.data, factors(&image.grid, size));
        let points = Fixed::new(&coarse(fixed), settings.classes, |_| true).ok_or(no_structure("the fixed image"))?;
        Ok((points, Moving::new(&coarse(moving)).ok_or(no_structure("the moving image"))?))
    };
    let (points, target) = level(levels[0])?;
    let starts = starts(moving, fixed, points.center);
    let searched = in_order(starts.len(), |start| descend(&points, &target, starts[start], None, settings));
    let mut best: Option<(Rigid, Evaluation)> = None;
    for found in searched {
        let explained = |found: &(Rigid, Evaluation)| found.1.overlap * found.1.ratio;
        if found.1.cost.is_finite() && best.as_ref().is_none_or(|best| explained(&found) > explained(best)) {
            best = Some(found);
        }
    }
    let (mut pull, _) = best.ok_or(AlignError::NoOverlap { percent: 100.0 * settings.overlap_minimum })?;
    let mut center = points.center;
    let mut last = None;
    for &size in levels {
        let (points, target) = level(size)?;
        let found = descend(&points, &target, pull, None, settings);
        pull = robust(&points, &target, &found, settings).0;
        center = points.center;
        last = Some(evaluate(&points, &target, &pull, None, None, settings.overlap_minimum));
    }
    match last {
        Some(evaluation) if evaluation.cost.is_finite() => {
            Ok(Registration { pull, center, correlation_ratio: evaluation.ratio, overlap: evaluation.overlap })
        }
        _ => Err(AlignError::NoOverlap { percent: 100.0 * settings.overlap_minimum }),
    }
}

/// Scanner coordinates and the middles of the images, as they are and turned.
fn starts(moving: &Volume, fixed: &Volume, center: [f64; 3]) -> Vec<Rigid> {
    let mut shifts = vec![[0.0; 3]];
    if let (Some(from), Some(to)) = (center_of_mass(fixed), center_of_mass(moving)) {
        shifts.push(std::array::from_fn(|k| to[k] - from[k]));
    }
    let mut angles = vec![[0.0; 3]];
    for axis in 0..3 {
        for angle in START_ANGLES {
            let mut turned = [0.0; 3];
            turned[axis] = angle;
            angles.push(turned);
        }
    }
    let pose = |&translation_mm: &[f64; 3], &rotation_deg: &[f64; 3]| Pose { translation_mm, rotation_deg };
    shifts
        .iter()
        .flat_map(|shift| angles.iter().map(move |angle| Rigid::from_pose(&pose(shift, angle), center)))
        .collect()
}

/// Mean position weighted by what exceeds the image's smallest value, mm; `None` for an image of one value.
fn center_of_mass(image: &Volume) -> Option<[f64; 3]> {
    let lowest = image.data.iter().copied().filter(|value| value.is_finite()).fold(f32::INFINITY, f32::min);
    let (mut sums, mut weight) = ([0.0; 3], 0.0);
    for (index, &value) in image.data.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let (above, position) = (f64::from(value - lowest), image.grid.position(image.grid.voxel(index)));
        weight += above;
        (0..3).for_each(|k| sums[k] += above * position[k]);
    }
    (weight > 0.0).then(|| sums.map(|sum| sum / weight))
}

/// From a transform down to the nearest minimum. Without weights every point counts alike.
pub(super) fn descend(
    fixed: &Fixed,
    moving: &Moving,
    start: Rigid,
    weights: Option<&Weights>,
    settings: &Settings,
) -> (Rigid, Evaluation) {
    let minimum = settings.overlap_minimum;
    let mut pull = start;
    let mut here = evaluate(fixed, moving, &pull, weights, None, minimum);
    let unseen = here.variance;
    let mut damping = DAMPING;
    for _ in 0..settings.steps {
        if !here.cost.is_finite() {
            break;
        }
        let Some(step) = damped_step(&here, damping) else { break };
        let next = pull.stepped(&step, pull.apply(fixed.center));
        let there = evaluate(fixed, moving, &next, weights, Some(unseen), minimum);
        let length =
            step[..3].iter().map(|t| t * t).sum::<f64>() + step[3..].iter().map(|w| (LEVER * w).powi(2)).sum::<f64>();
        let small = length.sqrt() < settings.tolerance_mm;
        if there.cost < here.cost {
            (pull, here) = (next, there);
            damping /= DAMPING_CHANGE;
        } else {
            damping *= DAMPING_CHANGE;
        }
        if small || damping > LARGEST_DAMPING {
            break;
        }
    }
    (pull, here)
}

/// Goes on from a minimum with outliers left out; stays there where the residuals are all 0.
pub(super) fn robust(
    fixed: &Fixed,
    moving: &Moving,
    (pull, here): &(Rigid, Evaluation),
    settings: &Settings,
) -> (Rigid, Evaluation) {
    let (mut pull, mut here) = (*pull, here.clone());
    for _ in 0..ROUNDS {
        let Some(weights) = weights(fixed, moving, &pull, &here.means, SURROUNDINGS_MM, settings.outlier_ratio) else {
            break;
        };
        (pull, here) = descend(fixed, moving, pull, Some(&weights), settings);
    }
    (pull, here)
}

/// `-(JᵀJ + λ diag)⁻¹ Jᵀr`; `None` where no direction changes anything.
fn damped_step(here: &Evaluation, damping: f64) -> Option<[f64; 6]> {
    // A direction that changes nothing (along the only slice, say) gets a stiffness of its own, so that it stays.
    let scale = |axis: usize| if axis < 3 { 1.0 } else { LEVER * LEVER };
    let stiffest = (0..6).map(|a| here.normal[a][a] / scale(a)).fold(0.0, f64::max);
    if stiffest.is_nan() || stiffest <= 0.0 {
        return None;
    }
    let mut matrix = here.normal;
    for a in 0..6 {
        matrix[a][a] += damping * matrix[a][a] + 1e-9 * stiffest * scale(a);
    }
    solve(matrix, here.toward.map(|value| -value))
}

/// Solves a positive definite system by Cholesky's factors; `None` where it is not.
pub(super) fn solve(mut matrix: [[f64; 6]; 6], mut right: [f64; 6]) -> Option<[f64; 6]> {
    for row in 0..6 {
        for column in 0..=row {
            let sum: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let value = matrix[row][column] - sum;
            if row == column {
                if value.is_nan() || value <= 0.0 {
                    return None;
                }
                matrix[row][row] = value.sqrt();
            } else {
                matrix[row][column] = value / matrix[column][column];
            }
        }
    }
    for row in 0..6 {
        let sum: f64 = (0..row).map(|k| matrix[row][k] * right[k]).sum();
        right[row] = (right[row] - sum) / matrix[row][row];
    }
    for row in (0..6).rev() {
        let sum: f64 = (row + 1..6).map(|k| matrix[k][row] * right[k]).sum();
        right[row] = (right[row] - sum) / matrix[row][row];
    }
    Some(right)
}
