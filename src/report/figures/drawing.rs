//! A figure as a file of its own: SVG with fixed colors and an embedded-font name, and the same as PNG.
//!
//! The drawings of the pages take their colors from the page, which follows light and dark. Paper and files do not:
//! here each variable is replaced by its color in light, the one table of which is `PRINT`.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::lettering::{FAMILY, fonts};
use crate::report::number::tick;

/// The colors of the pages in light, by the name of their variable in `page.css`.
const PRINT: [(&str, &str); 17] = [
    ("paper", "#ffffff"),
    ("wash", "#f5f6f7"),
    ("ink", "#15191e"),
    ("ink2", "#434c56"),
    ("ink3", "#5f6975"),
    ("rule", "#dde1e5"),
    ("rule2", "#eceef0"),
    ("rec", "#ad3216"),
    ("rec-t", "#fae8e1"),
    ("ind", "#505963"),
    ("ind-t", "#eff1f3"),
    ("nec", "#1b5893"),
    ("nec-t", "#e3edf7"),
    ("ok", "#2c6a45"),
    ("warn", "#8a5200"),
    ("fail", "#a3122a"),
    ("s2", "#0f7a86"),
];

/// The hatching of grey zones.
const HATCH: &str = "#ccd2d8";

/// Pixels of a PNG for one unit of its drawing.
const PNG_SCALE: f32 = 2.0;

/// A figure that stands alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Width in units of the drawing (CSS pixels).
    pub width: f64,
    /// Height.
    pub height: f64,
    /// The figure in words and numbers.
    pub alt: String,
    /// The whole file.
    pub svg: String,
}

impl Drawing {
    /// A drawing from what stands inside its `svg` element; variables and classes of the pages may be used.
    pub fn new(width: f64, height: f64, alt: &str, inside: &str) -> Self {
        let (w, h) = (tick(width, 1), tick(height, 1));
        let alt_text = escaped(alt);
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" aria-label=\"{alt_text}\">\n<title>{alt_text}</title>\n<style>{}</style>\n\
             <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"{}\"/>\
             <line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" stroke=\"{HATCH}\" stroke-width=\"2.2\"/></pattern></defs>\n\
             {}\n</svg>\n",
            style(),
            color("ind-t"),
            in_print(inside),
        );
        Self { width, height, alt: alt.to_owned(), svg }
    }

    /// A drawing of a page, as it stands in the page: an `svg` element with a view box. `scale` is what one unit of its
    /// view box becomes.
    pub fn of_page(markup: &str, scale: f64, alt: &str) -> Option<Self> {
        let (inside, [width, height]) = (inside(markup)?, view_box(markup)?);
        let scaled = format!("<g transform=\"scale({scale})\">{inside}</g>");
        Some(Self::new(width * scale, height * scale, alt, &scaled))
    }

    /// The drawing for the writer of PDF and the painter of pixels; `None` where it cannot be read, which ends every
    /// test that meets it.
    pub fn tree(&self) -> Option<Tree> {
        let options = Options { font_family: FAMILY.to_owned(), fontdb: fonts(), ..Options::default() };
        let tree = Tree::from_str(&self.svg, &options);
        if cfg!(test) || cfg!(debug_assertions) {
            assert!(tree.is_ok(), "a drawing cannot be read: {:?}: {}", tree.as_ref().err(), self.alt);
        }
        tree.ok()
    }

    /// The drawing as PNG on white, two pixels for one unit.
    pub fn png(&self) -> Option<Vec<u8>> {
        let tree = self.tree()?;
        let pixels = |length: f64| (length * f64::from(PNG_SCALE)).ceil() as u32;
        let mut pixmap = Pixmap::new(pixels(self.width), pixels(self.height))?;
        pixmap.fill(resvg::tiny_skia::Color::WHITE);
        resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixmap.as_mut());
        pixmap.encode_png().ok()
    }
}

/// The color of a variable of the pages, as it is printed.
pub fn color(name: &str) -> &'static str {
    PRINT.iter().find(|(known, _)| *known == name).map_or("#15191e", |(_, color)| color)
}

/// The same with its channels apart; `var(--rec)` and `rec` name the same color.
pub fn rgb(name: &str) -> [u8; 3] {
    let name = name.trim_start_matches("var(--").trim_end_matches(')');
    let channel = |at: usize| u8::from_str_radix(&color(name)[at..at + 2], 16).unwrap_or(0);
    [channel(1), channel(3), channel(5)]
}

/// What stands between the tags of an `svg` element.
pub fn inside(markup: &str) -> Option<&str> {
    let start = markup.find("<svg")?;
    let from = start + markup[start..].find('>')? + 1;
    Some(&markup[from..markup.rfind("</svg>")?])
}

/// Width and height of the view box of an `svg` element.
fn view_box(markup: &str) -> Option<[f64; 2]> {
    let from = markup.find("viewBox=\"")? + "viewBox=\"".len();
    let numbers: Vec<f64> =
        markup[from..].split('"').next()?.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [_, _, width, height] = numbers[..] else { return None };
    Some([width, height])
}

/// Text between tags or in an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Every variable replaced by its color.
fn in_print(markup: &str) -> String {
    PRINT.iter().fold(markup.to_owned(), |text, (name, color)| text.replace(&format!("var(--{name})"), color))
}

/// The classes of the pages' drawings, letters as large as the pages print them.
fn style() -> String {
    in_print(&format!(
        "text{{font-family:\"{FAMILY}\",Arial,sans-serif;fill:var(--ink2)}}\
         .ax{{stroke:var(--ink3);stroke-width:1;fill:none}}.gd{{stroke:var(--rule);stroke-width:1;fill:none}}\
         .t{{font-size:13.4px;fill:var(--ink3)}}.tb{{font-size:14px;fill:var(--ink);font-weight:bold}}\
         .end{{font-size:11.5px}}.z-nec{{fill:var(--nec-t)}}.z-rec{{fill:var(--rec-t)}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_those_of_the_pages_in_light() {
        let css = include_str!("../html/page.css");
        let light = &css[..css.find("@media").unwrap()];
        for (name, color) in PRINT {
            let short = if color == "#ffffff" { "#fff" } else { color };
            assert!(light.contains(&format!("--{name}:{short}")), "{name} {color}");
        }
        assert!(light.contains(&format!("--hatch:{HATCH}")));
    }

    #[test]
    #[should_panic(expected = "a drawing cannot be read")]
    fn a_drawing_that_cannot_be_read_ends_a_test() {
        Drawing::new(10.0, 10.0, "half a line", "<line x1=\"0\"").tree();
    }

    #[test]
    fn a_drawing_of_a_page_stands_alone() {
        let page = r#"<svg viewBox="0 0 40 20" role="img"><rect width="40" height="20" fill="var(--rec)"/></svg>"#;
        let drawing = Drawing::of_page(page, 0.5, "a < b").unwrap();
        assert_eq!((drawing.width, drawing.height), (20.0, 10.0));
        assert!(!drawing.svg.contains("var(--") && drawing.svg.contains("a &lt; b"), "{}", drawing.svg);
        let png = drawing.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (40, 20));
        assert_eq!(pixels[..3], rgb("rec"));
    }
}
