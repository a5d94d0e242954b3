//! The stub that a type with errors expands to: an impl, so that the uses of the type are not errors too.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::Input;
use super::paths::Paths;

pub(super) fn fallback(input: &Input, describes: bool, paths: &Paths) -> TokenStream {
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let ident = &input.ident;
    let [into_event, result, event] = ["IntoEvent", "Result", "Event"].map(|name| paths.to(name));
    let described = describes.then(|| {
        let [describe_events, events] = ["DescribeEvents", "Events"].map(|name| paths.to(name));
        quote! {
            #[automatically_derived]
            impl #impl_generics #describe_events for #ident #ty_generics #where_clause {
                fn describe(_: &mut #events<'_>) {}
            }
        }
    });
    quote! {
        #described

        #[automatically_derived]
        impl #impl_generics #into_event for #ident #ty_generics #where_clause {
            fn into_event(self) -> #result<#event> {
                ::core::unreachable!("this event type did not compile")
            }
        }
    }
}
