//! Sections of a page on paper: headings, paragraphs, lists, tables and drawings of a markup, as the page writes them.
//!
//! The markup is that of this program's own pages: well nested, every element but `br`, `img`, `input` and `meta` closed,
//! by an end tag or, in the drawings of plotters, by itself.

use krilla::tagging::Tag;
use maud::Markup;

use super::sheet::{Align, MARGIN, Mark, Sheet, Style, WIDTH};
use super::table::{Cell, Column, Table};
use crate::report::figures::drawing::Drawing;
use crate::report::figures::lettering::Letter;

/// Elements without an end.
const VOID: [&str; 4] = ["br", "img", "input", "meta"];

/// Room that a figure's heading and caption take.
const HEADING_ROOM: f64 = 48.0;
/// Width and height of a sample line.
const SAMPLE: (f64, f64) = (14.0, 7.0);

/// An element and what is inside, or text.
enum Part {
    Element { name: String, attributes: String, raw: String, inside: Vec<Part> },
    Text(String),
}

/// Lays a section out.
pub fn lay(sheet: &mut Sheet, markup: &Markup) {
    let mut rest = markup.0.as_str();
    let parts = parts(&mut rest);
    lay_parts(sheet, &parts);
}

/// Reads parts up to the end of the element around them.
fn parts(rest: &mut &str) -> Vec<Part> {
    let mut parts = Vec::new();
    while !rest.is_empty() && !rest.starts_with("</") {
        if !rest.starts_with('<') {
            let end = rest.find('<').unwrap_or(rest.len());
            parts.push(Part::Text(unescaped(&rest[..end])));
            *rest = &rest[end..];
            continue;
        }
        let whole = *rest;
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[1..end];
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        *rest = &rest[end + 1..];
        let mut inside = Vec::new();
        if !VOID.contains(&name) && !tag.ends_with('/') {
            inside = self::parts(rest);
            let close = rest.find('>').map_or(rest.len(), |end| end + 1);
            *rest = &rest[close..];
        }
        let raw = if name == "svg" { whole[..whole.len() - rest.len()].to_owned() } else { String::new() };
        parts.push(Part::Element { name: name.to_owned(), attributes: attributes.to_owned(), raw, inside });
    }
    parts
}

fn lay_parts(sheet: &mut Sheet, parts: &[Part]) {
    let caption = Style::SMALL;
    for part in parts {
        let Part::Element { name, attributes, inside, .. } = part else { continue };
        match name.as_str() {
            "h1" | "h2" => {
                sheet.skip(6.0);
                sheet.heading(2, Style::heading(14.0), &words(inside), MARGIN, WIDTH);
                sheet.skip(3.0);
            }
            "h3" | "h4" => {
                sheet.skip(5.0);
                sheet.heading(3, Style::heading(10.0), &words(inside), MARGIN, WIDTH);
                sheet.skip(2.0);
            }
            "p" if attributes.contains("lg") => legend(sheet, inside),
            "p" if attributes.contains("cap") => sheet.paragraph(caption, &words(inside), MARGIN, WIDTH),
            "p" => sheet.paragraph(Style::TEXT.sized(8.2, 11.2), &words(inside), MARGIN, WIDTH),
            "ul" | "ol" => {
                let items: Vec<String> = elements(inside, "li").into_iter().map(words).collect();
                sheet.list(Style::TEXT.sized(8.0, 10.8), &items, MARGIN, WIDTH);
            }
            "table" => table(sheet, inside),
            "figure" => {
                // A drawing stays with its heading and caption.
                if let Some(drawing) = first_drawing(inside) {
                    sheet.need(HEADING_ROOM + drawing.height * width_on_paper(&drawing) / drawing.width);
                }
                lay_parts(sheet, inside);
            }
            "svg" => {
                if let Some(drawing) = first_drawing(std::slice::from_ref(part)) {
                    sheet.figure(&drawing, MARGIN, width_on_paper(&drawing));
                }
            }
            _ => lay_parts(sheet, inside),
        }
    }
}

/// The first figure of a section in a column: heading, words, drawing.
pub fn lay_column(sheet: &mut Sheet, markup: &Markup, x: f64, width: f64) {
    let mut rest = markup.0.as_str();
    column(sheet, &parts(&mut rest), x, width);
}

fn column(sheet: &mut Sheet, parts: &[Part], x: f64, width: f64) {
    for part in parts {
        let Part::Element { name, inside, .. } = part else { continue };
        match name.as_str() {
            "h3" | "h4" => sheet.heading(3, Style::heading(10.0), &words(inside), x, width),
            "p" => {
                sheet.paragraph(Style::SMALL, &words(inside), x, width);
                sheet.skip(2.0);
            }
            "svg" => {
                if let Some(drawing) = first_drawing(std::slice::from_ref(part)) {
                    sheet.figure(&drawing, x, width);
                }
            }
            _ => column(sheet, inside, x, width),
        }
    }
}

/// A drawing on a fine canvas is as wide as a column of the page.
fn width_on_paper(drawing: &Drawing) -> f64 {
    drawing.width.min(0.62 * WIDTH)
}

/// The first drawing that has words.
fn first_drawing(parts: &[Part]) -> Option<Drawing> {
    parts.iter().find_map(|part| {
        let Part::Element { name, attributes, raw, inside } = part else { return None };
        if name == "svg" {
            let drawing = Drawing::of_page(raw, 1.0, &attribute(attributes, "aria-label")?);
            debug_assert!(drawing.is_some(), "a drawing of the page has no view box: {attributes}");
            drawing
        } else {
            first_drawing(inside)
        }
    })
}

/// What the lines of a drawing are: a sample and its words, one after the other.
fn legend(sheet: &mut Sheet, inside: &[Part]) {
    let mut left = MARGIN;
    let style = Style::SMALL;
    sheet.need(style.leading);
    sheet.open(Tag::P);
    for entry in elements(inside, "span") {
        let text = words(entry);
        let sample = entry.iter().find_map(|part| match part {
            Part::Element { name, raw, .. } if name == "svg" => Drawing::of_page(raw, 1.0, ""),
            Part::Element { .. } | Part::Text(_) => None,
        });
        if let Some(tree) = sample.and_then(|sample| sample.tree()) {
            let area = [left, sheet.at.y + 1.5, SAMPLE.0, SAMPLE.1];
            sheet.adorn(vec![Mark::Drawing { tree: Box::new(tree), area }]);
        }
        let (place, width) = (sheet.at, style.letter.width(&text, style.size) + 1.0);
        sheet.text(style, &text, left + SAMPLE.0 + 4.0, width, Align::Left);
        sheet.at = place;
        left += SAMPLE.0 + width + 16.0;
    }
    sheet.close();
    sheet.skip(style.leading + 4.0);
}

/// A table, its columns as wide as their texts ask for.
fn table(sheet: &mut Sheet, inside: &[Part]) {
    let caption = elements(inside, "caption").first().map(|inside| words(inside)).unwrap_or_default();
    let rows: Vec<Vec<String>> = elements(inside, "tr")
        .into_iter()
        .map(|row| {
            row.iter()
                .filter_map(|cell| match cell {
                    Part::Element { name, inside, .. } if name == "th" || name == "td" => Some(words(inside)),
                    Part::Element { .. } | Part::Text(_) => None,
                })
                .collect()
        })
        .collect();
    let has_head = !elements(inside, "thead").is_empty();
    let (head, body) = match rows.split_first() {
        Some((head, body)) if has_head => (head.clone(), body),
        _ => (vec![String::new(); rows.first().map_or(0, Vec::len)], rows.as_slice()),
    };
    if head.is_empty() || body.is_empty() {
        return;
    }
    let widest = |column: usize| {
        let texts = std::iter::once(&head).chain(body).filter_map(|row| row.get(column));
        texts.map(|text| Letter::Plain.width(text, 7.8)).fold(18.0, f64::max).min(190.0) + 8.0
    };
    let natural: Vec<f64> = (0..head.len()).map(widest).collect();
    let total: f64 = natural.iter().sum();
    let width = total.min(WIDTH);
    if !caption.is_empty() {
        sheet.paragraph(Style::SMALL, &caption, MARGIN, WIDTH);
        sheet.skip(2.0);
    }
    Table {
        summary: caption,
        columns: head
            .into_iter()
            .zip(&natural)
            .map(|(title, natural)| Column { title: title.into(), share: natural / total, align: Align::Left })
            .collect(),
        rows: body.iter().map(|row| row.iter().map(Cell::text).collect()).collect(),
    }
    .lay(sheet, MARGIN, width);
    sheet.skip(6.0);
}

/// What is inside the elements of a name, wherever they stand.
fn elements<'a>(parts: &'a [Part], wanted: &str) -> Vec<&'a [Part]> {
    let mut found = Vec::new();
    for part in parts {
        if let Part::Element { name, inside, .. } = part {
            if name == wanted {
                found.push(inside.as_slice());
            } else {
                found.extend(elements(inside, wanted));
            }
        }
    }
    found
}

/// The text of parts; what stood in a block of its own is kept apart.
fn words(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Element { name, .. } if name == "svg" => {}
            Part::Element { name, inside, .. } => {
                if matches!(name.as_str(), "small" | "br" | "div" | "p" | "span") && !text.ends_with(' ') {
                    text.push(' ');
                }
                text.push_str(&words(inside));
            }
        }
    }
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let from = attributes.find(&format!("{name}=\""))? + name.len() + 2;
    Some(unescaped(attributes[from..].split('"').next()?))
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::super::paint::{About, paint};
    use super::*;
    use crate::lesion::Histogram;
    use crate::pet::{LesionDynamics, Scales, TimeActivity};
    use crate::report::figures::{activity, bolus, growth, histogram, motion};
    use crate::report::html::evidence::fitted_curve;
    use crate::report::model::{BolusFigure, CurveFigure, MotionFigure};
    use crate::verdict::{Class, GrowthBand};

    #[test]
    fn a_section_keeps_its_words_and_its_order() {
        let name = "b < c";
        let markup = html! {
            section { h2 { "Title" } p { "One " strong { "two" } img src="x" alt=""; " three" }
                div { table { caption { "Cap" } thead { tr { th { "What" } th { "Value" } } }
                    tbody { tr { th { (name) small { "more" } } td { "7" } } } } }
                ul { li { "first" } li { "second" } }
                svg viewBox="0 0 10 5" role="img" aria-label="a figure" { rect width="10" height="5" {} } }
        };
        let mut sheet = Sheet::new("");
        lay(&mut sheet, &markup);
        let mut texts = Vec::new();
        let mut figures = 0;
        for mark in sheet.pieces.iter().flat_map(|piece| &piece.marks) {
            match mark {
                Mark::Text { text, .. } => texts.push(text.as_str()),
                Mark::Drawing { .. } => figures += 1,
                Mark::Area { .. } => {}
            }
        }
        let expected =
            ["Title", "One two three", "Cap", "What", "Value", "b < c more", "7", "•", "first", "•", "second"];
        assert_eq!(texts, expected);
        assert_eq!(figures, 1);
    }

    /// Every kind of drawing that stands in a section, as the page writes it, each with words after it.
    fn drawings() -> Vec<Markup> {
        let time: Vec<f64> = (0..40).map(|frame| 2.0 * f64::from(frame)).collect();
        let curve: Vec<f64> = time.iter().map(|t| 9.0 * (-(t - 30.0) * (t - 30.0) / 60.0).exp()).collect();
        let fitted = CurveFigure {
            title: "DCE: enhancement".into(),
            caption: "Mean < of the \"lesion\" & its fit.".into(),
            unit: "mM".into(),
            time: time.clone(),
            residual: curve.iter().map(|value| 0.1 * value).collect(),
            measured: curve.clone(),
            fitted: curve.clone(),
            reference: Vec::new(),
            arrival: Some(20.0),
        };
        let delays = CurveFigure { residual: Vec::new(), reference: curve.clone(), ..fitted.clone() };
        let passage = BolusFigure {
            lesion: curve.clone(),
            lesion_corrected: curve.clone(),
            reference: curve.clone(),
            arrival: 18.0,
            time: time.clone(),
        };
        let known: Vec<Option<f64>> = curve.iter().copied().map(Some).collect();
        let moved = MotionFigure {
            displacement_mm: known.clone(),
            framewise_mm: known,
            poses: vec![None; time.len()],
            spikes: vec![3],
            spike_mm: 1.0,
            registered: true,
            corrected: false,
            voxels_lost: 0,
            time: time.clone(),
        };
        let activity = TimeActivity { minutes: time, values: curve };
        let settings: crate::pet::Settings = crate::settings::default_section("pet");
        let dynamics = LesionDynamics::of(&activity, Some(&activity), Scales::default(), &settings);
        let values: Vec<f32> = (0..300).map(|i| i as f32 * 0.015).collect();
        let spread = Histogram::of(&values, [1.0, 1.75]).unwrap();
        let shares = ["22 %", "17 %", "61 %"].map(str::to_owned);
        let visit = |date: &str, volume: f64| growth::Visit {
            date: date.parse().unwrap(),
            volume,
            band: GrowthBand {
                low_ml: 0.9 * volume,
                high_ml: 1.1 * volume,
                grown_ml: Some(5.6),
                grown_percent: Some(40.0),
            },
            class: Some(Class::Indeterminate),
        };
        let grown = growth::Growth {
            visits: vec![visit("2026-01-05", 4.0), visit("2026-03-02", 5.0)],
            index_volume: Some(4.0),
        };
        vec![
            fitted_curve(&fitted, 3),
            fitted_curve(&delays, 3),
            html! { figure { (bolus::svg(&passage, "bolus").unwrap()) (bolus::legend()) } },
            html! { figure { (motion::svg(&moved).unwrap()) (motion::legend()) } },
            html! { figure { (activity::svg(&dynamics, "activity").unwrap()) } },
            html! { figure { (histogram::Bars { now: &spread, previous: Some(&spread), shares }.svg()) } },
            html! { figure { (grown.svg().unwrap()) } },
        ]
    }

    /// Each drawing is on paper once, and what follows it is read after it: nothing is swallowed by its elements.
    #[test]
    fn every_kind_of_drawing_is_drawn_on_paper() {
        for (kind, drawing) in drawings().into_iter().enumerate() {
            let mut sheet = Sheet::new("");
            lay(&mut sheet, &html! { section { (drawing) p { "after " (kind) } } });
            let figures = sheet.pieces.iter().filter(|piece| !piece.adorns).flat_map(|piece| &piece.marks);
            let drawn = figures.clone().filter(|mark| matches!(mark, Mark::Drawing { .. })).count();
            let texts: Vec<&str> = figures
                .filter_map(|mark| match mark {
                    Mark::Text { text, .. } => Some(text.as_str()),
                    Mark::Area { .. } | Mark::Drawing { .. } => None,
                })
                .collect();
            assert_eq!(drawn, 1, "kind {kind}: {texts:?}");
            assert_eq!(texts.last(), Some(&format!("after {kind}").as_str()), "kind {kind}: {texts:?}");
            assert!(!texts.iter().any(|text| text.contains("could not be drawn")), "kind {kind}: {texts:?}");
            let about =
                About { title: "t".into(), description: "d".into(), identifier: "i".into(), producer: "p".into() };
            paint(sheet, &about).unwrap();
        }
    }
}
