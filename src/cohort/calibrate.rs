//! Cut-offs of one's own: from a table of lesions with known outcome to a settings file with its provenance.

use std::fmt::Write as _;

use serde::Serialize;

use crate::clinical::Pathway;
use crate::lesion::{LesionRecord, MISSING, is_missing};
use crate::verdict::{self, Class, LesionTable, TableError, TableRow, Verdict, judge};

use super::Settings;
use super::measure::Measure;
use super::proportion::Proportion;
use super::reliability::{Reliability, reliability};
use super::resample::{Bootstrap, bootstrap, leave_one_patient_out};
use super::roc::{Auc, Case, Cohort, RocPoint, auc, roc};
use super::threshold::{GreyZone, Performance, at_sensitivity, at_specificity, grey_zone, performance, youden};

closed_words! {
    /// The known outcome of a lesion.
    pub enum Truth: "known outcome" {
        /// Tumor.
        Recurrence = "recurrence" | "tumor" | "tumour" | "mixed" | "progression" | "suspected_recurrence" | "yes" | "true" | "1",
        /// Treatment change.
        Necrosis = "radiation_necrosis" | "necrosis" | "treatment_change" | "pseudoprogression" | "stable" | "no" | "false" | "0",
    }
}

/// Why a table cannot be calibrated on.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// Not a table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No column of outcomes.
    #[error("the table has no column {column}; its columns are: {found}")]
    NoTruth {
        /// The column that was asked for.
        column: String,
        /// The header.
        found: String,
    },
    /// A word that is no outcome.
    #[error("line {line}, column {column}: {problem}")]
    Outcome {
        /// Line in the file.
        line: u64,
        /// The column.
        column: String,
        /// Expected and found.
        problem: String,
    },
    /// Lesions of several diseases.
    #[error("the table holds lesions of several pathways ({found}): cut-offs are made for one at a time")]
    Mixed {
        /// The pathways.
        found: String,
    },
    /// No measure with enough patients.
    #[error("no cut-off can be made from this cohort. {words}")]
    TooSmall {
        /// Measure by measure.
        words: String,
    },
}

/// A measure that was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// The measure.
    pub measure: Measure,
    /// Why, in a sentence.
    pub words: String,
}

/// A cut-off of the present settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InUse {
    /// Its value.
    pub cutoff: f64,
    /// How it does on the cohort.
    pub performance: Performance,
}

/// The cut-offs of one measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CutoffCalibration {
    /// The measure.
    pub measure: Measure,
    /// Lesions that recurred, and those that did not.
    pub lesions: (usize, usize),
    /// Patients with a lesion that recurred, and with one that did not.
    pub patients: (usize, usize),
    /// Area under the curve, patients as clusters.
    pub auc: Auc,
    /// The two cut-offs of the settings' sensitivity and specificity.
    pub grey_zone: GreyZone,
    /// Lesions below, between and above them: recurrences.
    pub recurrences: [Proportion; 3],
    /// The same for the others.
    pub others: [Proportion; 3],
    /// Youden's single cut-off.
    pub youden: f64,
    /// How it does on the cohort that it was chosen on.
    pub apparent: Performance,
    /// How it does on patients that it was not chosen on.
    pub cross_validated: Performance,
    /// Apparent sensitivity, specificity and accuracy less their optimism.
    pub optimism_corrected: [f64; 3],
    /// Cut-off of the wanted sensitivity.
    pub at_sensitivity: Option<f64>,
    /// Cut-off of the wanted specificity.
    pub at_specificity: Option<f64>,
    /// What resampling says.
    pub bootstrap: Bootstrap,
    /// The curve, for its picture.
    pub roc: Vec<RocPoint>,
    /// The cut-offs of the present settings on this cohort; empty where they set none.
    pub in_use: Vec<InUse>,
    /// What the reader should be told.
    pub warnings: Vec<String>,
}

/// The rules as they are now, against the truth: indeterminate is a row of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RulesAgainstTruth {
    /// Recurrences called recurrence, indeterminate, necrosis.
    pub recurrences: [Proportion; 3],
    /// The others, in the same order.
    pub others: [Proportion; 3],
    /// Recurrences called recurrence among those with an answer.
    pub sensitivity_of_answers: Proportion,
    /// Others called necrosis among those with an answer.
    pub specificity_of_answers: Proportion,
}

/// Everything that a cohort with known outcome gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Version of the rules.
    pub rules_version: String,
    /// The column of outcomes.
    pub truth: String,
    /// Rows with an outcome, and rows without.
    pub rows: (usize, usize),
    /// Measure by measure.
    pub cutoffs: Vec<CutoffCalibration>,
    /// Measures that were left out.
    pub refused: Vec<Refusal>,
    /// The present rules on this cohort, histology put aside.
    pub rules: RulesAgainstTruth,
    /// The posterior on this cohort; `None` where no lesion has one.
    pub posterior: Option<Reliability>,
    /// What the reader should be told.
    pub notes: Vec<String>,
}

/// Cut-offs from a table with a column of known outcomes; `pathway` applies where the table names none.
pub fn calibrate(
    text: &str,
    truth: &str,
    pathway: Option<Pathway>,
    settings: &Settings,
    rules: &verdict::Settings,
) -> Result<Calibration, CalibrationError> {
    let table = LesionTable::read(text, pathway)?;
    let (known, unknown) = known_rows(&table, truth)?;
    let mut notes = table.notes.clone();
    let patients = patients(&known, &table, &mut notes);

    let (mut cutoffs, mut refused) = (Vec::new(), Vec::new());
    for measure in Measure::all(rules) {
        let cases: Vec<Case> = known
            .iter()
            .zip(&patients)
            .filter_map(|((row, truth), patient)| {
                let value = measure.value(&row.record, rules)?;
                Some(Case { value, recurrence: *truth == Truth::Recurrence, patient: *patient })
            })
            .collect();
        if cases.is_empty() {
            continue;
        }
        match calibrate_measure(measure, cases, settings, rules) {
            Ok(cutoff) => cutoffs.push(cutoff),
            Err(words) => refused.push(Refusal { measure, words }),
        }
    }
    if cutoffs.is_empty() {
        let words = if refused.is_empty() {
            "No row with a known outcome holds a usable measure.".to_owned()
        } else {
            refused.iter().map(|refusal| refusal.words.as_str()).collect::<Vec<_>>().join(" ")
        };
        return Err(CalibrationError::TooSmall { words });
    }
    let verdicts = judged(&known, rules);
    Ok(Calibration {
        rules_version: rules.rules_version.clone(),
        truth: truth.to_owned(),
        rows: (known.len(), unknown),
        cutoffs,
        refused,
        rules: rules_against_truth(&verdicts),
        posterior: posterior_against_truth(&verdicts, rules),
        notes,
    })
}

type Known<'a> = (&'a TableRow, Truth);

fn known_rows<'a>(table: &'a LesionTable, truth: &str) -> Result<(Vec<Known<'a>>, usize), CalibrationError> {
    let Some(place) = table.column(truth) else {
        return Err(CalibrationError::NoTruth { column: truth.to_owned(), found: table.header.join(", ") });
    };
    let mut known = Vec::new();
    for row in &table.rows {
        let cell = row.cells[place].trim();
        if is_missing(cell) {
            continue;
        }
        let outcome = cell.parse().map_err(|problem: crate::UnknownWord| CalibrationError::Outcome {
            line: row.line,
            column: truth.to_owned(),
            problem: problem.to_string(),
        })?;
        known.push((row, outcome));
    }
    let mut pathways: Vec<&str> =
        known.iter().map(|(row, _)| row.record.pathway.map_or(MISSING, |pathway| pathway.as_str())).collect();
    pathways.sort_unstable();
    pathways.dedup();
    if pathways.len() > 1 {
        return Err(CalibrationError::Mixed { found: pathways.join(", ") });
    }
    let unknown = table.rows.len() - known.len();
    Ok((known, unknown))
}

/// A number per patient, in the order in which they first appear; a row without a label is a patient of its own.
fn patients(known: &[Known], table: &LesionTable, notes: &mut Vec<String>) -> Vec<usize> {
    if table.column("participant_id").is_none() {
        notes.push("the table has no column participant_id: every row is taken as a patient of its own".to_owned());
    }
    let mut labels: Vec<&str> = Vec::new();
    let mut next = 0;
    known
        .iter()
        .map(|(row, _)| match row.record.participant_id.as_deref() {
            Some(label) => labels.iter().position(|known| *known == label).unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            }),
            None => {
                next += 1;
                known.len() + next
            }
        })
        .collect()
}

fn calibrate_measure(
    measure: Measure,
    cases: Vec<Case>,
    settings: &Settings,
    rules: &verdict::Settings,
) -> Result<CutoffCalibration, String> {
    let name = measure.name();
    let Some(cohort) = Cohort::new(cases) else {
        return Err(format!("{name}: all lesions have the same outcome; a cut-off needs both."));
    };
    let patients = (cohort.patients(true), cohort.patients(false));
    let least = settings.least_patients;
    if patients.0 < least || patients.1 < least {
        return Err(format!(
            "{name}: {} patients with recurrence and {} without; at least {least} of each are needed, because a cut-off from fewer mostly describes chance.",
            patients.0, patients.1
        ));
    }
    let area = auc(&cohort);
    if area.area <= 0.5 {
        return Err(format!(
            "{name}: recurrences do not have higher values here (area under the curve {:.2}); no cut-off makes sense.",
            area.area
        ));
    }
    let wanted = (settings.sensitivity, settings.specificity);
    let (Some(cutoff), Some(zone)) = (youden(&cohort), grey_zone(&cohort, wanted.0, wanted.1)) else {
        return Err(format!(
            "{name}: no cut-off keeps a sensitivity of {:.2} and another a specificity of {:.2}.",
            wanted.0, wanted.1
        ));
    };
    if zone.low <= 0.0 {
        return Err(format!("{name}: the lower cut-off would be {}, and a cut-off must be above 0.", zone.low));
    }
    let apparent = performance(&cohort, cutoff);
    let bootstrap = bootstrap(&cohort, wanted, settings.resamples, settings.seed);
    let corrected = |share: Proportion, optimism: f64| (share.share.unwrap_or(0.0) - optimism).clamp(0.0, 1.0);
    let lesions = (cohort.values(true).len(), cohort.values(false).len());
    Ok(CutoffCalibration {
        measure,
        lesions,
        patients,
        auc: area,
        grey_zone: zone,
        recurrences: thirds(cohort.values(true), zone),
        others: thirds(cohort.values(false), zone),
        youden: cutoff,
        apparent,
        cross_validated: leave_one_patient_out(&cohort),
        optimism_corrected: [
            corrected(apparent.sensitivity, bootstrap.sensitivity_optimism),
            corrected(apparent.specificity, bootstrap.specificity_optimism),
            corrected(apparent.accuracy, bootstrap.accuracy_optimism),
        ],
        at_sensitivity: at_sensitivity(&cohort, wanted.0),
        at_specificity: at_specificity(&cohort, wanted.1),
        roc: roc(&cohort),
        in_use: in_use(measure, &cohort, rules),
        warnings: warnings(&cohort, patients, &area, settings),
        bootstrap,
    })
}

/// The present cut-offs, the lower one first, each once.
pub(super) fn in_use(measure: Measure, cohort: &Cohort, rules: &verdict::Settings) -> Vec<InUse> {
    let Some((low, high)) = measure.bounds(rules) else { return Vec::new() };
    let cutoffs = if low < high { vec![low, high] } else { vec![low] };
    cutoffs.into_iter().map(|cutoff| InUse { cutoff, performance: performance(cohort, cutoff) }).collect()
}

fn warnings(cohort: &Cohort, patients: (usize, usize), area: &Auc, settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    let advised = settings.advised_patients;
    if patients.0 < advised || patients.1 < advised {
        warnings.push(format!(
            "Small cohort: {} patients with recurrence and {} without; {advised} of each are advised. Look at the intervals before using these cut-offs.",
            patients.0, patients.1
        ));
    }
    if cohort.cases().len() > cohort.all_patients() {
        warnings.push(format!(
            "{} lesions of {} patients: the intervals of the area and of the bootstrap count patients; the Wilson intervals of single shares count lesions and are too narrow.",
            cohort.cases().len(),
            cohort.all_patients()
        ));
    }
    if area.low.is_none_or(|low| low <= 0.5) {
        warnings.push("The interval of the area reaches 0.5: this measure may not tell the outcomes apart.".to_owned());
    }
    warnings
}

/// Below, between (bounds included) and above.
fn thirds(values: &[f64], zone: GreyZone) -> [Proportion; 3] {
    let below = values.iter().filter(|value| **value < zone.low).count();
    let above = values.iter().filter(|value| **value > zone.high).count();
    [below, values.len() - below - above, above].map(|count| Proportion::new(count, values.len()))
}

/// The rules without the histology that may be the truth itself.
fn judged(known: &[Known], rules: &verdict::Settings) -> Vec<(Truth, Verdict)> {
    known
        .iter()
        .map(|(row, truth)| {
            let record = LesionRecord { histology: None, ..row.record.clone() };
            (*truth, judge(&record, rules))
        })
        .collect()
}

/// Counts by outcome and result, lesions without a result left out.
pub(super) fn rules_against_truth(verdicts: &[(Truth, Verdict)]) -> RulesAgainstTruth {
    let count = |truth: Truth, called: &[Class]| {
        let of = verdicts.iter().filter(|(known, verdict)| *known == truth && verdict.class.is_some());
        of.filter(|(_, verdict)| verdict.class.is_some_and(|class| called.contains(&class))).count()
    };
    let row = |truth: Truth| {
        let counts = [
            count(truth, &[Class::Recurrence, Class::SuspectedRecurrence]),
            count(truth, &[Class::Indeterminate]),
            count(truth, &[Class::RadiationNecrosis, Class::Stable]),
        ];
        (counts, counts.iter().sum::<usize>())
    };
    let (recurred, all_recurred) = row(Truth::Recurrence);
    let (other, all_other) = row(Truth::Necrosis);
    RulesAgainstTruth {
        recurrences: recurred.map(|count| Proportion::new(count, all_recurred)),
        others: other.map(|count| Proportion::new(count, all_other)),
        sensitivity_of_answers: Proportion::new(recurred[0], recurred[0] + recurred[2]),
        specificity_of_answers: Proportion::new(other[2], other[0] + other[2]),
    }
}

fn posterior_against_truth(verdicts: &[(Truth, Verdict)], rules: &verdict::Settings) -> Option<Reliability> {
    let cases: Vec<(f64, bool)> = verdicts
        .iter()
        .filter_map(|(truth, verdict)| Some((verdict.posterior?.value, *truth == Truth::Recurrence)))
        .collect();
    reliability(&cases, &[rules.posterior.necrosis_to, rules.posterior.recurrence_from])
}

impl Calibration {
    /// A settings file with the cut-offs of this cohort; `cohort` names where they come from, such as the table's
    /// SHA-256. What it leaves out keeps its default.
    pub fn settings_file(&self, cohort: &str) -> String {
        let mut text = String::from(
            "# Cut-offs of one's own, made by `relight calibrate`. Everything else keeps its default.\n\
             # They describe the cohort that they come from: other scanners, protocols or patients need their own.\n",
        );
        for cutoff in &self.cutoffs {
            let area = match (cutoff.auc.low, cutoff.auc.high) {
                (Some(low), Some(high)) => format!("{:.2} ({low:.2}–{high:.2})", cutoff.auc.area),
                _ => format!("{:.2}", cutoff.auc.area),
            };
            let (recurred, other) = cutoff.lesions;
            let source = format!(
                "own cohort {cohort}: {recurred} recurrences and {other} others of {} + {} patients, AUC {area}",
                cutoff.patients.0, cutoff.patients.1
            );
            let statistic = cutoff.measure.statistic();
            let statistic = statistic.map_or_else(String::new, |statistic| format!("statistic = \"{statistic}\"\n"));
            let validated = cutoff.cross_validated.accuracy;
            let _ = write!(
                text,
                "\n[verdict.{}]\n{statistic}low = {:?}\nhigh = {:?}\nsource = {}\n# Youden's single cut-off {:?}: cross-validated accuracy {:.2} ({:.2}–{:.2})\n",
                cutoff.measure.section(),
                cutoff.grey_zone.low,
                cutoff.grey_zone.high,
                toml::Value::String(source),
                cutoff.youden,
                validated.share.unwrap_or(f64::NAN),
                validated.low.unwrap_or(f64::NAN),
                validated.high.unwrap_or(f64::NAN),
            );
            for warning in &cutoff.warnings {
                let _ = writeln!(text, "# {warning}");
            }
        }
        for refusal in &self.refused {
            let _ = write!(text, "\n# Left out: {}\n", refusal.words);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, truth: &str) -> Result<Calibration, CalibrationError> {
        let settings: Settings = crate::settings::default_section("cohort");
        calibrate(text, truth, Some(Pathway::Glioma), &settings, &crate::settings::default_section("verdict"))
    }

    /// Recurrences at 1.5-3.4, others at 0.4-1.9, one lesion a patient.
    fn table(patients: usize) -> String {
        let mut text = String::from("participant_id\trcbv_mean\ttracer\ttbr_max\toutcome\n");
        for n in 0..patients {
            let step = n as f64 / patients as f64;
            text += &format!("sub-r{n}\t{:.3}\tFDG\t{:.2}\trecurrence\n", 1.5 + 1.9 * step, 1.4 + step);
            text += &format!("sub-n{n}\t{:.3}\tFDG\tn/a\tnecrosis\n", 0.4 + 1.5 * step);
        }
        text + "sub-x\t2.0\tMET\t2.0\tn/a\n"
    }

    #[test]
    fn a_cohort_gives_cutoffs_that_the_settings_accept() {
        let calibration = run(&table(40), "outcome").unwrap();
        assert_eq!(calibration.rows, (80, 1));
        let [dsc] = &calibration.cutoffs[..] else { panic!("{:?}", calibration.cutoffs.len()) };
        assert_eq!((dsc.measure, dsc.patients), (Measure::Dsc, (40, 40)));
        // Recurrences 1.5-3.3525, others 0.4-1.8625: 90 % of the recurrences lie above about 1.69, 90 % of the others
        // below about 1.73.
        assert!((1.6..1.75).contains(&dsc.grey_zone.low), "{:?}", dsc.grey_zone);
        assert!((1.7..1.8).contains(&dsc.grey_zone.high), "{:?}", dsc.grey_zone);
        assert!(dsc.auc.area > 0.9 && dsc.warnings.is_empty(), "{:?}", dsc.warnings);
        assert!(dsc.optimism_corrected[2] <= dsc.apparent.accuracy.share.unwrap() + 0.02);

        let own: toml::Table = calibration.settings_file("table sha256 0123").parse().unwrap();
        let mut defaults: toml::Table = crate::settings::DEFAULTS.parse().unwrap();
        let verdict = defaults.get_mut("verdict").unwrap().as_table_mut().unwrap();
        for (key, value) in own["verdict"]["dsc"].as_table().unwrap() {
            verdict["dsc"].as_table_mut().unwrap().insert(key.clone(), value.clone());
        }
        let settings: verdict::Settings = verdict.clone().try_into().unwrap();
        assert_eq!(settings.dsc.bounds().low(), dsc.grey_zone.low);
        assert!(settings.dsc.source.contains("sha256 0123") && settings.dsc.source.contains("40 + 40 patients"));
    }

    #[test]
    fn what_only_one_outcome_has_is_left_out_in_words() {
        let calibration = run(&table(40), "outcome").unwrap();
        let [fdg] = &calibration.refused[..] else { panic!("{:?}", calibration.refused) };
        assert!(fdg.words.contains("same outcome"), "{}", fdg.words);
        assert!(calibration.settings_file("x").contains("# Left out: pet.fdg tbr_max"));
    }

    #[test]
    fn the_present_rules_are_told_with_indeterminate_as_its_own_row() {
        let rules = run(&table(40), "outcome").unwrap().rules;
        assert_eq!(rules.recurrences.iter().map(|share| share.count).sum::<usize>(), 40);
        // By hand: recurrences above 1.75 are those with 1.5 + 1.9 n / 40 > 1.75, n >= 6, so 34; none is below 1.0.
        assert_eq!(rules.recurrences.map(|share| share.count), [34, 6, 0]);
        // Others: 0.4 + 1.5 n / 40 < 1.0 for n < 16, so 16; above 1.75 for n > 36, so 3.
        assert_eq!(rules.others.map(|share| share.count), [3, 21, 16]);
        assert_eq!((rules.sensitivity_of_answers.total, rules.specificity_of_answers.total), (34, 19));
    }

    #[test]
    fn too_small_a_cohort_is_refused_in_words() {
        let error = run(&table(9), "outcome").unwrap_err().to_string();
        assert!(error.contains("9 patients with recurrence") && error.contains("at least 10"), "{error}");
        let small = run(&table(12), "outcome").unwrap();
        assert!(small.cutoffs[0].warnings[0].contains("30 of each are advised"));
    }

    #[test]
    fn many_lesions_of_few_patients_are_too_small_a_cohort() {
        let mut text = String::from("participant_id\trcbv_mean\toutcome\n");
        for n in 0..60 {
            text += &format!(
                "sub-{}\t{}\trecurrence\nsub-{}\t{}\tnecrosis\n",
                n % 5,
                2.0 + 0.01 * f64::from(n),
                10 + n % 5,
                1.0
            );
        }
        assert!(run(&text, "outcome").unwrap_err().to_string().contains("5 patients with recurrence and 5 without"));
    }

    #[test]
    fn errors_name_the_column_and_the_line() {
        assert!(run(&table(12), "truth").unwrap_err().to_string().contains("no column truth"));
        let wrong = run("rcbv_mean\toutcome\n1.5\trecurrence\n1.2\tmaybe\n", "outcome").unwrap_err().to_string();
        assert!(wrong.contains("line 3, column outcome") && wrong.contains("maybe"), "{wrong}");
        let mixed = run("pathway\trcbv_mean\toutcome\nglioma\t1\tyes\nsarcoma\t1\tno\n", "outcome").unwrap_err();
        assert!(mixed.to_string().contains("glioma, sarcoma"));
    }

    #[test]
    fn a_measure_that_reads_the_wrong_way_makes_no_cutoff() {
        let text =
            table(20).replace("recurrence", "swap").replace("necrosis", "recurrence").replace("swap", "necrosis");
        assert!(run(&text, "outcome").unwrap_err().to_string().contains("do not have higher values"));
    }
}
