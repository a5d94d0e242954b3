// #[route(GET, "/rooms/{room}?{since}")]
// /// Follows a room.
#[sse_handler(callback, end = "done")] pub async fn room(since: Option<u64>, State(app): State<App>, room: String, out: &mut EventWriter<Tick>) -> Result<bool, Refusal> { Ok(false) }

#[allow(clippy::unused_async)]
/// Follows a room.
#[sse_handler(callback, end = "done")]
pub async fn room(
    since: Option<u64>,
    State(app): State<App>,
    room: String,
    out: &mut EventWriter<Tick>,
) -> Result<bool, Refusal> {
    Ok(false)
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
        State<App>: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
    {
        ::touka::__private::Route::new(
                ::touka::__private::Method::GET,
                "/rooms/{room}",
                |request, __touka_state: __ToukaState| async move {
                    #[allow(unused_mut, unused_variables)]
                    let (mut parts, body) = request.into_parts();
                    if let ::core::option::Option::Some(over) = ::touka::__private::ended(
                        &parts,
                        "done",
                    ) {
                        return over;
                    }
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
                    let __touka_1 = match ::touka::__private::from_request::<
                        State<App>,
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
                    let answer = room(__touka_0, __touka_1, __touka_2).await;
                    ::touka::__private::respond(answer)
                },
            )
            .named(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(room)),
            )
    }
    #[doc(hidden)]
    #[allow(dead_code)]
    pub fn __touka_described_route<__ToukaState, __ToukaVia>() -> ::touka::__private::Route<
        __ToukaState,
    >
    where
        __ToukaState: ::touka::__private::AnyState,
        __ToukaVia: 'static,
        State<App>: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
        Option<u64>: ::touka::__private::DescribedParameter<__ToukaState>,
        State<App>: ::touka::__private::DescribedRequest<__ToukaState>,
        String: ::touka::__private::DescribedParameter<__ToukaState>,
        Result<
            ::touka::EventStream<Tick>,
            Refusal,
        >: ::touka::__private::DescribedResponse<__ToukaState>,
    {
        ::touka::__private::Route::described(
            Self::__touka_route::<__ToukaState, __ToukaVia>(),
            |__touka_operation| {
                ::touka::__private::describe_handler(
                    __touka_operation,
                    ::core::concat!(" Follows a room.", "\n"),
                    false,
                );
                <Option<
                    u64,
                > as ::touka::__private::DescribedParameter<
                    __ToukaState,
                >>::query(__touka_operation, "since");
                <State<
                    App,
                > as ::touka::__private::DescribedRequest<
                    __ToukaState,
                >>::describe(__touka_operation);
                <String as ::touka::__private::DescribedParameter<
                    __ToukaState,
                >>::capture(__touka_operation, "room");
                ::touka::__private::describe_end(__touka_operation, "done");
                <Result<
                    ::touka::EventStream<Tick>,
                    Refusal,
                > as ::touka::__private::DescribedResponse<
                    __ToukaState,
                >>::describe(__touka_operation);
            },
        )
    }
}
