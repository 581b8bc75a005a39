//! A laid-out document as PDF: the one home of the crate that writes it.
//!
//! The file is PDF 1.7, tagged, checked against PDF/UA-1 by the writer, with its fonts embedded as subsets. It holds no
//! date and no random identifier: the same report has the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use krilla::color::rgb::Color;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, Node, TagGroup, TagTree};
use krilla::text::{Font, TextDirection};
use krilla::{Document, SerializeSettings};
use krilla_svg::{SurfaceExt, SvgSettings};

use super::sheet::{Branch, Entry, MARGIN, Mark, PAGE, Rgb, Sheet, Style, WIDTH};
use crate::report::figures::drawing::rgb;
use crate::report::figures::lettering::Letter;
use crate::report::words;

/// A page that could not be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PdfError {
    /// A font that is not one.
    #[error("the embedded font {0} cannot be read")]
    Font(String),
    /// What the writer refused.
    #[error("the PDF could not be written: {0}")]
    Refused(String),
}

/// What a document says of itself.
pub struct About {
    /// Its title.
    pub title: String,
    /// What it is about, in one sentence.
    pub description: String,
    /// What identifies it: the run.
    pub identifier: String,
    /// Program and version.
    pub producer: String,
}

/// Writes a document.
pub fn paint(mut sheet: Sheet, about: &About) -> Result<Vec<u8>, PdfError> {
    let refused = |problem: String| PdfError::Refused(problem);
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| refused(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let fonts = fonts()?;
    let branches = sheet.branches();
    let mut identifiers: BTreeMap<usize, Identifier> = BTreeMap::new();
    let pages = sheet.feet.len();
    let mut by_page: Vec<Vec<usize>> = vec![Vec::new(); pages];
    for (number, piece) in sheet.pieces.iter().enumerate() {
        by_page[piece.page].push(number);
    }
    for (index, numbers) in by_page.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE.0 as f32, PAGE.1 as f32)
            .ok_or_else(|| refused("the page has no size".to_owned()))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let pen = Pen { fonts: &fonts };
        for &number in numbers {
            let piece = &sheet.pieces[number];
            let tag = if piece.adorns { adornment(ArtifactType::Layout) } else { ContentTag::Other };
            let identifier = surface.start_tagged(tag);
            for mark in &piece.marks {
                pen.draw(&mut surface, mark);
            }
            surface.end_tagged();
            if !piece.adorns {
                identifiers.insert(number, identifier);
            }
        }
        pen.frame(&mut surface, &sheet.feet[index], index + 1, pages);
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    for branch in branches {
        if let Some(node) = node(branch, &mut identifiers) {
            tree.push(node);
        }
    }
    document.set_tag_tree(tree);
    document.set_outline(outline(&sheet.outline));
    document.set_metadata(
        Metadata::new()
            .title(about.title.clone())
            .description(about.description.clone())
            .language("en".to_owned())
            .document_id(about.identifier.clone())
            .creator(about.producer.clone())
            .producer(about.producer.clone()),
    );
    document.finish().map_err(|error| refused(format!("{error:?}")))
}

fn adornment(kind: ArtifactType) -> ContentTag<'static> {
    ContentTag::Artifact(Artifact::with_kind(kind))
}

fn fonts() -> Result<Vec<Font>, PdfError> {
    let font = |letter: &Letter| {
        let data: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(letter.data());
        Font::new(data.into(), 0).ok_or_else(|| PdfError::Font(format!("{letter:?}")))
    };
    Letter::ALL.iter().map(font).collect()
}

/// A branch as the writer takes it; each identifier has exactly one place.
fn node(branch: Branch, identifiers: &mut BTreeMap<usize, Identifier>) -> Option<Node> {
    match branch {
        Branch::Leaf(number) => identifiers.remove(&number).map(Node::Leaf),
        Branch::Group(tag, children) => {
            let children = children.into_iter().filter_map(|child| node(child, identifiers)).collect();
            Some(Node::Group(TagGroup::with_children(tag, children)))
        }
    }
}

/// Headings as bookmarks, those of a lower level below the one before them.
fn outline(entries: &[Entry]) -> Outline {
    let mut outline = Outline::new();
    let mut rest = entries;
    while let Some((first, after)) = rest.split_first() {
        let inner = after.iter().take_while(|entry| entry.level > first.level).count();
        outline.push_child(outline_node(first, &after[..inner]));
        rest = &after[inner..];
    }
    outline
}

fn outline_node(entry: &Entry, inner: &[Entry]) -> OutlineNode {
    let place = XyzDestination::new(entry.page, Point::from_xy(0.0, (entry.y - 4.0).max(0.0) as f32));
    let mut node = OutlineNode::new(entry.title.clone(), place);
    let mut rest = inner;
    while let Some((first, after)) = rest.split_first() {
        let below = after.iter().take_while(|entry| entry.level > first.level).count();
        node.push_child(outline_node(first, &after[..below]));
        rest = &after[below..];
    }
    node
}

struct Pen<'a> {
    fonts: &'a [Font],
}

impl Pen<'_> {
    fn draw(&self, surface: &mut Surface<'_>, mark: &Mark) {
        match mark {
            Mark::Text { x, y, style, text } => self.text(surface, *style, text, *x, *y),
            Mark::Area { area, fill, frame } => {
                let Some(rect) = rect(*area) else { return };
                let mut path = PathBuilder::new();
                path.push_rect(rect);
                let Some(path) = path.finish() else { return };
                surface.set_fill(fill.map(ink));
                surface.set_stroke(frame.map(|(color, width)| Stroke {
                    paint: paint_of(color).into(),
                    width: width as f32,
                    ..Stroke::default()
                }));
                surface.draw_path(&path);
                surface.set_stroke(None);
            }
            Mark::Drawing { tree, area: [left, top, width, height] } => {
                let Some(size) = Size::from_wh(*width as f32, *height as f32) else { return };
                surface.push_transform(&Transform::from_translate(*left as f32, *top as f32));
                // A drawing that the writer cannot take leaves its words, which are the figure's alternative text.
                let drawn = surface.draw_svg(tree, size, SvgSettings::default());
                debug_assert!(drawn.is_some(), "the writer cannot take a drawing");
                surface.pop();
            }
        }
    }

    fn text(&self, surface: &mut Surface<'_>, style: Style, text: &str, x: f64, y: f64) {
        surface.set_stroke(None);
        surface.set_fill(Some(ink(rgb(style.color))));
        let font = self.fonts[style.letter as usize].clone();
        let start = Point::from_xy(x as f32, y as f32);
        surface.draw_text(start, font, style.size as f32, text, false, TextDirection::LeftToRight);
    }

    /// What stands on every page: the research-use line above; subject, run and page number below.
    fn frame(&self, surface: &mut Surface<'_>, foot: &str, number: usize, pages: usize) {
        let small = Style::SMALL.sized(7.4, 9.0);
        let bold = small.bold().colored("ink");
        surface.start_tagged(adornment(ArtifactType::Header));
        let frame = Some((rgb("ink"), 0.8));
        self.draw(surface, &Mark::Area { area: [MARGIN, 22.0, WIDTH, 15.5], fill: None, frame });
        self.text(surface, bold, words::RESEARCH_USE, MARGIN + 6.0, 32.4);
        let after = MARGIN + 6.0 + bold.letter.width(words::RESEARCH_USE, bold.size) + 3.0;
        self.text(surface, small.colored("ink"), words::NOT_A_DEVICE, after, 32.4);
        surface.end_tagged();

        surface.start_tagged(adornment(ArtifactType::Footer));
        let y = 823.0;
        self.text(surface, small, &small.letter.printable(foot), MARGIN, y);
        let middle = words::RESEARCH_USE.trim_end_matches('.');
        self.text(surface, bold, middle, (PAGE.0 - bold.letter.width(middle, bold.size)) / 2.0, y);
        let page = format!("Page {number} of {pages}");
        self.text(surface, small, &page, PAGE.0 - MARGIN - small.letter.width(&page, small.size), y);
        surface.end_tagged();
    }
}

fn rect([left, top, width, height]: [f64; 4]) -> Option<Rect> {
    Rect::from_xywh(left as f32, top as f32, width as f32, height as f32)
}

fn paint_of([red, green, blue]: Rgb) -> Color {
    Color::new(red, green, blue)
}

fn ink(color: Rgb) -> Fill {
    Fill { paint: paint_of(color).into(), ..Fill::default() }
}
