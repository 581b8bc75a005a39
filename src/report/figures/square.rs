//! The unit square that the curves of a calibration are drawn in: shares from 0 to 1 on both axes.
//!
//! A drawing of its own, not part of a page: fixed colors on white, text as text. Drawn by plotters on a canvas of
//! four times the size, because its SVG backend rounds coordinates to whole units.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::plot::register_text_metrics;
use crate::report::number::tick;

/// Canvas units for one unit of the drawing.
pub const FINE: u32 = 4;
/// Width and height of the drawing.
const SIZE: (u32, u32) = (520, 560);
/// Lines, text and marks.
pub const INK: RGBColor = RGBColor(0x1c, 0x1c, 0x1c);
/// What stands back.
pub const PALE: RGBColor = RGBColor(0x6b, 0x6b, 0x6b);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// Cut-offs that the cohort gives.
pub const OWN: RGBColor = RGBColor(0x00, 0x5f, 0xa8);
/// Cut-offs in use now.
pub const IN_USE: RGBColor = RGBColor(0xb3, 0x47, 0x00);

/// The square being drawn.
pub type Square<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What stands around the square.
pub struct Frame<'a> {
    /// Above it.
    pub title: &'a str,
    /// Below the title.
    pub subtitle: &'a str,
    /// Along the horizontal axis.
    pub across: &'a str,
    /// Along the vertical axis.
    pub up: &'a str,
}

/// Draws a frame with the diagonal, and what `inside` adds; `None` on a drawing error.
pub fn drawing(frame: &Frame<'_>, inside: impl FnOnce(&mut Square<'_, '_>) -> Option<()>) -> Option<String> {
    register_text_metrics()?;
    let mut drawing = String::new();
    {
        let size = (SIZE.0 * FINE, SIZE.1 * FINE);
        let area = SVGBackend::with_string(&mut drawing, size).into_drawing_area();
        area.fill(&WHITE).ok()?;
        for (text, size, color, top) in [(frame.title, 17, INK, 10), (frame.subtitle, 13, PALE, 33)] {
            let style = ("sans-serif", size * FINE).into_font().color(&color);
            area.draw(&Text::new(text, (16 * FINE as i32, top * FINE as i32), style)).ok()?;
        }
        let mut chart = ChartBuilder::on(&area)
            .margin(14 * FINE)
            .margin_top(58 * FINE)
            .x_label_area_size(44 * FINE)
            .y_label_area_size(52 * FINE)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)
            .ok()?;
        chart
            .configure_mesh()
            .x_labels(6)
            .y_labels(6)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(FINE))
            .axis_style(PALE.stroke_width(FINE))
            .label_style(("sans-serif", 13 * FINE).into_font().color(&INK))
            .axis_desc_style(("sans-serif", 13 * FINE).into_font().color(&INK))
            .x_desc(frame.across)
            .y_desc(frame.up)
            .x_label_formatter(&|share| tick(*share, 1))
            .y_label_formatter(&|share| tick(*share, 1))
            .draw()
            .ok()?;
        let diagonal = (0..50).map(|n| {
            let at = |n: f64| (n / 50.0, n / 50.0);
            PathElement::new(vec![at(f64::from(n)), at(f64::from(n) + 0.5)], PALE.stroke_width(FINE))
        });
        chart.draw_series(diagonal).ok()?;
        inside(&mut chart)?;
        area.present().ok()?;
    }
    let whole = format!("width=\"{}\" height=\"{}\"", SIZE.0 * FINE, SIZE.1 * FINE);
    Some(drawing.replacen(&whole, &format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1), 1))
}

/// A line of text inside the square, vertically centered on its point.
pub fn note(square: &mut Square<'_, '_>, text: &str, at: (f64, f64), color: RGBColor) -> Option<()> {
    let style = ("sans-serif", 13 * FINE).into_font().color(&color).pos(Pos::new(HPos::Left, VPos::Center));
    square.draw_series([Text::new(text.to_owned(), at, style)]).ok().map(drop)
}

/// A filled circle, or an open one.
pub fn mark(square: &mut Square<'_, '_>, at: (f64, f64), color: RGBColor, filled: bool) -> Option<()> {
    let inside = if filled { color.filled() } else { WHITE.filled() };
    square.draw_series([Circle::new(at, 5 * FINE, inside)]).ok()?;
    square.draw_series([Circle::new(at, 5 * FINE, color.stroke_width(2 * FINE))]).ok().map(drop)
}
