//! From biomarkers to a verdict: findings against cut-offs, the decision table, confidence, next step, posterior.
//!
//! This room sees no voxel. Every verdict can be replayed from the row of the lesion table.

mod outcome;

pub use outcome::{Agreement, Change, Class, Confidence, Finding, NextStep, Pole, Posterior, Reason, Verdict, Window};
