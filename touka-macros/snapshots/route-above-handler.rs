// #[route(GET, "/feed")]
// #[sse_handler(end = "done")] async fn feed(last: LastEventId) { emit!(1); }

#[allow(clippy::unused_async)]
#[sse_handler(end = "done")]
async fn feed(last: LastEventId) {
    emit!(1);
}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::empty_structs_with_brackets
)]
struct feed {}
#[allow(private_bounds, private_interfaces)]
impl feed {
    #[doc(hidden)]
    #[allow(dead_code, deprecated, clippy::too_many_lines)]
    pub fn __touka_route<__ToukaState, __ToukaVia>() -> ::touka::__private::Route<
        __ToukaState,
    >
    where
        __ToukaState: ::touka::__private::AnyState,
        __ToukaVia: 'static,
        LastEventId: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
    {
        ::touka::__private::Route::new(
                ::touka::__private::Method::GET,
                "/feed",
                |request, __touka_state: __ToukaState| async move {
                    #[allow(unused_mut, unused_variables)]
                    let (mut parts, body) = request.into_parts();
                    if let ::core::option::Option::Some(over) = ::touka::__private::ended(
                        &parts,
                        "done",
                    ) {
                        return over;
                    }
                    let __touka_0 = match ::touka::__private::from_request::<
                        LastEventId,
                        __ToukaState,
                        __ToukaVia,
                    >(
                            ::touka::__private::Request::from_parts(parts, body),
                            &__touka_state,
                        )
                        .await
                    {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let answer = feed(__touka_0).await;
                    ::touka::__private::respond(answer)
                },
            )
            .named(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(feed)),
            )
    }
}
