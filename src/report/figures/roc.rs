//! The ROC curve of a measure, with the cut-offs that the cohort gives and those in use.

use plotters::prelude::*;

use super::square::{FINE, Frame, IN_USE, INK, OWN, PALE, drawing, mark, note};
use crate::cohort::{CutoffCalibration, RocPoint};
use crate::report::number::{bound, fixed};

/// The curve as an SVG file; `None` on a drawing error.
pub fn svg(calibration: &CutoffCalibration) -> Option<String> {
    let area = &calibration.auc;
    let interval = match (area.low, area.high) {
        (Some(low), Some(high)) => format!(" (95 % DeLong {}–{})", fixed(low, 2), fixed(high, 2)),
        _ => String::new(),
    };
    let (recurred, other) = calibration.lesions;
    let title = format!("{}: area {}{interval}", calibration.measure.name(), fixed(area.area, 2));
    let subtitle = format!(
        "{recurred} recurrences of {} patients, {other} others of {}",
        calibration.patients.0, calibration.patients.1
    );
    let frame = Frame {
        title: &title,
        subtitle: &subtitle,
        across: "1 − specificity: share of the others above the cut-off",
        up: "sensitivity: share of the recurrences above the cut-off",
    };
    let zone = calibration.grey_zone;
    let own = [
        (format!("> {}: recurrence", bound(zone.high)), zone.high, true),
        (format!("< {}: necrosis", bound(zone.low)), zone.low, true),
        (format!("Youden {}", bound(calibration.youden)), calibration.youden, false),
    ];
    drawing(&frame, |square| {
        square.draw_series(LineSeries::new(steps(&calibration.roc), INK.stroke_width(2 * FINE))).ok()?;
        note(square, "Cut-offs of this cohort", (0.50, 0.36), INK)?;
        let mut line = 0.30;
        for (words, cutoff, filled) in &own {
            let at = place(&calibration.roc, *cutoff)?;
            mark(square, at, OWN, *filled)?;
            if *filled {
                note(square, &bound(*cutoff), (at.0 + 0.025, at.1 - 0.035), OWN)?;
            }
            mark(square, (0.52, line), OWN, *filled)?;
            note(square, words, (0.56, line), INK)?;
            line -= 0.055;
        }
        if !calibration.in_use.is_empty() {
            note(square, "In use now", (0.50, line), INK)?;
            line -= 0.055;
            for point in &calibration.in_use {
                let (sensitivity, specificity) =
                    (point.performance.sensitivity.share?, point.performance.specificity.share?);
                cross(square, (1.0 - specificity, sensitivity))?;
            }
            cross(square, (0.52, line))?;
            let words: Vec<String> = calibration.in_use.iter().map(|point| bound(point.cutoff)).collect();
            note(square, &words.join(" and "), (0.56, line), INK)?;
        }
        note(square, "dashed: chance", (0.03, 0.97), PALE)
    })
}

fn cross(square: &mut super::square::Square<'_, '_>, at: (f64, f64)) -> Option<()> {
    square.draw_series([Cross::new(at, 5 * FINE, IN_USE.stroke_width(2 * FINE))]).ok().map(drop)
}

/// The curve as a staircase: between two points first up, then across, as each lesion is passed.
fn steps(points: &[RocPoint]) -> Vec<(f64, f64)> {
    let mut path: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    for point in points {
        let (across, up) = (point.false_positive_rate, point.sensitivity);
        // Values shared by both outcomes make a slope: the order within them is not known.
        path.push((across, up));
    }
    path
}

/// Where a cut-off stands on the curve: the point of the largest value that is not above it.
fn place(points: &[RocPoint], cutoff: f64) -> Option<(f64, f64)> {
    let at = points.iter().find(|point| point.cutoff.is_none_or(|value| value <= cutoff))?;
    Some((at.false_positive_rate, at.sensitivity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_stands_at_its_shares() {
        let point = |cutoff, sensitivity, false_positive_rate| RocPoint { cutoff, sensitivity, false_positive_rate };
        let points =
            [point(Some(3.0), 0.0, 0.0), point(Some(2.0), 0.5, 0.0), point(Some(1.0), 1.0, 0.5), point(None, 1.0, 1.0)];
        assert_eq!(place(&points, 2.5), Some((0.0, 0.5)));
        assert_eq!(place(&points, 1.0), Some((0.5, 1.0)));
        assert_eq!(place(&points, 0.5), Some((1.0, 1.0)));
    }
}
