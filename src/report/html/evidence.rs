//! The second page of a lesion: earlier sessions, the bolus, every measure.

use maud::{Markup, html};

use super::measures::{cell, cutoffs, number, table};
use super::perfusion;
use super::shell::heading;
use super::subject::{Lesion, section_heading, session};
use crate::report::figures::{bolus, curve, glyph, panel};
use crate::report::model::{CurveFigure, Panel, PanelKind, TimePoint};
use crate::report::number::shown;
use crate::report::words;

/// Earlier sessions with pictures.
const SESSIONS_DRAWN: usize = 3;

/// The order in which kinds of panels are compared.
const KINDS: [PanelKind; 6] = [
    PanelKind::Anatomy,
    PanelKind::Perfusion,
    PanelKind::TumorBurden,
    PanelKind::Labeling,
    PanelKind::Dynamic,
    PanelKind::Uptake,
];

/// Evidence beyond the first page.
pub fn evidence(lesion: &Lesion) -> Markup {
    let level = lesion.level + 1;
    html! {
        section .pg {
            (section_heading(lesion, "evidence", "Evidence"))
            @if lesion.time_points.len() > 1 {
                (sessions(lesion))
                (comparison(lesion))
            }
            @if let Some(figure) = &lesion.latest.bolus {
                @let drawing = bolus::svg(figure, &bolus_alt(lesion.latest));
                figure .ch .keep .half {
                    figcaption {
                        (heading(level, "small-title", "", html! { "Bolus passage" }))
                        p { (words::BOLUS_CAPTION) }
                    }
                    @match drawing {
                        Some(drawing) => { (drawing) (bolus::legend()) },
                        None => p .cap { (words::NO_CURVES) },
                    }
                }
            }
            (super::pet::pet(lesion))
            @for figure in &lesion.latest.curves { (fitted_curve(figure, level)) }
            (choices(lesion.latest, level))
            (heading(level, "small-title", "", html! { "All measures" }))
            (table(lesion.time_points))
            @if let Some(detail) = &lesion.latest.perfusion { (perfusion::details(detail, level)) }
        }
    }
}

/// A mean curve with the fit of a model and its residual.
fn fitted_curve(figure: &CurveFigure, level: u8) -> Markup {
    let caption = if figure.unit.is_empty() {
        figure.caption.clone()
    } else {
        format!("{} Unit: {}.", figure.caption, figure.unit)
    };
    html! {
        figure .ch .keep .half {
            figcaption {
                (heading(level, "small-title", "", html! { (figure.title) }))
                p { (caption) }
            }
            @match curve::svg(figure, &format!("{}. {caption}", figure.title)) {
                Some(drawing) => { (drawing) (curve::legend(figure)) },
                None => p .cap { (words::NO_CURVES) },
            }
        }
    }
}

/// The verdict under other choices of the analysis.
fn choices(time_point: &TimePoint, level: u8) -> Markup {
    let Some(stability) = &time_point.stability else { return html! {} };
    let measure = |measure: Option<(&'static str, f64)>| {
        html! {
            @match measure {
                Some((column, value)) => { (shown(column, value, &cutoffs(time_point, column)).html()) },
                None => { span .muted { "–" } },
            }
        }
    };
    html! {
        (heading(level, "small-title", "", html! { (words::CHOICES_TITLE) }))
        p .cap { (words::choices(stability)) }
        div .tblscroll tabindex="0" role="group" aria-label=(words::CHOICES_TITLE) {
            table .dense {
                thead { tr {
                    th scope="col" { "Choice" }
                    th scope="col" .n { "Perfusion" }
                    th scope="col" .n { "PET" }
                    th scope="col" { "Result" }
                } }
                tbody {
                    @for reanalysis in &stability.reanalyses {
                        tr {
                            th scope="row" { (reanalysis.words) }
                            td .n { (measure(reanalysis.perfusion)) }
                            td .n { (measure(reanalysis.pet)) }
                            td .result {
                                @match &reanalysis.problem {
                                    Some(problem) => span .muted { "Not possible: " (problem) },
                                    None => {
                                        span class={ "gl " (glyph::class_style(reanalysis.verdict)) } {
                                            (glyph::class(reanalysis.verdict)) (words::class(reanalysis.verdict))
                                        }
                                        @if let Some(rule) = reanalysis.rule { ", rule " (rule) }
                                        @if !reanalysis.same { b { ", another result" } }
                                    },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The bolus in words and numbers.
fn bolus_alt(time_point: &TimePoint) -> String {
    let mut alt = words::BOLUS_ALT.to_owned();
    for column in ["rph", "psr_mean", "k2_mean"] {
        if let Some(number) = number(time_point, column) {
            alt += &format!("; {} {}", words::measure(column).name, number.with_unit());
        }
    }
    alt
}

/// What each session read.
fn sessions(lesion: &Lesion) -> Markup {
    html! {
        div .tblscroll tabindex="0" role="group" aria-label="Results over the sessions" {
        table .dense {
            caption { "Results over the sessions" }
            thead { tr {
                th scope="col" { "Session" }
                th scope="col" .n { "Volume" }
                th scope="col" .n { "Change since the index scan" }
                th scope="col" { "Result" }
            } }
            tbody {
                @for time_point in lesion.time_points {
                    @let verdict = &time_point.verdict;
                    tr {
                        th scope="row" { (session(time_point)) }
                        td .n { (cell(time_point, "volume_ml")) }
                        td .n {
                            @match number(time_point, "followup_change_percent") {
                                Some(change) => { (change.html()) },
                                None => { span .muted { "–" } },
                            }
                        }
                        td .result { span class={ "gl " (glyph::class_style(verdict.class)) } {
                            (glyph::class(verdict.class)) (words::verdict_line(verdict))
                        } }
                    }
                }
            }
        }
        }
    }
}

/// Pictures of the sessions beside each other, kind by kind.
fn comparison(lesion: &Lesion) -> Markup {
    let from = lesion.time_points.len().saturating_sub(SESSIONS_DRAWN);
    let sessions = &lesion.time_points[from..];
    let rows: Vec<Vec<(&TimePoint, &Panel)>> = KINDS
        .into_iter()
        .map(|kind| {
            sessions
                .iter()
                .flat_map(|time_point| {
                    let panels = time_point.panels.iter().filter(move |panel| panel.kind == kind);
                    panels.map(move |panel| (time_point, panel))
                })
                .collect::<Vec<_>>()
        })
        .filter(|row| row.len() > 1)
        .collect();
    html! {
        @if !rows.is_empty() {
            div .film .compare {
                @for row in &rows {
                    div .row style={ "--n:" (row.len()) } {
                        @for (time_point, panel) in row {
                            (panel::figure(
                                &dated(time_point, panel),
                                lesion.edge / 2,
                                panel::Parts { key: !same_window(row), slice: true },
                            ))
                        }
                    }
                }
            }
            p .cap {
                (words::SESSIONS_CAPTION)
                @if rows.iter().all(|row| same_window(row)) {
                    (words::SAME_WINDOW)
                } @else {
                    (words::WINDOWS_DIFFER)
                }
            }
        }
    }
}

/// A panel titled by its session.
fn dated(time_point: &TimePoint, panel: &Panel) -> Panel {
    Panel {
        title: session(time_point),
        caption: format!("{}. {}", panel.title, panel.caption),
        locator: None,
        ..panel.clone()
    }
}

/// Whether colors can be compared across the sessions.
fn same_window(row: &[(&TimePoint, &Panel)]) -> bool {
    row.windows(2).all(|pair| pair[0].1.range == pair[1].1.range && pair[0].1.cutoffs == pair[1].1.cutoffs)
}
