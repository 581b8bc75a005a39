//! The film strip as one drawing: pictures beside each other on black, each with its outline, scale, color bar and words.

use super::color::{BURDEN, hex};
use super::drawing::{Drawing, escaped};
use super::lettering::Letter;
use super::panel::{LOCATOR_EDGE, SCALE_BAR, alt, slice};
use super::picture::{color_map, draw, draw_map};
use crate::report::model::{Locator, Panel, PanelKind};
use crate::report::number::{bound, tick};

/// Width of a panel in a strip of four.
pub const PANEL: f64 = 172.0;

/// Width of a panel in a strip of six.
pub const NARROW: f64 = 116.0;

/// Space between panels, and around them.
const GAP: f64 = 8.0;

/// Height of the colors' key.
const KEY: f64 = 24.0;

/// Sizes of the title and of the words below it.
const TITLE: f64 = 9.0;
const WORDS: f64 = 8.0;

/// Height of a line of words.
const LINE: f64 = 11.0;

/// Closest distance of two numbers under a color bar.
const LABEL_ROOM: f64 = 20.0;

/// Colors of a gradient that stands for a whole color map.
const GRADIENT_STOPS: usize = 24;

/// Colors of the film: dark on every page.
const FILM: &str = "#0b0d10";
const FILM_INK: &str = "#e8ecf0";
const FILM_INK2: &str = "#a4aeb8";

/// Panels of a width beside each other, `columns` in a row, pictures `edge` pixels along their longer side; `None`
/// without a panel.
pub fn drawing(panels: &[&Panel], columns: usize, wide: f64, edge: usize) -> Option<Drawing> {
    if panels.is_empty() || columns == 0 {
        return None;
    }
    let columns = columns.min(panels.len());
    let width = columns as f64 * (wide + GAP) + GAP;
    let mut inside = String::new();
    let mut ground = String::new();
    let mut top = GAP;
    for (row, panels) in panels.chunks(columns).enumerate() {
        let tallest = panels.iter().map(|panel| picture_height(panel, wide)).fold(0.0, f64::max);
        let mut lowest: f64 = 0.0;
        for (column, panel) in panels.iter().enumerate() {
            let id = row * columns + column;
            let left = GAP + column as f64 * (wide + GAP);
            inside += &format!("<g transform=\"translate({} {})\">", tick(left, 1), tick(top, 1));
            inside += &picture(panel, wide, edge, id);
            inside += &format!("<g transform=\"translate(0 {})\">", tick(tallest + 6.0, 1));
            inside += &key(panel, wide, id);
            let (words, height) = caption(panel, wide);
            inside += &words;
            inside += "</g></g>";
            lowest = lowest.max(tallest + 6.0 + KEY + height);
        }
        // The film is as long as its row: no empty black beside the last one.
        ground += &format!(
            "<rect y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"{FILM}\"/>",
            at(top - GAP),
            tick(panels.len() as f64 * (wide + GAP) + GAP, 1),
            tick(lowest + GAP + if row > 0 { GAP } else { 0.0 }, 1),
        );
        top += lowest + GAP;
    }
    let alt: Vec<String> = panels.iter().map(|panel| alt(panel)).collect();
    Some(Drawing::new(width, top, &alt.join(" "), &(ground + &inside)))
}

fn picture_height(panel: &Panel, wide: f64) -> f64 {
    wide * panel.raster.height as f64 / panel.raster.width.max(1) as f64
}

/// The picture with outline, letters, scale and locator.
fn picture(panel: &Panel, wide: f64, edge: usize, id: usize) -> String {
    let (columns, rows) = (panel.raster.width.max(1) as f64, panel.raster.height as f64);
    let height = picture_height(panel, wide);
    let scale = wide / columns;
    let mut text = format!(
        "<clipPath id=\"c{id}\"><rect width=\"{wide}\" height=\"{h}\" rx=\"2\"/></clipPath>\
         <g clip-path=\"url(#c{id})\"><image width=\"{wide}\" height=\"{h}\" preserveAspectRatio=\"none\" href=\"{}\"/>",
        draw(panel, edge).data_uri(),
        h = tick(height, 2),
    );
    let path: String = panel
        .outline
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let points: Vec<String> = line
                .iter()
                .map(|[x, y]| format!("{:.2} {:.2}", f64::from(*x) * scale, f64::from(*y) * scale))
                .collect();
            format!("M{}Z", points.join("L"))
        })
        .collect();
    if !path.is_empty() {
        for (color, opacity, width) in [("#000000", "0.6", "2.2"), ("#ffffff", "1", "1")] {
            text += &format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-opacity=\"{opacity}\" \
                 stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
            );
        }
    }
    let middle = rows * scale / 2.0 + 3.0;
    text += &letter(5.0, middle, "start", "R");
    text += &letter(wide - 5.0, middle, "end", "L");
    let bar = SCALE_BAR / panel.raster.millimeters * scale;
    if bar.is_finite() && bar < wide - 20.0 {
        let (right, bottom) = (wide - 7.0, height - 7.0);
        for (color, width) in [("#000000", "3.4"), ("#ffffff", "1.8")] {
            text += &format!(
                "<line x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"{width}\"/>",
                tick(right - bar, 2),
                tick(right, 2),
                y = tick(bottom, 2),
            );
        }
        text += &letter(right, bottom - 4.0, "end", &format!("{} mm", tick(SCALE_BAR, 0)));
    }
    if let Some(locator) = &panel.locator {
        text += &locator_inset(locator, wide, height, id);
    }
    text + "</g>"
}

/// White text that is read on dark and on light.
fn letter(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" style=\"font-size:8px;font-weight:bold;fill:#ffffff;stroke:#000000;\
         stroke-opacity:.65;stroke-width:1.8px;paint-order:stroke\">{}</text>",
        at(x),
        at(y),
        escaped(words),
    )
}

/// The whole slice with the panel's field of view.
fn locator_inset(locator: &Locator, wide: f64, height: f64, id: usize) -> String {
    let raster = &locator.raster;
    let width = 0.31 * wide;
    let scale = width / raster.width.max(1) as f64;
    let tall = raster.height as f64 * scale;
    let [left, top, across, down] = locator.field.map(|place| f64::from(place) * scale);
    format!(
        "<g transform=\"translate(4 {y})\"><clipPath id=\"l{id}\"><rect width=\"{w}\" height=\"{h}\"/></clipPath>\
         <g clip-path=\"url(#l{id})\"><image width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" href=\"{}\"/>\
         <rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#7fd8ff\" stroke-width=\"1\"/></g>\
         <rect width=\"{w}\" height=\"{h}\" fill=\"none\" stroke=\"#ffffff\" stroke-opacity=\"0.4\" stroke-width=\"0.7\"/></g>",
        draw_map(raster, locator.range, super::color::ColorMap::Grey, LOCATOR_EDGE).data_uri(),
        at(left),
        at(top),
        at(across),
        at(down),
        y = at(height - tall - 4.0),
        w = tick(width, 2),
        h = tick(tall, 2),
    )
}

/// What the colors mean.
fn key(panel: &Panel, wide: f64, id: usize) -> String {
    let (low, high) = panel.range;
    match panel.kind {
        PanelKind::Anatomy | PanelKind::Artery => {
            words(0.0, 9.0, "start", FILM_INK2, false, &format!("Window {} to {}", tick(low, 0), tick(high, 0)))
        }
        PanelKind::TumorBurden => burden_key(&panel.cutoffs, wide),
        PanelKind::Perfusion | PanelKind::Labeling | PanelKind::Dynamic | PanelKind::Uptake | PanelKind::Background => {
            color_bar(panel, wide, id)
        }
    }
}

/// Shrunk where the picture is too narrow for its words.
fn burden_key(cutoffs: &[f64], wide: f64) -> String {
    let names = match cutoffs {
        [low, high] => {
            [format!("< {}", bound(*low)), format!("{}–{}", bound(*low), bound(*high)), format!("> {}", bound(*high))]
        }
        _ => ["low".to_owned(), "middle".to_owned(), "high".to_owned()],
    };
    let mut text = String::new();
    let mut left = 0.0;
    for (name, color) in names.iter().zip(BURDEN) {
        text += &format!(
            "<rect x=\"{}\" y=\"2\" width=\"8\" height=\"8\" rx=\"1\" fill=\"{}\"/>",
            tick(left, 1),
            hex(color)
        );
        text += &words(left + 11.0, 9.0, "start", FILM_INK2, false, name);
        left += 20.0 + Letter::Drawing.width(name, WORDS);
    }
    if left > wide { format!("<g transform=\"scale({})\">{text}</g>", tick(wide / left, 3)) } else { text }
}

fn color_bar(panel: &Panel, wide: f64, id: usize) -> String {
    let (low, high) = panel.range;
    let map = color_map(panel.kind);
    let share_of = |stop: usize| stop as f64 / (GRADIENT_STOPS - 1) as f64;
    let stops: String = (0..GRADIENT_STOPS)
        .map(|stop| {
            let share = share_of(stop);
            format!("<stop offset=\"{}\" stop-color=\"{}\"/>", tick(share, 4), hex(map.color(share)))
        })
        .collect();
    let mut text = format!(
        "<linearGradient id=\"g{id}\">{stops}</linearGradient><rect width=\"{wide}\" height=\"6\" fill=\"url(#g{id})\"/>"
    );
    let unit = if panel.unit.is_empty() { String::new() } else { format!(" {}", panel.unit) };
    let mut last = f64::NEG_INFINITY;
    let mut cutoffs: Vec<f64> =
        panel.cutoffs.iter().copied().filter(|cutoff| *cutoff > low && *cutoff < high).collect();
    cutoffs.sort_by(f64::total_cmp);
    cutoffs.dedup();
    let places: Vec<(f64, String)> =
        cutoffs.iter().map(|cutoff| ((cutoff - low) / (high - low) * wide, bound(*cutoff))).collect();
    for (place, _) in &places {
        text += &format!(
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"0\" y2=\"9\" stroke=\"#ffffff\" stroke-width=\"1.2\"/>",
            x = tick(*place, 2)
        );
    }
    if places.first().is_none_or(|(place, _)| *place > LABEL_ROOM) {
        text += &words(0.0, 18.0, "start", FILM_INK2, false, &tick(low, 2));
        last = LABEL_ROOM - 10.0;
    }
    let right = format!("{}{unit}", tick(high, 2));
    for (index, (place, name)) in places.iter().enumerate() {
        // Two cut-offs that stand close part to both sides of the room between them.
        let close = places.get(index + 1).is_some_and(|next| next.0 - place < LABEL_ROOM);
        let (anchor, at) = if place - last < LABEL_ROOM && index > 0 {
            ("start", place - 1.0)
        } else if close {
            ("end", place + 1.0)
        } else {
            ("middle", *place)
        };
        text += &words(at, 18.0, anchor, FILM_INK2, false, name);
        last = *place;
    }
    if last < wide - LABEL_ROOM - Letter::Drawing.width(&right, WORDS) {
        text += &words(wide, 18.0, "end", FILM_INK2, false, &right);
    }
    text
}

/// Title, numbers and slice, with the height that they take.
fn caption(panel: &Panel, wide: f64) -> (String, f64) {
    let mut text = String::new();
    let mut baseline = KEY + TITLE;
    for (bold, line) in Letter::DrawingBold.wrap(&panel.title, TITLE, wide).into_iter().map(|line| (true, line)).chain(
        [panel.caption.clone(), slice(panel)]
            .iter()
            .flat_map(|words| Letter::Drawing.wrap(words, WORDS, wide))
            .map(|line| (false, line)),
    ) {
        text += &words(0.0, baseline, "start", if bold { FILM_INK } else { FILM_INK2 }, bold, &line);
        baseline += LINE;
    }
    (text, baseline - KEY - 4.0)
}

/// A coordinate with a hundredth of a unit; a minus sign as SVG reads it.
fn at(place: f64) -> String {
    tick(place, 2).replace('\u{2212}', "-")
}

fn words(x: f64, y: f64, anchor: &str, color: &str, bold: bool, text: &str) -> String {
    let (size, weight) = if bold { (TITLE, "bold") } else { (WORDS, "normal") };
    format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" style=\"font-size:{size}px;font-weight:{weight};fill:{color}\">{}</text>",
        at(x),
        at(y),
        escaped(&Letter::Drawing.printable(text)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Raster;

    fn panel(kind: PanelKind) -> Panel {
        Panel {
            kind,
            title: "rCBV, leakage corrected".into(),
            caption: "mean 1.20 & 90th percentile 2.18".into(),
            raster: Raster { width: 40, height: 40, millimeters: 2.0, values: vec![1.0; 1600] },
            underlay: None,
            range: (0.0, 3.5),
            cutoffs: vec![1.0, 1.75],
            unit: "a.u.".into(),
            outline: vec![vec![[1.0, 1.0], [3.0, 1.0], [3.0, 4.0]]],
            slice_mm: 18.0,
            locator: None,
        }
    }

    #[test]
    fn the_strip_holds_pictures_bars_units_and_numbers() {
        let panels = [panel(PanelKind::Anatomy), panel(PanelKind::Perfusion), panel(PanelKind::TumorBurden)];
        let drawing = drawing(&panels.iter().collect::<Vec<_>>(), 4, PANEL, 80).unwrap();
        assert_eq!(drawing.svg.matches("<image").count(), 3);
        assert!(drawing.svg.contains("3.5 a.u.") && drawing.svg.contains("&gt; 1.75"), "bars");
        assert!(drawing.svg.contains("mean 1.20 &amp; 90th") && drawing.alt.contains("mean 1.20"), "numbers");
        assert!(drawing.tree().is_some());
    }

    /// 20 mm over 2 mm pixels are 10 of 40 pixels, a quarter of the panel.
    #[test]
    fn the_scale_bar_is_twenty_millimeters_long() {
        let panel = panel(PanelKind::Perfusion);
        let drawing = drawing(&[&panel], 4, PANEL, 80).unwrap();
        let (right, left) = (PANEL - 7.0, PANEL - 7.0 - PANEL / 4.0);
        assert!(drawing.svg.contains(&format!("x1=\"{}\" x2=\"{}\"", tick(left, 2), tick(right, 2))));
    }

    #[test]
    fn the_film_is_as_long_as_its_row() {
        let panel = panel(PanelKind::Perfusion);
        let drawing = drawing(&[&panel, &panel, &panel], 2, PANEL, 80).unwrap();
        let film = format!("rx=\"5\" fill=\"{FILM}\"");
        assert_eq!(drawing.svg.matches(&film).count(), 2);
        for panels in [2.0, 1.0] {
            assert!(drawing.svg.contains(&format!("width=\"{}\" height", tick(panels * (PANEL + GAP) + GAP, 1))));
        }
    }

    #[test]
    fn nothing_to_show_is_no_drawing() {
        assert!(drawing(&[], 4, PANEL, 80).is_none());
    }
}
