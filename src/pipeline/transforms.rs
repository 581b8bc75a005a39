//! A given transform between the anatomy and the DSC series of a session.
//!
//! `*_from-T1w_to-dsc_mode-image_xfm.txt` (or the way back) among the derivatives. Masks drawn on the anatomy then go to
//! the series through it instead of by scanner coordinates alone, and so do the pictures.

use super::error::SessionError;
use crate::align::TransformFile;
use crate::image::{Affine, Grid};
use crate::quality::{Caveat, CaveatCode};
use crate::study::SessionInputs;

/// `from-` and `to-` words of the anatomy and of the series, without regard to case.
const ANATOMY: [&str; 7] = ["T1w", "T1", "T1c", "ceT1w", "T2w", "FLAIR", "anat"];
const SERIES: [&str; 3] = ["dsc", "perf", "perfusion"];

/// How the anatomy lies to the series, scanner coordinates in mm.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// From a point of the anatomy to the same point of the series.
    pub to_series: Affine,
    /// From a point of the series to the same point of the anatomy.
    pub to_anatomy: Affine,
    /// The file that says so.
    pub file: String,
}

impl Through {
    /// The grid of the series as it stands in the anatomy: for pictures of both. `None` where the transform turns an
    /// axis so far that it would be named otherwise.
    pub fn in_anatomy(&self, grid: &Grid) -> Option<Grid> {
        let moved = Grid::from_stored(grid.stored_shape(), self.to_anatomy.after(&grid.stored_affine())).ok()?;
        (moved.storage() == grid.storage()).then_some(moved)
    }
}

/// The transform between anatomy and series, and a caveat for each other one: nothing else is related by a file.
pub fn of_session(session: &SessionInputs) -> Result<(Option<Through>, Vec<Caveat>), SessionError> {
    let is = |word: &str, words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    let mut found: Option<Through> = None;
    let mut caveats = Vec::new();
    for transform in &session.transforms {
        let there = is(&transform.from, &ANATOMY) && is(&transform.to, &SERIES);
        let back = is(&transform.from, &SERIES) && is(&transform.to, &ANATOMY);
        let name = transform.file.relative();
        if session.dsc.is_none() || !(there || back) || found.is_some() {
            caveats.push(Caveat::new(CaveatCode::TransformNotUsed, name));
            continue;
        }
        let failed = |source| SessionError::Align { file: name.to_owned(), source };
        let TransformFile { forward, pull } = TransformFile::read(transform.file.path()).map_err(failed)?;
        let (to_series, to_anatomy) = if there { (forward, pull) } else { (pull, forward) };
        found = Some(Through { to_series, to_anatomy, file: name.to_owned() });
    }
    Ok((found, caveats))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_moved_into_the_anatomy_has_its_voxels_where_the_transform_says() {
        let grid = Grid::from_stored([4, 5, 6], Affine::diagonal([-2.0, 2.0, 3.0], [6.0, 0.0, 0.0])).unwrap();
        let to_series = Affine::diagonal([1.0; 3], [5.0, -3.0, 1.0]);
        let through = Through { to_series, to_anatomy: to_series.inverse().unwrap(), file: String::new() };
        let moved = through.in_anatomy(&grid).unwrap();
        for voxel in [[0, 0, 0], [3, 2, 5]] {
            let there = through.to_series.apply(moved.position(voxel));
            let expected = grid.position(voxel);
            assert!((0..3).all(|k| (there[k] - expected[k]).abs() < 1e-12));
        }
    }
}
