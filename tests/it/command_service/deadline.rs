//! A deadline that passes over a server that does not answer.

use std::time::Duration;

use annals::aggregates::Executed;
use annals::aggregates::service::{CommandError, CommandService, CommandServiceOptions, DeadlineError};
use annals_devdb::TestResult;

use super::{count, events, handles, opened, service};
use crate::support::{Proxy, TestDb};

#[tokio::test]
async fn a_command_that_outlives_its_deadline_and_is_sent_again_has_one_effect() -> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    let store = opened(proxy.url()).await?;
    let options =
        CommandServiceOptions { deadline: Some(Duration::from_secs(2)), ..CommandServiceOptions::default() };
    let unhurried = service(handles(&store))?;
    let hurried = CommandService::new(handles(&store), options)?;
    // In memory, so that the next statement is the append.
    hurried.execute(count(1, 1, "first")).await?;
    let ready = proxy.ready();
    proxy.mute(true);

    let (late, stored) = tokio::join!(hurried.execute(count(1, 5, "once")), proxy.until_ready(ready + 1));
    stored?;
    let while_it_is_mute = events(&db, 1).await?;
    proxy.mute(false);
    let again = unhurried.execute(count(1, 5, "once")).await?;

    let late = late.expect_err("the server does not answer");
    let is_unknown = matches!(&late, CommandError::Deadline(DeadlineError::EffectUnknown { .. }));
    assert!(is_unknown && late.may_have_effect(), "{late:?}");
    assert_eq!(while_it_is_mute, 2, "it had its effect");
    assert!(matches!(again, Executed::AlreadyApplied(_)), "{again:?}");
    assert_eq!(events(&db, 1).await?, 2);
    Ok(())
}
