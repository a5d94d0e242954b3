//! The closure around the body, for each mode.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{PatType, Type};

use super::emit::{self, By};
use crate::keyword::STOPPING;
use crate::model::{self, Handler};
use crate::options::{Mode, Options};
use crate::runtime::{Runtime, located};

/// The function that starts the stream, and its arguments.
pub(super) fn run(
    handler: &Handler,
    options: &Options,
    moves: &TokenStream,
    place: Span,
    runtime: &Runtime,
) -> (&'static str, TokenStream) {
    match &options.mode {
        Mode::Generator => ("start", once(handler, By::Emitter, &quote!(), moves, place, runtime)),
        Mode::Detached(..) => {
            let import = import_of_stopping(handler, runtime);
            ("start", once(handler, By::Emitter, &import, moves, place, runtime))
        }
        Mode::Callback(_) => ("start", callback(handler, moves, place, runtime)),
        Mode::Channel(_, length) if handler.sig.asyncness.is_some() => {
            let body = once(handler, By::Sender, &quote!(), moves, place, runtime);
            ("spawn", quote!(#length, #body))
        }
        Mode::Channel(_, length) => {
            let body = blocking(handler, moves, place, runtime);
            ("spawn_blocking", quote!(#length, #body))
        }
    }
}

/// The local import by which the body of a detached handler can call `stopping()`. A parameter of this name has precedence.
fn import_of_stopping(handler: &Handler, runtime: &Runtime) -> TokenStream {
    if handler.params().any(|param| model::has_name(param.pat.to_token_stream(), STOPPING)) {
        return TokenStream::new();
    }
    let (root, stopping) = (runtime.root(), Ident::new(STOPPING, Span::call_site()));
    quote!(#[allow(unused_imports)] use #root::run::#stopping;)
}

/// The variable of the handle that takes events. It is hygienic, so the body cannot name it.
fn hand() -> Ident {
    Ident::new("__touka_hand", Span::mixed_site())
}

/// A body that runs once, inside the connection or on a task: the two differ only in the handle that takes
/// its events.
fn once(
    handler: &Handler,
    by: By,
    import: &TokenStream,
    moves: &TokenStream,
    place: Span,
    runtime: &Runtime,
) -> TokenStream {
    let hand = hand();
    let given =
        given(handler, |borrowed| if borrowed { quote!(#hand) } else { quote!(::core::clone::Clone::clone(#hand)) });
    let done = done(handler, place);
    let head = typed_return(done.as_ref(), place);
    let emit = emit::emit(handler, &hand, by, runtime);
    let end = end(handler, done.as_ref(), runtime);
    let name = located(&handler.sig.ident);
    let body = quote! {
        #import
        #head
        #moves
        // A reference, so that nested `async move` blocks can emit as well.
        let #hand = &#hand;
        #given
        #emit
        #end
    };
    quote_spanned!(name=> move |#hand| async move { #body })
}

/// A body that is called repeatedly. It is a block of its own in a loop, so that `return` ends a call and not
/// the stream.
fn callback(handler: &Handler, moves: &TokenStream, place: Span, runtime: &Runtime) -> TokenStream {
    let (hand, writer, again) =
        (hand(), Ident::new("__touka_writer", Span::mixed_site()), Ident::new("__touka_again", Span::mixed_site()));
    let event_writer = runtime.private("EventWriter");
    let given = given(handler, |borrowed| {
        if borrowed { quote!(&mut #writer) } else { quote!(#event_writer::new(::core::clone::Clone::clone(#hand))) }
    });
    let fallible = handler.output().is_some_and(model::fallible);
    let returned = handler.output().map_or_else(|| quote!(bool), ToTokens::to_token_stream);
    let head = typed_return(Some(&returned), place);
    let emit = emit::emit(handler, &hand, By::Emitter, runtime);
    let value = value(handler);
    let (body, give_way) = (&handler.body, runtime.private("give_way"));
    let (question, finished) =
        if fallible { (quote!(?), quote!(::core::result::Result::Ok(()))) } else { (quote!(), quote!()) };
    let name = located(&handler.sig.ident);
    let run = quote! {
        #moves
        let #hand = &#hand;
        #[allow(unused_mut, unused_variables)]
        let mut #writer = #event_writer::new(::core::clone::Clone::clone(#hand));
        loop {
            let #again: bool = async {
                #head
                #given
                #emit
                let #value: #returned = #body;
                #[allow(unreachable_code, clippy::needless_return)]
                return #value;
            }
            .await #question;
            if !#again {
                break;
            }
            // A call that neither wrote nor awaited anything must not block the thread.
            #give_way().await;
        }
        #finished
    };
    quote_spanned!(name=> move |#hand| async move { #run })
}

/// A body that runs on a thread of its own. It cannot await, so `emit!` is an error.
fn blocking(handler: &Handler, moves: &TokenStream, place: Span, runtime: &Runtime) -> TokenStream {
    let hand = hand();
    let given = given(handler, |borrowed| if borrowed { quote!(&#hand) } else { quote!(#hand) });
    let done = done(handler, place);
    let head = typed_return(done.as_ref(), place);
    let emit = emit::emit(handler, &hand, By::None, runtime);
    let end = end(handler, done.as_ref(), runtime);
    let name = located(&handler.sig.ident);
    quote_spanned!(name=> move |#hand| { #head #moves #given #emit #end })
}

/// The statement that binds the parameter which the attribute provides. `value` takes whether it is a reference.
fn given(handler: &Handler, value: impl Fn(bool) -> TokenStream) -> TokenStream {
    let mut statements = TokenStream::new();
    for param in handler.params().filter(|param| model::given(param).is_some()) {
        let PatType { attrs, pat, ty, .. } = param;
        let value = value(matches!(&**ty, Type::Reference(_)));
        // Errors about the type are located there.
        let own = Ident::new("__touka_own", Span::mixed_site().located_at(ty.span()));
        statements.extend(quote! {
            let #own = #value;
            #[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)]
            #(#attrs)*
            let #pat: #ty = #own;
        });
    }
    statements
}

/// The return type of the body. `None` for an alias, whose type is inferred.
fn done(handler: &Handler, place: Span) -> Option<TokenStream> {
    match handler.output().filter(|output| !model::is_stream(output)) {
        None => Some(quote_spanned!(place=> ())),
        Some(output) => {
            let error = model::error(output)?;
            Some(quote_spanned!(place=> ::core::result::Result<(), #error>))
        }
    }
}

/// A statement that fixes the return type of the body first, so that a wrong `return` in it is the error and
/// not its correct end.
fn typed_return(done: Option<&TokenStream>, place: Span) -> Option<TokenStream> {
    let done = done?;
    Some(quote_spanned! {place=>
        #[allow(unreachable_code, clippy::all, clippy::pedantic)]
        if false {
            let done: #done = ::core::unreachable!();
            return done;
        }
    })
}

/// The variable of the body's value. Errors about the value are located at the end of the body.
fn value(handler: &Handler) -> Ident {
    let at = Span::call_site().located_at(last(&handler.body));
    Ident::new("__touka_value", Span::mixed_site().located_at(at))
}

/// The body, and the conversion of its value to the type that the stream takes.
fn end(handler: &Handler, done: Option<&TokenStream>, runtime: &Runtime) -> TokenStream {
    let (body, value) = (&handler.body, value(handler));
    if handler.output().is_none_or(model::is_stream) {
        return quote! {
            let #value: () = #body;
            #[allow(unreachable_code, clippy::needless_return)]
            return #value;
        };
    }
    // With a `Result`, the body may end without a value, with `Ok(())`, or never.
    let at = Span::call_site().located_at(last(body));
    let finish = runtime.private_at(at, "finish");
    let done = done.map_or_else(|| quote!(_), ToTokens::to_token_stream);
    let finished = quote_spanned!(at=> #finish::<#done, _>(#value));
    quote! {
        let #value = #body;
        #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
        return #finished;
    }
}

/// The location of the end of a body: its last token, or its closing brace.
fn last(body: &Group) -> Span {
    match body.stream().into_iter().last() {
        // A block that a `macro_rules!` captured is a group around a group.
        Some(TokenTree::Group(inner)) if body.delimiter() == Delimiter::None => last(&inner),
        Some(TokenTree::Punct(punct)) if punct.as_char() == ';' => body.span_close(),
        Some(token) => token.span(),
        None => body.span_close(),
    }
}
