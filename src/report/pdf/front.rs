//! The first page of a lesion: the answer, the doubt beside it, the evidence, the pictures, what comes next.

use krilla::tagging::Tag;

use super::sheet::{Align, MARGIN, Mark, Sheet, Style, WIDTH};
use super::table::{Cell, Column, Part, Table, facts};
use crate::clinical::Pathway;
use crate::quality::Quality;
use crate::report::figures::drawing::Drawing;
use crate::report::figures::timeline::Course;
use crate::report::figures::{glyph, mosaic, panel, ruler};
use crate::report::html::deciding::{DESCRIBING, about, absent_families, ruler_of, why_not_used};
use crate::report::html::measures::{cell, finding, number};
use crate::report::html::quality::all_caveats;
use crate::report::html::subject::{Lesion, session, what};
use crate::report::html::summary::{course, posterior, rule_title};
use crate::report::model::{PanelKind, TimePoint};
use crate::report::number::{days, percent, shown, value};
use crate::report::plain::plain;
use crate::report::words;
use crate::verdict::{Class, Finding, Pole};

/// Width of the column at the right.
const ASIDE: f64 = 168.0;

/// Room between the columns.
const BETWEEN: f64 = 20.0;

/// Width of the column at the left.
const MAIN: f64 = WIDTH - ASIDE - BETWEEN;

/// Where the column at the right begins.
const RIGHT: f64 = MARGIN + MAIN + BETWEEN;

/// Panels of the film strip, and of one with more.
const STRIP: usize = 4;
const LONG_STRIP: usize = 6;

/// Height that time course and next step take at least, for which the film leaves room.
const NEXT_HEIGHT: f64 = 122.0;

/// Narrowest film, as a share of the page.
const NARROWEST: f64 = 0.62;

/// Lays the page out.
pub fn lay(sheet: &mut Sheet, lesion: &Lesion) {
    sheet.group(Tag::Section, |sheet| {
        head(sheet, lesion);
        decision(sheet, lesion);
        evidence(sheet, lesion);
        film(sheet, lesion);
        next(sheet, lesion);
    });
}

fn head(sheet: &mut Sheet, lesion: &Lesion) {
    let latest = lesion.latest;
    let record = &latest.record;
    let mut known: Vec<(&str, String)> = vec![("This scan", session(latest))];
    known.extend(lesion.previous().map(|previous| ("Compared with", session(previous))));
    known.extend(number(latest, "weeks_since_rt").map(|weeks| ("Since radiotherapy", weeks.with_unit())));
    known.push(("Lesion volume", plain(&cell(latest, "volume_ml"))));
    let rows: Vec<(String, Vec<Part>)> =
        known.into_iter().map(|(name, text)| (name.to_owned(), vec![Part::Text(Style::CELL, text)])).collect();
    let name = record.name.as_ref().map(|name| format!("{name}. ")).unwrap_or_default();
    sheet.columns(
        |sheet| {
            let title = format!("{}, {}", lesion.page.participant_id, lesion.label());
            sheet.heading(1, Style::heading(18.0), &title, MARGIN, MAIN);
            sheet.paragraph(Style::TEXT.colored("ink2"), &format!("{name}{}", what(lesion.page)), MARGIN, MAIN);
        },
        |sheet| {
            sheet.skip(3.0);
            facts(sheet, &rows, RIGHT, ASIDE, 0.44, false);
        },
    );
    sheet.skip(5.0);
    sheet.line(MARGIN, WIDTH, 1.1, "ink");
    sheet.skip(7.0);
}

/// The verdict, and beside it how firm it is.
fn decision(sheet: &mut Sheet, lesion: &Lesion) {
    let verdict = &lesion.latest.verdict;
    sheet.columns(|sheet| answer(sheet, lesion), |sheet| tally(sheet, lesion));
    if !verdict.what_would_change.is_empty() {
        sheet.skip(5.0);
        let small = Style::TEXT.sized(7.6, 10.2).colored("ink2");
        sheet.paragraph(small.bold(), words::WHAT_WOULD_CHANGE, MARGIN, WIDTH);
        let changes: Vec<String> = verdict.what_would_change.iter().map(|change| change.text.clone()).collect();
        let half = (WIDTH - BETWEEN) / 2.0;
        let (first, second) = changes.split_at(changes.len().div_ceil(2));
        if second.is_empty() {
            sheet.list(small, first, MARGIN, WIDTH);
        } else {
            sheet.columns(
                |sheet| sheet.list(small, first, MARGIN, half),
                |sheet| sheet.list(small, second, MARGIN + half + BETWEEN, half),
            );
        }
    }
    sheet.skip(8.0);
}

fn answer(sheet: &mut Sheet, lesion: &Lesion) {
    let verdict = &lesion.latest.verdict;
    let color = color_of(glyph::class_color(verdict.class));
    let top = sheet.at.y;
    if let Some(tree) = shape(verdict.class).tree() {
        sheet.adorn(vec![Mark::Drawing { tree: Box::new(tree), area: [MARGIN, top + 6.5, 17.0, 17.0] }]);
    }
    let title = words::class(verdict.class);
    sheet.heading(2, Style::heading(24.0).colored(color), &title, MARGIN + 24.0, MAIN - 24.0);
    if verdict.class.is_some()
        && let Some(firm) = verdict.confidence
    {
        let style = Style::TEXT.bold().sized(9.6, 12.4).colored(color);
        sheet.paragraph(style, words::confidence(firm), MARGIN + 24.0, MAIN - 24.0);
    }
    sheet.skip(4.0);
    sheet.paragraph(Style::TEXT.sized(9.2, 12.6), &verdict.explanation, MARGIN, MAIN);
    if let Some(told) = lesion.earlier_histology() {
        sheet.paragraph(Style::TEXT.sized(9.2, 12.6), &told, MARGIN, MAIN);
    }
    if !verdict.reasons.is_empty() {
        sheet.skip(2.0);
        let reasons: Vec<String> =
            verdict.reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.code)).collect();
        sheet.list(Style::TEXT.sized(8.0, 10.8).colored("ink2"), &reasons, MARGIN, MAIN);
    }
}

fn tally(sheet: &mut Sheet, lesion: &Lesion) {
    let verdict = &lesion.latest.verdict;
    let text = |text: String| vec![Part::Text(Style::CELL, text)];
    let rule = match verdict.rule {
        None => "None applied".to_owned(),
        Some(rule) => {
            let title = rule_title(rule).map(|title| format!(": {title}")).unwrap_or_default();
            let policy = if verdict.derived { ", our policy" } else { "" };
            format!("{rule}{title}{policy}")
        }
    };
    let mut rows = vec![("Rule".to_owned(), text(rule))];
    if let Some(agreement) = verdict.agreement {
        let agreement = words::agreement(agreement, lesion.latest.record.pathway);
        rows.push(("Agreement".to_owned(), text(agreement)));
    }
    if let Some(stability) = &verdict.stability {
        rows.push(("Stability".to_owned(), text(format!("Same result in {stability} reanalyses"))));
    }
    rows.push(("Probability".to_owned(), text(plain(&posterior(verdict)))));
    rows.push(("Data quality".to_owned(), data_quality(lesion)));
    sheet.skip(3.0);
    facts(sheet, &rows, RIGHT, ASIDE, 0.32, true);
}

fn data_quality(lesion: &Lesion) -> Vec<Part> {
    let record = &lesion.latest.record;
    let words_of = [
        ("DSC", record.dsc_quality),
        ("ASL", record.asl_quality),
        ("DCE", record.dce_quality),
        ("PET", record.pet_quality),
    ];
    let mut parts: Vec<Part> = words_of
        .into_iter()
        .filter_map(|(name, quality)| Some((name, quality?)))
        .map(|(name, quality)| {
            Part::Shape(
                Box::new(quality_shape(quality)),
                Style::CELL.bold().colored(quality_color(quality)),
                format!("{name} {}", words::quality(quality)),
            )
        })
        .collect();
    if parts.is_empty() {
        parts.push(Part::Text(Style::CELL, "Not checked.".to_owned()));
    }
    let doubts = match all_caveats(lesion.latest).len() {
        0 => "no caveats".to_owned(),
        1 => "1 caveat".to_owned(),
        many => format!("{many} caveats"),
    };
    parts.push(Part::Text(Style::CELL, doubts));
    parts
}

/// Deciding measures on rulers and supporting facts; plain numbers where nothing is judged.
fn evidence(sheet: &mut Sheet, lesion: &Lesion) {
    let verdict = &lesion.latest.verdict;
    let sarcoma = lesion.latest.record.pathway == Some(Pathway::Sarcoma);
    let judged = !verdict.findings.is_empty() || verdict.class.is_some();
    if sarcoma || !judged {
        measures(sheet, lesion);
    }
    if judged && (!sarcoma || verdict.findings.iter().any(|finding| finding.value.is_some())) {
        rulers(sheet, lesion);
    }
    if !lesion.latest.missing.is_empty() {
        sheet.skip(2.0);
        let text = format!("{}{}.", words::NOT_FOUND, lesion.latest.missing.join("; "));
        sheet.paragraph(Style::SMALL, &text, MARGIN, WIDTH);
    }
    sheet.skip(6.0);
}

fn rulers(sheet: &mut Sheet, lesion: &Lesion) {
    let time_point = lesion.latest;
    let verdict = &time_point.verdict;
    let mut rows: Vec<Vec<Cell>> = verdict.findings.iter().map(|finding| finding_row(lesion, finding)).collect();
    let muted = Style::CELL.colored("ink3");
    let missing = Style::CELL.bold().colored("ind");
    for (name, what) in absent_families(time_point) {
        rows.push(vec![
            named(name, what),
            Cell::styled(muted, "–"),
            Cell::styled(Style::SMALL, words::NOT_IMPUTED),
            Cell { parts: vec![Part::Shape(Box::new(pole_shape(Pole::Missing)), missing, "Missing".to_owned())] },
        ]);
    }
    if time_point.record.pathway != Some(Pathway::Sarcoma) {
        rows.extend(supporting(time_point));
    }
    let poles = [Pole::Low, Pole::Grey, Pole::High].map(|pole| words::pole(pole, time_point.record.pathway));
    let title = match poles {
        ["Necrosis", ..] => "Necrosis  |  grey zone  |  recurrence",
        _ => "Low  |  grey zone  |  high",
    };
    Table {
        summary: words::EVIDENCE_CAPTION.to_owned(),
        columns: vec![
            Column { title: "Measure".into(), share: 0.31, align: Align::Left },
            Column { title: "Value".into(), share: 0.15, align: Align::Right },
            Column { title: title.into(), share: 0.37, align: Align::Left },
            Column { title: "Reads as".into(), share: 0.17, align: Align::Left },
        ],
        rows,
    }
    .lay(sheet, MARGIN, WIDTH);
    let drawn: Vec<ruler::Ruler> = verdict.findings.iter().filter_map(|finding| ruler_of(lesion, finding)).collect();
    if !drawn.is_empty() {
        sheet.skip(2.0);
        sheet.paragraph(Style::SMALL, &legend(&drawn, time_point), MARGIN, WIDTH);
    }
}

/// What the marks of the rulers are.
fn legend(rulers: &[ruler::Ruler], time_point: &TimePoint) -> String {
    let any = |mark: fn(&ruler::Marks) -> bool| rulers.iter().any(|ruler| mark(&ruler.marks()));
    let mut parts = vec!["● now".to_owned()];
    if any(|marks| marks.previous) {
        parts.push("○ previous scan".to_owned());
    }
    if any(|marks| marks.interval) {
        parts.push("▬ 95 % interval, block bootstrap".to_owned());
    }
    if any(|marks| marks.test_retest) {
        let variation = time_point
            .test_retest
            .first()
            .map(|range| format!(", within-subject variation {}", percent(range.variation)))
            .unwrap_or_default();
        parts.push(format!("grey band: 95 % test–retest range{variation}"));
    }
    if any(|marks| marks.beyond) {
        parts.push("▶ beyond the ruler".to_owned());
    }
    format!("{}. {}", parts.join("; "), words::RULERS_ALIGNED)
}

fn named(name: &str, what: &str) -> Cell {
    Cell::styled(Style::CELL.bold(), name).below(Style::SMALL, what)
}

fn finding_row(lesion: &Lesion, finding: &Finding) -> Vec<Cell> {
    let time_point = lesion.latest;
    let drawn = ruler_of(lesion, finding);
    let bounds: Vec<f64> = finding.low.into_iter().chain(finding.high).collect();
    let number = finding.value.filter(|value| value.is_finite()).map(|value| shown(finding.column, value, &bounds));
    let interval = drawn.and_then(|ruler| ruler.interval).map(|(from, to)| {
        let text = |value| shown(finding.column, value, &bounds).with_unit();
        format!("{} to {}", text(from), text(to))
    });
    let what = if number.is_some() { plain(&about(time_point, finding.column)) } else { String::new() };
    let figure = drawn.and_then(|ruler| Drawing::of_page(&ruler.svg().into_string(), 1.0, &ruler.alt()));
    let reads = match &number {
        Some(_) => words::pole(finding.pole, time_point.record.pathway),
        None => "Missing",
    };
    let big = Style::CELL.bold().sized(11.5, 13.4);
    vec![
        named(&finding.name, &what),
        Cell::styled(big, number.map_or_else(|| "–".to_owned(), |number| number.with_unit()))
            .below(Style::SMALL, interval.unwrap_or_default()),
        match figure {
            Some(figure) => Cell { parts: vec![Part::Figure(Box::new(figure))] },
            None => Cell::styled(Style::SMALL, why_not_used(time_point, finding)),
        },
        Cell {
            parts: vec![Part::Shape(
                Box::new(pole_shape(finding.pole)),
                Style::CELL.bold().colored(color_of(ruler::pole_color(finding.pole))),
                reads.to_owned(),
            )],
        },
    ]
}

/// What is support and never decides.
fn supporting(time_point: &TimePoint) -> Vec<Vec<Cell>> {
    let record = &time_point.record;
    let muted = Style::SMALL;
    let mut rows = Vec::new();
    let big = Style::CELL.bold().sized(10.5, 12.4);
    let followup_rule = time_point.verdict.rule.is_some_and(|rule| rule.starts_with('F'));
    if let Some(growth) = number(time_point, "followup_change_percent")
        .filter(|_| finding(time_point, "followup_change_percent").is_none())
    {
        let after = number(time_point, "followup_days")
            .map(|days| format!("{} after the index scan. ", days.with_unit()))
            .unwrap_or_default();
        let role = if followup_rule { words::GROWTH_DECIDES } else { words::GROWTH_IS_SUPPORT };
        rows.push(vec![
            named("Change of volume", words::meaning("followup_change_percent")),
            Cell::styled(big, growth.with_unit()),
            Cell::styled(muted, format!("{after}{role}")),
            Cell::styled(muted, if followup_rule { "Decides" } else { "Support" }),
        ]);
    }
    let shares = (value(record, "ftb_low"), value(record, "ftb_mid"), value(record, "ftb_high"));
    if let (Some(low), Some(middle), Some(high)) = shares {
        let markup = ruler::burden(low, middle, high).into_string();
        let alt = format!(
            "Fractional tumor burden: {} below the cut-offs, {} between, {} above",
            shown("ftb_low", low, &[]).with_unit(),
            shown("ftb_mid", middle, &[]).with_unit(),
            shown("ftb_high", high, &[]).with_unit()
        );
        let parts = Drawing::of_page(&markup, 1.0, &alt).map(|bar| Part::Figure(Box::new(bar)));
        rows.push(vec![
            named("Fractional tumor burden", words::BURDEN_MEANING),
            Cell::styled(big, shown("ftb_high", high, &[]).with_unit()).below(muted, "above"),
            Cell { parts: parts.into_iter().collect() },
            Cell::styled(muted, "Support"),
        ]);
    }
    let (symptom, meaning) = words::symptoms(record.symptoms);
    rows.push(vec![
        named("Symptoms", "As recorded for this visit"),
        Cell::styled(Style::CELL.bold(), symptom),
        Cell::styled(muted, format!("{meaning} {}", words::SYMPTOMS_ARE_SUPPORT).trim()),
        Cell::styled(muted, "Support"),
    ]);
    rows
}

/// What was measured, as plain numbers.
fn measures(sheet: &mut Sheet, lesion: &Lesion) {
    let time_point = lesion.latest;
    let rows: Vec<Vec<Cell>> = DESCRIBING
        .iter()
        .filter(|column| finding(time_point, column).is_none())
        .filter_map(|column| {
            let number = number(time_point, column)?;
            let before = lesion.previous().map_or_else(String::new, |previous| plain(&cell(previous, column)));
            Some(vec![
                Cell::styled(Style::CELL.bold(), words::measure(column).name),
                Cell::text(number.with_unit()),
                Cell::text(before),
                Cell::styled(Style::SMALL, plain(&about(time_point, column))),
            ])
        })
        .collect();
    if rows.is_empty() {
        return sheet.paragraph(Style::TEXT, words::NOTHING_MEASURED, MARGIN, WIDTH);
    }
    Table {
        summary: words::WHAT_WAS_MEASURED.to_owned(),
        columns: vec![
            Column { title: "Measure".into(), share: 0.30, align: Align::Left },
            Column { title: "Value".into(), share: 0.16, align: Align::Right },
            Column { title: "Previous scan".into(), share: 0.16, align: Align::Right },
            Column { title: "What it is".into(), share: 0.38, align: Align::Left },
        ],
        rows,
    }
    .lay(sheet, MARGIN, WIDTH);
    if time_point.verdict.class.is_none() {
        sheet.paragraph(Style::SMALL, words::NO_RULERS, MARGIN, WIDTH);
    }
}

/// The pictures; they leave room for what comes next.
fn film(sheet: &mut Sheet, lesion: &Lesion) {
    let panels: Vec<_> = lesion.latest.panels.iter().filter(|panel| panel.kind != PanelKind::Background).collect();
    let (columns, wide) = if panels.len() <= STRIP { (STRIP, mosaic::PANEL) } else { (LONG_STRIP, mosaic::NARROW) };
    let Some(drawing) = mosaic::drawing(&panels, columns, wide, lesion.edge) else {
        return sheet.paragraph(Style::SMALL, words::NO_PICTURES, MARGIN, WIDTH);
    };
    let widest = WIDTH * (panels.len().min(columns) as f64 / columns as f64).max(0.5);
    let room = sheet.room() - NEXT_HEIGHT - 2.0 * Style::SMALL.leading;
    let fitting = room * drawing.width / drawing.height;
    let width = if fitting >= widest * NARROWEST { fitting.min(widest) } else { widest };
    sheet.figure(&drawing, MARGIN, width);
    sheet.skip(2.0);
    let one_slice = panels.windows(2).all(|pair| pair[0].slice_mm == pair[1].slice_mm);
    let place = match (one_slice, panels.first()) {
        (true, Some(first)) => format!("Axial, {}. ", panel::slice(first)),
        _ => String::new(),
    };
    sheet.paragraph(Style::SMALL, &format!("{place}{}", words::FILM_CAPTION), MARGIN, WIDTH);
    sheet.skip(6.0);
}

/// The time course and the next step.
fn next(sheet: &mut Sheet, lesion: &Lesion) {
    let right = 216.0;
    let left = WIDTH - right - BETWEEN;
    sheet.need(NEXT_HEIGHT - 20.0);
    sheet.columns(
        |sheet| {
            sheet.heading(2, Style::heading(10.5), "Time course", MARGIN, left);
            sheet.skip(2.0);
            let course = course(lesion);
            let drawing = course
                .as_ref()
                .and_then(|course| Drawing::of_page(&course.svg()?.into_string(), 1.0, &Course::alt(course)));
            match drawing {
                Some(drawing) => sheet.figure(&drawing, MARGIN, left),
                None if course.is_none() => sheet.paragraph(Style::SMALL, words::NO_DATES, MARGIN, left),
                None => sheet.paragraph(Style::SMALL, words::ONE_SESSION, MARGIN, left),
            }
        },
        |sheet| {
            let x = MARGIN + left + BETWEEN;
            sheet.heading(2, Style::heading(10.5), words::NEXT_STEP, x, right);
            sheet.skip(2.0);
            steps(sheet, lesion, x, right);
        },
    );
}

fn steps(sheet: &mut Sheet, lesion: &Lesion, x: f64, width: f64) {
    let verdict = &lesion.latest.verdict;
    let style = Style::TEXT.sized(8.2, 11.0);
    if verdict.next_steps.is_empty() {
        let why = if verdict.class.is_none() { words::NO_STEP_NOT_JUDGED } else { words::NO_STEP_BY_RULE };
        sheet.paragraph(style, &format!("{}{why}", words::NO_STEP), x, width);
    }
    for (index, step) in verdict.next_steps.iter().enumerate() {
        let also = if index > 0 { "Also: " } else { "" };
        sheet.paragraph(style, &format!("{also}{}", step.sentence(None)), x, width);
    }
    if let Some(window) = verdict.window {
        let text = format!("Follow-up window: {}.", days(window.start, window.end));
        sheet.paragraph(style.bold(), &text, x, width);
    }
    if verdict.next_steps.iter().any(|step| words::weighs_tissue(*step)) {
        sheet.paragraph(Style::SMALL, words::BOTH_RISKS, x, width);
    }
    if verdict.class == Some(Class::Indeterminate) && lesion.latest.record.pathway != Some(Pathway::Sarcoma) {
        sheet.paragraph(Style::SMALL, words::NOT_BENIGN, x, width);
    }
    if let Some(category) = verdict.bt_rads {
        let text = format!("{}. The reader assigns the category.", words::capitalized(category));
        sheet.paragraph(Style::SMALL, &text, x, width);
    }
}

/// The name of a color behind its variable.
pub fn color_of(variable: &'static str) -> &'static str {
    variable.trim_start_matches("var(--").trim_end_matches(')')
}

/// The shape of a verdict.
pub fn shape(class: Option<Class>) -> Drawing {
    shape_drawing(&glyph::class(class).into_string(), color_of(glyph::class_color(class)))
}

/// The shape of how a measure reads.
fn pole_shape(pole: Pole) -> Drawing {
    shape_drawing(&glyph::pole(pole).into_string(), color_of(ruler::pole_color(pole)))
}

/// The shape of a quality word.
pub fn quality_shape(quality: Quality) -> Drawing {
    shape_drawing(&glyph::quality(quality).into_string(), quality_color(quality))
}

/// The color of a quality word.
pub fn quality_color(quality: Quality) -> &'static str {
    match quality {
        Quality::Pass => "ok",
        Quality::Caution => "warn",
        Quality::Fail => "fail",
    }
}

fn shape_drawing(markup: &str, color: &str) -> Drawing {
    let painted = markup.replace("currentColor", &format!("var(--{color})"));
    Drawing::new(12.0, 12.0, "", crate::report::figures::drawing::inside(&painted).unwrap_or_default())
}
