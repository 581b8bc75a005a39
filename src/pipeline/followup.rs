//! Sessions of one subject lined up in time: what a later scan says against the index scan of the watch and the nadir.
//!
//! METHOD: the index scan is the first session after treatment in which the lesion is measured; each later one is a
//! round (EVIDENCE: "two or three rounds"). The nadir is the smallest volume at the index scan and the rounds before
//! this one. The same label is the same lesion, unless labels are only the order of size of a binary mask's
//! components. Without dates there are no days, and an index without a volume gives no change: nothing is guessed.

use jiff::civil::Date;

use crate::lesion::LesionRecord;

/// Mean length of a month, days (365.25 / 12).
pub const DAYS_PER_MONTH: f64 = 30.4375;

/// What dates of the subject are known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Milestones {
    /// End of radiotherapy.
    pub rt_end: Option<Date>,
    /// Primary resection.
    pub resection: Option<Date>,
}

impl Milestones {
    /// The day from which a scan can be the index scan: METHOD: before it there is the untreated tumor, and what
    /// treatment did to it is not growth or shrinkage of what is watched.
    fn treated(&self) -> Option<Date> {
        self.rt_end.max(self.resection)
    }
}

/// Fills the columns that need more than one date: weeks since radiotherapy, growth since resection, follow-up.
/// What stood in them before is forgotten.
///
/// METHOD: from nothing no percentage can be told, yet a lesion that vanished and comes back has grown. After a nadir of 0
/// the change is therefore told against `resolved_ml`, the volume at which a lesion counts as resolved (mL), once the
/// lesion is larger than that.
///
/// `scans` holds the rows of one lesion in order of time. Returns the places of the scans before treatment.
pub fn line_up(scans: &mut [&mut LesionRecord], milestones: Milestones, resolved_ml: f64) -> Vec<usize> {
    let mut index: Option<(Option<Date>, f64)> = None;
    let mut nadir = f64::INFINITY;
    let mut round = 0;
    let mut untreated = Vec::new();
    for (place, scan) in scans.iter_mut().enumerate() {
        (scan.index_volume_ml, scan.followup_change_percent, scan.nadir_change_percent) = (None, None, None);
        (scan.followup_days, scan.followup_round) = (None, None);
        scan.weeks_since_rt =
            days_between(milestones.rt_end, scan.scan_date).filter(|&days| days >= 0.0).map(|days| days / 7.0);
        scan.growth_cm_per_month = match (scan.longest_diameter_mm, days_between(milestones.resection, scan.scan_date))
        {
            (Some(diameter), Some(days)) if days > 0.0 => Some(diameter / 10.0 / (days / DAYS_PER_MONTH)),
            _ => None,
        };
        if let (Some(day), Some(treated)) = (scan.scan_date, milestones.treated())
            && day < treated
        {
            untreated.push(place);
            continue;
        }
        let Some((index_date, index_volume)) = index else {
            index = scan.volume_ml.map(|volume| (scan.scan_date, volume));
            nadir = index.map_or(nadir, |(_, volume)| volume);
            continue;
        };
        round += 1;
        scan.followup_round = Some(f64::from(round));
        scan.followup_days = days_between(index_date, scan.scan_date);
        scan.index_volume_ml = Some(index_volume);
        let change = |from: f64| {
            let volume = scan.volume_ml.filter(|_| from > 0.0)?;
            Some(100.0 * (volume - from) / from)
        };
        let back = nadir == 0.0 && scan.volume_ml.is_some_and(|volume| volume > resolved_ml);
        scan.followup_change_percent = change(index_volume);
        scan.nadir_change_percent = change(if back { resolved_ml } else { nadir });
        nadir = scan.volume_ml.map_or(nadir, |volume| nadir.min(volume));
    }
    untreated
}

fn days_between(from: Option<Date>, to: Option<Date>) -> Option<f64> {
    let span = from?.until(to?).ok()?;
    Some(f64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const RESOLVED_ML: f64 = 0.05;

    fn scan(day: Date, volume: f64) -> LesionRecord {
        LesionRecord { scan_date: Some(day), volume_ml: Some(volume), ..Default::default() }
    }

    fn lined_up(mut scans: Vec<LesionRecord>, milestones: Milestones) -> Vec<LesionRecord> {
        line_up(&mut scans.iter_mut().collect::<Vec<_>>(), milestones, RESOLVED_ML);
        scans
    }

    #[test]
    fn rounds_are_told_against_the_index_scan() {
        let scans = vec![scan(date(2026, 1, 5), 4.0), scan(date(2026, 2, 23), 5.0), scan(date(2026, 4, 13), 6.4)];
        let scans = lined_up(scans, Milestones::default());
        assert_eq!(scans[0].followup_round, None);
        assert_eq!((scans[1].followup_round, scans[1].followup_days), (Some(1.0), Some(49.0)));
        assert_eq!(scans[1].followup_change_percent, Some(25.0));
        assert_eq!((scans[2].followup_round, scans[2].followup_days), (Some(2.0), Some(98.0)));
        assert!((scans[2].followup_change_percent.unwrap() - 60.0).abs() < 1e-12);
        assert_eq!(scans[2].index_volume_ml, Some(4.0));
    }

    #[test]
    fn the_nadir_is_the_smallest_volume_before_the_scan() {
        let day = |month| date(2026, month, 5);
        let scans = vec![scan(day(1), 8.0), scan(day(3), 4.0), scan(day(5), 5.0), scan(day(7), 6.0)];
        let scans = lined_up(scans, Milestones::default());
        let nadirs: Vec<_> = scans.iter().map(|scan| scan.nadir_change_percent).collect();
        assert_eq!(nadirs, [None, Some(-50.0), Some(25.0), Some(50.0)]);
        assert_eq!(scans[3].followup_change_percent, Some(-25.0));
    }

    #[test]
    fn a_lesion_that_vanished_and_comes_back_is_compared_with_the_volume_of_a_resolved_one() {
        let day = |month| date(2026, month, 5);
        let scans = vec![scan(day(1), 8.0), scan(day(3), 0.0), scan(day(5), 0.04), scan(day(7), 0.2)];
        let scans = lined_up(scans, Milestones::default());
        let nadirs: Vec<_> = scans.iter().map(|scan| scan.nadir_change_percent).collect();
        assert_eq!(nadirs[..3], [None, Some(-100.0), None]);
        assert!((nadirs[3].unwrap() - 300.0).abs() < 1e-9, "0.2 mL against 0.05 mL: {nadirs:?}");
    }

    #[test]
    fn a_scan_before_treatment_is_no_index_scan() {
        let scans = vec![scan(date(2025, 11, 1), 30.0), scan(date(2026, 2, 1), 4.0), scan(date(2026, 3, 20), 5.0)];
        let milestones = Milestones { rt_end: Some(date(2026, 1, 15)), resection: Some(date(2025, 11, 10)) };
        let mut scans = scans;
        assert_eq!(line_up(&mut scans.iter_mut().collect::<Vec<_>>(), milestones, RESOLVED_ML), [0]);
        assert_eq!((scans[1].followup_round, scans[2].followup_round), (None, Some(1.0)));
        assert_eq!((scans[2].followup_days, scans[2].index_volume_ml), (Some(47.0), Some(4.0)));
    }

    #[test]
    fn lining_up_again_forgets_what_stood_there() {
        let mut scans =
            lined_up(vec![scan(date(2026, 1, 5), 4.0), scan(date(2026, 2, 23), 5.0)], Milestones::default());
        let alone = lined_up(vec![scans.remove(1)], Milestones::default());
        assert_eq!(alone[0], scan(date(2026, 2, 23), 5.0));
    }

    #[test]
    fn without_dates_there_are_no_days() {
        let mut later = scan(date(2026, 1, 5), 5.0);
        later.scan_date = None;
        let scans = lined_up(vec![scan(date(2026, 1, 5), 4.0), later], Milestones::default());
        assert_eq!((scans[1].followup_round, scans[1].followup_days), (Some(1.0), None));
    }

    #[test]
    fn weeks_since_radiotherapy_and_growth_since_resection() {
        let mut scan = scan(date(2026, 3, 15), 4.0);
        scan.longest_diameter_mm = Some(30.0);
        let milestones = Milestones { rt_end: Some(date(2026, 2, 1)), resection: Some(date(2025, 3, 15)) };
        let scans = lined_up(vec![scan], milestones);
        assert_eq!(scans[0].weeks_since_rt, Some(6.0));
        assert!((scans[0].growth_cm_per_month.unwrap() - 3.0 / (365.0 / 30.4375)).abs() < 1e-12);
    }

    #[test]
    fn a_scan_before_the_end_of_radiotherapy_has_no_weeks_since() {
        let milestones = Milestones { rt_end: Some(date(2026, 3, 1)), resection: None };
        assert_eq!(lined_up(vec![scan(date(2026, 2, 1), 1.0)], milestones)[0].weeks_since_rt, None);
    }
}
