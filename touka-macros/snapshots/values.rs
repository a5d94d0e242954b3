// #[sse_handler(close_at = claims.exp, close_when = app.ended(claims.session), label = format!("user {user}"), expired_event = "bye", head = [("x-trace", &app.trace)])]
// async fn mine(claims: Claims, State(mut app): State<App>, mut user: u64) { emit!(1); }

async fn mine(claims: Claims, state: State<App>, user: u64) -> ::touka::EventStream {
    let __touka_close_at = {
        #[allow(unused_variables)]
        let State(app) = &state;
        let __touka_close_at = ::touka::__private::values::close_at(claims.exp);
        __touka_close_at
    };
    let __touka_close_when = {
        #[allow(unused_variables)]
        let State(app) = &state;
        let __touka_close_when = ::touka::__private::values::close_when(
            app.ended(claims.session),
        );
        __touka_close_when
    };
    let __touka_label = {
        #[allow(unused_variables)]
        let State(app) = &state;
        let __touka_label = ::touka::__private::values::label(format!("user {user}"));
        __touka_label
    };
    let __touka_expired_event = {
        #[allow(unused_variables)]
        let State(app) = &state;
        let __touka_expired_event = ::touka::__private::values::expired_event("bye");
        __touka_expired_event
    };
    let __touka_head = {
        #[allow(unused_variables)]
        let State(app) = &state;
        let __touka_head = ::touka::__private::values::head([("x-trace", &app.trace)]);
        __touka_head
    };
    <::touka::EventStream as ::touka::__private::Returns>::configure(
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
                #[allow(unused_variables)]
                let claims = claims;
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                #[allow(unused_variables)]
                let State(mut app) = state;
                #[allow(
                    clippy::no_effect_underscore_binding,
                    clippy::used_underscore_binding
                )]
                #[allow(unused_variables)]
                let mut user = user;
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
                let __touka_value: () = {
                    emit!(1);
                };
                #[allow(unreachable_code, clippy::needless_return)] return __touka_value;
            })
            .await,
        |stream| {
            stream
                .close_at(__touka_close_at)
                .close_when(__touka_close_when)
                .label(__touka_label)
                .expired_event(__touka_expired_event)
                .head(__touka_head)
        },
    )
}
