//! The background that uptake is divided by: statistics of a region, or a number, and its quality.
//!
//! Law et al., EJNMMI 2019;46:540 and Unterrainer et al., EJNMMI Res 2017: the mean of a contralateral crescent that
//! holds grey and white matter. The regions themselves are made elsewhere; here they are masks.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::acquisition::PetUnits;
use crate::image::{Mask, SpaceDifference, Volume};
use crate::quality::{Caveat, CaveatCode, Check, Quality};
use crate::units::Milliliters;

closed_words! {
    /// Where a background region comes from.
    pub enum BackgroundSource: "background source" {
        /// A mask that was given.
        Mask = "mask",
        /// A label of a segmentation that was given.
        Label = "label",
        /// The lesion, mirrored and dilated.
        Mirror = "mirror",
        /// The automatic contralateral crescent.
        Crescent = "crescent",
        /// The healthy hemisphere.
        Hemisphere = "hemisphere",
    }
}

impl BackgroundSource {
    /// Whether the program chose the region, so that a person should look at it.
    pub const fn is_automatic(self) -> bool {
        match self {
            Self::Mask | Self::Label => false,
            Self::Mirror | Self::Crescent | Self::Hemisphere => true,
        }
    }
}

closed_words! {
    /// Which number of the background region uptake is divided by.
    pub enum BackgroundStatistic: "background statistic" {
        /// The mean.
        Mean = "mean",
        /// The maximum (max/max ratios).
        Max = "max",
    }
}

/// What uptake is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Background {
    /// A region on the grid of the image.
    Mask {
        /// Its voxels.
        mask: Mask,
        /// Where it comes from.
        source: BackgroundSource,
        /// On which side it lies, in words.
        side: Option<String>,
    },
    /// A number in the unit of the image.
    Number(f64),
}

/// The background as measured, in the unit of the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackgroundUptake {
    /// What uptake is divided by: above 0 and finite.
    pub divisor: f64,
    /// Which statistic the divisor is.
    pub statistic: BackgroundStatistic,
    /// Mean.
    pub mean: f64,
    /// Standard deviation over all its voxels; `None` for a number.
    pub sd: Option<f64>,
    /// Coefficient of variation, sd / mean; `None` for a number.
    pub cov: Option<f64>,
    /// Largest voxel; `None` for a number.
    pub max: Option<f64>,
    /// Volume of its voxels that hold a value; `None` for a number.
    pub volume: Option<Milliliters>,
    /// Voxels that hold a value; `None` for a number.
    pub voxels: Option<usize>,
    /// Where the region comes from; `None` for a number.
    pub source: Option<BackgroundSource>,
    /// On which side it lies, in words.
    pub side: Option<String>,
    /// Share of its voxels that lie in a lesion, 0 to 1; `None` for a number.
    pub inside_lesions: Option<f64>,
}

/// Share of the voxels that a lesion may make up: more than that cannot be brighter than any tumor.
const BRIGHT_SHARE: f64 = 0.01;

/// How bright an image is against a level.
struct Brightness {
    /// Largest value; negative infinity without one.
    largest: f32,
    /// Voxels above the level.
    bright: usize,
    /// Voxels that hold a value.
    finite: usize,
}

impl Brightness {
    fn of(image: &Volume, level: f32) -> Self {
        /// Voxels that one thread looks at in turn.
        const STRETCH: usize = 1 << 16;
        let none = || Self { largest: f32::NEG_INFINITY, bright: 0, finite: 0 };
        let finite = |value: &f32| if value.is_finite() { *value } else { f32::NEG_INFINITY };
        // Plain loops over what lies in a core's cache: the compiler makes vector code of each.
        let of_stretch = |values: &[f32]| Self {
            largest: values.iter().map(finite).fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a }),
            bright: values.iter().map(finite).filter(|value| *value > level).count(),
            finite: values.iter().filter(|value| value.is_finite()).count(),
        };
        let join = |a: Self, b: Self| Self {
            largest: a.largest.max(b.largest),
            bright: a.bright + b.bright,
            finite: a.finite + b.finite,
        };
        image.data.par_chunks(STRETCH).map(of_stretch).reduce(none, join)
    }
}

/// A background with what is to be said of it; no uptake where it cannot serve as a divisor.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredBackground {
    /// The background, where there is one.
    pub uptake: Option<BackgroundUptake>,
    /// Doubts.
    pub caveats: Vec<Caveat>,
    /// Quality checks.
    pub checks: Vec<Check>,
}

impl Background {
    /// Measures the background of an image; `lesions` are looked at for overlap only.
    pub fn measure(
        &self,
        image: &Volume,
        lesions: &[Mask],
        settings: &Settings,
    ) -> Result<MeasuredBackground, SpaceDifference> {
        match self {
            Self::Number(number) => Ok(measure_number(*number)),
            Self::Mask { mask, source, side } => {
                image.grid.same_space(&mask.grid)?;
                let region: Vec<usize> = mask.indices().collect();
                let mut measured = measure_region(image, &region, *source, side.clone(), settings);
                measured.judge_overlap(&region, lesions, settings);
                Ok(measured)
            }
        }
    }
}

impl BackgroundUptake {
    /// The caveat and the check where the ratio cannot be one of tissue; `largest_mean` is the largest mean TBR of a
    /// lesion.
    ///
    /// METHOD: a number has no unit of its own. Taken in another than the image's (SUV on an image in Bq/mL) it gives
    /// ratios of thousands, or of nearly 0, which would read as necrosis; such a measurement fails. A region is in the
    /// unit of the image by itself, and some tracers leave the brain nearly dark: a high ratio there is a caution.
    pub(super) fn implausible(
        &self,
        image: &Volume,
        units: Option<PetUnits>,
        largest_mean: f64,
        settings: &Settings,
    ) -> Option<(Caveat, Check)> {
        let bound = settings.tbr_implausible;
        let unit = unit_words(units);
        let mut found = Vec::new();
        if largest_mean > bound {
            found.push(format!("a lesion's mean TBR is {largest_mean:.0}"));
        }
        if self.source.is_none() {
            let Brightness { largest, bright, finite } = Brightness::of(image, (self.divisor * bound) as f32);
            if finite == 0 {
                // Nothing can be told of an image without a value, and nothing is measured in it.
                return None;
            }
            let share = bright as f64 / finite as f64;
            if share > BRIGHT_SHARE {
                found.push(format!("{:.0} % of the voxels are more than {bound} times the number", 100.0 * share));
            } else if self.divisor > f64::from(largest) {
                found.push(format!("no voxel of the image is as large: its largest is {largest}"));
            }
        }
        if found.is_empty() {
            return None;
        }
        let found = found.join("; ");
        let (what, quality) = match self.source {
            None => (
                format!("the background's number {} was taken in the unit of the image ({unit})", self.divisor),
                Quality::Fail,
            ),
            Some(source) => (format!("the background by {source} is {:.4} ({unit})", self.divisor), Quality::Caution),
        };
        let check = Check {
            name: "Ratio to background".into(),
            found: found.clone(),
            limit: format!("mean TBR at most {bound}"),
            quality,
            meaning: "A background that is not in the unit of the image, or lies in air, makes every ratio wrong."
                .into(),
        };
        Some((Caveat::new(CaveatCode::TbrImplausible, format!("{what}; {found}")), check))
    }
}

impl MeasuredBackground {
    /// No background was given.
    pub fn absent(detail: impl Into<String>) -> Self {
        let caveats = vec![Caveat::new(CaveatCode::NoBackground, detail)];
        Self { uptake: None, caveats, checks: Vec::new() }
    }

    /// METHOD: background voxels inside a lesion lower every TBR towards "necrosis", so even one is told, and more
    /// than the limit fails the measurement.
    fn judge_overlap(&mut self, region: &[usize], lesions: &[Mask], settings: &Settings) {
        let shared = region.iter().filter(|&&index| lesions.iter().any(|lesion| lesion.data[index])).count();
        if region.is_empty() {
            return;
        }
        let share = shared as f64 / region.len() as f64;
        if let Some(uptake) = &mut self.uptake {
            uptake.inside_lesions = Some(share);
        }
        if shared == 0 {
            return;
        }
        let limit = settings.background_overlap_fail;
        let found = format!("{:.1} % of its voxels", share * 100.0);
        self.caveats.push(Caveat::new(CaveatCode::BackgroundInsideLesion, format!("{found} lie in a lesion")));
        self.checks.push(Check {
            name: "Background outside the lesions".into(),
            found: format!("{found} inside"),
            limit: format!("0 %, at most {:.1} %", limit * 100.0),
            quality: if share > limit { Quality::Fail } else { Quality::Caution },
            meaning: "Lesion tissue in the background lowers the ratio.".into(),
        });
    }
}

/// The unit of an image, as a caveat names it.
const fn unit_words(units: Option<PetUnits>) -> &'static str {
    match units {
        Some(PetUnits::BecquerelsPerMilliliter) => "Bq/mL",
        Some(PetUnits::KilobecquerelsPerMilliliter) => "kBq/mL",
        Some(PetUnits::SuvBodyWeight) => "SUV, g/mL",
        None => "which the sidecar does not tell",
    }
}

fn measure_number(number: f64) -> MeasuredBackground {
    if !(number.is_finite() && number > 0.0) {
        return MeasuredBackground::absent(format!("the background number is {number}, expected above 0"));
    }
    let uptake = BackgroundUptake {
        divisor: number,
        statistic: BackgroundStatistic::Mean,
        mean: number,
        sd: None,
        cov: None,
        max: None,
        volume: None,
        voxels: None,
        source: None,
        side: None,
        inside_lesions: None,
    };
    MeasuredBackground { uptake: Some(uptake), caveats: Vec::new(), checks: Vec::new() }
}

fn measure_region(
    image: &Volume,
    region: &[usize],
    source: BackgroundSource,
    side: Option<String>,
    settings: &Settings,
) -> MeasuredBackground {
    let values = || region.iter().map(|&index| f64::from(image.data[index])).filter(|value| value.is_finite());
    let voxels = values().count();
    if voxels == 0 {
        return MeasuredBackground::absent("the background region holds no voxel with a value");
    }
    let mean = values().sum::<f64>() / voxels as f64;
    let sd = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / voxels as f64).sqrt();
    let max = values().fold(f64::NEG_INFINITY, f64::max);
    let statistic = settings.background_statistic;
    let divisor = match statistic {
        BackgroundStatistic::Mean => mean,
        BackgroundStatistic::Max => max,
    };
    if !(divisor > 0.0 && mean > 0.0) {
        return MeasuredBackground::absent(format!(
            "the background region has a {statistic} of {divisor}, expected above 0"
        ));
    }
    let volume = Milliliters(voxels as f64 * image.grid.voxel_volume().0);
    let cov = sd / mean;
    let mut caveats = Vec::new();
    if source.is_automatic() {
        caveats.push(Caveat::new(CaveatCode::AutomaticBackground, source.as_str()));
    }
    let cov_limit = settings.background_cov_limit;
    let heterogeneous = cov > cov_limit;
    if heterogeneous {
        let detail = format!("coefficient of variation {cov:.2}, limit {cov_limit}");
        caveats.push(Caveat::new(CaveatCode::BackgroundHeterogeneous, detail));
    }
    let caution = |crossed| if crossed { Quality::Caution } else { Quality::Pass };
    let checks = vec![
        Check {
            name: "Background variation".into(),
            found: format!("{:.1} %", cov * 100.0),
            limit: format!("at most {:.1} %", cov_limit * 100.0),
            quality: caution(heterogeneous),
            meaning: "A varied background may hold vessels, ventricle or lesion.".into(),
        },
        Check {
            name: "Background volume".into(),
            found: match region.len() - voxels {
                0 => format!("{volume:.2}"),
                lost => format!("{volume:.2}; {lost} of its {} voxels hold no value", region.len()),
            },
            limit: format!("at least {} mL", settings.background_smallest_ml),
            quality: caution(volume.0 < settings.background_smallest_ml || voxels < region.len()),
            meaning: "A small background makes the ratio depend on noise.".into(),
        },
    ];
    let uptake = BackgroundUptake {
        divisor,
        statistic,
        mean,
        sd: Some(sd),
        cov: Some(cov),
        max: Some(max),
        volume: Some(volume),
        voxels: Some(voxels),
        source: Some(source),
        side,
        inside_lesions: None,
    };
    MeasuredBackground { uptake: Some(uptake), caveats, checks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};
    use crate::settings::default_section;

    fn image(values: &[f32]) -> Volume {
        let grid = Grid::from_stored([values.len(), 1, 1], Affine::diagonal([10.0; 3], [0.0; 3])).unwrap();
        Volume { grid, data: values.to_vec() }
    }

    fn mask(image: &Volume, inside: &[usize]) -> Mask {
        let mut mask = Mask::filled(image.grid, false);
        inside.iter().for_each(|&index| mask.data[index] = true);
        mask
    }

    fn measure(image: &Volume, inside: &[usize], lesions: &[Mask], settings: &Settings) -> MeasuredBackground {
        let source = BackgroundSource::Mask;
        Background::Mask { mask: mask(image, inside), source, side: None }.measure(image, lesions, settings).unwrap()
    }

    #[test]
    fn mean_sd_and_volume_of_four_voxels() {
        let image = image(&[1.0, 2.0, 3.0, 4.0, 100.0, f32::NAN]);
        let measured = measure(&image, &[0, 1, 2, 3, 5], &[], &default_section("pet"));
        let uptake = measured.uptake.unwrap();
        assert_eq!((uptake.mean, uptake.divisor, uptake.max, uptake.voxels), (2.5, 2.5, Some(4.0), Some(4)));
        assert!((uptake.sd.unwrap() - 1.25_f64.sqrt()).abs() < 1e-15);
        assert!((uptake.volume.unwrap().0 - 4.0).abs() < 1e-12);
        // sd / mean = 0.447 is above the default limit.
        assert_eq!(measured.caveats[0].code, CaveatCode::BackgroundHeterogeneous);
    }

    #[test]
    fn the_maximum_divides_where_settings_say_so() {
        let mut settings: Settings = default_section("pet");
        settings.background_statistic = BackgroundStatistic::Max;
        let measured = measure(&image(&[1.0, 3.0]), &[0, 1], &[], &settings);
        let uptake = measured.uptake.unwrap();
        assert_eq!((uptake.divisor, uptake.mean), (3.0, 2.0));
    }

    #[test]
    fn overlap_with_a_lesion_is_told_and_fails_above_the_limit() {
        let image = image(&[1.0; 40]);
        let region: Vec<usize> = (0..40).collect();
        let settings: Settings = default_section("pet");
        let quality = |shared: &[usize]| {
            let measured = measure(&image, &region, &[mask(&image, shared)], &settings);
            (measured.caveats.len(), crate::quality::worst(&measured.checks).unwrap())
        };
        assert_eq!(quality(&[]), (0, Quality::Pass));
        assert_eq!(quality(&[0, 1]), (1, Quality::Caution)); // 5 %: the limit itself
        assert_eq!(quality(&[0, 1, 2]), (1, Quality::Fail));
    }

    #[test]
    fn a_background_that_cannot_divide_gives_no_ratio() {
        let settings: Settings = default_section("pet");
        for values in [[0.0, 0.0], [-1.0, 0.5], [f32::NAN, f32::NAN]] {
            let measured = measure(&image(&values), &[0, 1], &[], &settings);
            assert_eq!(measured.uptake, None);
            assert_eq!(measured.caveats[0].code, CaveatCode::NoBackground);
        }
        for number in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(measure_number(number).uptake, None);
        }
        assert_eq!(measure_number(1.25).uptake.unwrap().divisor, 1.25);
    }

    /// 100 voxels of 5000 Bq/mL in 900 of 20.
    fn in_becquerels() -> Volume {
        image(&(0..1000).map(|index| if index < 100 { 5000.0 } else { 20.0 }).collect::<Vec<f32>>())
    }

    fn doubt(number: f64, largest_mean: f64) -> Option<(Caveat, Check)> {
        let uptake = measure_number(number).uptake.unwrap();
        let units = Some(PetUnits::BecquerelsPerMilliliter);
        uptake.implausible(&in_becquerels(), units, largest_mean, &default_section("pet"))
    }

    #[test]
    fn a_number_in_another_unit_than_the_image_fails_and_is_named_with_both() {
        let (caveat, check) = doubt(1.32, 8012.0).unwrap();
        assert_eq!((caveat.code, check.quality), (CaveatCode::TbrImplausible, Quality::Fail));
        for named in ["1.32", "Bq/mL", "8012", "10 % of the voxels"] {
            assert!(caveat.detail.contains(named), "{named}: {}", caveat.detail);
        }
        assert!(doubt(1.32, f64::NEG_INFINITY).is_some(), "without lesions too");
        let (caveat, check) = doubt(6.0e6, 1e-3).unwrap();
        assert!(caveat.detail.contains("largest is 5000") && check.quality == Quality::Fail, "{}", caveat.detail);
    }

    #[test]
    fn a_number_of_the_image_s_own_range_is_believed() {
        for number in [101.0, 1300.0, 5000.0] {
            assert_eq!(doubt(number, 2.0), None, "{number}");
        }
        assert!(doubt(99.0, 2.0).is_some(), "5000 / 50 is the bound");
    }

    #[test]
    fn a_region_in_air_is_a_caution() {
        let settings: Settings = default_section("pet");
        let uptake = measure(&image(&[1.0, 1.0]), &[0, 1], &[], &settings).uptake.unwrap();
        let (_, check) = uptake.implausible(&image(&[1.0, 80.0]), None, 80.0, &settings).unwrap();
        assert_eq!(check.quality, Quality::Caution);
        assert_eq!(
            uptake.implausible(&image(&[1.0, 80.0]), None, 50.0, &settings),
            None,
            "the bound itself is believed"
        );
    }

    #[test]
    fn an_automatic_region_says_so() {
        let image = image(&[1.0, 1.0]);
        for source in BackgroundSource::ALL {
            let background =
                Background::Mask { mask: mask(&image, &[0, 1]), source: *source, side: Some("left".into()) };
            let measured = background.measure(&image, &[], &default_section("pet")).unwrap();
            let automatic = measured.caveats.iter().any(|caveat| caveat.code == CaveatCode::AutomaticBackground);
            assert_eq!(automatic, source.is_automatic(), "{source}");
            assert_eq!(measured.uptake.unwrap().side.as_deref(), Some("left"));
        }
    }

    #[test]
    fn a_mask_on_another_grid_is_an_error() {
        let (small, large) = (image(&[1.0]), image(&[1.0, 2.0]));
        let source = BackgroundSource::Mask;
        let background = Background::Mask { mask: mask(&small, &[0]), source, side: None };
        assert!(background.measure(&large, &[], &default_section("pet")).is_err());
    }
}
