//! The decision plane: perfusion against uptake, each with its cut-offs, so that one look tells whether both measures
//! read the same way.
//!
//! The zones are those of the cut-offs, measure by measure; the rule that judges also sees quality, symptoms and
//! follow-up, so the verdict stands in the mark, not in the zone. Drawn by plotters on a canvas of four times the size,
//! because its SVG backend rounds coordinates to whole units.

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::drawing::{Drawing, inside};
use super::plot::register_text_metrics;
use crate::report::number::{bound, shown, tick};
use crate::report::words;
use crate::verdict::Class;

/// Canvas units for one unit of the page.
const FINE: u32 = 4;

/// Room for half a mark at the lower ends, as a share of an axis.
const MARK_ROOM: f64 = 0.035;

/// Size on the page.
const SIZE: (u32, u32) = (380, 300);

/// Colors by which plotters draws; each is replaced by a variable of the page.
const ROLES: [(RGBColor, &str); 9] = [
    (AXIS, r#""var(--ink3)""#),
    (GREY, r#""var(--ind-t)""#),
    (HIGH, r#""var(--rec-t)""#),
    (LOW, r#""var(--nec-t)""#),
    (INK, r#""var(--ink)""#),
    (RECURRENCE, r#""var(--rec)""#),
    (NECROSIS, r#""var(--nec)""#),
    (UNDECIDED, r#""var(--ind)""#),
    (PAPER, r#""var(--paper)""#),
];
const AXIS: RGBColor = RGBColor(1, 1, 1);
const GREY: RGBColor = RGBColor(1, 1, 2);
const HIGH: RGBColor = RGBColor(1, 1, 3);
const LOW: RGBColor = RGBColor(1, 1, 4);
const INK: RGBColor = RGBColor(1, 1, 5);
const RECURRENCE: RGBColor = RGBColor(1, 1, 6);
const NECROSIS: RGBColor = RGBColor(1, 1, 7);
const UNDECIDED: RGBColor = RGBColor(1, 1, 8);
const PAPER: RGBColor = RGBColor(1, 1, 9);

/// A measure that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its column.
    pub column: &'static str,
    /// What it is, such as `Mean rCBV (DSC)`.
    pub name: String,
    /// Lower and upper cut-off; the same number twice where there is one.
    pub cutoffs: (f64, f64),
}

/// A session in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Perfusion and uptake.
    pub at: (f64, f64),
    /// 95 % interval of the perfusion measure.
    pub interval: Option<(f64, f64)>,
    /// The verdict at that session.
    pub class: Option<Class>,
    /// Its session, in words.
    pub session: String,
}

/// Perfusion across, uptake upwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Perfusion.
    pub across: Axis,
    /// Uptake.
    pub up: Axis,
    /// Sessions in order; the last one is shown. At least one.
    pub places: Vec<Place>,
}

impl Plane {
    /// The plane in words and numbers.
    pub fn alt(&self) -> String {
        let number = |axis: &Axis, value: f64| shown(axis.column, value, &[axis.cutoffs.0, axis.cutoffs.1]).with_unit();
        let cutoffs = |axis: &Axis| match axis.cutoffs {
            (low, high) if low < high => format!("cut-offs {} and {}", bound(low), bound(high)),
            (low, _) => format!("cut-off {}", bound(low)),
        };
        let places: Vec<String> = self
            .places
            .iter()
            .map(|place| {
                format!(
                    "{}: {} and {}, {}",
                    place.session,
                    number(&self.across, place.at.0),
                    number(&self.up, place.at.1),
                    words::class(place.class).to_lowercase()
                )
            })
            .collect();
        format!(
            "Decision plane: {} ({}) against {} ({}). {}.",
            self.across.name,
            cutoffs(&self.across),
            self.up.name,
            cutoffs(&self.up),
            places.join("; ")
        )
    }

    /// The plane as inline SVG; `None` on a drawing error.
    pub fn svg(&self) -> Option<Markup> {
        let mut drawing = String::new();
        self.draw(&mut drawing)?;
        let mut body = inside(&drawing)?.replace("font-family=\"sans-serif\" ", "");
        for (color, variable) in ROLES {
            body = body.replace(&format!("\"#{:02X}{:02X}{:02X}\"", color.0, color.1, color.2), variable);
        }
        Some(html! {
            svg .fine viewBox={ "0 0 " (SIZE.0 * FINE) " " (SIZE.1 * FINE) } role="img" aria-label=(self.alt()) {
                (PreEscaped(body))
            }
        })
    }

    /// The plane as a figure that stands alone.
    pub fn drawing(&self) -> Option<Drawing> {
        Drawing::of_page(&self.svg()?.into_string(), 1.0 / f64::from(FINE), &self.alt())
    }

    fn draw(&self, drawing: &mut String) -> Option<()> {
        register_text_metrics()?;
        let ends = |axis: &Axis, values: &mut dyn Iterator<Item = f64>| {
            let largest = values.filter(|value| value.is_finite()).fold(1.6 * axis.cutoffs.1, f64::max);
            (0.0, 1.16 * largest)
        };
        let across = ends(
            &self.across,
            &mut self.places.iter().flat_map(|place| [place.at.0, place.interval.map_or(place.at.0, |(_, to)| to)]),
        );
        let up = ends(&self.up, &mut self.places.iter().map(|place| place.at.1));
        let lowest = self
            .places
            .iter()
            .map(|place| place.interval.map_or(place.at.0, |(from, _)| from.min(place.at.0)))
            .fold(across.0, f64::min);
        // Half a mark of room, so that none at zero is cut by the edge.
        let across = (lowest - MARK_ROOM * (across.1 - lowest), across.1);
        let up = (up.0 - MARK_ROOM * (up.1 - up.0), up.1);
        if !(across.0 < across.1 && up.0 < up.1) {
            return None;
        }
        let size = (SIZE.0 * FINE, SIZE.1 * FINE);
        let area = SVGBackend::with_string(drawing, size).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(6 * FINE)
            .margin_right(10 * FINE)
            .x_label_area_size(38 * FINE)
            .y_label_area_size(46 * FINE)
            .build_cartesian_2d(across.0..across.1, up.0..up.1)
            .ok()?;
        let ((low_x, high_x), (low_y, high_y)) = (self.across.cutoffs, self.up.cutoffs);
        for (corners, color) in [
            ([(across.0, up.0), (across.1, up.1)], GREY),
            ([(across.0, up.0), (low_x, low_y)], LOW),
            ([(high_x, high_y), (across.1, up.1)], HIGH),
        ] {
            chart.draw_series([Rectangle::new(corners, color.filled())]).ok()?;
        }
        let unit = |axis: &Axis| match shown(axis.column, 1.0, &[]).unit {
            "" => format!("{}, ratio", axis.name),
            unit => format!("{}, {unit}", axis.name),
        };
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(6)
            .y_labels(6)
            .axis_style(AXIS.stroke_width(FINE))
            .label_style(("sans-serif", 11 * FINE).into_font().color(&AXIS))
            .axis_desc_style(("sans-serif", 12 * FINE).into_font().color(&INK))
            .x_desc(unit(&self.across))
            .y_desc(unit(&self.up))
            .x_label_formatter(&|value| tick(*value, 2))
            .y_label_formatter(&|value| tick(*value, 2))
            .draw()
            .ok()?;
        let mut lines = vec![[(low_x, up.0), (low_x, up.1)], [(across.0, low_y), (across.1, low_y)]];
        if low_x < high_x {
            lines.push([(high_x, up.0), (high_x, up.1)]);
        }
        if low_y < high_y {
            lines.push([(across.0, high_y), (across.1, high_y)]);
        }
        chart.draw_series(lines.into_iter().map(|line| PathElement::new(line.to_vec(), INK.stroke_width(3)))).ok()?;
        let note = |text: String, at: (f64, f64), right: bool, top: bool, color: &RGBColor, size: u32| {
            let place =
                Pos::new(if right { HPos::Right } else { HPos::Left }, if top { VPos::Top } else { VPos::Bottom });
            Text::new(text, at, ("sans-serif", size * FINE).into_font().color(color).pos(place))
        };
        let (step_x, step_y) = (0.012 * (across.1 - across.0), 0.015 * (up.1 - up.0));
        chart
            .draw_series([
                note("both read recurrence".into(), (across.1 - step_x, up.1 - step_y), true, true, &RECURRENCE, 11),
                note("both read necrosis".into(), (across.0 + step_x, up.0 + step_y), false, false, &NECROSIS, 11),
            ])
            .ok()?;
        for (text, at) in [(bound(low_x), low_x), (bound(high_x), high_x)] {
            chart.draw_series([note(text, (at + step_x, up.1 - 6.0 * step_y), false, true, &INK, 10)]).ok()?;
        }
        for (text, at) in [(bound(low_y), low_y), (bound(high_y), high_y)] {
            chart.draw_series([note(text, (across.1 - step_x, at + 0.4 * step_y), true, false, &INK, 10)]).ok()?;
        }
        let way: Vec<(f64, f64)> = self.places.iter().map(|place| place.at).collect();
        chart.draw_series(LineSeries::new(way, AXIS.stroke_width(5))).ok()?;
        let latest = self.places.len() - 1;
        for (index, place) in self.places.iter().enumerate() {
            if index == latest
                && let Some((from, to)) = place.interval
            {
                let line = vec![(from, place.at.1), (to, place.at.1)];
                chart.draw_series([PathElement::new(line, INK.stroke_width(10))]).ok()?;
            }
            let (shape, color) = mark(place.class);
            let factor = if index == latest { 7.0 } else { 5.0 } * f64::from(FINE);
            let points: Vec<(i32, i32)> =
                shape.iter().map(|(x, y)| ((x * factor).round() as i32, (y * factor).round() as i32)).collect();
            let outline: Vec<(i32, i32)> = points.iter().chain(&points[..1]).copied().collect();
            let inside = if index == latest { color } else { PAPER };
            chart
                .draw_series([EmptyElement::at(place.at)
                    + Polygon::new(points, inside.filled())
                    + PathElement::new(outline, color.stroke_width(6))])
                .ok()?;
            if self.places.len() > 1 {
                let right = place.at.0 > 0.6 * across.1;
                let at = (place.at.0 + if right { -2.5 * step_x } else { 2.5 * step_x }, place.at.1 - 2.0 * step_y);
                chart.draw_series([note(place.session.clone(), at, right, true, &INK, 10)]).ok()?;
            }
        }
        area.present().ok()?;
        drop(chart);
        drop(area);
        Some(())
    }
}

/// Corners of the mark of a verdict around its middle, and its color: the same shapes as everywhere.
fn mark(class: Option<Class>) -> (Vec<(f64, f64)>, RGBColor) {
    match class {
        Some(Class::Recurrence | Class::SuspectedRecurrence) => {
            (vec![(0.0, -1.0), (0.95, 0.75), (-0.95, 0.75)], RECURRENCE)
        }
        Some(Class::RadiationNecrosis) => (vec![(0.0, 1.0), (0.95, -0.75), (-0.95, -0.75)], NECROSIS),
        Some(Class::Stable) => (vec![(-1.0, -0.4), (1.0, -0.4), (1.0, 0.4), (-1.0, 0.4)], NECROSIS),
        Some(Class::Indeterminate) => (vec![(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)], UNDECIDED),
        None => {
            let corner = |n: u32| {
                let angle = f64::from(n) * std::f64::consts::TAU / 16.0;
                (0.8 * angle.cos(), 0.8 * angle.sin())
            };
            ((0..16).map(corner).collect(), UNDECIDED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane() -> Plane {
        let place = |at, session: &str, class| Place {
            at,
            interval: Some((at.0 - 0.2, at.0 + 0.2)),
            class,
            session: session.into(),
        };
        Plane {
            across: Axis { column: "rcbv_mean", name: "Mean rCBV".into(), cutoffs: (1.0, 1.75) },
            up: Axis { column: "tbr_max", name: "TBRmax (MET)".into(), cutoffs: (1.3, 1.5) },
            places: vec![
                place((1.2, 1.4), "ses-01", Some(Class::Indeterminate)),
                place((2.1, 2.16), "ses-02", Some(Class::Recurrence)),
            ],
        }
    }

    #[test]
    fn the_alt_text_holds_the_numbers_and_the_cutoffs() {
        assert_eq!(
            plane().alt(),
            "Decision plane: Mean rCBV (cut-offs 1.0 and 1.75) against TBRmax (MET) (cut-offs 1.3 and 1.5). \
             ses-01: 1.20 and 1.40, indeterminate; ses-02: 2.10 and 2.16, recurrence."
        );
    }

    #[test]
    fn colors_follow_the_page_and_the_file_stands_alone() {
        let svg = plane().svg().unwrap().into_string();
        assert!(svg.contains("var(--rec-t)") && !svg.contains("\"#0101"), "{svg}");
        let drawing = plane().drawing().unwrap();
        assert!(!drawing.svg.contains("var(--") && drawing.tree().is_some());
        assert_eq!((drawing.width, drawing.height), (f64::from(SIZE.0), f64::from(SIZE.1)));
    }

    #[test]
    fn a_negative_value_stays_inside() {
        let mut negative = plane();
        negative.places[1].at.0 = -0.4;
        assert!(negative.svg().is_some());
    }
}
