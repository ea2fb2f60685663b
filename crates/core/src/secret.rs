//! Text that must not be shown: passwords, salts, keys.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// A secret. It has no `Display` and no `Serialize`, and its `Debug` says nothing; whoever needs
/// the text says so by calling [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that must send or hash it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Writes a secret's text: named field by field in the types that travel encrypted at rest or to
/// the worker that runs a job, `#[serde(serialize_with = "secret::exposed")]`.
///
/// # Errors
/// Whatever the serializer says.
pub fn exposed<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}
