// #[sse_handler(keep_alive = off, whole_blocks, retry = "3s", open_after = "2s", end = "done", max_lifetime = "1h30m", write_timeout = "30s", on_error = sorry, on_close = log)]
// async fn everything() -> Result<EventStream, Refusal> { emit!(1); }

async fn everything() -> Result<EventStream, Refusal> {
    <Result<
        EventStream,
        Refusal,
    > as ::touka::__private::Returns>::configure(
        <Result<
            EventStream,
            Refusal,
        > as ::touka::__private::Opens>::open_start(move |__touka_hand| async move {
                #[allow(unreachable_code, clippy::all, clippy::pedantic)]
                if false {
                    let done: ::core::result::Result<(), Refusal> = ::core::unreachable!();
                    return done;
                }
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
                    emit!(1);
                };
                #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
                return ::touka::__private::finish::<
                    ::core::result::Result<(), Refusal>,
                    _,
                >(__touka_value);
            })
            .open_after(::core::time::Duration::from_millis(2000u64))
            .on_error(sorry)
            .await,
        |stream| {
            stream
                .keep_alive(::core::option::Option::None)
                .whole_blocks()
                .retry(::core::time::Duration::from_millis(3000u64))
                .end("done")
                .max_lifetime(::core::time::Duration::from_millis(5400000u64))
                .write_timeout(::core::time::Duration::from_millis(30000u64))
                .on_close(log)
        },
    )
}
