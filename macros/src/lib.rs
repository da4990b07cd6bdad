//! The derive macro of Annals, re-exported by `annals-eventstore`, which owns the trait and documents it.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod attribute;
mod describe;
mod expand;
mod model;
mod shape;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes an enum, or a struct, a set of events that the log keeps: each under an explicit name, at a schema version, with
/// the way there from every version before. See the trait `Event` for what can be said.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match model::Events::read(&input) {
        Ok(events) => {
            let mut written = expand::implementation(&events);
            written.extend(describe::description(&events));
            written.into()
        }
        Err(refused) => refused.into_compile_error().into(),
    }
}
