//! [`Described`], everything that a document says about one route.

use std::collections::BTreeMap;

use serde_json::Value;

use super::events::{Data, EventSet};
use super::standard;

/// The description of one route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    /// The doc comment of the handler.
    pub(crate) doc: String,
    pub(crate) deprecated: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    /// The answers if all goes well, by status. `None` is a status that only the handler knows.
    pub(crate) answers: BTreeMap<Option<u16>, Answer>,
    /// The answers that are errors.
    pub(crate) errors: BTreeMap<Option<u16>, Answer>,
    /// Whether the handler reads the id of the client's last event.
    pub(crate) resumes: bool,
    /// The name and the id of the event that marks a normal end.
    pub(crate) end: Option<&'static str>,
    pub(crate) run: RunPart,
}

/// The part that a handler has in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunPart {
    #[default]
    None,
    /// The stream of the handler is that of a run.
    Watches,
    /// The handler starts the run, or joins it.
    Starts,
}

/// The part of a request that a parameter is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) description: String,
    pub(crate) schema: Value,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Json(Value),
    Form(Value),
    Text,
    Bytes,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) description: String,
    /// The bodies that it may have. None for an answer without a body, or one of which nothing is known.
    pub(crate) contents: Vec<Content>,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Json(Value),
    Text,
    Html,
    Bytes,
    Events(EventSet),
}

impl Described {
    /// Adds an answer. Two of one status are one with the bodies of both.
    pub(crate) fn add(&mut self, is_error: bool, status: Option<u16>, description: &str, content: Option<Content>) {
        let answers = if is_error { &mut self.errors } else { &mut self.answers };
        let answer = answers.entry(status).or_default();
        if answer.description.is_empty() {
            description.clone_into(&mut answer.description);
        }
        if let Some(content) = content
            && !answer.contents.contains(&content)
        {
            answer.contents.push(content);
        }
    }

    /// Adds a parameter, unless one of this name is known.
    pub(crate) fn add_parameter(&mut self, parameter: Parameter) {
        let is_known = |known: &Parameter| known.name == parameter.name && known.place == parameter.place;
        if !self.parameters.iter().any(is_known) {
            self.parameters.push(parameter);
        }
    }

    /// The events of the answer that is a stream.
    pub(crate) fn events(&self) -> Option<&EventSet> {
        self.answers.values().flat_map(|answer| &answer.contents).find_map(|content| match content {
            Content::Events(events) => Some(events),
            _ => None,
        })
    }

    fn events_mut(&mut self) -> impl Iterator<Item = &mut EventSet> {
        let contents = self.answers.values_mut().flat_map(|answer| &mut answer.contents);
        contents.filter_map(|content| match content {
            Content::Events(events) => Some(events),
            _ => None,
        })
    }

    /// Adds the events and the answers that touka itself makes.
    pub(crate) fn complete(&mut self) {
        let (resumes, end, is_run) = (self.resumes, self.end, self.run != RunPart::None);
        let mut streams = false;
        for events in self.events_mut() {
            streams = true;
            standard::add_error(events);
            if resumes {
                standard::add_gap(events);
            }
            if is_run {
                standard::add_ends_of_runs(events);
            }
            if let Some(end) = end {
                events.add_last(end, "The stream is over.", Data::Empty);
            }
        }
        if streams && (resumes || is_run || end.is_some()) {
            self.add(false, Some(204), "The client has seen the last event, and does not reconnect.", None);
        }
        if self.answers.is_empty() {
            self.add(false, None, "The answer of the handler.", None);
        }
    }

    /// All schemas that the description refers to.
    pub(crate) fn schemas(&self) -> Vec<Value> {
        self.clone().schemas_mut().into_iter().map(Value::take).collect()
    }

    /// All schemas that the description refers to, to change them.
    pub(crate) fn schemas_mut(&mut self) -> Vec<&mut Value> {
        let mut schemas: Vec<&mut Value> = Vec::new();
        schemas.extend(self.parameters.iter_mut().map(|parameter| &mut parameter.schema));
        if let Some(Body::Json(schema) | Body::Form(schema)) = &mut self.body {
            schemas.push(schema);
        }
        for answer in self.answers.values_mut().chain(self.errors.values_mut()) {
            for content in &mut answer.contents {
                match content {
                    Content::Json(schema) => schemas.push(schema),
                    Content::Events(events) => schemas.extend(events.schemas_mut()),
                    Content::Text | Content::Html | Content::Bytes => {}
                }
            }
        }
        schemas
    }
}
