//! From a free-text diagnosis to a pathway, by the word map of the settings.

use super::settings::{Settings, contains_word};
use crate::clinical::Pathway;

/// Words that turn a diagnosis around ("no glioma"): with one of them the text is not read.
const NEGATIONS: &[&str] = &["no", "not", "without", "never", "exclude", "excluded"];

/// A pathway, or none, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathwayChoice {
    /// The pathway; `None` gives quantities and no verdict.
    pub pathway: Option<Pathway>,
    /// Where it comes from, or why there is none, in words.
    pub because: String,
}

/// The pathway of a participant: as told on the command line, then the table's column, then the diagnosis.
pub fn choose_pathway(
    told: Option<Pathway>,
    column: Option<Pathway>,
    diagnosis: Option<&str>,
    settings: &Settings,
) -> PathwayChoice {
    let choice = |pathway, because: String| PathwayChoice { pathway, because };
    if told.is_some() {
        return choice(told, "from --pathway".to_owned());
    }
    if column.is_some() {
        return choice(column, "from the column pathway".to_owned());
    }
    let Some(diagnosis) = diagnosis else {
        return choice(None, "no column pathway and no diagnosis in the participants table".to_owned());
    };
    let words: Vec<String> =
        diagnosis.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned).collect();
    if let Some(negation) = words.iter().find(|word| NEGATIONS.contains(&word.as_str())) {
        return choice(None, format!("the diagnosis holds {negation:?}: give the pathway in its own column"));
    }
    // METHOD: whole words only ("gliosarcoma" is a glioma, not a sarcoma), and only where one pathway matches: a text
    // that names two ("sarcoma metastasis") is a person's to decide (ours).
    let matches: Vec<(Pathway, &String)> = settings
        .pathways
        .iter()
        .filter_map(|(pathway, known)| {
            words.iter().find(|word| contains_word(known, word)).map(|word| (*pathway, word))
        })
        .collect();
    match matches.as_slice() {
        [(pathway, word)] => choice(Some(*pathway), format!("from {word:?} in the diagnosis")),
        [] => choice(None, "no word of the diagnosis stands in study.pathways of the settings".to_owned()),
        several => {
            let words: Vec<String> = several.iter().map(|(pathway, word)| format!("{word:?} ({pathway})")).collect();
            choice(
                None,
                format!("the diagnosis names several pathways, {}: give one in its column", words.join(" and ")),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(diagnosis: &str) -> Option<Pathway> {
        choose_pathway(None, None, Some(diagnosis), &crate::settings::default_section("study")).pathway
    }

    #[test]
    fn whole_words_of_the_diagnosis_name_the_pathway() {
        assert_eq!(of("Glioblastoma, IDH-wildtype"), Some(Pathway::Glioma));
        assert_eq!(of("diffuse astrocytoma"), Some(Pathway::Glioma));
        assert_eq!(of("gliosarcoma"), Some(Pathway::Glioma));
        assert_eq!(of("brain metastasis (breast)"), Some(Pathway::Metastasis));
        assert_eq!(of("soft-tissue sarcoma"), Some(Pathway::Sarcoma));
        assert_eq!(of("Leiomyosarcoma"), Some(Pathway::Sarcoma));
    }

    #[test]
    fn other_words_two_pathways_and_negations_give_none() {
        for diagnosis in ["meningioma", "metastasis of a sarcoma", "no glioma", "xgliomax", ""] {
            assert_eq!(of(diagnosis), None, "{diagnosis}");
        }
    }

    #[test]
    fn the_command_line_comes_before_the_column_and_the_column_before_the_diagnosis() {
        let settings = crate::settings::default_section("study");
        let choose = |told, column| choose_pathway(told, column, Some("glioma"), &settings).pathway;
        assert_eq!(choose(Some(Pathway::Sarcoma), Some(Pathway::Metastasis)), Some(Pathway::Sarcoma));
        assert_eq!(choose(None, Some(Pathway::Metastasis)), Some(Pathway::Metastasis));
    }
}
