//! Dynamic contrast-enhanced MRI: curve quantities, concentrations, tracer-kinetic models.
//!
//! The order of the analysis, one file each: T1 ([`FlipAngleSet`]), signal to concentration
//! ([`SpoiledGradientEcho`]), curve quantities ([`Enhancement`]), arterial curve ([`PlasmaCurve`]), models ([`Model`]), their fit ([`Kinetics`]). Names are
//! OSIPI CAPLEX. The room knows no file: it takes a masked [`Series`](crate::image::Series) and gives maps over the
//! same voxels.

mod aif;
mod enhancement;
mod error;
mod fit;
mod model;
mod relaxation;
mod settings;
mod signal;

pub use aif::{Compartment, PlasmaCurve, PlasmaCurveError, Population};
pub use enhancement::{CurveType, Enhancement, EnhancementRatios, area_between, arrival_time, curve_type};
pub use error::{DceError, SettingError};
pub use fit::{FitScratch, KineticFit, Kinetics, Outcome, ranked_fits};
pub use model::{Derived, Model, Parameters, QUANTITIES, Quantity, Response};
pub use relaxation::{FlipAngleError, FlipAngleSet, Relaxation, RelaxationFit};
pub use settings::{AifSettings, Bounds, CurveSettings, FitSettings, Settings};
pub use signal::{Conversion, SpoiledGradientEcho};
