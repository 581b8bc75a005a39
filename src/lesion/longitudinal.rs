//! Change of one lesion between two scans.

use jiff::civil::Date;

/// Mean length of a month of the Gregorian calendar, days.
const DAYS_PER_MONTH: f64 = 365.2425 / 12.0;

/// Whole days from one date to a later one; negative when it is earlier.
pub fn days_between(from: Date, to: Date) -> i64 {
    // Spans of calendar dates in days cannot fail; jiff allows years -9999 to 9999.
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// Weeks from one date to a later one, in sevenths.
pub fn weeks_between(from: Date, to: Date) -> f64 {
    days_between(from, to) as f64 / 7.0
}

/// Change of a volume against the index scan, percent; `None` where there was no volume to change.
pub fn volume_change_percent(volume_ml: f64, index_volume_ml: f64) -> Option<f64> {
    let possible = volume_ml >= 0.0 && volume_ml.is_finite() && index_volume_ml > 0.0 && index_volume_ml.is_finite();
    possible.then(|| 100.0 * (volume_ml / index_volume_ml - 1.0))
}

/// Growth since resection: longest diameter of the recurrence (cm) over months since the resection.
///
/// Park 2009 (the one-centimeter-per-month rule): nothing is left at resection, so the
/// size now is the growth since. `None` where the scan is not later than the resection.
pub fn growth_cm_per_month(longest_diameter_mm: f64, resection: Date, scan: Date) -> Option<f64> {
    let days = days_between(resection, scan);
    let possible = days > 0 && longest_diameter_mm >= 0.0 && longest_diameter_mm.is_finite();
    possible.then(|| longest_diameter_mm / 10.0 / (days as f64 / DAYS_PER_MONTH))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_volume_that_grows_by_two_fifths_changes_by_40_percent() {
        assert!((volume_change_percent(1.4, 1.0).unwrap() - 40.0).abs() < 1e-12);
        assert_eq!(volume_change_percent(0.0, 2.0), Some(-100.0));
        assert_eq!(volume_change_percent(1.0, 0.0), None);
        assert_eq!(volume_change_percent(f64::NAN, 1.0), None);
    }

    #[test]
    fn days_are_counted_across_a_leap_day() {
        assert_eq!(days_between(date(2024, 2, 28), date(2024, 3, 1)), 2);
        assert_eq!(days_between(date(2023, 1, 1), date(2025, 1, 1)), 731);
        assert_eq!(days_between(date(2024, 3, 1), date(2024, 2, 28)), -2);
        assert_eq!(weeks_between(date(2024, 1, 1), date(2024, 3, 25)), 12.0);
    }

    #[test]
    fn three_centimeters_in_half_a_year_grow_by_half_a_centimeter_per_month() {
        // 2023-01-01 to 2023-07-02: 182 days, 5.9794 months.
        let growth = growth_cm_per_month(30.0, date(2023, 1, 1), date(2023, 7, 2)).unwrap();
        assert!((growth - 0.501_72).abs() < 1e-4, "{growth}");
        assert_eq!(growth_cm_per_month(30.0, date(2023, 1, 1), date(2023, 1, 1)), None);
    }
}
