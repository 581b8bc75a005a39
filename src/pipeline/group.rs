//! The study as a whole: one table, one page, from the finished sessions of the output.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::GroupPage;
use super::Summary;
use super::measured::Measured;
use super::subject::{VERSION, read_measured, reasons};
use crate::dataset::{
    Completion, DatasetError, OutputFolder, hash_text, json_text, lesions_dictionary, merge_sessions, write_file,
};
use crate::report::html::study_page;
use crate::report::model::{Provenance, StudyPage, StudyRow};
use crate::settings::Settings;
use crate::study::{Readiness, Study};
use crate::verdict::{self, judge};

/// Writes `lesions.tsv`, its dictionary and `index.html`; returns the page.
pub fn write(
    study: &Study,
    output: &OutputFolder,
    as_of: Option<Date>,
    settings: &Settings,
    summary: &Summary,
) -> Result<GroupPage, DatasetError> {
    let root = output.root();
    let table = merge_sessions(root, &verdict::COLUMNS)?;
    write_file(&root.join("lesions.tsv"), table.text.as_bytes())?;
    write_file(&root.join("lesions.json"), json_text(&lesions_dictionary(&verdict::COLUMNS)).as_bytes())?;

    let mut failures = summary.failures.clone();
    let mut latest: BTreeMap<(String, usize, String), StudyRow> = BTreeMap::new();
    let mut run_ids = Vec::new();
    for session in study.sessions() {
        let stem = session.stem();
        let folder = output.session(&session.participant_id, session.session_id.as_deref());
        let Some(measured) = read_measured(&folder, &stem) else {
            let told = failures.iter().any(|(label, _)| *label == stem);
            match session.readiness() {
                _ if told => {}
                Readiness::Ready => failures.push((stem, "no result: not processed yet, or failed".to_owned())),
                Readiness::Broken(problems) => failures.push((stem, reasons(problems))),
                Readiness::NothingToMeasure => {}
            }
            continue;
        };
        if let Ok(Some(completion)) = Completion::read(&folder, &stem) {
            run_ids.push(completion.run_id.as_str().to_owned());
        }
        for lesion in measured {
            let label = lesion.record.lesion.clone().unwrap_or_default();
            let key = (session.participant_id.clone(), label.parse().unwrap_or(usize::MAX), label.clone());
            let row = row(lesion, settings);
            let newer = latest.get(&key).is_none_or(|known| is_later(row.record.scan_date, known.record.scan_date));
            if newer {
                latest.insert(key, row);
            }
        }
    }
    failures.sort();
    // The page of a subject numbers its lesions in the same order.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for ((participant_id, ..), row) in &mut latest {
        let number = numbers.entry(participant_id.clone()).or_default();
        *number += 1;
        row.link = format!("{participant_id}.html#lesion-{number}-summary");
    }
    let page = StudyPage {
        title: study.title.clone(),
        lesions: latest.into_values().collect(),
        failures,
        as_of,
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
    Ok(GroupPage { path, sessions: run_ids.len(), lesions: page.lesions.len() })
}

fn row(lesion: Measured, settings: &Settings) -> StudyRow {
    let verdict = judge(&lesion.record, &settings.verdict);
    let point = lesion.judged(verdict);
    StudyRow { record: point.record, verdict: point.verdict, caveats: point.caveats, link: String::new() }
}

/// Sessions come in order of their labels: without dates the later label is the later scan.
fn is_later(date: Option<Date>, known: Option<Date>) -> bool {
    match (date, known) {
        (Some(date), Some(known)) => date >= known,
        _ => true,
    }
}
