//! One commented file of defaults, each with its source, and what a user's file changes in it.
//!
//! Each room owns its checked settings struct (`deny_unknown_fields`); this room reads the file, lays a user's file
//! over the defaults, and hands the structs out. No room below the pipeline reads it.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{align, asl, cohort, dce, dsc, lesion, pet, region, study, verdict};

/// The commented defaults: what `relight settings` prints.
pub const DEFAULTS: &str = include_str!("settings.toml");

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not readable.
    #[error("settings file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("settings file {}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what, as the parser says it.
        message: String,
    },
    /// A section that does not exist.
    #[error("settings file {}: there is no section [{section}]; {hint}", path.display())]
    UnknownSection {
        /// The file.
        path: PathBuf,
        /// The name that was found.
        section: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// A key or value that the room does not accept.
    #[error("settings{}, section [{section}]: {message}", path.as_ref().map(|path| format!(" file {}", path.display())).unwrap_or_default())]
    Section {
        /// The user's file; none where the defaults themselves do not fit.
        path: Option<PathBuf>,
        /// The section.
        section: &'static str,
        /// Key, expected and found.
        message: String,
    },
}

/// Every room's settings.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// Reading study folders.
    pub study: study::Settings,
    /// Rigid alignment and motion.
    pub align: align::Settings,
    /// Places in the head.
    pub region: region::Settings,
    /// DSC-MRI.
    pub dsc: dsc::Settings,
    /// ASL-MRI.
    pub asl: asl::Settings,
    /// DCE-MRI.
    pub dce: dce::Settings,
    /// PET.
    pub pet: pet::Settings,
    /// From maps to biomarkers.
    pub lesion: lesion::Settings,
    /// Cut-offs and rules.
    pub verdict: verdict::Settings,
    /// Cut-offs from a cohort.
    pub cohort: cohort::Settings,
}

impl Settings {
    /// The defaults, with a user's file laid over them.
    pub fn load(path: Option<&Path>) -> Result<Self, SettingsError> {
        let mut table = defaults_table();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
            let user: toml::Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Syntax {
                path: path.to_owned(),
                message: error.to_string(),
            })?;
            for section in user.keys() {
                if !table.contains_key(section) {
                    let hint = nearest_section(section, &table);
                    return Err(SettingsError::UnknownSection {
                        path: path.to_owned(),
                        section: section.clone(),
                        hint,
                    });
                }
            }
            overlay(&mut table, user);
        }
        Self::from_table(&table, path)
    }

    fn from_table(table: &toml::Table, path: Option<&Path>) -> Result<Self, SettingsError> {
        let settings = Self {
            study: section(table, "study", path)?,
            align: section(table, "align", path)?,
            region: section(table, "region", path)?,
            dsc: section(table, "dsc", path)?,
            asl: section(table, "asl", path)?,
            dce: section(table, "dce", path)?,
            pet: section(table, "pet", path)?,
            lesion: section(table, "lesion", path)?,
            verdict: section(table, "verdict", path)?,
            cohort: section(table, "cohort", path)?,
        };
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let checks: [(&'static str, Result<(), String>); 8] = [
            ("study", settings.study.check().map_err(|error| words(&error))),
            ("align", settings.align.check().map_err(|error| words(&error))),
            ("region", settings.region.check().map_err(|error| words(&error))),
            ("dsc", settings.dsc.check().map_err(|error| words(&error))),
            ("asl", settings.asl.check().map_err(|error| words(&error))),
            ("dce", settings.dce.check().map_err(|error| words(&error))),
            ("pet", settings.pet.check().map_err(|error| words(&error))),
            ("lesion", settings.lesion.check().map_err(|error| words(&error))),
        ];
        for (section, outcome) in checks {
            outcome.map_err(|message| SettingsError::Section { path: path.map(Path::to_owned), section, message })?;
        }
        settings.check_pet_cutoffs().map_err(|message| SettingsError::Section {
            path: path.map(Path::to_owned),
            section: "verdict",
            message,
        })?;
        Ok(settings)
    }

    /// Whether the cut-offs of PET are for what `[pet]` measures: a ratio over another number of the background, or SUV by
    /// another body measure, is another quantity.
    pub fn check_pet_cutoffs(&self) -> Result<(), String> {
        let (background, suv) = (self.pet.background_statistic, self.pet.suv);
        let cutoffs = &self.verdict.pet;
        let found = [
            ("met", cutoffs.met.not_for(background, suv)),
            ("fet", cutoffs.fet.not_for(background, suv)),
            ("fdopa", cutoffs.fdopa.as_ref().and_then(|cutoff| cutoff.not_for(background, suv))),
            ("fdg", cutoffs.fdg.as_ref().and_then(|cutoff| cutoff.not_for(background, suv))),
        ];
        let problem = found.into_iter().find_map(|(tracer, problem)| Some((tracer, problem?)));
        problem.map_or(Ok(()), |(tracer, problem)| Err(format!("pet.{tracer}.{problem}; give cut-offs made for it")))
    }

    /// SHA-256 of the settings in force, independent of comments and order in the user's file.
    pub fn hash(&self) -> String {
        let canonical = serde_json::to_vec(self).expect("settings are plain data");
        Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One section of the defaults as its room's struct.
///
/// # Panics
/// When the embedded defaults do not fit the struct: a defect that the tests find.
pub fn default_section<T: DeserializeOwned>(name: &'static str) -> T {
    section(&defaults_table(), name, None).unwrap_or_else(|error| panic!("{error}"))
}

/// A JSON schema of the settings file, made from the commented defaults: types, defaults and meanings.
pub fn schema() -> Value {
    let mut properties = Map::new();
    let comments = comments();
    for (name, value) in defaults_table() {
        properties.insert(name.clone(), describe(&name, &value, &comments));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "relight settings",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn defaults_table() -> toml::Table {
    DEFAULTS.parse().expect("the embedded defaults are TOML")
}

fn section<T: DeserializeOwned>(
    table: &toml::Table,
    section: &'static str,
    path: Option<&Path>,
) -> Result<T, SettingsError> {
    let value = table.get(section).cloned().unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
    value.try_into().map_err(|error: toml::de::Error| SettingsError::Section {
        path: path.map(Path::to_owned),
        section,
        message: error.to_string().trim().replace('\n', "; "),
    })
}

/// Lays `user` over `base`, table by table; other values replace.
fn overlay(base: &mut toml::Table, user: toml::Table) {
    for (key, value) in user {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(user)) => overlay(base, user),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn nearest_section(section: &str, table: &toml::Table) -> String {
    let nearest =
        table.keys().map(|name| (strsim::jaro_winkler(section, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((similarity, name)) if similarity > 0.8 => format!("did you mean [{name}]?"),
        _ => format!("expected one of: {}", table.keys().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// The comment above each key of the defaults, by dotted path.
fn comments() -> Map<String, Value> {
    let mut comments = Map::new();
    let (mut path, mut above) = (String::new(), Vec::new());
    for line in DEFAULTS.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            above.push(comment.trim());
        } else if let Some(table) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            path = table.trim().to_owned();
            comments.insert(path.clone(), above.join(" ").into());
            above.clear();
        } else if let Some((key, value)) = line.split_once('=') {
            if let Some((_, comment)) = value.split_once(" # ") {
                above.push(comment.trim());
            }
            let key = format!("{path}.{}", key.trim());
            comments.insert(key, above.join(" ").into());
            above.clear();
        } else {
            above.clear();
        }
    }
    comments
}

fn describe(path: &str, value: &toml::Value, comments: &Map<String, Value>) -> Value {
    let mut schema = match value {
        toml::Value::Table(table) => {
            let properties: Map<String, Value> = table
                .iter()
                .map(|(key, value)| (key.clone(), describe(&format!("{path}.{key}"), value, comments)))
                .collect();
            json!({"type": "object", "properties": properties})
        }
        toml::Value::String(text) => json!({"type": "string", "default": text}),
        toml::Value::Integer(number) => json!({"type": "number", "default": number}),
        toml::Value::Float(number) => json!({"type": "number", "default": number}),
        toml::Value::Boolean(flag) => json!({"type": "boolean", "default": flag}),
        toml::Value::Array(items) => json!({"type": "array", "default": items}),
        toml::Value::Datetime(date) => json!({"type": "string", "default": date.to_string()}),
    };
    if let Some(comment) = comments.get(path).filter(|comment| comment.as_str() != Some("")) {
        schema["description"] = comment.clone();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Settings::load(Some(file.path()))
    }

    #[test]
    fn the_embedded_defaults_are_complete_and_valid() {
        assert!(Settings::load(None).is_ok());
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(load("").unwrap().hash(), Settings::load(None).unwrap().hash());
    }

    #[test]
    fn an_unknown_section_names_the_nearest() {
        let error = load("[verdit]\n").unwrap_err().to_string();
        assert!(error.contains("did you mean [verdict]?"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = load("[dsc]\nno_such_key = 1\n").unwrap_err().to_string();
        assert!(error.contains("[dsc]") && error.contains("no_such_key"), "{error}");
    }

    #[test]
    fn cut_offs_are_for_what_is_measured() {
        let error = load("[pet]\nbackground_statistic = \"max\"\n").unwrap_err().to_string();
        assert!(error.contains("pet.met.background") && error.contains("\"max\""), "{error}");
        let own = "[pet]\nbackground_statistic = \"max\"\n[verdict.pet.met]\nbackground = \"max\"\nlow = 1.2\nhigh = 1.3\n\
                   source = \"ours\"\n[verdict.pet.fet]\nbackground = \"max\"\nlow = 1.7\nhigh = 2.0\nsource = \"ours\"\n";
        assert!(load(own).is_ok());
        let fdg = "[verdict.pet.fdg]\nstatistic = \"suv_max\"\nlow = 2.0\nhigh = 4.0\nsource = \"ours\"\n";
        assert!(load(fdg).is_ok());
        let error = load(&format!("[pet]\nsuv = \"bsa\"\n{fdg}")).unwrap_err().to_string();
        assert!(error.contains("pet.fdg.suv is \"bw\"") && error.contains("\"bsa\""), "{error}");
        assert!(load(&format!("[pet]\nsuv = \"bsa\"\n{fdg}suv = \"bsa\"\n")).is_ok());
    }

    #[test]
    fn the_schema_describes_every_section() {
        let schema = schema();
        for section in ["study", "region", "dsc", "asl", "dce", "pet", "lesion", "verdict"] {
            assert!(schema["properties"][section]["properties"].is_object(), "{section}");
        }
    }
}
