//! The expansions cause no warnings.

#![deny(warnings, unused, future_incompatible, nonstandard_style, rust_2018_idioms, rust_2024_compatibility)]
#![deny(
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_abi,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_ascii_idents,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

/// Public handlers.
pub mod api {
    use http::StatusCode;
    use touka::extract::{LastEventId, State};
    use touka::{EventStream, route, sse, sse_handler};

    /// A route with a query parameter.
    #[route(GET, "/log?{level}&{since}&{tag}")]
    pub async fn log(level: u8, tag: Vec<String>, since: Option<u64>) -> String {
        format!("{level} {since:?} {tag:?}")
    }

    /// Blocks that never emit, never end, return early, or end with an unused value.
    pub fn blocks(early: bool) -> [EventStream; 4] {
        [
            sse! {},
            sse! {
                loop {
                    yield "again";
                }
            },
            sse! {
                if early {
                    return;
                }
                yield "late"
            },
            sse! { emit!("emitted") },
        ]
    }

    /// An untyped handler.
    #[sse_handler]
    #[route(GET, "/clock/{name}")]
    pub async fn clock(name: String, _last: LastEventId, State(count): State<u32>) {
        for _ in 0..count {
            emit!(name.clone());
        }
    }

    /// A handler that can fail and ends with a value.
    #[route(GET, "/fallible")]
    #[sse_handler]
    pub async fn fallible() -> Result<EventStream<String>, StatusCode> {
        emit!("x".to_owned());
        Ok(())
    }

    /// A handler that can fail, ends with nothing, and never emits.
    #[sse_handler]
    pub async fn silent() -> Result<EventStream, StatusCode> {}

    /// A handler that never ends.
    #[sse_handler]
    pub async fn endless(mut count: u64) {
        loop {
            count += 1;
            emit!(count.to_string());
        }
    }

    /// A handler that can fail and never ends.
    #[sse_handler]
    pub async fn endless_in_a_result() -> Result<EventStream, StatusCode> {
        loop {
            emit!("again");
        }
    }

    /// A handler that always fails.
    #[sse_handler]
    pub async fn fails() -> Result<EventStream, StatusCode> {
        Err(StatusCode::NOT_FOUND)
    }

    /// A handler that ends in a panic.
    #[sse_handler]
    pub async fn panics() {
        panic!("on purpose")
    }

    /// A plain route.
    #[route(POST, "/plain")]
    pub async fn plain(body: String) -> String {
        body
    }

    /// A handler without parameters.
    #[route(DELETE, "/plain")]
    pub async fn nothing() {}

    #[sse_handler]
    #[route(GET, "/private")]
    pub(crate) async fn private() {
        emit!("x");
    }
}

fn main() {
    let routes = touka::routes![api::clock, api::fallible, api::plain, api::nothing, api::private];
    let router: touka::Router = touka::Router::new().mount(routes).with_state(1u32);
    drop((router, api::silent(), api::endless(1), api::endless_in_a_result(), api::fails(), api::panics()));
}
