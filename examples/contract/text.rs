//! [`Text`], a text that is neither empty nor too long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text of 1 to `MAX` characters.
///
/// The limits are in the contract as well, so that clients know them before the server refuses a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("minLength" = 1, "maxLength" = MAX))]
pub(crate) struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    /// The error is the reason of a 400.
    fn try_from(text: String) -> Result<Self, String> {
        match text.chars().count() {
            0 => Err("a text is empty".into()),
            length if length > MAX => Err(format!("a text is longer than {MAX} characters")),
            _ => Ok(Self(text)),
        }
    }
}
