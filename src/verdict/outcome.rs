//! What a verdict holds.

use jiff::civil::Date;
use serde::Serialize;

use crate::quality::Caveat;

closed_words! {
    /// The answer for one lesion.
    pub enum Class: "verdict" {
        /// Tumor recurrence or progression.
        Recurrence = "recurrence",
        /// Radiation necrosis: a management label, always with continued surveillance.
        RadiationNecrosis = "radiation_necrosis",
        /// Not settled; never to be read as probably benign.
        Indeterminate = "indeterminate",
        /// Sarcoma: suspected recurrence.
        SuspectedRecurrence = "suspected_recurrence",
        /// Sarcoma: stable under surveillance.
        Stable = "stable",
    }
}

closed_words! {
    /// How firm the rule is.
    pub enum Confidence: "confidence" {
        /// No answer, no confidence.
        None = "none",
        /// Weak evidence.
        Low = "low",
        /// One modality, or one grey.
        Moderate = "moderate",
        /// Modalities agree.
        High = "high",
        /// High perfusion, new enhancement and new symptoms.
        VeryHigh = "very_high",
        /// Histology.
        Definitive = "definitive",
    }
}

closed_words! {
    /// Where a value stands against its cut-offs; a value on a bound is grey.
    pub enum Pole: "pole" {
        /// Above the recurrence cut-off.
        High = "high",
        /// Between the cut-offs.
        Grey = "grey",
        /// Below the necrosis cut-off.
        Low = "low",
        /// Not measured, or not usable.
        Missing = "missing",
    }
}

closed_words! {
    /// What to do next (EVIDENCE.md 4.6).
    pub enum NextStep: "next step" {
        /// Tumor board: managed as recurrence.
        ReferMdtRecurrence = "refer_mdt_recurrence",
        /// Managed as necrosis, with continued surveillance.
        ManageAsNecrosisSurveillance = "manage_as_necrosis_surveillance",
        /// Perfusion MRI, at a centre that has it.
        ReferPerfusionMri = "refer_perfusion_mri",
        /// Amino-acid PET.
        ReferAminoAcidPet = "refer_amino_acid_pet",
        /// MRI in 6-8 weeks, or tissue.
        Mri6To8WeeksOrBiopsy = "mri_6_8_weeks_or_biopsy",
        /// Tissue is preferred.
        BiopsyPreferred = "biopsy_preferred",
        /// Wait for the follow-up window.
        ContinueToWindow = "continue_to_window",
        /// Another round of 6-8 weeks.
        NextRound6To8Weeks = "next_round_6_8_weeks",
        /// Tumor board or biopsy after the last round.
        MdtOrBiopsyAfterMaxRounds = "mdt_or_biopsy_after_max_rounds",
        /// Repeat the acquisition that failed.
        RepeatAcquisition = "repeat_acquisition",
        /// Sarcoma: symptomatic or staging, outside the surveillance scenario.
        DiagnosticWorkup = "diagnostic_workup",
        /// Sarcoma: core needle biopsy (16 G or larger) and tumor board.
        CoreBiopsyAndTumorBoard = "core_biopsy_and_tumor_board",
        /// Sarcoma: MRI in 3 months.
        Mri3Months = "mri_3_months",
        /// Sarcoma: the next visit of the schedule.
        NextSurveillanceVisit = "next_surveillance_visit",
        /// Sarcoma: FDG-PET/CT for problem solving.
        FdgPetCt = "fdg_pet_ct",
        /// Sarcoma: MRI without and with contrast.
        MriWithoutAndWithContrast = "mri_without_and_with_contrast",
        /// Sarcoma: tumor board after repeated indeterminate studies.
        TumorBoard = "tumor_board",
    }
}

/// How one measure reads, for the evidence rulers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The column that was read, such as `rcbv_mean`.
    pub column: &'static str,
    /// What it is in plain words, such as `Mean rCBV (DSC)`.
    pub name: String,
    /// The value, where there is one.
    pub value: Option<f64>,
    /// Below it: necrosis.
    pub low: Option<f64>,
    /// Above it: recurrence.
    pub high: Option<f64>,
    /// How it reads.
    pub pole: Pole,
}

/// A reason code and its sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// Such as `PSP_WINDOW`.
    pub code: String,
    /// The sentence that is printed.
    pub text: String,
}

/// Posterior probability of recurrence from imaging and symptoms, with the band over the published priors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Posterior {
    /// At the default prior.
    pub value: f64,
    /// At the lowest published prior.
    pub low: f64,
    /// At the highest published prior.
    pub high: f64,
    /// The prior that `value` starts from: the recorded grade's where the settings give one.
    pub prior: f64,
    /// Whether a follow-up rule fired: the posterior describes the state before follow-up.
    pub before_followup: bool,
}

/// How many deciding measures read which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Measures that read recurrence.
    pub high: usize,
    /// Measures in the grey zone.
    pub grey: usize,
    /// Measures that read necrosis.
    pub low: usize,
}

/// The smallest change of one measure that would change the verdict, found by running the rule again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The column.
    pub column: &'static str,
    /// The value now, where there is one.
    pub now: Option<f64>,
    /// The bound it would have to cross; `None` where the measure is missing now.
    pub bound: Option<f64>,
    /// The verdict on the other side.
    pub verdict: Class,
    /// The sentence that is printed.
    pub text: String,
}

/// The days in which the follow-up scan is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// First day.
    #[serde(serialize_with = "crate::day::plain::serialize")]
    pub start: Date,
    /// Last day.
    #[serde(serialize_with = "crate::day::plain::serialize")]
    pub end: Date,
}

/// The verdict for one lesion, with everything that is printed beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// `None` where no pathway applies.
    pub class: Option<Class>,
    /// How firm the rule is; `None` where no pathway applies.
    pub confidence: Option<Confidence>,
    /// The rule that fired, such as `B6` or `F2`; explained by `relight explain`.
    pub rule: Option<&'static str>,
    /// Whether a source document states the rule, or it is ours.
    pub derived: bool,
    /// Posterior; `None` with histology or without a pathway.
    pub posterior: Option<Posterior>,
    /// How the deciding measures read together.
    pub agreement: Option<Agreement>,
    /// Share of reanalyses with the same verdict, as `11 of 12`; `None` until they were run.
    pub stability: Option<String>,
    /// What to do next, most important first.
    pub next_steps: Vec<NextStep>,
    /// When, where a follow-up is due and the scan date is known.
    pub window: Option<Window>,
    /// Deciding measures, for the rulers.
    pub findings: Vec<Finding>,
    /// Reason codes with their sentences.
    pub reasons: Vec<Reason>,
    /// Doubts that the judging itself raised.
    pub caveats: Vec<Caveat>,
    /// The verdict in two or three plain sentences.
    pub explanation: String,
    /// What would change it.
    pub what_would_change: Vec<Change>,
    /// The nearest BT-RADS wording; the reader assigns.
    pub bt_rads: Option<&'static str>,
}
