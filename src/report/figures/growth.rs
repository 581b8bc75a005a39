//! Growth: the volume at each visit with its measurement error, and the volume that counts as grown.

use jiff::civil::Date;
use maud::{Markup, html};

use super::glyph::{class_color, class_path};
use super::timeline::months;
use crate::report::number::{day, shown, tick};
use crate::report::words;
use crate::verdict::{Class, GrowthBand};

/// Size on the page, and the box of the axes in it.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 236.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 456.0;
const TOP: f64 = 20.0;
const BASE: f64 = 204.0;

/// Lines across at most.
const MOST_TICKS: f64 = 5.0;

/// One visit.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// Its day.
    pub date: Date,
    /// Volume, mL.
    pub volume: f64,
    /// The error of the volume.
    pub band: GrowthBand,
    /// What the lesion read then.
    pub class: Option<Class>,
}

/// Visits in order of their days; the last one knows from where on the lesion has grown.
pub struct Growth {
    /// At least two.
    pub visits: Vec<Visit>,
    /// The volume at the index scan, mL.
    pub index_volume: Option<f64>,
}

impl Growth {
    /// The plot in words and numbers.
    pub fn alt(&self) -> String {
        let volume = |volume: f64| shown("volume_ml", volume, &[]).with_unit();
        let mut parts: Vec<String> = self
            .visits
            .iter()
            .map(|visit| {
                let GrowthBand { low_ml, high_ml, .. } = visit.band;
                let read = words::class(visit.class).to_lowercase();
                format!(
                    "{} {} ({} to {}), {read}",
                    day(visit.date),
                    volume(visit.volume),
                    volume(low_ml),
                    volume(high_ml)
                )
            })
            .collect();
        if let Some((limit, percent)) = self.limit() {
            parts.push(format!("grown from {} on, which is +{}\u{a0}%", volume(limit), tick(percent, 0)));
        }
        format!("Volume with its 95 % measurement error: {}", parts.join("; "))
    }

    /// From where on the latest visit counts as grown.
    fn limit(&self) -> Option<(f64, f64)> {
        let band = self.visits.last()?.band;
        Some((band.grown_ml?, band.grown_percent?))
    }

    /// The visit whose volume is the index.
    fn index(&self) -> Option<&Visit> {
        let volume = self.index_volume?;
        self.visits.iter().find(|visit| visit.volume == volume)
    }

    /// The plot as inline SVG; `None` for less than two days.
    pub fn svg(&self) -> Option<Markup> {
        let (first, last) = (self.visits.first()?.date, self.visits.last()?.date);
        let span = f64::from((last - first).get_days());
        if span <= 0.0 {
            return None;
        }
        let highest = self.visits.iter().map(|visit| visit.band.high_ml).fold(0.0, f64::max);
        let highest = self.limit().map_or(highest, |(limit, _)| highest.max(limit));
        let step = round_step(highest / MOST_TICKS);
        let top = (highest / step).ceil() * step;
        let across = |date: Date| LEFT + 14.0 + f64::from((date - first).get_days()) / span * (RIGHT - LEFT - 28.0);
        let up = |volume: f64| BASE - volume / top * (BASE - TOP);
        let lines = (top / step).round() as usize;
        let digits = if step < 1.0 { (-step.log10()).ceil() as usize } else { 0 };
        Some(html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.alt()) {
                @for line in 0..=lines {
                    @let volume = step * line as f64;
                    line .gd x1=(LEFT) x2=(RIGHT) y1=(at(up(volume))) y2=(at(up(volume))) {}
                    text .t x=(LEFT - 6.0) y=(at(up(volume) + 4.0)) text-anchor="end" { (tick(volume, digits)) }
                }
                text .t x=(LEFT - 6.0) y=(TOP - 9.0) text-anchor="end" { "mL" }
                @if let Some(index) = self.index() {
                    rect x=(at(across(index.date))) width=(at(RIGHT - across(index.date))) y=(at(up(index.band.high_ml)))
                        height=(at(up(index.band.low_ml) - up(index.band.high_ml))) fill="url(#hatch)" {}
                }
                @if let Some((limit, percent)) = self.limit() {
                    @let from = self.index().map_or(LEFT, |index| across(index.date));
                    line x1=(at(from)) x2=(RIGHT) y1=(at(up(limit))) y2=(at(up(limit))) stroke="var(--ink2)" stroke-width="1.4" stroke-dasharray="5 3" {}
                    text .t x=(at(from + 4.0)) y=(at(up(limit) - 5.0)) { "+" (tick(percent, 0)) " %: grown" }
                }
                @for month in months(first, last) {
                    line .ax x1=(at(across(month))) x2=(at(across(month))) y1=(BASE) y2=(BASE + 4.0) {}
                    text .t x=(at(across(month))) y=(BASE + 18.0) text-anchor="middle" { (month.strftime("%b %Y")) }
                }
                line .ax x1=(LEFT) x2=(RIGHT) y1=(BASE) y2=(BASE) {}
                polyline fill="none" stroke="var(--ink)" stroke-width="1.8"
                    points=(self.visits.iter().map(|visit| format!("{},{} ", at(across(visit.date)), at(up(visit.volume)))).collect::<String>()) {}
                @for visit in &self.visits {
                    @let (x, y) = (across(visit.date), up(visit.volume));
                    path d={ "M" (at(x)) " " (at(up(visit.band.low_ml))) "V" (at(up(visit.band.high_ml)))
                        "M" (at(x - 4.0)) " " (at(up(visit.band.low_ml))) "h8M" (at(x - 4.0)) " " (at(up(visit.band.high_ml))) "h8" }
                        stroke="var(--ink)" stroke-width="1.6" fill="none" {}
                    g transform={ "translate(" (at(x - 7.0)) " " (at(y - 7.0)) ") scale(1.17)" } style={ "color:" (class_color(visit.class)) } {
                        circle cx="6" cy="6" r="6.6" fill="var(--paper)" {}
                        (class_path(visit.class))
                    }
                }
            }
        })
    }
}

/// A step of 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= least).unwrap_or(least)
}

/// A coordinate with a tenth of a unit.
fn at(place: f64) -> String {
    tick(place, 1).replace('\u{2212}', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(date: &str, volume: f64, grown: Option<(f64, f64)>) -> Visit {
        let band = GrowthBand {
            low_ml: volume * 0.9,
            high_ml: volume * 1.1,
            grown_ml: grown.map(|grown| grown.0),
            grown_percent: grown.map(|grown| grown.1),
        };
        Visit { date: date.parse().unwrap(), volume, band, class: Some(Class::Indeterminate) }
    }

    #[test]
    fn the_alt_text_holds_volumes_errors_and_the_limit() {
        let visits = vec![visit("2026-01-05", 4.0, None), visit("2026-03-02", 5.0, Some((5.6, 40.0)))];
        let alt = Growth { visits, index_volume: Some(4.0) }.alt().replace('\u{a0}', " ");
        assert_eq!(
            alt,
            "Volume with its 95 % measurement error: 5 Jan 2026 4.00 mL (3.60 mL to 4.40 mL), indeterminate; \
             2 Mar 2026 5.00 mL (4.50 mL to 5.50 mL), indeterminate; grown from 5.60 mL on, which is +40 %"
        );
    }

    #[test]
    fn the_error_of_the_index_is_hatched_from_its_day_on() {
        let visits = vec![visit("2026-01-05", 4.0, None), visit("2026-03-02", 5.0, Some((5.6, 40.0)))];
        let svg = Growth { visits, index_volume: Some(4.0) }.svg().unwrap().into_string();
        assert!(svg.contains("url(#hatch)") && svg.contains("+40 %: grown"), "{svg}");
    }

    #[test]
    fn one_day_is_no_growth() {
        let visits = vec![visit("2026-01-05", 4.0, None)];
        assert!(Growth { visits, index_volume: None }.svg().is_none());
    }
}
