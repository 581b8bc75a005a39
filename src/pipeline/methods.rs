//! What was really done, in sentences with the reference behind each: the methods text of a page.

use super::dynamic::Dynamic;
use super::labeling::Labeled;
use super::perfusion::Perfusion;
use super::uptake::Uptake;
use crate::asl::AslModel;
use crate::dce::DelayFit;
use crate::dsc::{DeconvolutionMethod, LeakageModel, NormalizationStatistic};
use crate::pet::{BackgroundSource, BackgroundStatistic, PeakMode};
use crate::settings::Settings;

/// The DSC analysis.
pub fn dsc(perfusion: &Perfusion, settings: &Settings) -> Vec<String> {
    let result = &perfusion.result;
    let timing = &result.timing;
    let mut sentences = vec![format!(
        "DSC-MRI: the signal became \u{394}R2* = \u{2212}ln(S/S0)/TE, S0 the mean of the {} frames before the bolus{}; \
         rCBV is the trapezoid of \u{394}R2* over {}; values below zero are kept.",
        timing.baseline().len(),
        if timing.steady > 0 {
            format!(" (the first {} were not in a steady state)", timing.steady)
        } else {
            String::new()
        },
        match settings.dsc.integration {
            crate::dsc::Integration::Full => "all steady frames".to_owned(),
            crate::dsc::Integration::Window =>
                format!("{} s from the bolus arrival", settings.dsc.integration_window_s),
        },
    )];
    sentences.push(match result.model {
        LeakageModel::Bsw => "Leakage was corrected by the linear model of Boxerman, Schmainda and Weisskoff (AJNR 2006;27:859)".to_owned(),
        LeakageModel::Bidirectional => "Leakage was corrected in enhancing voxels by the bidirectional model of Leu et al. (AJNR 2016;37:1440), elsewhere by that of Boxerman, Schmainda and Weisskoff (AJNR 2006;27:859)".to_owned(),
        LeakageModel::None => "Leakage was not corrected".to_owned(),
    } + match (result.model, perfusion.reference_given) {
        (LeakageModel::None, _) => ".",
        (_, true) => ", with the given white matter as the reference curve.",
        (_, false) => ", with all non-enhancing brain as the reference curve.",
    });
    if let (Some(normalized), Some(facts)) = (&result.normalized, &perfusion.reference_facts) {
        let statistic = match settings.dsc.normalization {
            NormalizationStatistic::Mean => "mean",
            NormalizationStatistic::Median => "median",
        };
        let side = facts.side.map(|side| format!(" on the patient's {side}")).unwrap_or_default();
        let origin = if perfusion.reference_given {
            "as given"
        } else {
            "found by mirroring the lesions in the mid-sagittal plane"
        };
        sentences.push(format!(
            "rCBV was divided by its {statistic} over {:.1} of white matter{side} ({} voxels, {origin}) \
             (Neuro-Oncology 2020;22:1262).",
            facts.volume, normalized.reference_voxels,
        ));
    }
    if perfusion.flow.is_some() {
        let how = match settings.dsc.perfusion.deconvolution {
            DeconvolutionMethod::Osvd => Some("block-circulant SVD, its threshold by oscillation (MRM 2003;50:164)"),
            DeconvolutionMethod::Csvd => Some("block-circulant SVD with one threshold (MRM 2003;50:164)"),
            DeconvolutionMethod::Ssvd => Some("causal truncated SVD with one threshold"),
            DeconvolutionMethod::Tikhonov => {
                Some("Tikhonov regularization of the block-circulant matrix (MRM 2003;50:164)")
            }
            DeconvolutionMethod::None => None,
        };
        sentences
            .extend(how.map(|how| format!("Flow and transit times: deconvolution with the arterial curve, {how}.")));
    }
    sentences
}

/// The ASL analysis.
pub fn asl(labeled: &Labeled) -> Vec<String> {
    let result = &labeled.result;
    let constants = &result.constants;
    let (used, rejected) = result.pairs();
    let model = match result.model {
        AslModel::WhitePaper => "the one-compartment formula of the consensus paper (Alsop et al., MRM 2015;73:102)",
        AslModel::General => "a fit of the general kinetic model (Buxton et al., MRM 1998;40:383)",
        AslModel::Woods => "a fit of the model of Woods et al. (MRM 2024)",
    };
    let mut sentences = vec![format!(
        "ASL-MRI ({}): CBF by {model} from {used} control-label differences at {} delay(s), {rejected} left out as \
         outliers; T1 of blood {} s, T1 of tissue {} s, partition coefficient {} mL/g, labeling efficiency {:.3}.",
        constants.labeling,
        result.groups.len(),
        constants.blood_t1,
        constants.tissue_t1,
        constants.partition_coefficient,
        constants.efficiency,
    )];
    if !result.absolute {
        sentences.push("Its CBF has no unit, so only its ratio to the reference is given.".to_owned());
    }
    if let (Some(facts), Some(_)) = (&labeled.reference_facts, labeled.reference_cbf) {
        sentences.push(format!(
            "ASL CBF was divided by its mean over {:.1} of white matter ({}).",
            facts.volume, labeled.reference_words
        ));
    }
    sentences
}

/// The DCE analysis.
pub fn dce(dynamic: &Dynamic, settings: &Settings) -> Vec<String> {
    let settings = &settings.dce;
    let curve = &settings.curve;
    let mut sentences = vec![format!(
        "DCE-MRI: baseline of {} frames, one frame before the arrival at {:.1} s; curve type by the change of the signal \
         from its largest value within {} s after the arrival to the last frame: above {:+.0} % persistent, below \
         {:+.0} % washout, plateau between.",
        dynamic.timing.baseline.len(),
        dynamic.timing.arrival,
        curve.early_peak_s,
        100.0 * curve.persistent_above,
        100.0 * curve.washout_below,
    )];
    match &dynamic.relaxation_words {
        Some(words) => sentences.push(format!(
            "Concentrations from the spoiled gradient echo equation, relaxivity {} per mM and s, with {words}.",
            settings.relaxivity_per_mm_s
        )),
        None => sentences.push("It is semi-quantitative: enhancement is relative to the baseline signal.".to_owned()),
    }
    if let (Some(model), Some((_, artery))) = (dynamic.model(), &dynamic.artery) {
        let delay = match settings.delay {
            DelayFit::Fit => "with the delay fitted",
            DelayFit::None => "without a delay",
        };
        sentences.push(format!(
            "The {model} model was fitted by least squares between bounds, {delay}; arterial curve: {artery}."
        ));
    }
    sentences
}

/// The PET analysis.
pub fn pet(uptake: &Uptake, settings: &Settings) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.push(match &uptake.result.suv {
        Ok(scale) => {
            format!("PET: SUV ({}) with a factor of {:.6e} per unit of the image.", settings.pet.suv, scale.factor)
        }
        Err(reason) => format!("PET: no SUV, because {reason}."),
    });
    if let Some(background) = self::background(uptake) {
        let statistic = match settings.pet.background_statistic {
            BackgroundStatistic::Mean => "mean",
            BackgroundStatistic::Max => "maximum",
        };
        sentences.push(format!(
            "Uptake was divided by the {statistic} of the background: {background} (EJNMMI 2019;46:540)."
        ));
    }
    let peak = match settings.pet.peak {
        PeakMode::Exact => "the 1 mL sphere with the largest mean, voxels weighted by their share in the sphere",
        PeakMode::IbsiGlobal => "the largest mean of a 1 mL sphere (IBSI 0F91, Radiology 2020;295:328)",
        PeakMode::IbsiLocal => "the mean of a 1 mL sphere at the largest voxel (IBSI VJGA, Radiology 2020;295:328)",
    };
    sentences.push(format!("Peak: {peak}."));
    sentences
}

/// The background in words; `None` without one.
pub fn background(uptake: &Uptake) -> Option<String> {
    let background = uptake.result.background.as_ref()?;
    let name = match background.source {
        None => return Some(format!("the number {}", background.divisor)),
        Some(BackgroundSource::Mask) => "given mask",
        Some(BackgroundSource::Label) => "given label",
        Some(BackgroundSource::Mirror) => "lesion mirrored and enlarged",
        Some(BackgroundSource::Crescent) => "contralateral crescent",
        Some(BackgroundSource::Hemisphere) => "healthy hemisphere",
    };
    let volume = background.volume.map(|volume| format!(", {volume:.1}")).unwrap_or_default();
    let side = background.side.as_ref().map(|side| format!(", {side}")).unwrap_or_default();
    Some(format!("{name}{side}{volume}"))
}

/// Volumes, diameters, intervals.
pub fn lesion(settings: &Settings) -> String {
    format!(
        "Volume is voxel count times voxel volume; diameters are the longest in an axial slice and the longest \
         perpendicular to it (RANO, J Clin Oncol 2010;28:1963). Statistics are those of IBSI (Radiology 2020;295:328). Intervals are 95 % spatial block bootstraps of the mean ({} replicates, blocks of \
         {} mm).",
        settings.lesion.bootstrap_replicates, settings.lesion.bootstrap_block_mm,
    )
}
