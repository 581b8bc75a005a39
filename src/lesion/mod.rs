//! From maps to biomarkers: components, shape, region statistics, intervals, and the row they end in.

mod record;

pub use record::{Cell, CellError, Column, LesionRecord, MISSING, is_missing};
