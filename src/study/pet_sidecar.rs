//! From a sidecar to what the PET method must know (BIDS 1.10, PET; dcm2niix and pet2bids field names).

use serde_json::Value;

use super::dsc_sidecar::differ;
use super::error::StudyError;
use super::settings::Settings;
use super::sidecar::Sidecar;
use crate::acquisition::{Body, PetAcquisition, PetFrame, PetUnits};
use crate::clinical::{Sex, Tracer};
use crate::quality::{Caveat, CaveatCode};
use crate::units::{Becquerels, Kilograms, Meters, Seconds};

const SECONDS_A_DAY: f64 = 86_400.0;

/// A body height above this is in centimeters: nobody is 3 m tall.
const TALLEST: Meters = Meters(3.0);

/// What the PET method must know of an image, and what was doubtful in reading it.
///
/// `tracer_label` is the `trc-` label of the file name or the tracer column of a worklist; `table` is the body as the
/// session's and participant's tables give it, used where the sidecar is silent.
pub fn pet_acquisition(
    sidecar: &Sidecar,
    tracer_label: Option<&str>,
    table: &Body,
    settings: &Settings,
) -> Result<(PetAcquisition, Vec<Caveat>), StudyError> {
    let mut caveats = Vec::new();
    let mut acquisition = PetAcquisition::unknown();
    acquisition.units = pet_units(sidecar, &mut caveats)?;
    acquisition.tracer = tracer(sidecar, tracer_label, &mut caveats)?;
    acquisition.radionuclide = sidecar.text("TracerRadionuclide")?.map(str::to_owned);
    // METHOD: what only SUV needs never keeps the ratio from being measured: a field that cannot be read is named in a
    // caveat and counts as missing. A dynamic image without its times is told so where its window is looked for.
    let mut fields = Fields { sidecar, caveats: &mut caveats };
    acquisition.half_life = fields.number("RadionuclideHalfLife", "a half-life above 0 s").map(Seconds);
    acquisition.injected = injected(&mut fields);
    let time_zero = fields.readable(time_zero(sidecar)).flatten();
    let clock = Clock { sidecar, time_zero };
    acquisition.injection_start = fields.time(&clock, "InjectionStart");
    acquisition.scan_start = fields.time(&clock, "ScanStart");
    acquisition.time_zero = time_zero;
    acquisition.decay_corrected = fields.readable(sidecar.flag("ImageDecayCorrected")).flatten();
    acquisition.decay_correction_time = fields.time(&clock, "ImageDecayCorrectionTime");
    let factors = sidecar.numbers("DecayCorrectionFactor", "one factor a frame");
    acquisition.decay_correction_factors = fields.readable(factors).flatten().unwrap_or_default();
    acquisition.frames = frames(&mut fields);
    acquisition.body = body_of(&mut fields, table, settings);
    Ok((acquisition, caveats))
}

/// Fields that the ratio can do without.
struct Fields<'a> {
    sidecar: &'a Sidecar,
    caveats: &'a mut Vec<Caveat>,
}

impl Fields<'_> {
    /// What was read; `None` with a caveat where it could not be.
    fn readable<T>(&mut self, read: Result<T, StudyError>) -> Option<T> {
        read.map_err(|error| self.caveats.push(Caveat::new(CaveatCode::FieldNotRead, error.to_string()))).ok()
    }

    fn number(&mut self, field: &str, expected: &str) -> Option<f64> {
        self.readable(self.sidecar.number(field, expected)).flatten()
    }

    fn first_of(&mut self, names: &[&'static str], expected: &str) -> Option<(&'static str, f64)> {
        names.iter().find_map(|name| Some((*name, self.number(name, expected)?)))
    }

    fn time(&mut self, clock: &Clock<'_>, field: &str) -> Option<Seconds> {
        let read = clock.time(field, self.caveats);
        self.readable(read).flatten()
    }
}

/// What the voxels hold. Counts are refused: they are no activity concentration. Any other unit than those that SUV can
/// be made from leaves the ratio: it needs none.
fn pet_units(sidecar: &Sidecar, caveats: &mut Vec<Caveat>) -> Result<Option<PetUnits>, StudyError> {
    let Some(text) = sidecar.text("Units")? else { return Ok(None) };
    let word: String = text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    let mut no_suv = |because: &str| {
        let detail = format!(
            "{}: Units is {text:?}: expected Bq/mL, kBq/mL, or g/mL (SUV by body weight); {because}",
            sidecar.source_of("Units")
        );
        caveats.push(Caveat::new(CaveatCode::SuvNotAvailable, detail));
        Ok(None)
    };
    match word.as_str() {
        "bqml" | "bqcc" | "bqcm3" => Ok(Some(PetUnits::BecquerelsPerMilliliter)),
        "kbqml" | "kbqcc" | "kbqcm3" => Ok(Some(PetUnits::KilobecquerelsPerMilliliter)),
        "gml" | "suv" | "suvbw" => Ok(Some(PetUnits::SuvBodyWeight)),
        "cnts" | "counts" | "count" | "propcps" | "cps" | "propcnts" => {
            let expected = "Bq/mL, kBq/mL, or g/mL (SUV by body weight); counts are not an activity concentration: \
                            convert them with the scanner's calibration first";
            Err(sidecar.wrong("Units", &Value::from(text), expected))
        }
        "suvlbm" | "suvbsa" | "suvibw" | "cm2ml" => {
            no_suv("SUV by lean mass, ideal weight or surface cannot be compared: convert to SUV by body weight")
        }
        _ => no_suv("no other unit is known"),
    }
}

/// The tracer by file name and by sidecar. Two known tracers that differ are an error: cut-offs exist per tracer.
fn tracer(sidecar: &Sidecar, label: Option<&str>, caveats: &mut Vec<Caveat>) -> Result<Option<Tracer>, StudyError> {
    let Some(named) = sidecar.text("TracerName")?.map(Tracer::from_name) else {
        return Ok(label.map(Tracer::from_name));
    };
    let Some(label) = label.map(Tracer::from_name) else { return Ok(Some(named)) };
    match (&label, &named) {
        _ if label == named => Ok(Some(label)),
        (Tracer::Other(_), Tracer::Other(_)) => Ok(Some(label)),
        // METHOD: a name outside the vocabulary may be the same tracer in other words ("L-[11C-methyl]-MET"), so the
        // known one stands, with a caveat that prints both (ours).
        (known, Tracer::Other(other)) | (Tracer::Other(other), known) => {
            let detail = format!("{}: {known} was used; the other name is {other:?}", sidecar.source_of("TracerName"));
            caveats.push(Caveat::new(CaveatCode::TracerNamesDiffer, detail));
            Ok(Some(known.clone()))
        }
        _ => Err(sidecar.wrong(
            "TracerName",
            &Value::from(named.as_str()),
            format!("{label}, as the file name or the worklist has it"),
        )),
    }
}

/// The injected dose in Bq. Without its unit a dose is not used: a wrong factor would make a wrong SUV.
fn injected(fields: &mut Fields<'_>) -> Option<Becquerels> {
    let sidecar = fields.sidecar;
    let dose = fields.number("InjectedRadioactivity", "a dose above 0")?;
    let unit = fields.readable(sidecar.text("InjectedRadioactivityUnits"))?;
    let becquerels = match unit.map(|unit| unit.replace(['µ', 'μ'], "u")).as_deref() {
        Some("Bq") => 1.0,
        Some("kBq" | "KBq") => 1e3,
        Some("MBq" | "MBQ" | "Mbq") => 1e6,
        Some("GBq") => 1e9,
        // 1 Ci = 3.7e10 Bq exactly (BIPM, SI Brochure, 8th edition, Table 8 notes).
        Some("uCi") => 3.7e4,
        Some("mCi") => 3.7e7,
        Some("Ci") => 3.7e10,
        Some(other) => {
            let expected = "one of MBq, Bq, kBq, GBq, mCi, uCi, Ci";
            let wrong = sidecar.wrong("InjectedRadioactivityUnits", &Value::from(other), expected);
            return fields.readable(Err(wrong));
        }
        // METHOD: dcm2niix writes the dose in MBq and names no unit (its field list); from any other program a dose
        // without its unit is no dose.
        None if fields
            .readable(sidecar.text("ConversionSoftware"))
            .flatten()
            .is_some_and(|name| name.eq_ignore_ascii_case("dcm2niix")) =>
        {
            1e6
        }
        None => {
            let file = sidecar.source_of("InjectedRadioactivity");
            let detail = format!("{file}: InjectedRadioactivity is {dose} without InjectedRadioactivityUnits");
            fields.caveats.push(Caveat::new(CaveatCode::SuvNotAvailable, detail));
            return None;
        }
    };
    Some(Becquerels(dose * becquerels))
}

/// Frames in order; one duration serves all frames.
fn frames(fields: &mut Fields<'_>) -> Vec<PetFrame> {
    let sidecar = fields.sidecar;
    let starts = sidecar.numbers("FrameTimesStart", "frame starts in seconds from TimeZero");
    let durations = sidecar.numbers("FrameDuration", "frame durations in seconds");
    let (Some(Some(starts)), Some(Some(durations))) = (fields.readable(starts), fields.readable(durations)) else {
        return Vec::new();
    };
    if durations.len() != 1 && durations.len() != starts.len() {
        let expected = format!("{} durations, as many as FrameTimesStart, or one for all", starts.len());
        let found = Value::from(format!("{} values", durations.len()));
        let detail = sidecar.wrong("FrameDuration", &found, expected).to_string();
        fields.caveats.push(Caveat::new(CaveatCode::FrameCountMismatch, detail));
        return Vec::new();
    }
    let frame = |(index, start): (usize, &f64)| PetFrame {
        start: Seconds(*start),
        duration: Seconds(durations[if durations.len() == 1 { 0 } else { index }]),
    };
    starts.iter().enumerate().map(frame).collect()
}

/// Weight, height and sex: the sidecar first, then the tables.
fn body_of(fields: &mut Fields<'_>, table: &Body, settings: &Settings) -> Body {
    let sidecar = fields.sidecar;
    let weight = fields.first_of(&["BodyWeight", "PatientWeight"], "a body weight in kg, above 0");
    let height = fields.first_of(&["BodyHeight", "PatientSize", "PatientHeight"], "a body height in m, above 0");
    let sex = ["Sex", "PatientSex"].iter().find_map(|field| sidecar.text(field).transpose());
    let sex = sex.and_then(|text| fields.readable(text));
    let caveats = &mut *fields.caveats;
    let height = height.map(|(field, value)| {
        let (height, caveat) = height_in_meters(value, &format!("{}: {field}", sidecar.source_of(field)));
        caveats.extend(caveat);
        (field, height.0)
    });
    // Body values are used and not printed (privacy).
    let mut value = |found: Option<(&'static str, f64)>, known: Option<f64>| match (found, known) {
        (Some((field, found)), Some(known)) if found <= 0.0 => {
            let detail = format!("{}: {field} is not above 0; the study's table was used", sidecar.source_of(field));
            caveats.push(Caveat::new(CaveatCode::FieldNotRead, detail));
            Some(known)
        }
        (Some((field, found)), Some(known)) if differ(found, known, settings.body_tolerance) => {
            let detail = format!("{}: {field} and the study's table", sidecar.source_of(field));
            caveats.push(Caveat::new(CaveatCode::SidecarAndTableDiffer, detail));
            Some(found)
        }
        // Without a table a value that cannot be meant stands, and keeps SUV from being computed by its name.
        (Some((_, found)), _) => Some(found),
        (None, known) => known,
    };
    let weight = value(weight, table.weight.map(|weight| weight.0)).map(Kilograms);
    let height = value(height, table.height.map(|height| height.0)).map(Meters);
    let sex = match sex.map(str::parse::<Sex>) {
        Some(Ok(sex)) => Some(sex),
        Some(Err(_)) => {
            let expected = "M, F or other; the study's table is used where it tells";
            let wrong = sidecar.wrong("Sex", &Value::from("another word"), expected).to_string();
            caveats.push(Caveat::new(CaveatCode::FieldNotRead, wrong));
            table.sex
        }
        None => table.sex,
    };
    Body { weight, height, sex }
}

/// A body height: a value above 3 is in centimeters, with a caveat that names where it stands.
pub fn height_in_meters(value: f64, place: &str) -> (Meters, Option<Caveat>) {
    if value <= TALLEST.0 {
        return (Meters(value), None);
    }
    let height = Meters::from_centimeters(value);
    // Body values are used and not printed (privacy).
    let detail = format!("{place} is above 3");
    (height, Some(Caveat::new(CaveatCode::HeightInCentimeters, detail)))
}

/// `TimeZero` in seconds after midnight.
fn time_zero(sidecar: &Sidecar) -> Result<Option<Seconds>, StudyError> {
    let Some(text) = sidecar.text("TimeZero")? else { return Ok(None) };
    match time_of_day(text) {
        Some(seconds) => Ok(Some(Seconds(seconds))),
        None => Err(sidecar.wrong("TimeZero", &Value::from(text), "a time of day as HH:MM:SS")),
    }
}

/// Times of a sidecar: seconds from `TimeZero`, or times of day that `TimeZero` makes seconds of.
struct Clock<'a> {
    sidecar: &'a Sidecar,
    time_zero: Option<Seconds>,
}

impl Clock<'_> {
    fn time(&self, field: &str, caveats: &mut Vec<Caveat>) -> Result<Option<Seconds>, StudyError> {
        let of_day = match self.sidecar.value(field) {
            Some(Value::String(text)) if text.contains(':') => text,
            _ => return Ok(self.sidecar.number(field, "seconds from TimeZero")?.map(Seconds)),
        };
        let Some(seconds) = time_of_day(of_day) else {
            let expected = "seconds from TimeZero, or a time of day as HH:MM:SS";
            return Err(self.sidecar.wrong(field, &Value::from(of_day.as_str()), expected));
        };
        let Some(zero) = self.time_zero else {
            let expected = "seconds from TimeZero: a time of day needs TimeZero in the sidecar";
            return Err(self.sidecar.wrong(field, &Value::from(of_day.as_str()), expected));
        };
        // METHOD: of the two days that a time of day can mean, the one within twelve hours of TimeZero (ours): no
        // protocol lasts longer.
        let mut from_zero = seconds - zero.0;
        if from_zero.abs() > SECONDS_A_DAY / 2.0 {
            from_zero -= SECONDS_A_DAY.copysign(from_zero);
            let detail =
                format!("{}: {field} {of_day} was read as {from_zero} s from TimeZero", self.sidecar.source_of(field));
            caveats.push(Caveat::new(CaveatCode::MidnightCrossed, detail));
        }
        Ok(Some(Seconds(from_zero)))
    }
}

/// `HH:MM:SS` with an optional fraction, in seconds after midnight.
fn time_of_day(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok())?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if !seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds: f64 = seconds.parse().ok()?;
    let valid = parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 61.0;
    valid.then(|| f64::from(hours * 3600 + minutes * 60) + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::sidecar::tests::sidecar;

    fn read(json: &str) -> Result<(PetAcquisition, Vec<Caveat>), StudyError> {
        read_with(json, None, &Body::default())
    }

    fn read_with(json: &str, label: Option<&str>, table: &Body) -> Result<(PetAcquisition, Vec<Caveat>), StudyError> {
        pet_acquisition(&sidecar(json), label, table, &crate::settings::default_section("study"))
    }

    fn codes(caveats: &[Caveat]) -> Vec<CaveatCode> {
        caveats.iter().map(|caveat| caveat.code).collect()
    }

    #[test]
    fn a_complete_sidecar_is_read_in_si_units() {
        let (pet, caveats) = read(
            r#"{"Units": "Bq/mL", "TracerName": "FDG", "TracerRadionuclide": "F18", "RadionuclideHalfLife": 6588.0,
            "InjectedRadioactivity": 388.777472, "InjectedRadioactivityUnits": "MBq", "BodyWeight": 71.0,
            "BodyHeight": 1.63, "Sex": "M", "TimeZero": "10:35:00", "InjectionStart": 0, "ScanStart": 2711,
            "FrameTimesStart": [2711], "FrameDuration": [1458], "ImageDecayCorrected": true,
            "ImageDecayCorrectionTime": 2711}"#,
        )
        .unwrap();
        assert_eq!(caveats, []);
        assert_eq!(pet.units, Some(PetUnits::BecquerelsPerMilliliter));
        assert_eq!(pet.tracer, Some(Tracer::Fdg));
        assert_eq!(pet.injected, Some(Becquerels(388_777_472.0)));
        assert_eq!(pet.half_life, Some(Seconds(6588.0)));
        assert_eq!(pet.time_zero, Some(Seconds(38_100.0)));
        assert_eq!((pet.injection_start, pet.scan_start), (Some(Seconds(0.0)), Some(Seconds(2711.0))));
        assert_eq!(pet.frames, [PetFrame { start: Seconds(2711.0), duration: Seconds(1458.0) }]);
        assert_eq!((pet.decay_corrected, pet.decay_correction_time), (Some(true), Some(Seconds(2711.0))));
        assert_eq!(pet.body, Body { weight: Some(Kilograms(71.0)), height: Some(Meters(1.63)), sex: Some(Sex::Male) });
    }

    #[test]
    fn an_empty_sidecar_gives_nothing_and_no_default() {
        assert_eq!(read("{}").unwrap(), (PetAcquisition::unknown(), vec![]));
    }

    #[test]
    fn units_are_read_in_their_spellings() {
        for (text, units) in [
            ("BQML", PetUnits::BecquerelsPerMilliliter),
            ("Bq/ml", PetUnits::BecquerelsPerMilliliter),
            ("kBq/mL", PetUnits::KilobecquerelsPerMilliliter),
            ("g/mL", PetUnits::SuvBodyWeight),
            ("GML", PetUnits::SuvBodyWeight),
            ("SUV", PetUnits::SuvBodyWeight),
        ] {
            assert_eq!(read(&format!(r#"{{"Units": "{text}"}}"#)).unwrap().0.units, Some(units), "{text}");
        }
    }

    #[test]
    fn counts_and_unknown_units_are_refused_with_words() {
        for text in ["CNTS", "counts", "PROPCPS"] {
            let error = read(&format!(r#"{{"Units": "{text}"}}"#)).unwrap_err().to_string();
            assert!(error.contains("counts are not") && error.contains("Units") && error.contains(text), "{error}");
        }
        // The ratio needs no unit.
        for (text, because) in [("SUVlbm", "convert to SUV by body weight"), ("MBq/mL", "no other unit is known")] {
            let (pet, caveats) = read(&format!(r#"{{"Units": "{text}"}}"#)).unwrap();
            assert_eq!((pet.units, codes(&caveats)), (None, vec![CaveatCode::SuvNotAvailable]));
            let detail = &caveats[0].detail;
            assert!(detail.contains(because) && detail.contains(text), "{detail}");
        }
    }

    #[test]
    fn dose_units_are_converted_and_a_dose_without_unit_is_not_used() {
        for (unit, becquerels) in [("Bq", 200.0), ("kBq", 2e5), ("MBq", 2e8), ("GBq", 2e11), ("mCi", 7.4e9)] {
            let json = format!(r#"{{"InjectedRadioactivity": 200, "InjectedRadioactivityUnits": "{unit}"}}"#);
            let found = read(&json).unwrap().0.injected.unwrap().0;
            assert!((found / becquerels - 1.0).abs() < 1e-12, "{unit}: {found}");
        }
        let (pet, caveats) = read(r#"{"InjectedRadioactivity": 200}"#).unwrap();
        assert_eq!((pet.injected, codes(&caveats)), (None, vec![CaveatCode::SuvNotAvailable]));
        let (pet, caveats) = read(r#"{"InjectedRadioactivity": 200, "ConversionSoftware": "dcm2niix"}"#).unwrap();
        assert_eq!((pet.injected, caveats.len()), (Some(Becquerels(2e8)), 0));
        // m is milli: "mbq" may mean either, and nine decimal places are at stake.
        for unit in ["rad", "mbq"] {
            let json = format!(r#"{{"InjectedRadioactivity": 200, "InjectedRadioactivityUnits": "{unit}"}}"#);
            let (pet, caveat) = not_read(&json);
            assert!(pet.injected.is_none() && caveat.contains(unit) && caveat.contains("MBq"), "{caveat}");
        }
        let zero = read(r#"{"InjectedRadioactivity": 0, "InjectedRadioactivityUnits": "MBq"}"#).unwrap().0;
        assert_eq!(zero.injected, Some(Becquerels(0.0)), "as it stands: SUV refuses it by name");
    }

    #[test]
    fn times_of_day_become_seconds_from_time_zero() {
        let (pet, caveats) =
            read(r#"{"TimeZero": "10:00:00", "InjectionStart": "10:00:30.5", "ScanStart": "11:00:00"}"#).unwrap();
        assert_eq!((pet.injection_start, pet.scan_start), (Some(Seconds(30.5)), Some(Seconds(3600.0))));
        assert_eq!(caveats, []);
    }

    #[test]
    fn a_scan_after_midnight_is_later_with_a_caveat() {
        let (pet, caveats) = read(r#"{"TimeZero": "23:50:00", "ScanStart": "00:20:00"}"#).unwrap();
        assert_eq!((pet.scan_start, codes(&caveats)), (Some(Seconds(1800.0)), vec![CaveatCode::MidnightCrossed]));
        let (pet, caveats) = read(r#"{"TimeZero": "00:20:00", "InjectionStart": "23:50:00"}"#).unwrap();
        assert_eq!((pet.injection_start, codes(&caveats)), (Some(Seconds(-1800.0)), vec![CaveatCode::MidnightCrossed]));
    }

    #[test]
    fn a_time_of_day_without_time_zero_or_out_of_range_is_no_time() {
        let (pet, caveat) = not_read(r#"{"ScanStart": "11:00:00"}"#);
        assert!(pet.scan_start.is_none() && caveat.contains("needs TimeZero"), "{caveat}");
        for zero in ["25:00:00", "10:61:00", "10:00", "10-00-00", "+1:00:00", "10:00:1e1"] {
            let (pet, caveat) = not_read(&format!(r#"{{"TimeZero": "{zero}"}}"#));
            assert!(pet.time_zero.is_none() && caveat.contains("HH:MM:SS") && caveat.contains(zero), "{caveat}");
        }
    }

    #[test]
    fn what_only_suv_needs_never_keeps_the_ratio_from_being_measured() {
        for json in [
            r#"{"BodyWeight": "seventy"}"#,
            r#"{"RadionuclideHalfLife": [1, 2]}"#,
            r#"{"InjectedRadioactivity": "much", "InjectedRadioactivityUnits": "MBq"}"#,
            r#"{"ImageDecayCorrected": "perhaps"}"#,
            r#"{"ImageDecayCorrectionTime": "later"}"#,
            r#"{"DecayCorrectionFactor": "one"}"#,
            r#"{"FrameTimesStart": "soon", "FrameDuration": 60}"#,
        ] {
            let field = json.split('"').nth(1).unwrap();
            let (_, caveat) = not_read(json);
            assert!(caveat.contains("test.json") && caveat.contains(field), "{caveat}");
        }
    }

    fn not_read(json: &str) -> (PetAcquisition, String) {
        let (pet, caveats) = read(json).unwrap();
        assert_eq!(codes(&caveats), [CaveatCode::FieldNotRead], "{json}");
        (pet, caveats[0].detail.clone())
    }

    #[test]
    fn frames_may_share_one_duration_and_must_agree_in_number() {
        let (pet, _) = read(r#"{"FrameTimesStart": [0, 60, 120], "FrameDuration": 60}"#).unwrap();
        assert_eq!(pet.frames.len(), 3);
        assert_eq!(pet.frames[2], PetFrame { start: Seconds(120.0), duration: Seconds(60.0) });
        let (pet, _) = read(r#"{"FrameTimesStart": 0, "FrameDuration": 600}"#).unwrap();
        assert_eq!(pet.frames.len(), 1);
        let (pet, caveats) = read(r#"{"FrameTimesStart": [0, 60, 120], "FrameDuration": [60, 60]}"#).unwrap();
        assert_eq!((pet.frames, codes(&caveats)), (vec![], vec![CaveatCode::FrameCountMismatch]));
        let detail = &caveats[0].detail;
        assert!(detail.contains("FrameDuration") && detail.contains("2 values"), "{detail}");
        assert!(detail.contains("3 durations"), "{detail}");
    }

    #[test]
    fn body_values_come_from_the_sidecar_and_then_from_the_tables() {
        let table = Body { weight: Some(Kilograms(80.0)), height: Some(Meters(1.8)), sex: Some(Sex::Female) };
        let (pet, caveats) = read_with(r#"{"PatientWeight": 80.5, "BodyHeight": "n/a"}"#, None, &table).unwrap();
        assert_eq!(pet.body.weight, Some(Kilograms(80.5)));
        assert_eq!((pet.body.height, pet.body.sex), (table.height, table.sex));
        assert_eq!(caveats, []);
        let (pet, caveats) = read_with(r#"{"BodyWeight": 60}"#, None, &table).unwrap();
        assert_eq!(
            (pet.body.weight, codes(&caveats)),
            (Some(Kilograms(60.0)), vec![CaveatCode::SidecarAndTableDiffer])
        );
        assert!(!caveats[0].detail.contains("60") && !caveats[0].detail.contains("80"), "weights are not printed");
    }

    #[test]
    fn a_height_in_centimeters_is_read_with_a_caveat() {
        let (pet, caveats) = read(r#"{"BodyHeight": 163}"#).unwrap();
        assert_eq!((pet.body.height, codes(&caveats)), (Some(Meters(1.63)), vec![CaveatCode::HeightInCentimeters]));
        assert_eq!(read(r#"{"BodyHeight": 3.0}"#).unwrap().1, []);
    }

    #[test]
    fn a_body_value_that_cannot_be_meant_gives_way_to_the_tables() {
        let table = Body { weight: Some(Kilograms(75.0)), height: Some(Meters(1.8)), sex: Some(Sex::Female) };
        let json = r#"{"BodyWeight": 0, "BodyHeight": -1, "Sex": "man"}"#;
        let (pet, caveats) = read_with(json, None, &table).unwrap();
        assert_eq!(pet.body, table);
        assert_eq!(codes(&caveats), [CaveatCode::FieldNotRead; 3]);
        assert!(caveats[0].detail.contains("BodyWeight") && caveats[0].detail.contains("table was used"));
        assert!(caveats[2].detail.contains("M, F or other") && !caveats[2].detail.contains("man"));
        // Without a table they stand, and SUV refuses them by name.
        let body = read(json).unwrap().0.body;
        assert_eq!(body, Body { weight: Some(Kilograms(0.0)), height: Some(Meters(-1.0)), sex: None });
    }

    #[test]
    fn two_known_tracers_that_differ_are_an_error() {
        let error = read_with(r#"{"TracerName": "FET"}"#, Some("MET"), &Body::default()).unwrap_err().to_string();
        assert!(error.contains("FET") && error.contains("MET"), "{error}");
    }

    #[test]
    fn a_known_tracer_stands_beside_an_unknown_name_with_a_caveat() {
        let (pet, caveats) = read_with(r#"{"TracerName": "tracer 7"}"#, Some("MET"), &Body::default()).unwrap();
        assert_eq!((pet.tracer, codes(&caveats)), (Some(Tracer::Met), vec![CaveatCode::TracerNamesDiffer]));
        let (pet, caveats) = read_with(r#"{"TracerName": "methionine"}"#, Some("11CMET"), &Body::default()).unwrap();
        assert_eq!((pet.tracer, caveats.len()), (Some(Tracer::Met), 0));
        assert_eq!(read_with("{}", Some("FET"), &Body::default()).unwrap().0.tracer, Some(Tracer::Fet));
    }
}
