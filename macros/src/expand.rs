//! The implementation of the trait: one match for writing, one for reading.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, LitStr, Path};

use crate::model::{Events, Gone, Kind, Lineage, Shape};

/// Writes the implementation for a type.
pub(crate) fn implementation(events: &Events) -> TokenStream {
    let Events { ident, library, kinds, gone } = events;
    let encode = kinds.iter().map(|kind| encode(kind, library));
    // What is retired comes first: of a name that is still written it takes the first versions.
    let decode_gone = gone.iter().map(|gone| decode_gone(gone, library));
    let decode = kinds.iter().map(|kind| decode(kind, library));
    quote! {
        #[automatically_derived]
        impl #library::Event for #ident {
            fn encode(&self) -> ::core::result::Result<#library::NewEvent, #library::EncodeError> {
                match *self { #(#encode)* }
            }

            fn decode(
                recorded: &#library::RecordedEvent,
            ) -> ::core::result::Result<#library::Decoded<Self>, #library::DecodeError> {
                match (recorded.event_type.as_str(), recorded.schema_version.get()) {
                    #(#decode_gone)*
                    #(#decode)*
                    _ => ::core::result::Result::Err(#library::derived::unknown(recorded)),
                }
            }
        }
    }
}

fn encode(kind: &Kind, library: &Path) -> TokenStream {
    let Kind { path, shape, lineage: Lineage { name, version, .. } } = kind;
    let write = quote!(#library::derived::encode);
    match shape {
        Shape::Nothing => quote!(#path => #write(#name, #version, &()),),
        Shape::One => quote!(#path(ref one) => #write(#name, #version, one),),
        Shape::Named(fields) if fields.is_empty() => {
            quote!(#path {} => #write(#name, #version, &#library::derived::NoFields {}),)
        }
        Shape::Named(fields) => {
            let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
            let borrowed =
                fields.iter().map(|Field { attrs, ident, ty, .. }| quote!(#(#attrs)* #ident: &'a #ty));
            let serde = serde(library);
            quote! {
                #path { #(ref #names),* } => {
                    #[derive(#library::derived::serde::Serialize)]
                    #[serde(crate = #serde)]
                    struct Written<'a> { #(#borrowed),* }
                    #write(#name, #version, &Written { #(#names),* })
                }
            }
        }
    }
}

fn decode(kind: &Kind, library: &Path) -> TokenStream {
    let Kind { path, shape, lineage } = kind;
    let name = &lineage.name;
    let data = newest(lineage, library);
    let read = quote!(#library::derived::read(recorded, &#data)?);
    let event = match shape {
        Shape::Nothing => quote! {{ let () = #read; #path }},
        Shape::One => quote!(#path(#read)),
        Shape::Named(fields) if fields.is_empty() => {
            quote! {{ let #library::derived::NoFields {} = #read; #path {} }}
        }
        Shape::Named(fields) => {
            let names: Vec<_> = fields.iter().map(|field| &field.ident).collect();
            let owned = fields.iter().map(|Field { attrs, ident, ty, .. }| quote!(#(#attrs)* #ident: #ty));
            let serde = serde(library);
            quote! {{
                #[derive(#library::derived::serde::Deserialize)]
                #[serde(crate = #serde)]
                struct Read { #(#owned),* }
                let Read { #(#names),* } = #read;
                #path { #(#names),* }
            }}
        }
    };
    quote!((#name, _) => ::core::result::Result::Ok(#library::Decoded::one(#event)),)
}

fn decode_gone(gone: &Gone, library: &Path) -> TokenStream {
    let Gone { lineage, is_still_written, into } = gone;
    let Lineage { name, version, .. } = lineage;
    let versions = if *is_still_written { quote!(..=#version) } else { quote!(_) };
    let data = newest(lineage, library);
    quote!((#name, #versions) => #library::derived::retired(recorded, &#data, #into),)
}

/// The data in the shape of the newest version that is known.
fn newest(lineage: &Lineage, library: &Path) -> TokenStream {
    let Lineage { first, version, upcast, .. } = lineage;
    let steps = upcast.iter().map(|upcaster| quote!(&|data: &str| #library::derived::step(#upcaster, data)));
    quote!(#library::derived::upcast(recorded, #first, #version, &[#(#steps),*])?)
}

/// Where the generated code finds serde, whatever its own crate depends on.
fn serde(library: &Path) -> LitStr {
    let path = quote!(#library::derived::serde).to_string().replace(' ', "");
    LitStr::new(&path, proc_macro2::Span::call_site())
}
