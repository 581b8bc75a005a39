//! PET studies of one lesion over the sessions, by the response rules of the settings.
//!
//! METHOD: a study is compared with the first one after treatment, and with the one before it, only where the tracer is
//! the same: a ratio of one tracer is no ratio of another. Where the measures of a rule, two rules, or PET and the
//! lesion's volume point to different sides, that is told and not voted on.

use super::finished::Finished;
use super::measured::Measured;
use crate::pet::{BackgroundSource, Baseline, Comparison, PetResponse, Response, ResponseAnswer, ResponseQuantity};
use crate::quality::Quality;
use crate::settings::Settings;
use crate::verdict::{Trend, volume_trend};

/// Fills the response of one lesion at each of its sessions, which stand in order of time; what stood there before is
/// forgotten. `untreated` holds the places among `scans` before treatment, which are no baseline; without `matched` it is
/// not known that the sessions show the same lesion, and nothing is compared.
pub fn respond(
    sessions: &mut [Finished],
    scans: &[(usize, usize)],
    matched: bool,
    untreated: &[usize],
    settings: &Settings,
) {
    let responses: Vec<Option<PetResponse>> = (0..scans.len())
        .map(|now| {
            let earlier: Vec<usize> = (0..now)
                .filter(|place| matched && !untreated.contains(place) && !untreated.contains(&now))
                .filter(|&place| comparable(sessions, scans[place], scans[now]))
                .collect();
            let first = *earlier.first()?;
            let previous = earlier.last().copied().filter(|&previous| previous != first);
            let mut response = PetResponse::default();
            for (baseline, before) in [(Baseline::First, Some(first)), (Baseline::Previous, previous)] {
                if let Some(before) = before {
                    let found = compare(sessions, scans[before], scans[now], baseline, settings);
                    response.discordances.extend(discordances(sessions, scans[before], scans[now], &found, settings));
                    if !found.is_empty() {
                        response.doubts.extend(doubts(sessions, scans[before], scans[now], settings));
                    }
                    response.comparisons.extend(found);
                }
            }
            (!response.comparisons.is_empty()).then_some(response)
        })
        .collect();
    for (&(place, row), response) in scans.iter().zip(responses) {
        sessions[place].lesions[row].pet_response = response;
    }
}

/// The same tracer, and two measurements that did not fail: a failed one counts as missing.
fn comparable(sessions: &[Finished], a: (usize, usize), b: (usize, usize)) -> bool {
    let [a, b] = [a, b].map(|(place, row)| &sessions[place].lesions[row]);
    let measured = |lesion: &Measured| lesion.pet.is_some() && lesion.record.pet_quality != Some(Quality::Fail);
    measured(a) && measured(b) && a.record.tracer.is_some() && a.record.tracer == b.record.tracer
}

/// What makes two studies hard to compare: another background, another time after injection, another body measure.
fn doubts(sessions: &[Finished], before: (usize, usize), now: (usize, usize), settings: &Settings) -> Vec<String> {
    let [earlier, later] = [before, now].map(|(place, row)| sessions[place].lesions[row].pet.as_ref());
    let (Some(then), Some(here)) = (earlier, later) else { return Vec::new() };
    let since = sessions[before.0].name();
    let mut words = Vec::new();
    if let (Some(a), Some(b)) = (&then.background, &here.background)
        && (a.source, a.statistic) != (b.source, b.statistic)
    {
        let name = |source: Option<BackgroundSource>| source.map_or("number", BackgroundSource::as_str);
        words.push(format!(
            "The background is another one than at {since} ({} of a {} then, {} of a {} now): ratios differ for that alone.",
            a.statistic,
            name(a.source),
            b.statistic,
            name(b.source)
        ));
    }
    match (then.uptake_time_min, here.uptake_time_min) {
        (Some(a), Some(b)) if (a - b).abs() > settings.pet.response_uptake_time_tolerance_min => {
            words.push(format!(
                "The scan began {b:.0} min after injection, at {since} {a:.0} min: uptake differs for that alone."
            ));
        }
        _ => {}
    }
    if then.suv_kind != here.suv_kind {
        words.push(format!("SUV is normalized otherwise than at {since}."));
    }
    words
}

fn compare(
    sessions: &[Finished],
    before: (usize, usize),
    now: (usize, usize),
    baseline: Baseline,
    settings: &Settings,
) -> Vec<Comparison> {
    let [earlier, later] = [before, now].map(|(place, row)| &sessions[place].lesions[row]);
    let (Some(then), Some(here)) = (&earlier.pet, &later.pet) else { return Vec::new() };
    let volume = earlier.record.volume_ml.zip(later.record.volume_ml);
    let rules = settings.pet.response.iter().filter(|rule| rule.serves(later.record.tracer.as_ref()));
    rules
        .filter_map(|rule| {
            Some(Comparison {
                rule: rule.name.clone(),
                source: rule.source.clone(),
                confirmed: rule.confirmed,
                baseline,
                session: sessions[before.0].name().to_owned(),
                date: sessions[before.0].date,
                answer: rule.judge(&then.response_values, &here.response_values)?,
                volume_change_percent: volume
                    .and_then(|(before, now)| volume_trend(before, now, &settings.verdict))
                    .map(|(_, change)| change),
            })
        })
        .collect()
}

/// Where the measures of a rule, the rules, or PET and the volume disagree.
fn discordances(
    sessions: &[Finished],
    before: (usize, usize),
    now: (usize, usize),
    comparisons: &[Comparison],
    settings: &Settings,
) -> Vec<String> {
    let since = sessions[before.0].name();
    let mut words = Vec::new();
    for comparison in comparisons.iter().filter(|comparison| comparison.answer.response == Response::Discordant) {
        let of = |response| quantities(&comparison.answer, response).join(", ");
        words.push(format!(
            "{}, since {since}: {} for progression, {} for response.",
            comparison.rule,
            of(Response::Progression),
            of(Response::Response)
        ));
    }
    let clear = |comparison: &&Comparison| comparison.answer.response != Response::Discordant;
    for (place, one) in comparisons.iter().enumerate().filter(|(_, one)| clear(one)) {
        for other in comparisons[place + 1..].iter().filter(clear) {
            if one.answer.response != other.answer.response {
                words.push(format!(
                    "Since {since}, {} says {} and {} says {}.",
                    one.rule, one.answer.response, other.rule, other.answer.response
                ));
            }
        }
    }
    let [earlier, later] = [before, now].map(|(place, row)| sessions[place].lesions[row].record.volume_ml);
    let trend = earlier.zip(later).and_then(|(before, now)| volume_trend(before, now, &settings.verdict));
    if let Some((trend, change)) = trend {
        for comparison in comparisons.iter().filter(clear) {
            if trend_of(comparison.answer.response) != Some(trend) {
                words.push(format!(
                    "Since {since}, {} says {} while the lesion\u{2019}s volume is {trend} ({change:+.0} %).",
                    comparison.rule, comparison.answer.response
                ));
            }
        }
    }
    words
}

/// The trend of the volume that goes with a response.
fn trend_of(response: Response) -> Option<Trend> {
    match response {
        Response::Progression => Some(Trend::Larger),
        Response::Stable => Some(Trend::Unchanged),
        Response::Response => Some(Trend::Smaller),
        Response::Discordant => None,
    }
}

/// The measures that say a response, with their change.
fn quantities(answer: &ResponseAnswer, response: Response) -> Vec<String> {
    let says = answer.changes.iter().filter(|change| change.response == response);
    says.map(|change| format!("{} ({:+.0} %)", quantity(change.quantity), change.percent)).collect()
}

fn quantity(quantity: ResponseQuantity) -> &'static str {
    match quantity {
        ResponseQuantity::TbrMax => "TBRmax",
        ResponseQuantity::TbrMean => "TBRmean",
        ResponseQuantity::BtvMl => "PET volume",
        ResponseQuantity::SulPeak => "SULpeak",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::acquisition::PetAcquisition;
    use crate::clinical::Tracer;
    use crate::image::{Affine, Grid, Mask, Volume};
    use crate::lesion::LesionRecord;
    use crate::pet::{Background, PetMeasures, quantify};

    /// A session whose only lesion has this uptake over background, tracer and volume.
    fn session(name: &str, uptake: f32, tracer: Tracer, volume_ml: f64, settings: &Settings) -> Finished {
        let grid = Grid::from_stored([8, 8, 8], Affine::diagonal([5.0; 3], [0.0; 3])).unwrap();
        let image = Volume::filled(grid, uptake);
        let lesion =
            Mask { grid, data: (0..grid.len()).map(|i| grid.voxel(i).iter().all(|x| (2..6).contains(x))).collect() };
        let mut acquisition = PetAcquisition::unknown();
        acquisition.tracer = Some(tracer.clone());
        let result = quantify(&image, &acquisition, Some(&Background::Number(1.0)), &[lesion], &settings.pet).unwrap();
        let measures = PetMeasures::of(&result.lesions[0], &result, &grid, &settings.pet);
        let record = LesionRecord { tracer: Some(tracer), volume_ml: Some(volume_ml), ..Default::default() };
        let lesion = Measured { record, pet: Some(measures), ..Default::default() };
        Finished::in_memory(name, date(2026, 1, 1), vec![lesion])
    }

    fn responses(mut sessions: Vec<Finished>, matched: bool, untreated: &[usize]) -> Vec<Option<PetResponse>> {
        let settings = Settings::load(None).unwrap();
        let scans: Vec<(usize, usize)> = (0..sessions.len()).map(|place| (place, 0)).collect();
        respond(&mut sessions, &scans, matched, untreated, &settings);
        sessions.into_iter().map(|mut session| session.lesions.remove(0).pet_response).collect()
    }

    fn told(response: &PetResponse) -> Vec<(Baseline, &str, Response)> {
        let told = |found: &Comparison| found.answer.response;
        response.comparisons.iter().map(|found| (found.baseline, found.session.as_str(), told(found))).collect()
    }

    #[test]
    fn a_measurement_that_failed_is_compared_with_nothing() {
        let settings = Settings::load(None).unwrap();
        let scan = |name, uptake| session(name, uptake, Tracer::Met, 1.0, &settings);
        let mut sessions = vec![scan("ses-01", 3.0), scan("ses-02", 1.0), scan("ses-03", 1.0)];
        sessions[1].lesions[0].record.pet_quality = Some(Quality::Fail);
        let found = responses(sessions, true, &[]);
        assert_eq!(found[1], None, "the failed one has no response");
        let last = found[2].as_ref().unwrap();
        assert!(last.comparisons.iter().all(|found| found.session == "ses-01"), "and is no baseline");
        assert!(last.doubts.is_empty());
    }

    #[test]
    fn another_background_and_another_uptake_time_are_doubts() {
        let settings = Settings::load(None).unwrap();
        let scan = |name, uptake| session(name, uptake, Tracer::Fdg, 1.0, &settings);
        let mut sessions = vec![scan("ses-01", 3.0), scan("ses-02", 1.0)];
        let change = |session: &mut Finished, edit: fn(&mut crate::pet::PetMeasures)| {
            let pet = session.lesions[0].pet.as_mut().unwrap();
            pet.response_values.sul_peak = Some(4.0);
            edit(pet);
        };
        change(&mut sessions[0], |pet| pet.uptake_time_min = Some(60.0));
        change(&mut sessions[1], |pet| {
            pet.uptake_time_min = Some(76.0);
            pet.background.as_mut().unwrap().source = Some(BackgroundSource::Crescent);
        });
        let doubts = responses(sessions, true, &[]).remove(1).unwrap().doubts;
        assert_eq!(doubts.len(), 2, "{doubts:?}");
        assert!(doubts[0].contains("crescent") && doubts[1].contains("76 min"), "{doubts:?}");
    }

    #[test]
    fn a_study_is_compared_with_the_first_and_the_one_before_with_the_same_tracer() {
        let settings = Settings::load(None).unwrap();
        let make = |name, uptake, tracer| session(name, uptake, tracer, 10.0, &settings);
        let all = || {
            vec![
                make("ses-01", 2.0, Tracer::Met),
                make("ses-02", 2.0, Tracer::Fet),
                make("ses-03", 3.0, Tracer::Met),
                make("ses-04", 2.0, Tracer::Met),
            ]
        };
        let found = responses(all(), true, &[]);
        assert_eq!((&found[0], &found[1]), (&None, &None), "the first of each tracer has nothing before it");
        let third = found[2].as_ref().unwrap();
        assert_eq!(told(third), [(Baseline::First, "ses-01", Response::Progression)]);
        let fourth = found[3].as_ref().unwrap();
        assert_eq!(
            told(fourth),
            [(Baseline::First, "ses-01", Response::Stable), (Baseline::Previous, "ses-03", Response::Response)]
        );
        assert!(responses(all(), false, &[]).iter().all(Option::is_none), "lesions that are not matched");
        let later = responses(all(), true, &[0]);
        assert_eq!(later[2], None, "a scan before treatment is no baseline");
    }

    #[test]
    fn uptake_and_volume_that_disagree_are_told_in_words() {
        let settings = Settings::load(None).unwrap();
        let pair = |uptake, volume| {
            let sessions = vec![
                session("ses-01", 2.0, Tracer::Met, 10.0, &settings),
                session("ses-02", uptake, Tracer::Met, volume, &settings),
            ];
            responses(sessions, true, &[]).remove(1).unwrap()
        };
        let against = pair(3.0, 7.0);
        assert_eq!(against.discordances.len(), 1, "{:?}", against.discordances);
        assert!(against.discordances[0].contains("progression") && against.discordances[0].contains("smaller (-30 %)"));
        assert_eq!(against.comparisons[0].volume_change_percent, Some(-30.0));
        assert!(pair(3.0, 15.0).discordances.is_empty(), "both larger");
        assert!(pair(2.0, 10.0).discordances.is_empty(), "both unchanged");
    }
}
