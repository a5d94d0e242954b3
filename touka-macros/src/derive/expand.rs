//! The expansion of the derive, from a checked type to its `IntoEvent`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use super::bounds;
use super::copy::{self, COPY};
use super::fold;
use super::model::{Field, Input, Kind, Message, Payload};
use super::paths::{Paths, located};
use super::read;

/// The impl. One function writes the event, to a sink that is either the buffer or an `Event`.
pub(super) fn expand(input: &Input, paths: &Paths) -> TokenStream {
    let generics = bounds::infer(input, paths);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let ident = &input.ident;
    let copy = copy::copy(input, &generics, paths);
    let (readers, from_event) = (read::readers(input, paths), read::from_event(input, paths));
    let fold = fold::fold(input, paths);
    let arms = input.messages.iter().map(|message| arm(input, message, paths));
    let [derived, sink, result, into_event, event, encoder, buffer] =
        ["Derived", "Sink", "Result", "IntoEvent", "Event", "Encoder", "BytesMut"].map(|name| paths.to(name));
    let out = out();
    quote! {
        #[doc(hidden)]
        #[allow(deprecated, dead_code, non_camel_case_types, explicit_outlives_requirements, clippy::all, clippy::pedantic, clippy::nursery)]
        const _: () = {
            #copy
            #readers

            #[automatically_derived]
            impl #impl_generics #derived for #ident #ty_generics #where_clause {
                #[allow(unused_variables)]
                fn write<__S: #sink>(&self, #out: __S) -> #result<__S::Done> {
                    match *self {
                        #(#arms)*
                    }
                }
            }

            #[automatically_derived]
            impl #impl_generics #into_event for #ident #ty_generics #where_clause {
                fn into_event(self) -> #result<#event> {
                    #derived::write(&self, #event::new())
                }

                fn encode_into(self, buf: &mut #buffer) -> #result<()> {
                    #derived::write(&self, #encoder::new(buf))
                }

                #from_event

                #fold
            }
        };
    }
}

/// The match arm of one variant, or of the struct: its fields in the order of the wire.
fn arm(input: &Input, message: &Message, paths: &Paths) -> TokenStream {
    let (ident, name) = (&input.ident, &message.ident);
    let constructor = if input.kind == Kind::Enum { quote!(#ident::#name) } else { quote!(#ident) };
    let payload = input.payload(message);
    let data = match payload {
        Payload::Text(field) | Payload::Lone(field) => Some(field),
        Payload::Empty | Payload::Whole => None,
    };
    let retry = message.fields.iter().find(|field| field.retry.is_some());
    let id = message.fields.iter().find(|field| field.id.is_some());
    let used = [(retry, "retry"), (id, "id"), (data, "data")];
    let bindings = used.into_iter().filter_map(|(field, variable)| {
        let (member, variable) = (&field?.member, local(variable));
        Some(quote!(#member: ref #variable,))
    });
    let retry = retry.map(|field| give(field, "retry", None, paths));
    let id = id.map(|field| give(field, "id", Some(&quote!(?)), paths));
    let event_name = event_name(message, paths);
    let data = send(input, &payload, paths);
    quote! {
        #constructor { #(#bindings)* .. } => {
            #retry
            #id
            #event_name
            #data
        }
    }
}

/// Writes a field to the sink, unless it is `None`.
fn give(field: &Field, method: &str, failure: Option<&TokenStream>, paths: &Paths) -> TokenStream {
    let value = local(method);
    let optional = field.optional();
    let give = call(method, &value, optional.unwrap_or(&field.ty), paths);
    let out = out();
    if optional.is_none() {
        return quote!(let #out = #give #failure;);
    }
    quote! {
        let #out = match *#value {
            ::core::option::Option::Some(ref #value) => #give #failure,
            ::core::option::Option::None => #out,
        };
    }
}

/// Writes the event's name. An event called `message` needs none.
fn event_name(message: &Message, paths: &Paths) -> Option<TokenStream> {
    if message.name.is_left_out() {
        return None;
    }
    let (event_name, sink, text, out) = (paths.to("EventName"), paths.to("Sink"), &message.name.text, out());
    Some(quote! {
        static NAME: #event_name = #event_name::from_static(#text);
        let #out = #sink::name(#out, &NAME);
    })
}

fn send(input: &Input, payload: &Payload<'_>, paths: &Paths) -> TokenStream {
    let (sink, out) = (paths.to("Sink"), out());
    match payload {
        Payload::Empty => quote!(#sink::text(#out, "")),
        Payload::Text(field) => call("text", &local("data"), &field.ty, paths),
        Payload::Lone(field) => call("json", &local("data"), &field.ty, paths),
        Payload::Whole => {
            let through = paths.to("through");
            let copy = Ident::new(COPY, Span::call_site());
            let (_, ty_generics, _) = input.generics.split_for_impl();
            quote!(#sink::json(#out, &#through::<#copy #ty_generics, _>(self)))
        }
    }
}

/// A method call of the sink. The argument has the location of the field's type, from its first token to its
/// last, where errors about the type are reported.
fn call(method: &str, value: &Ident, ty: &Type, paths: &Paths) -> TokenStream {
    let (sink, method, out) = (paths.to("Sink"), Ident::new(method, Span::call_site()), out());
    let spans: Vec<Span> = ty.to_token_stream().into_iter().map(|token| located(token.span())).collect();
    let (first, last) = (spans.first().copied().unwrap_or(method.span()), spans.last().copied());
    let value = Ident::new(&value.to_string(), last.unwrap_or(first));
    let reborrow = quote_spanned!(first=> &*);
    quote!(#sink::#method(#out, #reborrow #value))
}

/// A variable. Its scope has no code of the user, so its name need only differ from the names of the user's
/// constants.
fn local(name: &str) -> Ident {
    Ident::new(&format!("__touka_{name}"), Span::call_site())
}

fn out() -> Ident {
    local("out")
}
