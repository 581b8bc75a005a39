//! When the signal is steady and when the bolus arrives.
//!
//! Leading frames are dropped until the mean signal of the mask is within a few percent of its median before the
//! bolus; the bolus arrives at the last frame before the peak of the mean ΔR2* that is still below a tenth of it.

use std::ops::Range;

use super::error::DscError;
use super::kernel::{add_up, collect_blocks, lane_medians, measurable_lanes, row_sums};
use super::settings::{RecoveryFrames, Settings};
use super::signal::DscSignal;
use crate::curve::baseline::{arrival, median, steady_state};

/// The frames of a series, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// First frame of the steady state; the frames before it are not used.
    pub steady: usize,
    /// Last frame before the bolus.
    pub arrival: usize,
    /// Frames of the series.
    pub frames: usize,
}

impl Timing {
    /// Frames whose mean is S0: from the steady state to the one before the arrival frame.
    pub fn baseline(&self) -> Range<usize> {
        self.steady..self.arrival
    }

    /// Frames that are used.
    pub fn used(&self) -> Range<usize> {
        self.steady..self.frames
    }

    /// The frames whose mean signal is the recovered signal of PSR.
    pub(super) fn recovery(&self, step: f64, settings: &Settings) -> Range<usize> {
        match settings.recovery {
            RecoveryFrames::Last => self.last(settings.recovery_frames),
            RecoveryFrames::Window => {
                let [from, to] = settings.recovery_window_s.map(|time| self.arrival + (time / step).round() as usize);
                from.min(self.frames - 1)..(to + 1).min(self.frames)
            }
        }
    }

    /// The last `count` frames.
    pub fn last(&self, count: usize) -> Range<usize> {
        self.frames - count..self.frames
    }
}

/// The mean of the steady ones among a series' leading frames, voxel by voxel: what the brain mask is made from.
///
/// It needs no mask and no later frame, so a series can be compacted while it is still being read; `leading` should
/// hold `settings.mask_frames` frames. Frames before the steady state are brighter and are left out.
pub fn baseline_mean_for_mask(leading: &[&[f32]], settings: &Settings) -> Result<Vec<f32>, DscError> {
    let voxels = leading.first().map_or(0, |frame| frame.len());
    if voxels == 0 {
        return Err(DscError::TooFewFrames { found: 0, expected: settings.mask_frames });
    }
    let means: Vec<f64> = leading.iter().map(|frame| finite_mean(frame)).collect();
    let level = median(&means).ok_or(DscError::NoSignal)?;
    let near = |mean: &f64| (mean / level - 1.0).abs() <= settings.steady_state_tolerance;
    let steady = means.iter().position(near).unwrap_or(0);
    let mut sums = vec![0.0f32; voxels];
    for frame in &leading[steady..] {
        for (sum, &value) in sums.iter_mut().zip(*frame) {
            *sum += value;
        }
    }
    let count = (leading.len() - steady) as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    Ok(sums)
}

fn finite_mean(values: &[f32]) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    for &value in values.iter().filter(|value| value.is_finite()) {
        sum += f64::from(value);
        count += 1;
    }
    sum / count as f64
}

/// The passage of the bolus through a series: its frames, and the mean curve they were found on.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Steady state and arrival.
    pub timing: Timing,
    /// Mean signal of the measurable voxels, first echo, one value per frame.
    pub mean_signal: Vec<f64>,
}

/// Finds steady state and arrival.
pub fn find_passage(signal: &DscSignal<'_>, settings: &Settings) -> Result<Passage, DscError> {
    settings.check()?;
    let frames = signal.series().frames;
    let late = settings.enhancement_frames.max(settings.recovery_frames);
    let needed = settings.provisional_baseline_frames.max(settings.baseline_frames_minimum) + 1 + late;
    if frames < needed {
        return Err(DscError::TooFewFrames { found: frames, expected: needed });
    }
    let mean_signal = mean_signal(signal)?;
    let steady = steady_state(&mean_signal, settings.steady_state_tolerance).ok_or(DscError::NoBolus)?;
    if frames < steady + needed {
        return Err(DscError::TooFewFrames { found: frames, expected: steady + needed });
    }
    let rate = provisional_rate(signal, steady, settings.provisional_baseline_frames);
    let peak = rate.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if peak.is_nan() || peak <= 0.0 {
        return Err(DscError::NoBolus);
    }
    let before = arrival(&rate, settings.arrival_fraction).unwrap_or(0);
    if before < settings.baseline_frames_minimum {
        return Err(DscError::BaselineTooShort {
            found: before,
            expected: settings.baseline_frames_minimum,
            first: steady,
            arrival: steady + before,
        });
    }
    let timing = Timing { steady, arrival: steady + before, frames };
    let after = frames - 1 - timing.arrival;
    if after < late {
        return Err(DscError::TooFewLateFrames { found: after, expected: late });
    }
    let ([from, to], last) = (settings.recovery_window_s, after as f64 * signal.step());
    if settings.recovery == RecoveryFrames::Window && from > last {
        return Err(DscError::RecoveryOutside { from, to, last });
    }
    Ok(Passage { timing, mean_signal })
}

/// Mean signal of the first echo over the measurable voxels.
fn mean_signal(signal: &DscSignal<'_>) -> Result<Vec<f64>, DscError> {
    let frames = signal.series().frames;
    let blocks = collect_blocks(signal.series(), Vec::new, |block, flags| {
        flags.resize(block.width, 0.0);
        measurable_lanes(block.samples, flags);
        let mut sums = vec![0.0; frames + 1];
        row_sums(block.samples, flags, &mut sums);
        sums[frames] = count(flags);
        sums
    });
    let mut sums = add_up(&blocks, frames + 1);
    let count = sums.pop().unwrap_or(0.0);
    if count == 0.0 {
        return Err(DscError::NoSignal);
    }
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// Mean ΔR2* over the measurable voxels from frame `steady` on, against the median of the first `frames` of them.
fn provisional_rate(signal: &DscSignal<'_>, steady: usize, frames: usize) -> Vec<f64> {
    #[derive(Default)]
    struct Scratch {
        flags: Vec<f32>,
        sorted: Vec<f32>,
        second: Vec<f32>,
        levels: [Vec<f32>; 2],
        rates: Vec<f32>,
    }
    let used = signal.series().frames - steady;
    let blocks = collect_blocks(signal.series(), Scratch::default, |block, scratch| {
        let Scratch { flags, sorted, second, levels, rates } = scratch;
        flags.resize(block.width, 0.0);
        measurable_lanes(block.samples, flags);
        let second = signal.second_samples(block, second);
        let provisional = steady * block.width..(steady + frames) * block.width;
        for (samples, level) in [Some(block.samples), second].into_iter().flatten().zip(levels.iter_mut()) {
            level.resize(block.width, 0.0);
            sorted.clear();
            sorted.extend_from_slice(&samples[provisional.clone()]);
            lane_medians(sorted, level);
            level.iter_mut().for_each(|level| *level = 1.0 / *level);
        }
        if let Some(second) = second {
            let mut measurable = vec![0.0; block.width];
            measurable_lanes(second, &mut measurable);
            flags.iter_mut().zip(measurable).for_each(|(flag, second)| *flag *= second);
        }
        signal.rates(block, second, steady, [&levels[0], &levels[1]], rates);
        let mut sums = vec![0.0; used + 1];
        row_sums(rates, flags, &mut sums);
        sums[used] = count(flags);
        sums
    });
    let mut sums = add_up(&blocks, used + 1);
    let count = sums.pop().unwrap_or(0.0);
    sums.into_iter().map(|sum| sum / count).collect()
}

fn count(flags: &[f32]) -> f64 {
    flags.iter().map(|&flag| f64::from(flag)).sum()
}
