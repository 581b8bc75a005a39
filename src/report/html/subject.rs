//! The page of a subject: a contents list, each lesion, and from what it was made.

use maud::{Markup, html};

use super::shell::{Page, heading, short};
use super::{evidence, quality, summary, surveillance, viewer};
use crate::quality::CaveatCode;
use crate::report::figures::glyph;
use crate::report::model::{LesionPage, SubjectPage, TimePoint};
use crate::report::number::day;
use crate::report::words;

/// Bytes that the pictures of a page may take, and the volumes of its viewers: the file stays below 5 MB.
const PICTURE_BYTES: f64 = 2.0e6;
const VOLUME_BYTES: usize = 2_400_000;

/// Bytes that a pixel takes in the file at most: a byte of palette, incompressible, in base64.
const BYTES_PER_PIXEL: f64 = 1.35;

/// Longer edge of a picture, drawn pixels, where there is room.
const LARGEST_EDGE: usize = 320;

/// A lesion on its page.
#[derive(Clone, Copy)]
pub struct Lesion<'a> {
    /// The page that it stands on.
    pub page: &'a SubjectPage,
    /// Its time points.
    pub time_points: &'a [TimePoint],
    /// The last one.
    pub latest: &'a TimePoint,
    /// Its place on the page, from 1.
    pub number: usize,
    /// Level of its heading.
    pub level: u8,
    /// Longer edge of its pictures, drawn pixels.
    pub edge: usize,
}

impl Lesion<'_> {
    /// The time point before the latest.
    pub fn previous(&self) -> Option<&TimePoint> {
        self.time_points.len().checked_sub(2).map(|index| &self.time_points[index])
    }

    /// What a biopsy at an earlier session found, where this one has none; `None` where it is not known to be the same
    /// lesion.
    pub fn earlier_histology(&self) -> Option<String> {
        self.latest.caveats.iter().find(|caveat| caveat.code == CaveatCode::EarlierHistology)?;
        let (told, histology) =
            self.time_points.iter().rev().find_map(|point| Some((point, point.record.histology?)))?;
        Some(words::earlier_histology(histology, &session(told), self.latest.verdict.class))
    }

    /// An anchor inside the lesion.
    pub fn anchor(&self, part: &str) -> String {
        format!("lesion-{}-{part}", self.number)
    }

    /// `lesion 1`, with its name where it has one.
    pub fn label(&self) -> String {
        let label = self.latest.record.lesion.clone().unwrap_or_else(|| self.number.to_string());
        format!("lesion {label}")
    }
}

/// The lesions of a page that have a time point, in order.
pub fn lesions(page: &SubjectPage) -> Vec<Lesion<'_>> {
    let filled: Vec<&LesionPage> = page.lesions.iter().filter(|lesion| !lesion.time_points.is_empty()).collect();
    let many = filled.len() > 1;
    let pictures: usize =
        filled.iter().flat_map(|lesion| &lesion.time_points).map(|time_point| time_point.panels.len()).sum();
    filled
        .iter()
        .enumerate()
        .filter_map(|(index, lesion)| {
            Some(Lesion {
                page,
                time_points: &lesion.time_points,
                latest: lesion.time_points.last()?,
                number: index + 1,
                level: if many { 2 } else { 1 },
                edge: picture_edge(pictures),
            })
        })
        .collect()
}

/// One subject's page as a self-contained HTML file.
pub fn subject_page(page: &SubjectPage) -> String {
    let lesions = lesions(page);
    let many = lesions.len() > 1;

    let shown = viewer::shared_room(&lesions, VOLUME_BYTES);
    let viewers = shown.iter().any(|places| !places.is_empty());
    let body = html! {
        @if lesions.len() != 1 { (contents(page, &lesions)) }
        @for (lesion, shown) in lesions.iter().zip(&shown) { (lesion_article(lesion, shown)) }
        @if !page.failures.is_empty() {
            section .pg {
                h2 .section { (words::FAILED_SESSIONS) }
                ul .plain { @for (session, reason) in &page.failures { li { b { (session) } ": " (reason) } } }
            }
        }
        @if let Some(found) = &page.surveillance { section #surveillance .pg { (surveillance::section(found)) } }
        section #provenance .pg[many] { (quality::provenance(&page.provenance)) }
        @if viewers { (viewer::palettes()) }
    };
    Page {
        title: title(page, &lesions),
        print_foot: format!("{} · run {}", page.participant_id, short(&page.provenance.run_id)),
        links: links(page, &lesions),
        body,
        provenance: &page.provenance,
        script: viewers.then_some(viewer::SCRIPT),
    }
    .write()
}

/// Pictures share the room that the file has for them.
fn picture_edge(pictures: usize) -> usize {
    let room = (PICTURE_BYTES / BYTES_PER_PIXEL / pictures.max(1) as f64).sqrt();
    (room as usize).clamp(1, LARGEST_EDGE)
}

/// The title of a subject's page.
pub fn title(page: &SubjectPage, lesions: &[Lesion]) -> String {
    match lesions {
        [lesion] => {
            format!("{}, {}: {}", page.participant_id, lesion.label(), words::verdict_line(&lesion.latest.verdict))
        }
        _ => format!("{}, {} lesions", page.participant_id, lesions.len()),
    }
}

fn links(page: &SubjectPage, lesions: &[Lesion]) -> Vec<(String, String)> {
    let mut links: Vec<(String, String)> = Vec::new();
    if let Some(study) = &page.study_link {
        links.push((study.clone(), "Study".to_owned()));
    }
    match lesions {
        [lesion] => {
            for (part, words) in
                [("summary", "Summary"), ("evidence", "Evidence"), ("quality", "Quality"), ("methods", "Methods")]
            {
                links.push((format!("#{}", lesion.anchor(part)), words.to_owned()));
            }
        }
        _ => {
            for lesion in lesions {
                links.push((format!("#{}", lesion.anchor("summary")), words::capitalized(&lesion.label())));
            }
        }
    }
    if page.surveillance.is_some() {
        links.push(("#surveillance".to_owned(), "Surveillance".to_owned()));
    }
    links.push(("#provenance".to_owned(), "Provenance".to_owned()));
    links
}

/// The list of lesions, where there is more than one.
fn contents(page: &SubjectPage, lesions: &[Lesion]) -> Markup {
    html! {
        header .head {
            div {
                h1 { (page.participant_id) }
                p .what { (what(page)) }
            }
        }
        section .contents aria-label="Lesions" {
            @if lesions.is_empty() {
                p { (words::NO_LESIONS) }
            } @else {
                table .dense {
                    caption { (words::CONTENTS_CAPTION) }
                    thead { tr {
                        th scope="col" { "Lesion" }
                        th scope="col" { "Session" }
                        th scope="col" .n { "Volume" }
                        th scope="col" { "Result" }
                    } }
                    tbody {
                        @for lesion in lesions {
                            @let verdict = &lesion.latest.verdict;
                            tr {
                                th scope="row" {
                                    a href={ "#" (lesion.anchor("summary")) } { (lesion.label()) }
                                    @if let Some(name) = &lesion.latest.record.name { small { (name) } }
                                }
                                td { (session(lesion.latest)) }
                                td .n { (super::measures::cell(lesion.latest, "volume_ml")) }
                                td {
                                    span class={ "gl " (glyph::class_style(verdict.class)) } {
                                        (glyph::class(verdict.class)) (words::verdict_line(verdict))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One lesion: its answer on a page of its own, then evidence, quality and methods.
fn lesion_article(lesion: &Lesion, shown: &[usize]) -> Markup {
    html! {
        article .lesion aria-labelledby=(lesion.anchor("title")) {
            (summary::summary(lesion))
            (viewer::viewer(lesion, shown))
            (evidence::evidence(lesion))
            (quality::quality(lesion))
        }
    }
}

/// Diagnosis and radiotherapy in one line.
pub fn what(page: &SubjectPage) -> String {
    let parts: Vec<String> = [&page.diagnosis, &page.radiotherapy]
        .into_iter()
        .flatten()
        .map(|text| text.trim().trim_end_matches('.').to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    if parts.is_empty() { (words::NO_DIAGNOSIS).to_owned() } else { format!("{}.", parts.join(". ")) }
}

/// A session as its day and its label, whichever is known.
pub fn session(time_point: &TimePoint) -> String {
    let record = &time_point.record;
    match (record.scan_date, &record.session_id) {
        (Some(date), Some(session)) => format!("{} ({session})", day(date)),
        (Some(date), None) => day(date),
        (None, Some(session)) => session.clone(),
        (None, None) => "date not recorded".to_owned(),
    }
}

/// A section's heading, one level below the lesion's.
pub fn section_heading(lesion: &Lesion, part: &str, words: &str) -> Markup {
    heading(lesion.level + 1, "section", &lesion.anchor(part), html! { (words) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pictures_are_large_and_many_fit() {
        assert_eq!(picture_edge(4), LARGEST_EDGE);
        for pictures in [30, 90, 400] {
            let edge = picture_edge(pictures) as f64;
            assert!(edge * edge * BYTES_PER_PIXEL * pictures as f64 <= PICTURE_BYTES, "{pictures}");
        }
    }
}
