// #[sse_handler(__routed, detached = "turns/{chat}", end = "end", retry = "3s")]
// async fn turn(chat: u64, ask: Json<Ask>) -> Result<EventStream<Turn>, Refusal> { emit!(next(stopping()).await?); }

async fn turn(chat: u64, ask: Json<Ask>) -> Result<EventStream<Turn>, Refusal> {
    <Result<
        EventStream<Turn>,
        Refusal,
    > as ::touka::__private::Returns>::configure(
        <Result<
            EventStream<Turn>,
            Refusal,
        > as ::touka::__private::Returns>::start(move |__touka_hand| async move {
                #[allow(unused_imports)]
                use ::touka::run::stopping;
                #[allow(unreachable_code, clippy::all, clippy::pedantic)]
                if false {
                    let done: ::core::result::Result<(), Refusal> = ::core::unreachable!();
                    return done;
                }
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                #[allow(unused_variables)]
                let chat = chat;
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                let ask = ask;
                let __touka_hand = &__touka_hand;
                #[allow(unused_macros)]
                macro_rules! emit {
                    ($event:expr $(,)?) => {
                        { let event : Turn = $event; _ = __touka_hand.emit(event). await;
                        }
                    };
                    () => {
                        ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                    };
                    ($first:expr, $($more:tt)+) => {
                        ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                    };
                }
                let __touka_value = {
                    emit!(next(stopping()). await ?);
                };
                #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
                return ::touka::__private::finish::<
                    ::core::result::Result<(), Refusal>,
                    _,
                >(__touka_value);
            })
            .await,
        |stream| stream.end("end").retry(::core::time::Duration::from_millis(3000u64)),
    )
}
