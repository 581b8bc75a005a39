//! PET: from an image in activity or SUV to uptake in each lesion.
//!
//! SUV needs weight, dose and times; the tumor-to-background ratio needs none of them and is never blocked by them.

pub mod background;
pub mod body;
pub mod decay;
pub mod dynamic;
pub mod frames;
pub mod measures;
pub mod overlap;
pub mod peak;
pub mod quantify;
pub mod response;
pub mod settings;
pub mod suv;
pub mod timing;
pub mod uptake;

pub use background::{Background, BackgroundSource, BackgroundStatistic, BackgroundUptake};
pub use decay::{HalfLife, HalfLifeSource};
pub use dynamic::{DynamicUptake, LesionDynamics, Pattern, TimeActivity};
pub use frames::{FrameReduction, StaticImage};
pub use measures::{PeakMeasure, PetMeasures};
pub use overlap::Overlap;
pub use peak::{Peak, PeakMode, Peaks};
pub use quantify::{PetError, PetResult, quantify, quantify_frames};
pub use response::{
    Baseline, Change, Comparison, PetResponse, Response, ResponseAnswer, ResponseQuantity, ResponseRule, ResponseValues,
};
pub use settings::{BackgroundMode, Settings, SettingsError, VolumeRule};
pub use suv::{SuvKind, SuvScale, SuvUnavailable};
pub use uptake::{BiologicalVolume, LesionUptake, Scales, Uptake};
