//! `#[route]`: the function stays as it is; a type of the same name makes the route.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::PatType;

use crate::keyword::SSE_HANDLER;
use crate::model::{self, Handler};
use crate::path::RoutePath;
use crate::runtime::Runtime;

/// The function, and beside it the hidden type that `routes!` asks for the route.
///
/// A function's name and a type's do not collide, so `room(…)` calls the one and `routes![room]`
/// finds the other; `use api::room` brings both.
pub(crate) fn route(handler: &Handler, method: &Ident, path: &RoutePath, runtime: &Runtime) -> TokenStream {
    let function = handler.to_token_stream();
    let (name, vis, literal) = (&handler.sig.ident, &handler.vis, &path.literal);
    let [state, via, request, parts, whole] =
        ["S", "M", "request", "parts", "body"].map(|name| Ident::new(name, Span::mixed_site()));
    let Arguments { read, pass, bounds, takes_body } =
        arguments(handler, path, runtime, &[&state, &via, &parts, &whole]);
    let private = |name| runtime.private(name);
    let (route, any_state, method_type, answer) =
        (runtime.route(), private("AnyState"), private("Method"), private("respond"));
    let generics = if takes_body { quote!(<#state, #via>) } else { quote!(<#state>) };
    let bounds_of_via = takes_body.then(|| quote!(#via: 'static,));
    let split = quote! {
        #[allow(unused_mut, unused_variables)]
        let (mut #parts, #whole) = #request.into_parts();
    };
    let output = handler.output().map_or_else(Span::call_site, Spanned::span);
    let call = quote_spanned!(output=> #answer(#name(#(#pass),*).await));
    quote! {
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
                #bounds_of_via
                #(#bounds)*
            {
                #route::new(#method_type::#method, #literal, |#request, #state: #state| async move {
                    #split
                    #(#read)*
                    #call
                })
                .named(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)))
            }
        }
    }
}

/// How the arguments of the call come from the request.
struct Arguments {
    /// Statements that read them, in the order of the parameters.
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
    [state, via, parts, whole]: &[&Ident; 4],
) -> Arguments {
    let mut arguments = Arguments { read: Vec::new(), pass: Vec::new(), bounds: Vec::new(), takes_body: false };
    // `#[sse_handler]` takes its emitter out of the signature, if it has not done so already.
    let emits = handler.has_attribute(SSE_HANDLER);
    let params: Vec<&PatType> = handler.params().filter(|param| !(emits && model::is_emitter(param))).collect();
    let last = params.iter().rposition(|param| capture(param, path).is_none());
    for (index, param) in params.iter().enumerate() {
        let ty = &param.ty;
        let argument = format_ident!("__touka_{index}", span = Span::mixed_site());
        let respond = |name| runtime.private(name);
        // The span is the type's: what it lacks is said there.
        let read = if let Some(capture) = capture(param, path) {
            let (read, name) = (respond("capture"), capture.to_string());
            quote_spanned!(ty.span()=> #read::<#ty>(&#parts, #name))
        } else if Some(index) == last {
            arguments.takes_body = true;
            let (read, bound) = (respond("from_request"), respond("LastExtractor"));
            arguments.bounds.push(quote_spanned!(ty.span()=> #ty: #bound<#state, #via>,));
            let request = respond("Request");
            quote_spanned!(ty.span()=> #read::<#ty, #state, #via>(#request::from_parts(#parts, #whole), &#state).await)
        } else {
            let (read, bound) = (respond("from_request_parts"), respond("Extractor"));
            arguments.bounds.push(quote_spanned!(ty.span()=> #ty: #bound<#state>,));
            quote_spanned!(ty.span()=> #read::<#ty, #state>(&mut #parts, &#state).await)
        };
        arguments.read.push(quote! {
            let #argument = match #read {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(refused) => return refused,
            };
        });
        arguments.pass.push(argument);
    }
    arguments
}

/// The parameter's name, if the path captures it.
fn capture<'a>(param: &'a PatType, path: &RoutePath) -> Option<&'a Ident> {
    model::name(param).filter(|name| path.captures.iter().any(|known| *name == known))
}
