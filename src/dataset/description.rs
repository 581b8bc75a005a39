//! The dataset's own files: description, what the BIDS validator shall pass over, README, citations, annotations.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::atomic::{OutputFolder, write_file};
use super::error::DatasetError;
use super::references::{REFERENCES, Reference, citation_bib, citation_text};
use super::sidecars::json_text;
use super::tables::plain_dictionary;
use crate::study::PROGRAM;

/// The version of BIDS that names and fields follow.
pub const BIDS_VERSION: &str = "1.10.0";

/// What BIDS has no word for. Each line stands for files that the validator (bids-validator-deno 3.0.2) otherwise
/// refuses: NOT_INCLUDED, or ALL_FILENAME_RULES_HAVE_ISSUES where BIDS knows a suffix in another folder only.
pub const BIDSIGNORE: &str = "\
# pages and figures
*.html
*.pdf
**/figures
# citations as text (BIDS knows CITATION.cff)
CITATION.md
CITATION.bib
# lesion tables, annotations, provenance
lesions.tsv
lesions.json
*_lesions.tsv
*_lesions.json
*_figures.json
*_viewer.json
*_thumbnails.json
*_surveillance.json
annotations.tsv
annotations.json
*_provenance.json
settings.toml
study.json
# time-activity curves beside the PET maps
**/pet/*_tacs.*
# most active clusters beside the perfusion maps
**/perf/*_dseg.*
# perfusion maps: BIDS has no suffix for them (as ASLPrep does)
**/perf/*_rcbv.*
**/perf/*_k1.*
**/perf/*_k2.*
**/perf/*_kep.*
**/perf/*_psr.*
**/perf/*_ph.*
**/perf/*_cbv.*
**/perf/*_cbf.*
**/perf/*_mtt.*
**/perf/*_tmax.*
**/perf/*_ttp.*
**/perf/*_att.*
**/perf/*_delay.*
**/perf/*_ktrans.*
**/perf/*_ps.*
**/perf/*_fp.*
**/perf/*_ve.*
**/perf/*_vp.*
**/perf/*_iauc60.*
**/perf/*_ftb.*
# masks on the grid of a series: BIDS knows them in anat/ only
**/perf/*_mask.*
**/perf/*_dseg.*
**/pet/*_mask.*
**/pet/*_dseg.*
# transforms
**/*_xfm.txt
";

/// Columns of `annotations.tsv`, an append-only table of clinical findings, with their meanings.
pub const ANNOTATION_COLUMNS: &[(&str, &str)] = &[
    ("participant_id", "Pseudonymous subject label."),
    ("session_id", "Session label."),
    ("lesion", "Label of the lesion in its mask; n/a for the whole session."),
    ("field", "What is told: symptoms, histology, or another column of the lesion table."),
    ("value", "Its word."),
    ("by", "Label of the person who told it."),
];

/// From what the dataset was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSource<'a> {
    /// Name of the study.
    pub title: &'a str,
    /// Folder of the study, where it is a BIDS folder.
    pub study_root: Option<&'a Path>,
    /// Version of the decision rules.
    pub rules_version: &'a str,
    /// Hash of the settings.
    pub settings_hash: &'a str,
}

/// Writes the dataset's own files; an `annotations.tsv` that exists is kept.
pub fn write_dataset_files(output: &OutputFolder, source: &DatasetSource<'_>) -> Result<(), DatasetError> {
    let root = output.root();
    write_file(&root.join("dataset_description.json"), json_text(&description(root, source)).as_bytes())?;
    write_file(&root.join(".bidsignore"), BIDSIGNORE.as_bytes())?;
    write_file(&root.join("README"), readme(source).as_bytes())?;
    write_citations(root, &REFERENCES.iter().collect::<Vec<_>>())?;
    write_file(&root.join("annotations.json"), json_text(&plain_dictionary(ANNOTATION_COLUMNS)).as_bytes())?;
    let annotations = root.join("annotations.tsv");
    if !annotations.exists() {
        let names: Vec<&str> = ANNOTATION_COLUMNS.iter().map(|(name, _)| *name).collect();
        write_file(&annotations, format!("{}\n", names.join("\t")).as_bytes())?;
    }
    Ok(())
}

/// Writes `CITATION.md` and `CITATION.bib`.
pub fn write_citations(root: &Path, references: &[&Reference]) -> Result<(), DatasetError> {
    write_file(&root.join("CITATION.md"), citation_text(PROGRAM, references).as_bytes())?;
    write_file(&root.join("CITATION.bib"), citation_bib(references).as_bytes())
}

fn description(root: &Path, source: &DatasetSource<'_>) -> Value {
    let mut fields = Map::new();
    fields.insert("Name".to_owned(), format!("{PROGRAM}: {}", source.title).into());
    fields.insert("BIDSVersion".to_owned(), BIDS_VERSION.into());
    fields.insert("DatasetType".to_owned(), "derivative".into());
    fields.insert(
        "GeneratedBy".to_owned(),
        json!([{
            "Name": PROGRAM,
            "Version": env!("CARGO_PKG_VERSION"),
            "Description": format!(
                "Decision rules {}, settings {}. Research use only.", source.rules_version, source.settings_hash
            ),
        }]),
    );
    if let Some(link) = source.study_root.and_then(|study| relative_link(root, study)) {
        fields.insert("SourceDatasets".to_owned(), json!([{"URL": link.clone()}]));
        fields.insert("DatasetLinks".to_owned(), json!({"raw": link}));
    }
    fields.into()
}

/// The way from the output to the study, where one lies in the other or they lie side by side. A longer way would show
/// folders of the machine, and is left out.
fn relative_link(output: &Path, study: &Path) -> Option<String> {
    const LONGEST_CLIMB: usize = 3;
    let (output, study) = (fs::canonicalize(output).ok()?, fs::canonicalize(study).ok()?);
    let climb = output.ancestors().position(|ancestor| study.starts_with(ancestor))?;
    let below: Vec<String> = study
        .strip_prefix(output.ancestors().nth(climb)?)
        .ok()?
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let steps: Vec<String> = std::iter::repeat_n("..".to_owned(), climb).chain(below.iter().cloned()).collect();
    (climb <= LONGEST_CLIMB && below.len() <= 1).then(|| steps.join("/"))
}

fn readme(source: &DatasetSource<'_>) -> String {
    format!(
        "# {PROGRAM}: {title}

Perfusion MRI and PET of the study, measured inside each lesion mask and compared with published cut-offs.
Research use only. Not a medical device; not for diagnosis, treatment selection or triage. Every output must be
reviewed with the source images by a qualified physician.

index.html                  the study on one page: begin here
sub-*.html                  one page a subject, readable without a network
sub-*.pdf                   the same on A4 pages, where it was asked for
sub-*/figures               rulers, mosaic, curves, decision plane and time course of each lesion, as SVG and PNG
lesions.tsv, lesions.json   one row a lesion, and what each column means
sub-*/[ses-*/]*_lesions.*   the same by session; the .json holds everything, with its provenance
sub-*/[ses-*/]perf, pet     maps on the grid of their own series, each with a .json
sub-*/[ses-*/]anat          lesion labels and the reference region
annotations.tsv             clinical findings recorded with `{PROGRAM} annotate`
CITATION.md, CITATION.bib   what to cite
logs/                       time of day and command line; nothing else of this dataset holds them

Missing values are n/a in tables, null in JSON and NaN in maps: not estimated. Zero is a measurement.

Made by {PROGRAM} {version}, decision rules {rules}, settings {settings}.
",
        title = source.title,
        version = env!("CARGO_PKG_VERSION"),
        rules = source.rules_version,
        settings = source.settings_hash,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: DatasetSource<'_> =
        DatasetSource { title: "Test study", study_root: None, rules_version: "1", settings_hash: "abc" };

    #[test]
    fn an_output_is_recognized_as_ours_and_annotations_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputFolder::open(folder.path(), false).unwrap();
        write_dataset_files(&output, &SOURCE).unwrap();
        fs::write(folder.path().join("annotations.tsv"), "kept").unwrap();
        let output = OutputFolder::open(folder.path(), false).unwrap();
        write_dataset_files(&output, &SOURCE).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("annotations.tsv")).unwrap(), "kept");
        assert!(OutputFolder::existing(folder.path()).is_ok());
    }

    #[test]
    fn the_link_to_the_study_is_short_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let at = |place: &str| {
            let path = folder.path().join(place);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let study = at("study");
        assert_eq!(relative_link(&at("out"), &study).as_deref(), Some("../study"));
        assert_eq!(relative_link(&at("study/derivatives/relight"), &study).as_deref(), Some("../.."));
        assert_eq!(relative_link(&at("a/b/c/d/e"), &study), None, "too far");
        assert_eq!(relative_link(&at("out"), &at("person/name/study")), None, "folders of the machine");
    }

    #[test]
    fn both_citation_files_hold_the_same_works() {
        let folder = tempfile::tempdir().unwrap();
        write_citations(folder.path(), &REFERENCES.iter().collect::<Vec<_>>()).unwrap();
        let [text, bib] =
            ["CITATION.md", "CITATION.bib"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
        for one in &REFERENCES {
            let pages = one.pages.replace('-', "--");
            assert!(text.contains(one.pages) && bib.contains(&format!("{{{pages}}}")), "{}", one.key);
        }
    }
}
