//! CBF and arrival time from differences at several post-labeling delays.
//!
//! METHOD: the difference is nearly linear in CBF, so for each arrival time of a grid the best CBF is a ratio of sums;
//! the grid finds the basin, Levenberg-Marquardt on the exact model the minimum inside it.

use super::model::{Constants, Delay, SeveralDelaysModel};
use crate::curve::levenberg_marquardt::{Minimum, minimize};

/// The flow for which the curves of the grid are made, mL/100g/min: the model's decay hardly depends on it.
const GRID_CBF: f64 = 50.0;
/// Largest flow either way that is looked for, mL/100g/min. Negative flow is noise around zero, and is kept.
const LARGEST_CBF: f64 = 2000.0;
/// Largest arterial volume share that is looked for.
const LARGEST_ARTERIAL_VOLUME: f64 = 1.0;
/// Nodes of the grid that are passed over in the first look.
const COARSE_STEP: usize = 8;

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
    /// Arterial blood volume, a share; NaN where it is not fitted.
    pub arterial_volume: f64,
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
    /// Arterial differences of a unit of volume for each set of delays at which the bolus can be passing; empty where
    /// they are not fitted.
    passages: Vec<Vec<f64>>,
}

/// One arrival time of the grid.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    arrival: f64,
    /// Weight times difference of a unit of flow at each delay.
    weighted: Vec<f64>,
    /// One over the root of `Σ w g²`.
    scale: f64,
    /// `1/Σ w g²`.
    inverse_square: f64,
}

impl SeveralDelays {
    /// Prepares the grid; `None` with fewer than two distinct delays, or weights that do not fit or are not above 0.
    pub fn new(
        model: SeveralDelaysModel,
        constants: Constants,
        delays: &[Delay],
        weights: &[f64],
        range: ArrivalRange,
        arterial: bool,
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
                let square: f64 = curve.iter().zip(weights).map(|(value, weight)| weight * value * value).sum();
                let weighted = curve.iter().zip(weights).map(|(value, weight)| weight * value).collect();
                Node { arrival, weighted, scale: 1.0 / square.sqrt(), inverse_square: 1.0 / square }
            })
            .filter(|node: &Node| node.inverse_square.is_finite())
            .collect();
        let passages = if arterial { passages(&constants, delays, range) } else { Vec::new() };
        Some(Self { model, constants, delays: delays.to_vec(), weights: weights.to_vec(), range, nodes, passages })
    }

    /// Fits one voxel: differences over M0 at the delays. `None` where one is not finite, or the search does not end.
    ///
    /// # Panics
    /// When there is not one difference per delay.
    pub fn fit(&self, differences: &[f64]) -> Option<AslFit> {
        self.best(differences).map(|(found, passage)| self.finish(&found, passage.is_some(), differences.len()))
    }

    /// The same with the model's differences at the delays.
    ///
    /// # Panics
    /// When there is not one difference per delay.
    pub fn fit_with_curve(&self, differences: &[f64]) -> Option<(AslFit, Vec<f64>)> {
        let (found, passage) = self.best(differences)?;
        let [cbf, arrival, volume] = found.parameters;
        let curve = self.delays.iter().enumerate().map(|(place, delay)| {
            self.constants.difference(self.model, cbf, arrival, *delay)
                + passage.map_or(0.0, |passage| volume * passage[place])
        });
        Some((self.finish(&found, passage.is_some(), differences.len()), curve.collect()))
    }

    /// The minimum, with the arterial passage that it has.
    fn best(&self, differences: &[f64]) -> Option<(Minimum<3>, Option<&Vec<f64>>)> {
        assert_eq!(differences.len(), self.delays.len(), "one difference per delay");
        if differences.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let without = self.search(differences, self.start(differences)?, None)?;
        // METHOD: which delays see arterial label is a choice among few sets; each is tried, and the best one is kept
        // where it leaves less than no arterial label does.
        let mut best = without;
        let mut passing = None;
        for passage in &self.passages {
            let Some(start) = self.start_beside(differences, passage) else { continue };
            if let Some(found) = self.search(differences, start, Some(passage))
                && found.converged
                && found.squares < best.squares
            {
                (best, passing) = (found, Some(passage));
            }
        }
        best.converged.then_some((best, passing))
    }

    fn finish(&self, found: &Minimum<3>, passing: bool, samples: usize) -> AslFit {
        let [cbf_error, arrival_error, _] = found.standard_errors(samples).map(|error| error.unwrap_or(f64::NAN));
        let degrees = samples as f64 - if passing { 3.0 } else { 2.0 };
        let pairs = self.weights.iter().sum::<f64>() / self.weights.len() as f64;
        AslFit {
            cbf: found.parameters[0],
            cbf_error,
            // METHOD: an arrival time at an end of its range is not told; the flow is kept, for in tissue without flow
            // there is nothing to tell it, and to leave such tissue out would raise the mean of a lesion.
            arrival: if found.at_bound[1] { f64::NAN } else { found.parameters[1] },
            arrival_error,
            arterial_volume: if self.passages.is_empty() { f64::NAN } else { found.parameters[2] },
            residual: if degrees > 0.0 { (found.squares / pairs / degrees).sqrt() } else { f64::NAN },
        }
    }
}

impl SeveralDelays {
    /// The best node of the grid: the sum of squares there is `Σwd² - (Σwgd)²/Σwg²`, so the largest gain is best.
    ///
    /// METHOD: gain changes slowly over the grid, so every eighth node is looked at first and then those around the
    /// best; where flow can have either sign there may be two hills, and both are looked at.
    fn start(&self, differences: &[f64]) -> Option<[f64; 3]> {
        let product = |node: &Node| node.weighted.iter().zip(differences).map(|(g, d)| g * d).sum::<f64>();
        let last = self.nodes.len().checked_sub(1)?;
        let (mut highest, mut lowest) = ((f64::NEG_INFINITY, 0), (f64::INFINITY, 0));
        for place in (0..last).step_by(COARSE_STEP).chain([last]) {
            let height = product(&self.nodes[place]) * self.nodes[place].scale;
            if height > highest.0 {
                highest = (height, place);
            }
            if height < lowest.0 {
                lowest = (height, place);
            }
        }
        let mut best: Option<(f64, [f64; 3])> = None;
        for (height, place) in [highest, lowest] {
            if best.is_some_and(|(gain, _)| height * height < gain / 4.0) {
                continue;
            }
            for node in &self.nodes[place.saturating_sub(COARSE_STEP)..=(place + COARSE_STEP).min(last)] {
                let product = product(node);
                let gain = product * product * node.inverse_square;
                if best.is_none_or(|(most, _)| gain > most) {
                    best = Some((gain, [product * node.inverse_square, node.arrival, 0.0]));
                }
            }
        }
        best.map(|(_, start)| start)
    }

    /// The best node beside arterial label of a passage: both shares are linear, so they are solved at each node.
    fn start_beside(&self, differences: &[f64], passage: &[f64]) -> Option<[f64; 3]> {
        let sum = |terms: &mut dyn Iterator<Item = f64>| terms.sum::<f64>();
        let arterial = |other: &[f64]| {
            sum(&mut passage.iter().zip(other).zip(&self.weights).map(|((h, value), weight)| weight * h * value))
        };
        let (square, right) = (arterial(passage), arterial(differences));
        let mut best: Option<(f64, [f64; 3])> = None;
        for node in &self.nodes {
            let cross = sum(&mut node.weighted.iter().zip(passage).map(|(g, h)| g * h));
            let product = sum(&mut node.weighted.iter().zip(differences).map(|(g, d)| g * d));
            let own = 1.0 / node.inverse_square;
            let determinant = own * square - cross * cross;
            if !(determinant > 1e-9 * own * square) {
                continue;
            }
            let volume = (own * right - cross * product) / determinant;
            let cbf = (square * product - cross * right) / determinant;
            let gain = cbf * product + volume * right;
            if volume > 0.0 && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, [cbf, node.arrival, volume]));
            }
        }
        best.map(|(_, start)| start)
    }

    fn search(&self, differences: &[f64], start: [f64; 3], passage: Option<&Vec<f64>>) -> Option<Minimum<3>> {
        let most = if passage.is_some() { LARGEST_ARTERIAL_VOLUME } else { 0.0 };
        let (low, high) = ([-LARGEST_CBF, self.range.low, 0.0], [LARGEST_CBF, self.range.high, most]);
        minimize(start, low, high, |&[cbf, arrival, volume], sums| {
            for (place, ((delay, weight), difference)) in
                self.delays.iter().zip(&self.weights).zip(differences).enumerate()
            {
                let [value, by_cbf, by_arrival] =
                    self.constants.difference_and_slopes(self.model, cbf, arrival, *delay);
                let root = weight.sqrt();
                let by_volume = passage.map_or(0.0, |passage| passage[place]);
                let left = difference - value - volume * by_volume;
                sums.add(root * left, &[root * by_cbf, root * by_arrival, root * by_volume]);
            }
        })
    }
}

/// The arterial difference of a unit of volume at the delays, for each set of them that the bolus can be passing.
///
/// The set changes only where the arrival crosses a signal time or a signal time less the bolus; inside such an interval
/// arrival and volume cannot be told apart, so its middle stands for it.
fn passages(constants: &Constants, delays: &[Delay], range: ArrivalRange) -> Vec<Vec<f64>> {
    let mut edges = vec![range.low, range.high];
    edges.extend(delays.iter().flat_map(|delay| [delay.signal_time, delay.signal_time - delay.bolus]));
    edges.retain(|edge| (range.low..=range.high).contains(edge));
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup();
    let mut found: Vec<Vec<f64>> = Vec::new();
    for pair in edges.windows(2) {
        let arrival = (pair[0] + pair[1]) / 2.0;
        let passage: Vec<f64> =
            delays.iter().map(|delay| constants.arterial_difference(1.0, arrival, *delay)).collect();
        let seen = passage.iter().filter(|value| **value > 0.0).count();
        // Label that every delay sees, or none, cannot be told from flow.
        if seen > 0 && seen < delays.len() {
            found.push(passage);
        }
    }
    found
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
                    SeveralDelays::new(model, constants(labeling), &delays, &vec![1.0; delays.len()], RANGE, false)
                        .unwrap();
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
        let fit = SeveralDelays::new(SeveralDelaysModel::Woods, constants, &delays, &[1.0; 8], RANGE, false).unwrap();
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
    fn label_in_arteries_is_told_from_flow_and_biases_it_where_it_is_not_fitted() {
        let (delays, constants) = (delays(Labeling::Pcasl), constants(Labeling::Pcasl));
        let with = |arterial| {
            SeveralDelays::new(SeveralDelaysModel::Woods, constants, &delays, &[1.0; 8], RANGE, arterial).unwrap()
        };
        let seen: Vec<f64> = delays
            .iter()
            .map(|&d| {
                constants.difference(SeveralDelaysModel::Woods, 50.0, 1.2, d)
                    + constants.arterial_difference(0.01, 0.7, d)
            })
            .collect();
        let (fitted, ignored) = (with(true).fit(&seen).unwrap(), with(false).fit(&seen).unwrap());
        assert!((fitted.cbf - 50.0).abs() < 0.05 && (fitted.arrival - 1.2).abs() < 5e-3, "{fitted:?}");
        // The arterial arrival is known to an interval of 0.35 s only: e^{0.175/1.65} = 1.11 of the volume.
        assert!((fitted.arterial_volume / 0.01 - 1.0).abs() < 0.12, "{fitted:?}");
        assert!(ignored.cbf > 51.0 && ignored.arterial_volume.is_nan(), "{ignored:?}");
    }

    #[test]
    fn the_coarse_look_finds_the_node_of_the_whole_grid() {
        let (delays, constants) = (delays(Labeling::Pcasl), constants(Labeling::Pcasl));
        let fit = SeveralDelays::new(SeveralDelaysModel::General, constants, &delays, &[1.0; 8], RANGE, false).unwrap();
        for case in 0..200 {
            let noise = |i: usize| 2e-3 * (12.9898 * (8 * case + i) as f64).sin();
            let truth = (5.0 + (case % 90) as f64, 0.3 + 0.02 * (case % 97) as f64);
            let seen: Vec<f64> = delays
                .iter()
                .enumerate()
                .map(|(i, &d)| constants.difference(SeveralDelaysModel::General, truth.0, truth.1, d) + noise(i))
                .collect();
            let gain = |node: &Node| {
                let product: f64 = node.weighted.iter().zip(&seen).map(|(g, d)| g * d).sum();
                product * product * node.inverse_square
            };
            let most = fit.nodes.iter().map(gain).fold(0.0, f64::max);
            let [_, arrival, _] = fit.start(&seen).unwrap();
            let found = fit.nodes.iter().find(|node| node.arrival == arrival).map(gain).unwrap();
            assert!(found > 0.999 * most, "case {case}: {found} {most}");
        }
    }

    #[test]
    fn tissue_without_flow_has_zero_flow_and_no_arrival() {
        let delays = delays(Labeling::Pcasl);
        let fit = SeveralDelays::new(
            SeveralDelaysModel::General,
            constants(Labeling::Pcasl),
            &delays,
            &[1.0; 8],
            RANGE,
            false,
        )
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
                false,
            )
        };
        assert!(new(&[delay]).is_none() && new(&[delay, delay]).is_none() && new(&[]).is_none());
    }
}
