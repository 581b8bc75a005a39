//! Body size measures that SUV is normalized by.
//!
//! Lean body mass: Janmahasatian 2005 (Clin Pharmacokinet 44:1051), James 1976; ideal body weight as vendors have it
//! (Zasadny 1993 for women); body surface area: Du Bois 1916.

use crate::clinical::Sex;
use crate::units::{Kilograms, Meters};

/// Lean body mass, Janmahasatian 2005: M `9270 W / (6680 + 216 BMI)`, F `9270 W / (8780 + 244 BMI)`.
/// `None` where sex is neither male nor female.
pub fn lean_body_mass(weight: Kilograms, height: Meters, sex: Sex) -> Option<Kilograms> {
    let bmi = weight.0 / height.0.powi(2);
    match sex {
        Sex::Male => Some(Kilograms(9270.0 * weight.0 / (6680.0 + 216.0 * bmi))),
        Sex::Female => Some(Kilograms(9270.0 * weight.0 / (8780.0 + 244.0 * bmi))),
        Sex::Other => None,
    }
}

/// Lean body mass, James 1976: M `1.10 W - 128 (W/h)²`, F `1.07 W - 148 (W/h)²`, h in cm.
/// Falls and turns negative in very heavy bodies: the caller checks. `None` where sex is neither male nor female.
pub fn lean_body_mass_james(weight: Kilograms, height: Meters, sex: Sex) -> Option<Kilograms> {
    let ratio = weight.0 / height.centimeters();
    match sex {
        Sex::Male => Some(Kilograms(1.10 * weight.0 - 128.0 * ratio.powi(2))),
        Sex::Female => Some(Kilograms(1.07 * weight.0 - 148.0 * ratio.powi(2))),
        Sex::Other => None,
    }
}

/// Ideal body weight: M `48.0 + 1.06 (h - 152)`, F `45.5 + 0.91 (h - 152)`, h in cm.
/// `None` where sex is neither male nor female.
pub fn ideal_body_weight(height: Meters, sex: Sex) -> Option<Kilograms> {
    let above = height.centimeters() - 152.0;
    match sex {
        Sex::Male => Some(Kilograms(48.0 + 1.06 * above)),
        Sex::Female => Some(Kilograms(45.5 + 0.91 * above)),
        Sex::Other => None,
    }
}

/// Body surface area in m², Du Bois 1916: `0.007184 W^0.425 h^0.725`, h in cm.
pub fn body_surface_area(weight: Kilograms, height: Meters) -> f64 {
    0.007184 * weight.0.powf(0.425) * height.centimeters().powf(0.725)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHT: Kilograms = Kilograms(75.0);
    const HEIGHT: Meters = Meters(1.85);

    fn assert_close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-12, "found {found}, expected {expected}");
    }

    // Expected values: the tests of cornerstonejs/calculate-suv (MIT), recomputed.

    #[test]
    fn james_at_75_kg_and_1_85_m() {
        assert_close(lean_body_mass_james(WEIGHT, HEIGHT, Sex::Male).unwrap().0, 61.462_746_530_314_09);
        assert_close(lean_body_mass_james(WEIGHT, HEIGHT, Sex::Female).unwrap().0, 55.925_675_675_675_68);
    }

    #[test]
    fn janmahasatian_at_75_kg_and_1_85_m() {
        assert_close(lean_body_mass(WEIGHT, HEIGHT, Sex::Male).unwrap().0, 60.915_335_886_519_74);
        assert_close(lean_body_mass(WEIGHT, HEIGHT, Sex::Female).unwrap().0, 49.214_379_968_376_13);
    }

    #[test]
    fn surface_and_ideal_weight_at_1_85_m() {
        assert_close(body_surface_area(WEIGHT, HEIGHT), 1.981_375_842_711_776_5);
        assert_close(ideal_body_weight(HEIGHT, Sex::Male).unwrap().0, 82.98);
        assert_close(ideal_body_weight(HEIGHT, Sex::Female).unwrap().0, 75.53);
    }

    #[test]
    fn no_formula_is_applied_to_another_sex() {
        assert_eq!(lean_body_mass(WEIGHT, HEIGHT, Sex::Other), None);
        assert_eq!(lean_body_mass_james(WEIGHT, HEIGHT, Sex::Other), None);
        assert_eq!(ideal_body_weight(HEIGHT, Sex::Other), None);
    }
}
