//! Synthetic pages: values and pictures are invented, no patient is shown.

use jiff::civil::Date;
use relight::clinical::{ExtentStudy, Histology, Pathway, Symptoms, Tracer};
use relight::cohort::{AuditLesion, audit, outcomes};
use relight::lesion::{Histogram, LesionRecord};
use relight::quality::{Caveat, CaveatCode, Check, Quality};
use relight::reanalysis::{Alternative, Choice, judge_again};
use relight::report::model::{
    BolusFigure, LesionPage, Locator, MaskCheck, MaskTile, Panel, PanelKind, Provenance, Raster, StudyPage, StudyRow,
    SubjectPage, TestRetest, TimePoint,
};
use relight::report::surveillance::{GrowthRow, ProtocolRow, ScheduleRow, Surveillance};
use relight::report::viewer::{Colors, Layer, PackedBytes, ViewerVolumes};
use relight::settings::default_section;
use relight::surveillance::{Baseline, End, Focality, Met, Watchful};
use relight::verdict::{Verdict, Window, growth_band, judge};

pub fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        rules_version: "relight-rules-1".into(),
        run_id: "7f3a91c04d5e6b8a9f0e1d2c3b4a5968778695a4b3c2d1e0f9e8d7c6b5a49382".into(),
        settings_hash: "e67d23e7820c49a8051dac2831f382907c1a6f5e4d3c2b1a0f9e8d7c6b5a4938".into(),
        inputs: vec![
            (
                "sub-014/ses-03/perf/sub-014_ses-03_dsc.nii.gz".into(),
                "cfe27bc40fa8647d3ea88290cfe27bc40fa8647d3ea88290cfe27bc40fa8647d".into(),
            ),
            (
                "sub-014/ses-03/pet/sub-014_ses-03_trc-MET_pet.nii.gz".into(),
                "5eb0f4ea885cee191ba474e45eb0f4ea885cee191ba474e45eb0f4ea885cee19".into(),
            ),
        ],
    }
}

/// A smooth head-like slice with a ring lesion, by kind.
pub fn panel(kind: PanelKind, strength: f32) -> Panel {
    let (width, height, center) = (84_usize, 84_usize, (40.0_f32, 44.0_f32));
    let place = |index: usize| ((index % width) as f32 - center.0, (index / width) as f32 - center.1);
    let ring = |x: f32, y: f32| {
        let radius = (x * x + 1.3 * y * y).sqrt();
        (-(radius - 9.0) * (radius - 9.0) / 7.0).exp() * (1.0 + 0.5 * (x - y) / 12.0)
    };
    let texture = |x: f32, y: f32| (0.31 * x).sin() * (0.23 * y + 0.1 * x).cos() + 0.4 * (0.9 * x + 1.3 * y).sin();
    let inside = |x: f32, y: f32| (x + 6.0).hypot(y + 2.0) < 39.0;
    let values: Vec<f32> = (0..width * height)
        .map(|index| {
            let (x, y) = place(index);
            let (ring, texture) = (ring(x, y), texture(x, y));
            match kind {
                PanelKind::Anatomy | PanelKind::Artery => {
                    if inside(x, y) {
                        90.0 + 14.0 * texture + 130.0 * ring
                    } else {
                        8.0 + 4.0 * texture
                    }
                }
                PanelKind::Perfusion | PanelKind::Labeling | PanelKind::Dynamic if !inside(x, y) => f32::NAN,
                PanelKind::Perfusion | PanelKind::Labeling | PanelKind::Dynamic => {
                    0.8 + 0.25 * texture + strength * ring
                }
                PanelKind::TumorBurden => match ring * strength {
                    value if ring < 0.35 || value.is_nan() => f32::NAN,
                    value if value < 1.0 => 1.0,
                    value if value <= 1.75 => 2.0,
                    _ => 3.0,
                },
                PanelKind::Uptake | PanelKind::Background if !inside(x, y) => f32::NAN,
                PanelKind::Uptake | PanelKind::Background => 0.9 + 0.08 * texture + 0.6 * strength * ring,
            }
        })
        .collect();
    let raster = Raster { width, height, millimeters: 1.1, values };
    let outline = (0..48)
        .map(|step| {
            let angle = step as f32 / 48.0 * std::f32::consts::TAU;
            [center.0 + 0.5 + 13.0 * angle.cos(), center.1 + 0.5 + 11.5 * angle.sin()]
        })
        .collect();
    let (title, caption, range, cutoffs, unit) = match kind {
        PanelKind::Anatomy => ("T1 after contrast", "6.57 mL in the mask", (0.0, 245.0), vec![], ""),
        PanelKind::Artery => {
            ("Arterial voxels over the baseline signal", "7 voxels in one slice", (0.0, 245.0), vec![], "")
        }
        PanelKind::Perfusion => {
            ("rCBV, leakage corrected", "mean 2.13, 90th percentile 3.02", (0.0, 3.5), vec![1.0, 1.75], "")
        }
        PanelKind::TumorBurden => ("Fractional tumor burden", "17 / 28 / 55 %", (0.0, 245.0), vec![1.0, 1.75], ""),
        PanelKind::Labeling => ("ASL CBF, relative", "mean 2.05, max 3.10", (0.0, 3.5), vec![1.0, 1.75], ""),
        PanelKind::Dynamic => ("DCE Ktrans", "mean 0.120, curve: washout", (0.0, 0.3), vec![], "min⁻¹"),
        PanelKind::Uptake => ("MET-PET, tumor to background", "max 2.16, mean 1.58", (0.5, 2.5), vec![1.3, 1.5], ""),
        PanelKind::Background => ("Background on MET-PET", "contralateral crescent, 14.2 mL", (0.0, 2.5), vec![], ""),
    };
    let locator = (kind == PanelKind::Anatomy).then(|| Locator {
        raster: Raster {
            width: 60,
            height: 72,
            millimeters: 3.0,
            values: (0..60 * 72)
                .map(|index| {
                    let (x, y) = ((index % 60) as f32 - 30.0, (index / 60) as f32 - 36.0);
                    if (x / 26.0).hypot(y / 32.0) < 1.0 { 120.0 + 20.0 * texture(x, y) } else { 4.0 }
                })
                .collect(),
        },
        range: (0.0, 245.0),
        field: [6.0, 28.0, 31.0, 31.0],
    });
    Panel {
        kind,
        title: title.into(),
        caption: caption.into(),
        raster,
        underlay: (kind == PanelKind::TumorBurden).then(|| panel(PanelKind::Anatomy, strength).raster),
        range,
        cutoffs,
        unit: unit.into(),
        outline: vec![outline],
        slice_mm: 18.4,
        locator,
    }
}

fn bolus(strength: f64) -> BolusFigure {
    let time: Vec<f64> = (0..60).map(|frame| 1.5 * f64::from(frame)).collect();
    let noise = |t: f64, seed: f64| 0.18 * (t * 7.3 + seed).sin() * (t * 3.1 + 2.0 * seed).cos();
    let curve = |peak: f64, tail: f64, seed: f64| -> Vec<f64> {
        time.iter()
            .map(|&t| {
                let passed = (t - 16.5).max(0.0);
                let first = (passed / 6.0).powi(3) * (-(passed - 6.0) / 2.0).exp();
                let late = if passed > 0.0 { tail * (1.0 - (-passed / 12.0).exp()) } else { 0.0 };
                peak * (first + late) + noise(t, seed)
            })
            .collect()
    };
    BolusFigure {
        lesion: curve(5.1 * strength, -0.05, 1.0),
        lesion_corrected: curve(5.2 * strength, 0.08, 1.0),
        reference: curve(5.4, 0.09, 2.0),
        arrival: 16.5,
        time,
    }
}

fn dsc_checks() -> Vec<Check> {
    let check = |name: &str, found: &str, limit: &str, quality, meaning: &str| Check {
        name: name.into(),
        found: found.into(),
        limit: limit.into(),
        quality,
        meaning: meaning.into(),
    };
    vec![
        check(
            "Baseline length",
            "9 frames",
            "at least 10",
            Quality::Caution,
            "The baseline signal is slightly noisier.",
        ),
        check("Frame time", "1.50 s", "at most 1.6 s", Quality::Pass, "The bolus is sampled finely enough."),
        check("Usable voxels in the lesion", "97 %", "at least 80 %", Quality::Pass, "Nearly all voxels count."),
    ]
}

pub fn record(session: &str, day: &str) -> LesionRecord {
    LesionRecord {
        participant_id: Some("sub-014".into()),
        session_id: Some(session.into()),
        scan_date: Some(date(day)),
        lesion: Some("1".into()),
        name: Some("Right parieto-occipital".into()),
        pathway: Some(Pathway::Glioma),
        ..LesionRecord::default()
    }
}

fn filled(mut record: LesionRecord, volume: f64, rcbv: Option<f64>, tbr: Option<f64>) -> LesionRecord {
    record.volume_ml = Some(volume);
    record.longest_diameter_mm = Some(24.3);
    record.perpendicular_diameter_mm = Some(17.9);
    record.symptoms = Some(Symptoms::New);
    record.weeks_since_rt = Some(46.4);
    if let Some(rcbv) = rcbv {
        record.rcbv_mean = Some(rcbv);
        record.rcbv_ci_low = Some(rcbv - 0.17);
        record.rcbv_ci_high = Some(rcbv + 0.21);
        record.rcbv_median = Some(rcbv * 0.93);
        record.rcbv_p90 = Some(rcbv * 1.42);
        record.rcbv_uncorrected_mean = Some(rcbv * 1.17);
        record.rcbv_p_above = Some(0.71);
        record.rcbv_p_below = Some(0.04);
        record.ftb_low = Some(0.17);
        record.ftb_mid = Some(0.28);
        record.ftb_high = Some(0.55);
        record.rph = Some(1.62);
        record.psr_mean = Some(88.3);
        record.k2_mean = Some(0.0213);
        record.dsc_usable_fraction = Some(0.974);
        record.dsc_quality = Some(Quality::Caution);
    }
    if let Some(tbr) = tbr {
        record.tracer = Some(Tracer::Met);
        record.tbr_max = Some(tbr);
        record.tbr_mean = Some(tbr * 0.73);
        record.tbr_peak = Some(tbr * 0.9);
        record.tbr_ci_low = Some(tbr * 0.7);
        record.tbr_ci_high = Some(tbr * 0.76);
        record.btv_ml = Some(1.23);
        record.background_mean = Some(1.41);
        record.background_cov = Some(0.11);
        record.pet_quality = Some(Quality::Pass);
    }
    record
}

/// What the rules say of a record.
pub fn judged(record: &LesionRecord) -> Verdict {
    judge(record, &default_section("verdict"))
}

/// Values from 0.2 to 2.2 times the mean.
fn histogram(mean: f32) -> Option<Histogram> {
    let values: Vec<f32> = (0..400).map(|i| mean * (0.2 + 2.0 * (i as f32 / 400.0) * (i as f32 / 400.0))).collect();
    Histogram::of(&values, [1.0, 1.75])
}

/// Eight slices of the anatomy with square outlines.
fn mask_check() -> MaskCheck {
    let square = |x: f32, y: f32, edge: f32| vec![vec![[x, y], [x + edge, y], [x + edge, y + edge], [x, y + edge]]];
    let tile = |tile: usize| MaskTile {
        raster: panel(PanelKind::Anatomy, 1.0).raster,
        slice_mm: 6.0 + 3.4 * tile as f64,
        lesion: square(34.0, 40.0, 12.0),
        reference: square(62.0, 40.0, 8.0),
        brain: square(6.0, 6.0, 70.0),
    };
    MaskCheck {
        name: "T1 after contrast".into(),
        range: (10.0, 245.0),
        tiles: (0..8).map(tile).collect(),
        reference: true,
        brain: true,
    }
}

/// A small box of 21 x 21 x 11 voxels: a ramp along each axis, and a lesion in the middle.
fn volumes(rcbv: Option<f64>, ratio: Option<f64>) -> ViewerVolumes {
    let shape = [21, 21, 11];
    let count: usize = 21 * 21 * 11;
    let layer = |key: &str, title: &str, colors, range, cutoffs: &[f64], bits: u8, codes: Vec<u8>| Layer {
        key: key.into(),
        title: title.into(),
        unit: String::new(),
        colors,
        range,
        cutoffs: cutoffs.to_vec(),
        low: 0.0,
        step: if bits == 8 { 1.0 } else { 0.0005 },
        bits,
        open_end: bits == 8,
        codes: PackedBytes::new(&codes),
    };
    let wide = |scale: f64| -> Vec<u8> {
        let codes: Vec<u16> = (0..count).map(|i| 1 + (scale * 2000.0 * ((i % 21) as f64 / 20.0)) as u16).collect();
        let byte = |byte: usize| codes.iter().map(move |code| code.to_le_bytes()[byte]).collect::<Vec<u8>>();
        [byte(0), byte(1)].concat()
    };
    let grey = (0..count).map(|i| 20 + ((i / 21 % 21) * 10) as u8).collect();
    let mut layers = vec![layer("anatomy", "T1 after contrast", Colors::Grey, (10.0, 245.0), &[], 8, grey)];
    if let Some(rcbv) = rcbv {
        layers.push(layer(
            "rcbv",
            "rCBV, leakage corrected",
            Colors::Inferno,
            (0.0, 3.5),
            &[1.0, 1.75],
            16,
            wide(rcbv),
        ));
    }
    if let Some(ratio) = ratio {
        layers.push(layer(
            "MET",
            "MET-PET, tumor to background",
            Colors::Viridis,
            (0.0, 2.5),
            &[1.3, 1.5],
            16,
            wide(ratio),
        ));
    }
    let inside =
        |i: usize| (7..14).contains(&(i % 21)) && (7..14).contains(&(i / 21 % 21)) && (4..7).contains(&(i / 441));
    let bits: Vec<u8> = (0..count.div_ceil(8))
        .map(|byte| (0..8).filter(|bit| 8 * byte + bit < count && inside(8 * byte + bit)).map(|bit| 1 << bit).sum())
        .collect();
    ViewerVolumes {
        shape,
        spacing_mm: 2.0,
        origin: [-60.0, -40.0, 8.0],
        start: [-40.0, -20.0, 18.0],
        hottest_on: None,
        margin_mm: 20.0,
        brain_margin_mm: Some(6.0),
        layers,
        lesion: PackedBytes::new(&bits),
    }
}

pub fn time_point(record: LesionRecord, verdict: Verdict, panels: Vec<Panel>) -> TimePoint {
    let has_dsc = record.rcbv_mean.is_some();
    let alternatives = [
        Alternative::new(Choice::MedianRcbv, record.rcbv_median.map(|median| ("rcbv_mean", median))),
        Alternative::impossible(Choice::MaskSmaller, "no usable voxel of the DSC series is left"),
    ];
    let stability = judge_again(&record, &verdict, &alternatives, &default_section("verdict"));
    TimePoint {
        stability,
        motion: None,
        growth_band: growth_band(&record, &default_section("verdict")),
        rcbv_histogram: record.rcbv_mean.and_then(|mean| histogram(mean as f32)),
        mask_check: (!panels.is_empty()).then(mask_check),
        volumes: (!panels.is_empty()).then(|| volumes(record.rcbv_mean, record.tbr_max)),
        perfusion: None,
        artery: None,
        artery_panel: None,
        bolus: has_dsc.then(|| bolus(record.rcbv_mean.unwrap_or(1.0))),
        dsc_checks: if has_dsc { dsc_checks() } else { Vec::new() },
        asl_checks: Vec::new(),
        dce_checks: Vec::new(),
        curves: Vec::new(),
        pet_checks: if record.suv_max.is_some() || record.tbr_max.is_some() {
            vec![Check {
                name: "Decay and timing".into(),
                found: "consistent".into(),
                limit: "consistent".into(),
                quality: Quality::Pass,
                meaning: "SUV uses the recorded times.".into(),
            }]
        } else {
            Vec::new()
        },
        test_retest: record
            .rcbv_mean
            .and_then(|rcbv| relight::verdict::test_retest(rcbv, &default_section("verdict")))
            .map(|range| TestRetest { column: "rcbv_mean".into(), low: range.low, high: range.high, variation: 0.31 })
            .into_iter()
            .collect(),
        background: record.tbr_max.map(|_| "contralateral crescent, 14.2 mL".to_owned()),
        pet: None,
        pet_response: None,
        inside: None,
        caveats: vec![Caveat::new(CaveatCode::BaselineShort, "9 frames before the bolus, at least 10 expected")],
        missing: Vec::new(),
        methods: vec![
            "DSC-MRI signal (gradient echo, TR 1500 ms, TE 30 ms, 60 frames) was converted to ΔR2* with a baseline of 9 frames.".into(),
            "Leakage was corrected by the Boxerman–Schmainda–Weisskoff model (Boxerman 2006).".into(),
            "rCBV was normalized to contralateral normal-appearing white matter (412 voxels).".into(),
        ],
        record,
        verdict,
        panels,
    }
}

pub fn subject(lesions: Vec<LesionPage>) -> SubjectPage {
    SubjectPage {
        participant_id: "sub-014".into(),
        diagnosis: Some("Glioblastoma, IDH-wildtype".into()),
        radiotherapy: Some("60 Gy in 30 fractions, ended 20 Jun 2025".into()),
        radiotherapy_end: Some(date("2025-06-20")),
        study_link: Some("index.html".into()),
        lesions,
        surveillance: None,
        failures: Vec::new(),
        provenance: provenance(),
    }
}

pub fn all_panels(strength: f32) -> Vec<Panel> {
    [PanelKind::Anatomy, PanelKind::Perfusion, PanelKind::TumorBurden, PanelKind::Uptake]
        .map(|kind| panel(kind, strength))
        .to_vec()
}

/// B1 after two earlier sessions.
pub fn recurrence() -> LesionPage {
    let early = |session: &str, day: &str, volume, rcbv, tbr, strength| {
        let mut record = filled(record(session, day), volume, Some(rcbv), Some(tbr));
        record.symptoms = Some(Symptoms::None);
        let verdict = judged(&record);
        time_point(record, verdict, all_panels(strength))
    };
    let mut latest = filled(record("ses-03", "2026-05-12"), 6.57, Some(2.134_567), Some(2.16));
    let mut verdict = judged(&latest);
    verdict.stability = Some("11 of 12".into());
    latest.followup_change_percent = Some(76.2);
    latest.followup_days = Some(54.0);
    latest.index_volume_ml = Some(3.73);
    LesionPage {
        time_points: vec![
            early("ses-01", "2025-12-04", 2.46, 1.21, 1.35, 1.2),
            early("ses-02", "2026-03-19", 3.73, 1.52, 1.44, 1.7),
            time_point(latest, verdict, all_panels(2.6)),
        ],
    }
}

/// F1: grown at the follow-up.
pub fn followed_up() -> LesionPage {
    let mut lesion = recurrence();
    let latest = lesion.time_points.last_mut().unwrap();
    let mut record = filled(record("ses-03", "2026-05-12"), 6.57, Some(1.6), Some(1.45));
    record.followup_change_percent = Some(76.2);
    record.followup_days = Some(54.0);
    record.followup_round = Some(1.0);
    record.index_volume_ml = Some(3.73);
    let verdict = judged(&record);
    *latest = time_point(record, verdict, all_panels(1.9));
    lesion
}

/// B11: only DSC.
pub fn necrosis() -> LesionPage {
    let mut record = filled(record("ses-01", "2026-05-12"), 3.1, Some(0.62), None);
    record.symptoms = Some(Symptoms::None);
    let panels = vec![panel(PanelKind::Anatomy, 0.5), panel(PanelKind::Perfusion, 0.5)];
    let verdict = judged(&record);
    let mut time_point = time_point(record, verdict, panels);
    time_point.missing = vec!["PET (pet/*_trc-*_pet.nii.gz)".into()];
    LesionPage { time_points: vec![time_point] }
}

/// B6 with a follow-up window, near a cut-off.
pub fn indeterminate() -> LesionPage {
    let mut record = filled(record("ses-02", "2026-05-12"), 4.02, Some(1.7496), Some(1.40));
    record.symptoms = Some(Symptoms::Ambiguous);
    let verdict = judged(&record);
    LesionPage { time_points: vec![time_point(record, verdict, all_panels(1.5))] }
}

/// FDG-PET of a thigh, pathway not known: measured, not judged.
pub fn sarcoma() -> SubjectPage {
    let mut record = record("ses-01", "2026-02-03");
    record.pathway = None;
    record.name = None;
    record.tracer = Some(Tracer::Fdg);
    record.volume_ml = Some(112.4);
    record.longest_diameter_mm = Some(81.2);
    record.perpendicular_diameter_mm = Some(52.7);
    record.suv_max = Some(11.93);
    record.suv_mean = Some(4.21);
    record.suv_peak = Some(10.4);
    record.tlu = Some(473.2);
    record.pet_quality = Some(Quality::Pass);
    let verdict = judged(&record);
    let mut anatomy = panel(PanelKind::Anatomy, 1.0);
    anatomy.title = "T1".into();
    anatomy.locator = None;
    let mut uptake = panel(PanelKind::Uptake, 3.0);
    uptake.title = "FDG-PET, SUV".into();
    uptake.caption = "max 11.93, mean 4.21".into();
    uptake.range = (0.0, 12.0);
    uptake.unit = "g/mL".into();
    uptake.cutoffs = Vec::new();
    uptake.raster.values.iter_mut().for_each(|value| *value *= 3.5);
    let mut time_point = time_point(record, verdict, vec![anatomy, uptake]);
    time_point.caveats = Vec::new();
    time_point.missing = vec!["perfusion MRI (perf/*_dsc.nii.gz, *_asl.nii.gz, *_dce.nii.gz)".into()];
    time_point.methods =
        vec!["FDG uptake was converted to SUV by body weight, with the decay times of the sidecar.".into()];
    SubjectPage {
        participant_id: "sub-STS07".into(),
        diagnosis: Some("Undifferentiated pleomorphic sarcoma, left thigh".into()),
        radiotherapy: None,
        radiotherapy_end: None,
        ..subject(vec![LesionPage { time_points: vec![time_point] }])
    }
}

/// A sarcoma under surveillance, grown and enhancing avidly: rule T1.
pub fn judged_sarcoma() -> SubjectPage {
    let mut page = sarcoma();
    let first = page.lesions[0].time_points[0].clone();
    let mut record = first.record.clone();
    record.pathway = Some(Pathway::Sarcoma);
    record.session_id = Some("ses-02".into());
    record.scan_date = Some(date("2026-05-12"));
    record.volume_ml = Some(181.7);
    record.index_volume_ml = Some(112.4);
    record.followup_change_percent = Some(61.7);
    record.followup_days = Some(98.0);
    record.curve_type = Some("washout".into());
    let verdict = judged(&record);
    page.lesions[0].time_points.push(time_point(record, verdict, first.panels));
    page.surveillance = Some(surveillance());
    page
}

/// The surveillance of that subject, with a doubt in each part.
fn surveillance() -> Surveillance {
    let row = |field: &str, first: &str, second: Option<&str>| ProtocolRow {
        image: "DCE".into(),
        field: field.into(),
        values: vec![Some(first.into()), second.map(str::to_owned)],
        differs: second.is_some_and(|second| second != first),
    };
    let schedule = |end, next: &str, overdue: &[&str]| ScheduleRow {
        name: "nccn-sts".into(),
        source: "S0 (ACR soft-tissue recurrence): MRI every 3-6 months for the first 2-3 years".into(),
        end,
        modality: "MRI without and with contrast".into(),
        next: Some(date(next)),
        chest: None,
        overdue: overdue.iter().map(|day| date(day)).collect(),
        ionizing: 0,
    };
    Surveillance {
        as_of: Some(date("2026-05-12")),
        grade: Some("G3".into()),
        site: Some("left thigh".into()),
        guard: vec![("no symptoms at the primary site".into(), Met::Met), ("treated".into(), Met::NotRecorded)],
        fallback: vec!["Metal hardware: MRI with metal-artifact reduction first.".into()],
        treatment_end: Some(date("2025-12-20")),
        baseline: Some(Baseline::OutOfWindow(date("2026-02-03"))),
        schedules: vec![
            schedule(End::Tight, "2026-06-20", &["2026-03-20", "2026-04-20"]),
            schedule(End::Loose, "2026-06-20", &[]),
        ],
        sessions: vec!["ses-01".into(), "ses-02".into()],
        protocol: vec![row("RepetitionTime", "0.005 s", Some("0.004 s")), row("FlipAngle", "15°", None)],
        focality: Some((Focality::Multifocal, 2)),
        watchful: Some(Watchful::NotForThis),
        growth: vec![GrowthRow { lesion: "1".into(), since_resection: Some(1.32), flagged: true, between_scans: None }],
        extent: ExtentStudy::ALL.iter().map(|study| (*study, *study == ExtentStudy::LocalMri)).collect(),
        resectability: vec![("Prior radiotherapy".into(), None)],
        covariates: vec![("Age at the second operation".into(), Some("61".into()))],
    }
}

/// A subject with five lesions of every kind.
pub fn five_lesions() -> SubjectPage {
    let mut lesions = vec![recurrence(), necrosis(), indeterminate(), recurrence(), necrosis()];
    for (index, lesion) in lesions.iter_mut().enumerate() {
        for time_point in &mut lesion.time_points {
            time_point.record.lesion = Some((index + 1).to_string());
        }
    }
    subject(lesions)
}

/// A study of `count` lesions.
pub fn study(count: usize) -> StudyPage {
    let kinds = [recurrence(), necrosis(), indeterminate(), sarcoma().lesions.remove(0)];
    let lesions: Vec<StudyRow> = (0..count)
        .map(|index| {
            let time_point = kinds[index % kinds.len()].time_points.last().unwrap();
            let mut record = time_point.record.clone();
            record.participant_id = Some(format!("sub-{:03}", index / 2 + 1));
            record.lesion = Some((index % 2 + 1).to_string());
            // Spread over the plane without chance: fractions of the golden ratio.
            let spread = |start: f64| 0.55 + 0.9 * (start + 0.618_034 * index as f64).fract();
            record.rcbv_mean = record.rcbv_mean.map(|rcbv| rcbv * spread(0.0));
            record.tbr_max = record.tbr_max.map(|ratio| ratio * spread(0.37));
            let known = index % 3 == 0 && record.pathway == Some(Pathway::Glioma);
            let tumor = record.rcbv_mean.is_some_and(|rcbv| rcbv * spread(0.71) > 1.3);
            record.histology = known.then_some(if tumor { Histology::Tumor } else { Histology::Necrosis });
            let judged = judged(&record);
            let mut verdict = if judged.class.is_some() { judged } else { time_point.verdict.clone() };
            if index % 11 == 10 {
                verdict.window = verdict.window.map(|_| Window { start: date("2026-04-01"), end: date("2026-04-15") });
            }
            StudyRow {
                link: format!("sub-{:03}.html#lesion-{}-summary", index / 2 + 1, index % 2 + 1),
                record,
                verdict,
                caveats: time_point.caveats.clone(),
                thumbnails: if index < 120 { time_point.panels.iter().take(2).cloned().collect() } else { Vec::new() },
            }
        })
        .collect();
    let audited: Vec<AuditLesion<'_>> = lesions
        .iter()
        .map(|row| AuditLesion { record: &row.record, verdict: &row.verdict, center: None, scanner: None })
        .collect();
    let audit = audit(&audited, &default_section("cohort"));
    let records: Vec<&LesionRecord> = lesions.iter().map(|row| &row.record).collect();
    let outcomes = outcomes(&records, &default_section("cohort"), &default_section("verdict"));
    StudyPage {
        title: "Enhancing lesions after radiotherapy".into(),
        lesions,
        failures: vec![("sub-022 ses-02".into(), "DSC has 14 frames, at least 30 are needed".into())],
        overdue: vec![("sub-004".into(), "2026-05-01 by rps, tight end".into())],
        audit: Some(audit),
        outcomes,
        as_of: Some(date("2026-06-30")),
        provenance: provenance(),
    }
}
