//! A handler, as it was written: signature parsed, body untouched.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    AttrStyle, Attribute, FnArg, GenericArgument, Ident, Pat, PathArguments, PathSegment, ReturnType, Signature, Type,
    Visibility,
};

use crate::keyword::{EMITTER, EVENT_STREAM, STUB};

/// An annotated function.
///
/// Its body is a group of tokens that nobody parses: every span stays the user's, and a body that
/// is half typed still expands.
pub(crate) struct Handler {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Parse for Handler {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        // As a token, because a block that a `macro_rules!` captured is a group around a group.
        let TokenTree::Group(body) = input.parse()? else {
            return Err(input.error("expected the function's body"));
        };
        let body = without_inner_attributes(body, &mut attrs);
        if !input.is_empty() {
            return Err(input.error("nothing is expected after the function's body"));
        }
        Ok(Self { attrs, vis, sig, body })
    }
}

/// Takes `#![…]` from the beginning of a body and puts it on the function: it means the same there,
/// and the body becomes a block that is not a function's own.
fn without_inner_attributes(body: Group, attrs: &mut Vec<Attribute>) -> Group {
    let begins_with = |index: usize, punct: char| {
        let token = body.stream().into_iter().nth(index);
        matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
    };
    if !(begins_with(0, '#') && begins_with(1, '!')) {
        return body;
    }
    let split = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse::<TokenStream>()?));
    // Half typed it stays, for the compiler to explain.
    let Ok((inner, rest)) = split.parse2(body.stream()) else { return body };
    attrs.extend(inner.into_iter().map(|attr| Attribute { style: AttrStyle::Outer, ..attr }));
    let mut group = Group::new(body.delimiter(), rest);
    group.set_span(body.span());
    group
}

impl Handler {
    /// The parameters, without a `self`.
    pub(crate) fn params(&self) -> impl Iterator<Item = &syn::PatType> {
        self.sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(param),
            FnArg::Receiver(_) => None,
        })
    }

    /// The return type, if one is written.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => Some(output),
        }
    }

    /// The function is what is left of a handler whose mistakes `#[sse_handler]` has reported.
    pub(crate) fn is_stub(&self) -> bool {
        let text = |attr: &Attribute| Some(attr.meta.require_name_value().ok()?.value.to_token_stream().to_string());
        self.attrs.iter().filter_map(text).any(|text| text.contains(STUB))
    }

    /// The function carries an attribute of this name, whatever path leads to it.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attrs.iter().any(|attr| attr.path().segments.last().is_some_and(|last| last.ident == name))
    }
}

/// The parameter's name, if its pattern is nothing but a name.
pub(crate) fn name(param: &syn::PatType) -> Option<&Ident> {
    match &*param.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(&pat.ident),
        _ => None,
    }
}

/// The parameter receives the emitter itself: it is of type `Emitter<…>` or `&Emitter<…>`.
pub(crate) fn is_emitter(param: &syn::PatType) -> bool {
    let ty = match &*param.ty {
        Type::Reference(reference) => &*reference.elem,
        ty => ty,
    };
    last_ident(ty).is_some_and(|ident| ident == EMITTER)
}

/// The last word of a type's path: `Vec` of `std::vec::Vec<u8>`.
pub(crate) fn last_ident(ty: &Type) -> Option<&Ident> {
    last_segment(ty).map(|last| &last.ident)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        // What a `macro_rules!` captured as a type comes in a group that cannot be seen.
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The stream within a return type: `EventStream<T>` of `Result<EventStream<T>, E>`.
pub(crate) fn stream(output: &Type) -> &Type {
    let Some(last) = last_segment(output).filter(|_| fallible(output)) else { return output };
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(of_type).unwrap_or(output),
        _ => output,
    }
}

/// The `T` of `EventStream<T>`, if the stream is written like that.
pub(crate) fn item(stream: &Type) -> Option<&Type> {
    let last = last_segment(stream).filter(|last| last.ident == EVENT_STREAM)?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(of_type),
        _ => None,
    }
}

/// The `E` of `Result<EventStream, E>`, if both are written.
pub(crate) fn error(output: &Type) -> Option<&Type> {
    let last = last_segment(output).filter(|_| fallible(output))?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().filter_map(of_type).nth(1),
        _ => None,
    }
}

fn of_type(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// The return type says `Result`.
pub(crate) fn fallible(output: &Type) -> bool {
    last_ident(output).is_some_and(|ident| ident == "Result")
}

/// The stream names no event type, so it takes whatever is `Into<Event>`.
pub(crate) fn untyped(stream: &Type) -> bool {
    is_stream(stream) && item(stream).is_none()
}

/// The type is written `EventStream`, with an event type or without.
pub(crate) fn is_stream(ty: &Type) -> bool {
    last_ident(ty).is_some_and(|ident| ident == EVENT_STREAM)
}

impl ToTokens for Handler {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
        self.vis.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
