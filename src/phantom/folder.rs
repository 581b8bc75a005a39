//! A folder that appears complete or not at all.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::dsc::StoredSeries;
use super::{PhantomError, sidecar};
use crate::image::{self, Compression, Labels, Mask, StoredAs, Volume};
use crate::units::Seconds;

/// A folder that is being filled: everything is written beside its place and moved there at the end.
pub(super) struct Folder {
    root: PathBuf,
    compression: Compression,
}

impl Folder {
    /// Fills a folder that must be new or empty; what `fill` wrote appears when it succeeded, and only then.
    pub(super) fn fill<T>(
        place: &Path,
        compression: Compression,
        fill: impl FnOnce(&Self) -> Result<T, PhantomError>,
    ) -> Result<T, PhantomError> {
        let unwritable = |source| PhantomError::Write { path: place.into(), source };
        match std::fs::read_dir(place) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(PhantomError::NotEmpty { path: place.into() });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(error)),
        }
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(unwritable)?;
        let beside = tempfile::Builder::new().prefix(".phantom-").tempdir_in(parent).map_err(unwritable)?;
        let folder = Self { root: beside.path().join("study"), compression };
        std::fs::create_dir(&folder.root).map_err(unwritable)?;
        let result = fill(&folder)?;
        // An empty folder in the place gives way.
        match std::fs::remove_dir(place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => std::fs::rename(&folder.root, place).map_err(unwritable)?,
        }
        Ok(result)
    }

    /// A text file.
    pub(super) fn text(&self, name: &str, text: &str) -> Result<(), PhantomError> {
        let path = self.path(name)?;
        std::fs::write(&path, text).map_err(|source| PhantomError::Write { path, source })
    }

    /// A JSON file.
    pub(super) fn json(&self, name: &str, value: &serde_json::Value) -> Result<(), PhantomError> {
        self.text(name, &sidecar::text(value))
    }

    /// A volume as 16-bit integers in steps.
    pub(super) fn volume(&self, name: &str, volume: &Volume, step: f32) -> Result<(), PhantomError> {
        let stored = StoredAs::Int16 { slope: step, intercept: 0.0 };
        self.image(name, |file| {
            image::write_series(file, &volume.grid, 1, None, stored, self.compression, |_, values| {
                values.copy_from_slice(&volume.data);
            })
        })
    }

    /// A volume with its values as they are: 16-bit integers where they all are such, else floats.
    pub(super) fn volume_as_given(&self, name: &str, volume: &Volume) -> Result<(), PhantomError> {
        let is_int16 = |&value: &f32| value == f32::from(value as i16);
        if volume.data.iter().all(is_int16) {
            self.volume(name, volume, 1.0)
        } else {
            self.image(name, |file| image::write_volume(file, volume, self.compression))
        }
    }

    /// A DSC series.
    pub(super) fn series(&self, name: &str, series: &StoredSeries, frame_time: Seconds) -> Result<(), PhantomError> {
        let voxels = series.grid.len();
        self.image(name, |file| {
            image::write_series(
                file,
                &series.grid,
                series.frames,
                Some(frame_time),
                StoredAs::Int16 { slope: series.step, intercept: 0.0 },
                self.compression,
                |frame, values| {
                    let stored = &series.data[frame * voxels..(frame + 1) * voxels];
                    values.iter_mut().zip(stored).for_each(|(value, &stored)| *value = f32::from(stored) * series.step);
                },
            )
        })
    }

    /// A mask.
    pub(super) fn mask(&self, name: &str, mask: &Mask) -> Result<(), PhantomError> {
        self.image(name, |file| image::write_mask(file, mask, self.compression))
    }

    /// A label map.
    pub(super) fn labels(&self, name: &str, labels: &Labels) -> Result<(), PhantomError> {
        self.image(name, |file| image::write_labels(file, labels, self.compression))
    }

    fn image(
        &self,
        name: &str,
        write: impl FnOnce(BufWriter<File>) -> Result<(), image::ImageError>,
    ) -> Result<(), PhantomError> {
        let path = self.path(name)?;
        let file = File::create(&path).map_err(|source| PhantomError::Write { path: path.clone(), source })?;
        write(BufWriter::new(file)).map_err(|source| PhantomError::Image { path, source: Box::new(source) })
    }

    fn path(&self, name: &str) -> Result<PathBuf, PhantomError> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(|source| PhantomError::Write { path: folder.into(), source })?;
        Ok(path)
    }
}
