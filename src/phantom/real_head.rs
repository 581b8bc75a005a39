//! A real head as the phantom's anatomy: a post-contrast T1 image divided into tissues by brightness and depth, and
//! lesions as they were drawn.
//!
//! The division only has to look like a brain: perfusion and uptake are laid upon it, so the truth is known however
//! crude it is. Nobody should measure anatomy with it.

use std::path::Path;

use super::PhantomError;
use super::head::{Anatomy, Tissue};
use super::scanner::Preset;
use crate::image::{Affine, Grid, ImageError, Labels, Mask, NiftiImage, Volume, resample_labels, resample_mask};
use crate::region::{
    Bounds, Connectivity, components, depth, dilate, erode, joined_components, largest_component, otsu_threshold,
};

/// Pieces of a lesion closer than this are one lesion, mm (DESIGN.md 2).
const JOINED_BELOW: f64 = 5.0;
/// Smallest lesion, mL.
const SMALLEST_LESION: f64 = 0.1;
/// Depth in the head beyond which there is brain for certain, mm.
const SURELY_BRAIN: f64 = 30.0;
/// Depth in the head above which there is scalp and skull for certain, mm.
const SURELY_SCALP: f64 = 5.0;
/// Brightness of brain, of the median of what is surely brain: fluid and bone are darker, fat and veins brighter.
const BRAIN_BRIGHTNESS: std::ops::Range<f32> = 0.55..1.45;
/// Fluid is darker than this share of the brain's median.
const FLUID_BELOW: f32 = 0.62;
/// Vessels are brighter than this share of the brain's median.
const VESSEL_ABOVE: f32 = 1.6;
/// Bright voxels nearer to the surface than this belong to the dura, its sinuses, or fat, mm.
const VESSEL_DEPTH: f32 = 6.0;
/// Half of the width of bridges between brain and scalp that are cut, mm.
const BRIDGE: f64 = 2.5;
/// Notches in the brain's outline narrower than twice this are closed, mm.
const NOTCH: f64 = 4.5;
/// Thickness of the layer below the surface that is cortex, mm.
const CORTEX: f32 = 5.0;
/// Fluid within this distance makes cortex of what lies beside it, down to `FOLDED`, mm.
const BESIDE_FLUID: f64 = 3.0;
const FOLDED: f32 = 22.0;
/// Perfusion and PET reach this far above and below the lesions, mm.
const REACH: f64 = 35.0;

/// A real head with its lesions.
pub(super) struct RealHead {
    t1: Volume,
    lesions: Labels,
    tissues: Vec<Tissue>,
    /// Depth below the brain's surface, mm; negative outside.
    depths: Vec<f32>,
    brain: Mask,
    head: Mask,
    /// Middle of the brain in its plane, scanner mm; to the right of it there is the right hemisphere.
    middle: [f64; 2],
    to_voxel: Affine,
}

impl RealHead {
    /// Reads a post-contrast T1 image and a mask or label map of its lesions.
    ///
    /// Labels are numbered anew from 1. A mask (values above 0.5) is split into lesions as the program splits it.
    pub(super) fn read(t1_path: &Path, lesions_path: &Path) -> Result<Self, PhantomError> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| PhantomError::Read { path, source: Box::new(source) }
        };
        let t1 = NiftiImage::open(t1_path).and_then(NiftiImage::read_volume).map_err(failed(t1_path))?;
        let lesions = read_lesions(lesions_path, &t1.grid).map_err(failed(lesions_path))?;
        if lesions.present().is_empty() {
            return Err(PhantomError::Anatomy {
                path: lesions_path.into(),
                reason: format!("no lesion of at least {SMALLEST_LESION} mL inside the T1 image"),
            });
        }
        Self::divide(t1, lesions).map_err(|reason| PhantomError::Anatomy { path: t1_path.into(), reason })
    }

    fn divide(t1: Volume, lesions: Labels) -> Result<Self, String> {
        let grid = t1.grid;
        let threshold = otsu_threshold(&t1.data).map_err(|error| error.to_string())?;
        // Half of it: brain is darker than fat.
        let bright = where_true(grid, |index| t1.data[index] > 0.5 * threshold);
        let head = filled(&largest_component(&bright).ok_or("no head is brighter than the air around it")?);
        let whole = Bounds::whole(&grid);
        let in_head = depth(&head, whole);
        let depth_in_head = |index: usize| f64::from(in_head.at(grid.voxel(index)));
        let mut surely: Vec<f32> =
            head.indices().filter(|&index| depth_in_head(index) > SURELY_BRAIN).map(|index| t1.data[index]).collect();
        if surely.is_empty() {
            return Err(format!("no voxel lies deeper than {SURELY_BRAIN} mm in the head"));
        }
        surely.sort_by(f32::total_cmp);
        let median = surely[surely.len() / 2];

        let like_brain = where_true(grid, |index| {
            let brightness = t1.data[index] / median;
            lesions.data[index] > 0 || BRAIN_BRIGHTNESS.contains(&brightness) && depth_in_head(index) > SURELY_SCALP
        });
        let without_bridges = largest_component(&erode(&like_brain, BRIDGE)).ok_or("no connected brain was found")?;
        let closed = erode(&dilate(&without_bridges, BRIDGE + 1.0 + NOTCH), NOTCH);
        let deep_enough = where_true(grid, |index| depth_in_head(index) > SURELY_SCALP || lesions.data[index] > 0);
        let brain = filled(&closed.and(&deep_enough).map_err(|error| error.to_string())?);

        let in_brain = depth(&brain, whole);
        let depths: Vec<f32> = (0..grid.len())
            .map(|index| if brain.data[index] { in_brain.at(grid.voxel(index)) } else { -1.0 })
            .collect();
        let fluid = where_true(grid, |index| brain.data[index] && t1.data[index] < FLUID_BELOW * median);
        let beside_fluid = dilate(&fluid, BESIDE_FLUID);
        let tissues = (0..grid.len())
            .map(|index| {
                let brightness = t1.data[index] / median;
                if lesions.data[index] > 0 {
                    Tissue::Enhancing(lesions.data[index] as usize - 1)
                } else if !head.data[index] {
                    Tissue::Air
                } else if !brain.data[index] {
                    if brightness < BRAIN_BRIGHTNESS.start { Tissue::Bone } else { Tissue::Scalp }
                } else if fluid.data[index] {
                    Tissue::Csf
                } else if brightness > VESSEL_ABOVE {
                    if depths[index] > VESSEL_DEPTH { Tissue::Artery } else { Tissue::Dura }
                } else if depths[index] < CORTEX || beside_fluid.data[index] && depths[index] < FOLDED {
                    Tissue::GrayMatter
                } else {
                    Tissue::WhiteMatter
                }
            })
            .collect();
        let sum = brain
            .indices()
            .map(|index| grid.position(grid.voxel(index)))
            .fold([0.0; 2], |sum, at| [sum[0] + at[0], sum[1] + at[1]]);
        let middle = sum.map(|value| value / brain.count() as f64);
        let to_voxel = grid.affine().inverse().ok_or("its affine cannot be inverted")?;
        Ok(Self { t1, lesions, tissues, depths, brain, head, middle, to_voxel })
    }

    /// The T1 image, as it was given.
    pub(super) fn t1(&self) -> &Volume {
        &self.t1
    }

    /// The lesions on the T1 grid, numbered from 1.
    pub(super) fn lesions(&self) -> &Labels {
        &self.lesions
    }

    /// Middles of the lesions, scanner mm.
    pub(super) fn lesion_centers(&self) -> Vec<[f64; 3]> {
        let grid = self.lesions.grid;
        self.lesions
            .present()
            .into_iter()
            .map(|label| {
                let mask = self.lesions.mask(label);
                let count = mask.count() as f64;
                let sum = mask
                    .indices()
                    .map(|index| grid.position(grid.voxel(index)))
                    .fold([0.0; 3], |sum, at| std::array::from_fn(|k| sum[k] + at[k]));
                sum.map(|value| value / count)
            })
            .collect()
    }

    /// Grids of the DSC series and of the PET: along the axes of the T1 image, around the head in its plane, and
    /// `REACH` above and below the lesions.
    pub(super) fn grids(&self, preset: Preset, shape: Option<[usize; 3]>) -> Result<(Grid, Grid), PhantomError> {
        let grid = self.t1.grid;
        let any_lesion = Mask { grid, data: self.lesions.data.iter().map(|&label| label > 0).collect() };
        let (head, lesions) = match (Bounds::around(&self.head), Bounds::around(&any_lesion)) {
            (Some(head), Some(lesions)) => (head, lesions),
            // A head was found and lesions are inside it; `whole` only stands for what cannot be.
            _ => (Bounds::whole(&grid), Bounds::whole(&grid)),
        };
        let size = grid.voxel_size();
        let slices = (REACH / size[2]).ceil() as usize;
        let low = [head.low[0], head.low[1], lesions.low[2].saturating_sub(slices).max(head.low[2])];
        let high = [head.high[0], head.high[1], (lesions.high[2] + slices).min(head.high[2])];
        let extent: [f64; 3] = std::array::from_fn(|k| (high[k] - low[k]) as f64 * size[k]);
        let (dsc_size, pet_size) = match preset {
            Preset::Study | Preset::Reference | Preset::Kinetic => ([2.5, 2.5, 5.0], [3.0; 3]),
            Preset::Clinical => ([1.75, 1.75, 5.0], [2.0, 2.0, 2.5]),
        };
        let fitting = |size: [f64; 3]| std::array::from_fn(|k| (extent[k] / size[k]).round().max(4.0) as usize);
        let over = |shape: [usize; 3]| {
            // Voxel i of the new grid covers (i .. i + 1)·step T1 voxels from the corner of the box.
            let step: [f64; 3] = std::array::from_fn(|k| (high[k] - low[k]) as f64 / shape[k] as f64);
            let first = std::array::from_fn(|k| low[k] as f64 - 0.5 + 0.5 * step[k]);
            Grid::from_stored(shape, grid.affine().after(&Affine::diagonal(step, first)))
        };
        let placed = |shape| {
            over(shape).map_err(|error| PhantomError::Anatomy { path: "--anatomy".into(), reason: error.to_string() })
        };
        Ok((placed(shape.unwrap_or_else(|| fitting(dsc_size)))?, placed(fitting(pet_size))?))
    }

    /// The voxel of the T1 image that holds a position.
    fn voxel(&self, position: [f64; 3]) -> Option<usize> {
        let at = self.to_voxel.apply(position).map(f64::round);
        let shape = self.t1.grid.shape();
        let inside = (0..3).all(|k| at[k] >= 0.0 && at[k] < shape[k] as f64);
        inside.then(|| self.t1.grid.index(at.map(|i| i as usize)))
    }
}

impl Anatomy for RealHead {
    fn tissue(&self, position: [f64; 3]) -> Tissue {
        self.voxel(position).map_or(Tissue::Air, |index| self.tissues[index])
    }

    fn brain_depth(&self, position: [f64; 3]) -> Option<(f64, bool)> {
        let index = self.voxel(position).filter(|&index| self.brain.data[index])?;
        Some((f64::from(self.depths[index]), position[0] > self.middle[0]))
    }

    fn middle(&self) -> [f64; 2] {
        self.middle
    }

    fn fills_with_artery(&self, position: [f64; 3]) -> bool {
        self.tissue(position) == Tissue::Artery
    }
}

/// Lesions on the T1 grid, numbered from 1.
fn read_lesions(path: &Path, grid: &Grid) -> Result<Labels, ImageError> {
    let labels = match NiftiImage::open(path)?.read_labels() {
        Ok(labels) => resample_labels(&labels, grid, None)?,
        // Not a label map: a mask of probabilities.
        Err(ImageError::NotALabel { .. }) => {
            let mask = resample_mask(&NiftiImage::open(path)?.read_mask()?, grid, None)?;
            Labels { grid: *grid, data: mask.data.iter().map(|&inside| u32::from(inside)).collect() }
        }
        Err(error) => return Err(error),
    };
    let present = labels.present();
    let mut numbered = if present == [1] {
        joined_components(&labels.mask(1), JOINED_BELOW).labels
    } else {
        let number = |label: u32| present.binary_search(&label).map_or(0, |at| at as u32 + 1);
        Labels { grid: *grid, data: labels.data.iter().map(|&label| number(label)).collect() }
    };
    // Small pieces are no lesions; what remains keeps its order.
    let kept: Vec<u32> =
        numbered.present().into_iter().filter(|&label| numbered.mask(label).volume().0 >= SMALLEST_LESION).collect();
    for label in &mut numbered.data {
        *label = kept.binary_search(label).map_or(0, |at| at as u32 + 1);
    }
    Ok(numbered)
}

fn where_true(grid: Grid, inside: impl Fn(usize) -> bool) -> Mask {
    Mask { grid, data: (0..grid.len()).map(inside).collect() }
}

/// A mask with its holes filled: everything but the largest part of what lies outside.
fn filled(mask: &Mask) -> Mask {
    let outside = Mask { grid: mask.grid, data: mask.data.iter().map(|&inside| !inside).collect() };
    let parts = components(&outside, Connectivity::Faces6).labels;
    Mask { grid: mask.grid, data: parts.data.iter().map(|&part| part != 1).collect() }
}
