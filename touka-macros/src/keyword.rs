//! The words of the attributes, each written once.

/// Option: where generated code finds the touka crate.
pub(crate) const CRATE: &str = "crate";

/// The attribute whose functions have a body that emits.
pub(crate) const SSE_HANDLER: &str = "sse_handler";

/// The type whose parameter receives the emitter itself.
pub(crate) const EMITTER: &str = "Emitter";

/// The word that hands over an event.
pub(crate) const EMIT: &str = "emit";

/// The word that users of other generators type first.
pub(crate) const YIELD: &str = "yield";

/// The standard methods, as `http::Method` spells them.
pub(crate) const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
