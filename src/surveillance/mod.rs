//! Guideline schedules as data, and the visits they give from a day on.
//!
//! Every range of a source has a tight and a loose end; the schedules of different sources are never merged.

mod appropriateness;
mod attendance;
mod calendar;
mod profile;
mod sarcoma;
mod topics;
mod visit;

pub use appropriateness::{
    Appropriateness, Constraints, Met, RatedStudy, Situation, appropriateness, modality_fallback, scenario_guard,
};
pub use attendance::{Attended, Baseline, Status, attendance, baseline};
pub use calendar::ics;
pub use profile::{Condition, Profile, Track, TrackName, Unit, find, profiles};
pub use sarcoma::{
    COVARIATES, Focality, GROWTH_FLAG_CM_PER_MONTH, RESECTABILITY, Watchful, fitting_profiles, focality,
    growth_is_flagged, is_liposarcoma, is_retroperitoneal, remote_compartments, watchful,
};
pub use topics::{codes, explain};
pub use visit::{End, Plan, Request, ScheduleError, Visit, plan};
