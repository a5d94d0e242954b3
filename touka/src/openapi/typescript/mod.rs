//! The TypeScript client of an app, in one file: the runtime, the types, and a function for each route.
//!
//! # Layout
//! - `types`: JSON Schema as types. `words`: the words of the language. `runtime`: the text of the runtime.
//! - `routes`: one route. `client`: the file.

mod client;
mod routes;
mod runtime;
mod types;
mod words;

pub(crate) use self::client::client;
