//! Dynamic contrast-enhanced MRI: curve quantities, concentrations, tracer-kinetic models.
//!
//! The order of the analysis, one file each: T1 ([`FlipAngleSet`]), baseline and arrival ([`Timing`]), signal to
//! concentration ([`SpoiledGradientEcho`], [`Samples`]), curve quantities ([`Enhancement`]), arterial curve
//! ([`PlasmaCurve`], [`find_artery`]), models ([`Model`]), their fit ([`Kinetics`]), maps ([`voxel_curves`],
//! [`voxel_fits`]), mean curves ([`region_curve`]). Names are OSIPI CAPLEX. The room knows no file: it takes a masked
//! [`Series`](crate::image::Series) and gives maps over the same voxels.

mod aif;
mod artery;
mod concentration;
mod enhancement;
mod error;
mod fit;
mod model;
mod quantify;
mod region;
mod relaxation;
mod settings;
mod signal;
#[cfg(test)]
mod tests;
mod timing;

pub use aif::{Compartment, PlasmaCurve, PlasmaCurveError, Population};
pub use artery::{MeasuredArtery, artery_of_mask, find_artery};
pub use concentration::{Rates, Samples};
pub use enhancement::{CurveType, Enhancement, EnhancementRatios, area_between, arrival_time, curve_type};
pub use error::{DceError, SettingError};
pub use fit::{FitScratch, KineticFit, Kinetics, Outcome, ranked_fits};
pub use model::{Derived, Model, Parameters, QUANTITIES, Quantity, Response};
pub use quantify::{DceMap, DceSeries, VoxelCurves, VoxelFits, voxel_curves, voxel_fits};
pub use region::{RegionCurve, RegionFit, kinetics, lesion_checks, region_curve, region_fit, residual, series_checks};
pub use relaxation::{FlipAngleError, FlipAngleSet, Relaxation, RelaxationFit, rates_of_times, relaxation_map};
pub use settings::{AifSettings, Bounds, CurveSettings, DelayFit, FitSettings, ModelChoice, QualityLimits, Settings};
pub use signal::{Conversion, SpoiledGradientEcho};
pub use timing::Timing;
