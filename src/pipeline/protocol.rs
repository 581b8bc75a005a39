//! How a subject's images were acquired, field by field, and where sessions differ.
//!
//! An inconsistent protocol, scanner or centre adds variability to surveillance (S0): the reader must see it.

use serde_json::Value;

use crate::image::NiftiImage;
use crate::report::surveillance::ProtocolRow;
use crate::study::{Image, SessionInputs};

/// Sidecar fields that are compared, with their unit.
const FIELDS: [(&str, &str); 7] = [
    ("Manufacturer", ""),
    ("ManufacturersModelName", ""),
    ("MagneticFieldStrength", " T"),
    ("RepetitionTime", " s"),
    ("EchoTime", " s"),
    ("FlipAngle", "°"),
    ("ContrastBolusIngredient", ""),
];

/// The name of the field that the image header gives.
const VOXEL_SIZE: &str = "voxel size";

/// Fields of one image with what is told of each.
type Fields = Vec<(&'static str, Option<String>)>;

/// The protocol of each kind of image over sessions, in their order: rows that at least one session tells, for images
/// that at least two sessions have.
///
/// A sidecar that cannot be read tells nothing here; the session's measurement reports it.
pub fn compare_protocols(sessions: &[&SessionInputs]) -> Vec<ProtocolRow> {
    let kinds: Vec<Vec<(String, &Image)>> = sessions.iter().map(|session| images(session)).collect();
    let mut names: Vec<&str> = kinds.iter().flatten().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut rows = Vec::new();
    for name in names {
        let told: Vec<Option<Fields>> = kinds
            .iter()
            .map(|images| images.iter().find(|(kind, _)| kind == name).map(|(_, image)| fields(image)))
            .collect();
        if told.iter().flatten().count() < 2 {
            continue;
        }
        for (place, field) in std::iter::once(VOXEL_SIZE).chain(FIELDS.map(|(field, _)| field)).enumerate() {
            let values: Vec<Option<String>> =
                told.iter().map(|fields| fields.as_ref().and_then(|fields| fields[place].1.clone())).collect();
            let mut known = values.iter().flatten();
            let Some(first) = known.next() else { continue };
            let differs = known.any(|value| value != first);
            rows.push(ProtocolRow { image: name.to_owned(), field: field.to_owned(), values, differs });
        }
    }
    rows
}

/// The images whose protocol bears on a comparison, by kind.
fn images(session: &SessionInputs) -> Vec<(String, &Image)> {
    let single = [
        ("T1 after contrast", session.t1c.as_ref()),
        ("T1", session.t1.as_ref()),
        ("FLAIR", session.flair.as_ref()),
        ("DSC", session.dsc.as_ref().map(|dsc| &dsc.image)),
        ("ASL", session.asl.as_ref().map(|asl| &asl.image)),
        ("DCE", session.dce.as_ref().map(|dce| &dce.image)),
    ];
    let mut images: Vec<(String, &Image)> =
        single.into_iter().filter_map(|(name, image)| Some((name.to_owned(), image?))).collect();
    for pet in &session.pet {
        let tracer = pet.tracer().map_or_else(|| "tracer unknown".to_owned(), |tracer| tracer.to_string());
        images.push((format!("PET, {tracer}"), &pet.image));
    }
    images
}

/// Voxel size, then [`FIELDS`] in order.
fn fields(image: &Image) -> Fields {
    let voxels = NiftiImage::open(image.file.path()).ok().map(|opened| {
        // A hundredth of a millimeter: headers of one protocol differ by rounding below that.
        let edges = opened.grid().voxel_size().map(|edge| ((edge * 100.0).round() / 100.0).to_string());
        format!("{} mm", edges.join(" × "))
    });
    let mut fields = vec![(VOXEL_SIZE, voxels)];
    let sidecar = image.sidecar().ok();
    for (field, unit) in FIELDS {
        let value = sidecar.as_ref().and_then(|sidecar| sidecar.value(field)).map(|value| match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => {
                number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()) + unit
            }
            other => other.to_string(),
        });
        fields.push((field, value));
    }
    fields
}
