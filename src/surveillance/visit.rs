//! The visits of a schedule: start plus n months, the day clamped to the month's end.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use super::profile::{Condition, Phase, Profile, Track, TrackName, Unit};

closed_words! {
    /// Which end of a source's ranges.
    pub enum End: "end of the range" {
        /// Shortest interval, longest phase.
        Tight = "tight",
        /// Longest interval, shortest phase.
        Loose = "loose",
    }
}

/// What cannot be scheduled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No such schedule.
    #[error("{found:?} is not a schedule; expected one of: {expected}")]
    UnknownProfile {
        /// What was asked for.
        found: String,
        /// The names.
        expected: String,
    },
    /// No such track.
    #[error("{profile} has no {track} track")]
    NoTrack {
        /// The schedule.
        profile: String,
        /// The track.
        track: TrackName,
    },
    /// The source leaves the interval to the user.
    #[error(
        "{profile}: the source gives no interval for the chest, only that it is longer than the local one; give one in months"
    )]
    IntervalNeeded {
        /// The schedule.
        profile: String,
    },
    /// A number of years or months that gives no schedule.
    #[error("{name} is {found}: expected {expected}")]
    OutOfRange {
        /// What was given.
        name: &'static str,
        /// Its value.
        found: u32,
        /// What is expected.
        expected: &'static str,
    },
    /// A date beyond the calendar.
    #[error("a visit after {from} lies beyond the calendar")]
    BeyondCalendar {
        /// The start.
        from: Date,
    },
}

/// What is asked of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The day it counts from.
    pub from: Date,
    /// Which end of the ranges.
    pub end: End,
    /// Years; `None` takes the schedule's own.
    pub years: Option<u32>,
    /// One track; `None` takes all that apply without a condition (and the chest with an interval, where one is given).
    pub track: Option<TrackName>,
    /// Interval of the chest track in months, where the source gives none.
    pub chest_interval: Option<u32>,
}

/// One visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// Months after the start, in schedules of months.
    pub month: Option<u32>,
    /// Weeks after the start, in schedules of weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week: Option<u32>,
    /// The day.
    pub date: Date,
    /// What it looks at.
    pub track: TrackName,
    /// How.
    #[serde(skip)]
    pub modality: String,
}

/// The visits of a schedule with what must be said beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The visits by date, local before chest on the same day.
    pub visits: Vec<Visit>,
    /// What the reader should be told, in sentences.
    pub notes: Vec<String>,
    /// How many of the studies use ionizing radiation.
    pub ionizing: usize,
}

/// Most years that are scheduled.
const LONGEST_YEARS: u32 = 50;

/// The visits of a schedule.
pub fn plan(profile: &Profile, request: Request) -> Result<Plan, ScheduleError> {
    if let Some(years) = request.years.filter(|years| !(1..=LONGEST_YEARS).contains(years)) {
        return Err(ScheduleError::OutOfRange { name: "years", found: years, expected: "1 to 50" });
    }
    if let Some(interval) = request.chest_interval.filter(|interval| !(1..=120).contains(interval)) {
        return Err(ScheduleError::OutOfRange { name: "chest interval", found: interval, expected: "1 to 120 months" });
    }
    let mut plan = Plan { visits: Vec::new(), notes: Vec::new(), ionizing: 0 };
    for track in tracks(profile, request, &mut plan.notes)? {
        let visits = track_visits(profile, track, request)?;
        if track.ionizing {
            plan.ionizing += visits.len();
        }
        plan.visits.extend(visits);
    }
    plan.visits.sort_by_key(|visit| (visit.date, visit.track));
    let years = request.years.or(profile.years);
    if let (Some(least), Some(years)) = (profile.least_years, years)
        && years < least
    {
        plan.notes
            .push(format!("{}: the source asks for at least {least} years; {years} were scheduled.", profile.name));
    }
    Ok(plan)
}

fn tracks<'a>(
    profile: &'a Profile,
    request: Request,
    notes: &mut Vec<String>,
) -> Result<Vec<&'a Track>, ScheduleError> {
    if let Some(name) = request.track {
        let track = profile.tracks.iter().find(|track| track.name == name);
        let track = track.ok_or_else(|| ScheduleError::NoTrack { profile: profile.name.clone(), track: name })?;
        return Ok(vec![track]);
    }
    Ok(profile
        .tracks
        .iter()
        .filter(|track| match track.only {
            None => true,
            Some(Condition::Interval) => {
                if request.chest_interval.is_none() {
                    notes.push("Chest imaging is due at longer intervals, of which the source gives no number: give one to schedule it.".to_owned());
                }
                request.chest_interval.is_some()
            }
            Some(Condition::Histology) => {
                notes.push("For leiomyosarcoma and undifferentiated pleomorphic sarcoma the chest is imaged at the same visits: track chest.".to_owned());
                false
            }
        })
        .collect())
}

fn track_visits(profile: &Profile, track: &Track, request: Request) -> Result<Vec<Visit>, ScheduleError> {
    let phases = match request.end {
        End::Tight => &track.tight,
        End::Loose => &track.loose,
    };
    let years = request.years.or(profile.years);
    let horizon = years.map(|years| match profile.unit {
        Unit::Months => 12 * years,
        Unit::Weeks => 52 * years,
    });
    let counts = counts(phases, horizon, request.chest_interval)
        .ok_or_else(|| ScheduleError::IntervalNeeded { profile: profile.name.clone() })?;
    counts
        .into_iter()
        .map(|count| {
            let span = match profile.unit {
                Unit::Months => i64::from(count).months(),
                Unit::Weeks => i64::from(count).weeks(),
            };
            let date =
                request.from.checked_add(span).map_err(|_| ScheduleError::BeyondCalendar { from: request.from })?;
            let months = profile.unit == Unit::Months;
            Ok(Visit {
                month: months.then_some(count),
                week: (!months).then_some(count),
                date,
                track: track.name,
                modality: track.modality.clone(),
            })
        })
        .collect()
}

/// The months (weeks) of the visits: each phase continues from the end of the one before. `None` where an interval is
/// needed and not given.
fn counts(phases: &[Phase], horizon: Option<u32>, given: Option<u32>) -> Option<Vec<u32>> {
    let mut counts = Vec::new();
    let mut start = 0;
    for phase in phases {
        let every = phase.every.or(given)?;
        let until = match (phase.until, horizon) {
            (Some(until), Some(horizon)) => until.min(horizon),
            (Some(until), None) => until,
            (None, Some(horizon)) => horizon,
            (None, None) => start,
        };
        counts.extend((1..).map(|n| start + n * every).take_while(|count| *count <= until));
        start = until;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::find;
    use super::*;

    fn request(end: End, years: Option<u32>, track: Option<TrackName>) -> Request {
        Request { from: date(2026, 1, 31), end, years, track, chest_interval: None }
    }

    fn months(name: &str, end: End, years: Option<u32>) -> Vec<u32> {
        let plan = plan(find(name).unwrap(), request(end, years, Some(TrackName::Local))).unwrap();
        plan.visits.iter().map(|visit| visit.month.or(visit.week).unwrap()).collect()
    }

    #[test]
    fn counts_of_the_sources_agree() {
        // EVIDENCE L01: 21 visits tight, 17 loose to 10 years; R01: 26 tight to 15 years, 14 loose to 10.
        assert_eq!(months("esmo-sts-high", End::Tight, None).len(), 21);
        assert_eq!(months("esmo-sts-high", End::Loose, None).len(), 17);
        assert_eq!(months("rps", End::Tight, None).len(), 26);
        assert_eq!(months("rps", End::Loose, Some(10)).len(), 14);
    }

    #[test]
    fn the_loose_end_of_rps_by_hand() {
        assert_eq!(months("rps", End::Loose, Some(10)), [6, 12, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96, 108, 120]);
        assert_eq!(months("glioma-followup", End::Tight, None), [6, 12, 18]);
        assert_eq!(months("glioma-followup", End::Loose, None), [8, 16, 24]);
        assert_eq!(months("nice-glioma", End::Loose, None), [6, 12, 18, 24]);
        assert_eq!(months("eano-glioma", End::Loose, None).len(), 20);
        assert_eq!(months("nccn-sts", End::Loose, Some(5)), [6, 12, 18, 24, 36, 48, 60]);
        assert_eq!(months("desmoid", End::Tight, None), months("esmo-sts-low", End::Tight, None));
    }

    #[test]
    fn reference_schedules_agree() {
        let Some(folder) =
            std::env::var("RELIGHT_REFERENCE_DATA").ok().filter(|folder| std::path::Path::new(folder).is_dir())
        else {
            eprintln!("skipped: no reference data");
            return;
        };
        let path = std::path::Path::new(&folder).join("schedule_cases.csv");
        let mut reader = csv::Reader::from_path(path).unwrap();
        let mut cases = 0;
        for row in reader.records().map(Result::unwrap) {
            let name = match &row[1] {
                "esmo_high_tight" => "esmo-sts-high",
                "esmo_low_local_tight" => "esmo-sts-low",
                "rps_tight" => "rps",
                "nccn_sts_tight" => "nccn-sts",
                other => panic!("{other}"),
            };
            let horizon: u32 = row[2].parse().unwrap();
            let expected: Vec<u32> = row[4].split_whitespace().map(|month| month.parse().unwrap()).collect();
            assert_eq!(months(name, End::Tight, Some(horizon / 12)), expected, "{}", &row[0]);
            assert_eq!(expected.len().to_string(), row[3]);
            cases += 1;
        }
        assert!(cases >= 4);
    }

    #[test]
    fn days_are_clamped_to_the_months_end_from_the_start() {
        let plan = plan(find("nice-glioma").unwrap(), request(End::Tight, None, None)).unwrap();
        let dates: Vec<_> = plan.visits.iter().take(4).map(|visit| visit.date.to_string()).collect();
        assert_eq!(dates, ["2026-04-30", "2026-07-31", "2026-10-31", "2027-01-31"]);
        let leap = Request { from: date(2024, 2, 29), ..request(End::Loose, None, None) };
        let plan = super::plan(find("nice-glioma").unwrap(), leap).unwrap();
        let dates: Vec<_> = plan.visits.iter().map(|visit| visit.date.to_string()).collect();
        assert_eq!(dates, ["2024-08-29", "2025-02-28", "2025-08-29", "2026-02-28"]);
    }

    #[test]
    fn chest_follows_its_source() {
        let all = |name| plan(find(name).unwrap(), request(End::Tight, None, None)).unwrap();
        let high = all("esmo-sts-high");
        assert_eq!((high.visits.len(), high.ionizing), (42, 21));
        assert_eq!((high.visits[0].track, high.visits[1].track), (TrackName::Local, TrackName::Chest));
        assert_eq!(all("esmo-sts-low").visits.len(), 20);
        assert!(all("esmo-sts-low").notes[0].contains("no number"));
        assert!(all("rps").visits.iter().all(|visit| visit.track == TrackName::Local));
        assert!(all("rps").notes[0].contains("leiomyosarcoma"));

        let low = find("esmo-sts-low").unwrap();
        let chest = request(End::Tight, None, Some(TrackName::Chest));
        assert!(matches!(plan(low, chest), Err(ScheduleError::IntervalNeeded { .. })));
        let given = plan(low, Request { chest_interval: Some(12), ..chest }).unwrap();
        assert_eq!(given.visits.len(), 10);
        assert!(matches!(plan(find("nccn-sts").unwrap(), chest), Err(ScheduleError::NoTrack { .. })));
    }

    #[test]
    fn a_short_horizon_of_rps_is_told() {
        let plan = plan(find("rps").unwrap(), request(End::Tight, Some(5), Some(TrackName::Local))).unwrap();
        assert!(plan.notes.iter().any(|note| note.contains("at least 10 years")), "{:?}", plan.notes);
    }

    #[test]
    fn what_cannot_be_scheduled_is_an_error() {
        assert!(find("rsp").unwrap_err().to_string().contains("glioma-followup, eano-glioma"));
        let rps = find("rps").unwrap();
        assert!(plan(rps, request(End::Tight, Some(0), None)).is_err());
        let late = Request { from: date(9999, 1, 1), ..request(End::Tight, None, None) };
        assert!(matches!(plan(rps, late), Err(ScheduleError::BeyondCalendar { .. })));
    }
}
