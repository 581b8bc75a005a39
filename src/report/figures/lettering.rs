//! The letters of drawings and of paper: DejaVu (Bitstream Vera licence), embedded in every file that uses them, so that
//! a page looks the same on every machine.
//!
//! Widths are those of the shaped text (OpenType `GPOS` and `kern`), as the writer of the file shapes it.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb::Database;
use rustybuzz::{Direction, Face, UnicodeBuffer};

/// What is written where a font has no letter of its own: the mark of Unicode for exactly this.
const REPLACEMENT: char = '\u{fffd}';

/// A font.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Letter {
    /// Text in drawings.
    Drawing,
    /// Emphasis in drawings.
    DrawingBold,
    /// Text on paper.
    Plain,
    /// Emphasis on paper.
    Bold,
    /// Headings on paper.
    Heading,
    /// Hashes and names of files.
    Mono,
}

impl Letter {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Drawing, Self::DrawingBold, Self::Plain, Self::Bold, Self::Heading, Self::Mono];

    /// The font file.
    pub fn data(self) -> &'static [u8] {
        match self {
            Self::Drawing => dejavu::sans::regular(),
            Self::DrawingBold => dejavu::sans::bold(),
            Self::Plain => dejavu::sans_condensed::regular(),
            Self::Bold => dejavu::sans_condensed::bold(),
            Self::Heading => dejavu::serif_condensed::bold(),
            Self::Mono => dejavu::sans_mono::regular(),
        }
    }

    fn face(self) -> &'static Face<'static> {
        static FACES: LazyLock<Vec<Face<'static>>> = LazyLock::new(|| {
            let face = |letter: &Letter| Face::from_slice(letter.data(), 0).expect("DejaVu is a whole font file");
            Letter::ALL.iter().map(face).collect()
        });
        &FACES[self as usize]
    }

    /// Width of a line of text at a size, in the unit of the size.
    pub fn width(self, text: &str, size: f64) -> f64 {
        let face = self.face();
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let shaped = rustybuzz::shape(face, &[], buffer);
        let units: i64 = shaped.glyph_positions().iter().map(|position| i64::from(position.x_advance)).sum();
        units as f64 * size / f64::from(face.units_per_em())
    }

    /// The text with every letter that the font lacks replaced by the mark for it: a file with embedded fonts shows a
    /// known gap, never an empty box.
    pub fn printable(self, text: &str) -> String {
        let face = self.face();
        text.chars()
            .map(|letter| match letter {
                '\n' | '\t' => ' ',
                letter if letter.is_control() => REPLACEMENT,
                letter if face.glyph_index(letter).is_none_or(|glyph| glyph.0 == 0) => REPLACEMENT,
                letter => letter,
            })
            .collect()
    }

    /// Lines that are no wider than `width`; a word that is wider than a line is cut.
    pub fn wrap(self, text: &str, size: f64, width: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= width {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if self.width(&line, size) > width && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }
}

/// The fonts of drawings, for the reader of SVG.
pub fn fonts() -> Arc<Database> {
    static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut database = Database::new();
        for letter in [Letter::Drawing, Letter::DrawingBold] {
            database.load_font_data(letter.data().to_vec());
        }
        database.set_sans_serif_family(FAMILY);
        Arc::new(database)
    });
    FONTS.clone()
}

/// The family of the drawings' fonts.
pub const FAMILY: &str = "DejaVu Sans";

#[cfg(test)]
mod tests {
    use super::*;

    /// DejaVu Sans 2.37: 2048 units an em, advance of `n` 1298, of a space 651.
    #[test]
    fn widths_are_those_of_the_font() {
        assert!((Letter::Drawing.width("n n", 10.0) - (2.0 * 1298.0 + 651.0) * 10.0 / 2048.0).abs() < 1e-9);
        assert_eq!(Letter::Drawing.width("", 10.0), 0.0);
    }

    #[test]
    fn lines_fit_and_nothing_is_lost() {
        let text = "Indeterminate is not benign: 61.5 to 89 % of lesions";
        let lines = Letter::Plain.wrap(text, 9.0, 80.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| Letter::Plain.width(line, 9.0) <= 80.0), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        let hash = "0123456789abcdef".repeat(4);
        let cut = Letter::Mono.wrap(&hash, 8.0, 100.0);
        assert!(cut.len() > 1 && cut.concat() == hash, "{cut:?}");
    }

    #[test]
    fn what_the_font_lacks_is_shown_as_lacking() {
        assert_eq!(Letter::Plain.printable("ΔR2* in s⁻¹ ≥ 1.75"), "ΔR2* in s⁻¹ ≥ 1.75");
        assert_eq!(Letter::Plain.printable("脑 a\u{7}b\tc"), "\u{fffd} a\u{fffd}b c");
    }
}
