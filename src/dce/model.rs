//! Tracer-kinetic models as sums of exponentials that the plasma curve is convolved with.
//!
//! Names and equations: OSIPI CAPLEX (Dickie BR et al., MRM 2024;91:1761), Sourbron SP, Buckley DL, MRM 2011;66:735.
//! Every model is `C = v·Cp + Σ a_j (Cp ⊗ e^{-k_j t})`, so one exact convolution serves all of them.

closed_words! {
    /// A tracer-kinetic model.
    pub enum Model: "kinetic model" {
        /// `C = Ktrans Cp ⊗ e^{-(Ktrans/ve)t}`.
        Tofts = "tofts",
        /// The same with plasma: `+ vp Cp`.
        ExtendedTofts = "extended-tofts",
        /// `C = vp Cp + PS ∫Cp`.
        Patlak = "patlak",
        /// Two-compartment uptake: flow, plasma, one-way exchange.
        Uptake = "2cum",
        /// Two-compartment exchange.
        Exchange = "2cxm",
    }
}

/// A quantity that a model can have. The order is that of the parameters of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Plasma flow Fp.
    PlasmaFlow,
    /// Permeability-surface product PS; Ktrans in the Tofts models, which know no flow.
    Exchange,
    /// Extravascular extracellular volume fraction ve.
    InterstitialVolume,
    /// Plasma volume fraction vp.
    PlasmaVolume,
    /// Delay of the tissue behind the plasma curve.
    Delay,
}

/// Number of quantities.
pub const QUANTITIES: usize = 5;

/// Values of the quantities in the order of [`Quantity`]: 1/s, 1/s, 1, 1, s; those that a model lacks are 0.
pub type Parameters = [f64; QUANTITIES];

const FLOW: usize = Quantity::PlasmaFlow as usize;
const EXCHANGE: usize = Quantity::Exchange as usize;
const INTERSTITIUM: usize = Quantity::InterstitialVolume as usize;
const PLASMA: usize = Quantity::PlasmaVolume as usize;

/// A tissue's response to a plasma bolus, and its derivatives by the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Response {
    /// `v`: the part that follows the plasma at once.
    pub plasma: Derived,
    /// `a_j` (1/s) and `k_j` (1/s).
    pub terms: [[Derived; 2]; 2],
    /// How many of the terms the model has.
    pub count: usize,
}

/// A number and its derivatives by the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Derived {
    /// The number.
    pub value: f64,
    /// Its derivatives.
    pub by: Parameters,
}

impl Derived {
    const ZERO: Self = Self { value: 0.0, by: [0.0; QUANTITIES] };

    /// A parameter itself.
    fn parameter(parameters: &Parameters, at: usize) -> Self {
        let mut derived = Self { value: parameters[at], by: [0.0; QUANTITIES] };
        derived.by[at] = 1.0;
        derived
    }

    fn combined(self, other: Self, value: f64, by_self: f64, by_other: f64) -> Self {
        Self { value, by: std::array::from_fn(|i| by_self * self.by[i] + by_other * other.by[i]) }
    }

    fn plus(self, other: Self) -> Self {
        self.combined(other, self.value + other.value, 1.0, 1.0)
    }

    fn minus(self, other: Self) -> Self {
        self.combined(other, self.value - other.value, 1.0, -1.0)
    }

    fn times(self, other: Self) -> Self {
        self.combined(other, self.value * other.value, other.value, self.value)
    }

    fn over(self, other: Self) -> Self {
        let ratio = self.value / other.value;
        self.combined(other, ratio, 1.0 / other.value, -ratio / other.value)
    }

    fn scaled(self, factor: f64) -> Self {
        self.combined(Self::ZERO, factor * self.value, factor, 0.0)
    }

    /// The square root; a derivative of 0 at 0, where there is none.
    fn root(self) -> Self {
        let root = self.value.max(0.0).sqrt();
        self.combined(Self::ZERO, root, if root > 0.0 { 0.5 / root } else { 0.0 }, 0.0)
    }
}

impl Model {
    /// The quantities of the model, without the delay.
    pub fn quantities(self) -> &'static [Quantity] {
        use Quantity::{Exchange, InterstitialVolume, PlasmaFlow, PlasmaVolume};
        match self {
            Self::Tofts => &[Exchange, InterstitialVolume],
            Self::ExtendedTofts => &[Exchange, InterstitialVolume, PlasmaVolume],
            Self::Patlak => &[Exchange, PlasmaVolume],
            Self::Uptake => &[PlasmaFlow, Exchange, PlasmaVolume],
            Self::Exchange => &[PlasmaFlow, Exchange, InterstitialVolume, PlasmaVolume],
        }
    }

    /// Whether the model has a quantity of its own.
    pub fn has(self, quantity: Quantity) -> bool {
        self.quantities().contains(&quantity)
    }

    /// The equation, as it stands in sidecars.
    pub const fn equation(self) -> &'static str {
        match self {
            Self::Tofts => "C = Ktrans Cp * exp(-(Ktrans/ve) t)",
            Self::ExtendedTofts => "C = vp Cp + Ktrans Cp * exp(-(Ktrans/ve) t)",
            Self::Patlak => "C = vp Cp + PS int(Cp)",
            Self::Uptake => {
                "C = Cp * [Fp exp(-t/Tp) + Ktrans (1 - exp(-t/Tp))], Tp = vp/(Fp+PS), Ktrans = Fp PS/(Fp+PS)"
            }
            Self::Exchange => "vp dcp/dt = Fp (Cp - cp) + PS (ce - cp), ve dce/dt = PS (cp - ce), C = vp cp + ve ce",
        }
    }

    /// Ktrans in the unit of the parameters (1/s): the exchange itself in the Tofts models, `Fp PS/(Fp + PS)` where the
    /// flow is known, `None` for Patlak, whose PS is the influx alone.
    pub fn transfer_constant(self, parameters: &Parameters) -> Option<f64> {
        let (flow, exchange) = (parameters[FLOW], parameters[EXCHANGE]);
        match self {
            Self::Tofts | Self::ExtendedTofts => Some(exchange),
            Self::Patlak => None,
            Self::Uptake | Self::Exchange if flow + exchange > 0.0 => Some(flow * exchange / (flow + exchange)),
            Self::Uptake | Self::Exchange => Some(0.0),
        }
    }

    /// The response at some parameters, whose volumes are above 0 where the model divides by them.
    pub fn response(self, parameters: &Parameters) -> Response {
        let exchange = Derived::parameter(parameters, EXCHANGE);
        let zero = Derived::ZERO;
        match self {
            Self::Tofts | Self::ExtendedTofts => {
                let rate = exchange.over(Derived::parameter(parameters, INTERSTITIUM));
                let plasma = if self == Self::Tofts { zero } else { Derived::parameter(parameters, PLASMA) };
                Response { plasma, terms: [[exchange, rate], [zero; 2]], count: 1 }
            }
            Self::Patlak => {
                let plasma = Derived::parameter(parameters, PLASMA);
                Response { plasma, terms: [[exchange, zero], [zero; 2]], count: 1 }
            }
            Self::Uptake => {
                let flow = Derived::parameter(parameters, FLOW);
                let both = flow.plus(exchange);
                let rate = both.over(Derived::parameter(parameters, PLASMA));
                let ktrans = flow.times(exchange).over(both);
                Response { plasma: zero, terms: [[flow.minus(ktrans), rate], [ktrans, zero]], count: 2 }
            }
            Self::Exchange => {
                let flow = Derived::parameter(parameters, FLOW);
                let (ve, vp) = (Derived::parameter(parameters, INTERSTITIUM), Derived::parameter(parameters, PLASMA));
                // METHOD: rates of the two compartments instead of the mean transit times of the literature: they stay
                // finite at PS = 0.
                let (a, b) = (flow.plus(exchange).over(vp), exchange.over(ve));
                let coupling = exchange.times(exchange).over(vp.times(ve));
                let difference = a.minus(b);
                let spread = difference.times(difference).plus(coupling.scaled(4.0)).root();
                let sum = a.plus(b);
                let (fast, slow) = (sum.plus(spread).scaled(0.5), sum.minus(spread).scaled(0.5));
                // The response starts at Fp and falls at first by Fp·Fp/vp.
                let share = flow.over(vp).minus(slow).over(spread);
                let first = flow.times(share);
                Response { plasma: zero, terms: [[first, fast], [flow.minus(first), slow]], count: 2 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: Parameters = [0.4 / 60.0, 0.12 / 60.0, 0.2, 0.05, 0.0];

    /// The residue function: `Σ a e^{-kt}`, with the plasma part left out.
    fn residue(model: Model, parameters: &Parameters, t: f64) -> f64 {
        let response = model.response(parameters);
        response.terms[..response.count].iter().map(|[a, k]| a.value * (-k.value * t).exp()).sum()
    }

    #[test]
    fn derivatives_are_the_slopes_of_every_model() {
        for &model in Model::ALL {
            for quantity in 0..4 {
                let step = 1e-5 * TRUTH[quantity];
                let moved = |by: f64| {
                    let mut parameters = TRUTH;
                    parameters[quantity] += by;
                    model.response(&parameters)
                };
                let (low, middle, high) = (moved(-step), moved(0.0), moved(step));
                let check = |low: Derived, middle: Derived, high: Derived| {
                    let slope = (high.value - low.value) / (2.0 * step);
                    let scale = middle.value.abs() / TRUTH[quantity];
                    assert!((middle.by[quantity] - slope).abs() <= 1e-6 * scale + 1e-12, "{model} {quantity}: {slope}");
                };
                check(low.plasma, middle.plasma, high.plasma);
                for term in 0..2 {
                    for part in 0..2 {
                        check(low.terms[term][part], middle.terms[term][part], high.terms[term][part]);
                    }
                }
            }
        }
    }

    #[test]
    fn exchange_fills_the_whole_volume_and_starts_at_the_flow() {
        // ∫ residue = vp + ve; residue(0) = Fp
        let response = Model::Exchange.response(&TRUTH);
        let volume: f64 = response.terms.iter().map(|[a, k]| a.value / k.value).sum();
        assert!((volume - 0.25).abs() < 1e-12, "{volume}");
        assert!((residue(Model::Exchange, &TRUTH, 0.0) - TRUTH[0]).abs() < 1e-15);
    }

    #[test]
    fn uptake_is_the_closed_formula_and_never_empties() {
        let tp = 0.05 / (0.52 / 60.0);
        let ktrans = 0.4 * 0.12 / 0.52 / 60.0;
        for t in [0.0f64, 3.0, 20.0, 500.0] {
            let expected = TRUTH[0] * (-t / tp).exp() + ktrans * (1.0 - (-t / tp).exp());
            assert!((residue(Model::Uptake, &TRUTH, t) - expected).abs() < 1e-15);
        }
        assert!((Model::Uptake.transfer_constant(&TRUTH).unwrap() - ktrans).abs() < 1e-15);
    }

    #[test]
    fn exchange_without_permeability_is_the_plasma_alone() {
        let parameters = [TRUTH[0], 0.0, 0.2, 0.05, 0.0];
        for t in [0.0f64, 2.0, 30.0] {
            let expected = TRUTH[0] * (-t * TRUTH[0] / 0.05).exp();
            assert!((residue(Model::Exchange, &parameters, t) - expected).abs() < 1e-15);
        }
        assert!(Model::Exchange.response(&parameters).terms[1][0].by.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_fast_flow_makes_exchange_into_extended_tofts() {
        let fast = [50.0, TRUTH[1], TRUTH[2], TRUTH[3], 0.0];
        for t in [5.0, 60.0, 300.0] {
            let (exchange, tofts) = (residue(Model::Exchange, &fast, t), residue(Model::Tofts, &fast, t));
            assert!((exchange / tofts - 1.0).abs() < 1e-3, "{t}: {exchange} {tofts}");
        }
    }
}
