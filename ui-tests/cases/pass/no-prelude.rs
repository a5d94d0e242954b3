//! The expansions do not depend on a prelude.

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

#[::touka::route(GET, "/query?{one}&{maybe}&{many}")]
async fn query(
    one: u8,
    maybe: ::core::option::Option<u8>,
    many: ::std::vec::Vec<u8>,
) -> ::touka::EventStream<::std::string::String> {
    let _ = (one, maybe, many);
    ::touka::sse! {
        yield ::std::string::String::new();
        emit!(::std::string::String::new());
    }
}

fn main() {
    let _: ::touka::Router = ::touka::Router::new().mount(::touka::routes![untyped, fallible, plain, query]);
}
