//! Color maps: values to colors, the same for every reader.
//!
//! Inferno and viridis are perceptually uniform and can be told apart by color-blind readers (van der Walt and Smith,
//! `BIDS/colormap`, 2015; released with matplotlib under CC0). The tables hold every fifth of their 256 entries; a color
//! between two of them is interpolated and lies within 1 of 255 of the original.

/// A color, red, green, blue.
pub type Rgb = [u8; 3];

/// Entries of a full map: one for each level of an 8-bit picture.
pub const LEVELS: usize = 256;

/// A share of the tumor burden, from below the lower cut-off to above the upper one.
///
/// Blue, yellow and vermilion stay apart under protanopia, deuteranopia and in grey.
pub const BURDEN: [Rgb; 3] = [[58, 124, 206], [240, 208, 96], [232, 88, 46]];

/// How values turn into colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorMap {
    /// Black to white, for anatomy.
    Grey,
    /// Black, purple, orange, yellow: perfusion.
    Inferno,
    /// Purple, teal, yellow: uptake.
    Viridis,
}

impl ColorMap {
    /// The color at `share` of the way from the lower to the upper end of the range; outside it is clamped.
    pub fn color(self, share: f64) -> Rgb {
        let share = share.clamp(0.0, 1.0);
        match self {
            Self::Grey => [(share * 255.0).round() as u8; 3],
            Self::Inferno => interpolated(&INFERNO, share),
            Self::Viridis => interpolated(&VIRIDIS, share),
        }
    }

    /// The colors of all levels, dark end first.
    pub fn palette(self) -> Vec<Rgb> {
        (0..LEVELS).map(|level| self.color(level as f64 / (LEVELS - 1) as f64)).collect()
    }
}

/// The color between the two nearest entries of a table.
fn interpolated(table: &[u32], share: f64) -> Rgb {
    let place = share * (table.len() - 1) as f64;
    let below = (place.floor() as usize).min(table.len() - 2);
    let weight = place - below as f64;
    let (from, to) = (channels(table[below]), channels(table[below + 1]));
    std::array::from_fn(|channel| {
        let (from, to) = (f64::from(from[channel]), f64::from(to[channel]));
        (from + weight * (to - from)).round() as u8
    })
}

/// Splits `0xrrggbb`.
fn channels(color: u32) -> Rgb {
    [(color >> 16) as u8, (color >> 8) as u8, color as u8]
}

/// A color as CSS writes it.
pub fn hex(color: Rgb) -> String {
    format!("#{:02x}{:02x}{:02x}", color[0], color[1], color[2])
}

/// Entries 0, 5, …, 255 of inferno.
const INFERNO: [u32; 52] = [
    0x000004, 0x02020c, 0x050417, 0x0a0722, 0x10092d, 0x160b39, 0x1e0c45, 0x260c51, 0x2f0a5b, 0x380962, 0x400a67,
    0x490b6a, 0x510e6c, 0x59106e, 0x61136e, 0x69166e, 0x71196e, 0x781c6d, 0x801f6c, 0x88226a, 0x902568, 0x982766,
    0xa02a63, 0xa82e5f, 0xb0315b, 0xb73557, 0xbf3952, 0xc63d4d, 0xcc4248, 0xd34743, 0xd94d3d, 0xdf5337, 0xe45a31,
    0xe9612b, 0xed6925, 0xf1711f, 0xf47918, 0xf78212, 0xf98b0b, 0xfa9407, 0xfb9d07, 0xfca60c, 0xfcb014, 0xfbba1f,
    0xfac42a, 0xf8cd37, 0xf6d746, 0xf4e156, 0xf2ea69, 0xf2f27d, 0xf5f992, 0xfcffa4,
];

/// Entries 0, 5, …, 255 of viridis.
const VIRIDIS: [u32; 52] = [
    0x440154, 0x46085c, 0x471063, 0x481769, 0x481d6f, 0x482475, 0x472a7a, 0x46307e, 0x453781, 0x433d84, 0x414287,
    0x3f4889, 0x3d4e8a, 0x3a538b, 0x38598c, 0x355e8d, 0x33638d, 0x31688e, 0x2e6d8e, 0x2c718e, 0x2a768e, 0x297b8e,
    0x27808e, 0x25848e, 0x23898e, 0x218e8d, 0x20928c, 0x1f978b, 0x1e9c89, 0x1fa188, 0x21a585, 0x24aa83, 0x28ae80,
    0x2eb37c, 0x35b779, 0x3dbc74, 0x46c06f, 0x50c46a, 0x5ac864, 0x65cb5e, 0x70cf57, 0x7cd250, 0x89d548, 0x95d840,
    0xa2da37, 0xb0dd2f, 0xbddf26, 0xcae11f, 0xd8e219, 0xe5e419, 0xf1e51d, 0xfde725,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_those_of_matplotlib() {
        assert_eq!(hex(ColorMap::Inferno.color(0.0)), "#000004");
        assert_eq!(hex(ColorMap::Inferno.color(1.0)), "#fcffa4");
        assert_eq!(hex(ColorMap::Viridis.color(0.0)), "#440154");
        assert_eq!(hex(ColorMap::Viridis.color(1.0)), "#fde725");
    }

    /// Entries 128 of both maps, from matplotlib 3.11: (188, 55, 84) and (33, 145, 140).
    #[test]
    fn the_middle_lies_within_one_of_matplotlib() {
        for (map, expected) in [(ColorMap::Inferno, [188, 55, 84]), (ColorMap::Viridis, [33, 145, 140])] {
            let found = map.palette()[128];
            for channel in 0..3 {
                assert!(i16::from(found[channel]).abs_diff(expected[channel]) <= 1, "{map:?} {found:?}");
            }
        }
    }

    /// Luminance by Rec. 709; a map that is not monotone would invent edges.
    #[test]
    fn a_larger_value_is_never_darker() {
        for map in [ColorMap::Grey, ColorMap::Inferno, ColorMap::Viridis] {
            let luminance = |[red, green, blue]: Rgb| {
                0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
            };
            let palette = map.palette();
            assert!(palette.windows(2).all(|pair| luminance(pair[1]) >= luminance(pair[0]) - 1.5), "{map:?}");
        }
    }

    #[test]
    fn values_outside_the_range_take_the_color_of_its_end() {
        assert_eq!(ColorMap::Viridis.color(-3.0), ColorMap::Viridis.color(0.0));
        assert_eq!(ColorMap::Viridis.color(7.0), ColorMap::Viridis.color(1.0));
    }
}
