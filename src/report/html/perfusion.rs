//! What perfusion says of a lesion beside the columns of its row: spread, hot spots, leakage models; and the artery.

use maud::{Markup, html};

use super::shell::heading;
use crate::dsc::{LeakageChoice, LeakageModelFit};
use crate::report::figures::{artery as artery_figure, panel};
use crate::report::model::{ArteryFigure, Panel, PerfusionDetail};
use crate::report::number::fixed;
use crate::report::words;

/// Further measures and the leakage models.
pub fn details(detail: &PerfusionDetail, level: u8) -> Markup {
    html! {
        (heading(level, "small-title", "", html! { (words::FURTHER_PERFUSION) }))
        p .cap { (words::FURTHER_PERFUSION_CAPTION) }
        div .tblscroll tabindex="0" role="group" aria-label=(words::FURTHER_PERFUSION) {
            table .dense {
                thead { tr {
                    th scope="col" { "Measure" }
                    th scope="col" { "Unit" }
                    th scope="col" .n { "Value" }
                } }
                tbody {
                    @for (name, unit, value) in rows(detail) {
                        tr { th scope="row" { (name) } td .muted { (unit) } td .n { (value) } }
                    }
                }
            }
        }
        @if let Some(choice) = &detail.leakage { (leakage(choice, level)) }
    }
}

/// A number with two decimals, carrying its exact value.
fn ratio(value: f64) -> Markup {
    html! { data value=(value) { (fixed(value, 2)) } }
}

fn percent(share: f64) -> Markup {
    html! { data value=(share) { (fixed(100.0 * share, 0)) } }
}

fn rows(detail: &PerfusionDetail) -> Vec<(String, &'static str, Markup)> {
    let text = |name: &str, value: &str| (name.to_owned(), "", html! { (value) });
    let mut rows = vec![text("rCBV is integrated over", &detail.integration)];
    rows.extend(detail.normalization.as_ref().map(|words| text("rCBV is divided by", words)));
    if let Some(found) = &detail.distribution {
        rows.push((
            format!("Hot spot: mean of the highest 5 % ({} voxels)", found.top_share_voxels),
            "ratio",
            ratio(found.top_share_mean),
        ));
        rows.extend(
            found.cube_mean.map(|mean| ("Hot spot: highest mean of 3 × 3 × 3 voxels".to_owned(), "ratio", ratio(mean))),
        );
        rows.push(("Voxels with rCBV above 1.0 (Hu 2012)".to_owned(), "%", percent(found.share_above_one)));
        for &(percent, value) in &found.percentiles {
            rows.push((format!("rCBV, percentile {percent}"), "ratio", ratio(value)));
        }
    }
    rows.extend(detail.voxel_error.map(|error| {
        ("Standard error of one voxel's rCBV, mean (frames taken as independent)".to_owned(), "ratio", ratio(error))
    }));
    rows.push(text("Signal recovery (PSR) is taken from", &detail.recovery_frames));
    rows.extend(detail.recovery_area.map(|area| {
        let value = html! { data value=(area) { (fixed(area, 0)) } };
        ("Recovery by area, minimum to end".to_owned(), "%", value)
    }));
    if let Some((rule, count)) = &detail.vessels {
        rows.push((format!("Voxels left out as vessels: {rule}"), "", html! { (count) }));
    }
    for further in &detail.further {
        rows.push((format!("rCBV against: {} (mean)", further.normalization), "", ratio(further.mean)));
        rows.push((format!("rCBV against: {} (median)", further.normalization), "", ratio(further.median)));
    }
    rows
}

/// The leakage models held against each other.
fn leakage(choice: &LeakageChoice, level: u8) -> Markup {
    let with_error = |value: Option<f64>, error: Option<f64>, decimals: usize| {
        html! {
            @match (value, error) {
                (Some(value), Some(error)) => {
                    data value=(value) { (fixed(value, decimals)) } " ± " data value=(error) { (fixed(error, decimals)) }
                },
                (Some(value), None) => { data value=(value) { (fixed(value, decimals)) } },
                (None, _) => span .muted { "–" },
            }
        }
    };
    let share = |fit: &LeakageModelFit| {
        choice.voxel_shares.iter().find(|(model, _)| *model == fit.model).map(|&(_, share)| share)
    };
    html! {
        (heading(level, "small-title", "", html! { (words::LEAKAGE_CHOICE) }))
        p .cap { (words::LEAKAGE_CHOICE_CAPTION) }
        div .tblscroll tabindex="0" role="group" aria-label=(words::LEAKAGE_CHOICE) {
            table .dense {
                thead { tr {
                    th scope="col" { "Model" }
                    th scope="col" .n { "K1" }
                    th scope="col" .n { "K2, 1/s" }
                    th scope="col" .n { "kep, 1/min" }
                    th scope="col" .n { "AICc above the best" }
                    th scope="col" .n { "Weight" }
                    th scope="col" .n { "Best in voxels, %" }
                } }
                tbody {
                    @for fit in &choice.models {
                        @let best = choice.models.iter().map(|fit| fit.aicc).fold(f64::INFINITY, f64::min);
                        tr {
                            th scope="row" {
                                (words::leakage_model(fit.model))
                                @if fit.model == choice.best { b { ", best" } }
                            }
                            td .n { (with_error(Some(fit.k1), Some(fit.k1_error), 2)) }
                            td .n { (with_error(fit.k2, fit.k2_error, 4)) }
                            td .n { (with_error(fit.kep_per_min, fit.kep_error_per_min, 2)) }
                            td .n { (fixed(fit.aicc - best, 1)) }
                            td .n { (fixed(fit.weight, 2)) }
                            td .n { @if let Some(share) = share(fit) { (percent(share)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The arterial curve and where its voxels lie.
pub fn artery(figure: &ArteryFigure, place: Option<&Panel>, edge: usize, level: u8) -> Markup {
    let width = figure.width.map_or_else(|| "no width".to_owned(), |width| format!("width {} s", fixed(width, 1)));
    html! {
        (heading(level, "small-title", "", html! { (words::ARTERY) }))
        p .cap {
            "Arterial curve: " (figure.source) ". Peak " (fixed(figure.peak, 1)) " at " (fixed(figure.peak_time, 1)) " s, "
            (width) "; " (figure.truncated) " of " (figure.voxels) " voxels come close to the noise floor. "
            (figure.words)
        }
        figure .ch .keep .half {
            @match artery_figure::svg(figure, words::ARTERY) {
                Some(drawing) => { (drawing) },
                None => p .cap { (words::NO_CURVES) },
            }
        }
        @if let Some(place) = place {
            div .film { div .row style="--n:3" {
                (panel::figure(place, edge, panel::Parts { key: false, slice: true }))
            } }
        }
    }
}
