//! `relight dce`: one DCE series to maps.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure, Outcome};
use super::progress::Voice;
use super::{Global, single};
use crate::dce::{DelayFit, ModelChoice, Population, RelaxationFit};
use crate::pipeline::{ArterialRequest, DceRequest, MaskRequest, RelaxationRequest, run_dce};
use crate::units::Seconds;

/// Map one DCE series: arrival, time to peak, wash-in, wash-out, areas and curve type, and with --model the quantities
/// of a tracer-kinetic model.
///
/// Frame times come from the JSON beside the series (FrameTimesStart, VolumeTiming, AcquisitionDuration), from the
/// image header, or from --dt; never from an excitation TR. Concentrations (mM) need T1 (--t1 or --vfa), FlipAngle and
/// RepetitionTimeExcitation; without them everything is relative to the baseline signal, and no model can be fitted.
/// With --lesions, the lesion table is printed on standard output.
///
/// References: OSIPI CAPLEX, MRM 2024;91:1761; Sourbron and Buckley, MRM 2011;66:735 (models); Parker, MRM 2006;56:993
/// and Georgiou, MRM 2019;81:1764 (population arterial curves).
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The series, 4D NIfTI.
    series: PathBuf,
    #[command(flatten)]
    common: single::Common,
    /// tofts, extended-tofts, patlak, 2cum, 2cxm, auto (least AICc) or none.
    #[arg(long, value_name = "MODEL", default_value = "none")]
    model: ModelChoice,
    /// Arterial curve of the model: parker or georgiou (population), auto (found among the voxels), a mask (NIfTI), or a
    /// table (.tsv) with `time` (s) and `plasma_concentration` or `blood_concentration` (mM).
    #[arg(long, value_name = "FILE|parker|georgiou|auto")]
    aif: Option<String>,
    /// Hematocrit of large vessels, for concentrations in blood [default: 0.42].
    #[arg(long, value_name = "SHARE")]
    hematocrit: Option<f64>,
    /// T1 before contrast: a map in s on the grid of the series, or one number in s.
    #[arg(long, value_name = "MAP|SECONDS", conflicts_with = "vfa")]
    t1: Option<String>,
    /// Flip-angle images on the grid of the series, each with its JSON beside it (FlipAngle, RepetitionTimeExcitation).
    #[arg(long, value_name = "FILE", num_args = 2..)]
    vfa: Vec<PathBuf>,
    /// B1 map on the grid of the series: the actual over the nominal flip angle.
    #[arg(long, value_name = "FILE", requires = "vfa")]
    b1: Option<PathBuf>,
    /// T1 fit of the flip-angle images: linear or nonlinear [default: nonlinear].
    #[arg(long = "t1-fit", alias = "t1_fit", value_name = "HOW", requires = "vfa")]
    t1_fit: Option<RelaxationFit>,
    /// Time between frames in seconds; replaces the sidecar's.
    #[arg(long, value_name = "S", value_parser = single::positive, allow_negative_numbers = true)]
    dt: Option<f64>,
    /// Mask on the grid of the series; `auto` finds what is brighter than air, `none` measures every voxel.
    #[arg(long, value_name = "FILE|auto|none", default_value = "auto")]
    mask: String,
    /// Reference tissue on the grid of the series, to which the lesions' curves are compared.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// What the samples are: signal, or concentration in mM.
    #[arg(long = "as", value_name = "WHAT", default_value = "signal")]
    samples: Content,
    /// Whether the delay behind the arterial curve is fitted: fit or none.
    #[arg(long, value_name = "HOW", default_value = "none")]
    delay: DelayFit,
}

/// What the samples of the series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Content {
    /// The signal of the scanner.
    Signal,
    /// Concentrations in mM.
    Concentration,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let mut settings = global.load_settings()?;
    settings.dce.model = arguments.model;
    settings.dce.delay = arguments.delay;
    settings.dce.hematocrit = arguments.hematocrit.unwrap_or(settings.dce.hematocrit);
    settings.dce.relaxation_fit = arguments.t1_fit.unwrap_or(settings.dce.relaxation_fit);
    settings.dce.check().map_err(|error| Failure::new(Exit::Usage, error))?;
    let request = DceRequest {
        series: arguments.series.clone(),
        frame_time: arguments.dt.map(Seconds),
        is_concentration: arguments.samples == Content::Concentration,
        relaxation: relaxation(arguments),
        artery: arguments.aif.as_deref().map(artery),
        mask: MaskRequest::of(&arguments.mask),
        reference: arguments.reference.clone(),
        common: arguments.common.request(),
    };
    let outcome = single::with_steps(voice, "dce", |steps| run_dce(&request, &settings, steps))?;
    single::answer(voice, global, &outcome, &arguments.common.output)
}

/// A number is a time in s, anything else a map.
fn relaxation(arguments: &Arguments) -> RelaxationRequest {
    match arguments.t1.as_deref().map(|text| (text, single::positive(text))) {
        Some((_, Ok(seconds))) => RelaxationRequest::Seconds(Seconds(seconds)),
        Some((path, Err(_))) => RelaxationRequest::Map(path.into()),
        None if arguments.vfa.is_empty() => RelaxationRequest::None,
        None => RelaxationRequest::FlipAngles { images: arguments.vfa.clone(), b1: arguments.b1.clone() },
    }
}

fn artery(text: &str) -> ArterialRequest {
    match text.parse::<Population>() {
        Ok(population) => ArterialRequest::Population(population),
        Err(_) if text == "auto" => ArterialRequest::Automatic,
        Err(_) if Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv")) => {
            ArterialRequest::Table(text.into())
        }
        Err(_) => ArterialRequest::Mask(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arterial_curve_is_a_name_a_table_or_a_mask() {
        assert_eq!(artery("parker"), ArterialRequest::Population(Population::Parker));
        assert_eq!(artery("auto"), ArterialRequest::Automatic);
        assert_eq!(artery("a/aif.tsv"), ArterialRequest::Table("a/aif.tsv".into()));
        assert_eq!(artery("a/artery.nii.gz"), ArterialRequest::Mask("a/artery.nii.gz".into()));
    }
}
