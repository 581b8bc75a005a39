//! From a sidecar to what the DCE method must know. BIDS has no page for DCE: dcm2niix and BIDS PET field names.

use super::error::StudyError;
use super::sidecar::Sidecar;
use crate::acquisition::{AcquisitionError, DceAcquisition};
use crate::units::{Degrees, Seconds, Tesla};

/// Values given on the command line: they replace the sidecar's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DceGiven {
    /// `--dt`.
    pub frame_time: Option<Seconds>,
}

/// What the DCE method must know of a series of `frames` frames.
///
/// Frame times come from `--dt`, `FrameTimesStart`, `VolumeTiming`, `AcquisitionDuration` over the number of frames, or
/// the frame time of the image header, in this order; never from `RepetitionTime`, which is the time between
/// excitations. A candidate that equals it, or is below half a second, is an error.
pub fn dce_acquisition(
    sidecar: &Sidecar,
    frames: usize,
    header_frame_time: Option<Seconds>,
    given: &DceGiven,
) -> Result<DceAcquisition, StudyError> {
    let number = |field: &str, expected: &str| sidecar.number(field, expected);
    let repetition_time = number("RepetitionTime", "a time in seconds")?;
    let excitation_time = match number("RepetitionTimeExcitation", "a time in seconds")? {
        Some(time) => Some(time),
        // A time that is no frame time is that of the excitations.
        None => repetition_time.filter(|&time| time < DceAcquisition::SHORTEST_FRAME_TIME.0),
    };
    let (times, field) = frame_times(sidecar, frames, header_frame_time, given)?;
    let wrong = |field: &str, found: String, expected: &str| StudyError::Field {
        file: sidecar.source_of(field).to_owned(),
        field: field.to_owned(),
        found,
        expected: expected.to_owned(),
    };
    if times.len() != frames {
        return Err(wrong(field, format!("{} values", times.len()), &format!("one time for each of {frames} frames")));
    }
    let step = times.get(1).map(|second| second - times[0]);
    let excitations = [excitation_time, repetition_time.filter(|&time| time < DceAcquisition::SHORTEST_FRAME_TIME.0)];
    if let Some(step) = step
        && excitations.iter().flatten().any(|time| (time - step).abs() < 1e-9)
    {
        let expected = "the time between frames, not the repetition time of the excitations; give it with --dt";
        return Err(wrong(field, format!("{step} s"), expected));
    }
    let mut acquisition = DceAcquisition::new(&times)
        .map_err(|source| StudyError::Acquisition { file: sidecar.source_of(field).to_owned(), source })?;
    acquisition.excitation_time = excitation_time.map(Seconds);
    acquisition.flip_angle = number("FlipAngle", "an angle in degrees")?.map(Degrees);
    acquisition.field_strength = number("MagneticFieldStrength", "a field in tesla")?.map(Tesla);
    Ok(acquisition)
}

/// Flip angle and excitation repetition time of an image for T1 mapping.
pub fn flip_angle_acquisition(sidecar: &Sidecar) -> Result<(Degrees, Seconds), StudyError> {
    let missing = |field: &str, expected: &str| StudyError::Field {
        file: sidecar.name().to_owned(),
        field: field.to_owned(),
        found: "missing".to_owned(),
        expected: expected.to_owned(),
    };
    let angle = sidecar
        .number("FlipAngle", "an angle in degrees")?
        .ok_or_else(|| missing("FlipAngle", "an angle in degrees"))?;
    let (field, time) = match sidecar.number("RepetitionTimeExcitation", "a time in seconds")? {
        Some(time) => ("RepetitionTimeExcitation", time),
        None => (
            "RepetitionTime",
            sidecar
                .number("RepetitionTime", "a time in seconds")?
                .ok_or_else(|| missing("RepetitionTimeExcitation", "a time in seconds"))?,
        ),
    };
    if !(time > 0.0 && time < DceAcquisition::SHORTEST_FRAME_TIME.0) {
        return Err(StudyError::Field {
            file: sidecar.source_of(field).to_owned(),
            field: field.to_owned(),
            found: format!("{time} s"),
            expected: "the time between excitations, above 0 s and below 0.5 s (milliseconds?)".to_owned(),
        });
    }
    Ok((Degrees(angle), Seconds(time)))
}

/// Frame times in s, and what gave them.
fn frame_times(
    sidecar: &Sidecar,
    frames: usize,
    header: Option<Seconds>,
    given: &DceGiven,
) -> Result<(Vec<f64>, &'static str), StudyError> {
    let even = |step: f64| (0..frames).map(|frame| frame as f64 * step).collect::<Vec<f64>>();
    if let Some(step) = given.frame_time {
        return Ok((even(step.0), "--dt"));
    }
    for field in ["FrameTimesStart", "VolumeTiming"] {
        if let Some(times) = sidecar.numbers(field, "times in seconds, one per frame")? {
            return Ok((times, field));
        }
    }
    if let Some(duration) = sidecar.number("AcquisitionDuration", "a time in seconds")? {
        return Ok((even(duration / frames as f64), "AcquisitionDuration"));
    }
    // A header without a frame time holds zero.
    match header.filter(|time| time.0 > 0.0) {
        Some(time) => Ok((even(time.0), "frame time of the image header")),
        None => Err(StudyError::Acquisition {
            file: sidecar.name().to_owned(),
            source: AcquisitionError::Missing {
                field: "FrameTimesStart",
                expected: "the start of each frame in seconds (or VolumeTiming, AcquisitionDuration)",
                flag: "--dt",
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::sidecar::tests::sidecar;

    fn read(json: &str, header: Option<f64>) -> Result<DceAcquisition, String> {
        dce_acquisition(&sidecar(json), 4, header.map(Seconds), &DceGiven::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn frame_times_of_the_sidecar_may_be_uneven() {
        let found =
            read(r#"{"FrameTimesStart": [10, 12, 14, 30], "RepetitionTime": 0.005, "FlipAngle": 15}"#, None).unwrap();
        assert_eq!(found.frame_times(), [0.0, 2.0, 4.0, 20.0]);
        assert_eq!((found.excitation_time, found.flip_angle), (Some(Seconds(0.005)), Some(Degrees(15.0))));
    }

    #[test]
    fn an_excitation_time_is_never_a_frame_time() {
        let error = read(r#"{"RepetitionTime": 0.005}"#, None).unwrap_err();
        assert!(error.contains("FrameTimesStart is missing") && error.contains("--dt"), "{error}");
        let error = read(r#"{"RepetitionTime": 0.005}"#, Some(0.005)).unwrap_err();
        assert!(error.contains("not the repetition time of the excitations"), "{error}");
        let error = read(r#"{"RepetitionTimeExcitation": 0.7}"#, Some(0.7)).unwrap_err();
        assert!(error.contains("not the repetition time"), "{error}");
        // Not even one in seconds, where nothing else gives frame times.
        assert!(read(r#"{"RepetitionTime": 5.0}"#, None).is_err());
        assert_eq!(read(r#"{"RepetitionTime": 5.0}"#, Some(5.0)).unwrap().excitation_time, None);
    }

    #[test]
    fn a_duration_is_shared_by_the_frames_and_a_given_time_comes_first() {
        assert_eq!(read(r#"{"AcquisitionDuration": 20}"#, None).unwrap().frame_times(), [0.0, 5.0, 10.0, 15.0]);
        let given = DceGiven { frame_time: Some(Seconds(3.0)) };
        let found = dce_acquisition(&sidecar(r#"{"FrameTimesStart": [0, 1, 2, 3]}"#), 4, None, &given).unwrap();
        assert_eq!(found.frame_times(), [0.0, 3.0, 6.0, 9.0]);
    }

    #[test]
    fn a_flip_angle_image_needs_its_angle_and_its_excitation_time_in_seconds() {
        let read = |json: &str| flip_angle_acquisition(&sidecar(json)).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"FlipAngle": 5, "RepetitionTimeExcitation": 0.005}"#), Ok((Degrees(5.0), Seconds(0.005))));
        assert_eq!(read(r#"{"FlipAngle": 5, "RepetitionTime": 0.005}"#), Ok((Degrees(5.0), Seconds(0.005))));
        assert!(read(r#"{"RepetitionTime": 0.005}"#).unwrap_err().contains("FlipAngle is missing"));
        assert!(read(r#"{"FlipAngle": 5}"#).unwrap_err().contains("RepetitionTimeExcitation is missing"));
        assert!(read(r#"{"FlipAngle": 5, "RepetitionTime": 5.4}"#).unwrap_err().contains("milliseconds?"));
    }

    #[test]
    fn as_many_times_as_frames_are_expected() {
        let error = read(r#"{"FrameTimesStart": [0, 2, 4]}"#, None).unwrap_err();
        assert!(error.contains("3 values") && error.contains("4 frames"), "{error}");
    }
}
