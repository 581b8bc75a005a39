//! The surveillance of a sarcoma subject: scenario, schedules, baseline, protocol, growth, extent of disease, lists.

use maud::{Markup, html};

use super::shell::heading;
use crate::report::number::{day, fixed};
use crate::report::surveillance::{GrowthRow, Surveillance};
use crate::report::words;
use crate::surveillance::{Baseline, Focality, appropriateness};

/// The section.
pub fn section(surveillance: &Surveillance) -> Markup {
    html! {
        h2 .section { "Surveillance" }
        p .cap { (words::SURVEILLANCE) }
        (schedules(surveillance))
        (scenario(surveillance))
        (growth(surveillance))
        (protocol(surveillance))
        (extent(surveillance))
        (listed("Resectability and treatment so far", words::RESECTABILITY, &surveillance.resectability))
        (listed("Covariates of the nomogram", words::COVARIATES, &surveillance.covariates))
    }
}

fn schedules(found: &Surveillance) -> Markup {
    let baseline = match (found.treatment_end, found.baseline) {
        (None, _) => words::NO_TREATMENT_END.to_owned(),
        (Some(end), Some(Baseline::InWindow(date))) => {
            format!("Treatment ended {}. Baseline: {}, 3–6 months after it.", day(end), day(date))
        }
        (Some(end), Some(Baseline::OutOfWindow(date))) => format!(
            "Treatment ended {}. First scan after it: {}, not in the 3–6 months in which the baseline is due.",
            day(end),
            day(date)
        ),
        (Some(end), Some(Baseline::Missing) | None) => {
            format!("Treatment ended {}. No scan after it: the baseline is missing.", day(end))
        }
    };
    html! {
        (heading(3, "small-title", "", html! { "Visits" }))
        p { (baseline) @if let Some(as_of) = found.as_of { " Told as of " (day(as_of)) "." } }
        @if !found.schedules.is_empty() {
            div .tblscroll tabindex="0" role="group" aria-label="Visits by schedule" {
                table .dense {
                    caption { (words::SCHEDULES_CAPTION) }
                    thead { tr {
                        th scope="col" { "Schedule, and its range in the source" }
                        th scope="col" { "End" }
                        th scope="col" { "Next visit" }
                        th scope="col" { "Next chest visit" }
                        th scope="col" { "Overdue" }
                        th scope="col" .n { "Ionizing studies" }
                    } }
                    tbody {
                        @for (place, row) in found.schedules.iter().enumerate() {
                            @let again = place > 0 && found.schedules[place - 1].name == row.name;
                            tr {
                                th scope="row" { (row.name) @if !again { small { (row.source) } } }
                                td { (row.end) }
                                td { @match row.next { Some(date) => { (day(date)) small { (row.modality) } }, None => "none left" } }
                                td { @match row.chest { Some(date) => (day(date)), None => "not scheduled" } }
                                td { @match row.overdue.as_slice() {
                                    [] => "none",
                                    [first, rest @ ..] => { strong { "since " (day(*first)) } @if !rest.is_empty() { ", " (rest.len() + 1) " visits" } },
                                } }
                                td .n { (row.ionizing) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn scenario(found: &Surveillance) -> Markup {
    let table = appropriateness();
    html! {
        (heading(3, "small-title", "", html! { "Which study suits" }))
        p .cap { "For: " (table.scenario) ". Source: " (table.source) "." }
        ul .plain { @for (condition, state) in &found.guard { li { (words::capitalized(condition)) ": " strong { (state) } } } }
        @if let Some(state) = found.watchful { p { (words::WATCHFUL) ": " strong { (state) } "." } }
        @for advice in &found.fallback { p .step { (advice) } }
        div .tblscroll tabindex="0" role="group" aria-label="Which study suits" {
            table .dense {
                thead { tr { th scope="col" { "Study" } th scope="col" { "Rating" } th scope="col" { "Radiation" } th scope="col" { "Note" } } }
                tbody {
                    @for study in &table.studies {
                        tr {
                            th scope="row" { (study.name) }
                            td { (study.rating) }
                            td { @if study.ionizing { "ionizing" } @else { "none" } }
                            td .small .muted { (study.note) }
                        }
                    }
                }
            }
        }
    }
}

fn growth(found: &Surveillance) -> Markup {
    let rate = |value: Option<f64>| {
        value.map_or_else(|| words::NOT_MEASURED.to_owned(), |rate| format!("{} cm/month", fixed(rate, 2)))
    };
    let flag = |row: &GrowthRow| if row.flagged { words::GROWTH_FLAGGED } else { "" };
    html! {
        (heading(3, "small-title", "", html! { "Growth and focality" }))
        @if let Some((focality, lesions)) = found.focality {
            p { (words::capitalized(focality.as_str())) ": " (lesions) @if lesions == 1 { " lesion" } @else { " lesions" } " in the masks of the latest visit."
                @if focality == Focality::OutsideField { " " (words::OUTSIDE_FIELD) } }
        }
        @if !found.growth.is_empty() {
            div .tblscroll tabindex="0" role="group" aria-label="Growth" {
                table .dense {
                    caption { (words::GROWTH_CAPTION) }
                    thead { tr { th scope="col" { "Lesion" } th scope="col" { "Since the resection" } th scope="col" { "Between the last two scans" } th scope="col" { "Flag" } } }
                    tbody { @for row in &found.growth { tr {
                        th scope="row" { (row.lesion) } td { (rate(row.since_resection)) } td { (rate(row.between_scans)) } td { (flag(row)) }
                    } } }
                }
            }
        }
    }
}

fn protocol(found: &Surveillance) -> Markup {
    html! {
        (heading(3, "small-title", "", html! { "Protocol of the sessions" }))
        @if found.protocol.is_empty() { p .cap { (words::NO_PROTOCOL) } } @else {
            @let differing = found.protocol.iter().filter(|row| row.differs).count();
            p { @if differing == 0 { (words::SAME_PROTOCOL) } @else { (differing) @if differing == 1 { " field differs." } @else { " fields differ." } " " (words::PROTOCOL_DIFFERS) } }
            div .tblscroll tabindex="0" role="group" aria-label="Protocol of the sessions" {
                table .dense {
                    thead { tr {
                        th scope="col" { "Image" } th scope="col" { "Field" }
                        @for session in &found.sessions { th scope="col" { (session) } }
                        th scope="col" { "Same" }
                    } }
                    tbody { @for row in &found.protocol { tr {
                        th scope="row" { (row.image) } td { (row.field) }
                        @for value in &row.values { td { (value.as_deref().unwrap_or("not told")) } }
                        td { @if row.differs { strong { "differs" } } @else { "same" } }
                    } } }
                }
            }
        }
    }
}

fn extent(found: &Surveillance) -> Markup {
    html! {
        (heading(3, "small-title", "", html! { "Extent of disease" }))
        p .cap { (words::EXTENT) }
        table .dense {
            thead { tr { th scope="col" { "Study" } th scope="col" { "Latest visit" } } }
            tbody { @for (study, done) in &found.extent { tr {
                th scope="row" { (study.words()) } td { @if *done { "done" } @else { strong { "missing" } } }
            } } }
        }
    }
}

fn listed(title: &str, caption: &str, rows: &[(String, Option<String>)]) -> Markup {
    html! {
        (heading(3, "small-title", "", html! { (title) }))
        p .cap { (caption) }
        table .dense {
            thead { tr { th scope="col" { "What" } th scope="col" { "Recorded" } } }
            tbody { @for (what, value) in rows { tr {
                th scope="row" { (what) } td { @match value { Some(value) => (value), None => strong { "missing" } } }
            } } }
        }
    }
}
