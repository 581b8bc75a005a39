//! Sidecars of output images (BIDS 1.10 derivatives, "Common data types and metadata").

use serde_json::{Map, Value, json};

use crate::quality::Caveat;
use crate::study::{InputFile, PROGRAM};

/// What a sidecar tells of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSidecar<'a> {
    /// What the image shows, in one sentence.
    pub description: String,
    /// Unit of the values, in UCUM spelling; empty for labels.
    pub units: &'a str,
    /// The files it was made from.
    pub sources: &'a [InputFile],
    /// Whether values outside the brain were left out.
    pub skull_stripped: bool,
    /// The image on whose grid it stands, where the name carries a `space-` that is no standard template.
    pub spatial_reference: Option<&'a InputFile>,
    /// `Brain`, `Lesion` or `ROI` for masks.
    pub mask_type: Option<&'a str>,
    /// What the method adds: model, equation, OSIPI CAPLEX code, parameters and constants.
    pub model: Map<String, Value>,
    /// Doubts about the values.
    pub caveats: &'a [Caveat],
}

impl ImageSidecar<'_> {
    /// The sidecar as JSON, fields in a fixed order.
    pub fn json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("Description".to_owned(), self.description.clone().into());
        if !self.units.is_empty() {
            fields.insert("Units".to_owned(), self.units.into());
        }
        let sources: Vec<String> = self.sources.iter().map(source_uri).collect();
        fields.insert("Sources".to_owned(), sources.into());
        fields.insert("SkullStripped".to_owned(), self.skull_stripped.into());
        if let Some(reference) = self.spatial_reference {
            fields.insert("SpatialReference".to_owned(), source_uri(reference).into());
        }
        if let Some(mask_type) = self.mask_type {
            fields.insert("Type".to_owned(), mask_type.into());
        }
        for (name, value) in &self.model {
            fields.insert(name.clone(), value.clone());
        }
        if !self.caveats.is_empty() {
            let caveats: Vec<Value> = self
                .caveats
                .iter()
                .map(|caveat| json!({"Code": caveat.code.as_str(), "Meaning": caveat.code.meaning(), "Detail": caveat.detail}))
                .collect();
            fields.insert("Caveats".to_owned(), caveats.into());
        }
        fields.insert("GeneratedBy".to_owned(), generated_by());
        fields.into()
    }
}

/// This program, as `GeneratedBy` names it.
pub fn generated_by() -> Value {
    json!([{"Name": PROGRAM, "Version": env!("CARGO_PKG_VERSION")}])
}

/// A file of the study as a BIDS URI; never an absolute path.
pub fn source_uri(file: &InputFile) -> String {
    format!("bids:raw:{}", file.relative())
}

/// JSON as it is written to files: indented, with a line break at its end.
pub fn json_text(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::CaveatCode;

    #[test]
    fn a_sidecar_tells_what_the_image_is_and_never_where_the_study_lay() {
        let source = InputFile::inside("/home/person/study".as_ref(), "/home/person/study/sub-01/perf/a.nii".into());
        let mut model = Map::new();
        model.insert("Model".to_owned(), "BSW".into());
        let caveats = [Caveat::new(CaveatCode::BaselineShort, "7 frames")];
        let sidecar = ImageSidecar {
            description: "rCBV".into(),
            units: "1",
            sources: std::slice::from_ref(&source),
            skull_stripped: true,
            spatial_reference: Some(&source),
            mask_type: None,
            model,
            caveats: &caveats,
        };
        let json = sidecar.json();
        assert_eq!(json["Sources"][0], "bids:raw:sub-01/perf/a.nii");
        assert_eq!((&json["SkullStripped"], &json["Model"]), (&true.into(), &"BSW".into()));
        assert_eq!(json["Caveats"][0]["Code"], "BASELINE_SHORT");
        assert_eq!(json["GeneratedBy"][0]["Name"], "relight");
        let text = json_text(&json);
        assert!(!text.contains("/home") && text.ends_with("}\n"), "{text}");
    }
}
