//! Transform files: a 4x4 matrix as text (ours), or an ITK text transform (read only).
//!
//! Ours: lines that begin with `#` are comments; then four lines of four numbers. The matrix takes a point of the image
//! named after `from-` to the same point of the image named after `to-`, both in scanner coordinates, RAS+ millimeters.
//! ITK files (`#Insight Transform File V1.0`) hold the opposite direction in LPS coordinates, as
//! `antsApplyTransforms` wants it to bring an image from `from-` to `to-`: they are turned round when they are read.

use std::path::Path;

use super::error::AlignError;
use super::rigid::Rigid;
use crate::image::Affine;

/// A transform from one image to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformFile {
    /// Takes points of the `from-` image to the `to-` image, RAS+ mm.
    pub forward: Affine,
    /// The way back: what resampling an image of `from-` onto the grid of `to-` asks for.
    pub pull: Affine,
}

impl TransformFile {
    /// Reads either kind of file.
    pub fn read(path: &Path) -> Result<Self, AlignError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| AlignError::Read { path: path.to_owned(), source })?;
        let fail = |problem: String| AlignError::File { path: path.to_owned(), problem };
        let text = text.trim_start_matches('\u{feff}');
        let (matrix, itk) = if text.trim_start().starts_with("#Insight Transform File") {
            (itk_matrix(text).map_err(fail)?, true)
        } else {
            (text_matrix(text).map_err(fail)?, false)
        };
        let other = matrix.inverse().ok_or_else(|| fail("the matrix has no inverse".to_owned()))?;
        Ok(if itk { Self { forward: other, pull: matrix } } else { Self { forward: matrix, pull: other } })
    }
}

/// The text of a file for a rigid transform that pulls (fixed to moving), from the moving image to the fixed one.
pub fn transform_text(pull: &Rigid, center: [f64; 3]) -> String {
    let forward = pull.inverse();
    let pose = forward.pose(center);
    let numbers = |values: [f64; 3]| values.map(|value| format!("{value:.4}")).join(" ");
    let mut text = format!(
        "# relight rigid transform: takes a point of the from- image to the to- image, scanner coordinates, RAS+ mm\n\
         # translation of the point {} (mm): {}\n# rotation about right, front, up (degrees, R = Rz Ry Rx): {}\n",
        numbers(center),
        numbers(pose.translation_mm),
        numbers(pose.rotation_deg)
    );
    for row in forward.affine().0 {
        // Adding zero turns -0 into 0.
        text.push_str(&row.map(|value| format!("{}", value + 0.0)).join(" "));
        text.push('\n');
    }
    text.push_str("0 0 0 1\n");
    text
}

fn text_matrix(text: &str) -> Result<Affine, String> {
    let mut rows: Vec<[f64; 4]> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let values =
            numbers(line).map_err(|found| format!("line {}: expected numbers, found {found:?}", number + 1))?;
        let row = <[f64; 4]>::try_from(values)
            .map_err(|found| format!("line {}: expected 4 numbers, found {}", number + 1, found.len()))?;
        rows.push(row);
    }
    let [a, b, c, last] = <[[f64; 4]; 4]>::try_from(rows)
        .map_err(|found| format!("expected 4 lines of 4 numbers, found {} lines", found.len()))?;
    if last != [0.0, 0.0, 0.0, 1.0] {
        return Err(format!("the last line: expected 0 0 0 1, found {last:?}"));
    }
    Ok(Affine([a, b, c]))
}

/// `y = A (x - c) + c + t` in LPS, as RAS.
fn itk_matrix(text: &str) -> Result<Affine, String> {
    let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let several = text.lines().filter(|line| line.trim_start().starts_with("Transform:")).count();
    if several != 1 {
        return Err(format!("expected one transform, found {several}"));
    }
    let kind = field("Transform:").unwrap_or_default();
    let parameters = field("Parameters:").ok_or("expected a line Parameters:, found none")?;
    let parameters = numbers(parameters).map_err(|found| format!("Parameters: expected numbers, found {found:?}"))?;
    let fixed = numbers(field("FixedParameters:").unwrap_or("0 0 0"))
        .map_err(|found| format!("FixedParameters: expected numbers, found {found:?}"))?;
    let center = <[f64; 3]>::try_from(fixed)
        .map_err(|found| format!("FixedParameters: expected 3 numbers, found {}", found.len()))?;
    let count = parameters.len();
    let wrong = |expected: usize| format!("{kind}: expected {expected} parameters, found {count}");
    let (linear, translation) = if kind.starts_with("AffineTransform") || kind.starts_with("MatrixOffsetTransformBase")
    {
        let p = <[f64; 12]>::try_from(parameters).map_err(|_| wrong(12))?;
        ([[p[0], p[1], p[2]], [p[3], p[4], p[5]], [p[6], p[7], p[8]]], [p[9], p[10], p[11]])
    } else if kind.starts_with("Euler3DTransform") {
        let p = <[f64; 6]>::try_from(parameters).map_err(|_| wrong(6))?;
        (euler(p[0], p[1], p[2]), [p[3], p[4], p[5]])
    } else {
        return Err(format!(
            "expected an AffineTransform, MatrixOffsetTransformBase or Euler3DTransform, found {kind:?}"
        ));
    };
    let flip = [-1.0, -1.0, 1.0];
    let mut ras = [[0.0; 4]; 3];
    for row in 0..3 {
        let turned: f64 = (0..3).map(|k| linear[row][k] * center[k]).sum();
        for column in 0..3 {
            ras[row][column] = flip[row] * linear[row][column] * flip[column];
        }
        ras[row][3] = flip[row] * (center[row] - turned + translation[row]);
    }
    Ok(Affine(ras))
}

/// ITK's default order: `R = Rz Rx Ry`, angles in radians.
fn euler(x: f64, y: f64, z: f64) -> [[f64; 3]; 3] {
    let ((sx, cx), (sy, cy), (sz, cz)) = (x.sin_cos(), y.sin_cos(), z.sin_cos());
    [
        [cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy],
        [sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy],
        [-cx * sy, sx, cx * cy],
    ]
}

/// Numbers between blanks; the first word that is none is the error.
fn numbers(text: &str) -> Result<Vec<f64>, String> {
    text.split_whitespace()
        .map(|word| word.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| word.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Pose;

    fn read(text: &str) -> Result<TransformFile, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        TransformFile::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_back_to_the_same_numbers() {
        let pose = Pose { translation_mm: [1.0, 2.0, -3.0], rotation_deg: [1.0, 2.0, 3.0] };
        let pull = Rigid::from_pose(&pose, [5.0, 6.0, 7.0]);
        let found = read(&transform_text(&pull, [5.0, 6.0, 7.0])).unwrap();
        assert_eq!(found.forward, pull.inverse().affine());
        let back = found.pull.apply([10.0, 20.0, 30.0]);
        let expected = pull.apply([10.0, 20.0, 30.0]);
        assert!((0..3).all(|k| (back[k] - expected[k]).abs() < 1e-12));
    }

    #[test]
    fn an_itk_shift_to_the_left_is_a_pull_to_negative_x() {
        // In LPS +1 is to the left: the output's point is looked up 1 mm left and 2 mm behind, 3 mm above.
        let text = "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n\
                    Parameters: 1 0 0 0 1 0 0 0 1 1 2 3\nFixedParameters: 0 0 0\n";
        let found = read(text).unwrap();
        assert_eq!(found.pull.apply([0.0; 3]), [-1.0, -2.0, 3.0]);
        assert_eq!(found.forward.apply([-1.0, -2.0, 3.0]), [0.0; 3]);
    }

    #[test]
    fn an_itk_rotation_about_a_center_leaves_the_center() {
        let text = "#Insight Transform File V1.0\nTransform: Euler3DTransform_double_3_3\n\
                    Parameters: 0.1 0.2 0.3 0 0 0\nFixedParameters: 10 20 30\n";
        let found = read(text).unwrap();
        let center = found.pull.apply([-10.0, -20.0, 30.0]);
        assert!((0..3).all(|k| (center[k] - [-10.0, -20.0, 30.0][k]).abs() < 1e-12), "{center:?}");
        assert!(Rigid::from_affine(&found.pull).is_some());
    }

    #[test]
    fn what_is_no_transform_is_named() {
        for (text, words) in [
            ("1 0 0 0\n0 1 0 0\n0 0 1 0\n", "found 3 lines"),
            ("1 0 0 0\n0 1 zero 0\n0 0 1 0\n0 0 0 1\n", "line 2: expected numbers, found \"zero\""),
            ("1 0 0\n", "line 1: expected 4 numbers, found 3"),
            ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n", "last line"),
            ("0 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "no inverse"),
            ("#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\nParameters: 1\n", "BSpline"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
