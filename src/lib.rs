//! Recurrence or radiation necrosis? From a folder of NIfTI studies to one page per lesion.
//!
//! The rooms stand in the order in which the data flows; a room uses only rooms above it. `ARCHITECTURE.md` is the
//! map of the house. Research use only.

#[macro_use]
mod words;
pub mod acquisition;
pub mod clinical;
pub mod day;
pub mod quality;
pub mod units;

pub mod image;

pub mod align;

pub mod curve;
pub mod region;

pub mod study;

pub mod asl;
pub mod dce;
pub mod dsc;
pub mod pet;

pub mod lesion;
pub mod verdict;

pub mod reanalysis;

pub mod surveillance;

pub mod cohort;

pub mod dataset;
pub mod report;

pub mod phantom;

pub mod settings;

pub mod pipeline;

pub mod cli;

pub use words::UnknownWord;
