//! What lies inside a lesion: rim against center, the most active cluster, enhancement by subtraction. It stands beside the
//! row and on the page; no rule looks at it.

use super::Bench;
use crate::image::{Mask, Volume, resample_mask, resample_volume};
use crate::lesion::{Subtraction, rim, subtraction, target};
use crate::pipeline::error::SessionError;
use crate::pipeline::masks::LesionMasks;
use crate::region::head_mask;
use crate::report::model::{Inside, MapInside};
use crate::settings::Settings;
use crate::units::Millimeters;

/// T1 before and after contrast on one grid, with the tissue that they show.
pub struct ContrastPair {
    before: Volume,
    after: Volume,
    tissue: Mask,
}

impl ContrastPair {
    /// Takes the image before contrast to the grid of that after it; `None` where no tissue is found in it.
    pub fn new(before: &Volume, after: Volume) -> Result<Option<Self>, SessionError> {
        let before = resample_volume(before, &after.grid, None)?;
        let Ok(tissue) = head_mask(&after) else { return Ok(None) };
        Ok(Some(Self { before, after, tissue }))
    }

    fn of(&self, masks: &LesionMasks, place: usize, settings: &Settings) -> Result<Option<Subtraction>, SessionError> {
        let lesion = resample_mask(&masks.lesions[place].mask, &self.after.grid, None)?;
        let failed = |source| SessionError::Lesion { file: "T1 before contrast".to_owned(), source };
        subtraction(&lesion, &self.before, &self.after, &self.tissue, &settings.lesion).map_err(failed)
    }
}

/// The most active clusters of one map, to be written as one label map.
pub struct Cluster {
    /// Name of the map, as the files have it.
    pub map: &'static str,
    /// Label of the lesion.
    pub label: u32,
    /// The cluster.
    pub mask: Mask,
}

impl Bench<'_> {
    /// Measures the inside of a lesion in each map that there is.
    pub fn inside(
        &self,
        place: usize,
        pair: Option<&ContrastPair>,
    ) -> Result<(Option<Inside>, Vec<Cluster>), SessionError> {
        let (mut inside, mut clusters) = (Inside::default(), Vec::new());
        let label = self.masks.lesions[place].label;
        let mut add = |map: &'static str, name: String, volume: &Volume, lesion: &Mask, scale: f64| {
            let failed = |source| SessionError::Lesion { file: name.clone(), source };
            let necrosis = match &self.masks.core {
                Some(core) => Some(resample_mask(&core.mask, &volume.grid, None)?),
                None => None,
            };
            let rim = rim(volume, lesion, Millimeters(self.settings.lesion.rim_mm)).map_err(failed)?;
            let found = target(volume, lesion, necrosis.as_ref(), &self.settings.lesion).map_err(failed)?;
            let target = found.map(|(target, mask)| {
                clusters.push(Cluster { map, label, mask });
                target
            });
            if rim.is_some() || target.is_some() {
                inside.maps.push(MapInside { map: name.clone(), rim, target }.scaled(scale));
            }
            Ok::<_, SessionError>(())
        };
        if let Some(perfusion) = self.perfusion
            && let Some(normalized) = &perfusion.result.normalized
        {
            let rcbv = Volume::from_masked(&perfusion.result.mask, &normalized.rcbv);
            add("rcbv", "rCBV".to_owned(), &rcbv, &perfusion.lesions[place], 1.0)?;
        }
        if let Some((uptake, tracer)) = self.uptake {
            let scales = uptake.result.scales;
            let (unit, scale) = match (scales.tbr, scales.suv) {
                (Some(scale), _) => ("TBR", scale),
                (None, Some(scale)) => ("SUV", scale),
                (None, None) => ("unit of the image", 1.0),
            };
            let tracer = tracer.as_ref().map_or("PET", crate::clinical::Tracer::as_str);
            add("pet", format!("{tracer}-PET, {unit}"), &uptake.image, &uptake.lesions[place], scale)?;
        }
        if let Some(pair) = pair {
            inside.subtraction = pair.of(self.masks, place, self.settings)?;
        }
        Ok(((inside != Inside::default()).then_some(inside), clusters))
    }
}
