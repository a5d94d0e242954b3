//! The expansion of `#[event(read)]`: the method that makes a value of an event.
//!
//! Data of more than one value is read by serde's own derive, into a hidden struct of the data fields.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::copy::resolve_self;
use super::model::{Field, Input, Kind, Message, Payload, Style};
use super::paths::{Paths, located};

const SERDE: &str = "__touka_serde_read";

/// The hidden structs, and the method `from_event`. Empty for a type without `read`.
pub(super) fn read(input: &Input, paths: &Paths) -> (TokenStream, TokenStream) {
    if input.read.is_none() {
        return (TokenStream::new(), TokenStream::new());
    }
    let numbered = || input.messages.iter().enumerate();
    let readers: Vec<_> = numbered().filter_map(|(number, message)| reader(input, number, message)).collect();
    let serde_alias = Ident::new(SERDE, Span::call_site());
    let alias = (!readers.is_empty()).then(|| {
        let serde = paths.to("serde");
        quote!(use #serde as #serde_alias;)
    });
    let arms = numbered().map(|(number, message)| arm(input, number, message));
    let [reading, result, event] = ["Reading", "Result", "Event"].map(|name| paths.to(name));
    let from_event = quote! {
        fn from_event(__touka_event: #event) -> #result<Self> {
            let __touka_reading = #reading::<Self>::of(&__touka_event);
            match __touka_reading.name() {
                #(#arms)*
                _ => ::core::result::Result::Err(__touka_reading.unknown_name()),
            }
        }
    };
    (quote!(#alias #(#readers)*), from_event)
}

fn reader_name(number: usize) -> Ident {
    format_ident!("__ToukaRead{number}")
}

/// The struct that serde reads the message's data into, if the data is more than one value.
fn reader(input: &Input, number: usize, message: &Message) -> Option<TokenStream> {
    if !matches!(input.payload(message), Payload::Whole) {
        return None;
    }
    let (name, serde_alias) = (reader_name(number), Ident::new(SERDE, Span::call_site()));
    let container = if input.kind == Kind::Struct { input.serde.attributes() } else { message.serde.attributes() };
    let of_all_variants = (input.kind == Kind::Enum && !message.serde.has(&["rename_all"]))
        .then(|| input.serde.value("rename_all_fields"))
        .flatten()
        .map(|value| quote!(#[serde(rename_all #value)]));
    let fields = message.data().map(|field| {
        let (attributes, ty) = (field.serde.attributes(), resolve_self(field.ty.to_token_stream(), input));
        match &field.member {
            syn::Member::Named(name) => quote!(#attributes #name: #ty),
            syn::Member::Unnamed(_) => quote!(#attributes #ty),
        }
    });
    let body = match message.style {
        Style::Named => quote!({ #(#fields,)* }),
        Style::Unit | Style::Tuple => quote!((#(#fields,)*);),
    };
    Some(quote! {
        #[derive(#serde_alias::Deserialize)]
        #[serde(crate = #SERDE)]
        #container
        #of_all_variants
        struct #name #body
    })
}

/// The match arm that makes the value of one message.
fn arm(input: &Input, number: usize, message: &Message) -> TokenStream {
    let (ident, variant, name) = (&input.ident, &message.ident, &message.name.text);
    let constructor = if input.kind == Kind::Enum { quote!(#ident::#variant) } else { quote!(#ident) };
    let payload = input.payload(message);
    let whole = matches!(payload, Payload::Whole).then(|| {
        let reader = reader_name(number);
        quote!(let __touka_data: #reader = __touka_reading.json()?;)
    });
    // The index in the hidden struct, which has only the data fields.
    let mut place = 0_u32;
    let fields = message.fields.iter().map(|field| {
        let member = &field.member;
        let value = match &payload {
            _ if field.id.is_some() => call("id", field),
            _ if field.retry.is_some() => call("retry", field),
            Payload::Text(_) => plain("text", &field.ty),
            Payload::Lone(_) => plain("json", &field.ty),
            Payload::Empty | Payload::Whole => {
                let of_data = match member {
                    syn::Member::Named(name) => name.to_token_stream(),
                    syn::Member::Unnamed(_) => {
                        let index = syn::Index::from(place as usize);
                        place += 1;
                        index.to_token_stream()
                    }
                };
                quote!(__touka_data.#of_data)
            }
        };
        quote!(#member: #value)
    });
    quote! {
        #name => {
            #whole
            ::core::result::Result::Ok(#constructor { #(#fields,)* })
        }
    }
}

/// Reads a field that is not data.
fn call(what: &str, field: &Field) -> TokenStream {
    match field.optional() {
        Some(inner) => plain(&format!("optional_{what}"), inner),
        None => plain(what, &field.ty),
    }
}

/// A call with the location of the field's type, where errors about the type are reported.
fn plain(method: &str, ty: &Type) -> TokenStream {
    let span = ty.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| located(token.span()));
    let method = Ident::new(method, span);
    let reading = Ident::new("__touka_reading", Span::call_site());
    quote_spanned!(span=> #reading.#method::<#ty>()?)
}
