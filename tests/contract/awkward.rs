//! Handlers, types and events with names that other languages have a meaning for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use touka::extract::Json;
use touka::{EventStream, IntoEvent, Router, contract, route};

/// A keyword of TypeScript.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "enum")]
struct Keyword {
    by_number: BTreeMap<u64, String>,
    #[serde(flatten)]
    others: BTreeMap<String, u8>,
}

/// A name with letters that components cannot have, of a type whose schemas differ.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "Größe/<T>")]
struct Letters {
    #[serde(default)]
    inner: Option<Box<Letters>>,
}

/// A value that is itself or a number.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
enum Nested {
    Number(f64),
    #[allow(dead_code, reason = "its schema matters")]
    Nested(Box<Nested>),
}

/// Event names that objects of JavaScript have members for. */ The end of a comment.
#[derive(Debug, IntoEvent)]
#[allow(dead_code, reason = "its description matters")]
enum AwkwardEvent {
    #[event(name = "__proto__")]
    Proto { __proto__: u8 },
    #[event(name = "constructor")]
    Constructor(Nested),
    Flattened {
        text: String,
        #[serde(flatten)]
        may_be_missing: Box<Option<Letters>>,
    },
    #[event(name = "\"quoted\" */ </script> \u{2028}")]
    Quoted,
}

/// The end of a comment: */
///
/// `</script>`
#[route(POST, "/awkward/{body}/{type}")]
async fn r#type(body: u8, r#type: u8, Json(keyword): Json<Keyword>) -> Json<Keyword> {
    let _ = (body, r#type);
    Json(keyword)
}

#[route(PUT, "/awkward/letters")]
async fn say_all(Json(letters): Json<Letters>) -> Json<Letters> {
    Json(letters)
}

#[route(GET, "/awkward/events")]
#[allow(non_snake_case, reason = "its name in the client is that of another handler")]
async fn sayAll() -> EventStream<AwkwardEvent> {
    EventStream::generate(|_| async {})
}

/// The name of a module beside it, in the client.
#[route(DELETE, "/awkward/module")]
#[allow(non_snake_case, reason = "its name in the client is that of a module")]
async fn aModule() {}

mod a_module {
    use super::route;

    #[route(GET, "/awkward/module")]
    pub(super) async fn delete() {}
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().mount(contract![r#type, say_all, sayAll, aModule, a_module::delete])
}
