//! The visits of a schedule against the sessions of a study: kept, missed, overdue, still to come.

use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Value, json};

use crate::study::{ParticipantFacts, SessionInputs, Study, Subject};
use crate::surveillance::{
    Attended, Baseline, Profile, Request, ScheduleError, Status, TrackName, Unit, attendance, baseline, plan,
};

/// The schedule of one subject as of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectVisits {
    /// `sub-…`.
    pub participant_id: String,
    /// The day that the schedule counts from, or why there is none.
    pub from: Result<Date, String>,
    /// The baseline, where the end of treatment is known.
    pub baseline: Option<Baseline>,
    /// The visits with how they stand; empty without a start.
    pub visits: Vec<PlannedVisit>,
}

/// A visit, and how it stands where the study can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedVisit {
    /// The visit with its scan.
    #[serde(flatten)]
    pub attended: Attended,
    /// Whether the study folder can tell that it was kept.
    pub told: bool,
    /// Whether the visit is due only while the lesion is unsettled, which the study folder cannot tell.
    #[serde(skip)]
    pub while_unsettled: bool,
}

impl PlannedVisit {
    /// The word that a table shows.
    ///
    /// METHOD: the study folder holds images of the site, not of the chest: whether a chest visit whose day has passed
    /// was kept cannot be told from it, and is not guessed. Nor does it hold verdicts: the follow-up rounds of a lesion
    /// end with its answer (S4), so a round without a scan is overdue only while the lesion is indeterminate.
    pub fn status(&self) -> &'static str {
        match (self.told, self.attended.status) {
            (true, Status::Overdue) if self.while_unsettled => "no scan",
            (true, status) => status.as_str(),
            (false, Status::Upcoming) => Status::Upcoming.as_str(),
            (false, _) => "not known",
        }
    }
}

impl SubjectVisits {
    /// The first visit that is still to come.
    pub fn next(&self) -> Option<&PlannedVisit> {
        self.visits.iter().find(|visit| visit.attended.status == Status::Upcoming)
    }

    /// How many visits are overdue.
    pub fn overdue(&self) -> usize {
        self.visits.iter().filter(|visit| visit.status() == Status::Overdue.as_str()).count()
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let visits: Vec<Value> = self
            .visits
            .iter()
            .map(|planned| {
                let Attended { visit, scan, .. } = &planned.attended;
                json!({
                    "month": visit.month, "week": visit.week, "date": visit.date, "track": visit.track,
                    "status": planned.status(), "scan": scan,
                })
            })
            .collect();
        json!({
            "participant_id": self.participant_id,
            "from": self.from.as_ref().ok(),
            "problem": self.from.as_ref().err(),
            "baseline": self.baseline,
            "overdue": self.overdue(),
            "next": self.next().map(|planned| planned.attended.visit.date),
            "visits": visits,
        })
    }
}

/// The last day of the primary treatment: resection or radiotherapy, whichever came later; `None` where neither is
/// recorded.
pub fn treatment_end(facts: &ParticipantFacts) -> Option<Date> {
    facts.resection_date.into_iter().chain(facts.rt_end).max()
}

/// Every subject of a study against a schedule. `from` counts for all subjects; without it each has its own start.
pub fn study_visits(
    study: &Study,
    profile: &Profile,
    request: Request,
    from: Option<Date>,
    as_of: Date,
) -> Result<Vec<SubjectVisits>, ScheduleError> {
    study.subjects.iter().map(|subject| subject_visits(subject, profile, request, from, as_of)).collect()
}

/// One subject against a schedule; `request.from` is replaced by the subject's own start.
pub fn subject_visits(
    subject: &Subject,
    profile: &Profile,
    request: Request,
    from: Option<Date>,
    as_of: Date,
) -> Result<SubjectVisits, ScheduleError> {
    let scans: Vec<Date> = subject.sessions.iter().filter_map(SessionInputs::date).collect();
    let told = treatment_end(&subject.facts).map(|end| baseline(end, &scans));
    let start = from.or_else(|| match profile.unit {
        // METHOD: the watch of an unsettled lesion counts from its index scan, the first session of the study.
        Unit::Weeks => scans.iter().copied().min(),
        Unit::Months => treatment_end(&subject.facts),
    });
    let Some(start) = start else {
        let missing = match profile.unit {
            Unit::Weeks => "no session has an acq_time",
            Unit::Months => "participants.tsv holds neither resection_date nor rt_end",
        };
        return Ok(SubjectVisits {
            participant_id: subject.participant_id.clone(),
            from: Err(missing.to_owned()),
            baseline: told,
            visits: Vec::new(),
        });
    };
    let while_unsettled = profile.unit == Unit::Weeks;
    let planned = plan(profile, Request { from: start, ..request })?;
    let of_track = |name: TrackName| planned.visits.iter().filter(|visit| visit.track == name).cloned().collect();
    let (local, chest): (Vec<_>, Vec<_>) = (of_track(TrackName::Local), of_track(TrackName::Chest));
    let mut visits: Vec<PlannedVisit> = attendance(start, &local, &scans, as_of)
        .into_iter()
        .map(|attended| PlannedVisit { attended, told: true, while_unsettled })
        .chain(attendance(start, &chest, &[], as_of).into_iter().map(|attended| PlannedVisit {
            attended,
            told: false,
            while_unsettled,
        }))
        .collect();
    visits.sort_by_key(|planned| (planned.attended.visit.date, planned.attended.visit.track));
    Ok(SubjectVisits { participant_id: subject.participant_id.clone(), from: Ok(start), baseline: told, visits })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::surveillance::{End, find};

    #[test]
    fn treatment_ends_with_the_later_of_surgery_and_radiotherapy() {
        let facts = |resection_date, rt_end| ParticipantFacts { resection_date, rt_end, ..Default::default() };
        let (spring, summer) = (date(2025, 3, 1), date(2025, 6, 1));
        assert_eq!(treatment_end(&facts(Some(spring), Some(summer))), Some(summer));
        assert_eq!(treatment_end(&facts(Some(summer), Some(spring))), Some(summer));
        assert_eq!(treatment_end(&facts(None, None)), None);
    }

    #[test]
    fn visits_of_a_study_folder_are_kept_and_overdue() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("dataset_description.json", r#"{"Name": "visits", "BIDSVersion": "1.10.0"}"#);
        write(
            "participants.tsv",
            "participant_id\tpathway\tresection_date\nsub-01\tsarcoma\t2024-01-31\nsub-02\tsarcoma\tn/a\n",
        );
        write("sub-01/sub-01_sessions.tsv", "session_id\tacq_time\nses-01\t2024-05-02\n");
        write("sub-01/ses-01/anat/sub-01_ses-01_T1w.json", "{}");
        write("sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz", "");
        write("sub-02/anat/sub-02_T1w.nii.gz", "");
        let settings: crate::study::Settings = crate::settings::default_section("study");
        let study = Study::open(folder.path(), &Default::default(), &settings).unwrap();
        let request = Request { from: Date::ZERO, end: End::Tight, years: None, track: None, chest_interval: None };
        let found = study_visits(&study, find("esmo-sts-high").unwrap(), request, None, date(2024, 8, 1)).unwrap();
        let words: Vec<_> = found[0].visits.iter().take(6).map(|v| (v.attended.visit.track, v.status())).collect();
        use TrackName::{Chest, Local};
        // Visits 2024-04-30 (kept on 05-02), 07-31 (overdue by one day), 10-31.
        assert_eq!(
            words,
            [
                (Local, "kept"),
                (Chest, "not known"),
                (Local, "overdue"),
                (Chest, "not known"),
                (Local, "upcoming"),
                (Chest, "upcoming")
            ]
        );
        let rounds = study_visits(&study, find("glioma-followup").unwrap(), request, None, date(2025, 8, 1)).unwrap();
        let rounds: Vec<_> = rounds[0].visits.iter().map(PlannedVisit::status).collect();
        assert!(
            rounds.contains(&"no scan") && !rounds.contains(&"overdue"),
            "a settled lesion is not overdue: {rounds:?}"
        );
        assert_eq!((found[0].overdue(), found[0].next().unwrap().attended.visit.date), (1, date(2024, 10, 31)));
        assert_eq!(found[0].baseline, Some(Baseline::InWindow(date(2024, 5, 2))));
        assert!(found[1].from.as_ref().unwrap_err().contains("resection_date"));
    }
}
