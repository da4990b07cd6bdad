//! A subscription: the log as an endless sequence of pages.
//!
//! Leaves to others: many subscriptions that share one reader (`tailer`).

mod look_again;
mod own_cursor;

pub use own_cursor::{Subscription, SubscriptionPage};
