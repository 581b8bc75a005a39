//! The first page of a lesion: the answer, the doubt beside it, the evidence, the pictures, what comes next.

use maud::{Markup, html};

use super::deciding;
use super::measures::{cell, number};
use super::shell::heading;
use super::subject::{Lesion, session, what};
use crate::clinical::Pathway;
use crate::quality::Quality;
use crate::report::figures::timeline::{Course, Visit};
use crate::report::figures::{glyph, panel};
use crate::report::model::{Panel, PanelKind, TimePoint};
use crate::report::number::{days, probability, value};
use crate::report::words;
use crate::verdict::{Class, Rule, Verdict};

/// Panels beside each other in the film strip.
const STRIP: usize = 4;

/// The page of the answer.
pub fn summary(lesion: &Lesion) -> Markup {
    html! {
        section .front id=(lesion.anchor("summary")) {
            (head(lesion))
            (decision(lesion))
            (deciding::evidence_table(lesion))
            (film(lesion.latest, lesion.edge))
            (next(lesion))
        }
    }
}

/// Who, where, when.
fn head(lesion: &Lesion) -> Markup {
    let record = &lesion.latest.record;
    let title = format!("{}, {}", lesion.page.participant_id, lesion.label());
    html! {
        header .head {
            div {
                (heading(lesion.level, "title", &lesion.anchor("title"), html! { (title) }))
                p .what { @if let Some(name) = &record.name { (name) ". " } (what(lesion.page)) }
            }
            dl .facts {
                dt { "This scan" } dd { (session(lesion.latest)) }
                @if let Some(previous) = lesion.previous() { dt { "Compared with" } dd { (session(previous)) } }
                @if let Some(weeks) = number(lesion.latest, "weeks_since_rt") {
                    dt { "Since radiotherapy" } dd { (weeks.html()) }
                }
                dt { "Lesion volume" } dd { (cell(lesion.latest, "volume_ml")) }
            }
        }
    }
}

/// The verdict, and beside it how firm it is.
fn decision(lesion: &Lesion) -> Markup {
    let verdict = &lesion.latest.verdict;
    let style = format!("verdict {}", glyph::class_style(verdict.class));
    html! {
        div .decision {
            div {
                (heading(lesion.level + 1, &style, "", html! {
                    (glyph::class(verdict.class))
                    span {
                        (words::class(verdict.class))
                        @if verdict.class.is_some() && let Some(firm) = verdict.confidence {
                            small { (words::confidence(firm)) }
                        }
                    }
                }))
                @if !verdict.explanation.is_empty() { p .why { (verdict.explanation) } }
                @if let Some(told) = lesion.earlier_histology() { p .why { (told) } }
                @if !verdict.reasons.is_empty() {
                    ul .reasons {
                        @for reason in &verdict.reasons { li { (reason.text) " " span .code { (reason.code) } } }
                    }
                }
            }
            (tally(lesion))
        }
        @if !verdict.what_would_change.is_empty() {
            @let columns = verdict.what_would_change.len() > 2;
            div .changes {
                p { (words::WHAT_WOULD_CHANGE) }
                ul .two[columns] { @for change in &verdict.what_would_change { li { (change.text) } } }
            }
        }
    }
}

/// Confidence, rule, agreement, posterior, quality.
fn tally(lesion: &Lesion) -> Markup {
    let verdict = &lesion.latest.verdict;
    html! {
        dl .tally {
            @if let Some(rule) = verdict.rule {
                div { dt { "Rule" } dd {
                    a href={ "#" (lesion.anchor("rule")) } title=(words::rule_origin(verdict.derived)) { (rule) }
                    @if let Some(title) = rule_title(rule) { ": " (title) }
                    @if verdict.derived { ", our policy" }
                } }
            } @else {
                div { dt { "Rule" } dd { "None applied" } }
            }
            @if let Some(agreement) = verdict.agreement {
                div { dt { "Agreement" } dd { (words::agreement(agreement, lesion.latest.record.pathway)) } }
            }
            @if let Some(stability) = &verdict.stability {
                div { dt { "Stability" } dd { "Same result in " (stability) " reanalyses" } }
            }
            div { dt { "Probability" } dd { (posterior(verdict)) } }
            div { dt { "Data quality" } dd { (data_quality(lesion)) } }
        }
    }
}

/// When a rule fires, in a few words.
pub fn rule_title(rule: &str) -> Option<&'static str> {
    Rule::ALL.iter().find(|known| known.as_str() == rule).map(|known| known.title())
}

/// The posterior with its band, never alone.
pub fn posterior(verdict: &Verdict) -> Markup {
    html! {
        @match verdict.posterior {
            Some(posterior) => {
                data value=(posterior.value) { (probability(posterior.value)) }
                " of recurrence (" (probability(posterior.low)) "–" (probability(posterior.high))
                " over published priors)"
                @if posterior.before_followup { ", before follow-up" }
            },
            None if verdict.class.is_some() && verdict.rule.is_some_and(|rule| rule.starts_with('H')) => {
                (words::POSTERIOR_HISTOLOGY)
            },
            None => "Not given",
        }
    }
}

/// The quality word of each measurement, and how many doubts stand below.
fn data_quality(lesion: &Lesion) -> Markup {
    let record = &lesion.latest.record;
    let words = [
        ("DSC", record.dsc_quality),
        ("ASL", record.asl_quality),
        ("DCE", record.dce_quality),
        ("PET", record.pet_quality),
    ];
    let known: Vec<(&str, Quality)> = words.into_iter().filter_map(|(name, word)| Some((name, word?))).collect();
    let doubts = super::quality::all_caveats(lesion.latest).len();
    html! {
        @for (name, word) in &known {
            span class={ "gl " (glyph::quality_style(*word)) } { (glyph::quality(*word)) (name) " " (words::quality(*word)) }
            " "
        }
        @if known.is_empty() { "Not checked. " }
        a href={ "#" (lesion.anchor("quality")) } {
            @match doubts { 0 => "no caveats", 1 => "1 caveat", _ => { (doubts) " caveats" } }
        }
    }
}

/// The pictures.
fn film(time_point: &TimePoint, edge: usize) -> Markup {
    let panels: Vec<&Panel> = time_point.panels.iter().filter(|panel| panel.kind != PanelKind::Background).collect();
    let one_slice = panels.windows(2).all(|pair| pair[0].slice_mm == pair[1].slice_mm);
    let parts = panel::Parts { key: true, slice: !one_slice };
    html! {
        @if panels.is_empty() {
            p .cap .nofilm { (words::NO_PICTURES) }
        } @else {
            div .film {
                div .row style={ "--n:" (panels.len().min(STRIP)) } {
                    @for panel in &panels { (panel::figure(panel, edge, parts)) }
                }
            }
            p .cap {
                @if one_slice && let Some(panel) = panels.first() { "Axial, " (panel::slice(panel)) ". " }
                (words::FILM_CAPTION)
            }
        }
    }
}

/// The time course and the next step.
fn next(lesion: &Lesion) -> Markup {
    let verdict = &lesion.latest.verdict;
    let course = course(lesion);
    let drawing = course.as_ref().and_then(Course::both_widths);
    let level = lesion.level + 1;
    html! {
        div .next {
            figure .ch .keep {
                figcaption { (heading(level, "small-title", "", html! { "Time course" })) }
                @match drawing {
                    Some(drawing) => div .course { (drawing) },
                    None if course.is_none() => p .cap { (words::NO_DATES) },
                    None => p .cap { (words::ONE_SESSION) },
                }
            }
            div .keep {
                (heading(level, "small-title", "", html! { (words::NEXT_STEP) }))
                @if verdict.next_steps.is_empty() {
                    p { (words::NO_STEP) @if verdict.class.is_none() { (words::NO_STEP_NOT_JUDGED) } @else { (words::NO_STEP_BY_RULE) } }
                }
                @for (index, step) in verdict.next_steps.iter().enumerate() {
                    p .step { @if index > 0 { "Also: " } (step.sentence(None)) }
                }
                @if let Some(window) = verdict.window {
                    p .step { "Follow-up window: " strong { (days(window.start, window.end)) } "." }
                }
                @if verdict.next_steps.iter().any(|step| words::weighs_tissue(*step)) { p .tagline { (words::BOTH_RISKS) } }
                @if verdict.class == Some(Class::Indeterminate) && lesion.latest.record.pathway != Some(Pathway::Sarcoma) {
                    p .tagline { (words::NOT_BENIGN) }
                }
                @if let Some(category) = verdict.bt_rads {
                    p .tagline { (words::capitalized(category)) ". The reader assigns the category." }
                }
            }
        }
    }
}

/// The visits with their dates; `None` where a date is missing.
pub fn course(lesion: &Lesion) -> Option<Course> {
    let visits: Option<Vec<Visit>> = lesion
        .time_points
        .iter()
        .map(|time_point| {
            Some(Visit {
                date: time_point.record.scan_date?,
                volume: value(&time_point.record, "volume_ml"),
                class: time_point.verdict.class,
            })
        })
        .collect();
    Some(Course {
        visits: visits?,
        radiotherapy_end: lesion.page.radiotherapy_end,
        window: lesion.latest.verdict.window,
    })
}
