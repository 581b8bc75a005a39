//! Numbers as a reader sees them: each quantity has one rounding, on every page and in every figure.
//!
//! Nothing is computed here but the place of the decimal point: a fraction may be written in percent. The unrounded
//! value, as the tables write it, travels beside the text.

use jiff::civil::Date;
use maud::{Markup, html};

use super::words::{Measure, Scale, measure, unit};
use crate::day::since_first_scan;
use crate::lesion::{Cell, LesionRecord};

/// From here on a value is written with one decimal less: 112.4 mL, not 112.40 mL.
const LARGE: f64 = 100.0;

/// Most decimals that are added to keep a value apart from its cut-off.
const MOST_DECIMALS: usize = 9;

/// A number as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Rounded, with a true minus sign.
    pub text: String,
    /// Unit, empty for ratios.
    pub unit: &'static str,
    /// As it stands in `lesions.tsv`.
    pub exact: String,
}

impl Shown {
    /// Text and unit, for words and alt texts.
    pub fn with_unit(&self) -> String {
        match self.unit {
            "" => self.text.clone(),
            unit => format!("{}\u{a0}{unit}", self.text),
        }
    }

    /// Text and unit, with the exact value for machines.
    pub fn html(&self) -> Markup {
        html! { data value=(self.exact) { (self.with_unit()) } }
    }
}

/// A value of a column, rounded as the column is everywhere.
///
/// `bounds` are the cut-offs it is read against: decimals are added until it cannot be mistaken for one of them, as
/// 1.754 for a cut-off of 1.75. Zero is always a bound, and 100 % for shares.
pub fn shown(column: &str, value: f64, bounds: &[f64]) -> Shown {
    if matches!(column, "rcbv_p_above" | "rcbv_p_below") {
        // An estimate of a chance: never 0, never 1, and no row of zeros.
        return Shown { text: probability(value), unit: "", exact: value.write() };
    }
    let Measure { decimals, scale, .. } = measure(column);
    let factor = match scale {
        Scale::Percent => 100.0,
        Scale::Plain | Scale::Signed => 1.0,
    };
    let fixed_bounds: &[f64] = match scale {
        Scale::Percent => &[0.0, 1.0],
        Scale::Plain | Scale::Signed => &[0.0],
    };
    let distinct = |decimals: usize| {
        let text = fixed(value * factor, decimals);
        bounds.iter().chain(fixed_bounds).all(|&bound| bound == value || fixed(bound * factor, decimals) != text)
    };
    let fewest = if (value * factor).abs() >= LARGE { decimals.saturating_sub(1) } else { decimals };
    let decimals = (fewest..=MOST_DECIMALS).find(|&decimals| distinct(decimals)).unwrap_or(MOST_DECIMALS);
    let mut text = fixed(value * factor, decimals);
    if scale == Scale::Signed && value > 0.0 {
        text.insert(0, '+');
    }
    let unit = match scale {
        Scale::Percent => "%",
        Scale::Plain | Scale::Signed => unit(ucum(column)),
    };
    Shown { text, unit, exact: value.write() }
}

/// The number of a column in a record; `None` where it is missing, not estimated, or not a number.
pub fn value(record: &LesionRecord, column: &str) -> Option<f64> {
    record.column(column).as_ref().and_then(serde_json::Value::as_f64).filter(|value| value.is_finite())
}

/// A bound or a tick: as few decimals as it needs, at most `decimals`.
pub fn tick(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A cut-off: every digit of the setting, as `1.0` and `1.75`.
pub fn bound(value: f64) -> String {
    let text = if value.abs() < LARGE { format!("{value:?}") } else { value.write() };
    text.replace('-', "\u{2212}")
}

/// A fraction in percent, with a decimal where it needs one.
pub fn percent(fraction: f64) -> String {
    format!("{}\u{a0}%", tick(100.0 * fraction, 1))
}

/// A probability with two decimals, never 0 and never 1.
pub fn probability(value: f64) -> String {
    match value {
        value if value < 0.005 => "below 0.01".to_owned(),
        value if value >= 0.995 => "above 0.99".to_owned(),
        value => fixed(value, 2),
    }
}

/// A day as `12 May 2026`, or as `day 54` where dates are relative.
pub fn day(date: Date) -> String {
    if let Some(days) = since_first_scan(date) {
        return format!("day\u{a0}{}", fixed(f64::from(days), 0));
    }
    date.strftime("%-d\u{a0}%b\u{a0}%Y").to_string()
}

/// Two days as `16 Feb to 2 Mar 2026`.
pub fn days(start: Date, end: Date) -> String {
    if let (Some(_), Some(last)) = (since_first_scan(start), since_first_scan(end)) {
        return format!("{} to {}", day(start), fixed(f64::from(last), 0));
    }
    if start.year() == end.year() {
        format!("{} to {}", start.strftime("%-d\u{a0}%b"), day(end))
    } else {
        format!("{} to {}", day(start), day(end))
    }
}

/// A number with `decimals` decimals, a true minus sign, and no negative zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|digit| matches!(digit, '0' | '.')) => digits.to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// The unit of a column in the data dictionary.
fn ucum(column: &str) -> &'static str {
    LesionRecord::COLUMNS.iter().find(|known| known.name == column).map_or("", |known| known.unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(column: &str, value: f64, bounds: &[f64]) -> String {
        shown(column, value, bounds).with_unit().replace('\u{a0}', " ")
    }

    #[test]
    fn a_chance_is_never_a_row_of_zeros() {
        assert_eq!(shown("rcbv_p_above", 1e-13, &[]).text, "below 0.01");
        assert_eq!(shown("rcbv_p_below", 1.0 - 1e-13, &[]).text, "above 0.99");
        assert_eq!(shown("rcbv_p_above", 0.4321, &[]).text, "0.43");
    }

    #[test]
    fn a_ratio_has_two_decimals() {
        assert_eq!(text("rcbv_mean", 1.2034, &[1.0, 1.75]), "1.20");
    }

    #[test]
    fn a_large_value_has_one_decimal_less() {
        assert_eq!(text("volume_ml", 99.5, &[]), "99.50 mL");
        assert_eq!(text("volume_ml", 112.4, &[]), "112.4 mL");
    }

    #[test]
    fn a_value_beside_its_cutoff_is_never_rounded_onto_it() {
        assert_eq!(text("rcbv_mean", 1.7504, &[1.0, 1.75]), "1.7504");
        assert_eq!(text("rcbv_mean", 0.9999, &[1.0, 1.75]), "0.9999");
    }

    #[test]
    fn a_value_on_its_cutoff_is_written_as_the_cutoff() {
        assert_eq!(text("rcbv_mean", 1.75, &[1.0, 1.75]), "1.75");
    }

    #[test]
    fn a_small_value_is_not_zero_and_a_large_share_is_not_all() {
        assert_eq!(text("ftb_high", 0.004, &[]), "0.4 %");
        assert_eq!(text("ftb_high", 0.0, &[]), "0 %");
        assert_eq!(text("ftb_low", 0.997, &[]), "99.7 %");
        assert_eq!(text("ftb_low", 1.0, &[]), "100 %");
    }

    #[test]
    fn a_change_carries_its_sign_and_a_true_minus() {
        assert_eq!(text("followup_change_percent", 76.25, &[]), "+76.2 %");
        assert_eq!(text("followup_change_percent", -5.0, &[]), "\u{2212}5.0 %");
        assert_eq!(fixed(-0.001, 2), "0.00");
    }

    #[test]
    fn the_exact_value_is_that_of_the_table() {
        assert_eq!(shown("rcbv_mean", 0.1 + 0.2, &[]).exact, "0.30000000000000004");
    }

    #[test]
    fn not_estimated_is_not_a_value() {
        let record = LesionRecord { rcbv_mean: Some(f64::NAN), tbr_max: Some(0.0), ..Default::default() };
        assert_eq!(value(&record, "rcbv_mean"), None);
        assert_eq!(value(&record, "tbr_max"), Some(0.0));
        assert_eq!(value(&record, "pathway"), None);
    }

    #[test]
    fn a_probability_is_never_certain() {
        assert_eq!(probability(0.999), "above 0.99");
        assert_eq!(probability(0.0), "below 0.01");
        assert_eq!(probability(0.6), "0.60");
    }

    #[test]
    fn relative_days_are_told_as_days() {
        let relative = |days: &str| crate::day::parse(days).unwrap();
        assert_eq!(day(relative("day -12")), "day\u{a0}\u{2212}12");
        assert_eq!(days(relative("day 42"), relative("day 56")), "day\u{a0}42 to 56");
    }

    #[test]
    fn a_window_names_its_year_once_unless_there_are_two() {
        let days = |start: &str, end: &str| days(start.parse().unwrap(), end.parse().unwrap()).replace('\u{a0}', " ");
        assert_eq!(days("2026-02-16", "2026-03-02"), "16 Feb to 2 Mar 2026");
        assert_eq!(days("2025-12-30", "2026-01-13"), "30 Dec 2025 to 13 Jan 2026");
    }
}
