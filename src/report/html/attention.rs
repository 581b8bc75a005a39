//! What needs attention in a study: what failed, what is overdue, what has no answer or a contradicted one.

use jiff::civil::Date;
use maud::{Markup, html};

use super::study::{counted, link};
use super::summary::rule_title;
use crate::clinical::Histology;
use crate::quality::{CaveatCode, Quality};
use crate::report::figures::glyph;
use crate::report::model::{StudyPage, StudyRow};
use crate::report::number::days;
use crate::report::words;
use crate::verdict::{Class, Pole};

/// Entries of a list of the study page that stand open; more fold away.
pub const OPEN_ENTRIES: usize = 6;

/// Kinds of series with a quality word.
const SERIES: usize = 4;

/// Where a follow-up stands on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The window has not opened.
    Later,
    /// The day lies in the window.
    Open,
    /// The window has closed, and no later session exists.
    Overdue,
}

/// Failed sessions and measurements, overdue visits, lesions without an answer or with contradicting ones, and the
/// cautions in one line.
pub fn attention(page: &StudyPage) -> Markup {
    let of = |wanted: &dyn Fn(&StudyRow) -> bool, entry: fn(&StudyRow) -> Markup| -> Vec<Markup> {
        page.lesions.iter().filter(|row| wanted(row)).map(entry).collect()
    };
    let is_due = |wanted: Due| move |row: &StudyRow| due(row, page.as_of) == Some(wanted);
    let indeterminate = |row: &StudyRow| row.verdict.class == Some(Class::Indeterminate);
    let failures = page.failures.iter().map(|(session, reason)| failure_entry(page, session, reason)).collect();
    let overdue = page.overdue.iter().map(|(participant_id, told)| {
        html! { a href={ (participant_id) ".html#surveillance" } { (participant_id) } ": " (told) }
    });
    let groups: [(Quality, &str, Vec<Markup>); 8] = [
        (Quality::Fail, "Not processed", failures),
        (Quality::Fail, "Quality failed", of(&failed, failed_entry)),
        (Quality::Fail, "Follow-up overdue", of(&is_due(Due::Overdue), due_entry)),
        (Quality::Fail, "Surveillance visit overdue", overdue.collect()),
        (Quality::Caution, "Follow-up window open", of(&is_due(Due::Open), due_entry)),
        (Quality::Caution, "Indeterminate", of(&indeterminate, rule_entry)),
        (
            Quality::Caution,
            "Measures or biopsy disagree with the result",
            of(&|row| !indeterminate(row) && discordance(row).is_some(), discordant_entry),
        ),
        (Quality::Caution, "Measured, not judged", of(&|row| row.verdict.class.is_none(), link)),
    ];
    let cautions = cautions(page);
    html! {
        @if groups.iter().all(|(.., entries)| entries.is_empty()) && cautions.is_none() {
            p { "Nothing." @if page.as_of.is_none() { (words::NO_AS_OF) } }
        } @else {
            dl .att {
                @for (severity, title, entries) in &groups {
                    @if !entries.is_empty() {
                        dt { span class={ "gl " (glyph::quality_style(*severity)) } { (glyph::quality(*severity)) (title) } }
                        dd { (entry_list(entries)) }
                    }
                }
                @if let Some(cautions) = cautions {
                    dt { span class={ "gl " (glyph::quality_style(Quality::Caution)) } { (glyph::quality(Quality::Caution)) "Cautions" } }
                    dd { (cautions) }
                }
            }
        }
    }
}

/// The cautions of the study in one line, such as `Quality of DSC in 2 lesions, of PET in 1 lesion; caveats at
/// 3 of 4 lesions.`
fn cautions(page: &StudyPage) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for place in 0..SERIES {
        let of_series = page.lesions.iter().map(|row| qualities(row)[place]);
        let lesions: Vec<&str> =
            of_series.filter(|(_, word)| *word == Some(Quality::Caution)).map(|(name, _)| name).collect();
        if let Some(name) = lesions.first() {
            parts.push(format!("of {name} in {}", counted(lesions.len(), "lesion", "lesions")));
        }
    }
    let doubted = page.lesions.iter().filter(|row| caveats(row) > 0).count();
    let caveats =
        (doubted > 0).then(|| format!("caveats at {doubted} of {}", counted(page.lesions.len(), "lesion", "lesions")));
    let quality = (!parts.is_empty()).then(|| format!("Quality {}", parts.join(", ")));
    let line = quality.into_iter().chain(caveats).collect::<Vec<_>>().join("; ");
    (!line.is_empty()).then(|| format!("{}.", words::capitalized(&line)))
}

/// Doubts of a lesion, each once.
pub fn caveats(row: &StudyRow) -> usize {
    row.caveats.iter().chain(row.verdict.caveats.iter().filter(|caveat| !row.caveats.contains(caveat))).count()
}

/// Why a lesion has no answer.
fn rule_entry(row: &StudyRow) -> Markup {
    html! {
        (link(row))
        @if let Some(rule) = row.verdict.rule {
            ": "
            @if let Some(title) = rule_title(rule) { (title) " (rule " (rule) ")" } @else { "rule " (rule) }
        }
        @if let Some(told) = discordance(row) { "; " (told) }
    }
}

/// A lesion with an answer that a measure or a biopsy contradicts.
fn discordant_entry(row: &StudyRow) -> Markup {
    html! { (link(row)) ": " @if let Some(told) = discordance(row) { (told) } }
}

/// What contradicts: measures at opposite poles, or a biopsy at an earlier session that found the opposite.
fn discordance(row: &StudyRow) -> Option<String> {
    let poles = |pole: Pole| -> Vec<&str> {
        row.verdict
            .findings
            .iter()
            .filter(|finding| finding.pole == pole)
            .map(|finding| finding.name.as_str())
            .collect()
    };
    let (high, low) = (poles(Pole::High), poles(Pole::Low));
    let measures = (!high.is_empty() && !low.is_empty())
        .then(|| format!("{} high, {} low", high.join(" and "), low.join(" and ")));
    let biopsy = earlier_histology(row).filter(|told| {
        let necrosis = told.starts_with(Histology::Necrosis.as_str());
        match row.verdict.class {
            Some(Class::Recurrence | Class::SuspectedRecurrence) => necrosis,
            Some(Class::RadiationNecrosis | Class::Stable) => !necrosis,
            Some(Class::Indeterminate) | None => false,
        }
    });
    let told: Vec<String> = measures.into_iter().chain(biopsy.map(|told| format!("biopsy: {told}"))).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Entries one below the other; a long list folds.
fn entry_list(entries: &[Markup]) -> Markup {
    let list = html! { ul { @for entry in entries { li { (entry) } } } };
    html! {
        @if entries.len() > OPEN_ENTRIES {
            details { summary { (counted(entries.len(), "entry", "entries")) } (list) }
        } @else {
            (list)
        }
    }
}

/// A session without a result, linked to its subject's page where other sessions made one.
fn failure_entry(page: &StudyPage, session: &str, reason: &str) -> Markup {
    let subject = session.split('_').next().unwrap_or_default();
    let drawn = page.lesions.iter().any(|row| row.record.participant_id.as_deref() == Some(subject));
    html! {
        @if drawn { a href={ (subject) ".html" } { b { (session) } } } @else { b { (session) } }
        ": " (reason)
    }
}

/// A lesion whose follow-up is due.
fn due_entry(row: &StudyRow) -> Markup {
    html! {
        (link(row))
        @if let Some(window) = row.verdict.window { ": " (days(window.start, window.end)) }
    }
}

/// A lesion with a measurement that failed its checks.
fn failed_entry(row: &StudyRow) -> Markup {
    let names: Vec<&str> =
        qualities(row).into_iter().filter(|(_, word)| *word == Some(Quality::Fail)).map(|(name, _)| name).collect();
    html! { (link(row)) ": " (names.join(", ")) }
}

fn qualities(row: &StudyRow) -> [(&'static str, Option<Quality>); SERIES] {
    let record = &row.record;
    [("DSC", record.dsc_quality), ("ASL", record.asl_quality), ("DCE", record.dce_quality), ("PET", record.pet_quality)]
}

fn failed(row: &StudyRow) -> bool {
    qualities(row).iter().any(|(_, word)| *word == Some(Quality::Fail))
}

/// Where the follow-up of a lesion stands on a day; `None` without a window or a day.
pub fn due(row: &StudyRow, as_of: Option<Date>) -> Option<Due> {
    let (window, today) = (row.verdict.window?, as_of?);
    Some(if today < window.start {
        Due::Later
    } else if today <= window.end {
        Due::Open
    } else {
        Due::Overdue
    })
}

/// What a biopsy at an earlier session found, such as `necrosis at ses-01 (2026-01-05)`.
pub fn earlier_histology(row: &StudyRow) -> Option<&str> {
    let told = row.caveats.iter().find(|caveat| caveat.code == CaveatCode::EarlierHistology)?;
    Some(&told.detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Verdict, Window, judge};

    fn row(window: Option<Window>) -> StudyRow {
        StudyRow {
            record: Default::default(),
            verdict: Verdict {
                class: Some(Class::Indeterminate),
                rule: Some("B6"),
                window,
                next_steps: Vec::new(),
                caveats: Vec::new(),
                ..judge(&Default::default(), &crate::settings::default_section("verdict"))
            },
            caveats: Vec::new(),
            link: "sub-01.html#lesion-1-summary".to_owned(),
            thumbnails: Vec::new(),
        }
    }

    #[test]
    fn a_window_is_open_on_its_first_and_its_last_day() {
        let date = |text: &str| -> Date { text.parse().unwrap() };
        let row = row(Some(Window { start: date("2026-02-16"), end: date("2026-03-02") }));
        for (today, expected) in [
            ("2026-02-15", Due::Later),
            ("2026-02-16", Due::Open),
            ("2026-03-02", Due::Open),
            ("2026-03-03", Due::Overdue),
        ] {
            assert_eq!(due(&row, Some(date(today))), Some(expected), "{today}");
        }
        assert_eq!(due(&row, None), None);
    }

    fn page(lesions: Vec<StudyRow>) -> StudyPage {
        StudyPage {
            title: "study".to_owned(),
            lesions,
            failures: Vec::new(),
            overdue: Vec::new(),
            audit: None,
            outcomes: Vec::new(),
            as_of: Some("2026-01-01".parse().unwrap()),
            provenance: crate::report::model::Provenance {
                version: String::new(),
                rules_version: String::new(),
                run_id: String::new(),
                settings_hash: String::new(),
                inputs: Vec::new(),
            },
        }
    }

    #[test]
    fn indeterminate_lesions_need_attention_and_cautions_stand_in_one_line() {
        let mut doubtful = row(None);
        doubtful.record.dsc_quality = Some(Quality::Caution);
        doubtful.caveats = vec![crate::quality::Caveat::new(CaveatCode::BaselineMissing, "")];
        let text = attention(&page(vec![doubtful, row(None)])).into_string();
        assert!(!text.contains("Nothing"), "{text}");
        assert!(text.contains("Indeterminate") && text.contains("perfusion grey, PET grey (rule B6)"), "{text}");
        assert!(text.contains("href=\"sub-01.html#lesion-1-summary\""), "{text}");
        assert!(text.contains("Quality of DSC in 1 lesion; caveats at 1 of 2 lesions."), "{text}");
    }

    #[test]
    fn only_a_study_without_a_doubt_needs_nothing() {
        let mut settled = row(None);
        settled.verdict.class = Some(Class::Recurrence);
        assert!(attention(&page(vec![settled.clone()])).into_string().contains("Nothing."));
        let mut overdue = page(vec![settled]);
        overdue.overdue.push(("sub-01".to_owned(), "2025-11-01 (rps)".to_owned()));
        let text = attention(&overdue).into_string();
        assert!(text.contains("sub-01.html#surveillance") && text.contains("2025-11-01"), "{text}");
    }

    #[test]
    fn a_biopsy_that_found_the_opposite_needs_attention() {
        let told = |class: Class, histology: &str| {
            let mut row = row(None);
            row.verdict.class = Some(class);
            let detail = format!("{histology} at ses-01 (2026-01-05)");
            row.caveats = vec![crate::quality::Caveat::new(CaveatCode::EarlierHistology, detail)];
            attention(&page(vec![row])).into_string().contains("biopsy: ")
        };
        assert!(told(Class::Recurrence, "necrosis") && told(Class::RadiationNecrosis, "tumor"));
        assert!(!told(Class::Recurrence, "mixed") && !told(Class::RadiationNecrosis, "necrosis"));
    }
}
