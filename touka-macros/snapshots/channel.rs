// #[sse_handler(channel = 32)]
// async fn many(events: EventSender) { drop(events); }

async fn many() -> ::touka::EventStream {
    <::touka::EventStream as ::touka::__private::Returns>::spawn(
            32,
            move |__touka_hand| async move {
                #[allow(unreachable_code, clippy::all, clippy::pedantic)]
                if false {
                    let done: () = ::core::unreachable!();
                    return done;
                }
                let __touka_hand = &__touka_hand;
                let __touka_own = ::core::clone::Clone::clone(__touka_hand);
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                let events: EventSender = __touka_own;
                #[allow(unused_macros)]
                macro_rules! emit {
                    ($event:expr $(,)?) => {
                        { let event = ::touka::__private::event($event); _ = __touka_hand
                        .send(event). await; }
                    };
                    () => {
                        ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                    };
                    ($first:expr, $($more:tt)+) => {
                        ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                    };
                }
                let __touka_value: () = {
                    drop(events);
                };
                #[allow(unreachable_code, clippy::needless_return)] return __touka_value;
            },
        )
        .await
}
