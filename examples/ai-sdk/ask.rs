//! The request of `useChat`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The longest id, in bytes.
const LONGEST_ID: usize = 64;

/// The id of a chat or of a message, which the client chooses.
///
/// Ids become parts of keys and of other ids, so they cannot be any text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Id(String);

impl FromStr for Id {
    type Err = String;

    /// An error is the reason of a 400.
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

/// A request for an answer, which is valid: its chat has a message of the user.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Body")]
pub(crate) struct Ask {
    pub(crate) chat: Id,
    /// The user's last message.
    pub(crate) message: Id,
    /// The text of that message.
    pub(crate) prompt: String,
    /// Whether the user wants another answer than the one that there is, if any: after `regenerate`, or because the
    /// message has another text now.
    pub(crate) is_anew: bool,
}

/// The body of the request. Unknown fields are ignored, because apps add some of their own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    id: Id,
    messages: Vec<Message>,
    #[serde(default)]
    trigger: Trigger,
    /// The message that is replaced, if any.
    message_id: Option<String>,
}

#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    #[default]
    SubmitMessage,
    RegenerateMessage,
}

#[derive(Deserialize)]
struct Message {
    id: Id,
    role: Role,
    parts: Vec<Part>,
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
}

/// A part of a message. The model here reads text, and no files, tool calls or sources.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Part {
    Text {
        text: String,
    },
    #[serde(other)]
    Other,
}

impl TryFrom<Body> for Ask {
    type Error = &'static str;

    fn try_from(body: Body) -> Result<Self, Self::Error> {
        let is_anew = body.trigger == Trigger::RegenerateMessage || body.message_id.is_some();
        let last = body.messages.into_iter().rfind(|message| message.role == Role::User);
        let Some(Message { id: message, parts, .. }) = last else { return Err(UNANSWERABLE) };
        let texts = parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.trim()),
            Part::Other => None,
        });
        let prompt = texts.collect::<Vec<_>>().join(" ");
        if prompt.is_empty() { Err(UNANSWERABLE) } else { Ok(Self { chat: body.id, message, prompt, is_anew }) }
    }
}

const UNANSWERABLE: &str = "there is no message of the user with a text";
