//! The expansion of `#[event(read)]`: the method that makes a value of an event. `fold` reads values in the same way.
//!
//! Data of more than one value is read by serde's own derive, into a hidden struct of the data fields.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;

use super::copy::resolve_self;
use super::model::{Field, Input, Kind, Message, Payload, Style};
use super::paths::{Paths, located};

const SERDE: &str = "__touka_serde_read";

/// The hidden structs that data is read into. Empty for a type that is not read.
pub(super) fn readers(input: &Input, paths: &Paths) -> TokenStream {
    let is_read = |message: &Message| input.read.is_some() || message.is_read_to_fold();
    let read = input.messages.iter().enumerate().filter(|(_, message)| is_read(message));
    let readers: Vec<_> = read.filter_map(|(number, message)| reader(input, number, message)).collect();
    let serde_alias = Ident::new(SERDE, Span::call_site());
    let alias = (!readers.is_empty()).then(|| {
        let serde = paths.to("serde");
        quote!(use #serde as #serde_alias;)
    });
    quote!(#alias #(#readers)*)
}

/// The method `from_event`. Empty for a type without `read`.
pub(super) fn from_event(input: &Input, paths: &Paths) -> TokenStream {
    if input.read.is_none() {
        return TokenStream::new();
    }
    let arms = input.messages.iter().enumerate().map(|(number, message)| arm(input, number, message));
    let [reading, result, event] = ["Reading", "Result", "Event"].map(|name| paths.to(name));
    quote! {
        fn from_event(__touka_event: #event) -> #result<Self> {
            let __touka_reading = #reading::<Self>::of(&__touka_event);
            match __touka_reading.name() {
                #(#arms)*
                _ => ::core::result::Result::Err(__touka_reading.unknown_name()),
            }
        }
    }
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
    let name = &message.name.text;
    let Values { whole, values } = values(input, number, message);
    let value = constructed(input, message, &values);
    quote! {
        #name => {
            #whole
            ::core::result::Result::Ok(#value)
        }
    }
}

/// The value of a message with these fields.
pub(super) fn constructed(input: &Input, message: &Message, values: &[TokenStream]) -> TokenStream {
    let (ident, variant) = (&input.ident, &message.ident);
    let constructor = if input.kind == Kind::Enum { quote!(#ident::#variant) } else { quote!(#ident) };
    let members = message.fields.iter().map(|field| &field.member);
    quote!(#constructor { #(#members: #values,)* })
}

/// The code that reads the fields of a message.
pub(super) struct Values {
    /// The statement that reads data of more than one value.
    pub(super) whole: Option<TokenStream>,
    /// The expression of each field.
    pub(super) values: Vec<TokenStream>,
}

/// Reads the fields of a message, by `__touka_reading`.
pub(super) fn values(input: &Input, number: usize, message: &Message) -> Values {
    let payload = input.payload(message);
    let whole = matches!(payload, Payload::Whole).then(|| {
        let reader = reader_name(number);
        quote!(let __touka_data: #reader = __touka_reading.json()?;)
    });
    // The index in the hidden struct, which has only the data fields.
    let mut place = 0_u32;
    let value = |field: &Field| match &payload {
        _ if field.id.is_some() => call("id", field),
        _ if field.retry.is_some() => call("retry", field),
        Payload::Text(_) => plain("text", &field.ty),
        Payload::Lone(_) => plain("json", &field.ty),
        Payload::Empty | Payload::Whole => {
            let of_data = match &field.member {
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
    let values = message.fields.iter().map(value).collect();
    Values { whole, values }
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
