//! Pictures of a page, each drawn from typed values: no figure computes what it shows.

pub mod activity;
pub mod artery;
pub mod bolus;
pub mod chart;
pub mod color;
pub mod curve;
pub mod drawing;
pub mod glyph;
pub mod growth;
pub mod histogram;
pub mod lettering;
pub mod mask_check;
pub mod mosaic;
pub mod motion;
pub mod outcome;
pub mod panel;
pub mod picture;
pub mod plane;
mod plot;
pub mod reliability;
pub mod roc;
pub mod ruler;
pub mod rulers;
mod square;
pub mod strip;
pub mod timeline;
