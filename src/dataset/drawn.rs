//! What was drawn for a subject (pages, PDF, figures), with the hash of each file: `report` draws it again, `verify`
//! compares.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic::write_file;
use super::error::{DatasetError, shown};
use super::provenance::{Difference, FileRecord, hash_bytes, hash_file};

/// The record stands beside the figures, where neither the BIDS validator nor a session's record looks.
const FOLDER: &str = "figures";

/// The files drawn for one subject, by their path inside the output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// Each file with its hash, in the order in which they were drawn.
    pub files: Vec<FileRecord>,
}

impl Drawn {
    /// Writes a drawn file, as a whole, and keeps its hash.
    pub fn add(&mut self, root: &Path, path: &str, bytes: &[u8]) -> Result<(), DatasetError> {
        write_file(&root.join(path), bytes)?;
        self.files.push(FileRecord { path: path.to_owned(), sha256: hash_bytes(bytes) });
        Ok(())
    }

    /// Removes figures of an earlier drawing that this one has not, and writes the record.
    pub fn finish(&self, root: &Path, participant_id: &str) -> Result<(), DatasetError> {
        if let Some(before) = Self::read(root, participant_id)? {
            for old in before.files.iter().filter(|old| !self.files.iter().any(|new| new.path == old.path)) {
                // A file that is not there need not go.
                drop(fs::remove_file(root.join(&old.path)));
            }
        }
        let file = name(participant_id);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| DatasetError::Broken { file: shown(Path::new(&file)), problem: error.to_string() })?;
        write_file(&root.join(file), format!("{text}\n").as_bytes())
    }

    /// The record of a subject; `None` where nothing was drawn.
    pub fn read(root: &Path, participant_id: &str) -> Result<Option<Self>, DatasetError> {
        let file = name(participant_id);
        let text = match fs::read(root.join(&file)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DatasetError::unreadable(file, &error)),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| DatasetError::Broken { file, problem: error.to_string() })
    }

    /// What differs from the record.
    pub fn differences(&self, root: &Path) -> Vec<Difference> {
        self.files
            .iter()
            .filter_map(|record| match hash_file(&root.join(&record.path)) {
                Ok(hash) if hash == record.sha256 => None,
                Ok(_) => Some(Difference::Changed(record.path.clone())),
                Err(_) => Some(Difference::Missing(record.path.clone())),
            })
            .collect()
    }

    /// Removes everything that was drawn for a subject.
    pub fn remove(root: &Path, participant_id: &str) -> Result<(), DatasetError> {
        if Self::read(root, participant_id)?.is_some() {
            Self::default().finish(root, participant_id)?;
            let subject = root.join(participant_id);
            drop(fs::remove_file(root.join(name(participant_id))));
            // A folder that holds something else stays.
            drop(fs::remove_dir(subject.join(FOLDER)));
            drop(fs::remove_dir(subject));
        }
        Ok(())
    }
}

/// The record's file.
fn name(participant_id: &str) -> String {
    format!("{participant_id}/{FOLDER}/{participant_id}_drawn.json")
}

/// The place of a figure inside the output.
pub fn figure_path(participant_id: &str, file: &str) -> String {
    format!("{participant_id}/{FOLDER}/{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_figure_is_told_and_an_old_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut first = Drawn::default();
        for file in ["a.svg", "b.svg"] {
            first.add(root, &figure_path("sub-01", file), file.as_bytes()).unwrap();
        }
        first.finish(root, "sub-01").unwrap();
        assert!(Drawn::read(root, "sub-01").unwrap().unwrap().differences(root).is_empty());
        fs::write(root.join("sub-01/figures/a.svg"), "other").unwrap();
        fs::remove_file(root.join("sub-01/figures/b.svg")).unwrap();
        let found = first.differences(root);
        assert_eq!(found[0], Difference::Changed("sub-01/figures/a.svg".into()));
        assert_eq!(found[1], Difference::Missing("sub-01/figures/b.svg".into()));
        let mut second = Drawn::default();
        second.add(root, &figure_path("sub-01", "b.svg"), b"b").unwrap();
        second.finish(root, "sub-01").unwrap();
        assert!(!root.join("sub-01/figures/a.svg").exists() && root.join("sub-01/figures/b.svg").exists());
        Drawn::remove(root, "sub-01").unwrap();
        assert!(!root.join("sub-01").exists());
        assert_eq!(Drawn::read(root, "sub-01").unwrap(), None);
    }
}
