//! From biomarkers to a verdict: findings against cut-offs, the decision table, confidence, next step, posterior.
//!
//! This room sees no voxel. Every verdict can be replayed from the row of the lesion table.

mod columns;
mod cutoff;
mod decide;
mod evidence;
mod explain;
mod growth;
mod judge;
mod outcome;
mod posterior;
mod rules;
mod sarcoma;
mod sensitivity;
mod settings;
mod table;
mod words;

#[cfg(test)]
mod cases;

pub use columns::{COLUMNS, LIST_SEPARATOR};
pub use cutoff::{
    AslRcbf, Bounds, Cutoff, Dce, DceCutoff, DceStatistic, Fdg, Fdopa, Fet, Met, PetCutoff, PetStatistic, Rcbv, Reading,
};
pub use explain::{EXIT_CODES, Explanation, codes, explain, suggestions};
pub use growth::{GrowthBand, Trend, growth_band, volume_trend};
pub use judge::judge;
pub use outcome::{Agreement, Change, Class, Confidence, Finding, NextStep, Pole, Posterior, Reason, Verdict, Window};
pub use posterior::{TestRetest, test_retest};
pub use rules::{ReasonCode, Rule};
pub use settings::{
    FollowupSettings, Likelihood, PetSettings, PosteriorSettings, RULES_VERSION, Ratios, Settings, SettingsError,
    Unchecked,
};
pub use table::{Assessed, LesionTable, TableError, TableRow, assess};
