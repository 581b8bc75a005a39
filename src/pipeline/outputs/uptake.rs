//! Maps and time-activity curves of a PET image.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::{Content, Destination, MadeOutputs, Output, Written, create, make_all, stage};
use crate::clinical::Tracer;
use crate::dataset::{StagedFile, check_replaceable, json_text, write_file};
use crate::image::{Compression, ImageError, Mask, NiftiImage, Volume, write_labels_with};
use crate::lesion::{Cell, MISSING};
use crate::pet::{BiologicalVolume, LesionUptake, SuvKind, SuvScale, TimeActivity};
use crate::pipeline::error::SessionError;
use crate::pipeline::masks::{Drawn, LesionMasks};
use crate::pipeline::uptake::Uptake;
use crate::region::Bounds;

/// The biological volumes of the lesions as a label map that is made while it is written.
pub(super) struct BiologicalVolumes<'a> {
    image: &'a Volume,
    volumes: Vec<LabeledVolume<'a>>,
}

/// The biological volume of a lesion.
struct LabeledVolume<'a> {
    lesion: &'a Mask,
    /// The box around the lesion.
    bounds: Bounds,
    volume: &'a BiologicalVolume,
    label: u32,
}

impl<'a> BiologicalVolumes<'a> {
    /// `None` where no volume holds a voxel.
    fn of(uptake: &'a Uptake, masks: &LesionMasks) -> Option<Self> {
        let labeled = |((lesion, mask), drawn): ((&'a LesionUptake, &'a Mask), &Drawn)| {
            let volume = lesion.volumes.first().filter(|volume| volume.volume.0 > 0.0)?;
            Some(LabeledVolume { lesion: mask, bounds: Bounds::around(mask)?, volume, label: drawn.label })
        };
        let lesions = uptake.result.lesions.iter().zip(&uptake.lesions).zip(&masks.lesions);
        let volumes: Vec<_> = lesions.filter_map(labeled).collect();
        (!volumes.is_empty()).then_some(Self { image: &uptake.image, volumes })
    }

    /// Of a voxel in two lesions the first keeps it.
    fn label(&self, index: usize) -> u32 {
        let value = self.image.data[index];
        let holds = |volume: &&LabeledVolume<'_>| volume.lesion.data[index] && volume.volume.holds(value);
        self.volumes.iter().find(holds).map_or(0, |volume| volume.label)
    }

    pub(super) fn write(&self, file: impl Write) -> Result<(), ImageError> {
        let largest = self.volumes.iter().map(|volume| volume.label).max().unwrap_or(0);
        let holds_labels = |first, last| self.volumes.iter().any(|volume| volume.bounds.meets(first, last));
        let label = |index| self.label(index);
        write_labels_with(file, &self.image.grid, largest, holds_labels, label, Compression::MAPS)
    }
}

/// The SUV map of an image, made aside while the image was read: of a static image its factor is known before.
pub struct SuvMap {
    file: StagedFile,
    factor: f64,
}

impl SuvMap {
    /// Reads a static image and makes its map.
    pub fn read(
        image: NiftiImage,
        scale: &SuvScale,
        destination: &Destination<'_>,
    ) -> Result<(Volume, Self), SessionError> {
        let name = destination.stem.name("pet", Some(&suv_description(scale.kind)), ".nii.gz");
        let file = stage(&name, destination)?;
        let volume = image.read_volume_writing_scaled(create(&file, &name)?, scale.factor, Compression::MAPS)?;
        Ok((volume, Self { file, factor: scale.factor }))
    }
}

fn suv_description(kind: SuvKind) -> String {
    format!("suv{}", kind.as_str())
}

/// Makes SUV, ratio and biological volume of a PET image, and the background region, aside; `suv_map` is the SUV map
/// where it was made before.
pub fn make_uptake(
    uptake: &Uptake,
    tracer: Option<&Tracer>,
    masks: Option<&LesionMasks>,
    suv_map: Option<SuvMap>,
    destination: &Destination<'_>,
) -> Result<MadeOutputs, SessionError> {
    let scales = uptake.result.scales;
    let suv_description = uptake.result.suv.as_ref().ok().map(|scale| suv_description(scale.kind));
    let mut outputs = Vec::new();
    let model = |entries: Vec<(&str, Value)>| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if let (Some(scale), Ok(suv_scale)) = (scales.suv, &uptake.result.suv) {
        outputs.push(Output {
            suffix: "pet",
            description: suv_description.as_deref(),
            words: "Standardized uptake value.".to_owned(),
            unit: suv_scale.kind.unit(),
            mask_type: None,
            model: model(vec![
                ("Factor", json!(scale)),
                ("SuvScale", serde_json::to_value(suv_scale).unwrap_or(Value::Null)),
            ]),
            skull_stripped: false,
            content: match suv_map.filter(|map| map.factor == scale) {
                Some(map) => Content::Made(map.file),
                None => Content::Scaled(&uptake.image, scale),
            },
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
    make_all(outputs, destination, &uptake.caveats)
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
