//! A head with known motion, seen while a bolus passes.

use super::*;
use crate::image::{Affine, Grid, Mask, Samples, Series, Volume, for_each_block};
use crate::settings::default_section;

/// Frames before the bolus.
const BASELINE: usize = 8;
/// ΔR2* of white matter times the echo time at each frame: the passage, and what stays.
const BOLUS: [f64; 14] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.08, 0.22, 0.30, 0.18, 0.07, 0.05];

fn grid() -> Grid {
    Grid::from_stored([48, 48, 14], Affine::diagonal([4.5, 4.5, 6.0], [-105.75, -105.75, -30.0])).unwrap()
}

fn rise(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn blob(p: [f64; 3], center: [f64; 3], radius: f64) -> f64 {
    (-(0..3).map(|k| (p[k] - center[k]).powi(2)).sum::<f64>() / (2.0 * radius * radius)).exp()
}

/// Signal at a place: gray matter (brighter at first, then darker than white), white matter, fluid without a bolus, an
/// artery, and a lesion that fills with blood and leaks.
fn signal(p: [f64; 3], bolus: f64, with_lesion: bool) -> f64 {
    let head = rise(14.0 * (1.0 - ((p[0] / 72.0).powi(2) + (p[1] / 88.0).powi(2) + (p[2] / 70.0).powi(2)).sqrt()));
    let gray = rise(6.0 * ((p[0] / 9.0).sin() * (p[1] / 11.0).cos() + (p[2] / 10.0 + p[0] / 25.0).sin() - 0.2));
    let fluid = (blob(p, [-9.0, -5.0, 10.0], 8.0) + blob(p, [10.0, -2.0, 8.0], 7.0)).min(1.0);
    // fluid in the sulci
    let folds = (p[0] / 5.0 + (p[1] / 14.0).sin()).sin() * (p[1] / 6.0).sin() * (p[2] / 8.0 + 0.4).cos();
    let fluid = (fluid + 0.7 * rise(9.0 * (folds - 0.55))).min(1.0);
    let lesion = if with_lesion { blob(p, [35.0, 25.0, 12.0], 9.0) } else { 0.0 };
    let artery = blob(p, [-22.0, 12.0, -4.0], 3.5) + blob(p, [21.0, 10.0, -3.0], 3.5);
    let tissue = gray * 130.0 * (-2.6 * bolus).exp() + (1.0 - gray) * 100.0 * (-bolus).exp();
    let late = if bolus > 0.0 && bolus < 0.06 { 0.35 } else { 0.0 };
    let changed = tissue * (-6.0 * bolus * artery - 2.5 * bolus * lesion).exp() * (1.0 + late * lesion);
    head * (changed * (1.0 - fluid) + 190.0 * fluid) + 1.0
}

struct Noise(u64);

impl Noise {
    /// About normal, variance 1: twelve uniform numbers less 6.
    fn next(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f64 / (1_u64 << 24) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }
}

/// The series with the head where `pulls` says, noise of 1/60 of white matter.
fn series(pulls: &[Rigid], sd: f64, with_lesion: bool) -> Series {
    let grid = grid();
    let mut noise = Noise(5);
    let mut data = Vec::with_capacity(grid.len() * pulls.len());
    for (frame, pull) in pulls.iter().enumerate() {
        let back = pull.inverse();
        for index in 0..grid.len() {
            let place = back.apply(grid.position(grid.voxel(index)));
            data.push((signal(place, BOLUS[frame], with_lesion) + sd * noise.next()) as f32);
        }
    }
    Series { mask: Mask::filled(grid, true), frames: pulls.len(), voxels: grid.len(), samples: Samples::Float32(data) }
}

fn brain() -> Mask {
    let grid = grid();
    let inside = |index: usize| {
        let p = grid.position(grid.voxel(index));
        (p[0] / 72.0).powi(2) + (p[1] / 88.0).powi(2) + (p[2] / 70.0).powi(2) < 0.95
    };
    Mask { grid, data: (0..grid.len()).map(inside).collect() }
}

fn compacted(series: &Series, mask: &Mask) -> Series {
    let keep: Vec<usize> = mask.indices().collect();
    let data = (0..series.frames)
        .flat_map(|frame| {
            let values = series.frame(frame);
            keep.iter().map(move |&index| values[index]).collect::<Vec<f32>>()
        })
        .collect();
    Series { mask: mask.clone(), frames: series.frames, voxels: keep.len(), samples: Samples::Float32(data) }
}

fn settings() -> Settings {
    default_section("align")
}

/// At rest before the bolus; moved during its rise, at its peak, and after.
fn motions() -> Vec<Pose> {
    let moved = |t: [f64; 3], r: [f64; 3]| Pose { translation_mm: t, rotation_deg: r };
    let mut poses = vec![Pose::REST; BASELINE];
    poses.extend([
        moved([0.8, -0.5, 0.6], [0.6, 0.0, -0.8]),
        moved([1.5, 1.0, -1.2], [-1.0, 0.7, 1.5]),
        moved([-0.6, 2.0, 1.7], [1.8, -1.0, 0.5]),
        moved([0.0, 0.0, 0.0], [0.0, 0.0, 2.0]),
        moved([3.0, -2.0, 2.5], [2.0, 2.0, -2.0]),
        moved([0.3, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ]);
    poses
}

/// The largest error of a translation and of a rotation among some frames.
fn farthest(found: &Motion, expected: &[Rigid], frames: std::ops::Range<usize>) -> (f64, f64) {
    let (mut shift, mut turn) = (0.0_f64, 0.0_f64);
    for frame in frames {
        let (pose, truth) = (found.poses[frame], expected[frame].pose(found.center));
        for k in 0..3 {
            shift = shift.max((pose.translation_mm[k] - truth.translation_mm[k]).abs());
            turn = turn.max((pose.rotation_deg[k] - truth.rotation_deg[k]).abs());
        }
    }
    (shift, turn)
}

fn followed(poses: &[Pose], with_lesion: bool) -> (Motion, Vec<Rigid>) {
    let pulls: Vec<Rigid> = poses.iter().map(|pose| Rigid::from_pose(pose, [0.0; 3])).collect();
    let series = series(&pulls, 100.0 / 60.0, with_lesion);
    let starts = vec![Rigid::IDENTITY; series.frames];
    (follow_motion(&series, &brain(), 0..BASELINE, &starts, &settings()).unwrap(), pulls)
}

#[test]
fn a_known_motion_is_found_while_the_bolus_passes() {
    for with_lesion in [false, true] {
        let (motion, pulls) = followed(&motions(), with_lesion);
        assert!(motion.lost.is_empty());
        assert_eq!(motion.spikes(1.0), [8, 9, 10, 11, 12, 13]);
        // before the bolus noise alone limits it; while gray matter turns darker than white, some of that looks like
        // motion
        let (shift, turn) = farthest(&motion, &pulls, 0..BASELINE);
        assert!(shift < 0.05 && turn < 0.06, "{shift} mm, {turn} deg: {motion:#?}");
        let (shift, turn) = farthest(&motion, &pulls, BASELINE..pulls.len());
        assert!(shift < 0.35 && turn < 0.35, "{shift} mm, {turn} deg: {motion:#?}");
    }
}

#[test]
fn motion_of_the_baseline_itself_is_found() {
    let mut poses = motions();
    for (frame, pose) in poses.iter_mut().take(BASELINE).enumerate() {
        pose.translation_mm[1] = 0.4 * frame as f64 - 1.4;
    }
    let (motion, pulls) = followed(&poses, false);
    let (shift, turn) = farthest(&motion, &pulls, 0..BASELINE);
    assert!(shift < 0.1 && turn < 0.1, "{shift} mm, {turn} deg: {motion:#?}");
}

#[test]
fn a_head_that_moves_once_at_the_injection_is_followed() {
    let mut poses = vec![Pose::REST; BOLUS.len()];
    poses[BASELINE..].fill(Pose { translation_mm: [1.0, -2.0, 1.5], rotation_deg: [2.0, 1.0, -1.5] });
    let (motion, pulls) = followed(&poses, true);
    let (shift, turn) = farthest(&motion, &pulls, BASELINE..pulls.len());
    assert!(shift < 0.35 && turn < 0.35, "{shift} mm, {turn} deg: {motion:#?}");
}

#[test]
fn a_still_head_is_not_moved_by_the_bolus() {
    let (motion, _) = followed(&[Pose::REST; BOLUS.len()], true);
    assert!(motion.largest_mm() < settings().motion.threshold_mm, "{motion:#?}");
}

#[test]
fn the_detector_sees_motion_and_not_the_bolus() {
    let settings = settings();
    let still = series(&[Rigid::IDENTITY; BOLUS.len()], 100.0 / 60.0, false);
    let quiet = look_for_motion(&compacted(&still, &brain()), 0..BASELINE, &settings).unwrap();
    assert!(!quiet.asks_for_registration(&settings), "{quiet:#?}");
    assert!(quiet.error_mm > 0.0 && quiet.error_mm < 0.05, "{}", quiet.error_mm);
    // a millimeter and a degree from the peak on
    let pose = Pose { translation_mm: [1.0, 0.0, 0.0], rotation_deg: [0.0, 0.0, 1.0] };
    let mut pulls = [Rigid::IDENTITY; BOLUS.len()];
    pulls[10..].fill(Rigid::from_pose(&pose, [0.0; 3]));
    let moved =
        look_for_motion(&compacted(&series(&pulls, 100.0 / 60.0, false), &brain()), 0..BASELINE, &settings).unwrap();
    assert!(moved.asks_for_registration(&settings), "{moved:#?}");
    // one step tells the direction, and the size within 40 %
    let last = moved.poses[BOLUS.len() - 1].unwrap();
    assert!((last.translation_mm[0] - 1.0).abs() < 0.4 && (last.rotation_deg[2] - 1.0).abs() < 0.4, "{last:?}");
}

#[test]
fn aligned_frames_show_what_they_would_have_at_rest() {
    let pulls: Vec<Rigid> = motions().iter().map(|pose| Rigid::from_pose(pose, [0.0; 3])).collect();
    let (moved, still) = (series(&pulls, 0.0, true), series(&[Rigid::IDENTITY; BOLUS.len()], 0.0, true));
    let brain = brain();
    let motion = follow_motion(&moved, &brain, 0..BASELINE, &pulls, &settings()).unwrap();
    let (aligned, lost) = resample_series(&moved, &brain, &motion.pulls).unwrap();
    let still = compacted(&still, &brain);
    let mean = |other: &Series, frame: usize| {
        let pairs = other.frame(frame).into_iter().zip(still.frame(frame));
        let differences: Vec<f64> =
            pairs.map(|(a, b)| f64::from((a - b).abs())).filter(|difference| difference.is_finite()).collect();
        differences.iter().sum::<f64>() / differences.len() as f64
    };
    let before = mean(&compacted(&moved, &brain), 12);
    let after = mean(&aligned, 12);
    assert!(after < 0.2 * before, "{before} {after}");
    assert!(lost.voxels < lost.of / 5, "{lost:?}");
}

#[test]
fn the_bits_of_a_motion_do_not_depend_on_the_number_of_threads() {
    let pulls: Vec<Rigid> = motions().iter().take(10).map(|pose| Rigid::from_pose(pose, [0.0; 3])).collect();
    let series = series(&pulls, 1.0, true);
    let starts = vec![Rigid::IDENTITY; series.frames];
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| follow_motion(&series, &brain(), 0..BASELINE, &starts, &settings()).unwrap())
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn two_images_of_other_contrast_and_grid_are_registered() {
    let pose = Pose { translation_mm: [12.0, -9.0, 6.0], rotation_deg: [3.0, -2.0, 4.0] };
    let pull = Rigid::from_pose(&pose, [0.0; 3]);
    let fixed_grid =
        Grid::from_stored([56, 64, 40], Affine::diagonal([3.5, 3.5, 3.5], [-96.0, -110.0, -68.0])).unwrap();
    let image = |grid: Grid, place: &dyn Fn([f64; 3]) -> [f64; 3], contrast: &dyn Fn(f64) -> f64| {
        let value = |index| contrast(signal(place(grid.position(grid.voxel(index))), 0.0, true)) as f32;
        Volume { grid, data: (0..grid.len()).map(value).collect() }
    };
    let fixed = image(fixed_grid, &|p| p, &|s| s);
    let back = pull.inverse();
    // air 0, white 160, gray 169, fluid 133: darker again where the fixed image is brightest
    let moving = image(grid(), &|p| back.apply(p), &|s| s * (260.0 - s) / 100.0);
    let found = register(&moving, &fixed, &settings()).unwrap();
    let error = found.pull.after(&back).displacement(pull.apply(found.center));
    assert!(error < 0.3, "{error} mm: {found:?}");
}

#[test]
fn an_image_of_one_value_is_refused() {
    let flat = Volume::filled(grid(), 3.0);
    assert!(matches!(register(&flat, &flat, &settings()), Err(AlignError::NoStructure { .. })));
    let series = Series {
        frames: 1,
        voxels: grid().len(),
        mask: Mask::filled(grid(), true),
        samples: Samples::Float32(flat.data),
    };
    assert!(look_for_motion(&series, 0..1, &settings()).is_none());
    assert_eq!(for_each_block(&series, 0, || (), |_, (), _| {}).len(), 0);
}
