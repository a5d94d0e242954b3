//! One named test for each form and promise.

/// Makes a module of each form, with a test of each promise in it. A promise is a function of a
/// [`Form`](crate::form::Form) beside the call; the first argument runs what it returns.
macro_rules! in_each_form {
    ($run:ident; $($promise:ident),+ $(,)?) => {
        in_forms! {
            [
                http_1_0: Http10,
                unread_request: UnreadRequest,
                cleartext: Tcp,
                tls: Tls,
                unix: Unix,
                http_2: Http2,
                http_2_over_tls: Http2Tls,
                parked: Parked,
                topic_http_1_0: TopicHttp10,
                topic_cleartext: TopicTcp,
                topic_tls: TopicTls,
                topic_unix: TopicUnix,
                topic_http_2: TopicHttp2,
            ];
            $run; { $($promise),+ }
        }
    };
}

/// The same for some of the forms, and with attributes.
macro_rules! in_forms {
    ([$($module:ident: $form:ident,)+]; $run:ident; $promises:tt) => {
        $(in_forms! { @form $module $form $run $promises })+
    };
    (@form $module:ident $form:ident $run:ident { $($(#[$attribute:meta])* $promise:ident),+ $(,)? }) => {
        mod $module {
            $(
                #[test]
                $(#[$attribute])*
                fn $promise() {
                    super::$run(super::$promise(crate::form::Form::$form));
                }
            )+
        }
    };
}
