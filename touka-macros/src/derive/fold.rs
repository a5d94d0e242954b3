//! The expansion of `#[event(fold = …)]`: the method that folds two events into one.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ExprPath, Type};

use super::attr::Fold;
use super::model::{Field, Input, Kind, Message, Payload};
use super::paths::{Paths, located};
use super::read::{Values, constructed, values};

/// The method `fold`. Empty for a type without an event that folds.
pub(super) fn fold(input: &Input, paths: &Paths) -> TokenStream {
    let folding = input.messages.iter().enumerate().filter_map(|(number, message)| {
        let fold = message.fold.as_ref()?;
        Some(arm(input, number, message, fold, paths))
    });
    let arms: Vec<_> = folding.collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    let [event, common_name] = ["Event", "common_name"].map(|name| paths.to(name));
    quote! {
        fn fold(__touka_earlier: &#event, __touka_later: &#event) -> ::core::option::Option<#event> {
            match #common_name(__touka_earlier, __touka_later)? {
                #(#arms)*
                _ => ::core::option::Option::None,
            }
        }
    }
}

/// The match arm that folds two events of one message.
fn arm(input: &Input, number: usize, message: &Message, fold: &Fold, paths: &Paths) -> TokenStream {
    let name = &message.name.text;
    let data: Vec<&Field> = message.data().collect();
    if let (Fold::Concat(_), Payload::Text(field)) = (fold, input.payload(message)) {
        let concat_text = paths.to("concat_text");
        let (ty, span) = (&field.ty, of_type(&field.ty));
        let concat = quote_spanned!(span=> #concat_text::<#ty>);
        return quote!(#name => #concat(__touka_earlier, __touka_later),);
    }
    let Values { whole, values } = values(input, number, message);
    // A function of a struct folds values of the struct. One of a variant, which is no type, folds its fields.
    let of_struct = input.kind == Kind::Struct && matches!(fold, Fold::Function(_));
    let types: Vec<&Type> = data.iter().map(|field| &field.ty).collect();
    let (ty, read, parts) = match &values[..] {
        _ if of_struct => (quote!(Self), constructed(input, message, &values), None),
        [value] => (types[0].to_token_stream(), value.clone(), Some(vec![quote!(__touka_folded)])),
        _ => {
            let parts = (0..values.len()).map(syn::Index::from).map(|index| quote!(__touka_folded.#index));
            let span = if let Fold::Function(path) = fold { located(path.span()) } else { Span::call_site() };
            (quote_spanned!(span=> (#(#types,)*)), quote!((#(#values,)*)), Some(parts.collect()))
        }
    };
    let folded = match fold {
        Fold::Concat(_) => concat(&data[0].ty, paths),
        Fold::Function(function) => call(function, &ty),
    };
    let value = parts.map_or_else(|| quote!(__touka_folded), |parts: Vec<_>| constructed(input, message, &parts));
    let [event, result, reading, derived] = ["Event", "Result", "Reading", "Derived"].map(|name| paths.to(name));
    quote! {
        #name => {
            let __touka_read = |__touka_event: &#event| -> #result<#ty> {
                let __touka_reading = #reading::<Self>::of(__touka_event);
                #whole
                ::core::result::Result::Ok(#read)
            };
            let __touka_earlier = __touka_read(__touka_earlier).ok()?;
            let __touka_later = __touka_read(__touka_later).ok()?;
            let __touka_folded: #ty = #folded;
            #derived::write(&#value, #event::new()).ok()
        }
    }
}

/// Joins two texts. The call has the location of the field's type, where errors about the type are reported.
fn concat(ty: &Type, paths: &Paths) -> TokenStream {
    let concat = paths.to("Concat");
    let values = ["__touka_earlier", "__touka_later"].map(|name| Ident::new(name, Span::call_site()));
    let [earlier, later] = values;
    let function = quote_spanned!(of_type(ty)=> <#ty as #concat>::concat);
    quote!(#function(#earlier, #later))
}

/// Calls the user's function. A function of another type is one error, at the function.
fn call(function: &ExprPath, ty: &TokenStream) -> TokenStream {
    let span = located(function.span());
    let values = ["__touka_earlier", "__touka_later"].map(|name| Ident::new(name, Span::call_site()));
    let [earlier, later] = values;
    let pointer = quote_spanned!(span=> let __touka_fold: fn(#ty, #ty) -> #ty = #function;);
    let fold = Ident::new("__touka_fold", span);
    quote!({
        #pointer
        #fold(#earlier, #later)
    })
}

/// The location of a type, for generated code.
fn of_type(ty: &Type) -> Span {
    ty.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| located(token.span()))
}
