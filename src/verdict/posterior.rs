//! How probable recurrence is, by likelihood ratios on the odds.
//!
//! `odds = prior / (1 - prior) * product of LR^temper`, one ratio per physiological family (perfusion, uptake,
//! symptoms), because methods of one family share their biology. The posterior describes; the tables decide.

use crate::clinical::{Symptoms, Tracer};
use crate::lesion::LesionRecord;

use super::evidence::{Evidence, PerfusionMethod};
use super::settings::Ratios;
use super::{Class, Pole, Posterior, Settings};

/// The posterior at the default, the lowest and the highest prior, rounded to two digits.
pub(super) fn posterior(
    record: &LesionRecord,
    evidence: &Evidence,
    class: Class,
    before_followup: bool,
    settings: &Settings,
) -> (Posterior, bool) {
    let factor = likelihood_ratio(record, evidence, settings).powf(settings.posterior.temper);
    let probability = |prior: f64| {
        let odds = prior / (1.0 - prior) * factor;
        if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 }
    };
    let prior = prior(record, settings);
    // The band always holds the prior that is used.
    let low = probability(settings.posterior.prior_low.min(prior));
    let high = probability(settings.posterior.prior_high.max(prior));
    let differs = match class {
        Class::Recurrence => high < settings.posterior.recurrence_from,
        Class::RadiationNecrosis => low > settings.posterior.necrosis_to,
        _ => low >= settings.posterior.recurrence_from || high <= settings.posterior.necrosis_to,
    };
    let value = probability(prior);
    let posterior =
        Posterior { value: two_digits(value), low: two_digits(low), high: two_digits(high), prior, before_followup };
    (posterior, differs)
}

/// The share of recurrence before anything is measured: that of the recorded grade where the settings give one, else that
/// of all lesions. Grade and histology change the pre-test probability (S0); no number of a source is built in.
fn prior(record: &LesionRecord, settings: &Settings) -> f64 {
    let by_grade = record.grade.as_deref().and_then(|grade| settings.posterior.prior_by_grade.get(grade.trim()));
    by_grade.copied().unwrap_or(settings.posterior.prior)
}

/// The product of the ratios, one per family.
fn likelihood_ratio(record: &LesionRecord, evidence: &Evidence, settings: &Settings) -> f64 {
    let likelihood = &settings.likelihood;
    let perfusion = match evidence.perfusion_method {
        Some(PerfusionMethod::Dsc) => at(evidence.perfusion, likelihood.dsc),
        Some(PerfusionMethod::Dce) => at(evidence.perfusion, likelihood.dce),
        Some(PerfusionMethod::Asl) => at(evidence.perfusion, likelihood.asl),
        None => 1.0,
    };
    let uptake = match &record.tracer {
        Some(Tracer::Met) => at(evidence.pet, likelihood.met),
        Some(Tracer::Fet) => at(evidence.pet, likelihood.fet),
        Some(Tracer::Fdopa) => at(evidence.pet, likelihood.fdopa),
        Some(Tracer::Fdg) => at(evidence.pet, likelihood.fdg),
        Some(Tracer::Other(_)) | None => 1.0,
    };
    let symptoms = match record.symptoms {
        Some(Symptoms::New) => likelihood.symptoms_new,
        Some(Symptoms::None) => likelihood.symptoms_none,
        Some(Symptoms::Ambiguous | Symptoms::Unknown | Symptoms::NewWithSevereOedema) | None => 1.0,
    };
    perfusion * uptake * symptoms
}

fn at(pole: Pole, ratios: Ratios) -> f64 {
    match pole {
        Pole::High => ratios.high,
        Pole::Grey => ratios.grey,
        Pole::Low => ratios.low,
        Pole::Missing => 1.0,
    }
}

/// Two digits, and never a certainty.
fn two_digits(probability: f64) -> f64 {
    ((probability * 100.0).round() / 100.0).clamp(0.01, 0.99)
}

/// What a repeated scan could have given instead of one rCBV.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestRetest {
    /// Lower end of the 95 % range of the true value.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The range `x (1 ± 1.96 wcv)` for an rCBV x above 0, by the published within-subject variation; `None` elsewhere.
pub fn test_retest(rcbv: f64, settings: &Settings) -> Option<TestRetest> {
    if !(rcbv.is_finite() && rcbv > 0.0) {
        return None;
    }
    let deviation = settings.rcbv_wcv * rcbv;
    Some(TestRetest { low: (rcbv - 1.96 * deviation).max(0.0), high: rcbv + 1.96 * deviation })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        crate::settings::default_section("verdict")
    }

    fn of(rcbv: Option<f64>, met: Option<f64>, symptoms: Symptoms) -> Posterior {
        let record = LesionRecord {
            rcbv_mean: rcbv,
            tracer: Some(Tracer::Met),
            tbr_max: met,
            symptoms: Some(symptoms),
            ..Default::default()
        };
        let settings = settings();
        posterior(&record, &Evidence::read(&record, &settings), Class::Indeterminate, false, &settings).0
    }

    #[test]
    fn key_posteriors_of_the_evidence_page() {
        // By hand, odds 1.5: high/high without symptoms 1.5 * 4 * 4.2 * 0.8 = 20.16, p = 0.953, and so on.
        assert_eq!(of(Some(2.5), Some(2.0), Symptoms::None).value, 0.95);
        assert_eq!(of(Some(2.5), Some(2.0), Symptoms::New).value, 0.98);
        assert_eq!(of(Some(2.5), None, Symptoms::None).value, 0.83);
        assert_eq!(of(Some(2.5), None, Symptoms::None).low, 0.70);
        assert_eq!(of(Some(2.5), None, Symptoms::New).value, 0.92);
        assert_eq!(of(Some(0.5), Some(1.0), Symptoms::None).value, 0.05);
        assert_eq!(of(Some(0.5), Some(1.0), Symptoms::New).value, 0.11);
        assert_eq!(of(Some(2.5), Some(1.0), Symptoms::None).value, 0.49);
        assert_eq!(of(Some(1.5), Some(1.4), Symptoms::New).value, 0.75);
    }

    #[test]
    fn a_grade_with_a_prior_of_its_own_uses_it() {
        let mut defaults: toml::Table = crate::settings::DEFAULTS.parse().unwrap();
        let mut section: toml::Table = defaults.remove("verdict").unwrap().try_into().unwrap();
        let priors: toml::Table = "\"4\" = 0.85".parse().unwrap();
        section["posterior"].as_table_mut().unwrap().insert("prior_by_grade".to_owned(), priors.into());
        let own: Settings = section.try_into().unwrap();
        let of = |grade: Option<&str>, settings: &Settings| {
            let record = LesionRecord { grade: grade.map(str::to_owned), ..Default::default() };
            posterior(&record, &Evidence::read(&record, settings), Class::Indeterminate, false, settings).0
        };
        let four = of(Some("4"), &own);
        assert_eq!((four.prior, four.value, four.low, four.high), (0.85, 0.85, 0.42, 0.85));
        assert_eq!(
            (of(Some("3"), &own).value, of(None, &own).value, of(Some("4"), &settings()).value),
            (0.60, 0.60, 0.60)
        );
    }

    #[test]
    fn without_any_measure_the_posterior_is_the_prior_with_its_band() {
        let posterior = of(None, None, Symptoms::Unknown);
        assert_eq!((posterior.low, posterior.value, posterior.high), (0.42, 0.60, 0.79));
    }

    #[test]
    fn a_grey_value_says_little_at_the_published_repeatability() {
        // EVIDENCE 3.4: at 1.50 and wCV 31 % the 95 % range is 0.59-2.41.
        let doubt = test_retest(1.5, &settings()).unwrap();
        assert!((doubt.low - 0.5886).abs() < 1e-4 && (doubt.high - 2.4114).abs() < 1e-4, "{doubt:?}");
        assert!(test_retest(0.0, &settings()).is_none() && test_retest(f64::NAN, &settings()).is_none());
    }
}
