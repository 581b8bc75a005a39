//! The film strip: the same axial slice and field of view through anatomy, rCBV, tumor burden and uptake.
//!
//! METHOD: the slice is the one in which the lesion is largest, the field is centered on the lesion there, and the
//! pictures are in radiological view. Maps are sampled by scanner coordinates and drawn opaque, so that a color can be
//! read against its bar.

use super::limits::Limits;
use crate::image::{Labels, Mask, Plane, View, Volume};
use crate::lesion::LesionRecord;
use crate::report::model::{Locator, Panel, PanelKind, Raster};
use crate::report::number;

/// Pixels along an edge of a panel, and of the locator.
const PIXELS: usize = 168;
const LOCATOR_PIXELS: usize = 72;
/// Edge of the patch of a panel that becomes one pixel of its thumbnail.
const THUMBNAIL_PATCH: usize = 3;
/// Smallest field of view, mm, and how many times the lesion's extent it holds at least.
const FIELD_MM: f64 = 92.0;
const FIELD_PER_EXTENT: f64 = 1.8;
/// Upper end of the rCBV bar: the range of published cut-offs lies well inside.
const RCBV_TOP: f64 = 3.5;
/// Upper end of the bar of absolute flow: gray matter lies well inside, mL/100g/min.
const CBF_TOP: f64 = 100.0;
/// Upper ends of the DCE bars, 1/min and mM s, that grow in steps with the lesion's mean and this much room above it.
const KTRANS_TOP: f64 = 0.4;
const AREA_TOP: f64 = 20.0;
const ROOM_ABOVE_MEAN: f64 = 1.5;
/// Upper ends of the uptake bars that grow in steps with the lesion.
const TBR_TOP: f64 = 2.5;
const SUV_TOP: f64 = 5.0;
/// Shares of an anatomical slice that are drawn black and white.
const WINDOW: [f64; 2] = [0.01, 0.995];

/// What there is to draw for one lesion.
pub struct Scene<'a> {
    /// The lesion on the grid where it was drawn.
    pub lesion: &'a Mask,
    /// Anatomy, with its name.
    pub anatomy: Option<(&'a Volume, &'a str)>,
    /// Normalized rCBV, with the name of its correction.
    pub rcbv: Option<(&'a Volume, &'a str)>,
    /// Tumor-burden classes on the same grid: 1, 2, 3 inside the lesion.
    pub burden: Option<&'a Labels>,
    /// rCBV cut-offs: necrosis below, recurrence above.
    pub rcbv_cutoffs: [f64; 2],
    /// ASL flow.
    pub flow: Option<&'a LabelingPicture>,
    /// Cut-offs of the relative flow, where there are some.
    pub flow_cutoffs: Vec<f64>,
    /// A DCE map.
    pub enhancement: Option<&'a DynamicPicture>,
    /// Uptake.
    pub uptake: Option<Uptake<'a>>,
}

/// What an ASL panel shows.
pub enum LabelingPicture {
    /// CBF over the reference.
    Relative(Volume),
    /// CBF, mL/100g/min.
    Absolute(Volume),
}

/// What a DCE panel shows.
pub enum DynamicPicture {
    /// Ktrans, 1/min.
    Ktrans(Volume),
    /// Area under the concentration over 60 s, mM s.
    Area(Volume),
    /// Largest relative enhancement.
    RelativePeak(Volume),
}

/// A PET image as it is shown.
pub struct Uptake<'a> {
    /// The image, in its own unit.
    pub image: &'a Volume,
    /// From the unit of the image to what is shown.
    pub scale: f64,
    /// Whether a ratio to background is shown, or SUV.
    pub shown: Shown,
    /// Name of the tracer.
    pub tracer: &'a str,
    /// Cut-offs of the tracer, where there are some.
    pub cutoffs: Vec<f64>,
}

/// What a PET panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Tumor-to-background ratio.
    Ratio,
    /// Standardized uptake value.
    Suv,
    /// The unit of the image, where neither is known.
    Image,
}

/// The panels of one lesion, left to right.
pub fn film_strip(scene: &Scene<'_>, record: &LesionRecord, limits: &Limits) -> Vec<Panel> {
    let Some(frame) = Frame::around(scene.lesion) else { return Vec::new() };
    let pictured = |volume: &Volume| frame.picture(volume, scene.lesion, limits);
    let outline = frame.view.outline(scene.lesion);
    let panel = |kind, title: String, caption: String, raster| Panel {
        kind,
        title,
        caption,
        raster,
        underlay: None,
        range: (0.0, 1.0),
        cutoffs: Vec::new(),
        unit: String::new(),
        outline: outline.clone(),
        slice_mm: frame.center[2],
        locator: None,
    };
    let mut panels = Vec::new();
    let anatomy = scene.anatomy.map(|(volume, name)| (pictured(volume), volume, name));
    if let Some((picture, volume, name)) = &anatomy {
        let volume_text = captions(&[("lesion", "volume_ml", record.volume_ml)]);
        panels.push(Panel {
            range: window(&picture.values),
            locator: frame.locator(volume, scene.lesion, limits),
            ..panel(PanelKind::Anatomy, (*name).to_owned(), volume_text, picture.clone())
        });
    }
    if let Some((rcbv, name)) = scene.rcbv {
        let caption =
            captions(&[("mean", "rcbv_mean", record.rcbv_mean), ("90th percentile", "rcbv_p90", record.rcbv_p90)]);
        panels.push(Panel {
            range: (0.0, RCBV_TOP),
            cutoffs: scene.rcbv_cutoffs.to_vec(),
            ..panel(PanelKind::Perfusion, format!("rCBV, {name}"), caption, pictured(rcbv))
        });
    }
    if let (Some(burden), Some((picture, ..))) = (scene.burden, &anatomy) {
        let classes = frame.view.labels(burden);
        let values = classes.data.iter().map(|&class| if class == 0 { f32::NAN } else { class as f32 }).collect();
        let raster = Raster { width: classes.width, height: classes.height, millimeters: frame.pixel_mm, values };
        let percent = |share: Option<f64>| share.map(|share| format!("{:.0}", 100.0 * share));
        let shares = [record.ftb_low, record.ftb_mid, record.ftb_high].map(percent);
        let caption = match shares {
            [Some(low), Some(mid), Some(high)] => format!("{low} / {mid} / {high} %"),
            _ => String::new(),
        };
        panels.push(Panel {
            underlay: Some(picture.clone()),
            range: window(&picture.values),
            cutoffs: scene.rcbv_cutoffs.to_vec(),
            ..panel(PanelKind::TumorBurden, "Fractional tumor burden".to_owned(), caption, raster)
        });
    }
    if let Some(flow) = scene.flow {
        let (map, title, caption, top, unit) = match flow {
            LabelingPicture::Relative(map) => (
                map,
                "ASL CBF, relative",
                captions(&[
                    ("mean", "asl_rcbf_mean", record.asl_rcbf_mean),
                    ("max", "asl_rcbf_max", record.asl_rcbf_max),
                ]),
                stepped(RCBV_TOP, record.asl_rcbf_mean, 0.5),
                "",
            ),
            LabelingPicture::Absolute(map) => (
                map,
                "ASL CBF",
                captions(&[("mean", "asl_cbf_mean", record.asl_cbf_mean)]),
                stepped(CBF_TOP, record.asl_cbf_mean, 20.0),
                "mL/100 g/min",
            ),
        };
        let cutoffs =
            if matches!(flow, LabelingPicture::Relative(_)) { scene.flow_cutoffs.clone() } else { Vec::new() };
        let picture = pictured(map);
        panels.push(Panel {
            range: (0.0, top),
            cutoffs,
            unit: unit.to_owned(),
            ..panel(PanelKind::Labeling, title.to_owned(), caption, picture)
        });
    }
    if let Some(enhancement) = scene.enhancement {
        let kind = record.curve_type.as_ref().map(|kind| format!("curve: {kind}"));
        // A vessel or the scalp must not set the bar: it holds the lesion's mean with room above it.
        let roomy = |mean: Option<f64>| mean.map(|mean| ROOM_ABOVE_MEAN * mean);
        let (map, title, numbers, unit, top) = match enhancement {
            DynamicPicture::Ktrans(map) => (
                map,
                "DCE Ktrans",
                captions(&[("mean", "ktrans_mean", record.ktrans_mean)]),
                "min\u{207b}\u{b9}",
                Some(stepped(KTRANS_TOP, roomy(record.ktrans_mean), 0.2)),
            ),
            DynamicPicture::Area(map) => (
                map,
                "DCE area, 60 s",
                captions(&[("mean", "iauc60_mean", record.iauc60_mean)]),
                "mM s",
                Some(stepped(AREA_TOP, roomy(record.iauc60_mean), 10.0)),
            ),
            DynamicPicture::RelativePeak(map) => (map, "DCE peak enhancement, relative", String::new(), "", None),
        };
        let caption: Vec<String> = [numbers].into_iter().filter(|text| !text.is_empty()).chain(kind).collect();
        let picture = pictured(map);
        panels.push(Panel {
            range: (0.0, top.unwrap_or_else(|| window(&picture.values).1.max(f64::MIN_POSITIVE))),
            unit: unit.to_owned(),
            ..panel(PanelKind::Dynamic, title.to_owned(), caption.join(", "), picture)
        });
    }
    if let Some(uptake) = &scene.uptake {
        panels.push(uptake_panel(uptake, record, pictured(uptake.image), &panel));
    }
    panels
}

/// The whole slice in which a region is largest, in grey, with the region's outline; `None` for an empty region.
pub fn outlined_slice(region: &Mask, image: &Volume, kind: PanelKind, title: &str, caption: String) -> Option<Panel> {
    let found = Frame::around(region)?;
    let grid = image.grid;
    let corners = [[0, 0, 0], grid.shape().map(|n| n - 1)].map(|voxel| grid.position(voxel));
    let middle = [(corners[0][0] + corners[1][0]) / 2.0, (corners[0][1] + corners[1][1]) / 2.0, found.center[2]];
    let edge = grid.voxel_size()[0];
    let field = (corners[1][0] - corners[0][0]).abs().max((corners[1][1] - corners[0][1]).abs()) + edge;
    let view = View::axial(middle, field, PIXELS);
    let picture = raster(&view.volume(image), field / PIXELS as f64);
    Some(Panel {
        kind,
        title: title.to_owned(),
        caption,
        range: window(&picture.values),
        raster: picture,
        underlay: None,
        cutoffs: Vec::new(),
        unit: String::new(),
        outline: view.outline(region),
        slice_mm: found.center[2],
        locator: None,
    })
}

fn uptake_panel(
    uptake: &Uptake<'_>,
    record: &LesionRecord,
    mut picture: Raster,
    panel: &impl Fn(PanelKind, String, String, Raster) -> Panel,
) -> Panel {
    picture.values.iter_mut().for_each(|value| *value = (f64::from(*value) * uptake.scale) as f32);
    let tracer = uptake.tracer;
    let (title, caption, unit, range) = match uptake.shown {
        Shown::Ratio => (
            format!("{tracer}-PET, tumor to background"),
            captions(&[("max", "tbr_max", record.tbr_max), ("peak", "tbr_peak", record.tbr_peak)]),
            "",
            (0.0, stepped(TBR_TOP, record.tbr_max, 0.5)),
        ),
        Shown::Suv => (
            format!("{tracer}-PET, SUV"),
            captions(&[("max", "suv_max", record.suv_max), ("peak", "suv_peak", record.suv_peak)]),
            "g/mL",
            (0.0, stepped(SUV_TOP, record.suv_max, 2.5)),
        ),
        Shown::Image => (format!("{tracer}-PET, unit of the image"), String::new(), "", window(&picture.values)),
    };
    Panel {
        range,
        cutoffs: uptake.cutoffs.clone(),
        unit: unit.to_owned(),
        ..panel(PanelKind::Uptake, title, caption, picture)
    }
}

/// Small copies of the anatomy and the first map, for the contact sheet of a study: a value is the mean of what it
/// covers, and of a patch without any estimate it is none.
pub fn thumbnails(panels: &[Panel]) -> Vec<Panel> {
    let first = |kinds: &[PanelKind]| panels.iter().find(|panel| kinds.contains(&panel.kind));
    let chosen = [first(&[PanelKind::Anatomy]), first(&[PanelKind::Perfusion]).or(first(&[PanelKind::Uptake]))];
    chosen.into_iter().flatten().map(small).collect()
}

fn small(panel: &Panel) -> Panel {
    let Raster { width, height, millimeters, values } = &panel.raster;
    let (columns, rows) = (width / THUMBNAIL_PATCH, height / THUMBNAIL_PATCH);
    let patch = |place: usize| {
        let (left, top) = (place % columns * THUMBNAIL_PATCH, place / columns * THUMBNAIL_PATCH);
        let covered = (0..THUMBNAIL_PATCH * THUMBNAIL_PATCH)
            .map(|k| values[(top + k / THUMBNAIL_PATCH) * width + left + k % THUMBNAIL_PATCH])
            .filter(|value| value.is_finite());
        let (sum, count) = covered.fold((0.0, 0), |(sum, count), value| (sum + f64::from(value), count + 1));
        if count == 0 { f32::NAN } else { (sum / f64::from(count)) as f32 }
    };
    let shrink = |[x, y]: &[f32; 2]| [x / THUMBNAIL_PATCH as f32, y / THUMBNAIL_PATCH as f32];
    Panel {
        raster: Raster {
            width: columns,
            height: rows,
            millimeters: millimeters * THUMBNAIL_PATCH as f64,
            values: (0..columns * rows).map(patch).collect(),
        },
        outline: panel.outline.iter().map(|line| line.iter().map(shrink).collect()).collect(),
        underlay: None,
        locator: None,
        ..panel.clone()
    }
}

/// A slice of a PET image with the background region outlined, near the lesion's largest slice; its caption names the
/// level. `None` for an empty region or lesion.
pub fn background_panel(
    uptake: &Uptake<'_>,
    region: &Mask,
    lesion: &Mask,
    words: &str,
    limits: &Limits,
) -> Option<Panel> {
    let level = Frame::around(lesion)?.center[2];
    let slice = slice_near(region, level)?;
    let (center, field) = limits.field(slice);
    let view = View::axial(center, field, PIXELS);
    let mut picture = raster(&view.volume(uptake.image), field / PIXELS as f64);
    limits.keep(&view, &[region, lesion], &mut picture.values);
    picture.values.iter_mut().for_each(|value| *value = (f64::from(*value) * uptake.scale) as f32);
    let (title, unit, range) = match uptake.shown {
        Shown::Ratio => ("over background", "", (0.0, TBR_TOP)),
        Shown::Suv => ("SUV", "g/mL", window(&picture.values)),
        Shown::Image => ("unit of the image", "", window(&picture.values)),
    };
    let away = slice - level;
    let at = match away.abs() {
        near if near <= region.grid.voxel_size()[2] => "at the level of the lesion".to_owned(),
        far => format!("{} mm {} the lesion", number::fixed(far, 0), if away > 0.0 { "above" } else { "below" }),
    };
    let caption: Vec<&str> = [words, &at].into_iter().filter(|text| !text.is_empty()).collect();
    Some(Panel {
        kind: PanelKind::Background,
        title: format!("Background on {}-PET, {title}", uptake.tracer),
        caption: caption.join(", "),
        raster: picture,
        underlay: None,
        range,
        cutoffs: Vec::new(),
        unit: unit.to_owned(),
        outline: view.outline(region),
        slice_mm: slice,
        locator: None,
    })
}

/// Scanner z of the slice of a region that is nearest to a level, among those that hold at least half of what its
/// largest slice holds; `None` for an empty region.
fn slice_near(region: &Mask, level: f64) -> Option<f64> {
    let [nx, ny, _] = region.grid.shape();
    let slices: Vec<(usize, f64)> = region
        .data
        .chunks(nx * ny)
        .enumerate()
        .filter_map(|(slice, inside)| {
            let voxels = inside.iter().enumerate().filter(|(_, inside)| **inside).map(|(place, _)| place);
            let heights = voxels.map(|place| region.grid.position(region.grid.voxel(slice * nx * ny + place))[2]);
            let (count, sum) = heights.fold((0, 0.0), |(count, sum), z| (count + 1, sum + z));
            (count > 0).then(|| (count, sum / count as f64))
        })
        .collect();
    let most = slices.iter().map(|(count, _)| *count).max()?;
    let large = slices.into_iter().filter(|(count, _)| 2 * count >= most).map(|(_, z)| z);
    large.reduce(|near, z| if (z - level).abs() < (near - level).abs() { z } else { near })
}

/// The slice and the field of view.
pub(super) struct Frame {
    /// The center of the lesion in its largest slice, scanner mm.
    pub center: [f64; 3],
    view: View,
    field_mm: f64,
    pixel_mm: f64,
}

impl Frame {
    /// Centered on the lesion in the slice where it is largest; `None` for an empty mask.
    pub fn around(lesion: &Mask) -> Option<Self> {
        let grid = lesion.grid;
        let [nx, ny, nz] = grid.shape();
        let area = |z: usize| lesion.data[z * nx * ny..(z + 1) * nx * ny].iter().filter(|&&inside| inside).count();
        // The first of equally large slices, so that the choice does not depend on how the search runs.
        let slice = (0..nz).rev().max_by_key(|&z| area(z)).filter(|&z| area(z) > 0)?;
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for index in (slice * nx * ny..(slice + 1) * nx * ny).filter(|&index| lesion.data[index]) {
            let position = grid.position(grid.voxel(index));
            for axis in 0..3 {
                low[axis] = low[axis].min(position[axis]);
                high[axis] = high[axis].max(position[axis]);
            }
        }
        let center = std::array::from_fn(|axis| (low[axis] + high[axis]) / 2.0);
        let extent = (high[0] - low[0]).max(high[1] - low[1]);
        let field_mm = FIELD_MM.max((FIELD_PER_EXTENT * extent).ceil());
        let view = View::axial(center, field_mm, PIXELS);
        Some(Self { center, view, field_mm, pixel_mm: field_mm / PIXELS as f64 })
    }

    /// What a picture may show of a volume.
    fn picture(&self, volume: &Volume, lesion: &Mask, limits: &Limits) -> Raster {
        let mut picture = raster(&self.view.volume(volume), self.pixel_mm);
        // Without a brain the field around the lesion is the limit.
        if limits.know_brain() {
            limits.keep(&self.view, &[lesion], &mut picture.values);
        }
        picture
    }

    /// The whole slice of the brain with the field marked; `None` where no brain is known, or the field holds it.
    fn locator(&self, volume: &Volume, lesion: &Mask, limits: &Limits) -> Option<Locator> {
        let (middle, field) = limits.field(self.center[2]);
        if !limits.know_brain() || field <= self.field_mm {
            return None;
        }
        let view = View::axial(middle, field, LOCATOR_PIXELS);
        let pixel_mm = field / LOCATOR_PIXELS as f64;
        let mut picture = raster(&view.volume(volume), pixel_mm);
        limits.keep(&view, &[lesion], &mut picture.values);
        let [x, y] = view.place(self.center);
        let edge = self.field_mm / pixel_mm;
        let marked = [x - edge / 2.0, y - edge / 2.0, edge, edge].map(|value| value as f32);
        Some(Locator { range: window(&picture.values), raster: picture, field: marked })
    }
}

pub(super) fn raster(plane: &Plane<f32>, millimeters: f64) -> Raster {
    Raster { width: plane.width, height: plane.height, millimeters, values: plane.data.clone() }
}

/// Values drawn black and white: percentiles of what the picture shows.
pub(super) fn window(values: &[f32]) -> (f64, f64) {
    let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return (0.0, 1.0);
    }
    finite.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| f64::from(finite[((finite.len() - 1) as f64 * share) as usize]);
    let (low, high) = (at(WINDOW[0]), at(WINDOW[1]));
    if high > low { (low, high) } else { (low, low + 1.0) }
}

/// The top of a bar, raised in steps until it holds a value.
fn stepped(top: f64, value: Option<f64>, step: f64) -> f64 {
    match value {
        Some(value) if value.is_finite() && value > top => (value / step).ceil() * step,
        _ => top,
    }
}

/// Named numbers of the record in the rounding that every page uses; what is missing is left out.
fn captions(parts: &[(&str, &str, Option<f64>)]) -> String {
    let known: Vec<String> = parts
        .iter()
        .filter_map(|(name, column, value)| {
            value.map(|value| format!("{name} {}", number::shown(column, value, &[]).with_unit()))
        })
        .collect();
    known.join(", ")
}

#[cfg(test)]
impl<'a> Scene<'a> {
    /// A lesion of which nothing else is known, for tests.
    pub fn of_lesion(lesion: &'a Mask) -> Self {
        Self {
            lesion,
            anatomy: None,
            rcbv: None,
            burden: None,
            rcbv_cutoffs: [1.0, 1.75],
            flow: None,
            flow_cutoffs: Vec::new(),
            enhancement: None,
            uptake: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Affine, Grid};

    fn lesion() -> Mask {
        let grid = Grid::from_stored([40, 40, 10], Affine::diagonal([4.0, 4.0, 5.0], [-78.0, -78.0, -20.0])).unwrap();
        let inside = |index| {
            let [x, y, z] = grid.voxel(index);
            (10..14).contains(&x) && (20..26).contains(&y) && (z == 3 || (z == 4 && x == 10))
        };
        Mask { grid, data: (0..grid.len()).map(inside).collect() }
    }

    #[test]
    fn the_slice_is_the_one_with_most_lesion_and_the_field_is_centered_on_it() {
        let frame = Frame::around(&lesion()).unwrap();
        assert_eq!(frame.center, [-78.0 + 4.0 * 11.5, -78.0 + 4.0 * 22.5, -5.0]);
        assert_eq!(frame.field_mm, FIELD_MM);
    }

    #[test]
    fn an_empty_lesion_has_no_pictures() {
        let empty = Mask::filled(lesion().grid, false);
        let scene = Scene::of_lesion(&empty);
        let limits = Limits::new(None, &[&lesion()]).unwrap().unwrap();
        assert!(film_strip(&scene, &LesionRecord::default(), &limits).is_empty());
        assert!(Limits::new(None, &[&empty]).unwrap().is_none());
    }

    #[test]
    fn a_thumbnail_is_the_mean_of_its_patches() {
        let values = vec![1.0, 2.0, 3.0, f32::NAN, f32::NAN, f32::NAN, 4.0, 5.0, 6.0];
        let panel = Panel {
            kind: PanelKind::Anatomy,
            title: String::new(),
            caption: String::new(),
            raster: Raster { width: 3, height: 3, millimeters: 0.5, values },
            underlay: None,
            range: (0.0, 1.0),
            cutoffs: Vec::new(),
            unit: String::new(),
            outline: vec![vec![[3.0, 1.5]]],
            slice_mm: 0.0,
            locator: None,
        };
        let small = &thumbnails(&[panel])[0];
        assert_eq!((small.raster.width, small.raster.values.as_slice()), (1, [3.5_f32].as_slice()));
        assert_eq!((small.raster.millimeters, small.outline[0][0]), (1.5, [1.0, 0.5]));
    }

    #[test]
    fn the_uptake_bar_grows_in_steps() {
        assert_eq!(stepped(2.5, Some(1.9), 0.5), 2.5);
        assert_eq!(stepped(2.5, Some(3.1), 0.5), 3.5);
        assert_eq!(stepped(2.5, None, 0.5), 2.5);
    }

    #[test]
    fn the_patients_right_is_on_the_left_of_the_picture() {
        let lesion = lesion();
        let right = Volume {
            grid: lesion.grid,
            data: (0..lesion.grid.len())
                .map(|index| lesion.grid.position(lesion.grid.voxel(index))[0] as f32)
                .collect(),
        };
        let scene = Scene { anatomy: Some((&right, "x")), ..Scene::of_lesion(&lesion) };
        let limits = Limits::new(None, &[&lesion]).unwrap().unwrap();
        let panels = film_strip(&scene, &LesionRecord::default(), &limits);
        let row: Vec<f32> =
            panels[0].raster.values[84 * PIXELS..85 * PIXELS].iter().copied().filter(|x| x.is_finite()).collect();
        // In RAS+ the patient's right is the lowest x.. of the first axis running towards the right: the highest.
        assert!(row.first() > row.last());
    }

    /// A head of 2 mm voxels: brain up to 60 mm from its middle, bright skull and face from 72 mm on; a lesion near the border.
    fn head() -> (Volume, Mask, Mask, Mask) {
        let grid = Grid::from_stored([100, 100, 40], Affine::diagonal([2.0; 3], [-99.0, -99.0, -39.0])).unwrap();
        let region = |inside: &dyn Fn([f64; 3]) -> bool| Mask {
            grid,
            data: (0..grid.len()).map(|index| inside(grid.position(grid.voxel(index)))).collect(),
        };
        let from = |[x, y, _]: [f64; 3]| (x * x + y * y).sqrt();
        let brain = region(&|place| from(place) < 60.0);
        let lesion = region(&|[x, y, z]| (x + 48.0).powi(2) + y * y + (z - 11.0).powi(2) < 100.0);
        let background = region(&|place| place[0] > 20.0 && (30.0..55.0).contains(&from(place)) && place[2] < 20.0);
        let value = |index: usize| match from(grid.position(grid.voxel(index))) {
            near if near < 72.0 => 100.0,
            near if near < 95.0 => 900.0,
            _ => 0.0,
        };
        (Volume { grid, data: (0..grid.len()).map(value).collect() }, brain, lesion, background)
    }

    fn brightest(raster: &Raster) -> f32 {
        raster.values.iter().copied().filter(|value| value.is_finite()).fold(f32::MIN, f32::max)
    }

    #[test]
    fn no_picture_holds_skull_or_face() {
        let (head, brain, lesion, background) = head();
        let limits = Limits::new(Some(&brain), &[&lesion]).unwrap().unwrap();
        let scene = Scene { anatomy: Some((&head, "T1")), ..Scene::of_lesion(&lesion) };
        let panels = film_strip(&scene, &LesionRecord::default(), &limits);
        let locator = panels[0].locator.as_ref().unwrap();
        let uptake = Uptake { image: &head, scale: 1.0, shown: Shown::Image, tracer: "FET", cutoffs: Vec::new() };
        let panel = background_panel(&uptake, &background, &lesion, "given mask", &limits).unwrap();
        for picture in [&panels[0].raster, &locator.raster, &panel.raster] {
            assert!(brightest(picture) < 100.5, "{}", brightest(picture));
            assert!(picture.values.iter().any(|value| value.is_nan()));
            assert!(picture.values.contains(&100.0));
        }
    }

    #[test]
    fn without_a_brain_there_is_no_whole_slice() {
        let (head, _, lesion, background) = head();
        let limits = Limits::new(None, &[&lesion, &background]).unwrap().unwrap();
        let scene = Scene { anatomy: Some((&head, "T1")), ..Scene::of_lesion(&lesion) };
        assert!(film_strip(&scene, &LesionRecord::default(), &limits)[0].locator.is_none());
        let uptake = Uptake { image: &head, scale: 1.0, shown: Shown::Image, tracer: "FET", cutoffs: Vec::new() };
        let panel = background_panel(&uptake, &background, &lesion, "given mask", &limits).unwrap();
        let (center, field) = limits.field(panel.slice_mm);
        let view = View::axial(center, field, PIXELS);
        for (pixel, value) in panel.raster.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let place = view.position([(pixel % PIXELS) as f64 + 0.5, (pixel / PIXELS) as f64 + 0.5]);
            let near = |region: &Mask| {
                region.indices().any(|index| {
                    let other = region.grid.position(region.grid.voxel(index));
                    (place[0] - other[0]).hypot(place[1] - other[1]) < 25.0 + 4.0
                })
            };
            assert!(near(&lesion) || near(&background), "{place:?}: {value}");
        }
    }

    #[test]
    fn the_background_is_shown_at_the_level_of_the_lesion_and_the_caption_says_so() {
        let (head, brain, lesion, background) = head();
        let limits = Limits::new(Some(&brain), &[&lesion]).unwrap().unwrap();
        let uptake = Uptake { image: &head, scale: 1.0, shown: Shown::Image, tracer: "FET", cutoffs: Vec::new() };
        let panel = |region: &Mask| background_panel(&uptake, region, &lesion, "crescent", &limits).unwrap();
        let beside = panel(&background);
        assert!((beside.slice_mm - 11.0).abs() <= 2.0, "{}", beside.slice_mm);
        assert_eq!(beside.caption, "crescent, at the level of the lesion");
        let mut low = background.clone();
        let grid = low.grid;
        low.data
            .iter_mut()
            .enumerate()
            .for_each(|(index, inside)| *inside &= grid.position(grid.voxel(index))[2] < -20.0);
        assert_eq!(panel(&low).slice_mm, -21.0);
        assert_eq!(panel(&low).caption, "crescent, 32 mm below the lesion");
    }
}
