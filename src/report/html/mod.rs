//! The pages: one self-contained HTML file each, readable without script and without network.

mod deciding;
mod evidence;
mod measures;
mod perfusion;
mod pet;
mod quality;
mod shell;
mod study;
mod subject;
mod summary;
mod surveillance;

pub use study::study_page;
pub use subject::subject_page;
