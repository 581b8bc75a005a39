//! Masks of a session: what they mark, and on which image's grid their name says that they stand
//! (BIDS 1.10, derivatives, "Imaging data types").

use std::path::Path;

use super::entities::{BidsName, split_extension};
use super::error::StudyError;
use super::facts::LesionFacts;
use super::file::InputFile;
use super::settings::{Settings, contains_word};
use super::tables::Table;
use crate::clinical::Tracer;

/// How a mask tells its lesions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskKind {
    /// A label map keeps its labels.
    Labels,
    /// A binary mask is split into components.
    Binary,
    /// The name does not say; the values do.
    Undeclared,
}

/// A perfusion series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKind {
    /// Dynamic susceptibility contrast.
    Dsc,
    /// Arterial spin labeling.
    Asl,
    /// Dynamic contrast enhancement.
    Dce,
}

/// The image on whose grid a mask stands, as its folder and name tell; what the grid is, the image itself tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MaskGrid {
    /// An anatomical image.
    Anatomy,
    /// A perfusion series, or all of them where the name singles out none.
    Perfusion(Option<SeriesKind>),
    /// The PET image of a tracer, or all of them.
    Pet(Option<Tracer>),
    /// The name does not say.
    Undeclared,
}

impl MaskGrid {
    /// Plain words.
    pub fn describe(&self) -> String {
        match self {
            Self::Anatomy => "anatomical grid".to_owned(),
            Self::Perfusion(Some(SeriesKind::Dsc)) => "DSC grid".to_owned(),
            Self::Perfusion(Some(SeriesKind::Asl)) => "ASL grid".to_owned(),
            Self::Perfusion(Some(SeriesKind::Dce)) => "DCE grid".to_owned(),
            Self::Perfusion(None) => "perfusion grid".to_owned(),
            Self::Pet(Some(tracer)) => format!("{tracer} PET grid"),
            Self::Pet(None) => "PET grid".to_owned(),
            Self::Undeclared => "grid not told by the name".to_owned(),
        }
    }
}

/// A mask of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskSource {
    /// The mask.
    pub file: InputFile,
    /// Its label table, where one lies beside it.
    pub table: Option<InputFile>,
    /// Facts of the label table, by label.
    pub facts: Vec<(u32, LesionFacts)>,
    /// How it tells lesions apart.
    pub kind: MaskKind,
    /// Where its name says that it stands.
    pub grid: MaskGrid,
    /// The `space-` entity, as written.
    pub space: Option<String>,
}

/// What a mask is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskTarget<'a> {
    /// Volume and diameters.
    Anatomy,
    /// A perfusion series.
    Series(SeriesKind),
    /// The PET image of a tracer (`None`: of an unknown one).
    Pet(Option<&'a Tracer>),
}

/// The mask that serves a target: the one on its own grid, else the anatomical one, else any.
///
/// METHOD: the same label in the same session is one lesion even when masks stand on several grids; a mask drawn on a
/// series' own grid needs no resampling, and volume comes from the anatomical one (the finest grid).
pub fn mask_for<'a>(masks: &'a [MaskSource], target: MaskTarget<'_>) -> Option<&'a MaskSource> {
    masks.iter().min_by_key(|mask| distance(mask, target))
}

/// How far a mask's grid is from a target; the first of equals wins.
fn distance(mask: &MaskSource, target: MaskTarget<'_>) -> u8 {
    const OWN: u8 = 0;
    const OWN_UNNAMED: u8 = 1;
    const OTHER: u8 = 5;
    match (&mask.grid, target) {
        (MaskGrid::Perfusion(Some(kind)), MaskTarget::Series(wanted)) if *kind == wanted => OWN,
        (MaskGrid::Perfusion(None), MaskTarget::Series(_)) => OWN_UNNAMED,
        (MaskGrid::Pet(Some(tracer)), MaskTarget::Pet(Some(wanted))) if tracer == wanted => OWN,
        (MaskGrid::Pet(None), MaskTarget::Pet(_)) | (MaskGrid::Pet(_), MaskTarget::Pet(None)) => OWN_UNNAMED,
        (MaskGrid::Anatomy, _) if stands_on_t1(mask) => 2,
        (MaskGrid::Anatomy, _) => 3,
        (MaskGrid::Undeclared, _) => 4,
        (MaskGrid::Perfusion(_) | MaskGrid::Pet(_), _) => OTHER,
    }
}

fn stands_on_t1(mask: &MaskSource) -> bool {
    mask.space.as_ref().is_none_or(|space| space.to_ascii_lowercase().starts_with("t1"))
}

/// What a file of a derivative is to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Derived {
    Lesions(MaskKind, MaskGrid),
    Reference(MaskGrid),
    Brain(MaskGrid),
    Background(MaskGrid),
    Transform { from: String, to: String },
    Ignored(String),
    Unrelated,
}

/// Tells what a file of a derivative is by its name. `datatype` is the folder it stands in, `tissue` says that its
/// pipeline writes tissue classes as `_dseg`.
pub(super) fn classify(name: &BidsName, datatype: &str, tissue: bool, settings: &Settings) -> Derived {
    let label = name.entity("label");
    let desc = name.entity("desc");
    if name.has_suffix("xfm") && name.has_extension(".txt") {
        return match (name.entity("from"), name.entity("to"), name.entity("mode")) {
            (Some(from), Some(to), Some("image")) => Derived::Transform { from: from.to_owned(), to: to.to_owned() },
            _ => Derived::Ignored("a transform needs from-, to- and mode-image in its name".to_owned()),
        };
    }
    if !name.is_image() {
        return Derived::Unrelated;
    }
    let with_grid = |derived: &dyn Fn(MaskGrid) -> Derived| match grid_of(name, datatype) {
        Some(grid) => derived(grid),
        None => Derived::Ignored(format!("it stands in space-{}, not in an image of the session", space_of(name))),
    };
    if name.has_suffix("dseg") {
        if let Some(atlas) = ["seg", "atlas"].iter().find(|key| name.entity(key).is_some()) {
            return Derived::Ignored(format!("{atlas}- marks a parcellation, not lesions"));
        }
        if let Some(desc) = desc.filter(|desc| contains_word(&settings.not_lesion_desc, desc)) {
            return Derived::Ignored(format!("desc-{desc} marks anatomy, not lesions"));
        }
        if desc.is_none() && tissue {
            return Derived::Ignored("its pipeline writes tissue classes, not lesions".to_owned());
        }
        return with_grid(&|grid| Derived::Lesions(MaskKind::Labels, grid));
    }
    if name.has_suffix("mask") {
        return match (label, desc) {
            (Some(label), _) if contains_word(&settings.lesion_labels, label) => {
                with_grid(&|grid| Derived::Lesions(MaskKind::Binary, grid))
            }
            // METHOD: a reference on the grid of a PET image is what uptake is divided by; white matter is what rCBV is
            // divided by, and neither may serve as the other.
            (Some(label), _) if contains_word(&settings.reference_labels, label) => with_grid(&|grid| match grid {
                MaskGrid::Pet(_) => Derived::Background(grid),
                grid => Derived::Reference(grid),
            }),
            (Some(label), _) if contains_word(&settings.background_labels, label) => with_grid(&Derived::Background),
            (None, Some(desc)) if desc.eq_ignore_ascii_case("brain") => with_grid(&Derived::Brain),
            _ => Derived::Unrelated,
        };
    }
    Derived::Unrelated
}

/// The grid that a name tells: `space-` first, then the folder; `None` for a template or another foreign space.
pub(super) fn grid_of(name: &BidsName, datatype: &str) -> Option<MaskGrid> {
    let by_folder = || match datatype.to_ascii_lowercase().as_str() {
        "anat" => Some(MaskGrid::Anatomy),
        "perf" => Some(MaskGrid::Perfusion(None)),
        "dsc" => Some(MaskGrid::Perfusion(Some(SeriesKind::Dsc))),
        "asl" => Some(MaskGrid::Perfusion(Some(SeriesKind::Asl))),
        "dce" => Some(MaskGrid::Perfusion(Some(SeriesKind::Dce))),
        "pet" => Some(MaskGrid::Pet(name.entity("trc").map(Tracer::from_name))),
        // Masks of functional images say nothing of the images that are measured here.
        "func" | "dwi" | "fmap" | "meg" | "eeg" | "ieeg" => None,
        _ if name.entity("trc").is_some() => Some(MaskGrid::Pet(name.entity("trc").map(Tracer::from_name))),
        _ => Some(MaskGrid::Undeclared),
    };
    let Some(space) = name.entity("space") else { return by_folder() };
    match space.to_ascii_lowercase().as_str() {
        "t1w" | "t1c" | "t1ce" | "t1gd" | "t1" | "flair" | "t2w" | "anat" => Some(MaskGrid::Anatomy),
        "dsc" => Some(MaskGrid::Perfusion(Some(SeriesKind::Dsc))),
        "asl" => Some(MaskGrid::Perfusion(Some(SeriesKind::Asl))),
        "dce" => Some(MaskGrid::Perfusion(Some(SeriesKind::Dce))),
        "perf" => Some(MaskGrid::Perfusion(None)),
        "pet" => Some(MaskGrid::Pet(name.entity("trc").map(Tracer::from_name))),
        "orig" | "native" | "scanner" | "individual" => by_folder(),
        _ => match Tracer::from_name(space) {
            Tracer::Other(_) => None,
            tracer => Some(MaskGrid::Pet(Some(tracer))),
        },
    }
}

fn space_of(name: &BidsName) -> &str {
    name.entity("space").unwrap_or("?")
}

impl MaskSource {
    /// A mask with the label table beside it.
    pub(super) fn open(file: InputFile, kind: MaskKind, grid: MaskGrid) -> Result<Self, StudyError> {
        let table = tsv_beside(&file);
        let facts = match &table {
            Some(table) => LesionFacts::read_table(&Table::read(table)?)?,
            None => Vec::new(),
        };
        let space = BidsName::parse(file.file_name()).and_then(|name| name.entity("space").map(str::to_owned));
        Ok(Self { file, table, facts, kind, grid, space })
    }

    /// What must be different between two masks of one session.
    pub(super) fn place(&self) -> (MaskGrid, Option<String>) {
        (self.grid.clone(), self.space.as_ref().map(|space| space.to_ascii_lowercase()))
    }
}

fn tsv_beside(mask: &InputFile) -> Option<InputFile> {
    let (stem, _) = split_extension(mask.file_name());
    let path = mask.path().with_file_name(format!("{stem}.tsv"));
    let folder = &mask.relative()[..mask.relative().len() - mask.file_name().len()];
    path.is_file().then(|| InputFile::named(format!("{folder}{stem}.tsv"), path))
}

/// The name of the folder that a file stands in.
pub(super) fn datatype_of(path: &Path) -> String {
    path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, datatype: &str, tissue: bool) -> Derived {
        let settings = crate::settings::default_section("study");
        classify(&BidsName::parse(name).unwrap(), datatype, tissue, &settings)
    }

    #[test]
    fn lesion_reference_and_brain_masks_are_told_by_name() {
        let labels = Derived::Lesions(MaskKind::Labels, MaskGrid::Anatomy);
        assert_eq!(of("sub-01_dseg.nii.gz", "anat", false), labels);
        for label in ["L", "lesion", "tumor", "Tumour"] {
            let name = format!("sub-01_label-{label}_mask.nii");
            assert_eq!(of(&name, "anat", false), Derived::Lesions(MaskKind::Binary, MaskGrid::Anatomy), "{name}");
        }
        assert_eq!(of("sub-01_label-NAWM_mask.nii.gz", "perf", false), Derived::Reference(MaskGrid::Perfusion(None)));
        let pet = MaskGrid::Pet(Some(Tracer::Met));
        for name in ["sub-01_trc-MET_label-background_mask.nii.gz", "sub-01_trc-MET_label-reference_mask.nii.gz"] {
            assert_eq!(of(name, "pet", false), Derived::Background(pet.clone()), "{name}");
        }
        let drawn_on_t1 = of("sub-01_label-background_mask.nii.gz", "anat", false);
        assert_eq!(drawn_on_t1, Derived::Background(MaskGrid::Anatomy));
        assert_eq!(of("sub-01_desc-brain_mask.nii.gz", "", false), Derived::Brain(MaskGrid::Undeclared));
        assert_eq!(of("sub-01_label-GM_mask.nii.gz", "anat", false), Derived::Unrelated);
        assert_eq!(
            of("sub-01_from-T1w_to-dsc_mode-image_xfm.txt", "", false),
            Derived::Transform { from: "T1w".into(), to: "dsc".into() }
        );
    }

    #[test]
    fn tissue_classes_and_parcellations_are_no_lesions() {
        for (name, tissue) in [
            ("sub-01_dseg.nii.gz", true),
            ("sub-01_desc-aseg_dseg.nii.gz", false),
            ("sub-01_seg-HarvardOxford_dseg.nii.gz", false),
            ("sub-01_atlas-AAL_dseg.nii.gz", false),
        ] {
            assert!(matches!(of(name, "anat", tissue), Derived::Ignored(_)), "{name}");
        }
        assert!(matches!(of("sub-01_desc-lesions_dseg.nii.gz", "anat", true), Derived::Lesions(..)));
    }

    #[test]
    fn a_mask_in_a_template_space_is_ignored_with_a_reason() {
        let Derived::Ignored(reason) = of("sub-01_space-MNI152NLin6Asym_label-L_mask.nii.gz", "anat", false) else {
            panic!("expected a reason")
        };
        assert!(reason.contains("MNI152NLin6Asym"), "{reason}");
    }

    #[test]
    fn space_tells_the_grid_before_the_folder_does() {
        let name = BidsName::parse("sub-01_trc-18FFDG_space-T1w_label-L_mask.nii.gz").unwrap();
        assert_eq!(grid_of(&name, "pet"), Some(MaskGrid::Anatomy));
        let name = BidsName::parse("sub-01_trc-18FFDG_label-L_mask.nii.gz").unwrap();
        assert_eq!(grid_of(&name, "pet"), Some(MaskGrid::Pet(Some(Tracer::Fdg))));
        let name = BidsName::parse("sub-01_space-dsc_label-L_mask.nii.gz").unwrap();
        assert_eq!(grid_of(&name, "perf"), Some(MaskGrid::Perfusion(Some(SeriesKind::Dsc))));
    }

    #[test]
    fn each_image_is_served_by_the_mask_on_its_own_grid() {
        let mask = |name: &str, grid: MaskGrid, space: Option<&str>| MaskSource {
            file: InputFile::lone(name),
            table: None,
            facts: vec![],
            kind: MaskKind::Binary,
            grid,
            space: space.map(str::to_owned),
        };
        let masks = [
            mask("flair", MaskGrid::Anatomy, Some("FLAIR")),
            mask("t1", MaskGrid::Anatomy, Some("T1w")),
            mask("met", MaskGrid::Pet(Some(Tracer::Met)), None),
            mask("dsc", MaskGrid::Perfusion(Some(SeriesKind::Dsc)), Some("dsc")),
        ];
        let chosen = |target| mask_for(&masks, target).unwrap().file.relative().to_owned();
        assert_eq!(chosen(MaskTarget::Anatomy), "t1");
        assert_eq!(chosen(MaskTarget::Series(SeriesKind::Dsc)), "dsc");
        assert_eq!(chosen(MaskTarget::Series(SeriesKind::Asl)), "t1");
        assert_eq!(chosen(MaskTarget::Pet(Some(&Tracer::Met))), "met");
        assert_eq!(chosen(MaskTarget::Pet(Some(&Tracer::Fet))), "t1", "a MET mask is not on the FET grid");
        assert_eq!(mask_for(&masks[2..3], MaskTarget::Anatomy).unwrap().file.relative(), "met");
        assert_eq!(mask_for(&[], MaskTarget::Anatomy), None);
    }
}
