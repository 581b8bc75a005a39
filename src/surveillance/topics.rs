//! What `relight explain` tells of surveillance: the tables and lists of the sarcoma sources, and the schedules.

use super::appropriateness::appropriateness;
use super::profile::profiles;
use crate::verdict::Explanation;

const S0: &str = "S0 (ACR soft-tissue recurrence)";
const S1: &str = "S1 (leiomyosarcoma)";
const S2: &str = "S2 (extent of disease)";
const S3: &str = "S3 (recurrent retroperitoneal sarcoma)";

/// A topic: code, title, text, source.
const TOPICS: [(&str, &str, &str, &str); 9] = [
    (
        "modality_fallback",
        "What takes the place of MRI with contrast",
        "Contrast contraindicated (kidneys, allergy): MRI without contrast is still usually appropriate; CT only where MRI is contraindicated (claustrophobia counts). Metal hardware: MRI with metal-artifact reduction, and CT with contrast where that is still not diagnostic. Retroperitoneum: CT serves as well as MRI, and better for calcified lesions.",
        S0,
    ),
    (
        "baseline",
        "Baseline MRI",
        "Due 3-6 months after the end of treatment. No baseline is the most important pitfall of surveillance.",
        S0,
    ),
    (
        "mimics",
        "What looks like a recurrence",
        "Fibrosis, seroma, hematoma, fat necrosis, muscle atrophy, suture granuloma, myositis-like change. Desmoid, radiation-induced osteosarcoma and angiosarcoma need tissue. A single sequence is not relied on.",
        "S0 (ACR soft-tissue recurrence), S3 (recurrent retroperitoneal sarcoma)",
    ),
    (
        "core_biopsy",
        "Core needle biopsy",
        "Needle of 16 gauge or larger, away from necrotic areas, path planned with the surgeon; a retroperitoneal biopsy does not pass through the peritoneum. Imaging cannot determine grade.",
        S1,
    ),
    (
        "extent_of_disease",
        "Extent of disease at recurrence",
        "Radiograph of the local area, chest radiograph, CT and MRI; for staging chest CT and CT of abdomen and pelvis. Treatment depends on the work-up, the primary treatment, the time elapsed and prior doses; an isolated local recurrence may be resected again. Each study is listed as done or not recorded (column extent_done of the sessions table).",
        S2,
    ),
    (
        "resectability",
        "Resectability",
        "Speaking against: encasement of aorta, superior mesenteric vessels, porta hepatis or major nerve roots; multifocal or distant disease; poor performance. Speaking for: a long disease-free interval, no rupture or piecemeal resection, low grade, one focus. A list, not a score.",
        S3,
    ),
    (
        "nomogram_covariates",
        "Covariates of the nomogram",
        "Age at the second operation, multifocality, histology, grade, completeness of the second operation, chemotherapy and radiotherapy at the first, organs resected at the first. They are listed; no score is given, because the coefficients stand in a figure of the paper that we do not have.",
        S3,
    ),
    (
        "growth_rate",
        "Growth in centimeters a month",
        "Size of the local recurrence over the months since the primary resection; flagged at 1.0 in retroperitoneal liposarcoma only. Growth between two scans is another number and stands apart.",
        S3,
    ),
    (
        "focality",
        "Unifocal, multifocal, outside the field",
        "One tumor; two or more; one or more outside the field of the first (rt_field = outside in the lesion's table). Counted from the lesion masks of the latest visit.",
        S3,
    ),
];

/// Every code that [`explain`] knows.
pub fn codes() -> Vec<&'static str> {
    let mut codes = vec!["appropriateness"];
    codes.extend(TOPICS.iter().map(|(code, ..)| *code));
    codes.extend(profiles().iter().map(|profile| profile.name.as_str()));
    codes
}

/// Explains a topic or a schedule; case does not matter.
pub fn explain(code: &str) -> Option<Explanation> {
    let code = code.trim();
    let is = |known: &str| known.eq_ignore_ascii_case(code);
    if is("appropriateness") {
        let table = appropriateness();
        let rows: Vec<String> = table
            .studies
            .iter()
            .map(|study| {
                let radiation = if study.ionizing { ", ionizing radiation" } else { "" };
                format!("{}: {} ({}{radiation})", study.name, study.rating, study.note)
            })
            .collect();
        return Some(Explanation {
            title: "Which study suits surveillance (appropriateness)".to_owned(),
            text: format!(
                "For: {}. Not for initial staging, primary bone tumors, symptoms at the site (those need a diagnostic work-up, rule T0) or distant disease.\n{}",
                table.scenario,
                rows.join("\n")
            ),
            source: table.source.clone(),
        });
    }
    if let Some((code, title, text, source)) = TOPICS.iter().find(|(known, ..)| is(known)) {
        return Some(Explanation {
            title: format!("{title} ({code})"),
            text: (*text).to_owned(),
            source: (*source).to_owned(),
        });
    }
    let profile = profiles().iter().find(|profile| is(&profile.name))?;
    Some(Explanation {
        title: format!("Schedule {}: {}", profile.name, profile.title),
        text: format!(
            "Counted from the {}. `relight schedule {} --from DATE` lists the visits.",
            profile.start, profile.name
        ),
        source: profile.source.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_explained_with_its_source() {
        for code in codes() {
            let explanation = explain(code).unwrap_or_else(|| panic!("{code} is not explained"));
            assert!(explanation.source.starts_with('S') || explanation.source.contains("INTERVAL-GB"), "{code}");
            assert!(explanation.title.contains(code), "{code}: {}", explanation.title);
            assert!(crate::verdict::explain(code).is_none(), "{code} stands twice");
        }
    }

    #[test]
    fn appropriateness_names_its_scenario() {
        let text = explain("Appropriateness").unwrap().text;
        assert!(text.contains("no symptoms at the primary site") && text.contains("rule T0"), "{text}");
        assert_eq!(text.lines().count(), 6);
    }
}
