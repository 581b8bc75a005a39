//! The inventory in words and as JSON: what `--dry-run` prints.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::inventory::{Study, StudyForm, Subject};
use super::masks::{MaskSource, MaskTarget, SeriesKind};
use super::privacy::label_concern;
use super::role::Role;
use super::session::{Image, Readiness, SessionInputs};

/// One line of an inventory.
struct Line {
    role: Role,
    file: String,
    remark: String,
}

impl Study {
    /// The inventory as text: a head line, then each session with what was found, what is missing and which pattern was
    /// tried.
    pub fn describe(&self) -> String {
        let mut text = format!("{}\n", self.headline());
        for note in self.notes() {
            let _ = writeln!(text, "  note  {note}");
        }
        for subject in &self.subjects {
            let pathway = subject.pathway.pathway.map_or("unknown", |pathway| pathway.as_str());
            for session in &subject.sessions {
                let _ = writeln!(
                    text,
                    "\n{}   {}   pathway {pathway} ({})",
                    session.stem().replace('_', "  "),
                    session.date().map_or_else(|| "date not given".to_owned(), |date| date.to_string()),
                    subject.pathway.because
                );
                text.push_str(&session_text(session));
            }
        }
        let _ = writeln!(text, "\n{}", self.summary());
        text
    }

    /// The inventory as JSON.
    pub fn json(&self) -> Value {
        json!({
            "title": self.title,
            "form": self.form_words(),
            "lesion_pipeline": self.lesion_pipeline,
            "notes": self.notes(),
            "sessions": self.subjects.iter().flat_map(sessions_json).collect::<Vec<_>>(),
        })
    }

    fn headline(&self) -> String {
        let masks = match self.lesion_pipeline.as_deref() {
            Some(".") => "lesion masks from derivatives".to_owned(),
            Some(name) => format!("lesion masks from derivatives/{name}"),
            None if self.form == StudyForm::Worklist => "lesion masks as listed".to_owned(),
            None => "no derivative holds lesion masks".to_owned(),
        };
        let sessions = self.sessions().count();
        let counts = format!("{}, {}", counted(self.subjects.len(), "subject"), counted(sessions, "session"));
        format!("{}: {}, {counts}, {masks}", self.title, self.form_words())
    }

    fn summary(&self) -> String {
        let count = |wanted: &dyn Fn(Readiness<'_>) -> bool| self.sessions().filter(|s| wanted(s.readiness())).count();
        format!(
            "{} to measure, {} without a series or a lesion mask, {} with a fault",
            counted(count(&|readiness| readiness == Readiness::Ready), "session"),
            count(&|readiness| readiness == Readiness::NothingToMeasure),
            count(&|readiness| matches!(readiness, Readiness::Broken(_))),
        )
    }

    fn form_words(&self) -> &'static str {
        match self.form {
            StudyForm::Folder => "BIDS folder",
            StudyForm::Worklist => "worklist",
        }
    }

    fn notes(&self) -> Vec<String> {
        let concerns = self.subjects.iter().filter_map(|subject| {
            let concern = label_concern(&subject.participant_id)?;
            Some(format!("a subject label {concern}: outputs carry labels, so use pseudonyms"))
        });
        self.notes.iter().cloned().chain(concerns.take(1)).collect()
    }
}

fn sessions_json(subject: &Subject) -> Vec<Value> {
    let of = |session: &SessionInputs| {
        let found: Vec<Value> = found(session)
            .into_iter()
            .map(|line| json!({"role": line.role.title(), "file": line.file, "remark": line.remark}))
            .collect();
        let missing: Vec<Value> = session
            .missing
            .iter()
            .map(|missing| json!({"role": missing.role.title(), "tried": missing.tried}))
            .collect();
        let ignored: Vec<Value> =
            session.ignored.iter().map(|file| json!({"file": file.file, "reason": file.reason})).collect();
        json!({
            "participant_id": session.participant_id,
            "session_id": session.session_id,
            "date": session.date().map(|date| date.to_string()),
            "pathway": subject.pathway.pathway,
            "pathway_because": subject.pathway.because,
            "ready": session.readiness() == Readiness::Ready,
            "found": found,
            "missing": missing,
            "ignored": ignored,
            "caveats": session.caveats.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "problems": session.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    subject.sessions.iter().map(of).collect()
}

fn session_text(session: &SessionInputs) -> String {
    const ROLE_WIDTH: usize = 18;
    let mut text = String::new();
    let mut line = |mark: &str, role: &str, rest: &str| {
        let _ = writeln!(text, "  {mark}  {role:ROLE_WIDTH$} {rest}");
    };
    let found = found(session);
    for role in Role::ALL {
        for Line { file, remark, .. } in found.iter().filter(|line| line.role == *role) {
            let remark = if remark.is_empty() { String::new() } else { format!("  ({remark})") };
            line("found  ", role.title(), &format!("{file}{remark}"));
        }
        for missing in session.missing.iter().filter(|missing| missing.role == *role) {
            line("missing", role.title(), &missing.tried);
        }
    }
    for ignored in &session.ignored {
        line("unused ", "", &format!("{}: {}", ignored.file, ignored.reason));
    }
    for caveat in &session.caveats {
        line("caveat ", "", &caveat.to_string());
    }
    for problem in &session.problems {
        line("FAULT  ", "", &problem.to_string());
    }
    let verdict = match session.readiness() {
        Readiness::Ready => "will be measured",
        Readiness::NothingToMeasure => "will not be measured: it takes one series and one lesion mask",
        Readiness::Broken(_) => "will not be measured: see the fault above",
    };
    let _ = writeln!(text, "  {verdict}");
    text
}

fn found(session: &SessionInputs) -> Vec<Line> {
    let mut lines = Vec::new();
    let anatomy = [(Role::PostContrastT1, &session.t1c), (Role::T1, &session.t1), (Role::Flair, &session.flair)];
    for (role, found) in anatomy {
        lines.extend(found.iter().map(|found| image_line(role, found)));
    }
    if let Some(dsc) = &session.dsc {
        lines.push(image_line(Role::Dsc, &dsc.image));
        lines.extend(dsc.second_echo.iter().map(|second| image_line(Role::DscSecondEcho, second)));
    }
    if let Some(asl) = &session.asl {
        lines.push(image_line(Role::Asl, &asl.image));
        lines.extend(asl.m0.iter().map(|m0| image_line(Role::M0, m0)));
    }
    if let Some(dce) = &session.dce {
        lines.push(image_line(Role::Dce, &dce.image));
        lines.extend(dce.flip_angles.iter().map(|image| image_line(Role::FlipAngles, image)));
        lines.extend(dce.t1_map.iter().map(|map| image_line(Role::T1Map, map)));
    }
    for pet in &session.pet {
        let mut line = image_line(Role::Pet, &pet.image);
        if let Some(tracer) = pet.tracer() {
            line.remark = format!("{tracer}, {}", line.remark);
        }
        lines.push(line);
    }
    if let Some(context) = session.asl.as_ref().and_then(|asl| asl.context.as_ref()) {
        lines.push(Line { role: Role::AslContext, file: context.relative().to_owned(), remark: String::new() });
    }
    for (role, masks) in [
        (Role::Lesions, &session.lesions),
        (Role::Reference, &session.reference),
        (Role::Brain, &session.brain),
        (Role::Background, &session.background),
    ] {
        for mask in masks {
            let remark = match role {
                Role::Lesions => format!("{}, {}", mask.grid.describe(), uses(session, mask)),
                _ => mask.grid.describe(),
            };
            lines.push(Line { role, file: mask.file.relative().to_owned(), remark });
        }
    }
    for transform in &session.transforms {
        let remark = format!("{} to {}", transform.from, transform.to);
        lines.push(Line { role: Role::Transform, file: transform.file.relative().to_owned(), remark });
    }
    lines
}

fn image_line(role: Role, image: &Image) -> Line {
    let remark = match image.sidecars.len() {
        0 => "no sidecar".to_owned(),
        count => counted(count, "sidecar"),
    };
    Line { role, file: image.file.relative().to_owned(), remark }
}

/// What a lesion mask serves.
fn uses(session: &SessionInputs, mask: &MaskSource) -> String {
    let tracers: Vec<_> = session.pet.iter().map(|pet| pet.tracer()).collect();
    let series = [
        (MaskTarget::Series(SeriesKind::Dsc), session.dsc.is_some(), "DSC"),
        (MaskTarget::Series(SeriesKind::Asl), session.asl.is_some(), "ASL"),
        (MaskTarget::Series(SeriesKind::Dce), session.dce.is_some(), "DCE"),
        (MaskTarget::Anatomy, true, "volume"),
    ];
    let serves = |target| session.lesions_for(target).is_some_and(|chosen| chosen.file == mask.file);
    let mut words: Vec<String> = Vec::new();
    for (target, present, word) in series {
        if present && serves(target) {
            words.push(word.to_owned());
        }
    }
    for tracer in &tracers {
        if serves(MaskTarget::Pet(tracer.as_ref())) {
            words.push(tracer.as_ref().map_or_else(|| "PET".to_owned(), |tracer| format!("{tracer} PET")));
        }
    }
    if words.is_empty() { "not used".to_owned() } else { format!("serves {}", words.join(", ")) }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
