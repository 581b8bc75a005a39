//! The report on paper and the figures as files: what they hold, and that they are drawn again to the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use super::study::{Answer, Study, relight};

/// A PDF read back by hand: its text as the embedded fonts spell it, and what it says of itself.
struct Paper {
    bytes: Vec<u8>,
    raw: String,
}

impl Paper {
    fn of(bytes: Vec<u8>) -> Self {
        let raw = bytes.iter().map(|&byte| char::from(byte)).collect();
        Self { bytes, raw }
    }

    fn count(&self, what: &str) -> usize {
        self.raw.matches(what).count()
    }

    /// The dictionary and content of an object.
    fn object(&self, number: &str) -> (String, Vec<u8>) {
        let start = self.raw.find(&format!("\n{number} 0 obj\n")).unwrap_or_else(|| panic!("object {number}"));
        let end = start + self.raw[start..].find("\nendobj").unwrap();
        // One byte is one character below U+0100, but two bytes of UTF-8: count characters.
        let place = |at: usize| self.raw[..at].chars().count();
        let text = &self.raw[start..end];
        let Some(stream) = text.find("\nstream\n") else { return (text.to_owned(), Vec::new()) };
        let data = &self.bytes[place(start + stream + 8)..place(end)];
        let mut content = Vec::new();
        // The end of the stream's line is no part of it; the decoder stops at its own end.
        flate2::read::ZlibDecoder::new(data).read_to_end(&mut content).unwrap();
        (text[..stream].to_owned(), content)
    }

    /// What a font's codes stand for, by its `ToUnicode` map.
    fn letters(&self, font: &str) -> BTreeMap<u16, String> {
        let (dictionary, _) = self.object(font);
        let (_, map) = self.object(&reference(&dictionary, "/ToUnicode ").unwrap());
        let map = String::from_utf8(map).unwrap();
        let hex = |text: &str| -> Vec<u16> {
            let digits = text.trim_matches(['<', '>']);
            (0..digits.len() / 4).map(|at| u16::from_str_radix(&digits[4 * at..4 * at + 4], 16).unwrap()).collect()
        };
        map.lines()
            .filter(|line| line.starts_with('<') && line.split(' ').count() == 2)
            .filter(|line| !line.ends_with("<FFFF>"))
            .map(|line| {
                let (code, letters) = line.split_once(' ').unwrap();
                (hex(code)[0], String::from_utf16(&hex(letters)).unwrap())
            })
            .collect()
    }

    /// The text of all pages, one line for each piece.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut fonts: BTreeMap<String, BTreeMap<u16, String>> = BTreeMap::new();
        let pages: Vec<&str> = self
            .raw
            .split("\nendobj")
            .filter(|object| {
                object.contains("/Type/Page/") || object.contains("/Type/Page\n") || object.contains("/Type/Page>")
            })
            .collect();
        assert!(!pages.is_empty());
        for page in pages {
            let (resources, _) = self.object(&reference(page, "/Resources ").unwrap());
            let (_, content) = self.object(&reference(page, "/Contents ").unwrap());
            let mut font = String::new();
            let mut at = 0;
            while at < content.len() {
                if content[at] == b'/' && content[at..].starts_with(b"/f") {
                    let end = at + content[at..].iter().position(|&byte| byte == b' ').unwrap();
                    let name = String::from_utf8(content[at + 1..end].to_vec()).unwrap();
                    let number = reference(&resources, &format!("/{name} ")).unwrap();
                    fonts.entry(number.clone()).or_insert_with(|| self.letters(&number));
                    font = number;
                    at = end;
                } else if content[at] == b'(' {
                    let (codes, end) = string(&content, at + 1);
                    for code in codes.chunks_exact(2) {
                        text.push_str(&fonts[&font][&u16::from_be_bytes([code[0], code[1]])]);
                    }
                    at = end;
                } else if content[at..].starts_with(b"EMC") {
                    text.push('\n');
                    at += 3;
                } else {
                    at += 1;
                }
            }
        }
        text
    }
}

/// The number of the object that a key refers to.
fn reference(dictionary: &str, key: &str) -> Option<String> {
    let from = dictionary.find(key)? + key.len();
    Some(dictionary[from..].chars().take_while(char::is_ascii_digit).collect())
}

/// A literal string with its escapes resolved, and the place behind it (ISO 32000-1, 7.3.4.2).
fn string(content: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let mut depth = 0;
    loop {
        match content[at] {
            b')' if depth == 0 => return (bytes, at + 1),
            b'\\' => {
                at += 1;
                match content[at] {
                    b'n' => bytes.push(b'\n'),
                    b'r' => bytes.push(b'\r'),
                    b't' => bytes.push(b'\t'),
                    b'b' => bytes.push(8),
                    b'f' => bytes.push(12),
                    b'0'..=b'7' => {
                        let digits =
                            content[at..at + 3].iter().take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
                        let octal = std::str::from_utf8(&content[at..at + digits]).unwrap();
                        bytes.push(u8::from_str_radix(octal, 8).unwrap());
                        at += digits - 1;
                    }
                    other => bytes.push(other),
                }
            }
            byte => {
                depth += i32::from(byte == b'(') - i32::from(byte == b')');
                bytes.push(byte);
            }
        }
        at += 1;
    }
}

#[test]
fn the_report_on_paper_is_tagged_readable_and_drawn_again_to_the_same_bytes() {
    let study = Study::of(&["sub-01"]);
    study.run("out", &["--pdf"]).expect(0);
    let out = study.beside("out");
    let path = out.join("sub-01.pdf");
    let bytes = fs::read(&path).unwrap();
    let paper = Paper::of(bytes.clone());

    // What it is: tagged, in English, with a title, bookmarks, alternative texts and embedded fonts.
    assert!(paper.raw.starts_with("%PDF-1.7"));
    for part in ["/StructTreeRoot", "/MarkInfo", "/Lang(en)", "/Outlines", "/DisplayDocTitle true", "pdfuaid:part"] {
        assert!(paper.count(part) > 0, "{part}");
    }
    let fonts = paper.count("/FontFile2");
    assert!(fonts >= 5 && paper.count("/ToUnicode") == fonts, "{fonts} fonts");
    assert_eq!(paper.count("/CreationDate") + paper.count("xmp:CreateDate"), 0, "no time of day");
    assert!(paper.count("/Alt") >= 6, "rulers, burden, mosaic, time course, curves and plane");
    assert!(bytes.len() < 1_500_000, "{} bytes", bytes.len());

    // What it says: the words and numbers of the page and the table.
    let text = paper.text().replace('\u{a0}', " ");
    let pages = paper.count("/Type/Page/");
    let table = fs::read_to_string(out.join("lesions.tsv")).unwrap();
    let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    let column = |name: &str| cells[1][cells[0].iter().position(|known| *known == name).unwrap()];
    let rcbv: f64 = column("rcbv_mean").parse().unwrap();
    let tbr: f64 = column("tbr_max").parse().unwrap();
    for words in [
        "sub-01, lesion 1",
        "Recurrence",
        "very high confidence",
        &format!("{rcbv:.2}"),
        &format!("{tbr:.2}"),
        "Next step in the protocol",
        "Boxerman JL, Schmainda KM, Weisskoff RM",
        "Caveats",
        "Provenance",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    for page in 1..=pages {
        assert!(text.contains(&format!("Page {page} of {pages}")), "{page}");
    }
    assert!(text.matches("Research use only.").count() >= pages, "the research-use line on each page");
    assert!(text.matches("run ").count() >= pages, "the run on each page");
    assert!(!text.contains(study.root().to_str().unwrap()), "no paths of this machine");

    // Figures as files, with the numbers of the table.
    let figure =
        |name: &str| fs::read_to_string(out.join(format!("sub-01/figures/sub-01_lesion-1_{name}.svg"))).unwrap();
    for name in ["rulers", "mosaic", "curves", "plane", "course"] {
        let svg = figure(name);
        assert!(
            svg.starts_with("<svg xmlns=") && !svg.contains("var(--") && (name == "mosaic" || !svg.contains("NaN")),
            "{name}"
        );
        let png = fs::read(out.join(format!("sub-01/figures/sub-01_lesion-1_{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"), "{name}");
    }
    assert!(figure("rulers").contains(&format!("{rcbv:.2}")) && figure("plane").contains(&format!("{tbr:.2}")));

    // Drawn again: the same bytes; told by verify when they differ; a figure that is gone comes back.
    Answer::of(relight().arg("verify").arg(&out)).expect(0);
    let drawn = fs::read(out.join("sub-01/figures/sub-01_lesion-1_plane.png")).unwrap();
    fs::write(&path, "other").unwrap();
    fs::remove_file(out.join("sub-01/figures/sub-01_lesion-1_plane.png")).unwrap();
    let told = Answer::of(relight().arg("verify").arg(&out));
    assert!(told.code != 0 && told.stderr.contains("sub-01.pdf was changed"), "{}", told.stderr);
    assert!(told.stderr.contains("plane.png is missing"), "{}", told.stderr);
    Answer::of(relight().args(["report", "--pdf"]).arg(&out)).expect(0);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read(out.join("sub-01/figures/sub-01_lesion-1_plane.png")).unwrap(), drawn);
    Answer::of(relight().arg("verify").arg(&out)).expect(0);
}

#[test]
fn a_report_on_paper_from_before_is_never_left_behind() {
    let study = Study::of(&["sub-02"]);
    study.run("out", &["--pdf"]).expect(0);
    let out = study.beside("out");
    let before = Paper::of(fs::read(out.join("sub-02.pdf")).unwrap()).text();
    let told = ["--participant-label", "02", "--session-label", "01", "--lesion", "1", "--by", "reader-1"];
    Answer::of(relight().arg("annotate").arg(&out).args(told).args(["--histology", "necrosis"])).expect(0);
    let after = Paper::of(fs::read(out.join("sub-02.pdf")).unwrap()).text();
    assert!(!before.contains("settled by histology") && after.contains("settled by histology"), "{after}");
}
