//! The pages: one self-contained HTML file each, readable without script and without network.

mod attention;
pub(in crate::report) mod deciding;
pub(in crate::report) mod evidence;
pub(in crate::report) mod inside;
pub(in crate::report) mod measures;
mod perfusion;
pub(in crate::report) mod pet;
pub(in crate::report) mod quality;
pub(in crate::report) mod shell;
mod study;
mod study_figures;
pub(in crate::report) mod subject;
pub(in crate::report) mod summary;
pub(in crate::report) mod surveillance;
mod viewer;

pub use study::study_page;
pub use study_figures::THUMBNAILS;
pub use subject::subject_page;
