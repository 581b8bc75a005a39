//! One visit: its images with their sidecars, the drawn lesions, and the truth of each lesion.

use serde_json::Value;

use super::dsc::{dsc_series, true_relative_cbv};
use super::folder::Folder;
use super::head::{Anatomy, Tissue};
use super::noise::mix;
use super::pet::{LesionUptake, pet_image, true_background};
use super::scanner::Scanner;
use super::story::{LesionMasks, Visit};
use super::truth::TruthRow;
use super::{PhantomError, sidecar};
use crate::clinical::Tracer;
use crate::image::{Grid, Labels, Mask, Volume};

/// Step in which PET activities are stored, Bq/mL: a fraction of the noise.
const PET_STEP: f32 = 16.0;

/// Everything that is imaged at one visit.
pub(super) struct Scene<'a> {
    /// Patient.
    pub(super) label: &'a str,
    /// kg.
    pub(super) weight: f64,
    /// The visit.
    pub(super) visit: &'a Visit,
    /// What stands where.
    pub(super) anatomy: &'a dyn Anatomy,
    /// The post-contrast image and its sidecar.
    pub(super) t1: &'a Volume,
    pub(super) t1_sidecar: Value,
    /// Grids of the other images.
    pub(super) dsc_grid: Grid,
    pub(super) pet_grid: Grid,
    /// The lesions as drawn, labelled from 1, and how.
    pub(super) lesions: &'a Labels,
    pub(super) masks: LesionMasks,
    /// Middles of the lesions in scanner coordinates, mm.
    pub(super) centers: Vec<[f64; 3]>,
    /// Whether the DSC series gets a sidecar of its own.
    pub(super) dsc_sidecar: bool,
}

/// The seed of an image of a visit.
pub(super) fn image_seed(seed: u64, label: &str, session: &str, modality: Modality) -> u64 {
    let name = format!("{label}_{session}").bytes().fold(seed, |bits, byte| mix(bits ^ u64::from(byte)));
    mix(name ^ modality as u64)
}

/// The images that have noise of their own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Modality {
    T1 = 1,
    Dsc = 2,
    Pet = 3,
}

/// Writes the lesions as they were drawn.
pub(super) fn write_lesions(
    folder: &Folder,
    label: &str,
    visit: &Visit,
    lesions: &Labels,
    masks: LesionMasks,
) -> Result<(), PhantomError> {
    let stem = masks_stem(label, &visit.session);
    match masks {
        LesionMasks::Enhancing => {
            let data = lesions.data.iter().map(|&label| label > 0).collect();
            folder.mask(&format!("{stem}_label-lesion_mask.nii.gz"), &Mask { grid: lesions.grid, data })?;
            folder.json(&format!("{stem}_label-lesion_mask.json"), &sidecar::mask("Enhancing tissue of the lesion."))
        }
        LesionMasks::Labels => {
            folder.labels(&format!("{stem}_desc-lesions_dseg.nii.gz"), lesions)?;
            folder.json(&format!("{stem}_desc-lesions_dseg.json"), &sidecar::mask("Whole lesions, cores included."))?;
            folder.text(&format!("{stem}_desc-lesions_dseg.tsv"), &sidecar::label_table(visit))
        }
    }
}

impl Scene<'_> {
    /// Writes the images, sidecars and lesions of the visit; the truth of its lesions, without follow-up.
    pub(super) fn write(&self, folder: &Folder, scanner: &Scanner, seed: u64) -> Result<Vec<TruthRow>, PhantomError> {
        let (label, session) = (self.label, self.visit.session.as_str());
        let stem = format!("{label}_{session}");
        let raw = format!("{label}/{session}");

        let t1_name = format!("{raw}/anat/{stem}_ce-gadolinium_T1w");
        folder.volume_as_given(&format!("{t1_name}.nii.gz"), self.t1)?;
        folder.json(&format!("{t1_name}.json"), &self.t1_sidecar)?;

        let perfusion: Vec<_> = self.visit.findings.iter().map(|finding| finding.perfusion).collect();
        let dsc_seed = image_seed(seed, label, session, Modality::Dsc);
        let series = dsc_series(self.anatomy, &perfusion, self.dsc_grid, &scanner.protocol, dsc_seed, scanner.realism);
        let dsc_name = format!("{raw}/perf/{stem}_dsc");
        folder.series(&format!("{dsc_name}.nii.gz"), &series, scanner.protocol.repetition_time)?;
        if self.dsc_sidecar {
            folder.json(&format!("{dsc_name}.json"), &sidecar::dsc(&scanner.protocol))?;
        }

        let backgrounds: Vec<f64> =
            self.centers.iter().map(|&center| true_background(self.anatomy, center).unwrap_or(f64::NAN)).collect();
        if self.visit.pet {
            self.write_pet(folder, scanner, seed, &backgrounds, &format!("{raw}/pet/{stem}_trc-MET_pet"))?;
        }
        write_lesions(folder, label, self.visit, self.lesions, self.masks)?;
        Ok((0..self.visit.findings.len()).map(|index| self.truth(index, backgrounds[index], scanner)).collect())
    }

    fn write_pet(
        &self,
        folder: &Folder,
        scanner: &Scanner,
        seed: u64,
        backgrounds: &[f64],
        name: &str,
    ) -> Result<(), PhantomError> {
        let uptakes: Vec<_> = self
            .visit
            .findings
            .iter()
            .zip(backgrounds)
            .map(|(finding, background)| LesionUptake {
                enhancing: finding.tbr * background,
                core: finding.core_tbr * background,
            })
            .collect();
        let pet_seed = image_seed(seed, self.label, &self.visit.session, Modality::Pet);
        let mut pet = pet_image(self.anatomy, &uptakes, self.pet_grid, pet_seed, scanner.realism);
        let scale = sidecar::WHITE_MATTER_SUV * sidecar::becquerels_per_suv(self.weight);
        pet.data.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        folder.volume(&format!("{name}.nii.gz"), &pet, PET_STEP)?;
        folder.json(&format!("{name}.json"), &sidecar::pet())
    }

    fn truth(&self, index: usize, background: f64, scanner: &Scanner) -> TruthRow {
        let finding = &self.visit.findings[index];
        let mask = self.lesions.mask(index as u32 + 1);
        let tissue = finding.perfusion.enhancing;
        let rcbv_enhancing = true_relative_cbv(&tissue, &scanner.protocol);
        let rcbv_core = true_relative_cbv(&finding.perfusion.core, &scanner.protocol);
        let core_share = self.core_share(&mask, index);
        let of_pet = |value: f64| if self.visit.pet { value } else { f64::NAN };
        let background_suv = of_pet(background * sidecar::WHITE_MATTER_SUV);
        TruthRow {
            participant_id: self.label.to_owned(),
            session_id: self.visit.session.clone(),
            lesion: index + 1,
            name: finding.name.clone(),
            histology: finding.histology,
            center: self.centers[index],
            volume_ml: mask.volume().0,
            followup_change_percent: f64::NAN,
            rcbv: rcbv_enhancing * (1.0 - core_share) + rcbv_core * core_share,
            rcbv_enhancing,
            cbv: tissue.cbv,
            cbf: tissue.cbf,
            mtt: tissue.mean_transit_time().0,
            delay: tissue.delay.0,
            ktrans: tissue.leakage.map_or(0.0, |leakage| leakage.ktrans_per_min),
            ve: tissue.leakage.map_or(f64::NAN, |leakage| leakage.ve),
            tracer: self.visit.pet.then_some(Tracer::Met),
            tbr: of_pet(finding.tbr),
            suv: of_pet(finding.tbr) * background_suv,
            background_suv,
            expected: finding.expected,
        }
    }

    /// Share of a drawn lesion that is core.
    fn core_share(&self, mask: &Mask, lesion: usize) -> f64 {
        let is_core =
            |index: &usize| self.anatomy.tissue(mask.grid.position(mask.grid.voxel(*index))) == Tissue::Core(lesion);
        mask.indices().filter(is_core).count() as f64 / mask.count().max(1) as f64
    }
}

/// The lesions of an anatomy on a grid, labelled from 1, as they are drawn.
pub(super) fn drawn_lesions(anatomy: &dyn Anatomy, grid: Grid, masks: LesionMasks) -> Labels {
    let data = (0..grid.len())
        .map(|index| match (anatomy.tissue(grid.position(grid.voxel(index))), masks) {
            (Tissue::Enhancing(lesion), _) | (Tissue::Core(lesion), LesionMasks::Labels) => lesion as u32 + 1,
            _ => 0,
        })
        .collect();
    Labels { grid, data }
}

/// Folder and first part of the names of the masks of a visit.
pub(super) fn masks_stem(label: &str, session: &str) -> String {
    format!("derivatives/manual/{label}/{session}/anat/{label}_{session}")
}
