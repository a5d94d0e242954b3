//! A hidden copy of the type, on which serde's own derive works: its "remote derive".
//!
//! Thus every serde attribute keeps its meaning, and the functions that attributes name get references to the
//! types of the fields. The id is marked as skipped. An enum is marked as untagged, because the event's name
//! identifies the variant.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use super::model::{Field, Input, Kind, Message, Payload, Style};
use super::paths::{Paths, located};

pub(super) const COPY: &str = "__ToukaData";
const SERDE: &str = "__touka_serde";

/// The copy, if any message needs it, and the function that serializes a value of the type with it.
pub(super) fn copy(input: &Input, generics: &syn::Generics, paths: &Paths) -> TokenStream {
    let whole = |message: &Message| matches!(input.payload(message), Payload::Whole);
    if !input.messages.iter().any(whole) {
        return TokenStream::new();
    }
    let copy = Ident::new(COPY, Span::call_site());
    let serde_alias = Ident::new(SERDE, Span::call_site());
    let [serde, serialize_for, refused, result] =
        ["serde", "SerializeFor", "RefusedBySerde", "Result"].map(|name| paths.to(name));
    let (ident, attributes) = (&input.ident, input.serde.attributes());
    let declared = &input.generics;
    let declared_where = &declared.where_clause;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let remote = ident.to_string();
    let item = match input.kind {
        Kind::Enum => {
            let variants = input.messages.iter().map(|message| {
                let (name, attributes) = (&message.ident, message.serde.attributes());
                if whole(message) {
                    let fields = fields(input, message, true);
                    quote!(#attributes #name #fields)
                } else {
                    // Not serialized through the copy.
                    let fields = fields(input, message, false);
                    quote!(#[serde(skip)] #name #fields)
                }
            });
            quote!(#[serde(untagged)] enum #copy #declared #declared_where { #(#variants,)* })
        }
        Kind::Struct | Kind::Union => {
            let message = &input.messages[0];
            let name = (!input.serde.has(&["rename"])).then(|| quote!(#[serde(rename = #remote)]));
            let is_lone = message.style == Style::Tuple && message.fields.len() > 1 && message.data().count() == 1;
            let lone = (is_lone && !input.serde.has(&["transparent", "into", "from", "try_from"]))
                .then(|| quote!(#[serde(transparent)]));
            let fields = fields(input, message, true);
            if message.style == Style::Named {
                quote!(#name #lone struct #copy #declared #declared_where #fields)
            } else {
                quote!(#name #lone struct #copy #declared #fields #declared_where;)
            }
        }
    };
    // serde's path is an alias: a path through `$crate` cannot be written in a string.
    quote! {
        use #serde as #serde_alias;

        #[derive(#serde_alias::Serialize)]
        #[serde(crate = #SERDE, remote = #remote)]
        #attributes
        #item

        impl #impl_generics #serialize_for<#ident #ty_generics> for #copy #ty_generics #where_clause {
            fn serialize_for<__S: #serde_alias::Serializer>(
                value: &#ident #ty_generics,
                serializer: __S,
            ) -> #result<__S::Ok, __S::Error> {
                #[allow(unused_imports)]
                use #refused as _;
                Self::serialize(value, serializer)
            }
        }
    }
}

/// The fields, in the form of the original.
fn fields(input: &Input, message: &Message, attributed: bool) -> TokenStream {
    let fields = message.fields.iter().map(|field| {
        let attributes = attributed.then(|| attributes(field));
        let ty = resolve_self(field.ty.to_token_stream(), input);
        match &field.member {
            syn::Member::Named(name) => quote!(#attributes #name: #ty),
            syn::Member::Unnamed(_) => quote!(#attributes #ty),
        }
    });
    match message.style {
        Style::Unit => TokenStream::new(),
        Style::Tuple => quote!((#(#fields,)*)),
        Style::Named => quote!({ #(#fields,)* }),
    }
}

fn attributes(field: &Field) -> TokenStream {
    if field.is_data() { field.serde.attributes() } else { quote!(#[serde(skip)]) }
}

/// The type with `Self` replaced: in the copy, `Self` would be the copy.
pub(super) fn resolve_self(ty: TokenStream, input: &Input) -> TokenStream {
    let (_, ty_generics, _) = input.generics.split_for_impl();
    let resolve = |token: TokenTree| match token {
        TokenTree::Ident(word) if word == "Self" => {
            let mut ident = input.ident.clone();
            ident.set_span(located(word.span()));
            quote!(#ident #ty_generics)
        }
        TokenTree::Group(group) => {
            let mut resolved = proc_macro2::Group::new(group.delimiter(), resolve_self(group.stream(), input));
            resolved.set_span(group.span());
            TokenTree::Group(resolved).into()
        }
        token => token.into(),
    };
    ty.into_iter().flat_map(resolve).collect()
}
