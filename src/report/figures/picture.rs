//! Values of a slice to an opaque 8-bit picture, as a PNG inside the page (PNG specification, third edition, W3C 2025).

use base64::Engine;

use super::color::{BURDEN, ColorMap, LEVELS, Rgb};
use crate::report::model::{Panel, PanelKind, Raster};

/// How dark the anatomy lies beneath the tumor burden, so that the classes stand out.
const UNDERLAY_BRIGHTNESS: f64 = 0.62;

/// Level of voxels that are outside or not estimated: the last one of every palette, drawn black.
const NOT_ESTIMATED: u8 = 255;

/// Levels that carry values.
const VALUE_LEVELS: usize = LEVELS - 1;

/// The values of the tumor-burden raster: below, between and above the cut-offs.
const BURDEN_CLASSES: [f32; 3] = [1.0, 2.0, 3.0];

/// A picture with a palette.
pub struct Picture {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Index into the palette, row by row.
    pub levels: Vec<u8>,
    /// Up to 256 colors.
    pub palette: Vec<Rgb>,
}

/// The color map of a kind of panel.
pub fn color_map(kind: PanelKind) -> ColorMap {
    match kind {
        PanelKind::Anatomy | PanelKind::TumorBurden => ColorMap::Grey,
        PanelKind::Perfusion | PanelKind::Labeling | PanelKind::Dynamic => ColorMap::Inferno,
        PanelKind::Uptake | PanelKind::Background => ColorMap::Viridis,
    }
}

/// Draws a panel with its longer edge `edge` pixels long.
pub fn draw(panel: &Panel, edge: usize) -> Picture {
    match panel.kind {
        PanelKind::Anatomy
        | PanelKind::Perfusion
        | PanelKind::Labeling
        | PanelKind::Dynamic
        | PanelKind::Uptake
        | PanelKind::Background => draw_map(&panel.raster, panel.range, color_map(panel.kind), edge),
        PanelKind::TumorBurden => draw_burden(panel, edge),
    }
}

/// Draws values through a color map; what is not estimated is black.
pub fn draw_map(raster: &Raster, range: (f64, f64), map: ColorMap, edge: usize) -> Picture {
    let (width, height) = drawn_size(raster, edge);
    let levels =
        places(width, height).map(|(across, down)| level(sample(raster, across, down), range, VALUE_LEVELS)).collect();
    let mut palette: Vec<Rgb> =
        (0..VALUE_LEVELS).map(|level| map.color(level as f64 / (VALUE_LEVELS - 1) as f64)).collect();
    palette.push([0, 0, 0]);
    Picture { width, height, levels, palette }
}

/// Draws the classes of the tumor burden over darkened anatomy.
fn draw_burden(panel: &Panel, edge: usize) -> Picture {
    let grey_levels = VALUE_LEVELS - BURDEN.len();
    let (width, height) = drawn_size(&panel.raster, edge);
    let levels = places(width, height)
        .map(|(across, down)| {
            let class = nearest(&panel.raster, across, down);
            match BURDEN_CLASSES.iter().position(|&known| known == class) {
                Some(index) => (grey_levels + index) as u8,
                None => panel
                    .underlay
                    .as_ref()
                    .map_or(NOT_ESTIMATED, |anatomy| level(sample(anatomy, across, down), panel.range, grey_levels)),
            }
        })
        .collect();
    let mut palette: Vec<Rgb> = (0..grey_levels)
        .map(|level| ColorMap::Grey.color(UNDERLAY_BRIGHTNESS * level as f64 / (grey_levels - 1) as f64))
        .collect();
    palette.extend(BURDEN);
    palette.push([0, 0, 0]);
    Picture { width, height, levels, palette }
}

/// Size in drawn pixels, in the proportions of the raster.
fn drawn_size(raster: &Raster, edge: usize) -> (usize, usize) {
    let longer = raster.width.max(raster.height).max(1);
    let scaled = |length: usize| (length * edge / longer).max(1);
    (scaled(raster.width), scaled(raster.height))
}

/// Centers of the drawn pixels as shares of width and height, row by row.
fn places(width: usize, height: usize) -> impl Iterator<Item = (f64, f64)> {
    (0..height).flat_map(move |row| {
        (0..width).map(move |column| ((column as f64 + 0.5) / width as f64, (row as f64 + 0.5) / height as f64))
    })
}

/// The level of a value in a range; what is not estimated has a level of its own.
fn level(value: f64, (low, high): (f64, f64), levels: usize) -> u8 {
    if !value.is_finite() {
        return NOT_ESTIMATED;
    }
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    if share.is_nan() { NOT_ESTIMATED } else { (share * (levels - 1) as f64).round() as u8 }
}

/// Linear interpolation between values, never between colors.
///
/// NaN where the nearest pixel is NaN; NaN neighbors of a finite pixel are left out of the weights, so that the edge of
/// what was estimated stays where it is.
fn sample(raster: &Raster, across: f64, down: f64) -> f64 {
    if nearest(raster, across, down).is_nan() {
        return f64::NAN;
    }
    let (column, row) = (across * raster.width as f64 - 0.5, down * raster.height as f64 - 0.5);
    let (left, top) = (column.floor(), row.floor());
    let (mut sum, mut weights) = (0.0, 0.0);
    for (step_down, step_across) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
        let value = f64::from(pixel(raster, left + step_across, top + step_down));
        if value.is_finite() {
            let weight = (1.0 - (column - left - step_across).abs()) * (1.0 - (row - top - step_down).abs());
            sum += weight * value;
            weights += weight;
        }
    }
    sum / weights
}

/// The value of the pixel that a place lies in.
fn nearest(raster: &Raster, across: f64, down: f64) -> f32 {
    pixel(raster, (across * raster.width as f64).floor(), (down * raster.height as f64).floor())
}

/// The value at a column and row; the border is continued outwards.
fn pixel(raster: &Raster, column: f64, row: f64) -> f32 {
    let within = |place: f64, length: usize| (place.max(0.0) as usize).min(length.saturating_sub(1));
    let index = within(row, raster.height) * raster.width + within(column, raster.width);
    raster.values.get(index).copied().unwrap_or(f32::NAN)
}

impl Picture {
    /// The picture as a PNG, as it stands in `src`.
    pub fn data_uri(&self) -> String {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(self.palette.concat());
        encoder.set_compression(png::Compression::Balanced);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.levels)?;
            writer.finish()
        });
        written.expect("a picture with as many levels as pixels is written to memory");
        format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(width: usize, height: usize, values: &[f32]) -> Raster {
        Raster { width, height, millimeters: 1.0, values: values.to_vec() }
    }

    #[test]
    fn the_range_ends_take_the_first_and_the_last_level() {
        let picture = draw_map(&raster(2, 1, &[0.0, 3.5]), (0.0, 3.5), ColorMap::Inferno, 2);
        assert_eq!(picture.levels, [0, 254]);
    }

    #[test]
    fn what_is_not_estimated_is_black_and_zero_is_not() {
        let picture = draw_map(&raster(2, 1, &[f32::NAN, 0.0]), (-1.0, 1.0), ColorMap::Viridis, 2);
        assert_eq!(picture.palette[usize::from(picture.levels[0])], [0, 0, 0]);
        assert_eq!(picture.levels[1], 127);
    }

    #[test]
    fn a_not_estimated_neighbor_does_not_darken_an_edge() {
        let values = raster(2, 1, &[1.0, f32::NAN]);
        assert_eq!(sample(&values, 0.45, 0.5), 1.0);
        assert!(sample(&values, 0.55, 0.5).is_nan());
    }

    #[test]
    fn values_and_not_colors_are_interpolated() {
        let values = raster(2, 1, &[0.0, 1.0]);
        assert!((sample(&values, 0.5, 0.5) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn burden_classes_are_drawn_in_their_own_colors() {
        let panel = Panel {
            kind: PanelKind::TumorBurden,
            title: String::new(),
            caption: String::new(),
            raster: raster(2, 2, &[1.0, 2.0, 3.0, f32::NAN]),
            underlay: Some(raster(1, 1, &[100.0])),
            range: (0.0, 100.0),
            cutoffs: vec![1.0, 1.75],
            unit: String::new(),
            outline: Vec::new(),
            slice_mm: 0.0,
            locator: None,
        };
        let picture = draw(&panel, 2);
        let colors: Vec<Rgb> = picture.levels.iter().map(|&level| picture.palette[usize::from(level)]).collect();
        assert_eq!(colors[..3], BURDEN);
        assert_eq!(colors[3], [158; 3]);
    }

    #[test]
    fn a_picture_reads_back_to_the_same_levels() {
        let picture = draw_map(&raster(3, 2, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), (0.0, 5.0), ColorMap::Grey, 3);
        let uri = picture.data_uri();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(uri.strip_prefix("data:image/png;base64,").unwrap())
            .unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut levels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut levels).unwrap();
        assert_eq!(levels, picture.levels);
    }
}
