//! [`Handler`]: an annotated function, with its signature parsed and its body unchanged.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    AttrStyle, Attribute, FnArg, GenericArgument, Ident, Pat, PathArguments, PathSegment, ReturnType, Signature, Type,
    Visibility,
};

use crate::keyword::{EMITTER, EVENT_SENDER, EVENT_STREAM, EVENT_WRITER, STUB};

/// An annotated function.
///
/// The body is a group of tokens that is not parsed: it keeps the user's spans, and an incomplete body still
/// expands, so that editors can complete it.
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
        // As a token tree, because a block that a `macro_rules!` captured is a group around a group.
        let TokenTree::Group(body) = input.parse()? else {
            return Err(input.error("expected the function's body"));
        };
        let body = without_inner_attributes(body, &mut attrs);
        if !input.is_empty() {
            return Err(input.error("unexpected tokens after the function's body"));
        }
        Ok(Self { attrs, vis, sig, body })
    }
}

/// Moves `#![…]` from the beginning of a body to the function, where it has the same meaning: in the
/// expansion the body is a nested block, which cannot have inner attributes.
fn without_inner_attributes(body: Group, attrs: &mut Vec<Attribute>) -> Group {
    let begins_with = |index: usize, punct: char| {
        let token = body.stream().into_iter().nth(index);
        matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
    };
    if !(begins_with(0, '#') && begins_with(1, '!')) {
        return body;
    }
    let split = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse::<TokenStream>()?));
    // An incomplete attribute stays in the body, where the compiler reports it.
    let Ok((inner, rest)) = split.parse2(body.stream()) else { return body };
    attrs.extend(inner.into_iter().map(|attr| Attribute { style: AttrStyle::Outer, ..attr }));
    let mut group = Group::new(body.delimiter(), rest);
    group.set_span(body.span());
    group
}

impl Handler {
    /// The parameters, without `self`.
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

    /// Whether the function is the stub of a handler whose errors `#[sse_handler]` has reported.
    pub(crate) fn is_stub(&self) -> bool {
        let text = |attr: &Attribute| Some(attr.meta.require_name_value().ok()?.value.to_token_stream().to_string());
        self.attrs.iter().filter_map(text).any(|text| text.contains(STUB))
    }

    /// Whether the function has an attribute of this name, with any path.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// The attribute of this name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attrs.iter().find(|attr| is_called(attr, name))
    }

    /// The attribute of this name, mutable.
    pub(crate) fn attribute_mut(&mut self, name: &str) -> Option<&mut Attribute> {
        self.attrs.iter_mut().find(|attr| is_called(attr, name))
    }

    /// Removes the attribute of this name.
    pub(crate) fn take_attribute(&mut self, name: &str) -> Option<Attribute> {
        let place = self.attrs.iter().position(|attr| is_called(attr, name))?;
        Some(self.attrs.remove(place))
    }
}

fn is_called(attr: &Attribute, name: &str) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == name)
}

/// The parameter's name, if its pattern is a plain name.
pub(crate) fn name(param: &syn::PatType) -> Option<&Ident> {
    match &*param.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(&pat.ident),
        _ => None,
    }
}

/// Whether the tokens have this name.
pub(crate) fn has_name(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident.unraw() == name,
        TokenTree::Group(group) => has_name(group.stream(), name),
        _ => false,
    })
}

/// A parameter that `#[sse_handler]` provides, recognized by its type. It is not part of the function's
/// signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// `Emitter<T>` or `&Emitter<T>`
    Emitter,
    /// `&mut EventWriter<T>`
    Writer,
    /// `EventSender<T>`
    Sender,
}

/// The kind of the parameter, if the attribute provides it and not the caller.
pub(crate) fn given(param: &syn::PatType) -> Option<Given> {
    let name = last_ident(without_reference(&param.ty))?;
    [(EMITTER, Given::Emitter), (EVENT_WRITER, Given::Writer), (EVENT_SENDER, Given::Sender)]
        .into_iter()
        .find_map(|(known, given)| (name == known).then_some(given))
}

/// The `T` of a provided parameter, as in `EventSender<T>`.
pub(crate) fn given_item(param: &syn::PatType) -> Option<&Type> {
    given(param)?;
    match &last_segment(without_reference(&param.ty))?.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(of_type),
        _ => None,
    }
}

fn without_reference(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => &reference.elem,
        ty => ty,
    }
}

/// The last identifier of a type's path: `Vec` of `std::vec::Vec<u8>`.
pub(crate) fn last_ident(ty: &Type) -> Option<&Ident> {
    last_segment(ty).map(|last| &last.ident)
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        // A type that a `macro_rules!` captured is in an invisible group.
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The return type, with the first type argument of its `Result` replaced.
pub(crate) fn with_stream(output: &Type, stream: &Type) -> Type {
    let mut output = output.clone();
    if let Type::Path(path) = &mut output
        && let Some(last) = path.path.segments.last_mut()
        && let PathArguments::AngleBracketed(arguments) = &mut last.arguments
        && let Some(first) = arguments.args.iter_mut().find_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
    {
        *first = stream.clone();
    }
    output
}

/// The stream in a return type: `EventStream<T>` of `Result<EventStream<T>, E>`.
pub(crate) fn stream(output: &Type) -> &Type {
    let Some(last) = last_segment(output).filter(|_| fallible(output)) else { return output };
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(of_type).unwrap_or(output),
        _ => output,
    }
}

/// The `T` of `EventStream<T>`, if it is written out.
pub(crate) fn item(stream: &Type) -> Option<&Type> {
    let last = last_segment(stream).filter(|last| last.ident == EVENT_STREAM)?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(of_type),
        _ => None,
    }
}

/// The `E` of `Result<EventStream, E>`, if both are written out.
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

/// Whether the type is `bool`.
pub(crate) fn is_bool(ty: &Type) -> bool {
    last_ident(ty).is_some_and(|ident| ident == "bool")
}

/// Whether the return type is that of a callback: `bool`, or a `Result` of it.
pub(crate) fn returns_bool(output: &Type) -> bool {
    is_bool(stream(output))
}

/// Whether the return type is written as a `Result`.
pub(crate) fn fallible(output: &Type) -> bool {
    last_ident(output).is_some_and(|ident| ident == "Result")
}

/// Whether the stream has no event type, so that it takes any `Into<Event>`.
pub(crate) fn untyped(stream: &Type) -> bool {
    is_stream(stream) && item(stream).is_none()
}

/// Whether the type is written as `EventStream`, with or without an event type.
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
