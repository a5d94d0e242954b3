//! [`Info`], what a document says about the app.

use serde_json::{Map, Value, json};

/// The title and the version of an app, and how its document is written.
///
/// ```
/// use touka::openapi::Info;
///
/// let info = Info::new("Chat", "1.4.0").description("Rooms and their messages.").server("https://chat.example");
/// ```
#[derive(Clone, Debug)]
pub struct Info {
    about: Map<String, Value>,
    servers: Vec<Value>,
    pub(crate) data: DataDialect,
}

/// How a document describes the data of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataDialect {
    /// As the standard has it: `data` is a string, and `contentSchema` describes the JSON in it.
    #[default]
    Text,
    /// `data` is the value that the JSON is. For tools that parse the data before they validate it.
    Value,
}

impl Info {
    /// Creates the info of an app with this title and this version.
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        let (title, version): (String, String) = (title.into(), version.into());
        let mut about = Map::new();
        about.insert("title".into(), title.into());
        about.insert("version".into(), version.into());
        Self { about, servers: Vec::new(), data: DataDialect::default() }
    }

    /// Sets the description, in Markdown.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.about.insert("description".into(), description.into().into());
        self
    }

    /// Adds the URL of a server, such as `https://chat.example/v1`. By default the paths are relative to the document.
    #[must_use]
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.servers.push(json!({ "url": url.into() }));
        self
    }

    /// Sets how the data of events is described: by default as text.
    #[must_use]
    pub const fn data(mut self, dialect: DataDialect) -> Self {
        self.data = dialect;
        self
    }

    /// The members of the document that this is.
    pub(crate) fn members(self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("info".into(), self.about.into());
        if !self.servers.is_empty() {
            members.insert("servers".into(), self.servers.into());
        }
        members
    }
}
