//! Cut-offs that know what they are for.
//!
//! A cut-off carries its measure in its type, and so does a value: one can only be compared with the other when both
//! name the same measure. A MET cut-off on a FET ratio does not compile:
//!
//! ```compile_fail
//! use relight::verdict::{Fet, Met, PetCutoff, Reading};
//! fn pole(uptake: Reading<Fet>, cutoff: &PetCutoff<Met>) {
//!     cutoff.bounds().pole(uptake);
//! }
//! ```
//! ```
//! use relight::verdict::{Met, PetCutoff, Reading};
//! fn pole(uptake: Reading<Met>, cutoff: &PetCutoff<Met>) {
//!     cutoff.bounds().pole(uptake);
//! }
//! ```

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::pet::{BackgroundStatistic, SuvKind};

use super::Pole;

/// Normalized, leakage-corrected mean rCBV by DSC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rcbv {}
/// Mean relative CBF by ASL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AslRcbf {}
/// A DCE quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dce {}
/// Uptake of methionine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Met {}
/// Uptake of fluoroethyltyrosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fet {}
/// Uptake of fluoro-DOPA.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fdopa {}
/// Uptake of fluorodeoxyglucose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fdg {}

/// A measured value of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<Of> {
    value: f64,
    of: PhantomData<Of>,
}

impl<Of> Reading<Of> {
    /// A finite value.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self { value, of: PhantomData })
    }
}

/// The two bounds of one kind of measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds<Of> {
    low: f64,
    high: f64,
    of: PhantomData<Of>,
}

impl<Of> Bounds<Of> {
    const fn new(low: f64, high: f64) -> Self {
        Self { low, high, of: PhantomData }
    }

    /// Below it: necrosis.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Above it: recurrence.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Where a value of the same kind stands; strict, so that a value on a bound is grey.
    pub fn pole(&self, reading: Reading<Of>) -> Pole {
        if reading.value > self.high {
            Pole::High
        } else if reading.value < self.low {
            Pole::Low
        } else {
            Pole::Grey
        }
    }
}

impl Bounds<Met> {
    /// A center's single cut-off: equal is grey. It exists for MET alone.
    pub fn single(cutoff: f64) -> Option<Self> {
        (cutoff.is_finite() && cutoff > 0.0).then(|| Self::new(cutoff, cutoff))
    }
}

/// Cut-offs of a perfusion ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Cutoff<Of> {
    low: f64,
    high: f64,
    /// Where the numbers come from.
    pub source: String,
    #[serde(skip)]
    of: PhantomData<Of>,
}

impl<Of> Cutoff<Of> {
    pub(super) fn scale(&mut self, factor: f64) {
        (self.low, self.high) = (self.low * factor, self.high * factor);
    }

    /// The bounds.
    pub fn bounds(&self) -> Bounds<Of> {
        Bounds::new(self.low, self.high)
    }
}

closed_words! {
    /// The column of a PET measure that a cut-off is for.
    pub enum PetStatistic: "PET statistic" {
        /// Largest uptake over the background mean.
        TbrMax = "tbr_max",
        /// Mean uptake over the background mean.
        TbrMean = "tbr_mean",
        /// Peak uptake over the background mean.
        TbrPeak = "tbr_peak",
        /// Largest SUV.
        SuvMax = "suv_max",
        /// Mean SUV.
        SuvMean = "suv_mean",
        /// Peak SUV.
        SuvPeak = "suv_peak",
    }
}

/// Cut-offs of one tracer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct PetCutoff<Of> {
    /// The column that they are for.
    pub statistic: PetStatistic,
    low: f64,
    high: f64,
    /// Which number of the background the ratios are over.
    #[serde(default = "mean_background")]
    pub background: BackgroundStatistic,
    /// What the SUV is normalized by.
    #[serde(default = "by_body_weight")]
    pub suv: SuvKind,
    /// Where the numbers come from.
    pub source: String,
    #[serde(skip)]
    of: PhantomData<Of>,
}

fn mean_background() -> BackgroundStatistic {
    BackgroundStatistic::Mean
}

fn by_body_weight() -> SuvKind {
    SuvKind::BodyWeight
}

impl<Of> PetCutoff<Of> {
    /// In words, why these cut-offs are not for ratios over that background or for SUV of that kind; `None` where they
    /// are.
    pub fn not_for(&self, background: BackgroundStatistic, suv: SuvKind) -> Option<String> {
        let (key, theirs, ours) = match self.statistic {
            PetStatistic::TbrMax | PetStatistic::TbrMean | PetStatistic::TbrPeak => {
                ("background", self.background.as_str(), background.as_str())
            }
            PetStatistic::SuvMax | PetStatistic::SuvMean | PetStatistic::SuvPeak => {
                ("suv", self.suv.as_str(), suv.as_str())
            }
        };
        (theirs != ours).then(|| format!("{key} is {theirs:?}: expected {ours:?}, as [pet] measures it"))
    }

    pub(super) fn scale(&mut self, factor: f64) {
        (self.low, self.high) = (self.low * factor, self.high * factor);
    }

    /// The bounds.
    pub fn bounds(&self) -> Bounds<Of> {
        Bounds::new(self.low, self.high)
    }
}

closed_words! {
    /// The column of a DCE measure that a cut-off is for.
    pub enum DceStatistic: "DCE statistic" {
        /// Volume transfer constant, 1/min.
        KtransMean = "ktrans_mean",
        /// Plasma volume fraction.
        VpMean = "vp_mean",
        /// Extravascular extracellular volume fraction.
        VeMean = "ve_mean",
        /// Initial area under the concentration curve, mM s.
        Iauc60Mean = "iauc60_mean",
    }
}

/// Cut-offs of a DCE quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DceCutoff {
    /// The column that they are for.
    pub statistic: DceStatistic,
    low: f64,
    high: f64,
    /// Where the numbers come from.
    pub source: String,
}

impl DceCutoff {
    pub(super) fn scale(&mut self, factor: f64) {
        (self.low, self.high) = (self.low * factor, self.high * factor);
    }

    /// The bounds.
    pub fn bounds(&self) -> Bounds<Dce> {
        Bounds::new(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_grey_and_the_next_float_is_not() {
        let bounds = Bounds::<Rcbv>::new(1.0, 1.75);
        let pole = |value: f64| bounds.pole(Reading::new(value).unwrap());
        assert_eq!([pole(1.0), pole(1.75)], [Pole::Grey; 2]);
        assert_eq!(pole(1.0_f64.next_down()), Pole::Low);
        assert_eq!(pole(1.75_f64.next_up()), Pole::High);
    }

    #[test]
    fn a_single_cutoff_leaves_only_equality_grey() {
        let bounds = Bounds::<Met>::single(1.4).unwrap();
        let pole = |value: f64| bounds.pole(Reading::new(value).unwrap());
        assert_eq!([pole(1.39), pole(1.4), pole(1.41)], [Pole::Low, Pole::Grey, Pole::High]);
        assert!([0.0, -1.4, f64::NAN, f64::INFINITY].into_iter().all(|cutoff| Bounds::<Met>::single(cutoff).is_none()));
    }

    #[test]
    fn only_finite_values_are_readings() {
        assert!(Reading::<Rcbv>::new(f64::NAN).is_none() && Reading::<Rcbv>::new(f64::INFINITY).is_none());
    }
}
