//! All wording of the pages: each sentence once; the head of a column stands with its table.
//!
//! Wording follows EVIDENCE.md 4 and 5: a verdict never stands without its confidence and its rule, necrosis is a label
//! of management, indeterminate is not benign, and symptoms are support in words.

use crate::clinical::{Histology, Pathway, Symptoms};
use crate::cohort;
use crate::pet::{Baseline, Pattern, PeakMode, ResponseQuantity};
use crate::quality::Quality;
use crate::reanalysis::Stability;
use crate::verdict::{Agreement, Class, Confidence, NextStep, Pole, Verdict};

/// First line of every page.
pub const RESEARCH_USE: &str = "Research use only.";

/// What the line goes on to say.
pub const NOT_A_DEVICE: &str = "Not a medical device. Not for diagnosis, treatment selection or triage.";

/// The intended use, at the foot of every page.
pub const INTENDED_USE: &str = "Research software: it quantifies perfusion MRI and PET in lesion masks that a user \
    supplies and lists how the numbers compare with configurable cut-offs. Not validated for pediatric, non-enhancing \
    or IDH-mutant low-grade, hemorrhagic or brain-stem lesions. Every output must be reviewed with the source images \
    by a qualified physician.";

/// Under the heading of surveillance.
pub const SURVEILLANCE: &str = "What the sarcoma sources ask beside the images. Schedules of different sources stand \
    side by side and are not merged; which one applies is the reader's choice. Grade comes from pathology; imaging \
    cannot determine it.";

/// In place of the end of treatment.
pub const NO_TREATMENT_END: &str = "The end of treatment is not recorded (resection_date or rt_end): no visits and no \
    baseline can be told.";

/// Caption of the schedules.
pub const SCHEDULES_CAPTION: &str = "Tight: shortest interval, longest phase of the source's range; loose: the opposite. \
    A scan counts for the nearest visit; chest imaging is not in the study folder. \
    Counted from the end of treatment above; the source of rps counts from the resection of the recurrence, so its \
    dates hold where that is the treatment recorded.";

/// Caption of growth.
pub const GROWTH_CAPTION: &str = "Since the resection: longest diameter over the months since (S3), flagged at 1.0 in \
    retroperitoneal liposarcoma only. Between scans: another number, never flagged.";

/// The flag of growth.
pub const GROWTH_FLAGGED: &str = "1.0 cm/month or more";

/// What outside the field rests on.
pub const OUTSIDE_FIELD: &str = "Recorded as outside the field, or in another compartment than the first lesion of the \
    first visit, in the lesion's table.";

/// Before the watchful state.
pub const WATCHFUL: &str = "Watchful state (observation with imaging again; S3, for asymptomatic well-differentiated \
    liposarcoma of the retroperitoneum)";

/// Above the sessions that failed.
pub const FAILED_SESSIONS: &str = "Sessions without a result";

/// Title of what lies inside a lesion.
pub const INSIDE_TITLE: &str = "Inside the lesion";

/// Under it.
pub const INSIDE_CAPTION: &str = "Described, never judged: no rule looks at it. The cluster is where the map is highest, \
    not a plan of a biopsy: needle and path are chosen by those who do it (relight explain core_biopsy).";

/// In place of the protocol.
pub const NO_PROTOCOL: &str = "Nothing to compare: no kind of image stands in two sessions.";

/// A protocol without differences.
pub const SAME_PROTOCOL: &str = "No field differs between the sessions that tell it.";

/// A protocol with differences.
pub const PROTOCOL_DIFFERS: &str = "A change between these sessions may come from the measurement.";

/// Under the extent of disease.
pub const EXTENT: &str = "Asked for at a recurrence (S2; chest CT and CT of abdomen and pelvis: S1). Done as recorded in \
    extent_done, or as found in the study; missing means not recorded.";

/// Under resectability.
pub const RESECTABILITY: &str = "Listed, not scored; no advice on dose (S2, S3).";

/// Under the covariates.
pub const COVARIATES: &str = "Listed, not scored: the coefficients of the nomogram (S3) are not published as numbers \
    that we have.";

/// Title of uptake over time.
pub const ACTIVITY_TITLE: &str = "Uptake over time";

/// Under it.
pub const ACTIVITY_CAPTION: &str = "Mean of the lesion and of the background in each frame, at the middle of the frame \
    in minutes after injection, decay-corrected.";

/// The same in a screen reader.
pub const ACTIVITY_ALT: &str = "Time-activity curves";

/// In place of a slope.
pub const NO_SLOPE: &str = "too few frames in the window for a slope";

/// Title of the statistics of PET.
pub const PET_TITLE: &str = "PET in the lesion";

/// Title of what stands beside them.
pub const PET_FACTS_TITLE: &str = "PET: place, volumes, recovery";

/// Column of the statistics without SUV.
pub const IMAGE_UNIT: &str = "Unit of the image";

/// In place of the statistics.
pub const NO_UPTAKE: &str = "No voxel of the lesion holds a value in the PET image.";

/// How far uptake was followed.
pub const OVERLAP_REACH: &str = "Uptake that reaches the same bound and hangs together with the lesion was followed up \
    to ";

/// What recovery is for.
pub const RECOVERY: &str = "Told, never applied: no value here is corrected for partial volume.";

/// Title of the response.
pub const RESPONSE_TITLE: &str = "PET over time";

/// Under it.
pub const RESPONSE_CAPTION: &str = "Response rules stand in the settings and describe; the verdict above does not rest \
    on them. Only studies with the same tracer are compared.";

/// Behind a rule whose numbers were not found in its source.
pub const UNCONFIRMED: &str = "Numbers not confirmed against the publication.";

/// Before what disagrees.
pub const DISCORDANT: &str = "Discordant:";

/// Before what makes two studies hard to compare.
pub const HARD_TO_COMPARE: &str = "Hard to compare:";

/// Under the picture of the background.
pub const BACKGROUND_CAPTION: &str = "The region that uptake is divided by, outlined in an axial slice as near to the \
    lesion as much of it lies. It should hold healthy cortex and white matter, and no lesion, ventricle or vessel.";

/// What a pattern of uptake is.
pub fn uptake_pattern(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Rising => "rising to the end",
        Pattern::Plateau => "a plateau",
        Pattern::Decline => "an early peak, then decline",
    }
}

/// A peak mode in words.
pub fn peak_mode(mode: PeakMode) -> &'static str {
    match mode {
        PeakMode::Exact => "1 mL, voxel fractions",
        PeakMode::IbsiGlobal => "IBSI global",
        PeakMode::IbsiLocal => "IBSI local",
    }
}

/// A quantity of a response rule.
pub fn response_quantity(quantity: ResponseQuantity) -> &'static str {
    match quantity {
        ResponseQuantity::TbrMax => "TBRmax",
        ResponseQuantity::TbrMean => "TBRmean",
        ResponseQuantity::BtvMl => "PET volume",
        ResponseQuantity::SulPeak => "SULpeak",
    }
}

/// With which study another is compared.
pub fn baseline(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::First => "First PET after treatment",
        Baseline::Previous => "PET before",
    }
}

/// What stands in place of a value.
pub const NOT_MEASURED: &str = "not measured";

/// What an indeterminate page says beside the next step; progression rates of BT-RADS 3b.
pub const NOT_BENIGN: &str = "Indeterminate is not benign: 61.5 to 89 % of lesions read as BT-RADS 3b progressed \
    (PMID 38672241).";

/// Both risks of an unsettled lesion, side by side.
pub const BOTH_RISKS: &str = "Waiting may delay the treatment of a true recurrence; surgery carries its own risk.";

/// Why symptoms stand apart.
pub const SYMPTOMS_ARE_SUPPORT: &str = "They bear on confidence and next step, never on the result.";

/// Growth before a follow-up rule.
pub const GROWTH_IS_SUPPORT: &str = "No follow-up rule applied: it is not counted.";

/// Growth with a follow-up rule.
pub const GROWTH_DECIDES: &str = "A follow-up rule applied: it decides.";

/// Under the rulers.
pub const RULERS_ALIGNED: &str = "Each ruler is scaled so that the cut-offs line up.";

/// Head of what perfusion says beside the columns.
pub const FURTHER_PERFUSION: &str = "Perfusion beyond the row";

/// Under it.
pub const FURTHER_PERFUSION_CAPTION: &str = "Over the usable voxels of the lesion. The cut-offs refer to the mean against \
    white matter alone, not to hot spots, percentiles or other divisors.";

/// Head of the leakage models.
pub const LEAKAGE_CHOICE: &str = "Which leakage model the data ask for";

/// Under it.
pub const LEAKAGE_CHOICE_CAPTION: &str = "Models of the whole series fitted to the lesion's mean curve (estimate ± standard \
    error, frames taken as independent) and to each voxel, compared by Akaike's criterion. It is told, and does not change \
    the model that makes rCBV.";

/// A leakage model in plain words.
pub const fn leakage_model(model: crate::dsc::LeakageModel) -> &'static str {
    match model {
        crate::dsc::LeakageModel::None => "No leakage",
        crate::dsc::LeakageModel::Bsw => "Boxerman–Schmainda–Weisskoff",
        crate::dsc::LeakageModel::Bidirectional => "Bidirectional",
        crate::dsc::LeakageModel::Gamma => "Gamma variate",
    }
}

/// Head of the arterial curve.
pub const ARTERY: &str = "Arterial input function";

/// Under the film strip.
pub const FILM_CAPTION: &str = "Radiological view: patient right on the left. White line: lesion mask. Maps are \
    opaque; black is outside or not estimated.";

/// In place of a ruler where nothing was measured.
pub const NOT_IMPUTED: &str = "Not measured; nothing is imputed.";

/// In place of a ruler where quality failed.
pub const FAILED_NOT_USED: &str = "The measurement failed its quality checks and is not used.";

/// In place of a ruler without cut-offs.
pub const NO_CUTOFF: &str = "No cut-off is configured: the value is reported and not used.";

/// In place of a ruler of a value that another reason excludes.
pub const REPORTED_NOT_USED: &str = "Reported and not used; see the caveats.";

/// Under the measures of a lesion that is not judged.
pub const NO_RULERS: &str = "No cut-offs apply, so there is no ruler and no result.";

/// Caption of plain measures, for those who hear the page.
pub const WHAT_WAS_MEASURED: &str = "What was measured";

/// Caption of the rulers, for those who hear the page.
pub const EVIDENCE_CAPTION: &str = "Deciding measures against their cut-offs, and what supports them";

/// Head of the facts that do not decide.
pub const SUPPORTING: &str = "Supporting, not counted by the rule";

/// What the shares of the tumor burden are.
pub const BURDEN_MEANING: &str = "Voxels below, between and above the rCBV cut-offs";

/// What the total lesion uptake is for FDG.
pub const GLYCOLYSIS: &str = "SUV times volume (total lesion glycolysis)";

/// For a PET measure without a tracer.
pub const TRACER_NOT_RECORDED: &str = "PET, tracer not recorded";

/// For a ratio whose background is not described.
pub const BACKGROUND_NOT_RECORDED: &str = "Background not recorded";

/// Before the list of what was missing.
pub const NOT_FOUND: &str = "Looked for and not found: ";

/// Before the list of changes.
pub const WHAT_WOULD_CHANGE: &str = "What would change it";

/// Where a lesion has no measure.
pub const NOTHING_MEASURED: &str = "Nothing was measured in this session.";

/// In place of the film strip.
pub const NO_PICTURES: &str = "No pictures were drawn for this session.";

/// In place of a time course without dates.
pub const NO_DATES: &str = "Not drawn: not every session has a date.";

/// In place of a time course of one day.
pub const ONE_SESSION: &str = "One session: nothing to compare with yet.";

/// Heading of the next step.
pub const NEXT_STEP: &str = "Next step in the protocol";

/// Where there is no next step.
pub const NO_STEP: &str = "None is listed: ";

/// Why, without a verdict.
pub const NO_STEP_NOT_JUDGED: &str = "the lesion was measured, not judged.";

/// Why, with a verdict.
pub const NO_STEP_BY_RULE: &str = "the rule names none.";

/// In place of a posterior where histology decides.
pub const POSTERIOR_HISTOLOGY: &str = "Not given: histology decides";

/// Under the heading of the bolus.
pub const BOLUS_CAPTION: &str = "Mean ΔR2* in s⁻¹ over lesion and reference; shaded: before the bolus arrives.";

/// Under the heading of the motion.
pub const MOTION_CAPTION: &str = "Displacement of the head in mm, root mean square over a sphere of 80 mm: from the baseline, and from the frame before; a mark is a spike.";

/// What was done about the motion.
pub const fn motion_done(registered: bool, corrected: bool) -> &'static str {
    match (registered, corrected) {
        (_, true) => "Every frame was registered to the baseline and resampled.",
        (true, false) => "Every frame was registered to the baseline; none was resampled.",
        (false, false) => {
            "Estimates of the detector, which asked for no registration: no frame was resampled. A gap is a frame whose \
             edges the bolus changes so much that they tell no motion."
        }
    }
}

/// The bolus, for those who hear the page.
pub const BOLUS_ALT: &str = "Mean ΔR2* over time of the lesion, measured and leakage corrected, and of the reference";

/// Heading of the decision plane.
pub const PLANE_TITLE: &str = "Perfusion against uptake";

/// Under it.
pub const PLANE_CAPTION: &str = "Zones: how the two measures read, each by its own cut-offs; the rule also weighs quality \
    and follow-up. The mark is the verdict, the bar the 95 % interval of rCBV, open marks earlier sessions.";

/// In place of curves without values.
pub const NO_CURVES: &str = "Not drawn: the curves hold no finite values.";

/// Under the pictures of several sessions.
pub const SESSIONS_CAPTION: &str = "Sessions beside each other, each at the slice that its caption names. ";

/// Where colors can be compared.
pub const SAME_WINDOW: &str =
    "Same window for all sessions; anatomy has no unit, so its brightness also follows the scanner.";

/// Under the heading of the histogram.
pub const HISTOGRAM_CAPTION: &str =
    "Voxels by normalized, leakage-corrected rCBV. Lines: cut-offs; above: share of each class of the tumor burden.";

/// Where an earlier session is drawn over it.
pub const HISTOGRAM_PREVIOUS: &str = "Black line: previous scan.";

/// Under the heading of the growth plot.
pub const GROWTH_PLOT: &str = "Volume in mL; bars: 95 % measurement error of the volume (boundary error of the settings). Hatched: the error of the index scan. Dashed: grown.";

/// Under the slices with the outlines.
pub const MASK_CHECK: &str = "Radiological view. White: lesion.";

/// Where a reference is drawn on them.
pub const MASK_CHECK_REFERENCE: &str = "Blue, dashed: reference that values are divided by.";

/// Where a brain is drawn on them.
pub const MASK_CHECK_BRAIN: &str = "Grey: brain mask; what lies away from it is not shown.";

/// Before the list of columns without a value.
pub const NOWHERE_MEASURED: &str = "Not measured or not recorded: ";

/// In place of the table of all measures.
pub const NO_MEASURES: &str = "Nothing was measured.";

/// Where there are no checks.
pub const NO_CHECKS: &str = "No quality check was run on this session.";

/// Where there are no caveats.
pub const NO_CAVEATS: &str = "None was raised.";

/// Where the methods were not recorded.
pub const NO_METHODS: &str = "No methods text was recorded for this session.";

/// Where the inputs were not recorded.
pub const NO_INPUTS: &str = "Each subject's page lists its inputs.";

/// First link of a page, for the keyboard.
pub const SKIP: &str = "Skip to the report";

/// Where there is no lesion.
pub const NO_LESIONS: &str = "No lesion was measured.";

/// Caption of the contents list.
pub const CONTENTS_CAPTION: &str = "Lesions on this page, each at its latest session";

/// Where neither is known.
pub const NO_DIAGNOSIS: &str = "Diagnosis and radiotherapy not recorded.";

/// On a study page without a day.
pub const NO_AS_OF: &str = " No date was given, so follow-up windows are not told.";

/// In place of a viewer until its script runs.
pub const VIEWER_NEEDS_SCRIPT: &str = "The viewer needs a script, which this browser does not run. The pictures above \
    and below stand without it.";

/// In place of a viewer that does not fit.
pub const NO_ROOM_FOR_VIEWER: &str = "No viewer here: the images of the other lesions fill the room of this page. The \
    maps stand beside it as NIfTI files.";

/// The table below the planes, for those who hear the page.
pub const AT_CROSSHAIR: &str = "Values at the crosshair";

/// How the viewer is used.
pub const VIEWER_KEYS: &str = "Click or drag moves the crosshair; right button or Shift and drag sets window and level. \
    With a plane chosen: arrow keys move the crosshair, Page Up, Page Down or the wheel change the slice, Home goes to \
    the lesion, + and \u{2212} set the opacity, o outline, n neurological view, s side by side, f flicker, d \
    subtraction, 0 reset. Colors over anatomy are mixed: read values from the table.";

/// Where several sessions can be compared.
pub const SESSIONS_NOT_MOVED: &str = "Sessions lie on each other by their scanner coordinates, as they were given: where \
    the head was moved between them, a difference is also one of place.";

/// Where some sessions do not fit.
pub const SOME_SESSIONS_LEFT_OUT: &str = "Earlier sessions are left out of the viewer to keep the page below 5 MB.";

/// Where no brain is known.
pub const VIEWER_NO_BRAIN: &str = "No brain mask was given or found, so the box holds everything around the lesion.";

/// What the volumes of the viewer are.
pub fn viewer_volumes(spacing_mm: f64, margin_mm: f64) -> String {
    format!(
        "A box of {margin_mm} mm around the lesion, in voxels of {spacing_mm} mm along the scanner's axes. Anatomy is \
         interpolated. A map's value is that of its own voxel at the crosshair, rounded to the step that stands beside \
         it: it is right within half a step."
    )
}

/// What is left out of them.
pub fn viewer_within_brain(margin_mm: f64) -> String {
    format!("Only the brain and {margin_mm} mm around it is kept.")
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    Plain,
    /// A fraction, written in percent.
    Percent,
    /// With a plus sign when it is above zero.
    Signed,
}

/// The name of a column for readers, and its rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Column of the lesion table.
    pub column: &'static str,
    /// Its name on the page.
    pub name: &'static str,
    /// Decimals shown.
    pub decimals: usize,
    /// How it is written.
    pub scale: Scale,
}

macro_rules! measures {
    ($($column:ident $name:literal $decimals:literal $scale:ident;)*) => {
        /// Every measure of the lesion table, in its order.
        pub const MEASURES: &[Measure] = &[
            $(Measure { column: stringify!($column), name: $name, decimals: $decimals, scale: Scale::$scale },)*
        ];
    };
}

measures! {
    volume_ml "Volume" 2 Plain;
    index_volume_ml "Volume at the index scan" 2 Plain;
    longest_diameter_mm "Longest diameter" 1 Plain;
    perpendicular_diameter_mm "Perpendicular diameter" 1 Plain;
    rcbv_mean "rCBV, mean" 2 Plain;
    rcbv_enhancing_mean "rCBV, mean of enhancing tissue" 2 Plain;
    rcbv_ci_low "rCBV, 95 % interval, lower end" 2 Plain;
    rcbv_ci_high "rCBV, 95 % interval, upper end" 2 Plain;
    rcbv_p_above "Probability that rCBV is above the upper cut-off" 2 Plain;
    rcbv_p_below "Probability that rCBV is below the lower cut-off" 2 Plain;
    rcbv_median "rCBV, median" 2 Plain;
    rcbv_p90 "rCBV, 90th percentile" 2 Plain;
    rcbv_max "rCBV, largest voxel" 2 Plain;
    rcbv_uncorrected_mean "rCBV, mean, leakage not corrected" 2 Plain;
    ftb_low "Fractional tumor burden, low" 0 Percent;
    ftb_mid "Fractional tumor burden, middle" 0 Percent;
    ftb_high "Fractional tumor burden, high" 0 Percent;
    rph "Relative peak height" 2 Plain;
    psr_mean "Signal recovery (PSR)" 0 Plain;
    k2_mean "Leakage, mean K2" 4 Plain;
    rcbf_mean "Relative CBF, mean" 2 Plain;
    mtt_mean "Mean transit time" 2 Plain;
    tmax_mean "Tmax, mean" 2 Plain;
    dsc_usable_fraction "Voxels with a usable DSC curve" 0 Percent;
    dsc_quality "DSC quality" 0 Plain;
    asl_cbf_mean "ASL CBF, mean" 1 Plain;
    asl_rcbf_mean "ASL relative CBF, mean" 2 Plain;
    asl_rcbf_max "ASL relative CBF, largest voxel" 2 Plain;
    att_mean "Arterial transit time, mean" 2 Plain;
    asl_quality "ASL quality" 0 Plain;
    ktrans_mean "Ktrans, mean" 3 Plain;
    ve_mean "ve, mean" 2 Plain;
    vp_mean "vp, mean" 3 Plain;
    iauc60_mean "Initial area under the curve, 60 s" 1 Plain;
    curve_type "Enhancement curve" 0 Plain;
    dce_quality "DCE quality" 0 Plain;
    tracer "PET tracer" 0 Plain;
    suv_max "SUV, maximum" 2 Plain;
    suv_mean "SUV, mean" 2 Plain;
    suv_peak "SUV, peak (1 mL)" 2 Plain;
    tbr_max "TBR, maximum" 2 Plain;
    tbr_mean "TBR, mean" 2 Plain;
    tbr_peak "TBR, peak (1 mL)" 2 Plain;
    tbr_ci_low "TBR mean, 95 % interval, lower end" 2 Plain;
    tbr_ci_high "TBR mean, 95 % interval, upper end" 2 Plain;
    background_mean "Background uptake, mean" 2 Plain;
    background_cov "Background, coefficient of variation" 0 Percent;
    btv_ml "Biological tumor volume" 2 Plain;
    tlu "Total lesion uptake" 2 Plain;
    ttp_min "Time to peak uptake" 1 Plain;
    slope_per_h "Late slope of uptake" 2 Signed;
    pet_quality "PET quality" 0 Plain;
    tbr_cutoff "The centre's TBR cut-off" 2 Plain;
    symptoms "Symptoms" 0 Plain;
    weeks_since_rt "Time since radiotherapy" 1 Plain;
    followup_change_percent "Change of volume since the index scan" 1 Signed;
    nadir_change_percent "Change of volume since the smallest volume" 1 Signed;
    followup_days "Days since the index scan" 0 Plain;
    followup_round "Round of the follow-up" 0 Plain;
    growth_cm_per_month "Longest diameter per month since the resection" 2 Plain;
    histology "Histology of this lesion" 0 Plain;
    antiangiogenic "Anti-angiogenic therapy" 0 Plain;
    steroid_change "Change of steroid dose" 0 Plain;
    rt_field "Place against the radiotherapy field" 0 Plain;
    new_enhancement "New or larger enhancement" 0 Plain;
    margins "Margins" 0 Plain;
    scenario "Question of the visit" 0 Plain;
    compartment "Compartment, as recorded" 0 Plain;
    grade "Grade, as recorded" 0 Plain;
}

/// The name and rounding of a column; a column that is not in the table is written as it is, with three decimals.
pub fn measure(column: &str) -> Measure {
    MEASURES.iter().find(|measure| measure.column == column).copied().unwrap_or(Measure {
        column: "",
        name: "",
        decimals: 3,
        scale: Scale::Plain,
    })
}

/// A UCUM unit as it is printed behind a number.
pub fn unit(ucum: &'static str) -> &'static str {
    match ucum {
        "1" => "",
        "1/s" => "s⁻¹",
        "1/min" => "min⁻¹",
        "1/h" => "h⁻¹",
        "mL/100g/min" => "mL/100 g/min",
        "mM.s" => "mM s",
        "wk" => "weeks",
        "d" => "days",
        "cm/mo" => "cm/month",
        other => other,
    }
}

/// A word of a table as it is read: `new_with_severe_oedema` without its underscores.
pub fn plain(word: &str) -> String {
    word.replace('_', " ")
}

/// What was measured, under the name of a deciding or measured quantity. The background of a TBR is the page's to name.
pub fn meaning(column: &str) -> &'static str {
    match column {
        "rcbv_mean" => "Lesion mean, leakage corrected, against white matter",
        "rcbv_enhancing_mean" => "Mean of enhancing tissue, leakage corrected, against white matter",
        "asl_rcbf_mean" => "ASL-MRI, mean over the lesion, against the reference region",
        "volume_ml" => "The lesion mask",
        "longest_diameter_mm" => "In the axial plane",
        "perpendicular_diameter_mm" => "In the same slice",
        "suv_max" => "Largest voxel of the lesion",
        "suv_peak" => "Sphere of 1 mL",
        "suv_mean" => "Mean over the lesion",
        "btv_ml" => "Inside the lesion mask",
        "tlu" => "TBR times volume",
        "followup_change_percent" => "Of the lesion mask, against the index scan",
        "ktrans_mean" | "ve_mean" | "vp_mean" | "iauc60_mean" => "DCE-MRI, mean over the lesion",
        "asl_cbf_mean" => "ASL-MRI, mean over the lesion",
        _ => "",
    }
}

/// The headline of a page.
pub fn class(class: Option<Class>) -> String {
    class.map_or_else(|| "Measured, not judged".to_owned(), |class| capitalized(class.words()))
}

/// How firm the rule is, as it stands beside the headline.
pub fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::None => "no confidence given",
        Confidence::Low | Confidence::Moderate | Confidence::High | Confidence::VeryHigh | Confidence::Definitive => {
            confidence.words()
        }
    }
}

/// A text with a capital at its start.
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The line of a contents list or a title: verdict, confidence and rule.
pub fn verdict_line(verdict: &Verdict) -> String {
    let mut line = class(verdict.class);
    if verdict.class.is_some()
        && let Some(firm) = verdict.confidence
    {
        line = format!("{line}, {}", confidence(firm));
    }
    match verdict.rule {
        Some(rule) => format!("{line}, rule {rule}"),
        None => line,
    }
}

/// Whose rule it is.
pub fn rule_origin(derived: bool) -> &'static str {
    if derived { "our policy: no source document states this rule" } else { "stated by the source documents" }
}

/// How a deciding measure reads.
pub fn pole(pole: Pole, pathway: Option<Pathway>) -> &'static str {
    match (pole, pathway) {
        (Pole::Grey, _) => "Grey zone",
        (Pole::Missing, _) => "Not used",
        (Pole::High, Some(Pathway::Sarcoma)) => "High",
        (Pole::Low, Some(Pathway::Sarcoma)) => "Low",
        (Pole::High, _) => "Recurrence",
        (Pole::Low, _) => "Necrosis",
    }
}

/// How the deciding measures read together; for a sarcoma they are features, and necrosis is no pole.
pub fn agreement(agreement: Agreement, pathway: Option<Pathway>) -> String {
    let Agreement { high, grey, low } = agreement;
    if (high, grey, low) == (0, 0, 0) {
        return "No deciding measure".to_owned();
    }
    match pathway {
        Some(Pathway::Sarcoma) => format!("{high} for recurrence, {grey} open, {low} against"),
        Some(Pathway::Glioma | Pathway::Metastasis) | None => {
            format!("Of the deciding measures {high} read recurrence, {grey} grey, {low} necrosis")
        }
    }
}

/// The outcome of a quality check.
pub fn quality(quality: Quality) -> &'static str {
    match quality {
        Quality::Pass => "pass",
        Quality::Caution => "caution",
        Quality::Fail => "fail",
    }
}

/// Symptoms at the visit, and what to make of them.
pub fn symptoms(symptoms: Option<Symptoms>) -> (&'static str, &'static str) {
    match symptoms {
        Some(Symptoms::None) => ("None", "Mild necrosis often causes none; their absence decides nothing."),
        Some(Symptoms::New) => ("New", "They can occur with either cause."),
        Some(Symptoms::Ambiguous) => ("Ambiguous", "Another cause is possible."),
        Some(Symptoms::NewWithSevereOedema) => {
            ("New", "Severe edema around the lesion explains them: it can do so around necrosis too.")
        }
        Some(Symptoms::Unknown) | None => ("Not recorded", ""),
    }
}

/// Whether both risks belong beside a next step; two of the steps name them in their own sentence.
pub fn weighs_tissue(step: NextStep) -> bool {
    matches!(step, NextStep::NextRound6To8Weeks | NextStep::MdtOrBiopsyAfterMaxRounds)
}

/// Over the reanalyses of a lesion.
pub const CHOICES_TITLE: &str = "Does the analysis choice matter?";

/// How often the verdict stays, in one sentence.
pub fn choices(stability: &Stability) -> String {
    let Stability { same, total, .. } = stability;
    let reanalyses = if *total == 1 { "reanalysis" } else { "reanalyses" };
    format!(
        "The same lesion judged under other choices, one changed at a time: the same result in {same} of {total} {reanalyses}."
    )
}

/// Over the strip plots of a study.
pub const MEASURES_TITLE: &str = "Measures against their cut-offs";

/// In place of the strip plots.
pub const NO_STRIPS: &str = "No lesion was read against a cut-off.";

/// Below the strip plots.
pub const STRIPS_CAPTION: &str = "One mark per lesion at its latest session, in columns by result; many equal values cover each other. Lines: cut-offs; hatched: between them. Values of measurements that failed their checks are left out.";

/// With a script.
pub const STRIPS_LINKED: &str = "Point at a mark, or choose a row of the table, to find the lesion in every chart; a click on a mark goes to its row.";

/// Over the comparison with histology.
pub const HISTOLOGY_TITLE: &str = "Cut-offs against known histology";

/// Without histology.
pub const NO_HISTOLOGY: &str = "No histology is recorded for any lesion, so cut-offs and rules cannot be compared with it. It comes with the lesion table or by relight annotate.";

/// Under the number of lesions with histology.
pub const HISTOLOGY_LATEST: &str = "Values are those of the session that the histology is recorded at; tissue is taken from lesions that were doubted, so shares do not carry over to all lesions.";

/// Over the curves.
pub const ROC_CAPTION: &str =
    "Area under the curve with its 95 % interval, patients as clusters. Rings: cut-offs in use.";

/// Over the table of the whole rule.
pub const WHOLE_RULE: &str = "The rules asked again without the histology. Share with its 95 % Wilson interval; lesions are counted, not patients.";

/// Without pictures.
pub const NO_THUMBNAILS: &str = "No pictures were drawn.";

/// Below the contact sheet.
pub const THUMBNAILS_CAPTION: &str = "Anatomy and first map at the slice with the largest lesion area, colors as on the lesion's page; white line: lesion mask. Order of the table.";

/// A measure of a cohort, as readers know it.
pub fn cohort_measure(of: cohort::Measure) -> String {
    match of {
        cohort::Measure::Dsc => "Mean rCBV (DSC)".to_owned(),
        cohort::Measure::Asl => "Mean relative CBF (ASL)".to_owned(),
        cohort::Measure::Dce(statistic) => format!("{} (DCE)", measure(statistic.as_str()).name),
        cohort::Measure::Met(statistic) => format!("{} (MET-PET)", measure(statistic.as_str()).name),
        cohort::Measure::Fet(statistic) => format!("{} (FET-PET)", measure(statistic.as_str()).name),
        cohort::Measure::Fdopa(statistic) => format!("{} (FDOPA-PET)", measure(statistic.as_str()).name),
        cohort::Measure::Fdg(statistic) => format!("{} (FDG-PET)", measure(statistic.as_str()).name),
    }
}

/// How many lesions have histology.
pub fn histology_known((tumor, necrosis): (usize, usize), unknown: usize) -> String {
    format!("Histology: tumor in {tumor}, necrosis only in {necrosis}, not recorded in {unknown}.")
}

/// What a biopsy at an earlier session found, beside the result of a later one.
pub fn earlier_histology(histology: Histology, session: &str, class: Option<Class>) -> String {
    let found = match histology {
        Histology::Tumor => "tumor",
        Histology::Mixed => "tumor beside necrosis",
        Histology::Necrosis => "necrosis only",
    };
    let against = match (histology, class) {
        (Histology::Necrosis, Some(Class::Recurrence | Class::SuspectedRecurrence))
        | (Histology::Tumor | Histology::Mixed, Some(Class::RadiationNecrosis | Class::Stable)) => {
            "; this result contradicts it"
        }
        _ => "",
    };
    format!(
        "A biopsy found {found} at the session of {session}{against}. It decides the result of that session; this one rests on images and follow-up."
    )
}

/// Over the audit of a study.
pub const AUDIT_TITLE: &str = "How often the rules answer";
/// Below it.
pub const AUDIT_CAPTION: &str = "Lesions at their latest session that were judged; an answer is any result but indeterminate. Interval: Wilson, 95 %.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesion::LesionRecord;

    /// The labels of subject, session and lesion head the page; everything behind them is a measure.
    const LABELS: usize = 6;

    #[test]
    fn every_column_of_the_lesion_table_has_a_name() {
        let columns: Vec<&str> = LesionRecord::COLUMNS[LABELS..].iter().map(|column| column.name).collect();
        let measures: Vec<&str> = MEASURES.iter().map(|measure| measure.column).collect();
        assert_eq!(measures, columns);
    }

    #[test]
    fn a_verdict_line_holds_confidence_and_rule() {
        let verdict = Verdict {
            class: Some(Class::Recurrence),
            confidence: Some(Confidence::Moderate),
            rule: Some("B3"),
            derived: false,
            posterior: None,
            agreement: None,
            stability: None,
            next_steps: Vec::new(),
            window: None,
            findings: Vec::new(),
            reasons: Vec::new(),
            caveats: Vec::new(),
            explanation: String::new(),
            what_would_change: Vec::new(),
            bt_rads: None,
        };
        assert_eq!(verdict_line(&verdict), "Recurrence, moderate confidence, rule B3");
    }
}
