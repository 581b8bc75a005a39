//! The works that results rest on: the one list behind the numbered references of a page and the citation files.
//!
//! A methods sentence names a work by its marker, such as `AJNR 2006;27:859`; here the marker becomes a number and the
//! work. Titles were confirmed against published reference lists; a work whose title was not is given without one.

use std::fmt::Write as _;

/// A published work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Its key in BibTeX.
    pub key: &'static str,
    /// How a methods sentence names it.
    pub marker: &'static str,
    /// What it is cited for.
    pub subject: &'static str,
    /// Authors, as reference lists print them.
    pub authors: &'static str,
    /// Title, where it is confirmed.
    pub title: Option<&'static str>,
    /// Journal, as reference lists shorten it.
    pub journal: &'static str,
    /// Year.
    pub year: u16,
    /// Volume.
    pub volume: &'static str,
    /// Pages, or the number of the article.
    pub pages: &'static str,
    /// DOI, where it is confirmed.
    pub doi: Option<&'static str>,
}

/// Every work that a methods sentence can name, and the format of the files.
pub const REFERENCES: [Reference; 10] = [
    Reference {
        key: "gorgolewski2016",
        marker: "Sci Data 2016;3:160044",
        subject: "Files",
        authors: "Gorgolewski KJ, Auer T, Calhoun VD, et al",
        title: Some(
            "The brain imaging data structure, a format for organizing and describing outputs of neuroimaging experiments",
        ),
        journal: "Sci Data",
        year: 2016,
        volume: "3",
        pages: "160044",
        doi: Some("10.1038/sdata.2016.44"),
    },
    Reference {
        key: "boxerman2006",
        marker: "AJNR 2006;27:859",
        subject: "Leakage-corrected rCBV",
        authors: "Boxerman JL, Schmainda KM, Weisskoff RM",
        title: Some(
            "Relative cerebral blood volume maps corrected for contrast agent extravasation significantly correlate with glioma tumor grade, whereas uncorrected maps do not",
        ),
        journal: "AJNR Am J Neuroradiol",
        year: 2006,
        volume: "27",
        pages: "859-867",
        doi: None,
    },
    Reference {
        key: "leu2016",
        marker: "AJNR 2016;37:1440",
        subject: "Bidirectional leakage correction",
        authors: "Leu K, Boxerman JL, Cloughesy TF, et al",
        title: Some(
            "Improved leakage correction for single-echo dynamic susceptibility contrast perfusion MRI estimates of relative cerebral blood volume in high-grade gliomas by accounting for bidirectional contrast agent exchange",
        ),
        journal: "AJNR Am J Neuroradiol",
        year: 2016,
        volume: "37",
        pages: "1440-1446",
        doi: Some("10.3174/ajnr.A4759"),
    },
    Reference {
        key: "boxerman2020",
        marker: "Neuro-Oncology 2020;22:1262",
        subject: "DSC protocol and normalization",
        authors: "Boxerman JL, Quarles CC, Hu LS, et al",
        title: Some(
            "Consensus recommendations for a dynamic susceptibility contrast MRI protocol for use in high-grade gliomas",
        ),
        journal: "Neuro Oncol",
        year: 2020,
        volume: "22",
        pages: "1262-1275",
        doi: Some("10.1093/neuonc/noaa141"),
    },
    Reference {
        key: "wu2003",
        marker: "MRM 2003;50:164",
        subject: "Deconvolution",
        authors: "Wu O, Østergaard L, Weisskoff RM, et al",
        title: Some(
            "Tracer arrival timing-insensitive technique for estimating flow in MR perfusion-weighted imaging using singular value decomposition with a block-circulant deconvolution matrix",
        ),
        journal: "Magn Reson Med",
        year: 2003,
        volume: "50",
        pages: "164-174",
        doi: Some("10.1002/mrm.10522"),
    },
    Reference {
        key: "mouridsen2006",
        marker: "MRM 2006;55:524",
        subject: "Automatic arterial input",
        authors: "Mouridsen K, et al",
        title: None,
        journal: "Magn Reson Med",
        year: 2006,
        volume: "55",
        pages: "524",
        doi: None,
    },
    Reference {
        key: "prah2015",
        marker: "AJNR 2015;36:1654",
        subject: "Test-retest variation of rCBV",
        authors: "Prah MA, Stufflebeam SM, Paulson ES, et al",
        title: Some(
            "Repeatability of standardized and normalized relative CBV in patients with newly diagnosed glioblastoma",
        ),
        journal: "AJNR Am J Neuroradiol",
        year: 2015,
        volume: "36",
        pages: "1654-1661",
        doi: Some("10.3174/ajnr.A4374"),
    },
    Reference {
        key: "law2019",
        marker: "EJNMMI 2019;46:540",
        subject: "PET background and ratios",
        authors: "Law I, Albert NL, Arbizu J, et al",
        title: Some(
            "Joint EANM/EANO/RANO practice guidelines/SNMMI procedure standards for imaging of gliomas using PET with radiolabelled amino acids and [18F]FDG: version 1.0",
        ),
        journal: "Eur J Nucl Med Mol Imaging",
        year: 2019,
        volume: "46",
        pages: "540-557",
        doi: Some("10.1007/s00259-018-4207-9"),
    },
    Reference {
        key: "zwanenburg2020",
        marker: "Radiology 2020;295:328",
        subject: "Region statistics and peak",
        authors: "Zwanenburg A, Vallières M, Abdalah MA, et al",
        title: Some(
            "The Image Biomarker Standardization Initiative: standardized quantitative radiomics for high-throughput image-based phenotyping",
        ),
        journal: "Radiology",
        year: 2020,
        volume: "295",
        pages: "328-338",
        doi: Some("10.1148/radiol.2020191145"),
    },
    Reference {
        key: "wen2010",
        marker: "J Clin Oncol 2010;28:1963",
        subject: "Diameters",
        authors: "Wen PY, Macdonald DR, Reardon DA, et al",
        title: Some(
            "Updated response assessment criteria for high-grade gliomas: Response Assessment in Neuro-Oncology working group",
        ),
        journal: "J Clin Oncol",
        year: 2010,
        volume: "28",
        pages: "1963-1972",
        doi: Some("10.1200/JCO.2009.26.3541"),
    },
];

impl Reference {
    /// As a reference list prints it.
    pub fn words(&self) -> String {
        let title = self.title.map(|title| format!(" {title}.")).unwrap_or_default();
        let doi = self.doi.map(|doi| format!(" doi:{doi}")).unwrap_or_default();
        format!("{}.{title} {} {};{}:{}.{doi}", self.authors, self.journal, self.year, self.volume, self.pages)
    }

    /// As BibTeX.
    fn bib(&self) -> String {
        let author = self.authors.replace(", et al", " and others").replace(", ", " and ");
        let mut text = format!("@article{{{},\n  author  = {{{author}}},\n", self.key);
        if let Some(title) = self.title {
            let _ = writeln!(text, "  title   = {{{{{title}}}}},");
        }
        let pages = self.pages.replace('-', "--");
        let _ = write!(
            text,
            "  journal = {{{}}},\n  year    = {{{}}},\n  volume  = {{{}}},\n  pages   = {{{pages}}}",
            self.journal, self.year, self.volume
        );
        if let Some(doi) = self.doi {
            let _ = write!(text, ",\n  doi     = {{{doi}}}");
        }
        text + "\n}\n"
    }
}

/// Sentences with numbers in place of markers, and the works in the order of their numbers.
pub fn numbered(sentences: &[String]) -> (Vec<String>, Vec<&'static Reference>) {
    let mut order: Vec<&'static Reference> = Vec::new();
    let mut texts = Vec::new();
    for sentence in sentences {
        let mut text = sentence.clone();
        loop {
            let first = REFERENCES
                .iter()
                .filter_map(|reference| text.find(reference.marker).map(|at| (at, reference)))
                .min_by_key(|(at, _)| *at);
            let Some((_, reference)) = first else { break };
            let number = order.iter().position(|known| known.key == reference.key).unwrap_or_else(|| {
                order.push(reference);
                order.len() - 1
            });
            let mark = format!("[{}]", number + 1);
            text = text.replace(&format!("({})", reference.marker), &mark).replace(reference.marker, &mark);
        }
        texts.push(text);
    }
    (texts, order)
}

/// The works that sentences name, in the order of the list; the format of the files is always among them.
pub fn named<'a>(sentences: impl Iterator<Item = &'a str>) -> Vec<&'static Reference> {
    let mut used = [false; REFERENCES.len()];
    used[0] = true;
    for sentence in sentences {
        for (used, reference) in used.iter_mut().zip(&REFERENCES) {
            *used |= sentence.contains(reference.marker);
        }
    }
    REFERENCES.iter().zip(used).filter(|(_, used)| *used).map(|(reference, _)| reference).collect()
}

/// `CITATION.md`.
pub fn citation_text(program: &str, references: &[&Reference]) -> String {
    let mut text = format!(
        "# What to cite\n\nThe results of {program} {} in this folder rest on the works below; the page of each lesion says \
         what each was\nused for. Please cite them beside the program.\n\n",
        env!("CARGO_PKG_VERSION")
    );
    for reference in references {
        let _ = writeln!(text, "- {}: {}", reference.subject, reference.words());
    }
    text
}

/// `CITATION.bib`.
pub fn citation_bib(references: &[&Reference]) -> String {
    references.iter().map(|reference| reference.bib()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_become_numbers_in_the_order_of_their_first_use() {
        let sentences = [
            "Leakage: Leu et al. (AJNR 2016;37:1440), elsewhere Boxerman (AJNR 2006;27:859).".to_owned(),
            "Again (AJNR 2016;37:1440) and (RANO, J Clin Oncol 2010;28:1963).".to_owned(),
        ];
        let (texts, order) = numbered(&sentences);
        assert_eq!(texts[0], "Leakage: Leu et al. [1], elsewhere Boxerman [2].");
        assert_eq!(texts[1], "Again [1] and (RANO, [3]).");
        assert_eq!(order.iter().map(|one| one.key).collect::<Vec<_>>(), ["leu2016", "boxerman2006", "wen2010"]);
    }

    #[test]
    fn only_what_was_used_is_cited_and_the_files_always() {
        let used = named(["Leakage (AJNR 2006;27:859)."].into_iter());
        assert_eq!(used.iter().map(|one| one.key).collect::<Vec<_>>(), ["gorgolewski2016", "boxerman2006"]);
        let (text, bib) = (citation_text("relight", &used), citation_bib(&used));
        assert!(text.contains("2006;27:859-867") && bib.contains("859--867") && !text.contains("Leu"), "{text}");
        assert_eq!(bib.matches("@article").count(), 2);
    }

    #[test]
    fn a_marker_is_the_year_volume_and_first_page_of_its_work() {
        for one in &REFERENCES {
            let first = one.pages.split('-').next().unwrap();
            assert!(one.marker.ends_with(&format!(" {};{}:{first}", one.year, one.volume)), "{}", one.key);
        }
    }

    #[test]
    fn a_work_without_a_confirmed_title_has_none() {
        let one = REFERENCES.iter().find(|one| one.key == "mouridsen2006").unwrap();
        assert_eq!(one.words(), "Mouridsen K, et al. Magn Reson Med 2006;55:524.");
    }
}
