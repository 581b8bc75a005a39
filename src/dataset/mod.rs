//! Writing: names, whole-or-nothing writes, tables, sidecars, the dataset's own files, provenance.
//!
//! The output is a BIDS derivative. The same input gives the same bytes: no time of day, no absolute path and no
//! order of a hash map stands outside `logs/`.

mod annotations;
mod atomic;
mod description;
mod drawn;
mod error;
mod measurement_report;
mod names;
mod provenance;
mod references;
mod schema;
mod sidecars;
mod tables;

pub use annotations::{Annotation, AnnotationField, Annotations, annotate, annotations_text, holding};
pub use atomic::{OutputFolder, StagedFile, Staging, check_replaceable, replace_file, write_file};
pub use description::{
    ANNOTATION_COLUMNS, BIDS_VERSION, BIDSIGNORE, DatasetSource, write_citations, write_dataset_files,
};
pub use drawn::{Drawn, figure_path};
pub use error::DatasetError;
pub use measurement_report::measurement_report;
pub use names::{OutputStem, sidecar_name};
pub use provenance::{Completion, Difference, FileRecord, Log, RunId, hash_file, hash_text, input_records};
pub use references::{REFERENCES, Reference, named, numbered};
pub use schema::lesions_schema;
pub use sidecars::{ImageSidecar, generated_by, json_text, source_uri};
pub use tables::{
    LESIONS_TSV, LesionRow, MergedTable, ReadRow, lesions_dictionary, lesions_tsv, merge_sessions, parse_lesions,
    read_lesions,
};

#[cfg(test)]
mod tests;
