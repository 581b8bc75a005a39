//! The bolus passage: mean ΔR2* of lesion and reference over time.
//!
//! Drawn by plotters on a canvas of four times the size, because its SVG backend rounds coordinates to whole units.

use std::sync::OnceLock;

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::drawing::{Drawing, inside};
use super::lettering::Letter;
use crate::report::model::BolusFigure;
use crate::report::number::tick;

/// Canvas units for one unit of the page.
pub(super) const FINE: u32 = 4;

/// Size on the page.
const SIZE: (u32, u32) = (480, 236);

/// Colors by which plotters draws; each is replaced by a variable of the page, which follows light and dark.
pub(super) const ROLES: [(RGBColor, &str); 6] = [
    (AXIS, r#""var(--ink3)""#),
    (GRID, r#""var(--rule)""#),
    (BASELINE, r#""var(--wash)""#),
    (MEASURED, r#""var(--ink2)" stroke-dasharray="16 12""#),
    (CORRECTED, r#""var(--ink)""#),
    (REFERENCE, r#""var(--s2)""#),
];
pub(super) const AXIS: RGBColor = RGBColor(1, 1, 1);
pub(super) const GRID: RGBColor = RGBColor(1, 1, 2);
pub(super) const BASELINE: RGBColor = RGBColor(1, 1, 3);
pub(super) const MEASURED: RGBColor = RGBColor(1, 1, 4);
pub(super) const CORRECTED: RGBColor = RGBColor(1, 1, 5);
pub(super) const REFERENCE: RGBColor = RGBColor(1, 1, 6);

/// The curves as inline SVG; `None` where there is nothing to draw.
pub fn svg(figure: &BolusFigure, alt: &str) -> Option<Markup> {
    let mut drawing = String::new();
    draw(figure, &mut drawing)?;
    on_page(&drawing, SIZE, &ROLES, alt)
}

/// A drawing of plotters as part of the page: its colors become variables of the page, its fonts the page's own.
pub(super) fn on_page(drawing: &str, size: (u32, u32), roles: &[(RGBColor, &str)], alt: &str) -> Option<Markup> {
    let start = drawing.find("<svg")?;
    let inside = start + drawing[start..].find('>')? + 1;
    let end = drawing.rfind("</svg>")?;
    let mut body = drawing[inside..end].replace("font-family=\"sans-serif\" ", "");
    for (color, variable) in roles {
        let hex = format!("\"#{:02X}{:02X}{:02X}\"", color.0, color.1, color.2);
        body = body.replace(&hex, variable);
    }
    Some(html! {
        svg .fine viewBox={ "0 0 " (size.0 * FINE) " " (size.1 * FINE) } role="img" aria-label=(alt) {
            (PreEscaped(body))
        }
    })
}

/// The curves with their legend as a figure that stands alone.
pub fn drawing(figure: &BolusFigure, alt: &str) -> Option<Drawing> {
    let markup = svg(figure, alt)?.into_string();
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let mut inside_text = format!("<g transform=\"scale({})\">{}</g>", 1.0 / f64::from(FINE), inside(&markup)?);
    let mut left = 8.0;
    for (style, words) in LINES {
        inside_text += &format!(
            "<line x1=\"{left}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" style=\"{style}\"/>\
             <text class=\"t\" x=\"{}\" y=\"{}\">{words}</text>",
            left + 22.0,
            left + 27.0,
            height + 12.0,
            y = height + 8.0,
        );
        left += 38.0 + Letter::Drawing.width(words, 13.4).ceil();
    }
    Some(Drawing::new(width, height + 20.0, alt, &inside_text))
}

/// The lines and what they are.
const LINES: [(&str, &str); 3] = [
    ("stroke:var(--ink);stroke-width:2.6", "lesion, leakage corrected"),
    ("stroke:var(--ink2);stroke-width:1.6;stroke-dasharray:4 3", "lesion, measured"),
    ("stroke:var(--s2);stroke-width:2.2", "reference"),
];

/// What the lines are.
pub fn legend() -> Markup {
    let sample = |style: &str| {
        html! { svg viewBox="0 0 22 11" aria-hidden="true" { line x1="0" x2="22" y1="5.5" y2="5.5" style=(style) {} } }
    };
    html! {
        p .lg {
            @for (style, words) in LINES { span { (sample(style)) (words) } }
        }
    }
}

/// Draws with plotters; `None` without two finite points or on a drawing error.
fn draw(figure: &BolusFigure, drawing: &mut String) -> Option<()> {
    register_text_metrics()?;
    let series =
        [(&figure.lesion, MEASURED, 6), (&figure.reference, REFERENCE, 9), (&figure.lesion_corrected, CORRECTED, 10)];
    let finite = |values: &[f64]| -> Option<(f64, f64)> {
        values.iter().copied().filter(|value| value.is_finite()).fold(None, |range, value| {
            Some(range.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
        })
    };
    let (first, last) = finite(&figure.time).filter(|(first, last)| first < last)?;
    let all: Vec<f64> = series.iter().flat_map(|(values, ..)| values.iter().copied()).collect();
    let (lowest, highest) = finite(&all)?;
    let (lowest, highest) = (lowest.min(0.0), highest.max(0.0));
    let room = 0.05 * (highest - lowest).max(f64::MIN_POSITIVE);

    let size = (SIZE.0 * FINE, SIZE.1 * FINE);
    let area = SVGBackend::with_string(drawing, size).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8 * FINE)
        .margin_right(16 * FINE)
        .x_label_area_size(22 * FINE)
        .y_label_area_size(34 * FINE)
        .build_cartesian_2d(first..last, lowest - room..highest + room)
        .ok()?;
    let bottom = lowest - room;
    chart
        .draw_series([Rectangle::new(
            [(first, bottom), (figure.arrival.clamp(first, last), highest + room)],
            BASELINE.filled(),
        )])
        .ok()?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_labels(5)
        .x_labels(7)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(FINE))
        .axis_style(AXIS.stroke_width(FINE))
        .label_style(("sans-serif", 12 * FINE).into_font().color(&AXIS))
        .x_label_formatter(&|time| format!("{} s", tick(*time, 0)))
        .y_label_formatter(&|rate| tick(*rate, 3))
        .draw()
        .ok()?;
    for (values, color, width) in series {
        for run in finite_runs(&figure.time, values) {
            chart.draw_series(LineSeries::new(run, color.stroke_width(width))).ok()?;
        }
    }
    area.present().ok()?;
    drop(chart);
    drop(area);
    Some(())
}

/// The curve in pieces without gaps: a value that is not estimated leaves a gap and is never bridged.
pub(super) fn finite_runs(time: &[f64], values: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<(f64, f64)> = time.iter().copied().zip(values.iter().copied()).collect();
    points
        .split(|(time, value)| !time.is_finite() || !value.is_finite())
        .filter(|run| run.len() > 1)
        .map(<[(f64, f64)]>::to_vec)
        .collect()
}

/// Gives plotters a font to measure text with; the page draws it in its own font.
pub(super) fn register_text_metrics() -> Option<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered =
        *REGISTERED.get_or_init(|| register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).is_ok());
    registered.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> BolusFigure {
        let time: Vec<f64> = (0..60).map(|frame| 1.5 * f64::from(frame)).collect();
        let curve = |peak: f64| time.iter().map(|t| peak * (-(t - 30.0) * (t - 30.0) / 60.0).exp()).collect();
        BolusFigure { lesion: curve(9.0), lesion_corrected: curve(10.0), reference: curve(5.0), arrival: 18.0, time }
    }

    #[test]
    fn colors_follow_the_page() {
        let svg = svg(&figure(), "curves").unwrap().into_string();
        for variable in ["var(--ink)", "var(--ink2)", "var(--s2)", "var(--wash)", "var(--rule)"] {
            assert!(svg.contains(variable), "{variable}");
        }
        assert!(!svg.contains("\"#0101"), "{svg}");
        assert!(!svg.contains("http"), "{svg}");
    }

    #[test]
    fn a_gap_is_not_bridged() {
        let runs = finite_runs(&[0.0, 1.0, 2.0, 3.0, 4.0], &[0.0, 1.0, f64::NAN, 1.0, 0.0]);
        assert_eq!(runs, [vec![(0.0, 0.0), (1.0, 1.0)], vec![(3.0, 1.0), (4.0, 0.0)]]);
    }

    #[test]
    fn nothing_finite_is_nothing_drawn() {
        let empty = BolusFigure {
            time: vec![0.0, 1.0],
            lesion: vec![f64::NAN; 2],
            lesion_corrected: Vec::new(),
            reference: Vec::new(),
            arrival: 0.0,
        };
        assert!(svg(&empty, "curves").is_none());
    }
}
