//! Digital reference objects with known truth, built on forward models of their own.

pub mod dsc_curve;
