//! Reading: BIDS names, sidecars to acquisitions, tables, the inventory of a study folder or worklist, privacy.
//!
//! This room opens no image: it says which file is which, and what the tables and sidecars tell of it.

mod dsc_sidecar;
mod entities;
mod error;
mod facts;
mod file;
mod pathway;
mod pet_sidecar;
mod settings;
mod sidecar;
mod tables;

pub use dsc_sidecar::{DscGiven, dsc_acquisition};
pub use entities::{BidsName, ENTITY_ORDER, is_image_name, split_extension, with_prefix};
pub use error::StudyError;
pub use facts::{LesionFacts, ParticipantFacts, SessionFacts};
pub use file::InputFile;
pub use pathway::{PathwayChoice, choose_pathway};
pub use pet_sidecar::{height_in_meters, pet_acquisition};
pub use settings::{Settings, SeveralFiles};
pub use sidecar::{Sidecar, json_beside, read_json};
pub use tables::{Row, Table};
