//! The time course: volume at each visit, end of radiotherapy, and the window in which the next scan is due.

use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};

use super::glyph::{class_color, class_path};
use super::lettering::Letter;
use crate::day::since_first_scan;
use crate::report::number::{day, days, shown, tick};
use crate::report::words;
use crate::verdict::{Class, Window};

/// Width on a page and on a phone.
const WIDTH: f64 = 640.0;
const PHONE: f64 = 340.0;

/// Height, and the line on which dates stand.
const HEIGHT: f64 = 128.0;
const BASE: f64 = 98.0;

/// Free space at both sides.
const MARGIN: f64 = 26.0;

/// Height of the largest volume above the base line.
const TALLEST: f64 = 50.0;

/// Most month names on the axis, and the room that each takes.
const MOST_TICKS: usize = 9;
const TICK_ROOM: f64 = 70.0;

/// Height of a line of letters.
const LETTERS: f64 = 14.0;

/// One visit.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// Its day.
    pub date: Date,
    /// Volume, mL.
    pub volume: Option<f64>,
    /// What the lesion read then.
    pub class: Option<Class>,
}

/// What the time course shows.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Visits in order.
    pub visits: Vec<Visit>,
    /// Last day of radiotherapy.
    pub radiotherapy_end: Option<Date>,
    /// Days in which the next scan is due.
    pub window: Option<Window>,
}

impl Course {
    /// Days of everything that is shown.
    fn dates(&self) -> Vec<Date> {
        let mut dates: Vec<Date> = self.visits.iter().map(|visit| visit.date).collect();
        dates.extend(self.radiotherapy_end);
        dates.extend(self.window.iter().flat_map(|window| [window.start, window.end]));
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    /// The time course in words and numbers.
    pub fn alt(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        if let Some(end) = self.radiotherapy_end {
            parts.push(format!("radiotherapy ended {}", day(end)));
        }
        for visit in &self.visits {
            let volume = visit
                .volume
                .map_or(words::NOT_MEASURED.to_owned(), |volume| shown("volume_ml", volume, &[]).with_unit());
            parts.push(format!("{} {volume}, {}", day(visit.date), words::class(visit.class).to_lowercase()));
        }
        if let Some(window) = self.window {
            parts.push(format!("next scan due {}", days(window.start, window.end)));
        }
        format!("Time course: {}", parts.join("; "))
    }

    /// The time course as inline SVG; `None` where there is only one day.
    pub fn svg(&self) -> Option<Markup> {
        self.drawn(WIDTH)
    }

    /// The time course in two widths, of which the page shows the one that fits its screen; on paper the wider one.
    pub fn both_widths(&self) -> Option<Markup> {
        let (wide, phone) = (self.drawn(WIDTH)?, self.drawn(PHONE)?);
        Some(html! { div .wide { (wide) } div .phone { (phone) } })
    }

    fn drawn(&self, width: f64) -> Option<Markup> {
        let dates = self.dates();
        let (&first, &last) = (dates.first()?, dates.last()?);
        let span = days_between(first, last);
        if span <= 0.0 {
            return None;
        }
        let across = |date: Date| MARGIN + days_between(first, date) / span * (width - 2.0 * MARGIN);
        let largest = self.visits.iter().filter_map(|visit| visit.volume).fold(0.0, f64::max);
        let up = |volume: Option<f64>| match volume {
            Some(volume) if largest > 0.0 => BASE - 10.0 - volume / largest * TALLEST,
            _ => BASE - 10.0,
        };
        let places: Vec<(f64, f64)> = self.visits.iter().map(|visit| (across(visit.date), up(visit.volume))).collect();
        let radiotherapy_end = self.radiotherapy_end.map(across);
        let words_of_end = radiotherapy_end.map(|x| words_of_radiotherapy(x, width));
        let labels = self.volume_labels(&places, words_of_end, width);
        let most = ((width / TICK_ROOM) as usize).min(MOST_TICKS);
        Some(html! {
            svg viewBox={ "0 0 " (width) " " (HEIGHT) } role="img" aria-label=(self.alt()) {
                (axis(&ticks_at_most(first, last, most), across, width))
                @if let (Some(x), Some(words)) = (radiotherapy_end, words_of_end) { (radiotherapy(x, words)) }
                @if let Some(window) = self.window { (follow_up(across(window.start), across(window.end), width)) }
                @if places.len() > 1 {
                    polyline points=(points(&places)) fill="none" stroke="var(--ink)" stroke-width="1.8" {}
                }
                @for (visit, &(x, y)) in self.visits.iter().zip(&places) {
                    line .gd x1=(at(x)) x2=(at(x)) y1=(at(y)) y2=(BASE) {}
                    g transform={ "translate(" (at(x - 7.0)) " " (at(y - 7.0)) ") scale(1.17)" }
                        style={ "color:" (class_color(visit.class)) } {
                        circle cx="6" cy="6" r="6.6" fill="var(--paper)" {}
                        (class_path(visit.class))
                    }
                }
                @for (text, (x, y)) in &labels { text .tb x=(at(*x)) y=(at(*y)) text-anchor="middle" { (text) } }
            }
        })
    }

    /// The volumes beside their marks, the newest first; one that finds no free place is left out: the table of the
    /// sessions holds it.
    fn volume_labels(&self, marks: &[(f64, f64)], words: Option<Area>, width: f64) -> Vec<(String, (f64, f64))> {
        let text = |volume: Option<f64>| {
            volume.map_or_else(|| words::NOT_MEASURED.to_owned(), |volume| shown("volume_ml", volume, &[]).with_unit())
        };
        let mark = |&(x, y): &(f64, f64)| Area::around((x, y), 14.0, 14.0);
        let mut taken: Vec<Area> = marks.iter().map(mark).chain(words).collect();
        let mut labels = Vec::new();
        for (visit, &(x, y)) in self.visits.iter().zip(marks).rev() {
            let text = text(visit.volume);
            let wide = Letter::DrawingBold.width(&text, LETTERS);
            let beside = wide / 2.0 + 10.0;
            let above = x.clamp(wide / 2.0, (width - wide / 2.0).max(wide / 2.0));
            let middles = [
                (above, y - 17.0),
                (x - beside, y - 12.0),
                (x + beside, y - 12.0),
                (x - beside, y + 7.0),
                (x + beside, y + 7.0),
            ];
            let free = middles.into_iter().map(|middle| Area::around(middle, wide, LETTERS)).find(|area| {
                let on_page = area.left >= 0.0 && area.right <= width && area.bottom <= BASE;
                on_page && !taken.iter().any(|other| other.meets(area))
            });
            if let Some(area) = free {
                labels.push((text, ((area.left + area.right) / 2.0, area.bottom - 2.0)));
                taken.push(area);
            }
        }
        labels
    }
}

/// A rectangle of the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Area {
    fn around((x, y): (f64, f64), width: f64, height: f64) -> Self {
        Self { left: x - width / 2.0, right: x + width / 2.0, top: y - height / 2.0, bottom: y + height / 2.0 }
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// The base line with month names.
fn axis(ticks: &[(Date, String)], across: impl Fn(Date) -> f64, width: f64) -> Markup {
    html! {
        line .ax x1="4" x2=(width - 4.0) y1=(BASE) y2=(BASE) {}
        @for (place, name) in ticks {
            @let x = across(*place);
            line .ax x1=(at(x)) x2=(at(x)) y1=(BASE) y2=(BASE + 4.0) {}
            text .t x=(at(x)) y=(BASE + 18.0) text-anchor="middle" { (name) }
        }
    }
}

/// Names on the axis: months, or days since the first scan where dates are relative.
pub(super) fn ticks(first: Date, last: Date) -> Vec<(Date, String)> {
    ticks_at_most(first, last, MOST_TICKS)
}

fn ticks_at_most(first: Date, last: Date, most: usize) -> Vec<(Date, String)> {
    if since_first_scan(first).is_some() {
        return relative_ticks(first, last, most);
    }
    let name = |(index, month): (usize, Date)| {
        let form = if index == 0 || month.month() == 1 { "%b %Y" } else { "%b" };
        (month, month.strftime(form).to_string())
    };
    months(first, last, most).into_iter().enumerate().map(name).collect()
}

/// Days since the first scan, in steps that a reader counts in.
fn relative_ticks(first: Date, last: Date, most: usize) -> Vec<(Date, String)> {
    let span = days_between(first, last);
    let fits = |step: &&i32| span / f64::from(**step) <= most as f64 - 1.0;
    let step = [1, 7, 14, 30, 60, 90, 180, 360, 720, 1800].iter().find(fits).copied().unwrap_or(3600);
    let begin = since_first_scan(first).unwrap_or(0);
    let onto_step = (step - begin.rem_euclid(step)) % step;
    (0..)
        .map_while(|count: i64| first.checked_add((i64::from(onto_step) + count * i64::from(step)).days()).ok())
        .take_while(|place| *place <= last)
        .map(|place| (place, day(place)))
        .collect()
}

/// First days of months inside a span, thinned until their names fit.
fn months(first: Date, last: Date, most: usize) -> Vec<Date> {
    let all: Vec<Date> = first
        .first_of_month()
        .series(1.month())
        .take_while(|&month| month <= last)
        .filter(|&month| month >= first)
        .collect();
    let step = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(|step| all.len() <= step * most).unwrap_or(120);
    let kept: Vec<Date> = if step == 1 {
        all
    } else {
        all.into_iter()
            .filter(|month| (i64::from(month.year()) * 12 + i64::from(month.month()) - 1) % step as i64 == 0)
            .collect()
    };
    kept
}

/// Words at the end of radiotherapy.
const RADIOTHERAPY: &str = "end of radiotherapy";

/// The end of radiotherapy.
fn radiotherapy(x: f64, words: Area) -> Markup {
    html! {
        line x1=(at(x)) x2=(at(x)) y1="20" y2=(BASE) stroke="var(--ink3)" stroke-width="3" opacity="0.5" {}
        text .t x=(at(words.left)) y=(at(words.bottom - 3.0)) { (RADIOTHERAPY) }
    }
}

/// Where the words at the end of radiotherapy stand: right of its line, or left of it at the right border.
fn words_of_radiotherapy(x: f64, width: f64) -> Area {
    let wide = Letter::Drawing.width(RADIOTHERAPY, LETTERS);
    let left = if x + 6.0 + wide <= width { x + 6.0 } else { (x - 6.0 - wide).max(0.0) };
    Area { left, right: left + wide, top: 17.0, bottom: 31.0 }
}

/// The window in which the next scan is due.
fn follow_up(start: f64, end: f64, width: f64) -> Markup {
    html! {
        rect x=(at(start)) y="18" width=(at((end - start).max(3.0))) height=(BASE - 18.0) fill="url(#hatch)"
            stroke="var(--ind)" stroke-width="1" {}
        text .tb x=(at(end.min(width - 2.0))) y="12" text-anchor="end" { "follow-up window" }
    }
}

fn points(places: &[(f64, f64)]) -> String {
    places.iter().map(|&(x, y)| format!("{},{}", at(x), at(y))).collect::<Vec<_>>().join(" ")
}

/// Days from one date to another.
fn days_between(from: Date, to: Date) -> f64 {
    f64::from((to - from).get_days())
}

/// A coordinate with a tenth of a unit.
fn at(place: f64) -> String {
    tick(place, 1).replace('\u{2212}', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn course() -> Course {
        Course {
            visits: vec![
                Visit { date: date("2025-12-04"), volume: Some(2.46), class: Some(Class::Indeterminate) },
                Visit { date: date("2026-05-12"), volume: Some(6.57), class: Some(Class::Recurrence) },
            ],
            radiotherapy_end: Some(date("2025-06-20")),
            window: Some(Window { start: date("2026-06-23"), end: date("2026-07-07") }),
        }
    }

    #[test]
    fn the_alt_text_holds_dates_and_volumes() {
        let alt = course().alt().replace('\u{a0}', " ");
        assert_eq!(
            alt,
            "Time course: radiotherapy ended 20 Jun 2025; 4 Dec 2025 2.46 mL, indeterminate; \
             12 May 2026 6.57 mL, recurrence; next scan due 23 Jun to 7 Jul 2026"
        );
    }

    #[test]
    fn one_day_is_no_course() {
        let visit = Visit { date: date("2026-05-12"), volume: Some(6.57), class: None };
        assert!(Course { visits: vec![visit], ..Course::default() }.svg().is_none());
    }

    #[test]
    fn month_names_fit_for_ten_days_and_for_ten_years() {
        for last in ["2025-01-20", "2025-09-01", "2026-12-31", "2035-01-01"] {
            let months = months(date("2025-01-10"), date(last), MOST_TICKS);
            assert!(months.len() <= MOST_TICKS, "{last}: {}", months.len());
        }
    }

    #[test]
    fn relative_days_stand_on_the_axis_and_fit() {
        for (first, last) in [("day -240", "day 98"), ("day 0", "day 30"), ("day -10", "day 4000")] {
            let ticks = ticks(crate::day::parse(first).unwrap(), crate::day::parse(last).unwrap());
            assert!(ticks.len() <= MOST_TICKS && ticks.len() >= 2, "{first}: {ticks:?}");
            assert!(ticks.iter().all(|(_, name)| name.starts_with("day")), "{ticks:?}");
            assert!(ticks.iter().any(|(_, name)| name == "day\u{a0}0"), "the first scan: {ticks:?}");
        }
    }

    #[test]
    fn the_window_is_hatched() {
        assert!(course().svg().unwrap().into_string().contains("url(#hatch)"));
    }

    /// Coordinates of an attribute, wherever it stands.
    fn all(svg: &str, attribute: &str) -> Vec<f64> {
        let from = format!(" {attribute}=\"");
        svg.split(&from).skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
    }

    #[test]
    fn on_a_phone_the_newest_scan_and_its_volume_are_inside_the_drawing() {
        let svg = course().drawn(PHONE).unwrap().into_string();
        assert!(svg.contains("viewBox=\"0 0 340 128\"") && svg.contains(">6.57\u{a0}mL<"), "{svg}");
        assert!(all(&svg, "x").into_iter().chain(all(&svg, "x2")).all(|x| (0.0..=PHONE).contains(&x)), "{svg}");
    }

    #[test]
    fn volumes_never_overprint_and_the_newest_is_always_told() {
        for (count, width) in [(2, PHONE), (6, PHONE), (6, WIDTH), (24, WIDTH)] {
            let visits: Vec<Visit> = (0..count)
                .map(|week| Visit {
                    date: date("2026-01-05") + (7 * week).days(),
                    volume: Some(5.0 + 0.1 * f64::from(week)),
                    class: None,
                })
                .collect();
            let course = Course { visits, radiotherapy_end: Some(date("2025-11-20")), window: None };
            let marks: Vec<(f64, f64)> =
                (0..count).map(|k| (60.0 + k as f64 * (width - 120.0) / count as f64, 40.0)).collect();
            let labels = course.volume_labels(&marks, Some(words_of_radiotherapy(20.0, width)), width);
            assert_eq!(labels[0].0, shown("volume_ml", 5.0 + 0.1 * (count - 1) as f64, &[]).with_unit());
            let areas: Vec<Area> = labels
                .iter()
                .map(|(text, (x, y))| Area::around((*x, *y - 5.0), Letter::DrawingBold.width(text, LETTERS), LETTERS))
                .collect();
            for (index, area) in areas.iter().enumerate() {
                assert!(!areas[..index].iter().any(|other| other.meets(area)), "{count}: {labels:?}");
            }
        }
    }
}
