//! The pages: one self-contained HTML file each, readable without script and without network.

mod deciding;
mod evidence;
mod measures;
mod pet;
mod quality;
mod shell;
mod study;
mod study_figures;
mod subject;
mod summary;
mod surveillance;
mod viewer;

pub use study::study_page;
pub use study_figures::THUMBNAILS;
pub use subject::subject_page;
