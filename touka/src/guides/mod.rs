//! Guides: one page for each subject, with complete examples.
//!
//! The pages are the files of the repository's folder `docs`. This module exists in the documentation only: no
//! program can name it.
//!
//! # Files of the repository
//! A page also names files that are not part of the crate, such as examples and tests. Links to them lead here:
//! they are in touka's repository.
// A page links to another page, to an item or to a file of the repository by a reference, `[parked]`, which it
// defines for readers of the repository at its end. `links.md` defines the same references for rustdoc. It comes
// first, and of two definitions Markdown takes the first. `scripts/test.sh doc` finds a link that is missing there.

macro_rules! guides {
    ($($(#[$about:meta])* $name:ident: $page:literal,)*) => {$(
        $(#[$about])*
        ///
        #[doc = include_str!("links.md")]
        #[cfg_attr(feature = "axum", doc = "[`AxumRoutes`]: crate::server::AxumRoutes")]
        #[cfg_attr(not(feature = "axum"), doc = "[`AxumRoutes`]: crate#features")]
        #[cfg_attr(feature = "redis", doc = "[redis-options]: crate::topic::Redis")]
        #[cfg_attr(not(feature = "redis"), doc = "[redis-options]: crate#features")]
        #[cfg_attr(feature = "nats", doc = "[nats-options]: crate::topic::Nats")]
        #[cfg_attr(not(feature = "nats"), doc = "[nats-options]: crate#features")]
        #[cfg_attr(feature = "testing", doc = "[test-cluster]: crate::testing::TestCluster")]
        #[cfg_attr(not(feature = "testing"), doc = "[test-cluster]: crate#features")]
        ///
        #[doc = include_str!(concat!("../../docs/", $page))]
        pub mod $name {}
    )*};
}

guides! {
    /// Whole programs, each shaped like an app.
    cookbook: "cookbook.md",
    /// Logs of events that many clients follow, each from its own position.
    topics: "topics.md",
    /// Bodies that outlive their client, such as answers of a language model.
    runs: "runs.md",
    /// An OpenAPI document and a TypeScript client, from the handlers.
    contract: "contract.md",
    /// One app in several processes, with one Redis or NATS behind them.
    scaling: "scaling.md",
    /// Handlers, routers and streams in an axum app, under either server.
    axum: "axum.md",
    /// The way from `axum::response::Sse`, name by name and step by step.
    from_axum: "from-axum.md",
    /// The way from Go's touka.
    from_go: "from-go.md",
    /// Proxies, systemd, containers, TLS and restarts.
    deploying: "deploying.md",
    /// Logs, metrics, and the list of open streams.
    observability: "observability.md",
    /// Streams that end with a session or a token.
    credentials: "credentials.md",
    /// Clients that deviate from the standard, and what to do for them.
    clients: "clients.md",
}
