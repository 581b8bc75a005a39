//! From a sidecar to what the DSC method must know (BIDS 1.10, MRI common metadata; dcm2niix field names).

use super::error::StudyError;
use super::settings::Settings;
use super::sidecar::Sidecar;
use crate::acquisition::DscAcquisition;
use crate::quality::{Caveat, CaveatCode};
use crate::units::{Degrees, Seconds, Tesla};

/// Values given on the command line: they replace the sidecar's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DscGiven {
    /// `--te`.
    pub echo_time: Option<Seconds>,
    /// `--tr`.
    pub repetition_time: Option<Seconds>,
    /// Whether the series holds concentration: then no echo time is needed, and none is read.
    pub concentration: bool,
}

/// What the DSC method must know of a series.
///
/// A value given on the command line comes first, then the sidecar, then (for the frame time alone) the image header;
/// no value has a default. Where sidecar and header differ by more than the settings allow the sidecar is used, with a
/// caveat.
pub fn dsc_acquisition(
    sidecar: &Sidecar,
    second_echo: Option<&Sidecar>,
    header_frame_time: Option<Seconds>,
    given: &DscGiven,
    settings: &Settings,
) -> Result<(DscAcquisition, Vec<Caveat>), StudyError> {
    // A header without a frame time holds zero.
    let header_frame_time = header_frame_time.filter(|time| time.0 > 0.0);
    let mut caveats = Vec::new();
    let echo_time = match given.echo_time {
        Some(given) => Some(given),
        None => seconds(sidecar, "EchoTime")?,
    };
    let repetition_time = match given.repetition_time {
        Some(given) => Some(given),
        None => {
            let written = seconds(sidecar, "RepetitionTime")?;
            if let (Some(written), Some(header)) = (written, header_frame_time)
                && differ(written.0, header.0, settings.frame_time_tolerance)
            {
                let detail = format!(
                    "{}: RepetitionTime is {written}, the frame time of the image header is {header}",
                    sidecar.source_of("RepetitionTime")
                );
                caveats.push(Caveat::new(CaveatCode::SidecarAndHeaderDiffer, detail));
            }
            written.or(header_frame_time)
        }
    };
    let acquisition = if given.concentration {
        DscAcquisition::of_concentration(repetition_time)
    } else {
        DscAcquisition::new(echo_time, repetition_time)
    };
    let mut acquisition =
        acquisition.map_err(|source| StudyError::Acquisition { file: sidecar.name().to_owned(), source })?;
    acquisition.flip_angle = sidecar.number("FlipAngle", "an angle in degrees")?.map(Degrees);
    acquisition.field_strength = sidecar.number("MagneticFieldStrength", "a field in tesla")?.map(Tesla);
    acquisition.second_echo_time = second_echo_time(&acquisition, second_echo)?;
    Ok((acquisition, caveats))
}

fn second_echo_time(first: &DscAcquisition, sidecar: Option<&Sidecar>) -> Result<Option<Seconds>, StudyError> {
    let Some(sidecar) = sidecar else { return Ok(None) };
    // The checks of the first echo hold for the second one: the acquisition is checked again with the second in its place.
    let second = DscAcquisition::new(seconds(sidecar, "EchoTime")?, Some(first.repetition_time()))
        .map_err(|source| StudyError::Acquisition { file: sidecar.name().to_owned(), source })?
        .echo_time();
    if second <= first.echo_time() {
        return Err(StudyError::Field {
            file: sidecar.source_of("EchoTime").to_owned(),
            field: "EchoTime".to_owned(),
            found: second.to_string(),
            expected: format!("an echo time above that of the first echo, {}", first.echo_time()),
        });
    }
    Ok(Some(second))
}

fn seconds(sidecar: &Sidecar, field: &str) -> Result<Option<Seconds>, StudyError> {
    Ok(sidecar.number(field, "a time in seconds")?.map(Seconds))
}

/// Whether two values differ by more than a fraction of the larger one.
pub(super) fn differ(one: f64, other: f64, fraction: f64) -> bool {
    (one - other).abs() > fraction * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::sidecar::tests::sidecar;

    fn settings() -> Settings {
        crate::settings::default_section("study")
    }

    fn read(json: &str, header: Option<f64>) -> Result<(DscAcquisition, Vec<Caveat>), StudyError> {
        dsc_acquisition(&sidecar(json), None, header.map(Seconds), &DscGiven::default(), &settings())
    }

    #[test]
    fn sidecar_values_come_first_and_a_difference_is_a_caveat() {
        let (acquisition, caveats) =
            read(r#"{"echotime": 0.03, "RepetitionTime": [1.5], "FlipAngle": 60}"#, Some(1.25)).unwrap();
        assert_eq!(acquisition.repetition_time(), Seconds(1.5));
        assert_eq!(acquisition.flip_angle, Some(Degrees(60.0)));
        assert_eq!(caveats.len(), 1);
        assert_eq!(caveats[0].code, CaveatCode::SidecarAndHeaderDiffer);
        assert!(caveats[0].detail.contains("1.5 s") && caveats[0].detail.contains("1.25 s"), "{}", caveats[0]);
    }

    #[test]
    fn a_difference_of_a_rounding_is_no_caveat() {
        let (_, caveats) = read(r#"{"EchoTime": 0.03, "RepetitionTime": 1.5}"#, Some(1.501)).unwrap();
        assert_eq!(caveats, []);
    }

    #[test]
    fn the_header_serves_where_the_sidecar_gives_no_frame_time() {
        let (acquisition, caveats) = read(r#"{"EchoTime": 0.03, "RepetitionTime": "n/a"}"#, Some(1.25)).unwrap();
        assert_eq!((acquisition.repetition_time(), caveats.len()), (Seconds(1.25), 0));
        let error = read(r#"{"EchoTime": 0.03}"#, Some(0.0)).unwrap_err().to_string();
        assert!(error.contains("RepetitionTime is missing"), "a header of zero is no frame time: {error}");
    }

    #[test]
    fn echo_time_in_milliseconds_names_file_field_value_and_flag() {
        let error = read(r#"{"EchoTime": 30, "RepetitionTime": 1.5}"#, None).unwrap_err().to_string();
        for part in ["test.json", "EchoTime", "30 s", "--te"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_missing_echo_time_has_no_default_and_a_given_one_serves() {
        assert!(read(r#"{"RepetitionTime": 1.5}"#, None).is_err());
        let given =
            DscGiven { echo_time: Some(Seconds(0.04)), repetition_time: Some(Seconds(2.0)), concentration: false };
        let (acquisition, caveats) =
            dsc_acquisition(&sidecar(r#"{"EchoTime": 30}"#), None, Some(Seconds(1.0)), &given, &settings()).unwrap();
        assert_eq!((acquisition.echo_time(), acquisition.repetition_time()), (Seconds(0.04), Seconds(2.0)));
        assert_eq!(caveats, []);
    }

    #[test]
    fn the_second_echo_must_come_later() {
        let first = sidecar(r#"{"EchoTime": 0.03, "RepetitionTime": 1.5}"#);
        let read =
            |second: &str| dsc_acquisition(&first, Some(&sidecar(second)), None, &DscGiven::default(), &settings());
        assert_eq!(read(r#"{"EchoTime": 0.05}"#).unwrap().0.second_echo_time, Some(Seconds(0.05)));
        assert!(read(r#"{"EchoTime": 0.03}"#).unwrap_err().to_string().contains("above that of the first echo"));
        assert!(read("{}").unwrap_err().to_string().contains("EchoTime is missing"));
    }

    #[test]
    fn frame_times_that_change_are_no_frame_time() {
        let error = read(r#"{"EchoTime": 0.03, "RepetitionTime": [1.5, 2.0]}"#, None).unwrap_err().to_string();
        assert!(error.contains("RepetitionTime") && error.contains("one value for all frames"), "{error}");
    }
}
