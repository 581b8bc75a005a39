//! The recorded signal of a bolus: one echo, or two recorded together.

use super::concentration::SeriesContent;
use super::error::DscError;
use super::kernel;
use crate::acquisition::DscAcquisition;
use crate::image::{Block, Mask, Series};
use crate::units::Seconds;

/// A bolus series with what must be known of its acquisition.
#[derive(Debug, Clone, Copy)]
pub struct DscSignal<'a> {
    acquisition: &'a DscAcquisition,
    first: &'a Series,
    second: Option<SecondEcho<'a>>,
    /// Echo time of the first echo, or that of the signal that stands for concentrations.
    echo_time: Seconds,
    content: SeriesContent,
}

#[derive(Debug, Clone, Copy)]
struct SecondEcho<'a> {
    series: &'a Series,
    /// TE2 - TE1.
    spacing: Seconds,
}

impl<'a> DscSignal<'a> {
    /// One echo, or two over the same voxels and frames; the second needs a longer echo time in `acquisition`.
    pub fn new(
        acquisition: &'a DscAcquisition,
        first: &'a Series,
        second: Option<&'a Series>,
    ) -> Result<Self, DscError> {
        if first.voxels == 0 {
            return Err(DscError::NoVoxels);
        }
        let second = second.map(|series| SecondEcho::new(acquisition, first, series)).transpose()?;
        Ok(Self { acquisition, first, second, echo_time: acquisition.echo_time(), content: SeriesContent::Signal })
    }

    /// A series of concentrations as [`signal_of_concentration`](super::signal_of_concentration) gives it.
    pub fn of_concentration(
        acquisition: &'a DscAcquisition,
        signal: &'a Series,
        echo_time: Seconds,
    ) -> Result<Self, DscError> {
        if signal.voxels == 0 {
            return Err(DscError::NoVoxels);
        }
        Ok(Self { acquisition, first: signal, second: None, echo_time, content: SeriesContent::Concentration })
    }

    /// What the samples were.
    pub fn content(&self) -> SeriesContent {
        self.content
    }

    /// The acquisition.
    pub fn acquisition(&self) -> &'a DscAcquisition {
        self.acquisition
    }

    /// The series of the first echo.
    pub fn series(&self) -> &'a Series {
        self.first
    }

    /// The series of the second echo.
    pub fn second_series(&self) -> Option<&'a Series> {
        self.second.map(|second| second.series)
    }

    /// The voxels.
    pub fn mask(&self) -> &'a Mask {
        &self.first.mask
    }

    /// Time between frames, s.
    pub fn step(&self) -> f64 {
        self.acquisition.repetition_time().0
    }

    /// ΔR2* per unit of signal noise over S0, 1/s: 1/TE, or √2/(TE2 - TE1) for two echoes of equal noise.
    pub(super) fn noise_gain(&self) -> f64 {
        match self.second {
            None => 1.0 / self.echo_time.0,
            Some(second) => std::f64::consts::SQRT_2 / second.spacing.0,
        }
    }

    /// Samples of the second echo for the voxels of a block, into `samples`; none for a single echo.
    pub(super) fn second_samples<'s>(&self, block: &Block<'_>, samples: &'s mut Vec<f32>) -> Option<&'s [f32]> {
        let second = self.second?;
        samples.resize(block.samples.len(), 0.0);
        second.series.block(block.first, block.width, samples);
        Some(samples)
    }

    /// ΔR2* of a block from frame `from` on, 1/s: rows of `block.width` values.
    ///
    /// `inverse` holds 1/S0 of the block's lanes for each echo.
    pub(super) fn rates(
        &self,
        block: &Block<'_>,
        second: Option<&[f32]>,
        from: usize,
        inverse: [&[f32]; 2],
        rates: &mut Vec<f32>,
    ) {
        let skipped = from * block.width;
        rates.resize(block.samples.len() - skipped, 0.0);
        match (self.second, second) {
            (Some(echo), Some(second)) => {
                let scale = (1.0 / echo.spacing.0) as f32;
                kernel::dual_echo_rates(
                    &block.samples[skipped..],
                    &second[skipped..],
                    inverse[0],
                    inverse[1],
                    scale,
                    rates,
                );
            }
            _ => {
                let scale = (-1.0 / self.echo_time.0) as f32;
                kernel::single_echo_rates(&block.samples[skipped..], inverse[0], scale, rates);
            }
        }
    }
}

impl<'a> SecondEcho<'a> {
    fn new(acquisition: &DscAcquisition, first: &Series, series: &'a Series) -> Result<Self, DscError> {
        let problem = |problem: String| Err(DscError::SecondEcho { problem });
        if series.frames != first.frames {
            return problem(format!("it has {} frames, expected {}", series.frames, first.frames));
        }
        if let Err(difference) = series.mask.grid.same_space(&first.mask.grid) {
            return problem(difference.to_string());
        }
        if series.mask.data != first.mask.data || series.voxels != first.voxels {
            return problem("it covers other voxels".to_owned());
        }
        let echo_time = acquisition.echo_time();
        match acquisition.second_echo_time {
            Some(second) if second > echo_time && second <= DscAcquisition::LONGEST_ECHO_TIME => {
                Ok(Self { series, spacing: Seconds(second.0 - echo_time.0) })
            }
            Some(second) => problem(format!("its EchoTime is {second}, expected above {echo_time} and at most 0.2 s")),
            None => problem("its EchoTime is missing, expected seconds".to_owned()),
        }
    }
}
