//! The arterial input function over time.

use maud::Markup;

use super::bolus;
use crate::report::model::{ArteryFigure, BolusFigure};

/// The curve as inline SVG; `None` where there is nothing to draw.
pub fn svg(figure: &ArteryFigure, alt: &str) -> Option<Markup> {
    // One line in the strong color, without a baseline band.
    let first = figure.time.first().copied()?;
    let curve = BolusFigure {
        time: figure.time.clone(),
        lesion: Vec::new(),
        lesion_corrected: figure.curve.clone(),
        reference: Vec::new(),
        arrival: first,
    };
    // A given curve has no voxels, and is told in its own unit.
    let name = if figure.voxels > 0 { bolus::RATE } else { "unit of the given curve" };
    bolus::with_name(&curve, alt, name)
}
