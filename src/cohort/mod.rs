//! What many lesions say together: cut-offs from a cohort with known outcome, and how often the rules give an answer.
//!
//! Lesions of one patient are not independent: every resampling draws patients, and the variance of the AUC counts
//! them as clusters.

mod audit;
mod calibrate;
mod measure;
mod outcome;
mod proportion;
mod reliability;
mod resample;
mod roc;
mod settings;
mod threshold;

pub use audit::{Audit, AuditLesion, Rate, Reading, audit};
pub use calibrate::{
    Calibration, CalibrationError, CutoffCalibration, InUse, Refusal, RulesAgainstTruth, Truth, calibrate,
};
pub use measure::Measure;
pub use outcome::{MeasureOutcome, Outcomes, outcomes};
pub use proportion::{Proportion, wilson};
pub use reliability::{Group, Reliability, reliability};
pub use resample::{Bootstrap, Interval, bootstrap, leave_one_patient_out};
pub use roc::{Auc, Case, Cohort, RocPoint, auc, roc};
pub use settings::{Settings, SettingsError};
pub use threshold::{GreyZone, Performance, at_sensitivity, at_specificity, grey_zone, performance, youden};
