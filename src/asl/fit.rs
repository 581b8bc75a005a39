//! CBF and arrival time from differences at several post-labeling delays.
//!
//! METHOD: the difference is nearly linear in CBF, so for each arrival time of a grid the best CBF is a ratio of sums;
//! the grid finds the basin, Levenberg-Marquardt on the exact model the minimum inside it.

use super::model::{Constants, Delay, SeveralDelaysModel};
use crate::curve::levenberg_marquardt::minimize;

/// The flow for which the curves of the grid are made, mL/100g/min: the model's decay hardly depends on it.
const GRID_CBF: f64 = 50.0;
/// Largest flow either way that is looked for, mL/100g/min. Negative flow is noise around zero, and is kept.
const LARGEST_CBF: f64 = 2000.0;
/// Steps of the numeric derivatives: mL/100g/min and s.
const CBF_STEP: f64 = 1e-3;
const ARRIVAL_STEP: f64 = 1e-6;

/// A fit of one voxel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AslFit {
    /// CBF, mL/100g/min.
    pub cbf: f64,
    /// Its standard error; NaN without a degree of freedom.
    pub cbf_error: f64,
    /// Arrival time, s; NaN at an end of its range, where it is not told by the data.
    pub arrival: f64,
    /// Its standard error, s.
    pub arrival_error: f64,
    /// Residual standard deviation of the differences over M0.
    pub residual: f64,
}

/// The range of arrival times that is searched, s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArrivalRange {
    /// Earliest.
    pub low: f64,
    /// Latest.
    pub high: f64,
    /// Step of the grid.
    pub step: f64,
}

/// The model at some delays, ready for any number of voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct SeveralDelays {
    model: SeveralDelaysModel,
    constants: Constants,
    delays: Vec<Delay>,
    /// Number of pairs behind each delay's mean: the weight of its square.
    weights: Vec<f64>,
    range: ArrivalRange,
    nodes: Vec<Node>,
}

/// One arrival time of the grid.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    arrival: f64,
    /// Weight times difference of a unit of flow at each delay.
    weighted: Vec<f64>,
    /// `Σ w g²`.
    square: f64,
}

impl SeveralDelays {
    /// Prepares the grid; `None` with fewer than two distinct delays, or weights that do not fit or are not above 0.
    pub fn new(
        model: SeveralDelaysModel,
        constants: Constants,
        delays: &[Delay],
        weights: &[f64],
        range: ArrivalRange,
    ) -> Option<Self> {
        let distinct = delays.iter().any(|delay| delay.signal_time != delays[0].signal_time);
        if !distinct || weights.len() != delays.len() || weights.iter().any(|weight| !(*weight > 0.0)) {
            return None;
        }
        let count = ((range.high - range.low) / range.step).round() as usize;
        let nodes = (0..=count)
            .map(|i| {
                let arrival = (range.low + i as f64 * range.step).min(range.high);
                let unit = |delay: &Delay| constants.difference(model, GRID_CBF, arrival, *delay) / GRID_CBF;
                let curve: Vec<f64> = delays.iter().map(unit).collect();
                let square = curve.iter().zip(weights).map(|(value, weight)| weight * value * value).sum();
                let weighted = curve.iter().zip(weights).map(|(value, weight)| weight * value).collect();
                Node { arrival, weighted, square }
            })
            .filter(|node: &Node| node.square > 0.0)
            .collect();
        Some(Self { model, constants, delays: delays.to_vec(), weights: weights.to_vec(), range, nodes })
    }

    /// Fits one voxel: differences over M0 at the delays. `None` where one is not finite, or the search does not end.
    ///
    /// # Panics
    /// When there is not one difference per delay.
    pub fn fit(&self, differences: &[f64]) -> Option<AslFit> {
        assert_eq!(differences.len(), self.delays.len(), "one difference per delay");
        if differences.iter().any(|value| !value.is_finite()) {
            return None;
        }
        // The sum of squares at a node is Σwd² - (Σwgd)²/Σwg²: the largest gain is the best node.
        let mut best: Option<(f64, [f64; 2])> = None;
        for node in &self.nodes {
            let product: f64 = node.weighted.iter().zip(differences).map(|(g, d)| g * d).sum();
            let gain = product * product / node.square;
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, [product / node.square, node.arrival]));
            }
        }
        let (_, start) = best?;
        let (low, high) = ([-LARGEST_CBF, self.range.low], [LARGEST_CBF, self.range.high]);
        let found = minimize(start, low, high, |&[cbf, arrival], sums| {
            for ((delay, weight), difference) in self.delays.iter().zip(&self.weights).zip(differences) {
                let at = |cbf, arrival| self.constants.difference(self.model, cbf, arrival, *delay);
                let root = weight.sqrt();
                let by_cbf = (at(cbf + CBF_STEP, arrival) - at(cbf - CBF_STEP, arrival)) / (2.0 * CBF_STEP);
                let by_arrival =
                    (at(cbf, arrival + ARRIVAL_STEP) - at(cbf, arrival - ARRIVAL_STEP)) / (2.0 * ARRIVAL_STEP);
                sums.add(root * (difference - at(cbf, arrival)), &[root * by_cbf, root * by_arrival]);
            }
        })?;
        if !found.converged {
            return None;
        }
        let [cbf_error, arrival_error] =
            found.standard_errors(differences.len()).map(|error| error.unwrap_or(f64::NAN));
        let degrees = differences.len() as f64 - 2.0;
        let pairs = self.weights.iter().sum::<f64>() / self.weights.len() as f64;
        Some(AslFit {
            cbf: found.parameters[0],
            cbf_error,
            // METHOD: an arrival time at an end of its range is not told; the flow is kept, for in tissue without flow
            // there is nothing to tell it, and to leave such tissue out would raise the mean of a lesion.
            arrival: if found.at_bound[1] { f64::NAN } else { found.parameters[1] },
            arrival_error,
            residual: if degrees > 0.0 { (found.squares / pairs / degrees).sqrt() } else { f64::NAN },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::Labeling;

    const RANGE: ArrivalRange = ArrivalRange { low: 0.1, high: 3.0, step: 0.01 };

    fn constants(labeling: Labeling) -> Constants {
        Constants { labeling, blood_t1: 1.65, tissue_t1: 1.33, partition_coefficient: 0.9, efficiency: 0.85 }
    }

    fn delays(labeling: Labeling) -> Vec<Delay> {
        match labeling {
            Labeling::Pasl => (1..=10).map(|i| Delay { signal_time: 0.3 * f64::from(i), bolus: 0.7 }).collect(),
            _ => (0..8).map(|i| Delay { signal_time: 1.8 + 0.25 + 0.35 * f64::from(i), bolus: 1.8 }).collect(),
        }
    }

    #[test]
    fn noise_free_curves_give_flow_within_a_thousandth_and_arrival_within_a_millisecond() {
        for labeling in [Labeling::Pcasl, Labeling::Pasl] {
            for &model in SeveralDelaysModel::ALL {
                let delays = delays(labeling);
                let fit =
                    SeveralDelays::new(model, constants(labeling), &delays, &vec![1.0; delays.len()], RANGE).unwrap();
                for cbf in [5.0, 20.0, 60.0, 140.0] {
                    for arrival in [0.5, 0.733, 1.0, 1.5, 1.98] {
                        let exact: Vec<f64> =
                            delays.iter().map(|&d| constants(labeling).difference(model, cbf, arrival, d)).collect();
                        let found = fit.fit(&exact).unwrap();
                        assert!((found.cbf / cbf - 1.0).abs() < 1e-3, "{labeling} {model} {cbf} {arrival}: {found:?}");
                        assert!(
                            (found.arrival - arrival).abs() < 1e-3,
                            "{labeling} {model} {cbf} {arrival}: {found:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn doubled_differences_double_the_flow_of_woods() {
        // Woods' model is linear in flow; the general model only nearly so.
        let delays = delays(Labeling::Pcasl);
        let constants = constants(Labeling::Pcasl);
        let fit = SeveralDelays::new(SeveralDelaysModel::Woods, constants, &delays, &[1.0; 8], RANGE).unwrap();
        let noisy: Vec<f64> = delays
            .iter()
            .enumerate()
            .map(|(i, &d)| {
                constants.difference(SeveralDelaysModel::Woods, 50.0, 1.2, d) + 3e-4 * (5.1 * i as f64).sin()
            })
            .collect();
        let (one, two) =
            (fit.fit(&noisy).unwrap(), fit.fit(&noisy.iter().map(|value| 2.0 * value).collect::<Vec<_>>()).unwrap());
        assert!((two.cbf / one.cbf - 2.0).abs() < 1e-5 && (two.arrival - one.arrival).abs() < 1e-5, "{one:?} {two:?}");
        assert!((two.cbf_error / one.cbf_error - 2.0).abs() < 1e-3);
    }

    #[test]
    fn tissue_without_flow_has_zero_flow_and_no_arrival() {
        let delays = delays(Labeling::Pcasl);
        let fit =
            SeveralDelays::new(SeveralDelaysModel::General, constants(Labeling::Pcasl), &delays, &[1.0; 8], RANGE)
                .unwrap();
        let found = fit.fit(&[0.0; 8]).unwrap();
        assert!(found.cbf.abs() < 1e-9, "{found:?}");
        assert_eq!(fit.fit(&[f64::NAN; 8]), None);
    }

    #[test]
    fn one_delay_is_no_fit() {
        let delay = Delay { signal_time: 3.6, bolus: 1.8 };
        let new = |delays: &[Delay]| {
            SeveralDelays::new(
                SeveralDelaysModel::General,
                constants(Labeling::Pcasl),
                delays,
                &vec![1.0; delays.len()],
                RANGE,
            )
        };
        assert!(new(&[delay]).is_none() && new(&[delay, delay]).is_none() && new(&[]).is_none());
    }
}
