//! Growth between two scans against the measurement error of the volume.
//!
//! 40 % in volume corresponds to 25 % in the product of two diameters (RANO, extrapolated); a small lesion must grow
//! by more, because the error of its boundary is a larger share of it.

use std::f64::consts::{PI, SQRT_2};

use serde::{Deserialize, Serialize};

use crate::lesion::LesionRecord;

use super::Settings;
use super::evidence::possible;
use super::settings::FollowupSettings;

/// How the volume changed against the index scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrowthState {
    Grown,
    Equivocal,
    Stable,
    Smaller,
    Resolved,
}

/// What the volume is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    /// The index scan of the watch.
    Index,
    /// The smallest volume since then.
    Nadir,
}

impl Against {
    /// The column that holds the change.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Index => "followup_change_percent",
            Self::Nadir => "nadir_change_percent",
        }
    }
}

/// A follow-up that can be judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Followup {
    pub state: GrowthState,
    /// The comparison that the state comes from.
    pub against: Against,
    /// Change of the volume in that comparison, %.
    pub change: f64,
    /// Growth that counts for a lesion of this size, %.
    pub threshold: f64,
    /// Days since the index scan.
    pub days: Option<f64>,
    /// Round of the follow-up; a missing one is the first.
    pub round: f64,
}

impl Followup {
    /// `None` where the row gives no usable change in volume against the index scan.
    ///
    /// METHOD: growth counts against the index scan and against the nadir (EVIDENCE 3.4): a lesion that shrank and
    /// grows again would otherwise pass as smaller until it exceeds the index scan. The threshold at the nadir is that
    /// of its own, smaller volume. A lesion that shrinks is told against the index scan alone, and one below the volume
    /// at which a lesion has resolved is not compared with a nadir that is smaller still.
    pub fn read(record: &LesionRecord, settings: &Settings) -> Option<Self> {
        let settings = &settings.followup;
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let index_change = finite(record.followup_change_percent).filter(|change| *change >= -100.0)?;
        let volume = possible(record.volume_ml);
        let index =
            (Against::Index, index_change, growth_threshold(possible(record.index_volume_ml).or(volume), settings));
        let gone = volume.is_some_and(|volume| volume <= settings.resolved_volume_ml);
        let nadir =
            finite(record.nadir_change_percent).filter(|change| *change > index_change && !gone).map(|change| {
                let at_nadir = volume.map(|volume| volume / (1.0 + change / 100.0));
                (Against::Nadir, change, growth_threshold(at_nadir, settings))
            });
        let comparisons = || [Some(index), nadir].into_iter().flatten();
        let equivocal = settings.equivocal_percent;
        // METHOD: growth is looked at before the resolved volume: a lesion that is larger than at the index scan has
        // not resolved, however small it is.
        let (state, (against, change, threshold)) =
            if let Some(grown) = comparisons().find(|(_, change, threshold)| change >= threshold) {
                (GrowthState::Grown, grown)
            } else if let Some(larger) = comparisons().find(|(_, change, _)| *change >= equivocal) {
                (GrowthState::Equivocal, larger)
            } else if index_change <= settings.resolved_percent || gone {
                (GrowthState::Resolved, index)
            } else if index_change <= -equivocal {
                (GrowthState::Smaller, index)
            } else {
                (GrowthState::Stable, index)
            };
        let round = finite(record.followup_round).unwrap_or(1.0);
        Some(Self { state, against, change, threshold, days: finite(record.followup_days), round })
    }

    /// Stability does not count yet; missing days are in the window.
    pub fn before_window(&self, settings: &Settings) -> bool {
        self.days.is_some_and(|days| days < f64::from(settings.followup.window_start_days))
    }

    /// Valid, but late: after the last day of its own round's window.
    pub fn after_window(&self, settings: &Settings) -> bool {
        self.days.is_some_and(|days| days > self.last_day(settings))
    }

    /// The last day of the window of this round, counted from the index scan.
    ///
    /// METHOD: a round is due six to eight weeks after the one before it, so round n ends n times eight weeks after the
    /// index scan; counted from the index scan alone, every second round would be late.
    pub fn last_day(&self, settings: &Settings) -> f64 {
        f64::from(settings.followup.window_end_days) * self.round.max(1.0)
    }
}

closed_words! {
    /// What a volume did between two scans.
    pub enum Trend: "trend" {
        /// Larger by more than its measurement error.
        Larger = "larger",
        /// Neither.
        Unchanged = "unchanged",
        /// Smaller by the equivocal share or more.
        Smaller = "smaller",
    }
}

/// What the volume did between any two scans, by the growth rule at the earlier volume, with the change in %; `None`
/// where the earlier volume is no measure to compare with.
pub fn volume_trend(before_ml: f64, now_ml: f64, settings: &Settings) -> Option<(Trend, f64)> {
    let change = 100.0 * (now_ml - before_ml) / before_ml;
    if !(before_ml > 0.0 && now_ml >= 0.0 && change.is_finite()) {
        return None;
    }
    let settings = &settings.followup;
    let trend = if change >= growth_threshold(Some(before_ml), settings) {
        Trend::Larger
    } else if change <= -settings.equivocal_percent {
        Trend::Smaller
    } else {
        Trend::Unchanged
    };
    Some((trend, change))
}

/// A volume with its measurement error, and the volume from which it has grown against the index scan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GrowthBand {
    /// Smallest volume within the error of this one, mL.
    pub low_ml: f64,
    /// Largest one.
    pub high_ml: f64,
    /// The volume that counts as grown against the index scan, mL; `None` where there is no index scan before this one.
    pub grown_ml: Option<f64>,
    /// The same as a change, %.
    pub grown_percent: Option<f64>,
}

/// The error of a row's volume: `V (1 ± f / √2 · e / r)` with the factor `f` of the repeatability coefficient, the error
/// `e` of the boundary and the equivalent radius `r`; the lower end is cut at 0. A lesion that is gone has no boundary, and
/// so no error. `None` without a volume.
///
/// METHOD: the repeatability coefficient `f = 1.96 √2` speaks of the difference of two volumes; one volume has its 95 %
/// range without the root of two (Bland and Altman, BMJ 1996;313:744).
pub fn growth_band(record: &LesionRecord, settings: &Settings) -> Option<GrowthBand> {
    let settings = &settings.followup;
    let volume = possible(record.volume_ml)?;
    let error = match equivalent_radius(volume) {
        radius if radius > 0.0 => settings.repeatability_factor / SQRT_2 * settings.boundary_error_mm / radius,
        _ => 0.0,
    };
    let followed = record.followup_change_percent.filter(|change| change.is_finite());
    let index = possible(record.index_volume_ml).filter(|_| followed.is_some());
    let percent = index.map(|index| growth_threshold(Some(index), settings));
    Some(GrowthBand {
        low_ml: (volume * (1.0 - error)).max(0.0),
        high_ml: volume * (1.0 + error),
        grown_ml: index.zip(percent).map(|(index, percent)| index * (1.0 + percent / 100.0)),
        grown_percent: percent,
    })
}

/// Radius of the sphere of a volume in mL, mm.
fn equivalent_radius(volume_ml: f64) -> f64 {
    (3000.0 * volume_ml / (4.0 * PI)).cbrt()
}

/// Growth of the volume that counts, %: `100 max(0.40, 2.77 * 0.9 / r)` with the equivalent radius
/// `r = (3 V / 4 pi)^(1/3)` in mm and the volume V at the index scan in mL; 40 where the volume is not known.
pub(super) fn growth_threshold(volume_ml: Option<f64>, settings: &FollowupSettings) -> f64 {
    let Some(volume) = volume_ml else { return settings.growth_percent };
    let radius = equivalent_radius(volume);
    settings.growth_percent.max(100.0 * settings.repeatability_factor * settings.boundary_error_mm / radius)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        crate::settings::default_section("verdict")
    }

    #[test]
    fn the_error_of_one_volume_is_that_of_a_difference_over_the_root_of_two() {
        let record = |volume, index, change| LesionRecord {
            volume_ml: Some(volume),
            index_volume_ml: index,
            followup_change_percent: change,
            ..Default::default()
        };
        // 4.18879 mL is a sphere of 10 mm: 2.77 / 1.41421 * 0.9 / 10 = 17.628 %.
        let sphere = 4.0 / 3.0 * std::f64::consts::PI;
        let band = growth_band(&record(sphere, None, None), &settings()).unwrap();
        assert!((band.high_ml / sphere - 1.176_28).abs() < 1e-5 && (band.low_ml / sphere - 0.823_72).abs() < 1e-5);
        assert_eq!(band.grown_ml, None);
        let grown = growth_band(&record(3.0, Some(2.0), Some(50.0)), &settings()).unwrap();
        assert_eq!((grown.grown_ml, grown.grown_percent), (Some(2.8), Some(40.0)));
        let gone = growth_band(&record(0.0, Some(2.0), Some(-100.0)), &settings()).unwrap();
        assert_eq!((gone.low_ml, gone.high_ml, gone.grown_ml), (0.0, 0.0, Some(2.8)));
        assert_eq!(growth_band(&LesionRecord::default(), &settings()), None);
    }

    fn state(change: f64, volume: f64) -> GrowthState {
        let record =
            LesionRecord { followup_change_percent: Some(change), volume_ml: Some(volume), ..Default::default() };
        Followup::read(&record, &settings()).unwrap().state
    }

    #[test]
    fn each_round_has_its_own_window() {
        let late = |round: f64, days: f64| {
            let record = LesionRecord {
                followup_change_percent: Some(0.0),
                followup_round: Some(round),
                followup_days: Some(days),
                ..Default::default()
            };
            Followup::read(&record, &settings()).unwrap().after_window(&settings())
        };
        assert!(!late(1.0, 56.0) && late(1.0, 57.0));
        assert!(!late(2.0, 112.0) && late(2.0, 113.0), "round 2 is due until day 112 after the index scan");
    }

    #[test]
    fn a_volume_is_larger_from_its_threshold_and_smaller_from_a_fifth() {
        let trend = |before, now| volume_trend(before, now, &settings()).map(|(trend, _)| trend);
        assert_eq!(trend(10.0, 14.0), Some(Trend::Larger));
        assert_eq!(trend(10.0, 13.9), Some(Trend::Unchanged));
        assert_eq!(trend(0.2, 0.3), Some(Trend::Unchanged), "0.2 mL must grow by 69 %");
        assert_eq!((trend(10.0, 8.1), trend(10.0, 8.0)), (Some(Trend::Unchanged), Some(Trend::Smaller)));
        assert_eq!((trend(0.0, 1.0), trend(1.0, f64::NAN)), (None, None));
    }

    #[test]
    fn small_lesions_must_grow_by_more() {
        // By hand: 0.2 mL has r = (600 / 4 pi)^(1/3) = 3.628 mm and 2.493 / 3.628 = 68.7 %; 0.5 mL has 4.924 mm, 50.6 %.
        let threshold = |volume| growth_threshold(Some(volume), &settings().followup);
        assert!((threshold(0.2) - 68.72).abs() < 0.01, "{}", threshold(0.2));
        assert!((threshold(0.5) - 50.63).abs() < 0.01, "{}", threshold(0.5));
        assert!((threshold(1.0) - 40.19).abs() < 0.01, "{}", threshold(1.0));
        assert_eq!(threshold(1.1), 40.0);
        assert_eq!(growth_threshold(None, &settings().followup), 40.0);
    }

    #[test]
    fn bounds_of_the_growth_states() {
        for (change, expected) in [
            (40.0, GrowthState::Grown),
            (40.0_f64.next_down(), GrowthState::Equivocal),
            (20.0, GrowthState::Equivocal),
            (20.0_f64.next_down(), GrowthState::Stable),
            ((-20.0_f64).next_up(), GrowthState::Stable),
            (-20.0, GrowthState::Smaller),
            (-99.4, GrowthState::Smaller),
            (-99.5, GrowthState::Resolved),
            (-100.0, GrowthState::Resolved),
        ] {
            assert_eq!(state(change, 5.0), expected, "{change}");
        }
        assert_eq!(state(-30.0, 0.05), GrowthState::Resolved);
        assert_eq!(state(30.0, 0.05), GrowthState::Equivocal);
    }

    #[test]
    fn the_index_volume_sets_the_threshold() {
        let mut record = LesionRecord {
            followup_change_percent: Some(50.0),
            index_volume_ml: Some(0.2),
            volume_ml: Some(5.0),
            ..Default::default()
        };
        assert_eq!(Followup::read(&record, &settings()).unwrap().state, GrowthState::Equivocal);
        record.index_volume_ml = None;
        assert_eq!(Followup::read(&record, &settings()).unwrap().state, GrowthState::Grown);
    }

    fn over_rounds(volumes: &[f64]) -> Vec<(GrowthState, Against)> {
        let change = |volume: f64, from: f64| 100.0 * (volume - from) / from;
        (1..volumes.len())
            .map(|round| {
                let nadir = volumes[..round].iter().copied().fold(f64::INFINITY, f64::min);
                let record = LesionRecord {
                    volume_ml: Some(volumes[round]),
                    index_volume_ml: Some(volumes[0]),
                    followup_change_percent: Some(change(volumes[round], volumes[0])),
                    nadir_change_percent: Some(change(volumes[round], nadir)),
                    ..Default::default()
                };
                let followup = Followup::read(&record, &settings()).unwrap();
                (followup.state, followup.against)
            })
            .collect()
    }

    #[test]
    fn creeping_growth_of_15_percent_a_round_is_caught() {
        // 1.15, 1.32, 1.52 of the index scan, each only 15 % above the scan before.
        let found = over_rounds(&[4.0, 4.6, 5.29, 6.0835]);
        assert_eq!(
            found,
            [GrowthState::Stable, GrowthState::Equivocal, GrowthState::Grown].map(|state| (state, Against::Index))
        );
    }

    #[test]
    fn regrowth_from_the_nadir_is_growth_although_the_lesion_is_smaller_than_at_the_index_scan() {
        // 8, 3, 3.45 (+15 % on the nadir), 3.97 (+32 %), 4.56 mL (+52 %): never above the index scan.
        let found = over_rounds(&[8.0, 3.0, 3.45, 3.9675, 4.5626]);
        let expected = [
            (GrowthState::Smaller, Against::Index),
            (GrowthState::Smaller, Against::Index),
            (GrowthState::Equivocal, Against::Nadir),
            (GrowthState::Grown, Against::Nadir),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_threshold_at_the_nadir_is_that_of_its_own_volume() {
        // 0.2 mL at the nadir must grow by 68.7 %: +60 % is equivocal there, where 40 % would do at the index scan.
        let last = |volumes: &[f64]| over_rounds(volumes).pop().unwrap().0;
        assert_eq!(last(&[4.0, 0.2, 0.32]), GrowthState::Equivocal);
        assert_eq!(last(&[4.0, 0.2, 0.34]), GrowthState::Grown);
        assert_eq!(last(&[4.0, 0.01, 0.05]), GrowthState::Resolved, "below the volume of a resolved lesion");
    }

    #[test]
    fn a_change_that_cannot_be_is_no_followup() {
        for change in [f64::NAN, f64::INFINITY, -100.1] {
            let record = LesionRecord { followup_change_percent: Some(change), ..Default::default() };
            assert!(Followup::read(&record, &settings()).is_none(), "{change}");
        }
    }
}
