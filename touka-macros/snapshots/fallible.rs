// #[sse_handler]
// async fn room(id: u64) -> Result<EventStream, Refusal> { emit!(find(id)?); }

async fn room(id: u64) -> Result<EventStream, Refusal> {
    <Result<
        EventStream,
        Refusal,
    > as ::touka::__private::Returns>::start(move |__touka_hand| async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic)]
            if false {
                let done: ::core::result::Result<(), Refusal> = ::core::unreachable!();
                return done;
            }
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let id = id;
            let __touka_hand = &__touka_hand;
            #[allow(unused_macros)]
            macro_rules! emit {
                ($event:expr $(,)?) => {
                    { let event = ::touka::__private::event($event); _ = __touka_hand
                    .emit(event). await; }
                };
                () => {
                    ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                };
                ($first:expr, $($more:tt)+) => {
                    ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                };
            }
            let __touka_value = {
                emit!(find(id) ?);
            };
            #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
            return ::touka::__private::finish::<
                ::core::result::Result<(), Refusal>,
                _,
            >(__touka_value);
        })
        .await
}
