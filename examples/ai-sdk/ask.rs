//! The request of `useChat`.

use serde::Deserialize;
use touka_examples::Id;

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
