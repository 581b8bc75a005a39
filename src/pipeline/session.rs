//! One session: its series measured in each of its lesions.

use super::Steps;
use super::bench::{Bench, Cluster, ContrastPair};
use super::dynamic::Dynamic;
use super::error::SessionError;
use super::kinetic_session::{KineticSeries, kinetic_series};
use super::labeling::Labeled;
use super::masks::{Fit, LesionMasks};
use super::measured::Measured;
use super::perfusion::{self, Artery, DscInput, Perfusion};
use super::regions::Brain;
use super::session_masks::SessionMasks;
use super::transforms;
use super::uptake::{self, BackgroundChoice, Head, PetInput, Uptake, undrawn_background};
use crate::acquisition::{AslAcquisition, DceAcquisition, DscAcquisition};
use crate::clinical::{Pathway, Tracer};
use crate::dsc::{DeconvolutionMethod, SeriesContent};
use crate::image::{NiftiImage, Volume};
use crate::lesion::{LesionRecord, Split};
use crate::quality::{Caveat, CaveatCode, Quality, worst};
use crate::settings::Settings;
use crate::study::{
    LesionFacts, MaskTarget, PetInputs, Role, SeriesKind, SessionInputs, Subject, dsc_acquisition, pet_acquisition,
};

/// Everything that a session's images say.
pub struct SessionImages {
    /// One entry per lesion, in order of the labels.
    pub lesions: Vec<Measured>,
    /// The lesions as drawn, for the label map of the output.
    pub masks: LesionMasks,
    /// The DSC series, with what is known of its acquisition.
    pub perfusion: Option<(Perfusion, DscAcquisition)>,
    /// The ASL series.
    pub labeled: Option<(Labeled, AslAcquisition)>,
    /// The DCE series.
    pub dynamic: Option<(Dynamic, DceAcquisition)>,
    /// The PET images, the one that the rows tell first.
    pub uptake: Vec<(Uptake, Option<Tracer>)>,
    /// The most active clusters of the lesions.
    pub clusters: Vec<Cluster>,
    /// What the tables tell of a session whose mask is empty; nothing was measured there.
    pub empty: Option<LesionRecord>,
}

/// An anatomical image with its name.
pub struct Anatomy {
    /// The image.
    pub volume: Volume,
    /// Its name.
    pub name: &'static str,
    /// Whether it was taken after contrast.
    pub after_contrast: bool,
}

/// Measures a session. Nothing is written.
pub fn measure(
    subject: &Subject,
    session: &SessionInputs,
    split: Option<Split>,
    settings: &Settings,
    steps: &mut Steps<'_>,
) -> Result<SessionImages, SessionError> {
    let mut caveats = session.caveats.clone();
    steps.next("lesions");
    if may_have_resolved(subject, session) && all_blank(session)? {
        let empty = Some(facts(subject, session, 0, None, false));
        let masks = LesionMasks::default();
        return Ok(SessionImages {
            lesions: Vec::new(),
            masks,
            perfusion: None,
            labeled: None,
            dynamic: None,
            uptake: Vec::new(),
            clusters: Vec::new(),
            empty,
        });
    }
    let masks = SessionMasks::read(session, split, settings)?;
    caveats.extend(masks.own.caveats.iter().cloned());
    let (through, unused) = transforms::of_session(session)?;
    caveats.extend(unused);
    if let Some(through) = &through {
        caveats.push(Caveat::new(CaveatCode::TransformUsed, through.file.as_str()));
    }
    steps.next("anatomy");
    let anatomy = read_anatomy(session)?;

    let mut perfusion = None;
    if let Some(dsc) = &session.dsc {
        steps.next("DSC");
        let header = NiftiImage::open(dsc.image.file.path())?;
        let second = dsc.second_echo.as_ref().map(|image| image.sidecar()).transpose()?;
        let sidecar = dsc.image.sidecar()?;
        let (acquisition, more) =
            dsc_acquisition(&sidecar, second.as_ref(), header.frame_time(), &Default::default(), &settings.study)?;
        caveats.extend(more);
        let target = MaskTarget::Series(SeriesKind::Dsc);
        let drawn = masks.serving(session, target);
        caveats.extend(drawn.caveats.iter().cloned());
        let fit = through.as_ref().map_or(Fit::SameScanner, |through| Fit::Through(through.to_anatomy));
        let drawn = match &through {
            Some(through) => drawn.through(through.to_anatomy),
            None => drawn,
        };
        let input = DscInput {
            reanalyze: true,
            content: SeriesContent::Signal,
            align: &settings.align,
            image: &dsc.image.file,
            second_echo: dsc.second_echo.as_ref().map(|image| &image.file),
            acquisition: &acquisition,
            brain: session.brain_for(target).map_or(Brain::Automatic, |mask| Brain::Given(&mask.file, fit)),
            reference: session.reference_for(SeriesKind::Dsc).map(|mask| (&mask.file, fit)),
            lesions: Some(&drawn),
            artery: match settings.dsc.perfusion.deconvolution {
                DeconvolutionMethod::None => Artery::None,
                DeconvolutionMethod::Osvd
                | DeconvolutionMethod::Csvd
                | DeconvolutionMethod::Ssvd
                | DeconvolutionMethod::Tikhonov => Artery::Automatic,
            },
        };
        let measured = perfusion::measure(&input, &settings.dsc, &settings.region)?;
        perfusion = Some((measured, acquisition));
    }

    let reference_of_dsc = perfusion.as_ref().and_then(|(perfusion, _)| perfusion.reference.as_ref());
    let KineticSeries { labeled, dynamic } =
        kinetic_series(session, &masks, reference_of_dsc, settings, steps, &mut caveats)?;

    let mut images: Vec<&PetInputs> = session.pet.iter().collect();
    let wanted = |pet: &PetInputs| tracer_rank(pet.tracer().as_ref(), subject.pathway.pathway);
    images.sort_by_key(|pet| wanted(pet));
    let mut uptake = Vec::new();
    for pet in &images {
        steps.next("PET");
        let (acquisition, more) =
            pet_acquisition(&pet.image.sidecar()?, pet.tracer_label.as_deref(), &session.body, &settings.study)?;
        caveats.extend(more);
        let tracer = acquisition.tracer.clone();
        let target = MaskTarget::Pet(tracer.as_ref());
        let drawn = masks.serving(session, target);
        caveats.extend(drawn.caveats.iter().cloned());
        let input = PetInput {
            image: &pet.image.file,
            volume: None,
            acquisition: &acquisition,
            background: match (session.background_for(tracer.as_ref()), &drawn.background) {
                (Some(mask), _) => BackgroundChoice::Given(&mask.file, None, Fit::SameScanner),
                (None, Some(label)) => BackgroundChoice::Label(label),
                (None, None) => undrawn_background(&settings.pet, subject.pathway.pathway, tracer.as_ref()),
            },
            head: Head {
                anatomy: anatomy.as_ref().map(|anatomy| (&anatomy.volume, anatomy.name)),
                brain: session.brain_for(target).map(|mask| (&mask.file, Fit::SameScanner)),
            },
            lesions: Some(&drawn),
            placed: None,
        };
        uptake.push((uptake::measure(input, &settings.pet, &settings.region)?, tracer));
    }
    if uptake.len() > 1 {
        let names: Vec<&str> =
            uptake.iter().map(|(_, tracer)| tracer.as_ref().map_or("unknown", Tracer::as_str)).collect();
        caveats
            .push(Caveat::new(CaveatCode::OtherTracers, format!("{}; the row holds {}", names.join(", "), names[0])));
    }

    steps.next("lesion values");
    let brain = match session.brain_for(MaskTarget::Anatomy) {
        Some(mask) => Some(NiftiImage::open(mask.file.path())?.read_mask()?),
        None => None,
    };
    let pair = contrast_pair(session, anatomy.as_ref())?;
    let (mut lesions, mut clusters) = (Vec::new(), Vec::new());
    for place in 0..masks.own.lesions.len() {
        let drawn = &masks.own.lesions[place];
        let bench = Bench {
            settings,
            masks: &masks.own,
            anatomy: anatomy.as_ref(),
            perfusion: perfusion.as_ref().map(|(perfusion, _)| perfusion),
            through: through.as_ref(),
            labeled: labeled.as_ref().map(|(labeled, _)| labeled),
            dynamic: dynamic.as_ref().map(|(dynamic, _)| dynamic),
            uptake: uptake.first(),
            brain: brain.as_ref(),
            series: session.dsc.as_ref().map_or("", |dsc| dsc.image.file.relative()),
            for_page: true,
        };
        let record = facts(subject, session, drawn.label, drawn.name.clone(), masks.own.lesions.len() == 1);
        let mut measured = bench.lesion(place, record, caveats.clone())?;
        measured.missing = missing(session);
        let (inside, more) = bench.inside(place, pair.as_ref())?;
        measured.inside = inside;
        clusters.extend(more);
        measured.record.dsc_quality = worse(measured.record.dsc_quality, session.facts.dsc_quality);
        measured.record.asl_quality = worse(measured.record.asl_quality, session.facts.asl_quality);
        measured.record.dce_quality = worse(measured.record.dce_quality, session.facts.dce_quality);
        measured.record.pet_quality = worse(measured.record.pet_quality, session.facts.pet_quality);
        lesions.push(measured);
    }
    Ok(SessionImages { lesions, masks: masks.own, perfusion, labeled, dynamic, uptake, clusters, empty: None })
}

/// Whether a lesion of an earlier session can be gone at this one.
///
/// METHOD: an empty mask is an answer only where a lesion was drawn before; without an earlier mask it is a mask that
/// nobody drew, and stays an error.
fn may_have_resolved(subject: &Subject, session: &SessionInputs) -> bool {
    subject.sessions.iter().any(|other| {
        let earlier = match (other.date(), session.date()) {
            (Some(other), Some(date)) => other < date,
            _ => other.session_id < session.session_id,
        };
        earlier && !other.lesions.is_empty()
    })
}

/// Whether every lesion mask of a session holds no voxel at all.
fn all_blank(session: &SessionInputs) -> Result<bool, SessionError> {
    for source in &session.lesions {
        if NiftiImage::open(source.file.path())?.read_mask()?.count() > 0 {
            return Ok(false);
        }
    }
    Ok(!session.lesions.is_empty())
}

/// Which tracer the row tells first: amino acids in the brain, FDG elsewhere.
fn tracer_rank(tracer: Option<&Tracer>, pathway: Option<Pathway>) -> (u8, Option<String>) {
    let sarcoma = pathway == Some(Pathway::Sarcoma);
    let rank = match tracer {
        Some(Tracer::Fdg) if sarcoma => 0,
        Some(Tracer::Met) => 1,
        Some(Tracer::Fet) => 2,
        Some(Tracer::Fdopa) => 3,
        Some(Tracer::Fdg) => 4,
        Some(Tracer::Other(_)) => 5,
        None => 6,
    };
    (rank, tracer.map(|tracer| tracer.as_str().to_owned()))
}

/// T1 before and after contrast, where the session has both.
fn contrast_pair(session: &SessionInputs, anatomy: Option<&Anatomy>) -> Result<Option<ContrastPair>, SessionError> {
    let (Some(before), Some(after)) = (&session.t1, anatomy.filter(|anatomy| anatomy.after_contrast)) else {
        return Ok(None);
    };
    ContrastPair::new(&NiftiImage::open(before.file.path())?.read_volume()?, after.volume.clone())
}

fn read_anatomy(session: &SessionInputs) -> Result<Option<Anatomy>, SessionError> {
    let candidates =
        [(&session.t1c, "T1 after contrast", true), (&session.t1, "T1", false), (&session.flair, "FLAIR", false)];
    for (image, name, after_contrast) in candidates {
        if let Some(image) = image {
            let volume = NiftiImage::open(image.file.path())?.read_volume()?;
            return Ok(Some(Anatomy { volume, name, after_contrast }));
        }
    }
    Ok(None)
}

/// What was looked for and not found, by name; a plain T1 is not missed beside one after contrast.
fn missing(session: &SessionInputs) -> Vec<String> {
    let missed = |role: Role| role != Role::T1 || session.t1c.is_none();
    session.missing.iter().filter(|missing| missed(missing.role)).map(|missing| missing.role.to_string()).collect()
}

/// What the tables tell of a lesion.
fn facts(subject: &Subject, session: &SessionInputs, label: u32, name: Option<String>, only: bool) -> LesionRecord {
    let LesionFacts { name: told, histology, rt_field, new_enhancement, margins, compartment } =
        session.facts_of(label, only);
    LesionRecord {
        participant_id: Some(session.participant_id.clone()),
        session_id: session.session_id.clone(),
        scan_date: session.date(),
        lesion: Some(label.to_string()),
        name: told.or(name),
        pathway: subject.pathway.pathway,
        symptoms: session.facts.symptoms,
        steroid_change: session.facts.steroid_change,
        antiangiogenic: session.facts.antiangiogenic,
        scenario: session.facts.scenario,
        compartment,
        grade: subject.facts.grade.clone(),
        histology,
        rt_field,
        new_enhancement,
        margins,
        ..Default::default()
    }
}

/// METHOD: a person who looked can only lower the word that the checks give, never raise it.
fn worse(computed: Option<Quality>, told: Option<Quality>) -> Option<Quality> {
    match (computed, told) {
        (Some(a), Some(b)) => Some(a.worse(b)),
        (one, other) => one.or(other),
    }
}

/// Whether a quality check of any lesion failed.
pub fn quality_failed(measured: &Measured) -> bool {
    let of_series = [&measured.dsc_checks, &measured.asl_checks, &measured.dce_checks, &measured.pet_checks];
    let checks = of_series.into_iter().filter_map(|checks| worst(checks));
    let record = &measured.record;
    let columns = [record.dsc_quality, record.asl_quality, record.dce_quality, record.pet_quality];
    checks.chain(columns.into_iter().flatten()).any(|quality| quality == Quality::Fail)
}
