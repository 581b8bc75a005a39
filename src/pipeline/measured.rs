//! What measuring leaves behind for one lesion: its row, its doubts, and what its page shows; written to disk whole, so
//! that pages and verdicts can be made again without an image.

use serde::{Deserialize, Serialize};

use crate::dataset::{Annotation, holding};
use crate::lesion::LesionRecord;
use crate::pet::{PetMeasures, PetResponse};
use crate::quality::{Caveat, Check};
use crate::reanalysis::{Alternative, Stability, judge_again};
use crate::report::model::{BolusFigure, MotionFigure, Panel, TestRetest, TimePoint};
use crate::verdict::{self, Verdict, judge};

/// A verdict, and how often it stays under other choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// How often it stays; `None` where there is nothing to choose.
    pub stability: Option<Stability>,
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
    /// Quality checks of PET.
    pub pet_checks: Vec<Check>,
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
    /// The bolus passage.
    pub bolus: Option<BolusFigure>,
    /// The motion of the head during the perfusion series.
    pub motion: Option<MotionFigure>,
    /// The deciding numbers under other choices.
    pub alternatives: Vec<Alternative>,
    /// Whether the label is only the lesion's place in the order of size, which another session may number otherwise.
    pub numbered: bool,
    /// The film strip; it stands in a file of its own.
    #[serde(skip)]
    pub panels: Vec<Panel>,
}

impl Measured {
    /// Judges the lesion, and judges it again under other choices.
    pub fn judge(&self, settings: &verdict::Settings) -> Judged {
        let mut verdict = judge(&self.record, settings);
        let stability = judge_again(&self.record, &verdict, &self.alternatives, settings);
        verdict.stability = stability.as_ref().map(Stability::words);
        Judged { verdict, stability }
    }

    /// With its verdict, as a page shows it.
    pub fn time_point(&self, Judged { verdict, stability }: Judged, annotations: &[Annotation]) -> TimePoint {
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
            pet_checks: self.pet_checks.clone(),
            test_retest: self.test_retest.clone(),
            background: self.background.clone(),
            pet: self.pet.clone(),
            pet_response: self.pet_response.clone(),
            panels: self.panels.clone(),
            bolus: self.bolus.clone(),
            motion: self.motion.clone(),
            missing: self.missing.clone(),
            methods,
            stability,
            verdict,
        }
    }
}
