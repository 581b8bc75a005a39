//! Pages: figures, HTML, PDF. Computes nothing: every printed number is a field of a typed value.

pub mod figures;
pub mod files;
pub mod html;
pub mod model;
pub mod number;
mod packed;
pub mod pdf;
mod plain;
pub mod surveillance;
pub mod viewer;
pub mod words;
