//! A handler, as it was written: signature parsed, body untouched.

use proc_macro2::{Group, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, GenericArgument, Ident, Pat, PathArguments, ReturnType, Signature, Type, Visibility};

use crate::keyword::EMITTER;

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
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body: Group = input.parse()?;
        if !input.is_empty() {
            return Err(input.error("nothing is expected after the function's body"));
        }
        Ok(Self { attrs, vis, sig, body })
    }
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
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        Type::Group(group) => last_ident(&group.elem),
        Type::Paren(paren) => last_ident(&paren.elem),
        _ => None,
    }
}

/// The stream within a return type: `EventStream<T>` of `Result<EventStream<T>, E>`.
pub(crate) fn stream(output: &Type) -> &Type {
    match (output, fallible(output)) {
        (Type::Path(path), true) => {
            let arguments = path.path.segments.last().map(|last| &last.arguments);
            let Some(PathArguments::AngleBracketed(arguments)) = arguments else { return output };
            match arguments.args.first() {
                Some(GenericArgument::Type(first)) => first,
                _ => output,
            }
        }
        (Type::Group(group), _) => stream(&group.elem),
        _ => output,
    }
}

/// The return type says `Result`.
pub(crate) fn fallible(output: &Type) -> bool {
    last_ident(output).is_some_and(|ident| ident == "Result")
}

/// The stream names no event type, so it takes whatever is `Into<Event>`.
pub(crate) fn untyped(stream: &Type) -> bool {
    match stream {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "EventStream" && matches!(last.arguments, PathArguments::None)),
        Type::Group(group) => untyped(&group.elem),
        _ => false,
    }
}

impl quote::ToTokens for Handler {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
        self.vis.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
