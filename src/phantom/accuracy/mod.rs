//! How close the program comes to the truth: tables and charts of the DSC reference object, written as a page.
//!
//! Each scenario is imaged by the forward model and measured by the very functions that measure patients. The truth is
//! the vascular part of ΔR2* in the scanned time, over that of white matter; of flow, the residue that the tissue was
//! made with. The same program gives the same page.

mod flow;
mod measure;

use std::fmt::Write;
use std::path::Path;

pub use measure::AccuracyError;
use measure::Scenario;

use super::dsc_curve::{DscProtocol, DscTissue, DscTissueClass, Leakage};
use crate::dataset::write_file;
use crate::dsc::{self, Integration, LeakageModel};
use crate::report::figures::chart::{self, Chart, Line};
use crate::units::{Degrees, Seconds};

/// Voxels of a tissue in a scenario with noise.
const VOXELS: usize = 300;
/// The page and the folder of its charts.
const PAGE: &str = "accuracy.md";
const CHARTS: &str = "accuracy";

/// The page with its charts.
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyPage {
    /// Markdown.
    pub text: String,
    /// Name and SVG of each chart.
    pub charts: Vec<(String, String)>,
}

impl AccuracyPage {
    /// Writes `accuracy.md` and `accuracy/*.svg`.
    pub fn write(&self, folder: &Path) -> Result<(), AccuracyError> {
        write_file(&folder.join(PAGE), self.text.as_bytes())?;
        for (name, drawing) in &self.charts {
            write_file(&folder.join(CHARTS).join(name), drawing.as_bytes())?;
        }
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "\n| {} |", head.join(" | "));
        let rule: Vec<&str> = head.iter().enumerate().map(|(i, _)| if i == 0 { "---" } else { "---:" }).collect();
        let _ = writeln!(self.text, "| {} |", rule.join(" | "));
        for row in rows {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
        self.text.push('\n');
    }

    fn chart(&mut self, name: &str, alt: &str, drawn: &Chart) {
        if let Some(drawing) = chart::svg(drawn) {
            let _ = writeln!(self.text, "![{alt}]({CHARTS}/{name})\n");
            self.charts.push((name.to_owned(), drawing));
        }
    }
}

/// The classes beside white matter, with their names on the page.
const CLASSES: [(&str, DscTissueClass); 5] = [
    ("gray matter", DscTissueClass::GrayMatter),
    ("intact tumor", DscTissueClass::IntactTumor),
    ("T1-leaking tumor", DscTissueClass::T1LeakTumor),
    ("T2*-leaking tumor", DscTissueClass::T2StarLeakTumor),
    ("necrosis", DscTissueClass::Necrosis),
];

/// The leakage models, with their names on the page.
const MODELS: [(&str, LeakageModel); 3] = [
    ("BSW", LeakageModel::Bsw),
    ("bidirectional", LeakageModel::Bidirectional),
    ("gamma variate", LeakageModel::Gamma),
];

/// Makes the page with the given settings.
pub fn accuracy_page(settings: &dsc::Settings) -> Result<AccuracyPage, AccuracyError> {
    let mut page = AccuracyPage { text: String::new(), charts: Vec::new() };
    page.say("# Accuracy of DSC-MRI\n");
    page.say("Made by `relight phantom --accuracy DIR`; a test holds this page against what the command makes.\n");
    page.say(
        "The object is analytic (two compartments under a spoiled gradient echo; equations in `src/phantom/dsc_curve.rs`). \
         Unless said otherwise: TR 1.5 s, TE 30 ms, 60°, 90 frames, no noise, white matter as reference. Truth is the area \
         of the vascular ΔR2* over that of white matter. `–` is not estimated: the program gives no number there.\n",
    );
    classes(&mut page, settings)?;
    protocols(&mut page, settings)?;
    leakage(&mut page, settings)?;
    noise(&mut page, settings)?;
    flow_tables(&mut page, settings)?;
    Ok(page)
}

fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.decimals$}");
    // No negative zero.
    if text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.')) {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

fn with_model(settings: &dsc::Settings, model: LeakageModel) -> dsc::Settings {
    dsc::Settings { leakage: model, ..settings.clone() }
}

/// True rCBV of a tissue in the scanned time of a protocol.
fn truth(tissue: &DscTissue, protocol: &DscProtocol) -> f64 {
    let area = |tissue: &DscTissue| {
        let curve = tissue.vascular_relaxation_rate(protocol);
        curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>()
    };
    area(tissue) / area(&DscTissueClass::WhiteMatter.tissue())
}

fn classes(page: &mut AccuracyPage, settings: &dsc::Settings) -> Result<(), AccuracyError> {
    page.say("## Tissue classes\n");
    page.say(
        "Leakage correction does not fully undo strong leakage, here as in the literature. BSW assumes no backflow; the \
         bidirectional model has it, and is applied where the late signal is off its baseline.",
    );
    let tissues: Vec<DscTissue> = CLASSES.iter().map(|(_, class)| class.tissue()).collect();
    let scenario = Scenario::reference("tissue classes", tissues.clone());
    let bsw = scenario.measure(&with_model(settings, LeakageModel::Bsw))?;
    let both = scenario.measure(&with_model(settings, LeakageModel::Bidirectional))?;
    let gamma = scenario.measure(&with_model(settings, LeakageModel::Gamma))?;
    let window = scenario
        .measure(&dsc::Settings { integration: Integration::Window, ..with_model(settings, LeakageModel::Bsw) })?;
    let first = scenario
        .measure(&dsc::Settings { integration: Integration::FirstPass, ..with_model(settings, LeakageModel::Bsw) })?;
    let coefficient = |map: Option<&Vec<f32>>, place| map.map_or(f64::NAN, |map| bsw.spread(map, place).mean);
    let leakage = bsw.result.leakage.as_ref();
    page.table(
        &[
            "class",
            "truth",
            "uncorrected",
            "BSW",
            "bidirectional",
            "gamma variate",
            "BSW, window",
            "BSW, first pass",
            "K1",
            "K2 1/s",
            "PSR %",
        ],
        CLASSES.iter().enumerate().map(|(place, (name, _))| {
            vec![
                (*name).to_owned(),
                number(truth(&tissues[place], &scenario.protocol), 3),
                number(bsw.uncorrected(place).mean, 3),
                number(bsw.rcbv(place).mean, 3),
                number(both.rcbv(place).mean, 3),
                number(gamma.rcbv(place).mean, 3),
                number(window.rcbv(place).mean, 3),
                number(first.rcbv(place).mean, 3),
                number(coefficient(leakage.map(|maps| &maps.k1), place), 3),
                number(coefficient(leakage.map(|maps| &maps.k2), place), 4),
                number(bsw.spread(&bsw.result.signal_recovery, place).mean, 1),
            ]
        }),
    );
    page.say(&format!(
        "The window is {} s from the bolus arrival. A curve that stays up after its peak has no first passage that ends: it \
         is not estimated.\n",
        settings.integration_window_s
    ));
    Ok(())
}

fn protocols(page: &mut AccuracyPage, settings: &dsc::Settings) -> Result<(), AccuracyError> {
    page.say("## Protocols\n");
    page.say("rCBV by BSW (uncorrected in brackets). Two echoes remove T1 effects before any model is fitted.");
    let tissues: Vec<DscTissue> = CLASSES.iter().map(|(_, class)| class.tissue()).collect();
    let reference = DscProtocol::REFERENCE;
    let step = |time: f64| DscProtocol {
        repetition_time: Seconds(time),
        frames: (135.0 / time).round() as usize,
        ..reference
    };
    let cases = [
        ("reference".to_owned(), reference, None),
        ("TR 1.0 s".to_owned(), step(1.0), None),
        ("TR 2.0 s".to_owned(), step(2.0), None),
        ("TE 20 ms".to_owned(), DscProtocol { echo_time: Seconds(0.020), ..reference }, None),
        ("TE 45 ms".to_owned(), DscProtocol { echo_time: Seconds(0.045), ..reference }, None),
        ("flip angle 30°".to_owned(), DscProtocol { flip_angle: Degrees(30.0), ..reference }, None),
        ("flip angle 90°".to_owned(), DscProtocol { flip_angle: Degrees(90.0), ..reference }, None),
        (
            "two echoes, 10 and 30 ms".to_owned(),
            DscProtocol { echo_time: Seconds(0.010), ..reference },
            Some(Seconds(0.030)),
        ),
    ];
    let mut rows = Vec::new();
    for (name, protocol, second_echo) in cases {
        let scenario = Scenario { protocol, second_echo, ..Scenario::reference(&name, tissues.clone()) };
        let found = scenario.measure(&with_model(settings, LeakageModel::Bsw))?;
        let mut row = vec![name];
        row.extend((0..tissues.len()).map(|place| {
            format!("{} ({})", number(found.rcbv(place).mean, 2), number(found.uncorrected(place).mean, 2))
        }));
        rows.push(row);
    }
    let mut truths = vec!["**truth**".to_owned()];
    truths.extend(tissues.iter().map(|tissue| number(truth(tissue, &reference), 2)));
    rows.insert(0, truths);
    let head: Vec<&str> = std::iter::once("protocol").chain(CLASSES.iter().map(|(name, _)| *name)).collect();
    page.table(&head, rows);
    Ok(())
}

fn leakage(page: &mut AccuracyPage, settings: &dsc::Settings) -> Result<(), AccuracyError> {
    page.say("## Strength of leakage\n");
    page.say("A tumor of CBV 6 mL/100 mL and CBF 60 mL/100 mL/min, ve 0.30, with growing Ktrans.");
    let strengths = [0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3];
    for (title, file, relaxivity) in
        [("T1-leaking", "leakage_t1.svg", 5.0), ("T2*-leaking", "leakage_t2star.svg", 45.0)]
    {
        let tissues: Vec<DscTissue> = strengths
            .iter()
            .map(|&ktrans_per_min| DscTissue {
                leakage: (ktrans_per_min > 0.0).then_some(Leakage { ktrans_per_min, ve: 0.3, relaxivity }),
                ..DscTissueClass::IntactTumor.tissue()
            })
            .collect();
        let scenario = Scenario::reference(title, tissues.clone());
        let mut columns: Vec<(&str, Vec<f64>)> =
            vec![("truth", tissues.iter().map(|tissue| truth(tissue, &scenario.protocol)).collect())];
        for (name, model) in MODELS {
            let found = scenario.measure(&with_model(settings, model))?;
            if columns.len() == 1 {
                columns.push(("uncorrected", (0..tissues.len()).map(|place| found.uncorrected(place).mean).collect()));
            }
            columns.push((name, (0..tissues.len()).map(|place| found.rcbv(place).mean).collect()));
        }
        page.say(&format!("\n{title}:"));
        let head: Vec<&str> = std::iter::once("Ktrans 1/min").chain(columns.iter().map(|(name, _)| *name)).collect();
        page.table(
            &head,
            strengths.iter().enumerate().map(|(place, strength)| {
                std::iter::once(format!("{strength}"))
                    .chain(columns.iter().map(|(_, values)| number(values[place], 2)))
                    .collect()
            }),
        );
        let lines = columns.iter().map(|(name, values)| Line {
            name: (*name).to_owned(),
            points: strengths.iter().copied().zip(values.iter().copied()).collect(),
            truth: *name == "truth",
        });
        page.chart(
            file,
            &format!("rCBV of a {title} tumor over Ktrans: truth, uncorrected and each model"),
            &Chart {
                title: format!("{title} tumor"),
                across: "Ktrans, 1/min".to_owned(),
                up: "rCBV".to_owned(),
                lines: lines.collect(),
            },
        );
    }
    Ok(())
}

fn noise(page: &mut AccuracyPage, settings: &dsc::Settings) -> Result<(), AccuracyError> {
    page.say("## Noise\n");
    page.say(&format!(
        "{VOXELS} voxels of each class with Rician noise; SNR is the white-matter baseline over the standard deviation. Mean ± \
         standard deviation of rCBV (BSW) over voxels, and in brackets the standard error that the program tells of one voxel \
         (fit residual and noise of S0, frames taken as independent, reference taken as exact). Where leakage is strong the \
         residual holds the misfit of the model too, so the error told is above the scatter.",
    ));
    let tissues: Vec<DscTissue> = CLASSES.iter().map(|(_, class)| class.tissue()).collect();
    let mut rows = Vec::new();
    for snr in [20.0, 40.0, 60.0, 120.0] {
        let scenario =
            Scenario { snr: Some(snr), voxels: VOXELS, ..Scenario::reference(&format!("SNR {snr}"), tissues.clone()) };
        let found = scenario.measure(&with_model(settings, LeakageModel::Bsw))?;
        let mut row = vec![format!("{snr}")];
        row.extend((0..tissues.len()).map(|place| {
            let spread = found.rcbv(place);
            format!(
                "{} ± {} ({})",
                number(spread.mean, 2),
                number(spread.deviation, 2),
                number(found.told_error(place), 2)
            )
        }));
        rows.push(row);
    }
    let head: Vec<&str> = std::iter::once("SNR").chain(CLASSES.iter().map(|(name, _)| *name)).collect();
    page.table(&head, rows);
    Ok(())
}

fn flow_tables(page: &mut AccuracyPage, settings: &dsc::Settings) -> Result<(), AccuracyError> {
    page.say("## Flow\n");
    page.say(
        "CBF over the true CBF, CBV 4 mL/100 mL, by deconvolution with the true artery. Every truncated or regularized \
         deconvolution smooths the residue function, whose peak is CBF, so CBF comes out too low: the more, the shorter the \
         transit time against TR. The column *truncation alone* is the known residue reduced to the Fourier bins that cSVD \
         keeps, without any deconvolution: cSVD gives what it must, so the loss is the bias of every truncated \
         deconvolution and not an error of the program. Ratios between tissues of equal \
         transit time are right; absolute CBF is not.",
    );
    let transit = [3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 16.0];
    let reference = DscProtocol::REFERENCE;
    let tissues: Vec<DscTissue> = transit.iter().map(|&mtt| flow::tissue(4.0, mtt, 0.0, 0.0)).collect();
    for (title, snr, file) in [("without noise", None, "flow.svg"), ("SNR 60", Some(60.0), "flow_noise.svg")] {
        let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
        let mut spreads: Vec<Vec<f64>> = Vec::new();
        for method in flow::METHODS {
            let found = flow::flows(reference, snr, &tissues, method, settings)?;
            columns.push((method.0.to_owned(), found.iter().map(|flow| flow.cbf).collect()));
            spreads.push(found.iter().map(|flow| flow.cbf_deviation).collect());
        }
        let expected: Vec<f64> = transit
            .iter()
            .map(|&mtt| flow::truncated_peak(reference, mtt, settings.perfusion.csvd_threshold))
            .collect();
        page.say(&format!("\nTR 1.5 s, {title}:"));
        let head: Vec<&str> = std::iter::once("MTT s")
            .chain(columns.iter().map(|(name, _)| name.as_str()))
            .chain(["truncation alone"])
            .collect();
        page.table(
            &head,
            transit.iter().enumerate().map(|(place, mtt)| {
                std::iter::once(format!("{mtt}"))
                    .chain(columns.iter().zip(&spreads).map(|((_, values), spread)| match snr {
                        Some(_) => format!("{} ± {}", number(values[place], 2), number(spread[place], 2)),
                        None => number(values[place], 2),
                    }))
                    .chain([number(expected[place], 2)])
                    .collect()
            }),
        );
        let mut lines: Vec<Line> = columns
            .iter()
            .map(|(name, values)| Line {
                name: name.clone(),
                points: transit.iter().copied().zip(values.iter().copied()).collect(),
                truth: false,
            })
            .collect();
        lines.insert(
            0,
            Line { name: "truth".to_owned(), points: transit.iter().map(|&mtt| (mtt, 1.0)).collect(), truth: true },
        );
        page.chart(
            file,
            &format!("CBF over true CBF against transit time, {title}"),
            &Chart {
                title: format!("CBF, {title}"),
                across: "mean transit time, s".to_owned(),
                up: "CBF / true CBF".to_owned(),
                lines,
            },
        );
    }
    delays(page, settings)?;
    Ok(())
}

fn delays(page: &mut AccuracyPage, settings: &dsc::Settings) -> Result<(), AccuracyError> {
    let reference = DscProtocol::REFERENCE;
    page.say("\n## Delay and dispersion\n");
    page.say(
        "MTT 4 s, no noise: CBF over true CBF, and Tmax (s) in brackets. oSVD and cSVD do not depend on the delay; \
         sSVD does; Tikhonov chooses its strength anew for each curve, which moves it a little. Dispersion on the way from the artery cannot be \
         told from a longer transit by any deconvolution.",
    );
    let cases: [(&str, Vec<f64>, bool); 2] = [
        ("delay s", vec![-4.5, -3.0, -1.5, 0.0, 1.5, 3.0, 4.5, 6.0], true),
        ("dispersion s", vec![0.0, 1.0, 2.0, 4.0], false),
    ];
    for (name, values, delayed) in cases {
        let tissues: Vec<DscTissue> = values
            .iter()
            .map(|&value| if delayed { flow::tissue(4.0, 4.0, value, 0.0) } else { flow::tissue(4.0, 4.0, 0.0, value) })
            .collect();
        let mut columns = Vec::new();
        for method in flow::METHODS {
            columns.push(flow::flows(reference, None, &tissues, method, settings)?);
        }
        let head: Vec<&str> = std::iter::once(name).chain(flow::METHODS.iter().map(|(name, ..)| *name)).collect();
        page.table(
            &head,
            values.iter().enumerate().map(|(place, value)| {
                std::iter::once(format!("{value}"))
                    .chain(
                        columns
                            .iter()
                            .map(|found| format!("{} ({})", number(found[place].cbf, 2), number(found[place].tmax, 1))),
                    )
                    .collect()
            }),
        );
    }
    Ok(())
}
