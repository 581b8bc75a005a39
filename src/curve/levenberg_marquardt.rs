//! Nonlinear least squares between bounds, with standard errors.
//!
//! Marquardt DW, J Soc Ind Appl Math 1963;11:431: `(JᵀJ + λ diag JᵀJ) δ = Jᵀr`. A parameter that stands on a bound and
//! would be pushed over it is held there for that step; a step that leaves the box is cut at its walls.

/// First damping.
const FIRST_DAMPING: f64 = 1e-3;
/// Damping at which no step can lower the sum of squares any more.
const LARGEST_DAMPING: f64 = 1e10;
/// Factor by which damping grows after a step that does not help, and shrinks after one that does.
const DAMPING_FACTOR: f64 = 10.0;
/// Steps after which a fit has not converged.
const LARGEST_STEPS: usize = 60;
/// A step that moves no parameter by more than this share of itself ends the fit.
const STEP_TOLERANCE: f64 = 1e-8;
/// A step that lowers the sum of squares by less than this share ends the fit.
const SQUARES_TOLERANCE: f64 = 1e-12;
/// A pivot below this share of its diagonal cannot be told from zero.
const RANK_TOLERANCE: f64 = 1e-13;

/// Sums over the samples of a curve: what one look at a model gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums<const N: usize> {
    squares: f64,
    gradient: [f64; N],
    normal: [[f64; N]; N],
}

impl<const N: usize> Sums<N> {
    /// Takes up one sample: what is left of it, and the model's derivatives there.
    #[inline(always)]
    pub fn add(&mut self, residual: f64, derivatives: &[f64; N]) {
        self.squares += residual * residual;
        for i in 0..N {
            self.gradient[i] += derivatives[i] * residual;
            for j in 0..N {
                self.normal[i][j] += derivatives[i] * derivatives[j];
            }
        }
    }

    const fn zero() -> Self {
        Self { squares: 0.0, gradient: [0.0; N], normal: [[0.0; N]; N] }
    }
}

/// A minimum between bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum<const N: usize> {
    /// The parameters.
    pub parameters: [f64; N],
    /// Sum of squared residuals.
    pub squares: f64,
    /// Whether the search ended by itself.
    pub converged: bool,
    /// Parameters that were free and end on a bound.
    pub at_bound: [bool; N],
    /// Diagonal of `(JᵀJ)⁻¹` over the parameters that are not on a bound; `None` there, and where it is singular.
    pub variance_factors: [Option<f64>; N],
}

impl<const N: usize> Minimum<N> {
    /// Standard errors `√(s² (JᵀJ)⁻¹)` with `s² = squares/(samples - free)`, samples taken as independent; `None` for
    /// a parameter on a bound.
    pub fn standard_errors(&self, samples: usize) -> [Option<f64>; N] {
        let free = self.variance_factors.iter().flatten().count();
        let degrees = samples.saturating_sub(free);
        self.variance_factors.map(|factor| {
            let variance = self.squares / degrees as f64 * factor?;
            (degrees > 0 && variance.is_finite()).then(|| variance.sqrt())
        })
    }
}

/// Minimizes the sum of squares from `start` inside `low ..= high`; a parameter whose bounds meet is fixed there.
///
/// `look` adds every sample of the curve at the given parameters ([`Sums::add`]). `None` where the model is not finite
/// at the start.
pub fn minimize<const N: usize>(
    start: [f64; N],
    low: [f64; N],
    high: [f64; N],
    mut look: impl FnMut(&[f64; N], &mut Sums<N>),
) -> Option<Minimum<N>> {
    let inside = |parameters: [f64; N]| std::array::from_fn(|i| parameters[i].max(low[i]).min(high[i]));
    let mut at = |parameters: &[f64; N]| {
        let mut sums = Sums::zero();
        look(parameters, &mut sums);
        sums
    };
    let mut parameters: [f64; N] = inside(start);
    let mut sums = at(&parameters);
    if !sums.squares.is_finite() {
        return None;
    }
    let mut damping = FIRST_DAMPING;
    let mut converged = false;
    for _ in 0..LARGEST_STEPS {
        let free: [bool; N] = std::array::from_fn(|i| {
            let pushed_out = (parameters[i] <= low[i] && sums.gradient[i] <= 0.0)
                || (parameters[i] >= high[i] && sums.gradient[i] >= 0.0);
            !pushed_out && low[i] < high[i]
        });
        let mut damped = sums.normal;
        for i in 0..N {
            damped[i][i] *= 1.0 + damping;
        }
        let Some(step) = solve(&damped, &sums.gradient, &free) else {
            damping *= DAMPING_FACTOR;
            if damping > LARGEST_DAMPING {
                break;
            }
            continue;
        };
        let next = inside(std::array::from_fn(|i| parameters[i] + step[i]));
        let still = (0..N).all(|i| (next[i] - parameters[i]).abs() <= STEP_TOLERANCE * parameters[i].abs());
        if still {
            converged = true;
            break;
        }
        let found = at(&next);
        if found.squares < sums.squares {
            let gained = sums.squares - found.squares;
            let enough = gained <= SQUARES_TOLERANCE * sums.squares;
            (parameters, sums) = (next, found);
            damping = (damping / DAMPING_FACTOR).max(1e-12);
            if enough {
                converged = true;
                break;
            }
        } else {
            damping *= DAMPING_FACTOR;
            if damping > LARGEST_DAMPING {
                // No direction leads down: the minimum, as far as the digits go.
                converged = true;
                break;
            }
        }
    }
    let at_bound: [bool; N] =
        std::array::from_fn(|i| low[i] < high[i] && (parameters[i] <= low[i] || parameters[i] >= high[i]));
    let free: [bool; N] = std::array::from_fn(|i| low[i] < high[i] && !at_bound[i]);
    let variance_factors = std::array::from_fn(|i| {
        let unit = std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 });
        if free[i] { solve(&sums.normal, &unit, &free).map(|column| column[i]) } else { None }
    });
    Some(Minimum { parameters, squares: sums.squares, converged, at_bound, variance_factors })
}

/// Solves a symmetric positive definite system over the rows that are `free`; 0 elsewhere. `None` where it is singular.
///
/// The rows are scaled by their diagonal first, so that units do not spoil it.
pub fn solve<const N: usize>(matrix: &[[f64; N]; N], right: &[f64; N], free: &[bool; N]) -> Option<[f64; N]> {
    let mut scale = [0.0; N];
    for i in 0..N {
        if free[i] {
            if !(matrix[i][i] > 0.0 && matrix[i][i].is_finite()) {
                return None;
            }
            scale[i] = 1.0 / matrix[i][i].sqrt();
        }
    }
    let mut lower = [[0.0; N]; N];
    let mut solution = [0.0; N];
    for i in (0..N).filter(|&i| free[i]) {
        for j in (0..=i).filter(|&j| free[j]) {
            let mut rest = matrix[i][j] * scale[i] * scale[j];
            for k in 0..j {
                rest -= lower[i][k] * lower[j][k];
            }
            if i != j {
                lower[i][j] = rest / lower[j][j];
            } else if rest > RANK_TOLERANCE {
                lower[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
        let mut rest = right[i] * scale[i];
        for k in 0..i {
            rest -= lower[i][k] * solution[k];
        }
        solution[i] = rest / lower[i][i];
    }
    for i in (0..N).rev().filter(|&i| free[i]) {
        for k in i + 1..N {
            solution[i] -= lower[k][i] * solution[k];
        }
        solution[i] /= lower[i][i];
    }
    for i in 0..N {
        solution[i] *= scale[i];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `y = a e^{-kx}` at x = 0 .. 9.
    fn decay(truth: [f64; 2], low: [f64; 2], high: [f64; 2]) -> Minimum<2> {
        let values: Vec<f64> = (0..10).map(|x| truth[0] * (-truth[1] * f64::from(x)).exp()).collect();
        minimize([1.0, 0.1], low, high, |&[a, k], sums| {
            for (x, value) in values.iter().enumerate() {
                let e = (-k * x as f64).exp();
                sums.add(value - a * e, &[e, -a * x as f64 * e]);
            }
        })
        .unwrap()
    }

    #[test]
    fn an_exponential_is_found() {
        let found = decay([5.0, 0.7], [0.0, 0.0], [100.0, 10.0]);
        assert!(found.converged && found.at_bound == [false; 2]);
        assert!((found.parameters[0] - 5.0).abs() < 1e-9 && (found.parameters[1] - 0.7).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn the_best_point_on_a_wall_is_found_and_told() {
        // With k held at its bound of 0.5 the best a is the linear one: Σye / Σe².
        let found = decay([5.0, 0.7], [0.0, 0.0], [100.0, 0.5]);
        let (mut top, mut bottom) = (0.0, 0.0);
        for x in 0..10 {
            let e = (-0.5 * f64::from(x)).exp();
            top += 5.0 * (-0.7 * f64::from(x)).exp() * e;
            bottom += e * e;
        }
        assert!((found.parameters[0] - top / bottom).abs() < 1e-7, "{found:?}");
        assert_eq!((found.at_bound, found.variance_factors[1]), ([false, true], None));
    }

    #[test]
    fn a_parameter_whose_bounds_meet_is_fixed_and_is_not_at_a_bound() {
        let found = decay([5.0, 0.7], [2.0, 0.0], [2.0, 10.0]);
        assert_eq!((found.parameters[0], found.at_bound[0]), (2.0, false));
    }

    #[test]
    fn errors_of_a_line_are_the_textbook_ones() {
        // y = 1, 3, 2, 5 at x = 0..3: slope and intercept 1.1, Σr² = 2.7, s² = 1.35, se = √(1.35·[0.7, 0.2])
        let values = [1.0, 3.0, 2.0, 5.0];
        let found = minimize([0.0, 0.0], [-9.0; 2], [9.0; 2], |&[intercept, slope], sums| {
            for (x, value) in values.iter().enumerate() {
                sums.add(value - intercept - slope * x as f64, &[1.0, x as f64]);
            }
        })
        .unwrap();
        assert!((found.squares - 2.7).abs() < 1e-9, "{found:?}");
        let errors = found.standard_errors(4).map(Option::unwrap);
        assert!((errors[0] - (1.35f64 * 0.7).sqrt()).abs() < 1e-9 && (errors[1] - (1.35f64 * 0.2).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_model_that_is_not_a_number_has_no_minimum() {
        assert!(minimize([1.0], [0.0], [2.0], |_, sums| sums.add(f64::NAN, &[1.0])).is_none());
    }
}
