//! Which volumes make a difference image, and which differences are kept.

use super::error::AslError;
use crate::acquisition::{AslAcquisition, AslVolume, Labeling};
use crate::curve::baseline::median;

/// From the median absolute deviation to the standard deviation of a normal distribution.
const MAD_TO_SD: f64 = 1.4826;
/// Delays that differ by less are one, s.
const SAME_DELAY: f64 = 1e-6;

/// One difference image, as volumes and what each counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Control minus label.
    Pair {
        /// Volume of the control.
        control: usize,
        /// Volume of the label.
        label: usize,
    },
    /// A volume that is a difference.
    Ready(usize),
}

impl Difference {
    /// Its mean, from the mean of each volume.
    pub fn of(self, means: &[f64]) -> f64 {
        match self {
            Self::Pair { control, label } => means[control] - means[label],
            Self::Ready(volume) => means[volume],
        }
    }
}

/// The differences at one delay.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceGroup {
    /// Post-labeling delay as the sidecar has it (PASL: inversion time), s.
    pub delay: f64,
    /// Labeling duration, or TI1 of PASL; `None` for PASL without a cut-off.
    pub bolus: Option<f64>,
    /// Its differences.
    pub differences: Vec<Difference>,
    /// Those that were left out as outliers.
    pub rejected: Vec<Difference>,
}

impl DifferenceGroup {
    /// Leaves out the differences whose mean lies farther from the median one than `deviations` robust standard
    /// deviations. `means` are those of each volume over the mask. Groups below `minimum` differences keep all.
    pub fn reject_outliers(&mut self, means: &[f64], deviations: f64, minimum: usize) {
        if deviations <= 0.0 || self.differences.len() < minimum {
            return;
        }
        let found: Vec<f64> = self.differences.iter().map(|difference| difference.of(means)).collect();
        let Some(middle) = median(&found) else { return };
        let deviation: Vec<f64> = found.iter().map(|value| (value - middle).abs()).collect();
        let Some(limit) = median(&deviation).map(|mad| deviations * MAD_TO_SD * mad) else { return };
        let (kept, rejected): (Vec<_>, Vec<_>) =
            self.differences.iter().zip(&deviation).partition(|&(_, &deviation)| deviation <= limit);
        self.rejected = rejected.into_iter().map(|(&difference, _)| difference).collect();
        self.differences = kept.into_iter().map(|(&difference, _)| difference).collect();
    }

    /// The weight of each volume in the mean difference.
    pub fn weights(&self, volumes: usize) -> Vec<f64> {
        let mut weights = vec![0.0; volumes];
        let share = 1.0 / self.differences.len() as f64;
        for &difference in &self.differences {
            match difference {
                Difference::Pair { control, label } => {
                    weights[control] += share;
                    weights[label] -= share;
                }
                Difference::Ready(volume) => weights[volume] += share,
            }
        }
        weights
    }
}

/// Pairs controls with labels of the same timing, in order, whichever comes first; groups by delay and bolus, ascending.
///
/// The lists of the acquisition must have one value per volume.
pub fn difference_groups(acquisition: &AslAcquisition) -> Result<Vec<DifferenceGroup>, AslError> {
    let volumes = acquisition.volumes.len();
    let mut lists = vec![("PostLabelingDelay", acquisition.delays.len())];
    if acquisition.labeling != Labeling::Pasl {
        lists.push(("LabelingDuration", acquisition.durations.len()));
    }
    if let Some(&(what, found)) = lists.iter().find(|(_, found)| *found != volumes) {
        return Err(AslError::Length { what, volumes, found });
    }
    let timing = |volume: usize| {
        let bolus = match acquisition.labeling {
            Labeling::Pcasl | Labeling::Casl => Some(acquisition.durations[volume].0),
            Labeling::Pasl => acquisition.cut_off.map(|(_, time)| time.0),
        };
        (acquisition.delays[volume].0, bolus)
    };
    let same = |a: (f64, Option<f64>), b: (f64, Option<f64>)| {
        (a.0 - b.0).abs() < SAME_DELAY
            && match (a.1, b.1) {
                (Some(a), Some(b)) => (a - b).abs() < SAME_DELAY,
                (a, b) => a.is_none() && b.is_none(),
            }
    };
    let mut timings: Vec<(f64, Option<f64>)> = Vec::new();
    for (volume, kind) in acquisition.volumes.iter().enumerate() {
        let differs = matches!(kind, AslVolume::Control | AslVolume::Label | AslVolume::Difference);
        if differs && !timings.iter().any(|&known| same(known, timing(volume))) {
            timings.push(timing(volume));
        }
    }
    timings.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.unwrap_or(0.0).total_cmp(&b.1.unwrap_or(0.0))));
    let mut groups = Vec::new();
    for known in timings {
        let of = |wanted: AslVolume| -> Vec<usize> {
            (0..volumes)
                .filter(|&volume| acquisition.volumes[volume] == wanted && same(known, timing(volume)))
                .collect()
        };
        let (controls, labels, ready) = (of(AslVolume::Control), of(AslVolume::Label), of(AslVolume::Difference));
        if controls.len() != labels.len() {
            return Err(AslError::Unpaired { controls: controls.len(), labels: labels.len(), delay: known.0 });
        }
        let pairs = controls.iter().zip(&labels).map(|(&control, &label)| Difference::Pair { control, label });
        let differences: Vec<_> = pairs.chain(ready.into_iter().map(Difference::Ready)).collect();
        groups.push(DifferenceGroup { delay: known.0, bolus: known.1, differences, rejected: Vec::new() });
    }
    if groups.is_empty() {
        let mut kinds: Vec<&str> = acquisition.volumes.iter().map(|kind| kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        return Err(AslError::NoPairs { found: kinds.join(", ") });
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::M0Source;
    use crate::units::Seconds;
    use AslVolume::{Control, Label, M0};

    fn acquisition(volumes: &[AslVolume], delays: &[f64]) -> AslAcquisition {
        AslAcquisition {
            labeling: Labeling::Pcasl,
            volumes: volumes.to_vec(),
            delays: delays.iter().copied().map(Seconds).collect(),
            durations: vec![Seconds(1.8); volumes.len()],
            cut_off: None,
            m0: M0Source::Absent,
            repetition_times: Vec::new(),
            background_suppression: false,
            suppression_pulses: None,
            slice_times: None,
            efficiency: None,
            field_strength: None,
        }
    }

    #[test]
    fn label_first_and_control_first_make_the_same_sign() {
        for order in [[Control, Label], [Label, Control]] {
            let groups = difference_groups(&acquisition(&order, &[1.8; 2])).unwrap();
            let means: Vec<f64> = order.iter().map(|kind| if *kind == Control { 10.0 } else { 9.0 }).collect();
            assert_eq!(groups[0].differences[0].of(&means), 1.0);
            let weighted: f64 = groups[0].weights(2).iter().zip(&means).map(|(w, m)| w * m).sum();
            assert_eq!(weighted, 1.0);
        }
    }

    #[test]
    fn delays_are_grouped_and_m0_is_left_out() {
        let volumes = [M0, Control, Label, Control, Label, Label, Control];
        let groups = difference_groups(&acquisition(&volumes, &[0.0, 1.5, 1.5, 0.5, 0.5, 1.5, 1.5])).unwrap();
        assert_eq!(groups.iter().map(|group| group.delay).collect::<Vec<_>>(), [0.5, 1.5]);
        assert_eq!(
            groups[1].differences,
            [Difference::Pair { control: 1, label: 2 }, Difference::Pair { control: 6, label: 5 }]
        );
    }

    #[test]
    fn a_control_without_its_label_is_an_error_that_counts() {
        let error = difference_groups(&acquisition(&[Control, Label, Control], &[1.8; 3])).unwrap_err().to_string();
        assert!(error.contains("2 control and 1 label") && error.contains("1.8 s"), "{error}");
        let error = difference_groups(&acquisition(&[M0], &[0.0])).unwrap_err().to_string();
        assert!(error.contains("m0scan"), "{error}");
        assert!(difference_groups(&acquisition(&[Control, Label], &[1.8])).is_err());
    }

    #[test]
    fn a_pair_that_moved_is_left_out_and_steady_ones_stay() {
        let volumes: Vec<AslVolume> = (0..20).map(|i| if i % 2 == 0 { Control } else { Label }).collect();
        let mut groups = difference_groups(&acquisition(&volumes, &[1.8; 20])).unwrap();
        // Differences of 1 ± 0.1, the fourth pair of 9.
        let means: Vec<f64> = (0..20)
            .map(|i| {
                if i % 2 == 1 {
                    0.0
                } else if i == 6 {
                    9.0
                } else {
                    1.0 + 0.1 * f64::from(i % 3 - 1)
                }
            })
            .collect();
        groups[0].reject_outliers(&means, 3.5, 5);
        assert_eq!(groups[0].rejected, [Difference::Pair { control: 6, label: 7 }]);
        assert_eq!(groups[0].differences.len(), 9);
        let mut few = difference_groups(&acquisition(&volumes[..8], &[1.8; 8])).unwrap();
        few[0].reject_outliers(&means[..8], 3.5, 5);
        assert!(few[0].rejected.is_empty());
    }
}
