//! What can be wrong with a study folder: each cause names the file, the field or column, what was expected and found.

use crate::acquisition::AcquisitionError;

/// A fault of the study that was handed in. Files are named by their path inside the study.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StudyError {
    /// A file or folder that cannot be read.
    #[error("{file} cannot be read: {problem}")]
    Unreadable {
        /// The file or folder.
        file: String,
        /// What the operating system says.
        problem: String,
    },
    /// A JSON file that is not JSON.
    #[error("{file} line {line}, column {column}: broken JSON: {problem}")]
    BrokenJson {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A sidecar field of the wrong kind or with an impossible value.
    #[error("{file}: {field} is {found}: expected {expected}")]
    Field {
        /// The sidecar that gives the field.
        file: String,
        /// The field.
        field: String,
        /// What was found.
        found: String,
        /// What was expected, with its unit.
        expected: String,
    },
    /// Two sidecars of one folder that apply to the same image equally well.
    #[error("{image}: {first} and {second} both apply: BIDS allows one sidecar a level; remove or rename one")]
    AmbiguousSidecars {
        /// The image.
        image: String,
        /// One sidecar.
        first: String,
        /// The other one.
        second: String,
    },
    /// A table that cannot be read as one.
    #[error("{file}: {problem}")]
    Table {
        /// The table.
        file: String,
        /// Expected and found.
        problem: String,
    },
    /// A cell that does not hold what its column means.
    #[error("{file} line {line}, column {column}: {problem}")]
    Cell {
        /// The table.
        file: String,
        /// Line, from 1; the header is line 1.
        line: usize,
        /// The column.
        column: String,
        /// Expected and found.
        problem: String,
    },
    /// The same identifier twice in one table.
    #[error("{file}: {id} stands in line {first} and in line {second}: expected one line each")]
    DuplicateRow {
        /// The table.
        file: String,
        /// The identifier.
        id: String,
        /// Line of the first.
        first: usize,
        /// Line of the second.
        second: usize,
    },
    /// Nothing to work on.
    #[error("no subject found in {study}: expected {expected}")]
    NoSubjects {
        /// The study.
        study: String,
        /// The pattern that was tried.
        expected: &'static str,
    },
    /// A label that was asked for and does not exist.
    #[error("{label} is not in the study{}; it holds: {}", did_you_mean(suggestion), list(available))]
    UnknownLabel {
        /// The label that was asked for.
        label: String,
        /// The nearest one that exists.
        suggestion: Option<String>,
        /// Those that exist.
        available: Vec<String>,
    },
    /// Several pipelines hold lesion masks.
    #[error("several derivatives hold lesion masks: {}; name one with --lesions", pipelines.join(", "))]
    SeveralPipelines {
        /// Their names, each with its number of masks.
        pipelines: Vec<String>,
    },
    /// A pipeline that was asked for and has no lesion masks.
    #[error("--lesions {name}: derivatives/{name} holds no lesion mask; masks stand in: {}", list(available))]
    UnknownPipeline {
        /// The name that was given.
        name: String,
        /// The pipelines with masks.
        available: Vec<String>,
    },
    /// Several files for one role.
    #[error("several files fit {role}: {}; remove all but one, list one in a worklist, or set study.several_files", files.join(", "))]
    SeveralFiles {
        /// What the file would be used as.
        role: String,
        /// The files.
        files: Vec<String>,
    },
    /// Files of two subjects or sessions in one place.
    #[error("{file} names {found} but stands in {place}, which is {expected}: are two subjects' files mixed?")]
    Mixed {
        /// The file.
        file: String,
        /// The label that its name carries.
        found: String,
        /// Where it stands: a folder, or a line of the worklist.
        place: String,
        /// The label of that place.
        expected: String,
    },
    /// A file that is named but not there.
    #[error("{file}, named in {place}, does not exist{}", if *link { " (a broken link: are the data fetched?)" } else { "" })]
    MissingFile {
        /// The file.
        file: String,
        /// What names it.
        place: String,
        /// Whether a link stands there whose target is missing.
        link: bool,
    },
    /// An acquisition value that cannot be right.
    #[error("{file}: {source}")]
    Acquisition {
        /// The sidecar, or the image where it has none.
        file: String,
        /// The value.
        source: AcquisitionError,
    },
    /// A key of the settings that cannot be right.
    #[error("settings: study.{key}: {problem}")]
    Settings {
        /// The key.
        key: &'static str,
        /// Expected and found.
        problem: String,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

/// A list that does not fill the screen.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0 => "none".to_owned(),
        count if count <= SHOWN => names.join(", "),
        count => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
    }
}
