//! What lies inside a lesion, on its second page: rim, most active cluster, enhancement by subtraction.

use maud::{Markup, html};

use super::shell::heading;
use crate::report::model::{Inside, MapInside};
use crate::report::number::{fixed, percent, tick};
use crate::report::words;

/// The section; nothing where nothing was measured.
pub fn inside(inside: Option<&Inside>, level: u8) -> Markup {
    let Some(inside) = inside else { return html! {} };
    html! {
        (heading(level, "small-title", "", html! { (words::INSIDE_TITLE) }))
        @if !inside.maps.is_empty() {
            div .tblscroll tabindex="0" role="group" aria-label=(words::INSIDE_TITLE) {
                table .dense {
                    thead { tr {
                        th scope="col" { "Map" }
                        th scope="col" { "Rim and inside" }
                        th scope="col" { "Most active cluster" }
                    } }
                    tbody { @for map in &inside.maps { (row(map)) } }
                }
            }
        }
        @if let Some(found) = &inside.subtraction {
            p {
                "T1 after contrast against before: mean rise " (fixed(found.rise_percent, 0)) "\u{a0}%; "
                (percent(found.enhancing_share)) " of " (found.voxels) " voxels rise by "
                (tick(found.from_percent, 1)) "\u{a0}% or more, " (percent(1.0 - found.enhancing_share)) " do not."
            }
        }
        p .cap { (words::INSIDE_CAPTION) }
    }
}

fn row(map: &MapInside) -> Markup {
    let ml = |volume: crate::units::Milliliters| format!("{}\u{a0}mL", fixed(volume.0, 2));
    html! {
        tr {
            th scope="row" { (map.map) }
            td {
                @match &map.rim {
                    Some(rim) => {
                        "outer " (tick(rim.thickness.0, 1)) "\u{a0}mm: mean " (fixed(rim.mean, 2)) " (" (ml(rim.volume)) ")"
                        @match rim.inside_mean {
                            Some(mean) => { "; inside: " (fixed(mean, 2)) " (" (ml(rim.inside_volume)) ")" },
                            None => "; no inside",
                        }
                        @if let Some(ratio) = rim.ratio { "; ratio " (fixed(ratio, 2)) }
                    },
                    None => span .muted { (words::NOT_MEASURED) },
                }
            }
            td {
                @match &map.target {
                    Some(target) => {
                        (ml(target.volume)) " from " (fixed(target.bound, 2)) " on, mean " (fixed(target.mean, 2)) ", at "
                        (target.position.map(|axis| tick(axis, 0)).join(", ")) "\u{a0}mm (right, anterior, superior)"
                        @match target.to_necrosis {
                            Some(distance) => { "; " (tick(distance.0, 1)) "\u{a0}mm from labeled necrosis" },
                            None => "; no necrosis is labeled",
                        }
                    },
                    None => span .muted { (words::NOT_MEASURED) },
                }
            }
        }
    }
}
