//! A film-strip panel: picture, outline, letters, scale bar, locator and color bar.

use maud::{Markup, PreEscaped, html};

use super::color::{BURDEN, ColorMap, hex};
use super::picture::{color_map, draw, draw_map};
use crate::report::model::{Locator, Panel, PanelKind};
use crate::report::number::{bound, tick};

/// Length of the scale bar, mm.
pub const SCALE_BAR: f64 = 20.0;

/// Longer edge of the panel's overlay, in its own units.
const OVERLAY: f64 = 300.0;

/// Longer edge of the locator, drawn pixels.
pub const LOCATOR_EDGE: usize = 120;

/// Colors of a gradient that stands for a whole color map.
const GRADIENT_STOPS: usize = 24;

/// Closest distance of two numbers under a color bar, as a share of its width.
const LABEL_ROOM: f64 = 0.13;

/// What stands below a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// What its colors mean.
    pub key: bool,
    /// Where its slice lies.
    pub slice: bool,
}

/// A panel with its caption; the picture is `edge` pixels along its longer edge.
pub fn figure(panel: &Panel, edge: usize, parts: Parts) -> Markup {
    let raster = &panel.raster;
    html! {
        figure .pan {
            div .im style={ "aspect-ratio:" (raster.width) "/" (raster.height) } {
                img src=(draw(panel, edge).data_uri()) alt=(alt(panel));
                (outline(panel))
                (letters(panel))
                @if let Some(locator) = &panel.locator { (locator_inset(locator)) }
            }
            @if parts.key { (key(panel)) }
            figcaption { (panel.title) span { (panel.caption) } @if parts.slice { span { (slice(panel)) } } }
        }
    }
}

/// A picture with its outline alone; what it shows is told by what stands around it.
pub fn thumbnail(panel: &Panel, edge: usize) -> Markup {
    let raster = &panel.raster;
    html! {
        span .im style={ "aspect-ratio:" (raster.width) "/" (raster.height) } {
            img src=(draw(panel, edge).data_uri()) alt="" loading="lazy";
            (outline(panel))
        }
    }
}

/// Where the slice lies along the scanner's axis.
pub fn slice(panel: &Panel) -> String {
    format!("z {} mm", tick(panel.slice_mm, 1))
}

/// The panel in words and numbers.
pub fn alt(panel: &Panel) -> String {
    let mut alt = format!("{}: {}. Axial slice at {}", panel.title, panel.caption, slice(panel));
    if !matches!(panel.kind, PanelKind::Anatomy | PanelKind::TumorBurden) {
        let (low, high) = panel.range;
        alt += &format!(", colors from {} to {}", tick(low, 2), tick(high, 2));
        if !panel.unit.is_empty() {
            alt += &format!(" {}", panel.unit);
        }
    }
    alt + "."
}

/// The lesion mask as a line that is seen on dark and on light.
fn outline(panel: &Panel) -> Markup {
    let path: String = panel.outline.iter().map(|line| closed_path(line)).collect();
    let (width, height) = (panel.raster.width, panel.raster.height);
    html! {
        @if !path.is_empty() {
            svg viewBox={ "0 0 " (width) " " (height) } aria-hidden="true" {
                path .under d=(path) {}
                path .over d=(path) {}
            }
        }
    }
}

/// A closed polyline as path data.
pub(super) fn closed_path(points: &[[f32; 2]]) -> String {
    let mut path = String::new();
    for (index, [x, y]) in points.iter().enumerate() {
        path.push(if index == 0 { 'M' } else { 'L' });
        path.push_str(&format!("{x:.2} {y:.2}"));
    }
    if !path.is_empty() {
        path.push('Z');
    }
    path
}

/// Patient right and left, and the scale bar.
fn letters(panel: &Panel) -> Markup {
    let raster = &panel.raster;
    let longer = raster.width.max(raster.height).max(1) as f64;
    let (width, height) = (raster.width as f64 * OVERLAY / longer, raster.height as f64 * OVERLAY / longer);
    let bar = SCALE_BAR / raster.millimeters * OVERLAY / longer;
    let (right, bottom, middle) = (width - 10.0, height - 11.0, height / 2.0 + 4.0);
    html! {
        svg viewBox={ "0 0 " (tick(width, 1)) " " (tick(height, 1)) } aria-hidden="true" {
            text x="8" y=(tick(middle, 1)) { "R" }
            text x=(tick(right + 2.0, 1)) y=(tick(middle, 1)) text-anchor="end" { "L" }
            @if bar < width {
                line .bar-under x1=(tick(right - bar, 1)) x2=(tick(right, 1)) y1=(tick(bottom, 1)) y2=(tick(bottom, 1)) {}
                line .bar-over x1=(tick(right - bar, 1)) x2=(tick(right, 1)) y1=(tick(bottom, 1)) y2=(tick(bottom, 1)) {}
                text x=(tick(right, 1)) y=(tick(bottom - 8.0, 1)) text-anchor="end" { (SCALE_BAR) " mm" }
            }
        }
    }
}

/// The whole slice with the panel's field of view.
fn locator_inset(locator: &Locator) -> Markup {
    let raster = &locator.raster;
    let picture = draw_map(raster, locator.range, ColorMap::Grey, LOCATOR_EDGE);
    let [left, top, width, height] = locator.field;
    html! {
        span .loc style={ "aspect-ratio:" (raster.width) "/" (raster.height) } {
            img src=(picture.data_uri()) alt="";
            svg viewBox={ "0 0 " (raster.width) " " (raster.height) } aria-hidden="true" {
                rect x=(left) y=(top) width=(width) height=(height) {}
            }
        }
    }
}

/// What the colors mean: a bar with its cut-offs, classes, or a window in words.
fn key(panel: &Panel) -> Markup {
    let (low, high) = panel.range;
    match panel.kind {
        PanelKind::Anatomy => html! { div .key { "Window " (tick(low, 0)) " to " (tick(high, 0)) } },
        PanelKind::TumorBurden => burden_key(&panel.cutoffs),
        PanelKind::Perfusion | PanelKind::Labeling | PanelKind::Dynamic | PanelKind::Uptake | PanelKind::Background => {
            color_bar(panel)
        }
    }
}

/// The three classes of the tumor burden.
fn burden_key(cutoffs: &[f64]) -> Markup {
    let words = match cutoffs {
        [low, high] => {
            [format!("< {}", bound(*low)), format!("{}–{}", bound(*low), bound(*high)), format!("> {}", bound(*high))]
        }
        _ => ["low".to_owned(), "middle".to_owned(), "high".to_owned()],
    };
    html! {
        div .key {
            @for (word, color) in words.iter().zip(BURDEN) { span { i style={ "background:" (hex(color)) } {} (word) } }
        }
    }
}

/// A color bar with its ends and cut-offs.
fn color_bar(panel: &Panel) -> Markup {
    let (low, high) = panel.range;
    let map = color_map(panel.kind);
    let stops: Vec<String> =
        (0..GRADIENT_STOPS).map(|stop| hex(map.color(stop as f64 / (GRADIENT_STOPS - 1) as f64))).collect();
    let mut marks: Vec<(f64, String)> = panel
        .cutoffs
        .iter()
        .filter(|&&cutoff| cutoff > low && cutoff < high)
        .map(|&cutoff| ((cutoff - low) / (high - low), bound(cutoff)))
        .collect();
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    marks.dedup();
    let unit = if panel.unit.is_empty() { String::new() } else { format!(" {}", panel.unit) };
    html! {
        div .cb style={ "--g:linear-gradient(90deg," (stops.join(",")) ")" } aria-hidden="true" {
            i {}
            @for (share, _) in &marks { b style={ "left:" (percent(*share)) } {} }
            @if marks.first().is_none_or(|mark| mark.0 > LABEL_ROOM) { u .l { (tick(low, 2)) } }
            @for (index, (share, text)) in marks.iter().enumerate() {
                @let crowded_left = index > 0 && share - marks[index - 1].0 < LABEL_ROOM;
                @let crowded_right = marks.get(index + 1).is_some_and(|next| next.0 - share < LABEL_ROOM);
                u .r[crowded_right] .l[crowded_left && !crowded_right] style={ "left:" (percent(*share)) } { (text) }
            }
            @if marks.last().is_none_or(|mark| mark.0 < 1.0 - LABEL_ROOM) {
                u .r style="left:100%" { (tick(high, 2)) (PreEscaped("&nbsp;")) (unit.trim_start()) }
            }
        }
    }
}

/// A share as CSS writes it.
fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Raster;

    fn panel() -> Panel {
        Panel {
            kind: PanelKind::Perfusion,
            title: "rCBV, leakage corrected".into(),
            caption: "mean 1.20, 90th percentile 2.18".into(),
            raster: Raster { width: 40, height: 40, millimeters: 2.0, values: vec![1.0; 1600] },
            underlay: None,
            range: (0.0, 3.5),
            cutoffs: vec![1.0, 1.75],
            unit: String::new(),
            outline: vec![vec![[1.0, 1.0], [3.0, 1.0], [3.0, 4.0]]],
            slice_mm: 18.0,
            locator: None,
        }
    }

    #[test]
    fn the_alt_text_holds_the_numbers() {
        let expected =
            "rCBV, leakage corrected: mean 1.20, 90th percentile 2.18. Axial slice at z 18 mm, colors from 0 to 3.5.";
        assert_eq!(alt(&panel()), expected);
    }

    #[test]
    fn the_outline_is_a_closed_vector_line() {
        assert!(
            figure(&panel(), 80, Parts { key: true, slice: true })
                .into_string()
                .contains("M1.00 1.00L3.00 1.00L3.00 4.00Z")
        );
    }

    /// 20 mm over 2 mm pixels are 10 of 40 pixels, a quarter of the panel.
    #[test]
    fn the_scale_bar_is_twenty_millimeters_long() {
        let svg = figure(&panel(), 80, Parts { key: true, slice: true }).into_string();
        assert!(svg.contains(r#"x1="215" x2="290""#), "{svg}");
    }

    #[test]
    fn cutoffs_are_marked_on_the_bar() {
        let bar = figure(&panel(), 80, Parts { key: true, slice: true }).into_string();
        assert!(bar.contains(r#"style="left:28.6%"></b>"#) && bar.contains(r#"style="left:50.0%"></b>"#), "{bar}");
    }
}
