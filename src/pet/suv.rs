//! Standardized uptake value: the factor from a voxel to SUV.
//!
//! `SUV = C · N / (D · 2^{-(t_ref - t_inj) / T½})` with C decay-corrected to t_ref (`ImageDecayCorrectionTime`), D the
//! injected activity at `InjectionStart` and N the body measure in g or cm². All times in seconds from `TimeZero`.

use serde::{Deserialize, Serialize};

use super::body::{body_surface_area, ideal_body_weight, lean_body_mass, lean_body_mass_james};
use super::decay::{HalfLife, factor_to_injection};
use super::settings::Settings;
use crate::acquisition::{Body, PetAcquisition, PetUnits};
use crate::units::{Becquerels, Kilograms, Meters, Seconds};

closed_words! {
    /// What SUV is normalized by.
    pub enum SuvKind: "SUV normalization" {
        /// Body weight.
        BodyWeight = "bw",
        /// Lean body mass, Janmahasatian 2005.
        LeanBodyMass = "lbm",
        /// Lean body mass, James 1976.
        James = "james",
        /// Ideal body weight.
        IdealBodyWeight = "ibw",
        /// Body surface area, Du Bois 1916.
        BodySurfaceArea = "bsa",
    }
}

impl SuvKind {
    /// The unit of the SUV.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::BodyWeight | Self::LeanBodyMass | Self::James | Self::IdealBodyWeight => "g/mL",
            Self::BodySurfaceArea => "cm2/mL",
        }
    }
}

/// The time that the image's activity refers to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayReference {
    /// Injection (DICOM `ADMIN`): the dose enters undecayed.
    Injection,
    /// Start of the scan (DICOM `START`).
    ScanStart,
    /// Another time, seconds after injection.
    AfterInjection(Seconds),
    /// The image was not decay-corrected: the frame was brought to injection by the program.
    FrameToInjection,
}

/// From voxel value to SUV.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuvScale {
    /// SUV = voxel value × factor.
    pub factor: f64,
    /// What SUV is normalized by.
    pub kind: SuvKind,
    /// The half-life used, with its source; `None` where the image holds SUV already.
    pub half_life_used: Option<HalfLife>,
    /// What the activity refers to; `None` where the image holds SUV already.
    pub decay_reference: Option<DecayReference>,
    /// Time between injection and decay reference, s; `None` where the image holds SUV already.
    pub decay_time: Option<Seconds>,
}

/// Why SUV cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SuvUnavailable {
    /// A field is absent.
    #[error("{field} is missing: expected {expected}")]
    Missing {
        /// The BIDS field or the study table's column.
        field: &'static str,
        /// What is expected, with its unit.
        expected: &'static str,
    },
    /// A field cannot be meant.
    #[error("{field} is {found}: expected {expected}")]
    OutOfRange {
        /// The BIDS field or the study table's column.
        field: &'static str,
        /// What was found, with its unit.
        found: String,
        /// What is possible.
        expected: &'static str,
    },
}

impl SuvScale {
    /// The factor of an image, or the field that keeps it from being computed.
    pub fn new(acquisition: &PetAcquisition, kind: SuvKind, settings: &Settings) -> Result<Self, SuvUnavailable> {
        let per_becquerel = match acquisition.units {
            None => {
                let expected = "Bq/mL, kBq/mL or g/mL (a unit that is not known counts as missing)";
                return Err(SuvUnavailable::Missing { field: "Units", expected });
            }
            Some(PetUnits::SuvBodyWeight) => return Self::from_body_weight(&acquisition.body, kind),
            Some(PetUnits::BecquerelsPerMilliliter) => 1.0,
            Some(PetUnits::KilobecquerelsPerMilliliter) => 1e3,
        };
        let measure = body_measure(&acquisition.body, kind)?;
        let dose = checked_dose(acquisition.injected)?;
        let half_life = HalfLife::of(acquisition, settings)?;
        let decay = Decay::of(acquisition, &half_life, settings)?;
        Ok(Self {
            factor: per_becquerel * decay.image_factor * measure / (dose.0 * decay.dose_factor),
            kind,
            half_life_used: Some(half_life),
            decay_reference: Some(decay.reference),
            decay_time: Some(decay.time),
        })
    }

    /// An image that holds SUV by body weight: another normalization exchanges the body measure.
    fn from_body_weight(body: &Body, kind: SuvKind) -> Result<Self, SuvUnavailable> {
        let factor = match kind {
            SuvKind::BodyWeight => 1.0,
            SuvKind::LeanBodyMass | SuvKind::James | SuvKind::IdealBodyWeight | SuvKind::BodySurfaceArea => {
                body_measure(body, kind)? / body_measure(body, SuvKind::BodyWeight)?
            }
        };
        Ok(Self { factor, kind, half_life_used: None, decay_reference: None, decay_time: None })
    }
}

/// The body measure N: grams, or cm² for the surface area.
pub fn body_measure(body: &Body, kind: SuvKind) -> Result<f64, SuvUnavailable> {
    let weight = || checked_weight(body.weight);
    let height = || checked_height(body.height);
    let sex = || body.sex.ok_or(SuvUnavailable::Missing { field: "sex", expected: "M or F" });
    let no_formula = || SuvUnavailable::OutOfRange { field: "sex", found: "other".into(), expected: "M or F" };
    let (measure, per_unit) = match kind {
        SuvKind::BodyWeight => (weight()?.0, 1e3),
        SuvKind::LeanBodyMass => (lean_body_mass(weight()?, height()?, sex()?).ok_or_else(no_formula)?.0, 1e3),
        SuvKind::James => (lean_body_mass_james(weight()?, height()?, sex()?).ok_or_else(no_formula)?.0, 1e3),
        SuvKind::IdealBodyWeight => (ideal_body_weight(height()?, sex()?).ok_or_else(no_formula)?.0, 1e3),
        SuvKind::BodySurfaceArea => (body_surface_area(weight()?, height()?), 1e4),
    };
    if measure > 0.0 {
        Ok(measure * per_unit)
    } else {
        Err(SuvUnavailable::OutOfRange {
            field: "weight and height",
            found: format!("a {kind} body measure of {measure:.2}"),
            expected: "a body that the formula holds for",
        })
    }
}

fn checked_weight(weight: Option<Kilograms>) -> Result<Kilograms, SuvUnavailable> {
    let weight = weight.ok_or(SuvUnavailable::Missing { field: "weight", expected: "the body weight in kg" })?;
    if weight.0.is_finite() && weight.0 > 0.0 {
        return Ok(weight);
    }
    Err(SuvUnavailable::OutOfRange { field: "weight", found: weight.to_string(), expected: "above 0 kg" })
}

/// METHOD: nobody is shorter than 0.3 m or taller than 2.8 m: a height outside is another unit, and a lean mass made
/// from it is no mass.
fn checked_height(height: Option<Meters>) -> Result<Meters, SuvUnavailable> {
    let height = height.ok_or(SuvUnavailable::Missing { field: "height", expected: "the body height in m" })?;
    if (0.3..=2.8).contains(&height.0) {
        return Ok(height);
    }
    Err(SuvUnavailable::OutOfRange { field: "height", found: height.to_string(), expected: "0.3 to 2.8 m" })
}

fn checked_dose(dose: Option<Becquerels>) -> Result<Becquerels, SuvUnavailable> {
    let field = "InjectedRadioactivity";
    let dose = dose.ok_or(SuvUnavailable::Missing { field, expected: "the injected activity with its unit" })?;
    if dose.0.is_finite() && dose.0 > 0.0 {
        return Ok(dose);
    }
    Err(SuvUnavailable::OutOfRange { field, found: dose.to_string(), expected: "above 0 Bq" })
}

/// How image and dose come to one time.
struct Decay {
    reference: DecayReference,
    /// Reference time after injection.
    time: Seconds,
    /// What the voxels are multiplied by, to be at the reference time.
    image_factor: f64,
    /// What the dose is multiplied by, to be at the reference time.
    dose_factor: f64,
}

impl Decay {
    fn of(acquisition: &PetAcquisition, half_life: &HalfLife, settings: &Settings) -> Result<Self, SuvUnavailable> {
        let injection = finite_time(acquisition.injection_start, "InjectionStart")?;
        let missing = |field, expected| SuvUnavailable::Missing { field, expected };
        match acquisition.decay_corrected {
            None => Err(missing("ImageDecayCorrected", "true or false")),
            Some(true) => {
                let reference = finite_time(acquisition.decay_correction_time, "ImageDecayCorrectionTime")?;
                let time = believable(reference.0 - injection.0, "ImageDecayCorrectionTime", settings)?;
                // METHOD: activity is not brought to a time before it was injected: one of the two times is wrong.
                if time.0 < -settings.decay_shift_limit_s {
                    return Err(SuvUnavailable::OutOfRange {
                        field: "ImageDecayCorrectionTime",
                        found: format!("{} before InjectionStart", Seconds(-time.0)),
                        expected: "the time of injection or later",
                    });
                }
                let reference = if time.0 == 0.0 {
                    DecayReference::Injection
                } else if acquisition.scan_start == Some(reference) {
                    DecayReference::ScanStart
                } else {
                    DecayReference::AfterInjection(time)
                };
                let dose_factor = (-time.0 / half_life.seconds.0).exp2();
                Ok(Self { reference, time, image_factor: 1.0, dose_factor })
            }
            Some(false) => {
                let expected = "one frame for this image, whose decay is not corrected";
                let frame = match acquisition.frames[..] {
                    [frame] => frame,
                    [] => return Err(missing("FrameTimesStart", expected)),
                    [..] => {
                        let found = format!("a list of {} frames", acquisition.frames.len());
                        return Err(SuvUnavailable::OutOfRange { field: "FrameTimesStart", found, expected });
                    }
                };
                believable(frame.start.0 - injection.0, "FrameTimesStart", settings)?;
                let image_factor =
                    factor_to_injection(half_life, frame, injection).ok_or_else(|| SuvUnavailable::OutOfRange {
                        field: "FrameDuration",
                        found: frame.duration.to_string(),
                        expected: "above 0 s",
                    })?;
                let reference = DecayReference::FrameToInjection;
                Ok(Self { reference, time: Seconds(0.0), image_factor, dose_factor: 1.0 })
            }
        }
    }
}

fn finite_time(time: Option<Seconds>, field: &'static str) -> Result<Seconds, SuvUnavailable> {
    let time = time.ok_or(SuvUnavailable::Missing { field, expected: "seconds from TimeZero" })?;
    if time.0.is_finite() {
        return Ok(time);
    }
    Err(SuvUnavailable::OutOfRange { field, found: time.to_string(), expected: "seconds from TimeZero" })
}

/// METHOD: a time of half a day or more between injection and reference is a midnight or a date gone wrong; for C-11
/// it would change SUV by a factor of 10^10, so there is no number rather than that one.
fn believable(interval: f64, field: &'static str, settings: &Settings) -> Result<Seconds, SuvUnavailable> {
    if interval.abs() <= settings.longest_interval_s {
        return Ok(Seconds(interval));
    }
    Err(SuvUnavailable::OutOfRange {
        field,
        found: format!("{interval} s after InjectionStart"),
        expected: "a time within longest_interval_s of the injection (midnight?)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::PetFrame;
    use crate::clinical::Sex;
    use crate::settings::default_section;

    type Edit = fn(&mut PetAcquisition);

    fn settings() -> Settings {
        default_section("pet")
    }

    /// A static image, decay-corrected to its start.
    fn acquisition(weight: f64, dose: f64, half_life: f64, decay_time: f64) -> PetAcquisition {
        let mut acquisition = PetAcquisition::unknown();
        acquisition.units = Some(PetUnits::BecquerelsPerMilliliter);
        acquisition.body.weight = Some(Kilograms(weight));
        acquisition.injected = Some(Becquerels(dose));
        acquisition.half_life = Some(Seconds(half_life));
        acquisition.injection_start = Some(Seconds(0.0));
        acquisition.scan_start = Some(Seconds(decay_time));
        acquisition.decay_corrected = Some(true);
        acquisition.decay_correction_time = Some(Seconds(decay_time));
        acquisition
    }

    fn sts_001() -> PetAcquisition {
        let mut acquisition = acquisition(71.0, 388_777_472.0, 6588.0, 2711.0);
        acquisition.body.height = Some(Meters(1.63));
        acquisition.body.sex = Some(Sex::Male);
        acquisition
    }

    fn factor(acquisition: &PetAcquisition, kind: SuvKind) -> f64 {
        SuvScale::new(acquisition, kind, &settings()).unwrap().factor
    }

    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        assert!((found / expected - 1.0).abs() < tolerance, "found {found}, expected {expected}");
    }

    #[test]
    fn six_vendor_headers_give_their_known_factors() {
        // calculate-suv (MIT), ground truth by FIJI and a PET/CT workstation: weight, dose, half-life, decay time, factor.
        for [weight, dose, half_life, time, expected] in [
            [64.0, 126_000_000.0, 6_586.199_707, 3_657.0, 0.000_746_374_701_388_948_8],
            [67.0, 374_000_000.0, 6_586.2, 8_264.0, 0.000_427_483_161_871_972_36],
            [52.0, 152_022_720.0, 6_586.200_195_312_5, 4_281.0, 0.000_536_738_768_181_974_2],
            [65.0, 225_000_000.0, 6_586.2, 3_254.999_995, 0.000_406_915_685_400_933_2],
            [69.0, 388_000_000.0, 6_586.2, 3_791.234, 0.000_265_033_127_641_570_46],
            [102.0, 412_000_000.0, 6_586.2, 3_871.843, 0.000_372_108_920_281_872_9],
        ] {
            assert_close(factor(&acquisition(weight, dose, half_life, time), SuvKind::BodyWeight), expected, 1e-11);
        }
    }

    #[test]
    fn sts_001_in_all_five_normalizations() {
        // SUVmax by an independent program (MIRP 2.7.0) from the DICOM files, in single precision.
        let maximum = 32_567.219;
        let acquisition = sts_001();
        assert_close(factor(&acquisition, SuvKind::BodyWeight), 2.429_029_766_148_455e-4, 1e-11);
        for (kind, expected) in [
            (SuvKind::BodyWeight, 7.910_674_6),
            (SuvKind::James, 5.995_873_9),
            (SuvKind::LeanBodyMass, 5.889_103_9),
            (SuvKind::IdealBodyWeight, 6.647_194_9),
            (SuvKind::BodySurfaceArea, 1.967_624_9),
        ] {
            assert_close(maximum * factor(&acquisition, kind), expected, 1e-7);
        }
    }

    #[test]
    fn contradictions_of_time_nuclide_and_height_give_no_number() {
        let refused = |edit: Edit, kind| {
            let mut acquisition = sts_001();
            edit(&mut acquisition);
            SuvScale::new(&acquisition, kind, &settings()).unwrap_err().to_string()
        };
        let before = refused(|pet| pet.decay_correction_time = Some(Seconds(-600.0)), SuvKind::BodyWeight);
        assert!(before.contains("ImageDecayCorrectionTime") && before.contains("before InjectionStart"), "{before}");
        let nuclide = refused(
            |pet| {
                pet.half_life = None;
                pet.radionuclide = Some("F18".into());
                pet.tracer = Some(crate::clinical::Tracer::Met);
            },
            SuvKind::BodyWeight,
        );
        assert!(nuclide.contains("TracerRadionuclide is F-18, with the tracer MET"), "{nuclide}");
        for height in [0.185, 18.5] {
            let mut short = sts_001();
            short.body.height = Some(Meters(height));
            assert!(SuvScale::new(&short, SuvKind::LeanBodyMass, &settings()).is_err(), "{height}");
            assert!(SuvScale::new(&short, SuvKind::BodyWeight, &settings()).is_ok(), "not needed for body weight");
        }
        // Rounding of a second or two around the injection is no contradiction.
        let mut rounded = sts_001();
        rounded.decay_correction_time = Some(Seconds(-2.0));
        assert!(SuvScale::new(&rounded, SuvKind::BodyWeight, &settings()).is_ok());
    }

    #[test]
    fn admin_mode_takes_the_dose_undecayed() {
        let mut acquisition = sts_001();
        acquisition.decay_correction_time = Some(Seconds(0.0));
        let scale = SuvScale::new(&acquisition, SuvKind::BodyWeight, &settings()).unwrap();
        assert_eq!(scale.decay_reference, Some(DecayReference::Injection));
        assert_close(scale.factor, 71_000.0 / 388_777_472.0, 1e-15);
    }

    #[test]
    fn start_mode_is_recognized_and_only_the_difference_of_times_counts() {
        let start = SuvScale::new(&sts_001(), SuvKind::BodyWeight, &settings()).unwrap();
        assert_eq!(start.decay_reference, Some(DecayReference::ScanStart));
        let mut shifted = sts_001();
        for time in [&mut shifted.injection_start, &mut shifted.scan_start, &mut shifted.decay_correction_time] {
            *time = time.map(|seconds| Seconds(seconds.0 + 38_100.0));
        }
        assert_close(factor(&shifted, SuvKind::BodyWeight), start.factor, 1e-14);
    }

    #[test]
    fn a_frame_without_decay_correction_is_brought_to_injection() {
        // A constant activity of 1 Bq/mL at injection, seen by a frame from 2711 s to 4169 s with F-18.
        let lambda = std::f64::consts::LN_2 / 6588.0;
        let mean = ((-lambda * 2711.0).exp() - (-lambda * 4169.0).exp()) / (lambda * 1458.0);
        let mut acquisition = sts_001();
        acquisition.decay_corrected = Some(false);
        acquisition.frames = vec![PetFrame { start: Seconds(2711.0), duration: Seconds(1458.0) }];
        assert_close(mean * factor(&acquisition, SuvKind::BodyWeight), 71_000.0 / 388_777_472.0, 1e-12);
    }

    #[test]
    fn kilobecquerels_are_a_thousand_becquerels() {
        let becquerels = sts_001();
        let mut kilo = becquerels.clone();
        kilo.units = Some(PetUnits::KilobecquerelsPerMilliliter);
        assert_eq!(factor(&kilo, SuvKind::BodyWeight), 1e3 * factor(&becquerels, SuvKind::BodyWeight));
    }

    #[test]
    fn an_image_in_suv_needs_no_dose_and_changes_its_body_measure() {
        let mut acquisition = PetAcquisition::unknown();
        acquisition.units = Some(PetUnits::SuvBodyWeight);
        assert_eq!(factor(&acquisition, SuvKind::BodyWeight), 1.0);
        assert!(SuvScale::new(&acquisition, SuvKind::LeanBodyMass, &settings()).is_err());
        acquisition.body = sts_001().body;
        let ratio = factor(&sts_001(), SuvKind::James) / factor(&sts_001(), SuvKind::BodyWeight);
        assert_close(factor(&acquisition, SuvKind::James), ratio, 1e-14);
    }

    #[test]
    fn each_missing_field_is_named() {
        let remove: [(&str, Edit); 8] = [
            ("Units", |a| a.units = None),
            ("weight", |a| a.body.weight = None),
            ("InjectedRadioactivity", |a| a.injected = None),
            ("RadionuclideHalfLife", |a| a.half_life = None),
            ("InjectionStart", |a| a.injection_start = None),
            ("ImageDecayCorrected", |a| a.decay_corrected = None),
            ("ImageDecayCorrectionTime", |a| a.decay_correction_time = None),
            ("FrameTimesStart", |a| a.decay_corrected = Some(false)),
        ];
        for (field, remove) in remove {
            let mut acquisition = sts_001();
            remove(&mut acquisition);
            let error = SuvScale::new(&acquisition, SuvKind::BodyWeight, &settings()).unwrap_err();
            assert!(
                matches!(error, SuvUnavailable::Missing { field: found, .. } if found == field),
                "{field}: {error}"
            );
        }
    }

    #[test]
    fn impossible_values_give_no_number() {
        let spoil: [(&str, Edit); 5] = [
            ("weight", |a| a.body.weight = Some(Kilograms(0.0))),
            ("InjectedRadioactivity", |a| a.injected = Some(Becquerels(f64::NAN))),
            ("RadionuclideHalfLife", |a| a.half_life = Some(Seconds(-1.0))),
            ("InjectionStart", |a| a.injection_start = Some(Seconds(f64::INFINITY))),
            ("ImageDecayCorrectionTime", |a| a.decay_correction_time = Some(Seconds(86_400.0))),
        ];
        for (field, spoil) in spoil {
            let mut acquisition = sts_001();
            spoil(&mut acquisition);
            let error = SuvScale::new(&acquisition, SuvKind::BodyWeight, &settings()).unwrap_err();
            assert!(
                matches!(error, SuvUnavailable::OutOfRange { field: found, .. } if found == field),
                "{field}: {error}"
            );
        }
    }

    #[test]
    fn james_is_refused_where_it_turns_negative_and_lbm_where_sex_is_other() {
        let mut acquisition = sts_001();
        acquisition.body.weight = Some(Kilograms(250.0));
        assert!(SuvScale::new(&acquisition, SuvKind::James, &settings()).is_err());
        assert!(SuvScale::new(&acquisition, SuvKind::LeanBodyMass, &settings()).is_ok());
        acquisition.body.sex = Some(Sex::Other);
        assert!(SuvScale::new(&acquisition, SuvKind::LeanBodyMass, &settings()).is_err());
        assert!(SuvScale::new(&acquisition, SuvKind::BodySurfaceArea, &settings()).is_ok());
    }
}
