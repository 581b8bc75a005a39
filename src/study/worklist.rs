//! A worklist: a table that names the files of each session, for data that stand in no BIDS folder.

use std::collections::BTreeMap;
use std::path::Path;

use super::assemble::{check_exists, set_lesions};
use super::entities::{BidsName, with_prefix};
use super::error::StudyError;
use super::facts::{LesionFacts, ParticipantFacts, SessionFacts};
use super::file::InputFile;
use super::masks::{MaskGrid, MaskKind, MaskSource, datatype_of, grid_of};
use super::role::Role;
use super::session::{AslInputs, DceInputs, DscInputs, Image, PetInputs, SessionInputs};
use super::settings::{Settings, contains_word};
use super::sidecar::json_beside;
use super::tables::{Row, Table};
use crate::quality::Caveat;

/// Several masks of one session stand in one cell, parted by this.
const BETWEEN_MASKS: char = ';';

/// Subjects of a worklist with their sessions, in order of the labels.
pub(super) type Rows = BTreeMap<String, (ParticipantFacts, Vec<SessionInputs>)>;

/// Reads the rows of a worklist. What is wrong with one row is a problem of its session alone.
pub(super) fn read(table: &Table, folder: &Path, settings: &Settings) -> Result<Rows, StudyError> {
    table.require("participant_id")?;
    let mut subjects = Rows::new();
    let mut lines: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for row in table.rows() {
        let participant =
            row.text("participant_id").ok_or_else(|| row.wrong("participant_id", "expected a subject label"))?;
        let participant = with_prefix("sub-", participant);
        let session = row.text("session_id").map(|label| with_prefix("ses-", label));
        if let Some(first) = lines.insert((participant.clone(), session.clone()), row.line()) {
            let id = format!("{participant} {}", session.as_deref().unwrap_or_default()).trim().to_owned();
            let file = table.file().to_owned();
            return Err(StudyError::DuplicateRow { file, id, first, second: row.line() });
        }
        let mut inputs = SessionInputs::new(&participant, session);
        let facts = read_row(&row, folder, settings, &mut inputs);
        let (known, sessions) = subjects.entry(participant).or_default();
        if let Some(facts) = facts
            && let Err(column) = join(known, &facts)
        {
            inputs.problems.push(row.wrong(column, "differs from an earlier line of the same participant"));
        }
        sessions.push(inputs);
    }
    for (_, sessions) in subjects.values_mut() {
        sessions.sort_by(|one, other| one.session_id.cmp(&other.session_id));
    }
    Ok(subjects)
}

/// Reads one row; gives what it tells of the participant.
fn read_row(row: &Row<'_>, folder: &Path, settings: &Settings, inputs: &mut SessionInputs) -> Option<ParticipantFacts> {
    let mut caveats: Vec<Caveat> = Vec::new();
    let participant = keep(inputs, ParticipantFacts::read(row, &mut caveats));
    inputs.caveats.append(&mut caveats);
    inputs.facts = keep(inputs, SessionFacts::read(row)).unwrap_or_default();
    inputs.row_facts = keep(inputs, LesionFacts::read(row)).filter(|facts| *facts != LesionFacts::default());
    if let Some(facts) = &participant {
        inputs.body = facts.body;
    }
    let mut one = |role: Role| {
        let files = keep(inputs, files_of(row, role, folder, inputs)).unwrap_or_default();
        files.into_iter().next()
    };
    let [t1c, t1, flair, dsc, second_echo, asl, context, m0, dce, pet] = [
        Role::PostContrastT1,
        Role::T1,
        Role::Flair,
        Role::Dsc,
        Role::DscSecondEcho,
        Role::Asl,
        Role::AslContext,
        Role::M0,
        Role::Dce,
        Role::Pet,
    ]
    .map(&mut one);
    let image = |file: InputFile| Image { sidecars: json_beside(&file).into_iter().collect(), file };
    inputs.t1c = t1c.map(image);
    inputs.t1 = t1.map(image);
    inputs.flair = flair.map(image);
    inputs.dsc = dsc.map(|file| DscInputs { image: image(file), second_echo: second_echo.map(image) });
    inputs.asl = asl.map(|file| AslInputs { image: image(file), context, m0: m0.map(image) });
    inputs.dce = dce.map(|file| DceInputs { image: image(file), flip_angles: Vec::new(), t1_map: None });
    inputs.pet = pet
        .map(|file| {
            let by_name = BidsName::parse(file.file_name()).and_then(|name| name.entity("trc").map(str::to_owned));
            PetInputs { tracer_label: row.text("tracer").map(str::to_owned).or(by_name), image: image(file) }
        })
        .into_iter()
        .collect();
    let lesions = masks(row, Role::Lesions, folder, settings, inputs);
    set_lesions(inputs, lesions);
    inputs.reference = masks(row, Role::Reference, folder, settings, inputs);
    inputs.background = masks(row, Role::Background, folder, settings, inputs);
    inputs.brain = masks(row, Role::Brain, folder, settings, inputs);
    participant
}

fn keep<T>(inputs: &mut SessionInputs, read: Result<T, StudyError>) -> Option<T> {
    read.map_err(|problem| inputs.problems.push(problem)).ok()
}

/// The files that a cell names. A file whose name carries another subject or session is an error.
fn files_of(row: &Row<'_>, role: Role, folder: &Path, inputs: &SessionInputs) -> Result<Vec<InputFile>, StudyError> {
    let Some((column, cell)) = role.column().and_then(|column| Some((column, row.text(column)?))) else {
        return Ok(Vec::new());
    };
    let several = matches!(role, Role::Lesions | Role::Reference | Role::Brain | Role::Background);
    let names: Vec<&str> = if several { cell.split(BETWEEN_MASKS).map(str::trim).collect() } else { vec![cell] };
    let mut files = Vec::new();
    for name in names {
        let path = Path::new(name);
        let relative = if path.is_absolute() { None } else { Some(name.replace('\\', "/")) };
        let file = match relative {
            Some(relative) => InputFile::named(relative, folder.join(path)),
            None => InputFile::lone(path),
        };
        check_exists(&file, &format!("{}, column {column}", row.place()))?;
        check_subject(&file, row, inputs)?;
        files.push(file);
    }
    Ok(files)
}

fn check_subject(file: &InputFile, row: &Row<'_>, inputs: &SessionInputs) -> Result<(), StudyError> {
    let Some(name) = BidsName::parse(file.file_name()) else { return Ok(()) };
    let participant = Some(&inputs.participant_id);
    for (key, expected) in [("sub", participant), ("ses", inputs.session_id.as_ref())] {
        if let (Some(carried), Some(expected)) = (name.entity(key).map(|label| format!("{key}-{label}")), expected)
            && carried != *expected
        {
            let (file, place) = (file.relative().to_owned(), row.place());
            return Err(StudyError::Mixed { file, found: carried, place, expected: expected.clone() });
        }
    }
    Ok(())
}

fn masks(row: &Row<'_>, role: Role, folder: &Path, settings: &Settings, inputs: &mut SessionInputs) -> Vec<MaskSource> {
    let files = keep(inputs, files_of(row, role, folder, inputs)).unwrap_or_default();
    let mut masks = Vec::new();
    for file in files {
        let (kind, grid) = kind_and_grid(&file, role, settings);
        masks.extend(keep(inputs, MaskSource::open(file, kind, grid)));
    }
    masks
}

fn kind_and_grid(file: &InputFile, role: Role, settings: &Settings) -> (MaskKind, MaskGrid) {
    let Some(name) = BidsName::parse(file.file_name()) else { return (MaskKind::Undeclared, MaskGrid::Undeclared) };
    let lesion_label = name.entity("label").is_some_and(|label| contains_word(&settings.lesion_labels, label));
    let kind = match role {
        Role::Lesions if name.has_suffix("dseg") => MaskKind::Labels,
        Role::Lesions if name.has_suffix("mask") && lesion_label => MaskKind::Binary,
        Role::Lesions => MaskKind::Undeclared,
        _ => MaskKind::Binary,
    };
    (kind, grid_of(&name, &datatype_of(file.path())).unwrap_or(MaskGrid::Undeclared))
}

/// Adds what a row tells of a participant; the column that contradicts an earlier row is the error. Weight and height
/// may differ between sessions.
fn join(known: &mut ParticipantFacts, more: &ParticipantFacts) -> Result<(), &'static str> {
    macro_rules! cells {
        ($($column:ident),*) => {$(
            match (&known.$column, &more.$column) {
                (Some(one), Some(other)) if one != other => return Err(stringify!($column)),
                (None, Some(other)) => known.$column = Some(other.clone()),
                _ => {}
            }
        )*};
    }
    cells!(diagnosis, pathway, grade, site, center, resection_date, rt_end, rt_dose, rt_fractions);
    match (known.body.sex, more.body.sex) {
        (Some(one), Some(other)) if one != other => Err("sex"),
        (None, other) => {
            known.body.sex = other;
            Ok(())
        }
        _ => Ok(()),
    }
}
