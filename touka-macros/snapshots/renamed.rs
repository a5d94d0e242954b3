// #[sse_handler(crate = my::sse)]
// async fn clock() { emit!(1); }

async fn clock() -> my::sse::EventStream {
    <my::sse::EventStream as my::sse::__private::Returns>::start(move |__touka_hand| async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic)]
            if false {
                let done: () = ::core::unreachable!();
                return done;
            }
            let __touka_hand = &__touka_hand;
            #[allow(unused_macros)]
            macro_rules! emit {
                ($event:expr $(,)?) => {
                    { let event = my::sse::__private::event($event); _ = __touka_hand
                    .emit(event). await; }
                };
                () => {
                    ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                };
                ($first:expr, $($more:tt)+) => {
                    ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                };
            }
            let __touka_value: () = {
                emit!(1);
            };
            #[allow(unreachable_code, clippy::needless_return)] return __touka_value;
        })
        .await
}
