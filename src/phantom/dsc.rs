//! The DSC series of a head: every tissue's analytic curve, mixed by partial volume, with Rician noise.

use super::dsc_curve::{DscProtocol, DscTissue, DscTissueClass, artery_signal};
use super::head::{Anatomy, Tissue};
use super::mixture::mixture;
use super::noise::NormalStream;
use super::scanner::Realism;
use crate::image::Grid;
use crate::units::Seconds;

/// Ratio of the white-matter baseline to the standard deviation of the noise (METHODS.md 1, reference object).
const SIGNAL_TO_NOISE: f64 = 60.0;

/// Density of protons, relative to fluid. It scales a curve and leaves its relaxation as it is; with these values the
/// baseline looks like an echo-planar image: white matter darkest, fluid brightest.
mod proton_density {
    pub(super) const WHITE_MATTER: f64 = 0.70;
    pub(super) const GRAY_MATTER: f64 = 0.82;
    pub(super) const FLUID: f64 = 1.0;
    pub(super) const LESION: f64 = 0.84;
    pub(super) const BLOOD: f64 = 0.86;
}
/// Scanner units per unit of the analytic curves: white matter comes out near 115, its noise near 2. Small numbers
/// keep the fixture small; rounding adds 1 % to the noise.
const RECEIVER_GAIN: f64 = 0.4;
/// Step of an exact series: a part in 18,000 of white matter; the brightest fluid still fits 16 bits.
const EXACT_STEP: f32 = 1.0 / 160.0;
/// Signal of tissue outside the brain, where fat saturation leaves little: it does not change with contrast.
const SCALP: f64 = 18.0;
const BONE: f64 = 3.0;
const MARROW: f64 = 7.0;
const DURA: f64 = 12.0;

/// What fills a lesion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LesionPerfusion {
    /// The enhancing part.
    pub enhancing: DscTissue,
    /// The core.
    pub core: DscTissue,
}

/// Core of a treated tumor: almost no blood, and what there is does not leak.
pub const AVASCULAR_CORE: DscTissue = DscTissue {
    cbv: 0.4,
    cbf: 3.0,
    delay: Seconds(1.0),
    dispersion: Seconds(0.0),
    leakage: None,
    t1: Seconds(2.2),
    t2_star: Seconds(0.09),
};

/// White matter with edema: the perfusion of white matter, more water.
const EDEMA: DscTissue =
    DscTissue { t1: Seconds(1.25), t2_star: Seconds(0.062), ..DscTissueClass::WhiteMatter.tissue() };

/// A series as the scanner stores it: whole grid, frame by frame, canonical voxel order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredSeries {
    /// Where the voxels stand.
    pub(super) grid: Grid,
    /// Number of frames.
    pub(super) frames: usize,
    /// Signal of one stored unit.
    pub(super) step: f32,
    /// `frames × voxels` samples, in steps.
    pub(super) data: Vec<i16>,
}

/// The curves of one head, noise-free, in the units of the image.
struct Curves {
    white_matter: Vec<f64>,
    gray_matter: Vec<f64>,
    fluid: Vec<f64>,
    edema: Vec<f64>,
    artery: Vec<f64>,
    lesions: Vec<[Vec<f64>; 2]>,
}

impl Curves {
    fn new(lesions: &[LesionPerfusion], protocol: &DscProtocol) -> Self {
        let scaled = |curve: Vec<f64>, density: f64| -> Vec<f64> {
            curve.into_iter().map(|value| RECEIVER_GAIN * density * value).collect()
        };
        let class = |class: DscTissueClass, density| scaled(class.tissue().signal(protocol), density);
        Self {
            white_matter: class(DscTissueClass::WhiteMatter, proton_density::WHITE_MATTER),
            gray_matter: class(DscTissueClass::GrayMatter, proton_density::GRAY_MATTER),
            fluid: class(DscTissueClass::Csf, proton_density::FLUID),
            edema: scaled(EDEMA.signal(protocol), proton_density::GRAY_MATTER),
            artery: scaled(artery_signal(protocol), proton_density::BLOOD),
            lesions: lesions
                .iter()
                .map(|lesion| {
                    [lesion.enhancing, lesion.core]
                        .map(|tissue| scaled(tissue.signal(protocol), proton_density::LESION))
                })
                .collect(),
        }
    }

    fn add(&self, tissue: Tissue, share: f64, sum: &mut [f64]) {
        let curve = match tissue {
            Tissue::Air => return,
            Tissue::Scalp => return sum.iter_mut().for_each(|value| *value += share * SCALP),
            Tissue::Bone => return sum.iter_mut().for_each(|value| *value += share * BONE),
            Tissue::Marrow => return sum.iter_mut().for_each(|value| *value += share * MARROW),
            Tissue::Dura => return sum.iter_mut().for_each(|value| *value += share * DURA),
            Tissue::Csf => &self.fluid,
            Tissue::GrayMatter => &self.gray_matter,
            Tissue::WhiteMatter => &self.white_matter,
            Tissue::Edema => &self.edema,
            Tissue::Artery => &self.artery,
            Tissue::Enhancing(lesion) => &self.lesions[lesion][0],
            Tissue::Core(lesion) => &self.lesions[lesion][1],
        };
        sum.iter_mut().zip(curve).for_each(|(sum, value)| *sum += share * value);
    }
}

/// The series on a grid; zero outside the head, as after a scanner's background mask.
///
/// METHOD: voxels whose centre lies in a lesion or in an artery hold that tissue alone, so that the truth is one
/// number; all others are mixed from the tissues at 27 points. A point of a lesion seen from a voxel outside it counts
/// as the edema around it.
pub(super) fn dsc_series(
    anatomy: &dyn Anatomy,
    lesions: &[LesionPerfusion],
    grid: Grid,
    protocol: &DscProtocol,
    image_seed: u64,
    realism: Realism,
) -> StoredSeries {
    let curves = Curves::new(lesions, protocol);
    let sd = curves.white_matter[0] / SIGNAL_TO_NOISE;
    let step = match realism {
        Realism::Scanned => 1.0,
        Realism::Exact => EXACT_STEP,
    };
    let voxels = grid.len();
    let mut data = vec![0_i16; voxels * protocol.frames];
    let mut curve = vec![0.0; protocol.frames];
    for index in 0..voxels {
        curve.fill(0.0);
        for (tissue, share) in tissues(anatomy, &grid, index, realism) {
            curves.add(tissue, share, &mut curve);
        }
        if curve[0] == 0.0 {
            continue;
        }
        let mut noise = NormalStream::new(image_seed, index);
        for (frame, &signal) in curve.iter().enumerate() {
            let value = match realism {
                Realism::Scanned => noise.rician(signal, sd),
                Realism::Exact => signal,
            };
            data[frame * voxels + index] = (value / f64::from(step)).round() as i16;
        }
    }
    StoredSeries { grid, frames: protocol.frames, step, data }
}

/// The tissues of a perfusion voxel with their shares.
fn tissues(anatomy: &dyn Anatomy, grid: &Grid, index: usize, realism: Realism) -> Vec<(Tissue, f64)> {
    let center = grid.position(grid.voxel(index));
    let at_center = anatomy.tissue(center);
    if matches!(at_center, Tissue::Enhancing(_) | Tissue::Core(_)) {
        return vec![(at_center, 1.0)];
    }
    if anatomy.fills_with_artery(center) {
        return vec![(Tissue::Artery, 1.0)];
    }
    match realism {
        Realism::Exact => vec![(at_center, 1.0)],
        Realism::Scanned => {
            let mut tissues = mixture(anatomy, grid, index);
            for (tissue, _) in &mut tissues {
                if matches!(tissue, Tissue::Enhancing(_) | Tissue::Core(_)) {
                    *tissue = Tissue::Edema;
                }
            }
            tissues
        }
    }
}

/// rCBV of a tissue against white matter as it can be seen in the scanned time: the ratio of the areas under the
/// vascular part of ΔR2* (6 over 2 mL/100 mL gives 2.9855 in 90 frames, not 3: the scan ends before the tracer is gone).
pub fn true_relative_cbv(tissue: &DscTissue, protocol: &DscProtocol) -> f64 {
    let area = |tissue: &DscTissue| {
        let curve = tissue.vascular_relaxation_rate(protocol);
        curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>()
    };
    area(tissue) / area(&DscTissueClass::WhiteMatter.tissue())
}
