//! Whether the estimated probability means what it says: observed share against mean probability.

use plotters::prelude::*;

use super::square::{FINE, Frame, INK, OWN, PALE, drawing, mark, note};
use crate::cohort::Reliability;
use crate::report::number::fixed;

/// The picture as an SVG file; `None` on a drawing error.
pub fn svg(reliability: &Reliability) -> Option<String> {
    let recalibration = match (reliability.intercept, reliability.slope) {
        (Some(intercept), Some(slope)) => {
            format!("intercept {} (0 is perfect), slope {} (1 is perfect)", fixed(intercept, 2), fixed(slope, 2))
        }
        _ => "intercept and slope have no solution here".to_owned(),
    };
    let title = format!("Estimated probability: Brier score {}", fixed(reliability.brier, 3));
    let subtitle = format!("{} lesions; {recalibration}", reliability.lesions);
    let frame = Frame {
        title: &title,
        subtitle: &subtitle,
        across: "mean estimated probability of recurrence",
        up: "observed share of recurrences, 95 % Wilson interval",
    };
    drawing(&frame, |square| {
        for group in &reliability.groups {
            let (Some(expected), Some(share)) = (group.expected, group.observed.share) else { continue };
            if let (Some(low), Some(high)) = (group.observed.low, group.observed.high) {
                let bar = PathElement::new(vec![(expected, low), (expected, high)], OWN.stroke_width(2 * FINE));
                square.draw_series([bar]).ok()?;
            }
            mark(square, (expected, share), OWN, true)?;
            // The words stand on the side that has room.
            let beside = if expected > 0.75 { expected - 0.15 } else { expected + 0.03 };
            note(square, &format!("{} of {}", group.observed.count, group.observed.total), (beside, share), INK)?;
        }
        note(square, "dashed: probability and share agree", (0.03, 0.97), PALE)
    })
}
