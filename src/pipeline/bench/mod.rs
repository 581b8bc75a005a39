//! One lesion measured in everything that a session holds.

mod draw;
mod inside;
mod kinetic;
mod perfusion;
mod uptake;

pub use self::inside::{Cluster, ContrastPair};
pub use self::kinetic::{DynamicNumbers, LabelingNumbers};
use self::kinetic::{dynamic_columns, labeling_columns};
use crate::clinical::Tracer;
use crate::image::Mask;
use crate::lesion::{LesionRecord, measure_shape};
use crate::pipeline::dynamic::Dynamic;
use crate::pipeline::error::SessionError;
use crate::pipeline::labeling::Labeled;
use crate::pipeline::masks::LesionMasks;
use crate::pipeline::measured::Measured;
use crate::pipeline::perfusion::Perfusion;
use crate::pipeline::session::Anatomy;
use crate::pipeline::transforms::Through;
use crate::pipeline::uptake::Uptake;
use crate::pipeline::{alternatives, details, methods};
use crate::quality::Caveat;
use crate::reanalysis::combined;
use crate::report::model::TestRetest;
use crate::settings::Settings;
use crate::verdict::test_retest;
/// What one lesion is measured with.
pub struct Bench<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// All lesions.
    pub masks: &'a LesionMasks,
    /// Anatomy.
    pub anatomy: Option<&'a Anatomy>,
    /// The DSC series.
    pub perfusion: Option<&'a Perfusion>,
    /// How the anatomy lies to that series, where a file says so.
    pub through: Option<&'a Through>,
    /// The ASL series.
    pub labeled: Option<&'a Labeled>,
    /// The DCE series.
    pub dynamic: Option<&'a Dynamic>,
    /// The PET image that the row tells.
    pub uptake: Option<&'a (Uptake, Option<Tracer>)>,
    /// A given brain mask, for the pictures.
    pub brain: Option<&'a Mask>,
    /// Name of the DSC series, for messages.
    pub series: &'a str,
    /// Whether a page will show the lesions: then pictures are drawn and other choices of the analysis are tried.
    pub for_page: bool,
}

impl Bench<'_> {
    /// Measures one lesion; `record` holds what the tables tell of it.
    pub fn lesion(
        &self,
        place: usize,
        mut record: LesionRecord,
        mut caveats: Vec<Caveat>,
    ) -> Result<Measured, SessionError> {
        let drawn = &self.masks.lesions[place];
        let failed = |source| SessionError::Lesion { file: format!("lesion {}", drawn.label), source };
        measure_shape(&mut record, &drawn.mask).map_err(failed)?;
        let mut measured = Measured::default();

        let mut burden = None;
        if let Some(perfusion) = self.perfusion {
            caveats.extend(perfusion.caveats.iter().cloned());
            let found = self.perfusion_columns(place, perfusion, &mut record)?;
            caveats.extend(found.caveats);
            measured.motion.clone_from(&perfusion.motion);
            (measured.dsc_checks, measured.bolus, burden) = (found.checks, found.bolus, found.burden);
            measured.rcbv_histogram = found.histogram;
            measured.perfusion_detail = Some(details::of_lesion(perfusion, place));
            measured.artery = details::artery(perfusion);
            measured.alternatives.extend(found.alternatives);
            measured.methods.extend(methods::dsc(perfusion, self.settings));
        }
        if let Some(labeled) = self.labeled {
            caveats.extend(labeled.caveats.iter().cloned());
            let found = labeling_columns(labeled, place, &mut record, self.settings)?;
            (measured.asl_checks, measured.asl) = (found.checks, found.numbers);
            measured.curves.extend(found.figure);
            measured.methods.extend(methods::asl(labeled));
        }
        if let Some(dynamic) = self.dynamic {
            caveats.extend(dynamic.caveats.iter().cloned());
            let found = dynamic_columns(dynamic, place, &mut record, self.settings)?;
            (measured.dce_checks, measured.dce) = (found.checks, found.numbers);
            measured.curves.extend(found.figure);
            measured.methods.extend(methods::dce(dynamic, self.settings));
        }
        if let Some((uptake, tracer)) = self.uptake {
            caveats.extend(uptake.caveats.iter().cloned());
            record.tracer.clone_from(tracer);
            let (more, measures) = self.uptake_columns(place, uptake, &mut record)?;
            caveats.extend(more);
            measured.pet = Some(measures);
            if self.for_page {
                measured.alternatives.extend(alternatives::of_uptake(uptake, place, &record));
            }
            measured.pet_checks.clone_from(&uptake.result.checks);
            measured.background = methods::background(uptake);
            measured.methods.extend(methods::pet(uptake, self.settings));
        }
        measured.methods.push(methods::lesion(self.settings));
        let rcbv = record.rcbv_enhancing_mean.or(record.rcbv_mean);
        if let Some(range) = rcbv.and_then(|rcbv| test_retest(rcbv, &self.settings.verdict)) {
            let column = if record.rcbv_enhancing_mean.is_some() { "rcbv_enhancing_mean" } else { "rcbv_mean" };
            let variation = self.settings.verdict.rcbv_wcv;
            measured.test_retest.push(TestRetest {
                column: column.to_owned(),
                low: range.low,
                high: range.high,
                variation,
            });
        }
        measured.test_retest.extend(self.kinetic_test_retest(&record));
        measured.alternatives = combined(std::mem::take(&mut measured.alternatives));
        measured.numbered = drawn.numbered;
        if self.for_page {
            self.draw(&drawn.mask, &record, burden.as_ref(), &mut measured)?;
            measured.panels.extend(self.perfusion.and_then(details::artery_panel));
        }
        measured.measured_caveats = without_repeats(caveats);
        measured.record = record;
        Ok(measured)
    }

    /// The band in which Ktrans and the area over 60 s stay when the scan is repeated.
    fn kinetic_test_retest(&self, record: &LesionRecord) -> Vec<TestRetest> {
        let settings = &self.settings.dce;
        [
            ("ktrans_mean", record.ktrans_mean, settings.ktrans_repeatability),
            ("iauc60_mean", record.iauc60_mean, settings.iauc60_repeatability),
        ]
        .into_iter()
        .filter_map(|(column, value, share)| {
            let value = value.filter(|value| *value > 0.0)?;
            // The limit of a change is 1.96 √2 times the variation of one value.
            let variation = share / (1.96 * std::f64::consts::SQRT_2);
            let (low, high) = (value * (1.0 - share), value * (1.0 + share));
            Some(TestRetest { column: column.to_owned(), low, high, variation })
        })
        .collect()
    }
}

fn without_repeats(caveats: Vec<Caveat>) -> Vec<Caveat> {
    let mut kept: Vec<Caveat> = Vec::with_capacity(caveats.len());
    for caveat in caveats {
        if !kept.contains(&caveat) {
            kept.push(caveat);
        }
    }
    kept
}
