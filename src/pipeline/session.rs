//! One session: its series measured in each of its lesions.

use std::collections::BTreeMap;

use super::dynamic::Dynamic;
use super::error::SessionError;
use super::inside::{Cluster, ContrastPair};
use super::kinetic::{dynamic_columns, labeling_columns};
use super::kinetic_session::{KineticSeries, kinetic_series};
use super::labeling::Labeled;
use super::mask_check::mask_check;
use super::masks::{Fit, LesionMasks};
use super::measured::Measured;
use super::perfusion::{self, Artery, Brain, DscInput, Perfusion};
use super::pictures::{
    DynamicPicture, LabelingPicture, Scene, Shown, Uptake as UptakePicture, background_panel, film_strip,
};
use super::transforms::{self, Through};
use super::uptake::{self, BackgroundChoice, Head, PetInput, Uptake};
use super::volumes::{Surroundings, viewer_volumes};
use super::{Steps, alternatives, details, methods};
use crate::acquisition::{AslAcquisition, DceAcquisition, DscAcquisition};
use crate::clinical::{Pathway, Tracer};
use crate::dsc::{DeconvolutionMethod, SeriesContent, relative_peak_height, tumor_burden_class};
use crate::image::{Labels, Mask, NiftiImage, Volume, resample_mask};
use crate::lesion::{
    Core, DscCurves, DscMaps, Enhancement, Histogram, LesionRecord, RcbvCutoffs, Split, enhancement, measure_dsc,
    measure_shape, measure_tbr_interval,
};
use crate::pet::{self, BackgroundMode, LesionDynamics, Overlap, PetMeasures};
use crate::quality::{Caveat, CaveatCode, Check, Quality, worst};
use crate::reanalysis::{Alternative, combined};
use crate::region::BackgroundShape;
use crate::report::model::{BolusFigure, TestRetest};
use crate::settings::Settings;
use crate::study::{
    LesionFacts, MaskKind, MaskTarget, PetInputs, Role, SeriesKind, SessionInputs, Subject, dsc_acquisition,
    pet_acquisition,
};
use crate::units::Millimeters;
use crate::verdict::{judge, test_retest};

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

/// What uptake is divided by where no region was drawn.
fn undrawn_background(
    settings: &pet::Settings,
    pathway: Option<Pathway>,
    tracer: Option<&Tracer>,
) -> BackgroundChoice<'static> {
    match settings.background {
        BackgroundMode::Auto => default_background(pathway, tracer),
        BackgroundMode::Crescent => BackgroundChoice::Automatic(BackgroundShape::Crescent),
        BackgroundMode::Mirror => BackgroundChoice::Automatic(BackgroundShape::Mirror),
        BackgroundMode::Hemisphere => BackgroundChoice::Automatic(BackgroundShape::Hemisphere),
        BackgroundMode::None => BackgroundChoice::None,
    }
}

/// METHOD: the crescent is a region of brain, so it serves where the lesion is known to lie in the brain: a brain
/// pathway, or an amino-acid tracer where the pathway is unknown. Elsewhere there is no ratio unless one is asked for.
pub fn default_background(pathway: Option<Pathway>, tracer: Option<&Tracer>) -> BackgroundChoice<'static> {
    let crescent = BackgroundChoice::Automatic(BackgroundShape::Crescent);
    match (pathway, tracer) {
        (Some(Pathway::Glioma | Pathway::Metastasis), _) => crescent,
        (Some(Pathway::Sarcoma), _) => BackgroundChoice::None,
        (None, Some(Tracer::Met | Tracer::Fet | Tracer::Fdopa)) => crescent,
        (None, _) => BackgroundChoice::None,
    }
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

/// The lesions of a session, and the masks on series' own grids.
pub(super) struct SessionMasks {
    /// Lesions as drawn on the anatomical grid, or on whichever there is.
    own: LesionMasks,
    /// Lesions of every mask of the session, by the name of its file.
    all: BTreeMap<String, LesionMasks>,
}

impl SessionMasks {
    fn read(session: &SessionInputs, split: Option<Split>, settings: &Settings) -> Result<Self, SessionError> {
        let mut all = BTreeMap::new();
        for source in &session.lesions {
            let names: BTreeMap<u32, String> =
                source.facts.iter().filter_map(|(label, facts)| Some((*label, facts.name.clone()?))).collect();
            let masks = LesionMasks::read(&source.file, source.kind, &names, split, &settings.lesion)?;
            all.insert(source.file.relative().to_owned(), masks);
        }
        let anatomical = session.lesions_for(MaskTarget::Anatomy).and_then(|source| all.get(source.file.relative()));
        let mut own = anatomical.cloned().unwrap_or_default();
        // A label that only a mask on a series' grid holds is a lesion too.
        let labeled = session.lesions.iter().filter(|source| source.kind == MaskKind::Labels);
        for masks in labeled.filter_map(|source| all.get(source.file.relative())) {
            own.add_missing(masks);
        }
        Ok(Self { own, all })
    }

    /// The lesions as they serve a series: drawn on its own grid where such a mask holds the same lesions.
    ///
    /// METHOD: components of two binary masks carry no names, so they are matched only where each mask is one lesion.
    pub(super) fn serving(&self, session: &SessionInputs, target: MaskTarget<'_>) -> LesionMasks {
        let Some(source) = session.lesions_for(target) else { return self.own.clone() };
        let Some(masks) = self.all.get(source.file.relative()) else { return self.own.clone() };
        let matched = source.kind == MaskKind::Labels || (masks.lesions.len() == 1 && self.own.lesions.len() == 1);
        if matched {
            return self.own.preferring(masks);
        }
        let mut unmatched = self.own.clone();
        let same_file = session.lesions_for(MaskTarget::Anatomy).is_some_and(|own| own.file == source.file);
        if !same_file {
            unmatched.caveats.push(Caveat::new(CaveatCode::MasksNotMatched, source.file.relative()));
        }
        unmatched
    }
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

/// What one lesion is measured with.
pub struct Bench<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// All lesions.
    pub masks: &'a LesionMasks,
    /// Anatomy.
    pub anatomy: Option<&'a Anatomy>,
    /// The DSC series.
    pub perfusion: Option<&'a Perfusion>,
    /// How the anatomy lies to that series, where a file says so.
    pub through: Option<&'a Through>,
    /// The ASL series.
    pub labeled: Option<&'a Labeled>,
    /// The DCE series.
    pub dynamic: Option<&'a Dynamic>,
    /// The PET image that the row tells.
    pub uptake: Option<&'a (Uptake, Option<Tracer>)>,
    /// A given brain mask, for the pictures.
    pub brain: Option<&'a Mask>,
    /// Name of the DSC series, for messages.
    pub series: &'a str,
    /// Whether a page will show the lesions: then pictures are drawn and other choices of the analysis are tried.
    pub for_page: bool,
}

/// What the DSC series says of one lesion, beside its columns.
struct PerfusionOfLesion {
    caveats: Vec<Caveat>,
    checks: Vec<Check>,
    bolus: Option<BolusFigure>,
    burden: Option<Labels>,
    histogram: Option<Histogram>,
    alternatives: Vec<Alternative>,
}

impl Bench<'_> {
    /// Measures one lesion; `record` holds what the tables tell of it.
    pub fn lesion(
        &self,
        place: usize,
        mut record: LesionRecord,
        mut caveats: Vec<Caveat>,
    ) -> Result<Measured, SessionError> {
        let drawn = &self.masks.lesions[place];
        let failed = |source| SessionError::Lesion { file: format!("lesion {}", drawn.label), source };
        measure_shape(&mut record, &drawn.mask).map_err(failed)?;
        let mut measured = Measured::default();

        let mut burden = None;
        if let Some(perfusion) = self.perfusion {
            caveats.extend(perfusion.caveats.iter().cloned());
            let found = self.perfusion_columns(place, perfusion, &mut record)?;
            caveats.extend(found.caveats);
            measured.motion.clone_from(&perfusion.motion);
            (measured.dsc_checks, measured.bolus, burden) = (found.checks, found.bolus, found.burden);
            measured.rcbv_histogram = found.histogram;
            measured.perfusion_detail = Some(details::of_lesion(perfusion, place));
            measured.artery = details::artery(perfusion);
            measured.alternatives.extend(found.alternatives);
            measured.methods.extend(methods::dsc(perfusion, self.settings));
        }
        if let Some(labeled) = self.labeled {
            caveats.extend(labeled.caveats.iter().cloned());
            let found = labeling_columns(labeled, place, &mut record, self.settings)?;
            (measured.asl_checks, measured.asl) = (found.checks, found.numbers);
            measured.curves.extend(found.figure);
            measured.methods.extend(methods::asl(labeled));
        }
        if let Some(dynamic) = self.dynamic {
            caveats.extend(dynamic.caveats.iter().cloned());
            let found = dynamic_columns(dynamic, place, &mut record, self.settings)?;
            (measured.dce_checks, measured.dce) = (found.checks, found.numbers);
            measured.curves.extend(found.figure);
            measured.methods.extend(methods::dce(dynamic, self.settings));
        }
        if let Some((uptake, tracer)) = self.uptake {
            caveats.extend(uptake.caveats.iter().cloned());
            record.tracer.clone_from(tracer);
            let (more, measures) = self.uptake_columns(place, uptake, &mut record)?;
            caveats.extend(more);
            measured.pet = Some(measures);
            if self.for_page {
                measured.alternatives.extend(alternatives::of_uptake(uptake, place, &record));
            }
            measured.pet_checks.clone_from(&uptake.result.checks);
            measured.background = methods::background(uptake);
            measured.methods.extend(methods::pet(uptake, self.settings));
        }
        measured.methods.push(methods::lesion(self.settings));
        let rcbv = record.rcbv_enhancing_mean.or(record.rcbv_mean);
        if let Some(range) = rcbv.and_then(|rcbv| test_retest(rcbv, &self.settings.verdict)) {
            let column = if record.rcbv_enhancing_mean.is_some() { "rcbv_enhancing_mean" } else { "rcbv_mean" };
            let variation = self.settings.verdict.rcbv_wcv;
            measured.test_retest.push(TestRetest {
                column: column.to_owned(),
                low: range.low,
                high: range.high,
                variation,
            });
        }
        measured.test_retest.extend(self.kinetic_test_retest(&record));
        measured.alternatives = combined(std::mem::take(&mut measured.alternatives));
        measured.numbered = drawn.numbered;
        if self.for_page {
            self.draw(&drawn.mask, &record, burden.as_ref(), &mut measured)?;
            measured.panels.extend(self.perfusion.and_then(details::artery_panel));
        }
        measured.measured_caveats = without_repeats(caveats);
        measured.record = record;
        Ok(measured)
    }

    /// The band in which Ktrans and the area over 60 s stay when the scan is repeated.
    fn kinetic_test_retest(&self, record: &LesionRecord) -> Vec<TestRetest> {
        let settings = &self.settings.dce;
        [
            ("ktrans_mean", record.ktrans_mean, settings.ktrans_repeatability),
            ("iauc60_mean", record.iauc60_mean, settings.iauc60_repeatability),
        ]
        .into_iter()
        .filter_map(|(column, value, share)| {
            let value = value.filter(|value| *value > 0.0)?;
            // The limit of a change is 1.96 √2 times the variation of one value.
            let variation = share / (1.96 * std::f64::consts::SQRT_2);
            let (low, high) = (value * (1.0 - share), value * (1.0 + share));
            Some(TestRetest { column: column.to_owned(), low, high, variation })
        })
        .collect()
    }

    fn perfusion_columns(
        &self,
        place: usize,
        perfusion: &Perfusion,
        record: &mut LesionRecord,
    ) -> Result<PerfusionOfLesion, SessionError> {
        let lesion = &perfusion.lesions[place];
        let result = &perfusion.result;
        if lesion.count() == 0 {
            return Ok(PerfusionOfLesion {
                caveats: Vec::new(),
                checks: result.checks.clone(),
                bolus: None,
                burden: None,
                histogram: None,
                alternatives: Vec::new(),
            });
        }
        let failed = |source| SessionError::Dsc { file: self.series.to_owned(), source };
        let mut judged = result.lesion_checks(lesion, "the lesion").map_err(failed)?;
        let mut caveats = std::mem::take(&mut judged.caveats);
        let vessels = perfusion.vessels_in(lesion);
        if vessels > 0 {
            let detail = format!("{vessels} of {} lesion voxels: {}", lesion.count(), details::vessel_words(perfusion));
            caveats.push(Caveat::new(CaveatCode::VesselsExcluded, detail));
            judged.checks.push(result.left_check(vessels, lesion.count()));
            judged.quality = worst(&judged.checks);
        }
        record.dsc_usable_fraction = judged.usable_fraction;
        record.dsc_quality = judged.quality;
        let lesion_curves = perfusion.lesion_curves[place].as_ref();
        let mut burden = None;
        let mut histogram = None;
        let mut alternatives = Vec::new();
        if let Some(normalized) = &result.normalized {
            let map = |values: &[f32]| perfusion.without_vessels(values);
            let (rcbv, uncorrected) = (map(&normalized.rcbv), map(&normalized.uncorrected));
            let k2 = result.leakage.as_ref().map(|leakage| map(&leakage.k2));
            let rcbf = perfusion.relative_flow().map(|values| map(&values));
            let flow = perfusion.flow.as_ref();
            let (mtt, tmax) = (flow.map(|flow| map(&flow.mtt)), flow.map(|flow| map(&flow.tmax)));
            let maps = DscMaps {
                rcbv: &rcbv,
                rcbv_uncorrected: Some(&uncorrected),
                k2: k2.as_ref(),
                rcbf: rcbf.as_ref(),
                mtt: mtt.as_ref(),
                tmax: tmax.as_ref(),
            };
            let curves = DscCurves {
                rph: lesion_curves
                    .zip(perfusion.reference_curves.as_ref())
                    .and_then(|(a, b)| relative_peak_height(a, b)),
                psr: lesion_curves.and_then(|curves| curves.signal_recovery),
            };
            let bounds = self.settings.verdict.dsc.bounds();
            let variation = self.settings.verdict.rcbv_wcv;
            let cutoffs = RcbvCutoffs { necrosis: bounds.low(), recurrence: bounds.high(), variation };
            let seen = self.enhancement(place, perfusion)?;
            let core = match &seen {
                _ if self.masks.core_labeled => Core::Labeled,
                Some((enhancement, enhancing)) => Core::Seen { enhancing, share: enhancement.share },
                None => Core::Unknown,
            };
            let failed = |source| SessionError::Lesion { file: "rCBV map".to_owned(), source };
            caveats.extend(
                measure_dsc(record, lesion, &maps, curves, core, cutoffs, &self.settings.lesion).map_err(failed)?,
            );
            let data = rcbv.data.iter().zip(&lesion.data).map(|(&value, &inside)| {
                if inside { u32::from(tumor_burden_class(value, cutoffs.necrosis, cutoffs.recurrence)) } else { 0 }
            });
            burden = Some(Labels { grid: rcbv.grid, data: data.collect() });
            let values = rcbv.values_in(lesion).unwrap_or_default();
            histogram = Histogram::of(&values, [cutoffs.necrosis, cutoffs.recurrence]);
            alternatives = match (&seen, record.rcbv_enhancing_mean) {
                _ if !self.for_page => Vec::new(),
                (Some((_, enhancing)), Some(_)) => {
                    let same_space = |difference: crate::image::SpaceDifference| SessionError::Mask {
                        file: "enhancing tissue".to_owned(),
                        problem: difference.to_string(),
                    };
                    let region = lesion.and(enhancing).map_err(same_space)?;
                    alternatives::of_perfusion(perfusion, place, &region, "rcbv_enhancing_mean")
                }
                _ => alternatives::of_perfusion(perfusion, place, lesion, "rcbv_mean"),
            };
        } else if let Some(leakage) = &result.leakage {
            let values = Volume::from_masked(&result.mask, &leakage.k2).values_in(lesion);
            record.k2_mean =
                values.ok().and_then(|values| crate::lesion::Statistics::of(&values)).map(|found| found.mean);
        }
        let bolus = lesion_curves.map(|curves| BolusFigure {
            time: result.time(),
            lesion: curves.relaxation_rate.clone(),
            lesion_corrected: curves.corrected.clone(),
            reference: perfusion
                .reference_curves
                .as_ref()
                .map_or_else(Vec::new, |curves| curves.relaxation_rate.clone()),
            arrival: result.arrival_time(),
        });
        // The checks of flow stand with the others and do not lower the word that gates rCBV.
        let mut checks = judged.checks;
        checks.extend(perfusion.flow.iter().flat_map(|flow| flow.checks.iter().cloned()));
        Ok(PerfusionOfLesion { caveats, checks, bolus, burden, histogram, alternatives })
    }

    /// The enhancing part of the lesion, found on the post-contrast T1 and taken to the grid of the series.
    fn enhancement(&self, place: usize, perfusion: &Perfusion) -> Result<Option<(Enhancement, Mask)>, SessionError> {
        let (Some(anatomy), Some(reference)) =
            (self.anatomy.filter(|anatomy| anatomy.after_contrast), &perfusion.reference)
        else {
            return Ok(None);
        };
        let grid = &anatomy.volume.grid;
        let to_series = self.through.map(|through| &through.to_series);
        let to_anatomy = self.through.map(|through| &through.to_anatomy);
        let drawn = &self.masks.lesions[place].mask;
        let on_series = drawn.grid.same_space(&perfusion.grid).is_ok();
        let lesion = resample_mask(drawn, grid, to_series.filter(|_| on_series))?;
        let white = resample_mask(reference, grid, to_series)?;
        if lesion.count() == 0 || white.count() == 0 {
            return Ok(None);
        }
        let failed = |source| SessionError::Lesion { file: anatomy.name.to_owned(), source };
        let found = enhancement(&lesion, &anatomy.volume, &white, &self.settings.lesion).map_err(failed)?;
        let enhancing = resample_mask(&found.mask, &perfusion.grid, to_anatomy)?;
        Ok(Some((found, enhancing)))
    }

    fn uptake_columns(
        &self,
        place: usize,
        uptake: &Uptake,
        record: &mut LesionRecord,
    ) -> Result<(Vec<Caveat>, PetMeasures), SessionError> {
        let lesion = &uptake.result.lesions[place];
        let mut measures = PetMeasures::of(lesion, &uptake.result, &uptake.image.grid, &self.settings.pet);
        let mut caveats = lesion.caveats.clone();
        if let Some(suv) = &lesion.suv {
            (record.suv_max, record.suv_mean, record.suv_peak) = (Some(suv.max), Some(suv.mean), Some(suv.peak));
        }
        if let Some(tbr) = &lesion.tbr {
            (record.tbr_max, record.tbr_mean, record.tbr_peak) = (Some(tbr.max), Some(tbr.mean), Some(tbr.peak));
        }
        let scales = uptake.result.scales;
        if uptake.lesions[place].count() > 0 {
            // The interval of the mean scales with the image, so no ratio map is held for it.
            let failed = |source| SessionError::Lesion { file: "PET image".to_owned(), source };
            let more = measure_tbr_interval(record, &uptake.lesions[place], &uptake.image, &self.settings.lesion)
                .map_err(failed)?;
            measures.mean_interval = record.tbr_ci_low.zip(record.tbr_ci_high).map(|(low, high)| [low, high]);
            if scales.tbr.is_some() {
                caveats.extend(more);
            }
            let scaled = |end: Option<f64>| Some(end? * scales.tbr?);
            (record.tbr_ci_low, record.tbr_ci_high) = (scaled(record.tbr_ci_low), scaled(record.tbr_ci_high));
        }
        if let Some(background) = &uptake.result.background {
            record.background_mean = Some(background.mean * scales.suv.unwrap_or(1.0));
            record.background_cov = background.cov;
        }
        if let Some(volume) = lesion.volumes.first() {
            record.btv_ml = Some(volume.volume.0);
            record.tlu = match &record.tracer {
                Some(Tracer::Fdg) => volume.total_suv,
                _ => volume.total_tbr,
            };
        }
        if let Some(curve) = uptake.curves.get(place) {
            let dynamic = LesionDynamics::of(curve, uptake.background_curve.as_ref(), scales, &self.settings.pet);
            record.ttp_min = dynamic.lesion.time_to_peak_min;
            record.slope_per_h = scales.tbr.and(dynamic.lesion.slope_per_h);
            measures.dynamic = Some(dynamic);
        }
        measures.overlap = self.overlap(place, uptake)?;
        record.pet_quality = Some(uptake.result.quality);
        Ok((caveats, measures))
    }

    /// The PET volume by the deciding rule against the lesion as it was drawn on the anatomy; `None` without a volume.
    fn overlap(&self, place: usize, uptake: &Uptake) -> Result<Option<Overlap>, SessionError> {
        let Some(volume) = uptake.result.lesions[place].volumes.first() else { return Ok(None) };
        let grid = &uptake.image.grid;
        let drawn = &self.masks.lesions[place].mask;
        let same = drawn.grid.same_space(grid).is_ok();
        let resampled = if same { None } else { Some(resample_mask(drawn, grid, None)?) };
        let mri = resampled.unwrap_or_else(|| drawn.on_grid(*grid));
        let others: Vec<&Mask> =
            uptake.lesions.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, mask)| mask).collect();
        let reach = Millimeters(self.settings.pet.comparison_reach_mm);
        Overlap::around(&uptake.image, &mri, &uptake.lesions[place], &others, volume.bound, reach)
            .map_err(|difference| SessionError::Mask { file: "PET image".to_owned(), problem: difference.to_string() })
    }

    /// The pictures of a lesion, and the volumes of its viewer.
    fn draw(
        &self,
        lesion: &Mask,
        record: &LesionRecord,
        burden: Option<&Labels>,
        measured: &mut Measured,
    ) -> Result<(), SessionError> {
        let findings = judge(record, &self.settings.verdict).findings;
        let cutoffs = |prefix: &str| {
            let finding = findings.iter().find(|finding| finding.column.starts_with(prefix));
            finding.map(|finding| finding.low.into_iter().chain(finding.high).collect::<Vec<f64>>()).unwrap_or_default()
        };
        let bounds = self.settings.verdict.dsc.bounds();
        let normalized = self.perfusion.and_then(|perfusion| {
            let normalized = perfusion.result.normalized.as_ref()?;
            let moved = self.through.and_then(|through| through.in_anatomy(&perfusion.grid));
            let map = |values: &[f32]| {
                let map = Volume::from_masked(&perfusion.result.mask, values);
                Volume { grid: moved.unwrap_or(map.grid), ..map }
            };
            Some((map(&normalized.rcbv), map(&normalized.uncorrected)))
        });
        let rcbv = normalized.as_ref().map(|(rcbv, _)| rcbv);
        let mut burden = burden.cloned();
        if let Some(burden) = &mut burden
            && let Some(grid) = self.through.and_then(|through| through.in_anatomy(&burden.grid))
        {
            burden.grid = grid;
        }
        let correction = if self.perfusion.is_some_and(|perfusion| perfusion.result.leakage.is_some()) {
            "leakage corrected"
        } else {
            "not leakage corrected"
        };
        let uptake = self.uptake.map(|(uptake, tracer)| {
            let prefix = if uptake.result.scales.tbr.is_some() { "tbr_" } else { "suv_" };
            shown_uptake(uptake, tracer.as_ref(), cutoffs(prefix))
        });
        let flow = self.labeled.and_then(|labeled| {
            let map = |values: &[f32]| Volume::from_masked(&labeled.result.mask, values);
            Some(match labeled.relative_cbf() {
                Some(relative) => LabelingPicture::Relative(map(&relative)),
                None if labeled.result.absolute => LabelingPicture::Absolute(map(&labeled.result.cbf)),
                None => return None,
            })
        });
        let enhancement = self.dynamic.map(|dynamic| {
            let map = |values: &[f32]| Volume::from_masked(&dynamic.mask, values);
            match dynamic.fits.as_ref().and_then(|fits| fits.transfer_constant()) {
                Some(ktrans) => DynamicPicture::Ktrans(map(ktrans)),
                None if dynamic.curves.concentration => DynamicPicture::Area(map(dynamic.curves.area_60())),
                None => DynamicPicture::RelativePeak(map(dynamic.curves.peak())),
            }
        });
        let scene = Scene {
            flow: flow.as_ref(),
            flow_cutoffs: cutoffs("asl_"),
            enhancement: enhancement.as_ref(),
            lesion,
            anatomy: self.anatomy.map(|anatomy| (&anatomy.volume, anatomy.name)),
            rcbv: rcbv.map(|rcbv| (rcbv, correction)),
            burden: burden.as_ref(),
            rcbv_cutoffs: [bounds.low(), bounds.high()],
            uptake,
        };
        measured.panels = film_strip(&scene, record);
        let baseline = self
            .perfusion
            .filter(|_| self.anatomy.is_none())
            .map(|perfusion| Volume::from_masked(&perfusion.result.mask, &perfusion.result.baseline.level));
        let around = Surroundings {
            baseline: baseline.as_ref(),
            uncorrected: normalized.as_ref().map(|(_, uncorrected)| uncorrected),
            brain: self.brain.or(self.perfusion.map(|perfusion| &perfusion.result.mask)),
            reference: self
                .perfusion
                .and_then(|perfusion| perfusion.reference.as_ref())
                .or(self.uptake.and_then(|(uptake, _)| uptake.background.as_ref())),
        };
        measured.mask_check = mask_check(&scene, &around)?;
        measured.volumes = viewer_volumes(&scene, &measured.panels, &around)?;
        if let Some((uptake, tracer)) = self.uptake
            && let Some(region) = &uptake.background
        {
            let words = methods::background(uptake).unwrap_or_default();
            measured.panels.extend(background_panel(
                &shown_uptake(uptake, tracer.as_ref(), Vec::new()),
                region,
                &words,
            ));
        }
        Ok(())
    }
}

/// A PET image as its pictures show it: as ratio where there is a background, else in SUV, else as it is.
fn shown_uptake<'a>(uptake: &'a Uptake, tracer: Option<&'a Tracer>, cutoffs: Vec<f64>) -> UptakePicture<'a> {
    let scales = uptake.result.scales;
    let (scale, shown) = match (scales.tbr, scales.suv) {
        (Some(scale), _) => (scale, Shown::Ratio),
        (None, Some(scale)) => (scale, Shown::Suv),
        (None, None) => (1.0, Shown::Image),
    };
    let cutoffs = if shown == Shown::Image { Vec::new() } else { cutoffs };
    UptakePicture { image: &uptake.image, scale, shown, tracer: tracer.map_or("PET", Tracer::as_str), cutoffs }
}

/// METHOD: a person who looked can only lower the word that the checks give, never raise it.
fn worse(computed: Option<Quality>, told: Option<Quality>) -> Option<Quality> {
    match (computed, told) {
        (Some(a), Some(b)) => Some(a.worse(b)),
        (one, other) => one.or(other),
    }
}

fn without_repeats(caveats: Vec<Caveat>) -> Vec<Caveat> {
    let mut kept: Vec<Caveat> = Vec::with_capacity(caveats.len());
    for caveat in caveats {
        if !kept.contains(&caveat) {
            kept.push(caveat);
        }
    }
    kept
}

/// Whether a quality check of any lesion failed.
pub fn quality_failed(measured: &Measured) -> bool {
    let of_series = [&measured.dsc_checks, &measured.asl_checks, &measured.dce_checks, &measured.pet_checks];
    let checks = of_series.into_iter().filter_map(|checks| worst(checks));
    let record = &measured.record;
    let columns = [record.dsc_quality, record.asl_quality, record.dce_quality, record.pet_quality];
    checks.chain(columns.into_iter().flatten()).any(|quality| quality == Quality::Fail)
}
