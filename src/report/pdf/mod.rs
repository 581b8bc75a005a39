//! The report of a subject on paper: one A4 page a lesion with the answer, then its evidence, quality and methods, and
//! from what it was made. The words and numbers are those of the HTML page; made in-process, without a browser.

mod evidence;
mod front;
mod markup;
mod paint;
mod quality;
mod sheet;
mod table;

pub use paint::PdfError;

use krilla::tagging::Tag;

use crate::report::html::shell::short;
use crate::report::html::{subject, surveillance};
use crate::report::model::SubjectPage;
use crate::report::words;
use paint::{About, paint};
use sheet::{MARGIN, Sheet, Style, WIDTH};

/// One subject's report as a tagged PDF.
pub fn subject_pdf(page: &SubjectPage) -> Result<Vec<u8>, PdfError> {
    let lesions = subject::lesions(page);
    let run = short(&page.provenance.run_id);
    let foot = |lesion: &str| [page.participant_id.as_str(), lesion, &format!("run {run}")].join(" · ");
    let mut sheet = Sheet::new(&foot("report"));
    if lesions.is_empty() {
        sheet.heading(1, Style::heading(19.0), &page.participant_id, MARGIN, WIDTH);
        sheet.paragraph(Style::TEXT, words::NO_LESIONS, MARGIN, WIDTH);
    }
    for (index, lesion) in lesions.iter().enumerate() {
        if index > 0 {
            sheet.next_page();
        }
        sheet.set_foot(&foot(&lesion.label()));
        front::lay(&mut sheet, lesion);
        sheet.next_page();
        evidence::lay(&mut sheet, lesion);
        quality::lay(&mut sheet, lesion);
    }
    if lesions.len() > 1 || page.surveillance.is_some() {
        sheet.next_page();
        sheet.set_foot(&foot("report"));
    }
    if let Some(found) = &page.surveillance {
        sheet.group(Tag::Section, |sheet| markup::lay(sheet, &surveillance::section(found)));
        sheet.skip(8.0);
    }
    quality::provenance(&mut sheet, &page.provenance);
    let about = About {
        title: subject::title(page, &lesions),
        description: format!("{} {}", words::RESEARCH_USE, words::INTENDED_USE),
        identifier: format!("{}-{}", page.participant_id, page.provenance.run_id),
        producer: format!("relight {}", page.provenance.version),
    };
    paint(sheet, &about)
}
