//! The T1-weighted image after gadolinium: tissue contrasts of a spin echo, partial volume, receive field, noise.

use super::head::{Anatomy, Tissue};
use super::mixture::mixture;
use super::noise::{NormalStream, mix, texture};
use super::scanner::Realism;
use crate::image::{Grid, Volume};

/// Noise, in units of the image (white matter is 560).
const NOISE: f64 = 9.0;

/// Signal of a tissue, arbitrary units: chosen to look like a post-contrast spin echo at 1.5-3 T.
fn signal(tissue: Tissue) -> f64 {
    match tissue {
        Tissue::Air => 0.0,
        Tissue::Scalp => 1180.0,
        Tissue::Bone => 90.0,
        Tissue::Marrow => 520.0,
        Tissue::Dura => 860.0,
        Tissue::Csf => 170.0,
        Tissue::GrayMatter => 470.0,
        Tissue::WhiteMatter => 560.0,
        Tissue::Edema => 440.0,
        Tissue::Artery => 1020.0,
        Tissue::Enhancing(_) => 1060.0,
        Tissue::Core(_) => 300.0,
    }
}

/// Size and relative depth of the texture of a tissue: (lattice in mm, share of the signal).
fn mottle(tissue: Tissue) -> (f64, f64) {
    match tissue {
        Tissue::Enhancing(_) => (5.0, 0.22),
        Tissue::Core(_) => (6.0, 0.25),
        Tissue::Scalp | Tissue::Marrow => (4.0, 0.25),
        Tissue::Edema => (9.0, 0.06),
        _ => (7.0, 0.04),
    }
}

/// The receive field: a smooth drift of a few percent over the head.
fn receive_field([x, y, z]: [f64; 3]) -> f64 {
    let (u, v, w) = (x / 100.0, y / 100.0, z / 100.0);
    1.0 + 0.04 * u - 0.03 * v + 0.10 * (u * u + v * v) - 0.05 * w
}

/// The image on a grid; zero outside the head, as after a scanner's background mask.
pub(super) fn post_contrast_t1(anatomy: &dyn Anatomy, grid: Grid, image_seed: u64, realism: Realism) -> Volume {
    let mut volume = Volume::filled(grid, 0.0);
    for index in 0..grid.len() {
        let position = grid.position(grid.voxel(index));
        let clean = mixture(anatomy, &grid, index)
            .into_iter()
            .map(|(tissue, share)| {
                let (lattice, depth) = mottle(tissue);
                share * signal(tissue) * (1.0 + depth * texture(mix(image_seed), position, lattice))
            })
            .sum::<f64>()
            * receive_field(position);
        if clean > 0.0 {
            let value = match realism {
                Realism::Scanned => NormalStream::new(image_seed, index).rician(clean, NOISE),
                Realism::Exact => clean,
            };
            volume.data[index] = value.round() as f32;
        }
    }
    volume
}
