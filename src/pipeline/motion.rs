//! The head's motion in a DSC series: looked for, followed and taken out.

use super::error::SessionError;
use crate::align::{self, Motion, MotionMode, Rigid, Suspicion, follow_motion, look_for_motion, resample_series};
use crate::dsc::Timing;
use crate::image::{Mask, NiftiImage, Series};
use crate::quality::{Caveat, CaveatCode, Check, Quality};
use crate::report::model::MotionFigure;
use crate::study::InputFile;

/// What became of the motion of a series.
pub struct Examined {
    /// The series in the place of the baseline, with its second echo; `None` where nothing was resampled.
    pub aligned: Option<(Series, Option<Series>)>,
    /// What was found, for the page.
    pub figure: MotionFigure,
    /// The quality check.
    pub check: Check,
    /// What was done to the data.
    pub caveats: Vec<Caveat>,
}

/// The files that a series was read from, and its voxels.
pub struct Source<'a> {
    /// The series, or its first echo.
    pub image: &'a InputFile,
    /// The second echo.
    pub second_echo: Option<&'a InputFile>,
    /// The voxels that are measured, first echo.
    pub series: &'a Series,
    /// Steady state and arrival.
    pub timing: &'a Timing,
    /// Time between frames, s.
    pub step: f64,
}

/// Looks for motion, and past the threshold aligns the frames to the mean of the baseline. `None` where nobody is to
/// look.
///
/// METHOD: the detector only decides whether registration is worth its time. Registered frames are resampled only where
/// one of them lies farther than the threshold from the baseline: a series at rest keeps its samples, bit for bit.
pub fn examine(source: &Source<'_>, settings: &align::Settings) -> Result<Option<Examined>, SessionError> {
    let mode = settings.motion.mode;
    if mode == MotionMode::None {
        return Ok(None);
    }
    let suspicion = look_for_motion(source.series, source.timing.baseline(), settings);
    let asked = match (mode, &suspicion) {
        (MotionMode::On, _) => true,
        (MotionMode::Auto, Some(suspicion)) => suspicion.asks_for_registration(settings),
        (MotionMode::Auto | MotionMode::None, _) => false,
    };
    if !asked {
        return Ok(Some(at_rest(source, suspicion, settings)));
    }
    let name = source.image.relative();
    let failed = |source| SessionError::Align { file: name.to_owned(), source };
    let whole = whole_series(source.image)?;
    let rest = vec![Rigid::IDENTITY; whole.frames];
    let mask = &source.series.mask;
    let motion = follow_motion(&whole, mask, source.timing.baseline(), &rest, settings).map_err(failed)?;
    let mut examined = followed(source, &motion, settings);
    let moved = motion.largest_mm() > settings.motion.threshold_mm;
    if mode == MotionMode::On || moved {
        let (first, lost) = resample_series(&whole, mask, &motion.pulls).map_err(failed)?;
        drop(whole);
        let second = match source.second_echo {
            // Both echoes of a frame are recorded within milliseconds: the head is in one place for both.
            Some(file) => Some(resample_series(&whole_series(file)?, mask, &motion.pulls).map_err(failed)?.0),
            None => None,
        };
        examined.figure.corrected = true;
        examined.figure.voxels_lost = lost.voxels;
        let detail = format!(
            "displacement up to {:.1} mm, mean {:.1} mm; {} of {} voxels left the field in some frame and are not used",
            motion.largest_mm(),
            motion.mean_mm(),
            lost.voxels,
            lost.of
        );
        examined.caveats.push(Caveat::new(CaveatCode::MotionCorrected, detail));
        examined.aligned = Some((first, second));
    }
    Ok(Some(examined))
}

fn whole_series(file: &InputFile) -> Result<Series, SessionError> {
    let image = NiftiImage::open(file.path())?;
    let mask = Mask::filled(*image.grid(), true);
    Ok(image.read_series(&mask)?)
}

/// The detector kept silent, or could not look.
fn at_rest(source: &Source<'_>, suspicion: Option<Suspicion>, settings: &align::Settings) -> Examined {
    let limits = &settings.motion;
    let time = times(source);
    let Some(suspicion) = suspicion else {
        let check =
            check("not known".to_owned(), limits, Quality::Caution, "The baseline has no edges to tell motion by.");
        let nothing = vec![None; time.len()];
        let figure = MotionFigure {
            displacement_mm: nothing.clone(),
            framewise_mm: nothing,
            poses: vec![None; time.len()],
            time,
            ..empty(limits.spike_mm)
        };
        return Examined { aligned: None, figure, check, caveats: Vec::new() };
    };
    // What the bolus feigns is not told as motion.
    let tells = suspicion.tells_motion(settings);
    let displacement_mm: Vec<Option<f64>> =
        suspicion.displacement_mm.iter().zip(&tells).map(|(value, tells)| tells.then_some(*value)).collect();
    let poses: Vec<Option<align::Pose>> =
        suspicion.poses.iter().zip(&tells).map(|(pose, tells)| pose.filter(|_| *tells)).collect();
    let pulls: Vec<Option<Rigid>> =
        poses.iter().map(|pose| pose.as_ref().map(|pose| Rigid::from_pose(pose, suspicion.center))).collect();
    let mut framewise_mm = vec![Some(0.0); pulls.len().min(1)];
    framewise_mm.extend(pulls.windows(2).map(|pair| match pair {
        [Some(before), Some(after)] => {
            Some(after.after(&before.inverse()).displacement(before.apply(suspicion.center)))
        }
        _ => None,
    }));
    let (found, meaning) = words_at_rest(&displacement_mm);
    let figure = MotionFigure {
        time,
        displacement_mm,
        framewise_mm,
        poses: poses.iter().map(|pose| pose.as_ref().map(numbers)).collect(),
        ..empty(limits.spike_mm)
    };
    let check = check(found, limits, Quality::Pass, &meaning);
    Examined { aligned: None, figure, check, caveats: Vec::new() }
}

/// What the detector found, and what that means, where it asked for no registration. A frame that it cannot tell by is
/// counted, and no maximum is taken over it.
fn words_at_rest(displacement_mm: &[Option<f64>]) -> (String, String) {
    let told: Vec<f64> = displacement_mm.iter().flatten().copied().collect();
    let silent = displacement_mm.len() - told.len();
    let largest = told.iter().copied().fold(0.0, f64::max);
    let found = match silent {
        0 => format!("at most {largest:.2} mm (detector)"),
        _ => format!("at most {largest:.2} mm in {} of {} frames (detector)", told.len(), displacement_mm.len()),
    };
    let meaning = match silent {
        0 => "The detector saw no motion that asks for registration: no frame was resampled.".to_owned(),
        _ => format!(
            "The detector saw no motion that asks for registration: no frame was resampled. In the other {silent} the \
             bolus changes the edges that it looks at, so that they tell less of motion and no displacement is given."
        ),
    };
    (found, meaning)
}

/// Every frame was registered.
fn followed(source: &Source<'_>, motion: &Motion, settings: &align::Settings) -> Examined {
    let limits = &settings.motion;
    let spikes = motion.spikes(limits.spike_mm);
    let (largest, mean) = (motion.largest_mm(), motion.mean_mm());
    let quality = match () {
        () if !motion.lost.is_empty() || largest > limits.fail_mm => Quality::Fail,
        () if largest > limits.caution_mm || !spikes.is_empty() => Quality::Caution,
        () => Quality::Pass,
    };
    let meaning = match quality {
        Quality::Pass => "The head moved little.",
        Quality::Caution => "The head moved: alignment cannot undo motion within a frame or through the field's edge.",
        Quality::Fail => "The head moved too far for the curves to belong to one place.",
    };
    let mut found = format!("at most {largest:.2} mm, mean {mean:.2} mm, {} spikes", spikes.len());
    if !motion.lost.is_empty() {
        found.push_str(&format!("; frames {} could not be registered", listed(&motion.lost)));
    }
    let mut caveats = Vec::new();
    if !spikes.is_empty() {
        let detail = format!("frames {} (counted from 0; above {} mm)", listed(&spikes), limits.spike_mm);
        caveats.push(Caveat::new(CaveatCode::MotionSpikes, detail));
    }
    let figure = MotionFigure {
        time: times(source),
        displacement_mm: motion.displacement_mm.iter().copied().map(Some).collect(),
        framewise_mm: motion.framewise_mm.iter().copied().map(Some).collect(),
        poses: motion.poses.iter().map(|pose| Some(numbers(pose))).collect(),
        spikes,
        registered: true,
        ..empty(limits.spike_mm)
    };
    Examined { aligned: None, figure, check: check(found, limits, quality, meaning), caveats }
}

fn check(found: String, limits: &align::MotionSettings, quality: Quality, meaning: &str) -> Check {
    Check {
        name: "Motion".to_owned(),
        found,
        limit: format!("at most {} mm from the baseline, no spike", limits.caution_mm),
        quality,
        meaning: meaning.to_owned(),
    }
}

fn empty(spike_mm: f64) -> MotionFigure {
    MotionFigure {
        time: Vec::new(),
        displacement_mm: Vec::new(),
        framewise_mm: Vec::new(),
        poses: Vec::new(),
        spikes: Vec::new(),
        spike_mm,
        registered: false,
        corrected: false,
        voxels_lost: 0,
    }
}

fn times(source: &Source<'_>) -> Vec<f64> {
    (0..source.series.frames).map(|frame| frame as f64 * source.step).collect()
}

fn numbers(pose: &align::Pose) -> [f64; 6] {
    let ([x, y, z], [a, b, c]) = (pose.translation_mm, pose.rotation_deg);
    [x, y, z, a, b, c]
}

fn listed(frames: &[usize]) -> String {
    frames.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_maximum_is_taken_over_frames_that_the_bolus_changes() {
        let (found, meaning) = words_at_rest(&[Some(0.0), Some(0.21), None, None, Some(0.1)]);
        assert_eq!(found, "at most 0.21 mm in 3 of 5 frames (detector)");
        assert!(meaning.contains("In the other 2 the bolus changes the edges"), "{meaning}");
        let (found, meaning) = words_at_rest(&[Some(0.0), Some(0.3)]);
        assert_eq!(found, "at most 0.30 mm (detector)");
        assert!(!meaning.contains("bolus"), "{meaning}");
    }
}
