//! JSON sidecars: BIDS inheritance, keys without regard to case, one value or one per frame, `n/a` for missing
//! (BIDS 1.10, "The Inheritance Principle").

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::entities::{BidsName, split_extension};
use super::error::StudyError;
use super::file::InputFile;
use crate::words::is_missing;

/// The fields that apply to one image, each with the file that gives it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sidecar {
    fields: BTreeMap<String, Field>,
    files: Vec<InputFile>,
    image: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    value: Value,
    file: String,
}

impl Sidecar {
    /// Reads sidecars from the highest level to the lowest; a lower level replaces fields of a higher one.
    pub fn read(image: &InputFile, files: &[InputFile]) -> Result<Self, StudyError> {
        let mut sidecar = Self { fields: BTreeMap::new(), files: files.to_vec(), image: image.relative().to_owned() };
        for file in files {
            sidecar.add(file)?;
        }
        Ok(sidecar)
    }

    /// The sidecar beside a lone image: the same name with `.json`. No file there means no fields.
    pub fn beside(image: &Path) -> Result<Self, StudyError> {
        let image = InputFile::lone(image);
        Self::read(&image, &json_beside(&image).into_iter().collect::<Vec<_>>())
    }

    /// The files that were read, highest level first.
    pub fn files(&self) -> &[InputFile] {
        &self.files
    }

    /// The last file that was read, or the image where there is none: what an error about a missing field names.
    pub fn name(&self) -> &str {
        self.files.last().map_or(&self.image, InputFile::relative)
    }

    /// The file that gives a field; the lowest sidecar where none does.
    pub fn source_of(&self, field: &str) -> &str {
        self.fields.get(&field.to_ascii_lowercase()).map_or_else(|| self.name(), |field| field.file.as_str())
    }

    /// The raw value of a field; `None` where it is absent, `null`, or `n/a`.
    pub fn value(&self, field: &str) -> Option<&Value> {
        let value = &self.fields.get(&field.to_ascii_lowercase())?.value;
        match value {
            Value::Null => None,
            Value::String(text) if is_missing(text.trim()) => None,
            Value::Array(items) if items.is_empty() => None,
            _ => Some(value),
        }
    }

    /// A word or sentence.
    pub fn text(&self, field: &str) -> Result<Option<&str>, StudyError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim())),
            Some(Value::Array(items)) if items.len() == 1 => match &items[0] {
                Value::String(text) => Ok(Some(text.trim())),
                other => Err(self.wrong(field, other, "a text")),
            },
            Some(other) => Err(self.wrong(field, other, "a text")),
        }
    }

    /// A number; an array must hold the same number throughout.
    pub fn number(&self, field: &str, expected: &str) -> Result<Option<f64>, StudyError> {
        let Some(numbers) = self.numbers(field, expected)? else { return Ok(None) };
        if numbers.iter().any(|number| *number != numbers[0]) {
            return Err(self.wrong_text(
                field,
                format!("{numbers:?}"),
                format!("{expected}, one value for all frames"),
            ));
        }
        Ok(Some(numbers[0]))
    }

    /// One number or several, in order.
    pub fn numbers(&self, field: &str, expected: &str) -> Result<Option<Vec<f64>>, StudyError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                items.iter().map(|item| self.finite(field, item, expected)).collect::<Result<_, _>>().map(Some)
            }
            Some(value) => Ok(Some(vec![self.finite(field, value, expected)?])),
        }
    }

    /// Yes or no: a JSON boolean, or the words `true` and `false`.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, StudyError> {
        let Some(value) = self.value(field) else { return Ok(None) };
        match value {
            Value::Bool(flag) => Ok(Some(*flag)),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            other => Err(self.wrong(field, other, "true or false")),
        }
    }

    /// An error about a field that names its file.
    pub fn wrong(&self, field: &str, found: &Value, expected: impl Into<String>) -> StudyError {
        self.wrong_text(field, found.to_string(), expected.into())
    }

    fn wrong_text(&self, field: &str, found: String, expected: String) -> StudyError {
        StudyError::Field { file: self.source_of(field).to_owned(), field: field.to_owned(), found, expected }
    }

    /// A number, also when it is written as a text; infinite values are none.
    fn finite(&self, field: &str, value: &Value, expected: &str) -> Result<f64, StudyError> {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if text.contains(',') => {
                return Err(self.wrong(field, value, format!("{expected}, with a decimal point instead of a comma")));
            }
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number: &f64| number.is_finite()).ok_or_else(|| self.wrong(field, value, expected))
    }

    fn add(&mut self, file: &InputFile) -> Result<(), StudyError> {
        let Value::Object(fields) = read_json(file)? else {
            return Err(StudyError::BrokenJson {
                file: file.relative().to_owned(),
                line: 1,
                column: 1,
                problem: "expected an object in braces".to_owned(),
            });
        };
        let mut of_this_file: BTreeMap<String, Field> = BTreeMap::new();
        for (name, value) in fields {
            let key = name.to_ascii_lowercase();
            if let Some(twin) = of_this_file.get(&key)
                && twin.value != value
            {
                return Err(StudyError::Field {
                    file: file.relative().to_owned(),
                    field: name.clone(),
                    found: format!("{value}, and {} in {}", twin.value, twin.name),
                    expected: "one value: keys are compared without regard to case".to_owned(),
                });
            }
            of_this_file.insert(key, Field { name, value, file: file.relative().to_owned() });
        }
        self.fields.append(&mut of_this_file);
        Ok(())
    }
}

/// A JSON file, with the place of a fault.
pub fn read_json(file: &InputFile) -> Result<Value, StudyError> {
    let bytes = fs::read(file.path())
        .map_err(|error| StudyError::Unreadable { file: file.relative().to_owned(), problem: error.to_string() })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(bytes).map_err(|error| StudyError::BrokenJson {
        file: file.relative().to_owned(),
        line: error.line(),
        column: error.column(),
        problem: without_place(&error.to_string()),
    })
}

/// The sidecars of a study: those of its root are listed once, for it holds a folder for each subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudySidecars {
    root: PathBuf,
    of_root: Vec<InputFile>,
}

impl StudySidecars {
    /// Lists the sidecars in the root of a study.
    pub fn open(root: &Path) -> Result<Self, StudyError> {
        Ok(Self { root: root.to_path_buf(), of_root: sidecars_in(root, root)? })
    }

    /// The sidecars that apply to an image, from the study's root down to the folder of the image.
    pub fn applicable(&self, image: &InputFile) -> Result<Vec<InputFile>, StudyError> {
        let Some(name) = BidsName::parse(image.file_name()) else {
            return Ok(json_beside(image).into_iter().collect());
        };
        let mut found = Vec::new();
        for folder in levels(&self.root, image.path()) {
            let listed = if folder == self.root { self.of_root.clone() } else { sidecars_in(&folder, &self.root)? };
            let mut here: Vec<(usize, InputFile)> = Vec::new();
            for file in listed {
                if let Some(sidecar) = BidsName::parse(file.file_name())
                    && sidecar.applies_to(&name)
                {
                    here.push((sidecar.entities().len(), file));
                }
            }
            here.sort();
            if let Some(pair) = here.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(StudyError::AmbiguousSidecars {
                    image: image.relative().to_owned(),
                    first: pair[0].1.relative().to_owned(),
                    second: pair[1].1.relative().to_owned(),
                });
            }
            found.extend(here.into_iter().map(|(_, file)| file));
        }
        Ok(found)
    }
}

/// The `.json` of the same name in the same folder, where it exists.
pub fn json_beside(image: &InputFile) -> Option<InputFile> {
    let (stem, _) = split_extension(image.file_name());
    let path = image.path().with_file_name(format!("{stem}.json"));
    let relative = &image.relative()[..image.relative().len() - image.file_name().len()];
    path.is_file().then(|| InputFile::named(format!("{relative}{stem}.json"), path))
}

/// The folders from the root of the study to that of the image.
fn levels(root: &Path, image: &Path) -> Vec<PathBuf> {
    let mut levels: Vec<_> =
        image.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).map(Path::to_path_buf).collect();
    levels.reverse();
    levels
}

/// The JSON files of a folder, in order of their names.
fn sidecars_in(folder: &Path, root: &Path) -> Result<Vec<InputFile>, StudyError> {
    let unreadable = |error: std::io::Error| StudyError::Unreadable {
        file: InputFile::inside(root, folder.to_path_buf()).relative().to_owned(),
        problem: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            files.push(InputFile::inside(root, path));
        }
    }
    files.sort();
    Ok(files)
}

/// The message of a JSON error without the place that stands at its end: the place is told apart.
fn without_place(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |at| &message[..at]).to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A sidecar of the text of one file, `test.json`.
    pub fn sidecar(json: &str) -> Sidecar {
        try_sidecar(json).unwrap()
    }

    fn try_sidecar(json: &str) -> Result<Sidecar, StudyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.json");
        fs::write(&path, json).unwrap();
        Sidecar::read(&InputFile::lone("test.nii"), &[InputFile::lone(path)])
    }

    #[test]
    fn keys_are_read_without_regard_to_case() {
        let sidecar = sidecar(r#"{"ECHOTIME": 0.03}"#);
        assert_eq!(sidecar.number("EchoTime", "s"), Ok(Some(0.03)));
    }

    #[test]
    fn one_key_in_two_spellings_with_two_values_is_an_error() {
        let error = try_sidecar(r#"{"EchoTime": 0.03, "echotime": 30}"#).unwrap_err().to_string();
        assert!(error.contains("echotime") && error.contains("EchoTime") && error.contains("0.03"), "{error}");
        assert!(try_sidecar(r#"{"EchoTime": 0.03, "echotime": 0.03}"#).is_ok());
    }

    #[test]
    fn missing_is_absent_null_or_n_a() {
        let sidecar = sidecar(r#"{"A": null, "B": "n/a", "C": []}"#);
        for field in ["A", "B", "C", "D"] {
            assert_eq!(sidecar.numbers(field, "a number"), Ok(None), "{field}");
            assert_eq!(sidecar.text(field), Ok(None), "{field}");
            assert_eq!(sidecar.flag(field), Ok(None), "{field}");
        }
    }

    #[test]
    fn wrong_kinds_name_file_field_expected_and_found() {
        let sidecar = sidecar(r#"{"Dose": "two", "Weight": "70,5", "Corrected": 3, "Units": 1, "Huge": "1e999"}"#);
        let dose = sidecar.number("Dose", "a dose").unwrap_err().to_string();
        assert_eq!(dose, r#"test.json: Dose is "two": expected a dose"#);
        assert!(sidecar.number("Weight", "kg").unwrap_err().to_string().contains("comma"));
        assert!(sidecar.flag("Corrected").is_err() && sidecar.text("Units").is_err());
        assert!(sidecar.number("Huge", "a number").is_err());
    }

    #[test]
    fn broken_json_names_file_and_line() {
        let error = try_sidecar("{\n \"EchoTime\": 0.03,\n \"TR\" 2\n}").unwrap_err();
        assert!(matches!(error, StudyError::BrokenJson { line: 3, .. }), "{error}");
        assert!(error.to_string().starts_with("test.json line 3"), "{error}");
        assert!(!error.to_string().contains("at line"), "{error}");
        assert!(matches!(try_sidecar("[1]"), Err(StudyError::BrokenJson { .. })));
        assert!(matches!(try_sidecar(""), Err(StudyError::BrokenJson { .. })));
        assert!(try_sidecar("\u{feff}{}").is_ok(), "a byte order mark is passed over");
    }

    #[test]
    fn lower_levels_replace_fields_of_higher_ones() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let perf = root.join("sub-01/ses-02/perf");
        fs::create_dir_all(&perf).unwrap();
        fs::write(root.join("dsc.json"), r#"{"EchoTime": 0.01, "RepetitionTime": 1.1, "FlipAngle": 30}"#).unwrap();
        fs::write(root.join("asl.json"), r#"{"EchoTime": 0.09}"#).unwrap();
        fs::write(root.join("sub-01/sub-01_dsc.json"), r#"{"EchoTime": 0.02, "RepetitionTime": 1.2}"#).unwrap();
        fs::write(perf.join("sub-01_ses-02_dsc.json"), r#"{"echoTime": 0.03}"#).unwrap();
        let image = InputFile::inside(root, perf.join("sub-01_ses-02_DSC.nii.gz"));
        let files = StudySidecars::open(root).unwrap().applicable(&image).unwrap();
        assert_eq!(files.len(), 3, "{files:?}");
        let sidecar = Sidecar::read(&image, &files).unwrap();
        assert_eq!(sidecar.number("EchoTime", "s"), Ok(Some(0.03)));
        assert_eq!(sidecar.number("RepetitionTime", "s"), Ok(Some(1.2)));
        assert_eq!(sidecar.number("FlipAngle", "deg"), Ok(Some(30.0)));
        assert_eq!(sidecar.source_of("RepetitionTime"), "sub-01/sub-01_dsc.json");
    }

    #[test]
    fn two_sidecars_of_one_level_are_an_error_unless_one_says_more() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["sub-01_run-1_dsc.json", "sub-01_acq-a_dsc.json"] {
            fs::write(root.join(name), "{}").unwrap();
        }
        let image = InputFile::inside(root, root.join("sub-01_acq-a_run-1_dsc.nii"));
        let of = || StudySidecars::open(root).unwrap().applicable(&image);
        assert!(matches!(of(), Err(StudyError::AmbiguousSidecars { .. })));
        fs::remove_file(root.join("sub-01_run-1_dsc.json")).unwrap();
        fs::write(root.join("sub-01_acq-a_run-1_dsc.json"), "{}").unwrap();
        assert_eq!(of().unwrap().len(), 2);
    }

    #[test]
    fn the_sidecar_beside_a_lone_image_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bolus.json"), r#"{"EchoTime": 0.03}"#).unwrap();
        let sidecar = Sidecar::beside(&folder.path().join("bolus.nii.gz")).unwrap();
        assert_eq!((sidecar.number("EchoTime", "s"), sidecar.name()), (Ok(Some(0.03)), "bolus.json"));
        let none = Sidecar::beside(&folder.path().join("other.nii")).unwrap();
        assert_eq!((none.value("EchoTime"), none.name()), (None, "other.nii"));
    }
}
