//! How a phantom is imaged: the grids of a preset, and how a file stores them.

use super::PhantomError;
use super::dsc_curve::DscProtocol;
use crate::image::{Affine, Grid};

closed_words! {
    /// A set of grids and of patients.
    pub enum Preset: "phantom preset" {
        /// Three patients on small grids with noise: the tree of `fixtures/study`.
        Study = "study",
        /// The same patients on grids of a clinical protocol.
        Clinical = "clinical",
        /// One head without noise and partial volume that holds a lesion of each tissue class of the reference object.
        Reference = "reference",
        /// One head without noise, with ASL at several delays, flip-angle images and DCE in place of DSC and PET.
        Kinetic = "kinetic",
    }
}

/// How true to a scanner an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Realism {
    /// Noise, partial volume, samples as a scanner rounds them.
    Scanned,
    /// No noise, each voxel one tissue, samples in fine steps.
    Exact,
}

/// Shape and extent of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    shape: [usize; 3],
    size: [f64; 3],
}

/// The images of one session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scanner {
    pub(super) t1: Frame,
    pub(super) dsc: Frame,
    pub(super) pet: Frame,
    pub(super) protocol: DscProtocol,
    pub(super) realism: Realism,
}

/// Height of the middle of every image, mm: lesions, ventricles and the middle cerebral arteries are all in view.
const MIDDLE: f64 = 16.0;
/// Frames of the small series: the consensus asks for at least 60.
const STUDY_FRAMES: usize = 72;

impl Scanner {
    /// The images of a preset, the DSC grid and its number of frames replaced where given. A DSC shape keeps the
    /// extent of the preset and changes the voxels.
    pub(super) fn new(
        preset: Preset,
        dsc_shape: Option<[usize; 3]>,
        frames: Option<usize>,
    ) -> Result<Self, PhantomError> {
        let study_t1 = Frame { shape: [104, 124, 14], size: [1.7, 1.7, 4.0] };
        let study_dsc = Frame { shape: [42, 48, 8], size: [4.5, 4.5, 6.0] };
        let study_pet = Frame { shape: [46, 54, 14], size: [4.0, 4.0, 4.0] };
        let (t1, dsc, pet, default_frames) = match preset {
            Preset::Study => (study_t1, study_dsc, study_pet, STUDY_FRAMES),
            Preset::Clinical => (
                Frame { shape: [216, 256, 36], size: [0.85, 0.85, 3.0] },
                Frame { shape: [128, 128, 24], size: [1.75, 1.75, 5.0] },
                Frame { shape: [96, 112, 50], size: [2.0, 2.0, 2.5] },
                DscProtocol::REFERENCE.frames,
            ),
            Preset::Reference => (study_t1, study_dsc, study_pet, DscProtocol::REFERENCE.frames),
            Preset::Kinetic => (study_t1, study_dsc, study_pet, super::kinetic::DCE_FRAMES),
        };
        let frames = frames.unwrap_or(default_frames);
        if frames < Self::FEWEST_FRAMES {
            return Err(PhantomError::Option {
                option: "--frames",
                found: frames.to_string(),
                expected: "at least 30 frames of 1.5 s: the bolus arrives after 30 s",
            });
        }
        let dsc = match dsc_shape {
            None => dsc,
            Some(shape) if shape.iter().all(|n| (4..=Self::MOST_VOXELS_ALONG_AN_AXIS).contains(n)) => {
                let size = std::array::from_fn(|k| dsc.size[k] * dsc.shape[k] as f64 / shape[k] as f64);
                Frame { shape, size }
            }
            Some(shape) => {
                return Err(PhantomError::Option {
                    option: "--shape",
                    found: format!("{shape:?}"),
                    expected: "4 to 1024 voxels along each of three axes",
                });
            }
        };
        let protocol = DscProtocol { frames, ..DscProtocol::REFERENCE };
        let realism = match preset {
            Preset::Study | Preset::Clinical => Realism::Scanned,
            Preset::Reference | Preset::Kinetic => Realism::Exact,
        };
        Ok(Self { t1, dsc, pet, protocol, realism })
    }

    const FEWEST_FRAMES: usize = 30;
    const MOST_VOXELS_ALONG_AN_AXIS: usize = 1024;
}

/// How a file stores its axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// As in memory: right, anterior, superior.
    Ras,
    /// First axis runs to the left, as most converters write it.
    Las,
    /// Slices are sagittal: (anterior, superior, left).
    Sagittal,
}

impl Frame {
    /// The grid in scanner coordinates, stored in a layout.
    pub(super) fn grid(&self, layout: Layout) -> Grid {
        let Self { shape, size } = *self;
        let first: [f64; 3] = std::array::from_fn(|k| {
            let middle = if k == 2 { MIDDLE } else { 0.0 };
            middle - size[k] * (shape[k] as f64 - 1.0) / 2.0
        });
        let last: [f64; 3] = std::array::from_fn(|k| first[k] + size[k] * (shape[k] as f64 - 1.0));
        let (stored_shape, affine) = match layout {
            Layout::Ras => (shape, Affine::diagonal(size, first)),
            Layout::Las => (shape, Affine::diagonal([-size[0], size[1], size[2]], [last[0], first[1], first[2]])),
            Layout::Sagittal => (
                [shape[1], shape[2], shape[0]],
                Affine([[0.0, 0.0, -size[0], last[0]], [size[1], 0.0, 0.0, first[1]], [0.0, size[2], 0.0, first[2]]]),
            ),
        };
        Grid::from_stored(stored_shape, affine).expect("a preset's grid spans space")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_store_the_same_voxels_in_the_same_places() {
        let frame = Scanner::new(Preset::Study, None, None).unwrap().t1;
        let ras = frame.grid(Layout::Ras);
        for layout in [Layout::Las, Layout::Sagittal] {
            let other = frame.grid(layout);
            assert!(ras.same_space(&other).is_ok());
            assert_ne!(ras.storage(), other.storage());
        }
        assert_eq!(frame.grid(Layout::Sagittal).stored_shape(), [124, 14, 104]);
    }

    #[test]
    fn another_shape_keeps_the_extent() {
        let scanner = Scanner::new(Preset::Study, Some([84, 96, 16]), Some(90)).unwrap();
        assert_eq!(scanner.dsc.size, [2.25, 2.25, 3.0]);
        assert_eq!(scanner.protocol.frames, 90);
    }

    #[test]
    fn a_series_that_ends_before_the_bolus_is_an_error() {
        let error = Scanner::new(Preset::Study, None, Some(12)).unwrap_err().to_string();
        assert!(error.contains("--frames") && error.contains("12"), "{error}");
    }
}
