//! Uptake of one lesion: first-order statistics, peak, biological tumor volume, total uptake, expected recovery.
//!
//! Statistics as the Image Biomarker Standardisation Initiative has them (arXiv:1612.07003): population standard
//! deviation, volume by voxel counting. Percentiles interpolate linearly between order statistics.

use serde::{Deserialize, Serialize};

use super::peak::{Peak, Peaks, Spheres};
use super::settings::{Settings, VolumeRule};
use crate::image::{Mask, Volume};
use crate::quality::{Caveat, CaveatCode};
use crate::region::{Bounds, Connectivity, components_within};
use crate::units::{Milliliters, Millimeters};

/// First-order statistics of the voxels of a lesion that hold a value, in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Uptake {
    /// Largest voxel.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Smallest voxel.
    pub min: f64,
    /// Standard deviation over all voxels (population).
    pub sd: f64,
    /// 10th percentile.
    pub p10: f64,
    /// 25th percentile.
    pub p25: f64,
    /// Median.
    pub median: f64,
    /// 75th percentile.
    pub p75: f64,
    /// 90th percentile.
    pub p90: f64,
    /// Peak in the mode of the settings; the other modes stand in [`LesionUptake::peaks`].
    pub peak: f64,
    /// Sum of value times voxel volume over the lesion, unit × mL: TLG for SUV, TLU for TBR.
    pub total: f64,
}

impl Uptake {
    /// The same uptake in another unit, to which `change` takes a value; it rises with the value.
    pub fn in_unit(&self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            max: change(self.max),
            mean: change(self.mean),
            min: change(self.min),
            sd: change(self.sd),
            p10: change(self.p10),
            p25: change(self.p25),
            median: change(self.median),
            p75: change(self.p75),
            p90: change(self.p90),
            peak: change(self.peak),
            total: change(self.total),
        }
    }
}

/// The voxels of a lesion that one rule selects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BiologicalVolume {
    /// The rule.
    pub rule: VolumeRule,
    /// The rule's bound in the unit of the image; voxels on it belong.
    pub bound: f64,
    /// Volume: voxel count times voxel volume.
    pub volume: Milliliters,
    /// 26-connected pieces.
    pub components: usize,
    /// Volume of the largest of them.
    pub largest_component: Milliliters,
    /// Sum of SUV times mL over these voxels (TLG); `None` without SUV.
    pub total_suv: Option<f64>,
    /// Sum of TBR times mL over these voxels (TLU); `None` without background.
    pub total_tbr: Option<f64>,
}

/// Everything that is measured of one lesion in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct LesionUptake {
    /// In the unit of the image; `None` where no voxel holds a value.
    pub image: Option<Uptake>,
    /// In SUV; `None` without SUV.
    pub suv: Option<Uptake>,
    /// As ratio to the background; `None` without background.
    pub tbr: Option<Uptake>,
    /// Peaks in the three modes, unit of the image.
    pub peaks: Peaks,
    /// Scanner coordinates (RAS+ mm) of the first largest voxel.
    pub max_position: Option<[f64; 3]>,
    /// Scanner coordinates (RAS+ mm) of the peak's center, in the mode of the settings.
    pub peak_position: Option<[f64; 3]>,
    /// Voxels that hold a value.
    pub voxels: usize,
    /// Voxels of the mask without a value.
    pub voxels_without_value: usize,
    /// Voxels below 0.
    pub voxels_negative: usize,
    /// Volume of the voxels that hold a value.
    pub volume: Milliliters,
    /// 26-connected pieces of the lesion mask.
    pub components: usize,
    /// By the rules of the tracer, the deciding one first; rules that lack SUV or background are left out.
    pub volumes: Vec<BiologicalVolume>,
    /// The narrower of the equivalent sphere's diameter and the shortest edge of the box around the lesion.
    pub width: Millimeters,
    /// Share of the true contrast expected at the center of a sphere of this width.
    pub recovery: f64,
    /// Doubts about this lesion.
    pub caveats: Vec<Caveat>,
}

/// Factors from the unit of the image, where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scales {
    /// SUV = voxel value × this.
    pub suv: Option<f64>,
    /// TBR = voxel value × this.
    pub tbr: Option<f64>,
    /// TBR = voxel value / this, which is exact where the product is not: a ratio on a cut-off stays on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<f64>,
}

impl Scales {
    /// From the SUV factor and what uptake is divided by.
    pub fn new(suv: Option<f64>, background: Option<f64>) -> Self {
        Self { suv, tbr: background.map(|background| 1.0 / background), background }
    }

    /// A value of the image in SUV.
    pub fn suv_of(&self, value: f64) -> Option<f64> {
        Some(value * self.suv?)
    }

    /// A value of the image as ratio to the background.
    pub fn ratio_of(&self, value: f64) -> Option<f64> {
        match (self.background, self.tbr) {
            (Some(background), _) => Some(value / background),
            // Written by a version that told the factor alone.
            (None, factor) => Some(value * factor?),
        }
    }
}

impl LesionUptake {
    /// Measures one lesion; `mask` and `image` share a grid.
    pub(super) fn measure(
        image: &Volume,
        mask: &Mask,
        spheres: &Spheres,
        scales: Scales,
        rules: &[VolumeRule],
        settings: &Settings,
    ) -> Self {
        let region: Vec<usize> = mask.indices().collect();
        let values: Vec<f32> =
            region.iter().map(|&index| image.data[index]).filter(|value| value.is_finite()).collect();
        let peaks = spheres.peaks(image, &region);
        let peak = peaks.of(settings.peak);
        let voxel_volume = image.grid.voxel_volume();
        let uptake = peak.and_then(|peak| statistics(&values, peak, voxel_volume));
        let volumes = uptake.map_or_else(Vec::new, |uptake| {
            rules.iter().filter_map(|rule| biological_volume(*rule, image, mask, &uptake, scales)).collect()
        });
        let volume = Milliliters(values.len() as f64 * voxel_volume.0);
        let width = width(image, &region);
        let mut lesion = Self {
            image: uptake,
            suv: scales.suv.and_then(|factor| Some(uptake?.in_unit(|value| value * factor))),
            tbr: scales.background.and_then(|background| Some(uptake?.in_unit(|value| value / background))),
            peaks,
            max_position: uptake.and_then(|uptake| {
                let at = region.iter().find(|&&index| f64::from(image.data[index]) == uptake.max)?;
                Some(image.grid.position(image.grid.voxel(*at)))
            }),
            peak_position: peak.map(|peak| image.grid.position(image.grid.voxel(peak.center))),
            voxels: values.len(),
            voxels_without_value: region.len() - values.len(),
            voxels_negative: values.iter().filter(|&&value| value < 0.0).count(),
            volume,
            components: pieces(mask, |_| true).len(),
            volumes,
            width,
            recovery: sphere_recovery(Millimeters(width.0 / 2.0), Millimeters(settings.scanner_fwhm_mm)),
            caveats: Vec::new(),
        };
        lesion.caveats = lesion.doubts(settings);
        lesion
    }

    fn doubts(&self, settings: &Settings) -> Vec<Caveat> {
        let mut caveats = Vec::new();
        let mask_voxels = self.voxels + self.voxels_without_value;
        if self.voxels_without_value > 0 || mask_voxels == 0 {
            let detail = format!("{} of {mask_voxels} voxels hold no value", self.voxels_without_value);
            caveats.push(Caveat::new(CaveatCode::UptakeNotEstimated, detail));
        }
        if self.voxels_negative > 0 {
            let detail = format!("{} of {mask_voxels} voxels are below 0 and kept in the mean", self.voxels_negative);
            caveats.push(Caveat::new(CaveatCode::NegativeUptake, detail));
        }
        let limit = 2.0 * settings.scanner_fwhm_mm;
        if self.voxels > 0 && self.width.0 < limit {
            let detail = format!(
                "{:.1} wide, twice the assumed resolution is {limit} mm; expected recovery {:.2}",
                self.width, self.recovery
            );
            caveats.push(Caveat::new(CaveatCode::SmallLesionPet, detail));
        }
        caveats
    }
}

impl BiologicalVolume {
    /// Whether it holds a voxel of the lesion, by the voxel's value.
    pub fn holds(&self, value: f32) -> bool {
        value.is_finite() && f64::from(value) >= self.bound
    }
}

/// Share of the contrast that remains at the center of a uniform sphere under a Gaussian point spread:
/// `erf(q/√2) - √(2/π) q e^{-q²/2}`, q = R/σ, σ = FWHM/2.3548.
///
/// Summed as `√(2/π) e^{-q²/2} Σ q^{2n+3} / (1·3·5···(2n+3))`, whose terms are all positive, so that small spheres
/// lose no digits. NaN where radius or resolution is not a positive number.
pub fn sphere_recovery(radius: Millimeters, fwhm: Millimeters) -> f64 {
    /// 2 √(2 ln 2), to the ten figures that the reference values were made with.
    const FWHM_PER_SIGMA: f64 = 2.354_820_045;
    let q = radius.0 * FWHM_PER_SIGMA / fwhm.0;
    if !(radius.0 >= 0.0 && fwhm.0 > 0.0) {
        return f64::NAN;
    }
    // Beyond nine sigma less than 1e-16 is lost.
    if q > 9.0 {
        return 1.0;
    }
    let (mut term, mut sum, mut odd) = (q.powi(3) / 3.0, 0.0, 3.0);
    while term > sum * 1e-17 {
        sum += term;
        odd += 2.0;
        term *= q * q / odd;
    }
    ((2.0 / std::f64::consts::PI).sqrt() * (-q * q / 2.0).exp() * sum).min(1.0)
}

/// `None` where there is no value.
fn statistics(values: &[f32], peak: Peak, voxel_volume: Milliliters) -> Option<Uptake> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let (&min, &max) = (sorted.first()?, sorted.last()?);
    let count = values.len() as f64;
    let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
    let mean = sum / count;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let percentile = |share: f64| {
        let place = share * (count - 1.0);
        let below = f64::from(sorted[place as usize]);
        let above = f64::from(sorted[(place as usize + 1).min(sorted.len() - 1)]);
        below + (place - place.floor()) * (above - below)
    };
    Some(Uptake {
        max: f64::from(max),
        mean,
        min: f64::from(min),
        sd: variance.sqrt(),
        p10: percentile(0.1),
        p25: percentile(0.25),
        median: percentile(0.5),
        p75: percentile(0.75),
        p90: percentile(0.9),
        peak: peak.value,
        total: sum * voxel_volume.0,
    })
}

fn biological_volume(
    rule: VolumeRule,
    image: &Volume,
    mask: &Mask,
    uptake: &Uptake,
    scales: Scales,
) -> Option<BiologicalVolume> {
    let bound = match rule {
        VolumeRule::Tbr { at_least } => {
            let background = scales.background?;
            smallest(at_least * background, |value| value / background >= at_least)
        }
        VolumeRule::PercentOfMax { at_least } => at_least * uptake.max / 100.0,
        VolumeRule::Suv { at_least } => {
            let factor = scales.suv?;
            smallest(at_least / factor, |value| value * factor >= at_least)
        }
    };
    let (mut count, mut sum) = (0usize, 0.0);
    let values = mask.indices().map(|index| f64::from(image.data[index]));
    // A voxel without a value, NaN or infinite, belongs to no volume.
    let holds = |value: f64| value.is_finite() && value >= bound;
    for value in values.filter(|&value| holds(value)) {
        count += 1;
        sum += value;
    }
    let voxel_volume = image.grid.voxel_volume();
    let total = |factor| sum * factor * voxel_volume.0;
    let pieces = pieces(mask, |index| holds(f64::from(image.data[index])));
    let volume = |voxels: usize| Milliliters(voxels as f64 * voxel_volume.0);
    Some(BiologicalVolume {
        rule,
        bound,
        volume: volume(count),
        components: pieces.len(),
        largest_component: volume(pieces.first().map_or(0, Vec::len)),
        total_suv: scales.suv.map(total),
        total_tbr: scales.tbr.map(total),
    })
}

/// The smallest value that reaches a bound in another unit, from a guess that rounding may have put beside it.
fn smallest(guess: f64, reaches: impl Fn(f64) -> bool) -> f64 {
    let mut value = guess;
    while value.is_finite() && !reaches(value) {
        value = value.next_up();
    }
    while value.is_finite() && reaches(value.next_down()) {
        value = value.next_down();
    }
    value
}

/// The 26-connected pieces of the voxels of a mask that satisfy a condition, largest first.
fn pieces(mask: &Mask, condition: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let Some(bounds) = Bounds::around(mask) else { return Vec::new() };
    let inside = |index: usize| mask.data[index] && condition(index);
    components_within(bounds, &mask.grid, Connectivity::Corners26, inside)
}

/// METHOD: a flat lesion blurs like a small one, so the shorter of two widths counts: the diameter of the sphere of
/// the same volume, and the shortest edge of the box around the lesion along the axes of the image.
fn width(image: &Volume, region: &[usize]) -> Millimeters {
    let grid = &image.grid;
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    for &index in region {
        let voxel = grid.voxel(index);
        for axis in 0..3 {
            low[axis] = low[axis].min(voxel[axis]);
            high[axis] = high[axis].max(voxel[axis]);
        }
    }
    if region.is_empty() {
        return Millimeters(0.0);
    }
    let size = grid.voxel_size();
    let edge = (0..3).map(|axis| (high[axis] - low[axis] + 1) as f64 * size[axis]).fold(f64::INFINITY, f64::min);
    let cubic_millimeters = region.len() as f64 * grid.voxel_volume().cubic_millimeters();
    Millimeters(edge.min((6.0 * cubic_millimeters / std::f64::consts::PI).cbrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_of_spheres_is_that_of_the_closed_form() {
        // Reference data `recovery`: radius, FWHM, RC0.
        for (radius, fwhm, expected) in [
            (3.0, 6.0, 0.291_249_469_192_104_04),
            (4.0, 6.0, 0.518_263_353_505_415_3),
            (5.0, 6.0, 0.721_969_740_797_247_8),
            (6.0, 6.0, 0.864_038_662_402_786_2),
            (8.0, 6.0, 0.980_188_278_626_459_3),
            (10.0, 6.0, 0.998_497_470_048_389_4),
            (3.0, 5.0, 0.426_817_487_777_528_76),
            (8.0, 5.0, 0.997_349_424_083_549),
        ] {
            let found = sphere_recovery(Millimeters(radius), Millimeters(fwhm));
            assert!((found / expected - 1.0).abs() < 1e-12, "R {radius}, FWHM {fwhm}: {found}");
        }
    }

    #[test]
    fn recovery_runs_from_nothing_to_all_and_never_falls() {
        assert_eq!(sphere_recovery(Millimeters(0.0), Millimeters(6.0)), 0.0);
        assert_eq!(sphere_recovery(Millimeters(100.0), Millimeters(6.0)), 1.0);
        let recoveries: Vec<f64> =
            (1..300).map(|i| sphere_recovery(Millimeters(0.1 * f64::from(i)), Millimeters(6.0))).collect();
        assert!(recoveries.iter().all(|&share| share > 0.0 && share <= 1.0));
        // Rounding of the exponential near full recovery.
        assert!(recoveries.windows(2).all(|pair| pair[1] > pair[0] - 1e-14));
        assert!(sphere_recovery(Millimeters(f64::NAN), Millimeters(6.0)).is_nan());
        assert!(sphere_recovery(Millimeters(3.0), Millimeters(0.0)).is_nan());
    }

    #[test]
    fn statistics_of_five_voxels_by_hand() {
        let peak = Peak { value: 9.0, center: 0 };
        let uptake = statistics(&[3.0, 1.0, 2.0, 10.0, 4.0], peak, Milliliters(0.5)).unwrap();
        assert_eq!((uptake.max, uptake.min, uptake.mean, uptake.median), (10.0, 1.0, 4.0, 3.0));
        assert!((uptake.sd - 10.0_f64.sqrt()).abs() < 1e-15);
        assert!((uptake.p10 - 1.4).abs() < 1e-12 && (uptake.p90 - 7.6).abs() < 1e-12);
        assert_eq!((uptake.p25, uptake.p75), (2.0, 4.0));
        assert_eq!(uptake.total, 10.0);
        assert_eq!(statistics(&[], peak, Milliliters(0.5)), None);
    }
}
