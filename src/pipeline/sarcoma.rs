//! The surveillance of a sarcoma subject: what its tables and sessions tell, lined up with the sources' schedules.

use jiff::civil::Date;

use super::followup::DAYS_PER_MONTH;
use super::measured::Measured;
use super::protocol::compare_protocols;
use super::visits::{subject_visits, treatment_end};
use crate::clinical::{ExtentStudy, RtField, SarcomaGrade};
use crate::quality::{Caveat, CaveatCode};
use crate::report::surveillance::{GrowthRow, ScheduleRow, Surveillance};
use crate::study::{SessionInputs, Subject};
use crate::surveillance::{
    Baseline, COVARIATES, Constraints, End, Profile, RESECTABILITY, Request, ScheduleError, Situation, Status,
    TrackName, baseline, fitting_profiles, focality, growth_is_flagged, modality_fallback, plan, remote_compartments,
    scenario_guard, watchful,
};

/// Caveats that this room raises; a session of an earlier run may carry old ones.
const RAISED: [CaveatCode; 3] =
    [CaveatCode::BaselineOutOfWindow, CaveatCode::ProtocolDiffers, CaveatCode::GrowthOneCmPerMonth];

/// The surveillance of a subject as of a day. `visits` holds the measured lesions of each session in order of time; the
/// doubts found here are added to those of the lesions.
pub fn surveillance(subject: &Subject, visits: &mut [&mut Vec<Measured>], as_of: Option<Date>) -> Surveillance {
    let facts = &subject.facts;
    let mut sessions: Vec<&SessionInputs> = subject.sessions.iter().collect();
    if sessions.iter().all(|session| session.date().is_some()) {
        sessions.sort_by_key(|session| session.date());
    }
    let latest = sessions.last().map(|session| session.facts.clone()).unwrap_or_default();
    let (site, diagnosis) = (facts.site.as_deref(), facts.diagnosis.as_deref());
    let grade = SarcomaGrade::of(facts.grade.as_deref());
    let scans: Vec<Date> = sessions.iter().filter_map(|session| session.date()).collect();
    let end = treatment_end(facts);
    let found = Surveillance {
        as_of,
        grade: facts.grade.clone(),
        site: facts.site.clone(),
        guard: scenario_guard(Situation {
            symptoms: latest.symptoms,
            treated: end.is_some(),
            scenario: latest.scenario,
        })
        .map(|(condition, state)| (condition.to_owned(), state))
        .to_vec(),
        fallback: modality_fallback(Constraints {
            hardware: latest.hardware,
            contrast_allergy: latest.contrast_allergy,
            renal_impairment: latest.renal_impairment,
        })
        .into_iter()
        .map(str::to_owned)
        .collect(),
        treatment_end: end,
        baseline: end.map(|end| baseline(end, &scans)),
        schedules: as_of.map_or_else(Vec::new, |as_of| {
            fitting_profiles(grade, site, diagnosis)
                .into_iter()
                .flat_map(|profile| [End::Tight, End::Loose].map(|end| (profile, end)))
                .filter_map(|(profile, end)| schedule(subject, profile, end, as_of).ok().flatten())
                .collect()
        }),
        sessions: sessions
            .iter()
            .map(|session| session.session_id.clone().unwrap_or_else(|| session.participant_id.clone()))
            .collect(),
        protocol: compare_protocols(&sessions),
        focality: visits.last().and_then(|lesions| {
            let first = visits
                .iter()
                .flat_map(|lesions| lesions.iter())
                .find_map(|lesion| lesion.record.compartment.as_deref());
            let outside = lesions
                .iter()
                .filter(|lesion| {
                    lesion.record.rt_field == Some(RtField::Outside)
                        || remote_compartments(first, &[lesion.record.compartment.as_deref()]) > 0
                })
                .count();
            Some((focality(lesions.len(), outside)?, lesions.len()))
        }),
        watchful: Some(watchful(site, diagnosis, latest.symptoms)),
        growth: growth(visits, site, diagnosis),
        extent: ExtentStudy::ALL
            .iter()
            .map(|study| {
                let mri = *study == ExtentStudy::LocalMri && sessions.last().is_some_and(|session| has_mri(session));
                (*study, mri || latest.extent_done.contains(study))
            })
            .collect(),
        resectability: resectability(subject, &scans),
        covariates: covariates(subject, visits.last().map_or(0, |lesions| lesions.len())),
    };
    tell(&found, visits, site, diagnosis);
    found
}

/// Puts the doubts beside the lesions.
fn tell(found: &Surveillance, visits: &mut [&mut Vec<Measured>], site: Option<&str>, diagnosis: Option<&str>) {
    let mut caveats = Vec::new();
    if let (Some(Baseline::OutOfWindow(date)), Some(end)) = (found.baseline, found.treatment_end) {
        caveats.push(Caveat::new(
            CaveatCode::BaselineOutOfWindow,
            format!("first scan {date}, treatment ended {end}: expected 3-6 months later"),
        ));
    }
    let differences: Vec<String> = found.protocol.iter().filter(|row| row.differs).map(|row| row.words()).collect();
    if !differences.is_empty() {
        caveats.push(Caveat::new(CaveatCode::ProtocolDiffers, differences.join("; ")));
    }
    for (place, lesions) in visits.iter_mut().enumerate() {
        for lesion in lesions.iter_mut() {
            lesion.measured_caveats.retain(|caveat| !RAISED.contains(&caveat.code));
            // A single visit has nothing to differ from.
            let of_visit = caveats.iter().filter(|caveat| place > 0 || caveat.code != CaveatCode::ProtocolDiffers);
            lesion.measured_caveats.extend(of_visit.cloned());
            if let Some(growth) = lesion.record.growth_cm_per_month
                && growth_is_flagged(Some(growth), site, diagnosis)
            {
                let detail = format!("{growth:.2} cm a month since the resection");
                lesion.measured_caveats.push(Caveat::new(CaveatCode::GrowthOneCmPerMonth, detail));
            }
        }
    }
}

/// One end of one schedule as of a day; `None` where the subject has no start.
fn schedule(subject: &Subject, profile: &Profile, end: End, as_of: Date) -> Result<Option<ScheduleRow>, ScheduleError> {
    let request = |track| Request { from: Date::ZERO, end, years: None, track: Some(track), chest_interval: None };
    let local = subject_visits(subject, profile, request(TrackName::Local), None, as_of)?;
    let Ok(from) = local.from else { return Ok(None) };
    // METHOD: the chest track is shown where the source gives its interval, and where it is for this histology alone
    // only for that histology; `relight schedule --chest-interval` serves the rest.
    let chest = (profile.chest_applies(subject.facts.diagnosis.as_deref()))
        .then(|| subject_visits(subject, profile, request(TrackName::Chest), None, as_of))
        .transpose()?;
    let mut ionizing = plan(profile, Request { from, ..request(TrackName::Local) })?.ionizing;
    if chest.is_some() {
        ionizing += plan(profile, Request { from, ..request(TrackName::Chest) })?.ionizing;
    }
    let track = profile.tracks.iter().find(|track| track.name == TrackName::Local);
    Ok(Some(ScheduleRow {
        name: profile.name.clone(),
        source: profile.source.clone(),
        end,
        modality: track.map_or_else(String::new, |track| track.modality.clone()),
        next: local.next().map(|planned| planned.attended.visit.date),
        chest: chest.and_then(|chest| chest.next().map(|planned| planned.attended.visit.date)),
        overdue: local
            .visits
            .iter()
            .filter(|planned| planned.attended.status == Status::Overdue)
            .map(|planned| planned.attended.visit.date)
            .collect(),
        ionizing,
    }))
}

/// Growth of each lesion of the latest visit.
fn growth(visits: &[&mut Vec<Measured>], site: Option<&str>, diagnosis: Option<&str>) -> Vec<GrowthRow> {
    let Some((latest, earlier)) = visits.split_last() else { return Vec::new() };
    latest
        .iter()
        .map(|lesion| {
            let now = &lesion.record;
            let before = earlier
                .iter()
                .rev()
                .flat_map(|lesions| lesions.iter())
                .map(|lesion| &lesion.record)
                .find(|record| record.lesion == now.lesion);
            let between_scans = before.and_then(|before| {
                let days = f64::from(before.scan_date?.until(now.scan_date?).ok()?.get_days());
                let change = now.longest_diameter_mm? - before.longest_diameter_mm?;
                (days > 0.0).then(|| change / 10.0 / (days / DAYS_PER_MONTH))
            });
            GrowthRow {
                lesion: now.lesion.clone().unwrap_or_default(),
                since_resection: now.growth_cm_per_month,
                flagged: growth_is_flagged(now.growth_cm_per_month, site, diagnosis),
                between_scans,
            }
        })
        .collect()
}

fn has_mri(session: &SessionInputs) -> bool {
    let anatomy = [&session.t1c, &session.t1, &session.flair].into_iter().flatten().next().is_some();
    anatomy || session.dsc.is_some() || session.asl.is_some() || session.dce.is_some()
}

/// What bears on treatment: history, and S3's criteria. Listed, never scored; no advice on dose.
fn resectability(subject: &Subject, scans: &[Date]) -> Vec<(String, Option<String>)> {
    let facts = &subject.facts;
    let radiotherapy = match (facts.rt_dose, facts.rt_end) {
        (Some(dose), _) => Some(format!("yes, {dose} Gy")),
        (None, Some(end)) => Some(format!("yes, ended {end}; dose not recorded")),
        (None, None) => None,
    };
    // The study tells when the site was first imaged again, not when the tumor came back.
    let interval = facts.resection_date.zip(scans.iter().min()).and_then(|(resection, first)| {
        let days = f64::from(resection.until(*first).ok()?.get_days());
        (days >= 0.0).then(|| format!("{:.1} months", days / DAYS_PER_MONTH))
    });
    let mut rows = vec![
        ("Prior radiotherapy".to_owned(), radiotherapy),
        ("From the resection to the first scan of this study".to_owned(), interval),
    ];
    rows.extend(RESECTABILITY.iter().map(|(column, meaning)| ((*meaning).to_owned(), facts.surgery_fact(column))));
    rows
}

/// The covariates of the nomogram, those that are known elsewhere included.
fn covariates(subject: &Subject, lesions: usize) -> Vec<(String, Option<String>)> {
    let facts = &subject.facts;
    let mut rows = vec![
        ("Histology (diagnosis as recorded)".to_owned(), facts.diagnosis.clone()),
        ("Grade (as recorded, by pathology)".to_owned(), facts.grade.clone()),
        ("Lesions in the masks of the latest visit".to_owned(), (lesions > 0).then(|| lesions.to_string())),
    ];
    rows.extend(COVARIATES.iter().map(|(column, meaning)| ((*meaning).to_owned(), facts.surgery_fact(column))));
    rows
}
