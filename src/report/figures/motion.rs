//! The motion of the head over time: displacement from the baseline and from frame to frame, spikes marked.
//!
//! Drawn by plotters on a canvas of four times the size, because its SVG backend rounds coordinates to whole units.

use maud::{Markup, html};
use plotters::prelude::*;

use super::plot::{Axes, CORRECTED, FINE, MARK, REFERENCE, on_page, register_text_metrics, sample};
use crate::report::model::MotionFigure;
use crate::report::number::tick;

/// Size on the page.
const SIZE: (u32, u32) = (480, 190);
/// Height of the axis where hardly anything moves, mm: noise must not look like motion.
const SMALLEST_RANGE_MM: f64 = 0.5;

/// The curves as inline SVG; `None` where there is nothing to draw.
pub fn svg(figure: &MotionFigure) -> Option<Markup> {
    let mut drawing = String::new();
    draw(figure, &mut drawing)?;
    on_page(&drawing, SIZE, &alt(figure))
}

/// What the lines are.
pub fn legend() -> Markup {
    html! {
        p .lg {
            span { (sample("stroke:var(--ink);stroke-width:2.4")) "from the baseline" }
            span { (sample("stroke:var(--s2);stroke-width:2")) "from the frame before" }
        }
    }
}

/// The motion in words and numbers.
fn alt(figure: &MotionFigure) -> String {
    let frames = figure.displacement_mm.len();
    let told: Vec<f64> = figure.displacement_mm.iter().flatten().copied().collect();
    let largest = told.iter().copied().fold(0.0, f64::max);
    let mut alt = format!("Displacement of the head over time, at most {largest:.2} mm from the baseline");
    if told.len() < frames {
        alt.push_str(&format!(" in {} of {frames} frames; the others tell no displacement", told.len()));
    }
    if figure.spikes.is_empty() {
        alt.push_str("; no spike");
    } else {
        let frames: Vec<String> = figure.spikes.iter().map(usize::to_string).collect();
        alt.push_str(&format!("; spikes at frames {}", frames.join(", ")));
    }
    alt
}

/// Draws with plotters; `None` without two known points or on a drawing error.
fn draw(figure: &MotionFigure, drawing: &mut String) -> Option<()> {
    register_text_metrics()?;
    let (first, last) = (*figure.time.first()?, *figure.time.last()?);
    let known = || figure.displacement_mm.iter().chain(&figure.framewise_mm).flatten().copied();
    if first >= last || known().count() < 2 {
        return None;
    }
    let highest = 1.1 * known().fold(SMALLEST_RANGE_MM, f64::max);
    let size = (SIZE.0 * FINE, SIZE.1 * FINE);
    let area = SVGBackend::with_string(drawing, size).into_drawing_area();
    let axes = Axes {
        x: [first, last],
        y: [0.0, highest],
        labels: [7, 4],
        label_width: 46,
        x_label: &|time| format!("{} s", tick(time, 0)),
        y_label: &|length| format!("{} mm", tick(length, 2)),
        y_name: "",
        band: None,
    };
    let mut chart = axes.draw(&area)?;
    for (values, color, width) in [(&figure.framewise_mm, REFERENCE, 8), (&figure.displacement_mm, CORRECTED, 9)] {
        for run in known_runs(&figure.time, values) {
            chart.draw_series(LineSeries::new(run, color.stroke_width(width))).ok()?;
        }
    }
    let spikes = figure.spikes.iter().filter_map(|&frame| {
        let place = (*figure.time.get(frame)?, (*figure.framewise_mm.get(frame)?)?);
        Some(Circle::new(place, 5 * FINE as i32, MARK.stroke_width(2 * FINE)))
    });
    chart.draw_series(spikes).ok()?;
    area.present().ok()?;
    drop(chart);
    drop(area);
    Some(())
}

/// The curve in pieces without gaps: a value that could not be told leaves a gap and is never bridged.
fn known_runs(time: &[f64], values: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<Option<(f64, f64)>> = time.iter().zip(values).map(|(t, value)| Some((*t, (*value)?))).collect();
    points
        .split(Option::is_none)
        .filter(|run| run.len() > 1)
        .map(|run| run.iter().copied().flatten().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> MotionFigure {
        MotionFigure {
            time: vec![0.0, 1.5, 3.0, 4.5],
            displacement_mm: vec![Some(0.0), Some(0.1), None, Some(2.0)],
            framewise_mm: vec![Some(0.0), Some(0.1), Some(2.1), Some(0.1)],
            poses: vec![None; 4],
            spikes: vec![2],
            spike_mm: 1.0,
            registered: true,
            corrected: true,
            voxels_lost: 0,
        }
    }

    #[test]
    fn the_figure_tells_its_spikes_and_follows_the_page() {
        let svg = svg(&figure()).unwrap().into_string();
        assert!(svg.contains("at most 2.00 mm from the baseline in 3 of 4 frames; the others tell no displacement; spikes at frames 2"), "{svg}");
        assert!(svg.contains("var(--s2)") && svg.contains("<circle") && !svg.contains("\"#0101"), "{svg}");
    }

    #[test]
    fn an_unknown_frame_is_a_gap() {
        let figure = figure();
        assert_eq!(known_runs(&figure.time, &figure.displacement_mm), [vec![(0.0, 0.0), (1.5, 0.1)]]);
        let empty = MotionFigure { displacement_mm: vec![None; 4], framewise_mm: vec![None; 4], ..figure };
        assert!(super::svg(&empty).is_none());
    }
}
