//! A schedule as its source tells it.

use std::sync::LazyLock;

use serde::Deserialize;

use super::ScheduleError;

closed_words! {
    /// What a visit looks at.
    pub enum TrackName: "track" {
        /// The site of the tumor.
        Local = "local",
        /// The lungs.
        Chest = "chest",
    }
}

closed_words! {
    /// When a track applies, where it does not always.
    pub enum Condition: "condition of a track" {
        /// With an interval of one's own, because the source gives none.
        Interval = "interval",
        /// For leiomyosarcoma and undifferentiated pleomorphic sarcoma.
        Histology = "histology",
    }
}

closed_words! {
    /// What the numbers of a schedule count.
    pub enum Unit: "unit of a schedule" {
        /// Calendar months.
        Months = "months",
        /// Weeks.
        Weeks = "weeks",
    }
}

/// A stretch of equal intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    /// Interval; `None` where the source leaves it to the user.
    pub every: Option<u32>,
    /// Last month (week) of the phase, from the start of the schedule; `None` runs to the horizon.
    pub until: Option<u32>,
}

/// One track of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// What it looks at.
    pub name: TrackName,
    /// How.
    pub modality: String,
    /// Whether the study uses ionizing radiation.
    pub ionizing: bool,
    /// When it applies, where it does not always.
    pub only: Option<Condition>,
    pub(super) tight: Vec<Phase>,
    pub(super) loose: Vec<Phase>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name on the command line.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// Where it comes from, with the ranges as told there.
    pub source: String,
    /// What its numbers count.
    pub unit: Unit,
    /// The day it counts from.
    pub start: String,
    /// Years it runs by default; `None` where its phases end by themselves.
    pub years: Option<u32>,
    /// Fewest years that the source allows.
    pub least_years: Option<u32>,
    /// Its tracks.
    #[serde(rename = "track")]
    pub tracks: Vec<Track>,
}

impl Profile {
    /// Whether the chest is looked at without being asked for: the source gives the interval, and the diagnosis is one
    /// that the track is for.
    pub fn chest_applies(&self, diagnosis: Option<&str>) -> bool {
        let words = diagnosis.unwrap_or_default().to_lowercase();
        let histology = words.contains("leiomyosarcoma") || words.contains("undifferentiated pleomorphic");
        self.tracks.iter().filter(|track| track.name == TrackName::Chest).any(|track| match track.only {
            None => true,
            Some(Condition::Histology) => histology,
            Some(Condition::Interval) => false,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profiles {
    profile: Vec<Profile>,
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    let profiles: Profiles = toml::from_str(include_str!("profiles.toml")).expect("the embedded profiles are whole");
    profiles.profile
});

/// Every schedule.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// A schedule by its name; an unknown name is an error that lists the names.
pub fn find(name: &str) -> Result<&'static Profile, ScheduleError> {
    profiles().iter().find(|profile| profile.name.eq_ignore_ascii_case(name.trim())).ok_or_else(|| {
        ScheduleError::UnknownProfile {
            found: name.to_owned(),
            expected: profiles().iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>().join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chest_follows_the_histology() {
        let applies = |name: &str, diagnosis| find(name).unwrap().chest_applies(diagnosis);
        assert!(applies("rps", Some("Leiomyosarcoma")) && applies("rps", Some("undifferentiated pleomorphic sarcoma")));
        assert!(!applies("rps", Some("liposarcoma")) && !applies("rps", None));
        assert!(applies("esmo-sts-high", None) && !applies("esmo-sts-low", None) && !applies("nccn-sts", None));
    }
}
