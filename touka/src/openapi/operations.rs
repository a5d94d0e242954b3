//! [`Operations`], the described routes of a router, with names that are unique.

use std::collections::BTreeSet;

use super::described::{Described, Parameter, Place, RunPart};
use super::names::{accessor, joined_name};
use super::operation::Operation;
use super::schemas::{Joined, Schemas, free_name};
use serde_json::json;

/// A route with what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routed<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The full name of the handler.
    pub(crate) handler: &'a str,
    pub(crate) describe: fn(&mut Operation<'_>),
}

/// All operations, and the schemas that they refer to.
#[derive(Debug)]
pub(crate) struct Operations {
    pub(crate) list: Vec<Named>,
    pub(crate) joined: Joined,
}

/// One operation with its names.
#[derive(Debug)]
pub(crate) struct Named {
    /// The modules of the handler and its name, without the crate. No two operations have the same.
    pub(crate) path_of_handler: Vec<String>,
    pub(crate) method: String,
    /// The path, in which a capture of several segments is like any other.
    pub(crate) path: String,
    /// The capture that takes several segments.
    pub(crate) wildcard: Option<String>,
    pub(crate) described: Described,
}

impl Named {
    /// The id of the operation: `rooms_listen` for `chat::rooms::listen`.
    pub(crate) fn id(&self) -> String {
        self.path_of_handler.join("_")
    }
}

impl Operations {
    pub(crate) fn of<'a>(routes: impl Iterator<Item = Routed<'a>>) -> Self {
        let mut schemas = Schemas::new();
        let mut list: Vec<Named> = Vec::new();
        // Nothing can be said about a route for every method.
        let routes: Vec<Routed<'_>> = routes.filter(|route| route.method != "ANY").collect();
        let mut taken: BTreeSet<String> = routes.iter().flat_map(|route| modules(&path_of(route.handler))).collect();
        for route in routes {
            let mut described = Described::default();
            (route.describe)(&mut Operation::new(&mut schemas, &mut described));
            described.complete();
            let template = Template::read(route.path);
            for name in &template.names {
                // Known from the handler, unless it reads the capture in another way.
                let (name, schema) = (name.clone(), json!({ "type": "string" }));
                let description = String::new();
                described.add_parameter(Parameter { name, place: Place::Path, required: true, description, schema });
            }
            described
                .parameters
                .retain(|parameter| parameter.place != Place::Path || template.names.contains(&parameter.name));
            let mut path_of_handler = path_of(route.handler);
            if let Some(last) = path_of_handler.pop() {
                let starts_run = described.run == RunPart::Starts;
                let claims = |name: &str| claims(&path_of_handler, name, starts_run);
                let last = free_name(&last, |name| claims(name).iter().any(|claim| taken.contains(claim)));
                taken.extend(claims(&last));
                path_of_handler.push(last);
            }
            let Template { path, wildcard, .. } = template;
            list.push(Named { path_of_handler, method: route.method.to_owned(), path, wildcard, described });
        }
        let joined = schemas.join();
        for named in &mut list {
            named.described.schemas_mut().into_iter().for_each(|schema| joined.settle(schema));
        }
        Self { list, joined }
    }
}

/// The modules of a handler and its name, without the crate.
fn path_of(handler: &str) -> Vec<String> {
    let names = handler.split_once("::").map_or(handler, |(_, names)| names).split("::");
    names.map(|name| name.strip_prefix("r#").unwrap_or(name).to_owned()).collect()
}

/// The modules that a handler is in, as the client names them: `rooms` and `rooms.admin`.
fn modules(path_of_handler: &[String]) -> Vec<String> {
    let depths = 1..path_of_handler.len();
    depths.map(|depth| accessor(&path_of_handler[..depth])).collect()
}

/// The names that no other operation may have, if a handler of these modules has this name. The client has the functions
/// `sayAll`, and `sayAllRun` for a run, and one constant for each path, with its names in one.
fn claims(modules: &[String], name: &str, starts_run: bool) -> Vec<String> {
    let named = |name: String| [modules, &[name]].concat();
    let path = named(name.to_owned());
    let mut claims = vec![accessor(&path), format!("constant {}", joined_name(&path))];
    if starts_run {
        claims.push(accessor(&named(format!("{name}_run"))));
    }
    claims
}

/// A path as a document writes it.
struct Template {
    path: String,
    names: Vec<String>,
    wildcard: Option<String>,
}

impl Template {
    /// Reads a path of the router, in which `{*rest}` takes several segments and `{{` is a brace.
    fn read(path: &str) -> Self {
        let (mut out, mut names, mut wildcard) = (String::new(), Vec::new(), None);
        let mut rest = path;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if after.starts_with(brace) {
                // A brace in a template would begin a name.
                out.push_str(if brace == "{" { "%7B" } else { "%7D" });
                rest = &after[1..];
            } else if let Some((name, after)) = after.split_once('}') {
                let name = match name.strip_prefix('*') {
                    Some(name) => {
                        wildcard = Some(name.to_owned());
                        name
                    }
                    None => name,
                };
                out.extend(["{", name, "}"]);
                names.push(name.to_owned());
                rest = after;
            } else {
                rest = after;
            }
        }
        out.push_str(rest);
        Self { path: out, names, wildcard }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_templates() {
        for (path, expected, names, wildcard) in [
            ("/", "/", &[][..], None),
            ("/rooms/{room}/x", "/rooms/{room}/x", &["room"][..], None),
            ("/files/{*rest}", "/files/{rest}", &["rest"][..], Some("rest")),
            ("/a{{b}}/{c}", "/a%7Bb%7D/{c}", &["c"][..], None),
            ("/v-{a}-{b}", "/v-{a}-{b}", &["a", "b"][..], None),
        ] {
            let read = Template::read(path);
            let names_read: Vec<&str> = read.names.iter().map(String::as_str).collect();
            assert_eq!((read.path.as_str(), &names_read[..], read.wildcard.as_deref()), (expected, names, wildcard));
        }
    }

    /// Each would be a second member of one object, or a second constant of one name, in the client.
    #[test]
    fn similar_names_of_operations_differ_in_the_client() {
        let ids = |handlers: &[&str]| {
            let routed = |handler| Routed { method: "GET", path: "/", handler, describe: |_| {} };
            let operations = Operations::of(handlers.iter().copied().map(routed));
            operations.list.iter().map(Named::id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&["app::say_all", "app::sayAll"]), ["say_all", "sayAll2"]);
        assert_eq!(ids(&["app::rooms", "app::rooms::say"]), ["rooms2", "rooms_say"]);
        assert_eq!(ids(&["app::aB::c", "app::a::b_c", "app::a_b::c"]), ["aB_c", "a_b_c2", "a_b_c3"]);
        assert_eq!(ids(&["app::r#mod::r#type", "app::__"]), ["mod_type", "__"]);
    }

    #[test]
    fn the_function_of_a_run_has_a_name_of_its_own() {
        let routed = |handler, describe| Routed { method: "POST", path: "/", handler, describe };
        let start: fn(&mut Operation<'_>) = |operation| operation.starts_run();
        let operations = Operations::of(
            [routed("app::ask", start), routed("app::ask_run", |_| {}), routed("app::ask", start)].into_iter(),
        );
        let ids: Vec<String> = operations.list.iter().map(Named::id).collect();
        assert_eq!(ids, ["ask", "ask_run2", "ask2"]);
    }

    #[test]
    fn operations_of_one_handler_have_different_names() {
        let routed = |path| Routed { method: "GET", path, handler: "app::rooms::listen", describe: |_| {} };
        let operations = Operations::of([routed("/a"), routed("/b/{x}")].into_iter());
        let ids: Vec<String> = operations.list.iter().map(Named::id).collect();
        assert_eq!(ids, ["rooms_listen", "rooms_listen2"]);
        assert_eq!(operations.list[1].described.parameters[0].name, "x");
    }
}
