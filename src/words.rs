//! Closed vocabularies: a word of a table becomes a variant here or an error that lists the words that are allowed.

/// How missing values are written in tables.
pub const MISSING: &str = "n/a";

/// Whether a cell says that its value is missing.
pub fn is_missing(text: &str) -> bool {
    matches!(text, "" | "n/a" | "N/A" | "NA" | "na" | "nan" | "NaN")
}

/// A word that is not in its vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {vocabulary}; expected one of: {}", expected.join(", "))]
pub struct UnknownWord {
    /// What the vocabulary describes, such as `histology`.
    pub vocabulary: &'static str,
    /// The words that are allowed.
    pub expected: &'static [&'static str],
    /// What stood there.
    pub found: String,
}

/// Declares an enum of words with `as_str`, `FromStr`, `Display` and serde as that word.
///
/// Aliases after `|` are read and never written; matching ignores case.
macro_rules! closed_words {
    ($(#[$meta:meta])* pub enum $name:ident: $vocabulary:literal {
        $($(#[$doc:meta])* $variant:ident = $word:literal $(| $alias:literal)*,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every variant, in the order of declaration.
            #[allow(dead_code)]
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word that is written for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.trim().to_ascii_lowercase() {
                    $(word if word == $word.to_ascii_lowercase() $(|| word == $alias.to_ascii_lowercase())* => Ok(Self::$variant),)*
                    _ => Err($crate::words::UnknownWord {
                        vocabulary: $vocabulary,
                        expected: &[$($word),*],
                        found: text.to_owned(),
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
