//! One subject's finished sessions lined up in time, judged, written and drawn: the half of a run that needs no image.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::finished::{Finished, lesions_name};
use super::followup::{Milestones, line_up};
use super::measured::{Judged, Measured};
use super::session::quality_failed;
use super::subject::VERSION;
use crate::dataset::{
    DatasetError, FileRecord, LesionRow, OutputFolder, json_text, lesions_dictionary, lesions_tsv, write_file,
};
use crate::quality::{Caveat, CaveatCode};
use crate::report::html::subject_page;
use crate::report::model::{LesionPage, Provenance, SubjectPage};
use crate::settings::Settings;
use crate::verdict::{self, Verdict};

/// The doubts that lining up raises; they are raised anew each time.
const RAISED_HERE: [CaveatCode; 3] =
    [CaveatCode::LesionsNotMatched, CaveatCode::LesionNotInMask, CaveatCode::ScanBeforeTreatment];

/// Where subjects are written, and by which rules they are judged.
pub struct Judging<'a> {
    /// The output.
    pub output: &'a OutputFolder,
    /// Settings.
    pub settings: &'a Settings,
    /// Their hash.
    pub hash: String,
}

/// What became of a subject.
pub struct JudgedSubject {
    /// The rows of its lesions, as JSON.
    pub lesions: Vec<Value>,
    /// Sessions with a failed quality check.
    pub quality_failures: usize,
}

/// The rows of one lesion: place of the session, place of the row in it.
type Scans = Vec<(usize, usize)>;

impl Judging<'_> {
    /// Lines the sessions of a subject up in time, judges every lesion, writes tables, puts sessions that were measured
    /// now into place, and draws the page. A session of an earlier run is written only where something in it changed.
    pub fn write(&self, mut sessions: Vec<Finished>) -> Result<Option<JudgedSubject>, DatasetError> {
        if sessions.iter().all(|session| session.date.is_some()) {
            sessions.sort_by_key(|session| session.date);
        }
        let Some(subject) = sessions.last().map(|session| session.subject.clone()) else { return Ok(None) };
        let participant_id = sessions[0].participant_id.clone();
        let by_lesion = by_lesion(&sessions);
        let milestones = Milestones { rt_end: subject.rt_end, resection: subject.resection_date };
        for scans in by_lesion.values() {
            follow(&mut sessions, scans, milestones);
        }
        let judged: Vec<Vec<Judged>> = sessions
            .iter()
            .map(|session| session.lesions.iter().map(|lesion| lesion.judge(&self.settings.verdict)).collect())
            .collect();
        let mut inputs: Vec<FileRecord> = Vec::new();
        let mut done = JudgedSubject { lesions: Vec::new(), quality_failures: 0 };
        for (session, judged) in sessions.iter_mut().zip(&judged) {
            inputs.extend(session.completion.inputs.iter().cloned());
            done.quality_failures += usize::from(session.lesions.iter().any(quality_failed));
            let rows = session.lesions.iter().zip(judged);
            done.lesions.extend(rows.map(|(lesion, judged)| Value::Object(row_json(lesion, &judged.verdict))));
            self.write_session(session, judged)?;
        }
        let lesions = by_lesion.values().map(|scans| LesionPage {
            time_points: scans
                .iter()
                .map(|&(place, row)| {
                    let session = &sessions[place];
                    session.lesions[row].time_point(judged[place][row].clone(), &session.annotations)
                })
                .collect(),
        });
        let page = SubjectPage {
            participant_id: participant_id.clone(),
            diagnosis: subject.diagnosis,
            radiotherapy: subject.radiotherapy,
            radiotherapy_end: subject.rt_end,
            study_link: Some("index.html".to_owned()),
            lesions: lesions.collect(),
            provenance: self.provenance(&sessions, inputs),
        };
        let path = self.output.root().join(format!("{participant_id}.html"));
        write_file(&path, subject_page(&page).as_bytes())?;
        Ok(Some(done))
    }

    fn write_session(&self, session: &mut Finished, judged: &[Judged]) -> Result<(), DatasetError> {
        let folder = match &session.staging {
            Some(staging) => staging.folder().to_path_buf(),
            None => self.output.session(&session.participant_id, session.session_id.as_deref()),
        };
        let rows: Vec<LesionRow> = session
            .lesions
            .iter()
            .zip(judged)
            .map(|(lesion, judged)| LesionRow {
                record: lesion.record.clone(),
                verdict: judged.verdict.columns(codes(lesion)),
            })
            .collect();
        let tsv = lesions_tsv(&rows, &verdict::COLUMNS);
        let lesions: Vec<Value> =
            session.lesions.iter().zip(judged).map(|(lesion, judged)| whole_json(lesion, judged)).collect();
        let text = json_text(&json!({
            "participant_id": session.participant_id,
            "session_id": session.session_id,
            "date": session.date,
            "scanner": session.scanner,
            "subject": session.subject,
            "run_id": session.completion.run_id.as_str(),
            "version": VERSION,
            "rules_version": self.settings.verdict.rules_version,
            "settings_hash": self.hash,
            "columns": lesions_dictionary(&verdict::COLUMNS),
            "lesions": lesions,
        }));
        let files = [(format!("{}_lesions.tsv", session.label), tsv), (lesions_name(&session.label), text)];
        let changed = session.staging.is_some()
            || files
                .iter()
                .any(|(name, text)| std::fs::read_to_string(folder.join(name)).ok().as_deref() != Some(text.as_str()));
        if changed {
            for (name, text) in &files {
                write_file(&folder.join(name), text.as_bytes())?;
            }
            session.completion = session.completion.clone().write(&folder, &session.label)?;
        }
        if let Some(staging) = session.staging.take() {
            staging.commit()?;
        }
        Ok(())
    }

    fn provenance(&self, sessions: &[Finished], inputs: Vec<FileRecord>) -> Provenance {
        let ids: Vec<&str> = sessions.iter().map(|session| session.completion.run_id.as_str()).collect();
        let run_id = match ids[..] {
            [one] => one.to_owned(),
            _ => crate::dataset::hash_text(&ids.join("\n")),
        };
        Provenance {
            version: VERSION.to_owned(),
            rules_version: self.settings.verdict.rules_version.clone(),
            run_id,
            settings_hash: self.hash.clone(),
            inputs: inputs.into_iter().map(|record| (record.path, record.sha256)).collect(),
        }
    }
}

/// The rows of each lesion over the sessions, lesions by their number.
fn by_lesion(sessions: &[Finished]) -> BTreeMap<(usize, String), Scans> {
    let mut by_lesion: BTreeMap<(usize, String), Scans> = BTreeMap::new();
    for (place, session) in sessions.iter().enumerate() {
        for (row, lesion) in session.lesions.iter().enumerate() {
            let label = lesion.record.lesion.clone().unwrap_or_default();
            by_lesion.entry((label.parse().unwrap_or(usize::MAX), label)).or_default().push((place, row));
        }
    }
    by_lesion
}

/// Fills the follow-up columns of one lesion, and tells where it cannot be followed.
fn follow(sessions: &mut [Finished], scans: &Scans, milestones: Milestones) {
    for &(place, row) in scans {
        sessions[place].lesions[row].measured_caveats.retain(|caveat| !RAISED_HERE.contains(&caveat.code));
    }
    let mut records: Vec<_> = scans.iter().map(|&(place, row)| sessions[place].lesions[row].record.clone()).collect();
    // METHOD: the components of a binary mask are numbered by size, so their numbers name the same lesion at two
    // sessions only where there is one lesion at each.
    let ambiguous =
        |&&(place, row): &&(usize, usize)| sessions[place].lesions[row].numbered && sessions[place].lesions.len() > 1;
    let matched = scans.len() < 2 || !scans.iter().any(|scan| ambiguous(&scan));
    let untreated = if matched {
        line_up(&mut records.iter_mut().collect::<Vec<_>>(), milestones)
    } else {
        let alone = |(place, record)| (!line_up(&mut [record], milestones).is_empty()).then_some(place);
        records.iter_mut().enumerate().filter_map(alone).collect()
    };
    let mut raised: Vec<(usize, Caveat)> = Vec::new();
    if !matched {
        let names: Vec<&str> = scans.iter().map(|&(place, _)| sessions[place].name()).collect();
        let detail = names.join(", ");
        raised.extend((0..scans.len()).map(|scan| (scan, Caveat::new(CaveatCode::LesionsNotMatched, &detail))));
    }
    for scan in untreated {
        let day = records[scan].scan_date.map_or_else(String::new, |day| day.to_string());
        raised.push((scan, Caveat::new(CaveatCode::ScanBeforeTreatment, day)));
    }
    if let (Some(&(first, _)), Some(last)) = (scans.first(), scans.len().checked_sub(1)) {
        let holds = |place: usize| scans.iter().any(|&(held, _)| held == place);
        let without: Vec<&str> =
            (first + 1..sessions.len()).filter(|&place| !holds(place)).map(|place| sessions[place].name()).collect();
        if !without.is_empty() {
            raised.push((last, Caveat::new(CaveatCode::LesionNotInMask, without.join(", "))));
        }
    }
    for (&(place, row), record) in scans.iter().zip(records) {
        sessions[place].lesions[row].record = record;
    }
    for (scan, caveat) in raised {
        let (place, row) = scans[scan];
        sessions[place].lesions[row].measured_caveats.push(caveat);
    }
}

/// The row as flat JSON: measured columns, then those of the verdict.
pub fn row_json(lesion: &Measured, verdict: &Verdict) -> Map<String, Value> {
    let mut row = lesion.record.json();
    row.extend(verdict.json(codes(lesion)));
    row
}

fn codes(lesion: &Measured) -> impl Iterator<Item = &'static str> + '_ {
    lesion.measured_caveats.iter().map(|caveat| caveat.code.as_str())
}

/// Everything of a lesion: the row, and what stands beside it.
fn whole_json(lesion: &Measured, judged: &Judged) -> Value {
    let mut whole = row_json(lesion, &judged.verdict);
    if let Ok(Value::Object(rest)) = serde_json::to_value(lesion) {
        for (key, value) in rest {
            whole.entry(key).or_insert(value);
        }
    }
    whole.insert("reanalysis".to_owned(), serde_json::to_value(&judged.stability).unwrap_or(Value::Null));
    whole.insert("verdict_details".to_owned(), serde_json::to_value(&judged.verdict).unwrap_or(Value::Null));
    Value::Object(whole)
}
