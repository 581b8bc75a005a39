//! Study folders for the tests, cut from `fixtures/study`, and what the program leaves of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// Path of a file of the committed study.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/study").join(name)
}

/// The program, with two threads and no colors.
pub fn relight() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relight"));
    command.env_remove("NO_COLOR").args(["--threads", "2"]);
    command
}

/// What a command said and how it ended.
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(!stderr.contains("panicked"), "{stderr}");
        Self { code: output.status.code().expect("no signal"), stdout, stderr }
    }

    /// The same answer, after a look at the exit code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; the program said:\n{}", self.stderr);
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    pub fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

/// A study in a temporary folder, and room for outputs beside it.
pub struct Study {
    place: TempDir,
}

impl Study {
    /// A copy of some subjects of the committed study.
    pub fn of(subjects: &[&str]) -> Self {
        let study = Self { place: tempfile::tempdir().unwrap() };
        fs::create_dir(study.root()).unwrap();
        for name in ["dataset_description.json", "participants.json", "README"] {
            fs::copy(fixture(name), study.path(name)).unwrap();
        }
        let header = fs::read_to_string(fixture("participants.tsv")).unwrap().lines().next().unwrap().to_owned();
        fs::write(study.path("participants.tsv"), format!("{header}\n")).unwrap();
        let pipeline = study.path("derivatives/manual/dataset_description.json");
        fs::create_dir_all(pipeline.parent().unwrap()).unwrap();
        fs::copy(fixture("derivatives/manual/dataset_description.json"), pipeline).unwrap();
        for subject in subjects {
            study.add(subject, subject);
        }
        study
    }

    /// Copies a subject of the committed study under another label.
    pub fn add(&self, from: &str, label: &str) {
        for folder in ["", "derivatives/manual"] {
            let source = fixture(folder).join(from);
            for file in files(&source) {
                let name = file.to_str().unwrap().replace(from, label);
                let target = self.path(folder).join(label).join(name);
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(source.join(&file), target).unwrap();
            }
        }
        let table = fs::read_to_string(fixture("participants.tsv")).unwrap();
        let row = table.lines().find(|line| line.starts_with(&format!("{from}\t"))).unwrap();
        self.edit("participants.tsv", |text| format!("{text}{}\n", row.replacen(from, label, 1)));
    }

    pub fn root(&self) -> PathBuf {
        self.place.path().join("study")
    }

    /// A file of the study.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// A place beside the study.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Rewrites a text file of the study.
    pub fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.path(name);
        let text = fs::read_to_string(&path).unwrap();
        let changed = change(text.clone());
        assert_ne!(text, changed, "the edit of {name} changes nothing");
        fs::write(path, changed).unwrap();
    }

    /// `relight run` of the study, into a folder beside it, with more arguments.
    pub fn run(&self, output: &str, arguments: &[&str]) -> Answer {
        Answer::of(relight().arg("run").arg(self.root()).arg(self.beside(output)).args(arguments))
    }
}

/// Every file below a folder, relative to it, in order.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// Every file of an output with its bytes, but for the logs: they alone may differ between two runs.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = files(root).into_iter().filter(|name| !name.starts_with("logs"));
    named.map(|name| (name.clone(), fs::read(root.join(name)).unwrap())).collect()
}

/// Names of the files in which two outputs differ.
pub fn differences(one: &Path, other: &Path) -> Vec<PathBuf> {
    let (one, other) = (tree(one), tree(other));
    let names: std::collections::BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|&name| one.get(name) != other.get(name)).cloned().collect()
}

/// A row by column name.
pub type Row = BTreeMap<String, String>;

/// The rows of a TSV text.
pub fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    lines.map(|cells| header.iter().cloned().zip(cells).collect()).collect()
}

/// The rows of a TSV file.
pub fn table(path: &Path) -> Vec<Row> {
    rows(&fs::read_to_string(path).unwrap())
}

/// A number of a row.
pub fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {}", row[column]))
}

/// Fails where a file of an output, other than a log, holds a text.
pub fn assert_nowhere(output: &Path, text: &str) {
    for (name, bytes) in tree(output) {
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "{} holds {text}", name.display());
    }
}
