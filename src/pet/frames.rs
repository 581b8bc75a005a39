//! From the frames of a dynamic image to its static window and its time-activity curves, one frame at a time.
//!
//! The static image is the mean of the decay-corrected frames in the window, weighted by their duration. Memory holds
//! one sum and never the series.

use super::decay::{HalfLife, factor_to_injection};
use super::dynamic::TimeActivity;
use super::settings::Settings;
use super::timing;
use crate::acquisition::{PetAcquisition, PetFrame};
use crate::image::{Grid, Mask, SpaceDifference, Volume};
use crate::quality::{Caveat, CaveatCode};
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
}

/// The static window of a dynamic image, and the curves of its regions.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticImage {
    /// Mean over the window.
    pub volume: Volume,
    /// The acquisition of that mean: one frame.
    pub acquisition: PetAcquisition,
    /// One curve per region, in the order given, in the unit of the image, decay-corrected; empty where the frames
    /// have no place in time.
    pub curves: Vec<TimeActivity>,
    /// Doubts about the frames.
    pub caveats: Vec<Caveat>,
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
        let placed = frames.len() == image_frames && timing::frames_are_ordered(frames);
        let factors = placed.then(|| decay_factors(acquisition, settings)).flatten();
        let minutes = acquisition.injection_start.filter(|_| placed).map(|injection| {
            let middle = |frame: &PetFrame| Seconds(frame.start.0 + frame.duration.0 / 2.0 - injection.0).minutes();
            frames.iter().map(middle).collect::<Vec<_>>()
        });
        let window =
            minutes.as_ref().map(|minutes| in_window(minutes, settings)).filter(|inside| inside.contains(&true));
        if window.is_none() {
            caveats.push(Caveat::new(CaveatCode::StaticWindowNotPlaced, why_not_placed(acquisition, placed, settings)));
        }
        let inside = window.clone().unwrap_or_else(|| vec![true; image_frames]);
        let duration = |i: usize| if placed { frames[i].duration.0 } else { 1.0 };
        let total: f64 = (0..image_frames).filter(|&i| inside[i]).map(duration).sum();
        let reduced = reduced_acquisition(acquisition, window.as_deref(), factors.is_some());
        let repeated = timing::check(&reduced, 1, settings);
        caveats.retain(|caveat| !repeated.contains(caveat));
        let factors = factors.unwrap_or_else(|| vec![1.0; image_frames]);
        Ok(Self {
            grid,
            acquisition: reduced,
            weights: (0..image_frames)
                .map(|i| if inside[i] { duration(i) / total * factors[i] } else { 0.0 })
                .collect(),
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
        }
    }
}

/// Which frames have their middle in the static window.
fn in_window(minutes: &[f64], settings: &Settings) -> Vec<bool> {
    let window = settings.static_window_start_min..=settings.static_window_end_min;
    minutes.iter().map(|minute| window.contains(minute)).collect()
}

fn why_not_placed(acquisition: &PetAcquisition, placed: bool, settings: &Settings) -> String {
    if !placed {
        return "FrameTimesStart and FrameDuration do not place the frames of the image".into();
    }
    if acquisition.injection_start.is_none() {
        return "InjectionStart is missing: expected seconds from TimeZero".into();
    }
    let (start, end) = (settings.static_window_start_min, settings.static_window_end_min);
    format!("no frame has its middle {start} to {end} min after injection")
}

/// The factor of each frame: to injection where the image is not decay-corrected and that can be mended, else 1.
/// `None` where frames of different decay would be mixed.
fn decay_factors(acquisition: &PetAcquisition, settings: &Settings) -> Option<Vec<f64>> {
    if acquisition.decay_corrected? {
        return Some(vec![1.0; acquisition.frames.len()]);
    }
    let half_life = HalfLife::of(acquisition, settings).ok()?;
    let injection = acquisition.injection_start?;
    acquisition.frames.iter().map(|&frame| factor_to_injection(&half_life, frame, injection)).collect()
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
    fn frames_without_a_place_are_all_averaged_with_a_caveat() {
        let mut miscounted = acquisition(true);
        miscounted.frames.pop();
        let mut uninjected = acquisition(true);
        uninjected.injection_start = None;
        let mut early = acquisition(true);
        early.frames.iter_mut().for_each(|frame| frame.start.0 += 36_000.0);
        for (acquisition, word, curves) in
            [(miscounted, "FrameTimesStart", 0), (uninjected, "InjectionStart", 0), (early, "no frame", 1)]
        {
            let image = reduce(&acquisition, |frame| [frame as f32, 0.0]);
            assert_eq!(image.volume.data[0], 2.5, "{word}");
            let caveat = image.caveats.iter().find(|caveat| caveat.code == CaveatCode::StaticWindowNotPlaced).unwrap();
            assert!(caveat.detail.contains(word), "{caveat}");
            assert_eq!(image.curves.len(), curves, "{word}");
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
