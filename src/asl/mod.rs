//! Arterial spin labeling: from control and label images to cerebral blood flow.
//!
//! The order of the analysis, one file each: pairs (control minus label, outliers), constants, models, the fit of
//! several delays, [`quantify`] (the maps). The room knows no file: it takes a masked
//! [`Series`](crate::image::Series) and gives maps over the same voxels.

mod error;
mod fit;
mod model;
mod pairs;
mod quantify;
mod region;
mod settings;

pub use error::{AslError, SettingError};
pub use fit::{ArrivalRange, AslFit, SeveralDelays};
pub use model::{Constants, Delay, SeveralDelaysModel};
pub use pairs::{Difference, DifferenceGroup, difference_groups};
pub use quantify::{AslMap, AslModel, AslResult, M0Image, quantify};
pub use region::AslRegion;
pub use settings::{QualityLimits, Settings};
