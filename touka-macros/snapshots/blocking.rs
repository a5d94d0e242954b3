// #[sse_handler(channel = 8)]
// fn lines(path: String, events: EventSender<Line>) { drop(events); }

async fn lines(path: String) -> ::touka::EventStream<Line> {
    <::touka::EventStream<
        Line,
    > as ::touka::__private::Returns>::spawn_blocking(
            8,
            move |__touka_hand| {
                #[allow(unreachable_code, clippy::all, clippy::pedantic)]
                if false {
                    let done: () = ::core::unreachable!();
                    return done;
                }
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                let path = path;
                let __touka_own = __touka_hand;
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                let events: EventSender<Line> = __touka_own;
                #[allow(unused_macros)]
                macro_rules! emit {
                    ($event:expr $(,)?) => {
                        { let event : Line = $event;
                        ::core::compile_error!("`emit!` needs an async function: in a plain function, write `events.blocking_send(event)`");
                        }
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
