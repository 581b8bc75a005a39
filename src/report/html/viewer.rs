//! The viewer of a lesion: a frame of controls around canvases, and the volumes that its script draws.
//!
//! It is comfort beside the still pictures: without a script, or in a browser that cannot unpack the volumes, words stand
//! in its place.

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::subject::{Lesion, section_heading, session};
use crate::report::figures::color::{ColorMap, hex};
use crate::report::viewer::ViewerVolumes;
use crate::report::words;

/// The script of all viewers of a page.
pub const SCRIPT: &str = include_str!("viewer.js");

/// The planes, with the name that the script knows them by.
const PLANES: [(&str, &str); 3] = [("axial", "Axial"), ("coronal", "Coronal"), ("sagittal", "Sagittal")];

/// One session as the script reads it.
#[derive(Serialize)]
struct Scan<'a> {
    label: String,
    volumes: &'a ViewerVolumes,
}

/// Shares the room that a page has for volumes: the latest session of each lesion first, then the ones before.
///
/// Returns for each lesion which of its time points are shown.
pub fn shared_room(lesions: &[Lesion], room: usize) -> Vec<Vec<usize>> {
    let mut shown: Vec<Vec<usize>> = vec![Vec::new(); lesions.len()];
    let mut left = room;
    let most = lesions.iter().map(|lesion| lesion.time_points.len()).max().unwrap_or(0);
    for back in 1..=most {
        for (lesion, shown) in lesions.iter().zip(&mut shown) {
            let Some(place) = lesion.time_points.len().checked_sub(back) else { continue };
            let Some(volumes) = &lesion.time_points[place].volumes else { continue };
            if volumes.bytes() <= left {
                left -= volumes.bytes();
                shown.push(place);
            }
        }
    }
    shown.iter_mut().for_each(|places| places.sort_unstable());
    shown
}

/// The viewer of one lesion; nothing where its sessions hold no image.
pub fn viewer(lesion: &Lesion, shown: &[usize]) -> Markup {
    let scans: Vec<Scan> = shown
        .iter()
        .filter_map(|&place| {
            let time_point = &lesion.time_points[place];
            Some(Scan { label: session(time_point), volumes: time_point.volumes.as_ref()? })
        })
        .collect();
    let with_images = lesion.time_points.iter().filter(|time_point| time_point.volumes.is_some()).count();
    let Some(latest) = scans.last() else {
        return html! {
            @if with_images > 0 {
                section .screen { (section_heading(lesion, "images", "Images")) p .cap { (words::NO_ROOM_FOR_VIEWER) } }
            }
        };
    };
    html! {
        section .screen .images {
            (section_heading(lesion, "images", "Images"))
            p .cap .without { (words::VIEWER_NEEDS_SCRIPT) }
            div .film .vw data-viewer hidden {
                div .planes {
                    @for part in ["now", "then"] {
                        div .set data-set=(part) hidden[part == "then"] {
                            p .which {}
                            @for (plane, name) in PLANES {
                                canvas data-plane=(plane) tabindex="0" role="img" aria-label=(name) {}
                            }
                        }
                    }
                }
                (controls(lesion, &scans, latest.volumes))
                div .tblscroll tabindex="0" role="group" aria-label=(words::AT_CROSSHAIR) { table .at {} }
                p .sr role="status" {}
            }
            p .cap .keys hidden { (words::VIEWER_KEYS) }
            p .cap {
                (about(latest.volumes))
                @if scans.len() > 1 { " " (words::SESSIONS_NOT_MOVED) }
                @if scans.len() < with_images { " " (words::SOME_SESSIONS_LEFT_OUT) }
            }
            script type="application/json" { (PreEscaped(data(&scans))) }
        }
    }
}

/// What the volumes are.
fn about(volumes: &ViewerVolumes) -> String {
    let mut text = words::viewer_volumes(volumes.spacing_mm, volumes.margin_mm);
    if let Some(map) = &volumes.hottest_on {
        text.push_str(&format!(" The crosshair starts at the lesion's largest value on the map {map}."));
    }
    text.push(' ');
    text.push_str(&match volumes.brain_margin_mm {
        Some(margin) => words::viewer_within_brain(margin),
        None => words::VIEWER_NO_BRAIN.to_owned(),
    });
    text
}

fn controls(lesion: &Lesion, scans: &[Scan], latest: &ViewerVolumes) -> Markup {
    let id = |part: &str| lesion.anchor(&format!("viewer-{part}"));
    let maps: Vec<_> = latest.layers.iter().filter(|layer| layer.key != "anatomy").collect();
    html! {
        div .ctl {
            @if scans.len() > 1 {
                label for=(id("scan")) { "Session"
                    select id=(id("scan")) data-control="scan" {
                        @for (place, scan) in scans.iter().enumerate() {
                            option value=(place) selected[place + 1 == scans.len()] { (scan.label) }
                        }
                    }
                }
                label for=(id("with")) { "Compare with"
                    select id=(id("with")) data-control="with" {
                        @for (place, scan) in scans.iter().enumerate() {
                            option value=(place) selected[place + 2 == scans.len()] { (scan.label) }
                        }
                    }
                }
                label for=(id("mode")) { "Show"
                    select id=(id("mode")) data-control="mode" {
                        option value="one" selected { "one session" }
                        option value="side" { "side by side" }
                        option value="flicker" { "flicker" }
                        option value="difference" { "subtraction" }
                    }
                }
            }
            @if !maps.is_empty() {
                label for=(id("map")) { "Map"
                    select id=(id("map")) data-control="map" {
                        @for (place, layer) in maps.iter().enumerate() {
                            option value=(layer.key) selected[place == 0] { (layer.title) }
                        }
                        option value="" { "none" }
                    }
                }
                label for=(id("opacity")) { "Opacity"
                    input id=(id("opacity")) data-control="opacity" type="range" min="0" max="100" value="65";
                }
            }
            label for=(id("level")) { "Level" input id=(id("level")) data-control="level" type="range" min="0" max="1000"; }
            label for=(id("window")) { "Window" input id=(id("window")) data-control="window" type="range" min="1" max="1000"; }
            button type="button" .btn data-control="outline" aria-pressed="true" { "Outline" }
            button type="button" .btn data-control="neurological" aria-pressed="false" { "Neurological view" }
            button type="button" .btn data-control="reset" { "Reset" }
        }
        div .vbar aria-hidden="true" {}
    }
}

/// The volumes as JSON that cannot leave its element.
fn data(scans: &[Scan]) -> String {
    // Numbers, words and base64: nothing in them can fail to be written.
    serde_json::to_string(scans).unwrap_or_default().replace('<', "\\u003c")
}

/// The color maps that the scripts of a page draw with, 256 colors each.
pub fn palettes() -> Markup {
    let palette = |map: ColorMap| map.palette().into_iter().map(|color| hex(color)[1..].to_owned()).collect::<String>();
    let json = format!(r#"{{"inferno":"{}","viridis":"{}"}}"#, palette(ColorMap::Inferno), palette(ColorMap::Viridis));
    html! { script #palettes type="application/json" { (PreEscaped(json)) } }
}
