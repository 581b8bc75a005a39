//! Evidence rulers: a value against its cut-offs, on a scale that puts the cut-offs of every ruler at the same place.

use maud::{Markup, html};

use crate::report::number::{bound, shown, tick};
use crate::verdict::Pole;

/// Width of a ruler in its own units.
const WIDTH: f64 = 360.0;

/// Top and height of the zones.
const ZONE: (f64, f64) = (7.0, 22.0);

/// Where values are drawn.
const MIDDLE: f64 = ZONE.0 + ZONE.1 / 2.0;

/// A value, its cut-offs and what surrounds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ruler<'a> {
    /// Column, which decides rounding and the ends of the ruler.
    pub column: &'a str,
    /// What it is, for the alt text.
    pub name: &'a str,
    /// The value.
    pub value: f64,
    /// How it reads.
    pub pole: Pole,
    /// The same in words.
    pub reads: &'a str,
    /// Lower and upper cut-off.
    pub cutoffs: (f64, f64),
    /// 95 % interval of the value.
    pub interval: Option<(f64, f64)>,
    /// 95 % range of a repeated measurement.
    pub test_retest: Option<(f64, f64)>,
    /// Value at the previous session.
    pub previous: Option<f64>,
}

/// A piecewise linear scale through both ends and both cut-offs.
struct Scale {
    ends: (f64, f64),
    cutoffs: (f64, f64),
    places: (f64, f64),
}

impl Scale {
    /// A ruler with one cut-off has it in the middle and no grey zone.
    fn new(column: &str, (low, high): (f64, f64)) -> Self {
        let places = if low < high { (WIDTH / 3.0, 2.0 * WIDTH / 3.0) } else { (WIDTH / 2.0, WIDTH / 2.0) };
        let room = 2.0 * (high - low).max(0.1 * high.abs()).max(f64::MIN_POSITIVE);
        let (left, right) = usual_ends(column).unwrap_or((low - room, high + room));
        let ends = (if left < low { left } else { low - room }, if right > high { right } else { high + room });
        Self { ends, cutoffs: (low, high), places }
    }

    /// The place of a value; outside the ends it stays at the border.
    fn place(&self, value: f64) -> f64 {
        let (low, high) = self.cutoffs;
        let between = |value: f64, (from, to): (f64, f64), (left, right): (f64, f64)| {
            left + (value - from) / (to - from) * (right - left)
        };
        let place = if value < low {
            between(value, (self.ends.0, low), (0.0, self.places.0))
        } else if value > high {
            between(value, (high, self.ends.1), (self.places.1, WIDTH))
        } else if low < high {
            between(value, (low, high), self.places)
        } else {
            self.places.0
        };
        place.clamp(0.0, WIDTH)
    }
}

/// Ends of a ruler that hold most values of a quantity; layout only, a value beyond them is marked.
fn usual_ends(column: &str) -> Option<(f64, f64)> {
    match column {
        "followup_change_percent" => Some((-100.0, 200.0)),
        column if column.starts_with("tbr") => Some((0.5, 4.0)),
        column if column.starts_with("rcbv") || column.starts_with("asl_rcbf") => Some((0.0, 4.0)),
        _ => None,
    }
}

/// The color of a pole.
pub fn pole_color(pole: Pole) -> &'static str {
    match pole {
        Pole::High => "var(--rec)",
        Pole::Low => "var(--nec)",
        Pole::Grey | Pole::Missing => "var(--ind)",
    }
}

/// The marks that a legend has to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// A 95 % interval.
    pub interval: bool,
    /// A test-retest range.
    pub test_retest: bool,
    /// A previous value.
    pub previous: bool,
    /// A value beyond an end of the ruler.
    pub beyond: bool,
}

impl Ruler<'_> {
    /// Which marks it shows.
    pub fn marks(&self) -> Marks {
        let ends = Scale::new(self.column, self.cutoffs).ends;
        let outside = |value: f64| value < ends.0 || value > ends.1;
        Marks {
            interval: self.interval.is_some(),
            test_retest: self.test_retest.is_some(),
            previous: self.previous.is_some(),
            beyond: outside(self.value) || self.previous.is_some_and(outside),
        }
    }

    /// The ruler in words and numbers.
    pub fn alt(&self) -> String {
        let (low, high) = self.cutoffs;
        let text = |value: f64| shown(self.column, value, &[low, high]).with_unit();
        let mut alt = format!("{} {}", self.name, text(self.value));
        if let Some((from, to)) = self.interval {
            alt += &format!(", 95 % interval {} to {}", text(from), text(to));
        }
        if let Some((from, to)) = self.test_retest {
            alt += &format!(", test-retest range {} to {}", text(from), text(to));
        }
        if let Some(previous) = self.previous {
            alt += &format!(", previous scan {}", text(previous));
        }
        alt += &if low < high {
            format!("; cut-offs {} and {}", bound(low), bound(high))
        } else {
            format!("; cut-off {}", bound(low))
        };
        alt + &format!("; reads {}", self.reads.to_lowercase())
    }

    /// The ruler as inline SVG.
    pub fn svg(&self) -> Markup {
        let scale = Scale::new(self.column, self.cutoffs);
        let (low, high) = scale.places;
        let (top, height) = ZONE;
        html! {
            svg viewBox={ "0 0 " (WIDTH) " 44" } role="img" aria-label=(self.alt()) {
                rect .z-nec x="0" y=(top) width=(at(low)) height=(height) {}
                @if low < high {
                    rect x=(at(low)) y=(top) width=(at(high - low)) height=(height) fill="url(#hatch)" {}
                }
                rect .z-rec x=(at(high)) y=(top) width=(at(WIDTH - high)) height=(height) {}
                @if let Some(range) = self.test_retest { (band(&scale, range, 11.0, Some("0.15"))) }
                @if let Some(range) = self.interval { (band(&scale, range, 4.0, None)) }
                @if let Some(previous) = self.previous {
                    @let place = scale.place(previous);
                    circle cx=(at(place)) cy=(MIDDLE) r="4.2" fill="var(--paper)" stroke="var(--ink2)" stroke-width="1.6" {}
                }
                (value_mark(&scale, self.value, pole_color(self.pole)))
                (end(0.0, "start", &tick(scale.ends.0, 2)))
                (end(WIDTH, "end", &tick(scale.ends.1, 2)))
                (cutoff(low, &bound(self.cutoffs.0)))
                @if low < high { (cutoff(high, &bound(self.cutoffs.1))) }
            }
        }
    }
}

/// The value: a dot, or an arrow at the border when it lies beyond the ruler.
fn value_mark(scale: &Scale, value: f64, color: &str) -> Markup {
    let arrow =
        |tip: f64, back: f64| format!("M{} {MIDDLE}L{} {}V{}Z", at(tip), at(back), at(MIDDLE - 7.0), at(MIDDLE + 7.0));
    html! {
        @if value > scale.ends.1 {
            path d=(arrow(WIDTH, WIDTH - 12.0)) fill=(color) stroke="var(--paper)" stroke-width="1.8" {}
        } @else if value < scale.ends.0 {
            path d=(arrow(0.0, 12.0)) fill=(color) stroke="var(--paper)" stroke-width="1.8" {}
        } @else {
            circle cx=(at(scale.place(value))) cy=(MIDDLE) r="6" fill=(color) stroke="var(--paper)" stroke-width="1.8" {}
        }
    }
}

/// A horizontal band between two values.
fn band(scale: &Scale, (from, to): (f64, f64), height: f64, opacity: Option<&str>) -> Markup {
    let (left, right) = (scale.place(from), scale.place(to));
    html! {
        rect x=(at(left)) y=(at(MIDDLE - height / 2.0)) width=(at((right - left).max(2.0))) height=(height)
            fill="var(--ink)" opacity=[opacity] {}
    }
}

/// A cut-off with its number.
fn cutoff(place: f64, text: &str) -> Markup {
    html! {
        line x1=(at(place)) x2=(at(place)) y1="4" y2="31" stroke="var(--ink)" stroke-width="1.2" {}
        text .t x=(at(place)) y="42" text-anchor="middle" { (text) }
    }
}

/// The number at an end.
fn end(place: f64, anchor: &str, text: &str) -> Markup {
    html! { text .t .end x=(at(place)) y="42" text-anchor=(anchor) { (text) } }
}

/// The tumor burden as one bar, with its three shares below.
pub fn burden(low: f64, middle: f64, high: f64) -> Markup {
    let shares = [("ftb_low", low), ("ftb_mid", middle), ("ftb_high", high)];
    let text = |(column, share)| shown(column, share, &[]).with_unit();
    let alt = format!(
        "Fractional tumor burden: {} below the cut-offs, {} between, {} above",
        text(shares[0]),
        text(shares[1]),
        text(shares[2])
    );
    let starts = [0.0, low, low + middle].map(|start| start * WIDTH);
    let labels = burden_labels(shares.map(|(_, share)| share));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " 40" } role="img" aria-label=(alt) {
            @for (((share, left), color), label) in shares.into_iter().zip(starts).zip(super::color::BURDEN).zip(labels) {
                @let width = share.1 * WIDTH;
                rect x=(at(left + 0.7)) y="4" width=(at((width - 1.4).max(0.0))) height="16" fill=(super::color::hex(color)) {}
                @if let Some(label) = label { text .t x=(at(label)) y="35" text-anchor="middle" { (text(share)) } }
            }
        }
    }
}

/// Where the shares of the burden stand below their parts of the bar: in their order, moved aside where a neighbor needs
/// the room; a class without a voxel has no label.
fn burden_labels(shares: [f64; 3]) -> [Option<f64>; 3] {
    /// Room that a label takes, half of it inside the bar at either end.
    const ROOM: f64 = 48.0;
    let mut places: [Option<f64>; 3] = std::array::from_fn(|class| {
        let middle = (shares[..class].iter().sum::<f64>() + shares[class] / 2.0) * WIDTH;
        (shares[class] > 0.0).then_some(middle)
    });
    let mut free = ROOM / 2.0;
    for place in places.iter_mut().flatten() {
        *place = place.max(free);
        free = *place + ROOM;
    }
    let mut free = WIDTH - ROOM / 2.0;
    for place in places.iter_mut().rev().flatten() {
        *place = place.min(free);
        free = *place - ROOM;
    }
    places
}

/// A coordinate with a tenth of a unit.
fn at(place: f64) -> String {
    tick(place, 1).replace('\u{2212}', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruler(value: f64) -> Ruler<'static> {
        Ruler {
            column: "rcbv_mean",
            name: "Mean rCBV",
            value,
            pole: Pole::High,
            reads: "Recurrence",
            cutoffs: (1.0, 1.75),
            interval: Some((1.9, 2.3)),
            test_retest: None,
            previous: Some(1.5),
        }
    }

    #[test]
    fn cutoffs_of_every_quantity_stand_at_the_same_place() {
        for (column, cutoffs) in [("rcbv_mean", (1.0, 1.75)), ("tbr_max", (1.3, 1.5)), ("tbr_max", (1.9, 2.3))] {
            let scale = Scale::new(column, cutoffs);
            assert!((scale.place(cutoffs.0) - WIDTH / 3.0).abs() < 1e-9, "{column}");
            assert!((scale.place(cutoffs.1) - 2.0 * WIDTH / 3.0).abs() < 1e-9, "{column}");
        }
    }

    #[test]
    fn places_grow_with_values_across_the_cutoffs() {
        let scale = Scale::new("tbr_max", (1.3, 1.5));
        let places: Vec<f64> = [0.4, 0.6, 1.2, 1.3, 1.4, 1.5, 1.6, 3.9, 9.0].map(|value| scale.place(value)).to_vec();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
    }

    #[test]
    fn one_cutoff_stands_in_the_middle_without_a_grey_zone() {
        let one = Ruler { cutoffs: (1.4, 1.4), column: "tbr_max", ..ruler(2.0) };
        assert_eq!(Scale::new("tbr_max", (1.4, 1.4)).place(1.4), WIDTH / 2.0);
        assert!(!one.svg().into_string().contains("#hatch"));
        assert!(one.alt().contains("cut-off 1.4;"), "{}", one.alt());
    }

    #[test]
    fn a_value_beyond_the_ruler_is_an_arrow() {
        assert!(!ruler(2.1).marks().beyond);
        assert!(ruler(2.1).svg().into_string().contains(r#"r="6""#));
        assert!(ruler(5.2).marks().beyond);
        assert!(!ruler(5.2).svg().into_string().contains(r#"r="6""#));
    }

    #[test]
    fn the_alt_text_holds_the_numbers() {
        let expected =
            "Mean rCBV 2.10, 95 % interval 1.90 to 2.30, previous scan 1.50; cut-offs 1.0 and 1.75; reads recurrence";
        assert_eq!(ruler(2.1).alt(), expected);
    }

    #[test]
    fn labels_of_the_burden_never_overprint() {
        for low in 0..=50 {
            for middle in 0..=(50 - low) {
                let shares = [low, middle, 50 - low - middle].map(|part| f64::from(part) / 50.0);
                let places: Vec<f64> = burden_labels(shares).into_iter().flatten().collect();
                assert_eq!(places.len(), shares.iter().filter(|share| **share > 0.0).count());
                assert!(places.iter().all(|place| (24.0..=WIDTH - 24.0).contains(place)));
                assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 48.0 - 1e-9), "{shares:?}: {places:?}");
            }
        }
        let bar = burden(0.96, 0.04, 0.0).into_string();
        assert!(bar.contains(">96\u{a0}%<") && bar.contains(">4\u{a0}%<") && !bar.contains(">0\u{a0}%<"), "{bar}");
    }

    #[test]
    fn shares_of_the_burden_fill_the_bar() {
        let bar = burden(0.5, 0.33, 0.17).into_string();
        assert!(bar.contains("50\u{a0}%") && bar.contains("33\u{a0}%") && bar.contains("17\u{a0}%"), "{bar}");
        assert!(bar.contains(r##"fill="#3a7cce""##));
    }
}
