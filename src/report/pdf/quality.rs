//! The third page of a lesion: checks, doubts, methods with their references; and from what the report was made.

use krilla::tagging::Tag;

use super::front::{quality_color, quality_shape};
use super::sheet::{Align, MARGIN, Sheet, Style, WIDTH};
use super::table::{Cell, Column, Part, Table};
use crate::dataset::numbered;
use crate::quality::{Caveat, Check};
use crate::report::figures::mosaic;
use crate::report::html::quality::{all_caveats, no_checks};
use crate::report::html::subject::Lesion;
use crate::report::model::{PanelKind, Provenance};
use crate::report::words;
use crate::verdict::explain;

/// Checks, caveats and methods of the latest session.
pub fn lay(sheet: &mut Sheet, lesion: &Lesion) {
    let time_point = lesion.latest;
    let caveats = all_caveats(time_point);
    sheet.group(Tag::Section, |sheet| {
        sheet.heading(2, Style::heading(14.0), "Quality", MARGIN, WIDTH);
        sheet.skip(4.0);
        if no_checks(time_point) {
            sheet.paragraph(Style::SMALL, words::NO_CHECKS, MARGIN, WIDTH);
        }
        checks(sheet, "Checks of perfusion (DSC)", &time_point.dsc_checks);
        checks(sheet, "Checks of ASL", &time_point.asl_checks);
        checks(sheet, "Checks of DCE", &time_point.dce_checks);
        checks(sheet, "Checks of PET", &time_point.pet_checks);
        background(sheet, lesion);
        sheet.heading(3, Style::heading(10.0), "Caveats", MARGIN, WIDTH);
        sheet.skip(2.0);
        if caveats.is_empty() {
            sheet.paragraph(Style::SMALL, words::NO_CAVEATS, MARGIN, WIDTH);
        } else {
            caveat_table(sheet, &caveats);
        }
        sheet.skip(8.0);
        methods(sheet, lesion);
    });
}

/// Where the background lies.
fn background(sheet: &mut Sheet, lesion: &Lesion) {
    let pictures: Vec<_> = lesion.latest.panels.iter().filter(|panel| panel.kind == PanelKind::Background).collect();
    if let Some(drawing) = mosaic::drawing(&pictures, 1, mosaic::PANEL, lesion.edge) {
        sheet.figure(&drawing, MARGIN, 0.32 * WIDTH);
        sheet.skip(2.0);
        sheet.paragraph(Style::SMALL, words::BACKGROUND_CAPTION, MARGIN, WIDTH);
        sheet.skip(6.0);
    }
}

fn checks(sheet: &mut Sheet, title: &str, checks: &[Check]) {
    if checks.is_empty() {
        return;
    }
    sheet.heading(3, Style::heading(10.0), title, MARGIN, WIDTH);
    sheet.skip(2.0);
    let rows = checks
        .iter()
        .map(|check| {
            let style = Style::CELL.bold().colored(quality_color(check.quality));
            let word = words::quality(check.quality).to_owned();
            vec![
                Cell::styled(Style::CELL.bold(), &check.name),
                Cell::text(&check.found),
                Cell::styled(Style::CELL.colored("ink3"), &check.limit),
                Cell { parts: vec![Part::Shape(Box::new(quality_shape(check.quality)), style, word)] },
                Cell::styled(Style::SMALL, &check.meaning),
            ]
        })
        .collect();
    Table {
        summary: title.to_owned(),
        columns: vec![
            Column { title: "Check".into(), share: 0.23, align: Align::Left },
            Column { title: "Found".into(), share: 0.16, align: Align::Right },
            Column { title: "Limit".into(), share: 0.16, align: Align::Right },
            Column { title: "Result".into(), share: 0.11, align: Align::Left },
            Column { title: "What it means here".into(), share: 0.34, align: Align::Left },
        ],
        rows,
    }
    .lay(sheet, MARGIN, WIDTH);
    sheet.skip(8.0);
}

fn caveat_table(sheet: &mut Sheet, caveats: &[&Caveat]) {
    let small = Style::CELL.sized(7.5, 9.8);
    let rows = caveats
        .iter()
        .map(|caveat| {
            vec![
                Cell::styled(small, caveat.code.meaning()),
                Cell::styled(small.colored("ink2"), &caveat.detail),
                Cell::styled(Style::MONO, caveat.code.as_str()),
            ]
        })
        .collect();
    Table {
        summary: "Caveats".to_owned(),
        columns: vec![
            Column { title: "What it means".into(), share: 0.48, align: Align::Left },
            Column { title: "Here".into(), share: 0.30, align: Align::Left },
            Column { title: "Code".into(), share: 0.22, align: Align::Left },
        ],
        rows,
    }
    .lay(sheet, MARGIN, WIDTH);
}

/// What was really done, and the rule that judged it.
fn methods(sheet: &mut Sheet, lesion: &Lesion) {
    let time_point = lesion.latest;
    let verdict = &time_point.verdict;
    sheet.heading(2, Style::heading(14.0), "Methods", MARGIN, WIDTH);
    sheet.skip(3.0);
    let style = Style::TEXT.sized(8.4, 11.8);
    let (sentences, references) = numbered(&time_point.methods);
    if sentences.is_empty() {
        sheet.paragraph(style, words::NO_METHODS, MARGIN, WIDTH);
    } else {
        sheet.paragraph(style, &sentences.join(" "), MARGIN, WIDTH);
    }
    sheet.skip(4.0);
    if let Some(rule) = verdict.rule {
        let explained = explain(rule)
            .map(|explanation| format!("{} Source: {}. ", explanation.text, explanation.source))
            .unwrap_or_default();
        let text = format!(
            "Rule {rule} ({}). {explained}Rules version {}; relight explain {rule} prints it.",
            words::rule_origin(verdict.derived),
            lesion.page.provenance.rules_version,
        );
        sheet.paragraph(style, &text, MARGIN, WIDTH);
    }
    sheet.skip(4.0);
    for (index, reference) in references.iter().enumerate() {
        sheet.paragraph(Style::SMALL, &format!("{}. {}", index + 1, reference.words()), MARGIN, WIDTH);
    }
    sheet.skip(8.0);
}

/// From what the report was made.
pub fn provenance(sheet: &mut Sheet, provenance: &Provenance) {
    sheet.group(Tag::Section, |sheet| {
        sheet.heading(2, Style::heading(14.0), "Provenance", MARGIN, WIDTH);
        sheet.skip(3.0);
        let mut rows: Vec<Vec<Cell>> = [
            ("Software", format!("relight {}", provenance.version)),
            ("Decision rules", provenance.rules_version.clone()),
            ("Run", provenance.run_id.clone()),
            ("Settings, SHA-256", provenance.settings_hash.clone()),
        ]
        .into_iter()
        .map(|(name, text)| vec![Cell::styled(Style::CELL.colored("ink3"), name), Cell::styled(Style::MONO, text)])
        .collect();
        rows.extend(
            provenance
                .inputs
                .iter()
                .map(|(path, hash)| vec![Cell::styled(Style::MONO, path), Cell::styled(Style::MONO, hash)]),
        );
        Table {
            summary: "From what the report was made".to_owned(),
            columns: vec![
                Column { title: "What".into(), share: 0.50, align: Align::Left },
                Column { title: "Version, identifier or SHA-256".into(), share: 0.50, align: Align::Left },
            ],
            rows,
        }
        .lay(sheet, MARGIN, WIDTH);
        sheet.skip(8.0);
        let text = format!("{} {}", words::RESEARCH_USE, words::INTENDED_USE);
        sheet.paragraph(Style::SMALL, &text, MARGIN, WIDTH);
    });
}
