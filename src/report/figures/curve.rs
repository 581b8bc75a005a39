//! A lesion's mean curve with the fit of a model, and what the fit leaves below it.
//!
//! Drawn as the bolus passage is: by plotters on a fine canvas, with colors that follow the page.

use maud::{Markup, html};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::plot::{
    Axes, CORRECTED, Chart, FINE, MEASURED, REFERENCE, finite_runs, on_page, register_text_metrics, sample,
};
use crate::report::model::CurveFigure;
use crate::report::number::tick;

/// Size on the page.
const SIZE: (u32, u32) = (480, 236);
/// Height of the residual below the curves.
const RESIDUAL_HEIGHT: u32 = 76;

/// The curves as inline SVG; `None` where there is nothing to draw.
pub fn svg(figure: &CurveFigure, alt: &str) -> Option<Markup> {
    let mut drawing = String::new();
    let height = if figure.residual.is_empty() { SIZE.1 } else { SIZE.1 + RESIDUAL_HEIGHT };
    draw(figure, height, &mut drawing)?;
    on_page(&drawing, (SIZE.0, height), alt)
}

/// What the lines are.
pub fn legend(figure: &CurveFigure) -> Markup {
    html! {
        p .lg {
            span { (sample("stroke:var(--ink2);stroke-width:1.6;stroke-dasharray:4 3")) "lesion, measured" }
            @if !figure.fitted.is_empty() { span { (sample("stroke:var(--ink);stroke-width:2.6")) "fit" } }
            @if !figure.reference.is_empty() { span { (sample("stroke:var(--s2);stroke-width:2.2")) "reference" } }
            @if !figure.residual.is_empty() { span { "below: measured minus fit" } }
        }
    }
}

fn draw(figure: &CurveFigure, height: u32, drawing: &mut String) -> Option<()> {
    register_text_metrics()?;
    let (first, last) = range(&[&figure.time]).filter(|(first, last)| first < last)?;
    let area = SVGBackend::with_string(drawing, (SIZE.0 * FINE, height * FINE)).into_drawing_area();
    let (upper, lower) = area.split_vertically(SIZE.1 * FINE);
    let (low, high) = range(&[&figure.measured, &figure.fitted, &figure.reference])?;
    let band = figure.arrival.map(|arrival| [first, arrival]);
    let mut chart = axes(&upper, [first, last], [low.min(0.0), high.max(0.0)], [7, 5], band, &figure.unit)?;
    for (values, color, width) in
        [(&figure.measured, MEASURED, 6), (&figure.reference, REFERENCE, 9), (&figure.fitted, CORRECTED, 10)]
    {
        for run in finite_runs(&figure.time, values) {
            chart.draw_series(LineSeries::new(run, color.stroke_width(width))).ok()?;
        }
    }
    if !figure.residual.is_empty() {
        let (low, high) = range(&[&figure.residual])?;
        let most = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
        let mut chart = axes(&lower, [first, last], [-most, most], [0, 3], None, &figure.unit)?;
        for run in finite_runs(&figure.time, &figure.residual) {
            chart.draw_series(LineSeries::new(run, CORRECTED.stroke_width(5))).ok()?;
        }
    }
    area.present().ok()?;
    Some(())
}

fn axes<'a, 'b>(
    area: &'a DrawingArea<SVGBackend<'b>, Shift>,
    x: [f64; 2],
    [low, high]: [f64; 2],
    labels: [usize; 2],
    band: Option<[f64; 2]>,
    y_name: &str,
) -> Option<Chart<'a, 'b>> {
    let (room, digits) = (room(low, high), digits(high - low));
    Axes {
        x,
        y: [low - room, high + room],
        labels,
        label_width: 46,
        x_label: &|time| format!("{} s", tick(time, if time.abs() < 20.0 { 1 } else { 0 })),
        y_label: &|value| tick(value, digits),
        y_name,
        band,
    }
    .draw(area)
}

fn room(low: f64, high: f64) -> f64 {
    0.05 * (high - low).max(f64::MIN_POSITIVE)
}

/// Decimals that tell two labels of an axis apart.
fn digits(span: f64) -> usize {
    if span > 0.0 { (1.0 - (span / 5.0).log10().floor()).clamp(0.0, 6.0) as usize } else { 3 }
}

/// Smallest and largest finite value; `None` without one.
fn range(curves: &[&Vec<f64>]) -> Option<(f64, f64)> {
    curves.iter().flat_map(|values| values.iter().copied()).filter(|value| value.is_finite()).fold(
        None,
        |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> CurveFigure {
        let time: Vec<f64> = (0..60).map(|frame| 5.0 * f64::from(frame)).collect();
        let fitted: Vec<f64> = time.iter().map(|time| 0.5 * (1.0 - (-time / 60.0).exp())).collect();
        let measured: Vec<f64> = fitted.iter().enumerate().map(|(i, value)| value + 0.01 * (i as f64).sin()).collect();
        CurveFigure {
            title: "DCE".into(),
            caption: String::new(),
            unit: "mM".into(),
            residual: measured.iter().zip(&fitted).map(|(a, b)| a - b).collect(),
            measured,
            fitted,
            reference: Vec::new(),
            arrival: Some(20.0),
            time,
        }
    }

    #[test]
    fn the_residual_makes_the_drawing_taller() {
        let with = svg(&figure(), "curves").unwrap().into_string();
        let without = svg(&CurveFigure { residual: Vec::new(), ..figure() }, "curves").unwrap().into_string();
        assert!(with.contains("0 0 1920 1248") && without.contains("0 0 1920 944"));
        assert!(!with.contains("\"#0101") && with.contains("var(--ink)"));
    }

    #[test]
    fn nothing_finite_is_nothing_drawn() {
        let empty = CurveFigure { measured: vec![f64::NAN; 60], fitted: Vec::new(), ..figure() };
        assert!(svg(&empty, "curves").is_none());
        assert!(svg(&CurveFigure { time: Vec::new(), ..figure() }, "curves").is_none());
    }

    #[test]
    fn labels_have_the_decimals_that_tell_them_apart() {
        assert_eq!([digits(100.0), digits(1.0), digits(0.01)], [0, 2, 4]);
    }
}
