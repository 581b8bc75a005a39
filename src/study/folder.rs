//! A BIDS folder: its subjects, their sessions, and the derivatives beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::assemble::{Listed, ListedDerivative};
use super::entities::BidsName;
use super::error::StudyError;
use super::file::InputFile;
use super::masks::{Derived, classify, datatype_of};
use super::session::Ignored;
use super::settings::{Settings, contains_word};
use super::sidecar::read_json;

/// Folders below this depth are not looked into: a link that leads back into the tree ends here.
const DEEPEST: usize = 8;

/// The name by which `dataset_description.json` recognizes our own outputs.
pub const PROGRAM: &str = "relight";

/// A folder of `derivatives/` that holds subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    /// Path below `derivatives/`, or `.` for subjects that stand in `derivatives/` itself.
    pub name: String,
    pub folder: PathBuf,
    /// Whether it writes tissue classes as `_dseg`.
    pub tissue: bool,
}

/// The files of a subject, by session.
#[derive(Debug, Default)]
pub(super) struct SubjectFiles {
    pub images: BTreeMap<Option<String>, Vec<Listed>>,
    pub derivatives: BTreeMap<Option<String>, Vec<ListedDerivative>>,
    pub problems: BTreeMap<Option<String>, Vec<StudyError>>,
    pub ignored: Vec<Ignored>,
}

/// Names of the `sub-…` folders, in order.
pub(super) fn subject_folders(root: &Path) -> Result<Vec<String>, StudyError> {
    folders_named(root, root, "sub-")
}

/// The derivatives of a study in order of their names; our own outputs are passed over.
pub(super) fn pipelines(root: &Path, settings: &Settings) -> Result<Vec<Pipeline>, StudyError> {
    let derivatives = root.join("derivatives");
    let mut found = Vec::new();
    if derivatives.is_dir() {
        find_pipelines(root, &derivatives, ".", 0, settings, &mut found)?;
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn find_pipelines(
    root: &Path,
    folder: &Path,
    name: &str,
    depth: usize,
    settings: &Settings,
    found: &mut Vec<Pipeline>,
) -> Result<(), StudyError> {
    let programs = generated_by(root, folder)?;
    if depth > DEEPEST || programs.iter().any(|program| program.eq_ignore_ascii_case(PROGRAM)) {
        return Ok(());
    }
    let mut has_subjects = false;
    for Entry { path, name: below, .. } in entries(root, folder)?.into_iter().filter(|entry| entry.is_folder) {
        if below.starts_with("sub-") {
            has_subjects = true;
        } else if below != "sourcedata" && below != "logs" {
            let below = if name == "." { below } else { format!("{name}/{below}") };
            find_pipelines(root, &path, &below, depth + 1, settings, found)?;
        }
    }
    if has_subjects {
        let tissue = programs.iter().any(|program| contains_word(&settings.tissue_pipelines, program));
        found.push(Pipeline { name: name.to_owned(), folder: folder.to_path_buf(), tissue });
    }
    Ok(())
}

/// The programs that a dataset's description names.
fn generated_by(root: &Path, folder: &Path) -> Result<Vec<String>, StudyError> {
    let path = folder.join("dataset_description.json");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let description = read_json(&InputFile::inside(root, path))?;
    let programs = description.get("GeneratedBy").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(programs.iter().filter_map(|program| program.get("Name")?.as_str().map(str::to_owned)).collect())
}

/// Whether a derivative holds a lesion mask for any subject of the study.
pub(super) fn holds_lesions(
    root: &Path,
    pipeline: &Pipeline,
    subjects: &[String],
    settings: &Settings,
) -> Result<bool, StudyError> {
    for subject in subjects {
        for file in files_below(root, &pipeline.folder.join(subject))? {
            if let Some(name) = BidsName::parse(file.file_name())
                && let Derived::Lesions(..) = classify(&name, &datatype_of(file.path()), pipeline.tissue, settings)
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Lists the files of a subject in the study and in its derivatives.
pub(super) fn subject_files(root: &Path, subject: &str, pipelines: &[Pipeline]) -> Result<SubjectFiles, StudyError> {
    let mut found = SubjectFiles::default();
    let folder = root.join(subject);
    for file in files_below(root, &folder)? {
        if let Some((session, listed)) = place(&folder, subject, file, true, &mut found) {
            found.images.entry(session).or_default().push(listed);
        }
    }
    for pipeline in pipelines {
        let folder = pipeline.folder.join(subject);
        for file in files_below(root, &folder)? {
            if let Some((session, listed)) = place(&folder, subject, file, false, &mut found) {
                let derivative = ListedDerivative { listed, pipeline: pipeline.name.clone(), tissue: pipeline.tissue };
                found.derivatives.entry(session).or_default().push(derivative);
            }
        }
    }
    settle_without_session(&mut found);
    for session in folders_named(root, &folder, "ses-")? {
        found.images.entry(Some(session)).or_default();
    }
    Ok(found)
}

/// The session of a file by its folder, else by its name. A name of another subject or session is a problem of the
/// session in whose folder it stands; in a derivative only images are looked at so.
fn place(
    folder: &Path,
    subject: &str,
    file: InputFile,
    raw: bool,
    found: &mut SubjectFiles,
) -> Option<(Option<String>, Listed)> {
    let below = file.path().strip_prefix(folder).ok()?;
    let first = below.components().next()?.as_os_str().to_string_lossy().into_owned();
    let by_folder = (first.starts_with("ses-") && below.components().count() > 1).then_some(first);
    let Some(name) = BidsName::parse(file.file_name()) else {
        if super::entities::is_image_name(file.file_name()) {
            let reason = "its name is not made of BIDS entities and a suffix".to_owned();
            found.ignored.push(Ignored { file: file.relative().to_owned(), reason });
        }
        return None;
    };
    let by_name = name.entity("ses").map(|label| format!("ses-{label}"));
    let mut mixed = |carried: String, expected: &str| {
        if !raw && !name.is_image() {
            return;
        }
        let problem = StudyError::Mixed {
            file: file.relative().to_owned(),
            found: carried,
            place: file.relative().rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned(),
            expected: expected.to_owned(),
        };
        found.problems.entry(by_folder.clone()).or_default().push(problem);
    };
    match name.entity("sub").map(|label| format!("sub-{label}")) {
        Some(carried) if carried != subject => {
            mixed(carried, subject);
            return None;
        }
        None if name.is_image() => {
            let reason = "its name has no sub-".to_owned();
            found.ignored.push(Ignored { file: file.relative().to_owned(), reason });
            return None;
        }
        _ => {}
    }
    if let (Some(expected), Some(carried)) = (&by_folder, &by_name)
        && expected != carried
    {
        mixed(carried.clone(), expected);
        return None;
    }
    let datatype = datatype_of(file.path());
    Some((by_folder.or(by_name), Listed { file, name, datatype }))
}

/// Files that name no session belong to the subject's only session; where there are several they belong to none.
fn settle_without_session(found: &mut SubjectFiles) {
    let sessions: BTreeSet<String> =
        found.images.keys().chain(found.derivatives.keys()).chain(found.problems.keys()).flatten().cloned().collect();
    if sessions.is_empty() {
        return;
    }
    let images = found.images.remove(&None).unwrap_or_default();
    let derivatives = found.derivatives.remove(&None).unwrap_or_default();
    let problems = found.problems.remove(&None).unwrap_or_default();
    if sessions.len() == 1 {
        let only = sessions.into_iter().next();
        found.images.entry(only.clone()).or_default().extend(images);
        found.derivatives.entry(only.clone()).or_default().extend(derivatives);
        found.problems.entry(only).or_default().extend(problems);
        return;
    }
    let images = images.into_iter().map(|listed| listed.file);
    for file in images.chain(derivatives.into_iter().map(|derivative| derivative.listed.file)) {
        if super::entities::is_image_name(file.file_name()) {
            let reason = "it names no session although the subject has several".to_owned();
            found.ignored.push(Ignored { file: file.relative().to_owned(), reason });
        }
    }
    // A foreign file at the subject's level could be about any session: each of them says so.
    for session in sessions {
        found.problems.entry(Some(session)).or_default().extend(problems.iter().cloned());
    }
}

/// All files below a folder in order of their paths; a folder that does not exist has none.
fn files_below(root: &Path, folder: &Path) -> Result<Vec<InputFile>, StudyError> {
    fn walk(root: &Path, folder: &Path, depth: usize, files: &mut Vec<InputFile>) -> Result<(), StudyError> {
        for Entry { path, is_folder, .. } in entries(root, folder)? {
            if is_folder {
                if depth < DEEPEST {
                    walk(root, &path, depth + 1, files)?;
                }
            } else {
                files.push(InputFile::inside(root, path));
            }
        }
        Ok(())
    }
    let mut files = Vec::new();
    if folder.is_dir() {
        walk(root, folder, 0, &mut files)?;
    }
    Ok(files)
}

/// Something in a folder.
struct Entry {
    path: PathBuf,
    name: String,
    is_folder: bool,
}

/// Names of the folders in a folder that begin with a prefix, in order.
fn folders_named(root: &Path, folder: &Path, prefix: &str) -> Result<Vec<String>, StudyError> {
    let wanted = |entry: &Entry| entry.is_folder && entry.name.starts_with(prefix) && entry.name.len() > prefix.len();
    Ok(entries(root, folder)?.into_iter().filter(wanted).map(|entry| entry.name).collect())
}

/// What a folder holds, in order of the names; hidden entries are left out.
fn entries(root: &Path, folder: &Path) -> Result<Vec<Entry>, StudyError> {
    let unreadable = |error: std::io::Error| StudyError::Unreadable {
        file: InputFile::inside(root, folder.to_path_buf()).relative().to_owned(),
        problem: error.to_string(),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        let path = entry.path();
        // Only a link has to be followed: asking for each file again would double the time on a network drive.
        let is_folder = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
        found.push(Entry { path, name, is_folder });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}
