//! The second page of a lesion: earlier sessions, the bolus, the decision plane, other choices, every measure.

use krilla::tagging::Tag;

use super::front::shape;
use super::markup;
use super::sheet::{Align, MARGIN, Sheet, Style, WIDTH};
use super::table::{Cell, Column as TableColumn, Part, Table};
use crate::lesion::{Column, LesionRecord};
use crate::report::figures::{bolus, glyph, mosaic};
use crate::report::html::evidence::{
    KINDS, SESSIONS_DRAWN, bolus_alt, dated, fitted_curve, growth_plot, plane, spread, window_of,
};
use crate::report::html::inside::inside;
use crate::report::html::measures::{LABELS, SESSIONS_SHOWN, cell, cutoffs, number, text, unit};
use crate::report::html::pet::pet;
use crate::report::html::subject::{Lesion, session};
use crate::report::model::{Panel, TimePoint};
use crate::report::number::shown;
use crate::report::plain::plain;
use crate::report::words;

/// Panels of earlier sessions beside each other.
const COMPARED: usize = 6;

/// Lays the page out.
pub fn lay(sheet: &mut Sheet, lesion: &Lesion) {
    sheet.group(Tag::Section, |sheet| {
        sheet.heading(2, Style::heading(14.0), "Evidence", MARGIN, WIDTH);
        sheet.skip(4.0);
        if lesion.time_points.len() > 1 {
            sessions(sheet, lesion);
            comparison(sheet, lesion);
        }
        let has_plane = plane(lesion).is_some();
        figures(sheet, lesion);
        // Where there is no plane, it stands beside the bolus.
        if has_plane || lesion.latest.bolus.is_none() {
            markup::lay(sheet, &spread(lesion, 3));
        }
        for figure in &lesion.latest.curves {
            markup::lay(sheet, &fitted_curve(figure, 3));
        }
        markup::lay(sheet, &growth_plot(lesion, 3));
        markup::lay(sheet, &pet(lesion));
        markup::lay(sheet, &inside(lesion.latest.inside.as_ref(), 3));
        choices(sheet, lesion.latest);
        measures(sheet, lesion);
    });
}

/// What each session read.
fn sessions(sheet: &mut Sheet, lesion: &Lesion) {
    let rows = lesion
        .time_points
        .iter()
        .map(|time_point| {
            let verdict = &time_point.verdict;
            let change = number(time_point, "followup_change_percent");
            let style = Style::CELL.bold().colored(super::front::color_of(glyph::class_color(verdict.class)));
            vec![
                Cell::text(session(time_point)),
                Cell::text(plain(&cell(time_point, "volume_ml"))),
                Cell::text(change.map_or_else(|| "–".to_owned(), |change| change.with_unit())),
                Cell { parts: vec![Part::Shape(Box::new(shape(verdict.class)), style, words::verdict_line(verdict))] },
            ]
        })
        .collect();
    Table {
        summary: "Results over the sessions".to_owned(),
        columns: vec![
            TableColumn { title: "Session".into(), share: 0.28, align: Align::Left },
            TableColumn { title: "Volume".into(), share: 0.14, align: Align::Right },
            TableColumn { title: "Change since the index scan".into(), share: 0.20, align: Align::Right },
            TableColumn { title: "Result".into(), share: 0.38, align: Align::Left },
        ],
        rows,
    }
    .lay(sheet, MARGIN, WIDTH);
    sheet.skip(8.0);
}

/// Pictures of the sessions beside each other, kind by kind.
fn comparison(sheet: &mut Sheet, lesion: &Lesion) {
    let from = lesion.time_points.len().saturating_sub(SESSIONS_DRAWN);
    let sessions = &lesion.time_points[from..];
    let mut panels: Vec<Panel> = Vec::new();
    let mut windows = String::new();
    for kind in KINDS {
        let row: Vec<(&TimePoint, &Panel)> = sessions
            .iter()
            .flat_map(|time_point| {
                time_point.panels.iter().filter(move |panel| panel.kind == kind).map(move |panel| (time_point, panel))
            })
            .collect();
        if row.len() > 1 {
            panels.extend(row.iter().map(|(time_point, panel)| dated(time_point, panel, &row)));
            if let Some((kind, range)) = window_of(&row) {
                windows.push_str(&format!(" {kind} {range}."));
            }
        }
    }
    let Some(drawing) = mosaic::drawing(&panels.iter().collect::<Vec<_>>(), COMPARED, mosaic::NARROW, lesion.edge / 2)
    else {
        return;
    };
    let width = WIDTH * (panels.len().min(COMPARED) as f64 / COMPARED as f64).max(0.5);
    sheet.figure(&drawing, MARGIN, width);
    sheet.skip(2.0);
    let caption = format!("{}{}{windows}", words::SESSIONS_CAPTION, words::SAME_WINDOW);
    sheet.paragraph(Style::SMALL, &caption, MARGIN, WIDTH);
    sheet.skip(8.0);
}

/// The bolus and the decision plane, side by side.
fn figures(sheet: &mut Sheet, lesion: &Lesion) {
    let half = (WIDTH - 20.0) / 2.0;
    let curves = lesion.latest.bolus.as_ref();
    let plane = plane(lesion);
    if curves.is_none() && plane.is_none() {
        return;
    }
    sheet.need(190.0);
    let mut places = [MARGIN, MARGIN + half + 20.0].into_iter();
    let bolus_at = curves.and_then(|_| places.next());
    let plane_at = plane.as_ref().and_then(|_| places.next());
    sheet.columns(
        |sheet| {
            if let (Some(figure), Some(x)) = (curves, bolus_at) {
                sheet.heading(3, Style::heading(10.0), "Bolus passage", x, half);
                sheet.paragraph(Style::SMALL, words::BOLUS_CAPTION, x, half);
                sheet.skip(2.0);
                match bolus::drawing(figure, &bolus_alt(lesion.latest)) {
                    Some(drawing) => sheet.figure(&drawing, x, half),
                    None => sheet.paragraph(Style::SMALL, words::NO_CURVES, x, half),
                }
            }
        },
        |sheet| {
            if let (Some(plane), Some(x)) = (&plane, plane_at) {
                sheet.heading(3, Style::heading(10.0), words::PLANE_TITLE, x, half);
                sheet.paragraph(Style::SMALL, words::PLANE_CAPTION, x, half);
                sheet.skip(2.0);
                if let Some(drawing) = plane.drawing() {
                    sheet.figure(&drawing, x, half);
                }
            } else if curves.is_some() {
                markup::lay_column(sheet, &spread(lesion, 3), MARGIN + half + 20.0, half);
            }
        },
    );
    sheet.skip(8.0);
}

/// The verdict under other choices of the analysis.
fn choices(sheet: &mut Sheet, time_point: &TimePoint) {
    let Some(stability) = &time_point.stability else { return };
    let measure = |measure: Option<(&'static str, f64)>| {
        Cell::text(measure.map_or_else(
            || "–".to_owned(),
            |(column, value)| shown(column, value, &cutoffs(time_point, column)).with_unit(),
        ))
    };
    sheet.heading(3, Style::heading(10.0), words::CHOICES_TITLE, MARGIN, WIDTH);
    sheet.paragraph(Style::SMALL, &words::choices(stability), MARGIN, WIDTH);
    sheet.skip(2.0);
    let rows = stability
        .reanalyses
        .iter()
        .map(|reanalysis| {
            let result = match &reanalysis.problem {
                Some(problem) => Cell::styled(Style::CELL.colored("ink3"), format!("Not possible: {problem}")),
                None => {
                    let rule = reanalysis.rule.map(|rule| format!(", rule {rule}")).unwrap_or_default();
                    let other = if reanalysis.same { "" } else { ", another result" };
                    let style = if reanalysis.same { Style::CELL } else { Style::CELL.bold() };
                    let text = format!("{}{rule}{other}", words::class(reanalysis.verdict));
                    Cell { parts: vec![Part::Shape(Box::new(shape(reanalysis.verdict)), style, text)] }
                }
            };
            vec![Cell::text(reanalysis.words), measure(reanalysis.perfusion), measure(reanalysis.pet), result]
        })
        .collect();
    Table {
        summary: words::CHOICES_TITLE.to_owned(),
        columns: vec![
            TableColumn { title: "Choice".into(), share: 0.40, align: Align::Left },
            TableColumn { title: "Perfusion".into(), share: 0.11, align: Align::Right },
            TableColumn { title: "PET".into(), share: 0.11, align: Align::Right },
            TableColumn { title: "Result".into(), share: 0.38, align: Align::Left },
        ],
        rows,
    }
    .lay(sheet, MARGIN, WIDTH);
    sheet.skip(8.0);
}

/// Every measure over the sessions, with its unit; what was nowhere measured is named below.
fn measures(sheet: &mut Sheet, lesion: &Lesion) {
    /// Sessions that fit beside each other on paper.
    const FIT: usize = 4;
    let shown_from = lesion.time_points.len().saturating_sub(FIT.min(SESSIONS_SHOWN));
    let sessions = &lesion.time_points[shown_from..];
    let known = |column: &str| sessions.iter().any(|time_point| text(time_point, column).is_some());
    let (measured, missing): (Vec<&Column>, Vec<&Column>) = LesionRecord::COLUMNS
        .iter()
        .filter(|column| !LABELS.contains(&column.name))
        .partition(|column| known(column.name));
    sheet.heading(3, Style::heading(10.0), "All measures", MARGIN, WIDTH);
    sheet.skip(2.0);
    if measured.is_empty() {
        return sheet.paragraph(Style::SMALL, words::NO_MEASURES, MARGIN, WIDTH);
    }
    // As wide as its numbers ask for, so that each stands near its name.
    let per_session = 0.125;
    let wide = 0.50 + per_session * sessions.len() as f64;
    let share = per_session / wide;
    let titles: Vec<&'static str> = ["Three before", "Two before", "Previous scan", "This scan"].to_vec();
    let mut columns = vec![
        TableColumn { title: "Measure".into(), share: 0.37 / wide, align: Align::Left },
        TableColumn { title: "Unit".into(), share: 0.13 / wide, align: Align::Left },
    ];
    columns.extend(titles[FIT - sessions.len()..].iter().map(|title| TableColumn {
        title: (*title).into(),
        share,
        align: Align::Right,
    }));
    let small = Style::CELL.sized(7.4, 9.4);
    let rows = measured
        .iter()
        .map(|column| {
            let mut row = vec![
                Cell::styled(small.bold(), words::measure(column.name).name),
                Cell::styled(small.colored("ink3"), unit(sessions, column.name)),
            ];
            row.extend(sessions.iter().map(|time_point| {
                let cell = text(time_point, column.name).map_or_else(|| "–".to_owned(), |markup| plain(&markup));
                Cell::styled(small, cell)
            }));
            row
        })
        .collect();
    Table { summary: "All measures".to_owned(), columns, rows }.lay(sheet, MARGIN, wide.min(1.0) * WIDTH);
    sheet.skip(2.0);
    if shown_from > 0 {
        let text = format!("The last {FIT} sessions; earlier ones stand in lesions.tsv.");
        sheet.paragraph(Style::SMALL, &text, MARGIN, WIDTH);
    }
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|column| words::measure(column.name).name).collect();
        let text = format!("{}{}.", words::NOWHERE_MEASURED, names.join("; "));
        sheet.paragraph(Style::SMALL, &text, MARGIN, WIDTH);
    }
    sheet.skip(10.0);
}
