//! The rulers of a lesion as one drawing: name, value with its interval, ruler, and how the measure reads.

use super::drawing::{Drawing, escaped, inside};
use super::lettering::Letter;
use super::ruler::{Ruler, pole_color};
use crate::report::number::{bound, shown, tick};

/// Widths of the columns and of the whole.
const NAME: f64 = 190.0;
const VALUE: f64 = 130.0;
const RULER: f64 = 360.0;
const READS: f64 = 120.0;
const WIDTH: f64 = NAME + VALUE + RULER + READS + 48.0;

/// Height of a row, and of the legend below.
const ROW: f64 = 56.0;
const LEGEND: f64 = 40.0;

/// Rulers below each other; `None` without one.
pub fn drawing(rulers: &[Ruler<'_>]) -> Option<Drawing> {
    if rulers.is_empty() {
        return None;
    }
    let mut text = String::new();
    let mut alts = Vec::new();
    for (index, ruler) in rulers.iter().enumerate() {
        let top = index as f64 * ROW + 10.0;
        let bounds = [ruler.cutoffs.0, ruler.cutoffs.1];
        let number = |value: f64| shown(ruler.column, value, &bounds).with_unit();
        for (line, words) in Letter::DrawingBold.wrap(ruler.name, 13.0, NAME).iter().enumerate() {
            let y = top + 18.0 + 16.0 * line as f64;
            text += &line_of(12.0, y, "start", "ink", 13.0, true, words);
        }
        text += &line_of(12.0 + NAME + VALUE, top + 20.0, "end", "ink", 16.0, true, &number(ruler.value));
        if let Some((from, to)) = ruler.interval {
            let interval = format!("{} to {}", number(from), number(to));
            text += &line_of(12.0 + NAME + VALUE, top + 36.0, "end", "ink3", 11.0, false, &interval);
        }
        let left = NAME + VALUE + 28.0;
        let markup = ruler.svg().into_string();
        text += &format!("<g transform=\"translate({} {})\">{}</g>", tick(left, 1), tick(top, 1), inside(&markup)?);
        let color = pole_color(ruler.pole).trim_start_matches("var(--").trim_end_matches(')').to_owned();
        text += &line_of(left + RULER + 12.0, top + 22.0, "start", &color, 13.0, true, ruler.reads);
        alts.push(ruler.alt());
    }
    let height = rulers.len() as f64 * ROW + LEGEND;
    text += &line_of(12.0, height - 12.0, "start", "ink3", 11.0, false, &legend(rulers));
    let ground = format!("<rect width=\"{WIDTH}\" height=\"{}\" fill=\"var(--paper)\"/>", tick(height, 1));
    Some(Drawing::new(WIDTH, height, &(alts.join(". ") + "."), &(ground + &text)))
}

/// What the marks are.
fn legend(rulers: &[Ruler<'_>]) -> String {
    let any = |shows: fn(&Ruler<'_>) -> bool| rulers.iter().any(shows);
    let mut parts = vec!["Dot: value".to_owned()];
    if any(|ruler| ruler.interval.is_some()) {
        parts.push("bar: 95 % interval".to_owned());
    }
    if any(|ruler| ruler.test_retest.is_some()) {
        parts.push("grey band: 95 % test–retest range".to_owned());
    }
    if any(|ruler| ruler.previous.is_some()) {
        parts.push("ring: previous scan".to_owned());
    }
    parts.push("lines: cut-offs".to_owned());
    let cutoffs: Vec<String> = rulers
        .iter()
        .map(|ruler| match ruler.cutoffs {
            (low, high) if low < high => format!("{} and {}", bound(low), bound(high)),
            (low, _) => bound(low),
        })
        .collect();
    format!("{} ({}). Research use only.", parts.join("; "), cutoffs.join("; "))
}

fn line_of(x: f64, y: f64, anchor: &str, color: &str, size: f64, bold: bool, words: &str) -> String {
    let weight = if bold { "bold" } else { "normal" };
    format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" style=\"font-size:{size}px;font-weight:{weight};fill:var(--{color})\">{}</text>",
        tick(x, 1),
        tick(y, 1),
        escaped(&Letter::Drawing.printable(words)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Pole;

    #[test]
    fn rows_hold_the_numbers_of_the_tables() {
        let ruler = Ruler {
            column: "rcbv_mean",
            name: "Mean rCBV (DSC)",
            value: 2.1,
            pole: Pole::High,
            reads: "Recurrence",
            cutoffs: (1.0, 1.75),
            interval: Some((1.9, 2.3)),
            test_retest: None,
            previous: Some(1.5),
        };
        let drawing = drawing(&[ruler, ruler]).unwrap();
        assert_eq!(drawing.svg.matches("1.90 to 2.30").count(), 4, "words below and in the alternative text");
        assert!(drawing.svg.contains("1.0 and 1.75") && drawing.alt.contains("previous scan 1.50"));
        assert!(drawing.tree().is_some() && !drawing.svg.contains("var(--"));
        assert!(super::drawing(&[]).is_none());
    }
}
