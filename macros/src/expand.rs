//! The implementation of the trait: one match for writing, one for reading.
//!
//! Items of generated code are seen by the types and functions that the user names in it: all of them begin with
//! `__Annals`, and its variables with `__annals`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Field, LitStr, Path};

use crate::model::{Events, Gone, Kind, Lineage};
use crate::shape::{Named, Shape};

/// Writes the implementation for a type.
pub(crate) fn implementation(events: &Events) -> TokenStream {
    let Events { ident, library, kinds, gone, .. } = events;
    let mirror = kinds.iter().any(|kind| !matches!(kind.shape, Shape::Nothing)).then(|| mirror(events));
    let encode = kinds.iter().map(|kind| encode(kind, events));
    // What is retired comes first: of a name that is still written it takes the first versions.
    let decode_gone = gone.iter().map(|gone| decode_gone(gone, library));
    let decode = kinds.iter().map(|kind| decode(kind, events));
    quote! {
        #[automatically_derived]
        #[allow(dead_code, deprecated, non_camel_case_types, non_snake_case)]
        impl #library::Event for #ident {
            fn encode(&self) -> ::core::result::Result<#library::NewEvent, #library::EncodeError> {
                #mirror
                match *self { #(#encode)* }
            }

            fn decode(
                __annals_recorded: &#library::RecordedEvent,
            ) -> ::core::result::Result<#library::Decoded<Self>, #library::DecodeError> {
                match (__annals_recorded.event_type.as_str(), __annals_recorded.schema_version.get()) {
                    #(#decode_gone)*
                    #(#decode)*
                    _ => ::core::result::Result::Err(#library::derived::unknown(__annals_recorded)),
                }
            }
        }
    }
}

/// The type once more, for serde alone, which writes the data of the original by it.
///
/// So serde, and the functions it is told of, see the fields as they are, and no copy of them or reference to one.
fn mirror(Events { ident, is_enum, library, kinds, .. }: &Events) -> TokenStream {
    let serde = serde(library);
    let original = LitStr::new(&ident.to_string(), Span::call_site());
    let mirrored = if *is_enum {
        let variants = kinds.iter().map(|Kind { ident, shape, .. }| declared(&quote!(#ident), shape));
        quote!(#[serde(untagged)] enum __AnnalsWritten { #(#variants),* })
    } else {
        let structs = kinds.iter().map(|Kind { shape, .. }| {
            let end = (!matches!(shape, Shape::Named(_))).then(|| quote!(;));
            let declared = declared(&quote!(struct __AnnalsWritten), shape);
            quote!(#declared #end)
        });
        quote!(#(#structs)*)
    };
    quote! {
        #[derive(#library::derived::serde::Serialize)]
        #[serde(crate = #serde, remote = #original)]
        #mirrored

        struct __AnnalsData<'a>(&'a #ident);

        impl #library::derived::serde::Serialize for __AnnalsData<'_> {
            fn serialize<S: #library::derived::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                __AnnalsWritten::serialize(self.0, serializer)
            }
        }
    }
}

fn encode(kind: &Kind, events: &Events) -> TokenStream {
    let (path, library) = (path(kind, events), &events.library);
    let Lineage { name, version, .. } = &kind.lineage;
    let data = match kind.shape {
        Shape::Nothing => quote!(&#library::derived::NoFields {}),
        Shape::One(_) | Shape::Named(_) => quote!(&__AnnalsData(self)),
    };
    quote!(#path { .. } => #library::derived::encode(#name, #version, #data),)
}

fn decode(kind: &Kind, events: &Events) -> TokenStream {
    let (path, library) = (path(kind, events), &events.library);
    let name = &kind.lineage.name;
    let data = newest(&kind.lineage, library);
    let read = quote!(#library::derived::read(__annals_recorded, &#data)?);
    let expecting = LitStr::new(&format!("the data of {}", name.value()), Span::call_site());
    let serde = serde(library);
    let head = quote! {
        #[derive(#library::derived::serde::Deserialize)]
        #[serde(crate = #serde, expecting = #expecting)]
    };
    let event = match &kind.shape {
        Shape::Nothing => quote! {
            let _: ::core::option::Option<#library::derived::NoFields> = #read;
            let __annals_event = #path {};
        },
        Shape::One(one) if one.attrs.is_empty() => quote!(let __annals_event = #path { 0: #read };),
        Shape::One(one) => {
            let one = field(one);
            quote! {
                #head
                #[serde(transparent)]
                struct __AnnalsRead(#one);
                let __annals_read: __AnnalsRead = #read;
                let __annals_event = #path { 0: __annals_read.0 };
            }
        }
        Shape::Named(Named { fields, naming, reading }) => {
            let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
            let fields = fields.iter().map(field);
            quote! {
                #head
                #[serde(#(#naming,)* #(#reading),*)]
                struct __AnnalsRead { #(#fields),* }
                let __annals_read: __AnnalsRead = #read;
                let __annals_event = #path { #(#names: __annals_read.#names),* };
            }
        }
    };
    quote!((#name, _) => { #event ::core::result::Result::Ok(#library::Decoded::one(__annals_event)) })
}

fn decode_gone(gone: &Gone, library: &Path) -> TokenStream {
    let Gone { lineage, is_still_written, into } = gone;
    let Lineage { name, version, .. } = lineage;
    let versions = if *is_still_written { quote!(..=#version) } else { quote!(_) };
    let data = newest(lineage, library);
    quote!((#name, #versions) => #library::derived::retired(__annals_recorded, &#data, #into),)
}

/// The data in the shape of the newest version that is known.
fn newest(lineage: &Lineage, library: &Path) -> TokenStream {
    let Lineage { first, version, upcast, .. } = lineage;
    let steps = upcast
        .iter()
        .map(|upcaster| quote!(&|__annals_data: &str| #library::derived::step(#upcaster, __annals_data)));
    quote!(#library::derived::upcast(__annals_recorded, #first, #version, &[#(#steps),*])?)
}

/// `Self::Opened`, or `Self` of a struct.
fn path(kind: &Kind, events: &Events) -> TokenStream {
    let ident = &kind.ident;
    if events.is_enum { quote!(Self::#ident) } else { quote!(Self) }
}

/// A variant, or a struct, of a shape.
fn declared(head: &TokenStream, shape: &Shape) -> TokenStream {
    match shape {
        Shape::Nothing => head.clone(),
        Shape::One(one) => {
            let one = field(one);
            quote!(#head(#one))
        }
        Shape::Named(Named { fields, naming, .. }) => {
            let fields = fields.iter().map(field);
            quote!(#[serde(#(#naming),*)] #head { #(#fields),* })
        }
    }
}

fn field(Field { attrs, ident, ty, .. }: &Field) -> TokenStream {
    let name = ident.iter();
    quote!(#(#attrs)* #(#name:)* #ty)
}

/// Where the generated code finds serde, whatever its own crate depends on.
fn serde(library: &Path) -> LitStr {
    let path = quote!(#library::derived::serde).to_string().replace(' ', "");
    LitStr::new(&path, Span::call_site())
}
