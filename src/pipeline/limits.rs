//! What a picture may show of a head: the brain and the lesion with a small margin, so that no face can be drawn from a
//! page; where no brain is known, the surroundings of what is measured.

use crate::image::{Affine, Grid, ImageError, Mask, View, resample_mask};
use crate::region::dilate;

/// Millimeters kept around the brain.
pub const BRAIN_MARGIN_MM: f64 = 6.0;
/// Millimeters around the regions, where no brain is known.
const MARGIN_MM: f64 = 25.0;

/// The limits of the pictures of one lesion.
pub struct Limits {
    /// The brain with its margin.
    brain: Option<Mask>,
    field: Extent,
}

impl Limits {
    /// The limits around a brain, or else around regions; `None` where both are empty.
    pub fn new(brain: Option<&Mask>, regions: &[&Mask]) -> Result<Option<Self>, ImageError> {
        let around = brain.map_or_else(|| regions.to_vec(), |brain| vec![brain]);
        let Some(field) = Extent::of(&around) else { return Ok(None) };
        let brain = brain.map(|brain| Ok::<_, ImageError>(dilate(&with_room(brain)?, BRAIN_MARGIN_MM))).transpose()?;
        Ok(Some(Self { brain, field }))
    }

    /// Whether a brain is known.
    pub fn know_brain(&self) -> bool {
        self.brain.is_some()
    }

    /// Middle and edge of the square field that holds all that is shown at a height.
    pub fn field(&self, z: f64) -> ([f64; 3], f64) {
        let Extent { low, high } = &self.field;
        let margin = if self.know_brain() { BRAIN_MARGIN_MM } else { MARGIN_MM };
        let edge = (0..2).map(|axis| high[axis] - low[axis]).fold(0.0, f64::max) + 2.0 * margin;
        ([(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0, z], edge)
    }

    /// Takes from a picture what may not be shown: all but the brain and the regions with their margin. Without a brain
    /// the margin around the regions is the larger one.
    pub fn keep(&self, view: &View, regions: &[&Mask], picture: &mut [f32]) {
        let margin = if self.know_brain() { BRAIN_MARGIN_MM } else { MARGIN_MM };
        let mut shown = vec![false; view.width * view.height];
        for region in regions {
            let near = within_plane(view, &view.mask(region).data, margin);
            shown.iter_mut().zip(near).for_each(|(shown, near)| *shown |= near);
        }
        if let Some(brain) = &self.brain {
            shown.iter_mut().zip(view.mask(brain).data).for_each(|(shown, brain)| *shown |= brain);
        }
        picture.iter_mut().zip(shown).filter(|(_, shown)| !shown).for_each(|(value, _)| *value = f32::NAN);
    }
}

/// The pixels within a distance of a region, both in the plane of a picture; the region alone on a plane without pixels.
fn within_plane(view: &View, inside: &[bool], distance_mm: f64) -> Vec<bool> {
    let length = |step: [f64; 3]| step.iter().map(|k| k * k).sum::<f64>().sqrt();
    let pixel = Affine::diagonal([length(view.right), length(view.down), 1.0], [0.0; 3]);
    match Grid::from_stored([view.width, view.height, 1], pixel) {
        Ok(grid) => dilate(&Mask { grid, data: inside.to_vec() }, distance_mm).data,
        Err(_) => inside.to_vec(),
    }
}

/// A mask on a grid with room for its margin: a slab would be cut at its top slice.
fn with_room(mask: &Mask) -> Result<Mask, ImageError> {
    let affine = *mask.grid.affine();
    let room = affine.voxel_size().map(|edge| (BRAIN_MARGIN_MM / edge).ceil());
    let shape = mask.grid.shape();
    let larger = std::array::from_fn(|axis| shape[axis] + 2 * room[axis] as usize);
    let mut moved = affine;
    let origin = affine.apply(room.map(|voxels| -voxels));
    for axis in 0..3 {
        moved.0[axis][3] = origin[axis];
    }
    match Grid::from_stored(larger, moved) {
        Ok(grid) => resample_mask(mask, &grid, None),
        Err(_) => Ok(mask.clone()),
    }
}

/// Corners of a box in scanner space.
pub struct Extent {
    /// Lowest coordinates.
    pub low: [f64; 3],
    /// Highest coordinates.
    pub high: [f64; 3],
}

impl Extent {
    /// The box around the voxel centers of regions; `None` where all are empty.
    pub fn of(regions: &[&Mask]) -> Option<Self> {
        let mut extent = Self { low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] };
        for region in regions {
            for index in region.indices() {
                let place = region.grid.position(region.grid.voxel(index));
                for axis in 0..3 {
                    extent.low[axis] = extent.low[axis].min(place[axis]);
                    extent.high[axis] = extent.high[axis].max(place[axis]);
                }
            }
        }
        extent.low[0].is_finite().then_some(extent)
    }
}
