//! One route as a function of the client.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::types::{Types, comment, key, spaces};
use crate::openapi::described::{Body, Content, Described, Parameter, Place, RunPart};
use crate::openapi::events::{Branch, Data, EventSet};
use crate::openapi::names::{accessor, camel_case, joined_name, pascal_case};
use crate::openapi::operations::Named;
use crate::openapi::schemas::free_name;

/// The name of the parameter that is the body.
const BODY: &str = "body";
const MEMBERS_OF_OBJECTS: [&str; 7] =
    ["constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"];

/// A route with its names in TypeScript.
pub(super) struct Method<'a> {
    pub(super) named: &'a Named,
    /// The route that follows the run that this one starts, and the one that stops it.
    pub(super) follow: Option<&'a Named>,
    pub(super) stop: Option<&'a Named>,
}

/// The constant with what the runtime needs to know of a route.
pub(super) fn constant(named: &Named) -> String {
    let described = &named.described;
    let path = match &named.wildcard {
        Some(name) => named.path.replace(&format!("{{{name}}}"), &format!("{{*{name}}}")),
        None => named.path.clone(),
    };
    let mut route = vec![format!("method: {}", json!(named.method)), format!("path: {}", json!(path))];
    let query: Vec<&str> = of(described, Place::Query).map(|parameter| parameter.name.as_str()).collect();
    if !query.is_empty() {
        route.push(format!("query: {}", json!(query)));
    }
    if let Some(body) = &described.body {
        let kind = match body {
            Body::Json(_) => "json",
            Body::Form(_) => "form",
            Body::Text => "text",
            Body::Bytes => "bytes",
        };
        route.push(format!("body: {}", json!(kind)));
        let name = body_name(described);
        if name != BODY {
            route.push(format!("bodyName: {}", json!(name)));
        }
    }
    match described.events() {
        Some(events) => route.extend(of_stream(events, described.resumes)),
        None => route.extend(answer(described).1.map(|kind| format!("answer: {}", json!(kind)))),
    }
    format!("const {}: Route = {{ {} }};\n", constant_name(named), route.join(", "))
}

fn of_stream(events: &EventSet, resumes: bool) -> Vec<String> {
    let mut members = Vec::new();
    if !events.any {
        let kinds = events.branches.iter().map(|branch| {
            let kind = match branch.data {
                Data::Json(_) => "json",
                Data::Text => "text",
                Data::Empty => "empty",
            };
            format!("{}: {}", key(&branch.name), json!(kind))
        });
        // Of a name that every object has, TypeScript takes the text for any `string`.
        let is_of_objects = |branch: &Branch| MEMBERS_OF_OBJECTS.contains(&branch.name.as_str());
        let constant = if events.branches.iter().any(is_of_objects) { " as const" } else { "" };
        members.push(format!("events: {{ {} }}{constant}", kinds.collect::<Vec<_>>().join(", ")));
    }
    let last = events.last();
    if !last.is_empty() {
        members.push(format!("last: {}", json!(last)));
    }
    if resumes {
        members.push("resumes: true".to_owned());
    }
    members
}

/// The name of the parameter that is the body: another one, if a capture or a part of the query is called `body`.
fn body_name(described: &Described) -> String {
    let is_taken =
        |name: &str| of(described, Place::Path).chain(of(described, Place::Query)).any(|taken| taken.name == name);
    free_name(BODY, is_taken)
}

fn constant_name(named: &Named) -> String {
    joined_name(&named.path_of_handler) + "Route"
}

fn of(described: &Described, place: Place) -> impl Iterator<Item = &Parameter> {
    described.parameters.iter().filter(move |parameter| parameter.place == place)
}

/// The name of the union of a stream's events.
pub(super) fn event_type(named: &Named) -> String {
    pascal_case(&named.path_of_handler) + "Event"
}

/// The declaration of that union.
pub(super) fn event_union(name: &str, named: &Named, events: &EventSet, types: Types<'_>) -> String {
    let about = comment(&format!("The events of `{}`.", accessor(&named.path_of_handler)), 0);
    if events.any {
        return format!("{about}export type {name} = {{ event: string; data: string; id: string }};\n");
    }
    let mut text = format!("{about}export type {name} =\n");
    for branch in &events.branches {
        let data = match &branch.data {
            Data::Json(schema) => types.of(schema, 4),
            Data::Text => "string".to_owned(),
            Data::Empty => "undefined".to_owned(),
        };
        let event = json!(branch.name);
        text += &comment(&branch.description, 2);
        text.extend(["  | { event: ", &event.to_string(), "; data: ", &data, "; id: string }\n"]);
    }
    text.trim_end().to_owned() + ";\n"
}

impl Method<'_> {
    /// The function, and for a run the object of its functions.
    pub(super) fn function(&self, event: Option<&str>, types: Types<'_>, indent: usize) -> String {
        let Self { named, .. } = self;
        let described = &named.described;
        let name = camel_case(named.path_of_handler.last().map_or("", String::as_str));
        let margin = spaces(indent);
        let mut doc = described.doc.clone();
        if described.deprecated {
            doc += "\n\n@deprecated";
        }
        let doc = comment(&doc, indent);
        let params = params([*named].into_iter(), types, indent + 2);
        let (declared, given) = match &params {
            Some(params) => (format!("params: {params}, "), "params"),
            None => (String::new(), "{}"),
        };
        let route = constant_name(named);
        let (key, close) = (key(&name), format!("{margin}}},\n"));
        let Some(event) = event else {
            let (answer, _) = answer_type(described, types, indent);
            let call = format!("client.call<{answer}>({route}, {given}, options)");
            return format!(
                "{doc}{margin}{key}({declared}options?: CallOptions): Promise<{answer}> {{\n{margin}  return {call};\n{close}"
            );
        };
        let call = format!("client.stream<{event}>({route}, {given}, options)");
        let mut text = format!(
            "{doc}{margin}{key}({declared}options?: StreamOptions<{event}>): EventStream<{event}> {{\n{margin}  return {call};\n{close}"
        );
        if described.run == RunPart::Starts {
            text += &self.run(&name, event, types, indent);
        }
        text
    }

    /// The function that returns the handle of a run.
    fn run(&self, name: &str, event: &str, types: Types<'_>, indent: usize) -> String {
        let margin = spaces(indent);
        let all = [Some(self.named), self.follow, self.stop].into_iter().flatten();
        let (declared, given) = match params(all, types, indent + 2) {
            Some(params) => (format!("params: {params}"), "params"),
            None => (String::new(), "{}"),
        };
        let mut routes = vec![format!("start: {}", constant_name(self.named))];
        routes.extend(self.follow.map(|named| format!("follow: {}", constant_name(named))));
        routes.extend(self.stop.map(|named| format!("stop: {}", constant_name(named))));
        let doc = comment(&format!("The run of `{name}`: starts it, follows it and stops it."), indent);
        let run = key(&format!("{name}Run"));
        let call = format!("client.run<{event}>({{ {} }}, {given})", routes.join(", "));
        format!("{doc}{margin}{run}({declared}): Run<{event}> {{\n{margin}  return {call};\n{margin}}},\n")
    }
}

/// The parameters of routes as one object, if there are any. One name has one type.
fn params<'a>(routes: impl Iterator<Item = &'a Named>, types: Types<'_>, indent: usize) -> Option<String> {
    let (mut known, mut members) = (BTreeSet::new(), Vec::new());
    let mut body = None;
    for Named { described, .. } in routes {
        for parameter in of(described, Place::Path).chain(of(described, Place::Query)) {
            if known.insert(parameter.name.clone()) {
                let optional = if parameter.required { "" } else { "?" };
                members.push(format!("{}{optional}: {}", key(&parameter.name), types.of(&parameter.schema, indent)));
            }
        }
        body = body.or_else(|| Some((body_name(described), described.body.as_ref()?)));
    }
    if let Some((name, body)) = body {
        let ty = match body {
            Body::Json(schema) | Body::Form(schema) => types.of(schema, indent),
            Body::Text => "string".to_owned(),
            Body::Bytes => "BodyInit".to_owned(),
        };
        members.push(format!("{name}: {ty}"));
    }
    (!members.is_empty()).then(|| format!("{{ {} }}", members.join("; ")))
}

/// The content of the answer if all goes well, and how the runtime reads it. Without the latter, it is a `Response`.
fn answer(described: &Described) -> (Option<&Value>, Option<&'static str>) {
    let mut contents = described.answers.values().flat_map(|answer| &answer.contents);
    let is_known = described.answers.keys().all(Option::is_some);
    match (contents.next(), contents.next()) {
        (None, _) if is_known => (None, Some("none")),
        (Some(Content::Json(schema)), None) => (Some(schema), Some("json")),
        (Some(Content::Text | Content::Html), None) => (None, Some("text")),
        _ => (None, None),
    }
}

fn answer_type(described: &Described, types: Types<'_>, indent: usize) -> (String, Option<&'static str>) {
    let (schema, kind) = answer(described);
    let ty = match (schema, kind) {
        (Some(schema), _) => types.of(schema, indent),
        (None, Some("none")) => "void".to_owned(),
        (None, Some(_)) => "string".to_owned(),
        (None, None) => "Response".to_owned(),
    };
    (ty, kind)
}
