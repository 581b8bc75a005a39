//! Rigid alignment: one image to another, and the frames of a series to their baseline.
//!
//! The measure is the correlation ratio, which holds while contrast medium passes (see `ratio`); the search is
//! Levenberg-Marquardt down a pyramid. Positions are scanner coordinates (RAS+ millimeters) throughout. A transform
//! *pulls*: it takes a point of the fixed image to the same point of the moving one.

mod detector;
mod error;
mod motion;
mod pyramid;
mod ratio;
mod register;
mod resample;
mod rigid;
mod settings;
#[cfg(test)]
mod tests;
mod transform_file;

pub use detector::{Suspicion, look_for_motion};
pub use error::{AlignError, SettingError};
pub use motion::{Motion, follow_motion};
pub use register::{Registration, register};
pub use resample::{Lost, resample_series};
pub use rigid::{Pose, Rigid};
pub use settings::{MotionMode, MotionSettings, Settings};
pub use transform_file::{TransformFile, transform_text};
