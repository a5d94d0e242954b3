// #[route(POST, "/rooms")]
// #[deprecated] async fn open(State(app): State<App>, room: Json<Room>) -> impl IntoResponse { }

#[allow(clippy::unused_async)]
#[deprecated]
async fn open(State(app): State<App>, room: Json<Room>) -> impl IntoResponse {}
#[doc(hidden)]
#[allow(
    non_camel_case_types,
    dead_code,
    missing_debug_implementations,
    clippy::empty_structs_with_brackets
)]
struct open {}
#[allow(private_bounds, private_interfaces)]
impl open {
    #[doc(hidden)]
    #[allow(dead_code, deprecated, clippy::too_many_lines)]
    pub fn __touka_route<__ToukaState, __ToukaVia>() -> ::touka::__private::Route<
        __ToukaState,
    >
    where
        __ToukaState: ::touka::__private::AnyState,
        __ToukaVia: 'static,
        State<App>: ::touka::__private::Extractor<__ToukaState>,
        Json<Room>: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
    {
        ::touka::__private::Route::new(
                ::touka::__private::Method::POST,
                "/rooms",
                |request, __touka_state: __ToukaState| async move {
                    #[allow(unused_mut, unused_variables)]
                    let (mut parts, body) = request.into_parts();
                    let __touka_0 = match ::touka::__private::from_request_parts::<
                        State<App>,
                        __ToukaState,
                    >(&mut parts, &__touka_state)
                        .await
                    {
                        ::core::result::Result::Ok(value) => value,
                        ::core::result::Result::Err(refused) => return refused,
                    };
                    let __touka_1 = match ::touka::__private::from_request::<
                        Json<Room>,
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
                    let answer = open(__touka_0, __touka_1).await;
                    ::touka::__private::respond(answer)
                },
            )
            .named(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(open)),
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
        State<App>: ::touka::__private::Extractor<__ToukaState>,
        Json<Room>: ::touka::__private::LastExtractor<__ToukaState, __ToukaVia>,
        State<App>: ::touka::__private::DescribedRequest<__ToukaState>,
        Json<Room>: ::touka::__private::DescribedRequest<__ToukaState>,
    {
        ::touka::__private::Route::described(
            Self::__touka_route::<__ToukaState, __ToukaVia>(),
            |__touka_operation| {
                ::touka::__private::describe_handler(__touka_operation, "", true);
                <State<
                    App,
                > as ::touka::__private::DescribedRequest<
                    __ToukaState,
                >>::describe(__touka_operation);
                <Json<
                    Room,
                > as ::touka::__private::DescribedRequest<
                    __ToukaState,
                >>::describe(__touka_operation);
            },
        )
    }
}
