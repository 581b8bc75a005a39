//! `relight schedule`: surveillance visits of a guideline, as a table, a calendar or JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::Global;
use super::exit::{Exit, Failure, Outcome, print, print_json};
use crate::dataset::write_file;
use crate::pipeline::{SubjectVisits, study_visits};
use crate::study::{Study, StudyOptions};
use crate::surveillance::{End, Plan, Profile, Request, ScheduleError, TrackName, Unit, find, ics, plan, profiles};

/// List the surveillance visits of a guideline from a day on.
///
/// A source gives ranges, such as every 3-6 months for 2-3 years. `tight` is the shortest interval with the longest
/// phase, `loose` the opposite; the range itself is printed with its source. Schedules of different sources are never
/// merged. A visit falls on the start plus n months, its day clamped to the month's end.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The schedule: glioma-followup, eano-glioma, nice-glioma, nccn-sts, esmo-sts-high, esmo-sts-low, rps or desmoid.
    #[arg(required_unless_present = "list")]
    profile: Option<String>,
    /// Day that the schedule counts from, YYYY-MM-DD: the end of treatment, or the index scan for glioma-followup.
    #[arg(long, value_name = "DATE", required_unless_present_any = ["list", "study"], value_parser = super::parse_day)]
    from: Option<Date>,
    /// Which end of the source's ranges: tight or loose.
    #[arg(long, value_name = "END", default_value = "tight")]
    end: End,
    /// Years to schedule [default: the schedule's own].
    #[arg(long, value_name = "N")]
    years: Option<u32>,
    /// One track: local, chest or all.
    #[arg(long, value_name = "TRACK", default_value = "all", value_parser = parse_track)]
    track: Tracks,
    /// Interval of the chest track in months, where the source gives none.
    #[arg(long, alias = "chest_interval", value_name = "MONTHS")]
    chest_interval: Option<u32>,
    /// Write the visits as an iCalendar file; it holds no patient label.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "study"])]
    ics: Option<PathBuf>,
    /// Study folder or worklist: which visits of each subject were kept, and which are overdue. Without --from each
    /// subject counts from its own end of treatment (resection_date or rt_end, the later one).
    #[arg(long, value_name = "INPUT", conflicts_with = "list")]
    study: Option<PathBuf>,
    /// Only these subjects of the study.
    #[arg(long, alias = "participant_label", value_name = "LABEL", num_args = 1.., requires = "study")]
    participant_label: Vec<String>,
    /// Day against which "overdue" is told, YYYY-MM-DD [default: the latest acq_time of the study].
    #[arg(long, alias = "as_of", value_name = "DATE", requires = "study", value_parser = super::parse_day)]
    as_of: Option<Date>,
    /// Name the schedules with their sources.
    #[arg(long)]
    list: bool,
}

/// The tracks that are wanted.
#[derive(Debug, Clone, Copy)]
struct Tracks(Option<TrackName>);

fn parse_track(text: &str) -> Result<Tracks, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Tracks(None));
    }
    text.parse().map(|track| Tracks(Some(track))).map_err(|_| "expected local, chest or all".to_owned())
}

pub(super) fn execute(arguments: &Arguments, global: &Global) -> Result<Outcome, Failure> {
    if arguments.list {
        return list(global);
    }
    let name = arguments.profile.as_deref().unwrap_or_default();
    let profile = find(name).map_err(usage)?;
    let request = Request {
        from: arguments.from.unwrap_or(Date::ZERO),
        end: arguments.end,
        years: arguments.years,
        track: arguments.track.0,
        chest_interval: arguments.chest_interval,
    };
    if let Some(input) = &arguments.study {
        return of_study(arguments, input, profile, request, global);
    }
    let plan = plan(profile, request).map_err(usage)?;
    if let Some(path) = &arguments.ics {
        let calendar = ics(profile, request, &plan);
        check_ours(path)?;
        write_file(path, calendar.as_bytes()).map_err(|error| Failure::new(Exit::Output, error))?;
    }
    if global.json {
        print_json(&plan_json(profile, request, &plan))?;
    } else {
        print(plan_text(profile, request, &plan).as_bytes())?;
    }
    let visits = counted(plan.visits.len(), "visit");
    Ok(Outcome::done(match &arguments.ics {
        Some(path) => format!("{visits}; calendar written to {}", path.display()),
        None => visits,
    }))
}

fn usage(error: ScheduleError) -> Failure {
    let hint = match error {
        ScheduleError::IntervalNeeded { .. } => " (--chest-interval)",
        _ => "",
    };
    Failure::new(Exit::Usage, anyhow::anyhow!("{error}{hint}"))
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    if global.json {
        let all: Vec<Value> = profiles().iter().map(profile_json).collect();
        print_json(&json!({ "profiles": all }))?;
    } else {
        let mut text = String::new();
        for profile in profiles() {
            let _ = writeln!(text, "{:<16} {}", profile.name, profile.title);
            let _ = writeln!(text, "{:<16} {}", "", profile.source);
        }
        print(text.as_bytes())?;
    }
    Ok(Outcome::silent())
}

/// A calendar that another program wrote is never replaced.
fn check_ours(path: &std::path::Path) -> Result<(), Failure> {
    let ours = match std::fs::read_to_string(path) {
        Ok(text) => text.contains("PRODID:-//relight//"),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if ours {
        return Ok(());
    }
    let words = format!("{} exists and was not written by relight: choose another file", path.display());
    Err(Failure::new(Exit::Output, anyhow::anyhow!(words)))
}

fn profile_json(profile: &Profile) -> Value {
    let tracks: Vec<Value> = profile
        .tracks
        .iter()
        .map(|track| {
            json!({
                "track": track.name, "modality": track.modality, "ionizing": track.ionizing, "only": track.only,
            })
        })
        .collect();
    json!({
        "profile": profile.name, "title": profile.title, "source": profile.source, "start": profile.start,
        "unit": profile.unit, "tracks": tracks,
    })
}

fn plan_json(profile: &Profile, request: Request, plan: &Plan) -> Value {
    let mut value = profile_json(profile);
    value["from"] = json!(request.from);
    value["end"] = json!(request.end);
    value["years"] = json!(request.years.or(profile.years));
    value["ionizing_studies"] = json!(plan.ionizing);
    value["notes"] = json!(plan.notes);
    value["visits"] = json!(plan.visits);
    value
}

fn head(profile: &Profile, request: Request) -> String {
    let (end, other) = match request.end {
        End::Tight => ("tight end: shortest interval, longest phase", End::Loose),
        End::Loose => ("loose end: longest interval, shortest phase", End::Tight),
    };
    format!(
        "{} ({})\nSource: {}\nShown: {end}; the other is --end {other}.\n",
        profile.title, profile.name, profile.source
    )
}

fn plan_text(profile: &Profile, request: Request, plan: &Plan) -> String {
    let mut text = head(profile, request);
    let _ = writeln!(text, "Counted from {} ({}).\n", request.from, profile.start);
    let _ =
        writeln!(text, "{:>5}  {:<10}  {:<5}  modality", profile.unit.as_str().trim_end_matches('s'), "date", "track");
    for visit in &plan.visits {
        let count = visit.month.or(visit.week).unwrap_or(0);
        let _ = writeln!(text, "{count:>5}  {}  {:<5}  {}", visit.date, visit.track.as_str(), visit.modality);
    }
    let _ = writeln!(
        text,
        "\n{}, of which {} with ionizing radiation.",
        counted(plan.visits.len(), "study").replace("studys", "studies"),
        plan.ionizing
    );
    for note in &plan.notes {
        let _ = writeln!(text, "Note: {note}");
    }
    text
}

fn of_study(
    arguments: &Arguments,
    input: &std::path::Path,
    profile: &Profile,
    request: Request,
    global: &Global,
) -> Result<Outcome, Failure> {
    let settings = global.load_settings()?;
    let options = StudyOptions { participant_labels: arguments.participant_label.clone(), ..Default::default() };
    let study = Study::open(input, &options, &settings.study).map_err(|error| Failure::new(Exit::Input, error))?;
    let as_of = arguments.as_of.or_else(|| study.latest_date()).ok_or_else(|| {
        Failure::new(Exit::Usage, anyhow::anyhow!("no session of the study has an acq_time: give --as-of DATE"))
    })?;
    let found = study_visits(&study, profile, request, arguments.from, as_of).map_err(usage)?;
    if global.json {
        let mut value = profile_json(profile);
        value["end"] = json!(request.end);
        value["as_of"] = json!(as_of);
        value["subjects"] = found.iter().map(SubjectVisits::json).collect();
        print_json(&value)?;
    } else {
        print(study_text(profile, request, &found, as_of).as_bytes())?;
    }
    let subjects = counted(found.len(), "subject");
    if profile.unit == Unit::Weeks {
        return Ok(Outcome::done(format!("{subjects} as of {as_of}; {WHILE_UNSETTLED}")));
    }
    let overdue: usize = found.iter().map(SubjectVisits::overdue).sum();
    Ok(Outcome::done(format!("{subjects}, {overdue} overdue as of {as_of}")))
}

/// Under rounds of follow-up.
const WHILE_UNSETTLED: &str =
    "rounds are due only while a lesion is indeterminate, which the study folder does not tell";

fn study_text(profile: &Profile, request: Request, found: &[SubjectVisits], as_of: Date) -> String {
    let mut text = head(profile, request);
    let _ = writeln!(text, "Told as of {as_of}.");
    for subject in found {
        let from = match &subject.from {
            Ok(from) => from,
            Err(problem) => {
                let _ = writeln!(text, "\n{}: no schedule: {problem}", subject.participant_id);
                continue;
            }
        };
        let _ = writeln!(
            text,
            "\n{}, counted from {from}; the source counts from: {}",
            subject.participant_id, profile.start
        );
        for planned in &subject.visits {
            let visit = &planned.attended.visit;
            let count = visit.month.or(visit.week).unwrap_or(0);
            let scan = planned.attended.scan.map_or_else(String::new, |scan| format!("  scan {scan}"));
            let _ =
                writeln!(text, "{count:>5}  {}  {:<5}  {}{scan}", visit.date, visit.track.as_str(), planned.status());
        }
    }
    text
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
