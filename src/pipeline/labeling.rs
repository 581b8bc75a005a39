//! An ASL series from its file to maps and places: what `relight run` and `relight asl` share.

use super::companion::{automatic_mask, mean_volume, read_companion};
use super::error::SessionError;
use super::masks::{Fit, LesionMasks};
use super::perfusion::{mirrored_white_matter, union_of};
use super::regions::{Brain, Regions};
use crate::acquisition::{AslAcquisition, AslVolume};
use crate::asl::{self, AslModel, AslResult, quantify};
use crate::image::{Mask, NiftiImage, Volume, resample_mask};
use crate::quality::{Caveat, CaveatCode};
use crate::region::{self, ReferenceFacts, reference_facts};
use crate::study::InputFile;

/// Leading volumes in which an automatic mask is found.
const MASK_VOLUMES: usize = 12;

/// An ASL series and what belongs to it.
pub struct AslInput<'a> {
    /// The series.
    pub image: &'a InputFile,
    /// What the method must know of the scan.
    pub acquisition: &'a AslAcquisition,
    /// The M0 scan.
    pub m0: Option<(&'a InputFile, Fit)>,
    /// Which voxels are measured.
    pub brain: Brain<'a>,
    /// White matter that was given.
    pub reference: Option<(&'a InputFile, Fit)>,
    /// White matter that the DSC series of the session is divided by: one reference for both.
    pub reference_of_dsc: Option<&'a Mask>,
    /// Lesions that were given.
    pub lesions: Option<&'a LesionMasks>,
    /// The model; chosen by the number of delays where it is `None`.
    pub model: Option<AslModel>,
}

/// What an ASL series says.
pub struct Labeled {
    /// Maps over the measured voxels.
    pub result: AslResult,
    /// The lesions on that grid, in the order in which they were given.
    pub lesions: Vec<Mask>,
    /// White matter that CBF is divided by.
    pub reference: Option<Mask>,
    /// Its size and spread.
    pub reference_facts: Option<ReferenceFacts>,
    /// Where it comes from, in words.
    pub reference_words: &'static str,
    /// Mean CBF of it, in the unit of the map.
    pub reference_cbf: Option<f64>,
    /// Doubts, without those of single lesions.
    pub caveats: Vec<Caveat>,
}

impl Labeled {
    /// CBF over its mean in the reference region, one value per voxel of the maps.
    pub fn relative_cbf(&self) -> Option<Vec<f32>> {
        let mean = self.reference_cbf?;
        Some(self.result.cbf.iter().map(|&cbf| (f64::from(cbf) / mean) as f32).collect())
    }
}

/// Reads and quantifies a series.
pub fn measure(
    input: &AslInput<'_>,
    settings: &asl::Settings,
    region_settings: &region::Settings,
) -> Result<Labeled, SessionError> {
    let name = input.image.relative();
    let failed = |source| SessionError::Asl { file: name.to_owned(), source };
    let image = NiftiImage::open(input.image.path())?;
    let grid = *image.grid();
    let mut regions = Regions::of(&image, name, input.lesions)?;
    let given_reference = regions.take(input.reference)?;
    let given_brain = regions.brain(input.brain)?;
    let (lesions, mut caveats) = regions.finish();
    let m0 = match input.m0 {
        Some((file, fit)) => {
            let (volume, more) = read_companion(file, &grid, name, fit)?;
            caveats.extend(more);
            Some(volume)
        }
        None => None,
    };
    let series = match (&given_brain, &m0) {
        (Some(mask), _) => image.read_series(mask)?,
        (None, Some(m0)) => image.read_series(&automatic_mask(m0, &lesions, given_reference.as_ref(), name)?)?,
        (None, None) => image.read_series_with(MASK_VOLUMES, |leading| {
            // Differences look like noise outside grey matter: the head is seen in the other volumes.
            let seen = |kind: &AslVolume| matches!(kind, AslVolume::Control | AslVolume::Label | AslVolume::M0);
            let anatomical: Vec<&Volume> = leading
                .iter()
                .zip(&input.acquisition.volumes)
                .filter(|(_, kind)| seen(kind))
                .map(|(volume, _)| volume)
                .collect();
            let likeness =
                if anatomical.is_empty() { mean_volume(grid, leading) } else { mean_volume(grid, anatomical) };
            automatic_mask(&likeness, &lesions, given_reference.as_ref(), name)
        })?,
    };
    let result = quantify(&series, input.acquisition, m0.as_ref(), input.model, settings).map_err(failed)?;
    caveats.extend(result.caveats.iter().cloned());
    let likeness = Volume::from_masked(&result.mask, &result.anatomy);
    let union = union_of(&lesions);
    let (reference, reference_words) = match (given_reference, input.reference_of_dsc) {
        (Some(mask), _) => (Some(mask), "as given"),
        (None, Some(mask)) => {
            let mask = resample_mask(mask, &grid, None)?;
            ((mask.count() > 0).then_some(mask), "that of DSC")
        }
        (None, None) => {
            let found = union
                .as_ref()
                .map(|union| mirrored_white_matter(&without_gaps(&likeness), &result.mask, union, region_settings));
            let mask = match found {
                Some(Ok((found, _))) => {
                    caveats.extend(found.caveats);
                    Some(found.mask)
                }
                Some(Err(problem)) => {
                    caveats.push(Caveat::new(CaveatCode::NoReference, format!("ASL: {problem}")));
                    None
                }
                None => None,
            };
            (mask, "found by mirroring the lesions in the mid-sagittal plane")
        }
    };
    let reference_cbf = reference.as_ref().and_then(|mask| mean_in(&result, mask));
    if let (Some(_), None) = (&reference, reference_cbf) {
        let detail = "ASL: the reference region holds no flow above 0";
        caveats.push(Caveat::new(CaveatCode::NoReference, detail));
    }
    let facts = match &reference {
        Some(mask) => Some(
            reference_facts(mask, &likeness, union.as_ref(), None)
                .map_err(|source| SessionError::Region { file: name.to_owned(), source })?,
        ),
        None => None,
    };
    caveats.extend(facts.as_ref().and_then(ReferenceFacts::caveat));
    Ok(Labeled { result, lesions, reference, reference_facts: facts, reference_words, reference_cbf, caveats })
}

/// Voxels without an estimate as air: the midline is sought in the brightness.
fn without_gaps(volume: &Volume) -> Volume {
    let data = volume.data.iter().map(|&value| if value.is_finite() { value } else { 0.0 }).collect();
    Volume { grid: volume.grid, data }
}

/// METHOD: a ratio to a reference without flow is not a measurement.
fn mean_in(result: &AslResult, mask: &Mask) -> Option<f64> {
    let values = Volume::from_masked(&result.mask, &result.cbf).values_in(mask).ok()?;
    let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).map(f64::from).collect();
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    (mean > 0.0).then_some(mean)
}
