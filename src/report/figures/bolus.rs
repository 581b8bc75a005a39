//! The bolus passage: mean ΔR2* of lesion and reference over time.
//!
//! Drawn by plotters on a canvas of four times the size, because its SVG backend rounds coordinates to whole units.

use maud::{Markup, html};
use plotters::prelude::*;

use super::drawing::{Drawing, inside};
use super::lettering::Letter;
use super::plot::{Axes, CORRECTED, FINE, MEASURED, REFERENCE, finite_runs, on_page, register_text_metrics, sample};
use crate::report::model::BolusFigure;
use crate::report::number::tick;

/// What is up: the change of the relaxation rate.
pub(super) const RATE: &str = "ΔR2*, 1/s";

/// Size on the page.
const SIZE: (u32, u32) = (480, 236);

/// The curves as inline SVG; `None` where there is nothing to draw.
pub fn svg(figure: &BolusFigure, alt: &str) -> Option<Markup> {
    with_name(figure, alt, RATE)
}

/// The same with another name at the vertical axis.
pub(super) fn with_name(figure: &BolusFigure, alt: &str, y_name: &str) -> Option<Markup> {
    let mut drawing = String::new();
    draw(figure, y_name, &mut drawing)?;
    on_page(&drawing, SIZE, alt)
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
    html! {
        p .lg {
            @for (style, words) in LINES { span { (sample(style)) (words) } }
        }
    }
}

/// Draws with plotters; `None` without two finite points or on a drawing error.
fn draw(figure: &BolusFigure, y_name: &str, drawing: &mut String) -> Option<()> {
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

    let area = SVGBackend::with_string(drawing, (SIZE.0 * FINE, SIZE.1 * FINE)).into_drawing_area();
    let axes = Axes {
        x: [first, last],
        y: [lowest - room, highest + room],
        labels: [7, 5],
        label_width: 34,
        x_label: &|time| format!("{} s", tick(time, 0)),
        y_label: &|rate| tick(rate, 3),
        y_name,
        band: Some([first, figure.arrival]),
    };
    let mut chart = axes.draw(&area)?;
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
        assert!(svg.contains(RATE), "the unit of the axis: {svg}");
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
