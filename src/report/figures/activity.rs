//! Uptake over time: the mean of the lesion and of the background in each frame.
//!
//! Drawn by plotters on a canvas of four times the size, as the bolus passage.

use maud::{Markup, html};
use plotters::prelude::*;

use super::bolus::{FINE, finite_runs, on_page, register_text_metrics};
use crate::pet::{LesionDynamics, TimeActivity};
use crate::report::number::tick;

/// Size on the page.
const SIZE: (u32, u32) = (480, 236);

/// Colors by which plotters draws; each is replaced by a variable of the page, which follows light and dark.
const ROLES: [(RGBColor, &str); 5] = [
    (AXIS, r#""var(--ink3)""#),
    (GRID, r#""var(--rule)""#),
    (WINDOW, r#""var(--wash)""#),
    (LESION, r#""var(--ink)""#),
    (BACKGROUND, r#""var(--s2)""#),
];
const AXIS: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(1, 1, 2);
const WINDOW: RGBColor = RGBColor(1, 1, 3);
const LESION: RGBColor = RGBColor(1, 1, 4);
const BACKGROUND: RGBColor = RGBColor(1, 1, 5);

/// The curves as inline SVG; `None` where there is nothing to draw.
pub fn svg(dynamics: &LesionDynamics, alt: &str) -> Option<Markup> {
    let mut drawing = String::new();
    draw(dynamics, &mut drawing)?;
    on_page(&drawing, SIZE, &ROLES, alt)
}

/// What the lines are.
pub fn legend(dynamics: &LesionDynamics) -> Markup {
    let sample = |style: &str| {
        html! { svg viewBox="0 0 22 11" aria-hidden="true" { line x1="0" x2="22" y1="5.5" y2="5.5" style=(style) {} } }
    };
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
        .map(|background| (&background.curve, BACKGROUND, 9))
        .chain([(&dynamics.lesion.curve, LESION, 10)])
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
    let mut chart = ChartBuilder::on(&area)
        .margin(8 * FINE)
        .margin_right(16 * FINE)
        .x_label_area_size(22 * FINE)
        .y_label_area_size(34 * FINE)
        .build_cartesian_2d(first..last, lowest..top)
        .ok()?;
    let [start, end] = dynamics.slope_window_min.map(|minute| minute.clamp(first, last));
    chart.draw_series([Rectangle::new([(start, lowest), (end, top)], WINDOW.filled())]).ok()?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_labels(5)
        .x_labels(7)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(FINE))
        .axis_style(AXIS.stroke_width(FINE))
        .label_style(("sans-serif", 12 * FINE).into_font().color(&AXIS))
        .x_label_formatter(&|minute| format!("{} min", tick(*minute, 0)))
        .y_label_formatter(&|value| tick(*value, 3))
        .draw()
        .ok()?;
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
