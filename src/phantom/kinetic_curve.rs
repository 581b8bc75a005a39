//! ASL differences and DCE signals of one tissue, by numeric integration. Nothing here is shared with the analysis.
//!
//! ASL: Buxton RB et al., MRM 1998;40:383, eq. 1, the convolution itself and not its closed forms. DCE: extended Tofts
//! (Tofts PS, J Magn Reson Imaging 1997;7:91) with the arterial curve of Parker GJM et al., MRM 2006;56:993.

/// Integration steps, s.
const ASL_STEP: f64 = 5e-4;
const DCE_STEP: f64 = 0.05;

/// A tissue under ASL and DCE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KineticTissue {
    /// Equilibrium signal, scanner units.
    pub m0: f64,
    /// Blood flow, mL/100g/min.
    pub cbf: f64,
    /// Arterial transit time, s.
    pub att: f64,
    /// T1 before contrast, s.
    pub t1: f64,
    /// Volume transfer constant, 1/min.
    pub ktrans: f64,
    /// Extravascular extracellular volume fraction.
    pub ve: f64,
    /// Plasma volume fraction.
    pub vp: f64,
}

/// How label is made and lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelingProtocol {
    /// Labeling duration, s.
    pub duration: f64,
    /// Labeling efficiency.
    pub efficiency: f64,
    /// T1 of blood, s.
    pub blood_t1: f64,
    /// T1 of tissue in which label decays, s.
    pub tissue_t1: f64,
    /// Blood-brain partition coefficient, mL/g.
    pub partition_coefficient: f64,
}

impl LabelingProtocol {
    /// Control minus label over M0 of a tissue, for a delay after the end of labeling, s.
    pub fn difference(&self, tissue: &KineticTissue, delay: f64) -> f64 {
        let flow = tissue.cbf / 6000.0;
        let time = self.duration + delay;
        // Label that was delivered at s has flowed out and decayed for time - s.
        let inside = |s: f64| {
            let delivered = if s >= tissue.att && s < tissue.att + self.duration {
                self.efficiency * (-tissue.att / self.blood_t1).exp()
            } else {
                0.0
            };
            delivered * (-(flow / self.partition_coefficient + 1.0 / self.tissue_t1) * (time - s)).exp()
        };
        let steps = (time / ASL_STEP).round() as usize;
        // The midpoint rule; the edges of the bolus lie on steps for times in hundredths of a second.
        let sum: f64 = (0..steps).map(|step| inside((step as f64 + 0.5) * ASL_STEP)).sum();
        2.0 * flow / self.partition_coefficient * sum * ASL_STEP
    }
}

/// How contrast is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DceProtocol {
    /// Excitation repetition time, s.
    pub repetition_time: f64,
    /// Time between frames, s.
    pub frame_time: f64,
    /// Number of frames.
    pub frames: usize,
    /// When the bolus reaches the arteries, s.
    pub arrival: f64,
    /// Relaxivity, 1/(mM s).
    pub relaxivity: f64,
    /// Hematocrit.
    pub hematocrit: f64,
}

impl DceProtocol {
    /// Signal of a tissue without contrast at a flip angle, degrees.
    pub fn signal(&self, m0: f64, rate: f64, flip_angle: f64) -> f64 {
        let (left, angle) = ((-self.repetition_time * rate).exp(), flip_angle.to_radians());
        m0 * angle.sin() * (1.0 - left) / (1.0 - left * angle.cos())
    }

    /// Concentration in arterial plasma at the frames, mM.
    pub fn plasma(&self) -> Vec<f64> {
        (0..self.frames).map(|frame| self.plasma_at(frame as f64 * self.frame_time)).collect()
    }

    /// Concentration of a tissue at the frames, mM.
    pub fn concentration(&self, tissue: &KineticTissue) -> Vec<f64> {
        let rate = if tissue.ve > 0.0 { tissue.ktrans / 60.0 / tissue.ve } else { 0.0 };
        let per_frame = (self.frame_time / DCE_STEP).round() as usize;
        let mut leaked = 0.0;
        let mut curve = Vec::with_capacity(self.frames);
        for frame in 0..self.frames {
            let start = frame as f64 * self.frame_time;
            curve.push(tissue.vp * self.plasma_at(start) + leaked);
            for step in 0..per_frame {
                let middle = start + (step as f64 + 0.5) * DCE_STEP;
                let gained = tissue.ktrans / 60.0 * self.plasma_at(middle) * DCE_STEP;
                leaked = leaked * (-rate * DCE_STEP).exp() + gained * (-rate * DCE_STEP / 2.0).exp();
            }
        }
        curve
    }

    /// Parker's curve of whole blood over the plasma fraction; minutes and mM.
    fn plasma_at(&self, time: f64) -> f64 {
        let t = (time - self.arrival) / 60.0;
        if t < 0.0 {
            return 0.0;
        }
        let bell = |area: f64, middle: f64, width: f64| {
            area / (width * (2.0 * std::f64::consts::PI).sqrt()) * (-(t - middle).powi(2) / (2.0 * width.powi(2))).exp()
        };
        let tail = 1.050 * (-0.1685 * t).exp() / (1.0 + (-38.078 * (t - 0.483)).exp());
        (bell(0.809, 0.17046, 0.0563) + bell(0.330, 0.365, 0.132) + tail) / (1.0 - self.hematocrit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TISSUE: KineticTissue =
        KineticTissue { m0: 1.0, cbf: 60.0, att: 1.0, t1: 1.3, ktrans: 0.2, ve: 0.25, vp: 0.05 };

    #[test]
    fn a_difference_after_all_label_has_come_is_the_closed_form_by_hand() {
        let protocol = LabelingProtocol {
            duration: 1.8,
            efficiency: 0.85,
            blood_t1: 1.65,
            tissue_t1: 1.33,
            partition_coefficient: 0.9,
        };
        // f = 0.01/s; 1/T1' = 0.751880 + 0.0111111 = 0.762991; e^{-1/1.65} = 0.545489; t - τ - ATT = 0.8: e^{-0.610393}
        // = 0.543137; 1 - e^{-1.373383} = 0.746751; 2·0.01/0.9·0.85/0.762991·0.545489·0.543137·0.746751 = 0.0054773
        let found = protocol.difference(&TISSUE, 1.8);
        assert!((found - 0.005_477_3).abs() < 1e-6, "{found}");
        assert_eq!(protocol.difference(&KineticTissue { att: 4.0, ..TISSUE }, 1.8), 0.0);
    }

    #[test]
    fn tissue_ends_at_the_plasma_over_its_space_where_exchange_is_fast() {
        let protocol = DceProtocol {
            repetition_time: 0.005,
            frame_time: 3.0,
            frames: 200,
            arrival: 30.0,
            relaxivity: 4.5,
            hematocrit: 0.42,
        };
        let fast = KineticTissue { ktrans: 30.0, ..TISSUE };
        let (tissue, plasma) = (protocol.concentration(&fast), protocol.plasma());
        let (last, blood) = (tissue[199], plasma[199]);
        assert!((last / ((fast.ve + fast.vp) * blood) - 1.0).abs() < 5e-3, "{last} {blood}");
        assert!(plasma[..10].iter().all(|&value| value == 0.0) && tissue[9] == 0.0);
    }
}
