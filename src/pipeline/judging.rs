//! One subject's finished sessions lined up in time, judged, written and drawn: the half of a run that needs no image.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::finished::{Finished, lesions_name};
use super::followup::{Milestones, line_up};
use super::measured::{Judged, Measured};
use super::response::respond;
use super::session::quality_failed;
use super::subject::VERSION;
use crate::dataset::{
    DatasetError, Drawn, FileRecord, LesionRow, OutputFolder, figure_path, json_text, lesions_dictionary, lesions_tsv,
    measurement_report, write_file,
};
use crate::lesion::LesionRecord;
use crate::quality::{Caveat, CaveatCode};
use crate::report::files::{Figure, figures};
use crate::report::html::subject_page;
use crate::report::model::{LesionPage, Provenance, SubjectPage};
use crate::report::pdf::subject_pdf;
use crate::report::surveillance::Surveillance;
use crate::settings::Settings;
use crate::verdict::{self, Verdict};

/// The doubts that lining up raises; they are raised anew each time.
const RAISED_HERE: [CaveatCode; 5] = [
    CaveatCode::LesionsNotMatched,
    CaveatCode::LesionNotInMask,
    CaveatCode::ScanBeforeTreatment,
    CaveatCode::EarlierHistology,
    CaveatCode::ToldOtherwise,
];

/// Where subjects are written, and by which rules they are judged.
pub struct Judging<'a> {
    /// The output.
    pub output: &'a OutputFolder,
    /// Settings.
    pub settings: &'a Settings,
    /// Their hash.
    pub hash: String,
    /// Whether each subject's report is also drawn as PDF.
    pub pdf: bool,
}

/// What became of a subject.
pub struct JudgedSubject {
    /// The rows of its lesions, as JSON.
    pub lesions: Vec<Value>,
    /// Sessions with a failed quality check.
    pub quality_failures: usize,
}

/// A session without a result: its label and date.
pub type Lacking = (String, Option<Date>);

/// The rows of one lesion: place of the session, place of the row in it.
type Scans = Vec<(usize, usize)>;

impl Judging<'_> {
    /// Lines the sessions of a subject up in time, judges every lesion, writes tables, puts sessions that were measured
    /// now into place, and draws the page. A session of an earlier run is written only where something in it changed.
    /// `lacking` names sessions of the subject that hold a scan and have no result; `None` where only the output is known:
    /// then the rows keep what they say of it. `surveil` tells the surveillance of a sarcoma subject and adds its doubts
    /// to the rows; see [`Judging::kept_surveillance`] for where only the output is known. `failures` names sessions that
    /// failed, with the reason: the page lists them.
    pub fn write(
        &self,
        mut sessions: Vec<Finished>,
        lacking: Option<&[Lacking]>,
        failures: &[(String, String)],
        surveil: impl FnOnce(&mut [Finished]) -> Option<Surveillance>,
    ) -> Result<Option<JudgedSubject>, DatasetError> {
        if sessions.iter().all(|session| session.date.is_some()) {
            sessions.sort_by_key(|session| session.date);
        }
        let Some(subject) = sessions.last().map(|session| session.subject.clone()) else { return Ok(None) };
        let participant_id = sessions[0].participant_id.clone();
        resolve(&mut sessions)?;
        let by_lesion = by_lesion(&sessions);
        let milestones = Milestones { rt_end: subject.rt_end, resection: subject.resection_date };
        for scans in by_lesion.values() {
            follow(&mut sessions, scans, milestones, self.settings);
        }
        tell_lacking(&mut sessions, lacking);
        let surveillance = surveil(&mut sessions);
        self.keep_surveillance(&participant_id, surveillance.as_ref())?;
        let judged: Vec<Vec<Judged>> = sessions
            .iter()
            .map(|session| session.lesions.iter().map(|lesion| lesion.judge(&self.settings.verdict)).collect())
            .collect();
        let mut inputs: Vec<FileRecord> = Vec::new();
        let mut done = JudgedSubject { lesions: Vec::new(), quality_failures: 0 };
        for (session, judged) in sessions.iter_mut().zip(&judged) {
            inputs.extend(session.completion.inputs.iter().cloned());
            if session.asked {
                done.quality_failures += usize::from(session.lesions.iter().any(quality_failed));
                let rows = session.lesions.iter().zip(judged);
                done.lesions.extend(rows.map(|(lesion, judged)| Value::Object(row_json(lesion, &judged.verdict))));
            }
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
            surveillance,
            failures: failures.to_vec(),
            provenance: self.provenance(&sessions, inputs),
        };
        self.draw(&page)?;
        Ok(Some(done))
    }

    /// Draws what a subject's results look like: figures, PDF where it is asked for or stands there from before (it must
    /// not tell another result than the page), and the page.
    fn draw(&self, page: &SubjectPage) -> Result<(), DatasetError> {
        let root = self.output.root();
        let participant_id = &page.participant_id;
        let mut drawn = Drawn::default();
        for Figure { name, drawing } in figures(page) {
            drawn.add(root, &figure_path(participant_id, &format!("{name}.svg")), drawing.svg.as_bytes())?;
            if let Some(png) = drawing.png() {
                drawn.add(root, &figure_path(participant_id, &format!("{name}.png")), &png)?;
            }
        }
        let pdf = format!("{participant_id}.pdf");
        if self.pdf || root.join(&pdf).exists() {
            let bytes = subject_pdf(page)
                .map_err(|error| DatasetError::Unwritable { file: pdf.clone(), problem: error.to_string() })?;
            drawn.add(root, &pdf, &bytes)?;
        }
        drawn.add(root, &format!("{participant_id}.html"), subject_page(page).as_bytes())?;
        drawn.finish(root, participant_id)
    }

    /// Keeps the surveillance of a subject beside its sessions, so that its page can be drawn again.
    fn keep_surveillance(&self, participant_id: &str, found: Option<&Surveillance>) -> Result<(), DatasetError> {
        let Some(found) = found else { return Ok(()) };
        let file = surveillance_name(participant_id);
        let value = serde_json::to_value(found)
            .map_err(|error| DatasetError::Broken { file: file.clone(), problem: error.to_string() })?;
        write_file(&self.output.root().join(participant_id).join(file), json_text(&value).as_bytes())
    }

    /// The surveillance that an earlier run kept of a subject.
    pub fn kept_surveillance(&self, participant_id: &str) -> Option<Surveillance> {
        kept_surveillance(self.output, participant_id)
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
            session.lesions.iter().zip(judged).map(|(lesion, judged)| self.whole_json(lesion, judged)).collect();
        let text = json_text(&json!({
            "participant_id": session.participant_id,
            "session_id": session.session_id,
            "date": session.date.map(crate::day::text),
            "scanner": session.scanner,
            "subject": session.subject,
            "empty_mask": session.empty_mask,
            "run_id": session.completion.run_id.as_str(),
            "version": VERSION,
            "rules_version": self.settings.verdict.rules_version,
            "settings_hash": self.hash,
            "columns": lesions_dictionary(&verdict::COLUMNS, self.settings.pet.suv),
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

    /// Everything of a lesion: the row, and what stands beside it.
    fn whole_json(&self, lesion: &Measured, judged: &Judged) -> Value {
        let row = row_json(lesion, &judged.verdict);
        let report =
            measurement_report(&lesion.record, &row, &self.settings.verdict.rules_version, self.settings.pet.suv);
        let mut whole = row;
        if let Ok(Value::Object(rest)) = serde_json::to_value(lesion) {
            for (key, value) in rest {
                whole.entry(key).or_insert(value);
            }
        }
        whole.insert("reanalysis".to_owned(), serde_json::to_value(&judged.stability).unwrap_or(Value::Null));
        whole.insert("verdict_details".to_owned(), serde_json::to_value(&judged.verdict).unwrap_or(Value::Null));
        whole.insert("measurement_report".to_owned(), report);
        Value::Object(whole)
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

/// The surveillance of a subject, as a run kept it in the output.
pub fn kept_surveillance(output: &OutputFolder, participant_id: &str) -> Option<Surveillance> {
    let path = output.root().join(participant_id).join(surveillance_name(participant_id));
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn surveillance_name(participant_id: &str) -> String {
    format!("{participant_id}_surveillance.json")
}

/// Gives each session whose mask is empty a row for every lesion that an earlier session holds: it has resolved. Rows of
/// an earlier run are made anew.
fn resolve(sessions: &mut [Finished]) -> Result<(), DatasetError> {
    for place in 0..sessions.len() {
        let Some(told) = sessions[place].empty_mask.clone() else { continue };
        let mut known: BTreeMap<(usize, String), Option<String>> = BTreeMap::new();
        for lesion in sessions[..place].iter().flat_map(|session| &session.lesions) {
            let label = lesion.record.lesion.clone().unwrap_or_default();
            known.insert((label.parse().unwrap_or(usize::MAX), label), lesion.record.name.clone());
        }
        let mut lesions = Vec::new();
        for ((_, label), name) in known {
            let record = LesionRecord { lesion: Some(label), name, volume_ml: Some(0.0), ..told.clone() };
            let measured_caveats = vec![Caveat::new(CaveatCode::LesionMaskEmpty, "")];
            let mut lesion = Measured { record, measured_caveats, ..Measured::default() };
            lesion.tell(&sessions[place].annotations, 0)?;
            lesions.push(lesion);
        }
        sessions[place].lesions = lesions;
    }
    Ok(())
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
fn follow(sessions: &mut [Finished], scans: &Scans, milestones: Milestones, settings: &Settings) {
    for &(place, row) in scans {
        sessions[place].lesions[row].measured_caveats.retain(|caveat| !RAISED_HERE.contains(&caveat.code));
    }
    let mut records: Vec<_> = scans.iter().map(|&(place, row)| sessions[place].lesions[row].record.clone()).collect();
    // METHOD: the components of a binary mask are numbered by size, so their numbers name the same lesion at two
    // sessions only where there is one lesion at each.
    // An empty mask holds none of them, whichever is which.
    let drawn: Vec<_> = scans.iter().filter(|(place, _)| sessions[*place].empty_mask.is_none()).collect();
    let ambiguous =
        |&&&(place, row): &&&(usize, usize)| sessions[place].lesions[row].numbered && sessions[place].lesions.len() > 1;
    let matched = drawn.len() < 2 || !drawn.iter().any(|scan| ambiguous(&scan));
    let resolved_ml = settings.verdict.followup.resolved_volume_ml;
    let untreated = if matched {
        line_up(&mut records.iter_mut().collect::<Vec<_>>(), milestones, resolved_ml)
    } else {
        let alone = |(place, record)| (!line_up(&mut [record], milestones, resolved_ml).is_empty()).then_some(place);
        records.iter_mut().enumerate().filter_map(alone).collect()
    };
    respond(sessions, scans, matched, &untreated, settings);
    let mut raised: Vec<(usize, Caveat)> = Vec::new();
    if !matched {
        let names: Vec<&str> = scans.iter().map(|&(place, _)| sessions[place].name()).collect();
        let detail = names.join(", ");
        raised.extend((0..scans.len()).map(|scan| (scan, Caveat::new(CaveatCode::LesionsNotMatched, &detail))));
    }
    if matched {
        raised.extend(earlier_histology(&records));
    }
    for (scan, &(place, row)) in scans.iter().enumerate() {
        let contradictions = sessions[place].lesions[row].contradictions(&sessions[place].annotations);
        raised.extend(contradictions.into_iter().map(|words| (scan, Caveat::new(CaveatCode::ToldOtherwise, words))));
    }
    for scan in untreated {
        let day = records[scan].scan_date.map_or_else(String::new, crate::day::text);
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

/// The scans after a biopsy of the lesion, each with the caveat that names the last one.
///
/// METHOD: histology belongs to the session that it is recorded at. A lesion that was necrosis in January may hold tumor
/// in April, so the images of April are judged by themselves, and the page says what the biopsy found.
fn earlier_histology(records: &[LesionRecord]) -> Vec<(usize, Caveat)> {
    let mut told: Option<String> = None;
    let mut raised = Vec::new();
    for (scan, record) in records.iter().enumerate() {
        match (record.histology, &told) {
            (Some(histology), _) => {
                let session = record.session_id.as_deref().unwrap_or("an earlier session");
                let day = record.scan_date.map_or_else(String::new, |day| format!(" ({})", crate::day::text(day)));
                told = Some(format!("{histology} at {session}{day}"));
            }
            (None, Some(told)) => raised.push((scan, Caveat::new(CaveatCode::EarlierHistology, told.as_str()))),
            (None, None) => {}
        }
    }
    raised
}

/// Tells each row which sessions before it have no result: one of them may be the index scan.
///
/// Where that is not known, what stands there stays, in the same place: the same output has the same bytes.
fn tell_lacking(sessions: &mut [Finished], lacking: Option<&[Lacking]>) {
    for session in sessions {
        let missed = lacking.map(|lacking| missed_before(&session.label, session.date, lacking).join(", "));
        for lesion in &mut session.lesions {
            let caveats = &mut lesion.measured_caveats;
            let known = caveats.iter().find(|caveat| caveat.code == CaveatCode::EarlierSessionMissing).cloned();
            // A row of an earlier run may tell of a session that has its result by now.
            caveats.retain(|caveat| caveat.code != CaveatCode::EarlierSessionMissing);
            caveats.extend(match &missed {
                None => known,
                Some(missed) if missed.is_empty() => None,
                Some(missed) => Some(Caveat::new(CaveatCode::EarlierSessionMissing, missed.clone())),
            });
        }
    }
}

/// Which of the sessions without a result come before a session: by date where both are dated, by label otherwise.
fn missed_before<'a>(label: &str, date: Option<Date>, lacking: &'a [Lacking]) -> Vec<&'a str> {
    let before = |(other, other_date): &&Lacking| match (other_date, date) {
        (Some(other), Some(date)) if *other != date => *other < date,
        _ => other.as_str() < label,
    };
    lacking.iter().filter(before).map(|(other, _)| other.as_str()).collect()
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn session(name: &str, day: Date, lesions: &[(&str, f64)], numbered: bool) -> Finished {
        let lesion = |(label, volume): &(&str, f64)| Measured {
            record: LesionRecord {
                lesion: Some((*label).to_owned()),
                scan_date: Some(day),
                volume_ml: Some(*volume),
                ..Default::default()
            },
            numbered,
            ..Default::default()
        };
        Finished::in_memory(name, day, lesions.iter().map(lesion).collect())
    }

    fn followed(mut sessions: Vec<Finished>) -> Vec<Finished> {
        // Twice, as in a run after a run: nothing is told twice.
        for _ in 0..2 {
            for scans in by_lesion(&sessions).values() {
                follow(&mut sessions, scans, Milestones::default(), &Settings::load(None).unwrap());
            }
        }
        sessions
    }

    fn caveats(session: &Finished, row: usize) -> Vec<String> {
        session.lesions[row].measured_caveats.iter().map(ToString::to_string).collect()
    }

    const JANUARY: Date = date(2026, 1, 5);
    const MARCH: Date = date(2026, 3, 2);
    const MAY: Date = date(2026, 5, 4);

    #[test]
    fn a_lesion_that_a_later_mask_leaves_out_is_told_where_it_was_last_seen() {
        let sessions = followed(vec![
            session("ses-01", JANUARY, &[("1", 4.0), ("2", 2.0)], false),
            session("ses-02", MARCH, &[("1", 4.4)], false),
            session("ses-03", MAY, &[("1", 4.4), ("3", 1.0)], false),
        ]);
        assert_eq!(caveats(&sessions[0], 1), ["LESION_NOT_IN_MASK: ses-02, ses-03"]);
        assert!(
            caveats(&sessions[2], 0).is_empty() && caveats(&sessions[2], 1).is_empty(),
            "a new lesion is not missed"
        );
        let round = |place: usize, row: usize| sessions[place].lesions[row].record.followup_round;
        assert_eq!((round(1, 0), round(2, 0), round(2, 1)), (Some(1.0), Some(2.0), None));
    }

    #[test]
    fn an_empty_mask_says_that_the_lesions_known_before_have_resolved() {
        let mut sessions =
            vec![session("ses-01", JANUARY, &[("1", 4.0), ("2", 2.0)], true), session("ses-02", MARCH, &[], false)];
        let pathway = Some(crate::clinical::Pathway::Glioma);
        sessions[1].empty_mask = Some(LesionRecord { scan_date: Some(MARCH), pathway, ..Default::default() });
        // Twice, as in a run after a run.
        for _ in 0..2 {
            resolve(&mut sessions).unwrap();
            for scans in by_lesion(&sessions).values() {
                follow(&mut sessions, scans, Milestones::default(), &Settings::load(None).unwrap());
            }
        }
        assert_eq!(sessions[1].lesions.len(), 2);
        let settings = Settings::load(None).unwrap();
        for lesion in &sessions[1].lesions {
            assert_eq!(lesion.record.followup_change_percent, Some(-100.0));
            assert_eq!(lesion.measured_caveats[0].code, CaveatCode::LesionMaskEmpty);
            let verdict = lesion.judge(&settings.verdict).verdict;
            assert_eq!(verdict.class, Some(verdict::Class::RadiationNecrosis), "day 56, resolved: rule F2 or F2c");
        }
        let mut first = vec![session("ses-01", JANUARY, &[], false)];
        first[0].empty_mask = Some(LesionRecord::default());
        resolve(&mut first).unwrap();
        assert!(first[0].lesions.is_empty(), "nothing was known before");
    }

    #[test]
    fn components_of_binary_masks_are_compared_only_where_there_is_one() {
        let one = followed(vec![
            session("ses-01", JANUARY, &[("1", 4.0)], true),
            session("ses-02", MARCH, &[("1", 6.0)], true),
        ]);
        assert_eq!(one[1].lesions[0].record.followup_change_percent, Some(50.0));
        let two = followed(vec![
            session("ses-01", JANUARY, &[("1", 4.0)], true),
            session("ses-02", MARCH, &[("1", 6.0), ("2", 3.0)], true),
        ]);
        assert_eq!(two[1].lesions[0].record.followup_change_percent, None);
        assert_eq!(caveats(&two[1], 0), ["LESIONS_NOT_MATCHED: ses-01, ses-02"]);
        assert_eq!(two[1].lesions[1].record.followup_round, None);
    }

    #[test]
    fn sessions_without_a_result_are_told_by_date() {
        let lacking = [("sub-01_ses-09".to_owned(), Some(JANUARY)), ("sub-01_ses-01".to_owned(), Some(MAY))];
        assert_eq!(missed_before("sub-01_ses-02", Some(MARCH), &lacking), ["sub-01_ses-09"]);
        assert_eq!(missed_before("sub-01_ses-02", None, &lacking), ["sub-01_ses-01"]);
    }
}
