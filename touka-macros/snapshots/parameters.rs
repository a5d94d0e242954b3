// #[sse_handler]
// async fn all(self: Arc<Self>, mut a: A, State(app): State<App>, _permit: Permit, out: &Emitter) { emit!(a); }

async fn all(
    self: Arc<Self>,
    a: A,
    state: State<App>,
    _permit: Permit,
) -> ::touka::EventStream {
    <::touka::EventStream as ::touka::__private::Returns>::start(move |__touka_hand| async move {
            #[allow(unreachable_code, clippy::all, clippy::pedantic)]
            if false {
                let done: () = ::core::unreachable!();
                return done;
            }
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let mut a = a;
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let State(app) = state;
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let _permit = _permit;
            let __touka_hand = &__touka_hand;
            let __touka_own = __touka_hand;
            #[allow(
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let out: &Emitter = __touka_own;
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
            let __touka_value: () = {
                emit!(a);
            };
            #[allow(unreachable_code, clippy::needless_return)] return __touka_value;
        })
        .await
}
