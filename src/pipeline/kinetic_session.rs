//! The ASL and DCE series of a session.

use super::Steps;
use super::dynamic::{self, ArterialInput, DceInput, Dynamic, RelaxationInput};
use super::error::SessionError;
use super::labeling::{self, AslInput, Labeled};
use super::masks::Fit;
use super::regions::Brain;
use super::session_masks::SessionMasks;
use crate::acquisition::{AslAcquisition, DceAcquisition};
use crate::image::{Mask, NiftiImage};
use crate::quality::{Caveat, CaveatCode};
use crate::settings::Settings;
use crate::study::{
    AslInputs, DceGiven, DceInputs, MaskTarget, SeriesKind, SessionInputs, StudyError, Table, asl_acquisition,
    dce_acquisition, flip_angle_acquisition,
};

/// The series that were quantified, with what is known of their acquisitions.
#[derive(Default)]
pub struct KineticSeries {
    /// ASL.
    pub labeled: Option<(Labeled, AslAcquisition)>,
    /// DCE.
    pub dynamic: Option<(Dynamic, DceAcquisition)>,
}

/// Reads and quantifies the ASL and DCE series. `reference_of_dsc` is the white matter of the DSC series: one reference
/// serves the session.
///
/// METHOD: a series that cannot be quantified leaves a caveat where the session holds another one, and must not take
/// that with it; where it is the only one, its error is the session's.
pub fn kinetic_series(
    session: &SessionInputs,
    masks: &SessionMasks,
    reference_of_dsc: Option<&Mask>,
    settings: &Settings,
    steps: &mut Steps<'_>,
    caveats: &mut Vec<Caveat>,
) -> Result<KineticSeries, SessionError> {
    let mut others = usize::from(session.dsc.is_some()) + session.pet.len();
    let mut series = KineticSeries::default();
    if let Some(asl) = &session.asl {
        steps.next("ASL");
        match measure_asl(session, asl, masks, reference_of_dsc, settings, caveats) {
            Ok(found) => series.labeled = Some(found),
            Err(problem) if others > 0 || session.dce.is_some() => {
                caveats.push(Caveat::new(CaveatCode::AslNotMeasured, problem.to_string()));
            }
            Err(problem) => return Err(problem),
        }
    }
    others += usize::from(series.labeled.is_some());
    if let Some(dce) = &session.dce {
        steps.next("DCE");
        match measure_dce(session, dce, masks, reference_of_dsc, settings, caveats) {
            Ok(found) => series.dynamic = Some(found),
            Err(problem) if others > 0 => {
                caveats.push(Caveat::new(CaveatCode::DceNotMeasured, problem.to_string()));
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(series)
}

fn measure_asl(
    session: &SessionInputs,
    asl: &AslInputs,
    masks: &SessionMasks,
    reference_of_dsc: Option<&Mask>,
    settings: &Settings,
    caveats: &mut Vec<Caveat>,
) -> Result<(Labeled, AslAcquisition), SessionError> {
    let header = NiftiImage::open(asl.image.file.path())?;
    let context = asl.context.as_ref().ok_or_else(|| StudyError::Table {
        file: asl.image.file.relative().to_owned(),
        problem: "has no aslcontext.tsv beside it: what each volume holds is not known".to_owned(),
    })?;
    let m0_sidecar = asl.m0.as_ref().map(|image| image.sidecar()).transpose()?;
    let table = Table::read(context)?;
    let acquisition = asl_acquisition(&asl.image.sidecar()?, &table, m0_sidecar.as_ref(), header.frames())?;
    let target = MaskTarget::Series(SeriesKind::Asl);
    let drawn = masks.serving(session, target);
    caveats.extend(drawn.caveats.iter().cloned());
    let input = AslInput {
        image: &asl.image.file,
        acquisition: &acquisition,
        m0: asl.m0.as_ref().map(|image| (&image.file, Fit::SameScanner)),
        brain: session.brain_for(target).map_or(Brain::Automatic, |mask| Brain::Given(&mask.file, Fit::SameScanner)),
        reference: session.reference_for(SeriesKind::Asl).map(|mask| (&mask.file, Fit::SameScanner)),
        reference_of_dsc,
        lesions: Some(&drawn),
        model: None,
    };
    let labeled = labeling::measure(&input, &settings.asl, &settings.region)?;
    Ok((labeled, acquisition))
}

fn measure_dce(
    session: &SessionInputs,
    dce: &DceInputs,
    masks: &SessionMasks,
    reference_of_dsc: Option<&Mask>,
    settings: &Settings,
    caveats: &mut Vec<Caveat>,
) -> Result<(Dynamic, DceAcquisition), SessionError> {
    let header = NiftiImage::open(dce.image.file.path())?;
    let acquisition =
        dce_acquisition(&dce.image.sidecar()?, header.frames(), header.frame_time(), &DceGiven::default())?;
    let target = MaskTarget::Series(SeriesKind::Dce);
    let drawn = masks.serving(session, target);
    caveats.extend(drawn.caveats.iter().cloned());
    // METHOD: a T1 map was made with more knowledge than its flip-angle images alone hold, so it comes first.
    let relaxation = match (&dce.t1_map, dce.flip_angles.as_slice()) {
        (Some(map), _) => RelaxationInput::Map(&map.file, Fit::SameScanner),
        (None, []) => RelaxationInput::None,
        (None, images) => {
            let images = images
                .iter()
                .map(|image| {
                    let (angle, time) = flip_angle_acquisition(&image.sidecar()?)?;
                    Ok((&image.file, angle, time))
                })
                .collect::<Result<Vec<_>, StudyError>>()?;
            RelaxationInput::FlipAngles { images, b1: None, fit: Fit::SameScanner }
        }
    };
    let input = DceInput {
        image: &dce.image.file,
        acquisition: &acquisition,
        is_concentration: false,
        relaxation,
        brain: session.brain_for(target).map_or(Brain::Automatic, |mask| Brain::Given(&mask.file, Fit::SameScanner)),
        reference: session.reference_for(SeriesKind::Dce).map(|mask| (&mask.file, Fit::SameScanner)),
        reference_of_dsc,
        lesions: Some(&drawn),
        artery: ArterialInput::Population(settings.dce.population),
        model_required: false,
    };
    let found = dynamic::measure(&input, &settings.dce)?;
    Ok((found, acquisition))
}
