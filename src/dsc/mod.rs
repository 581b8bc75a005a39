//! Dynamic susceptibility contrast MRI: from a bolus series to leakage-corrected, normalized rCBV.
//!
//! The order of the analysis, one file each: [`DscSignal`] (one echo or two), timing (steady state and bolus
//! arrival), baseline (S0, noise, usable voxels), reference curve, leakage correction ([`Bsw`], [`Bidirectional`]),
//! [`quantify`] (the maps), normalization, mean curves of regions, and quality checks. The recommendations followed
//! are those of Boxerman et al. (Neuro-Oncology 2020;22:1262); names are OSIPI CAPLEX.
//!
//! The room knows no file: it takes a masked [`Series`](crate::image::Series) and gives maps over the same voxels.

mod aif;
mod baseline;
mod bidirectional;
mod bsw;
mod burden;
mod check;
mod concentration;
mod error;
mod first_pass;
mod kernel;
mod model_choice;
mod normalization;
mod perfusion;
mod quantify;
mod reference;
mod region_curves;
mod settings;
mod signal;
mod standardization;
mod timing;
mod vessels;

#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod tests;

pub use aif::{Aif, AifError, AifSource, aif_from_curve, aif_from_mask, find_aif};
pub use baseline::Baseline;
pub use bidirectional::Bidirectional;
pub use bidirectional::BidirectionalFit;
pub use bsw::Bsw;
pub use bsw::BswFit;
pub use burden::{TumorBurden, tumor_burden, tumor_burden_class};
pub use check::LesionChecks;
pub use concentration::{SeriesContent, signal_of_concentration};
pub use error::{DscError, SettingError};
pub use first_pass::FirstPassMaps;
pub use model_choice::{LeakageChoice, LeakageModelFit, leakage_choice};
pub use normalization::{BrainNormalized, Normalized};
pub use perfusion::{PerfusionError, PerfusionMaps, perfusion};
pub use quantify::{DscMap, DscResult, LeakageMaps, quantify, quantify_passage};
pub use reference::{ReferenceCurve, ReferenceSource};
pub use region_curves::{RegionCurves, region_curves, relative_peak_height};
pub use settings::{
    AifSettings, DeconvolutionMethod, FirstPassSettings, FurtherNormalization, Integration, LeakageModel,
    NormalizationStatistic, PerfusionSettings, QualityLimits, RecoveryFrames, Settings, StandardizationSettings,
    TikhonovChoice, VesselRule, VesselSettings,
};
pub use signal::DscSignal;
pub use standardization::{LandmarkError, Landmarks};
pub use timing::{Passage, Timing, baseline_mean_for_mask, find_passage};
