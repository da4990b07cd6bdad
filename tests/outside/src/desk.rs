//! The desk where books are lent, over any log.

use annals::aggregates::{
    ExecuteOptions, Executed, ExecutedTogether, HandleError, HandleOptions, Handles, SnapshotPolicy,
    Together, TogetherError,
};
use annals::eventstore::SnapshotStore;
use annals::prelude::*;

use crate::book::{Book, BookCommand, BookRefusal, Isbn};

/// Lends books, which stay in memory while they are asked for.
#[derive(Debug, Clone)]
pub struct Desk<S> {
    books: Handles<Book, S>,
}

impl<S: SnapshotStore> Desk<S> {
    pub fn new(log: S) -> Self {
        let books = Repository::new(log).with_snapshots(SnapshotPolicy::every(100));
        Self { books: Handles::new(books, HandleOptions::default()) }
    }

    /// Carries out a command once, however often it is sent under its key.
    pub async fn ask(
        &self,
        book: &Isbn,
        command: BookCommand,
        key: &str,
    ) -> Result<Executed<Book>, HandleError<BookRefusal>> {
        self.books.execute_with(book, command, &Context::new(), ExecuteOptions::keyed(key)).await
    }

    /// Lends several books to a reader, or none.
    pub async fn lend_all(&self, books: &[Isbn], reader: &str) -> Result<ExecutedTogether<S>, TogetherError> {
        let mut all = Together::new(self.books.repository().store());
        for book in books {
            let lend = BookCommand::Lend { reader: reader.to_owned() };
            all = all.command::<Book>(book, lend)?;
        }
        all.execute(&Context::new().acting_for("desk")).await
    }

    /// Returns a book as its events tell it.
    pub async fn book(&self, book: &Isbn) -> Result<Book, annals::aggregates::LoadError> {
        Ok(self.books.repository().load(book).await?.state)
    }

    /// Answers whoever waits, and closes.
    pub async fn close(&self) {
        self.books.shut_down().await;
    }
}
