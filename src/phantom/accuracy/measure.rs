//! One scenario of the reference object measured by the program: curves in, estimates out.

use crate::acquisition::{AcquisitionError, DscAcquisition};
use crate::dsc::{self, DscError, DscResult, DscSignal, quantify};
use crate::image::{Affine, Grid, GridError, Mask, Samples, Series};
use crate::phantom::dsc_curve::{DscProtocol, DscTissue, DscTissueClass};
use crate::phantom::noise::NormalStream;
use crate::units::Seconds;

/// What stops the page.
#[derive(Debug, thiserror::Error)]
pub enum AccuracyError {
    /// A scenario that the method refuses.
    #[error("{scenario}: {source}")]
    Method {
        /// The scenario.
        scenario: String,
        /// What the method says.
        source: DscError,
    },
    /// A grid that is none.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// An acquisition that is none.
    #[error(transparent)]
    Acquisition(#[from] AcquisitionError),
    /// A page that could not be written.
    #[error(transparent)]
    Write(#[from] crate::dataset::DatasetError),
}

/// Tissues imaged together; the first is the white matter that is the reference.
pub struct Scenario {
    /// Its name in an error.
    pub name: String,
    /// How it is imaged.
    pub protocol: DscProtocol,
    /// Echo time of the second echo, where there is one.
    pub second_echo: Option<Seconds>,
    /// The tissues beside white matter.
    pub tissues: Vec<DscTissue>,
    /// Voxels of each tissue.
    pub voxels: usize,
    /// White-matter baseline over the standard deviation of the noise; `None` without noise.
    pub snr: Option<f64>,
}

/// A measured scenario.
pub struct Measured {
    /// The maps.
    pub result: DscResult,
    /// Voxels of each tissue.
    voxels: usize,
    /// The series and acquisition, for further steps.
    pub series: Series,
    /// What is known of the acquisition.
    pub acquisition: DscAcquisition,
}

/// Mean and standard deviation of estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; NaN for one voxel.
    pub deviation: f64,
}

impl Scenario {
    /// The reference protocol without noise.
    pub fn reference(name: &str, tissues: Vec<DscTissue>) -> Self {
        Self {
            name: name.to_owned(),
            protocol: DscProtocol::REFERENCE,
            second_echo: None,
            tissues,
            voxels: 1,
            snr: None,
        }
    }

    /// Measures the scenario.
    pub fn measure(&self, settings: &dsc::Settings) -> Result<Measured, AccuracyError> {
        let white = DscTissueClass::WhiteMatter.tissue();
        let count = 1 + self.tissues.len();
        let grid = Grid::from_stored([self.voxels, count, 1], Affine::diagonal([2.0; 3], [0.0; 3]))?;
        let tissue = |row: usize| if row == 0 { white } else { self.tissues[row - 1] };
        let echo = |protocol: &DscProtocol, salt: u64| -> Series {
            let curves: Vec<Vec<f64>> = (0..count).map(|row| tissue(row).signal(protocol)).collect();
            let deviation = self.snr.map_or(0.0, |snr| curves[0][0] / snr);
            let voxels = count * self.voxels;
            let mut data = vec![0.0f32; voxels * protocol.frames];
            for voxel in 0..voxels {
                let mut noise = NormalStream::new(1 + salt, voxel);
                let curve = &curves[voxel / self.voxels];
                for (frame, &clean) in curve.iter().enumerate() {
                    data[frame * voxels + voxel] = noise.rician(clean, deviation) as f32;
                }
            }
            Series { mask: Mask::filled(grid, true), frames: protocol.frames, voxels, samples: Samples::Float32(data) }
        };
        let series = echo(&self.protocol, 0);
        let second = self.second_echo.map(|time| echo(&DscProtocol { echo_time: time, ..self.protocol }, 1));
        let mut acquisition = DscAcquisition::new(Some(self.protocol.echo_time), Some(self.protocol.repetition_time))?;
        acquisition.second_echo_time = self.second_echo;
        let failed = |source| AccuracyError::Method { scenario: self.name.clone(), source };
        let reference = Mask { grid, data: (0..grid.len()).map(|voxel| voxel < self.voxels).collect() };
        let result = {
            let signal = DscSignal::new(&acquisition, &series, second.as_ref()).map_err(failed)?;
            let mut result = quantify(&signal, Some(&reference), settings).map_err(failed)?;
            result.normalize(&reference).map_err(failed)?;
            result
        };
        Ok(Measured { result, voxels: self.voxels, series, acquisition })
    }
}

impl Measured {
    /// Mean and deviation of a map over a tissue, by its place in the scenario.
    pub fn spread(&self, map: &[f32], tissue: usize) -> Spread {
        let from = (tissue + 1) * self.voxels;
        let values: Vec<f64> = map[from..from + self.voxels].iter().map(|&value| f64::from(value)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Spread { mean, deviation: (squares / (values.len() as f64 - 1.0)).sqrt() }
    }

    /// Normalized rCBV of a tissue, by the leakage model of the settings.
    pub fn rcbv(&self, tissue: usize) -> Spread {
        self.result.normalized.as_ref().map_or(NOTHING, |normalized| self.spread(&normalized.rcbv, tissue))
    }

    /// Normalized rCBV of a tissue without leakage correction.
    pub fn uncorrected(&self, tissue: usize) -> Spread {
        self.result.normalized.as_ref().map_or(NOTHING, |normalized| self.spread(&normalized.uncorrected, tissue))
    }

    /// Standard error that the program tells of normalized rCBV in one voxel of a tissue, mean.
    pub fn told_error(&self, tissue: usize) -> f64 {
        let error = self.result.normalized.as_ref().and_then(|normalized| normalized.standard_error.as_ref());
        error.map_or(f64::NAN, |map| self.spread(map, tissue).mean)
    }
}

const NOTHING: Spread = Spread { mean: f64::NAN, deviation: f64::NAN };
