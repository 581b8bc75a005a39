//! What the curves of a page share: axes, colors that follow the page, curves with gaps.
//!
//! Drawn by plotters on a canvas of four times the size, because its SVG backend rounds coordinates to whole units.

use std::sync::OnceLock;

use maud::{Markup, PreEscaped, html};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

/// Canvas units for one unit of the page.
pub const FINE: u32 = 4;

/// Room for what is up.
const NAME_WIDTH: u32 = 16;

/// Colors by which plotters draws; each is replaced by a variable of the page, which follows light and dark.
const ROLES: [(RGBColor, &str); 7] = [
    (AXIS, r#""var(--ink3)""#),
    (GRID, r#""var(--rule)""#),
    (BAND, r#""var(--wash)""#),
    (MEASURED, r#""var(--ink2)" stroke-dasharray="16 12""#),
    (CORRECTED, r#""var(--ink)""#),
    (REFERENCE, r#""var(--s2)""#),
    (MARK, r#""var(--ink2)""#),
];
const AXIS: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(1, 1, 2);
const BAND: RGBColor = RGBColor(1, 1, 3);
/// What was measured, before anything was done to it: dashed.
pub const MEASURED: RGBColor = RGBColor(1, 1, 4);
/// The line that counts.
pub const CORRECTED: RGBColor = RGBColor(1, 1, 5);
/// What it is compared to.
pub const REFERENCE: RGBColor = RGBColor(1, 1, 6);
/// A mark at a point.
pub const MARK: RGBColor = RGBColor(1, 1, 7);

/// A drawing of plotters as part of the page: its colors become variables of the page, its fonts the page's own.
pub fn on_page(drawing: &str, size: (u32, u32), alt: &str) -> Option<Markup> {
    let start = drawing.find("<svg")?;
    let inside = start + drawing[start..].find('>')? + 1;
    let end = drawing.rfind("</svg>")?;
    let mut body = drawing[inside..end].replace("font-family=\"sans-serif\" ", "");
    for (color, variable) in ROLES {
        let hex = format!("\"#{:02X}{:02X}{:02X}\"", color.0, color.1, color.2);
        body = body.replace(&hex, variable);
    }
    Some(html! {
        svg .fine viewBox={ "0 0 " (size.0 * FINE) " " (size.1 * FINE) } role="img" aria-label=(alt) {
            (PreEscaped(body))
        }
    })
}

/// A piece of a line for a legend.
pub fn sample(style: &str) -> Markup {
    html! { svg viewBox="0 0 22 11" aria-hidden="true" { line x1="0" x2="22" y1="5.5" y2="5.5" style=(style) {} } }
}

/// A chart being drawn.
pub type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The ground that curves are drawn on.
pub struct Axes<'l> {
    /// First and last value across.
    pub x: [f64; 2],
    /// Lowest and highest value.
    pub y: [f64; 2],
    /// Number of labels across and up, about; 0 across leaves no room for them.
    pub labels: [usize; 2],
    /// Room for the labels of the vertical axis, in units of the page.
    pub label_width: u32,
    /// Writes a value across.
    pub x_label: &'l dyn Fn(f64) -> String,
    /// Writes a value up.
    pub y_label: &'l dyn Fn(f64) -> String,
    /// What is up, with its unit; empty where the labels hold the unit.
    pub y_name: &'l str,
    /// A stretch across that is shaded from bottom to top, as far as the axis reaches.
    pub band: Option<[f64; 2]>,
}

impl Axes<'_> {
    /// Draws the band, grid and labels; `None` on a drawing error.
    pub fn draw<'a, 'b>(&self, area: &'a DrawingArea<SVGBackend<'b>, Shift>) -> Option<Chart<'a, 'b>> {
        let ([first, last], [low, high]) = (self.x, self.y);
        let name_width = if self.y_name.is_empty() { 0 } else { NAME_WIDTH };
        let mut chart = ChartBuilder::on(area)
            .margin(8 * FINE)
            .margin_right(16 * FINE)
            .x_label_area_size(if self.labels[0] > 0 { 22 * FINE } else { 0 })
            .y_label_area_size((self.label_width + name_width) * FINE)
            .build_cartesian_2d(first..last, low..high)
            .ok()?;
        if let Some(band) = self.band {
            let [from, to] = band.map(|end| end.clamp(first, last));
            chart.draw_series([Rectangle::new([(from, low), (to, high)], BAND.filled())]).ok()?;
        }
        let mut mesh = chart.configure_mesh();
        if !self.y_name.is_empty() {
            mesh.y_desc(self.y_name).axis_desc_style(("sans-serif", 12 * FINE).into_font().color(&AXIS));
        }
        mesh.disable_x_mesh()
            .y_labels(self.labels[1])
            .x_labels(self.labels[0])
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(FINE))
            .axis_style(AXIS.stroke_width(FINE))
            .label_style(("sans-serif", 12 * FINE).into_font().color(&AXIS))
            .x_label_formatter(&|value| (self.x_label)(*value))
            .y_label_formatter(&|value| (self.y_label)(*value))
            .draw()
            .ok()?;
        Some(chart)
    }
}

/// The curve in pieces without gaps: a value that is not estimated leaves a gap and is never bridged.
pub fn finite_runs(time: &[f64], values: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<(f64, f64)> = time.iter().copied().zip(values.iter().copied()).collect();
    points
        .split(|(time, value)| !time.is_finite() || !value.is_finite())
        .filter(|run| run.len() > 1)
        .map(<[(f64, f64)]>::to_vec)
        .collect()
}

/// Gives plotters a font to measure text with; the page draws it in its own font.
pub fn register_text_metrics() -> Option<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered =
        *REGISTERED.get_or_init(|| register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).is_ok());
    registered.then_some(())
}
