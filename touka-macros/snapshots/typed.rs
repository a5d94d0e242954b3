// #[sse_handler]
// async fn ticks(from: u64) -> EventStream<Tick> { emit!(Tick(from)); }

async fn ticks(from: u64) -> EventStream<Tick> {
    <EventStream<
        Tick,
    > as ::touka::__private::Returns>::start(move |__touka_hand| async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic)]
            if false {
                let done: () = ::core::unreachable!();
                return done;
            }
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let from = from;
            let __touka_hand = &__touka_hand;
            #[allow(unused_macros)]
            macro_rules! emit {
                ($event:expr $(,)?) => {
                    { let event : Tick = $event; _ = __touka_hand.emit(event). await; }
                };
                () => {
                    ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                };
                ($first:expr, $($more:tt)+) => {
                    ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                };
            }
            let __touka_value: () = {
                emit!(Tick(from));
            };
            #[allow(unreachable_code, clippy::needless_return)] return __touka_value;
        })
        .await
}
