//! One static PET image and its lesions: SUV where the metadata allow it, TBR wherever there is a background.

use rayon::prelude::*;

use super::background::{Background, BackgroundUptake, MeasuredBackground};
use super::frames::StaticImage;
use super::peak::Spheres;
use super::settings::Settings;
use super::suv::{SuvKind, SuvScale, SuvUnavailable};
use super::timing;
use super::uptake::{LesionUptake, Scales};
use crate::acquisition::PetAcquisition;
use crate::image::{Mask, SpaceDifference, Volume};
use crate::quality::{Caveat, CaveatCode, Check, Quality, worst};
use crate::units::Seconds;

/// Why an image cannot be quantified at all.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PetError {
    /// A lesion mask stands on another grid.
    #[error("the mask of lesion {lesion} is not on the grid of the PET image: {difference}")]
    LesionGrid {
        /// Its place among the masks, from 1.
        lesion: usize,
        /// How the grids differ.
        difference: SpaceDifference,
    },
    /// The background mask stands on another grid.
    #[error("the background mask is not on the grid of the PET image: {0}")]
    BackgroundGrid(SpaceDifference),
    /// Neither SUV nor a ratio, and no lesion to measure.
    #[error(
        "nothing can be made of this image: no SUV ({suv}), and no ratio ({background}). Give what SUV needs in the PET JSON beside the image (the weight also by --weight), or a background: --background FILE, or a NUMBER in the unit of the image, or --lesions for the crescent opposite them"
    )]
    NothingToMake {
        /// Why there is no SUV.
        suv: String,
        /// Why there is no background.
        background: String,
    },
}

/// What a PET image says of its lesions.
#[derive(Debug, Clone, PartialEq)]
pub struct PetResult {
    /// The SUV factor, or the field that keeps it from being computed.
    pub suv: Result<SuvScale, SuvUnavailable>,
    /// The background, where there is one.
    pub background: Option<BackgroundUptake>,
    /// Factors from a voxel to SUV and to TBR: the maps are the image times these.
    pub scales: Scales,
    /// SUV by lean body mass (SUL) = voxel value × this, whatever normalization is chosen; `None` where it cannot be
    /// computed.
    pub lean: Option<f64>,
    /// Time between injection and the start of the scan, or of the static window; `None` where it is not known.
    pub uptake_time: Option<Seconds>,
    /// One per mask, in the order given.
    pub lesions: Vec<LesionUptake>,
    /// Doubts about the image as a whole.
    pub caveats: Vec<Caveat>,
    /// Quality checks of the image as a whole.
    pub checks: Vec<Check>,
    /// The worst of the checks; caution where a timing doubt stands.
    pub quality: Quality,
}

/// Quantifies a static image (one frame, or the mean over the static window of a dynamic one).
///
/// `background` and `lesions` stand on the grid of `image`; a background number is in the unit of the image.
pub fn quantify(
    image: &Volume,
    acquisition: &PetAcquisition,
    background: Option<&Background>,
    lesions: &[Mask],
    settings: &Settings,
) -> Result<PetResult, PetError> {
    quantify_after(Vec::new(), Vec::new(), image, acquisition, background, lesions, settings)
}

/// Quantifies the static window of a dynamic image, with the doubts about its frames.
pub fn quantify_frames(
    image: &StaticImage,
    background: Option<&Background>,
    lesions: &[Mask],
    settings: &Settings,
) -> Result<PetResult, PetError> {
    let (caveats, checks) = (image.caveats.clone(), image.checks.clone());
    quantify_after(caveats, checks, &image.volume, &image.acquisition, background, lesions, settings)
}

fn quantify_after(
    mut caveats: Vec<Caveat>,
    window: Vec<Check>,
    image: &Volume,
    acquisition: &PetAcquisition,
    background: Option<&Background>,
    lesions: &[Mask],
    settings: &Settings,
) -> Result<PetResult, PetError> {
    for (i, mask) in lesions.iter().enumerate() {
        let on_another_grid = |difference| PetError::LesionGrid { lesion: i + 1, difference };
        image.grid.same_space(&mask.grid).map_err(on_another_grid)?;
    }
    caveats.extend(timing::check(acquisition, 1, settings));
    let mut checks = vec![timing_check(&caveats, !window.is_empty())];
    checks.extend(window);
    let suv = SuvScale::new(acquisition, settings.suv, settings);
    if let Err(reason) = &suv {
        caveats.push(Caveat::new(CaveatCode::SuvNotAvailable, reason.to_string()));
    }
    let measured = match background {
        None => MeasuredBackground::absent("no background was given"),
        Some(background) => background.measure(image, lesions, settings).map_err(PetError::BackgroundGrid)?,
    };
    caveats.extend(measured.caveats);
    checks.extend(measured.checks);
    let background = measured.uptake;
    let divisor = background.as_ref().map(|background| background.divisor);
    let scales = Scales::new(suv.as_ref().ok().map(|scale| scale.factor), divisor);
    let spheres = Spheres::new(&image.grid);
    let rules = settings.volumes.rules(acquisition.tracer.as_ref());
    let measure = |mask| LesionUptake::measure(image, mask, &spheres, scales, rules, settings);
    let lesions: Vec<LesionUptake> = lesions.par_iter().map(measure).collect();
    if let Some(uptake) = &background {
        let means = lesions.iter().filter_map(|lesion| Some(lesion.tbr.as_ref()?.mean));
        let doubt = uptake.implausible(image, acquisition.units, means.fold(f64::NEG_INFINITY, f64::max), settings);
        if let Some((caveat, check)) = doubt {
            caveats.push(caveat);
            checks.push(check);
        }
    }
    Ok(PetResult {
        lean: SuvScale::new(acquisition, SuvKind::LeanBodyMass, settings).ok().map(|scale| scale.factor),
        suv,
        background,
        scales,
        uptake_time: timing::uptake_interval(acquisition),
        lesions,
        caveats,
        quality: worst(&checks).unwrap_or(Quality::Pass),
        checks,
    })
}

/// METHOD: a doubt about times makes SUV doubtful and leaves the TBR of a static image valid, so it is a caution and never
/// a failure; whether a dynamic image's window can be trusted is a check of its own.
fn timing_check(caveats: &[Caveat], dynamic: bool) -> Check {
    Check {
        name: "Times, dose and weight".into(),
        found: match caveats {
            [] => "consistent as far as given".into(),
            _ => caveats.iter().map(|caveat| caveat.code.as_str()).collect::<Vec<_>>().join(", "),
        },
        limit: "no contradiction in the sidecar".into(),
        quality: if caveats.is_empty() { Quality::Pass } else { Quality::Caution },
        meaning: match dynamic {
            true => "A wrong time, dose or weight makes SUV wrong; TBR depends on the times of the frames alone.",
            false => "A wrong time, dose or weight makes SUV wrong; TBR does not depend on them.",
        }
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::PetUnits;
    use crate::clinical::Tracer;
    use crate::image::{Affine, Grid};
    use crate::pet::background::BackgroundSource;
    use crate::pet::settings::VolumeRule;
    use crate::settings::default_section;

    /// 20 mm of background 2 (x < 20), then a lesion of 3 with one half at 5; voxels of 2 mm.
    fn scene() -> (Volume, Mask, Mask) {
        let grid = Grid::from_stored([40, 20, 20], Affine::diagonal([2.0; 3], [-40.0, 0.0, 0.0])).unwrap();
        let value = |index| match grid.voxel(index) {
            [x, _, _] if x < 20 => 2.0,
            [_, _, z] if z < 10 => 3.0,
            _ => 5.0,
        };
        let image = Volume { grid, data: (0..grid.len()).map(value).collect() };
        let mask = |inside: fn(usize) -> bool| Mask {
            grid,
            data: (0..grid.len()).map(|index| inside(grid.voxel(index)[0])).collect(),
        };
        (image, mask(|x| x < 10), mask(|x| x >= 25))
    }

    fn given(mask: Mask) -> Background {
        Background::Mask { mask, source: BackgroundSource::Mask, side: None }
    }

    fn met() -> PetAcquisition {
        let mut acquisition = PetAcquisition::unknown();
        acquisition.tracer = Some(Tracer::Met);
        acquisition
    }

    fn run(image: &Volume, acquisition: &PetAcquisition, background: &Background, lesion: &Mask) -> PetResult {
        let lesions = std::slice::from_ref(lesion);
        quantify(image, acquisition, Some(background), lesions, &default_section("pet")).unwrap()
    }

    #[test]
    fn tbr_needs_no_metadata_and_suv_names_the_missing_field() {
        let (image, background, lesion) = scene();
        let result = run(&image, &met(), &given(background), &lesion);
        let tbr = result.lesions[0].tbr.unwrap();
        assert_eq!((tbr.max, tbr.mean, tbr.min, tbr.median), (2.5, 2.0, 1.5, 2.0));
        assert!((tbr.peak - 2.5).abs() < 1e-12);
        assert_eq!(result.lesions[0].suv, None);
        assert_eq!(result.scales, Scales::new(None, Some(2.0)));
        let caveat = result.caveats.iter().find(|caveat| caveat.code == CaveatCode::SuvNotAvailable).unwrap();
        assert!(caveat.detail.contains("Units"), "{caveat}");
        assert_eq!(result.quality, Quality::Pass);
    }

    #[test]
    fn tbr_does_not_change_when_the_image_is_scaled() {
        let (image, background, lesion) = scene();
        let background = given(background);
        let original = run(&image, &met(), &background, &lesion);
        let scaled = Volume { data: image.data.iter().map(|value| value * 1024.0).collect(), ..image };
        let scaled = run(&scaled, &met(), &background, &lesion);
        assert_eq!(original.lesions[0].tbr, scaled.lesions[0].tbr);
        assert_eq!(original.lesions[0].volumes[0].volume, scaled.lesions[0].volumes[0].volume);
    }

    #[test]
    fn the_volume_of_met_holds_voxels_on_the_bound() {
        // TBR is exactly 1.5 in one half and 2.5 in the other: bounds of 1.5 and just above it.
        let (image, background, lesion) = scene();
        let mut settings: Settings = default_section("pet");
        settings.volumes.met = vec![VolumeRule::Tbr { at_least: 1.5 }, VolumeRule::Tbr { at_least: 1.500_001 }];
        let lesions = [lesion];
        let result = quantify(&image, &met(), Some(&given(background)), &lesions, &settings).unwrap();
        let [all, half] = result.lesions[0].volumes[..] else { panic!("two rules") };
        let lesion_ml = lesions[0].volume().0;
        assert!((all.volume.0 - lesion_ml).abs() < 1e-9 && (half.volume.0 - lesion_ml / 2.0).abs() < 1e-9);
        // TLU: 24 mL at 2.5 on average of 2.0 over the whole, in mL.
        assert!((all.total_tbr.unwrap() - 2.0 * lesion_ml).abs() < 1e-6);
        assert!((half.total_tbr.unwrap() - 2.5 * lesion_ml / 2.0).abs() < 1e-6);
        let held = lesions[0].indices().filter(|&index| half.holds(image.data[index])).count();
        assert_eq!(held * 2, lesions[0].count());
    }

    #[test]
    fn a_ratio_on_a_bound_is_that_bound_and_its_voxels_belong() {
        // 975 / 750 is 1.3 and 136.5 / 91 is 1.5, both as doubles; 975 (1 / 750) and 136.5 (1 / 91) are not.
        for (value, background, ratio) in [(975.0_f32, 750.0, 1.3), (136.5, 91.0, 1.5), (1.0, 0.625, 1.6)] {
            let (image, _, lesion) = scene();
            let image = Volume::filled(image.grid, value);
            let mut settings: Settings = default_section("pet");
            settings.volumes.met = vec![VolumeRule::Tbr { at_least: ratio }];
            let lesions = [lesion];
            let result = quantify(&image, &met(), Some(&Background::Number(background)), &lesions, &settings).unwrap();
            let found = &result.lesions[0];
            assert_eq!(found.tbr.unwrap().max, ratio);
            assert_eq!(found.volumes[0].volume, found.volume, "{ratio}");
            assert!(found.volumes[0].holds(value) && !found.volumes[0].holds(value.next_down()));
        }
    }

    #[test]
    fn an_infinite_voxel_belongs_to_no_volume() {
        let (mut image, background, lesion) = scene();
        image.data[marked_index(&lesion, 7)] = f32::INFINITY;
        let result = run(&image, &met(), &given(background), &lesion);
        let found = &result.lesions[0];
        assert_eq!((found.voxels_without_value, found.image.unwrap().max), (1, 5.0));
        assert_eq!(found.volumes[0].volume, found.volume, "all valued voxels lie above 1.3");
        assert!(found.volumes[0].total_tbr.unwrap().is_finite());
    }

    #[test]
    fn a_rule_that_lacks_its_unit_is_left_out() {
        let (image, background, lesion) = scene();
        let mut acquisition = met();
        acquisition.tracer = Some(Tracer::Fdg);
        let result = run(&image, &acquisition, &given(background.clone()), &lesion);
        assert_eq!(result.lesions[0].volumes.len(), 2); // 41 % and 50 % of the maximum; no SUV rules
        acquisition.units = Some(PetUnits::SuvBodyWeight);
        let result = run(&image, &acquisition, &given(background), &lesion);
        assert_eq!(result.lesions[0].volumes.len(), 4);
        assert_eq!(result.lesions[0].suv.unwrap().max, 5.0);
    }

    #[test]
    fn without_a_background_there_is_no_ratio_and_a_caveat() {
        let (image, _, lesion) = scene();
        let result = quantify(&image, &met(), None, &[lesion], &default_section("pet")).unwrap();
        assert_eq!((result.lesions[0].tbr, result.scales.tbr), (None, None));
        assert!(result.caveats.iter().any(|caveat| caveat.code == CaveatCode::NoBackground));
        assert!(result.lesions[0].image.is_some() && result.lesions[0].volumes.is_empty());
    }

    #[test]
    fn a_number_divides_like_a_region_of_that_mean() {
        let (image, background, lesion) = scene();
        let region = run(&image, &met(), &given(background), &lesion);
        let number = run(&image, &met(), &Background::Number(2.0), &lesion);
        assert_eq!(region.lesions, number.lesions);
    }

    #[test]
    fn values_below_zero_stay_in_the_mean_and_nan_does_not() {
        let (mut image, background, lesion) = scene();
        let first = marked_index(&lesion, 0);
        let second = marked_index(&lesion, 1);
        image.data[first] = -1.0;
        image.data[second] = f32::NAN;
        let result = run(&image, &met(), &given(background), &lesion);
        let uptake = &result.lesions[0];
        assert_eq!((uptake.voxels_negative, uptake.voxels_without_value), (1, 1));
        assert_eq!(uptake.image.unwrap().min, -1.0);
        let codes: Vec<_> = uptake.caveats.iter().map(|caveat| caveat.code).collect();
        assert_eq!(codes, [CaveatCode::UptakeNotEstimated, CaveatCode::NegativeUptake]);
        let count = lesion.count() as f64;
        let expected = (4.0 * count - 3.0 - 3.0 - 1.0) / (count - 1.0);
        assert!((uptake.image.unwrap().mean - expected).abs() < 1e-12);
    }

    fn marked_index(mask: &Mask, nth: usize) -> usize {
        mask.indices().nth(nth).unwrap()
    }

    #[test]
    fn an_empty_lesion_has_no_uptake_and_a_small_one_a_caveat() {
        let (image, background, lesion) = scene();
        let background = given(background);
        let mut small = Mask::filled(image.grid, false);
        let empty = run(&image, &met(), &background, &small);
        assert_eq!((empty.lesions[0].image, empty.lesions[0].peaks.exact), (None, None));
        assert_eq!(empty.lesions[0].caveats[0].code, CaveatCode::UptakeNotEstimated);
        small.data[image.grid.index([30, 10, 10])] = true;
        let result = run(&image, &met(), &background, &small);
        assert_eq!(result.lesions[0].caveats[0].code, CaveatCode::SmallLesionPet);
        assert!(run(&image, &met(), &background, &lesion).lesions[0].caveats.is_empty());
    }

    #[test]
    fn storage_orientation_does_not_change_a_lesion() {
        let (image, background, lesion) = scene();
        let stored = image.grid;
        // The same head stored with a flipped first axis: canonical memory is the same, so are the results.
        let mut affine = *stored.affine();
        affine.0[0] = [-affine.0[0][0], 0.0, 0.0, affine.0[0][3] + affine.0[0][0] * 39.0];
        let grid = Grid::from_stored(stored.shape(), affine).unwrap();
        let flipped = Volume { grid, ..image.clone() };
        let at = |grid, mask: &Mask| Mask { grid, data: mask.data.clone() };
        let a = run(&image, &met(), &given(background.clone()), &lesion);
        let b = run(&flipped, &met(), &given(at(grid, &background)), &at(grid, &lesion));
        assert_eq!(a.lesions, b.lesions);
    }

    #[test]
    fn a_lesion_on_another_grid_is_an_error_that_says_which() {
        let (image, background, lesion) = scene();
        let grid = Grid::from_stored([1, 1, 1], Affine::diagonal([2.0; 3], [0.0; 3])).unwrap();
        let lesions = [lesion, Mask::filled(grid, true)];
        let error = quantify(&image, &met(), Some(&given(background)), &lesions, &default_section("pet")).unwrap_err();
        assert!(error.to_string().contains("lesion 2"), "{error}");
    }
}
