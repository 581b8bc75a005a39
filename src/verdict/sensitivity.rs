//! What would change the verdict: found by judging again with one measure moved, never by a second set of rules.

use crate::clinical::Tracer;
use crate::lesion::LesionRecord;

use super::decide::{Decision, decide};
use super::evidence::Evidence;
use super::growth::{Against, Followup};
use super::words;
use super::{Change, Class, Finding, Pole, Settings};

/// For each measure, the nearest bound on either side whose crossing gives another verdict; for a missing modality,
/// what it would give at either pole; without a follow-up, what growth or stability would give.
pub(super) fn what_would_change(
    record: &LesionRecord,
    evidence: &Evidence,
    decision: &Decision,
    settings: &Settings,
) -> Vec<Change> {
    let Some(class) = decision.class else { return Vec::new() };
    let mut changes = Vec::new();
    for finding in evidence.findings.iter().filter(|finding| finding.pole != Pole::Missing) {
        changes.extend(moved(record, finding, class, settings));
    }
    if evidence.perfusion == Pole::Missing {
        changes.extend(with_perfusion(record, class, settings));
    }
    if evidence.pet == Pole::Missing {
        changes.extend(with_pet(record, class, settings));
    }
    changes.extend(match decision.followup {
        Some(followup) => other_growth(record, followup, class, settings),
        None if class == Class::Indeterminate => next_followup(record, class, settings),
        None => Vec::new(),
    });
    changes
}

fn class_of(record: &LesionRecord, settings: &Settings) -> Option<Class> {
    decide(record, &Evidence::read(record, settings), settings).class
}

/// The record with one number column changed, through the same door as a table's cell. One volume stands behind both
/// changes of the volume, so they move together.
fn with(record: &LesionRecord, column: &str, value: f64) -> Option<LesionRecord> {
    let mut trial = record.clone();
    if !trial.set(column, &value.to_string()).ok()? {
        return None;
    }
    if let (Some(index), Some(nadir)) = (record.followup_change_percent, record.nadir_change_percent) {
        let moved = |value: f64, from: f64, other: f64| {
            if from == other {
                value
            } else {
                100.0 * ((1.0 + other / 100.0) / (1.0 + from / 100.0) * (1.0 + value / 100.0) - 1.0)
            }
        };
        if column == Against::Index.column() {
            trial.nadir_change_percent = Some(moved(value, index, nadir));
        } else if column == Against::Nadir.column() {
            trial.followup_change_percent = Some(moved(value, nadir, index));
        }
    }
    Some(trial)
}

/// A trial value and how the condition is told.
struct Trial {
    value: f64,
    bound: f64,
    condition: String,
}

fn moved(record: &LesionRecord, finding: &Finding, class: Class, settings: &Settings) -> Vec<Change> {
    let (Some(value), Some(low), Some(high)) = (finding.value, finding.low, finding.high) else { return Vec::new() };
    let trial = |value: f64, bound: f64, words: &str| Trial {
        value,
        bound,
        condition: format!("{} {words} {bound:?}", finding.name),
    };
    let trials = [
        trial(high.next_up(), high, "above"),
        trial(high, high, "of at most"),
        trial(low, low, "of at least"),
        trial(low.next_down(), low, "below"),
    ];
    let shown = words::beside_bounds(value, finding);
    nearest(record, finding.column, value, |_| shown.clone(), trials, class, settings)
}

fn other_growth(record: &LesionRecord, followup: Followup, class: Class, settings: &Settings) -> Vec<Change> {
    let Followup { against, change, threshold, .. } = followup;
    let equivocal = settings.followup.equivocal_percent;
    let what = match against {
        Against::Index => "a change in volume",
        Against::Nadir => "a change in volume since it was smallest",
    };
    let trial = |value: f64, bound: f64, words: &str| Trial {
        value,
        bound,
        condition: format!("{what} of {words} {}", words::percent_beside(change, bound).1),
    };
    let trials = [
        trial(threshold, threshold, "at least"),
        trial(threshold.next_down(), threshold, "less than"),
        trial(equivocal, equivocal, "at least"),
        trial(equivocal.next_down(), equivocal, "less than"),
    ];
    let shown = |bound| words::percent_beside(change, bound).0;
    nearest(record, against.column(), change, shown, trials, class, settings)
}

/// Of the trials on each side of the present value, the nearest that gives another class. `shown` tells the present
/// value beside the bound of a trial.
fn nearest<const N: usize>(
    record: &LesionRecord,
    column: &'static str,
    now: f64,
    shown: impl Fn(f64) -> String,
    trials: [Trial; N],
    class: Class,
    settings: &Settings,
) -> Vec<Change> {
    let mut trials = trials;
    trials.sort_by(|a, b| (a.value - now).abs().total_cmp(&(b.value - now).abs()));
    let on_side = |side: std::cmp::Ordering| {
        trials.iter().filter(move |trial| trial.value.is_finite() && trial.value.total_cmp(&now) == side).find_map(
            |trial| {
                let other = class_of(&with(record, column, trial.value)?, settings)?;
                (other != class).then(|| Change {
                    column,
                    now: Some(now),
                    bound: Some(trial.bound),
                    verdict: other,
                    text: words::change(&trial.condition, Some(shown(trial.bound)), other),
                })
            },
        )
    };
    [on_side(std::cmp::Ordering::Greater), on_side(std::cmp::Ordering::Less)].into_iter().flatten().collect()
}

fn with_perfusion(record: &LesionRecord, class: Class, settings: &Settings) -> Vec<Change> {
    let bounds = settings.dsc.bounds();
    let measured = LesionRecord { dsc_quality: None, rcbv_enhancing_mean: None, ..record.clone() };
    at_either_pole(&measured, "rcbv_mean", "an rCBV by DSC", (bounds.low(), bounds.high()), class, settings)
}

fn with_pet(record: &LesionRecord, class: Class, settings: &Settings) -> Vec<Change> {
    // METHOD: the missing modality is asked for as MET, the tracer that the source names; FET where FET was given.
    let fet = record.tracer == Some(Tracer::Fet);
    let tracer = if fet { Tracer::Fet } else { Tracer::Met };
    let measured = LesionRecord { pet_quality: None, tracer: Some(tracer), tbr_cutoff: None, ..record.clone() };
    let pet = &settings.pet;
    let (statistic, name, bounds) = if fet {
        let bounds = pet.fet.bounds();
        (pet.fet.statistic, "FET-PET", (bounds.low(), bounds.high()))
    } else {
        let bounds = pet.met.bounds();
        (pet.met.statistic, "MET-PET", (bounds.low(), bounds.high()))
    };
    at_either_pole(&measured, statistic.as_str(), &format!("a {name} ratio"), bounds, class, settings)
}

fn at_either_pole(
    measured: &LesionRecord,
    column: &'static str,
    name: &str,
    (low, high): (f64, f64),
    class: Class,
    settings: &Settings,
) -> Vec<Change> {
    [(high.next_up(), format!("{name} above {high:?}")), (low.next_down(), format!("{name} below {low:?}"))]
        .into_iter()
        .filter_map(|(value, condition)| {
            let other = class_of(&with(measured, column, value)?, settings)?;
            (other != class).then(|| Change {
                column,
                now: None,
                bound: None,
                verdict: other,
                text: words::change(&condition, None, other),
            })
        })
        .collect()
}

/// What the next scan would give in the window: growth that counts, or no growth.
fn next_followup(record: &LesionRecord, class: Class, settings: &Settings) -> Vec<Change> {
    let days = f64::from(settings.followup.window_start_days);
    let next = LesionRecord {
        followup_days: Some(days),
        index_volume_ml: record.index_volume_ml.or(record.volume_ml),
        ..record.clone()
    };
    let threshold =
        super::growth::growth_threshold(super::evidence::possible(next.index_volume_ml), &settings.followup);
    let equivocal = settings.followup.equivocal_percent;
    [
        (threshold, format!("growth of at least {threshold:.0} % in volume")),
        (0.0, format!("from day {days}, a change in volume of less than {equivocal:.0} %")),
    ]
    .into_iter()
    .filter_map(|(change, condition)| {
        let other = class_of(&with(&next, "followup_change_percent", change)?, settings)?;
        (other != class).then(|| Change {
            column: "followup_change_percent",
            now: None,
            bound: None,
            verdict: other,
            text: words::change(&condition, None, other),
        })
    })
    .collect()
}
