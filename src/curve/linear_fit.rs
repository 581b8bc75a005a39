//! Linear least squares with few columns, and the covariance of its parameters.

/// A column whose part independent of the others is below this share of its length cannot be told apart from them.
const RANK_TOLERANCE: f64 = 1e-10;

/// The columns of a linear model, prepared once for any number of curves.
///
/// `parameters = (AᵀA)⁻¹ Aᵀ y`, `covariance = σ² (AᵀA)⁻¹`. The columns are scaled to unit length before the normal
/// matrix is inverted, so that units do not spoil it.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel<const N: usize> {
    columns: [Vec<f64>; N],
    inverse: [[f64; N]; N],
}

impl<const N: usize> LinearModel<N> {
    /// Prepares the columns; `None` where they differ in length, are fewer values than columns, hold a value that is
    /// not finite, or depend on each other.
    pub fn new(columns: [Vec<f64>; N]) -> Option<Self> {
        let length = columns.first()?.len();
        if length < N || columns.iter().any(|column| column.len() != length) {
            return None;
        }
        let norms: [f64; N] = std::array::from_fn(|i| dot(&columns[i], &columns[i]).sqrt());
        if norms.iter().any(|norm| !norm.is_finite() || *norm == 0.0) {
            return None;
        }
        let normal: [[f64; N]; N] =
            std::array::from_fn(|i| std::array::from_fn(|j| dot(&columns[i], &columns[j]) / (norms[i] * norms[j])));
        let scaled = invert_positive(normal)?;
        let inverse = std::array::from_fn(|i| std::array::from_fn(|j| scaled[i][j] / (norms[i] * norms[j])));
        Some(Self { columns, inverse })
    }

    /// The columns.
    pub fn columns(&self) -> &[Vec<f64>; N] {
        &self.columns
    }

    /// `(AᵀA)⁻¹`: times the variance of the values, the covariance of the parameters.
    pub fn inverse(&self) -> &[[f64; N]; N] {
        &self.inverse
    }

    /// The parameters from `Aᵀy`.
    pub fn solve(&self, products: [f64; N]) -> [f64; N] {
        std::array::from_fn(|i| (0..N).map(|j| self.inverse[i][j] * products[j]).sum())
    }

    /// The parameters of one curve.
    pub fn fit(&self, values: &[f64]) -> [f64; N] {
        self.solve(std::array::from_fn(|i| dot(&self.columns[i], values)))
    }

    /// The weights with which the values of a curve make parameter `i`: a row of `(AᵀA)⁻¹ Aᵀ`.
    pub fn weights(&self, parameter: usize) -> Vec<f64> {
        (0..self.columns[0].len())
            .map(|t| (0..N).map(|j| self.inverse[parameter][j] * self.columns[j][t]).sum())
            .collect()
    }
}

/// Sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Inverse of a symmetric positive definite matrix with unit diagonal, by Cholesky; `None` where it is singular.
pub(super) fn invert_positive<const N: usize>(matrix: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut lower = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            lower[i][j] = if i == j {
                if rest.is_nan() || rest <= RANK_TOLERANCE {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / lower[j][j]
            };
        }
    }
    let mut inverse = [[0.0; N]; N];
    for column in 0..N {
        let mut x = [0.0; N];
        for i in 0..N {
            let unit = if i == column { 1.0 } else { 0.0 };
            x[i] = (unit - (0..i).map(|k| lower[i][k] * x[k]).sum::<f64>()) / lower[i][i];
        }
        for i in (0..N).rev() {
            x[i] = (x[i] - (i + 1..N).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
        }
        for row in 0..N {
            inverse[row][column] = x[row];
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_four_points_by_hand() {
        // x = 0..3, y = 1, 3, 2, 5: slope 1.1, intercept 1.1 (normal equations by hand)
        let model = LinearModel::new([vec![1.0; 4], vec![0.0, 1.0, 2.0, 3.0]]).unwrap();
        let [intercept, slope] = model.fit(&[1.0, 3.0, 2.0, 5.0]);
        assert!((intercept - 1.1).abs() < 1e-12 && (slope - 1.1).abs() < 1e-12, "{intercept} {slope}");
        // (AᵀA)⁻¹ = 1/20 [[14, -6], [-6, 4]]
        assert!((model.inverse()[0][0] - 0.7).abs() < 1e-12 && (model.inverse()[1][0] + 0.3).abs() < 1e-12);
    }

    #[test]
    fn weights_make_the_parameter() {
        let model = LinearModel::new([vec![1.0, 2.0, 4.0], vec![3.0, -1.0, 0.5]]).unwrap();
        let values = [0.3, 0.1, -2.0];
        for parameter in 0..2 {
            assert!((dot(&model.weights(parameter), &values) - model.fit(&values)[parameter]).abs() < 1e-12);
        }
    }

    #[test]
    fn columns_of_very_different_units_are_still_told_apart() {
        let small: Vec<f64> = (0..20).map(|i| 1e-9 * f64::from(i * i)).collect();
        let large: Vec<f64> = (0..20).map(|i| 1e9 * f64::from(i)).collect();
        let values: Vec<f64> = small.iter().zip(&large).map(|(s, l)| 2e9 * s - 3e-9 * l).collect();
        let [a, b] = LinearModel::new([small, large]).unwrap().fit(&values);
        assert!((a / 2e9 - 1.0).abs() < 1e-9 && (b / -3e-9 - 1.0).abs() < 1e-9, "{a} {b}");
    }

    #[test]
    fn dependent_or_empty_columns_are_no_model() {
        assert!(LinearModel::new([vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]]).is_none());
        assert!(LinearModel::new([vec![0.0; 3]]).is_none());
        assert!(LinearModel::new([vec![1.0], vec![2.0]]).is_none());
        assert!(LinearModel::new([vec![1.0, f64::NAN]]).is_none());
    }
}
