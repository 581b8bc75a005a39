//! The arterial input function: found in the series, averaged over a mask, or given as a curve.
//!
//! The search (P.AE2.004) is that of Mouridsen et al., MRM 2006;55:524: of the curves with the largest area, the
//! smoothest, clustered twice by shape; the earliest cluster is arterial.

use super::error::DscError;
use super::quantify::DscResult;
use super::reference::{membership, rates_of};
use super::settings::AifSettings;
use super::signal::DscSignal;
use crate::curve::clusters::{cluster_curves, group_means};
use crate::image::Mask;
use crate::quality::{Check, Quality};

/// Rounds of clustering: once over the candidates, once inside the earliest cluster.
const ROUNDS: usize = 2;

/// Where an arterial curve comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AifSource {
    /// Found in the series.
    Automatic,
    /// The mean of a given mask.
    Mask,
    /// A given curve.
    Curve,
}

/// An arterial curve over the used frames of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Aif {
    /// Where it comes from.
    pub source: AifSource,
    /// Its values: ΔR2* in 1/s, or the unit of a given curve.
    pub curve: Vec<f64>,
    /// The voxels it is the mean of, in the order of the series; none for a given curve.
    pub voxels: Vec<usize>,
    /// Largest value.
    pub peak: f64,
    /// Time of the largest value, s from the first frame of the series.
    pub peak_time: f64,
    /// Full width at half maximum, s; `None` where the curve does not fall to half its peak on both sides.
    pub width: Option<f64>,
    /// Voxels among them whose smallest signal comes close to the noise floor, so that the peak may be cut off.
    pub truncated: usize,
}

/// Why no arterial curve could be had.
#[derive(Debug, thiserror::Error)]
pub enum AifError {
    /// The series or mask could not be used.
    #[error(transparent)]
    Series(#[from] DscError),
    /// Too few candidates.
    #[error("only {found} voxels look arterial: expected at least {expected}; give an artery with --aif")]
    TooFewVoxels {
        /// Voxels found.
        found: usize,
        /// Voxels needed.
        expected: usize,
    },
    /// What was found is no artery.
    #[error(
        "the arterial curve peaks at {peak:.1} /s, below {least:.1} /s ({ratio} times the tissue reference): no artery was found; give one with --aif"
    )]
    NotArterial {
        /// Its peak.
        peak: f64,
        /// The least that an artery would have.
        least: f64,
        /// The ratio demanded.
        ratio: f64,
    },
    /// A given curve that does not fit the series.
    #[error("the given arterial curve {problem}")]
    Curve {
        /// Expected and found.
        problem: String,
    },
}

/// Finds arterial voxels and averages their ΔR2*.
///
/// METHOD: roughness is measured on curves scaled to unit area. Without that, the tall arterial curves are the
/// "roughest" and are thrown away: the published code picked 670 gray matter and 0 arterial voxels of the reference
/// object.
pub fn find_aif(signal: &DscSignal<'_>, result: &DscResult) -> Result<Aif, AifError> {
    let settings = &result.settings().aif;
    let mut voxels = largest_areas(result, settings.area_fraction);
    let mut rows = normalized_curves(signal, result, &voxels);
    keep_smoothest(&mut voxels, &mut rows, settings.rough_fraction);
    for _ in 0..ROUNDS {
        keep_earliest_cluster(&mut voxels, &mut rows, settings.clusters);
    }
    if voxels.len() < settings.minimum_voxels {
        return Err(AifError::TooFewVoxels { found: voxels.len(), expected: settings.minimum_voxels });
    }
    let aif = mean_of_voxels(signal, result, voxels, AifSource::Automatic);
    let tissue = result.reference.rate.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = settings.peak_ratio * tissue;
    if aif.peak.is_nan() || aif.peak < least {
        return Err(AifError::NotArterial { peak: aif.peak, least, ratio: settings.peak_ratio });
    }
    Ok(aif)
}

/// The mean ΔR2* of a given artery mask.
pub fn aif_from_mask(signal: &DscSignal<'_>, result: &DscResult, artery: &Mask) -> Result<Aif, AifError> {
    let member = membership(&result.mask, artery, "the artery mask")?;
    let inside = member.iter().filter(|&&inside| inside).count();
    let voxels: Vec<usize> =
        (0..member.len()).filter(|&voxel| member[voxel] && result.baseline.usable[voxel]).collect();
    if voxels.is_empty() {
        return Err(DscError::NoUsableVoxels { region: "the artery mask".to_owned(), inside }.into());
    }
    Ok(mean_of_voxels(signal, result, voxels, AifSource::Mask))
}

/// A given curve, taken to the used frames by linear interpolation. Times are in s from the first frame.
pub fn aif_from_curve(result: &DscResult, times: &[f64], values: &[f64]) -> Result<Aif, AifError> {
    let problem = |problem: String| Err(AifError::Curve { problem });
    if times.len() != values.len() || times.len() < 2 {
        return problem(format!("has {} times and {} values: expected as many, at least 2", times.len(), values.len()));
    }
    if times.iter().chain(values).any(|value| !value.is_finite()) || !times.windows(2).all(|pair| pair[0] < pair[1]) {
        return problem("has a value that is not finite, or times that do not increase".to_owned());
    }
    let wanted = result.time();
    let (first, last) = (wanted[0], wanted[wanted.len() - 1]);
    // A frame time is a product, a given one a decimal number: half a thousandth of a frame is the same time.
    let slack = 5e-4 * result.step;
    if times[0] > first + slack || times[times.len() - 1] < last - slack {
        return problem(format!(
            "runs from {} to {} s: expected it to cover {first} to {last} s",
            times[0],
            times[times.len() - 1]
        ));
    }
    let curve: Vec<f64> = wanted.iter().map(|&time| interpolate(times, values, time)).collect();
    Ok(Aif::new(AifSource::Curve, curve, Vec::new(), result))
}

impl Aif {
    fn new(source: AifSource, curve: Vec<f64>, voxels: Vec<usize>, result: &DscResult) -> Self {
        let place = (1..curve.len()).fold(0, |best, i| if curve[i] > curve[best] { i } else { best });
        let floor = result.settings().aif.truncation_sd * result.baseline.noise;
        let truncated = voxels.iter().filter(|&&voxel| f64::from(result.baseline.minimum[voxel]) < floor).count();
        Self {
            source,
            peak: curve[place],
            peak_time: (result.timing.steady + place) as f64 * result.step,
            width: full_width(&curve, place).map(|frames| frames * result.step),
            truncated,
            curve,
            voxels,
        }
    }

    /// How good the curve is, in words.
    pub fn check(&self, settings: &AifSettings) -> Check {
        let mut doubts = Vec::new();
        if self.width.is_none_or(|width| width > settings.width_s) {
            doubts.push("it is wide, as in a vein or in tissue");
        }
        if self.truncated * 2 > self.voxels.len() {
            doubts.push("its peak may be cut off at the noise floor");
        }
        if self.source != AifSource::Curve && self.voxels.len() < settings.minimum_voxels {
            doubts.push("few voxels make it");
        }
        let width = self.width.map_or_else(|| "no width".to_owned(), |width| format!("width {width:.1} s"));
        let voxels = match self.source {
            AifSource::Curve => "given curve".to_owned(),
            AifSource::Mask => format!("{} voxels of the given mask", self.voxels.len()),
            AifSource::Automatic => format!("{} voxels", self.voxels.len()),
        };
        let (quality, meaning) = if doubts.is_empty() {
            (Quality::Pass, "The curve looks arterial.".to_owned())
        } else {
            (Quality::Caution, format!("The arterial curve is doubtful: {}.", doubts.join("; ")))
        };
        Check {
            name: "Arterial input".to_owned(),
            found: format!("{voxels}, {width}, {} cut off", self.truncated),
            limit: format!("{} voxels, {} s, under half", settings.minimum_voxels, settings.width_s),
            quality,
            meaning,
        }
    }
}

/// Width at half the peak in frames, by linear interpolation on both sides.
fn full_width(curve: &[f64], peak: usize) -> Option<f64> {
    let half = curve[peak] / 2.0;
    let before = (1..=peak).rev().find(|&i| curve[i - 1] < half)?;
    let after = (peak + 1..curve.len()).find(|&i| curve[i] < half)?;
    let rise = before as f64 - (curve[before] - half) / (curve[before] - curve[before - 1]);
    let fall = after as f64 - (half - curve[after]) / (curve[after - 1] - curve[after]);
    Some(fall - rise)
}

/// Usable voxels whose area is among the largest, in the order of the series.
fn largest_areas(result: &DscResult, fraction: f64) -> Vec<usize> {
    let usable = |&voxel: &usize| result.baseline.usable[voxel] && result.uncorrected[voxel] > 0.0;
    let mut areas: Vec<f32> = (0..result.uncorrected.len()).filter(usable).map(|v| result.uncorrected[v]).collect();
    let kept = (areas.len() as f64 * fraction).ceil() as usize;
    if kept == 0 {
        return Vec::new();
    }
    let (_, &mut least, _) = areas.select_nth_unstable_by(kept - 1, |a, b| b.total_cmp(a));
    (0..result.uncorrected.len()).filter(usable).filter(|&voxel| result.uncorrected[voxel] >= least).collect()
}

/// ΔR2* of the voxels, each divided by its sum, as `[frame][curve]`.
fn normalized_curves(signal: &DscSignal<'_>, result: &DscResult, voxels: &[usize]) -> Vec<f32> {
    let mut curves = rates_of(signal, result, voxels);
    let frames = result.timing.used().len();
    for curve in curves.chunks_exact_mut(frames) {
        let sum: f64 = curve.iter().map(|&value| f64::from(value)).sum();
        curve.iter_mut().for_each(|value| *value = (f64::from(*value) / sum) as f32);
    }
    let mut rows = vec![0.0; curves.len()];
    for (place, curve) in curves.chunks_exact(frames).enumerate() {
        for (frame, &value) in curve.iter().enumerate() {
            rows[frame * voxels.len() + place] = value;
        }
    }
    rows
}

/// Drops the roughest curves: those with the largest sum of squared second differences.
fn keep_smoothest(voxels: &mut Vec<usize>, rows: &mut Vec<f32>, rough_fraction: f64) {
    let count = voxels.len();
    if count == 0 {
        return;
    }
    let mut roughness = vec![0.0f64; count];
    for triple in rows.chunks_exact(count).collect::<Vec<_>>().windows(3) {
        for (curve, roughness) in roughness.iter_mut().enumerate() {
            let bend = f64::from(triple[2][curve]) - 2.0 * f64::from(triple[1][curve]) + f64::from(triple[0][curve]);
            *roughness += bend * bend;
        }
    }
    let kept = count - (count as f64 * rough_fraction).floor() as usize;
    let mut sorted = roughness.clone();
    let (_, &mut most, _) = sorted.select_nth_unstable_by(kept.max(1) - 1, f64::total_cmp);
    keep(voxels, rows, |curve| roughness[curve] <= most);
}

/// Keeps the cluster whose mean curve has the lowest first moment.
///
/// METHOD: the clusters start from the curves in order of their first moment, cut into equal parts, so that no random
/// number decides which voxels are arterial.
fn keep_earliest_cluster(voxels: &mut Vec<usize>, rows: &mut Vec<f32>, clusters: usize) {
    let count = voxels.len();
    if count < clusters {
        return;
    }
    let frames = rows.len() / count;
    let mut moments = vec![0.0f64; count];
    for (frame, row) in rows.chunks_exact(count).enumerate() {
        for (moment, &value) in moments.iter_mut().zip(row) {
            // The curves have unit sum.
            *moment += frame as f64 * f64::from(value);
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| moments[a].total_cmp(&moments[b]).then(a.cmp(&b)));
    let mut start = vec![0; count];
    for (rank, &curve) in order.iter().enumerate() {
        start[curve] = rank * clusters / count;
    }
    let assigned = cluster_curves(rows, &start, clusters);
    let (means, sizes) = group_means(rows, &assigned, clusters, frames);
    let moment = |group: usize| -> f64 { means[group].iter().enumerate().map(|(t, value)| t as f64 * value).sum() };
    let earliest = (0..clusters).filter(|&group| sizes[group] > 0).min_by(|&a, &b| moment(a).total_cmp(&moment(b)));
    if let Some(earliest) = earliest {
        keep(voxels, rows, |curve| assigned[curve] == earliest);
    }
}

fn keep(voxels: &mut Vec<usize>, rows: &mut Vec<f32>, wanted: impl Fn(usize) -> bool) {
    let count = voxels.len();
    let mut place = 0;
    rows.retain(|_| {
        let stays = wanted(place % count);
        place += 1;
        stays
    });
    let mut curve = 0;
    voxels.retain(|_| {
        let stays = wanted(curve);
        curve += 1;
        stays
    });
}

fn mean_of_voxels(signal: &DscSignal<'_>, result: &DscResult, voxels: Vec<usize>, source: AifSource) -> Aif {
    let frames = result.timing.used().len();
    let mut mean = vec![0.0; frames];
    for curve in rates_of(signal, result, &voxels).chunks_exact(frames) {
        for (mean, &value) in mean.iter_mut().zip(curve) {
            *mean += f64::from(value) / voxels.len() as f64;
        }
    }
    Aif::new(source, mean, voxels, result)
}

/// Linear interpolation; the ends are held.
fn interpolate(times: &[f64], values: &[f64], time: f64) -> f64 {
    let after = times.partition_point(|&t| t < time);
    match (after.checked_sub(1), times.get(after)) {
        (Some(before), Some(&end)) => {
            let share = (time - times[before]) / (end - times[before]);
            (1.0 - share) * values[before] + share * values[after]
        }
        (None, _) => values[0],
        (_, None) => values[values.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_a_triangle_is_half_its_base() {
        assert_eq!(full_width(&[0.0, 0.0, 2.0, 4.0, 2.0, 0.0], 3), Some(2.0));
        assert_eq!(full_width(&[4.0, 2.0, 0.0], 0), None);
    }

    #[test]
    fn interpolation_is_linear_and_holds_the_ends() {
        let (times, values) = ([0.0, 1.0, 3.0], [0.0, 2.0, 6.0]);
        assert_eq!([0.5, 1.0, 2.0, 3.0, 9.0].map(|t| interpolate(&times, &values, t)), [1.0, 2.0, 4.0, 6.0, 6.0]);
    }

    #[test]
    fn keeping_takes_voxels_and_their_columns() {
        let (mut voxels, mut rows) = (vec![5, 7, 9], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        keep(&mut voxels, &mut rows, |curve| curve != 1);
        assert_eq!((voxels, rows), (vec![5, 9], vec![1.0, 3.0, 4.0, 6.0]));
    }
}
