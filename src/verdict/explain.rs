//! What a code means: rules, reasons, caveats, next steps, words of the verdict, exit codes.

use crate::quality::CaveatCode;

use super::{Class, Confidence, NextStep, ReasonCode, Rule};

/// What `relight explain CODE` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The code as it is written, with its kind and title.
    pub title: String,
    /// What it means.
    pub text: String,
    /// Where it comes from.
    pub source: String,
}

/// Exit codes of the program with their meaning.
pub const EXIT_CODES: [(u8, &str); 8] = [
    (0, "All done."),
    (1, "Internal error: a defect of the program."),
    (2, "Usage: an option or argument is wrong."),
    (3, "No usable input; for a single command: the input cannot be read or is invalid."),
    (4, "Every session failed."),
    (5, "Some sessions failed, the others are done."),
    (6, "The output cannot be written, or it is not ours to replace."),
    (7, "Under --strict, a quality check failed."),
];

/// The texts that the rules were written from: code, subject, letter of their statements in `docs/traceability.md`.
pub const SOURCES: [(&str, &str, char); 5] = [
    ("S0", "recurrence of soft-tissue tumors, appropriateness of imaging (ACR)", 'A'),
    ("S1", "leiomyosarcoma", 'L'),
    ("S2", "extent of disease", 'E'),
    ("S3", "recurrent retroperitoneal sarcoma", 'R'),
    ("S4", "glioma: recurrence against radiation necrosis", 'G'),
];

/// Every code that can be explained, for suggestions.
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    codes.extend(ReasonCode::ALL.iter().map(|reason| reason.as_str()));
    codes.extend(CaveatCode::ALL.iter().map(|caveat| caveat.as_str()));
    codes.extend(NextStep::ALL.iter().map(|step| step.as_str()));
    codes.extend(Class::ALL.iter().map(|class| class.as_str()));
    codes.extend(Confidence::ALL.iter().map(|confidence| confidence.as_str()));
    codes.extend(SOURCES.iter().map(|(source, ..)| source));
    codes
}

/// The codes nearest to a word that is none, best first.
pub fn suggestions(word: &str) -> Vec<&'static str> {
    let word = word.trim().to_ascii_lowercase();
    let mut likely: Vec<(f64, &'static str)> = codes()
        .into_iter()
        .map(|code| (strsim::jaro_winkler(&word, &code.to_ascii_lowercase()), code))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .collect();
    likely.sort_by(|a, b| b.0.total_cmp(&a.0));
    likely.into_iter().map(|(_, code)| code).take(3).collect()
}

/// Explains a code; case does not matter. An exit code is given as its number or as `exit 3`.
pub fn explain(code: &str) -> Option<Explanation> {
    let code = code.trim();
    let is = |known: &str| known.eq_ignore_ascii_case(code);
    if let Some(rule) = Rule::ALL.iter().find(|rule| is(rule.as_str())) {
        return Some(Explanation {
            title: format!("Rule {rule}: {}", rule.title()),
            text: rule.text().to_owned(),
            source: rule.source().to_owned(),
        });
    }
    if let Some((source, subject, letter)) = SOURCES.iter().find(|(source, ..)| is(source)) {
        return Some(Explanation {
            title: format!("Source {source}: {subject}"),
            text: format!(
                "One of the five texts that the rules were written from. docs/traceability.md lists its statements \
                 ({letter}01 and on), what the program does with each, and the test that shows it."
            ),
            source: "docs/traceability.md".to_owned(),
        });
    }
    if let Some(reason) = ReasonCode::ALL.iter().find(|reason| is(reason.as_str())) {
        return Some(Explanation {
            title: format!("Reason {reason}"),
            text: reason.meaning().to_owned(),
            source: format!("decision rules, version {}", super::RULES_VERSION),
        });
    }
    if let Some(caveat) = CaveatCode::ALL.iter().find(|caveat| is(caveat.as_str())) {
        return Some(Explanation {
            title: format!("Caveat {caveat}"),
            text: caveat.meaning().to_owned(),
            source: "checks of this program".to_owned(),
        });
    }
    if let Some(step) = NextStep::ALL.iter().find(|step| is(step.as_str())) {
        return Some(Explanation {
            title: format!("Next step {step}"),
            text: step.sentence(None),
            source: step.source().to_owned(),
        });
    }
    if let Some(class) = Class::ALL.iter().find(|class| is(class.as_str())) {
        return Some(Explanation {
            title: format!("Verdict {class}"),
            text: class.meaning().to_owned(),
            source: "S4 (glioma source document), S0 (ACR soft-tissue recurrence)".to_owned(),
        });
    }
    if let Some(confidence) = Confidence::ALL.iter().find(|confidence| is(confidence.as_str())) {
        return Some(Explanation {
            title: format!("Confidence {confidence}"),
            text: confidence.meaning().to_owned(),
            source: "the decision tables of this program".to_owned(),
        });
    }
    let number = code.to_ascii_lowercase();
    let number = number.strip_prefix("exit").unwrap_or(&number).trim_start_matches([' ', '_', '-']);
    let (exit, text) = EXIT_CODES.into_iter().find(|(exit, _)| number == exit.to_string())?;
    Some(Explanation {
        title: format!("Exit code {exit}"),
        text: text.to_owned(),
        source: "a verdict is never an exit code".to_owned(),
    })
}

impl NextStep {
    /// Where the step comes from.
    const fn source(self) -> &'static str {
        match self {
            Self::ReferMdtRecurrence
            | Self::ManageAsNecrosisSurveillance
            | Self::ReferPerfusionMri
            | Self::ReferAminoAcidPet
            | Self::Mri6To8WeeksOrBiopsy
            | Self::BiopsyPreferred
            | Self::ContinueToWindow
            | Self::NextRound6To8Weeks => "S4 (glioma source document)",
            Self::MdtOrBiopsyAfterMaxRounds => "ours, from S4 (glioma source document: two or three rounds)",
            Self::RepeatAcquisition => "ours",
            Self::DiagnosticWorkup
            | Self::Mri3Months
            | Self::NextSurveillanceVisit
            | Self::FdgPetCt
            | Self::MriWithoutAndWithContrast
            | Self::TumorBoard => "S0 (ACR soft-tissue recurrence)",
            Self::CoreBiopsyAndTumorBoard => {
                "S0 (ACR soft-tissue recurrence), S1 (leiomyosarcoma: needle), S2 (extent of disease)"
            }
        }
    }
}

impl Class {
    /// What the verdict means, and what it does not.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Recurrence => {
                "The measures, or the follow-up, or histology speak for tumor recurrence or progression."
            }
            Self::RadiationNecrosis => {
                "The measures, or the follow-up, or histology speak for radiation necrosis. A management label: surveillance always continues."
            }
            Self::Indeterminate => {
                "Not settled. It does not mean probably benign: of lesions in the like category of BT-RADS (3b), 61.5–89 % progress (PMID 38672241)."
            }
            Self::SuspectedRecurrence => "Sarcoma: imaging of the site suggests recurrence; tissue proves it.",
            Self::Stable => "Sarcoma: nothing new at the site; surveillance continues.",
        }
    }
}

impl Confidence {
    /// What the word stands for.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::None => "No answer, so no confidence in one.",
            Self::Low => {
                "Weak evidence: a method without validated cut-offs, the pseudoprogression window, or measures that do not fit together."
            }
            Self::Moderate => "One modality, one of two in the grey zone, or one follow-up.",
            Self::High => "Two modalities agree, or imaging and follow-up do.",
            Self::VeryHigh => "High perfusion, new enhancement and new symptoms.",
            Self::Definitive => "Histology of this lesion.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_that_a_rule_names_is_explained() {
        for rule in Rule::ALL {
            let named = |&&(source, ..): &&(&str, &str, char)| rule.source().contains(source);
            for (source, subject, letter) in SOURCES.iter().filter(named) {
                let found = explain(&source.to_lowercase()).unwrap();
                assert!(found.title.contains(subject) && found.text.contains(&format!("{letter}01")), "{found:?}");
            }
        }
        let traced = include_str!("../../docs/traceability.md");
        assert!(SOURCES.iter().all(|(_, _, letter)| traced.contains(&format!("| {letter}01 |"))));
    }

    #[test]
    fn every_code_is_explained() {
        for code in codes() {
            let explanation = explain(code).unwrap_or_else(|| panic!("{code} is not explained"));
            assert!(!explanation.text.is_empty() && !explanation.source.is_empty(), "{code}");
            assert!(explanation.title.contains(code), "{code}: {}", explanation.title);
        }
    }

    #[test]
    fn codes_are_unique_without_case() {
        let mut all: Vec<_> = codes().iter().map(|code| code.to_ascii_lowercase()).collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn case_does_not_matter_and_exit_codes_are_known() {
        assert!(explain("b6").unwrap().text.contains("grey zone"));
        assert!(explain("exit 5").unwrap().text.contains("Some sessions"));
        assert_eq!(explain("EXIT_5"), explain("5"));
        assert_eq!(explain("8"), None);
    }

    #[test]
    fn a_typing_error_finds_its_code() {
        assert_eq!(suggestions("psp_windw")[0], "PSP_WINDOW");
        assert_eq!(suggestions("refer_aminoacid_pet")[0], "refer_amino_acid_pet");
        assert!(explain("psp_windw").is_none());
    }
}
