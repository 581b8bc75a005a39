//! The volumes around a lesion that the viewer of its page shows, on one isotropic lattice along the scanner's axes.
//!
//! METHOD: anatomy is interpolated, because it is looked at; maps are taken by the voxel that holds each place, because
//! they are read: every value under the crosshair is a value of the map, within half a step of the codes.
//!
//! METHOD: only a box around the lesion is kept, and in it only the brain with a small margin where a brain mask is
//! known: a face cannot be drawn from it.
//!
//! METHOD: the crosshair starts where the lesion is hottest on the map that decides: the middle of a lesion may be dead,
//! and its numbers are not those that a rule reads.

use super::limits::BRAIN_MARGIN_MM;
use super::pictures::{DynamicPicture, Frame, LabelingPicture, Scene, window};
use crate::image::{Affine, Grid, ImageError, Mask, Volume, nearest_volume, resample_mask, resample_volume};
use crate::region::dilate;
use crate::report::model::{Panel, PanelKind};
use crate::report::viewer::{Colors, Layer, PackedBytes, ViewerVolumes};

/// Millimeters kept around a lesion.
const MARGIN_MM: f64 = 20.0;
/// Edges of a voxel, mm: the smallest with which the box stays below the most voxels.
const SPACINGS_MM: [f64; 9] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];
/// A page holds several lesions and sessions in 5 MB.
const MOST_VOXELS: usize = 160_000;
/// Anatomy above this share of its box is drawn white and told as *at least*: vessels would take all the steps.
const OPEN_SHARE: f64 = 0.999;

/// What the viewer shows beside the pictures of the film strip.
pub struct Surroundings<'a> {
    /// The mean of the DSC series before the bolus, where there is no anatomy.
    pub baseline: Option<&'a Volume>,
    /// Normalized rCBV without leakage correction.
    pub uncorrected: Option<&'a Volume>,
    /// The brain; `None` where it is not known.
    pub brain: Option<&'a Mask>,
    /// The region that rCBV, or else uptake, is divided by.
    pub reference: Option<&'a Mask>,
}

/// The volumes of a lesion; `None` for an empty lesion and where there is no image. `panels` are its film strip: names,
/// colors and cut-offs are the same in both.
pub fn viewer_volumes(
    scene: &Scene<'_>,
    panels: &[Panel],
    around: &Surroundings<'_>,
) -> Result<Option<ViewerVolumes>, ImageError> {
    let (Some(frame), Some(lattice)) = (Frame::around(scene.lesion), lattice(scene.lesion)) else { return Ok(None) };
    let lesion = resample_mask(scene.lesion, &lattice, None)?;
    let kept = match around.brain {
        Some(brain) => {
            let brain = resample_mask(brain, &lattice, None)?;
            let data = brain.data.iter().zip(&lesion.data).map(|(&brain, &lesion)| brain || lesion).collect();
            Some(dilate(&Mask { grid: lattice, data }, BRAIN_MARGIN_MM))
        }
        None => None,
    };
    let within = |mut volume: Volume| {
        if let Some(kept) = &kept {
            volume.data.iter_mut().zip(&kept.data).filter(|(_, kept)| !**kept).for_each(|(value, _)| *value = f32::NAN);
        }
        volume
    };
    let mut hottest: Option<Hottest> = None;
    let mut consider = |title: &str, decides: bool, values: &[f32]| {
        if hottest.as_ref().is_none_or(|known| decides && !known.decides)
            && let Some(found) = Hottest::of(title, decides, values, &lesion)
        {
            hottest = Some(found);
        }
    };
    let panel = |kind: PanelKind| panels.iter().find(|panel| panel.kind == kind);
    let mut layers = Vec::new();
    let background = match (scene.anatomy, around.baseline, &scene.uptake) {
        (Some((volume, name)), ..) => Some((volume, name.to_owned())),
        (None, Some(baseline), _) => Some((baseline, "DSC-MRI before the bolus, mean".to_owned())),
        (None, None, Some(uptake)) => Some((uptake.image, format!("{}-PET, unit of the image", uptake.tracer))),
        (None, None, None) => None,
    };
    if let Some((volume, title)) = background {
        let values = within(resample_volume(volume, &lattice, None)?).data;
        let range = match (scene.anatomy, panel(PanelKind::Anatomy)) {
            (Some(_), Some(panel)) => panel.range,
            _ => window(&values),
        };
        let look = Look { key: "anatomy".to_owned(), title, unit: "", colors: Colors::Grey, range, cutoffs: &[] };
        layers.extend(look.layer(&values, Depth::Eight));
    }
    if let (Some((rcbv, _)), Some(panel)) = (scene.rcbv, panel(PanelKind::Perfusion)) {
        let maps = [
            ("rcbv", panel.title.clone(), Some(rcbv)),
            ("rcbv_uncorrected", "rCBV, not leakage corrected".to_owned(), around.uncorrected),
        ];
        for (key, title, map) in maps {
            let Some(map) = map.filter(|_| layers.iter().all(|layer: &Layer| layer.title != title)) else { continue };
            let (range, cutoffs) = (panel.range, panel.cutoffs.as_slice());
            let look = Look { key: key.to_owned(), title, unit: "", colors: Colors::Inferno, range, cutoffs };
            let values = within(nearest_volume(map, &lattice)?).data;
            consider(&look.title, !cutoffs.is_empty() && key == "rcbv", &values);
            layers.extend(look.layer(&values, Depth::Sixteen));
        }
    }
    let flow = scene.flow.map(|flow| match flow {
        LabelingPicture::Relative(map) | LabelingPicture::Absolute(map) => map,
    });
    let enhancement = scene.enhancement.map(|enhancement| match enhancement {
        DynamicPicture::Ktrans(map) | DynamicPicture::Area(map) | DynamicPicture::RelativePeak(map) => map,
    });
    for (kind, map) in [(PanelKind::Labeling, flow), (PanelKind::Dynamic, enhancement)] {
        let (Some(map), Some(panel)) = (map, panel(kind)) else { continue };
        let look = Look {
            key: panel.title.clone(),
            title: panel.title.clone(),
            unit: &panel.unit,
            colors: Colors::Inferno,
            range: panel.range,
            cutoffs: &panel.cutoffs,
        };
        let values = within(nearest_volume(map, &lattice)?).data;
        consider(&look.title, !panel.cutoffs.is_empty(), &values);
        layers.extend(look.layer(&values, Depth::Sixteen));
    }
    if let (Some(uptake), Some(panel)) = (&scene.uptake, panel(PanelKind::Uptake)) {
        let mut values = within(nearest_volume(uptake.image, &lattice)?).data;
        values.iter_mut().for_each(|value| *value = (f64::from(*value) * uptake.scale) as f32);
        let look = Look {
            key: panel.title.clone(),
            title: panel.title.clone(),
            unit: &panel.unit,
            colors: Colors::Viridis,
            range: panel.range,
            cutoffs: &panel.cutoffs,
        };
        consider(&look.title, !panel.cutoffs.is_empty(), &values);
        layers.extend(look.layer(&values, Depth::Sixteen));
    }
    if layers.is_empty() {
        return Ok(None);
    }
    Ok(Some(ViewerVolumes {
        shape: lattice.shape(),
        spacing_mm: lattice.affine().voxel_size()[0],
        origin: lattice.position([0, 0, 0]),
        start: hottest.as_ref().map_or(frame.center, |found| lattice.position(lattice.voxel(found.index))),
        hottest_on: hottest.map(|found| found.title),
        margin_mm: MARGIN_MM,
        brain_margin_mm: kept.is_some().then_some(BRAIN_MARGIN_MM),
        layers,
        lesion: PackedBytes::new(&bits(&lesion.data)),
    }))
}

/// The voxel of the box where the lesion's value on a map is the largest.
struct Hottest {
    title: String,
    decides: bool,
    index: usize,
}

impl Hottest {
    /// The first of equally large values; `None` where the map says nothing of the lesion.
    fn of(title: &str, decides: bool, values: &[f32], lesion: &Mask) -> Option<Self> {
        let known = lesion.indices().filter(|&index| values[index].is_finite());
        let index = known.reduce(|best, index| if values[index] > values[best] { index } else { best })?;
        Some(Self { title: title.to_owned(), decides, index })
    }
}

/// A box around a lesion on places that are whole multiples of the spacing: the boxes of two sessions share theirs.
fn lattice(lesion: &Mask) -> Option<Grid> {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for index in lesion.indices() {
        let position = lesion.grid.position(lesion.grid.voxel(index));
        for axis in 0..3 {
            low[axis] = low[axis].min(position[axis] - MARGIN_MM);
            high[axis] = high[axis].max(position[axis] + MARGIN_MM);
        }
    }
    SPACINGS_MM.into_iter().find_map(|spacing| {
        let first = low.map(|place| (place / spacing).floor());
        let shape = std::array::from_fn(|axis| ((high[axis] / spacing).ceil() - first[axis]) as usize + 1);
        let fits = low[0].is_finite() && shape.iter().product::<usize>() <= MOST_VOXELS;
        let affine = Affine::diagonal([spacing; 3], first.map(|place| place * spacing));
        fits.then(|| Grid::from_stored(shape, affine).ok()).flatten()
    })
}

/// How many codes there are, and what the last one means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// 254 values, and one code for what lies above.
    Eight,
    /// 65,535 values.
    Sixteen,
}

/// What an image is called and how it is drawn.
struct Look<'a> {
    key: String,
    title: String,
    unit: &'a str,
    colors: Colors,
    range: (f64, f64),
    cutoffs: &'a [f64],
}

impl Look<'_> {
    /// The image as codes; `None` where nothing is estimated.
    fn layer(self, values: &[f32], depth: Depth) -> Option<Layer> {
        let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).map(f64::from).collect();
        finite.sort_unstable_by(f64::total_cmp);
        let (&lowest, &highest) = (finite.first()?, finite.last()?);
        let (top, codes) = match depth {
            Depth::Eight => (finite[((finite.len() - 1) as f64 * OPEN_SHARE) as usize], 254),
            Depth::Sixteen => (highest, 65_535),
        };
        // One code is lost where the lowest value is brought down to a multiple of the step.
        let step = round_step((top - lowest).max(top.abs() * f64::EPSILON) / f64::from(codes - 2));
        let low = (lowest / step).floor() * step;
        let open_end = depth == Depth::Eight && highest > low + step * (f64::from(codes) - 0.5);
        let code = |value: f32| match f64::from(value) {
            value if !value.is_finite() => 0,
            value => 1 + ((value - low) / step).round().min(f64::from(codes)) as u16,
        };
        let last = if open_end { codes + 1 } else { codes };
        let coded: Vec<u16> = values.iter().map(|&value| code(value).min(last as u16)).collect();
        let bytes: Vec<u8> = match depth {
            Depth::Eight => coded.iter().map(|&code| code as u8).collect(),
            Depth::Sixteen => {
                let half = |byte: usize| coded.iter().map(move |code| code.to_le_bytes()[byte]);
                half(0).chain(half(1)).collect()
            }
        };
        Some(Layer {
            key: self.key,
            title: self.title,
            unit: self.unit.to_owned(),
            colors: self.colors,
            range: self.range,
            cutoffs: self.cutoffs.to_vec(),
            low,
            step,
            bits: if depth == Depth::Eight { 8 } else { 16 },
            open_end,
            codes: PackedBytes::new(&bytes),
        })
    }
}

/// The next step of 1, 2 or 5 times a power of ten, so that a reader can hold it in mind.
fn round_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = least.log10().floor() as i32;
    // Read from text, so that a step of 0.001 is the number that 0.001 is.
    let steps = [(1, power), (2, power), (5, power), (1, power + 1)];
    let read = |(digit, power): (i32, i32)| format!("{digit}e{power}").parse::<f64>().unwrap_or(least);
    steps.into_iter().map(read).find(|&step| step >= least).unwrap_or(least)
}

fn bits(flags: &[bool]) -> Vec<u8> {
    let byte = |flags: &[bool]| flags.iter().enumerate().map(|(place, &flag)| u8::from(flag) << place).sum();
    flags.chunks(8).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesion::LesionRecord;
    use crate::pipeline::limits::Limits;
    use crate::pipeline::pictures::film_strip;

    /// 5 mm voxels; a lesion of 20 x 20 x 20 mm around the origin.
    fn grid() -> Grid {
        Grid::from_stored([40; 3], Affine::diagonal([5.0; 3], [-100.0; 3])).unwrap()
    }

    fn region(grid: Grid, inside: impl Fn([f64; 3]) -> bool) -> Mask {
        Mask { grid, data: (0..grid.len()).map(|index| inside(grid.position(grid.voxel(index)))).collect() }
    }

    fn volumes(brain: Option<&Mask>) -> (ViewerVolumes, Volume) {
        let grid = grid();
        let lesion = region(grid, |place| place.iter().all(|k| k.abs() <= 10.0));
        let data = (0..grid.len()).map(|index| 0.001_37 * (index * 7919 % 4001) as f32 - 0.5).collect();
        let rcbv = Volume { grid, data };
        let anatomy = Volume { grid, data: (0..grid.len()).map(|index| (index % 1000) as f32).collect() };
        let scene = Scene {
            lesion: &lesion,
            anatomy: Some((&anatomy, "T1 after contrast")),
            rcbv: Some((&rcbv, "leakage corrected")),
            burden: None,
            rcbv_cutoffs: [1.0, 1.75],
            flow: None,
            flow_cutoffs: Vec::new(),
            enhancement: None,
            uptake: None,
        };
        let limits = Limits::new(brain, &[&lesion]).unwrap().unwrap();
        let panels = film_strip(&scene, &LesionRecord::default(), &limits);
        let around = Surroundings { baseline: None, uncorrected: None, brain, reference: None };
        (viewer_volumes(&scene, &panels, &around).unwrap().unwrap(), rcbv)
    }

    #[test]
    fn each_value_is_one_of_the_map_within_half_a_step() {
        let (volumes, rcbv) = volumes(None);
        let layer = &volumes.layers[1];
        assert_eq!((layer.key.as_str(), layer.bits, layer.open_end), ("rcbv", 16, false));
        // 5.48 over 65,533 codes is 0.0000836: the next round step is 0.0001.
        assert_eq!(layer.step, 0.0001);
        let [nx, ny, nz] = volumes.shape;
        for voxel in [[0, 0, 0], [nx / 2, ny / 3, nz - 1], [nx - 1, ny - 1, nz / 2], [7, 11, 13]] {
            let place: [f64; 3] = std::array::from_fn(|k| volumes.origin[k] + volumes.spacing_mm * voxel[k] as f64);
            let source = place.map(|k| ((k + 100.0) / 5.0 + 0.5).floor() as usize);
            let expected = f64::from(rcbv.data[rcbv.grid.index(source)]);
            let found = layer.value(voxel[0] + nx * (voxel[1] + ny * voxel[2]));
            assert!((found - expected).abs() <= layer.step / 2.0 + 1e-9, "{voxel:?}: {found} {expected}");
        }
    }

    #[test]
    fn the_box_is_the_lesion_with_its_margin_on_whole_multiples_of_the_spacing() {
        let (volumes, _) = volumes(None);
        // Voxel centers from -10 to 10 mm and 20 mm around them: 60 mm, at 1 mm 61^3 is too much, at 1.5 mm 41^3 fits.
        assert_eq!((volumes.shape, volumes.spacing_mm, volumes.origin), ([41; 3], 1.5, [-30.0; 3]));
        let lesion = volumes.lesion.bytes().unwrap();
        let count: u32 = lesion.iter().map(|byte| byte.count_ones()).sum();
        // The lesion reaches from -12.5 to 12.5 mm: 17 places of 1.5 mm along each axis.
        assert_eq!(count, 17_u32.pow(3));
    }

    #[test]
    fn the_crosshair_starts_at_the_hottest_voxel_of_the_lesion_and_not_at_a_hotter_one_beside_it() {
        let (volumes, rcbv) = volumes(None);
        let place = volumes.start;
        assert!(place.iter().all(|k| k.abs() <= 12.5), "inside the lesion: {place:?}");
        let value =
            |place: [f64; 3]| rcbv.data[rcbv.grid.index(place.map(|k| ((k + 100.0) / 5.0 + 0.5).floor() as usize))];
        let lesion = region(rcbv.grid, |place| place.iter().all(|k| k.abs() <= 10.0));
        let largest = lesion.indices().map(|index| rcbv.data[index]).fold(f32::MIN, f32::max);
        assert_eq!(value(place), largest);
        assert!(rcbv.data.iter().any(|&value| value > largest));
        assert_eq!(volumes.hottest_on.as_deref(), Some("rCBV, leakage corrected"));
    }

    #[test]
    fn nothing_is_kept_away_from_the_brain() {
        let brain = region(grid(), |[x, ..]| x < 10.0);
        let (volumes, _) = volumes(Some(&brain));
        assert_eq!(volumes.brain_margin_mm, Some(BRAIN_MARGIN_MM));
        let at = |x: f64| ((x + 30.0) / 1.5) as usize + 41 * (20 + 41 * 20);
        for layer in &volumes.layers {
            // The lesion reaches 12.5 mm in x and is always kept, with the margin 18.
            assert!(layer.value(at(16.5)).is_finite() && layer.value(at(21.0)).is_nan(), "{}", layer.key);
        }
    }

    #[test]
    fn very_bright_anatomy_is_told_as_at_least() {
        let values: Vec<f32> = (0..5000).map(|i| if i < 3 { 9000.0 } else { (i % 500) as f32 }).collect();
        let look = Look {
            key: String::new(),
            title: String::new(),
            unit: "",
            colors: Colors::Grey,
            range: (0.0, 1.0),
            cutoffs: &[],
        };
        let layer = look.layer(&values, Depth::Eight).unwrap();
        assert!(layer.open_end);
        assert_eq!(layer.step, 2.0);
        assert_eq!((layer.value(0), layer.value(5)), (2.0 * 254.0, 6.0));
    }

    #[test]
    fn a_map_of_one_value_keeps_it() {
        let look = |values: &[f32]| {
            let look = Look {
                key: String::new(),
                title: String::new(),
                unit: "",
                colors: Colors::Viridis,
                range: (0.0, 1.0),
                cutoffs: &[],
            };
            look.layer(values, Depth::Sixteen)
        };
        assert_eq!(look(&[0.0, f32::NAN]).unwrap().value(0), 0.0);
        assert!((look(&[2.5]).unwrap().value(0) - 2.5).abs() < 1e-6);
        assert!(look(&[f32::NAN]).is_none());
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.00031, 0.001, 0.0021, 7.0, 0.0].map(round_step), [0.0005, 0.001, 0.005, 10.0, 1.0]);
    }
}
