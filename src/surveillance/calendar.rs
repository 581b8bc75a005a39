//! Visits as an iCalendar file (RFC 5545): whole-day events, CRLF, lines folded at 75 octets.

use super::{Plan, Profile, Request, Visit};

/// The calendar of a plan. It holds no patient label, and the same plan gives the same bytes.
pub fn ics(profile: &Profile, request: Request, plan: &Plan) -> String {
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//relight//surveillance//EN".to_owned(),
        "CALSCALE:GREGORIAN".to_owned(),
    ];
    for visit in &plan.visits {
        lines.extend(event(profile, request, visit));
    }
    lines.push("END:VCALENDAR".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

fn event(profile: &Profile, request: Request, visit: &Visit) -> [String; 8] {
    let date = visit.date.strftime("%Y%m%d");
    let from = request.from.strftime("%Y%m%d");
    let (count, unit) = match (visit.month, visit.week) {
        (Some(month), _) => (month, "month"),
        (None, week) => (week.unwrap_or(0), "week"),
    };
    let summary = format!("{} ({}, {unit} {count})", visit.modality, visit.track);
    let description = format!("{}. Source: {}. Research use only.", profile.title, profile.source);
    [
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}-{}-{from}-{}-{unit}-{count}@relight", profile.name, request.end, visit.track),
        // The stamp must be there; the start of the schedule keeps the file reproducible.
        format!("DTSTAMP:{from}T000000Z"),
        format!("DTSTART;VALUE=DATE:{date}"),
        format!("SUMMARY:{}", escaped(&summary)),
        format!("DESCRIPTION:{}", escaped(&description)),
        "TRANSP:TRANSPARENT".to_owned(),
        "END:VEVENT".to_owned(),
    ]
}

/// RFC 5545, 3.3.11: backslash, semicolon, comma and line feed.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// RFC 5545, 3.1: at most 75 octets a line, continued after a space, never inside a character.
fn folded(line: &str) -> String {
    let mut text = String::new();
    let mut octets = 0;
    for character in line.chars() {
        if octets + character.len_utf8() > 75 {
            text.push_str("\r\n ");
            octets = 1;
        }
        text.push(character);
        octets += character.len_utf8();
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::{End, Request, TrackName, find, plan};
    use super::*;

    #[test]
    fn events_are_whole_days_with_folded_escaped_lines() {
        let profile = find("rps").unwrap();
        let request = Request {
            from: date(2026, 1, 31),
            end: End::Tight,
            years: Some(10),
            track: Some(TrackName::Local),
            chest_interval: None,
        };
        let plan = plan(profile, request).unwrap();
        let text = ics(profile, request, &plan);
        assert_eq!(text.matches("BEGIN:VEVENT\r\n").count(), plan.visits.len());
        assert!(text.contains("DTSTART;VALUE=DATE:20260430\r\n"));
        assert!(text.contains("3-6 months for 2-3 years\\, every"), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= 75));
        assert!(!text.replace("\r\n", "").contains('\n'));
        let mut identifiers: Vec<_> = text.lines().filter(|line| line.starts_with("UID:")).collect();
        identifiers.dedup();
        assert_eq!(identifiers.len(), plan.visits.len());
    }

    #[test]
    fn folding_never_splits_a_character() {
        let text = folded(&"ü".repeat(60));
        assert_eq!(text.replace("\r\n ", "").trim_end(), "ü".repeat(60));
        assert!(text.split("\r\n").all(|line| line.len() <= 75));
    }
}
