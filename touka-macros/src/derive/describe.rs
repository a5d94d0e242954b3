//! The impl of `DescribeEvents`: the name and the schema of each event.
//!
//! For the data of all fields together, schemars' own derive makes the schema, of a hidden struct with the same fields, so
//! every serde attribute has its meaning. The bounds on the types of fields have a lifetime, which defers them: a type
//! without a schema is an error only where a contract asks for it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{Member, Type, parse_quote};

use super::copy::resolve_self;
use super::model::{Field, Input, Kind, Message, Payload, Style};
use super::paths::{Paths, located};

const SCHEMARS: &str = "__touka_schemars";
/// The serde attributes of fields that concern what is sent. schemars' derive knows them.
const OF_FIELDS: [&str; 5] = ["rename", "skip", "skip_serializing", "skip_serializing_if", "flatten"];
const OF_CONTAINERS: [&str; 2] = ["rename_all", "transparent"];
/// The serde attributes with which the data is not that of the fields. Nothing is known of it.
const UNKNOWN: [&str; 4] = ["with", "serialize_with", "into", "getter"];

pub(super) fn describe(input: &Input, paths: &Paths) -> TokenStream {
    let [describe, events, schemars] = ["DescribeEvents", "Events", "schemars"].map(|name| paths.to(name));
    // The name is not that of a constant of the user's, which a pattern would match against.
    let variable = Ident::new("__touka_events", Span::call_site());
    let mut generics = input.generics.clone();
    let (mut structs, mut calls) = (TokenStream::new(), TokenStream::new());
    for (index, message) in input.messages.iter().enumerate() {
        let (name, doc) = (&message.name.text, &message.doc);
        let call = match input.payload(message) {
            Payload::Empty => quote!(empty),
            Payload::Text(_) => quote!(text),
            Payload::Lone(field) => {
                let ty = resolve_self(field.ty.to_token_stream(), input);
                generics.make_where_clause().predicates.push(bound(field, input, paths));
                let deferred = paths.to("Deferred");
                quote!(json::<#deferred<#ty>>)
            }
            Payload::Whole if message.serde.has(&UNKNOWN) || input.serde.has(&UNKNOWN) => {
                let any = paths.to("AnyJson");
                quote!(json::<#any>)
            }
            Payload::Whole => {
                let ident = format_ident!("__ToukaSchema{index}");
                structs.extend(schema(&ident, input, message, paths));
                let known = message.data().filter(|field| is_known(field));
                generics.make_where_clause().predicates.extend(known.map(|field| bound(field, input, paths)));
                let (_, ty_generics, _) = input.generics.split_for_impl();
                quote!(json_inline::<#ident #ty_generics>)
            }
        };
        calls.extend(quote!(#variable.#call(#name, ::core::primitive::str::trim(#doc));));
    }
    let alias = (!structs.is_empty()).then(|| {
        let alias = Ident::new(SCHEMARS, Span::call_site());
        // An alias, because a path through `$crate` cannot be written in a string.
        // schemars' derive calls methods of these traits, which are not in scope in a module without the prelude.
        quote! {
            use #schemars as #alias;
            #[allow(unused_imports)]
            use ::core::{convert::{From as _, Into as _}, iter::{IntoIterator as _, Iterator as _}};
        }
    });
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        #[allow(deprecated, dead_code, non_camel_case_types, explicit_outlives_requirements, clippy::all, clippy::pedantic, clippy::nursery)]
        const _: () = {
            #alias
            #structs

            #[automatically_derived]
            impl #impl_generics #describe for #ident #ty_generics #where_clause {
                fn describe(#variable: &mut #events<'_>) {
                    #calls
                }
            }
        };
    }
}

/// The struct of which schemars makes the schema of a message's data.
fn schema(ident: &Ident, input: &Input, message: &Message, paths: &Paths) -> TokenStream {
    let mut generics = input.generics.clone();
    let known = message.data().filter(|field| is_known(field));
    generics.make_where_clause().predicates.extend(known.map(|field| bound(field, input, paths)));
    let (declared, where_clause) = (&input.generics, &generics.where_clause);
    let schemars = Ident::new(SCHEMARS, Span::call_site());
    let mut fields: Vec<TokenStream> = message.fields.iter().map(|field| of_field(field, input, paths)).collect();
    let is_alone = message.style == Style::Tuple && message.data().count() == 1;
    if !input.generics.params.is_empty() {
        fields.push(marker(input, message.style));
    }
    let attributes = match input.kind {
        Kind::Enum => {
            let own = message.serde.only(&OF_CONTAINERS);
            let of_all = input.serde.value("rename_all_fields").filter(|_| !message.serde.has(&["rename_all"]));
            // The enum's attribute is that of its variants here.
            let of_all = of_all.map(|value| quote!(#[serde(rename_all #value)]));
            let alone = (is_alone && message.fields.len() == 1).then(|| quote!(#[serde(transparent)]));
            quote!(#own #of_all #alone)
        }
        Kind::Struct | Kind::Union => {
            let own = input.serde.only(&OF_CONTAINERS);
            let alone = (is_alone && !input.serde.has(&["transparent"])).then(|| quote!(#[serde(transparent)]));
            quote!(#own #alone)
        }
    };
    let item = match message.style {
        Style::Named => quote!(struct #ident #declared #where_clause { #(#fields,)* }),
        Style::Tuple | Style::Unit => quote!(struct #ident #declared (#(#fields,)*) #where_clause;),
    };
    quote! {
        #[derive(#schemars::JsonSchema)]
        #[schemars(crate = #SCHEMARS, bound = "")]
        #attributes
        #item
    }
}

fn of_field(field: &Field, input: &Input, paths: &Paths) -> TokenStream {
    let (docs, ty) = (&field.docs, resolve_self(field.ty.to_token_stream(), input));
    let attributes = if is_described(field) { field.serde.only(&OF_FIELDS) } else { quote!(#[serde(skip)]) };
    let deferred = paths.to(if field.serde.has(&["flatten"]) { "Flattened" } else { "Deferred" });
    let ty = match () {
        () if !field.is_data() => ty,
        () if field.serde.has(&UNKNOWN) => paths.to("AnyJson"),
        () => quote!(#deferred<#ty>),
    };
    match &field.member {
        Member::Named(name) => quote!(#(#docs)* #attributes #name: #ty),
        Member::Unnamed(_) => quote!(#(#docs)* #attributes #ty),
    }
}

/// A field that uses all parameters of the type, of which a message may use none.
fn marker(input: &Input, style: Style) -> TokenStream {
    let lifetimes = input.generics.lifetimes().map(|param| &param.lifetime);
    let types = input.generics.type_params().map(|param| &param.ident);
    let marker = quote!(#[serde(skip)]);
    let ty = quote!(::core::marker::PhantomData<(#(&#lifetimes (),)* #(fn() -> #types,)*)>);
    if style == Style::Named { quote!(#marker __touka: #ty) } else { quote!(#marker #ty) }
}

/// Whether the schema says something of a field. Of an optional part of the data that is flattened into it, it does not:
/// other members are allowed in any case.
fn is_described(field: &Field) -> bool {
    field.is_data() && !(field.serde.has(&["flatten"]) && field.optional().is_some())
}

/// Whether the schema of a field is that of its type, and needed.
fn is_known(field: &Field) -> bool {
    is_described(field) && !field.serde.has(&UNKNOWN) && !field.serde.has(&["skip", "skip_serializing"])
}

fn bound(field: &Field, input: &Input, paths: &Paths) -> syn::WherePredicate {
    let (data_schema, at) = (paths.to("DataSchema"), located(span(&field.ty)));
    let ty = resolve_self(field.ty.to_token_stream(), input);
    let predicate = quote_spanned!(at=> for<'__touka> #ty: #data_schema<'__touka>);
    syn::parse2(predicate).unwrap_or_else(|_| parse_quote!((): ::core::marker::Sized))
}

fn span(ty: &Type) -> Span {
    ty.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}
