//! The rules of detached handlers.

use quote::ToTokens as _;
use syn::Ident;
use syn::ext::IdentExt as _;

use crate::detached::RunOption;
use crate::diagnostics::{Diagnostics, nearest};
use crate::model::{self, Handler};
use crate::options::{Mode, Options, Setting};
use crate::template::Template;

/// Applies every rule.
pub(crate) fn check(handler: &Handler, options: &Options, diagnostics: &mut Diagnostics) {
    let Mode::Detached(name, template) = &options.mode else {
        return run_options_need_a_run(options, diagnostics);
    };
    has_a_route(name, options, diagnostics);
    stream_is_never_closed(options, diagnostics);
    let owners = options.run.iter().filter_map(|(_, option)| match option {
        RunOption::Owner(owner) => Some(owner),
        _ => None,
    });
    for template in template.iter().chain(owners) {
        placeholders_are_parameters(handler, template, diagnostics);
    }
}

/// The options of a run have no meaning without one.
fn run_options_need_a_run(options: &Options, diagnostics: &mut Diagnostics) {
    for (name, _) in &options.run {
        let text = format!(
            "`{name}` is an option of a run, which outlives its client: add `detached = \"…\"` with the key of the run, or \
             remove `{name}`"
        );
        diagnostics.error(name, text);
    }
}

/// The code of the route finds the hub and starts the run.
fn has_a_route(name: &Ident, options: &Options, diagnostics: &mut Diagnostics) {
    if !options.routed {
        let text = "`detached` needs `#[route(METHOD, \"/path\")]` on the same function, which finds the hub in the router's \
                    state: add it, or remove `detached` and start the body with `hub.run(key)`";
        diagnostics.error(name, text);
    }
}

/// Which stream `on_close` concerned would be unclear: there is one of each viewer, and the body has none.
fn stream_is_never_closed(options: &Options, diagnostics: &mut Diagnostics) {
    for (name, setting) in &options.settings {
        if matches!(setting, Setting::OnClose(_)) {
            let text = "a detached handler has a stream for each viewer, and its body goes on without them: remove `on_close`, \
                        and write what follows the body at the end of it, or in the `Drop` of a value that it owns";
            diagnostics.error(name, text);
        }
    }
}

/// Each placeholder is a parameter that is a plain name.
fn placeholders_are_parameters(handler: &Handler, template: &Template, diagnostics: &mut Diagnostics) {
    let params = || handler.params().filter(|param| model::given(param).is_none());
    let names: Vec<String> = params().filter_map(model::name).map(|name| name.unraw().to_string()).collect();
    let mut reported: Vec<&str> = Vec::new();
    for placeholder in template.names().filter(|placeholder| names.iter().all(|name| name != placeholder)) {
        if reported.contains(&placeholder) {
            continue;
        }
        reported.push(placeholder);
        let function = &handler.sig.ident;
        let in_a_pattern = params()
            .filter(|param| model::name(param).is_none())
            .find(|param| model::has_name(param.pat.to_token_stream(), placeholder));
        if let Some(param) = in_a_pattern {
            let ty = &param.ty;
            let written: String = ty.to_token_stream().to_string().split_whitespace().collect();
            let text = format!(
                "a placeholder takes a whole parameter, and `{placeholder}` is a part of one: write `{placeholder}: {written}` \
                 with a type that is `Display`, and take it apart in the body"
            );
            diagnostics.error(&param.pat, text);
            continue;
        }
        if handler.params().filter_map(model::name).any(|name| name.unraw() == placeholder) {
            let text = format!(
                "`{placeholder}` is provided by the attribute and is no value of the request: name another parameter, of a type \
                 that is `Display`"
            );
            diagnostics.error(template.literal(), text);
            continue;
        }
        let remedy = match nearest(placeholder, names.iter().map(String::as_str)) {
            Some(meant) => format!("if `{meant}` is meant, write `{{{meant}}}`"),
            None => format!("add the parameter `{placeholder}`, of a type that is `Display`"),
        };
        let text = format!("`{function}` has no parameter for the placeholder `{{{placeholder}}}`: {remedy}");
        diagnostics.error(template.literal(), text);
    }
}
