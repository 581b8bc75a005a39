//! Days: local dates, or, where a run was asked for relative dates, days since the subject's first scan.
//!
//! METHOD: a relative day is kept as a date counted from `FIRST_SCAN`, so that every difference between two days of a
//! subject, and with it every verdict, is the same as with the true dates; it is written as `day 54`, or `day -12` before
//! the first scan. The true date of the first scan stands in no output. Months of schedules are counted on that calendar
//! too, so a visit planned in months may lie up to three days from where the true dates would put it.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};

/// The day of the first scan where dates are relative; no study holds dates of that time.
const FIRST_SCAN: Date = date(400, 1, 1);

/// The first year of true dates.
const TRUE_DATES: i16 = 1000;

/// What a relative day begins with.
const PREFIX: &str = "day ";

/// A date as days since the first scan; `None` where they lie centuries apart.
pub fn relative(day: Date, first_scan: Date) -> Option<Date> {
    let shifted = FIRST_SCAN.checked_add(i64::from((day - first_scan).get_days()).days()).ok()?;
    is_relative(shifted).then_some(shifted)
}

/// Whether a day is one since the first scan.
pub fn is_relative(day: Date) -> bool {
    day.year() < TRUE_DATES
}

/// Days since the first scan; `None` for a true date.
pub fn since_first_scan(day: Date) -> Option<i32> {
    is_relative(day).then(|| (day - FIRST_SCAN).get_days())
}

/// A day as tables and files hold it: `2026-05-12` or `day 54`.
pub fn text(day: Date) -> String {
    since_first_scan(day).map_or_else(|| day.to_string(), |days| format!("{PREFIX}{days}"))
}

/// Reads what [`text`] writes.
pub fn parse(text: &str) -> Result<Date, String> {
    let expected = || format!("expected a date as YYYY-MM-DD or a relative day as `day N`, found {text:?}");
    match text.strip_prefix(PREFIX) {
        Some(days) => {
            let days: i32 = days.trim().parse().map_err(|_| expected())?;
            let span = Span::new().try_days(days).map_err(|_| expected())?;
            let day = FIRST_SCAN.checked_add(span).map_err(|_| expected())?;
            if is_relative(day) { Ok(day) } else { Err(expected()) }
        }
        None => text.parse().ok().filter(|day| !is_relative(*day)).ok_or_else(expected),
    }
}

/// For fields that hold a day.
pub mod plain {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the day as files hold it.
    pub fn serialize<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::text(*day))
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        super::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// For fields that may hold a day.
pub mod optional {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Writes the day as files hold it, or null.
    pub fn serialize<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        day.map(super::text).serialize(serializer)
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse(&text)).transpose().map_err(D::Error::custom)
    }
}

/// For fields that hold several days.
pub mod several {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Writes the days as files hold them.
    pub fn serialize<S: Serializer>(days: &[Date], serializer: S) -> Result<S::Ok, S::Error> {
        days.iter().map(|day| super::text(*day)).collect::<Vec<_>>().serialize(serializer)
    }

    /// Reads them back.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Date>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| super::parse(text).map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_stay_and_the_first_scan_is_day_zero() {
        let first = date(2026, 1, 5);
        for (day, expected) in [
            (first, "day 0"),
            (date(2026, 2, 28), "day 54"),
            (date(2025, 12, 24), "day -12"),
            (date(2028, 1, 5), "day 730"),
        ] {
            let shifted = relative(day, first).unwrap();
            assert_eq!(text(shifted), expected);
            assert_eq!(parse(expected), Ok(shifted));
        }
    }

    #[test]
    fn true_dates_are_written_as_before_and_nothing_else_is_read() {
        assert_eq!(text(date(2026, 5, 12)), "2026-05-12");
        assert_eq!(parse("2026-05-12"), Ok(date(2026, 5, 12)));
        for wrong in ["day", "day x", "0400-01-01", "day 999999999", "12.05.2026"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(relative(date(2026, 1, 1), date(-2000, 1, 1)), None, "centuries apart");
    }
}
