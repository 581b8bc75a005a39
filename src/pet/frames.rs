//! From the frames of a dynamic image to its static window and its time-activity curves, one frame at a time.
//!
//! The static image is the mean of the decay-corrected frames in the window, weighted by their duration. Memory holds
//! one sum and never the series.

use super::decay::{HalfLife, factor_to_injection};
use super::dynamic::TimeActivity;
use super::settings::Settings;
use super::timing;
use crate::acquisition::{PetAcquisition, PetFrame};
use crate::clinical::Tracer;
use crate::image::{Grid, Mask, SpaceDifference, Volume};
use crate::quality::{Caveat, CaveatCode, Check, Quality};
use crate::units::Seconds;

/// Takes the frames of an image in turn.
#[derive(Debug, Clone)]
pub struct FrameReduction {
    grid: Grid,
    acquisition: PetAcquisition,
    /// Weight and decay factor of each frame in the static mean; 0 outside the window.
    weights: Vec<f64>,
    /// Decay factor of each frame.
    factors: Vec<f64>,
    sums: Vec<f64>,
    regions: Vec<Vec<usize>>,
    /// Middle of each frame, minutes after injection; `None` where the frames have no place in time.
    minutes: Option<Vec<f64>>,
    curves: Vec<Vec<f64>>,
    caveats: Vec<Caveat>,
    check: Check,
}

/// The static window of a dynamic image, and the curves of its regions.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticImage {
    /// Mean over the window.
    pub volume: Volume,
    /// The acquisition of that mean: one frame.
    pub acquisition: PetAcquisition,
    /// One curve per region, in the order given, in the unit of the image, decay-corrected; empty where the frames
    /// have no place in time, or their decay cannot be corrected.
    pub curves: Vec<TimeActivity>,
    /// Doubts about the frames.
    pub caveats: Vec<Caveat>,
    /// Whether the static window was found among the frames; empty for an image that is static already.
    pub checks: Vec<Check>,
}

impl StaticImage {
    /// An image without time frames.
    pub fn of_static(volume: Volume, acquisition: PetAcquisition) -> Self {
        Self { volume, acquisition, curves: Vec::new(), caveats: Vec::new(), checks: Vec::new() }
    }
}

impl FrameReduction {
    /// Prepares for `image_frames` frames on a grid; `regions` stand on the same grid.
    pub fn new(
        grid: Grid,
        image_frames: usize,
        acquisition: &PetAcquisition,
        regions: &[&Mask],
        settings: &Settings,
    ) -> Result<Self, SpaceDifference> {
        for region in regions {
            grid.same_space(&region.grid)?;
        }
        let mut caveats = timing::check(acquisition, image_frames, settings);
        let frames = &acquisition.frames;
        let placed = minutes(acquisition, image_frames, settings);
        let factors = placed.is_ok().then(|| decay_factors(acquisition, settings)).transpose();
        if let Err(reason) = &factors {
            caveats.push(Caveat::new(CaveatCode::CurvesNotCorrected, reason.as_str()));
        }
        let factors = factors.ok().flatten();
        let window = placed.as_ref().map_err(Clone::clone).and_then(|minutes| in_window(minutes, settings));
        let check = match (&window, &placed) {
            (Ok(inside), Ok(minutes)) => window_check(acquisition, minutes, inside, settings, &mut caveats),
            (Err(reason), _) | (_, Err(reason)) => {
                caveats.push(Caveat::new(CaveatCode::StaticWindowNotPlaced, reason.as_str()));
                not_placed(reason, settings)
            }
        };
        let inside = window.clone().unwrap_or_else(|_| vec![true; image_frames]);
        let duration = |i: usize| if placed.is_ok() { frames[i].duration.0 } else { 1.0 };
        let total: f64 = (0..image_frames).filter(|&i| inside[i]).map(duration).sum();
        let reduced = reduced_acquisition(acquisition, window.ok().as_deref(), factors.is_some());
        let repeated = timing::check(&reduced, 1, settings);
        caveats.retain(|caveat| !repeated.contains(caveat));
        // A curve whose decay is not corrected falls by itself: it is no curve of uptake.
        let weight_of = |i: usize| if inside[i] { duration(i) / total } else { 0.0 };
        let weights: Vec<f64> = (0..image_frames).map(weight_of).collect();
        // A curve whose decay is not corrected falls by itself: it is no curve of uptake.
        let minutes = placed.ok().filter(|_| factors.is_some());
        let factors = factors.unwrap_or_else(|| vec![1.0; image_frames]);
        Ok(Self {
            grid,
            acquisition: reduced,
            weights: weights.iter().zip(&factors).map(|(weight, factor)| weight * factor).collect(),
            check,
            factors,
            sums: vec![0.0; grid.len()],
            regions: regions.iter().map(|region| region.indices().collect()).collect(),
            minutes,
            curves: vec![Vec::with_capacity(image_frames); regions.len()],
            caveats,
        })
    }

    /// Leaves the static image out: only the curves are taken.
    #[must_use]
    pub fn curves_only(mut self) -> Self {
        self.weights.fill(0.0);
        self.sums = Vec::new();
        self
    }

    /// Takes frame number `frame` (from 0, in order).
    ///
    /// # Panics
    /// When the frame stands on another grid or is beyond the number of frames.
    pub fn add(&mut self, frame: usize, values: &Volume) {
        assert_eq!(values.data.len(), self.grid.len(), "a frame has the grid of the image");
        let weight = self.weights[frame];
        if weight != 0.0 {
            for (sum, &value) in self.sums.iter_mut().zip(&values.data) {
                *sum += weight * f64::from(value);
            }
        }
        for (region, curve) in self.regions.iter().zip(&mut self.curves) {
            let (mut sum, mut count) = (0.0, 0usize);
            for value in region.iter().map(|&index| f64::from(values.data[index])).filter(|value| value.is_finite()) {
                sum += value;
                count += 1;
            }
            // No value in the region: 0 / 0 is NaN, not estimated.
            curve.push(self.factors[frame] * sum / count as f64);
        }
    }

    /// The static image and the curves.
    pub fn finish(self) -> StaticImage {
        let curves = self.minutes.map_or_else(Vec::new, |minutes| {
            self.curves.into_iter().map(|values| TimeActivity { minutes: minutes.clone(), values }).collect()
        });
        StaticImage {
            volume: Volume { grid: self.grid, data: self.sums.into_iter().map(|sum| sum as f32).collect() },
            acquisition: self.acquisition,
            curves,
            caveats: self.caveats,
            checks: vec![self.check],
        }
    }
}

/// Middle of each frame, minutes after injection; in words where the frames have no place in time.
///
/// METHOD: where FrameTimesStart, FrameDuration, ScanStart and InjectionStart contradict each other, which of them is
/// right is not guessed: the frames have no place, and so neither a static window nor a curve.
fn minutes(acquisition: &PetAcquisition, image_frames: usize, settings: &Settings) -> Result<Vec<f64>, String> {
    let frames = &acquisition.frames;
    if frames.len() != image_frames || !timing::frames_are_ordered(frames) {
        return Err("FrameTimesStart and FrameDuration do not place the frames of the image".into());
    }
    if let Some(caveat) = timing::overlap(frames, settings).or_else(|| timing::before_scan(acquisition, settings)) {
        return Err(caveat.detail);
    }
    let Some(injection) = acquisition.injection_start else {
        return Err("InjectionStart is missing: expected seconds from TimeZero".into());
    };
    let far = |frame: &&PetFrame| (frame.start.0 - injection.0).abs() > settings.longest_interval_s;
    if let Some(frame) = frames.iter().find(far) {
        let interval = frame.start.0 - injection.0;
        return Err(format!("FrameTimesStart lies {interval} s after InjectionStart: milliseconds, or midnight?"));
    }
    let middle = |frame: &PetFrame| Seconds(frame.start.0 + frame.duration.0 / 2.0 - injection.0).minutes();
    Ok(frames.iter().map(middle).collect())
}

/// Which frames have their middle in the static window; in words where none has.
fn in_window(minutes: &[f64], settings: &Settings) -> Result<Vec<bool>, String> {
    let (start, end) = (settings.static_window_start_min, settings.static_window_end_min);
    let inside: Vec<bool> = minutes.iter().map(|minute| (start..=end).contains(minute)).collect();
    if inside.contains(&true) {
        return Ok(inside);
    }
    Err(format!("no frame has its middle {start} to {end} min after injection"))
}

/// METHOD: cut-offs refer to the window; the mean of other frames is another quantity, so it fails as a measurement.
fn not_placed(reason: &str, settings: &Settings) -> Check {
    Check {
        name: WINDOW.into(),
        found: format!("not found: {reason}; all frames were averaged"),
        limit: window_words(settings),
        quality: Quality::Fail,
        meaning: "Uptake and its ratio change over time: cut-offs hold for the window only.".into(),
    }
}

/// Name of the check.
const WINDOW: &str = "Static window";

fn window_words(settings: &Settings) -> String {
    format!("{} to {} min after injection", settings.static_window_start_min, settings.static_window_end_min)
}

/// How well the frames that are used fill the window.
fn window_check(
    acquisition: &PetAcquisition,
    minutes: &[f64],
    inside: &[bool],
    settings: &Settings,
    caveats: &mut Vec<Caveat>,
) -> Check {
    let window = [settings.static_window_start_min, settings.static_window_end_min];
    let (mut covered, mut total) = (0.0, 0.0);
    let used = acquisition.frames.iter().zip(minutes).zip(inside).filter(|(_, inside)| **inside);
    for ((frame, middle), _) in used {
        let half = frame.duration.minutes() / 2.0;
        covered += ((middle + half).min(window[1]) - (middle - half).max(window[0])).max(0.0);
        total += 2.0 * half;
    }
    let filled = covered / (window[1] - window[0]);
    let outside = 1.0 - covered / total;
    let least = settings.static_window_coverage;
    let partial = filled < least || outside > 1.0 - least;
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let found = format!("{} of it covered, {} of the time used lies outside it", percent(filled), percent(outside));
    if partial {
        caveats.push(Caveat::new(CaveatCode::StaticWindowDoubtful, found.as_str()));
    }
    let other = match &acquisition.tracer {
        Some(Tracer::Met | Tracer::Fet | Tracer::Fdopa) => None,
        Some(tracer) => Some(format!("the window is that of amino acids, the tracer is {tracer}")),
        None => Some("the window is that of amino acids, the tracer is not known".to_owned()),
    };
    let doubtful = partial || other.is_some();
    caveats.extend(other.map(|detail| Caveat::new(CaveatCode::StaticWindowDoubtful, detail)));
    Check {
        name: WINDOW.into(),
        found,
        limit: format!("{}, at least {} of it", window_words(settings), percent(least)),
        quality: if doubtful { Quality::Caution } else { Quality::Pass },
        meaning: "Uptake and its ratio change over time: cut-offs hold for the window only.".into(),
    }
}

/// The factor of each frame: to injection where the image is not decay-corrected and that can be mended, else 1. In
/// words where frames of different decay would be mixed.
fn decay_factors(acquisition: &PetAcquisition, settings: &Settings) -> Result<Vec<f64>, String> {
    match acquisition.decay_corrected {
        None => return Err("ImageDecayCorrected is missing: expected true or false".into()),
        Some(true) => return Ok(vec![1.0; acquisition.frames.len()]),
        Some(false) => {}
    }
    let half_life = HalfLife::of(acquisition, settings).map_err(|error| error.to_string())?;
    let factor = |&frame: &PetFrame| factor_to_injection(&half_life, frame, acquisition.injection_start?);
    let factors: Option<Vec<f64>> = acquisition.frames.iter().map(factor).collect();
    factors.ok_or_else(|| "FrameTimesStart and FrameDuration give no decay factor".into())
}

/// The acquisition of the mean over the window: one frame, brought to injection where it was not decay-corrected.
///
/// METHOD: where the decay of the frames could not be corrected their mean still gives TBR, since lesion and
/// background share the weights; it must not give SUV, so it keeps no frame to correct by.
fn reduced_acquisition(acquisition: &PetAcquisition, window: Option<&[bool]>, corrected: bool) -> PetAcquisition {
    let mut reduced = acquisition.clone();
    reduced.decay_correction_factors.clear();
    reduced.frames.clear();
    match window {
        Some(inside) if corrected => {
            let used = || acquisition.frames.iter().zip(inside).filter_map(|(frame, &inside)| inside.then_some(frame));
            if let (Some(first), Some(last)) = (used().next(), used().next_back()) {
                let duration = Seconds(last.start.0 + last.duration.0 - first.start.0);
                reduced.frames.push(PetFrame { start: first.start, duration });
            }
        }
        // Without a window the mean has no uptake time.
        _ => reduced.scan_start = None,
    }
    if corrected && acquisition.decay_corrected == Some(false) {
        reduced.decay_corrected = Some(true);
        reduced.decay_correction_time = acquisition.injection_start;
    }
    reduced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::PetUnits;
    use crate::image::Affine;
    use crate::pet::suv::{DecayReference, SuvKind, SuvScale, SuvUnavailable};
    use crate::settings::default_section;
    use crate::units::{Becquerels, Kilograms};

    const HALF_LIFE: f64 = 6586.2;

    /// Six frames of 600 s from injection; the default window holds the third and fourth.
    fn acquisition(decay_corrected: bool) -> PetAcquisition {
        let mut acquisition = PetAcquisition::unknown();
        acquisition.units = Some(PetUnits::BecquerelsPerMilliliter);
        acquisition.body.weight = Some(Kilograms(70.0));
        acquisition.injected = Some(Becquerels(2e8));
        acquisition.half_life = Some(Seconds(HALF_LIFE));
        acquisition.tracer = Some(Tracer::Fet);
        acquisition.injection_start = Some(Seconds(100.0));
        acquisition.scan_start = Some(Seconds(100.0));
        acquisition.decay_corrected = Some(decay_corrected);
        acquisition.decay_correction_time = decay_corrected.then_some(Seconds(100.0));
        let frame = |i| PetFrame { start: Seconds(100.0 + 600.0 * f64::from(i)), duration: Seconds(600.0) };
        acquisition.frames = (0..6).map(frame).collect();
        acquisition
    }

    fn grid() -> Grid {
        Grid::from_stored([2, 1, 1], Affine::diagonal([2.0; 3], [0.0; 3])).unwrap()
    }

    fn reduce(acquisition: &PetAcquisition, value: impl Fn(usize) -> [f32; 2]) -> StaticImage {
        let mut region = Mask::filled(grid(), false);
        region.data[1] = true;
        let mut reduction = FrameReduction::new(grid(), 6, acquisition, &[&region], &default_section("pet")).unwrap();
        for frame in 0..6 {
            reduction.add(frame, &Volume { grid: grid(), data: value(frame).to_vec() });
        }
        reduction.finish()
    }

    /// Mean activity in a frame of what was 1 at injection.
    fn decayed(frame: usize) -> f64 {
        let lambda = std::f64::consts::LN_2 / HALF_LIFE;
        let (start, end) = (600.0 * frame as f64, 600.0 * (frame as f64 + 1.0));
        ((-lambda * start).exp() - (-lambda * end).exp()) / (lambda * 600.0)
    }

    #[test]
    fn the_window_is_the_mean_of_its_frames() {
        let image = reduce(&acquisition(true), |frame| [frame as f32, 10.0 * frame as f32]);
        assert_eq!(image.volume.data, [2.5, 25.0]);
        assert_eq!(image.acquisition.frames, [PetFrame { start: Seconds(1300.0), duration: Seconds(1200.0) }]);
        assert_eq!(image.curves[0].minutes, [5.0, 15.0, 25.0, 35.0, 45.0, 55.0]);
        assert_eq!(image.curves[0].values, [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(image.caveats, []);
    }

    #[test]
    fn a_longer_frame_weighs_more() {
        let mut acquisition = acquisition(true);
        acquisition.frames[4].start = Seconds(3100.0);
        acquisition.frames[4].duration = Seconds(300.0);
        acquisition.frames[5].start = Seconds(3400.0);
        acquisition.frames[3].duration = Seconds(1200.0);
        acquisition.frames[3].start = Seconds(1900.0);
        // Middles at 25 and 40 min, durations 600 and 1200 s: (2 · 600 + 3 · 1200) / 1800.
        let image = reduce(&acquisition, |frame| [frame as f32, 0.0]);
        assert!((f64::from(image.volume.data[0]) - 8.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn uncorrected_frames_are_brought_to_injection_before_they_are_averaged() {
        let image = reduce(&acquisition(false), |frame| [(1e4 * decayed(frame)) as f32, (2e4 * decayed(frame)) as f32]);
        assert!((image.volume.data[0] / 1e4 - 1.0).abs() < 1e-6 && (image.volume.data[1] / 2e4 - 1.0).abs() < 1e-6);
        assert!(image.curves[0].values.iter().all(|value| (value / 2e4 - 1.0).abs() < 1e-6));
        let settings: Settings = default_section("pet");
        let scale = SuvScale::new(&image.acquisition, SuvKind::BodyWeight, &settings).unwrap();
        assert_eq!(scale.decay_reference, Some(DecayReference::Injection));
        assert!((scale.factor / (70_000.0 / 2e8) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn frames_that_cannot_be_corrected_give_no_suv() {
        let settings: Settings = default_section("pet");
        let mut acquisition = acquisition(false);
        acquisition.half_life = None;
        let image = reduce(&acquisition, |_| [1.0, 2.0]);
        assert_eq!(image.volume.data, [1.0, 2.0]);
        let error = SuvScale::new(&image.acquisition, SuvKind::BodyWeight, &settings).unwrap_err();
        assert!(matches!(error, SuvUnavailable::Missing { field: "RadionuclideHalfLife", .. }), "{error}");
    }

    #[test]
    fn frames_without_a_place_are_all_averaged_and_fail_as_a_measurement() {
        let edited = |edit: fn(&mut PetAcquisition)| {
            let mut acquisition = acquisition(true);
            edit(&mut acquisition);
            acquisition
        };
        let shifted = |acquisition: &mut PetAcquisition, by: f64| {
            acquisition.frames.iter_mut().for_each(|frame| frame.start.0 += by);
        };
        let mut late = acquisition(true);
        shifted(&mut late, 36_000.0);
        let end_times = edited(|acquisition| {
            acquisition.frames.iter_mut().for_each(|frame| frame.duration.0 += frame.start.0);
        });
        let milliseconds = edited(|acquisition| {
            for frame in &mut acquisition.frames {
                (frame.start.0, frame.duration.0) = (1e3 * frame.start.0, 1e3 * frame.duration.0);
            }
        });
        for (acquisition, word, curves) in [
            (edited(|acquisition| acquisition.frames.truncate(5)), "FrameTimesStart", 0),
            (edited(|acquisition| acquisition.injection_start = None), "InjectionStart", 0),
            (edited(|acquisition| acquisition.scan_start = Some(Seconds(1300.0))), "before ScanStart", 0),
            (end_times, "FrameDuration lets frame 1 end", 0),
            (milliseconds, "milliseconds", 0),
            (late, "no frame", 1),
        ] {
            let image = reduce(&acquisition, |frame| [frame as f32, 0.0]);
            let caveat = image.caveats.iter().find(|caveat| caveat.code == CaveatCode::StaticWindowNotPlaced).unwrap();
            assert!(caveat.detail.contains(word), "{caveat}");
            assert_eq!(image.curves.len(), curves, "{word}");
            assert_eq!(image.checks[0].quality, Quality::Fail, "{word}");
            assert!(image.checks[0].found.contains(word), "{word}: {}", image.checks[0].found);
        }
    }

    #[test]
    fn a_window_that_is_filled_in_part_or_is_not_the_tracers_is_a_caution() {
        let check = |edit: fn(&mut PetAcquisition)| {
            let mut acquisition = acquisition(true);
            edit(&mut acquisition);
            let image = reduce(&acquisition, |_| [1.0, 1.0]);
            let told = image.caveats.iter().any(|caveat| caveat.code == CaveatCode::StaticWindowDoubtful);
            let check = image.checks.into_iter().next().unwrap();
            assert_eq!(told, check.quality == Quality::Caution);
            check
        };
        assert_eq!(check(|_| ()).quality, Quality::Pass);
        // The window holds frames 3 and 4. One frame of half its length in its place covers 5 of 20 minutes.
        let short = check(|acquisition| {
            acquisition.frames[2].duration.0 = 300.0;
            acquisition.frames[3].start.0 += 1200.0;
            acquisition.frames[3].duration.0 = 60.0;
            acquisition.frames[4].start.0 += 1200.0;
            acquisition.frames[5].start.0 += 1200.0;
        });
        assert_eq!(short.quality, Quality::Caution);
        assert!(short.found.starts_with("25 %"), "{}", short.found);
        // 0 to 45 min with its middle in the window: 25 of 45 minutes lie outside.
        let long = check(|acquisition| {
            for (i, frame) in acquisition.frames.iter_mut().enumerate() {
                (frame.start.0, frame.duration.0) = (100.0 + 2700.0 * i as f64, 2700.0);
            }
        });
        assert!(long.found.contains("56 %"), "{}", long.found);
        assert_eq!(long.quality, Quality::Caution);
        assert_eq!(check(|acquisition| acquisition.tracer = Some(Tracer::Fdg)).quality, Quality::Caution);
        assert_eq!(check(|acquisition| acquisition.tracer = None).quality, Quality::Caution);
    }

    #[test]
    fn frames_whose_decay_cannot_be_corrected_have_no_curve() {
        let mut unknown = acquisition(true);
        unknown.decay_corrected = None;
        let mut without_half_life = acquisition(false);
        without_half_life.half_life = None;
        for (acquisition, word) in [(unknown, "ImageDecayCorrected"), (without_half_life, "RadionuclideHalfLife")] {
            let image = reduce(&acquisition, |_| [1.0, 2.0]);
            assert!(image.curves.is_empty(), "{word}");
            let caveat = image.caveats.iter().find(|caveat| caveat.code == CaveatCode::CurvesNotCorrected).unwrap();
            assert!(caveat.detail.contains(word), "{caveat}");
            // Lesion and background share the weights: their ratio holds.
            assert_eq!(image.volume.data, [1.0, 2.0]);
            assert_eq!(image.checks[0].quality, Quality::Pass);
        }
    }

    #[test]
    fn a_voxel_without_a_value_in_one_frame_is_not_estimated() {
        let image = reduce(&acquisition(true), |frame| [if frame == 2 { f32::NAN } else { 1.0 }, f32::NAN]);
        assert!(image.volume.data[0].is_nan());
        assert!(image.curves[0].values.iter().all(|value| value.is_nan()));
        assert_eq!(image.curves[0].time_to_peak_min(), None);
    }
}
