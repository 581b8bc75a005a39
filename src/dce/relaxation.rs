//! T1 from images with several flip angles.
//!
//! Linear: `S/sin α = E1 · S/tan α + M0 (1 - E1)` (Gupta RK, J Magn Reson 1977;25:231; Deoni SC, MRM 2003;49:515).
//! Non-linear: least squares on the signal itself, started there; it does not weigh small signals up. A B1 map scales
//! every angle of its voxel.

use super::error::DceError;
use super::signal::SpoiledGradientEcho;
use crate::curve::baseline::median;
use crate::curve::levenberg_marquardt::minimize;
use crate::units::{Degrees, Seconds};

/// A median T1 above this is in milliseconds, s.
const LONGEST_T1: f64 = 10.0;

closed_words! {
    /// How T1 is fitted.
    pub enum RelaxationFit: "T1 fit" {
        /// A straight line.
        Linear = "linear",
        /// The signal equation.
        Nonlinear = "nonlinear",
    }
}

/// Longitudinal relaxation of a voxel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relaxation {
    /// R1, 1/s.
    pub rate: f64,
    /// Equilibrium signal M0 (with receiver gain).
    pub m0: f64,
}

/// The angles and repetition times of a set of images.
#[derive(Debug, Clone, PartialEq)]
pub struct FlipAngleSet {
    angles: Vec<Degrees>,
    times: Vec<Seconds>,
}

/// A set of flip angles from which T1 cannot be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("flip-angle images: {0}")]
pub struct FlipAngleError(String);

impl FlipAngleSet {
    /// Checks the set: at least two angles that differ, one repetition time in all images.
    pub fn new(angles: &[Degrees], times: &[Seconds]) -> Result<Self, FlipAngleError> {
        let wrong = |problem: String| Err(FlipAngleError(problem));
        if angles.len() != times.len() {
            return wrong(format!("{} flip angles, {} repetition times: expected as many", angles.len(), times.len()));
        }
        if let Some((angle, time)) =
            angles.iter().zip(times).find(|&(&angle, &time)| SpoiledGradientEcho::new(angle, time).is_none())
        {
            return wrong(format!("{angle} and {time}: expected an angle between 0 and 90° and a time above 0 s"));
        }
        if !angles.iter().any(|angle| *angle != angles[0]) {
            return wrong(format!("{} angles, all alike: expected at least two different ones", angles.len()));
        }
        // METHOD: the straight line needs one E1; the non-linear fit starts from it.
        if times.iter().any(|time| (time.0 - times[0].0).abs() > 1e-6) {
            return wrong("repetition times differ: expected one in all images".to_owned());
        }
        Ok(Self { angles: angles.to_vec(), times: times.to_vec() })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.angles.len()
    }

    /// Never: a set holds at least two angles.
    pub fn is_empty(&self) -> bool {
        self.angles.is_empty()
    }

    /// R1 and M0 of one voxel: one signal per angle, and the B1 scale of the angles (1 where there is no map). `None`
    /// where no T1 explains the signals.
    pub fn fit(&self, signals: &[f64], b1: f64, how: RelaxationFit) -> Option<Relaxation> {
        if signals.len() != self.len() || !(b1 > 0.0 && b1.is_finite()) {
            return None;
        }
        let line = self.line(signals, b1)?;
        match how {
            RelaxationFit::Linear => Some(line),
            RelaxationFit::Nonlinear => self.refine(signals, b1, line),
        }
    }

    fn line(&self, signals: &[f64], b1: f64) -> Option<Relaxation> {
        let points = || {
            signals.iter().zip(&self.angles).map(|(signal, angle)| {
                let angle = (b1 * angle.0).to_radians();
                (signal / angle.tan(), signal / angle.sin())
            })
        };
        let count = self.len() as f64;
        let (mean_x, mean_y) = points().fold((0.0, 0.0), |(x, y), (px, py)| (x + px / count, y + py / count));
        let (covariance, variance) = points().fold((0.0, 0.0), |(covariance, variance), (x, y)| {
            (covariance + (x - mean_x) * (y - mean_y), variance + (x - mean_x) * (x - mean_x))
        });
        let e1 = covariance / variance;
        let found = Relaxation { rate: -e1.ln() / self.times[0].0, m0: (mean_y - e1 * mean_x) / (1.0 - e1) };
        (e1 > 0.0 && e1 < 1.0 && found.rate.is_finite() && found.m0 > 0.0 && found.m0.is_finite()).then_some(found)
    }

    fn refine(&self, signals: &[f64], b1: f64, start: Relaxation) -> Option<Relaxation> {
        let time = self.times[0].0;
        let e1 = (-time * start.rate).exp();
        // The parameters are M0 and E1, both of order one after scaling by the start.
        let found = minimize([1.0, e1], [0.0, 1e-9], [f64::MAX, 1.0 - 1e-12], |&[m0, e1], sums| {
            for (signal, angle) in signals.iter().zip(&self.angles) {
                let (sine, cosine) = (b1 * angle.0).to_radians().sin_cos();
                let below = 1.0 - e1 * cosine;
                let unit = sine * (1.0 - e1) / below;
                sums.add(signal / start.m0 - m0 * unit, &[unit, m0 * sine * (cosine - 1.0) / (below * below)]);
            }
        })?;
        let [m0, e1] = found.parameters;
        (found.converged && found.at_bound == [false; 2])
            .then(|| Relaxation { rate: -e1.ln() / time, m0: m0 * start.m0 })
    }
}

/// R1 (1/s) of every voxel from one image per angle, in the order of the set, and a B1 scale per voxel where there is a
/// map; NaN where no T1 explains the signals.
///
/// # Panics
/// When there is not one image per angle, or the images differ in length.
pub fn relaxation_map(set: &FlipAngleSet, images: &[Vec<f32>], b1: Option<&[f32]>, how: RelaxationFit) -> Vec<f32> {
    assert_eq!(images.len(), set.len(), "one image per flip angle");
    let voxels = images[0].len();
    assert!(images.iter().all(|image| image.len() == voxels), "images of one length");
    let mut signals = vec![0.0; set.len()];
    (0..voxels)
        .map(|voxel| {
            signals.iter_mut().zip(images).for_each(|(signal, image)| *signal = f64::from(image[voxel]));
            let scale = b1.map_or(1.0, |b1| f64::from(b1[voxel]));
            set.fit(&signals, scale, how).map_or(f32::NAN, |found| found.rate as f32)
        })
        .collect()
}

/// R1 (1/s) from T1 in s; NaN where T1 is not above 0. An error where the median cannot be in seconds.
pub fn rates_of_times(times: &[f32], what: &str) -> Result<Vec<f32>, DceError> {
    let known: Vec<f64> = times.iter().filter(|&&time| time > 0.0).map(|&time| f64::from(time)).collect();
    match median(&known) {
        Some(median) if median <= LONGEST_T1 => {}
        found => {
            return Err(DceError::RelaxationTime { what: what.to_owned(), median: found.unwrap_or(f64::NAN) });
        }
    }
    Ok(times.iter().map(|&time| if time > 0.0 && time.is_finite() { 1.0 / time } else { f32::NAN }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> FlipAngleSet {
        FlipAngleSet::new(&[2.0, 5.0, 12.0].map(Degrees), &[Seconds(0.0054); 3]).unwrap()
    }

    fn signals(rate: f64, m0: f64, b1: f64) -> Vec<f64> {
        [2.0, 5.0, 12.0]
            .map(|angle| m0 * SpoiledGradientEcho::new(Degrees(b1 * angle), Seconds(0.0054)).unwrap().signal(rate))
            .to_vec()
    }

    #[test]
    fn exact_signals_give_their_t1_by_both_fits_and_with_b1() {
        for (rate, b1) in [(0.25, 1.0), (0.9, 1.0), (3.0, 1.0), (0.9, 0.8), (0.9, 1.15)] {
            for how in [RelaxationFit::Linear, RelaxationFit::Nonlinear] {
                let found = set().fit(&signals(rate, 1200.0, b1), b1, how).unwrap();
                assert!((found.rate / rate - 1.0).abs() < 1e-6 && (found.m0 / 1200.0 - 1.0).abs() < 1e-6, "{found:?}");
            }
        }
    }

    #[test]
    fn an_ignored_b1_of_0_8_makes_t1_too_short_by_its_square() {
        // Small angles: R1 is seen through α², so a flip angle believed 1/0.8 too large gives R1/0.64.
        let found = set().fit(&signals(0.9, 1.0, 0.8), 1.0, RelaxationFit::Linear).unwrap();
        assert!((found.rate / 0.9 - 1.0 / 0.64).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn signals_that_no_t1_explains_are_not_estimated() {
        assert_eq!(set().fit(&[0.0; 3], 1.0, RelaxationFit::Linear), None);
        assert_eq!(set().fit(&[1.0, 10.0, 100.0], 1.0, RelaxationFit::Nonlinear), None);
        assert_eq!(set().fit(&[1.0, f64::NAN, 2.0], 1.0, RelaxationFit::Nonlinear), None);
        assert_eq!(set().fit(&signals(1.0, 1.0, 1.0), f64::NAN, RelaxationFit::Linear), None);
    }

    #[test]
    fn a_map_takes_b1_voxel_by_voxel_and_milliseconds_are_refused() {
        let (one, two) = (signals(0.9, 100.0, 1.0), signals(0.5, 100.0, 0.8));
        let images: Vec<Vec<f32>> = (0..3).map(|i| vec![one[i] as f32, two[i] as f32, 0.0]).collect();
        let found = relaxation_map(&set(), &images, Some(&[1.0, 0.8, 1.0]), RelaxationFit::Nonlinear);
        assert!((found[0] - 0.9).abs() < 1e-4 && (found[1] - 0.5).abs() < 1e-4 && found[2].is_nan(), "{found:?}");
        assert_eq!(rates_of_times(&[2.0, 0.0], "T1 map").unwrap()[0], 0.5);
        let error = rates_of_times(&[1200.0, 900.0, 0.0], "T1 map").unwrap_err().to_string();
        assert!(error.contains("T1 map") && error.contains("1050") && error.contains("milliseconds?"), "{error}");
    }

    #[test]
    fn a_set_needs_two_angles_and_one_repetition_time() {
        let new = |angles: &[f64], times: &[f64]| {
            let angles: Vec<Degrees> = angles.iter().copied().map(Degrees).collect();
            let times: Vec<Seconds> = times.iter().copied().map(Seconds).collect();
            FlipAngleSet::new(&angles, &times).map(|_| ()).map_err(|error| error.to_string())
        };
        assert!(new(&[5.0, 5.0], &[0.005; 2]).unwrap_err().contains("all alike"));
        assert!(new(&[2.0, 5.0], &[0.005, 0.006]).unwrap_err().contains("differ"));
        assert!(new(&[2.0, 95.0], &[0.005; 2]).unwrap_err().contains("95 °"));
        assert!(new(&[], &[]).is_err());
        assert!(new(&[2.0, 5.0], &[0.005; 2]).is_ok());
    }
}
