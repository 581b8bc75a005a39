//! `relight dsc`: one DSC series to maps.

use std::path::PathBuf;

use clap::ValueEnum;

use super::exit::{Exit, Failure, Outcome};
use super::progress::Voice;
use super::{Global, single};
use crate::align::MotionMode;
use crate::dsc::{DeconvolutionMethod, FurtherNormalization, Integration, LeakageModel, SeriesContent};
use crate::pipeline::{ArteryRequest, DscRequest, MaskRequest, run_dsc};
use crate::study::DscGiven;
use crate::units::Seconds;

/// Map one DSC-MRI series: rCBV (uncorrected, leakage-corrected, normalized), K1, K2, PSR, peak height.
///
/// Echo and repetition time come from the JSON beside the series (seconds), or from --te and --tr. rCBV is normalized
/// to the mean of the white matter in --reference, or in the lesion mirrored across the midline. With --lesions, the
/// lesion table is printed on standard output.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The series, 4D NIfTI (its first echo, where there are two).
    series: PathBuf,
    #[command(flatten)]
    common: single::Common,
    /// Second echo; dR2* is then free of T1 effects.
    #[arg(long, alias = "second_echo", value_name = "FILE")]
    second_echo: Option<PathBuf>,
    /// Echo time in seconds; replaces the sidecar's EchoTime.
    #[arg(long, value_name = "S", value_parser = single::positive, allow_negative_numbers = true)]
    te: Option<f64>,
    /// Time between frames in seconds; replaces the sidecar's RepetitionTime.
    #[arg(long, value_name = "S", value_parser = single::positive, allow_negative_numbers = true)]
    tr: Option<f64>,
    /// Brain mask on the grid of the series; `auto` finds one, `none` measures every voxel.
    #[arg(long, value_name = "FILE|auto|none", default_value = "auto")]
    mask: String,
    /// Normal-appearing white matter on the grid of the series: reference curve and normalization.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Leakage correction [default: bsw, or what the settings say]
    /// (bsw: AJNR 2006;27:859; bidirectional: AJNR 2016;37:1440; gamma: first passage alone, as a gamma variate).
    #[arg(long, value_name = "MODEL")]
    leakage: Option<LeakageModel>,
    /// Flow and transit times (CBF, CBV, MTT, Tmax, TTP) by deconvolution: osvd, csvd, ssvd, tikhonov or none.
    #[arg(long, value_name = "METHOD", default_value = "none")]
    deconvolution: DeconvolutionMethod,
    /// Arterial input of the deconvolution: a mask on the grid of the series; a table (.tsv, .txt) with `time` in s from
    /// the first frame and `value` (dR2* in 1/s) or, with --as concentration, `blood_concentration` in mM; `auto` finds
    /// one, `none` leaves flow out. One that cannot be found is a caveat and leaves rCBV.
    #[arg(long, value_name = "FILE|auto|none", default_value = "auto")]
    aif: String,
    /// What the series holds: recorded signal, or concentration (dR2* is one) that is taken as it is; a concentration
    /// needs no echo time, and a mask.
    #[arg(long = "as", value_name = "CONTENT", default_value = "signal")]
    content: Content,
    /// Over which frames rCBV is integrated: full, window or first-pass [default: full, or what the settings say].
    #[arg(long, value_name = "RANGE")]
    integration: Option<Integration>,
    /// What rCBV is set against as well, in maps of their own: brain, standardized (with landmarks of a cohort; see
    /// `relight calibrate --landmarks`). The cut-offs refer to white matter alone.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    also_normalize: Vec<FurtherNormalization>,
    /// Motion of the head [default: auto, or what the settings say]: auto (a cheap detector looks, frames are
    /// registered only past its threshold), on (always registered and resampled), none (nobody looks). A series of
    /// concentrations is taken as it is.
    #[arg(long, value_name = "auto|on|none")]
    motion: Option<MotionMode>,
}

/// What the samples of the series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Content {
    /// Recorded signal.
    Signal,
    /// Concentration, or dR2*.
    Concentration,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let mut settings = global.load_settings()?;
    if let Some(model) = arguments.leakage {
        settings.dsc.leakage = model;
    }
    if let Some(range) = arguments.integration {
        settings.dsc.integration = range;
    }
    for &more in &arguments.also_normalize {
        if !settings.dsc.further_normalizations.contains(&more) {
            settings.dsc.further_normalizations.push(more);
        }
    }
    settings.dsc.check().map_err(|error| Failure::new(Exit::Usage, error))?;
    let concentration = arguments.content == Content::Concentration;
    settings.dsc.perfusion.deconvolution = arguments.deconvolution;
    let artery = match (arguments.deconvolution, arguments.aif.as_str()) {
        (DeconvolutionMethod::None, _) | (_, "none") => None,
        (_, "auto") => Some(ArteryRequest::Automatic),
        (_, path) => Some(ArteryRequest::File(path.into())),
    };
    if let Some(mode) = arguments.motion {
        settings.align.motion.mode = mode;
    }
    let request = DscRequest {
        series: arguments.series.clone(),
        second_echo: arguments.second_echo.clone(),
        given: DscGiven {
            echo_time: arguments.te.map(Seconds),
            repetition_time: arguments.tr.map(Seconds),
            concentration,
        },
        content: if concentration { SeriesContent::Concentration } else { SeriesContent::Signal },
        mask: MaskRequest::of(&arguments.mask),
        reference: arguments.reference.clone(),
        artery,
        common: arguments.common.request(),
    };
    let outcome = single::with_steps(voice, "dsc", |steps| run_dsc(&request, &settings, steps))?;
    single::answer(voice, global, &outcome, &arguments.common.output)
}
