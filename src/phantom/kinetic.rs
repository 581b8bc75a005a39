//! The kinetic preset: ASL at several delays with its M0, flip-angle images and a DCE series of a head with known flow
//! and exchange.

use serde_json::{Map, Value, json};

use super::PhantomError;
use super::dsc::StoredSeries;
use super::folder::Folder;
use super::head::{Anatomy, Head, Tissue};
use super::kinetic_curve::{DceProtocol, KineticTissue, LabelingProtocol};
use super::scanner::Scanner;
use super::session::{Modality, drawn_lesions, image_seed, write_lesions};
use super::sidecar;
use super::story::{Expected, Patient};
use super::t1::post_contrast_t1;
use super::truth::{Truth, TruthRow};
use crate::image::{Grid, Volume};
use crate::units::Seconds;

/// Frames of the DCE series.
pub(super) const DCE_FRAMES: usize = 110;
/// Everything that BIDS has no word for.
pub(super) const KINETIC_BIDSIGNORE: &str = "*_dce.*\ntruth.*\naif.*\n";

/// Constants of the labeling; they are those that the consensus recommends at 3 T.
const LABELING: LabelingProtocol =
    LabelingProtocol { duration: 1.8, efficiency: 0.85, blood_t1: 1.65, tissue_t1: 1.33, partition_coefficient: 0.9 };
/// Post-labeling delays, s.
const DELAYS: [f64; 6] = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0];
/// Control-label pairs at each delay.
const PAIRS: usize = 2;
/// Share of the equilibrium signal that background suppression leaves.
const SUPPRESSED: f64 = 0.1;
/// Flip angles of the T1 mapping and of the DCE series, degrees.
const FLIP_ANGLES: [f64; 3] = [2.0, 5.0, 15.0];
const DCE_FLIP_ANGLE: f64 = 15.0;
/// Steps in which samples are stored, scanner units: fractions far below what is measured.
const LABELED_STEP: f32 = 1.0 / 256.0;
const M0_STEP: f32 = 1.0 / 16.0;
const ECHO_STEP: f32 = 1.0 / 128.0;

/// White matter; its flow is what the lesions' is divided by.
const WHITE_MATTER: KineticTissue =
    KineticTissue { m0: 700.0, cbf: 22.0, att: 1.4, t1: 0.85, ktrans: 0.0, ve: 0.0, vp: 0.012 };
const GRAY_MATTER: KineticTissue =
    KineticTissue { m0: 820.0, cbf: 60.0, att: 1.1, t1: 1.4, ktrans: 0.0, ve: 0.0, vp: 0.028 };
const FLUID: KineticTissue = KineticTissue { m0: 1000.0, cbf: 0.0, att: 1.0, t1: 4.0, ktrans: 0.0, ve: 0.0, vp: 0.0 };
const EDEMA: KineticTissue = KineticTissue { m0: 820.0, t1: 1.3, cbf: 15.0, ..WHITE_MATTER };
/// What lies around the brain.
const OTHER: KineticTissue = KineticTissue { m0: 150.0, t1: 0.4, vp: 0.0, cbf: 0.0, ..WHITE_MATTER };
/// Tumor: much flow, early avid enhancement that washes out.
const TUMOR: KineticTissue =
    KineticTissue { m0: 840.0, cbf: 58.0, att: 1.2, t1: 1.4, ktrans: 0.24, ve: 0.20, vp: 0.06 };
/// Necrosis: little flow, weak enhancement that goes on rising.
const NECROSIS: KineticTissue =
    KineticTissue { m0: 860.0, cbf: 9.0, att: 1.6, t1: 1.6, ktrans: 0.035, ve: 0.45, vp: 0.008 };
/// T1 of arterial blood, s.
const BLOOD_T1: f64 = 1.65;
const BLOOD_M0: f64 = 860.0;

fn dce(scanner: &Scanner) -> DceProtocol {
    DceProtocol {
        repetition_time: 0.005,
        frame_time: 3.0,
        frames: scanner.protocol.frames,
        arrival: 36.0,
        relaxivity: 4.5,
        hematocrit: 0.42,
    }
}

/// What is in a voxel, by its middle: every voxel is one tissue.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Content {
    Air,
    Blood,
    Tissue(usize),
}

const TISSUES: [KineticTissue; 7] = [OTHER, FLUID, GRAY_MATTER, WHITE_MATTER, EDEMA, TUMOR, NECROSIS];
/// Place of the first lesion's tissue among them.
const FIRST_LESION: usize = 5;

fn content(head: &Head, at: [f64; 3]) -> Content {
    if head.fills_with_artery(at) {
        return Content::Blood;
    }
    match head.tissue(at) {
        Tissue::Air => Content::Air,
        Tissue::Artery => Content::Blood,
        Tissue::Scalp | Tissue::Bone | Tissue::Marrow | Tissue::Dura => Content::Tissue(0),
        Tissue::Csf => Content::Tissue(1),
        Tissue::GrayMatter => Content::Tissue(2),
        Tissue::WhiteMatter => Content::Tissue(3),
        Tissue::Edema => Content::Tissue(4),
        Tissue::Enhancing(lesion) | Tissue::Core(lesion) => Content::Tissue(FIRST_LESION + lesion.min(1)),
    }
}

/// Writes the images of the one visit; the truth of its lesions.
pub(super) fn write_kinetic(
    folder: &Folder,
    patient: &Patient,
    head: &Head,
    scanner: &Scanner,
    seed: u64,
) -> Result<Truth, PhantomError> {
    let visit = &patient.visits[0];
    let (label, session) = (patient.chart.label.as_str(), visit.session.as_str());
    let (raw, stem) = (format!("{label}/{session}"), format!("{label}_{session}"));
    let t1_grid = scanner.t1.grid(patient.layout);
    let t1_seed = image_seed(seed, label, session, Modality::T1);
    let t1_name = format!("{raw}/anat/{stem}_ce-gadolinium_T1w");
    folder.volume_as_given(&format!("{t1_name}.nii.gz"), &post_contrast_t1(head, t1_grid, t1_seed, scanner.realism))?;
    folder.json(&format!("{t1_name}.json"), &sidecar::simulated_t1())?;
    let lesions = drawn_lesions(head, t1_grid, patient.masks);
    write_lesions(folder, label, visit, &lesions, patient.masks)?;

    let grid = scanner.dsc.grid(patient.layout);
    let contents: Vec<Content> = (0..grid.len()).map(|index| content(head, grid.position(grid.voxel(index)))).collect();
    write_labeling(folder, grid, &contents, &format!("{raw}/perf/{stem}"))?;
    let protocol = dce(scanner);
    write_flip_angles(folder, grid, &contents, &protocol, &format!("{raw}/anat/{stem}"))?;
    write_dynamic(folder, grid, &contents, &protocol, &format!("{raw}/perf/{stem}_dce"))?;
    let plasma = protocol.plasma();
    let rows: Vec<String> = plasma
        .iter()
        .enumerate()
        .map(|(frame, value)| format!("{}\t{:.6}", frame as f64 * protocol.frame_time, value))
        .collect();
    folder.text("aif.tsv", &format!("time\tplasma_concentration\n{}\n", rows.join("\n")))?;

    let rows = visit.findings.iter().enumerate().map(|(index, finding)| {
        let tissue = TISSUES[FIRST_LESION + index.min(1)];
        let mask = lesions.mask(index as u32 + 1);
        TruthRow {
            participant_id: label.to_owned(),
            session_id: session.to_owned(),
            lesion: index + 1,
            name: finding.name.clone(),
            histology: finding.histology,
            center: head.pose.to_scanner(head.lesions[index].center),
            volume_ml: mask.volume().0,
            followup_change_percent: f64::NAN,
            rcbv: f64::NAN,
            rcbv_enhancing: f64::NAN,
            cbv: f64::NAN,
            cbf: tissue.cbf,
            mtt: f64::NAN,
            delay: f64::NAN,
            ktrans: tissue.ktrans,
            ve: tissue.ve,
            tracer: None,
            tbr: f64::NAN,
            suv: f64::NAN,
            background_suv: f64::NAN,
            expected: finding.expected,
        }
    });
    Ok(Truth { rows: rows.collect() })
}

/// Control and label of every delay, and the M0 scan.
fn write_labeling(folder: &Folder, grid: Grid, contents: &[Content], stem: &str) -> Result<(), PhantomError> {
    let m0: Vec<f64> = contents.iter().map(|&content| equilibrium(content)).collect();
    folder.volume(&format!("{stem}_m0scan.nii.gz"), &volume(grid, &m0), M0_STEP)?;
    folder.json(
        &format!("{stem}_m0scan.json"),
        &json!({
            "IntendedFor": [format!("bids::{stem}_asl.nii.gz")],
            "RepetitionTimePreparation": 10.0,
            "EchoTime": 0.012,
            "MagneticFieldStrength": 3,
        }),
    )?;
    let mut data = Vec::new();
    let (mut delays, mut context) = (Vec::new(), String::from("volume_type\n"));
    for delay in DELAYS {
        let differences: Vec<f64> = TISSUES.iter().map(|tissue| LABELING.difference(tissue, delay)).collect();
        for kind in ["label", "control"].repeat(PAIRS) {
            delays.push(delay);
            context.push_str(&format!("{kind}\n"));
            data.extend(contents.iter().zip(&m0).map(|(content, m0)| {
                let difference = match content {
                    Content::Tissue(tissue) if kind == "label" => differences[*tissue],
                    _ => 0.0,
                };
                stored(m0 * (SUPPRESSED - difference), LABELED_STEP)
            }));
        }
    }
    let frames = delays.len();
    folder.series(
        &format!("{stem}_asl.nii.gz"),
        &StoredSeries { grid, frames, step: LABELED_STEP, data },
        Seconds(6.0),
    )?;
    folder.text(&format!("{stem}_aslcontext.tsv"), &context)?;
    folder.json(
        &format!("{stem}_asl.json"),
        &json!({
            "SeriesDescription": "Synthetic arterial spin labeling at several delays.",
            "Manufacturer": "Simulated",
            "MagneticFieldStrength": 3,
            "MRAcquisitionType": "3D",
            "EchoTime": 0.012,
            "RepetitionTimePreparation": 6.0,
            "ArterialSpinLabelingType": "PCASL",
            "LabelingDuration": LABELING.duration,
            "PostLabelingDelay": delays,
            "BackgroundSuppression": true,
            "M0Type": "Separate",
            "TotalAcquiredPairs": frames / 2,
        }),
    )
}

fn write_flip_angles(
    folder: &Folder,
    grid: Grid,
    contents: &[Content],
    protocol: &DceProtocol,
    stem: &str,
) -> Result<(), PhantomError> {
    for (index, angle) in FLIP_ANGLES.into_iter().enumerate() {
        let name = format!("{stem}_flip-{}_VFA", index + 1);
        let values: Vec<f64> = contents.iter().map(|&content| unenhanced(content, protocol, angle)).collect();
        folder.volume(&format!("{name}.nii.gz"), &volume(grid, &values), ECHO_STEP)?;
        folder.json(&format!("{name}.json"), &echo_sidecar("Synthetic image for T1 mapping.", protocol, angle))?;
    }
    Ok(())
}

fn write_dynamic(
    folder: &Folder,
    grid: Grid,
    contents: &[Content],
    protocol: &DceProtocol,
    name: &str,
) -> Result<(), PhantomError> {
    let enhanced = |m0: f64, t1: f64, concentration: Vec<f64>| -> Vec<i16> {
        let signal = |value: f64| protocol.signal(m0, 1.0 / t1 + protocol.relaxivity * value, DCE_FLIP_ANGLE);
        concentration.into_iter().map(|value| stored(signal(value), ECHO_STEP)).collect()
    };
    let tissues: Vec<Vec<i16>> =
        TISSUES.iter().map(|tissue| enhanced(tissue.m0, tissue.t1, protocol.concentration(tissue))).collect();
    let blood = protocol.plasma().into_iter().map(|plasma| plasma * (1.0 - protocol.hematocrit)).collect();
    let blood = enhanced(BLOOD_M0, BLOOD_T1, blood);
    let data = (0..protocol.frames)
        .flat_map(|frame| contents.iter().map(move |content| (frame, *content)).collect::<Vec<_>>())
        .map(|(frame, content)| match content {
            Content::Air => 0,
            Content::Blood => blood[frame],
            Content::Tissue(tissue) => tissues[tissue][frame],
        })
        .collect();
    let series = StoredSeries { grid, frames: protocol.frames, step: ECHO_STEP, data };
    folder.series(&format!("{name}.nii.gz"), &series, Seconds(protocol.frame_time))?;
    let mut sidecar = echo_sidecar("Synthetic dynamic contrast-enhanced series.", protocol, DCE_FLIP_ANGLE);
    let times: Vec<f64> = (0..protocol.frames).map(|frame| frame as f64 * protocol.frame_time).collect();
    sidecar["FrameTimesStart"] = json!(times);
    sidecar["ContrastBolusIngredient"] = json!("GADOLINIUM");
    folder.json(&format!("{name}.json"), &sidecar)
}

fn echo_sidecar(description: &str, protocol: &DceProtocol, angle: f64) -> Value {
    json!({
        "SeriesDescription": description,
        "Manufacturer": "Simulated",
        "MagneticFieldStrength": 3,
        "PulseSequenceType": "spoiled gradient echo",
        "RepetitionTimeExcitation": protocol.repetition_time,
        "EchoTime": 0.002,
        "FlipAngle": angle,
    })
}

fn equilibrium(content: Content) -> f64 {
    match content {
        Content::Air => 0.0,
        Content::Blood => BLOOD_M0,
        Content::Tissue(tissue) => TISSUES[tissue].m0,
    }
}

fn unenhanced(content: Content, protocol: &DceProtocol, angle: f64) -> f64 {
    match content {
        Content::Air => 0.0,
        Content::Blood => protocol.signal(BLOOD_M0, 1.0 / BLOOD_T1, angle),
        Content::Tissue(tissue) => protocol.signal(TISSUES[tissue].m0, 1.0 / TISSUES[tissue].t1, angle),
    }
}

fn stored(value: f64, step: f32) -> i16 {
    (value / f64::from(step)).round() as i16
}

fn volume(grid: Grid, values: &[f64]) -> Volume {
    Volume { grid, data: values.iter().map(|&value| value as f32).collect() }
}

const COLUMNS: [(&str, &str, &str); 15] = [
    ("participant_id", "", "Patient."),
    ("session_id", "", "Visit."),
    ("lesion", "", "Label of the lesion."),
    ("name", "", "Name of the lesion."),
    ("volume_ml", "mL", "Volume of the lesion mask."),
    ("cbf", "mL/100g/min", "Blood flow."),
    ("rcbf", "1", "Blood flow over that of white matter."),
    ("att", "s", "Arterial transit time."),
    ("ktrans", "1/min", "Volume transfer constant."),
    ("ve", "1", "Extravascular extracellular volume fraction."),
    ("vp", "1", "Plasma volume fraction."),
    ("curve_type", "", "How the enhancement goes on after its early peak."),
    ("verdict", "", "What the decision tables say on these values."),
    ("confidence", "", "Confidence of that verdict."),
    ("rule", "", "Rule that gives it."),
];

/// `truth.tsv` of the preset.
pub(super) fn kinetic_truth(patient: &Patient, truth: &Truth) -> String {
    let mut lines = vec![COLUMNS.map(|(name, ..)| name).join("\t")];
    for (index, row) in truth.rows.iter().enumerate() {
        let tissue = TISSUES[FIRST_LESION + index.min(1)];
        let number = |value: f64| ((value * 1e4).round() / 1e4).to_string();
        let Expected { class, confidence, rule, .. } = patient.visits[0].findings[index].expected;
        let cells = [
            row.participant_id.clone(),
            row.session_id.clone(),
            row.lesion.to_string(),
            row.name.clone(),
            number(row.volume_ml),
            number(tissue.cbf),
            number(tissue.cbf / WHITE_MATTER.cbf),
            number(tissue.att),
            number(tissue.ktrans),
            number(tissue.ve),
            number(tissue.vp),
            if index == 0 { "washout" } else { "persistent" }.to_owned(),
            class.to_string(),
            confidence.to_string(),
            rule.to_owned(),
        ];
        lines.push(cells.join("\t"));
    }
    lines.join("\n") + "\n"
}

/// Meaning and units of its columns.
pub(super) fn kinetic_dictionary() -> Value {
    let mut dictionary = Map::new();
    for (name, units, description) in COLUMNS {
        let mut entry = Map::from_iter([("Description".to_owned(), json!(description))]);
        if !units.is_empty() {
            entry.insert("Units".into(), json!(units));
        }
        dictionary.insert(name.into(), Value::Object(entry));
    }
    Value::Object(dictionary)
}
