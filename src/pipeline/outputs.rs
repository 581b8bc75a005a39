//! Maps and masks to files, each with its sidecar: what the session and the single commands both write.

use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::error::SessionError;
use super::inside::Cluster;
use super::masks::LesionMasks;
use super::perfusion::Perfusion;
use super::uptake::Uptake;
use crate::acquisition::DscAcquisition;
use crate::clinical::Tracer;
use crate::dataset::{ImageSidecar, OutputStem, check_replaceable, json_text, replace_file, sidecar_name, write_file};
use crate::dsc::PerfusionMaps;
use crate::image::{
    Compression, Labels, Mask, Volume, write_labels, write_labels_with, write_mask, write_scaled_volume, write_volume,
};
use crate::lesion::{Cell, MISSING};
use crate::pet::{BiologicalVolume, TimeActivity};
use crate::quality::Caveat;
use crate::region::Bounds;
use crate::study::InputFile;

/// Where outputs go, and what stands in every sidecar.
#[derive(Debug, Clone)]
pub struct Destination<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// What the names begin with.
    pub stem: OutputStem,
    /// The files that the outputs were made from.
    pub sources: &'a [InputFile],
    /// Whether files of others may be replaced.
    pub force: bool,
}

/// An image that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name in `--json`, such as `desc-normalized_rcbv`.
    pub key: String,
    /// The file.
    pub path: PathBuf,
}

/// What is written.
pub(super) enum Content<'a> {
    /// Values over the voxels of a mask.
    Masked(&'a Mask, &'a [f32]),
    /// A whole image times a factor.
    Scaled(&'a Volume, f64),
    Labels(&'a Labels),
    BiologicalVolumes(&'a BiologicalVolumes<'a>),
    Mask(&'a Mask),
}

/// The biological volumes of the lesions as a label map that is made while it is written.
pub(super) struct BiologicalVolumes<'a> {
    image: &'a Volume,
    /// A lesion, its volume, its label.
    volumes: Vec<(&'a Mask, &'a BiologicalVolume, u32)>,
    /// Linear indices of the slices that hold them.
    span: Range<usize>,
}

impl<'a> BiologicalVolumes<'a> {
    /// `None` where no volume holds a voxel.
    fn of(uptake: &'a Uptake, masks: &LesionMasks) -> Option<Self> {
        let volumes: Vec<_> = uptake
            .result
            .lesions
            .iter()
            .zip(&uptake.lesions)
            .zip(&masks.lesions)
            .filter_map(|((lesion, mask), drawn)| Some((mask, lesion.volumes.first()?, drawn.label)))
            .filter(|(_, volume, _)| volume.volume.0 > 0.0)
            .collect();
        let [nx, ny, _] = uptake.image.grid.shape();
        let slices = |(mask, ..): &(&Mask, _, _)| Bounds::around(mask).map(|bounds| (bounds.low[2], bounds.high[2]));
        let (start, end) = volumes.iter().filter_map(slices).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        Some(Self { image: &uptake.image, volumes, span: start * nx * ny..end * nx * ny })
    }

    /// Of a voxel in two lesions the first keeps it.
    fn label(&self, index: usize) -> u32 {
        let value = self.image.data[index];
        let holds = |(mask, volume, _): &&(&Mask, &BiologicalVolume, u32)| mask.data[index] && volume.holds(value);
        self.volumes.iter().find(holds).map_or(0, |&(_, _, label)| label)
    }

    fn largest(&self) -> u32 {
        self.volumes.iter().map(|&(_, _, label)| label).max().unwrap_or(0)
    }
}

pub(super) struct Output<'a> {
    pub(super) suffix: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) words: String,
    pub(super) unit: &'a str,
    pub(super) mask_type: Option<&'a str>,
    pub(super) model: Map<String, Value>,
    pub(super) skull_stripped: bool,
    pub(super) content: Content<'a>,
}

/// Writes the maps of a DSC series and the reference region.
pub fn write_perfusion(
    perfusion: &Perfusion,
    acquisition: &DscAcquisition,
    destination: &Destination<'_>,
) -> Result<Vec<Written>, SessionError> {
    let result = &perfusion.result;
    let mut maps = result.maps();
    maps.extend(perfusion.flow.iter().flat_map(PerfusionMaps::maps));
    let mut outputs: Vec<Output<'_>> = maps
        .iter()
        .map(|map| {
            let mut model = Map::new();
            model.insert("Equation".to_owned(), map.equation.into());
            if let Some(code) = map.lexicon {
                model.insert("CAPLEX".to_owned(), code.into());
            }
            model.insert("LeakageModel".to_owned(), result.model.as_str().into());
            model.insert("EchoTime".to_owned(), json!(acquisition.echo_time().0));
            model.insert("RepetitionTime".to_owned(), json!(acquisition.repetition_time().0));
            model.insert(
                "BaselineFrames".to_owned(),
                json!([result.timing.baseline().start, result.timing.baseline().end]),
            );
            if map.description == Some("normalized")
                && let Some(normalized) = &result.normalized
            {
                model.insert("ReferenceValue".to_owned(), json!(normalized.reference_rcbv));
                model.insert("ReferenceVoxels".to_owned(), json!(normalized.reference_voxels));
            }
            Output {
                suffix: map.suffix,
                description: map.description,
                words: describe(map.suffix, map.description),
                unit: map.unit,
                mask_type: None,
                model,
                skull_stripped: true,
                content: Content::Masked(&result.mask, map.values),
            }
        })
        .collect();
    if let Some(reference) = &perfusion.reference {
        outputs.push(Output {
            suffix: "mask",
            description: None,
            words: "Reference region: normal-appearing white matter that rCBV is divided by.".to_owned(),
            unit: "",
            mask_type: Some("ROI"),
            model: Map::new(),
            skull_stripped: true,
            content: Content::Mask(reference),
        });
    }
    write_all(&outputs, destination, &perfusion.caveats)
}

/// Writes SUV, ratio and biological volume of a PET image, and the background region.
pub fn write_uptake(
    uptake: &Uptake,
    tracer: Option<&Tracer>,
    masks: Option<&LesionMasks>,
    suv: &str,
    destination: &Destination<'_>,
) -> Result<Vec<Written>, SessionError> {
    let scales = uptake.result.scales;
    let suv_description = format!("suv{suv}");
    let mut outputs = Vec::new();
    let model = |entries: Vec<(&str, Value)>| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if let (Some(scale), Ok(suv_scale)) = (scales.suv, &uptake.result.suv) {
        outputs.push(Output {
            suffix: "pet",
            description: Some(&suv_description),
            words: "Standardized uptake value.".to_owned(),
            unit: if suv == "bsa" { "cm2/mL" } else { "g/mL" },
            mask_type: None,
            model: model(vec![
                ("Factor", json!(scale)),
                ("SuvScale", serde_json::to_value(suv_scale).unwrap_or(Value::Null)),
            ]),
            skull_stripped: false,
            content: Content::Scaled(&uptake.image, scale),
        });
    }
    if let Some(scale) = scales.tbr {
        outputs.push(Output {
            suffix: "pet",
            description: Some("tbr"),
            words: "Tumor-to-background ratio.".to_owned(),
            unit: "1",
            mask_type: None,
            model: model(vec![
                ("Factor", json!(scale)),
                ("Background", serde_json::to_value(&uptake.result.background).unwrap_or(Value::Null)),
            ]),
            skull_stripped: false,
            content: Content::Scaled(&uptake.image, scale),
        });
    }
    let volumes = masks.and_then(|masks| BiologicalVolumes::of(uptake, masks));
    if let Some(volumes) = &volumes {
        let rule = uptake.result.lesions.iter().find_map(|lesion| lesion.volumes.first()).map(|volume| volume.rule);
        outputs.push(Output {
            suffix: "dseg",
            description: Some("btv"),
            words: "Biological tumor volume inside each lesion; voxels carry the label of the lesion.".to_owned(),
            unit: "",
            mask_type: Some("Lesion"),
            model: model(vec![
                ("Rule", serde_json::to_value(rule).unwrap_or(Value::Null)),
                ("Tracer", json!(tracer.map(Tracer::as_str))),
            ]),
            skull_stripped: false,
            content: Content::BiologicalVolumes(volumes),
        });
    }
    if let Some(background) = &uptake.background {
        outputs.push(Output {
            suffix: "mask",
            description: None,
            words: "Background region that uptake is divided by.".to_owned(),
            unit: "",
            mask_type: Some("ROI"),
            model: Map::new(),
            skull_stripped: false,
            content: Content::Mask(background),
        });
    }
    write_all(&outputs, destination, &uptake.caveats)
}

/// Writes the time-activity curves of a dynamic image as a table: middle of each frame, then the mean of each lesion and
/// of the background in the unit of the image. Nothing is written for a static image.
pub fn write_curves(
    uptake: &Uptake,
    masks: Option<&LesionMasks>,
    destination: &Destination<'_>,
) -> Result<Option<Written>, SessionError> {
    let lesions = masks.map_or(&[][..], |masks| &masks.lesions);
    let mut columns: Vec<(String, &TimeActivity)> =
        lesions.iter().zip(&uptake.curves).map(|(lesion, curve)| (format!("lesion_{}", lesion.label), curve)).collect();
    columns.extend(uptake.background_curve.as_ref().map(|curve| ("background".to_owned(), curve)));
    let Some((_, first)) = columns.first() else { return Ok(None) };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut text = format!("time\t{}\n", names.join("\t"));
    let cell = |value: f64| if value.is_finite() { value.write() } else { MISSING.to_owned() };
    for (frame, minute) in first.minutes.iter().enumerate() {
        let cells: Vec<String> = columns.iter().map(|(_, curve)| cell(curve.values[frame])).collect();
        text.push_str(&format!("{}\t{}\n", (minute * 60.0).write(), cells.join("\t")));
    }
    let path = destination.folder.join(destination.stem.name("tacs", None, ".tsv"));
    check_replaceable(&path, destination.force)?;
    write_file(&path, text.as_bytes())?;
    let dictionary = json!({
        "Description": "Time-activity curves: the mean of each region in each frame, decay-corrected.",
        "time": { "Description": "Middle of the frame after injection.", "Units": "s" },
        "lesion_*": { "Description": "Mean of the lesion with that label, in the unit of the image." },
        "background": { "Description": "Mean of the background region, in the unit of the image." },
    });
    write_file(&path.with_extension("json"), json_text(&dictionary).as_bytes())?;
    Ok(Some(Written { key: "tacs".to_owned(), path }))
}

/// Writes the most active clusters of one map as a label map.
pub fn write_clusters(clusters: &[&Cluster], destination: &Destination<'_>) -> Result<Vec<Written>, SessionError> {
    let Some(first) = clusters.first() else { return Ok(Vec::new()) };
    let grid = first.mask.grid;
    let mut labels = Labels { grid, data: vec![0; grid.len()] };
    for cluster in clusters {
        for index in cluster.mask.indices() {
            if labels.data[index] == 0 {
                labels.data[index] = cluster.label;
            }
        }
    }
    let output = Output {
        suffix: "dseg",
        description: Some("target"),
        words: "The largest cluster of high voxels of each lesion, outside labeled necrosis. It describes the map; it \
                is no plan of a needle."
            .to_owned(),
        unit: "",
        mask_type: Some("Lesion"),
        model: Map::new(),
        skull_stripped: false,
        content: Content::Labels(&labels),
    };
    write_all(&[output], destination, &[])
}

/// Writes the lesions as they were measured, and their names.
pub fn write_lesions(masks: &LesionMasks, destination: &Destination<'_>) -> Result<Vec<Written>, SessionError> {
    let Some(labels) = masks.label_map() else { return Ok(Vec::new()) };
    let outputs = [Output {
        suffix: "dseg",
        description: Some("lesions"),
        words: "The lesions as they were measured; voxels carry the label of the lesion.".to_owned(),
        unit: "",
        mask_type: Some("Lesion"),
        model: Map::new(),
        skull_stripped: false,
        content: Content::Labels(&labels),
    }];
    let written = write_all(&outputs, destination, &masks.caveats)?;
    let mut table = "index\tname\n".to_owned();
    for lesion in &masks.lesions {
        table.push_str(&format!(
            "{}\t{}\n",
            lesion.label,
            lesion.name.as_deref().unwrap_or(&format!("lesion {}", lesion.label))
        ));
    }
    let name = destination.stem.name("dseg", Some("lesions"), ".tsv");
    write_file(&destination.folder.join(name), table.as_bytes())?;
    Ok(written)
}

pub(super) fn write_all(
    outputs: &[Output<'_>],
    destination: &Destination<'_>,
    caveats: &[Caveat],
) -> Result<Vec<Written>, SessionError> {
    std::fs::create_dir_all(destination.folder).map_err(|error| crate::dataset::DatasetError::Unwritable {
        file: super::shown(destination.folder),
        problem: error.to_string(),
    })?;
    outputs.par_iter().map(|output| write_one(output, destination, caveats)).collect()
}

fn write_one(output: &Output<'_>, destination: &Destination<'_>, caveats: &[Caveat]) -> Result<Written, SessionError> {
    let stem = match output.mask_type {
        Some("ROI") => destination.stem.clone().with("label", "reference"),
        _ => destination.stem.clone(),
    };
    let name = stem.name(output.suffix, output.description, ".nii.gz");
    let path = destination.folder.join(&name);
    check_replaceable(&path, destination.force)?;
    replace_file(&path, |aside| -> Result<(), SessionError> {
        let unwritable = |error: std::io::Error| {
            SessionError::Output(crate::dataset::DatasetError::Unwritable {
                file: name.clone(),
                problem: error.to_string(),
            })
        };
        let file = BufWriter::with_capacity(1 << 20, File::create(aside).map_err(unwritable)?);
        match &output.content {
            Content::Masked(mask, values) => write_volume(file, &Volume::from_masked(mask, values), Compression::MAPS)?,
            Content::Scaled(image, factor) => write_scaled_volume(file, image, *factor, Compression::MAPS)?,
            Content::Labels(labels) => write_labels(file, labels, Compression::MAPS)?,
            Content::BiologicalVolumes(volumes) => {
                let label = |index| volumes.label(index);
                let (grid, span) = (&volumes.image.grid, volumes.span.clone());
                write_labels_with(file, grid, volumes.largest(), span, label, Compression::MAPS)?;
            }
            Content::Mask(mask) => write_mask(file, mask, Compression::MAPS)?,
        }
        Ok(())
    })?;
    let sidecar = ImageSidecar {
        description: output.words.clone(),
        units: output.unit,
        sources: destination.sources,
        skull_stripped: output.skull_stripped,
        spatial_reference: None,
        mask_type: output.mask_type,
        model: output.model.clone(),
        caveats,
    };
    write_file(&destination.folder.join(sidecar_name(&name)), json_text(&sidecar.json()).as_bytes())?;
    let key = match (output.mask_type, output.description) {
        (Some("ROI"), _) => "label-reference_mask".to_owned(),
        (_, Some(description)) => format!("desc-{description}_{}", output.suffix),
        (_, None) => output.suffix.to_owned(),
    };
    Ok(Written { key, path })
}

/// What a perfusion map shows, in one sentence.
fn describe(suffix: &str, description: Option<&str>) -> String {
    let words = match (suffix, description) {
        ("rcbv", Some("uncorrected")) => "Relative cerebral blood volume without leakage correction.",
        ("rcbv", Some("normalized")) => {
            "Leakage-corrected relative cerebral blood volume over its mean in normal-appearing white matter."
        }
        ("rcbv", _) => "Leakage-corrected relative cerebral blood volume.",
        ("k1", _) => "Scale of the reference curve in the voxel's curve (leakage model).",
        ("k2", _) => "Leakage coefficient; above 0 T1-dominant, below 0 T2*-dominant.",
        ("kep", _) => "Rate of backflow from the extravascular space, in enhancing voxels.",
        ("psr", _) => "Percentage of signal recovery.",
        ("ph", _) => "Peak height: largest change of the transverse relaxation rate.",
        ("cbv", _) => "Cerebral blood volume.",
        ("cbf", _) => "Cerebral blood flow.",
        ("mtt", _) => "Mean transit time.",
        ("tmax", _) => "Time to the maximum of the residue function.",
        ("ttp", _) => "Time to peak from the bolus arrival.",
        _ => "Perfusion map.",
    };
    words.to_owned()
}
