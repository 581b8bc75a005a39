//! From an ASL series to maps: flow, arrival time, or the difference alone where flow has no unit.

use super::error::AslError;
use super::fit::{ArrivalRange, SeveralDelays};
use super::model::{Constants, Delay, SeveralDelaysModel};
use super::pairs::{DifferenceGroup, difference_groups};
use super::settings::Settings;
use crate::acquisition::{AslAcquisition, AslVolume, BolusCutOff, Labeling, M0Source};
use crate::curve::area::weighted_sums;
use crate::image::{Grid, Mask, Series, Volume, for_each_block};
use crate::quality::{Caveat, CaveatCode, Check, Quality};

closed_words! {
    /// How differences become flow.
    pub enum AslModel: "ASL model" {
        /// One delay: the white paper's formula (Alsop 2015).
        WhitePaper = "whitepaper",
        /// Several delays: the general kinetic model (Buxton 1998).
        General = "gkm",
        /// Several delays: Woods 2024.
        Woods = "woods2024",
    }
}

/// An M0 scan of its own: the mean of its volumes, on the grid of the series.
pub type M0Image = Volume;

/// What an ASL series says. Maps hold one value per voxel of [`AslResult::mask`], in its order; NaN is *not estimated*.
#[derive(Debug, Clone)]
pub struct AslResult {
    /// The voxels of the maps.
    pub mask: Mask,
    /// CBF in mL/100g/min where [`AslResult::absolute`], else in a unit of its own: only ratios of it mean something.
    pub cbf: Vec<f32>,
    /// Whether CBF has its unit.
    pub absolute: bool,
    /// Standard error of CBF from the fit of several delays.
    pub cbf_error: Option<Vec<f32>>,
    /// Arterial transit time, s, from several delays.
    pub arrival: Option<Vec<f32>>,
    /// Its standard error, s.
    pub arrival_error: Option<Vec<f32>>,
    /// Arterial blood volume, a share, where the arterial term is fitted.
    pub arterial_volume: Option<Vec<f32>>,
    /// The mean difference over M0 at each delay, where several were fitted; empty otherwise.
    pub(super) differences: Vec<Vec<f32>>,
    /// The times of each of them in the first slice.
    pub(super) delays: Vec<Delay>,
    /// How much later each voxel is excited, s.
    pub(super) offsets: Option<Vec<f64>>,
    /// What stands for M0 where there is none, 1 otherwise.
    pub(super) scale: f64,
    /// M0 where there is an image of it, else the mean control, else the mean difference: what brain looks like.
    pub anatomy: Vec<f32>,
    /// The model.
    pub model: AslModel,
    /// The constants that made the maps.
    pub constants: Constants,
    /// The differences, by delay.
    pub groups: Vec<DifferenceGroup>,
    /// What M0 was multiplied by for its short repetition time; 1 for a long one; `None` without M0.
    pub m0_correction: Option<f64>,
    /// Doubts about the whole series.
    pub caveats: Vec<Caveat>,
    /// Quality checks of the whole series.
    pub checks: Vec<Check>,
}

/// A map as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AslMap<'a> {
    /// The suffix of its file.
    pub suffix: &'static str,
    /// The `desc-` entity of its file.
    pub description: Option<&'static str>,
    /// Unit in UCUM spelling.
    pub unit: &'static str,
    /// One value per voxel of the mask.
    pub values: &'a [f32],
}

impl AslResult {
    /// The maps that were estimated.
    pub fn maps(&self) -> Vec<AslMap<'_>> {
        let (description, unit) = if self.absolute { (None, "mL/100g/min") } else { (Some("relative"), "a.u.") };
        let mut found = vec![AslMap { suffix: "cbf", description, unit, values: &self.cbf }];
        if let Some(values) = &self.cbf_error {
            found.push(AslMap { suffix: "cbf", description: Some("error"), unit, values });
        }
        if let Some(values) = &self.arrival {
            found.push(AslMap { suffix: "att", description: None, unit: "s", values });
        }
        if let Some(values) = &self.arrival_error {
            found.push(AslMap { suffix: "att", description: Some("error"), unit: "s", values });
        }
        if let Some(values) = &self.arterial_volume {
            found.push(AslMap { suffix: "abv", description: None, unit: "1", values });
        }
        found
    }

    /// Number of differences that were used, and of those left out.
    pub fn pairs(&self) -> (usize, usize) {
        let count = |of: fn(&DifferenceGroup) -> usize| self.groups.iter().map(of).sum();
        (count(|group| group.differences.len()), count(|group| group.rejected.len()))
    }
}

/// What M0 is at each voxel.
enum Magnetization {
    /// Values per voxel, NaN below the floor.
    Map(Vec<f32>),
    Number(f64),
    None,
}

/// Quantifies an ASL series. `m0` is the separate scan, where there is one; `model` is chosen by the number of delays
/// where it is `None`.
pub fn quantify(
    series: &Series,
    acquisition: &AslAcquisition,
    m0: Option<&M0Image>,
    model: Option<AslModel>,
    settings: &Settings,
) -> Result<AslResult, AslError> {
    settings.check()?;
    if series.voxels == 0 {
        return Err(AslError::NoVoxels);
    }
    if acquisition.volumes.len() != series.frames {
        let found = acquisition.volumes.len();
        return Err(AslError::Length { what: "aslcontext", volumes: series.frames, found });
    }
    let mut caveats = Vec::new();
    let mut groups = difference_groups(acquisition)?;
    let means = volume_means(series);
    for group in &mut groups {
        group.reject_outliers(&means, settings.outlier_pairs_sd, settings.outlier_pairs_minimum);
    }
    let model = choose_model(model, &groups, settings)?;
    let (magnetization, m0_correction, of_blood) = magnetization(series, acquisition, m0, settings, &mut caveats)?;
    let constants = constants(acquisition, of_blood, settings)?;
    let technique = acquisition.cut_off.map(|(technique, _)| technique);
    check_cut_off(&groups, technique, model)?;
    // METHOD: the kinetic models know the bolus of QUIPSS II and Q2TIPS. In QUIPSS I the bolus of each inversion time is
    // another one (what flows in after the saturation), which no consensus model for several times describes.
    let several = model != AslModel::WhitePaper;
    let bolus_known =
        groups.iter().all(|group| group.bolus.is_some()) && !(several && technique == Some(BolusCutOff::Quipss));
    if !bolus_known {
        let detail = if several && technique == Some(BolusCutOff::Quipss) {
            "QUIPSS at several inversion times: the kinetic models do not describe its bolus; the longest time was used"
        } else if several {
            "PASL without a bolus cut-off: the length of the bolus is not known; the longest inversion time was used"
        } else {
            "PASL without a bolus cut-off: the length of the bolus is not known"
        };
        caveats.push(Caveat::new(CaveatCode::AslRelativeOnly, detail));
    }
    let absolute = bolus_known && !matches!(magnetization, Magnetization::None);
    // Without a bolus no arrival time can be fitted: label of the longest time has arrived most completely.
    let model = if bolus_known { model } else { AslModel::WhitePaper };
    let offsets = slice_offsets(&series.mask, acquisition)?;
    let weights: Vec<Vec<f64>> = groups.iter().map(|group| group.weights(series.frames)).collect();
    let scale = if several && matches!(magnetization, Magnetization::None) {
        magnetization_scale(series, &weights[weights.len() - 1])
    } else {
        1.0
    };
    let work = Work { series, weights: &weights, magnetization: &magnetization, offsets: &offsets, technique, scale };
    let fitted = match model {
        AslModel::WhitePaper => Fitted { cbf: work.single(&groups, &constants, bolus_known), ..Fitted::default() },
        AslModel::General => work.several(SeveralDelaysModel::General, &groups, &constants, settings)?,
        AslModel::Woods => work.several(SeveralDelaysModel::Woods, &groups, &constants, settings)?,
    };
    let anatomy = match &magnetization {
        Magnetization::Map(values) => values.clone(),
        Magnetization::Number(_) | Magnetization::None => likeness(series, acquisition),
    };
    let mut result = AslResult {
        mask: series.mask.clone(),
        cbf: fitted.cbf,
        absolute,
        cbf_error: fitted.cbf_error,
        arrival: fitted.arrival,
        arrival_error: fitted.arrival_error,
        arterial_volume: fitted.arterial_volume,
        differences: fitted.differences,
        delays: if model == AslModel::WhitePaper { Vec::new() } else { work.delays(&groups, &constants, 0.0) },
        scale,
        anatomy,
        model,
        constants,
        groups,
        m0_correction,
        caveats,
        checks: Vec::new(),
        offsets,
    };
    result.checks = checks(&result, settings);
    Ok(result)
}

/// An image whose bolus was cut off after it was taken holds no known bolus.
fn check_cut_off(groups: &[DifferenceGroup], technique: Option<BolusCutOff>, model: AslModel) -> Result<(), AslError> {
    let needs = model == AslModel::WhitePaper || technique == Some(BolusCutOff::Quipss);
    let early =
        groups.iter().find(|group| technique.is_some() && group.bolus.is_some_and(|cut_off| group.delay <= cut_off));
    match early.filter(|_| needs) {
        Some(group) => Err(AslError::CutOffAfterImage { delay: group.delay, cut_off: group.bolus.unwrap_or(f64::NAN) }),
        None => Ok(()),
    }
}

/// A number in place of M0 that brings flow far below one: there the kinetic models are linear in flow, and a map
/// without unit is the same for every scale of the image.
fn magnetization_scale(series: &Series, weights: &[f64]) -> f64 {
    /// Mean difference over M0 of a flow near 0.01 mL/100g/min.
    const SMALL_DIFFERENCE: f64 = 1e-6;
    let finite: Vec<f64> = weighted_map(series, weights)
        .into_iter()
        .filter(|value| value.is_finite())
        .map(|value| f64::from(value.abs()))
        .collect();
    let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
    if mean > 0.0 { mean / SMALL_DIFFERENCE } else { 1.0 }
}

/// The mean control, or the mean of all volumes where there is none.
fn likeness(series: &Series, acquisition: &AslAcquisition) -> Vec<f32> {
    let controls: Vec<usize> =
        (0..series.frames).filter(|&volume| acquisition.volumes[volume] == AslVolume::Control).collect();
    let all: Vec<usize> = (0..series.frames).collect();
    mean_of(series, if controls.is_empty() { &all } else { &controls })
}

fn choose_model(
    model: Option<AslModel>,
    groups: &[DifferenceGroup],
    settings: &Settings,
) -> Result<AslModel, AslError> {
    let delays = groups.len();
    match model {
        None if delays == 1 => Ok(AslModel::WhitePaper),
        None => Ok(match settings.several_delays_model {
            SeveralDelaysModel::General => AslModel::General,
            SeveralDelaysModel::Woods => AslModel::Woods,
        }),
        Some(AslModel::WhitePaper) if delays > 1 => {
            Err(AslError::Model { model: "whitepaper", problem: "is for one post-labeling delay", delays })
        }
        Some(several @ (AslModel::General | AslModel::Woods)) if delays < 2 => {
            Err(AslError::Model { model: several.as_str(), problem: "needs several post-labeling delays", delays })
        }
        Some(model) => Ok(model),
    }
}

fn constants(acquisition: &AslAcquisition, of_blood: bool, settings: &Settings) -> Result<Constants, AslError> {
    let field = acquisition.field_strength.map(|field| field.0);
    // Magnets of one class differ by a few percent (2.89 T is sold as 3 T).
    let close = |to: f64| field.is_some_and(|field| (field / to - 1.0).abs() < 0.07);
    let (blood_t1, tissue_t1) = if close(1.5) {
        (settings.blood_t1_1_5t_s, settings.tissue_t1_1_5t_s)
    } else if close(3.0) {
        (settings.blood_t1_3t_s, settings.tissue_t1_3t_s)
    } else if close(7.0) {
        (settings.blood_t1_7t_s, settings.tissue_t1_7t_s)
    } else {
        return Err(AslError::FieldStrength {
            found: field.map_or("missing".to_owned(), |field| format!("{field} T")),
        });
    };
    let usual = match acquisition.labeling {
        Labeling::Pcasl => settings.efficiency_pcasl,
        Labeling::Casl => settings.efficiency_casl,
        Labeling::Pasl => settings.efficiency_pasl,
    };
    let factor = settings.background_suppression_factor;
    let suppression = match acquisition.suppression_pulses {
        _ if !acquisition.background_suppression || factor == 1.0 => 1.0,
        Some(pulses) => factor.powi(pulses as i32),
        // A factor was asked for: leaving it out would give another CBF without a word.
        None => return Err(AslError::SuppressionPulses { factor }),
    };
    Ok(Constants {
        labeling: acquisition.labeling,
        blood_t1,
        tissue_t1,
        // M0 of blood needs no partition coefficient (BIDS M0Estimate).
        partition_coefficient: if of_blood { 1.0 } else { settings.partition_coefficient },
        efficiency: acquisition.efficiency.unwrap_or(usual) * suppression,
    })
}

/// M0 per voxel, its correction for a short repetition time, and whether it is that of blood.
fn magnetization(
    series: &Series,
    acquisition: &AslAcquisition,
    separate: Option<&M0Image>,
    settings: &Settings,
    caveats: &mut Vec<Caveat>,
) -> Result<(Magnetization, Option<f64>, bool), AslError> {
    let repetition_of = |volume: usize| acquisition.repetition_times.get(volume).map(|time| time.0);
    let of = |kind: AslVolume| -> Vec<usize> {
        (0..series.frames).filter(|&volume| acquisition.volumes[volume] == kind).collect()
    };
    let (values, repetition_time) = match acquisition.m0 {
        M0Source::Estimate(number) => return Ok((Magnetization::Number(number), Some(1.0), true)),
        M0Source::Separate { repetition_time } => {
            let Some(image) = separate else {
                let detail = "M0Type is Separate and no M0 scan is there";
                caveats.push(Caveat::new(CaveatCode::AslRelativeOnly, detail));
                return Ok((Magnetization::None, None, false));
            };
            (image.values_in(&series.mask).map_err(AslError::M0Space)?, repetition_time.map(|time| time.0))
        }
        M0Source::Included => {
            let volumes = of(AslVolume::M0);
            if volumes.is_empty() {
                let detail = "M0Type is Included and no volume is an m0scan";
                caveats.push(Caveat::new(CaveatCode::AslRelativeOnly, detail));
                return Ok((Magnetization::None, None, false));
            }
            (mean_of(series, &volumes), repetition_of(volumes[0]))
        }
        // METHOD: the mean control serves as M0 only where no background suppression lowers it (ASLPrep).
        M0Source::Absent => {
            let volumes = of(AslVolume::Control);
            if volumes.is_empty() || acquisition.background_suppression {
                let detail = "no M0, and background suppression (or no control volume) keeps the control from serving";
                caveats.push(Caveat::new(CaveatCode::AslRelativeOnly, detail));
                return Ok((Magnetization::None, None, false));
            }
            caveats.push(Caveat::new(CaveatCode::AslControlAsM0, format!("{} control volumes", volumes.len())));
            (mean_of(series, &volumes), repetition_of(volumes[0]))
        }
    };
    let correction = match repetition_time {
        Some(time) if time > 0.0 && time < settings.m0_long_repetition_time_s => {
            let tissue_t1 = constants(acquisition, false, settings)?.tissue_t1;
            1.0 / -(-time / tissue_t1).exp_m1()
        }
        Some(_) => 1.0,
        None => {
            let detail = "RepetitionTimePreparation of M0 is missing: M0 is taken as fully recovered";
            caveats.push(Caveat::new(CaveatCode::AslM0RecoveryUnknown, detail));
            1.0
        }
    };
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| value.is_finite() && *value > 0.0).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let bright = sorted.get((sorted.len() * 95 / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f32::NAN);
    let floor = settings.m0_floor_fraction * f64::from(bright);
    let scaled = |value: f32| {
        let value = f64::from(value);
        if value > floor && value > 0.0 { (value * correction) as f32 } else { f32::NAN }
    };
    Ok((Magnetization::Map(values.into_iter().map(scaled).collect()), Some(correction), false))
}

/// How much later than the first slice each slice of the mask's voxels is excited, s: one value per voxel.
fn slice_offsets(mask: &Mask, acquisition: &AslAcquisition) -> Result<Option<Vec<f64>>, AslError> {
    let Some(times) = &acquisition.slice_times else { return Ok(None) };
    let grid: &Grid = &mask.grid;
    let slices = grid.stored_shape()[2];
    if times.len() != slices {
        return Err(AslError::SliceTimes { slices, found: times.len() });
    }
    // BIDS counts slices along the third stored axis.
    let storage = grid.storage();
    let axis = storage.axis.iter().position(|&stored| stored == 2).expect("three axes");
    let slice = |index: usize| {
        let place = grid.voxel(index)[axis];
        if storage.flipped[axis] { slices - 1 - place } else { place }
    };
    Ok(Some(mask.indices().map(|index| times[slice(index)].0).collect()))
}

/// Maps of a fit of several delays, before those of the differences.
const FIT_MAPS: usize = 5;

/// What the loops over voxels share.
struct Work<'a> {
    series: &'a Series,
    weights: &'a [Vec<f64>],
    magnetization: &'a Magnetization,
    offsets: &'a Option<Vec<f64>>,
    technique: Option<BolusCutOff>,
    /// Stands for M0 where there is none; flow is multiplied by it again.
    scale: f64,
}

/// The maps of a model.
#[derive(Default)]
struct Fitted {
    cbf: Vec<f32>,
    cbf_error: Option<Vec<f32>>,
    arrival: Option<Vec<f32>>,
    arrival_error: Option<Vec<f32>>,
    arterial_volume: Option<Vec<f32>>,
    differences: Vec<Vec<f32>>,
}

impl Work<'_> {
    /// The times of each group, later by an offset.
    fn delays(&self, groups: &[DifferenceGroup], constants: &Constants, offset: f64) -> Vec<Delay> {
        let of = |group: &DifferenceGroup| {
            let bolus = group.bolus.unwrap_or(f64::NAN);
            delay(constants.labeling, self.technique, group.delay + offset, bolus)
        };
        groups.iter().map(of).collect()
    }

    /// The difference over M0 of one voxel; over the scale without M0.
    fn over_m0(&self, difference: f64, voxel: usize) -> f64 {
        match self.magnetization {
            Magnetization::Map(values) => difference / f64::from(values[voxel]),
            Magnetization::Number(number) => difference / number,
            Magnetization::None => difference / self.scale,
        }
    }

    /// The last group alone by the white paper's formula; with a bolus of 1 s where it is not known, so that slices of
    /// later excitation still compare with the others.
    fn single(&self, groups: &[DifferenceGroup], constants: &Constants, bolus_known: bool) -> Vec<f32> {
        let last = groups.len() - 1;
        let group = &groups[last];
        let mut maps = for_each_block(
            self.series,
            1,
            || vec![0.0; 0],
            |block, sums: &mut Vec<f64>, outputs| {
                sums.resize(block.width, 0.0);
                weighted_sums(block.samples, &self.weights[last], sums);
                for lane in 0..block.width {
                    let voxel = block.first + lane;
                    let offset = self.offsets.as_ref().map_or(0.0, |offsets| offsets[voxel]);
                    let delay = match group.bolus {
                        Some(bolus) if bolus_known => {
                            delay(constants.labeling, self.technique, group.delay + offset, bolus)
                        }
                        _ => Delay { signal_time: group.delay + offset, bolus: 1.0 },
                    };
                    let cbf = constants.white_paper_cbf(self.over_m0(sums[lane], voxel), delay);
                    outputs[0][lane] = (cbf * self.scale) as f32;
                }
            },
        );
        maps.remove(0)
    }

    fn several(
        &self,
        model: SeveralDelaysModel,
        groups: &[DifferenceGroup],
        constants: &Constants,
        settings: &Settings,
    ) -> Result<Fitted, AslError> {
        let range = ArrivalRange { low: settings.att_low_s, high: settings.att_high_s, step: settings.att_step_s };
        let pairs: Vec<f64> = groups.iter().map(|group| group.differences.len() as f64).collect();
        let arterial = settings.arterial_term && model == SeveralDelaysModel::Woods;
        // One prepared fit per slice time.
        let mut offsets: Vec<f64> = self.offsets.clone().unwrap_or_else(|| vec![0.0]);
        offsets.sort_unstable_by(f64::total_cmp);
        offsets.dedup();
        let fits: Vec<SeveralDelays> = offsets
            .iter()
            .map(|offset| {
                let delays = self.delays(groups, constants, *offset);
                SeveralDelays::new(model, *constants, &delays, &pairs, range, arterial).ok_or(AslError::Model {
                    model: model.as_str(),
                    problem: "needs several post-labeling delays",
                    delays: groups.len(),
                })
            })
            .collect::<Result<_, _>>()?;
        let fit_of = |voxel: usize| match self.offsets {
            Some(of_voxels) => &fits[offsets.partition_point(|&offset| offset < of_voxels[voxel])],
            None => &fits[0],
        };
        let mut maps = for_each_block(
            self.series,
            FIT_MAPS + groups.len(),
            || (Vec::new(), vec![0.0; groups.len()]),
            |block, (sums, differences): &mut (Vec<f64>, Vec<f64>), outputs| {
                sums.resize(groups.len() * block.width, 0.0);
                for (weights, sums) in self.weights.iter().zip(sums.chunks_exact_mut(block.width)) {
                    weighted_sums(block.samples, weights, sums);
                }
                for lane in 0..block.width {
                    let voxel = block.first + lane;
                    for (group, difference) in differences.iter_mut().enumerate() {
                        *difference = self.over_m0(sums[group * block.width + lane], voxel);
                        outputs[FIT_MAPS + group][lane] = *difference as f32;
                    }
                    let Some(fit) = fit_of(voxel).fit(differences) else { continue };
                    outputs[0][lane] = (fit.cbf * self.scale) as f32;
                    outputs[1][lane] = (fit.cbf_error * self.scale) as f32;
                    outputs[2][lane] = fit.arrival as f32;
                    outputs[3][lane] = fit.arrival_error as f32;
                    outputs[4][lane] = fit.arterial_volume as f32;
                }
            },
        );
        let differences = maps.split_off(FIT_MAPS);
        let [cbf, cbf_error, arrival, arrival_error, arterial_volume] =
            <[Vec<f32>; FIT_MAPS]>::try_from(maps).expect("the loop returns as many maps as were asked for");
        Ok(Fitted {
            cbf,
            cbf_error: Some(cbf_error),
            arrival: Some(arrival),
            arrival_error: Some(arrival_error),
            arterial_volume: arterial.then_some(arterial_volume),
            differences,
        })
    }
}

fn delay(labeling: Labeling, technique: Option<BolusCutOff>, post_labeling: f64, bolus: f64) -> Delay {
    match (labeling, technique) {
        (Labeling::Pcasl | Labeling::Casl, _) => Delay { signal_time: bolus + post_labeling, bolus },
        // METHOD: QUIPSS saturates the imaged slices at the cut-off time, so what flows in between it and the image is
        // the bolus: TI - TI1 takes the place of TI1 (Wong EC et al., MRM 1998;39:702; ASLPrep).
        (Labeling::Pasl, Some(BolusCutOff::Quipss)) => {
            Delay { signal_time: post_labeling, bolus: post_labeling - bolus }
        }
        // The delay of PASL counts from the labeling pulse: it is the inversion time.
        (Labeling::Pasl, Some(BolusCutOff::QuipssII | BolusCutOff::Q2Tips) | None) => {
            Delay { signal_time: post_labeling, bolus }
        }
    }
}

/// The mean of each volume over the finite voxels of the mask.
fn volume_means(series: &Series) -> Vec<f64> {
    let mut row = vec![0.0; series.voxels];
    (0..series.frames)
        .map(|frame| {
            let one = mean_row(series, &[frame], &mut row);
            let (sum, count) = one
                .iter()
                .filter(|value| value.is_finite())
                .fold((0.0, 0usize), |(sum, count), &value| (sum + f64::from(value), count + 1));
            sum / count as f64
        })
        .collect()
}

fn mean_of(series: &Series, volumes: &[usize]) -> Vec<f32> {
    let mut row = vec![0.0; series.voxels];
    mean_row(series, volumes, &mut row);
    row
}

/// The mean of some volumes at each voxel.
fn mean_row<'a>(series: &Series, volumes: &[usize], row: &'a mut [f32]) -> &'a [f32] {
    let mut weights = vec![0.0; series.frames];
    for &volume in volumes {
        weights[volume] = 1.0 / volumes.len() as f64;
    }
    row.copy_from_slice(&weighted_map(series, &weights));
    row
}

/// The weighted sum of the volumes at each voxel.
fn weighted_map(series: &Series, weights: &[f64]) -> Vec<f32> {
    let mut maps = for_each_block(series, 1, Vec::new, |block, sums: &mut Vec<f64>, outputs| {
        sums.resize(block.width, 0.0);
        weighted_sums(block.samples, weights, sums);
        for (output, sum) in outputs[0].iter_mut().zip(sums.iter()) {
            *output = *sum as f32;
        }
    });
    maps.remove(0)
}

fn checks(result: &AslResult, settings: &Settings) -> Vec<Check> {
    let limits = &settings.quality;
    let (used, rejected) = result.pairs();
    let share = rejected as f64 / (used + rejected) as f64;
    let finite: Vec<f64> = result.cbf.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value)).collect();
    let negative = finite.iter().filter(|value| **value < 0.0).count() as f64 / finite.len().max(1) as f64;
    let graded = |value: f64, caution: f64, fail: f64| {
        if value > fail {
            Quality::Fail
        } else if value > caution {
            Quality::Caution
        } else {
            Quality::Pass
        }
    };
    let mut checks = vec![
        Check {
            name: "Control-label pairs".to_owned(),
            found: used.to_string(),
            limit: format!("at least {}", limits.pairs_caution),
            quality: if used < limits.pairs_caution { Quality::Caution } else { Quality::Pass },
            meaning: "Flow is the mean of these differences: few of them leave it noisy.".to_owned(),
        },
        Check {
            name: "Pairs left out".to_owned(),
            found: format!("{:.0} %", 100.0 * share),
            limit: format!("at most {:.0} %", 100.0 * limits.rejected_caution),
            quality: graded(share, limits.rejected_caution, limits.rejected_fail),
            meaning: "Pairs far from the others tell of motion.".to_owned(),
        },
        Check {
            name: "Negative flow".to_owned(),
            found: format!("{:.0} % of the voxels", 100.0 * negative),
            limit: format!("at most {:.0} %", 100.0 * limits.negative_caution),
            quality: graded(negative, limits.negative_caution, limits.negative_fail),
            meaning: "Much negative flow tells of noise, or of control and label exchanged.".to_owned(),
        },
    ];
    if result.absolute {
        let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
        let [low, high] = limits.mean_cbf;
        checks.push(Check {
            name: "Mean flow".to_owned(),
            found: format!("{mean:.0} mL/100g/min"),
            limit: format!("{low} to {high} mL/100g/min"),
            quality: if (low..=high).contains(&mean) { Quality::Pass } else { Quality::Caution },
            meaning: "A mean outside this range tells of failed labeling, or of wrong units or timing.".to_owned(),
        });
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Samples};
    use crate::settings::default_section;
    use crate::units::{Seconds, Tesla};

    const M0: f64 = 1000.0;

    fn grid() -> Grid {
        Grid::from_stored([2, 1, 2], Affine::diagonal([3.0; 3], [0.0; 3])).unwrap()
    }

    fn acquisition(delays: &[f64], repeats: usize) -> AslAcquisition {
        let mut volumes = vec![AslVolume::M0];
        let mut times = vec![Seconds(0.0)];
        for &delay in delays {
            for _ in 0..repeats {
                volumes.extend([AslVolume::Label, AslVolume::Control]);
                times.extend([Seconds(delay); 2]);
            }
        }
        let count = volumes.len();
        AslAcquisition {
            labeling: Labeling::Pcasl,
            volumes,
            delays: times,
            durations: vec![Seconds(1.8); count],
            cut_off: None,
            m0: M0Source::Included,
            repetition_times: vec![Seconds(10.0); count],
            background_suppression: true,
            suppression_pulses: Some(2),
            slice_times: None,
            efficiency: None,
            field_strength: Some(Tesla(3.0)),
        }
    }

    /// A series of which each control is 500 and each label less by `difference(voxel, delay) · M0`.
    fn series(acquisition: &AslAcquisition, difference: impl Fn(usize, f64) -> f64) -> Series {
        let mut data = Vec::new();
        for (kind, delay) in acquisition.volumes.iter().zip(&acquisition.delays) {
            for voxel in 0..4 {
                data.push(match kind {
                    AslVolume::M0 => M0 as f32,
                    AslVolume::Label => (500.0 - M0 * difference(voxel, delay.0)) as f32,
                    _ => 500.0,
                });
            }
        }
        let frames = acquisition.volumes.len();
        Series { mask: Mask::filled(grid(), true), frames, voxels: 4, samples: Samples::Float32(data) }
    }

    fn settings() -> Settings {
        default_section("asl")
    }

    #[test]
    fn one_delay_gives_the_white_paper_value_with_label_first() {
        let acquisition = acquisition(&[1.8], 6);
        let result = quantify(&series(&acquisition, |_, _| 0.006), &acquisition, None, None, &settings()).unwrap();
        assert_eq!((result.model, result.absolute, result.pairs()), (AslModel::WhitePaper, true, (6, 0)));
        // By hand in the model's test: 51.78 mL/100g/min.
        assert!(result.cbf.iter().all(|cbf| (cbf - 51.780).abs() < 0.01), "{:?}", result.cbf);
        assert_eq!(result.constants.efficiency, 0.85);
    }

    #[test]
    fn a_suppression_factor_that_was_asked_for_needs_the_number_of_pulses() {
        let mut acquisition = acquisition(&[1.8], 6);
        let asked = Settings { background_suppression_factor: 0.95, ..settings() };
        let efficiency = |acquisition: &AslAcquisition, settings: &Settings| {
            constants(acquisition, false, settings).map(|constants| constants.efficiency)
        };
        // Two pulses: 0.85 * 0.95^2.
        assert!((efficiency(&acquisition, &asked).unwrap() - 0.767125).abs() < 1e-12);
        acquisition.suppression_pulses = None;
        let error = efficiency(&acquisition, &asked).unwrap_err().to_string();
        assert!(error.contains("BackgroundSuppressionNumberPulses") && error.contains("0.95"), "{error}");
        assert_eq!(efficiency(&acquisition, &settings()).unwrap(), 0.85, "not asked for, not needed");
        acquisition.background_suppression = false;
        assert_eq!(efficiency(&acquisition, &asked).unwrap(), 0.85);
    }

    #[test]
    fn several_delays_give_flow_and_arrival() {
        let acquisition = acquisition(&[0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 2);
        let constants = constants(&acquisition, false, &settings()).unwrap();
        let truth = |voxel: usize| (20.0 + 20.0 * voxel as f64, 0.8 + 0.3 * voxel as f64);
        let series = series(&acquisition, |voxel, pld| {
            let (cbf, arrival) = truth(voxel);
            constants.difference(
                SeveralDelaysModel::General,
                cbf,
                arrival,
                Delay { signal_time: 1.8 + pld, bolus: 1.8 },
            )
        });
        let result = quantify(&series, &acquisition, None, None, &settings()).unwrap();
        let arrivals = result.arrival.as_ref().unwrap();
        for voxel in 0..4 {
            // The series is stored in f32: 500 holds differences of 3 to 1e-5.
            let (cbf, arrival) = truth(voxel);
            assert!((f64::from(result.cbf[voxel]) / cbf - 1.0).abs() < 1e-3, "{:?}", result.cbf);
            assert!((f64::from(arrivals[voxel]) - arrival).abs() < 1e-3, "{arrivals:?}");
        }
        assert!(result.maps().iter().any(|map| map.suffix == "att" && map.unit == "s"));
        let error = quantify(&series, &acquisition, None, Some(AslModel::WhitePaper), &settings()).unwrap_err();
        assert!(error.to_string().contains("6 distinct delay(s)"), "{error}");
    }

    #[test]
    fn without_m0_flow_has_no_unit_and_says_so() {
        let mut acquisition = acquisition(&[1.8], 2);
        acquisition.m0 = M0Source::Absent;
        let result = quantify(&series(&acquisition, |_, _| 0.006), &acquisition, None, None, &settings()).unwrap();
        // By hand in the model's test: 51.78 for 0.006; here for 6.
        assert!(!result.absolute && (result.cbf[0] / 51_780.0 - 1.0).abs() < 1e-3, "{:?}", result.cbf);
        assert_eq!(result.caveats[0].code, CaveatCode::AslRelativeOnly);
        assert_eq!((result.maps()[0].description, result.maps()[0].unit), (Some("relative"), "a.u."));
    }

    #[test]
    fn without_m0_several_delays_give_ratios_of_flow_and_arrival() {
        let mut acquisition = acquisition(&[0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 2);
        let constants = constants(&acquisition, false, &settings()).unwrap();
        acquisition.m0 = M0Source::Absent;
        let arrival = |voxel: usize| 0.8 + 0.3 * voxel as f64;
        let series = series(&acquisition, |voxel, pld| {
            let delay = Delay { signal_time: 1.8 + pld, bolus: 1.8 };
            constants.difference(SeveralDelaysModel::Woods, 20.0 + 20.0 * voxel as f64, arrival(voxel), delay)
        });
        let result = quantify(&series, &acquisition, None, Some(AslModel::Woods), &settings()).unwrap();
        assert!(!result.absolute && result.maps()[0].description == Some("relative"));
        for voxel in 0..4 {
            let ratio = f64::from(result.cbf[voxel] / result.cbf[0]);
            assert!((ratio - (1.0 + voxel as f64)).abs() < 2e-3, "{:?}", result.cbf);
            let found = f64::from(result.arrival.as_ref().unwrap()[voxel]);
            assert!((found - arrival(voxel)).abs() < 2e-3, "{found}");
        }
        assert!(result.caveats.iter().any(|caveat| caveat.code == CaveatCode::AslRelativeOnly));
    }

    fn pasl(delays: &[f64], cut_off: Option<(BolusCutOff, Seconds)>) -> AslAcquisition {
        AslAcquisition { labeling: Labeling::Pasl, durations: Vec::new(), cut_off, ..acquisition(delays, 2) }
    }

    #[test]
    fn quipss_divides_by_what_flows_in_after_the_cut_off() {
        // TI = 1.8, TI1 = 0.7: QUIPSS II divides by 0.7, QUIPSS by 1.1.
        let cbf = |technique| {
            let acquisition = pasl(&[1.8], Some((technique, Seconds(0.7))));
            let result = quantify(&series(&acquisition, |_, _| 0.006), &acquisition, None, None, &settings()).unwrap();
            assert!(result.absolute);
            f64::from(result.cbf[0])
        };
        // 5400·0.006·e^{1.8/1.65}/(2·0.98·0.7): 32.4·2.97698/1.372 = 70.302
        assert!((cbf(BolusCutOff::QuipssII) - 70.302).abs() < 0.02, "{}", cbf(BolusCutOff::QuipssII));
        assert!((cbf(BolusCutOff::QuipssII) / cbf(BolusCutOff::Quipss) - 1.1 / 0.7).abs() < 1e-5);
        let late = pasl(&[0.6], Some((BolusCutOff::QuipssII, Seconds(0.7))));
        let error = quantify(&series(&late, |_, _| 0.006), &late, None, None, &settings()).unwrap_err().to_string();
        assert!(error.contains("BolusCutOffDelayTime") && error.contains("0.7 s"), "{error}");
    }

    #[test]
    fn pasl_without_a_cut_off_is_relative_also_at_several_times() {
        for delays in [&[1.8][..], &[0.6, 1.2, 1.8][..]] {
            let acquisition = pasl(delays, None);
            let series = series(&acquisition, |voxel, _| 0.002 * (1.0 + voxel as f64));
            let result = quantify(&series, &acquisition, None, None, &settings()).unwrap();
            assert!(!result.absolute && result.arrival.is_none());
            assert!((result.cbf[3] / result.cbf[0] - 4.0).abs() < 1e-3, "{:?}", result.cbf);
            assert!(result.caveats[0].detail.contains("without a bolus cut-off"), "{}", result.caveats[0]);
        }
    }

    #[test]
    fn a_short_repetition_time_raises_m0_and_blood_needs_no_partition() {
        let mut short = acquisition(&[1.8], 2);
        short.repetition_times.fill(Seconds(1.33));
        let long = quantify(&series(&short, |_, _| 0.006), &acquisition(&[1.8], 2), None, None, &settings()).unwrap();
        let found = quantify(&series(&short, |_, _| 0.006), &short, None, None, &settings()).unwrap();
        // TR = T1: M0 is 1/(1 - 1/e) times what was seen.
        let expected = 1.0 - (-1.0f64).exp();
        assert!((f64::from(found.cbf[0] / long.cbf[0]) - expected).abs() < 1e-6);
        let mut blood = acquisition(&[1.8], 2);
        blood.m0 = M0Source::Estimate(M0);
        let found = quantify(&series(&blood, |_, _| 0.006), &blood, None, None, &settings()).unwrap();
        assert!((f64::from(found.cbf[0] / long.cbf[0]) - 1.0 / 0.9).abs() < 1e-6);
    }

    #[test]
    fn a_later_slice_has_a_longer_delay() {
        let mut acquisition = acquisition(&[1.8], 2);
        acquisition.slice_times = Some(vec![Seconds(0.0), Seconds(0.5)]);
        let result = quantify(&series(&acquisition, |_, _| 0.006), &acquisition, None, None, &settings()).unwrap();
        let ratio = f64::from(result.cbf[2] / result.cbf[0]);
        assert!((ratio - (0.5f64 / 1.65).exp()).abs() < 1e-5, "{ratio}");
        acquisition.slice_times = Some(vec![Seconds(0.0)]);
        let error = quantify(&series(&acquisition, |_, _| 0.006), &acquisition, None, None, &settings()).unwrap_err();
        assert!(error.to_string().contains("one per slice (2)"), "{error}");
    }

    #[test]
    fn a_field_without_constants_is_an_error() {
        let mut acquisition = acquisition(&[1.8], 2);
        acquisition.field_strength = None;
        let error = quantify(&series(&acquisition, |_, _| 0.0), &acquisition, None, None, &settings()).unwrap_err();
        assert!(error.to_string().contains("MagneticFieldStrength is missing"), "{error}");
    }
}
