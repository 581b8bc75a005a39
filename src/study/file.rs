//! A file of the study: where it can be opened, and how it may be named in outputs.

use std::path::{Path, PathBuf};

/// A file of the study. Only [`Self::relative`] may stand in an output: an absolute path can name a person or a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputFile {
    relative: String,
    path: PathBuf,
}

impl InputFile {
    /// A file inside the study folder `root`; a file outside it is named by its file name alone.
    pub fn inside(root: &Path, path: PathBuf) -> Self {
        let relative = match path.strip_prefix(root) {
            Ok(inside) => slashed(inside),
            Err(_) => file_name(&path),
        };
        Self { relative, path }
    }

    /// A file given on its own, as the single commands take it; named by its file name alone.
    pub fn lone(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { relative: file_name(&path), path }
    }

    /// A file with the name that outputs may show.
    pub fn named(relative: String, path: PathBuf) -> Self {
        Self { relative, path }
    }

    /// Where the file can be opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name in outputs and messages: the path inside the study, with `/`.
    pub fn relative(&self) -> &str {
        &self.relative
    }

    /// Its last component.
    pub fn file_name(&self) -> &str {
        self.relative.rsplit('/').next().unwrap_or(&self.relative)
    }
}

impl std::fmt::Display for InputFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.relative)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_study_is_named_from_its_root() {
        let file = InputFile::inside(Path::new("/data/study"), "/data/study/sub-01/anat/a.nii".into());
        assert_eq!(file.relative(), "sub-01/anat/a.nii");
        assert_eq!(file.file_name(), "a.nii");
    }

    #[test]
    fn a_file_outside_the_study_never_shows_its_folder() {
        let file = InputFile::inside(Path::new("/data/study"), "/home/person/a.nii".into());
        assert_eq!(file.relative(), "a.nii");
    }
}
