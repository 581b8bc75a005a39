//! Which visits of a schedule were kept, and whether there is a baseline.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Visit;

closed_words! {
    /// How a visit stands as of a day.
    pub enum Status: "status of a visit" {
        /// A scan was made for it.
        Kept = "kept",
        /// Its day has passed, no scan was made for it, and a later visit was kept.
        Missed = "missed",
        /// Its day has passed and no scan was made since.
        Overdue = "overdue",
        /// Its day has not come.
        Upcoming = "upcoming",
    }
}

/// A visit with its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attended {
    /// The visit.
    pub visit: Visit,
    /// How it stands.
    pub status: Status,
    /// The scan that was made for it, the nearest where there are several.
    pub scan: Option<Date>,
}

/// The visits of one track against the days on which scans were made, as of a day.
///
/// A scan counts for the visit nearest to it in days, the earlier one where two are equally near; a scan nearer to the
/// start of the schedule (month 0) than to the first visit counts for none.
pub fn attendance(from: Date, visits: &[Visit], scans: &[Date], as_of: Date) -> Vec<Attended> {
    let distance = |a: Date, b: Date| days_between(a, b).abs();
    let mut kept: Vec<Option<Date>> = vec![None; visits.len()];
    for &scan in scans.iter().filter(|scan| **scan <= as_of) {
        let nearest = (0..visits.len()).min_by_key(|&place| distance(scan, visits[place].date));
        let Some(place) = nearest else { continue };
        let here = distance(scan, visits[place].date);
        if place == 0 && distance(scan, from) <= here {
            continue;
        }
        if kept[place].is_none_or(|other| here < distance(other, visits[place].date)) {
            kept[place] = Some(scan);
        }
    }
    let last_kept = kept.iter().rposition(Option::is_some);
    visits
        .iter()
        .zip(kept)
        .enumerate()
        .map(|(place, (visit, scan))| {
            let status = if scan.is_some() {
                Status::Kept
            } else if visit.date >= as_of {
                Status::Upcoming
            } else if last_kept.is_some_and(|last| place < last) {
                Status::Missed
            } else {
                Status::Overdue
            };
            Attended { visit: visit.clone(), status, scan }
        })
        .collect()
}

/// The baseline MRI after treatment, without which a recurrence is hard to see (S0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Baseline {
    /// Three to six months after treatment.
    InWindow(#[serde(with = "crate::day::plain")] Date),
    /// After treatment, but not in the window.
    OutOfWindow(#[serde(with = "crate::day::plain")] Date),
    /// No scan after treatment.
    Missing,
}

/// The baseline among the scans: the first one 3-6 months after the end of treatment, else the first one after it.
pub fn baseline(treatment_end: Date, scans: &[Date]) -> Baseline {
    let mut after: Vec<Date> = scans.iter().copied().filter(|scan| *scan > treatment_end).collect();
    after.sort_unstable();
    let bound = |months: i64| treatment_end.checked_add(months.months()).unwrap_or(Date::MAX);
    let (opens, closes) = (bound(3), bound(6));
    match (after.iter().find(|scan| (opens..=closes).contains(scan)), after.first()) {
        (Some(scan), _) => Baseline::InWindow(*scan),
        (None, Some(first)) => Baseline::OutOfWindow(*first),
        (None, None) => Baseline::Missing,
    }
}

fn days_between(a: Date, b: Date) -> i32 {
    (b - a).get_days()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::{End, Request, find, plan};
    use super::*;

    #[test]
    fn visits_are_kept_missed_overdue_or_upcoming() {
        let from = date(2024, 1, 15);
        let request = Request { from, end: End::Tight, years: None, track: None, chest_interval: None };
        let visits = plan(find("nice-glioma").unwrap(), request).unwrap().visits;
        // Visits 2024-04-15, 07-15, 10-15, 2025-01-15, …; the scan of 2024-01-20 belongs to the start.
        let scans = [date(2024, 1, 20), date(2024, 4, 20), date(2024, 10, 1), date(2026, 1, 1)];
        let status: Vec<_> =
            attendance(from, &visits, &scans, date(2025, 6, 1)).into_iter().map(|attended| attended.status).collect();
        use Status::{Kept, Missed, Overdue, Upcoming};
        assert_eq!(status, [Kept, Missed, Kept, Overdue, Overdue, Upcoming, Upcoming, Upcoming]);
    }

    #[test]
    fn the_baseline_is_due_three_to_six_months_after_treatment() {
        let end = date(2025, 8, 31);
        assert_eq!(baseline(end, &[date(2025, 10, 1), date(2025, 11, 30)]), Baseline::InWindow(date(2025, 11, 30)));
        assert_eq!(baseline(end, &[date(2026, 2, 28)]), Baseline::InWindow(date(2026, 2, 28)));
        assert_eq!(baseline(end, &[date(2026, 3, 1)]), Baseline::OutOfWindow(date(2026, 3, 1)));
        assert_eq!(baseline(end, &[date(2025, 8, 1)]), Baseline::Missing);
    }
}
