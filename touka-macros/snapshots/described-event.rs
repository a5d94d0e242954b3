// #[derive(IntoEvent)]
// #[serde(rename_all_fields = "camelCase")] enum Chat<'a, T> { /** A token. */ Token { #[event(id)] id: u64, #[serde(rename = "t", default)] text: &'a str, #[serde(with = "hex")] raw: Vec<u8> }, Usage(T), #[event(data = "text")] Line(String), Done }

#[doc(hidden)]
#[allow(
    deprecated,
    dead_code,
    non_camel_case_types,
    explicit_outlives_requirements,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
const _: () = {
    use ::touka::__private::derived::serde as __touka_serde;
    #[derive(__touka_serde::Serialize)]
    #[serde(crate = "__touka_serde", remote = "Chat")]
    #[serde(rename_all_fields = "camelCase")]
    #[serde(untagged)]
    enum __ToukaData<'a, T> {
        Token {
            #[serde(skip)]
            id: u64,
            #[serde(rename = "t")]
            #[serde(default)]
            text: &'a str,
            #[serde(with = "hex")]
            raw: Vec<u8>,
        },
        #[serde(skip)]
        Usage(T),
        #[serde(skip)]
        Line(String),
        #[serde(skip)]
        Done,
    }
    impl<'a, T> ::touka::__private::derived::SerializeFor<Chat<'a, T>>
    for __ToukaData<'a, T>
    where
        T: ::touka::__private::derived::serde::Serialize,
    {
        fn serialize_for<__S: __touka_serde::Serializer>(
            value: &Chat<'a, T>,
            serializer: __S,
        ) -> ::touka::__private::derived::Result<__S::Ok, __S::Error> {
            #[allow(unused_imports)]
            use ::touka::__private::derived::RefusedBySerde as _;
            Self::serialize(value, serializer)
        }
    }
    #[automatically_derived]
    impl<'a, T> ::touka::__private::derived::Derived for Chat<'a, T>
    where
        T: ::touka::__private::derived::serde::Serialize,
    {
        #[allow(unused_variables)]
        fn write<__S: ::touka::__private::derived::Sink>(
            &self,
            __touka_out: __S,
        ) -> ::touka::__private::derived::Result<__S::Done> {
            match *self {
                Chat::Token { id: ref __touka_id, .. } => {
                    let __touka_out = ::touka::__private::derived::Sink::id(
                        __touka_out,
                        &*__touka_id,
                    )?;
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "token",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::json(
                        __touka_out,
                        &::touka::__private::derived::through::<
                            __ToukaData<'a, T>,
                            _,
                        >(self),
                    )
                }
                Chat::Usage { 0: ref __touka_data, .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "usage",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::json(__touka_out, &*__touka_data)
                }
                Chat::Line { 0: ref __touka_data, .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "line",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::text(__touka_out, &*__touka_data)
                }
                Chat::Done { .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "done",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::text(__touka_out, "")
                }
            }
        }
    }
    #[automatically_derived]
    impl<'a, T> ::touka::__private::derived::IntoEvent for Chat<'a, T>
    where
        T: ::touka::__private::derived::serde::Serialize,
    {
        fn into_event(
            self,
        ) -> ::touka::__private::derived::Result<::touka::__private::derived::Event> {
            ::touka::__private::derived::Derived::write(
                &self,
                ::touka::__private::derived::Event::new(),
            )
        }
        fn encode_into(
            self,
            buf: &mut ::touka::__private::derived::BytesMut,
        ) -> ::touka::__private::derived::Result<()> {
            ::touka::__private::derived::Derived::write(
                &self,
                ::touka::__private::derived::Encoder::new(buf),
            )
        }
    }
};
#[doc(hidden)]
#[allow(
    deprecated,
    dead_code,
    non_camel_case_types,
    explicit_outlives_requirements,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
const _: () = {
    use ::touka::__private::derived::schemars as __touka_schemars;
    #[allow(unused_imports)]
    use ::core::{
        convert::{From as _, Into as _},
        iter::{IntoIterator as _, Iterator as _},
    };
    #[derive(__touka_schemars::JsonSchema)]
    #[schemars(crate = "__touka_schemars", bound = "")]
    #[serde(rename_all = "camelCase")]
    struct __ToukaSchema0<'a, T>
    where
        for<'__touka> &'a str: ::touka::__private::derived::DataSchema<'__touka>,
    {
        #[serde(skip)]
        id: u64,
        #[serde(rename = "t")]
        text: ::touka::__private::derived::Deferred<&'a str>,
        raw: ::touka::__private::derived::AnyJson,
        #[serde(skip)]
        __touka: ::core::marker::PhantomData<(&'a (), fn() -> T)>,
    }
    #[automatically_derived]
    impl<'a, T> ::touka::__private::derived::DescribeEvents for Chat<'a, T>
    where
        for<'__touka> &'a str: ::touka::__private::derived::DataSchema<'__touka>,
        for<'__touka> T: ::touka::__private::derived::DataSchema<'__touka>,
    {
        fn describe(__touka_events: &mut ::touka::__private::derived::Events<'_>) {
            __touka_events
                .json_inline::<
                    __ToukaSchema0<'a, T>,
                >(
                    "token",
                    ::core::primitive::str::trim(::core::concat!(" A token. ", "\n")),
                );
            __touka_events
                .json::<
                    ::touka::__private::derived::Deferred<T>,
                >("usage", ::core::primitive::str::trim(""));
            __touka_events.text("line", ::core::primitive::str::trim(""));
            __touka_events.empty("done", ::core::primitive::str::trim(""));
        }
    }
};
