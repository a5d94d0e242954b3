// #[sse_handler(callback)]
// async fn poll(mut left: u32, out: &mut EventWriter<Tick>) -> Result<bool, Refusal> { Ok(left > 0) }

async fn poll(left: u32) -> Result<::touka::EventStream<Tick>, Refusal> {
    <Result<
        ::touka::EventStream<Tick>,
        Refusal,
    > as ::touka::__private::Returns>::start(move |__touka_hand| async move {
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let mut left = left;
            let __touka_hand = &__touka_hand;
            #[allow(unused_mut, unused_variables)]
            let mut __touka_writer = ::touka::__private::EventWriter::new(
                ::core::clone::Clone::clone(__touka_hand),
            );
            loop {
                let __touka_again: bool = async {
                    #[allow(unreachable_code, clippy::all, clippy::pedantic)]
                    if false {
                        let done: Result<bool, Refusal> = ::core::unreachable!();
                        return done;
                    }
                    let __touka_own = &mut __touka_writer;
                    #[allow(
                        clippy::no_effect_underscore_binding,
                        clippy::used_underscore_binding
                    )]
                    let out: &mut EventWriter<Tick> = __touka_own;
                    #[allow(unused_macros)]
                    macro_rules! emit {
                        ($event:expr $(,)?) => {
                            { let event : Tick = $event; _ = __touka_hand.emit(event).
                            await; }
                        };
                        () => {
                            ::core::compile_error!("`emit!` needs an event: write `emit!(event)`")
                        };
                        ($first:expr, $($more:tt)+) => {
                            ::core::compile_error!("`emit!` takes one event: call it once for each event; the fields of one are set as in `Event::data(…).event(…)`")
                        };
                    }
                    let __touka_value: Result<bool, Refusal> = { Ok(left > 0) };
                    #[allow(unreachable_code, clippy::needless_return)]
                    return __touka_value;
                }
                    .await?;
                if !__touka_again {
                    break;
                }
                ::touka::__private::give_way().await;
            }
            ::core::result::Result::Ok(())
        })
        .await
}
