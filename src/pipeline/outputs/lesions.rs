//! The lesions as they were measured, and their most active clusters.

use serde_json::Map;

use super::{Content, Destination, Output, Written, write_all};
use crate::dataset::write_file;
use crate::image::Labels;
use crate::pipeline::bench::Cluster;
use crate::pipeline::error::SessionError;
use crate::pipeline::masks::LesionMasks;

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
    write_all(vec![output], destination, &[])
}

/// Writes the lesions as they were measured, and their names.
pub fn write_lesions(masks: &LesionMasks, destination: &Destination<'_>) -> Result<Vec<Written>, SessionError> {
    let Some(labels) = masks.label_map() else { return Ok(Vec::new()) };
    let outputs = vec![Output {
        suffix: "dseg",
        description: Some("lesions"),
        words: "The lesions as they were measured; voxels carry the label of the lesion.".to_owned(),
        unit: "",
        mask_type: Some("Lesion"),
        model: Map::new(),
        skull_stripped: false,
        content: Content::Labels(&labels),
    }];
    let written = write_all(outputs, destination, &masks.caveats)?;
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
