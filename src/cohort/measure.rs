//! The measures that a cohort can give cut-offs for, read through the same gate as the verdict's.

use serde::Serialize;

use crate::clinical::Tracer;
use crate::lesion::LesionRecord;
use crate::quality::Quality;
use crate::verdict::{self, DceStatistic, PetStatistic};

/// A measure that cut-offs can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum Measure {
    /// Mean rCBV by DSC, of enhancing tissue where that is given.
    Dsc,
    /// Mean relative CBF by ASL.
    Asl,
    /// A DCE quantity.
    Dce(DceStatistic),
    /// Uptake of methionine.
    Met(PetStatistic),
    /// Uptake of fluoroethyltyrosine.
    Fet(PetStatistic),
    /// Uptake of fluoro-DOPA.
    Fdopa(PetStatistic),
    /// Uptake of fluorodeoxyglucose.
    Fdg(PetStatistic),
}

impl From<Measure> for String {
    fn from(measure: Measure) -> Self {
        measure.name()
    }
}

impl Measure {
    /// Its name, such as `dsc` or `pet.met tbr_max`.
    pub fn name(self) -> String {
        let section = self.section();
        match self {
            Self::Dsc | Self::Asl => section.to_owned(),
            Self::Dce(statistic) => format!("{section} {statistic}"),
            Self::Met(statistic) | Self::Fet(statistic) | Self::Fdopa(statistic) | Self::Fdg(statistic) => {
                format!("{section} {statistic}")
            }
        }
    }

    /// Its section below `verdict` in the settings.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Dsc => "dsc",
            Self::Asl => "asl",
            Self::Dce(_) => "dce",
            Self::Met(_) => "pet.met",
            Self::Fet(_) => "pet.fet",
            Self::Fdopa(_) => "pet.fdopa",
            Self::Fdg(_) => "pet.fdg",
        }
    }

    /// The key that names its column in the settings, where the section has one.
    pub(super) const fn statistic(self) -> Option<&'static str> {
        match self {
            Self::Dsc | Self::Asl => None,
            Self::Dce(statistic) => Some(statistic.as_str()),
            Self::Met(statistic) | Self::Fet(statistic) | Self::Fdopa(statistic) | Self::Fdg(statistic) => {
                Some(statistic.as_str())
            }
        }
    }

    /// The measures that a table can hold: for MET and FET the statistic of the settings, for the others theirs or the
    /// largest ratio.
    pub(super) fn all(settings: &verdict::Settings) -> Vec<Self> {
        let pet = &settings.pet;
        let dce = match &settings.dce {
            Some(cutoff) => vec![Self::Dce(cutoff.statistic)],
            None => DceStatistic::ALL.iter().map(|statistic| Self::Dce(*statistic)).collect(),
        };
        let mut measures = vec![Self::Dsc, Self::Asl];
        measures.extend(dce);
        measures.extend([
            Self::Met(pet.met.statistic),
            Self::Fet(pet.fet.statistic),
            Self::Fdopa(pet.fdopa.as_ref().map_or(PetStatistic::TbrMax, |cutoff| cutoff.statistic)),
            Self::Fdg(pet.fdg.as_ref().map_or(PetStatistic::TbrMax, |cutoff| cutoff.statistic)),
        ]);
        measures
    }

    /// The cut-offs that the settings have for it, the lower one first.
    pub(super) fn bounds(self, settings: &verdict::Settings) -> Option<(f64, f64)> {
        fn ends<Of>(bounds: verdict::Bounds<Of>) -> (f64, f64) {
            (bounds.low(), bounds.high())
        }
        let pet = &settings.pet;
        match self {
            Self::Dsc => Some(ends(settings.dsc.bounds())),
            Self::Asl => Some(ends(settings.asl.bounds())),
            Self::Dce(_) => settings.dce.as_ref().map(|cutoff| ends(cutoff.bounds())),
            Self::Met(_) => Some(ends(pet.met.bounds())),
            Self::Fet(_) => Some(ends(pet.fet.bounds())),
            Self::Fdopa(_) => pet.fdopa.as_ref().map(|cutoff| ends(cutoff.bounds())),
            Self::Fdg(_) => pet.fdg.as_ref().map(|cutoff| ends(cutoff.bounds())),
        }
    }

    /// Its value in a row, where the measurement may be used: the same gate as the verdict's.
    pub(super) fn value(self, record: &LesionRecord, settings: &verdict::Settings) -> Option<f64> {
        let passed = |quality: Option<Quality>| quality != Some(Quality::Fail);
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let uptake = |tracer: Tracer, statistic: PetStatistic| {
            let here = record.tracer.as_ref() == Some(&tracer) && passed(record.pet_quality);
            let value = match statistic {
                PetStatistic::TbrMax => record.tbr_max,
                PetStatistic::TbrMean => record.tbr_mean,
                PetStatistic::TbrPeak => record.tbr_peak,
                PetStatistic::SuvMax => record.suv_max,
                PetStatistic::SuvMean => record.suv_mean,
                PetStatistic::SuvPeak => record.suv_peak,
            };
            finite(value).filter(|value| here && *value >= 0.0)
        };
        match self {
            Self::Dsc => finite(record.rcbv_enhancing_mean)
                .or(finite(record.rcbv_mean))
                .filter(|value| passed(record.dsc_quality) && *value >= settings.cbv_floor),
            Self::Asl => finite(record.asl_rcbf_mean).filter(|value| passed(record.asl_quality) && *value >= 0.0),
            Self::Dce(statistic) => finite(match statistic {
                DceStatistic::KtransMean => record.ktrans_mean,
                DceStatistic::VpMean => record.vp_mean,
                DceStatistic::VeMean => record.ve_mean,
                DceStatistic::Iauc60Mean => record.iauc60_mean,
            })
            .filter(|_| passed(record.dce_quality)),
            Self::Met(statistic) => uptake(Tracer::Met, statistic),
            Self::Fet(statistic) => uptake(Tracer::Fet, statistic),
            Self::Fdopa(statistic) => uptake(Tracer::Fdopa, statistic),
            Self::Fdg(statistic) => uptake(Tracer::Fdg, statistic),
        }
    }
}
