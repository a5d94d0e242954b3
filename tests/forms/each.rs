//! One named test for each form and promise.

/// Makes a module for each form, with a test for each promise in it. A promise is a function of a
/// [`Form`](crate::form::Form) next to the call; the first argument runs the future that it returns.
macro_rules! in_each_form {
    ($run:ident; $($promise:ident),+ $(,)?) => {
        in_each_form! { @all $run [$($promise)+]
            http_1_0 Http10,
            unread_request UnreadRequest,
            cleartext Tcp,
            tls Tls,
            unix Unix,
            http_2 Http2,
            http_2_over_tls Http2Tls,
            parked Parked,
            topic_http_1_0 TopicHttp10,
            topic_cleartext TopicTcp,
            topic_tls TopicTls,
            topic_unix TopicUnix,
            topic_http_2 TopicHttp2,
        }
    };
    (@all $run:ident $promises:tt $($module:ident $form:ident,)+) => {
        $(in_each_form! { @one $run $module $form $promises })+
    };
    (@one $run:ident $module:ident $form:ident [$($promise:ident)+]) => {
        mod $module {
            $(
                #[test]
                fn $promise() {
                    super::$run(super::$promise(crate::form::Form::$form));
                }
            )+
        }
    };
}
