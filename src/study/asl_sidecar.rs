//! From `asl.json`, `aslcontext.tsv` and `m0scan.json` to what the ASL method must know (BIDS 1.10, "Arterial Spin
//! Labeling perfusion data", and its checks).

use super::error::StudyError;
use super::sidecar::Sidecar;
use super::tables::Table;
use crate::acquisition::{AslAcquisition, AslVolume, BolusCutOff, Labeling, M0Source};
use crate::units::{Seconds, Tesla};

/// A time of labeling above this is in milliseconds, s (BIDS checks).
const LONGEST_TIME: f64 = 10.0;

/// What the ASL method must know of a series of `volumes` volumes. `m0` is the sidecar of the separate M0 scan, where
/// there is one.
pub fn asl_acquisition(
    sidecar: &Sidecar,
    context: &Table,
    m0: Option<&Sidecar>,
    volumes: usize,
) -> Result<AslAcquisition, StudyError> {
    let kinds = volume_types(context)?;
    let reader = Reader { sidecar, volumes };
    if kinds.len() != volumes {
        let problem = format!("holds {} volume types, the image {volumes} volumes: expected one each", kinds.len());
        return Err(StudyError::Table { file: context.file().to_owned(), problem });
    }
    let labeling: Labeling = reader.word("ArterialSpinLabelingType", "PCASL, CASL or PASL")?;
    let delays =
        reader.times("PostLabelingDelay", &kinds)?.ok_or_else(|| reader.missing("PostLabelingDelay", "seconds"))?;
    let durations = match labeling {
        Labeling::Pasl => Vec::new(),
        Labeling::Pcasl | Labeling::Casl => {
            reader.times("LabelingDuration", &kinds)?.ok_or_else(|| reader.missing("LabelingDuration", "seconds"))?
        }
    };
    check_pairs(&reader, &kinds)?;
    let background_suppression = sidecar
        .flag("BackgroundSuppression")?
        .ok_or_else(|| reader.missing("BackgroundSuppression", "true or false"))?;
    let slice_times = match sidecar.text("MRAcquisitionType")? {
        Some(kind) if kind.eq_ignore_ascii_case("2D") => Some(reader.slice_times()?),
        Some(kind) if kind.eq_ignore_ascii_case("3D") => None,
        Some(other) => return Err(reader.wrong("MRAcquisitionType", other, "2D or 3D")),
        None => return Err(reader.missing("MRAcquisitionType", "2D or 3D")),
    };
    let efficiency = sidecar.number("LabelingEfficiency", "a number above 0 and at most 1")?;
    if let Some(value) = efficiency.filter(|value| !(*value > 0.0 && *value <= 1.0)) {
        return Err(reader.wrong("LabelingEfficiency", value, "a number above 0 and at most 1"));
    }
    Ok(AslAcquisition {
        labeling,
        cut_off: if labeling == Labeling::Pasl { reader.cut_off()? } else { None },
        m0: reader.m0(&kinds, m0)?,
        repetition_times: reader.repetition_times()?,
        background_suppression,
        suppression_pulses: reader.suppression_pulses()?,
        slice_times,
        efficiency,
        field_strength: sidecar.number("MagneticFieldStrength", "a field in tesla")?.map(Tesla),
        volumes: kinds,
        delays,
        durations,
    })
}

/// The volume types, in order.
fn volume_types(context: &Table) -> Result<Vec<AslVolume>, StudyError> {
    context.require("volume_type")?;
    if context.columns().len() > 1 {
        let problem = format!("holds the columns {}: expected volume_type alone", context.columns().join(", "));
        return Err(StudyError::Table { file: context.file().to_owned(), problem });
    }
    context
        .rows()
        .map(|row| {
            row.word("volume_type")?
                .ok_or_else(|| row.wrong("volume_type", "is missing: expected control, label, m0scan, deltam or cbf"))
        })
        .collect()
}

/// As many controls as labels, as many pairs as the sidecar tells.
fn check_pairs(reader: &Reader<'_>, kinds: &[AslVolume]) -> Result<(), StudyError> {
    let count = |kind: AslVolume| kinds.iter().filter(|&&found| found == kind).count();
    let (controls, labels) = (count(AslVolume::Control), count(AslVolume::Label));
    let field = "TotalAcquiredPairs";
    if controls != labels {
        let found = format!("{controls} control and {labels} label volumes in the aslcontext");
        return Err(reader.wrong(field, found, "as many of each"));
    }
    // Ready differences may be averages of many pairs: they cannot be counted against it.
    if let Some(pairs) = reader.sidecar.number(field, "a number of pairs")?
        && controls > 0
        && pairs != controls as f64
    {
        return Err(reader.wrong(field, pairs, format!("{controls}, the control-label pairs of the aslcontext")));
    }
    Ok(())
}

struct Reader<'a> {
    sidecar: &'a Sidecar,
    volumes: usize,
}

impl Reader<'_> {
    fn wrong(&self, field: &str, found: impl std::fmt::Display, expected: impl Into<String>) -> StudyError {
        StudyError::Field {
            file: self.sidecar.source_of(field).to_owned(),
            field: field.to_owned(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    fn missing(&self, field: &str, expected: &str) -> StudyError {
        self.wrong(field, "missing", expected)
    }

    fn word<T: std::str::FromStr>(&self, field: &str, expected: &str) -> Result<T, StudyError> {
        let text = self.sidecar.text(field)?.ok_or_else(|| self.missing(field, expected))?;
        text.parse().map_err(|_| self.wrong(field, text, expected))
    }

    /// One value per volume from a number or a list as long as the series.
    fn per_volume(&self, field: &str) -> Result<Option<Vec<f64>>, StudyError> {
        match self.sidecar.numbers(field, "a time in seconds, or one per volume")? {
            None => Ok(None),
            Some(values) if values.len() == self.volumes => Ok(Some(values)),
            Some(values) if values.len() == 1 => Ok(Some(vec![values[0]; self.volumes])),
            Some(values) => {
                let expected = format!("one value, or one for each of {} volumes", self.volumes);
                Err(self.wrong(field, format!("a list of {}", values.len()), expected))
            }
        }
    }

    /// Times of labeling: seconds, and above 0 in volumes that are controls, labels or differences.
    fn times(&self, field: &str, kinds: &[AslVolume]) -> Result<Option<Vec<Seconds>>, StudyError> {
        let Some(values) = self.per_volume(field)? else { return Ok(None) };
        for (&value, kind) in values.iter().zip(kinds) {
            let labeled = matches!(kind, AslVolume::Control | AslVolume::Label | AslVolume::Difference);
            if value > LONGEST_TIME || value < 0.0 || (labeled && value == 0.0) {
                let expected = "above 0 s and at most 10 s in a labeled volume (milliseconds?)";
                return Err(self.wrong(field, format!("{value} s"), expected));
            }
        }
        Ok(Some(values.into_iter().map(Seconds).collect()))
    }

    fn repetition_times(&self) -> Result<Vec<Seconds>, StudyError> {
        let values = self.per_volume("RepetitionTimePreparation")?.unwrap_or_default();
        Ok(values.into_iter().map(Seconds).collect())
    }

    fn slice_times(&self) -> Result<Vec<Seconds>, StudyError> {
        let field = "SliceTiming";
        let times = self
            .sidecar
            .numbers(field, "seconds, one per slice")?
            .ok_or_else(|| self.missing(field, "the time of each slice in seconds (2D readout)"))?;
        if let Some(time) = times.iter().find(|time| !(0.0..=LONGEST_TIME).contains(*time)) {
            return Err(self.wrong(field, format!("{time} s"), "0 to 10 s (milliseconds?)"));
        }
        Ok(times.into_iter().map(Seconds).collect())
    }

    fn suppression_pulses(&self) -> Result<Option<usize>, StudyError> {
        let field = "BackgroundSuppressionNumberPulses";
        let Some(pulses) = self.sidecar.number(field, "a number of pulses")? else { return Ok(None) };
        if pulses < 0.0 || pulses.fract() != 0.0 || pulses > 100.0 {
            return Err(self.wrong(field, pulses, "a whole number of pulses"));
        }
        let times = self.sidecar.numbers("BackgroundSuppressionPulseTime", "seconds, one per pulse")?;
        if let Some(times) = times.filter(|times| times.len() as f64 != pulses) {
            return Err(self.wrong(field, pulses, format!("{}, the number of pulse times", times.len())));
        }
        Ok(Some(pulses as usize))
    }

    /// The technique and the time at which the bolus is cut off; `None` where it is not.
    fn cut_off(&self) -> Result<Option<(BolusCutOff, Seconds)>, StudyError> {
        let flag = "BolusCutOffFlag";
        if !self.sidecar.flag(flag)?.ok_or_else(|| self.missing(flag, "true or false (PASL)"))? {
            return Ok(None);
        }
        let technique = self.word("BolusCutOffTechnique", "QUIPSS, QUIPSSII or Q2TIPS")?;
        let field = "BolusCutOffDelayTime";
        let times = self
            .sidecar
            .numbers(field, "seconds; the first, or first and last, saturation pulse")?
            .ok_or_else(|| self.missing(field, "seconds"))?;
        if let Some(time) = times.iter().find(|time| !(**time > 0.0 && **time <= LONGEST_TIME)) {
            return Err(self.wrong(field, format!("{time} s"), "above 0 s and at most 10 s (milliseconds?)"));
        }
        Ok(Some((technique, Seconds(times[0]))))
    }

    fn m0(&self, kinds: &[AslVolume], scan: Option<&Sidecar>) -> Result<M0Source, StudyError> {
        let field = "M0Type";
        let expected = "Separate, Included, Estimate or Absent";
        let text = self.sidecar.text(field)?.ok_or_else(|| self.missing(field, expected))?;
        let included = kinds.contains(&AslVolume::M0);
        match text.to_ascii_lowercase().as_str() {
            "separate" => match scan {
                Some(scan) => Ok(M0Source::Separate {
                    repetition_time: scan.number("RepetitionTimePreparation", "a time in seconds")?.map(Seconds),
                }),
                None => Err(self.wrong(field, text, "an m0scan file beside the series: none was found")),
            },
            "included" if included => Ok(M0Source::Included),
            "included" => Err(self.wrong(field, text, "an m0scan volume in the aslcontext: none was found")),
            "estimate" => {
                let value = self.sidecar.number("M0Estimate", "M0 of blood, a number above 0")?;
                match value {
                    Some(value) if value > 0.0 => Ok(M0Source::Estimate(value)),
                    Some(value) => Err(self.wrong("M0Estimate", value, "a number above 0")),
                    None => Err(self.missing("M0Estimate", "M0 of blood, a number above 0")),
                }
            }
            "absent" if scan.is_some() || included => {
                Err(self.wrong(field, text, "no m0scan anywhere, since one is there: Separate or Included"))
            }
            "absent" => Ok(M0Source::Absent),
            _ => Err(self.wrong(field, text, expected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::sidecar::tests::sidecar;

    const PCASL: &str = r#""ArterialSpinLabelingType": "PCASL", "MRAcquisitionType": "3D", "MagneticFieldStrength": 3,
        "BackgroundSuppression": true, "TotalAcquiredPairs": 1, "RepetitionTimePreparation": 4.6"#;

    fn read(fields: &str, kinds: &str, m0: Option<&str>) -> Result<AslAcquisition, String> {
        let context = Table::parse("aslcontext.tsv", &format!("volume_type\n{}\n", kinds.replace(' ', "\n"))).unwrap();
        let m0 = m0.map(sidecar);
        asl_acquisition(&sidecar(&format!("{{{fields}}}")), &context, m0.as_ref(), kinds.split(' ').count())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_number_serves_all_volumes_and_a_list_each_its_own() {
        let fields =
            format!(r#"{PCASL}, "PostLabelingDelay": [0, 2.0, 2.0], "LabelingDuration": 1.8, "M0Type": "Included""#);
        let found = read(&fields, "m0scan control label", None).unwrap();
        assert_eq!(found.delays, [0.0, 2.0, 2.0].map(Seconds));
        assert_eq!((found.durations, found.m0), (vec![Seconds(1.8); 3], M0Source::Included));
        let fields =
            format!(r#"{PCASL}, "PostLabelingDelay": [2.0, 2.0], "LabelingDuration": 1.8, "M0Type": "Included""#);
        let error = read(&fields, "m0scan control label", None).unwrap_err();
        assert!(error.contains("a list of 2") && error.contains("3 volumes"), "{error}");
    }

    #[test]
    fn milliseconds_are_suspected() {
        for (delay, duration, field) in [("1800", "1.8", "PostLabelingDelay"), ("1.8", "1800", "LabelingDuration")] {
            let fields =
                format!(r#"{PCASL}, "PostLabelingDelay": {delay}, "LabelingDuration": {duration}, "M0Type": "Absent""#);
            let error = read(&fields, "control label", None).unwrap_err();
            assert!(error.contains(field) && error.contains("milliseconds?"), "{error}");
        }
    }

    #[test]
    fn the_m0_type_and_what_is_there_must_agree() {
        let with = |kind: &str, kinds: &str, m0| {
            read(&format!(r#"{PCASL}, "PostLabelingDelay": 2, "LabelingDuration": 1.8, "M0Type": {kind}"#), kinds, m0)
        };
        let scan = Some(r#"{"RepetitionTimePreparation": 10}"#);
        let separate = M0Source::Separate { repetition_time: Some(Seconds(10.0)) };
        assert_eq!(with(r#""Separate""#, "label control", scan).unwrap().m0, separate);
        assert!(with(r#""Separate""#, "label control", None).unwrap_err().contains("none was found"));
        assert!(with(r#""Included""#, "label control", None).unwrap_err().contains("none was found"));
        assert!(with(r#""Absent""#, "label control", scan).unwrap_err().contains("Separate or Included"));
        let estimate = with(r#""Estimate", "M0Estimate": 900"#, "label control", None).unwrap();
        assert_eq!(estimate.m0, M0Source::Estimate(900.0));
        assert!(with(r#""Estimate""#, "label control", None).unwrap_err().contains("M0Estimate is missing"));
    }

    #[test]
    fn context_volumes_and_pairs_are_counted() {
        let fields = format!(r#"{PCASL}, "PostLabelingDelay": 2, "LabelingDuration": 1.8, "M0Type": "Absent""#);
        let error = read(&fields, "control label control label", None).unwrap_err();
        assert!(error.contains("TotalAcquiredPairs is 1") && error.contains("expected 2"), "{error}");
        assert!(read(&fields, "control label label", None).unwrap_err().contains("1 control and 2 label"));
        let context = Table::parse("aslcontext.tsv", "volume_type\ncontrol\nlabel\n").unwrap();
        let error = asl_acquisition(&sidecar(&format!("{{{fields}}}")), &context, None, 3).unwrap_err().to_string();
        assert!(error.contains("2 volume types") && error.contains("3 volumes"), "{error}");
    }

    #[test]
    fn pasl_tells_its_cut_off_and_2d_its_slices() {
        let fields = r#""ArterialSpinLabelingType": "PASL", "MRAcquisitionType": "2D", "SliceTiming": [0, 0.04, 0.08],
            "BackgroundSuppression": false, "M0Type": "Absent", "PostLabelingDelay": [1.8, 1.8],
            "BolusCutOffFlag": true, "BolusCutOffDelayTime": [0.7, 1.6], "BolusCutOffTechnique": "Q2TIPS""#;
        let found = read(fields, "label control", None).unwrap();
        assert_eq!(found.cut_off, Some((BolusCutOff::Q2Tips, Seconds(0.7))));
        assert_eq!(found.slice_times.unwrap().len(), 3);
        let without = fields.replace("true", "false");
        assert_eq!(read(&without, "label control", None).unwrap().cut_off, None);
        let error = read(&fields.replace("SliceTiming", "Other"), "label control", None).unwrap_err();
        assert!(error.contains("SliceTiming is missing"), "{error}");
    }
}
