//! Measures as they stand on a page: one text for one number, wherever it appears.

use maud::{Markup, html};

use crate::lesion::{Column, LesionRecord};
use crate::pet::SuvKind;
use crate::quality::Quality;
use crate::report::model::TimePoint;
use crate::report::number::{Shown, shown, value};
use crate::report::words;
use crate::verdict::Finding;

/// Labels of subject, session and lesion: they head the page and are no measures.
pub const LABELS: &[&str] = &["participant_id", "session_id", "scan_date", "lesion", "name", "pathway"];

/// Sessions that fit beside each other.
pub const SESSIONS_SHOWN: usize = 6;

/// The cut-offs that a column is read against at a time point.
pub fn cutoffs(time_point: &TimePoint, column: &str) -> Vec<f64> {
    finding(time_point, column).map(|finding| finding.low.into_iter().chain(finding.high).collect()).unwrap_or_default()
}

/// The finding of a column.
pub fn finding<'a>(time_point: &'a TimePoint, column: &str) -> Option<&'a Finding> {
    time_point.verdict.findings.iter().find(|finding| finding.column == column)
}

/// The number of a column, rounded as everywhere; `None` where it was not measured.
pub fn number(time_point: &TimePoint, column: &str) -> Option<Shown> {
    let number = value(&time_point.record, column)?;
    let mut shown = shown(column, number, &cutoffs(time_point, column));
    if let Some(kind) = time_point.pet.as_ref().and_then(|pet| pet.suv_kind)
        && column.starts_with("suv_")
    {
        shown.unit = kind.unit();
    }
    Some(shown)
}

/// A number with its unit, or that it was not measured.
pub fn cell(time_point: &TimePoint, column: &str) -> Markup {
    match number(time_point, column) {
        Some(number) => number.html(),
        None => html! { span .muted { (words::NOT_MEASURED) } },
    }
}

/// The quality word of the measurement that a column comes from.
pub fn quality_of(record: &LesionRecord, column: &str) -> Option<Quality> {
    if ["tbr", "suv", "btv", "tlu", "background"].iter().any(|start| column.starts_with(start)) {
        record.pet_quality
    } else if column.starts_with("asl") || column.starts_with("att") {
        record.asl_quality
    } else if ["ktrans", "ve_", "vp_", "iauc60"].iter().any(|start| column.starts_with(start)) {
        record.dce_quality
    } else if ["rcbv", "ftb", "rph", "psr", "k2", "rcbf", "mtt", "tmax"].iter().any(|start| column.starts_with(start)) {
        record.dsc_quality
    } else {
        None
    }
}

/// Every measure over the sessions, with its unit; what was nowhere measured is named below.
pub fn table(time_points: &[TimePoint]) -> Markup {
    let shown_from = time_points.len().saturating_sub(SESSIONS_SHOWN);
    let sessions = &time_points[shown_from..];
    let known = |column: &str| sessions.iter().any(|time_point| text(time_point, column).is_some());
    let (measured, missing): (Vec<&Column>, Vec<&Column>) = LesionRecord::COLUMNS
        .iter()
        .filter(|column| !LABELS.contains(&column.name))
        .partition(|column| known(column.name));
    html! {
        @if measured.is_empty() { p .cap { (words::NO_MEASURES) } } @else {
        div .tblscroll tabindex="0" role="group" aria-label="All measures" {
            table .dense {
                thead { tr {
                    th scope="col" { "Measure" }
                    th scope="col" { "Unit" }
                    @for time_point in sessions { th scope="col" .n { (super::subject::session(time_point)) } }
                } }
                tbody {
                    @for column in &measured {
                        tr {
                            th scope="row" title=(column.description) { (words::measure(column.name).name) }
                            td .muted { (unit(sessions, column.name)) }
                            @for time_point in sessions {
                                td .n { (text(time_point, column.name).unwrap_or_else(|| html! { span .muted { "–" } })) }
                            }
                        }
                    }
                }
            }
        }
        }
        @if shown_from > 0 {
            p .cap { "The last " (SESSIONS_SHOWN) " sessions; earlier ones stand in " span .mono { "lesions.tsv" } "." }
        }
        @if !missing.is_empty() {
            p .cap {
                (words::NOWHERE_MEASURED)
                @for (index, column) in missing.iter().enumerate() {
                    @if index > 0 { "; " }
                    (words::measure(column.name).name)
                }
                "."
            }
        }
    }
}

/// A cell of the table of all measures, without its unit.
pub fn text(time_point: &TimePoint, column: &str) -> Option<Markup> {
    if let Some(number) = number(time_point, column) {
        return Some(html! { data value=(number.exact) { (number.text) } });
    }
    let cells = time_point.record.json();
    let word = cells.get(column)?.as_str()?;
    Some(html! { (words::plain(word)) })
}

/// The unit of a column, from the first session that measured it.
pub fn unit(sessions: &[TimePoint], column: &str) -> &'static str {
    match column {
        "background_mean" => {
            let kind = |time_point: &TimePoint| time_point.pet.as_ref()?.suv_kind;
            sessions.iter().find_map(kind).map_or("unit of the image", SuvKind::unit)
        }
        _ => sessions.iter().find_map(|time_point| number(time_point, column)).map_or("", |number| number.unit),
    }
}
