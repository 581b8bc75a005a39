//! The figures of a subject as files: the same drawings and numbers as on its pages, each as SVG and as PNG.

use super::figures::drawing::Drawing;
use super::figures::timeline::Course;
use super::figures::{bolus, mosaic, rulers};
use super::html::deciding::ruler_of;
use super::html::evidence::{bolus_alt, plane};
use super::html::subject::{Lesion, lesions};
use super::html::summary::course;
use super::model::{PanelKind, SubjectPage};

/// Panels beside each other in the mosaic.
const STRIP: usize = 4;

/// Longer edge of a picture in the mosaic, pixels.
const EDGE: usize = 344;

/// A figure with the name that its files begin with.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Such as `sub-01_lesion-1_rulers`.
    pub name: String,
    /// The drawing.
    pub drawing: Drawing,
}

/// Every figure of a subject: rulers, mosaic, curves, decision plane and time course of each lesion, as far as it has them.
pub fn figures(page: &SubjectPage) -> Vec<Figure> {
    lesions(page).iter().flat_map(|lesion| lesion_figures(page, lesion)).collect()
}

fn lesion_figures(page: &SubjectPage, lesion: &Lesion) -> Vec<Figure> {
    let latest = lesion.latest;
    let label = latest.record.lesion.clone().unwrap_or_else(|| lesion.number.to_string());
    let drawn: Vec<_> = latest.verdict.findings.iter().filter_map(|finding| ruler_of(lesion, finding)).collect();
    let panels: Vec<_> = latest.panels.iter().filter(|panel| panel.kind != PanelKind::Background).collect();
    let timeline = || {
        let course = course(lesion)?;
        Drawing::of_page(&course.svg()?.into_string(), 1.0, &Course::alt(&course))
    };
    [
        ("rulers", rulers::drawing(&drawn)),
        ("mosaic", mosaic::drawing(&panels, STRIP, mosaic::PANEL, EDGE)),
        ("curves", latest.bolus.as_ref().and_then(|figure| bolus::drawing(figure, &bolus_alt(latest)))),
        ("plane", plane(lesion).and_then(|plane| plane.drawing())),
        ("course", timeline()),
    ]
    .into_iter()
    .filter_map(|(what, drawing)| {
        Some(Figure { name: format!("{}_lesion-{}_{what}", page.participant_id, safe(&label)), drawing: drawing? })
    })
    .collect()
}

/// A label as part of a file name.
fn safe(label: &str) -> String {
    label.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
