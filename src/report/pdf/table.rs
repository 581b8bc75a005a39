//! Tables on paper: rows are never cut, and a page that goes on with a table repeats its head.

use std::borrow::Cow;

use krilla::tagging::{TableHeaderScope, Tag, TagKind};

use super::sheet::{Align, Mark, Sheet, Style, lines};
use crate::report::figures::drawing::Drawing;

/// Room above and below the text of a row.
const PADDING: f64 = 2.2;

/// Room between columns.
const GUTTER: f64 = 6.0;

/// Size of a shape beside a word.
const SHAPE: f64 = 6.6;

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// What it holds.
    pub title: Cow<'static, str>,
    /// Its share of the table's width.
    pub share: f64,
    /// Which side its text stands on.
    pub align: Align,
}

/// What stands in a cell, from top to bottom.
pub enum Part {
    /// Text.
    Text(Style, String),
    /// A shape and the word beside it.
    Shape(Box<Drawing>, Style, String),
    /// A figure over the width of the cell.
    Figure(Box<Drawing>),
}

/// A cell.
pub struct Cell {
    /// Its content.
    pub parts: Vec<Part>,
}

impl Cell {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(Style::CELL, text.into())] }
    }

    /// Text in a style.
    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(style, text.into())] }
    }

    /// With words below.
    pub fn below(mut self, style: Style, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.trim().is_empty() {
            self.parts.push(Part::Text(style, text));
        }
        self
    }

    fn height(&self, width: f64) -> f64 {
        self.parts.iter().map(|part| part.height(width)).sum()
    }
}

impl Part {
    fn height(&self, width: f64) -> f64 {
        match self {
            Self::Text(style, text) => style.leading * lines(*style, text, width).len() as f64,
            Self::Shape(_, style, text) => style.leading * lines(*style, text, width - SHAPE - 4.0).len().max(1) as f64,
            Self::Figure(drawing) => width * drawing.height / drawing.width,
        }
    }
}

/// A table.
pub struct Table {
    /// What it is, for those who hear it.
    pub summary: String,
    /// Its columns; their shares add up to 1.
    pub columns: Vec<Column>,
    /// Its rows; the first cell of each names it.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Lays the table out.
    pub fn lay(&self, sheet: &mut Sheet, x: f64, width: f64) {
        let mut places: Vec<(f64, f64)> = Vec::new();
        let mut left = x;
        for column in &self.columns {
            places.push((left, column.share * width - GUTTER));
            left += column.share * width;
        }
        if let Some(last) = places.last_mut() {
            last.1 += GUTTER;
        }
        let head = Style::SMALL;
        let head_height = head.leading * self.head_lines(&places) as f64 + 3.0;
        let first = self.rows.first().map_or(0.0, |row| row_height(row, &places));
        sheet.need(head_height + first);
        sheet.open(Tag::Table.with_summary(Some(self.summary.clone())));
        sheet.group(Tag::TR, |sheet| self.head(sheet, &places, head, true));
        self.end_head(sheet, x, width, head_height);
        for row in &self.rows {
            let height = row_height(row, &places);
            if !sheet.fits(height) && height < 600.0 {
                sheet.next_page();
                self.head(sheet, &places, head, false);
                self.end_head(sheet, x, width, head_height);
            }
            let top = sheet.at;
            let page = top.page;
            sheet.open(Tag::TR);
            let mut end = top;
            for (index, (cell, &(left, width))) in row.iter().zip(&places).enumerate() {
                sheet.at = top;
                let align = self.columns[index].align;
                let tag: TagKind = if index == 0 { Tag::TH(TableHeaderScope::Row).into() } else { Tag::TD.into() };
                let middle = (height - 2.0 * PADDING - cell.height(width)).max(0.0) / 2.0;
                sheet.skip(PADDING + middle);
                sheet.open(tag);
                for part in &cell.parts {
                    lay_part(sheet, part, left, width, align);
                }
                sheet.close();
                end = end.or_later(sheet.at);
            }
            sheet.close();
            sheet.at = end;
            if sheet.at.page == page {
                sheet.at.y = top.y + height;
            }
            sheet.line(x, width, 0.5, "rule2");
        }
        sheet.close();
    }

    fn head_lines(&self, places: &[(f64, f64)]) -> usize {
        let count = |(column, place): (&Column, &(f64, f64))| lines(Style::SMALL, &column.title, place.1).len();
        self.columns.iter().zip(places).map(count).max().unwrap_or(0).max(1)
    }

    /// The head; heard once, painted on every page.
    fn head(&self, sheet: &mut Sheet, places: &[(f64, f64)], style: Style, heard: bool) {
        let top = sheet.at;
        let most = self.head_lines(places);
        for (column, &(left, width)) in self.columns.iter().zip(places) {
            let lines = lines(style, &column.title, width);
            sheet.at.y = top.y + style.leading * (most - lines.len().max(1)) as f64;
            if heard {
                sheet.group(Tag::TH(TableHeaderScope::Column), |sheet| {
                    sheet.text(style, &column.title, left, width, column.align);
                });
            } else {
                let mut aside = Sheet::new("");
                aside.at = sheet.at;
                aside.text(style, &column.title, left, width, column.align);
                for piece in aside.pieces {
                    sheet.adorn(piece.marks);
                }
            }
        }
        sheet.at = top;
    }

    fn end_head(&self, sheet: &mut Sheet, x: f64, width: f64, height: f64) {
        sheet.skip(height);
        sheet.line(x, width, 0.8, "ink");
    }
}

fn row_height(row: &[Cell], places: &[(f64, f64)]) -> f64 {
    row.iter().zip(places).map(|(cell, place)| cell.height(place.1)).fold(0.0, f64::max) + 2.0 * PADDING
}

fn lay_part(sheet: &mut Sheet, part: &Part, left: f64, width: f64, align: Align) {
    match part {
        Part::Text(style, text) => sheet.text(*style, text, left, width, align),
        Part::Shape(shape, style, text) => {
            shape_mark(sheet, shape, left, *style);
            sheet.text(*style, text, left + SHAPE + 4.0, width - SHAPE - 4.0, Align::Left);
        }
        Part::Figure(drawing) => sheet.figure(drawing, left, width),
    }
}

/// A shape beside a word: the word says what it is, so the shape only adorns.
fn shape_mark(sheet: &mut Sheet, shape: &Drawing, left: f64, style: Style) {
    if let Some(tree) = shape.tree() {
        let area = [left, sheet.at.y + (style.leading - SHAPE) / 2.0, SHAPE, SHAPE];
        sheet.adorn(vec![Mark::Drawing { tree: Box::new(tree), area }]);
    }
}

/// A block of two columns: names and what they hold, without a head.
pub fn facts(sheet: &mut Sheet, rows: &[(String, Vec<Part>)], x: f64, width: f64, share: f64, ruled: bool) {
    let name_width = share * width;
    for (index, (name, parts)) in rows.iter().enumerate() {
        if ruled && index > 0 {
            sheet.skip(1.6);
            sheet.line(x, width, 0.5, "rule2");
            sheet.skip(1.6);
        }
        let start = sheet.at;
        sheet.open(Tag::P);
        sheet.text(Style::CELL.colored("ink3"), name, x, name_width - 4.0, Align::Left);
        let after = std::mem::replace(&mut sheet.at, start);
        for part in parts {
            lay_part(sheet, part, x + name_width, width - name_width, Align::Left);
        }
        sheet.close();
        sheet.at = sheet.at.or_later(after);
    }
}
