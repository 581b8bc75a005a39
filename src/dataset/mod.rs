//! Writing: names, whole-or-nothing writes, tables, sidecars, the dataset's own files, provenance.
//!
//! The output is a BIDS derivative. The same input gives the same bytes: no time of day, no absolute path and no
//! order of a hash map stands outside `logs/`.

mod atomic;
mod error;
mod names;

pub use atomic::{OutputFolder, Staging, check_replaceable, replace_file, write_file};
pub use error::DatasetError;
pub use names::{OutputStem, sidecar_name};
