//! The pages as files: self-contained, escaped, complete, small and quick.

#[path = "pages/sample.rs"]
mod sample;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use relight::lesion::Cell;
use relight::report::html::{study_page, subject_page};
use relight::report::model::{LesionPage, SubjectPage};

/// Largest page of a subject.
const LARGEST_FILE: usize = 5_000_000;

fn pages() -> Vec<(&'static str, String)> {
    let one = |lesion: LesionPage| subject_page(&sample::subject(vec![lesion]));
    vec![
        ("recurrence", one(sample::recurrence())),
        ("necrosis", one(sample::necrosis())),
        ("indeterminate", one(sample::indeterminate())),
        ("followup", one(sample::followed_up())),
        ("sarcoma", subject_page(&sample::sarcoma())),
        ("sarcoma-judged", subject_page(&sample::judged_sarcoma())),
        ("five", subject_page(&sample::five_lesions())),
        ("empty", subject_page(&empty())),
        ("none", subject_page(&sample::subject(Vec::new()))),
        ("study", study_page(&sample::study(44))),
    ]
}

/// Nothing measured, no pictures, no dates.
fn empty() -> SubjectPage {
    let mut lesion = sample::necrosis();
    let time_point = &mut lesion.time_points[0];
    time_point.record =
        relight::lesion::LesionRecord { pathway: Some(relight::clinical::Pathway::Glioma), ..Default::default() };
    time_point.verdict = sample::judged(&time_point.record);
    time_point.panels.clear();
    time_point.bolus = None;
    (time_point.rcbv_histogram, time_point.mask_check, time_point.volumes) = (None, None, None);
    time_point.test_retest.clear();
    SubjectPage { diagnosis: None, radiotherapy: None, radiotherapy_end: None, ..sample::subject(vec![lesion]) }
}

#[test]
fn pages_are_written_where_they_can_be_looked_at() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, page) in pages() {
        assert!(page.len() < LARGEST_FILE, "{name}: {} bytes", page.len());
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
}

#[test]
fn both_risks_stand_beside_an_unsettled_lesion() {
    let page = subject_page(&sample::subject(vec![sample::indeterminate()]));
    assert!(page.contains("aiting may delay") && page.contains("carries its own risk"));
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    for (name, page) in pages() {
        for fetched in ["src=\"http", "href=\"http", "url(http", "@import", "<link", "<iframe", "<script src", "//cdn"]
        {
            assert!(!page.contains(fetched), "{name}: {fetched}");
        }
        assert!(!page.contains("http://") && !page.contains("https://"), "{name}");
    }
}

#[test]
fn scripts_are_comfort_and_without_images_there_is_none() {
    for (name, page) in pages() {
        let expected = !matches!(name, "empty" | "none");
        assert_eq!(page.contains("<script"), expected, "{name}");
    }
    // Without a script the viewer is hidden and words stand in its place; pictures and numbers are there.
    let page = subject_page(&sample::subject(vec![sample::recurrence()]));
    assert!(page.contains("data-viewer hidden") && page.contains("The viewer needs a script"));
    assert!(page.matches("<img").count() > 10);
}

#[test]
fn a_page_may_fetch_nothing() {
    for (name, page) in pages() {
        assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"), "{name}");
    }
}

#[test]
fn the_study_page_compares_with_histology_or_says_why_not() {
    let with = study_page(&sample::study(200)).replace('\u{a0}', " ");
    assert!(with.contains("aria-label=\"ROC curves against histology. Mean rCBV (DSC): area "), "curve");
    assert!(with.contains("Read as recurrence") && with.contains("Read as radiation necrosis"), "whole rule");
    let few = study_page(&sample::study(12));
    assert!(few.contains("at least 10 of each are needed"), "too few patients are told in words");
    let mut none = sample::study(8);
    none.outcomes.clear();
    assert!(study_page(&none).contains("No histology is recorded for any lesion"));
}

#[test]
fn the_data_of_a_viewer_cannot_leave_its_element() {
    let mut page = sample::subject(vec![sample::recurrence()]);
    let time_point = page.lesions[0].time_points.last_mut().unwrap();
    time_point.volumes.as_mut().unwrap().layers[0].title = "</script><b>".into();
    let written = subject_page(&page);
    assert!(!written.contains("</script><b>") && written.contains("\\u003c/script>\\u003cb>"));
}

#[test]
fn evidence_and_quality_hold_their_figures_in_numbers() {
    let page = subject_page(&sample::subject(vec![sample::recurrence()])).replace('\u{a0}', " ");
    assert!(page.contains("aria-label=\"rCBV of 400 voxels: "), "histogram");
    assert!(page.contains("aria-label=\"Volume with its 95 % measurement error: 4 Dec 2025 2.46 mL ("), "growth");
    assert!(page.contains("grown from 5.22 mL on, which is +40 %"), "3.73 mL and 40 %");
    assert_eq!(page.matches("; outlined: lesion, reference, brain.").count(), 8);
    assert!(page.contains("Same window for all sessions"));
}

#[test]
fn input_cannot_become_markup() {
    let attack = "<script>alert(1)</script>\"'&";
    let mut page = sample::subject(vec![sample::recurrence()]);
    page.participant_id = attack.into();
    page.diagnosis = Some(attack.into());
    page.provenance.run_id = attack.into();
    page.provenance.inputs[0].0 = attack.into();
    let time_point = page.lesions[0].time_points.last_mut().unwrap();
    time_point.record.name = Some(attack.into());
    time_point.record.lesion = Some(attack.into());
    time_point.background = Some(attack.into());
    time_point.verdict.explanation = attack.into();
    time_point.panels[0].title = attack.into();
    time_point.caveats[0].detail = attack.into();
    let written = subject_page(&page);
    assert!(!written.contains("<script>alert"));
    assert!(written.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let mut study = sample::study(2);
    study.title = attack.into();
    study.failures[0].1 = attack.into();
    let written = study_page(&study);
    assert_eq!(written.matches("<script").count(), 1);
}

#[test]
fn each_number_carries_the_text_of_the_table() {
    let lesion = sample::recurrence();
    let latest = lesion.time_points.last().unwrap().clone();
    let page = subject_page(&sample::subject(vec![lesion]));
    for (column, cell) in relight::lesion::LesionRecord::COLUMNS.iter().zip(latest.record.cells()) {
        if latest.record.json().get(column.name).is_some_and(serde_json::Value::is_number) {
            assert!(page.contains(&format!("<data value=\"{cell}\">")), "{} {cell}", column.name);
        }
    }
    assert!(page.contains(&format!("<data value=\"{}\">2.13</data>", 2.134_567_f64.write())));
}

#[test]
fn a_value_near_its_cutoff_is_not_rounded_onto_it() {
    let page = subject_page(&sample::subject(vec![sample::indeterminate()]));
    assert!(page.contains(">1.7496</data>"));
    assert!(!page.contains(">1.75</data>"));
}

#[test]
fn a_verdict_stands_with_its_confidence_and_its_rule() {
    let page = subject_page(&sample::subject(vec![sample::recurrence()]));
    assert!(page.contains("<title>sub-014, lesion 1: Recurrence, very high confidence, rule B1</title>"));
    assert!(page.contains("0.98</data> of recurrence (0.96–0.99 over published priors)"));
    assert!(page.contains("Background: contralateral crescent, 14.2 mL"));
    assert!(!page.contains("Favors") && !page.contains("Favours") && !page.contains("Supports"));
}

/// `tbr_ci_*` is the interval of the mean: drawn around the maximum it would be false.
#[test]
fn the_interval_of_a_mean_is_not_drawn_around_a_maximum() {
    let page = subject_page(&sample::subject(vec![sample::recurrence()]));
    assert!(page.contains("Mean rCBV (DSC) 2.13, 95 % interval 1.96 to 2.34, test-retest range 0.84 to 3.43, previous scan 1.52; cut-offs 1.0 and 1.75; reads recurrence"));
    assert!(page.contains("TBRmax (MET-PET) 2.16, previous scan 1.44; cut-offs 1.3 and 1.5; reads recurrence"));
    assert!(page.contains("within-subject variation 31\u{a0}%"));
}

#[test]
fn growth_is_support_until_a_followup_rule_applies() {
    let page = subject_page(&sample::subject(vec![sample::recurrence()]));
    assert!(page.contains("No follow-up rule applied: it is not counted."));
    let page = subject_page(&sample::subject(vec![sample::followed_up()]));
    assert!(page.contains("rule F1</title>"));
    assert!(page.contains("A follow-up rule applied: it decides."));
    assert!(!page.contains("No follow-up rule applied: it is not counted."));
}

#[test]
fn what_is_missing_is_a_row_and_named() {
    let page = subject_page(&sample::subject(vec![sample::necrosis()]));
    assert!(page.contains("Not measured; nothing is imputed."));
    assert!(page.contains("PET (pet/*_trc-*_pet.nii.gz)"));
    let page = subject_page(&empty());
    assert_eq!(page.matches("Not measured; nothing is imputed.").count(), 2);
}

#[test]
fn without_a_pathway_a_lesion_is_measured_and_not_judged() {
    let page = subject_page(&sample::sarcoma());
    assert!(page.contains("Measured, not judged"));
    assert!(page.contains("No cut-offs apply, so there is no ruler and no result."));
    assert!(!page.contains("Recurrence</span>"), "no zones without cut-offs");
    assert!(page.contains("11.93"));
}

#[test]
fn a_sarcoma_is_told_by_its_features() {
    let page = subject_page(&sample::judged_sarcoma());
    assert!(page.contains("Suspected recurrence, high confidence, rule T1"));
    assert!(page.contains(">washout<") && page.contains("+61.7"));
    assert!(!page.contains("BT-RADS") && !page.contains("class=\"zl\""));
}

#[test]
fn every_picture_is_told_in_words() {
    for (name, page) in pages() {
        assert_eq!(page.matches("<img").count(), page.matches(" alt=").count(), "{name}");
        let drawings = page.matches("<svg").count();
        let told = page.matches("role=\"img\"").count() + page.matches("aria-hidden=\"true\"").count();
        assert!(told >= drawings, "{name}: {told} of {drawings}");
    }
    let page = subject_page(&sample::subject(vec![sample::recurrence()]));
    assert!(page.contains("alt=\"rCBV, leakage corrected: mean 2.13, 90th percentile 3.02. Axial slice at z 18.4 mm"));
}

#[test]
fn anchors_exist_and_are_unique() {
    for (name, page) in pages() {
        let values = |attribute: &str| -> Vec<String> {
            page.split(attribute).skip(1).map(|rest| rest[..rest.find('"').unwrap()].to_owned()).collect()
        };
        let ids = values(" id=\"");
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{name}: #{id} twice");
        }
        for target in values("href=\"#") {
            assert!(ids.contains(&target), "{name}: #{target} leads nowhere");
        }
    }
}

#[test]
fn headings_leave_out_no_level() {
    for (name, page) in pages() {
        let levels: Vec<u8> = page
            .match_indices("<h")
            .filter_map(|(at, _)| page[at + 2..].bytes().next())
            .filter(u8::is_ascii_digit)
            .map(|digit| digit - b'0')
            .collect();
        assert_eq!(levels.first(), Some(&1), "{name}");
        assert_eq!(levels.iter().filter(|&&level| level == 1).count(), 1, "{name}");
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name}: {levels:?}");
    }
}

#[test]
fn the_same_values_give_the_same_page() {
    assert_eq!(subject_page(&sample::five_lesions()), subject_page(&sample::five_lesions()));
    assert_eq!(study_page(&sample::study(30)), study_page(&sample::study(30)));
}

#[test]
fn five_lesions_over_three_sessions_fit_and_are_quick() {
    let page = sample::subject((0..5).map(|_| sample::recurrence()).collect());
    let start = Instant::now();
    let written = subject_page(&page);
    let taken = start.elapsed();
    assert!(written.len() < LARGEST_FILE, "{} bytes", written.len());
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    println!("five lesions, three sessions: {} kB in {taken:?}", written.len() / 1000);
}

#[test]
fn a_thousand_lesions_are_quick() {
    let study = sample::study(1000);
    let start = Instant::now();
    let written = study_page(&study);
    let taken = start.elapsed();
    assert_eq!(written.matches("<tr data-result").count(), 1000);
    assert!(written.contains("Order of the table. 120 of 1000 lesions."), "the contact sheet tells what it leaves out");
    // Each lesion that was judged on rCBV is one mark, and each mark has its row.
    let marks = written.split("<use ").skip(1).count();
    assert!(marks > 1000, "{marks}");
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    println!("a thousand lesions: {} kB in {taken:?}", written.len() / 1000);
}

#[test]
fn every_page_is_also_a_tagged_report_on_paper() {
    let one = |lesion: LesionPage| sample::subject(vec![lesion]);
    let subjects = [
        ("recurrence", one(sample::recurrence())),
        ("necrosis", one(sample::necrosis())),
        ("indeterminate", one(sample::indeterminate())),
        ("followup", one(sample::followed_up())),
        ("sarcoma", sample::sarcoma()),
        ("sarcoma-judged", sample::judged_sarcoma()),
        ("five", sample::five_lesions()),
        ("empty", empty()),
        ("none", sample::subject(Vec::new())),
    ];
    for (name, page) in subjects {
        let begin = Instant::now();
        let pdf = relight::report::pdf::subject_pdf(&page).unwrap_or_else(|error| panic!("{name}: {error}"));
        let took = begin.elapsed();
        assert_eq!(pdf, relight::report::pdf::subject_pdf(&page).unwrap(), "{name}: the same bytes");
        assert!(pdf.starts_with(b"%PDF-1.7") && pdf.len() < LARGEST_FILE, "{name}: {} bytes", pdf.len());
        let text: String = pdf.iter().map(|&byte| char::from(byte)).collect();
        assert!(text.contains("/StructTreeRoot") && text.contains("pdfuaid:part"), "{name}");
        assert!(text.matches("/Type/Page/").count() >= page.lesions.len().max(1), "{name}");
        assert!(took < Duration::from_secs(10), "{name}: {took:?}");
        // To be looked at.
        std::fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pdf")), pdf).unwrap();
    }
}
