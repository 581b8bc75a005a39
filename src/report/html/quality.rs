//! The third page of a lesion: checks, doubts, methods; and from what the page was made.

use maud::{Markup, html};

use super::perfusion;
use super::shell::heading;
use super::subject::{Lesion, section_heading};
use crate::dataset::numbered;
use crate::quality::{Caveat, Check};
use crate::report::figures::{glyph, mask_check, motion, panel};
use crate::report::model::{PanelKind, Provenance, TimePoint};
use crate::report::words;
use crate::verdict::explain;

/// Checks, caveats and methods of the latest session.
pub fn quality(lesion: &Lesion) -> Markup {
    let time_point = lesion.latest;
    let level = lesion.level + 1;
    let caveats = all_caveats(time_point);
    html! {
        section .pg {
            (section_heading(lesion, "quality", "Quality"))
            @if no_checks(time_point) {
                p .cap { (words::NO_CHECKS) }
            }
            (checks("Checks of perfusion (DSC)", &time_point.dsc_checks))
            (motion_figure(lesion))
            (checks("Checks of ASL", &time_point.asl_checks))
            (checks("Checks of DCE", &time_point.dce_checks))
            (checks("Checks of PET", &time_point.pet_checks))
            @if let Some(figure) = &time_point.artery {
                (perfusion::artery(figure, time_point.artery_panel.as_ref(), lesion.edge, level))
            }
            (background_picture(lesion))
            (heading(level, "small-title", "", html! { "Caveats" }))
            @if caveats.is_empty() { p .cap { (words::NO_CAVEATS) } } @else { (caveat_table(&caveats)) }
            (masks(lesion, level))
            (methods(lesion))
        }
    }
}

/// The motion of the head during the perfusion series.
fn motion_figure(lesion: &Lesion) -> Markup {
    let Some(figure) = &lesion.latest.motion else { return html! {} };
    html! {
        @if let Some(drawing) = motion::svg(figure) {
            figure .ch .keep .half {
                figcaption {
                    (heading(lesion.level + 1, "small-title", "", html! { "Motion of the head" }))
                    p { (words::MOTION_CAPTION) " " (words::motion_done(figure.registered, figure.corrected)) }
                }
                (drawing)
                (motion::legend())
            }
        }
    }
}

/// Whether nothing was checked.
pub fn no_checks(time_point: &TimePoint) -> bool {
    [&time_point.dsc_checks, &time_point.asl_checks, &time_point.dce_checks, &time_point.pet_checks]
        .into_iter()
        .all(|checks| checks.is_empty())
}

/// Doubts of measuring and of judging, each once.
pub fn all_caveats(time_point: &TimePoint) -> Vec<&Caveat> {
    let mut caveats: Vec<&Caveat> = Vec::new();
    for caveat in time_point.caveats.iter().chain(&time_point.verdict.caveats) {
        if !caveats.contains(&caveat) {
            caveats.push(caveat);
        }
    }
    caveats
}

/// Quality checks with what was found, what was expected and what it means.
fn checks(title: &str, checks: &[Check]) -> Markup {
    html! {
        @if !checks.is_empty() {
            div .tblscroll tabindex="0" role="group" aria-label=(title) {
                table .dense .checks {
                    caption { (title) }
                    thead { tr {
                        th scope="col" { "Check" }
                        th scope="col" .n { "Found" }
                        th scope="col" .n { "Limit" }
                        th scope="col" { "Result" }
                        th scope="col" { "What it means here" }
                    } }
                    tbody {
                        @for check in checks {
                            tr {
                                th scope="row" { (check.name) }
                                td .n { (check.found) }
                                td .n .muted { (check.limit) }
                                td { span class={ "gl " (glyph::quality_style(check.quality)) } {
                                    (glyph::quality(check.quality)) (words::quality(check.quality))
                                } }
                                td .small .muted { (check.meaning) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where the background lies.
fn background_picture(lesion: &Lesion) -> Markup {
    let picture = lesion.latest.panels.iter().find(|panel| panel.kind == PanelKind::Background);
    html! {
        @if let Some(picture) = picture {
            div .film .keep {
                div .row style="--n:2" {
                    (panel::figure(picture, lesion.edge, panel::Parts { key: true, slice: true }))
                }
            }
            p .cap { (words::BACKGROUND_CAPTION) }
        }
    }
}

/// Caveats: code, meaning, particulars.
fn caveat_table(caveats: &[&Caveat]) -> Markup {
    html! {
        div .tblscroll tabindex="0" role="group" aria-label="Caveats" {
            table .dense .caveats {
                thead { tr { th scope="col" { "What it means" } th scope="col" { "Here" } th scope="col" { "Code" } } }
                tbody {
                    @for caveat in caveats {
                        tr {
                            th scope="row" { (caveat.code.meaning()) }
                            td { (caveat.detail) }
                            td { span .code { (caveat.code.as_str()) } }
                        }
                    }
                }
            }
        }
    }
}

/// Where lesion and reference lie.
fn masks(lesion: &Lesion, level: u8) -> Markup {
    let Some(check) = &lesion.latest.mask_check else { return html! {} };
    html! {
        div .keep {
            (heading(level, "small-title", "", html! { "Masks" }))
            (mask_check::tiles(check, lesion.edge / 2))
            p .cap {
                (check.name) ". " (words::MASK_CHECK)
                @if check.reference { " " (words::MASK_CHECK_REFERENCE) }
                @if check.brain { " " (words::MASK_CHECK_BRAIN) }
            }
        }
    }
}

/// What was really done, and the rule that judged it.
fn methods(lesion: &Lesion) -> Markup {
    let verdict = &lesion.latest.verdict;
    html! {
        (section_heading(lesion, "methods", "Methods"))
        div .methods {
            @if lesion.latest.methods.is_empty() { p { (words::NO_METHODS) } }
            @let (sentences, references) = numbered(&lesion.latest.methods);
            @if !sentences.is_empty() { p { (sentences.join(" ")) } }
            @if let Some(rule) = verdict.rule {
                p id=(lesion.anchor("rule")) {
                    b { "Rule " (rule) } " (" (words::rule_origin(verdict.derived)) "). "
                    @if let Some(explanation) = explain(rule) { (explanation.text) " Source: " (explanation.source) ". " }
                    "Rules version " (lesion.page.provenance.rules_version) "; "
                    span .mono { "relight explain " (rule) } " prints it."
                }
            }
            @if !references.is_empty() {
                ol .refs { @for reference in &references { li { (reference.words()) } } }
            }
        }
    }
}

/// From what the page was made.
pub fn provenance(provenance: &Provenance) -> Markup {
    html! {
        h2 .section { "Provenance" }
        div .tblscroll tabindex="0" role="group" aria-label="Provenance" {
            table .prov {
                tbody {
                    tr { th scope="row" { "Software" } td { "relight " (provenance.version) } }
                    tr { th scope="row" { "Decision rules" } td { (provenance.rules_version) } }
                    tr { th scope="row" { "Run" } td .mono { (provenance.run_id) } }
                    tr { th scope="row" { "Settings, SHA-256" } td .mono { (provenance.settings_hash) } }
                    @for (path, hash) in &provenance.inputs {
                        tr { th scope="row" .mono { (path) } td .mono { (hash) } }
                    }
                }
            }
        }
        @if provenance.inputs.is_empty() { p .cap { (words::NO_INPUTS) } }
    }
}
