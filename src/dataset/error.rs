//! What can go wrong when outputs are written or read back.

/// A fault of the output dataset. Files are named by their path inside the output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// A file or folder that cannot be written.
    #[error("{file} cannot be written: {problem}")]
    Unwritable {
        /// The file or folder.
        file: String,
        /// What the operating system says.
        problem: String,
    },
    /// A file or folder that cannot be read.
    #[error("{file} cannot be read: {problem}")]
    Unreadable {
        /// The file or folder.
        file: String,
        /// What the operating system says.
        problem: String,
    },
    /// An output folder that holds other people's files.
    #[error(
        "{folder} is not empty and was not written by relight: choose an empty folder, or add --force to write beside what is there"
    )]
    NotOurs {
        /// The folder.
        folder: String,
    },
    /// An output file that somebody else wrote.
    #[error("{file} exists and was not written by relight: choose another folder, or replace it with --force")]
    FileNotOurs {
        /// The file.
        file: String,
    },
    /// An output folder that is a study of raw images.
    #[error(
        "{folder} is a raw dataset: outputs are never written into a study; choose another folder, such as {folder}/derivatives/relight"
    )]
    RawStudy {
        /// The folder.
        folder: String,
    },
    /// A lesion table that does not read back.
    #[error("{file}{}: {problem}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Table {
        /// The table.
        file: String,
        /// Line, from 1, where one is at fault.
        line: Option<usize>,
        /// Expected and found.
        problem: String,
    },
    /// A file of the output that is not what this program writes.
    #[error("{file}: {problem}")]
    Broken {
        /// The file.
        file: String,
        /// Expected and found.
        problem: String,
    },
}

impl DatasetError {
    pub(super) fn unwritable(file: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::Unwritable { file: file.to_string(), problem: error.to_string() }
    }

    pub(super) fn unreadable(file: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::Unreadable { file: file.to_string(), problem: error.to_string() }
    }
}

/// The last component of a path: what messages show of it.
pub(super) fn shown(path: &std::path::Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
