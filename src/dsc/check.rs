//! Quality checks of a DSC measurement: what was found, what was expected, what it means.
//!
//! The protocol limits are those of the consensus (Boxerman et al., Neuro-Oncology 2020;22:1262); the others are
//! working values of `[dsc.quality]`. What the sidecar does not tell is named as not checked, never assumed.

use super::concentration::SeriesContent;
use super::quantify::DscResult;
use super::reference::membership;
use super::settings::{LeakageModel, QualityLimits};
use super::{DscError, ReferenceSource};
use crate::acquisition::DscAcquisition;
use crate::curve::baseline::{mean, median};
use crate::image::Mask;
use crate::quality::{Caveat, CaveatCode, Check, Quality, worst};

/// Static fields that the consensus has echo times for, T: how far a magnet may be from its nominal 3 T or 1.5 T.
const FIELD_3T: std::ops::RangeInclusive<f64> = 2.5..=3.5;
const FIELD_1_5T: std::ops::RangeInclusive<f64> = 1.2..=1.8;

impl DscResult {
    /// Quality checks of the series together with those of one lesion, and the caveats that concern it.
    ///
    /// `region` names the lesion in an error, such as `the lesion mask`.
    pub fn lesion_checks(&self, lesion: &Mask, region: &str) -> Result<LesionChecks, DscError> {
        let member = membership(&self.mask, lesion, region)?;
        let in_lesion = lesion.count();
        let inside = member.iter().filter(|&&inside| inside).count();
        let usable = member.iter().zip(&self.baseline.usable).filter(|&(&inside, &usable)| inside && usable).count();
        let usable_fraction = (in_lesion > 0).then(|| usable as f64 / in_lesion as f64);
        let mut checks = self.checks.clone();
        if let Some(fraction) = usable_fraction {
            checks.push(usable_check("Usable lesion voxels", fraction, &self.settings.quality));
            checks.push(coverage_check(inside as f64 / in_lesion as f64, &self.settings.quality));
        }
        if self.content == SeriesContent::Signal && inside > 0 {
            checks.extend(self.susceptibility_check(&member, inside));
        }
        if let Some(normalized) = &self.normalized {
            checks.push(reference_check(
                normalized.reference_voxels,
                normalized.reference_variation,
                &self.settings.quality,
            ));
        }
        let mut caveats = self.caveats.clone();
        caveats.extend(caveats_of(&checks[self.checks.len()..]));
        let lost = in_lesion - usable;
        if lost > 0 {
            let detail = format!("{lost} of {in_lesion} lesion voxels were not used");
            caveats.retain(|caveat| caveat.code != CaveatCode::VoxelsSaturated);
            caveats.push(Caveat::new(CaveatCode::VoxelsSaturated, detail));
        }
        // METHOD: coverage is a part of usability: voxels outside the brain mask are not used either.
        Ok(LesionChecks { usable_voxels: usable, usable_fraction, quality: worst(&checks), checks, caveats })
    }
}

impl DscResult {
    /// The check of what is left of a lesion once `vessels` of its voxels are taken out.
    pub fn left_check(&self, vessels: usize, in_lesion: usize) -> Check {
        let left = in_lesion.saturating_sub(vessels) as f64 / in_lesion.max(1) as f64;
        usable_check("Lesion voxels left beside vessels", left, &self.settings.quality)
    }

    /// How much of a region has lost its baseline signal; `None` for a brain without signal.
    fn susceptibility_check(&self, member: &[bool], inside: usize) -> Option<Check> {
        let limits = &self.settings.quality;
        let levels: Vec<f64> = self.baseline.level.iter().map(|&level| f64::from(level)).collect();
        let finite: Vec<f64> = levels.iter().copied().filter(|level| level.is_finite()).collect();
        let floor = limits.susceptibility_level * median(&finite)?;
        // A level that is not finite is lost as well.
        let lost = member.iter().zip(&levels).filter(|&(&inside, &level)| inside && (level.is_nan() || level < floor));
        let share = lost.count() as f64 / inside as f64;
        let quality = if share <= limits.susceptibility_caution {
            Quality::Pass
        } else if share <= limits.susceptibility_fail {
            Quality::Caution
        } else {
            Quality::Fail
        };
        let meaning = match quality {
            Quality::Pass => "The baseline signal of the lesion is not lost to susceptibility.",
            Quality::Caution => {
                "Part of the lesion is dark before the bolus (blood products, metal, air): rCBV is unreliable there."
            }
            Quality::Fail => "Most of the lesion is dark before the bolus: its rCBV means nothing.",
        };
        Some(check(
            SUSCEPTIBILITY,
            format!("{:.1} % dark", 100.0 * share),
            format!("at most {:.0} %", 100.0 * limits.susceptibility_caution),
            quality,
            meaning,
        ))
    }
}

/// The quality of a DSC measurement in one lesion.
#[derive(Debug, Clone, PartialEq)]
pub struct LesionChecks {
    /// Usable lesion voxels.
    pub usable_voxels: usize,
    /// Their share of the lesion's voxels on the series' grid; `None` for an empty mask.
    pub usable_fraction: Option<f64>,
    /// `dsc_quality`: the worst word.
    pub quality: Option<Quality>,
    /// All checks.
    pub checks: Vec<Check>,
    /// All caveats.
    pub caveats: Vec<Caveat>,
}

/// The checks of a whole series.
pub(super) fn series_checks(result: &DscResult, acquisition: &DscAcquisition) -> Vec<Check> {
    let limits = &result.settings.quality;
    let mut checks = vec![baseline_check(result.timing.baseline().len(), limits)];
    // Depth, noise and protocol are those of a recorded signal.
    if result.content == SeriesContent::Signal {
        checks.extend([drop_check(result, limits), noise_check(result, limits)]);
    }
    checks.push(usable_check("Usable brain voxels", usable_fraction(result), limits));
    if result.content == SeriesContent::Signal {
        checks.extend(protocol_checks(acquisition, result.timing.frames, limits));
    }
    checks
}

/// The caveat behind every caution and failure that has none of its own elsewhere: no word lowers a lesion in silence.
fn caveats_of(checks: &[Check]) -> Vec<Caveat> {
    let doubtful = checks.iter().filter(|check| check.quality != Quality::Pass);
    doubtful
        .filter_map(|check| {
            let code = match check.name.as_str() {
                name if PROTOCOL.contains(&name) && check.found == NOT_KNOWN => CaveatCode::ProtocolNotKnown,
                DROP => CaveatCode::BolusWeak,
                NOISE => CaveatCode::SeriesNoisy,
                REFERENCE => CaveatCode::ReferenceSmall,
                SUSCEPTIBILITY => CaveatCode::SusceptibilityInLesion,
                COVERAGE => CaveatCode::LesionPartlyMasked,
                // Baseline, usable voxels and the protocol outside the consensus have caveats of their own.
                _ => return None,
            };
            let detail = match code {
                CaveatCode::ProtocolNotKnown => format!("{}: expected {}", check.name.to_lowercase(), check.limit),
                _ => format!("{} (expected {})", check.found, check.limit),
            };
            Some(Caveat::new(code, detail))
        })
        .collect()
}

/// The caveats of a whole series.
pub(super) fn series_caveats(result: &DscResult) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    let frames = result.timing.baseline().len();
    if frames < result.settings.quality.baseline_frames {
        caveats.push(Caveat::new(CaveatCode::BaselineShort, format!("{frames} frames")));
    }
    let outside: Vec<String> = result
        .checks
        .iter()
        .filter(|check| PROTOCOL.contains(&check.name.as_str()) && check.quality != Quality::Pass)
        .filter(|check| check.found != NOT_KNOWN)
        .map(|check| format!("{} {} (expected {})", check.name.to_lowercase(), check.found, check.limit))
        .collect();
    if !outside.is_empty() {
        caveats.push(Caveat::new(CaveatCode::ProtocolOutsideConsensus, outside.join("; ")));
    }
    caveats.extend(caveats_of(&result.checks));
    if usable_fraction(result) < result.settings.quality.usable_caution {
        let baseline = &result.baseline;
        let detail = format!(
            "{} of {} brain voxels fall to the noise floor, {} have no positive, finite signal",
            baseline.saturated,
            baseline.usable.len(),
            baseline.unmeasurable
        );
        caveats.push(Caveat::new(CaveatCode::VoxelsSaturated, detail));
    }
    if result.not_fitted() > 0 {
        let (voxels, usable) = (result.not_fitted(), result.baseline.usable_voxels());
        let detail = format!("no gamma variate could be fitted in {voxels} of {usable} usable voxels");
        caveats.push(Caveat::new(CaveatCode::LeakageNotCorrected, detail));
    }
    if result.model == LeakageModel::None {
        caveats.push(Caveat::new(CaveatCode::LeakageModelNone, ""));
    }
    caveats
}

/// The names of the protocol checks.
const PROTOCOL: [&str; 4] = ["Echo time", "Flip angle", "Repetition time", "Number of frames"];
const NOT_KNOWN: &str = "not known";
/// The names of the other checks whose caveats are made from them.
const DROP: &str = "Depth of the signal drop";
const NOISE: &str = "Temporal SNR";
const REFERENCE: &str = "Reference region";
const SUSCEPTIBILITY: &str = "Susceptibility in the lesion";
const COVERAGE: &str = "Lesion inside the brain mask";

fn check(name: &str, found: String, limit: String, quality: Quality, meaning: &str) -> Check {
    Check { name: name.to_owned(), found, limit, quality, meaning: meaning.to_owned() }
}

/// The word for a value that should not be below two limits.
fn at_least(value: f64, caution: f64, fail: f64) -> Quality {
    if value >= caution {
        Quality::Pass
    } else if value >= fail {
        Quality::Caution
    } else {
        Quality::Fail
    }
}

fn baseline_check(frames: usize, limits: &QualityLimits) -> Check {
    let quality = if frames >= limits.baseline_frames { Quality::Pass } else { Quality::Caution };
    let meaning = match quality {
        Quality::Pass => "The baseline signal is well determined.",
        Quality::Caution | Quality::Fail => "The baseline signal, and with it every rCBV, is uncertain.",
    };
    check(
        "Baseline length",
        format!("{frames} frames"),
        format!("at least {} frames", limits.baseline_frames),
        quality,
        meaning,
    )
}

/// The drop of the mask's mean signal, as a fraction of its baseline; `None` for a baseline without signal.
fn signal_drop(result: &DscResult) -> Option<f64> {
    let level = mean(&result.mean_signal[result.timing.baseline()])?;
    let after = &result.mean_signal[result.timing.arrival..];
    let minimum = after.iter().copied().fold(f64::INFINITY, f64::min);
    (level > 0.0).then(|| 1.0 - minimum / level)
}

fn drop_check(result: &DscResult, limits: &QualityLimits) -> Check {
    let drop = signal_drop(result);
    let quality = drop.map_or(Quality::Fail, |drop| at_least(drop, limits.drop_caution, limits.drop_fail));
    let meaning = match quality {
        Quality::Pass => "The bolus is seen clearly.",
        Quality::Caution => "The bolus is weak: rCBV is noisy.",
        Quality::Fail => "No usable bolus: rCBV means nothing.",
    };
    let found = drop.map_or_else(|| "no signal".to_owned(), |drop| format!("{:.1} %", 100.0 * drop));
    check(DROP, found, format!("at least {:.0} %", 100.0 * limits.drop_caution), quality, meaning)
}

fn noise_check(result: &DscResult, limits: &QualityLimits) -> Check {
    let baseline = &result.baseline;
    let ratios: Vec<f64> = (0..baseline.level.len())
        .filter(|&voxel| baseline.usable[voxel] && baseline.deviation[voxel] > 0.0)
        .map(|voxel| f64::from(baseline.level[voxel]) / f64::from(baseline.deviation[voxel]))
        .collect();
    let limit = format!("at least {:.0}", limits.tsnr_caution);
    let Some(ratio) = median(&ratios) else {
        return check(NOISE, "no noise".to_owned(), limit, Quality::Pass, "The baseline is constant.");
    };
    let quality = at_least(ratio, limits.tsnr_caution, limits.tsnr_fail);
    let meaning = match quality {
        Quality::Pass => "The signal is stable before the bolus.",
        Quality::Caution => "The signal is noisy or drifts: single voxels are uncertain, means less so.",
        Quality::Fail => "The signal is too noisy for rCBV.",
    };
    check(NOISE, format!("{ratio:.0}"), limit, quality, meaning)
}

fn usable_fraction(result: &DscResult) -> f64 {
    result.baseline.usable_voxels() as f64 / result.baseline.usable.len() as f64
}

fn usable_check(name: &str, fraction: f64, limits: &QualityLimits) -> Check {
    let quality = at_least(fraction, limits.usable_caution, limits.usable_fail);
    let meaning = match quality {
        Quality::Pass => "Almost every voxel could be measured.",
        Quality::Caution => "Voxels were lost to the noise floor or to susceptibility; means hold the others only.",
        Quality::Fail => "Too many voxels were lost for a mean to stand for the region.",
    };
    check(
        name,
        format!("{:.1} %", 100.0 * fraction),
        format!("at least {:.0} %", 100.0 * limits.usable_caution),
        quality,
        meaning,
    )
}

fn coverage_check(share: f64, limits: &QualityLimits) -> Check {
    let quality = at_least(share, limits.coverage_caution, limits.coverage_fail);
    let meaning = match quality {
        Quality::Pass => "The brain mask holds the lesion.",
        Quality::Caution => "Part of the lesion lies outside the brain mask and is not measured.",
        Quality::Fail => "Most of the lesion lies outside the brain mask: its mean does not stand for it.",
    };
    let limit = format!("at least {:.0} %", 100.0 * limits.coverage_caution);
    check(COVERAGE, format!("{:.1} %", 100.0 * share), limit, quality, meaning)
}

fn reference_check(voxels: usize, variation: Option<f64>, limits: &QualityLimits) -> Check {
    let quality = if voxels >= limits.reference_voxels { Quality::Pass } else { Quality::Caution };
    let meaning = match quality {
        Quality::Pass => "The reference mean is well determined.",
        Quality::Caution | Quality::Fail => "Every normalized rCBV carries the error of a small reference region.",
    };
    let found = match variation {
        Some(variation) => format!("{voxels} voxels, rCBV varies by {:.0} %", 100.0 * variation),
        None => format!("{voxels} voxels"),
    };
    check(REFERENCE, found, format!("at least {} voxels", limits.reference_voxels), quality, meaning)
}

fn protocol_checks(acquisition: &DscAcquisition, frames: usize, limits: &QualityLimits) -> Vec<Check> {
    let inside = |holds: bool| if holds { Quality::Pass } else { Quality::Caution };
    let meaning = |quality: Quality| match quality {
        Quality::Pass => "As the consensus recommends.",
        Quality::Caution | Quality::Fail => "Outside the consensus: the cut-offs may not transfer to this protocol.",
    };
    let unknown =
        |name: &str, limit: String, why: &str| check(name, NOT_KNOWN.to_owned(), limit, Quality::Caution, why);
    let mut checks = Vec::new();

    let echo_time = acquisition.echo_time().0;
    let range = acquisition.field_strength.and_then(|field| match field.0 {
        field if FIELD_3T.contains(&field) => Some(limits.echo_time_3t_s),
        field if FIELD_1_5T.contains(&field) => Some(limits.echo_time_1_5t_s),
        _ => None,
    });
    checks.push(match (acquisition.second_echo_time, range, acquisition.field_strength) {
        (Some(second), ..) => check(
            "Echo time",
            format!("{:.0} and {:.0} ms", 1e3 * echo_time, second.milliseconds()),
            "no limit for two echoes".to_owned(),
            Quality::Pass,
            "The consensus gives echo times for single-echo sequences only.",
        ),
        (None, Some([low, high]), Some(field)) => {
            let quality = inside((low..=high).contains(&echo_time));
            let limit = format!("{:.0} to {:.0} ms at {field}", 1e3 * low, 1e3 * high);
            check("Echo time", format!("{:.0} ms", 1e3 * echo_time), limit, quality, meaning(quality))
        }
        (None, _, Some(field)) => check(
            "Echo time",
            format!("{:.0} ms at {field}", 1e3 * echo_time),
            "a field of 1.5 or 3 T".to_owned(),
            Quality::Caution,
            "The consensus gives echo times for 1.5 and 3 T only.",
        ),
        (None, _, None) => unknown(
            "Echo time",
            "the field strength, on which the limit depends".to_owned(),
            "Not checked: MagneticFieldStrength is not in the sidecar.",
        ),
    });

    let angles: Vec<String> = limits.flip_angles_deg.iter().map(|angle| format!("{angle}°")).collect();
    let limit = format!("{} ± {}°", angles.join(" or "), limits.flip_angle_tolerance_deg);
    checks.push(match acquisition.flip_angle {
        Some(angle) => {
            let near = |wanted: &f64| (angle.0 - wanted).abs() <= limits.flip_angle_tolerance_deg;
            let quality = inside(limits.flip_angles_deg.iter().any(near));
            check("Flip angle", angle.to_string(), limit, quality, meaning(quality))
        }
        None => unknown("Flip angle", limit, "Not checked: FlipAngle is not in the sidecar."),
    });

    let repetition = acquisition.repetition_time();
    let quality = inside(repetition.0 <= limits.repetition_time_s);
    let limit = format!("at most {} s", limits.repetition_time_s);
    checks.push(check("Repetition time", repetition.to_string(), limit, quality, meaning(quality)));

    let quality = inside(frames >= limits.frames);
    let limit = format!("at least {}", limits.frames);
    checks.push(check("Number of frames", frames.to_string(), limit, quality, meaning(quality)));
    checks
}

impl std::fmt::Display for ReferenceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::GivenMask => "given white matter mask",
            Self::NonEnhancingBrain => "non-enhancing brain",
        })
    }
}
