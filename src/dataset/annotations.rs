//! Clinical findings that were told after measuring: an append-only table with the label of who told each.
//!
//! A line is never changed or removed. Of several lines about the same field the last one holds; `n/a` withdraws what
//! was told before. A line with a lesion goes before one about the whole session.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::description::ANNOTATION_COLUMNS;
use super::error::DatasetError;
use crate::lesion::{CellError, LesionRecord, MISSING, is_missing};

/// The table, at the root of the output.
const FILE: &str = "annotations.tsv";

closed_words! {
    /// What can be told of a lesion after it was measured.
    pub enum AnnotationField: "annotation field" {
        /// Symptoms at the visit.
        Symptoms = "symptoms",
        /// Change of the steroid dose.
        SteroidChange = "steroid_change",
        /// Anti-angiogenic therapy.
        Antiangiogenic = "antiangiogenic",
        /// Biopsy of this lesion.
        Histology = "histology",
        /// Place against the radiotherapy field.
        RtField = "rt_field",
        /// Whether the enhancement is new or larger.
        NewEnhancement = "new_enhancement",
        /// Whether the margins are clear.
        Margins = "margins",
    }
}

impl AnnotationField {
    /// Whether the field can be told of a whole session; the others are about one lesion.
    pub const fn of_session(self) -> bool {
        match self {
            Self::Symptoms | Self::SteroidChange | Self::Antiangiogenic => true,
            Self::Histology | Self::RtField | Self::NewEnhancement | Self::Margins => false,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// `sub-…`.
    pub participant_id: String,
    /// `ses-…`; `None` where the subject has no session folders.
    pub session_id: Option<String>,
    /// Label of the lesion; `None` for the whole session.
    pub lesion: Option<String>,
    /// What is told.
    pub field: AnnotationField,
    /// Its word; `n/a` withdraws it.
    pub value: String,
    /// Label of the person who told it.
    pub by: String,
}

impl Annotation {
    /// An error where the word is not one of its field, or a label would break the table.
    pub fn check(&self) -> Result<(), String> {
        LesionRecord::default().set(self.field.as_str(), &self.value).map_err(|error| error.to_string())?;
        if self.lesion.is_none() && !self.field.of_session() {
            return Err(format!("{} is about one lesion: expected its label", self.field));
        }
        if self.by.trim().is_empty() || is_missing(self.by.trim()) {
            return Err("expected the label of the person who tells it".to_owned());
        }
        for (name, text) in [("by", Some(&self.by)), ("lesion", self.lesion.as_ref())] {
            if text.is_some_and(|text| text.contains(char::is_control) || text.trim() != text.as_str()) {
                return Err(format!("{name} holds a tab, a line break or blanks at its ends"));
            }
        }
        Ok(())
    }

    /// The line, without its end.
    fn line(&self) -> String {
        let or_missing = |text: &Option<String>| text.clone().unwrap_or_else(|| MISSING.to_owned());
        [
            self.participant_id.clone(),
            or_missing(&self.session_id),
            or_missing(&self.lesion),
            self.field.to_string(),
            self.value.clone(),
            self.by.clone(),
        ]
        .join("\t")
    }

    /// In words, such as `Told by KL: histology tumor.`
    pub fn words(&self) -> String {
        let field = self.field.as_str().replace('_', " ");
        if is_missing(&self.value) {
            format!("Withdrawn by {}: {field}.", self.by)
        } else {
            format!("Told by {}: {field} {}.", self.by, self.value.replace('_', " "))
        }
    }
}

/// The table of an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations(Vec<Annotation>);

impl Annotations {
    /// Reads the table; no file means no annotation.
    pub fn read(root: &Path) -> Result<Self, DatasetError> {
        let text = match fs::read_to_string(root.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(DatasetError::unreadable(FILE, &error)),
        };
        let broken =
            |line: usize, problem: String| DatasetError::Table { file: FILE.to_owned(), line: Some(line), problem };
        let expected = ANNOTATION_COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\t");
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        match lines.next() {
            Some((_, header)) if header.trim_end() == expected => {}
            found => {
                let found = found.map_or("", |(_, header)| header);
                return Err(broken(1, format!("expected the header {expected:?}, found {found:?}")));
            }
        }
        let mut annotations = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
            let [participant, session, lesion, field, value, by] = cells[..] else {
                return Err(broken(index + 1, format!("expected 6 cells, found {}", cells.len())));
            };
            let known = |text: &str| (!is_missing(text)).then(|| text.to_owned());
            let annotation = Annotation {
                participant_id: participant.to_owned(),
                session_id: known(session),
                lesion: known(lesion),
                field: field
                    .parse()
                    .map_err(|error: crate::words::UnknownWord| broken(index + 1, error.to_string()))?,
                value: value.to_owned(),
                by: by.to_owned(),
            };
            annotation.check().map_err(|problem| broken(index + 1, problem))?;
            annotations.push(annotation);
        }
        Ok(Self(annotations))
    }

    /// Adds lines at the end of the table. They are written at once, so that no line is ever half there.
    pub fn append(root: &Path, annotations: &[Annotation]) -> Result<(), DatasetError> {
        let unwritable = |error: std::io::Error| DatasetError::unwritable(FILE, &error);
        let path = root.join(FILE);
        // A table whose last line was left without an end must not swallow the next one.
        let ended = fs::read(&path).map(|bytes| bytes.last().is_none_or(|&last| last == b'\n')).unwrap_or(true);
        let mut text = if ended { String::new() } else { "\n".to_owned() };
        for annotation in annotations {
            text.push_str(&annotation.line());
            text.push('\n');
        }
        let mut file = fs::File::options().append(true).open(&path).map_err(unwritable)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)
    }

    /// Those of one session, in order.
    pub fn of_session(&self, participant_id: &str, session_id: Option<&str>) -> Vec<Annotation> {
        let is_of = |annotation: &&Annotation| {
            annotation.participant_id == participant_id && annotation.session_id.as_deref() == session_id
        };
        self.0.iter().filter(is_of).cloned().collect()
    }
}

/// The annotations of a session as one text: part of its run identifier.
pub fn annotations_text(annotations: &[Annotation]) -> String {
    annotations.iter().map(|annotation| annotation.line() + "\n").collect()
}

/// Those that hold for a lesion: about the whole session first, then about the lesion, each in order.
pub fn holding<'a>(annotations: &'a [Annotation], lesion: Option<&str>) -> impl Iterator<Item = &'a Annotation> {
    let lesion = lesion.map(str::to_owned);
    let whole = annotations.iter().filter(|annotation| annotation.lesion.is_none());
    let own = annotations.iter().filter(move |annotation| annotation.lesion.is_some() && annotation.lesion == lesion);
    whole.chain(own)
}

/// Sets the columns of a lesion that were told of it.
pub fn annotate(record: &mut LesionRecord, annotations: &[Annotation]) -> Result<(), CellError> {
    for annotation in holding(annotations, record.lesion.clone().as_deref()) {
        record.set(annotation.field.as_str(), &annotation.value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinical::{Histology, Symptoms};

    fn told(lesion: Option<&str>, field: AnnotationField, value: &str) -> Annotation {
        Annotation {
            participant_id: "sub-01".to_owned(),
            session_id: Some("ses-02".to_owned()),
            lesion: lesion.map(str::to_owned),
            field,
            value: value.to_owned(),
            by: "reader-1".to_owned(),
        }
    }

    fn table() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let header = ANNOTATION_COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\t");
        fs::write(folder.path().join(FILE), header + "\n").unwrap();
        folder
    }

    #[test]
    fn lines_are_added_and_none_is_changed() {
        let folder = table();
        let first = [told(Some("1"), AnnotationField::Histology, "tumour")];
        Annotations::append(folder.path(), &first).unwrap();
        let before = fs::read_to_string(folder.path().join(FILE)).unwrap();
        let second = [told(None, AnnotationField::Symptoms, "new"), told(Some("1"), AnnotationField::Histology, "n/a")];
        Annotations::append(folder.path(), &second).unwrap();
        assert!(fs::read_to_string(folder.path().join(FILE)).unwrap().starts_with(&before));
        let read = Annotations::read(folder.path()).unwrap();
        assert_eq!(read.of_session("sub-01", Some("ses-02")), [&first[..], &second[..]].concat());
        assert!(read.of_session("sub-01", None).is_empty() && read.of_session("sub-02", Some("ses-02")).is_empty());
    }

    #[test]
    fn the_last_line_holds_and_the_lesion_goes_before_the_session() {
        let mut record = LesionRecord { lesion: Some("1".to_owned()), ..Default::default() };
        let lines = [
            told(Some("1"), AnnotationField::Symptoms, "none"),
            told(None, AnnotationField::Symptoms, "new"),
            told(Some("2"), AnnotationField::Histology, "necrosis"),
            told(Some("1"), AnnotationField::Histology, "necrosis"),
            told(Some("1"), AnnotationField::Histology, "mixed"),
        ];
        annotate(&mut record, &lines).unwrap();
        assert_eq!((record.symptoms, record.histology), (Some(Symptoms::None), Some(Histology::Mixed)));
        annotate(&mut record, &[told(Some("1"), AnnotationField::Histology, "n/a")]).unwrap();
        assert_eq!(record.histology, None);
    }

    #[test]
    fn words_outside_their_vocabulary_are_refused() {
        assert!(told(Some("1"), AnnotationField::Histology, "benign").check().unwrap_err().contains("benign"));
        assert!(told(None, AnnotationField::Histology, "tumor").check().unwrap_err().contains("one lesion"));
        let nobody = Annotation { by: String::new(), ..told(None, AnnotationField::Symptoms, "new") };
        assert!(nobody.check().is_err());
        let broken = Annotation { by: "a\tb".to_owned(), ..nobody };
        assert!(broken.check().is_err());
        let folder = table();
        fs::write(folder.path().join(FILE), "participant_id\tx\n").unwrap();
        assert!(Annotations::read(folder.path()).unwrap_err().to_string().contains("line 1"));
    }
}
