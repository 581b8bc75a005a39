//! One mark per lesion: a measure against its cut-offs, lesions in columns by their result.

use maud::{Markup, html};

use super::glyph::class_color;
use crate::report::number::{bound, tick};
use crate::report::words;
use crate::verdict::Class;

/// Size on the page, and the box of the axes in it.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 22.0;
const BASE: f64 = 262.0;

/// Edge of a mark.
const MARK: f64 = 10.0;

/// The axis reaches to this many times the upper cut-off at most; what lies above stands at its end.
const REACH: f64 = 3.0;

/// One lesion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// Its row in the table of the page.
    pub row: usize,
    /// Its value.
    pub value: f64,
    /// Its result.
    pub class: Option<Class>,
}

/// One measure of the study.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Its name, such as `Mean rCBV (DSC)`.
    pub name: String,
    /// Its cut-offs.
    pub cutoffs: (f64, f64),
    /// The lesions that were read against them.
    pub marks: Vec<Mark>,
}

impl Strip {
    /// How many lesions of each result there are, results in the order of `columns`.
    fn columns(&self, results: &[Option<Class>]) -> Vec<(Option<Class>, Vec<Mark>)> {
        results
            .iter()
            .map(|class| (*class, self.marks.iter().copied().filter(|mark| mark.class == *class).collect::<Vec<_>>()))
            .filter(|(_, marks)| !marks.is_empty())
            .collect()
    }

    /// Lesions below, between and above the cut-offs, in words.
    pub fn alt(&self) -> String {
        let (low, high) = self.cutoffs;
        let below = self.marks.iter().filter(|mark| mark.value < low).count();
        let above = self.marks.iter().filter(|mark| mark.value > high).count();
        let (low, high) = (bound(low), bound(high));
        format!(
            "{} of {} lesions: {below} below {low}, {} from {low} to {high}, {above} above {high}",
            self.name,
            self.marks.len(),
            self.marks.len() - below - above
        )
    }

    /// The strip plot as inline SVG.
    pub fn svg(&self, results: &[Option<Class>]) -> Markup {
        let (low, high) = self.cutoffs;
        // Room for half a mark above the largest.
        let largest = self.marks.iter().map(|mark| mark.value * 1.05).fold(high * 1.4, f64::max);
        let smallest = self.marks.iter().map(|mark| mark.value).fold(0.0, f64::min).max(-low);
        let top = largest.min(REACH * high);
        let up = |value: f64| BASE - (value.clamp(smallest, top) - smallest) / (top - smallest) * (BASE - TOP);
        let columns = self.columns(results);
        let width = (RIGHT - LEFT) / columns.len().max(1) as f64;
        let beyond = self.marks.iter().filter(|mark| mark.value > top || mark.value < smallest).count();
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.alt()) {
                rect .z-rec x=(LEFT) width=(RIGHT - LEFT) y=(at(TOP - 8.0)) height=(at(up(high) - TOP + 8.0)) {}
                rect x=(LEFT) width=(RIGHT - LEFT) y=(at(up(high))) height=(at(up(low) - up(high))) fill="url(#hatch)" {}
                rect .z-nec x=(LEFT) width=(RIGHT - LEFT) y=(at(up(low))) height=(at(BASE + 8.0 - up(low))) {}
                @for cutoff in [low, high] {
                    line x1=(LEFT) x2=(RIGHT) y1=(at(up(cutoff))) y2=(at(up(cutoff))) stroke="var(--ink2)" stroke-width="1" {}
                    text .tb x=(LEFT - 6.0) y=(at(up(cutoff) + 4.0)) text-anchor="end" { (bound(cutoff)) }
                }
                @for end in [smallest, top] {
                    @if (up(end) - up(low)).abs() > 14.0 && (up(end) - up(high)).abs() > 14.0 {
                        text .t x=(LEFT - 6.0) y=(at(up(end) + 4.0)) text-anchor="end" { (tick(end, 2)) }
                    }
                }
                @for (column, (class, marks)) in columns.iter().enumerate() {
                    @let middle = LEFT + (column as f64 + 0.5) * width;
                    g .pts style={ "color:" (class_color(*class)) } {
                        @for (mark, x) in swarm(marks, &up, middle, width - 12.0) {
                            use href={ "#" (symbol(*class)) } x=(at(x - MARK / 2.0)) y=(at(up(mark.value) - MARK / 2.0))
                                width=(MARK) height=(MARK) data-row=(mark.row) {}
                            @if mark.value > top { path .beyond d={ "M" (at(x - 3.5)) " " (at(up(mark.value) - 7.0)) "l3.5-4 3.5 4" } {} }
                        }
                    }
                    text .t x=(at(middle)) y=(HEIGHT - 14.0) text-anchor="middle" { (words::class(*class)) }
                    text .t x=(at(middle)) y=(HEIGHT - 1.0) text-anchor="middle" { (marks.len()) }
                }
            }
            @if beyond > 0 { p .cap { (beyond) " beyond the axis, at its end and marked." } }
        }
    }
}

/// The shapes that marks refer to; they stand once on a page.
pub fn symbols(results: &[Option<Class>]) -> Markup {
    html! {
        svg .defs width="0" height="0" aria-hidden="true" {
            @for class in results {
                symbol id=(symbol(*class)) viewBox="0 0 12 12" { (super::glyph::class_path(*class)) }
            }
        }
    }
}

/// The name of a shape.
fn symbol(class: Option<Class>) -> &'static str {
    match class {
        Some(Class::Recurrence) => "mark-recurrence",
        Some(Class::SuspectedRecurrence) => "mark-suspected",
        Some(Class::RadiationNecrosis) => "mark-necrosis",
        Some(Class::Stable) => "mark-stable",
        Some(Class::Indeterminate) => "mark-indeterminate",
        None => "mark-none",
    }
}

/// Marks of one column side by side where they would cover each other: the nearest free place to the middle; a column
/// that is full starts again at its middle.
fn swarm(marks: &[Mark], up: &impl Fn(f64) -> f64, middle: f64, width: f64) -> Vec<(Mark, f64)> {
    let lanes = ((width / MARK).floor() as usize).max(1);
    let rows = ((BASE - TOP) / MARK) as usize + 3;
    let mut taken = vec![0_usize; rows];
    let mut sorted = marks.to_vec();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.row.cmp(&b.row)));
    sorted
        .into_iter()
        .map(|mark| {
            let row = (((up(mark.value) - TOP) / MARK).round().max(0.0) as usize).min(rows - 1);
            let lane = taken[row] % lanes;
            taken[row] += 1;
            let offset = lane.div_ceil(2) as f64 * MARK * if lane.is_multiple_of(2) { 1.0 } else { -1.0 };
            (mark, middle + offset)
        })
        .collect()
}

/// A coordinate with a tenth of a unit.
fn at(place: f64) -> String {
    tick(place, 1).replace('\u{2212}', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(values: &[f64]) -> Strip {
        let marks = values
            .iter()
            .enumerate()
            .map(|(row, &value)| Mark { row, value, class: Some(Class::Indeterminate) })
            .collect();
        Strip { name: "Mean rCBV (DSC)".to_owned(), cutoffs: (1.0, 1.75), marks }
    }

    #[test]
    fn the_alt_text_counts_against_the_cutoffs() {
        assert_eq!(
            strip(&[0.5, 1.0, 1.75, 1.76]).alt(),
            "Mean rCBV (DSC) of 4 lesions: 1 below 1.0, 2 from 1.0 to 1.75, 1 above 1.75"
        );
    }

    #[test]
    fn a_value_beyond_the_axis_is_marked_and_told() {
        let svg = strip(&[0.5, 9.0]).svg(&[Some(Class::Indeterminate)]).into_string();
        assert!(svg.contains("class=\"beyond\"") && svg.contains("1 beyond the axis"), "{svg}");
        assert!(!strip(&[0.5, 2.0]).svg(&[Some(Class::Indeterminate)]).into_string().contains("beyond"));
    }

    #[test]
    fn equal_values_stand_side_by_side() {
        let marks = strip(&[1.2; 5]).marks;
        let placed: Vec<f64> = swarm(&marks, &|_| 100.0, 50.0, 100.0).into_iter().map(|(_, x)| x).collect();
        assert_eq!(placed, [50.0, 40.0, 60.0, 30.0, 70.0]);
    }
}
