//! One commented file of defaults, each with its source, and what a user's file changes in it.
//!
//! Each room owns its checked settings struct (`deny_unknown_fields`); this room reads the file and hands them out.

use serde::de::DeserializeOwned;

/// The commented defaults: what `relight settings` prints.
pub const DEFAULTS: &str = include_str!("settings.toml");

/// One section of the defaults as its room's struct.
///
/// # Panics
/// When the embedded defaults do not fit the struct: a defect that the tests find.
pub fn default_section<T: DeserializeOwned>(section: &str) -> T {
    let table: toml::Table = DEFAULTS.parse().expect("the embedded defaults are TOML");
    let value = table.get(section).unwrap_or_else(|| panic!("the embedded defaults have a section [{section}]"));
    value.clone().try_into().unwrap_or_else(|error| panic!("defaults [{section}]: {error}"))
}
