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
    bolus::svg(&curve, alt)
}
