//! From the files of a session to the roles that they serve.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::entities::BidsName;
use super::error::StudyError;
use super::facts::LesionFacts;
use super::file::InputFile;
use super::masks::{Derived, MaskSource, classify};
use super::role::Role;
use super::session::{
    AslInputs, DceInputs, DscInputs, Ignored, Image, Missing, PetInputs, SessionInputs, TransformFile,
};
use super::settings::{Settings, SeveralFiles};
use super::sidecar::{Sidecar, StudySidecars};
use crate::clinical::Tracer;
use crate::quality::{Caveat, CaveatCode};

/// A file of a session with its name taken apart.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub file: InputFile,
    pub name: BidsName,
    /// The folder it stands in, such as `perf`.
    pub datatype: String,
}

/// A file of a session in a derivative.
#[derive(Debug, Clone)]
pub(super) struct ListedDerivative {
    pub listed: Listed,
    pub pipeline: String,
    /// Whether the pipeline writes tissue classes as `_dseg`.
    pub tissue: bool,
}

/// Role of a raw file by its name, or the reason why it has none though it looks like one of ours.
fn role_of(listed: &Listed, settings: &Settings) -> Result<Option<Role>, String> {
    let name = &listed.name;
    if name.has_suffix("aslcontext") && name.has_extension(".tsv") {
        return Ok(Some(Role::AslContext));
    }
    if !name.is_image() {
        return Ok(None);
    }
    let bold_as_dsc = name.has_suffix("bold") && name.entity("ce").is_some() && settings.contrast_bold_is_dsc;
    if name.has_suffix("dsc") || bold_as_dsc {
        if let Some(part) = name.entity("part").filter(|part| *part != "mag") {
            return Err(format!("part-{part}: the magnitude is measured"));
        }
        return match name.entity("echo").map(|echo| echo.parse::<u32>()) {
            None | Some(Ok(1)) => Ok(Some(Role::Dsc)),
            Some(Ok(2)) => Ok(Some(Role::DscSecondEcho)),
            Some(_) => Err("only echo-1 and echo-2 are read".to_owned()),
        };
    }
    if name.has_suffix("bold") && name.entity("ce").is_some() {
        return Err("a bold series with contrast is read as DSC only with study.contrast_bold_is_dsc".to_owned());
    }
    if name.has_suffix("m0scan") && listed.datatype == "fmap" {
        return Err("an M0 scan in fmap/ is for distortion correction".to_owned());
    }
    if name.has_suffix("pet") && name.entity("rec").is_some_and(|rec| rec.to_ascii_lowercase().starts_with("nac")) {
        return Err("not corrected for attenuation".to_owned());
    }
    let by_suffix = [
        ("flair", Role::Flair),
        ("asl", Role::Asl),
        ("m0scan", Role::M0),
        ("dce", Role::Dce),
        ("vfa", Role::FlipAngles),
        ("t1map", Role::T1Map),
        ("pet", Role::Pet),
    ];
    if name.has_suffix("t1w") {
        return Ok(Some(if name.entity("ce").is_some() { Role::PostContrastT1 } else { Role::T1 }));
    }
    Ok(by_suffix.iter().find(|(suffix, _)| name.has_suffix(suffix)).map(|(_, role)| *role))
}

/// Gives each raw file of a session its role.
pub(super) fn add_images(
    session: &mut SessionInputs,
    files: Vec<Listed>,
    sidecars: &StudySidecars,
    settings: &Settings,
) {
    let mut by_role: BTreeMap<Role, Vec<Listed>> = BTreeMap::new();
    for listed in files {
        match role_of(&listed, settings) {
            Ok(Some(role)) => by_role.entry(role).or_default().push(listed),
            Ok(None) => {}
            Err(reason) => session.ignored.push(Ignored { file: listed.file.relative().to_owned(), reason }),
        }
    }
    if !by_role.contains_key(&Role::PostContrastT1) {
        move_contrast_t1(session, &mut by_role, sidecars);
    }
    let mut take = |role: Role| by_role.remove(&role).unwrap_or_default();
    let mut chooser = Chooser { session, sidecars, settings };
    let t1c = chooser.image(Role::PostContrastT1, take(Role::PostContrastT1));
    let t1 = chooser.image(Role::T1, take(Role::T1));
    let flair = chooser.image(Role::Flair, take(Role::Flair));
    let dsc = chooser.image(Role::Dsc, take(Role::Dsc));
    let second_echo = chooser.image(Role::DscSecondEcho, take(Role::DscSecondEcho));
    let asl = chooser.image(Role::Asl, take(Role::Asl));
    let context = chooser.one(Role::AslContext, take(Role::AslContext));
    let m0 = chooser.image(Role::M0, take(Role::M0));
    let dce = chooser.image(Role::Dce, take(Role::Dce));
    let t1_map = chooser.image(Role::T1Map, take(Role::T1Map));
    let flip_angles: Vec<Image> =
        take(Role::FlipAngles).into_iter().filter_map(|listed| chooser.opened(listed.file)).collect();
    let mut by_tracer: BTreeMap<Option<Tracer>, Vec<Listed>> = BTreeMap::new();
    for listed in take(Role::Pet) {
        by_tracer.entry(listed.name.entity("trc").map(Tracer::from_name)).or_default().push(listed);
    }
    let mut pet = Vec::new();
    for images in by_tracer.into_values() {
        let tracer_label = images[0].name.entity("trc").map(str::to_owned);
        pet.extend(chooser.image(Role::Pet, images).map(|image| PetInputs { image, tracer_label }));
    }
    if dsc.is_none()
        && let Some(second) = &second_echo
    {
        let ignored =
            Ignored { file: second.file.relative().to_owned(), reason: "a second echo without a first".to_owned() };
        session.ignored.push(ignored);
    }
    session.t1c = t1c;
    session.t1 = t1;
    session.flair = flair;
    session.dsc = dsc.map(|image| DscInputs { image, second_echo });
    session.asl = asl.map(|image| AslInputs { image, context, m0 });
    session.dce = dce.map(|image| DceInputs { image, flip_angles, t1_map });
    session.pet = pet;
}

/// A T1w without `ce-` whose sidecar names a contrast agent is a T1 after contrast.
fn move_contrast_t1(session: &mut SessionInputs, by_role: &mut BTreeMap<Role, Vec<Listed>>, sidecars: &StudySidecars) {
    let Some(plain) = by_role.remove(&Role::T1) else { return };
    for listed in plain {
        let sidecar = sidecars.applicable(&listed.file).and_then(|files| Sidecar::read(&listed.file, &files));
        let role = match sidecar {
            Ok(sidecar) => match sidecar.value("ContrastBolusIngredient") {
                Some(Value::String(agent)) if !agent.eq_ignore_ascii_case("none") => Role::PostContrastT1,
                _ => Role::T1,
            },
            Err(problem) => {
                session.problems.push(problem);
                Role::T1
            }
        };
        by_role.entry(role).or_default().push(listed);
    }
}

/// Picks the one file of each role and says what is wrong.
struct Chooser<'a> {
    session: &'a mut SessionInputs,
    sidecars: &'a StudySidecars,
    settings: &'a Settings,
}

impl Chooser<'_> {
    fn image(&mut self, role: Role, candidates: Vec<Listed>) -> Option<Image> {
        let file = self.one(role, candidates)?;
        self.opened(file)
    }

    fn one(&mut self, role: Role, candidates: Vec<Listed>) -> Option<InputFile> {
        let mut files: Vec<InputFile> = candidates.into_iter().map(|listed| listed.file).collect();
        files.sort();
        let chosen = match (files.len(), self.settings.several_files) {
            (0, _) => return None,
            (1, _) => files.remove(0),
            (_, SeveralFiles::Error) => {
                let files = files.iter().map(|file| file.relative().to_owned()).collect();
                self.session.problems.push(StudyError::SeveralFiles { role: role.title().to_owned(), files });
                return None;
            }
            (count, choice) => {
                let index = if choice == SeveralFiles::First { 0 } else { count - 1 };
                let chosen = files.remove(index);
                let others: Vec<&str> = files.iter().map(InputFile::relative).collect();
                let detail = format!("{role}: {chosen} was used, not {}", others.join(", "));
                self.session.caveats.push(Caveat::new(CaveatCode::OneOfSeveralFiles, detail));
                chosen
            }
        };
        match check_exists(&chosen, "the study folder") {
            Ok(()) => Some(chosen),
            Err(problem) => {
                self.session.problems.push(problem);
                None
            }
        }
    }

    fn opened(&mut self, file: InputFile) -> Option<Image> {
        match self.sidecars.applicable(&file) {
            Ok(sidecars) => Some(Image { file, sidecars }),
            Err(problem) => {
                self.session.problems.push(problem);
                None
            }
        }
    }
}

/// An error where a file that is listed or named is not there.
pub(super) fn check_exists(file: &InputFile, place: &str) -> Result<(), StudyError> {
    if file.path().is_file() {
        return Ok(());
    }
    let link = file.path().symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    Err(StudyError::MissingFile { file: file.relative().to_owned(), place: place.to_owned(), link })
}

/// Gives the files of the derivatives their roles. Lesion masks come from `lesions` alone; the other masks and the
/// transforms from there first, else from the only other derivative that holds them.
pub(super) fn add_derivatives(
    session: &mut SessionInputs,
    files: Vec<ListedDerivative>,
    lesions: Option<&str>,
    settings: &Settings,
) {
    let mut masks: BTreeMap<Role, Vec<(bool, MaskSource)>> = BTreeMap::new();
    let mut transforms: Vec<(bool, TransformFile)> = Vec::new();
    for ListedDerivative { listed: Listed { file, name, datatype }, pipeline, tissue } in files {
        let ours = lesions == Some(pipeline.as_str());
        let (role, kind, grid) = match classify(&name, &datatype, tissue, settings) {
            Derived::Unrelated => continue,
            Derived::Ignored(reason) => {
                session.ignored.push(Ignored { file: file.relative().to_owned(), reason });
                continue;
            }
            Derived::Transform { from, to } => {
                transforms.push((ours, TransformFile { file, from, to }));
                continue;
            }
            Derived::Lesions(..) if !ours => continue,
            Derived::Lesions(kind, grid) => (Role::Lesions, kind, grid),
            Derived::Reference(grid) => (Role::Reference, super::masks::MaskKind::Binary, grid),
            Derived::Background(grid) => (Role::Background, super::masks::MaskKind::Binary, grid),
            Derived::Brain(grid) => (Role::Brain, super::masks::MaskKind::Binary, grid),
        };
        let opened = check_exists(&file, "derivatives").and_then(|()| MaskSource::open(file, kind, grid));
        match opened {
            Ok(mask) => masks.entry(role).or_default().push((ours, mask)),
            Err(problem) => session.problems.push(problem),
        }
    }
    let mut take = |role: Role| {
        let found = preferred(masks.remove(&role).unwrap_or_default(), MaskSource::place);
        session.problems.extend(twice(role, &found, MaskSource::place, |mask| mask.file.relative()));
        found
    };
    let (lesions, reference, brain) = (take(Role::Lesions), take(Role::Reference), take(Role::Brain));
    let background = take(Role::Background);
    set_lesions(session, lesions);
    session.reference = reference;
    session.brain = brain;
    session.background = background;
    let ends = |transform: &TransformFile| (transform.from.clone(), transform.to.clone());
    let transforms = preferred(transforms, ends);
    session.problems.extend(twice(Role::Transform, &transforms, ends, |transform| transform.file.relative()));
    session.transforms = transforms;
}

/// Sets the lesion masks and joins the facts of their label tables.
pub(super) fn set_lesions(session: &mut SessionInputs, masks: Vec<MaskSource>) {
    for mask in &masks {
        for (label, facts) in &mask.facts {
            let known = session.lesion_facts.entry(*label).or_default();
            if let Err(column) = join(known, facts) {
                let file = mask.table.as_ref().map_or_else(String::new, |table| table.relative().to_owned());
                let problem =
                    format!("label {label}: {column} differs from the label table of another mask of the session");
                session.problems.push(StudyError::Table { file, problem });
            }
        }
    }
    session.lesions = masks;
}

/// Adds facts to known ones; the column that contradicts them is the error.
fn join(known: &mut LesionFacts, more: &LesionFacts) -> Result<(), &'static str> {
    fn cell<T: Clone + PartialEq>(
        known: &mut Option<T>,
        more: &Option<T>,
        column: &'static str,
    ) -> Result<(), &'static str> {
        match (known.as_ref(), more) {
            (Some(known), Some(more)) if known != more => Err(column),
            (None, Some(more)) => {
                *known = Some(more.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }
    cell(&mut known.name, &more.name, "name")?;
    cell(&mut known.histology, &more.histology, "histology")?;
    cell(&mut known.rt_field, &more.rt_field, "rt_field")?;
    cell(&mut known.new_enhancement, &more.new_enhancement, "new_enhancement")?;
    cell(&mut known.compartment, &more.compartment, "compartment")?;
    cell(&mut known.margins, &more.margins, "margins")
}

/// At each place, what comes from the lesion pipeline where it holds any, else all.
fn preferred<T, K: Ord>(found: Vec<(bool, T)>, place: impl Fn(&T) -> K) -> Vec<T> {
    let held: BTreeSet<K> = found.iter().filter(|(ours, _)| *ours).map(|(_, item)| place(item)).collect();
    let wanted = |(ours, item): &(bool, T)| *ours || !held.contains(&place(item));
    found.into_iter().filter(wanted).map(|(_, item)| item).collect()
}

/// An error for each place that several files claim.
fn twice<T, K: Ord>(role: Role, items: &[T], place: impl Fn(&T) -> K, file: impl Fn(&T) -> &str) -> Vec<StudyError> {
    let mut by_place: BTreeMap<K, Vec<String>> = BTreeMap::new();
    for item in items {
        by_place.entry(place(item)).or_default().push(file(item).to_owned());
    }
    by_place
        .into_values()
        .filter(|files| files.len() > 1)
        .map(|files| StudyError::SeveralFiles { role: format!("{} on one grid", role.title()), files })
        .collect()
}

/// Names what a session lacks. `tried` gives the pattern or column of a role.
pub(super) fn note_missing(session: &mut SessionInputs, tried: impl Fn(Role) -> Option<String>) {
    let mut lacks = vec![
        (Role::PostContrastT1, session.t1c.is_none()),
        (Role::T1, session.t1.is_none()),
        (Role::Flair, session.flair.is_none()),
        (Role::Dsc, session.dsc.is_none()),
        (Role::Asl, session.asl.is_none()),
        (Role::Dce, session.dce.is_none()),
        (Role::Pet, session.pet.is_empty()),
        (Role::Lesions, session.lesions.is_empty()),
        (Role::Reference, session.reference.is_empty()),
        (Role::Brain, session.brain.is_empty()),
    ];
    if let Some(asl) = &session.asl {
        lacks.extend([(Role::AslContext, asl.context.is_none()), (Role::M0, asl.m0.is_none())]);
    }
    if let Some(dce) = &session.dce {
        lacks.push((Role::FlipAngles, dce.flip_angles.is_empty() && dce.t1_map.is_none()));
    }
    for (role, lacking) in lacks {
        if lacking && let Some(tried) = tried(role) {
            session.missing.push(Missing { role, tried });
        }
    }
}
