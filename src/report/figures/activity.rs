//! Uptake over time: the mean of the lesion and of the background in each frame.
//!
//! Drawn by plotters on a canvas of four times the size, as the bolus passage.

use maud::{Markup, html};
use plotters::prelude::*;

use super::plot::{Axes, CORRECTED, FINE, REFERENCE, finite_runs, on_page, register_text_metrics, sample};
use crate::pet::{LesionDynamics, TimeActivity};
use crate::report::number::tick;

/// Size on the page.
const SIZE: (u32, u32) = (480, 236);

/// The curves as inline SVG; `None` where there is nothing to draw.
pub fn svg(dynamics: &LesionDynamics, alt: &str) -> Option<Markup> {
    let mut drawing = String::new();
    draw(dynamics, &mut drawing)?;
    on_page(&drawing, SIZE, alt)
}

/// What the lines are.
pub fn legend(dynamics: &LesionDynamics) -> Markup {
    html! {
        p .lg {
            span { (sample("stroke:var(--ink);stroke-width:2.6")) "lesion, " (dynamics.unit) }
            @if dynamics.background.is_some() {
                span { (sample("stroke:var(--s2);stroke-width:2.2")) "background" }
            }
            span { (sample("stroke:var(--wash);stroke-width:11")) "window of the late slope" }
        }
    }
}

/// A curve in pieces without gaps.
type Pieces = Vec<Vec<(f64, f64)>>;

/// Draws with plotters; `None` without two finite points or on a drawing error.
fn draw(dynamics: &LesionDynamics, drawing: &mut String) -> Option<()> {
    register_text_metrics()?;
    let curves: Vec<(&TimeActivity, RGBColor, u32)> = dynamics
        .background
        .iter()
        .map(|background| (&background.curve, REFERENCE, 9))
        .chain([(&dynamics.lesion.curve, CORRECTED, 10)])
        .collect();
    let runs: Vec<(Pieces, RGBColor, u32)> = curves
        .iter()
        .map(|(curve, color, width)| (finite_runs(&curve.minutes, &curve.values), *color, *width))
        .collect();
    let points = || runs.iter().flat_map(|(runs, ..)| runs.iter().flatten());
    let last = points().map(|(minute, _)| *minute).reduce(f64::max)?;
    let first = points().map(|(minute, _)| *minute).fold(0.0, f64::min);
    let highest = points().map(|(_, value)| *value).fold(0.0, f64::max);
    let lowest = points().map(|(_, value)| *value).fold(0.0, f64::min);
    if last <= first || highest <= lowest {
        return None;
    }
    let top = highest + 0.05 * (highest - lowest);
    let area = SVGBackend::with_string(drawing, (SIZE.0 * FINE, SIZE.1 * FINE)).into_drawing_area();
    let axes = Axes {
        x: [first, last],
        y: [lowest, top],
        labels: [7, 5],
        label_width: 34,
        x_label: &|minute| format!("{} min", tick(minute, 0)),
        y_label: &|value| tick(value, 3),
        y_name: "",
        band: Some(dynamics.slope_window_min),
    };
    let mut chart = axes.draw(&area)?;
    for (runs, color, width) in runs {
        for run in runs {
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
    use crate::pet::{Scales, Settings};

    fn dynamics(lesion: &[f64]) -> LesionDynamics {
        let settings: Settings = crate::settings::default_section("pet");
        let minutes: Vec<f64> = (0..lesion.len()).map(|i| 2.5 + 5.0 * i as f64).collect();
        let curve = |values: &[f64]| TimeActivity { minutes: minutes.clone(), values: values.to_vec() };
        LesionDynamics::of(&curve(lesion), Some(&curve(&vec![1.0; lesion.len()])), Scales::default(), &settings)
    }

    #[test]
    fn lesion_background_and_window_are_drawn_in_colors_of_the_page() {
        let svg = svg(&dynamics(&[0.5, 2.0, 1.8, 1.7, f64::NAN, 1.6, 1.5, 1.4]), "curves").unwrap().into_string();
        for variable in ["var(--ink)", "var(--s2)", "var(--wash)", "var(--rule)"] {
            assert!(svg.contains(variable), "{variable}");
        }
        assert!(!svg.contains("\"#0101"), "{svg}");
        let lines = |variable: &str| svg.matches(&format!("stroke=\"var({variable})\"")).count();
        assert_eq!((lines("--ink"), lines("--s2")), (2, 1), "the gap cuts the lesion's curve in two");
    }

    #[test]
    fn nothing_finite_is_nothing_drawn() {
        let mut empty = dynamics(&[f64::NAN, f64::NAN]);
        empty.background = None;
        assert!(svg(&empty, "curves").is_none());
    }
}
