//! Images in two files: a header `.hdr` and the voxels `.img` beside it, each perhaps compressed.

use std::path::{Path, PathBuf};

use super::error::ImageError;

/// A name that stands for a header file and a voxel file: `scan.hdr` + `scan.img`, each also `.gz`.
pub(super) struct Pair {
    stem: String,
    uppercase: bool,
}

impl Pair {
    /// `None` where the name ends in neither extension (in either case, with or without `.gz`).
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let lower = name.to_ascii_lowercase();
        let bare = lower.strip_suffix(".gz").unwrap_or(&lower);
        let stem = bare.strip_suffix(".hdr").or_else(|| bare.strip_suffix(".img"))?;
        let uppercase = name[stem.len() + 1..].starts_with(['H', 'I']);
        Some(Self { stem: name[..stem.len()].into(), uppercase })
    }

    /// The one file with this extension, plain or compressed; `path` is the name that was asked for.
    pub fn file(&self, extension: &str, path: &Path) -> Result<PathBuf, ImageError> {
        let candidates = ["", ".gz"].map(|compressed| {
            let name = format!("{}.{extension}{compressed}", self.stem);
            let name = if self.uppercase {
                format!("{}{}", self.stem, name[self.stem.len()..].to_ascii_uppercase())
            } else {
                name
            };
            path.with_file_name(name)
        });
        // The name that was given is meant, whatever stands beside it.
        if candidates.iter().any(|candidate| candidate == path) {
            return Ok(path.into());
        }
        let [plain, compressed] = candidates;
        match (plain.exists(), compressed.exists()) {
            (true, true) => Err(ImageError::Field {
                path: path.into(),
                field: "file name",
                expected: format!("one .{extension} file beside it"),
                found: format!("{} and {}", plain.display(), compressed.display()),
            }),
            (false, true) => Ok(compressed),
            (true, false) => Ok(plain),
            (false, false) => Err(ImageError::NotFound { path: plain }),
        }
    }
}
