//! An analytic head in patient coordinates (RAS+ mm): scalp, skull, folded cortex, white matter, ventricles, deep gray
//! matter, arteries, and lesions, at any position asked for.
//!
//! The surfaces are ellipsoids, as in the phantom of Shepp & Logan (IEEE TNS 1974;21:21); the cortex follows thin
//! sheets of fluid (sulci) that run inward from the brain's surface. Sizes are those of an adult brain, rounded. The
//! head is nobody's: every number is chosen here.

use super::lesion::{Lesion, LesionPart};
use super::noise::unit;

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tissue {
    /// Outside the head.
    Air,
    /// Skin, fat and muscle.
    Scalp,
    /// Cortical bone.
    Bone,
    /// Marrow between the tables of the skull.
    Marrow,
    /// Dura, falx and venous sinuses: they enhance.
    Dura,
    /// Cerebrospinal fluid, ventricles included.
    Csf,
    /// Cortical and deep gray matter.
    GrayMatter,
    /// White matter.
    WhiteMatter,
    /// White matter swollen by edema around a lesion.
    Edema,
    /// A large artery.
    Artery,
    /// The enhancing part of the lesion with this index.
    Enhancing(usize),
    /// The core of the lesion with this index, which does not enhance.
    Core(usize),
}

/// Anything that can say what stands where: the analytic head, or a real head that was segmented.
pub trait Anatomy {
    /// What stands at a position in RAS+ mm.
    fn tissue(&self, position: [f64; 3]) -> Tissue;

    /// Depth below the brain's surface in mm (negative outside), and whether the position lies in the right
    /// hemisphere. `None` where there is no brain below.
    fn brain_depth(&self, position: [f64; 3]) -> Option<(f64, bool)>;

    /// The middle of the brain in its plane (right, front), scanner mm.
    fn middle(&self) -> [f64; 2];

    /// Whether a voxel of a perfusion image at this position is filled by an artery.
    fn fills_with_artery(&self, position: [f64; 3]) -> bool;
}

/// Semi-axes of the brain, mm: right-left, front-back, up-down.
const BRAIN: [f64; 3] = [70.0, 85.0, 65.0];
/// How far the axial outline leans from an ellipse toward a rectangle, 0..1.
const SQUARENESS: f64 = 0.35;
/// Depths of the layers over the brain, mm: fluid, dura, inner table, marrow, outer table, scalp.
const LAYERS: [(f64, Tissue); 6] = [
    (2.4, Tissue::Csf),
    (3.4, Tissue::Dura),
    (5.4, Tissue::Bone),
    (7.6, Tissue::Marrow),
    (9.6, Tissue::Bone),
    (15.0, Tissue::Scalp),
];
/// Thickness of the cortex, mm.
const CORTEX: f64 = 3.2;
/// Half width of an open sulcus, mm.
const SULCUS: f64 = 0.8;
/// Depth of the deepest sulcus of the outer surface, mm.
const DEEPEST_SULCUS: f64 = 16.0;
/// Sulci along the outer surface of a hemisphere.
const SULCI: f64 = 12.0;
/// Radius of an artery on an anatomical image, mm.
const ARTERY: f64 = 1.5;
/// Radius within which an artery fills a perfusion voxel, mm.
///
/// METHOD: a perfusion voxel of 4 mm is wider than any artery of the brain. The object holds voxels of pure artery,
/// so that an arterial input function with known truth can be found; partial volume of the AIF is not simulated.
const ARTERY_OF_A_PERFUSION_VOXEL: f64 = 2.4;

/// Ellipsoids of the right half, mirrored to the left: centre, semi-axes.
const VENTRICLES: [([f64; 3], [f64; 3]); 4] = [
    ([9.5, 26.0, 11.0], [4.5, 13.0, 8.0]),
    ([10.5, 0.0, 18.0], [5.5, 26.0, 6.5]),
    ([19.0, -31.0, 9.0], [6.0, 13.0, 9.0]),
    ([0.0, -2.0, -1.0], [2.2, 13.0, 9.0]),
];
/// Caudate, lentiform nucleus and thalamus of the right half.
const DEEP_GRAY: [([f64; 3], [f64; 3]); 3] = [
    ([15.5, 20.0, 10.0], [4.0, 10.0, 9.0]),
    ([26.0, 3.0, 2.0], [6.5, 17.0, 11.0]),
    ([10.5, -14.0, 4.0], [8.0, 13.0, 9.0]),
];
/// Where the hemispheres are joined: the fissure between them ends on this ellipsoid.
const COMMISSURES: ([f64; 3], [f64; 3]) = ([0.0, -6.0, 6.0], [30.0, 44.0, 21.0]);
/// Segments of the large arteries of the right half: middle cerebral (three), anterior cerebral (three).
const ARTERIES: [([f64; 3], [f64; 3]); 6] = [
    ([8.0, 10.0, -6.0], [34.0, 12.0, -5.0]),
    ([34.0, 12.0, -5.0], [43.0, 6.0, 4.0]),
    ([43.0, 6.0, 4.0], [45.0, -4.0, 22.0]),
    ([8.0, 10.0, -6.0], [2.6, 34.0, -4.0]),
    ([2.6, 34.0, -4.0], [2.6, 47.0, 12.0]),
    ([2.6, 47.0, 12.0], [2.6, 30.0, 32.0]),
];

/// How the head lies in the scanner: turned about the vertical axis, then moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Tangent of half the turning angle to the left.
    pub half_tangent: f64,
    /// Movement, mm.
    pub shift: [f64; 3],
}

impl Pose {
    /// Straight and centred.
    pub const CENTERED: Self = Self { half_tangent: 0.0, shift: [0.0; 3] };

    /// Sine and cosine from the half tangent: rational, so exact on every machine.
    fn sine_cosine(&self) -> (f64, f64) {
        let t = self.half_tangent;
        (2.0 * t / (1.0 + t * t), (1.0 - t * t) / (1.0 + t * t))
    }

    /// From scanner to head coordinates.
    pub(super) fn to_head(self, position: [f64; 3]) -> [f64; 3] {
        let (sine, cosine) = self.sine_cosine();
        let [x, y, z] = std::array::from_fn(|axis| position[axis] - self.shift[axis]);
        [cosine * x + sine * y, cosine * y - sine * x, z]
    }

    /// From head to scanner coordinates.
    pub(super) fn to_scanner(self, position: [f64; 3]) -> [f64; 3] {
        let (sine, cosine) = self.sine_cosine();
        let [x, y, z] = position;
        [cosine * x - sine * y + self.shift[0], cosine * y + sine * x + self.shift[1], z + self.shift[2]]
    }
}

/// A head with its lesions, given in head coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Which head: changes the folding.
    pub seed: u64,
    /// How it lies.
    pub pose: Pose,
    /// Lesions; the first that holds a position wins.
    pub lesions: Vec<Lesion>,
}

impl Anatomy for Head {
    fn tissue(&self, position: [f64; 3]) -> Tissue {
        let at = self.pose.to_head(position);
        let depth = depth(at);
        if depth < 0.0 {
            return over_the_brain(at, -depth);
        }
        let mut around = None;
        for (index, lesion) in self.lesions.iter().enumerate() {
            match lesion.part(at) {
                Some(LesionPart::Core) => return Tissue::Core(index),
                Some(LesionPart::Enhancing) => return Tissue::Enhancing(index),
                Some(LesionPart::Edema) => around = Some(Tissue::Edema),
                None => {}
            }
        }
        // A lesion and its edema push arteries aside.
        if around.is_none() && distance_to_arteries(at) < ARTERY {
            return Tissue::Artery;
        }
        match self.inside(at, depth) {
            Tissue::WhiteMatter => around.unwrap_or(Tissue::WhiteMatter),
            other => other,
        }
    }

    fn brain_depth(&self, position: [f64; 3]) -> Option<(f64, bool)> {
        let at = self.pose.to_head(position);
        Some((depth(at), at[0] > 0.0))
    }

    fn middle(&self) -> [f64; 2] {
        [self.pose.shift[0], self.pose.shift[1]]
    }

    fn fills_with_artery(&self, position: [f64; 3]) -> bool {
        let at = self.pose.to_head(position);
        depth(at) > 0.0
            && distance_to_arteries(at) < ARTERY_OF_A_PERFUSION_VOXEL
            && self.lesions.iter().all(|lesion| lesion.part(at).is_none())
    }
}

impl Head {
    fn inside(&self, at: [f64; 3], depth: f64) -> Tissue {
        let half = [at[0].abs(), at[1], at[2]];
        if VENTRICLES.iter().any(|ellipsoid| level(half, ellipsoid) < 1.0) {
            return Tissue::Csf;
        }
        if DEEP_GRAY.iter().any(|ellipsoid| level(half, ellipsoid) < 1.0) {
            return Tissue::GrayMatter;
        }
        let folds = [self.outer_fold(at, depth), self.medial_fold(at), sylvian_fissure(half)];
        let to_fluid = folds.into_iter().fold(depth, f64::min);
        if folds.into_iter().any(|distance| distance < 0.0) {
            let falx = at[0].abs() < 0.5 && depth > 2.0 && depth < 30.0;
            return if falx { Tissue::Dura } else { Tissue::Csf };
        }
        if to_fluid < CORTEX { Tissue::GrayMatter } else { Tissue::WhiteMatter }
    }

    /// Distance to the fluid of the sulci of the outer surface, negative inside.
    fn outer_fold(&self, at: [f64; 3], depth: f64) -> f64 {
        if depth > DEEPEST_SULCUS + SULCUS + CORTEX {
            return f64::INFINITY;
        }
        let [x, y, z] = at;
        let right = x > 0.0;
        let across = x.abs() / (BRAIN[0] * width(y));
        let along = y / BRAIN[1];
        let angle = across.atan2(along);
        // The hemispheres resemble each other and are not equal.
        let phase = unit(self.seed, [i64::from(right), 0, 0]) * 0.5;
        let bent = angle
            + 0.09 * (3.0 * angle + 0.05 * z + phase + 6.0 * unit(self.seed, [1, 0, 0])).sin()
            + 0.05 * (7.0 * angle - 0.08 * z + 2.0 * phase).sin()
            + 0.035 * (0.33 * depth + 5.0 * angle + phase).sin();
        let turn = bent * SULCI / std::f64::consts::PI;
        let sulcus = turn.floor();
        let spacing = std::f64::consts::PI / SULCI * 77.0 * (across * across + along * along).sqrt();
        let aside = (turn - sulcus - 0.5).abs() * spacing;
        let reach = 6.0 + (DEEPEST_SULCUS - 6.0) * unit(self.seed, [sulcus as i64, i64::from(right), 2]);
        beside_a_sheet(aside, depth - reach) - SULCUS - (0.8 - 0.2 * depth).max(0.0)
    }

    /// Distance to the fluid between the hemispheres and in the sulci of their facing sides.
    fn medial_fold(&self, at: [f64; 3]) -> f64 {
        let [x, y, z] = at;
        let outside = level(at, &COMMISSURES) - 1.0;
        // Beyond 16 mm no medial sulcus and no cortex around one.
        if outside < -0.2 || x.abs() > 16.0 {
            return f64::INFINITY;
        }
        // The fissure ends where the hemispheres join: about as many mm away as the level says, times the radius.
        let fissure = beside_a_sheet(x.abs(), -outside * 22.0) - 1.1;
        let turn = y / 19.0 + 0.25 * (y / 11.0).sin() + z / 70.0 + unit(self.seed, [i64::from(x > 0.0), 3, 3]) * 0.4;
        let sulcus = turn.floor();
        let aside = (turn - sulcus - 0.5).abs() * 19.0;
        let reach = 3.0 + 7.0 * unit(self.seed, [sulcus as i64, i64::from(x > 0.0), 4]);
        let inward = x.abs() - 1.1 - reach;
        let branch = if outside > 0.05 { beside_a_sheet(aside, inward) - SULCUS } else { f64::INFINITY };
        fissure.min(branch)
    }
}

/// Depth below the surface of the brain along the ray from its middle, mm; negative outside.
fn depth(at: [f64; 3]) -> f64 {
    let [x, y, z] = at;
    let across = (x / (BRAIN[0] * width(y))).powi(2);
    let along = (y / BRAIN[1]).powi(2);
    let round = across + along + (z / BRAIN[2]).powi(2);
    if round == 0.0 {
        return BRAIN[2];
    }
    // The surface: across + along + up - SQUARENESS·across·along = 1. A point times t lies on it where
    // t²·round - t⁴·SQUARENESS·across·along = 1.
    let t_squared = 2.0 / (round + (round * round - 4.0 * SQUARENESS * across * along).sqrt());
    (x * x + y * y + z * z).sqrt() * (t_squared.sqrt() - 1.0)
}

/// Relative width of the head at a place from front to back: narrower in front.
fn width(y: f64) -> f64 {
    let u = ((y + 12.0) / BRAIN[1]).clamp(-1.3, 1.3);
    1.0 - 0.09 * u - 0.05 * u * u
}

fn over_the_brain(at: [f64; 3], height: f64) -> Tissue {
    // The superior sagittal sinus, in front and behind.
    if at[0].abs() < 4.0 - 0.6 * height && height < 5.0 {
        return Tissue::Dura;
    }
    LAYERS.iter().find(|(upper, _)| height < *upper).map_or(Tissue::Air, |(_, tissue)| *tissue)
}

/// Distance to the fluid of the Sylvian fissure, negative inside; `half` is folded to the right.
fn sylvian_fissure(half: [f64; 3]) -> f64 {
    let [x, y, z] = half;
    let aside = (y - 8.0 + 0.25 * (x - 50.0) - 0.3 * z + 2.5 * (x / 6.0).sin()).abs();
    let ending = (40.0 - x).max(z - 16.0).max(-22.0 - z);
    beside_a_sheet(aside, ending) - 1.3
}

/// Distance to a sheet: `aside` from its plane, `beyond` its edge (negative while beside it).
fn beside_a_sheet(aside: f64, beyond: f64) -> f64 {
    if beyond <= 0.0 { aside } else { (aside * aside + beyond * beyond).sqrt() }
}

/// Below 1 inside the ellipsoid.
fn level(at: [f64; 3], (center, axes): &([f64; 3], [f64; 3])) -> f64 {
    (0..3).map(|k| ((at[k] - center[k]) / axes[k]).powi(2)).sum::<f64>().sqrt()
}

fn distance_to_arteries(at: [f64; 3]) -> f64 {
    let half = [at[0].abs(), at[1], at[2]];
    ARTERIES.iter().map(|&(from, to)| distance_to_segment(half, from, to)).fold(f64::INFINITY, f64::min)
}

fn distance_to_segment(at: [f64; 3], from: [f64; 3], to: [f64; 3]) -> f64 {
    let along: [f64; 3] = std::array::from_fn(|k| to[k] - from[k]);
    let offset: [f64; 3] = std::array::from_fn(|k| at[k] - from[k]);
    let dot = |a: [f64; 3], b: [f64; 3]| (0..3).map(|k| a[k] * b[k]).sum::<f64>();
    let share = (dot(offset, along) / dot(along, along)).clamp(0.0, 1.0);
    let aside: [f64; 3] = std::array::from_fn(|k| offset[k] - share * along[k]);
    dot(aside, aside).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Head {
        Head { seed: 1, pose: Pose::CENTERED, lesions: Vec::new() }
    }

    fn volume_ml(head: &Head, wanted: impl Fn(Tissue) -> bool) -> f64 {
        // A 2 mm lattice over the head: 0.008 mL a point.
        let count = (0..100_usize.pow(2) * 80)
            .filter(|i| {
                let at = [i % 100, i / 100 % 100, i / 10_000].map(|k| 2.0 * k as f64);
                wanted(head.tissue([at[0] - 99.0, at[1] - 99.0, at[2] - 79.0]))
            })
            .count();
        count as f64 * 0.008
    }

    #[test]
    fn a_ray_to_the_side_passes_the_layers_in_order() {
        let head = healthy();
        let mut met = Vec::new();
        for step in 0..800 {
            let tissue = head.tissue([100.0 - 0.05 * f64::from(step), -40.0, 20.0]);
            if met.last() != Some(&tissue) {
                met.push(tissue);
            }
        }
        use Tissue::*;
        assert_eq!(met[..8], [Air, Scalp, Bone, Marrow, Bone, Dura, Csf, GrayMatter]);
    }

    #[test]
    fn the_brain_has_the_volume_of_an_adult() {
        let head = healthy();
        let brain = volume_ml(&head, |tissue| matches!(tissue, Tissue::GrayMatter | Tissue::WhiteMatter));
        // An ellipsoid of 70, 85, 65 mm holds 1620 mL, folds and ventricles included.
        assert!((1250.0..1650.0).contains(&brain), "{brain} mL");
        let gray = volume_ml(&head, |tissue| tissue == Tissue::GrayMatter);
        assert!((0.2..0.6).contains(&(gray / brain)), "{gray} of {brain} mL");
    }

    #[test]
    fn the_halves_are_alike_and_not_equal() {
        let head = healthy();
        let (mut same, mut brain) = (0, 0);
        for index in 0..40 * 80 * 10_u32 {
            let at = [index % 40, index / 40 % 80, index / 3200].map(f64::from);
            let right = [2.0 * at[0] + 0.5, 2.0 * at[1] - 79.0, 5.0 * at[2] - 10.0];
            let (a, b) = (head.tissue(right), head.tissue([-right[0], right[1], right[2]]));
            if head.brain_depth(right).unwrap().0 > 0.0 {
                brain += 1;
                same += u32::from(a == b);
            }
        }
        let share = f64::from(same) / f64::from(brain);
        assert!((0.80..0.999).contains(&share), "{share}");
    }

    #[test]
    fn a_pose_turns_and_moves_everything_with_the_head() {
        let pose = Pose { half_tangent: 0.05, shift: [3.0, -2.0, 1.0] };
        let lesion = Lesion { center: [30.0, 10.0, 20.0], radii: [10.0; 3], lobes: 0.0, core: 0.0, edema: 0.0 };
        let head = Head { seed: 1, pose, lesions: vec![lesion] };
        let center = pose.to_scanner(lesion.center);
        assert_eq!(head.tissue(center), Tissue::Enhancing(0));
        // tan(angle/2) = 0.05 is 5.72 degrees to the left: x = 30 cos - 10 sin + 3.
        let angle = 2.0 * 0.05_f64.atan();
        assert!((center[0] - (30.0 * angle.cos() - 10.0 * angle.sin() + 3.0)).abs() < 1e-12);
        let back = pose.to_head(center);
        assert!((0..3).all(|k| (back[k] - lesion.center[k]).abs() < 1e-12), "{back:?}");
    }

    #[test]
    fn a_lesion_pushes_arteries_aside() {
        let on_an_artery = ARTERIES[2].0;
        let healthy = healthy();
        assert_eq!(healthy.tissue(on_an_artery), Tissue::Artery);
        assert!(healthy.fills_with_artery(on_an_artery));
        let lesion = Lesion { center: on_an_artery, radii: [8.0; 3], lobes: 0.0, core: 0.0, edema: 0.0 };
        let head = Head { lesions: vec![lesion], ..healthy };
        assert_eq!(head.tissue(on_an_artery), Tissue::Enhancing(0));
        assert!(!head.fills_with_artery(on_an_artery));
    }
}
