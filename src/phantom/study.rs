//! A study folder of a phantom: patients, their visits, and the truth beside them.

use std::path::Path;

use super::folder::Folder;
use super::head::{Anatomy, Head, Tissue};
use super::kinetic::{KINETIC_BIDSIGNORE, kinetic_dictionary, kinetic_truth, write_kinetic};
use super::real_head::RealHead;
use super::scanner::{Preset, Scanner};
use super::session::{Modality, Scene, drawn_lesions, image_seed, masks_stem};
use super::sidecar;
use super::story::{Chart, LesionMasks, Patient, Visit, kinetic_patient, patients, real_head, reference_patient};
use super::t1::post_contrast_t1;
use super::truth::{Truth, TruthRow};
use super::{Options, PhantomError};
use crate::image::{Compression, Grid, Mask};

/// Compression of the small study: it is committed, so small counts more than fast.
const SMALL: Compression = Compression::Gzip { level: 9 };
/// Most subjects and sessions that can be asked for.
const MOST: usize = 10_000;
/// Radius of the drawn white-matter region, mm.
const NAWM_RADIUS: f64 = 9.0;

/// Makes a study in a folder that is new or empty, and returns its truth, which also stands there in `truth.tsv`.
///
/// The folder appears complete or not at all.
pub fn write_study(directory: &Path, options: &Options) -> Result<Truth, PhantomError> {
    let scanner = Scanner::new(options.preset, options.shape, options.frames)?;
    let compression = match options.preset {
        Preset::Study => SMALL,
        Preset::Clinical | Preset::Reference | Preset::Kinetic => Compression::MAPS,
    };
    match &options.anatomy {
        Some(source) => {
            options.check_for_real_anatomy()?;
            let head = RealHead::read(&source.t1, &source.lesions)?;
            Folder::fill(directory, compression, |folder| write_real_head(folder, &head, &scanner, options))
        }
        None if options.preset == Preset::Kinetic => {
            options.one_visit("1: the kinetic preset is one head at one visit")?;
            Folder::fill(directory, compression, |folder| {
                let patient = kinetic_patient(options.seed);
                write_sessions(folder, &patient.chart, &patient.visits)?;
                let visit = &patient.visits[0];
                let (head, t1_grid) = (patient.head_at(visit), scanner.t1.grid(patient.layout));
                write_regions(folder, &patient, visit, &head, t1_grid)?;
                let truth = write_kinetic(folder, &patient, &head, &scanner, options.seed)?;
                write_root(folder, [&patient.chart], sidecar::README, &truth)?;
                // The tables of this preset tell other quantities than those of the others.
                folder.text("truth.tsv", &kinetic_truth(&patient, &truth))?;
                folder.json("truth.json", &kinetic_dictionary())?;
                folder.text(".bidsignore", KINETIC_BIDSIGNORE)?;
                Ok(truth)
            })
        }
        None => {
            let patients = cast(options)?;
            Folder::fill(directory, compression, |folder| {
                let mut truth = Truth::default();
                for patient in &patients {
                    write_patient(folder, patient, &scanner, options.seed, &mut truth)?;
                }
                write_root(folder, patients.iter().map(|patient| &patient.chart), sidecar::README, &truth)?;
                Ok(truth)
            })
        }
    }
}

/// The patients that the options ask for.
fn cast(options: &Options) -> Result<Vec<Patient>, PhantomError> {
    for (option, value) in [("--subjects", options.subjects), ("--sessions", options.sessions)] {
        if let Some(n) = value.filter(|n| !(1..=MOST).contains(n)) {
            return Err(PhantomError::Option { option, found: n.to_string(), expected: "a number from 1 to 10000" });
        }
    }
    match options.preset {
        Preset::Study | Preset::Clinical => Ok(patients(options.seed, options.subjects.unwrap_or(3), options.sessions)),
        Preset::Reference | Preset::Kinetic => {
            options.one_visit("1: the reference preset is one head at one visit")?;
            Ok(vec![reference_patient(options.seed)])
        }
    }
}

impl Options {
    fn check_for_real_anatomy(&self) -> Result<(), PhantomError> {
        if matches!(self.preset, Preset::Reference | Preset::Kinetic) {
            return Err(PhantomError::Option {
                option: "--preset",
                found: self.preset.to_string(),
                expected: "study or clinical with --anatomy: a real head is not exact",
            });
        }
        self.one_visit("1: --anatomy is one head at one visit")
    }

    fn one_visit(&self, expected: &'static str) -> Result<(), PhantomError> {
        for (option, value) in [("--subjects", self.subjects), ("--sessions", self.sessions)] {
            if let Some(n) = value.filter(|&n| n != 1) {
                return Err(PhantomError::Option { option, found: n.to_string(), expected });
            }
        }
        Ok(())
    }
}

/// The files at the root of a study.
fn write_root<'a>(
    folder: &Folder,
    charts: impl IntoIterator<Item = &'a Chart>,
    readme: &str,
    truth: &Truth,
) -> Result<(), PhantomError> {
    folder.text("README", readme)?;
    folder.text(".bidsignore", sidecar::BIDSIGNORE)?;
    folder.json("dataset_description.json", &sidecar::dataset_description("Synthetic study with known truth"))?;
    folder.json("derivatives/manual/dataset_description.json", &sidecar::masks_description())?;
    folder.text("participants.tsv", &sidecar::participants(charts))?;
    folder.json("participants.json", &sidecar::participants_dictionary())?;
    folder.text("truth.tsv", &truth.table())?;
    folder.json("truth.json", &Truth::dictionary())
}

fn write_sessions(folder: &Folder, chart: &Chart, visits: &[Visit]) -> Result<(), PhantomError> {
    let stem = format!("{0}/{0}_sessions", chart.label);
    folder.text(&format!("{stem}.tsv"), &sidecar::sessions(chart, visits))?;
    folder.json(&format!("{stem}.json"), &sidecar::sessions_dictionary())
}

fn write_patient(
    folder: &Folder,
    patient: &Patient,
    scanner: &Scanner,
    seed: u64,
    truth: &mut Truth,
) -> Result<(), PhantomError> {
    let label = &patient.chart.label;
    write_sessions(folder, &patient.chart, &patient.visits)?;
    if patient.dsc_sidecar_above_sessions {
        // One sidecar for all visits: readers must inherit it.
        folder.json(&format!("{label}/{label}_dsc.json"), &sidecar::dsc(&scanner.protocol))?;
    }
    let first_row = truth.rows.len();
    for visit in &patient.visits {
        let mut rows = write_visit(folder, patient, visit, scanner, seed)?;
        if visit.session != patient.visits[0].session {
            for (row, first) in rows.iter_mut().zip(&truth.rows[first_row..]) {
                row.followup_change_percent = 100.0 * (row.volume_ml / first.volume_ml - 1.0);
            }
        }
        truth.rows.extend(rows);
    }
    Ok(())
}

fn write_visit(
    folder: &Folder,
    patient: &Patient,
    visit: &Visit,
    scanner: &Scanner,
    seed: u64,
) -> Result<Vec<TruthRow>, PhantomError> {
    let head = patient.head_at(visit);
    let t1_grid = scanner.t1.grid(patient.layout);
    let t1_seed = image_seed(seed, &patient.chart.label, &visit.session, Modality::T1);
    let scene = Scene {
        label: &patient.chart.label,
        weight: patient.chart.weight,
        visit,
        anatomy: &head,
        t1: &post_contrast_t1(&head, t1_grid, t1_seed, scanner.realism),
        t1_sidecar: sidecar::simulated_t1(),
        dsc_grid: scanner.dsc.grid(patient.layout),
        pet_grid: scanner.pet.grid(patient.layout),
        lesions: &drawn_lesions(&head, t1_grid, patient.masks),
        masks: patient.masks,
        centers: head.lesions.iter().map(|lesion| head.pose.to_scanner(lesion.center)).collect(),
        dsc_sidecar: !patient.dsc_sidecar_above_sessions,
    };
    write_regions(folder, patient, visit, &head, t1_grid)?;
    scene.write(folder, scanner, seed)
}

/// The white matter and the brain, where they were drawn.
fn write_regions(
    folder: &Folder,
    patient: &Patient,
    visit: &Visit,
    head: &Head,
    grid: Grid,
) -> Result<(), PhantomError> {
    let stem = masks_stem(&patient.chart.label, &visit.session);
    let region = |inside: &dyn Fn([f64; 3]) -> bool| Mask {
        grid,
        data: (0..grid.len()).map(|index| inside(grid.position(grid.voxel(index)))).collect(),
    };
    if let Some(center) = patient.nawm {
        let center = head.pose.to_scanner(center);
        let mask = region(&|at| {
            let distance = (0..3).map(|k| (at[k] - center[k]).powi(2)).sum::<f64>().sqrt();
            distance < NAWM_RADIUS && head.tissue(at) == Tissue::WhiteMatter
        });
        folder.mask(&format!("{stem}_label-NAWM_mask.nii.gz"), &mask)?;
        folder.json(&format!("{stem}_label-NAWM_mask.json"), &sidecar::mask("Normal-appearing white matter."))?;
    }
    if patient.brain_mask {
        let mask = region(&|at| head.brain_depth(at).is_some_and(|(depth, _)| depth > 0.0));
        folder.mask(&format!("{stem}_desc-brain_mask.nii.gz"), &mask)?;
        folder.json(&format!("{stem}_desc-brain_mask.json"), &sidecar::mask("Brain."))?;
    }
    Ok(())
}

fn write_real_head(
    folder: &Folder,
    head: &RealHead,
    scanner: &Scanner,
    options: &Options,
) -> Result<Truth, PhantomError> {
    let (chart, visit) = real_head(head.lesions().present().len());
    let (dsc_grid, pet_grid) = head.grids(options.preset, options.shape)?;
    write_sessions(folder, &chart, std::slice::from_ref(&visit))?;
    let scene = Scene {
        label: &chart.label,
        weight: chart.weight,
        visit: &visit,
        anatomy: head,
        t1: head.t1(),
        t1_sidecar: sidecar::real_t1(),
        dsc_grid,
        pet_grid,
        lesions: head.lesions(),
        masks: LesionMasks::Labels,
        centers: head.lesion_centers(),
        dsc_sidecar: true,
    };
    let truth = Truth { rows: scene.write(folder, scanner, options.seed)? };
    write_root(folder, [&chart], sidecar::README_REAL_HEAD, &truth)?;
    Ok(truth)
}
