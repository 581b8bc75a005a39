//! The measures of the first page: deciding ones on rulers, supporting facts below, plain numbers where nothing is judged.

use maud::{Markup, html};

use super::measures::{cell, finding, number, quality_of};
use super::subject::{Lesion, session};
use crate::clinical::{Pathway, Symptoms, Tracer};
use crate::quality::Quality;
use crate::report::figures::{glyph, ruler};
use crate::report::model::TimePoint;
use crate::report::number::{Shown, percent, shown, value};
use crate::report::words;
use crate::verdict::{Finding, Pole};

/// What a lesion is described by where nothing is judged, in this order.
pub const DESCRIBING: &[&str] = &[
    "volume_ml",
    "longest_diameter_mm",
    "perpendicular_diameter_mm",
    "rcbv_mean",
    "rcbv_enhancing_mean",
    "asl_rcbf_mean",
    "asl_cbf_mean",
    "ktrans_mean",
    "suv_max",
    "suv_peak",
    "suv_mean",
    "tbr_max",
    "btv_ml",
    "tlu",
    "followup_change_percent",
    "growth_cm_per_month",
];

/// Deciding measures on rulers, supporting facts below. What was measured, where nothing is judged or where features
/// other than measures are (sarcoma).
pub fn evidence_table(lesion: &Lesion) -> Markup {
    let verdict = &lesion.latest.verdict;
    let sarcoma = lesion.latest.record.pathway == Some(Pathway::Sarcoma);
    let judged = !verdict.findings.is_empty() || verdict.class.is_some();
    html! {
        @if sarcoma || !judged { div .tblscroll tabindex="0" role="group" aria-label=(words::WHAT_WAS_MEASURED) { (plain_measures(lesion)) } }
        @if judged && (!sarcoma || verdict.findings.iter().any(|finding| finding.value.is_some())) { div .tblscroll tabindex="0" role="group" aria-label=(words::EVIDENCE_CAPTION) { (rulers(lesion)) } }
        @if !lesion.latest.missing.is_empty() {
            p .cap { b { (words::NOT_FOUND) } (lesion.latest.missing.join("; ")) "." }
        }
    }
}

/// Deciding measures on rulers.
fn rulers(lesion: &Lesion) -> Markup {
    let time_point = lesion.latest;
    let verdict = &time_point.verdict;
    let drawn: Vec<ruler::Ruler> = verdict.findings.iter().filter_map(|finding| ruler_of(lesion, finding)).collect();
    html! {
        table .ev {
            caption .sr { (words::EVIDENCE_CAPTION) }
            thead { tr {
                th scope="col" { "Measure" }
                th scope="col" .n { "Value" }
                th scope="col" .rul {
                    @if drawn.is_empty() { "Against cut-offs" } @else {
                        div .zl {
                            @for pole in [Pole::Low, Pole::Grey, Pole::High] {
                                span class=(glyph::pole_style(pole)) { (words::pole(pole, time_point.record.pathway)) }
                            }
                        }
                    }
                }
                th scope="col" { "Reads as" }
            } }
            tbody {
                @for finding in &verdict.findings { (finding_row(lesion, finding)) }
                @for (name, what) in absent_families(time_point) {
                    tr {
                        th scope="row" { (name) small { (what) } }
                        td .n .muted { "–" }
                        td .rul { p .none { (words::NOT_IMPUTED) } }
                        td { span .gl .c-ind { (glyph::pole(Pole::Missing)) "Missing" } }
                    }
                }
            }
            @if time_point.record.pathway != Some(Pathway::Sarcoma) { (supporting(time_point)) }
        }
        (legend(&drawn, time_point))
    }
}

/// Perfusion or PET, where the verdict has no row for it.
pub fn absent_families(time_point: &TimePoint) -> Vec<(&'static str, &'static str)> {
    let has = |starts: &[&str]| {
        time_point.verdict.findings.iter().any(|finding| starts.iter().any(|start| finding.column.starts_with(start)))
    };
    if time_point.record.pathway == Some(Pathway::Sarcoma) {
        return Vec::new();
    }
    let mut absent = Vec::new();
    if !has(&["rcbv", "asl", "ktrans", "ve_", "vp_", "iauc"]) {
        absent.push(("Perfusion", "DSC-, ASL- or DCE-MRI"));
    }
    if !has(&["tbr", "suv"]) {
        absent.push(("PET uptake", "Amino-acid PET, tumor to background"));
    }
    absent
}

/// The ruler of a finding, where it has a value and cut-offs and was used.
pub fn ruler_of<'a>(lesion: &Lesion<'a>, finding: &'a Finding) -> Option<ruler::Ruler<'a>> {
    let (value_now, low, high) = (finding.value?, finding.low?, finding.high?);
    if finding.pole == Pole::Missing || !value_now.is_finite() {
        return None;
    }
    let record = &lesion.latest.record;
    let interval = match finding.column {
        "rcbv_mean" | "rcbv_enhancing_mean" => Some((value(record, "rcbv_ci_low"), value(record, "rcbv_ci_high"))),
        "tbr_mean" => Some((value(record, "tbr_ci_low"), value(record, "tbr_ci_high"))),
        _ => None,
    };
    let test_retest = lesion.latest.test_retest.iter().find(|range| range.column == finding.column);
    Some(ruler::Ruler {
        column: finding.column,
        name: &finding.name,
        value: value_now,
        pole: finding.pole,
        reads: words::pole(finding.pole, record.pathway),
        cutoffs: (low, high),
        interval: interval.and_then(|(from, to)| Some((from?, to?))),
        test_retest: test_retest.map(|range| (range.low, range.high)),
        previous: lesion.previous().and_then(|previous| value(&previous.record, finding.column)),
    })
}

/// One deciding measure.
fn finding_row(lesion: &Lesion, finding: &Finding) -> Markup {
    let time_point = lesion.latest;
    let drawn = ruler_of(lesion, finding);
    let bounds: Vec<f64> = finding.low.into_iter().chain(finding.high).collect();
    let number = finding.value.filter(|value| value.is_finite()).map(|value| shown(finding.column, value, &bounds));
    let interval = drawn.and_then(|ruler| ruler.interval).map(|(from, to)| {
        let text = |value| shown(finding.column, value, &bounds).with_unit();
        format!("{} to {}", text(from), text(to))
    });
    html! {
        tr {
            th scope="row" {
                (finding.name)
                @if number.is_some() { small { (about(time_point, finding.column)) } }
            }
            td .n .big {
                @match &number { Some(number) => { (number.html()) }, None => { span .muted { "–" } } }
                @if let Some(interval) = &interval { small { (interval) } }
            }
            td .rul {
                @match &drawn {
                    Some(ruler) => { (ruler.svg()) },
                    None => { p .none { (why_not_used(time_point, finding)) } },
                }
            }
            td { span class={ "gl " (glyph::pole_style(finding.pole)) } {
                (glyph::pole(finding.pole))
                @if number.is_none() { "Missing" } @else { (words::pole(finding.pole, time_point.record.pathway)) }
            } }
        }
    }
}

/// Why a finding has no ruler.
pub fn why_not_used(time_point: &TimePoint, finding: &Finding) -> &'static str {
    let failed = quality_of(&time_point.record, finding.column) == Some(Quality::Fail);
    match (finding.value.is_some_and(f64::is_finite), failed, finding.low.is_some()) {
        (_, true, _) => words::FAILED_NOT_USED,
        (false, false, _) => words::NOT_IMPUTED,
        (true, false, false) => words::NO_CUTOFF,
        (true, false, true) => words::REPORTED_NOT_USED,
    }
}

/// What a measure is, with the real background for ratios to background.
pub fn about(time_point: &TimePoint, column: &str) -> Markup {
    let tracer = time_point.record.tracer.as_ref().map(|tracer| format!("{tracer}-PET"));
    let of_pet = ["tbr", "suv", "btv", "tlu"].iter().any(|start| column.starts_with(start));
    html! {
        @if of_pet { (tracer.as_deref().unwrap_or(words::TRACER_NOT_RECORDED)) ". " }
        @if column.starts_with("tbr") {
            @match &time_point.background {
                Some(background) => { "Background: " (background) },
                None => (words::BACKGROUND_NOT_RECORDED),
            }
        } @else if column == "tlu" && time_point.record.tracer == Some(Tracer::Fdg) {
            (words::GLYCOLYSIS)
        } @else {
            (words::meaning(column))
            @if let ("btv_ml", Some(rule)) = (column, volume_rule(time_point)) { ": " (rule) }
            @if let (true, Some(uncorrected)) = (column.starts_with("rcbv_"), number(time_point, "rcbv_uncorrected_mean")) {
                ". Uncorrected: " (uncorrected.with_unit())
            }
        }
    }
}

/// The rule that the biological tumor volume is by, in words.
fn volume_rule(time_point: &TimePoint) -> Option<String> {
    Some(time_point.pet.as_ref()?.volumes.first()?.rule.to_string())
}

/// What is support and never decides.
fn supporting(time_point: &TimePoint) -> Markup {
    let record = &time_point.record;
    let shares = (value(record, "ftb_low"), value(record, "ftb_mid"), value(record, "ftb_high"));
    let growth = number(time_point, "followup_change_percent")
        .filter(|_| finding(time_point, "followup_change_percent").is_none());
    let followup_rule = time_point.verdict.rule.is_some_and(|rule| rule.starts_with('F'));
    let (symptom, symptom_meaning) = words::symptoms(record.symptoms);
    html! {
        @if let (Some(growth), true) = (&growth, followup_rule) {
            tbody { (growth_row(time_point, growth, true)) }
        }
        tbody .sup {
            tr .grp { th scope="rowgroup" colspan="4" { (words::SUPPORTING) } }
            @if let (Some(low), Some(middle), Some(high)) = shares {
                tr {
                    th scope="row" { "Fractional tumor burden" small { (words::BURDEN_MEANING) } }
                    td .n .big { (shown("ftb_high", high, &[]).html()) small { "above" } }
                    td .rul { (ruler::burden(low, middle, high)) }
                    td { span .small .muted { "Support" } }
                }
            }
            @if let (Some(growth), false) = (&growth, followup_rule) {
                (growth_row(time_point, growth, false))
            }
            tr {
                th scope="row" { "Symptoms" small { "As recorded for this visit" } }
                td .n .big[record.symptoms.is_some_and(|symptoms| symptoms != Symptoms::Unknown)] .muted[record.symptoms.is_none_or(|symptoms| symptoms == Symptoms::Unknown)] { (symptom) }
                td .rul { p .none { (symptom_meaning) " " (words::SYMPTOMS_ARE_SUPPORT) } }
                td { span .small .muted { "Support" } }
            }
        }
    }
}

/// The change of volume since the index scan.
fn growth_row(time_point: &TimePoint, growth: &Shown, decides: bool) -> Markup {
    html! {
        tr {
            th scope="row" { "Change of volume" small { (words::meaning("followup_change_percent")) } }
            td .n .big { (growth.html()) }
            td .rul { p .none {
                @if let Some(days) = number(time_point, "followup_days") { (days.with_unit()) " after the index scan. " }
                @if decides { (words::GROWTH_DECIDES) } @else { (words::GROWTH_IS_SUPPORT) }
            } }
            td { span .small .muted { @if decides { "Decides" } @else { "Support" } } }
        }
    }
}

/// The marks that the rulers of this page show.
fn legend(rulers: &[ruler::Ruler], time_point: &TimePoint) -> Markup {
    let any = |mark: fn(&ruler::Marks) -> bool| rulers.iter().any(|ruler| mark(&ruler.marks()));
    let sample = |shape: Markup| html! { svg viewBox="0 0 22 11" aria-hidden="true" { (shape) } };
    html! {
        @if !rulers.is_empty() {
            p .lg {
                span { (sample(html! { circle cx="11" cy="5.5" r="5" fill="var(--ink)" {} })) "now" }
                @if any(|marks| marks.previous) {
                    span { (sample(html! {
                        circle cx="11" cy="5.5" r="4" fill="none" stroke="var(--ink2)" stroke-width="1.6" {}
                    })) "previous scan" }
                }
                @if any(|marks| marks.interval) {
                    span { (sample(html! { rect y="4" width="22" height="4" fill="var(--ink)" {} })) "95 % interval, block bootstrap" }
                }
                @if any(|marks| marks.test_retest) {
                    span { (sample(html! { rect y="1" width="22" height="9" fill="var(--ink)" opacity=".15" {} })) "95 % test–retest range"
                        @if let Some(range) = time_point.test_retest.first() {
                            ", within-subject variation " (percent(range.variation))
                        } }
                }
                @if any(|marks| marks.beyond) {
                    span { (sample(html! { path d="M17 5.5 6 0V11Z" fill="var(--ink)" {} })) "beyond the ruler" }
                }
                span { (words::RULERS_ALIGNED) }
            }
        }
    }
}

/// What was measured, as plain numbers and words.
fn plain_measures(lesion: &Lesion) -> Markup {
    let time_point = lesion.latest;
    let record = &time_point.record;
    let measured: Vec<&str> = DESCRIBING
        .iter()
        .copied()
        .filter(|column| value(record, column).is_some() && finding(time_point, column).is_none())
        .collect();
    let described = [
        ("Enhancement curve", record.curve_type.as_deref().map(words::plain)),
        ("Symptoms", record.symptoms.map(|symptoms| words::plain(symptoms.as_str()))),
    ];
    let described: Vec<(&str, String)> = described.into_iter().filter_map(|(name, word)| Some((name, word?))).collect();
    html! {
        table .ev .plain {
            caption .sr { (words::WHAT_WAS_MEASURED) }
            thead { tr {
                th scope="col" { "Measure" }
                th scope="col" .n { "Value" }
                @if let Some(previous) = lesion.previous() { th scope="col" .n { (session(previous)) } }
                th scope="col" { "What it is" }
            } }
            tbody {
                @for column in &measured {
                    tr {
                        th scope="row" { (words::measure(column).name) }
                        td .n .big { (cell(time_point, column)) }
                        @if let Some(previous) = lesion.previous() { td .n { (cell(previous, column)) } }
                        td .small .muted { (about(time_point, column)) }
                    }
                }
                @for (name, word) in &described {
                    tr {
                        th scope="row" { (name) }
                        td .n .big { (word) }
                        @if lesion.previous().is_some() { td {} }
                        td .small .muted { "As recorded for this visit" }
                    }
                }
                @if measured.is_empty() && described.is_empty() { tr { td colspan="4" { (words::NOTHING_MEASURED) } } }
            }
        }
        @if time_point.verdict.class.is_none() { p .cap { (words::NO_RULERS) } }
    }
}
