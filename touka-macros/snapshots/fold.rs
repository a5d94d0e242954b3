// #[derive(IntoEvent)]
// enum Turn { #[event(fold = "concat")] Delta { text: String }, #[event(fold = "concat", data = "text")] Line(String), #[event(fold = Usage::add)] Usage(Usage), #[event(fold = widen)] Span { from: u32, to: u32 }, Done }

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
    #[serde(crate = "__touka_serde", remote = "Turn")]
    #[serde(untagged)]
    enum __ToukaData {
        Delta { text: String },
        #[serde(skip)]
        Line(String),
        #[serde(skip)]
        Usage(Usage),
        Span { from: u32, to: u32 },
        #[serde(skip)]
        Done,
    }
    impl ::touka::__private::derived::SerializeFor<Turn> for __ToukaData {
        fn serialize_for<__S: __touka_serde::Serializer>(
            value: &Turn,
            serializer: __S,
        ) -> ::touka::__private::derived::Result<__S::Ok, __S::Error> {
            #[allow(unused_imports)]
            use ::touka::__private::derived::RefusedBySerde as _;
            Self::serialize(value, serializer)
        }
    }
    use ::touka::__private::derived::serde as __touka_serde_read;
    #[derive(__touka_serde_read::Deserialize)]
    #[serde(crate = "__touka_serde_read")]
    struct __ToukaRead0 {
        text: String,
    }
    #[derive(__touka_serde_read::Deserialize)]
    #[serde(crate = "__touka_serde_read")]
    struct __ToukaRead3 {
        from: u32,
        to: u32,
    }
    #[automatically_derived]
    impl ::touka::__private::derived::Derived for Turn {
        #[allow(unused_variables)]
        fn write<__S: ::touka::__private::derived::Sink>(
            &self,
            __touka_out: __S,
        ) -> ::touka::__private::derived::Result<__S::Done> {
            match *self {
                Turn::Delta { .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "delta",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::json(
                        __touka_out,
                        &::touka::__private::derived::through::<__ToukaData, _>(self),
                    )
                }
                Turn::Line { 0: ref __touka_data, .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "line",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::text(__touka_out, &*__touka_data)
                }
                Turn::Usage { 0: ref __touka_data, .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "usage",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::json(__touka_out, &*__touka_data)
                }
                Turn::Span { .. } => {
                    static NAME: ::touka::__private::derived::EventName = ::touka::__private::derived::EventName::from_static(
                        "span",
                    );
                    let __touka_out = ::touka::__private::derived::Sink::name(
                        __touka_out,
                        &NAME,
                    );
                    ::touka::__private::derived::Sink::json(
                        __touka_out,
                        &::touka::__private::derived::through::<__ToukaData, _>(self),
                    )
                }
                Turn::Done { .. } => {
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
    impl ::touka::__private::derived::IntoEvent for Turn {
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
        fn fold(
            __touka_earlier: &::touka::__private::derived::Event,
            __touka_later: &::touka::__private::derived::Event,
        ) -> ::core::option::Option<::touka::__private::derived::Event> {
            match ::touka::__private::derived::common_name(
                __touka_earlier,
                __touka_later,
            )? {
                "delta" => {
                    let __touka_read = |
                        __touka_event: &::touka::__private::derived::Event,
                    | -> ::touka::__private::derived::Result<String> {
                        let __touka_reading = ::touka::__private::derived::Reading::<
                            Self,
                        >::of(__touka_event);
                        let __touka_data: __ToukaRead0 = __touka_reading.json()?;
                        ::core::result::Result::Ok(__touka_data.text)
                    };
                    let __touka_earlier = __touka_read(__touka_earlier).ok()?;
                    let __touka_later = __touka_read(__touka_later).ok()?;
                    let __touka_folded: String = <String as ::touka::__private::derived::Concat>::concat(
                        __touka_earlier,
                        __touka_later,
                    );
                    ::touka::__private::derived::Derived::write(
                            &Turn::Delta {
                                text: __touka_folded,
                            },
                            ::touka::__private::derived::Event::new(),
                        )
                        .ok()
                }
                "line" => {
                    ::touka::__private::derived::concat_text::<
                        String,
                    >(__touka_earlier, __touka_later)
                }
                "usage" => {
                    let __touka_read = |
                        __touka_event: &::touka::__private::derived::Event,
                    | -> ::touka::__private::derived::Result<Usage> {
                        let __touka_reading = ::touka::__private::derived::Reading::<
                            Self,
                        >::of(__touka_event);
                        ::core::result::Result::Ok(__touka_reading.json::<Usage>()?)
                    };
                    let __touka_earlier = __touka_read(__touka_earlier).ok()?;
                    let __touka_later = __touka_read(__touka_later).ok()?;
                    let __touka_folded: Usage = {
                        let __touka_fold: fn(Usage, Usage) -> Usage = Usage::add;
                        __touka_fold(__touka_earlier, __touka_later)
                    };
                    ::touka::__private::derived::Derived::write(
                            &Turn::Usage { 0: __touka_folded },
                            ::touka::__private::derived::Event::new(),
                        )
                        .ok()
                }
                "span" => {
                    let __touka_read = |
                        __touka_event: &::touka::__private::derived::Event,
                    | -> ::touka::__private::derived::Result<(u32, u32)> {
                        let __touka_reading = ::touka::__private::derived::Reading::<
                            Self,
                        >::of(__touka_event);
                        let __touka_data: __ToukaRead3 = __touka_reading.json()?;
                        ::core::result::Result::Ok((__touka_data.from, __touka_data.to))
                    };
                    let __touka_earlier = __touka_read(__touka_earlier).ok()?;
                    let __touka_later = __touka_read(__touka_later).ok()?;
                    let __touka_folded: (u32, u32) = {
                        let __touka_fold: fn((u32, u32), (u32, u32)) -> (u32, u32) = widen;
                        __touka_fold(__touka_earlier, __touka_later)
                    };
                    ::touka::__private::derived::Derived::write(
                            &Turn::Span {
                                from: __touka_folded.0,
                                to: __touka_folded.1,
                            },
                            ::touka::__private::derived::Event::new(),
                        )
                        .ok()
                }
                _ => ::core::option::Option::None,
            }
        }
    }
};
