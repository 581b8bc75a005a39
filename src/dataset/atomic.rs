//! Nothing half-written is ever visible: files and whole sessions are made aside and renamed into place.
//!
//! A renaming within one file system happens as a whole or not at all (POSIX.1-2017, `rename`), so a reader, or a
//! second machine of a cluster, sees the old file or the new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::error::DatasetError;
use crate::study::PROGRAM;

/// The folder in which sessions are made; hidden, so that no reader of the dataset looks into it.
const STAGING: &str = ".staging";

/// In a folder of the staging folder: held locked by the process that fills it, with the boot of the machine it runs on.
const LOCK: &str = "lock";

/// What a stopped run has left in the staging folder is removed after this time, where nothing tells sooner that nobody
/// fills it any more: no session takes as long.
const LEFTOVER_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Writes a file as a whole.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    replace_file(path, |aside| {
        fs::write(aside, bytes).map_err(|error| DatasetError::unwritable(path.display(), &error))
    })
}

/// Lets `write` make a file aside, in the same folder and with the same extension, and renames it into place. Where
/// `write` fails nothing is left behind.
pub fn replace_file<E: From<DatasetError>>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let file = StagedFile::beside(path)?;
    write(file.made())?;
    Ok(file.commit()?)
}

/// A file that is being made aside. It stands in its place when it is committed; dropped before, it leaves nothing
/// behind, not even the folders that were made for it.
#[derive(Debug)]
pub struct StagedFile {
    path: PathBuf,
    made: PathBuf,
    /// A private folder: whatever the writer adds beside its file (a second file of a pair) goes with it.
    aside: Option<tempfile::TempDir>,
    /// The folders that were made for it, the innermost first.
    folders: Vec<PathBuf>,
}

impl StagedFile {
    /// Makes room for the file at `path`.
    pub fn beside(path: &Path) -> Result<Self, DatasetError> {
        let unwritable = |error: &io::Error| DatasetError::unwritable(path.display(), error);
        let folder = folder_of(path);
        let folders = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let mut file = Self {
            path: path.to_path_buf(),
            made: PathBuf::new(),
            aside: None,
            folders: folders.map(Path::to_path_buf).collect(),
        };
        fs::create_dir_all(folder).map_err(|error| unwritable(&error))?;
        let aside = tempfile::Builder::new().prefix(".writing-").tempdir_in(folder);
        let aside = aside.map_err(|error| unwritable(&error))?;
        file.made = aside.path().join(path.file_name().unwrap_or_default());
        file.aside = Some(aside);
        Ok(file)
    }

    /// Where it is made: beside its place, with the same name.
    pub fn made(&self) -> &Path {
        &self.made
    }

    /// Puts it into its place.
    pub fn commit(mut self) -> Result<(), DatasetError> {
        fs::rename(&self.made, &self.path).map_err(|error| DatasetError::unwritable(self.path.display(), &error))?;
        self.folders.clear();
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        self.aside = None;
        for folder in &self.folders {
            // Fails, as it should, where something else has come to stand there.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An error where a file stands that this program did not write: its sidecar tells. A single command asks before it
/// replaces a file of a folder that it shares with others.
pub fn check_replaceable(path: &Path, force: bool) -> Result<(), DatasetError> {
    let (stem, _) = crate::study::split_extension(path.file_name().and_then(|name| name.to_str()).unwrap_or_default());
    if force || !path.exists() || is_ours(&path.with_file_name(format!("{stem}.json"))) {
        return Ok(());
    }
    Err(DatasetError::FileNotOurs { file: path.display().to_string() })
}

/// The folder of an output dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFolder {
    root: PathBuf,
}

impl OutputFolder {
    /// Opens a folder for writing and makes it where it does not exist. A folder with other people's files is refused
    /// without `force`, a study of raw images always.
    pub fn open(root: &Path, force: bool) -> Result<Self, DatasetError> {
        fs::create_dir_all(root).map_err(|error| DatasetError::unwritable(root.display(), &error))?;
        let description = root.join("dataset_description.json");
        // BIDS 1.10: a description without DatasetType is that of a raw dataset.
        let is_raw = |found: Value| found.get("DatasetType").is_none_or(|kind| kind == "raw");
        if !is_ours(&description) && read_description(&description).is_some_and(is_raw) {
            return Err(DatasetError::RawStudy { folder: root.display().to_string() });
        }
        let mut entries = fs::read_dir(root).map_err(|error| DatasetError::unreadable(root.display(), &error))?;
        let holds_others = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != STAGING));
        if holds_others && !force && !is_ours(&description) {
            return Err(DatasetError::NotOurs { folder: root.display().to_string() });
        }
        let output = Self { root: root.to_path_buf() };
        output.remove_leftovers();
        Ok(output)
    }

    /// An error where a folder for the output is the study itself. Nothing is made or changed.
    pub fn refuse_study(output: &Path, study: &Path) -> Result<(), DatasetError> {
        match (fs::canonicalize(output), fs::canonicalize(study)) {
            (Ok(one), Ok(other)) if one == other => {
                Err(DatasetError::RawStudy { folder: output.display().to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Opens an output of this program for reading.
    pub fn existing(root: &Path) -> Result<Self, DatasetError> {
        if is_ours(&root.join("dataset_description.json")) {
            return Ok(Self { root: root.to_path_buf() });
        }
        let problem = format!("expected an output folder of {PROGRAM}, with its dataset_description.json");
        Err(DatasetError::Broken { file: root.display().to_string(), problem })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a session: `sub-01/ses-02`, or `sub-01`.
    pub fn session(&self, participant_id: &str, session_id: Option<&str>) -> PathBuf {
        let subject = self.root.join(participant_id);
        session_id.map_or(subject.clone(), |session| subject.join(session))
    }

    /// The folders in which sessions stand, in order: `sub-01`, `sub-01/ses-01`, …
    pub fn session_folders(&self) -> Result<Vec<PathBuf>, DatasetError> {
        super::tables::session_folders(&self.root)
    }

    /// Begins a session: an empty folder aside, to be filled and then put into place.
    pub fn stage(&self, participant_id: &str, session_id: Option<&str>) -> Result<Staging, DatasetError> {
        let target = self.session(participant_id, session_id);
        let unwritable = |error: io::Error| DatasetError::unwritable(target.display(), &error);
        let staging = self.root.join(STAGING);
        fs::create_dir_all(&staging).map_err(unwritable)?;
        let aside = tempfile::tempdir_in(&staging).map_err(unwritable)?;
        // The folder that is renamed lies inside: the temporary one is private to its owner, outputs follow the umask.
        let folder = aside.path().join("new");
        fs::create_dir(&folder).map_err(unwritable)?;
        let lock = hold(aside.path());
        Ok(Staging { aside: Some(aside), folder, target, staging, _lock: lock })
    }

    /// Removes the folder of a session that failed: what an earlier run left there is not its result.
    pub fn remove_session(&self, participant_id: &str, session_id: Option<&str>) -> Result<(), DatasetError> {
        let target = self.session(participant_id, session_id);
        match fs::remove_dir_all(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DatasetError::unwritable(target.display(), &error));
            }
            _ => {}
        }
        // The subject's folder goes too where nothing is left in it.
        let _ = fs::remove_dir(self.root.join(participant_id));
        Ok(())
    }

    fn remove_leftovers(&self) {
        let Ok(entries) = fs::read_dir(self.root.join(STAGING)) else { return };
        for entry in entries.flatten() {
            let age =
                entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > LEFTOVER_AGE) || is_abandoned(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        // Succeeds only when no session is in the making.
        let _ = fs::remove_dir(self.root.join(STAGING));
    }
}

/// A session in the making. Dropped without [`Self::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Staging {
    aside: Option<tempfile::TempDir>,
    folder: PathBuf,
    target: PathBuf,
    staging: PathBuf,
    /// Held as long as the session is in the making; `None` where the file system has no locks.
    _lock: Option<fs::File>,
}

/// Holds a folder as one that is being filled. The lock ends with the process, however that ends.
fn hold(folder: &Path) -> Option<fs::File> {
    let boot = boot()?;
    // Locked before it has its name: whoever finds it finds it locked.
    let unnamed = folder.join("unnamed");
    let file = fs::File::create_new(&unnamed).ok()?;
    file.try_lock().ok()?;
    fs::write(&unnamed, boot).ok()?;
    fs::rename(&unnamed, folder.join(LOCK)).ok()?;
    Some(file)
}

/// Whether the process that filled a folder has surely ended: it ran on this machine since its start, and its lock is
/// free.
///
/// METHOD: on a cluster several machines write into one output. Locks of another machine are not seen on every shared
/// file system, so nothing is concluded for them; their folders wait for [`LEFTOVER_AGE`].
fn is_abandoned(folder: &Path) -> bool {
    let path = folder.join(LOCK);
    let here = boot().is_some_and(|boot| fs::read_to_string(&path).is_ok_and(|told| told == boot));
    here && fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
}

/// A label of this start of this machine; `None` where the system tells none. Containers of one machine share it, as
/// they share its locks.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().filter(|boot| !boot.trim().is_empty())
}

impl Staging {
    /// The folder to fill: its files will stand in the session's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts the session into place, in the stead of an earlier one.
    pub fn commit(mut self) -> Result<PathBuf, DatasetError> {
        let unwritable = |error: io::Error| DatasetError::unwritable(self.target.display(), &error);
        let Some(aside) = self.aside.take() else { return Ok(self.target.clone()) };
        fs::create_dir_all(folder_of(&self.target)).map_err(unwritable)?;
        let old = aside.path().join("old");
        match fs::rename(&self.target, &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
        if let Err(error) = fs::rename(&self.folder, &self.target) {
            // The earlier session goes back to its place; where that fails too, the first fault is the one to tell.
            let _ = fs::rename(&old, &self.target);
            return Err(unwritable(error));
        }
        Ok(self.target.clone())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        drop(self.aside.take());
        // Succeeds only when no other session is in the making.
        let _ = fs::remove_dir(&self.staging);
    }
}

/// Whether a description or a sidecar says that this program made what it describes.
fn is_ours(json: &Path) -> bool {
    read_description(json).is_some_and(|found| {
        let programs = found["GeneratedBy"].as_array().cloned().unwrap_or_default();
        programs.iter().any(|program| program["Name"] == PROGRAM)
    })
}

fn read_description(json: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(json).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#"{"DatasetType": "derivative", "GeneratedBy": [{"Name": "relight"}]}"#;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn output() -> (tempfile::TempDir, OutputFolder) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dataset_description.json"), OURS).unwrap();
        let output = OutputFolder::open(folder.path(), false).unwrap();
        (folder, output)
    }

    #[test]
    fn what_a_stopped_run_left_goes_with_the_next_one_and_what_is_being_filled_stays() {
        if boot().is_none() {
            return;
        }
        let (folder, output) = output();
        let staging = folder.path().join(STAGING);
        let leave = |name: &str, boot: &str| {
            fs::create_dir_all(staging.join(name).join("new")).unwrap();
            fs::write(staging.join(name).join(LOCK), boot).unwrap();
        };
        leave("stopped", &boot().unwrap());
        leave("other-machine", "another boot");
        fs::create_dir_all(staging.join("no-lock")).unwrap();
        let filling = output.stage("sub-01", None).unwrap();
        OutputFolder::open(folder.path(), false).unwrap();
        assert!(filling.folder().exists(), "a session that is being filled stays");
        assert!(!staging.join("stopped").exists());
        assert!(staging.join("other-machine").exists() && staging.join("no-lock").exists());
        fs::write(filling.folder().join("a"), "a").unwrap();
        let committed = filling.commit().unwrap();
        assert_eq!(names(&committed), ["a"], "the lock is no part of the session");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.tsv");
        write_file(&path, b"one").unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(path.parent().unwrap()), ["a.tsv"]);
    }

    #[test]
    fn a_writer_that_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        write_file(&path, b"old").unwrap();
        let failed = replace_file(&path, |aside| {
            assert!(aside.to_str().unwrap().ends_with(".nii.gz"), "the writer sees the extension");
            fs::write(aside, "half").unwrap();
            Err(DatasetError::NotOurs { folder: "x".into() })
        });
        assert!(failed.is_err());
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["a.nii.gz".to_owned()]));
    }

    #[test]
    fn what_is_made_aside_and_dropped_takes_the_folders_that_were_made_for_it_along() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("new/deep/a.nii"), folder.path().join("new/b.nii"));
        let file = StagedFile::beside(&one).unwrap();
        fs::write(file.made(), "half").unwrap();
        assert_eq!(names(one.parent().unwrap()).len(), 1, "aside, in the same folder");
        assert!(!one.exists());
        drop(file);
        assert!(names(folder.path()).is_empty());
        let file = StagedFile::beside(&one).unwrap();
        write_file(&other, b"b").unwrap();
        drop(file);
        assert_eq!(names(&folder.path().join("new")), ["b.nii"], "what came to stand there stays");
        let file = StagedFile::beside(&one).unwrap();
        fs::write(file.made(), "whole").unwrap();
        file.commit().unwrap();
        assert_eq!(
            (fs::read(&one).unwrap(), names(one.parent().unwrap())),
            (b"whole".to_vec(), vec!["a.nii".to_owned()])
        );
    }

    #[test]
    fn a_folder_with_other_peoples_files_is_refused_without_force() {
        let folder = tempfile::tempdir().unwrap();
        assert!(OutputFolder::open(folder.path(), false).is_ok(), "an empty folder is free");
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        assert!(matches!(OutputFolder::open(folder.path(), false), Err(DatasetError::NotOurs { .. })));
        assert!(OutputFolder::open(folder.path(), true).is_ok());
        fs::write(folder.path().join("dataset_description.json"), OURS).unwrap();
        assert!(OutputFolder::open(folder.path(), false).is_ok(), "our own output is recognized");
    }

    #[test]
    fn a_raw_study_is_never_an_output_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dataset_description.json"), r#"{"DatasetType": "raw"}"#).unwrap();
        assert!(matches!(OutputFolder::open(folder.path(), true), Err(DatasetError::RawStudy { .. })));
        fs::write(folder.path().join("dataset_description.json"), r#"{"Name": "old study"}"#).unwrap();
        assert!(matches!(OutputFolder::open(folder.path(), true), Err(DatasetError::RawStudy { .. })));
    }

    #[test]
    fn an_output_folder_that_is_the_study_is_told() {
        let (folder, output) = output();
        assert!(OutputFolder::refuse_study(output.root(), &folder.path().join(".")).is_err());
        assert_eq!(OutputFolder::refuse_study(output.root(), &std::env::temp_dir()), Ok(()));
    }

    #[test]
    fn a_session_appears_as_a_whole_and_replaces_the_earlier_one() {
        let (folder, output) = output();
        let target = folder.path().join("sub-01/ses-1");
        for (run, files) in [("a", ["x", "y"]), ("b", ["y", "z"])] {
            let staging = output.stage("sub-01", Some("ses-1")).unwrap();
            for file in files {
                fs::write(staging.folder().join(file), run).unwrap();
            }
            assert_eq!(target.exists(), run == "b", "nothing is visible before the commit");
            assert_eq!(staging.commit().unwrap(), target);
            assert_eq!(names(&target), files);
        }
        assert_eq!(fs::read_to_string(target.join("y")).unwrap(), "b");
        assert_eq!(names(folder.path()), ["dataset_description.json", "sub-01"]);
    }

    #[test]
    fn a_session_that_fails_leaves_nothing() {
        let (folder, output) = output();
        let staging = output.stage("sub-01", Some("ses-1")).unwrap();
        fs::write(staging.folder().join("half"), "").unwrap();
        drop(staging);
        assert_eq!(names(folder.path()), ["dataset_description.json"]);
    }

    #[test]
    fn the_earlier_result_of_a_failed_session_is_removed_with_its_empty_subject() {
        let (folder, output) = output();
        for session in ["ses-1", "ses-2"] {
            output.stage("sub-01", Some(session)).unwrap().commit().unwrap();
        }
        output.remove_session("sub-01", Some("ses-1")).unwrap();
        assert_eq!(names(&folder.path().join("sub-01")), ["ses-2"]);
        output.remove_session("sub-01", Some("ses-2")).unwrap();
        output.remove_session("sub-01", Some("ses-2")).unwrap();
        assert_eq!(names(folder.path()), ["dataset_description.json"]);
    }

    #[test]
    fn a_file_is_replaced_only_when_its_sidecar_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_rcbv.nii.gz");
        assert_eq!(check_replaceable(&path, false), Ok(()));
        fs::write(&path, "").unwrap();
        assert!(check_replaceable(&path, false).is_err());
        assert_eq!(check_replaceable(&path, true), Ok(()));
        fs::write(folder.path().join("a_rcbv.json"), OURS).unwrap();
        assert_eq!(check_replaceable(&path, false), Ok(()));
    }

    #[cfg(unix)]
    #[test]
    fn outputs_are_readable_as_the_umask_has_it() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, output) = output();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let plain = folder.path().join("plain");
        fs::create_dir(&plain).unwrap();
        fs::write(plain.join("file"), "").unwrap();
        let session = output.stage("sub-01", None).unwrap().commit().unwrap();
        write_file(&session.join("file"), b"").unwrap();
        assert_eq!((mode(&session), mode(&session.join("file"))), (mode(&plain), mode(&plain.join("file"))));
    }
}
