//! Pages: figures, HTML. Computes nothing: every printed number is a field of a typed value.

pub mod model;
