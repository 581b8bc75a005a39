//! The study as a whole: one table, one page, from the finished sessions of the output.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::finished::{Finished, read_all};
use super::judging::kept_surveillance;
use super::subject::{VERSION, reasons};
use super::{GroupPage, Summary};
use crate::cohort::{AuditLesion, audit, outcomes};
use crate::dataset::{
    DatasetError, OutputFolder, hash_text, json_text, lesions_dictionary, merge_sessions, named, write_citations,
    write_file,
};
use crate::lesion::LesionRecord;
use crate::report::html::{THUMBNAILS, study_page};
use crate::report::model::{Provenance, StudyPage, StudyRow};
use crate::settings::Settings;
use crate::study::{Readiness, Study};
use crate::verdict;

/// What the page tells of the study beside its lesions, with the audit, at the root of the output.
const STUDY_JSON: &str = "study.json";

/// What the study tells: kept, so that the page can be drawn without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyFacts {
    /// Name of the study.
    title: String,
    /// Day against which windows are told.
    as_of: Option<Date>,
    /// Sessions that failed, or were not processed, with the reason.
    failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Failure {
    session: String,
    reason: String,
}

impl StudyFacts {
    /// Sessions of a subject that failed, with the reason.
    pub fn failures_of(&self, participant_id: &str) -> Vec<(String, String)> {
        let of_subject = |label: &str| {
            label.strip_prefix(participant_id).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let failures = self.failures.iter().filter(|failure| of_subject(&failure.session));
        failures.map(|failure| (failure.session.clone(), failure.reason.clone())).collect()
    }

    /// Reads what an earlier run left; `None` where no study page was drawn.
    pub fn read(root: &Path) -> Result<Option<Self>, DatasetError> {
        let broken = |problem: String| DatasetError::Broken { file: STUDY_JSON.to_owned(), problem };
        match std::fs::read_to_string(root.join(STUDY_JSON)) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| broken(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(error.to_string())),
        }
    }
}

/// Writes `lesions.tsv`, its dictionary, `study.json` and `index.html`.
pub fn write(
    study: &Study,
    output: &OutputFolder,
    as_of: Option<Date>,
    settings: &Settings,
    summary: &Summary,
) -> Result<GroupPage, DatasetError> {
    let subjects = read_all(output)?;
    let finished: Vec<&str> = subjects.values().flatten().map(|session| session.label.as_str()).collect();
    let mut failures = summary.failures.clone();
    for session in study.sessions() {
        let stem = session.stem();
        let told = failures.iter().any(|(label, _)| *label == stem);
        if told || finished.contains(&stem.as_str()) {
            continue;
        }
        match session.readiness() {
            Readiness::Ready => failures.push((stem, "no result: not processed yet, or failed".to_owned())),
            Readiness::Broken(problems) => failures.push((stem, reasons(problems))),
            Readiness::NothingToMeasure => {}
        }
    }
    failures.sort();
    let failures = failures.into_iter().map(|(session, reason)| Failure { session, reason }).collect();
    let facts = StudyFacts { title: study.title.clone(), as_of, failures };
    draw(output, &subjects, &facts, settings)
}

/// Draws the study from what is on disk.
pub fn draw(
    output: &OutputFolder,
    subjects: &BTreeMap<String, Vec<Finished>>,
    facts: &StudyFacts,
    settings: &Settings,
) -> Result<GroupPage, DatasetError> {
    let root = output.root();
    let table = merge_sessions(root, &verdict::COLUMNS)?;
    write_file(&root.join("lesions.tsv"), table.text.as_bytes())?;
    write_file(
        &root.join("lesions.json"),
        json_text(&lesions_dictionary(&verdict::COLUMNS, settings.pet.suv)).as_bytes(),
    )?;

    let methods = subjects.values().flatten().flat_map(|session| &session.lesions).flat_map(|lesion| &lesion.methods);
    write_citations(root, &named(methods.map(String::as_str)))?;

    let mut latest = latest(subjects, settings);
    add_thumbnails(output, &mut latest)?;
    let audited: Vec<AuditLesion<'_>> = latest
        .iter()
        .map(|(session, row)| AuditLesion {
            record: &row.record,
            verdict: &row.verdict,
            center: session.subject.center.as_deref(),
            scanner: session.scanner.as_deref(),
        })
        .collect();
    let audit = audit(&audited, &settings.cohort);
    let records: Vec<&LesionRecord> = latest.iter().map(|(_, row)| at_histology(subjects, &row.record)).collect();
    let outcomes = outcomes(&records, &settings.cohort, &settings.verdict);
    let study = json!({
        "title": facts.title,
        "as_of": facts.as_of,
        "failures": facts.failures,
        "audit": audit,
        "outcomes": outcomes,
    });
    write_file(&root.join(STUDY_JSON), json_text(&study).as_bytes())?;

    let run_ids: Vec<&str> = subjects.values().flatten().map(|session| session.completion.run_id.as_str()).collect();
    let page = StudyPage {
        title: facts.title.clone(),
        lesions: latest.into_iter().map(|(_, row)| row).collect(),
        failures: facts.failures.iter().map(|failure| (failure.session.clone(), failure.reason.clone())).collect(),
        overdue: subjects.keys().filter_map(|id| Some((id.clone(), overdue(output, id)?))).collect(),
        audit: Some(audit.clone()),
        outcomes,
        as_of: facts.as_of,
        provenance: Provenance {
            version: VERSION.to_owned(),
            rules_version: settings.verdict.rules_version.clone(),
            run_id: hash_text(&run_ids.join("\n")),
            settings_hash: settings.hash(),
            inputs: Vec::new(),
        },
    };
    let path = root.join("index.html");
    write_file(&path, study_page(&page).as_bytes())?;
    Ok(GroupPage { path, sessions: run_ids.len(), lesions: page.lesions.len(), audit })
}

/// The schedules by which a surveillance visit of a subject is overdue, with the first missed day of each; `None` where
/// there is no such visit. Which schedule applies is the reader's choice, so each is named.
fn overdue(output: &OutputFolder, participant_id: &str) -> Option<String> {
    let kept = kept_surveillance(output, participant_id)?;
    let rows = kept.schedules.iter().filter_map(|row| {
        let first = crate::day::text(*row.overdue.first()?);
        Some(format!("{first} by {}, {} end", row.name, row.end))
    });
    let rows: Vec<String> = rows.collect();
    (!rows.is_empty()).then(|| format!("{} of {} ({})", rows.len(), counted(kept.schedules.len()), rows.join("; ")))
}

fn counted(schedules: usize) -> String {
    if schedules == 1 { "1 schedule".to_owned() } else { format!("{schedules} schedules") }
}

/// Each lesion once, at its latest session, subjects in order and lesions by their number.
fn latest<'a>(subjects: &'a BTreeMap<String, Vec<Finished>>, settings: &Settings) -> Vec<(&'a Finished, StudyRow)> {
    let mut all = Vec::new();
    for (participant_id, sessions) in subjects {
        let mut latest: BTreeMap<(usize, &str), (&Finished, StudyRow)> = BTreeMap::new();
        for session in sessions {
            for lesion in &session.lesions {
                let label = lesion.record.lesion.as_deref().unwrap_or_default();
                let key = (label.parse().unwrap_or(usize::MAX), label);
                if latest.get(&key).is_none_or(|(_, known)| is_later(session.date, known.record.scan_date)) {
                    let point = lesion.time_point(lesion.judge(&settings.verdict), &session.annotations);
                    let (record, verdict, caveats) = (point.record, point.verdict, point.caveats);
                    latest.insert(
                        key,
                        (session, StudyRow { record, verdict, caveats, link: String::new(), thumbnails: Vec::new() }),
                    );
                }
            }
        }
        // The page of a subject numbers its lesions in the same order.
        for (number, (session, mut row)) in latest.into_values().enumerate() {
            row.link = format!("{participant_id}.html#lesion-{}-summary", number + 1);
            all.push((session, row));
        }
    }
    all
}

/// The row of a lesion at the last session that its histology is recorded at; the row itself where there is none.
///
/// METHOD: a biopsy is held against what was measured when it was told, not against a scan months later.
fn at_histology<'a>(subjects: &'a BTreeMap<String, Vec<Finished>>, row: &'a LesionRecord) -> &'a LesionRecord {
    let sessions = row.participant_id.as_ref().and_then(|participant_id| subjects.get(participant_id));
    let lesions = sessions.into_iter().flatten().flat_map(|session| &session.lesions).map(|lesion| &lesion.record);
    let mut found: Option<&LesionRecord> = None;
    for record in lesions.filter(|record| record.lesion == row.lesion && record.histology.is_some()) {
        if found.is_none_or(|known| is_later(record.scan_date, known.scan_date)) {
            found = Some(record);
        }
    }
    found.unwrap_or(row)
}

/// The small pictures of as many lesions as the contact sheet holds.
fn add_thumbnails(output: &OutputFolder, latest: &mut [(&Finished, StudyRow)]) -> Result<(), DatasetError> {
    let mut drawn = 0;
    for (session, row) in latest {
        if drawn == THUMBNAILS {
            break;
        }
        let folder = output.session(&session.participant_id, session.session_id.as_deref());
        let place = session.lesions.iter().position(|lesion| lesion.record.lesion == row.record.lesion);
        let pictures = session.thumbnails(&folder)?;
        if let Some(pictures) = place.and_then(|place| pictures.into_iter().nth(place)) {
            drawn += usize::from(!pictures.is_empty());
            row.thumbnails = pictures;
        }
    }
    Ok(())
}

/// Sessions come in order of their labels: without dates the later label is the later scan.
fn is_later(date: Option<Date>, known: Option<Date>) -> bool {
    match (date, known) {
        (Some(date), Some(known)) => date >= known,
        _ => true,
    }
}
