//! The DSC reference object: an analytic two-compartment tissue under a spoiled gradient echo, one curve at a time.
//!
//! Blood passes through a capillary bed with an exponential residue (Meier & Zierler 1954), leaks into the
//! extravascular space (Tofts & Kermode, MRM 1991;17:357) and changes both T2* and T1 of the tissue, as in the
//! leakage simulations of Boxerman, Schmainda, Weisskoff (AJNR 2006;27:859). Nothing here is shared with the analysis.
//!
//! The object tests *relative* CBV and CBF, and MTT: tissue (87 /s per unit of blood volume and mM) and artery
//! (7 /s/mM) have different relaxivities.

use crate::units::{Degrees, Seconds};

/// Fine steps in a frame: the tissue is integrated on a grid of TR/15, and every 15th sample is a frame.
const STEPS_PER_FRAME: usize = 15;
/// Transverse relaxivity of blood in tissue, 1/s per mM and unit of blood volume fraction.
const VASCULAR_RELAXIVITY: f64 = 87.0;
/// Transverse relaxivity in a large artery, 1/s/mM.
const ARTERIAL_RELAXIVITY: f64 = 7.0;
/// Longitudinal relaxivity, 1/s/mM.
const LONGITUDINAL_RELAXIVITY: f64 = 4.5;
/// Plasma fraction of blood (1 - hematocrit), which carries the tracer that leaks.
const PLASMA_FRACTION: f64 = 0.55;
/// T1 of arterial blood, s.
const ARTERIAL_T1: f64 = 1.6;
/// T2* of arterial blood, s.
const ARTERIAL_T2_STAR: f64 = 0.06;
/// Peak of the first passage, mM.
const FIRST_PASS_PEAK: f64 = 6.0;
/// Signal of fully relaxed protons without T2* decay, arbitrary scanner units.
const EQUILIBRIUM_SIGNAL: f64 = 1000.0;

/// How the object is imaged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DscProtocol {
    /// Time between frames.
    pub repetition_time: Seconds,
    /// Echo time; a second echo is a second protocol.
    pub echo_time: Seconds,
    /// Excitation flip angle.
    pub flip_angle: Degrees,
    /// Number of frames.
    pub frames: usize,
}

impl DscProtocol {
    /// The protocol of the published truth table: TR 1.5 s, TE 30 ms, 60°, 90 frames.
    pub const REFERENCE: Self =
        Self { repetition_time: Seconds(1.5), echo_time: Seconds(0.03), flip_angle: Degrees(60.0), frames: 90 };

    fn step(&self) -> f64 {
        self.repetition_time.0 / STEPS_PER_FRAME as f64
    }

    fn steps(&self) -> usize {
        self.frames * STEPS_PER_FRAME
    }
}

closed_words! {
    /// The tissues of the object.
    pub enum DscTissueClass: "tissue class" {
        /// Normal white matter: the reference.
        WhiteMatter = "white_matter",
        /// Normal gray matter.
        GrayMatter = "gray_matter" | "grey_matter",
        /// Cerebrospinal fluid.
        Csf = "csf",
        /// Tumor with an intact blood-brain barrier.
        IntactTumor = "intact_tumor",
        /// Tumor whose leakage shortens T1 above all.
        T1LeakTumor = "t1_leak_tumor",
        /// Tumor whose leakage shortens T2* above all.
        T2StarLeakTumor = "t2_star_leak_tumor",
        /// Radiation necrosis: little blood, leaky.
        Necrosis = "necrosis",
    }
}

/// Leakage into the extravascular extracellular space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leakage {
    /// Volume transfer constant, 1/min.
    pub ktrans_per_min: f64,
    /// Extravascular extracellular volume fraction.
    pub ve: f64,
    /// Transverse relaxivity of leaked tracer, 1/s per mM and unit of `ve`.
    pub relaxivity: f64,
}

/// One tissue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DscTissue {
    /// Blood volume, mL per 100 mL.
    pub cbv: f64,
    /// Blood flow, mL per 100 mL per min.
    pub cbf: f64,
    /// Arrival after the artery.
    pub delay: Seconds,
    /// Time constant of the exponential that disperses the bolus on its way from the artery; 0 where it arrives as it
    /// is (Calamante, Gadian, Connelly, MRM 2000;44:466).
    pub dispersion: Seconds,
    /// Leakage; `None` behind an intact barrier.
    pub leakage: Option<Leakage>,
    /// T1 before contrast.
    pub t1: Seconds,
    /// T2* before contrast.
    pub t2_star: Seconds,
}

const fn intact(cbv: f64, cbf: f64, delay: f64, t1: f64, t2_star: f64) -> DscTissue {
    DscTissue {
        cbv,
        cbf,
        delay: Seconds(delay),
        dispersion: Seconds(0.0),
        leakage: None,
        t1: Seconds(t1),
        t2_star: Seconds(t2_star),
    }
}

const fn leaky(tissue: DscTissue, ktrans_per_min: f64, ve: f64, relaxivity: f64) -> DscTissue {
    DscTissue { leakage: Some(Leakage { ktrans_per_min, ve, relaxivity }), ..tissue }
}

impl DscTissueClass {
    /// The parameters of the class.
    pub const fn tissue(self) -> DscTissue {
        match self {
            Self::WhiteMatter => intact(2.0, 22.0, 0.5, 0.9, 0.048),
            Self::GrayMatter => intact(4.0, 60.0, 0.2, 1.4, 0.052),
            Self::Csf => intact(0.3, 3.0, 1.0, 3.5, 0.12),
            Self::IntactTumor => intact(6.0, 60.0, 0.8, 1.4, 0.06),
            Self::T1LeakTumor => leaky(Self::IntactTumor.tissue(), 0.20, 0.30, 5.0),
            Self::T2StarLeakTumor => leaky(Self::IntactTumor.tissue(), 0.20, 0.30, 45.0),
            Self::Necrosis => leaky(intact(1.0, 10.0, 1.0, 1.5, 0.07), 0.10, 0.25, 10.0),
        }
    }
}

impl DscTissue {
    /// Mean transit time: CBV over CBF.
    pub fn mean_transit_time(&self) -> Seconds {
        Seconds(60.0 * self.cbv / self.cbf)
    }

    /// Signal per frame, noise-free.
    pub fn signal(&self, protocol: &DscProtocol) -> Vec<f64> {
        self.course(protocol).signal
    }

    /// The part of ΔR2* that blood inside vessels causes, 1/s per frame: what a perfect leakage correction returns.
    pub fn vascular_relaxation_rate(&self, protocol: &DscProtocol) -> Vec<f64> {
        self.course(protocol).vascular
    }

    /// The arterial curve after dispersion: `Ca ⊗ e^{-t/τ}/τ`, scaled so that the sum of the kernel is 1.
    fn dispersed(&self, arterial: Vec<f64>, step: f64) -> Vec<f64> {
        let time = self.dispersion.0;
        if time <= 0.0 {
            return arterial;
        }
        let sum = step / (1.0 - (-step / time).exp());
        convolve_exponential(&arterial, 1.0 / time, step).into_iter().map(|value| value / sum).collect()
    }

    fn course(&self, protocol: &DscProtocol) -> Course {
        let step = protocol.step();
        let flow_per_s = self.cbf / 6000.0;
        let blood_fraction = self.cbv / 100.0;
        let arterial: Vec<f64> =
            (0..protocol.steps()).map(|i| arterial_concentration(i as f64 * step - self.delay.0)).collect();
        let arterial = self.dispersed(arterial, step);
        // vb·Cv = f·(Ca ⊗ e^{-t/MTT})
        let blood = convolve_exponential(&arterial, 1.0 / self.mean_transit_time().0, step);
        let leaked = self.leakage.map(|leakage| {
            // Ce = (Ktrans/ve)·[Cv/0.55] ⊗ e^{-(Ktrans/ve)·t}
            let exchange = leakage.ktrans_per_min / 60.0 / leakage.ve;
            let scale = exchange * flow_per_s / (blood_fraction * PLASMA_FRACTION);
            let convolved = convolve_exponential(&blood, exchange, step);
            (leakage, convolved.into_iter().map(|value| scale * value).collect::<Vec<f64>>())
        });
        let mut course = Course::default();
        for frame in 0..protocol.frames {
            let i = frame * STEPS_PER_FRAME;
            let vascular = VASCULAR_RELAXIVITY * flow_per_s * blood[i];
            let (transverse, longitudinal) = match &leaked {
                Some((leakage, concentration)) => (
                    leakage.relaxivity * leakage.ve * concentration[i],
                    LONGITUDINAL_RELAXIVITY * leakage.ve * concentration[i],
                ),
                None => (0.0, 0.0),
            };
            course.vascular.push(vascular);
            course.signal.push(spoiled_gradient_echo(
                1.0 / self.t1.0 + longitudinal,
                1.0 / self.t2_star.0 + vascular + transverse,
                protocol,
            ));
        }
        course
    }
}

#[derive(Default)]
struct Course {
    vascular: Vec<f64>,
    signal: Vec<f64>,
}

/// Noise-free signal of a tissue class, one value per frame.
pub fn signal(class: DscTissueClass, protocol: &DscProtocol) -> Vec<f64> {
    class.tissue().signal(protocol)
}

/// Noise-free signal inside a large artery, one value per frame: no T1 change, ΔR2* of 7 /s/mM.
pub fn artery_signal(protocol: &DscProtocol) -> Vec<f64> {
    (0..protocol.frames)
        .map(|frame| {
            let concentration = arterial_concentration(frame as f64 * protocol.repetition_time.0);
            let transverse = 1.0 / ARTERIAL_T2_STAR + ARTERIAL_RELAXIVITY * concentration;
            spoiled_gradient_echo(1.0 / ARTERIAL_T1, transverse, protocol)
        })
        .collect()
}

/// CBV of a class over CBV of white matter as it can be seen in the scanned time: the trapezoid of the vascular ΔR2*.
///
/// It differs from the ratio of the volumes (GM 2.0234, not 2) because the scan ends before the tracer is gone.
pub fn true_relative_cbv(class: DscTissueClass, protocol: &DscProtocol) -> f64 {
    let area = |class: DscTissueClass| {
        let curve = class.tissue().vascular_relaxation_rate(protocol);
        curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>()
    };
    area(class) / area(DscTissueClass::WhiteMatter)
}

/// Arterial concentration in mM at a time in s: first pass at 30 s, recirculation from 48 s, and a plateau that
/// decays over 300 s.
pub fn arterial_concentration(time: f64) -> f64 {
    let first_pass = FIRST_PASS_PEAK * gamma_variate(time - 30.0, 3.0, 1.5);
    let recirculation = 0.9 * gamma_variate(time - 48.0, 3.0, 4.0);
    let plateau =
        if time > 34.0 { 0.7 * (1.0 - (-(time - 34.0) / 6.0).exp()) * (-(time - 30.0) / 300.0).exp() } else { 0.0 };
    first_pass + recirculation + plateau
}

/// Gamma variate with its peak normalized to 1: `(x/αβ)^α e^{α - x/β}`; 0 before `x = 0`.
fn gamma_variate(x: f64, alpha: f64, beta: f64) -> f64 {
    if x <= 0.0 { 0.0 } else { (x / (alpha * beta)).powf(alpha) * (alpha - x / beta).exp() }
}

/// `values ⊗ e^{-rate·t}` as the rectangular sum `step · Σ_j values_j e^{-rate·(t_i - t_j)}`, `j = 0..=i`.
///
/// METHOD: rectangular with the first sample included, because the published truth table was made so; an exact
/// convolution shifts its third digit.
fn convolve_exponential(values: &[f64], rate: f64, step: f64) -> Vec<f64> {
    let decay = (-rate * step).exp();
    let mut sum = 0.0;
    values
        .iter()
        .map(|value| {
            sum = decay * sum + step * value;
            sum
        })
        .collect()
}

/// Steady-state spoiled gradient echo signal for relaxation rates in 1/s.
fn spoiled_gradient_echo(r1: f64, r2_star: f64, protocol: &DscProtocol) -> f64 {
    let angle = protocol.flip_angle.0.to_radians();
    let recovery = (-protocol.repetition_time.0 * r1).exp();
    EQUILIBRIUM_SIGNAL * angle.sin() * (1.0 - recovery) / (1.0 - angle.cos() * recovery)
        * (-protocol.echo_time.0 * r2_star).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_relative_cbv_is_the_published_one() {
        let rounded = |class| (true_relative_cbv(class, &DscProtocol::REFERENCE) * 1e4).round() / 1e4;
        assert_eq!(rounded(DscTissueClass::GrayMatter), 2.0234);
        assert_eq!(rounded(DscTissueClass::IntactTumor), 2.9855);
        assert_eq!(rounded(DscTissueClass::Necrosis), 0.4971);
    }

    #[test]
    fn the_baseline_is_the_ernst_equation_by_hand() {
        // White matter: 1000 sin 60° (1 - e^{-1.5/0.9}) / (1 - 0.5 e^{-1.5/0.9}) e^{-30/48}
        let e1 = (-1.5f64 / 0.9).exp();
        let expected = 1000.0 * 0.866_025_403_784_438_6 * (1.0 - e1) / (1.0 - 0.5 * e1) * (-0.625f64).exp();
        let signal = signal(DscTissueClass::WhiteMatter, &DscProtocol::REFERENCE);
        assert!((signal[0] - expected).abs() < 1e-9, "{} {expected}", signal[0]);
        assert_eq!(signal.len(), 90);
    }

    #[test]
    fn the_first_pass_peaks_at_6_mm() {
        // α·β = 4.5 s after 30 s the first term is 6; the plateau has begun 0.5 s before.
        let plateau = 0.7 * (1.0 - (-0.5f64 / 6.0).exp()) * (-4.5f64 / 300.0).exp();
        assert!((arterial_concentration(34.5) - 6.0 - plateau).abs() < 1e-12);
        assert_eq!(arterial_concentration(30.0), 0.0);
    }

    #[test]
    fn dispersion_keeps_the_area_and_lowers_the_peak() {
        let sharp = DscTissueClass::GrayMatter.tissue();
        let wide = DscTissue { dispersion: Seconds(3.0), ..sharp };
        let protocol = DscProtocol { frames: 400, ..DscProtocol::REFERENCE };
        let (one, two) = (sharp.vascular_relaxation_rate(&protocol), wide.vascular_relaxation_rate(&protocol));
        let area = |curve: &[f64]| curve.iter().sum::<f64>();
        assert!((area(&two) / area(&one) - 1.0).abs() < 0.01, "{} {}", area(&one), area(&two));
        let peak = |curve: &[f64]| curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(peak(&two) < 0.9 * peak(&one));
    }

    #[test]
    fn a_leaking_tumor_overshoots_its_baseline_and_an_artery_does_not() {
        let leak = signal(DscTissueClass::T1LeakTumor, &DscProtocol::REFERENCE);
        assert!(leak[89] > 1.05 * leak[0]);
        let artery = artery_signal(&DscProtocol::REFERENCE);
        assert!(artery[89] < artery[0]);
        assert!(artery.iter().cloned().fold(f64::INFINITY, f64::min) < 0.4 * artery[0]);
    }
}
