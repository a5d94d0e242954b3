//! [`Input`]: the type of a derive, as messages with a name and fields that have a role.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{
    Attribute, Fields, GenericArgument, Generics, Ident, Index, Item, LitStr, Member, Path, PathArguments, Type,
};

use super::attr::{Attrs, Fold, Place};
use super::case::Case;
use super::serde::Entries;
use crate::diagnostics::Diagnostics;
use crate::docs;

/// The type of a derive.
pub(super) struct Input {
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) krate: Option<Path>,
    /// The option that allows values to be read from events.
    pub(super) read: Option<Ident>,
    pub(super) serde: Entries,
    pub(super) kind: Kind,
    pub(super) messages: Vec<Message>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Enum,
    Struct,
    /// An unsupported kind, kept so that the stub can be generated.
    Union,
}

/// A variant, or the struct. Each value of it is one event.
pub(super) struct Message {
    pub(super) ident: Ident,
    pub(super) name: Name,
    pub(super) text: Option<LitStr>,
    pub(super) fold: Option<Fold>,
    pub(super) serde: Entries,
    pub(super) style: Style,
    pub(super) fields: Vec<Field>,
    /// The doc comment, as an expression.
    pub(super) doc: TokenStream,
}

/// The event's name.
pub(super) struct Name {
    pub(super) text: String,
    /// The literal, if the user wrote one.
    pub(super) literal: Option<LitStr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Unit,
    Tuple,
    Named,
}

pub(super) struct Field {
    pub(super) member: Member,
    pub(super) ty: Type,
    pub(super) serde: Entries,
    /// The option that marks the field as the id.
    pub(super) id: Option<Ident>,
    /// The option that marks the field as the reconnection time.
    pub(super) retry: Option<Ident>,
    /// The doc comment, as attributes.
    pub(super) docs: Vec<Attribute>,
}

/// The data of a message.
pub(super) enum Payload<'a> {
    /// Empty text, so that clients fire the event.
    Empty,
    /// The output of the field's `Display`.
    Text(&'a Field),
    /// The JSON of one field.
    Lone(&'a Field),
    /// The JSON that serde's own derive writes for all data fields.
    Whole,
}

impl Input {
    pub(super) fn read(item: Item, diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(match item {
            Item::Struct(item) => {
                let attrs = Attrs::parse(&item.attrs, Place::Struct, diagnostics);
                let (krate, read, doc) = (attrs.krate.clone(), attrs.read.clone(), docs::text(&item.attrs));
                // The serde attributes of a struct are those of the type, not of its one message.
                let message =
                    Message::read(&item.ident, item.fields, attrs, Entries::default(), (Case::Kebab, doc), diagnostics);
                Self {
                    ident: item.ident,
                    generics: item.generics,
                    krate,
                    read,
                    serde: Entries::of_struct(&item.attrs),
                    kind: Kind::Struct,
                    messages: vec![message],
                }
            }
            Item::Enum(item) => {
                let attrs = Attrs::parse(&item.attrs, Place::Enum, diagnostics);
                let case = attrs.rename_all.unwrap_or(Case::Kebab);
                let messages = item.variants.into_iter().map(|variant| {
                    let attrs = Attrs::parse(&variant.attrs, Place::Variant, diagnostics);
                    let (serde, doc) = (Entries::of_variant(&variant.attrs), docs::text(&variant.attrs));
                    Message::read(&variant.ident, variant.fields, attrs, serde, (case, doc), diagnostics)
                });
                let messages = messages.collect();
                Self {
                    ident: item.ident,
                    generics: item.generics,
                    krate: attrs.krate,
                    read: attrs.read,
                    serde: Entries::of_enum(&item.attrs),
                    kind: Kind::Enum,
                    messages,
                }
            }
            Item::Union(item) => {
                let text = "a union cannot be an event, because its active field is unknown: use an enum";
                diagnostics.error(item.union_token, text);
                Self {
                    ident: item.ident,
                    generics: item.generics,
                    krate: None,
                    read: None,
                    serde: Entries::default(),
                    kind: Kind::Union,
                    messages: Vec::new(),
                }
            }
            _ => return None,
        })
    }

    /// The data of a message.
    pub(super) fn payload<'a>(&self, message: &'a Message) -> Payload<'a> {
        let mut data = message.data();
        let (first, second) = (data.next(), data.next());
        match (first, second) {
            (Some(field), None) if message.text.is_some() => Payload::Text(field),
            (None, _) if message.style != Style::Named => Payload::Empty,
            (Some(field), None) if message.style == Style::Tuple && !self.asks_serde(message, field) => {
                Payload::Lone(field)
            }
            _ => Payload::Whole,
        }
    }

    /// The serde attribute that keeps a message from being read, if it has one.
    pub(super) fn unreadable<'a>(&'a self, message: &'a Message) -> Option<(&'a str, &'a TokenStream)> {
        match self.kind {
            Kind::Struct => self.serde.first_of(&["default", "from", "try_from", "into"]),
            Kind::Enum | Kind::Union => message.serde.first_of(&["with", "serialize_with"]),
        }
    }

    /// Whether serde attributes apply to the message's single payload.
    pub(super) fn asks_serde(&self, message: &Message, payload: &Field) -> bool {
        let of_the_type = self.kind == Kind::Struct && !self.serde.is_empty();
        of_the_type || !message.serde.is_empty() || !payload.serde.is_empty()
    }
}

impl Message {
    fn read(
        ident: &Ident,
        fields: Fields,
        attrs: Attrs,
        serde: Entries,
        (case, doc): (Case, TokenStream),
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let text = attrs.name.as_ref().map_or_else(|| case.apply(&ident.unraw().to_string()), LitStr::value);
        let style = match &fields {
            Fields::Unit => Style::Unit,
            Fields::Unnamed(_) => Style::Tuple,
            Fields::Named(_) => Style::Named,
        };
        let fields = fields.into_iter().enumerate().map(|(index, field)| {
            let attrs = Attrs::parse(&field.attrs, Place::Field, diagnostics);
            Field {
                member: field.ident.map_or_else(|| Member::Unnamed(Index::from(index)), Member::Named),
                serde: Entries::of_field(&field.attrs),
                ty: field.ty,
                id: attrs.id,
                retry: attrs.retry,
                docs: field.attrs.into_iter().filter(|attr| attr.path().is_ident("doc")).collect(),
            }
        });
        let fields = fields.collect();
        let name = Name { text, literal: attrs.name };
        Self { ident: ident.clone(), name, text: attrs.text, fold: attrs.fold, serde, style, fields, doc }
    }

    /// Whether values are read from events, to fold them.
    pub(super) fn is_read_to_fold(&self) -> bool {
        match &self.fold {
            // Text is joined as it is.
            Some(Fold::Concat(_)) => self.text.is_none(),
            Some(Fold::Function(_)) => true,
            None => false,
        }
    }

    /// The data fields: those that are neither the id nor the reconnection time.
    pub(super) fn data(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.is_data())
    }
}

impl Name {
    /// Whether the `event` line is omitted: `message` is the name of an event without one.
    pub(super) fn is_left_out(&self) -> bool {
        self.text == "message"
    }

    /// The user's tokens of the name.
    pub(super) fn tokens(&self, ident: &Ident) -> TokenStream {
        self.literal.as_ref().map_or_else(|| ident.to_token_stream(), ToTokens::to_token_stream)
    }
}

impl Field {
    pub(super) const fn is_data(&self) -> bool {
        self.id.is_none() && self.retry.is_none()
    }

    /// The `T` of an `Option<T>`, whose line is omitted for `None`.
    pub(super) fn optional(&self) -> Option<&Type> {
        let Type::Path(path) = &self.ty else { return None };
        let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        match arguments.args.first() {
            Some(GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
            _ => None,
        }
    }
}
