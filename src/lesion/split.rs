//! Which voxels are which lesion: labels, connected components, or all of a mask.

use std::collections::BTreeMap;

use super::error::LesionError;
use super::settings::Settings;
use crate::image::{Labels, Mask};
use crate::quality::{Caveat, CaveatCode};
use crate::region::joined_components;
use crate::units::Milliliters;

closed_words! {
    /// How a mask is split into lesions (`--split`).
    pub enum Split: "split" {
        /// Each label is a lesion and keeps its number.
        Labels = "labels",
        /// Each connected component is a lesion, numbered by size.
        Components = "components",
        /// The whole mask is one lesion.
        Whole = "whole",
    }
}

/// Values that a mask without a table uses for *inside*: 1, and 255 of 8-bit drawing programs.
const BINARY_VALUES: [u32; 2] = [1, 255];

/// Names of a label that marks a necrotic core, letters and digits only. `tumor core` is not one of them: it usually
/// holds the enhancing tumor as well.
const CORE_NAMES: [&str; 6] = ["core", "necrosis", "necrotic", "necroticcore", "necroticarea", "cavity"];

/// Names of a label that marks the healthy region that uptake is divided by, letters and digits only.
const BACKGROUND_NAMES: [&str; 3] = ["background", "petbackground", "backgroundpet"];

/// One lesion.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesion {
    /// Its label.
    pub label: u32,
    /// Its voxels, without a labeled necrotic core.
    pub mask: Mask,
    /// Its name, where the mask's table gives one.
    pub name: Option<String>,
}

/// The lesions of a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesions {
    /// Lesions by ascending label.
    pub lesions: Vec<Lesion>,
    /// The labeled necrotic core of all of them; `None` where no label is named as one.
    pub core: Option<Mask>,
    /// The labeled background of uptake; `None` where no label is named as one.
    pub background: Option<Lesion>,
    /// How the mask was split.
    pub split: Split,
    /// What was dropped.
    pub caveats: Vec<Caveat>,
}

/// Splits a label map into lesions. `names` is the label table beside the mask (`_dseg.tsv`), empty where there is none.
///
/// Without `how`, a map that holds a single value 1 or 255 and has no table is a binary mask and is split into
/// components; any other is a label map. A label named as a necrotic core (such as `necrosis`) or as the background of
/// uptake (`background`) is no lesion.
///
/// METHOD: components are 26-connected, pieces closer than `join_below_mm` are joined, those below `smallest_ml` are
/// dropped with a caveat (below it, shape and mean are mostly partial volume). Labels that a person drew are kept,
/// however small.
pub fn split(
    labels: &Labels,
    names: &BTreeMap<u32, String>,
    how: Option<Split>,
    settings: &Settings,
) -> Result<Lesions, LesionError> {
    let is_core = |label: &u32| names.get(label).is_some_and(|name| names_core(name));
    let is_background = |label: &u32| names.get(label).is_some_and(|name| is_one_of(name, &BACKGROUND_NAMES));
    let mut regions = labels.regions();
    let (background_labels, others): (Vec<u32>, Vec<u32>) = regions.keys().partition(|label| is_background(label));
    let (core_labels, lesion_labels): (Vec<u32>, Vec<u32>) = others.into_iter().partition(is_core);
    let empty = || LesionError::EmptyMask { mask: "lesion" };
    if lesion_labels.is_empty() {
        return Err(empty());
    }
    let binary = names.is_empty() && lesion_labels.len() == 1 && BINARY_VALUES.contains(&lesion_labels[0]);
    let split = how.unwrap_or(if binary { Split::Components } else { Split::Labels });
    let name = |label: u32| names.get(&label).cloned();
    let core = joined(&mut regions, &core_labels);
    let background = joined(&mut regions, &background_labels)
        .zip(background_labels.first())
        .map(|(mask, &label)| Lesion { label, mask, name: name(label) });
    let (lesions, caveats) = match split {
        Split::Labels => {
            let lesion = |&label: &u32| Some(Lesion { label, mask: regions.remove(&label)?, name: name(label) });
            (lesion_labels.iter().filter_map(lesion).collect(), Vec::new())
        }
        Split::Components => by_components(&joined(&mut regions, &lesion_labels).ok_or_else(empty)?, settings),
        Split::Whole => {
            let mask = joined(&mut regions, &lesion_labels).ok_or_else(empty)?;
            (vec![Lesion { label: 1, mask, name: None }], Vec::new())
        }
    };
    Ok(Lesions { lesions, core, background, split, caveats })
}

/// The lesions as one label map on their grid; `None` for no lesions. Of voxels in two lesions the first keeps them.
pub fn label_map(lesions: &[Lesion]) -> Option<Labels> {
    let grid = lesions.first()?.mask.grid;
    let mut data = vec![0; grid.len()];
    for lesion in lesions {
        for index in lesion.mask.indices() {
            if data[index] == 0 {
                data[index] = lesion.label;
            }
        }
    }
    Some(Labels { grid, data })
}

/// Every lesion, and the labeled core, in one mask: what healthy regions must avoid.
pub fn union_of(lesions: &Lesions) -> Option<Mask> {
    let mut masks = lesions.lesions.iter().map(|lesion| &lesion.mask).chain(&lesions.core);
    let mut union = masks.next()?.clone();
    for mask in masks {
        for (inside, &more) in union.data.iter_mut().zip(&mask.data) {
            *inside |= more;
        }
    }
    Some(union)
}

fn by_components(mask: &Mask, settings: &Settings) -> (Vec<Lesion>, Vec<Caveat>) {
    let found = joined_components(mask, settings.join_below_mm);
    let volume = |voxels: usize| Milliliters(voxels as f64 * mask.grid.voxel_volume().0);
    // Volumes are products of header numbers: a component of exactly the smallest volume must not fall to rounding.
    let large = |&&size: &&usize| volume(size).0 >= settings.smallest_ml * (1.0 - 1e-9);
    // METHOD: pieces below the limit are debris of drawing beside a lesion. Where there is nothing else the largest is
    // what the person drew, and a mask that was drawn is not empty.
    let kept = found.sizes.iter().take_while(large).count().max(1).min(found.sizes.len());
    let lesions = (1..=kept as u32).map(|label| Lesion { label, mask: found.mask(label), name: None }).collect();
    let mut caveats = Vec::new();
    if let Some(only) = found.sizes.first().filter(|size| !large(size)) {
        let detail =
            format!("{:.3}, kept as the largest of the mask; the limit is {} mL", volume(*only), settings.smallest_ml);
        caveats.push(Caveat::new(CaveatCode::ComponentTooSmall, detail));
    }
    let dropped = &found.sizes[kept..];
    caveats.extend(dropped.first().map(|&largest| {
        let detail = format!(
            "{} of {} components dropped, the largest of {:.3}; the limit is {} mL",
            dropped.len(),
            found.sizes.len(),
            volume(largest),
            settings.smallest_ml
        );
        Caveat::new(CaveatCode::ComponentTooSmall, detail)
    }));
    (lesions, caveats)
}

/// Takes some regions out, as one; `None` for none.
fn joined(regions: &mut BTreeMap<u32, Mask>, which: &[u32]) -> Option<Mask> {
    let mut masks = which.iter().filter_map(|label| regions.remove(label));
    let mut union = masks.next()?;
    for mask in masks {
        mask.indices().for_each(|index| union.data[index] = true);
    }
    Some(union)
}

fn names_core(name: &str) -> bool {
    is_one_of(name, &CORE_NAMES)
}

/// Whether a name is one of several, by its letters and digits.
fn is_one_of(name: &str, names: &[&str]) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    names.contains(&letters.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    /// Voxels of 0.05 mL.
    fn grid() -> Grid {
        Grid::from_stored([20, 8, 6], Affine::diagonal([4.0, 2.5, 5.0], [0.0; 3])).unwrap()
    }

    fn labels(voxels: &[([usize; 3], u32)]) -> Labels {
        let mut labels = Labels { grid: grid(), data: vec![0; grid().len()] };
        for &(voxel, label) in voxels {
            labels.data[grid().index(voxel)] = label;
        }
        labels
    }

    fn settings() -> Settings {
        crate::settings::default_section("lesion")
    }

    fn table(names: &[(u32, &str)]) -> BTreeMap<u32, String> {
        names.iter().map(|&(label, name)| (label, name.to_owned())).collect()
    }

    #[test]
    fn a_label_named_background_is_no_lesion() {
        let labels = Labels { grid: grid(), data: (0..grid().len()).map(|index| (index % 4) as u32).collect() };
        let names = BTreeMap::from([(2, "PET background".to_owned()), (3, "background edema".to_owned())]);
        let found = split(&labels, &names, None, &settings()).unwrap();
        assert_eq!(found.lesions.iter().map(|lesion| lesion.label).collect::<Vec<_>>(), [1, 3]);
        let background = found.background.unwrap();
        assert_eq!((background.label, background.mask), (2, labels.mask(2)));
        assert_eq!(split(&labels, &BTreeMap::new(), None, &settings()).unwrap().background, None);
    }

    #[test]
    fn a_binary_mask_is_split_joined_numbered_by_size_and_rid_of_crumbs() {
        // A pair, a triple of which one piece lies 5 mm apart, and a crumb of 0.05 mL.
        let map =
            labels(&[([0, 0, 0], 1), ([1, 0, 0], 1), ([8, 0, 0], 1), ([9, 1, 0], 1), ([9, 3, 0], 1), ([16, 5, 5], 1)]);
        let mut settings = settings();
        settings.join_below_mm = 5.5;
        let found = split(&map, &BTreeMap::new(), None, &settings).unwrap();
        assert_eq!(found.split, Split::Components);
        let sizes: Vec<_> = found.lesions.iter().map(|lesion| (lesion.label, lesion.mask.count())).collect();
        assert_eq!(sizes, [(1, 3), (2, 2)]);
        assert_eq!(found.caveats.len(), 1);
        assert_eq!(found.caveats[0].code, CaveatCode::ComponentTooSmall);
        assert!(found.caveats[0].detail.contains("1 of 3"), "{}", found.caveats[0]);
    }

    #[test]
    fn a_component_of_exactly_the_smallest_volume_is_kept() {
        let map = labels(&[([0, 0, 0], 255), ([1, 0, 0], 255)]);
        let found = split(&map, &BTreeMap::new(), None, &settings()).unwrap();
        assert!((found.lesions[0].mask.volume().0 - 0.1).abs() < 1e-12);
        assert!(found.caveats.is_empty());
    }

    #[test]
    fn a_label_map_keeps_its_labels_however_small() {
        let map = labels(&[([0, 0, 0], 7), ([1, 0, 0], 2), ([9, 0, 0], 2)]);
        let found = split(&map, &table(&[(7, "left temporal")]), None, &settings()).unwrap();
        let kept: Vec<_> = found.lesions.iter().map(|l| (l.label, l.mask.count(), l.name.as_deref())).collect();
        assert_eq!(kept, [(2, 2, None), (7, 1, Some("left temporal"))]);
        assert!(found.caveats.is_empty() && found.core.is_none());
        assert_eq!(label_map(&found.lesions), Some(map));
    }

    #[test]
    fn one_named_label_is_a_label_map_and_one_unnamed_3_too() {
        let named = labels(&[([0, 0, 0], 1), ([9, 0, 0], 1)]);
        assert_eq!(split(&named, &table(&[(1, "tumor")]), None, &settings()).unwrap().lesions.len(), 1);
        let three = labels(&[([0, 0, 0], 3), ([9, 0, 0], 3)]);
        assert_eq!(split(&three, &BTreeMap::new(), None, &settings()).unwrap().lesions[0].label, 3);
    }

    #[test]
    fn a_named_core_is_no_lesion() {
        let map = labels(&[([0, 0, 0], 1), ([1, 0, 0], 2), ([2, 0, 0], 1)]);
        let found = split(&map, &table(&[(1, "lesion"), (2, "Necrotic_Core")]), None, &settings()).unwrap();
        assert_eq!(found.lesions.len(), 1);
        assert_eq!((found.lesions[0].mask.count(), found.core.as_ref().unwrap().count()), (2, 1));
        assert_eq!(union_of(&found).unwrap().count(), 3);
        let tumor_core = split(&map, &table(&[(2, "tumor core")]), None, &settings()).unwrap();
        assert_eq!(tumor_core.lesions.len(), 2);
    }

    #[test]
    fn a_word_overrules_the_choice() {
        let map = labels(&[([0, 0, 0], 1), ([9, 0, 0], 2), ([9, 1, 0], 2)]);
        let by = |how| split(&map, &BTreeMap::new(), Some(how), &settings()).unwrap();
        assert_eq!(by(Split::Whole).lesions[0].mask.count(), 3);
        assert_eq!(by(Split::Components).lesions.len(), 1);
        assert_eq!(by(Split::Labels).lesions.len(), 2);
        assert!("pieces".parse::<Split>().unwrap_err().to_string().contains("labels, components, whole"));
    }

    #[test]
    fn an_empty_mask_is_an_error_and_a_core_alone_too() {
        let error = LesionError::EmptyMask { mask: "lesion" };
        assert_eq!(split(&labels(&[]), &BTreeMap::new(), None, &settings()), Err(error.clone()));
        let core = labels(&[([0, 0, 0], 4)]);
        assert_eq!(split(&core, &table(&[(4, "core")]), None, &settings()), Err(error));
    }
}
