//! What an ASL and a DCE series say of one lesion: columns, intervals, checks and the curves of its page.

use serde::{Deserialize, Serialize};

use crate::dce::{Enhancement, KineticFit, Model, Quantity, lesion_checks, residual};
use crate::image::{Mask, Volume};
use crate::lesion::{AslMaps, DceMaps, Interval, LesionRecord, mean_interval, measure_asl, measure_dce};
use crate::pipeline::dynamic::Dynamic;
use crate::pipeline::error::SessionError;
use crate::pipeline::labeling::Labeled;
use crate::quality::{Check, worst};
use crate::report::model::CurveFigure;
use crate::settings::Settings;

/// The numbers of a lesion's ASL beside its columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelingNumbers {
    /// 95 % interval of the mean CBF, mL/100g/min (spatial block bootstrap).
    pub cbf_interval: Option<[f64; 2]>,
    /// That of the mean CBF over the reference.
    pub relative_cbf_interval: Option<[f64; 2]>,
    /// That of the mean arterial transit time, s.
    pub att_interval: Option<[f64; 2]>,
    /// Mean CBF of the reference region, in the unit of the map.
    pub reference_cbf: Option<f64>,
    /// CBF of the lesion's mean differences, in the unit of the map, with its standard error.
    pub fitted_cbf: Option<[f64; 2]>,
    /// Arterial transit time of them, s, with its standard error.
    pub fitted_att: Option<[f64; 2]>,
}

/// The numbers of a lesion's DCE beside its columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DynamicNumbers {
    /// Unit of the curve: `mM`, or `1` for relative enhancement.
    pub curve_unit: String,
    /// Bolus arrival time, s.
    pub bat_s: Option<f64>,
    /// Largest enhancement.
    pub peak: Option<f64>,
    /// From arrival to peak, s.
    pub ttp_s: Option<f64>,
    /// Wash-in slope, 1/s times the unit of the curve.
    pub wash_in: Option<f64>,
    /// Wash-out slope.
    pub wash_out: Option<f64>,
    /// Area over 60 s, s times the unit of the curve.
    pub iauc60: Option<f64>,
    /// Area over 90 s.
    pub iauc90: Option<f64>,
    /// Area over 60 s over that of the arterial curve in plasma.
    pub iauc60_over_aif: Option<f64>,
    /// Area of the last window over that of the first.
    pub final_over_initial: Option<f64>,
    /// Peak over that of the reference tissue.
    pub peak_over_reference: Option<f64>,
    /// Wash-in slope over that of the reference tissue.
    pub wash_in_over_reference: Option<f64>,
    /// Area over 60 s over that of the reference tissue.
    pub iauc60_over_reference: Option<f64>,
    /// Share of the lesion's voxels with a curve type that are persistent, plateau, wash-out.
    pub curve_type_shares: Option<[f64; 3]>,
    /// The model of the maps, fitted to the mean concentration.
    pub model: Option<FittedModel>,
    /// Corrected Akaike criterion of every model on the mean concentration, the least first.
    pub aicc: Vec<(String, f64)>,
}

/// A model fitted to the mean concentration of a lesion: value and standard error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FittedModel {
    /// Its name.
    pub name: String,
    /// Ktrans, 1/min.
    pub ktrans: Option<f64>,
    /// Quantities with their standard errors; the error is missing on a bound.
    pub quantities: Vec<(String, f64, Option<f64>)>,
    /// Coefficient of determination.
    pub r_squared: Option<f64>,
    /// Residual standard deviation, mM.
    pub residual: Option<f64>,
    /// How the fit ended.
    pub outcome: String,
}

/// What a series leaves beside the columns.
pub struct KineticOfLesion<Numbers> {
    /// Quality checks of the series and of the lesion.
    pub checks: Vec<Check>,
    /// Numbers for the lesion's JSON; `None` where no voxel of it was measured.
    pub numbers: Option<Numbers>,
    /// The curves of its page.
    pub figure: Option<CurveFigure>,
}

/// Fills the ASL columns.
pub fn labeling_columns(
    labeled: &Labeled,
    place: usize,
    record: &mut LesionRecord,
    settings: &Settings,
) -> Result<KineticOfLesion<LabelingNumbers>, SessionError> {
    let lesion = &labeled.lesions[place];
    let result = &labeled.result;
    if lesion.count() == 0 {
        return Ok(KineticOfLesion { checks: result.checks.clone(), numbers: None, figure: None });
    }
    let failed = |source| SessionError::Lesion { file: "CBF map".to_owned(), source };
    let map = |values: &[f32]| Volume::from_masked(&result.mask, values);
    let cbf = map(&result.cbf);
    let att = result.arrival.as_ref().map(|arrival| map(arrival));
    let maps = AslMaps { cbf: &cbf, reference_cbf: labeled.reference_cbf, att: att.as_ref() };
    measure_asl(record, lesion, &maps).map_err(failed)?;
    let interval = interval_of(&cbf, lesion, settings);
    if !result.absolute {
        record.asl_cbf_mean = None;
    }
    let mut checks = result.checks.clone();
    checks.extend(result.lesion_checks(lesion, &settings.asl.quality));
    record.asl_quality = worst(&checks);
    let region = result.region(lesion, &settings.asl);
    let pair = |value: f64, error: f64| [value, error].iter().all(|value| value.is_finite()).then_some([value, error]);
    let numbers = LabelingNumbers {
        cbf_interval: interval.filter(|_| result.absolute),
        relative_cbf_interval: interval
            .zip(labeled.reference_cbf)
            .map(|([low, high], reference)| [low / reference, high / reference]),
        att_interval: att.as_ref().and_then(|att| interval_of(att, lesion, settings)),
        reference_cbf: labeled.reference_cbf,
        fitted_cbf: region.as_ref().and_then(|region| pair(region.fit.cbf, region.fit.cbf_error)),
        fitted_att: region.as_ref().and_then(|region| pair(region.fit.arrival, region.fit.arrival_error)),
    };
    let reference = labeled.reference.as_ref().and_then(|mask| result.region(mask, &settings.asl));
    let figure = region.map(|region| CurveFigure {
        title: "ASL: difference over the delays".to_owned(),
        caption: format!(
            "Mean control minus label of the lesion{} at each post-labeling delay, the fit of {} to it, and what the fit \
             leaves.",
            if result.absolute { ", in percent of M0," } else { "" },
            result.model
        ),
        unit: if result.absolute { "%" } else { "" }.to_owned(),
        residual: percent(&residual(&region.differences, &region.fitted)),
        measured: percent(&region.differences),
        fitted: percent(&region.fitted),
        reference: reference.map_or_else(Vec::new, |reference| percent(&reference.differences)),
        time: region.delays,
        arrival: None,
    });
    Ok(KineticOfLesion { checks, numbers: Some(numbers), figure })
}

/// Fills the DCE columns.
pub fn dynamic_columns(
    dynamic: &Dynamic,
    place: usize,
    record: &mut LesionRecord,
    settings: &Settings,
) -> Result<KineticOfLesion<DynamicNumbers>, SessionError> {
    let lesion = &dynamic.lesions[place];
    let Some(curve) = &dynamic.lesion_curves[place] else {
        return Ok(KineticOfLesion { checks: dynamic.checks.clone(), numbers: None, figure: None });
    };
    let failed = |source| SessionError::Lesion { file: "DCE map".to_owned(), source };
    let map = |values: &[f32]| Volume::from_masked(&dynamic.mask, values);
    let of_fit = |quantity: Quantity| dynamic.fits.as_ref().and_then(|fits| fits.values(quantity)).map(map);
    let ktrans = dynamic.fits.as_ref().and_then(|fits| fits.transfer_constant()).map(map);
    let (ve, vp) = (of_fit(Quantity::InterstitialVolume), of_fit(Quantity::PlasmaVolume));
    // The column is in mM s: an area of relative enhancement is another quantity.
    let iauc60 = dynamic.curves.concentration.then(|| map(dynamic.curves.area_60()));
    let maps = DceMaps { ktrans: ktrans.as_ref(), ve: ve.as_ref(), vp: vp.as_ref(), iauc60: iauc60.as_ref() };
    measure_dce(record, lesion, &maps).map_err(failed)?;
    record.curve_type = curve.curve_type.map(|kind| kind.to_string());
    let mut checks = dynamic.checks.clone();
    checks.extend(lesion_checks(curve, dynamic.fits.as_ref(), &settings.dce.quality));
    record.dce_quality = worst(&checks);

    let fit = dynamic.lesion_fits[place].as_ref();
    let mut numbers = shown_numbers(dynamic, place);
    numbers.model = fit.map(|fit| fitted_model(fit.model, &fit.fit));
    numbers.aicc = fit
        .map(|fit| fit.ranking.iter().filter(|(_, aicc)| aicc.is_finite()).map(|(m, a)| (m.to_string(), *a)).collect())
        .unwrap_or_default();
    let unit = if dynamic.curves.concentration { "mM" } else { "" };
    let figure = CurveFigure {
        title: "DCE: enhancement".to_owned(),
        caption: match fit {
            Some(fit) => format!(
                "Mean concentration of the lesion, the fit of the {} model to it, and what the fit leaves.",
                fit.model
            ),
            None if dynamic.curves.concentration => "Mean concentration of the lesion.".to_owned(),
            None => "Relative enhancement of the lesion's mean signal: signal over baseline, minus one.".to_owned(),
        },
        unit: unit.to_owned(),
        time: dynamic.times.clone(),
        measured: curve.curve().to_vec(),
        fitted: fit.map_or_else(Vec::new, |fit| fit.curve.clone()),
        residual: fit.map_or_else(Vec::new, |fit| residual(&curve.concentration, &fit.curve)),
        reference: dynamic.reference_curve.as_ref().map_or_else(Vec::new, |reference| reference.curve().to_vec()),
        arrival: Some(dynamic.timing.arrival),
    };
    Ok(KineticOfLesion { checks, numbers: Some(numbers), figure: Some(figure) })
}

/// The quantities of the lesion's mean curve.
fn shown_numbers(dynamic: &Dynamic, place: usize) -> DynamicNumbers {
    let mut numbers = DynamicNumbers {
        curve_unit: if dynamic.curves.concentration { "mM" } else { "1" }.to_owned(),
        ..Default::default()
    };
    let Some(curve) = &dynamic.lesion_curves[place] else { return numbers };
    let types: Vec<f32> =
        curve.voxels.iter().map(|&voxel| dynamic.curves.curve_types()[voxel]).filter(|kind| kind.is_finite()).collect();
    if !types.is_empty() {
        let share = |number: f32| types.iter().filter(|kind| **kind == number).count() as f64 / types.len() as f64;
        numbers.curve_type_shares = Some([share(1.0), share(2.0), share(3.0)]);
    }
    let Some(shown) = &curve.shown else { return numbers };
    let finite = |value: f64| value.is_finite().then_some(value);
    numbers.bat_s = finite(shown.arrival);
    numbers.peak = finite(shown.peak);
    numbers.ttp_s = finite(shown.time_to_peak);
    numbers.wash_in = finite(shown.wash_in);
    numbers.wash_out = shown.wash_out;
    numbers.iauc60 = shown.area_60;
    numbers.iauc90 = shown.area_90;
    numbers.final_over_initial = shown.final_over_initial.and_then(finite);
    if let Some(reference) = dynamic.reference_curve.as_ref().and_then(|reference| reference.shown.as_ref()) {
        let ratios = shown.over(reference);
        numbers.peak_over_reference = finite(ratios.peak);
        numbers.wash_in_over_reference = finite(ratios.wash_in);
        numbers.iauc60_over_reference = ratios.area_60.and_then(finite);
    }
    if let Some((plasma, _)) = &dynamic.artery {
        let artery = Enhancement::of(&dynamic.times, &plasma.sampled(&dynamic.times), &dynamic.curve_settings);
        numbers.iauc60_over_aif =
            shown.area_60.zip(artery.and_then(|artery| artery.area_60)).and_then(|(own, artery)| finite(own / artery));
    }
    numbers
}

fn fitted_model(model: Model, fit: &KineticFit) -> FittedModel {
    let finite = |value: f64| value.is_finite().then_some(value);
    let named = [
        (Quantity::PlasmaFlow, "fp"),
        (Quantity::Exchange, if matches!(model, Model::Tofts | Model::ExtendedTofts) { "ktrans" } else { "ps" }),
        (Quantity::InterstitialVolume, "ve"),
        (Quantity::PlasmaVolume, "vp"),
        (Quantity::Delay, "delay"),
    ];
    let quantities = named
        .into_iter()
        .filter_map(|(quantity, name)| {
            Some((name.to_owned(), finite(fit.value(quantity))?, finite(fit.error(quantity))))
        })
        .collect();
    FittedModel {
        name: model.to_string(),
        ktrans: finite(fit.transfer_constant),
        quantities,
        r_squared: finite(fit.r_squared),
        residual: finite(fit.residual),
        outcome: fit.outcome.to_string(),
    }
}

fn interval_of(map: &Volume, lesion: &Mask, settings: &Settings) -> Option<[f64; 2]> {
    let values = map.values_in(lesion).ok()?;
    mean_interval(&values, lesion, &settings.lesion).map(|Interval { low, high }| [low, high])
}

fn percent(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| 100.0 * value).collect()
}
