//! Timing checks: what a PET sidecar says of its own frames and times, and where it contradicts itself.
//!
//! BIDS 1.10 (PET): `FrameTimesStart`, `InjectionStart`, `ScanStart` and `ImageDecayCorrectionTime` count in seconds
//! from `TimeZero`; converters are known to leave them at 0, to write end times as durations and to shift `TimeZero`.

use super::decay::{HalfLife, HalfLifeSource, Radionuclide, frame_factor};
use super::settings::Settings;
use crate::acquisition::{PetAcquisition, PetFrame};
use crate::quality::{Caveat, CaveatCode};
use crate::units::Seconds;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Interval between injection and a static scan, s, that counts as none.
const NO_UPTAKE_TIME: f64 = 1.0;

/// Every doubt about times, dose and weight of an image of `image_frames` frames.
pub fn check(acquisition: &PetAcquisition, image_frames: usize, settings: &Settings) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    caveats.extend(frame_count(&acquisition.frames, image_frames));
    caveats.extend(frame_times(&acquisition.frames));
    caveats.extend(overlap(&acquisition.frames, settings));
    let uptake = if image_frames == 1 { uptake_time(acquisition) } else { None };
    // One contradiction is told once.
    caveats.extend(uptake.or_else(|| before_scan(acquisition, settings)));
    caveats.extend(nuclide_of_tracer(acquisition));
    caveats.extend(half_life(acquisition, settings));
    caveats.extend(decay_factors(acquisition, settings));
    caveats.extend(midnight(acquisition, settings));
    caveats.extend(dose_and_weight(acquisition, settings));
    caveats
}

fn frame_count(frames: &[PetFrame], image_frames: usize) -> Option<Caveat> {
    let described = frames.len();
    (described != 0 && described != image_frames).then(|| {
        let detail = format!("FrameTimesStart describes {described} frames, the image holds {image_frames}");
        Caveat::new(CaveatCode::FrameCountMismatch, detail)
    })
}

/// Whether start times increase and durations are positive: without that no frame has a place in time.
pub fn frames_are_ordered(frames: &[PetFrame]) -> bool {
    let placed =
        frames.iter().all(|frame| frame.start.0.is_finite() && frame.duration.0 > 0.0 && frame.duration.0.is_finite());
    placed && frames.is_sorted_by(|a, b| a.start < b.start)
}

fn frame_times(frames: &[PetFrame]) -> Option<Caveat> {
    let invalid = |detail| Some(Caveat::new(CaveatCode::FrameTimesInvalid, detail));
    for (i, frame) in frames.iter().enumerate() {
        if !(frame.start.0.is_finite() && frame.duration.0 > 0.0 && frame.duration.0.is_finite()) {
            return invalid(format!(
                "frame {} has FrameTimesStart {} and FrameDuration {}",
                i + 1,
                frame.start,
                frame.duration
            ));
        }
    }
    frames.windows(2).position(|pair| pair[1].start <= pair[0].start).and_then(|i| {
        let (a, b) = (frames[i].start, frames[i + 1].start);
        invalid(format!("FrameTimesStart goes from {a} to {b} at frame {}", i + 2))
    })
}

/// Frames that overlap: their durations, or their times, cannot be right.
pub fn overlap(frames: &[PetFrame], settings: &Settings) -> Option<Caveat> {
    let tolerance = settings.frame_overlap_tolerance_s;
    let end = |frame: &PetFrame| frame.start.0 + frame.duration.0;
    let first = frames.windows(2).position(|pair| end(&pair[0]) > pair[1].start.0 + tolerance)?;
    let end_times = frames.windows(2).all(|pair| (pair[0].duration.0 - pair[1].start.0).abs() <= tolerance);
    let hint = if end_times { "; every FrameDuration is the start of the next frame: it holds end times" } else { "" };
    let (found, next) = (end(&frames[first]), frames[first + 1].start);
    let detail =
        format!("FrameDuration lets frame {} end at {found} s, frame {} starts at {next}{hint}", first + 1, first + 2);
    Some(Caveat::new(CaveatCode::FramesOverlap, detail))
}

/// A first frame that starts before the scan: both count from `TimeZero`, so one of them counts from something else.
/// (Later than the scan it may well start: frames can be left out.)
pub fn before_scan(acquisition: &PetAcquisition, settings: &Settings) -> Option<Caveat> {
    let (first, scan) = (acquisition.frames.first()?.start, acquisition.scan_start?);
    (first.0 < scan.0 - settings.scan_start_tolerance_s).then(|| {
        let detail = format!("FrameTimesStart begins at {first}, before ScanStart {scan}: it may count from the scan");
        Caveat::new(CaveatCode::FrameTimesInvalid, detail)
    })
}

/// A tracer that is not made with the radionuclide that is named.
fn nuclide_of_tracer(acquisition: &PetAcquisition) -> Option<Caveat> {
    let expected = Radionuclide::of_tracer(acquisition.tracer.as_ref()?)?;
    let named = Radionuclide::from_name(acquisition.radionuclide.as_deref()?)?;
    (named != expected).then(|| {
        let tracer = acquisition.tracer.as_ref().map_or("", crate::clinical::Tracer::as_str);
        let detail = format!("TracerRadionuclide is {named}, {tracer} is made with {expected}");
        Caveat::new(CaveatCode::NuclideNotOfTracer, detail)
    })
}

fn half_life(acquisition: &PetAcquisition, settings: &Settings) -> Option<Caveat> {
    let used = HalfLife::of(acquisition, settings).ok()?;
    let nuclide = Radionuclide::from_name(acquisition.radionuclide.as_deref()?)?;
    let table = nuclide.half_life(settings);
    let differs = (used.seconds.0 / table.0 - 1.0).abs() > settings.half_life_tolerance;
    (used.source == HalfLifeSource::Header && differs).then(|| {
        let detail = format!("RadionuclideHalfLife is {}, {nuclide} has {table}", used.seconds);
        Caveat::new(CaveatCode::HalfLifeMismatch, detail)
    })
}

/// The shift of time that a decay correction factor implies against its frame: `ln(given / expected) / λ`.
///
/// `frame_start` counts from `ImageDecayCorrectionTime`. `None` where a value cannot be a factor.
pub fn implied_shift(half_life: &HalfLife, given: f64, frame_start: Seconds, duration: Seconds) -> Option<Seconds> {
    let expected = frame_factor(half_life.decay_constant(), frame_start, duration)?;
    let shift = (given / expected).ln() / half_life.decay_constant();
    shift.is_finite().then_some(Seconds(shift))
}

fn decay_factors(acquisition: &PetAcquisition, settings: &Settings) -> Option<Caveat> {
    let given = &acquisition.decay_correction_factors;
    let mismatch = |detail| Some(Caveat::new(CaveatCode::DecayFactorMismatch, detail));
    if given.is_empty() || acquisition.frames.is_empty() {
        return None;
    }
    if given.len() != acquisition.frames.len() {
        let (factors, frames) = (given.len(), acquisition.frames.len());
        return mismatch(format!("DecayCorrectionFactor has {factors} values for {frames} frames"));
    }
    if acquisition.decay_corrected == Some(false) {
        let applied = given.iter().find(|&&factor| factor != 1.0)?;
        return mismatch(format!("ImageDecayCorrected is false and DecayCorrectionFactor holds {applied}"));
    }
    let reference = acquisition.decay_correction_time?;
    let half_life = HalfLife::of(acquisition, settings).ok()?;
    let mut worst = Seconds(0.0);
    for (i, (frame, &factor)) in acquisition.frames.iter().zip(given).enumerate() {
        let start = Seconds(frame.start.0 - reference.0);
        let Some(shift) = implied_shift(&half_life, factor, start, frame.duration) else {
            return mismatch(format!("DecayCorrectionFactor of frame {} is {factor}", i + 1));
        };
        if shift.0.abs() > worst.0.abs() {
            worst = shift;
        }
    }
    if worst.0.abs() <= settings.decay_shift_limit_s {
        return None;
    }
    mismatch(format!(
        "DecayCorrectionFactor implies that TimeZero or ImageDecayCorrectionTime is {worst:.0} off, limit {} s",
        settings.decay_shift_limit_s
    ))
}

/// Start of the scan after injection: of the first frame where there are frames, else `ScanStart`.
pub fn uptake_interval(acquisition: &PetAcquisition) -> Option<Seconds> {
    let start = acquisition.frames.first().map(|frame| frame.start).or(acquisition.scan_start)?;
    let interval = start.0 - acquisition.injection_start?.0;
    interval.is_finite().then_some(Seconds(interval))
}

fn uptake_time(acquisition: &PetAcquisition) -> Option<Caveat> {
    let interval = uptake_interval(acquisition)?;
    if interval.0.abs() <= NO_UPTAKE_TIME {
        let field = if acquisition.frames.is_empty() { "ScanStart" } else { "FrameTimesStart" };
        let scan = acquisition.scan_start.map_or_else(|| "missing".to_owned(), |start| start.to_string());
        let detail = format!("{field} and InjectionStart are {interval} apart in a static scan; ScanStart is {scan}");
        return Some(Caveat::new(CaveatCode::UptakeTimeZero, detail));
    }
    (interval.0 < 0.0).then(|| {
        let detail = format!("the static scan starts {} before InjectionStart", Seconds(-interval.0));
        Caveat::new(CaveatCode::MidnightCrossed, detail)
    })
}

fn midnight(acquisition: &PetAcquisition, settings: &Settings) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let injection = acquisition.injection_start;
    let first = acquisition.frames.first().map(|frame| frame.start);
    let last = acquisition.frames.last().map(|frame| Seconds(frame.start.0 + frame.duration.0));
    let times = [
        ("InjectionStart", injection),
        ("ScanStart", acquisition.scan_start),
        ("ImageDecayCorrectionTime", acquisition.decay_correction_time),
        ("FrameTimesStart", first),
    ];
    for (field, time) in times {
        let (Some(time), Some(injection)) = (time, injection) else { continue };
        let interval = time.0 - injection.0;
        if interval.abs() > settings.longest_interval_s {
            let detail = format!("{field} lies {interval} s after InjectionStart");
            caveats.push(Caveat::new(CaveatCode::MidnightCrossed, detail));
        }
    }
    if let Some(time_zero) = acquisition.time_zero {
        for (field, time) in times.into_iter().chain([("the last frame's end", last)]) {
            let Some(time) = time else { continue };
            let clock = time_zero.0 + time.0;
            if !(0.0..DAY).contains(&clock) {
                let detail = format!("TimeZero plus {field} is {clock} s, outside its day");
                caveats.push(Caveat::new(CaveatCode::MidnightCrossed, detail));
            }
        }
    }
    caveats
}

fn dose_and_weight(acquisition: &PetAcquisition, settings: &Settings) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let mut judge = |field: &str, value: Option<f64>, unit: &str, low: f64, high: f64| {
        let Some(value) = value else { return };
        if !(low..=high).contains(&value) {
            let detail = format!("{field} is {value} {unit}, expected {low} to {high} {unit}");
            caveats.push(Caveat::new(CaveatCode::DoseOrWeightImplausible, detail));
        }
    };
    let dose = acquisition.injected.map(|dose| dose.0 / 1e6);
    judge("InjectedRadioactivity", dose, "MBq", settings.dose_lowest_mbq, settings.dose_highest_mbq);
    let weight = acquisition.body.weight.map(|weight| weight.0);
    judge("weight", weight, "kg", settings.weight_lowest_kg, settings.weight_highest_kg);
    let height = acquisition.body.height.map(|height| height.0);
    judge("height", height, "m", settings.height_lowest_m, settings.height_highest_m);
    caveats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::Tracer;
    use crate::settings::default_section;
    use crate::units::{Becquerels, Kilograms, Meters};

    fn settings() -> Settings {
        default_section("pet")
    }

    fn frames(starts: &[f64], durations: &[f64]) -> Vec<PetFrame> {
        let pair = |(&start, &duration)| PetFrame { start: Seconds(start), duration: Seconds(duration) };
        starts.iter().zip(durations).map(pair).collect()
    }

    /// A static F-18 scan, 60 min after injection at noon.
    fn sound() -> PetAcquisition {
        let mut acquisition = PetAcquisition::unknown();
        acquisition.radionuclide = Some("F18".into());
        acquisition.injected = Some(Becquerels::from_megabecquerels(200.0));
        acquisition.body.weight = Some(Kilograms(70.0));
        acquisition.time_zero = Some(Seconds(43_200.0));
        acquisition.injection_start = Some(Seconds(0.0));
        acquisition.scan_start = Some(Seconds(3600.0));
        acquisition.decay_corrected = Some(true);
        acquisition.decay_correction_time = Some(Seconds(3600.0));
        acquisition.frames = frames(&[3600.0], &[600.0]);
        acquisition
    }

    fn codes(acquisition: &PetAcquisition, image_frames: usize) -> Vec<CaveatCode> {
        check(acquisition, image_frames, &settings()).into_iter().map(|caveat| caveat.code).collect()
    }

    #[test]
    fn a_sound_sidecar_raises_nothing() {
        assert_eq!(check(&sound(), 1, &settings()), []);
        assert_eq!(check(&PetAcquisition::unknown(), 1, &settings()), []);
    }

    #[test]
    fn frames_are_counted_against_the_image() {
        assert_eq!(codes(&sound(), 2), [CaveatCode::FrameCountMismatch]);
    }

    #[test]
    fn start_times_that_do_not_increase_and_durations_of_zero_are_named() {
        let mut acquisition = sound();
        acquisition.scan_start = Some(Seconds(0.0));
        acquisition.frames = frames(&[0.0, 120.0, 60.0], &[30.0, 30.0, 30.0]);
        assert!(codes(&acquisition, 3).contains(&CaveatCode::FrameTimesInvalid));
        assert!(!frames_are_ordered(&acquisition.frames));
        acquisition.frames = frames(&[0.0, 60.0], &[60.0, 0.0]);
        assert_eq!(codes(&acquisition, 2), [CaveatCode::FrameTimesInvalid]);
    }

    #[test]
    fn durations_that_hold_end_times_are_recognized() {
        let mut acquisition = sound();
        acquisition.scan_start = Some(Seconds(0.0));
        acquisition.frames = frames(&[0.0, 60.0, 120.0], &[60.0, 120.0, 180.0]);
        let caveats = check(&acquisition, 3, &settings());
        assert_eq!(caveats.len(), 1);
        assert_eq!(caveats[0].code, CaveatCode::FramesOverlap);
        assert!(caveats[0].detail.contains("end times"), "{}", caveats[0]);
        // Rounding of half a second is not an overlap.
        acquisition.frames = frames(&[0.0, 60.0, 120.0], &[60.5, 60.5, 60.5]);
        assert_eq!(codes(&acquisition, 3), []);
    }

    #[test]
    fn carbon_11_factors_of_a_siemens_scanner_agree_within_the_limit() {
        // bids-examples pet005 (CC0): best fit half-life 1223.0 s; the table's 1221.8 s
        // shifts the last frame by 7 s.
        let mut acquisition = sound();
        acquisition.radionuclide = Some("C11".into());
        acquisition.scan_start = Some(Seconds(0.0));
        acquisition.decay_correction_time = Some(Seconds(0.0));
        acquisition.frames = frames(&[0.0, 600.0, 2160.0, 6660.0], &[10.0, 120.0, 300.0, 600.0]);
        acquisition.decay_correction_factors = vec![1.00284, 1.45335, 3.69881, 51.4101];
        assert_eq!(codes(&acquisition, 4), []);
    }

    #[test]
    fn a_time_zero_that_is_40_s_off_is_revealed_and_20_s_is_not() {
        let lambda = std::f64::consts::LN_2 / 6586.2;
        for (shift, expected) in [
            (40.0, vec![CaveatCode::DecayFactorMismatch]),
            (-40.0, vec![CaveatCode::DecayFactorMismatch]),
            (20.0, vec![]),
        ] {
            let mut acquisition = sound();
            let factor = frame_factor(lambda, Seconds(shift), Seconds(600.0)).unwrap();
            acquisition.decay_correction_factors = vec![factor];
            assert_eq!(codes(&acquisition, 1), expected, "shift of {shift} s");
        }
    }

    #[test]
    fn the_implied_shift_is_the_shift_that_was_made() {
        let half_life = HalfLife { seconds: Seconds(6586.2), source: HalfLifeSource::Header };
        let given = frame_factor(half_life.decay_constant(), Seconds(100.0 + 37.0), Seconds(300.0)).unwrap();
        let shift = implied_shift(&half_life, given, Seconds(100.0), Seconds(300.0)).unwrap();
        assert!((shift.0 - 37.0).abs() < 1e-9, "{shift}");
    }

    #[test]
    fn factors_of_an_uncorrected_image_must_be_one() {
        let mut acquisition = sound();
        acquisition.decay_corrected = Some(false);
        acquisition.decay_correction_factors = vec![1.0];
        assert_eq!(codes(&acquisition, 1), []);
        acquisition.decay_correction_factors = vec![1.46];
        assert_eq!(codes(&acquisition, 1), [CaveatCode::DecayFactorMismatch]);
    }

    #[test]
    fn a_static_scan_without_uptake_time_is_suspicious_and_a_dynamic_one_is_not() {
        let mut acquisition = sound();
        acquisition.frames = frames(&[0.0], &[600.0]);
        assert_eq!(codes(&acquisition, 1), [CaveatCode::UptakeTimeZero]);
        acquisition.scan_start = Some(Seconds(0.0));
        acquisition.frames = frames(&[0.0, 600.0], &[600.0, 600.0]);
        assert_eq!(codes(&acquisition, 2), []);
    }

    #[test]
    fn frames_that_begin_before_the_scan_count_from_something_else_and_later_ones_were_cut() {
        let mut acquisition = sound();
        acquisition.scan_start = Some(Seconds(1200.0));
        acquisition.frames = frames(&[0.0, 600.0], &[600.0, 600.0]);
        assert_eq!(codes(&acquisition, 2), [CaveatCode::FrameTimesInvalid]);
        acquisition.frames = frames(&[2400.0, 3000.0], &[600.0, 600.0]);
        assert_eq!(codes(&acquisition, 2), []);
        acquisition.frames = frames(&[1150.0, 1750.0], &[600.0, 600.0]);
        assert_eq!(codes(&acquisition, 2), [], "within the tolerance");
    }

    #[test]
    fn a_tracer_with_another_radionuclide_and_a_height_in_decimeters_are_named() {
        let mut acquisition = sound();
        acquisition.tracer = Some(Tracer::Met);
        assert_eq!(codes(&acquisition, 1), [CaveatCode::NuclideNotOfTracer]);
        acquisition.tracer = Some(Tracer::Fet);
        assert_eq!(codes(&acquisition, 1), []);
        acquisition.tracer = Some(Tracer::Other("PSMA".into()));
        assert_eq!(codes(&acquisition, 1), [], "made with several");
        acquisition.body.height = Some(Meters(0.185));
        assert_eq!(codes(&acquisition, 1), [CaveatCode::DoseOrWeightImplausible]);
    }

    #[test]
    fn midnight_and_time_running_backwards_are_named() {
        let mut late = sound();
        late.time_zero = Some(Seconds(84_000.0));
        assert!(codes(&late, 1).iter().all(|&code| code == CaveatCode::MidnightCrossed));
        assert!(!codes(&late, 1).is_empty());
        let mut backwards = sound();
        backwards.injection_start = Some(Seconds(7200.0));
        assert_eq!(codes(&backwards, 1), [CaveatCode::MidnightCrossed]);
        let mut yesterday = sound();
        yesterday.time_zero = None;
        yesterday.injection_start = Some(Seconds(-82_800.0));
        assert!(codes(&yesterday, 1).contains(&CaveatCode::MidnightCrossed));
    }

    #[test]
    fn a_dose_in_the_wrong_unit_and_a_weight_in_grams_are_implausible() {
        let mut acquisition = sound();
        acquisition.injected = Some(Becquerels(200.0));
        acquisition.body.weight = Some(Kilograms(70_000.0));
        assert_eq!(codes(&acquisition, 1), [CaveatCode::DoseOrWeightImplausible; 2]);
    }

    #[test]
    fn a_half_life_in_minutes_is_named_and_a_vendors_own_is_not() {
        let mut acquisition = sound();
        acquisition.half_life = Some(Seconds(109.77));
        assert_eq!(codes(&acquisition, 1), [CaveatCode::HalfLifeMismatch]);
        acquisition.half_life = Some(Seconds(6588.0));
        assert_eq!(codes(&acquisition, 1), []);
    }
}
