//! What every page has: head, style, research-use line, navigation, foot.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::model::Provenance;
use crate::report::words;

/// The style of all pages, for screens in light and dark and for A4 paper.
const STYLE: &str = include_str!("page.css");

/// What a page may do: nothing from elsewhere, in browsers that keep to it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    base-uri 'none'; form-action 'none'";

/// A page to be written.
pub struct Page<'a> {
    /// Title of the document.
    pub title: String,
    /// Foot of each printed page, left: which subject, which run.
    pub print_foot: String,
    /// Links of the navigation: target and words.
    pub links: Vec<(String, String)>,
    /// Everything inside `main`.
    pub body: Markup,
    /// From what it was made.
    pub provenance: &'a Provenance,
    /// A script that adds comfort; the page is complete without it.
    pub script: Option<&'static str>,
}

impl Page<'_> {
    /// The whole file.
    pub fn write(&self) -> String {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width,initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="generator" content={ "relight " (self.provenance.version) };
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(print_foot(&self.print_foot))) }
                }
                body {
                    (hatch())
                    a .skip href="#main" { (words::SKIP) }
                    aside .ruo aria-label="Intended use" {
                        div .wrap { strong { (words::RESEARCH_USE) } " " (words::NOT_A_DEVICE) }
                    }
                    nav .nav .screen aria-label="Sections" {
                        div .wrap { @for (target, words) in &self.links { a href=(target) { (words) } } }
                    }
                    main #main .wrap { (self.body) }
                    footer .wrap { (foot(self.provenance)) }
                    @if let Some(script) = self.script { script { (PreEscaped(script)) } }
                }
            }
        };
        markup.into_string()
    }
}

/// The foot of the page on a screen and at the end of a print.
fn foot(provenance: &Provenance) -> Markup {
    html! {
        p { strong { (words::RESEARCH_USE) } " " (words::INTENDED_USE) }
        p {
            "relight " (provenance.version) " · rules " (provenance.rules_version) " · settings "
            span .mono { (short(&provenance.settings_hash)) } " · run " span .mono { (short(&provenance.run_id)) }
        }
    }
}

/// The first twelve characters of a hash: enough to tell runs apart; the whole one stands in the provenance.
pub fn short(hash: &str) -> &str {
    hash.char_indices().nth(12).map_or(hash, |(end, _)| &hash[..end])
}

/// The hatching of grey zones and windows, shared by all figures of a page.
fn hatch() -> Markup {
    html! {
        svg .defs width="0" height="0" aria-hidden="true" {
            defs {
                pattern #hatch width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect width="6" height="6" fill="var(--ind-t)" {}
                    line x1="0" y1="0" x2="0" y2="6" stroke="var(--hatch)" stroke-width="2.2" {}
                }
            }
        }
    }
}

/// The foot of printed pages as a style rule.
fn print_foot(text: &str) -> String {
    format!("@page{{@bottom-left{{content:\"{}\"}}}}", css_string(text))
}

/// Text inside a quoted CSS string: everything but plain characters becomes a CSS escape.
fn css_string(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | ' ' | '-' | '_' | '.' | ',' => letter.to_string(),
            other => format!("\\{:x} ", u32::from(other)),
        })
        .collect()
}

/// A heading of a level.
pub fn heading(level: u8, style: &str, id: &str, content: Markup) -> Markup {
    let style = (!style.is_empty()).then_some(style);
    let id = (!id.is_empty()).then_some(id);
    html! {
        @match level {
            1 => h1 class=[style] id=[id] { (content) },
            2 => h2 class=[style] id=[id] { (content) },
            3 => h3 class=[style] id=[id] { (content) },
            _ => h4 class=[style] id=[id] { (content) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_leave_its_css_string() {
        let rule = print_foot("sub-1\"}</style><script>");
        assert_eq!(rule.matches('"').count(), 2);
        assert!(!rule.contains('<'), "{rule}");
    }

    #[test]
    fn short_hashes_end_on_a_character() {
        assert_eq!(short("0123456789abcdef"), "0123456789ab");
        assert_eq!(short("ééé"), "ééé");
    }
}
