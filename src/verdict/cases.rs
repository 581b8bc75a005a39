//! Worked decisions: every rule, every bound, every modifier, each from the wording of the evidence page.

use proptest::prelude::*;

use crate::clinical::{Histology, Margins, NewEnhancement, Pathway, RtField, SteroidChange, Symptoms, Tracer, YesNo};
use crate::lesion::{LesionRecord, MISSING};
use crate::quality::Quality;

use super::{Class, Settings, Verdict, assess, judge};

/// Input columns, then verdict, confidence, rule and next steps.
type Case = (&'static str, &'static str);

const IMAGING: &[Case] = &[
    // The sixteen cells of the table.
    ("rcbv_mean=2.5 tracer=MET tbr_max=2.0", "recurrence high B1 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 tracer=MET tbr_max=1.4", "recurrence moderate B2 refer_mdt_recurrence"),
    ("rcbv_mean=2.5", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 tracer=MET tbr_max=1.1", "indeterminate none B4 mri_6_8_weeks_or_biopsy"),
    ("rcbv_mean=1.5 tracer=MET tbr_max=2.0", "recurrence moderate B5 refer_mdt_recurrence"),
    ("rcbv_mean=1.5 tracer=MET tbr_max=1.4", "indeterminate none B6 mri_6_8_weeks_or_biopsy"),
    ("rcbv_mean=1.5 tracer=MET tbr_max=1.1", "radiation_necrosis moderate B7 manage_as_necrosis_surveillance"),
    ("rcbv_mean=0.5 tracer=MET tbr_max=2.0", "indeterminate none B8 mri_6_8_weeks_or_biopsy"),
    ("rcbv_mean=0.5 tracer=MET tbr_max=1.4", "radiation_necrosis moderate B9 manage_as_necrosis_surveillance"),
    ("rcbv_mean=0.5 tracer=MET tbr_max=1.1", "radiation_necrosis high B10 manage_as_necrosis_surveillance"),
    ("rcbv_mean=0.5", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    ("rcbv_mean=1.5", "indeterminate none B12 refer_amino_acid_pet"),
    ("tracer=MET tbr_max=2.0", "recurrence moderate B13 refer_mdt_recurrence"),
    ("tracer=MET tbr_max=1.4", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=MET tbr_max=1.1", "radiation_necrosis moderate B15 manage_as_necrosis_surveillance"),
    ("volume_ml=4", "indeterminate none B16 refer_perfusion_mri"),
    // Bounds are grey, the next value is not.
    ("rcbv_mean=1.75", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=1.7500000000000002", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=1", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=0.9999999999999999", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    ("tracer=MET tbr_max=1.5", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=MET tbr_max=1.3", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=FET tbr_max=2.3", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=FET tbr_max=1.9", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=FET tbr_max=2.31", "recurrence moderate B13 refer_mdt_recurrence"),
    ("tracer=FET tbr_max=1.89", "radiation_necrosis moderate B15 manage_as_necrosis_surveillance"),
    // FET has the same pair at any time since radiotherapy.
    ("tracer=FET tbr_max=2.0 weeks_since_rt=6", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=FET tbr_max=2.0 weeks_since_rt=60", "indeterminate none B14 refer_perfusion_mri"),
    // A center's single cut-off: MET only, equality grey.
    ("tracer=MET tbr_max=1.45 tbr_cutoff=1.4", "recurrence moderate B13 refer_mdt_recurrence"),
    ("tracer=MET tbr_max=1.4 tbr_cutoff=1.4", "indeterminate none B14 refer_perfusion_mri"),
    ("tracer=MET tbr_max=1.35 tbr_cutoff=1.4", "radiation_necrosis moderate B15 manage_as_necrosis_surveillance"),
    ("tracer=FET tbr_max=1.6 tbr_cutoff=1.4", "radiation_necrosis moderate B15 manage_as_necrosis_surveillance"),
    // No cut-off, no tracer: missing.
    ("rcbv_mean=1.5 tracer=FDG tbr_max=9", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=1.5 tracer=FDOPA tbr_max=9", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=1.5 tracer=PSMA tbr_max=9", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=1.5 tbr_max=9", "indeterminate none B12 refer_amino_acid_pet"),
    // The mean over enhancing tissue decides where it is given.
    ("rcbv_mean=0.5 rcbv_enhancing_mean=2.5", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 rcbv_enhancing_mean=0.5", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    // Maxima never decide.
    ("rcbv_mean=1.5 rcbv_max=9", "indeterminate none B12 refer_amino_acid_pet"),
    // Missing: infinite, negative, failed.
    ("rcbv_mean=inf", "indeterminate none B16 refer_perfusion_mri"),
    ("rcbv_mean=NaN", "indeterminate none B16 refer_perfusion_mri"),
    ("rcbv_mean=1.5 tracer=MET tbr_max=-1", "indeterminate none B12 refer_amino_acid_pet"),
    ("asl_rcbf_mean=-0.1", "indeterminate none B16 refer_perfusion_mri"),
    ("rcbv_mean=-0.1", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    ("rcbv_mean=-0.25", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    ("rcbv_mean=-0.26", "indeterminate none B16 repeat_acquisition"),
    ("rcbv_mean=2.5 dsc_quality=fail tracer=MET tbr_max=2.0", "recurrence moderate B13 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 dsc_quality=caution", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 tracer=MET tbr_max=1.1 pet_quality=fail", "recurrence moderate B3 refer_mdt_recurrence"),
    // DSC is primary; opposite poles of DSC and ASL are grey.
    ("rcbv_mean=2.5 asl_rcbf_mean=0.5", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=0.5 asl_rcbf_mean=2.5 tracer=MET tbr_max=2.0", "recurrence moderate B5 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 asl_rcbf_mean=1.5", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=1.5 asl_rcbf_mean=2.5", "indeterminate none B12 refer_amino_acid_pet"),
    ("rcbv_mean=2.5 asl_rcbf_mean=0.5 asl_quality=fail", "recurrence moderate B3 refer_mdt_recurrence"),
    // ASL alone at a pole: low, PET next, whatever else.
    ("asl_rcbf_mean=2.5", "recurrence low B3 refer_amino_acid_pet"),
    ("asl_rcbf_mean=0.5", "radiation_necrosis low B11 refer_amino_acid_pet"),
    ("asl_rcbf_mean=2.5 symptoms=new", "recurrence low B3 refer_amino_acid_pet"),
    ("asl_rcbf_mean=1.5", "indeterminate none B12 refer_amino_acid_pet"),
    ("asl_rcbf_mean=2.5 rcbv_mean=0.5 dsc_quality=fail", "recurrence low B3 refer_amino_acid_pet"),
    ("asl_rcbf_mean=2.5 tracer=MET tbr_max=2.0", "recurrence high B1 refer_mdt_recurrence"),
];

const MODIFIERS: &[Case] = &[
    // New symptoms raise a recurrence.
    ("rcbv_mean=2.5 tracer=MET tbr_max=2.0 symptoms=new", "recurrence very_high B1 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 symptoms=new", "recurrence very_high B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 symptoms=new new_enhancement=unknown", "recurrence very_high B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 symptoms=new new_enhancement=no", "recurrence high B3 refer_mdt_recurrence"),
    ("rcbv_mean=1.5 tracer=MET tbr_max=2.0 symptoms=new", "recurrence high B5 refer_mdt_recurrence"),
    ("tracer=MET tbr_max=2.0 symptoms=new", "recurrence high B13 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 symptoms=new_with_severe_oedema", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 symptoms=ambiguous", "recurrence moderate B3 refer_mdt_recurrence"),
    // New symptoms and a necrosis that rests on less than two low measures.
    (
        "rcbv_mean=0.5 tracer=MET tbr_max=1.1 symptoms=new",
        "radiation_necrosis high B10 manage_as_necrosis_surveillance",
    ),
    ("rcbv_mean=0.5 symptoms=new", "radiation_necrosis low B11 refer_amino_acid_pet"),
    ("tracer=MET tbr_max=1.1 symptoms=new", "radiation_necrosis low B15 refer_perfusion_mri"),
    ("rcbv_mean=1.5 tracer=MET tbr_max=1.1 symptoms=new", "radiation_necrosis low B7 mri_6_8_weeks_or_biopsy"),
    ("rcbv_mean=0.5 tracer=MET tbr_max=1.4 symptoms=new", "radiation_necrosis low B9 mri_6_8_weeks_or_biopsy"),
    (
        "rcbv_mean=0.5 symptoms=new_with_severe_oedema",
        "radiation_necrosis moderate B11 manage_as_necrosis_surveillance",
    ),
    // Anti-angiogenic therapy and necrosis.
    (
        "rcbv_mean=0.5 tracer=MET tbr_max=1.1 antiangiogenic=yes",
        "radiation_necrosis low B10 manage_as_necrosis_surveillance",
    ),
    ("rcbv_mean=2.5 antiangiogenic=yes", "recurrence moderate B3 refer_mdt_recurrence"),
    // The pseudoprogression window: one level lower, not outside the field, not at 12 weeks, not when unknown.
    ("rcbv_mean=2.5 weeks_since_rt=6", "recurrence low B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 tracer=MET tbr_max=2.0 weeks_since_rt=6", "recurrence moderate B1 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 symptoms=new weeks_since_rt=11.9", "recurrence high B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 weeks_since_rt=12", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 weeks_since_rt=6 rt_field=outside", "recurrence moderate B3 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 weeks_since_rt=6 rt_field=margin", "recurrence low B3 refer_mdt_recurrence"),
    ("rcbv_mean=0.5 weeks_since_rt=6", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    // Next steps of the indeterminate.
    ("rcbv_mean=1.5 tracer=MET tbr_max=1.4 symptoms=new", "indeterminate none B6 biopsy_preferred"),
    ("rcbv_mean=2.5 tracer=MET tbr_max=1.1 symptoms=new", "indeterminate none B4 biopsy_preferred"),
    ("rcbv_mean=1.5 symptoms=new", "indeterminate none B12 refer_amino_acid_pet"),
    ("dsc_quality=fail", "indeterminate none B16 repeat_acquisition"),
    ("asl_quality=fail", "indeterminate none B16 repeat_acquisition"),
    ("pet_quality=fail", "indeterminate none B16 repeat_acquisition"),
    ("dce_quality=fail volume_ml=4", "indeterminate none B16 refer_perfusion_mri"),
    ("dsc_quality=fail tracer=MET tbr_max=1.4", "indeterminate none B14 refer_perfusion_mri"),
    ("rcbv_mean=1.5 pet_quality=fail", "indeterminate none B12 repeat_acquisition"),
    ("rcbv_mean=1.5 asl_quality=fail", "indeterminate none B12 refer_amino_acid_pet"),
    // Indeterminate margins make PET worth the trip.
    ("margins=indeterminate", "indeterminate none B16 refer_perfusion_mri;refer_amino_acid_pet"),
    ("rcbv_mean=1.5 margins=indeterminate", "indeterminate none B12 refer_amino_acid_pet"),
    (
        "rcbv_mean=1.5 pet_quality=fail margins=indeterminate",
        "indeterminate none B12 repeat_acquisition;refer_amino_acid_pet",
    ),
    ("tracer=MET tbr_max=1.4 margins=indeterminate", "indeterminate none B14 refer_perfusion_mri"),
    ("rcbv_mean=0.5 margins=indeterminate", "radiation_necrosis moderate B11 manage_as_necrosis_surveillance"),
    // Histology overrides everything.
    ("rcbv_mean=0.5 tracer=MET tbr_max=1.1 histology=tumour", "recurrence definitive H1 refer_mdt_recurrence"),
    (
        "rcbv_mean=2.5 tracer=MET tbr_max=2.0 symptoms=new histology=necrosis",
        "radiation_necrosis definitive H2 manage_as_necrosis_surveillance",
    ),
    ("histology=mixed", "recurrence definitive H3 refer_mdt_recurrence"),
    ("rcbv_mean=0.5 histology=tumor followup_change_percent=-50", "recurrence definitive H1 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 histology=tumor weeks_since_rt=6", "recurrence definitive H1 refer_mdt_recurrence"),
];

const FOLLOWUP: &[Case] = &[
    // 1. Grown.
    ("rcbv_mean=1.5 followup_change_percent=40 volume_ml=5", "recurrence moderate F1 refer_mdt_recurrence"),
    ("followup_change_percent=40", "recurrence moderate F1 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 followup_change_percent=60", "recurrence high F1c refer_mdt_recurrence"),
    ("rcbv_mean=0.5 tracer=MET tbr_max=1.1 followup_change_percent=60", "indeterminate none F7a biopsy_preferred"),
    ("rcbv_mean=0.5 followup_change_percent=60", "recurrence low F7b refer_mdt_recurrence"),
    ("rcbv_mean=0.5 tracer=MET tbr_max=1.4 followup_change_percent=60", "recurrence low F7b refer_mdt_recurrence"),
    ("rcbv_mean=1.5 followup_change_percent=60 followup_days=20", "recurrence moderate F1 refer_mdt_recurrence"),
    ("rcbv_mean=1.5 followup_change_percent=60 weeks_since_rt=6", "recurrence low F1 refer_mdt_recurrence"),
    ("rcbv_mean=2.5 followup_change_percent=60 weeks_since_rt=6", "recurrence low F1c refer_mdt_recurrence"),
    (
        "rcbv_mean=2.5 followup_change_percent=60 weeks_since_rt=6 rt_field=outside",
        "recurrence high F1c refer_mdt_recurrence",
    ),
    ("rcbv_mean=1.5 followup_change_percent=60 symptoms=new", "recurrence moderate F1 refer_mdt_recurrence"),
    ("rcbv_mean=1.5 followup_change_percent=60 steroid_change=up", "recurrence moderate F1 refer_mdt_recurrence"),
    // 2. Equivocal.
    ("rcbv_mean=1.5 followup_change_percent=39.9 volume_ml=5", "indeterminate none F3 next_round_6_8_weeks"),
    ("rcbv_mean=1.5 followup_change_percent=20", "indeterminate none F3 next_round_6_8_weeks"),
    ("rcbv_mean=2.5 followup_change_percent=20", "indeterminate none F3 next_round_6_8_weeks"),
    ("followup_change_percent=30 followup_round=2", "indeterminate none F3 next_round_6_8_weeks"),
    ("followup_change_percent=30 followup_round=3", "indeterminate none F3 mdt_or_biopsy_after_max_rounds"),
    ("followup_change_percent=30 followup_round=4", "indeterminate none F3 mdt_or_biopsy_after_max_rounds"),
    ("followup_change_percent=50 volume_ml=0.2", "indeterminate none F3 next_round_6_8_weeks"),
    ("followup_change_percent=69 volume_ml=0.2", "recurrence moderate F1 refer_mdt_recurrence"),
    ("followup_change_percent=50 volume_ml=5 index_volume_ml=0.2", "indeterminate none F3 next_round_6_8_weeks"),
    ("followup_change_percent=50 volume_ml=0.2 index_volume_ml=5", "recurrence moderate F1 refer_mdt_recurrence"),
    // 3. Not grown, both high.
    ("rcbv_mean=2.5 tracer=MET tbr_max=2.0 followup_change_percent=0", "recurrence high F6a refer_mdt_recurrence"),
    (
        "rcbv_mean=2.5 tracer=MET tbr_max=2.0 followup_change_percent=-50 steroid_change=up followup_days=20",
        "recurrence high F6a refer_mdt_recurrence",
    ),
    // 4. Not grown under steroids or anti-angiogenic therapy.
    ("rcbv_mean=1.5 followup_change_percent=-50 steroid_change=up", "indeterminate none F5 next_round_6_8_weeks"),
    ("rcbv_mean=0.5 followup_change_percent=0 antiangiogenic=yes", "indeterminate none F5 next_round_6_8_weeks"),
    (
        "followup_change_percent=0 antiangiogenic=yes followup_round=3",
        "indeterminate none F5 mdt_or_biopsy_after_max_rounds",
    ),
    (
        "rcbv_mean=1.5 followup_change_percent=-50 steroid_change=down",
        "radiation_necrosis moderate F2 manage_as_necrosis_surveillance",
    ),
    // 5. Not grown before the window.
    ("rcbv_mean=1.5 followup_change_percent=0 followup_days=41", "indeterminate none F4 continue_to_window"),
    ("rcbv_mean=2.5 followup_change_percent=0 followup_days=41", "recurrence moderate F4 continue_to_window"),
    (
        "rcbv_mean=0.5 tracer=MET tbr_max=1.1 followup_change_percent=0 followup_days=41",
        "radiation_necrosis high F4 continue_to_window",
    ),
    (
        "rcbv_mean=1.5 followup_change_percent=0 followup_days=42",
        "radiation_necrosis moderate F2 manage_as_necrosis_surveillance",
    ),
    // 6. Not grown, one measure read recurrence.
    ("rcbv_mean=2.5 followup_change_percent=0", "indeterminate none F6b refer_amino_acid_pet"),
    ("tracer=MET tbr_max=2.0 followup_change_percent=0", "indeterminate none F6b refer_perfusion_mri"),
    ("rcbv_mean=2.5 tracer=MET tbr_max=1.4 followup_change_percent=0", "indeterminate none F6b biopsy_preferred"),
    // 7. Else necrosis.
    (
        "rcbv_mean=0.5 followup_change_percent=0 followup_days=50",
        "radiation_necrosis high F2c manage_as_necrosis_surveillance",
    ),
    (
        "rcbv_mean=2.5 tracer=MET tbr_max=1.1 followup_change_percent=-30",
        "radiation_necrosis moderate F2 manage_as_necrosis_surveillance",
    ),
    (
        "rcbv_mean=1.5 followup_change_percent=19.9 followup_days=57",
        "radiation_necrosis moderate F2 manage_as_necrosis_surveillance",
    ),
    ("followup_change_percent=-100 volume_ml=0", "radiation_necrosis moderate F2 manage_as_necrosis_surveillance"),
    // A change that cannot be is no follow-up.
    ("rcbv_mean=1.5 followup_change_percent=inf followup_days=49", "indeterminate none B12 refer_amino_acid_pet"),
];

const SARCOMA: &[Case] = &[
    ("symptoms=new followup_change_percent=60 curve_type=washout", "n/a n/a T0 diagnostic_workup"),
    ("followup_change_percent=60 curve_type=washout", "suspected_recurrence high T1 core_biopsy_and_tumor_board"),
    ("new_enhancement=yes curve_type=plateau", "suspected_recurrence high T1 core_biopsy_and_tumor_board"),
    ("followup_change_percent=60", "suspected_recurrence moderate T2 core_biopsy_and_tumor_board"),
    (
        "new_enhancement=yes curve_type=washout dce_quality=fail",
        "suspected_recurrence moderate T2 core_biopsy_and_tumor_board",
    ),
    ("followup_change_percent=60 curve_type=persistent", "indeterminate none T3 mri_3_months"),
    ("followup_change_percent=0 curve_type=persistent", "stable high T4 next_surveillance_visit"),
    ("new_enhancement=no curve_type=persistent", "stable high T4 next_surveillance_visit"),
    ("followup_change_percent=-60", "stable moderate T5 next_surveillance_visit"),
    ("followup_change_percent=0 curve_type=wash-out", "indeterminate none T6 mri_3_months"),
    ("followup_change_percent=0 curve_type=washout grade=high", "indeterminate none T6 fdg_pet_ct"),
    ("followup_change_percent=0 curve_type=washout grade=G3", "indeterminate none T6 fdg_pet_ct"),
    ("followup_change_percent=0 curve_type=washout grade=2", "indeterminate none T6 mri_3_months"),
    ("followup_change_percent=0 curve_type=washout grade=low", "indeterminate none T6 mri_3_months"),
    ("followup_change_percent=0 curve_type=washout grade=high followup_round=2", "indeterminate none T6 tumor_board"),
    ("followup_change_percent=0 grade=high", "stable moderate T5 next_surveillance_visit"),
    ("curve_type=washout", "indeterminate none T7 core_biopsy_and_tumor_board"),
    ("curve_type=persistent", "indeterminate none T8 mri_without_and_with_contrast"),
    ("volume_ml=4", "indeterminate none T8 mri_without_and_with_contrast"),
    ("curve_type=washout symptoms=ambiguous", "indeterminate none T7 core_biopsy_and_tumor_board"),
    // Growth within the measurement error is neither grown nor stable.
    ("followup_change_percent=30 curve_type=persistent", "indeterminate none T3 mri_3_months"),
    ("followup_change_percent=30 curve_type=washout", "indeterminate none T6 mri_3_months"),
    ("followup_change_percent=50 volume_ml=0.2 curve_type=washout", "indeterminate none T6 mri_3_months"),
    // The second consecutive indeterminate study.
    ("followup_change_percent=60 curve_type=persistent followup_round=2", "indeterminate none T3 tumor_board"),
    ("curve_type=washout followup_round=1", "indeterminate none T7 core_biopsy_and_tumor_board"),
    // Without a cut-off FDG settles nothing.
    ("curve_type=washout tracer=FDG tbr_max=9", "indeterminate none T7 core_biopsy_and_tumor_board"),
    // Histology.
    (
        "histology=tumor symptoms=new followup_change_percent=0",
        "suspected_recurrence definitive H1 core_biopsy_and_tumor_board",
    ),
    ("histology=necrosis new_enhancement=yes", "stable definitive H2 next_surveillance_visit"),
    ("histology=mixed", "suspected_recurrence definitive H3 core_biopsy_and_tumor_board"),
];

/// With FDG cut-offs of one's own: below 1.2 low, above 1.8 high.
const SARCOMA_FDG: &[Case] = &[
    (
        "followup_change_percent=60 curve_type=persistent tbr_max=2",
        "suspected_recurrence moderate T3p core_biopsy_and_tumor_board",
    ),
    ("followup_change_percent=60 curve_type=persistent tbr_max=1", "stable low T3n mri_3_months"),
    ("followup_change_percent=60 curve_type=persistent tbr_max=1.5", "indeterminate none T3 mri_3_months"),
    (
        "followup_change_percent=0 curve_type=washout tbr_max=2",
        "suspected_recurrence moderate T6p core_biopsy_and_tumor_board",
    ),
    ("followup_change_percent=0 curve_type=washout tbr_max=1 followup_round=3", "stable low T6n mri_3_months"),
    ("curve_type=washout tbr_max=2", "suspected_recurrence moderate T7p core_biopsy_and_tumor_board"),
    ("curve_type=washout tbr_max=1", "stable low T7n mri_3_months"),
    ("tbr_max=2", "suspected_recurrence moderate T8p core_biopsy_and_tumor_board"),
    ("tbr_max=1", "stable low T8n mri_3_months"),
    ("tbr_max=2 pet_quality=fail", "indeterminate none T8 mri_without_and_with_contrast"),
    // What the features settle, FDG does not undo.
    ("new_enhancement=yes curve_type=washout tbr_max=1", "suspected_recurrence high T1 core_biopsy_and_tumor_board"),
    ("followup_change_percent=0 tbr_max=2", "stable moderate T5 next_surveillance_visit"),
];

fn settings() -> Settings {
    crate::settings::default_section("verdict")
}

/// The defaults with a change.
fn settings_with(change: impl Fn(&mut toml::Table)) -> Settings {
    let mut defaults: toml::Table = crate::settings::DEFAULTS.parse().unwrap();
    let section = defaults.get_mut("verdict").unwrap().as_table_mut().unwrap();
    change(section);
    section.clone().try_into().unwrap()
}

fn strict() -> Settings {
    settings_with(|section| {
        section.insert("strict_rano".to_owned(), true.into());
    })
}

fn own_cutoffs() -> Settings {
    let fdg: toml::Table = "statistic = \"tbr_max\"\nlow = 1.2\nhigh = 1.8\nsource = \"own\"".parse().unwrap();
    let dce: toml::Table = "statistic = \"vp_mean\"\nlow = 0.02\nhigh = 0.05\nsource = \"own\"".parse().unwrap();
    settings_with(|section| {
        section.insert("dce".to_owned(), dce.clone().into());
        section.get_mut("pet").unwrap().as_table_mut().unwrap().insert("fdg".to_owned(), fdg.clone().into());
    })
}

fn record(columns: &str) -> LesionRecord {
    let mut record = LesionRecord { pathway: Some(Pathway::Glioma), ..Default::default() };
    for column in columns.split_whitespace() {
        let (name, value) = column.split_once('=').unwrap();
        assert!(record.set(name, value).unwrap(), "{name}");
    }
    record
}

fn sarcoma(columns: &str) -> LesionRecord {
    LesionRecord { pathway: Some(Pathway::Sarcoma), ..record(columns) }
}

fn told(verdict: &Verdict) -> String {
    let cells = verdict.cells([]);
    format!("{} {} {} {}", cells[0], cells[1], cells[2], cells[8])
}

fn reasons(verdict: &Verdict) -> Vec<&str> {
    verdict.reasons.iter().map(|reason| reason.code.as_str()).collect()
}

fn caveats(verdict: &Verdict) -> Vec<&str> {
    verdict.caveats.iter().map(|caveat| caveat.code.as_str()).collect()
}

#[test]
fn worked_decisions_agree() {
    let settings = settings();
    for (columns, expected) in [IMAGING, MODIFIERS, FOLLOWUP].into_iter().flatten() {
        assert_eq!(&told(&judge(&record(columns), &settings)), expected, "{columns}");
    }
}

#[test]
fn worked_sarcoma_decisions_agree() {
    for (columns, expected) in SARCOMA {
        assert_eq!(&told(&judge(&sarcoma(columns), &settings())), expected, "{columns}");
    }
    let settings = own_cutoffs();
    for (columns, expected) in SARCOMA_FDG {
        let verdict = judge(&sarcoma(&format!("{columns} tracer=FDG")), &settings);
        assert_eq!(&told(&verdict), expected, "{columns}");
    }
}

#[test]
fn sarcoma_caveats_name_the_missing_feature_or_baseline() {
    let told = |columns| judge(&sarcoma(columns), &settings());
    assert_eq!(caveats(&told("followup_change_percent=60")), ["SINGLE_FEATURE"]);
    assert_eq!(caveats(&told("followup_change_percent=0")), ["SINGLE_FEATURE"]);
    assert_eq!(caveats(&told("curve_type=washout")), ["BASELINE_MISSING"]);
    assert_eq!(caveats(&told("curve_type=washout tracer=FDG tbr_max=9")), ["NO_CUTOFF_FOR_TRACER", "BASELINE_MISSING"]);
    assert!(told("followup_change_percent=60 curve_type=washout").caveats.is_empty());
}

#[test]
fn staging_bone_and_distant_disease_leave_the_scenario() {
    let rule = |columns: &str| judge(&sarcoma(columns), &settings()).rule;
    for scenario in ["initial_staging", "primary_bone", "distant_disease"] {
        let columns = format!("followup_change_percent=60 curve_type=washout scenario={scenario}");
        let verdict = judge(&sarcoma(&columns), &settings());
        assert_eq!((verdict.rule, verdict.class), (Some("T0"), None), "{scenario}");
    }
    assert_eq!(rule("followup_change_percent=60 curve_type=washout scenario=surveillance"), Some("T1"));
    assert_eq!(rule("followup_change_percent=60 curve_type=washout scenario=primary_bone histology=tumor"), Some("H1"));
}

#[test]
fn cutoffs_of_ones_own_make_a_measure_count() {
    let settings = own_cutoffs();
    for (columns, expected) in [
        ("vp_mean=0.06", "recurrence moderate B3 refer_mdt_recurrence"),
        ("vp_mean=0.05", "indeterminate none B12 refer_amino_acid_pet"),
        ("vp_mean=0.01 tracer=FDG tbr_max=1.1", "radiation_necrosis high B10 manage_as_necrosis_surveillance"),
        ("vp_mean=0.06 dce_quality=fail", "indeterminate none B16 repeat_acquisition"),
        ("rcbv_mean=0.5 vp_mean=0.06", "indeterminate none B12 refer_amino_acid_pet"),
        ("vp_mean=0.06 asl_rcbf_mean=2.5", "recurrence moderate B3 refer_mdt_recurrence"),
    ] {
        assert_eq!(told(&judge(&record(columns), &settings)), expected, "{columns}");
    }
}

#[test]
fn the_worked_decisions_reach_every_rule() {
    let reached: Vec<_> = [IMAGING, MODIFIERS, FOLLOWUP, SARCOMA, SARCOMA_FDG]
        .into_iter()
        .flatten()
        .map(|(_, expected)| expected.split_whitespace().nth(2).unwrap())
        .collect();
    for rule in super::Rule::ALL {
        assert!(reached.contains(&rule.as_str()), "{rule} has no case");
    }
}

#[test]
fn reference_decisions_agree() {
    let Some(folder) =
        std::env::var("RELIGHT_REFERENCE_DATA").ok().filter(|folder| std::path::Path::new(folder).is_dir())
    else {
        eprintln!("skipped: no reference data");
        return;
    };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("decision_cases.tsv")).unwrap();
    let assessed = assess(&text, Some(Pathway::Glioma), &settings()).unwrap();
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap().split('\t').collect();
    let place = |name| header.iter().position(|column| *column == name).unwrap();
    let expected = ["expected_verdict", "expected_confidence", "expected_rule", "expected_next_step"].map(place);
    assert_eq!(assessed.rows.len(), lines.clone().count());
    for (line, (_, verdict)) in lines.zip(&assessed.rows) {
        let cells: Vec<_> = line.split('\t').collect();
        assert_eq!(told(verdict), expected.map(|place| cells[place]).join(" "), "{}", cells[0]);
    }
}

#[test]
fn reasons_and_caveats_name_what_happened() {
    let settings = settings();
    for (columns, reason) in [
        ("rcbv_mean=2.5 weeks_since_rt=6", "PSP_WINDOW"),
        ("rcbv_mean=1.5 followup_change_percent=60 weeks_since_rt=6", "PSP_WINDOW"),
        ("rcbv_mean=2.5 asl_rcbf_mean=0.5", "PERF_DISCORDANT"),
        ("rcbv_mean=1.5 followup_change_percent=0 followup_days=57", "OUT_OF_WINDOW"),
        ("rcbv_mean=2.5 tracer=MET tbr_max=2 followup_change_percent=0 steroid_change=up", "CONFOUNDED"),
        ("rcbv_mean=0.5 tracer=MET tbr_max=1.1 followup_change_percent=60", "POSTERIOR_DIFFERS"),
        ("rcbv_mean=2.5 followup_days=49", "FOLLOWUP_INCOMPLETE"),
    ] {
        let verdict = judge(&record(columns), &settings);
        assert!(reasons(&verdict).contains(&reason), "{columns}: {:?}", reasons(&verdict));
    }
    for (columns, caveat) in [
        ("tracer=FET tbr_max=1.6 tbr_cutoff=1.4", "CUTOFF_NOT_FOR_TRACER"),
        ("tracer=FDG tbr_max=1.6", "NO_CUTOFF_FOR_TRACER"),
        ("tbr_max=1.6", "TRACER_UNKNOWN"),
        ("rcbv_mean=-0.1", "CBV_NEAR_ZERO"),
        ("rcbv_mean=-0.3", "CBV_NEGATIVE"),
        ("rcbv_mean=inf", "IMPOSSIBLE_VALUE"),
        ("volume_ml=-1", "IMPOSSIBLE_VALUE"),
        ("asl_rcbf_mean=2.5", "ASL_UNVALIDATED"),
    ] {
        let verdict = judge(&record(columns), &settings);
        assert_eq!(caveats(&verdict), [caveat], "{columns}");
    }
    let clean = judge(&record("rcbv_mean=3.5 tracer=MET tbr_max=2.0"), &settings);
    assert!(reasons(&clean).is_empty() && clean.caveats.is_empty(), "{clean:?}");
}

#[test]
fn under_strict_rano_no_recurrence_is_called_inside_the_window() {
    let settings = strict();
    for (columns, expected) in [
        ("rcbv_mean=2.5 weeks_since_rt=6", "indeterminate none B3 refer_amino_acid_pet"),
        ("tracer=MET tbr_max=2.0 weeks_since_rt=6", "indeterminate none B13 refer_perfusion_mri"),
        ("rcbv_mean=2.5 tracer=MET tbr_max=2.0 weeks_since_rt=6", "indeterminate none B1 mri_6_8_weeks_or_biopsy"),
        ("asl_rcbf_mean=2.5 weeks_since_rt=6", "indeterminate none B3 refer_amino_acid_pet"),
        ("rcbv_mean=1.5 followup_change_percent=60 weeks_since_rt=6", "indeterminate none F1 next_round_6_8_weeks"),
        ("rcbv_mean=2.5 weeks_since_rt=6 rt_field=outside", "recurrence moderate B3 refer_mdt_recurrence"),
        ("rcbv_mean=2.5 weeks_since_rt=12", "recurrence moderate B3 refer_mdt_recurrence"),
    ] {
        assert_eq!(told(&judge(&record(columns), &settings)), expected, "{columns}");
    }
}

#[test]
fn without_a_pathway_there_is_no_verdict_but_words() {
    let verdict = judge(&LesionRecord { rcbv_mean: Some(2.5), ..Default::default() }, &settings());
    assert_eq!(told(&verdict), "n/a n/a n/a n/a");
    assert_eq!(caveats(&verdict), ["PATHWAY_UNKNOWN"]);
    assert!(verdict.explanation.contains("not known"));
}

#[test]
fn the_window_is_told_as_dates() {
    let settings = settings();
    let window =
        |columns: &str| judge(&record(columns), &settings).window.map(|w| (w.start.to_string(), w.end.to_string()));
    let dates = |start: &str, end: &str| Some((start.to_owned(), end.to_owned()));
    let grey = "rcbv_mean=1.5 tracer=MET tbr_max=1.4";
    assert_eq!(window(&format!("{grey} scan_date=2026-01-05")), dates("2026-02-16", "2026-03-02"));
    assert_eq!(window(grey), None);
    let early = "rcbv_mean=1.5 followup_change_percent=0 followup_days=28 scan_date=2026-02-02";
    assert_eq!(window(early), dates("2026-02-16", "2026-03-02"));
    let unclear = "rcbv_mean=1.5 followup_change_percent=30 followup_days=42 scan_date=2026-02-16";
    assert_eq!(window(unclear), dates("2026-03-30", "2026-04-13"));
    assert_eq!(window("rcbv_mean=2.5 scan_date=2026-01-05"), None);
    assert_eq!(window(&format!("{grey} scan_date=9999-12-30")), None);
}

#[test]
fn what_would_change_names_the_nearest_bound_and_the_missing_measure() {
    let settings = settings();
    let told = |columns| -> Vec<(&str, Option<f64>, Class)> {
        let verdict = judge(&record(columns), &settings);
        verdict.what_would_change.iter().map(|change| (change.column, change.bound, change.verdict)).collect()
    };
    use Class::{Indeterminate, RadiationNecrosis, Recurrence};
    assert_eq!(
        told("rcbv_mean=2.5"),
        [("rcbv_mean", Some(1.75), Indeterminate), ("tbr_max", None, Indeterminate)],
        "one step down is grey; a low PET makes a conflict"
    );
    assert_eq!(
        told("rcbv_mean=1.5 tracer=MET tbr_max=1.4")[..4],
        [
            ("rcbv_mean", Some(1.75), Recurrence),
            ("rcbv_mean", Some(1.0), RadiationNecrosis),
            ("tbr_max", Some(1.5), Recurrence),
            ("tbr_max", Some(1.3), RadiationNecrosis),
        ]
    );
    assert_eq!(
        told("rcbv_mean=1.5 tracer=MET tbr_max=1.4 followup_change_percent=30 volume_ml=5")[..2],
        [
            ("followup_change_percent", Some(40.0), Recurrence),
            ("followup_change_percent", Some(20.0), RadiationNecrosis)
        ]
    );
    assert!(told("rcbv_mean=1.5 histology=tumor").is_empty(), "nothing undoes histology");
}

#[test]
fn the_explanation_reads_value_cutoff_and_rule_and_repeats_no_other_field() {
    let verdict = judge(&record("rcbv_mean=1.5 tracer=MET tbr_max=1.4 symptoms=ambiguous"), &settings());
    assert_eq!(
        verdict.explanation,
        "Mean rCBV (DSC) is 1.50, in the grey zone 1.0–1.75; TBRmax (MET-PET) is 1.40, in the grey zone 1.3–1.5. \
         Indeterminate by rule B6: perfusion grey, PET grey."
    );
}

#[test]
fn the_present_value_is_not_rounded_onto_the_cutoff_that_would_change_it() {
    let verdict = judge(&record("rcbv_mean=1.7496 tracer=MET tbr_max=1.4"), &settings());
    let texts: Vec<_> = verdict.what_would_change.iter().map(|change| change.text.as_str()).collect();
    assert!(texts.contains(&"Mean rCBV (DSC) above 1.75 (now 1.7496) would make it recurrence."), "{texts:?}");
    let verdict = judge(&record("rcbv_mean=1.5 followup_change_percent=39.7 volume_ml=5"), &settings());
    let texts: Vec<_> = verdict.what_would_change.iter().map(|change| change.text.as_str()).collect();
    assert!(
        texts.contains(&"A change in volume of at least 40 % (now +39.7 %) would make it recurrence."),
        "{texts:?}"
    );
}

#[test]
fn growth_from_the_nadir_is_judged_as_growth_and_told_as_such() {
    let row = "rcbv_mean=1.5 tracer=MET tbr_max=1.4 volume_ml=4.6 index_volume_ml=8 followup_change_percent=-43 \
               nadir_change_percent=52 followup_round=4";
    let verdict = judge(&record(row), &settings());
    assert_eq!((verdict.rule, verdict.class), (Some("F1"), Some(Class::Recurrence)));
    assert!(verdict.explanation.contains("+52 % since it was smallest"), "{}", verdict.explanation);
    let change = verdict.what_would_change.iter().find(|change| change.column == "nadir_change_percent").unwrap();
    assert_eq!((change.bound, change.verdict), (Some(40.0), Class::Indeterminate));
    // At the first round the nadir is the index scan: the two columns are one number and move together.
    let verdict =
        judge(&record("rcbv_mean=1.5 volume_ml=8 followup_change_percent=60 nadir_change_percent=60"), &settings());
    assert!(verdict.what_would_change.iter().any(|change| change.column == "followup_change_percent"));
}

fn any_value(low: f64, high: f64) -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        8 => (low..high).prop_map(Some),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, f64::MAX, 1e-300]).prop_map(Some),
    ]
}

fn any_word<T: Clone + std::fmt::Debug + 'static>(words: &'static [T]) -> impl Strategy<Value = Option<T>> {
    prop::option::of(prop::sample::select(words))
}

prop_compose! {
    fn any_measures()(
        rcbv_mean in any_value(-0.5, 4.0),
        rcbv_enhancing_mean in prop_oneof![3 => Just(None), 1 => any_value(-0.5, 4.0)],
        asl_rcbf_mean in prop_oneof![2 => Just(None), 1 => any_value(0.0, 4.0)],
        tracer in prop::option::of(prop::sample::select(vec![Tracer::Met, Tracer::Met, Tracer::Fet, Tracer::Fdg, Tracer::Other("X".into())])),
        tbr_max in any_value(0.0, 4.0),
        tbr_cutoff in prop_oneof![3 => Just(None), 1 => any_value(1.3, 1.5)],
        dsc_quality in any_word(Quality::ALL),
        pet_quality in any_word(Quality::ALL),
        asl_quality in any_word(Quality::ALL),
    ) -> LesionRecord {
        LesionRecord {
            pathway: Some(Pathway::Glioma), rcbv_mean, rcbv_enhancing_mean, asl_rcbf_mean, tracer, tbr_max, tbr_cutoff,
            dsc_quality, pet_quality, asl_quality, ..Default::default()
        }
    }
}

prop_compose! {
    fn any_record()(
        measures in any_measures(),
        symptoms in any_word(Symptoms::ALL),
        weeks_since_rt in any_value(0.0, 30.0),
        followup_change_percent in prop_oneof![1 => Just(None), 1 => any_value(-120.0, 120.0)],
        followup_days in any_value(0.0, 100.0),
        followup_round in any_value(0.0, 5.0),
        volume_ml in any_value(0.0, 10.0),
        index_volume_ml in any_value(0.0, 10.0),
        histology in prop_oneof![5 => Just(None), 1 => any_word(Histology::ALL)],
        words in (any_word(YesNo::ALL), any_word(SteroidChange::ALL), any_word(RtField::ALL),
                  any_word(NewEnhancement::ALL), any_word(Margins::ALL), any_word(Pathway::ALL)),
        day in prop::option::of(0i32..40_000),
    ) -> LesionRecord {
        let (antiangiogenic, steroid_change, rt_field, new_enhancement, margins, pathway) = words;
        let scan_date = day.map(|day| jiff::civil::date(1990, 1, 1).checked_add(jiff::ToSpan::days(day)).unwrap());
        LesionRecord {
            pathway, symptoms, weeks_since_rt, followup_change_percent, followup_days, followup_round, volume_ml,
            index_volume_ml, histology, antiangiogenic, steroid_change, rt_field, new_enhancement, margins, scan_date,
            ..measures
        }
    }
}

/// Necrosis < indeterminate < recurrence.
fn rank(verdict: &Verdict) -> Option<u8> {
    verdict.class.map(|class| match class {
        Class::RadiationNecrosis | Class::Stable => 0,
        Class::Indeterminate => 1,
        Class::Recurrence | Class::SuspectedRecurrence => 2,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn symptoms_never_change_the_class(record in any_record()) {
        let settings = settings();
        let classes: Vec<_> = std::iter::once(None)
            .chain(Symptoms::ALL.iter().copied().map(Some))
            .map(|symptoms| judge(&LesionRecord { symptoms, ..record.clone() }, &settings).class)
            .collect();
        // New symptoms at the site of a sarcoma leave the surveillance scenario (T0): no verdict, not another one.
        let leaves = record.pathway == Some(Pathway::Sarcoma) && record.histology.is_none();
        let told: Vec<_> = classes.iter().filter(|class| !leaves || class.is_some()).collect();
        prop_assert!(told.iter().all(|class| *class == told[0]), "{classes:?}");
    }

    #[test]
    fn the_verdict_is_monotone_in_rcbv(record in any_measures(), a in 0.0..4.0_f64, b in 0.0..4.0_f64) {
        let (less, more) = (a.min(b), a.max(b));
        let at = |rcbv| LesionRecord {
            rcbv_mean: Some(rcbv), rcbv_enhancing_mean: None, dsc_quality: None, ..record.clone()
        };
        prop_assert!(rank(&judge(&at(less), &settings())) <= rank(&judge(&at(more), &settings())));
    }

    #[test]
    fn the_verdict_is_monotone_in_tbr(record in any_measures(), a in 0.0..4.0_f64, b in 0.0..4.0_f64) {
        let (less, more) = (a.min(b), a.max(b));
        let at = |tbr| LesionRecord { tbr_max: Some(tbr), pet_quality: None, ..record.clone() };
        prop_assert!(rank(&judge(&at(less), &settings())) <= rank(&judge(&at(more), &settings())));
    }

    #[test]
    fn a_value_that_cannot_be_is_missing(record in any_record(), value in prop::sample::select(vec![f64::NAN, f64::INFINITY, -3.0])) {
        let settings = settings();
        let with = |tbr_max| judge(&LesionRecord { tbr_max, ..record.clone() }, &settings);
        prop_assert_eq!(told(&with(Some(value))), told(&with(None)));
    }

    #[test]
    fn every_verdict_is_whole(record in any_record()) {
        let verdict = judge(&record, &settings());
        prop_assert_eq!(verdict.class.is_some(), verdict.confidence.is_some());
        prop_assert_eq!(verdict.rule.is_none(), record.pathway.is_none());
        if let Some(class) = verdict.class {
            prop_assert!(!verdict.next_steps.is_empty() && !verdict.explanation.is_empty());
            let unsettled = verdict.confidence == Some(super::Confidence::None);
            prop_assert_eq!(class == Class::Indeterminate, unsettled);
            prop_assert_eq!(verdict.posterior.is_none(), record.histology.is_some() || record.pathway == Some(Pathway::Sarcoma));
        } else {
            prop_assert!(verdict.rule == Some("T0") || !verdict.caveats.is_empty());
        }
        for change in &verdict.what_would_change {
            prop_assert_ne!(Some(change.verdict), verdict.class);
        }
        prop_assert!(serde_json::to_string(&verdict).is_ok());
    }

    #[test]
    fn a_verdict_is_replayed_from_the_table_byte_for_byte(records in prop::collection::vec(any_record(), 1..5)) {
        let settings = settings();
        let header: Vec<_> = LesionRecord::COLUMNS.iter().chain(&super::COLUMNS).map(|column| column.name).collect();
        let mut table = header.join("\t") + "\n";
        for record in &records {
            let mut verdict = judge(record, &settings);
            verdict.stability = Some("11 of 12".to_owned());
            let mut cells = record.cells();
            cells.extend(verdict.cells(["AUTOMATIC_BACKGROUND"]));
            table += &(cells.join("\t") + "\n");
        }
        let again = assess(&table, Some(Pathway::Glioma), &settings).unwrap();
        prop_assert_eq!(again.table, table);
    }

    #[test]
    fn a_record_told_as_json_is_judged_alike(record in any_record()) {
        let mut again = LesionRecord::default();
        for (column, value) in record.json() {
            let cell = match value {
                serde_json::Value::Null => MISSING.to_owned(),
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            again.set(&column, &cell).unwrap();
        }
        prop_assert_eq!(told(&judge(&again, &settings())), told(&judge(&record, &settings())));
    }
}
