//! A study folder of a phantom: images, sidecars, tables, masks, and the truth beside them.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::dsc::{StoredSeries, dsc_series, true_relative_cbv};
use super::head::{Anatomy, Head, Tissue};
use super::noise::mix;
use super::pet::{LesionUptake, pet_image, true_background};
use super::scanner::{Preset, Scanner};
use super::sidecar;
use super::story::{LesionMasks, Patient, Visit, patients, reference_patient};
use super::t1::post_contrast_t1;
use super::truth::{Truth, TruthRow};
use super::{Options, PhantomError};
use crate::clinical::Tracer;
use crate::image::{self, Compression, Grid, Labels, Mask, StoredAs, Volume};

/// Level of compression: the fixture is committed, so small counts more than fast.
const COMPRESSION: Compression = Compression::Gzip { level: 9 };
/// Step in which PET activities are stored, Bq/mL: a fraction of the noise.
const PET_STEP: f32 = 16.0;
/// Most subjects and sessions that can be asked for.
const MOST: usize = 10_000;
/// Radius of the drawn white-matter region, mm.
const NAWM_RADIUS: f64 = 9.0;

/// Makes a study in a folder that is new or empty, and returns its truth, which also stands there in `truth.tsv`.
///
/// The folder appears complete or not at all.
pub fn write_study(directory: &Path, options: &Options) -> Result<Truth, PhantomError> {
    let patients = cast(options)?;
    let scanner = Scanner::new(options.preset, options.shape, options.frames)?;
    Folder::fill(directory, |folder| {
        let mut truth = Truth::default();
        folder.text("README", sidecar::README)?;
        folder.text(".bidsignore", sidecar::BIDSIGNORE)?;
        folder.json("dataset_description.json", &sidecar::dataset_description("Synthetic study with known truth"))?;
        folder.json("derivatives/manual/dataset_description.json", &sidecar::masks_description())?;
        folder.text("participants.tsv", &sidecar::participants(&patients))?;
        folder.json("participants.json", &sidecar::participants_dictionary())?;
        for patient in &patients {
            write_patient(folder, patient, &scanner, options.seed, &mut truth)?;
        }
        folder.text("truth.tsv", &truth.table())?;
        folder.json("truth.json", &Truth::dictionary())?;
        Ok(truth)
    })
}

/// The patients that the options ask for.
fn cast(options: &Options) -> Result<Vec<Patient>, PhantomError> {
    let positive = |option, value: Option<usize>| match value {
        Some(n) if !(1..=MOST).contains(&n) => {
            Err(PhantomError::Option { option, found: n.to_string(), expected: "a number from 1 to 10000" })
        }
        _ => Ok(()),
    };
    positive("--subjects", options.subjects)?;
    positive("--sessions", options.sessions)?;
    match options.preset {
        Preset::Study | Preset::Clinical => Ok(patients(options.seed, options.subjects.unwrap_or(3), options.sessions)),
        Preset::Reference => {
            for (option, value) in [("--subjects", options.subjects), ("--sessions", options.sessions)] {
                if let Some(n) = value.filter(|&n| n != 1) {
                    return Err(PhantomError::Option {
                        option,
                        found: n.to_string(),
                        expected: "1: the reference preset is one head at one visit",
                    });
                }
            }
            Ok(vec![reference_patient(options.seed)])
        }
    }
}

/// A folder that is being filled: everything is written beside its place and moved there at the end.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Fills a folder that must be new or empty; what `fill` wrote appears when it succeeded, and only then.
    pub(super) fn fill<T>(
        place: &Path,
        fill: impl FnOnce(&Self) -> Result<T, PhantomError>,
    ) -> Result<T, PhantomError> {
        let unwritable = |source| PhantomError::Write { path: place.into(), source };
        match std::fs::read_dir(place) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(PhantomError::NotEmpty { path: place.into() });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(error)),
        }
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(unwritable)?;
        let beside = tempfile::Builder::new().prefix(".phantom-").tempdir_in(parent).map_err(unwritable)?;
        let folder = Self { root: beside.path().join("study") };
        std::fs::create_dir(&folder.root).map_err(unwritable)?;
        let result = fill(&folder)?;
        // An empty folder in the place gives way.
        match std::fs::remove_dir(place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => std::fs::rename(&folder.root, place).map_err(unwritable)?,
        }
        Ok(result)
    }

    /// A text file.
    pub(super) fn text(&self, name: &str, text: &str) -> Result<(), PhantomError> {
        let path = self.path(name)?;
        std::fs::write(&path, text).map_err(|source| PhantomError::Write { path, source })
    }

    /// A JSON file.
    pub(super) fn json(&self, name: &str, value: &serde_json::Value) -> Result<(), PhantomError> {
        self.text(name, &sidecar::text(value))
    }

    /// A volume as 16-bit integers in steps.
    pub(super) fn volume(&self, name: &str, volume: &Volume, step: f32) -> Result<(), PhantomError> {
        let stored = StoredAs::Int16 { slope: step, intercept: 0.0 };
        self.image(name, |file| {
            image::write_series(file, &volume.grid, 1, None, stored, COMPRESSION, |_, values| {
                values.copy_from_slice(&volume.data);
            })
        })
    }

    /// A DSC series.
    pub(super) fn series(
        &self,
        name: &str,
        series: &StoredSeries,
        frame_time: crate::units::Seconds,
    ) -> Result<(), PhantomError> {
        let voxels = series.grid.len();
        self.image(name, |file| {
            image::write_series(
                file,
                &series.grid,
                series.frames,
                Some(frame_time),
                StoredAs::Int16 { slope: series.step, intercept: 0.0 },
                COMPRESSION,
                |frame, values| {
                    let stored = &series.data[frame * voxels..(frame + 1) * voxels];
                    values.iter_mut().zip(stored).for_each(|(value, &stored)| *value = f32::from(stored) * series.step);
                },
            )
        })
    }

    /// A mask.
    pub(super) fn mask(&self, name: &str, mask: &Mask) -> Result<(), PhantomError> {
        self.image(name, |file| image::write_mask(file, mask, COMPRESSION))
    }

    /// A label map.
    pub(super) fn labels(&self, name: &str, labels: &Labels) -> Result<(), PhantomError> {
        self.image(name, |file| image::write_labels(file, labels, COMPRESSION))
    }

    fn image(
        &self,
        name: &str,
        write: impl FnOnce(BufWriter<File>) -> Result<(), image::ImageError>,
    ) -> Result<(), PhantomError> {
        let path = self.path(name)?;
        let file = File::create(&path).map_err(|source| PhantomError::Write { path: path.clone(), source })?;
        write(BufWriter::new(file)).map_err(|source| PhantomError::Image { path, source: Box::new(source) })
    }

    fn path(&self, name: &str) -> Result<PathBuf, PhantomError> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(|source| PhantomError::Write { path: folder.into(), source })?;
        Ok(path)
    }
}

fn write_patient(
    folder: &Folder,
    patient: &Patient,
    scanner: &Scanner,
    seed: u64,
    truth: &mut Truth,
) -> Result<(), PhantomError> {
    let label = &patient.label;
    folder.text(&format!("{label}/{label}_sessions.tsv"), &sidecar::sessions(patient))?;
    folder.json(&format!("{label}/{label}_sessions.json"), &sidecar::sessions_dictionary())?;
    if patient.dsc_sidecar_above_sessions {
        // One sidecar for all visits: readers must inherit it.
        folder.json(&format!("{label}/{label}_dsc.json"), &sidecar::dsc(&scanner.protocol))?;
    }
    let mut first_volumes = Vec::new();
    for visit in &patient.visits {
        let rows = write_visit(folder, patient, visit, scanner, seed, &mut first_volumes)?;
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
    first_volumes: &mut Vec<f64>,
) -> Result<Vec<TruthRow>, PhantomError> {
    let (label, session) = (&patient.label, &visit.session);
    let stem = format!("{label}_{session}");
    let raw = format!("{label}/{session}");
    let head = Head {
        lesions: patient.head.lesions.iter().map(|lesion| lesion.grown(visit.growth)).collect(),
        ..patient.head.clone()
    };
    let image_seed = |modality: u64| {
        let name = stem.bytes().fold(seed, |bits, byte| mix(bits ^ u64::from(byte)));
        mix(name ^ modality)
    };

    let t1_grid = scanner.t1.grid(patient.layout);
    let t1 = post_contrast_t1(&head, t1_grid, image_seed(1), scanner.realism);
    let t1_name = format!("{raw}/anat/{stem}_ce-gadolinium_T1w");
    folder.volume(&format!("{t1_name}.nii.gz"), &t1, 1.0)?;
    folder.json(&format!("{t1_name}.json"), &sidecar::t1(true))?;

    let perfusion: Vec<_> = visit.findings.iter().map(|finding| finding.perfusion).collect();
    let dsc_grid = scanner.dsc.grid(patient.layout);
    let series = dsc_series(&head, &perfusion, dsc_grid, &scanner.protocol, image_seed(2), scanner.realism);
    let dsc_name = format!("{raw}/perf/{stem}_dsc");
    folder.series(&format!("{dsc_name}.nii.gz"), &series, scanner.protocol.repetition_time)?;
    if !patient.dsc_sidecar_above_sessions {
        folder.json(&format!("{dsc_name}.json"), &sidecar::dsc(&scanner.protocol))?;
    }

    let backgrounds: Vec<f64> = head
        .lesions
        .iter()
        .map(|lesion| true_background(&head, head.pose.to_scanner(lesion.center)).unwrap_or(f64::NAN))
        .collect();
    if visit.pet {
        let uptakes: Vec<_> = visit
            .findings
            .iter()
            .zip(&backgrounds)
            .map(|(finding, background)| LesionUptake {
                enhancing: finding.tbr * background,
                core: finding.core_tbr * background,
            })
            .collect();
        let grid = scanner.pet.grid(patient.layout);
        let mut pet = pet_image(&head, &uptakes, grid, image_seed(3), scanner.realism);
        let scale = sidecar::WHITE_MATTER_SUV * sidecar::becquerels_per_suv(patient.weight);
        pet.data.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        let name = format!("{raw}/pet/{stem}_trc-MET_pet");
        folder.volume(&format!("{name}.nii.gz"), &pet, PET_STEP)?;
        folder.json(&format!("{name}.json"), &sidecar::pet())?;
    }

    let lesions = lesion_labels(&head, t1_grid, patient.lesions);
    write_masks(folder, patient, visit, &head, &lesions)?;

    let mut rows = Vec::new();
    for (index, finding) in visit.findings.iter().enumerate() {
        let volume_ml = lesions.mask(index as u32 + 1).volume().0;
        if first_volumes.len() <= index {
            first_volumes.push(volume_ml);
        }
        let change = if volume_ml == first_volumes[index] && visit.growth == 1.0 {
            f64::NAN
        } else {
            100.0 * (volume_ml / first_volumes[index] - 1.0)
        };
        let tissue = finding.perfusion.enhancing;
        let rcbv_enhancing = true_relative_cbv(&tissue, &scanner.protocol);
        let rcbv_core = true_relative_cbv(&finding.perfusion.core, &scanner.protocol);
        let core_share = core_share(&head, &lesions, index);
        let background_suv = if visit.pet { backgrounds[index] * sidecar::WHITE_MATTER_SUV } else { f64::NAN };
        let tbr = if visit.pet { finding.tbr } else { f64::NAN };
        rows.push(TruthRow {
            participant_id: label.clone(),
            session_id: session.clone(),
            lesion: index + 1,
            name: finding.name.clone(),
            histology: finding.histology,
            center: head.pose.to_scanner(head.lesions[index].center),
            volume_ml,
            followup_change_percent: change,
            rcbv: rcbv_enhancing * (1.0 - core_share) + rcbv_core * core_share,
            rcbv_enhancing,
            cbv: tissue.cbv,
            cbf: tissue.cbf,
            mtt: tissue.mean_transit_time().0,
            delay: tissue.delay.0,
            ktrans: tissue.leakage.map_or(0.0, |leakage| leakage.ktrans_per_min),
            ve: tissue.leakage.map_or(f64::NAN, |leakage| leakage.ve),
            tracer: visit.pet.then_some(Tracer::Met),
            tbr,
            suv: tbr * background_suv,
            background_suv,
            expected: finding.expected,
        });
    }
    Ok(rows)
}

/// The lesions on a grid, labelled from 1.
fn lesion_labels(head: &Head, grid: Grid, masks: LesionMasks) -> Labels {
    let data = (0..grid.len())
        .map(|index| match (head.tissue(grid.position(grid.voxel(index))), masks) {
            (Tissue::Enhancing(lesion), _) | (Tissue::Core(lesion), LesionMasks::Labels) => lesion as u32 + 1,
            _ => 0,
        })
        .collect();
    Labels { grid, data }
}

/// Share of a drawn lesion that is core.
fn core_share(head: &Head, lesions: &Labels, lesion: usize) -> f64 {
    let mask = lesions.mask(lesion as u32 + 1);
    let core = mask
        .indices()
        .filter(|&index| head.tissue(mask.grid.position(mask.grid.voxel(index))) == Tissue::Core(lesion))
        .count();
    core as f64 / mask.count().max(1) as f64
}

fn write_masks(
    folder: &Folder,
    patient: &Patient,
    visit: &Visit,
    head: &Head,
    lesions: &Labels,
) -> Result<(), PhantomError> {
    let (label, session) = (&patient.label, &visit.session);
    let stem = format!("derivatives/manual/{label}/{session}/anat/{label}_{session}");
    match patient.lesions {
        LesionMasks::Enhancing => {
            let any = Mask { grid: lesions.grid, data: lesions.data.iter().map(|&label| label > 0).collect() };
            folder.mask(&format!("{stem}_label-lesion_mask.nii.gz"), &any)?;
            folder
                .json(&format!("{stem}_label-lesion_mask.json"), &sidecar::mask("Enhancing tissue of the lesion."))?;
        }
        LesionMasks::Labels => {
            folder.labels(&format!("{stem}_desc-lesions_dseg.nii.gz"), lesions)?;
            folder.json(&format!("{stem}_desc-lesions_dseg.json"), &sidecar::mask("Whole lesions, cores included."))?;
            folder.text(&format!("{stem}_desc-lesions_dseg.tsv"), &sidecar::label_table(visit))?;
        }
    }
    let grid = lesions.grid;
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
