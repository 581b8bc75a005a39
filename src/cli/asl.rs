//! `relight asl`: one ASL series to maps.

use std::path::PathBuf;

use super::exit::{Failure, Outcome};
use super::progress::Voice;
use super::{Global, single};
use crate::asl::AslModel;
use crate::pipeline::{AslRequest, MaskRequest, run_asl};

/// Map one ASL series: CBF in mL/100g/min, arterial transit time in s where there are several delays, and CBF over that
/// of white matter.
///
/// Timing comes from the JSON beside the series (BIDS: seconds), the volume types from aslcontext.tsv. Without M0, or
/// without the bolus cut-off of PASL, CBF has no unit and only its ratio is given. Every constant stands in the maps'
/// sidecars. With --lesions, the lesion table is printed on standard output.
///
/// References: Alsop, MRM 2015;73:102 (whitepaper); Buxton, MRM 1998;40:383 (gkm); Woods, MRM 2024 (woods2024).
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The series, 4D NIfTI.
    series: PathBuf,
    #[command(flatten)]
    common: single::Common,
    /// Volume types [default: *_aslcontext.tsv beside the series].
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
    /// Separate M0 scan on the grid of the series, its JSON beside it [default: *_m0scan.nii.gz beside the series].
    #[arg(long, value_name = "FILE")]
    m0: Option<PathBuf>,
    /// Brain mask on the grid of the series; `auto` finds one, `none` measures every voxel.
    #[arg(long, value_name = "FILE|auto|none", default_value = "auto")]
    mask: String,
    /// Normal-appearing white matter on the grid of the series, that CBF is divided by [default: the lesions mirrored].
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// whitepaper, gkm or woods2024 [default: whitepaper for one delay, gkm for several].
    #[arg(long, value_name = "MODEL")]
    model: Option<AslModel>,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let request = AslRequest {
        series: arguments.series.clone(),
        context: arguments.context.clone(),
        m0: arguments.m0.clone(),
        mask: MaskRequest::of(&arguments.mask),
        reference: arguments.reference.clone(),
        model: arguments.model,
        common: arguments.common.request(),
    };
    let outcome = single::with_steps(voice, "asl", |steps| run_asl(&request, &settings, steps))?;
    single::answer(voice, global, &outcome, &arguments.common.output)
}
