//! Lines over numbers: what a page of accuracy shows truth and estimates in.
//!
//! A drawing of its own, not part of a page: fixed colors on white, text as text. Drawn by plotters on a canvas of four
//! times the size, because its SVG backend rounds coordinates to whole units.

use plotters::prelude::*;

use super::plot::register_text_metrics;
use super::square::{FINE, INK, PALE};
use crate::report::number::tick;

const SIZE: (u32, u32) = (640, 400);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// Colors of the lines in their order, told apart without red and green (Okabe & Ito).
const COLORS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// Its points, from left to right; values that are not finite leave a gap.
    pub points: Vec<(f64, f64)>,
    /// Whether it is the truth, which is drawn in black.
    pub truth: bool,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Along the horizontal axis, with the unit.
    pub across: String,
    /// Along the vertical axis, with the unit.
    pub up: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// The chart as SVG; `None` without two finite points or on a drawing error.
pub fn svg(chart: &Chart) -> Option<String> {
    register_text_metrics()?;
    let points =
        || chart.lines.iter().flat_map(|line| line.points.iter()).filter(|(x, y)| x.is_finite() && y.is_finite());
    let range = |values: Vec<f64>| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low < high).then_some((low, high))
    };
    let (left, right) = range(points().map(|point| point.0).collect())?;
    let (low, high) = range(points().map(|point| point.1).chain([0.0]).collect())?;
    let room = 0.06 * (high - low);
    let mut drawing = String::new();
    {
        let area = SVGBackend::with_string(&mut drawing, (SIZE.0 * FINE, SIZE.1 * FINE)).into_drawing_area();
        area.fill(&WHITE).ok()?;
        let style = ("sans-serif", 16 * FINE).into_font().color(&INK);
        area.draw(&Text::new(chart.title.clone(), (16 * FINE as i32, 10 * FINE as i32), style)).ok()?;
        let mut frame = ChartBuilder::on(&area)
            .margin(14 * FINE)
            .margin_top(40 * FINE)
            .margin_right(170 * FINE)
            .x_label_area_size(42 * FINE)
            .y_label_area_size(54 * FINE)
            .build_cartesian_2d(left..right, low - room..high + room)
            .ok()?;
        frame
            .configure_mesh()
            .x_labels(7)
            .y_labels(7)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(FINE))
            .axis_style(PALE.stroke_width(FINE))
            .label_style(("sans-serif", 12 * FINE).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 12 * FINE).into_font().color(&INK))
            .x_desc(&chart.across)
            .y_desc(&chart.up)
            .x_label_formatter(&|value| tick(*value, 3))
            .y_label_formatter(&|value| tick(*value, 3))
            .draw()
            .ok()?;
        let mut next = 0;
        for (place, line) in chart.lines.iter().enumerate() {
            let color = if line.truth {
                INK
            } else {
                next += 1;
                COLORS[(next - 1) % COLORS.len()]
            };
            for run in line.points.split(|(x, y)| !x.is_finite() || !y.is_finite()).filter(|run| !run.is_empty()) {
                frame.draw_series(LineSeries::new(run.iter().copied(), color.stroke_width(2 * FINE))).ok()?;
                frame.draw_series(run.iter().map(|&point| Circle::new(point, 3 * FINE, color.filled()))).ok()?;
            }
            let top = (52 + 20 * place as i32) * FINE as i32;
            let start = (SIZE.0 as i32 - 164) * FINE as i32;
            let middle = top + 7 * FINE as i32;
            let sample = vec![(start, middle), (start + 22 * FINE as i32, middle)];
            area.draw(&PathElement::new(sample, color.stroke_width(2 * FINE))).ok()?;
            let style = ("sans-serif", 12 * FINE).into_font().color(&INK);
            area.draw(&Text::new(line.name.clone(), (start + 28 * FINE as i32, top), style)).ok()?;
        }
        area.present().ok()?;
    }
    let whole = format!("width=\"{}\" height=\"{}\"", SIZE.0 * FINE, SIZE.1 * FINE);
    Some(drawing.replacen(&whole, &format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let line = Line { name: "ours".to_owned(), points, truth: false };
        Chart { title: "Title".to_owned(), across: "x".to_owned(), up: "y".to_owned(), lines: vec![line] }
    }

    #[test]
    fn a_chart_names_its_lines_and_a_gap_is_not_bridged() {
        let drawing = svg(&chart(vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0)])).unwrap();
        assert!(drawing.contains(">\nours\n<") || drawing.contains("ours"), "{drawing}");
        assert_eq!(drawing.matches("<circle").count(), 3);
    }

    #[test]
    fn nothing_finite_is_nothing_drawn() {
        assert_eq!(svg(&chart(vec![(f64::NAN, 1.0)])), None);
    }
}
