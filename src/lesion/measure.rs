//! From maps and a lesion's mask to the columns of its row.
//!
//! Each function takes the maps of one modality on one grid, and the lesion's mask on that grid. It fills the columns
//! that it can and returns the caveats of doing so; what cannot be estimated stays missing.

use super::bootstrap::mean_interval;
use super::error::LesionError;
use super::record::LesionRecord;
use super::repeatability::{probability_above, probability_below};
use super::settings::Settings;
use super::shape::{Shape, shape};
use super::statistics::Statistics;
use crate::image::{Mask, Volume};
use crate::quality::{Caveat, CaveatCode};

/// DSC maps on the grid of their series.
#[derive(Debug, Clone, Copy)]
pub struct DscMaps<'a> {
    /// Leakage-corrected rCBV over its mean in the reference region; NaN where the signal could not be used.
    pub rcbv: &'a Volume,
    /// rCBV without leakage correction, over its mean in the reference region.
    pub rcbv_uncorrected: Option<&'a Volume>,
    /// Leakage coefficient K2, 1/s.
    pub k2: Option<&'a Volume>,
    /// CBF over its mean in the reference region.
    pub rcbf: Option<&'a Volume>,
    /// Mean transit time, s.
    pub mtt: Option<&'a Volume>,
    /// Time to the maximum of the residue function, s.
    pub tmax: Option<&'a Volume>,
}

/// What the DSC method read from the lesion's mean curves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DscCurves {
    /// Largest ΔR2* of the lesion over that of the reference.
    pub rph: Option<f64>,
    /// Percentage of signal recovery.
    pub psr: Option<f64>,
}

/// The pair of rCBV cut-offs that the verdict uses, and how much a value varies when it is measured again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RcbvCutoffs {
    /// Below it: necrosis.
    pub necrosis: f64,
    /// Above it: recurrence.
    pub recurrence: f64,
    /// Within-subject coefficient of variation of rCBV on retest, as a fraction.
    pub variation: f64,
}

/// What is known of tissue in the mask that does not enhance.
#[derive(Debug, Clone, Copy)]
pub enum Core<'a> {
    /// A post-contrast T1 tells it apart.
    Seen {
        /// Enhancing voxels, on the grid of the maps.
        enhancing: &'a Mask,
        /// Their share of the lesion, on the grid of the T1 (see [`super::Enhancement`]).
        share: f64,
    },
    /// A label marks the core, which the mask leaves out already.
    Labeled,
    /// Nothing tells it apart.
    Unknown,
}

/// Fills volume and diameters, from the mask on the anatomical grid where there is one; returns them with their place.
pub fn measure_shape(record: &mut LesionRecord, lesion: &Mask) -> Result<Shape, LesionError> {
    let found = shape(lesion).ok_or(LesionError::EmptyMask { mask: "lesion" })?;
    record.volume_ml = Some(found.volume.0);
    record.longest_diameter_mm = Some(found.longest.length.0);
    record.perpendicular_diameter_mm = Some(found.perpendicular.length.0);
    Ok(found)
}

/// Fills the DSC columns except `dsc_quality`, which the method judges.
///
/// METHOD: the cut-offs refer to the mean of enhancing tissue. Where the T1 shows that more than `core_share` of the
/// mask does not enhance, `rcbv_enhancing_mean` is given and decides: interval and probabilities are then its.
/// Median, percentiles and fractional tumor burden stay over the usable voxels of the whole mask. A value on a cut-off
/// is between the cut-offs.
pub fn measure_dsc(
    record: &mut LesionRecord,
    lesion: &Mask,
    maps: &DscMaps<'_>,
    curves: DscCurves,
    core: Core<'_>,
    cutoffs: RcbvCutoffs,
    settings: &Settings,
) -> Result<Vec<Caveat>, LesionError> {
    let rcbv = values(maps.rcbv, lesion, "rCBV map")?;
    if rcbv.is_empty() {
        return Err(LesionError::EmptyMask { mask: "lesion" });
    }
    let mut caveats = Vec::new();
    let usable = rcbv.iter().filter(|value| value.is_finite()).count();
    record.dsc_usable_fraction = Some(usable as f64 / rcbv.len() as f64);
    if let Some(found) = Statistics::of(&rcbv) {
        record.rcbv_mean = Some(found.mean);
        record.rcbv_median = Some(found.median);
        record.rcbv_p90 = Some(found.p90);
        record.rcbv_max = Some(found.max);
        let share = |inside: &dyn Fn(f64) -> bool| {
            let count = rcbv.iter().filter(|value| value.is_finite() && inside(f64::from(**value))).count();
            Some(count as f64 / usable as f64)
        };
        record.ftb_low = share(&|value| value < cutoffs.necrosis);
        record.ftb_high = share(&|value| value > cutoffs.recurrence);
        record.ftb_mid = share(&|value| (cutoffs.necrosis..=cutoffs.recurrence).contains(&value));
    }
    let enhancing = enhancing_part(record, lesion, maps.rcbv, core, settings, &mut caveats)?;
    let (deciding_mask, deciding_values) = match &enhancing {
        Some((mask, values)) => (mask, values),
        None => (lesion, &rcbv),
    };
    if let Some(mean) = record.rcbv_enhancing_mean.or(record.rcbv_mean) {
        record.rcbv_p_above = probability_above(mean, cutoffs.recurrence, cutoffs.variation);
        record.rcbv_p_below = probability_below(mean, cutoffs.necrosis, cutoffs.variation);
    }
    let interval = mean_interval(deciding_values, deciding_mask, settings);
    record.rcbv_ci_low = interval.map(|interval| interval.low);
    record.rcbv_ci_high = interval.map(|interval| interval.high);
    if interval.is_none() {
        caveats.push(few_voxels("rCBV", deciding_values, settings));
    }

    record.rcbv_uncorrected_mean = mean(maps.rcbv_uncorrected, lesion, "uncorrected rCBV map")?;
    record.k2_mean = mean(maps.k2, lesion, "K2 map")?;
    record.rcbf_mean = mean(maps.rcbf, lesion, "CBF map")?;
    record.mtt_mean = mean(maps.mtt, lesion, "MTT map")?;
    record.tmax_mean = mean(maps.tmax, lesion, "Tmax map")?;
    record.rph = curves.rph.filter(|value| value.is_finite());
    record.psr_mean = curves.psr.filter(|value| value.is_finite());
    Ok(caveats)
}

/// ASL maps on the grid of their series.
#[derive(Debug, Clone, Copy)]
pub struct AslMaps<'a> {
    /// CBF, mL/100g/min.
    pub cbf: &'a Volume,
    /// Mean CBF of the reference region, mL/100g/min.
    pub reference_cbf: Option<f64>,
    /// Arterial transit time, s.
    pub att: Option<&'a Volume>,
}

/// Fills the ASL columns except `asl_quality`.
pub fn measure_asl(record: &mut LesionRecord, lesion: &Mask, maps: &AslMaps<'_>) -> Result<(), LesionError> {
    let found = Statistics::of(&values(maps.cbf, lesion, "CBF map")?);
    record.asl_cbf_mean = found.map(|found| found.mean);
    // METHOD: a ratio to a reference without flow is not a measurement.
    let reference = maps.reference_cbf.filter(|&cbf| cbf > 0.0 && cbf.is_finite());
    record.asl_rcbf_mean = found.zip(reference).map(|(found, cbf)| found.mean / cbf);
    record.asl_rcbf_max = found.zip(reference).map(|(found, cbf)| found.max / cbf);
    record.att_mean = mean(maps.att, lesion, "arterial transit time map")?;
    Ok(())
}

/// DCE maps on the grid of their series; each is there when its model was fitted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DceMaps<'a> {
    /// Volume transfer constant, 1/min.
    pub ktrans: Option<&'a Volume>,
    /// Extravascular extracellular volume fraction.
    pub ve: Option<&'a Volume>,
    /// Plasma volume fraction.
    pub vp: Option<&'a Volume>,
    /// Initial area under the concentration curve, mM s.
    pub iauc60: Option<&'a Volume>,
}

/// Fills the means of the DCE maps; `curve_type` and `dce_quality` are the method's.
pub fn measure_dce(record: &mut LesionRecord, lesion: &Mask, maps: &DceMaps<'_>) -> Result<(), LesionError> {
    record.ktrans_mean = mean(maps.ktrans, lesion, "Ktrans map")?;
    record.ve_mean = mean(maps.ve, lesion, "ve map")?;
    record.vp_mean = mean(maps.vp, lesion, "vp map")?;
    record.iauc60_mean = mean(maps.iauc60, lesion, "IAUC60 map")?;
    Ok(())
}

/// Fills the interval of the mean tumor-to-background ratio; the other PET columns are the method's.
pub fn measure_tbr_interval(
    record: &mut LesionRecord,
    lesion: &Mask,
    tbr: &Volume,
    settings: &Settings,
) -> Result<Vec<Caveat>, LesionError> {
    let ratios = values(tbr, lesion, "TBR map")?;
    let interval = mean_interval(&ratios, lesion, settings);
    record.tbr_ci_low = interval.map(|interval| interval.low);
    record.tbr_ci_high = interval.map(|interval| interval.high);
    Ok(if interval.is_none() { vec![few_voxels("TBR", &ratios, settings)] } else { Vec::new() })
}

/// The enhancing part of the lesion and its rCBV, where it decides; sets `rcbv_enhancing_mean`.
fn enhancing_part(
    record: &mut LesionRecord,
    lesion: &Mask,
    rcbv: &Volume,
    core: Core<'_>,
    settings: &Settings,
    caveats: &mut Vec<Caveat>,
) -> Result<Option<(Mask, Vec<f32>)>, LesionError> {
    record.rcbv_enhancing_mean = None;
    let (enhancing, share) = match core {
        Core::Labeled => return Ok(None),
        Core::Unknown => {
            let detail = "no post-contrast T1 and no label named as a necrotic core";
            caveats.push(Caveat::new(CaveatCode::CoreNotLabeled, detail));
            return Ok(None);
        }
        Core::Seen { enhancing, share } => (enhancing, share),
    };
    if 1.0 - share <= settings.core_share {
        return Ok(None);
    }
    let mask = lesion.and(enhancing).map_err(LesionError::space("enhancing mask", "lesion mask"))?;
    let part = values(rcbv, &mask, "rCBV map")?;
    let found = Statistics::of(&part);
    let percent = 100.0 * (1.0 - share);
    let detail = match &found {
        Some(found) => format!(
            "{percent:.0} % of the mask does not enhance; mean over {} enhancing voxels {:.2}",
            found.count, found.mean
        ),
        None => format!(
            "{percent:.0} % of the mask does not enhance; no enhancing voxel is usable, so the whole mask decides"
        ),
    };
    caveats.push(Caveat::new(CaveatCode::MaskIncludesCore, detail));
    record.rcbv_enhancing_mean = found.map(|found| found.mean);
    Ok(found.map(|_| (mask, part)))
}

fn few_voxels(quantity: &str, values: &[f32], settings: &Settings) -> Caveat {
    let usable = values.iter().filter(|value| value.is_finite()).count();
    let detail = format!(
        "{quantity}: {usable} usable voxels; an interval takes at least {} in at least {} blocks of {} mm",
        settings.bootstrap_fewest_voxels, settings.bootstrap_fewest_blocks, settings.bootstrap_block_mm
    );
    Caveat::new(CaveatCode::FewVoxels, detail)
}

/// The values of a map inside a lesion.
fn values(map: &Volume, lesion: &Mask, name: &'static str) -> Result<Vec<f32>, LesionError> {
    map.values_in(lesion).map_err(LesionError::space("lesion mask", name))
}

/// The mean of a map over its estimated voxels in a lesion.
fn mean(map: Option<&Volume>, lesion: &Mask, name: &'static str) -> Result<Option<f64>, LesionError> {
    let Some(map) = map else { return Ok(None) };
    Ok(Statistics::of(&values(map, lesion, name)?).map(|found| found.mean))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    const CUTOFFS: RcbvCutoffs = RcbvCutoffs { necrosis: 1.0, recurrence: 1.75, variation: 0.31 };

    fn grid() -> Grid {
        Grid::from_stored([20, 20, 10], Affine::diagonal([2.0, 2.0, 4.0], [0.0; 3])).unwrap()
    }

    fn settings() -> Settings {
        crate::settings::default_section("lesion")
    }

    /// A block of 10 × 10 × 6 voxels.
    fn lesion() -> Mask {
        let inside = |index| {
            let [x, y, z] = grid().voxel(index);
            (5..15).contains(&x) && (5..15).contains(&y) && (2..8).contains(&z)
        };
        Mask { grid: grid(), data: (0..grid().len()).map(inside).collect() }
    }

    fn map(value: impl Fn([usize; 3]) -> f32) -> Volume {
        Volume { grid: grid(), data: (0..grid().len()).map(|index| value(grid().voxel(index))).collect() }
    }

    fn only(rcbv: &Volume) -> DscMaps<'_> {
        DscMaps { rcbv, rcbv_uncorrected: None, k2: None, rcbf: None, mtt: None, tmax: None }
    }

    fn dsc(rcbv: &Volume, core: Core<'_>) -> (LesionRecord, Vec<CaveatCode>) {
        let mut record = LesionRecord::default();
        let caveats =
            measure_dsc(&mut record, &lesion(), &only(rcbv), DscCurves::default(), core, CUTOFFS, &settings()).unwrap();
        (record, caveats.into_iter().map(|caveat| caveat.code).collect())
    }

    #[test]
    fn tumor_burden_counts_a_value_on_a_cutoff_as_between() {
        // Rows of x: 5-6 low, 7-8 on the lower, 9-10 on the upper cut-off, 11-14 high.
        let rcbv = map(|[x, _, _]| match x {
            0..=6 => 0.5,
            7..=8 => 1.0,
            9..=10 => 1.75,
            _ => 3.0,
        });
        let (record, caveats) = dsc(&rcbv, Core::Labeled);
        let close = |value: Option<f64>, expected: f64| assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?}");
        close(record.ftb_low, 0.2);
        close(record.ftb_mid, 0.4);
        close(record.ftb_high, 0.4);
        close(record.rcbv_mean, 0.1 + 0.2 + 0.35 + 1.2);
        close(record.rcbv_median, 1.75);
        close(record.rcbv_max, 3.0);
        close(record.dsc_usable_fraction, 1.0);
        assert!(record.rcbv_ci_low.unwrap() < 1.85 && record.rcbv_ci_high.unwrap() > 1.85);
        close(record.rcbv_p_above, probability_above(1.85, 1.75, CUTOFFS.variation).unwrap());
        assert_eq!(record.rcbv_enhancing_mean, None);
        assert!(caveats.is_empty(), "{caveats:?}");
    }

    #[test]
    fn voxels_without_an_estimate_lower_the_usable_share_and_nothing_else() {
        let whole = dsc(&map(|_| 2.0), Core::Labeled).0;
        let (part, _) = dsc(&map(|[x, _, _]| if x < 8 { f32::NAN } else { 2.0 }), Core::Labeled);
        assert_eq!((part.rcbv_mean, part.ftb_high, part.rcbv_max), (whole.rcbv_mean, whole.ftb_high, whole.rcbv_max));
        assert!((part.dsc_usable_fraction.unwrap() - 0.7).abs() < 1e-12);
        let (none, caveats) = dsc(&map(|_| f32::NAN), Core::Labeled);
        assert_eq!((none.rcbv_mean, none.rcbv_p_above, none.dsc_usable_fraction), (None, None, Some(0.0)));
        assert_eq!(caveats, [CaveatCode::FewVoxels]);
    }

    #[test]
    fn past_a_fifth_without_enhancement_the_enhancing_mean_decides() {
        let rcbv = map(|[x, _, _]| if x < 9 { 0.2 } else { 2.2 });
        let enhancing = Mask { grid: grid(), data: (0..grid().len()).map(|i| grid().voxel(i)[0] >= 9).collect() };
        let (record, caveats) = dsc(&rcbv, Core::Seen { enhancing: &enhancing, share: 0.6 });
        assert!((record.rcbv_mean.unwrap() - 1.4).abs() < 1e-6);
        assert!((record.rcbv_enhancing_mean.unwrap() - 2.2).abs() < 1e-6);
        assert_eq!(caveats, [CaveatCode::MaskIncludesCore]);
        assert!((record.rcbv_ci_low.unwrap() - 2.2).abs() < 1e-6, "the interval is that of the enhancing mean");
        let expected = probability_above(f64::from(2.2_f32), 1.75, CUTOFFS.variation).unwrap();
        assert!((record.rcbv_p_above.unwrap() - expected).abs() < 1e-9);

        let (record, caveats) = dsc(&rcbv, Core::Seen { enhancing: &enhancing, share: 0.8 });
        assert_eq!((record.rcbv_enhancing_mean, caveats.as_slice()), (None, [].as_slice()));
    }

    #[test]
    fn a_mask_in_which_nothing_enhances_is_decided_whole_and_says_so() {
        let nothing = Mask::filled(grid(), false);
        let mut record = LesionRecord::default();
        let rcbv = map(|_| 0.4);
        let core = Core::Seen { enhancing: &nothing, share: 0.0 };
        let maps = only(&rcbv);
        let caveats =
            measure_dsc(&mut record, &lesion(), &maps, DscCurves::default(), core, CUTOFFS, &settings()).unwrap();
        assert_eq!(record.rcbv_enhancing_mean, None);
        assert!(caveats[0].detail.contains("the whole mask decides"), "{}", caveats[0]);
    }

    #[test]
    fn nothing_known_of_a_core_is_a_caveat() {
        assert_eq!(dsc(&map(|_| 1.2), Core::Unknown).1, [CaveatCode::CoreNotLabeled]);
    }

    #[test]
    fn every_map_that_is_there_fills_its_column() {
        let (rcbv, k2, other) = (map(|_| 1.5), map(|_| -0.002), map(|_| 6.5));
        let maps = DscMaps {
            rcbv: &rcbv,
            rcbv_uncorrected: Some(&rcbv),
            k2: Some(&k2),
            rcbf: Some(&other),
            mtt: Some(&other),
            tmax: None,
        };
        let mut record = LesionRecord::default();
        let curves = DscCurves { rph: Some(2.1), psr: Some(f64::NAN) };
        measure_dsc(&mut record, &lesion(), &maps, curves, Core::Labeled, CUTOFFS, &settings()).unwrap();
        assert_eq!((record.rcbv_uncorrected_mean, record.mtt_mean), (Some(1.5), Some(6.5)));
        assert!((record.k2_mean.unwrap() + 0.002).abs() < 1e-9);
        assert_eq!((record.rph, record.psr_mean, record.tmax_mean), (Some(2.1), None, None));
    }

    #[test]
    fn a_mask_on_another_grid_is_an_error_that_names_both() {
        let elsewhere = Grid::from_stored([4, 4, 4], Affine::diagonal([1.0; 3], [0.0; 3])).unwrap();
        let (rcbv, lesion) = (map(|_| 1.0), Mask::filled(elsewhere, true));
        let mut record = LesionRecord::default();
        let error =
            measure_dsc(&mut record, &lesion, &only(&rcbv), DscCurves::default(), Core::Labeled, CUTOFFS, &settings())
                .unwrap_err()
                .to_string();
        assert!(error.contains("lesion mask") && error.contains("rCBV map"), "{error}");
    }

    #[test]
    fn asl_ratios_need_a_reference_with_flow() {
        let cbf = map(|[x, _, _]| if x < 10 { 40.0 } else { 80.0 });
        let mut record = LesionRecord::default();
        measure_asl(&mut record, &lesion(), &AslMaps { cbf: &cbf, reference_cbf: Some(20.0), att: None }).unwrap();
        assert_eq!(
            (record.asl_cbf_mean, record.asl_rcbf_mean, record.asl_rcbf_max),
            (Some(60.0), Some(3.0), Some(4.0))
        );
        measure_asl(&mut record, &lesion(), &AslMaps { cbf: &cbf, reference_cbf: Some(0.0), att: None }).unwrap();
        assert_eq!((record.asl_cbf_mean, record.asl_rcbf_mean), (Some(60.0), None));
    }

    #[test]
    fn shape_and_tbr_interval_reach_their_columns() {
        let mut record = LesionRecord::default();
        measure_shape(&mut record, &lesion()).unwrap();
        assert!((record.volume_ml.unwrap() - 600.0 * 0.016).abs() < 1e-12);
        assert!(record.longest_diameter_mm.unwrap() > record.perpendicular_diameter_mm.unwrap() - 1e-9);
        let tbr = map(|[x, _, _]| 1.0 + x as f32 / 10.0);
        assert!(measure_tbr_interval(&mut record, &lesion(), &tbr, &settings()).unwrap().is_empty());
        assert!(record.tbr_ci_low.unwrap() < 1.95 && record.tbr_ci_high.unwrap() > 1.95);
        let empty = Mask::filled(grid(), false);
        assert_eq!(measure_shape(&mut record, &empty), Err(LesionError::EmptyMask { mask: "lesion" }));
    }
}
