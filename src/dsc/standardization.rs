//! Standardized rCBV: the histogram of a map brought to that of a cohort, without a reference region.
//!
//! Nyúl, Udupa, Zhang (IEEE Trans Med Imaging 2000;19:143) as applied to rCBV by Bedekar, Jensen, Schmainda (MRM
//! 2010;64:913): percentiles of each training map are taken linearly to a common scale and averaged; a map is then
//! stretched piece by piece so that its percentiles stand at these landmarks. The scale is the cohort's own: landmarks of
//! another center are another scale, so none are built in.

use super::error::DscError;
use super::quantify::DscResult;
use super::settings::StandardizationSettings;
use crate::curve::baseline::percentile;

/// Ends of the common scale on which training maps are averaged: the lowest and the highest landmark.
const SCALE: [f64; 2] = [0.0, 100.0];

/// Landmarks learned from maps.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmarks {
    /// Percentiles, ascending.
    pub percentiles: Vec<f64>,
    /// Their places on the common scale.
    pub landmarks: Vec<f64>,
    /// Training maps.
    pub maps: usize,
}

/// What stops the learning of landmarks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LandmarkError {
    /// No map, or one alone.
    #[error("{found} maps: expected at least {expected} to learn landmarks of a cohort")]
    TooFewMaps {
        /// Maps given.
        found: usize,
        /// Maps needed.
        expected: usize,
    },
    /// A map without a histogram.
    #[error("map {place} of the list holds {found} values whose percentiles do not increase: expected a brain's rCBV")]
    FlatMap {
        /// Its place, from 1.
        place: usize,
        /// Values found.
        found: usize,
    },
}

impl Landmarks {
    /// Fewest training maps. A working value: a cohort is more than one patient.
    pub const FEWEST_MAPS: usize = 2;

    /// Learns the landmarks of maps that are not normalized; each map holds the values of its brain.
    pub fn learn(maps: &[Vec<f32>], percentiles: &[f64]) -> Result<Self, LandmarkError> {
        if maps.len() < Self::FEWEST_MAPS {
            return Err(LandmarkError::TooFewMaps { found: maps.len(), expected: Self::FEWEST_MAPS });
        }
        let mut landmarks = vec![0.0; percentiles.len()];
        for (place, map) in maps.iter().enumerate() {
            let own = percentiles_of(map, percentiles)
                .ok_or(LandmarkError::FlatMap { place: place + 1, found: map.len() })?;
            let (low, high) = (own[0], own[own.len() - 1]);
            for (landmark, value) in landmarks.iter_mut().zip(&own) {
                *landmark += (SCALE[0] + (SCALE[1] - SCALE[0]) * (value - low) / (high - low)) / maps.len() as f64;
            }
        }
        Ok(Self { percentiles: percentiles.to_vec(), landmarks, maps: maps.len() })
    }

    /// The part of a settings file that makes these landmarks the ones in force.
    pub fn settings_file(&self, head: &str, cohort: &str) -> String {
        let list = |values: &[f64]| values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
        format!(
            "{head}\n# {} maps: {cohort}\n\n[dsc]\nfurther_normalizations = [\"standardized\"]\n\n\
             [dsc.standardization]\npercentiles = [{}]\nlandmarks = [{}]\n",
            self.maps,
            list(&self.percentiles),
            list(&self.landmarks)
        )
    }
}

impl DscResult {
    /// Standardized rCBV on the scale of the cohort that the landmarks were learned from; not a ratio to white matter.
    pub fn standardized(&self) -> Result<Vec<f32>, DscError> {
        let settings = &self.settings().standardization;
        let rcbv = self.rcbv();
        let usable: Vec<f32> =
            rcbv.iter().zip(&self.baseline.usable).filter(|(_, usable)| **usable).map(|(value, _)| *value).collect();
        let own = percentiles_of(&usable, &settings.percentiles)
            .filter(|_| settings.landmarks.len() == settings.percentiles.len())
            .ok_or(DscError::NotStandardized { voxels: usable.len() })?;
        Ok(rcbv.iter().map(|&value| settings.place(f64::from(value), &own) as f32).collect())
    }
}

impl StandardizationSettings {
    /// A value between two percentiles of its map goes linearly between their landmarks; beyond the ends the outer
    /// pieces run on, so that nothing is clipped.
    fn place(&self, value: f64, own: &[f64]) -> f64 {
        let last = own.len() - 2;
        let piece = own.partition_point(|&edge| edge <= value).saturating_sub(1).min(last);
        let share = (value - own[piece]) / (own[piece + 1] - own[piece]);
        self.landmarks[piece] + share * (self.landmarks[piece + 1] - self.landmarks[piece])
    }
}

/// Percentiles of the finite values; `None` where they do not increase.
fn percentiles_of(values: &[f32], percentiles: &[f64]) -> Option<Vec<f64>> {
    let mut sorted: Vec<f64> = values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let own: Vec<f64> = percentiles.iter().map(|&percent| percentile(&sorted, percent)).collect();
    own.windows(2).all(|pair| pair[0] < pair[1]).then_some(own).filter(|own| own.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERCENTILES: [f64; 5] = [0.0, 25.0, 50.0, 75.0, 100.0];

    fn settings(landmarks: Vec<f64>) -> StandardizationSettings {
        StandardizationSettings { percentiles: PERCENTILES.to_vec(), landmarks }
    }

    #[test]
    fn landmarks_are_the_mean_of_maps_on_one_scale() {
        // 0..100 evenly, and its square root's shape: 0, 1, 4, 9, 16 scaled to 100
        let even: Vec<f32> = (0..=4).map(|i| 10.0 * i as f32).collect();
        let bent: Vec<f32> = (0..=4).map(|i| (i * i) as f32).collect();
        let learned = Landmarks::learn(&[even, bent], &PERCENTILES).unwrap();
        let expected = [0.0, (25.0 + 6.25) / 2.0, (50.0 + 25.0) / 2.0, (75.0 + 56.25) / 2.0, 100.0];
        assert!(learned.landmarks.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{learned:?}");
    }

    #[test]
    fn a_map_and_its_multiple_come_to_the_same_values() {
        let learned = settings(vec![0.0, 20.0, 45.0, 70.0, 100.0]);
        let map: Vec<f32> = (0..1000).map(|i| (i as f32 / 100.0).powi(2)).collect();
        let scaled: Vec<f32> = map.iter().map(|value| 7.5 * value + 3.0).collect();
        let (own, other) =
            (percentiles_of(&map, &PERCENTILES).unwrap(), percentiles_of(&scaled, &PERCENTILES).unwrap());
        for (a, b) in map.iter().zip(&scaled) {
            let (a, b) = (learned.place(f64::from(*a), &own), learned.place(f64::from(*b), &other));
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
        assert!((learned.place(own[2], &own) - 45.0).abs() < 1e-9);
        // beyond the last percentile the last piece runs on
        assert!(learned.place(2.0 * own[4], &own) > 100.0);
    }

    #[test]
    fn one_map_is_no_cohort_and_a_flat_one_has_no_histogram() {
        let map: Vec<f32> = (0..50).map(|i| i as f32).collect();
        assert!(matches!(
            Landmarks::learn(std::slice::from_ref(&map), &PERCENTILES),
            Err(LandmarkError::TooFewMaps { found: 1, expected: 2 })
        ));
        let flat = vec![1.0; 50];
        assert!(matches!(Landmarks::learn(&[map, flat], &PERCENTILES), Err(LandmarkError::FlatMap { place: 2, .. })));
    }

    #[test]
    fn the_settings_file_is_read_back() {
        let map = |power: i32| (0..100).map(|i| (i as f32 / 10.0).powi(power)).collect::<Vec<f32>>();
        let learned = Landmarks::learn(&[map(1), map(2)], &PERCENTILES).unwrap();
        let text = learned.settings_file("# head", "two maps");
        let parsed: toml::Table = text.parse().unwrap();
        let read: Vec<f64> = parsed["dsc"]["standardization"]["landmarks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_float().or_else(|| value.as_integer().map(|v| v as f64)).unwrap())
            .collect();
        assert_eq!(read, learned.landmarks);
    }
}
