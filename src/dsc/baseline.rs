//! Each voxel before the bolus: S0, its noise, and whether its signal can be used at all.
//!
//! A voxel is used when its signal is finite and positive in every frame and never falls to the noise floor; the
//! others are counted and are *not estimated* in every map.

use super::error::DscError;
use super::kernel::{lane_means, lane_minima, lane_squares, measurable_lanes};
use super::settings::Settings;
use super::signal::DscSignal;
use super::timing::Timing;
use crate::curve::baseline::median;
use crate::image::{Block, Series, for_each_block};

/// Outputs of the loop over voxels, in this order.
const OUTPUTS: usize = 6;

/// What the signal of each voxel is before, at and after the bolus; values in the unit of the signal, in the order of
/// the mask's voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// S0 of the first echo: mean over the baseline frames.
    pub level: Vec<f32>,
    /// S0 of the second echo; empty without one.
    pub second_level: Vec<f32>,
    /// Standard deviation of the first echo over the baseline frames.
    pub deviation: Vec<f32>,
    /// Smallest signal after the arrival, first echo.
    pub minimum: Vec<f32>,
    /// Mean signal of the last frames that tell enhancement, first echo.
    pub late: Vec<f32>,
    /// Mean signal of the frames that PSR takes as recovered, first echo.
    pub recovered: Vec<f32>,
    /// Whether the voxel is used.
    pub usable: Vec<bool>,
    /// Noise: the median baseline deviation over the mask, first echo.
    pub noise: f64,
    /// Voxels whose signal falls to the noise floor.
    pub saturated: usize,
    /// Voxels whose signal is not finite or not positive somewhere.
    pub unmeasurable: usize,
}

impl Baseline {
    /// Number of used voxels.
    pub fn usable_voxels(&self) -> usize {
        self.usable.iter().filter(|&&usable| usable).count()
    }

    /// Whether a used voxel's late signal is above its baseline by more than one standard deviation.
    pub fn is_brighter(&self, voxel: usize) -> bool {
        self.late[voxel] - self.level[voxel] > self.deviation[voxel]
    }

    /// Whether a used voxel's late signal is off its baseline by more than one standard deviation, either way.
    pub fn is_enhancing(&self, voxel: usize) -> bool {
        (self.late[voxel] - self.level[voxel]).abs() > self.deviation[voxel]
    }

    /// Percentage of signal recovery `100 (S_post - S_min)/(S0 - S_min)` (Cha, AJNR 2007;28:1078); NaN where the
    /// signal does not drop or the voxel is not used.
    ///
    /// METHOD: S_min is the smallest signal after the arrival, so that noise in the baseline is not taken for a bolus.
    pub fn signal_recovery(&self) -> Vec<f32> {
        (0..self.level.len())
            .map(|voxel| {
                let value = |map: &[f32]| f64::from(map[voxel]);
                let (level, minimum, recovered) = (value(&self.level), value(&self.minimum), value(&self.recovered));
                let recovery = percentage_recovered(level, minimum, recovered);
                if self.usable[voxel] { recovery.unwrap_or(f64::NAN) as f32 } else { f32::NAN }
            })
            .collect()
    }
}

/// `100 (recovered - minimum)/(level - minimum)`; `None` where the signal does not drop below its baseline.
pub(super) fn percentage_recovered(level: f64, minimum: f64, recovered: f64) -> Option<f64> {
    (level > minimum).then(|| 100.0 * (recovered - minimum) / (level - minimum))
}

/// Measures every voxel; an error where none can be used.
pub(super) fn measure_baseline(
    signal: &DscSignal<'_>,
    timing: &Timing,
    settings: &Settings,
) -> Result<Baseline, DscError> {
    let recovered = timing.recovery(signal.step(), settings);
    let first = echo_statistics(signal.series(), timing, &recovered, settings);
    let second = signal.second_series().map(|series| echo_statistics(series, timing, &recovered, settings));
    let voxels = signal.series().voxels;
    let measurable = |voxel: usize| {
        first.measurable[voxel] > 0.0 && second.as_ref().is_none_or(|second| second.measurable[voxel] > 0.0)
    };
    let unmeasurable = (0..voxels).filter(|&voxel| !measurable(voxel)).count();
    let noise = first.noise(measurable).ok_or(DscError::NoSignal)?;
    let floor = (settings.noise_floor_sd * noise) as f32;
    let second_floor = match &second {
        None => 0.0,
        Some(second) => (settings.noise_floor_sd * second.noise(measurable).ok_or(DscError::NoSignal)?) as f32,
    };
    let above_floor = |voxel: usize| {
        first.minimum[voxel] >= floor && second.as_ref().is_none_or(|second| second.minimum[voxel] >= second_floor)
    };
    let usable: Vec<bool> = (0..voxels).map(|voxel| measurable(voxel) && above_floor(voxel)).collect();
    let saturated = voxels - unmeasurable - usable.iter().filter(|&&usable| usable).count();
    if saturated + unmeasurable == voxels {
        return Err(DscError::NoSignal);
    }
    Ok(Baseline {
        level: first.level,
        second_level: second.map_or_else(Vec::new, |second| second.level),
        deviation: first.deviation,
        minimum: first.minimum,
        late: first.late,
        recovered: first.recovered,
        usable,
        noise,
        saturated,
        unmeasurable,
    })
}

/// The statistics of one echo.
struct EchoStatistics {
    level: Vec<f32>,
    deviation: Vec<f32>,
    minimum: Vec<f32>,
    late: Vec<f32>,
    recovered: Vec<f32>,
    measurable: Vec<f32>,
}

impl EchoStatistics {
    /// Median baseline deviation over the measurable voxels.
    fn noise(&self, measurable: impl Fn(usize) -> bool) -> Option<f64> {
        let deviations: Vec<f64> = (0..self.deviation.len())
            .filter(|&voxel| measurable(voxel))
            .map(|voxel| f64::from(self.deviation[voxel]))
            .collect();
        median(&deviations)
    }
}

fn echo_statistics(
    series: &Series,
    timing: &Timing,
    recovered: &std::ops::Range<usize>,
    settings: &Settings,
) -> EchoStatistics {
    let baseline = timing.baseline();
    let late = timing.last(settings.enhancement_frames);
    let maps = for_each_block(
        series,
        OUTPUTS,
        || (Vec::new(), Vec::new()),
        |block, (means, squares), outputs| {
            means.resize(block.width, 0.0f64);
            squares.resize(block.width, 0.0f64);
            let [level, deviation, minimum, late_signal, recovered_signal, measurable] = outputs else { return };
            lane_means(rows(block, &baseline), means);
            lane_squares(rows(block, &baseline), means, squares);
            let freedom = (baseline.len() - 1) as f64;
            for lane in 0..block.width {
                level[lane] = means[lane] as f32;
                deviation[lane] = (squares[lane] / freedom).sqrt() as f32;
            }
            lane_minima(rows(block, &(timing.arrival..timing.frames)), minimum);
            for (range, output) in [(&late, late_signal), (recovered, recovered_signal)] {
                lane_means(rows(block, range), means);
                for lane in 0..block.width {
                    output[lane] = means[lane] as f32;
                }
            }
            measurable_lanes(rows(block, &timing.used()), measurable);
        },
    );
    let [level, deviation, minimum, late, recovered, measurable] =
        <[Vec<f32>; OUTPUTS]>::try_from(maps).expect("the loop returns as many maps as were asked for");
    EchoStatistics { level, deviation, minimum, late, recovered, measurable }
}

/// The rows of some frames.
fn rows<'a>(block: &Block<'a>, frames: &std::ops::Range<usize>) -> &'a [f32] {
    &block.samples[frames.start * block.width..frames.end * block.width]
}
