//! `#[route]`: the function stays as it is; a type of the same name makes the route.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{LitStr, PatType};

use crate::keyword::SSE_HANDLER;
use crate::model::{self, Handler};
use crate::path::RoutePath;
use crate::runtime::{Runtime, located};

/// The function, and beside it the hidden type that `routes!` asks for the route.
///
/// A function's name and a type's do not collide, so `room(…)` calls the one and `routes![room]`
/// finds the other; `use api::room` brings both.
pub(crate) fn route(
    handler: &Handler,
    method: &Ident,
    path: &RoutePath,
    end: Option<&LitStr>,
    runtime: &Runtime,
) -> TokenStream {
    let function = handler.to_token_stream();
    let (name, vis, literal) = (&handler.sig.ident, &handler.vis, path.of_the_router());
    // Type parameters are not hygienic: their names must be nobody else's.
    let [state, via, request, parts, whole, query] =
        ["__ToukaState", "__ToukaVia", "request", "parts", "body", "query"]
            .map(|name| Ident::new(name, Span::mixed_site()));
    let Arguments { read, pass, bounds, takes_body } =
        arguments(handler, path, runtime, &[&state, &via, &parts, &whole, &query]);
    let [route, any_state, method_type] = ["Route", "AnyState", "Method"].map(|name| runtime.private(name));
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
    // A client that has seen the end is told so before anything is read or run.
    let ended = end.map(|end| {
        let ended = runtime.private("ended");
        quote! {
            if let ::core::option::Option::Some(over) = #ended(&#parts, #end) {
                return over;
            }
        }
    });
    // What the answer lacks is said at the return type, or at the name where there is none.
    let at = handler.output().map_or_else(|| located(name), located);
    let (respond, answer) = (runtime.private("respond"), Ident::new("answer", Span::mixed_site().located_at(at)));
    quote! {
        // It is async because it must be.
        #[allow(clippy::unused_async)]
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations, clippy::empty_structs_with_brackets)]
        #vis struct #name {}

        #[allow(private_bounds, private_interfaces)]
        impl #name {
            #[doc(hidden)]
            #[allow(dead_code, clippy::too_many_lines)]
            pub fn __touka_route #generics () -> #route<#state>
            where
                #state: #any_state,
                #bound_of_via
                #(#bounds)*
            {
                #route::new(#method_type::#method, #literal, |#request, __touka_state: #state| async move {
                    #split
                    #ended
                    #split_query
                    #(#read)*
                    let #answer = #name(#(#pass),*).await;
                    #respond(#answer)
                })
                .named(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)))
            }
        }
    }
}

/// How the arguments of the call come from the request.
struct Arguments {
    /// Statements that read them: placeholders first, then extractors, because the last one may
    /// take the request apart; each in the order of the parameters.
    read: Vec<TokenStream>,
    /// The variables to pass.
    pass: Vec<Ident>,
    /// What each type must be.
    bounds: Vec<TokenStream>,
    /// The last parameter may take the whole request.
    takes_body: bool,
}

fn arguments(
    handler: &Handler,
    path: &RoutePath,
    runtime: &Runtime,
    [state, via, parts, whole, query]: &[&Ident; 5],
) -> Arguments {
    let mut arguments = Arguments { read: Vec::new(), pass: Vec::new(), bounds: Vec::new(), takes_body: false };
    // `#[sse_handler]` takes what it gives out of the signature, if it has not done so already.
    let emits = handler.has_attribute(SSE_HANDLER);
    let params: Vec<&PatType> = handler.params().filter(|param| !(emits && model::given(param).is_some())).collect();
    let last = params.iter().rposition(|param| placeholder(param, path).is_none());
    let mut placeholders = 0;
    for (index, param) in params.iter().enumerate() {
        let ty = &param.ty;
        let argument = format_ident!("__touka_{index}", span = Span::mixed_site());
        // Located at the type: what it lacks is said there.
        let at = located(ty);
        let private = |name| runtime.private_at(at, name);
        let placeholder = placeholder(param, path);
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
    arguments
}

/// What fills a parameter by its name.
enum Placeholder {
    Capture(String),
    Query(String),
}

/// The placeholder that has the parameter's name, if there is one.
fn placeholder(param: &PatType, path: &RoutePath) -> Option<Placeholder> {
    let name = model::name(param)?;
    let text = name.unraw().to_string();
    match () {
        () if path.captures(name) => Some(Placeholder::Capture(text)),
        () if path.queries(name) => Some(Placeholder::Query(text)),
        () => None,
    }
}
