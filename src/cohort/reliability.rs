//! Whether a probability means what it says: Brier score, calibration intercept and slope, observed against expected.
//!
//! Brier 1950, Mon Weather Rev 78:1; Cox 1958, Biometrika 45:562 (logistic recalibration).

use serde::Serialize;

use super::proportion::Proportion;

/// How a probability does against the outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Lesions with a probability.
    pub lesions: usize,
    /// Mean squared difference of probability and outcome; 0 is perfect.
    pub brier: f64,
    /// Intercept of `logit(outcome) = a + b logit(probability)`; 0 is perfect. `None` where it has no solution.
    pub intercept: Option<f64>,
    /// Slope of it; 1 is perfect, below 1 is too sure.
    pub slope: Option<f64>,
    /// By what the probability speaks for.
    pub groups: Vec<Group>,
}

/// Lesions whose probability lies in one range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// From here on.
    pub from: f64,
    /// Up to here.
    pub to: f64,
    /// Mean probability; `None` for an empty group.
    pub expected: Option<f64>,
    /// Recurrences among them.
    pub observed: Proportion,
}

/// Steps of Newton's method, and the change at which it has settled.
const NEWTON_STEPS: usize = 50;
const SETTLED: f64 = 1e-10;
/// Coefficients beyond it mean that the outcomes are separated and no finite solution exists.
const SEPARATED: f64 = 50.0;

/// Reliability of probabilities strictly between 0 and 1, grouped at the given inner bounds. `None` without a lesion or
/// with a probability that is none.
pub fn reliability(cases: &[(f64, bool)], bounds: &[f64]) -> Option<Reliability> {
    if cases.is_empty() || cases.iter().any(|(probability, _)| !(*probability > 0.0 && *probability < 1.0)) {
        return None;
    }
    let outcome = |recurrence: bool| if recurrence { 1.0 } else { 0.0 };
    let brier = cases.iter().map(|(probability, recurrence)| (probability - outcome(*recurrence)).powi(2)).sum::<f64>()
        / cases.len() as f64;
    let mut edges = vec![0.0];
    edges.extend_from_slice(bounds);
    edges.push(1.0);
    let groups = edges
        .windows(2)
        .enumerate()
        .map(|(place, edge)| {
            let last = place + 2 == edges.len();
            let inside: Vec<_> = cases
                .iter()
                .filter(|(probability, _)| *probability >= edge[0] && (*probability < edge[1] || last))
                .collect();
            let sum: f64 = inside.iter().map(|(probability, _)| probability).sum();
            Group {
                from: edge[0],
                to: edge[1],
                expected: (!inside.is_empty()).then(|| sum / inside.len() as f64),
                observed: Proportion::new(inside.iter().filter(|(_, recurrence)| *recurrence).count(), inside.len()),
            }
        })
        .collect();
    let line = logistic_line(cases);
    Some(Reliability {
        lesions: cases.len(),
        brier,
        intercept: line.map(|(intercept, _)| intercept),
        slope: line.map(|(_, slope)| slope),
        groups,
    })
}

/// Maximum likelihood of `logit(outcome) = a + b logit(probability)` by Newton's method.
fn logistic_line(cases: &[(f64, bool)]) -> Option<(f64, f64)> {
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..NEWTON_STEPS {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (probability, recurrence) in cases {
            let x = (probability / (1.0 - probability)).ln();
            let fitted = 1.0 / (1.0 + (-(a + b * x)).exp());
            let residual = if *recurrence { 1.0 - fitted } else { -fitted };
            let weight = fitted * (1.0 - fitted);
            ga += residual;
            gb += residual * x;
            haa += weight;
            hab += weight * x;
            hbb += weight * x * x;
        }
        let determinant = haa * hbb - hab * hab;
        let solvable = determinant.abs() > 1e-12 * (haa * hbb).max(1e-300);
        if !solvable {
            return None;
        }
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        a += da;
        b += db;
        if a.abs() > SEPARATED || b.abs() > SEPARATED {
            return None;
        }
        if da.abs() < SETTLED && db.abs() < SETTLED {
            return Some((a, b));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(probability: f64, recurred: usize, of: usize) -> Vec<(f64, bool)> {
        (0..of).map(|n| (probability, n < recurred)).collect()
    }

    #[test]
    fn a_true_probability_has_intercept_0_and_slope_1() {
        let all = [cases(0.2, 20, 100), cases(0.5, 50, 100), cases(0.8, 80, 100)].concat();
        let found = reliability(&all, &[0.25, 0.8]).unwrap();
        assert!(found.intercept.unwrap().abs() < 1e-9 && (found.slope.unwrap() - 1.0).abs() < 1e-9, "{found:?}");
        // By hand: mean of p (1 - p) = (0.16 + 0.25 + 0.16) / 3.
        assert!((found.brier - 0.19).abs() < 1e-12);
        assert_eq!(found.groups.iter().map(|group| group.observed.total).collect::<Vec<_>>(), [100, 100, 100]);
    }

    #[test]
    fn a_probability_that_is_too_sure_has_a_slope_below_1() {
        // Told 0.1 and 0.9, true 0.25 and 0.75: slope logit(0.75) / logit(0.9) = 1.0986 / 2.1972 = 0.5.
        let all = [cases(0.1, 25, 100), cases(0.9, 75, 100)].concat();
        let found = reliability(&all, &[0.5]).unwrap();
        assert!((found.slope.unwrap() - 0.5).abs() < 1e-9 && found.intercept.unwrap().abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn separated_outcomes_have_no_line() {
        let found = reliability(&[cases(0.1, 0, 10), cases(0.9, 10, 10)].concat(), &[0.5]).unwrap();
        assert_eq!((found.slope, found.intercept), (None, None));
        assert_eq!(reliability(&[(0.5, true), (1.0, false)], &[0.5]), None);
        assert_eq!(reliability(&[(0.5, true), (0.5, false)], &[0.5]).unwrap().slope, None);
    }
}
