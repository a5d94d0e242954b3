//! The words of the attributes, each written once.

/// Option: where generated code finds the touka crate.
pub(crate) const CRATE: &str = "crate";

/// The attribute whose functions have a body that emits.
pub(crate) const SSE_HANDLER: &str = "sse_handler";

/// The attribute that gives a function a method and a path.
pub(crate) const ROUTE: &str = "route";

/// The documentation of a handler with mistakes. It tells `#[route]`, which expands later, that
/// they are reported.
pub(crate) const STUB: &str = "This handler did not compile.";

/// The type whose parameter receives the emitter itself.
pub(crate) const EMITTER: &str = "Emitter";

/// The type that a handler returns.
pub(crate) const EVENT_STREAM: &str = "EventStream";

/// The word that hands over an event.
pub(crate) const EMIT: &str = "emit";

/// The word that users of other generators type first.
pub(crate) const YIELD: &str = "yield";

/// The standard methods, as `http::Method` spells them.
pub(crate) const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
