//! `relight pet`: one PET image to SUV, ratios and volumes.

use std::path::PathBuf;
use std::str::FromStr;

use super::exit::{Exit, Failure, Outcome};
use super::progress::Voice;
use super::{Global, single};
use crate::acquisition::Body;
use crate::clinical::Sex;
use crate::pet::{PeakMode, SuvKind};
use crate::pipeline::{BackgroundRequest, PetRequest, run_pet};
use crate::region::BackgroundShape;
use crate::units::Kilograms;

/// Map one PET image: SUV, tumor-to-background ratio, biological tumor volume.
///
/// Dose, times and units come from the BIDS PET JSON beside the image; what keeps SUV from being computed is told by
/// its field, and the ratio is given all the same. With --lesions, the lesion table is printed on standard output.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The image, 3D or 4D NIfTI.
    image: PathBuf,
    #[command(flatten)]
    common: single::Common,
    /// Body weight in kg; replaces the sidecar's.
    #[arg(long, value_name = "KG", value_parser = single::positive, allow_negative_numbers = true)]
    weight: Option<f64>,
    /// Body height in m (a value above 3 is read as cm); replaces the sidecar's.
    #[arg(long, value_name = "M", value_parser = single::positive, allow_negative_numbers = true)]
    height: Option<f64>,
    /// Sex, for normalizations by lean mass: M, F or other.
    #[arg(long)]
    sex: Option<Sex>,
    /// SUV normalization: bw, lbm (Janmahasatian), james, ibw or bsa [default: bw, or what the settings say].
    #[arg(long, value_name = "KIND")]
    suv: Option<SuvKind>,
    /// Peak: exact, ibsi-global or ibsi-local [default: exact, or what the settings say].
    #[arg(long, value_name = "MODE")]
    peak: Option<PeakMode>,
    /// Background of the ratio: a mask on the grid of the image, crescent, mirror, hemisphere, a number in the unit of
    /// the image (Bq/mL for most, SUV only where the image holds SUV), or none [default: with --lesions the crescent
    /// opposite them for MET, FET and FDOPA, none for other tracers; without --lesions none].
    #[arg(long, value_name = "WHAT")]
    background: Option<String>,
    /// Label of the background where --background is a label map.
    #[arg(long, value_name = "N", requires = "background")]
    background_label: Option<u32>,
    /// Brain mask on the grid of the image, for automatic backgrounds.
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let mut settings = global.load_settings()?;
    settings.pet.suv = arguments.suv.unwrap_or(settings.pet.suv);
    settings.pet.peak = arguments.peak.unwrap_or(settings.pet.peak);
    let usage = |problem: String| Failure::new(Exit::Usage, anyhow::anyhow!("{problem}"));
    settings.check_pet_cutoffs().map_err(|problem| usage(format!("settings [verdict] {problem}")))?;
    let (height, caveat) = match arguments.height {
        Some(height) => {
            let (height, caveat) = crate::study::height_in_meters(height, "--height");
            (Some(height), caveat)
        }
        None => (None, None),
    };
    let body = Body { weight: arguments.weight.map(Kilograms), height, sex: arguments.sex };
    let background = arguments.background.as_deref().map(read_background).transpose().map_err(usage)?;
    let background = match (background, arguments.background_label) {
        (Some(BackgroundRequest::File(path)), Some(label)) => Some(BackgroundRequest::Label(path, label)),
        (Some(_), Some(_)) => {
            return Err(usage("--background-label: expected --background to be a label map".to_owned()));
        }
        (background, _) => background,
    };
    let request = PetRequest {
        image: arguments.image.clone(),
        body,
        caveats: caveat.into_iter().collect(),
        background,
        mask: arguments.mask.clone(),
        common: arguments.common.request(),
    };
    let outcome = single::with_steps(voice, "pet", |steps| run_pet(&request, &settings, steps))?;
    single::answer(voice, global, &outcome, &arguments.common.output)
}

/// A word, a number, or a file.
fn read_background(text: &str) -> Result<BackgroundRequest, String> {
    if text == "none" {
        return Ok(BackgroundRequest::None);
    }
    if let Ok(shape) = BackgroundShape::from_str(text) {
        return Ok(BackgroundRequest::Automatic(shape));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(BackgroundRequest::Number(number)),
        Ok(number) => Err(format!("--background: expected a number above 0, found {number}")),
        Err(_) if text.replacen(',', ".", 1).parse::<f64>().is_ok() => {
            Err(format!("--background: {text} has a decimal comma: expected {}", text.replacen(',', ".", 1)))
        }
        Err(_) => Ok(BackgroundRequest::File(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_is_a_word_a_number_or_a_file() {
        assert_eq!(read_background("1.32"), Ok(BackgroundRequest::Number(1.32)));
        assert_eq!(read_background("mirror"), Ok(BackgroundRequest::Automatic(BackgroundShape::Mirror)));
        assert_eq!(read_background("b.nii"), Ok(BackgroundRequest::File("b.nii".into())));
        assert!(read_background("-1").is_err());
        assert!(read_background("1,32").unwrap_err().contains("expected 1.32"));
    }
}
