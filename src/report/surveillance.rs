//! What the surveillance section of a sarcoma page shows: typed values that the pipeline fills and the page prints.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::clinical::ExtentStudy;
use crate::surveillance::{Baseline, End, Focality, Met, Watchful};

/// The surveillance of one sarcoma subject as of a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surveillance {
    /// The day against which "overdue" is told; `None` where no session of the study has a date.
    #[serde(with = "crate::day::optional")]
    pub as_of: Option<Date>,
    /// Tumor grade as the participants table gives it. Imaging cannot determine it.
    pub grade: Option<String>,
    /// Site as the participants table gives it.
    pub site: Option<String>,
    /// Conditions of the surveillance scenario at the latest visit.
    pub guard: Vec<(String, Met)>,
    /// What takes the place of MRI with contrast; empty where nothing stands against it.
    pub fallback: Vec<String>,
    /// Last day of the primary treatment.
    #[serde(with = "crate::day::optional")]
    pub treatment_end: Option<Date>,
    /// The baseline scan, where the end of treatment is known.
    pub baseline: Option<Baseline>,
    /// Schedules that fit, each with both ends of its ranges; never merged.
    pub schedules: Vec<ScheduleRow>,
    /// Labels of the sessions, in the order of the protocol's values.
    pub sessions: Vec<String>,
    /// Protocol of each kind of image over the sessions.
    pub protocol: Vec<ProtocolRow>,
    /// Focality at the latest visit, with the number of lesions.
    pub focality: Option<(Focality, usize)>,
    /// Whether watching with early imaging can be weighed; `None` in outputs of earlier versions.
    #[serde(default)]
    pub watchful: Option<Watchful>,
    /// Growth of each lesion.
    pub growth: Vec<GrowthRow>,
    /// Studies of the extent of disease at the latest visit: done, or not recorded.
    pub extent: Vec<(ExtentStudy, bool)>,
    /// What bears on treatment and resectability: meaning and what is recorded.
    pub resectability: Vec<(String, Option<String>)>,
    /// Covariates of the nomogram: meaning and what is recorded.
    pub covariates: Vec<(String, Option<String>)>,
}

/// One end of one schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRow {
    /// The name on the command line.
    pub name: String,
    /// Where it comes from, with its ranges.
    pub source: String,
    /// Which end of the ranges.
    pub end: End,
    /// How the site is looked at.
    pub modality: String,
    /// The next visit to the site.
    #[serde(with = "crate::day::optional")]
    pub next: Option<Date>,
    /// The next visit to the chest, where the source schedules one for this patient.
    #[serde(with = "crate::day::optional")]
    pub chest: Option<Date>,
    /// Visits to the site whose day has passed without a scan since.
    #[serde(with = "crate::day::several")]
    pub overdue: Vec<Date>,
    /// Studies with ionizing radiation in the whole plan.
    pub ionizing: usize,
}

/// One field of one kind of image over the sessions of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolRow {
    /// Kind of image, such as `DSC`.
    pub image: String,
    /// Field, such as `RepetitionTime`.
    pub field: String,
    /// Its value at each session; `None` where the session has no such image or its sidecar no such field.
    pub values: Vec<Option<String>>,
    /// Whether two sessions that tell it tell it differently.
    pub differs: bool,
}

impl ProtocolRow {
    /// `DSC RepetitionTime: 1.5 s / 2 s`: what differs, for a caveat.
    pub fn words(&self) -> String {
        let values: Vec<&str> = self.values.iter().map(|value| value.as_deref().unwrap_or("not told")).collect();
        format!("{} {}: {}", self.image, self.field, values.join(" / "))
    }
}

/// Growth of one lesion, two numbers that are never mixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrowthRow {
    /// Label of the lesion.
    pub lesion: String,
    /// Longest diameter over the months since the primary resection, cm a month.
    pub since_resection: Option<f64>,
    /// Whether that is flagged.
    pub flagged: bool,
    /// Change of the longest diameter between the last two scans, cm a month.
    pub between_scans: Option<f64>,
}
