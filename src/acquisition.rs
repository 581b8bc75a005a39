//! What a method must know of a scan, checked once, in SI units.
//!
//! No acquisition value has a default: what a sidecar or a flag does not give is absent, and the method that needs
//! it says so.

use crate::clinical::{Sex, Tracer};
use crate::units::{Becquerels, Degrees, Kilograms, Meters, Seconds, Tesla};

/// An acquisition value that cannot be right, named with its source.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AcquisitionError {
    /// A field that the method cannot do without.
    #[error("{field} is missing: expected {expected} in the sidecar or the header; give it with {flag}")]
    Missing {
        /// The BIDS field.
        field: &'static str,
        /// What is expected, with its unit.
        expected: &'static str,
        /// The option that overrides it.
        flag: &'static str,
    },
    /// A value outside what the method can mean.
    #[error("{field} is {found}: expected {expected}; correct the sidecar or give it with {flag}")]
    OutOfRange {
        /// The BIDS field.
        field: &'static str,
        /// What was found, with its unit.
        found: String,
        /// What is expected, with its unit.
        expected: &'static str,
        /// The option that overrides it.
        flag: &'static str,
    },
}

/// A dynamic susceptibility contrast series.
#[derive(Debug, Clone, PartialEq)]
pub struct DscAcquisition {
    echo_time: Seconds,
    repetition_time: Seconds,
    /// The second echo, where the sequence has two.
    pub second_echo_time: Option<Seconds>,
    /// Excitation flip angle.
    pub flip_angle: Option<Degrees>,
    /// Static field.
    pub field_strength: Option<Tesla>,
}

impl DscAcquisition {
    /// Longest frame time that can be a DSC series.
    pub const LONGEST_REPETITION_TIME: Seconds = Seconds(20.0);
    /// Longest echo time that can be in seconds.
    pub const LONGEST_ECHO_TIME: Seconds = Seconds(0.2);

    /// Checks echo and repetition time: a value in milliseconds is an error that names the field and the flag.
    pub fn new(echo_time: Option<Seconds>, repetition_time: Option<Seconds>) -> Result<Self, AcquisitionError> {
        let echo_time = Self::checked_echo_time(echo_time)?;
        let repetition_time = repetition_time.ok_or(AcquisitionError::Missing {
            field: "RepetitionTime",
            expected: "the time between frames in seconds",
            flag: "--tr",
        })?;
        if !(repetition_time.0 > 0.0 && repetition_time <= Self::LONGEST_REPETITION_TIME) {
            return Err(AcquisitionError::OutOfRange {
                field: "RepetitionTime",
                found: repetition_time.to_string(),
                expected: "above 0 s and at most 20 s (milliseconds?)",
                flag: "--tr",
            });
        }
        Ok(Self { echo_time, repetition_time, second_echo_time: None, flip_angle: None, field_strength: None })
    }

    fn checked_echo_time(echo_time: Option<Seconds>) -> Result<Seconds, AcquisitionError> {
        let echo_time = echo_time.ok_or(AcquisitionError::Missing {
            field: "EchoTime",
            expected: "the echo time in seconds",
            flag: "--te",
        })?;
        if !(echo_time.0 > 0.0 && echo_time <= Self::LONGEST_ECHO_TIME) {
            return Err(AcquisitionError::OutOfRange {
                field: "EchoTime",
                found: echo_time.to_string(),
                expected: "above 0 s and at most 0.2 s (milliseconds?)",
                flag: "--te",
            });
        }
        Ok(echo_time)
    }

    /// Echo time (of the first echo).
    pub fn echo_time(&self) -> Seconds {
        self.echo_time
    }

    /// Time between frames.
    pub fn repetition_time(&self) -> Seconds {
        self.repetition_time
    }
}

/// What a PET image's voxels hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PetUnits {
    /// Activity concentration in Bq/mL.
    BecquerelsPerMilliliter,
    /// Activity concentration in kBq/mL.
    KilobecquerelsPerMilliliter,
    /// Already SUV by body weight, g/mL.
    SuvBodyWeight,
}

/// One time frame of a PET image, from TimeZero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PetFrame {
    /// `FrameTimesStart`.
    pub start: Seconds,
    /// `FrameDuration`.
    pub duration: Seconds,
}

/// The patient's body, as the SUV normalizations need it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Body {
    /// Body weight.
    pub weight: Option<Kilograms>,
    /// Body height.
    pub height: Option<Meters>,
    /// Sex.
    pub sex: Option<Sex>,
}

/// A PET image: all times in seconds from TimeZero, every field absent where the sidecar lacks it.
#[derive(Debug, Clone, PartialEq)]
pub struct PetAcquisition {
    /// What the voxels hold; `None` where the sidecar says nothing (TBR still works).
    pub units: Option<PetUnits>,
    /// The tracer.
    pub tracer: Option<Tracer>,
    /// `TracerRadionuclide`, as written.
    pub radionuclide: Option<String>,
    /// `RadionuclideHalfLife`; wins over the table of the method.
    pub half_life: Option<Seconds>,
    /// `InjectedRadioactivity`, in Bq.
    pub injected: Option<Becquerels>,
    /// `InjectionStart`.
    pub injection_start: Option<Seconds>,
    /// `ScanStart`.
    pub scan_start: Option<Seconds>,
    /// `TimeZero`, seconds after midnight.
    pub time_zero: Option<Seconds>,
    /// `ImageDecayCorrected`.
    pub decay_corrected: Option<bool>,
    /// `ImageDecayCorrectionTime`.
    pub decay_correction_time: Option<Seconds>,
    /// `DecayCorrectionFactor`, one per frame.
    pub decay_correction_factors: Vec<f64>,
    /// Frames in order; empty where the sidecar gives none.
    pub frames: Vec<PetFrame>,
    /// The body.
    pub body: Body,
}

impl PetAcquisition {
    /// An acquisition of which nothing is known.
    pub fn unknown() -> Self {
        Self {
            units: None,
            tracer: None,
            radionuclide: None,
            half_life: None,
            injected: None,
            injection_start: None,
            scan_start: None,
            time_zero: None,
            decay_corrected: None,
            decay_correction_time: None,
            decay_correction_factors: Vec::new(),
            frames: Vec::new(),
            body: Body::default(),
        }
    }
}

closed_words! {
    /// How arterial spins are labeled.
    pub enum Labeling: "labeling" {
        /// Pseudo-continuous.
        Pcasl = "PCASL",
        /// Continuous.
        Casl = "CASL",
        /// Pulsed.
        Pasl = "PASL",
    }
}

closed_words! {
    /// What one volume of an ASL series holds (BIDS `volume_type`).
    pub enum AslVolume: "volume type" {
        /// Without label.
        Control = "control",
        /// With label.
        Label = "label",
        /// Equilibrium magnetization.
        M0 = "m0scan",
        /// Control minus label.
        Difference = "deltam",
        /// CBF, already quantified.
        Cbf = "cbf",
        /// Without excitation.
        Noise = "noRF",
    }
}

closed_words! {
    /// How a PASL bolus is cut off (BIDS `BolusCutOffTechnique`).
    pub enum BolusCutOff: "bolus cut-off" {
        /// One saturation pulse before the label.
        Quipss = "QUIPSS",
        /// One saturation pulse behind the label.
        QuipssII = "QUIPSSII",
        /// A train of thin saturation pulses.
        Q2Tips = "Q2TIPS",
    }
}

/// Where the equilibrium magnetization comes from (BIDS `M0Type`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum M0Source {
    /// A scan of its own, with its repetition time.
    Separate {
        /// `RepetitionTimePreparation` of that scan.
        repetition_time: Option<Seconds>,
    },
    /// Volumes of the series.
    Included,
    /// M0 of *blood*, as a number.
    Estimate(f64),
    /// None.
    Absent,
}

/// An arterial spin labeling series; every list has one value per volume.
#[derive(Debug, Clone, PartialEq)]
pub struct AslAcquisition {
    /// How spins are labeled.
    pub labeling: Labeling,
    /// What each volume holds.
    pub volumes: Vec<AslVolume>,
    /// `PostLabelingDelay`: (P)CASL from the end of labeling, PASL from its middle (the inversion time).
    pub delays: Vec<Seconds>,
    /// `LabelingDuration` of (P)CASL; empty for PASL.
    pub durations: Vec<Seconds>,
    /// `BolusCutOffTechnique` and the first `BolusCutOffDelayTime` of PASL; `None` where the bolus is not cut off.
    pub cut_off: Option<(BolusCutOff, Seconds)>,
    /// Where M0 comes from.
    pub m0: M0Source,
    /// `RepetitionTimePreparation`; empty where the sidecar lacks it.
    pub repetition_times: Vec<Seconds>,
    /// `BackgroundSuppression`.
    pub background_suppression: bool,
    /// `BackgroundSuppressionNumberPulses`.
    pub suppression_pulses: Option<usize>,
    /// `SliceTiming` of a 2D readout, one value per stored slice; `None` for 3D.
    pub slice_times: Option<Vec<Seconds>>,
    /// `LabelingEfficiency`; wins over the settings.
    pub efficiency: Option<f64>,
    /// Static field.
    pub field_strength: Option<Tesla>,
}

/// A dynamic contrast-enhanced series.
#[derive(Debug, Clone, PartialEq)]
pub struct DceAcquisition {
    frame_times: Vec<f64>,
    /// *Excitation* repetition time; concentrations need it.
    pub excitation_time: Option<Seconds>,
    /// Flip angle; concentrations need it.
    pub flip_angle: Option<Degrees>,
    /// Static field.
    pub field_strength: Option<Tesla>,
}

impl DceAcquisition {
    /// Shortest time between frames that can be meant.
    ///
    /// METHOD: excitation repetition times of DCE lie in milliseconds; a "frame time" below half a second is one of them.
    pub const SHORTEST_FRAME_TIME: Seconds = Seconds(0.5);

    /// Checks frame times in s, one per frame, counted from the first: increasing by at least half a second.
    pub fn new(frame_times: &[f64]) -> Result<Self, AcquisitionError> {
        let wrong = |found: String| AcquisitionError::OutOfRange {
            field: "frame times",
            found,
            expected: "at least two, increasing by 0.5 s or more (an excitation TR is no frame time)",
            flag: "--dt",
        };
        if frame_times.len() < 2 {
            return Err(wrong(format!("{} value(s)", frame_times.len())));
        }
        let shortest = frame_times.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        if !frame_times.iter().all(|time| time.is_finite()) || shortest < Self::SHORTEST_FRAME_TIME.0 - 1e-9 {
            return Err(wrong(format!("a step of {shortest} s")));
        }
        let frame_times = frame_times.iter().map(|time| time - frame_times[0]).collect();
        Ok(Self { frame_times, excitation_time: None, flip_angle: None, field_strength: None })
    }

    /// Time of each frame, s after the first.
    pub fn frame_times(&self) -> &[f64] {
        &self.frame_times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_time_in_milliseconds_is_an_error_that_names_the_flag() {
        let error = DscAcquisition::new(Some(Seconds(30.0)), Some(Seconds(1.5))).unwrap_err().to_string();
        assert!(error.contains("EchoTime") && error.contains("--te") && error.contains("30 s"), "{error}");
    }

    #[test]
    fn a_missing_repetition_time_has_no_default() {
        let error = DscAcquisition::new(Some(Seconds(0.03)), None).unwrap_err().to_string();
        assert!(error.contains("RepetitionTime") && error.contains("--tr"), "{error}");
    }

    #[test]
    fn dce_frame_times_count_from_the_first_and_no_excitation_time_passes() {
        assert_eq!(DceAcquisition::new(&[3.0, 4.5, 9.0]).unwrap().frame_times(), [0.0, 1.5, 6.0]);
        let error = DceAcquisition::new(&[0.0, 0.005, 0.01]).unwrap_err().to_string();
        assert!(error.contains("excitation TR") && error.contains("--dt"), "{error}");
        assert!(DceAcquisition::new(&[0.0, 2.0, 1.0]).is_err() && DceAcquisition::new(&[0.0]).is_err());
    }

    #[test]
    fn repetition_time_of_exactly_20_s_is_allowed() {
        assert!(DscAcquisition::new(Some(Seconds(0.2)), Some(Seconds(20.0))).is_ok());
        assert!(DscAcquisition::new(Some(Seconds(0.2)), Some(Seconds(f64::NAN))).is_err());
    }
}
