//! PET in full on the second page of a lesion: uptake over time, every statistic, volumes, response.

use maud::{Markup, html};

use super::shell::heading;
use super::subject::Lesion;
use crate::pet::{Comparison, LesionDynamics, PetMeasures, Uptake};
use crate::report::figures::activity;
use crate::report::model::TimePoint;
use crate::report::number::{day, fixed, percent, tick};
use crate::report::words;
use crate::units::{Milliliters, Millimeters};

/// What PET says beside the columns; nothing without PET.
pub fn pet(lesion: &Lesion) -> Markup {
    let level = lesion.level + 1;
    html! {
        @if let Some(measures) = &lesion.latest.pet {
            @if let Some(dynamics) = &measures.dynamic { (curves(dynamics, level)) }
            (heading(level, "small-title", "", html! { (words::PET_TITLE) }))
            (statistics(measures))
            (facts(measures))
        }
        (response(lesion.latest, level))
    }
}

fn curves(dynamics: &LesionDynamics, level: u8) -> Markup {
    let mut alt = format!("{}: lesion", words::ACTIVITY_ALT);
    if let Some(minutes) = dynamics.lesion.time_to_peak_min {
        alt += &format!(", time to peak {} min", tick(minutes, 1));
    }
    let slope = |value: f64, unit: &str| format!("{}\u{a0}{unit} per hour", fixed(value, 2));
    html! {
        figure .ch .keep .half {
            figcaption {
                (heading(level, "small-title", "", html! { (words::ACTIVITY_TITLE) }))
                p { (words::ACTIVITY_CAPTION) }
            }
            @match activity::svg(dynamics, &alt) {
                Some(drawing) => { (drawing) (activity::legend(dynamics)) },
                None => p .cap { (words::NO_CURVES) },
            }
        }
        p .cap {
            "Lesion: "
            @match dynamics.lesion.time_to_peak_min {
                Some(minutes) => { "time to peak " (tick(minutes, 1)) "\u{a0}min" },
                None => "no time to peak",
            }
            "; "
            @match dynamics.lesion.slope_per_h {
                Some(value) => {
                    "slope " (slope(value, &dynamics.unit))
                    " from " (tick(dynamics.slope_window_min[0], 1)) " to " (tick(dynamics.slope_window_min[1], 1)) "\u{a0}min"
                },
                None => (words::NO_SLOPE),
            }
            @if let Some(value) = dynamics.slope_suv_per_h.filter(|_| dynamics.unit != "SUV") {
                " (" (slope(value, "SUV")) ")"
            }
            @if let Some(pattern) = dynamics.lesion.pattern {
                "; pattern " (pattern) ", " (words::uptake_pattern(pattern))
            }
            "."
            @if let Some(minutes) = dynamics.background.as_ref().and_then(|background| background.time_to_peak_min) {
                " Background: time to peak " (tick(minutes, 1)) "\u{a0}min."
            }
        }
    }
}

/// Name of a statistic, and where it stands.
type Row = (&'static str, fn(&Uptake) -> f64);

/// Every statistic in each unit that is known.
fn statistics(measures: &PetMeasures) -> Markup {
    let units: Vec<(String, &Uptake, usize)> = [
        (measures.tbr.as_ref(), "TBR".to_owned(), 2),
        (
            measures.suv.as_ref(),
            measures.suv_kind.map_or_else(String::new, |kind| format!("SUV {kind}, {}", kind.unit())),
            2,
        ),
        (measures.image.as_ref().filter(|_| measures.suv.is_none()), words::IMAGE_UNIT.to_owned(), 3),
    ]
    .into_iter()
    .filter_map(|(uptake, unit, decimals)| Some((unit, uptake?, decimals)))
    .collect();
    let rows: [Row; 10] = [
        ("Maximum", |uptake| uptake.max),
        ("Mean", |uptake| uptake.mean),
        ("Median", |uptake| uptake.median),
        ("Standard deviation", |uptake| uptake.sd),
        ("Minimum", |uptake| uptake.min),
        ("10th percentile", |uptake| uptake.p10),
        ("25th percentile", |uptake| uptake.p25),
        ("75th percentile", |uptake| uptake.p75),
        ("90th percentile", |uptake| uptake.p90),
        ("Total (times mL)", |uptake| uptake.total),
    ];
    let number = |value: f64, decimals| html! { data value=(value) { (fixed(value, decimals)) } };
    html! {
        @if units.is_empty() { p .cap { (words::NO_UPTAKE) } } @else {
        div .tblscroll tabindex="0" role="group" aria-label=(words::PET_TITLE) {
            table .dense {
                thead { tr {
                    th scope="col" { "Statistic" }
                    @for (unit, ..) in &units { th scope="col" .n { (unit) } }
                } }
                tbody {
                    @for (name, of) in &rows {
                        tr {
                            th scope="row" { (name) }
                            @for (_, uptake, decimals) in &units { td .n { (number(of(uptake), *decimals)) } }
                        }
                    }
                    @for peak in &measures.peaks {
                        tr {
                            th scope="row" { "Peak, " (words::peak_mode(peak.mode)) @if peak.mode == measures.peak_mode { " (used)" } }
                            @if measures.tbr.is_some() { td .n { @if let Some(value) = peak.tbr { (number(value, 2)) } } }
                            @if measures.suv.is_some() { td .n { @if let Some(value) = peak.suv { (number(value, 2)) } } }
                            @else { td .n { (number(peak.image, 3)) } }
                        }
                    }
                }
            }
        }
        }
    }
}

/// Place, volumes, overlap, recovery.
fn facts(measures: &PetMeasures) -> Markup {
    let place = |position: [f64; 3]| position.map(|axis| tick(axis, 1)).join(", ");
    let ml = |volume: Milliliters| format!("{}\u{a0}mL", fixed(volume.0, 2));
    let mm = |length: Millimeters| format!("{}\u{a0}mm", tick(length.0, 1));
    let pieces = |count: usize| if count == 1 { "1 piece".to_owned() } else { format!("{count} pieces") };
    html! {
        div .tblscroll tabindex="0" role="group" aria-label=(words::PET_FACTS_TITLE) {
            table .dense {
                tbody {
                    tr {
                        th scope="row" { "Voxels" }
                        td {
                            (measures.voxels) " (" (ml(measures.volume)) ", " (pieces(measures.components)) ")"
                            @if measures.voxels_without_value > 0 { ", " (measures.voxels_without_value) " without a value" }
                            @if measures.voxels_negative > 0 { ", " (measures.voxels_negative) " below 0" }
                        }
                    }
                    @if let Some(position) = measures.max_position {
                        tr { th scope="row" { "Place of the maximum" } td { (place(position)) " mm (right, anterior, superior)" } }
                    }
                    @for volume in &measures.volumes {
                        tr {
                            th scope="row" { "Volume with " (volume.rule) }
                            td {
                                (ml(volume.volume))
                                @if volume.components > 0 {
                                    ", " (pieces(volume.components))
                                    @if volume.components > 1 { " (the largest " (ml(volume.largest_component)) ")" }
                                }
                                @if let Some(total) = volume.total_tbr { "; TLU " (fixed(total, 2)) "\u{a0}mL" }
                                @if let Some(total) = volume.total_suv { "; TLG " (fixed(total, 2)) "\u{a0}SUV\u{b7}mL" }
                            }
                        }
                    }
                    @if let Some(overlap) = &measures.overlap {
                        tr {
                            th scope="row" { "PET volume against the lesion as drawn" }
                            td {
                                "Dice " (fixed(overlap.dice, 2)) "; both " (ml(overlap.shared))
                                ", PET only " (ml(overlap.pet_only)) ", lesion only " (ml(overlap.mri_only))
                                "; centers " (mm(overlap.center_distance)) " apart. "
                                (words::OVERLAP_REACH) (mm(measures.overlap_reach)) "."
                            }
                        }
                    }
                    tr {
                        th scope="row" { "Expected recovery" }
                        td {
                            (percent(measures.recovery)) " of the contrast at the center of a sphere " (mm(measures.width))
                            " wide, at an assumed resolution of " (mm(measures.fwhm)) ". " (words::RECOVERY)
                        }
                    }
                    @if let Some(background) = &measures.background {
                        tr {
                            th scope="row" { "Background" }
                            td {
                                (background.statistic) " " (fixed(background.divisor, 3)) " (unit of the image)"
                                @if let Some(sd) = background.sd { "; SD " (fixed(sd, 3)) }
                                @if let Some(cov) = background.cov { ", CoV " (percent(cov)) }
                                @if let Some(volume) = background.volume { "; " (ml(volume)) }
                                @if let Some(side) = &background.side { ", " (side) }
                                @if let Some(share) = background.inside_lesions { "; " (percent(share)) " inside a lesion" }
                            }
                        }
                    }
                    @if let Some(reason) = &measures.no_suv {
                        tr { th scope="row" { "No SUV" } td { (reason) } }
                    }
                }
            }
        }
    }
}

/// What the response rules say.
fn response(time_point: &TimePoint, level: u8) -> Markup {
    let Some(response) = &time_point.pet_response else { return html! {} };
    html! {
        (heading(level, "small-title", "", html! { (words::RESPONSE_TITLE) }))
        div .tblscroll tabindex="0" role="group" aria-label=(words::RESPONSE_TITLE) {
            table .dense {
                thead { tr {
                    th scope="col" { "Rule" }
                    th scope="col" { "Since" }
                    th scope="col" { "Says" }
                    th scope="col" { "Changes" }
                    th scope="col" .n { "Lesion volume" }
                } }
                tbody {
                    @for comparison in &response.comparisons {
                        tr {
                            th scope="row" {
                                (comparison.rule)
                                small { (comparison.source) @if !comparison.confirmed { ". " b { (words::UNCONFIRMED) } } }
                            }
                            td { (since(comparison)) }
                            td { (words::capitalized(comparison.answer.response.as_str())) }
                            td {
                                @for (index, change) in comparison.answer.changes.iter().enumerate() {
                                    @if index > 0 { "; " }
                                    (words::response_quantity(change.quantity)) " " (fixed(change.before, 2)) " to "
                                    (fixed(change.now, 2)) " (" (signed(change.percent)) ")"
                                }
                                @if !comparison.answer.missing.is_empty() {
                                    ". Not in both studies: "
                                    @for (index, quantity) in comparison.answer.missing.iter().enumerate() {
                                        @if index > 0 { ", " }
                                        (words::response_quantity(*quantity))
                                    }
                                }
                            }
                            td .n {
                                @match comparison.volume_change_percent {
                                    Some(change) => (signed(change)),
                                    None => span .muted { "–" },
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !response.discordances.is_empty() {
            p .cap { b { (words::DISCORDANT) } @for words in &response.discordances { " " (words) } }
        }
        @if !response.doubts.is_empty() {
            p .cap { b { (words::HARD_TO_COMPARE) } @for words in &response.doubts { " " (words) } }
        }
        p .cap { (words::RESPONSE_CAPTION) }
    }
}

fn since(comparison: &Comparison) -> String {
    let which = words::baseline(comparison.baseline);
    match comparison.date {
        Some(date) => format!("{which}, {} ({})", day(date), comparison.session),
        None => format!("{which}, {}", comparison.session),
    }
}

fn signed(percent: f64) -> String {
    let sign = if percent > 0.0 { "+" } else { "" };
    format!("{sign}{}\u{a0}%", fixed(percent, 0))
}
