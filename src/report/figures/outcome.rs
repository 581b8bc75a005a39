//! The ROC curves of a study's measures against known histology, with the cut-offs in use.

use maud::{Markup, html};

use crate::cohort::MeasureOutcome;
use crate::report::number::{bound, fixed, tick};
use crate::report::words::cohort_measure;

/// Size on the page, and the square of the axes in it.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 12.0;
const EDGE: f64 = 340.0;

/// Lines that are told apart without color: solid, dashed, dotted, dash-dotted.
const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];
const COLORS: [&str; 2] = ["var(--ink)", "var(--s2)"];

/// The curves in words and numbers.
pub fn alt(measures: &[MeasureOutcome]) -> String {
    let curves: Vec<String> = measures.iter().map(words).collect();
    format!("ROC curves against histology. {}", curves.join(". "))
}

/// One curve in words: its area, and each cut-off in use.
pub fn words(outcome: &MeasureOutcome) -> String {
    let interval = match (outcome.auc.low, outcome.auc.high) {
        (Some(low), Some(high)) => format!(" ({} to {})", fixed(low, 2), fixed(high, 2)),
        _ => String::new(),
    };
    format!("{}: area {}{interval}", cohort_measure(outcome.measure), fixed(outcome.auc.area, 2))
}

/// The line of a curve, for the plot and its legend.
fn line(place: usize) -> (&'static str, &'static str) {
    (COLORS[place % COLORS.len()], DASHES[place % DASHES.len()])
}

/// The curves as inline SVG.
pub fn svg(measures: &[MeasureOutcome]) -> Markup {
    let across = |share: f64| LEFT + share * EDGE;
    let up = |share: f64| TOP + (1.0 - share) * EDGE;
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(alt(measures)) {
            rect x=(LEFT) y=(TOP) width=(EDGE) height=(EDGE) fill="var(--wash)" {}
            line .gd x1=(across(0.0)) y1=(up(0.0)) x2=(across(1.0)) y2=(up(1.0)) {}
            @for share in [0.0, 0.5, 1.0] {
                text .t x=(across(share)) y=(TOP + EDGE + 17.0) text-anchor="middle" { (tick(share, 1)) }
                text .t x=(LEFT - 7.0) y=(up(share) + 4.0) text-anchor="end" { (tick(share, 1)) }
            }
            text .t x=(across(0.5)) y=(HEIGHT - 8.0) text-anchor="middle" { "1 \u{2212} specificity" }
            text .t transform={ "translate(14 " (up(0.5)) ") rotate(-90)" } text-anchor="middle" { "sensitivity" }
            @for (place, outcome) in measures.iter().enumerate() {
                @let (color, dash) = line(place);
                path d=(path(outcome, across, up)) fill="none" stroke=(color) stroke-width="2.2" stroke-dasharray=(dash) {}
                @for point in &outcome.in_use {
                    @if let (Some(sensitivity), Some(specificity)) = (point.performance.sensitivity.share, point.performance.specificity.share) {
                        @let (x, y) = (across(1.0 - specificity), up(sensitivity));
                        circle cx=(at(x)) cy=(at(y)) r="5" fill="var(--paper)" stroke=(color) stroke-width="2" {}
                        text .tb x=(at(x + 9.0)) y=(at(y + 13.0)) { (bound(point.cutoff)) }
                    }
                }
            }
        }
    }
}

/// What the lines are.
pub fn legend(measures: &[MeasureOutcome]) -> Markup {
    html! {
        p .lg {
            @for (place, outcome) in measures.iter().enumerate() {
                @let (color, dash) = line(place);
                span {
                    svg viewBox="0 0 22 11" aria-hidden="true" {
                        line x1="0" x2="22" y1="5.5" y2="5.5" stroke=(color) stroke-width="2.4" stroke-dasharray=(dash) {}
                    }
                    (words(outcome))
                }
            }
        }
    }
}

/// The curve; values that both outcomes share make a slope, because the order within them is not known.
fn path(outcome: &MeasureOutcome, across: impl Fn(f64) -> f64, up: impl Fn(f64) -> f64) -> String {
    let mut path = format!("M{} {}", at(across(0.0)), at(up(0.0)));
    for point in &outcome.roc {
        path += &format!("L{} {}", at(across(point.false_positive_rate)), at(up(point.sensitivity)));
    }
    path
}

/// A coordinate with a tenth of a unit.
fn at(place: f64) -> String {
    tick(place, 1).replace('\u{2212}', "-")
}
