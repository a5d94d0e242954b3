// #[route(POST, "/chats/{chat}?{request}")]
// #[sse_handler(detached = "turns/{chat}/{request}", owner = "{user}", on_disconnect = cancel_after("30s"), stop_grace = "1s", max_run = "2m", max_bytes = 1_000, keep_for = "1h", last_event = made, end = "end", retry = "3s", label = label(&user, app)?)]
    async fn turn(chat: u64, request: String, user: User, State(app): State<App>, out: Emitter<Turn>, Json(ask): Json<Ask>) -> Result<EventStream<Turn>, Refusal> { emit!(next().await?); }

#[allow(clippy::unused_async)]
#[sse_handler(
    __routed,
    detached = "turns/{chat}/{request}",
    owner = "{user}",
    on_disconnect = cancel_after("30s"),
    stop_grace = "1s",
    max_run = "2m",
    max_bytes = 1_000,
    keep_for = "1h",
    last_event = made,
    end = "end",
    retry = "3s",
    label = label(&user, app)?
)]
async fn turn(
    chat: u64,
    request: String,
    user: User,
    State(app): State<App>,
    out: Emitter<Turn>,
    Json(ask): Json<Ask>,
) -> Result<EventStream<Turn>, Refusal> {
    emit!(next(). await ?);
}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::empty_structs_with_brackets
)]
struct turn {}
#[allow(private_bounds, private_interfaces)]
impl turn {
    #[doc(hidden)]
    #[allow(dead_code, deprecated, clippy::too_many_lines)]
    pub fn __touka_route<__ToukaState, __ToukaVia>() -> ::touka::__private::Route<
        __ToukaState,
    >
    where
        __ToukaState: ::touka::__private::AnyState,
        __ToukaVia: 'static,
        User: ::touka::__private::Extractor<__ToukaState>,
        State<App>: ::touka::__private::Extractor<__ToukaState>,
        Json<Ask>: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
        __ToukaState: ::touka::__private::HasHub,
    {
        ::touka::__private::Route::new(
                ::touka::__private::Method::POST,
                "/chats/{chat}",
                |request, __touka_state: __ToukaState| async move {
                    #[allow(unused_mut, unused_variables)]
                    let (mut parts, body) = request.into_parts();
                    let __touka_viewer = ::touka::__private::Viewer::of(&parts);
                    let query = ::touka::__private::QueryParams::from_parts(&parts);
                    let __touka_0 = match <u64 as ::touka::__private::Capture>::capture(
                        &parts,
                        "chat",
                    ) {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_1 = match <String as ::touka::__private::FromQuery<
                        _,
                    >>::from_query(&query, "request") {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_2 = match ::touka::__private::from_request_parts::<
                        User,
                        __ToukaState,
                    >(&mut parts, &__touka_state)
                        .await
                    {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_3 = match ::touka::__private::from_request_parts::<
                        State<App>,
                        __ToukaState,
                    >(&mut parts, &__touka_state)
                        .await
                    {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_4 = match ::touka::__private::from_request::<
                        Json<Ask>,
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
                    let __touka_run = match ::touka::__private::run(
                        &__touka_state,
                        &[
                            ::touka::__private::shown(&"turns/"),
                            ::touka::__private::shown::<u64>(&__touka_0),
                            ::touka::__private::shown(&"/"),
                            ::touka::__private::shown::<String>(&__touka_1),
                        ],
                        ::core::option::Option::Some(
                            &[::touka::__private::shown::<User>(&__touka_2)],
                        ),
                    ) {
                        ::core::result::Result::Ok(run) => {
                            run.on_disconnect(
                                    ::touka::__private::OnDisconnect::CancelAfter(
                                        ::core::time::Duration::from_millis(30000u64),
                                    ),
                                )
                                .stop_grace(::core::time::Duration::from_millis(1000u64))
                                .max_run(::core::time::Duration::from_millis(120000u64))
                                .max_bytes(1000)
                                .keep_for(::core::time::Duration::from_millis(3600000u64))
                                .last_event(made)
                        }
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let chat = __touka_0;
                    let request = __touka_1;
                    let user = __touka_2;
                    let (__touka_label,) = match async {
                        let __touka_label = {
                            #[allow(unused_variables)]
                            let State(app) = &__touka_3;
                            #[allow(unused_variables)]
                            let Json(ask) = &__touka_4;
                            let __touka_label = ::touka::__private::values::label(
                                label(&user, app)?,
                            );
                            __touka_label
                        };
                        ::core::result::Result::<
                            _,
                            <Result<
                                EventStream<Turn>,
                                Refusal,
                            > as ::touka::__private::Opens>::Error,
                        >::Ok((__touka_label,))
                    }
                        .await
                    {
                        ::core::result::Result::Ok(values) => values,
                        ::core::result::Result::Err(error) => {
                            return ::touka::__private::refuse(error);
                        }
                    };
                    let answer = __touka_viewer
                        .join(
                            __touka_run,
                            move || turn(chat, request, user, __touka_3, __touka_4),
                        )
                        .await;
                    let answer = ::core::result::Result::map(
                        answer,
                        |stream| {
                            stream
                                .retry(::core::time::Duration::from_millis(3000u64))
                                .label(__touka_label)
                        },
                    );
                    ::touka::__private::respond(answer)
                },
            )
            .named(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(turn)),
            )
    }
}
