//! Paper: where each line and figure stands, page by page, and what it is (heading, paragraph, cell, figure) for those
//! who hear the page (PDF/UA-1, ISO 14289-1; the tags are those of ISO 32000-1, 14.8.4).
//!
//! Nothing is painted here. The whole document is laid out first, so that every page knows how many there are.

use std::num::NonZeroU16;

use krilla::tagging::{Tag, TagKind};
use resvg::usvg::Tree;

use crate::report::figures::drawing::{Drawing, rgb};
use crate::report::figures::lettering::Letter;

/// A4, points.
pub const PAGE: (f64, f64) = (595.276, 841.89);

/// Left and right margin.
pub const MARGIN: f64 = 37.0;

/// Where text begins and ends.
const TOP: f64 = 48.0;
const BOTTOM: f64 = 802.0;

/// Width of text.
pub const WIDTH: f64 = PAGE.0 - 2.0 * MARGIN;

/// A color.
pub type Rgb = [u8; 3];

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Font.
    pub letter: Letter,
    /// Size, points.
    pub size: f64,
    /// Distance of lines, points.
    pub leading: f64,
    /// Color, by its name on the pages.
    pub color: &'static str,
}

impl Style {
    /// Plain text.
    pub const TEXT: Self = Self { letter: Letter::Plain, size: 8.6, leading: 11.8, color: "ink" };
    /// Text that stands back.
    pub const SMALL: Self = Self { letter: Letter::Plain, size: 7.3, leading: 9.6, color: "ink3" };
    /// Cells of tables.
    pub const CELL: Self = Self { letter: Letter::Plain, size: 7.8, leading: 10.2, color: "ink" };
    /// Hashes and names of files.
    pub const MONO: Self = Self { letter: Letter::Mono, size: 6.2, leading: 8.6, color: "ink2" };

    /// In bold.
    pub const fn bold(self) -> Self {
        Self { letter: Letter::Bold, ..self }
    }

    /// In another size.
    pub const fn sized(self, size: f64, leading: f64) -> Self {
        Self { size, leading, ..self }
    }

    /// In another color, by its name on the pages.
    pub const fn colored(self, color: &'static str) -> Self {
        Self { color, ..self }
    }

    /// In the font of headings.
    pub const fn heading(size: f64) -> Self {
        Self { letter: Letter::Heading, size, leading: size * 1.22, color: "ink" }
    }

    /// Distance from the top of a line to its base.
    fn ascent(self) -> f64 {
        0.5 * (self.leading - self.size) + 0.82 * self.size
    }
}

/// Which side of its column a line stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Something on a page.
pub enum Mark {
    /// A line of text by the left end of its base line.
    Text {
        /// Left end.
        x: f64,
        /// Base line.
        y: f64,
        /// How it looks.
        style: Style,
        /// The line.
        text: String,
    },
    /// A filled or framed rectangle.
    Area {
        /// Left, top, width, height.
        area: [f64; 4],
        /// Inside.
        fill: Option<Rgb>,
        /// Frame and its width.
        frame: Option<(Rgb, f64)>,
    },
    /// A drawing.
    Drawing {
        /// What is drawn.
        tree: Box<Tree>,
        /// Left, top, width, height.
        area: [f64; 4],
    },
}

/// What belongs together on one page.
pub struct Piece {
    /// Page, from 0.
    pub page: usize,
    /// Whether it only adorns: then it is no part of what is heard.
    pub adorns: bool,
    /// What is painted.
    pub marks: Vec<Mark>,
}

/// The document as it is heard.
pub enum Branch {
    /// A heading, paragraph, table … with what is inside.
    Group(TagKind, Vec<Branch>),
    /// A piece, by its number.
    Leaf(usize),
}

/// An entry of the outline.
pub struct Entry {
    /// Level of the heading, from 1.
    pub level: u16,
    /// Its words.
    pub title: String,
    /// Page, from 0.
    pub page: usize,
    /// Place on the page.
    pub y: f64,
}

/// A place in the document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Page, from 0.
    pub page: usize,
    /// Distance from its top.
    pub y: f64,
}

impl Place {
    /// The later of two places.
    pub fn or_later(self, other: Self) -> Self {
        if (other.page, other.y) > (self.page, self.y) { other } else { self }
    }
}

/// A document that is being laid out.
pub struct Sheet {
    /// Where the next thing stands.
    pub at: Place,
    /// Everything on paper.
    pub pieces: Vec<Piece>,
    /// Headings.
    pub outline: Vec<Entry>,
    /// What each page says at its foot, left.
    pub feet: Vec<String>,
    open: Vec<(TagKind, Vec<Branch>)>,
    top_level: Vec<Branch>,
    foot: String,
}

impl Sheet {
    /// An empty first page.
    pub fn new(foot: &str) -> Self {
        Self {
            at: Place { page: 0, y: TOP },
            pieces: Vec::new(),
            outline: Vec::new(),
            feet: vec![foot.to_owned()],
            open: Vec::new(),
            top_level: Vec::new(),
            foot: foot.to_owned(),
        }
    }

    /// The document as it is heard; every group that was opened is closed by now.
    pub fn branches(&mut self) -> Vec<Branch> {
        while !self.open.is_empty() {
            self.close();
        }
        std::mem::take(&mut self.top_level)
    }

    /// Begins a group.
    pub fn open(&mut self, tag: impl Into<TagKind>) {
        self.open.push((tag.into(), Vec::new()));
    }

    /// Ends the group that was begun last.
    pub fn close(&mut self) {
        if let Some((tag, children)) = self.open.pop() {
            self.push(Branch::Group(tag, children));
        }
    }

    fn push(&mut self, branch: Branch) {
        self.open.last_mut().map_or(&mut self.top_level, |(_, children)| children).push(branch);
    }

    /// Runs `inside` with a group open around it.
    pub fn group<T>(&mut self, tag: impl Into<TagKind>, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.open(tag);
        let value = inside(self);
        self.close();
        value
    }

    /// Words at the foot of the pages from here on.
    pub fn set_foot(&mut self, foot: &str) {
        foot.clone_into(&mut self.foot);
        if let Some(last) = self.feet.get_mut(self.at.page) {
            foot.clone_into(last);
        }
    }

    /// Goes to the next page.
    pub fn next_page(&mut self) {
        self.at = Place { page: self.at.page + 1, y: TOP };
        if self.feet.len() <= self.at.page {
            self.feet.push(self.foot.clone());
        }
    }

    /// Whether so much fits on this page.
    pub fn fits(&self, height: f64) -> bool {
        self.at.y + height <= BOTTOM
    }

    /// What is left of this page.
    pub fn room(&self) -> f64 {
        BOTTOM - self.at.y
    }

    /// Goes to the next page where so much does not fit on this one and would fit there.
    pub fn need(&mut self, height: f64) {
        if !self.fits(height) && self.at.y > TOP {
            self.next_page();
        }
    }

    /// Leaves room.
    pub fn skip(&mut self, height: f64) {
        self.at.y += height;
    }

    /// Adds what is heard, inside the group that is open.
    pub fn add(&mut self, marks: Vec<Mark>) {
        self.push(Branch::Leaf(self.pieces.len()));
        self.pieces.push(Piece { page: self.at.page, adorns: false, marks });
    }

    /// Adds what only adorns.
    pub fn adorn(&mut self, marks: Vec<Mark>) {
        self.pieces.push(Piece { page: self.at.page, adorns: true, marks });
    }

    /// A line across.
    pub fn line(&mut self, x: f64, width: f64, thickness: f64, color: &'static str) {
        let area = [x, self.at.y - thickness / 2.0, width, thickness];
        self.adorn(vec![Mark::Area { area, fill: Some(rgb(color)), frame: None }]);
    }

    /// Lines of text inside the group that is open; goes on over the page where they do not fit.
    pub fn text(&mut self, style: Style, text: &str, x: f64, width: f64, align: Align) {
        let lines = lines(style, text, width);
        let mut marks: Vec<Mark> = Vec::new();
        let last = lines.len().saturating_sub(1);
        for (index, mut line) in lines.into_iter().enumerate() {
            if !self.fits(style.leading) && self.at.y > TOP {
                if !marks.is_empty() {
                    self.add(std::mem::take(&mut marks));
                }
                self.next_page();
            }
            let left = match align {
                Align::Left => x,
                Align::Right => x + width - style.letter.width(&line, style.size),
            };
            if index < last {
                // Heard as one sentence, not as words run together.
                line.push(' ');
            }
            marks.push(Mark::Text { x: left, y: self.at.y + style.ascent(), style, text: line });
            self.at.y += style.leading;
        }
        if !marks.is_empty() {
            self.add(marks);
        }
    }

    /// A paragraph.
    pub fn paragraph(&mut self, style: Style, text: &str, x: f64, width: f64) {
        if !text.trim().is_empty() {
            self.group(Tag::P, |sheet| sheet.text(style, text, x, width, Align::Left));
        }
    }

    /// A heading, kept together with what follows.
    pub fn heading(&mut self, level: u16, style: Style, text: &str, x: f64, width: f64) {
        let height = style.leading * lines(style, text, width).len() as f64;
        self.need(height + 30.0);
        self.outline.push(Entry { level, title: text.to_owned(), page: self.at.page, y: self.at.y });
        let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
        self.group(Tag::Hn(level, Some(text.to_owned())), |sheet| sheet.text(style, text, x, width, Align::Left));
    }

    /// A list with dots.
    pub fn list(&mut self, style: Style, items: &[String], x: f64, width: f64) {
        let indent = 9.0;
        self.open(Tag::L(krilla::tagging::ListNumbering::Disc));
        for item in items {
            self.open(Tag::LI);
            self.need(style.leading);
            let dot = Mark::Text { x: x + 1.0, y: self.at.y + style.ascent(), style, text: "•".to_owned() };
            self.group(Tag::Lbl, |sheet| sheet.add(vec![dot]));
            self.group(Tag::LBody, |sheet| sheet.text(style, item, x + indent, width - indent, Align::Left));
            self.close();
        }
        self.close();
    }

    /// A figure, `width` wide, with its words. What cannot be drawn is told in its words, and said to be missing.
    pub fn figure(&mut self, drawing: &Drawing, x: f64, width: f64) {
        let height = width * drawing.height / drawing.width;
        self.need(height);
        let Some(tree) = drawing.tree() else {
            let words = format!("This figure could not be drawn. {}", drawing.alt);
            return self.paragraph(Style::SMALL, &words, x, width);
        };
        let area = [x, self.at.y, width, height];
        self.group(Tag::Figure(Some(drawing.alt.clone())), |sheet| {
            sheet.add(vec![Mark::Drawing { tree: Box::new(tree), area }]);
        });
        self.skip(height);
    }

    /// Two columns from here: the taller one decides where it goes on.
    pub fn columns(&mut self, left: impl FnOnce(&mut Self), right: impl FnOnce(&mut Self)) {
        let start = self.at;
        left(self);
        let after_left = std::mem::replace(&mut self.at, start);
        right(self);
        self.at = self.at.or_later(after_left);
    }
}

/// Text as lines that fit.
pub fn lines(style: Style, text: &str, width: f64) -> Vec<String> {
    style.letter.wrap(&style.letter.printable(text), style.size, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_on_over_the_page_and_none_of_it_is_lost() {
        let mut sheet = Sheet::new("foot");
        let text = "word ".repeat(4000);
        sheet.paragraph(Style::TEXT, &text, MARGIN, WIDTH);
        assert!(sheet.at.page >= 2 && sheet.feet.len() == sheet.at.page + 1);
        let words: usize = sheet
            .pieces
            .iter()
            .flat_map(|piece| &piece.marks)
            .map(|mark| match mark {
                Mark::Text { text, y, .. } => {
                    assert!(*y <= BOTTOM);
                    text.split_whitespace().count()
                }
                Mark::Area { .. } | Mark::Drawing { .. } => 0,
            })
            .sum();
        assert_eq!(words, 4000);
    }

    #[test]
    fn columns_begin_together_and_end_with_the_taller() {
        let mut sheet = Sheet::new("");
        let before = sheet.at;
        sheet.columns(
            |sheet| sheet.paragraph(Style::TEXT, "a b c d e f", MARGIN, 12.0),
            |sheet| {
                assert_eq!(sheet.at, before);
                sheet.paragraph(Style::TEXT, "short", 300.0, 200.0);
            },
        );
        assert!(sheet.at.y > before.y + 3.0 * Style::TEXT.leading);
    }
}
