//! A lending library, written by somebody who knows `annals` from its documentation and has nothing else of it.
//!
//! It keeps the promise that everything a domain needs is public: if something is missing, this does not compile.

mod book;
mod desk;

pub use book::{Book, BookCommand, BookEvent, BookRefusal, Isbn, shelf_mark};
pub use desk::Desk;
