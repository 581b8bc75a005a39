//! `relight register` and `relight resample`: one image to another.

use std::path::PathBuf;

use super::exit::{Failure, Outcome, print_json};
use super::progress::Voice;
use super::{Global, single};
use crate::pipeline::{RegisterRequest, ResampleRequest, run_register, run_resample};

/// Find the rigid transform from one image to another of the same head, whatever their contrasts.
///
/// The file holds a 4x4 matrix that takes a point of MOVING to the same point of FIXED, both in scanner coordinates
/// (RAS+, mm); name it *_from-X_to-Y_mode-image_xfm.txt and `relight run` uses it. The measure is the correlation ratio
/// (Roche, MICCAI 1998). A registration finds the nearest minimum: look at the result.
#[derive(Debug, clap::Args)]
pub struct RegisterArguments {
    /// The image that is moved, 3D NIfTI.
    moving: PathBuf,
    /// The image that stays, 3D NIfTI.
    fixed: PathBuf,
    /// The transform file to write.
    #[arg(short, long, value_name = "XFM")]
    output: PathBuf,
    /// Replace a file that relight did not write.
    #[arg(long)]
    force: bool,
}

/// Take an image to the grid of another, through a transform where one is given.
///
/// Label maps and masks (whole numbers) take the label of the nearest voxel, 0 outside; other images are interpolated
/// linearly, NaN outside.
#[derive(Debug, clap::Args)]
pub struct ResampleArguments {
    /// The image, 3D NIfTI.
    image: PathBuf,
    /// The image whose grid is wanted.
    like: PathBuf,
    /// Transform from IMAGE to LIKE: a 4x4 matrix as `relight register` writes it, or an ITK text transform. Without
    /// one the images are related by their scanner coordinates alone.
    #[arg(long, value_name = "XFM")]
    transform: Option<PathBuf>,
    /// The image to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that relight did not write.
    #[arg(long)]
    force: bool,
}

pub(super) fn register(arguments: &RegisterArguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let request = RegisterRequest {
        moving: arguments.moving.clone(),
        fixed: arguments.fixed.clone(),
        output: arguments.output.clone(),
        force: arguments.force,
    };
    let (found, told) = single::with_steps(voice, "register", |steps| run_register(&request, &settings.align, steps))?;
    if global.json {
        print_json(&told)?;
    }
    Ok(Outcome::done(format!(
        "moved by {:.1} mm, correlation ratio {:.2}, transform in {}",
        found.pull.displacement(found.center),
        found.correlation_ratio,
        arguments.output.display()
    )))
}

pub(super) fn resample(arguments: &ResampleArguments, global: &Global, voice: &Voice) -> Result<Outcome, Failure> {
    let request = ResampleRequest {
        image: arguments.image.clone(),
        like: arguments.like.clone(),
        transform: arguments.transform.clone(),
        output: arguments.output.clone(),
        force: arguments.force,
    };
    let told = single::with_steps(voice, "resample", |steps| run_resample(&request, steps))?;
    if global.json {
        print_json(&told)?;
    }
    let how = told["interpolation"].as_str().unwrap_or_default();
    Ok(Outcome::done(format!("resampled ({how}) to {}", arguments.output.display())))
}
