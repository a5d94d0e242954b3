//! The bounds on the parameters of a generic type, inferred as serde's derive infers them.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Generics, Ident, Type, WherePredicate, parse_quote};

use super::model::{Field, Input, Message, Payload};
use super::paths::Paths;

/// The serde attributes of a field for which no bound is inferred.
const NOT_INFERRED: [&str; 5] = ["skip", "skip_serializing", "serialize_with", "with", "bound"];

/// The type's generics with the bounds of the impl.
pub(super) fn infer(input: &Input, paths: &Paths) -> Generics {
    let mut generics = input.generics.clone();
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    let given = input.serde.bounds();
    let serialize = paths.to("serde");
    let serialize = quote!(#serialize::Serialize);
    let mut predicates: Vec<WherePredicate> = given.iter().flatten().cloned().collect();
    for message in &input.messages {
        for field in message.fields.iter().filter(|field| field.id.is_some()) {
            let ty = field.optional().unwrap_or(&field.ty);
            predicates.extend(display(ty, &params));
        }
        match input.payload(message) {
            Payload::Empty => {}
            Payload::Text(field) => predicates.extend(display(&field.ty, &params)),
            Payload::Lone(_) | Payload::Whole if given.is_some() => {}
            Payload::Lone(_) | Payload::Whole => json(message, &params, &serialize, &mut predicates),
        }
    }
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

fn display(ty: &Type, params: &[Ident]) -> Option<WherePredicate> {
    let is_generic = params.iter().any(|param| mentions(ty.to_token_stream(), param));
    is_generic.then(|| parse_quote!(#ty: ::core::fmt::Display))
}

fn json(message: &Message, params: &[Ident], serialize: &TokenStream, predicates: &mut Vec<WherePredicate>) {
    if let Some(given) = message.serde.bounds() {
        predicates.extend(given);
        return;
    }
    if message.serde.has(&["serialize_with", "with"]) {
        return;
    }
    for Field { ty, serde, .. } in message.data() {
        predicates.extend(serde.bounds().into_iter().flatten());
        if serde.has(&NOT_INFERRED) {
            continue;
        }
        if is_associated(ty, params) {
            predicates.push(parse_quote!(#ty: #serialize));
        }
        for param in params.iter().filter(|param| mentions(ty.to_token_stream(), param)) {
            predicates.push(parse_quote!(#param: #serialize));
        }
    }
}

/// Whether the type is an associated type of a parameter: `T::Item`.
fn is_associated(ty: &Type, params: &[Ident]) -> bool {
    let Type::Path(path) = ty else { return false };
    let segments = &path.path.segments;
    path.qself.is_none() && segments.len() > 1 && params.contains(&segments[0].ident)
}

/// Whether the parameter occurs in the type by itself: not as part of a path, and not in a `PhantomData`,
/// which needs no bound.
fn mentions(ty: TokenStream, param: &Ident) -> bool {
    let tokens: Vec<TokenTree> = ty.into_iter().collect();
    let colons = |at: Option<&TokenTree>| matches!(at, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    let in_phantom = tokens.iter().any(|token| matches!(token, TokenTree::Ident(ident) if ident == "PhantomData"));
    !in_phantom
        && tokens.iter().enumerate().any(|(at, token)| match token {
            TokenTree::Ident(ident) if ident == param => {
                let before = at.checked_sub(1).and_then(|at| tokens.get(at));
                !colons(tokens.get(at + 1)) && !colons(before)
            }
            TokenTree::Group(group) => mentions(group.stream(), param),
            _ => false,
        })
}
