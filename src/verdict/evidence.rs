//! What the measures of one lesion say: each value gated by its quality and set against its own cut-offs.

use crate::clinical::Tracer;
use crate::lesion::LesionRecord;
use crate::quality::{Caveat, CaveatCode, Quality};

use super::cutoff::{Bounds, DceStatistic, Met, PetCutoff, PetStatistic, Reading};
use super::{Finding, Pole, Settings};

/// The perfusion method that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PerfusionMethod {
    Dsc,
    Dce,
    Asl,
}

/// A method whose measurement failed its quality check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    Dsc,
    Dce,
    Asl,
    Pet,
}

/// The measures of one lesion, read.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub perfusion: Pole,
    pub perfusion_method: Option<PerfusionMethod>,
    /// Two perfusion methods read opposite poles.
    pub discordant: bool,
    pub pet: Pole,
    pub failed: Vec<Failed>,
    /// Perfusion first, PET last.
    pub findings: Vec<Finding>,
    pub caveats: Vec<Caveat>,
}

impl Evidence {
    /// Nothing read yet but the values that cannot be.
    pub fn none(record: &LesionRecord) -> Self {
        Self {
            perfusion: Pole::Missing,
            perfusion_method: None,
            discordant: false,
            pet: Pole::Missing,
            failed: Vec::new(),
            findings: Vec::new(),
            caveats: impossible_values(record),
        }
    }

    pub fn read(record: &LesionRecord, settings: &Settings) -> Self {
        let mut evidence = Self::none(record);
        evidence.read_perfusion(record, settings);
        evidence.read_pet(record, settings);
        evidence
    }

    pub fn read_pet_only(record: &LesionRecord, settings: &Settings) -> Self {
        let mut evidence = Self::none(record);
        evidence.read_pet(record, settings);
        evidence
    }

    /// ASL is the only usable measure, and it takes a side.
    pub fn asl_alone(&self) -> bool {
        self.perfusion_method == Some(PerfusionMethod::Asl)
            && self.pet == Pole::Missing
            && matches!(self.perfusion, Pole::High | Pole::Low)
    }

    pub fn both(&self, pole: Pole) -> bool {
        self.perfusion == pole && self.pet == pole
    }

    /// Perfusion and PET read opposite poles.
    pub fn conflict(&self) -> bool {
        matches!((self.perfusion, self.pet), (Pole::High, Pole::Low) | (Pole::Low, Pole::High))
    }

    pub fn failed(&self, method: Failed) -> bool {
        self.failed.contains(&method)
    }

    fn read_perfusion(&mut self, record: &LesionRecord, settings: &Settings) {
        let dsc = self.read_dsc(record, settings);
        let dce = self.read_dce(record, settings);
        let asl = self.read_asl(record, settings);
        let readings = [(PerfusionMethod::Dsc, dsc), (PerfusionMethod::Dce, dce), (PerfusionMethod::Asl, asl)];
        if let Some(&(method, pole)) = readings.iter().find(|(_, pole)| *pole != Pole::Missing) {
            self.perfusion_method = Some(method);
            self.perfusion = pole;
        }
        // METHOD: DSC is primary, and a method of other cut-offs does not outvote it; but opposite poles of the same
        // biology mean that one of them is wrong, so perfusion counts as grey (EVIDENCE 4.6b for DSC and ASL; a DCE
        // cut-off of one's own is treated alike).
        let reads = |pole| readings.iter().any(|(_, found)| *found == pole);
        if reads(Pole::High) && reads(Pole::Low) {
            self.perfusion = Pole::Grey;
            self.discordant = true;
        }
    }

    fn read_dsc(&mut self, record: &LesionRecord, settings: &Settings) -> Pole {
        let enhancing = record.rcbv_enhancing_mean.filter(|value| value.is_finite());
        let (column, name, value) = match enhancing {
            Some(value) => ("rcbv_enhancing_mean", "Mean rCBV of enhancing tissue (DSC)", Some(value)),
            None => ("rcbv_mean", "Mean rCBV (DSC)", record.rcbv_mean.filter(|value| value.is_finite())),
        };
        let bounds = settings.dsc.bounds();
        if record.dsc_quality == Some(Quality::Fail) {
            self.failed.push(Failed::Dsc);
        } else if let Some(value) = value.filter(|value| *value < settings.cbv_floor) {
            // METHOD: leakage correction of avascular tissue ends slightly below zero; far below zero the correction
            // itself failed, which is a failed acquisition, not a low reading (EVIDENCE 4.6b).
            self.failed.push(Failed::Dsc);
            self.caveat(CaveatCode::CbvNegative, format!("{column} is {value}, below {}", settings.cbv_floor));
        } else if let Some(value) = value.filter(|value| *value < 0.0) {
            self.caveat(CaveatCode::CbvNearZero, format!("{column} is {value}"));
        }
        let pole = if self.failed(Failed::Dsc) { Pole::Missing } else { stand(value, &bounds) };
        self.findings.push(Finding {
            column,
            name: name.to_owned(),
            value,
            low: Some(bounds.low()),
            high: Some(bounds.high()),
            pole,
        });
        pole
    }

    fn read_dce(&mut self, record: &LesionRecord, settings: &Settings) -> Pole {
        let Some(cutoff) = &settings.dce else { return Pole::Missing };
        let (name, value) = match cutoff.statistic {
            DceStatistic::KtransMean => ("Mean Ktrans (DCE)", record.ktrans_mean),
            DceStatistic::VpMean => ("Mean plasma volume (DCE)", record.vp_mean),
            DceStatistic::VeMean => ("Mean extracellular volume (DCE)", record.ve_mean),
            DceStatistic::Iauc60Mean => ("Mean initial area under the curve (DCE)", record.iauc60_mean),
        };
        let value = value.filter(|value| value.is_finite());
        let bounds = cutoff.bounds();
        let pole = if record.dce_quality == Some(Quality::Fail) {
            self.failed.push(Failed::Dce);
            Pole::Missing
        } else {
            stand(value, &bounds)
        };
        if value.is_some() {
            self.findings.push(Finding {
                column: cutoff.statistic.as_str(),
                name: name.to_owned(),
                value,
                low: Some(bounds.low()),
                high: Some(bounds.high()),
                pole,
            });
        }
        pole
    }

    fn read_asl(&mut self, record: &LesionRecord, settings: &Settings) -> Pole {
        let value = possible(record.asl_rcbf_mean);
        let bounds = settings.asl.bounds();
        let pole = if record.asl_quality == Some(Quality::Fail) {
            self.failed.push(Failed::Asl);
            Pole::Missing
        } else {
            stand(value, &bounds)
        };
        if let Some(value) = value {
            if pole != Pole::Missing {
                self.caveat(
                    CaveatCode::AslUnvalidated,
                    format!("asl_rcbf_mean {value} against {:?} and {:?}", bounds.low(), bounds.high()),
                );
            }
            self.findings.push(Finding {
                column: "asl_rcbf_mean",
                name: "Mean rCBF (ASL)".to_owned(),
                value: Some(value),
                low: Some(bounds.low()),
                high: Some(bounds.high()),
                pole,
            });
        }
        pole
    }

    fn read_pet(&mut self, record: &LesionRecord, settings: &Settings) {
        if record.pet_quality == Some(Quality::Fail) {
            self.failed.push(Failed::Pet);
        }
        let any_ratio =
            [record.tbr_max, record.tbr_mean, record.tbr_peak].into_iter().any(|ratio| possible(ratio).is_some());
        let single = self.center_cutoff(record, any_ratio);
        let pet = &settings.pet;
        match &record.tracer {
            Some(Tracer::Met) => {
                let bounds = single.unwrap_or_else(|| pet.met.bounds());
                self.read_uptake(record, &pet.met, bounds, "MET");
            }
            Some(Tracer::Fet) => self.read_uptake(record, &pet.fet, pet.fet.bounds(), "FET"),
            Some(Tracer::Fdopa) => match &pet.fdopa {
                Some(cutoff) => self.read_uptake(record, cutoff, cutoff.bounds(), "FDOPA"),
                None => self.read_without_cutoff(record, "FDOPA"),
            },
            Some(Tracer::Fdg) => match &pet.fdg {
                Some(cutoff) => self.read_uptake(record, cutoff, cutoff.bounds(), "FDG"),
                None => self.read_without_cutoff(record, "FDG"),
            },
            Some(Tracer::Other(name)) => self.read_without_cutoff(record, name),
            None => {
                if any_ratio {
                    self.caveat(CaveatCode::TracerUnknown, "a tumor-to-background ratio is given without a tracer");
                }
                self.push_uptake(PetStatistic::TbrMax, record, None, "", Pole::Missing);
            }
        }
    }

    /// The center's single cut-off, where the tracer is the one that it is for.
    fn center_cutoff(&mut self, record: &LesionRecord, any_ratio: bool) -> Option<Bounds<Met>> {
        let cutoff = record.tbr_cutoff.filter(|value| !value.is_nan())?;
        match &record.tracer {
            Some(Tracer::Met) => {
                let bounds = Bounds::single(cutoff);
                if bounds.is_none() {
                    self.caveat(
                        CaveatCode::ImpossibleValue,
                        format!("tbr_cutoff is {cutoff}: the two cut-offs of the settings were used"),
                    );
                }
                bounds
            }
            Some(tracer) => {
                self.caveat(
                    CaveatCode::CutoffNotForTracer,
                    format!("tbr_cutoff {cutoff} is for MET; the tracer is {tracer}"),
                );
                None
            }
            None => {
                if any_ratio {
                    self.caveat(
                        CaveatCode::CutoffNotForTracer,
                        format!("tbr_cutoff {cutoff} is for MET; the tracer is not known"),
                    );
                }
                None
            }
        }
    }

    fn read_uptake<Of>(&mut self, record: &LesionRecord, cutoff: &PetCutoff<Of>, bounds: Bounds<Of>, tracer: &str) {
        let value = possible(uptake(record, cutoff.statistic));
        self.pet = if self.failed(Failed::Pet) { Pole::Missing } else { stand(value, &bounds) };
        self.push_uptake(cutoff.statistic, record, Some((bounds.low(), bounds.high())), tracer, self.pet);
    }

    fn read_without_cutoff(&mut self, record: &LesionRecord, tracer: &str) {
        if possible(record.tbr_max).is_some() {
            self.caveat(CaveatCode::NoCutoffForTracer, format!("tracer {tracer}"));
        }
        self.push_uptake(PetStatistic::TbrMax, record, None, tracer, Pole::Missing);
    }

    fn push_uptake(
        &mut self,
        statistic: PetStatistic,
        record: &LesionRecord,
        bounds: Option<(f64, f64)>,
        tracer: &str,
        pole: Pole,
    ) {
        let name = match statistic {
            PetStatistic::TbrMax => "TBRmax",
            PetStatistic::TbrMean => "TBRmean",
            PetStatistic::TbrPeak => "TBRpeak",
            PetStatistic::SuvMax => "SUVmax",
            PetStatistic::SuvMean => "SUVmean",
            PetStatistic::SuvPeak => "SUVpeak",
        };
        self.findings.push(Finding {
            column: statistic.as_str(),
            name: if tracer.is_empty() { format!("{name} (PET)") } else { format!("{name} ({tracer}-PET)") },
            value: possible(uptake(record, statistic)),
            low: bounds.map(|(low, _)| low),
            high: bounds.map(|(_, high)| high),
            pole,
        });
    }

    fn caveat(&mut self, code: CaveatCode, detail: impl Into<String>) {
        self.caveats.push(Caveat::new(code, detail));
    }
}

/// A value that can be a measurement of a quantity that is never negative.
pub(super) fn possible(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value >= 0.0)
}

fn stand<Of>(value: Option<f64>, bounds: &Bounds<Of>) -> Pole {
    value.and_then(Reading::new).map_or(Pole::Missing, |reading| bounds.pole(reading))
}

fn uptake(record: &LesionRecord, statistic: PetStatistic) -> Option<f64> {
    match statistic {
        PetStatistic::TbrMax => record.tbr_max,
        PetStatistic::TbrMean => record.tbr_mean,
        PetStatistic::TbrPeak => record.tbr_peak,
        PetStatistic::SuvMax => record.suv_max,
        PetStatistic::SuvMean => record.suv_mean,
        PetStatistic::SuvPeak => record.suv_peak,
    }
}

/// One caveat for each value that cannot be a measurement: infinite, or negative where the quantity cannot be. NaN is
/// *not estimated* and needs no caveat.
fn impossible_values(record: &LesionRecord) -> Vec<Caveat> {
    let never_negative = [
        ("volume_ml", record.volume_ml),
        ("index_volume_ml", record.index_volume_ml),
        ("asl_cbf_mean", record.asl_cbf_mean),
        ("asl_rcbf_mean", record.asl_rcbf_mean),
        ("suv_max", record.suv_max),
        ("suv_mean", record.suv_mean),
        ("suv_peak", record.suv_peak),
        ("tbr_max", record.tbr_max),
        ("tbr_mean", record.tbr_mean),
        ("tbr_peak", record.tbr_peak),
        ("btv_ml", record.btv_ml),
    ];
    let signed = [
        ("rcbv_mean", record.rcbv_mean, f64::NEG_INFINITY),
        ("rcbv_enhancing_mean", record.rcbv_enhancing_mean, f64::NEG_INFINITY),
        ("followup_change_percent", record.followup_change_percent, -100.0),
        ("nadir_change_percent", record.nadir_change_percent, -100.0),
        ("followup_days", record.followup_days, f64::NEG_INFINITY),
        ("weeks_since_rt", record.weeks_since_rt, f64::NEG_INFINITY),
    ];
    never_negative
        .into_iter()
        .map(|(column, value)| (column, value, 0.0))
        .chain(signed)
        .filter_map(|(column, value, least)| {
            let value = value.filter(|value| value.is_infinite() || *value < least)?;
            Some(Caveat::new(CaveatCode::ImpossibleValue, format!("{column} is {value}")))
        })
        .collect()
}
