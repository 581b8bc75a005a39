//! From what a session was made, by what, and whether it is whole: the record that `--resume` and `verify` read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::atomic::write_file;
use super::error::{DatasetError, shown};
use super::tables::relative;
use crate::study::InputFile;

/// The end of the name of a session's record.
const PROVENANCE_JSON: &str = "_provenance.json";

/// A file and the SHA-256 of its bytes (FIPS 180-4), in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path inside the study, or inside the session's folder.
    pub path: String,
    /// The hash.
    pub sha256: String,
}

/// Hashes a file, read in blocks.
pub fn hash_file(path: &Path) -> Result<String, DatasetError> {
    const BLOCK: usize = 1 << 20;
    let unreadable = |error: io::Error| DatasetError::unreadable(shown(path), &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut block = vec![0; BLOCK];
    let mut hash = Sha256::new();
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(count) => hash.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}

/// Hashes a text, such as a settings file.
pub fn hash_text(text: &str) -> String {
    hash_bytes(text.as_bytes())
}

/// Hashes bytes in memory.
pub fn hash_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The records of a session's inputs, in order of their paths.
pub fn input_records(files: &[InputFile]) -> Result<Vec<FileRecord>, DatasetError> {
    let record =
        |file: &InputFile| Ok(FileRecord { path: file.relative().to_owned(), sha256: hash_file(file.path())? });
    let mut records: Vec<FileRecord> = files.iter().map(record).collect::<Result<_, _>>()?;
    records.sort();
    Ok(records)
}

/// What identifies a run of a session: the same identifier means the same result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The hash of inputs, tables' facts, settings and program version. Each part goes in with its length, so that no
    /// two different sets of parts give one text.
    pub fn new(inputs: &[FileRecord], facts: &str, settings_hash: &str, version: &str) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        for text in [version, settings_hash, facts] {
            part(text);
        }
        for input in inputs {
            part(&input.path);
            part(&input.sha256);
        }
        Self(hexadecimal(&hash.finalize()))
    }

    /// The identifier of the same session with clinical findings that were told after measuring, as a text; without any
    /// it stays what it is.
    pub fn annotated(&self, annotations: &str) -> Self {
        if annotations.is_empty() { self.clone() } else { Self(hash_text(&format!("{}\n{annotations}", self.0))) }
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The record of a finished session. It is written last: a session without it is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// What identifies the run.
    pub run_id: RunId,
    /// What identifies the measurement, before any annotation.
    pub measured_id: RunId,
    /// Program version.
    pub version: String,
    /// Version of the decision rules.
    pub rules_version: String,
    /// Hash of the settings.
    pub settings_hash: String,
    /// What was read, by path inside the study.
    pub inputs: Vec<FileRecord>,
    /// What was written, by path inside the session's folder.
    pub outputs: Vec<FileRecord>,
}

/// A file that is no longer what the record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It has other bytes.
    Changed(String),
    /// It is gone.
    Missing(String),
    /// It is not in the record.
    Unrecorded(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(path) => write!(f, "{path} was changed"),
            Self::Missing(path) => write!(f, "{path} is missing"),
            Self::Unrecorded(path) => write!(f, "{path} was added"),
        }
    }
}

impl Completion {
    /// Records what stands in a session's folder and writes the record into it. `stem` is the session's, such as
    /// `sub-01_ses-02`.
    pub fn write(mut self, folder: &Path, stem: &str) -> Result<Self, DatasetError> {
        let own = format!("{stem}{PROVENANCE_JSON}");
        self.outputs = records_of(folder)?.into_iter().filter(|record| record.path != own).collect();
        let text = serde_json::to_string_pretty(&self)
            .map_err(|error| DatasetError::Broken { file: own.clone(), problem: error.to_string() })?;
        write_file(&folder.join(&own), format!("{text}\n").as_bytes())?;
        Ok(self)
    }

    /// Reads the record of a session; `None` where there is none.
    pub fn read(folder: &Path, stem: &str) -> Result<Option<Self>, DatasetError> {
        let file = format!("{stem}{PROVENANCE_JSON}");
        let bytes = match fs::read(folder.join(&file)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DatasetError::unreadable(file, &error)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| DatasetError::Broken { file, problem: error.to_string() })
    }

    /// Whether a session's folder holds the whole result of this run: `--resume` passes over it. A record that does not
    /// read back, or an output that is changed or missing, means that the session is done again.
    pub fn is_current(folder: &Path, stem: &str, run_id: &RunId) -> bool {
        let Ok(Some(record)) = Self::read(folder, stem) else { return false };
        let whole = |found: Vec<Difference>| found.iter().all(|one| matches!(one, Difference::Unrecorded(_)));
        record.run_id == *run_id && record.differences(folder, stem).is_ok_and(whole)
    }

    /// What differs between the record and the session's folder, in order of the paths.
    pub fn differences(&self, folder: &Path, stem: &str) -> Result<Vec<Difference>, DatasetError> {
        let own = format!("{stem}{PROVENANCE_JSON}");
        let found = records_of(folder)?;
        let mut differences = Vec::new();
        for recorded in &self.outputs {
            match found.iter().find(|record| record.path == recorded.path) {
                None => differences.push(Difference::Missing(recorded.path.clone())),
                Some(record) if record != recorded => differences.push(Difference::Changed(recorded.path.clone())),
                Some(_) => {}
            }
        }
        for record in found {
            let known = self.outputs.iter().any(|recorded| recorded.path == record.path);
            if !known && record.path != own {
                differences.push(Difference::Unrecorded(record.path));
            }
        }
        Ok(differences)
    }
}

/// The records of all files below a session's folder, in order of their paths. Figures are drawn again by `report` and
/// are not part of the result.
fn records_of(folder: &Path) -> Result<Vec<FileRecord>, DatasetError> {
    fn walk(root: &Path, folder: &Path, records: &mut Vec<FileRecord>) -> Result<(), DatasetError> {
        let unreadable = |error: io::Error| DatasetError::unreadable(shown(folder), &error);
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            paths.push(entry.map_err(unreadable)?.path());
        }
        for path in paths {
            if !path.is_dir() {
                records.push(FileRecord { path: relative(root, &path), sha256: hash_file(&path)? });
            } else if shown(&path) != "figures" && !shown(&path).starts_with("ses-") {
                walk(root, &path, records)?;
            }
        }
        Ok(())
    }
    let mut records = Vec::new();
    walk(folder, folder, &mut records)?;
    records.sort();
    Ok(records)
}

/// What a run did and when: the only place for the time of day, the command line and the number of threads.
#[derive(Debug)]
pub struct Log {
    file: File,
}

impl Log {
    /// Begins a log in `logs/`, in a file of its own: several shards may write at the same time.
    pub fn begin(output: &Path, command_line: &[String], threads: usize) -> Result<Self, DatasetError> {
        let folder = output.join("logs");
        fs::create_dir_all(&folder).map_err(|error| DatasetError::unwritable("logs", &error))?;
        let started = jiff::Timestamp::now();
        let name = format!("{}_{}.log", started.strftime("%Y%m%dT%H%M%SZ"), std::process::id());
        let file = File::options()
            .create(true)
            .append(true)
            .open(folder.join(&name))
            .map_err(|error| DatasetError::unwritable(format!("logs/{name}"), &error))?;
        let mut log = Self { file };
        log.line(&format!("command: {}", command_line.join(" ")));
        log.line(&format!("version: {}, threads: {threads}", env!("CARGO_PKG_VERSION")));
        Ok(log)
    }

    /// Adds a line with the time of day. A log that cannot be written does not stop a run.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.file, "{} {text}", jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"));
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of "abc" (FIPS 180-4, example B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn completion(run_id: RunId) -> Completion {
        Completion {
            measured_id: run_id.clone(),
            run_id,
            version: "1".into(),
            rules_version: "1".into(),
            settings_hash: "s".into(),
            inputs: vec![],
            outputs: vec![],
        }
    }

    #[test]
    fn hashes_are_those_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        assert_eq!(hash_file(&path).as_deref(), Ok(ABC));
        assert_eq!(hash_text("abc"), ABC);
        fs::write(&path, vec![b'a'; 1_000_000]).unwrap();
        // FIPS 180-4, example B.3: one million repetitions of "a".
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(hash_file(&path).as_deref(), Ok(million));
        assert!(matches!(hash_file(&folder.path().join("none")), Err(DatasetError::Unreadable { .. })));
    }

    #[test]
    fn each_part_changes_the_run_identifier() {
        let record = |path: &str, sha256: &str| FileRecord { path: path.into(), sha256: sha256.into() };
        let inputs = [record("a", "1")];
        let base = RunId::new(&inputs, "facts", "settings", "1.0");
        assert_eq!(base, RunId::new(&inputs, "facts", "settings", "1.0"));
        assert_eq!((base.as_str().len(), base.short().len()), (64, 12));
        for other in [
            RunId::new(&[record("a", "2")], "facts", "settings", "1.0"),
            RunId::new(&[record("b", "1")], "facts", "settings", "1.0"),
            RunId::new(&inputs, "fact", "settings", "1.0"),
            RunId::new(&inputs, "facts", "setting", "1.0"),
            RunId::new(&inputs, "facts", "settings", "1.1"),
            RunId::new(&inputs, "ttings", "factsse", "1.0"),
            RunId::new(&[], "facts", "settings", "1.0"),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn annotations_change_the_identifier_and_none_leaves_it() {
        let id = RunId::new(&[], "facts", "settings", "1.0");
        assert_eq!(id.annotated(""), id);
        assert_ne!(id.annotated("a"), id);
        assert_ne!(id.annotated("a"), id.annotated("b"));
    }

    #[test]
    fn a_session_is_current_only_when_whole_and_of_the_same_run() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let id = RunId::new(&[], "", "", "");
        assert!(!Completion::is_current(root, "sub-01", &id), "no record");
        fs::create_dir(root.join("perf")).unwrap();
        fs::write(root.join("perf/map.nii.gz"), "map").unwrap();
        let record = completion(id.clone()).write(root, "sub-01").unwrap();
        assert_eq!(record.outputs.iter().map(|output| output.path.as_str()).collect::<Vec<_>>(), ["perf/map.nii.gz"]);
        assert_eq!(Completion::read(root, "sub-01").unwrap(), Some(record.clone()));
        assert!(Completion::is_current(root, "sub-01", &id));
        assert!(!Completion::is_current(root, "sub-01", &RunId::new(&[], "x", "", "")), "another run");
        fs::write(root.join("perf/note.txt"), "").unwrap();
        assert_eq!(record.differences(root, "sub-01").unwrap(), [Difference::Unrecorded("perf/note.txt".into())]);
        assert!(Completion::is_current(root, "sub-01", &id), "an added file does not spoil the result");
        fs::write(root.join("perf/map.nii.gz"), "cut").unwrap();
        assert_eq!(record.differences(root, "sub-01").unwrap()[0], Difference::Changed("perf/map.nii.gz".into()));
        assert!(!Completion::is_current(root, "sub-01", &id));
        fs::remove_file(root.join("perf/map.nii.gz")).unwrap();
        assert_eq!(record.differences(root, "sub-01").unwrap()[0], Difference::Missing("perf/map.nii.gz".into()));
        fs::write(root.join("sub-01_provenance.json"), "{").unwrap();
        assert!(!Completion::is_current(root, "sub-01", &id), "a broken record is no record");
        assert!(Completion::read(root, "sub-01").is_err());
    }

    #[test]
    fn inputs_are_recorded_by_their_path_inside_the_study() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.nii", "a.nii"] {
            fs::write(folder.path().join(name), "abc").unwrap();
        }
        let files = ["b.nii", "a.nii"].map(|name| InputFile::inside(folder.path(), folder.path().join(name)));
        let records = input_records(&files).unwrap();
        assert_eq!(records[0], FileRecord { path: "a.nii".into(), sha256: ABC.into() });
        assert_eq!(records[1].path, "b.nii");
    }

    #[test]
    fn logs_of_one_output_do_not_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            Log::begin(folder.path(), &["relight".into(), "run".into()], 2).unwrap().line("done");
        }
        let mut text = String::new();
        for entry in fs::read_dir(folder.path().join("logs")).unwrap() {
            text += &fs::read_to_string(entry.unwrap().path()).unwrap();
        }
        assert_eq!(text.matches("command: relight run").count(), 2);
        assert_eq!(text.matches("done").count(), 2);
    }
}
