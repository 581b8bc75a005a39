//! Pictures of a page, each drawn from typed values: no figure computes what it shows.

pub mod activity;
pub mod bolus;
pub mod color;
pub mod glyph;
pub mod motion;
pub mod panel;
pub mod picture;
pub mod reliability;
pub mod roc;
pub mod ruler;
mod square;
pub mod timeline;
