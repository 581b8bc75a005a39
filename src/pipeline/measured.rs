//! What measuring leaves behind for one lesion: its row, its doubts, and what its page shows; written to disk whole, so
//! that pages and verdicts can be made again without an image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bench::{DynamicNumbers, LabelingNumbers};
use crate::dataset::{Annotation, DatasetError, annotate, holding};
use crate::lesion::{Histogram, LesionRecord, is_missing};
use crate::pet::{PetMeasures, PetResponse};
use crate::quality::{Caveat, Check};
use crate::reanalysis::{Alternative, Stability, judge_again};
use crate::report::model::{
    ArteryFigure, BolusFigure, CurveFigure, Inside, MaskCheck, MotionFigure, Panel, PanelKind, PerfusionDetail,
    TestRetest, TimePoint,
};
use crate::report::viewer::ViewerVolumes;
use crate::verdict::{self, GrowthBand, Verdict, growth_band, judge};

/// A verdict, and how often it stays under other choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// How often it stays; `None` where there is nothing to choose.
    pub stability: Option<Stability>,
    /// The error of the volume, and from where on it has grown.
    pub growth_band: Option<GrowthBand>,
}

/// One lesion at one session, before it is judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The row.
    #[serde(flatten)]
    pub record: LesionRecord,
    /// Doubts, from reading to measuring.
    pub measured_caveats: Vec<Caveat>,
    /// Quality checks of perfusion.
    pub dsc_checks: Vec<Check>,
    /// Quality checks of ASL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asl_checks: Vec<Check>,
    /// Quality checks of DCE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dce_checks: Vec<Check>,
    /// Quality checks of PET.
    pub pet_checks: Vec<Check>,
    /// Numbers of ASL beside its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asl: Option<LabelingNumbers>,
    /// Numbers of DCE beside its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dce: Option<DynamicNumbers>,
    /// Curves with a model's fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<CurveFigure>,
    /// Spread to expect when the unchanged lesion is scanned again.
    pub test_retest: Vec<TestRetest>,
    /// The background of the ratio in words.
    pub background: Option<String>,
    /// What PET says beside the columns.
    #[serde(default)]
    pub pet: Option<PetMeasures>,
    /// What the response rules say against earlier PET studies.
    #[serde(default)]
    pub pet_response: Option<PetResponse>,
    /// What was looked for and not found.
    pub missing: Vec<String>,
    /// What was done, in sentences.
    pub methods: Vec<String>,
    /// What lies inside the lesion.
    #[serde(default)]
    pub inside: Option<Inside>,
    /// The bolus passage.
    pub bolus: Option<BolusFigure>,
    /// The motion of the head during the perfusion series.
    pub motion: Option<MotionFigure>,
    /// How the rCBV values are spread.
    pub rcbv_histogram: Option<Histogram>,
    /// What perfusion says beside the columns.
    #[serde(default)]
    pub perfusion_detail: Option<PerfusionDetail>,
    /// The arterial curve of the flow maps.
    #[serde(default)]
    pub artery: Option<ArteryFigure>,
    /// The deciding numbers under other choices.
    pub alternatives: Vec<Alternative>,
    /// What the tables tell of fields that were told otherwise since, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_by_tables: BTreeMap<String, String>,
    /// Whether the label is only the lesion's place in the order of size, which another session may number otherwise.
    pub numbered: bool,
    /// The film strip; it stands in a file of its own.
    #[serde(skip)]
    pub panels: Vec<Panel>,
    /// Where lesion and reference lie; it stands with the film strip.
    #[serde(skip)]
    pub mask_check: Option<MaskCheck>,
    /// What the viewer shows; it stands in a file of its own.
    #[serde(skip)]
    pub volumes: Option<ViewerVolumes>,
}

/// The pictures of one lesion, as they stand in a file of the session.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pictures {
    /// The film strip.
    pub panels: Vec<Panel>,
    /// Where lesion and reference lie.
    pub mask_check: Option<MaskCheck>,
}

impl Measured {
    /// Sets the columns that were told of the lesion, and keeps what the tables tell of them. The first `applied` of the
    /// annotations are in the row already.
    pub fn tell(&mut self, annotations: &[Annotation], applied: usize) -> Result<(), DatasetError> {
        let label = self.record.lesion.clone();
        let row = self.record.json();
        for annotation in holding(annotations, label.as_deref()) {
            let column = annotation.field.as_str();
            let before = annotations.get(..applied).unwrap_or_default();
            let of_tables = holding(before, label.as_deref()).all(|told| told.field != annotation.field);
            if of_tables && let Some(word) = row.get(column).and_then(serde_json::Value::as_str) {
                self.told_by_tables.insert(column.to_owned(), word.to_owned());
            }
        }
        annotate(&mut self.record, annotations)
            .map_err(|error| DatasetError::Broken { file: "annotations.tsv".to_owned(), problem: error.to_string() })
    }

    /// Where annotations contradict the tables, such as `histology: necrosis told by reader-1, tumor in the tables`.
    pub fn contradictions(&self, annotations: &[Annotation]) -> Vec<String> {
        let row = self.record.json();
        let told_by = |column: &str| {
            let told = holding(annotations, self.record.lesion.as_deref());
            told.filter(|told| told.field.as_str() == column).last()
        };
        let contradiction = |(column, word): (&String, &String)| {
            let last = told_by(column)?;
            let now = row.get(column).and_then(serde_json::Value::as_str).filter(|now| !is_missing(now));
            let words = match now {
                Some(now) if now == word => return None,
                Some(now) => format!("{} told by {}", now.replace('_', " "), last.by),
                None => format!("withdrawn by {}", last.by),
            };
            Some(format!("{}: {words}, {} in the tables", column.replace('_', " "), word.replace('_', " ")))
        };
        self.told_by_tables.iter().filter_map(contradiction).collect()
    }

    /// Judges the lesion, and judges it again under other choices.
    pub fn judge(&self, settings: &verdict::Settings) -> Judged {
        let mut verdict = judge(&self.record, settings);
        let stability = judge_again(&self.record, &verdict, &self.alternatives, settings);
        verdict.stability = stability.as_ref().map(Stability::words);
        Judged { growth_band: growth_band(&self.record, settings), verdict, stability }
    }

    /// What perfusion says beside the columns, with the label of the lesion.
    pub fn details_json(&self) -> Option<serde_json::Value> {
        let mut details = serde_json::to_value(self.perfusion_detail.as_ref()?).ok()?;
        details["lesion"] = serde_json::to_value(&self.record.lesion).ok()?;
        Some(details)
    }

    /// With its verdict, as a page shows it.
    pub fn time_point(&self, judged: Judged, annotations: &[Annotation]) -> TimePoint {
        let Judged { verdict, stability, growth_band } = judged;
        let mut methods = self.methods.clone();
        methods.extend(holding(annotations, self.record.lesion.as_deref()).map(Annotation::words));
        let mut caveats = self.measured_caveats.clone();
        for caveat in &verdict.caveats {
            if !caveats.contains(caveat) {
                caveats.push(caveat.clone());
            }
        }
        TimePoint {
            record: self.record.clone(),
            caveats,
            dsc_checks: self.dsc_checks.clone(),
            asl_checks: self.asl_checks.clone(),
            dce_checks: self.dce_checks.clone(),
            pet_checks: self.pet_checks.clone(),
            curves: self.curves.clone(),
            test_retest: self.test_retest.clone(),
            background: self.background.clone(),
            panels: self.panels.iter().filter(|panel| panel.kind != PanelKind::Artery).cloned().collect(),
            artery_panel: self.panels.iter().find(|panel| panel.kind == PanelKind::Artery).cloned(),
            artery: self.artery.clone(),
            perfusion: self.perfusion_detail.clone(),
            pet: self.pet.clone(),
            inside: self.inside.clone(),
            pet_response: self.pet_response.clone(),
            bolus: self.bolus.clone(),
            motion: self.motion.clone(),
            rcbv_histogram: self.rcbv_histogram.clone(),
            growth_band,
            mask_check: self.mask_check.clone(),
            volumes: self.volumes.clone(),
            missing: self.missing.clone(),
            methods,
            stability,
            verdict,
        }
    }
}
