//! The slices on which a reader checks where lesion and reference lie.

use maud::{Markup, html};

use super::color::ColorMap;
use super::panel::closed_path;
use super::picture::draw_map;
use crate::report::model::{MaskCheck, MaskTile};
use crate::report::number::tick;

/// The slices beside each other; each is `edge` pixels along its longer edge.
pub fn tiles(check: &MaskCheck, edge: usize) -> Markup {
    html! {
        div .film .masks {
            div .row {
                @for tile in &check.tiles {
                    figure .pan {
                        div .im style={ "aspect-ratio:" (tile.raster.width) "/" (tile.raster.height) } {
                            img src=(draw_map(&tile.raster, check.range, ColorMap::Grey, edge).data_uri()) alt=(alt(check, tile));
                            (outlines(tile))
                        }
                        figcaption { "z " (tick(tile.slice_mm, 1)) " mm" }
                    }
                }
            }
        }
    }
}

/// A slice in words.
fn alt(check: &MaskCheck, tile: &MaskTile) -> String {
    let seen: Vec<&str> = [("lesion", &tile.lesion), ("reference", &tile.reference), ("brain", &tile.brain)]
        .into_iter()
        .filter(|(_, outline)| !outline.is_empty())
        .map(|(name, _)| name)
        .collect();
    let seen = if seen.is_empty() { "no region".to_owned() } else { seen.join(", ") };
    format!("{}, axial slice at z {} mm; outlined: {seen}.", check.name, tick(tile.slice_mm, 1))
}

/// The regions, each in a line of its own kind.
fn outlines(tile: &MaskTile) -> Markup {
    let path = |lines: &[Vec<[f32; 2]>]| lines.iter().map(|line| closed_path(line)).collect::<String>();
    html! {
        svg viewBox={ "0 0 " (tile.raster.width) " " (tile.raster.height) } aria-hidden="true" {
            path .brain d=(path(&tile.brain)) {}
            path .under d=(path(&tile.reference)) {}
            path .reference d=(path(&tile.reference)) {}
            path .under d=(path(&tile.lesion)) {}
            path .over d=(path(&tile.lesion)) {}
        }
    }
}
