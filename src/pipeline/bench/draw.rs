//! The pictures of one lesion, and the volumes of its viewer.

use super::Bench;
use crate::clinical::Tracer;
use crate::image::{Labels, Mask, Volume};
use crate::lesion::LesionRecord;
use crate::pipeline::error::SessionError;
use crate::pipeline::limits::Limits;
use crate::pipeline::mask_check::mask_check;
use crate::pipeline::measured::Measured;
use crate::pipeline::methods;
use crate::pipeline::pictures::{
    DynamicPicture, LabelingPicture, Scene, Shown, Uptake as UptakePicture, background_panel, film_strip,
};
use crate::pipeline::uptake::Uptake;
use crate::pipeline::volumes::{Surroundings, viewer_volumes};
use crate::verdict::judge;
impl Bench<'_> {
    /// The pictures of a lesion, and the volumes of its viewer.
    pub(super) fn draw(
        &self,
        lesion: &Mask,
        record: &LesionRecord,
        burden: Option<&Labels>,
        measured: &mut Measured,
    ) -> Result<(), SessionError> {
        let findings = judge(record, &self.settings.verdict).findings;
        let cutoffs = |prefix: &str| {
            let finding = findings.iter().find(|finding| finding.column.starts_with(prefix));
            finding.map(|finding| finding.low.into_iter().chain(finding.high).collect::<Vec<f64>>()).unwrap_or_default()
        };
        let bounds = self.settings.verdict.dsc.bounds();
        let normalized = self.perfusion.and_then(|perfusion| {
            let normalized = perfusion.result.normalized.as_ref()?;
            let moved = self.through.and_then(|through| through.in_anatomy(&perfusion.grid));
            let map = |values: &[f32]| {
                let map = Volume::from_masked(&perfusion.result.mask, values);
                Volume { grid: moved.unwrap_or(map.grid), ..map }
            };
            Some((map(&normalized.rcbv), map(&normalized.uncorrected)))
        });
        let rcbv = normalized.as_ref().map(|(rcbv, _)| rcbv);
        let mut burden = burden.cloned();
        if let Some(burden) = &mut burden
            && let Some(grid) = self.through.and_then(|through| through.in_anatomy(&burden.grid))
        {
            burden.grid = grid;
        }
        let correction = if self.perfusion.is_some_and(|perfusion| perfusion.result.leakage.is_some()) {
            "leakage corrected"
        } else {
            "not leakage corrected"
        };
        let uptake = self.uptake.map(|(uptake, tracer)| {
            let prefix = if uptake.result.scales.tbr.is_some() { "tbr_" } else { "suv_" };
            shown_uptake(uptake, tracer.as_ref(), cutoffs(prefix))
        });
        let flow = self.labeled.and_then(|labeled| {
            let map = |values: &[f32]| Volume::from_masked(&labeled.result.mask, values);
            Some(match labeled.relative_cbf() {
                Some(relative) => LabelingPicture::Relative(map(&relative)),
                None if labeled.result.absolute => LabelingPicture::Absolute(map(&labeled.result.cbf)),
                None => return None,
            })
        });
        let enhancement = self.dynamic.map(|dynamic| {
            let map = |values: &[f32]| Volume::from_masked(&dynamic.mask, values);
            match dynamic.fits.as_ref().and_then(|fits| fits.transfer_constant()) {
                Some(ktrans) => DynamicPicture::Ktrans(map(ktrans)),
                None if dynamic.curves.concentration => DynamicPicture::Area(map(dynamic.curves.area_60())),
                None => DynamicPicture::RelativePeak(map(dynamic.curves.peak())),
            }
        });
        let scene = Scene {
            flow: flow.as_ref(),
            flow_cutoffs: cutoffs("asl_"),
            enhancement: enhancement.as_ref(),
            lesion,
            anatomy: self.anatomy.map(|anatomy| (&anatomy.volume, anatomy.name)),
            rcbv: rcbv.map(|rcbv| (rcbv, correction)),
            burden: burden.as_ref(),
            rcbv_cutoffs: [bounds.low(), bounds.high()],
            uptake,
        };
        let baseline = self
            .perfusion
            .filter(|_| self.anatomy.is_none())
            .map(|perfusion| Volume::from_masked(&perfusion.result.mask, &perfusion.result.baseline.level));
        let in_anatomy = |mask: &Mask| {
            let moved = self.through.and_then(|through| through.in_anatomy(&mask.grid));
            Mask { grid: moved.unwrap_or(mask.grid), data: mask.data.clone() }
        };
        let series_brain = self.perfusion.map(|perfusion| in_anatomy(&perfusion.result.mask));
        let series_reference = self.perfusion.and_then(|perfusion| perfusion.reference.as_ref()).map(in_anatomy);
        let background = self.uptake.and_then(|(uptake, _)| uptake.background.as_ref());
        let around = Surroundings {
            baseline: baseline.as_ref(),
            uncorrected: normalized.as_ref().map(|(_, uncorrected)| uncorrected),
            brain: self.brain.or(series_brain.as_ref()),
            reference: series_reference.as_ref().or(background),
        };
        let regions: Vec<&Mask> = [Some(lesion), around.reference, background].into_iter().flatten().collect();
        let Some(limits) = Limits::new(around.brain, &regions)? else { return Ok(()) };
        measured.panels = film_strip(&scene, record, &limits);
        measured.mask_check = mask_check(&scene, &around, &limits);
        measured.volumes = viewer_volumes(&scene, &measured.panels, &around)?;
        if let (Some((uptake, tracer)), Some(region)) = (self.uptake, background) {
            let words = methods::background(uptake).unwrap_or_default();
            let shown = shown_uptake(uptake, tracer.as_ref(), Vec::new());
            measured.panels.extend(background_panel(&shown, region, lesion, &words, &limits));
        }
        Ok(())
    }
}

/// A PET image as its pictures show it: as ratio where there is a background, else in SUV, else as it is.
fn shown_uptake<'a>(uptake: &'a Uptake, tracer: Option<&'a Tracer>, cutoffs: Vec<f64>) -> UptakePicture<'a> {
    let scales = uptake.result.scales;
    let (scale, shown) = match (scales.tbr, scales.suv) {
        (Some(scale), _) => (scale, Shown::Ratio),
        (None, Some(scale)) => (scale, Shown::Suv),
        (None, None) => (1.0, Shown::Image),
    };
    let cutoffs = if shown == Shown::Image { Vec::new() } else { cutoffs };
    UptakePicture { image: &uptake.image, scale, shown, tracer: tracer.map_or("PET", Tracer::as_str), cutoffs }
}
