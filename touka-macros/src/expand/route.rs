//! The expansion of `#[route]`: the unchanged function, and a hidden type of the same name that makes the route.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{LitStr, PatType, Type};

use super::described::{self, Described, Source};
use super::detached::{self, Detached};
use crate::keyword::{ANY, SSE_HANDLER};
use crate::model::{self, Handler};
use crate::options::{Mode, Options};
use crate::path::RoutePath;
use crate::runtime::{Runtime, located};

/// The function, and the hidden type that makes the route for `routes!`.
///
/// Functions and types have separate namespaces: `room(…)` calls the function, `routes![room]` names the
/// type, and `use api::room` imports both.
pub(crate) fn route(
    handler: &Handler,
    method: &Ident,
    path: &RoutePath,
    end: Option<&LitStr>,
    options: &Options,
    describes: bool,
    runtime: &Runtime,
) -> TokenStream {
    let function = handler.to_token_stream();
    let (name, vis, literal) = (&handler.sig.ident, &handler.vis, path.of_the_router());
    // Type parameters are not hygienic, so their names must be unique.
    let [state, via, request, parts, whole, query] =
        ["__ToukaState", "__ToukaVia", "request", "parts", "body", "query"]
            .map(|name| Ident::new(name, Span::mixed_site()));
    let Arguments { read, params, pass, bounds, takes_body, sources } =
        arguments(handler, path, runtime, &[&state, &via, &parts, &whole, &query]);
    let [route, any_state, method_type] = ["Route", "AnyState", "Method"].map(|name| runtime.private(name));
    // The compiler's notes about a private route point at the function.
    let hidden_struct = quote_spanned!(located(name)=> struct #name {});
    let generics = if takes_body { quote!(<#state, #via>) } else { quote!(<#state>) };
    let bound_of_via = takes_body.then(|| quote!(#via: 'static,));
    let split = quote! {
        #[allow(unused_mut, unused_variables)]
        let (mut #parts, #whole) = #request.into_parts();
    };
    let split_query = (!path.queries.is_empty()).then(|| {
        let params = runtime.private("QueryParams");
        quote!(let #query = #params::from_parts(&#parts);)
    });
    let end = end.or_else(|| options.end());
    // A client that has seen the end is answered before any parameter is read.
    let ended = end.filter(|_| !options.is_detached()).map(|end| {
        let ended = runtime.private("ended");
        quote! {
            if let ::core::option::Option::Some(over) = #ended(&#parts, #end) {
                return over;
            }
        }
    });
    // Errors about the answer are located at the return type, or at the name if there is none.
    let at = handler.output().map_or_else(|| located(name), located);
    let (respond, answer) = (runtime.private("respond"), Ident::new("answer", Span::mixed_site().located_at(at)));
    let Detached { bound, viewer, answered } = match &options.mode {
        Mode::Detached(_, Some(template)) => {
            detached::expand(handler, options, template, (&state, &parts, &answer), &params, &pass, runtime)
        }
        _ => Detached { answered: quote!(let #answer = #name(#(#pass),*).await;), ..Detached::default() },
    };
    let (new, method) =
        if method == ANY { (quote!(any), None) } else { (quote!(new), Some(quote!(#method_type::#method,))) };
    let described_route = describes.then(|| {
        let described = described::expand(handler, options, &sources, end, &state, runtime);
        let Described { bounds: described_bounds, operation, describe } = described;
        let via = takes_body.then(|| quote!(, #via));
        quote! {
            #[doc(hidden)]
            #[allow(dead_code)]
            pub fn __touka_described_route #generics () -> #route<#state>
            where
                #state: #any_state,
                #bound_of_via
                #(#bounds)*
                #bound
                #(#described_bounds)*
            {
                #route::described(Self::__touka_route::<#state #via>(), |#operation| { #describe })
            }
        }
    });
    quote! {
        // The function may be async only because a route must be.
        #[allow(clippy::unused_async)]
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, clippy::empty_structs_with_brackets)]
        #vis #hidden_struct

        #[allow(private_bounds, private_interfaces)]
        impl #name {
            #[doc(hidden)]
            // The call of a deprecated handler is not the user's.
            #[allow(dead_code, deprecated, clippy::too_many_lines)]
            pub fn __touka_route #generics () -> #route<#state>
            where
                #state: #any_state,
                #bound_of_via
                #(#bounds)*
                #bound
            {
                #route::#new(#method #literal, |#request, __touka_state: #state| async move {
                    #split
                    #ended
                    #viewer
                    #split_query
                    #(#read)*
                    #answered
                    #respond(#answer)
                })
                .named(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)))
            }

            #described_route
        }
    }
}

/// The arguments of the call, and the code that reads them from the request.
#[derive(Default)]
struct Arguments<'a> {
    /// The statements that read the arguments: placeholders first, then extractors, because the last
    /// extractor may consume the request; each in the order of the parameters.
    read: Vec<TokenStream>,
    /// The parameters of the function.
    params: Vec<&'a PatType>,
    /// The variables that are passed to the function, one for each parameter.
    pass: Vec<Ident>,
    /// The bounds on the types of extractors.
    bounds: Vec<TokenStream>,
    /// Whether the last parameter may consume the whole request.
    takes_body: bool,
    /// The parameters, with the part of the request that each is from.
    sources: Vec<(Source, &'a Type)>,
}

fn arguments<'a>(
    handler: &'a Handler,
    path: &RoutePath,
    runtime: &Runtime,
    [state, via, parts, whole, query]: &[&Ident; 5],
) -> Arguments<'a> {
    let mut arguments = Arguments::default();
    // `#[sse_handler]` removes the parameters that it provides, if it has not expanded yet.
    let emits = handler.has_attribute(SSE_HANDLER);
    let params: Vec<&PatType> = handler.params().filter(|param| !(emits && model::given(param).is_some())).collect();
    let last = params.iter().rposition(|param| placeholder(param, path).is_none());
    let mut placeholders = 0;
    for (index, param) in params.iter().enumerate() {
        let ty = &param.ty;
        let argument = format_ident!("__touka_{index}", span = Span::mixed_site());
        // Errors about the type are located there.
        let at = located(ty);
        let private = |name| runtime.private_at(at, name);
        let placeholder = placeholder(param, path);
        arguments.sources.push((
            match &placeholder {
                Some(Placeholder::Capture(name)) => Source::Capture(name.clone()),
                Some(Placeholder::Query(name)) => Source::Query(name.clone()),
                None => Source::Extractor,
            },
            ty,
        ));
        let read = if let Some(Placeholder::Capture(name)) = &placeholder {
            let bound = private("Capture");
            quote_spanned!(at=> <#ty as #bound>::capture(&#parts, #name))
        } else if let Some(Placeholder::Query(name)) = &placeholder {
            let bound = private("FromQuery");
            quote_spanned!(at=> <#ty as #bound<_>>::from_query(&#query, #name))
        } else if Some(index) == last {
            arguments.takes_body = true;
            let (bound, read, request) = (private("LastExtractor"), private("from_request"), private("Request"));
            arguments.bounds.push(quote_spanned!(at=> #ty: #bound<#state, #via>,));
            quote_spanned!(at=> #read::<#ty, #state, #via>(#request::from_parts(#parts, #whole), &__touka_state).await)
        } else {
            let (bound, read) = (private("Extractor"), private("from_request_parts"));
            arguments.bounds.push(quote_spanned!(at=> #ty: #bound<#state>,));
            quote_spanned!(at=> #read::<#ty, #state>(&mut #parts, &__touka_state).await)
        };
        let read = quote! {
            let #argument = match #read {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(refused) => return refused,
            };
        };
        if placeholder.is_some() {
            arguments.read.insert(placeholders, read);
            placeholders += 1;
        } else {
            arguments.read.push(read);
        }
        arguments.pass.push(argument);
    }
    arguments.params = params;
    arguments
}

/// A placeholder that provides a parameter by name.
enum Placeholder {
    Capture(String),
    Query(String),
}

/// The placeholder with the parameter's name.
fn placeholder(param: &PatType, path: &RoutePath) -> Option<Placeholder> {
    let name = model::name(param)?;
    let text = name.unraw().to_string();
    match () {
        () if path.captures(name) => Some(Placeholder::Capture(text)),
        () if path.queries(name) => Some(Placeholder::Query(text)),
        () => None,
    }
}
