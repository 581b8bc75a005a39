//! `relight phantom`: a study folder with known truth.

use std::path::PathBuf;

use serde_json::json;

use super::Global;
use super::exit::{Exit, Failure, Outcome, print_json};
use super::progress::Voice;
use crate::phantom::{Options, PhantomError, Preset, RealAnatomy, write_study};

/// Make a study folder with known truth: perfusion, uptake, masks, tables, and truth.tsv.
///
/// Without options the tree is that of fixtures/study, byte for byte. The same options give the same bytes on every
/// machine.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to make; it must be new or empty.
    folder: PathBuf,
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
    voice.say(&format!("making {}", arguments.folder.display()));
    let truth = write_study(&arguments.folder, &options).map_err(|error| {
        let exit = match &error {
            PhantomError::Option { .. } => Exit::Usage,
            PhantomError::Read { .. } | PhantomError::Anatomy { .. } => Exit::Input,
            PhantomError::NotEmpty { .. } | PhantomError::Write { .. } | PhantomError::Image { .. } => Exit::Output,
        };
        Failure::new(exit, error)
    })?;
    if global.json {
        print_json(&json!({"folder": arguments.folder.display().to_string(), "lesions": truth.rows.len()}))?;
    }
    Ok(Outcome::done(format!("{} lesion visits with known truth in {}", truth.rows.len(), arguments.folder.display())))
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
