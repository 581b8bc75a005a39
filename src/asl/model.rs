//! What control minus label is for a given flow, and the other way about.
//!
//! White paper: Alsop DC et al., MRM 2015;73:102, eq. 1 and 4. General kinetic model: Buxton RB et al., MRM
//! 1998;40:383, eq. 3 to 6. Woods JG et al., MRM 2024 (recommendations for several time points): the same with label
//! that decays with the T1 of blood throughout. CBF in mL/100g/min; differences are over M0 of tissue.

use crate::acquisition::Labeling;

/// From mL/100g/min to mL/g/s.
const PER_SECOND: f64 = 1.0 / 6000.0;
/// Below this rate times time the two decays of PASL are one.
const EQUAL_DECAY: f64 = 1e-9;

closed_words! {
    /// A model of series with several post-labeling delays.
    pub enum SeveralDelaysModel: "ASL model for several delays" {
        /// Buxton 1998: label decays with the T1 of tissue once it is there.
        General = "gkm",
        /// Woods 2024: label decays with the T1 of blood.
        Woods = "woods2024",
    }
}

/// The constants of a quantification; all of them are written beside the maps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// How spins are labeled.
    pub labeling: Labeling,
    /// T1 of blood, s.
    pub blood_t1: f64,
    /// T1 of tissue, s.
    pub tissue_t1: f64,
    /// Blood-brain partition coefficient λ, mL/g; 1 where M0 is that of blood.
    pub partition_coefficient: f64,
    /// Labeling efficiency α, with what background suppression takes from it.
    pub efficiency: f64,
}

/// The times of one difference image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// From the start of labeling to excitation: τ + PLD for (P)CASL, TI for PASL, s.
    pub signal_time: f64,
    /// Length of the bolus: labeling duration τ, or the cut-off time TI1 of PASL, s.
    pub bolus: f64,
}

impl Constants {
    /// CBF of one difference over M0 by the white paper's formula.
    ///
    /// (P)CASL: `6000 λ d e^{PLD/T1b} / (2 α T1b (1 - e^{-τ/T1b}))`; PASL (QUIPSS II, Q2TIPS):
    /// `6000 λ d e^{TI/T1b} / (2 α TI1)`.
    pub fn white_paper_cbf(&self, difference: f64, delay: Delay) -> f64 {
        let t1 = self.blood_t1;
        let top = self.partition_coefficient * difference / PER_SECOND;
        match self.labeling {
            Labeling::Pcasl | Labeling::Casl => {
                let after = delay.signal_time - delay.bolus;
                top * (after / t1).exp() / (2.0 * self.efficiency * t1 * -(-delay.bolus / t1).exp_m1())
            }
            Labeling::Pasl => top * (delay.signal_time / t1).exp() / (2.0 * self.efficiency * delay.bolus),
        }
    }

    /// The difference over M0 and its slopes by flow (mL/100g/min) and arrival (s); see [`Constants::difference`].
    ///
    /// Where label has not arrived, all three are 0.
    pub fn difference_and_slopes(&self, model: SeveralDelaysModel, cbf: f64, arrival: f64, delay: Delay) -> [f64; 3] {
        let flow = cbf * PER_SECOND;
        let (rate, rate_by_flow) = match model {
            SeveralDelaysModel::General => {
                (1.0 / self.tissue_t1 + flow / self.partition_coefficient, 1.0 / self.partition_coefficient)
            }
            SeveralDelaysModel::Woods => (1.0 / self.blood_t1, 0.0),
        };
        let Delay { signal_time, bolus } = delay;
        let since = signal_time - arrival;
        if since <= 0.0 {
            return [0.0; 3];
        }
        let scale = 2.0 * self.efficiency / self.partition_coefficient;
        // With y = flow·unit: ∂y/∂flow = unit + flow ∂unit/∂rate ∂rate/∂flow.
        let (unit, by_arrival, unit_by_rate) = match self.labeling {
            Labeling::Pcasl | Labeling::Casl => {
                let delivered = scale / rate * (-arrival / self.blood_t1).exp();
                if since < bolus {
                    let left = (-rate * since).exp();
                    let unit = delivered * (1.0 - left);
                    let slope = -unit / self.blood_t1 - delivered * rate * left;
                    (unit, slope, delivered * since * left - unit / rate)
                } else {
                    let (after, over_bolus) = ((-rate * (since - bolus)).exp(), (-rate * bolus).exp());
                    let unit = delivered * after * (1.0 - over_bolus);
                    let by_rate = delivered * after * bolus * over_bolus - unit * (1.0 / rate + since - bolus);
                    (unit, unit * (rate - 1.0 / self.blood_t1), by_rate)
                }
            }
            Labeling::Pasl => {
                let decayed = scale * (-signal_time / self.blood_t1).exp();
                let k = 1.0 / self.blood_t1 - rate;
                let stood = (since - bolus).max(0.0);
                let (late, early) = ((k * since).exp(), (k * stood).exp());
                // h = ∫ e^{ks} ds over the time that label has stood in tissue, and ∂h/∂k.
                let (h, h_by_k) = if (k * since).abs() < EQUAL_DECAY {
                    (since - stood, (since * since - stood * stood) / 2.0)
                } else {
                    let h = (late - early) / k;
                    (h, (since * late - stood * early - h) / k)
                };
                let slope = if stood > 0.0 { -k * h } else { -late };
                (decayed * h, decayed * slope, -decayed * h_by_k)
            }
        };
        [flow * unit, PER_SECOND * (unit + flow * unit_by_rate * rate_by_flow), flow * by_arrival]
    }

    /// Difference over M0 of label that is still in arteries of a volume share `volume`, which it reaches at `arrival`
    /// (s): `2 α M0b aBV e^{-ABAT/T1b}` while the bolus passes, 0 before and after (Woods 2024).
    pub fn arterial_difference(&self, volume: f64, arrival: f64, delay: Delay) -> f64 {
        if delay.signal_time <= arrival || delay.signal_time >= arrival + delay.bolus {
            return 0.0;
        }
        2.0 * self.efficiency / self.partition_coefficient * volume * (-arrival / self.blood_t1).exp()
    }

    /// Difference over M0 of a flow that arrives at `arrival` (s).
    pub fn difference(&self, model: SeveralDelaysModel, cbf: f64, arrival: f64, delay: Delay) -> f64 {
        let flow = cbf * PER_SECOND;
        // 1/T1' = 1/T1 + f/λ
        let rate = match model {
            SeveralDelaysModel::General => 1.0 / self.tissue_t1 + flow / self.partition_coefficient,
            SeveralDelaysModel::Woods => 1.0 / self.blood_t1,
        };
        let Delay { signal_time, bolus } = delay;
        let since = signal_time - arrival;
        if since <= 0.0 {
            return 0.0;
        }
        let scale = 2.0 * self.efficiency * flow / self.partition_coefficient;
        match self.labeling {
            Labeling::Pcasl | Labeling::Casl => {
                let delivered = scale / rate * (-arrival / self.blood_t1).exp();
                if since < bolus {
                    delivered * -(-rate * since).exp_m1()
                } else {
                    delivered * (-rate * (since - bolus)).exp() * -(-rate * bolus).exp_m1()
                }
            }
            Labeling::Pasl => {
                let delivered = since.min(bolus);
                // q: what the two decays make of label that stood in tissue since it came.
                let k = 1.0 / self.blood_t1 - rate;
                let q = if (k * delivered).abs() < EQUAL_DECAY {
                    (k * since).exp()
                } else {
                    (k * since).exp() * -(-k * delivered).exp_m1() / (k * delivered)
                };
                scale * delivered * (-signal_time / self.blood_t1).exp() * q
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants(labeling: Labeling) -> Constants {
        Constants { labeling, blood_t1: 1.65, tissue_t1: 1.33, partition_coefficient: 0.9, efficiency: 0.85 }
    }

    #[test]
    fn the_white_paper_value_by_hand() {
        // d = 0.006, PLD = 1.8, τ = 1.8, T1b = 1.65: e^{1.0909} = 2.97698, 1 - e^{-1.0909} = 0.664089,
        // 6000·0.9·0.006·2.97698/(2·0.85·1.65·0.664089) = 96.454 / 1.862770 = 51.780
        let cbf = constants(Labeling::Pcasl).white_paper_cbf(0.006, Delay { signal_time: 3.6, bolus: 1.8 });
        assert!((cbf - 51.780).abs() < 2e-3, "{cbf}");
        // PASL: TI = 1.8, TI1 = 0.8: 5400·0.006·2.97698/(2·0.85·0.8) = 70.922
        let cbf = constants(Labeling::Pasl).white_paper_cbf(0.006, Delay { signal_time: 1.8, bolus: 0.8 });
        assert!((cbf - 70.922).abs() < 2e-3, "{cbf}");
    }

    #[test]
    fn the_white_paper_undoes_woods_where_all_label_has_arrived() {
        for labeling in [Labeling::Pcasl, Labeling::Pasl] {
            let (constants, delay) = (constants(labeling), Delay { signal_time: 3.6, bolus: 0.9 });
            let difference = constants.difference(SeveralDelaysModel::Woods, 60.0, 0.8, delay);
            assert!((constants.white_paper_cbf(difference, delay) - 60.0).abs() < 1e-9);
        }
    }

    #[test]
    fn slopes_are_those_of_the_difference() {
        for labeling in [Labeling::Pcasl, Labeling::Pasl] {
            for &model in SeveralDelaysModel::ALL {
                let constants = constants(labeling);
                for (cbf, arrival) in [(60.0, 0.9), (60.0, 1.7), (-20.0, 1.2), (0.0, 0.5)] {
                    let delay = Delay { signal_time: 2.5, bolus: 1.0 };
                    let at = |cbf, arrival| constants.difference(model, cbf, arrival, delay);
                    let [value, by_cbf, by_arrival] = constants.difference_and_slopes(model, cbf, arrival, delay);
                    let numeric = (at(cbf + 1e-3, arrival) - at(cbf - 1e-3, arrival)) / 2e-3;
                    assert!((value - at(cbf, arrival)).abs() < 1e-15, "{labeling} {model} {cbf}");
                    assert!((by_cbf - numeric).abs() < 1e-10, "{labeling} {model} {cbf}: {by_cbf} {numeric}");
                    let numeric = (at(cbf, arrival + 1e-6) - at(cbf, arrival - 1e-6)) / 2e-6;
                    assert!((by_arrival - numeric).abs() < 1e-8, "{labeling} {model} {cbf}: {by_arrival} {numeric}");
                }
            }
        }
    }

    #[test]
    fn arterial_label_is_seen_only_while_the_bolus_passes() {
        // 2·0.85/0.9·0.01·e^{-0.8/1.65} = 0.0188889·0.615795 = 0.0116317
        let constants = constants(Labeling::Pcasl);
        let at = |signal_time| constants.arterial_difference(0.01, 0.8, Delay { signal_time, bolus: 1.8 });
        assert!((at(2.0) - 0.011_631_7).abs() < 1e-6, "{}", at(2.0));
        assert_eq!([at(0.8), at(2.6), at(3.0)], [0.0; 3]);
    }

    #[test]
    fn nothing_is_seen_before_arrival_and_the_pieces_meet() {
        for labeling in [Labeling::Pcasl, Labeling::Pasl] {
            for &model in SeveralDelaysModel::ALL {
                let at = |signal_time: f64| {
                    constants(labeling).difference(model, 60.0, 1.0, Delay { signal_time, bolus: 1.4 })
                };
                assert_eq!(at(1.0), 0.0);
                assert!(at(1.0 + 1e-9) < 1e-10 && at(1.5) > 1e-4);
                assert!((at(2.4 - 1e-9) - at(2.4 + 1e-9)).abs() < 1e-9);
            }
        }
    }
}
