//! DCE against the reference curves of the OSIPI code collection, and ASL against values of asldro.
//!
//! The data stand outside the repository; their folder is named by `RELIGHT_REFERENCE_DATA`. A value passes within
//! `atol + rtol·|reference|`, the tolerances of the collection.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use relight::acquisition::Labeling;
use relight::asl::{Constants, Delay, SeveralDelaysModel};
use relight::dce::{
    Compartment, FitScratch, FitSettings, FlipAngleSet, KineticFit, Kinetics, Model, PlasmaCurve, Population, Quantity,
    RelaxationFit, Settings, SpoiledGradientEcho,
};
use relight::settings::default_section;
use relight::units::{Degrees, Seconds};

/// A cell of a reference table.
struct Cell(String);

impl Cell {
    fn number(&self) -> f64 {
        self.0.trim().parse().expect("a number")
    }

    /// Numbers in one cell, between spaces.
    fn numbers(&self) -> Vec<f64> {
        self.0.split_whitespace().map(|text| text.parse().expect("a number")).collect()
    }
}

type Row = BTreeMap<String, Cell>;

/// The rows of a table; `None`, told on the output, where the data are absent.
fn rows(table: &str) -> Option<Vec<Row>> {
    let folder = std::env::var_os("RELIGHT_REFERENCE_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    let Some(folder) = folder else {
        println!("skipped: no reference data");
        return None;
    };
    let text = fs::read_to_string(folder.join(table)).expect("a reference table");
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let row = |cells: Vec<&str>| {
        header.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), Cell(cell.to_owned()))).collect()
    };
    Some(lines.map(row).collect())
}

fn near(found: f64, reference: f64, atol: f64, rtol: f64) -> bool {
    (found - reference).abs() <= atol + rtol * reference.abs()
}

fn settings() -> FitSettings {
    default_section::<Settings>("dce").fit
}

/// The columns of one family of reference curves.
struct Family {
    file: &'static str,
    model: Model,
    tissue: &'static str,
    plasma: &'static str,
    /// Column, quantity, tolerances.
    checked: &'static [(&'static str, Quantity, f64, f64)],
}

const TOFTS: Family = Family {
    file: "dce/dce_DRO_data_tofts.csv",
    model: Model::Tofts,
    tissue: "C",
    plasma: "ca",
    checked: &[("Ktrans", Quantity::Exchange, 0.005, 0.1), ("ve", Quantity::InterstitialVolume, 0.05, 0.0)],
};
const EXTENDED: Family = Family {
    file: "dce/dce_DRO_data_extended_tofts.csv",
    model: Model::ExtendedTofts,
    tissue: "C",
    plasma: "ca",
    checked: &[
        ("Ktrans", Quantity::Exchange, 0.005, 0.1),
        ("ve", Quantity::InterstitialVolume, 0.05, 0.0),
        ("vp", Quantity::PlasmaVolume, 0.025, 0.0),
    ],
};
const PATLAK: Family = Family {
    file: "dce/patlak_sd_0.02_delay_0.csv",
    model: Model::Patlak,
    tissue: "C_t",
    plasma: "cp_aif",
    checked: &[("ps", Quantity::Exchange, 0.005, 0.1), ("vp", Quantity::PlasmaVolume, 0.025, 0.0)],
};
const UPTAKE: Family = Family {
    file: "dce/2cum_sd_0.0025_delay_0.csv",
    model: Model::Uptake,
    tissue: "C_t",
    plasma: "cp_aif",
    checked: &[
        ("fp", Quantity::PlasmaFlow, 5.0, 0.1),
        ("ps", Quantity::Exchange, 0.005, 0.1),
        ("vp", Quantity::PlasmaVolume, 0.025, 0.0),
    ],
};
const EXCHANGE: Family = Family {
    file: "dce/2cxm_sd_0.001_delay_0.csv",
    model: Model::Exchange,
    tissue: "C_t",
    plasma: "cp_aif",
    checked: &[
        ("fp", Quantity::PlasmaFlow, 5.0, 0.1),
        ("ps", Quantity::Exchange, 0.005, 0.1),
        ("ve", Quantity::InterstitialVolume, 0.05, 0.0),
        ("vp", Quantity::PlasmaVolume, 0.025, 0.0),
    ],
};

/// Every row of a family agrees, with the tissue made late by `shift` frames and the delay fitted where it is not 0.
fn agreeing(family: &Family, expected: usize, shift: usize) {
    agreeing_but(family, expected, shift, &[]);
}

/// Every row agrees but those named, which must lie within two standard errors instead.
fn agreeing_but(family: &Family, expected: usize, shift: usize, uncertain: &[&str]) {
    let Some(rows) = rows(family.file) else { return };
    assert_eq!(rows.len(), expected, "{}", family.file);
    let mut scratch = FitScratch::default();
    let mut wrong = Vec::new();
    for row in &rows {
        let (times, plasma) = (row["t"].numbers(), row[family.plasma].numbers());
        let mut tissue = row[family.tissue].numbers();
        tissue.rotate_right(shift);
        tissue[..shift].fill(0.0);
        let delay = shift as f64 * (times[1] - times[0]);
        let plasma = PlasmaCurve::new(&times, &plasma, Compartment::Plasma).expect("a plasma curve");
        let kinetics = Kinetics::new(family.model, &plasma, &times, shift > 0, &settings()).expect("frame times");
        let fit: KineticFit = kinetics.fit(&tissue, &mut scratch);
        let mut agrees = family.checked.iter().all(|&(column, quantity, atol, rtol)| {
            let (found, reference) = (fit.value(quantity), row[column].number());
            if uncertain.contains(&row["label"].0.as_str()) {
                near(found, reference, 2.0 * fit.error(quantity), 0.0)
            } else {
                near(found, reference, atol, rtol)
            }
        });
        agrees &= shift == 0 || near(fit.value(Quantity::Delay), delay, 1.0, 0.0);
        if !agrees {
            let truth: Vec<String> =
                family.checked.iter().map(|(column, ..)| format!("{column} {}", row[*column].0)).collect();
            wrong.push(format!("{} ({}): {fit:?}", row["label"].0, truth.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {expected} disagree:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn tofts_agrees_with_25_of_25() {
    agreeing(&TOFTS, 25, 0);
}

#[test]
fn tofts_with_a_delay_of_5_s_agrees_with_25_of_25() {
    agreeing(&TOFTS, 25, 10);
}

#[test]
fn extended_tofts_agrees_with_15_of_15() {
    agreeing(&EXTENDED, 15, 0);
}

#[test]
fn extended_tofts_with_a_delay_of_5_s_agrees_with_15_of_15() {
    agreeing(&EXTENDED, 15, 5);
}

#[test]
fn patlak_agrees_with_9_of_9() {
    agreeing(&PATLAK, 9, 0);
}

#[test]
fn patlak_with_a_delay_of_5_s_agrees_with_9_of_9() {
    agreeing(&PATLAK, 9, 10);
}

#[test]
fn two_compartment_uptake_agrees_with_27_of_27() {
    agreeing(&UPTAKE, 27, 0);
}

#[test]
fn two_compartment_uptake_with_a_delay_of_5_s_agrees_with_27_of_27() {
    agreeing(&UPTAKE, 27, 10);
}

#[test]
fn two_compartment_exchange_agrees_with_24_of_24() {
    agreeing(&EXCHANGE, 24, 0);
}

/// The noise of one curve leaves PS at 0.178 ± 0.020 /min (truth 0.15) once the delay is free too.
#[test]
fn two_compartment_exchange_with_a_delay_of_5_s_agrees_with_23_of_24_and_the_other_within_two_errors() {
    agreeing_but(&EXCHANGE, 24, 10, &["case_14"]);
}

/// What is left with the delay free is nowhere more than with the true delay given: the one that disagrees above is moved
/// by its noise, and not by a search that stopped at a worse place.
#[test]
fn two_compartment_exchange_with_a_free_delay_leaves_no_more_than_with_the_true_one() {
    let Some(rows) = rows(EXCHANGE.file) else { return };
    let late = |values: Vec<f64>| {
        let mut values = values;
        values.rotate_right(10);
        values[..10].fill(0.0);
        values
    };
    let mut scratch = FitScratch::default();
    for row in &rows {
        let (times, plasma) = (row["t"].numbers(), row[EXCHANGE.plasma].numbers());
        let tissue = late(row[EXCHANGE.tissue].numbers());
        let squares = |plasma: &[f64], free: bool, scratch: &mut FitScratch| {
            let plasma = PlasmaCurve::new(&times, plasma, Compartment::Plasma).expect("a plasma curve");
            let kinetics = Kinetics::new(EXCHANGE.model, &plasma, &times, free, &settings()).expect("frame times");
            let fit = kinetics.fit(&tissue, scratch);
            let left = kinetics.curve(&fit.values);
            left.iter().zip(&tissue).map(|(model, value)| (model - value).powi(2)).sum::<f64>()
        };
        let (free, given) = (squares(&plasma, true, &mut scratch), squares(&late(plasma.clone()), false, &mut scratch));
        assert!(free <= given * (1.0 + 1e-6), "{}: {free:e} with the delay free, {given:e} given", row["label"].0);
    }
}

#[test]
fn concentrations_agree_with_5_of_5_signal_curves() {
    let Some(rows) = rows("dce/SI2Conc_data.csv") else { return };
    assert_eq!(rows.len(), 5);
    for row in rows {
        let echo = SpoiledGradientEcho::new(Degrees(row["FA"].number()), Seconds(row["TR"].number())).unwrap();
        let (signal, expected) = (row["s"].numbers(), row["conc"].numbers());
        // The collection leaves the first frame out of the baseline.
        let baseline = &signal[1..row["numbaselinepts"].number() as usize];
        let baseline = baseline.iter().sum::<f64>() / baseline.len() as f64;
        let conversion = echo.conversion(baseline, 1.0 / row["T1base"].number(), row["r1"].number()).unwrap();
        assert_eq!(signal.len(), expected.len());
        for (signal, expected) in signal.iter().zip(expected) {
            let found = conversion.concentration(*signal).unwrap();
            assert!(near(found, expected, 1e-5, 1e-5), "{}: {found} {expected}", row["label"].0);
        }
    }
}

#[test]
fn t1_agrees_with_76_of_76_brain_voxels_by_both_fits() {
    let Some(rows) = rows("dce/t1_brain_data.csv") else { return };
    assert_eq!(rows.len(), 76);
    for how in [RelaxationFit::Linear, RelaxationFit::Nonlinear] {
        for row in &rows {
            let angles: Vec<Degrees> = row["FA"].numbers().into_iter().map(Degrees).collect();
            let times: Vec<Seconds> = row["TR"].numbers().into_iter().map(Seconds).collect();
            let set = FlipAngleSet::new(&angles, &times).unwrap();
            let found = set.fit(&row["s"].numbers(), 1.0, how).expect("a T1");
            let expected = row["R1"].number();
            assert!(near(found.rate, expected, 0.05, 0.05), "{} {how}: {} {expected}", row["label"].0, found.rate);
        }
    }
}

#[test]
fn parker_agrees_at_every_time_of_every_variant() {
    let Some(rows) = rows("dce/ParkerAIF_ref.csv") else { return };
    assert!(rows.len() > 1000);
    for row in rows {
        let found = Population::Parker.blood_concentration(60.0 * row["time"].number() - row["delay"].number());
        assert!(near(found, row["Cb"].number(), 1e-4, 1e-2), "{} {}: {found}", row["label"].0, row["time"].0);
    }
}

#[test]
fn differences_and_white_paper_flow_agree_with_asldro() {
    let Some(rows) = rows("asl/gkm_oracle.csv") else { return };
    assert_eq!(rows.len(), 230);
    for row in rows {
        let number = |column: &str| row[column].number();
        let labeling: Labeling = row["label_type"].0.parse().unwrap();
        let constants = Constants {
            labeling,
            blood_t1: number("t1_blood_s"),
            tissue_t1: number("t1_tissue_s"),
            partition_coefficient: number("lambda"),
            efficiency: number("alpha"),
        };
        let delay = Delay { signal_time: number("signal_time_s"), bolus: number("tau_s") };
        let (cbf, att, m0) = (number("cbf_ml_100g_min"), number("att_s"), number("m0"));
        let difference = m0 * constants.difference(SeveralDelaysModel::General, cbf, att, delay);
        let expected = number("delta_m");
        assert!(near(difference, expected, 1e-12, 1e-9), "{labeling} {cbf} {att} {delay:?}: {difference} {expected}");
        let (flow, expected) = (constants.white_paper_cbf(expected / m0, delay), number("cbf_whitepaper"));
        assert!(near(flow, expected, 1e-12, 1e-9), "{labeling} {cbf} {att} {delay:?}: {flow} {expected}");
    }
}
