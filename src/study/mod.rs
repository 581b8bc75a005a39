//! Reading: BIDS names, sidecars to acquisitions, tables, the inventory of a study folder or worklist, privacy.
//!
//! This room opens no image: it says which file is which, and what the tables and sidecars tell of it.

mod arterial_curve;
mod asl_sidecar;
mod assemble;
mod dce_sidecar;
mod describe;
mod dsc_sidecar;
mod entities;
mod error;
mod facts;
mod file;
mod folder;
mod inventory;
mod masks;
mod pathway;
mod pet_sidecar;
pub mod privacy;
mod role;
mod session;
mod settings;
mod sidecar;
mod tables;
mod worklist;

pub use arterial_curve::ArterialTable;
pub use asl_sidecar::asl_acquisition;
pub use dce_sidecar::{DceGiven, dce_acquisition, flip_angle_acquisition};
pub use dsc_sidecar::{DscGiven, dsc_acquisition};
pub use entities::{BidsName, ENTITY_ORDER, is_image_name, split_extension, with_prefix};
pub use error::StudyError;
pub use facts::{LesionFacts, ParticipantFacts, SessionFacts};
pub use file::InputFile;
pub use folder::PROGRAM;
pub use inventory::{Shard, Study, StudyForm, StudyOptions, Subject};
pub use masks::{MaskGrid, MaskKind, MaskSource, MaskTarget, SeriesKind, mask_for};
pub use pathway::{PathwayChoice, choose_pathway};
pub use pet_sidecar::{height_in_meters, pet_acquisition};
pub use role::Role;
pub use session::{
    AslInputs, DceInputs, DscInputs, Ignored, Image, Missing, PetInputs, Readiness, SessionInputs, TransformFile,
};
pub use settings::{Settings, SeveralFiles};
pub use sidecar::{Sidecar, StudySidecars, json_beside, read_json};
pub use tables::{Row, Table};

#[cfg(test)]
mod tests;
