//! Guideline schedules as data, and the visits they give from a day on.
//!
//! Every range of a source has a tight and a loose end; the schedules of different sources are never merged.

mod attendance;
mod calendar;
mod profile;
mod visit;

pub use attendance::{Attended, Baseline, Status, attendance, baseline};
pub use calendar::ics;
pub use profile::{Condition, Profile, Track, TrackName, Unit, find, profiles};
pub use visit::{End, Plan, Request, ScheduleError, Visit, plan};
