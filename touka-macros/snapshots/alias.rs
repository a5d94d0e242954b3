// #[sse_handler]
// async fn feed() -> Feed { emit!(event); }

async fn feed() -> Feed {
    <Feed as ::touka::__private::Returns>::start(move |__touka_hand| async move {
            let __touka_hand = &__touka_hand;
            #[allow(unused_macros)]
            macro_rules! emit {
                ($event:expr $(,)?) => {
                    { let event = ::touka::__private::item(__touka_hand, $event); _ =
                    __touka_hand.emit(event). await; }
                };
                () => {
                    ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                };
                ($first:expr, $($more:tt)+) => {
                    ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                };
            }
            let __touka_value = {
                emit!(event);
            };
            #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
            return ::touka::__private::finish::<_, _>(__touka_value);
        })
        .await
}
