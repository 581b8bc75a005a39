//! How the rCBV values of a lesion are spread over the classes of its tumor burden.

use maud::{Markup, html};

use super::color::{BURDEN, hex};
use crate::lesion::Histogram;
use crate::report::number::{bound, tick};

/// Size on the page, and the box of the axes in it.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 236.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 466.0;
const TOP: f64 = 30.0;
const BASE: f64 = 204.0;

/// Room for the bar of values beyond the axis.
const BEYOND: f64 = 18.0;

/// Lines across at most.
const MOST_TICKS: usize = 5;

/// Counts of one session, over those of an earlier one.
pub struct Bars<'a> {
    /// Now.
    pub now: &'a Histogram,
    /// At the previous scan.
    pub previous: Option<&'a Histogram>,
    /// Shares of the three classes in words, as they stand in the table.
    pub shares: [String; 3],
}

impl Bars<'_> {
    /// The histogram in words and numbers.
    pub fn alt(&self) -> String {
        let [low, high] = self.now.cutoffs.map(bound);
        let [below, between, above] = &self.shares;
        let mut alt = format!(
            "rCBV of {} voxels: {below} below {low}, {between} from {low} to {high}, {above} above {high}",
            self.now.total()
        );
        if let Some(previous) = self.previous {
            alt += &format!("; the line shows the {} voxels of the previous scan", previous.total());
        }
        alt
    }

    /// The histogram as inline SVG.
    pub fn svg(&self) -> Markup {
        let now = self.now;
        let bins = now.counts.len().max(1);
        let end = now.from + now.width * bins as f64;
        let across = |value: f64| LEFT + (value - now.from) / (end - now.from) * (RIGHT - BEYOND - LEFT);
        let edge = |bin: usize| LEFT + bin as f64 / bins as f64 * (RIGHT - BEYOND - LEFT);
        let counts =
            |histogram: &Histogram| histogram.counts.iter().map(|bin| bin.iter().sum::<usize>()).max().unwrap_or(0);
        let tallest = counts(now).max(self.previous.map_or(0, counts)).max(now.above).max(1);
        let step = count_step(tallest);
        let top = tallest.div_ceil(step) * step;
        let up = |count: usize| BASE - count as f64 / top as f64 * (BASE - TOP);
        let inside = |cutoff: &f64| *cutoff > now.from && *cutoff < end;
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.alt()) {
                @for count in (0..=top).step_by(step) {
                    line .gd x1=(LEFT) x2=(RIGHT) y1=(at(up(count))) y2=(at(up(count))) {}
                    text .t x=(LEFT - 6.0) y=(at(up(count) + 4.0)) text-anchor="end" { (count) }
                }
                @for (bin, classes) in now.counts.iter().enumerate() {
                    @for (class, _) in classes.iter().enumerate().filter(|(_, count)| **count > 0) {
                        @let under: usize = classes[..class].iter().sum();
                        @let (foot, head) = (up(under), up(under + classes[class]));
                        rect x=(at(edge(bin) + 0.5)) width=(at(edge(bin + 1) - edge(bin) - 1.0)) y=(at(head))
                            height=(at(foot - head)) fill=(hex(BURDEN[class])) {}
                    }
                }
                @if now.above > 0 {
                    rect x=(at(RIGHT - BEYOND + 4.0)) width=(at(BEYOND - 4.0)) y=(at(up(now.above)))
                        height=(at(BASE - up(now.above))) fill=(hex(BURDEN[2])) {}
                }
                @if let Some(previous) = self.previous.filter(|previous| previous.counts.len() == now.counts.len()) {
                    path d=(outline(previous, edge, up)) fill="none" stroke="var(--ink)" stroke-width="1.6" {}
                }
                line .ax x1=(LEFT) x2=(RIGHT) y1=(BASE) y2=(BASE) {}
                @for cutoff in now.cutoffs.iter().filter(|cutoff| inside(cutoff)) {
                    line x1=(at(across(*cutoff))) x2=(at(across(*cutoff))) y1=(TOP - 6.0) y2=(BASE) stroke="var(--ink)" stroke-width="1.3" {}
                    text .tb x=(at(across(*cutoff))) y=(BASE + 17.0) text-anchor="middle" { (bound(*cutoff)) }
                }
                @for value in [now.from, end] {
                    text .t x=(at(across(value))) y=(BASE + 17.0) text-anchor="middle" { (tick(value, 1)) }
                }
                @if now.above > 0 { text .t x=(RIGHT) y=(BASE + 30.0) text-anchor="end" { "beyond: " (now.above) } }
                @if now.below > 0 { text .t x=(LEFT) y=(BASE + 30.0) { "below 0: " (now.below) } }
                (self.share_labels(across, end))
            }
        }
    }

    /// The share of each class above its stretch of the axis.
    fn share_labels(&self, across: impl Fn(f64) -> f64, end: f64) -> Markup {
        let [low, high] = self.now.cutoffs.map(|cutoff| cutoff.clamp(self.now.from, end));
        let middles = [(self.now.from + low) / 2.0, (low + high) / 2.0, (high + end) / 2.0];
        html! {
            @for (middle, share) in middles.into_iter().zip(&self.shares) {
                text .tb x=(at(across(middle))) y=(TOP - 12.0) text-anchor="middle" { (share) }
            }
        }
    }
}

/// The tops of the bars as a staircase.
fn outline(histogram: &Histogram, edge: impl Fn(usize) -> f64, up: impl Fn(usize) -> f64) -> String {
    let mut path = format!("M{} {}", at(edge(0)), at(BASE));
    for (bin, classes) in histogram.counts.iter().enumerate() {
        path += &format!("V{}H{}", at(up(classes.iter().sum())), at(edge(bin + 1)));
    }
    path + &format!("V{}", at(BASE))
}

/// A step of 1, 2 or 5 times a power of ten that gives few lines.
fn count_step(tallest: usize) -> usize {
    let mut power = 1;
    loop {
        for digit in [1, 2, 5] {
            if tallest <= digit * power * MOST_TICKS {
                return digit * power;
            }
        }
        power *= 10;
    }
}

/// A coordinate with a tenth of a unit.
fn at(place: f64) -> String {
    tick(place, 1).replace('\u{2212}', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram {
        let values: Vec<f32> = (0..300).map(|i| i as f32 * 0.015).collect();
        Histogram::of(&values, [1.0, 1.75]).unwrap()
    }

    fn bars(now: &Histogram) -> Bars<'_> {
        Bars { now, previous: Some(now), shares: ["22 %", "17 %", "61 %"].map(str::to_owned) }
    }

    #[test]
    fn the_alt_text_holds_the_shares() {
        assert_eq!(
            bars(&histogram()).alt(),
            "rCBV of 300 voxels: 22 % below 1.0, 17 % from 1.0 to 1.75, 61 % above 1.75; \
             the line shows the 300 voxels of the previous scan"
        );
    }

    #[test]
    fn values_beyond_the_axis_are_drawn_and_told() {
        // 4.0 to 4.485 are 33 of the 300 values.
        let svg = bars(&histogram()).svg().into_string();
        assert!(svg.contains("beyond: 33"), "{svg}");
        assert!(!svg.contains("below 0:"));
    }

    #[test]
    fn few_round_lines_hold_any_count() {
        for (tallest, step) in [(1, 1), (5, 1), (6, 2), (26, 10), (49, 10), (51, 20), (4321, 1000)] {
            assert_eq!(count_step(tallest), step, "{tallest}");
        }
    }
}
