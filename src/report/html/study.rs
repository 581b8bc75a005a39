//! The study page: how many read which way, what needs attention, and every lesion with a link to its page.

use std::collections::BTreeMap;

use jiff::civil::Date;
use maud::{Markup, html};

use super::attention::{Due, OPEN_ENTRIES, attention, caveats, due, earlier_histology};
use super::shell::{Page, short};
use super::study_figures;
use crate::cohort::{Audit, Rate};
use crate::report::figures::glyph;
use crate::report::model::{StudyPage, StudyRow};
use crate::report::number::{Shown, day, days, shown, value};
use crate::report::words;
use crate::verdict::Class;

/// Finds, filters and sorts the table; without it the table stands in the order of the study.
const SCRIPT: &str = include_str!("study.js");

/// The results of the bar, from left to right.
pub const RESULTS: [Option<Class>; 6] = [
    Some(Class::RadiationNecrosis),
    Some(Class::Stable),
    Some(Class::Indeterminate),
    None,
    Some(Class::SuspectedRecurrence),
    Some(Class::Recurrence),
];

/// The study's page as a self-contained HTML file.
pub fn study_page(page: &StudyPage) -> String {
    let body = html! {
        header .head {
            div {
                h1 { (page.title) }
                p .what { (counted(page.lesions.len(), "lesion", "lesions")) ", each at its latest session." }
            }
            dl .facts {
                dt { "Rules" } dd { (page.provenance.rules_version) }
                dt { "Told as of" } dd { (page.as_of.map_or_else(|| "no date given".to_owned(), day)) }
                dt { "Run" } dd .mono { (short(&page.provenance.run_id)) }
            }
        }
        section #results .results aria-label="Results" { (bar(page)) }
        section #attention .keep { h2 .section { "Needs attention" } (attention(page)) }
        section #measures { h2 .section { (words::MEASURES_TITLE) } (study_figures::measures(page)) }
        section #histology { h2 .section { (words::HISTOLOGY_TITLE) } (study_figures::histology(&page.outcomes)) }
        section #images { h2 .section { "Images" } (study_figures::contact_sheet(page)) }
        section #lesions { h2 .section { "Lesions" } (table(page)) }
        @if let Some(audit) = &page.audit { section #audit .keep { h2 .section { (words::AUDIT_TITLE) } (audit_table(audit)) } }
        section #provenance { (provenance(page)) }
    };
    Page {
        title: format!("{}: {}", page.title, counted(page.lesions.len(), "lesion", "lesions")),
        print_foot: format!("{} · run {}", page.title, short(&page.provenance.run_id)),
        links: [
            ("results", "Results"),
            ("attention", "Needs attention"),
            ("measures", "Measures"),
            ("histology", "Histology"),
            ("images", "Images"),
            ("lesions", "Lesions"),
            ("provenance", "Provenance"),
        ]
        .map(|(target, words)| (format!("#{target}"), words.to_owned()))
        .to_vec(),
        body,
        provenance: &page.provenance,
        script: Some(SCRIPT),
    }
    .write()
}

/// How many lesions read which way, as lengths and as numbers.
fn bar(page: &StudyPage) -> Markup {
    let counts: Vec<(Option<Class>, usize)> = RESULTS
        .into_iter()
        .map(|class| (class, page.lesions.iter().filter(|row| row.verdict.class == class).count()))
        .filter(|(_, count)| *count > 0)
        .collect();
    html! {
        @if counts.is_empty() {
            p { (words::NO_LESIONS) }
        } @else {
            div .bar aria-hidden="true" {
                @for (class, count) in &counts {
                    i .hatched[class == &Some(Class::Indeterminate)] .hollow[class.is_none()]
                        style={ "flex-grow:" (count) ";--c:" (glyph::class_color(*class)) } {}
                }
            }
            ul .counts {
                @for (class, count) in &counts {
                    li { span class={ "gl " (glyph::class_style(*class)) } { (glyph::class(*class)) (count) } " " (words::class(*class)) }
                }
            }
        }
    }
}

/// `sub-01 lesion 1`, linked to its page.
pub fn link(row: &StudyRow) -> Markup {
    html! { a href=(row.link) { (label(row)) } }
}

/// `sub-01 lesion 1`.
pub fn label(row: &StudyRow) -> String {
    let subject = row.record.participant_id.as_deref().unwrap_or("subject not recorded");
    match &row.record.lesion {
        Some(lesion) => format!("{subject} lesion {lesion}"),
        None => subject.to_owned(),
    }
}

/// Every lesion.
fn table(page: &StudyPage) -> Markup {
    let histology = page.lesions.iter().any(|row| row.record.histology.is_some() || earlier_histology(row).is_some());
    html! {
        div .tools .screen hidden {
            label { "Find " input #find type="search" placeholder="sub-01" autocomplete="off"; }
            span .seg role="group" aria-label="Filter by result" {
                button type="button" .btn data-result="" aria-pressed="true" { "All" }
                @for class in RESULTS {
                    @if page.lesions.iter().any(|row| row.verdict.class == class) {
                        button type="button" .btn data-result=(words::class(class)) aria-pressed="false" { (words::class(class)) }
                    }
                }
            }
            output #shown aria-live="polite" {}
        }
        div .tblscroll tabindex="0" role="group" aria-label="Lesions" {
            table .list {
                thead { tr {
                    th scope="col" { "Lesion" }
                    th scope="col" { "Result" }
                    th scope="col" .n { "rCBV" }
                    th scope="col" .n { "TBR" }
                    th scope="col" .n { "Volume, mL" }
                    th scope="col" .n { "Change, %" }
                    th scope="col" { "Session" }
                    th scope="col" { "Next step" }
                    @if histology { th scope="col" { "Histology" } }
                    th scope="col" .n { "Caveats" }
                } }
                tbody { @for (place, row) in page.lesions.iter().enumerate() { (table_row(place, row, page.as_of, histology)) } }
            }
        }
        @if page.lesions.is_empty() { p .cap { (words::NO_LESIONS) } }
    }
}

/// One lesion.
fn table_row(place: usize, row: &StudyRow, as_of: Option<Date>, histology: bool) -> Markup {
    let verdict = &row.verdict;
    let record = &row.record;
    let caveats = caveats(row);
    html! {
        tr data-result=(words::class(verdict.class)) data-row=(place) {
            th scope="row" {
                (link(row))
                @if let Some(name) = &record.name { small { (name) } }
            }
            td {
                span class={ "gl " (glyph::class_style(verdict.class)) } { (glyph::class(verdict.class)) (words::class(verdict.class)) }
                small {
                    @if verdict.class.is_some() && let Some(firm) = verdict.confidence { (words::confidence(firm)) }
                    @if let Some(rule) = verdict.rule { ", rule " (rule) }
                }
            }
            td .n { (bare(deciding(row, &["rcbv_mean", "rcbv_enhancing_mean"]))) }
            td .n {
                @let ratio = deciding(row, &["tbr_max", "tbr_mean", "tbr_peak"]);
                @let measured = ratio.is_some();
                (bare(ratio))
                @if let (Some(tracer), true) = (&record.tracer, measured) { small { (tracer) } }
            }
            td .n { (bare(number(row, "volume_ml"))) }
            td .n { (bare(number(row, "followup_change_percent"))) }
            td {
                @match (record.scan_date, &record.session_id) {
                    (Some(date), _) => data value=(crate::day::text(date)) { (day(date)) },
                    (None, Some(session)) => (session),
                    (None, None) => span .muted { "–" },
                }
            }
            td .small {
                @if let Some(step) = verdict.next_steps.first() { (first_sentence(&step.sentence(None))) }
                @if let Some(window) = verdict.window {
                    ", " (days(window.start, window.end))
                    @match due(row, as_of) {
                        Some(Due::Open) => b .c-warn { ", window open" },
                        Some(Due::Overdue) => b .c-fail { ", overdue" },
                        Some(Due::Later) | None => {},
                    }
                }
            }
            @if histology { td {
                @match (record.histology, earlier_histology(row)) {
                    (Some(found), _) => (words::plain(found.as_str())),
                    (None, Some(found)) => (found),
                    (None, None) => span .muted { "–" },
                }
            } }
            td .n { @if caveats > 0 { (caveats) } }
        }
    }
}

/// A next step without its reasons, which stand on the lesion's page.
fn first_sentence(text: &str) -> &str {
    match text.find(['.', ':']) {
        Some(end) => &text[..end],
        None => text,
    }
}

/// The number of a column with the cut-offs it was read against.
fn number(row: &StudyRow, column: &str) -> Option<Shown> {
    let number = value(&row.record, column)?;
    let finding = row.verdict.findings.iter().find(|finding| finding.column == column);
    let bounds: Vec<f64> =
        finding.map(|finding| finding.low.into_iter().chain(finding.high).collect()).unwrap_or_default();
    Some(shown(column, number, &bounds))
}

/// The column that decided, else the first that was measured.
fn deciding(row: &StudyRow, columns: &[&str]) -> Option<Shown> {
    let decided = columns.iter().find(|column| row.verdict.findings.iter().any(|finding| finding.column == **column));
    decided.and_then(|column| number(row, column)).or_else(|| columns.iter().find_map(|column| number(row, column)))
}

/// A number without its unit, which stands in the head of the column.
fn bare(number: Option<Shown>) -> Markup {
    html! {
        @match number {
            Some(number) => data value=(number.exact) { (number.text) },
            None => span .muted { "–" },
        }
    }
}

/// How often the rules gave an answer, against what the source expects.
fn audit_table(audit: &Audit) -> Markup {
    let share = |value: f64| format!("{:.0}", 100.0 * value);
    let rows = [
        ("Perfusion, PET and symptoms known".to_owned(), audit.integrated),
        ("Other lesions".to_owned(), audit.others),
    ];
    let groups = |title: &str, groups: &BTreeMap<String, Rate>| -> Vec<(String, Rate)> {
        groups.iter().map(|(name, rate)| (format!("{title}: {name}"), *rate)).collect()
    };
    let by_center = groups("Center", &audit.by_center);
    let by_scanner = groups("Scanner", &audit.by_scanner);
    html! {
        p { (audit.words) }
        div .tblscroll tabindex="0" role="group" aria-label=(words::AUDIT_TITLE) {
            table .dense {
                caption { (words::AUDIT_CAPTION) }
                thead { tr {
                    th scope="col" { "Lesions" }
                    th scope="col" .n { "Answered" }
                    th scope="col" .n { "Share, %" }
                    th scope="col" .n { "95 % interval" }
                } }
                tbody {
                    @for (name, Rate { determinate, .. }) in rows.iter().chain(&by_center).chain(&by_scanner) {
                        tr {
                            th scope="row" { (name) }
                            td .n { (determinate.count) " of " (determinate.total) }
                            td .n { (determinate.share.map_or_else(|| "–".to_owned(), share)) }
                            td .n {
                                @match (determinate.low, determinate.high) {
                                    (Some(low), Some(high)) => { (share(low)) "–" (share(high)) },
                                    _ => { span .muted { "–" } },
                                }
                            }
                        }
                    }
                }
            }
        }
        @if audit.not_judged > 0 { p .cap { (counted(audit.not_judged, "lesion", "lesions")) " not judged." } }
    }
}

/// From what the page was made; the inputs of a whole study fold away.
fn provenance(page: &StudyPage) -> Markup {
    let provenance = &page.provenance;
    html! {
        @if provenance.inputs.len() > OPEN_ENTRIES {
            h2 .section { "Provenance" }
            p {
                "relight " (provenance.version) ", rules " (provenance.rules_version) ", run "
                span .mono { (provenance.run_id) } ", settings " span .mono { (provenance.settings_hash) } "."
            }
            details {
                summary { (counted(provenance.inputs.len(), "input", "inputs")) " with SHA-256" }
                table .prov { tbody { @for (path, hash) in &provenance.inputs {
                    tr { th scope="row" .mono { (path) } td .mono { (hash) } }
                } } }
            }
        } @else {
            (super::quality::provenance(provenance))
        }
    }
}

/// A number with its noun.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_a_place_in_the_bar() {
        for class in Class::ALL {
            assert!(RESULTS.contains(&Some(*class)), "{class}");
        }
        assert!(RESULTS.contains(&None));
    }
}
