//! The decision rules by name: what each says and where it comes from.
//!
//! B rules are the imaging table, H rules histology, F rules follow-up, T rules sarcoma surveillance. A rule that no
//! source document states is ours, and marked as derived.

const S4: &str = "S4 (glioma source document)";
const S4_OURS: &str = "ours, from S4 (glioma source document)";
const S0: &str = "S0 (ACR soft-tissue recurrence)";
const S0_OURS: &str = "ours, from S0 (ACR soft-tissue recurrence)";

macro_rules! rules {
    ($($variant:ident = $code:literal, $title:literal, $text:literal, $source:expr, $derived:literal;)*) => {
        /// A decision rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $title] $variant,)* }

        impl Rule {
            /// Every rule, in the order of the tables.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that tables carry.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// When it fires, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it says and why.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Where it comes from.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }

            /// Whether it is ours: no source document states it.
            pub const fn derived(self) -> bool {
                match self { $(Self::$variant => $derived,)* }
            }
        }
    };
}

rules! {
    // Imaging: perfusion x PET
    B1 = "B1", "perfusion high, PET high", "High perfusion and high uptake agree: recurrence, high confidence.", S4, false;
    B2 = "B2", "perfusion high, PET grey", "High perfusion with uptake in the grey zone: recurrence, moderate confidence.", S4, false;
    B3 = "B3", "perfusion high, no PET", "High perfusion alone: recurrence, moderate confidence.", S4, false;
    B4 = "B4", "perfusion high, PET low", "Perfusion and uptake contradict each other: neither overrules the other, and the lesion stays indeterminate. About one in six lesions is discordant (16.7 % of 48 gliomas, simultaneous MET PET-MRI).", S4_OURS, true;
    B5 = "B5", "perfusion grey, PET high", "High uptake with perfusion in the grey zone: recurrence, moderate confidence.", S4, false;
    B6 = "B6", "perfusion grey, PET grey", "Neither perfusion nor uptake leaves the grey zone: indeterminate.", S4, false;
    B7 = "B7", "perfusion grey, PET low", "Low uptake with perfusion in the grey zone: radiation necrosis, moderate confidence.", S4, false;
    B8 = "B8", "perfusion low, PET high", "Perfusion and uptake contradict each other: neither overrules the other, and the lesion stays indeterminate. About one in six lesions is discordant (16.7 % of 48 gliomas, simultaneous MET PET-MRI).", S4_OURS, true;
    B9 = "B9", "perfusion low, PET grey", "Low perfusion with uptake in the grey zone: radiation necrosis, moderate confidence.", S4, false;
    B10 = "B10", "perfusion low, PET low", "Low perfusion and low uptake agree: radiation necrosis, high confidence.", S4, false;
    B11 = "B11", "perfusion low, no PET", "Low perfusion alone: radiation necrosis, moderate confidence.", S4, false;
    B12 = "B12", "perfusion grey, no PET", "Perfusion in the grey zone and no usable PET: indeterminate; amino-acid PET is worth the trip.", S4, false;
    B13 = "B13", "no perfusion, PET high", "High uptake alone: recurrence, moderate confidence.", S4, false;
    B14 = "B14", "no perfusion, PET grey", "Uptake in the grey zone and no usable perfusion: indeterminate; perfusion MRI is next.", S4, false;
    B15 = "B15", "no perfusion, PET low", "Low uptake alone: radiation necrosis, moderate confidence.", S4, false;
    B16 = "B16", "no perfusion, no PET", "Neither perfusion nor PET is usable. Enhancement, size and symptoms cannot tell recurrence from necrosis: indeterminate; referral beats guessing.", S4, false;
    // Histology
    H1 = "H1", "histology: tumor", "A biopsy of this lesion showed tumor: recurrence, whatever imaging says.", S4, false;
    H2 = "H2", "histology: necrosis only", "A biopsy of this lesion showed necrosis only: radiation necrosis. A needle samples a small part of a lesion, so surveillance continues.", S4, false;
    H3 = "H3", "histology: tumor and necrosis", "A biopsy of this lesion showed tumor beside necrosis: recurrence.", S4_OURS, true;
    // Follow-up
    F1 = "F1", "grown, imaging was indeterminate", "The lesion grew by more than the measurement error: it is treated as recurrence, moderate confidence. Growth counts at any interval.", S4, false;
    F1c = "F1c", "grown, imaging read recurrence", "The lesion grew, and imaging already read recurrence: recurrence, high confidence.", S4, false;
    F2 = "F2", "not grown, imaging was indeterminate", "The lesion is stable, smaller or gone at the follow-up window: it is managed as necrosis, moderate confidence.", S4, false;
    F2c = "F2c", "not grown, imaging read necrosis", "The lesion is stable, smaller or gone, and imaging already read necrosis: radiation necrosis, high confidence.", S4, false;
    F3 = "F3", "larger, but within the measurement error", "The lesion is larger by 20 % or more, but not by the growth threshold: another round of follow-up, and after the third round tumor board or biopsy.", S4_OURS, true;
    F4 = "F4", "not grown, before the window", "Not grown, but the window has not opened: stability counts only from day 42. The answer of imaging stands until then.", S4, false;
    F5 = "F5", "not grown under steroids or anti-angiogenic therapy", "A lesion that holds or shrinks while steroids are raised or anti-angiogenic therapy runs may do so because of them (medication effect): indeterminate.", S4_OURS, true;
    F6a = "F6a", "not grown, but both measures high", "Perfusion and uptake both read recurrence; one stable follow-up does not undo that: recurrence, high confidence.", S4_OURS, true;
    F6b = "F6b", "not grown, one measure read recurrence", "One measure read recurrence, yet the lesion did not grow: indeterminate; the other measure, or tissue, decides.", S4_OURS, true;
    F7a = "F7a", "grown, but both measures low", "Perfusion and uptake both read necrosis, yet the lesion grew. Necrosis can enlarge: indeterminate, tissue is preferred.", S4_OURS, true;
    F7b = "F7b", "grown, imaging read necrosis", "Imaging read necrosis on less than two low measures, and the lesion grew: recurrence, low confidence.", S4_OURS, true;
    // Sarcoma surveillance
    T0 = "T0", "outside surveillance", "Symptoms at the site, staging, a primary bone tumor or a question of distant disease: surveillance criteria do not apply; a diagnostic work-up does.", S0, false;
    T1 = "T1", "new or grown, avid enhancement", "A new or growing mass that enhances avidly: suspected recurrence, high confidence.", S0, false;
    T2 = "T2", "new or grown, enhancement unknown", "A new or growing mass of unknown enhancement: suspected recurrence on a single feature, moderate confidence.", S0_OURS, true;
    T3 = "T3", "new or grown, weak enhancement", "A new or growing mass that enhances weakly: the two features disagree, indeterminate.", S0_OURS, true;
    T3p = "T3p", "new or grown, weak enhancement, FDG high", "The features disagreed and FDG is high: suspected recurrence, moderate confidence.", S0_OURS, true;
    T3n = "T3n", "new or grown, weak enhancement, FDG low", "The features disagreed and FDG is low: stable, low confidence; the next MRI comes early.", S0_OURS, true;
    T4 = "T4", "not grown, weak enhancement", "Not grown and weakly enhancing, as scar does: stable, high confidence.", S0, false;
    T5 = "T5", "not grown, enhancement unknown", "Not grown, enhancement unknown: stable on a single feature, moderate confidence.", S0_OURS, true;
    T6 = "T6", "not grown, avid enhancement", "Not grown but avidly enhancing: the two features disagree, indeterminate.", S0_OURS, true;
    T6p = "T6p", "not grown, avid enhancement, FDG high", "The features disagreed and FDG is high: suspected recurrence, moderate confidence.", S0_OURS, true;
    T6n = "T6n", "not grown, avid enhancement, FDG low", "The features disagreed and FDG is low: stable, low confidence; the next MRI comes early.", S0_OURS, true;
    T7 = "T7", "no earlier scan, avid enhancement", "Avid enhancement without a baseline to compare with: indeterminate; tissue decides. A missing baseline is the most important pitfall.", S0_OURS, true;
    T7p = "T7p", "no earlier scan, avid enhancement, FDG high", "Avid enhancement without a baseline, and FDG is high: suspected recurrence, moderate confidence.", S0_OURS, true;
    T7n = "T7n", "no earlier scan, avid enhancement, FDG low", "Avid enhancement without a baseline, and FDG is low: stable, low confidence; the next MRI comes early.", S0_OURS, true;
    T8 = "T8", "no earlier scan, enhancement weak or unknown", "No baseline and no avid enhancement: indeterminate; MRI without and with contrast comes first.", S0_OURS, true;
    T8p = "T8p", "no earlier scan, enhancement weak or unknown, FDG high", "No baseline, and FDG is high: suspected recurrence, moderate confidence.", S0_OURS, true;
    T8n = "T8n", "no earlier scan, enhancement weak or unknown, FDG low", "No baseline, and FDG is low: stable, low confidence; the next MRI comes early.", S0_OURS, true;
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! reasons {
    ($($variant:ident = $code:literal, $meaning:literal;)*) => {
        /// Why a verdict is as it is, beside its rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode { $(#[doc = $meaning] $variant,)* }

        impl ReasonCode {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code that tables carry.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, in general.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

reasons! {
    PerfusionMissing = "PERFUSION_MISSING", "No usable perfusion measure; none is imputed.";
    PetMissing = "PET_MISSING", "No usable PET measure; none is imputed.";
    DscFailed = "DSC_FAILED", "The DSC measurement failed its quality check and was not used.";
    AslFailed = "ASL_FAILED", "The ASL measurement failed its quality check and was not used.";
    DceFailed = "DCE_FAILED", "The DCE measurement failed its quality check and was not used.";
    PetFailed = "PET_FAILED", "The PET measurement failed its quality check and was not used.";
    PerfDiscordant = "PERF_DISCORDANT", "Two perfusion methods read opposite poles: neither is trusted alone, perfusion counts as grey.";
    AslAlone = "ASL_ALONE", "ASL is the only measure; its cut-offs are not validated, so the confidence is low and PET is next.";
    MeasuresConflict = "MEASURES_CONFLICT", "Perfusion and PET read opposite poles.";
    SymptomsSupport = "SYMPTOMS_SUPPORT", "New symptoms raise the confidence of a recurrence that imaging reads; they never make one.";
    SymptomsDoubt = "SYMPTOMS_DOUBT", "New symptoms do not fit a necrosis that rests on less than two low measures: the confidence is low and the missing measure is next.";
    SymptomsOedema = "SYMPTOMS_OEDEMA", "Severe oedema around the lesion explains the symptoms: they count for nothing here.";
    NewEnhancementDenied = "NEW_ENHANCEMENT_DENIED", "The enhancement is not new: new symptoms raise the confidence to high at most.";
    PspWindow = "PSP_WINDOW", "The scan lies within 12 weeks of radiotherapy, when treatment change often looks like recurrence (pseudoprogression).";
    StrictRano = "STRICT_RANO", "Under the strict setting, no recurrence is called by imaging inside the pseudoprogression window.";
    Antiangiogenic = "ANTIANGIOGENIC", "Anti-angiogenic therapy lowers perfusion and enhancement by itself: a necrosis reading has low confidence.";
    MarginsIndeterminate = "MARGINS_INDETERMINATE", "The margins are indeterminate: amino-acid PET is worth the trip.";
    SamplingError = "SAMPLING_ERROR", "A needle samples a small part of a lesion; surveillance continues.";
    Confounded = "CONFOUNDED", "Steroids were raised or anti-angiogenic therapy runs: a lesion may hold or shrink because of them.";
    OutOfWindow = "OUT_OF_WINDOW", "The follow-up came later than day 56; it counts all the same.";
    MaxRounds = "MAX_ROUNDS", "The last round of follow-up is reached without an answer.";
    FollowupIncomplete = "FOLLOWUP_INCOMPLETE", "A follow-up is recorded without a usable change in volume; it was not judged.";
    PosteriorDiffers = "POSTERIOR_DIFFERS", "The estimated probability, over its whole band, does not speak for the verdict; the rule decides.";
    NearCutoff = "NEAR_CUTOFF", "The deciding rCBV lies within one test-retest standard deviation of a cut-off: a repeated scan could read differently.";
    GliomaTable = "GLIOMA_TABLE", "The table and its cut-offs were made for glioma and are applied to a metastasis.";
    FdgDecides = "FDG_DECIDES", "The MRI features left it open; FDG-PET decided.";
    EquivocalGrowth = "EQUIVOCAL_GROWTH", "Larger, but within the measurement error of a lesion of this size: neither grown nor stable.";
    RepeatedlyIndeterminate = "REPEATEDLY_INDETERMINATE", "Two or more consecutive studies were indeterminate.";
}

impl std::fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
