//! [`Id`], an id that a client chooses.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The maximum length of an id, in bytes.
const LONGEST_ID: usize = 64;

/// An id that a client chooses, of a chat, a message or a turn.
///
/// Ids become parts of keys and of other ids, so they cannot be any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
pub struct Id(String);

impl FromStr for Id {
    type Err = String;

    /// The error is the reason of a 400.
    fn from_str(id: &str) -> Result<Self, String> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_valid) {
            return Ok(Self(id.to_owned()));
        }
        Err(format!("an id has 1 to {LONGEST_ID} letters, digits, `-` and `_`"))
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        id.parse()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
