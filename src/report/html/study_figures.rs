//! The drawn parts of the study page: measures against their cut-offs, known histology, contact sheet.

use maud::{Markup, html};

use super::study::{RESULTS, counted, label};
use crate::clinical::Pathway;
use crate::cohort::{MeasureOutcome, Outcomes, Proportion};
use crate::report::figures::strip::{Mark, Strip, symbols};
use crate::report::figures::{glyph, outcome, panel};
use crate::report::model::{StudyPage, StudyRow};
use crate::report::number::{bound, shown, value};
use crate::report::words;
use crate::verdict::{Class, Pole};

/// Lesions on the contact sheet at most.
pub const THUMBNAILS: usize = 120;

/// Longer edge of a thumbnail, drawn pixels.
const THUMBNAIL_EDGE: usize = 84;

/// Measures against their cut-offs, one mark per lesion.
pub fn measures(page: &StudyPage) -> Markup {
    let strips = strips(page);
    let present: Vec<Option<Class>> = RESULTS
        .into_iter()
        .filter(|class| strips.iter().any(|strip| strip.marks.iter().any(|mark| mark.class == *class)))
        .collect();
    html! {
        @if strips.is_empty() { p .cap { (words::NO_STRIPS) } } @else {
            (symbols(&present))
            div .charts .strips {
                @for strip in &strips {
                    figure .ch .keep {
                        figcaption { h3 .small-title { (strip.name) } p { (counted(strip.marks.len(), "lesion", "lesions")) } }
                        (strip.svg(&RESULTS))
                    }
                }
            }
            p .cap { (words::STRIPS_CAPTION) span .screen { " " (words::STRIPS_LINKED) } }
            output #pointed .screen .pointed hidden {}
        }
    }
}

/// The measures that lesions were read against cut-offs with, in the order in which they first occur.
fn strips(page: &StudyPage) -> Vec<Strip> {
    let mut strips: Vec<Strip> = Vec::new();
    for (row, lesion) in page.lesions.iter().enumerate() {
        for finding in lesion.verdict.findings.iter().filter(|finding| finding.pole != Pole::Missing) {
            let (Some(value), Some(low), Some(high)) = (finding.value, finding.low, finding.high) else { continue };
            let mark = Mark { row, value, class: lesion.verdict.class };
            match strips.iter_mut().find(|strip| strip.name == finding.name && strip.cutoffs == (low, high)) {
                Some(strip) => strip.marks.push(mark),
                None => strips.push(Strip { name: finding.name.clone(), cutoffs: (low, high), marks: vec![mark] }),
            }
        }
    }
    strips
}

/// Cut-offs and rules against known histology.
pub fn histology(outcomes: &[Outcomes]) -> Markup {
    html! {
        @if outcomes.is_empty() { p .cap { (words::NO_HISTOLOGY) } }
        @for known in outcomes {
            @if outcomes.len() > 1 { h3 .small-title { (words::capitalized(known.pathway.as_str())) } }
            p {
                (words::histology_known(known.known, known.unknown)) " " (words::HISTOLOGY_LATEST)
            }
            @if !known.measures.is_empty() {
                div .outcomes {
                    figure .ch .keep {
                        figcaption { p { (words::ROC_CAPTION) } }
                        (outcome::svg(&known.measures))
                        (outcome::legend(&known.measures))
                    }
                    (cutoff_table(&known.measures))
                }
            }
            @for refusal in &known.refused { p .cap { (words::cohort_measure(refusal.measure)) ": " (refusal.words) } }
            (rule_table(known))
        }
    }
}

/// How each cut-off in use does.
fn cutoff_table(measures: &[MeasureOutcome]) -> Markup {
    html! {
        div .tblscroll tabindex="0" role="group" aria-label="Cut-offs in use" {
            table .dense {
                caption { "Cut-offs in use; a value above one is called recurrence." }
                thead { tr {
                    th scope="col" { "Measure" }
                    th scope="col" .n { "Cut-off" }
                    th scope="col" .n { "Sensitivity" }
                    th scope="col" .n { "Specificity" }
                } }
                tbody {
                    @for outcome in measures {
                        @for point in &outcome.in_use {
                            tr {
                                th scope="row" { (words::cohort_measure(outcome.measure)) }
                                td .n { (bound(point.cutoff)) }
                                td .n { (share(point.performance.sensitivity)) }
                                td .n { (share(point.performance.specificity)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the whole rule said, by histology.
fn rule_table(known: &Outcomes) -> Markup {
    let sarcoma = known.pathway == Pathway::Sarcoma;
    let classes = if sarcoma {
        [Class::SuspectedRecurrence, Class::Indeterminate, Class::Stable]
    } else {
        [Class::Recurrence, Class::Indeterminate, Class::RadiationNecrosis]
    };
    let rules = &known.rules;
    html! {
        h3 .small-title { "Whole rule" }
        div .tblscroll tabindex="0" role="group" aria-label="Whole rule" {
            table .dense .rule {
                caption { (words::WHOLE_RULE) }
                thead { tr {
                    th scope="col" { "Result" }
                    th scope="col" .n { "Tumor in histology" }
                    th scope="col" .n { "Necrosis only" }
                } }
                tbody {
                    @for (place, class) in classes.into_iter().enumerate() {
                        tr {
                            th scope="row" { span class={ "gl " (glyph::class_style(Some(class))) } {
                                (glyph::class(Some(class))) "Read as " (words::class(Some(class)).to_lowercase())
                            } }
                            td .n { (share(rules.recurrences[place])) }
                            td .n { (share(rules.others[place])) }
                        }
                    }
                }
            }
        }
    }
}

/// A count with its share and interval.
fn share(proportion: Proportion) -> Markup {
    let percent = |share: f64| format!("{:.0}", 100.0 * share);
    html! {
        (proportion.count) " of " (proportion.total)
        @if let (Some(share), Some(low), Some(high)) = (proportion.share, proportion.low, proportion.high) {
            small { (percent(share)) "\u{a0}% (" (percent(low)) " to " (percent(high)) ")" }
        }
    }
}

/// Small pictures of the lesions, each linked to its page.
pub fn contact_sheet(page: &StudyPage) -> Markup {
    let drawn: Vec<&StudyRow> = page.lesions.iter().filter(|row| !row.thumbnails.is_empty()).take(THUMBNAILS).collect();
    html! {
        @if drawn.is_empty() { p .cap { (words::NO_THUMBNAILS) } } @else {
            div .film .sheet {
                ul {
                    @for row in &drawn {
                        li {
                            a href=(row.link) aria-label=(thumbnail_words(row)) {
                                span .pair {
                                    @for thumbnail in &row.thumbnails { (panel::thumbnail(thumbnail, THUMBNAIL_EDGE)) }
                                }
                                span .name {
                                    span class={ "gl " (glyph::class_style(row.verdict.class)) } { (glyph::class(row.verdict.class)) }
                                    (label(row).replace(" lesion ", " · "))
                                }
                            }
                        }
                    }
                }
            }
            p .cap {
                (words::THUMBNAILS_CAPTION) " "
                (drawn.len()) " of " (counted(page.lesions.len(), "lesion", "lesions")) "."
            }
        }
    }
}

/// A thumbnail for those who hear the page.
fn thumbnail_words(row: &StudyRow) -> String {
    let mut words = format!("{}: {}", label(row), words::class(row.verdict.class).to_lowercase());
    for column in ["rcbv_mean", "tbr_max"] {
        if let Some(number) = value(&row.record, column) {
            words += &format!(", {} {}", words::measure(column).name, shown(column, number, &[]).with_unit());
        }
    }
    words
}
