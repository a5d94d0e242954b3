//! The expansion names nothing that a prelude brings.

#![no_implicit_prelude]

#[::touka::sse_handler]
#[::touka::route(GET, "/{name}")]
async fn untyped(name: ::std::string::String, last: ::touka::extract::LastEventId) {
    let _ = last;
    emit!(name);
}

#[::touka::route(GET, "/")]
#[::touka::sse_handler]
async fn fallible(out: ::touka::Emitter) -> ::core::result::Result<::touka::EventStream, ::http::StatusCode> {
    emit!("one");
    out.emit("two").await;
}

#[::touka::route(POST, "/")]
async fn plain(body: ::std::string::String) -> ::std::string::String {
    body
}

fn main() {
    let _: ::touka::Router = ::touka::Router::new().mount(::touka::routes![untyped, fallible, plain]);
}
