//! The desk over the log in memory: repository, handles, keys, claims and several books at once.

use annals::aggregates::{CacheOptions, ExecuteError, Executed, HandleError};
use annals::eventstore::{ClaimChange, MemoryStore};
use annals::prelude::*;
use outside::{Book, BookCommand, BookRefusal, Desk, Isbn, shelf_mark};

const EFFI: Isbn = Isbn(978_3_15_006961_0);
const STECHLIN: Isbn = Isbn(978_3_15_009910_5);

fn buy(title: &str, mark: &str) -> BookCommand {
    BookCommand::Buy { title: title.into(), mark: mark.into() }
}

fn lend(reader: &str) -> BookCommand {
    BookCommand::Lend { reader: reader.into() }
}

#[tokio::test]
async fn a_book_is_lent_once_to_the_one_who_came_first() {
    let desk = Desk::new(MemoryStore::new());
    desk.ask(&EFFI, buy("Effi Briest", "FON 7"), "invoice 1").await.unwrap();

    let ann = desk.ask(&EFFI, lend("Ann"), "Ann, 1 May").await.unwrap();
    let again = desk.ask(&EFFI, lend("Ann"), "Ann, 1 May").await.unwrap();
    let bob = desk.ask(&EFFI, lend("Bob"), "Bob, 1 May").await.unwrap_err();

    assert!(matches!(&ann, Executed::Applied { .. }));
    assert!(matches!(&again, Executed::AlreadyApplied(_)));
    assert!(matches!(bob.refusal(), Some(BookRefusal::Lent(_))));
    assert_eq!(desk.book(&EFFI).await.unwrap().loans, 1);
    desk.close().await;
}

#[tokio::test]
async fn a_place_on_the_shelf_is_taken_by_one_book() {
    let desk = Desk::new(MemoryStore::new());
    desk.ask(&EFFI, buy("Effi Briest", "FON 7"), "invoice 1").await.unwrap();

    let refused = desk.ask(&STECHLIN, buy("Der Stechlin", "FON 7"), "invoice 2").await.unwrap_err();

    let HandleError::Execute(ExecuteError::Claimed { claim, holder }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(ClaimChange::Take(claim), ClaimChange::Take(shelf_mark("FON 7").unwrap()));
    assert_eq!(holder, Book::stream_name(&EFFI).unwrap());
}

#[tokio::test]
async fn several_books_are_lent_together_or_not_at_all() {
    let desk = Desk::new(MemoryStore::new());
    desk.ask(&EFFI, buy("Effi Briest", "FON 7"), "invoice 1").await.unwrap();
    desk.ask(&STECHLIN, buy("Der Stechlin", "FON 8"), "invoice 2").await.unwrap();

    let done = desk.lend_all(&[EFFI, STECHLIN], "Ann").await.unwrap();
    let refused = desk.lend_all(&[EFFI, STECHLIN], "Bob").await.unwrap_err();

    assert_eq!(done.receipt.streams.len(), 2);
    assert!(matches!(refused.refusal::<BookRefusal>(), Some(BookRefusal::Lent(_))));
}

#[tokio::test]
async fn a_repository_with_a_cache_tells_the_same() {
    let log = MemoryStore::new();
    let books = Repository::<Book, _>::new(log.clone()).with_cache(CacheOptions::default());
    for command in [buy("Effi Briest", "FON 7"), lend("Ann"), BookCommand::TakeBack, lend("Bob")] {
        books.execute(&EFFI, command, &Context::new()).await.unwrap();
    }

    let cached = books.execute(&EFFI, BookCommand::Remind, &Context::new()).await.unwrap();

    let replayed = Repository::<Book, _>::new(log).load(&EFFI).await.unwrap();
    assert_eq!(cached.loaded(), Some(&replayed));
    assert_eq!(replayed.version.get(), 4);
}
