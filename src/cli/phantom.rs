//! `relight phantom`: a study folder with known truth.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print_json};
use super::progress::Voice;
use crate::phantom::{AccuracyError, Options, PhantomError, Preset, RealAnatomy, accuracy_page, write_study};

/// Make a study folder with known truth: perfusion, uptake, masks, tables, and truth.tsv.
///
/// Without options the tree is that of fixtures/study, byte for byte. The same options give the same bytes on every
/// machine.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to make; it must be new or empty.
    #[arg(required_unless_present = "accuracy")]
    folder: Option<PathBuf>,
    /// Measure the DSC reference object instead and write how close the program comes to its truth: accuracy.md and
    /// accuracy/*.svg in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    accuracy: Option<PathBuf>,
    /// Grids and patients: study (small, noisy), clinical (grids of a clinical protocol), reference (every tissue
    /// class, without noise) or kinetic (ASL, flip angles and DCE in place of DSC and PET, without noise).
    #[arg(long, value_name = "PRESET", default_value = "study")]
    preset: Preset,
    /// Voxels of the DSC grid along right, anterior and superior, such as 64x64x12.
    #[arg(long, value_name = "XxYxZ", value_parser = parse_shape)]
    shape: Option<[usize; 3]>,
    /// Frames of the DSC series.
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Number of subjects.
    #[arg(long, value_name = "N")]
    subjects: Option<usize>,
    /// Sessions of every subject.
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// Real post-contrast T1-weighted image to lay perfusion and uptake upon, instead of the drawn head.
    #[arg(long, value_name = "T1", requires = "lesions")]
    anatomy: Option<PathBuf>,
    /// Lesions of that image: a label map, or a mask (values above 0.5) that is split into lesions. Their tissue is, in
    /// turn, recurrence, necrosis and one between.
    #[arg(long, value_name = "MASK", requires = "anatomy")]
    lesions: Option<PathBuf>,
}

pub(super) fn execute(arguments: &Arguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let folder = match (&arguments.folder, &arguments.accuracy) {
        (_, Some(folder)) => return accuracy(folder, global, voice),
        (Some(folder), None) => folder,
        (None, None) => return Err(Failure::new(Exit::Usage, anyhow::anyhow!("expected a folder to make"))),
    };
    let options = Options {
        preset: arguments.preset,
        shape: arguments.shape,
        frames: arguments.frames,
        seed: arguments.seed,
        subjects: arguments.subjects,
        sessions: arguments.sessions,
        anatomy: arguments
            .anatomy
            .clone()
            .zip(arguments.lesions.clone())
            .map(|(t1, lesions)| RealAnatomy { t1, lesions }),
    };
    voice.say(&format!("making {}", folder.display()));
    let truth = write_study(folder, &options).map_err(|error| {
        let exit = match &error {
            PhantomError::Option { .. } => Exit::Usage,
            PhantomError::Read { .. } | PhantomError::Anatomy { .. } => Exit::Input,
            PhantomError::NotEmpty { .. } | PhantomError::Write { .. } | PhantomError::Image { .. } => Exit::Output,
        };
        Failure::new(exit, error)
    })?;
    if global.json {
        print_json(&json!({"folder": folder.display().to_string(), "lesions": truth.rows.len()}))?;
    }
    Ok(Outcome::done(format!("{} lesion visits with known truth in {}", truth.rows.len(), folder.display())))
}

/// Writes the page of accuracy, made with the settings in force.
fn accuracy(folder: &Path, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    voice.say("measuring the reference object");
    let failed = |error: AccuracyError| {
        let exit = match &error {
            AccuracyError::Write(_) => Exit::Output,
            AccuracyError::Method { .. } | AccuracyError::Grid(_) | AccuracyError::Acquisition(_) => Exit::Internal,
        };
        Failure::new(exit, error)
    };
    let page = accuracy_page(&settings.dsc).map_err(failed)?;
    page.write(folder).map_err(failed)?;
    if global.json {
        let charts: Vec<&str> = page.charts.iter().map(|(name, _)| name.as_str()).collect();
        print_json(&json!({"folder": folder.display().to_string(), "charts": charts}))?;
    }
    Ok(Outcome::done(format!("accuracy.md and {} charts in {}", page.charts.len(), folder.display())))
}

/// Reads `64x64x12`.
fn parse_shape(text: &str) -> Result<[usize; 3], String> {
    let numbers: Vec<usize> = text.split(['x', 'X', ',']).filter_map(|part| part.trim().parse().ok()).collect();
    <[usize; 3]>::try_from(numbers)
        .ok()
        .filter(|shape| shape.iter().all(|&n| n > 0))
        .ok_or_else(|| format!("expected three numbers such as 64x64x12, found {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::parse_shape;

    #[test]
    fn shapes_are_three_numbers() {
        assert_eq!(parse_shape("64x48x12"), Ok([64, 48, 12]));
        assert!(parse_shape("64x48").is_err());
        assert!(parse_shape("64x0x12").is_err());
    }
}
