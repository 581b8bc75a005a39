//! Where the head is in each frame of a series: every frame registered to the mean of the baseline.

use std::ops::Range;

use super::error::AlignError;
use super::pyramid::{factors, reduced};
use super::ratio::{Fixed, Moving};
use super::register::{descend, robust};
use super::rigid::{Pose, Rigid};
use super::settings::Settings;
use crate::image::{Mask, Series, Volume, in_order, resample_volume};

/// Displacement of baseline frames above which their mean is made again from aligned frames, mm: below it the blur of
/// the mean is far below a voxel.
const BLURRED_MM: f64 = 0.2;
/// Share of the brain that a coarse voxel must hold to be compared; the rim of the head comes with it.
const BRAIN_SHARE: f32 = 0.05;

/// Times that the finest level is gone through again, its classes divided by frames that are better aligned each time.
const STAGES: usize = 6;
/// Classes into which each class of intensity is cut by each phase of the bolus.
const PARTS: usize = 16;
/// Half-width of the window over which a phase is averaged before it divides classes, mm.
///
/// METHOD: tissues of one intensity may take up contrast medium differently (gray matter, and white matter beside fluid;
/// a lesion; an artery). So the classes are cut by what aligned frames show during and after the passage, over a window
/// that is wider than an edge is sharp: a displaced edge is bright on one side and dark on the other, and must not make
/// a class of its own.
const PHASE_WINDOW_MM: f64 = 8.0;
/// Part of the brain's mean that is added to the baseline under a ratio: air stays near 0.
const FLOOR: f32 = 0.1;

/// The motion of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    /// For each frame: takes points of the baseline to where they are in the frame.
    pub pulls: Vec<Rigid>,
    /// Middle of the head, about which poses are told, mm.
    pub center: [f64; 3],
    /// The same as six numbers.
    pub poses: Vec<Pose>,
    /// Displacement of each frame from the baseline, mm.
    pub displacement_mm: Vec<f64>,
    /// Displacement of each frame from the one before, mm; 0 for the first.
    pub framewise_mm: Vec<f64>,
    /// Frames that could not be registered; they are taken as at rest.
    pub lost: Vec<usize>,
}

impl Motion {
    /// The largest displacement from the baseline, mm.
    pub fn largest_mm(&self) -> f64 {
        self.displacement_mm.iter().copied().fold(0.0, f64::max)
    }

    /// The mean displacement from the baseline, mm.
    pub fn mean_mm(&self) -> f64 {
        self.displacement_mm.iter().sum::<f64>() / self.displacement_mm.len().max(1) as f64
    }

    /// Frames that lie farther than this from the one before, mm, counted from 0.
    pub fn spikes(&self, limit_mm: f64) -> Vec<usize> {
        (0..self.framewise_mm.len()).filter(|&frame| self.framewise_mm[frame] > limit_mm).collect()
    }

    fn new(found: Vec<Option<Rigid>>, center: [f64; 3]) -> Self {
        let lost = (0..found.len()).filter(|&frame| found[frame].is_none()).collect();
        let pulls: Vec<Rigid> = found.into_iter().map(|pull| pull.unwrap_or(Rigid::IDENTITY)).collect();
        let mut framewise_mm = vec![0.0; pulls.len().min(1)];
        framewise_mm.extend(pulls.windows(2).map(|pair| {
            let moved = pair[0].apply(center);
            pair[1].after(&pair[0].inverse()).displacement(moved)
        }));
        Self {
            poses: pulls.iter().map(|pull| pull.pose(center)).collect(),
            displacement_mm: pulls.iter().map(|pull| pull.displacement(center)).collect(),
            framewise_mm,
            lost,
            center,
            pulls,
        }
    }
}

/// Registers every frame of a series that covers its whole grid to the mean of its `baseline` frames, over the brain
/// and its rim. `starts` are first guesses, one for each frame.
///
/// Frames before the baseline (not in the steady state) are registered too.
pub fn follow_motion(
    series: &Series,
    brain: &Mask,
    baseline: Range<usize>,
    starts: &[Rigid],
    settings: &Settings,
) -> Result<Motion, AlignError> {
    let grid = series.mask.grid;
    if series.voxels != grid.len() || brain.grid.same_space(&grid).is_err() || starts.len() != series.frames {
        let problem =
            "expected a series over its whole grid, a mask on that grid and a guess for each frame".to_owned();
        return Err(AlignError::Series { problem });
    }
    let mut reference = mean(baseline.clone().map(|frame| series.frame(frame)), grid.len());
    let mut motion =
        register_frames(series, brain, &reference, baseline.clone(), starts, &settings.frame_levels_mm, settings)?;
    let blur = baseline.clone().map(|frame| motion.displacement_mm[frame]).fold(0.0, f64::max);
    if blur > BLURRED_MM {
        // METHOD: a mean over frames that differ in place is blurred; it is made again from the aligned frames.
        let mut aligned = Vec::with_capacity(baseline.len());
        for frame in baseline.clone() {
            let volume = Volume { grid, data: series.frame(frame) };
            aligned.push(resample_volume(&volume, &grid, Some(&motion.pulls[frame].affine()))?.data);
        }
        reference = mean(aligned.into_iter(), grid.len());
        let finest = &settings.frame_levels_mm[settings.frame_levels_mm.len() - 1..];
        motion = register_frames(series, brain, &reference, baseline.clone(), &motion.pulls, finest, settings)?;
    }
    Ok(motion)
}

/// Mean of the values that are finite.
fn mean(frames: impl Iterator<Item = Vec<f32>>, voxels: usize) -> Vec<f32> {
    let (mut sums, mut counts) = (vec![0.0_f64; voxels], vec![0.0_f64; voxels]);
    for frame in frames {
        for ((sum, count), value) in sums.iter_mut().zip(&mut counts).zip(frame) {
            if value.is_finite() {
                (*sum, *count) = (*sum + f64::from(value), *count + 1.0);
            }
        }
    }
    sums.iter().zip(&counts).map(|(sum, count)| (sum / count) as f32).collect()
}

fn brain_mean(brain: &Mask, values: &[f32]) -> f32 {
    let inside: Vec<f64> = brain.indices().map(|i| f64::from(values[i])).filter(|value| value.is_finite()).collect();
    (inside.iter().sum::<f64>() / inside.len().max(1) as f64) as f32
}

/// One level of the pyramid of the reference.
struct Level {
    factors: [usize; 3],
    fixed: Fixed,
}

fn register_frames(
    series: &Series,
    brain: &Mask,
    reference: &[f32],
    baseline: Range<usize>,
    starts: &[Rigid],
    levels_mm: &[f64],
    settings: &Settings,
) -> Result<Motion, AlignError> {
    let grid = series.mask.grid;
    let share: Vec<f32> = brain.data.iter().map(|&inside| if inside { 1.0 } else { 0.0 }).collect();
    let level = |&size: &f64| -> Result<Level, AlignError> {
        let factors = factors(&grid, size);
        let (image, share) = (reduced(&grid, reference, factors), reduced(&grid, &share, factors));
        let shape = image.grid.shape();
        // METHOD: the outermost voxels take no part: a motion of less than a voxel then leaves the same points in view,
        // and the measure does not jump where a slice enters or leaves.
        let wanted = |index: usize| {
            let voxel = image.grid.voxel(index);
            let inner = |axis: usize| shape[axis] < 4 || (voxel[axis] > 0 && voxel[axis] + 1 < shape[axis]);
            share.data[index] > BRAIN_SHARE && (0..3).all(inner)
        };
        let fixed = Fixed::new(&image, settings.classes, wanted);
        let fixed = fixed.ok_or(AlignError::NoStructure { image: "the baseline", found: "one value everywhere" })?;
        Ok(Level { factors, fixed })
    };
    let levels = levels_mm.iter().map(level).collect::<Result<Vec<Level>, AlignError>>()?;
    let phases = Phases::of(series, brain, &baseline);
    let mut found: Vec<Option<Rigid>> = starts.iter().copied().map(Some).collect();
    let Some(last) = levels.last() else { return Ok(Motion::new(found, [0.0; 3])) };
    // METHOD: classes are divided from the first guess on, by the frames as they lie. Undivided ones take a part of the
    // bolus for motion, the same part in every frame, and no later stage would tell it from motion.
    for Level { factors, fixed } in levels.iter().chain(std::iter::repeat_n(last, STAGES)) {
        let moving = |frame: usize| Moving::new(&reduced(&grid, &series.frame(frame), *factors));
        let seen = in_order(series.frames, |frame| Some(fixed.seen_in(&moving(frame)?, found[frame].as_ref()?)));
        let divided = phases.divide(fixed, &seen);
        found = in_order(series.frames, |frame| {
            let target = moving(frame)?;
            let first = descend(&divided, &target, found[frame]?, None, settings);
            let (pull, evaluation) = robust(&divided, &target, &first, settings);
            evaluation.cost.is_finite().then_some(pull)
        });
    }
    Ok(Motion::new(found, last.fixed.center))
}

/// The frames before, during and after the passage of the bolus.
struct Phases {
    rest: Vec<usize>,
    passage: Vec<usize>,
    after: Vec<usize>,
    /// Added to the baseline under a ratio.
    floor: f32,
}

impl Phases {
    /// The passage is where the brain's mean lies below half-way between its baseline and its lowest value.
    fn of(series: &Series, brain: &Mask, baseline: &Range<usize>) -> Self {
        let means: Vec<f32> = in_order(series.frames, |frame| brain_mean(brain, &series.frame(frame)));
        let rest = baseline.clone().map(|frame| means[frame]).sum::<f32>() / baseline.len().max(1) as f32;
        let lowest = means[baseline.end..].iter().copied().fold(rest, f32::min);
        let half = 0.5 * (rest + lowest);
        let passage: Vec<usize> = (baseline.end..series.frames).filter(|&frame| means[frame] < half).collect();
        let end = passage.last().map_or(baseline.end, |last| last + 1);
        Self { rest: baseline.clone().collect(), passage, after: (end..series.frames).collect(), floor: FLOOR * rest }
    }

    /// Divides classes by the signal during and after the passage over that before. `seen` holds what each frame shows
    /// at the points.
    fn divide(&self, fixed: &Fixed, seen: &[Option<Vec<f32>>]) -> Fixed {
        let mean_of = |frames: &[usize]| mean(frames.iter().filter_map(|&frame| seen[frame].clone()), fixed.len());
        let rest = mean_of(&self.rest);
        let feature = |phase: &Vec<usize>| {
            let ratio: Vec<f32> =
                mean_of(phase).iter().zip(&rest).map(|(signal, rest)| signal / (rest + self.floor)).collect();
            fixed.around(&ratio, PHASE_WINDOW_MM)
        };
        let present = [&self.passage, &self.after].into_iter().filter(|phase| !phase.is_empty());
        fixed.divided(&present.map(feature).collect::<Vec<_>>(), PARTS)
    }
}
