//! The second page of a lesion: earlier sessions, the bolus, every measure.

use maud::{Markup, html};

use super::measures::{cell, cutoffs, number, table};
use super::shell::heading;
use super::subject::{Lesion, section_heading, session};
use crate::report::figures::plane::{Axis, Place, Plane};
use crate::report::figures::{bolus, curve, glyph, growth, histogram, panel};
use crate::report::model::{CurveFigure, Panel, PanelKind, TimePoint};
use crate::report::number::{shown, tick, value};
use crate::report::words;
use crate::verdict::{Finding, Pole};

/// Earlier sessions with pictures.
pub const SESSIONS_DRAWN: usize = 3;

/// The order in which kinds of panels are compared.
pub const KINDS: [PanelKind; 6] = [
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
            div .charts {
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
                (spread(lesion, level))
                @for figure in &lesion.latest.curves { (fitted_curve(figure, level)) }
                (growth_plot(lesion, level))
                @if let Some(plane) = plane(lesion) && let Some(drawing) = plane.svg() {
                    figure .ch .keep .half {
                        figcaption {
                            (heading(level, "small-title", "", html! { (words::PLANE_TITLE) }))
                            p { (words::PLANE_CAPTION) }
                        }
                        (drawing)
                    }
                }
            }
            (super::pet::pet(lesion))
            (super::inside::inside(lesion.latest.inside.as_ref(), level))
            (choices(lesion.latest, level))
            (heading(level, "small-title", "", html! { "All measures" }))
            (table(lesion.time_points))
        }
    }
}

/// Perfusion against uptake over the sessions, where the latest one has both with their cut-offs.
pub fn plane(lesion: &Lesion) -> Option<Plane> {
    let used = |starts: &str| {
        lesion.latest.verdict.findings.iter().find(|finding| {
            finding.column.starts_with(starts)
                && finding.pole != Pole::Missing
                && finding.value.is_some_and(f64::is_finite)
        })
    };
    let (perfusion, uptake) = (used("rcbv")?, used("tbr")?);
    let axis = |finding: &Finding| {
        let cutoffs = (finding.low?, finding.high?);
        Some(Axis { column: finding.column, name: finding.name.clone(), cutoffs })
    };
    let places: Vec<Place> = lesion
        .time_points
        .iter()
        .filter_map(|time_point| {
            let record = &time_point.record;
            let ends = (value(record, "rcbv_ci_low"), value(record, "rcbv_ci_high"));
            Some(Place {
                at: (value(record, perfusion.column)?, value(record, uptake.column)?),
                interval: ends.0.zip(ends.1),
                class: time_point.verdict.class,
                session: record.session_id.clone().unwrap_or_else(|| session(time_point)),
            })
        })
        .collect();
    Some(Plane { across: axis(perfusion)?, up: axis(uptake)?, places })
}

/// A mean curve with the fit of a model and its residual.
pub fn fitted_curve(figure: &CurveFigure, level: u8) -> Markup {
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

/// The rCBV values of the lesion by class.
fn spread(lesion: &Lesion, level: u8) -> Markup {
    let Some(now) = &lesion.latest.rcbv_histogram else { return html! {} };
    let share = |column| number(lesion.latest, column).map_or_else(|| "–".to_owned(), |share| share.with_unit());
    let previous = lesion.previous().and_then(|previous| previous.rcbv_histogram.as_ref());
    let bars = histogram::Bars { now, previous, shares: ["ftb_low", "ftb_mid", "ftb_high"].map(share) };
    html! {
        figure .ch .keep .half {
            figcaption {
                (heading(level, "small-title", "", html! { "rCBV inside the lesion" }))
                p { (words::HISTOGRAM_CAPTION) @if previous.is_some() { " " (words::HISTOGRAM_PREVIOUS) } }
            }
            (bars.svg())
            @if now.not_estimated > 0 { p .cap { (now.not_estimated) " voxels are not estimated." } }
        }
    }
}

/// The volume over the visits with its measurement error.
fn growth_plot(lesion: &Lesion, level: u8) -> Markup {
    let visits: Vec<growth::Visit> = lesion
        .time_points
        .iter()
        .filter_map(|time_point| {
            Some(growth::Visit {
                date: time_point.record.scan_date?,
                volume: value(&time_point.record, "volume_ml")?,
                band: time_point.growth_band?,
                class: time_point.verdict.class,
            })
        })
        .collect();
    let index_volume = value(&lesion.latest.record, "index_volume_ml");
    html! {
        @if let Some(drawing) = (growth::Growth { visits, index_volume }).svg() {
            figure .ch .keep .half {
                figcaption {
                    (heading(level, "small-title", "", html! { "Growth" }))
                    p { (words::GROWTH_PLOT) }
                }
                (drawing)
            }
        }
    }
}

/// The bolus in words and numbers.
pub fn bolus_alt(time_point: &TimePoint) -> String {
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
                                &dated(time_point, panel, row),
                                lesion.edge / 2,
                                panel::Parts { key: false, slice: true },
                            ))
                        }
                    }
                }
            }
            p .cap {
                (words::SESSIONS_CAPTION) (words::SAME_WINDOW)
                @for row in &rows {
                    @if let Some((kind, range)) = window_of(row) { " " (kind) " " (range) "." }
                }
            }
        }
    }
}

/// A panel titled by its session, in the window that all sessions share.
pub fn dated(time_point: &TimePoint, panel: &Panel, row: &[(&TimePoint, &Panel)]) -> Panel {
    Panel {
        title: session(time_point),
        caption: format!("{}. {}", panel.title, panel.caption),
        range: shared_range(row).unwrap_or(panel.range),
        locator: None,
        ..panel.clone()
    }
}

/// The window of all sessions: that of the latest one for anatomy, the widest for maps, whose numbers mean the same.
fn shared_range(row: &[(&TimePoint, &Panel)]) -> Option<(f64, f64)> {
    let (_, latest) = row.last()?;
    // The classes of the tumor burden lie over anatomy, and the range is its.
    if matches!(latest.kind, PanelKind::Anatomy | PanelKind::TumorBurden) {
        return Some(latest.range);
    }
    row.iter().map(|(_, panel)| panel.range).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// What a row of pictures shows, and its window in words; classes have none.
pub fn window_of(row: &[(&TimePoint, &Panel)]) -> Option<(String, String)> {
    let (_, latest) = row.last()?;
    let (low, high) = shared_range(row)?;
    let digits = if latest.kind == PanelKind::Anatomy { 0 } else { 2 };
    let shown = latest.kind != PanelKind::TumorBurden;
    shown.then(|| (latest.title.clone(), format!("{} to {}", tick(low, digits), tick(high, digits))))
}
