// #[route(GET, "/rooms/{room}?{since}")]
// pub async fn room(since: Option<u64>, State(app): State<App>, room: String, body: Bytes) -> Json<Room> { todo() }

#[allow(clippy::unused_async)]
pub async fn room(
    since: Option<u64>,
    State(app): State<App>,
    room: String,
    body: Bytes,
) -> Json<Room> {
    todo()
}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::empty_structs_with_brackets
)]
pub struct room {}
#[allow(private_bounds, private_interfaces)]
impl room {
    #[doc(hidden)]
    #[allow(dead_code, deprecated, clippy::too_many_lines)]
    pub fn __touka_route<__ToukaState, __ToukaVia>() -> ::touka::__private::Route<
        __ToukaState,
    >
    where
        __ToukaState: ::touka::__private::AnyState,
        __ToukaVia: 'static,
        State<App>: ::touka::__private::Extractor<__ToukaState>,
        Bytes: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
    {
        ::touka::__private::Route::new(
                ::touka::__private::Method::GET,
                "/rooms/{room}",
                |request, __touka_state: __ToukaState| async move {
                    #[allow(unused_mut, unused_variables)]
                    let (mut parts, body) = request.into_parts();
                    let query = ::touka::__private::QueryParams::from_parts(&parts);
                    let __touka_0 = match <Option<
                        u64,
                    > as ::touka::__private::FromQuery<_>>::from_query(&query, "since") {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_2 = match <String as ::touka::__private::Capture>::capture(
                        &parts,
                        "room",
                    ) {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_1 = match ::touka::__private::from_request_parts::<
                        State<App>,
                        __ToukaState,
                    >(&mut parts, &__touka_state)
                        .await
                    {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_3 = match ::touka::__private::from_request::<
                        Bytes,
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
                    let answer = room(__touka_0, __touka_1, __touka_2, __touka_3).await;
                    ::touka::__private::respond(answer)
                },
            )
            .named(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(room)),
            )
    }
}
