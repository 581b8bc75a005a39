//! From maps to biomarkers: components, shape, region statistics, intervals, and the row they end in.

mod bootstrap;
mod enhancement;
mod error;
mod histogram;
mod longitudinal;
mod measure;
mod record;
mod repeatability;
mod rim;
mod settings;
mod shape;
mod split;
mod statistics;
mod subtraction;
mod target;

pub use bootstrap::{Interval, mean_interval};
pub use enhancement::{Enhancement, enhancement};
pub use error::LesionError;
pub use histogram::Histogram;
pub use longitudinal::{days_between, growth_cm_per_month, volume_change_percent, weeks_between};
pub use measure::{
    AslMaps, Core, DceMaps, DscCurves, DscMaps, RcbvCutoffs, measure_asl, measure_dce, measure_dsc, measure_shape,
    measure_tbr_interval,
};
pub use record::{Cell, CellError, Column, LesionRecord, MISSING, is_missing};
pub use repeatability::{probability_above, probability_below};
pub use rim::{Rim, rim};
pub use settings::Settings;
pub use shape::{Diameter, Shape, shape};
pub use split::{Lesion, Lesions, Split, label_map, split, union_of};
pub use statistics::{Statistics, percentile};
pub use subtraction::{Subtraction, subtraction};
pub use target::{Target, target};
