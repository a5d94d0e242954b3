//! The contract of an app: an OpenAPI document and a TypeScript client, from its handlers.
//!
//! Routes that are mounted with [`contract!`](crate::contract!) instead of [`routes!`](crate::routes!) are in it:
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::Serialize;
//! use touka::extract::{LastEventId, State};
//! use touka::openapi::Info;
//! use touka::{EventStream, Hub, HubError, IntoEvent, Router, contract, route};
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Price {
//!     item: String,
//!     cents: u64,
//! }
//!
//! #[derive(IntoEvent)]
//! enum ShopEvent {
//!     /// A price has changed.
//!     Priced(Price),
//!     /// An item is sold out.
//!     SoldOut { item: String },
//! }
//!
//! /// Follows the prices.
//! #[route(GET, "/prices")]
//! async fn prices(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream<ShopEvent>, HubError> {
//!     hub.topic("prices")?.subscribe(from).await
//! }
//!
//! let router: Router = Router::new().mount(contract![prices]).with_state(Hub::memory());
//! let document = router.openapi(Info::new("Shop", "1.0.0"));
//! assert_eq!(document["paths"]["/prices"]["get"]["summary"], "Follows the prices.");
//! ```
//!
//! The types of parameters and of event data are [`JsonSchema`](schemars::JsonSchema). An event type needs no derive but
//! [`IntoEvent`](derive@crate::IntoEvent).
//!
//! # Layout
//!
//! The stages, in order:
//!
//! - `schemas`: JSON Schemas by name; `events`, `standard`: the events of a stream, and those that touka sends.
//! - `described`, `operation`: one route. `describe`: the traits that describe it; `requests`, `responses`: for the types of
//!   touka and of the crate `http`.
//! - `operations`: all routes. `names`, `doc_comment`: their names and texts.
//! - `info`, `event_schema`, `document`: the document. `typescript`: the client.

mod describe;
mod described;
mod doc_comment;
mod document;
mod event_schema;
mod events;
mod info;
mod names;
mod operation;
mod operations;
mod requests;
mod responses;
mod schemas;
mod standard;
mod typescript;

pub use schemars;

pub use self::describe::{DescribeRequest, DescribeResponse, HasSchema};
pub use self::events::{DescribeEvents, Events};
pub use self::info::{DataDialect, Info};
pub use self::operation::Operation;

pub(crate) use self::document::document;
pub(crate) use self::operations::{Operations, Routed};
pub(crate) use self::typescript::client as typescript;
