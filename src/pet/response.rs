//! Response between two PET studies of one lesion, by rules that stand in the settings.
//!
//! PET RANO 1.0 (Lancet Oncol 2024) for amino-acid tracers, PERCIST (Wahl 2009) for FDG. A rule compares several
//! quantities; where they point to opposite sides the answer is discordance, not a vote.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::settings::SettingsError;
use crate::clinical::Tracer;

closed_words! {
    /// A quantity that a response rule compares.
    pub enum ResponseQuantity: "response quantity" {
        /// Largest uptake over background.
        TbrMax = "tbr_max",
        /// Mean uptake over background.
        TbrMean = "tbr_mean",
        /// Biological tumor volume, mL.
        BtvMl = "btv_ml",
        /// SUV peak by lean body mass, g/mL.
        SulPeak = "sul_peak",
    }
}

/// A change in percent that counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// More than this.
    Above(f64),
    /// This or more.
    AtLeast(f64),
}

impl Limit {
    fn reached(self, percent: f64) -> bool {
        match self {
            Self::Above(limit) => percent > limit,
            Self::AtLeast(limit) => percent >= limit,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::Above(limit) | Self::AtLeast(limit) => limit,
        }
    }
}

/// How much one quantity must change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The quantity.
    pub quantity: ResponseQuantity,
    /// Rise in percent that is progression.
    pub progression: Limit,
    /// Rise in the quantity's own unit that progression must exceed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progression_above_absolute: Option<f64>,
    /// Fall in percent that is response.
    pub response: Limit,
    /// Fall in the quantity's own unit that response must reach too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_at_least_absolute: Option<f64>,
}

/// A rule: progression or response where any of its measures says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseRule {
    /// Name of the criteria.
    pub name: String,
    /// Publication.
    pub source: String,
    /// Tracers that it is for, by the names of the study's tables; no other is judged by it.
    pub tracers: Vec<String>,
    /// Whether the numbers were confirmed against the publication.
    pub confirmed: bool,
    /// What is compared.
    pub measures: Vec<Measure>,
}

/// The quantities of one study; `None` is not measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ResponseValues {
    /// Largest uptake over background.
    pub tbr_max: Option<f64>,
    /// Mean uptake over background.
    pub tbr_mean: Option<f64>,
    /// Biological tumor volume, mL.
    pub btv_ml: Option<f64>,
    /// SUV peak by lean body mass, g/mL.
    pub sul_peak: Option<f64>,
}

impl ResponseValues {
    fn of(&self, quantity: ResponseQuantity) -> Option<f64> {
        match quantity {
            ResponseQuantity::TbrMax => self.tbr_max,
            ResponseQuantity::TbrMean => self.tbr_mean,
            ResponseQuantity::BtvMl => self.btv_ml,
            ResponseQuantity::SulPeak => self.sul_peak,
        }
    }
}

closed_words! {
    /// What a rule says.
    pub enum Response: "PET response" {
        /// Some measure rose past its limit and none fell past it.
        Progression = "progression",
        /// None passed a limit.
        Stable = "stable",
        /// Some measure fell past its limit and none rose past it.
        Response = "response",
        /// Measures passed limits on both sides.
        Discordant = "discordant",
    }
}

/// One measure, compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The quantity.
    pub quantity: ResponseQuantity,
    /// At the earlier study.
    pub before: f64,
    /// At the later study.
    pub now: f64,
    /// Change, percent of the earlier.
    pub percent: f64,
    /// What this measure alone says.
    pub response: Response,
}

/// The answer of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseAnswer {
    /// What the rule says.
    pub response: Response,
    /// Measures that could be compared.
    pub changes: Vec<Change>,
    /// Measures of the rule that are missing in a study.
    pub missing: Vec<ResponseQuantity>,
}

closed_words! {
    /// Which earlier study a study is compared with.
    pub enum Baseline: "baseline" {
        /// The first one after treatment.
        First = "first",
        /// The one before.
        Previous = "previous",
    }
}

/// A study against an earlier one by one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the criteria.
    pub rule: String,
    /// Publication.
    pub source: String,
    /// Whether the rule's numbers were confirmed against it.
    pub confirmed: bool,
    /// Which earlier study.
    pub baseline: Baseline,
    /// Its session.
    pub session: String,
    /// Its date.
    #[serde(with = "crate::day::optional", default)]
    pub date: Option<Date>,
    /// What the rule says.
    pub answer: ResponseAnswer,
    /// Change of the lesion's volume between the same two sessions, %; `None` where one has none.
    pub volume_change_percent: Option<f64>,
}

/// What the rules say of a study against earlier ones with the same tracer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PetResponse {
    /// Rule by rule, the first study before the previous one.
    pub comparisons: Vec<Comparison>,
    /// Where measures, rules, or PET and volume disagree, in words.
    pub discordances: Vec<String>,
    /// What makes the two studies hard to compare, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

impl ResponseRule {
    /// Whether the rule is for a tracer; never for an unknown one.
    pub fn serves(&self, tracer: Option<&Tracer>) -> bool {
        tracer.is_some_and(|tracer| self.tracers.iter().any(|name| Tracer::from_name(name) == *tracer))
    }

    /// Compares two studies with one tracer; `None` where no measure of the rule is there in both.
    pub fn judge(&self, before: &ResponseValues, now: &ResponseValues) -> Option<ResponseAnswer> {
        let (mut changes, mut missing) = (Vec::new(), Vec::new());
        for measure in &self.measures {
            match measure.compare(before.of(measure.quantity), now.of(measure.quantity)) {
                Some(change) => changes.push(change),
                None => missing.push(measure.quantity),
            }
        }
        if changes.is_empty() {
            return None;
        }
        let any = |response| changes.iter().any(|change| change.response == response);
        let response = match (any(Response::Progression), any(Response::Response)) {
            (true, true) => Response::Discordant,
            (true, false) => Response::Progression,
            (false, true) => Response::Response,
            (false, false) => Response::Stable,
        };
        Some(ResponseAnswer { response, changes, missing })
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for measure in &self.measures {
            let limits = [
                Some(measure.progression.value()),
                Some(measure.response.value()),
                measure.progression_above_absolute,
                measure.response_at_least_absolute,
            ];
            for limit in limits.into_iter().flatten() {
                if !(limit.is_finite() && limit >= 0.0) {
                    return Err(SettingsError {
                        key: format!("response {:?} {}", self.name, measure.quantity),
                        found: limit.to_string(),
                        expected: "0 or a number above",
                    });
                }
            }
        }
        let unknown = self.tracers.iter().find(|name| matches!(Tracer::from_name(name), Tracer::Other(_)));
        if self.tracers.is_empty() || unknown.is_some() {
            let key = format!("response {:?} tracers", self.name);
            let found = unknown.map_or_else(|| "empty".to_owned(), |name| format!("{name:?}"));
            return Err(SettingsError { key, found, expected: "MET, FET, FDOPA or FDG, at least one" });
        }
        if self.measures.is_empty() {
            let key = format!("response {:?} measures", self.name);
            return Err(SettingsError { key, found: "empty".into(), expected: "at least one measure" });
        }
        Ok(())
    }
}

impl Measure {
    /// `None` where a value is missing or the earlier one is no measure to compare with (0 or below).
    fn compare(&self, before: Option<f64>, now: Option<f64>) -> Option<Change> {
        let (before, now) = (before?, now?);
        let percent = 100.0 * (now - before) / before;
        if !(before > 0.0 && now >= 0.0 && percent.is_finite()) {
            return None;
        }
        let enough = self.progression_above_absolute.is_none_or(|limit| now - before > limit);
        let fallen = self.response_at_least_absolute.is_none_or(|limit| before - now >= limit);
        let response = if self.progression.reached(percent) && enough {
            Response::Progression
        } else if self.response.reached(-percent) && fallen {
            Response::Response
        } else {
            Response::Stable
        };
        Some(Change { quantity: self.quantity, before, now, percent, response })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pet::settings::Settings;
    use crate::settings::default_section;

    fn rule(name: &str) -> ResponseRule {
        default_section::<Settings>("pet").response.into_iter().find(|rule| rule.name == name).unwrap()
    }

    fn sul(peak: f64) -> ResponseValues {
        ResponseValues { sul_peak: Some(peak), ..Default::default() }
    }

    fn amino(tbr_max: f64, tbr_mean: f64, btv_ml: f64) -> ResponseValues {
        ResponseValues { tbr_max: Some(tbr_max), tbr_mean: Some(tbr_mean), btv_ml: Some(btv_ml), sul_peak: None }
    }

    #[test]
    fn percist_needs_both_the_percentage_and_the_absolute_change() {
        let judge = |before, now| rule("PERCIST").judge(&sul(before), &sul(now)).unwrap().response;
        assert_eq!(judge(4.0, 5.6), Response::Progression); // +40 %, +1.6
        assert_eq!(judge(1.0, 1.5), Response::Stable); // +50 %, +0.5
        assert_eq!(judge(10.0, 12.0), Response::Stable); // +20 %, +2
        assert_eq!(judge(4.0, 2.8), Response::Response); // -30 % belongs
        assert_eq!(judge(4.0, 2.9), Response::Stable);
        assert_eq!(judge(0.295, 0.174), Response::Stable); // -41 %, -0.12: noise of a cold lesion
        assert_eq!(judge(2.0, 1.2), Response::Response); // -40 %, -0.8 belongs
    }

    #[test]
    fn one_measure_past_its_limit_is_enough_and_the_limit_itself_is_stable() {
        let judge = |now| rule("PET RANO 1.0").judge(&amino(2.0, 2.0, 10.0), &now).unwrap().response;
        assert_eq!(judge(amino(2.0, 2.0, 14.0)), Response::Stable); // +40 % exactly
        assert_eq!(judge(amino(2.0, 2.0, 14.5)), Response::Progression);
        assert_eq!(judge(amino(2.0, 1.75, 10.0)), Response::Response);
    }

    #[test]
    fn opposite_measures_are_discordant() {
        let answer = rule("PET RANO 1.0").judge(&amino(2.0, 2.0, 10.0), &amino(3.0, 2.0, 5.0)).unwrap();
        assert_eq!(answer.response, Response::Discordant);
        assert_eq!(answer.changes[0].percent, 50.0);
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_gives_no_answer() {
        let mut now = amino(3.0, 2.0, 10.0);
        now.btv_ml = None;
        let answer = rule("PET RANO 1.0").judge(&amino(2.0, 2.0, 10.0), &now).unwrap();
        assert_eq!(answer.missing, [ResponseQuantity::BtvMl]);
        assert_eq!(rule("PERCIST").judge(&amino(2.0, 2.0, 1.0), &now), None);
        assert_eq!(rule("PERCIST").judge(&sul(0.0), &sul(1.0)), None);
        assert_eq!(rule("PERCIST").judge(&sul(f64::NAN), &sul(1.0)), None);
    }

    #[test]
    fn a_rule_is_for_its_tracers_only() {
        let (rano, percist) = (rule("PET RANO 1.0"), rule("PERCIST"));
        for tracer in [Tracer::Met, Tracer::Fet, Tracer::Fdopa] {
            assert!(rano.serves(Some(&tracer)) && !percist.serves(Some(&tracer)), "{tracer}");
        }
        assert!(!rano.serves(Some(&Tracer::Fdg)) && percist.serves(Some(&Tracer::Fdg)));
        assert!(!rano.serves(None) && !rano.serves(Some(&Tracer::Other("PSMA".into()))));
        let mut wrong = percist;
        wrong.tracers = vec!["GLUCOSE".into()];
        assert!(wrong.check().unwrap_err().to_string().contains("GLUCOSE"));
        wrong.tracers.clear();
        assert!(wrong.check().is_err());
    }

    #[test]
    fn unconfirmed_numbers_are_marked() {
        assert!(!rule("PET RANO 1.0").confirmed);
        assert!(rule("PERCIST").confirmed);
    }
}
