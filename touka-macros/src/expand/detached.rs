//! The part of a route that starts the run of a detached handler, or joins it.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::PatType;
use syn::ext::IdentExt as _;

use super::handler::by_reference;
use super::setting;
use crate::detached::{OnDisconnect, RunOption};
use crate::model::{self, Handler};
use crate::options::Options;
use crate::runtime::{Runtime, located};
use crate::template::{Part, Template};

/// The parts of a route that calls its handler in a run. By default, nothing.
#[derive(Default)]
pub(super) struct Detached {
    /// The bound of the router's state.
    pub(super) bound: TokenStream,
    /// The statement that reads what a viewer says about itself, before a parameter takes the request.
    pub(super) viewer: TokenStream,
    /// The statements that set the answer.
    pub(super) answered: TokenStream,
}

/// `params` are the parameters of the function, and `pass` the variables with their values.
pub(super) fn expand(
    handler: &Handler,
    options: &Options,
    template: &Template,
    (state, parts, answer): (&Ident, &Ident, &Ident),
    params: &[&PatType],
    pass: &[Ident],
    runtime: &Runtime,
) -> Detached {
    let [viewer, run, stream] =
        ["__touka_viewer", "__touka_run", "stream"].map(|name| Ident::new(name, Span::mixed_site()));
    // An error about the hub is located at the template.
    let at = Span::call_site().located_at(template.span());
    let (has_hub, viewer_type) = (runtime.private_at(at, "HasHub"), runtime.private("Viewer"));
    let (found, refused) = (runtime.private("run"), quote!(::core::result::Result::Err(refused) => return refused));

    let key = text(template, params, pass, runtime);
    let owner = owner(options).map_or_else(
        || quote!(::core::option::Option::None),
        |owner| {
            let owner = text(owner, params, pass, runtime);
            quote!(::core::option::Option::Some(#owner))
        },
    );
    let set: TokenStream = options.run.iter().map(|option| call(option, runtime)).collect();
    let (values, pass) = values(handler, options, params, pass, runtime);
    let (name, of_viewers) = (&handler.sig.ident, setting::of_viewers(options));
    Detached {
        bound: quote_spanned!(at=> #state: #has_hub,),
        viewer: quote!(let #viewer = #viewer_type::of(&#parts);),
        answered: quote! {
            let #run = match #found(&__touka_state, #key, #owner) {
                ::core::result::Result::Ok(run) => run #set,
                #refused,
            };
            #values
            let #answer = #viewer.join(#run, move || #name(#(#pass),*)).await;
            let #answer = ::core::result::Result::map(#answer, |#stream| #stream #of_viewers);
        },
    }
}

fn owner(options: &Options) -> Option<&Template> {
    options.run.iter().find_map(|(_, option)| match option {
        RunOption::Owner(owner) => Some(owner),
        _ => None,
    })
}

/// The parts of a key or an owner, as a slice. An error about a value is located at the type of its parameter.
fn text(template: &Template, params: &[&PatType], pass: &[Ident], runtime: &Runtime) -> TokenStream {
    let parts = template.parts.iter().filter_map(|part| match part {
        Part::Text(text) => {
            let shown = runtime.private("shown");
            Some(quote!(#shown(&#text)))
        }
        Part::Parameter(placeholder) => {
            let is_meant = |param: &PatType| model::name(param).is_some_and(|name| name.unraw() == placeholder);
            let (param, variable) = params.iter().zip(pass).find(|(param, _)| is_meant(param))?;
            let (ty, at) = (&param.ty, located(&param.ty));
            let shown = runtime.private_at(at, "shown");
            Some(quote_spanned!(at=> #shown::<#ty>(&#variable)))
        }
    });
    quote!(&[#(#parts),*])
}

/// One method call on the run. An option and its method have the same name; the owner is given with the key.
fn call((name, option): &(Ident, RunOption), runtime: &Runtime) -> TokenStream {
    let value = match option {
        RunOption::OnDisconnect(then) => {
            let kinds = runtime.private("OnDisconnect");
            match then {
                OnDisconnect::Keep => quote!(#kinds::Keep),
                OnDisconnect::Cancel => quote!(#kinds::Cancel),
                OnDisconnect::CancelAfter(time) => {
                    let time = setting::duration_of(*time);
                    quote!(#kinds::CancelAfter(#time))
                }
            }
        }
        RunOption::Time(time) => setting::duration_of(*time),
        RunOption::MaxBytes(most) => Literal::u64_unsuffixed(*most).to_token_stream(),
        RunOption::LastEvent(make) => make.to_token_stream(),
        RunOption::Owner(_) | RunOption::Invalid => return TokenStream::new(),
    };
    quote!(.#name(#value))
}

/// The statements that evaluate the expressions of the viewer's settings, and the variables that are then passed to the
/// function. The expressions may use the parameters, by the same rules as in the function itself.
fn values(
    handler: &Handler,
    options: &Options,
    params: &[&PatType],
    pass: &[Ident],
    runtime: &Runtime,
) -> (TokenStream, Vec<Ident>) {
    if setting::values(options).next().is_none() {
        return (TokenStream::new(), pass.to_vec());
    }
    let (mut named, mut patterns, mut names) = (TokenStream::new(), TokenStream::new(), Vec::new());
    for (param, variable) in params.iter().zip(pass) {
        if let Some(name) = model::name(param) {
            named.extend(quote!(let #name = #variable;));
            names.push(name.clone());
        } else {
            let borrowed = by_reference(&param.pat, variable);
            patterns.extend(quote!(#[allow(unused_variables)] #borrowed));
            names.push(variable.clone());
        }
    }
    let evaluated = setting::evaluated(options, &patterns, runtime);
    let fails = setting::values(options).any(|(_, value)| has_question_mark(value.to_token_stream()));
    let Some(output) = handler.output().filter(|_| fails) else {
        return (quote!(#named #evaluated), names);
    };
    // A `?` returns the error of the handler, which is the response.
    let variables: Vec<Ident> = setting::values(options).map(|(name, _)| setting::variable(name)).collect();
    let (opens, refuse) = (runtime.private("Opens"), runtime.private("refuse"));
    let statements = quote! {
        #named
        let (#(#variables,)*) = match async {
            #evaluated
            ::core::result::Result::<_, <#output as #opens>::Error>::Ok((#(#variables,)*))
        }.await {
            ::core::result::Result::Ok(values) => values,
            ::core::result::Result::Err(error) => return #refuse(error),
        };
    };
    (statements, names)
}

fn has_question_mark(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() == '?',
        TokenTree::Group(group) => has_question_mark(group.stream()),
        _ => false,
    })
}
