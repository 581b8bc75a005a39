//! Who the phantom's patients are: what grows in them, what each visit finds, and which verdict the decision tables
//! (EVIDENCE.md 4) must reach on it. All of it is made up.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::dsc::{AVASCULAR_CORE, LesionPerfusion};
use super::dsc_curve::{DscTissue, DscTissueClass, Leakage};
use super::head::{Head, Pose};
use super::lesion::Lesion;
use super::noise::unit;
use super::scanner::Layout;
use crate::clinical::{Histology, Sex, Symptoms};
use crate::verdict::{Class, Confidence, NextStep};

/// What a patient's lesion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Tumor: much blood, leaky vessels, high uptake, new symptoms.
    Recurrence,
    /// Radiation necrosis: little blood, low uptake, found by chance.
    Necrosis,
    /// Gray in every measure at first; it grows by 28 %, then by 60 %.
    Watched,
}

/// What the tables tell of a patient.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    pub(super) label: String,
    pub(super) diagnosis: &'static str,
    pub(super) sex: Sex,
    /// kg.
    pub(super) weight: f64,
    /// Whether the weight stands in the participants' table; otherwise in the sessions' table.
    pub(super) weight_in_participants: bool,
    /// m.
    pub(super) height: f64,
    pub(super) grade: u8,
    pub(super) site: &'static str,
    pub(super) resection: Date,
    pub(super) rt_end: Date,
}

/// A patient.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Patient {
    pub(super) chart: Chart,
    /// The head at the first visit.
    pub(super) head: Head,
    pub(super) layout: Layout,
    pub(super) masks: LesionMasks,
    /// Middle of the mask of normal-appearing white matter in head coordinates, where one was drawn.
    pub(super) nawm: Option<[f64; 3]>,
    /// Whether one sidecar above the visits serves all DSC series.
    pub(super) dsc_sidecar_above_sessions: bool,
    /// Whether a brain mask was drawn.
    pub(super) brain_mask: bool,
    pub(super) visits: Vec<Visit>,
}

impl Patient {
    /// The head at a visit: its lesions have grown.
    pub(super) fn head_at(&self, visit: &Visit) -> Head {
        let lesions = self.head.lesions.iter().map(|lesion| lesion.grown(visit.growth)).collect();
        Head { lesions, ..self.head.clone() }
    }
}

/// How the lesions were drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LesionMasks {
    /// A binary mask of the enhancing tissue.
    Enhancing,
    /// A label map of whole lesions, cores included, with a table of facts.
    Labels,
}

/// One visit of a patient.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Visit {
    pub(super) session: String,
    pub(super) date: Date,
    pub(super) symptoms: Symptoms,
    /// Volume of the lesions against the first visit.
    pub(super) growth: f64,
    /// Whether there is a PET.
    pub(super) pet: bool,
    pub(super) findings: Vec<LesionFindings>,
}

/// What one lesion is at one visit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LesionFindings {
    pub(super) name: String,
    pub(super) histology: Histology,
    pub(super) perfusion: LesionPerfusion,
    /// Uptake of the enhancing part over the background.
    pub(super) tbr: f64,
    /// Uptake of the core over the background.
    pub(super) core_tbr: f64,
    pub(super) expected: Expected,
}

/// The verdict that the decision tables reach on the true values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// The class.
    pub class: Class,
    /// Its confidence.
    pub confidence: Confidence,
    /// The rule.
    pub rule: &'static str,
    /// The next step.
    pub next_step: NextStep,
}

/// Days between two visits: in the middle of the six to eight weeks.
const ROUND_DAYS: i64 = 49;
/// Growth of the watched lesion at each visit; later visits go on growing by a quarter of the first volume.
const WATCHED_GROWTH: [f64; 3] = [1.0, 1.28, 1.60];

/// The patients of the study; the first three are those of the fixture, later ones vary their stories.
pub(super) fn patients(seed: u64, count: usize, sessions: Option<usize>) -> Vec<Patient> {
    (0..count).map(|index| patient(seed, index, count, sessions)).collect()
}

fn patient(seed: u64, index: usize, count: usize, sessions: Option<usize>) -> Patient {
    let story = [Story::Recurrence, Story::Necrosis, Story::Watched][index % 3];
    let varied = index >= 3;
    // -1..1, and 0 for the first three.
    let vary = |what: i64| if varied { 2.0 * unit(seed, [index as i64, what, 77]) - 1.0 } else { 0.0 };
    let digits = count.to_string().len().max(2);
    let side = if varied && vary(0) < 0.0 { -1.0 } else { 1.0 };
    let lesion = match story {
        Story::Recurrence => {
            Lesion { center: [35.0, -22.0, 20.0], radii: [15.0, 16.5, 14.5], lobes: 0.13, core: 0.5, edema: 9.0 }
        }
        Story::Necrosis => {
            Lesion { center: [-33.0, 20.0, 20.0], radii: [13.0, 15.0, 12.5], lobes: 0.10, core: 0.4, edema: 7.0 }
        }
        Story::Watched => {
            Lesion { center: [33.0, 4.0, 21.5], radii: [12.5, 13.5, 12.0], lobes: 0.10, core: 0.0, edema: 6.0 }
        }
    };
    let [x, y, z] = lesion.center;
    let lesion = Lesion {
        center: [side * (x + 1.5 * vary(1)), y + 4.0 * vary(2), z + 2.0 * vary(3)],
        radii: lesion.radii.map(|radius| radius * (1.0 + 0.06 * vary(4))),
        ..lesion
    };
    let head = Head {
        seed: seed.wrapping_add(index as u64),
        pose: Pose {
            half_tangent: [0.015, -0.02, 0.01][index % 3] + 0.01 * vary(5),
            shift: [[1.5, -2.0, 0.0], [-2.0, 1.0, 0.5], [0.5, 2.0, -0.5]][index % 3].map(|mm| mm + vary(6)),
        },
        lesions: vec![lesion],
    };
    let first = [date(2025, 12, 2), date(2025, 11, 18), date(2026, 1, 5)][index % 3];
    let default_visits = if story == Story::Watched { 3 } else { 1 };
    let visits = (0..sessions.unwrap_or(default_visits))
        .map(|round| visit(story, round, first, lesion.center[0] > 0.0, vary(7), vary(8)))
        .collect();
    let chart = Chart {
        label: format!("sub-{:0digits$}", index + 1),
        diagnosis: ["glioblastoma, IDH-wildtype", "anaplastic astrocytoma", "glioblastoma, IDH-wildtype"][index % 3],
        sex: [Sex::Male, Sex::Female, Sex::Female][index % 3],
        weight: [82.0, 64.0, 71.0][index % 3],
        weight_in_participants: index % 3 != 1,
        height: [1.79, 1.66, 1.70][index % 3],
        grade: [4, 3, 4][index % 3],
        site: match (story, lesion.center[0] > 0.0) {
            (Story::Recurrence, true) => "right parietal white matter",
            (Story::Recurrence, false) => "left parietal white matter",
            (Story::Necrosis, true) => "right frontal white matter",
            (Story::Necrosis, false) => "left frontal white matter",
            (Story::Watched, true) => "right central white matter",
            (Story::Watched, false) => "left central white matter",
        },
        resection: first.saturating_sub((380 + 20 * (index as i64 % 3)).days()),
        rt_end: first.saturating_sub((263 + 14 * (index as i64 % 3)).days()),
    };
    Patient {
        chart,
        head,
        layout: [Layout::Las, Layout::Sagittal, Layout::Ras][index % 3],
        masks: if story == Story::Necrosis { LesionMasks::Labels } else { LesionMasks::Enhancing },
        nawm: (story == Story::Recurrence).then(|| {
            let [x, y, z] = lesion.center;
            [-x, y, z]
        }),
        dsc_sidecar_above_sessions: story == Story::Watched,
        brain_mask: story == Story::Necrosis,
        visits,
    }
}

fn visit(story: Story, round: usize, first: Date, right: bool, more_blood: f64, more_uptake: f64) -> Visit {
    let place = match story {
        Story::Recurrence => "parietal",
        Story::Necrosis => "frontal",
        Story::Watched => "central",
    };
    let symptoms = match (story, round) {
        (Story::Recurrence, _) => Symptoms::New,
        (Story::Necrosis, _) => Symptoms::None,
        (Story::Watched, 1) => Symptoms::None,
        (Story::Watched, _) => Symptoms::Ambiguous,
    };
    let growth = match story {
        Story::Recurrence => 1.0 + 0.5 * round as f64,
        Story::Necrosis => 1.0 - 0.06 * round.min(3) as f64,
        Story::Watched => match WATCHED_GROWTH.get(round) {
            Some(&growth) => growth,
            None => 1.60 + 0.25 * (round - 2) as f64,
        },
    };
    let name = format!("{} {place}", if right { "right" } else { "left" });
    Visit {
        session: format!("ses-{:02}", round + 1),
        date: first.saturating_add((ROUND_DAYS * round as i64).days()),
        symptoms,
        growth,
        pet: round == 0,
        findings: vec![findings(story, round, name, more_blood, more_uptake)],
    }
}

/// What a story's lesion is at a round of its follow-up; `more_blood` and `more_uptake` vary it, -1..1.
fn findings(story: Story, round: usize, name: String, more_blood: f64, more_uptake: f64) -> LesionFindings {
    let gray = DscTissue {
        cbv: 3.1 + 0.1 * round as f64,
        cbf: 31.0 + round as f64,
        leakage: Some(Leakage { ktrans_per_min: 0.03, ve: 0.30, relaxivity: 8.0 }),
        ..DscTissueClass::IntactTumor.tissue()
    };
    // METHOD: true uptakes are chosen so that the largest voxel, noise and the scanner's blur included, reads clearly
    // in its class: above 1.5, below 1.3, and near 1.4 between them.
    let (histology, tissue, tbr, core_tbr) = match story {
        Story::Recurrence => (Histology::Tumor, DscTissueClass::T1LeakTumor.tissue(), 2.4 + 0.25 * more_uptake, 0.6),
        Story::Necrosis => (Histology::Necrosis, DscTissueClass::Necrosis.tissue(), 0.95 + 0.06 * more_uptake, 0.6),
        Story::Watched => (Histology::Tumor, gray, 1.39 + 0.01 * more_uptake, 1.0),
    };
    let enhancing = DscTissue { cbv: tissue.cbv * (1.0 + 0.06 * more_blood), ..tissue };
    LesionFindings {
        name,
        histology,
        perfusion: LesionPerfusion { enhancing, core: AVASCULAR_CORE },
        tbr,
        core_tbr,
        expected: expected(story, round),
    }
}

/// The chart and the one visit of a real head: its lesions are recurrence, necrosis and gray in turn.
pub(super) fn real_head(lesions: usize) -> (Chart, Visit) {
    let findings = (0..lesions)
        .map(|index| {
            let story = [Story::Recurrence, Story::Necrosis, Story::Watched][index % 3];
            let mut findings = findings(story, 0, format!("lesion {}", index + 1), 0.0, 0.0);
            if story == Story::Recurrence {
                // Symptoms are not known here; without new ones the confidence of B1 is high.
                findings.expected.confidence = Confidence::High;
            }
            findings
        })
        .collect();
    let visit = Visit {
        session: "ses-01".into(),
        date: date(2026, 1, 5),
        symptoms: Symptoms::Unknown,
        growth: 1.0,
        pet: true,
        findings,
    };
    (chart("sub-01".into(), "brain"), visit)
}

/// A chart for a head that has no story of its own.
fn chart(label: String, site: &'static str) -> Chart {
    Chart {
        label,
        diagnosis: "glioblastoma, IDH-wildtype",
        sex: Sex::Female,
        weight: 70.0,
        weight_in_participants: true,
        height: 1.70,
        grade: 4,
        site,
        resection: date(2025, 1, 2),
        rt_end: date(2025, 3, 3),
    }
}

/// EVIDENCE.md 4.4 and 4.6b on the true values. The first visit has perfusion and PET; later ones are follow-up.
fn expected(story: Story, round: usize) -> Expected {
    use {Class::*, Confidence as C, NextStep as N};
    let (class, confidence, rule, next_step) = match (story, round) {
        // Both high and new symptoms.
        (Story::Recurrence, 0) => (Recurrence, C::VeryHigh, "B1", N::ReferMdtRecurrence),
        (Story::Recurrence, _) => (Recurrence, C::High, "F1c", N::ReferMdtRecurrence),
        (Story::Necrosis, 0) => (RadiationNecrosis, C::High, "B10", N::ManageAsNecrosisSurveillance),
        (Story::Necrosis, _) => (RadiationNecrosis, C::High, "F2c", N::ManageAsNecrosisSurveillance),
        (Story::Watched, 0) => (Indeterminate, C::None, "B6", N::Mri6To8WeeksOrBiopsy),
        // +28 % is equivocal, +60 % is growth.
        (Story::Watched, 1) => (Indeterminate, C::None, "F3", N::NextRound6To8Weeks),
        (Story::Watched, _) => (Recurrence, C::Moderate, "F1", N::ReferMdtRecurrence),
    };
    Expected { class, confidence, rule, next_step }
}

/// One patient with a tumor and a necrosis that ASL and DCE can tell apart; there is neither DSC nor PET.
pub(super) fn kinetic_patient(seed: u64) -> Patient {
    let lesion = |x| Lesion { center: [x, 8.0, 22.0], radii: [13.0; 3], lobes: 0.0, core: 0.0, edema: 5.0 };
    let finding = |name: &str, histology, class: DscTissueClass, expected| LesionFindings {
        name: name.to_owned(),
        histology,
        perfusion: LesionPerfusion { enhancing: class.tissue(), core: AVASCULAR_CORE },
        tbr: f64::NAN,
        core_tbr: f64::NAN,
        expected,
    };
    // ASL alone takes a side with low confidence, and amino-acid PET comes next (EVIDENCE.md 4.4).
    let expected =
        |class, rule| Expected { class, confidence: Confidence::Low, rule, next_step: NextStep::ReferAminoAcidPet };
    Patient {
        chart: chart("sub-kinetic".into(), "white matter"),
        head: Head { seed, pose: Pose::CENTERED, lesions: vec![lesion(33.0), lesion(-33.0)] },
        layout: Layout::Las,
        masks: LesionMasks::Labels,
        nawm: Some([31.0, -26.0, 24.0]),
        dsc_sidecar_above_sessions: false,
        brain_mask: true,
        visits: vec![Visit {
            session: "ses-01".into(),
            date: date(2026, 1, 5),
            symptoms: Symptoms::Unknown,
            growth: 1.0,
            pet: false,
            findings: vec![
                finding(
                    "right frontal",
                    Histology::Tumor,
                    DscTissueClass::IntactTumor,
                    expected(Class::Recurrence, "B3"),
                ),
                finding(
                    "left frontal",
                    Histology::Necrosis,
                    DscTissueClass::Necrosis,
                    expected(Class::RadiationNecrosis, "B11"),
                ),
            ],
        }],
    }
}

/// One patient with a lesion of each class of the reference object, without PET.
pub(super) fn reference_patient(seed: u64) -> Patient {
    let lesion = |x, y| Lesion { center: [x, y, 22.0], radii: [11.0; 3], lobes: 0.0, core: 0.0, edema: 0.0 };
    let classes = [
        ("intact tumor", DscTissueClass::IntactTumor),
        ("T1-leak tumor", DscTissueClass::T1LeakTumor),
        ("T2*-leak tumor", DscTissueClass::T2StarLeakTumor),
        ("necrosis", DscTissueClass::Necrosis),
    ];
    let findings = classes
        .into_iter()
        .map(|(name, class)| {
            let necrosis = class == DscTissueClass::Necrosis;
            LesionFindings {
                name: name.to_owned(),
                histology: if necrosis { Histology::Necrosis } else { Histology::Tumor },
                perfusion: LesionPerfusion { enhancing: class.tissue(), core: AVASCULAR_CORE },
                tbr: f64::NAN,
                core_tbr: f64::NAN,
                expected: if necrosis {
                    Expected {
                        class: Class::RadiationNecrosis,
                        confidence: Confidence::Moderate,
                        rule: "B11",
                        next_step: NextStep::ManageAsNecrosisSurveillance,
                    }
                } else {
                    Expected {
                        class: Class::Recurrence,
                        confidence: Confidence::Moderate,
                        rule: "B3",
                        next_step: NextStep::ReferMdtRecurrence,
                    }
                },
            }
        })
        .collect();
    Patient {
        chart: chart("sub-reference".into(), "white matter"),
        head: Head {
            seed,
            pose: Pose::CENTERED,
            lesions: vec![lesion(32.0, 22.0), lesion(32.0, -20.0), lesion(-32.0, 22.0), lesion(-32.0, -20.0)],
        },
        layout: Layout::Ras,
        masks: LesionMasks::Labels,
        nawm: Some([32.0, 1.0, 26.0]),
        dsc_sidecar_above_sessions: false,
        brain_mask: true,
        visits: vec![Visit {
            session: "ses-01".into(),
            date: date(2026, 1, 5),
            symptoms: Symptoms::Unknown,
            growth: 1.0,
            pet: false,
            findings,
        }],
    }
}
